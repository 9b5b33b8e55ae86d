// The slow and obvious twin of the Wasm kernel: one plain function per operation, to be checked by reading it.
// Must not be clever, and must not import the library or the binary.

export const SPHERICAL = 0;
export const DIAG = 1;
export const TIED = 2;
export const FULL = 3;
export type Form = 0 | 1 | 2 | 3;

export type Vector = number[];
/** Rows of a matrix, or values per row of data and component. */
export type Rows = number[][];

/** A mixture; `covariances` is flat, in the form's own shape: (K, D, D), (D, D), (K, D) or (K). */
export interface Mixture {
  form: Form;
  weights: Vector;
  means: Rows;
  covariances: Vector;
}

/** Sums over rows about given means; `sumXX` holds square matrices, of which the kernel keeps what its form needs. */
export interface Statistics {
  sampleWeight: number;
  logLikelihood: number;
  nk: Vector;
  sumX: Rows;
  sumXX: Rows[];
}

const LN_2PI = Math.log(2 * Math.PI);

export function zeros(n: number): Vector {
  return new Array<number>(n).fill(0);
}

export function zeroMatrix(n: number, m: number): Rows {
  return Array.from({ length: n }, () => zeros(m));
}

// ---------------------------------------------------------------------------------------------- small matrices

/** 0, or 1 + j where pivot j is the first not above both D 2^-50 C_jj and floor_j; `factor` is L with C = L L^T. */
export function cholesky(matrix: Rows, floor?: Vector): { failed: number; factor: Rows } {
  const d = matrix.length;
  const factor = zeroMatrix(d, d);
  for (let row = 0; row < d; row++) {
    for (let column = 0; column < row; column++) {
      let sum = matrix[row][column];
      for (let t = 0; t < column; t++) sum -= factor[row][t] * factor[column][t];
      factor[row][column] = sum / factor[column][column];
    }
    let pivot = matrix[row][row];
    for (let t = 0; t < row; t++) pivot -= factor[row][t] ** 2;
    const lowest = Math.max(0, d * 2 ** -50 * matrix[row][row], floor ? floor[row] : 0);
    if (!(pivot > lowest && pivot < Infinity)) return { failed: 1 + row, factor };
    factor[row][row] = Math.sqrt(pivot);
  }
  return { failed: 0, factor };
}

/** y with L y = b, by forward substitution. */
export function solveLower(factor: Rows, b: Vector): Vector {
  const y: Vector = [];
  for (let row = 0; row < b.length; row++) {
    let sum = b[row];
    for (let t = 0; t < row; t++) sum -= factor[row][t] * y[t];
    y.push(sum / factor[row][row]);
  }
  return y;
}

/** L^-1, column by column. */
export function invertLower(factor: Rows): Rows {
  const d = factor.length;
  const columns = factor.map((_, j) =>
    solveLower(
      factor,
      Array.from({ length: d }, (_, i) => (i === j ? 1 : 0)),
    ),
  );
  return factor.map((_, i) => columns.map((column) => column[i]));
}

/** C^-1 of a symmetric positive definite C. */
export function invert(matrix: Rows): Rows {
  const w = invertLower(cholesky(matrix).factor);
  return multiply(transpose(w), w);
}

export function transpose(a: Rows): Rows {
  return a[0].map((_, j) => a.map((row) => row[j]));
}

export function multiply(a: Rows, b: Rows): Rows {
  return a.map((row) => b[0].map((_, j) => row.reduce((sum, value, t) => sum + value * b[t][j], 0)));
}

// ------------------------------------------------------------------------------------------------- densities

/** One component's covariance as a D x D matrix, whatever the form. */
export function covarianceMatrix(mixture: Mixture, component: number): Rows {
  const { form, covariances } = mixture;
  const d = mixture.means[0].length;
  const matrix = zeroMatrix(d, d);
  for (let i = 0; i < d; i++) {
    for (let j = 0; j < d; j++) {
      if (form === FULL) matrix[i][j] = covariances[component * d * d + i * d + j];
      else if (form === TIED) matrix[i][j] = covariances[i * d + j];
      else if (i === j)
        matrix[i][j] = form === DIAG ? covariances[component * d + i] : covariances[component];
    }
  }
  return matrix;
}

/** log N(x | mean, variance I) */
export function logDensitySpherical(x: Vector, mean: Vector, variance: number): number {
  let squares = 0;
  for (let j = 0; j < x.length; j++) squares += (x[j] - mean[j]) ** 2 / variance;
  return -0.5 * (x.length * LN_2PI + x.length * Math.log(variance) + squares);
}

/** log N(x | mean, diag(variances)) */
export function logDensityDiag(x: Vector, mean: Vector, variances: Vector): number {
  let sum = 0;
  for (let j = 0; j < x.length; j++) {
    sum += LN_2PI + Math.log(variances[j]) + (x[j] - mean[j]) ** 2 / variances[j];
  }
  return -0.5 * sum;
}

/** log N(x | mean, C) with C = L L^T: |y|^2 with L y = x - mean. Serves the full and the tied form. */
export function logDensityFactor(x: Vector, mean: Vector, factor: Rows): number {
  const y = solveLower(
    factor,
    x.map((value, j) => value - mean[j]),
  );
  let sum = 0;
  for (let j = 0; j < x.length; j++) sum += LN_2PI + 2 * Math.log(factor[j][j]) + y[j] ** 2;
  return -0.5 * sum;
}

/** log weight + log-density of each row (N) under each component (K). */
export function weightedLogProb(mixture: Mixture, x: Rows): Rows {
  const { form, means, weights, covariances } = mixture;
  const d = means[0].length;
  const factors = means.map((_, component) =>
    form === FULL || form === TIED ? cholesky(covarianceMatrix(mixture, component)).factor : [],
  );
  return x.map((row) =>
    means.map((mean, component) => {
      const logWeight = Math.log(weights[component]);
      if (form === SPHERICAL) return logWeight + logDensitySpherical(row, mean, covariances[component]);
      if (form === DIAG) {
        return logWeight + logDensityDiag(row, mean, covariances.slice(component * d, (component + 1) * d));
      }
      return logWeight + logDensityFactor(row, mean, factors[component]);
    }),
  );
}

/** ln sum_k exp(value_k), safe against overflow. */
export function logSumExp(values: Vector): number {
  const largest = Math.max(...values);
  let sum = 0;
  for (const value of values) sum += Math.exp(value - largest);
  return largest + Math.log(sum);
}

/** Responsibilities of one row; they sum to one. */
export function responsibilities(logProb: Vector): Vector {
  const norm = logSumExp(logProb);
  return logProb.map((value) => Math.exp(value - norm));
}

// ------------------------------------------------------------------------------------------------ statistics

/** Statistics about `means` under responsibilities (N, K) and sample weights (N); the log-likelihood stays 0. */
export function statisticsFrom(x: Rows, resp: Rows, means: Rows, sampleWeight?: Vector): Statistics {
  const k = means.length;
  const d = means[0].length;
  const result: Statistics = {
    sampleWeight: 0,
    logLikelihood: 0,
    nk: zeros(k),
    sumX: zeroMatrix(k, d),
    sumXX: means.map(() => zeroMatrix(d, d)),
  };
  for (let row = 0; row < x.length; row++) {
    const weight = sampleWeight ? sampleWeight[row] : 1;
    result.sampleWeight += weight;
    for (let component = 0; component < k; component++) {
      const r = weight * resp[row][component];
      const difference = x[row].map((value, j) => value - means[component][j]);
      result.nk[component] += r;
      for (let i = 0; i < d; i++) {
        result.sumX[component][i] += r * difference[i];
        for (let j = 0; j < d; j++) result.sumXX[component][i][j] += r * difference[i] * difference[j];
      }
    }
  }
  return result;
}

/** E-step and statistics about the mixture's own means. */
export function accumulate(mixture: Mixture, x: Rows, sampleWeight?: Vector): Statistics {
  const logProb = weightedLogProb(mixture, x);
  const result = statisticsFrom(x, logProb.map(responsibilities), mixture.means, sampleWeight);
  logProb.forEach((values, row) => {
    const weight = sampleWeight ? sampleWeight[row] : 1;
    if (weight > 0) result.logLikelihood += weight * logSumExp(values);
  });
  return result;
}

/**
 * The statistics as the kernel lays them out: sum v, log-likelihood, nk (K), sumX (K, D), sumXX by form, active pairs.
 * These are counted in full blocks only, and not here.
 */
export function flatten(form: Form, s: Statistics): Vector {
  const flat = [s.sampleWeight, s.logLikelihood, ...s.nk, ...s.sumX.flat()];
  if (form === TIED) {
    const d = s.sumX[0].length;
    const total = zeroMatrix(d, d);
    for (const matrix of s.sumXX) {
      for (let i = 0; i < d; i++) for (let j = 0; j < d; j++) total[i][j] += matrix[i][j];
    }
    return [...flat, ...lowerTriangle(total), 0];
  }
  for (const matrix of s.sumXX) {
    const diagonal = matrix.map((row, i) => row[i]);
    if (form === FULL) flat.push(...lowerTriangle(matrix));
    else if (form === DIAG) flat.push(...diagonal);
    else flat.push(diagonal.reduce((sum, value) => sum + value, 0));
  }
  flat.push(0);
  return flat;
}

/** Elements on and below the diagonal, row by row. */
export function lowerTriangle(matrix: Rows): Vector {
  return matrix.flatMap((row, i) => row.slice(0, i + 1));
}

/** The M-step on flat statistics. Empty components keep mean and covariance (their scatter stays in a tied one). */
export function mStep(
  mixture: Mixture,
  statistics: Vector,
  regularization: Vector,
  minimumCount: number,
): { mixture: Mixture; status: Vector; empty: number } {
  const { form } = mixture;
  const k = mixture.means.length;
  const d = mixture.means[0].length;
  const total = statistics[0];
  const nk = statistics.slice(2, 2 + k);
  const sumX = mixture.means.map((_, component) =>
    statistics.slice(2 + k + component * d, 2 + k + (component + 1) * d),
  );
  const sumXX = statistics.slice(2 + k + k * d, -1);
  const status: Vector = nk.map((count) => (count > minimumCount ? 0 : 1));
  const weights = nk.map((count) => count / total);
  const delta = sumX.map((sum, component) =>
    sum.map((value) => (status[component] ? 0 : value / nk[component])),
  );
  const means = mixture.means.map((mean, component) => mean.map((value, j) => value + delta[component][j]));
  const covariances = [...mixture.covariances];
  if (form === TIED) {
    for (let i = 0; i < d; i++) {
      for (let j = 0; j <= i; j++) {
        let value = sumXX[triangle(i) + j];
        for (let component = 0; component < k; component++) {
          value -= status[component] ? 0 : nk[component] * delta[component][i] * delta[component][j];
        }
        value = value / total + (i === j ? regularization[i] : 0);
        covariances[i * d + j] = value;
        covariances[j * d + i] = value;
      }
    }
  }
  for (let component = 0; component < k; component++) {
    if (status[component] || form === TIED) continue;
    const m = delta[component];
    if (form === SPHERICAL) {
      let value = sumXX[component] / nk[component];
      for (let j = 0; j < d; j++) value += regularization[j] - m[j] ** 2;
      covariances[component] = value / d;
    }
    for (let i = 0; i < d && form === DIAG; i++) {
      covariances[component * d + i] =
        sumXX[component * d + i] / nk[component] - m[i] ** 2 + regularization[i];
    }
    for (let i = 0; i < d && form === FULL; i++) {
      for (let j = 0; j <= i; j++) {
        let value = sumXX[component * triangle(d) + triangle(i) + j] / nk[component] - m[i] * m[j];
        if (i === j) value += regularization[i];
        covariances[(component * d + i) * d + j] = value;
        covariances[(component * d + j) * d + i] = value;
      }
    }
  }
  return {
    mixture: { form, weights, means, covariances },
    status,
    empty: status.reduce((sum, value) => sum + value, 0),
  };
}

/** Elements of a packed lower triangle of n rows. */
export function triangle(n: number): number {
  return (n * (n + 1)) / 2;
}

/** Per component 0, or 1 + j where feature j is the first whose pivot or variance is not above the floor. */
export function prepareStatus(mixture: Mixture, floor?: Vector): Vector {
  return mixture.means.map((mean, component) => {
    if (mixture.form === FULL || mixture.form === TIED) {
      return cholesky(covarianceMatrix(mixture, component), floor).failed;
    }
    for (let j = 0; j < (mixture.form === DIAG ? mean.length : 1); j++) {
      const variance = mixture.covariances[mixture.form === DIAG ? component * mean.length + j : component];
      if (!(variance > (floor ? floor[j] : 0) && variance < Infinity)) return 1 + j;
    }
    return 0;
  });
}

// -------------------------------------------------------------------------------------------- rows and blocks

/** [panel][feature][8] of rows; the last panel is filled up with copies of the last row. */
export function pack(x: Rows): Vector {
  const panels: Vector = [];
  for (let start = 0; start < x.length; start += 8) {
    for (let feature = 0; feature < x[0].length; feature++) {
      for (let lane = 0; lane < 8; lane++) panels.push(x[Math.min(start + lane, x.length - 1)][feature]);
    }
  }
  return panels;
}

/** Element by element sum. */
export function merge(target: Vector, source: Vector): Vector {
  return target.map((value, i) => value + source[i]);
}

/**
 * The fixed order in which the statistics of blocks first ... first + count - 1 meet: the largest power of two that
 * is less than count on the left, the rest on the right.
 */
export function mergeTree(parts: Vector[], first: number = 0, count: number = parts.length): Vector {
  if (count === 1) return parts[first];
  let left = 1;
  while (2 * left < count) left *= 2;
  return merge(mergeTree(parts, first, left), mergeTree(parts, first + left, count - left));
}

// ---------------------------------------------------------------------------------------------------- k-means

export function squaredDistance(x: Vector, centre: Vector): number {
  let sum = 0;
  for (let j = 0; j < x.length; j++) sum += (x[j] - centre[j]) ** 2;
  return sum;
}

/** The smaller of each row's earlier distance and its distance to a further centre, and their weighted sum. */
export function kmeansDistances(
  x: Rows,
  centre: Vector,
  earlier?: Vector,
  sampleWeight?: Vector,
): { distances: Vector; sum: number } {
  const distances = x.map((row, i) =>
    Math.min(earlier ? earlier[i] : Infinity, squaredDistance(row, centre)),
  );
  const sum = distances.reduce((all, value, i) => all + (sampleWeight ? sampleWeight[i] : 1) * value, 0);
  return { distances, sum };
}

/** The first row at which the running sum of weight times distance exceeds `target`; else the last that counts. */
export function kmeansSample(distances: Vector, target: number, sampleWeight?: Vector): number {
  let sum = 0;
  let last = -1;
  for (let row = 0; row < distances.length; row++) {
    const term = (sampleWeight ? sampleWeight[row] : 1) * distances[row];
    if (term > 0) last = row;
    sum += term;
    if (sum > target) return row;
  }
  return last;
}

/** Joins (a, b) of clusters named by their lowest rows, cheapest first: every pair tried at every step. */
export function agglomerate(
  x: Rows,
  model: 'EII' | 'VVV',
  weights: Vector = x.map(() => 1),
): [number, number][] {
  const d = x[0].length;
  const f = (rows: number[]): number => {
    const weight = rows.reduce((sum, i) => sum + weights[i], 0);
    const mean = x[0].map((_, j) => rows.reduce((sum, i) => sum + weights[i] * x[i][j], 0) / weight);
    const scatter = zeroMatrix(d, d).map((row, p) =>
      row.map((_, q) =>
        rows.reduce((sum, i) => sum + weights[i] * (x[i][p] - mean[p]) * (x[i][q] - mean[q]), 0),
      ),
    );
    if (model === 'EII') return scatter.reduce((sum, row, j) => sum + row[j], 0);
    const regular = scatter.map((row, p) => row.map((w, q) => (w + (p === q ? 3 * 0.1 : 0)) / (weight + 3)));
    return weight * cholesky(regular).factor.reduce((sum, row, j) => sum + 2 * Math.log(row[j]), 0);
  };
  let groups = x.map((_, i) => [i]);
  const merges: [number, number][] = [];
  while (groups.length > 1) {
    let [best, first, second] = [Infinity, 0, 0];
    for (let b = 1; b < groups.length; b++) {
      for (let a = 0; a < b; a++) {
        const cost = f([...groups[a], ...groups[b]]) - f(groups[a]) - f(groups[b]);
        if (cost < best) [best, first, second] = [cost, a, b];
      }
    }
    merges.push([groups[first][0], groups[second][0]]);
    groups[first] = [...groups[first], ...groups[second]];
    groups = groups.filter((_, i) => i !== second);
  }
  return merges;
}

/** Nearest centre of each row (the lowest number among equals), with sums and counts per centre. */
export function kmeansAssign(
  x: Rows,
  centres: Rows,
  sampleWeight?: Vector,
): { labels: Vector; distances: Vector; sums: Rows; counts: Vector } {
  const sums = zeroMatrix(centres.length, centres[0].length);
  const counts = zeros(centres.length);
  const labels: Vector = [];
  const distances: Vector = [];
  x.forEach((row, i) => {
    const all = centres.map((centre) => squaredDistance(row, centre));
    const label = all.indexOf(Math.min(...all));
    const weight = sampleWeight ? sampleWeight[i] : 1;
    labels.push(label);
    distances.push(all[label]);
    counts[label] += weight;
    for (let j = 0; j < row.length; j++) sums[label][j] += weight * row[j];
  });
  return { labels, distances, sums, counts };
}
