// Squared distances, seeding and assignment for k-means, which starts an EM run.
// Must not know about mixtures or draw random numbers: the host passes them in.
import { PANEL } from './layout';

/**
 * target[i] = min(source[i], |x_i - centre|^2) for ceil(n / 8) * 8 rows; sourcePtr 0: no minimum yet. In place allowed.
 * Returns sum_i weight_i target[i] over the n rows (weightsPtr 0: all ones). O(n D).
 */
export function nearestDistances(
  panelsPtr: usize,
  weightsPtr: usize,
  n: i32,
  d: i32,
  centrePtr: usize,
  sourcePtr: usize,
  targetPtr: usize,
): f64 {
  const panelBytes = (<usize>d) << 6;
  const end = centrePtr + ((<usize>d) << 3);
  let panel = panelsPtr;
  let sum: f64 = 0;
  for (let start = 0; start < n; start += PANEL, panel += panelBytes) {
    let q0 = f64x2.splat(0);
    let q1 = f64x2.splat(0);
    let q2 = f64x2.splat(0);
    let q3 = f64x2.splat(0);
    let x = panel;
    for (let c = centrePtr; c < end; c += 8, x += 64) {
      const centre = v128.load64_splat(c);
      const u0 = v128.sub<f64>(v128.load(x), centre);
      const u1 = v128.sub<f64>(v128.load(x, 16), centre);
      const u2 = v128.sub<f64>(v128.load(x, 32), centre);
      const u3 = v128.sub<f64>(v128.load(x, 48), centre);
      q0 = v128.add<f64>(q0, v128.mul<f64>(u0, u0));
      q1 = v128.add<f64>(q1, v128.mul<f64>(u1, u1));
      q2 = v128.add<f64>(q2, v128.mul<f64>(u2, u2));
      q3 = v128.add<f64>(q3, v128.mul<f64>(u3, u3));
    }
    const at = (<usize>start) << 3;
    if (sourcePtr) {
      q0 = v128.pmin<f64>(q0, v128.load(sourcePtr + at));
      q1 = v128.pmin<f64>(q1, v128.load(sourcePtr + at, 16));
      q2 = v128.pmin<f64>(q2, v128.load(sourcePtr + at, 32));
      q3 = v128.pmin<f64>(q3, v128.load(sourcePtr + at, 48));
    }
    v128.store(targetPtr + at, q0);
    v128.store(targetPtr + at, q1, 16);
    v128.store(targetPtr + at, q2, 32);
    v128.store(targetPtr + at, q3, 48);
    for (let row = start, stop = min(start + PANEL, n); row < stop; row++) {
      const distance = load<f64>(targetPtr + ((<usize>row) << 3));
      sum += weightsPtr ? load<f64>(weightsPtr + ((<usize>row) << 3)) * distance : distance;
    }
  }
  return sum;
}

/**
 * The first row i at which sum_{j <= i} weight_j distance_j exceeds `target`; the last row with a positive term when
 * rounding leaves none; -1 when every term is 0. O(n).
 */
export function sampleIndex(distancesPtr: usize, weightsPtr: usize, n: i32, target: f64): i32 {
  let sum: f64 = 0;
  let last = -1;
  for (let row = 0; row < n; row++) {
    const at = (<usize>row) << 3;
    const term = weightsPtr
      ? load<f64>(weightsPtr + at) * load<f64>(distancesPtr + at)
      : load<f64>(distancesPtr + at);
    if (term > 0) last = row;
    sum += term;
    if (sum > target) return row;
  }
  return last;
}

/**
 * Nearest centre of each row (the lowest number among equals). centres (K, D). Writes labels (i32) and distances (f64)
 * of ceil(n / 8) * 8 rows, and over the n rows sums (K, D) = sum of weight x and counts (K) = sum of weight.
 * Returns how many of the n labels changed from what stood in labels. O(n K D).
 */
export function assign(
  panelsPtr: usize,
  weightsPtr: usize,
  n: i32,
  d: i32,
  k: i32,
  centresPtr: usize,
  labelsPtr: usize,
  distancesPtr: usize,
  sumsPtr: usize,
  countsPtr: usize,
): i32 {
  const panelBytes = (<usize>d) << 6;
  const rowBytes = (<usize>d) << 3;
  memory.fill(sumsPtr, 0, <usize>k * rowBytes);
  memory.fill(countsPtr, 0, (<usize>k) << 3);
  let panel = panelsPtr;
  let changed = 0;
  for (let start = 0; start < n; start += PANEL, panel += panelBytes) {
    const at = (<usize>start) << 3;
    for (let lane: usize = 0; lane < 64; lane += 32) {
      let best0 = f64x2.splat(Infinity);
      let best1 = f64x2.splat(Infinity);
      let label0 = f64x2.splat(0);
      let label1 = f64x2.splat(0);
      let c = centresPtr;
      for (let component = 0; component < k; component++) {
        let q0 = f64x2.splat(0);
        let q1 = f64x2.splat(0);
        let x = panel + lane;
        for (const end = c + rowBytes; c < end; c += 8, x += 64) {
          const centre = v128.load64_splat(c);
          const u0 = v128.sub<f64>(v128.load(x), centre);
          const u1 = v128.sub<f64>(v128.load(x, 16), centre);
          q0 = v128.add<f64>(q0, v128.mul<f64>(u0, u0));
          q1 = v128.add<f64>(q1, v128.mul<f64>(u1, u1));
        }
        const number = f64x2.splat(<f64>component);
        label0 = v128.bitselect(number, label0, v128.lt<f64>(q0, best0));
        label1 = v128.bitselect(number, label1, v128.lt<f64>(q1, best1));
        best0 = v128.pmin<f64>(best0, q0);
        best1 = v128.pmin<f64>(best1, q1);
      }
      v128.store(distancesPtr + at + lane, best0);
      v128.store(distancesPtr + at + lane, best1, 16);
      const row = start + <i32>(lane >> 3);
      changed += setLabel(labelsPtr, row, n, <i32>f64x2.extract_lane(label0, 0));
      changed += setLabel(labelsPtr, row + 1, n, <i32>f64x2.extract_lane(label0, 1));
      changed += setLabel(labelsPtr, row + 2, n, <i32>f64x2.extract_lane(label1, 0));
      changed += setLabel(labelsPtr, row + 3, n, <i32>f64x2.extract_lane(label1, 1));
    }
    for (let row = start, stop = min(start + PANEL, n); row < stop; row++) {
      const weight: f64 = weightsPtr ? load<f64>(weightsPtr + ((<usize>row) << 3)) : 1;
      const label = <usize>load<i32>(labelsPtr + ((<usize>row) << 2));
      const count = countsPtr + (label << 3);
      store<f64>(count, load<f64>(count) + weight);
      let x = panel + ((<usize>(row - start)) << 3);
      let sum = sumsPtr + label * rowBytes;
      for (const end = sum + rowBytes; sum < end; sum += 8, x += 64) {
        store<f64>(sum, load<f64>(sum) + weight * load<f64>(x));
      }
    }
  }
  return changed;
}

function setLabel(labelsPtr: usize, row: i32, n: i32, label: i32): i32 {
  const ptr = labelsPtr + ((<usize>row) << 2);
  const old = load<i32>(ptr);
  store<i32>(ptr, label);
  return old != label && row < n ? 1 : 0;
}
