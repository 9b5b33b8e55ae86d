// Half log-densities of a tile to square roots of responsibilities and the tile's log-likelihood.
// Must not know how densities were computed or what is done with responsibilities.
import { expDifferences, log, logPositive } from './math';

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
    expDifferences(h, maximumPtr, rowBytes, rowSumPtr, scalePtr, keep == RESPONSIBILITIES);
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
