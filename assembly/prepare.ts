// Parameters to factors: what the log-density needs of a mixture, computed once per iteration.
// Must not touch rows of data.
import { cholesky, invertTriangle } from './cholesky';
import { DIAG, FULL, factorSize, SPHERICAL, TIED } from './layout';
import { LN_2PI, log } from './math';

/**
 * Stores W = L^-1 halved, in the order the log-density reads it: for each pair of rows (j, j + 1) the columns
 * i = 0 ... j + 1, as W[j, i], W[j + 1, i]; zeros where i > row and, for odd D, for the row beyond the last.
 * Returns sum_j log W[j, j], the log-determinant of the precision Cholesky factor.
 */
export function storeFactor(inversePtr: usize, targetPtr: usize, d: i32): f64 {
  let logDeterminant: f64 = 0;
  let target = targetPtr;
  for (let row = 0; row < d; row += 2) {
    for (let column = 0; column <= row + 1; column++, target += 16) {
      const first = column <= row ? load<f64>(inversePtr + ((<usize>(row * d + column)) << 3)) : 0;
      const second =
        row + 1 < d && column < d ? load<f64>(inversePtr + ((<usize>((row + 1) * d + column)) << 3)) : 0;
      store<f64>(target, 0.5 * first);
      store<f64>(target, 0.5 * second, 8);
    }
  }
  for (let row = 0; row < d; row++)
    logDeterminant += log(load<f64>(inversePtr + ((<usize>(row * d + row)) << 3)));
  return logDeterminant;
}

/**
 * factor[j] = 1 / (2 sqrt(variance_j)) for j up to the first variance that is not finite and above its floor.
 * Returns 0, or 1 + that j.
 */
function storeDiagonal(variancePtr: usize, floorPtr: usize, targetPtr: usize, d: i32): i32 {
  for (let feature = 0; feature < d; feature++) {
    const at = (<usize>feature) << 3;
    const variance = load<f64>(variancePtr + at);
    const floor: f64 = floorPtr ? load<f64>(floorPtr + at) : 0;
    const root = 1 / sqrt(variance);
    // Written so that NaN fails; a subnormal variance may have an infinite reciprocal root.
    if (!(variance > floor && variance < Infinity && root < Infinity)) return 1 + feature;
    store<f64>(targetPtr + at, 0.5 * root);
  }
  return 0;
}

/** sum_j log(2 factor_j), the log-determinant of a diagonal precision Cholesky factor. */
function diagonalLogDeterminant(factorPtr: usize, d: i32): f64 {
  let sum: f64 = 0;
  for (let feature = 0; feature < d; feature++)
    sum += log(2 * load<f64>(factorPtr + ((<usize>feature) << 3)));
  return sum;
}

/** halfLogConst = (log weight + log-determinant - D/2 ln 2 pi) / 2; a weight of 0 gives -Infinity. */
export function halfLogConst(weight: f64, logDeterminant: f64, d: i32): f64 {
  return 0.5 * (log(weight) + logDeterminant - 0.5 * <f64>d * LN_2PI);
}

/** TIED: the reference point c = sum_k w_k m_k, and the means whitened about it, mu_k = W (m_k - c) / 2. */
function whitenMeans(
  weightsPtr: usize,
  meansPtr: usize,
  inversePtr: usize,
  referencePtr: usize,
  d: i32,
  k: i32,
): void {
  const rowBytes = (<usize>d) << 3;
  const whitenedPtr = referencePtr + rowBytes;
  for (let feature: usize = 0; feature < rowBytes; feature += 8) {
    let sum: f64 = 0;
    for (let component = 0; component < k; component++) {
      sum +=
        load<f64>(weightsPtr + ((<usize>component) << 3)) *
        load<f64>(meansPtr + <usize>component * rowBytes + feature);
    }
    store<f64>(referencePtr + feature, sum);
  }
  for (let component = 0; component < k; component++) {
    const meanPtr = meansPtr + <usize>component * rowBytes;
    for (let row = 0; row < d; row++) {
      let sum: f64 = 0;
      for (let column = 0; column <= row; column++) {
        const at = (<usize>column) << 3;
        sum +=
          0.5 *
          load<f64>(inversePtr + ((<usize>(row * d + column)) << 3)) *
          (load<f64>(meanPtr + at) - load<f64>(referencePtr + at));
      }
      store<f64>(whitenedPtr + ((<usize>(component * d + row)) << 3), sum);
    }
  }
}

/**
 * Factors of a mixture: per component halfLogConst and the precision Cholesky factor (U U^T = C^-1), halved so
 * that half the log-density is halfLogConst - |U^T (x - m) / 2|^2.
 *
 * weights (K), means (K, D), covariances (see covarianceCount), floor (D; SPHERICAL: 1; or 0: none): a pivot or variance not
 * above the floor counts as singular. status (K, i32): per component 0, or 1 + j where feature j is the first
 * whose pivot failed (TIED: all K alike). Returns how many components failed; their factors are not usable.
 * O(K D^3). Source: Cholesky factorisation and inversion by forward substitution, as in any textbook.
 */
export function prepare(
  form: i32,
  d: i32,
  k: i32,
  weightsPtr: usize,
  meansPtr: usize,
  covariancesPtr: usize,
  floorPtr: usize,
  factorsPtr: usize,
  statusPtr: usize,
  workspacePtr: usize,
): i32 {
  const matrixBytes = (<usize>(d * d)) << 3;
  const factorBytes = (<usize>factorSize(form, d)) << 3;
  const firstFactor = factorsPtr + ((<usize>k) << 3);
  const choleskyPtr = workspacePtr;
  const inversePtr = workspacePtr + matrixBytes;
  let failures = 0;
  let logDeterminant: f64 = 0;
  let failed = 0;
  for (let component = 0; component < k; component++) {
    const at = (<usize>component) << 3;
    if (form <= DIAG) {
      // SPHERICAL is one variance that counts D times.
      const features = form == DIAG ? d : 1;
      const offset = <usize>component * factorBytes;
      failed = storeDiagonal(covariancesPtr + offset, floorPtr, firstFactor + offset, features);
      logDeterminant = failed ? 0 : diagonalLogDeterminant(firstFactor + offset, features);
      if (form == SPHERICAL) logDeterminant *= <f64>d;
    } else if (form == FULL || component == 0) {
      const offset = form == FULL ? <usize>component : 0;
      failed = cholesky(covariancesPtr + offset * matrixBytes, choleskyPtr, floorPtr, d);
      if (!failed) {
        invertTriangle(choleskyPtr, inversePtr, d);
        logDeterminant = storeFactor(inversePtr, firstFactor + offset * factorBytes, d);
        if (form == TIED) whitenMeans(weightsPtr, meansPtr, inversePtr, firstFactor + factorBytes, d, k);
      }
    }
    store<i32>(statusPtr + ((<usize>component) << 2), failed);
    if (failed) failures++;
    store<f64>(factorsPtr + at, halfLogConst(load<f64>(weightsPtr + at), logDeterminant, d));
  }
  return failures;
}
