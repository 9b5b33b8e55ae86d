// EM as map and reduce, in public: statistics of any rows under a mixture, their sums, and the next mixture.
// Must not iterate, nor know where rows or statistics travel: that is the business of whoever runs it.
import { BlockSums } from './block-sums.ts';
import { formOf } from './covariance-models.ts';
import { GaussmixRangeError, GaussmixTypeError } from './errors.ts';
import { GaussianMixture, modelOf, parametersOf, sourceFor } from './gaussian-mixture.ts';
import { BLOCK, type Kernel, withKernel } from './kernel.ts';
import type { MatrixLike } from './matrix.ts';
import { stepFrom } from './maximize.ts';
import { missingDoubles } from './missing.ts';
import {
  type AccumulateOptions,
  type MaximizeOptions,
  validateAccumulateOptions,
  validateMaximizeOptions,
} from './options.ts';
import { KernelMixture, type ModelParameters } from './parameters.ts';
import { blockCount, blockRows, operationsOn, PassingRows, statisticsCount } from './passes.ts';
import type { RowSource } from './row-source.ts';
import { decodeStatistics, encodeStatistics, type StatisticsContent } from './statistics-bytes.ts';
import { describeValue } from './value-rules.ts';

/** Held by this file alone. */
const CONSTRUCT: unique symbol = Symbol('construct');

/**
 * What an M-step needs to know of some rows: for each component of the mixture that {@link accumulate} was given, the sums of the
 * responsibilities, of the differences from its mean, and of their products; see docs/STATISTICS.md. Immutable. N rows, however many,
 * are O(K D^2) numbers (diag, spherical: O(K D)).
 */
export class SufficientStatistics {
  readonly #content: StatisticsContent;

  private constructor(token: typeof CONSTRUCT, content: StatisticsContent) {
    if (token !== CONSTRUCT) {
      throw new GaussmixTypeError(
        'INVALID_STATISTICS',
        'SufficientStatistics are made by accumulate or SufficientStatistics.fromBytes, not by new',
      );
    }
    this.#content = content;
    Object.freeze(this);
  }

  /**
   * Not by a static block: bundlers would keep the class in programs that do not use it.
   * @internal
   */
  static of(content: StatisticsContent): SufficientStatistics {
    return new SufficientStatistics(CONSTRUCT, content);
  }

  /** @internal */
  static contentOf(statistics: SufficientStatistics): StatisticsContent {
    return statistics.#content;
  }

  /** Sum of the sample weights; without any, the number of rows. */
  get count(): number {
    return this.#content.sums.total[0];
  }

  /** Number of rows. */
  get nSamples(): number {
    return this.#content.sums.rows;
  }

  /**
   * Of the rows under the mixture that the statistics were taken under, in nats: the (weighted) sum over rows. Divided by `count` it is
   * what `fit` compares with its tolerance.
   */
  get logLikelihood(): number {
    return this.#content.sums.total[1];
  }

  /** The mixture that they were taken under, without `fitted`. */
  get model(): GaussianMixture {
    const { reference, featureNames } = this.#content;
    return modelOf(reference, undefined, { ...(featureNames && { columnNames: featureNames }) });
  }

  /**
   * Statistics of the rows of both. Where all parts had their `firstRow`, the order of merges does not matter to a single bit.
   * @param other taken under the same mixture
   * @throws GaussmixError INVALID_STATISTICS when the mixtures differ in any bit, rows are counted twice, or a part ends before the rows of
   * another that follow it
   */
  merge(other: SufficientStatistics): SufficientStatistics {
    if (!(other instanceof SufficientStatistics)) {
      throw new GaussmixTypeError(
        'INVALID_STATISTICS',
        `merge takes SufficientStatistics, not ${describeValue(other)}`,
      );
    }
    const [mine, theirs] = [this.#content, other.#content];
    const difference = firstDifference(mine, theirs);
    if (difference !== undefined) {
      throw new GaussmixRangeError(
        'INVALID_STATISTICS',
        `these statistics were taken under different mixtures (their ${difference} differ), so their sums mean nothing: run ` +
          'accumulate on every part with the same model, that of this iteration',
      );
    }
    return SufficientStatistics.of({ ...mine, sums: mine.sums.merge(theirs.sums) });
  }

  /** The statistics as bytes, the same on every machine, with the mixture they were taken under: docs/STATISTICS.md. */
  toBytes(): Uint8Array {
    return encodeStatistics(this.#content);
  }

  /**
   * Statistics from bytes that {@link SufficientStatistics.toBytes} made.
   * @throws GaussmixError INVALID_STATISTICS for bytes cut off, changed, or of another version
   * @example
   * import { accumulate, GaussianMixture, SufficientStatistics } from 'gaussmix';
   * const model = GaussianMixture.fromParameters({ weights: [1], means: [[0]], covariances: [[1]] });
   * const bytes = accumulate([1, 2, 3], model).toBytes();
   * console.log(SufficientStatistics.fromBytes(bytes).count); // 3
   */
  static fromBytes(bytes: Uint8Array): SufficientStatistics {
    return SufficientStatistics.of(decodeStatistics(bytes));
  }
}

/** What of two mixtures is not the same to the bit. */
function firstDifference(a: StatisticsContent, b: StatisticsContent): string | undefined {
  const [mine, theirs] = [a, b].map(({ reference, featureNames }): Record<string, unknown> => {
    const { model, k, d, weights, means, covariances } = reference;
    const sizes = { 'covariance types': model, 'numbers of components': k, 'numbers of features': d };
    return { ...sizes, weights, means, covariances, 'feature names': JSON.stringify(featureNames) };
  });
  return Object.keys(mine).find((name) => !isSame(mine[name], theirs[name]));
}

/** Whether two values, or all elements of two arrays of the same length, are equal. */
function isSame(a: unknown, b: unknown): boolean {
  if (!(a instanceof Float64Array)) return a === b;
  return a === b || a.every((value, i) => value === (b as Float64Array)[i]);
}

/**
 * The E-step over some of the rows of a data set: the map of EM as map and reduce. {@link SufficientStatistics.merge} and
 * {@link maximize} are the reduce. All on one machine: `fit` does the same, faster.
 *
 * Rows are summed in blocks of 4,096, blocks along the tree of docs/ABI.md. With `firstRow` on all parts, {@link maximize} gives the bits
 * of an iteration of `fit` on all rows, however they were divided, unless components lie so far apart that `fit` leaves
 * pairs of row and component out (docs/ALGORITHM.md, Active pairs): then they differ by rounding.
 *
 * @param data N x D, see {@link MatrixLike}; N >= 1. Read once, block by block
 * @param model the mixture of this iteration, the same on every part
 * @param options sampleWeight, firstRow, missing: see {@link AccumulateOptions}
 * @returns statistics of these rows. O(N K D^2), diag and spherical O(N K D)
 * @throws GaussmixError for data that is no N x D matrix of finite numbers; UNKNOWN_OPTION, INVALID_OPTION
 * @example
 * import { accumulate, GaussianMixture, maximize } from 'gaussmix';
 * const parts = [[1, 1.2, 0.8], [5, 5.1, 4.9]];
 * let model = GaussianMixture.fromParameters({ weights: [0.5, 0.5], means: [[0], [6]], covariances: [[1], [1]] });
 * for (let iteration = 0; iteration < 5; iteration++) {
 *   const [first, second] = parts.map((part) => accumulate(part, model)); // anywhere
 *   model = maximize(first.merge(second));
 * }
 * console.log(model.means.toArray()); // near 1 and 5
 */
export function accumulate(
  data: MatrixLike,
  model: GaussianMixture,
  options?: AccumulateOptions,
): SufficientStatistics {
  if (!(model instanceof GaussianMixture)) {
    throw new GaussmixTypeError(
      'INVALID_PARAMETERS',
      `the second argument of accumulate must be a GaussianMixture, not ${describeValue(model)}`,
    );
  }
  const source = sourceFor(
    model,
    data,
    options?.missing === undefined ? undefined : { missing: options.missing },
  );
  const { weights, firstRow } = validateAccumulateOptions(options, source.rows, BLOCK);
  const reference = parametersOf(model);
  const numbered = sumsOf(reference, source, weights, (firstRow ?? 0) / BLOCK);
  const sums = firstRow === undefined ? numbered.unnumbered() : numbered;
  if (!sums.total.every(Number.isFinite)) {
    throw new GaussmixRangeError(
      'INVALID_VALUE',
      'the sum of weighted squares overflows; rescale the columns or the sample weights',
    );
  }
  return SufficientStatistics.of({ reference, featureNames: model.featureNames, sums });
}

/** Statistics of the rows of a source under a mixture, by blocks: the first one is number `firstBlock`. */
export function sumsOf(
  reference: ModelParameters,
  source: RowSource,
  weights: Float64Array | undefined,
  firstBlock: number,
): BlockSums {
  const { form, k, d } = reference;
  const width = form === 'diag' || form === 'spherical' ? 4 : d + 4;
  const most = Math.min(source.rows, BLOCK);
  const missing = source.missing ? missingDoubles(form, k, d, source.rows) : 0;
  const doubles = PassingRows.size(source.rows, d) + most + 8 * k * d * width + missing;
  return withKernel(8 * doubles, (kernel) => {
    const mixture = new KernelMixture(kernel, form, k, d);
    mixture.write(reference);
    mixture.prepare();
    return BlockSums.ofBlocks(firstBlock, source.rows, blockSums(kernel, mixture, source, weights));
  });
}

/** Statistics of each block of rows. */
function* blockSums(
  kernel: Kernel,
  mixture: KernelMixture,
  source: RowSource,
  sampleWeight: Float64Array | undefined,
): Generator<Float64Array> {
  const rows = new PassingRows(kernel, source);
  const operations = operationsOn(rows, mixture);
  const weights = sampleWeight ? kernel.allocate(Math.min(source.rows, BLOCK)) : 0;
  const count = statisticsCount(mixture);
  const statistics = kernel.allocate(count);
  for (let block = 0; block < blockCount(source.rows); block++) {
    const n = blockRows(source.rows, block);
    const panels = rows.panels(block);
    if (sampleWeight) kernel.view(weights, n).set(sampleWeight.subarray(block * BLOCK, block * BLOCK + n));
    kernel.view(statistics, count).fill(0);
    operations.accumulate(panels, weights, n, statistics, false);
    yield kernel.copy(statistics, count);
  }
}

/**
 * The M-step: the mixture that the statistics of all rows imply. Without `fitted`: the log-likelihood that is known is that of the
 * mixture before, {@link SufficientStatistics.logLikelihood}.
 *
 * A singular covariance is raised as in a fit. A component that has lost its rows keeps mean and covariance with a weight of 0 (a fit
 * puts it on the row explained worst, which statistics do not know). `onWarning` hears of both.
 *
 * @param statistics merged over all rows
 * @param options covarianceType (that of the mixture before, or another with covariances of the same form), regularization: a number, or
 * 'auto' (default), 1e-6 of each feature's variance, which the statistics imply to rounding; prior. See {@link MaximizeOptions}
 * @returns a mixture to start the next iteration from. O(K D^3), diag and spherical O(K D)
 * @throws GaussmixError UNKNOWN_OPTION, INVALID_OPTION; INVALID_STATISTICS where rows before others are missing; TOO_FEW_ROWS;
 * DEGENERATE_DATA where no covariance can be estimated
 * @example
 * import { accumulate, GaussianMixture, maximize } from 'gaussmix';
 * const data = [1, 1.2, 0.8, 5, 5.1, 4.9];
 * const options = { nComponents: 2, regularization: 0.001 };
 * const start = GaussianMixture.fit(data, { ...options, maxIterations: 0 });
 * const next = maximize(accumulate(data, start, { firstRow: 0 }), { regularization: 0.001 });
 * const { means } = GaussianMixture.fit(data, { ...options, maxIterations: 1 });
 * console.log(means.data.every((mean, i) => mean === next.means.data[i])); // true
 */
export function maximize(statistics: SufficientStatistics, options?: MaximizeOptions): GaussianMixture {
  if (!(statistics instanceof SufficientStatistics)) {
    throw new GaussmixTypeError(
      'INVALID_STATISTICS',
      `maximize takes SufficientStatistics, not ${describeValue(statistics)}: merge several, read bytes with fromBytes`,
    );
  }
  const { reference, featureNames, sums } = SufficientStatistics.contentOf(statistics);
  const { rows } = sums;
  const settings = validateMaximizeOptions(options, reference.k, rows, reference.model);
  const { covarianceType } = settings;
  if (formOf(covarianceType) !== reference.form) {
    throw new GaussmixRangeError(
      'INVALID_OPTION',
      `covarianceType is '${covarianceType}', but the statistics are those of a '${reference.model}' mixture, whose covariances are of ` +
        'another form: accumulate under a model of the type wanted',
    );
  }
  refuseGap(sums);
  if (!(sums.total[0] > 0)) {
    throw new GaussmixRangeError(
      'TOO_FEW_ROWS',
      'the sample weights of all rows are 0; at least one must be above 0',
    );
  }
  const { parameters, warnings } = stepFrom({ reference, featureNames, rows, sums: sums.total }, settings);
  for (const warning of warnings) settings.onWarning?.(warning);
  return modelOf(parameters, undefined, { ...(featureNames && { columnNames: featureNames }) });
}

/** A part that was never merged would be lost in silence. */
function refuseGap({ gap }: BlockSums): void {
  if (gap === undefined) return;
  throw new GaussmixRangeError(
    'INVALID_STATISTICS',
    `statistics of rows ${gap.start * BLOCK} to ${gap.end * BLOCK - 1} (rows count from 0) are missing, though later rows are there: ` +
      'merge them too, or leave firstRow out of accumulate where rows are left out on purpose',
  );
}
