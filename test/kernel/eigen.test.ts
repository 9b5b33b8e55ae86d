// gmm_eigen against what eigenvectors are defined by, and its eigenvalues against exact arithmetic.
import { describe, expect, it } from 'vitest';
import { generator } from '../helpers/data.ts';
import { EPSILON } from '../helpers/kernel-cases.ts';
import { expectBitEqual } from '../helpers/kernel-compare.ts';
import { decompose } from '../helpers/kernel-exact.ts';
import { freshMemory } from '../helpers/kernel-run.ts';
import { multiply, type Rows, transpose, type Vector, zeroMatrix } from '../reference-kernel.ts';

function run(matrix: Rows, shift: number = 0): { failed: number; values: Vector; vectors: Rows } {
  const d = matrix.length;
  const memory = freshMemory(shift);
  const input = memory.input('matrix', matrix.flat());
  const [values, vectors] = [memory.output('values', d), memory.output('vectors', d * d)];
  const failed = memory.call('gmm_eigen', [input, values, vectors, d], [input, values, vectors]);
  const flat = memory.read(vectors);
  return {
    failed,
    values: [...memory.read(values)],
    vectors: matrix.map((_, j) => [...flat.subarray(j * d, (j + 1) * d)]),
  };
}

/** G G^T of a random square G, and a share of the identity that bounds its condition. */
function positiveDefinite(d: number, seed: number, ridge: number = 0.1): Rows {
  const uniform = generator(seed);
  const g = zeroMatrix(d, d).map((row) => row.map(() => 2 * uniform() - 1));
  return multiply(g, transpose(g)).map((row, i) => row.map((value, j) => value + (i === j ? ridge : 0)));
}

function check(matrix: Rows, what: string): void {
  const d = matrix.length;
  const { failed, values, vectors } = run(matrix);
  expect(failed, what).toBe(0);
  const norm = Math.sqrt(matrix.flat().reduce((sum, value) => sum + value * value, 0));
  // About D rotations touch each element in each of at most a dozen sweeps, and errors of both signs mostly cancel.
  const tolerance = 8 * (d + 8) ** 0.5 * EPSILON;
  const product = multiply(vectors, transpose(vectors));
  for (let i = 0; i < d; i++) {
    const image = multiply(matrix, transpose([vectors[i]]));
    for (let j = 0; j < d; j++) {
      expect(Math.abs(product[i][j] - (i === j ? 1 : 0)), `${what}: orthogonality`).toBeLessThan(tolerance);
      const residual = Math.abs(image[j][0] - values[i] * vectors[i][j]);
      expect(residual, `${what}: residual of ${i}`).toBeLessThanOrEqual(tolerance * norm);
    }
    if (i > 0) expect(values[i], `${what}: order`).toBeLessThanOrEqual(values[i - 1]);
    const largest = vectors[i].reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a));
    expect(largest, `${what}: sign`).toBeGreaterThan(0);
  }
}

/** How many eigenvalues of the matrix are below `value`, by exact arithmetic: sign changes among leading minors (Jacobi). */
function countBelow(matrix: Rows, value: { mantissa: bigint; exponent: number }): number {
  const numbers = matrix.flat().map(decompose);
  const least = Math.min(value.exponent, ...numbers.map(({ exponent }) => exponent));
  const integer = (n: { mantissa: bigint; exponent: number }) => n.mantissa << BigInt(n.exponent - least);
  const d = matrix.length;
  const a = matrix.map((_, i) => numbers.slice(i * d, (i + 1) * d).map(integer));
  for (let i = 0; i < d; i++) a[i][i] -= integer(value);
  let [previous, changes] = [1n, 0];
  // Elimination without fractions (Bareiss 1968): a[k][k] is the minor of the first k + 1 rows.
  for (let k = 0; k < d; k++) {
    const pivot = a[k][k];
    expect(pivot === 0n, 'a minor is zero: take another seed').toBe(false);
    if (pivot < 0n !== previous < 0n) changes++;
    for (let i = k + 1; i < d; i++) {
      for (let j = k + 1; j < d; j++) a[i][j] = (a[i][j] * pivot - a[i][k] * a[k][j]) / previous;
    }
    previous = pivot;
  }
  return changes;
}

/** Every eigenvalue between (1 - tolerance) and (1 + tolerance) of the one computed. */
function expectExact(matrix: Rows, tolerance: number, what: string): void {
  const { values } = run(matrix);
  values.forEach((value, i) => {
    const rank = values.length - 1 - i;
    const [above, below] = [value * (1 + tolerance), value * (1 - tolerance)].map(decompose);
    expect(countBelow(matrix, below), `${what}: ${value} is too large`).toBeLessThanOrEqual(rank);
    expect(countBelow(matrix, above), `${what}: ${value} is too small`).toBeGreaterThan(rank);
  });
}

describe('gmm_eigen', () => {
  it('gives orthonormal eigenvectors with small residuals, largest eigenvalue first, D 1 to 64', () => {
    for (const d of [1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 33, 64]) {
      check(positiveDefinite(d, d), `D ${d}`);
      check(
        positiveDefinite(d, d).map((row, i) => row.map((value, j) => (i === j ? -value : value))),
        `D ${d}, not definite`,
      );
    }
  });

  it('takes repeated eigenvalues, zeros and diagonals', () => {
    for (const d of [2, 3, 8, 17]) {
      const identity = zeroMatrix(d, d).map((row, i) => row.map((_, j) => (i === j ? 3 : 0)));
      check(identity, `3 I, D ${d}`);
      expect(run(identity).values).toEqual(new Array(d).fill(3));
      expect(run(zeroMatrix(d, d)).values).toEqual(new Array(d).fill(0));
      const ones = zeroMatrix(d, d).map((row) => row.map(() => 1));
      check(ones, `ones, D ${d}`);
      // Two different values, each repeated: reflections have 1 and -1.
      const { vectors } = run(positiveDefinite(d, 5));
      const signs = vectors.map((_, i) => (i % 2 ? -1 : 1));
      const reflection = zeroMatrix(d, d).map((row, i) =>
        row.map((_, j) =>
          signs.reduce(
            (sum, sign, t) => sum + sign * vectors[t][Math.max(i, j)] * vectors[t][Math.min(i, j)],
            0,
          ),
        ),
      );
      check(reflection, `reflection, D ${d}`);
    }
    const diagonal = [
      [1, 0, 0],
      [0, 5, 0],
      [0, 0, 2],
    ];
    expect(run(diagonal)).toEqual({
      failed: 0,
      values: [5, 2, 1],
      vectors: [
        [0, 1, 0],
        [0, 0, 1],
        [1, 0, 0],
      ],
    });
  });

  it('keeps the digits of small eigenvalues of badly scaled matrices (exact arithmetic)', () => {
    for (let seed = 1; seed <= 12; seed++) {
      const d = 2 + (seed % 6);
      const matrix = positiveDefinite(d, seed);
      // Demmel and Veselic: relative errors as for the matrix scaled to a diagonal of ones, whose condition is about 100.
      expectExact(matrix, 1e-12, `D ${d}`);
      const scaled = matrix.map((row, i) =>
        row.map((value, j) => value * 10 ** (9 - ((i * 7 + seed) % 19)) * 10 ** (9 - ((j * 7 + seed) % 19))),
      );
      const symmetric = scaled.map((row, i) => row.map((_, j) => scaled[Math.max(i, j)][Math.min(i, j)]));
      expectExact(symmetric, 1e-12, `scaled by 1e-9 to 1e9, D ${d}`);
    }
  });

  it('gives the same bits wherever the buffers lie, and says when the elements are not finite', () => {
    const matrix = positiveDefinite(7, 3);
    const [a, b] = [run(matrix), run(matrix, 5)];
    expectBitEqual(a.vectors.flat(), b.vectors.flat(), 'vectors');
    expectBitEqual(a.values, b.values, 'values');
    matrix[2][1] = matrix[1][2] = Number.NaN;
    expect(run(matrix).failed).toBe(1);
  });
});
