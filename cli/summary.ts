// The readable descriptions of fits.
// Must not compute anything but how numbers look.
import type { ModelJSON } from 'gaussmix';
import type { FitCommand, FittingCommand } from './arguments.ts';
import { plural } from './failure.ts';
import type { FitResult } from './fit-worker.ts';
import { commandLineWords } from './wording.ts';

/** Features described; more would not be read. */
const MOST_FEATURES = 8;
/** Features side by side. */
const FEATURES_ACROSS = 4;
const MOST_NAME = 24;

/** A number with so many significant digits, in full notation where that is short. */
export function formatNumber(value: number, digits: number = 5): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size >= 1e7 || size < 1e-4) return value.toExponential(digits - 1);
  return value.toFixed(Math.max(0, digits - 1 - Math.floor(Math.log10(size))));
}

/**
 * The summary, ending with a line break.
 * @param streamed how rows were read that are not in memory
 */
export function describeFit(command: FitCommand, result: FitResult, streamed?: string): string {
  const { model } = result;
  const paragraphs = [overview(command, result, streamed), ...componentTables(model, result.sizes)];
  const warnings = (model.fitted?.warnings ?? []).filter((text) => !isAboutTheEnd(text));
  if (warnings.length > 0)
    paragraphs.push(warnings.map((text) => `Warning: ${commandLineWords(text)}`).join('\n'));
  return `${paragraphs.join('\n\n')}\n`;
}

/** What came of fitting each group. */
export interface GroupCounts {
  readonly groups: number;
  readonly fitted: number;
  /** Of those fitted. */
  readonly notConverged: number;
  readonly failed: number;
  /** The groups that are neither fitted nor failed were not finished. */
  readonly interrupted: boolean;
}

/** One line about all groups, ending with a line break. */
export function describeGroups(command: FitCommand, output: string, counts: GroupCounts): string {
  const { groups, fitted, notConverged, failed, interrupted } = counts;
  const advice =
    notConverged > 0 && command.maxIterations > 0
      ? ` (${notConverged} NOT converged: raise --max-iterations (${command.maxIterations}) or --tolerance ` +
        `(${short(command.tolerance)}))`
      : '';
  const parts = [
    `${fitted} fitted${advice}`,
    ...(failed > 0 ? [`${failed} could not be fitted`] : []),
    ...(interrupted ? [`${groups - fitted - failed} not finished: interrupted`] : []),
  ];
  return `${plural(groups, 'group')}: ${parts.join(', ')}; saved in ${output}\n`;
}

/** Warnings of the library that the overview says in the words of the command line. */
function isAboutTheEnd(warning: string): boolean {
  return /^(not converged after|stopped by)/.test(warning);
}

function overview(command: FitCommand, result: FitResult, streamed: string | undefined): string {
  const { model, criteria } = result;
  const { fitted } = model;
  if (fitted === undefined) throw new Error('the model has no record of its fit');
  const { nComponents: k } = model;
  const total = fitted.logLikelihood * result.totalWeight;
  const counted =
    command.weights === undefined
      ? plural(fitted.nSamples, 'row')
      : `weights adding up to ${formatNumber(result.totalWeight)}`;
  const lines: (readonly [string, string])[] = [
    ['Data', dataLine(command, fitted.nSamples, model)],
    ...(streamed === undefined ? [] : [['Streamed', streamed] as const]),
    [
      'Mixture',
      `${plural(k, 'component')}, ${model.covarianceType} covariance, ${plural(result.nParameters, 'free parameter')}`,
    ],
    ['Start', startLine(command, fitted.runs)],
    ['Iterations', iterations(command, result)],
    [
      'Log-likelihood',
      `${formatNumber(fitted.logLikelihood, 6)} nats per row, ${formatNumber(total, 6)} in total (${counted})`,
    ],
    ...(fitted.logPosterior === undefined
      ? []
      : [
          [
            'Log-posterior',
            `${formatNumber(fitted.logPosterior, 6)} per row: with the prior, what was maximised`,
          ] as const,
        ]),
    [
      'Criteria',
      `BIC ${formatNumber(criteria.bic, 6)}, AIC ${formatNumber(criteria.aic, 6)}, ` +
        `ICL ${formatNumber(criteria.icl, 6)} (lower is better)`,
    ],
  ];
  return lines.map(([label, text]) => `${label.padEnd(16)}${text}`).join('\n');
}

/** What was fitted. */
export function dataLine(command: FittingCommand, rows: number, model: ModelJSON): string {
  const name = command.data === '-' ? 'standard input' : command.data;
  const names = model.featureNames;
  const shown = names === undefined ? '' : ` (${shorten(names)})`;
  return `${name}: ${plural(rows, 'row')} x ${plural(model.nFeatures, 'column')}${shown}`;
}

/** Where the fit started. */
export function startLine(command: FittingCommand, runs: number): string {
  const best = runs > 1 ? `, best of ${runs} runs` : '';
  return 'method' in command.init
    ? `${command.init.method}, seed ${command.seed}${best}`
    : `${command.init.file}${best}`;
}

function iterations(command: FitCommand, { model, stopped }: FitResult): string {
  const { iterations: count, converged } = model.fitted as NonNullable<ModelJSON['fitted']>;
  if (stopped) return `${count}, interrupted: this is the model so far`;
  if (converged) return `${count}, converged (change below ${short(command.tolerance)})`;
  if (command.maxIterations === 0) return '0, the start itself';
  return `${count}, NOT converged: raise --max-iterations (${command.maxIterations}) or --tolerance (${short(command.tolerance)})`;
}

/** An option's value as one would type it. */
export function short(value: number): string {
  return value > 0 && value < 1e-3 ? value.toExponential() : String(value);
}

function shorten(names: readonly string[]): string {
  const shown = names.slice(0, MOST_FEATURES).join(', ');
  return names.length > MOST_FEATURES ? `${shown} and ${names.length - MOST_FEATURES} more` : shown;
}

/** Weight and rows of each component, and mean ± standard deviation of its features. */
function componentTables(model: ModelJSON, sizes: readonly number[]): string[] {
  const { nFeatures: d, nComponents: k, featureNames } = model;
  const shown = Math.min(d, MOST_FEATURES);
  const tables: string[] = [];
  for (let first = 0; first < shown; first += FEATURES_ACROSS) {
    const features = Array.from({ length: Math.min(FEATURES_ACROSS, shown - first) }, (_, i) => first + i);
    const rows: string[][] = [
      ['component', 'weight', 'rows', ...features.map((feature) => heading(featureNames, feature))],
    ];
    for (let component = 0; component < k; component++) {
      rows.push([
        String(component),
        model.weights[component].toFixed(4),
        String(sizes[component]),
        ...features.map((feature) => {
          const deviation = Math.sqrt(model.covariances[component][feature][feature]);
          return `${formatNumber(model.means[component][feature])} ± ${formatNumber(deviation, 4)}`;
        }),
      ]);
    }
    const title = first === 0 ? 'Mean ± standard deviation of each component:\n' : '';
    tables.push(title + alignRight(rows));
  }
  if (d > shown) {
    tables.push(
      `${plural(d - shown, 'more column')} not shown; the saved model (-o) and --json have them all.`,
    );
  }
  return tables;
}

function heading(names: readonly string[] | undefined, feature: number): string {
  const name = names?.[feature] ?? `column ${feature + 1}`;
  return name.length > MOST_NAME ? `${name.slice(0, MOST_NAME - 1)}…` : name;
}

export function alignRight(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) => row.map((cell, column) => cell.padStart(widths[column])).join('  ')).join('\n');
}
