// NumPy's .npy files: float64 and float32, little-endian, C order, versions 1 to 3.
// Must not convert anything else: what it refuses, it refuses with the line of Python that helps.
import type { ByteSource } from './bytes.ts';
import { MISSING_REMEDY } from './cells.ts';
import { columnLabel, resolveColumns, type Selection } from './columns.ts';
import { Failure } from './failure.ts';
import { GroupNumbers, type Groups, type Table } from './table.ts';

/** The first bytes of every .npy file. */
export const NPY_MAGIC: readonly number[] = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** A header longer than this is no header. */
const LONGEST_HEADER = 1 << 20;
/** Floats converted at once. */
const FLOATS = 1 << 18;

interface Header {
  readonly bytesPerValue: 4 | 8;
  readonly rows: number;
  readonly columns: number;
}

/**
 * Reads an array of one dimension (one feature) or two (rows x columns).
 * @throws Failure for other types, orders and shapes, and for files that are too short or too long
 */
export async function readNpy(source: ByteSource, selection: Selection): Promise<Table> {
  if (selection.header) throw new Failure(`${source.name} is a .npy file, which has no --header line`);
  const { header, dataStart } = await readHeader(source);
  const { rows, columns, bytesPerValue } = header;
  const bytes = rows * columns * bytesPerValue;
  const found = source.size === undefined ? undefined : source.size - dataStart;
  if (found !== undefined && found < bytes) throw truncated(source, bytes, found);
  const chosen = resolveColumns(selection, source.name, columns);
  const values = allocate(source, rows * columns);
  const filled = bytesPerValue === 8 ? await readDoubles(source, values) : await readFloats(source, values);
  if (filled < bytes) throw truncated(source, bytes, filled);
  if ((await source.peek(1)).length > 0) {
    throw new Failure(`${source.name} has bytes after the end of its array: it must hold one array only`);
  }
  const { features, weight, group } = chosen;
  const others = [weight, group].filter((column) => column !== undefined);
  checkValues(source, values, columns, features, selection.allowMissing ?? false);
  checkValues(source, values, columns, others, false);
  if (weight !== undefined) checkWeights(source, values, columns, weight);
  const all = features.length === columns && features.every((column, i) => column === i);
  return {
    data: all ? values : gather(values, rows, columns, features),
    rows,
    columns: features.length,
    names: undefined,
    labels: features.map((column) => columnLabel(column, undefined)),
    weights: weight === undefined ? undefined : gather(values, rows, columns, [weight]),
    groups: group === undefined ? undefined : groupRows(values, columns, group),
    notes: [],
  };
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

/** Parses such as `{'descr': '<f8', 'fortran_order': False, 'shape': (150, 4), }`. */
function parseHeader(name: string, text: string): Header {
  const [, type] = /['"]descr['"]\s*:\s*(?:['"]([^'"]*)['"]|\[)/.exec(text) ?? [];
  const [, fortran] = /['"]fortran_order['"]\s*:\s*(True|False)/.exec(text) ?? [];
  const [, shape] = /['"]shape['"]\s*:\s*\(([\d\sL,]*)\)/.exec(text) ?? [];
  if (type === undefined && /descr['"]\s*:\s*\[/.test(text)) {
    throw new Failure(`${name} holds records with fields; save the numbers as one array of float64`);
  }
  if (type === undefined || fortran === undefined || shape === undefined) {
    throw new Failure(`${name}: the .npy header is damaged`);
  }
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
  if (rows === 0 || columns === 0)
    throw new Failure(`${name} has ${rows} rows and ${columns} columns: no data`);
  return { bytesPerValue: type === '<f8' ? 8 : 4, rows, columns };
}

function allocate(source: ByteSource, length: number): Float64Array {
  try {
    return new Float64Array(length);
  } catch {
    throw new Failure(`${source.name} says that it holds ${length} values: more than fits into memory`);
  }
}

/** Little-endian bytes straight into place; every platform Node runs on is little-endian. */
async function readDoubles(source: ByteSource, values: Float64Array): Promise<number> {
  return source.readInto(new Uint8Array(values.buffer));
}

async function readFloats(source: ByteSource, values: Float64Array): Promise<number> {
  const floats = new Float32Array(Math.min(FLOATS, values.length));
  let bytes = 0;
  for (let at = 0; at < values.length; at += floats.length) {
    const part = floats.subarray(0, Math.min(floats.length, values.length - at));
    const filled = await source.readInto(new Uint8Array(part.buffer, 0, part.byteLength));
    bytes += filled;
    if (filled < part.byteLength) break;
    values.set(part, at);
  }
  return bytes;
}

/** @throws Failure for the first value in use that is missing or infinite, as NumPy would index it */
function checkValues(
  source: ByteSource,
  values: Float64Array,
  columns: number,
  used: readonly number[],
  allowMissing: boolean,
): void {
  for (let start = 0; start < values.length; start += columns) {
    for (const column of used) {
      const value = values[start + column];
      if (Number.isFinite(value) || (allowMissing && Number.isNaN(value))) continue;
      const what = Number.isNaN(value) ? `is nan: ${MISSING_REMEDY}` : 'is not finite';
      throw new Failure(`${source.name}: a[${start / columns}, ${column}] ${what}`);
    }
  }
}

/** @throws Failure for the first weight that is negative */
function checkWeights(source: ByteSource, values: Float64Array, columns: number, weight: number): void {
  for (let start = 0; start < values.length; start += columns) {
    const value = values[start + weight];
    if (value < 0) {
      throw new Failure(`${source.name}: a[${start / columns}, ${weight}]: the weight ${value} is negative`);
    }
  }
}

function gather(
  values: Float64Array,
  rows: number,
  columns: number,
  chosen: readonly number[],
): Float64Array {
  const result = new Float64Array(rows * chosen.length);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    for (const column of chosen) result[at++] = values[row * columns + column];
  }
  return result;
}

function groupRows(values: Float64Array, columns: number, column: number): Groups {
  const groups = new GroupNumbers();
  for (let at = column; at < values.length; at += columns) groups.push(values[at]);
  return groups.take();
}

function truncated(source: ByteSource, expected: number, found: number): Failure {
  return new Failure(
    `${source.name} is cut off: its header announces ${expected} bytes of data, but there are ${found}`,
  );
}
