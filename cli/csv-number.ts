// Decimal numbers in ASCII bytes to doubles, correctly rounded: the bits of Number(text), without making the text.
// Must not guess: what it cannot do exactly it leaves to Number, by saying so.

/** Where the last number that was parsed ends; -1: it was none, or none that can be done here. */
export let numberEnd = -1;

const PLUS = 43;
const MINUS = 45;
const POINT = 46;
/** Powers of ten that are doubles exactly. */
const POWERS = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));
const LARGEST_INTEGER = 2 ** 53;
/** Significant digits held: nine in each of two 32-bit integers. */
const HALF_DIGITS = 9;
const MOST_DIGITS = 18;
/** Of Veltkamp's splitting of a double into two halves of 26 bits. */
const SPLITTER = 2 ** 27 + 1;
/** More than the relative error of a quotient's second part. */
const SLACK = 2 ** -48;

/**
 * Parses `[+-]digits[.digits][e[+-]digits]`, at least one digit, and sets {@link numberEnd} to the place after it.
 *
 * At most 15 to 16 digits and a power of ten up to 1e22 are one rounding of exact numbers (Clinger 1990, "How to read
 * floating point numbers accurately"). Up to 18 digits divided by such a power are worked out to 100 bits, and taken
 * where every number within the error bound rounds to the same double. The rest is for Number.
 *
 * @param bytes anything but a digit must follow the number, within the array
 * @returns the number; NaN with `numberEnd` -1 where there is none, or it takes more digits or a larger exponent
 */
export function parseNumber(bytes: Uint8Array, start: number): number {
  let at = start;
  let byte = bytes[at];
  const negative = byte === MINUS;
  if (negative || byte === PLUS) byte = bytes[++at];
  let high = 0;
  let low = 0;
  let digits = 0;
  const integerStart = at;
  for (let digit = byte - 48; digit >= 0 && digit <= 9; digit = byte - 48) {
    if (digits < HALF_DIGITS) high = high * 10 + digit;
    else low = low * 10 + digit;
    // Leading zeros do not count.
    if (high > 0 && ++digits > MOST_DIGITS) return none();
    byte = bytes[++at];
  }
  let seen = at - integerStart;
  let exponent = 0;
  if (byte === POINT) {
    const fractionStart = ++at;
    byte = bytes[at];
    for (let digit = byte - 48; digit >= 0 && digit <= 9; digit = byte - 48) {
      if (digits < HALF_DIGITS) high = high * 10 + digit;
      else low = low * 10 + digit;
      if (high > 0 && ++digits > MOST_DIGITS) return none();
      byte = bytes[++at];
    }
    exponent = fractionStart - at;
    seen -= exponent;
  }
  if (seen === 0) return none();
  if (byte === 101 || byte === 69) {
    byte = bytes[++at];
    const down = byte === MINUS;
    if (down || byte === PLUS) byte = bytes[++at];
    const exponentStart = at;
    let written = 0;
    for (let digit = byte - 48; digit >= 0 && digit <= 9; digit = byte - 48) {
      written = written * 10 + digit;
      byte = bytes[++at];
    }
    if (at === exponentStart || at - exponentStart > 4) return none();
    exponent += down ? -written : written;
  }
  const value = digits <= HALF_DIGITS ? scaled(high, exponent) : longScaled(high, low, digits, exponent);
  numberEnd = Number.isNaN(value) ? -1 : at;
  return negative ? -value : value;
}

function none(): number {
  numberEnd = -1;
  return Number.NaN;
}

/** integer x 10^exponent for an integer up to 2^53: one rounding; NaN where the power is no double. */
function scaled(integer: number, exponent: number): number {
  if (exponent === 0) return integer;
  if (exponent < 0) return exponent >= -22 ? integer / POWERS[-exponent] : Number.NaN;
  return exponent <= 22 ? integer * POWERS[exponent] : Number.NaN;
}

/** The same for an integer of two parts, of which the second has the digits after the ninth. */
function longScaled(high: number, low: number, digits: number, exponent: number): number {
  const shift = POWERS[digits - HALF_DIGITS];
  const integer = high * shift + low;
  // Below 2^53 nothing was rounded on the way.
  if (integer < LARGEST_INTEGER) return scaled(integer, exponent);
  if (exponent >= 0 || exponent < -22) return Number.NaN;
  // The integer exactly, as the sum of two doubles.
  const product = high * shift;
  const rest = productError(high, shift, product) + low;
  const first = product + rest;
  const second = rest - (first - product);
  // Its quotient as the sum of two doubles: the remainder of a division is a double exactly.
  const power = POWERS[-exponent];
  const quotient = first / power;
  const back = quotient * power;
  const remainder = first - back - productError(quotient, power, back);
  const correction = (remainder + second) / power;
  const slack = Math.abs(correction) * SLACK;
  const least = quotient + (correction - slack);
  // Rounding is monotonic: what lies between two numbers of the same rounding has that rounding, too.
  return least === quotient + (correction + slack) ? least : Number.NaN;
}

/** a x b - product exactly, where product is a x b rounded (Dekker 1971). */
function productError(a: number, b: number, product: number): number {
  const wideA = SPLITTER * a;
  const highA = wideA - (wideA - a);
  const lowA = a - highA;
  const wideB = SPLITTER * b;
  const highB = wideB - (wideB - b);
  const lowB = b - highB;
  return lowA * lowB - (product - highA * highB - lowA * highB - highA * lowB);
}
