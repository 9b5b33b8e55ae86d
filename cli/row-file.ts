// A data file as a sequence of chunks of rows, which can be read again where the file allows it.
// Must not know file formats: read-table.ts finds out which it is.
import type { OnBytes } from './bytes.ts';
import type { Selection } from './columns.ts';
import { readTable } from './read-table.ts';

/** Rows of a file, chunk by chunk; again and again where the file allows it. */
export interface RowFile {
  /** What messages call it. */
  readonly name: string;
  /** Number of features. */
  readonly columns: number;
  /** Names of the features, where the file has a name of its own for each. */
  readonly names: readonly string[] | undefined;
  /** How messages name each feature: its place in the file, from 1, and its name. */
  readonly labels: readonly string[];
  /** What a careful user should know, one sentence each. */
  readonly notes: readonly string[];
  /** Number of rows, where it is known before they are read. */
  readonly rows: number | undefined;
  /** False for standard input: its chunks can be had once. */
  readonly canReread: boolean;
  /** Size of the features in memory, rows x columns x 8; undefined where the number of rows is not known. */
  readonly bytes: number | undefined;
  /**
   * The rows from the first one on. A chunk may be overwritten when the next one is asked for.
   * @throws Failure naming the place: missing values, infinite numbers, negative weights, a damaged file
   */
  chunks(): AsyncIterable<RowChunk>;
  /** Names of the groups that {@link RowChunk.groups} of the last reading has had so far. */
  groupNames(): readonly string[];
  close(): Promise<void>;
}

/** Some rows, one after the other. */
export interface RowChunk {
  /** Row-major (rows x columns). */
  readonly data: Float64Array;
  readonly rows: number;
  /** One per row, of the column chosen as the weight. */
  readonly weights: Float64Array | undefined;
  /** One per row: the number of its group, from 0, in the order in which groups first appear in the file. */
  readonly groups: Int32Array | undefined;
}

/** Rows handed out at once. */
const CHUNK_ROWS = 16_384;

/**
 * Opens a file, or standard input for `-`: finds out its format, its columns and which of them are chosen.
 * @throws Failure as {@link RowFile.chunks}, and for columns that are not there
 */
export async function openRows(path: string, selection: Selection, onBytes?: OnBytes): Promise<RowFile> {
  const table = await readTable(path, selection, onBytes);
  return {
    name: path === '-' ? 'standard input' : path,
    columns: table.columns,
    names: table.names,
    labels: table.labels,
    notes: table.notes,
    rows: table.rows,
    canReread: path !== '-',
    bytes: table.data.byteLength,
    async *chunks() {
      for (let start = 0; start < table.rows; start += CHUNK_ROWS) {
        const end = Math.min(start + CHUNK_ROWS, table.rows);
        yield {
          data: table.data.subarray(start * table.columns, end * table.columns),
          rows: end - start,
          weights: table.weights?.subarray(start, end),
          groups: table.groups?.ids.subarray(start, end),
        };
      }
    },
    groupNames: () => table.groups?.names ?? [],
    close: async () => {},
  };
}
