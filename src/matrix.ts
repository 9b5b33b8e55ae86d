// The matrix type, and the types of everything that is taken for a matrix.
// Must not read data: row-source.ts does.
import { GaussmixRangeError, GaussmixTypeError } from './errors.ts';
import { toRowSource } from './row-source.ts';
import { describeValue, isCount, wrongLength } from './value-rules.ts';

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
