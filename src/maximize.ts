// One M-step from statistics alone, with the repairs of a fit: what `maximize` and `OnlineGaussianMixture` have in common.
// Must not see rows. Whatever of a fit's repairs needs them is left out, and said.
import { GaussmixRangeError } from './errors.ts';
import { EMPTY, type KnownMoments, MixtureEstimator, WholeData } from './estimator.ts';
import { BLOCK, type Kernel, withKernel } from './kernel.ts';
import type { StepSettings } from './options.ts';
import type { ModelParameters } from './parameters.ts';
import type { Asking, RowRequest } from './passes.ts';
import { recentre } from './recentre.ts';
import { featureLabel } from './value-rules.ts';

/** Statistics about the means of a mixture. */
export interface StepInput {
  /** The mixture they were taken under. Components without rows stay as they are in it. */
  readonly reference: ModelParameters;
  readonly featureNames: readonly string[] | undefined;
  /** Number of rows. */
  readonly rows: number;
  /** As gmm_accumulate writes them. */
  readonly sums: Float64Array;
}

export interface StepOutcome {
  readonly parameters: ModelParameters;
  /** What was repaired, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * The mixture that maximises the expected complete-data log-likelihood (with a prior: the posterior). O(K D^3), diag and
 * spherical O(K D); models that iterate as in a fit.
 * @throws GaussmixRangeError DEGENERATE_DATA where no covariance can be estimated, INVALID_VALUE for sums that overflow
 */
export function stepFrom(input: StepInput, settings: StepSettings): StepOutcome {
  const { k, d, form } = input.reference;
  const width = form === 'diag' || form === 'spherical' ? 4 : d + 4;
  return withKernel(8 * 12 * k * d * width, (kernel) => {
    const steps = maximization(kernel, input, settings);
    let reply: unknown;
    for (;;) {
      const step = steps.next(reply);
      if (step.done) return step.value;
      reply = answer(kernel, step.value, input.sums);
    }
  });
}

/** Of a fit's questions, the one about statistics has an answer. No row is among the worst, so none is asked for. */
function answer(kernel: Kernel, request: RowRequest, sums: Float64Array): unknown {
  if (request.kind === 'worst') return [];
  if (request.kind !== 'accumulate') return undefined;
  const { stack } = request;
  stack.clear();
  kernel.view(stack.push(), sums.length).set(sums);
  stack.carry();
  return stack.finish();
}

function* maximization(kernel: Kernel, input: StepInput, settings: StepSettings): Asking<StepOutcome> {
  const { reference, rows, sums } = input;
  const { covarianceType: model, regularization, prior } = settings;
  const { k } = reference;
  const label = (feature: number): string => featureLabel({ columnNames: input.featureNames }, feature);
  const known = momentsOf(reference, sums);
  // All rows are one leaf of the merge tree, whose height follows from their number.
  const leaf = Math.min(rows, BLOCK);
  const data = yield* WholeData.known(kernel, leaf, known, model, regularization, label, prior !== undefined);
  const estimator = new MixtureEstimator(kernel, data, model, k);
  if (prior) yield* estimator.setPrior(prior, model, known.total);
  // Not estimator.start: that brings covariances to the model again, which they are of but for rounding.
  estimator.mixture.write(reference);
  yield* estimator.expectation();
  yield* estimator.maximization();
  const parameters = { ...estimator.mixture.read(), model };
  for (const values of [parameters.weights, parameters.means, parameters.covariances]) {
    if (values.every(Number.isFinite)) continue;
    throw new GaussmixRangeError('INVALID_VALUE', 'the sums of the statistics overflow: rescale the columns');
  }
  const empty = prior ? [] : emptyComponents(sums, k);
  const warnings = estimator.takeWarnings().map((warning) => warning.replace(/^iteration 1: /, ''));
  return { parameters, warnings: [...empty.map(emptyWarning), ...warnings] };
}

/** Components that have lost all their rows. */
function emptyComponents(sums: Float64Array, k: number): number[] {
  return Array.from({ length: k }, (_, i) => i).filter(
    (component) => !(sums[2 + component] > EMPTY * sums[0]),
  );
}

function emptyWarning(component: number): string {
  return (
    `component ${component} has lost all its rows: its mean and covariance stay, its weight is 0, so that it gets no rows again. ` +
    'Start from other means, or with fewer components'
  );
}

/**
 * Mean and variances of all rows: their statistics about the mean of all, summed over the components, for the responsibilities of each row
 * sum to one. Spherical statistics have the mean of the variances alone, which is all that is asked for there.
 */
function momentsOf({ form, k, d, means }: ModelParameters, sums: Float64Array): KnownMoments {
  const total = sums[0];
  // About the first mean: differences of means keep their digits however far away all of them are.
  const mean = new Float64Array(d);
  for (let i = 0; i < k * d; i++) {
    const count = sums[2 + Math.floor(i / d)];
    mean[i % d] += (sums[2 + k + i] + count * (means[i] - means[i % d])) / total;
  }
  for (let j = 0; j < d; j++) mean[j] += means[j];
  const about = sums.slice();
  recentre(
    about,
    means.map((value, i) => mean[i % d] - value),
    form,
    k,
    d,
  );
  const scatter = about.subarray(2 + k + k * d, -1);
  const variance = new Float64Array(d);
  if (form === 'spherical' || form === 'diag') {
    const share = form === 'diag' ? total : total * d;
    for (const [i, squares] of scatter.entries()) {
      if (form === 'diag') variance[i % d] += squares / share;
      else for (let j = 0; j < d; j++) variance[j] += squares / share;
    }
    return { total, mean, variance: variance.map(atLeast0), covariance: undefined };
  }
  const covariance = new Float64Array(d * d);
  for (let at = 0; at < scatter.length; ) {
    for (let i = 0; i < d; i++) {
      for (let j = 0; j <= i; j++, at++) {
        covariance[i * d + j] += scatter[at] / total;
        covariance[j * d + i] = covariance[i * d + j];
      }
    }
  }
  return { total, mean, variance: variance.map((_, j) => atLeast0(covariance[j * (d + 1)])), covariance };
}

/** Rounding may leave a variance of 0 below it. */
function atLeast0(variance: number): number {
  return Math.max(0, variance);
}
