// What a reader of a file format gives: the rows of a file, chunk by chunk.
// Must not know file formats.

/** Some rows, one after the other. */
export interface RowChunk {
  /** Row-major (rows x columns); NaN for a missing value, where those are allowed. */
  readonly data: Float64Array;
  readonly rows: number;
  /** One per row, of the column chosen as the weight. */
  readonly weights: Float64Array | undefined;
  /** One per row: the number of its group, from 0, in the order in which groups first appear in the file. */
  readonly groups: Int32Array | undefined;
}

/** One reading of a file, from its first row to its last. */
export interface RowStream {
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
  /**
   * Rows of numbers of one size, quick to read again. Where they are in the file as they are in memory (doubles, row-major, no
   * other column among them): the byte at which they start.
   */
  readonly array?: { readonly doublesFrom: number | undefined };
  /** A chunk may be overwritten when the next one is asked for; can be had once. */
  chunks(): AsyncGenerator<RowChunk>;
  /** Names of the groups that the chunks have had so far. */
  groupNames(): readonly string[];
}

/** Values in a chunk, about: 2 MB of them stay in a cache. */
const CHUNK_VALUES = 1 << 18;
/** The same for the first chunk, as most files are small. */
const FIRST_VALUES = 1 << 12;

/** How many rows to hand out at once, after so many rows that were. */
export function chunkRows(columns: number, before: number = Number.POSITIVE_INFINITY): number {
  const values = Math.min(CHUNK_VALUES, Math.max(FIRST_VALUES, before * columns));
  return Math.max(1, Math.floor(values / columns));
}
