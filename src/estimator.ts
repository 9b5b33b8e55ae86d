// A mixture under estimation on rows in kernel memory: the E-step and M-step of the loop in em.ts, and the repair of
// components that collapse. Must not decide when to stop.

import { type CovarianceForm, type CovarianceModel, formOf } from './covariance-models.ts';
import { naturalLogarithms } from './elementary.ts';
import type { Estimator } from './em.ts';
import { GaussmixRangeError } from './errors.ts';
import { BLOCK, type Kernel } from './kernel.ts';
import type { PriorSettings } from './options.ts';
import { covarianceLength, KernelMixture, ModelConstraint, type Parameters } from './parameters.ts';
import {
  type Asking,
  accumulate,
  blockCount,
  gatherCopy,
  moments,
  mStep,
  observed,
  StatisticsStack,
  statisticsCount,
  worstRows,
} from './passes.ts';
import { ConjugatePrior } from './prior.ts';

/** 'auto' adds this share of each feature's variance to every covariance diagonal. */
const AUTO_REGULARIZATION = 1e-6;
/** A variance (full: a Cholesky pivot) at or below this share of the feature's variance is singular. */
const SINGULAR = 2 ** -50;
/** First share of the feature variances that a singular component's diagonal is raised by; 16 times more each try. */
const FIRST_FLOOR = 2 ** -48;
/** A component whose share of the rows is at or below this has lost them all: 10 units of rounding. */
export const EMPTY: number = 10 * 2 ** -52;
/** A number added to the diagonal that is at least this share of the variance makes any covariance regular. */
const SURELY_REGULAR = 1e-11;
/** Smallest variance whose reciprocal and square root stay finite in every product the kernel forms. */
export const SMALLEST_VARIANCE = 1e-290;

/** Rows looked at for a first guess of the columns' means where values are missing. */
export const FIRST_ROWS = 64;
/** ln(2 pi e): minus twice the mean log-density of a standard normal. */
const NORMAL_ENTROPY = 2.8378770664093453;

/** Squared distance of the first row from the mean, in variances, at which variances about it lose two digits. */
const NEAR = 100;

/** Shares of all pairs of row and component that are active, up to which passes compute these alone (on, then off). */
const ACTIVE_ON = 0.4;
const ACTIVE_OFF = 0.5;
/** Active pairs per row up to which they do: blocks take 16 on average (docs/ABI.md). */
const ACTIVE_LIMIT = 12;
/** Operations per row in a dense pass from which on skipping some is worth the sorting. */
const PRUNABLE_WORK = 800;
/** What passes over active pairs remember may take so many bytes, or a quarter of what the rows take. */
const PRUNING_BYTES = 16 * 1024 * 1024;

/** What is added to covariance diagonals: a number, 'auto', or what a feature of that variance needs. */
export type Regularization = number | 'auto' | ((variance: number) => number);

/** Whether passes over active pairs alone can pay, by sizes: there must be a whole block to estimate from. */
function prunable(form: CovarianceForm, k: number, d: number, rows: number): boolean {
  const work = form === 'full' ? k * d * d : k * d;
  const bytesPerRow = 2 + k / 4;
  const fits = bytesPerRow <= 2 * d || bytesPerRow * rows <= PRUNING_BYTES;
  return rows >= BLOCK && k <= 65535 && work >= PRUNABLE_WORK && fits;
}

/** Moments of the whole data. */
export interface KnownMoments {
  /** Sum of the sample weights. */
  readonly total: number;
  readonly mean: Float64Array;
  readonly variance: Float64Array;
  readonly covariance: Float64Array | undefined;
}

/** What is known of the whole data before a fit: weighted mean and variances, and what follows from them. */
export class WholeData {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
  /** Added to each covariance diagonal at each M-step (D). */
  readonly regularization: Float64Array;
  /** Number of rows. */
  readonly rows: number;
  /** Sum of the sample weights; without any, the number of rows. */
  readonly total: number;
  /** Values are missing. */
  readonly missing: boolean = false;
  readonly #kernel: Kernel;
  #covariance: Float64Array | undefined;

  private constructor(
    kernel: Kernel,
    rows: number,
    { total, mean }: { readonly total: number; readonly mean: Float64Array },
    variance: Float64Array,
    regularization: Regularization,
    missing: boolean = false,
  ) {
    this.missing = missing;
    this.#kernel = kernel;
    this.rows = rows;
    this.total = total;
    this.mean = mean;
    this.variance = variance;
    this.regularization = variance.map((v) => {
      if (typeof regularization === 'function') return regularization(v);
      return regularization === 'auto' ? AUTO_REGULARIZATION * v : regularization;
    });
  }

  /**
   * Two passes over the rows: about the first row, then about the mean found, so that an offset costs no digits.
   * A regularisation that is a function answers for data without spread: none is refused then, and the variances found in
   * the first pass will do where they have lost less than two digits.
   * Where values are missing, mean and variance of a column are those of its observed values.
   * @param mayBeSingular features may depend on each other, whatever the model: a prior keeps covariances regular
   * @param mayMiss values may be missing: one more pass finds out
   * @throws GaussmixRangeError DEGENERATE_DATA when no covariance of the model can be estimated from the data
   */
  static *of(
    kernel: Kernel,
    rows: number,
    d: number,
    model: CovarianceModel,
    regularization: Regularization,
    label: (feature: number) => string,
    mayBeSingular: boolean = false,
    mayMiss: boolean = false,
  ): Asking<WholeData> {
    if (mayMiss) {
      const found = yield* observed(kernel, rows, d);
      if (found.missing > 0) {
        const data = yield* WholeData.#ofObserved(kernel, rows, found.weight, regularization, label);
        if (typeof regularization !== 'function') yield* data.#check(mayBeSingular ? 'diag' : model, label);
        return data;
      }
    }
    const firstRow = yield* gatherCopy(kernel, Float64Array.of(0), d);
    const about = yield* moments(kernel, rows, 'diag', firstRow);
    const { mean } = about;
    const near = (v: number, j: number): boolean =>
      (firstRow[j] - mean[j]) * (firstRow[j] - mean[j]) <= NEAR * v;
    const once = typeof regularization === 'function' && about.covariance.every(near);
    const { covariance } = once ? about : yield* moments(kernel, rows, 'diag', mean);
    const variance = covariance.map((v) => Math.max(0, v));
    const data = new WholeData(kernel, rows, about, variance, regularization);
    data.#checkFinite(label);
    if (typeof regularization !== 'function') yield* data.#check(mayBeSingular ? 'diag' : model, label);
    return data;
  }

  /** From the observed values of each column, of the given weights. */
  static *#ofObserved(
    kernel: Kernel,
    rows: number,
    weight: Float64Array,
    regularization: Regularization,
    label: (feature: number) => string,
  ): Asking<WholeData> {
    const d = weight.length;
    const never = weight.findIndex((value) => !(value > 0));
    if (never >= 0) {
      throw new GaussmixRangeError(
        'DEGENERATE_DATA',
        `${label(never)} has no value in any row (of positive weight): leave the column out`,
      );
    }
    const numbers = Float64Array.from({ length: Math.min(rows, FIRST_ROWS) }, (_, row) => row);
    const values = yield* gatherCopy(kernel, numbers, d);
    const zeros = new Float64Array(d);
    // A value of each column, so that an offset costs no digits.
    const reference = zeros.map((_, j) => {
      for (let at = j; at < values.length; at += d) if (!Number.isNaN(values[at])) return values[at];
      return 0;
    });
    // Missing values as far from the reference as it is from itself: the sums are those of the observed values.
    const about = function* (point: Float64Array) {
      const { total, mean, covariance } = yield* moments(kernel, rows, 'diag', point, zeros);
      const delta = mean.map((value, j) => ((value - point[j]) * total) / weight[j]);
      return {
        total,
        mean: point.map((value, j) => value + delta[j]),
        variance: covariance.map((v, j) => {
          const all = (mean[j] - point[j]) * (mean[j] - point[j]);
          return Math.max(0, ((v + all) * total) / weight[j] - delta[j] * delta[j]);
        }),
      };
    };
    const { mean } = yield* about(reference);
    const { total, variance } = yield* about(mean);
    const data = new WholeData(kernel, rows, { total, mean }, variance, regularization, true);
    data.#checkFinite(label);
    return data;
  }

  /**
   * What each missing feature adds to a row's log-density where rows are compared: the mean log-density of a normal distribution of the
   * column's variance, so that a row is not thought badly explained for the values it has, nor well for those it lacks.
   */
  get credit(): Float64Array | undefined {
    if (!this.missing) return undefined;
    const logs = naturalLogarithms(this.variance.map((v) => (v > 0 ? v : 1)));
    return logs.map((value) => -0.5 * (NORMAL_ENTROPY + value));
  }

  /** Rows in which what is missing is replaced by the column's mean; row-major. */
  filled(rows: Float64Array): Float64Array {
    const d = this.mean.length;
    return rows.map((value, i) => (Number.isNaN(value) ? this.mean[i % d] : value));
  }

  /**
   * Of data that is elsewhere, from moments found otherwise. Checked as {@link WholeData.of} does.
   * @param known variances (D), and the covariance (D, D) unless covariances of the model lie along the axes
   */
  static *known(
    kernel: Kernel,
    rows: number,
    known: KnownMoments,
    model: CovarianceModel,
    regularization: Regularization,
    label: (feature: number) => string,
    mayBeSingular: boolean,
  ): Asking<WholeData> {
    const data = new WholeData(kernel, rows, known, known.variance, regularization);
    data.#covariance = known.covariance;
    data.#checkFinite(label);
    yield* data.#check(mayBeSingular ? 'diag' : model, label);
    return data;
  }

  /**
   * Covariance of the whole data (D, D), without regularisation: one more pass, the first time it is asked for. Where values are missing: the
   * first EM iteration from independent columns, whose diagonal has the variances, and which is positive definite.
   */
  *covariance(): Asking<Float64Array> {
    const variance = this.missing ? this.variance : undefined;
    this.#covariance ??= (yield* moments(this.#kernel, this.rows, 'full', this.mean, variance)).covariance;
    return this.#covariance;
  }

  #checkFinite(label: (feature: number) => string): void {
    const overflow = this.variance.findIndex((v) => !Number.isFinite(v));
    if (overflow >= 0) {
      throw new GaussmixRangeError(
        'INVALID_VALUE',
        `${label(overflow)}: the sum of weighted squares overflows; rescale the column or the sample weights`,
      );
    }
  }

  *#check(model: CovarianceModel, label: (feature: number) => string): Asking<void> {
    const form = formOf(model);
    const total = this.variance.map((v, j) => v + this.regularization[j]);
    const advice = "pass a larger `regularization`, or use covarianceType 'diag' or 'spherical'";
    const constant = total.findIndex((v) => v < SMALLEST_VARIANCE);
    if (constant >= 0 && this.variance[constant] > 0 && form !== 'spherical') {
      throw new GaussmixRangeError(
        'DEGENERATE_DATA',
        `${label(constant)} varies too little (or one row outweighs all others): its variance, ${this.variance[constant]}, is too ` +
          'small to compute with. Rescale the column',
      );
    }
    if (constant >= 0 && (form !== 'spherical' || total.every((v) => v < SMALLEST_VARIANCE))) {
      throw new GaussmixRangeError(
        'DEGENERATE_DATA',
        total.every((v) => v < SMALLEST_VARIANCE)
          ? `${this.missing ? 'the observed values of each column' : 'all rows'} are equal: there is no spread to fit. Pass a ` +
              'positive `regularization` to fit them nevertheless'
          : `${label(constant)} has the same value in every row, so it has no variance: leave the column out, or pass a ` +
              'positive `regularization`',
      );
    }
    if (form === 'diag' || form === 'spherical') return;
    if (this.regularization.every((value, j) => value > SURELY_REGULAR * this.variance[j])) return;
    const failed = this.#singularFeature(yield* this.covariance());
    if (failed < 0) return;
    throw new GaussmixRangeError(
      'DEGENERATE_DATA',
      `${label(failed)} is, to rounding, a linear combination of the columns before it, so a '${model}' covariance is ` +
        `singular: leave the column out, ${advice}`,
    );
  }

  #singularFeature(covariance: Float64Array): number {
    const d = this.mean.length;
    const kernel = this.#kernel;
    const mark = kernel.mark();
    const matrix = kernel.allocate(d * d);
    const view = kernel.view(matrix, d * d);
    view.set(covariance);
    for (let j = 0; j < d; j++) view[j * d + j] += this.regularization[j];
    const failed = kernel.exports.gmm_cholesky(matrix, matrix, 0, d);
    kernel.release(mark);
    return failed - 1;
  }
}

/** All that an estimator remembers from one iteration to the next: with the same data, what it goes on from. */
export interface EstimatorState {
  readonly parameters: Parameters;
  /** The best parameters so far and their log-likelihood. */
  readonly kept: Float64Array;
  readonly keptLogLikelihood: number;
  readonly meanLogLikelihood: number;
  readonly iteration: number;
  /** Whether the next pass is over active pairs. */
  readonly active: boolean;
  /** K: shares of the feature variances that diagonals are raised by. */
  readonly raised: Float64Array;
  /** Components that have started again. */
  readonly reseeded: readonly number[];
  readonly warnings: readonly string[];
}

/** One restart: a mixture that starts somewhere and is improved in place. */
export class MixtureEstimator implements Estimator {
  readonly mixture: KernelMixture;
  readonly #model: CovarianceModel;
  readonly #constraint: ModelConstraint;
  readonly #data: WholeData;
  readonly #stack: StatisticsStack;
  readonly #regularization: number;
  readonly #floor: number;
  /** Per component: the share of the feature variances its diagonal is raised by, once it has been singular. */
  readonly #raised: Float64Array;
  readonly #reseeded: Set<number> = new Set();
  #warnings: string[] = [];
  #statistics: number = 0;
  #iteration: number = 0;
  /** Address of the parameters remembered. */
  readonly #kept: number;
  #hasKept: boolean = false;
  #prior: ConjugatePrior | undefined;
  #meanLogLikelihood: number = Number.NEGATIVE_INFINITY;
  #keptLogLikelihood: number = Number.NEGATIVE_INFINITY;
  readonly #mayPrune: boolean;
  #active: boolean = false;

  /** Doubles that an estimator takes in kernel memory. */
  static size(kernel: Kernel, model: CovarianceModel, k: number, d: number, rows: number): number {
    const form = formOf(model);
    const count = 3 + k + k * d + covarianceLength(form, k, d);
    const mixture = KernelMixture.size(kernel, form, k, d) + ModelConstraint.size(kernel, model, k, d);
    const kept = k * (1 + d) + covarianceLength(form, k, d) + 4;
    return mixture + StatisticsStack.size(count, blockCount(rows)) + kept + 2 * d + 8;
  }

  constructor(kernel: Kernel, data: WholeData, model: CovarianceModel, k: number) {
    const d = data.mean.length;
    const form = formOf(model);
    this.mixture = new KernelMixture(kernel, form, k, d);
    this.#model = model;
    this.#constraint = new ModelConstraint(this.mixture, model);
    this.#kept = kernel.allocate(this.mixture.parameterCount);
    this.#data = data;
    this.#stack = new StatisticsStack(kernel, statisticsCount(this.mixture), blockCount(data.rows));
    this.#regularization = kernel.allocate(d);
    this.#floor = kernel.allocate(d);
    this.#raised = new Float64Array(k);
    this.#mayPrune = !data.missing && prunable(form, k, d, data.rows);
    kernel.view(this.#regularization, d).set(data.regularization);
    kernel.view(this.#floor, d).set(data.variance.map((v) => SINGULAR * v));
    if (form === 'spherical') kernel.f64[this.#floor / 8] = SINGULAR * meanOf(data.variance);
  }

  /**
   * From now on the posterior is maximised.
   * @param total sum of the sample weights
   * @throws GaussmixRangeError for a prior that does not go with the data
   */
  *setPrior(settings: PriorSettings, model: CovarianceModel, total: number): Asking<ConjugatePrior> {
    this.#prior = yield* ConjugatePrior.of(settings, this.mixture, model, this.#data, total);
    return this.#prior;
  }

  /**
   * Takes over start parameters, their covariances brought to the model unless they are of it: models that iterate would move them a
   * little further. Singular ones are raised as in an M-step.
   * @param found in the data, by an M-step: a prior has its share in them
   */
  start(parameters: Parameters, found: boolean = false): void {
    this.#raised.fill(0);
    this.#reseeded.clear();
    this.#warnings = [];
    this.#iteration = 0;
    this.#active = false;
    this.#hasKept = false;
    this.mixture.write(parameters);
    this.#constraint.read();
    this.#prior?.start(parameters.weights, found ? this.#constraint.covariances : undefined);
    this.#prepare(parameters.ofModel !== this.#model);
  }

  /** A copy of its state, between two iterations. */
  save(): EstimatorState {
    return {
      parameters: this.mixture.read(),
      kept: this.mixture.kernel.copy(this.#kept, this.mixture.parameterCount),
      keptLogLikelihood: this.#keptLogLikelihood,
      meanLogLikelihood: this.#meanLogLikelihood,
      iteration: this.#iteration,
      active: this.#active,
      raised: this.#raised.slice(),
      reseeded: [...this.#reseeded],
      warnings: [...this.#warnings],
    };
  }

  /** Goes on from a saved state. */
  resume(state: EstimatorState): void {
    this.mixture.kernel.view(this.#kept, state.kept.length).set(state.kept);
    this.#keptLogLikelihood = state.keptLogLikelihood;
    this.#meanLogLikelihood = state.meanLogLikelihood;
    this.#iteration = state.iteration;
    this.#active = state.active;
    this.#raised.set(state.raised);
    this.#reseeded.clear();
    for (const component of state.reseeded) this.#reseeded.add(component);
    this.#warnings = [...state.warnings];
    // They were made regular when they were estimated: factors come out as they were.
    this.mixture.write(state.parameters);
    this.mixture.prepare(this.#floor);
  }

  /** Mean log-likelihood of the parameters that were last asked for theirs, or restored: with a prior, without it. */
  get meanLogLikelihood(): number {
    return this.#meanLogLikelihood;
  }

  get repaired(): boolean {
    return this.#iteration > 0 && this.#warnings.length > 0;
  }

  /** Components whose covariance has been singular since the start. */
  get singular(): readonly number[] {
    const components: number[] = [];
    this.#raised.forEach((share, component) => void (share > 0 && components.push(component)));
    return components;
  }

  /** What was repaired since the start, one sentence each. */
  takeWarnings(): readonly string[] {
    return this.#warnings;
  }

  *expectation(): Asking<number> {
    this.#statistics = yield* accumulate(this.mixture, this.#stack, false, this.#active);
    this.#chooseActive();
    return this.#objective(this.#statistics);
  }

  *objective(): Asking<number> {
    return this.#objective(yield* accumulate(this.mixture, this.#stack, true, this.#active));
  }

  /**
   * Whether the next pass computes active pairs alone, from how many this one had: a count, which is the same however
   * rows are divided. Off and on lie apart, so that a fit on the edge does not change to and fro.
   */
  #chooseActive(): void {
    if (!this.#mayPrune) return;
    const { kernel, k } = this.mixture;
    const pairs = kernel.f64[this.#statistics / 8 + this.#stack.count - 1];
    // Dense passes count in full blocks only.
    const rows = this.#active ? this.#data.rows : this.#data.rows - (this.#data.rows % BLOCK);
    const perRow = pairs / rows;
    this.#active = this.#active
      ? perRow <= Math.min(ACTIVE_OFF * k, ACTIVE_LIMIT)
      : perRow <= Math.min(ACTIVE_ON * k, ACTIVE_LIMIT);
  }

  #objective(statistics: number): number {
    const { f64 } = this.mixture.kernel;
    const total = f64[statistics / 8];
    this.#meanLogLikelihood = f64[statistics / 8 + 1] / total;
    return this.#prior ? this.#meanLogLikelihood + this.#prior.logDensity() / total : this.#meanLogLikelihood;
  }

  *maximization(): Asking<void> {
    this.#iteration++;
    const { kernel, k } = this.mixture;
    const total = kernel.f64[this.#statistics / 8];
    // Empty components keep their covariance.
    this.#constraint.read();
    const { covariances } = this.#constraint;
    const empty = mStep(this.mixture, this.#statistics, this.#regularization, EMPTY * total, covariances);
    // The counts of the components come after the sums of weights and log-likelihoods.
    this.#prior?.maximize(this.#statistics + 16, covariances);
    for (let component = 0; component < k; component++) {
      if (this.#raised[component] > 0) this.#raise(component, this.#raised[component]);
    }
    // Under a prior a component without rows is at its mode; moving it would lower what is maximised.
    if (empty > 0 && this.#prior) this.#warnEmpty();
    else if (empty > 0) yield* this.#reseedEmpty(total);
    this.#prepare();
  }

  #warnEmpty(): void {
    for (let component = 0; component < this.mixture.k; component++) {
      if (this.mixture.statusOf(component) === 0 || this.#reseeded.has(component)) continue;
      this.#reseeded.add(component);
      this.#warnings.push(
        `iteration ${this.#iteration}: component ${component} has lost all its rows, and stays where the prior is largest; ask for ` +
          'fewer components',
      );
    }
  }

  keep(): void {
    this.mixture.copyTo(this.#kept);
    this.#hasKept = true;
    this.#keptLogLikelihood = this.#meanLogLikelihood;
  }

  restore(): void {
    if (!this.#hasKept) return;
    this.mixture.copyFrom(this.#kept);
    this.mixture.prepare(this.#floor);
    this.#meanLogLikelihood = this.#keptLogLikelihood;
  }

  /**
   * Brings covariances to the model and factorises; raises the diagonal of singular ones until none is left.
   * @param constrain false: they are of the model already
   */
  #prepare(constrain: boolean = true): void {
    const { mixture } = this;
    const singular: number[] = [];
    const shares = this.#prior?.shares;
    if (constrain) this.#constraint.apply(shares);
    while (mixture.prepare(this.#floor) > 0) {
      for (let component = 0; component < mixture.k; component++) {
        if (mixture.statusOf(component) === 0) continue;
        if (this.#raised[component] === 0) singular.push(component);
        const share = this.#raised[component] === 0 ? FIRST_FLOOR : 16 * this.#raised[component];
        // Beyond 1 the diagonal of the whole data takes over, which WholeData has found regular.
        if (share > 1) this.#setDiagonal(component);
        // Where that was not enough, components that share a volume or a shape with this one are to blame.
        if (share > 16) for (let other = 0; other < mixture.k; other++) this.#setDiagonal(other);
        if (share <= 1) this.#raise(component, share - this.#raised[component]);
        this.#raised[component] = share;
        if (mixture.form === 'tied') break;
      }
      this.#constraint.apply(shares);
    }
    if (singular.length > 0) this.#warnSingular(singular);
  }

  #warnSingular(components: readonly number[]): void {
    const list = components.join(', ');
    const which =
      this.mixture.form === 'tied'
        ? 'the tied covariance'
        : components.length === 1
          ? `the covariance of component ${list}`
          : `the covariances of components ${list}`;
    this.#warnings.push(
      `iteration ${this.#iteration}: ${which} became singular; raised by the smallest share of the feature variances ` +
        "that makes a regular one. Fewer components or regularization: 'auto' avoid this",
    );
  }

  /** Adds a share of the whole data's feature variances to a component's diagonal, and lifts it above zero. */
  #raise(component: number, share: number): void {
    const { kernel, form, d } = this.mixture;
    const { covariances } = this.#constraint;
    const { variance } = this.#data;
    const { f64 } = kernel;
    const base = covariances / 8;
    if (form === 'spherical') {
      f64[base + component] = Math.max(0, f64[base + component]) + share * meanOf(variance);
      return;
    }
    for (let j = 0; j < d; j++) {
      const at =
        form === 'diag'
          ? base + component * d + j
          : base + (form === 'full' ? component * d * d : 0) + j * d + j;
      f64[at] = Math.max(0, f64[at]) + share * variance[j];
    }
  }

  /**
   * Components without rows start again, each at the row that the mixture explains worst, with the covariance of the
   * whole data (tied: the common one) and the weight of one row. Once per run; after that they stay at weight zero.
   */
  *#reseedEmpty(total: number): Asking<void> {
    const { mixture } = this;
    const { kernel, k, d } = mixture;
    const empty: number[] = [];
    for (let component = 0; component < k; component++) {
      if (mixture.statusOf(component) !== 0 && !this.#reseeded.has(component)) empty.push(component);
    }
    if (empty.length === 0) return;
    this.#prepare();
    const worst = yield* worstRows(mixture, empty.length, this.#data.credit);
    const numbers = Float64Array.from(worst, ({ row }) => row);
    const rows = this.#data.filled(yield* gatherCopy(kernel, numbers, d));
    for (const [i, { row }] of worst.entries()) {
      const component = empty[i];
      this.#reseeded.add(component);
      yield* this.#setWholeCovariance(component);
      const { f64 } = kernel;
      f64.set(rows.subarray(i * d, (i + 1) * d), mixture.means / 8 + component * d);
      for (let other = 0; other < k; other++) {
        const at = mixture.weights / 8 + other;
        f64[at] = other === component ? 1 / total : f64[at] * (1 - 1 / total);
      }
      this.#warnings.push(
        `iteration ${this.#iteration}: component ${component} had lost all its rows and was put on row ${row}, the one ` +
          'explained worst',
      );
    }
  }

  /** A component's covariance becomes that of the whole data, regularised; a tied one stays. */
  *#setWholeCovariance(component: number): Asking<void> {
    const { form, d, kernel } = this.mixture;
    if (form === 'tied') return;
    if (form !== 'full') {
      this.#setDiagonal(component);
      return;
    }
    const whole = yield* this.#data.covariance();
    const at = this.#constraint.covariances / 8 + component * d * d;
    kernel.f64.set(whole, at);
    for (let j = 0; j < d; j++) kernel.f64[at + j * d + j] += this.#data.regularization[j];
  }

  /** A component's covariance becomes the diagonal of the whole data's, regularised. */
  #setDiagonal(component: number): void {
    const { form, d, kernel } = this.mixture;
    const diagonal = this.#data.variance.map((v, j) => v + this.#data.regularization[j]);
    const base = this.#constraint.covariances / 8;
    const { f64 } = kernel;
    if (form === 'spherical') f64[base + component] = meanOf(diagonal);
    else if (form === 'diag') f64.set(diagonal, base + component * d);
    else {
      const at = base + (form === 'full' ? component * d * d : 0);
      f64.fill(0, at, at + d * d);
      for (let j = 0; j < d; j++) f64[at + j * d + j] = diagonal[j];
    }
  }
}

function meanOf(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}
