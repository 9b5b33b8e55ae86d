// Seeded data and starts for benchmarks, and the shapes that are measured.
// Must not time anything.
import { Random } from '../src/random.ts';
import { makeData } from './purejs-baseline.mjs';

export type Form = 'full' | 'tied' | 'diag' | 'spherical';

export interface Shape {
  readonly form: Form;
  readonly n: number;
  readonly d: number;
  readonly k: number;
  /** scikit-learn is measured here. */
  readonly scikit?: true;
  /** The npm packages are measured here: elsewhere one of their iterations takes many seconds. */
  readonly npm?: true;
  /** Against passes over every pair of row and component: what pruning saves, or costs where clusters overlap. */
  readonly everyPair?: true;
  /** Clusters lie apart: the nearest other centre is so many standard deviations away, on average over the centres. */
  readonly apart?: number;
  /** So large a share of the cells is missing, at random; beside the same rows without. */
  readonly missing?: number;
}

export interface Problem {
  readonly data: Float64Array;
  readonly start: () => { weights: Float64Array; means: Float64Array; covs: Float64Array };
}

/** Every shape whose figures the README or docs/PERFORMANCE.md may quote. */
export const SHAPES: readonly Shape[] = [
  { form: 'full', n: 300_000, d: 2, k: 3, scikit: true, npm: true },
  { form: 'full', n: 10_000, d: 10, k: 10, npm: true },
  { form: 'full', n: 100_000, d: 10, k: 10, scikit: true },
  { form: 'full', n: 25_000, d: 32, k: 16, scikit: true },
  { form: 'full', n: 10_000, d: 64, k: 32, scikit: true },
  { form: 'diag', n: 100_000, d: 10, k: 10 },
  { form: 'tied', n: 100_000, d: 10, k: 10, scikit: true },
  { form: 'spherical', n: 100_000, d: 10, k: 10, scikit: true },
  { form: 'full', n: 1_000_000, d: 2, k: 3 },
  { form: 'full', n: 50_000, d: 32, k: 16, everyPair: true },
  { form: 'full', n: 20_000, d: 64, k: 32 },
  { form: 'diag', n: 50_000, d: 16, k: 64, scikit: true },
  { form: 'full', n: 50_000, d: 16, k: 64, everyPair: true },
  { form: 'full', n: 50_000, d: 32, k: 16, everyPair: true, apart: 10 },
  { form: 'full', n: 50_000, d: 16, k: 64, everyPair: true, apart: 10 },
  { form: 'full', n: 100_000, d: 10, k: 10, missing: 0.05 },
];

/** Rows in random order. Unless they are to lie apart, clusters overlap and means start on rows of the data. */
export function problem(shape: Shape): Problem {
  if (shape.apart !== undefined) return separated(shape, shape.apart);
  const { X, init } = makeData(shape.n, shape.d, shape.k, 1);
  return { data: X, start: init };
}

/** A copy of rows in which a share of the values is NaN, at random, but none of a row's first. */
export function withHoles(data: Float64Array, d: number, share: number): Float64Array {
  const random = new Random(1, 1);
  return data.map((value, i) => (random.uniform() < share && i % d > 0 ? Number.NaN : value));
}

/** Clusters of standard deviation 1 whose centres are normally distributed; means start half a deviation away from them. */
function separated({ n, d, k }: Shape, apart: number): Problem {
  const random = new Random(1, 0);
  // Box and Muller 1958.
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());
  const centres = Array.from({ length: k }, () => Array.from({ length: d }, () => normal()));
  const distance = (a: number[], b: number[]): number => Math.hypot(...a.map((value, j) => value - b[j]));
  const nearest = centres.map((a) => Math.min(...centres.filter((b) => b !== a).map((b) => distance(a, b))));
  const scale = (apart * k) / nearest.reduce((sum, value) => sum + value);
  const data = new Float64Array(n * d);
  for (let i = 0; i < n; i++) {
    const centre = centres[Math.floor(k * random.uniform())];
    for (let j = 0; j < d; j++) data[i * d + j] = scale * centre[j] + normal();
  }
  const means = Float64Array.from(centres.flat(), (value) => scale * value + normal() / (2 * Math.sqrt(d)));
  const identity = Array.from({ length: d * d }, (_, i) => (i % (d + 1) === 0 ? 1 : 0));
  const covs = Float64Array.from({ length: k * d * d }, (_, i) => identity[i % (d * d)]);
  const weights = new Float64Array(k).fill(1 / k);
  return { data, start: () => ({ weights: weights.slice(), means: means.slice(), covs: covs.slice() }) };
}

/**
 * Floating-point operations of one EM iteration, E-step and M-step, exponentials left out. Full: N K (D^2 + 2 D) for
 * each step. Diag, spherical: 4 and 5 per row, component and feature. Tied: one product with the factor and one outer
 * product per row, distances, component sums and pairs of components.
 */
export function flops({ form, n, d, k }: Shape): number {
  if (form === 'full') return 2 * n * k * (d * d + 2 * d);
  if (form === 'tied') return n * (2 * d * d + 7 * k * d + k * k);
  return 9 * n * k * d;
}
