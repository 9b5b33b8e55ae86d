// The options of a fit: their types and defaults, and the one place where every value is checked.
// Must not look at the data, nor into a given start.
import {
  COVARIANCE_MODELS,
  type CovarianceModel,
  type CovarianceType,
  canonicalCovarianceType,
} from './covariance-models.ts';
import { GaussmixRangeError, GaussmixTypeError } from './errors.ts';
import type { GaussianMixture } from './gaussian-mixture.ts';
import type { Matrix, MatrixLike } from './matrix.ts';
import { checkKnownNames, invalid } from './option-errors.ts';
import { toRowSource } from './row-source.ts';
import { describeValue } from './value-rules.ts';

/** The ways to find a start in the data. */
export type InitializationMethod = 'kmeans' | 'k-means++' | 'random' | 'random-from-data' | 'hierarchical';

/** Parameters to start from: K components, D features. A GaussianMixture is one too (a warm start). */
export interface Start {
  /** K, summing to one; equal when absent. */
  readonly weights?: ArrayLike<number> | undefined;
  /** K x D */
  readonly means: MatrixLike;
  /** K of D x D, flat, nested or Matrix. Without these and `precisions`: the covariance of the whole data for each. */
  readonly covariances?: readonly (ArrayLike<number> | Matrix | MatrixLike)[] | undefined;
  /** The inverses of the covariances, in their place. */
  readonly precisions?: readonly (ArrayLike<number> | Matrix | MatrixLike)[] | undefined;
  /**
   * The type that the covariances are of, as a model has it. A fit of the same type takes them as they are, so that a fit that goes on
   * from a model takes the steps of one that never ended; others are brought to the type of the fit.
   */
  readonly covarianceType?: CovarianceType | undefined;
}

/**
 * A prior of each component's mean and covariance, conjugate (normal-inverse-Wishart): mean_k ~ N(mean, C_k / shrinkage), C_k ~
 * inverse Wishart(degreesOfFreedom, scale). Defaults, and what it is for covariances along the axes, as Fraley and
 * Raftery 2007 have it ("Bayesian regularization for normal mixture estimation and model-based clustering"): about the worth of one
 * hundredth of a row for the means, and covariances that are never singular. See docs/ALGORITHM.md.
 */
export interface Prior {
  /** Rows that the prior's mean is worth (kappa), finite, > 0, default 0.01. */
  readonly shrinkage?: number | undefined;
  /** D, in the units of the data; default: the means of the columns. */
  readonly mean?: ArrayLike<number> | undefined;
  /** Finite, > D - 1, default D + 2. */
  readonly degreesOfFreedom?: number | undefined;
  /**
   * D variances, or D x D; in squared units of the data. Default: the covariance of the data (its mean variance, where covariances
   * lie along the axes), divided by K^(2 / D). Of a matrix given, models with covariances along the axes use the diagonal.
   */
  readonly scale?: ArrayLike<number> | MatrixLike | undefined;
}

/** A {@link Prior} as far as it can be checked without the data. */
export interface PriorSettings {
  readonly shrinkage: number;
  readonly mean: Float64Array | undefined;
  readonly degreesOfFreedom: number | undefined;
  /** D x 1: variances. D x D: a matrix. */
  readonly scale:
    | { readonly rows: number; readonly columns: number; readonly values: Float64Array }
    | undefined;
}

/** What an {@link IterationCallback} is told of each iteration. */
export interface Progress {
  /** Restart, from 0. */
  readonly run: number;
  /** From 1. */
  readonly iteration: number;
  /** Mean per sample at the start of the iteration, in nats. */
  readonly logLikelihood: number;
  /** With a prior, what is maximised: see {@link Fitted.logPosterior}. */
  readonly logPosterior?: number;
  /** Of what is maximised, since the iteration before; Infinity in the first. */
  readonly change: number;
  /** Milliseconds since the fit began. */
  readonly elapsedMs: number;
  /**
   * The mixture after the iteration's M-step, without `fitted`. It is made when first asked for, which has to be before
   * the callback returns (or its promise resolves); a fit that is not asked does no work for it.
   * @throws GaussmixRangeError INVALID_OPTION when it is first asked for later
   */
  readonly model: GaussianMixture;
}

// biome-ignore lint/suspicious/noConfusingVoidType: callbacks that return nothing are meant
type Continue = void | false;

/** Called after each iteration; false stops the fit. */
export type IterationCallback = (progress: Progress) => Continue;

/** As {@link IterationCallback}; the fit waits for a promise before it goes on: to pause, or to go step by step. */
export type AsyncIterationCallback = (progress: Progress) => Continue | Promise<Continue>;

/** The last argument of every method that takes data. */
export interface DataOptions {
  /**
   * What to do with missing values (NaN, null, undefined). 'error' (default) refuses them. 'marginalize': each row counts with what is observed
   * of it, exactly, as if the rest were missing at random; a row without any value is refused.
   */
  readonly missing?: 'error' | 'marginalize' | undefined;
}

/** The last argument of {@link GaussianMixture.impute}. */
export interface ImputeOptions {
  /** 'marginalize', which is how it goes without it too. */
  readonly missing?: 'marginalize' | undefined;
}

/** All options of a fit but the number of components. `undefined` stands for the default. */
export interface CommonFitOptions extends DataOptions {
  /** Shape of the covariances, default 'full'; see {@link CovarianceType}. VVV = full, EEE = tied, VVI = diag, VII = spherical. */
  readonly covarianceType?: CovarianceType | undefined;
  /**
   * Where to start, default 'kmeans'. 'kmeans': clusters of k-means; 'k-means++': its seeding alone; 'random': random
   * responsibilities; 'random-from-data': random rows as means; 'hierarchical': clusters of a model-based agglomerative tree of
   * at most 1,000 rows (restarts: k-means of these). Or given parameters, see {@link Start}.
   */
  readonly initialization?: InitializationMethod | Start | undefined;
  /** Restarts, an integer >= 1, default 1; the one with the best final log-likelihood is returned. */
  readonly nInit?: number | undefined;
  /**
   * Starts that each run chooses from, an integer >= 1, default 1: the one with the best log-likelihood after 8 iterations goes on
   * (Biernacki, Celeux and Govaert 2003). Cheap restarts, for 'k-means++' above all: random starts need more iterations to be told apart.
   */
  readonly shortRuns?: number | undefined;
  /** Most iterations of a run, an integer >= 0, default 500; 0 returns the start. Reaching it is no error. */
  readonly maxIterations?: number | undefined;
  /** A run has converged when its mean log-likelihood per sample (nats) changed by less; finite, >= 0, default 1e-5. */
  readonly tolerance?: number | undefined;
  /**
   * Added to every covariance diagonal at each M-step, which keeps it regular; default 'auto'. A finite number >= 0 is
   * in squared units of the data; 'auto' is 1e-6 of each feature's variance, so that a fit does not depend on units. With a
   * `prior` nothing is added: 'auto' is then 0, and another number is refused.
   */
  readonly regularization?: number | 'auto' | undefined;
  /**
   * A prior of means and covariances, default none: the fit then maximises log-likelihood plus log prior, which no iteration
   * lowers, and no covariance becomes singular. 'default', or an object with what differs from the defaults: see {@link Prior}.
   */
  readonly prior?: 'default' | Prior | undefined;
  /** An integer from 0 to 2^53 - 1, default 0. Same seed, data and options: same bits, on every machine. */
  readonly seed?: number | undefined;
  /** One per row (N), each finite and >= 0, not all 0; a weight of 2 means the row twice. Default: 1 each. */
  readonly sampleWeight?: ArrayLike<number> | undefined;
  /**
   * Called after each iteration. Returning false stops: the model so far is returned, `converged` false. In `fitAsync` it
   * may return a promise, which is waited for.
   */
  readonly onIteration?: IterationCallback | undefined;
}

/** Options of a fit. */
export interface FitOptions extends CommonFitOptions {
  /** Number of components K, an integer >= 1 and at most the number of rows. Required. */
  readonly nComponents: number;
  /** Another name of `nComponents`. */
  readonly k?: number | undefined;
  /** Another name of `nComponents`. */
  readonly nClusters?: number | undefined;
}

/** {@link FitOptions} with the number of components under one of its other names. */
export type AliasedFitOptions = CommonFitOptions & { readonly nComponents?: undefined } & (
    | { readonly k: number; readonly nClusters?: undefined }
    | { readonly nClusters: number; readonly k?: undefined }
  );

/** What models are compared by; lower is better. See {@link Criteria}. */
export type Criterion = 'bic' | 'aic' | 'icl';

/** Options of a selection but how it runs: those of a fit, with the grid in place of one size and shape. */
export interface SelectOptions extends Omit<CommonFitOptions, 'covarianceType'> {
  /** Numbers of components to try, integers >= 1 in any order; one given twice is tried once. Required. */
  readonly nComponents: ArrayLike<number>;
  /** Covariance types to try, default all there are; two names of the same type are one. */
  readonly covarianceTypes?: readonly CovarianceType[] | undefined;
  /** What decides, default 'bic'. */
  readonly criterion?: Criterion | undefined;
  /**
   * Whether cells go on from the solutions of cells within them too, so that none ends below one of those; default true. false:
   * each cell is a fit of its own.
   */
  readonly consistent?: boolean | undefined;
}

/** The grid of a selection, and the options that all its cells share: checked. */
export interface SelectSettings {
  readonly nComponents: readonly number[];
  readonly covarianceTypes: readonly CovarianceModel[];
  readonly criterion: Criterion;
  readonly consistent: boolean;
  /** What each cell's fit is given besides its size and shape. */
  readonly common: Omit<CommonFitOptions, 'covarianceType'>;
}

/** The last argument of {@link GaussianMixture.criteria}. */
export interface CriteriaOptions extends DataOptions {
  /** One per row (N), each finite and >= 0, not all 0; a weight of 2 means the row twice. Default: 1 each. */
  readonly sampleWeight?: ArrayLike<number> | undefined;
}

/** The last argument of {@link accumulate}. */
export interface AccumulateOptions extends DataOptions {
  /** One per row (N), each finite and >= 0; a weight of 2 means the row twice. Default: 1 each. */
  readonly sampleWeight?: ArrayLike<number> | undefined;
  /**
   * Number of the first of these rows among all rows, from 0: a multiple of 4,096. With it, statistics know which rows they are
   * of: merged in any order they give the same bits, rows counted twice and rows left out are found.
   */
  readonly firstRow?: number | undefined;
}

/** The last argument of {@link maximize}: options of a fit that an M-step has. */
export interface MaximizeOptions
  extends Pick<CommonFitOptions, 'covarianceType' | 'regularization' | 'prior'> {
  /**
   * As for a fit: a number, or 'auto' (default), 1e-6 of each feature's variance, which the statistics imply. Where values are missing that
   * variance is the one the mixture expects, not that of the observed values, as in a fit: give a number for the same result.
   */
  readonly regularization?: number | 'auto' | undefined;
  /** Told of each component that lost its rows or whose covariance had to be raised: one sentence. */
  readonly onWarning?: ((warning: string) => void) | undefined;
}

/** Options as the fit uses them: checked, and with no default left to fill in. */
export interface FitSettings {
  readonly nComponents: number;
  readonly covarianceType: CovarianceModel;
  readonly initialization: InitializationMethod | Start;
  readonly nInit: number;
  readonly shortRuns: number;
  readonly maxIterations: number;
  readonly tolerance: number;
  readonly regularization: number | 'auto';
  readonly prior: PriorSettings | undefined;
  readonly seed: number;
  /** N; undefined: all 1. */
  readonly sampleWeight: Float64Array | undefined;
  readonly missing: 'error' | 'marginalize';
  readonly onIteration: AsyncIterationCallback | undefined;
}

/** What of them an M-step needs. */
export type StepSettings = Pick<FitSettings, 'covarianceType' | 'regularization' | 'prior'>;

const COUNT_NAMES = ['nComponents', 'k', 'nClusters'] as const;

const FIT_OPTION_NAMES: readonly string[] = [
  ...COUNT_NAMES,
  'covarianceType',
  'initialization',
  'nInit',
  'shortRuns',
  'maxIterations',
  'tolerance',
  'regularization',
  'prior',
  'seed',
  'sampleWeight',
  'missing',
  'onIteration',
];

const CRITERIA: readonly Criterion[] = ['bic', 'aic', 'icl'];

const METHODS: readonly unknown[] = ['kmeans', 'k-means++', 'random', 'random-from-data', 'hierarchical'];

/** The largest square of a value. Beyond it sums of variances would overflow, and no covariance would ever be regular. */
const LARGEST_REGULARIZATION = 1e300;

/** Sample weights beyond this are refused, as data values are: sums of their products would overflow. */
const LARGEST_WEIGHT = 1e150;

/**
 * Checks the options of a fit and fills in the defaults. O(rows) with sample weights, else O(1).
 *
 * @param options as given by the user
 * @param rows number of rows of the data (N)
 * @param alsoAllowed further option names, which the caller checks
 * @throws GaussmixTypeError UNKNOWN_OPTION for a name that does not exist, INVALID_OPTION for a value of the wrong kind
 * @throws GaussmixRangeError INVALID_OPTION for a value out of range, TOO_FEW_ROWS for fewer rows than components
 */
export function validateFitOptions(
  options: object,
  rows: number,
  alsoAllowed: readonly string[] = [],
): FitSettings {
  const given = optionsObject(options, 'options', ': nComponents, the number of components, is required');
  checkKnownNames(given, [...FIT_OPTION_NAMES, ...alsoAllowed], 'fit');
  const nComponents = componentCount(given, rows);
  return {
    nComponents,
    covarianceType: canonicalCovarianceType(orDefault(given.covarianceType, 'full')),
    initialization: checkInitialization(orDefault(given.initialization, 'kmeans')),
    nInit: integer('nInit', orDefault(given.nInit, 1), 1),
    shortRuns: integer('shortRuns', orDefault(given.shortRuns, 1), 1),
    maxIterations: integer('maxIterations', orDefault(given.maxIterations, 500), 0),
    tolerance: nonNegative('tolerance', orDefault(given.tolerance, 1e-5)),
    regularization: checkRegularization(orDefault(given.regularization, 'auto'), given.prior !== undefined),
    prior: checkPrior(given.prior),
    seed: checkSeed(given.seed),
    sampleWeight: checkSampleWeight(given.sampleWeight, rows, nComponents),
    missing: checkMissing(given.missing),
    onIteration: checkCallback(given.onIteration),
  };
}

/**
 * Checks the options of a selection. What is wrong with one cell alone (more components than rows, a start of another
 * size) is not: that cell's fit says so.
 *
 * @param options as given by the user
 * @param rows number of rows of the data (N)
 * @param alsoAllowed further option names, which the caller checks
 * @throws GaussmixError UNKNOWN_OPTION, INVALID_OPTION as {@link validateFitOptions}, and for an empty grid
 */
export function validateSelectOptions(
  options: SelectOptions,
  rows: number,
  alsoAllowed: readonly string[],
): SelectSettings {
  const given = optionsObject(
    options,
    'options',
    ': nComponents, a list of numbers of components, is required',
  );
  const own = ['nComponents', 'covarianceTypes', 'criterion', 'consistent'];
  const shared = FIT_OPTION_NAMES.filter(
    (name) => name !== 'covarianceType' && !COUNT_NAMES.some((count) => count === name),
  );
  checkKnownNames(given, [...own, ...shared, ...alsoAllowed], 'selectModel');
  const common = Object.fromEntries(shared.map((name) => [name, given[name]]));
  // The smallest size there is: whatever is refused now would be refused in every cell.
  validateFitOptions({ ...common, nComponents: 1 }, rows);
  const criterion = orDefault(given.criterion, 'bic') as Criterion;
  if (!CRITERIA.includes(criterion)) {
    throw invalid('criterion', criterion, 'string', CRITERIA.map((name) => `'${name}'`).join(', '));
  }
  const consistent = orDefault(given.consistent, true);
  if (typeof consistent !== 'boolean') throw invalid('consistent', consistent, 'boolean', 'true or false');
  return {
    nComponents: distinct(
      'nComponents',
      given.nComponents,
      'integers >= 1, such as [1, 2, 3]',
      (value, name) => integer(name, value, 1),
    ),
    covarianceTypes:
      given.covarianceTypes === undefined
        ? COVARIANCE_MODELS
        : distinct(
            'covarianceTypes',
            given.covarianceTypes,
            "types, such as ['full', 'diag']",
            (value, name) => canonicalCovarianceType(value, name),
          ),
    criterion,
    consistent,
    common,
  };
}

/** The different values of a list that must not be empty, in the order given. */
function distinct<T>(
  name: string,
  value: unknown,
  of: string,
  check: (value: unknown, name: string) => T,
): readonly T[] {
  const isTyped = ArrayBuffer.isView(value) && !(value instanceof DataView);
  const list = Array.isArray(value) || isTyped ? Array.from(value as ArrayLike<unknown>) : undefined;
  if (list === undefined || list.length === 0) {
    const found = list ? 'empty' : value === undefined ? 'missing' : describeValue(value);
    throw new GaussmixTypeError('INVALID_OPTION', `${name} is ${found}, but must be a list of ${of}`);
  }
  return [...new Set(list.map((entry, i) => check(entry, `${name}[${i}]`)))];
}

/**
 * Checks the last argument of {@link GaussianMixture.criteria}; gives the sample weights.
 * @throws GaussmixError UNKNOWN_OPTION, INVALID_OPTION
 */
export function validateCriteriaOptions(
  options: CriteriaOptions | undefined,
  rows: number,
): Float64Array | undefined {
  if (options === undefined) return undefined;
  const given = optionsObject(options, 'the last argument', ' such as { sampleWeight }');
  checkKnownNames(given, ['sampleWeight', 'missing'], 'criteria');
  checkMissing(given.missing);
  return checkSampleWeight(given.sampleWeight, rows, 1);
}

/**
 * Checks the last argument of {@link accumulate}.
 * @param multiple what the first row's number must be a multiple of
 * @throws GaussmixError UNKNOWN_OPTION, INVALID_OPTION
 */
export function validateAccumulateOptions(
  options: AccumulateOptions | undefined,
  rows: number,
  multiple: number,
): {
  readonly weights: Float64Array | undefined;
  readonly firstRow: number | undefined;
  readonly missing: 'error' | 'marginalize';
} {
  if (options === undefined) return { weights: undefined, firstRow: undefined, missing: 'error' };
  const given = optionsObject(options, 'the last argument', ' such as { sampleWeight }');
  checkKnownNames(given, ['sampleWeight', 'missing', 'firstRow'], 'accumulate');
  const missing = checkMissing(given.missing);
  const { firstRow } = given;
  const isBlock =
    Number.isSafeInteger(firstRow) && (firstRow as number) >= 0 && (firstRow as number) % multiple === 0;
  if (firstRow !== undefined && !isBlock) {
    const allowed = `a multiple of ${multiple}, from 0: statistics are summed in blocks of so many rows. Cut the rows there, or leave it out`;
    throw invalid('firstRow', firstRow, 'number', allowed);
  }
  return {
    weights: checkSampleWeight(given.sampleWeight, rows, 0),
    firstRow: firstRow as number | undefined,
    missing,
  };
}

/**
 * Checks the last argument of {@link maximize}.
 * @param k components @param rows rows of the statistics @param model covariance type where none is given
 * @throws GaussmixError UNKNOWN_OPTION, INVALID_OPTION, TOO_FEW_ROWS
 */
export function validateMaximizeOptions(
  options: MaximizeOptions | undefined,
  k: number,
  rows: number,
  model: CovarianceModel,
): StepSettings & { readonly onWarning: ((warning: string) => void) | undefined } {
  const given = optionsObject(options ?? {}, 'the last argument', ' such as { regularization: 0 }');
  const { covarianceType, regularization, prior, onWarning } = given;
  checkKnownNames(given, ['covarianceType', 'regularization', 'prior', 'onWarning'], 'maximize');
  if (onWarning !== undefined && typeof onWarning !== 'function') {
    throw invalid('onWarning', onWarning, 'function', 'a function');
  }
  const step = { nComponents: k, covarianceType: covarianceType ?? model, regularization, prior };
  return {
    ...validateFitOptions(step, rows),
    onWarning: onWarning as ((warning: string) => void) | undefined,
  };
}

/**
 * Checks the last argument of the methods that take data.
 * @param alsoAllowed further option names, which the caller checks
 * @throws GaussmixError UNKNOWN_OPTION, INVALID_OPTION
 */
export function validateDataOptions(
  options: DataOptions | undefined,
  alsoAllowed: readonly string[] = [],
): void {
  if (options === undefined) return;
  const given = optionsObject(options, 'the last argument', " such as { missing: 'marginalize' }");
  checkKnownNames(given, ['missing', ...alsoAllowed], 'data');
  checkMissing(given.missing);
}

/**
 * Checks the last argument of {@link GaussianMixture.impute}.
 * @throws GaussmixError UNKNOWN_OPTION, INVALID_OPTION
 */
export function validateImputeOptions(options: ImputeOptions | undefined): void {
  const missing: unknown = options?.missing;
  if (missing !== undefined && missing !== 'marginalize') {
    throw invalid('missing', missing, 'string', "'marginalize': missing values are what impute fills in");
  }
  validateDataOptions(options);
}

/**
 * Checks a seed; 0 for undefined.
 * @throws GaussmixError INVALID_OPTION
 */
export function checkSeed(value: unknown): number {
  return integer('seed', orDefault(value, 0), 0);
}

function orDefault(value: unknown, standard: unknown): unknown {
  return value === undefined ? standard : value;
}

function optionsObject(options: unknown, what: string, need: string): Readonly<Record<string, unknown>> {
  if (typeof options === 'object' && options !== null && !Array.isArray(options)) {
    return options as Readonly<Record<string, unknown>>;
  }
  const found = options === undefined ? 'missing' : describeValue(options);
  throw new GaussmixTypeError('INVALID_OPTION', `${what} must be an object${need}. Given: ${found}`);
}

function integer(name: string, value: unknown, least: number): number {
  if (Number.isSafeInteger(value) && (value as number) >= least) return value as number;
  throw invalid(name, value, 'number', `an integer >= ${least} (at most 2^53 - 1)`);
}

function nonNegative(name: string, value: unknown, otherwise: string = ''): number {
  if (Number.isFinite(value) && (value as number) >= 0) return value as number;
  throw invalid(name, value, 'number', `${otherwise}a finite number >= 0`);
}

function componentCount(given: Readonly<Record<string, unknown>>, rows: number): number {
  const names = COUNT_NAMES.filter((name) => given[name] !== undefined);
  if (names.length === 0) {
    throw new GaussmixTypeError(
      'INVALID_OPTION',
      'nComponents is required: the number of components, an integer >= 1 (aliases: k, nClusters)',
    );
  }
  const counts = names.map((name) => integer(name, given[name], 1));
  const other = counts.findIndex((count) => count !== counts[0]);
  if (other > 0) {
    throw new GaussmixRangeError(
      'INVALID_OPTION',
      `${names[0]} is ${counts[0]}, but ${names[other]} is ${counts[other]}: they mean the same, so give one of them`,
    );
  }
  if (rows < counts[0]) {
    throw new GaussmixRangeError(
      'TOO_FEW_ROWS',
      `${names[0]} is ${counts[0]}, but the data has only ${rows} row${rows === 1 ? '' : 's'}: ask for at most as many ` +
        'components as there are rows',
    );
  }
  return counts[0];
}

function checkMissing(value: unknown): 'error' | 'marginalize' {
  if (value === undefined || value === 'error') return 'error';
  if (value === 'marginalize') return value;
  throw invalid('missing', value, 'string', "'error' or 'marginalize'");
}

function checkInitialization(value: unknown): InitializationMethod | Start {
  if (METHODS.includes(value)) return value as InitializationMethod;
  if (typeof value === 'object' && value !== null && (value as Partial<Start>).means !== undefined) {
    return value as Start;
  }
  const allowed =
    `${METHODS.map((method) => `'${method}'`).join(', ')}, or an object with means (and weights, covariances or ` +
    'precisions) to start from';
  throw invalid('initialization', value, 'string', allowed);
}

function checkRegularization(value: unknown, withPrior: boolean): number | 'auto' {
  if (value === 'auto') return withPrior ? 0 : 'auto';
  const given = nonNegative('regularization', value, "'auto' or ");
  if (given > LARGEST_REGULARIZATION) {
    throw invalid(
      'regularization',
      value,
      'number',
      `'auto' or a number from 0 to ${LARGEST_REGULARIZATION}`,
    );
  }
  if (withPrior && given > 0) {
    throw new GaussmixRangeError(
      'INVALID_OPTION',
      `regularization is ${given}, but there is a prior, which keeps covariances regular: give one of them`,
    );
  }
  return given;
}

/** What needs no data; the rest is checked by ConjugatePrior. */
function checkPrior(value: unknown): PriorSettings | undefined {
  if (value === undefined) return undefined;
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (value !== 'default' && !isObject) {
    const allowed = "'default' or an object such as { shrinkage: 0.01, degreesOfFreedom: 5 }";
    throw invalid('prior', value, 'string', allowed);
  }
  const given: Readonly<Record<string, unknown>> = isObject ? (value as Record<string, unknown>) : {};
  checkKnownNames(given, ['shrinkage', 'mean', 'degreesOfFreedom', 'scale'], 'prior');
  const { degreesOfFreedom } = given;
  return {
    shrinkage: positive('prior.shrinkage', orDefault(given.shrinkage, 0.01)),
    mean: given.mean === undefined ? undefined : readMatrix(given.mean, 'prior.mean').values,
    degreesOfFreedom:
      degreesOfFreedom === undefined ? undefined : positive('prior.degreesOfFreedom', degreesOfFreedom),
    scale: given.scale === undefined ? undefined : readMatrix(given.scale, 'prior.scale'),
  };
}

function positive(name: string, value: unknown): number {
  if (Number.isFinite(value) && (value as number) > 0) return value as number;
  throw invalid(name, value, 'number', 'a finite number > 0');
}

/** A copy of any matrix of finite numbers; a plain array is one column. */
function readMatrix(value: unknown, name: string): NonNullable<PriorSettings['scale']> {
  const source = toRowSource(value as MatrixLike, { name });
  const { rows, columns } = source;
  const values = new Float64Array(rows * columns);
  source.read(0, rows, values);
  return { rows, columns, values };
}

function checkCallback(value: unknown): AsyncIterationCallback | undefined {
  if (value === undefined || typeof value === 'function') return value as AsyncIterationCallback | undefined;
  throw invalid('onIteration', value, 'function', 'a function');
}

/**
 * Checks sample weights; copies unless they are a Float64Array already.
 * @param nComponents at least so many must be above 0
 * @throws GaussmixError INVALID_OPTION, TOO_FEW_ROWS
 */
export function checkSampleWeight(
  value: unknown,
  rows: number,
  nComponents: number,
): Float64Array | undefined {
  if (value === undefined) return undefined;
  const given = value as ArrayLike<unknown>;
  if (typeof value !== 'object' || value === null || !Number.isSafeInteger(given.length)) {
    throw invalid('sampleWeight', value, 'array', `an array of ${rows} numbers, one per row`);
  }
  if (given.length !== rows) {
    throw new GaussmixRangeError(
      'INVALID_OPTION',
      `sampleWeight has length ${given.length}, but the data has ${rows} rows: one weight per row is needed`,
    );
  }
  const weights = given instanceof Float64Array ? given : new Float64Array(rows);
  let positive = 0;
  for (let row = 0; row < rows; row++) {
    const weight = checkRowWeight(given[row], row);
    if (weights !== given) weights[row] = weight;
    if (weight > 0) positive++;
  }
  checkUsedRows(positive, nComponents);
  return weights;
}

/**
 * Checks one sample weight.
 * @throws GaussmixError INVALID_OPTION
 */
export function checkRowWeight(weight: unknown, row: number): number {
  if (typeof weight === 'number' && weight >= 0 && weight <= LARGEST_WEIGHT) return weight;
  const allowed = `a number from 0 to ${LARGEST_WEIGHT} (rows count from 0)`;
  throw invalid(`sampleWeight of row ${row}`, weight, 'number', allowed);
}

/**
 * Checks how many rows have a weight above 0.
 * @throws GaussmixRangeError INVALID_OPTION, TOO_FEW_ROWS
 */
export function checkUsedRows(positive: number, nComponents: number): void {
  if (positive === 0 && nComponents > 0) {
    throw new GaussmixRangeError(
      'INVALID_OPTION',
      'sampleWeight is 0 for every row; at least one must be above 0',
    );
  }
  if (positive < nComponents) {
    throw new GaussmixRangeError(
      'TOO_FEW_ROWS',
      `nComponents is ${nComponents}, but sampleWeight is above 0 for only ${positive} row${positive === 1 ? '' : 's'}: ask ` +
        'for at most as many components as there are such rows',
    );
  }
}
