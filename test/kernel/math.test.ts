// gmm_exp and gmm_log against fixed-point arithmetic of 288 bits: errors in units in the last place, and specials.
import { describe, expect, it } from 'vitest';
import { generator } from '../helpers/data.ts';
import { expectBitEqual, expectUlp, neighbour } from '../helpers/kernel-compare.ts';
import {
  type Exact,
  expExact,
  logExact,
  MAXIMUM_ULP,
  MEASURED_ULP,
  ulpError,
} from '../helpers/kernel-exact.ts';
import { freshMemory } from '../helpers/kernel-run.ts';

const LN_2 = Math.LN2;
/** ln of the largest double; the next double up overflows. */
const EXP_MAXIMUM = 709.782712893384;
const EXP_MINIMUM = -708;
const SMALLEST_NORMAL = 2 ** -1022;

function apply(operation: 'gmm_exp' | 'gmm_log', values: number[]): Float64Array {
  const memory = freshMemory();
  const source = memory.input('source', values);
  const target = memory.output('target', values.length);
  memory.call(operation, [source, target, values.length], [target]);
  return memory.read(target);
}

/** The largest error over the points, which must all be within the promised bound. */
function largestError(
  operation: 'gmm_exp' | 'gmm_log',
  points: number[],
  exact: (x: number) => Exact,
): number {
  const results = apply(operation, points);
  let largest = 0;
  points.forEach((x, i) => {
    const error = ulpError(results[i], exact(x));
    if (!(error <= MAXIMUM_ULP)) expect.fail(`${operation}(${x}) = ${results[i]} is off by ${error} ULP`);
    largest = Math.max(largest, error);
  });
  // Tighter than the promise: what was measured once must not get worse unnoticed.
  expect(largest).toBeLessThanOrEqual(MEASURED_ULP[operation === 'gmm_exp' ? 'exp' : 'log']);
  return largest;
}

/** A point and the doubles `steps` to both sides. */
function around(value: number, steps: number): number[] {
  return Array.from({ length: 2 * steps + 1 }, (_, i) => neighbour(value, i - steps));
}

const expPoints: Record<string, () => number[]> = {
  'the whole range': () => {
    const uniform = generator(1);
    return Array.from({ length: 30_000 }, () => EXP_MINIMUM + uniform() * (EXP_MAXIMUM - EXP_MINIMUM));
  },
  'near 0, down to subnormal arguments': () => {
    const uniform = generator(2);
    const points = Array.from({ length: 10_000 }, () => (uniform() - 0.5) * 2 ** (-60 * uniform()));
    for (let e = 0; e <= 1074; e += 3) points.push(2 ** -e, -(2 ** -e));
    return points;
  },
  'around odd multiples of ln(2) / 2, where the reduction changes over': () => {
    const points: number[] = [];
    for (let n = -1020; n <= 1023; n++) points.push(...around((n + 0.5) * LN_2, 1));
    return points;
  },
  'around multiples of ln 2, where the result is near a power of two': () => {
    const points: number[] = [];
    for (let n = -1021; n <= 1023; n++) points.push(...around(n * LN_2, 1));
    return points;
  },
  'the reduced interval': () => {
    const uniform = generator(3);
    return Array.from({ length: 20_000 }, () => (uniform() - 0.5) * LN_2);
  },
  'points where rounding the reduced argument once cost more than 1 ULP': () => [
    408.6284415531195, -185.41051390386613, -683.0912447998772, 403.76231790425135,
  ],
  'reduced arguments near the ends of their interval, whatever the power of two': () => {
    const uniform = generator(12);
    return Array.from(
      { length: 40_000 },
      () => (Math.floor(uniform() * 2040) - 1020 + 0.48 + 0.04 * uniform()) * LN_2,
    );
  },
  'the edges of the range': () => [
    ...Array.from({ length: 200 }, (_, i) => neighbour(EXP_MAXIMUM, -i)),
    ...Array.from({ length: 200 }, (_, i) => neighbour(EXP_MINIMUM, i)),
    ...around(-690, 20),
    ...around(-345, 20),
  ],
};

const logPoints: Record<string, () => number[]> = {
  'all normal doubles, evenly in the exponent': () => {
    const uniform = generator(4);
    return Array.from({ length: 30_000 }, () => (1 + uniform()) * 2 ** (Math.floor(uniform() * 2046) - 1022));
  },
  'one binade around 1': () => {
    const uniform = generator(5);
    return Array.from({ length: 20_000 }, () => 0.5 + 1.5 * uniform());
  },
  'the worst points of five million random ones': () => [
    0.7038011896274202, 0.6987638579822611, 1.4073780283986428, 1.4021137729251854, 0.700237637684017,
    1.410975038947569, 1.5676732518785137e-308,
  ],
  'next to 1': () => {
    const uniform = generator(6);
    const points = around(1, 500);
    for (let i = 0; i < 2000; i++) points.push(1 + (uniform() - 0.5) * 2 ** (-50 * uniform()));
    for (let e = 1; e <= 53; e++) points.push(1 + 2 ** -e, 1 - 2 ** -e);
    return points;
  },
  'around sqrt(2) and sqrt(1/2) times powers of two, where the reduction changes over': () => {
    const points: number[] = [];
    for (let e = -1021; e <= 1023; e += 4) points.push(...around(Math.SQRT1_2 * 2 ** e, 3));
    return points;
  },
  'powers of two': () => {
    const points: number[] = [];
    for (let e = -1074; e <= 1023; e++) points.push(2 ** e);
    return points;
  },
  'subnormal arguments': () => {
    const uniform = generator(7);
    const points = Array.from({ length: 10_000 }, () => uniform() * 2 ** (-1022 - 51 * uniform())).filter(
      (x) => x > 0,
    );
    for (let i = 1; i <= 100; i++) points.push(i * 2 ** -1074);
    return [...points, ...around(SMALLEST_NORMAL, 20)];
  },
  'row sums as log-sum-exp takes them': () => {
    const uniform = generator(8);
    return Array.from({ length: 2000 }, () => 1 + uniform() * 2 ** (6 * uniform()));
  },
  'the largest doubles': () => Array.from({ length: 200 }, (_, i) => neighbour(Number.MAX_VALUE, -i)),
};

describe('gmm_exp', () => {
  it.each(Object.keys(expPoints))('is within 1 ULP over %s', (range) => {
    largestError('gmm_exp', expPoints[range](), expExact);
  });

  it('has the documented special values', () => {
    const cases: [number, number][] = [
      [0, 1],
      [-0, 1],
      [Infinity, Infinity],
      [-Infinity, 0],
      [Number.NaN, Number.NaN],
      [5e-324, 1],
      [-5e-324, 1],
      [neighbour(EXP_MAXIMUM, 1), Infinity],
      [710, Infinity],
      [1e308, Infinity],
      [neighbour(EXP_MINIMUM, -1), 0],
      [-708.5, 0],
      [-745, 0],
      [-1e308, 0],
    ];
    const results = apply(
      'gmm_exp',
      cases.map(([x]) => x),
    );
    // Exact values, so no distance at all; flushed results are +0.
    cases.forEach(([x, y], i) => {
      expect(Object.is(results[i], y), `exp(${x}) is ${results[i]}, expected ${y}`).toBe(true);
    });
  });

  it('is finite at the largest argument and normal at the smallest', () => {
    const [top, bottom] = apply('gmm_exp', [EXP_MAXIMUM, EXP_MINIMUM]);
    expect(top).toBeGreaterThan(1.797e308);
    expect(top).toBeLessThan(Infinity);
    expect(bottom).toBeGreaterThan(SMALLEST_NORMAL);
  });
});

describe('gmm_log', () => {
  it.each(Object.keys(logPoints))('is within 1 ULP over %s', (range) => {
    largestError('gmm_log', logPoints[range](), logExact);
  });

  it('has the documented special values', () => {
    const cases: [number, number][] = [
      [1, 0],
      [0, -Infinity],
      [-0, -Infinity],
      [Infinity, Infinity],
      [-Infinity, Number.NaN],
      [Number.NaN, Number.NaN],
      [-1, Number.NaN],
      [-5e-324, Number.NaN],
    ];
    const results = apply(
      'gmm_log',
      cases.map(([x]) => x),
    );
    cases.forEach(([x, y], i) => {
      expect(Object.is(results[i], y), `log(${x}) is ${results[i]}, expected ${y}`).toBe(true);
    });
  });
});

describe.each(['gmm_exp', 'gmm_log'] as const)('%s', (operation) => {
  it('works in place, for any count, with the same bits', () => {
    const uniform = generator(9);
    for (const n of [0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 100]) {
      const values = Array.from({ length: n }, () => 700 * uniform());
      const apart = apply(operation, values);
      const memory = freshMemory(1);
      const buffer = memory.input('values', values);
      memory.call(operation, [buffer, buffer, n], [buffer]);
      expectBitEqual(memory.read(buffer), apart, `${operation} of ${n} in place`);
    }
  });

  it('is within 2 ULP of the engine, which is within 1 of the truth', () => {
    const uniform = generator(10);
    const values = Array.from({ length: 2000 }, () => 700 * uniform() + 1e-3);
    expectUlp(
      apply(operation, values),
      values.map(operation === 'gmm_exp' ? Math.exp : Math.log),
      2,
      operation,
    );
  });
});

describe('the fixed-point judge', () => {
  it('knows e, ln 10 and that exp and ln undo each other', () => {
    const e = expExact(1);
    expect((e.mantissa * 10n ** 40n) >> BigInt(-e.exponent)).toBe(27182818284590452353602874713526624977572n);
    const ln10 = logExact(10);
    expect((ln10.mantissa * 10n ** 40n) >> BigInt(-ln10.exponent)).toBe(
      23025850929940456840179914546843642076011n,
    );
    for (const x of [1e-300, 0.3, 1.5, 700]) expect(ulpError(Math.log(x), logExact(x))).toBeLessThan(1);
    for (const x of [-700, -1e-20, 0.3, 700]) expect(ulpError(Math.exp(x), expExact(x))).toBeLessThan(1);
  });

  it('measures errors in units of the exact value', () => {
    expect(ulpError(1, { mantissa: 1n, exponent: 0 })).toBe(0);
    expect(ulpError(1 + 2 ** -52, { mantissa: 1n, exponent: 0 })).toBe(1);
    expect(ulpError(1 - 2 ** -53, { mantissa: 1n, exponent: 0 })).toBe(0.5);
    expect(ulpError(5e-324, { mantissa: 1n, exponent: -1075 })).toBe(0.5);
    expect(ulpError(-3, { mantissa: -3n, exponent: 0 })).toBe(0);
  });
});
