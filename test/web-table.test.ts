// Tables as the web page reads them: what is found in each column, and what is said about what is not there.
// Must not open a browser (web.test.ts).
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeText, TextTable } from '../web/table.ts';

const example = (name: string): string =>
  readFileSync(new URL(`../examples/${name}.csv`, import.meta.url), 'utf8');

describe('columns', () => {
  it('iris: four of numbers, and one of text that is left out with its reason', () => {
    const table = new TextTable('iris.csv', example('iris'));
    expect(table.columns.map(({ name, kind }) => [name, kind])).toEqual([
      ['Sepal.Length', 'numbers'],
      ['Sepal.Width', 'numbers'],
      ['Petal.Length', 'numbers'],
      ['Petal.Width', 'numbers'],
      ['Species', 'text'],
    ]);
    expect(table.columns[4].problem).toBe('line 2, column 5 ("Species"): "setosa" is not a number');
    const { data, rows, lines } = table.choose([2, 0], false);
    expect([rows, ...data.slice(0, 4)]).toEqual([150, 1.4, 5.1, 1.4, 4.9]);
    expect(lines[0]).toBe(2);
    expect(() => table.choose([0, 4], false)).toThrow(
      /line 2, column 5 \("Species"\): "setosa" is not a number.*Untick/,
    );
    expect(() => table.choose([], false)).toThrow(/Tick at least one column/);
  });

  it.each([
    ['a header above numbers', 'a,b\n1,2\n', true],
    ['numbers at once', '1,2\n3,4\n', false],
    ['a label in the first row of data', '1,2,x\n3,4,y\n', false],
    ['one name and one number', 'a,1\n3,4\n', true],
    ['text alone', 'a,b\nc,d\n', true],
    ['an empty corner', ',b\n1,2\n', true],
  ])('header: %s', (_, text, hasHeader) => {
    expect(new TextTable('t', text).hasHeader).toBe(hasHeader);
    expect(new TextTable('t', text, !hasHeader).hasHeader).toBe(!hasHeader);
  });

  it('separators, quotes, blank lines, line ends and encodings', () => {
    for (const text of [
      'x;y\r\n1;2\r\n\r\n3;4\r\n',
      'x\ty\n1\t2\n3\t4',
      'sep=|\nx|y\n1|2\n3|4\n',
      '"x","y"\r1,2\r3,4\r',
    ]) {
      const table = new TextTable('t', text);
      expect(table.header).toEqual(['x', 'y']);
      expect(Array.from(table.choose([0, 1], false).data)).toEqual([1, 2, 3, 4]);
    }
    const utf16 = new Uint8Array(Buffer.from('\ufeffx,y\n1,2\n', 'utf16le'));
    expect(new TextTable('t', decodeText('t', utf16)).header).toEqual(['x', 'y']);
    const utf8 = new TextEncoder().encode('\ufeffx,y\n1,2\n');
    expect(new TextTable('t', decodeText('t', utf8)).header).toEqual(['x', 'y']);
  });
});

describe('missing cells', () => {
  const text = 'a,b,c\n1,2,x\n3,,y\n"5\n",6,z\nNA,8,x\n';

  it('are named with line and column, and can be left out', () => {
    const table = new TextTable('t.csv', text.replace('"5\n"', '5'));
    expect(table.columns.map(({ kind, missing }) => [kind, missing])).toEqual([
      ['gaps', 1],
      ['gaps', 1],
      ['text', 0],
    ]);
    expect(() => table.choose([0, 1], false)).toThrow(
      /line 5, column 1 \("a"\): "NA" is a missing value \(1 missing cell/,
    );
    expect(() => table.choose([1], false)).toThrow(/line 3, column 2 \("b"\): the cell is empty/);
    const { data, rows, place, lines } = table.choose([0, 1], true);
    expect(rows).toBe(2);
    expect(Array.from(data)).toEqual([1, 2, 5, 6]);
    expect(Array.from(place)).toEqual([0, -1, 1, -1]);
    expect(Array.from(lines)).toEqual([2, 4]);
  });

  it('lines count as an editor counts them, through cells with line ends', () => {
    const table = new TextTable('t.csv', text);
    expect(() => table.choose([0], false)).toThrow(/line 6, column 1/);
  });

  it('a column without any number is text; rows that all have gaps are refused', () => {
    expect(new TextTable('t', 'a,b\n1,\n2,NA\n').columns[1].kind).toBe('text');
    expect(() => new TextTable('t', 'a,b\n1,\n,2\n').choose([0, 1], true)).toThrow(
      /Every row has a missing cell/,
    );
  });
});

it.each([
  ['', /t is empty/],
  [' \n \n', /t is empty/],
  ['a,b\n', /no rows of numbers below/],
  ['1,2\n3\n', /t, line 2: 1 cell, but line 1 has 2/],
  ['1,2\n\n3,4,5\n', /t, line 3: 3 cells, but line 1 has 2/],
  ['1,"2\n3,4\n', /t, line 1: a quoted cell is never closed/],
  ['1,"2"x\n3,4\n', /t, line 1: a quoted cell has text after its closing quote/],
])('%j is refused with the line and the remedy', (text, message) => {
  expect(() => new TextTable('t', text)).toThrow(message);
});

it('infinite numbers and files that are no text are refused', () => {
  const table = new TextTable('t', 'a\n1\ninf\n1e999\n');
  expect(() => table.choose([0], true)).toThrow(/line 3, column 1 \("a"\): "inf" is not finite/);
  expect(() => decodeText('table.xlsx', Uint8Array.of(80, 75, 3, 4, 0, 1))).toThrow(
    /table.xlsx is not a text file.*CSV/,
  );
});
