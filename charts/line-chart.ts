// Curves over whole numbers: log-likelihood by iteration, criteria by number of components. SVG text without a DOM.
import { extent } from 'd3-array';
import { line } from 'd3-shape';
import { type Axis, linearAxis, paddedExtent } from './axis.ts';
import { labelRoom } from './figure.ts';
import { escapeText, px } from './svg.ts';
import { componentShape, type Theme } from './theme.ts';

/** One curve. */
export interface Series {
  readonly name: string;
  readonly colour: string;
  /** Number of the shape at its points, see `componentShape`; undefined: no marks. */
  readonly shape?: number | undefined;
  /** As `stroke-dasharray` has them; absent or empty: a solid curve. */
  readonly dashes?: string | undefined;
  /** Thin and light, so that another curve stands out. */
  readonly isFaint?: boolean | undefined;
  /** By x, in rising order; NaN leaves a gap. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface LineChartOptions {
  readonly width: number;
  readonly height: number;
  readonly series: readonly Series[];
  readonly xLabel: string;
  readonly yLabel: string;
  /** Least and greatest x shown; those of the points when absent. */
  readonly xDomain?: readonly [number, number] | undefined;
  /** Greatest y shown: above it the curves leave the frame. That of the points when absent. */
  readonly yMost?: number | undefined;
  /** A point to be ringed: its x and y. */
  readonly best?: readonly [number, number] | undefined;
}

export interface LineChart {
  readonly width: number;
  readonly height: number;
  readonly x: Axis;
  readonly y: Axis;
  readonly svg: string;
}

/** A domain wide enough that what is seen on it is no rounding. */
function atLeastRoundingApart([low, high]: readonly [number, number]): readonly [number, number] {
  const least = 1e-5 * Math.max(Math.abs(low), Math.abs(high));
  if (high - low >= least) return [low, high];
  const middle = (low + high) / 2;
  return [middle - least / 2, middle + least / 2];
}

/** Lays a chart out and draws it; the axes tell where a point is. */
export function lineChart(options: LineChartOptions, theme: Theme): LineChart {
  const { width, height, series, xLabel, yLabel, yMost = Number.POSITIVE_INFINITY, best } = options;
  const points = series.flatMap((one) => one.points).filter(([, y]) => Number.isFinite(y));
  const [first = 0, last = 1] = options.xDomain ?? extent(points, ([x]) => x);
  const domain = first === last ? ([first - 0.5, last + 0.5] as const) : ([first, last] as const);
  const [top, bottom] = [10, height - 42];
  const values = points.map(([, value]) => value).filter((value) => value <= yMost);
  const y = linearAxis(atLeastRoundingApart(paddedExtent(values, 0.08)), [bottom, top], 32);
  const box = { left: labelRoom([y]), top, right: width - 14, bottom };
  // Marks at the ends stay within the chart.
  const inset = series.some(({ shape }) => shape !== undefined) ? 10 : 0;
  const range = [box.left + inset, box.right - inset] as const;
  // Not closer than whole numbers: their labels have no decimals then.
  const x = linearAxis(domain, range, Math.max(40, (range[1] - range[0]) / (domain[1] - domain[0])));
  const parts: string[] = [];
  const text = (at: string, content: string, fill: string): string =>
    `<text ${at} fill="${fill}" font-size="12">${escapeText(content)}</text>`;
  const grid = y.ticks.map(({ at }) => `M${box.left} ${px(at)}H${box.right}`).join('');
  parts.push(`<path d="${grid}" stroke="${theme.grid}" fill="none"/>`);
  parts.push(`<path d="M${box.left} ${box.bottom}H${box.right}" stroke="${theme.muted}" fill="none"/>`);
  for (const tick of y.ticks) {
    parts.push(text(`x="${box.left - 6}" y="${px(tick.at + 4)}" text-anchor="end"`, tick.label, theme.muted));
  }
  for (const tick of x.ticks.filter(({ value }) => Number.isInteger(value))) {
    // Ticks between whole numbers, now left out, gave all labels decimals.
    const label = tick.label.replace(/\.0+$/, '');
    parts.push(text(`x="${px(tick.at)}" y="${box.bottom + 16}" text-anchor="middle"`, label, theme.muted));
  }
  const middle = (box.top + box.bottom) / 2;
  parts.push(
    text(`x="${px((box.left + box.right) / 2)}" y="${height - 6}" text-anchor="middle"`, xLabel, theme.text),
    text(`transform="translate(13 ${px(middle)}) rotate(-90)" text-anchor="middle"`, yLabel, theme.text),
  );
  const draw = line<readonly [number, number]>()
    .defined(([, value]) => Number.isFinite(value))
    .x(([at]) => x.at(at))
    .y(([, value]) => y.at(value))
    .digits(2);
  // An SVG within an SVG cuts off what is outside of it.
  const frame = `x="${px(box.left)}" y="${box.top}" width="${px(box.right - box.left)}" height="${px(box.bottom - box.top)}"`;
  const view = `${px(box.left)} ${box.top} ${px(box.right - box.left)} ${px(box.bottom - box.top)}`;
  const isCut = values.length < points.length;
  if (isCut) parts.push(`<svg ${frame} viewBox="${view}">`);
  for (const one of series) {
    const dashes = one.dashes ? ` stroke-dasharray="${one.dashes}"` : '';
    const weight = one.isFaint ? 'stroke-width="1.25" stroke-opacity=".6"' : 'stroke-width="2.5"';
    parts.push(`<path d="${draw(one.points) ?? ''}" fill="none" stroke="${one.colour}" ${weight}${dashes}/>`);
    if (one.shape === undefined) continue;
    const shape = componentShape(one.shape, one.isFaint ? 36 : 64);
    for (const [at, value] of one.points) {
      if (!Number.isFinite(value)) continue;
      parts.push(
        `<path transform="translate(${px(x.at(at))} ${px(y.at(value))})" d="${shape}" fill="${one.colour}" stroke="${theme.background}"/>`,
      );
    }
  }
  if (isCut) parts.push('</svg>');
  if (best) {
    parts.push(
      `<circle cx="${px(x.at(best[0]))}" cy="${px(y.at(best[1]))}" r="9" fill="none" stroke="${theme.text}" stroke-width="2"/>`,
    );
  }
  return { width, height, x, y, svg: parts.join('') };
}
