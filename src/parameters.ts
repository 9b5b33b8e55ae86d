// The parameters of a mixture as plain arrays, and the one place where parameters given by a user are checked.
// Must not fit, score or know about rows of data.

import {
  type CovarianceForm,
  type CovarianceModel,
  formOf,
  lettersOf,
  modelCode,
} from './covariance-models.ts';
import { GaussmixRangeError, GaussmixTypeError } from './errors.ts';
import { type Kernel, withKernel } from './kernel.ts';
import { Matrix, type MatrixLike } from './matrix.ts';
import { toRowSource } from './row-source.ts';
import { describeValue } from './value-rules.ts';

/** The kernel's code of a covariance form. */
export const FORM_CODE: Readonly<Record<CovarianceForm, number>> = {
  spherical: 0,
  diag: 1,
  tied: 2,
  full: 3,
};

/** A mixture's parameters. Covariances are in the form's own shape: full (K, D, D), tied (D, D), diag (K, D), spherical (K). */
export interface Parameters {
  readonly form: CovarianceForm;
  readonly k: number;
  readonly d: number;
  readonly weights: Float64Array;
  readonly means: Float64Array;
  readonly covariances: Float64Array;
  /** The model that the covariances are known to be of: they need not be brought to it. */
  readonly ofModel?: CovarianceModel | undefined;
}

/** The parameters of a mixture of a covariance model, to which the covariances belong. */
export interface ModelParameters extends Parameters {
  readonly model: CovarianceModel;
}

/** How far weights may be from summing to one. */
const WEIGHT_SUM_TOLERANCE = 1e-6;
/** Relative difference up to which two elements that must agree are taken for rounding. */
const AGREEMENT = 1e-9;
/** The same for covariances of a model: estimates of ill-conditioned ones lose digits that parameters saved may have. */
const MODEL_AGREEMENT = 1e-4;

/** Doubles that the covariances of a form take. */
export function covarianceLength(form: CovarianceForm, k: number, d: number): number {
  if (form === 'spherical') return k;
  if (form === 'diag') return k * d;
  return form === 'tied' ? d * d : k * d * d;
}

/**
 * Free parameters: K - 1 weights, K D means, and of covariances a volume, D - 1 ratios of a shape and D (D - 1) / 2 angles
 * of an orientation, each once (E), K times (V) or not at all (I). Source: Celeux and Govaert 1995, table 1.
 */
export function countParameters(model: CovarianceModel, k: number, d: number): number {
  const letters = lettersOf(model);
  const times = (letter: string): number => (letter === 'V' ? k : letter === 'E' ? 1 : 0);
  const [volume, shape, orientation] = [times(letters[0]), times(letters[1]), times(letters[2])];
  return k - 1 + k * d + volume + shape * (d - 1) + (orientation * d * (d - 1)) / 2;
}

/** Each component's covariance as a D x D matrix, whatever the form. */
export function expandCovariances(p: Parameters): Matrix[] {
  const { form, k, d, covariances } = p;
  return Array.from({ length: k }, (_, component) => {
    if (form === 'full') {
      return new Matrix(covariances.slice(component * d * d, (component + 1) * d * d), [d, d]);
    }
    if (form === 'tied') return new Matrix(covariances.slice(), [d, d]);
    const matrix = new Float64Array(d * d);
    for (let j = 0; j < d; j++) {
      matrix[j * d + j] = form === 'diag' ? covariances[component * d + j] : covariances[component];
    }
    return new Matrix(matrix, [d, d]);
  });
}

/**
 * Full covariances (K, D, D) to the nearest of a form: the diagonal (diag), its mean (spherical), the weighted mean
 * of all (tied). What a start of another form, or statistics of a wider one, become. Those that are of the form keep every bit.
 */
export function projectCovariances(
  form: CovarianceForm,
  full: Float64Array,
  weights: Float64Array,
  d: number,
): Float64Array {
  const k = weights.length;
  if (form === 'full') return full;
  if (form === 'tied' && full.every((value, i) => value === full[i % (d * d)])) return full.slice(0, d * d);
  const result = new Float64Array(covarianceLength(form, k, d));
  for (let component = 0; component < k; component++) {
    const offset = component * d * d;
    if (form === 'tied') {
      for (let i = 0; i < d * d; i++) result[i] += weights[component] * full[offset + i];
      continue;
    }
    let trace = 0;
    let isRound = true;
    for (let j = 0; j < d; j++) {
      const variance = full[offset + j * d + j];
      if (form === 'diag') result[component * d + j] = variance;
      isRound &&= variance === full[offset];
      trace += variance;
    }
    if (form === 'spherical') result[component] = isRound ? full[offset] : trace / d;
  }
  return form === 'tied' ? normalised(result, weights) : result;
}

/** Divided by the sum of the weights, unless that is exactly one. */
function normalised(values: Float64Array, weights: Float64Array): Float64Array {
  const sum = weights.reduce((a, b) => a + b, 0);
  return sum === 1 ? values : values.map((value) => value / sum);
}

/** Checks mixture weights given by a user: K finite numbers >= 0 that sum to one to 1e-6. */
export function checkWeights(weights: ArrayLike<number>, k: number, name: string): Float64Array {
  if (weights === null || typeof weights !== 'object' || typeof weights.length !== 'number') {
    throw new GaussmixTypeError('INVALID_PARAMETERS', `${name} must be an array of ${k} numbers`);
  }
  if (weights.length !== k) {
    throw new GaussmixRangeError(
      'INVALID_PARAMETERS',
      `${name} has length ${weights.length}, but there are ${k} means: one weight per component is needed`,
    );
  }
  let sum = 0;
  for (let component = 0; component < k; component++) {
    const weight = weights[component];
    if (typeof weight !== 'number' || !(weight >= 0) || weight === Number.POSITIVE_INFINITY) {
      throw new GaussmixRangeError(
        'INVALID_PARAMETERS',
        `${name}[${component}] is ${describeValue(weight)}: a weight is a finite number >= 0`,
      );
    }
    sum += weight;
  }
  if (Math.abs(sum - 1) > WEIGHT_SUM_TOLERANCE) {
    throw new GaussmixRangeError('INVALID_PARAMETERS', `${name} sum to ${sum}; they must sum to 1 (to 1e-6)`);
  }
  return Float64Array.from(weights);
}

/** Reads means (K, D) given by a user. */
export function checkMeans(means: MatrixLike, name: string): { k: number; d: number; means: Float64Array } {
  const source = toRowSource(means, { name });
  const values = new Float64Array(source.rows * source.columns);
  source.read(0, source.rows, values);
  return { k: source.rows, d: source.columns, means: values };
}

/**
 * Checks K covariance (or precision) matrices given by a user, each D x D, flat, nested or a Matrix: finite,
 * symmetric. Returns (K, D, D), symmetric to the bit. Positive definiteness is the caller's to check.
 */
export function checkSymmetric(
  matrices: readonly (ArrayLike<number> | Matrix | MatrixLike)[],
  k: number,
  d: number,
  name: string,
): Float64Array {
  if (!Array.isArray(matrices) || matrices.length !== k) {
    const given = Array.isArray(matrices) ? `an array of ${matrices.length}` : describeValue(matrices);
    throw new GaussmixTypeError(
      'INVALID_PARAMETERS',
      `${name} must be an array with one ${d} x ${d} matrix for each of the ${k} components; given: ${given}`,
    );
  }
  const result = new Float64Array(k * d * d);
  for (let component = 0; component < k; component++) {
    const label = `${name}[${component}]`;
    const target = result.subarray(component * d * d, (component + 1) * d * d);
    readSquare(matrices[component] as MatrixLike, d, label, target);
    symmetrise(target, d, label);
  }
  return result;
}

function readSquare(matrix: MatrixLike, d: number, label: string, target: Float64Array): void {
  const flat = isFlat(matrix) && (matrix as ArrayLike<number>).length === d * d;
  const form = flat ? { data: matrix as ArrayLike<number>, shape: [d, d] } : matrix;
  const source = toRowSource(form, { name: label, largest: Number.MAX_VALUE });
  if (source.rows !== d || source.columns !== d) {
    throw new GaussmixRangeError(
      'INVALID_PARAMETERS',
      `${label} is ${source.rows} x ${source.columns}; the means have ${d} features, so it must be ${d} x ${d} (or ` +
        `${d * d} numbers, row by row)`,
    );
  }
  source.read(0, d, target);
}

function isFlat(value: unknown): boolean {
  return ArrayBuffer.isView(value) || (Array.isArray(value) && typeof value[0] === 'number');
}

/** sqrt(|a b|) without overflow: the scale of an element that belongs to variances a and b. */
function geometricMean(a: number, b: number): number {
  return Math.sqrt(Math.abs(a)) * Math.sqrt(Math.abs(b));
}

function symmetrise(matrix: Float64Array, d: number, label: string): void {
  for (let i = 0; i < d; i++) {
    for (let j = 0; j < i; j++) {
      const lower = matrix[i * d + j];
      const upper = matrix[j * d + i];
      // Scale of an element: the product of the standard deviations it belongs to.
      const scale = geometricMean(matrix[i * d + i], matrix[j * d + j]);
      if (Math.abs(lower - upper) > AGREEMENT * Math.max(scale, Math.abs(lower), Math.abs(upper))) {
        throw new GaussmixRangeError(
          'NOT_POSITIVE_DEFINITE',
          `${label} is not symmetric: element [${i}][${j}] is ${lower}, but [${j}][${i}] is ${upper}`,
        );
      }
      const mean = lower === upper ? lower : 0.5 * (lower + upper);
      matrix[i * d + j] = mean;
      matrix[j * d + i] = mean;
    }
  }
}

/**
 * Full covariances that must already be of a form (as those of a model are), in the form's own shape.
 * @throws GaussmixRangeError INVALID_PARAMETERS naming the element that does not fit the form
 */
export function narrowCovariances(
  form: CovarianceForm,
  full: Float64Array,
  k: number,
  d: number,
  name: string,
): Float64Array {
  if (form === 'full') return full;
  const stride = d * d;
  const expected = (component: number, i: number, j: number): number => {
    if (form === 'tied') return full[i * d + j];
    if (i !== j) return 0;
    return form === 'diag' ? full[component * stride + i * d + i] : full[component * stride];
  };
  for (let component = 0; component < k; component++) {
    const at = component * stride;
    for (let i = 0; i < d; i++) {
      for (let j = 0; j < d; j++) {
        const value = full[at + i * d + j];
        const wanted = expected(component, i, j);
        const scale = geometricMean(full[at + i * d + i], full[at + j * d + j]);
        if (Math.abs(value - wanted) <= AGREEMENT * scale || value === wanted) continue;
        throw new GaussmixRangeError(
          'INVALID_PARAMETERS',
          `${name}[${component}] is not a '${form}' covariance: element [${i}][${j}] is ${value}, not ${wanted}`,
        );
      }
    }
  }
  if (form === 'tied') return full.slice(0, stride);
  if (form === 'spherical')
    return Float64Array.from({ length: k }, (_, component) => full[component * stride]);
  return Float64Array.from(
    { length: k * d },
    (_, i) => full[Math.floor(i / d) * stride + (i % d) * d + (i % d)],
  );
}

/**
 * Checks that covariances are of the model, beyond its form: that its best estimate from them is what they are.
 * @throws GaussmixRangeError INVALID_PARAMETERS naming the first element that is not
 */
export function checkModel(p: ModelParameters, name: string): void {
  const { model, form, k, d } = p;
  if (model === form) return;
  const wanted = withKernel(64 * k * d * (d + 4), (kernel) => {
    const mixture = new KernelMixture(kernel, form, k, d);
    const constraint = new ModelConstraint(mixture, model);
    mixture.write(p);
    constraint.read();
    constraint.apply();
    return expandCovariances(mixture.read());
  });
  for (const [component, { data }] of expandCovariances(p).entries()) {
    for (const [at, value] of data.entries()) {
      const [i, j] = [Math.floor(at / d), at % d];
      const scale = geometricMean(data[i * d + i], data[j * d + j]);
      const expected = wanted[component].data[at];
      if (Math.abs(value - expected) <= MODEL_AGREEMENT * scale) continue;
      throw new GaussmixRangeError(
        'INVALID_PARAMETERS',
        `${name} are not those of a '${model}' mixture: element [${i}][${j}] of ${name}[${component}] is ${value}, but ` +
          `${expected} in the nearest one. Use covarianceType '${form}', or fit`,
      );
    }
  }
}

/** The inverse of each of K symmetric positive definite matrices (K, D, D). */
export function invertAll(matrices: Float64Array, k: number, d: number, name: string): Float64Array {
  const result = new Float64Array(matrices.length);
  withKernel(32 * d * d, (kernel) => {
    const matrix = kernel.allocate(d * d);
    const inverse = kernel.allocate(d * d);
    const workspace = kernel.allocate(2 * d * d);
    for (let component = 0; component < k; component++) {
      const at = component * d * d;
      kernel.view(matrix, d * d).set(matrices.subarray(at, at + d * d));
      const failed = kernel.exports.gmm_invert(matrix, inverse, d, workspace);
      if (failed !== 0) {
        const feature = failed - 1;
        throw notPositiveDefinite(`${name}[${component}]`, feature, matrices[at + feature * (d + 1)]);
      }
      result.set(kernel.view(inverse, d * d), at);
    }
  });
  return result;
}

/** Checks that each of K symmetric matrices (K, D, D) is positive definite; a diagonal one costs O(D^2). */
export function checkPositiveDefinite(matrices: Float64Array, k: number, d: number, name: string): void {
  withKernel(8 * d * d, (kernel) => {
    let at = 0;
    for (let component = 0; component < k; component++) {
      const matrix = matrices.subarray(component * d * d, (component + 1) * d * d);
      const diagonal = matrix.every((value, i) => value === 0 || i % (d + 1) === 0);
      let failed = diagonal ? 1 + matrix.findIndex((value, i) => i % (d + 1) === 0 && !(value > 0)) : 0;
      if (diagonal && failed > 0) failed = 1 + Math.floor((failed - 1) / (d + 1));
      if (!diagonal) {
        at ||= kernel.allocate(d * d);
        kernel.view(at, d * d).set(matrix);
        failed = kernel.exports.gmm_cholesky(at, at, 0, d);
      }
      if (failed > 0)
        throw notPositiveDefinite(`${name}[${component}]`, failed - 1, matrix[(failed - 1) * (d + 1)]);
    }
  });
}

/** The error for a matrix whose pivot of `feature` is not positive, though its diagonal element may be. */
export function notPositiveDefinite(label: string, feature: number, variance: number): GaussmixRangeError {
  if (!(variance > 0)) {
    return new GaussmixRangeError(
      'NOT_POSITIVE_DEFINITE',
      `${label} is not positive definite: the variance of feature ${feature} is ${variance}; it must be positive`,
    );
  }
  return new GaussmixRangeError(
    'NOT_POSITIVE_DEFINITE',
    `${label} is not positive definite: feature ${feature} has no variance of its own beyond the features before it`,
  );
}

/** A mixture's parameters and factors in kernel memory. */
export class KernelMixture {
  readonly kernel: Kernel;
  readonly form: CovarianceForm;
  readonly code: number;
  readonly k: number;
  readonly d: number;
  readonly weights: number;
  readonly means: number;
  readonly covariances: number;
  readonly factors: number;
  readonly status: number;
  readonly workspace: number;

  /** Doubles that a mixture and its workspace take. */
  static size(kernel: Kernel, form: CovarianceForm, k: number, d: number): number {
    const code = FORM_CODE[form];
    const { gmm_factors_count, gmm_workspace_count } = kernel.exports;
    return (
      k * (d + 2) +
      covarianceLength(form, k, d) +
      gmm_factors_count(code, d, k) +
      gmm_workspace_count(code, d, k) +
      40
    );
  }

  constructor(kernel: Kernel, form: CovarianceForm, k: number, d: number) {
    this.kernel = kernel;
    this.form = form;
    this.code = FORM_CODE[form];
    this.k = k;
    this.d = d;
    // One after the other, so that they are copied together; each 16-byte aligned, as the kernel wants it.
    const even = (count: number): number => count + (count & 1);
    this.weights = kernel.allocate(even(k) + even(k * d) + covarianceLength(form, k, d));
    this.means = this.weights + 8 * even(k);
    this.covariances = this.means + 8 * even(k * d);
    this.factors = kernel.allocate(kernel.exports.gmm_factors_count(this.code, d, k));
    this.status = kernel.allocate(k);
    this.workspace = kernel.allocate(kernel.exports.gmm_workspace_count(this.code, d, k));
  }

  write(p: Parameters): void {
    const { kernel } = this;
    kernel.view(this.weights, p.weights.length).set(p.weights);
    kernel.view(this.means, p.means.length).set(p.means);
    kernel.view(this.covariances, p.covariances.length).set(p.covariances);
  }

  read(): Parameters {
    const { kernel, form, k, d } = this;
    return {
      form,
      k,
      d,
      weights: kernel.copy(this.weights, k),
      means: kernel.copy(this.means, k * d),
      covariances: kernel.copy(this.covariances, covarianceLength(form, k, d)),
    };
  }

  /** Doubles of weights, means and covariances, which lie one after the other. */
  get parameterCount(): number {
    const { form, k, d, weights, covariances } = this;
    return (covariances - weights) / 8 + covarianceLength(form, k, d);
  }

  /** Copies weights, means and covariances to an address. */
  copyTo(target: number): void {
    const from = this.weights / 8;
    this.kernel.f64.copyWithin(target / 8, from, from + this.parameterCount);
  }

  /** Takes back what {@link copyTo} has copied. */
  copyFrom(source: number): void {
    this.kernel.f64.copyWithin(this.weights / 8, source / 8, source / 8 + this.parameterCount);
  }

  /** Computes the factors; the number of components whose covariance is singular (see {@link statusOf}). */
  prepare(floor: number = 0): number {
    const { code, d, k, weights, means, covariances, factors, status, workspace } = this;
    return this.kernel.exports.gmm_prepare(
      code,
      d,
      k,
      weights,
      means,
      covariances,
      floor,
      factors,
      status,
      workspace,
    );
  }

  /** 0, or what the last operation found wrong with a component. */
  statusOf(component: number): number {
    return this.kernel.i32[this.status / 4 + component];
  }
}

/**
 * What a model asks of covariances beyond their form: covariances without constraint, which an M-step, a start or a repair
 * writes, become the mixture's by gmm_constrain. For models that ask nothing they are the mixture's own.
 */
export class ModelConstraint {
  /** Address of the covariances without constraint, in the form's shape. */
  readonly covariances: number;
  readonly #mixture: KernelMixture;
  readonly #code: number;
  readonly #workspace: number;

  /** Doubles that it takes. */
  static size(kernel: Kernel, model: CovarianceModel, k: number, d: number): number {
    const form = formOf(model);
    if (model === form) return 0;
    const { gmm_constrain_workspace_count } = kernel.exports;
    return covarianceLength(form, k, d) + gmm_constrain_workspace_count(modelCode(model), d, k) + 4;
  }

  constructor(mixture: KernelMixture, model: CovarianceModel) {
    const { kernel, form, k, d, covariances } = mixture;
    this.#mixture = mixture;
    this.#code = modelCode(model);
    if (model === form) {
      this.covariances = covariances;
      this.#workspace = 0;
      return;
    }
    this.covariances = kernel.allocate(covarianceLength(form, k, d));
    this.#workspace = kernel.allocate(kernel.exports.gmm_constrain_workspace_count(this.#code, d, k));
  }

  /** Takes the mixture's covariances over. */
  read(): void {
    if (this.#workspace === 0) return;
    const { kernel, form, k, d, covariances } = this.#mixture;
    const from = covariances / 8;
    kernel.f64.copyWithin(this.covariances / 8, from, from + covarianceLength(form, k, d));
  }

  /**
   * Writes the mixture's covariances; those it has are where iterations start.
   * @param shares address of what each component counts (K), the mixture's weights by default
   */
  apply(shares: number = this.#mixture.weights): void {
    if (this.#workspace === 0) return;
    const { kernel, k, d, covariances } = this.#mixture;
    kernel.exports.gmm_constrain(this.#code, d, k, shares, this.covariances, covariances, this.#workspace);
  }
}
