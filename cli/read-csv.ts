// CSV and TSV: text to rows of numbers, block by block, with every defect named by line and column.
// Must not hold the text of more than a block, nor guess a value that is not there.
import { Readable } from 'node:stream';
import Papa from 'papaparse';
import type { ByteSource } from './bytes.ts';
import { cellKind, cellNumber, MISSING_REMEDY } from './cells.ts';
import {
  type Columns,
  columnLabel,
  columnsArgument,
  hasAllNames,
  resolveColumns,
  type Selection,
} from './columns.ts';
import { encodingOf, findFormat, isBlank, SNIFFED_BYTES } from './csv-format.ts';
import { Failure, plural, quote } from './failure.ts';
import { GroupNumbers, GrowingVector, type Table } from './table.ts';

const NOT_BY_SPACES = 'columns are separated by commas, semicolons, tabs or |, not by spaces';
/** A row longer than this is an unclosed quote, not a row (in characters). */
const LONGEST_ROW = 1 << 26;

/**
 * Reads a table of numbers.
 *
 * @param selection the columns to use
 * @throws Failure naming the source, the line (from 1, as in an editor) and the column: ragged rows, missing cells,
 * text, infinite numbers, unclosed quotes; no rows at all
 */
export async function readCsv(source: ByteSource, selection: Selection): Promise<Table> {
  const text = await decode(source);
  const { value: first } = await text.next();
  if (first === undefined || first.trim() === '') throw new Failure(`${source.name} is empty`);
  if (first.includes('\0')) throw new Failure(`${source.name} is neither text nor a .npy file`);
  const { rest, newline, delimiter, firstLine } = findFormat(first);
  const reader = new RowReader(source.name, selection, newline, delimiter, firstLine);
  await parseText(prepend(rest, text), { newline, delimiter }, reader);
  return reader.table();
}

/** The text of a source: UTF-8, or UTF-16 with a byte order mark; the mark is left out. */
async function decode(source: ByteSource): Promise<AsyncIterator<string>> {
  const start = await source.peek(SNIFFED_BYTES);
  const decoder = new TextDecoder(encodingOf(start));
  async function* pieces(): AsyncGenerator<string> {
    for (let block = await source.block(); block !== undefined; block = await source.block()) {
      yield decoder.decode(block, { stream: true });
    }
    yield decoder.decode();
  }
  return pieces();
}

async function* prepend(first: string, rest: AsyncIterator<string>): AsyncGenerator<string> {
  yield first;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

function parseText(
  text: AsyncGenerator<string>,
  format: { newline: '\n' | '\r'; delimiter: string },
  reader: RowReader,
): Promise<void> {
  async function* watched(): AsyncGenerator<string> {
    for await (const piece of text) {
      reader.expect(piece);
      yield piece;
    }
  }
  const stream = Readable.from(watched(), { objectMode: true, highWaterMark: 1 });
  return new Promise((resolve, reject) => {
    Papa.parse<string[]>(stream, {
      ...format,
      skipEmptyLines: false,
      chunk: ({ data, errors }) => {
        reader.rows(data, errors);
      },
      complete: () => resolve(),
      error: (error: unknown) => {
        stream.destroy();
        reject(error);
      },
    });
  });
}

/** A name as columns have it: letters, and those before digits. */
const NAME = /^\D*\p{L}/u;

/** Whether a row is one cell of several words, as rows separated by spaces are. */
function isSpaced(row: readonly string[]): boolean {
  return row.length === 1 && /\S\s+\S/.test(row[0]);
}

function isMostlyText(row: readonly string[]): boolean {
  const kinds = row.map(cellKind);
  const count = (kind: string): number => kinds.filter((other) => other === kind).length;
  return count('text') > count('number');
}

/** Whether cells are three or more integers in sequence, such as years, or numbers that pandas gave to columns. */
function isCounting(cells: readonly string[]): boolean {
  return (
    cells.length > 2 &&
    cells.every((cell, i) => /^\d+$/.test(cell) && (i === 0 || Number(cell) === Number(cells[i - 1]) + 1))
  );
}

/** Those that must be numbers. */
function usedColumns({ features, weight }: Columns): readonly number[] {
  return weight === undefined ? features : [...features, weight];
}

/** Takes rows of cells, in order, and keeps their numbers. */
class RowReader {
  readonly #source: string;
  readonly #selection: Selection;
  readonly #newline: string;
  readonly #delimiter: string;
  readonly #values: GrowingVector = new GrowingVector();
  readonly #weights: GrowingVector = new GrowingVector();
  readonly #groups: GroupNumbers = new GroupNumbers();
  #count = 0;
  /** Of the row being read, from 1: rows may span several lines. */
  #line: number;
  #firstLine = 1;
  #headerNote: string | undefined;
  #width = 0;
  #header: readonly string[] | undefined;
  #features: readonly number[] = [];
  #weight: number | undefined;
  #group: number | undefined;
  #byModelNames = false;
  #quotes = false;
  #pending = 0;

  constructor(source: string, selection: Selection, newline: string, delimiter: string, line: number) {
    this.#source = source;
    this.#selection = selection;
    this.#newline = newline;
    this.#delimiter = delimiter;
    this.#line = line;
  }

  /** Is told of each piece of text before its rows come. */
  expect(piece: string): void {
    this.#quotes ||= piece.includes('"');
    this.#pending += piece.length;
  }

  rows(rows: readonly string[][], errors: readonly Papa.ParseError[]): void {
    if (rows.length > 0) this.#pending = 0;
    else if (this.#pending > LONGEST_ROW) {
      throw this.#failure('a quoted cell begins here (or in this row) and is never closed');
    }
    const broken = new Map(errors.filter(({ type }) => type === 'Quotes').map((e) => [e.row, e.code]));
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i];
      if (broken.size > 0 && broken.has(i)) {
        const closed =
          broken.get(i) === 'InvalidQuotes' ? 'has text after its closing quote' : 'is never closed';
        throw this.#failure(`a quoted cell ${closed} (a quote within quotes is written twice)`);
      }
      if (!(row.length <= 1 && isBlank(row))) this.#row(row, rows, i);
      this.#line += 1 + (this.#quotes ? this.#breaks(row) : 0);
    }
  }

  #row(row: readonly string[], rows: readonly string[][], index: number): void {
    if (this.#width === 0) {
      this.#begin(row);
      if (this.#header) return;
    }
    if (row.length !== this.#width) {
      throw this.#failure(
        `${plural(row.length, 'cell')}, but line ${this.#firstLine} has ${this.#width}: every row must have as many`,
      );
    }
    const features = this.#features;
    for (let i = 0; i < features.length; i++) {
      const value = cellNumber(row[features[i]]);
      if (Number.isNaN(value) && !this.#mayMiss(row[features[i]])) {
        throw this.#badCell(row, features[i], rows.slice(index));
      }
      this.#values.push(value);
    }
    if (this.#weight !== undefined) this.#weights.push(this.#weightOf(row, this.#weight));
    if (this.#group !== undefined) this.#groups.push(this.#groupOf(row, this.#group));
    this.#count++;
  }

  #mayMiss(cell: string): boolean {
    return this.#selection.allowMissing === true && cellKind(cell) === 'missing';
  }

  /** The first row decides whether there is a header, and which columns are used. */
  #begin(row: readonly string[]): void {
    const names = row.map((cell) => cell.trim());
    const selection = this.#selection;
    this.#width = row.length;
    this.#firstLine = this.#line;
    this.#header = this.#isHeader(names) ? names : undefined;
    const columns = this.#resolve(selection, names);
    this.#features = columns.features;
    this.#weight = columns.weight;
    this.#group = columns.group;
    this.#byModelNames = columns.byModelNames;
    if (selection.header === undefined && !columns.byModelNames) {
      this.#headerNote = this.#doubtAbout(usedColumns(columns).map((column) => names[column]));
    }
  }

  #resolve(selection: Selection, names: readonly string[]): Columns {
    try {
      return resolveColumns(selection, this.#source, names.length, this.#header);
    } catch (error) {
      if (!(error instanceof Failure && isSpaced(names))) throw error;
      throw new Failure(`${error.message}; ${NOT_BY_SPACES}`);
    }
  }

  /** A header has text in a column that is used, or the names that are asked for. */
  #isHeader(names: readonly string[]): boolean {
    const { model, header, ...own } = this.#selection;
    if (header !== undefined) return header;
    const { columns } = own;
    if (columns === undefined && model?.featureNames && hasAllNames(names, model.featureNames)) return true;
    const used = this.#usedOf(own, names.length);
    if (used) return used.some((column) => cellKind(names[column]) === 'text');
    // Columns that are no numbers need names. If they are not there either, the error must not call data names.
    return this.#usedOf(own, names.length, names) !== undefined || isMostlyText(names);
  }

  /** The columns of numbers that are used; undefined where there are no such columns. */
  #usedOf(selection: Selection, width: number, header?: readonly string[]): readonly number[] | undefined {
    try {
      return usedColumns(resolveColumns(selection, this.#source, width, header));
    } catch {
      return undefined;
    }
  }

  /** What to tell about a first row that may have been meant otherwise. */
  #doubtAbout(used: readonly string[]): string | undefined {
    const line = `line ${this.#line} of ${this.#source} is taken as`;
    if (!this.#header) {
      if (!isCounting(used)) return undefined;
      return `${line} data, though it counts (${used.slice(0, 3).join(', ')}): with --header it is the header`;
    }
    const number = used.find((name) => cellKind(name) === 'number');
    if (number !== undefined) {
      return `${line} the header, though ${quote(number)} is a number: with --no-header it is data`;
    }
    const texts = used.filter((name) => cellKind(name) === 'text');
    if (texts.length === 0 || texts.some((name) => NAME.test(name))) return undefined;
    return `${line} the header, as ${quote(texts[0])} is not a number: with --no-header it is data`;
  }

  #weightOf(row: readonly string[], column: number): number {
    const value = cellNumber(row[column]);
    if (Number.isNaN(value)) throw this.#badCell(row, column, [row]);
    if (value < 0) throw this.#failure(`${this.#label(column)}: the weight ${value} is negative`);
    return value;
  }

  #groupOf(row: readonly string[], column: number): string {
    const group = row[column].trim();
    if (group !== '') return group;
    throw this.#failure(
      `${this.#label(column)}: the cell is empty; remove the rows without a group, or give them one`,
    );
  }

  #badCell(row: readonly string[], column: number, block: readonly (readonly string[])[]): Failure {
    const cell = row[column];
    const at = this.#label(column);
    switch (cellKind(cell)) {
      case 'missing': {
        if (this.#count === 0 && column !== this.#weight && this.#isEmpty(column, block)) {
          const others = this.#numeric(column, block);
          const remedy =
            others.length > 0 ? `; to leave it out: ${columnsArgument(others, this.#header)}` : '';
          return this.#failure(`${at}: the cell is empty, as in every row so far${remedy}`);
        }
        const spelling =
          cell.trim() === '' ? 'the cell is empty' : `${quote(cell.trim())} is a missing value`;
        return this.#failure(
          `${at}: ${spelling}; ${column === this.#weight ? 'give every row a weight' : MISSING_REMEDY}`,
        );
      }
      case 'infinite':
        return this.#failure(`${at}: ${quote(cell.trim())} is not finite`);
      default:
        return this.#failure(
          `${at}: ${quote(cell.trim())} is not a number${this.#advice(cell, column, block)}`,
        );
    }
  }

  /** How to go on after a text cell: leave the columns with text out, by a ready argument. */
  #advice(cell: string, column: number, block: readonly (readonly string[])[]): string {
    if (this.#delimiter !== ',' && /^\s*[+-]?\d+,\d+\s*$/.test(cell)) {
      return '; write decimal commas as points';
    }
    if (this.#width === 1 && isSpaced([cell])) return `; ${NOT_BY_SPACES}`;
    if (column === this.#weight) return '; weights must be numbers';
    const numeric = this.#numeric(column, block);
    if (numeric.length === 0) return '';
    return `; to use the columns of numbers: ${columnsArgument(numeric, this.#header)}`;
  }

  /** The features that may be numbers, as far as the block goes, without one that is not. */
  #numeric(without: number, block: readonly (readonly string[])[]): readonly number[] {
    return this.#features.filter(
      (feature) =>
        feature !== without &&
        block.every((row) => cellKind(row[feature] ?? '') !== 'text') &&
        !this.#isEmpty(feature, block),
    );
  }

  #isEmpty(column: number, block: readonly (readonly string[])[]): boolean {
    return block.every((row) => (row[column] ?? '').trim() === '');
  }

  #label(column: number): string {
    return columnLabel(column, this.#header);
  }

  #failure(message: string): Failure {
    return new Failure(`${this.#source}, line ${this.#line}: ${message}`);
  }

  #breaks(row: readonly string[]): number {
    let breaks = 0;
    for (const cell of row) {
      let at = cell.indexOf(this.#newline);
      for (; at >= 0; at = cell.indexOf(this.#newline, at + 1)) breaks++;
    }
    return breaks;
  }

  table(): Table {
    if (this.#width === 0) throw new Failure(`${this.#source} is empty`);
    if (this.#count === 0) throw new Failure(`${this.#source} has a header, but no rows of data`);
    const { model, columns } = this.#selection;
    const notes = this.#headerNote === undefined ? [] : [this.#headerNote];
    const wanted = model?.featureNames;
    if (wanted && columns === undefined && this.#header && !this.#byModelNames) {
      const absent = wanted.filter((name) => !this.#header?.includes(name)).map(quote);
      notes.push(
        `the header of ${this.#source} does not have the model's columns (${absent.join(', ')}): they are taken by position`,
      );
    }
    const names = this.#header && this.#features.map((column) => (this.#header as string[])[column]);
    const distinct = names?.every((name, i) => name !== '' && names.indexOf(name) === i);
    return {
      data: this.#values.take(),
      rows: this.#count,
      columns: this.#features.length,
      names: distinct ? names : undefined,
      labels: this.#features.map((column) => this.#label(column)),
      weights: this.#weight === undefined ? undefined : this.#weights.take(),
      groups: this.#group === undefined ? undefined : this.#groups.take(),
      notes,
    };
  }
}
