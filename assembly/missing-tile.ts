// A tile of rows with missing values: gathered from a block pattern by pattern, its densities, and rows completed by what is expected.
// Must not normalise, and must not know which operation asks.
import {
  centredOffset,
  DIAG,
  FULL,
  factorSize,
  maximumOffset,
  PANEL,
  SPHERICAL,
  scatterSize,
  TIED,
  tileStride,
} from './layout';
import { logDensityDiag, logDensityFull, logDensitySpherical } from './log-density';
import { addEntry, findEntry, hasRoom, missingBegin } from './missing-factors';
import {
  CACHE,
  COMPLETED,
  COVARIANCES,
  cacheHeader,
  D,
  entryConstants,
  entryFactors,
  entryMeans,
  entrySize,
  FACTORS,
  FEATURES,
  FORM,
  frameOf,
  GROUP,
  GROUPS,
  HEADS,
  K,
  layOut,
  MEANS,
  MIXTURE_WEIGHTS,
  NEXT,
  OBSERVED,
  partSize,
  patternWords,
  ROW,
  ROW_WEIGHTS,
  ROWS,
  RUN_BYTES,
  RUN_COUNT,
  RUN_ENTRY,
  RUN_OBSERVED,
  RUN_PANEL,
  RUN_PANELS,
  RUN_ROW,
  RUNS,
  TILE_ROWS,
  TILE_USED,
  TILE_WEIGHTS,
  tileBudget,
  tilePanels,
  WORDS,
  WORKSPACE,
} from './missing-layout';
import { countMissing } from './missing-patterns';

/** A call's frame, in the workspace. */
export function openFrame(
  form: i32,
  d: i32,
  k: i32,
  panelsPtr: usize,
  weightsPtr: usize,
  mixtureWeightsPtr: usize,
  meansPtr: usize,
  covariancesPtr: usize,
  factorsPtr: usize,
  workspacePtr: usize,
  cachePtr: usize,
): usize {
  const frame = frameOf(form, d, k, workspacePtr);
  layOut(frame, form, d, k);
  store<usize>(frame, panelsPtr, ROWS);
  store<usize>(frame, weightsPtr, ROW_WEIGHTS);
  store<usize>(frame, mixtureWeightsPtr, MIXTURE_WEIGHTS);
  store<usize>(frame, meansPtr, MEANS);
  store<usize>(frame, covariancesPtr, COVARIANCES);
  store<usize>(frame, factorsPtr, FACTORS);
  store<usize>(frame, workspacePtr, WORKSPACE);
  store<usize>(frame, cachePtr, CACHE);
  return frame;
}

/** Address of a row's first feature in panels of d features. */
function rowAddress(panelsPtr: usize, row: i32, d: i32): usize {
  return panelsPtr + ((<usize>((row & -PANEL) * d + (row & 7))) << 3);
}

/** Copies a row from panels to panels. */
export function copyRow(sourcePtr: usize, from: i32, targetPtr: usize, to: i32, d: i32): void {
  let source = rowAddress(sourcePtr, from, d);
  let target = rowAddress(targetPtr, to, d);
  for (const end = target + ((<usize>d) << 6); target < end; target += 64, source += 64) {
    store<f64>(target, load<f64>(source));
  }
}

/** Rows out of panels, row-major. */
export function copyRows(panelsPtr: usize, n: i32, d: i32, targetPtr: usize): void {
  let target = targetPtr;
  for (let row = 0; row < n; row++) {
    let source = rowAddress(panelsPtr, row, d);
    for (const end = source + ((<usize>d) << 6); source < end; source += 64, target += 8) {
      store<f64>(target, load<f64>(source));
    }
  }
}

/**
 * Gathers the next tile: runs of rows of one pattern, each filling whole panels with its observed features, and their factors. Where a tile
 * ends depends on patterns and sizes alone, not on what the cache holds.
 */
export function gatherTile(frame: usize): void {
  const form = load<i32>(frame, FORM);
  const d = load<i32>(frame, D);
  const k = load<i32>(frame, K);
  const words = patternWords(d);
  const nextPtr = load<usize>(frame, NEXT);
  const rowsPtr = load<usize>(frame, TILE_ROWS);
  const tileWeightsPtr = load<usize>(frame, TILE_WEIGHTS);
  const weightsPtr = load<usize>(frame, ROW_WEIGHTS);
  const groups = load<i32>(frame, GROUPS);
  const most = tilePanels(form, d);
  const budget = tileBudget(form, d, k);
  let group = load<i32>(frame, GROUP);
  let row = load<i32>(frame, ROW);
  let run = load<usize>(frame, RUNS);
  let features = load<usize>(frame, FEATURES);
  let runs = 0;
  let panels = 0;
  let doubles = 0;
  while (group < groups && panels < most) {
    const pattern = load<usize>(frame, WORDS) + ((<usize>(row * words)) << 3);
    const count = d - countMissing(pattern, words);
    doubles += entrySize(form, d, k, count);
    if (runs > 0 && doubles > budget) break;
    orderFeatures(pattern, d, count, features);
    store<i32>(run, count, RUN_OBSERVED);
    store<i32>(run, panels, RUN_PANEL);
    store<i32>(run, row, RUN_ROW);
    const base = load<usize>(frame, OBSERVED) + ((<usize>(panels * d)) << 6);
    const limit = (most - panels) * PANEL;
    let at = (<usize>(panels * PANEL)) << 2;
    let last = row;
    let taken = 0;
    // The last panel is filled up with copies of the last row, which count for nothing.
    for (; (row >= 0 && taken < limit) || taken & 7; taken++, at += 4) {
      const from = row >= 0 ? row : last;
      const weight: f64 = row < 0 ? 0 : weightsPtr ? load<f64>(weightsPtr + ((<usize>row) << 3)) : 1;
      copyObserved(
        rowAddress(load<usize>(frame, ROWS), from, d),
        features,
        count,
        rowAddress(base, taken, count),
      );
      store<i32>(rowsPtr + at, row);
      store<f64>(tileWeightsPtr + (at << 1), weight);
      last = from;
      if (row >= 0) row = load<i32>(nextPtr + ((<usize>row) << 2));
    }
    store<i32>(run, taken / PANEL, RUN_PANELS);
    panels += taken / PANEL;
    run += RUN_BYTES;
    features += (<usize>d) << 2;
    runs++;
    if (row < 0 && ++group < groups) row = load<i32>(load<usize>(frame, HEADS) + ((<usize>group) << 2));
  }
  store<i32>(frame, group, GROUP);
  store<i32>(frame, row, ROW);
  store<i32>(frame, runs, RUN_COUNT);
  store<i32>(frame, panels * PANEL, TILE_USED);
  findFactors(frame);
}

/** The numbers of the observed features, then those of the missing ones, ascending. */
function orderFeatures(pattern: usize, d: i32, count: i32, featuresPtr: usize): void {
  let there = featuresPtr;
  let missing = featuresPtr + ((<usize>count) << 2);
  for (let j = 0; j < d; j++) {
    if ((load<u64>(pattern + ((<usize>(j >> 6)) << 3)) >> (j & 63)) & 1) {
      store<i32>(missing, j);
      missing += 4;
    } else {
      store<i32>(there, j);
      there += 4;
    }
  }
}

/** The observed values of a row, from lane to lane of panels. */
function copyObserved(source: usize, featuresPtr: usize, count: i32, targetPtr: usize): void {
  let target = targetPtr;
  for (let f = featuresPtr, end = featuresPtr + ((<usize>count) << 2); f < end; f += 4, target += 64) {
    store<f64>(target, load<f64>(source + ((<usize>load<i32>(f)) << 6)));
  }
}

/** The entries of a tile's patterns: from the cache, which is emptied first when it has no room for those it lacks. */
function findFactors(frame: usize): void {
  const form = load<i32>(frame, FORM);
  const d = load<i32>(frame, D);
  const k = load<i32>(frame, K);
  const cachePtr = load<usize>(frame, CACHE);
  const runsPtr = load<usize>(frame, RUNS);
  const end = runsPtr + <usize>load<i32>(frame, RUN_COUNT) * RUN_BYTES;
  const wordsPtr = load<usize>(frame, WORDS);
  const wordBytes = (<usize>patternWords(d)) << 3;
  let lacking = 0;
  let doubles = 0;
  for (let run = runsPtr; run < end; run += RUN_BYTES) {
    const entry = findEntry(cachePtr, wordsPtr + <usize>load<i32>(run, RUN_ROW) * wordBytes, d);
    store<usize>(run, entry, RUN_ENTRY);
    if (entry) continue;
    lacking++;
    doubles += entrySize(form, d, k, load<i32>(run, RUN_OBSERVED));
  }
  if (!lacking) return;
  const room = hasRoom(cachePtr, lacking, doubles);
  if (!room) missingBegin(cachePtr, load<i32>(cachePtr, 4) + cacheHeader());
  let features = load<usize>(frame, FEATURES);
  for (let run = runsPtr; run < end; run += RUN_BYTES, features += (<usize>d) << 2) {
    if (room && load<usize>(run, RUN_ENTRY)) continue;
    const pattern = wordsPtr + <usize>load<i32>(run, RUN_ROW) * wordBytes;
    store<usize>(run, addEntry(frame, pattern, features, load<i32>(run, RUN_OBSERVED)), RUN_ENTRY);
  }
}

/** Half log-densities [K][tile] of the observed values of a tile, and their maxima, into the workspace. */
export function densities(frame: usize): void {
  const form = load<i32>(frame, FORM);
  const d = load<i32>(frame, D);
  const k = load<i32>(frame, K);
  const workspacePtr = load<usize>(frame, WORKSPACE);
  const stride = tileStride(form, d);
  const tileBytes = (<usize>stride) << 3;
  const centredPtr = workspacePtr + centredOffset(k, stride);
  const runsPtr = load<usize>(frame, RUNS);
  const end = runsPtr + <usize>load<i32>(frame, RUN_COUNT) * RUN_BYTES;
  for (let run = runsPtr; run < end; run += RUN_BYTES) {
    const entry = load<usize>(run, RUN_ENTRY);
    const count = load<i32>(run, RUN_OBSERVED);
    const first = (<usize>load<i32>(run, RUN_PANEL)) << 6;
    const rows = load<i32>(run, RUN_PANELS) * PANEL;
    const panels = load<usize>(frame, OBSERVED) + first * <usize>d;
    const maximum = workspacePtr + maximumOffset(k, stride) + first;
    const partBytes = form == TIED ? <usize>0 : (<usize>partSize(form, d, count)) << 3;
    let part = entry + entryFactors(d, k, count);
    let mean = entry + entryMeans(d, k);
    let constant = entry + entryConstants(d);
    let half = workspacePtr + first;
    let spherical = load<usize>(frame, FACTORS) + ((<usize>k) << 3);
    for (let component = 0; component < k; component++) {
      const isFirst = component == 0;
      if (form == SPHERICAL) {
        logDensitySpherical(panels, rows, count, mean, spherical, constant, half, maximum, isFirst);
      } else if (form == DIAG) {
        logDensityDiag(panels, rows, count, mean, part, constant, half, maximum, isFirst);
      } else {
        logDensityFull(panels, rows, count, mean, centredPtr, part, constant, half, maximum, isFirst);
      }
      mean += (<usize>count) << 3;
      constant += 8;
      half += tileBytes;
      part += partBytes;
      spherical += 8;
    }
  }
}

/** Where an entry has what it knows of one component's factors. */
function partOf(run: usize, component: i32, form: i32, d: i32, k: i32, count: i32): usize {
  const own = form == TIED ? 0 : component * partSize(form, d, count);
  return load<usize>(run, RUN_ENTRY) + entryFactors(d, k, count) + ((<usize>own) << 3);
}

/** Rows of a tile less a component's mean, missing values by their conditional means, in panels of all features. */
export function completeTile(frame: usize, component: i32): void {
  const form = load<i32>(frame, FORM);
  const d = load<i32>(frame, D);
  const k = load<i32>(frame, K);
  const runsPtr = load<usize>(frame, RUNS);
  const end = runsPtr + <usize>load<i32>(frame, RUN_COUNT) * RUN_BYTES;
  const panelBytes = (<usize>d) << 6;
  let features = load<usize>(frame, FEATURES);
  for (let run = runsPtr; run < end; run += RUN_BYTES, features += (<usize>d) << 2) {
    const count = load<i32>(run, RUN_OBSERVED);
    const first = <usize>load<i32>(run, RUN_PANEL) * panelBytes;
    const means = load<usize>(run, RUN_ENTRY) + entryMeans(d, k) + ((<usize>(component * count)) << 3);
    const regression = partOf(run, component, form, d, k, count) + ((<usize>factorSize(FULL, count)) << 3);
    const observedEnd = features + ((<usize>count) << 2);
    const featuresEnd = features + ((<usize>d) << 2);
    let source = load<usize>(frame, OBSERVED) + first;
    let target = load<usize>(frame, COMPLETED) + first;
    for (let panel = load<i32>(run, RUN_PANELS); panel > 0; panel--, target += panelBytes) {
      let m = means;
      for (let f = features; f < observedEnd; f += 4, m += 8, source += 64) {
        const to = target + ((<usize>load<i32>(f)) << 6);
        const mean = v128.load64_splat(m);
        v128.store(to, v128.sub<f64>(v128.load(source), mean));
        v128.store(to, v128.sub<f64>(v128.load(source, 16), mean), 16);
        v128.store(to, v128.sub<f64>(v128.load(source, 32), mean), 32);
        v128.store(to, v128.sub<f64>(v128.load(source, 48), mean), 48);
      }
      let b = regression;
      for (let f = observedEnd; f < featuresEnd; f += 4) {
        let s0 = f64x2.splat(0);
        let s1 = f64x2.splat(0);
        let s2 = f64x2.splat(0);
        let s3 = f64x2.splat(0);
        // Along the axes nothing is learnt from other features.
        for (let o = form <= DIAG ? observedEnd : features; o < observedEnd; o += 4, b += 8) {
          const from = target + ((<usize>load<i32>(o)) << 6);
          const scale = v128.load64_splat(b);
          s0 = v128.add<f64>(s0, v128.mul<f64>(v128.load(from), scale));
          s1 = v128.add<f64>(s1, v128.mul<f64>(v128.load(from, 16), scale));
          s2 = v128.add<f64>(s2, v128.mul<f64>(v128.load(from, 32), scale));
          s3 = v128.add<f64>(s3, v128.mul<f64>(v128.load(from, 48), scale));
        }
        const to = target + ((<usize>load<i32>(f)) << 6);
        v128.store(to, s0);
        v128.store(to, s1, 16);
        v128.store(to, s2, 32);
        v128.store(to, s3, 48);
      }
    }
  }
}

/** sumXX += (sum of r) * conditional covariance, run by run, for one component. */
export function addConditional(frame: usize, component: i32, roots: bool, statisticsPtr: usize): void {
  const form = load<i32>(frame, FORM);
  const d = load<i32>(frame, D);
  const k = load<i32>(frame, K);
  const runsPtr = load<usize>(frame, RUNS);
  const end = runsPtr + <usize>load<i32>(frame, RUN_COUNT) * RUN_BYTES;
  const respPtr = load<usize>(frame, WORKSPACE) + ((<usize>(component * tileStride(form, d))) << 3);
  const scatter = form == TIED ? 0 : component * scatterSize(form, d);
  const sumXX = statisticsPtr + ((<usize>(2 + k + k * d + scatter)) << 3);
  let features = load<usize>(frame, FEATURES);
  for (let run = runsPtr; run < end; run += RUN_BYTES, features += (<usize>d) << 2) {
    const count = load<i32>(run, RUN_OBSERVED);
    let r = respPtr + ((<usize>load<i32>(run, RUN_PANEL)) << 6);
    let sum: f64 = 0;
    for (const last = r + ((<usize>load<i32>(run, RUN_PANELS)) << 6); r < last; r += 8) {
      const value = load<f64>(r);
      sum += roots ? value * value : value;
    }
    if (form == SPHERICAL) {
      const variance = load<f64>(load<usize>(frame, COVARIANCES) + ((<usize>component) << 3));
      store<f64>(sumXX, load<f64>(sumXX) + sum * (<f64>(d - count) * variance));
      continue;
    }
    const skipped = form == DIAG ? count : factorSize(FULL, count) + (d - count) * count;
    let conditional = partOf(run, component, form, d, k, count) + ((<usize>skipped) << 3);
    for (let a = count; a < d; a++) {
      const row = load<i32>(features + ((<usize>a) << 2));
      // DIAG has the variances, in order; the others the packed triangle.
      const rowPtr = sumXX + ((<usize>(form == DIAG ? 0 : (row * (row + 1)) >> 1)) << 3);
      for (let b = form == DIAG ? a : count; b <= a; b++, conditional += 8) {
        const at = rowPtr + ((<usize>load<i32>(features + ((<usize>b) << 2))) << 3);
        store<f64>(at, load<f64>(at) + sum * load<f64>(conditional));
      }
    }
  }
}

/** completed[row][feature] (+)= r (mean + completed difference) for the missing features of a tile's rows; component 0 begins. */
export function addExpected(frame: usize, component: i32, completedPtr: usize): void {
  const form = load<i32>(frame, FORM);
  const d = load<i32>(frame, D);
  const respPtr = load<usize>(frame, WORKSPACE) + ((<usize>(component * tileStride(form, d))) << 3);
  const meanPtr = load<usize>(frame, MEANS) + ((<usize>(component * d)) << 3);
  const runsPtr = load<usize>(frame, RUNS);
  const end = runsPtr + <usize>load<i32>(frame, RUN_COUNT) * RUN_BYTES;
  let features = load<usize>(frame, FEATURES);
  for (let run = runsPtr; run < end; run += RUN_BYTES, features += (<usize>d) << 2) {
    const first = load<i32>(run, RUN_PANEL) * PANEL;
    for (let at = first; at < first + load<i32>(run, RUN_PANELS) * PANEL; at++) {
      const row = load<i32>(load<usize>(frame, TILE_ROWS) + ((<usize>at) << 2));
      if (row < 0) continue;
      const resp = load<f64>(respPtr + ((<usize>at) << 3));
      const source = rowAddress(load<usize>(frame, COMPLETED), at, d);
      for (let a = load<i32>(run, RUN_OBSERVED); a < d; a++) {
        const feature = <usize>load<i32>(features + ((<usize>a) << 2));
        const value = resp * (load<f64>(meanPtr + (feature << 3)) + load<f64>(source + (feature << 6)));
        const target = completedPtr + ((<usize>(row * d)) << 3) + (feature << 3);
        store<f64>(target, component == 0 ? value : load<f64>(target) + value);
      }
    }
  }
}
