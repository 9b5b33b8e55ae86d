// The geometry of the charts: what is drawn is what the mathematics says, and can be told apart by colour-blind readers.
// Must not compare pictures.
import { GaussianMixture } from 'gaussmix';
import { describe, expect, it } from 'vitest';
import { linearAxis, paddedExtent } from '../charts/axis.ts';
import {
  type FigureFeature,
  frameSvg,
  layoutFigure,
  mixtureSvg,
  rowsSvg,
  svgDocument,
} from '../charts/figure.ts';
import { lineChart } from '../charts/line-chart.ts';
import {
  componentDensity,
  componentEllipse,
  densityPath,
  ellipse,
  ellipsePath,
  histogram,
} from '../charts/shapes.ts';
import { escapeText, fitText } from '../charts/svg.ts';
import { channels, componentColour, componentShape, DARK, LIGHT, mixColours } from '../charts/theme.ts';
import { generator, loadExample } from './helpers/data.ts';

const faithful = loadExample('faithful');
const model = GaussianMixture.fit(faithful, { nComponents: 2 });
const mixture = model.toJSON();

function featuresOf(rows: readonly (readonly number[])[]): FigureFeature[] {
  return rows[0].map((_, index) => {
    const values = Float64Array.from(rows, (row) => row[index]);
    return { index, label: `f${index}`, values, extent: paddedExtent(values, 0.06), bars: histogram(values) };
  });
}

describe('ellipses', () => {
  it('are the points at that Mahalanobis distance, also after the axes have turned and stretched them', () => {
    const x = linearAxis([0, 6], [60, 560], 70);
    const y = linearAxis([30, 100], [400, 10], 50);
    for (const deviations of [1, 2]) {
      for (let component = 0; component < 2; component++) {
        const { cx, cy, major, minor, angle } = componentEllipse(
          mixture,
          component,
          [0, 1],
          x,
          y,
          deviations,
        );
        const turn = (angle * Math.PI) / 180;
        const points = Array.from({ length: 24 }, (_, i) => {
          const [u, v] = [major * Math.cos((i * Math.PI) / 12), minor * Math.sin((i * Math.PI) / 12)];
          const at = cx + u * Math.cos(turn) - v * Math.sin(turn);
          const down = cy + u * Math.sin(turn) + v * Math.cos(turn);
          return [x.value(at), y.value(down)];
        });
        for (const row of model.mahalanobis(points)) {
          // Roundings of a few operations on numbers of condition below 1e3.
          expect(Math.abs(row[component] - deviations)).toBeLessThan(1e-10);
        }
      }
    }
  });

  it('become a closed path; a singular covariance becomes a line, not NaN', () => {
    expect(ellipsePath({ cx: 10, cy: 20, major: 5, minor: 2, angle: 0 })).toBe(
      'M15 20A5 2 0 1 0 5 20A5 2 0 1 0 15 20Z',
    );
    const line = ellipse([0, 0], [1, 1, 1], 2);
    expect([line.major, line.minor, line.angle]).toEqual([2 * Math.sqrt(2), 0, 45]);
  });
});

describe('densities', () => {
  it('are those of the model, and integrate to the weights', () => {
    const one = GaussianMixture.fromParameters({
      weights: [0.25, 0.75],
      means: [[0], [4]],
      covariances: [[1], [0.5]],
    });
    const json = one.toJSON();
    for (const x of [-3, 0, 1.7, 4, 9]) {
      const sum = componentDensity(json, 0, 0, x) + componentDensity(json, 1, 0, x);
      // Math.exp is within an ulp or two of the kernel's.
      expect(Math.abs(sum / Math.exp(one.scoreSamples([x])[0]) - 1)).toBeLessThan(1e-13);
    }
    let area = 0;
    for (let x = -10; x < 10; x += 0.01) area += 0.01 * componentDensity(json, 0, 0, x);
    // The trapezoidal sum of a smooth function that vanishes at both ends converges faster than any power of the step.
    expect(Math.abs(area - 0.25)).toBeLessThan(1e-10);
  });

  it('keep the peak of a component narrower than a pixel', () => {
    const narrow = { weights: [1], means: [[5.00123]], covariances: [[[1e-10]]] };
    const x = linearAxis([0, 10], [0, 100], 20);
    const y = linearAxis([0, 1], [100, 0], 20);
    const peak = y.at(componentDensity(narrow, 0, 0, 5.00123));
    expect(densityPath(narrow, [0], 0, x, y)).toContain(`50.01,${peak.toFixed(2).replace(/\.?0+$/, '')}`);
  });
});

describe('histograms', () => {
  const uniform = generator(3);
  it.each([
    ['old faithful', Float64Array.from(faithful, (row) => row[1])],
    ['integers', Float64Array.from({ length: 200 }, () => Math.floor(6 * uniform()))],
    ['one heavy tail', Float64Array.from({ length: 500 }, () => 1 / (0.001 + uniform()))],
    ['far from zero', Float64Array.from({ length: 300 }, () => 1e7 + uniform())],
    ['mostly equal', Float64Array.from({ length: 100 }, (_, i) => (i < 90 ? 2 : i))],
    ['two values', Float64Array.of(1, 2)],
    ['one value', Float64Array.of(3, 3, 3)],
    ['a zero', Float64Array.of(0)],
  ])('%s: adjoining bars of one width hold every row', (_, values) => {
    const bars = histogram(values);
    const width = bars[0].to - bars[0].from;
    let area = 0;
    bars.forEach((bar, i) => {
      area += bar.density * (bar.to - bar.from);
      // Multiples of the step, rounded.
      expect(Math.abs(bar.to - bar.from - width)).toBeLessThan(1e-6 * width);
      if (i > 0) expect(Math.abs(bar.from - bars[i - 1].to)).toBeLessThan(1e-6 * width);
      const inside = values.filter((value) => value >= bar.from && (value < bar.to || i === bars.length - 1));
      expect(Math.abs(bar.density * width * values.length - inside.length)).toBeLessThan(
        1e-6 * values.length,
      );
    });
    expect(Math.abs(area - 1)).toBeLessThan(1e-9);
    expect(bars[0].from).toBeLessThanOrEqual(values.reduce((a, b) => Math.min(a, b)));
    expect(bars.at(-1)!.to).toBeGreaterThanOrEqual(values.reduce((a, b) => Math.max(a, b)));
    expect(bars.length).toBeLessThanOrEqual(2.5 * 120);
  });

  it('are as high as the weight in them', () => {
    const values = Float64Array.from(faithful, (row) => row[0]);
    const weights = values.map((_, row) => row % 4);
    const total = weights.reduce((a, b) => a + b);
    const bars = histogram(values, weights);
    expect(bars.map(({ from, to }) => [from, to])).toEqual(
      histogram(values).map(({ from, to }) => [from, to]),
    );
    bars.forEach(({ from, to, density }, i) => {
      let inside = 0;
      values.forEach((value, row) => {
        if (value >= from && (value < to || i === bars.length - 1)) inside += weights[row];
      });
      // Whole numbers, but for the rounding of a division and a product.
      expect(Math.abs(density * (to - from) * total - inside)).toBeLessThan(1e-9);
    });
  });

  it('of no rows has no bars', () => expect(histogram(new Float64Array(0))).toEqual([]));
});

describe('axes', () => {
  it('have round ticks within the domain and go there and back', () => {
    const axis = linearAxis([1.37, 5.3], [60, 560], 70);
    expect(axis.ticks.map(({ label }) => label)).toEqual([
      '1.5',
      '2.0',
      '2.5',
      '3.0',
      '3.5',
      '4.0',
      '4.5',
      '5.0',
    ]);
    for (const { value, at } of axis.ticks) expect(Math.abs(axis.value(at) - value)).toBeLessThan(1e-12);
    expect(axis.slope).toBe(500 / (5.3 - 1.37));
  });

  it('find a domain for no value, one value and many', () => {
    expect(paddedExtent([], 0.1)).toEqual([0, 1]);
    expect(paddedExtent([5, 5], 0.1)).toEqual([4.5, 5.5]);
    expect(paddedExtent([0], 0.1)).toEqual([-1, 1]);
    expect(paddedExtent([10, 20], 0.1)).toEqual([9, 21]);
  });
});

describe('the figure', () => {
  const iris = loadExample('iris');

  it.each([
    [1, 1],
    [2, 1],
    [3, 9],
    [4, 16],
  ])('of %i features has %i panels, apart and within the picture', (count, panels) => {
    const features = featuresOf(iris).slice(0, count);
    for (const width of [320, 560, 1000]) {
      const figure = layoutFigure({ width, height: 400, features, components: 9 });
      expect(figure.panels).toHaveLength(panels);
      for (const panel of figure.panels) {
        expect(panel.left).toBeGreaterThan(0);
        expect(panel.left + panel.width).toBeLessThanOrEqual(width);
        expect(panel.top).toBeGreaterThan(0);
        expect(panel.top + panel.height).toBeLessThan(figure.height);
        expect(Math.min(panel.width, panel.height)).toBeGreaterThan(30);
      }
      for (const [i, a] of figure.panels.entries()) {
        for (const b of figure.panels.slice(i + 1)) {
          const across = Math.min(a.left + a.width, b.left + b.width) - Math.max(a.left, b.left);
          const down = Math.min(a.top + a.height, b.top + b.height) - Math.max(a.top, b.top);
          expect(Math.min(across, down)).toBeLessThanOrEqual(0);
        }
      }
    }
  });

  it('is one SVG document, with every name escaped and no NaN', () => {
    const fitted = GaussianMixture.fit(iris, { nComponents: 3 }).toJSON();
    const features = featuresOf(iris).map((one) => ({ ...one, label: `<${one.label}> & "co"` }));
    const figure = layoutFigure({ width: 700, height: 400, features, components: 3 });
    const colours = iris.map((_, row) => (row < 50 ? '#112233' : '#445566'));
    const text = svgDocument(figure, LIGHT, 'A <title>', [
      frameSvg(figure, LIGHT),
      rowsSvg(figure, colours),
      mixtureSvg(figure, fitted, LIGHT, 'clip'),
    ]);
    expect(text).not.toMatch(/NaN|Infinity|undefined/);
    expect(text).not.toMatch(/<f\d|<title>A </);
    // Each of 12 scatter plots: two colours of dots, and for each of 3 components an ellipse of 1 and of 2 deviations.
    expect(text.match(/stroke="#112233"/g)).toHaveLength(12);
    expect(text.match(/h0/g)).toHaveLength(12 * 150);
    expect(text.match(/fill-opacity="\.14"/g)).toHaveLength(12 * 3);
    const open = text.match(/<(?!\/)[a-z]+[^>]*[^/]>/gi)?.length;
    expect(text.match(/<\/[a-z]+>/gi)).toHaveLength(open as number);
  });

  it('draws features of one value, and far from zero', () => {
    const rows = Array.from({ length: 20 }, (_, i) => [7, 1e7 + i / 100]);
    const figure = layoutFigure({ width: 500, height: 400, features: featuresOf(rows), components: 1 });
    expect(frameSvg(figure, DARK)).not.toMatch(/NaN|Infinity/);
  });
});

describe('line charts', () => {
  it('leave a gap where there is no value, and ring the best', () => {
    const points = [
      [1, 10],
      [2, Number.NaN],
      [3, 6],
      [4, 7],
    ] as const;
    const series = [{ name: 'a', colour: '#000000', shape: 0, points }];
    const options = {
      width: 300,
      height: 200,
      series,
      xLabel: 'components',
      yLabel: 'BIC',
      best: [3, 6] as const,
    };
    const chart = lineChart(options, LIGHT);
    expect(chart.svg).not.toContain('NaN');
    expect(chart.svg).toContain(`<circle cx="${Math.round(100 * chart.x.at(3)) / 100}"`);
    // Two strokes: the first point alone, then the rest.
    expect(/<path d="(M[^"]*)" fill="none" stroke="#000000"/.exec(chart.svg)?.[1].match(/M/g)).toHaveLength(
      2,
    );
  });

  it('label whole numbers without decimals', () => {
    for (const last of [1, 2, 3, 5, 9, 30]) {
      const chart = lineChart(
        { width: 560, height: 200, series: [], xLabel: '', yLabel: '', xDomain: [1, last] },
        LIGHT,
      );
      const labels = chart.x.ticks.map(({ label }) => label);
      expect(labels).toEqual(labels.map((label) => String(Number(label))));
      expect(labels.length).toBeGreaterThan(last === 1 ? 0 : 1);
    }
  });

  it('leave the frame above the greatest value shown', () => {
    const points = [900, 20, 10].map((y, i) => [i + 1, y] as const);
    const options = { width: 300, height: 200, xLabel: '', yLabel: '', yMost: 30 };
    const series = [{ name: 'a', colour: '#000000', shape: 0, points }];
    const { y, svg } = lineChart({ ...options, series }, LIGHT);
    expect(y.domain[1]).toBeLessThan(30);
    expect(y.at(900)).toBeLessThan(0);
    // The frame is an <svg> about the curve; its viewBox is its own place, so that nothing is moved or scaled.
    const [, at, view] = /<svg (x=.*?) viewBox="(.*?)"><path d="M/.exec(svg)!;
    expect(at.match(/[\d.]+/g)?.join(' ')).toBe(view);
    expect(lineChart({ ...options, yMost: 900, series }, LIGHT).svg).not.toContain('<svg');
  });

  it('stand back for one that is to stand out', () => {
    const points = [1, 2].map((x) => [x, x] as const);
    const series = [
      { name: 'a', colour: '#000001', shape: 0, points, dashes: '5 4', isFaint: true },
      { name: 'b', colour: '#000002', shape: 0, points },
    ];
    const { svg } = lineChart({ width: 300, height: 200, series, xLabel: '', yLabel: '' }, LIGHT);
    const curve = (colour: string): string =>
      new RegExp(`<path [^>]*fill="none" stroke="${colour}"[^>]*>`).exec(svg)?.[0] ?? '';
    const width = (colour: string): number => Number(/stroke-width="([^"]+)"/.exec(curve(colour))?.[1]);
    expect(width('#000001')).toBeLessThan(width('#000002'));
    expect(curve('#000001')).toContain('stroke-dasharray="5 4"');
    expect(curve('#000002')).not.toContain('dasharray');
  });

  it('do not magnify the rounding of a log-likelihood that stays', () => {
    const points = [-1.4290313668, -1.4290313667].map((y, i) => [i + 1, y] as const);
    const series = [{ name: 'run', colour: '#000000', points }];
    const { y } = lineChart({ width: 300, height: 200, series, xLabel: '', yLabel: '' }, LIGHT);
    expect(Math.abs(y.at(points[0][1]) - y.at(points[1][1]))).toBeLessThan(0.5);
  });

  it('draw nothing at all', () => {
    const chart = lineChart({ width: 300, height: 200, series: [], xLabel: 'x', yLabel: 'y' }, DARK);
    expect(chart.svg).not.toContain('NaN');
  });
});

describe('colours', () => {
  const linear = (colour: string): number[] =>
    channels(colour).map((c) => (c <= 10 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));

  // Severity 1 of Machado, Oliveira and Fernandes (2009), table 1: red-, green- and blue-blind; and normal sight.
  const sights = {
    normal: [1, 0, 0, 0, 1, 0, 0, 0, 1],
    protanopia: [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
    deuteranopia: [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
    tritanopia: [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039],
  };

  /** CIE L*a*b* (D65) of a colour as someone sees it. */
  function lab(colour: string, sight: readonly number[]): number[] {
    const rgb = linear(colour);
    const [r, g, b] = [0, 3, 6].map((i) =>
      Math.min(1, Math.max(0, sight[i] * rgb[0] + sight[i + 1] * rgb[1] + sight[i + 2] * rgb[2])),
    );
    const f = (t: number): number => (t > 216 / 24389 ? Math.cbrt(t) : (24389 / 27 / 116) * t + 16 / 116);
    const x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505);
    const y = f(0.2126 * r + 0.7152 * g + 0.0722 * b);
    const z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089);
    return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
  }

  it.each(Object.keys(sights) as (keyof typeof sights)[])(
    'the first four can be told apart with %s',
    (sight) => {
      for (const theme of [LIGHT, DARK]) {
        const seen = theme.colours.slice(0, 4).map((colour) => lab(colour, sights[sight]));
        for (const [i, a] of seen.entries()) {
          for (const b of seen.slice(i + 1)) {
            // A difference of 2.3 is just noticeable side by side; dots need several times that.
            expect(Math.hypot(...a.map((value, c) => value - b[c]))).toBeGreaterThan(14);
          }
        }
      }
    },
  );

  it('stand out from the background as graphics must (WCAG 1.4.11: 3 to 1), text as text must (4.5 to 1)', () => {
    const luminance = (colour: string): number => {
      const [r, g, b] = linear(colour);
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    for (const theme of [LIGHT, DARK]) {
      const contrast = (colour: string): number => {
        const [a, b] = [luminance(colour), luminance(theme.background)].sort((p, q) => p - q);
        return (b + 0.05) / (a + 0.05);
      };
      for (const colour of [...theme.colours, theme.neutral]) expect(contrast(colour)).toBeGreaterThan(3);
      for (const colour of [theme.text, theme.muted]) expect(contrast(colour)).toBeGreaterThan(4.5);
    }
  });

  it('and shapes together are different for 56 components', () => {
    const marks = Array.from(
      { length: 56 },
      (_, k) => `${componentColour(LIGHT, k)} ${componentShape(k, 50)}`,
    );
    expect(new Set(marks).size).toBe(56);
  });

  it('mix by responsibilities: pure ones stay, halves lie between', () => {
    const shares = Uint8Array.of(255, 0, 0, 255, 128, 127, 0, 0);
    const colours = mixColours(shares, 4, 2, LIGHT);
    const [a, b] = [channels(LIGHT.colours[0]), channels(LIGHT.colours[1])];
    expect(Array.from(colours.slice(0, 6))).toEqual([...a, ...b]);
    for (let c = 0; c < 3; c++) {
      expect(colours[6 + c]).toBeGreaterThanOrEqual(Math.min(a[c], b[c]));
      expect(colours[6 + c]).toBeLessThanOrEqual(Math.max(a[c], b[c]));
    }
  });
});

it('text from a file cannot become markup, and is cut to its place', () => {
  expect(escapeText(`<img onerror="x">&'`)).not.toMatch(/[<>"']/);
  expect(fitText('Sepal.Length', 50, 12)).toBe('Sepal.…');
  expect(fitText('x', 1, 12)).toBe('x');
});
