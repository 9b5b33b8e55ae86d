// gaussmix/compat/expectation-maximization: stands in for npm expectation-maximization 1.5.0.
// Must not show more than that package does.
/**
 * Stands in for the npm package expectation-maximization.
 *
 * @module gaussmix/compat/expectation-maximization
 */
import { GaussmixRangeError, GaussmixTypeError } from '../index.ts';
import { exponential, Factor } from './density.ts';
import { checkPoint, EmSteps, type FlatParameters, nested, rowSource } from './rows.ts';

/** Iterations after which a fit ends at the latest. */
const MAX_ITERATIONS = 1000;
/** Changes of responsibilities below this are rounding. */
const ROUNDING = 1e-12;

/** Density of one group; `k` is its number of dimensions. */
class Gaussian {
  readonly sigma: number[][];
  readonly mu: number[];
  readonly k: number;
  /** Inverse of sigma. */
  readonly _sinv: number[][];
  /** 1 / sqrt(det(2 pi sigma)) */
  readonly _coeff: number;
  readonly #factor: Factor;

  constructor(mu: number[], sigma: number[][]) {
    this.sigma = sigma;
    this.mu = mu;
    this.k = mu.length;
    // A fit ends with regular covariances only.
    this.#factor = Factor.of(sigma) as Factor;
    this._sinv = this.#factor.inverse();
    this._coeff = exponential(this.#factor.logConstant);
  }

  density(point: ArrayLike<number> | number): number {
    const x = checkPoint(point, this.k);
    return exponential(this.#factor.logDensity(x, this.mu));
  }
}

/** A component of the mixture. */
class Group implements fit.Group {
  weight: number;
  mu: number[];
  sigma: number[][];
  readonly _gaussian: Gaussian;

  constructor(weight: number, mu: number[], sigma: number[][]) {
    this.weight = weight;
    this.mu = mu;
    this.sigma = sigma;
    this._gaussian = new Gaussian(mu, sigma);
  }

  /** Weight times density at a point. */
  probability(point: ArrayLike<number> | number): number {
    return this.weight * this._gaussian.density(point);
  }
}

/**
 * Fits a mixture of Gaussians with full covariances by EM, from the clusters of k-means: the same points give the same
 * groups, in the same order.
 *
 * @param points N points of D numbers each; plain numbers for D = 1
 * @param nGroups number of groups, 1 by default
 * @param epsilon ends the fit once no point's share in any group changed by more; 2.22e-16 by default, and from 1e-12
 * down as for 1e-12 (rounding). Below zero: after 1000 iterations, as any fit does at the latest
 * @throws GaussmixError naming the row and column of a value that is no finite number, or a bad number of groups
 * @example
 * import fit from 'gaussmix/compat/expectation-maximization';
 * const groups = fit([[1, 2], [1.5, 2.5], [1.2, 2.9], [7, 9], [8, 8.5], [7.5, 9.5]], 2);
 * console.log(groups.map((group) => group.mu), groups[0].probability([7, 9]));
 */
function fit(
  points: readonly (ArrayLike<number> | number)[] | ArrayLike<number>,
  nGroups: number = 1,
  epsilon: number = Number.EPSILON,
): fit.Group[] {
  const k = Number(nGroups) || 1;
  if (!Number.isSafeInteger(k) || k < 1) {
    throw new GaussmixRangeError('INVALID_OPTION', `n_groups is ${nGroups}, but must be an integer >= 1`);
  }
  if ((points as ArrayLike<number> | undefined)?.length === 0) {
    throw new GaussmixTypeError('INVALID_SHAPE', 'points is empty: there must be at least one point');
  }
  const source = rowSource(points, 'points');
  const d = source.columns;
  const { weights, means, covariances } = EmSteps.on({ source, form: 'full', k, clusters: true }, (steps) => {
    steps.startAtClusters();
    let now = steps.parameters();
    for (let i = 0; i < MAX_ITERATIONS; i++) {
      const before = now;
      steps.expectation();
      steps.maximization();
      now = steps.parameters();
      if (settled(steps, before, now, epsilon || Number.EPSILON)) break;
    }
    return now;
  });
  return Array.from(weights, (weight, group) => {
    const sigma = nested(covariances.subarray(group * d * d, (group + 1) * d * d), d);
    return new Group(weight, [...means.subarray(group * d, (group + 1) * d)], sigma);
  });
}

/**
 * Whether no responsibility changed by more than epsilon between two steps. Weights are means of responsibilities: while
 * one of them still moves by more, there is no need to look at the rows.
 */
function settled(steps: EmSteps, before: FlatParameters, now: FlatParameters, epsilon: number): boolean {
  if (epsilon < 0) return false;
  const limit = Math.max(epsilon, ROUNDING);
  if (now.weights.some((weight, k) => Math.abs(weight - before.weights[k]) > limit)) return false;
  return steps.settled(before, limit);
}

declare namespace fit {
  /** A component of the mixture. */
  interface Group {
    /** Share of the points. */
    weight: number;
    /** Mean (D). */
    mu: number[];
    /** Covariance (D x D). */
    sigma: number[][];
    /** Weight times density at a point. */
    probability(point: ArrayLike<number> | number): number;
    /** Of no concern to users, as in the package this stands in for. */
    readonly _gaussian: {
      readonly sigma: number[][];
      readonly mu: number[];
      readonly k: number;
      readonly _sinv: number[][];
      readonly _coeff: number;
      density(point: ArrayLike<number> | number): number;
    };
  }
}

export default fit;
