// The figure of a mixture over its data: one feature (histogram and densities), two (scatter plot and ellipses) or more
// (a matrix of both). Laid out once, then drawn in layers as SVG text: frame, rows, mixture. Needs no DOM.
// Must not compute a mixture, nor decide which rows are drawn.
import { type Axis, linearAxis } from './axis.ts';
import {
  type Bar,
  componentDensity,
  componentEllipse,
  densityPath,
  ellipsePath,
  type Mixture,
} from './shapes.ts';
import { escapeText, fitText, px } from './svg.ts';
import { componentColour, componentShape, type Theme } from './theme.ts';

/** A feature as the figure shows it. */
export interface FigureFeature {
  /** Its place among the features of the mixture. */
  readonly index: number;
  readonly label: string;
  /** N values. */
  readonly values: Float64Array;
  /** Their histogram. */
  readonly bars: readonly Bar[];
  /** Least and greatest value shown, see `paddedExtent`. */
  readonly extent: readonly [number, number];
}

/** One plot: of two features, or of one against density. */
export interface Panel {
  readonly kind: 'scatter' | 'density';
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly x: Axis;
  readonly y: Axis;
  readonly xFeature: FigureFeature;
  /** The same as xFeature in a density panel. */
  readonly yFeature: FigureFeature;
  readonly bars: readonly Bar[];
  /** Which axes have their labels at this panel. */
  readonly labelled: { readonly x: boolean; readonly y: boolean };
}

/** Sizes in pixels. */
export interface Figure {
  readonly width: number;
  readonly height: number;
  readonly panels: readonly Panel[];
  readonly isMatrix: boolean;
  readonly components: number;
}

export interface FigureOptions {
  readonly width: number;
  /** Of a figure with one panel; a matrix has square panels. */
  readonly height: number;
  /** One: histogram; two: scatter plot; more: matrix. */
  readonly features: readonly FigureFeature[];
  /** How many components the legend has room for; 0: no legend. */
  readonly components: number;
}

const FONT = 12;
const LEGEND_ITEM = 78;
const LEGEND_LINE = 20;
/** Panels narrower than this have no labels at their ticks. */
const NARROW = 76;

export function layoutFigure({ width, height, features, components }: FigureOptions): Figure {
  const perLine = Math.max(1, Math.floor((width - 16) / LEGEND_ITEM));
  const legend = components === 0 ? 0 : LEGEND_LINE * Math.ceil(components / perLine);
  const top = 10 + legend;
  const common = { width, components };
  if (features.length <= 2) {
    const [x, y] = features;
    const make = (left: number): Panel => {
      const box = { left, top, width: width - left - 14, height: height - top - 46 };
      const labelled = { x: true, y: true };
      return y ? scatterPanel(box, x, y, labelled) : densityPanel(box, x, labelled);
    };
    // The ticks of the vertical axis do not depend on where it stands.
    const panel = make(labelRoom([make(0).y]));
    return { ...common, height, panels: [panel], isMatrix: false };
  }
  const count = features.length;
  const gap = 8;
  const left = labelRoom(features.slice(1).map(({ extent }) => linearAxis(extent, [100, 0], 30)));
  const cell = (width - left - 10 - gap * (count - 1)) / count;
  const panels = features.flatMap((y, row) =>
    features.map((x, column) => {
      const box = {
        left: left + column * (cell + gap),
        top: top + row * (cell + gap),
        width: cell,
        height: cell,
      };
      const labelled = { x: row === count - 1, y: column === 0 };
      return row === column ? densityPanel(box, x, labelled) : scatterPanel(box, x, y, labelled);
    }),
  );
  return {
    ...common,
    height: top + count * (cell + gap) - gap + (cell < NARROW ? 26 : 46),
    panels,
    isMatrix: true,
  };
}

/** Room for the labels of vertical axes and the name beside them, in pixels. */
export function labelRoom(axes: readonly Axis[]): number {
  const longest = axes.flatMap(({ ticks }) => ticks.map(({ label }) => label.length));
  return 32 + 7 * Math.max(2, ...longest);
}

type Box = Pick<Panel, 'left' | 'top' | 'width' | 'height'>;

function xAxis(box: Box, extent: readonly [number, number]): Axis {
  return linearAxis(extent, [box.left, box.left + box.width], box.width < 200 ? 34 : 72);
}

function yAxis(box: Box, extent: readonly [number, number]): Axis {
  return linearAxis(extent, [box.top + box.height, box.top], box.height < 200 ? 30 : 48);
}

function scatterPanel(
  box: Box,
  xFeature: FigureFeature,
  yFeature: FigureFeature,
  labelled: Panel['labelled'],
): Panel {
  const [x, y] = [xAxis(box, xFeature.extent), yAxis(box, yFeature.extent)];
  return { kind: 'scatter', ...box, x, y, xFeature, yFeature, bars: [], labelled };
}

function densityPanel(box: Box, feature: FigureFeature, labelled: Panel['labelled']): Panel {
  const { bars } = feature;
  // Room above the bars: the densities of a mixture are often higher.
  const most = bars.reduce((highest, bar) => Math.max(highest, bar.density), 0);
  const x = xAxis(box, feature.extent);
  const y = yAxis(box, [0, 1.35 * most || 1]);
  return { kind: 'density', ...box, x, y, xFeature: feature, yFeature: feature, bars, labelled };
}

/** Grid, axes, names of features, histograms: what stays while a mixture changes. */
export function frameSvg(figure: Figure, theme: Theme): string {
  return figure.panels.map((panel) => panelFrame(panel, figure, theme)).join('');
}

function panelFrame(panel: Panel, figure: Figure, theme: Theme): string {
  const { left, top, width, height, x, y, kind, bars, labelled } = panel;
  const [right, bottom] = [left + width, top + height];
  const parts: string[] = [];
  const grid = [
    ...x.ticks.map(({ at }) => `M${px(at)} ${px(top)}V${px(bottom)}`),
    ...(kind === 'scatter' ? y.ticks : []).map(({ at }) => `M${px(left)} ${px(at)}H${px(right)}`),
  ];
  parts.push(`<path d="${grid.join('')}" stroke="${theme.grid}" fill="none"/>`);
  if (bars.length > 0) {
    const boxes = bars.map(({ from, to, density }) => {
      const [a, b] = [Math.max(left, x.at(from)), Math.min(right, x.at(to))];
      return `M${px(a)} ${px(bottom)}V${px(y.at(density))}H${px(b)}V${px(bottom)}Z`;
    });
    // Lines between bars of a few pixels would be more than the bars.
    const gap = Math.abs(x.slope) * (bars[0].to - bars[0].from) > 5 ? ` stroke="${theme.background}"` : '';
    parts.push(`<path d="${boxes.join('')}" fill="${theme.neutral}" fill-opacity=".45"${gap}/>`);
  }
  parts.push(
    `<rect x="${px(left)}" y="${px(top)}" width="${px(width)}" height="${px(height)}" fill="none" stroke="${theme.grid}"/>`,
  );
  const size = figure.isMatrix ? FONT - 1 : FONT;
  const text = (at: string, content: string, fill: string): string =>
    `<text ${at} fill="${fill}" font-size="${size}">${escapeText(content)}</text>`;
  const roomy = width >= NARROW;
  if (labelled.x) {
    for (const tick of roomy ? spread(x.ticks, 6.4) : []) {
      parts.push(
        text(`x="${px(tick.at)}" y="${px(bottom + 16)}" text-anchor="middle"`, tick.label, theme.muted),
      );
    }
    const name = fitText(panel.xFeature.label, width, size);
    const at = `x="${px(left + width / 2)}" y="${px(bottom + (roomy ? 36 : 18))}" text-anchor="middle"`;
    parts.push(text(at, name, theme.text));
  }
  if (labelled.y) {
    // A density's height is not that of the other panels in its row.
    const ownTicks = !(figure.isMatrix && kind === 'density');
    for (const tick of roomy && ownTicks ? y.ticks : []) {
      parts.push(
        text(`x="${px(left - 6)}" y="${px(tick.at + 4)}" text-anchor="end"`, tick.label, theme.muted),
      );
    }
    const name =
      kind === 'density' && !figure.isMatrix ? 'density' : fitText(panel.yFeature.label, height, size);
    const centre = top + height / 2;
    const turned = `transform="translate(${roomy ? 14 : px(left - 10)} ${px(centre)}) rotate(-90)" text-anchor="middle"`;
    parts.push(text(turned, name, theme.text));
  }
  return parts.join('');
}

/** Ticks whose labels would touch are left without, every other one. @param character its width in pixels */
function spread<T extends { readonly at: number; readonly label: string }>(
  ticks: readonly T[],
  character: number,
): readonly T[] {
  const touching = ticks.some((tick, i) => {
    if (i === 0) return false;
    const room = Math.abs(tick.at - ticks[i - 1].at);
    return room < (character * (tick.label.length + ticks[i - 1].label.length)) / 2 + 6;
  });
  if (!touching || ticks.length < 3) return ticks;
  return spread(
    ticks.filter((_, i) => i % 2 === 0),
    character,
  );
}

/** Ellipses of one and two standard deviations, densities, centres and the legend; components count from 0, as labels do. @param id unique in its document */
export function mixtureSvg(figure: Figure, mixture: Mixture, theme: Theme, id: string): string {
  const components = mixture.weights.map((_, component) => component);
  const panels = figure.panels.map((panel, number) => {
    const { left, top, width, height, kind } = panel;
    const clip = `${id}-${number}`;
    const draw = kind === 'scatter' ? scatterMixture : densityMixture;
    return (
      `<clipPath id="${clip}"><rect x="${px(left)}" y="${px(top)}" width="${px(width)}" height="${px(height)}"/></clipPath>` +
      `<g clip-path="url(#${clip})">${draw(panel, mixture, components, theme, figure.isMatrix)}</g>`
    );
  });
  return panels.join('') + (figure.components > 0 ? legend(figure, mixture, theme) : '');
}

function scatterMixture(
  panel: Panel,
  mixture: Mixture,
  components: readonly number[],
  theme: Theme,
  isSmall: boolean,
): string {
  const { x, y } = panel;
  const pair = [panel.xFeature.index, panel.yFeature.index] as const;
  const ellipses = components.map((component) => {
    const colour = componentColour(theme, component);
    const [inner, outer] = [1, 2].map((deviations) =>
      ellipsePath(componentEllipse(mixture, component, pair, x, y, deviations)),
    );
    // A line of the background's colour below keeps the outline apart from rows of the same colour.
    return (
      `<path d="${outer}${inner}" fill="none" stroke="${theme.background}" stroke-opacity=".6" stroke-width="${isSmall ? 2.2 : 3.4}"/>` +
      `<path d="${inner}" fill="${colour}" fill-opacity=".14" stroke="${colour}" stroke-width="${isSmall ? 1.3 : 2.2}"/>` +
      `<path d="${outer}" fill="none" stroke="${colour}" stroke-width="${isSmall ? 1 : 1.6}"/>`
    );
  });
  const centres = components.map((component) => {
    const mean = mixture.means[component];
    return mark(component, x.at(mean[pair[0]]), y.at(mean[pair[1]]), theme, isSmall);
  });
  return ellipses.join('') + centres.join('');
}

/** A component's mark: its shape, with its number where there is room. */
function mark(component: number, at: number, down: number, theme: Theme, isSmall: boolean): string {
  const colour = componentColour(theme, component);
  const shape = `<path d="${componentShape(component, isSmall ? 42 : 240)}" fill="${theme.background}" stroke="${colour}" stroke-width="${isSmall ? 1.8 : 2.6}"/>`;
  const number = isSmall
    ? ''
    : `<text y="4" text-anchor="middle" font-size="11" font-weight="700" fill="${theme.text}" stroke="${theme.background}" stroke-width="3" paint-order="stroke">${component}</text>`;
  return `<g transform="translate(${px(at)} ${px(down)})">${shape}${number}</g>`;
}

function densityMixture(
  panel: Panel,
  mixture: Mixture,
  components: readonly number[],
  theme: Theme,
  isSmall: boolean,
): string {
  const { x, y, top, height } = panel;
  const feature = panel.xFeature.index;
  const bottom = px(top + height);
  const [from, to] = [px(x.range[0]), px(x.range[1])];
  const curves = components.map((component) => {
    const colour = componentColour(theme, component);
    const path = densityPath(mixture, [component], feature, x, y);
    return (
      `<path d="${path}L${to} ${bottom}L${from} ${bottom}Z" fill="${colour}" fill-opacity=".16"/>` +
      `<path d="${path}" fill="none" stroke="${colour}" stroke-width="${isSmall ? 1.3 : 2}"/>`
    );
  });
  const sum = densityPath(mixture, components, feature, x, y);
  const width = isSmall ? 1.3 : 2.2;
  curves.push(
    `<path d="${sum}" fill="none" stroke="${theme.text}" stroke-width="${width}" stroke-dasharray="5 3"/>`,
  );
  const centres = components.map((component) => {
    const mean = mixture.means[component][feature];
    const peak = y.at(componentDensity(mixture, component, feature, mean));
    return mark(component, x.at(mean), Math.max(top + 14, peak), theme, isSmall);
  });
  return curves.join('') + centres.join('');
}

function legend(figure: Figure, mixture: Mixture, theme: Theme): string {
  const perLine = Math.max(1, Math.floor((figure.width - 16) / LEGEND_ITEM));
  const items = mixture.weights.map((weight, component) => {
    const at = 18 + (component % perLine) * LEGEND_ITEM;
    const down = 12 + Math.floor(component / perLine) * LEGEND_LINE;
    const share = weight < 0.0995 ? (100 * weight).toFixed(1) : (100 * weight).toFixed(0);
    return (
      `<g transform="translate(${at} ${down})"><path d="${componentShape(component, 80)}" fill="${componentColour(theme, component)}"/>` +
      `<text x="11" y="4" font-size="${FONT}" fill="${theme.text}"><tspan font-weight="700">${component}</tspan> ${share} %</text></g>`
    );
  });
  return items.join('');
}

/** More rows than this are drawn smaller, and fainter: in a plot alone, and in a small one of a matrix. */
const CROWDED = 3000;
const CROWDED_SMALL = 600;

/** The radius of a row's dot in pixels, and how opaque it is: crowds keep their shape. */
export function dotStyle(rows: number, panel: Panel): { readonly radius: number; readonly opacity: number } {
  const small = panel.width < 200;
  const crowded = small ? CROWDED_SMALL : CROWDED;
  if (rows <= crowded) return { radius: small ? 1.6 : 3, opacity: 0.85 };
  return rows <= 10 * crowded
    ? { radius: small ? 1 : 1.7, opacity: 0.6 }
    : { radius: small ? 0.7 : 1, opacity: 0.22 };
}

/**
 * The rows of the scatter plots as dots. Rows of one colour share a path, so colours are best few.
 *
 * @param colours N colours as #rrggbb
 */
export function rowsSvg(figure: Figure, colours: readonly string[]): string {
  const byColour = new Map<string, number[]>();
  colours.forEach((colour, row) => {
    const rows = byColour.get(colour);
    if (rows) rows.push(row);
    else byColour.set(colour, [row]);
  });
  return figure.panels
    .filter(({ kind }) => kind === 'scatter')
    .map((panel) => {
      const { radius, opacity } = dotStyle(colours.length, panel);
      const { x, y, xFeature, yFeature } = panel;
      const groups = Array.from(byColour, ([colour, rows]) => {
        // A line of no length with round ends is a dot.
        const dots = rows.map(
          (row) => `M${dot(x.at(xFeature.values[row]))} ${dot(y.at(yFeature.values[row]))}h0`,
        );
        return `<path d="${dots.join('')}" stroke="${colour}"/>`;
      });
      return `<g fill="none" stroke-linecap="round" stroke-width="${2 * radius}" stroke-opacity="${opacity}">${groups.join('')}</g>`;
    })
    .join('');
}

/** Tenths of a pixel: a file of 100,000 rows stays small. */
function dot(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** A complete SVG document. @param title what it shows, for those who do not see it */
export function svgDocument(
  { width, height }: { readonly width: number; readonly height: number },
  theme: Theme,
  title: string,
  layers: readonly string[],
): string {
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${px(width)} ${px(height)}" width="${px(width)}" height="${px(height)}" ` +
    `font-family="system-ui, sans-serif" role="img"><title>${escapeText(title)}</title>` +
    `<rect width="100%" height="100%" fill="${theme.background}"/>${layers.join('')}</svg>`
  );
}
