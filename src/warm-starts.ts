// What makes a grid consistent: runs of a cell from the solution of a model within its own, and of fewer components, one of them split.
// Must not know the grid, nor iterate EM itself.

import { type CovarianceForm, formOf } from './covariance-models.ts';
import type { WholeData } from './estimator.ts';
import { better, type Continuation, type Run, type Runs, SHORT_RUN } from './fit.ts';
import type { Kernel } from './kernel.ts';
import type { FitSettings } from './options.ts';
import {
  covarianceLength,
  expandCovariances,
  KernelMixture,
  type Parameters,
  projectCovariances,
} from './parameters.ts';
import { type Asking, accumulate, blockCount, mStep, StatisticsStack, statisticsCount } from './passes.ts';

/** Solutions of other cells that a fit must not end below. */
export interface WarmStarts {
  /** Of a model within this one, with as many components. */
  readonly nested?: Solution | undefined;
  /** Of this model, with fewer components. */
  readonly fewer?: Solution | undefined;
}

export interface Solution {
  readonly parameters: Parameters;
  readonly converged: boolean;
  /** Mean per sample, in nats. */
  readonly logLikelihood: number;
}

/** Variances below this share of the whole data's are made by regularization 'auto' (1e-6) more than by rows. */
const COLLAPSED = 2e-6;

/** Components that are tried, those with the largest share of the spread first. */
const MOST_SPLITS = 8;
/** Halves of a normal distribution cut at its mean have means 0.8 standard deviations from it: sqrt(2 / pi). */
const HALF_MEAN = 0.7978845608028654;

/** For a fit that is not to end below any of these solutions. */
export function continueFrom(warm: WarmStarts): Continuation {
  return {
    *isSound(kernel, data, parameters) {
      return !(yield* isCollapsed(kernel, data, parameters));
    },
    best: (runs, own, kernel, data, settings) => runsFrom(warm, runs, own, kernel, data, settings),
  };
}

/**
 * Goes on from solutions of other cells. What is returned has at least their likelihood: where EM ends lower (regularisation) or
 * in a solution that is not sound, the start itself, which is a mixture of this model as well, takes its place.
 */
function* runsFrom(
  { nested, fewer }: WarmStarts,
  runs: Runs,
  own: Run,
  kernel: Kernel,
  data: WholeData,
  { nComponents: k, covarianceType, maxIterations }: FitSettings,
): Asking<Run> {
  let best = own;
  const keep = function* (start: Parameters, solution: Solution, what: string): Asking<void> {
    if (best.isSound && best.logLikelihood >= solution.logLikelihood) return;
    const unchanged = yield* runs.from(start, 0);
    if (better(best, unchanged, true) === best) return;
    const note = `no better solution was found than ${what}, which is one of this model too and is returned`;
    const result = { ...unchanged.result, converged: solution.converged };
    best = { ...unchanged, result, warnings: [...unchanged.warnings, note] };
  };
  if (nested) {
    const start = inForm(nested.parameters, formOf(covarianceType));
    best = better(best, yield* runs.from(start), true);
    yield* keep(start, nested, 'that of a covarianceType within it');
  }
  if (fewer && !runs.stopped) {
    let base = fewer.parameters;
    while (base.k + 1 < k) base = (yield* splits(kernel, data, base))[0] ?? doubled(base);
    let promising: Run | undefined;
    for (const start of yield* splits(kernel, data, base)) {
      if (runs.stopped) return best;
      promising = better(promising, yield* runs.from(start, Math.min(SHORT_RUN, maxIterations)), true);
    }
    if (promising && !runs.stopped) best = better(best, yield* runs.from(promising.parameters), true);
    let same = fewer.parameters;
    while (same.k < k) same = doubled(same);
    yield* keep(same, fewer, 'that with fewer components');
  }
  return best;
}

/**
 * Whether a component's variance in some direction is below 2e-6 of the whole data's, however many rows it has: rows that agree in
 * a value, or lie in a plane, for which the likelihood without regularisation has no bound. O(K D^3); diag and spherical O(K D).
 */
function* isCollapsed(kernel: Kernel, data: WholeData, p: Parameters): Asking<boolean> {
  const { form, k, d, weights, covariances } = p;
  if (k < 2) return false;
  if (form === 'diag' || form === 'spherical') {
    return covariances.some((v, i) => {
      const [component, feature] = form === 'diag' ? [Math.floor(i / d), i % d] : [i, 0];
      const whole = form === 'diag' ? data.variance[feature] : Math.min(...data.variance);
      return weights[component] > 0 && v < COLLAPSED * whole;
    });
  }
  const whole = yield* data.covariance();
  const mark = kernel.mark();
  const matrix = kernel.allocate(d * d);
  const view = kernel.view(matrix, d * d);
  const failed = (component: number): boolean => {
    const at = form === 'full' ? component * d * d : 0;
    for (let i = 0; i < d * d; i++) view[i] = covariances[at + i] - COLLAPSED * whole[i];
    return kernel.exports.gmm_cholesky(matrix, matrix, 0, d) !== 0;
  };
  let found = false;
  for (let component = 0; component < (form === 'full' ? k : 1) && !found; component++) {
    found = weights[component] > 0 && failed(component);
  }
  kernel.release(mark);
  return found;
}

/** The same mixture, its covariances in the shape of a form that contains its own. */
function inForm(p: Parameters, form: CovarianceForm): Parameters {
  if (p.form === form) return p;
  const full = new Float64Array(p.k * p.d * p.d);
  for (const [component, { data }] of expandCovariances(p).entries()) full.set(data, component * p.d * p.d);
  return { ...p, form, covariances: projectCovariances(form, full, p.weights, p.d) };
}

/** A mixture of one component more that has the same density: the heaviest component twice, at half its weight. */
function doubled(p: Parameters): Parameters {
  const heaviest = p.weights.indexOf(p.weights.reduce((a, b) => Math.max(a, b)));
  return twice(p, heaviest);
}

/**
 * Mixtures of one component more. Each splits a component along the axis on which its rows spread most, in standard deviations
 * of the data, as if cut at its mean; the pair has its mean and covariance. Covariances are those of the rows of each component (one
 * pass), which need not be of any model.
 */
function* splits(kernel: Kernel, data: WholeData, p: Parameters): Asking<Parameters[]> {
  const narrow = p.form === 'diag' || p.form === 'spherical';
  const wide = yield* unconstrained(kernel, data, inForm(p, narrow ? 'diag' : 'full'));
  const { k, weights } = p;
  const axes = Array.from({ length: k }, (_, component) => longestAxis(kernel, data, wide, component));
  const spread = axes.map(({ variance }, component) => variance * weights[component]);
  const order = Array.from(spread.keys()).sort((a, b) => spread[b] - spread[a] || a - b);
  return order
    .filter((component) => spread[component] > 0)
    .slice(0, MOST_SPLITS)
    .map((component) =>
      inFormOf(p.form, splitAlong(twice(wide, component), component, axes[component].axis)),
    );
}

/** As {@link inForm}, to a narrower form. */
function inFormOf(form: CovarianceForm, p: Parameters): Parameters {
  if (form !== 'spherical') return inForm(p, form);
  const covariances = new Float64Array(p.k);
  for (const [i, value] of p.covariances.entries()) covariances[Math.floor(i / p.d)] += value / p.d;
  return { ...p, form, covariances };
}

/** Component `which` of half its weight, and a last one that is its copy. */
function twice(p: Parameters, which: number): Parameters {
  const { form, d } = p;
  const k = p.k + 1;
  const weights = Float64Array.of(...p.weights, p.weights[which] / 2);
  weights[which] /= 2;
  const grown = (values: Float64Array, length: number): Float64Array => {
    const result = new Float64Array(length);
    result.set(values);
    if (length === values.length) return result;
    const size = length - values.length;
    result.copyWithin(values.length, which * size, (which + 1) * size);
    return result;
  };
  const covariances = grown(p.covariances, covarianceLength(form, k, d));
  return { form, k, d, weights, means: grown(p.means, k * d), covariances };
}

/** Of two equal components, `which` and the last, along an axis as long as their standard deviation. */
function splitAlong(p: Parameters, which: number, axis: Float64Array): Parameters {
  const { k, d, means, covariances, form } = p;
  for (const [component, sign] of [
    [which, 1],
    [k - 1, -1],
  ]) {
    for (let i = 0; i < d; i++) {
      const offset = HALF_MEAN * axis[i];
      means[component * d + i] += sign * offset;
      if (form === 'diag') covariances[component * d + i] -= offset * offset;
      else {
        const row = (component * d + i) * d;
        for (let j = 0; j < d; j++) covariances[row + j] -= offset * (HALF_MEAN * axis[j]);
      }
    }
  }
  return p;
}

/** One E-step, and the M-step of the form alone. */
function* unconstrained(kernel: Kernel, data: WholeData, p: Parameters): Asking<Parameters> {
  const mark = kernel.mark();
  const mixture = new KernelMixture(kernel, p.form, p.k, p.d);
  const stack = new StatisticsStack(kernel, statisticsCount(mixture), blockCount(data.rows));
  const regularization = kernel.allocate(p.d);
  kernel.view(regularization, p.d).set(data.regularization);
  mixture.write(p);
  mixture.prepare();
  mStep(mixture, yield* accumulate(mixture, stack, false), regularization, 0);
  const result = mixture.read();
  kernel.release(mark);
  return result;
}

/** The axis along which a component has the largest variance, as a vector one standard deviation long; the variance is relative. */
function longestAxis(
  kernel: Kernel,
  { variance: whole }: WholeData,
  { form, d, covariances }: Parameters,
  component: number,
): { variance: number; axis: Float64Array } {
  const scale = whole.map((v) => (v > 0 ? Math.sqrt(v) : 1));
  const axis = new Float64Array(d);
  if (form === 'diag') {
    const own = covariances.subarray(component * d, (component + 1) * d);
    const relative = own.map((v, j) => v / (scale[j] * scale[j]));
    const longest = relative.indexOf(relative.reduce((a, b) => Math.max(a, b)));
    axis[longest] = Math.sqrt(own[longest]);
    return { variance: relative[longest], axis };
  }
  const mark = kernel.mark();
  const [matrix, vectors, values] = [kernel.allocate(d * d), kernel.allocate(d * d), kernel.allocate(d)];
  const view = kernel.view(matrix, d * d);
  view.set(covariances.subarray(component * d * d, (component + 1) * d * d));
  for (let i = 0; i < d * d; i++) view[i] /= scale[Math.floor(i / d)] * scale[i % d];
  kernel.exports.gmm_eigen(matrix, values, vectors, d);
  const [variance] = kernel.copy(values, 1);
  const first = kernel.copy(vectors, d);
  kernel.release(mark);
  const deviation = Math.sqrt(Math.max(0, variance));
  return { variance, axis: axis.map((_, j) => scale[j] * first[j] * deviation) };
}
