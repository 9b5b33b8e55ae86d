// Which columns of a table are features, which is the weight and which the group, by name, number, range, or a model's names.
// Must not read the table: it sees the first row and the number of columns.
import Papa from 'papaparse';
import { Failure, plural, quote } from './failure.ts';

/** What the user (or the model) asks for. */
export interface Selection {
  /** As given to `--columns`; undefined: all columns. */
  readonly columns?: string | undefined;
  /** Of `--header` and `--no-header`; undefined: the first row decides. */
  readonly header?: boolean | undefined;
  /** As given to `--weights`. */
  readonly weights?: string | undefined;
  /** As given to `--group-by`. */
  readonly groupBy?: string | undefined;
  /** Missing values of features become NaN; otherwise they are refused. */
  readonly allowMissing?: boolean | undefined;
  /** Numbers too large and rows without any value, which the library refuses, are refused by the reader, who knows the place. */
  readonly refuseUnusable?: boolean | undefined;
  /** Of the model that the data is for; counts only without `columns`. */
  readonly model?: { readonly featureNames?: readonly string[] | undefined; readonly nFeatures: number };
}

/** Columns counted from 0. */
export interface Columns {
  readonly features: readonly number[];
  readonly weight: number | undefined;
  readonly group: number | undefined;
  /** The columns were found by the names in the model. */
  readonly byModelNames: boolean;
  /** What a careful user should know, one sentence each. */
  readonly notes: readonly string[];
}

/**
 * Turns a selection into column numbers.
 *
 * @param source what messages call the table
 * @param width number of columns
 * @param header names of the columns, where there are names
 * @throws Failure for a column that does not exist, that is chosen twice, or a count or an order that does not fit the model
 */
export function resolveColumns(
  selection: Selection,
  source: string,
  width: number,
  header?: readonly string[],
): Columns {
  const notes: string[] = [];
  const table: NamedColumns = { source, width, header, notes };
  const weight = single(selection.weights, '--weights', table);
  const group = single(selection.groupBy, '--group-by', table);
  if (weight !== undefined && weight === group) {
    throw new Failure(`--weights and --group-by both name ${columnLabel(weight, header)}`);
  }
  const wanted = selection.model?.featureNames;
  if (selection.columns === undefined && wanted && header && hasAllNames(header, wanted)) {
    return { features: wanted.map((name) => header.indexOf(name)), weight, group, byModelNames: true, notes };
  }
  const chosen =
    selection.columns === undefined
      ? Array.from({ length: width }, (_, column) => column)
      : resolveList(selection.columns, '--columns', table);
  const features = chosen.filter((column) => column !== weight && column !== group);
  if (features.length === 0) throw new Failure(`${source}: no column is left to be a feature`);
  checkCount(features.length, selection, source, header);
  if (selection.columns === undefined && wanted && header) checkOrder(features, wanted, source, header);
  return { features, weight, group, byModelNames: false, notes };
}

/** Whether a first row holds every name, and the names tell the columns apart. */
export function hasAllNames(row: readonly string[], names: readonly string[]): boolean {
  return new Set(names).size === names.length && names.every((name) => row.includes(name));
}

/** A ready `--columns` argument for some columns, by name where the names are plain. */
export function columnsArgument(columns: readonly number[], header: readonly string[] | undefined): string {
  const names = columns.map((column) => header?.[column] ?? '');
  const plain = names.every((name) => /^[\p{L}_][\p{L}\p{N}_.-]*$/u.test(name));
  if (plain && names.every((name) => header?.filter((other) => other === name).length === 1)) {
    return `--columns ${names.join(',')}`;
  }
  const ranges: string[] = [];
  for (let i = 0; i < columns.length; i++) {
    const first = i;
    while (columns[i + 1] === columns[i] + 1) i++;
    ranges.push(first === i ? `${columns[i] + 1}` : `${columns[first] + 1}-${columns[i] + 1}`);
  }
  return `--columns ${ranges.join(',')}`;
}

/** How messages name a column: `column 3`, or `column 3 ("waiting")`. */
export function columnLabel(column: number, header: readonly string[] | undefined): string {
  const name = header?.[column];
  return name ? `column ${column + 1} (${quote(name)})` : `column ${column + 1}`;
}

/** Some of the names, for a message. */
export function listNames(names: readonly string[]): string {
  const shown = names.slice(0, 20).join(', ');
  return names.length > 20 ? `${shown} and ${names.length - 20} more` : shown;
}

/** The columns there are, and what comes up when some are looked for. */
interface NamedColumns {
  readonly source: string;
  readonly width: number;
  readonly header: readonly string[] | undefined;
  readonly notes: string[];
}

function resolveList(text: string, option: string, table: NamedColumns): number[] {
  // As a row of CSV, so that a name with a comma can be quoted.
  const items = Papa.parse<string[]>(text, { delimiter: ',', newline: '\n' }).data[0] ?? [];
  const columns: number[] = [];
  for (const item of items.map((entry) => entry.trim())) {
    for (const column of resolveItem(item, option, table)) {
      if (columns.includes(column)) {
        throw new Failure(`${option} ${quote(text)} names ${columnLabel(column, table.header)} twice`);
      }
      columns.push(column);
    }
  }
  return columns;
}

function resolveItem(item: string, option: string, { source, width, header, notes }: NamedColumns): number[] {
  const found = header?.indexOf(item) ?? -1;
  const range = /^(\d+)(?:-(\d+))?$/.exec(item);
  if (range) {
    const first = Number(range[1]);
    const last = Number(range[2] ?? range[1]);
    // A number beyond the width may still be a name, such as a year.
    if (first >= 1 && first <= last && last <= width) {
      if (found >= 0 && !(first === last && found === first - 1)) {
        notes.push(
          `${option}: ${item} is taken as a number, ${rangeLabel(first, last, header)}; the column of that name is number ${found + 1}`,
        );
      }
      return Array.from({ length: last - first + 1 }, (_, i) => first - 1 + i);
    }
    if (found < 0 && range[2] !== undefined) {
      const wrong =
        first > last
          ? 'runs backwards: give its columns one by one, or the smaller number first'
          : `is not within the columns of ${source}, 1 to ${width}`;
      throw new Failure(`${option}: the range ${item} ${wrong}`);
    }
  }
  if (found < 0) {
    const names = header
      ? `: ${listNames(header)}`
      : ` and no header: use numbers${width > 1 ? ` from 1 to ${width}` : ''}`;
    throw new Failure(
      `${option}: there is no column ${quote(item)} in ${source}; it has ${plural(width, 'column')}${names}`,
    );
  }
  if (header?.includes(item, found + 1)) {
    throw new Failure(`${option}: several columns of ${source} are called ${quote(item)}; give its number`);
  }
  return [found];
}

function rangeLabel(first: number, last: number, header: readonly string[] | undefined): string {
  return first === last ? columnLabel(first - 1, header) : `columns ${first} to ${last}`;
}

function single(text: string | undefined, option: string, table: NamedColumns): number | undefined {
  if (text === undefined) return undefined;
  const columns = resolveList(text, option, table);
  if (columns.length !== 1) throw new Failure(`${option} ${quote(text)} must be one column`);
  return columns[0];
}

/**
 * Columns that are taken by position: those of other names may be the right ones, but not one with the name of another feature,
 * nor with that name in other letters.
 */
function checkOrder(
  features: readonly number[],
  wanted: readonly string[],
  source: string,
  header: readonly string[],
): void {
  const plain = (name: string): string => name.toLowerCase();
  const at = (name: string): number => features.findIndex((column) => plain(header[column]) === plain(name));
  const wrong = wanted.findIndex((name, i) => plain(header[features[i]]) !== plain(name) && at(name) >= 0);
  if (wrong < 0) return;
  const places = wanted.map(at);
  const isWhole = !places.includes(-1) && new Set(places).size === places.length;
  const order = isWhole
    ? `: ${columnsArgument(
        places.map((i) => features[i]),
        header,
      )}`
    : '';
  const taken = columnLabel(features[at(wanted[wrong])], header);
  const other = quote(wanted[at(wanted[wrong])]);
  throw new Failure(
    `${source} does not have the model's columns (${listNames(wanted)}), and by position its ${taken} would be taken for ` +
      `${other}: give the columns in the model's order${order || ' with --columns'}`,
  );
}

function checkCount(
  count: number,
  { model, columns }: Selection,
  source: string,
  header: readonly string[] | undefined,
): void {
  if (model === undefined || model.nFeatures === count) return;
  const names = model.featureNames ? ` (${listNames(model.featureNames)})` : '';
  const here = header && columns === undefined ? ` (${listNames(header)})` : '';
  const which = columns === undefined ? `${source} has` : `--columns ${quote(columns)} chooses`;
  const remedy = columns === undefined && count > model.nFeatures ? '; choose some with --columns' : '';
  throw new Failure(
    `${which} ${plural(count, 'column')}${here}, but the model has ${model.nFeatures}${names}${remedy}`,
  );
}
