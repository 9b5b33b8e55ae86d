// What is asked of every value of the data, and the words in which one is refused.
// Must not know in which form the data came.
import { GaussmixRangeError, GaussmixTypeError } from './errors.ts';

/** Magnitudes beyond this are refused: sums of their squares would overflow. */
export const LARGEST = 1e150;

/** How messages name a column: `column 3`, or `column 3 ("waiting")` where it has a name. */
export function featureLabel(
  source: { readonly columnNames?: readonly string[] | undefined },
  column: number,
): string {
  const name = source.columnNames?.[column];
  return name === undefined ? `column ${column}` : `column ${column} (${JSON.stringify(name)})`;
}

/** A value in words, for messages: its kind, and itself where it is short. */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `the string ${JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value)}`;
    case 'boolean':
      return `the boolean ${value}`;
    case 'bigint':
      return `the bigint ${value}n`;
    case 'function':
      return 'a function';
    case 'symbol':
      return 'a symbol';
    case 'object':
      break;
    default:
      return String(value);
  }
  if (value === null) return 'null';
  if (typeof (value as { then?: unknown }).then === 'function') return 'a promise';
  if (Array.isArray(value)) return `an array of length ${value.length}`;
  const type = (value as { constructor?: { name?: unknown } }).constructor?.name;
  return typeof type === 'string' && type !== '' && type !== 'Object' ? `an object (${type})` : 'an object';
}

/** What is asked of each value, and the errors for those that do not comply. */
export class ValueRules {
  readonly name: string;
  readonly allowMissing: boolean;
  readonly columnNames: readonly string[] | undefined;
  /** Number of the first row, of data that is a part of more. */
  readonly firstRow: number;
  readonly #largest: number;

  constructor(
    name: string,
    allowMissing: boolean,
    columnNames?: readonly string[],
    largest: number = LARGEST,
    firstRow: number = 0,
  ) {
    this.firstRow = firstRow;
    this.name = name;
    this.#largest = largest;
    this.allowMissing = allowMissing;
    this.columnNames = columnNames;
  }

  /** @throws GaussmixRangeError INVALID_SHAPE when there are no rows or no columns */
  checkSize(rows: number, columns: number): void {
    if (rows > 0 && columns > 0) return;
    const what =
      rows > 0 ? 'columns: there must be at least one feature' : 'rows: there must be at least one';
    throw new GaussmixRangeError('INVALID_SHAPE', `${this.name} has no ${what}`);
  }

  /** Checks numbers already copied: values[0 .. length) start at row `start`. */
  scan(values: Float64Array, length: number, start: number, columns: number): void {
    let i = 0;
    // Four at a time, a third faster, up to the first four that are not all plain.
    for (; i + 4 <= length; i += 4) {
      const plain =
        Math.abs(values[i]) <= LARGEST &&
        Math.abs(values[i + 1]) <= LARGEST &&
        Math.abs(values[i + 2]) <= LARGEST &&
        Math.abs(values[i + 3]) <= LARGEST;
      if (!plain) break;
    }
    for (; i < length; i++) {
      const value = values[i];
      if (Math.abs(value) <= this.#largest || (this.allowMissing && Number.isNaN(value))) continue;
      throw this.error(value, start + Math.floor(i / columns), i % columns);
    }
  }

  /** What stands for a value that is not a number up to LARGEST: NaN for one that may be missing, or an error. */
  otherwise(value: unknown, row: number, column: number): number {
    if (typeof value === 'number' && Math.abs(value) <= this.#largest) return value;
    if (this.allowMissing && isMissing(value)) return Number.NaN;
    throw this.error(value, row, column);
  }

  /** The error for a value that is refused. */
  error(value: unknown, row: number, column: number): GaussmixRangeError | GaussmixTypeError {
    const label = this.columnNames
      ? featureLabel({ columnNames: this.columnNames }, column)
      : `column ${column}`;
    const at = `${this.name}: row ${this.firstRow + row}, ${label} is ${describeValue(value)} (rows and columns count from 0).`;
    if (isMissing(value)) {
      const remedy =
        this.name === 'data'
          ? "Remove the rows that have missing values, fill them, or use missing: 'marginalize' where it is offered."
          : `Every element of ${this.name} must be given.`;
      return new GaussmixRangeError('MISSING_VALUE', `${at} ${remedy}`);
    }
    if (typeof value !== 'number') {
      return new GaussmixTypeError('INVALID_VALUE', `${at} Every value must be a number${hint(value)}.`);
    }
    const remedy = Number.isFinite(value)
      ? `It is too large to be squared (limit ${LARGEST}): rescale the column.`
      : 'Every value must be finite: remove or correct it.';
    return new GaussmixRangeError('INVALID_VALUE', `${at} ${remedy}`);
  }
}

function hint(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'bigint') return ': convert it with Number()';
  if (typeof value !== 'object' || Array.isArray(value)) return '';
  return ': make arrays of rows that are objects, as in rows.map((row) => [row.x, row.y])';
}

export function isMissing(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'number' && Number.isNaN(value));
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

export function wrongLength(name: string, shape: readonly number[], length: number): GaussmixRangeError {
  const needed = shape.reduce((a, b) => a * b, 1);
  return new GaussmixRangeError(
    'INVALID_SHAPE',
    `${name}: shape [${shape.join(', ')}] needs ${needed} values, but data has ${length}`,
  );
}
