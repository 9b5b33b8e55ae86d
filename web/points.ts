// Rows as dots in the pixels of a canvas, a piece at a time: 100,000 of them within a frame or two.
// A canvas path per dot takes ten times as long. Must not know the page.
import { dotStyle, type Panel } from '../charts/figure.ts';
import { channels, type Theme } from '../charts/theme.ts';

/** Where and how opaque a dot's pixels are, about its centre. */
interface Stamp {
  readonly reach: number;
  /** (2 reach + 1)^2, 0 to 1. */
  readonly cover: Float32Array;
}

function makeStamp(radius: number, opacity: number): Stamp {
  const reach = Math.ceil(radius + 0.5);
  const side = 2 * reach + 1;
  const cover = new Float32Array(side * side);
  for (let y = -reach; y <= reach; y++) {
    for (let x = -reach; x <= reach; x++) {
      // The edge of the disc falls off over one pixel.
      const inside = Math.min(1, Math.max(0, radius + 0.5 - Math.hypot(x, y)));
      cover[(y + reach) * side + x + reach] = opacity * inside;
    }
  }
  return { reach, cover };
}

/** The rows of one scatter plot as an image: background and grid, then dots. */
export class DotImage {
  readonly panel: Panel;
  readonly image: ImageData;
  readonly #pixels: Uint8ClampedArray;
  readonly #stamp: Stamp;
  readonly #ratio: number;

  /** @param ratio pixels of the canvas for one of the page */
  constructor(panel: Panel, rows: number, theme: Theme, ratio: number) {
    this.panel = panel;
    this.#ratio = ratio;
    const width = Math.max(1, Math.floor(panel.width * ratio));
    const height = Math.max(1, Math.floor(panel.height * ratio));
    this.image = new ImageData(width, height);
    this.#pixels = this.image.data;
    const { radius, opacity } = dotStyle(rows, panel);
    this.#stamp = makeStamp(radius * ratio, opacity);
    this.#paintGround(theme);
  }

  #paintGround(theme: Theme): void {
    const { width, height } = this.image;
    const words = new Uint32Array(this.#pixels.buffer);
    words.fill(packed(theme.background));
    const grid = packed(theme.grid);
    for (const { at } of this.panel.x.ticks) {
      const x = Math.round((at - this.panel.left) * this.#ratio);
      if (x < 0 || x >= width) continue;
      for (let y = 0; y < height; y++) words[y * width + x] = grid;
    }
    for (const { at } of this.panel.y.ticks) {
      const y = Math.round((at - this.panel.top) * this.#ratio);
      if (y >= 0 && y < height) words.fill(grid, y * width, (y + 1) * width);
    }
  }

  /**
   * Draws rows from `from` to `to`.
   * @param colours N x 3 channels, or three for all rows
   */
  draw(from: number, to: number, colours: Uint8ClampedArray): void {
    const { panel } = this;
    const { width, height } = this.image;
    const pixels = this.#pixels;
    const { reach, cover } = this.#stamp;
    const side = 2 * reach + 1;
    const xs = panel.xFeature.values;
    const ys = panel.yFeature.values;
    const ratio = this.#ratio;
    const [xScale, xShift] = [panel.x.slope * ratio, (panel.x.at(0) - panel.left) * ratio];
    const [yScale, yShift] = [panel.y.slope * ratio, (panel.y.at(0) - panel.top) * ratio];
    const each = colours.length > 3 ? 3 : 0;
    for (let row = from; row < to; row++) {
      const x = Math.round(xs[row] * xScale + xShift) - reach;
      const y = Math.round(ys[row] * yScale + yShift) - reach;
      const red = colours[row * each];
      const green = colours[row * each + 1];
      const blue = colours[row * each + 2];
      const firstColumn = Math.max(0, -x);
      const endColumn = Math.min(side, width - x);
      const endLine = Math.min(side, height - y);
      for (let j = Math.max(0, -y); j < endLine; j++) {
        let at = 4 * ((y + j) * width + x + firstColumn);
        for (let i = firstColumn; i < endColumn; i++, at += 4) {
          const a = cover[j * side + i];
          if (a === 0) continue;
          pixels[at] += a * (red - pixels[at]);
          pixels[at + 1] += a * (green - pixels[at + 1]);
          pixels[at + 2] += a * (blue - pixels[at + 2]);
        }
      }
    }
  }
}

/** An opaque colour as a little-endian word of a canvas. */
function packed(colour: string): number {
  const [red, green, blue] = channels(colour);
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}
