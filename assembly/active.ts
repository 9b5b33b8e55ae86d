// E-step and statistics of a block from its active pairs of row and component: those whose responsibility can change a
// double. What is skipped, and in which order rows lie, changes the time taken and no bit of the result.
// Must not decide when this path is taken, and must not know of more than one block.
import {
  ACTIVE_LIMIT,
  activeEntries,
  BLOCK,
  factorSize,
  maximumOffset,
  PANEL,
  pairStride,
  rowSumOffset,
  scaleOffset,
  stateBoundsOffset,
  stateLabelsOffset,
  statisticsCount,
  tileRows,
  tileStride,
  workspaceCount,
} from './layout';
import { expHalf, log } from './math';
import { logLikelihoodOf } from './responsibilities';
import {
  addComponent,
  checkSizes,
  logDensityRange,
  wantsRoots,
  weightedLogLikelihood,
  whitenTile,
} from './tile';

/** What a pass does besides its sums. */
const SORT: i32 = 0;
const BOUND: i32 = 1;
const PRUNE: i32 = 2;

/** ln 2^53. */
const LN_PRECISION: f64 = 36.7368005696771;
/** Distances are kept as multiples of this, rounded down, up to 65535 of them. */
const DISTANCE_STEP: f64 = 1.0 / 256;
/** More than all rounding of a half log-density, relative to the sizes of its terms, while D < 4096. */
const ROUNDING: f64 = 1.0 / 1099511627776; // 2^-40

// One active pair, as the tiles leave it for the M-step: root or responsibility, row and position in the block, and the
// next pair of the component (1 + its index; 0: none).
const PAIR_BYTES: usize = 16;

// The scratch behind the tile's own: per row of the block its maximum, row sum and root; positions; best components;
// which rows are active; per component the panels computed and its list of pairs; pairs; gathered rows.
let maximaPtr: usize = 0;
let sumsPtr: usize = 0;
let rootsPtr: usize = 0;
let positionsPtr: usize = 0;
let bestPtr: usize = 0;
let bitsPtr: usize = 0;
let masksPtr: usize = 0;
let headsPtr: usize = 0;
let countsPtr: usize = 0;
let pairsPtr: usize = 0;
let gatheredPtr: usize = 0;
let gatheredRootsPtr: usize = 0;

/** Doubles of scratch for gmm_accumulate_active, gmm_active_drift and gmm_active_end. */
export function activeWorkspaceCount(form: i32, d: i32, k: i32): i32 {
  const tile = tileRows(form, d);
  const own = 3 * BLOCK + 2 * (BLOCK / 4) + BLOCK / 64 + (3 * k + 3) / 2 + 2;
  return workspaceCount(form, d, k) + own + 2 * (activeEntries(k) + PANEL) + (d + 1) * tile + 4 * d * d + 16;
}

function layOut(form: i32, d: i32, k: i32, workspacePtr: usize): void {
  maximaPtr = (workspacePtr + ((<usize>workspaceCount(form, d, k)) << 3) + 15) & ~15;
  sumsPtr = maximaPtr + BLOCK * 8;
  rootsPtr = sumsPtr + BLOCK * 8;
  positionsPtr = rootsPtr + BLOCK * 8;
  bestPtr = positionsPtr + BLOCK * 2;
  bitsPtr = bestPtr + BLOCK * 2;
  pairsPtr = bitsPtr + BLOCK / 8;
  gatheredPtr = pairsPtr + PAIR_BYTES * <usize>(activeEntries(k) + PANEL);
  gatheredRootsPtr = gatheredPtr + ((<usize>(d * tileRows(form, d))) << 3);
  masksPtr = gatheredRootsPtr + ((<usize>tileRows(form, d)) << 3);
  headsPtr = masksPtr + ((<usize>k) << 2);
  countsPtr = headsPtr + ((<usize>k) << 2);
}

/** Half the distance in log-density, from a row's best component, at and beyond which a pair is not active. */
function halfGap(k: i32): f64 {
  return 0.5 * (LN_PRECISION + log(<f64>k));
}

/** Largest of 8 doubles. */
function largest8(ptr: usize): f64 {
  const a = v128.pmax<f64>(v128.load(ptr), v128.load(ptr, 16));
  const b = v128.pmax<f64>(v128.load(ptr, 32), v128.load(ptr, 48));
  const c = v128.pmax<f64>(a, b);
  return max(f64x2.extract_lane(c, 0), f64x2.extract_lane(c, 1));
}

/** Smallest of 8 doubles. */
function smallest8(ptr: usize): f64 {
  const a = v128.pmin<f64>(v128.load(ptr), v128.load(ptr, 16));
  const b = v128.pmin<f64>(v128.load(ptr, 32), v128.load(ptr, 48));
  const c = v128.pmin<f64>(a, b);
  return min(f64x2.extract_lane(c, 0), f64x2.extract_lane(c, 1));
}

/**
 * Marks the components that some row of a panel may need: all but those whose distance was at least L when it was kept,
 * and by the drift since then is at least u = alpha L - delta now, with u^2 > c - (m - gap), c the component's
 * halfLogConst and m the panel's smallest maximum so far. Proof in docs/ALGORITHM.md.
 */
function markNeeded(panel: i32, k: i32, boundsPtr: usize, driftPtr: usize, floor: f64): void {
  const stride = (<usize>pairStride(k)) << 3;
  const bit = 1 << panel;
  const zero = f64x2.splat(0);
  const least = f64x2.splat(floor - ROUNDING * Math.abs(floor));
  let bounds = boundsPtr;
  let drift = driftPtr;
  for (let component = 0; component < k; component += 2, bounds += 4, drift += 16) {
    const steps = i32x4.extend_low_i16x8_u(v128.load32_zero(bounds));
    const u = v128.sub<f64>(
      v128.mul<f64>(f64x2.convert_low_i32x4_s(steps), v128.load(drift)),
      v128.load(drift + stride),
    );
    const needed = v128.sub<f64>(v128.load(drift + 2 * stride), least);
    const far = v128.and(v128.gt<f64>(u, zero), v128.gt<f64>(v128.mul<f64>(u, u), needed));
    const skipped = i64x2.bitmask(far);
    if (skipped == 3) continue;
    const mask = masksPtr + ((<usize>component) << 2);
    if (!(skipped & 1)) store<i32>(mask, load<i32>(mask) | bit);
    if (!(skipped & 2) && component + 1 < k) store<i32>(mask, load<i32>(mask, 4) | bit, 4);
  }
}

/** Keeps, per component of a panel, the smallest distance |W (x - m) / 2| of its rows, rounded down. */
function keepDistances(
  panel: i32,
  k: i32,
  tileBytes: usize,
  factorsPtr: usize,
  boundsPtr: usize,
  workspacePtr: usize,
): void {
  let half = workspacePtr + ((<usize>panel) << 6);
  for (let component: usize = 0; component < <usize>k; component++, half += tileBytes) {
    const constant = load<f64>(factorsPtr + (component << 3));
    const nearest = largest8(half);
    const square = constant - nearest - ROUNDING * (Math.abs(constant) + Math.abs(nearest));
    // Written so that NaN, from a component of weight zero, counts as near.
    const steps: f64 = square > 0 ? min(sqrt(square) / DISTANCE_STEP, 65535) : 0;
    store<u16>(boundsPtr + (component << 1), <u16>(<i32>steps));
  }
}

/** In place: half log-densities become exp(half - maximum), or 0 where the pair is not active; adds up row sums. */
function activeExponentials(
  halfPtr: usize,
  maximumPtr: usize,
  rowSumPtr: usize,
  gap: v128,
  square: bool,
): bool {
  let any = f64x2.splat(0);
  for (let at: usize = 0; at < 64; at += 16) {
    const distance = v128.sub<f64>(v128.load(halfPtr + at), v128.load(maximumPtr + at));
    const active = v128.gt<f64>(distance, gap);
    any = v128.or(any, active);
    const e = v128.and(expHalf(distance), active);
    const squared = v128.mul<f64>(e, e);
    v128.store(halfPtr + at, square ? squared : e);
    v128.store(rowSumPtr + at, v128.add<f64>(v128.load(rowSumPtr + at), squared));
  }
  return v128.any_true(any);
}

/** Half log-densities of all runs of panels that `mask` names. */
function logDensityPanels(
  mask: i32,
  form: i32,
  component: i32,
  panelsPtr: usize,
  d: i32,
  k: i32,
  meansPtr: usize,
  factorsPtr: usize,
  workspacePtr: usize,
): void {
  let rest = mask;
  while (rest) {
    const first = ctz(rest);
    const length = ctz(~(rest >> first));
    const rows = length * PANEL;
    logDensityRange(
      form,
      component,
      panelsPtr,
      first * PANEL,
      rows,
      d,
      k,
      meansPtr,
      factorsPtr,
      workspacePtr,
      false,
    );
    rest &= ~(((1 << length) - 1) << first);
  }
}

/**
 * E-step and statistics of one block, as gmm_accumulate, from its active pairs alone: those whose responsibility is
 * more than 2^-53 / K of the row's largest. Rows of a component are added up in the order of their numbers, in tiles of
 * active rows, so the sums depend on the mixture and the block's rows, not on `state` or `phase`.
 *
 * state (gmm_active_state_bytes): what earlier passes left; panels lie in its order. phase 0: sorts the rows by their best component
 * afterwards; 1: keeps each panel's distances from the components; 2: skips what these exclude, given the drift
 * (gmm_active_drift) of the components since. The last number of the statistics grows by the number of active pairs.
 * Returns the number of pairs of panel and component that were computed in vain; a negative number: the bad argument's
 * position, or -4096: more than 16 n active pairs (or K n, if less), and nothing was added.
 */
export function accumulateActive(
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
  statePtr: usize,
  driftPtr: usize,
  phase: i32,
): i32 {
  const bad = checkSizes(form, 4, n, d, k);
  if (bad) return bad;
  layOut(form, d, k, workspacePtr);
  const tile = tileRows(form, d);
  const stride = tileStride(form, d);
  const tileBytes = (<usize>stride) << 3;
  const panelBytes = (<usize>d) << 6;
  const maximumPtr = workspacePtr + maximumOffset(k, stride);
  const rowSumPtr = workspacePtr + rowSumOffset(k, stride);
  const scalePtr = workspacePtr + scaleOffset(k, stride);
  const labelsPtr = statePtr + stateLabelsOffset();
  const boundsBytes = (<usize>pairStride(k)) << 1;
  const gap = halfGap(k);
  const minusGap = f64x2.splat(-gap);
  const roots = wantsRoots(form, d);
  const limit = activeEntries(k);
  memory.fill(headsPtr, 0, (<usize>k) << 2);
  let pairs = 0;
  let wasted = 0;
  for (let start = 0; start < n; start += tile) {
    const used = min(tile, n - start);
    const panels = (used + PANEL - 1) >> 3;
    const rows = panels << 3;
    const tilePtr = panelsPtr + ((<usize>start * <usize>d) << 3);
    const firstPanel = <usize>(start >> 3);
    const all = (1 << panels) - 1;
    for (let at: usize = 0, end = (<usize>rows) << 3; at < end; at += 16) {
      v128.store(maximumPtr + at, f64x2.splat(-Infinity));
      v128.store(rowSumPtr + at, f64x2.splat(0));
    }
    whitenTile(form, tilePtr, rows, d, k, factorsPtr, workspacePtr);
    if (phase == PRUNE) {
      memory.fill(masksPtr, 0, (<usize>k) << 2);
      // The component that a panel's rows were sorted under comes first: its density tells how far away is too far.
      for (let panel = 0; panel < panels; ) {
        const label = load<u16>(labelsPtr + ((firstPanel + panel) << 1));
        let next = panel + 1;
        while (next < panels && load<u16>(labelsPtr + ((firstPanel + next) << 1)) == label) next++;
        const mask = ((1 << (next - panel)) - 1) << panel;
        logDensityPanels(mask, form, label, tilePtr, d, k, meansPtr, factorsPtr, workspacePtr);
        const maskPtr = masksPtr + ((<usize>label) << 2);
        store<i32>(maskPtr, load<i32>(maskPtr) | (mask << 16));
        panel = next;
      }
      for (let panel = 0; panel < panels; panel++) {
        const floor = smallest8(maximumPtr + ((<usize>panel) << 6)) - gap;
        const bounds = statePtr + stateBoundsOffset() + (firstPanel + panel) * boundsBytes;
        markNeeded(panel, k, bounds, driftPtr, floor);
      }
    }
    for (let component = 0; component < k; component++) {
      const maskPtr = masksPtr + ((<usize>component) << 2);
      // Low half: panels that need the component; high half: those that have it already.
      const mask: i32 = phase == PRUNE ? load<i32>(maskPtr) : all;
      const done = mask >>> 16;
      logDensityPanels(
        mask & 0xffff & ~done,
        form,
        component,
        tilePtr,
        d,
        k,
        meansPtr,
        factorsPtr,
        workspacePtr,
      );
      store<i32>(maskPtr, (mask | done) & 0xffff);
    }
    if (phase == BOUND) {
      for (let panel = 0; panel < panels; panel++) {
        const bounds = statePtr + stateBoundsOffset() + (firstPanel + panel) * boundsBytes;
        keepDistances(panel, k, tileBytes, factorsPtr, bounds, workspacePtr);
      }
    }
    for (let component = 0; component < k; component++) {
      const maskPtr = masksPtr + ((<usize>component) << 2);
      const half = workspacePtr + <usize>component * tileBytes;
      let rest = load<i32>(maskPtr);
      let active = rest;
      while (rest) {
        const panel = ctz(rest);
        rest &= rest - 1;
        const at = (<usize>panel) << 6;
        if (!activeExponentials(half + at, maximumPtr + at, rowSumPtr + at, minusGap, !roots)) {
          active &= ~(1 << panel);
          wasted++;
        }
      }
      store<i32>(maskPtr, active);
    }
    keepRows(start, used, maximumPtr, rowSumPtr, statePtr);
    if (likelihoodOnly) continue;
    const one = f64x2.splat(1);
    for (let at: usize = 0, end = (<usize>rows) << 3; at < end; at += 16) {
      const inverse = v128.div<f64>(one, v128.load(rowSumPtr + at));
      v128.store(scalePtr + at, roots ? v128.sqrt<f64>(inverse) : inverse);
    }
    for (let component = 0; component < k; component++) {
      const half = workspacePtr + <usize>component * tileBytes;
      let rest = load<i32>(masksPtr + ((<usize>component) << 2));
      while (rest) {
        const first = ctz(rest) << 3;
        rest &= rest - 1;
        if (pairs > limit) return ACTIVE_LIMIT;
        pairs = listPairs(
          component,
          start,
          first,
          min(PANEL, used - first),
          half,
          scalePtr,
          statePtr,
          pairs,
          phase == SORT,
        );
      }
    }
  }
  if (pairs > limit) return ACTIVE_LIMIT;
  let count: f64 = <f64>n;
  if (weightsPtr) {
    count = 0;
    for (let row = 0; row < n; row++) count += load<f64>(weightsPtr + ((<usize>row) << 3));
  }
  const logLikelihood = weightsPtr
    ? weightedLogLikelihood(maximaPtr, sumsPtr, weightsPtr, n)
    : logLikelihoodOf(maximaPtr, sumsPtr, n);
  store<f64>(statisticsPtr, load<f64>(statisticsPtr) + count);
  store<f64>(statisticsPtr, load<f64>(statisticsPtr, 8) + logLikelihood, 8);
  if (likelihoodOnly) return wasted;
  const activePtr = statisticsPtr + ((<usize>(statisticsCount(form, d, k) - 1)) << 3);
  store<f64>(activePtr, load<f64>(activePtr) + <f64>pairs);
  for (let component = 0; component < k; component++) {
    addPairs(
      form,
      component,
      panelsPtr,
      weightsPtr,
      d,
      k,
      meansPtr,
      statisticsPtr,
      workspacePtr,
      roots,
      panelBytes,
    );
  }
  if (phase == SORT) sortRows(panelsPtr, n, d, k, statePtr);
  return wasted;
}

/** Puts a tile's maxima and row sums where the rows' numbers say. */
function keepRows(start: i32, used: i32, maximumPtr: usize, rowSumPtr: usize, statePtr: usize): void {
  const orderPtr = statePtr + ((<usize>start) << 1);
  for (let i: usize = 0; i < <usize>used; i++) {
    const at = (<usize>load<u16>(orderPtr + (i << 1))) << 3;
    store<f64>(maximaPtr + at, load<f64>(maximumPtr + (i << 3)));
    store<f64>(sumsPtr + at, load<f64>(rowSumPtr + (i << 3)));
  }
}

/** Adds the active pairs among 8 rows to a component's list; the new number of pairs. */
function listPairs(
  component: i32,
  start: i32,
  first: i32,
  rows: i32,
  valuesPtr: usize,
  scalePtr: usize,
  statePtr: usize,
  pairs: i32,
  wantsBest: bool,
): i32 {
  const headPtr = headsPtr + ((<usize>component) << 2);
  let head = load<i32>(headPtr);
  for (let i = first; i < first + rows; i++) {
    const at = (<usize>i) << 3;
    const value = load<f64>(valuesPtr + at);
    if (value == 0) continue;
    const position = start + i;
    const pair = pairsPtr + ((<usize>pairs) << 4);
    store<f64>(pair, value * load<f64>(scalePtr + at));
    store<u16>(pair, load<u16>(statePtr + ((<usize>position) << 1)), 8);
    store<u16>(pair, <u16>position, 10);
    store<i32>(pair, head, 12);
    head = ++pairs;
    // exp(0) is 1: the row's largest log-density is this component's.
    if (wantsBest && value == 1) store<u16>(bestPtr + ((<usize>position) << 1), <u16>component);
  }
  store<i32>(headPtr, head);
  return pairs;
}

/** Adds a component's active rows to the statistics, in the order of their numbers, a tile of them at a time. */
function addPairs(
  form: i32,
  component: i32,
  panelsPtr: usize,
  weightsPtr: usize,
  d: i32,
  k: i32,
  meansPtr: usize,
  statisticsPtr: usize,
  workspacePtr: usize,
  roots: bool,
  panelBytes: usize,
): void {
  let next = load<i32>(headsPtr + ((<usize>component) << 2));
  if (!next) return;
  memory.fill(bitsPtr, 0, BLOCK / 8);
  while (next) {
    const pair = pairsPtr + ((<usize>(next - 1)) << 4);
    const row = <usize>load<u16>(pair, 8);
    store<f64>(rootsPtr + (row << 3), load<f64>(pair));
    store<u16>(positionsPtr + (row << 1), load<u16>(pair, 10));
    const word = bitsPtr + ((row >> 6) << 3);
    store<u64>(word, load<u64>(word) | ((<u64>1) << (row & 63)));
    next = load<i32>(pair, 12);
  }
  const tile = tileRows(form, d);
  let gathered = 0;
  for (let word: usize = 0; word < <usize>(BLOCK / 64); word++) {
    let bits = load<u64>(bitsPtr + (word << 3));
    while (bits) {
      const row = (word << 6) + <usize>ctz(bits);
      bits &= bits - 1;
      const position = <usize>load<u16>(positionsPtr + (row << 1));
      let value = load<f64>(rootsPtr + (row << 3));
      if (weightsPtr) {
        const weight = load<f64>(weightsPtr + (row << 3));
        value *= roots ? sqrt(weight) : weight;
      }
      store<f64>(gatheredRootsPtr + ((<usize>gathered) << 3), value);
      let source = panelsPtr + (position >> 3) * panelBytes + ((position & 7) << 3);
      let target = gatheredPtr + <usize>(gathered >> 3) * panelBytes + ((<usize>(gathered & 7)) << 3);
      for (const end = source + panelBytes; source < end; source += 64, target += 64) {
        store<f64>(target, load<f64>(source));
      }
      if (++gathered == tile) {
        addComponent(
          form,
          component,
          gatheredPtr,
          gatheredRootsPtr,
          tile,
          d,
          k,
          meansPtr,
          statisticsPtr,
          workspacePtr,
          ~(<u64>0),
        );
        gathered = 0;
      }
    }
  }
  if (gathered == 0) return;
  // Whole panels: the rows beyond are copies without weight.
  const rows = (gathered + PANEL - 1) & -PANEL;
  const last = gatheredPtr + <usize>((gathered - 1) >> 3) * panelBytes;
  for (let i = gathered; i < rows; i++) {
    store<f64>(gatheredRootsPtr + ((<usize>i) << 3), 0);
    for (let at = last, end = last + panelBytes; at < end; at += 64) {
      store<f64>(at + ((<usize>(i & 7)) << 3), load<f64>(at + ((<usize>((gathered - 1) & 7)) << 3)));
    }
  }
  addComponent(
    form,
    component,
    gatheredPtr,
    gatheredRootsPtr,
    rows,
    d,
    k,
    meansPtr,
    statisticsPtr,
    workspacePtr,
    ~(<u64>0),
  );
}

/** Rows of equal best component together, in the order they had: a counting sort of the block. */
function sortRows(panelsPtr: usize, n: i32, d: i32, k: i32, statePtr: usize): void {
  memory.fill(countsPtr, 0, (<usize>k) << 2);
  for (let i: usize = 0; i < <usize>n; i++) {
    const count = countsPtr + ((<usize>load<u16>(bestPtr + (i << 1))) << 2);
    store<i32>(count, load<i32>(count) + 1);
  }
  let before = 0;
  for (let at: usize = 0, end = (<usize>k) << 2; at < end; at += 4) {
    const count = load<i32>(countsPtr + at);
    store<i32>(countsPtr + at, before);
    before += count;
  }
  const labelsPtr = statePtr + stateLabelsOffset();
  for (let i: usize = 0; i < <usize>n; i++) {
    const label = load<u16>(bestPtr + (i << 1));
    const count = countsPtr + ((<usize>label) << 2);
    const target = <usize>load<i32>(count);
    store<i32>(count, <i32>target + 1);
    store<u16>(positionsPtr + (target << 1), <u16>i);
    if ((target & 7) == 0) store<u16>(labelsPtr + ((target >> 3) << 1), label);
  }
  permute(panelsPtr, n, d, statePtr);
}

/** Moves row positions[i] to i, for all i < n: in the panels and in the order. */
function permute(panelsPtr: usize, n: i32, d: i32, statePtr: usize): void {
  const count = <usize>n;
  const panelBytes = (<usize>d) << 6;
  for (let feature: usize = 0; feature < <usize>d; feature++) {
    const column = panelsPtr + (feature << 6);
    for (let i: usize = 0; i < count; i++) {
      store<f64>(rootsPtr + (i << 3), load<f64>(column + (i >> 3) * panelBytes + ((i & 7) << 3)));
    }
    for (let i: usize = 0; i < count; i++) {
      const from = <usize>load<u16>(positionsPtr + (i << 1));
      store<f64>(column + (i >> 3) * panelBytes + ((i & 7) << 3), load<f64>(rootsPtr + (from << 3)));
    }
  }
  memory.copy(rootsPtr, statePtr, count << 1);
  for (let i: usize = 0; i < count; i++) {
    const from = <usize>load<u16>(positionsPtr + (i << 1));
    store<u16>(statePtr + (i << 1), load<u16>(rootsPtr + (from << 1)));
  }
}

/** A block's state before its first pass: rows in their order, nothing known of distances. */
export function activeBegin(statePtr: usize, k: i32): void {
  for (let i: usize = 0; i < <usize>BLOCK; i++) store<u16>(statePtr + (i << 1), <u16>i);
  const labelsPtr = statePtr + stateLabelsOffset();
  memory.fill(
    labelsPtr,
    0,
    stateBoundsOffset() - stateLabelsOffset() + <usize>((BLOCK / PANEL) * 2 * pairStride(k)),
  );
}

/** Puts a block's rows back into their order; its state is then that of gmm_active_begin. No scratch: O(n D) swaps. */
export function activeEnd(panelsPtr: usize, n: i32, d: i32, k: i32, statePtr: usize): void {
  const panelBytes = (<usize>d) << 6;
  for (let i: usize = 0; i < <usize>n; i++) {
    const here = panelsPtr + (i >> 3) * panelBytes + ((i & 7) << 3);
    const numberPtr = statePtr + (i << 1);
    let number = load<u16>(numberPtr);
    while (<usize>number != i) {
      const row = <usize>number;
      const there = panelsPtr + (row >> 3) * panelBytes + ((row & 7) << 3);
      for (let at: usize = 0; at < panelBytes; at += 64) {
        const value = load<f64>(here + at);
        store<f64>(here + at, load<f64>(there + at));
        store<f64>(there + at, value);
      }
      const other = statePtr + (row << 1);
      number = load<u16>(other);
      store<u16>(other, <u16>row);
    }
    store<u16>(numberPtr, number);
  }
  activeBegin(statePtr, k);
}
