// Standard errors of a mixture's parameters from the data alone, without refitting.
// Must not simulate: bootstrap.ts does.
import { type GaussianMixture, GaussmixRangeError, Matrix, type MatrixLike } from 'gaussmix';
import { cholesky, inverseFromFactor } from '../cholesky.ts';
import { checkModel, readRows } from './arguments.ts';

/** One number for each parameter of a mixture, in the parameter's own units. */
export interface ParameterErrors {
  /** K */
  readonly weights: Float64Array;
  /** K x D */
  readonly means: Matrix;
  /** K of D x D; 0 for elements that the covariance type fixes at 0. */
  readonly covariances: readonly Matrix[];
}

/** {@link ParameterErrors} and the covariance matrix they come from. */
export interface StandardErrors extends ParameterErrors {
  /**
   * Covariances of the estimates (P x P, P the model's `nParameters`). Order: weights 0 to K - 2 (the last one follows),
   * means by component and feature, covariances by component (tied: once): full and tied the lower triangle by rows,
   * diag the variances by feature, spherical the variance.
   */
  readonly covariance: Matrix;
}

/**
 * Large-sample standard errors from the empirical observed information, I = sum_i s_i s_i^T, where s_i is the gradient of
 * ln p(x_i) with respect to the free parameters (McLachlan and Peel 2000, "Finite Mixture Models", section 2.15.3; Louis
 * 1982): the covariance of the estimates is I^-1. One pass, no refits, no labels to switch. It holds for maximum-likelihood
 * fits with many rows per parameter; with few rows, components that overlap much, or regularization that matters, use
 * `bootstrap`, which Basford, Greenway, McLachlan and Peel (1997) found more reliable there.
 *
 * Covariance types full, tied, diag and spherical. Those of mclust's other models depend on each other in ways that have no
 * elements of their own: use `bootstrap`.
 *
 * @param model fitted to `data` to convergence
 * @param data N x D, the rows it was fitted to, each of weight 1
 * @throws GaussmixError as `predictProba` for the data; DEGENERATE_DATA where they do not determine all parameters (fewer rows
 * than parameters, a component of weight 0). O(N P^2), P parameters
 * @example
 * import { GaussianMixture } from 'gaussmix';
 * import { standardErrors } from 'gaussmix/inference';
 * const data = GaussianMixture.fromParameters({ weights: [1], means: [[5]], covariances: [[4]] }).sample(400, { seed: 1 }).data;
 * const model = GaussianMixture.fit(data, { nComponents: 1 });
 * console.log(standardErrors(model, data).means.toArray()); // about sqrt(4 / 400) = 0.1
 */
export function standardErrors(model: GaussianMixture, data: MatrixLike): StandardErrors {
  checkModel('standardErrors', 'model', model);
  checkElements(model.covarianceType);
  const { nComponents: k, nFeatures: d, nParameters: p } = model;
  const rows = readRows(data, d, model.featureNames);
  const resp = model.predictProba(rows).data;
  const scores = new Scores(model);
  const information = new Float64Array(p * p);
  const score = new Float64Array(p);
  for (let row = 0; row < rows.shape[0]; row++) {
    scores.write(rows.data.subarray(row * d, (row + 1) * d), resp.subarray(row * k, (row + 1) * k), score);
    for (let i = 0; i < p; i++) {
      const value = score[i];
      if (value === 0) continue;
      for (let j = 0; j <= i; j++) information[i * p + j] += value * score[j];
    }
  }
  const failed = cholesky(information, p);
  if (failed >= 0) {
    throw new GaussmixRangeError(
      'DEGENERATE_DATA',
      `standardErrors: these ${rows.shape[0]} rows do not determine the ${p} parameters (${scores.name(failed)} does not ` +
        'move the likelihood by itself): use more rows, fewer components, a simpler covariance type, or bootstrap',
    );
  }
  const covariance = inverseFromFactor(information, p);
  return { ...scores.errors(covariance), covariance: new Matrix(covariance, [p, p]) };
}

/** Covariance types whose free parameters are elements of the matrices. */
const ELEMENTWISE: readonly string[] = ['full', 'tied', 'diag', 'spherical'];

function checkElements(covarianceType: string): void {
  if (ELEMENTWISE.includes(covarianceType)) return;
  throw new GaussmixRangeError(
    'INVALID_OPTION',
    `standardErrors: not available for covarianceType '${covarianceType}', only for ${ELEMENTWISE.join(', ')}: use bootstrap`,
  );
}

/** Where the parameters of a model stand in a vector, and the gradient of a row's log-density by them. */
class Scores {
  readonly #model: GaussianMixture;
  /** Inverses of the covariances (K of D x D). */
  readonly #precisions: readonly Float64Array[];
  /** Free elements [i, j], i >= j, of one covariance matrix; spherical: [0, 0], which stands for all the diagonal. */
  readonly #elements: readonly (readonly [number, number])[];
  readonly #shared: boolean;
  readonly #centred: Float64Array;

  constructor(model: GaussianMixture) {
    const { nFeatures: d, covarianceType, covariances } = model;
    this.#model = model;
    this.#precisions = covariances.map(({ data }) => {
      const factor = data.slice();
      cholesky(factor, d);
      return inverseFromFactor(factor, d);
    });
    this.#shared = covarianceType === 'tied';
    const all = Array.from({ length: d }, (_, i) =>
      Array.from({ length: i + 1 }, (_, j) => [i, j] as const),
    ).flat();
    this.#elements =
      covarianceType === 'spherical'
        ? [[0, 0]]
        : covarianceType === 'diag'
          ? all.filter(([i, j]) => i === j)
          : all;
    this.#centred = new Float64Array(d);
  }

  /** The gradient of ln p(x) at a row x (D) with responsibilities resp (K). */
  write(x: Float64Array, resp: Float64Array, score: Float64Array): void {
    const { nComponents: k, nFeatures: d, weights, means, covarianceType } = this.#model;
    score.fill(0);
    const last = resp[k - 1] / weights[k - 1];
    for (let component = 0; component < k; component++) {
      const r = resp[component];
      if (component < k - 1) score[component] = r / weights[component] - last;
      // A row far from a component says nothing of it, and its distance may overflow.
      if (r === 0) continue;
      const precision = this.#precisions[component];
      // C^-1 (x - m)
      const pull = this.#centred;
      for (let i = 0; i < d; i++) {
        let sum = 0;
        for (let j = 0; j < d; j++) sum += precision[i * d + j] * (x[j] - means.data[component * d + j]);
        pull[i] = sum;
        score[this.#mean(component) + i] = r * sum;
      }
      const at = this.#covariance(component);
      if (covarianceType === 'spherical') {
        for (let i = 0; i < d; i++) score[at] += 0.5 * r * (pull[i] * pull[i] - precision[i * d + i]);
        continue;
      }
      this.#elements.forEach(([i, j], element) => {
        const slope = 0.5 * r * (pull[i] * pull[j] - precision[i * d + j]);
        // An element off the diagonal stands twice in the matrix.
        score[at + element] += i === j ? slope : 2 * slope;
      });
    }
  }

  /** Square roots of the diagonal of a covariance matrix of the estimates (P x P), in the shape of the parameters. */
  errors(covariance: Float64Array): ParameterErrors {
    const { nComponents: k, nFeatures: d, nParameters: p, covarianceType } = this.#model;
    const deviation = (i: number): number => Math.sqrt(covariance[i * (p + 1)]);
    const weights = Float64Array.from({ length: k }, (_, i) => (i < k - 1 ? deviation(i) : 0));
    // The last weight is 1 - the others.
    let sum = 0;
    for (let i = 0; i < k - 1; i++) for (let j = 0; j < k - 1; j++) sum += covariance[i * p + j];
    weights[k - 1] = Math.sqrt(Math.max(0, sum));
    const means = Float64Array.from({ length: k * d }, (_, i) => deviation(this.#mean(0) + i));
    const covariances = Array.from({ length: k }, (_, component) => {
      const matrix = new Float64Array(d * d);
      const at = this.#covariance(component);
      this.#elements.forEach(([i, j], element) => {
        matrix[i * d + j] = deviation(at + element);
        matrix[j * d + i] = matrix[i * d + j];
      });
      if (covarianceType === 'spherical') for (let i = 1; i < d; i++) matrix[i * (d + 1)] = matrix[0];
      return new Matrix(matrix, [d, d]);
    });
    return { weights, means: new Matrix(means, [k, d]), covariances };
  }

  /** A parameter in words. */
  name(index: number): string {
    const { nComponents: k, nFeatures: d } = this.#model;
    if (index < k - 1) return `weight ${index}`;
    const place = index - this.#mean(0);
    if (place < k * d) return `mean of feature ${place % d} of component ${Math.floor(place / d)}`;
    const element = index - this.#covariance(0);
    const [i, j] = this.#elements[element % this.#elements.length];
    const whose = this.#shared ? '' : ` of component ${Math.floor(element / this.#elements.length)}`;
    return `covariance element [${i}][${j}]${whose}`;
  }

  #mean(component: number): number {
    const { nComponents: k, nFeatures: d } = this.#model;
    return k - 1 + component * d;
  }

  #covariance(component: number): number {
    const { nComponents: k } = this.#model;
    return this.#mean(k) + (this.#shared ? 0 : component * this.#elements.length);
  }
}
