// Passes over rows: blocks of 4,096 packed rows in kernel memory, and statistics merged along one fixed tree.
// Must not know what the statistics are for. Only this file decides in which order partial sums meet.

import { ActivePasses } from './active.ts';
import { chooseRows } from './choose-rows.ts';
import { GaussmixTypeError } from './errors.ts';
import { BLOCK, type Kernel, PANEL } from './kernel.ts';
import { type BlockOperations, completeRows, rowsWithMissing } from './missing.ts';
import { KernelMixture, type Parameters } from './parameters.ts';
import type { RowSource } from './row-source.ts';

/** Rows in kernel memory, a block at a time. Addresses live until the next call. */
export interface RowBlocks {
  readonly rows: number;
  readonly columns: number;
  /** Values may be missing (NaN). */
  readonly missing: boolean;
  /** Address of a block's panels. */
  panels(block: number): number;
  /** Address of a block's sample weights, 0 when there are none. */
  weights(block: number): number;
}

/** Rows of a block: 4,096, fewer in the last. */
export function blockRows(rows: number, block: number): number {
  return Math.min(BLOCK, rows - block * BLOCK);
}

/** Doubles that n rows take as panels. */
export function panelCount(n: number, d: number): number {
  return Math.ceil(n / PANEL) * PANEL * d;
}

/** Bytes that the row-major copy on its way into panels may take. */
const STAGING_BYTES = 1024 * 1024;

/** Rows that are read at a time: whole panels, at most a block. */
export function stagingRows(d: number): number {
  const fitting = Math.floor(STAGING_BYTES / (8 * d * PANEL)) * PANEL;
  return Math.max(PANEL, Math.min(BLOCK, fitting));
}

/** Reads rows [start, start + n) into panels at an address. */
function packRows(
  kernel: Kernel,
  source: RowSource,
  start: number,
  n: number,
  staging: number,
  panels: number,
): void {
  const { columns } = source;
  const step = stagingRows(columns);
  for (let done = 0; done < n; done += step) {
    const count = Math.min(step, n - done);
    source.read(start + done, count, kernel.view(staging, count * columns));
    kernel.exports.gmm_pack(staging, count, columns, panels + done * columns * 8);
  }
}

/** All rows packed into kernel memory once, with their sample weights: what an iteration reads again and again. */
export class ResidentRows implements RowBlocks {
  readonly rows: number;
  readonly columns: number;
  readonly missing: boolean;
  readonly #kernel: Kernel;
  readonly #panels: number;
  readonly #weights: number;
  #active: ActivePasses | undefined;

  /** Doubles that the rows take. */
  static size(rows: number, columns: number, weighted: boolean): number {
    return panelCount(rows, columns) + stagingRows(columns) * columns + (weighted ? rows : 0) + 6;
  }

  constructor(kernel: Kernel, source: RowSource, sampleWeight?: Float64Array) {
    this.rows = source.rows;
    this.columns = source.columns;
    this.missing = source.missing ?? false;
    this.#kernel = kernel;
    this.#panels = kernel.allocate(panelCount(source.rows, source.columns));
    this.#weights = sampleWeight ? kernel.allocate(source.rows) : 0;
    if (sampleWeight) kernel.view(this.#weights, source.rows).set(sampleWeight);
    const mark = kernel.mark();
    const staging = kernel.allocate(stagingRows(source.columns) * source.columns);
    packRows(kernel, source, 0, source.rows, staging, this.#panels);
    kernel.release(mark);
  }

  panels(block: number): number {
    return this.#panels + block * BLOCK * this.columns * 8;
  }

  weights(block: number): number {
    return this.#weights === 0 ? 0 : this.#weights + block * BLOCK * 8;
  }

  /**
   * As {@link accumulateAll}, from active pairs (active.ts): what these passes remember stays in kernel memory above what
   * is allocated now, for as long as the rows do.
   */
  accumulateActive(mixture: KernelMixture, stack: StatisticsStack, likelihoodOnly: boolean): number {
    const { code, d, k, means, factors } = mixture;
    const kernel = this.#kernel;
    const { exports } = kernel;
    const blocks = blockCount(this.rows);
    if (!this.#active) {
      const address = kernel.allocate(Math.ceil(ActivePasses.bytes(exports, code, d, k, blocks) / 8));
      this.#active = new ActivePasses(exports, code, d, k, blocks, address);
    }
    const mark = kernel.mark();
    const workspace = kernel.allocate(exports.gmm_active_workspace_count(code, d, k));
    const place = { means, factors, workspace };
    stack.clear();
    this.#active.begin(place);
    for (let block = 0; block < blocks; block++) {
      this.#active.accumulate(block, this.#block(block), place, stack.push(), likelihoodOnly);
      stack.carry();
    }
    this.#active.end(likelihoodOnly);
    kernel.release(mark);
    return stack.finish();
  }

  /** Puts rows back into their order if passes over active pairs have moved them. */
  restoreOrder(): void {
    this.#active?.restore((block) => this.#block(block));
  }

  #block(block: number): BlockPlace {
    return { panels: this.panels(block), weights: this.weights(block), n: blockRows(this.rows, block) };
  }

  /** What {@link observed} asks for, of one block. */
  addObserved(block: number, stack: StatisticsStack): void {
    const { panels, weights, n } = this.#block(block);
    this.#kernel.exports.gmm_observed(panels, weights, n, this.columns, stack.push());
    stack.carry();
  }

  /** See {@link chooseRows}. */
  choose(seed: number, count: number): Generator<void, ChosenRows> {
    const weights = this.#weights === 0 ? undefined : this.#kernel.view(this.#weights, this.rows);
    return chooseRows(this.rows, count, seed, weights);
  }

  /** Copies rows by number, row-major, to an address. */
  gather(numbers: RowNumbers, target: number): void {
    const d = this.columns;
    const { f64 } = this.#kernel;
    const to = target / 8;
    for (let i = 0; i < numbers.length; i++) {
      const row = numbers[i];
      const from = this.#panels / 8 + Math.floor(row / PANEL) * PANEL * d + (row % PANEL);
      for (let j = 0; j < d; j++) f64[to + i * d + j] = f64[from + PANEL * j];
    }
  }
}

/** Rows read block by block into the same place: what a single pass needs. */
export class PassingRows implements RowBlocks {
  readonly rows: number;
  readonly columns: number;
  readonly missing: boolean;
  readonly #kernel: Kernel;
  readonly #source: RowSource;
  readonly #staging: number;
  readonly #panels: number;

  /** Doubles that one block takes. */
  static size(rows: number, columns: number): number {
    return panelCount(Math.min(rows, BLOCK), columns) + stagingRows(columns) * columns + 4;
  }

  constructor(kernel: Kernel, source: RowSource) {
    this.rows = source.rows;
    this.columns = source.columns;
    this.missing = source.missing ?? false;
    this.#kernel = kernel;
    this.#source = source;
    this.#staging = kernel.allocate(stagingRows(source.columns) * source.columns);
    this.#panels = kernel.allocate(panelCount(Math.min(source.rows, BLOCK), source.columns));
  }

  panels(block: number): number {
    const count = blockRows(this.rows, block);
    packRows(this.#kernel, this.#source, block * BLOCK, count, this.#staging, this.#panels);
    return this.#panels;
  }

  weights(): number {
    return 0;
  }
}

/**
 * Partial statistics on their way up the merge tree, whose leaves are the blocks: two subtrees become one as soon as
 * both are there and together are aligned, as carries run in a binary counter; what is left at the end is folded from
 * the last backwards. The tree depends on the number of blocks alone, so sums have the same bits wherever blocks live
 * and whoever summed a subtree.
 */
export class StatisticsStack {
  /** Doubles of one set of statistics. */
  readonly count: number;
  readonly #kernel: Kernel;
  readonly #base: number;
  /** Blocks in each entry, a power of two. */
  readonly #sizes: number[] = [];
  #blocks: number = 0;

  /** Doubles that the stack takes for so many blocks of statistics of `count` doubles. */
  static size(count: number, blocks: number): number {
    return levels(blocks) * (count + 1);
  }

  constructor(kernel: Kernel, count: number, blocks: number) {
    this.#kernel = kernel;
    this.count = count;
    this.#base = kernel.allocate(StatisticsStack.size(count, blocks));
  }

  #slot(level: number): number {
    // 16-byte aligned, as the kernel wants it.
    return this.#base + level * (this.count + (this.count & 1)) * 8;
  }

  /** Empties the stack for a pass over the blocks from number 0. */
  clear(): void {
    this.#sizes.length = 0;
    this.#blocks = 0;
  }

  /** A zeroed place for the statistics of the next subtree. */
  push(): number {
    const slot = this.#slot(this.#sizes.length);
    this.#kernel.f64.fill(0, slot / 8, slot / 8 + this.count);
    return slot;
  }

  /** What was pushed last is complete: the sum over an aligned subtree of `size` blocks. */
  carry(size: number = 1): void {
    const sizes = this.#sizes;
    sizes.push(size);
    this.#blocks += size;
    while (sizes.length > 1 && sizes[sizes.length - 1] === sizes[sizes.length - 2]) this.#mergeTop();
  }

  /** Folds what is left; the address of the sum over all blocks. */
  finish(): number {
    while (this.#sizes.length > 1) this.#mergeTop();
    return this.#slot(0);
  }

  #mergeTop(): void {
    const size = this.#sizes.pop() as number;
    const top = this.#sizes.length - 1;
    this.#sizes[top] += size;
    this.#kernel.exports.gmm_merge(this.#slot(top), this.#slot(top + 1), this.count);
  }
}

/** One more than the binary digits of a number of blocks, which may have more than 32. */
function levels(blocks: number): number {
  let count = 1;
  for (let rest = blocks; rest >= 1; rest /= 2) count++;
  return count;
}

/** Number of blocks of so many rows. */
export function blockCount(rows: number): number {
  return Math.ceil(rows / BLOCK);
}

/** Doubles in the statistics of a mixture. */
export function statisticsCount(mixture: KernelMixture): number {
  return mixture.kernel.exports.gmm_statistics_count(mixture.code, mixture.d, mixture.k);
}

/** What a fit asks of the rows, wherever they are: the only questions that need to see them. */
export type RowQuestion =
  | {
      /** E-step: statistics about the mixture's means, onto the stack; answered by their address. */
      readonly kind: 'accumulate';
      readonly mixture: KernelMixture;
      readonly stack: StatisticsStack;
      readonly likelihoodOnly: boolean;
      /** From active pairs alone (active.ts). */
      readonly active: boolean;
    }
  /** Copies of rows by number, row-major, written to an address in kernel memory. */
  | { readonly kind: 'gather'; readonly rows: RowNumbers; readonly target: number }
  /** Which rows a data-driven start looks at; answered by {@link ChosenRows}. */
  | { readonly kind: 'choose'; readonly seed: number; readonly count: number }
  /** The rows of lowest log-density, lowest first, rows of weight zero left out; answered by {@link ScoredRow}s. */
  | {
      readonly kind: 'worst';
      readonly mixture: KernelMixture;
      readonly count: number;
      /** Where values are missing: what each missing feature (D) adds to a row's log-density, so that rows can be compared. */
      readonly credit?: Float64Array | undefined;
    }
  /**
   * Asked where values may be missing: per feature the weight of the rows that have it (D), then the number of missing values, summed as
   * statistics are, onto the stack; answered by their address. See gmm_observed.
   */
  | { readonly kind: 'observed'; readonly stack: StatisticsStack }
  /** No question: long work here can be interrupted now, so that the host's other work gets its turn. */
  | { readonly kind: 'pause' };

/** Or no question about rows: what the promise of a callback resolves to. */
export type RowRequest = RowQuestion | { readonly kind: 'wait'; readonly promise: Promise<unknown> };

/** Numbers of rows, ascending where nothing else is said: doubles, because there may be more than 2^32 rows. */
export type RowNumbers = Float64Array;

/** Some rows and, where there are sample weights, theirs. */
export interface ChosenRows {
  readonly rows: RowNumbers;
  readonly weights?: Float64Array | undefined;
}

/** A row and its log-density. */
export interface ScoredRow {
  readonly row: number;
  readonly value: number;
}

/** A computation that asks for passes over rows. Whoever runs it answers at once, or later, from elsewhere. */
export type Asking<T> = Generator<RowRequest, T, unknown>;

/** Statistics about the mixture's means: their address on the stack, valid until the stack's next use. */
export function* accumulate(
  mixture: KernelMixture,
  stack: StatisticsStack,
  likelihoodOnly: boolean,
  active: boolean = false,
): Asking<number> {
  return (yield { kind: 'accumulate', mixture, stack, likelihoodOnly, active }) as number;
}

/** Copies rows by number, row-major, to an address in kernel memory. */
export function* gather(rows: RowNumbers, target: number): Asking<void> {
  yield { kind: 'gather', rows, target };
}

/** Copies of a few rows by number, row-major. */
export function* gatherCopy(kernel: Kernel, rows: RowNumbers, d: number): Asking<Float64Array> {
  const mark = kernel.mark();
  const target = kernel.allocate(rows.length * d);
  yield* gather(rows, target);
  const copy = kernel.copy(target, rows.length * d);
  kernel.release(mark);
  return copy;
}

/** The rows a data-driven start looks at: see chooseRows. */
export function* choose(seed: number, count: number): Asking<ChosenRows> {
  return (yield { kind: 'choose', seed, count }) as ChosenRows;
}

/** Lets a host that has other work do it. */
export function* pause(): Asking<void> {
  yield { kind: 'pause' };
}

/** Waits for a promise; only an asynchronous host can. */
export function* wait<T>(promise: Promise<T>): Asking<T> {
  return (yield { kind: 'wait', promise }) as T;
}

/**
 * The rows that a mixture explains worst.
 * @param credit what each missing feature adds to a row's log-density
 */
export function* worstRows(
  mixture: KernelMixture,
  count: number,
  credit?: Float64Array,
): Asking<readonly ScoredRow[]> {
  return (yield { kind: 'worst', mixture, count, credit }) as readonly ScoredRow[];
}

/** Per feature the weight of the rows that have it (D), and the number of missing values. */
export function* observed(
  kernel: Kernel,
  rows: number,
  d: number,
): Asking<{ readonly weight: Float64Array; readonly missing: number }> {
  const mark = kernel.mark();
  const stack = new StatisticsStack(kernel, d + 1, blockCount(rows));
  const address = (yield { kind: 'observed', stack }) as number;
  const values = kernel.copy(address, d + 1);
  kernel.release(mark);
  return { weight: values.subarray(0, d), missing: values[d] };
}

/** Runs a computation on rows that are in kernel memory. */
export function runOn<T>(rows: ResidentRows, asking: Asking<T>): T {
  let reply: unknown;
  for (;;) {
    const step = asking.next(reply);
    if (step.done) return step.value;
    reply = answerFrom(rows, step.value);
  }
}

/** The answer, at once, from rows in kernel memory. @throws GaussmixTypeError INVALID_OPTION when a promise is to be waited for */
export function answerFrom(rows: ResidentRows, request: RowRequest): unknown {
  if (request.kind === 'wait') {
    // Nobody is left to hear of its rejection.
    request.promise.catch(() => {});
    throw new GaussmixTypeError(
      'INVALID_OPTION',
      'onIteration returned a promise, which fit cannot wait for: use fitAsync, or a function that is not async',
    );
  }
  if (request.kind === 'accumulate' && request.active) {
    return rows.accumulateActive(request.mixture, request.stack, request.likelihoodOnly);
  }
  if (request.kind !== 'pause') rows.restoreOrder();
  switch (request.kind) {
    case 'accumulate':
      return accumulateAll(request.mixture, rows, request.stack, request.likelihoodOnly);
    case 'gather':
      return rows.gather(request.rows, request.target);
    case 'choose':
      return finished(rows.choose(request.seed, request.count));
    case 'worst':
      return lowestRows(request.mixture, rows, request.count, request.credit);
    case 'observed':
      return observedAll(rows, request.stack);
    case 'pause':
      return undefined;
  }
}

/** What a computation comes to that is not interrupted. */
function finished<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** What is done with blocks of these rows under a mixture; may take kernel memory. */
export function operationsOn(
  rows: Pick<RowBlocks, 'rows' | 'missing'>,
  mixture: KernelMixture,
): BlockOperations {
  return rows.missing ? rowsWithMissing(mixture, rows.rows) : completeRows(mixture);
}

/** E-step over blocks of rows in kernel memory, see gmm_accumulate in docs/ABI.md; the address of the sum. */
export function accumulateAll(
  mixture: KernelMixture,
  rows: RowBlocks,
  stack: StatisticsStack,
  likelihoodOnly: boolean,
): number {
  const { kernel } = mixture;
  const mark = kernel.mark();
  const operations = operationsOn(rows, mixture);
  stack.clear();
  for (let block = 0, blocks = blockCount(rows.rows); block < blocks; block++) {
    const panels = rows.panels(block);
    const n = blockRows(rows.rows, block);
    const weights = rows.weights(block);
    operations.accumulate(panels, weights, n, stack.push(), likelihoodOnly);
    stack.carry();
  }
  kernel.release(mark);
  return stack.finish();
}

/** See {@link observed}. */
function observedAll(rows: ResidentRows, stack: StatisticsStack): number {
  stack.clear();
  for (let block = 0; block < blockCount(rows.rows); block++) rows.addObserved(block, stack);
  return stack.finish();
}

/** Where the rows of one block are in kernel memory. */
export interface BlockPlace {
  readonly panels: number;
  /** Sample weights, 0: none. */
  readonly weights: number;
  readonly n: number;
}

/** Among rows in kernel memory, those of lowest log-density, lowest first (the lower number among equals). */
function lowestRows(
  mixture: KernelMixture,
  rows: ResidentRows,
  count: number,
  credit: Float64Array | undefined,
): readonly ScoredRow[] {
  const { kernel } = mixture;
  const mark = kernel.mark();
  const lowest = new LowestRows(mixture, operationsOn(rows, mixture), count, credit);
  for (let block = 0; block < blockCount(rows.rows); block++) {
    const place = {
      panels: rows.panels(block),
      weights: rows.weights(block),
      n: blockRows(rows.rows, block),
    };
    lowest.add(block * BLOCK, place);
  }
  kernel.release(mark);
  return lowest.found;
}

/** The rows of lowest log-density among those of blocks, see {@link RowQuestion}. */
export class LowestRows {
  /** Lowest first. */
  readonly found: ScoredRow[] = [];
  readonly #kernel: Kernel;
  readonly #operations: BlockOperations;
  readonly #count: number;
  readonly #credit: Float64Array | undefined;
  readonly #norm: number;

  /** Takes a block's log-densities in kernel memory, which the caller releases. */
  constructor(
    { kernel }: KernelMixture,
    operations: BlockOperations,
    count: number,
    credit: Float64Array | undefined,
  ) {
    this.#kernel = kernel;
    this.#operations = operations;
    this.#count = count;
    this.#credit = credit;
    this.#norm = kernel.allocate(BLOCK);
  }

  /** @param firstRow number of the block's first row; blocks come in order */
  add(firstRow: number, { panels, weights, n }: BlockPlace): void {
    const { found } = this;
    const credit = this.#credit;
    this.#operations.eStep(panels, n, 0, 0, this.#norm);
    const { f64 } = this.#kernel;
    for (let i = 0; i < n; i++) {
      if (weights !== 0 && f64[weights / 8 + i] === 0) continue;
      const value = f64[this.#norm / 8 + i] + (credit ? creditOf(f64, panels / 8, i, credit) : 0);
      if (found.length === this.#count && value >= found[this.#count - 1].value) continue;
      found.push({ row: firstRow + i, value });
      found.sort(byValue);
      if (found.length > this.#count) found.pop();
    }
  }
}

/** What the features that a row lacks add to its log-density. */
function creditOf(f64: Float64Array, panels: number, row: number, credit: Float64Array): number {
  const d = credit.length;
  const from = panels + Math.floor(row / PANEL) * PANEL * d + (row % PANEL);
  let sum = 0;
  for (let j = 0; j < d; j++) if (Number.isNaN(f64[from + PANEL * j])) sum += credit[j];
  return sum;
}

function byValue(a: ScoredRow, b: ScoredRow): number {
  return a.value - b.value || a.row - b.row;
}

/**
 * Sum of the weights, weighted mean and covariance of all rows, in the shape of a form's covariance with one component.
 * @param variance of the features; given where values are missing, which then count as if each column were independent of the others: at the
 * reference, with this variance
 */
export function* moments(
  kernel: Kernel,
  rows: number,
  form: 'diag' | 'full',
  reference: Float64Array,
  variance?: Float64Array,
): Asking<{ total: number; mean: Float64Array; covariance: Float64Array }> {
  const d = reference.length;
  const mark = kernel.mark();
  const mixture = new KernelMixture(kernel, form, 1, d);
  const stack = new StatisticsStack(kernel, statisticsCount(mixture), blockCount(rows));
  const zeros = kernel.allocate(d);
  kernel.f64.fill(0, zeros / 8, zeros / 8 + d);
  mixture.write(standardNormal(form, reference));
  mixture.prepare();
  if (variance) {
    // Responsibilities of one component are 1 whatever the factors say: only what is missing is of these variances.
    for (let j = 0; j < d; j++) {
      kernel.f64[mixture.covariances / 8 + (form === 'diag' ? j : j * (d + 1))] = variance[j];
    }
  }
  const statistics = yield* accumulate(mixture, stack, false);
  const total = kernel.f64[statistics / 8];
  mStep(mixture, statistics, zeros, 0);
  const { means, covariances } = mixture.read();
  kernel.release(mark);
  return { total, mean: means, covariance: covariances };
}

/** One component with unit variances about a reference point: a pass with it gathers plain moments. */
function standardNormal(form: 'diag' | 'full', mean: Float64Array): Parameters {
  const d = mean.length;
  const covariances = new Float64Array(form === 'diag' ? d : d * d);
  for (let j = 0; j < d; j++) covariances[form === 'diag' ? j : j * d + j] = 1;
  return { form, k: 1, d, weights: Float64Array.of(1), means: mean, covariances };
}

/**
 * M-step in place: the mixture's parameters from statistics taken about its means. Uses the statistics up.
 * @param covariances where covariances go, if not to the mixture
 */
export function mStep(
  mixture: KernelMixture,
  statistics: number,
  regularization: number,
  minimumCount: number,
  covariances: number = mixture.covariances,
): number {
  const { kernel, code, d, k, weights, means, status } = mixture;
  return kernel.exports.gmm_m_step(
    code,
    d,
    k,
    statistics,
    regularization,
    minimumCount,
    weights,
    means,
    covariances,
    status,
  );
}
