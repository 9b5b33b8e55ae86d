// One EM iteration's work on a block of rows: E-step and statistics.
// Must not decide anything: no convergence, no repair, no allocation. The host loops over blocks and merges.
import {
  BLOCK,
  centredOffset,
  factorSize,
  leastActive,
  maximumOffset,
  PANEL,
  rowSumOffset,
  rowWeightOffset,
  scaleOffset,
  statisticsCount,
  TIED,
  tiedOffset,
  tileRows,
  tileStride,
  triangle,
} from './layout';
import {
  logLikelihoodOf,
  logProbNorm,
  normalise,
  RESPONSIBILITIES,
  ROOTS,
  SUMS_ONLY,
} from './responsibilities';
import { addTiedStatistics, finishTiedBlock } from './scatter-tied';
import { addTile, checkSizes, logDensityTile, takesMasks, wantsRoots, weightedLogLikelihood } from './tile';

/** Zeroes the responsibilities (or roots) of the padding rows n ... rows - 1. */
function clearPadding(respPtr: usize, n: i32, rows: i32, k: i32, tileBytes: usize): void {
  const from = (<usize>n) << 3;
  const bytes = (<usize>(rows - n)) << 3;
  for (let component = 0; component < k; component++) {
    memory.fill(respPtr + <usize>component * tileBytes + from, 0, bytes);
  }
}

/** n sample weights (weightsPtr 0: ones), or their square roots; zero for the padding rows. */
export function fillWeights(weightsPtr: usize, targetPtr: usize, n: i32, rows: i32, roots: bool): void {
  for (let row = 0; row < rows; row++) {
    const at = (<usize>row) << 3;
    let weight: f64 = row >= n ? 0 : weightsPtr ? load<f64>(weightsPtr + at) : 1;
    if (roots) weight = sqrt(weight);
    store<f64>(targetPtr + at, weight);
  }
}

/** Multiplies the responsibilities (or roots) of all components by one factor per row. */
export function applyWeights(respPtr: usize, factorPtr: usize, rows: i32, k: i32, tileBytes: usize): void {
  for (let component = 0; component < k; component++) {
    const r = respPtr + <usize>component * tileBytes;
    for (let at: usize = 0, end = (<usize>rows) << 3; at < end; at += 16) {
      v128.store(r + at, v128.mul<f64>(v128.load(r + at), v128.load(factorPtr + at)));
    }
  }
}

/**
 * Of each component, the rows of a tile whose responsibility is above 2^-53 / K, as bits: the others cannot change its
 * scatter (docs/ALGORITHM.md, "Active pairs").
 */
function markActiveRows(respPtr: usize, used: i32, k: i32, tileBytes: usize, masksPtr: usize): void {
  const least = f64x2.splat(sqrt(leastActive(k)));
  const all = ~(<u64>0) >>> (64 - used);
  for (let component: usize = 0; component < <usize>k; component++) {
    const roots = respPtr + component * tileBytes;
    let mask: u64 = 0;
    for (let row = 0; row < used; row += 2) {
      const above = v128.gt<f64>(v128.load(roots + ((<usize>row) << 3)), least);
      mask |= (<u64>i64x2.bitmask(above)) << row;
    }
    store<u64>(masksPtr + (component << 3), mask & all);
  }
}

/**
 * Adds to the last number of the statistics an estimate of a whole block's active pairs (active.ts), from its first
 * tile: whether computing active pairs alone would pay is worth so much work and no more.
 */
function estimateActive(statisticsPtr: usize, form: i32, d: i32, k: i32, respPtr: usize, roots: bool): void {
  const tile = tileRows(form, d);
  const tileBytes = (<usize>tileStride(form, d)) << 3;
  const least = leastActive(k);
  let active = 0;
  for (let component = 0; component < k; component++) {
    const row = respPtr + <usize>component * tileBytes;
    for (let at: usize = 0, end = (<usize>tile) << 3; at < end; at += 8) {
      const value = load<f64>(row + at);
      if ((roots ? value * value : value) > least) active++;
    }
  }
  const activePtr = statisticsPtr + ((<usize>(statisticsCount(form, d, k) - 1)) << 3);
  store<f64>(activePtr, load<f64>(activePtr) + <f64>(active * (BLOCK / tile)));
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
  // TIED has its offsets there.
  const masksPtr = takesMasks(form, d) ? offsetsPtr : 0;
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
    if (start == 0 && n == BLOCK) estimateActive(statisticsPtr, form, d, k, workspacePtr, roots);
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
    if (masksPtr) markActiveRows(workspacePtr, used, k, tileBytes, masksPtr);
    if (weightsPtr) {
      fillWeights(tileWeights, rowWeightPtr, used, rows, roots);
      applyWeights(workspacePtr, rowWeightPtr, rows, k, tileBytes);
    } else if (used < rows) clearPadding(workspacePtr, used, rows, k, tileBytes);
    addTile(form, tilePtr, rows, d, k, meansPtr, statisticsPtr, workspacePtr, masksPtr);
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
      0,
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
