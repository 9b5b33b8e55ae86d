// Half log-densities of a tile to square roots of responsibilities and the tile's log-likelihood.
// Must not know how densities were computed or what is done with responsibilities.
import { expHalf, log, logPositive } from './math';

/**
 * In place: half log-densities [K][tile] become sqrt(responsibility) [K][tile]; rowSum[row] receives
 * sum_k exp(logProb_k - max_k logProb), which is in [1, K]. `rows` is a multiple of 8. O(N K).
 *
 * Square roots, because the scatter of the M-step is then one array times itself; exp of the halved exponent gives
 * them without a square root per row and component. Below exp(-690) a responsibility is exactly 0. Log-sum-exp by
 * subtracting the maximum.
 */
export function normalise(
  halfPtr: usize,
  rows: i32,
  k: i32,
  tileBytes: usize,
  maximumPtr: usize,
  rowSumPtr: usize,
): void {
  const one = f64x2.splat(1);
  const end = halfPtr + <usize>k * tileBytes;
  for (let at: usize = 0, stop = (<usize>rows) << 3; at < stop; at += 32) {
    const m0 = v128.load(maximumPtr + at);
    const m1 = v128.load(maximumPtr + at, 16);
    let s0 = f64x2.splat(0);
    let s1 = f64x2.splat(0);
    for (let h = halfPtr + at; h < end; h += tileBytes) {
      const e0 = expHalf(v128.sub<f64>(v128.load(h), m0));
      const e1 = expHalf(v128.sub<f64>(v128.load(h, 16), m1));
      v128.store(h, e0);
      v128.store(h, e1, 16);
      s0 = v128.add<f64>(s0, v128.mul<f64>(e0, e0));
      s1 = v128.add<f64>(s1, v128.mul<f64>(e1, e1));
    }
    v128.store(rowSumPtr + at, s0);
    v128.store(rowSumPtr + at, s1, 16);
    const scale0 = v128.sqrt<f64>(v128.div<f64>(one, s0));
    const scale1 = v128.sqrt<f64>(v128.div<f64>(one, s1));
    for (let h = halfPtr + at; h < end; h += tileBytes) {
      v128.store(h, v128.mul<f64>(v128.load(h), scale0));
      v128.store(h, v128.mul<f64>(v128.load(h, 16), scale1), 16);
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
