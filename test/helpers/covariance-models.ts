// The fourteen covariance models as their names define them, for tests: structure, nesting, likelihood, feasible changes.
// Must not use the library (but for its types) or the binary.
import type { CovarianceModel } from 'gaussmix';
import {
  cholesky,
  invert,
  multiply,
  type Rows,
  transpose,
  type Vector,
  zeroMatrix,
} from '../reference-kernel.ts';

/** In the order of the kernel's codes. */
export const MODELS: readonly string[] = 'EII VII EEI VEI EVI VVI EEE VEE EVE VVE EEV VEV EVV VVV'.split(' ');

/** What the library calls them. */
export const TYPES: readonly CovarianceModel[] = [
  ...(['full', 'tied', 'diag', 'spherical', 'EII', 'EEI', 'VEI', 'EVI'] as const),
  ...(['VEE', 'EVE', 'VVE', 'EEV', 'VEV', 'EVV'] as const),
];

/** mclust's name of a model of the library. */
export function mclustName(type: CovarianceModel): string {
  const names: Partial<Record<CovarianceModel, string>> = {
    full: 'VVV',
    tied: 'EEE',
    diag: 'VVI',
    spherical: 'VII',
  };
  return names[type] ?? type;
}

/** Models that follow any change of units, feature by feature; the others know one unit of all features. */
export const FREE_UNITS: readonly CovarianceModel[] = [
  ...(['full', 'tied', 'diag', 'EEI', 'VEI', 'EVI', 'VEE', 'EVV'] as const),
];

/** Whether every set of covariances of model `inner` is one of model `outer`: letter by letter I < E < V. */
export function contains(outer: string, inner: string): boolean {
  const rank = 'IEV';
  const atLeast = [0, 1, 2].every((i) => rank.indexOf(outer[i]) >= rank.indexOf(inner[i]));
  return atLeast && outer !== inner;
}

/** K covariances as D x D matrices, from the shape the kernel stores a model in. */
export function expand(model: string, flat: ArrayLike<number>, d: number, k: number): Rows[] {
  return Array.from({ length: k }, (_, component) =>
    zeroMatrix(d, d).map((row, i) =>
      row.map((_, j) => {
        if (model === 'EEE') return flat[i * d + j];
        if (model[2] !== 'I') return flat[(component * d + i) * d + j];
        if (i !== j) return 0;
        return model[1] === 'I' ? flat[component] : flat[component * d + i];
      }),
    ),
  );
}

/** The reverse of expand. */
export function flatten(model: string, matrices: Rows[]): Vector {
  if (model === 'EEE') return matrices[0].flat();
  if (model[2] !== 'I') return matrices.flat(2);
  return matrices.flatMap((matrix) => (model[1] === 'I' ? [matrix[0][0]] : matrix.map((row, i) => row[i])));
}

/** ln |C|. */
export function logDeterminant(matrix: Rows): number {
  const { failed, factor } = cholesky(matrix);
  return failed ? Number.NaN : 2 * factor.reduce((sum, row, i) => sum + Math.log(row[i]), 0);
}

/** -sum_k weight_k (ln |C_k| + tr(C_k^-1 S_k)): what an M-step maximises over covariances, but for factors and constants. */
export function objective(weights: Vector, scatter: Rows[], covariances: Rows[]): number {
  let sum = 0;
  for (const [component, weight] of weights.entries()) {
    const inverse = invert(covariances[component]);
    let trace = 0;
    for (const [i, row] of inverse.entries()) {
      for (const [j, value] of row.entries()) trace += value * scatter[component][i][j];
    }
    sum -= weight * (logDeterminant(covariances[component]) + trace);
  }
  return sum;
}

/** Eigenvalues, largest first, and eigenvectors (rows): Jacobi's method as he wrote it, largest element first. */
export function eigenSymmetric(matrix: Rows): { values: Vector; vectors: Rows } {
  const d = matrix.length;
  let a = matrix.map((row) => [...row]);
  let vectors = zeroMatrix(d, d).map((row, i) => row.map((_, j): number => (i === j ? 1 : 0)));
  for (let step = 0; step < 100 * d * d; step++) {
    let [p, q] = [0, 1];
    for (let i = 0; i < d; i++) {
      for (let j = i + 1; j < d; j++) if (Math.abs(a[i][j]) > Math.abs(a[p][q])) [p, q] = [i, j];
    }
    if (d < 2 || Math.abs(a[p][q]) <= 1e-18 * Math.sqrt(Math.abs(a[p][p] * a[q][q]))) break;
    const turn = givens(d, p, q, 0.5 * Math.atan2(2 * a[p][q], a[p][p] - a[q][q]));
    a = multiply(multiply(turn, a), transpose(turn));
    vectors = multiply(turn, vectors);
  }
  const order = a.map((row, i) => [row[i], i]).sort((x, y) => y[0] - x[0]);
  return { values: order.map(([value]) => value), vectors: order.map(([, i]) => vectors[i]) };
}

/** The rotation by an angle in the plane of axes p and q. */
export function givens(d: number, p: number, q: number, angle: number): Rows {
  const turn = zeroMatrix(d, d).map((row, i) => row.map((_, j): number => (i === j ? 1 : 0)));
  turn[p][p] = turn[q][q] = Math.cos(angle);
  turn[p][q] = Math.sin(angle);
  turn[q][p] = -Math.sin(angle);
  return turn;
}

/** Axes (rows) and the variances along them of each component, as the model has them. */
export function decompose(model: string, covariances: Rows[]): { axes: Rows; variances: Vector }[] {
  const d = covariances[0].length;
  const identity = zeroMatrix(d, d).map((row, i) => row.map((_, j) => (i === j ? 1 : 0)));
  // A sum of matrices with common axes has them too; factors that differ keep it from being round by chance.
  const sum = covariances[0].map((row, i) =>
    row.map((_, j) => covariances.reduce((s, c, k) => s + c[i][j] / (k + 1) / logTrace(c), 0)),
  );
  const common = model[2] === 'E' ? eigenSymmetric(sum).vectors : identity;
  return covariances.map((covariance) => {
    const axes = model[2] === 'V' ? eigenSymmetric(covariance).vectors : common;
    const variances = multiply(multiply(axes, covariance), transpose(axes)).map((row, i) => row[i]);
    return { axes, variances };
  });
}

function logTrace(matrix: Rows): number {
  return matrix.reduce((sum, row, i) => sum + row[i], 0);
}

/** The reverse of decompose. */
export function recompose(parts: { axes: Rows; variances: Vector }[]): Rows[] {
  return parts.map(({ axes, variances }) =>
    zeroMatrix(axes.length, axes.length).map((row, i) =>
      row.map((_, j) => variances.reduce((sum, v, t) => sum + v * axes[t][i] * axes[t][j], 0)),
    ),
  );
}

/** How far covariances are from having what the model's name says they have in common: relative differences. */
export function violation(model: string, covariances: Rows[]): number {
  const d = covariances[0].length;
  const volumes = covariances.map((c) => Math.exp(logDeterminant(c) / d));
  let worst = 0;
  const compare = (a: number, b: number, scale: number) => {
    const difference = Math.abs(a - b) / scale;
    // NaN must not get lost in a comparison.
    if (!(difference <= worst)) worst = difference;
  };
  for (const [component, covariance] of covariances.entries()) {
    if (model[0] === 'E') compare(volumes[component], volumes[0], volumes[0]);
    const shape = eigenSymmetric(covariance).values.map((value) => value / volumes[component]);
    const first = eigenSymmetric(covariances[0]).values.map((value) => value / volumes[0]);
    shape.forEach((value, j) => {
      if (model[1] === 'I') compare(value, 1, 1);
      if (model[1] === 'E') compare(value, first[j], first[j]);
    });
    for (let i = 0; i < d; i++) {
      for (let j = 0; j < d; j++) {
        const scale = Math.sqrt(covariance[i][i] * covariance[j][j]);
        if (i !== j && model[2] === 'I') compare(covariance[i][j], 0, scale);
        if (model[1] === 'E' && model[2] !== 'V') {
          compare(
            covariance[i][j] / volumes[component],
            covariances[0][i][j] / volumes[0],
            scale / volumes[component],
          );
        }
      }
    }
    // Symmetric matrices have common axes if and only if they commute.
    if (model[2] === 'E') {
      const ab = multiply(covariance, covariances[0]);
      const size = logTrace(covariance) * logTrace(covariances[0]);
      for (let i = 0; i < d; i++) for (let j = 0; j < i; j++) compare(ab[i][j], ab[j][i], size);
    }
  }
  return worst;
}

/** Covariances of the model near decomposed ones: a random change of what the name leaves free, of size `step`. */
export function disturb(
  model: string,
  parts: { axes: Rows; variances: Vector }[],
  step: number,
  normal: () => number,
): Rows[] {
  const d = parts[0].variances.length;
  const draw = (letter: string, make: () => Vector): Vector[] => {
    const first = make();
    return parts.map(() => (letter === 'V' ? make() : first));
  };
  const volumes = draw(model[0], () => [normal()]);
  const shapes = draw(model[1], () => {
    const values = Array.from({ length: d }, () => (model[1] === 'I' ? 0 : normal()));
    return values.map((value) => value - values.reduce((a, b) => a + b, 0) / d);
  });
  const angles = draw(model[2], () =>
    Array.from({ length: (d * (d - 1)) / 2 }, () => (model[2] === 'I' ? 0 : normal())),
  );
  return recompose(
    parts.map(({ axes, variances }, component) => {
      let turned = axes;
      let plane = 0;
      for (let p = 0; p < d; p++) {
        for (let q = p + 1; q < d; q++)
          turned = multiply(givens(d, p, q, step * angles[component][plane++]), turned);
      }
      const changed = variances.map(
        (v, j) => v * Math.exp(step * (volumes[component][0] + shapes[component][j])),
      );
      return { axes: turned, variances: changed };
    }),
  );
}
