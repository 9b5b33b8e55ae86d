// What the text of one cell means: a number, a missing value, or something that is refused.
// Must not know where the cell stands.

/** Spellings of a missing value, in lower case. */
const MISSING: ReadonlySet<string> = new Set(['', 'na', 'n/a', '#n/a', 'nan', 'null', 'none', '?']);

/** What to do about one. */
export const MISSING_REMEDY = 'remove the rows with missing values, fill them, or use --missing marginalize';

/** The library takes numbers up to this: their squares are doubles, too. */
export const LARGEST = 1e150;
export const TOO_LARGE: string = `is too large to be squared (limit ${LARGEST}): rescale the column`;
/** What is said of a row in which all features are missing. */
export const NO_VALUE = 'no column that is used has a value, so nothing can be said of the row: leave it out';

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/** The number in a cell, or NaN for anything that is not a finite decimal number; {@link cellKind} says what it is. */
export function cellNumber(cell: string): number {
  const value = +cell;
  const first = cell.charCodeAt(0);
  // Unary plus also takes blanks for 0, and 0x10, 0b1 and 0o7 for numbers: those that may be so are looked at closely.
  if (first >= 49 && first <= 57) return finite(value);
  if ((first === 45 || first === 46) && !Number.isNaN(value)) return finite(value);
  return DECIMAL.test(cell.trim()) ? finite(value) : Number.NaN;
}

function finite(value: number): number {
  return value - value === 0 ? value : Number.NaN;
}

export type CellKind = 'number' | 'missing' | 'infinite' | 'text';

/** What a cell is. Slow: for first rows and for messages. */
export function cellKind(cell: string): CellKind {
  const text = cell.trim().toLowerCase();
  if (MISSING.has(text)) return 'missing';
  if (/^[+-]?inf(?:inity)?$/.test(text)) return 'infinite';
  if (!DECIMAL.test(text)) return 'text';
  return Number.isFinite(Number(text)) ? 'number' : 'infinite';
}
