// gaussmix/online: a mixture that learns from a stream of rows, by stepwise EM. An entry point of its own, on top of the library.
// Must not keep rows beyond the batch that is not full yet.
/**
 * A mixture that learns from a stream of rows.
 *
 * @module gaussmix/online
 */
import {
  type DataOptions,
  type FitOptions,
  GaussianMixture,
  Matrix,
  type MatrixLike,
  type ModelJSON,
  type Start,
} from 'gaussmix';
import { canonicalCovarianceType } from './covariance-models.ts';
import { GaussmixRangeError, GaussmixTypeError } from './errors.ts';
import { internals } from './internals.ts';
import { checkKnownNames } from './option-errors.ts';
import type { ModelParameters } from './parameters.ts';
import type { RowSource } from './row-source.ts';

/** Options of {@link OnlineGaussianMixture}. Those that a fit has too mean the same. */
export interface OnlineOptions
  extends Pick<FitOptions, 'covarianceType' | 'initialization' | 'regularization' | 'seed'> {
  /** Number of components K, an integer >= 1. Required. */
  readonly nComponents: number;
  /** Rows in each step, an integer >= 1, default 256. Larger batches: less noise and less work per row, later answers. */
  readonly batchSize?: number | undefined;
  /** Rows that the start is found in, an integer >= K; default the largest of `batchSize`, 1,000, 100 K and 10 K (D + 1). */
  readonly startRows?: number | undefined;
  /** What the step sizes fall with, (t + stepOffset)^-stepExponent: above 0.5, at most 1, default 0.6. */
  readonly stepExponent?: number | undefined;
  /** A finite number >= 0, default 2. */
  readonly stepOffset?: number | undefined;
  /** A constant step size above 0 and below 1 in place of these, to follow a stream that drifts: 1 / stepSize batches are remembered. */
  readonly stepSize?: number | undefined;
}

/** The last argument of {@link OnlineGaussianMixture.partialFit}. */
export interface PartialFitOptions {
  /** One per row, each finite and >= 0. A row of weight 2 counts as two within its batch; one of weight 0 is not seen. */
  readonly sampleWeight?: ArrayLike<number> | undefined;
}

/** A saved {@link OnlineGaussianMixture}. */
export interface OnlineJSON {
  format: 'gaussmix-online';
  version: 1;
  options: Record<string, unknown>;
  nFeatures: number;
  featureNames?: string[];
  nSamples: number;
  steps: number;
  /** Rows of the batch that is not full, row by row, and their weights. */
  waiting: { rows: number[]; weights: number[] };
  /** After the start: the mixture, and the statistics about its means, per row. */
  model?: ModelJSON;
  sums?: number[];
  warnings: string[];
}

const FORMAT = 'gaussmix-online';
const VERSION = 1;
const FIT_OPTIONS = ['nComponents', 'covarianceType', 'initialization', 'regularization', 'seed'] as const;
const OWN_OPTIONS = ['batchSize', 'startRows', 'stepExponent', 'stepOffset', 'stepSize'] as const;
/** EM iterations on the rows of the start. */
const START_ITERATIONS = 10;
/** A stream that never ends must not gather warnings without end. */
const MOST_WARNINGS = 100;

type Settings = ReturnType<typeof internals.validateFitOptions>;

/** What changes with the rows. */
interface State {
  /** Undefined: no row has come yet. */
  readonly d: number | undefined;
  readonly featureNames: readonly string[] | undefined;
  readonly nSamples: number;
  readonly steps: number;
  /** Undefined before the start. */
  readonly mixture: ModelParameters | undefined;
  /** Statistics per row about the mixture's means, as gmm_accumulate has them: exponentially weighted over the batches. */
  readonly sums: Float64Array;
  /** Rows of the batch that is not full, and their weights. */
  readonly rows: Float64Array;
  readonly weights: Float64Array;
  readonly waiting: number;
  readonly warnings: readonly string[];
}

/**
 * A Gaussian mixture that learns from rows as they come, in memory that does not grow with their number. N rows, D features, K
 * components.
 *
 * Stepwise EM (Cappé and Moulines 2009, "On-line expectation-maximization algorithm for latent data models"): statistics of each batch
 * of rows under the current mixture, s_t, enter the running ones by s <- (1 - g_t) s + g_t s_t, g_t = (t + stepOffset)^-stepExponent;
 * then an M-step. The first `startRows` rows give the start: a fit of ten iterations. Statistics are about the current means, and move with
 * them exactly. Same rows, options and seed: same bits, however the rows are cut into calls.
 *
 * @example
 * import { GaussianMixture } from 'gaussmix';
 * import { OnlineGaussianMixture } from 'gaussmix/online';
 * const truth = GaussianMixture.fromParameters({ weights: [0.3, 0.7], means: [[0], [6]], covariances: [[1], [2]] });
 * const online = new OnlineGaussianMixture({ nComponents: 2 });
 * for (let piece = 0; piece < 20; piece++) online.partialFit(truth.sample(1000, { seed: piece }).data);
 * console.log(online.nSamples, online.model.means.toArray());
 */
export class OnlineGaussianMixture {
  readonly #settings: Settings;
  /** Features of a given start. */
  readonly #startFeatures: number | undefined;
  readonly #own: {
    readonly batchSize: number;
    readonly startRows: number | undefined;
    readonly stepExponent: number;
    readonly stepOffset: number;
    readonly stepSize: number | undefined;
  };
  #state: State = {
    d: undefined,
    featureNames: undefined,
    nSamples: 0,
    steps: 0,
    mixture: undefined,
    sums: new Float64Array(),
    rows: new Float64Array(),
    weights: new Float64Array(),
    waiting: 0,
    warnings: [],
  };
  #model: GaussianMixture | undefined;

  /** @throws GaussmixError UNKNOWN_OPTION, INVALID_OPTION; INVALID_PARAMETERS, NOT_POSITIVE_DEFINITE for a given start */
  constructor(options: OnlineOptions) {
    if (typeof options !== 'object' || options === null) {
      throw new GaussmixTypeError('INVALID_OPTION', 'options must be an object: nComponents is required');
    }
    // No option here, but one of most methods: what it asks for is refused by what it means, not by its name.
    const { missing, ...named } = options as OnlineOptions & DataOptions;
    checkKnownNames(named, [...FIT_OPTIONS, ...OWN_OPTIONS], 'OnlineGaussianMixture');
    // Its other names in a fit are none here, so that the message of a fit would be wrong.
    if (options.nComponents === undefined) {
      throw new GaussmixTypeError(
        'INVALID_OPTION',
        'nComponents is required: the number of components, an integer >= 1',
      );
    }
    const forFit = Object.fromEntries(FIT_OPTIONS.map((name) => [name, options[name]]));
    const settings = internals.validateFitOptions({ ...forFit, missing }, Number.MAX_SAFE_INTEGER);
    if (settings.missing === 'marginalize') {
      throw new GaussmixRangeError(
        'INVALID_OPTION',
        "missing is 'marginalize', but a mixture that learns from a stream takes complete rows only: leave out or fill rows with " +
          'missing values, or fit all rows with fitStream',
      );
    }
    // A copy: it is used later, and must be then what it is now.
    const initialization = plainStart(settings.initialization);
    this.#startFeatures =
      typeof initialization === 'string' ? undefined : checkStart(initialization, settings.nComponents);
    this.#settings = { ...settings, initialization };
    const { batchSize = 256, startRows, stepExponent = 0.6, stepOffset = 2, stepSize } = options;
    const { nComponents } = this.#settings;
    check('batchSize', batchSize, isCountFrom(1, batchSize), 'an integer >= 1');
    const enough = startRows === undefined || isCountFrom(nComponents, startRows);
    check('startRows', startRows, enough, `an integer >= nComponents, ${nComponents}`);
    const exponent = Number.isFinite(stepExponent) && stepExponent > 0.5 && stepExponent <= 1;
    check('stepExponent', stepExponent, exponent, 'a number above 0.5 and at most 1');
    const offset = Number.isFinite(stepOffset) && stepOffset >= 0;
    check('stepOffset', stepOffset, offset, 'a finite number >= 0');
    const size = stepSize === undefined || (Number.isFinite(stepSize) && stepSize > 0 && stepSize < 1);
    check('stepSize', stepSize, size, 'a number above 0 and below 1');
    const twice = stepSize !== undefined && (options.stepExponent ?? options.stepOffset) !== undefined;
    check('stepSize', stepSize, !twice, 'left out where stepExponent or stepOffset is given');
    this.#own = { batchSize, startRows, stepExponent, stepOffset, stepSize };
  }

  /** Rows seen, those that wait for their batch included; rows of weight 0 are not. */
  get nSamples(): number {
    return this.#state.nSamples;
  }

  /** Steps since the start: batches that have entered the mixture. */
  get steps(): number {
    return this.#state.steps;
  }

  /** Rows that wait until their batch (before the start: the rows of the start) is full. */
  get waiting(): number {
    return this.#state.waiting;
  }

  /** What had to be repaired, one sentence each, each once. */
  get warnings(): readonly string[] {
    return this.#state.warnings;
  }

  /**
   * The mixture after the last full batch, without `fitted`: a model like any other, not changed by later rows.
   * @throws GaussmixRangeError TOO_FEW_ROWS before the start
   */
  get model(): GaussianMixture {
    const { mixture, featureNames, waiting, d } = this.#state;
    if (mixture === undefined) {
      const needed = d === undefined ? this.#own.startRows : this.#startRows(d);
      const missing =
        needed === undefined
          ? 'none has come yet'
          : `${needed - waiting} of ${needed} are missing (startRows)`;
      throw new GaussmixRangeError(
        'TOO_FEW_ROWS',
        `there is no mixture before the rows of its start are there: ${missing}`,
      );
    }
    this.#model ??= internals.modelOf(mixture, undefined, {
      ...(featureNames && { columnNames: featureNames }),
    });
    return this.#model;
  }

  /**
   * Takes rows in: those of full batches change the mixture, the rest waits. After an error everything is as before the call.
   * @param data rows x D, see {@link MatrixLike}; D as in the first call
   * @returns this
   * @throws GaussmixError for data that is no matrix of finite numbers with D columns, for options; INVALID_PARAMETERS where a given start has
   * other columns; DEGENERATE_DATA where the rows of the start have no spread
   */
  partialFit(data: MatrixLike, options: PartialFitOptions = {}): this {
    const source = internals.toRowSource(data, { columns: this.#state.featureNames });
    checkKnownNames(options, ['sampleWeight'], 'partialFit');
    const weights = internals.checkSampleWeight(options.sampleWeight, source.rows, 0);
    const { d = source.columns } = this.#state;
    if (source.columns !== d) {
      throw new GaussmixRangeError(
        'INVALID_SHAPE',
        `data has ${source.columns} columns, but the rows before had ${d}`,
      );
    }
    if (this.#startFeatures !== undefined && this.#startFeatures !== d) {
      const { nComponents: k } = this.#settings;
      throw new GaussmixRangeError(
        'INVALID_PARAMETERS',
        `initialization.means is ${k} x ${this.#startFeatures}; with nComponents ${k} and ${d} columns of data it must be ${k} x ${d}`,
      );
    }
    let state: State = {
      ...this.#state,
      d,
      featureNames:
        this.#state.featureNames ?? (this.#state.d === undefined ? source.columnNames : undefined),
    };
    for (let start = 0; start < source.rows; ) {
      const full = state.mixture === undefined ? this.#startRows(d) : this.#own.batchSize;
      const count = Math.min(full - state.waiting, source.rows - start);
      state = withRows(state, d, source, start, count, weights);
      if (state.waiting === full)
        state = state.mixture === undefined ? this.#start(state, d) : this.#step(state, d);
      start += count;
    }
    if (state.mixture !== this.#state.mixture) this.#model = undefined;
    this.#state = state;
    return this;
  }

  #startRows(d: number): number {
    const { nComponents: k } = this.#settings;
    return this.#own.startRows ?? Math.max(this.#own.batchSize, 1000, 100 * k, 10 * k * (d + 1));
  }

  /** The rows that wait become the start. */
  #start(state: State, d: number): State {
    const { nComponents, covarianceType, initialization, regularization, seed } = this.#settings;
    const rows = { data: state.rows.subarray(0, state.waiting * d), shape: [state.waiting, d] };
    const weights = weightsOf(state);
    const start = GaussianMixture.fit(rows, {
      nComponents,
      covarianceType,
      initialization,
      regularization,
      seed,
      sampleWeight: weights,
      maxIterations: START_ITERATIONS,
    });
    const parameters = internals.parametersOf(start);
    return this.#maximized({ ...state, mixture: parameters }, perRow(parameters, state, d), d);
  }

  /** The rows that wait enter the running statistics. */
  #step(state: State, d: number): State {
    const steps = state.steps + 1;
    const size = this.#own.stepSize ?? power(steps + this.#own.stepOffset, -this.#own.stepExponent);
    const batch = perRow(state.mixture as ModelParameters, state, d);
    const sums = state.sums.map((sum, i) => (1 - size) * sum + size * batch[i]);
    return this.#maximized({ ...state, steps }, sums, d);
  }

  /** M-step; the statistics move to the new means. */
  #maximized(state: State, sums: Float64Array, d: number): State {
    const reference = state.mixture as ModelParameters;
    const { featureNames } = state;
    const rows = Math.min(state.nSamples, internals.BLOCK);
    const outcome = internals.stepFrom({ reference, featureNames, rows, sums }, this.#settings);
    const mixture = outcome.parameters;
    const shift = mixture.means.map((mean, i) => mean - reference.means[i]);
    internals.recentre(sums, shift, mixture.form, mixture.k, d);
    const warnings = new Set([...state.warnings, ...outcome.warnings]);
    // New arrays: an error later in the same call goes back to rows that waited in these.
    const empty = { rows: new Float64Array(), weights: new Float64Array(), waiting: 0 };
    return { ...state, ...empty, mixture, sums, warnings: [...warnings].slice(0, MOST_WARNINGS) };
  }

  /**
   * All that is known, for `JSON.stringify`: going on from it gives the same bits, rows that wait included. The options are those given, a
   * start as `initialization` too.
   */
  toJSON(): OnlineJSON {
    const {
      d = 0,
      featureNames,
      nSamples,
      steps,
      mixture,
      sums,
      rows,
      weights,
      waiting,
      warnings,
    } = this.#state;
    const { nComponents, covarianceType, initialization, regularization, seed } = this.#settings;
    const { stepExponent, stepOffset, stepSize, ...sizes } = this.#own;
    const step = stepSize === undefined ? { stepExponent, stepOffset } : { stepSize };
    return {
      format: FORMAT,
      version: VERSION,
      options: {
        nComponents,
        covarianceType,
        initialization,
        regularization,
        seed,
        ...sizes,
        ...step,
      },
      nFeatures: d,
      ...(featureNames && { featureNames: [...featureNames] }),
      nSamples,
      steps,
      waiting: {
        rows: Array.from(rows.subarray(0, waiting * d)),
        weights: Array.from(weights.subarray(0, waiting)),
      },
      ...(mixture && { model: this.model.toJSON(), sums: Array.from(sums) }),
      warnings: [...warnings],
    };
  }

  /**
   * The mixture as {@link OnlineGaussianMixture.toJSON} saved it, checked.
   * @param json the parsed object (not its text)
   * @throws GaussmixError INVALID_MODEL when it is none, of another version, or inconsistent
   * @example
   * import { OnlineGaussianMixture } from 'gaussmix/online';
   * const online = new OnlineGaussianMixture({ nComponents: 1, startRows: 4, batchSize: 2 }).partialFit([1, 2, 3, 4, 5]);
   * const copy = OnlineGaussianMixture.fromJSON(JSON.parse(JSON.stringify(online)));
   * console.log(copy.waiting, copy.partialFit([6]).steps); // 1 1
   */
  static fromJSON(json: unknown): OnlineGaussianMixture {
    const given = (typeof json === 'object' ? json : undefined) as Partial<OnlineJSON> | null | undefined;
    if (given?.format !== FORMAT) throw invalid(`an object with "format": "${FORMAT}" is expected`);
    if (given.version !== VERSION)
      throw invalid(`it has version ${given.version}; this library reads version ${VERSION}`);
    let online: OnlineGaussianMixture;
    try {
      online = new OnlineGaussianMixture(given.options as unknown as OnlineOptions);
    } catch (error) {
      throw invalid((error as Error).message);
    }
    online.#restore(given);
    return online;
  }

  #restore(json: Partial<OnlineJSON>): void {
    const { nFeatures: d, nSamples, steps, featureNames, warnings } = json;
    if (!isCountFrom(0, d) || !isCountFrom(0, nSamples) || !isCountFrom(0, steps)) {
      throw invalid('nFeatures, nSamples and steps must be integers >= 0');
    }
    if (d === 0) {
      if (nSamples > 0 || json.model !== undefined) throw invalid('nFeatures is 0');
      return;
    }
    if (this.#startFeatures !== undefined && this.#startFeatures !== d) {
      throw invalid(`nFeatures is ${d}, but the start has ${this.#startFeatures}`);
    }
    const isNames = featureNames === undefined || (isTexts(featureNames) && featureNames.length === d);
    if (!isNames || !isTexts(warnings)) throw invalid('featureNames and warnings must be texts');
    const weights = numbers(json.waiting?.weights, 'waiting.weights');
    const waiting = weights.length;
    const rows = numbers(json.waiting?.rows, 'waiting.rows', waiting * d);
    if (!weights.every((weight) => weight > 0) || waiting > nSamples)
      throw invalid('waiting.weights do not fit');
    const full = json.model === undefined ? this.#startRows(d) : this.#own.batchSize;
    if (waiting >= full) throw invalid(`${waiting} rows wait, but a batch has ${full}`);
    let [mixture, sums]: [ModelParameters | undefined, Float64Array] = [undefined, new Float64Array()];
    if (json.model !== undefined) [mixture, sums] = this.#restoreMixture(json, d);
    else if (waiting !== nSamples || steps > 0) throw invalid('there are steps, but no model');
    this.#state = { d, featureNames, nSamples, steps, mixture, sums, rows, weights, waiting, warnings };
  }

  #restoreMixture(json: Partial<OnlineJSON>, d: number): [ModelParameters, Float64Array] {
    try {
      const mixture = internals.parametersOf(GaussianMixture.fromJSON(json.model));
      const { form, k } = mixture;
      const { nComponents, covarianceType } = this.#settings;
      if (mixture.d !== d || k !== nComponents || mixture.model !== covarianceType) {
        throw invalid('the model is not of these options');
      }
      const sums = numbers(json.sums, 'sums', internals.sumsLength(form, k, d));
      internals.checkSums(sums, form, k, d);
      return [mixture, sums];
    } catch (error) {
      throw (error as { code?: string }).code === 'INVALID_MODEL' ? error : invalid((error as Error).message);
    }
  }
}

/**
 * The state with more rows waiting; those of weight 0 are left out. They are written behind those that wait, where the state before, to which
 * an error goes back, does not look.
 */
function withRows(
  state: State,
  d: number,
  source: RowSource,
  start: number,
  count: number,
  sampleWeight: Float64Array | undefined,
): State {
  let { waiting } = state;
  const rows = withRoom(state.rows, (waiting + count) * d);
  const weights = withRoom(state.weights, waiting + count);
  source.read(start, count, rows.subarray(waiting * d, (waiting + count) * d));
  for (let row = 0, from = waiting; row < count; row++, from++) {
    const weight = sampleWeight ? sampleWeight[start + row] : 1;
    if (weight === 0) continue;
    if (from !== waiting) rows.copyWithin(waiting * d, from * d, (from + 1) * d);
    weights[waiting++] = weight;
  }
  return { ...state, rows, weights, waiting, nSamples: state.nSamples + waiting - state.waiting };
}

/** The same array where it is long enough, else a copy at least twice as long. */
function withRoom(values: Float64Array, length: number): Float64Array {
  if (length <= values.length) return values;
  const copy = new Float64Array(Math.max(length, 2 * values.length));
  copy.set(values);
  return copy;
}

/** Statistics of the rows that wait, divided by their weight. */
function perRow(reference: ModelParameters, { rows, weights, waiting }: State, d: number): Float64Array {
  const source = internals.toRowSource({ data: rows.subarray(0, waiting * d), shape: [waiting, d] });
  const { total } = internals.sumsOf(reference, source, weightsOf({ weights, waiting }), 0);
  return total.map((sum) => sum / total[0]);
}

/** Of the rows that wait; undefined where all are 1. */
function weightsOf({ weights, waiting }: Pick<State, 'weights' | 'waiting'>): Float64Array | undefined {
  const own = weights.subarray(0, waiting);
  return own.every((weight) => weight === 1) ? undefined : own;
}

/** base^exponent by the kernel's functions, the same bits on every engine. */
function power(base: number, exponent: number): number {
  return internals.withKernel(64, (kernel) => {
    const place = kernel.allocate(1);
    const { gmm_log, gmm_exp } = kernel.exports;
    kernel.f64[place / 8] = base;
    gmm_log(place, place, 1);
    kernel.f64[place / 8] *= exponent;
    gmm_exp(place, place, 1);
    return kernel.f64[place / 8];
  });
}

/** A copy of any start, as plain arrays. @throws GaussmixRangeError INVALID_PARAMETERS */
function plainStart(start: Settings['initialization']): Settings['initialization'] {
  if (typeof start === 'string') return start;
  const own: Start = start instanceof GaussianMixture ? start.toJSON() : start;
  const { weights, means, covariances, precisions, covarianceType } = own;
  const matrices = (given: typeof covariances) =>
    given?.map((matrix) =>
      isFlat(matrix) ? Array.from(matrix) : Matrix.from(matrix as MatrixLike).toArray(),
    );
  try {
    return {
      weights: weights && Array.from(weights),
      means: Matrix.from(means).toArray(),
      covariances: matrices(covariances),
      precisions: matrices(precisions),
      covarianceType,
    };
  } catch (error) {
    throw new GaussmixRangeError('INVALID_PARAMETERS', `initialization: ${(error as Error).message}`);
  }
}

/**
 * Checks all of a start that a fit would refuse, but its number of features, long before there are rows to fit. Gives that number.
 * @throws GaussmixError INVALID_PARAMETERS, NOT_POSITIVE_DEFINITE
 */
function checkStart(start: Start, k: number): number {
  const { means, weights, covariances, precisions, covarianceType } = start;
  const name = 'initialization';
  if (covarianceType !== undefined) canonicalCovarianceType(covarianceType, `${name}.covarianceType`);
  const { k: given, d } = internals.checkMeans(means, `${name}.means`);
  if (given !== k) {
    throw new GaussmixRangeError(
      'INVALID_PARAMETERS',
      `${name}.means is ${given} x ${d}; with nComponents ${k} it must be ${k} x ${d}`,
    );
  }
  if (weights !== undefined) internals.checkWeights(weights, k, `${name}.weights`);
  if (covariances !== undefined && precisions !== undefined) {
    throw new GaussmixRangeError(
      'INVALID_PARAMETERS',
      `${name} has both covariances and precisions: give one of them`,
    );
  }
  if (covariances !== undefined) {
    const label = `${name}.covariances`;
    internals.checkPositiveDefinite(internals.checkSymmetric(covariances, k, d, label), k, d, label);
  } else if (precisions !== undefined) {
    const label = `${name}.precisions`;
    internals.invertAll(internals.checkSymmetric(precisions, k, d, label), k, d, label);
  }
  return d;
}

function isFlat(matrix: unknown): matrix is ArrayLike<number> {
  return ArrayBuffer.isView(matrix) || (Array.isArray(matrix) && typeof matrix[0] === 'number');
}

function isCountFrom(least: number, value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least;
}

function check(name: string, value: unknown, isAllowed: boolean, allowed: string): void {
  if (isAllowed) return;
  const given = typeof value === 'string' ? `'${value}'` : String(value);
  throw new GaussmixRangeError('INVALID_OPTION', `${name} is ${given}, but must be ${allowed}`);
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}

function numbers(value: unknown, name: string, length?: number): Float64Array {
  const isNumbers = Array.isArray(value) && value.every((entry) => Number.isFinite(entry));
  if (!isNumbers || (length !== undefined && value.length !== length)) {
    throw invalid(`${name} must be an array of ${length ?? ''} finite numbers`);
  }
  return Float64Array.from(value);
}

function invalid(what: string): GaussmixTypeError {
  return new GaussmixTypeError('INVALID_MODEL', `this is no saved OnlineGaussianMixture: ${what}`);
}
