// Comparisons that say what they measure. Must not hide a tolerance: every caller states its own, with a reason.
import { expect } from 'vitest';

const bits = new DataView(new ArrayBuffer(8));

/** The bits of a double as an integer that counts up with the double, so that neighbours differ by one. */
function ordinal(value: number): bigint {
  bits.setFloat64(0, value);
  const pattern = bits.getBigInt64(0);
  return pattern < 0n ? -(pattern & 0x7fffffffffffffffn) : pattern;
}

/** Distance of two doubles in steps from one double to the next; 0 and -0 are the same, NaN is only near NaN. */
export function ulpDistance(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) && Number.isNaN(b) ? 0 : Infinity;
  const distance = ordinal(a) - ordinal(b);
  return Number(distance < 0n ? -distance : distance);
}

/** The neighbour of a double `steps` doubles away. */
export function neighbour(value: number, steps: number): number {
  const target = ordinal(value) + BigInt(steps);
  bits.setBigUint64(0, target < 0n ? -target | 0x8000000000000000n : target);
  return bits.getFloat64(0);
}

/** Every element within `ulps` representable doubles of what is expected. */
export function expectUlp(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  ulps: number,
  what: string,
): void {
  expect(actual.length, `${what}: length`).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const distance = ulpDistance(actual[i], expected[i]);
    if (!(distance <= ulps)) {
      expect.fail(
        `${what}[${i}] is ${actual[i]}, expected ${expected[i]}: ${distance} ULP apart, allowed ${ulps}`,
      );
    }
  }
}

/**
 * |actual - expected| <= tolerance * scale, element by element.
 * @param scale what the error is relative to: |expected| if nothing is given, one number, or one per element
 */
export function expectRelative(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what: string,
  scale?: number | ArrayLike<number>,
): void {
  expect(actual.length, `${what}: length`).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const unit = scale === undefined ? Math.abs(expected[i]) : typeof scale === 'number' ? scale : scale[i];
    const error = Math.abs(actual[i] - expected[i]);
    // Written so that a NaN anywhere fails.
    if (!(error <= tolerance * unit) && !Object.is(actual[i], expected[i])) {
      expect.fail(
        `${what}[${i}] is ${actual[i]}, expected ${expected[i]}: off by ${error}, allowed ${tolerance} * ${unit}`,
      );
    }
  }
}

/** The same bits, NaN payloads and the sign of zero included. */
export function expectBitEqual(actual: ArrayLike<number>, expected: ArrayLike<number>, what: string): void {
  expect(actual.length, `${what}: length`).toBe(expected.length);
  const a = new BigUint64Array(Float64Array.from(actual).buffer);
  const b = new BigUint64Array(Float64Array.from(expected).buffer);
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) expect.fail(`${what}[${i}] is ${actual[i]}, expected the very bits of ${expected[i]}`);
  }
}
