// The matrix type, and the one place that reads data in all its accepted forms, checking every value.
// Must not copy whole data sets (callers read blocks of rows) nor know what is fitted to them.
import { GaussmixRangeError, GaussmixTypeError } from './errors.ts';

/** A matrix of doubles, row-major. Used for all input and output of two dimensions. */
export class Matrix {
  /** Row-major values (rows x columns). Not copied: belongs to the matrix. */
  readonly data: Float64Array;
  readonly shape: readonly [rows: number, columns: number];

  /**
   * Wraps `data` without copying it.
   * @throws GaussmixRangeError INVALID_SHAPE when `data` does not hold rows x columns values
   * @throws GaussmixTypeError INVALID_DATA when `data` is not a Float64Array, or `shape` not two whole numbers
   */
  constructor(data: Float64Array, shape: readonly [number, number]) {
    if (!(data instanceof Float64Array)) {
      throw new GaussmixTypeError(
        'INVALID_DATA',
        `Matrix: data must be a Float64Array, not ${describeValue(data)}; Matrix.from takes other forms`,
      );
    }
    if (!Array.isArray(shape) || shape.length !== 2 || !shape.every(isCount)) {
      const given = Array.isArray(shape) ? `[${shape.join(', ')}]` : describeValue(shape);
      throw new GaussmixTypeError('INVALID_DATA', `Matrix: shape must be [rows, columns], not ${given}`);
    }
    const [rows, columns] = shape;
    if (data.length !== rows * columns) throw wrongLength('Matrix', [rows, columns], data.length);
    this.data = data;
    this.shape = Object.freeze([rows, columns] as const);
  }

  /**
   * A copy of `data` in any of the accepted forms. NaN, null and undefined become NaN (a missing value).
   * @throws GaussmixRangeError INVALID_SHAPE (no rows, no columns, ragged), INVALID_VALUE (infinite, beyond 1e150)
   * @throws GaussmixTypeError INVALID_DATA (no matrix at all), INVALID_VALUE (an element that is not a number)
   * @example
   * import { Matrix } from 'gaussmix';
   * const matrix = Matrix.from([[1, 2], [3, 4]]);
   * matrix.row(1); // Float64Array [3, 4]
   */
  static from(data: MatrixLike): Matrix {
    const source = toRowSource(data, { allowMissing: true });
    const values = new Float64Array(source.rows * source.columns);
    source.read(0, source.rows, values);
    return new Matrix(values, [source.rows, source.columns]);
  }

  /**
   * Row `i` as a view: writing to it writes to the matrix.
   * @throws GaussmixRangeError INVALID_SHAPE when there is no such row
   */
  row(i: number): Float64Array {
    const [rows, columns] = this.shape;
    if (!Number.isInteger(i) || i < 0 || i >= rows) {
      const which = rows > 0 ? `rows are 0 to ${rows - 1}` : 'it has no rows';
      throw new GaussmixRangeError('INVALID_SHAPE', `Matrix: no row ${describeValue(i)}; ${which}`);
    }
    return this.data.subarray(i * columns, (i + 1) * columns);
  }

  /** A copy as nested arrays. */
  toArray(): number[][] {
    return Array.from(this, (row) => Array.from(row));
  }

  /** The rows, as views. */
  *[Symbol.iterator](): Generator<Float64Array, void, undefined> {
    for (let i = 0; i < this.shape[0]; i++) yield this.row(i);
  }
}

/** Typed arrays of numbers. */
export type NumericArray =
  | Float64Array
  | Float32Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array;

/** A column of an Arrow table, as far as it is used here. */
export interface ArrowVectorLike {
  readonly nullCount?: number;
  get(index: number): unknown;
  slice?(begin?: number, end?: number): ArrowVectorLike;
  toArray?(): ArrayLike<unknown>;
}

/** An Apache Arrow table, recognised by its shape: the library does not import Arrow. */
export interface ArrowTableLike {
  readonly numRows: number;
  readonly schema: {
    readonly fields: readonly { readonly name: string; readonly type: { readonly typeId: number } }[];
  };
  getChildAt(index: number): ArrowVectorLike | null;
}

/** The forms in which data is taken: N rows (samples) of D columns (features). */
export type MatrixLike =
  | Matrix
  /** rows: number[][], Float64Array[], Float32Array[] */
  | readonly ArrayLike<number>[]
  /** flat, row-major: an ndarray (its strides are honoured), tfjs `{ data: t.dataSync(), shape: t.shape }` */
  | { readonly data: ArrayLike<number>; readonly shape: readonly number[] }
  /** ml-matrix */
  | { readonly rows: number; readonly columns: number; to1DArray(): number[] }
  /** one feature: shape [N, 1] */
  | NumericArray
  | readonly number[]
  /** the numeric columns are the features; the others are left out */
  | ArrowTableLike;

/** Data of any form as a sequence of rows, read block by block. */
export interface RowSource {
  readonly rows: number;
  readonly columns: number;
  /** Where the data names its columns. */
  readonly columnNames?: readonly string[];
  /** Names of columns that hold no numbers and are therefore not among these. */
  readonly leftOut?: readonly string[];
  /**
   * Copies rows [start, start + count), row-major, to target[0 .. count * columns). Allocates nothing of the size of
   * the data. After an error `target` holds anything.
   * @throws GaussmixRangeError MISSING_VALUE, INVALID_VALUE; GaussmixTypeError INVALID_VALUE: the first bad value
   */
  read(start: number, count: number, target: Float64Array): void;
}

export interface RowSourceOptions {
  /** What messages call the data; 'data' by default. */
  readonly name?: string | undefined;
  /** Read NaN, null and undefined as NaN; by default they are errors. */
  readonly allowMissing?: boolean | undefined;
  /** Largest magnitude taken, 1e150 by default; variances, which are squares already, may be larger. */
  readonly largest?: number | undefined;
  /** Names of the columns to take, in order, where the data has names: those of the model that will read them. */
  readonly columns?: readonly string[] | undefined;
}

/** Magnitudes beyond this are refused: sums of their squares would overflow. */
const LARGEST = 1e150;

const ACCEPTED_FORMS =
  'an array of rows (number[][], Float64Array[]), { data, shape } with flat row-major data and shape [rows, columns], ' +
  'a Matrix, an ml-matrix Matrix, an Apache Arrow table, or a flat array of numbers (one feature)';

/**
 * Recognises the form of `data` and checks its shape, not yet its values: `read` checks those. O(rows) for an array of
 * rows, else O(1).
 * @throws GaussmixTypeError INVALID_DATA when it is no matrix; GaussmixRangeError INVALID_SHAPE when its shape is wrong
 */
export function toRowSource(data: MatrixLike, options: RowSourceOptions = {}): RowSource {
  const name = options.name ?? 'data';
  const allowMissing = options.allowMissing ?? false;
  const given: unknown = data;
  if (isTypedArray(given))
    return flatSource(
      given,
      [given.length, 1],
      new ValueRules(name, allowMissing, undefined, options.largest),
    );
  if (Array.isArray(given)) {
    const rules = new ValueRules(name, allowMissing, undefined, options.largest);
    const flat = given.length === 0 || !isArrayLike(given[0]);
    return flat ? flatSource(given, [given.length, 1], rules) : rowsSource(given, rules);
  }
  if (isArrowTable(given)) return arrowSource(given, name, allowMissing, options.columns);
  if (isShaped(given))
    return shapedSource(given, new ValueRules(name, allowMissing, undefined, options.largest));
  if (isMlMatrix(given))
    return mlMatrixSource(given, new ValueRules(name, allowMissing, undefined, options.largest));
  throw notAMatrix(given, name);
}

/** How messages name a column: `column 3`, or `column 3 ("waiting")` where it has a name. */
export function featureLabel(source: Pick<RowSource, 'columnNames'>, column: number): string {
  const name = source.columnNames?.[column];
  return name === undefined ? `column ${column}` : `column ${column} (${JSON.stringify(name)})`;
}

/** A value in words, for messages: its kind, and itself where it is short. */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `the string ${JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)}`;
    case 'boolean':
      return `the boolean ${value}`;
    case 'bigint':
      return `the bigint ${value}n`;
    case 'function':
      return 'a function';
    case 'symbol':
      return 'a symbol';
    case 'object':
      break;
    default:
      return String(value);
  }
  if (value === null) return 'null';
  if (typeof (value as { then?: unknown }).then === 'function') return 'a promise';
  if (Array.isArray(value)) return `an array of length ${value.length}`;
  const type = (value as { constructor?: { name?: unknown } }).constructor?.name;
  return typeof type === 'string' && type !== '' && type !== 'Object' ? `an object (${type})` : 'an object';
}

/** What is asked of each value, and the errors for those that do not comply. */
class ValueRules {
  readonly name: string;
  readonly allowMissing: boolean;
  readonly columnNames: readonly string[] | undefined;
  readonly #largest: number;

  constructor(
    name: string,
    allowMissing: boolean,
    columnNames?: readonly string[],
    largest: number = LARGEST,
  ) {
    this.name = name;
    this.#largest = largest;
    this.allowMissing = allowMissing;
    this.columnNames = columnNames;
  }

  /** @throws GaussmixRangeError INVALID_SHAPE when there are no rows or no columns */
  checkSize(rows: number, columns: number): void {
    if (rows > 0 && columns > 0) return;
    const what =
      rows > 0 ? 'columns: there must be at least one feature' : 'rows: there must be at least one';
    throw new GaussmixRangeError('INVALID_SHAPE', `${this.name} has no ${what}`);
  }

  /** Checks numbers already copied: values[0 .. length) start at row `start`. */
  scan(values: Float64Array, length: number, start: number, columns: number): void {
    let i = 0;
    // Four at a time, a third faster, up to the first four that are not all plain.
    for (; i + 4 <= length; i += 4) {
      const plain =
        Math.abs(values[i]) <= LARGEST &&
        Math.abs(values[i + 1]) <= LARGEST &&
        Math.abs(values[i + 2]) <= LARGEST &&
        Math.abs(values[i + 3]) <= LARGEST;
      if (!plain) break;
    }
    for (; i < length; i++) {
      const value = values[i];
      if (Math.abs(value) <= this.#largest || (this.allowMissing && Number.isNaN(value))) continue;
      throw this.error(value, start + Math.floor(i / columns), i % columns);
    }
  }

  /** What stands for a value that is not a number up to LARGEST: NaN for one that may be missing, or an error. */
  otherwise(value: unknown, row: number, column: number): number {
    if (typeof value === 'number' && Math.abs(value) <= this.#largest) return value;
    if (this.allowMissing && isMissing(value)) return Number.NaN;
    throw this.error(value, row, column);
  }

  /** The error for a value that is refused. */
  error(value: unknown, row: number, column: number): GaussmixRangeError | GaussmixTypeError {
    const label = this.columnNames
      ? featureLabel({ columnNames: this.columnNames }, column)
      : `column ${column}`;
    const at = `${this.name}: row ${row}, ${label} is ${describeValue(value)} (rows and columns count from 0).`;
    if (isMissing(value)) {
      const remedy =
        this.name === 'data'
          ? 'Remove the rows that have missing values, or fill them.'
          : `Every element of ${this.name} must be given.`;
      return new GaussmixRangeError('MISSING_VALUE', `${at} ${remedy}`);
    }
    if (typeof value !== 'number') {
      return new GaussmixTypeError('INVALID_VALUE', `${at} Every value must be a number${hint(value)}.`);
    }
    const remedy = Number.isFinite(value)
      ? `It is too large to be squared (limit ${LARGEST}): rescale the column.`
      : 'Every value must be finite: remove or correct it.';
    return new GaussmixRangeError('INVALID_VALUE', `${at} ${remedy}`);
  }
}

function hint(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'bigint') return ': convert it with Number()';
  if (typeof value !== 'object' || Array.isArray(value)) return '';
  return ': make arrays of rows that are objects, as in rows.map((row) => [row.x, row.y])';
}

function isMissing(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'number' && Number.isNaN(value));
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isTypedArray(value: unknown): value is NumericArray {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

/** A typed array whose elements are numbers: not a BigInt64Array or BigUint64Array. */
function isNumericArray(value: ArrayLike<unknown>): value is NumericArray {
  return isTypedArray(value) && typeof (value as ArrayLike<unknown>)[0] === 'number';
}

function isArrayLike(value: unknown): value is ArrayLike<unknown> {
  return typeof value === 'object' && value !== null && isCount((value as { length?: unknown }).length);
}

function wrongLength(name: string, shape: readonly number[], length: number): GaussmixRangeError {
  const needed = shape.reduce((a, b) => a * b, 1);
  return new GaussmixRangeError(
    'INVALID_SHAPE',
    `${name}: shape [${shape.join(', ')}] needs ${needed} values, but data has ${length}`,
  );
}

function notAMatrix(value: unknown, name: string): GaussmixTypeError {
  const { then, data, shape } = (value ?? {}) as { then?: unknown; data?: unknown; shape?: unknown };
  let advice = '';
  if (typeof then === 'function') advice = ' Await the promise first.';
  else if (typeof data === 'function' && shape !== undefined) {
    advice = ' For a tensor t pass { data: t.dataSync(), shape: t.shape }.';
  }
  return new GaussmixTypeError(
    'INVALID_DATA',
    `${name} is ${describeValue(value)}, not a matrix. Accepted: ${ACCEPTED_FORMS}.${advice}`,
  );
}

/** Flat values, row-major from `offset` on. */
function flatSource(
  values: ArrayLike<unknown>,
  [rows, columns]: readonly [number, number],
  rules: ValueRules,
  offset: number = 0,
): RowSource {
  rules.checkSize(rows, columns);
  // Elements of a BigInt array cannot be copied as doubles: they go, and fail, one by one.
  if (!isNumericArray(values)) {
    return stridedSource(values, [rows, columns], rules, offset, [columns, 1]);
  }
  return {
    rows,
    columns,
    read(start, count, target) {
      const from = offset + start * columns;
      target.set(values.subarray(from, from + count * columns));
      rules.scan(target, count * columns, start, columns);
    },
  };
}

/** Element (row, column) at offset + row * strides[0] + column * strides[1]. */
function stridedSource(
  values: ArrayLike<unknown>,
  [rows, columns]: readonly [number, number],
  rules: ValueRules,
  offset: number,
  [rowStride, columnStride]: readonly number[],
): RowSource {
  return {
    rows,
    columns,
    read(start, count, target) {
      let to = 0;
      for (let row = start; row < start + count; row++) {
        let from = offset + row * rowStride;
        for (let column = 0; column < columns; column++) {
          const value = values[from];
          target[to++] =
            typeof value === 'number' && Math.abs(value) <= LARGEST
              ? value
              : rules.otherwise(value, row, column);
          from += columnStride;
        }
      }
    },
  };
}

/** An array of rows. */
function rowsSource(data: readonly unknown[], rules: ValueRules): RowSource {
  const columns = (data[0] as ArrayLike<unknown>).length;
  rules.checkSize(data.length, columns);
  for (let i = 0; i < data.length; i++) {
    const row = data[i];
    if (!isArrayLike(row)) {
      throw new GaussmixTypeError(
        'INVALID_DATA',
        `${rules.name}: row ${i} (rows count from 0) is ${describeValue(row)}; each row must be an array of ${columns} ` +
          'numbers, as row 0 is',
      );
    }
    if (row.length !== columns) {
      throw new GaussmixRangeError(
        'INVALID_SHAPE',
        `${rules.name}: row ${i} (rows count from 0) has length ${row.length}, but row 0 has length ${columns}: all rows ` +
          'must have the same length',
      );
    }
  }
  const rows = data as readonly ArrayLike<unknown>[];
  return {
    rows: rows.length,
    columns,
    read(start, count, target) {
      let to = 0;
      for (let i = start; i < start + count; i++) {
        const row = rows[i];
        for (let column = 0; column < columns; column++) {
          const value = row[column];
          target[to++] =
            typeof value === 'number' && Math.abs(value) <= LARGEST
              ? value
              : rules.otherwise(value, i, column);
        }
      }
    },
  };
}

interface Shaped {
  readonly data: ArrayLike<unknown>;
  readonly shape: ArrayLike<unknown>;
  /** ndarray calls them stride, others strides; in elements. */
  readonly stride?: unknown;
  readonly strides?: unknown;
  readonly offset?: unknown;
}

function isShaped(value: unknown): value is Shaped {
  const { data, shape } = (value ?? {}) as { data?: unknown; shape?: unknown };
  return typeof value === 'object' && isArrayLike(data) && isArrayLike(shape);
}

function shapedSource(given: Shaped, rules: ValueRules): RowSource {
  const dimensions = Array.from(given.shape);
  const [rows, columns = 1] = dimensions;
  if (dimensions.length < 1 || dimensions.length > 2 || !isCount(rows) || !isCount(columns)) {
    throw new GaussmixTypeError(
      'INVALID_DATA',
      `${rules.name}: shape is [${dimensions.map(String).join(', ')}], but must be [rows, columns], two whole numbers ` +
        `(or [rows] for one feature). Accepted: ${ACCEPTED_FORMS}.`,
    );
  }
  const { data } = given;
  const strides = stridesOf(given, dimensions.length);
  if (!strides) {
    if (data.length !== rows * columns) throw wrongLength(rules.name, dimensions as number[], data.length);
    return flatSource(data, [rows, columns], rules);
  }
  rules.checkSize(rows, columns);
  const offset = isCount(given.offset) ? given.offset : 0;
  const [rowStride, columnStride = 1] = strides;
  const reach = [(rows - 1) * rowStride, (columns - 1) * columnStride];
  const lowest = offset + reach.reduce((sum, r) => sum + Math.min(0, r), 0);
  const highest = offset + reach.reduce((sum, r) => sum + Math.max(0, r), 0);
  if (lowest < 0 || highest >= data.length) {
    throw new GaussmixRangeError(
      'INVALID_SHAPE',
      `${rules.name}: shape [${dimensions.join(', ')}] with strides [${strides.join(', ')}] from offset ${offset} reaches ` +
        `elements ${lowest} to ${highest}, but data has ${data.length}`,
    );
  }
  const contiguous = columnStride === 1 && rowStride === columns;
  return contiguous
    ? flatSource(data, [rows, columns], rules, offset)
    : stridedSource(data, [rows, columns], rules, offset, [rowStride, columnStride]);
}

/** An ndarray's strides: a transposed or sliced one shares its data with the whole. */
function stridesOf(given: Shaped, dimensions: number): number[] | undefined {
  const strides = given.stride ?? given.strides;
  if (!isArrayLike(strides) || strides.length !== dimensions) return undefined;
  const numbers = Array.from(strides);
  return numbers.every((stride): stride is number => Number.isSafeInteger(stride)) ? numbers : undefined;
}

interface MlMatrixLike {
  readonly rows: number;
  readonly columns: number;
  to1DArray(): ArrayLike<unknown>;
  get?: unknown;
}

function isMlMatrix(value: unknown): value is MlMatrixLike {
  if (typeof value !== 'object' || value === null) return false;
  const { rows, columns, to1DArray } = value as Partial<MlMatrixLike>;
  return isCount(rows) && isCount(columns) && typeof to1DArray === 'function';
}

/** Reads by `get(row, column)`, as ml-matrix has it; to1DArray, a copy of all, only where that is missing. */
function mlMatrixSource(matrix: MlMatrixLike, rules: ValueRules): RowSource {
  const { rows, columns } = matrix;
  rules.checkSize(rows, columns);
  if (typeof matrix.get !== 'function' || matrix.get.length !== 2) {
    const values = matrix.to1DArray();
    if (!isArrayLike(values)) throw notAMatrix(matrix, rules.name);
    if (values.length !== rows * columns) throw wrongLength(rules.name, [rows, columns], values.length);
    return flatSource(values, [rows, columns], rules);
  }
  const elements = matrix as unknown as { get(row: number, column: number): unknown };
  return {
    rows,
    columns,
    read(start, count, target) {
      let to = 0;
      for (let row = start; row < start + count; row++) {
        for (let column = 0; column < columns; column++) {
          const value = elements.get(row, column);
          target[to++] =
            typeof value === 'number' && Math.abs(value) <= LARGEST
              ? value
              : rules.otherwise(value, row, column);
        }
      }
    },
  };
}

/** Arrow's Type.Dictionary, Type.Int and Type.Float, and Precision.HALF. */
const ARROW_DICTIONARY = -1;
const ARROW_INT = 2;
const ARROW_FLOAT = 3;
const ARROW_HALF = 0;

interface ArrowType {
  readonly typeId: number;
  readonly precision?: number;
  /** Of a dictionary-encoded column: the type of its values. */
  readonly dictionary?: ArrowType;
}

function isArrowTable(value: unknown): value is ArrowTableLike {
  if (typeof value !== 'object' || value === null) return false;
  const { numRows, schema, getChildAt } = value as Partial<ArrowTableLike>;
  return (
    isCount(numRows) &&
    typeof getChildAt === 'function' &&
    Array.isArray(schema?.fields) &&
    schema.fields.every((field) => typeof field?.name === 'string' && typeof field.type?.typeId === 'number')
  );
}

function isNumericType(type: ArrowType): boolean {
  const { typeId } = type.typeId === ARROW_DICTIONARY && type.dictionary ? type.dictionary : type;
  return typeId === ARROW_INT || typeId === ARROW_FLOAT;
}

interface ArrowColumn {
  readonly vector: ArrowVectorLike;
  /** Whether a slice's toArray() is the values themselves: no nulls, no half floats, no dictionary. */
  readonly plain: boolean;
}

function arrowColumn(table: ArrowTableLike, index: number, type: ArrowType, name: string): ArrowColumn {
  const vector = table.getChildAt(index);
  if (typeof vector?.get !== 'function') {
    throw new GaussmixTypeError(
      'INVALID_DATA',
      `${name}: the table has no column ${index}, although its schema does`,
    );
  }
  const plain =
    vector.nullCount === 0 &&
    typeof vector.slice === 'function' &&
    typeof vector.toArray === 'function' &&
    (type.typeId === ARROW_INT || (type.typeId === ARROW_FLOAT && type.precision !== ARROW_HALF));
  return { vector, plain };
}

/** The numeric columns of an Arrow table. */
function arrowSource(
  table: ArrowTableLike,
  name: string,
  allowMissing: boolean,
  wanted: readonly string[] | undefined,
): RowSource {
  const { fields } = table.schema;
  const all = fields.flatMap((field, index) => (isNumericType(field.type) ? [{ field, index }] : []));
  const leftOut = fields.filter((field) => !isNumericType(field.type)).map((field) => field.name);
  const numeric = wanted ? columnsByName(all, wanted, name) : all;
  if (numeric.length === 0 && fields.length > 0) {
    const list = fields.map((field) => `${JSON.stringify(field.name)} (${String(field.type)})`).join(', ');
    throw new GaussmixTypeError(
      'INVALID_DATA',
      `${name}: no column of the table is numeric (integer or floating point); its columns are ${list}`,
    );
  }
  const columnNames = numeric.map(({ field }) => field.name);
  const rules = new ValueRules(name, allowMissing, columnNames);
  rules.checkSize(table.numRows, numeric.length);
  const columns = numeric.map(({ field, index }) => arrowColumn(table, index, field.type, name));
  return {
    rows: table.numRows,
    columns: columns.length,
    columnNames,
    leftOut,
    read(start, count, target) {
      // Column by column, yet the bad value reported is the first in row order: later columns need only be read
      // down to the row of one already found.
      let clean = count;
      let error: Error | undefined;
      columns.forEach((column, feature) => {
        const bad = readArrowColumn(
          column,
          start,
          clean,
          target.subarray(feature),
          columns.length,
          allowMissing,
        );
        if (bad === undefined) return;
        clean = bad.row;
        error = arrowError(bad.value, start + bad.row, feature, rules);
      });
      if (error) throw error;
    },
  };
}

/** The columns of these names, in this order; all columns when none has such a name. */
function columnsByName<T extends { readonly field: { readonly name: string } }>(
  columns: readonly T[],
  wanted: readonly string[],
  name: string,
): readonly T[] {
  const found = wanted.map((label) => columns.find(({ field }) => field.name === label));
  if (found.every((column) => column === undefined)) return columns;
  const missing = found.indexOf(undefined);
  if (missing < 0) return found as T[];
  throw new GaussmixRangeError(
    'INVALID_SHAPE',
    `${name}: the table has no numeric column ${JSON.stringify(wanted[missing])}, which the model was fitted to; it has ` +
      columns.map(({ field }) => JSON.stringify(field.name)).join(', '),
  );
}

/** Copies `count` values to every `stride`-th element of `target`, up to the first bad one, which it returns. */
function readArrowColumn(
  { vector, plain }: ArrowColumn,
  start: number,
  count: number,
  target: Float64Array,
  stride: number,
  allowMissing: boolean,
): { row: number; value: unknown } | undefined {
  const values = plain ? vector.slice!(start, start + count).toArray!() : undefined;
  for (let row = 0; row < count; row++) {
    const value = values ? values[row] : vector.get(start + row);
    const number = typeof value === 'bigint' ? safeNumber(value) : value;
    if (typeof number === 'number' && Math.abs(number) <= LARGEST) target[row * stride] = number;
    else if (allowMissing && isMissing(value)) target[row * stride] = Number.NaN;
    else return { row, value };
  }
  return undefined;
}

/** A 64-bit integer as a double, if it is one exactly. */
function safeNumber(value: bigint): number | undefined {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : undefined;
}

function arrowError(value: unknown, row: number, column: number, rules: ValueRules): Error {
  if (typeof value !== 'bigint') return rules.error(value, row, column);
  return new GaussmixRangeError(
    'INVALID_VALUE',
    `${rules.name}: row ${row}, ${featureLabel({ columnNames: rules.columnNames! }, column)} is ${value} (rows and columns ` +
      'count from 0). It is too large an integer to be a double exactly (limit 2^53 - 1): rescale the column.',
  );
}
