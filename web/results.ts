// What a fit gives, in words and curves: the log-likelihood, the table of components, the comparison of models.
// Must not talk to the worker.
import { quantile } from 'd3-array';
import type { CovarianceType, ModelJSON } from 'gaussmix';
import { type LineChart, lineChart, type Series } from '../charts/line-chart.ts';
import { escapeText } from '../charts/svg.ts';
import { componentColour, componentShape, type Theme } from '../charts/theme.ts';
import { counted, element, shortNumber } from './dom.ts';
import { type Candidate, COVARIANCE_FAMILIES, USUAL_MODELS } from './protocol.ts';

/** Dashes of a curve by the family of its model, beside the colour: families are told apart without it. */
const FAMILY_DASHES: readonly string[] = ['1 4', '5 4', '8 3 2 3', ''];

/** Log-likelihoods by iteration, one list for each run. */
export type History = readonly (readonly number[])[];

/** Iterations shown at least: the curve is seen to grow from the left. */
const SHORTEST_CURVE = 10;

function chartSvg({ width, height, svg }: LineChart, label: string): string {
  return `<svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeText(label)}" font-family="inherit">${svg}</svg>`;
}

/** The curve of every run; the last one in full colour. */
export function showCurve(history: History, theme: Theme): void {
  const box = element('curve');
  const longest = history.reduce((most, run) => Math.max(most, run.length), 0);
  if (longest === 0) {
    box.innerHTML = '<p class="hint">It grows as a fit goes on.</p>';
    return;
  }
  const series = history.map((run, i): Series => {
    const isLast = i === history.length - 1;
    return {
      name: `run ${i + 1}`,
      colour: isLast ? componentColour(theme, 0) : theme.neutral,
      points: run.map((value, iteration) => [iteration + 1, value]),
      shape: isLast && run.length <= 40 ? 0 : undefined,
    };
  });
  const chart = lineChart(
    {
      width: Math.max(220, box.clientWidth),
      height: 200,
      series,
      xLabel: 'iteration',
      yLabel: 'nats per row',
      xDomain: [1, Math.max(SHORTEST_CURVE, longest)],
    },
    theme,
  );
  const last = history.at(-1)?.at(-1) ?? Number.NaN;
  box.innerHTML = chartSvg(
    chart,
    `Log-likelihood over ${longest} iterations, now ${shortNumber(last, 6)} nats per row`,
  );
}

/** A curve with its mark, for the legend. */
function curveSvg({ shape = 0, colour, dashes = '' }: Series): string {
  return `<svg width="30" height="14" viewBox="-15 -7 30 14" aria-hidden="true"><path d="M-15 0H15" stroke="${colour}" stroke-width="2" stroke-dasharray="${dashes}"/><path d="${componentShape(shape, 60)}" fill="${colour}"/></svg>`;
}

function markSvg(shape: number, colour: string): string {
  return `<svg width="14" height="14" viewBox="-7 -7 14 14" aria-hidden="true"><path d="${componentShape(shape, 70)}" fill="${colour}"/></svg>`;
}

/** Weight, mean and standard deviation of every component. */
export function showResult(model: ModelJSON, names: readonly string[], bic: number, theme: Theme): void {
  const heads = names.map((name) => `<th scope="col">${breakable(name)}</th>`).join('');
  const deviations = model.covariances.map((covariance) =>
    covariance.map((row, feature) => Math.sqrt(row[feature])),
  );
  const least = names.map((_, feature) => Math.min(...deviations.map((row) => row[feature])));
  const rows = model.weights.map((weight, component) => {
    const cells = model.means[component].map((mean, feature) => {
      const deviation = withDecimals(deviations[component][feature], least[feature]);
      return `<td>${withDecimals(mean, least[feature])}<br><small>± ${deviation}</small></td>`;
    });
    const mark = markSvg(component, componentColour(theme, component));
    return `<tr><th scope="row">${mark} ${component}</th><td>${(100 * weight).toFixed(1)} %</td>${cells.join('')}</tr>`;
  });
  const fitted = model.fitted;
  const notes = (fitted?.warnings ?? []).map(
    (warning) => `<p class="hint">${escapeText(sentence(warning))}</p>`,
  );
  const logLikelihood = fitted ? `log-likelihood ${shortNumber(fitted.logLikelihood, 6)} nats per row, ` : '';
  element('result').innerHTML =
    `<p>${escapeText(model.covarianceType)}, ${logLikelihood}BIC ${shortNumber(bic, 6)}</p>${notes.join('')}<p class="hint">Mean ± standard deviation of each component:</p>` +
    '<div class="scroll" tabindex="0" role="region" aria-label="Components"><table>' +
    `<thead><tr><th scope="col"><abbr title="Component">No.</abbr></th><th scope="col">Weight</th>${heads}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

/** A name whose parts may stand on lines of their own. */
function breakable(name: string): string {
  return escapeText(name).replace(/[._-]/g, (mark) => `${mark}<wbr>`);
}

/** As many decimals as three digits of the least standard deviation of its column have. */
function withDecimals(value: number, least: number): string {
  const decimals = 2 - Math.floor(Math.log10(least));
  if (decimals > 10 || !Number.isFinite(decimals)) return shortNumber(value, 6);
  return value.toFixed(Math.max(0, decimals)).replace(/^-/, '−');
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

export function clearResult(isFitting: boolean): void {
  const hint = isFitting
    ? 'The components are listed here when the fit ends.'
    : 'Press Fit: the components will be listed here.';
  element('result').innerHTML = `<p class="hint">${hint}</p>`;
}

/** The panel that compares models by BIC; a point or a figure pressed picks its model. */
export class ModelComparison {
  readonly #onPick: (nComponents: number, covarianceType: CovarianceType) => void;
  #candidates: Candidate[] = [];
  #most = 9;
  #theme: Theme;
  #chart: LineChart | undefined;

  constructor(theme: Theme, onPick: (nComponents: number, covarianceType: CovarianceType) => void) {
    this.#theme = theme;
    this.#onPick = onPick;
    const box = element('bic');
    box.addEventListener('pointermove', (event) => {
      const found = this.#at(event);
      box.classList.toggle('pickable', found !== undefined);
      box.title = found
        ? `${found.covarianceType}, ${counted(found.nComponents, 'component')}: BIC ${found.bic.toFixed(1)}`
        : '';
    });
    box.addEventListener('click', (event) => {
      const found = this.#at(event);
      if (found) this.#onPick(found.nComponents, found.covarianceType);
    });
    element('bic-details').addEventListener('toggle', () => this.#scrollToBest());
    element('bic-table').addEventListener('click', ({ target }) => {
      const button = (target as Element).closest('button');
      const found = button && this.#candidates[Number(button.dataset.candidate)];
      if (found) this.#onPick(found.nComponents, found.covarianceType);
    });
  }

  set theme(theme: Theme) {
    this.#theme = theme;
    this.draw();
  }

  begin(most: number): void {
    this.#candidates = [];
    this.#most = most;
    element<HTMLDetailsElement>('bic-details').hidden = true;
    this.draw();
  }

  add(candidate: Candidate): void {
    this.#candidates.push(candidate);
    this.draw();
  }

  /** What came of it, in words. */
  end(wasStopped: boolean): string {
    const { best } = this;
    element('bic-details').hidden = this.#candidates.length === 0;
    this.#fillTable();
    if (!best) return wasStopped ? 'Stopped before the first model was done.' : 'No model could be fitted.';
    const until = wasStopped ? 'Stopped. Best so far' : 'Lowest BIC';
    const failed = this.#candidates.filter(({ problem }) => problem !== undefined);
    const missing = failed.length === 0 ? '' : ` ${failed.length} could not be fitted: ${failed[0].problem}.`;
    return `${until}: ${best.covarianceType}, ${counted(best.nComponents, 'component')} (BIC ${shortNumber(best.bic, 6)}).${missing}`;
  }

  get best(): Candidate | undefined {
    return this.#candidates
      .filter(({ bic }) => Number.isFinite(bic))
      .reduce<Candidate | undefined>((best, one) => (best && best.bic <= one.bic ? best : one), undefined);
  }

  draw(): void {
    const box = element('bic');
    const legend = element('bic-legend');
    if (this.#candidates.length === 0) {
      box.replaceChildren();
      legend.replaceChildren();
      this.#chart = undefined;
      return;
    }
    const { best } = this;
    // Colour and dashes tell the family, the mark its member: of the same volumes and shapes, the same mark.
    const families = COVARIANCE_FAMILIES.map(({ says, models }, family) => ({
      says,
      series: models
        .map(
          ({ type }, member): Series => ({
            name: type,
            colour: componentColour(this.#theme, family),
            dashes: FAMILY_DASHES[family],
            shape: member,
            isFaint: type !== best?.covarianceType,
            points: this.#candidates
              .filter(({ covarianceType }) => covarianceType === type)
              .map(({ nComponents, bic }) => [nComponents, bic]),
          }),
        )
        .filter(({ points }) => points.length > 0),
    })).filter(({ series }) => series.length > 0);
    const series = families.flatMap((family) => family.series);
    // Of many curves a few lie so high that they would press the others, those near the best, into one line.
    const values = this.#candidates.map(({ bic }) => bic).filter(Number.isFinite);
    const yMost =
      best && series.length > USUAL_MODELS.length
        ? best.bic + 1.5 * ((quantile(values, 0.75) ?? best.bic) - best.bic)
        : Number.POSITIVE_INFINITY;
    this.#chart = lineChart(
      {
        width: Math.max(220, box.clientWidth),
        height: series.length > USUAL_MODELS.length ? 360 : 280,
        // The best one above the others.
        series: [...series].sort((one, other) => Number(other.isFaint) - Number(one.isFaint)),
        xLabel: 'components',
        yLabel: 'BIC',
        xDomain: [1, Math.max(2, this.#most)],
        yMost,
        best: best && [best.nComponents, best.bic],
      },
      this.#theme,
    );
    const label = best
      ? `BIC by number of components, lowest for ${best.covarianceType} with ${best.nComponents}; all figures are in the table below`
      : 'BIC by number of components';
    box.innerHTML = chartSvg(this.#chart, label);
    const cut = values.some((value) => value > yMost)
      ? '<p class="hint">Curves go on above the frame, where models are far from the best.</p>'
      : '';
    const lines = families
      .map((family) => {
        const curves = family.series.map(
          (one) => `<span>${curveSvg(one)}${one.isFaint ? one.name : `<b>${one.name}</b>`}</span>`,
        );
        return `<p><span>${family.says}:</span>${curves.join('')}</p>`;
      })
      .join('');
    legend.innerHTML = cut + lines;
  }

  #at({ clientX, clientY }: MouseEvent): Candidate | undefined {
    const chart = this.#chart;
    if (!chart) return undefined;
    const { left, top } = element('bic').getBoundingClientRect();
    let nearest: Candidate | undefined;
    let least = 14;
    for (const one of this.#candidates) {
      const distance = Math.hypot(
        chart.x.at(one.nComponents) - (clientX - left),
        chart.y.at(one.bic) - (clientY - top),
      );
      if (distance < least) {
        least = distance;
        nearest = one;
      }
    }
    return nearest;
  }

  /** The best model's figure in sight, when the table is wider than its place. */
  #scrollToBest(): void {
    const cell = element('bic-table').querySelector('.best')?.closest('td');
    const place = cell?.closest('.scroll');
    if (cell && place) place.scrollLeft = cell.offsetLeft + cell.offsetWidth / 2 - place.clientWidth / 2;
  }

  #fillTable(): void {
    const { best } = this;
    const models = COVARIANCE_FAMILIES.flatMap((family) => family.models).filter(({ type }) =>
      this.#candidates.some(({ covarianceType }) => covarianceType === type),
    );
    const heads = models.map(({ type, says }) => `<th scope="col" title="${says}">${type}</th>`).join('');
    const counts = [...new Set(this.#candidates.map(({ nComponents }) => nComponents))];
    const rows = counts.map((count) => {
      const cells = models.map(({ type }) => {
        const number = this.#candidates.findIndex(
          (one) => one.nComponents === count && one.covarianceType === type,
        );
        const one = this.#candidates[number];
        if (!one) return '<td></td>';
        if (one.problem !== undefined) return `<td title="${escapeText(one.problem)}">none</td>`;
        const name = `Show ${type} with ${count} components, BIC ${one.bic.toFixed(1)}`;
        return `<td><button type="button" data-candidate="${number}" title="${one.bic}" aria-label="${name}"${one === best ? ' class="best"' : ''}>${one.bic.toFixed(1)}</button></td>`;
      });
      return `<tr><th scope="row">${count}</th>${cells.join('')}</tr>`;
    });
    element('bic-table').innerHTML =
      `<thead><tr><th scope="col">Components</th>${heads}</tr></thead><tbody>${rows.join('')}</tbody>`;
    this.#scrollToBest();
  }
}
