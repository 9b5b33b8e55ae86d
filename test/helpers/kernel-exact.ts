// exp and ln in fixed point with BigInt, far more exactly than a double can say: the judge of gmm_exp and gmm_log.
// Must not use Math.exp or Math.log, or any double on the way.

/** Bits after the point. 2^-1074 and a relative error of 2^-150 beyond need less than this near zero; see expExact. */
const FRACTION = 288n;
const ONE = 1n << FRACTION;

/** What both functions promise: the distance to the exact value is at most this many units in its last place. */
export const MAXIMUM_ULP = 1;

/** The largest distances found by test/kernel/math.test.ts, rounded up to two decimals. */
export const MEASURED_ULP: { readonly exp: number; readonly log: number } = { exp: 0.77, log: 0.87 };

const view = new DataView(new ArrayBuffer(8));

/** A finite double as mantissa * 2^exponent, exactly. */
export function decompose(value: number): { mantissa: bigint; exponent: number } {
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const biased = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  const magnitude = biased === 0 ? fraction : fraction | (1n << 52n);
  return { mantissa: bits >> 63n ? -magnitude : magnitude, exponent: Math.max(biased, 1) - 1075 };
}

/** value * 2^FRACTION, rounded towards minus infinity. */
function toFixed(value: number): bigint {
  const { mantissa, exponent } = decompose(value);
  return shift(mantissa, BigInt(exponent) + FRACTION);
}

function shift(value: bigint, by: bigint): bigint {
  return by >= 0n ? value << by : value >> -by;
}

/** 2 atanh(s) = ln((1 + s) / (1 - s)) = 2 (s + s^3/3 + s^5/5 + ...), for |s| <= 1/3. */
function twiceAtanh(s: bigint): bigint {
  const square = (s * s) >> FRACTION;
  let power = s;
  let sum = 0n;
  for (let n = 1n; power !== 0n && power !== -1n; n += 2n) {
    sum += power / n;
    power = (power * square) >> FRACTION;
  }
  return 2n * sum;
}

const LN_2 = twiceAtanh(ONE / 3n);

/** A positive number: mantissa * 2^exponent. */
export interface Exact {
  mantissa: bigint;
  exponent: number;
}

/** exp(x) with a relative error below 2^-200: x = n ln 2 + r, Taylor series of exp(r), |r| <= ln(2) / 2. */
export function expExact(x: number): Exact {
  const fixed = toFixed(x);
  const n = (2n * fixed + LN_2) / (2n * LN_2) - (2n * fixed + LN_2 < 0n ? 1n : 0n);
  const r = fixed - n * LN_2;
  let term = ONE;
  let sum = ONE;
  for (let i = 1n; term !== 0n && term !== -1n; i++) {
    term = ((term * r) >> FRACTION) / i;
    sum += term;
  }
  return { mantissa: sum, exponent: Number(n - FRACTION) };
}

/** ln(x) of a positive double; near x = 1, where it is smallest (2^-53), still with a relative error below 2^-200. */
export function logExact(x: number): Exact {
  const { mantissa, exponent } = decompose(x);
  const bits = mantissa.toString(2).length;
  // m in [1, 2): ln x = e ln 2 + ln m, ln m = 2 atanh((m - 1) / (m + 1)).
  const m = mantissa << (FRACTION - BigInt(bits - 1));
  const e = BigInt(exponent + bits - 1);
  return {
    mantissa: e * LN_2 + twiceAtanh(((m - ONE) << FRACTION) / (m + ONE)),
    exponent: Number(-FRACTION),
  };
}

/** |actual - exact| in units of the last place of a double as large as the exact value. */
export function ulpError(actual: number, exact: Exact): number {
  if (exact.mantissa === 0n) return actual === 0 ? 0 : Infinity;
  if (!Number.isFinite(actual)) return Infinity;
  const given = decompose(actual);
  const common = Math.min(given.exponent, exact.exponent);
  const a = given.mantissa << BigInt(given.exponent - common);
  const b = exact.mantissa << BigInt(exact.exponent - common);
  const magnitude = b < 0n ? -b : b;
  const top = magnitude.toString(2).length - 1 + common;
  const ulp = Math.max(top - 52, -1074);
  const difference = a < b ? b - a : a - b;
  return Number(shift(difference, BigInt(common - ulp + 40))) / 2 ** 40;
}
