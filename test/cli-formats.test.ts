// The readers of .npy, Parquet and Arrow: the same numbers as the CSV, whoever wrote the file and however.
// Must not start processes but for what only the whole command shows.
import {
  closeSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tableFromArrays, tableToIPC } from 'apache-arrow';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import type { Selection } from '../cli/columns.ts';
import { readTable } from '../cli/read-table.ts';
import { openRows } from '../cli/row-file.ts';
import { run, temporaryFolder, writer } from './helpers/command.ts';
import { npyBytes } from './helpers/npy.ts';

const fixtures = fileURLToPath(new URL('fixtures/formats/', import.meta.url));
const fixture = (name: string): string => join(fixtures, name);
const named = (pattern: RegExp): string[] => readdirSync(fixtures).filter((name) => pattern.test(name));
const faithful = fileURLToPath(new URL('../examples/faithful.csv', import.meta.url));
const folder = temporaryFolder();
const write = writer(folder);

const refused = (path: string, selection: Selection, message: string | RegExp): Promise<void> =>
  expect(readTable(path, selection)).rejects.toThrow(message);

describe('the data of a CSV', () => {
  const files = named(/^faithful\./);

  it('is there in every way of writing it', () => {
    expect(files.filter((name) => name.endsWith('.parquet'))).toHaveLength(10);
    expect(files.filter((name) => !name.endsWith('.parquet'))).toHaveLength(5);
  });

  it.each(files)('%s', async (name) => {
    const expected = await readTable(faithful, {});
    const table = await readTable(fixture(name), {});
    expect(table).toMatchObject({ rows: 272, columns: 2, names: ['eruptions', 'waiting'], notes: [] });
    expect(table.data).toEqual(expected.data);
    expect(table.labels).toEqual(expected.labels);
    const swapped = await readTable(fixture(name), { columns: 'waiting,1' });
    expect(Array.from(swapped.data.subarray(0, 2))).toEqual([expected.data[1], expected.data[0]]);
  });

  it('gives the same bits of a model in every format, from files and from pipes', async () => {
    const { data } = await readTable(faithful, {});
    const npy = write('faithful.npy', npyBytes(data, [272, 2]));
    const fit = ['-k', '2', '--json', '--quiet'];
    const csv = await run(['fit', faithful, ...fit]);
    expect(csv).toMatchObject({ code: 0, stderr: '' });
    for (const name of ['default.parquet', 'arrow', 'arrows', 'feather', 'zstd.arrows']) {
      expect(await run(['fit', fixture(`faithful.${name}`), ...fit])).toEqual(csv);
    }
    for (const name of ['arrow', 'arrows']) {
      expect(await run(['fit', '-', ...fit], readFileSync(fixture(`faithful.${name}`)))).toEqual(csv);
    }
    // The names of the columns are what .npy has not.
    const { featureNames, ...model } = JSON.parse(csv.stdout);
    expect(featureNames).toEqual(['eruptions', 'waiting']);
    expect(JSON.parse((await run(['fit', npy, ...fit])).stdout)).toEqual(model);
  });
});

describe('types', () => {
  const files = named(/^types.*(parquet|arrows?)$/);
  const expected: Record<string, (number | null)[]> = JSON.parse(readFileSync(fixture('types.json'), 'utf8'));
  const columns = Object.keys(expected);

  it.each(files)('%s: numbers of every type', async (name) => {
    const table = await readTable(fixture(name), { columns: columns.join(','), allowMissing: true });
    expect(table).toMatchObject({ rows: 40, columns: columns.length, names: columns });
    columns.forEach((column, feature) => {
      const values = Array.from({ length: 40 }, (_, row) => table.data[row * columns.length + feature]);
      expect([column, values]).toEqual([column, expected[column].map((value) => value ?? Number.NaN)]);
    });
    await refused(
      fixture(name),
      { columns: columns.join(',') },
      `${name}, row 4: column 1 ("int8"): the value is missing (null or NaN); remove the rows`,
    );
  });

  it.each(files)('%s: weights, and groups of text or numbers', async (name) => {
    for (const groupBy of ['group', 'category', ...(name.endsWith('parquet') ? [] : ['view'])]) {
      const table = await readTable(fixture(name), { columns: 'last', weights: 'weight', groupBy });
      expect(Array.from(table.weights ?? [])).toEqual(Array.from({ length: 40 }, (_, i) => i % 5));
      const names = Array.from(table.groups?.ids ?? [], (id) => table.groups?.names[id]);
      const text =
        groupBy === 'view'
          ? (i: number) => `a long text that is stored elsewhere ${i}`
          : (i: number) => `group ${i % 3}`;
      expect(names).toEqual(Array.from({ length: 40 }, (_, i) => text(i)));
    }
    const { groups } = await readTable(fixture(name), { columns: 'last', groupBy: 'weight' });
    expect(groups?.names).toEqual(['0', '1', '2', '3', '4']);
    await refused(
      fixture(name),
      { columns: 'last', groupBy: 'int8' },
      'row 4: column 1 ("int8"): there is no value',
    );
    await refused(
      fixture(name),
      { columns: 'last', weights: 'int8' },
      'row 2: column 1 ("int8"): the weight -3 is negative',
    );
    await refused(fixture(name), { columns: 'last', weights: 'group' }, 'weights must be numbers');
    await refused(
      fixture(name),
      { columns: 'last', groupBy: 'list' },
      'groups are told apart by text or numbers',
    );
  });

  it.each(files)('%s: what is no number is refused, with the columns that are', async (name) => {
    await refused(
      fixture(name),
      { columns: 'weight,flag,last' },
      /column 18 \("flag"\) holds values of type \w+, not numbers; to use the columns of numbers: --columns weight,last$/,
    );
    for (const column of ['group', 'day', 'list', 'struct', 'flag']) {
      await refused(fixture(name), { columns: column }, /holds values of type \w+, not numbers$/);
    }
    await refused(fixture(name), { columns: 'none' }, 'there is no column "none"');
    await refused(fixture(name), { header: true }, 'which has no --header line');
  });

  it.each(named(/^large/))('%s: an integer that is no double exactly', async (name) => {
    await refused(fixture(name), {}, 'row 2: column 1 ("x"): 9007199254740992 is too large an integer');
  });

  it.each(named(/^nulls/))('%s: a column of the type null has no value in any row', async (name) => {
    const path = fixture(name);
    const table = await readTable(path, { allowMissing: true });
    const none = Number.NaN;
    expect(Array.from(table.data)).toEqual([1.5, none, 2.5, none, 3.5, none, 4.5, none]);
    expect(table.notes).toEqual([`column 2 ("nothing") of ${path} has no value in any row`]);
    await refused(
      path,
      {},
      /column 2 \("nothing"\) holds values of type null: all are missing; .*: --columns x$/i,
    );
    await refused(path, { columns: 'x', groupBy: 'nothing' }, 'groups are told apart by text or numbers');
    await refused(path, { columns: 'x', weights: 'nothing', allowMissing: true }, 'weights must be numbers');
  });

  it('a model finds its columns by name, or else by position with a note', async () => {
    const path = fixture('faithful.arrow');
    const model = { featureNames: ['waiting', 'eruptions'], nFeatures: 2 };
    expect(await readTable(path, { model })).toMatchObject({ names: ['waiting', 'eruptions'], notes: [] });
    const other = { featureNames: ['x', 'waiting'], nFeatures: 2 };
    const swapped = { featureNames: ['waiting', 'x'], nFeatures: 2 };
    await refused(path, { model: swapped }, 'column 2 ("waiting") would be taken for "x"');
    expect((await readTable(path, { model: other })).notes).toEqual([
      `${path} does not have the model's columns ("x"): they are taken by position`,
    ]);
  });
});

describe('files of other writers', () => {
  const x = Array.from({ length: 1000 }, (_, i) => Math.sin(i) * 10 ** ((i % 40) - 20));
  const n = Array.from({ length: 1000 }, (_, i) => (i * 7919) % 1000);
  const data = Float64Array.from({ length: 2000 }, (_, i) => (i % 2 ? n : x)[i >> 1]);

  it('hyparquet-writer', async () => {
    const bytes = parquetWriteBuffer({
      columnData: [
        { name: 'x', data: x, type: 'DOUBLE' },
        { name: 'n', data: n, type: 'INT32' },
      ],
      rowGroupSize: 300,
    });
    expect((await readTable(write('h.parquet', new Uint8Array(bytes)), {})).data).toEqual(data);
  });

  it('apache-arrow', async () => {
    const table = tableFromArrays({ x: Float64Array.from(x), n: Int32Array.from(n) });
    for (const format of ['file', 'stream'] as const) {
      expect((await readTable(write(`a.${format}`, tableToIPC(table, format)), {})).data).toEqual(data);
    }
    const nulls = tableFromArrays({ x: [1, null, 3], n: [1, 2, 3] });
    const { data: found } = await readTable(write('n.arrow', tableToIPC(nulls)), { allowMissing: true });
    expect(Array.from(found)).toEqual([1, 1, Number.NaN, 2, 3, 3]);
  });

  it('row groups without rows, as pyarrow writes them', async () => {
    const { data: found } = await readTable(fixture('empty-group.parquet'), {});
    expect(Array.from(found)).toEqual([1.5, 2.5, 3.5, 4.5]);
    await refused(fixture('no-rows.parquet'), {}, 'no-rows.parquet has no rows');
  });

  it.each([
    ['growing', ['a', 'a', 'a', 'c']],
    ['replaced', ['a', 'a', 'b', 'b']],
  ])('a dictionary that is %s from batch to batch', async (name, expected) => {
    const { groups, data: found } = await readTable(fixture(`${name}.arrows`), { groupBy: 'group' });
    expect(Array.from(groups?.ids ?? [], (id) => groups?.names[id])).toEqual(expected);
    expect(Array.from(found)).toEqual([0.5, 1.5, 0.5, 1.5]);
  });
});

describe('damaged files', () => {
  const parquet = readFileSync(fixture('faithful.default.parquet'));
  const arrow = readFileSync(fixture('faithful.arrow'));

  it.each([
    ['no footer', parquet.subarray(0, 200), /does not end as a Parquet file/],
    ['almost nothing', parquet.subarray(0, 8), /has no Parquet footer/],
    [
      'a footer longer than the file',
      Buffer.concat([parquet.subarray(0, -8), Buffer.from('\xff\xff\xff\x0fPAR1', 'latin1')]),
      /its footer is cut off/,
    ],
    ['an Arrow file that ends in a batch', arrow.subarray(0, 3000), /is damaged: it is cut off/],
    [
      'an Arrow file that ends between batches',
      arrow.subarray(0, arrow.indexOf(Buffer.from('\xff\xff\xff\xff\0\0\0\0', 'latin1'))),
      /is damaged: it is cut off/,
    ],
    ['an Arrow file that is only its magic', arrow.subarray(0, 8), /is damaged: it is cut off/],
    [
      'an Arrow message that promises a terabyte',
      Buffer.concat([arrow.subarray(0, 8), Buffer.from('\xff\xff\xff\xff\0\0\0\x10', 'latin1')]),
      /is damaged: it is cut off/,
    ],
  ])('%s', async (_, bytes, message) => {
    await refused(write('damaged', bytes), {}, message);
  });

  it('no rows', async () => {
    const empty = parquetWriteBuffer({ columnData: [{ name: 'x', data: [], type: 'DOUBLE' }] });
    await refused(write('empty.parquet', new Uint8Array(empty)), {}, 'has no rows');
    await refused(
      write('empty.arrow', tableToIPC(tableFromArrays({ x: new Float64Array(0) }))),
      {},
      'has no rows',
    );
  });

  it('headers that promise more than there can be take no memory', async () => {
    const header = (shape: readonly number[]): Buffer => npyBytes([], shape);
    await refused(write('rows.npy', header([1e15, 2])), {}, 'header is damaged');
    await refused(write('columns.npy', header([1, 1e9])), {}, 'header is damaged');
    await refused(
      write('large.npy', header([1e12, 2])),
      {},
      'cut off: its header announces 16000000000000 bytes',
    );
    const { stderr } = await run(['fit', '-', '-k', '1'], header([1e12, 2]));
    expect(stderr).toMatch(
      /standard input is cut off: its header announces 16000000000000 bytes of data, but there are 0/,
    );
  });
});

describe('rows chunk by chunk', () => {
  it.each(['csv', 'npy', 'parquet', 'arrow'])('%s: again and again the same', async (format) => {
    const rows = 140_000;
    const values = Float64Array.from({ length: 2 * rows }, (_, i) => i / 8);
    const content = {
      csv: () =>
        `a,b\n${Array.from({ length: rows }, (_, i) => `${values[2 * i]},${values[2 * i + 1]}`).join('\n')}\n`,
      npy: () => npyBytes(values, [rows, 2]),
      parquet: () =>
        new Uint8Array(
          parquetWriteBuffer({
            columnData: [0, 1].map((c) => ({
              name: 'ab'[c],
              data: values.filter((_, i) => i % 2 === c),
              type: 'DOUBLE',
            })),
          }),
        ),
      arrow: () =>
        tableToIPC(
          tableFromArrays({
            a: values.filter((_, i) => i % 2 === 0),
            b: values.filter((_, i) => i % 2 === 1),
          }),
        ),
    }[format] as () => string | Uint8Array;
    const file = await openRows(write(`chunks.${format}`, content()), {});
    expect(file).toMatchObject({ columns: 2, canReread: true });
    if (format === 'npy' || format === 'parquet') expect(file).toMatchObject({ rows, bytes: 16 * rows });
    for (let reading = 0; reading < 3; reading++) {
      let [at, chunks] = [0, 0];
      for await (const { data, rows: count } of file.chunks()) {
        expect(data.every((value, i) => value === values[at + i])).toBe(true);
        expect(data).toHaveLength(2 * count);
        at += data.length;
        chunks++;
        // An unfinished reading does not spoil the next one.
        if (reading === 1) break;
      }
      expect(at === values.length).toBe(reading !== 1);
      expect(chunks > 1).toBe(reading !== 1);
    }
    await file.close();
  });

  it('.npy of more than 4 GiB', async () => {
    const [rows, columns] = [4_300_000, 128];
    const path = join(folder, 'large.npy');
    const header = npyBytes([], [rows, columns]);
    const size = header.length + rows * columns * 8;
    const file = openSync(path, 'w');
    // A file with a hole: its zeros take no room.
    writeSync(file, header);
    ftruncateSync(file, size);
    writeSync(file, Buffer.from(Float64Array.of(7, 8).buffer), 0, 16, size - 16);
    closeSync(file);
    const opened = await openRows(path, { columns: '127,128' });
    expect(opened).toMatchObject({ rows, bytes: rows * 16 });
    let read = 0;
    let last: readonly number[] = [];
    for await (const chunk of opened.chunks()) {
      read += chunk.rows;
      last = Array.from(chunk.data.subarray(-4));
    }
    await opened.close();
    expect({ read, last }).toEqual({ read: rows, last: [0, 0, 7, 8] });
    writeFileSync(path, '');
  }, 120_000);
});

describe('what no fit can use', () => {
  const rows = 300;
  const names = ['x', 'y'];
  /** Counted from 0. */
  const bad = 250;
  const files = (x: number, y: number): [string, string, string][] => {
    const value = (row: number, column: number): number =>
      row === bad ? (column === 0 ? x : y) : (row % 7) + column;
    const cells = Array.from({ length: rows }, (_, row) => [value(row, 0), value(row, 1)]);
    // The header and one row take two lines each.
    const lines = cells.map(([a, b], row) => (row === 3 ? `"${a}\n",${b}` : `${a},${b}`));
    const columnData = names.map((name, j) => ({
      name,
      data: cells.map((row) => row[j]),
      type: 'DOUBLE' as const,
    }));
    const arrow = tableFromArrays({
      x: Float64Array.from(cells, (row) => row[0]),
      y: Float64Array.from(cells, (row) => row[1]),
    });
    return [
      [
        write('unusable.csv', `"x\n",y\n${lines.join('\n')}\n`),
        `, line ${bad + 4}: `,
        'column 1 ("x"): "1e+200"',
      ],
      [
        write('unusable.parquet', new Uint8Array(parquetWriteBuffer({ columnData }))),
        `, row ${bad + 1}: `,
        'column 1 ("x"): 1e+200',
      ],
      [write('unusable.arrow', tableToIPC(arrow)), `, row ${bad + 1}: `, 'column 1 ("x"): 1e+200'],
      [write('unusable.npy', npyBytes(cells.flat(), [rows, 2])), `: a[${bad}`, ', 0] is 1e+200, which'],
    ];
  };

  it('numbers too large: their place, as each reader counts', async () => {
    for (const [path, place, words] of files(1e200, 1)) {
      await refused(path, { refuseUnusable: true }, `${path}${place}${words} is too large to be squared`);
      // In a group of its own it costs only that.
      expect((await readTable(path, {})).rows).toBe(rows);
      for (const memory of [[], ['--memory', '1KiB', '--quiet']]) {
        const { code, stderr } = await run(['fit', path, '-k', '1', ...memory]);
        expect({ code, stderr }).toEqual({
          code: 1,
          stderr: `gaussmix: ${path}${place}${words} is too large to be squared (limit 1e+150): rescale the column\n`,
        });
      }
    }
    for (const [path] of files(1e150, -1e150)) {
      expect((await readTable(path, { refuseUnusable: true })).rows).toBe(rows);
    }
  });

  it('rows without any value', async () => {
    const allowed = { allowMissing: true, refuseUnusable: true };
    for (const [path, place] of files(Number.NaN, Number.NaN)) {
      const words = `${path}${place}${path.endsWith('npy') ? ']: ' : ''}no column that is used has a value`;
      await refused(path, allowed, words);
      expect((await readTable(path, { allowMissing: true })).rows).toBe(rows);
      for (const memory of [[], ['--memory', '1KiB', '--quiet']]) {
        const { code, stderr } = await run(['fit', path, '-k', '1', '--missing', 'marginalize', ...memory]);
        expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(words) });
      }
    }
    for (const [path] of files(Number.NaN, 1)) expect((await readTable(path, allowed)).rows).toBe(rows);
  });
});

describe('missing values, where they are allowed', () => {
  const cells = ['', ' ', 'NA', 'na', 'N/A', '#N/A', 'nan', 'NaN', 'null', 'NULL', 'None', '?', '"NA"', '""'];

  it.each(cells)('CSV: %j', async (cell) => {
    const path = write('missing.csv', `a,b,w\n1,2,3\n${cell},4,5\n6,${cell},7\n`);
    const table = await readTable(path, { allowMissing: true, weights: 'w' });
    expect(Array.from(table.data)).toEqual([1, 2, Number.NaN, 4, 6, Number.NaN]);
    expect(table.notes).toEqual([]);
    await refused(
      path,
      { weights: 'w' },
      /line 3: column 1 \("a"\): .*; remove the rows with missing values/,
    );
    const weight = write('weight.csv', `a,w\n1,3\n2,${cell}\n`);
    await refused(weight, { allowMissing: true, weights: 'w' }, /line 3: column 2 \("w"\): /);
  });

  it('what is no missing value is refused all the same', async () => {
    for (const cell of ['x', 'inf', '1e999', '.', '-']) {
      await refused(
        write('text.csv', `a,b\n1,2\n3,${cell}\n`),
        { allowMissing: true },
        'line 3: column 2 ("b"): ',
      );
    }
  });

  it('.npy', async () => {
    const path = write('missing.npy', npyBytes([1, Number.NaN, 3, 4], [2, 2]));
    expect(Array.from((await readTable(path, { allowMissing: true })).data)).toEqual([1, Number.NaN, 3, 4]);
    await refused(path, { allowMissing: true, columns: '1', weights: '2' }, 'a[0, 1] is nan');
    await refused(
      write('inf.npy', npyBytes([1, Number.NEGATIVE_INFINITY], [2])),
      { allowMissing: true },
      'a[1, 0] is not finite',
    );
  });

  it('a column without any value is named', async () => {
    const path = write('column.csv', `a,b\n${'1,NA\n'.repeat(300_000)}`);
    expect((await readTable(path, { allowMissing: true })).notes).toEqual([
      `column 2 ("b") of ${path} has no value in any row`,
    ]);
    const npy = write('column.npy', npyBytes([Number.NaN, 1, Number.NaN, 2], [2, 2]));
    expect((await readTable(npy, { allowMissing: true })).notes).toEqual([
      `column 1 of ${npy} has no value in any row`,
    ]);
  });
});
