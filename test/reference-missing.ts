// EM for mixtures of rows with missing values, slow and obvious: row by row, one small matrix per row and component, no factor is kept.
// Must not import the library or the binary. NaN marks what is missing; the M-step is that of reference-kernel.ts.
import {
  cholesky,
  covarianceMatrix,
  flatten,
  invert,
  logDensityFactor,
  logSumExp,
  type Mixture,
  mStep,
  multiply,
  type Rows,
  type Statistics,
  transpose,
  type Vector,
  zeroMatrix,
  zeros,
} from './reference-kernel.ts';

/** Features that a row has, and those that it lacks. */
function split(row: Vector): { observed: number[]; missing: number[] } {
  const all = [...row.keys()];
  return {
    observed: all.filter((j) => !Number.isNaN(row[j])),
    missing: all.filter((j) => Number.isNaN(row[j])),
  };
}

/** Some rows and columns of a matrix. */
function part(matrix: Rows, rows: number[], columns: number[]): Rows {
  return rows.map((i) => columns.map((j) => matrix[i][j]));
}

/** ln weight + ln N(x_o | m_o, C_oo) of each component. */
export function weightedLogProb(mixture: Mixture, row: Vector): Vector {
  const { observed } = split(row);
  return mixture.means.map((mean, component) => {
    const covariance = part(covarianceMatrix(mixture, component), observed, observed);
    const { factor } = cholesky(covariance);
    const x = observed.map((j) => row[j]);
    return (
      Math.log(mixture.weights[component]) +
      logDensityFactor(
        x,
        observed.map((j) => mean[j]),
        factor,
      )
    );
  });
}

/** The mean of a row given what is observed, m_m + C_mo C_oo^-1 (x_o - m_o), and the covariance C_mm - C_mo C_oo^-1 C_om, zeros elsewhere. */
export function complete(
  mixture: Mixture,
  component: number,
  row: Vector,
): { mean: Vector; covariance: Rows } {
  const { observed, missing } = split(row);
  const d = row.length;
  const m = mixture.means[component];
  const c = covarianceMatrix(mixture, component);
  const mean = [...row];
  const covariance = zeroMatrix(d, d);
  if (missing.length === 0) return { mean, covariance };
  const regression =
    observed.length === 0
      ? missing.map(() => [])
      : multiply(part(c, missing, observed), invert(part(c, observed, observed)));
  missing.forEach((j, i) => {
    mean[j] = m[j];
    observed.forEach((o, t) => {
      mean[j] += regression[i][t] * (row[o] - m[o]);
    });
  });
  const explained =
    observed.length === 0
      ? zeroMatrix(missing.length, missing.length)
      : multiply(regression, transpose(part(c, missing, observed)));
  missing.forEach((a, i) => {
    missing.forEach((b, j) => {
      covariance[a][b] = c[a][b] - explained[i][j];
    });
  });
  return { mean, covariance };
}

/** E-step and expected statistics about the mixture's means. */
export function accumulateMissing(mixture: Mixture, x: Rows, sampleWeight?: Vector): Statistics {
  const { means } = mixture;
  const [k, d] = [means.length, means[0].length];
  const result: Statistics = {
    sampleWeight: 0,
    logLikelihood: 0,
    nk: zeros(k),
    sumX: zeroMatrix(k, d),
    sumXX: means.map(() => zeroMatrix(d, d)),
  };
  x.forEach((row, i) => {
    const weight = sampleWeight ? sampleWeight[i] : 1;
    const logProb = weightedLogProb(mixture, row);
    const norm = logSumExp(logProb);
    result.sampleWeight += weight;
    if (weight > 0) result.logLikelihood += weight * norm;
    for (let component = 0; component < k; component++) {
      const r = weight * Math.exp(logProb[component] - norm);
      const { mean, covariance } = complete(mixture, component, row);
      const z = mean.map((value, j) => value - means[component][j]);
      result.nk[component] += r;
      for (let a = 0; a < d; a++) {
        result.sumX[component][a] += r * z[a];
        for (let b = 0; b < d; b++) result.sumXX[component][a][b] += r * (z[a] * z[b] + covariance[a][b]);
      }
    }
  });
  return result;
}

/** So many iterations of EM; the mean log-likelihood before each, and at the end. */
export function fitMissing(
  start: Mixture,
  x: Rows,
  iterations: number,
  sampleWeight?: Vector,
): { mixture: Mixture; history: Vector } {
  let mixture = start;
  const history: Vector = [];
  for (let i = 0; ; i++) {
    const statistics = accumulateMissing(mixture, x, sampleWeight);
    history.push(statistics.logLikelihood / statistics.sampleWeight);
    if (i === iterations) return { mixture, history };
    mixture = mStep(mixture, flatten(mixture.form, statistics), zeros(x[0].length), 0).mixture;
  }
}

/** The row with its missing values replaced by their means under the mixture. */
export function impute(mixture: Mixture, row: Vector): Vector {
  const logProb = weightedLogProb(mixture, row);
  const norm = logSumExp(logProb);
  const result = zeros(row.length);
  for (let component = 0; component < logProb.length; component++) {
    const { mean } = complete(mixture, component, row);
    mean.forEach((value, j) => {
      result[j] += Math.exp(logProb[component] - norm) * value;
    });
  }
  return row.map((value, j) => (Number.isNaN(value) ? result[j] : value));
}
