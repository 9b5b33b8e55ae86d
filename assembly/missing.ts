// Blocks of rows in which values may be missing (NaN): densities of what is observed, and statistics that expect the rest.
// Must not decide anything, and must give complete rows what the ordinary operations give them.
import { accumulate, applyWeights, eStep, fillWeights } from './em';
import { maximumOffset, rowSumOffset, rowWeightOffset, scaleOffset, tileStride } from './layout';
import {
  CHUNK,
  CHUNK_ROWS,
  CHUNK_WEIGHTS,
  COMPLETED,
  GROUP,
  GROUPS,
  HEADS,
  NEXT,
  TILE_ROWS,
  TILE_USED,
  TILE_WEIGHTS,
  ZEROS,
} from './missing-layout';
import { groupRows } from './missing-patterns';
import {
  addConditional,
  addExpected,
  completeTile,
  copyRow,
  copyRows,
  densities,
  gatherTile,
  openFrame,
} from './missing-tile';
import { logProbNorm, normalise, RESPONSIBILITIES, ROOTS, SUMS_ONLY } from './responsibilities';
import { addComponent, checkSizes, wantsRoots, weightedLogLikelihood } from './tile';

/**
 * As `accumulate`, for rows in which NaN marks what is missing at random: with o the observed and m the missing features of a row, its density
 * is that of x_o, and its share in the statistics of a component is that of the row completed by the conditional mean,
 * m_m + C_mo C_oo^-1 (x_o - m_o), plus, in sumXX, r times the conditional covariance C_mm - C_mo C_oo^-1 C_om. Rows of one pattern share a
 * factorisation. Complete rows first, as `accumulate` has them, then pattern by pattern in order of first appearance.
 *
 * mixtureWeights (K), means, covariances: what the factors were made of by gmm_prepare; cache: begun by gmm_missing_begin for this mixture.
 * Source: Ghahramani and Jordan 1994, "Supervised learning from incomplete data via an EM approach", section 4; Little and Rubin, "Statistical
 * analysis with missing data", chapter 11. O(n K D^2) and O(K D^3) per pattern the cache does not know; diag and spherical O(n K D).
 */
export function accumulateMissing(
  form: i32,
  panelsPtr: usize,
  weightsPtr: usize,
  n: i32,
  d: i32,
  k: i32,
  mixtureWeightsPtr: usize,
  meansPtr: usize,
  covariancesPtr: usize,
  factorsPtr: usize,
  statisticsPtr: usize,
  workspacePtr: usize,
  likelihoodOnly: i32,
  cachePtr: usize,
): i32 {
  const bad = checkSizes(form, 4, n, d, k);
  if (bad) return bad;
  const frame = openFrame(
    form,
    d,
    k,
    panelsPtr,
    weightsPtr,
    mixtureWeightsPtr,
    meansPtr,
    covariancesPtr,
    factorsPtr,
    workspacePtr,
    cachePtr,
  );
  const complete = groupRows(frame, n) == 1;
  // A block without missing values stays where it is.
  const chunkPtr = complete ? panelsPtr : load<usize>(frame, CHUNK_ROWS);
  const chunkWeightsPtr = complete ? weightsPtr : load<usize>(frame, CHUNK_WEIGHTS);
  let row = load<i32>(load<usize>(frame, HEADS));
  do {
    let taken = n;
    if (!complete) {
      taken = 0;
      for (; row >= 0 && taken < CHUNK; taken++) {
        copyRow(panelsPtr, row, chunkPtr, taken, d);
        if (weightsPtr) {
          const weight = load<f64>(weightsPtr + ((<usize>row) << 3));
          store<f64>(chunkWeightsPtr + ((<usize>taken) << 3), weight);
        }
        row = load<i32>(load<usize>(frame, NEXT) + ((<usize>row) << 2));
      }
      for (let lane = taken; lane & 7; lane++) copyRow(chunkPtr, taken - 1, chunkPtr, lane, d);
    }
    accumulate(
      form,
      chunkPtr,
      weightsPtr ? chunkWeightsPtr : 0,
      taken,
      d,
      k,
      meansPtr,
      factorsPtr,
      statisticsPtr,
      workspacePtr,
      likelihoodOnly,
    );
  } while (!complete && row >= 0);
  const stride = tileStride(form, d);
  const tileBytes = (<usize>stride) << 3;
  const maximumPtr = workspacePtr + maximumOffset(k, stride);
  const rowSumPtr = workspacePtr + rowSumOffset(k, stride);
  const rowWeightPtr = workspacePtr + rowWeightOffset(k, stride);
  const scalePtr = workspacePtr + scaleOffset(k, stride);
  const tileWeightsPtr = load<usize>(frame, TILE_WEIGHTS);
  const zerosPtr = load<usize>(frame, ZEROS);
  const roots = wantsRoots(form, d);
  const keep = likelihoodOnly ? SUMS_ONLY : roots ? ROOTS : RESPONSIBILITIES;
  memory.fill(zerosPtr, 0, (<usize>d) << 3);
  let count: f64 = 0;
  let logLikelihood: f64 = 0;
  while (load<i32>(frame, GROUP) < load<i32>(frame, GROUPS)) {
    gatherTile(frame);
    densities(frame);
    const rows = load<i32>(frame, TILE_USED);
    normalise(workspacePtr, rows, k, tileBytes, maximumPtr, rowSumPtr, scalePtr, keep);
    logLikelihood += weightedLogLikelihood(maximumPtr, rowSumPtr, tileWeightsPtr, rows);
    for (let at: usize = 0, end = (<usize>rows) << 3; at < end; at += 8) {
      count += load<f64>(tileWeightsPtr + at);
    }
    if (likelihoodOnly) continue;
    fillWeights(tileWeightsPtr, rowWeightPtr, rows, rows, roots);
    applyWeights(workspacePtr, rowWeightPtr, rows, k, tileBytes);
    for (let component = 0; component < k; component++) {
      completeTile(frame, component);
      addComponent(
        form,
        component,
        load<usize>(frame, COMPLETED),
        workspacePtr + <usize>component * tileBytes,
        rows,
        d,
        k,
        // Completed rows are about the component's mean already.
        zerosPtr - ((<usize>(component * d)) << 3),
        statisticsPtr,
        workspacePtr,
        ~(<u64>0),
      );
      addConditional(frame, component, roots, statisticsPtr);
    }
  }
  store<f64>(statisticsPtr, load<f64>(statisticsPtr) + count);
  store<f64>(statisticsPtr, load<f64>(statisticsPtr, 8) + logLikelihood, 8);
  return 0;
}

/**
 * As `eStep`, for rows in which NaN marks what is missing: densities and responsibilities are those of the observed values. completed (n, D;
 * row-major; 0: not wanted) receives the rows, missing values replaced by their means given the observed ones,
 * sum over k of r_k (m_k + C_mo C_oo^-1 (x_o - m_o)). mixtureWeights 0: logProb of rows with missing values is -1/2 of the squared Mahalanobis
 * distance; for the others, the first K factors have to be 0 then. Complete rows get the bits of `eStep`.
 */
export function eStepMissing(
  form: i32,
  panelsPtr: usize,
  n: i32,
  d: i32,
  k: i32,
  mixtureWeightsPtr: usize,
  meansPtr: usize,
  covariancesPtr: usize,
  factorsPtr: usize,
  respPtr: usize,
  logProbPtr: usize,
  logProbNormPtr: usize,
  completedPtr: usize,
  workspacePtr: usize,
  cachePtr: usize,
): i32 {
  // Rows with NaN get numbers here too, without meaning, and the right ones below.
  const bad = eStep(
    form,
    panelsPtr,
    n,
    d,
    k,
    meansPtr,
    factorsPtr,
    respPtr,
    logProbPtr,
    logProbNormPtr,
    workspacePtr,
  );
  if (bad) return bad;
  if (completedPtr) copyRows(panelsPtr, n, d, completedPtr);
  const frame = openFrame(
    form,
    d,
    k,
    panelsPtr,
    0,
    mixtureWeightsPtr,
    meansPtr,
    covariancesPtr,
    factorsPtr,
    workspacePtr,
    cachePtr,
  );
  groupRows(frame, n);
  const stride = tileStride(form, d);
  const tileBytes = (<usize>stride) << 3;
  const maximumPtr = workspacePtr + maximumOffset(k, stride);
  const rowSumPtr = workspacePtr + rowSumOffset(k, stride);
  const normPtr = workspacePtr + rowWeightOffset(k, stride);
  const scalePtr = workspacePtr + scaleOffset(k, stride);
  while (load<i32>(frame, GROUP) < load<i32>(frame, GROUPS)) {
    gatherTile(frame);
    densities(frame);
    const rows = load<i32>(frame, TILE_USED);
    if (logProbPtr) scatterTile(frame, k, workspacePtr, tileBytes, logProbPtr, 2);
    normalise(workspacePtr, rows, k, tileBytes, maximumPtr, rowSumPtr, scalePtr, RESPONSIBILITIES);
    if (respPtr) scatterTile(frame, k, workspacePtr, tileBytes, respPtr, 1);
    if (logProbNormPtr) {
      logProbNorm(maximumPtr, rowSumPtr, rows, normPtr);
      scatterTile(frame, 1, normPtr, tileBytes, logProbNormPtr, 1);
    }
    if (!completedPtr) continue;
    for (let component = 0; component < k; component++) {
      completeTile(frame, component);
      addExpected(frame, component, completedPtr);
    }
  }
  return 0;
}

/** target[row][column] from a tile's [column][row], times a factor. */
function scatterTile(
  frame: usize,
  columns: i32,
  tilePtr: usize,
  tileBytes: usize,
  targetPtr: usize,
  factor: f64,
): void {
  const rowsPtr = load<usize>(frame, TILE_ROWS);
  for (let i = 0; i < load<i32>(frame, TILE_USED); i++) {
    const row = load<i32>(rowsPtr + ((<usize>i) << 2));
    if (row < 0) continue;
    for (let column = 0; column < columns; column++) {
      const value = load<f64>(tilePtr + <usize>column * tileBytes + ((<usize>i) << 3));
      store<f64>(targetPtr + ((<usize>(row * columns + column)) << 3), factor * value);
    }
  }
}
