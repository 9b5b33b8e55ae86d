// A mixture's features in two parts: some of them alone (marginal), some given the others (conditional).
// Must not need the kernel: the functions beside the library (src/inference) use it too.
import { cholesky } from './cholesky.ts';
import { GaussmixRangeError, GaussmixTypeError } from './errors.ts';
import type { ModelParameters } from './parameters.ts';
import { describeValue, LARGEST } from './value-rules.ts';

/**
 * Checks feature numbers given by a user: at least one, each from 0 to D - 1, none twice.
 * @param proper whether at least one feature must be left
 * @throws GaussmixError INVALID_OPTION naming the position
 */
export function checkFeatures(
  what: string,
  features: readonly number[],
  d: number,
  proper: boolean,
): readonly number[] {
  const isList = Array.isArray(features) || (ArrayBuffer.isView(features) && 'length' in features);
  if (!isList) {
    throw new GaussmixTypeError(
      'INVALID_OPTION',
      `${what}: features is ${describeValue(features)}; it must be an array of feature numbers, such as [0]`,
    );
  }
  const numbers: readonly unknown[] = Array.from(features);
  const seen = new Map<number, number>();
  numbers.forEach((feature, position) => {
    if (!Number.isInteger(feature) || (feature as number) < 0 || (feature as number) >= d) {
      const Failure = typeof feature === 'number' ? GaussmixRangeError : GaussmixTypeError;
      throw new Failure(
        'INVALID_OPTION',
        `${what}: features[${position}] is ${describeValue(feature)}; the model's features are 0 to ${d - 1}`,
      );
    }
    const earlier = seen.get(feature as number);
    if (earlier !== undefined) {
      throw new GaussmixRangeError(
        'INVALID_OPTION',
        `${what}: features[${position}] is ${feature}, as features[${earlier}] is: name each feature once`,
      );
    }
    seen.set(feature as number, position);
  });
  if (numbers.length === 0) {
    throw new GaussmixRangeError('INVALID_OPTION', `${what}: features is empty; name at least one`);
  }
  if (proper && numbers.length === d) {
    const count = d === 1 ? 'the only feature' : `all ${d} features`;
    throw new GaussmixRangeError(
      'INVALID_OPTION',
      `${what}: features names ${count} of the model; at least one must be left`,
    );
  }
  return numbers as readonly number[];
}

/** Checks the values of some features: one finite number up to 1e150 each. @throws GaussmixError naming the position */
export function checkValues(
  what: string,
  values: readonly number[],
  features: readonly number[],
): Float64Array {
  const isList = Array.isArray(values) || (ArrayBuffer.isView(values) && 'length' in values);
  if (!isList) {
    throw new GaussmixTypeError(
      'INVALID_VALUE',
      `${what}: values is ${describeValue(values)}; it must be an array of ${features.length} numbers`,
    );
  }
  if (values.length !== features.length) {
    throw new GaussmixRangeError(
      'INVALID_SHAPE',
      `${what}: values has length ${values.length}, but features has length ${features.length}: one value per feature`,
    );
  }
  return Float64Array.from(values, (value, position) => {
    if (typeof value === 'number' && Math.abs(value) <= LARGEST) return value;
    const Failure = typeof value === 'number' ? GaussmixRangeError : GaussmixTypeError;
    throw new Failure(
      'INVALID_VALUE',
      `${what}: values[${position}], of feature ${features[position]}, is ${describeValue(value)}; it must be a finite ` +
        `number of magnitude up to ${LARGEST}`,
    );
  });
}

/** The features that are not among some, in their order. */
export function otherFeatures(features: readonly number[], d: number): readonly number[] {
  return Array.from({ length: d }, (_, feature) => feature).filter((feature) => !features.includes(feature));
}

/** The mixture of some features alone: their means, and their rows and columns of the covariances. */
export function marginalParameters(p: ModelParameters, kept: readonly number[]): ModelParameters {
  const { form, k, d, weights, means, covariances } = p;
  const size = kept.length;
  const base = { model: form, form, k, d: size, weights, means: pickColumns(means, d, kept) };
  if (form === 'spherical') return { ...base, covariances };
  if (form === 'diag') return { ...base, covariances: pickColumns(covariances, d, kept) };
  const matrices = covariances.length / (d * d);
  const blocks = new Float64Array(matrices * size * size);
  for (let matrix = 0; matrix < matrices; matrix++) {
    const whole = covariances.subarray(matrix * d * d, (matrix + 1) * d * d);
    blocks.set(subMatrix(whole, d, kept), matrix * size * size);
  }
  return { ...base, covariances: blocks };
}

/**
 * The mixture of the other features given the values of some, a: per component m_b + B (x_a - m_a) and the covariance of
 * {@link partition}.
 * @param weights (K): the responsibilities of the values under the marginal mixture of the features given
 * @throws GaussmixRangeError NOT_POSITIVE_DEFINITE, INVALID_VALUE (a mean beyond 1e150)
 */
export function conditionalParameters(
  p: ModelParameters,
  given: readonly number[],
  values: Float64Array,
  weights: Float64Array,
): ModelParameters {
  const { form, k, d, covariances } = p;
  const others = otherFeatures(given, d);
  const rest = marginalParameters(p, others);
  // No feature says anything of another within a component: only the weights change.
  if (form === 'spherical' || form === 'diag') return { ...rest, weights };
  const known = pickColumns(p.means, d, given);
  const matrices = covariances.length / (d * d);
  const size = others.length;
  const blocks = new Float64Array(matrices * size * size);
  const parts = Array.from({ length: matrices }, (_, matrix) => {
    const whole = covariances.subarray(matrix * d * d, (matrix + 1) * d * d);
    const part = partition(whole, d, given, others, `conditional: component ${matrix}`);
    blocks.set(part.covariance, matrix * size * size);
    return part;
  });
  for (let component = 0; component < k; component++) {
    const { coefficients } = parts[matrices === 1 ? 0 : component];
    for (let j = 0; j < size; j++) {
      let mean = rest.means[component * size + j];
      for (let i = 0; i < given.length; i++) {
        mean += coefficients[j * given.length + i] * (values[i] - known[component * given.length + i]);
      }
      if (!(Math.abs(mean) <= LARGEST)) {
        throw new GaussmixRangeError(
          'INVALID_VALUE',
          `conditional: the values put the mean of feature ${others[j]} of component ${component} at ${mean}, beyond ` +
            `${LARGEST}: give values nearer to the model`,
        );
      }
      rest.means[component * size + j] = mean;
    }
  }
  return { ...rest, weights, covariances: blocks };
}

/** How some features b of a normal distribution follow from others, a. */
export interface Partition {
  /** B = C_ba C_aa^-1 (b x a): E(x_b | x_a) = m_b + B (x_a - m_a). */
  readonly coefficients: Float64Array;
  /** C_bb - B C_ab (b x b), the covariance of x_b given x_a. */
  readonly covariance: Float64Array;
}

/**
 * Regression coefficients and residual covariance of features b on features a (Anderson 2003, "An Introduction to
 * Multivariate Statistical Analysis", theorem 2.5.1). From one Cholesky factor of the matrix with a before b,
 * [L_aa 0; L_ba L_bb]: B = L_ba L_aa^-1 and the covariance L_bb L_bb^T, which unlike the difference stays positive
 * definite. Features that have nothing to do with each other are not factorised. O(D^3)
 * @param matrix C (D x D)
 * @throws GaussmixRangeError NOT_POSITIVE_DEFINITE naming the feature that follows from the others
 */
export function partition(
  matrix: Float64Array,
  d: number,
  a: readonly number[],
  b: readonly number[],
  label: string,
): Partition {
  if (a.every((i) => b.every((j) => matrix[i * d + j] === 0))) {
    return { coefficients: new Float64Array(b.length * a.length), covariance: subMatrix(matrix, d, b) };
  }
  const order = [...a, ...b];
  const factor = subMatrix(matrix, d, order);
  const failed = cholesky(factor, d);
  if (failed >= 0) {
    const before = order.slice(0, failed).join(', ');
    throw new GaussmixRangeError(
      'NOT_POSITIVE_DEFINITE',
      `${label}: feature ${order[failed]} has no variance of its own beyond ${failed === 1 ? 'feature' : 'features'} ` +
        `${before}: leave it out (marginal), or fit with more regularization`,
    );
  }
  const [known, size] = [a.length, b.length];
  const coefficients = new Float64Array(size * known);
  const covariance = new Float64Array(size * size);
  for (let row = 0; row < size; row++) {
    const from = (known + row) * d;
    // B L_aa = L_ba, a triangular system for each row of B, solved from its last column.
    for (let column = known - 1; column >= 0; column--) {
      let sum = factor[from + column];
      for (let i = column + 1; i < known; i++) sum -= coefficients[row * known + i] * factor[i * d + column];
      coefficients[row * known + column] = sum / factor[column * d + column];
    }
    for (let column = 0; column <= row; column++) {
      const other = (known + column) * d;
      let sum = 0;
      for (let i = known; i <= known + column; i++) sum += factor[from + i] * factor[other + i];
      covariance[row * size + column] = sum;
      covariance[column * size + row] = sum;
    }
  }
  return { coefficients, covariance };
}

/** Some columns of a row-major matrix. */
export function pickColumns(values: Float64Array, columns: number, kept: readonly number[]): Float64Array {
  const size = kept.length;
  return Float64Array.from(
    { length: (values.length / columns) * size },
    (_, i) => values[Math.floor(i / size) * columns + kept[i % size]],
  );
}

/** Some rows and the same columns of a D x D matrix, in the order given. */
function subMatrix(matrix: Float64Array, d: number, kept: readonly number[]): Float64Array {
  const size = kept.length;
  return Float64Array.from(
    { length: size * size },
    (_, i) => matrix[kept[Math.floor(i / size)] * d + kept[i % size]],
  );
}
