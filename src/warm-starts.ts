// Starts of a cell of a consistent grid: the solution of a model within its own, and that of fewer components, one of them split.
// Must not iterate EM, nor choose among starts.
import type { WholeData } from './estimator.ts';
import type { Kernel } from './kernel.ts';
import type { CovarianceForm } from './options.ts';
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
}

/** Components that are tried, those with the largest share of the spread first. */
const MOST_SPLITS = 8;
/** Halves of a normal distribution cut at its mean have means 0.8 standard deviations from it: sqrt(2 / pi). */
const HALF_MEAN = 0.7978845608028654;

/** The same mixture, its covariances in the shape of a form that contains its own. */
export function inForm(p: Parameters, form: CovarianceForm): Parameters {
  if (p.form === form) return p;
  const full = new Float64Array(p.k * p.d * p.d);
  for (const [component, { data }] of expandCovariances(p).entries()) full.set(data, component * p.d * p.d);
  return { ...p, form, covariances: projectCovariances(form, full, p.weights, p.d) };
}

/** A mixture of one component more that has the same density: the heaviest component twice, at half its weight. */
export function doubled(p: Parameters): Parameters {
  const heaviest = p.weights.indexOf(p.weights.reduce((a, b) => Math.max(a, b)));
  return twice(p, heaviest);
}

/**
 * Mixtures of one component more. Each splits a component along the axis on which its rows spread most, in standard deviations
 * of the data, as if cut at its mean; the pair has its mean and covariance. Covariances are those of the rows of each component (one
 * pass), which need not be of any model.
 */
export function* splits(kernel: Kernel, data: WholeData, p: Parameters): Asking<Parameters[]> {
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
