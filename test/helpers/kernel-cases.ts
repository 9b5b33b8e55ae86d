// Seeded mixtures and rows for kernel tests, and the rounding errors that two honest computations may differ by.
// Must not touch the binary.
import {
  cholesky,
  covarianceMatrix,
  DIAG,
  type Form,
  FULL,
  flatten,
  invertLower,
  logSumExp,
  type Mixture,
  multiply,
  type Rows,
  responsibilities,
  SPHERICAL,
  solveLower,
  statisticsFrom,
  TIED,
  transpose,
  type Vector,
  weightedLogProb,
} from '../reference-kernel.ts';
import { generator } from './data.ts';

export const EPSILON: number = 2 ** -52;
export const FORMS: readonly { form: Form; name: string }[] = [
  { form: SPHERICAL, name: 'spherical' },
  { form: DIAG, name: 'diag' },
  { form: TIED, name: 'tied' },
  { form: FULL, name: 'full' },
];

/** Row counts around panels (8), tiles (32, 64, 128) and blocks (4096). */
export const ROW_COUNTS: readonly number[] = [
  ...Array.from({ length: 17 }, (_, i) => i + 1),
  ...[31, 32, 33, 63, 64, 65, 127, 128, 129, 4095, 4096],
];

export interface KernelCase {
  mixture: Mixture;
  x: Rows;
  /** Sample weights, every fifth of them 0. */
  sampleWeight: Vector;
  n: number;
  d: number;
  k: number;
}

export interface CaseOptions {
  /** Added to every value and mean. */
  offset?: number;
  /** Standard deviations between neighbouring means. */
  separation?: number;
  /** Ratio of the largest to the smallest eigenvalue that covariances aim for. */
  condition?: number;
}

/** A random mixture and rows drawn from it. */
export function makeCase(
  form: Form,
  n: number,
  d: number,
  k: number,
  seed: number,
  options: CaseOptions = {},
): KernelCase {
  const { offset = 0, separation = 1.5, condition = 1 } = options;
  const uniform = generator(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const normals = (count: number) => Array.from({ length: count }, normal);
  const shares = Array.from({ length: k }, () => 0.2 + uniform());
  const total = shares.reduce((a, b) => a + b, 0);
  // Multiples of 2^-10, so that an offset of 1e7 loses none of their bits.
  const means = shares.map(() => normals(d).map((v) => Math.round(v * separation * 1024) / 1024 + offset));
  const matrices = shares.map(() => randomCovariance(d, condition, normals, uniform));
  const mixture: Mixture = {
    form,
    weights: shares.map((share) => share / total),
    means,
    covariances:
      form === FULL
        ? matrices.flat(2)
        : form === TIED
          ? matrices[0].flat()
          : form === DIAG
            ? matrices.flatMap((matrix) => matrix.map((row, j) => row[j]))
            : matrices.map((matrix) => matrix[0][0]),
  };
  const factors = means.map((_, component) => cholesky(covarianceMatrix(mixture, component)).factor);
  const x = Array.from({ length: n }, (_, row) => {
    const component = row % k;
    const z = normals(d);
    return means[component].map((mean, i) => {
      const value = z.slice(0, i + 1).reduce((sum, zj, j) => sum + factors[component][i][j] * zj, 0);
      return mean + value;
    });
  });
  const sampleWeight = x.map((_, row) => (row % 5 === 3 ? 0 : 0.25 + 2 * uniform()));
  return { mixture, x, sampleWeight, n, d, k };
}

/** A A^T with feature scales between 0.3 and 3; with a condition, nearly of lower rank. */
function randomCovariance(
  d: number,
  condition: number,
  normals: (count: number) => Vector,
  uniform: () => number,
): Rows {
  const a = Array.from({ length: d }, () => normals(d).map((value) => value / Math.sqrt(d)));
  const scales = a.map(() => 10 ** (uniform() - 0.5));
  if (condition > 1) {
    // All features nearly the first one: what is their own shrinks by sqrt(condition).
    for (let i = 1; i < d; i++) a[i] = a[i].map((value, j) => a[0][j] + value / Math.sqrt(condition));
  }
  const product = multiply(a, transpose(a));
  const ridge = 0.5 / condition;
  return product.map((row, i) =>
    row.map((value, j) => scales[i] * scales[j] * (value + (i === j ? ridge : 0))),
  );
}

/** Results of the twin, and how far an honest computation in doubles may be away from each. */
export interface Expectation {
  logProb: Rows;
  logProbBound: Rows;
  norm: Vector;
  normBound: Vector;
  resp: Rows;
  respBound: Rows;
}

const absolute = (matrix: Rows): Rows => matrix.map((row) => row.map(Math.abs));
const times = (matrix: Rows, v: Vector): Vector =>
  multiply(
    matrix,
    v.map((value) => [value]),
  ).map(([value]) => value);
const dot = (a: Vector, b: Vector): number => a.reduce((sum, value, i) => sum + value * b[i], 0);

/**
 * Densities and responsibilities with first-order rounding bounds (Higham, Accuracy and Stability of Numerical
 * Algorithms, chapters 8 and 10). With M = |W| |L|, W = L^-1: Cholesky perturbs C by at most (D + 1) u |L| |L|^T,
 * which moves |y|^2 by |M^T |y||^2 and the log-determinant by |M|_F^2; substitution or multiplication by a computed
 * inverse moves y by D u M M |y|. The tied form takes y as a difference of whitened vectors, one for the row and one
 * for the mean, about some point among the means, so their lengths count instead of that of y.
 */
export function expectDensities(mixture: Mixture, x: Rows): Expectation {
  const { form, means, weights } = mixture;
  const d = means[0].length;
  const unit = 4 * (d + 2) * EPSILON;
  const logProb = weightedLogProb(mixture, x);
  const logProbBound = logProb.map((row) => row.map(() => 0));
  for (let component = 0; component < means.length; component++) {
    if (form !== TIED && weights[component] === 0) continue;
    const { factor } = cholesky(covarianceMatrix(mixture, component));
    const w = invertLower(factor);
    const m = multiply(absolute(w), absolute(factor));
    const mm = multiply(m, m);
    const frobenius = m.flat().reduce((sum, value) => sum + value * value, 0);
    const logs = factor.reduce((sum, row, j) => sum + Math.abs(Math.log(row[j])) + 1, 0);
    const constant = frobenius + logs + Math.abs(Math.log(weights[component] || 1));
    const spread = means[component].map(() => 0);
    if (form === TIED) {
      for (const other of means) {
        const y = solveLower(
          factor,
          other.map((value, j) => value - means[component][j]),
        );
        y.forEach((value, j) => {
          spread[j] = Math.max(spread[j], Math.abs(value));
        });
      }
    }
    x.forEach((row, i) => {
      const y = solveLower(
        factor,
        row.map((value, j) => value - means[component][j]),
      ).map(Math.abs);
      const reached = y.map((value, j) => value + 2 * spread[j]);
      const cholesky = times(transpose(m), y);
      logProbBound[i][component] =
        unit * (constant + dot(cholesky, cholesky) + 2 * dot(y, times(mm, reached)));
    });
  }
  const norm = logProb.map(logSumExp);
  const resp = logProb.map(responsibilities);
  // ln sum exp has derivative resp; its own steps (difference, exp, sum, ln) add a few units of 1 and of itself.
  const normBound = resp.map(
    (r, i) => dot(r, logProbBound[i]) + 8 * means.length * EPSILON * (1 + Math.abs(norm[i])),
  );
  // resp = exp(logProb - norm): relative errors are the exponent's absolute ones. 1e-299: 2^-997 is cut to 0.
  const respBound = resp.map((r, i) =>
    r.map(
      (value, component) =>
        value *
          (logProbBound[i][component] + normBound[i] + 16 * EPSILON * (1 + Math.abs(logProb[i][component]))) +
        1e-299,
    ),
  );
  return { logProb, logProbBound, norm, normBound, resp, respBound };
}

/**
 * Rounding bounds for flat statistics, element by element: each term r (x - m)_i (x - m)_j carries the error of r and
 * some units of its own, and sums of n terms up to n units more. The tied form is computed about points between the
 * means, so distances there are as long as the means' spread.
 */
export function statisticsBounds(
  mixture: Mixture,
  x: Rows,
  expectation: Pick<Expectation, 'resp' | 'respBound'> & Partial<Expectation>,
  sampleWeight?: Vector,
): Vector {
  const { form, means } = mixture;
  const d = means[0].length;
  const unit = (x.length + d + 16) * EPSILON;
  const weightOf = (row: number) => (sampleWeight ? sampleWeight[row] : 1);
  const spread = means[0].map((_, j) => {
    const values = means.map((mean) => mean[j]);
    return form === TIED ? Math.max(...values) - Math.min(...values) : 0;
  });
  // Terms in absolute value, by the twin itself: |x - m| + spread as rows about zero means, one component at a time.
  const zero = [means[0].map(() => 0)];
  const parts = means.map((mean, component) => {
    const lengths = x.map((row) => row.map((value, j) => Math.abs(value - mean[j]) + spread[j]));
    const errors = x.map((_, row) => [
      expectation.respBound[row][component] + unit * expectation.resp[row][component],
    ]);
    return statisticsFrom(lengths, errors, zero, sampleWeight);
  });
  let total = 0;
  let logLikelihood = 0;
  for (let row = 0; row < x.length; row++) {
    total += weightOf(row);
    if (!expectation.norm || !expectation.normBound) continue;
    logLikelihood +=
      weightOf(row) * (expectation.normBound[row] + unit * (1 + Math.abs(expectation.norm[row])));
  }
  return flatten(form, {
    sampleWeight: unit * total,
    logLikelihood,
    nk: parts.map((part) => part.nk[0]),
    sumX: parts.map((part) => part.sumX[0]),
    sumXX: parts.map((part) => part.sumXX[0]),
  });
}
