// The conjugate prior of means and covariances: what it adds to an M-step, and its log-density.
// Must not see rows, nor decide when covariances are brought to a model: the estimator does.

import { type CovarianceModel, formOf, lettersOf } from './covariance-models.ts';
import { GaussmixRangeError } from './errors.ts';
import type { WholeData } from './estimator.ts';
import type { Kernel } from './kernel.ts';
import type { PriorSettings } from './options.ts';
import { checkPositiveDefinite, checkSymmetric, type KernelMixture } from './parameters.ts';
import type { Asking } from './passes.ts';

/** The prior of a fit: hyperparameters as they were used, in a form that can be given as `prior` again. */
export interface UsedPrior {
  readonly shrinkage: number;
  /** D */
  readonly mean: readonly number[];
  readonly degreesOfFreedom: number;
  /** D x D */
  readonly scale: readonly (readonly number[])[];
}

/**
 * Source: Fraley and Raftery 2007. With kappa the shrinkage and m the mean of the prior, up to a constant
 *
 *   log p(means, covariances) = -1/2 sum_k [(1 + e) ln |C_k| + tr(C_k^-1 (Lambda + kappa (m_k - m)(m_k - m)^T))]
 *
 * inverse Wishart: e = nu + D + 1 and Lambda the scale. Along the axes (an inverse gamma for each variance): e = nu + 2 and Lambda
 * = diag(scale). Spherical (one inverse gamma): e = (nu + 2) / D and Lambda = I tr(scale) / D^2. Models with one covariance
 * (EII, EEI, EEE; equal volumes of one feature) have one prior for it: e and Lambda divided by K in each of the K terms.
 *
 * Whatever the model, the M-step maximises sum_k a_k (ln |C_k| + tr(C_k^-1 S_k)) with a minus sign, a_k = n_k + 1 + e: the objective of
 * gmm_constrain with a_k for weights. So every model's M-step is exact.
 */
export class ConjugatePrior {
  readonly used: UsedPrior;
  readonly #shrinkage: number;
  readonly #mean: Float64Array;
  /** e, divided by K where one covariance is common to all. */
  readonly #exponent: number;
  /** Lambda, likewise, in the shape of one covariance of the form: D x D, D, or 1 (the mean of the diagonal). */
  readonly #scale: Float64Array;
  readonly #mixture: KernelMixture;
  /** a_k (K). */
  readonly shares: number;
  readonly #logs: number;
  /** Matrix, inverse and workspace of one covariance; 0 where covariances are diagonal. */
  readonly #matrices: number;
  readonly #total: number;

  private constructor(mixture: KernelMixture, model: CovarianceModel, used: UsedPrior, total: number) {
    const { form, k, d, kernel } = mixture;
    const { shrinkage, mean, degreesOfFreedom: nu, scale } = used;
    const letters = lettersOf(model);
    const common = form === 'tied' || /^E[EI]I$/.test(letters) || (d === 1 && letters[0] === 'E');
    const times = common ? 1 / k : 1;
    const along = form === 'diag' || form === 'spherical';
    this.used = used;
    this.#total = total;
    this.#mixture = mixture;
    this.#shrinkage = shrinkage;
    this.#mean = Float64Array.from(mean);
    this.#exponent = times * (form === 'spherical' ? (nu + 2) / d : along ? nu + 2 : nu + d + 1);
    const trace = scale.reduce((sum, row, j) => sum + row[j], 0);
    const lambda =
      form === 'spherical' ? [trace / d / d] : along ? scale.map((row, j) => row[j]) : scale.flat();
    this.#scale = Float64Array.from(lambda, (value) => times * value);
    this.shares = kernel.allocate(k);
    this.#logs = kernel.allocate(k * d);
    this.#matrices = along ? 0 : kernel.allocate(4 * d * d);
  }

  /**
   * The prior with its defaults from the data.
   * @throws GaussmixRangeError INVALID_OPTION, INVALID_PARAMETERS, NOT_POSITIVE_DEFINITE for what does not go with the data's
   * columns
   */
  static *of(
    settings: PriorSettings,
    mixture: KernelMixture,
    model: CovarianceModel,
    data: WholeData,
    total: number,
  ): Asking<ConjugatePrior> {
    const { k, d, kernel } = mixture;
    const { shrinkage, mean = data.mean, degreesOfFreedom = d + 2 } = settings;
    const form = formOf(model);
    const along = form === 'diag' || form === 'spherical';
    if (mean.length !== d) {
      throw invalid(
        `prior.mean has length ${mean.length}, but the data has ${d} columns: one number each is needed`,
      );
    }
    if (!(degreesOfFreedom > d - 1)) {
      const message = `prior.degreesOfFreedom is ${degreesOfFreedom}; with ${d} columns of data it must be > ${d - 1}`;
      throw invalid(message);
    }
    const scale = settings.scale
      ? givenScale(settings.scale, d)
      : yield* defaultScale(kernel, data, k, along, total);
    const rows = Array.from({ length: d }, (_, i) => Array.from(scale.subarray(i * d, (i + 1) * d)));
    return new ConjugatePrior(
      mixture,
      model,
      { shrinkage, mean: Array.from(mean), degreesOfFreedom, scale: rows },
      total,
    );
  }

  /**
   * What the components of a start count; of one found in the data the estimates too become those of the largest posterior.
   * @param covariances address of its covariances, if found in the data
   */
  start(weights: Float64Array, covariances: number | undefined): void {
    const shares = this.#mixture.kernel.view(this.shares, weights.length);
    shares.set(weights.map((weight) => weight * this.#total));
    if (covariances !== undefined) this.maximize(this.shares, covariances);
    else
      for (let component = 0; component < shares.length; component++) shares[component] += 1 + this.#exponent;
  }

  /**
   * Makes the estimates of gmm_m_step those of the largest posterior: weights stay, mean_k = (n_k mean_k + kappa m) / (n_k + kappa),
   * S_k = (n_k C_k + Lambda + kappa n_k / (n_k + kappa) (mean_k - m)(mean_k - m)^T) / a_k. Components without rows get the
   * prior's mode. Writes a_k. O(K D^2), tied O(K D + D^2) beyond the products.
   * @param counts address of n_k (K); may be that of the a_k
   * @param covariances address of the C_k, in the form's shape
   */
  maximize(counts: number, covariances: number): void {
    const { kernel, k, d, form, means } = this.#mixture;
    const { f64 } = kernel;
    const kappa = this.#shrinkage;
    const difference = new Float64Array(d);
    const size = this.#scale.length;
    const tied = form === 'tied';
    let sum = 0;
    for (let component = 0; component < k; component++) sum += f64[counts / 8 + component];
    if (tied) this.#scaleBy(f64, covariances / 8, sum, k);
    for (let component = 0; component < k; component++) {
      const count = f64[counts / 8 + component];
      const share = count + 1 + this.#exponent;
      f64[this.shares / 8 + component] = share;
      for (let j = 0; j < d; j++) {
        const at = means / 8 + component * d + j;
        difference[j] = f64[at] - this.#mean[j];
        f64[at] -= (kappa / (count + kappa)) * difference[j];
      }
      const at = covariances / 8 + (tied ? 0 : component * size);
      if (!tied) this.#scaleBy(f64, at, count, 1);
      this.#addSquare(f64, at, (kappa * count) / (count + kappa), difference);
      if (!tied) for (let i = 0; i < size; i++) f64[at + i] /= share;
    }
    if (!tied) return;
    const share = sum + k * (1 + this.#exponent);
    for (let i = 0; i < size; i++) f64[covariances / 8 + i] /= share;
  }

  /** One covariance becomes factor times itself plus `terms` times Lambda. */
  #scaleBy(f64: Float64Array, at: number, factor: number, terms: number): void {
    for (let i = 0; i < this.#scale.length; i++) {
      f64[at + i] = factor * f64[at + i] + terms * this.#scale[i];
    }
  }

  /** Adds factor * x x^T to one covariance, as much of it as the form has. */
  #addSquare(f64: Float64Array, at: number, factor: number, x: Float64Array): void {
    const { form, d } = this.#mixture;
    for (let i = 0; i < d; i++) {
      if (form === 'spherical') f64[at] += (factor * x[i] * x[i]) / d;
      else if (form === 'diag') f64[at + i] += factor * x[i] * x[i];
      else for (let j = 0; j < d; j++) f64[at + i * d + j] += factor * (x[i] * x[j]);
    }
  }

  /**
   * Log-density of the mixture's means and covariances, in nats, up to a constant that depends on the prior, K and D alone; minus
   * infinity where a covariance is singular. O(K D^3), diag and spherical O(K D)
   */
  logDensity(): number {
    const { kernel, k, d, form, means, covariances } = this.#mixture;
    const kappa = this.#shrinkage;
    const size = this.#scale.length;
    const { f64, exports } = kernel;
    const logs = this.#logs / 8;
    let quadratic = 0;
    for (let component = 0; component < k; component++) {
      const x = kernel.copy(means + 8 * component * d, d).map((value, j) => value - this.#mean[j]);
      if (form === 'spherical' || form === 'diag') {
        for (let j = 0; j < d; j++) {
          const i = form === 'diag' ? j : 0;
          const variance = f64[covariances / 8 + component * size + i];
          f64[logs + component * d + j] = variance;
          quadratic += (this.#scale[i] + kappa * (x[j] * x[j])) / variance;
        }
        continue;
      }
      const inverse = this.#matrices + 8 * size;
      const workspace = inverse + 8 * size;
      const at = covariances + (form === 'tied' ? 0 : 8 * component * size);
      if (form === 'full' || component === 0) {
        if (exports.gmm_invert(at, inverse, d, workspace) !== 0) return Number.NEGATIVE_INFINITY;
        exports.gmm_cholesky(at, this.#matrices, 0, d);
      }
      for (let i = 0; i < d; i++) {
        // |C| = |L|^2.
        const pivot = f64[this.#matrices / 8 + i * d + i];
        f64[logs + component * d + i] = pivot * pivot;
        for (let j = 0; j < d; j++) {
          quadratic += f64[inverse / 8 + i * d + j] * (this.#scale[i * d + j] + kappa * (x[i] * x[j]));
        }
      }
    }
    exports.gmm_log(this.#logs, this.#logs, k * d);
    let logVolumes = 0;
    for (const value of kernel.view(this.#logs, k * d)) logVolumes += value;
    return -0.5 * ((1 + this.#exponent) * logVolumes + quadratic);
  }
}

function invalid(message: string): GaussmixRangeError {
  return new GaussmixRangeError('INVALID_OPTION', message);
}

/** D x D from what was given. */
function givenScale({ rows, columns, values }: NonNullable<PriorSettings['scale']>, d: number): Float64Array {
  const matrix = new Float64Array(d * d);
  if (columns === 1 && rows === d) for (let j = 0; j < d; j++) matrix[j * d + j] = values[j];
  else if (rows === d && columns === d) matrix.set(values);
  else {
    const given = columns === 1 ? `has length ${rows}` : `is ${rows} x ${columns}`;
    throw invalid(
      `prior.scale ${given}; with ${d} columns of data it must be ${d} variances, or ${d} x ${d}`,
    );
  }
  const checked = checkSymmetric([matrix], 1, d, 'prior.scale');
  checkPositiveDefinite(checked, 1, d, 'prior.scale');
  return checked;
}

/** Covariance of the data / K^(2 / D), of n - 1 degrees of freedom as in R; where covariances lie along the axes, I times its mean variance. */
function* defaultScale(
  kernel: Kernel,
  data: WholeData,
  k: number,
  along: boolean,
  total: number,
): Asking<Float64Array> {
  const d = data.mean.length;
  const mark = kernel.mark();
  const place = kernel.allocate(d * d);
  const { gmm_log, gmm_exp, gmm_cholesky } = kernel.exports;
  const power = kernel.view(place, 1);
  power[0] = k;
  gmm_log(place, place, 1);
  power[0] *= -2 / d;
  gmm_exp(place, place, 1);
  const factor = total >= 2 ? (power[0] * total) / (total - 1) : power[0];
  if (!along) {
    const whole = (yield* data.covariance()).map((entry) => factor * entry);
    kernel.view(place, d * d).set(whole);
    const singular = gmm_cholesky(place, place, 0, d) !== 0;
    kernel.release(mark);
    if (!singular) return whole;
    // Of columns that depend on each other (as where there are no more rows than columns) the variances alone; so does mclust.
    return whole.map((_, i) => (i % (d + 1) === 0 ? factor * data.variance[i / (d + 1)] : 0));
  }
  kernel.release(mark);
  const mean = data.variance.reduce((sum, v) => sum + v, 0) / d;
  return Float64Array.from({ length: d * d }, (_, i) => (i % (d + 1) === 0 ? factor * mean : 0));
}
