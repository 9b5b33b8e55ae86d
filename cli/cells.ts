// What the text of one cell means: a number, a missing value, or something that is refused.
// Must not know where the cell stands.

/** Spellings of a missing value, in lower case. */
const MISSING: ReadonlySet<string> = new Set(['', 'na', 'n/a', '#n/a', 'nan', 'null', 'none', '?']);

/** What to do about one. */
export const MISSING_REMEDY = 'remove the rows with missing values, or fill them';

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
