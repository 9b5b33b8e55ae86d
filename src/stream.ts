// Fits to rows that pass by, chunk after chunk, once for every question of the fit: memory does not grow with the rows.
// Must not compute but block by block, as passes.ts does, nor know where blocks come from.
import { ActivePasses } from './active.ts';
import { GaussmixTypeError } from './errors.ts';
import { FIRST_ROWS } from './estimator.ts';
import { fitAnswered, nextTurn } from './fit.ts';
import {
  type AbortSignalLike,
  checkAsyncOptions,
  type GaussianMixture,
  modelOf,
  type WithWaiting,
  withOwnStart,
} from './gaussian-mixture.ts';
import { treeRows } from './hierarchy.ts';
import { startRowCount } from './initialization.ts';
import { compiledModule, Kernel } from './kernel.ts';
import { type BlockOperations, completeRows } from './missing.ts';
import {
  type AliasedFitOptions,
  checkUsedRows,
  type FitOptions,
  type FitSettings,
  validateFitOptions,
} from './options.ts';
import type { KernelMixture } from './parameters.ts';
import {
  type BlockPlace,
  LowestRows,
  moments,
  operationsOn,
  type RowNumbers,
  type RowQuestion,
  type ScoredRow,
  type StatisticsStack,
} from './passes.ts';
import { RowSample } from './row-sample.ts';
import { CHECKPOINT_OPTIONS, type CheckpointOptions, savingOf } from './saving.ts';
import { type LookAtRows, StreamReader, type StreamShape, type StreamSource } from './stream-reader.ts';

type StreamRunOptions = CheckpointOptions & {
  /** Aborting it rejects the fit with its reason. */
  readonly signal?: AbortSignalLike;
  /** Milliseconds after which the current iteration is the last: the model so far is returned, not converged. */
  readonly timeLimitMs?: number;
  /** Weights come with the rows: yield `{ data, sampleWeight }`. */
  readonly sampleWeight?: undefined;
};

/** Options of {@link fitStream}: those of `fit`, how long it may run, and checkpoints. */
export type StreamOptions = WithWaiting<
  Omit<FitOptions, 'sampleWeight'> | Omit<AliasedFitOptions, 'sampleWeight'>
> &
  StreamRunOptions;

const STREAM_OPTIONS: readonly string[] = ['signal', 'timeLimitMs', ...CHECKPOINT_OPTIONS];

/**
 * As `GaussianMixture.fit`, the same bits, on rows that need not fit into memory: they are read chunk by chunk, once for each
 * iteration and a few times more (to count and check them, for their variances, at the end). What stays in memory are one
 * block of 4,096 rows, the chunks on their way, at most 65,536 rows that a start is chosen from, and the mixture. However
 * the rows are cut into chunks, the model is the same to the bit.
 *
 * @param source called for each pass; see {@link StreamSource}
 * @param options those of `fit` without `sampleWeight` (weights come with the chunks), `signal`, `timeLimitMs`, and
 * `onCheckpoint` and `resume`: see {@link CheckpointOptions}
 * @returns a promise of the model; rejected with the signal's reason on abort, with the source's own error when it throws one
 * @throws (rejects with) GaussmixError as `fit` does, rows counted over all chunks; INVALID_DATA or INVALID_SHAPE for a source
 * without rows, that can be read only once, or whose rows or columns are others in a later pass; INVALID_CHECKPOINT
 * @example
 * import { fitStream } from 'gaussmix';
 * async function* readings() {
 *   for (let day = 0; day < 20; day++) {
 *     yield Float64Array.from({ length: 1000 }, (_, i) => Math.sin(1000 * day + i) + (i % 2) * 5);
 *   }
 * }
 * const model = await fitStream(readings, { nComponents: 2 });
 * console.log(model.weights);
 */
export async function fitStream(source: StreamSource, options: StreamOptions): Promise<GaussianMixture> {
  const startedAt = performance.now();
  const given = withOwnStart(options);
  if ((given as Partial<FitOptions> | undefined)?.sampleWeight !== undefined) {
    throw new GaussmixTypeError(
      'INVALID_OPTION',
      'sampleWeight is no option of fitStream: weights come with the rows. Yield chunks { data, sampleWeight }, one weight per row',
    );
  }
  const early = validateFitOptions(given, Number.MAX_SAFE_INTEGER, STREAM_OPTIONS);
  const { signal, timeLimitMs } = checkAsyncOptions(options);
  const saving = await savingOf(options, early);
  signal?.throwIfAborted();
  const kernel = new Kernel(compiledModule());
  const reader = new StreamReader(kernel, source, signal, early.missing);
  const rows = new StreamRows(kernel, reader, early);
  const shape = await rows.open();
  const settings = validateFitOptions(given, shape.rows, STREAM_OPTIONS);
  const left = timeLimitMs && Math.max(0, timeLimitMs - (performance.now() - startedAt));
  const { parameters, record } = await fitAnswered(
    kernel,
    shape,
    settings,
    (soFar) => modelOf(soFar, undefined, shape),
    { signal, timeLimitMs: left },
    (question) => rows.answer(question),
    undefined,
    saving,
  );
  return modelOf(parameters, record, shape);
}

type AccumulateQuestion = Extract<RowQuestion, { kind: 'accumulate' }>;
/** The rows of a source: every question that needs them is a pass. */
class StreamRows {
  /** Whether values may be missing. */
  readonly missing: boolean;
  readonly #kernel: Kernel;
  readonly #reader: StreamReader;
  readonly #settings: FitSettings;
  #sample: RowSample | undefined;
  /** Rows that have been asked for, beside the sample. */
  readonly #kept: Map<number, Float64Array> = new Map();
  /** What the first pass has computed ahead. */
  #ahead: RememberedSum | undefined;

  constructor(kernel: Kernel, reader: StreamReader, settings: FitSettings) {
    this.#kernel = kernel;
    this.#reader = reader;
    this.#settings = settings;
    this.missing = settings.missing === 'marginalize';
  }

  /**
   * The first pass: counts and checks rows, keeps those a start looks at, and sums their moments about the first row, which a
   * fit asks for first.
   */
  async open(): Promise<StreamShape> {
    const kernel = this.#kernel;
    const reader = this.#reader;
    const { initialization, nComponents, seed } = this.#settings;
    const { missing } = this;
    let steps: ReturnType<typeof moments> | undefined;
    let question: AccumulateQuestion | undefined;
    let [used, seen] = [0, 0];
    const keep: LookAtRows = (weights, address, count) => {
      const { columns } = reader.shape as StreamShape;
      // A fit looks at the first row; where values are missing, at a few.
      for (let i = 0; i < count && seen + i < (missing ? FIRST_ROWS : 1); i++) {
        this.#kept.set(seen + i, kernel.copy(address + i * columns * 8, columns));
      }
      if (seen === 0) {
        if (typeof initialization === 'string') {
          const most =
            initialization === 'hierarchical'
              ? treeRows(Number.MAX_SAFE_INTEGER, nComponents)
              : startRowCount(Number.MAX_SAFE_INTEGER, columns);
          this.#sample = new RowSample(seed, most, columns, reader.weighted);
        }
        if (!missing) {
          steps = moments(kernel, Number.MAX_SAFE_INTEGER, 'diag', this.#kept.get(0) as Float64Array);
          question = steps.next().value as AccumulateQuestion;
        }
      }
      seen += count;
      const { f64 } = kernel;
      for (let i = 0; i < count; i++) {
        const weight = weights ? weights[i] : 1;
        if (weight > 0) used++;
        this.#sample?.add(weight, f64, address / 8 + i * columns);
      }
    };
    await reader.pass((_, { panels, weights, n }) => {
      if (!question) return;
      const { mixture, stack } = question;
      completeRows(mixture).accumulate(panels, weights, n, stack.push(), false);
      stack.carry();
    }, keep);
    if (reader.weighted) checkUsedRows(used, nComponents);
    if (!question) return reader.shape as StreamShape;
    const { mixture, stack } = question;
    const statistics = stack.finish();
    this.#ahead = new RememberedSum(mixture, stack.count, statistics);
    steps?.next(statistics);
    return reader.shape as StreamShape;
  }

  /** Answers one of a fit's questions; see {@link RowQuestion}. */
  async answer(question: RowQuestion): Promise<unknown> {
    switch (question.kind) {
      case 'accumulate':
        return this.#accumulate(question.mixture, question.stack, question.likelihoodOnly, question.active);
      case 'gather':
        return this.#gather(question.rows, question.target);
      case 'choose':
        return (this.#sample as RowSample).choose(question.count);
      case 'worst':
        return this.#worst(question.mixture, question.count, question.credit);
      case 'observed':
        return this.#observed(question.stack);
      case 'pause':
        return nextTurn();
    }
  }

  async #accumulate(
    mixture: KernelMixture,
    stack: StatisticsStack,
    likelihoodOnly: boolean,
    active: boolean,
  ): Promise<number> {
    const kernel = this.#kernel;
    stack.clear();
    const known = this.#ahead?.answers(mixture);
    if (known) {
      kernel.view(stack.push(), stack.count).set(known);
      stack.carry();
      return stack.finish();
    }
    const mark = kernel.mark();
    const add = active ? activeBlocks(mixture) : denseBlocks(this.#operations(mixture));
    await this.#reader.pass((_, place) => {
      add(place, stack.push(), likelihoodOnly);
      stack.carry();
    });
    kernel.release(mark);
    return stack.finish();
  }

  #operations(mixture: KernelMixture): BlockOperations {
    const { rows } = this.#reader.shape as StreamShape;
    return operationsOn({ rows, missing: this.missing }, mixture);
  }

  async #observed(stack: StatisticsStack): Promise<number> {
    const { columns } = this.#reader.shape as StreamShape;
    stack.clear();
    await this.#reader.pass((_, { panels, weights, n }) => {
      this.#kernel.exports.gmm_observed(panels, weights, n, columns, stack.push());
      stack.carry();
    });
    return stack.finish();
  }

  #gather(numbers: RowNumbers, target: number): void {
    const { columns } = this.#reader.shape as StreamShape;
    numbers.forEach((row, i) => {
      const values = this.#kept.get(row) ?? this.#sample?.values(row);
      if (!values) throw new Error(`row ${row} of the stream was not kept`);
      this.#kernel.f64.set(values, target / 8 + i * columns);
    });
  }

  /** Keeps the rows found: they are asked for next. */
  async #worst(
    mixture: KernelMixture,
    count: number,
    credit: Float64Array | undefined,
  ): Promise<readonly ScoredRow[]> {
    const mark = this.#kernel.mark();
    const lowest = new LowestRows(mixture, this.#operations(mixture), count, credit);
    const values = new Map<number, Float64Array>();
    await this.#reader.pass((firstRow, place) => {
      lowest.add(firstRow, place);
      for (const { row } of lowest.found) {
        if (row >= firstRow) values.set(row, this.#reader.row(row - firstRow));
      }
    });
    this.#kernel.release(mark);
    for (const { row } of lowest.found) this.#kept.set(row, values.get(row) as Float64Array);
    return lowest.found;
  }
}

/** The statistics of a pass that has been made already, and the mixture it was about. */
class RememberedSum {
  readonly #code: number;
  readonly #mixture: Float64Array;
  readonly #sum: Float64Array;

  constructor(mixture: KernelMixture, count: number, statistics: number) {
    this.#code = mixture.code;
    this.#mixture = densityOf(mixture);
    this.#sum = mixture.kernel.copy(statistics, count);
  }

  /** The statistics, if they are those of this mixture too. */
  answers(mixture: KernelMixture): Float64Array | undefined {
    if (mixture.code !== this.#code || mixture.k !== 1) return undefined;
    const other = densityOf(mixture);
    return other.every((value, i) => value === this.#mixture[i]) ? this.#sum : undefined;
  }
}

/** All that statistics depend on beside the rows: means and factors. */
function densityOf({ kernel, code, k, d, means, factors }: KernelMixture): Float64Array {
  const count = kernel.exports.gmm_factors_count(code, d, k);
  const all = new Float64Array(k * d + count);
  all.set(kernel.view(means, k * d));
  all.set(kernel.view(factors, count), k * d);
  return all;
}

type AddBlock = (place: BlockPlace, statistics: number, likelihoodOnly: boolean) => void;

/** Passes over every pair of row and component. */
function denseBlocks(operations: BlockOperations): AddBlock {
  return ({ panels, weights, n }, statistics, likelihoodOnly) =>
    operations.accumulate(panels, weights, n, statistics, likelihoodOnly);
}

/** Passes over active pairs (active.ts) of blocks that are gone afterwards: each begins anew, and gives the same bits. */
function activeBlocks(mixture: KernelMixture): AddBlock {
  const { kernel, code, d, k, means, factors } = mixture;
  const { exports } = kernel;
  const address = kernel.allocate(Math.ceil(ActivePasses.bytes(exports, code, d, k, 1) / 8));
  const workspace = kernel.allocate(exports.gmm_active_workspace_count(code, d, k));
  const at = { means, factors, workspace };
  return (place, statistics, likelihoodOnly) => {
    const passes = new ActivePasses(exports, code, d, k, 1, address);
    passes.begin(at);
    passes.accumulate(0, place, at, statistics, likelihoodOnly);
  };
}
