// Data in any of its accepted forms, read in blocks of rows, every value checked.
// Must not copy whole data sets (callers read blocks of rows) nor know what is fitted to them.
import { arrowSource, isArrowTable } from './arrow.ts';
import { GaussmixRangeError, GaussmixTypeError } from './errors.ts';
import type { MatrixLike, NumericArray } from './matrix.ts';
import { describeValue, isCount, LARGEST, ValueRules, wrongLength } from './value-rules.ts';

/** Data of any form as a sequence of rows, read block by block. */
export interface RowSource {
  readonly rows: number;
  readonly columns: number;
  /** Where the data names its columns. */
  readonly columnNames?: readonly string[];
  /** Names of columns that hold no numbers and are therefore not among these. */
  readonly leftOut?: readonly string[];
  /** Values may be missing: NaN. */
  readonly missing?: boolean;
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
  /** Number of the first row, for messages; 0 by default. */
  readonly firstRow?: number | undefined;
  /** Names of the columns to take, in order, where the data has names: those of the model that will read them. */
  readonly columns?: readonly string[] | undefined;
}

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
  const rules = new ValueRules(name, allowMissing, undefined, options.largest, options.firstRow);
  if (isTypedArray(given)) return flatSource(given, [given.length, 1], rules);
  if (Array.isArray(given)) {
    const flat = given.length === 0 || !isArrayLike(given[0]);
    return flat ? flatSource(given, [given.length, 1], rules) : rowsSource(given, rules);
  }
  if (isArrowTable(given)) return arrowSource(given, rules, options.columns);
  if (isShaped(given)) return shapedSource(given, rules);
  if (isMlMatrix(given)) return mlMatrixSource(given, rules);
  throw notAMatrix(given, name);
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
        `${rules.name}: row ${rules.firstRow + i} (rows count from 0) is ${describeValue(row)}; each row must be an array of ${columns} ` +
          `numbers, as row ${rules.firstRow} is`,
      );
    }
    if (row.length !== columns) {
      throw new GaussmixRangeError(
        'INVALID_SHAPE',
        `${rules.name}: row ${rules.firstRow + i} (rows count from 0) has length ${row.length}, but row ${rules.firstRow} has length ${columns}: all rows ` +
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
