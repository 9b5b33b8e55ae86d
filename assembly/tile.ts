// What happens to a tile of rows: its densities under one component or all, and its part of the statistics.
// Must not normalise, and must not know of blocks.
import {
  BLOCK,
  centredOffset,
  DIAG,
  FULL,
  factorSize,
  maximumOffset,
  SPHERICAL,
  scatterSize,
  TIED,
  tileStride,
  whitenedOffset,
} from './layout';
import {
  centre,
  logDensityDiag,
  logDensityFull,
  logDensityFull2,
  logDensityFull3,
  logDensitySpherical,
  logDensityWhitened,
  whiten,
} from './log-density';
import { log } from './math';
import {
  addDiagonalStatistics,
  addOuterProducts,
  addStatistics2,
  addStatistics3,
  compactRows,
  scaleRows,
} from './scatter';

/** TIED: centres and whitens a tile, once for all components. Other forms: nothing. */
export function whitenTile(
  form: i32,
  panelsPtr: usize,
  rows: i32,
  d: i32,
  k: i32,
  factorsPtr: usize,
  workspacePtr: usize,
): void {
  if (form != TIED) return;
  const stride = tileStride(form, d);
  const tileBytes = (<usize>stride) << 3;
  const centredPtr = workspacePtr + centredOffset(k, stride);
  const factorPtr = factorsPtr + ((<usize>k) << 3);
  const referencePtr = factorPtr + ((<usize>factorSize(form, d)) << 3);
  centre(panelsPtr, rows, d, referencePtr, centredPtr, tileBytes);
  whiten(centredPtr, rows, d, tileBytes, factorPtr, workspacePtr + whitenedOffset(k, d, stride));
}

/**
 * Half log-densities of a tile's rows [firstRow, firstRow + rows) under one component, into the workspace, whose
 * maximum they raise or (`first`) start. Both numbers are multiples of 8; a row's value does not depend on the range.
 */
export function logDensityRange(
  form: i32,
  component: i32,
  panelsPtr: usize,
  firstRow: i32,
  rows: i32,
  d: i32,
  k: i32,
  meansPtr: usize,
  factorsPtr: usize,
  workspacePtr: usize,
  first: bool,
): void {
  const stride = tileStride(form, d);
  const tileBytes = (<usize>stride) << 3;
  const rowBytes = (<usize>d) << 3;
  const shift = (<usize>firstRow) << 3;
  const factorBytes = (<usize>factorSize(form, d)) << 3;
  const firstFactor = factorsPtr + ((<usize>k) << 3);
  const panels = panelsPtr + shift * <usize>d;
  const halfPtr = workspacePtr + <usize>component * tileBytes + shift;
  const maximumPtr = workspacePtr + maximumOffset(k, stride) + shift;
  const constPtr = factorsPtr + ((<usize>component) << 3);
  const meanPtr = meansPtr + <usize>component * rowBytes;
  const factorPtr = firstFactor + <usize>component * factorBytes;
  if (form == TIED) {
    const whitenedPtr = workspacePtr + whitenedOffset(k, d, stride) + shift;
    const mu = firstFactor + factorBytes + rowBytes + <usize>component * rowBytes;
    logDensityWhitened(whitenedPtr, rows, d, tileBytes, mu, constPtr, halfPtr, maximumPtr, first);
  } else if (form == FULL && d > 3) {
    const centredPtr = workspacePtr + centredOffset(k, stride);
    logDensityFull(panels, rows, d, meanPtr, centredPtr, factorPtr, constPtr, halfPtr, maximumPtr, first);
  } else if (form == FULL && d == 2) {
    logDensityFull2(panels, rows, meanPtr, factorPtr, constPtr, halfPtr, maximumPtr, first);
  } else if (form == FULL && d == 3) {
    logDensityFull3(panels, rows, meanPtr, factorPtr, constPtr, halfPtr, maximumPtr, first);
  } else if (form == SPHERICAL) {
    logDensitySpherical(panels, rows, d, meanPtr, factorPtr, constPtr, halfPtr, maximumPtr, first);
  } else logDensityDiag(panels, rows, d, meanPtr, factorPtr, constPtr, halfPtr, maximumPtr, first);
}

/** Half log-densities [K][tile] of a tile and their maximum, into the workspace. */
export function logDensityTile(
  form: i32,
  panelsPtr: usize,
  rows: i32,
  d: i32,
  k: i32,
  meansPtr: usize,
  factorsPtr: usize,
  workspacePtr: usize,
): void {
  whitenTile(form, panelsPtr, rows, d, k, factorsPtr, workspacePtr);
  for (let component = 0; component < k; component++) {
    logDensityRange(
      form,
      component,
      panelsPtr,
      0,
      rows,
      d,
      k,
      meansPtr,
      factorsPtr,
      workspacePtr,
      component == 0,
    );
  }
}

/** Whether the statistics of a form are made from square roots of responsibilities (else: from themselves). */
export function wantsRoots(form: i32, d: i32): bool {
  return (form == FULL && d > 3) || (form == TIED && d > 2);
}

/** Whether the scatter of a form is worth leaving rows out; a tile then has at most 64, as a mask has bits. */
export function takesMasks(form: i32, d: i32): bool {
  return form == FULL && d > 16;
}

/** sum of v (2 max + ln rowSum) over n rows, with sample weights v. */
export function weightedLogLikelihood(maximumPtr: usize, rowSumPtr: usize, weightsPtr: usize, n: i32): f64 {
  let sum: f64 = 0;
  for (let row = 0; row < n; row++) {
    const at = (<usize>row) << 3;
    const weight = load<f64>(weightsPtr + at);
    // A row of weight 0 counts as absent, however far away it is.
    if (weight > 0) sum += weight * (2 * load<f64>(maximumPtr + at) + log(load<f64>(rowSumPtr + at)));
  }
  return sum;
}

/**
 * Adds to the statistics what rows in panels contribute to one component, from their responsibilities or (wantsRoots)
 * the roots of these, [rows] at respPtr. `rows` is a multiple of 8 and at most a tile. FULL with {@link takesMasks}: bit i of
 * `mask` is 0 where row i is left out of the scatter.
 */
export function addComponent(
  form: i32,
  component: i32,
  panelsPtr: usize,
  respPtr: usize,
  rows: i32,
  d: i32,
  k: i32,
  meansPtr: usize,
  statisticsPtr: usize,
  workspacePtr: usize,
  mask: u64,
): void {
  const stride = tileStride(form, d);
  const tileBytes = (<usize>stride) << 3;
  const rowBytes = (<usize>d) << 3;
  const meanPtr = meansPtr + <usize>component * rowBytes;
  const nk = statisticsPtr + ((<usize>(2 + component)) << 3);
  const sumX = statisticsPtr + ((<usize>(2 + k + component * d)) << 3);
  const scatter = form == TIED ? 0 : component * scatterSize(form, d);
  const sumXX = statisticsPtr + ((<usize>(2 + k + k * d + scatter)) << 3);
  if (form <= DIAG || d == 1) {
    addDiagonalStatistics(panelsPtr, rows, d, meanPtr, respPtr, nk, sumX, sumXX, form == SPHERICAL ? 0 : 8);
  } else if (d == 2) {
    addStatistics2(panelsPtr, rows, meanPtr, respPtr, nk, sumX, sumXX);
  } else if (form == FULL && d == 3) {
    addStatistics3(panelsPtr, rows, meanPtr, respPtr, nk, sumX, sumXX);
  } else {
    const scaledPtr = workspacePtr + centredOffset(k, stride);
    scaleRows(panelsPtr, rows, d, meanPtr, respPtr, scaledPtr, nk, sumX);
    const kept = takesMasks(form, d) ? compactRows(scaledPtr, rows, d, mask) : rows;
    addOuterProducts(scaledPtr, kept, d, sumXX);
  }
}

/**
 * Adds a tile's statistics about `means`, from responsibilities or their roots [K][tile] in the workspace. masksPtr: of each
 * component the rows that its scatter needs (u64), or 0: all.
 */
export function addTile(
  form: i32,
  panelsPtr: usize,
  rows: i32,
  d: i32,
  k: i32,
  meansPtr: usize,
  statisticsPtr: usize,
  workspacePtr: usize,
  masksPtr: usize,
): void {
  const tileBytes = (<usize>tileStride(form, d)) << 3;
  for (let component = 0; component < k; component++) {
    const respPtr = workspacePtr + <usize>component * tileBytes;
    const mask = masksPtr ? load<u64>(masksPtr + ((<usize>component) << 3)) : ~(<u64>0);
    addComponent(
      form,
      component,
      panelsPtr,
      respPtr,
      rows,
      d,
      k,
      meansPtr,
      statisticsPtr,
      workspacePtr,
      mask,
    );
  }
}

/** 0, or minus the position of the bad one among form (argument 1) and n, d, k (arguments `first` and after). */
export function checkSizes(form: i32, first: i32, n: i32, d: i32, k: i32): i32 {
  if (form < SPHERICAL || form > FULL) return -1;
  if (n < 0 || n > BLOCK) return -first;
  if (d < 1) return -first - 1;
  if (k < 1) return -first - 2;
  return 0;
}
