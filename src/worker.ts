// The program of a worker: it owns a range of blocks of rows and answers questions about them with the kernel.
// Must not import anything but active.ts: what it imports is in the library a second time, in the text that workers are
// started from.
import { ActivePasses } from './active.ts';

/** What the library sends. Pointers never travel: each side has its own memory. */
export type ToWorker =
  | {
      readonly kind: 'open';
      readonly module: WebAssembly.Module;
      readonly rows: number;
      readonly columns: number;
      readonly firstBlock: number;
      readonly weighted: boolean;
      /** Values may be missing (NaN). */
      readonly missing: boolean;
    }
  /** Rows [start, ...) of the range, row-major. */
  | {
      readonly kind: 'rows';
      readonly id: number;
      readonly start: number;
      readonly data: Float64Array;
      readonly weights?: Float64Array;
    }
  | (SentMixture & {
      readonly kind: 'accumulate';
      readonly id: number;
      readonly likelihoodOnly: boolean;
      readonly active: boolean;
    })
  | { readonly kind: 'gather'; readonly id: number; readonly rows: Float64Array }
  | (SentMixture & {
      readonly kind: 'worst';
      readonly id: number;
      readonly count: number;
      readonly credit: Float64Array | undefined;
    })
  | { readonly kind: 'observed'; readonly id: number };

/** What of a mixture is sent. */
/** A mixture as passes over rows need it, wherever they are: see gmm_accumulate in docs/ABI.md. */
export interface SentMixture {
  /** Covariance form: 0 spherical, 1 diag, 2 tied, 3 full. */
  readonly form: number;
  readonly k: number;
  /** K x D. */
  readonly means: Float64Array;
  readonly factors: Float64Array;
  /** Where values may be missing: what the factors were made of, and doubles of the cache for those of patterns. */
  readonly missing?: {
    readonly weights: Float64Array;
    readonly covariances: Float64Array;
    readonly cacheCount: number;
  };
}

/** What comes back: sums over aligned subtrees of blocks, one after the other; rows; or row numbers and log-densities. */
export type FromWorker =
  | { readonly id: number; readonly sizes: readonly number[]; readonly data: Float64Array }
  | { readonly id: number; readonly data: Float64Array }
  | { readonly id: number; readonly worst: readonly { readonly row: number; readonly value: number }[] }
  | { readonly id: number; readonly error: string };

type ActiveKernel = ConstructorParameters<typeof ActivePasses>[0];

interface Exports extends ActiveKernel {
  gmm_heap_base(): number;
  gmm_workspace_count(form: number, d: number, k: number): number;
  gmm_pack(rows: number, n: number, d: number, panels: number): void;
  gmm_active_workspace_count(form: number, d: number, k: number): number;
  gmm_e_step(...values: number[]): number;
  gmm_missing_workspace_count(form: number, d: number, k: number): number;
  gmm_missing_begin(cache: number, count: number): void;
  gmm_observed(panels: number, weights: number, n: number, d: number, target: number): number;
  gmm_accumulate_missing(...values: number[]): number;
  gmm_e_step_missing(...values: number[]): number;
  gmm_merge(target: number, source: number, count: number): void;
}

interface Port {
  postMessage(message: FromWorker, transfer: ArrayBuffer[]): void;
}

/** Node's port to the parent, which the library defines before this program starts there. */
declare const parentPort: (Port & { on(name: string, listener: (data: ToWorker) => void): void }) | undefined;

(() => {
  const BLOCK = 4096;
  const PANEL = 8;
  let kernel: Exports;
  let rows = 0;
  let columns = 0;
  let firstBlock = 0;
  let panels = 0;
  let weights = 0;
  let scratch = 0;
  let missing = false;
  let passes: ActivePasses | undefined;

  const align = (address: number): number => Math.ceil(address / 64) * 64;
  const f64 = (): Float64Array => new Float64Array(kernel.memory.buffer);

  /** Memory up to `bytes`; views are made anew after every call of this. */
  function reserve(bytes: number): void {
    const lacking = bytes - kernel.memory.buffer.byteLength;
    if (lacking > 0) kernel.memory.grow(Math.ceil(lacking / 65536));
  }

  function open(message: Extract<ToWorker, { kind: 'open' }>): void {
    kernel = new WebAssembly.Instance(message.module, {}).exports as unknown as Exports;
    ({ rows, columns, firstBlock, missing } = message);
    panels = align(kernel.gmm_heap_base());
    weights = message.weighted ? align(panels + Math.ceil(rows / PANEL) * PANEL * columns * 8) : 0;
    scratch = align(
      message.weighted ? weights + rows * 8 : panels + Math.ceil(rows / PANEL) * PANEL * columns * 8,
    );
    reserve(scratch);
  }

  function load({ start, data, weights: values }: Extract<ToWorker, { kind: 'rows' }>): void {
    reserve(scratch + data.byteLength);
    const view = f64();
    view.set(data, scratch / 8);
    if (values) view.set(values, weights / 8 + start);
    kernel.gmm_pack(scratch, data.length / columns, columns, panels + start * columns * 8);
  }

  /** Puts means and factors into scratch memory, with room for `doubles` more behind them and a workspace. */
  function place(message: SentMixture, doubles: number, active: boolean = false) {
    const means = scratch;
    const factors = align(means + message.means.byteLength);
    const workspace = align(factors + message.factors.byteLength);
    const { gmm_active_workspace_count, gmm_missing_workspace_count, gmm_workspace_count } = kernel;
    const { missing: more } = message;
    const workspaceCount = more
      ? gmm_missing_workspace_count
      : active
        ? gmm_active_workspace_count
        : gmm_workspace_count;
    const mixtureWeights = align(workspace + workspaceCount(message.form, columns, message.k) * 8);
    const covariances = align(mixtureWeights + (more?.weights.byteLength ?? 0));
    const cache = align(covariances + (more?.covariances.byteLength ?? 0));
    const rest = align(cache + 8 * (more?.cacheCount ?? 0));
    reserve(rest + doubles * 8);
    const view = f64();
    view.set(message.means, means / 8);
    view.set(message.factors, factors / 8);
    if (more) {
      view.set(more.weights, mixtureWeights / 8);
      view.set(more.covariances, covariances / 8);
      kernel.gmm_missing_begin(cache, more.cacheCount);
    }
    return { means, factors, workspace, mixtureWeights, covariances, cache, rest };
  }

  const blockCount = (): number => Math.ceil(rows / BLOCK);
  const blockRows = (block: number): number => Math.min(BLOCK, rows - block * BLOCK);
  const blockPanels = (block: number): number => panels + block * BLOCK * columns * 8;
  const blockWeights = (block: number): number => (weights === 0 ? 0 : weights + block * BLOCK * 8);

  const rowsOf = (block: number) => ({
    panels: blockPanels(block),
    weights: blockWeights(block),
    n: blockRows(block),
  });

  /** Other passes than those over active pairs find rows in their own order. */
  function restoreOrder(): void {
    passes?.restore(rowsOf);
  }

  interface Sums {
    readonly sizes: number[];
    readonly data: Float64Array;
  }

  const slotDoublesOf = (count: number): number => count + (count & 1);
  /** Doubles of the sums of `count` doubles that {@link sumBlocks} holds at a time. */
  const stackDoubles = (count: number): number => slotDoublesOf(count) * 2 * (34 - Math.clz32(blockCount()));

  function accumulate(message: Extract<ToWorker, { kind: 'accumulate' }>): Sums {
    const { form, k, likelihoodOnly, active } = message;
    const count = kernel.gmm_statistics_count(form, columns, k);
    if (active && !passes) {
      // What is remembered from pass to pass stays behind the rows.
      const bytes = ActivePasses.bytes(kernel, form, columns, k, blockCount());
      reserve(scratch + bytes);
      passes = new ActivePasses(kernel, form, columns, k, blockCount(), scratch);
      scratch = align(scratch + bytes);
    }
    const placed = place(message, stackDoubles(count), active);
    const { means, factors, workspace, mixtureWeights, covariances, cache, rest } = placed;
    const only = likelihoodOnly ? 1 : 0;
    if (active) passes?.begin(placed);
    else restoreOrder();
    const sums = sumBlocks(count, rest, (block, slot) => {
      const { panels: at, weights: given, n } = rowsOf(block);
      if (active) passes?.accumulate(block, rowsOf(block), placed, slot, likelihoodOnly);
      else if (missing) {
        kernel.gmm_accumulate_missing(
          form,
          at,
          given,
          n,
          columns,
          k,
          mixtureWeights,
          means,
          covariances,
          factors,
          slot,
          workspace,
          only,
          cache,
        );
      } else {
        kernel.gmm_accumulate(form, at, given, n, columns, k, means, factors, slot, workspace, only);
      }
    });
    if (active) passes?.end(likelihoodOnly);
    return sums;
  }

  function observed(): Sums {
    const count = columns + 1;
    restoreOrder();
    reserve(scratch + 8 * stackDoubles(count));
    return sumBlocks(count, scratch, (block, slot) => {
      kernel.gmm_observed(blockPanels(block), blockWeights(block), blockRows(block), columns, slot);
    });
  }

  /**
   * Sums over the largest aligned subtrees of blocks that this range holds, left to right, in memory from `rest` on; `add` adds
   * those of a block to zeros.
   */
  function sumBlocks(count: number, rest: number, add: (block: number, slot: number) => void): Sums {
    const slotDoubles = slotDoublesOf(count);
    const entries: { start: number; size: number }[] = [];
    const view = f64();
    for (let block = 0; block < blockCount(); block++) {
      const slot = rest + entries.length * slotDoubles * 8;
      view.fill(0, slot / 8, slot / 8 + count);
      add(block, slot);
      entries.push({ start: firstBlock + block, size: 1 });
      for (;;) {
        const top = entries[entries.length - 1];
        const below = entries[entries.length - 2];
        if (!below || below.size !== top.size || below.start % (2 * top.size) !== 0) break;
        entries.pop();
        const target = rest + (entries.length - 1) * slotDoubles * 8;
        kernel.gmm_merge(target, target + slotDoubles * 8, count);
        below.size *= 2;
      }
    }
    const data = new Float64Array(entries.length * count);
    for (let i = 0; i < entries.length; i++) {
      const slot = rest / 8 + i * slotDoubles;
      data.set(view.subarray(slot, slot + count), i * count);
    }
    return { sizes: entries.map((entry) => entry.size), data };
  }

  function gather(numbers: Float64Array): Float64Array {
    restoreOrder();
    const view = f64();
    const data = new Float64Array(numbers.length * columns);
    for (let i = 0; i < numbers.length; i++) {
      const row = numbers[i];
      const from = panels / 8 + Math.floor(row / PANEL) * PANEL * columns + (row % PANEL);
      for (let j = 0; j < columns; j++) data[i * columns + j] = view[from + PANEL * j];
    }
    return data;
  }

  /** What the features that a row of a block lacks add to its log-density. */
  function creditOf(view: Float64Array, at: number, row: number, credit: Float64Array): number {
    const from = at / 8 + Math.floor(row / PANEL) * PANEL * columns + (row % PANEL);
    let sum = 0;
    for (let j = 0; j < columns; j++) if (Number.isNaN(view[from + PANEL * j])) sum += credit[j];
    return sum;
  }

  function worst(message: Extract<ToWorker, { kind: 'worst' }>): { row: number; value: number }[] {
    const { form, k, count, credit } = message;
    restoreOrder();
    const { means, factors, workspace, mixtureWeights, covariances, cache, rest } = place(message, BLOCK);
    const view = f64();
    const lowest: { row: number; value: number }[] = [];
    for (let block = 0; block < blockCount(); block++) {
      const n = blockRows(block);
      const at = blockPanels(block);
      if (missing) {
        kernel.gmm_e_step_missing(
          form,
          at,
          n,
          columns,
          k,
          mixtureWeights,
          means,
          covariances,
          factors,
          0,
          0,
          rest,
          0,
          workspace,
          cache,
        );
      } else kernel.gmm_e_step(form, at, n, columns, k, means, factors, 0, 0, rest, workspace);
      for (let i = 0; i < n; i++) {
        const row = block * BLOCK + i;
        if (weights !== 0 && view[weights / 8 + row] === 0) continue;
        const value = view[rest / 8 + i] + (credit ? creditOf(view, at, i, credit) : 0);
        if (lowest.length === count && value >= lowest[count - 1].value) continue;
        lowest.push({ row: firstBlock * BLOCK + row, value });
        lowest.sort((a, b) => a.value - b.value || a.row - b.row);
        if (lowest.length > count) lowest.pop();
      }
    }
    return lowest;
  }

  function answer(message: ToWorker, port: Port): void {
    if (message.kind === 'open') {
      open(message);
      return;
    }
    const { id } = message;
    try {
      if (message.kind === 'rows') {
        load(message);
        // The buffer goes back to be filled again.
        port.postMessage({ id, data: message.data }, [message.data.buffer as ArrayBuffer]);
      } else if (message.kind === 'accumulate' || message.kind === 'observed') {
        const { sizes, data } = message.kind === 'observed' ? observed() : accumulate(message);
        port.postMessage({ id, sizes, data }, [data.buffer as ArrayBuffer]);
      } else if (message.kind === 'gather') {
        const data = gather(message.rows);
        port.postMessage({ id, data }, [data.buffer as ArrayBuffer]);
      } else if (message.kind === 'worst') port.postMessage({ id, worst: worst(message) }, []);
    } catch (error) {
      port.postMessage({ id, error: String(error) }, []);
    }
  }

  // The port first: threads of Bun and Deno have the functions of a Web Worker beside it, and Bun's do not answer.
  if (typeof parentPort !== 'undefined') {
    const port = parentPort;
    port.on('message', (message) => answer(message, port));
  } else {
    const scope = globalThis as unknown as Port & { onmessage: (event: { data: ToWorker }) => void };
    scope.onmessage = (event) => answer(event.data, scope);
  }
})();
