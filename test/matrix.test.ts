// Reading data: every accepted form gives the same rows, every defect is named by row and column.
// Must not fit anything.
import { Field, Float16, Int64, Table, tableFromArrays, Utf8, vectorFromArray } from 'apache-arrow';
import fc from 'fast-check';
import { MatrixTransposeView, Matrix as MlMatrix } from 'ml-matrix';
import { describe, expect, test } from 'vitest';
import { GaussmixError, GaussmixRangeError, GaussmixTypeError } from '../src/errors.ts';
import { type ArrowTableLike, Matrix, type MatrixLike } from '../src/matrix.ts';
import { type RowSourceOptions, toRowSource } from '../src/row-source.ts';
import { describeValue, featureLabel } from '../src/value-rules.ts';

/** All rows, read in blocks of `block` into a target that is longer than needed and full of sevens. */
function readAll(data: unknown, block: number = 2, options?: RowSourceOptions): number[][] {
  const source = toRowSource(data as MatrixLike, options);
  const target = new Float64Array(block * source.columns + 3).fill(7);
  const rows: number[][] = [];
  for (let start = 0; start < source.rows; start += block) {
    const count = Math.min(block, source.rows - start);
    target.fill(7);
    source.read(start, count, target);
    for (let i = 0; i < count; i++) {
      rows.push(Array.from(target.subarray(i * source.columns, (i + 1) * source.columns)));
    }
    // Nothing is written beyond the rows asked for.
    expect(target.subarray(count * source.columns).every((value) => value === 7)).toBe(true);
  }
  return rows;
}

/** The error of reading data, which must be one of the library's. */
function failure(data: unknown, options?: RowSourceOptions): GaussmixRangeError | GaussmixTypeError {
  let error: unknown;
  try {
    readAll(data, 2, options);
  } catch (caught) {
    error = caught;
  }
  expect(error).toBeInstanceOf(GaussmixError);
  return error as GaussmixRangeError | GaussmixTypeError;
}

function expectFailure(
  data: unknown,
  kind: typeof GaussmixRangeError | typeof GaussmixTypeError,
  code: string,
  ...texts: (string | RegExp)[]
): void {
  const error = failure(data);
  expect(error.code).toBe(code);
  expect(error).toBeInstanceOf(kind);
  for (const text of texts) expect(error.message).toMatch(text);
}

const ROWS = [
  [1, 2.5],
  [-3, 4],
  [0.1, 1e150],
];
const FLAT = ROWS.flat();

/** An ndarray in the manner of the package of that name: a view of `data` by shape, stride and offset. */
function ndarray(data: ArrayLike<number>, shape: number[], stride: number[], offset: number = 0) {
  return {
    data,
    shape,
    stride,
    offset,
    get: (i: number, j: number) => data[offset + i * stride[0] + j * stride[1]],
  };
}

describe('accepted forms read as the same rows', () => {
  const forms: [string, unknown][] = [
    ['number[][]', ROWS],
    ['readonly rows', Object.freeze(ROWS.map((row) => Object.freeze([...row])))],
    ['Float64Array[]', ROWS.map((row) => Float64Array.from(row))],
    ['rows of mixed kinds', [ROWS[0], Float64Array.from(ROWS[1]), { length: 2, 0: 0.1, 1: 1e150 }]],
    ['Matrix', new Matrix(Float64Array.from(FLAT), [3, 2])],
    ['Matrix.from', Matrix.from(ROWS)],
    ['flat array and shape', { data: FLAT, shape: [3, 2] }],
    ['flat Float64Array and shape', { data: Float64Array.from(FLAT), shape: [3, 2] }],
    ['shape in a typed array', { data: FLAT, shape: Int32Array.of(3, 2) }],
    ['ndarray', ndarray(Float64Array.from(FLAT), [3, 2], [2, 1])],
    ['ndarray, transposed', ndarray([1, -3, 0.1, 2.5, 4, 1e150], [3, 2], [1, 3])],
    ['ndarray, rows reversed', ndarray([0.1, 1e150, -3, 4, 1, 2.5], [3, 2], [-2, 1], 4)],
    [
      'ndarray, middle rows of a longer one',
      ndarray(Float64Array.of(9, 9, ...FLAT, 9, 9), [3, 2], [2, 1], 2),
    ],
    [
      'ndarray, two columns of three',
      ndarray(
        ROWS.flatMap(([a, b]) => [8, a, b]),
        [3, 2],
        [3, 1],
        1,
      ),
    ],
    [
      'strides spelt as in other packages',
      { data: [1, -3, 0.1, 2.5, 4, 1e150], shape: [3, 2], strides: [1, 3], offset: 0 },
    ],
    ['ml-matrix', new MlMatrix(ROWS)],
    ['ml-matrix view', new MatrixTransposeView(new MlMatrix(ROWS).transpose())],
    ['to1DArray alone', { rows: 3, columns: 2, to1DArray: () => FLAT }],
    ['Arrow table', tableFromArrays({ a: FLAT.filter((_, i) => i % 2 === 0), b: [2.5, 4, 1e150] })],
  ];

  test.each(forms)('%s', (_name, data) => {
    for (const block of [1, 2, 3]) expect(readAll(data, block)).toEqual(ROWS);
    expect(Matrix.from(data as MatrixLike).toArray()).toEqual(ROWS);
  });

  test('single precision and integers are widened', () => {
    expect(readAll([Float32Array.of(0.1, 2), Float32Array.of(3, 4)])).toEqual([
      [Math.fround(0.1), 2],
      [3, 4],
    ]);
    expect(readAll({ data: Float32Array.of(0.1, 2), shape: [2, 1] })).toEqual([[Math.fround(0.1)], [2]]);
    expect(readAll({ data: Uint8Array.of(1, 2, 255, 4), shape: [2, 2] })).toEqual([
      [1, 2],
      [255, 4],
    ]);
  });

  test.each([
    ['number[]', [1, 2, 3]],
    ['Float64Array', Float64Array.of(1, 2, 3)],
    ['Float32Array', Float32Array.of(1, 2, 3)],
    ['Int8Array', Int8Array.of(1, 2, 3)],
    ['shape [N]', { data: [1, 2, 3], shape: [3] }],
    ['ndarray of one dimension', { data: [1, 0, 2, 0, 3], shape: [3], stride: [2], offset: 0 }],
  ])('one feature: %s', (_name, data) => {
    expect(toRowSource(data as MatrixLike)).toMatchObject({ rows: 3, columns: 1 });
    expect(readAll(data)).toEqual([[1], [2], [3]]);
  });

  test('any finite rows survive every form, bit for bit', () => {
    const value = fc.double({ min: -1e150, max: 1e150, noNaN: true });
    const rows = fc
      .integer({ min: 1, max: 5 })
      .chain((columns) =>
        fc.array(fc.array(value, { minLength: columns, maxLength: columns }), { minLength: 1 }),
      );
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 4 }), (given, block) => {
        const shape = [given.length, given[0].length];
        const columns = given[0].map((_, j) => Float64Array.from(given, (row) => row[j]));
        const table = tableFromArrays(Object.fromEntries(columns.map((column, j) => [`c${j}`, column])));
        for (const form of [
          given,
          given.map((row) => Float64Array.from(row)),
          { data: given.flat(), shape },
          { data: Float64Array.from(given.flat()), shape },
          new MlMatrix(given),
          table,
          Matrix.from(given),
        ]) {
          // toStrictEqual tells -0 from 0.
          expect(readAll(form, block)).toStrictEqual(given);
        }
      }),
    );
  });

  test('the types take every form without a cast', () => {
    const nested: number[][] = [[1], [2]];
    const forms: MatrixLike[] = [
      nested,
      [[1], [2]] as const,
      nested.map((row) => Float64Array.from(row)),
      nested.map((row) => Float32Array.from(row)),
      Matrix.from(nested),
      { data: [1, 2], shape: [2, 1] },
      ndarray([1, 2], [2, 1], [1, 1]),
      new MlMatrix(nested),
      Int16Array.of(1, 2),
      [1, 2],
      tableFromArrays({ a: [1, 2] }),
    ];
    for (const form of forms) expect(readAll(form)).toEqual(nested);
  });

  test('data is read when asked for, not copied before', () => {
    const data = Float64Array.of(1, 2, 3, 4);
    const source = toRowSource({ data, shape: [2, 2] });
    data[2] = 30;
    const target = new Float64Array(2);
    source.read(1, 1, target);
    expect(Array.from(target)).toEqual([30, 4]);
  });

  test('ml-matrix is read element by element, not turned into an array', () => {
    const matrix = new MlMatrix(ROWS);
    matrix.to1DArray = () => {
      throw new Error('copied');
    };
    expect(readAll(matrix)).toEqual(ROWS);
  });
});

describe('values that are refused', () => {
  const R = GaussmixRangeError;
  const T = GaussmixTypeError;
  const cases: [string, unknown, typeof R | typeof T, string, string][] = [
    ['NaN', Number.NaN, R, 'MISSING_VALUE', 'NaN'],
    ['null', null, R, 'MISSING_VALUE', 'null'],
    ['undefined', undefined, R, 'MISSING_VALUE', 'undefined'],
    ['Infinity', Number.POSITIVE_INFINITY, R, 'INVALID_VALUE', 'Infinity'],
    ['-Infinity', Number.NEGATIVE_INFINITY, R, 'INVALID_VALUE', '-Infinity'],
    ['too large', 1.1e150, R, 'INVALID_VALUE', 'too large to be squared'],
    ['too large, negative', -1e200, R, 'INVALID_VALUE', 'rescale the column'],
    ['a string', '2.5', T, 'INVALID_VALUE', 'the string "2.5"'],
    ['an empty string', '', T, 'INVALID_VALUE', 'the string ""'],
    ['a boolean', true, T, 'INVALID_VALUE', 'the boolean true'],
    ['a bigint', 5n, T, 'INVALID_VALUE', 'the bigint 5n'],
    ['an object', { x: 1 }, T, 'INVALID_VALUE', 'an object'],
    ['a date', new Date(0), T, 'INVALID_VALUE', 'Date'],
    ['an array', [1], T, 'INVALID_VALUE', 'an array of length 1'],
    ['a function', () => 1, T, 'INVALID_VALUE', 'a function'],
    ['a symbol', Symbol('x'), T, 'INVALID_VALUE', 'a symbol'],
  ];

  test.each(cases)('%s, in every form that can hold it', (_name, bad, kind, code, text) => {
    // At row 2, column 1; a second one further on must not be the one reported.
    const rows: unknown[][] = [
      [1, 2],
      [3, 4],
      [5, bad],
      [bad, bad],
    ];
    const forms: unknown[] = [
      rows,
      { data: rows.flat(), shape: [4, 2] },
      { rows: 4, columns: 2, to1DArray: () => rows.flat() },
      { rows: 4, columns: 2, to1DArray: () => [], get: (i: number, j: number) => rows[i][j] },
      ndarray(rows.flat() as number[], [4, 2], [2, 1]),
      ndarray(
        [0, 1, 2].flatMap((j) => rows.map((row) => row[j] as number)),
        [4, 2],
        [1, 4],
      ),
    ];
    if (typeof bad === 'number') {
      forms.push(
        rows.map((row) => Float64Array.from(row as number[])),
        { data: Float64Array.from(rows.flat() as number[]), shape: [4, 2] },
        tableFromArrays({
          a: Float64Array.from(rows, (row) => row[0] as number),
          b: rows.map((row) => row[1]),
        }),
      );
    }
    for (const form of forms) expectFailure(form, kind, code, /row 2, column 1\b/, text, 'count from 0');
    expectFailure([1, 2, 3, bad, bad], kind, code, /row 3, column 0\b/, text);
  });

  test('the limit of magnitude itself is accepted', () => {
    expect(readAll([1e150, -1e150])).toEqual([[1e150], [-1e150]]);
  });

  test('the first bad value is found in any block and place', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.nat(35), { minLength: 1, maxLength: 4 }),
        (rows, columns, places) => {
          const data = new Float64Array(rows * columns).fill(1);
          for (const place of places) data[place % data.length] = Number.NaN;
          const first = data.findIndex(Number.isNaN);
          const where = new RegExp(`row ${Math.floor(first / columns)}, column ${first % columns}\\b`);
          const table = tableFromArrays(
            Object.fromEntries(
              Array.from({ length: columns }, (_, j) => [`c${j}`, data.filter((_, i) => i % columns === j)]),
            ),
          );
          const matrix = new Matrix(data, [rows, columns]);
          for (const form of [matrix, matrix.toArray(), [...matrix], table]) {
            expectFailure(form, R, 'MISSING_VALUE', where);
          }
        },
      ),
    );
  });

  test('holes of sparse arrays are missing values', () => {
    const hole = (length: number) => Object.assign(new Array<number>(length), { 0: 1, 2: 3 });
    expectFailure(hole(3), R, 'MISSING_VALUE', 'row 1, column 0');
    expectFailure([[1, 2, 3], hole(3)], R, 'MISSING_VALUE', 'row 1, column 1');
    expectFailure(new Array(4), R, 'MISSING_VALUE', 'row 0, column 0');
  });

  test('messages say what to do', () => {
    expect(failure([[1], [Number.NaN]]).message).toMatch(/Remove the rows.*fill/);
    expect(failure([[1], ['2']]).message).toMatch(/Number\(\)/);
    expect(failure([{ x: 1, y: 2 }]).message).toMatch(/rows\.map/);
  });

  test('messages use the name given', () => {
    expect(failure([[1], [Number.NaN]], { name: 'means' }).message).toMatch(/^means: row 1, column 0 is NaN/);
    expect(failure([], { name: 'means' }).message).toMatch(/^means /);
    expect(failure(null, { name: 'means' }).message).toMatch(/^means /);
  });

  test('64-bit typed arrays of bigints are refused, flat or as rows', () => {
    expectFailure(BigInt64Array.of(1n, 2n), T, 'INVALID_VALUE', 'row 0, column 0', 'the bigint 1n');
    expectFailure([BigInt64Array.of(1n, 2n)], T, 'INVALID_VALUE', 'row 0, column 0', 'the bigint 1n');
  });
});

describe('allowMissing', () => {
  test('NaN, null, undefined and holes are read as NaN', () => {
    const missing = Number.NaN;
    const expected = [
      [1, missing],
      [missing, 4],
    ];
    for (const form of [
      [
        [1, null],
        [undefined, 4],
      ],
      [Float64Array.of(1, missing), Float64Array.of(missing, 4)],
      { data: Float64Array.of(1, missing, missing, 4), shape: [2, 2] },
      { data: [1, null, undefined, 4], shape: [2, 2] },
      tableFromArrays({ a: [1, null], b: Float64Array.of(missing, 4) }),
    ]) {
      expect(readAll(form, 2, { allowMissing: true })).toEqual(expected);
    }
  });

  test.each([
    ['Infinity', [[1], [Number.POSITIVE_INFINITY]]],
    ['-Infinity in a typed array', Float64Array.of(Number.NaN, Number.NEGATIVE_INFINITY)],
    ['too large', [[1], [1e151]]],
    ['a string', [[1], ['x']]],
    ['a string after NaN', [Number.NaN, 'x']],
  ])('%s is refused all the same', (_name, data) => {
    const error = failure(data, { allowMissing: true });
    expect(error.code).toBe('INVALID_VALUE');
    expect(error.message).toMatch('row 1, column 0');
  });
});

describe('shapes that are refused', () => {
  const R = GaussmixRangeError;
  const T = GaussmixTypeError;

  test.each([
    ['an empty array', [], 'no rows'],
    ['an empty typed array', new Float64Array(0), 'no rows'],
    ['an empty row', [[]], 'no columns'],
    ['rows of empty rows', [[], []], 'no columns'],
    ['shape [0, 2]', { data: [], shape: [0, 2] }, 'no rows'],
    ['shape [2, 0]', { data: [], shape: [2, 0] }, 'no columns'],
    ['strided shape [0, 2]', ndarray([], [0, 2], [2, 1]), 'no rows'],
    ['an empty Matrix', new Matrix(new Float64Array(0), [0, 3]), 'no rows'],
    ['ml-matrix without rows', new MlMatrix(0, 2), 'no rows'],
    ['an Arrow table without rows', tableFromArrays({ a: new Float64Array(0) }), 'no rows'],
  ])('%s', (_name, data, text) => expectFailure(data, R, 'INVALID_SHAPE', text));

  test('the first ragged row is named, with its length and the one expected', () => {
    for (const short of [[3], [3, 4, 5], Float64Array.of(3), []]) {
      expectFailure(
        [[1, 2], [2, 3], short, [1]],
        R,
        'INVALID_SHAPE',
        'row 2',
        `length ${short.length}`,
        'length 2',
      );
    }
  });

  test.each([
    ['null', null, 'null'],
    ['a number', 3, ' 3'],
    ['a string', 'ab', 'the string "ab"'],
    ['a hole', undefined, 'undefined'],
    ['an object', { x: 1, y: 2 }, 'an object'],
  ])('a row that is %s', (_name, row, text) => {
    expectFailure([[1, 2], [3, 4], row], T, 'INVALID_DATA', 'row 2', text, '2 numbers');
  });

  test.each<[string, unknown, string, string]>([
    ['too few values', { data: [1, 2, 3], shape: [2, 2] }, 'needs 4', 'has 3'],
    ['too many values', { data: [1, 2, 3, 4, 5], shape: [2, 2] }, 'needs 4', 'has 5'],
    ['too many for [N]', { data: new Float64Array(4), shape: [3] }, 'needs 3', 'has 4'],
    ['to1DArray too short', { rows: 2, columns: 2, to1DArray: () => [1, 2, 3] }, 'needs 4', 'has 3'],
    ['strides beyond the data', ndarray([1, 2, 3, 4], [2, 2], [2, 2]), '0 to 4', 'has 4'],
    ['strides before the data', ndarray([1, 2, 3, 4], [2, 2], [-2, 1], 1), '-1 to 2', 'has 4'],
  ])('length that does not match: %s', (_name, data, needed, has) => {
    expectFailure(data, R, 'INVALID_SHAPE', needed, has);
  });

  test.each([
    ['no dimensions', []],
    ['three dimensions', [1, 2, 2]],
    ['a fraction', [1.5, 2]],
    ['a negative', [-2, -2]],
    ['a string', ['2', 2]],
    ['NaN', [Number.NaN, 2]],
  ])('shape with %s', (_name, shape) => {
    expectFailure({ data: [1, 2, 3, 4], shape }, T, 'INVALID_DATA', /shape is \[/, 'rows, columns');
  });
});

describe('what is no matrix', () => {
  test.each([
    ['null', null],
    ['undefined', undefined],
    ['a number', 3],
    ['a string', '1,2,3'],
    ['a boolean', true],
    ['a function', () => [[1]]],
    ['an empty object', {}],
    ['an object of columns', { x: [1, 2], y: [3, 4] }],
    ['an array-like object', { length: 2, 0: 1, 1: 2 }],
    ['a Map', new Map([[1, 2]])],
    ['a Set', new Set([1, 2])],
    ['an ArrayBuffer', new ArrayBuffer(8)],
    ['a DataView', new DataView(new ArrayBuffer(8))],
    ['data without a shape', { data: [1, 2] }],
    ['a shape without data', { shape: [1, 2] }],
    ['data that is a string', { data: '12', shape: [2, 1] }],
    ['rows and columns without to1DArray', { rows: 1, columns: 1 }],
    ['to1DArray that returns nothing', { rows: 1, columns: 1, to1DArray: () => undefined }],
  ])('%s is refused, with the accepted forms', (_name, data) => {
    expectFailure(data, GaussmixTypeError, 'INVALID_DATA', 'number[][]', 'shape', 'ml-matrix', 'Arrow');
  });

  test('a promise: await it', () => {
    expectFailure(Promise.resolve([[1]]), GaussmixTypeError, 'INVALID_DATA', 'a promise', 'Await');
  });

  test('a tensor: take its data', () => {
    const tensor = { shape: [2, 1], data: () => Promise.resolve([1, 2]), dataSync: () => [1, 2] };
    expectFailure(tensor, GaussmixTypeError, 'INVALID_DATA', 'dataSync');
    expect(readAll({ data: tensor.dataSync(), shape: tensor.shape })).toEqual([[1], [2]]);
  });
});

describe('Arrow tables', () => {
  test('numeric columns are the features, by name; the others are left out', () => {
    const table: ArrowTableLike = tableFromArrays({
      name: ['a', 'b', 'c'],
      waiting: [1.5, 2.5, 3.5],
      flag: [true, false, true],
      count: Int32Array.of(-1, 0, 1),
      single: Float32Array.of(0.25, 0.5, 0.75),
      when: [new Date(0), new Date(1), new Date(2)],
      long: BigInt64Array.of(-5n, 0n, 9007199254740991n),
      byte: Uint8Array.of(1, 2, 255),
    });
    const source = toRowSource(table);
    expect(source.columnNames).toEqual(['waiting', 'count', 'single', 'long', 'byte']);
    expect(source).toMatchObject({ rows: 3, columns: 5 });
    expect(readAll(table)).toEqual([
      [1.5, -1, 0.25, -5, 1],
      [2.5, 0, 0.5, 0, 2],
      [3.5, 1, 0.75, 9007199254740991, 255],
    ]);
  });

  test('a null is a missing value, not zero', () => {
    const table = tableFromArrays({ label: ['a', 'b', 'c'], x: [1, 2, 3], waiting: [1, 2, null] });
    expectFailure(table, GaussmixRangeError, 'MISSING_VALUE', 'row 2, column 1 ("waiting") is null');
  });

  test('columns with nulls next to columns without', () => {
    const table = tableFromArrays({ x: [1, null, 3], y: [4, 5, 6], z: Int32Array.of(7, 8, 9) });
    expect(readAll(table, 2, { allowMissing: true })).toEqual([
      [1, 4, 7],
      [Number.NaN, 5, 8],
      [3, 6, 9],
    ]);
  });

  test('tables of several batches, blocks across their borders', () => {
    const batch = (from: number) =>
      tableFromArrays({
        a: Float64Array.of(from, from + 1, from + 2),
        b: BigInt64Array.of(BigInt(from), 1n, 2n),
        c: Int16Array.of(from, 3, 4),
      });
    const table = batch(0).concat(batch(10), batch(20));
    expect(table.batches.length).toBe(3);
    const expected = [0, 10, 20].flatMap((from) => [
      [from, from, from],
      [from + 1, 1, 3],
      [from + 2, 2, 4],
    ]);
    for (const block of [1, 2, 4, 9]) {
      expect(readAll(table, block)).toEqual(expected);
      expect(readAll(table.slice(2, 8), block)).toEqual(expected.slice(2, 8));
    }
  });

  test('64-bit integers that no double holds exactly are refused', () => {
    const table = tableFromArrays({ ok: [1, 2], id: BigInt64Array.of(1n, 9007199254740993n) });
    const place = 'row 1, column 1 ("id") is 9007199254740993';
    expectFailure(table, GaussmixRangeError, 'INVALID_VALUE', place, '2^53');
    const nullable = new Table({ id: vectorFromArray([null, 2n ** 60n], new Int64()) });
    expect(failure(nullable, { allowMissing: true }).message).toMatch('row 1, column 0 ("id")');
  });

  test('half floats and dictionary-encoded numbers are numbers', () => {
    const half = vectorFromArray([1, 2.5, -0.5], new Float16());
    const coded = vectorFromArray(['a', 'b', 'a']);
    expect(readAll(new Table({ half, coded }))).toEqual([[1], [2.5], [-0.5]]);
    const values = [10, 20, 10];
    const field = { name: 'v', type: { typeId: -1, dictionary: { typeId: 3 } } };
    const table = {
      numRows: 3,
      schema: { fields: [field] },
      getChildAt: () => ({ get: (i: number) => values[i] }),
    };
    expect(readAll(table)).toEqual([[10], [20], [10]]);
  });

  test('a table without numeric columns is refused, with the columns it has', () => {
    const table = new Table({
      city: vectorFromArray(['x', 'y'], new Utf8()),
      ok: vectorFromArray([true, false]),
    });
    expectFailure(table, GaussmixTypeError, 'INVALID_DATA', '"city" (Utf8)', '"ok" (Bool)');
    expectFailure(new Table({}), GaussmixRangeError, 'INVALID_SHAPE');
  });

  test('a schema with a column that is not there is refused', () => {
    const fields = [new Field('gone', new Int64())];
    const table = { numRows: 1, schema: { fields }, getChildAt: () => null };
    expectFailure(table, GaussmixTypeError, 'INVALID_DATA', 'column 0');
  });
});

describe('Matrix', () => {
  test('wraps without copying, and rows are views', () => {
    const data = Float64Array.of(1, 2, 3, 4, 5, 6);
    const matrix = new Matrix(data, [2, 3]);
    expect(matrix.data).toBe(data);
    expect(matrix.shape).toEqual([2, 3]);
    const row = matrix.row(1);
    expect(Array.from(row)).toEqual([4, 5, 6]);
    row[0] = 40;
    expect(data[3]).toBe(40);
  });

  test('iterates over its rows', () => {
    const matrix = Matrix.from(ROWS);
    expect([...matrix].map((row) => Array.from(row))).toEqual(ROWS);
    const [first] = matrix;
    expect(first.buffer).toBe(matrix.data.buffer);
  });

  test('toArray is a copy', () => {
    const matrix = Matrix.from(ROWS);
    matrix.toArray()[0][0] = 99;
    expect(matrix.row(0)[0]).toBe(1);
  });

  test('from copies, keeps NaN and refuses infinities', () => {
    const data = Float64Array.of(1, Number.NaN);
    const matrix = Matrix.from(data);
    data[0] = 5;
    expect(matrix.toArray()).toEqual([[1], [Number.NaN]]);
    expect(() => Matrix.from([[1, Number.POSITIVE_INFINITY]])).toThrow(/row 0, column 1 is Infinity/);
  });

  test('the shape cannot be changed, from inside or outside', () => {
    const shape: [number, number] = [2, 1];
    const matrix = new Matrix(Float64Array.of(1, 2), shape);
    shape[0] = 7;
    expect(matrix.shape).toEqual([2, 1]);
    expect(() => (matrix.shape as [number, number]).fill(3)).toThrow(TypeError);
  });

  test.each([-1, 3, 0.5, Number.NaN, '0'])('row(%s) is refused', (i) => {
    expect(() => Matrix.from(ROWS).row(i as number)).toThrow(/rows are 0 to 2/);
  });

  test.each([
    ['wrong length', Float64Array.of(1, 2, 3), [2, 2], 'INVALID_SHAPE'],
    ['an array as data', [1, 2, 3, 4], [2, 2], 'INVALID_DATA'],
    ['one dimension', Float64Array.of(1, 2), [2], 'INVALID_DATA'],
    ['three dimensions', Float64Array.of(1, 2), [2, 1, 1], 'INVALID_DATA'],
    ['negative dimensions', Float64Array.of(1, 2), [-1, -2], 'INVALID_DATA'],
    ['fractions', Float64Array.of(1, 2), [0.5, 4], 'INVALID_DATA'],
    ['no shape', Float64Array.of(1, 2), undefined, 'INVALID_DATA'],
  ])('constructor: %s', (_name, data, shape, code) => {
    expect(() => new Matrix(data as Float64Array, shape as never)).toThrow(expect.objectContaining({ code }));
  });
});

test('featureLabel names a column by number, and by name where it has one', () => {
  expect(featureLabel({}, 3)).toBe('column 3');
  expect(featureLabel({ columnNames: ['a', 'b "c"'] }, 1)).toBe('column 1 ("b \\"c\\"")');
  expect(featureLabel({ columnNames: ['a'] }, 1)).toBe('column 1');
});

test('describeValue keeps long strings short', () => {
  expect(describeValue('x'.repeat(1000)).length).toBeLessThan(70);
  expect(describeValue(Object.create(null))).toBe('an object');
});
