// Mixture regression: the distribution of some features given the others, for many rows at once.
// Must not differ from GaussianMixture.conditional, row by row.
import { type GaussianMixture, Matrix, type MatrixLike } from 'gaussmix';
import { checkFeatures, otherFeatures, type Partition, partition, pickColumns } from '../partition.ts';
import { checkModel, readRows } from './arguments.ts';

/** What the other features are expected to be, row by row. N rows, B other features. */
export interface Regression {
  /** The features predicted, in the model's order (B). */
  readonly features: readonly number[];
  /** E(x_b | x_a) (N x B), in the units of the data. */
  readonly means: Matrix;
  /** Square roots of the variances of x_b given x_a (N x B): of single values, not of the mean. */
  readonly standardDeviations: Matrix;
  /** Responsibilities of the components given x_a (N x K). */
  readonly resp: Matrix;
  /** The covariance of x_b given x_a for one row, from 0 (B x B). */
  covariance(row: number): Matrix;
}

/**
 * Regression by a Gaussian mixture (Ghahramani and Jordan 1994; Sung 2004): mean and variance of the model's other
 * features given some of them, for many rows. Given x_a, component k has weight r_k (its responsibility under the
 * marginal mixture), mean m_k = m_kb + B_k (x_a - m_ka), B_k = C_kba C_kaa^-1, and covariance V_k = C_kbb - B_k C_kab. Then
 *
 *     mean = sum_k r_k m_k,    covariance = sum_k r_k (V_k + (m_k - mean)(m_k - mean)^T)    (law of total variance)
 *
 * A curve with several branches, or a skewed one, is summed up badly by its mean: for the whole distribution of one row
 * use `model.conditional`.
 *
 * @param model fitted to inputs and outputs together
 * @param features the inputs a: feature numbers from 0, none twice, at least one and not all
 * @param rows the inputs' values (N x number of `features`), columns in the order of `features`
 * @throws GaussmixError INVALID_OPTION naming the position in `features`; as `scoreSamples` for `rows`; NOT_POSITIVE_DEFINITE
 * where a feature follows from the others but for rounding. O(K D^3 + N K a (a + b)): each component is factorised once
 * @example
 * import { GaussianMixture } from 'gaussmix';
 * import { regress } from 'gaussmix/inference';
 * const data = Array.from({ length: 200 }, (_, i) => [i / 20, Math.abs(i / 20 - 5) + (i % 7) / 10]);
 * const model = GaussianMixture.fit(data, { nComponents: 2, seed: 1 });
 * const { means, standardDeviations } = regress(model, [0], [[1], [9]]);
 * console.log(means.toArray(), standardDeviations.toArray());
 */
export function regress(model: GaussianMixture, features: readonly number[], rows: MatrixLike): Regression {
  checkModel('regress', 'model', model);
  const { nFeatures: d, nComponents: k } = model;
  const inputs = checkFeatures('regress', features, d, true);
  const outputs = otherFeatures(inputs, d);
  const marginal = model.marginal(inputs);
  const x = readRows(rows, inputs.length, marginal.featureNames);
  const resp = marginal.predictProba(x);
  const [n, a] = x.shape;
  const b = outputs.length;
  const part = (component: number): Partition =>
    partition(model.covariances[component].data, d, inputs, outputs, `regress: component ${component}`);
  const shared = model.covarianceType === 'tied' ? part(0) : undefined;
  const parts = Array.from({ length: k }, (_, component) => shared ?? part(component));
  const known = pickColumns(model.means.data, d, inputs);
  const wanted = pickColumns(model.means.data, d, outputs);

  /** Each component's mean of the outputs (K x B) for a row. */
  const conditionalMeans = (row: number, target: Float64Array): void => {
    for (let component = 0; component < k; component++) {
      const { coefficients } = parts[component];
      for (let j = 0; j < b; j++) {
        let mean = wanted[component * b + j];
        for (let i = 0; i < a; i++) {
          mean += coefficients[j * a + i] * (x.data[row * a + i] - known[component * a + i]);
        }
        target[component * b + j] = mean;
      }
    }
  };
  /** sum_k r_k value(k) over components with a share: one without may be so far off that its value overflows. */
  const expectation = (row: number, value: (component: number) => number): number => {
    let sum = 0;
    for (let component = 0; component < k; component++) {
      const r = resp.data[row * k + component];
      if (r > 0) sum += r * value(component);
    }
    return sum;
  };

  const means = new Matrix(new Float64Array(n * b), [n, b]);
  const standardDeviations = new Matrix(new Float64Array(n * b), [n, b]);
  const byComponent = new Float64Array(k * b);
  for (let row = 0; row < n; row++) {
    conditionalMeans(row, byComponent);
    for (let j = 0; j < b; j++) {
      const mean = expectation(row, (component) => byComponent[component * b + j]);
      const variance = expectation(row, (component) => {
        const offset = byComponent[component * b + j] - mean;
        return parts[component].covariance[j * (b + 1)] + offset * offset;
      });
      means.data[row * b + j] = mean;
      standardDeviations.data[row * b + j] = Math.sqrt(variance);
    }
  }
  return {
    features: outputs,
    means,
    standardDeviations,
    resp,
    covariance(row) {
      const mean = means.row(row);
      const componentMeans = new Float64Array(k * b);
      conditionalMeans(row, componentMeans);
      const result = new Float64Array(b * b);
      for (let i = 0; i < b; i++) {
        for (let j = 0; j <= i; j++) {
          const value = expectation(row, (component) => {
            const offset = component * b;
            const product = (componentMeans[offset + i] - mean[i]) * (componentMeans[offset + j] - mean[j]);
            return parts[component].covariance[i * b + j] + product;
          });
          result[i * b + j] = value;
          result[j * b + i] = value;
        }
      }
      return new Matrix(result, [b, b]);
    },
  };
}
