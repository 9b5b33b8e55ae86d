// Statistics of tied covariances: one scatter for all components, from the law of total covariance.
// Must not compute densities or normalise.
import { addOne, addOuterProducts, addSum, block1x2, block4x2 } from './scatter';

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
