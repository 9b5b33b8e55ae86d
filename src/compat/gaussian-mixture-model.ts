// gaussmix/compat/gaussian-mixture-model: stands in for npm gaussian-mixture-model 1.1.5.
// Must not show more than that package does.
/**
 * Stands in for the npm package gaussian-mixture-model.
 *
 * @module gaussmix/compat/gaussian-mixture-model
 */
import { GaussianMixture, GaussmixRangeError, GaussmixTypeError } from '../index.ts';
import { exponentials, Factor, logarithms, shares } from './density.ts';
import { checkPoint, EmSteps, type FlatParameters, nested, rowSource } from './rows.ts';

/** A point: D numbers; a plain number for D = 1. */
type Point = ArrayLike<number> | number;

interface Options {
  /** K; equal by default. They need not sum to one. */
  weights?: ArrayLike<number> | null | undefined;
  /** K x D */
  means: ArrayLike<ArrayLike<number>>;
  /** K of D x D */
  covariances: ArrayLike<ArrayLike<ArrayLike<number>>>;
  /** Points kept at most, 1e6 by default: a new one then takes the place of the oldest. */
  bufferSize?: number | null | undefined;
}

/**
 * A mixture of Gaussians with full covariances for points that come one by one.
 *
 * @example
 * import GMM from 'gaussmix/compat/gaussian-mixture-model';
 * const gmm = new GMM({ weights: [0.5, 0.5], means: [[0, 0], [5, 5]], covariances: [[[1, 0], [0, 1]], [[1, 0], [0, 1]]] });
 * for (const point of [[0, 1], [1, 0], [-1, 0.5], [5, 6], [6, 5.5], [4, 5]]) gmm.addPoint(point);
 * gmm.runEM(5);
 * console.log(gmm.means, gmm.predictNormalize([1, 1]));
 */
class GMM {
  /** D */
  dimensions: number;
  /** K */
  clusters: number;
  /** K */
  weights: number[];
  /** K x D */
  means: number[][];
  /** K of D x D */
  covariances: number[][][];
  bufferSize: number;
  /** The points, as given. */
  data: Point[];
  /** Where the next point goes. */
  idx: number = 0;
  /** How many points there are. */
  dataLength: number = 0;
  /** Mean of the first component whose covariance became singular, or null. */
  singularity: number[] | null = null;
  /** Cholesky factors of the covariances, lower triangular; null before runEM and for D <= 3. */
  covCholeskies: number[][][] | null = null;
  /** Determinants of the covariances (K). */
  covDeterminants: number[];
  /** Responsibilities at the last E-step: cResps[component][point]. Computed when first read after runEM. */
  declare readonly cResps: Float32Array[];
  readonly #factors: (Factor | undefined)[] = [];
  #atLastStep: FlatParameters | undefined;
  #responsibilities: Float32Array[] | undefined;

  /**
   * @throws GaussmixTypeError INVALID_PARAMETERS for means, covariances or weights whose numbers do not agree;
   * GaussmixRangeError INVALID_OPTION for a bufferSize that is no integer >= 1
   */
  constructor({ weights, means, covariances, bufferSize }: Options) {
    const [d, k] = checkShapes(weights, means, covariances);
    this.dimensions = d;
    this.clusters = k;
    this.weights = weights ? Array.from(weights) : new Array<number>(k).fill(1 / k);
    this.means = Array.from(means, (mean) => Array.from(mean));
    this.covariances = Array.from(covariances, (rows) => Array.from(rows, (row) => Array.from(row)));
    this.bufferSize = bufferSize ?? 1e6;
    if (!Number.isSafeInteger(this.bufferSize) || this.bufferSize < 1) {
      throw new GaussmixRangeError(
        'INVALID_OPTION',
        `bufferSize is ${bufferSize}, but must be an integer >= 1`,
      );
    }
    this.data = new Array<Point>(this.bufferSize);
    this.covDeterminants = this.covariances.map((_, component) => this.#factor(component)?.determinant ?? 0);
    Object.defineProperty(this, 'cResps', { enumerable: true, get: () => this.#computeResponsibilities() });
  }

  /**
   * Adds a point; beyond bufferSize in place of the oldest.
   * @throws GaussmixError for anything but D finite numbers
   */
  addPoint(point: Point): void {
    checkPoint(point, this.dimensions);
    this.data[this.idx] = point;
    this.idx = (this.idx + 1) % this.bufferSize;
    if (this.dataLength < this.bufferSize) this.dataLength++;
  }

  /**
   * EM iterations on the points there are. A component without points moves to the point explained worst.
   * @returns the mean of a component whose covariance became singular (it is raised to the smallest regular one, and the
   * iterations end), else nothing
   * @throws GaussmixRangeError NOT_POSITIVE_DEFINITE for a covariance given that is none
   */
  runEM(iterations: number = 1): number[] | undefined {
    if (this.dataLength === 0 || !(iterations > 0)) return undefined;
    this.weights.forEach((_, component) => void this.#regularFactor(component));
    const singular = EmSteps.on({ source: this.#source(), form: 'full', k: this.clusters }, (steps) => {
      steps.startAt(this.#flatParameters());
      let singular: readonly number[] = [];
      for (let i = 0; i < iterations && singular.length === 0; i++) {
        this.#atLastStep = steps.parameters();
        steps.expectation();
        steps.maximization();
        singular = steps.singular();
      }
      this.#take(steps.parameters());
      return singular;
    });
    this.#responsibilities = undefined;
    if (singular.length === 0) return undefined;
    this.singularity = this.means[singular[0]];
    return this.singularity;
  }

  /**
   * Weight times density of each component at a point (K).
   * @throws GaussmixError for anything but D finite numbers; NOT_POSITIVE_DEFINITE for a covariance given that is none
   */
  predict(point: Point): number[] {
    const result = exponentials(this.#logDensities(point));
    for (let component = 0; component < result.length; component++)
      result[component] *= this.weights[component];
    return result;
  }

  /** Share of each component in a point (K), summing to one however far the point is. @throws as {@link predict} */
  predictNormalize(point: Point): number[] {
    const logs = this.#logDensities(point);
    const weights = logarithms(this.weights.slice());
    for (let component = 0; component < logs.length; component++) logs[component] += weights[component];
    return shares(logs);
  }

  #logDensities(point: Point): number[] {
    const x = checkPoint(point, this.dimensions);
    const logs: number[] = [];
    for (let component = 0; component < this.clusters; component++) {
      logs.push(this.#regularFactor(component).logDensity(x, this.means[component]));
    }
    return logs;
  }

  /** The factor of a covariance as it is now: users may write into covariances. */
  #factor(component: number): Factor | undefined {
    const covariance = this.covariances[component];
    const known = this.#factors[component];
    if (known?.isOf(covariance)) return known;
    const factor = Factor.of(covariance);
    this.#factors[component] = factor;
    return factor;
  }

  #regularFactor(component: number): Factor {
    const factor = this.#factor(component);
    if (factor) return factor;
    throw new GaussmixRangeError(
      'NOT_POSITIVE_DEFINITE',
      `covariances[${component}] is not positive definite, so it has no density`,
    );
  }

  #source(): ReturnType<typeof rowSource> {
    const points = this.dataLength === this.data.length ? this.data : this.data.slice(0, this.dataLength);
    const source = rowSource(points, 'data');
    if (source.columns === this.dimensions) return source;
    throw new GaussmixRangeError(
      'INVALID_SHAPE',
      `data: the points have ${source.columns} values, but the mixture has ${this.dimensions} features`,
    );
  }

  #flatParameters(): FlatParameters {
    return {
      weights: Float64Array.from(this.weights),
      means: Float64Array.from(this.means.flat()),
      covariances: Float64Array.from(this.covariances.flat(2)),
    };
  }

  /** Writes parameters into the arrays there are: a program may hold on to them. */
  #take({ weights, means, covariances }: FlatParameters): void {
    const d = this.dimensions;
    for (let component = 0; component < this.clusters; component++) {
      this.weights[component] = weights[component];
      for (let i = 0; i < d; i++) {
        this.means[component][i] = means[component * d + i];
        for (let j = 0; j < d; j++) {
          this.covariances[component][i][j] = covariances[(component * d + i) * d + j];
        }
      }
    }
    const factors = this.weights.map((_, component) => this.#regularFactor(component));
    this.covDeterminants = factors.map(({ determinant }) => determinant);
    if (d > 3) this.covCholeskies = factors.map(({ lower }) => nested(lower, d));
  }

  #computeResponsibilities(): Float32Array[] {
    if (this.#responsibilities) return this.#responsibilities;
    const { clusters: k, dimensions: d } = this;
    const all = Array.from({ length: k }, () => new Float32Array(this.bufferSize));
    if (this.#atLastStep) {
      const { weights, means, covariances } = this.#atLastStep;
      const sum = weights.reduce((a, b) => a + b, 0);
      const mixture = GaussianMixture.fromParameters({
        weights: weights.map((weight) => weight / sum),
        means: nested(means, d),
        covariances: Array.from({ length: k }, (_, i) => covariances.subarray(i * d * d, (i + 1) * d * d)),
      });
      const { data } = mixture.predictProba(this.data.slice(0, this.dataLength) as number[][]);
      for (let i = 0; i < data.length; i++) all[i % k][Math.floor(i / k)] = data[i];
    }
    this.#responsibilities = all;
    return all;
  }
}

function checkShapes(
  weights: Options['weights'],
  means: Options['means'],
  covariances: Options['covariances'],
): [d: number, k: number] {
  const refuse = (what: string): GaussmixTypeError => new GaussmixTypeError('INVALID_PARAMETERS', what);
  const k = means?.length;
  const d = means?.[0]?.length;
  if (!(k > 0 && d > 0)) throw refuse('means must be an array of K means, each an array of D numbers');
  if (weights && weights.length !== k) {
    throw refuse(`weights has length ${weights.length}, but there are ${k} means`);
  }
  if (covariances?.length !== k) throw refuse(`covariances must be an array of ${k} matrices, one per mean`);
  for (let component = 0; component < k; component++) {
    checkNumbers(means[component], d, `means[${component}]`);
    const rows = covariances[component];
    if (rows?.length !== d)
      throw refuse(`covariances[${component}] must be ${d} x ${d}, as the means are of ${d}`);
    for (let i = 0; i < d; i++) checkNumbers(rows[i], d, `covariances[${component}][${i}]`);
  }
  if (weights) checkNumbers(weights, k, 'weights');
  return [d, k];
}

function checkNumbers(values: ArrayLike<number> | undefined, length: number, name: string): void {
  const given = values?.length === length ? Array.from(values as ArrayLike<number>) : undefined;
  if (given?.every((value) => Number.isFinite(value))) return;
  throw new GaussmixTypeError('INVALID_PARAMETERS', `${name} must be an array of ${length} finite numbers`);
}

export default GMM;
