// The picture on the page: axes below, rows on a canvas, mixture above; what the pointer is at; drawing by hand.
// Must not talk to the worker: it is told what to show, and tells what was pointed at.
import {
  type Figure,
  type FigureFeature,
  frameSvg,
  layoutFigure,
  mixtureSvg,
  type Panel,
  rowsSvg,
  svgDocument,
} from '../charts/figure.ts';
import type { Mixture } from '../charts/shapes.ts';
import { channels, mixColours, type Theme } from '../charts/theme.ts';
import { DotImage } from './points.ts';
import type { FeatureValues } from './protocol.ts';

/** What is to be seen. */
export interface Shown {
  readonly names: readonly string[];
  readonly features: readonly FeatureValues[];
  readonly rows: number;
  /** Which features, by number: one, two, or more for a matrix. */
  readonly view: readonly number[];
  /** Fixed axes, for drawing by hand. */
  readonly extent?: readonly [number, number] | undefined;
}

/** A mixture as it is now. */
export interface Snapshot {
  readonly mixture: Mixture;
  /** N x K responsibilities in 1/255; undefined: those before it stay. */
  readonly shares?: Uint8Array | undefined;
}

export interface ViewEvents {
  /** Everything that was given has been drawn. */
  onDrawn(): void;
  /** The pointer is at a row, or at none. At: pixels within the picture. */
  onPoint(row: number | undefined, at: readonly [number, number]): void;
  /** A point was drawn by hand. */
  onDraw(x: number, y: number): void;
}

/** How near the pointer has to be to a row, in pixels. */
const NEAR = 14;
/** Milliseconds of drawing before the page gets its turn. */
const SLICE_MS = 10;
/** Rows drawn between two looks at the clock. */
const PIECE = 4096;
/** Distance of points sprayed by dragging, in pixels. */
const SPRAY = 16;
/** Panels of a matrix can be told apart up to so many features. */
export const MATRIX_FEATURES = 6;

export class FigureView {
  readonly #box: HTMLElement;
  readonly #events: ViewEvents;
  readonly #frame: SVGSVGElement;
  readonly #canvas: HTMLCanvasElement;
  readonly #overlay: SVGSVGElement;
  readonly #marker: SVGGElement;
  readonly #cross: SVGGElement;
  #theme: Theme;
  #shown: Shown | undefined;
  #figure: Figure | undefined;
  #components = 0;
  #mixture: Mixture | undefined;
  #shares: Uint8Array | undefined;
  #drawing = false;
  #cursor: [number, number] = [5, 5];
  /** Of the drawing that is under way; a newer one ends it. */
  #job = 0;
  #isBusy = false;
  #next: Snapshot | undefined;

  constructor(box: HTMLElement, theme: Theme, events: ViewEvents) {
    this.#box = box;
    this.#theme = theme;
    this.#events = events;
    this.#frame = makeSvg('svg');
    this.#canvas = document.createElement('canvas');
    this.#canvas.setAttribute('aria-hidden', 'true');
    this.#overlay = makeSvg('svg');
    this.#marker = makeSvg('g');
    this.#cross = makeSvg('g');
    for (const svg of [this.#frame, this.#overlay]) {
      svg.setAttribute('font-family', 'inherit');
      svg.setAttribute('aria-hidden', 'true');
    }
    box.append(this.#frame, this.#canvas, this.#overlay);
    let width = 0;
    new ResizeObserver(() => {
      if (box.clientWidth === width) return;
      width = box.clientWidth;
      this.#layout();
    }).observe(box);
    this.#listen();
  }

  set theme(theme: Theme) {
    this.#theme = theme;
    this.#layout();
  }

  /** Other rows, or another view of them; the mixture stays when `keep` says so. */
  show(shown: Shown, keep: boolean): void {
    this.#shown = shown;
    if (!keep) this.clear();
    this.#layout();
  }

  /** Takes the mixture away. */
  clear(): void {
    this.#mixture = undefined;
    this.#shares = undefined;
    this.#next = undefined;
    this.#components = 0;
    this.highlight(undefined);
  }

  /** Shows a mixture as soon as the one before has been drawn; of several waiting ones, the last. */
  update(snapshot: Snapshot): void {
    if (this.#isBusy) {
      this.#next = { ...snapshot, shares: snapshot.shares ?? this.#next?.shares };
      return;
    }
    this.#take(snapshot);
  }

  #take({ mixture, shares }: Snapshot): void {
    this.#mixture = mixture;
    if (shares) this.#shares = shares;
    if (mixture.weights.length !== this.#components) {
      this.#components = mixture.weights.length;
      this.#layout();
    } else if (shares) this.#drawRows();
    else {
      this.#drawMixture();
      this.#events.onDrawn();
    }
  }

  /** Rings a row. */
  highlight(row: number | undefined): void {
    const { values, panels } = this.#valuesAt(row);
    this.#marker.innerHTML = panels
      .map((panel) => {
        const x = panel.x.at(values[panel.xFeature.index]);
        const color = this.#theme.text;
        if (panel.kind === 'density') {
          return `<path d="M${x} ${panel.top}v${panel.height}" stroke="${color}" stroke-width="1.5"/>`;
        }
        const y = panel.y.at(values[panel.yFeature.index]);
        return `<circle cx="${x}" cy="${y}" r="${panel.width < 200 ? 5 : 7}" fill="none" stroke="${color}" stroke-width="2"/>`;
      })
      .join('');
  }

  #valuesAt(row: number | undefined): { values: readonly number[]; panels: readonly Panel[] } {
    if (row === undefined || !this.#shown || !this.#figure || row >= this.#shown.rows) {
      return { values: [], panels: [] };
    }
    return { values: this.#shown.features.map(({ values }) => values[row]), panels: this.#figure.panels };
  }

  /** The picture as a document of its own. */
  picture(title: string): string {
    const figure = this.#figure;
    const shown = this.#shown;
    if (!figure || !shown) return '';
    const layers = [frameSvg(figure, this.#theme), rowsSvg(figure, this.#fewColours(shown))];
    if (this.#mixture) layers.push(mixtureSvg(figure, this.#mixture, this.#theme, 'clip'));
    return svgDocument(figure, this.#theme, title, layers);
  }

  /** Colours in steps of 1/15 for each channel, so that rows can share them in a file. */
  #fewColours({ rows }: Shown): string[] {
    const colours = this.#colours();
    const each = colours.length > 3 ? 3 : 0;
    const digit = (channel: number): string => Math.round(channel / 17).toString(16);
    return Array.from({ length: rows }, (_, row) => {
      const at = row * each;
      const [r, g, b] = [digit(colours[at]), digit(colours[at + 1]), digit(colours[at + 2])];
      return `#${r}${r}${g}${g}${b}${b}`;
    });
  }

  /** Lets points be drawn by hand, or not. */
  set drawing(on: boolean) {
    this.#drawing = on;
    this.#box.classList.toggle('drawing', on);
    if (on) {
      this.#box.tabIndex = 0;
      this.#box.setAttribute('role', 'application');
      this.#box.setAttribute(
        'aria-label',
        'Drawing area: arrow keys move the cross, Enter or space adds a point',
      );
    } else {
      this.#box.removeAttribute('tabindex');
      this.#box.setAttribute('role', 'img');
    }
    this.#showCross();
  }

  /** What the picture says to those who do not see it. */
  set label(text: string) {
    if (!this.#drawing) {
      this.#box.setAttribute('role', 'img');
      this.#box.setAttribute('aria-label', text);
    }
  }

  #layout(): void {
    const shown = this.#shown;
    const width = this.#box.clientWidth;
    if (!shown || width === 0) return;
    const features = shown.view.map((index): FigureFeature => {
      const feature = shown.features[index];
      const extent = shown.extent ?? feature.extent;
      return { ...feature, index, label: shown.names[index], extent };
    });
    const tall = Math.min(width * 0.72, Math.max(340, window.innerHeight - 260));
    // A wide matrix would not fit on the screen.
    const widest = features.length > 2 ? Math.min(width, Math.max(420, window.innerHeight - 120)) : width;
    this.#figure = layoutFigure({
      width: features.length > 2 && width > 720 ? widest : width,
      height: Math.max(300, tall),
      features,
      // Room for the legend from the beginning, so that nothing moves when a fit begins.
      components: Math.max(1, this.#components),
    });
    const { height } = this.#figure;
    this.#box.style.height = `${height}px`;
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    for (const svg of [this.#frame, this.#overlay]) {
      svg.setAttribute('width', String(width));
      svg.setAttribute('height', String(height));
    }
    this.#canvas.width = Math.ceil(width * ratio);
    this.#canvas.height = Math.ceil(height * ratio);
    this.#canvas.style.width = `${this.#canvas.width / ratio}px`;
    this.#canvas.style.height = `${this.#canvas.height / ratio}px`;
    this.#frame.innerHTML = frameSvg(this.#figure, this.#theme);
    this.#overlay.replaceChildren();
    this.highlight(undefined);
    this.#showCross();
    this.#drawRows();
  }

  #colours(): Uint8ClampedArray {
    const shown = this.#shown;
    if (!shown || !this.#shares || this.#components === 0) {
      return Uint8ClampedArray.from(channels(this.#theme.neutral));
    }
    return mixColours(this.#shares, shown.rows, this.#components, this.#theme);
  }

  /** Draws the rows in slices, puts them on the screen all at once, then the mixture. */
  #drawRows(): void {
    const figure = this.#figure;
    const shown = this.#shown;
    const context = this.#canvas.getContext('2d');
    if (!figure || !shown || !context) return;
    const job = ++this.#job;
    this.#isBusy = true;
    const ratio = this.#canvas.width / Number.parseFloat(this.#canvas.style.width);
    const colours = this.#colours();
    const images = figure.panels
      .filter(({ kind }) => kind === 'scatter')
      .map((panel) => new DotImage(panel, shown.rows, this.#theme, ratio));
    let [image, row] = [0, 0];
    const slice = (): void => {
      // A newer drawing has begun.
      if (job !== this.#job) return;
      const end = performance.now() + SLICE_MS;
      while (image < images.length) {
        const to = Math.min(shown.rows, row + PIECE);
        images[image].draw(row, to, colours);
        row = to;
        if (row >= shown.rows) {
          image++;
          row = 0;
        }
        if (performance.now() >= end && image < images.length) {
          requestAnimationFrame(slice);
          return;
        }
      }
      for (const { panel, image: pixels } of images) {
        context.putImageData(pixels, Math.round(panel.left * ratio), Math.round(panel.top * ratio));
      }
      this.#drawMixture();
      this.#isBusy = false;
      const next = this.#next;
      this.#next = undefined;
      if (next) this.#take(next);
      else this.#events.onDrawn();
    };
    requestAnimationFrame(slice);
  }

  #drawMixture(): void {
    if (!this.#figure) return;
    this.#overlay.innerHTML = this.#mixture
      ? mixtureSvg(this.#figure, this.#mixture, this.#theme, 'live')
      : '';
    this.#overlay.append(this.#marker, this.#cross);
  }

  #listen(): void {
    const box = this.#box;
    let last: readonly [number, number] | undefined;
    const at = (event: PointerEvent): [number, number] => {
      const { left, top } = box.getBoundingClientRect();
      return [event.clientX - left, event.clientY - top];
    };
    box.addEventListener('pointerdown', (event) => {
      if (!this.#drawing || event.button !== 0) return;
      last = at(event);
      box.setPointerCapture(event.pointerId);
      this.#drawAt(last);
    });
    box.addEventListener('pointermove', (event) => {
      const here = at(event);
      if (last && this.#drawing) {
        if (Math.hypot(here[0] - last[0], here[1] - last[1]) < SPRAY) return;
        last = here;
        // Spread about the pointer, as a spray can does.
        const spread = (): number => (Math.random() + Math.random() + Math.random() - 1.5) * 22;
        this.#drawAt([here[0] + spread(), here[1] + spread()]);
      } else this.#events.onPoint(this.#rowAt(here), here);
    });
    const end = (): void => {
      last = undefined;
    };
    box.addEventListener('pointerup', end);
    box.addEventListener('pointercancel', end);
    box.addEventListener('pointerleave', () => this.#events.onPoint(undefined, [0, 0]));
    box.addEventListener('keydown', (event) => this.#onKey(event));
    box.addEventListener('focus', () => this.#showCross());
    box.addEventListener('blur', () => this.#showCross());
  }

  #drawAt([x, y]: readonly [number, number]): void {
    const panel = this.#figure?.panels[0];
    if (!panel) return;
    const [a, b] = [panel.x.value(x), panel.y.value(y)];
    const inside = [panel.x.domain, panel.y.domain].every(
      ([low, high], i) => [a, b][i] >= low && [a, b][i] <= high,
    );
    if (inside) this.#events.onDraw(a, b);
  }

  #onKey(event: KeyboardEvent): void {
    if (!this.#drawing) return;
    const step = event.shiftKey ? 1 : 0.2;
    const moves: Record<string, readonly [number, number] | undefined> = {
      ArrowLeft: [-step, 0],
      ArrowRight: [step, 0],
      ArrowUp: [0, step],
      ArrowDown: [0, -step],
    };
    const move = moves[event.key];
    if (move) {
      const [low, high] = this.#shown?.extent ?? [0, 10];
      this.#cursor = [0, 1].map((i) => Math.min(high, Math.max(low, this.#cursor[i] + move[i]))) as [
        number,
        number,
      ];
      this.#showCross();
    } else if (event.key === 'Enter' || event.key === ' ') this.#events.onDraw(...this.#cursor);
    else return;
    event.preventDefault();
  }

  #showCross(): void {
    const panel = this.#figure?.panels[0];
    const visible = this.#drawing && panel && document.activeElement === this.#box;
    this.#cross.innerHTML = '';
    if (!visible) return;
    const [x, y] = [panel.x.at(this.#cursor[0]), panel.y.at(this.#cursor[1])];
    this.#cross.innerHTML = `<path d="M${x - 12} ${y}h24M${x} ${y - 12}v24" stroke="${this.#theme.text}" stroke-width="2"/>`;
    this.#overlay.append(this.#cross);
  }

  /** The row nearest to a place in the picture, if one is near. */
  #rowAt([x, y]: readonly [number, number]): number | undefined {
    const shown = this.#shown;
    const panel = this.#figure?.panels.find(
      (one) => x >= one.left && x <= one.left + one.width && y >= one.top && y <= one.top + one.height,
    );
    if (!panel || !shown) return undefined;
    const [xs, ys] = [panel.xFeature.values, panel.yFeature.values];
    const [a, b] = [panel.x.value(x), panel.y.value(y)];
    const isDensity = panel.kind === 'density';
    let nearest: number | undefined;
    let least = NEAR * NEAR;
    for (let row = 0; row < shown.rows; row++) {
      const dx = (xs[row] - a) * panel.x.slope;
      const dy = isDensity ? 0 : (ys[row] - b) * panel.y.slope;
      const distance = dx * dx + dy * dy;
      if (distance < least) {
        least = distance;
        nearest = row;
      }
    }
    return nearest;
  }
}

function makeSvg<K extends keyof SVGElementTagNameMap>(name: K): SVGElementTagNameMap[K] {
  return document.createElementNS('http://www.w3.org/2000/svg', name);
}
