// The HTML of a report: one file, no script, nothing to fetch. Every number stands in <data value="..."> in full precision.
// Must not compute anything but how numbers look. Everything from outside goes through escapeText.
import { basename } from 'node:path';
import type { CovarianceType, ModelJSON } from 'gaussmix';
import { escapeText } from '../charts/svg.ts';
import { version } from '../package.json';
import type { SelectCommand } from './arguments.ts';
import { listNames } from './columns.ts';
import { plural } from './failure.ts';
import { DRAWN_SEED, MATRIX_FEATURES, type ReportContent } from './report-content.ts';
import {
  barSvg,
  criterionFigure,
  densityFigures,
  historyFigure,
  markSvg,
  mixtureFigure,
} from './report-figures.ts';
import { REPORT_STYLE } from './report-style.ts';
import { chosen, decimals, failures, ranking, reasons, type SelectResult } from './select-summary.ts';
import { formatNumber } from './summary.ts';
import { commandLineWords } from './wording.ts';

export interface Report {
  readonly content: ReportContent;
  /** Path of the rows, or `-`. */
  readonly dataName: string;
  /** Path of the model; undefined: it was just fitted. */
  readonly modelName?: string;
  /** The column of the weights, as it was asked for. */
  readonly weightsName: string | undefined;
  readonly selection?: { readonly command: SelectCommand; readonly result: SelectResult };
}

/** Components side by side in a table. */
const ACROSS = 5;
/** Features and components in tables; beyond, the model file is the better place. */
const MOST_IN_TABLES = 60;
/** Features whose correlations are shown as matrices; of more, the strongest. */
const MOST_IN_MATRIX = 10;
/** Components whose correlations are shown. */
const MOST_MATRICES = 12;
const STRONGEST = 10;
/** Lines of a table that is kept on one page. */
const SHORT = 16;

/** Covariance types in words, and the names of both conventions. */
const COVARIANCES: Readonly<Record<CovarianceType, string>> = {
  full: 'full (VVV): each component has its own ellipse, of any shape and tilt',
  tied: 'tied (EEE): all components share one ellipse',
  diag: 'diag (VVI): each component has its own ellipse along the axes, without correlations',
  spherical: 'spherical (VII): each component is a circle of its own size',
  EII: 'EII: all components are circles of one size',
  EEI: 'EEI: all components share one ellipse along the axes, without correlations',
  VEI: 'VEI: ellipses along the axes, of one shape and different sizes',
  EVI: 'EVI: ellipses along the axes, of one size and different shapes',
  VEE: 'VEE: ellipses of one shape and tilt, and different sizes',
  EVE: 'EVE: ellipses of one size and tilt, and different shapes',
  VVE: 'VVE: ellipses of one tilt, and different sizes and shapes',
  EEV: 'EEV: ellipses of one size and shape, tilted differently',
  VEV: 'VEV: ellipses of one shape, different in size and tilt',
  EVV: 'EVV: ellipses of one size, different in shape and tilt',
  VVV: 'full (VVV)',
  EEE: 'tied (EEE)',
  VVI: 'diag (VVI)',
  VII: 'spherical (VII)',
};
/** Types of one volume: with one feature, of one variance. */
const ONE_VOLUME: readonly CovarianceType[] = ['tied', 'EII', 'EEI', 'EVI', 'EVE', 'EEV', 'EVV'];
/** Types whose ellipses lie along the axes. */
const UNCORRELATED: readonly CovarianceType[] = ['diag', 'spherical', 'EII', 'EEI', 'VEI', 'EVI'];
/** Types whose components have the same correlations: equal shape and tilt. */
const ONE_CORRELATION: readonly CovarianceType[] = ['tied', 'VEE'];

/** The whole file. */
export function reportPage(report: Report): string {
  const { content, dataName } = report;
  const title = `Gaussian mixture of ${fileName(dataName)}`;
  const sections: readonly (readonly [id: string, heading: string, html: string] | undefined)[] = [
    ['summary', 'Summary', summary(report)],
    report.selection && ['selection', 'Selection', selection(report.selection)],
    ['components', 'Components', components(content, report.weightsName !== undefined)],
    ['picture', 'Rows and components', picture(content, report.weightsName !== undefined)],
    content.model.nFeatures > 1 ? ['correlations', 'Correlations', correlations(content)] : undefined,
    ['uncertainty', 'Uncertainty', uncertainty(content, report.weightsName !== undefined)],
    ['course', 'Course of the fit', course(content.model)],
  ];
  const shown = sections.filter((section) => section !== undefined);
  const links = shown.map(([id, heading]) => `<li><a href="#${id}">${heading}</a></li>`);
  const bodies = shown.map(
    ([id, heading, html]) =>
      `<section aria-labelledby="${id}"><h2 id="${id}">${heading}</h2>\n${html}</section>\n`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="generator" content="gaussmix ${escapeText(version)}">
<link rel="icon" href="data:,">
<title>${escapeText(title)}</title>
<style>${REPORT_STYLE}</style>
</head>
<body>
<header><h1>${escapeText(title)}</h1>
<p class="lead">${lead(content)}</p></header>
<nav aria-label="Contents"><ul>${links.join('')}</ul></nav>
<main>
${bodies.join('')}</main>
<footer><p>Made by gaussmix ${escapeText(version)}. Log-likelihoods are natural logarithms, in nats. Components count from 0, rows from 1.</p></footer>
</body>
</html>
`;
}

/* Summary */

function lead({ model, rows, names }: ReportContent): string {
  const { fitted } = model;
  const outcome =
    fitted === undefined
      ? ''
      : fitted.converged
        ? `; the fit converged after ${plural(fitted.iterations, 'iteration')}`
        : `; the fit did <strong>not</strong> converge`;
  return `${plural(model.nComponents, 'component')}, ${grouped(rows)} ${rows === 1 ? 'row' : 'rows'}, ${plural(names.length, 'feature')}${outcome}.`;
}

function summary({ content, dataName, modelName, weightsName }: Report): string {
  const { model, rows, names, totalWeight, criteria, nParameters } = content;
  const { fitted } = model;
  const facts: [string, string][] = [
    ['Rows', `${escapeText(fileName(dataName))}: ${number(rows, grouped(rows))}`],
    ['Features', `${number(names.length, String(names.length))}: ${escapeText(listNames(names))}`],
  ];
  if (weightsName !== undefined) {
    const sum = number(totalWeight, formatCount(totalWeight));
    facts.push(['Weights', `column ${escapeText(weightsName)}, adding up to ${sum}`]);
  }
  if (modelName !== undefined) facts.push(['Model', escapeText(fileName(modelName))]);
  facts.push(
    ['Components', number(model.nComponents, String(model.nComponents))],
    ['Covariances', covariances(model)],
    ['Free parameters', number(nParameters, String(nParameters))],
    ['Converged', converged(fitted)],
    ['Log-likelihood', logLikelihood(content, weightsName !== undefined)],
    ['BIC', `${number(criteria.bic, decimals(criteria.bic))} = −2 log L + p ln N`],
    ['AIC', `${number(criteria.aic, decimals(criteria.aic))} = −2 log L + 2 p`],
    ['ICL', `${number(criteria.icl, decimals(criteria.icl))} = BIC + 2 · entropy of the responsibilities`],
  );
  const body = facts.map(([name, value]) => `<tr><th scope="row">${name}</th><td>${value}</td></tr>`);
  const note =
    '<p class="muted">BIC, AIC and ICL weigh the log-likelihood L of these rows against the number p of free parameters: ' +
    'lower is better, and only differences between mixtures of the same rows mean anything.</p>';
  return `${warnings(content, weightsName !== undefined)}<table class="facts"><tbody>${body.join('')}</tbody></table>${note}`;
}

function covariances({ covarianceType, nFeatures }: ModelJSON): string {
  if (nFeatures > 1) return COVARIANCES[covarianceType];
  const says = ONE_VOLUME.includes(covarianceType)
    ? 'all components share one'
    : 'each component has its own';
  return `${covarianceType}: ${says} variance`;
}

function converged(fitted: ModelJSON['fitted']): string {
  if (fitted === undefined) return 'unknown: the model has no record of its fit';
  const count = `${number(fitted.iterations, String(fitted.iterations))} iteration${fitted.iterations === 1 ? '' : 's'}`;
  const runs = fitted.runs > 1 ? `, the best of ${fitted.runs} runs` : '';
  return fitted.converged
    ? `yes, after ${count}${runs}`
    : `<strong>no</strong>, stopped after ${count}${runs}`;
}

function logLikelihood({ criteria, totalWeight }: ReportContent, weighted: boolean): string {
  const mean = criteria.logLikelihood / totalWeight;
  return `${number(mean, formatNumber(mean, 6))} nats per ${weighted ? 'unit of weight' : 'row'}, ${number(criteria.logLikelihood, formatNumber(criteria.logLikelihood, 6))} in total`;
}

function warnings(content: ReportContent, weighted: boolean): string {
  const { fitted } = content.model;
  const texts = (fitted?.warnings ?? []).map((text) => sentence(commandLineWords(text)));
  const other = fitted && otherRows(content, fitted, weighted);
  if (other !== undefined) texts.push(other);
  if (texts.length === 0) return '';
  const items = texts.map((text) => `<p>${escapeText(text)}</p>`);
  return `<div class="warning" role="note" aria-label="Warnings"><p><strong>Warning</strong></p>${items.join('')}</div>`;
}

/** The rows, or their weights, are not those that the model was fitted to. */
function otherRows(
  { rows, criteria, totalWeight }: ReportContent,
  fitted: NonNullable<ModelJSON['fitted']>,
  weighted: boolean,
): string | undefined {
  const all = 'All but the course of the fit is about the rows at hand.';
  if (fitted.nSamples !== rows) {
    return `The model was fitted to ${plural(fitted.nSamples, 'row')}, not to these ${rows}. ${all}`;
  }
  const mean = criteria.logLikelihood / totalWeight;
  // Rounding leaves thirteen digits or more; a few are lost with data far from zero.
  if (Math.abs(mean - fitted.logLikelihood) <= 1e-9 * Math.max(1, Math.abs(mean))) return undefined;
  const hint = weighted ? 'with other weights' : 'with weights (give them: --weights)';
  return `The model was fitted to other rows or ${hint}: its log-likelihood was ${formatNumber(fitted.logLikelihood, 6)}, that of these rows is ${formatNumber(mean, 6)}. ${all}`;
}

/* Parameters */

function components(content: ReportContent, weighted: boolean): string {
  const { model, sizes } = content;
  const order = shownComponents(model, MOST_IN_TABLES);
  const body = order.map((k) => {
    const { [k]: weight } = model.weights;
    return `<tr><th scope="row">${component(k)}</th><td>${number(weight, weight.toFixed(4))}</td><td>${number(sizes[k], formatCount(sizes[k]))}</td></tr>`;
  });
  const counted = weighted ? 'Weight of its rows' : 'Rows';
  const heads = ['Component', 'Mixture weight', counted].map((text) => `<th scope="col">${text}</th>`);
  const first = table({
    caption: `Components; ${weighted ? 'the weight of the rows' : 'rows'} that belong to each more probably than to any other`,
    head: heads.join(''),
    body,
  });
  const tables = [`${first}${left(model.nComponents, order.length, 'component')}`];
  tables.push('<h3>Means and standard deviations</h3>');
  for (let from = 0; from < order.length; from += ACROSS) {
    tables.push(means(content, order.slice(from, from + ACROSS), from === 0));
  }
  tables.push(left(model.nFeatures, Math.min(model.nFeatures, MOST_IN_TABLES), 'feature'));
  return tables.join('');
}

/** The heaviest components, in their order. */
function shownComponents({ weights }: ModelJSON, most: number): readonly number[] {
  const all = weights.map((_, k) => k);
  if (all.length <= most) return all;
  return all
    .sort((a, b) => weights[b] - weights[a] || a - b)
    .slice(0, most)
    .sort((a, b) => a - b);
}

function left(all: number, shown: number, noun: string): string {
  if (all === shown) return '';
  const which = noun === 'component' ? 'of the least weight ' : '';
  return `<p class="muted">${plural(all - shown, `more ${noun}`)} ${which}not shown: the model file has them.</p>`;
}

function means({ model, names, explained }: ReportContent, order: readonly number[], first: boolean): string {
  const { means: centres, covariances } = model;
  const withExplained = first && model.nComponents > 1;
  const head =
    '<th scope="col">Feature</th>' +
    order.map((k) => `<th scope="col">${component(k)}</th>`).join('') +
    (withExplained ? '<th scope="col">Variance explained</th>' : '');
  const body = names.slice(0, MOST_IN_TABLES).map((name, feature) => {
    const deviations = covariances.map((covariance) => Math.sqrt(covariance[feature][feature]));
    const least = deviations.reduce((a, b) => Math.min(a, b));
    const cells = order.map((k) => {
      const mean = number(centres[k][feature], aligned(centres[k][feature], least));
      return `<td>${mean} ± ${number(deviations[k], aligned(deviations[k], least))}</td>`;
    });
    const share = `<td>${number(explained[feature], percent(explained[feature]))}</td>`;
    return `<tr><th scope="row" class="name">${bidi(name)}</th>${cells.join('')}${withExplained ? share : ''}</tr>`;
  });
  const range =
    order.length > 1 ? `components ${order[0]} to ${order[order.length - 1]}` : `component ${order[0]}`;
  const says = withExplained
    ? '; variance explained: the share of the variance that lies between the components'
    : '';
  return table({ caption: `Mean ± standard deviation, ${range}${says}`, head, body });
}

function correlations({ model, names }: ReportContent): string {
  const { covarianceType, nFeatures: d, nComponents: k } = model;
  if (UNCORRELATED.includes(covarianceType)) {
    return `<p>None within components: ${COVARIANCES[covarianceType]}.</p>`;
  }
  const isOne = ONE_CORRELATION.includes(covarianceType) && k > 1;
  const order = isOne ? [0] : shownComponents(model, MOST_MATRICES);
  const intro = isOne
    ? '<p>The features are correlated alike in all components.</p>'
    : '<p>Within each component; with the standard deviations above they make up its covariance matrix.</p>';
  const tables = order.map((one) => {
    const matrix = correlationMatrix(model.covariances[one]);
    const name = isOne ? 'all components' : `component ${one}`;
    return d <= MOST_IN_MATRIX ? matrixTable(matrix, names, name) : strongestTable(matrix, names, name);
  });
  return `${intro}${tables.join('')}${isOne ? '' : left(k, order.length, 'component')}`;
}

function correlationMatrix(covariance: readonly (readonly number[])[]): number[][] {
  const deviations = covariance.map((row, i) => Math.sqrt(row[i]));
  return covariance.map((row, i) =>
    row.map((value, j) => (i === j ? 1 : value / (deviations[i] * deviations[j]))),
  );
}

function matrixTable(matrix: readonly (readonly number[])[], names: readonly string[], of: string): string {
  const head = `<th scope="col">Feature</th>${names.map((name) => `<th scope="col">${bidi(name, 24)}</th>`).join('')}`;
  const body = matrix.map((row, i) => {
    const cells = row.map((value) => `<td>${number(value, value.toFixed(3))}</td>`);
    return `<tr><th scope="row" class="name">${bidi(names[i])}</th>${cells.join('')}</tr>`;
  });
  return table({ caption: `Correlations, ${of}`, head, body, wide: names.length > 6 });
}

function strongestTable(
  matrix: readonly (readonly number[])[],
  names: readonly string[],
  of: string,
): string {
  const pairs = matrix.flatMap((row, i) => row.slice(0, i).map((value, j) => ({ i, j, value })));
  const strongest = pairs
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value) || a.i - b.i || a.j - b.j)
    .slice(0, STRONGEST);
  const head = ['Feature', 'and feature', 'Correlation']
    .map((text) => `<th scope="col">${text}</th>`)
    .join('');
  const body = strongest.map(
    ({ i, j, value }) =>
      `<tr><th scope="row" class="name">${bidi(names[j])}</th><td class="left">${bidi(names[i])}</td><td>${number(value, value.toFixed(3))}</td></tr>`,
  );
  return table({
    caption: `The ${strongest.length} strongest of ${pairs.length} correlations, ${of}`,
    head,
    body,
  });
}

/* Pictures */

function picture(content: ReportContent, weighted: boolean): string {
  const { features, model, rows, drawn, lacking } = content;
  const bars = `Bars: histogram of the rows${weighted ? ', by weight' : ''}; lines: density of each component, and dashed their sum.`;
  if (features.length === 1) return figure(mixtureFigure(content), bars);
  const ellipses =
    'Ellipses: one and two standard deviations of each component (39 % and 86 % of its probability in two features); marks: means.';
  const colour = 'in the colour of its most probable component';
  const weightless = weighted ? '; rows of weight 0 are left out, otherwise weights do not count here' : '';
  const dots =
    drawn.length === rows
      ? `Every row is a dot ${colour}`
      : `${grouped(drawn.length)} of ${grouped(rows)} rows${drawn.length + lacking === rows ? '' : `, a random subset (seed ${DRAWN_SEED}),`} are dots, each ${colour}${weightless}${lacking > 0 ? `; ${grouped(lacking)} lack a value shown here` : ''}. Histograms are of all ${lacking > 0 ? 'values there are' : 'rows'}`;
  const choice =
    model.nFeatures > MATRIX_FEATURES
      ? ` Shown are ${features.length} of ${model.nFeatures} features: those whose variance the components explain most${model.nComponents === 1 ? ' (with one component: the first)' : ''}.`
      : '';
  const caption = `${dots}. ${ellipses}`;
  if (features.length === 2) {
    const densities = densityFigures(content).join('');
    return (
      figure(mixtureFigure(content), caption) +
      `<figure><div class="pair">${densities}</div><figcaption>${bars}</figcaption></figure>`
    );
  }
  return figure(mixtureFigure(content), `${caption}${choice} On the diagonal: ${bars.toLowerCase()}`);
}

function course({ fitted }: ModelJSON): string {
  if (fitted === undefined || fitted.history.length === 0) {
    return '<p>The model has no record of its iterations.</p>';
  }
  const of = fitted.runs > 1 ? ` of the best of ${fitted.runs} runs` : '';
  const start = fitted.history[0];
  const body =
    `<p>Log-likelihood per row at the start ${number(start, formatNumber(start, 6))}, ` +
    `in the end ${number(fitted.logLikelihood, formatNumber(fitted.logLikelihood, 6))} nats.</p>`;
  return body + figure(historyFigure(fitted.history), `Log-likelihood at the start of each iteration${of}.`);
}

/* Uncertainty */

function uncertainty({ uncertainty: found, totalWeight }: ReportContent, weighted: boolean): string {
  if (found === undefined) return '<p>There is one component: every row belongs to it.</p>';
  const intro =
    '<p>The uncertainty of a row is 1 − its largest responsibility: the probability that the component it is given is the ' +
    `wrong one, if the mixture is right. Its mean over all rows is ${number(found.mean, formatNumber(found.mean, 3))}.</p>`;
  const body = found.bands
    .filter(({ from, count }) => count > 0 || from < 0.5)
    .map(({ from, to, count }) => {
      const share = count / totalWeight;
      const range = to === 1 ? `${from} or more` : `${from} to ${to}`;
      return `<tr><th scope="row">${range}</th><td>${number(count, formatCount(count))}</td><td>${number(share, percent(share))}</td><td class="left">${barSvg(share)}</td></tr>`;
    });
  const heads = ['Uncertainty', weighted ? 'Weight of rows' : 'Rows', 'Share'].map(
    (text) => `<th scope="col">${text}</th>`,
  );
  const bands = table({
    caption: 'Distribution of the uncertainty',
    head: `${heads.join('')}<td></td>`,
    body,
  });
  return `${intro}${bands}${uncertainRows(found.most)}`;
}

function uncertainRows(rows: NonNullable<ReportContent['uncertainty']>['most']): string {
  if (rows.length === 0) return '<p>No row is uncertain at all.</p>';
  const body = rows.map(
    ({ row, uncertainty: value, component: first, resp, second, secondResp }) =>
      `<tr><th scope="row">${number(row + 1, grouped(row + 1))}</th><td>${number(value, formatNumber(value, 3))}</td>` +
      `<td>${component(first)}: ${number(resp, percent(resp))}</td><td>${component(second)}: ${number(secondResp, percent(secondResp))}</td></tr>`,
  );
  const head = ['Row', 'Uncertainty', 'Most probable', 'Next'].map((text) => `<th scope="col">${text}</th>`);
  return table({
    caption: 'The most uncertain rows; row 1 is the first of the data',
    head: head.join(''),
    body,
  });
}

/* Selection */

function selection({ command, result }: NonNullable<Report['selection']>): string {
  const { criterion } = command;
  const name = criterion.toUpperCase();
  const ranked = ranking(command, result);
  const [best] = ranked;
  const lines = chosen(command, result, ranked).map(
    (line) => `<p>${escapeText(line.replace(/ -(?=\d)/, ' −'))}.</p>`,
  );
  const sizes = [...new Set(result.table.map(({ nComponents }) => nComponents))];
  const types = [...new Set(result.table.map(({ covarianceType }) => covarianceType))];
  const rowOf = (size: number, type: CovarianceType) =>
    result.table.find((row) => row.nComponents === size && row.covarianceType === type);
  const ascending = [...sizes].sort((a, b) => a - b);
  const curves = types.map((type) => ({
    type,
    points: ascending.map((size) => [size, rowOf(size, type)?.[criterion] ?? Number.NaN] as const),
  }));
  const legend = types.map((type, i) => `<li>${markSvg(i)} ${escapeText(type)}</li>`);
  const chart = criterionFigure(curves, name, [best.nComponents, best[criterion]]);
  const body = sizes.map((size) => {
    const cells = types.map((type) => {
      const row = rowOf(size, type);
      if (row === undefined) return '<td>–</td>';
      if (row.error) return '<td>failed</td>';
      const mark = row.converged ? '' : ' ~';
      return `<td${row === best ? ' class="best"' : ''}>${number(row[criterion], decimals(row[criterion]))}${mark}</td>`;
    });
    return `<tr><th scope="row">${size}</th>${cells.join('')}</tr>`;
  });
  const head = ['Components', ...types].map((text) => `<th scope="col">${text}</th>`).join('');
  const open = ranked.every((row) => row.converged) ? '' : '; ~ not converged';
  const grid = table({
    caption: `${name} by number of components and covariance type; framed: the lowest${open}`,
    head,
    body,
    wide: types.length > 6,
  });
  const failed = failures(result);
  const why =
    failed.length === 0
      ? ''
      : `<h3>Could not be fitted</h3><ul>${reasons(failed)
          .map((reason) => `<li>${escapeText(reason)}</li>`)
          .join('')}</ul>`;
  return `${lines.join('')}<figure>${chart}<figcaption>${name} (lower is better); the ring marks the lowest.<ul class="legend">${legend.join('')}</ul></figcaption></figure>${grid}${why}`;
}

/* Pieces */

interface TableParts {
  /** Plain text, of its own among the tables of a report. */
  readonly caption: string;
  readonly head: string;
  readonly body: readonly string[];
  readonly wide?: boolean;
}

function table({ caption, head, body, wide }: TableParts): string {
  const id = `table-${caption.toLowerCase().replace(/[^a-z0-9]+/g, '-')}`;
  const classes = ['scroll', ...(wide ? ['wide'] : []), ...(body.length <= SHORT ? ['whole'] : [])];
  // A table wider than the page scrolls, also by keyboard.
  return (
    `<p class="caption" id="${id}">${escapeText(caption)}</p>` +
    `<div class="${classes.join(' ')}" tabindex="0" role="region" aria-labelledby="${id}"><table aria-labelledby="${id}">` +
    `<thead><tr>${head}</tr></thead><tbody>${body.join('\n')}</tbody></table></div>\n`
  );
}

function figure(svg: string, caption: string): string {
  return `<figure>${svg}<figcaption>${escapeText(caption)}</figcaption></figure>\n`;
}

/** A number as it looks, with the whole of it for programs. */
function number(value: number, text: string): string {
  return `<data value="${value}">${escapeText(text.replace(/^-/, '−'))}</data>`;
}

function component(k: number): string {
  return `${markSvg(k)} ${k}`;
}

/** Names of any script, kept from turning round what stands beside them. */
function bidi(name: string, most: number = 60): string {
  return `<bdi>${escapeText(short(name, most))}</bdi>`;
}

function short(name: string, most: number): string {
  return name.length > most ? `${name.slice(0, most - 1)}…` : name;
}

function fileName(path: string): string {
  return path === '-' ? 'standard input' : basename(path);
}

/** With commas between thousands. */
function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

function percent(share: number): string {
  const value = 100 * share;
  if (value > 0 && value < 0.1) return 'below 0.1 %';
  return value < 100 && value > 99.9 ? 'above 99.9 %' : `${value.toFixed(1)} %`;
}

function formatCount(count: number): string {
  return Number.isInteger(count) ? grouped(count) : formatNumber(count, 5);
}

/** As many decimals as three digits of the least standard deviation of a feature have. */
function aligned(value: number, least: number): string {
  const places = 2 - Math.floor(Math.log10(least));
  if (!(places <= 8 && Math.abs(value) < 1e9)) return formatNumber(value, 5);
  return value.toFixed(Math.max(0, places));
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}
