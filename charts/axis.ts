// Axes: from values to pixels, with round ticks. Must not draw.
import { scaleLinear } from 'd3-scale';

/** A linear axis. */
export interface Axis {
  readonly domain: readonly [number, number];
  /** Pixels of the domain's ends. */
  readonly range: readonly [number, number];
  readonly ticks: readonly Tick[];
  /** Pixel of a value. */
  at(value: number): number;
  /** Value of a pixel. */
  value(at: number): number;
  /** Pixels per unit, negative where the axis runs backwards. */
  readonly slope: number;
}

export interface Tick {
  readonly value: number;
  readonly at: number;
  readonly label: string;
}

/**
 * @param domain least and greatest value
 * @param range their pixels
 * @param spacing least distance between ticks in pixels
 */
export function linearAxis(
  domain: readonly [number, number],
  range: readonly [number, number],
  spacing: number,
): Axis {
  const scale = scaleLinear().domain(domain).range(range);
  const slope = (range[1] - range[0]) / (domain[1] - domain[0]);
  const count = Math.max(1, Math.floor(Math.abs(range[1] - range[0]) / spacing));
  const largest = Math.max(Math.abs(domain[0]), Math.abs(domain[1]));
  const isPlain = largest < 1e7 && (domain[1] - domain[0] > 1e-4 || largest === 0);
  const format = scale.tickFormat(count, isPlain ? undefined : '~g');
  const ticks = scale.ticks(count).map((value) => ({ value, at: scale(value), label: format(value) }));
  return { domain, range, ticks, slope, at: (value) => scale(value), value: (at) => scale.invert(at) };
}

/** Least and greatest of values, apart even when all are equal, with a margin as a share of their distance. */
export function paddedExtent(values: Iterable<number>, margin: number): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return [0, 1];
  if (low === high) {
    const around = Math.abs(low) / 10 || 1;
    return [low - around, high + around];
  }
  const more = margin * (high - low);
  return [low - more, high + more];
}
