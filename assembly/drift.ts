// How far a mixture's components have moved since distances of rows from them were kept (active.ts).
// Must not see rows.
import { invertTriangle } from './cholesky';
import { FULL, factorSize, pairStride, SPHERICAL, TIED } from './layout';

/** Room for rounding: more than (D + 4) 2^-52, see docs/ALGORITHM.md. */
function slack(d: i32): f64 {
  return <f64>(8 * (d + 4)) * 2.220446049250313e-16;
}

/** Lower triangle D x D, row-major, zeros above, from a factor in the order of storeFactor (prepare.ts). */
function unpackFactor(factorPtr: usize, targetPtr: usize, d: i32): void {
  memory.fill(targetPtr, 0, (<usize>(d * d)) << 3);
  let source = factorPtr;
  for (let row = 0; row < d; row += 2) {
    for (let column = 0; column <= row + 1; column++, source += 16) {
      if (column <= row) store<f64>(targetPtr + ((<usize>(row * d + column)) << 3), load<f64>(source));
      if (row + 1 < d) store<f64>(targetPtr + ((<usize>((row + 1) * d + column)) << 3), load<f64>(source, 8));
    }
  }
}

/** Frobenius norm of n doubles. */
function norm(ptr: usize, n: i32): f64 {
  let sum: f64 = 0;
  for (let at: usize = 0, end = (<usize>n) << 3; at < end; at += 8)
    sum += load<f64>(ptr + at) * load<f64>(ptr + at);
  return sqrt(sum);
}

/** Frobenius norm of A B - I for lower triangles A and B (D x D). */
function departure(aPtr: usize, bPtr: usize, d: i32): f64 {
  let sum: f64 = 0;
  for (let row = 0; row < d; row++) {
    for (let column = 0; column <= row; column++) {
      let value: f64 = row == column ? -1 : 0;
      for (let t = column; t <= row; t++) {
        value +=
          load<f64>(aPtr + ((<usize>(row * d + t)) << 3)) *
          load<f64>(bPtr + ((<usize>(t * d + column)) << 3));
      }
      sum += value * value;
    }
  }
  return sqrt(sum);
}

/** Euclidean distance of two points, with scales (scaleBytes 8: per feature, 0: one) or (scalePtr 0) without. */
function distance(aPtr: usize, bPtr: usize, scalePtr: usize, scaleBytes: usize, d: i32): f64 {
  let sum: f64 = 0;
  for (let at: usize = 0, end = (<usize>d) << 3; at < end; at += 8) {
    let value = load<f64>(aPtr + at) - load<f64>(bPtr + at);
    if (scalePtr) value *= load<f64>(scalePtr + (at >> 3) * scaleBytes);
    sum += value * value;
  }
  return sqrt(sum);
}

/** |T (a - b)| for a lower triangle T (D x D). */
function mappedDistance(trianglePtr: usize, aPtr: usize, bPtr: usize, d: i32): f64 {
  let sum: f64 = 0;
  for (let row = 0; row < d; row++) {
    let value: f64 = 0;
    for (let column = 0; column <= row; column++) {
      const at = (<usize>column) << 3;
      value +=
        load<f64>(trianglePtr + ((<usize>(row * d)) << 3) + at) *
        (load<f64>(aPtr + at) - load<f64>(bPtr + at));
    }
    sum += value * value;
  }
  return sqrt(sum);
}

/**
 * drift (3, K or K + 1): per component alpha / 256, delta and halfLogConst with room for rounding, such that a row
 * at distance at least L = |W (x - m) / 2| from the component as it was is at least alpha L - delta away now. The earlier means
 * and factors are `reference...`. alpha = 1 - |W' W^-1 - I|, delta = |W' (m' - m) / 2|, less and more by what rounding
 * can do; 0 where nothing can be said. workspace: 3 D^2 doubles. O(K D^3). Source: the triangle inequality.
 */
export function activeDrift(
  form: i32,
  d: i32,
  k: i32,
  referenceMeansPtr: usize,
  referenceFactorsPtr: usize,
  meansPtr: usize,
  factorsPtr: usize,
  driftPtr: usize,
  workspacePtr: usize,
): void {
  const stride = (<usize>pairStride(k)) << 3;
  memory.fill(driftPtr, 0, 3 * stride);
  const rowBytes = (<usize>d) << 3;
  const matrixBytes = (<usize>(d * d)) << 3;
  const factorBytes = (<usize>factorSize(form, d)) << 3;
  const wasPtr = workspacePtr;
  const isPtr = wasPtr + matrixBytes;
  const inversePtr = isPtr + matrixBytes;
  const scaleBytes: usize = form == SPHERICAL ? 0 : 8;
  let change: f64 = 0;
  let wasNorm: f64 = 0;
  let isNorm: f64 = 0;
  let inverseNorm: f64 = 0;
  for (let component = 0; component < k; component++) {
    const own: usize = form == TIED ? 0 : <usize>component;
    const was = referenceFactorsPtr + ((<usize>k) << 3) + own * factorBytes;
    const is = factorsPtr + ((<usize>k) << 3) + own * factorBytes;
    const wasMean = referenceMeansPtr + <usize>component * rowBytes;
    const isMean = meansPtr + <usize>component * rowBytes;
    let alpha: f64 = 0;
    let delta: f64 = 0;
    if (form < TIED) {
      change = 0;
      for (let at: usize = 0; at < factorBytes; at += 8) {
        change = max(change, Math.abs(load<f64>(is + at) / load<f64>(was + at) - 1));
      }
      alpha = 1 - change - slack(d);
      delta = distance(isMean, wasMean, is, scaleBytes, d) * (1 + slack(d));
    } else {
      if (form == FULL || component == 0) {
        unpackFactor(was, wasPtr, d);
        unpackFactor(is, isPtr, d);
        invertTriangle(wasPtr, inversePtr, d);
        change = departure(isPtr, inversePtr, d);
        wasNorm = norm(wasPtr, d * d);
        isNorm = norm(isPtr, d * d);
        inverseNorm = norm(inversePtr, d * d);
      }
      alpha = 1 - change - slack(d) * max(wasNorm, isNorm) * inverseNorm;
      delta =
        mappedDistance(isPtr, isMean, wasMean, d) * (1 + slack(d)) +
        slack(d) * isNorm * distance(isMean, wasMean, 0, 0, d);
      if (form == TIED) {
        // Rows are whitened about the mixture's mean, not the component's: that costs digits.
        delta +=
          slack(d) *
          (isNorm * distance(isMean, is + factorBytes, 0, 0, d) +
            wasNorm * distance(wasMean, was + factorBytes, 0, 0, d));
      }
    }
    const constant = load<f64>(factorsPtr + ((<usize>component) << 3));
    const at = driftPtr + ((<usize>component) << 3);
    store<f64>(at, alpha > 0 ? alpha / 256 : 0);
    store<f64>(at + stride, delta);
    store<f64>(at + 2 * stride, constant + Math.abs(constant) * (1.0 / 1099511627776));
  }
}
