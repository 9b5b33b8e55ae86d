// Apache Arrow tables as rows, by their shape alone: the arrow package is not imported.
// Must not know of other forms of data.
import { GaussmixRangeError, GaussmixTypeError } from './errors.ts';
import type { ArrowTableLike, ArrowVectorLike } from './matrix.ts';
import type { RowSource } from './row-source.ts';
import { featureLabel, isCount, isMissing, LARGEST, ValueRules } from './value-rules.ts';

/** Arrow's Type.Dictionary, Type.Int and Type.Float, and Precision.HALF. */
const ARROW_DICTIONARY = -1;
const ARROW_INT = 2;
const ARROW_FLOAT = 3;
const ARROW_HALF = 0;

interface ArrowType {
  readonly typeId: number;
  readonly precision?: number;
  /** Of a dictionary-encoded column: the type of its values. */
  readonly dictionary?: ArrowType;
}

export function isArrowTable(value: unknown): value is ArrowTableLike {
  if (typeof value !== 'object' || value === null) return false;
  const { numRows, schema, getChildAt } = value as Partial<ArrowTableLike>;
  return (
    isCount(numRows) &&
    typeof getChildAt === 'function' &&
    Array.isArray(schema?.fields) &&
    schema.fields.every((field) => typeof field?.name === 'string' && typeof field.type?.typeId === 'number')
  );
}

function isNumericType(type: ArrowType): boolean {
  const { typeId } = type.typeId === ARROW_DICTIONARY && type.dictionary ? type.dictionary : type;
  return typeId === ARROW_INT || typeId === ARROW_FLOAT;
}

interface ArrowColumn {
  readonly vector: ArrowVectorLike;
  /** Whether a slice's toArray() is the values themselves: no nulls, no half floats, no dictionary. */
  readonly plain: boolean;
}

function arrowColumn(table: ArrowTableLike, index: number, type: ArrowType, name: string): ArrowColumn {
  const vector = table.getChildAt(index);
  if (typeof vector?.get !== 'function') {
    throw new GaussmixTypeError(
      'INVALID_DATA',
      `${name}: the table has no column ${index}, although its schema does`,
    );
  }
  const plain =
    vector.nullCount === 0 &&
    typeof vector.slice === 'function' &&
    typeof vector.toArray === 'function' &&
    (type.typeId === ARROW_INT || (type.typeId === ARROW_FLOAT && type.precision !== ARROW_HALF));
  return { vector, plain };
}

/** The numeric columns of an Arrow table. */
export function arrowSource(
  table: ArrowTableLike,
  { name, allowMissing, firstRow }: ValueRules,
  wanted: readonly string[] | undefined,
): RowSource {
  const { fields } = table.schema;
  const all = fields.flatMap((field, index) => (isNumericType(field.type) ? [{ field, index }] : []));
  const leftOut = fields.filter((field) => !isNumericType(field.type)).map((field) => field.name);
  const numeric = wanted ? columnsByName(all, wanted, name) : all;
  if (numeric.length === 0 && fields.length > 0) {
    const list = fields.map((field) => `${JSON.stringify(field.name)} (${String(field.type)})`).join(', ');
    throw new GaussmixTypeError(
      'INVALID_DATA',
      `${name}: no column of the table is numeric (integer or floating point); its columns are ${list}`,
    );
  }
  const columnNames = numeric.map(({ field }) => field.name);
  const rules = new ValueRules(name, allowMissing, columnNames, undefined, firstRow);
  rules.checkSize(table.numRows, numeric.length);
  const columns = numeric.map(({ field, index }) => arrowColumn(table, index, field.type, name));
  return {
    rows: table.numRows,
    columns: columns.length,
    columnNames,
    leftOut,
    read(start, count, target) {
      // Column by column, yet the bad value reported is the first in row order: later columns need only be read
      // down to the row of one already found.
      let clean = count;
      let error: Error | undefined;
      columns.forEach((column, feature) => {
        const bad = readArrowColumn(
          column,
          start,
          clean,
          target.subarray(feature),
          columns.length,
          allowMissing,
        );
        if (bad === undefined) return;
        clean = bad.row;
        error = arrowError(bad.value, start + bad.row, feature, rules);
      });
      if (error) throw error;
    },
  };
}

/** The columns of these names, in this order; all columns when none has such a name. */
function columnsByName<T extends { readonly field: { readonly name: string } }>(
  columns: readonly T[],
  wanted: readonly string[],
  name: string,
): readonly T[] {
  const found = wanted.map((label) => columns.find(({ field }) => field.name === label));
  if (found.every((column) => column === undefined)) return columns;
  const missing = found.indexOf(undefined);
  if (missing < 0) return found as T[];
  throw new GaussmixRangeError(
    'INVALID_SHAPE',
    `${name}: the table has no numeric column ${JSON.stringify(wanted[missing])}, which the model was fitted to; it has ` +
      columns.map(({ field }) => JSON.stringify(field.name)).join(', '),
  );
}

/** Copies `count` values to every `stride`-th element of `target`, up to the first bad one, which it returns. */
function readArrowColumn(
  { vector, plain }: ArrowColumn,
  start: number,
  count: number,
  target: Float64Array,
  stride: number,
  allowMissing: boolean,
): { row: number; value: unknown } | undefined {
  const values = plain ? vector.slice!(start, start + count).toArray!() : undefined;
  for (let row = 0; row < count; row++) {
    const value = values ? values[row] : vector.get(start + row);
    const number = typeof value === 'bigint' ? safeNumber(value) : value;
    if (typeof number === 'number' && Math.abs(number) <= LARGEST) target[row * stride] = number;
    else if (allowMissing && isMissing(value)) target[row * stride] = Number.NaN;
    else return { row, value };
  }
  return undefined;
}

/** A 64-bit integer as a double, if it is one exactly. */
function safeNumber(value: bigint): number | undefined {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : undefined;
}

function arrowError(value: unknown, row: number, column: number, rules: ValueRules): Error {
  if (typeof value !== 'bigint') return rules.error(value, row, column);
  return new GaussmixRangeError(
    'INVALID_VALUE',
    `${rules.name}: row ${rules.firstRow + row}, ${featureLabel({ columnNames: rules.columnNames! }, column)} is ${value} (rows and columns ` +
      'count from 0). It is too large an integer to be a double exactly (limit 2^53 - 1): rescale the column.',
  );
}
