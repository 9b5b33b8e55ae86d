// What a mixture and its data look like: ellipses, density curves, histograms. Numbers and paths, in pixels of axes.
// For the eye only: nothing here may decide a result (it uses the engine's Math).
import { bin, thresholdFreedmanDiaconis, thresholdSturges } from 'd3-array';
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

/** A bar of a histogram: its area is the share of the rows in it. */
export interface Bar {
  readonly from: number;
  readonly to: number;
  readonly density: number;
}

/** More bars than this cannot be told apart. */
const MOST_BARS = 120;

/** A histogram with Freedman and Diaconis' (1981) width, Sturges' where the quartiles are equal, and round limits. */
export function histogram(values: Float64Array): readonly Bar[] {
  if (values.length === 0) return [];
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low === high) {
    const half = Math.abs(low) / 100 || 0.5;
    return [{ from: low - half, to: low + half, density: 1 / (2 * half) }];
  }
  let count = thresholdFreedmanDiaconis(values, low, high);
  if (!(count > 1)) count = thresholdSturges(values);
  const bins = bin<number, number>().thresholds(Math.min(count, MOST_BARS))(values);
  return bins
    .filter(({ x0, x1 }) => x0 !== undefined && x1 !== undefined && x1 > x0)
    .map((one) => {
      const [from, to] = [one.x0 as number, one.x1 as number];
      return { from, to, density: one.length / values.length / (to - from) };
    });
}
