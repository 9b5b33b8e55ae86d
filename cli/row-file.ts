// A data file as a sequence of chunks of rows, which can be read again where the file allows it: finds out the format and
// hands over to its reader.
// Must not parse a format itself.
import { type ByteSource, type OnBytes, openBytes } from './bytes.ts';
import type { Selection } from './columns.ts';
import { Failure } from './failure.ts';
import { ARROW_MAGIC, isArrowStream, openArrow } from './read-arrow.ts';
import { openCsv } from './read-csv.ts';
import { NPY_MAGIC, openNpy } from './read-npy.ts';
import { openParquet } from './read-parquet.ts';
import type { RowChunk, RowStream } from './rows.ts';

export type { RowChunk } from './rows.ts';

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
  /** What a careful user should know, one sentence each; there may be more of them when all rows have been read. */
  readonly notes: readonly string[];
  /** Number of rows, where it is known before they are read. */
  readonly rows: number | undefined;
  /** False for standard input: its chunks can be had once. */
  readonly canReread: boolean;
  /** Size of the features in memory, rows x columns x 8; undefined where the number of rows is not known. */
  readonly bytes: number | undefined;
  /** Rows of numbers of one size, which are quick to read again: see {@link RowStream.array}. */
  readonly isArray: boolean;
  readonly doublesFrom: number | undefined;
  /**
   * The rows from the first one on. A chunk may be overwritten when the next one is asked for. Only one reading may be
   * under way: the next one begins when that has ended.
   * @throws Failure naming the place: missing values, infinite numbers, negative weights, a damaged file
   */
  chunks(): AsyncGenerator<RowChunk>;
  /** Names of the groups that {@link RowChunk.groups} of the last reading has had so far. */
  groupNames(): readonly string[];
  close(): Promise<void>;
}

const BINARY_EXTENSIONS = /\.(npy|parquet|arrows?|feather|ipc)$/i;

/** First bytes of what is often given by mistake, and what to say. */
const OTHER_FORMATS: readonly { readonly magic: string; readonly says: string }[] = [
  { magic: '\x1f\x8b', says: 'is compressed; pipe it in: gunzip -c FILE | gaussmix ... -' },
  { magic: '\x28\xb5\x2f\xfd', says: 'is compressed; pipe it in: zstd -dc FILE | gaussmix ... -' },
  { magic: 'PK\x03\x04', says: 'is a zip archive (such as .xlsx or .npz); save the data as CSV or .npy' },
];

/**
 * Opens a file, or standard input for `-`: finds out its format, its columns and which of them are chosen.
 * @throws Failure as {@link RowFile.chunks}, and for columns that are not there
 */
export async function openRows(path: string, selection: Selection, onBytes?: OnBytes): Promise<RowFile> {
  const first = await open(path, selection, onBytes);
  return new ReopenedFile(path, first, () => open(path, selection, onBytes), selection.allowMissing ?? false);
}

/** One reading, and how to end it. */
interface Opened {
  readonly stream: RowStream;
  close(): Promise<void>;
}

async function open(path: string, selection: Selection, onBytes: OnBytes | undefined): Promise<Opened> {
  const source = await openBytes(path, onBytes);
  try {
    if (await isParquet(source)) {
      if (path === '-') {
        throw new Failure(
          `${source.name} is a Parquet file, whose index is at its end: give the file itself, not a pipe`,
        );
      }
      await source.close();
      return await openParquet(path, selection, onBytes);
    }
    return { stream: await openStream(source, path, selection), close: () => source.close() };
  } catch (error) {
    await source.close();
    throw error;
  }
}

async function isParquet(source: ByteSource): Promise<boolean> {
  return Buffer.from(await source.peek(4)).toString('latin1') === 'PAR1';
}

async function openStream(source: ByteSource, path: string, selection: Selection): Promise<RowStream> {
  const start = await source.peek(8);
  if (NPY_MAGIC.every((byte, i) => start[i] === byte)) return openNpy(source, selection);
  const text = Buffer.from(start).toString('latin1');
  if (text.startsWith(ARROW_MAGIC) || isArrowStream(start)) {
    return openArrow(source, selection, path === '-' ? undefined : path);
  }
  const other = OTHER_FORMATS.find(({ magic }) => text.startsWith(magic));
  if (other) throw new Failure(`${source.name} ${other.says}`);
  const [extension] = BINARY_EXTENSIONS.exec(path) ?? [];
  if (extension) throw new Failure(`${path} is not a ${extension} file: it does not begin as one`);
  return openCsv(source, selection);
}

/** A file that is opened anew for each reading but the first, which goes on from what was looked at. */
class ReopenedFile implements RowFile {
  readonly name: string;
  readonly canReread: boolean;
  readonly #open: () => Promise<Opened>;
  readonly #allowMissing: boolean;
  #opened: Opened;
  #used = false;
  #notes: readonly string[] = [];

  constructor(path: string, first: Opened, open: () => Promise<Opened>, allowMissing: boolean) {
    this.name = path === '-' ? 'standard input' : path;
    this.canReread = path !== '-';
    this.#opened = first;
    this.#open = open;
    this.#allowMissing = allowMissing;
  }

  get columns(): number {
    return this.#opened.stream.columns;
  }

  get names(): readonly string[] | undefined {
    return this.#opened.stream.names;
  }

  get labels(): readonly string[] {
    return this.#opened.stream.labels;
  }

  get notes(): readonly string[] {
    return [...this.#opened.stream.notes, ...this.#notes];
  }

  get rows(): number | undefined {
    return this.#opened.stream.rows;
  }

  get bytes(): number | undefined {
    return this.rows === undefined ? undefined : this.rows * this.columns * Float64Array.BYTES_PER_ELEMENT;
  }

  get isArray(): boolean {
    return this.#opened.stream.array !== undefined;
  }

  get doublesFrom(): number | undefined {
    return this.#opened.stream.array?.doublesFrom;
  }

  groupNames(): readonly string[] {
    return this.#opened.stream.groupNames();
  }

  async *chunks(): AsyncGenerator<RowChunk> {
    if (this.#used) {
      if (!this.canReread) throw new Failure(`${this.name} can be read only once`);
      await this.#opened.close();
      this.#opened = await this.#open();
    }
    this.#used = true;
    const { columns } = this;
    // Columns without a value so far: soon there are none, so that looking for them costs nothing.
    let empty = this.#allowMissing ? Array.from({ length: columns }, (_, column) => column) : [];
    for await (const chunk of this.#opened.stream.chunks()) {
      empty = empty.filter((column) => isEmpty(chunk, column, columns));
      yield chunk;
    }
    this.#notes = empty.map((column) => `${this.labels[column]} of ${this.name} has no value in any row`);
  }

  close(): Promise<void> {
    return this.#opened.close();
  }
}

function isEmpty({ data }: RowChunk, column: number, columns: number): boolean {
  for (let at = column; at < data.length; at += columns) {
    if (!Number.isNaN(data[at])) return false;
  }
  return true;
}
