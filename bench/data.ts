// Seeded data and starts for benchmarks, and the shapes that are measured.
// Must not time anything.
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
  { form: 'full', n: 50_000, d: 32, k: 16 },
  { form: 'full', n: 20_000, d: 64, k: 32 },
  { form: 'diag', n: 50_000, d: 16, k: 64, scikit: true },
];

/** Overlapping clusters, rows in random order, means started on rows of the data. */
export function problem({ n, d, k }: Shape): Problem {
  const { X, init } = makeData(n, d, k, 1);
  return { data: X, start: init };
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
