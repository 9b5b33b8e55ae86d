// The rows that `gaussmix fit` reads: in memory where the limit allows it, else where they can be read again for each pass.
// Must not fit anything, nor know file formats.
import { tmpdir, totalmem } from 'node:os';
import { formatBytes } from './byte-size.ts';
import type { OnBytes } from './bytes.ts';
import type { Selection } from './columns.ts';
import { openRows, type RowFile } from './row-file.ts';
import type { RowChunk } from './rows.ts';
import { Spool, type StoredRows } from './stored-rows.ts';
import { GrowingVector } from './table.ts';

/** Rows as the thread of the fit gets them. */
export type HeldRows =
  | {
      readonly kind: 'memory';
      /** Row-major (rows x columns). */
      readonly data: Float64Array;
      readonly rows: number;
      readonly columns: number;
      readonly weights: Float64Array | undefined;
    }
  /** In a file that is quick to read again: it is opened by that thread. */
  | { readonly kind: 'file'; readonly path: string; readonly selection: Selection }
  | { readonly kind: 'stored'; readonly stored: StoredRows };

/** What is known of the rows beside their values. */
export interface FitRows {
  readonly held: HeldRows;
  readonly names: readonly string[] | undefined;
  readonly labels: readonly string[];
  readonly notes: readonly string[];
  /** Where rows are not in memory: how they are read, for the summary. */
  readonly streamed: string | undefined;
  /** Once the fit has ended. */
  close(): void;
}

/** What the command line says about memory. */
export interface MemoryOptions {
  /** Bytes; undefined: half of what the machine, or the container, has. */
  readonly memory: number | undefined;
  /** Folder of temporary files; undefined: that of the system. */
  readonly temporary: string | undefined;
}

/** Rows are in memory twice: as they were read, and packed for the kernel. */
const COPIES = 2;
/** Bytes of rows that leave room for the rest in the 4 GiB that a kernel can have. */
const KERNEL_BYTES = 3.75 * 2 ** 30;

/** Bytes that a fit may take for rows when nothing is said. */
function defaultMemory(): number {
  const limit = (process as { constrainedMemory?: () => number | undefined }).constrainedMemory?.() ?? 0;
  return (limit > 0 ? Math.min(limit, totalmem()) : totalmem()) / 2;
}

/**
 * Reads the rows of a file, or of standard input for `-`.
 * @throws Failure naming the file and, where there is one, the place
 */
export async function readFitRows(
  path: string,
  selection: Selection,
  { memory = defaultMemory(), temporary = tmpdir() }: MemoryOptions,
  onBytes?: OnBytes,
): Promise<FitRows> {
  const file = await openRows(path, selection, onBytes);
  try {
    const weighted = selection.weights !== undefined;
    const most = Math.min(memory / COPIES, KERNEL_BYTES);
    const known = file.canReread ? bytesOf(file, file.rows, weighted) : undefined;
    const isLarge = known !== undefined && known > most;
    const limit = `--memory ${formatBytes(memory)}`;
    if (isLarge && file.isArray) {
      const streamed = `${formatBytes(known)} of numbers, read from ${file.name} in each pass (${limit})`;
      return { held: { kind: 'file', path, selection }, ...about(file), streamed, close: () => {} };
    }
    const rows = new Collector(file, temporary, isLarge ? 0 : most, weighted, known);
    try {
      for await (const chunk of file.chunks()) rows.add(chunk);
      const held = rows.end();
      const streamed =
        held.kind === 'memory'
          ? undefined
          : `${formatBytes(rows.bytes)} of numbers, read from a temporary file in ${temporary} in each pass (${limit})`;
      return { held, ...about(file), streamed, close: () => rows.close() };
    } catch (error) {
      rows.close();
      throw error;
    }
  } finally {
    await file.close();
  }
}

function about({ names, labels, notes }: RowFile): Pick<FitRows, 'names' | 'labels' | 'notes'> {
  return { names, labels, notes };
}

function bytesOf(file: RowFile, rows: number | undefined, weighted: boolean): number | undefined {
  return rows === undefined ? undefined : rows * (file.columns + (weighted ? 1 : 0)) * 8;
}

/** Rows in memory as long as they fit, from then on all in a temporary file. */
class Collector {
  bytes: number = 0;
  readonly #columns: number;
  readonly #folder: string;
  readonly #most: number;
  readonly #weighted: boolean;
  readonly #expected: number | undefined;
  #rows: number = 0;
  #data: GrowingVector | Float64Array;
  #weights: GrowingVector = new GrowingVector();
  #spool: Spool | undefined;

  constructor(file: RowFile, folder: string, most: number, weighted: boolean, expected: number | undefined) {
    this.#columns = file.columns;
    this.#folder = folder;
    this.#most = most;
    this.#weighted = weighted;
    this.#expected = expected;
    const fits = expected !== undefined && expected <= most;
    this.#data = fits ? new Float64Array((file.rows as number) * file.columns) : new GrowingVector();
  }

  add(chunk: RowChunk): void {
    this.bytes += chunk.rows * (this.#columns + (this.#weighted ? 1 : 0)) * 8;
    if (!this.#spool && this.bytes > this.#most) this.#spill();
    if (this.#spool) this.#spool.add(chunk);
    else {
      if (this.#data instanceof GrowingVector) this.#data.push(chunk.data);
      else this.#data.set(chunk.data, this.#rows * this.#columns);
      if (chunk.weights) this.#weights.push(chunk.weights);
    }
    this.#rows += chunk.rows;
  }

  end(): HeldRows {
    if (this.#spool) return { kind: 'stored', stored: this.#spool.end() };
    return {
      kind: 'memory',
      data: this.#data instanceof GrowingVector ? this.#data.take() : this.#data,
      rows: this.#rows,
      columns: this.#columns,
      weights: this.#weighted ? this.#weights.take() : undefined,
    };
  }

  close(): void {
    this.#spool?.close();
    this.#spool = undefined;
  }

  /** What is in memory moves to a file. */
  #spill(): void {
    const columns = this.#columns;
    this.#spool = new Spool(this.#folder, columns, this.#weighted, this.#expected);
    if (this.#rows === 0) return;
    const data = this.#data instanceof GrowingVector ? this.#data.take() : this.#data;
    const weights = this.#weighted ? this.#weights.take() : undefined;
    this.#spool.add({ data, rows: this.#rows, weights, groups: undefined });
    this.#data = new GrowingVector();
  }
}
