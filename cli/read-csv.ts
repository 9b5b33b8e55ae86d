// CSV and TSV: text to rows of numbers, chunk by chunk, with every defect named by line and column.
// Must not hold the text of more than a window, nor guess a value that is not there.
import { ByteSource } from './bytes.ts';
import { cellKind, cellNumber, LARGEST, MISSING_REMEDY, NO_VALUE, TOO_LARGE } from './cells.ts';
import {
  type Columns,
  columnLabel,
  columnsArgument,
  hasAllNames,
  resolveColumns,
  type Selection,
} from './columns.ts';
import { encodingOf, findFormat, isBlank, SNIFFED_BYTES } from './csv-format.ts';
import { type FilledRows, isScannable, RowScanner } from './csv-scanner.ts';
import { type ByteFormat, QuoteError, splitRow, type TextRow, TextWindow } from './csv-text.ts';
import { Failure, plural, quote } from './failure.ts';
import { chunkRows, type RowChunk, type RowStream } from './rows.ts';
import { GroupNumbers } from './table.ts';

const NOT_BY_SPACES = 'columns are separated by commas, semicolons, tabs or |, not by spaces';
/** A row longer than this is an unclosed quote, not a row (in bytes). */
const LONGEST_ROW = 1 << 26;
/** Text that is looked at in one go, in bytes. */
const WINDOW_BYTES = 1 << 20;
/** Rows that an advice on columns looks at. */
const ADVISING_ROWS = 10_000;

/**
 * Opens a table of numbers: reads its first row.
 *
 * @param selection the columns to use
 * @param windowBytes how much is looked at in one go; what is read does not depend on it
 * @throws Failure naming the source, the line (from 1, as in an editor) and the column, here or from the chunks: ragged
 * rows, missing cells, text, infinite numbers, unclosed quotes; no rows at all
 */
export async function openCsv(
  source: ByteSource,
  selection: Selection,
  windowBytes: number = WINDOW_BYTES,
): Promise<RowStream> {
  const utf8 = await asUtf8(source);
  const start = await utf8.peek(SNIFFED_BYTES);
  // The decoder takes the byte order mark away, and a character that is cut off at the end.
  const text = new TextDecoder().decode(start, { stream: true });
  if (text.trim() === '') throw new Failure(`${source.name} is empty`);
  if (text.includes('\0'))
    throw new Failure(`${source.name} is neither text nor a .npy, Parquet or Arrow file`);
  const { rest, newline, delimiter, firstLine } = findFormat(text);
  if (delimiter === '\ufffd') throw new Failure(`${source.name}, line 1: the separator is not in UTF-8`);
  const mark = start[0] === 0xef && start[1] === 0xbb && start[2] === 0xbf ? 3 : 0;
  await utf8.readInto(new Uint8Array(mark + Buffer.byteLength(text.slice(0, text.length - rest.length))));
  const format = { newline: newline.charCodeAt(0), delimiter: new TextEncoder().encode(delimiter) };
  const window = new TextWindow(utf8, format.newline, windowBytes);
  const reader = new RowReader(source.name, selection, window, format, firstLine);
  await reader.begin();
  return reader;
}

/** A source as UTF-8: itself, or its text where it is UTF-16 with a byte order mark. */
async function asUtf8(source: ByteSource): Promise<ByteSource> {
  const encoding = encodingOf(await source.peek(2));
  if (encoding === 'utf-8') return source;
  const decoder = new TextDecoder(encoding);
  async function* blocks(): AsyncGenerator<Uint8Array> {
    for (let block = await source.block(); block !== undefined; block = await source.block()) {
      yield Buffer.from(decoder.decode(block, { stream: true }));
    }
    yield Buffer.from(decoder.decode());
  }
  return new ByteSource(source.name, blocks());
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

/** Reads the rows of a text: plain ones by the scanner, others cell by cell. */
class RowReader implements RowStream {
  readonly rows = undefined;
  readonly #source: string;
  readonly #selection: Selection;
  readonly #window: TextWindow;
  readonly #format: ByteFormat;
  readonly #groups: GroupNumbers = new GroupNumbers();
  #count = 0;
  /** Of the row being read, from 1: rows may span several lines. */
  #line: number;
  #firstLine = 1;
  #headerNote: string | undefined;
  #width = 0;
  #header: readonly string[] | undefined;
  #columns: Columns = { features: [], weight: undefined, group: undefined, byModelNames: false, notes: [] };

  constructor(source: string, selection: Selection, window: TextWindow, format: ByteFormat, line: number) {
    this.#source = source;
    this.#selection = selection;
    this.#window = window;
    this.#format = format;
    this.#line = line;
  }

  /** Reads the first row, and takes it if it is the header. */
  async begin(): Promise<void> {
    for (;;) {
      const row = await this.#peekRow();
      if (row === undefined) throw new Failure(`${this.#source} is empty`);
      if (!isBlank(row.cells)) {
        this.#decide(row.cells);
        if (this.#header) this.#take(row);
        return;
      }
      this.#take(row);
    }
  }

  get columns(): number {
    return this.#columns.features.length;
  }

  get names(): readonly string[] | undefined {
    const names = this.#header && this.#columns.features.map((column) => (this.#header as string[])[column]);
    return names?.every((name, i) => name !== '' && names.indexOf(name) === i) ? names : undefined;
  }

  get labels(): readonly string[] {
    return this.#columns.features.map((column) => this.#label(column));
  }

  get notes(): readonly string[] {
    const { model, columns } = this.#selection;
    const notes = [...(this.#headerNote === undefined ? [] : [this.#headerNote]), ...this.#columns.notes];
    const wanted = model?.featureNames;
    if (wanted && columns === undefined && this.#header && !this.#columns.byModelNames) {
      const absent = wanted.filter((name) => !this.#header?.includes(name)).map(quote);
      notes.push(
        `the header of ${this.#source} does not have the model's columns (${absent.join(', ')}): they are taken by position`,
      );
    }
    return notes;
  }

  groupNames(): readonly string[] {
    return this.#groups.names();
  }

  async *chunks(): AsyncGenerator<RowChunk> {
    let filled = this.#room();
    const scanner = isScannable(this.#format)
      ? new RowScanner(this.#format, this.#width, this.#columns, this.#groups, this.#selection)
      : undefined;
    for (let more = true; more; ) {
      this.#line += scanner?.scan(this.#window, filled) ?? 0;
      if (filled.rows < filled.most) {
        const row = await this.#peekRow();
        if (row) this.#row(row, filled);
        else more = false;
      }
      if (filled.rows === filled.most || (!more && filled.rows > 0)) {
        this.#count += filled.rows;
        yield chunkOf(filled, this.columns);
        filled.rows = 0;
        if (more && filled.most < chunkRows(this.columns, this.#count)) filled = this.#room();
      }
    }
    if (this.#count === 0) throw new Failure(`${this.#source} has a header, but no rows of data`);
  }

  /** For the next chunk. */
  #room(): FilledRows {
    const { weight, group } = this.#columns;
    const most = chunkRows(this.columns, this.#count);
    return {
      data: new Float64Array(most * this.columns),
      weights: weight === undefined ? undefined : new Float64Array(most),
      groups: group === undefined ? undefined : new Int32Array(most),
      rows: 0,
      most,
    };
  }

  get #allowMissing(): boolean {
    return this.#selection.allowMissing ?? false;
  }

  /** The next row, reading on until all of it is there; undefined at the end. */
  async #peekRow(): Promise<TextRow | undefined> {
    const window = this.#window;
    for (;;) {
      if (window.start === window.end && window.atEnd) return undefined;
      try {
        const row = window.start < window.end && splitRow(window, this.#format, window.start);
        if (row) return row;
      } catch (error) {
        if (!(error instanceof QuoteError)) throw error;
        throw this.#failure(`a quoted cell ${error.message} (a quote within quotes is written twice)`);
      }
      if (window.end - window.start >= LONGEST_ROW) {
        throw this.#failure('a quoted cell begins here (or in this row) and is never closed');
      }
      await window.fill();
    }
  }

  #take(row: TextRow): void {
    this.#window.start = row.next;
    this.#line += 1 + row.breaks;
  }

  /** Takes one row, cell by cell. */
  #row(row: TextRow, into: FilledRows): void {
    const { cells } = row;
    if (isBlank(cells)) {
      this.#take(row);
      return;
    }
    if (cells.length !== this.#width) {
      throw this.#failure(
        `${plural(cells.length, 'cell')}, but line ${this.#firstLine} has ${this.#width}: every row must have as many`,
      );
    }
    const { features, weight, group } = this.#columns;
    const place = into.rows;
    const { refuseUnusable } = this.#selection;
    let missing = 0;
    for (let i = 0; i < features.length; i++) {
      const cell = cells[features[i]];
      const value = cellNumber(cell);
      if (Number.isNaN(value) && !(this.#allowMissing && cellKind(cell) === 'missing')) {
        throw this.#badCell(cells, features[i], place);
      }
      if (refuseUnusable && Math.abs(value) > LARGEST) {
        throw this.#failure(`${this.#label(features[i])}: ${quote(cell.trim())} ${TOO_LARGE}`);
      }
      if (Number.isNaN(value)) missing++;
      into.data[place * features.length + i] = value;
    }
    if (refuseUnusable && missing === features.length) throw this.#failure(NO_VALUE);
    if (weight !== undefined) into.weights![place] = this.#weightOf(cells, weight, place);
    if (group !== undefined) into.groups![place] = this.#groups.numberOf(this.#groupOf(cells, group));
    into.rows++;
    this.#take(row);
  }

  /** The first row decides whether there is a header, and which columns are used. */
  #decide(row: readonly string[]): void {
    const names = row.map((cell) => cell.trim());
    const selection = this.#selection;
    this.#width = row.length;
    this.#firstLine = this.#line;
    this.#header = this.#isHeader(names) ? names : undefined;
    const columns = this.#resolve(selection, names);
    this.#columns = columns;
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

  #weightOf(row: readonly string[], column: number, place: number): number {
    const value = cellNumber(row[column]);
    if (Number.isNaN(value)) throw this.#badCell(row, column, place);
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

  /** @param place of the row in its chunk */
  #badCell(row: readonly string[], column: number, place: number): Failure {
    const cell = row[column];
    const at = this.#label(column);
    const block = this.#following();
    switch (cellKind(cell)) {
      case 'missing': {
        if (this.#count + place === 0 && column !== this.#columns.weight && this.#isEmpty(column, block)) {
          const others = this.#numeric(column, block);
          const remedy =
            others.length > 0 ? `; to leave it out: ${columnsArgument(others, this.#header)}` : '';
          return this.#failure(`${at}: the cell is empty, as in every row so far${remedy}`);
        }
        const spelling =
          cell.trim() === '' ? 'the cell is empty' : `${quote(cell.trim())} is a missing value`;
        const remedy = column === this.#columns.weight ? 'give every row a weight' : MISSING_REMEDY;
        const isFirst = this.#line === this.#firstLine && this.#selection.header === undefined;
        const isMissing = isFirst && usedColumns(this.#columns).every((i) => cellKind(row[i]) === 'missing');
        const header = isMissing ? '; if these are the names of the columns, use --header' : '';
        return this.#failure(`${at}: ${spelling}; ${remedy}${header}`);
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
    if (String.fromCharCode(this.#format.delimiter[0]) !== ',' && /^\s*[+-]?\d+,\d+\s*$/.test(cell)) {
      return '; write decimal commas as points';
    }
    if (this.#width === 1 && isSpaced([cell])) return `; ${NOT_BY_SPACES}`;
    if (column === this.#columns.weight) return '; weights must be numbers';
    const numeric = this.#numeric(column, block);
    if (numeric.length === 0) return '';
    return `; to use the columns of numbers: ${columnsArgument(numeric, this.#header)}`;
  }

  /** The features that may be numbers, as far as the block goes, without one that is not. */
  #numeric(without: number, block: readonly (readonly string[])[]): readonly number[] {
    return this.#columns.features.filter(
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

  /** The row being read and those after it, as far as the window goes. */
  #following(): readonly (readonly string[])[] {
    const rows: (readonly string[])[] = [];
    try {
      for (let at = this.#window.start; rows.length < ADVISING_ROWS; ) {
        const row = splitRow(this.#window, this.#format, at);
        if (row === undefined) break;
        rows.push(row.cells);
        at = row.next;
        if (at >= this.#window.end) break;
      }
    } catch (error) {
      if (!(error instanceof QuoteError)) throw error;
    }
    return rows;
  }
}

function chunkOf({ data, weights, groups, rows }: FilledRows, columns: number): RowChunk {
  return {
    data: data.subarray(0, rows * columns),
    rows,
    weights: weights?.subarray(0, rows),
    groups: groups?.subarray(0, rows),
  };
}
