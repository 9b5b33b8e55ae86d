// Of a mixture and a pattern of missing values: the factors of the observed features' densities, and the conditional distribution of
// the missing ones given these. Kept in a cache for as long as the mixture stays what it is. Must not touch rows of data.
import { invertTriangle } from './cholesky';
import { DIAG, FULL, factorSize, SPHERICAL, TIED } from './layout';
import { log } from './math';
import {
  CACHE,
  COVARIANCES,
  cacheHeader,
  D,
  entryConstants,
  entryFactors,
  entryMeans,
  entrySize,
  FACTORS,
  FORM,
  K,
  MATRICES,
  MEANS,
  MIXTURE_WEIGHTS,
  MOST_ENTRIES,
  partSize,
  patternWords,
  SLOTS,
} from './missing-layout';
import { hashPattern, samePattern } from './missing-patterns';
import { halfLogConst, storeFactor } from './prepare';

/** Least pivot: D * 2^-50 of the variance, below which gmm_prepare takes a covariance to be singular; and never 0. */
const RELATIVE_PIVOT: f64 = 8.881784197001252e-16;
const SMALLEST_PIVOT: f64 = 1e-290;

/**
 * Empties a cache of `count` doubles: what it knows is of another mixture. Before the first operation of a pass, and whenever weights,
 * means or covariances have changed.
 */
export function missingBegin(cachePtr: usize, count: i32): void {
  store<i32>(cachePtr, 0);
  store<i32>(cachePtr, count - cacheHeader(), 4);
  store<i32>(cachePtr, 0, 8);
  memory.fill(cachePtr + 16, 0, SLOTS << 2);
}

/** Where the table has a pattern, or would have it. */
function slotOf(cachePtr: usize, patternPtr: usize, words: i32): usize {
  const entries = cachePtr + ((<usize>cacheHeader()) << 3);
  let slot: u32 = hashPattern(patternPtr, words) & (SLOTS - 1);
  let at = cachePtr + 16 + ((<usize>slot) << 2);
  let offset = load<i32>(at);
  // There are more places than entries.
  while (offset != 0 && !samePattern(patternPtr, entries + ((<usize>(offset - 1)) << 3), words)) {
    slot = (slot + 1) & (SLOTS - 1);
    at = cachePtr + 16 + ((<usize>slot) << 2);
    offset = load<i32>(at);
  }
  return at;
}

/** Address of the entry of a pattern, or 0 where there is none. */
export function findEntry(cachePtr: usize, patternPtr: usize, d: i32): usize {
  const offset = load<i32>(slotOf(cachePtr, patternPtr, patternWords(d)));
  return offset ? cachePtr + ((<usize>(cacheHeader() + offset - 1)) << 3) : 0;
}

/** Whether so many further entries of so many doubles together would find room. */
export function hasRoom(cachePtr: usize, entries: i32, doubles: i32): bool {
  return (
    load<i32>(cachePtr, 8) + entries <= MOST_ENTRIES &&
    doubles <= load<i32>(cachePtr, 4) - load<i32>(cachePtr)
  );
}

/** Makes the entry of a pattern that has none, for which there is room; its address. O(K D^3), DIAG and SPHERICAL O(K D), TIED O(D^3 + K D). */
export function addEntry(frame: usize, patternPtr: usize, featuresPtr: usize, count: i32): usize {
  const form = load<i32>(frame, FORM);
  const d = load<i32>(frame, D);
  const k = load<i32>(frame, K);
  const cachePtr = load<usize>(frame, CACHE);
  const weightsPtr = load<usize>(frame, MIXTURE_WEIGHTS);
  const meansPtr = load<usize>(frame, MEANS);
  const covariancesPtr = load<usize>(frame, COVARIANCES);
  const factorsPtr = load<usize>(frame, FACTORS);
  const matricesPtr = load<usize>(frame, MATRICES);
  const words = patternWords(d);
  const offset = load<i32>(cachePtr);
  store<i32>(slotOf(cachePtr, patternPtr, words), offset + 1);
  store<i32>(cachePtr, offset + entrySize(form, d, k, count));
  store<i32>(cachePtr, load<i32>(cachePtr, 8) + 1, 8);
  const entry = cachePtr + ((<usize>(cacheHeader() + offset)) << 3);
  memory.copy(entry, patternPtr, (<usize>words) << 3);
  const constants = entry + entryConstants(d);
  const means = entry + entryMeans(d, k);
  const parts = entry + entryFactors(d, k, count);
  const partBytes = (<usize>partSize(form, d, count)) << 3;
  let logDeterminant: f64 = 0;
  for (let component = 0; component < k; component++) {
    const part = parts + (form == TIED ? <usize>0 : <usize>component * partBytes);
    for (let i = 0; i < count; i++) {
      const feature = load<i32>(featuresPtr + ((<usize>i) << 2));
      const mean = load<f64>(meansPtr + ((<usize>(component * d + feature)) << 3));
      store<f64>(means + ((<usize>(component * count + i)) << 3), mean);
    }
    if (form <= DIAG) {
      logDeterminant = diagonalPart(
        form,
        component,
        featuresPtr,
        count,
        d,
        k,
        covariancesPtr,
        factorsPtr,
        part,
      );
    } else if (form == FULL || component == 0) {
      const at = form == FULL ? (<usize>(component * d * d)) << 3 : <usize>0;
      logDeterminant = matrixPart(covariancesPtr + at, featuresPtr, count, d, matricesPtr, part);
    }
    // Without weights: distances alone.
    const constant = weightsPtr
      ? halfLogConst(load<f64>(weightsPtr + ((<usize>component) << 3)), logDeterminant, count)
      : 0;
    store<f64>(constants + ((<usize>component) << 3), constant);
  }
  return entry;
}

/** DIAG: the observed features' halved factors, the missing ones' variances. Returns the log-determinant of the factors, not halved. */
function diagonalPart(
  form: i32,
  component: i32,
  featuresPtr: usize,
  count: i32,
  d: i32,
  k: i32,
  covariancesPtr: usize,
  factorsPtr: usize,
  part: usize,
): f64 {
  const factors = factorsPtr + ((<usize>k) << 3);
  if (form == SPHERICAL) return <f64>count * log(2 * load<f64>(factors + ((<usize>component) << 3)));
  let sum: f64 = 0;
  for (let i = 0; i < d; i++) {
    const feature = load<i32>(featuresPtr + ((<usize>i) << 2));
    const at = (<usize>(component * d + feature)) << 3;
    const value = i < count ? load<f64>(factors + at) : load<f64>(covariancesPtr + at);
    if (i < count) sum += log(2 * value);
    store<f64>(part + ((<usize>i) << 3), value);
  }
  return sum;
}

/**
 * With the features in the order observed, missing and C = L L^T: the factor of L_oo, then B = L_mo L_oo^-1, by which the conditional mean is
 * m_m + B (x_o - m_o), then the conditional covariance L_mm L_mm^T: no difference of matrices is taken. Returns the log-determinant of
 * L_oo^-1.
 */
function matrixPart(
  covariancePtr: usize,
  featuresPtr: usize,
  count: i32,
  d: i32,
  matricesPtr: usize,
  part: usize,
): f64 {
  const missing = d - count;
  const rowBytes = (<usize>d) << 3;
  const observedBytes = (<usize>count) << 3;
  const leading = matricesPtr + <usize>d * rowBytes;
  const inverse = leading + <usize>d * rowBytes;
  for (let i = 0; i < d; i++) {
    const a = load<i32>(featuresPtr + ((<usize>i) << 2));
    for (let j = 0; j <= i; j++) {
      const b = load<i32>(featuresPtr + ((<usize>j) << 2));
      const value = load<f64>(covariancePtr + ((<usize>(max(a, b) * d + min(a, b))) << 3));
      store<f64>(matricesPtr + ((<usize>(i * d + j)) << 3), value);
    }
  }
  factorise(matricesPtr, d);
  for (let i: usize = 0; i < <usize>count; i++) {
    memory.copy(leading + i * observedBytes, matricesPtr + i * rowBytes, observedBytes);
  }
  invertTriangle(leading, inverse, count);
  const logDeterminant = storeFactor(inverse, part, count);
  let target = part + ((<usize>factorSize(FULL, count)) << 3);
  for (let i = count; i < d; i++, target += observedBytes) {
    const row = matricesPtr + <usize>i * rowBytes;
    memory.fill(target, 0, observedBytes);
    for (let t = 0; t < count; t++) {
      const scale = load<f64>(row + ((<usize>t) << 3));
      const other = inverse + <usize>t * observedBytes;
      for (let c: usize = 0, end = (<usize>(t + 1)) << 3; c < end; c += 8) {
        store<f64>(target + c, load<f64>(target + c) + scale * load<f64>(other + c));
      }
    }
  }
  for (let i = 0; i < missing; i++) {
    const a = matricesPtr + <usize>(count + i) * rowBytes + observedBytes;
    for (let j = 0; j <= i; j++, target += 8) {
      const b = matricesPtr + <usize>(count + j) * rowBytes + observedBytes;
      let sum: f64 = 0;
      for (let t: usize = 0, end = (<usize>(j + 1)) << 3; t < end; t += 8) {
        sum += load<f64>(a + t) * load<f64>(b + t);
      }
      store<f64>(target, sum);
    }
  }
  return logDeterminant;
}

/**
 * L in place of the lower triangle of C, which is regular in another order of its features: a pivot that rounding has lost is put at the least
 * that gmm_prepare would have let pass.
 */
function factorise(matrixPtr: usize, d: i32): void {
  const rowBytes = (<usize>d) << 3;
  const relative = RELATIVE_PIVOT * <f64>d;
  for (let row = 0; row < d; row++) {
    const rowPtr = matrixPtr + <usize>row * rowBytes;
    for (let column = 0; column < row; column++) {
      const columnPtr = matrixPtr + <usize>column * rowBytes;
      let sum = load<f64>(rowPtr + ((<usize>column) << 3));
      for (let t: usize = 0, end = (<usize>column) << 3; t < end; t += 8) {
        sum -= load<f64>(rowPtr + t) * load<f64>(columnPtr + t);
      }
      store<f64>(rowPtr + ((<usize>column) << 3), sum / load<f64>(columnPtr + ((<usize>column) << 3)));
    }
    const diagonalPtr = rowPtr + ((<usize>row) << 3);
    const diagonal = load<f64>(diagonalPtr);
    let pivot = diagonal;
    for (let t: usize = 0, end = (<usize>row) << 3; t < end; t += 8) {
      const value = load<f64>(rowPtr + t);
      pivot -= value * value;
    }
    const least = max(relative * diagonal, SMALLEST_PIVOT);
    store<f64>(diagonalPtr, sqrt(pivot > least ? pivot : least));
  }
}
