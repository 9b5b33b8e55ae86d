// How many components: the bootstrap likelihood-ratio test of k components against k + 1.
// Must not decide how replicates are run: replicates.ts does.
import {
  type FitOptions,
  type FitTask,
  type GaussianMixture,
  GaussmixRangeError,
  Matrix,
  type MatrixLike,
} from 'gaussmix';
import { checkKnownNames } from '../option-errors.ts';
import { checkSeed } from '../options.ts';
import { describeValue } from '../value-rules.ts';
import { integerOption, readRows } from './arguments.ts';
import {
  ASYNC_REPLICATES,
  type AsyncReplicates,
  checkEnough,
  checkProgress,
  fitAll,
  type ProgressCallback,
  type ReplicateProgress,
  replicateSeed,
  runNow,
  runOnWorkers,
  runReplicates,
  type Steps,
} from './replicates.ts';

/** Options of {@link bootstrapLikelihoodRatio}. */
export interface LikelihoodRatioOptions
  extends Pick<FitOptions, 'covarianceType' | 'nInit' | 'regularization' | 'tolerance' | 'maxIterations'> {
  /** Components under the null hypothesis, an integer >= 1, default 1; tested against one more. */
  readonly nComponents?: number | undefined;
  /**
   * The largest number of components to consider, default `nComponents` + 1. When larger, tests go on, each null one
   * component larger than the last, until one is not rejected at `level` (McLachlan 1987).
   */
  readonly maxComponents?: number | undefined;
  /** Above 0 and below 1, default 0.05: p-values above it keep the null hypothesis. */
  readonly level?: number | undefined;
  /** An integer >= 1, default 999; the smallest possible p-value is 1 / (replicates + 1). */
  readonly replicates?: number | undefined;
  /** An integer >= 0, default 0. */
  readonly seed?: number | undefined;
  /** Called after each replicate. Returning false ends the tests; the p-value is from the replicates so far. */
  readonly onProgress?: ProgressCallback<ReplicateProgress & { readonly nComponents: number }> | undefined;
}

/** One test. */
export interface LikelihoodRatioTest {
  /** Components under the null hypothesis. */
  readonly nComponents: number;
  /** 2 (ln L of the alternative - ln L of the null), >= 0. */
  readonly statistic: number;
  /** (1 + replicates whose statistic is at least as large) / (1 + replicates). */
  readonly pValue: number;
  /** Statistics of data drawn from the null model, by replicate. */
  readonly replicates: Float64Array;
  /** Replicates that could not be fitted. */
  readonly failed: number;
  readonly nullModel: GaussianMixture;
  readonly alternativeModel: GaussianMixture;
}

/** The tests done, in order. */
export interface LikelihoodRatioTests {
  readonly tests: readonly LikelihoodRatioTest[];
  /** The first null hypothesis that was kept, or `maxComponents` when all were rejected. */
  readonly nComponents: number;
}

const OPTIONS = [
  'nComponents',
  'maxComponents',
  'level',
  'replicates',
  'seed',
  'onProgress',
  'covarianceType',
  'nInit',
  'regularization',
  'tolerance',
  'maxIterations',
];

/**
 * Parametric bootstrap of the likelihood-ratio statistic (McLachlan 1987, "On bootstrapping the likelihood ratio test
 * statistic for the number of components in a normal mixture", Appl. Statist. 36, 318-324). The usual chi-squared limit
 * does not hold for numbers of components; here the statistic's distribution is that over data sets drawn from the fitted
 * null model.
 *
 * The alternative is fitted the same way to the data and to each replicate: from each component of the null model split
 * in two, and from `nInit` seeded starts, the best of all; the null from `nInit` seeded starts to the data, and from the
 * model that generated it to a replicate. A statistic is never negative, since the null is a special case of the alternative.
 * Replicate i depends on (seed, nComponents, i) alone.
 *
 * @param data N x D
 * @param options see {@link LikelihoodRatioOptions}; fit options as `fit`, but tolerance 1e-6: statistics need the maximum
 * @throws GaussmixError as `fit`; UNKNOWN_OPTION, INVALID_OPTION. O(replicates (nComponents + nInit)) fits
 * @example
 * import { GaussianMixture } from 'gaussmix';
 * import { bootstrapLikelihoodRatio } from 'gaussmix/inference';
 * const truth = GaussianMixture.fromParameters({ weights: [0.5, 0.5], means: [[0], [5]], covariances: [[1], [1]] });
 * const { data } = truth.sample(100, { seed: 1 });
 * const { tests, nComponents } = bootstrapLikelihoodRatio(data, { maxComponents: 3, replicates: 99, seed: 1 });
 * console.log(tests.map((test) => test.pValue), nComponents); // 2
 */
export function bootstrapLikelihoodRatio(
  data: MatrixLike,
  options: LikelihoodRatioOptions = {},
): LikelihoodRatioTests {
  return runNow(testSteps(data, options, []));
}

/**
 * As {@link bootstrapLikelihoodRatio}, the same bits, on all cores.
 * @param options those of `bootstrapLikelihoodRatio`, and `workers`, `signal`, `workerScript`: see {@link AsyncReplicates}
 * @throws (rejects with) as `bootstrapLikelihoodRatio`; the signal's reason; KERNEL_UNAVAILABLE where workers cannot be
 * started
 */
export async function bootstrapLikelihoodRatioAsync(
  data: MatrixLike,
  options: LikelihoodRatioOptions & AsyncReplicates = {},
): Promise<LikelihoodRatioTests> {
  return runOnWorkers(testSteps(data, options, ASYNC_REPLICATES), options);
}

type CommonOptions = Omit<FitOptions, 'nComponents'>;

function* testSteps(
  data: MatrixLike,
  options: LikelihoodRatioOptions & AsyncReplicates,
  alsoAllowed: readonly string[],
): Steps<LikelihoodRatioTests> {
  const what = 'bootstrapLikelihoodRatio';
  checkKnownNames(options, [...OPTIONS, ...alsoAllowed], what);
  checkProgress(what, options.onProgress);
  const first = integerOption(what, 'nComponents', options.nComponents, 1, 1);
  const most = integerOption(what, 'maxComponents', options.maxComponents, first + 1, first + 1);
  const count = integerOption(what, 'replicates', options.replicates, 1, 999);
  const seed = checkSeed(options.seed);
  const { level = 0.05, onProgress, covarianceType, nInit, regularization, maxIterations } = options;
  if (!(typeof level === 'number' && level > 0 && level < 1)) {
    throw new GaussmixRangeError(
      'INVALID_OPTION',
      `${what}: level is ${describeValue(level)}; it must be a number above 0 and below 1`,
    );
  }
  const tolerance = options.tolerance ?? 1e-6;
  const common: CommonOptions = { covarianceType, nInit, regularization, tolerance, maxIterations };
  const rows = readRows(data, undefined);
  const observed: FitTask = { data: rows, options: { ...common, nComponents: first, seed } };
  let [nullModel] = yield* fitAll([observed]);
  const tests: LikelihoodRatioTest[] = [];
  let nComponents = first;
  for (; nComponents < most; nComponents++) {
    const [test, stopped] = yield* testOne(rows, nullModel, common, {
      seed,
      count,
      onProgress: onProgress && ((progress) => onProgress({ ...progress, nComponents })),
    });
    tests.push(test);
    if (stopped || test.pValue > level) break;
    nullModel = test.alternativeModel;
  }
  return { tests, nComponents };
}

/** The test of a fitted null model against one component more. */
function* testOne(
  rows: { readonly data: Float64Array; readonly shape: readonly [number, number] },
  nullModel: GaussianMixture,
  common: CommonOptions,
  {
    seed,
    count,
    onProgress,
  }: { seed: number; count: number; onProgress: ProgressCallback<ReplicateProgress> | undefined },
): Steps<[test: LikelihoodRatioTest, stopped: boolean]> {
  const { nComponents } = nullModel;
  const n = rows.shape[0];
  const splits = splitModels(nullModel);
  const search = (data: MatrixLike, searchSeed: number): FitTask[] =>
    alternatives(data, splits, nComponents + 1, { ...common, seed: searchSeed });
  const alternativeModel = best(yield* fitAll(search(rows, seed)));
  const statistic = ratio(nullModel, alternativeModel, n);
  const testSeed = replicateSeed(seed, nComponents);
  const replicates = yield* runReplicates({
    count,
    tasksEach: 2 + splits.length,
    tasks: (replicate) => {
      const drawn = replicateSeed(testSeed, replicate);
      const { data } = nullModel.sample(n, { seed: drawn });
      const underNull: FitTask = {
        data,
        options: { ...common, nInit: 1, nComponents, initialization: nullModel },
      };
      return [underNull, ...search(data, drawn)];
    },
    summarise: ([underNull, ...models]) => ratio(underNull, best(models), n),
    onProgress,
  });
  checkEnough('bootstrapLikelihoodRatio', replicates, 1);
  const { values, failed, stopped } = replicates;
  const pValue = (1 + values.filter((value) => value >= statistic).length) / (1 + values.length);
  const test: LikelihoodRatioTest = {
    nComponents,
    statistic,
    pValue,
    replicates: Float64Array.from(values),
    failed,
    nullModel,
    alternativeModel,
  };
  return [test, stopped];
}

/** Fits of the alternative: from seeded starts, and from each of `splits`; as many whatever the data. */
function alternatives(
  data: MatrixLike,
  splits: readonly NonNullable<FitOptions['initialization']>[],
  nComponents: number,
  options: CommonOptions,
): FitTask[] {
  const seeded = { data, options: { ...options, nComponents } };
  const splitting = splits.map((initialization) => ({
    data,
    options: { ...options, nInit: 1, nComponents, initialization },
  }));
  return [seeded, ...splitting];
}

/** The model of the highest likelihood, the first among equals. */
function best(models: readonly GaussianMixture[]): GaussianMixture {
  return models.reduce((a, b) => (logLikelihood(b) > logLikelihood(a) ? b : a));
}

/** 2 (ln L1 - ln L0) of n rows; the null model is an alternative too, so a search that ends below it ends at it. */
function ratio(nullModel: GaussianMixture, alternative: GaussianMixture, n: number): number {
  return Math.max(0, 2 * n * (logLikelihood(alternative) - logLikelihood(nullModel)));
}

/** Mean per row. */
function logLikelihood(model: GaussianMixture): number {
  return (model.fitted as NonNullable<typeof model.fitted>).logLikelihood;
}

/** How far the halves of a split component are from its mean, in standard deviations along the split. */
const SPLIT = 0.7;

/**
 * Starts with one component more: each component in turn as two of half its weight, m +- s v with covariance
 * C - s^2 v v^T, which together have its mean and covariance. v = C e_f / sqrt(C_ff) is one standard deviation along the
 * feature f that explains most of the others (v v^T <= C, so the halves are positive definite for s < 1), which does not
 * depend on units.
 */
function splitModels(model: GaussianMixture): NonNullable<FitOptions['initialization']>[] {
  const { nComponents: k, nFeatures: d, weights, means, covariances } = model;
  return Array.from({ length: k }, (_, split) => {
    const covariance = covariances[split].data;
    const along = leadingFeature(covariance, d);
    const deviation = Math.sqrt(covariance[along * (d + 1)]);
    const step = Float64Array.from({ length: d }, (_, j) => (SPLIT * covariance[along * d + j]) / deviation);
    const half = covariance.map((value, i) => value - step[Math.floor(i / d)] * step[i % d]);
    const mean = means.row(split);
    const allMeans = new Float64Array((k + 1) * d);
    allMeans.set(means.data);
    allMeans.set(
      mean.map((value, j) => value - step[j]),
      split * d,
    );
    allMeans.set(
      mean.map((value, j) => value + step[j]),
      k * d,
    );
    const matrices = covariances.map((matrix, component) => (component === split ? half : matrix.data));
    return {
      weights: [
        ...weights.map((weight, component) => (component === split ? weight / 2 : weight)),
        weights[split] / 2,
      ],
      means: new Matrix(allMeans, [k + 1, d]),
      covariances: [...matrices, half],
    };
  });
}

/** The feature with the largest sum of squared correlations with all. */
function leadingFeature(covariance: Float64Array, d: number): number {
  let best = 0;
  let most = 0;
  for (let feature = 0; feature < d; feature++) {
    let explained = 0;
    for (let other = 0; other < d; other++) {
      const shared = covariance[feature * d + other];
      explained += (shared / covariance[feature * (d + 1)]) * (shared / covariance[other * (d + 1)]);
    }
    if (explained > most) [best, most] = [feature, explained];
  }
  return best;
}
