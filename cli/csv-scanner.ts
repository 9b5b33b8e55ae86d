// Rows of plain numbers out of bytes, at the speed that makes a large CSV bearable.
// Must not report defects: it stops before a row that it does not take, for the careful reader to look at.
import { cellKind, cellNumber, LARGEST } from './cells.ts';
import type { Columns, Selection } from './columns.ts';
import { numberEnd, parseNumber } from './csv-number.ts';
import type { ByteFormat, TextWindow } from './csv-text.ts';
import type { GroupNumbers } from './table.ts';

const TAB = 9;
const RETURN = 13;
const SPACE = 32;
const QUOTE = 34;

/** What a column is for, where it is not the place of a feature. */
const UNUSED = -1;
const WEIGHT = -2;
const GROUP = -3;

/** Rows on their way into a chunk. */
export interface FilledRows {
  readonly data: Float64Array;
  readonly weights: Float64Array | undefined;
  readonly groups: Int32Array | undefined;
  /** Number of rows there. */
  rows: number;
  /** Number of rows there may be. */
  readonly most: number;
}

/** Delimiters that cannot be a part of a number. */
export function isScannable({ delimiter }: ByteFormat): boolean {
  return delimiter.length === 1 && !/[\w+.\-"]/.test(String.fromCharCode(delimiter[0]));
}

/** Reads rows of a table with known columns. */
export class RowScanner {
  readonly #delimiter: number;
  readonly #newline: number;
  /** For each column of the file: the feature it is, or what else. */
  readonly #roles: Int32Array;
  readonly #features: number;
  readonly #groups: GroupNumbers;
  readonly #allowMissing: boolean;
  readonly #refuseUnusable: boolean;

  constructor(
    format: ByteFormat,
    width: number,
    columns: Columns,
    groups: GroupNumbers,
    { allowMissing = false, refuseUnusable = false }: Selection,
  ) {
    this.#delimiter = format.delimiter[0];
    this.#newline = format.newline;
    this.#roles = new Int32Array(width).fill(UNUSED);
    columns.features.forEach((column, feature) => {
      this.#roles[column] = feature;
    });
    if (columns.weight !== undefined) this.#roles[columns.weight] = WEIGHT;
    if (columns.group !== undefined) this.#roles[columns.group] = GROUP;
    this.#features = columns.features.length;
    this.#groups = groups;
    this.#allowMissing = allowMissing;
    this.#refuseUnusable = refuseUnusable;
  }

  /**
   * Takes rows from the start of the window, until the chunk is full, the window has no further row to its end, or a
   * row comes that is to be looked at closely: a cell that is no number, another number of cells, unusual quotes, what is
   * unusable.
   * @returns how many lines were taken
   */
  scan(window: TextWindow, into: FilledRows): number {
    const { bytes, end, atEnd } = window;
    const delimiter = this.#delimiter;
    const newline = this.#newline;
    const roles = this.#roles;
    const features = this.#features;
    const last = roles.length - 1;
    const largest = this.#refuseUnusable ? LARGEST : Number.MAX_VALUE;
    const { data, weights, groups, most } = into;
    // A delimiter is no blank.
    const space = delimiter === SPACE ? TAB : SPACE;
    const tab = delimiter === TAB ? SPACE : TAB;
    let { start } = window;
    let { rows } = into;
    let lines = 0;
    reading: while (rows < most && start < end) {
      let at = start;
      if (bytes[at] === newline) {
        start++;
        lines++;
        continue;
      }
      const base = rows * features;
      let missing = 0;
      for (let column = 0; ; column++) {
        const role = roles[column];
        const cellStart = at;
        let byte = bytes[at];
        if (role === UNUSED || role === GROUP) {
          if (byte === QUOTE) {
            at = afterQuotes(bytes, at, newline);
            if (at < 0) break reading;
          } else {
            while (byte !== delimiter && byte !== newline) byte = bytes[++at];
          }
          if (role === GROUP) {
            const quotes = bytes[cellStart] === QUOTE ? 1 : 0;
            const group = window.text(cellStart + quotes, at - quotes).trim();
            if (group === '' || (at === end && !atEnd)) break reading;
            groups![rows] = this.#groups.numberOf(group);
          }
          if (bytes[at] === RETURN && bytes[at + 1] === newline) at++;
          byte = bytes[at];
        } else {
          while (byte === space || byte === tab) byte = bytes[++at];
          const quotes = byte === QUOTE ? 1 : 0;
          let value = parseNumber(bytes, at + quotes);
          if (numberEnd >= 0) {
            at = numberEnd;
            if (quotes && bytes[at++] !== QUOTE) break reading;
            byte = bytes[at];
            while (byte === space || byte === tab || (byte === RETURN && byte !== newline))
              byte = bytes[++at];
          }
          if (numberEnd < 0 || (byte !== delimiter && byte !== newline)) {
            at = cellStart;
            byte = bytes[at];
            while (byte !== delimiter && byte !== newline) byte = bytes[++at];
            if (quotes) break reading;
            const text = window.text(cellStart, at);
            value = cellNumber(text);
            if (Number.isNaN(value)) {
              if (!(this.#allowMissing && cellKind(text) === 'missing')) break reading;
              missing++;
            }
          }
          if (role >= 0) {
            if (value > largest || value < -largest) break reading;
            data[base + role] = value;
          } else if (value >= 0) weights![rows] = value;
          else break reading;
        }
        if (byte === newline) {
          if (column < last || (at === end && !atEnd)) break reading;
          break;
        }
        if (column === last || byte !== delimiter) break reading;
        at++;
      }
      if (missing === features && this.#refuseUnusable) break;
      rows++;
      lines++;
      start = at < end ? at + 1 : end;
    }
    window.start = start;
    into.rows = rows;
    return lines;
  }
}

/** The place after a quoted cell; -1 for one with quotes or line breaks within, or without an end. */
function afterQuotes(bytes: Uint8Array, start: number, newline: number): number {
  let at = start + 1;
  while (bytes[at] !== QUOTE && bytes[at] !== newline) at++;
  return bytes[at] === QUOTE && bytes[at + 1] !== QUOTE ? at + 1 : -1;
}
