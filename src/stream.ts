// Fits to rows that pass by, chunk after chunk, once for every question of the fit: memory does not grow with the rows.
// Must not compute but block by block, as passes.ts does, nor know where the chunks come from.
import { ActivePasses } from './active.ts';
import { CHECKPOINT_OPTIONS, type CheckpointOptions, checkpointing } from './checkpoint.ts';
import { GaussmixError, GaussmixRangeError, GaussmixTypeError } from './errors.ts';
import { fitAnswered, nextTurn, type RowShape, untilAborted } from './fit.ts';
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
import { BLOCK, compiledModule, Kernel, PANEL } from './kernel.ts';
import type { MatrixLike } from './matrix.ts';
import {
  type AliasedFitOptions,
  checkRowWeight,
  checkUsedRows,
  type FitOptions,
  type FitSettings,
  validateFitOptions,
} from './options.ts';
import type { KernelMixture } from './parameters.ts';
import {
  accumulateBlock,
  type BlockPlace,
  LowestRows,
  moments,
  panelCount,
  type RowNumbers,
  type RowQuestion,
  type ScoredRow,
  type StatisticsStack,
  stagingRows,
} from './passes.ts';
import { RowSample } from './row-sample.ts';
import { type RowSource, toRowSource } from './row-source.ts';
import { describeValue } from './value-rules.ts';

/** Some rows of a stream: n x D in any accepted form, alone or with their sample weights (n). */
export type StreamChunk =
  | MatrixLike
  | { readonly data: MatrixLike; readonly sampleWeight: ArrayLike<number> };

/**
 * Gives the rows from the first to the last, in chunks of any size; called once for each pass over them, and each time the
 * rows must be the same. Of an asynchronous iterable the next chunk is asked for before the present one has been used: a source
 * that fills one buffer again and again needs a second one.
 */
export type StreamSource = () => AsyncIterable<StreamChunk> | Iterable<StreamChunk>;

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

/** Blocks between two turns for other work, which the reading of the next chunk is too. */
const TURN_BLOCKS = 16;

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
  if (typeof source !== 'function') {
    throw new GaussmixTypeError(
      'INVALID_DATA',
      `the source is ${describeValue(source)}, but must be a function that gives the chunks anew each time it is called: ` +
        'rows are read once per iteration',
    );
  }
  const given = withOwnStart(options);
  const early = validateFitOptions(given, Number.MAX_SAFE_INTEGER, STREAM_OPTIONS);
  const { signal, timeLimitMs } = checkAsyncOptions(options);
  const saving = checkpointing(options, early);
  signal?.throwIfAborted();
  const kernel = new Kernel(compiledModule());
  const rows = new StreamRows(kernel, source, early, signal);
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

/** What the first pass finds out. */
interface StreamShape extends RowShape {
  readonly leftOut?: readonly string[];
}

type AccumulateQuestion = Extract<RowQuestion, { kind: 'accumulate' }>;
type UseBlock = (firstRow: number, place: BlockPlace) => void;

/** The rows of a source: every question that needs them is a pass. */
class StreamRows {
  readonly #kernel: Kernel;
  readonly #source: StreamSource;
  readonly #settings: FitSettings;
  readonly #signal: AbortSignalLike | undefined;
  #passes: number = 0;
  /** Known after the first pass. */
  #shape: StreamShape | undefined;
  /** Made with the first chunk, as all below. */
  #block: BlockBuffer | undefined;
  #sample: RowSample | undefined;
  /** Rows that have been asked for, beside the sample. */
  readonly #kept: Map<number, Float64Array> = new Map();
  /** What the first pass has computed ahead. */
  #ahead: RememberedSum | undefined;

  constructor(
    kernel: Kernel,
    source: StreamSource,
    settings: FitSettings,
    signal: AbortSignalLike | undefined,
  ) {
    this.#kernel = kernel;
    this.#source = source;
    this.#settings = settings;
    this.#signal = signal;
  }

  /**
   * The first pass: counts and checks rows, keeps those a start looks at, and sums their moments about the first row, which a
   * fit asks for first.
   */
  async open(): Promise<StreamShape> {
    const kernel = this.#kernel;
    const { initialization, nComponents, seed } = this.#settings;
    let steps: ReturnType<typeof moments> | undefined;
    let question: AccumulateQuestion | undefined;
    let used = 0;
    const keep: LookAtRows = (weights, address, count) => {
      const { columns, weighted } = this.#block as BlockBuffer;
      if (!question) {
        const first = kernel.copy(address, columns);
        this.#kept.set(0, first);
        if (typeof initialization === 'string') {
          const most =
            initialization === 'hierarchical'
              ? treeRows(Number.MAX_SAFE_INTEGER, nComponents)
              : startRowCount(Number.MAX_SAFE_INTEGER, columns);
          this.#sample = new RowSample(seed, most, columns, weighted);
        }
        steps = moments(kernel, Number.MAX_SAFE_INTEGER, 'diag', first);
        question = steps.next().value as AccumulateQuestion;
      }
      const { f64 } = kernel;
      for (let i = 0; i < count; i++) {
        const weight = weights ? weights[i] : 1;
        if (weight > 0) used++;
        this.#sample?.add(weight, f64, address / 8 + i * columns);
      }
    };
    const rows = await this.#pass((_, place) => {
      const { mixture, stack } = question as AccumulateQuestion;
      accumulateBlock(mixture, place, stack.push(), false);
      stack.carry();
    }, keep);
    const shape = { ...(this.#shape as StreamShape), rows };
    this.#shape = shape;
    if (this.#block?.weighted) checkUsedRows(used, nComponents);
    const { mixture, stack } = question as AccumulateQuestion;
    const statistics = stack.finish();
    this.#ahead = new RememberedSum(mixture, stack.count, statistics);
    steps?.next(statistics);
    return shape;
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
        return this.#worst(question.mixture, question.count);
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
    const add = active ? activeBlocks(mixture) : accumulateBlock.bind(undefined, mixture);
    await this.#pass((_, place) => {
      add(place, stack.push(), likelihoodOnly);
      stack.carry();
    });
    kernel.release(mark);
    return stack.finish();
  }

  #gather(numbers: RowNumbers, target: number): void {
    const { columns } = this.#shape as StreamShape;
    numbers.forEach((row, i) => {
      const values = this.#kept.get(row) ?? this.#sample?.values(row);
      if (!values) throw new Error(`row ${row} of the stream was not kept`);
      this.#kernel.f64.set(values, target / 8 + i * columns);
    });
  }

  /** Keeps the rows found: they are asked for next. */
  async #worst(mixture: KernelMixture, count: number): Promise<readonly ScoredRow[]> {
    const mark = this.#kernel.mark();
    const lowest = new LowestRows(mixture, count);
    const values = new Map<number, Float64Array>();
    await this.#pass((firstRow, place) => {
      lowest.add(firstRow, place);
      for (const { row } of lowest.found) {
        if (row >= firstRow) values.set(row, (this.#block as BlockBuffer).row(row - firstRow));
      }
    });
    this.#kernel.release(mark);
    for (const { row } of lowest.found) this.#kept.set(row, values.get(row) as Float64Array);
    return lowest.found;
  }

  /**
   * Reads all rows, from the first to the last; returns how many there are.
   * @param use called for each block
   * @param look called before for all rows, some at a time
   */
  async #pass(use: UseBlock, look?: LookAtRows): Promise<number> {
    const pass = ++this.#passes;
    const chunks = this.#iterate(pass);
    const signal = this.#signal;
    let [row, chunk, blocks] = [0, 0, 0];
    let ended = false;
    let next = chunks.next();
    try {
      for (; ; chunk++) {
        const { done, value } = await untilAborted(next, signal);
        signal?.throwIfAborted();
        if (done) break;
        // While this one is computed on, the next is on its way. What goes wrong with it is thrown when it is its turn.
        if (chunks.readsAhead) next = chunks.next();
        next.catch(() => {});
        const source = this.#recognise(value, row, pass, chunk);
        if (source) {
          const steps = (this.#block as BlockBuffer).fill(source.rows, source.weights, row, use, look);
          for (;;) {
            if (atChunk(pass, chunk, () => steps.next().done)) break;
            if (++blocks % TURN_BLOCKS === 0) {
              await nextTurn();
              signal?.throwIfAborted();
            }
          }
          row += source.rows.rows;
        }
        if (!chunks.readsAhead) next = chunks.next();
      }
      ended = true;
    } finally {
      if (!ended) await closed(chunks, signal);
    }
    this.#checkEnd(row, pass, chunk);
    this.#block?.finish(use, look);
    return row;
  }

  /** Starts a pass over the source. */
  #iterate(pass: number): Chunks {
    const given = this.#source() as Partial<AsyncIterable<unknown> & Iterable<unknown>> | undefined;
    const isObject = typeof given === 'object' && given !== null;
    if (isObject && typeof given[Symbol.asyncIterator] === 'function') {
      return new Chunks((given as AsyncIterable<unknown>)[Symbol.asyncIterator](), true);
    }
    if (isObject && typeof given[Symbol.iterator] === 'function' && !ArrayBuffer.isView(given)) {
      return new Chunks((given as Iterable<unknown>)[Symbol.iterator](), false);
    }
    throw new GaussmixTypeError(
      'INVALID_DATA',
      `in pass ${pass} the source gave ${describeValue(given)}; it must give chunks of rows one by one: an (async) iterable, as ` +
        'a generator function does',
    );
  }

  /** A chunk as rows, checked against those before; undefined when it is empty. */
  #recognise(
    value: unknown,
    firstRow: number,
    pass: number,
    chunk: number,
  ): { readonly rows: RowSource; readonly weights: ArrayLike<number> | undefined } | undefined {
    return atChunk(pass, chunk, () => {
      const weights = (value as { sampleWeight?: ArrayLike<number> } | null)?.sampleWeight;
      const alone = weights === undefined || 'shape' in (value as object);
      const data = alone ? value : (value as { data: unknown }).data;
      if (isEmpty(data)) return undefined;
      const shape = this.#shape;
      const columns = shape?.columnNames;
      const rows = toRowSource(data as MatrixLike, { firstRow, ...(columns && { columns }) });
      if (!shape) {
        const { columns, columnNames, leftOut } = rows;
        this.#shape = {
          rows: Number.MAX_SAFE_INTEGER,
          columns,
          ...(columnNames && { columnNames, leftOut }),
        };
        this.#block = new BlockBuffer(this.#kernel, columns, weights !== undefined);
      } else if (rows.columns !== shape.columns) {
        throw new GaussmixRangeError(
          'INVALID_SHAPE',
          `the chunk has ${rows.columns} columns, but those before have ${shape.columns}`,
        );
      }
      if (firstRow + rows.rows > (this.#shape as StreamShape).rows)
        throw otherRows('more', this.#shape?.rows);
      const { weighted } = this.#block as BlockBuffer;
      if (weighted !== (weights !== undefined)) {
        const [is, was] = weighted ? ['no', 'them'] : ['', 'none'];
        throw new GaussmixTypeError(
          'INVALID_DATA',
          `the chunk has ${is && `${is} `}sampleWeight, but those before have ${was}: all chunks have weights, or none`,
        );
      }
      if (weights !== undefined && weights?.length !== rows.rows) {
        throw new GaussmixRangeError(
          'INVALID_SHAPE',
          `sampleWeight has length ${describeValue(weights?.length)}, but the chunk has ${rows.rows} rows: one weight per row is needed`,
        );
      }
      return { rows, weights };
    });
  }

  #checkEnd(rows: number, pass: number, chunks: number): void {
    if (pass === 1) {
      if (rows > 0) return;
      throw new GaussmixRangeError(
        'INVALID_SHAPE',
        `the source has no rows (${chunks} chunks): there must be one`,
      );
    }
    const { rows: expected } = this.#shape as StreamShape;
    if (rows === expected) return;
    if (chunks === 0) {
      throw new GaussmixTypeError(
        'INVALID_DATA',
        `pass ${pass} over the source gave no chunk, pass 1 gave ${expected} rows: it can be read only once. Rows are read once ` +
          'per iteration; give a function that makes a new iterable each time, such as a generator function',
      );
    }
    throw new GaussmixRangeError(
      'INVALID_DATA',
      `pass ${pass} over the source ended after chunk ${chunks - 1} with ${rows} rows, pass 1 with ${expected}: each pass must ` +
        'give the same rows',
    );
  }
}

function otherRows(which: string, expected: number | undefined): GaussmixRangeError {
  return new GaussmixRangeError(
    'INVALID_DATA',
    `the source gives ${which} rows than in pass 1 (${expected}): each pass must give the same rows`,
  );
}

/** Looks at `count` rows, row-major at an address in kernel memory, and at their weights. */
type LookAtRows = (weights: Float64Array | undefined, address: number, count: number) => void;

/** One pass over a source, asynchronous or not. */
class Chunks {
  /** Whether the next chunk may be asked for while the present one is in use. */
  readonly readsAhead: boolean;
  readonly #iterator: AsyncIterator<unknown> | Iterator<unknown>;

  constructor(iterator: AsyncIterator<unknown> | Iterator<unknown>, readsAhead: boolean) {
    this.#iterator = iterator;
    this.readsAhead = readsAhead;
  }

  async next(): Promise<IteratorResult<unknown>> {
    return this.#iterator.next();
  }

  async close(): Promise<void> {
    await this.#iterator.return?.();
  }
}

/** Closes a source that is not at its end: its files are closed before an error is seen. One that hangs holds up no abort. */
async function closed(chunks: Chunks, signal: AbortSignalLike | undefined): Promise<void> {
  const closing = chunks.close();
  closing.catch(() => {});
  signal?.throwIfAborted();
  await untilAborted(closing, signal).catch(() => {});
}

/** One block of rows on its way into panels, in kernel memory. */
class BlockBuffer {
  readonly columns: number;
  readonly weighted: boolean;
  readonly #kernel: Kernel;
  readonly #staging: number;
  readonly #stagingRows: number;
  readonly #panels: number;
  readonly #weights: number;
  #packed: number = 0;
  #staged: number = 0;
  #firstRow: number = 0;

  constructor(kernel: Kernel, columns: number, weighted: boolean) {
    this.columns = columns;
    this.weighted = weighted;
    this.#kernel = kernel;
    this.#stagingRows = stagingRows(columns);
    this.#staging = kernel.allocate(this.#stagingRows * columns);
    this.#panels = kernel.allocate(panelCount(BLOCK, columns));
    this.#weights = kernel.allocate(BLOCK);
  }

  /** Adds rows; yields after each block. */
  *fill(
    source: RowSource,
    weights: ArrayLike<number> | undefined,
    firstRow: number,
    use: UseBlock,
    look: LookAtRows | undefined,
  ): Generator<void, void> {
    const kernel = this.#kernel;
    const d = this.columns;
    if (firstRow === 0) this.#packed = this.#staged = this.#firstRow = 0;
    for (let at = 0; at < source.rows; ) {
      const inBlock = this.#packed + this.#staged;
      const count = Math.min(source.rows - at, this.#stagingRows - this.#staged, BLOCK - inBlock);
      source.read(at, count, kernel.view(this.#staging + this.#staged * d * 8, count * d));
      if (weights) {
        const target = kernel.view(this.#weights + inBlock * 8, count);
        for (let i = 0; i < count; i++) target[i] = checkRowWeight(weights[at + i], firstRow + at + i);
      }
      this.#staged += count;
      at += count;
      if (this.#staged === this.#stagingRows || inBlock + count === BLOCK) this.#pack(look);
      if (this.#packed < BLOCK) continue;
      this.#use(use);
      yield;
    }
  }

  /** The last block, if it is not full. */
  finish(use: UseBlock, look: LookAtRows | undefined): void {
    if (this.#staged > 0) this.#pack(look);
    if (this.#packed > 0) this.#use(use);
  }

  /** A copy of row `i` of the block that is full. */
  row(i: number): Float64Array {
    const { f64 } = this.#kernel;
    const d = this.columns;
    const from = this.#panels / 8 + Math.floor(i / PANEL) * PANEL * d + (i % PANEL);
    return Float64Array.from({ length: d }, (_, j) => f64[from + PANEL * j]);
  }

  #pack(look: LookAtRows | undefined): void {
    const kernel = this.#kernel;
    const count = this.#staged;
    const weights = this.weighted ? kernel.copy(this.#weights + this.#packed * 8, count) : undefined;
    look?.(weights, this.#staging, count);
    kernel.exports.gmm_pack(
      this.#staging,
      count,
      this.columns,
      this.#panels + this.#packed * this.columns * 8,
    );
    this.#packed += count;
    this.#staged = 0;
  }

  #use(use: UseBlock): void {
    const n = this.#packed;
    use(this.#firstRow, { panels: this.#panels, weights: this.weighted ? this.#weights : 0, n });
    this.#firstRow += n;
    this.#packed = 0;
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

/** Passes over active pairs (active.ts) of blocks that are gone afterwards: each begins anew, and gives the same bits. */
function activeBlocks(
  mixture: KernelMixture,
): (place: BlockPlace, statistics: number, likelihoodOnly: boolean) => void {
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

/** Data without rows, in any form that says so. */
function isEmpty(data: unknown): boolean {
  const { length, shape, numRows, rows } = (data ?? {}) as Record<string, unknown>;
  return [length, numRows, rows, (shape as ArrayLike<unknown> | undefined)?.[0]].some((count) => count === 0);
}

/** Runs work on a chunk; what it refuses is said with its place. */
function atChunk<T>(pass: number, chunk: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof GaussmixError)) throw error;
    const Kind = error instanceof RangeError ? GaussmixRangeError : GaussmixTypeError;
    throw new Kind(
      error.code,
      `${error.message} [chunk ${chunk} of the source, counted from 0, in pass ${pass}]`,
    );
  }
}
