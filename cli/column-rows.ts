// Rows out of a file that stores columns with types: which columns are used, and what is refused.
// Must not know the format of the file.
import { LARGEST, MISSING_REMEDY, NO_VALUE, TOO_LARGE } from './cells.ts';
import { type Columns, columnLabel, columnsArgument, resolveColumns, type Selection } from './columns.ts';
import { Damage, Unsupported } from './damage.ts';
import { Failure, quote } from './failure.ts';
import { chunkRows, type RowChunk, type RowStream } from './rows.ts';
import { GroupNumbers } from './table.ts';

/** Features and weights must be numbers; groups may be text, too. A column of nothing has no values, by its type. */
export type ColumnKind = 'number' | 'text' | 'nothing' | 'other';

/** A column of the file, as its schema says. */
export interface FileColumn {
  readonly name: string;
  readonly kind: ColumnKind;
  /** For messages: the format's own name of the type. */
  readonly type: string;
  /** Its values are integers, which may be more than a double can hold. */
  readonly isInteger: boolean;
}

/** Some rows of all columns, each of which is read from its beginning to its end. */
export interface ColumnBatch {
  readonly rows: number;
  /** The next values of a column to every `stride`-th place of `target`, from `start` on; NaN for null. */
  numbers(column: number, count: number, target: Float64Array, start: number, stride: number): Promise<void>;
  /** The next values of a column as keys of groups; undefined for null. */
  keys(column: number, count: number): Promise<readonly (string | number | undefined)[]>;
}

/** A file that stores columns. */
export interface ColumnFile {
  /** What messages call it. */
  readonly name: string;
  /** For messages: "a Parquet file". */
  readonly format: string;
  readonly columns: readonly FileColumn[];
  /** Where it is known beforehand. */
  readonly rows: number | undefined;
  /** @param used the columns that are going to be read */
  batches(used: readonly number[]): AsyncIterable<ColumnBatch>;
}

/**
 * The rows of a file of columns.
 * @throws Failure for columns that are no numbers or not there; from the chunks, for values that are missing, infinite or
 * too large an integer, negative weights, and a file that is damaged
 */
export function columnRows(file: ColumnFile, selection: Selection): RowStream {
  if (selection.header) {
    throw new Failure(`${file.name} is ${file.format}, which has no --header line`);
  }
  if (file.columns.length === 0) throw new Failure(`${file.name} has no columns`);
  const header = file.columns.map(({ name }) => name);
  const columns = resolveColumns(selection, file.name, header.length, header);
  checkKinds(file, columns, header, selection.allowMissing ?? false);
  return new ColumnRows(file, columns, header, selection);
}

function checkKinds(
  file: ColumnFile,
  { features, weight, group }: Columns,
  header: readonly string[],
  allowMissing: boolean,
): void {
  const refuse = (column: number, remedy: string): Failure =>
    new Failure(
      `${file.name}: ${columnLabel(column, header)} holds values of type ${file.columns[column].type}${remedy}`,
    );
  const isNumber = (column: number): boolean => file.columns[column].kind === 'number';
  const isNothing = (column: number): boolean => file.columns[column].kind === 'nothing';
  const wrong = features.find((column) => !isNumber(column) && !(allowMissing && isNothing(column)));
  if (wrong !== undefined) {
    const numeric = features.filter(isNumber);
    const advice =
      numeric.length > 0 ? `; to use the columns of numbers: ${columnsArgument(numeric, header)}` : '';
    throw refuse(wrong, isNothing(wrong) ? `: all are missing${advice}` : `, not numbers${advice}`);
  }
  if (weight !== undefined && !isNumber(weight)) throw refuse(weight, '; weights must be numbers');
  if (group !== undefined && (isNothing(group) || file.columns[group].kind === 'other')) {
    throw refuse(group, '; groups are told apart by text or numbers');
  }
}

class ColumnRows implements RowStream {
  readonly columns: number;
  readonly names: readonly string[] | undefined;
  readonly labels: readonly string[];
  readonly notes: readonly string[];
  readonly rows: number | undefined;
  readonly #file: ColumnFile;
  readonly #chosen: Columns;
  readonly #header: readonly string[];
  readonly #allowMissing: boolean;
  readonly #refuseUnusable: boolean;
  readonly #groups: GroupNumbers = new GroupNumbers();

  constructor(file: ColumnFile, columns: Columns, header: readonly string[], selection: Selection) {
    const { features } = columns;
    const names = features.map((column) => header[column]);
    this.columns = features.length;
    this.names = names.every((name, i) => name !== '' && names.indexOf(name) === i) ? names : undefined;
    this.labels = features.map((column) => columnLabel(column, header));
    this.rows = file.rows;
    this.#file = file;
    this.#chosen = columns;
    this.#header = header;
    this.#allowMissing = selection.allowMissing ?? false;
    this.#refuseUnusable = selection.refuseUnusable ?? false;
    const wanted = selection.columns === undefined ? selection.model?.featureNames : undefined;
    const absent = columns.byModelNames ? [] : (wanted?.filter((name) => !header.includes(name)) ?? []);
    const byPosition = `${file.name} does not have the model's columns (${absent.map(quote).join(', ')}): they are taken by position`;
    this.notes = [...columns.notes, ...(wanted === undefined || columns.byModelNames ? [] : [byPosition])];
  }

  groupNames(): readonly string[] {
    return this.#groups.names();
  }

  async *chunks(): AsyncGenerator<RowChunk> {
    try {
      yield* this.#read();
    } catch (error) {
      throw fileFailure(this.#file.name, error);
    }
  }

  async *#read(): AsyncGenerator<RowChunk> {
    const { features, weight, group } = this.#chosen;
    let most = 0;
    let data = new Float64Array(0);
    let weights: Float64Array | undefined;
    const isNothing = features.map((column) => this.#file.columns[column].kind === 'nothing');
    const used = [...features.filter((_, i) => !isNothing[i]), weight, group].filter(
      (column) => column !== undefined,
    );
    let read = 0;
    for await (const batch of this.#file.batches(used)) {
      const wanted = Math.min(batch.rows, chunkRows(features.length));
      if (wanted > most) {
        most = wanted;
        data = new Float64Array(most * features.length);
        weights = weight === undefined ? undefined : new Float64Array(most);
      }
      for (let left = batch.rows; left > 0; ) {
        const rows = Math.min(most, left);
        for (let i = 0; i < features.length; i++) {
          if (isNothing[i]) {
            for (let row = 0; row < rows; row++) data[row * features.length + i] = Number.NaN;
          } else await batch.numbers(features[i], rows, data, i, features.length);
        }
        const chunk = data.subarray(0, rows * features.length);
        this.#check(chunk, features, read);
        if (weights && weight !== undefined) {
          await batch.numbers(weight, rows, weights, 0, 1);
          this.#checkWeights(weights.subarray(0, rows), weight, read);
        }
        const groups =
          group === undefined ? undefined : this.#groupsOf(await batch.keys(group, rows), group, read);
        yield { data: chunk, rows, weights: weights?.subarray(0, rows), groups };
        read += rows;
        left -= rows;
      }
    }
    if (read === 0) throw new Failure(`${this.#file.name} has no rows`);
  }

  /** @throws Failure for the first value, row by row, that is missing, infinite or no exact double */
  #check(values: Float64Array, columns: readonly number[], firstRow: number): void {
    const largest = this.#refuseUnusable ? LARGEST : Number.MAX_VALUE;
    const limits = columns.map((column) =>
      this.#file.columns[column].isInteger ? Number.MAX_SAFE_INTEGER : largest,
    );
    for (let start = 0, row = firstRow; start < values.length; start += columns.length, row++) {
      let missing = 0;
      for (let i = 0; i < columns.length; i++) {
        const value = values[start + i];
        if (Math.abs(value) <= limits[i]) continue;
        if (this.#allowMissing && Number.isNaN(value)) {
          missing++;
          continue;
        }
        throw this.#failure(row, columns[i], describeBad(value, this.#file.columns[columns[i]].isInteger));
      }
      if (this.#refuseUnusable && missing === columns.length) {
        throw new Failure(`${this.#file.name}, row ${row + 1}: ${NO_VALUE}`);
      }
    }
  }

  #checkWeights(weights: Float64Array, column: number, firstRow: number): void {
    const at = weights.findIndex((value) => !(value >= 0 && value <= Number.MAX_VALUE));
    if (at < 0) return;
    const value = weights[at];
    throw this.#failure(
      firstRow + at,
      column,
      value < 0 ? `the weight ${value} is negative` : describeBad(value, false),
    );
  }

  #groupsOf(keys: readonly (string | number | undefined)[], column: number, firstRow: number): Int32Array {
    return Int32Array.from(keys, (key, i) => {
      if (key !== undefined) return this.#groups.numberOf(key);
      throw this.#failure(
        firstRow + i,
        column,
        'there is no value; remove the rows without a group, or give them one',
      );
    });
  }

  /** @param row from 0 */
  #failure(row: number, column: number, message: string): Failure {
    return new Failure(
      `${this.#file.name}, row ${row + 1}: ${columnLabel(column, this.#header)}: ${message}`,
    );
  }
}

function describeBad(value: number, isInteger: boolean): string {
  if (Number.isNaN(value)) return `the value is missing (null or NaN); ${MISSING_REMEDY}`;
  if (!Number.isFinite(value)) return `${value} is not finite`;
  if (!isInteger) return `${value} ${TOO_LARGE}`;
  return `${value} is too large an integer to be a double exactly (limit 2^53 - 1): rescale the column`;
}

/** What a decoder found, with the file named. */
export function fileFailure(name: string, error: unknown): unknown {
  if (error instanceof Damage) return new Failure(`${name} is damaged: ${error.message}`);
  if (error instanceof Unsupported) return new Failure(`${name} ${error.message}`);
  // A number of values that a damaged header says.
  if (error instanceof RangeError)
    return new Failure(`${name} is damaged, or has more values than fit into memory`);
  return error;
}
