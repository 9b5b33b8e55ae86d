// Models of scikit-learn and of R's mclust, as the JSON that Python's json and R's jsonlite write: read and written.
// An entry point of its own, on top of the public interface: must not import other files of the library.
/**
 * Models of scikit-learn and mclust, read and written.
 *
 * @module gaussmix/exchange
 */
import {
  type CovarianceModel,
  GaussianMixture,
  GaussmixError,
  GaussmixRangeError,
  GaussmixTypeError,
  type Matrix,
} from 'gaussmix';

/** Covariance types of scikit-learn. */
export type ScikitLearnType = 'full' | 'tied' | 'diag' | 'spherical';

/** Attributes of a fitted `sklearn.mixture.GaussianMixture`, arrays as nested lists: K components, D features. */
export interface ScikitLearnModel {
  covariance_type?: ScikitLearnType;
  n_components?: number;
  n_features_in_?: number;
  feature_names_in_?: string[];
  /** K */
  weights_: number[];
  /** K x D */
  means_: number[][];
  /** full (K, D, D), tied (D, D), diag (K, D), spherical (K) */
  covariances_: number[] | number[][] | number[][][];
  /** Inverses of the covariances, in the same shape. */
  precisions_?: number[] | number[][] | number[][][];
  /** U of each inverse U U^T, upper triangular, in the same shape; what scikit-learn predicts with. */
  precisions_cholesky_?: number[] | number[][] | number[][][];
  converged_?: boolean;
  n_iter_?: number;
  /** Mean log-likelihood per sample, in nats. */
  lower_bound_?: number;
}

/** The `parameters` of a fit of mclust, as `jsonlite::toJSON` writes them: G components, d features. */
export interface MclustParameters {
  /** G */
  pro: number[];
  /** d x G: a column per component; for d = 1 a vector of G. */
  mean: number[] | number[][];
  variance: {
    modelName: string;
    d: number;
    G: number;
    /** d x d x G; absent for d = 1. */
    sigma?: number[][][];
    /** EEE: the covariance of all, and its upper triangular factor R, Sigma = R^T R. */
    Sigma?: number[][];
    cholSigma?: number[][];
    /** VVV: the factors of each covariance, d x d x G. */
    cholsigma?: number[][][];
    /** VII: the variances (G), EII: that of all; for d = 1: of all ("E") or of each ("V"). */
    sigmasq?: number | number[];
    /** |C_k|^(1/d), G; a number where volumes are equal. */
    scale?: number | number[];
    /** Variances along the axes divided by the scale, d x G; a vector of d where shapes are equal. */
    shape?: number[] | number[][];
    /** Axes as columns, d x d x G; d x d where they are the same. */
    orientation?: number[][] | number[][][];
  };
}

type Json = Readonly<Record<string, unknown>>;
/** Covariances as this library takes them, K of D x D. */
type Covariances = number[][][];

const SCIKIT_LEARN_TYPES: readonly ScikitLearnType[] = ['full', 'tied', 'diag', 'spherical'];

/** mclust's name of a type: its letters say of volume, shape and orientation whether they are equal, varying, or none. */
function mclustName(type: CovarianceModel): string {
  switch (type) {
    case 'full':
      return 'VVV';
    case 'tied':
      return 'EEE';
    case 'diag':
      return 'VVI';
    case 'spherical':
      return 'VII';
    default:
      return type;
  }
}

/** How scikit-learn stores the covariances of a type: in the narrowest of its own that holds them. */
function scikitLearnTypeOf(type: CovarianceModel): ScikitLearnType {
  if (type === 'tied') return 'tied';
  const [, shape, orientation] = mclustName(type);
  if (orientation !== 'I') return 'full';
  return shape === 'I' ? 'spherical' : 'diag';
}

/** mclust's names for one feature (E, V) and for one component (X...) that are no names of types here. */
const OWN_MCLUST_NAMES: ReadonlyMap<string, CovarianceModel> = new Map<string, CovarianceModel>([
  ['E', 'tied'],
  ['V', 'full'],
  ['X', 'full'],
  ['XII', 'spherical'],
  ['XXI', 'diag'],
  ['XXX', 'full'],
]);

/**
 * A model that scikit-learn fitted. `weights_`, `means_` and `covariances_` are needed; what else is there must agree.
 * Without `covariance_type` the shape of `covariances_` tells it, unless it is (D, D) with as many components as features.
 *
 * @param json the parsed object of attributes (not its text)
 * @returns a mixture of the same densities; weights and means keep every bit, and so do covariances, but for elements
 * that differ from their mirror images by rounding (scikit-learn's do): they become the mean of both
 * @throws GaussmixError INVALID_MODEL naming the attribute and what it must be; INVALID_PARAMETERS,
 * NOT_POSITIVE_DEFINITE when its numbers are no mixture
 * @example
 * import { fromScikitLearn } from 'gaussmix/exchange';
 * const model = fromScikitLearn({
 *   covariance_type: 'diag',
 *   weights_: [0.25, 0.75],
 *   means_: [[0, 0], [3, 1]],
 *   covariances_: [[1, 2], [0.5, 1]],
 * });
 * console.log(model.predict([[0, 1], [3, 0]]));
 */
export function fromScikitLearn(json: unknown): GaussianMixture {
  const read = new Reader('the scikit-learn model');
  const given = read.object(json, '', 'its attributes weights_, means_ and covariances_');
  if ('degrees_of_freedom_' in given || 'weight_concentration_' in given) {
    throw read.error(
      'it is a BayesianGaussianMixture, whose densities are not those of its means and covariances: fit a ' +
        'GaussianMixture',
    );
  }
  for (const name of ['weights_', 'means_', 'covariances_']) {
    if (given[name] === undefined) throw read.error(`${name} is missing`);
  }
  const [k] = read.shape(given.weights_, 1, 'weights_', 'K');
  const weights = read.vector(given.weights_, k, 'weights_');
  const [, d] = read.shape(given.means_, 2, 'means_', 'K x D');
  const means = read.matrix(given.means_, k, d, 'means_');
  for (const [name, count] of [
    ['n_components', k],
    ['n_features_in_', d],
  ] as const) {
    const value = given[name];
    if (value !== undefined && value !== count) {
      throw read.error(`${name} is ${show(value)}, but weights_ and means_ have ${count}`);
    }
  }
  const type = scikitLearnType(read, given, k, d);
  const covariances = scikitLearnCovariances(read, given.covariances_, type, k, d);
  const names = given.feature_names_in_;
  if (names !== undefined && !(Array.isArray(names) && names.length === d && names.every(isText))) {
    throw read.error(`feature_names_in_ must be a list of ${d} names`);
  }
  return model(type, weights, means, covariances, names as string[] | undefined);
}

function scikitLearnType(read: Reader, given: Json, k: number, d: number): ScikitLearnType {
  const type = given.covariance_type;
  if (type !== undefined) {
    const known = SCIKIT_LEARN_TYPES.find((name) => name === type);
    if (known) return known;
    throw read.error(`covariance_type is ${show(type)}, but must be one of ${SCIKIT_LEARN_TYPES.join(', ')}`);
  }
  const shape = shapeOf(given.covariances_);
  const fits = SCIKIT_LEARN_TYPES.filter((name) => sameShape(shape, scikitLearnShape(name, k, d)));
  if (fits.length === 1) return fits[0];
  if (fits.length > 1) {
    throw read.error(
      `covariances_ of shape (${shape.join(', ')}) may be ${fits.join(' or ')}: add covariance_type, which the ` +
        'estimator has as model.covariance_type',
    );
  }
  throw read.error(
    `covariances_ has the shape (${shape.join(', ')}), which is that of no covariance type for ${k} components and ` +
      `${d} features`,
  );
}

function scikitLearnShape(type: ScikitLearnType, k: number, d: number): readonly number[] {
  if (type === 'full') return [k, d, d];
  if (type === 'tied') return [d, d];
  return type === 'diag' ? [k, d] : [k];
}

function scikitLearnCovariances(
  read: Reader,
  value: unknown,
  type: ScikitLearnType,
  k: number,
  d: number,
): Covariances {
  const name = `covariances_ (${type})`;
  switch (type) {
    case 'full':
      return read.list(value, k, name).map((entry, i) => read.matrix(entry, d, d, `${name}[${i}]`));
    case 'tied': {
      const shared = read.matrix(value, d, d, name);
      return times(k, () => shared);
    }
    case 'diag':
      return read.matrix(value, k, d, name).map(diagonal);
    case 'spherical':
      return read.vector(value, k, name).map((variance) => diagonal(times(d, () => variance)));
  }
}

/**
 * The attributes of a `sklearn.mixture.GaussianMixture` with this mixture's densities, for `json.load` and `setattr`
 * (docs/migrating-from-scikit-learn.md). A type that scikit-learn does not have becomes the narrowest that holds it.
 *
 * @returns nested lists; `precisions_cholesky_` is what scikit-learn predicts with
 * @throws GaussmixRangeError NOT_POSITIVE_DEFINITE for a covariance too near to singular to be inverted
 * @example
 * import { GaussianMixture } from 'gaussmix';
 * import { toScikitLearn } from 'gaussmix/exchange';
 * const model = GaussianMixture.fit([1, 1.1, 0.9, 5, 5.2, 4.9], { nComponents: 2 });
 * console.log(JSON.stringify(toScikitLearn(model)));
 */
export function toScikitLearn(mixture: GaussianMixture): ScikitLearnModel {
  const { nComponents, nFeatures, covariances, weights, means, featureNames, fitted } = mixture;
  const type = scikitLearnTypeOf(mixture.covarianceType);
  const factors = covariances.map((covariance, k) => precisionFactor(covariance, k));
  const precisions = factors.map(selfProduct);
  return {
    covariance_type: type,
    n_components: nComponents,
    n_features_in_: nFeatures,
    ...(featureNames && { feature_names_in_: [...featureNames] }),
    weights_: Array.from(weights),
    means_: means.toArray(),
    covariances_: inShape(
      type,
      covariances.map((covariance) => covariance.toArray()),
    ),
    precisions_: inShape(type, precisions),
    precisions_cholesky_: inShape(type, factors),
    ...(fitted && {
      converged_: fitted.converged,
      n_iter_: fitted.iterations,
      lower_bound_: fitted.logLikelihood,
    }),
  };
}

/** K of D x D in the shape that scikit-learn gives a type. */
function inShape(type: ScikitLearnType, matrices: Covariances): number[] | number[][] | number[][][] {
  if (type === 'full') return matrices;
  if (type === 'tied') return matrices[0];
  if (type === 'diag') return matrices.map((matrix) => matrix.map((row, i) => row[i]));
  return matrices.map((matrix) => matrix[0][0]);
}

/**
 * A model that mclust fitted: its `parameters`, or an object that has them under that name. Write them in R with
 * `jsonlite::toJSON(fit$parameters, digits = NA)`: by default jsonlite keeps four digits. Scalars may be boxed or not.
 *
 * @param json the parsed object (not its text)
 * @returns a mixture of the same densities, to the 15 digits that jsonlite writes at most
 * @throws GaussmixError INVALID_MODEL naming the entry and what it must be, and for a noise component;
 * INVALID_PARAMETERS, NOT_POSITIVE_DEFINITE when its numbers are no mixture
 * @example
 * import { fromMclust } from 'gaussmix/exchange';
 * const model = fromMclust({
 *   pro: [0.25, 0.75],
 *   mean: [[0, 3], [0, 1]],
 *   variance: { modelName: 'VII', d: 2, G: 2, sigma: [[[1, 2], [0, 0]], [[0, 0], [1, 2]]] },
 * });
 * console.log(model.means.toArray());
 */
export function fromMclust(json: unknown): GaussianMixture {
  const read = new Reader('the mclust model');
  const need = 'the parameters of a fit: pro, mean and variance';
  const whole = read.object(json, '', need);
  const given = whole.parameters === undefined ? whole : read.object(whole.parameters, 'parameters', need);
  const variance = read.object(given.variance, 'variance', 'a list with modelName, d, G and sigma');
  const name = unboxed(variance.modelName);
  if (!isText(name))
    throw read.error(`variance.modelName is ${show(name)}, but must be a name such as "VVV"`);
  const d = read.count(unboxed(variance.d), 'variance.d');
  const k = read.count(unboxed(variance.G), 'variance.G');
  const pro = given.pro === undefined && k === 1 ? [1] : boxed(given.pro);
  if (isNumber(unboxed(given.Vinv)) || (Array.isArray(pro) && pro.length === k + 1)) {
    throw read.error(
      'it has a noise component, which is no Gaussian: fit without initialization = list(noise = ...)',
    );
  }
  const weights = read.vector(pro, k, 'pro');
  const means = transposed(mclustMeans(read, given.mean, d, k));
  const covariances = mclustCovariances(read, variance, d, k);
  try {
    return model(OWN_MCLUST_NAMES.get(name) ?? name, weights, means, covariances);
  } catch (error) {
    if (!(error instanceof GaussmixError) || ![weights, means, covariances].every(hasFewDigits)) throw error;
    const hint = 'all numbers have at most four decimals: write them with jsonlite::toJSON(..., digits = NA)';
    throw new GaussmixRangeError(error.code, `${error.message} (${hint})`);
  }
}

/** d x G, a column per component. */
function mclustMeans(read: Reader, value: unknown, d: number, k: number): number[][] {
  const isVector = !Array.isArray(value) || !Array.isArray(value[0]);
  if (isVector && d === 1) return [read.vector(boxed(value), k, 'mean')];
  if (isVector && k === 1) return read.vector(value, d, 'mean').map((entry) => [entry]);
  const shape = shapeOf(value);
  if (d !== k && sameShape(shape, [k, d])) {
    throw read.error(
      `mean is ${k} x ${d}, but must be d x G, ${d} x ${k}: a column per component (write it with matrix = "rowmajor", ` +
        "jsonlite's default)",
    );
  }
  return read.matrix(value, d, k, 'mean');
}

function mclustCovariances(read: Reader, variance: Json, d: number, k: number): Covariances {
  const { sigma, Sigma, sigmasq } = variance;
  if (sigma !== undefined) {
    if (k === 1 && shapeOf(sigma).length === 2) return [read.matrix(sigma, d, d, 'variance.sigma')];
    const rows = read
      .list(sigma, d, 'variance.sigma')
      .map((row, i) => read.matrix(row, d, k, `variance.sigma[${i}]`));
    return times(k, (component) => rows.map((row) => row.map((entries) => entries[component])));
  }
  if (Sigma !== undefined) {
    const shared = read.matrix(Sigma, d, d, 'variance.Sigma');
    return times(k, () => shared);
  }
  if (sigmasq === undefined) throw read.error('variance has no sigma (nor Sigma or sigmasq)');
  const given = boxed(sigmasq);
  const each = given.length === 1 ? times(k, () => given[0]) : given;
  return read.vector(each, k, 'variance.sigmasq').map((value) => diagonal(times(d, () => value)));
}

/**
 * The `parameters` of mclust with this mixture's densities, for `jsonlite::fromJSON` in R and then `dens`, `estep` or
 * `em` (docs/migrating-from-mclust.md).
 *
 * @throws GaussmixRangeError NOT_POSITIVE_DEFINITE for a covariance too near to singular to be factorised
 * @example
 * import { GaussianMixture } from 'gaussmix';
 * import { toMclust } from 'gaussmix/exchange';
 * const model = GaussianMixture.fit([[1, 2], [1.1, 1.8], [5, 5], [5.2, 4.9]], { nComponents: 2, covarianceType: 'diag' });
 * console.log(toMclust(model).variance.modelName); // VVI
 */
export function toMclust(mixture: GaussianMixture): MclustParameters {
  const { nComponents: G, nFeatures: d, covarianceType, weights, means, covariances } = mixture;
  const pro = Array.from(weights);
  const matrices = covariances.map((covariance) => covariance.toArray());
  if (d === 1) {
    const variances = matrices.map((matrix) => matrix[0][0]);
    const isEqual = mclustName(covarianceType).startsWith('E');
    const variance = { modelName: isEqual ? 'E' : 'V', d, G, sigmasq: isEqual ? variances[0] : variances };
    return { pro, mean: Array.from(means.data), variance };
  }
  const variance = {
    ...{ modelName: mclustName(covarianceType), d, G },
    sigma: lastIndexOfComponents(matrices),
    ...mclustFactors(mixture, matrices),
  };
  return { pro, mean: transposed(means.toArray()), variance };
}

/** What mclust computes densities with, by type. */
function mclustFactors(
  { covarianceType, covariances }: GaussianMixture,
  matrices: Covariances,
): Partial<MclustParameters['variance']> {
  const upper = (k: number): number[][] => transposed(choleskyFactor(covariances[k], k));
  const name = mclustName(covarianceType);
  if (name === 'VVV') return { cholsigma: lastIndexOfComponents(matrices.map((_, k) => upper(k))) };
  if (name === 'EEE') return { Sigma: matrices[0], cholSigma: upper(0) };
  const [volume, shape, orientation] = name;
  if (shape === 'I') {
    const sigmasq = matrices.map((matrix) => matrix[0][0]);
    return volume === 'E'
      ? { Sigma: matrices[0], sigmasq: sigmasq[0], scale: sigmasq[0] }
      : { sigmasq, scale: sigmasq };
  }
  // C_k = scale_k D_k diag(shape_k) D_k^T, with |diag(shape_k)| = 1 (Banfield and Raftery 1993).
  const shared = orientation === 'E' ? eigenvectors(sharedOrientation(matrices)) : undefined;
  const axes = matrices.map((matrix) => (orientation === 'I' ? undefined : (shared ?? eigenvectors(matrix))));
  const variances = matrices.map((matrix, k) => variancesAlong(matrix, axes[k]));
  const singular = variances.findIndex((each) => !each.every((value) => value > 0));
  if (singular >= 0) throw tooNearToSingular(singular, 'it has no variance along one of its axes');
  const scale = variances.map(geometricMean);
  const shapes = variances.map((each, k) => each.map((value) => value / scale[k]));
  return {
    scale: volume === 'E' ? scale[0] : scale,
    shape: shape === 'E' ? shapes[0] : transposed(shapes),
    ...(shared && { orientation: shared }),
    ...(orientation === 'V' && { orientation: lastIndexOfComponents(axes as Covariances) }),
  };
}

/** A matrix with the axes that all have: a mean of them, unequal weights so that no two axes come out alike by symmetry. */
function sharedOrientation(matrices: Covariances): number[][] {
  const sum = times(matrices[0].length, () => new Array<number>(matrices[0].length).fill(0));
  for (const [k, matrix] of matrices.entries()) {
    const size = matrix.reduce((trace, row, i) => trace + row[i], 0) / (k + 1);
    for (const [i, row] of matrix.entries())
      for (const [j, value] of row.entries()) sum[i][j] += value / size;
  }
  return sum;
}

/** Diagonal of D^T C D; of C itself without axes. */
function variancesAlong(
  matrix: readonly (readonly number[])[],
  axes: readonly (readonly number[])[] | undefined,
): number[] {
  if (axes === undefined) return matrix.map((row, i) => row[i]);
  return axes.map((_, axis) => {
    let sum = 0;
    for (const [i, row] of matrix.entries()) {
      for (const [j, value] of row.entries()) sum += axes[i][axis] * value * axes[j][axis];
    }
    return sum;
  });
}

/**
 * Orthonormal eigenvectors of a symmetric matrix as columns, the largest eigenvalue first: Jacobi's method, cyclic
 * (Golub and Van Loan, Matrix Computations, section 8.5), until no rotation changes the diagonal.
 */
function eigenvectors(symmetric: readonly (readonly number[])[]): number[][] {
  const a = symmetric.map((row) => [...row]);
  const d = a.length;
  const vectors = diagonal(times(d, () => 1));
  // A handful of sweeps is enough; a matrix that is singular but for rounding may never come to rest.
  for (let sweep = 0, isChanged = true; isChanged && sweep < 50; sweep++) {
    isChanged = false;
    for (let p = 0; p < d; p++) {
      for (let q = p + 1; q < d; q++) {
        // Relative to the variances of both: scales of features may be far apart.
        const small =
          Math.abs(a[p][q]) <= 1e-17 * Math.sqrt(Math.abs(a[p][p])) * Math.sqrt(Math.abs(a[q][q]));
        if (small) continue;
        isChanged = true;
        const tau = (a[q][q] - a[p][p]) / (2 * a[p][q]);
        const tangent = (tau >= 0 ? 1 : -1) / (Math.abs(tau) + Math.sqrt(1 + tau * tau));
        const cosine = 1 / Math.sqrt(1 + tangent * tangent);
        rotate(a, vectors, p, q, cosine, tangent * cosine);
      }
    }
  }
  const order = times(d, (i) => i).sort((i, j) => a[j][j] - a[i][i]);
  return vectors.map((row) => order.map((i) => row[i]));
}

/** A <- J^T A J, V <- V J for the rotation J in the plane of p and q that makes a_pq zero. */
function rotate(
  a: number[][],
  vectors: number[][],
  p: number,
  q: number,
  cosine: number,
  sine: number,
): void {
  const turn = (row: number[]): void => {
    const [x, y] = [row[p], row[q]];
    row[p] = cosine * x - sine * y;
    row[q] = sine * x + cosine * y;
  };
  a.forEach(turn);
  vectors.forEach(turn);
  for (let j = 0; j < a.length; j++) {
    const [x, y] = [a[p][j], a[q][j]];
    a[p][j] = cosine * x - sine * y;
    a[q][j] = sine * x + cosine * y;
  }
  a[p][q] = 0;
  a[q][p] = 0;
}

/** K of D x D to D x D of K, as R stores arrays and jsonlite writes them. */
function lastIndexOfComponents(matrices: Covariances): number[][][] {
  return matrices[0].map((row, i) => row.map((_, j) => matrices.map((matrix) => matrix[i][j])));
}

/**
 * (v_1 ... v_n)^(1/n) by Newton's iteration on g^n = v_1 ... v_n from the arithmetic mean, which is above it: it falls
 * until rounding stops it. No logarithm: engines differ in its last bit.
 */
function geometricMean(values: readonly number[]): number {
  let mean = values.reduce((a, b) => a + b, 0) / values.length;
  for (;;) {
    const ratio = values.reduce((product, value) => product * (value / mean), 1);
    const next = mean * (1 - (1 - ratio) / values.length);
    if (!(next < mean)) return mean;
    mean = next;
  }
}

function tooNearToSingular(component: number, reason: string): GaussmixRangeError {
  return new GaussmixRangeError(
    'NOT_POSITIVE_DEFINITE',
    `covariances[${component}] is too near to singular to be factorised: ${reason}`,
  );
}

/** Lower triangular L, C = L L^T. */
function choleskyFactor(covariance: Matrix, component: number): number[][] {
  const [d] = covariance.shape;
  const factor = times(d, () => new Array<number>(d).fill(0));
  for (let i = 0; i < d; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = covariance.data[i * d + j];
      for (let m = 0; m < j; m++) sum -= factor[i][m] * factor[j][m];
      if (i === j && !(sum > 0)) {
        throw tooNearToSingular(component, `feature ${i} has no variance of its own`);
      }
      factor[i][j] = i === j ? Math.sqrt(sum) : sum / factor[j][j];
    }
  }
  return factor;
}

/** Upper triangular U = L^-T, C^-1 = U U^T. */
function precisionFactor(covariance: Matrix, component: number): number[][] {
  const factor = choleskyFactor(covariance, component);
  const d = factor.length;
  const upper = times(d, () => new Array<number>(d).fill(0));
  for (let column = 0; column < d; column++) {
    // Column of L^-1, which is a row of U.
    for (let i = column; i < d; i++) {
      let sum = i === column ? 1 : 0;
      for (let m = column; m < i; m++) sum -= factor[i][m] * upper[column][m];
      upper[column][i] = sum / factor[i][i];
    }
  }
  return upper;
}

/** U U^T */
function selfProduct(upper: readonly (readonly number[])[]): number[][] {
  return upper.map((row) => upper.map((other) => row.reduce((sum, value, m) => sum + value * other[m], 0)));
}

/** A checked model of these parameters. A type that the library does not know is its own to refuse. */
function model(
  covarianceType: string,
  weights: number[],
  means: number[][],
  covariances: Covariances,
  featureNames?: readonly string[],
): GaussianMixture {
  return GaussianMixture.fromJSON({
    ...{ format: 'gaussmix-model', version: 1, covarianceType },
    ...{ nComponents: weights.length, nFeatures: means[0].length },
    ...(featureNames && { featureNames }),
    ...{ weights, means, covariances },
  });
}

/** Reads nested lists of given sizes; its errors name the place. */
class Reader {
  readonly #what: string;

  /** @param what errors call the whole */
  constructor(what: string) {
    this.#what = what;
  }

  error(message: string): GaussmixTypeError {
    return new GaussmixTypeError('INVALID_MODEL', `${this.#what}: ${message}`);
  }

  object(value: unknown, name: string, expected: string): Json {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
    const hint = isText(value) ? ': JSON.parse the text first' : '';
    const place = name === '' ? 'an object' : `${name} must be an object`;
    throw this.error(`${place} with ${expected} is needed, ${show(value)} was given${hint}`);
  }

  count(value: unknown, name: string): number {
    if (Number.isSafeInteger(value) && (value as number) >= 1) return value as number;
    throw this.error(`${name} is ${show(value)}, but must be an integer >= 1`);
  }

  /** The lengths of nested lists, which must be `depth` deep and not empty. */
  shape(value: unknown, depth: number, name: string, expected: string): readonly number[] {
    const shape = shapeOf(value);
    if (shape.length === depth && shape.every((length) => length > 0)) return shape;
    throw this.error(`${name} must be ${expected} numbers in ${depth === 1 ? 'a list' : 'nested lists'}`);
  }

  list(value: unknown, length: number, name: string): readonly unknown[] {
    if (Array.isArray(value) && value.length === length) return value;
    const found = Array.isArray(value) ? `has length ${value.length}` : `is ${show(value)}`;
    throw this.error(`${name} ${found}, but must be a list of ${length}`);
  }

  vector(value: unknown, length: number, name: string): number[] {
    return this.list(value, length, name).map((entry, i) => {
      if (isNumber(entry)) return entry;
      throw this.error(`${name}[${i}] is ${show(entry)}, but must be a finite number`);
    });
  }

  matrix(value: unknown, rows: number, columns: number, name: string): number[][] {
    return this.list(value, rows, name).map((row, i) => this.vector(row, columns, `${name}[${i}]`));
  }
}

function shapeOf(value: unknown): readonly number[] {
  return Array.isArray(value) ? [value.length, ...shapeOf(value[0])] : [];
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((length, i) => length === b[i]);
}

/** R has no scalars: jsonlite writes a vector of one, or with auto_unbox a number. */
function unboxed(value: unknown): unknown {
  return Array.isArray(value) && value.length === 1 ? value[0] : value;
}

function boxed(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

function hasFewDigits(values: unknown): boolean {
  return Array.isArray(values)
    ? values.every(hasFewDigits)
    : Number((values as number).toFixed(4)) === values;
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function show(value: unknown): string {
  if (value === undefined) return 'missing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return isText(value) ? JSON.stringify(value.slice(0, 40)) : String(value);
}

function times<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

function diagonal(values: readonly number[]): number[][] {
  return values.map((value, i) => values.map((_, j) => (i === j ? value : 0)));
}

function transposed(matrix: readonly (readonly number[])[]): number[][] {
  return matrix[0].map((_, j) => matrix.map((row) => row[j]));
}
