// The colours and marks of every chart, light and dark: components differ in colour, in shape and in number.
// Must not draw.
import {
  type SymbolType,
  symbol,
  symbolCircle,
  symbolCross,
  symbolDiamond,
  symbolSquare,
  symbolStar,
  symbolTriangle,
} from 'd3-shape';

/** What a chart is drawn in; every colour as #rrggbb. */
export interface Theme {
  readonly background: string;
  readonly text: string;
  /** Labels of axes. */
  readonly muted: string;
  readonly grid: string;
  /** Rows before there is a fit, bars of histograms. */
  readonly neutral: string;
  /** Of components, in turn. */
  readonly colours: readonly string[];
}

/** After Okabe and Ito (2008, Color Universal Design), darkened where it was too faint on white. */
export const LIGHT: Theme = {
  background: '#ffffff',
  text: '#1b1f24',
  muted: '#57606a',
  grid: '#e4e7eb',
  neutral: '#8b949e',
  colours: ['#0072b2', '#d55e00', '#009e73', '#b8568c', '#bd8200', '#2590c8', '#5b4b9e', '#7a6a00'],
};

export const DARK: Theme = {
  background: '#14181d',
  text: '#e8ebee',
  muted: '#a3adb8',
  grid: '#2a3139',
  neutral: '#7d8894',
  colours: ['#4aa8e8', '#ff8a3d', '#2ccb9c', '#ec9fcb', '#f2c14e', '#9ddcff', '#a99bff', '#d8cf5a'],
};

const SHAPES: readonly SymbolType[] = [
  symbolCircle,
  symbolSquare,
  symbolTriangle,
  symbolDiamond,
  symbolStar,
  symbolCross,
  // Seven shapes and eight colours: the pairs repeat after 56 components only.
  { draw: (path, size) => drawPentagon(path, Math.sqrt(size / 2.378)) },
];

/** A regular pentagon of circumradius r has the area 2.378 r^2. */
function drawPentagon(path: Pick<CanvasPath, 'moveTo' | 'lineTo' | 'closePath'>, radius: number): void {
  for (let corner = 0; corner < 5; corner++) {
    const angle = (2 * Math.PI * corner) / 5 - Math.PI / 2;
    const [x, y] = [radius * Math.cos(angle), radius * Math.sin(angle)];
    if (corner === 0) path.moveTo(x, y);
    else path.lineTo(x, y);
  }
  path.closePath();
}

export function componentColour(theme: Theme, component: number): string {
  return theme.colours[component % theme.colours.length];
}

/** The outline of a component's mark about (0, 0), as the `d` of an SVG path. @param size its area in square pixels */
export function componentShape(component: number, size: number): string {
  return symbol(SHAPES[component % SHAPES.length], size)() ?? '';
}

/** A colour's red, green and blue, 0 to 255. */
export function channels(colour: string): readonly [number, number, number] {
  const value = Number.parseInt(colour.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/**
 * Colours of rows from their responsibilities: those of the components, mixed as light is (squares of the channels stand
 * for the linear intensities), so that a row between two components has a colour between theirs.
 *
 * @param shares N x K responsibilities in 1/255, row-major
 * @returns N x 3 channels, 0 to 255
 */
export function mixColours(
  shares: ArrayLike<number>,
  rows: number,
  components: number,
  theme: Theme,
): Uint8ClampedArray {
  const light = Float64Array.from({ length: 3 * components }, (_, i) => {
    const channel = channels(componentColour(theme, Math.floor(i / 3)))[i % 3];
    return channel * channel;
  });
  const result = new Uint8ClampedArray(3 * rows);
  for (let row = 0; row < rows; row++) {
    let [red, green, blue, sum] = [0, 0, 0, 0];
    for (let component = 0; component < components; component++) {
      const share = shares[row * components + component];
      if (share === 0) continue;
      red += share * light[3 * component];
      green += share * light[3 * component + 1];
      blue += share * light[3 * component + 2];
      sum += share;
    }
    // Quantised responsibilities need not sum to 255.
    const scale = 1 / Math.max(1, sum);
    result[3 * row] = Math.sqrt(red * scale);
    result[3 * row + 1] = Math.sqrt(green * scale);
    result[3 * row + 2] = Math.sqrt(blue * scale);
  }
  return result;
}
