// The CSV reader alone: formats found out, numbers kept to the bit, defects named by line and column.
// Must not start processes: cli.test.ts and its neighbours do.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteSource } from '../cli/bytes.ts';
import { cellKind, cellNumber } from '../cli/cells.ts';
import type { Selection } from '../cli/columns.ts';
import { findDelimiter } from '../cli/csv-format.ts';
import { openCsv } from '../cli/read-csv.ts';
import { GrowingVector, type Table } from '../cli/table.ts';
import { collect } from './helpers/rows.ts';

/** Reads text that arrives in blocks of `size` bytes, and is looked at in windows of that size. */
async function read(text: string | Uint8Array, selection: Selection = {}, size = 1 << 20): Promise<Table> {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  async function* blocks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  return collect(await openCsv(new ByteSource('data.csv', blocks()), selection, size));
}

async function values(text: string | Uint8Array, selection?: Selection, size?: number): Promise<number[]> {
  return Array.from((await read(text, selection, size)).data);
}

describe('formats', () => {
  it('finds a header', async () => {
    const table = await read('a,b\n1,2\n3,4\n');
    expect(table).toMatchObject({ rows: 2, columns: 2, names: ['a', 'b'] });
    expect(Array.from(table.data)).toEqual([1, 2, 3, 4]);
  });

  it('finds that there is none', async () => {
    expect(await read('1,2\n3,4')).toMatchObject({ rows: 2, columns: 2, names: undefined });
  });

  it.each([
    ['tabs', 'a\tb\n1\t2\n3\t4\n'],
    ['semicolons', 'a;b\n1;2\n3;4\n'],
    ['bars', 'a|b\n1|2\n3|4\n'],
    ['bars, with commas in names', '"a"|b\n1|2\n3|4\n'],
    ['the delimiter that is said', 'sep=;\na;b\n1;2\n3;4\n'],
    ['any delimiter that is said, in quotes', '\ufeff"sep=:"\r\na:b\r\n1:2\r\n3:4\r\n'],
    ['CRLF', 'a,b\r\n1,2\r\n3,4\r\n'],
    ['CR', 'a,b\r1,2\r3,4\r'],
    ['CRLF after the header only', 'a,b\r\n1,2\n3,4\n'],
    ['a byte order mark', '\ufeffa,b\n1,2\n3,4\n'],
    ['no line break at the end', 'a,b\n1,2\n3,4'],
    ['blank lines', '\na,b\n\n1,2\n  \n3,4\n\n\n'],
    ['quoted cells', '"a","b"\n"1",2\n3,"4"\n'],
    ['quoted cells and CRLF', '"a","b"\r\n"1","2"\r\n"3","4"\r\n'],
    ['blanks around cells', ' a , b \n 1 , 2\n3,\t4 \n'],
  ])('reads %s', async (_, text) => {
    const table = await read(text);
    expect(table.names).toEqual(['a', 'b']);
    expect(Array.from(table.data)).toEqual([1, 2, 3, 4]);
  });

  it('reads UTF-16 as spreadsheets write it', async () => {
    const text = Buffer.from('\ufeffa\tb\n1\t2\n', 'utf16le');
    expect(await read(text)).toMatchObject({ rows: 1, names: ['a', 'b'] });
  });

  it('reads a single column', async () => {
    expect(await values('x\n1\n2\n3\n')).toEqual([1, 2, 3]);
  });

  it('takes commas within names for what they are', () => {
    expect(findDelimiter('"x, in m";"y, in m"\n1;2\n', '\n')).toBe(';');
    expect(findDelimiter('x\ty\n1,5\t2,5\n', '\n')).toBe('\t');
  });

  it('is the same for every size of block', async () => {
    const text = '"a ""x""","b\nc",n\r\n1,2,"one, ""1"""\r\n-3.5e-3,4,"line\r\nline"\r\n"5",6,é€𝄞\r\n';
    for (let size = 1; size < 40; size++) {
      expect(await values(text, { columns: '1,2' }, size)).toEqual([1, 2, -3.5e-3, 4, 5, 6]);
    }
  });

  it('reads more rows than a block holds', async () => {
    const rows = Array.from({ length: 20_000 }, (_, i) => `${i},${-i / 3}`);
    const data = await values(`x,y\n${rows.join('\n')}\n`, {}, 1 << 12);
    expect(data).toHaveLength(40_000);
    expect(data.every((value, i) => value === (i % 2 ? -(i - 1) / 6 : i / 2))).toBe(true);
  });

  it('keeps every bit of a number', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 50 }),
        async (numbers) => {
          const data = await values(
            `x\n${numbers.map((x) => (Object.is(x, -0) ? '-0' : String(x))).join('\n')}`,
          );
          expect(data.every((value, i) => Object.is(value, numbers[i]))).toBe(true);
        },
      ),
    );
  });
});

describe('cells', () => {
  it.each([
    ['1', 1],
    ['+1', 1],
    ['-0.5', -0.5],
    ['.5', 0.5],
    ['-.5', -0.5],
    ['5.', 5],
    ['007', 7],
    ['0', 0],
    ['0e5', 0],
    ['1E-3', 1e-3],
    ['\u00a012 ', 12],
  ])('%j is a number', (cell, value) => {
    expect(cellKind(cell)).toBe('number');
    expect(cellNumber(cell)).toBe(value);
  });

  it.each(['', ' ', 'NA', 'na', 'NaN', 'null', '?', 'N/A'])('%j is missing', (cell) => {
    expect(cellKind(cell)).toBe('missing');
    expect(cellNumber(cell)).toBeNaN();
  });

  it.each(['Infinity', '-inf', '1e999', '-1e400'])('%j is infinite', (cell) => {
    expect(cellKind(cell)).toBe('infinite');
    expect(cellNumber(cell)).toBeNaN();
  });

  it.each(['abc', '0x10', '0b1', '0o7', '1,5', '1_000', '1 2', '--1', '.', '-', 'e5', '1d5', '12abc', '١'])(
    '%j is text',
    (cell) => {
      expect(cellKind(cell)).toBe('text');
      expect(cellNumber(cell)).toBeNaN();
    },
  );
});

describe('columns', () => {
  const text = 'id,x,y,z,w\nr1,1,2,3,9\nr2,4,5,6,8\n';

  it.each([
    ['x,z', [1, 3, 4, 6]],
    ['2-4', [1, 2, 3, 4, 5, 6]],
    ['4,2', [3, 1, 6, 4]],
    ['x, 3-4', [1, 2, 3, 4, 5, 6]],
  ])('--columns %s', async (columns, expected) => {
    expect(await values(text, { columns })).toEqual(expected);
  });

  it('takes the weights out of the features', async () => {
    const table = await read(text, { columns: '2-5', weights: 'w' });
    expect(table).toMatchObject({ columns: 3, names: ['x', 'y', 'z'] });
    expect(Array.from(table.weights as Float64Array)).toEqual([9, 8]);
  });

  it('takes quoted names with commas', async () => {
    expect(await values('"x, m",y\n1,2\n', { columns: '"x, m"' })).toEqual([1]);
  });

  it('takes a number beyond the width for a name', async () => {
    expect(await values('2019,text\n1,2\n', { columns: '2019' })).toEqual([1]);
  });

  it('takes a number that may be a name for a number, and says so', async () => {
    const table = await read('2,1,1-2\n5,6,7\n', { header: true, columns: '1', weights: '3' });
    expect(Array.from(table.data)).toEqual([5]);
    expect(table.notes).toEqual([
      '--columns: 1 is taken as a number, column 1 ("2"); the column of that name is number 2',
    ]);
    expect((await read('2,1,1-2\n5,6,7\n', { header: true, columns: '1-2' })).notes).toEqual([
      '--columns: 1-2 is taken as a number, columns 1 to 2; the column of that name is number 3',
    ]);
    // Both are the same column, or there is one only.
    expect((await read('1,2\n5,6\n', { header: true, columns: '2' })).notes).toEqual([]);
    expect((await read('3,2,9\n5,6,7\n', { header: true, columns: '1,9' })).notes).toEqual([]);
    // A range that there is not may be a name.
    expect(await values('9-7,x\n1,2\n', { columns: '9-7' })).toEqual([1]);
  });

  it('needs no header where text columns are left out', async () => {
    expect(await values('r1,1\nr2,2\n', { columns: '2' })).toEqual([1, 2]);
  });

  it('does not name columns that share a name', async () => {
    expect((await read('x,x\n1,2\n')).names).toBeUndefined();
  });

  it('finds the columns of a model by name, or else by position with a note', async () => {
    const model = { featureNames: ['z', 'x'], nFeatures: 2 };
    expect(await values(text, { model })).toEqual([3, 1, 6, 4]);
    expect((await read('z,q\n1,2\n', { model })).notes).toEqual([
      'the header of data.csv does not have the model\'s columns ("x"): they are taken by position',
    ]);
    expect(await values('1,2\n', { model })).toEqual([1, 2]);
    await expect(read(text, { model: { featureNames: ['q', 'r'], nFeatures: 2 } })).rejects.toThrow(
      'data.csv has 5 columns (id, x, y, z, w), but the model has 2 (q, r); choose some with --columns',
    );
  });

  it('does not take columns by position where a name of the model stands in another one', async () => {
    const model = { featureNames: ['x', 'y'], nFeatures: 2 };
    await expect(read('y,z\n1,2\n', { model })).rejects.toThrow(
      /^data.csv does not have the model's columns \(x, y\), and by position its column 1 \("y"\) would be taken for "x": give the columns in the model's order with --columns$/,
    );
    await expect(read('Y,X\n1,2\n', { model })).rejects.toThrow(/in the model's order: --columns X,Y$/);
    expect(await values('Y,X\n1,2\n', { model, columns: 'X,Y' })).toEqual([2, 1]);
    await expect(read('w,Y,z\n1,2,3\n', { model, weights: 'w' })).rejects.toThrow('column 2 ("Y") would');
    // In other letters, but in the same position, and after a column that is no feature.
    expect(await values('X,Y\n1,2\n', { model })).toEqual([1, 2]);
    expect(await values('w,q,Y\n1,2,3\n', { model, weights: 'w' })).toEqual([2, 3]);
  });

  it.each([
    ['q', 'no column "q" in data.csv; it has 5 columns: id, x, y, z, w'],
    ['0', 'no column "0"'],
    ['6', 'no column "6"'],
    ['4-2', '--columns: the range 4-2 runs backwards'],
    ['2-9', '--columns: the range 2-9 is not within the columns of data.csv, 1 to 5'],
    ['0-2', '--columns: the range 0-2 is not within the columns of data.csv, 1 to 5'],
    ['x,', 'no column ""'],
    ['x,2', 'names column 2 ("x") twice'],
  ])('--columns %s is refused', async (columns, message) => {
    await expect(read(text, { columns })).rejects.toThrow(message);
  });
});

describe('the first row', () => {
  const numbers = '7,8\n1,2\n3,4\n';

  it('is a header, or data, where that is said', async () => {
    expect(await read(numbers, { header: true })).toMatchObject({ rows: 2, names: ['7', '8'], notes: [] });
    expect(await read('x,y\n1,2\n', { header: true })).toMatchObject({ names: ['x', 'y'], notes: [] });
    expect(await read(numbers, { header: false })).toMatchObject({ rows: 3, names: undefined, notes: [] });
    expect(await values(numbers, { header: true, columns: '8' })).toEqual([2, 4]);
    await expect(read(numbers, { header: false, columns: '8' })).rejects.toThrow('no column "8"');
    await expect(read('x,y\n1,2\n', { header: false })).rejects.toThrow(
      'line 1: column 1: "x" is not a number',
    );
  });

  it.each([
    ['a,b\n1,2\n', undefined],
    ['a (m),"1st"\n1,2\n', undefined],
    ['a,\n1,2\n', undefined],
    ['1,2\n3,4\n', undefined],
    [
      'a,2019\n1,2\n',
      'line 1 of data.csv is taken as the header, though "2019" is a number: with --no-header it is data',
    ],
    [
      '-,2\n1,2\n',
      'line 1 of data.csv is taken as the header, though "2" is a number: with --no-header it is data',
    ],
    [
      '\n-,1.0.0\n1,2\n',
      'line 2 of data.csv is taken as the header, as "-" is not a number: with --no-header it is data',
    ],
    [
      '2019,2020,2021\n1,2,3\n',
      'line 1 of data.csv is taken as data, though it counts (2019, 2020, 2021): with --header it is the header',
    ],
  ])('%j may be meant otherwise', async (text, note) => {
    expect((await read(text)).notes).toEqual(note === undefined ? [] : [note]);
  });

  it('is not doubted for columns that are not used, nor where it has the names of a model', async () => {
    expect((await read('x,2019\n1,2\n', { columns: 'x' })).notes).toEqual([]);
    const model = { featureNames: ['2019', '2020'], nFeatures: 2 };
    expect(await read('2020,2019\n1,2\n', { model })).toMatchObject({ rows: 1, notes: [] });
    // A name that may as well be the number in the first row.
    expect((await read('7,8\n1,2\n', { columns: '8' })).notes).toHaveLength(1);
  });

  it('that is no header has no names', async () => {
    await expect(read('1,2,a\n3,4,b\n', { columns: 'x' })).rejects.toThrow(
      'no column "x" in data.csv; it has 3 columns and no header: use numbers from 1 to 3',
    );
    await expect(read('1,2\n3,4\n', { weights: 'w' })).rejects.toThrow('2 columns and no header');
    await expect(read('id,x,2019\n3,4,5\n', { columns: 'y' })).rejects.toThrow('3 columns: id, x, 2019');
  });
});

describe('defects', () => {
  it.each([
    ['a,b\n1,2\n3\n', 'data.csv, line 3: 1 cell, but line 1 has 2'],
    ['a,b\n1,2\n\n3,4,5\n', 'data.csv, line 4: 3 cells, but line 1 has 2'],
    ['a,b\n1,2\n3,\n', 'data.csv, line 3: column 2 ("b"): the cell is empty'],
    ['1,2\nNA,4\n', 'data.csv, line 2: column 1: "NA" is a missing value'],
    ['NA,NaN\n3,4\n', '"NA" is a missing value; remove the rows with missing values, fill them, or use'],
    ['NA,NaN\n3,4\n', 'if these are the names of the columns, use --header'],
    ['1,NaN\n3,4\n', 'data.csv, line 1: column 2: "NaN" is a missing value'],
    ['a,b\n1,inf\n', 'data.csv, line 2: column 2 ("b"): "inf" is not finite'],
    ['a,b\n1,2\n1,1e999\n', 'data.csv, line 3: column 2 ("b"): "1e999" is not finite'],
    ['a,b\n1,0x10\n', 'data.csv, line 2: column 2 ("b"): "0x10" is not a number'],
    ['a;b\n1;2,5\n', 'line 2: column 2 ("b"): "2,5" is not a number; write decimal commas as points'],
    ['a,b\n1,"2\n', 'data.csv, line 2: a quoted cell is never closed'],
    ['a,b\n1,"2"x\n3,4\n', 'data.csv, line 2: a quoted cell'],
    ['', 'data.csv is empty'],
    ['\n \n', 'data.csv is empty'],
    ['a,b\n', 'data.csv has a header, but no rows of data'],
    ['a\0b', 'data.csv is neither text nor a .npy, Parquet or Arrow file'],
    ['sep=;\n', 'data.csv is empty'],
    ['sep=;\n\n', 'data.csv is empty'],
    ['sep=;\na;b\n1;2\n3\n', 'data.csv, line 4: 1 cell, but line 2 has 2'],
    [
      'a b\n1 2\n',
      '"1 2" is not a number; columns are separated by commas, semicolons, tabs or |, not by spaces',
    ],
    ['1  2\n3  4\n', 'tabs or |, not by spaces'],
  ])('%j', async (text, message) => {
    await expect(read(text)).rejects.toThrow(message);
  });

  it('suggests a header only for a first row without numbers', async () => {
    for (const text of ['1,NaN\n3,4\n', 'a,b\nNA,NaN\n', '1,2\nNA,NaN\n'])
      await expect(read(text)).rejects.toThrow(/use --missing marginalize$/);
    await expect(read('NA,NaN\n3,4\n', { header: false })).rejects.toThrow(/use --missing marginalize$/);
    expect(await read('NA,NaN\n3,4\n', { header: true })).toMatchObject({ names: ['NA', 'NaN'] });
  });

  it('counts the lines within quoted cells', async () => {
    const text = '"a\nb",c\r\n1,"2"\r\n"3\r\n",4\r\n\r\nx,6\r\n';
    await expect(read(text)).rejects.toThrow('data.csv, line 7: column 1');
  });

  it('advises which columns to use', async () => {
    await expect(read('x,name,y,kind\n1,a,2,b\n3,c,4,d\n')).rejects.toThrow(
      '"a" is not a number; to use the columns of numbers: --columns x,y',
    );
    await expect(read('1,2,a\n3,4,b\n')).rejects.toThrow('--columns 1-2');
    await expect(read('x 1,name,x 2\n1,a,2\n')).rejects.toThrow('--columns 1,3');
  });

  it('advises to leave an empty column out', async () => {
    await expect(read('a,b,\n1,2,\n3,4,\n')).rejects.toThrow(
      'line 2: column 3: the cell is empty, as in every row so far; to leave it out: --columns a,b',
    );
    await expect(read('1,2,\n3,4,\n')).rejects.toThrow(
      'line 1: column 3: the cell is empty, as in every row so far; to leave it out: --columns 1-2',
    );
    await expect(read('a,b,c\n1,2,\n3,4,5\n')).rejects.toThrow('the cell is empty; remove the rows');
    await expect(read('a,b,c\n1,2,3\n3,4,\n')).rejects.toThrow('the cell is empty; remove the rows');
  });

  it('says that spaces do not separate, also where columns are chosen', async () => {
    await expect(read('x y\n1 2\n', { columns: 'x' })).rejects.toThrow(/no column "x" .*, not by spaces$/);
    await expect(read('1 2\n3 4\n', { model: { nFeatures: 2 } })).rejects.toThrow(
      /1 column .*, not by spaces$/,
    );
  });

  it('refuses negative weights', async () => {
    await expect(read('x,w\n1,1\n2,-1\n', { weights: 'w' })).rejects.toThrow(
      'data.csv, line 3: column 2 ("w"): the weight -1 is negative',
    );
  });
});

it('a growing vector keeps what it is given', () => {
  const vector = new GrowingVector();
  for (let i = 0; i < 5_000_000; i += 1000) vector.push(Float64Array.from({ length: 1000 }, (_, j) => i + j));
  const all = vector.take();
  expect(all.length).toBe(5_000_000);
  expect(all.every((value, i) => value === i)).toBe(true);
});
