// The pictures of a report, as SVG in the colours of its style sheet: one drawing for light, dark and paper.
// Must not compute what is drawn.
import { frameSvg, layoutFigure, mixtureSvg, rowsSvg, svgDocument } from '../charts/figure.ts';
import { type LineChart, lineChart, type Series } from '../charts/line-chart.ts';
import { componentColour, componentShape, LIGHT, type Theme } from '../charts/theme.ts';
import type { ReportContent } from './report-content.ts';
import { formatNumber } from './summary.ts';

/** Pixels across; what is wider than the page is scaled down. */
const WIDTH = 900;
const CHART_WIDTH = 720;
const HALF = 440;
/** Marks at the points of a longer curve would hide it. */
const MOST_MARKED = 40;

/** A chart's theme by the names of the style sheet's variables. */
export const PAGE_THEME: Theme = {
  background: 'var(--background)',
  text: 'var(--text)',
  muted: 'var(--muted)',
  grid: 'var(--grid)',
  neutral: 'var(--neutral)',
  colours: LIGHT.colours.map((_, i) => `var(--colour${i})`),
};

/** The variables of a theme, for a rule of the style sheet. */
export function themeVariables({ background, text, muted, grid, neutral, colours }: Theme): string {
  const named = Object.entries({ background, text, muted, grid, neutral });
  const numbered = colours.map((colour, i) => [`colour${i}`, colour] as const);
  return [...named, ...numbered].map(([name, value]) => `--${name}:${value};`).join('');
}

/** Rows and mixture: histogram, scatter plot or matrix. */
export function mixtureFigure({ features, drawn, model }: ReportContent): string {
  const figure = layoutFigure({
    width: features.length === 2 ? CHART_WIDTH : WIDTH,
    height: features.length === 2 ? 520 : 420,
    features,
    components: model.nComponents,
  });
  const colours = Array.from(drawn, (component) => componentColour(PAGE_THEME, component));
  const names = features.map(({ label }) => label).join(', ');
  return svgDocument(figure, PAGE_THEME, `Rows and components in ${names}`, [
    frameSvg(figure, PAGE_THEME),
    rowsSvg(figure, colours),
    mixtureSvg(figure, model, PAGE_THEME, 'mixture'),
  ]);
}

/** Histogram and densities of each of a few features. */
export function densityFigures({ features, model }: ReportContent): string[] {
  return features.map((feature, i) => {
    const figure = layoutFigure({ width: HALF, height: 280, features: [feature], components: 0 });
    return svgDocument(figure, PAGE_THEME, `Density of ${feature.label}`, [
      frameSvg(figure, PAGE_THEME),
      mixtureSvg(figure, model, PAGE_THEME, `density${i}`),
    ]);
  });
}

/** The log-likelihood by iteration. */
export function historyFigure(history: readonly number[]): string {
  const series: Series = {
    name: 'log-likelihood',
    colour: componentColour(PAGE_THEME, 0),
    shape: history.length <= MOST_MARKED ? 0 : undefined,
    points: history.map((value, i) => [i + 1, value]),
  };
  const chart = lineChart(
    { width: CHART_WIDTH, height: 260, series: [series], xLabel: 'iteration', yLabel: 'nats per row' },
    PAGE_THEME,
  );
  const [first, last] = [history[0], history[history.length - 1]];
  return chartSvg(
    chart,
    `Log-likelihood over ${history.length} iterations, from ${formatNumber(first, 6)} to ${formatNumber(last, 6)} nats per row`,
  );
}

/** A curve for each covariance type, by number of components. */
export function criterionFigure(
  curves: readonly { readonly type: string; readonly points: Series['points'] }[],
  criterion: string,
  best: readonly [components: number, value: number],
): string {
  const series = curves.map(({ type, points }, i) => ({
    name: type,
    colour: componentColour(PAGE_THEME, i),
    shape: i,
    points,
  }));
  const chart = lineChart(
    { width: WIDTH, height: 380, series, xLabel: 'components', yLabel: criterion, best },
    PAGE_THEME,
  );
  return chartSvg(
    chart,
    `${criterion} by number of components for each covariance type, lowest at ${best[0]} components`,
  );
}

/** The mark of a component or a curve, beside its name. */
export function markSvg(number: number): string {
  const path = `<path d="${componentShape(number, 70)}" fill="${componentColour(PAGE_THEME, number)}"/>`;
  return `<svg class="mark" width="14" height="14" viewBox="-7 -7 14 14" aria-hidden="true">${path}</svg>`;
}

/** A bar as long as a share of its place. */
export function barSvg(share: number): string {
  const width = Math.round(1000 * share) / 10;
  return `<svg class="bar" width="160" height="10" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect width="${width}" height="10" fill="var(--colour0)"/></svg>`;
}

function chartSvg(chart: LineChart, title: string): string {
  return svgDocument(chart, PAGE_THEME, title, [chart.svg]);
}
