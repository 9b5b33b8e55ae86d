// Passes over a source of rows: chunk after chunk, read while the one before is computed on, cut anew into blocks.
// Must not compute on the blocks, nor know where the chunks come from.
import { GaussmixError, GaussmixRangeError, GaussmixTypeError } from './errors.ts';
import { nextTurn, type RowShape, untilAborted } from './fit.ts';
import type { AbortSignalLike } from './gaussian-mixture.ts';
import { BLOCK, type Kernel, PANEL } from './kernel.ts';
import type { MatrixLike } from './matrix.ts';
import { dataSource } from './missing.ts';
import { checkRowWeight } from './options.ts';
import { type BlockPlace, panelCount, stagingRows } from './passes.ts';
import type { RowSource } from './row-source.ts';
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

/** Blocks between two turns for other work, which the reading of the next chunk is too. */
const TURN_BLOCKS = 16;

/** What the first pass finds out. */
export interface StreamShape extends RowShape {
  readonly leftOut?: readonly string[];
}

/** Called with each block and the number of its first row. */
export type UseBlock = (firstRow: number, place: BlockPlace) => void;

/** The chunks of a source, block by block, as often as they are wanted. */
export class StreamReader {
  /** Known from the first chunk on; the number of rows from the end of the first pass on, before it is 2^53 - 1. */
  shape: StreamShape | undefined;
  /** Made with the first chunk. */
  #buffer: BlockBuffer | undefined;
  readonly #kernel: Kernel;
  readonly #source: StreamSource;
  readonly #signal: AbortSignalLike | undefined;
  readonly #missing: 'error' | 'marginalize';
  readonly #columns: readonly string[] | undefined;
  #passes: number = 0;

  /**
   * @param missing whether values may be missing
   * @param columns of Arrow tables, those to take, by name; undefined: all
   * @throws GaussmixTypeError INVALID_DATA
   */
  constructor(
    kernel: Kernel,
    source: StreamSource,
    signal: AbortSignalLike | undefined,
    missing: 'error' | 'marginalize',
    columns?: readonly string[],
  ) {
    if (typeof source !== 'function') {
      throw new GaussmixTypeError(
        'INVALID_DATA',
        `the source is ${describeValue(source)}, but must be a function that gives the chunks anew each time it is called: ` +
          'rows are read once per iteration',
      );
    }
    this.#kernel = kernel;
    this.#source = source;
    this.#signal = signal;
    this.#missing = missing;
    this.#columns = columns;
  }

  /** Whether rows have sample weights. */
  get weighted(): boolean {
    return this.#buffer?.weighted ?? false;
  }

  /** A copy of a row of the block that is in use, by its place in it. */
  row(i: number): Float64Array {
    return (this.#buffer as BlockBuffer).row(i);
  }

  /**
   * Reads all rows, from the first to the last; returns how many there are.
   * @param use called for each block
   * @param look called before for all rows, some at a time
   */
  async pass(use: UseBlock, look?: LookAtRows): Promise<number> {
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
          const steps = (this.#buffer as BlockBuffer).fill(source.rows, source.weights, row, use, look);
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
    this.#buffer?.finish(use, look);
    this.shape = { ...(this.shape as StreamShape), rows: row };
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
      const shape = this.shape;
      const columns = shape?.columnNames ?? this.#columns;
      const rows = dataSource(data as MatrixLike, this.#missing, { firstRow, ...(columns && { columns }) });
      if (!shape) {
        const { columns, columnNames, leftOut } = rows;
        this.shape = {
          rows: Number.MAX_SAFE_INTEGER,
          columns,
          ...(columnNames && { columnNames, leftOut }),
        };
        this.#buffer = new BlockBuffer(this.#kernel, columns, weights !== undefined);
      } else if (rows.columns !== shape.columns) {
        throw new GaussmixRangeError(
          'INVALID_SHAPE',
          `the chunk has ${rows.columns} columns, but those before have ${shape.columns}`,
        );
      }
      if (firstRow + rows.rows > (this.shape as StreamShape).rows) throw otherRows('more', this.shape?.rows);
      const { weighted } = this.#buffer as BlockBuffer;
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
    const { rows: expected } = this.shape as StreamShape;
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
export type LookAtRows = (weights: Float64Array | undefined, address: number, count: number) => void;

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
