// How many components: the bootstrap likelihood-ratio test of k components against k + 1.
// Must not decide how replicates are run: replicates.ts does.
import { type FitOptions, GaussianMixture, GaussmixRangeError, Matrix, type MatrixLike } from 'gaussmix';
import { checkKnownNames, checkSeed } from '../options.ts';
import { describeValue } from '../value-rules.ts';
import { integerOption, readRows } from './arguments.ts';
import {
  type AsyncReplicates,
  checkEnough,
  checkRunOptions,
  type ProgressCallback,
  type ReplicateProgress,
  replicateSeed,
  runInTurns,
  runNow,
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
 * As {@link bootstrapLikelihoodRatio}, the same bits, letting the host do other work between replicates.
 * @param options those of `bootstrapLikelihoodRatio`, and `signal`
 * @throws (rejects with) as `bootstrapLikelihoodRatio`, or the signal's reason
 */
export async function bootstrapLikelihoodRatioAsync(
  data: MatrixLike,
  options: LikelihoodRatioOptions & AsyncReplicates = {},
): Promise<LikelihoodRatioTests> {
  const steps = testSteps(data, options, ['signal']);
  return runInTurns(steps, options.signal);
}

type CommonOptions = Omit<FitOptions, 'nComponents'>;

function* testSteps(
  data: MatrixLike,
  options: LikelihoodRatioOptions & AsyncReplicates,
  alsoAllowed: readonly string[],
): Steps<LikelihoodRatioTests> {
  const what = 'bootstrapLikelihoodRatio';
  checkKnownNames(options, [...OPTIONS, ...alsoAllowed], what);
  checkRunOptions(what, options);
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
  const [n] = rows.shape;
  let nullModel = GaussianMixture.fit(rows, { ...common, nComponents: first, seed });
  const tests: LikelihoodRatioTest[] = [];
  let nComponents = first;
  for (; nComponents < most; nComponents++) {
    const model = nullModel;
    const splits = splitModels(model);
    const alternativeModel = fitAlternative(rows, splits, nComponents + 1, { ...common, seed });
    const statistic = ratio(model, alternativeModel, n);
    const testSeed = replicateSeed(seed, nComponents);
    let stopped = false;
    const { values, failed } = yield* runReplicates(
      count,
      (replicate) => {
        const drawn = replicateSeed(testSeed, replicate);
        const { data: sample } = model.sample(n, { seed: drawn });
        const underNull = GaussianMixture.fit(sample, {
          ...common,
          nInit: 1,
          nComponents: model.nComponents,
          initialization: model,
        });
        const search = { ...common, seed: drawn };
        return ratio(underNull, fitAlternative(sample, splits, model.nComponents + 1, search), n);
      },
      onProgress &&
        ((progress) => {
          stopped = onProgress({ ...progress, nComponents: model.nComponents }) === false;
          return stopped ? false : undefined;
        }),
    );
    checkEnough(what, { values, failed }, 1);
    const pValue = (1 + values.filter((value) => value >= statistic).length) / (1 + values.length);
    tests.push({
      nComponents,
      statistic,
      pValue,
      replicates: Float64Array.from(values),
      failed,
      nullModel: model,
      alternativeModel,
    });
    if (stopped || pValue > level) break;
    nullModel = alternativeModel;
  }
  return { tests, nComponents };
}

/** The best fit of one component more than `splits` were made from, by the same search whatever the data. */
function fitAlternative(
  data: MatrixLike,
  splits: readonly NonNullable<FitOptions['initialization']>[],
  nComponents: number,
  options: CommonOptions,
): GaussianMixture {
  let best = GaussianMixture.fit(data, { ...options, nComponents });
  for (const initialization of splits) {
    const model = GaussianMixture.fit(data, { ...options, nInit: 1, nComponents, initialization });
    if (logLikelihood(model) > logLikelihood(best)) best = model;
  }
  return best;
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
