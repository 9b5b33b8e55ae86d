// The M-step on merged statistics, and the merge itself.
// Must not see rows or repair anything: what a component without rows means is the host's to decide.
import { DIAG, FULL, SPHERICAL, scatterSize, TIED } from './layout';

/**
 * M-step: parameters from statistics taken about the means given. With delta = sumX / nk per component:
 * weight = nk / sum v, mean += delta, covariance = sumXX / nk - delta delta^T, plus `regularization` (D) on the diagonal
 * (SPHERICAL: its mean). TIED: (sum of sumXX - sum_k nk delta delta^T) / sum v. Covariances are written in the form's
 * own shape (covarianceCount). status (K, i32): 0, or 1 where nk is not above `minimumCount`: mean and covariance of that component
 * stay as they were. Returns how many. O(K D^2). Source: the closed forms of the expected complete-data log-likelihood.
 */
export function mStep(
  form: i32,
  d: i32,
  k: i32,
  statisticsPtr: usize,
  regularizationPtr: usize,
  minimumCount: f64,
  weightsPtr: usize,
  meansPtr: usize,
  covariancesPtr: usize,
  statusPtr: usize,
): i32 {
  const rowBytes = (<usize>d) << 3;
  const total = load<f64>(statisticsPtr);
  const nkPtr = statisticsPtr + 16;
  const sumXPtr = nkPtr + ((<usize>k) << 3);
  const sumXXPtr = sumXPtr + <usize>k * rowBytes;
  const scatterBytes = (<usize>scatterSize(form, d)) << 3;
  let empty = 0;
  for (let component = 0; component < k; component++) {
    const nk = load<f64>(nkPtr + ((<usize>component) << 3));
    const meanPtr = meansPtr + <usize>component * rowBytes;
    const deltaPtr = sumXPtr + <usize>component * rowBytes;
    store<f64>(weightsPtr + ((<usize>component) << 3), nk / total);
    const isEmpty = !(nk > minimumCount);
    store<i32>(statusPtr + ((<usize>component) << 2), isEmpty ? 1 : 0);
    if (isEmpty) {
      empty++;
      continue;
    }
    // sumX becomes delta in place: the statistics are used up.
    for (let at: usize = 0; at < rowBytes; at += 8) {
      const delta = load<f64>(deltaPtr + at) / nk;
      store<f64>(deltaPtr + at, delta);
      store<f64>(meanPtr + at, load<f64>(meanPtr + at) + delta);
    }
    if (form == TIED) subtractOuter(sumXXPtr, deltaPtr, nk, d);
    else {
      const sumXX = sumXXPtr + <usize>component * scatterBytes;
      const at = <usize>component * ((<usize>(form == FULL ? d * d : scatterSize(form, d))) << 3);
      writeCovariance(form, d, sumXX, nk, deltaPtr, regularizationPtr, covariancesPtr + at);
    }
  }
  if (form == TIED) writeTriangle(d, sumXXPtr, total, 0, regularizationPtr, covariancesPtr);
  return empty;
}

/** triangle -= scale * delta delta^T (packed lower triangle). */
function subtractOuter(trianglePtr: usize, deltaPtr: usize, scale: f64, d: i32): void {
  let target = trianglePtr;
  for (let row = 0; row < d; row++) {
    const left = scale * load<f64>(deltaPtr + ((<usize>row) << 3));
    for (let column = 0; column <= row; column++, target += 8) {
      store<f64>(target, load<f64>(target) - left * load<f64>(deltaPtr + ((<usize>column) << 3)));
    }
  }
}

/** target (D x D, symmetric) = triangle / scale - delta delta^T + diag(regularization); deltaPtr 0: no delta. */
function writeTriangle(
  d: i32,
  trianglePtr: usize,
  scale: f64,
  deltaPtr: usize,
  regularizationPtr: usize,
  targetPtr: usize,
): void {
  let source = trianglePtr;
  for (let row = 0; row < d; row++) {
    const left: f64 = deltaPtr ? load<f64>(deltaPtr + ((<usize>row) << 3)) : 0;
    for (let column = 0; column <= row; column++, source += 8) {
      let value = load<f64>(source) / scale;
      if (deltaPtr) value -= left * load<f64>(deltaPtr + ((<usize>column) << 3));
      if (row == column) value += load<f64>(regularizationPtr + ((<usize>row) << 3));
      store<f64>(targetPtr + ((<usize>(row * d + column)) << 3), value);
      store<f64>(targetPtr + ((<usize>(column * d + row)) << 3), value);
    }
  }
}

/** One component's covariance of the forms that have one each. */
function writeCovariance(
  form: i32,
  d: i32,
  sumXXPtr: usize,
  nk: f64,
  deltaPtr: usize,
  regularizationPtr: usize,
  targetPtr: usize,
): void {
  if (form == FULL) {
    writeTriangle(d, sumXXPtr, nk, deltaPtr, regularizationPtr, targetPtr);
    return;
  }
  let squares: f64 = 0;
  let regularization: f64 = 0;
  for (let feature = 0; feature < d; feature++) {
    const at = (<usize>feature) << 3;
    const delta = load<f64>(deltaPtr + at);
    if (form == DIAG) {
      const variance = load<f64>(sumXXPtr + at) / nk - delta * delta;
      store<f64>(targetPtr + at, variance + load<f64>(regularizationPtr + at));
    } else {
      squares += delta * delta;
      regularization += load<f64>(regularizationPtr + at);
    }
  }
  if (form == SPHERICAL) {
    store<f64>(targetPtr, (load<f64>(sumXXPtr) / nk - squares + regularization) / <f64>d);
  }
}

/** target += source, `count` doubles: the merge of two partial statistics. */
export function merge(targetPtr: usize, sourcePtr: usize, count: i32): void {
  let at: usize = 0;
  for (const end = (<usize>(count & -2)) << 3; at < end; at += 16) {
    v128.store(targetPtr + at, v128.add<f64>(v128.load(targetPtr + at), v128.load(sourcePtr + at)));
  }
  if (count & 1) store<f64>(targetPtr + at, load<f64>(targetPtr + at) + load<f64>(sourcePtr + at));
}
