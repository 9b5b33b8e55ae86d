// A text table as the page holds it: every column, what is in it, and why it cannot be fitted, in words.
// Must not know the DOM: it runs in the worker, and in tests.
import Papa from 'papaparse';
import { cellKind, cellNumber } from '../cli/cells.ts';
import { columnLabel } from '../cli/columns.ts';
import { encodingOf, findFormat, isBlank } from '../cli/csv-format.ts';
import { Failure, plural, quote } from '../cli/failure.ts';

/** What the page shows of a column. */
export interface ColumnInfo {
  /** From the header, or `column 2`. */
  readonly name: string;
  /** Where in the file, for messages: `column 2 ("waiting")`. */
  readonly label: string;
  /** numbers: it can be fitted; gaps: all but its missing cells are numbers; text: anything else. */
  readonly kind: 'numbers' | 'gaps' | 'text';
  readonly missing: number;
  /** Why it cannot be fitted as it is: the first line and cell. */
  readonly problem: string | undefined;
}

/** The columns chosen, as a fit takes them. */
export interface Chosen {
  /** Row-major (rows x columns). */
  readonly data: Float64Array;
  readonly rows: number;
  /** For each row of the table: its row in `data`, or -1 where it is left out. */
  readonly place: Int32Array;
  /** Line of the file of each row of `data`, from 1. */
  readonly lines: Int32Array;
}

/** Bytes to text: UTF-8, or UTF-16 with a byte order mark. @throws Failure for what is no text */
export function decodeText(name: string, bytes: Uint8Array): string {
  const text = new TextDecoder(encodingOf(bytes)).decode(bytes);
  if (text.includes('\0')) {
    throw new Failure(`${name} is not a text file. Save the data as CSV, then drop that.`);
  }
  return text;
}

export class TextTable {
  readonly name: string;
  readonly columns: readonly ColumnInfo[];
  readonly hasHeader: boolean;
  readonly header: readonly string[] | undefined;
  /** Cells of the rows of data. */
  readonly cells: readonly (readonly string[])[];
  readonly #lines: Int32Array;
  readonly #values: readonly Float64Array[];

  /**
   * @param header whether the first row holds names; undefined: found out
   * @throws Failure naming the line: ragged rows, quotes that do not match, no rows
   */
  constructor(name: string, text: string, header?: boolean) {
    this.name = name;
    if (text.trim() === '') throw new Failure(`${name} is empty. It should hold rows of numbers.`);
    const { rest, newline, delimiter, firstLine } = findFormat(text);
    const { data, errors } = Papa.parse<string[]>(rest, { newline, delimiter, skipEmptyLines: false });
    const broken = errors.find(({ type }) => type === 'Quotes');
    const hasQuotes = rest.includes('"');
    const rows: string[][] = [];
    const lines: number[] = [];
    let line: number = firstLine;
    data.forEach((row, i) => {
      if (broken?.row === i) {
        const how = broken.code === 'InvalidQuotes' ? 'has text after its closing quote' : 'is never closed';
        throw new Failure(
          `${name}, line ${line}: a quoted cell ${how} (a quote within quotes is written twice).`,
        );
      }
      if (!isBlank(row)) {
        rows.push(row);
        lines.push(line);
        if (row.length !== rows[0].length) {
          throw new Failure(
            `${name}, line ${line}: ${plural(row.length, 'cell')}, but line ${lines[0]} has ${rows[0].length}. ` +
              'Every row must have as many.',
          );
        }
      }
      line += 1 + (hasQuotes ? row.join('').split(newline).length - 1 : 0);
    });
    this.hasHeader = header ?? isHeader(rows);
    this.header = this.hasHeader ? rows[0].map((cell) => cell.trim()) : undefined;
    this.cells = this.hasHeader ? rows.slice(1) : rows;
    this.#lines = Int32Array.from(this.hasHeader ? lines.slice(1) : lines);
    if (this.cells.length === 0) {
      throw new Failure(`${name} has a first line of names, but no rows of numbers below it.`);
    }
    this.#values = rows[0].map((_, column) =>
      Float64Array.from(this.cells, (row) => cellNumber(row[column])),
    );
    this.columns = this.#values.map((values, column) => this.#describe(values, column));
  }

  #describe(values: Float64Array, column: number): ColumnInfo {
    const label = columnLabel(column, this.header);
    const name = this.header?.[column] || `column ${column + 1}`;
    let missing = 0;
    let firstMissing = -1;
    for (let row = 0; row < values.length; row++) {
      if (!Number.isNaN(values[row])) continue;
      const cell = this.cells[row][column];
      const kind = cellKind(cell);
      if (kind !== 'missing') {
        const what = kind === 'infinite' ? 'not finite' : 'not a number';
        const problem = `line ${this.#lines[row]}, ${label}: ${quote(cell.trim())} is ${what}`;
        return { name, label, kind: 'text', missing, problem };
      }
      missing++;
      if (firstMissing < 0) firstMissing = row;
    }
    if (missing === 0) return { name, label, kind: 'numbers', missing, problem: undefined };
    const cell = this.cells[firstMissing][column].trim();
    const spelling = cell === '' ? 'the cell is empty' : `${quote(cell)} is a missing value`;
    const problem = `line ${this.#lines[firstMissing]}, ${label}: ${spelling}`;
    return { name, label, kind: missing === values.length ? 'text' : 'gaps', missing, problem };
  }

  /**
   * The numbers of some columns.
   *
   * @param leaveOut rows with missing cells in these columns are left out
   * @throws Failure when there is none, or a cell is no number
   */
  choose(columns: readonly number[], leaveOut: boolean): Chosen {
    if (columns.length === 0) throw new Failure('No column is chosen. Tick at least one column of numbers.');
    for (const column of columns) {
      const { kind, problem, missing } = this.columns[column];
      if (kind === 'text') throw new Failure(`${problem}. Untick this column to leave it out.`);
      if (kind === 'gaps' && !leaveOut) {
        throw new Failure(
          `${problem} (${plural(missing, 'missing cell')} in this column). Untick the column, or leave out the rows ` +
            'with missing cells.',
        );
      }
    }
    const values = columns.map((column) => this.#values[column]);
    const place = new Int32Array(this.cells.length);
    let rows = 0;
    for (let row = 0; row < place.length; row++) {
      place[row] = values.some((one) => Number.isNaN(one[row])) ? -1 : rows++;
    }
    if (rows === 0) throw new Failure('Every row has a missing cell in these columns. Untick some of them.');
    const data = new Float64Array(rows * columns.length);
    const lines = new Int32Array(rows);
    place.forEach((target, row) => {
      if (target < 0) return;
      lines[target] = this.#lines[row];
      for (let i = 0; i < values.length; i++) data[target * values.length + i] = values[i][row];
    });
    return { data, rows, place, lines };
  }
}

/** A first row is one of names when it has text above a number, or nothing but text. */
function isHeader(rows: readonly (readonly string[])[]): boolean {
  const kinds = rows[0].map(cellKind);
  const below = rows.slice(1, 50);
  if (kinds.some((kind, column) => kind === 'text' && below.some((row) => isNumber(row[column]))))
    return true;
  return kinds.every((kind) => kind === 'text' || kind === 'missing');
}

function isNumber(cell: string): boolean {
  return cellKind(cell) === 'number';
}
