// gaussmix/compat/gaussian-mixture: stands in for npm gaussian-mixture 0.9.1 (one dimension).
// Must not show more than that package does, but for what its README promises and it lacks.
/**
 * Stands in for the npm package gaussian-mixture.
 *
 * @module gaussmix/compat/gaussian-mixture
 */
import { GaussianMixture, GaussmixRangeError, GaussmixTypeError } from '../index.ts';
import { internals } from '../internals.ts';
import { exponential, Factor, logarithms, shares } from './density.ts';
import { Histogram } from './histogram.ts';
import { checkPoint, EmSteps, type FlatParameters, rowSource } from './rows.ts';

const MAX_ITERATIONS = 200;
const TOLERANCE = 1e-7;

type Data = ArrayLike<number> | Histogram;

/** Values and how often each occurs (undefined: once). */
interface Counted {
  readonly values: ArrayLike<number>;
  readonly counts: Float64Array | undefined;
}

/** Density of one component. */
class Gaussian {
  readonly mean: number;
  readonly variance: number;
  readonly standardDeviation: number;

  constructor(mean: number, variance: number) {
    this.mean = mean;
    this.variance = checkVariance(variance);
    this.standardDeviation = Math.sqrt(variance);
  }

  pdf(x: number): number {
    const factor = Factor.of([[this.variance]]) as Factor;
    return exponential(factor.logDensity(checkPoint(x, 1), [this.mean]));
  }
}

/**
 * A mixture of Gaussians in one dimension. `vars` are variances.
 *
 * @example
 * import GMM from 'gaussmix/compat/gaussian-mixture';
 * const gmm = new GMM(2, undefined, [0, 5], [1, 1]);
 * const iterations = gmm.optimize([0.9, 1, 1.3, 0.8, 7.2, 7.4, 6.9, 7.1]);
 * console.log(iterations, gmm.model(), gmm.membership(4));
 */
class GMM {
  static Histogram: typeof Histogram = Histogram;

  nComponents: number;
  /** K */
  weights: number[];
  /** K */
  means: number[];
  /** K */
  vars: number[];
  options: GMM.Options;
  #last: { weights: number[]; vars: number[]; constants: number[] } | undefined;

  /**
   * @param nComponents K
   * @param weights equal by default
   * @param means 0, 1, ... by default
   * @param vars 1 each by default
   * @throws GaussmixRangeError INVALID_PARAMETERS when these are not K each
   */
  constructor(
    nComponents: number,
    weights?: readonly number[],
    means?: readonly number[],
    vars?: readonly number[],
    options?: GMM.Options,
  ) {
    const each = <T>(value: (k: number) => T): T[] => Array.from({ length: nComponents }, (_, k) => value(k));
    this.nComponents = nComponents;
    this.weights = weights === undefined ? each(() => 1 / nComponents) : Array.from(weights);
    this.means = means === undefined ? each((k) => k) : Array.from(means);
    this.vars = vars === undefined ? each(() => 1) : Array.from(vars);
    this.options = options === undefined ? {} : options;
    const lengths = [this.weights.length, this.means.length, this.vars.length];
    if (lengths.some((length) => length !== nComponents)) {
      throw new GaussmixRangeError(
        'INVALID_PARAMETERS',
        `weights, means and vars must have nComponents elements. nComponents is ${nComponents}, they have ${lengths.join(', ')}`,
      );
    }
  }

  /** A mixture from what {@link GMM.model} gives. @throws as the constructor */
  static fromModel(model: GMM.Model, options?: GMM.Options): GMM {
    return new GMM(model.nComponents, model.weights, model.means, model.vars, options);
  }

  /** Weighted mean of numbers. */
  static _barycenter(values: readonly number[], weights: readonly number[]): number {
    let sum = 0;
    let total = 0;
    values.forEach((value, i) => {
      sum += value * weights[i];
      total += weights[i];
    });
    return sum / total;
  }

  /** The parameters. */
  model(): GMM.Model {
    const { nComponents, weights, means, vars } = this;
    return { nComponents, weights, means, vars };
  }

  /** Random numbers from the mixture; other ones at each call, by way of Math.random. */
  sample(nSamples: number): number[] {
    const n = Math.max(0, Math.ceil(Number(nSamples) || 0));
    const seed = Math.floor(Math.random() * 2 ** 53);
    return Array.from(this.#mixture().sample(n, { seed }).data.data);
  }

  /**
   * Probability of each component given a number (K): weight times density, divided by their sum.
   * @param gaussians in place of the components' own: objects with mean and variance, or with pdf(x)
   */
  membership(x: number, gaussians?: readonly GMM.Gaussian[]): number[] {
    const value = checkPoint(x, 1)[0];
    if (gaussians) return this.#membershipOf(value, gaussians);
    const logs = this.#logConstants().slice();
    for (let component = 0; component < logs.length; component++) {
      const distance = value - this.means[component];
      logs[component] -= (distance * distance) / this.vars[component] / 2;
    }
    return shares(logs);
  }

  #membershipOf(value: number, gaussians: readonly GMM.Gaussian[]): number[] {
    const k = this.nComponents;
    // ln w_k and ln v_k: the density is exp(-s_k / 2) / sqrt(2 pi v_k), and 2 pi falls out.
    const logs = this.weights.slice(0, k);
    const squares: number[] = [];
    for (let component = 0; component < k; component++) {
      const { mean, variance } = gaussians[component];
      if (typeof mean === 'number' && typeof variance === 'number') {
        logs.push(checkVariance(variance));
        squares.push(((value - mean) * (value - mean)) / variance);
      } else {
        const density = gaussians[component].pdf?.(value) ?? Number.NaN;
        logs.push(1 / (density * density));
        squares.push(0);
      }
    }
    logarithms(logs);
    for (let component = 0; component < k; component++) {
      logs[component] -= (logs[k + component] + squares[component]) / 2;
    }
    logs.length = k;
    return shares(logs);
  }

  /** ln w_k - ln v_k / 2, remembered: weights and variances, which users may write into, are compared. */
  #logConstants(): readonly number[] {
    const { weights, vars } = this;
    const last = this.#last;
    if (last && isSame(last.weights, weights) && isSame(last.vars, vars)) return last.constants;
    const k = this.nComponents;
    const logs = logarithms([...weights, ...vars.map(checkVariance)]);
    const constants = weights.map((_, component) => logs[component] - logs[k + component] / 2);
    this.#last = { weights: weights.slice(), vars: vars.slice(), constants };
    return constants;
  }

  /** {@link membership} of each number (N x K). */
  memberships(data: ArrayLike<number>, gaussians?: readonly GMM.Gaussian[]): number[][] {
    if (gaussians) return Array.from(data, (x) => this.membership(x, gaussians));
    if (data.length === 0) return [];
    return this.#mixture()
      .predictProba(data as number[])
      .toArray();
  }

  /** {@link membership} of each bin, by its key. */
  _membershipsHistogram(h: Histogram, gaussians?: readonly GMM.Gaussian[]): Record<string, number[]> {
    const entries = Object.keys(h.counts).map((key) => [key, this.membership(h.value(key), gaussians)]);
    return Object.fromEntries(entries);
  }

  /** Densities of the components. */
  _gaussians(): Gaussian[] {
    return this.means.map((mean, component) => new Gaussian(mean, this.vars[component]));
  }

  /**
   * Log-likelihood of all data (nats). The same for a histogram and for the numbers it stands for, to the last bit but
   * one: it is summed in twice the working precision.
   * @throws GaussmixTypeError INVALID_DATA for anything but an array or a Histogram
   */
  logLikelihood(data: Data): number {
    const { values, counts } = counted(data);
    if (values.length === 0) return 0;
    const logs = this.#mixture().scoreSamples(values as number[]);
    const sum = this.#weightSum();
    const shift = sum === 1 ? 0 : logarithms([sum])[0];
    if (shift !== 0) for (let i = 0; i < logs.length; i++) logs[i] += shift;
    return preciseSum(logs, counts);
  }

  /**
   * EM until the log-likelihood of all data changes by no more than the tolerance, with the priors of the options.
   * @returns number of iterations
   * @throws GaussmixTypeError INVALID_DATA for anything but an array or a Histogram; GaussmixError for numbers that are not
   * finite
   */
  optimize(data: Data, maxIterations?: number, logLikelihoodTol?: number): number {
    return this.#optimize(counted(data), maxIterations, logLikelihoodTol);
  }

  _optimize(data: ArrayLike<number>, maxIterations?: number, logLikelihoodTol?: number): number {
    return this.optimize(data, maxIterations, logLikelihoodTol);
  }

  _optimizeHistogram(h: Histogram, maxIterations?: number, logLikelihoodTol?: number): number {
    return this.optimize(h, maxIterations, logLikelihoodTol);
  }

  /** One EM iteration. */
  _updateModel(data: ArrayLike<number>): void {
    this.#iterate(counted(data), 1, TOLERANCE);
  }

  /** One EM iteration. */
  _updateModelHistogram(h: Histogram): void {
    this.#iterate(counted(h), 1, TOLERANCE);
  }

  /**
   * Moves the means to numbers of the data that lie apart (k-means++, Arthur and Vassilvitskii 2007), ascending; the
   * same ones for the same data.
   * @throws GaussmixRangeError TOO_FEW_ROWS
   */
  initialize(data: Data): number[] {
    this.means = seeds(counted(data), this.nComponents);
    return this.means;
  }

  _initialize(data: ArrayLike<number>): number[] {
    return this.initialize(data);
  }

  _initializeHistogram(h: Histogram): number[] {
    return this.initialize(h);
  }

  #optimize(data: Counted, maxIterations: number = MAX_ITERATIONS, tolerance: number = TOLERANCE): number {
    if (this.options.initialize) this.means = seeds(data, this.nComponents);
    return this.#iterate(data, maxIterations, tolerance);
  }

  #iterate({ values, counts }: Counted, maxIterations: number, tolerance: number): number {
    // Refuses variances that are none.
    this._gaussians();
    const total = counts ? counts.reduce((a, b) => a + b, 0) : values.length;
    const source = rowSource(values, 'data');
    return EmSteps.on({ source, weights: counts, form: 'diag', k: this.nComponents }, (steps) => {
      steps.startAt({
        weights: Float64Array.from(this.weights),
        means: Float64Array.from(this.means),
        covariances: Float64Array.from(this.vars),
      });
      const step = (): void => {
        steps.maximization();
        if (this.#hasPriors()) steps.startAt(this.#withPriors(steps.parameters()));
      };
      let previous = Number.NEGATIVE_INFINITY;
      let iterations = 0;
      if (maxIterations > 0) steps.expectation();
      while (iterations < maxIterations) {
        step();
        iterations++;
        if (iterations >= maxIterations) break;
        const logLikelihood = total * steps.expectation();
        if (!(Math.abs(logLikelihood - previous) > tolerance)) {
          // What this E-step gathered is there to be used.
          step();
          break;
        }
        previous = logLikelihood;
      }
      const { weights, means, covariances } = steps.parameters();
      this.weights = Array.from(weights);
      this.means = Array.from(means);
      this.vars = Array.from(covariances);
      return iterations;
    });
  }

  #hasPriors(): boolean {
    const { separationPrior, separationPriorRelevance, variancePrior, variancePriorRelevance } = this.options;
    return Boolean(
      (separationPrior && separationPriorRelevance) || (variancePrior && variancePriorRelevance),
    );
  }

  /**
   * Draws an M-step's result towards the priors: each component keeps the share weight / (weight + relevance) of its own.
   * Means at the separation wished for lie about the centre of all.
   */
  #withPriors({ weights, means, covariances }: FlatParameters): FlatParameters {
    const { separationPrior, separationPriorRelevance, variancePrior, variancePriorRelevance } = this.options;
    const newMeans = means.slice();
    const variances = covariances.slice();
    if (separationPrior && separationPriorRelevance) {
      const wished = means.map((_, component) => component * separationPrior);
      const centre = GMM._barycenter([...means], [...weights]);
      const wishedCentre = GMM._barycenter([...wished], [...weights]);
      means.forEach((mean, component) => {
        const own = weights[component] / (weights[component] + separationPriorRelevance);
        newMeans[component] = centre + own * (mean - centre) + (1 - own) * (wished[component] - wishedCentre);
        // The variance is about the mean, wherever that is.
        variances[component] += (mean - newMeans[component]) * (mean - newMeans[component]);
      });
    }
    if (variancePrior && variancePriorRelevance) {
      variances.forEach((variance, component) => {
        const own = weights[component] / (weights[component] + variancePriorRelevance);
        variances[component] = own * variance + (1 - own) * variancePrior;
      });
    }
    return { weights, means: newMeans, covariances: variances };
  }

  #weightSum(): number {
    return this.weights.reduce((a, b) => a + b, 0);
  }

  /** The library's mixture of these parameters, weights summing to one. */
  #mixture(): GaussianMixture {
    const sum = this.#weightSum();
    return GaussianMixture.fromParameters({
      weights: sum === 1 ? this.weights : this.weights.map((weight) => weight / sum),
      means: this.means.map((mean) => [mean]),
      covariances: this._gaussians().map(({ variance }) => [variance]),
      covarianceType: 'diag',
    });
  }
}

declare namespace GMM {
  /** Priors of {@link GMM.optimize}; a relevance of 1 counts as much as the data does, 0 not at all. */
  interface Options {
    /** Variance that the components are drawn to. */
    variancePrior?: number | undefined;
    variancePriorRelevance?: number | undefined;
    /** Distance between neighbours that the means are drawn to. */
    separationPrior?: number | undefined;
    separationPriorRelevance?: number | undefined;
    /** Let optimize begin with {@link GMM.initialize}. */
    initialize?: boolean | undefined;
  }
  interface Model {
    nComponents: number;
    weights: number[];
    means: number[];
    vars: number[];
  }
  type Histogram = InstanceType<typeof GMM.Histogram>;
  /** A component's density: with mean and variance, or only pdf. */
  interface Gaussian {
    readonly mean?: number | undefined;
    readonly variance?: number | undefined;
    pdf?(x: number): number;
  }
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function checkVariance(variance: number): number {
  if (variance > 0 && variance < Number.POSITIVE_INFINITY) return variance;
  throw new GaussmixRangeError('NOT_POSITIVE_DEFINITE', `Variance must be > 0 (but was ${variance})`);
}

function counted(data: Data): Counted {
  if (data instanceof Histogram) {
    const keys = Object.keys(data.counts);
    const counts = Float64Array.from(keys, (key) => data.counts[key]);
    const bad = counts.findIndex((count) => !(count >= 0 && count < Number.POSITIVE_INFINITY));
    if (bad >= 0) {
      throw new GaussmixRangeError(
        'INVALID_DATA',
        `counts[${JSON.stringify(keys[bad])}] is ${counts[bad]}; a count is a finite number >= 0`,
      );
    }
    return { values: keys.map((key) => data.value(key)), counts };
  }
  if (Array.isArray(data) || ArrayBuffer.isView(data))
    return { values: data as ArrayLike<number>, counts: undefined };
  throw new GaussmixTypeError('INVALID_DATA', 'Data must be an Array of a Histogram.');
}

/** K values, the first by its count, each further one by count times squared distance to the nearest so far. */
function seeds({ values, counts }: Counted, k: number): number[] {
  const n = counts ? counts.reduce((a, b) => a + b, 0) : values.length;
  if (n < k) {
    throw new GaussmixRangeError(
      'TOO_FEW_ROWS',
      `Data must have more points than the number of components in the model. It has ${n}, for ${k} components`,
    );
  }
  const random = new internals.Random(0);
  const shares = counts ? counts.slice() : new Float64Array(values.length).fill(1);
  const nearest = new Float64Array(values.length).fill(Number.POSITIVE_INFINITY);
  const chosen: number[] = [];
  while (chosen.length < k) {
    const seed = values[draw(shares, random.uniform())];
    chosen.push(seed);
    for (let i = 0; i < values.length; i++) {
      const distance = values[i] - seed;
      nearest[i] = Math.min(nearest[i], distance * distance);
      shares[i] = nearest[i] * (counts ? counts[i] : 1);
    }
  }
  return chosen.sort((a, b) => a - b);
}

/** The index whose part of the shares' sum holds u, from [0, 1); the last one where all are zero. */
function draw(shares: Float64Array, u: number): number {
  let rest = u * shares.reduce((a, b) => a + b, 0);
  let last = shares.length - 1;
  for (let i = 0; i < shares.length; i++) {
    if (!(shares[i] > 0)) continue;
    last = i;
    rest -= shares[i];
    if (rest < 0) break;
  }
  return last;
}

/** 2^27 + 1 splits a double into halves. */
const SPLITTER = 134217729;

/**
 * sum_i counts_i values_i as if in twice the working precision (Ogita, Rump and Oishi 2005, algorithm Dot2).
 */
function preciseSum(values: Float64Array, counts: Float64Array | undefined): number {
  let sum = 0;
  let lost = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    const count = counts ? counts[i] : 1;
    const product = value * count;
    const [vh, ch] = [high(value), high(count)];
    const [vl, cl] = [value - vh, count - ch];
    lost += vl * cl - (product - vh * ch - vl * ch - vh * cl);
    const next = sum + product;
    const part = next - sum;
    lost += sum - (next - part) + (product - part);
    sum = next;
  }
  return sum + lost;
}

function high(value: number): number {
  const scaled = SPLITTER * value;
  return scaled - (scaled - value);
}

export default GMM;
export { Histogram };
