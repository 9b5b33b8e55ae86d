// The bootstrap: a mixture refitted to resampled rows, for standard errors and intervals of anything.
// Must not decide how replicates are run: replicates.ts does.
import {
  type FitOptions,
  type GaussianMixture,
  GaussmixRangeError,
  GaussmixTypeError,
  Matrix,
  type MatrixLike,
  naturalLogarithms,
} from 'gaussmix';
import { checkKnownNames } from '../option-errors.ts';
import { checkSeed } from '../options.ts';
import { Random } from '../random.ts';
import { describeValue } from '../value-rules.ts';
import { checkModel, integerOption, readRows } from './arguments.ts';
import {
  ASYNC_REPLICATES,
  type AsyncReplicates,
  checkEnough,
  checkProgress,
  type ProgressCallback,
  replicateSeed,
  runNow,
  runOnWorkers,
  runReplicates,
  type Steps,
} from './replicates.ts';
import type { ParameterErrors } from './standard-errors.ts';

/** Options of {@link bootstrap}. */
export interface BootstrapOptions
  extends Pick<FitOptions, 'prior' | 'regularization' | 'tolerance' | 'maxIterations'> {
  /**
   * 'nonparametric' (default): N rows drawn with replacement (Efron 1979). 'weighted': every row stays, with random weights of
   * mean 1 (Newton and Raftery 1994; O'Hagan, Murphy, Scrucca and Gormley 2019): no replicate can lose all the rows of
   * a small component. 'parametric': N rows drawn from the model, right if the model is.
   */
  readonly method?: 'nonparametric' | 'weighted' | 'parametric' | undefined;
  /** An integer >= 2, default 999. */
  readonly replicates?: number | undefined;
  /** An integer >= 0, default 0. */
  readonly seed?: number | undefined;
  /** Called after each replicate. Returning false ends it with the replicates so far. */
  readonly onProgress?: ProgressCallback | undefined;
}

/** Refitted models, and what their spread says of the parameters. */
export interface Bootstrap {
  /** One for each replicate that could be fitted; components in the order of the model's. For functions of one's own. */
  readonly models: readonly GaussianMixture[];
  /** Replicates that could not be fitted (resampled rows without spread). */
  readonly failed: number;
  /** Standard deviations over the replicates. */
  readonly standardErrors: ParameterErrors;
  /**
   * Percentile intervals (Efron 1979).
   * @param level share of the distribution between them, above 0 and below 1, 0.95 by default
   */
  interval(level?: number): { readonly lower: ParameterErrors; readonly upper: ParameterErrors };
}

const METHODS: readonly unknown[] = ['nonparametric', 'weighted', 'parametric'];
const OPTIONS = [
  'method',
  'replicates',
  'seed',
  'onProgress',
  'regularization',
  'prior',
  'tolerance',
  'maxIterations',
];

/**
 * Standard errors and intervals by refitting the model to resampled data. Each refit starts from the model, so that its
 * components keep their numbers: EM goes to the maximum nearest by, which is the one of the same labels as long as the
 * components are apart (McLachlan and Peel 2000, section 2.16.2).
 *
 * Replicate i depends on (seed, i) alone: the first replicates of a longer run are those of a shorter one.
 *
 * @param model fitted to `data`
 * @param data N x D, the rows it was fitted to
 * @param options see {@link BootstrapOptions}; prior, regularization, tolerance and maxIterations as the model was fitted with
 * @throws GaussmixError as `fit` for the data; UNKNOWN_OPTION, INVALID_OPTION; DEGENERATE_DATA when fewer than two replicates
 * could be fitted. O(replicates) fits
 * @example
 * import { GaussianMixture } from 'gaussmix';
 * import { bootstrap } from 'gaussmix/inference';
 * const data = GaussianMixture.fromParameters({ weights: [1], means: [[5]], covariances: [[4]] }).sample(400, { seed: 1 }).data;
 * const model = GaussianMixture.fit(data, { nComponents: 1 });
 * const { standardErrors, interval } = bootstrap(model, data, { replicates: 200, seed: 1 });
 * console.log(standardErrors.means.toArray()); // about sqrt(4 / 400) = 0.1
 * console.log(interval(0.9).lower.means.toArray(), interval(0.9).upper.means.toArray());
 */
export function bootstrap(
  model: GaussianMixture,
  data: MatrixLike,
  options: BootstrapOptions = {},
): Bootstrap {
  return runNow(bootstrapSteps(model, data, options, []));
}

/**
 * As {@link bootstrap}, the same bits, on all cores.
 * @param options those of `bootstrap`, and `workers`, `signal`, `workerScript`: see {@link AsyncReplicates}
 * @throws (rejects with) as `bootstrap`; the signal's reason; KERNEL_UNAVAILABLE where workers cannot be started
 */
export async function bootstrapAsync(
  model: GaussianMixture,
  data: MatrixLike,
  options: BootstrapOptions & AsyncReplicates = {},
): Promise<Bootstrap> {
  return runOnWorkers(bootstrapSteps(model, data, options, ASYNC_REPLICATES), options);
}

function* bootstrapSteps(
  model: GaussianMixture,
  data: MatrixLike,
  options: BootstrapOptions & AsyncReplicates,
  alsoAllowed: readonly string[],
): Steps<Bootstrap> {
  checkModel('bootstrap', 'model', model);
  checkKnownNames(options, [...OPTIONS, ...alsoAllowed], 'bootstrap');
  checkProgress('bootstrap', options.onProgress);
  const { method = 'nonparametric', prior, regularization, tolerance, maxIterations } = options;
  if (!METHODS.includes(method)) {
    throw new GaussmixRangeError(
      'INVALID_OPTION',
      `bootstrap: method is ${describeValue(method)}; it must be 'nonparametric', 'weighted' or 'parametric'`,
    );
  }
  const count = integerOption('bootstrap', 'replicates', options.replicates, 2, 999);
  const seed = checkSeed(options.seed);
  const rows = readRows(data, model.nFeatures, model.featureNames);
  const [n] = rows.shape;
  const refit = {
    nComponents: model.nComponents,
    covarianceType: model.covarianceType,
    initialization: model,
    regularization,
    prior,
    tolerance,
    maxIterations,
  };
  const replicates = yield* runReplicates({
    count,
    tasksEach: 1,
    tasks: (replicate) => {
      if (method === 'parametric') {
        return [{ data: model.sample(n, { seed: replicateSeed(seed, replicate) }).data, options: refit }];
      }
      const random = new Random(seed, replicate);
      const sampleWeight = method === 'weighted' ? randomWeights(random, n) : randomCounts(random, n);
      return [{ data: rows, options: { ...refit, sampleWeight } }];
    },
    summarise: ([refitted]) => refitted,
    onProgress: options.onProgress,
  });
  checkEnough('bootstrap', replicates, 2);
  const { values: models, failed } = replicates;
  return {
    models,
    failed,
    standardErrors: overModels(models, standardDeviation),
    interval(level = 0.95) {
      if (!(typeof level === 'number' && level > 0 && level < 1)) {
        throw new GaussmixTypeError(
          'INVALID_OPTION',
          `interval: level is ${describeValue(level)}; it must be a number above 0 and below 1`,
        );
      }
      const tail = (1 - level) / 2;
      return {
        lower: overModels(models, (values) => quantile(values, tail)),
        upper: overModels(models, (values) => quantile(values, 1 - tail)),
      };
    },
  };
}

/** How often each of n rows is drawn when n are drawn with replacement. */
function randomCounts(random: Random, n: number): Float64Array {
  const counts = new Float64Array(n);
  for (let i = 0; i < n; i++) counts[random.integer(n)]++;
  return counts;
}

/** Weights uniform over all that sum to n: exponential numbers, divided by their mean. */
function randomWeights(random: Random, n: number): Float64Array {
  const uniform = Float64Array.from({ length: n }, () => 1 - random.uniform());
  const weights = naturalLogarithms(uniform);
  const sum = weights.reduce((a, b) => a + b, 0);
  // Both are negative. + 0: the logarithm of 1 gives no weight, not a negative zero.
  return weights.map((value) => (value / sum) * n + 0);
}

/** A number for each parameter from its values over the models. */
function overModels(
  models: readonly GaussianMixture[],
  summary: (values: Float64Array) => number,
): ParameterErrors {
  const { nComponents: k, nFeatures: d } = models[0];
  const each = (length: number, read: (model: GaussianMixture) => Float64Array): Float64Array => {
    const all = models.map(read);
    return Float64Array.from({ length }, (_, i) => summary(Float64Array.from(all, (values) => values[i])));
  };
  return {
    weights: each(k, (model) => model.weights),
    means: new Matrix(
      each(k * d, (model) => model.means.data),
      [k, d],
    ),
    covariances: Array.from(
      { length: k },
      (_, component) =>
        new Matrix(
          each(d * d, (model) => model.covariances[component].data),
          [d, d],
        ),
    ),
  };
}

function standardDeviation(values: Float64Array): number {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) * (value - mean), 0);
  return Math.sqrt(squares / (values.length - 1));
}

/** Linear between order statistics (Hyndman and Fan 1996, type 7). */
function quantile(values: Float64Array, share: number): number {
  const sorted = values.slice().sort();
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}
