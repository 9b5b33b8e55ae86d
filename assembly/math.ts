// exp and log for two doubles at a time, from +, -, *, / and bit operations alone, so that every engine agrees.
// Must not know about mixtures. Coefficients: scripts/minimax.py; bounds: docs/NUMERICS.md, test/kernel/math.test.ts.

// Constants stand in linear memory, each twice (one per lane): an engine loads or folds a 16-byte operand,
// but rebuilds a v128.const at every use.
export const EXP: usize = memory.data<f64>(
  [
    1.4426950408889634, 1.4426950408889634, // 0: log2(e)
    6755399441055744, 6755399441055744, // 16: 1.5 * 2^52, adding it rounds to an integer
    -0.6931471803691238, -0.6931471803691238, // 32: -ln 2, high part (21 trailing zero bits)
    -1.9082149292705877e-10, -1.9082149292705877e-10, // 48: -ln 2, rest
    2.5000061602835666e-8, 2.5000061602835666e-8, // 64: q9 ... q0
    2.763024837921144e-7, 2.763024837921144e-7,
    2.7557586373840165e-6, 2.7557586373840165e-6,
    2.480149309890655e-5, 2.480149309890655e-5,
    1.9841269506578688e-4, 1.9841269506578688e-4,
    1.3888888943630114e-3, 1.3888888943630114e-3,
    8.333333333494461e-3, 8.333333333494461e-3,
    4.1666666666530155e-2, 4.1666666666530155e-2,
    0.16666666666666413, 0.16666666666666413,
    0.5000000000000011, 0.5000000000000011, // 208
    1.0, 1.0, // 224
    6755399441055246, 6755399441055246, // 240: 1.5 * 2^52 - 498, n at exp(-345)
    -708.0, -708.0, // 256
    709.782712893384, 709.782712893384, // 272: ln of the largest double
  ],
  16,
);

const LOG: usize = memory.data<f64>(
  [
    0.14796105510224017, 0.14796105510224017, // 0: p6 ... p0
    0.15314035826947248, 0.15314035826947248,
    0.1818356486706799, 0.1818356486706799,
    0.22222198563476092, 0.22222198563476092,
    0.2857142874247499, 0.2857142874247499,
    0.3999999999941432, 0.3999999999941432,
    0.6666666666666734, 0.6666666666666734, // 96
    0.6931471803691238, 0.6931471803691238, // 112: ln 2, high part
    1.9082149292705877e-10, 1.9082149292705877e-10, // 128: rest
    6755399441055744, 6755399441055744, // 144
    0.5, 0.5, // 160
    2.0, 2.0, // 176
    1.0, 1.0, // 192
  ],
  16,
);

/** ln(2 pi) */
export const LN_2PI: f64 = 1.8378770664093456;

/**
 * exp(x) for x in [-708, 709] in both lanes: x = n ln 2 + r, exp(r) = 1 + r + r^2 q(r), times 2^n by adding n to
 * the exponent bits. Error at most 1 ULP. Anything outside the range gives garbage: callers mask it.
 */
// @ts-ignore: a decorator on a function is AssemblyScript only
@inline
export function expInRange(x: v128): v128 {
  const shifted = v128.add<f64>(v128.mul<f64>(x, v128.load(EXP)), v128.load(EXP, 16));
  const n = v128.sub<f64>(shifted, v128.load(EXP, 16));
  const high = v128.add<f64>(x, v128.mul<f64>(n, v128.load(EXP, 32)));
  const low = v128.mul<f64>(n, v128.load(EXP, 48));
  const r = v128.add<f64>(high, low);
  // Two interleaved Horner chains (odd and even powers) halve the latency of one.
  const r2 = v128.mul<f64>(r, r);
  let odd = v128.add<f64>(v128.mul<f64>(v128.load(EXP, 64), r2), v128.load(EXP, 96));
  let even = v128.add<f64>(v128.mul<f64>(v128.load(EXP, 80), r2), v128.load(EXP, 112));
  odd = v128.add<f64>(v128.mul<f64>(odd, r2), v128.load(EXP, 128));
  even = v128.add<f64>(v128.mul<f64>(even, r2), v128.load(EXP, 144));
  odd = v128.add<f64>(v128.mul<f64>(odd, r2), v128.load(EXP, 160));
  even = v128.add<f64>(v128.mul<f64>(even, r2), v128.load(EXP, 176));
  odd = v128.add<f64>(v128.mul<f64>(odd, r2), v128.load(EXP, 192));
  even = v128.add<f64>(v128.mul<f64>(even, r2), v128.load(EXP, 208));
  const q = v128.add<f64>(v128.mul<f64>(odd, r), even);
  // r enters the sum as its two parts: rounding it first would cost up to a quarter of a ULP.
  const p = v128.add<f64>(
    v128.add<f64>(high, v128.add<f64>(v128.mul<f64>(r2, q), low)),
    v128.load(EXP, 224),
  );
  return v128.add<i64>(p, v128.shl<i64>(shifted, 52));
}

/** exp(x) for every x: 0 below -708 (subnormal results are flushed), +Infinity above ln(max), NaN for NaN. */
export function expAny(x: v128): v128 {
  const inRange = v128.and(v128.ge<f64>(x, v128.load(EXP, 256)), v128.le<f64>(x, v128.load(EXP, 272)));
  const y = v128.and(expInRange(x), inRange);
  const over = v128.gt<f64>(x, v128.load(EXP, 272));
  const notANumber = v128.ne<f64>(x, x);
  return v128.bitselect(x, v128.bitselect(f64x2.splat(Infinity), y, over), notANumber);
}

/**
 * ln(x) for positive normal x in both lanes: x = 2^e m, m in [sqrt(1/2), sqrt(2)), f = m - 1, s = f / (2 + f),
 * ln m = f - (f^2/2 - s (f^2/2 + R(s^2))). Error at most 1 ULP.
 */
export function logPositive(x: v128): v128 {
  // Subtracting the bits of sqrt(1/2) first makes the exponent field round at sqrt(2).
  const offset = i64x2.splat(0x3fe6a09e667f3bcd);
  const shiftedBits = v128.sub<i64>(x, offset);
  const e = v128.shr<i64>(shiftedBits, 52);
  const m = v128.sub<i64>(x, v128.shl<i64>(e, 52));
  // Integer to double by the magic number: |e| < 2^51.
  const magic = v128.load(LOG, 144);
  const n = v128.sub<f64>(v128.add<i64>(e, magic), magic);
  const f = v128.sub<f64>(m, v128.load(LOG, 192));
  const s = v128.div<f64>(f, v128.add<f64>(f, v128.load(LOG, 176)));
  const z = v128.mul<f64>(s, s);
  let p = v128.add<f64>(v128.mul<f64>(v128.load(LOG), z), v128.load(LOG, 16));
  p = v128.add<f64>(v128.mul<f64>(p, z), v128.load(LOG, 32));
  p = v128.add<f64>(v128.mul<f64>(p, z), v128.load(LOG, 48));
  p = v128.add<f64>(v128.mul<f64>(p, z), v128.load(LOG, 64));
  p = v128.add<f64>(v128.mul<f64>(p, z), v128.load(LOG, 80));
  p = v128.add<f64>(v128.mul<f64>(p, z), v128.load(LOG, 96));
  const halfSquare = v128.mul<f64>(v128.mul<f64>(f, f), v128.load(LOG, 160));
  const inner = v128.mul<f64>(s, v128.add<f64>(halfSquare, v128.mul<f64>(p, z)));
  const low = v128.add<f64>(inner, v128.mul<f64>(n, v128.load(LOG, 128)));
  return v128.add<f64>(
    v128.mul<f64>(n, v128.load(LOG, 112)),
    v128.sub<f64>(f, v128.sub<f64>(halfSquare, low)),
  );
}

/** ln(x) of one double: -Infinity at 0, NaN below, subnormals included. Error at most 1 ULP. */
export function log(x: f64): f64 {
  if (!(x > 0)) return x == 0 ? -Infinity : NaN;
  if (x == Infinity) return x;
  if (x < 2.2250738585072014e-308) {
    // 2^54 brings a subnormal into the normal range; 54 ln 2 comes off again.
    return f64x2.extract_lane(logPositive(f64x2.splat(x * 18014398509481984)), 0) - 37.42994775023705;
  }
  return f64x2.extract_lane(logPositive(f64x2.splat(x)), 0);
}

/** target[i] = exp(source[i]); n doubles, in place allowed. Error at most 1 ULP, subnormal results are 0. */
export function expArray(sourcePtr: usize, targetPtr: usize, n: i32): void {
  for (let i = 0; i < n; i++) {
    const at = (<usize>i) << 3;
    store<f64>(targetPtr + at, f64x2.extract_lane(expAny(v128.load64_splat(sourcePtr + at)), 0));
  }
}

/** target[i] = ln(source[i]); n doubles, in place allowed. Error at most 1 ULP. */
export function logArray(sourcePtr: usize, targetPtr: usize, n: i32): void {
  for (let i = 0; i < n; i++) {
    const at = (<usize>i) << 3;
    store<f64>(targetPtr + at, log(load<f64>(sourcePtr + at)));
  }
}
