// exp and log for two doubles at a time, from +, -, *, / and bit operations alone, so that every engine agrees.
// Must not know about mixtures. Coefficients: scripts/minimax.py; bounds: docs/NUMERICS.md, test/kernel/math.test.ts.

import { EXP_TABLE } from './exp-table';

// Constants stand in linear memory, each twice (one per lane): an engine loads or folds a 16-byte operand,
// but rebuilds a v128.const at every use.
const EXP: usize = memory.data<f64>(
  [
    92.33248261689366, 92.33248261689366, // 0: 64 log2(e)
    6755399441055744, 6755399441055744, // 16: 1.5 * 2^52, adding it rounds to an integer
    -0.01083042469326756, -0.01083042469326756, // 32: -ln(2) / 64, high part (21 trailing zero bits)
    -2.9815858269852933e-12, -2.9815858269852933e-12, // 48: -ln(2) / 64, rest
    0.499999999999486, 0.499999999999486, // 64: q0 ... q3
    0.1666666666669021, 0.1666666666669021,
    0.04166672335597497, 0.04166672335597497,
    0.008333329554656, 0.008333329554656,
    -345.5338695091327, -345.5338695091327, // 128: -498.5 ln 2
    -708.0, -708.0, // 144
    709.782712893384, 709.782712893384, // 160: ln of the largest double
    -4.0, -4.0, // 176: its bits and those of 1 add up to 0
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
 * exp(x) for x in [-708, 709] in both lanes: x = n ln(2) / 64 + r with n = 64 k + j, exp(x) = 2^k 2^(j/64) (1 + r + r^2 q(r)).
 * Error at most 1 ULP (0.52; below -700, where power * p is subnormal, 0.76). Anything outside the range gives garbage: callers mask it.
 *
 * A table of 64 powers shortens the polynomial to degree 3 and so the chain of dependent operations to 45 cycles; with
 * a polynomial alone (degree 9, 68 cycles) the registers for results in flight ran out long before the units did.
 *
 * shifted: see roundedMultiple; scale: the same, less 64 for each power of two to be left out of the result.
 */
// @ts-ignore: a decorator on a function is AssemblyScript only
@inline
function expFrom(x: v128, shifted: v128, scale: v128): v128 {
  // The low bits of `shifted` are n in two's complement.
  const first = v128.load(EXP_TABLE + ((<usize>i64x2.extract_lane(shifted, 0) & 63) << 4));
  const second = v128.load(EXP_TABLE + ((<usize>i64x2.extract_lane(shifted, 1) & 63) << 4));
  const r = remainder(x, shifted, v128.load(EXP, 16), v128.load(EXP, 32), v128.load(EXP, 48));
  return expOfParts(
    r, first, second, v128.shl<i64>(scale, 46),
    v128.load(EXP, 64), v128.load(EXP, 80), v128.load(EXP, 96), v128.load(EXP, 112),
  );
}

// These three are given their constants, the doubles of EXP by their names there: a loop holds them in registers.

/** r = x - n ln(2) / 64. */
// @ts-ignore: a decorator on a function is AssemblyScript only
@inline
function remainder(x: v128, shifted: v128, magic: v128, high: v128, rest: v128): v128 {
  const n = v128.sub<f64>(shifted, magic);
  return v128.add<f64>(v128.add<f64>(x, v128.mul<f64>(n, high)), v128.mul<f64>(n, rest));
}

/** 2^k 2^(j/64) exp(r) from r, the table's entries for j of both lanes (power, what it lacks) and n << 46. */
// @ts-ignore: a decorator on a function is AssemblyScript only
@inline
function expOfParts(
  r: v128, first: v128, second: v128, scale: v128, q0: v128, q1: v128, q2: v128, q3: v128,
): v128 {
  const power = v128.add<i64>(v128.shuffle<f64>(first, second, 0, 2), scale);
  const rest = v128.shuffle<f64>(first, second, 1, 3);
  const square = v128.mul<f64>(r, r);
  const low = v128.add<f64>(v128.mul<f64>(r, q1), q0);
  const top = v128.add<f64>(v128.mul<f64>(r, q3), q2);
  const q = v128.add<f64>(low, v128.mul<f64>(square, top));
  const p = v128.add<f64>(v128.add<f64>(r, rest), v128.mul<f64>(square, q));
  return v128.add<f64>(power, v128.mul<f64>(power, p));
}

/** 1.5 * 2^52 + n with n = x 64 / ln 2 rounded. */
// @ts-ignore: a decorator on a function is AssemblyScript only
@inline
function roundedMultiple(x: v128, perLn2: v128, magic: v128): v128 {
  return v128.add<f64>(v128.mul<f64>(x, perLn2), magic);
}

/**
 * exp(x) for x <= 0, and exactly 0 below -498.5 ln 2: the square of the result is never subnormal. The form that
 * responsibilities need. Error at most 1 ULP.
 */
// @ts-ignore: a decorator on a function is AssemblyScript only
@inline
export function expHalf(x: v128): v128 {
  const shifted = roundedMultiple(x, v128.load(EXP), v128.load(EXP, 16));
  return v128.and(expFrom(x, shifted, shifted), v128.ge<f64>(x, v128.load(EXP, 128)));
}

/**
 * values[i] = exp(values[i] - maxima[i]) as {@link expHalf}, or (`square`) its square; sums[i] += the square. `bytes` of each, a
 * multiple of 16; scratch: as many.
 *
 * Two loops, from x to n and r and from these to exp(x): the chains of dependent operations are half as long, and twice as
 * many results are in flight. Constants are in locals, because an engine would load them again in every turn.
 */
export function expDifferences(
  valuesPtr: usize,
  maximaPtr: usize,
  bytes: usize,
  sumsPtr: usize,
  scratchPtr: usize,
  square: bool,
): void {
  const perLn2 = v128.load(EXP);
  const magic = v128.load(EXP, 16);
  const high = v128.load(EXP, 32);
  const rest = v128.load(EXP, 48);
  const least = v128.load(EXP, 128);
  const zeroScale = v128.load(EXP, 176);
  for (let at: usize = 0; at < bytes; at += 16) {
    const value = valuesPtr + at;
    const x = v128.sub<f64>(v128.load(value), v128.load(maximaPtr + at));
    const shifted = roundedMultiple(x, perLn2, magic);
    const r = remainder(x, shifted, magic, high, rest);
    const inRange = v128.ge<f64>(x, least);
    // Below the range r = 0 and j = 0, and the scale takes the bits of the power, 1, to those of 0.
    v128.store(value, v128.and(r, inRange));
    v128.store(scratchPtr + at, v128.bitselect(v128.shl<i64>(shifted, 46), zeroScale, inRange));
  }
  const q0 = v128.load(EXP, 64);
  const q1 = v128.load(EXP, 80);
  const q2 = v128.load(EXP, 96);
  const q3 = v128.load(EXP, 112);
  for (let at: usize = 0; at < bytes; at += 16) {
    const value = valuesPtr + at;
    const scale = scratchPtr + at;
    const r = v128.load(value);
    // The bits from 46 on are n = 64 k + j; an entry of the table has 16 bytes.
    const first = v128.load((<usize>(load<u64>(scale) >> 42) & 0x3f0) + EXP_TABLE);
    const second = v128.load((<usize>(load<u64>(scale, 8) >> 42) & 0x3f0) + EXP_TABLE);
    const e = expOfParts(r, first, second, v128.load(scale), q0, q1, q2, q3);
    const ee = v128.mul<f64>(e, e);
    v128.store(value, square ? ee : e);
    v128.store(sumsPtr + at, v128.add<f64>(v128.load(sumsPtr + at), ee));
  }
}

/** exp(x) for every x: 0 below -708 (subnormal results are flushed), +Infinity above ln(max), NaN for NaN. */
export function expAny(x: v128): v128 {
  const inRange = v128.and(v128.ge<f64>(x, v128.load(EXP, 144)), v128.le<f64>(x, v128.load(EXP, 160)));
  // Positive arguments leave one power of two to the end: 2^1024 is no double, though exp(x) may be.
  const positive = v128.ge<f64>(x, f64x2.splat(0));
  const shifted = roundedMultiple(x, v128.load(EXP), v128.load(EXP, 16));
  const part = expFrom(x, shifted, v128.sub<f64>(shifted, v128.and(f64x2.splat(64), positive)));
  const y = v128.and(v128.add<f64>(part, v128.and(part, positive)), inRange);
  const over = v128.gt<f64>(x, v128.load(EXP, 160));
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

/** exp(x) of one double, as {@link expAny}. */
export function exp(x: f64): f64 {
  return f64x2.extract_lane(expAny(f64x2.splat(x)), 0);
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
