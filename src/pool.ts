// Worker threads that hold the rows of a fit between them, in Node and in browsers, and answer a fit's questions.
// Must not know what is being fitted; what a worker does is in worker.ts.
import { workerProgram } from '../build/embedded.ts';
import { GaussmixRangeError } from './errors.ts';
import type { AbortSignalLike } from './gaussian-mixture.ts';
import { BLOCK, type Kernel } from './kernel.ts';
import { sentMixture } from './missing.ts';
import type { KernelMixture } from './parameters.ts';
import {
  blockCount,
  type RowNumbers,
  type RowQuestion,
  type ScoredRow,
  type StatisticsStack,
} from './passes.ts';
import type { RowSource } from './row-source.ts';
import { type StartThread, type Thread, ThreadDeath, threadStarter, threadsUnavailable } from './threads.ts';
import type { FromWorker, SentMixture, ToWorker } from './worker.ts';

/** Doubles of a piece of the data on its way to a worker: small enough that the page answers in between. */
const PIECE_DOUBLES = 131072;
/** Pieces on their way at a time. */
const PIECES = 2;
/** A range of rows whose worker dies so often is given up: then it is not the worker's fault. */
const MOST_DEATHS = 3;

/** Omit that keeps the members of a union apart. */
type WithoutId<T> = T extends { readonly id: number } ? Omit<T, 'id'> : never;
type Question = WithoutId<ToWorker>;
type Answer = Exclude<FromWorker, { readonly error: string }>;

/** A range of blocks and the worker that holds its rows; a dead worker is replaced, and what it was asked is asked again. */
class Range {
  readonly firstBlock: number;
  readonly firstRow: number;
  readonly rows: number;
  readonly columns: number;
  /** Values may be missing. */
  readonly missing: boolean;
  readonly #start: StartThread;
  readonly #module: WebAssembly.Module;
  readonly #source: RowSource;
  readonly #weights: Float64Array | undefined;
  #thread: Thread | undefined;
  #waiting: Map<number, { resolve: (answer: Answer) => void; reject: (error: Error) => void }> = new Map();
  #nextId: number = 0;
  #deaths: number = 0;
  #closed: boolean = false;

  constructor(
    start: StartThread,
    module: WebAssembly.Module,
    source: RowSource,
    weights: Float64Array | undefined,
    firstBlock: number,
    endBlock: number,
  ) {
    this.#start = start;
    this.#module = module;
    this.#source = source;
    this.#weights = weights;
    this.firstBlock = firstBlock;
    this.firstRow = firstBlock * BLOCK;
    this.columns = source.columns;
    this.missing = source.missing ?? false;
    this.rows = Math.min(source.rows, endBlock * BLOCK) - this.firstRow;
  }

  /** Starts a worker and gives it its rows. */
  async open(): Promise<void> {
    const { columns, missing } = this;
    this.#thread = this.#start({
      message: (data: FromWorker) => this.#receive(data),
      failure: (reason) => this.#fail(reason),
    });
    const weighted = this.#weights !== undefined;
    const { rows, firstBlock } = this;
    this.#thread.post(
      { kind: 'open', module: this.#module, rows, columns, firstBlock, weighted, missing },
      [],
    );
    // Whole panels: a piece that ends within one would be packed with copies of its last row.
    const step = Math.max(8, Math.floor(PIECE_DOUBLES / columns / 8) * 8);
    const buffers = Array.from({ length: PIECES }, () => new Float64Array(step * columns));
    const lanes = buffers.map(async (first, lane) => {
      let buffer: Float64Array = first;
      for (let start = lane * step; start < this.rows; start += PIECES * step) {
        const count = Math.min(step, this.rows - start);
        const data = buffer.subarray(0, count * columns);
        this.#source.read(this.firstRow + start, count, data);
        const piece = count === step ? data : data.slice();
        const at = this.firstRow + start;
        const weights = this.#weights?.slice(at, at + count);
        const question = { kind: 'rows', start, data: piece, ...(weights && { weights }) } as const;
        const answer = await this.#ask(question, [piece.buffer as ArrayBuffer]);
        buffer = (answer as { data: Float64Array }).data;
      }
    });
    await Promise.all(lanes);
  }

  /** Asks the worker; when it dies before it answers, its successor. */
  async ask(question: Question): Promise<Answer> {
    for (;;) {
      try {
        return await this.#ask(question, []);
      } catch (error) {
        if (!(error instanceof ThreadDeath) || this.#closed) throw error;
        await this.#reopen(error);
      }
    }
  }

  async #reopen(death: ThreadDeath): Promise<void> {
    this.#deaths++;
    if (this.#deaths > MOST_DEATHS) {
      throw new GaussmixRangeError(
        'OUT_OF_MEMORY',
        `the worker for rows ${this.firstRow} to ${this.firstRow + this.rows - 1} died ${this.#deaths} times ` +
          `(${death.message}); it may lack memory: fit fewer rows, or with more workers`,
      );
    }
    this.#thread?.terminate();
    try {
      await this.open();
    } catch (error) {
      if (!(error instanceof ThreadDeath) || this.#closed) throw error;
      await this.#reopen(error);
    }
  }

  #ask(question: Question, transfer: ArrayBuffer[]): Promise<Answer> {
    if (this.#closed) return Promise.reject(new ThreadDeath('closed'));
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      this.#waiting.set(id, { resolve, reject });
      this.#thread?.post({ ...question, id } as ToWorker, transfer);
    });
  }

  #receive(data: FromWorker): void {
    const waiting = this.#waiting.get(data.id);
    this.#waiting.delete(data.id);
    if ('error' in data) waiting?.reject(new ThreadDeath(data.error));
    else waiting?.resolve(data);
  }

  #fail(reason: string): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting = new Map();
    for (const { reject } of waiting) reject(new ThreadDeath(reason));
  }

  /** For tests: the worker dies as if the system had killed it. */
  kill(): void {
    this.#thread?.terminate();
    this.#fail('killed');
  }

  close(): void {
    this.#closed = true;
    this.#thread?.terminate();
    this.#fail('closed');
  }
}

/** Workers that hold all rows between them, each a contiguous range of blocks. */
export class WorkerPool {
  readonly ranges: readonly Range[];

  private constructor(ranges: readonly Range[]) {
    this.ranges = ranges;
  }

  /** Starts workers, at most one per block, and divides the rows among them. */
  static async open(
    module: WebAssembly.Module,
    source: RowSource,
    weights: Float64Array | undefined,
    workers: number,
    script: string | undefined,
    signal?: AbortSignalLike,
  ): Promise<WorkerPool> {
    const start = await threadStarter(() => workerProgram, script);
    const blocks = blockCount(source.rows);
    const count = Math.min(workers, blocks);
    const bound = (i: number): number => Math.floor((i * blocks) / count);
    const ranges = Array.from(
      { length: count },
      (_, i) => new Range(start, module, source, weights, bound(i), bound(i + 1)),
    );
    const pool = new WorkerPool(ranges);
    const stop = (): void => pool.close();
    signal?.addEventListener('abort', stop);
    try {
      await Promise.all(ranges.map((range) => range.open()));
    } catch (error) {
      pool.close();
      if (!(error instanceof ThreadDeath)) throw error;
      throw threadsUnavailable(error.message);
    } finally {
      signal?.removeEventListener('abort', stop);
    }
    return pool;
  }

  /** Answers one of a fit's questions; see {@link RowQuestion}. */
  async answer(request: Exclude<RowQuestion, { kind: 'choose' }>, kernel: Kernel): Promise<unknown> {
    if (request.kind === 'pause') return undefined;
    if (request.kind === 'gather') return this.#gather(request.rows, request.target, kernel);
    if (request.kind === 'worst') return this.#worst(request.mixture, request.count, request.credit);
    if (request.kind === 'observed') return this.#sum({ kind: 'observed' }, request.stack, kernel);
    const { mixture, stack, likelihoodOnly, active } = request;
    const question = { kind: 'accumulate', ...this.#send(mixture), likelihoodOnly, active } as const;
    return this.#sum(question, stack, kernel);
  }

  /** Puts what the workers answer onto the stack; the address of the sum. */
  async #sum(question: Question, stack: StatisticsStack, kernel: Kernel): Promise<number> {
    const answers = await Promise.all(this.ranges.map((range) => range.ask(question)));
    stack.clear();
    for (const answer of answers) {
      const { sizes, data } = answer as { sizes: readonly number[]; data: Float64Array };
      sizes.forEach((size, i) => {
        const slot = stack.push();
        kernel.view(slot, stack.count).set(data.subarray(i * stack.count, (i + 1) * stack.count));
        stack.carry(size);
      });
    }
    return stack.finish();
  }

  async #gather(rows: RowNumbers, target: number, kernel: Kernel): Promise<void> {
    const places: number[][] = this.ranges.map(() => []);
    const d = rows.length === 0 ? 0 : this.ranges[0].columns;
    rows.forEach((row, i) => {
      const owner = this.ranges.findIndex(({ firstRow, rows: n }) => row < firstRow + n);
      places[owner].push(i);
    });
    await Promise.all(
      this.ranges.map(async (range, owner) => {
        const mine = places[owner];
        if (mine.length === 0) return;
        const numbers = Float64Array.from(mine, (i) => rows[i] - range.firstRow);
        const { data } = (await range.ask({ kind: 'gather', rows: numbers })) as { data: Float64Array };
        const { f64 } = kernel;
        mine.forEach((i, at) => {
          f64.set(data.subarray(at * d, (at + 1) * d), target / 8 + i * d);
        });
      }),
    );
  }

  async #worst(
    mixture: KernelMixture,
    count: number,
    credit: Float64Array | undefined,
  ): Promise<readonly ScoredRow[]> {
    const question = { kind: 'worst', ...this.#send(mixture), count, credit } as const;
    const answers = await Promise.all(this.ranges.map((range) => range.ask(question)));
    return answers
      .flatMap((answer) => (answer as { worst: readonly ScoredRow[] }).worst)
      .sort((a, b) => a.value - b.value || a.row - b.row)
      .slice(0, count);
  }

  #send(mixture: KernelMixture): SentMixture {
    const [{ missing, rows }] = this.ranges;
    return sentMixture(mixture, missing, rows);
  }

  close(): void {
    for (const range of this.ranges) range.close();
  }
}
