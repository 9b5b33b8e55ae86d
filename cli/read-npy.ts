// NumPy's .npy files: float64 and float32, little-endian, C order, versions 1 to 3.
// Must not convert anything else: what it refuses, it refuses with the line of Python that helps.
import type { ByteSource } from './bytes.ts';
import { LARGEST, MISSING_REMEDY, NO_VALUE, TOO_LARGE } from './cells.ts';
import { type Columns, columnLabel, resolveColumns, type Selection } from './columns.ts';
import { Failure } from './failure.ts';
import { chunkRows, type RowChunk, type RowStream } from './rows.ts';
import { GroupNumbers } from './table.ts';

/** The first bytes of every .npy file. */
export const NPY_MAGIC: readonly number[] = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** A header longer than this is no header. */
const LONGEST_HEADER = 1 << 20;
/** A row of more columns would not fit into memory, nor into a model. */
const MOST_COLUMNS = 1 << 24;

interface Header {
  readonly bytesPerValue: 4 | 8;
  readonly rows: number;
  readonly columns: number;
}

/**
 * Opens an array of one dimension (one feature) or two (rows x columns): reads its header.
 * @throws Failure for other types, orders and shapes, and, here or from the chunks, for files that are too short or too
 * long, and for values that are missing or infinite
 */
export async function openNpy(source: ByteSource, selection: Selection): Promise<RowStream> {
  if (selection.header) throw new Failure(`${source.name} is a .npy file, which has no --header line`);
  const { header, dataStart } = await readHeader(source);
  const bytes = header.rows * header.columns * header.bytesPerValue;
  const found = source.size === undefined ? undefined : source.size - dataStart;
  if (found !== undefined && found < bytes) throw truncated(source, bytes, found);
  return new ArrayReader(source, header, selection, dataStart);
}

class ArrayReader implements RowStream {
  readonly names = undefined;
  readonly notes: readonly string[] = [];
  readonly rows: number;
  readonly columns: number;
  readonly labels: readonly string[];
  readonly array: NonNullable<RowStream['array']>;
  readonly #source: ByteSource;
  readonly #header: Header;
  readonly #allowMissing: boolean;
  readonly #refuseUnusable: boolean;
  readonly #chosen: Columns;
  readonly #groups: GroupNumbers = new GroupNumbers();

  constructor(source: ByteSource, header: Header, selection: Selection, dataStart: number) {
    this.#source = source;
    this.#header = header;
    this.#allowMissing = selection.allowMissing ?? false;
    this.#refuseUnusable = selection.refuseUnusable ?? false;
    this.#chosen = resolveColumns(selection, source.name, header.columns);
    this.rows = header.rows;
    this.columns = this.#chosen.features.length;
    this.labels = this.#chosen.features.map((column) => columnLabel(column, undefined));
    const isPlain = header.bytesPerValue === 8 && this.#usesAll;
    this.array = { doublesFrom: isPlain ? dataStart : undefined };
  }

  /** Whether the features are all the columns, in their order. */
  get #usesAll(): boolean {
    const { features } = this.#chosen;
    return features.length === this.#header.columns && features.every((column, i) => column === i);
  }

  groupNames(): readonly string[] {
    return this.#groups.names();
  }

  async *chunks(): AsyncGenerator<RowChunk> {
    const { rows, columns, bytesPerValue } = this.#header;
    const most = Math.min(rows, chunkRows(columns));
    // Little-endian bytes straight into place; every platform Node runs on is little-endian.
    const values = new Float64Array(most * columns);
    const stored = bytesPerValue === 8 ? values : new Float32Array(values.length);
    const { features } = this.#chosen;
    const all = this.#usesAll;
    for (let row = 0; row < rows; row += most) {
      const count = Math.min(most, rows - row);
      const length = count * columns;
      const wanted = length * bytesPerValue;
      const filled = await this.#source.readInto(new Uint8Array(stored.buffer, 0, wanted));
      if (filled < wanted) {
        throw truncated(this.#source, rows * columns * bytesPerValue, row * columns * bytesPerValue + filled);
      }
      const part = values.subarray(0, length);
      if (stored !== values) part.set(stored.subarray(0, length));
      this.#check(part, row);
      yield {
        data: all ? part : gather(part, columns, features),
        rows: count,
        ...this.#others(part),
      };
    }
    if ((await this.#source.peek(1)).length > 0) {
      throw new Failure(
        `${this.#source.name} has bytes after the end of its array: it must hold one array only`,
      );
    }
  }

  /** @throws Failure for the first value in use that is missing or infinite, as NumPy would index it */
  #check(values: Float64Array, firstRow: number): void {
    const { columns } = this.#header;
    const { features, weight, group } = this.#chosen;
    const others = [weight, group].filter((column) => column !== undefined);
    const largest = this.#refuseUnusable ? LARGEST : Number.MAX_VALUE;
    for (let start = 0, row = firstRow; start < values.length; start += columns, row++) {
      let missing = 0;
      for (let i = 0; i < features.length; i++) {
        const value = values[start + features[i]];
        if (Math.abs(value) <= largest) continue;
        if (!(this.#allowMissing && Number.isNaN(value))) throw this.#badValue(value, row, features[i]);
        missing++;
      }
      if (this.#refuseUnusable && missing === features.length) {
        throw new Failure(`${this.#source.name}: a[${row}]: ${NO_VALUE}`);
      }
      for (let i = 0; i < others.length; i++) {
        const column = others[i];
        const value = values[start + column];
        if (!Number.isFinite(value)) throw this.#badValue(value, row, column);
        if (column === weight && value < 0) {
          throw new Failure(`${this.#source.name}: a[${row}, ${column}]: the weight ${value} is negative`);
        }
      }
    }
  }

  #badValue(value: number, row: number, column: number): Failure {
    const tooLarge = Number.isFinite(value) ? `is ${value}, which ${TOO_LARGE}` : 'is not finite';
    const what = Number.isNaN(value) ? `is nan: ${MISSING_REMEDY}` : tooLarge;
    return new Failure(`${this.#source.name}: a[${row}, ${column}] ${what}`);
  }

  #others(values: Float64Array): Pick<RowChunk, 'weights' | 'groups'> {
    const { weight, group } = this.#chosen;
    const { columns } = this.#header;
    const groups = group === undefined ? undefined : gather(values, columns, [group]);
    return {
      weights: weight === undefined ? undefined : gather(values, columns, [weight]),
      groups: groups && Int32Array.from(groups, (value) => this.#groups.numberOf(value)),
    };
  }
}

async function readHeader(source: ByteSource): Promise<{ header: Header; dataStart: number }> {
  const prefix = Buffer.alloc(12);
  const start = await source.peek(12);
  prefix.set(start);
  const major = prefix[6];
  if (start.length === 12 && (major < 1 || major > 3)) {
    throw new Failure(`${source.name} has .npy version ${major}.${prefix[7]}; versions 1 to 3 can be read`);
  }
  const [prefixLength, length] = major === 1 ? [10, prefix.readUInt16LE(8)] : [12, prefix.readUInt32LE(8)];
  if (start.length < 12) throw new Failure(`${source.name} is cut off within its .npy header`);
  if (length > LONGEST_HEADER) throw new Failure(`${source.name}: the .npy header is damaged`);
  const dataStart = prefixLength + length;
  const bytes = new Uint8Array(dataStart);
  if ((await source.readInto(bytes)) < dataStart) {
    throw new Failure(`${source.name} is cut off within its .npy header`);
  }
  const text = new TextDecoder(major === 3 ? 'utf-8' : 'latin1').decode(bytes.subarray(prefixLength));
  return { header: parseHeader(source.name, text), dataStart };
}

/** An entry of the header, a literal of a Python dictionary: a text, a truth, a tuple of sizes, or the start of a list. */
const ENTRY =
  /\s*(['"])(descr|fortran_order|shape)\1\s*:\s*(?:(['"])([^'"]*)\3|(True|False)|\(([^()]*)\)|(\[))\s*(?:,|(?=\}))/y;
/** Sizes with a comma after each but the last of several, as Python writes tuples. */
const SIZES = /^\s*(?:\d+L?\s*,\s*(?:\d+L?\s*(?:,\s*\d+L?\s*)*,?\s*)?)?$/;

/** Parses such as `{'descr': '<f8', 'fortran_order': False, 'shape': (150, 4), }`. */
function parseHeader(name: string, text: string): Header {
  const damaged = new Failure(`${name}: the .npy header is damaged`);
  let [type, fortran, shape]: (string | undefined)[] = [];
  let consumed = 1;
  ENTRY.lastIndex = 1;
  for (let entry = ENTRY.exec(text); entry; entry = ENTRY.exec(text)) {
    const [, , key, , word, truth, sizes, list] = entry;
    if (key === 'descr' && list) {
      throw new Failure(`${name} holds records with fields; save the numbers as one array of float64`);
    }
    if (key === 'descr') type = word;
    else if (key === 'fortran_order') fortran = truth;
    else shape = sizes;
    consumed = ENTRY.lastIndex;
  }
  if (/[^ -~\t\r\n]/.test(text)) throw damaged;
  if (!text.startsWith('{') || !/^\s*\}\s*$/.test(text.slice(consumed))) throw damaged;
  if (type === undefined || fortran === undefined || shape === undefined || !SIZES.test(shape)) throw damaged;
  if (type !== '<f8' && type !== '<f4') {
    const kind = /^>f[48]$/.test(type) ? `big-endian numbers (${type})` : `values of type ${type}`;
    throw new Failure(`${name} holds ${kind}; save it as float64: np.save(file, a.astype('<f8'))`);
  }
  const sizes = shape
    .split(',')
    .map((size) => size.trim())
    .filter((size) => size !== '');
  const dimensions = sizes.map((size) => Number(size.replace('L', '')));
  if (dimensions.length < 1 || dimensions.length > 2) {
    throw new Failure(
      `${name} has ${dimensions.length} dimensions; rows x columns are needed: np.save(file, a.reshape(len(a), -1))`,
    );
  }
  const [rows, columns = 1] = dimensions;
  if (fortran === 'True' && rows > 1 && columns > 1) {
    throw new Failure(
      `${name} is in Fortran order; save it in C order: np.save(file, np.ascontiguousarray(a))`,
    );
  }
  if (rows === 0 || columns === 0) {
    throw new Failure(`${name} has ${rows} rows and ${columns} columns: no data`);
  }
  if (columns > MOST_COLUMNS || rows * columns > Number.MAX_SAFE_INTEGER / 8) {
    throw new Failure(
      `${name} says that it has ${rows} rows of ${columns} columns: its .npy header is damaged`,
    );
  }
  return { bytesPerValue: type === '<f8' ? 8 : 4, rows, columns };
}

/** Some columns of rows. */
function gather(values: Float64Array, columns: number, chosen: readonly number[]): Float64Array {
  const result = new Float64Array((values.length / columns) * chosen.length);
  let at = 0;
  for (let start = 0; start < values.length; start += columns) {
    for (let i = 0; i < chosen.length; i++) result[at++] = values[start + chosen[i]];
  }
  return result;
}

function truncated(source: ByteSource, expected: number, found: number): Failure {
  return new Failure(
    `${source.name} is cut off: its header announces ${expected} bytes of data, but there are ${found}`,
  );
}
