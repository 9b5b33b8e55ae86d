// What the drop-in modules share: EM steps on rows in kernel memory, and the data as they take it.
// Must not know which library a module stands in for, nor when a fit ends.
import type { MixtureEstimator, WholeData } from '../estimator.ts';
import { GaussmixRangeError, GaussmixTypeError } from '../index.ts';
import { internals } from '../internals.ts';
import type { Kernel } from '../kernel.ts';
import type { ResidentRows } from '../passes.ts';
import type { RowSource } from '../row-source.ts';

/** Weights (K), means (K, D) and covariances (full: K, D, D; diag: K, D), flat. */
export interface FlatParameters {
  readonly weights: Float64Array;
  readonly means: Float64Array;
  readonly covariances: Float64Array;
}

/** What is fitted to what, and how. */
interface Job {
  readonly source: RowSource;
  /** One per row; none: 1 each. */
  readonly weights?: Float64Array | undefined;
  readonly form: 'full' | 'diag';
  readonly k: number;
  /** Whether startAtClusters and settled will be used: they take memory. */
  readonly clusters?: boolean;
}

/**
 * Nothing is added to variances: a singular covariance is raised when it is met, by the least that makes it regular
 * relative to the spread of the data (docs/NUMERICS.md). Only a feature without any spread needs a unit.
 */
function regularization(variance: number): number {
  return variance < internals.SMALLEST_VARIANCE ? Number.EPSILON : 0;
}

/** A mixture on rows, improved one EM step at a time. */
export class EmSteps {
  readonly #kernel: Kernel;
  readonly #rows: ResidentRows;
  readonly #data: WholeData;
  readonly #estimator: MixtureEstimator;
  readonly #form: Job['form'];
  readonly #k: number;

  /** Rows into kernel memory, for as long as `work` runs. */
  static on<T>(job: Job, work: (steps: EmSteps) => T): T {
    const { source, weights, k, clusters } = job;
    const { rows, columns: d } = source;
    const { BLOCK, ResidentRows, StartRows, startRowCount, withKernel } = internals;
    // Parameters, factors and statistics are at most a few K x D x D each.
    let doubles = ResidentRows.size(rows, d, weights !== undefined) + 8 * k * d * (d + 4);
    if (clusters) doubles += StartRows.size(startRowCount(rows, d), k, d) + 2 * BLOCK * k;
    return withKernel(8 * doubles, (kernel) => work(new EmSteps(kernel, job)));
  }

  private constructor(kernel: Kernel, { source, weights, form, k }: Job) {
    const { MixtureEstimator, ResidentRows, WholeData, runOn } = internals;
    const { rows, columns } = source;
    this.#kernel = kernel;
    this.#form = form;
    this.#k = k;
    this.#rows = new ResidentRows(kernel, source, weights);
    const label = (feature: number): string => `column ${feature}`;
    this.#data = runOn(this.#rows, WholeData.of(kernel, rows, columns, form, regularization, label));
    this.#estimator = new MixtureEstimator(kernel, this.#data, form, k);
  }

  /** Starts at given parameters; singular covariances are raised. */
  startAt(parameters: FlatParameters): void {
    this.#estimator.start({ form: this.#form, k: this.#k, d: this.#rows.columns, ...parameters });
  }

  /** Starts at the clusters of k-means; the same ones for the same rows. */
  startAtClusters(): void {
    const { Random, StartRows, runOn } = internals;
    const mark = this.#kernel.mark();
    const rows = runOn(this.#rows, StartRows.of(this.#kernel, this.#data, 0));
    this.#estimator.start(runOn(this.#rows, rows.start('kmeans', this.#form, this.#k, new Random(0))));
    this.#kernel.release(mark);
  }

  /** E-step; the mean log-likelihood per row of the parameters as they are. */
  expectation(): number {
    return internals.runOn(this.#rows, this.#estimator.expectation());
  }

  /** M-step from the last E-step. */
  maximization(): void {
    internals.runOn(this.#rows, this.#estimator.maximization());
  }

  /** Copies of the parameters as they are. */
  parameters(): FlatParameters {
    return this.#estimator.mixture.read();
  }

  /** Components whose covariance has been singular since the start; all where a feature has no spread. */
  singular(): readonly number[] {
    if (this.#data.variance.every((v) => v >= internals.SMALLEST_VARIANCE)) return this.#estimator.singular;
    return Array.from({ length: this.#k }, (_, component) => component);
  }

  /** Whether every responsibility differs by at most `limit` from what it was with other parameters. */
  settled(before: FlatParameters, limit: number): boolean {
    const kernel = this.#kernel;
    const k = this.#k;
    const { rows: n, columns: d } = this.#rows;
    const { mixture } = this.#estimator;
    const mark = kernel.mark();
    const earlier = new internals.KernelMixture(kernel, this.#form, k, d);
    earlier.write({ form: this.#form, k, d, ...before });
    earlier.prepare();
    const block = internals.BLOCK;
    const [now, then] = [kernel.allocate(block * k), kernel.allocate(block * k)];
    let same = true;
    for (let first = 0; same && first < n; first += block) {
      const count = Math.min(block, n - first);
      const panels = this.#rows.panels(first / block);
      for (const [{ code, means, factors, workspace }, target] of [
        [mixture, now],
        [earlier, then],
      ] as const) {
        kernel.exports.gmm_e_step(code, panels, count, d, k, means, factors, target, 0, 0, workspace);
      }
      const { f64 } = kernel;
      for (let i = 0; same && i < count * k; i++) {
        same = Math.abs(f64[now / 8 + i] - f64[then / 8 + i]) <= limit;
      }
    }
    kernel.release(mark);
    return same;
  }
}

/** Data of any form the library takes; an array of points of one feature may hold plain numbers. */
export function rowSource(data: unknown, name: string): RowSource {
  return internals.toRowSource(data as never, { name });
}

/** D x D matrices from flat ones. */
export function nested(flat: Float64Array, d: number): number[][] {
  return Array.from({ length: flat.length / d }, (_, i) => [...flat.subarray(i * d, (i + 1) * d)]);
}

/** A point given by a user, as D numbers. @throws GaussmixError INVALID_SHAPE, INVALID_VALUE, MISSING_VALUE */
export function checkPoint(point: unknown, d: number): ArrayLike<number> {
  const values = (d === 1 && typeof point === 'number' ? [point] : point) as ArrayLike<number>;
  if (typeof values !== 'object' || values === null || typeof values.length !== 'number') {
    throw new GaussmixTypeError('INVALID_DATA', `the point must be an array of ${d} numbers`);
  }
  if (values.length !== d) {
    throw new GaussmixRangeError(
      'INVALID_SHAPE',
      `the point has ${values.length} values, but the mixture has ${d} features`,
    );
  }
  for (let j = 0; j < d; j++) {
    const value: unknown = values[j];
    if (Number.isFinite(value)) continue;
    if (typeof value === 'number' && !Number.isNaN(value)) {
      throw new GaussmixRangeError(
        'INVALID_VALUE',
        `element ${j} of the point is ${value}; it must be finite`,
      );
    }
    const missing = value === undefined || value === null || Number.isNaN(value);
    throw missing
      ? new GaussmixRangeError('MISSING_VALUE', `element ${j} of the point is ${value}; it must be a number`)
      : new GaussmixTypeError(
          'INVALID_VALUE',
          `element ${j} of the point is a ${typeof value}, not a number`,
        );
  }
  return values;
}
