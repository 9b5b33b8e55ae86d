// Half log-densities of a tile to square roots of responsibilities and the tile's log-likelihood.
// Must not know how densities were computed or what is done with responsibilities.
import { EXP, log, logPositive } from './math';

/** What `normalise` leaves in place of the half log-densities. */
export const SUMS_ONLY: i32 = 0;
export const ROOTS: i32 = 1;
export const RESPONSIBILITIES: i32 = 2;

/**
 * In place: half log-densities [K][tile] become responsibilities or their square roots [K][tile], or (SUMS_ONLY)
 * nothing of use; rowSum[row] receives sum_k exp(logProb_k - max_k logProb), which is in [1, K]; scale[row] is
 * scratch. `rows` is a multiple of 8. O(N K).
 *
 * Square roots, because the scatter of a full covariance is then one array times itself; exp of the halved exponent
 * gives them without a square root per row and component. Below 2^-997 a responsibility is exactly 0. Log-sum-exp by
 * subtracting the maximum. Three sweeps, none with a chain of dependent operations from one row to the next: in one
 * sweep, the division and square root at the end of each row held up the exponentials of the rows after it.
 */
export function normalise(
  halfPtr: usize,
  rows: i32,
  k: i32,
  tileBytes: usize,
  maximumPtr: usize,
  rowSumPtr: usize,
  scalePtr: usize,
  keep: i32,
): void {
  const rowBytes = (<usize>rows) << 3;
  const end = halfPtr + <usize>k * tileBytes;
  memory.fill(rowSumPtr, 0, rowBytes);
  for (let h = halfPtr; h < end; h += tileBytes) {
    exponentials(h, rowBytes, maximumPtr, rowSumPtr, keep == RESPONSIBILITIES);
  }
  if (keep == SUMS_ONLY) return;
  const one = f64x2.splat(1);
  for (let at: usize = 0; at < rowBytes; at += 32) {
    const s0 = v128.div<f64>(one, v128.load(rowSumPtr + at));
    const s1 = v128.div<f64>(one, v128.load(rowSumPtr + at, 16));
    v128.store(scalePtr + at, keep == ROOTS ? v128.sqrt<f64>(s0) : s0);
    v128.store(scalePtr + at, keep == ROOTS ? v128.sqrt<f64>(s1) : s1, 16);
  }
  for (let h = halfPtr; h < end; h += tileBytes) {
    for (let at: usize = 0; at < rowBytes; at += 32) {
      v128.store(h + at, v128.mul<f64>(v128.load(h + at), v128.load(scalePtr + at)));
      v128.store(h + at, v128.mul<f64>(v128.load(h + at, 16), v128.load(scalePtr + at, 16)), 16);
    }
  }
}

/**
 * half[row] = exp(half - maximum), or (`square`) its square, exactly 0 below -498.5 ln 2, and rowSum[row] += its square. This is expInRange of
 * math.ts, the same operations in the same order, for two vectors side by side: each constant is loaded once for both and
 * little is spilled.
 */
function exponentials(
  halfPtr: usize,
  rowBytes: usize,
  maximumPtr: usize,
  rowSumPtr: usize,
  square: bool,
): void {
  for (let at: usize = 0; at < rowBytes; at += 32) {
    const x0 = v128.sub<f64>(v128.load(halfPtr + at), v128.load(maximumPtr + at));
    const x1 = v128.sub<f64>(v128.load(halfPtr + at, 16), v128.load(maximumPtr + at, 16));
    const magic = v128.load(EXP, 16);
    const scaled = v128.load(EXP);
    const shifted0 = v128.add<f64>(v128.mul<f64>(x0, scaled), magic);
    const shifted1 = v128.add<f64>(v128.mul<f64>(x1, scaled), magic);
    const n0 = v128.sub<f64>(shifted0, magic);
    const n1 = v128.sub<f64>(shifted1, magic);
    const ln2High = v128.load(EXP, 32);
    const high0 = v128.add<f64>(x0, v128.mul<f64>(n0, ln2High));
    const high1 = v128.add<f64>(x1, v128.mul<f64>(n1, ln2High));
    const ln2Low = v128.load(EXP, 48);
    const low0 = v128.mul<f64>(n0, ln2Low);
    const low1 = v128.mul<f64>(n1, ln2Low);
    const r0 = v128.add<f64>(high0, low0);
    const r1 = v128.add<f64>(high1, low1);
    const square0 = v128.mul<f64>(r0, r0);
    const square1 = v128.mul<f64>(r1, r1);
    const q9 = v128.load(EXP, 64);
    let odd0 = v128.mul<f64>(q9, square0);
    let odd1 = v128.mul<f64>(q9, square1);
    const q7 = v128.load(EXP, 96);
    odd0 = v128.add<f64>(odd0, q7);
    odd1 = v128.add<f64>(odd1, q7);
    const q8 = v128.load(EXP, 80);
    let even0 = v128.mul<f64>(q8, square0);
    let even1 = v128.mul<f64>(q8, square1);
    const q6 = v128.load(EXP, 112);
    even0 = v128.add<f64>(even0, q6);
    even1 = v128.add<f64>(even1, q6);
    const q5 = v128.load(EXP, 128);
    odd0 = v128.add<f64>(v128.mul<f64>(odd0, square0), q5);
    odd1 = v128.add<f64>(v128.mul<f64>(odd1, square1), q5);
    const q4 = v128.load(EXP, 144);
    even0 = v128.add<f64>(v128.mul<f64>(even0, square0), q4);
    even1 = v128.add<f64>(v128.mul<f64>(even1, square1), q4);
    const q3 = v128.load(EXP, 160);
    odd0 = v128.add<f64>(v128.mul<f64>(odd0, square0), q3);
    odd1 = v128.add<f64>(v128.mul<f64>(odd1, square1), q3);
    const q2 = v128.load(EXP, 176);
    even0 = v128.add<f64>(v128.mul<f64>(even0, square0), q2);
    even1 = v128.add<f64>(v128.mul<f64>(even1, square1), q2);
    const q1 = v128.load(EXP, 192);
    odd0 = v128.add<f64>(v128.mul<f64>(odd0, square0), q1);
    odd1 = v128.add<f64>(v128.mul<f64>(odd1, square1), q1);
    const q0 = v128.load(EXP, 208);
    even0 = v128.add<f64>(v128.mul<f64>(even0, square0), q0);
    even1 = v128.add<f64>(v128.mul<f64>(even1, square1), q0);
    const p0 = v128.mul<f64>(square0, v128.add<f64>(v128.mul<f64>(odd0, r0), even0));
    const p1 = v128.mul<f64>(square1, v128.add<f64>(v128.mul<f64>(odd1, r1), even1));
    const one = v128.load(EXP, 224);
    let e0 = v128.add<f64>(v128.add<f64>(high0, v128.add<f64>(p0, low0)), one);
    let e1 = v128.add<f64>(v128.add<f64>(high1, v128.add<f64>(p1, low1)), one);
    e0 = v128.add<i64>(e0, v128.shl<i64>(shifted0, 52));
    e1 = v128.add<i64>(e1, v128.shl<i64>(shifted1, 52));
    // shifted is 1.5 * 2^52 + n: comparing it compares n without keeping x.
    const floor = v128.load(EXP, 240);
    e0 = v128.and(e0, v128.ge<f64>(shifted0, floor));
    e1 = v128.and(e1, v128.ge<f64>(shifted1, floor));
    const squared0 = v128.mul<f64>(e0, e0);
    const squared1 = v128.mul<f64>(e1, e1);
    v128.store(halfPtr + at, square ? squared0 : e0);
    v128.store(halfPtr + at, square ? squared1 : e1, 16);
    v128.store(rowSumPtr + at, v128.add<f64>(v128.load(rowSumPtr + at), squared0));
    v128.store(rowSumPtr + at, v128.add<f64>(v128.load(rowSumPtr + at, 16), squared1), 16);
  }
}

/**
 * sum over the first n rows of 2 max + ln(rowSum): the tile's log-likelihood. The logarithm is taken once of the
 * product of up to 32 row sums per lane, each at most K: no overflow while K <= 2^31. O(N).
 */
export function logLikelihoodOf(maximumPtr: usize, rowSumPtr: usize, n: i32): f64 {
  let maxima = f64x2.splat(0);
  let logs = f64x2.splat(0);
  let product = f64x2.splat(1);
  let factors = 0;
  const pairs = n >> 1;
  for (let pair = 0; pair < pairs; pair++) {
    const at = (<usize>pair) << 4;
    maxima = v128.add<f64>(maxima, v128.load(maximumPtr + at));
    product = v128.mul<f64>(product, v128.load(rowSumPtr + at));
    if (++factors == 32) {
      logs = v128.add<f64>(logs, logPositive(product));
      product = f64x2.splat(1);
      factors = 0;
    }
  }
  logs = v128.add<f64>(logs, logPositive(product));
  const total = v128.add<f64>(v128.add<f64>(maxima, maxima), logs);
  let sum = f64x2.extract_lane(total, 0) + f64x2.extract_lane(total, 1);
  if (n & 1) {
    const at = (<usize>(n - 1)) << 3;
    sum += 2 * load<f64>(maximumPtr + at) + log(load<f64>(rowSumPtr + at));
  }
  return sum;
}

/** logProbNorm[row] = 2 max + ln(rowSum), the log-density of the mixture, for `rows` rows (a multiple of 2). */
export function logProbNorm(maximumPtr: usize, rowSumPtr: usize, rows: i32, targetPtr: usize): void {
  for (let at: usize = 0, end = (<usize>rows) << 3; at < end; at += 16) {
    const m = v128.load(maximumPtr + at);
    v128.store(targetPtr + at, v128.add<f64>(v128.add<f64>(m, m), logPositive(v128.load(rowSumPtr + at))));
  }
}
