// The fitted mixture that users hold: immutable parameters, and everything that can be asked of them.
// Must not iterate EM (fit.ts) nor check parameters itself (parameters.ts).

import {
  type CovarianceModel,
  type CovarianceType,
  canonicalCovarianceType,
  formOf,
} from './covariance-models.ts';
import { type Criteria, criteriaOf, finished, type RowSums, sumRows } from './criteria.ts';
import { GaussmixRangeError, GaussmixTypeError } from './errors.ts';
import { type AsyncSettings, type Fitted, fitRows, fitRowsAsync } from './fit.ts';
import { BLOCK, type Kernel, withKernel } from './kernel.ts';
import { Matrix, type MatrixLike } from './matrix.ts';
import { completeRows, dataSource, missingDoubles, rowsWithMissing } from './missing.ts';
import { type ModelJSON, readModel, writeModel } from './model-json.ts';
import { checkKnownNames } from './option-errors.ts';
import {
  type AliasedFitOptions,
  type AsyncIterationCallback,
  type CriteriaOptions,
  type DataOptions,
  type FitOptions,
  type ImputeOptions,
  validateCriteriaOptions,
  validateDataOptions,
  validateFitOptions,
  validateImputeOptions,
} from './options.ts';
import {
  checkMeans,
  checkModel,
  checkSymmetric,
  checkWeights,
  countParameters,
  expandCovariances,
  KernelMixture,
  type ModelParameters,
  narrowCovariances,
  notPositiveDefinite,
} from './parameters.ts';
import {
  checkFeatures,
  checkValues,
  conditionalParameters,
  marginalParameters,
  otherFeatures,
} from './partition.ts';
import {
  accumulateAll,
  blockCount,
  blockRows,
  PassingRows,
  StatisticsStack,
  statisticsCount,
} from './passes.ts';
import type { RowSource } from './row-source.ts';
import { sampleMixture } from './sample.ts';
import { CHECKPOINT_OPTIONS, type CheckpointOptions, savingOf } from './saving.ts';
import { describeValue } from './value-rules.ts';

/** What {@link GaussianMixture.fromParameters} takes: K weights, means (K, D), K covariances (D x D each). */
export interface MixtureParameters {
  readonly weights: ArrayLike<number>;
  readonly means: MatrixLike;
  readonly covariances: readonly (ArrayLike<number> | Matrix | readonly (readonly number[])[])[];
  readonly covarianceType?: CovarianceType;
}

/** What of an `AbortSignal` is used; declared so that a project without the DOM's types compiles. */
export interface AbortSignalLike {
  throwIfAborted(): void;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** Where and how long {@link GaussianMixture.fitAsync} runs. */
export interface AsyncOptions {
  /** Aborting it rejects the fit with its reason and ends the workers. */
  readonly signal?: AbortSignalLike;
  /** Milliseconds after which the current iteration is the last: the model so far is returned, not converged. */
  readonly timeLimitMs?: number;
  /** Worker threads; as many as the machine runs at once by default, never more than blocks of 4,096 rows. 0: none. */
  readonly workers?: number;
  /** Address of `gaussmix/worker.js`, for pages whose content security policy forbids workers from `blob:`. */
  readonly workerScript?: string | { readonly href: string };
}

/** Names of {@link AsyncOptions}. */
export const ASYNC_OPTIONS: readonly string[] = ['signal', 'timeLimitMs', 'workers', 'workerScript'];
type ColumnNames = Pick<RowSource, 'columnNames' | 'leftOut'>;

/** Options of `fitAsync`: those of `fit`, but `onIteration` may return a promise. */
export type WithWaiting<T> = T extends unknown
  ? Omit<T, 'onIteration'> & { readonly onIteration?: AsyncIterationCallback | undefined }
  : never;

/** Held by this file alone: no user can construct a model unchecked. */
const CONSTRUCT: unique symbol = Symbol('construct');

/** @throws GaussmixTypeError INVALID_OPTION */
export function checkAsyncOptions(options: AsyncOptions): AsyncSettings {
  const { signal, timeLimitMs, workers, workerScript } = options;
  const refuse = (name: string, value: unknown, allowed: string): GaussmixTypeError =>
    new GaussmixTypeError('INVALID_OPTION', `${name} is ${describeValue(value)}; it must be ${allowed}`);
  if (signal !== undefined && typeof signal?.throwIfAborted !== 'function') {
    throw refuse('signal', signal, 'an AbortSignal');
  }
  if (timeLimitMs !== undefined && !(typeof timeLimitMs === 'number' && timeLimitMs >= 0)) {
    throw refuse('timeLimitMs', timeLimitMs, 'a number of milliseconds >= 0');
  }
  if (workers !== undefined && !(Number.isSafeInteger(workers) && workers >= 0 && workers <= 1024)) {
    throw refuse('workers', workers, 'an integer from 0 to 1024');
  }
  if (
    workerScript !== undefined &&
    typeof workerScript !== 'string' &&
    typeof workerScript?.href !== 'string'
  ) {
    throw refuse('workerScript', workerScript, 'an address (string or URL)');
  }
  const script = typeof workerScript === 'object' ? workerScript.href : workerScript;
  return { signal, timeLimitMs, workers, workerScript: script };
}

/** For the files of this library: a model of parameters that a fit has estimated. */
export let modelOf: (
  parameters: ModelParameters,
  record: Fitted | undefined,
  names: ColumnNames,
) => GaussianMixture;

/** For the files of this library: the parameters themselves, not the copies that a user may have written into. */
export let parametersOf: (model: GaussianMixture) => ModelParameters;

/** For the files of this library: data that is to be read under a model, its columns checked. */
export let sourceFor: (model: GaussianMixture, data: MatrixLike, options?: DataOptions) => RowSource;

/** Options whose start, when it is a model, is that model's own parameters: what a user wrote into it is not. */
export let withOwnStart: <T extends Pick<FitOptions, 'initialization'>>(options: T) => T;

/**
 * A Gaussian mixture, p(x) = sum_k weights_k N(x | means_k, covariances_k): immutable, made by {@link GaussianMixture.fit},
 * {@link GaussianMixture.fromParameters} or {@link GaussianMixture.fromJSON}. N samples, D features, K components.
 */
export class GaussianMixture {
  readonly nComponents: number;
  readonly nFeatures: number;
  readonly covarianceType: CovarianceModel;
  /** Mixture weights (K), summing to one. */
  readonly weights: Float64Array;
  /** Means (K x D), in the units of the data. */
  readonly means: Matrix;
  /** Free parameters: K - 1 weights, K D means, and those of the covariance type. */
  readonly nParameters: number;
  /** How the fit went; absent on a model made from parameters. */
  declare readonly fitted?: Fitted;
  /** Names of the columns fitted, where the data had names (an Arrow table, a file with a header). */
  declare readonly featureNames?: readonly string[];
  readonly #parameters: ModelParameters;
  /** Made when first asked for: D x D each, whatever the type. */
  readonly #expanded: { covariances?: readonly Matrix[] } = {};

  private constructor(
    token: typeof CONSTRUCT,
    parameters: ModelParameters,
    fitted?: Fitted,
    source?: ColumnNames,
  ) {
    if (token !== CONSTRUCT) {
      throw new GaussmixTypeError(
        'INVALID_PARAMETERS',
        'a GaussianMixture is made by GaussianMixture.fit, fromParameters or fromJSON, not by new',
      );
    }
    const weights = withoutNegativeZeros(parameters.weights);
    const means = withoutNegativeZeros(parameters.means);
    const covariances = withoutNegativeZeros(parameters.covariances);
    this.#parameters = { ...parameters, weights, means, covariances };
    this.nComponents = parameters.k;
    this.nFeatures = parameters.d;
    this.covarianceType = parameters.model;
    // Copies: writing into what a user holds must not change what the model computes.
    this.weights = weights.slice();
    this.means = new Matrix(means.slice(), [parameters.k, parameters.d]);
    this.nParameters = countParameters(parameters.model, parameters.k, parameters.d);
    if (fitted) {
      const warnings = [...fitted.warnings];
      if (source?.leftOut?.length)
        warnings.push(`columns that are not numeric were left out: ${source.leftOut.join(', ')}`);
      this.fitted = Object.freeze({ ...fitted, warnings: Object.freeze(warnings) });
    }
    if (source?.columnNames) this.featureNames = Object.freeze([...source.columnNames]);
    Object.freeze(this);
  }

  /**
   * Fits a mixture by expectation-maximisation (Dempster, Laird and Rubin 1977), synchronously.
   *
   * E-step: r_ik = w_k N(x_i | m_k, C_k) / sum_j w_j N(x_i | m_j, C_j), in logs. M-step: n_k = sum_i r_ik, w_k = n_k / n,
   * m_k = sum_i r_ik x_i / n_k, C_k = sum_i r_ik (x_i - m_k)(x_i - m_k)^T / n_k + regularisation. Until the mean
   * log-likelihood changes by less than `tolerance`. O(N K D^2) per iteration (diag, spherical: O(N K D)); memory: one
   * copy of the data. Same data, options and seed: same bits, on every machine.
   *
   * @param data N x D, see {@link MatrixLike}
   * @param options `nComponents` is required; see {@link FitOptions}
   * @throws GaussmixError with a `code`: MISSING_VALUE, INVALID_VALUE, INVALID_SHAPE, INVALID_DATA, TOO_FEW_ROWS for the data;
   * UNKNOWN_OPTION, INVALID_OPTION for the options; INVALID_PARAMETERS, NOT_POSITIVE_DEFINITE for a given start;
   * DEGENERATE_DATA where no covariance can be estimated; OUT_OF_MEMORY above 4 GiB
   * @example
   * import { GaussianMixture } from 'gaussmix';
   * const data = [[1.0, 2.1], [1.2, 1.9], [0.9, 2.0], [7.8, 8.1], [8.1, 7.9], [8.0, 8.3]];
   * const model = GaussianMixture.fit(data, { nComponents: 2, seed: 1 });
   * console.log(model.predict(data));
   */
  static fit(data: MatrixLike, options: FitOptions | AliasedFitOptions): GaussianMixture {
    const source = dataSource(data, options?.missing);
    const settings = validateFitOptions(withOwnStart(options), source.rows);
    const { parameters, record } = fitRows(source, settings, (soFar) => modelOf(soFar, undefined, source));
    return modelOf(parameters, record, source);
  }

  /**
   * As {@link GaussianMixture.fit}, the same bits, without holding up the calling thread: workers hold the rows between
   * them and exchange statistics only. Node's worker threads, or Web Workers in browsers.
   *
   * @param data N x D, see {@link MatrixLike}; read while the workers are filled
   * @param options those of `fit`, `signal`, `timeLimitMs`, `workers`, `workerScript`: see {@link AsyncOptions}, and
   * `onCheckpoint`, `resume`: see {@link CheckpointOptions}. When `onIteration` returns a promise, the fit waits for it (an abort does not)
   * @returns a promise of the model; rejected with the signal's reason on abort
   * @throws (rejects with) GaussmixError as `fit` does, and KERNEL_UNAVAILABLE where workers cannot be started
   * @example
   * import { GaussianMixture } from 'gaussmix';
   * const data = Float64Array.from({ length: 20000 }, (_, i) => Math.sin(i) + (i % 2) * 5);
   * const model = await GaussianMixture.fitAsync(data, { nComponents: 2, workers: 2 });
   * console.log(model.weights);
   */
  static async fitAsync(
    data: MatrixLike,
    options: WithWaiting<FitOptions | AliasedFitOptions> & AsyncOptions & CheckpointOptions,
  ): Promise<GaussianMixture> {
    const source = dataSource(data, options?.missing);
    const names = [...ASYNC_OPTIONS, ...CHECKPOINT_OPTIONS];
    const settings = validateFitOptions(withOwnStart(options), source.rows, names);
    const { parameters, record } = await fitRowsAsync(
      source,
      settings,
      (soFar) => modelOf(soFar, undefined, source),
      checkAsyncOptions(options),
      undefined,
      await savingOf(options, settings),
    );
    return modelOf(parameters, record, source);
  }

  static {
    modelOf = (parameters, record, names) => new GaussianMixture(CONSTRUCT, parameters, record, names);
    parametersOf = (model) => model.#parameters;
    sourceFor = (model, data, options) => model.#source(data, options);
    withOwnStart = (options) => {
      const start = options?.initialization;
      if (!(start instanceof GaussianMixture)) return options;
      const { weights, means, k, d, model: covarianceType } = start.#parameters;
      const covariances = expandCovariances(start.#parameters);
      const initialization = { weights, means: new Matrix(means, [k, d]), covariances, covarianceType };
      return { ...options, initialization };
    };
  }

  /**
   * A mixture from parameters found elsewhere.
   *
   * @param p weights (K, summing to one to 1e-6), means (K x D), covariances (K of D x D, flat or Matrix), and the
   * covariance type they have, 'full' by default
   * @throws GaussmixError INVALID_PARAMETERS or NOT_POSITIVE_DEFINITE, naming the component and element
   * @example
   * import { GaussianMixture } from 'gaussmix';
   * const model = GaussianMixture.fromParameters({
   *   weights: [0.3, 0.7],
   *   means: [[0, 0], [5, 5]],
   *   covariances: [[1, 0, 0, 1], [2, 0.5, 0.5, 1]],
   * });
   * console.log(model.score([[0, 0], [5, 5]]));
   */
  static fromParameters(p: MixtureParameters): GaussianMixture {
    if (p === null || typeof p !== 'object') {
      throw new GaussmixTypeError(
        'INVALID_PARAMETERS',
        'fromParameters needs { weights, means, covariances }',
      );
    }
    if ('format' in p) {
      throw new GaussmixTypeError(
        'INVALID_PARAMETERS',
        'this is a saved model: read it with GaussianMixture.fromJSON',
      );
    }
    if (p instanceof GaussianMixture) return GaussianMixture.fromJSON(p.toJSON());
    checkKnownNames(p, ['weights', 'means', 'covariances', 'covarianceType'], 'fromParameters');
    const parameters = checkParameters(p);
    checkModel(parameters, 'covariances');
    return new GaussianMixture(CONSTRUCT, parameters);
  }

  /**
   * A model as {@link GaussianMixture.toJSON} made it, checked. The parameters keep every bit.
   *
   * @param json the parsed object (not its text)
   * @throws GaussmixError INVALID_MODEL when it is no saved model, of another version, or incomplete;
   * INVALID_PARAMETERS or NOT_POSITIVE_DEFINITE when its numbers are no mixture
   * @example
   * import { GaussianMixture } from 'gaussmix';
   * const model = GaussianMixture.fit([1, 1.1, 0.9, 5, 5.2, 4.9], { nComponents: 2 });
   * const copy = GaussianMixture.fromJSON(JSON.parse(JSON.stringify(model)));
   * console.log(copy.score([1, 5]) === model.score([1, 5]));
   */
  static fromJSON(json: unknown): GaussianMixture {
    const { parameters, fitted, featureNames } = readModel(json);
    const names = featureNames && { columnNames: featureNames };
    return new GaussianMixture(CONSTRUCT, checkParameters(parameters), fitted, names);
  }

  /** Covariances, K of D x D whatever the covariance type. */
  get covariances(): readonly Matrix[] {
    this.#expanded.covariances ??= Object.freeze(expandCovariances(this.#parameters));
    return this.#expanded.covariances;
  }

  /** The saved model, for `JSON.stringify`: doubles survive the way through text bit for bit. */
  toJSON(): ModelJSON {
    return writeModel(this.#parameters, expandCovariances(this.#parameters), this.fitted, this.featureNames);
  }

  /**
   * Log-density of each row under the mixture, log p(x_i).
   * @param data N x D
   * @returns N numbers, in nats
   * @throws GaussmixError for data that is no N x D matrix of finite numbers
   */
  scoreSamples(data: MatrixLike, options?: DataOptions): Float64Array {
    const source = this.#source(data, options);
    const result = new Float64Array(source.rows);
    this.#eachBlock(source, { norm: true }, (kernel, first, count, { norm }) => {
      result.set(kernel.view(norm, count), first);
    });
    return result;
  }

  /**
   * Mean log-density per row, in nats: the mean of {@link scoreSamples}, summed along the blocks as a fit sums it.
   * @param data N x D
   * @throws GaussmixError for data that is no N x D matrix of finite numbers
   */
  score(data: MatrixLike, options?: DataOptions): number {
    const source = this.#source(data, options);
    return this.#withMixture(source, 0, (kernel, mixture, rows) => {
      const stack = new StatisticsStack(kernel, statisticsCount(mixture), blockCount(rows.rows));
      const statistics = accumulateAll(mixture, rows, stack, true) / 8;
      return kernel.f64[statistics + 1] / kernel.f64[statistics];
    });
  }

  /**
   * The most probable component of each row, the argmax of {@link predictProba} (the lowest number among equals).
   * @param data N x D
   * @returns N component numbers, from 0
   * @throws GaussmixError for data that is no N x D matrix of finite numbers
   */
  predict(data: MatrixLike, options?: DataOptions): Int32Array {
    const source = this.#source(data, options);
    const labels = new Int32Array(source.rows);
    const k = this.nComponents;
    this.#eachBlock(source, { resp: true }, (kernel, first, count, { resp }) => {
      const values = kernel.view(resp, count * k);
      for (let i = 0; i < count; i++) {
        let best = 0;
        for (let component = 1; component < k; component++) {
          if (values[i * k + component] > values[i * k + best]) best = component;
        }
        labels[first + i] = best;
      }
    });
    return labels;
  }

  /**
   * Responsibilities: the probability of each component given the row. Rows sum to one.
   * @param data N x D
   * @returns N x K
   * @throws GaussmixError for data that is no N x D matrix of finite numbers
   */
  predictProba(data: MatrixLike, options?: DataOptions): Matrix {
    const source = this.#source(data, options);
    const k = this.nComponents;
    const result = new Matrix(new Float64Array(source.rows * k), [source.rows, k]);
    this.#eachBlock(source, { resp: true }, (kernel, first, count, { resp }) => {
      result.data.set(kernel.view(resp, count * k), first * k);
    });
    return result;
  }

  /**
   * How uncertain each row's component is: 1 - max_k r_ik, from 0 (certain) to 1 - 1/K (Bensmail, Celeux, Raftery and
   * Robert 1997). Added up from the other responsibilities, so that it keeps its digits where it is small.
   * @param data N x D
   * @returns N probabilities that {@link predict} names the wrong component, if the model is right
   * @throws GaussmixError for data that is no N x D matrix of finite numbers
   * @example
   * import { GaussianMixture } from 'gaussmix';
   * const model = GaussianMixture.fromParameters({ weights: [0.5, 0.5], means: [[0], [4]], covariances: [[1], [1]] });
   * console.log(model.uncertainty([[0], [2], [4]])); // 0.0003…, 0.5, 0.0003…
   */
  uncertainty(data: MatrixLike, options?: DataOptions): Float64Array {
    const source = this.#source(data, options);
    const result = new Float64Array(source.rows);
    const k = this.nComponents;
    this.#eachBlock(source, { resp: true }, (kernel, first, count, { resp }) => {
      const values = kernel.view(resp, count * k);
      for (let i = 0; i < count; i++) {
        let largest = values[i * k];
        let others = 0;
        for (let component = 1; component < k; component++) {
          const value = values[i * k + component];
          others += Math.min(value, largest);
          largest = Math.max(value, largest);
        }
        result[first + i] = others;
      }
    });
    return result;
  }

  /**
   * The distribution of some features alone: the mixture of the same weights, of their means and their rows and columns
   * of the covariances. Covariance types full, tied, diag and spherical stay; what other models ask of the components
   * together is not kept, so that the result is of the narrowest of these four that holds it.
   *
   * @param features feature numbers from 0, at least one, none twice; the result's features are these, in this order
   * @returns a mixture of `features.length` features, without `fitted`
   * @throws GaussmixError INVALID_OPTION naming the position in `features`
   * @example
   * import { GaussianMixture } from 'gaussmix';
   * const model = GaussianMixture.fromParameters({ weights: [1], means: [[1, 2]], covariances: [[1, 0.5, 0.5, 3]] });
   * console.log(model.marginal([1]).covariances[0].toArray()); // [ [ 3 ] ]
   */
  marginal(features: readonly number[]): GaussianMixture {
    const kept = checkFeatures('marginal', features, this.nFeatures, false);
    const parameters = marginalParameters(this.#parameters, kept);
    return this.#derived(checkFactors(parameters, 'marginal: covariances'), kept);
  }

  /**
   * The distribution of the other features given values of some: the mixture of each component's conditional normal
   * distribution, m_b + C_ba C_aa^-1 (x_a - m_a) with covariance C_bb - C_ba C_aa^-1 C_ab, weighted by the
   * responsibilities of x_a under {@link marginal}. Covariance types are kept as by `marginal`. For many rows at once:
   * `regress` of gaussmix/inference.
   *
   * Values however far from the model give a proper mixture: far out, all weight goes to the component that reaches
   * furthest there.
   *
   * @param features feature numbers from 0, none twice, at least one and not all
   * @param values one finite number per feature given, in the units of the data
   * @returns a mixture of the other features in their order, without `fitted`. O(K D^3)
   * @throws GaussmixError INVALID_OPTION, INVALID_SHAPE, INVALID_VALUE naming the position; NOT_POSITIVE_DEFINITE where a
   * feature follows from the others but for rounding
   * @example
   * import { GaussianMixture } from 'gaussmix';
   * const model = GaussianMixture.fromParameters({ weights: [1], means: [[0, 0]], covariances: [[1, 0.5, 0.5, 1]] });
   * const given = model.conditional([0], [2]);
   * console.log(given.means.toArray(), given.covariances[0].toArray()); // [ [ 1 ] ] [ [ 0.75 ] ]
   */
  conditional(features: readonly number[], values: readonly number[]): GaussianMixture {
    const given = checkFeatures('conditional', features, this.nFeatures, true);
    const known = checkValues('conditional', values, given);
    const weights = this.marginal(given).predictProba([known]).data;
    const parameters = conditionalParameters(this.#parameters, given, known, weights);
    const others = otherFeatures(given, this.nFeatures);
    return this.#derived(checkFactors(parameters, 'conditional: covariances'), others);
  }

  /** A mixture of some of the features, with their names. */
  #derived(parameters: ModelParameters, features: readonly number[]): GaussianMixture {
    const { featureNames } = this;
    const names = featureNames && { columnNames: features.map((feature) => featureNames[feature]) };
    return new GaussianMixture(CONSTRUCT, parameters, undefined, names);
  }

  /**
   * Mahalanobis distance of each row to each component, sqrt((x - m_k)^T C_k^-1 (x - m_k)); not squared.
   * @param data N x D; where values are missing, the distance is that of the observed ones
   * @returns N x K, in standard deviations
   * @throws GaussmixError for data that is no N x D matrix of finite numbers
   */
  mahalanobis(data: MatrixLike, options?: DataOptions): Matrix {
    const source = this.#source(data, options);
    const k = this.nComponents;
    const result = new Matrix(new Float64Array(source.rows * k), [source.rows, k]);
    this.#eachBlock(source, { logProb: true, plain: true }, (kernel, first, count, { logProb }) => {
      const values = kernel.view(logProb, count * k);
      // With constants of zero the kernel's value is -1/2 of the squared distance.
      for (let i = 0; i < count * k; i++) result.data[first * k + i] = Math.sqrt(Math.max(0, -2 * values[i]));
    });
    return result;
  }

  /**
   * The rows with their missing values (NaN, null, undefined) replaced by their means given the observed values of the row: over the
   * components, sum_k r_k (m_k + C_mo C_oo^-1 (x_o - m_o)), with r the responsibilities of the observed values. Observed values stay as they
   * are, to the bit. One value for each that is missing understates how uncertain it is: variances and correlations of completed
   * rows are not those of the mixture, which a fit with `missing: 'marginalize'` estimates without bias.
   * @param data N x D; a row must have at least one value
   * @returns N x D without missing values. O(N K D^2), and O(K D^3) per pattern of missing values
   * @throws GaussmixError for data that is no N x D matrix of finite or missing numbers; UNKNOWN_OPTION, INVALID_OPTION
   * @example
   * import { GaussianMixture } from 'gaussmix';
   * const model = GaussianMixture.fromParameters({ weights: [1], means: [[0, 0]], covariances: [[1, 0.5, 0.5, 1]] });
   * console.log(model.impute([[2, NaN], [1, 3]]).toArray()); // [ [ 2, 1 ], [ 1, 3 ] ]
   */
  impute(data: MatrixLike, options?: ImputeOptions): Matrix {
    validateImputeOptions(options);
    const source = this.#source(data, { missing: 'marginalize' });
    const d = this.nFeatures;
    const result = new Matrix(new Float64Array(source.rows * d), [source.rows, d]);
    this.#eachBlock(source, { completed: true }, (kernel, first, count, { completed }) => {
      result.data.set(kernel.view(completed, count * d), first * d);
    });
    return result;
  }

  /**
   * Random rows from the mixture, in random order, with the component each came from.
   * @param n how many, an integer >= 0
   * @param options seed (0): same seed, same rows on every machine
   * @throws GaussmixError INVALID_OPTION
   * @example
   * import { GaussianMixture } from 'gaussmix';
   * const model = GaussianMixture.fromParameters({ weights: [1], means: [[0, 0]], covariances: [[1, 0, 0, 4]] });
   * const { data, labels } = model.sample(3, { seed: 7 });
   * console.log(data.shape, labels);
   */
  sample(n: number, options: { readonly seed?: number } = {}): { data: Matrix; labels: Int32Array } {
    return sampleMixture(this.#parameters, n, options);
  }

  /** Akaike's criterion, -2 logL + 2 p, of these rows; lower is better. @throws as {@link score} */
  aic(data: MatrixLike, options?: DataOptions): number {
    return criteriaOf(this.#sums(this.#source(data, options), undefined, false), this.nParameters).aic;
  }

  /** Schwarz's Bayesian criterion, -2 logL + p ln N, of these rows; lower is better. @throws as {@link score} */
  bic(data: MatrixLike, options?: DataOptions): number {
    return criteriaOf(this.#sums(this.#source(data, options), undefined, false), this.nParameters).bic;
  }

  /**
   * Integrated completed likelihood, bic + 2 * entropy, entropy = -sum_ik r_ik ln r_ik (Biernacki, Celeux and Govaert
   * 2000, with responsibilities in place of hard labels); lower is better. @throws as {@link score}
   */
  icl(data: MatrixLike, options?: DataOptions): number {
    return this.criteria(data, options).icl;
  }

  /**
   * The log-likelihood of these rows and all criteria, from one pass over them. With sample weights a row of weight 2
   * counts as two rows, as in a fit: N is then the sum of the weights.
   *
   * @param data N x D
   * @param options sampleWeight: N numbers >= 0, not all 0
   * @returns total log-likelihood (nats), aic, bic, icl: without weights those of the methods of these names, bit for bit
   * @throws GaussmixError for data that is no N x D matrix of finite numbers; INVALID_OPTION for the weights
   * @example
   * import { GaussianMixture } from 'gaussmix';
   * const data = [1, 1.1, 0.9, 5, 5.2, 4.9];
   * const model = GaussianMixture.fit(data, { nComponents: 2 });
   * const { logLikelihood, bic } = model.criteria(data, { sampleWeight: [2, 1, 1, 1, 1, 1] });
   * console.log(logLikelihood, bic);
   */
  criteria(data: MatrixLike, options?: CriteriaOptions): Criteria {
    const source = this.#source(
      data,
      options?.missing === undefined ? undefined : { missing: options.missing },
    );
    const weights = validateCriteriaOptions(options, source.rows);
    return criteriaOf(this.#sums(source, weights, true), this.nParameters);
  }

  #sums(source: RowSource, weights: Float64Array | undefined, withEntropy: boolean): RowSums {
    const extra = Math.min(source.rows, BLOCK) * (2 * this.nComponents + 2);
    return this.#withMixture(source, extra, (_, mixture, rows) =>
      finished(sumRows(mixture, rows, weights, withEntropy)),
    );
  }

  #source(data: MatrixLike, options?: DataOptions): RowSource {
    validateDataOptions(options);
    const source = dataSource(data, options?.missing, { columns: this.featureNames });
    if (source.columns !== this.nFeatures) {
      const count = source.columns === 1 ? '1 column' : `${source.columns} columns`;
      const hint = source.columns === 1 ? '; a single row is [[x1, x2, ...]]' : '';
      throw new GaussmixRangeError(
        'INVALID_SHAPE',
        `data has ${count}, but the model was made for ${this.nFeatures}${hint}`,
      );
    }
    return source;
  }

  /** Parameters and factors in kernel memory, and a place for one block of rows. */
  #withMixture<T>(
    source: RowSource,
    extra: number,
    work: (kernel: Kernel, mixture: KernelMixture, rows: PassingRows) => T,
  ): T {
    const { k, d, form } = this.#parameters;
    const width = form === 'diag' || form === 'spherical' ? 4 : d + 4;
    const missing = source.missing ? missingDoubles(form, k, d, source.rows) + BLOCK * d : 0;
    const doubles = PassingRows.size(source.rows, d) + extra + 8 * k * d * width + missing;
    return withKernel(8 * doubles, (kernel) => {
      const mixture = new KernelMixture(kernel, form, k, d);
      mixture.write(this.#parameters);
      mixture.prepare();
      return work(kernel, mixture, new PassingRows(kernel, source));
    });
  }

  /** One E-step over all rows, block by block; `use` gets the addresses of what was asked for. */
  #eachBlock(
    source: RowSource,
    wanted: { resp?: boolean; logProb?: boolean; norm?: boolean; plain?: boolean; completed?: boolean },
    use: (
      kernel: Kernel,
      first: number,
      count: number,
      at: { resp: number; logProb: number; norm: number; completed: number },
    ) => void,
  ): void {
    const { k, d } = this.#parameters;
    const most = Math.min(source.rows, BLOCK);
    this.#withMixture(source, most * (2 * k + 1), (kernel, mixture, rows) => {
      const at = {
        resp: wanted.resp ? kernel.allocate(most * k) : 0,
        logProb: wanted.logProb ? kernel.allocate(most * k) : 0,
        norm: wanted.norm ? kernel.allocate(most) : 0,
        completed: wanted.completed ? kernel.allocate(most * d) : 0,
      };
      // The first K factors are the halved log constants.
      if (wanted.plain) kernel.view(mixture.factors, k).fill(0);
      const operations = rows.missing
        ? rowsWithMissing(mixture, source.rows, wanted.plain)
        : completeRows(mixture);
      for (let block = 0; block < blockCount(source.rows); block++) {
        const panels = rows.panels(block);
        const count = blockRows(source.rows, block);
        operations.eStep(panels, count, at.resp, at.logProb, at.norm, at.completed);
        use(kernel, block * BLOCK, count, at);
      }
    });
  }
}

/** A copy in which -0, which JSON does not know, is 0. */
function withoutNegativeZeros(values: Float64Array): Float64Array {
  const copy = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) copy[i] = values[i] + 0;
  return copy;
}

/** Parameters given by a user or a file, checked down to positive definiteness. */
function checkParameters(p: MixtureParameters): ModelParameters {
  const model = canonicalCovarianceType(p.covarianceType ?? 'full');
  const form = formOf(model);
  const { k, d, means } = checkMeans(p.means, 'means');
  const weights = checkWeights(p.weights, k, 'weights');
  const full = checkSymmetric(p.covariances, k, d, 'covariances');
  const covariances = narrowCovariances(form, full, k, d, 'covariances');
  return checkFactors({ model, form, k, d, weights, means, covariances }, 'covariances');
}

/** Parameters whose covariances the kernel can factorise. @throws GaussmixRangeError NOT_POSITIVE_DEFINITE otherwise */
function checkFactors(parameters: ModelParameters, name: string): ModelParameters {
  const { form, k, d } = parameters;
  const width = form === 'diag' || form === 'spherical' ? 4 : d + 4;
  withKernel(64 * k * d * width, (kernel) => {
    const mixture = new KernelMixture(kernel, form, k, d);
    mixture.write(parameters);
    if (mixture.prepare() === 0) return;
    for (let component = 0; component < k; component++) {
      const failed = mixture.statusOf(component);
      if (failed === 0) continue;
      const feature = failed - 1;
      const variance = expandCovariances(parameters)[component].data[feature * (d + 1)];
      throw notPositiveDefinite(`${name}[${component}]`, feature, variance);
    }
  });
  return parameters;
}
