// The readable table of a selection, and the line on what was chosen and why.
// Must not compute anything but how numbers look.
import type { CovarianceType, Criteria, ModelJSON } from 'gaussmix';
import type { SelectCommand } from './arguments.ts';
import { plural } from './failure.ts';
import { alignRight, dataLine, formatNumber, short, startLine } from './summary.ts';

/** A row of the table, as --json prints it. */
export type SelectRow = FittedRow | FailedRow;
export interface FittedRow extends Criteria {
  readonly nComponents: number;
  readonly covarianceType: CovarianceType;
  readonly nParameters: number;
  readonly converged: boolean;
  readonly spurious: boolean;
  readonly error?: undefined;
}
export interface FailedRow {
  readonly nComponents: number;
  readonly covarianceType: CovarianceType;
  readonly error: { readonly code: string; readonly message: string };
  readonly bic?: undefined;
  readonly aic?: undefined;
  readonly icl?: undefined;
}

/** What came of a selection. */
export interface SelectResult {
  /** Of the data. */
  readonly rows: number;
  /** The best one. */
  readonly model: ModelJSON;
  readonly table: readonly SelectRow[];
  /** Cells of the whole grid. */
  readonly total: number;
  /** It was stopped before its end. */
  readonly stopped: boolean;
}

/** Cells that are marked, by rank. */
const MARKED = 3;
/** Characters across; more types than fit go into a table below. */
const MOST_ACROSS = 100;
/** Reasons of failures that are shown. */
const MOST_REASONS = 10;

/** One cell in a line. */
export function describeCell(command: SelectCommand, row: SelectRow): string {
  const { nComponents, covarianceType } = row;
  const name = `${plural(nComponents, 'component')}, ${covarianceType}`;
  if (row.error) return `${name}: could not be fitted: ${row.error.message}`;
  const { criterion } = command;
  return `${name}, ${criterion.toUpperCase()} ${decimals(row[criterion])}${row.converged ? '' : ', not converged'}`;
}

/** The summary, ending with a line break. */
export function describeSelection(command: SelectCommand, result: SelectResult): string {
  const { criterion } = command;
  const ranked = ranking(command, result);
  const failed = failures(result);
  const paragraphs = [
    overview(command, result, failed.length),
    `${criterion.toUpperCase()} of each cell (lower is better):\n${grid(command, result, ranked)}`,
    legend(command, ranked),
    chosen(command, result, ranked).join('\n'),
  ];
  if (failed.length > 0) {
    const lines = reasons(failed).map((reason) => `  ${reason}`);
    paragraphs.push(`Could not be fitted:\n${lines.join('\n')}`);
  }
  return `${paragraphs.join('\n\n')}\n`;
}

/** The cells that were fitted, the best first. */
export function ranking({ criterion }: SelectCommand, { table }: SelectResult): readonly FittedRow[] {
  return (
    table
      .filter((row): row is FittedRow => !row.error)
      // As the library ranks them; the sort is stable.
      .sort(
        (a, b) =>
          Number(a.spurious) - Number(b.spurious) ||
          a[criterion] - b[criterion] ||
          a.nParameters - b.nParameters,
      )
  );
}

/** The cells that could not be fitted. */
export function failures({ table }: SelectResult): readonly FailedRow[] {
  return table.filter((row): row is FailedRow => row.error !== undefined);
}

function overview(command: SelectCommand, result: SelectResult, failed: number): string {
  const { table, total, model, rows } = result;
  const parts = [
    plural(total, 'cell'),
    ...(table.length < total ? [`${table.length} reached before the interruption`] : []),
    ...(failed > 0 ? [`${failed} could not be fitted`] : []),
  ];
  const { fitted } = model;
  const lines: [string, string][] = [
    ['Data', dataLine(command, rows, model)],
    ['Start', startLine(command, fitted?.runs ?? 1)],
    ['Grid', parts.join(', ')],
  ];
  return lines.map(([label, text]) => `${label.padEnd(16)}${text}`).join('\n');
}

/** Numbers of components down, covariance types across. */
function grid(command: SelectCommand, { table }: SelectResult, ranked: readonly FittedRow[]): string {
  const sizes = [...new Set(table.map((row) => row.nComponents))];
  const types = [...new Set(table.map((row) => row.covarianceType))];
  const marks = new Map<SelectRow, string>(ranked.slice(0, MARKED).map((row, i) => [row, ` *${i + 1}`]));
  const text = (size: number, type: string): string => {
    const row = table.find(
      ({ nComponents, covarianceType }) => nComponents === size && covarianceType === type,
    );
    if (row === undefined) return '-   ';
    if (row.error) return 'failed   ';
    return `${decimals(row[command.criterion])}${row.spurious ? '!' : ''}${row.converged ? '' : '~'}${marks.get(row) ?? '   '}`;
  };
  const columns = types.map((type) => [`${type}   `, ...sizes.map((size) => text(size, type))]);
  const first = ['components', ...sizes.map(String)];
  const width = Math.max(...columns.flat().map((cell) => cell.length)) + 2;
  const across = Math.max(1, Math.floor((MOST_ACROSS - 'components'.length) / width));
  const tables: string[] = [];
  for (let from = 0; from < columns.length; from += across) {
    const shown = [first, ...columns.slice(from, from + across)];
    tables.push(alignRight(first.map((_, row) => shown.map((column) => column[row]))).replace(/ +$/gm, ''));
  }
  return tables.join('\n\n');
}

function legend({ maxIterations, tolerance }: SelectCommand, ranked: readonly FittedRow[]): string {
  const best = ['*1 the best', '*2 second', '*3 third'].slice(0, ranked.length).join(', ');
  const marked = ranked.some((row) => row.spurious)
    ? `${best}; ! spurious: a few rows in a plane, or rows that agree in a value, make its likelihood`
    : best;
  if (ranked.every((row) => row.converged)) return marked;
  return `${marked}; ~ NOT converged: raise --max-iterations (${maxIterations}) or --tolerance (${short(tolerance)})`;
}

/** What was chosen, why, and what should be known about it: one sentence each. */
export function chosen(
  command: SelectCommand,
  result: SelectResult,
  ranked: readonly FittedRow[],
): readonly string[] {
  const { criterion } = command;
  const [best, next] = ranked;
  const name = criterion.toUpperCase();
  const lines = [
    `Chosen: ${plural(best.nComponents, 'component')}, ${best.covarianceType} covariance ` +
      `(${plural(best.nParameters, 'free parameter')}): the lowest ${name}, ${decimals(best[criterion])}` +
      `${best.converged ? '' : ', NOT converged'}`,
    `Log-likelihood: ${formatNumber(best.logLikelihood, 6)} nats in total`,
  ];
  if (next) {
    const difference = next[criterion] - best[criterion];
    const weight = criterion === 'bic' ? `: ${evidence(difference)}` : '';
    lines.push(`Next: ${describeCell(command, next)}, ${formatNumber(difference, 3)} more${weight}`);
  }
  const largest = Math.max(...command.components);
  if (best.nComponents === largest && largest > 1 && !result.stopped) {
    lines.push(`${largest} is the largest number of components that was tried: a larger one may be better`);
  }
  if (result.stopped) {
    const saved = command.output === undefined ? '' : `; it is saved in ${command.output}`;
    lines.push(
      `Interrupted after ${result.table.length} of ${result.total} cells: this is the best so far${saved}`,
    );
  }
  return lines;
}

/** What a difference in BIC says: the scale of Kass and Raftery 1995, section 3.2, for twice the log of a Bayes factor. */
function evidence(difference: number): string {
  if (difference < 2) return 'hardly worth a mention';
  if (difference < 6) return 'positive evidence';
  return difference < 10 ? 'strong evidence' : 'very strong evidence';
}

/** One line for the types of one size that failed for the same reason. */
export function reasons(failed: readonly FailedRow[]): readonly string[] {
  const types = new Map<string, string[]>();
  for (const { nComponents, covarianceType, error } of failed) {
    const reason = `${plural(nComponents, 'component')}\n${error.message}`;
    types.set(reason, [...(types.get(reason) ?? []), covarianceType]);
  }
  const lines = [...types].slice(0, MOST_REASONS).map(([reason, names]) => {
    const [size, message] = reason.split('\n');
    return `${size} (${names.join(', ')}): ${message}`;
  });
  const others = types.size - lines.length;
  if (others > 0) lines.push(`and ${others} more; --json has them all`);
  return lines;
}

/** Differences count, not sizes: the same decimals for all, fewer for huge ones. */
export function decimals(value: number): string {
  return Math.abs(value) < 1e15 ? value.toFixed(Math.abs(value) < 1e6 ? 2 : 0) : value.toExponential(6);
}
