// What a mixture and its data look like: ellipses, density curves, histograms. Numbers and paths, in pixels of axes.
// For the eye only: nothing here may decide a result (it uses the engine's Math).
import { quantileSorted, thresholdSturges, tickStep, ticks } from 'd3-array';
import { line } from 'd3-shape';
import type { Axis } from './axis.ts';
import { px } from './svg.ts';

/** A mixture's parameters, as a saved model has them: K weights, means (K x D), covariances (K of D x D). */
export interface Mixture {
  readonly weights: readonly number[];
  readonly means: readonly (readonly number[])[];
  readonly covariances: readonly (readonly (readonly number[])[])[];
}

/** An ellipse: centre, half axes, and the angle from the x axis to the major one, in degrees. */
export interface Ellipse {
  readonly cx: number;
  readonly cy: number;
  readonly major: number;
  readonly minor: number;
  readonly angle: number;
}

/**
 * The points at a Mahalanobis distance of `deviations` from the mean of N((mx, my), [[xx, xy], [xy, yy]]): half axes are
 * the square roots of the eigenvalues, (xx + yy)/2 +- sqrt(((xx - yy)/2)^2 + xy^2).
 */
export function ellipse(
  mean: readonly [number, number],
  [xx, xy, yy]: readonly [number, number, number],
  deviations: number,
): Ellipse {
  const middle = (xx + yy) / 2;
  const half = Math.hypot((xx - yy) / 2, xy);
  const major = deviations * Math.sqrt(Math.max(0, middle + half));
  const minor = deviations * Math.sqrt(Math.max(0, middle - half));
  const angle = (Math.atan2(2 * xy, xx - yy) / 2) * (180 / Math.PI);
  return { cx: mean[0], cy: mean[1], major, minor, angle };
}

/** The ellipse of one component in two features, in pixels: linear axes take ellipses to ellipses. */
export function componentEllipse(
  mixture: Mixture,
  component: number,
  [i, j]: readonly [number, number],
  x: Axis,
  y: Axis,
  deviations: number,
): Ellipse {
  const mean = mixture.means[component];
  const covariance = mixture.covariances[component];
  return ellipse(
    [x.at(mean[i]), y.at(mean[j])],
    [
      covariance[i][i] * x.slope * x.slope,
      covariance[i][j] * x.slope * y.slope,
      covariance[j][j] * y.slope * y.slope,
    ],
    deviations,
  );
}

/** The `d` of an SVG path round an ellipse: two half turns. */
export function ellipsePath({ cx, cy, major, minor, angle }: Ellipse): string {
  const turn = (angle * Math.PI) / 180;
  const [dx, dy] = [major * Math.cos(turn), major * Math.sin(turn)];
  const arc = `A${px(major)} ${px(minor)} ${px(angle)} 1 0`;
  return `M${px(cx + dx)} ${px(cy + dy)}${arc} ${px(cx - dx)} ${px(cy - dy)}${arc} ${px(cx + dx)} ${px(cy + dy)}Z`;
}

/** Weighted density of one component in one feature: w N(x | m, s^2). */
export function componentDensity(mixture: Mixture, component: number, feature: number, x: number): number {
  const variance = mixture.covariances[component][feature][feature];
  const distance = x - mixture.means[component][feature];
  const peak = mixture.weights[component] / Math.sqrt(2 * Math.PI * variance);
  return peak * Math.exp((-distance * distance) / (2 * variance));
}

/** Every other pixel: finer than a curve of a line's width can show. */
const CURVE_STEP = 2;

/**
 * The `d` of the density curve of some components, along an axis. A component narrower than a pixel still has its peak:
 * the curve also goes through every mean.
 */
export function densityPath(
  mixture: Mixture,
  components: readonly number[],
  feature: number,
  x: Axis,
  y: Axis,
): string {
  const [from, to] = x.domain;
  const values: number[] = [];
  const steps = Math.ceil(Math.abs(x.range[1] - x.range[0]) / CURVE_STEP);
  for (let step = 0; step <= steps; step++) values.push(from + ((to - from) * step) / steps);
  for (const component of components) values.push(mixture.means[component][feature]);
  const points = values
    .filter((value) => value >= from && value <= to)
    .sort((a, b) => a - b)
    .map((value): [number, number] => {
      let density = 0;
      for (const component of components) density += componentDensity(mixture, component, feature, value);
      return [x.at(value), y.at(density)];
    });
  return line().digits(2)(points) ?? '';
}

/** A bar of a histogram: its area is the share of the rows (or of their weight) in it. */
export interface Bar {
  readonly from: number;
  readonly to: number;
  readonly density: number;
}

/** More bars than this cannot be told apart. */
const MOST_BARS = 120;

/**
 * A histogram of Freedman and Diaconis' (1981) width, 2 IQR / N^(1/3), or Sturges' number of bars where the quartiles are
 * equal; the width is rounded down to a round number. O(N log N).
 * @param weights one per value, which the heights follow; the width does not
 */
export function histogram(values: Float64Array, weights?: Float64Array): readonly Bar[] {
  const sorted = values.slice().sort();
  const [low, high] = [sorted[0], sorted[sorted.length - 1]];
  if (sorted.length === 0) return [];
  if (low === high) {
    const half = Math.abs(low) / 100 || 0.5;
    return [{ from: low - half, to: low + half, density: 1 / (2 * half) }];
  }
  // Any array-like will do; the types ask for an array.
  const quantile = (p: number): number => quantileSorted(sorted as unknown as number[], p) as number;
  const width = (2 * (quantile(0.75) - quantile(0.25))) / Math.cbrt(sorted.length);
  const wanted = width > 0 ? (high - low) / width : thresholdSturges(sorted);
  const count = Math.min(Math.max(1, Math.ceil(wanted)), MOST_BARS);
  // Round steps are 1, 2 and 5 times a power of ten: the next one below is at most 2.5 times as fine.
  const isWide = tickStep(low, high, count) > (1.1 * (high - low)) / count;
  const limits = ticks(low, high, isWide ? 2 * count : count);
  const step = limits.length > 1 ? limits[1] - limits[0] : high - low;
  // As wide as the others, so that heights can be compared, though the data ends within them.
  const first = (limits[0] ?? low) - (limits[0] > low ? step : 0);
  const bars: Bar[] = [];
  let row = 0;
  for (let number = 0; row < sorted.length; number++) {
    const [from, to] = [first + number * step, first + (number + 1) * step];
    const start = row;
    while (row < sorted.length && (sorted[row] < to || to > high)) row++;
    bars.push({ from, to, density: (row - start) / sorted.length / step });
  }
  return weights ? weighted(bars, values, weights) : bars;
}

/** The same bars, as high as the weight in them. */
function weighted(bars: readonly Bar[], values: Float64Array, weights: Float64Array): readonly Bar[] {
  const sums = new Float64Array(bars.length);
  let total = 0;
  values.forEach((value, row) => {
    let [low, high] = [0, bars.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (value < bars[middle].to) high = middle;
      else low = middle + 1;
    }
    sums[low] += weights[row];
    total += weights[row];
  });
  return bars.map(({ from, to }, i) => ({ from, to, density: sums[i] / total / (to - from) }));
}
