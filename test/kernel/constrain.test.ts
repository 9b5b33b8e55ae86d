// gmm_constrain: each model's estimate has the model's structure and cannot be improved within it; closed forms against
// formulas, common axes in the plane against every angle. Must not use the library.
import { describe, expect, it } from 'vitest';
import {
  contains,
  decompose,
  disturb,
  eigenSymmetric,
  expand,
  flatten,
  givens,
  logDeterminant,
  MODELS,
  objective,
  recompose,
  violation,
} from '../helpers/covariance-models.ts';
import { generator } from '../helpers/data.ts';
import { expectBitEqual, expectRelative } from '../helpers/kernel-compare.ts';
import { freshMemory } from '../helpers/kernel-run.ts';
import { multiply, type Rows, transpose, type Vector, zeroMatrix } from '../reference-kernel.ts';

interface Case {
  weights: Vector;
  /** Covariances without constraint, D x D each. */
  scatter: Rows[];
  /** Those of the iteration before. */
  previous: Rows[];
}

function normals(seed: number): () => number {
  const uniform = generator(seed);
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** Random weights and covariances; `likeness` from 0 (unrelated) to 1 (equal). */
function makeCase(d: number, k: number, seed: number, likeness: number = 0): Case {
  const normal = normals(seed);
  const scatterOf = () => {
    const g = zeroMatrix(d, d + 2).map((row) => row.map(normal));
    return multiply(g, transpose(g)).map((row) => row.map((value) => value / (d + 2)));
  };
  const common = scatterOf();
  const mixed = () => {
    const own = scatterOf();
    return own.map((row, i) => row.map((value, j) => (1 - likeness) * value + likeness * common[i][j]));
  };
  const shares = Array.from({ length: k }, () => 0.2 + Math.abs(normal()));
  const total = shares.reduce((a, b) => a + b, 0);
  return {
    weights: shares.map((share) => share / total),
    scatter: shares.map(mixed),
    previous: shares.map(mixed),
  };
}

/** S_k as the model's form holds it: its diagonal, the mean of that, or (EEE) the weighted mean over components. */
function narrow(model: string, { weights, scatter }: Case, matrices: Rows[]): Rows[] {
  const d = scatter[0].length;
  if (model === 'EEE') {
    const pooled = scatter[0].map((row, i) =>
      row.map((_, j) => matrices.reduce((sum, s, k) => sum + weights[k] * s[i][j], 0)),
    );
    return matrices.map(() => pooled);
  }
  if (model[2] !== 'I') return matrices;
  return matrices.map((s) => {
    const mean = s.reduce((sum, row, i) => sum + row[i], 0) / d;
    return s.map((row, i) => row.map((value, j) => (i !== j ? 0 : model[1] === 'I' ? mean : value)));
  });
}

function constrain(model: string, c: Case, shift: number = 0): Rows[] {
  const code = MODELS.indexOf(model);
  const [d, k] = [c.scatter[0].length, c.weights.length];
  const memory = freshMemory(shift);
  const weights = memory.input('weights', c.weights);
  const unconstrained = memory.input('unconstrained', flatten(model, narrow(model, c, c.scatter)));
  const covariances = memory.input('covariances', flatten(model, narrow(model, c, c.previous)));
  const scratch = memory.output('workspace', memory.exports.gmm_constrain_workspace_count(code, d, k));
  const status = memory.call(
    'gmm_constrain',
    [code, d, k, weights, unconstrained, covariances, scratch],
    [covariances, scratch],
  );
  expect(status).toBe(0);
  return expand(model, memory.read(covariances), d, k);
}

const sizes: [number, number][] = [
  [1, 1],
  [1, 3],
  [2, 1],
  [2, 2],
  [2, 5],
  [3, 3],
  [4, 2],
  [5, 4],
  [9, 3],
];

/** Of size 1 per feature: rounding of sums of tens of terms, and rounds that end at a gain of 2e-14 per feature. */
const SLACK = 1e-12;

describe.each(MODELS)('%s', (model) => {
  it('writes covariances of the model', () => {
    for (const [d, k] of sizes) {
      for (const likeness of [0, 0.9]) {
        const result = constrain(model, makeCase(d, k, 10 * d + k, likeness));
        // Square roots and powers of order D of numbers of size 1.
        expect(violation(model, result), `D ${d}, K ${k}`).toBeLessThan(1e-12);
      }
    }
  });

  it('cannot be improved by any small change within the model', () => {
    for (const [d, k] of sizes) {
      for (const likeness of [0, 0.9]) {
        const c = makeCase(d, k, 100 + 10 * d + k, likeness);
        const scatter = narrow(model, c, c.scatter);
        const result = constrain(model, c);
        const best = objective(c.weights, scatter, result);
        const normal = normals(d);
        const parts = decompose(model, result);
        expectRelative(recompose(parts).flat(2), result.flat(2), 1e-9, 'parts', Math.max(...result.flat(2)));
        for (const step of [1e-1, 1e-2, 1e-3, 1e-4]) {
          for (let trial = 0; trial < 12; trial++) {
            const other = disturb(model, parts, step, normal);
            const value = objective(c.weights, scatter, other);
            expect(value, `D ${d}, K ${k}, step ${step}`).toBeLessThanOrEqual(best + SLACK * d);
          }
        }
      }
    }
  });

  it('is never below any model within it, nor below the covariances before', () => {
    for (const [d, k] of sizes) {
      for (const likeness of [0, 0.5, 0.9, 1]) {
        const c = makeCase(d, k, 200 + 10 * d + k, likeness);
        const best = objective(c.weights, c.scatter, constrain(model, c));
        for (const inner of MODELS.filter((name) => contains(model, name))) {
          const result = constrain(inner, c);
          const value = objective(c.weights, c.scatter, result);
          expect(best, `${inner}, D ${d}, K ${k}`).toBeGreaterThanOrEqual(value - SLACK * d);
          // From the contained model's estimate, as a larger model starts in a search over models.
          const again = objective(c.weights, c.scatter, constrain(model, { ...c, previous: result }));
          expect(again, `from ${inner}, D ${d}, K ${k}`).toBeGreaterThanOrEqual(value - SLACK * d);
        }
        const previous = constrain(model, { ...c, scatter: c.previous });
        const before = objective(c.weights, c.scatter, previous);
        const after = objective(c.weights, c.scatter, constrain(model, { ...c, previous }));
        expect(after, `D ${d}, K ${k}`).toBeGreaterThanOrEqual(before - SLACK * d);
      }
    }
  });

  it('gives covariances of the model back', () => {
    for (const [d, k] of sizes) {
      const c = makeCase(d, k, 300 + 10 * d + k);
      const once = constrain(model, c);
      const twice = constrain(model, { ...c, scatter: once, previous: once });
      const largest = Math.max(...once.flat(2));
      // An iterative estimate moves by the square root of its last gain, 2e-14, at most.
      expectRelative(twice.flat(2), once.flat(2), 1e-7, `D ${d}, K ${k}`, largest);
      expect(objective(c.weights, once, twice)).toBeGreaterThanOrEqual(
        objective(c.weights, once, once) - SLACK * d,
      );
    }
  });

  it('does not let a component of weight 0 have a say in the others', () => {
    const c = makeCase(3, 3, 7);
    const without = {
      ...c,
      weights: [0.25, 0.75],
      scatter: c.scatter.slice(0, 2),
      previous: c.previous.slice(0, 2),
    };
    const result = constrain(model, { ...c, weights: [0.25, 0.75, 0] });
    const expected = constrain(model, without);
    // Axes are looked for from a sum over all components before: where rounds end differs by the root of the gain.
    expectRelative(result.slice(0, 2).flat(2), expected.flat(2), 1e-6, 'the others', 1);
    expect(violation(model, result)).toBeLessThan(1e-12);
  });

  it('gives the same bits wherever buffers lie', () => {
    const c = makeCase(4, 3, 11);
    expectBitEqual(constrain(model, c).flat(2), constrain(model, c, 3).flat(2), 'covariances');
  });

  it('leaves what is singular to gmm_prepare: no NaN, and finite covariances for regular components', () => {
    for (const d of [1, 2, 4]) {
      for (const rank of [0, 1]) {
        const c = makeCase(d, 3, 5 + d);
        // The last component: all rows equal (rank 0), or along the first axis (rank 1).
        c.scatter[2] = zeroMatrix(d, d).map((row, i) => row.map((_, j) => (i + j === 0 ? rank : 0)));
        const result = constrain(model, c);
        for (const value of result.flat(2)) expect(Number.isFinite(value)).toBe(true);
        for (const component of [0, 1]) expect(logDeterminant(result[component])).not.toBeNaN();
      }
      const zero = makeCase(d, 2, d);
      zero.scatter = zero.scatter.map(() => zeroMatrix(d, d));
      for (const value of constrain(model, zero).flat(2)) expect(Number.isFinite(value)).toBe(true);
    }
  });

  it('does not depend on units: magnitudes from 1e-140 to 1e140', () => {
    const c = makeCase(3, 2, 9);
    const expected = constrain(model, c);
    for (const factor of [2 ** -930, 2 ** 930]) {
      const times = (matrices: Rows[]) =>
        matrices.map((s) => s.map((row) => row.map((value) => value * factor)));
      const result = constrain(model, { ...c, scatter: times(c.scatter), previous: times(c.previous) });
      // ln and exp of numbers near 1e280 lose a factor of 645 to those near 1; axes move by the root of the gain.
      expectRelative(
        result.flat(2),
        expected.flat(2).map((value) => value * factor),
        1e-6,
        `${factor}`,
        10 * factor,
      );
    }
  });
});

describe('closed forms', () => {
  const cases = sizes.map(([d, k]) => makeCase(d, k, 400 + 10 * d + k));
  const pooled = (c: Case, values: Vector[]): Vector =>
    values[0].map((_, j) => values.reduce((sum, v, k) => sum + c.weights[k] * v[j], 0));
  const diagonals = (c: Case): Vector[] => c.scatter.map((s) => s.map((row, i) => row[i]));
  const volume = (values: Vector) => values.reduce((product, v) => product * v, 1) ** (1 / values.length);

  it.each<[string, (c: Case) => Rows[]]>([
    [
      'EII',
      (c) => {
        const mean = pooled(c, diagonals(c)).reduce((a, b) => a + b, 0) / c.scatter[0].length;
        return c.scatter.map((s) => s.map((row, i) => row.map((_, j) => (i === j ? mean : 0))));
      },
    ],
    [
      'EEI',
      (c) => {
        const mean = pooled(c, diagonals(c));
        return c.scatter.map((s) => s.map((row, i) => row.map((_, j) => (i === j ? mean[i] : 0))));
      },
    ],
    [
      'EVI',
      (c) => {
        const [mean] = pooled(
          c,
          diagonals(c).map((v) => [volume(v)]),
        );
        return diagonals(c).map((v) =>
          v.map((own, i) => v.map((_, j) => (i === j ? (mean * own) / volume(v) : 0))),
        );
      },
    ],
    [
      'EEV',
      (c) => {
        const parts = c.scatter.map(eigenSymmetric);
        const variances = pooled(
          c,
          parts.map(({ values }) => values),
        );
        return recompose(parts.map(({ vectors }) => ({ axes: vectors, variances })));
      },
    ],
    [
      'EVV',
      (c) => {
        const volumes = c.scatter.map((s) => Math.exp(logDeterminant(s) / s.length));
        const [mean] = pooled(
          c,
          volumes.map((v) => [v]),
        );
        return c.scatter.map((s, k) => s.map((row) => row.map((value) => (value * mean) / volumes[k])));
      },
    ],
  ])('%s', (model, formula) => {
    for (const c of cases) {
      // Eigenvectors are as exact as eigenvalues are apart: a thousandth here.
      expectRelative(
        constrain(model, c).flat(2),
        formula(c).flat(2),
        1e-11,
        model,
        Math.max(...c.scatter.flat(2)),
      );
    }
  });
});

describe.each(['EVE', 'VVE'])('%s in the plane', (model) => {
  it('finds the best of all angles', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const c = makeCase(2, 2 + (seed % 4), 500 + seed, (seed % 3) / 3);
      const found = objective(c.weights, c.scatter, constrain(model, c));
      let best = Number.NEGATIVE_INFINITY;
      for (let step = 0; step < 2000; step++) {
        const axes = givens(2, 0, 1, (step * Math.PI) / 4000);
        const variances = c.scatter.map((s) =>
          multiply(multiply(axes, s), transpose(axes)).map((row, i) => row[i]),
        );
        const volumes = variances.map(([a, b]) => Math.sqrt(a * b));
        const mean = volumes.reduce((sum, v, k) => sum + c.weights[k] * v, 0);
        const covariances = recompose(
          variances.map((v, k) => ({
            axes,
            variances: v.map((value) => (model === 'EVE' ? (value * mean) / volumes[k] : value)),
          })),
        );
        best = Math.max(best, objective(c.weights, c.scatter, covariances));
      }
      expect(found, `seed ${seed}`).toBeGreaterThanOrEqual(best - SLACK);
      // The grid is 8e-4 wide, and the objective flat at its top.
      expect(found, `seed ${seed}`).toBeLessThanOrEqual(best + 1e-4);
    }
  });
});

it('names a bad argument and touches nothing', () => {
  const memory = freshMemory();
  const buffers = ['weights', 'unconstrained', 'covariances', 'workspace'].map((name) =>
    memory.output(name, 64),
  );
  for (const [args, expected] of [
    [[-1, 2, 2], -1],
    [[14, 2, 2], -1],
    [[0, 0, 2], -2],
    [[13, 2, 0], -3],
  ] as const) {
    expect(memory.call('gmm_constrain', [...args, ...buffers], [])).toBe(expected);
  }
});
