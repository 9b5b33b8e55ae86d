// Statistics of tied covariances: one scatter for all components, from the law of total covariance.
// Must not compute densities or normalise.
import { addOne, addSum, addTo, rowOffset, sumOfSquares } from './scatter';

/**
 * 4 x 2 dot products over a tile: rows a ... a+3 with b, b+1, added to four rows of the target, the second `step` bytes
 * after the first, each following distance longer by `growth` (8 in a packed triangle, 0 in a rectangle).
 */
function block4x2(
  aPtr: usize,
  bPtr: usize,
  rowBytes: usize,
  tileBytes: usize,
  targetPtr: usize,
  step: usize,
  growth: usize,
): void {
  let s00 = f64x2.splat(0);
  let s01 = f64x2.splat(0);
  let s10 = f64x2.splat(0);
  let s11 = f64x2.splat(0);
  let s20 = f64x2.splat(0);
  let s21 = f64x2.splat(0);
  let s30 = f64x2.splat(0);
  let s31 = f64x2.splat(0);
  const second = aPtr + tileBytes;
  const shift2 = tileBytes << 1;
  const end = aPtr + rowBytes;
  let b = bPtr;
  let a1 = second;
  for (let a = aPtr; a < end; a += 16, a1 += 16, b += 16) {
    const b0 = v128.load(b);
    const b1 = v128.load(b + tileBytes);
    const x0 = v128.load(a);
    s00 = v128.add<f64>(s00, v128.mul<f64>(x0, b0));
    s01 = v128.add<f64>(s01, v128.mul<f64>(x0, b1));
    const x1 = v128.load(a1);
    s10 = v128.add<f64>(s10, v128.mul<f64>(x1, b0));
    s11 = v128.add<f64>(s11, v128.mul<f64>(x1, b1));
    const x2 = v128.load(a + shift2);
    s20 = v128.add<f64>(s20, v128.mul<f64>(x2, b0));
    s21 = v128.add<f64>(s21, v128.mul<f64>(x2, b1));
    const x3 = v128.load(a1 + shift2);
    s30 = v128.add<f64>(s30, v128.mul<f64>(x3, b0));
    s31 = v128.add<f64>(s31, v128.mul<f64>(x3, b1));
  }
  let target = targetPtr;
  addTo(target, s00, s01);
  target += step;
  addTo(target, s10, s11);
  target += step + growth;
  addTo(target, s20, s21);
  target += step + 2 * growth;
  addTo(target, s30, s31);
}

/** As block4x2 with two rows a, a+1 against four b ... b+3: the last two rows of a triangle. */
function block2x4(
  aPtr: usize,
  bPtr: usize,
  rowBytes: usize,
  tileBytes: usize,
  targetPtr: usize,
  step: usize,
): void {
  let s00 = f64x2.splat(0);
  let s01 = f64x2.splat(0);
  let s02 = f64x2.splat(0);
  let s03 = f64x2.splat(0);
  let s10 = f64x2.splat(0);
  let s11 = f64x2.splat(0);
  let s12 = f64x2.splat(0);
  let s13 = f64x2.splat(0);
  const shift2 = tileBytes << 1;
  const end = aPtr + rowBytes;
  let b = bPtr;
  let b1 = bPtr + tileBytes;
  for (let a = aPtr; a < end; a += 16, b += 16, b1 += 16) {
    const x0 = v128.load(a);
    const x1 = v128.load(a + tileBytes);
    const y0 = v128.load(b);
    s00 = v128.add<f64>(s00, v128.mul<f64>(x0, y0));
    s10 = v128.add<f64>(s10, v128.mul<f64>(x1, y0));
    const y1 = v128.load(b1);
    s01 = v128.add<f64>(s01, v128.mul<f64>(x0, y1));
    s11 = v128.add<f64>(s11, v128.mul<f64>(x1, y1));
    const y2 = v128.load(b + shift2);
    s02 = v128.add<f64>(s02, v128.mul<f64>(x0, y2));
    s12 = v128.add<f64>(s12, v128.mul<f64>(x1, y2));
    const y3 = v128.load(b1 + shift2);
    s03 = v128.add<f64>(s03, v128.mul<f64>(x0, y3));
    s13 = v128.add<f64>(s13, v128.mul<f64>(x1, y3));
  }
  addTo(targetPtr, s00, s01);
  addTo(targetPtr + 16, s02, s03);
  addTo(targetPtr + step, s10, s11);
  addTo(targetPtr + step + 16, s12, s13);
}

/** The ten dot products of four rows among themselves: a 4 x 4 triangle on the diagonal. */
function diagonal4(aPtr: usize, rowBytes: usize, tileBytes: usize, targetPtr: usize, row: usize): void {
  let s00 = f64x2.splat(0);
  let s10 = f64x2.splat(0);
  let s11 = f64x2.splat(0);
  let s20 = f64x2.splat(0);
  let s21 = f64x2.splat(0);
  let s22 = f64x2.splat(0);
  let s30 = f64x2.splat(0);
  let s31 = f64x2.splat(0);
  let s32 = f64x2.splat(0);
  let s33 = f64x2.splat(0);
  const shift2 = tileBytes << 1;
  const end = aPtr + rowBytes;
  let a1 = aPtr + tileBytes;
  for (let a = aPtr; a < end; a += 16, a1 += 16) {
    const x0 = v128.load(a);
    s00 = v128.add<f64>(s00, v128.mul<f64>(x0, x0));
    const x1 = v128.load(a1);
    s10 = v128.add<f64>(s10, v128.mul<f64>(x1, x0));
    s11 = v128.add<f64>(s11, v128.mul<f64>(x1, x1));
    const x2 = v128.load(a + shift2);
    s20 = v128.add<f64>(s20, v128.mul<f64>(x2, x0));
    s21 = v128.add<f64>(s21, v128.mul<f64>(x2, x1));
    s22 = v128.add<f64>(s22, v128.mul<f64>(x2, x2));
    const x3 = v128.load(a1 + shift2);
    s30 = v128.add<f64>(s30, v128.mul<f64>(x3, x0));
    s31 = v128.add<f64>(s31, v128.mul<f64>(x3, x1));
    s32 = v128.add<f64>(s32, v128.mul<f64>(x3, x2));
    s33 = v128.add<f64>(s33, v128.mul<f64>(x3, x3));
  }
  let target = targetPtr;
  addOne(target, s00);
  target += (row + 1) << 3;
  addTo(target, s10, s11);
  target += (row + 2) << 3;
  addTo(target, s20, s21);
  addOne(target + 16, s22);
  target += (row + 3) << 3;
  addTo(target, s30, s31);
  addTo(target + 16, s32, s33);
}

/** The three dot products of two rows among themselves. */
function diagonal2(aPtr: usize, rowBytes: usize, tileBytes: usize, targetPtr: usize, step: usize): void {
  let s00 = f64x2.splat(0);
  let s10 = f64x2.splat(0);
  let s11 = f64x2.splat(0);
  for (let a = aPtr, end = aPtr + rowBytes; a < end; a += 16) {
    const x0 = v128.load(a);
    const x1 = v128.load(a + tileBytes);
    s00 = v128.add<f64>(s00, v128.mul<f64>(x0, x0));
    s10 = v128.add<f64>(s10, v128.mul<f64>(x1, x0));
    s11 = v128.add<f64>(s11, v128.mul<f64>(x1, x1));
  }
  addOne(targetPtr, s00);
  addTo(targetPtr + step, s10, s11);
}

/** Dot products of one row with rows b, b + 1. */
function block1x2(aPtr: usize, bPtr: usize, rowBytes: usize, tileBytes: usize, targetPtr: usize): void {
  let s0 = f64x2.splat(0);
  let s1 = f64x2.splat(0);
  const end = aPtr + rowBytes;
  let b = bPtr;
  for (let a = aPtr; a < end; a += 16, b += 16) {
    const x = v128.load(a);
    s0 = v128.add<f64>(s0, v128.mul<f64>(x, v128.load(b)));
    s1 = v128.add<f64>(s1, v128.mul<f64>(x, v128.load(b + tileBytes)));
  }
  addTo(targetPtr, s0, s1);
}

/**
 * sumXX += z z^T, packed lower triangle (row by row), z = [D][tile]. 4 x 2 blocks with lanes
 * over rows: 8 accumulators, 6 loads for 16 operations. O(N D^2 / 2).
 */
function addOuterProducts(scaledPtr: usize, rows: i32, d: i32, tileBytes: usize, targetPtr: usize): void {
  const rowBytes = (<usize>rows) << 3;
  const features = <usize>d;
  let row: usize = 0;
  for (; row + 4 <= features; row += 4) {
    const a = scaledPtr + row * tileBytes;
    let column: usize = 0;
    for (; column < row; column += 2) {
      const target = targetPtr + rowOffset(row) + (column << 3);
      block4x2(a, scaledPtr + column * tileBytes, rowBytes, tileBytes, target, (row + 1) << 3, 8);
    }
    diagonal4(a, rowBytes, tileBytes, targetPtr + rowOffset(row) + (row << 3), row);
  }
  if (row + 2 <= features) {
    const a = scaledPtr + row * tileBytes;
    // Here row is a multiple of four.
    for (let column: usize = 0; column < row; column += 4) {
      const target = targetPtr + rowOffset(row) + (column << 3);
      block2x4(a, scaledPtr + column * tileBytes, rowBytes, tileBytes, target, (row + 1) << 3);
    }
    diagonal2(a, rowBytes, tileBytes, targetPtr + rowOffset(row) + (row << 3), (row + 1) << 3);
    row += 2;
  }
  if (row < features) {
    const a = scaledPtr + row * tileBytes;
    const target = targetPtr + rowOffset(row);
    for (let column: usize = 0; column < row; column += 2) {
      block1x2(a, scaledPtr + column * tileBytes, rowBytes, tileBytes, target + (column << 3));
    }
    addOne(target + (row << 3), sumOfSquares(a, rows));
  }
}

/** sum over the tile of a b, added to one target. */
function block1x1(aPtr: usize, bPtr: usize, rowBytes: usize, targetPtr: usize): void {
  let s0 = f64x2.splat(0);
  let s1 = f64x2.splat(0);
  let b = bPtr;
  for (let a = aPtr, end = aPtr + rowBytes; a < end; a += 32, b += 32) {
    s0 = v128.add<f64>(s0, v128.mul<f64>(v128.load(a), v128.load(b)));
    s1 = v128.add<f64>(s1, v128.mul<f64>(v128.load(a, 16), v128.load(b, 16)));
  }
  addOne(targetPtr, v128.add<f64>(s0, s1));
}

/** target[i][j] += sum over the tile of a[i] b[j]: a = [m][tile], b = [n][tile], target (m, n). O(N m n). */
function addCrossProducts(
  aPtr: usize,
  m: i32,
  bPtr: usize,
  n: i32,
  rows: i32,
  tileBytes: usize,
  targetPtr: usize,
): void {
  const rowBytes = (<usize>rows) << 3;
  const step = (<usize>n) << 3;
  const even = <usize>(n & -2);
  let row: usize = 0;
  for (; row + 4 <= <usize>m; row += 4) {
    const a = aPtr + row * tileBytes;
    const target = targetPtr + row * step;
    for (let column: usize = 0; column < even; column += 2) {
      block4x2(a, bPtr + column * tileBytes, rowBytes, tileBytes, target + (column << 3), step, 0);
    }
  }
  for (let rest = row; rest < <usize>m; rest++) {
    for (let column: usize = 0; column < even; column += 2) {
      const target = targetPtr + rest * step + (column << 3);
      block1x2(aPtr + rest * tileBytes, bPtr + column * tileBytes, rowBytes, tileBytes, target);
    }
  }
  if (!(n & 1)) return;
  for (let all: usize = 0; all < <usize>m; all++) {
    const target = targetPtr + all * step + (even << 3);
    block1x1(aPtr + all * tileBytes, bPtr + even * tileBytes, rowBytes, target);
  }
}

/** x[f][row] -= sum_k a[k][row] b[k][f] for 8 rows at a time: x = [D][tile], a = [K][tile], b (K, D). O(N K D). */
function subtractCombination(
  xPtr: usize,
  rows: i32,
  d: i32,
  tileBytes: usize,
  aPtr: usize,
  bPtr: usize,
  k: i32,
): void {
  const bytes = (<usize>d) << 3;
  const bEnd = bPtr + <usize>k * bytes;
  for (let at: usize = 0, end = (<usize>rows) << 3; at < end; at += 64) {
    for (let feature: usize = 0; feature < <usize>d; feature++) {
      const x = xPtr + feature * tileBytes + at;
      let x0 = v128.load(x);
      let x1 = v128.load(x, 16);
      let x2 = v128.load(x, 32);
      let x3 = v128.load(x, 48);
      let a = aPtr + at;
      for (let b = bPtr + (feature << 3); b < bEnd; b += bytes, a += tileBytes) {
        const value = v128.load64_splat(b);
        x0 = v128.sub<f64>(x0, v128.mul<f64>(v128.load(a), value));
        x1 = v128.sub<f64>(x1, v128.mul<f64>(v128.load(a, 16), value));
        x2 = v128.sub<f64>(x2, v128.mul<f64>(v128.load(a, 32), value));
        x3 = v128.sub<f64>(x3, v128.mul<f64>(v128.load(a, 48), value));
      }
      v128.store(x, x0);
      v128.store(x, x1, 16);
      v128.store(x, x2, 32);
      v128.store(x, x3, 48);
    }
  }
}

/** a[row] *= b[row], in place. */
function multiplyBy(aPtr: usize, bPtr: usize, rows: i32): void {
  for (let at: usize = 0, end = (<usize>rows) << 3; at < end; at += 16) {
    v128.store(aPtr + at, v128.mul<f64>(v128.load(aPtr + at), v128.load(bPtr + at)));
  }
}

/**
 * TIED statistics of a tile in O(N (D^2 + K D + K^2)) instead of O(N K D^2). With responsibilities r_k of a row
 * (summing to one) and the row's mean a = sum_k r_k m_k,
 *
 *   sum_k r_k (x - m_k)(x - m_k)^T = (x - a)(x - a)^T + sum_{k<l} r_k r_l (m_k - m_l)(m_k - m_l)^T,
 *
 * the law of total covariance over components, all terms positive: nothing cancels, wherever the clusters are. A row
 * of sample weight v enters with rho_k = sqrt(v) r_k and sqrt(v) (x - a).
 *
 * resp [K][tile]: responsibilities, replaced by rho. centred [D][tile]: x - c, replaced by sqrt(v) (x - a).
 * rootWeight [tile] or 0. Adds sum rho_k rho_l to `pairs` (packed triangle of K), sum v r_k to `nk`, sum v r_k (x - c)
 * to `raw` (K, D), and sum v (x - a)(x - a)^T to `sumXX`. offsets (K, D): m_k - c.
 */
export function addTiedStatistics(
  respPtr: usize,
  centredPtr: usize,
  rootWeightPtr: usize,
  offsetsPtr: usize,
  rows: i32,
  d: i32,
  k: i32,
  tileBytes: usize,
  nkPtr: usize,
  rawPtr: usize,
  pairsPtr: usize,
  sumXXPtr: usize,
): void {
  for (let component: usize = 0; component < <usize>k; component++) {
    const resp = respPtr + component * tileBytes;
    if (rootWeightPtr) multiplyBy(resp, rootWeightPtr, rows);
    addSum(resp, rootWeightPtr, rows, nkPtr + (component << 3));
  }
  if (rootWeightPtr) {
    for (let feature: usize = 0; feature < <usize>d; feature++) {
      multiplyBy(centredPtr + feature * tileBytes, rootWeightPtr, rows);
    }
  }
  addCrossProducts(respPtr, k, centredPtr, d, rows, tileBytes, rawPtr);
  addOuterProducts(respPtr, rows, k, tileBytes, pairsPtr);
  subtractCombination(centredPtr, rows, d, tileBytes, respPtr, offsetsPtr, k);
  addOuterProducts(centredPtr, rows, d, tileBytes, sumXXPtr);
}

/**
 * What a block's tied sums still lack: nk, sumX_k = raw_k - nk (m_k - c), and the pair terms of sumXX. O(K^2 D^2).
 */
export function finishTiedBlock(
  offsetsPtr: usize,
  d: i32,
  k: i32,
  blockNkPtr: usize,
  rawPtr: usize,
  pairsPtr: usize,
  nkPtr: usize,
  sumXPtr: usize,
  sumXXPtr: usize,
): void {
  const bytes = (<usize>d) << 3;
  let pair = pairsPtr;
  for (let first = 0; first < k; first++) {
    const at = (<usize>first) << 3;
    const nk = load<f64>(blockNkPtr + at);
    store<f64>(nkPtr + at, load<f64>(nkPtr + at) + nk);
    const offset = offsetsPtr + <usize>first * bytes;
    for (let j: usize = 0; j < bytes; j += 8) {
      const target = sumXPtr + <usize>first * bytes + j;
      const moved = load<f64>(rawPtr + <usize>first * bytes + j) - nk * load<f64>(offset + j);
      store<f64>(target, load<f64>(target) + moved);
    }
    for (let second = 0; second < first; second++, pair += 8) {
      const weight = load<f64>(pair);
      if (weight == 0) continue;
      const other = offsetsPtr + <usize>second * bytes;
      let target = sumXXPtr;
      for (let row: usize = 0; row < bytes; row += 8) {
        const left = weight * (load<f64>(offset + row) - load<f64>(other + row));
        for (let column: usize = 0; column <= row; column += 8, target += 8) {
          const right = load<f64>(offset + column) - load<f64>(other + column);
          store<f64>(target, load<f64>(target) + left * right);
        }
      }
    }
    pair += 8;
  }
}
