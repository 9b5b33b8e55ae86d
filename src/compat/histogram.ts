// Counts of numbers by bins, for gaussmix/compat/gaussian-mixture.
// Must not know about mixtures.
import { GaussmixRangeError } from '../index.ts';

/** [lower, upper): an observation x is in it if lower <= x < upper. */
type Bin = readonly [lower: number, upper: number] | readonly number[];

/**
 * Counts of observations. Without bins each integer stands for what rounds to it.
 * @example
 * import { Histogram } from 'gaussmix/compat/gaussian-mixture';
 * const h = Histogram.fromData([1, 2, 2.4, 6], { low: [0, 5], high: [5, 10] });
 * console.log(h.counts, h.value('low')); // { low: 3, high: 1 } 2.5
 */
export class Histogram {
  bins: Record<string, Bin> | null;
  counts: Record<string, number>;
  /** Sum of the counts. */
  total: number;

  constructor(h?: {
    counts?: Readonly<Record<string, number>> | undefined;
    bins?: Readonly<Record<string, Bin>> | null | undefined;
  }) {
    this.bins = h?.bins || null;
    this.counts = { ...h?.counts };
    this.total = Histogram._total(this);
  }

  /** A histogram of observations; those in no bin are left out. */
  static fromData(data: ArrayLike<number> = [], bins?: Readonly<Record<string, Bin>> | null): Histogram {
    const h = new Histogram({ bins });
    for (let i = 0; i < data.length; i++) h.add(data[i]);
    return h;
  }

  /** The key that an observation counts for, or null. */
  static _classify(x: number, bins?: Readonly<Record<string, Bin>> | null): string | null {
    if (bins === null || bins === undefined) return Math.round(x).toString();
    return Object.keys(bins).find((key) => bins[key][0] <= x && x < bins[key][1]) ?? null;
  }

  static _total(h: { readonly counts: Readonly<Record<string, number>> }): number {
    return Object.values(h.counts).reduce((a, b) => a + b, 0);
  }

  /** Counts an observation. */
  add(x: number): this {
    const key = Histogram._classify(x, this.bins);
    if (key !== null) {
      this.counts[key] = (this.counts[key] || 0) + 1;
      this.total += 1;
    }
    return this;
  }

  /** The observations, each as the value of its bin. */
  flatten(): number[] {
    return Object.keys(this.counts).flatMap((key) => {
      const length = Math.max(0, Math.ceil(this.counts[key]));
      return new Array<number>(length).fill(this.value(key));
    });
  }

  /** The middle of a bin; without bins the key as a number. @throws GaussmixRangeError for a key without bin */
  value(key: string | number): number {
    if (!this.bins) return Number(key);
    const bin = this.bins[key];
    if (bin) return (bin[0] + bin[1]) / 2;
    throw new GaussmixRangeError('INVALID_DATA', `No bin for this key. The key is ${JSON.stringify(key)}`);
  }
}
