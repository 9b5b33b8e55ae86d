// One EM iteration's work on a block of rows: E-step and statistics.
// Must not decide anything: no convergence, no repair, no allocation. The host loops over blocks and merges.
import {
  BLOCK,
  centredOffset,
  DIAG,
  FULL,
  factorSize,
  maximumOffset,
  PANEL,
  rowSumOffset,
  rowWeightOffset,
  SPHERICAL,
  scaleOffset,
  scatterSize,
  TIED,
  tiedOffset,
  tileRows,
  tileStride,
  triangle,
  whitenedOffset,
} from './layout';
import {
  centre,
  logDensityFull,
  logDensityFull2,
  logDensityScaled,
  logDensityWhitened,
  whiten,
} from './log-density';
import { log } from './math';
import {
  logLikelihoodOf,
  logProbNorm,
  normalise,
  RESPONSIBILITIES,
  ROOTS,
  SUMS_ONLY,
} from './responsibilities';
import { addDiagonalStatistics, addOuterProducts, addStatistics2, scaleRows } from './scatter';
import { addTiedStatistics, finishTiedBlock } from './scatter-tied';

/** Half log-densities [K][tile] of a tile and their maximum, into the workspace. */
function logDensityTile(
  form: i32,
  panelsPtr: usize,
  rows: i32,
  d: i32,
  k: i32,
  meansPtr: usize,
  factorsPtr: usize,
  workspacePtr: usize,
): void {
  const stride = tileStride(form, d);
  const tileBytes = (<usize>stride) << 3;
  const panelBytes = (<usize>d) << 6;
  const rowBytes = (<usize>d) << 3;
  const maximumPtr = workspacePtr + maximumOffset(k, stride);
  const centredPtr = workspacePtr + centredOffset(k, stride);
  const whitenedPtr = workspacePtr + whitenedOffset(k, d, stride);
  const factorBytes = (<usize>factorSize(form, d)) << 3;
  const firstFactor = factorsPtr + ((<usize>k) << 3);
  const referencePtr = firstFactor + factorBytes;
  if (form == TIED) {
    centre(panelsPtr, rows, d, referencePtr, centredPtr, tileBytes);
    whiten(centredPtr, rows, d, tileBytes, firstFactor, whitenedPtr);
  }
  for (let component = 0; component < k; component++) {
    const halfPtr = workspacePtr + <usize>component * tileBytes;
    const constPtr = factorsPtr + ((<usize>component) << 3);
    const meanPtr = meansPtr + <usize>component * rowBytes;
    const factorPtr = firstFactor + <usize>component * factorBytes;
    const first = component == 0;
    if (form == TIED) {
      const mu = referencePtr + rowBytes + <usize>component * rowBytes;
      logDensityWhitened(whitenedPtr, rows, d, tileBytes, mu, constPtr, halfPtr, maximumPtr, first);
    } else if (form == FULL && d > 2) {
      centre(panelsPtr, rows, d, meanPtr, centredPtr, tileBytes);
      logDensityFull(centredPtr, rows, d, tileBytes, factorPtr, constPtr, halfPtr, maximumPtr, first);
    } else if (form == FULL && d == 2) {
      logDensityFull2(panelsPtr, rows, meanPtr, factorPtr, constPtr, halfPtr, maximumPtr, first);
    } else {
      // DIAG, SPHERICAL, and FULL with one feature, whose factor is one number.
      const scaleBytes: usize = form == SPHERICAL ? 0 : 8;
      logDensityScaled(
        panelsPtr,
        rows,
        d,
        64,
        panelBytes,
        meanPtr,
        factorPtr,
        scaleBytes,
        constPtr,
        halfPtr,
        maximumPtr,
        first,
      );
    }
  }
}

/** Whether the statistics of a form are made from square roots of responsibilities (else: from themselves). */
function wantsRoots(form: i32, d: i32): bool {
  return form >= TIED && d > 2;
}

/** Zeroes the responsibilities (or roots) of the padding rows n ... rows - 1. */
function clearPadding(respPtr: usize, n: i32, rows: i32, k: i32, tileBytes: usize): void {
  const from = (<usize>n) << 3;
  const bytes = (<usize>(rows - n)) << 3;
  for (let component = 0; component < k; component++) {
    memory.fill(respPtr + <usize>component * tileBytes + from, 0, bytes);
  }
}

/** n sample weights (weightsPtr 0: ones), or their square roots; zero for the padding rows. */
function fillWeights(weightsPtr: usize, targetPtr: usize, n: i32, rows: i32, roots: bool): void {
  for (let row = 0; row < rows; row++) {
    const at = (<usize>row) << 3;
    let weight: f64 = row >= n ? 0 : weightsPtr ? load<f64>(weightsPtr + at) : 1;
    if (roots) weight = sqrt(weight);
    store<f64>(targetPtr + at, weight);
  }
}

/** Multiplies the responsibilities (or roots) of all components by one factor per row. */
function applyWeights(respPtr: usize, factorPtr: usize, rows: i32, k: i32, tileBytes: usize): void {
  for (let component = 0; component < k; component++) {
    const r = respPtr + <usize>component * tileBytes;
    for (let at: usize = 0, end = (<usize>rows) << 3; at < end; at += 16) {
      v128.store(r + at, v128.mul<f64>(v128.load(r + at), v128.load(factorPtr + at)));
    }
  }
}

/** sum of v (2 max + ln rowSum) over n rows, with sample weights v. */
function weightedLogLikelihood(maximumPtr: usize, rowSumPtr: usize, weightsPtr: usize, n: i32): f64 {
  let sum: f64 = 0;
  for (let row = 0; row < n; row++) {
    const at = (<usize>row) << 3;
    const weight = load<f64>(weightsPtr + at);
    // A row of weight 0 counts as absent, however far away it is.
    if (weight > 0) sum += weight * (2 * load<f64>(maximumPtr + at) + log(load<f64>(rowSumPtr + at)));
  }
  return sum;
}

/** Adds a tile's statistics about `means` to the statistics, from responsibilities or (wantsRoots) their roots. */
function addTile(
  form: i32,
  panelsPtr: usize,
  rows: i32,
  d: i32,
  k: i32,
  meansPtr: usize,
  statisticsPtr: usize,
  workspacePtr: usize,
): void {
  const stride = tileStride(form, d);
  const tileBytes = (<usize>stride) << 3;
  const rowBytes = (<usize>d) << 3;
  const scaledPtr = workspacePtr + centredOffset(k, stride);
  const nkPtr = statisticsPtr + 16;
  const sumXPtr = nkPtr + ((<usize>k) << 3);
  const sumXXPtr = sumXPtr + <usize>k * rowBytes;
  const scatterBytes: usize = form == TIED ? 0 : (<usize>scatterSize(form, d)) << 3;
  for (let component = 0; component < k; component++) {
    const respPtr = workspacePtr + <usize>component * tileBytes;
    const meanPtr = meansPtr + <usize>component * rowBytes;
    const nk = nkPtr + ((<usize>component) << 3);
    const sumX = sumXPtr + <usize>component * rowBytes;
    const sumXX = sumXXPtr + <usize>component * scatterBytes;
    if (form <= DIAG || d == 1) {
      addDiagonalStatistics(panelsPtr, rows, d, meanPtr, respPtr, nk, sumX, sumXX, form == SPHERICAL ? 0 : 8);
    } else if (d == 2) {
      addStatistics2(panelsPtr, rows, meanPtr, respPtr, nk, sumX, sumXX);
    } else {
      scaleRows(panelsPtr, rows, d, meanPtr, respPtr, scaledPtr, tileBytes, nk, sumX);
      addOuterProducts(scaledPtr, rows, d, tileBytes, sumXX);
    }
  }
}

/** 0, or minus the position of the bad one among form (argument 1) and n, d, k (arguments `first` and after). */
function checkSizes(form: i32, first: i32, n: i32, d: i32, k: i32): i32 {
  if (form < SPHERICAL || form > FULL) return -1;
  if (n < 0 || n > BLOCK) return -first;
  if (d < 1) return -first - 1;
  if (k < 1) return -first - 2;
  return 0;
}

/**
 * E-step and statistics of one block, fused: adds to the statistics sum v, sum v logProbNorm, and with
 * r = v * responsibility, per component nk = sum r, sumX = sum r (x - m), sumXX = sum r (x - m)(x - m)^T (FULL: packed
 * lower triangle; TIED: one, over all components; DIAG: its diagonal; SPHERICAL: its trace).
 *
 * form; panels: ceil(n / 8) panels of 8 x D (gmm_pack); weights (n) or 0; n <= 4096 rows; means (K, D); factors of
 * gmm_prepare; statistics (gmm_statistics_count); workspace. Returns 0, or a negative number: the bad argument's position.
 * Nothing of size n x K is written. O(n K D^2), or O(n K D) for DIAG and SPHERICAL.
 */
export function accumulate(
  form: i32,
  panelsPtr: usize,
  weightsPtr: usize,
  n: i32,
  d: i32,
  k: i32,
  meansPtr: usize,
  factorsPtr: usize,
  statisticsPtr: usize,
  workspacePtr: usize,
  likelihoodOnly: i32,
): i32 {
  const bad = checkSizes(form, 4, n, d, k);
  if (bad) return bad;
  const tile = tileRows(form, d);
  const stride = tileStride(form, d);
  const tileBytes = (<usize>stride) << 3;
  const maximumPtr = workspacePtr + maximumOffset(k, stride);
  const rowSumPtr = workspacePtr + rowSumOffset(k, stride);
  const rowWeightPtr = workspacePtr + rowWeightOffset(k, stride);
  // The short cut for TIED pays while pairs of components are fewer than elements of the covariances saved.
  const pairwise = form == TIED && d > 2 && k > 1 && k <= d * d && !likelihoodOnly;
  const roots = wantsRoots(form, d) && !pairwise;
  const keep = likelihoodOnly ? SUMS_ONLY : roots ? ROOTS : RESPONSIBILITIES;
  const scalePtr = workspacePtr + scaleOffset(k, stride);
  const offsetsPtr = workspacePtr + tiedOffset(k, d, stride);
  const rawPtr = offsetsPtr + ((<usize>(k * d)) << 3);
  const blockNkPtr = rawPtr + ((<usize>(k * d)) << 3);
  const pairsPtr = blockNkPtr + ((<usize>k) << 3);
  const sumXPtr = statisticsPtr + 16 + ((<usize>k) << 3);
  const sumXXPtr = sumXPtr + ((<usize>(k * d)) << 3);
  if (pairwise) {
    memory.fill(rawPtr, 0, (<usize>(k * d + k + triangle(k))) << 3);
    const referencePtr = factorsPtr + ((<usize>(k + factorSize(form, d))) << 3);
    for (let i = 0; i < k * d; i++) {
      const at = (<usize>i) << 3;
      store<f64>(
        offsetsPtr + at,
        load<f64>(meansPtr + at) - load<f64>(referencePtr + ((<usize>(i % d)) << 3)),
      );
    }
  }
  let count: f64 = 0;
  let logLikelihood: f64 = 0;
  for (let start = 0; start < n; start += tile) {
    const used = min(tile, n - start);
    const rows = (used + PANEL - 1) & -PANEL;
    const tilePtr = panelsPtr + ((<usize>start * <usize>d) << 3);
    const tileWeights = weightsPtr + ((<usize>start) << 3);
    logDensityTile(form, tilePtr, rows, d, k, meansPtr, factorsPtr, workspacePtr);
    normalise(workspacePtr, rows, k, tileBytes, maximumPtr, rowSumPtr, scalePtr, keep);
    if (weightsPtr) {
      logLikelihood += weightedLogLikelihood(maximumPtr, rowSumPtr, tileWeights, used);
      for (let row = 0; row < used; row++) count += load<f64>(tileWeights + ((<usize>row) << 3));
    } else {
      logLikelihood += logLikelihoodOf(maximumPtr, rowSumPtr, used);
      count += <f64>used;
    }
    if (likelihoodOnly) continue;
    if (pairwise) {
      const weighted = weightsPtr != 0 || used < rows;
      if (weighted) fillWeights(weightsPtr ? tileWeights : 0, rowWeightPtr, used, rows, true);
      addTiedStatistics(
        workspacePtr,
        workspacePtr + centredOffset(k, stride),
        weighted ? rowWeightPtr : 0,
        offsetsPtr,
        rows,
        d,
        k,
        tileBytes,
        blockNkPtr,
        rawPtr,
        pairsPtr,
        sumXXPtr,
      );
      continue;
    }
    if (weightsPtr) {
      fillWeights(tileWeights, rowWeightPtr, used, rows, roots);
      applyWeights(workspacePtr, rowWeightPtr, rows, k, tileBytes);
    } else if (used < rows) clearPadding(workspacePtr, used, rows, k, tileBytes);
    addTile(form, tilePtr, rows, d, k, meansPtr, statisticsPtr, workspacePtr);
  }
  if (pairwise) {
    finishTiedBlock(offsetsPtr, d, k, blockNkPtr, rawPtr, pairsPtr, statisticsPtr + 16, sumXPtr, sumXXPtr);
  }
  store<f64>(statisticsPtr, load<f64>(statisticsPtr) + count);
  store<f64>(statisticsPtr, load<f64>(statisticsPtr, 8) + logLikelihood, 8);
  return 0;
}

/**
 * Statistics of one block under given responsibilities (n, K; row-major): as `accumulate`, without densities; the
 * log-likelihood is left as it is. O(n K D^2).
 */
export function accumulateResponsibilities(
  form: i32,
  panelsPtr: usize,
  weightsPtr: usize,
  n: i32,
  d: i32,
  k: i32,
  meansPtr: usize,
  respPtr: usize,
  statisticsPtr: usize,
  workspacePtr: usize,
): i32 {
  const bad = checkSizes(form, 4, n, d, k);
  if (bad) return bad;
  const tile = tileRows(form, d);
  const stride = tileStride(form, d);
  const tileBytes = (<usize>stride) << 3;
  const roots = wantsRoots(form, d);
  let count: f64 = 0;
  for (let start = 0; start < n; start += tile) {
    const used = min(tile, n - start);
    const rows = (used + PANEL - 1) & -PANEL;
    for (let row = 0; row < rows; row++) {
      const at = (<usize>(start + row)) << 3;
      const weight: f64 = row >= used ? 0 : weightsPtr ? load<f64>(weightsPtr + at) : 1;
      count += weight;
      for (let component = 0; component < k; component++) {
        const target = workspacePtr + <usize>component * tileBytes + ((<usize>row) << 3);
        const resp: f64 = row < used ? load<f64>(respPtr + at * <usize>k + ((<usize>component) << 3)) : 0;
        store<f64>(target, roots ? sqrt(weight * resp) : weight * resp);
      }
    }
    addTile(
      form,
      panelsPtr + ((<usize>start * <usize>d) << 3),
      rows,
      d,
      k,
      meansPtr,
      statisticsPtr,
      workspacePtr,
    );
  }
  store<f64>(statisticsPtr, load<f64>(statisticsPtr) + count);
  return 0;
}

/**
 * Per row: responsibilities (n, K) into respPtr, log weight + log-density of each component (n, K) into logProbPtr,
 * the mixture's log-density (n) into logProbNormPtr. Each target may be 0: not wanted. n <= 4096. O(n K D^2).
 */
export function eStep(
  form: i32,
  panelsPtr: usize,
  n: i32,
  d: i32,
  k: i32,
  meansPtr: usize,
  factorsPtr: usize,
  respPtr: usize,
  logProbPtr: usize,
  logProbNormPtr: usize,
  workspacePtr: usize,
): i32 {
  const bad = checkSizes(form, 3, n, d, k);
  if (bad) return bad;
  const tile = tileRows(form, d);
  const stride = tileStride(form, d);
  const tileBytes = (<usize>stride) << 3;
  const maximumPtr = workspacePtr + maximumOffset(k, stride);
  const rowSumPtr = workspacePtr + rowSumOffset(k, stride);
  const normPtr = workspacePtr + rowWeightOffset(k, stride);
  const scalePtr = workspacePtr + scaleOffset(k, stride);
  for (let start = 0; start < n; start += tile) {
    const used = min(tile, n - start);
    const rows = (used + PANEL - 1) & -PANEL;
    logDensityTile(
      form,
      panelsPtr + ((<usize>start * <usize>d) << 3),
      rows,
      d,
      k,
      meansPtr,
      factorsPtr,
      workspacePtr,
    );
    const matrixAt = (<usize>start * <usize>k) << 3;
    if (logProbPtr) copyOut(workspacePtr, used, k, tileBytes, logProbPtr + matrixAt, 2);
    if (!respPtr && !logProbNormPtr) continue;
    const keep = respPtr ? RESPONSIBILITIES : SUMS_ONLY;
    normalise(workspacePtr, rows, k, tileBytes, maximumPtr, rowSumPtr, scalePtr, keep);
    if (respPtr) copyOut(workspacePtr, used, k, tileBytes, respPtr + matrixAt, 1);
    if (logProbNormPtr) {
      logProbNorm(maximumPtr, rowSumPtr, rows, normPtr);
      memory.copy(logProbNormPtr + ((<usize>start) << 3), normPtr, (<usize>used) << 3);
    }
  }
  return 0;
}

/** target[row][component] from the tile's [component][row], times a factor. */
function copyOut(tilePtr: usize, n: i32, k: i32, tileBytes: usize, targetPtr: usize, factor: f64): void {
  for (let component = 0; component < k; component++) {
    const source = tilePtr + <usize>component * tileBytes;
    for (let row = 0; row < n; row++) {
      const value = load<f64>(source + ((<usize>row) << 3));
      store<f64>(targetPtr + ((<usize>(row * k + component)) << 3), factor * value);
    }
  }
}
