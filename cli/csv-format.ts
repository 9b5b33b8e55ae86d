// How a text is a table: its encoding, line ends and delimiter, found in its beginning; and how a cell is written.
// Must not import anything of Node: the web page reads its files by this, too.
import Papa from 'papaparse';

/** Tabs, semicolons and bars hardly stand in numbers or unquoted names; commas do (1,5). So they are tried first. */
const DELIMITERS = ['\t', ';', '|', ','];
/** How much text is looked at to find the delimiter, in bytes. */
export const SNIFFED_BYTES: number = 1 << 16;

/** How the rows and cells of a text are told apart. */
export interface CsvFormat {
  readonly newline: '\n' | '\r';
  readonly delimiter: string;
  /** Number of the line that `rest` begins with, from 1. */
  readonly firstLine: 1 | 2;
  /** The text without a line that names the separator. */
  readonly rest: string;
}

/** What a text begins with tells its encoding: UTF-8, or UTF-16 with a byte order mark. */
export function encodingOf(start: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' {
  if (start[0] === 0xff && start[1] === 0xfe) return 'utf-16le';
  return start[0] === 0xfe && start[1] === 0xff ? 'utf-16be' : 'utf-8';
}

/** What Excel may write, and obeys, before the first row. */
const SEPARATOR_LINE = /^"?sep=([^"\r\n])"?(?:\r\n?|\n|$)/i;

/** @param text the beginning of a table, or all of it */
export function findFormat(text: string): CsvFormat {
  const newline = text.includes('\n') || !text.includes('\r') ? '\n' : '\r';
  const [separatorLine = '', separator] = SEPARATOR_LINE.exec(text) ?? [];
  const rest = text.slice(separatorLine.length);
  const delimiter = separator ?? findDelimiter(rest, newline);
  return { newline, delimiter, firstLine: separator === undefined ? 1 : 2, rest };
}

/** The first delimiter that gives each of the first rows the same number of cells, more than one. */
export function findDelimiter(text: string, newline: '\n' | '\r'): string {
  let most = { cells: 1, delimiter: ',' };
  for (const delimiter of DELIMITERS) {
    // The last row may be cut off.
    const preview = Papa.parse<string[]>(text, { delimiter, newline, preview: 11 }).data;
    const rows = (preview.length > 1 ? preview.slice(0, -1) : preview).filter((row) => !isBlank(row));
    const cells = rows[0]?.length ?? 1;
    if (cells > 1 && rows.every((row) => row.length === cells)) return delimiter;
    if (cells > most.cells) most = { cells, delimiter };
  }
  return most.delimiter;
}

/** Whether a row is an empty line. */
export function isBlank(row: readonly string[]): boolean {
  return row.length === 1 && row[0].trim() === '';
}

/** A cell of CSV, quoted where it must be. */
export function csvCell(text: string): string {
  return /[",\r\n\t;|]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A row of numbers, each with as many digits as it takes to read it back to the bit: -0 too, which String writes as 0. */
export function csvNumbers(values: Float64Array): string {
  return Array.from(values, (value) => (Object.is(value, -0) ? '-0' : String(value))).join(',');
}
