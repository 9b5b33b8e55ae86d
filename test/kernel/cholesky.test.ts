// gmm_cholesky and gmm_invert against the twin and against what they are defined by.
import { describe, expect, it } from 'vitest';
import { EPSILON, makeCase } from '../helpers/kernel-cases.ts';
import { expectBitEqual, expectRelative } from '../helpers/kernel-compare.ts';
import { freshMemory } from '../helpers/kernel-run.ts';
import {
  cholesky,
  covarianceMatrix,
  FULL,
  invert,
  invertLower,
  multiply,
  type Rows,
  transpose,
} from '../reference-kernel.ts';

const sizes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 33, 40];

function covariance(d: number, condition: number = 1): Rows {
  return covarianceMatrix(makeCase(FULL, 1, d, 1, d, { condition }).mixture, 0);
}

function runCholesky(matrix: Rows, floor?: number[]): { failed: number; factor: Float64Array } {
  const d = matrix.length;
  const memory = freshMemory();
  const source = memory.input('matrix', matrix.flat());
  const target = memory.output('factor', d * d);
  const floors = floor ? memory.input('floor', floor) : 0;
  const failed = memory.call('gmm_cholesky', [source, target, floors, d], [target]);
  return { failed, factor: memory.read(target) };
}

function runInvert(matrix: Rows): { failed: number; inverse: Float64Array } {
  const d = matrix.length;
  const memory = freshMemory();
  const source = memory.input('matrix', matrix.flat());
  const inverse = memory.output('inverse', d * d);
  const scratch = memory.output('workspace', 2 * d * d);
  const failed = memory.call('gmm_invert', [source, inverse, d, scratch], [inverse, scratch]);
  return { failed, inverse: memory.read(inverse) };
}

const absolute = (matrix: Rows): Rows => matrix.map((row) => row.map(Math.abs));
const rowsOf = (flat: ArrayLike<number>, d: number): Rows =>
  Array.from({ length: d }, (_, i) => Array.from({ length: d }, (_, j) => flat[i * d + j]));

describe('gmm_cholesky', () => {
  it.each([1, 1e6, 1e12])('L L^T gives C back, condition %d', (condition) => {
    for (const d of sizes) {
      const matrix = covariance(d, condition);
      const { failed, factor } = runCholesky(matrix);
      expect(failed).toBe(0);
      const l = rowsOf(factor, d);
      const product = multiply(l, transpose(l));
      const size = multiply(absolute(l), transpose(absolute(l)));
      // Backward error of the factorisation, (D + 1) u |L| |L|^T whatever the condition, and of this product, D u.
      expectRelative(product.flat(), matrix.flat(), (d + 2) * EPSILON, `D ${d}`, size.flat());
    }
  });

  it('agrees with the twin for well-conditioned matrices and has exact zeros above the diagonal', () => {
    for (const d of sizes) {
      const matrix = covariance(d);
      const { factor } = runCholesky(matrix);
      const expected = cholesky(matrix).factor;
      const size = Math.max(...expected.flat().map(Math.abs));
      // D roundings, times a condition number below 1e3.
      expectRelative(factor, expected.flat(), 1e3 * d * EPSILON, `D ${d}`, size);
      rowsOf(factor, d).forEach((row, i) => {
        expectBitEqual(row.slice(i + 1), new Array(d - i - 1).fill(0), `D ${d}, row ${i}`);
      });
    }
  });

  it('reads the lower triangle only and may work in place', () => {
    for (const d of sizes) {
      const matrix = covariance(d);
      const { factor } = runCholesky(matrix);
      const spoilt = matrix.map((row, i) => row.map((value, j) => (j > i ? Number.NaN : value)));
      expectBitEqual(runCholesky(spoilt).factor, factor, 'upper triangle spoilt');
      const memory = freshMemory();
      const buffer = memory.input('matrix', matrix.flat());
      expect(memory.call('gmm_cholesky', [buffer, buffer, 0, d], [buffer])).toBe(0);
      expectBitEqual(memory.read(buffer), factor, 'in place');
    }
  });

  it('returns 1 + j for the first pivot that fails', () => {
    for (const d of sizes) {
      for (const feature of [0, d >> 1, d - 1]) {
        for (const value of [0, -1, Number.NaN, Infinity, -Infinity]) {
          const matrix = covariance(d);
          matrix[feature][feature] = value;
          expect(runCholesky(matrix).failed).toBe(1 + feature);
          expect(runInvert(matrix).failed).toBe(1 + feature);
          expect(cholesky(matrix).failed).toBe(1 + feature);
        }
      }
    }
  });

  it('compares pivots, not variances, with the floor', () => {
    // Pivots 4, 1 and 9 behind variances 4, 2 and 18.
    const matrix = [
      [4, 2, 0],
      [2, 2, 3],
      [0, 3, 18],
    ];
    expect(runCholesky(matrix).factor).toEqual(Float64Array.of(2, 0, 0, 1, 1, 0, 0, 3, 3));
    expect(runCholesky(matrix, [3.9, 0.9, 8.9]).failed).toBe(0);
    expect(runCholesky(matrix, [4, 0, 0]).failed).toBe(1);
    expect(runCholesky(matrix, [0, 1, 0]).failed).toBe(2);
    expect(runCholesky(matrix, [0, 0, 9]).failed).toBe(3);
  });
});

describe('gmm_invert', () => {
  it.each([1, 1e6, 1e10])('agrees with the twin, condition %d', (condition) => {
    for (const d of sizes) {
      const matrix = covariance(d, condition);
      const { failed, inverse } = runInvert(matrix);
      expect(failed).toBe(0);
      const expected = invert(matrix);
      const l = absolute(cholesky(matrix).factor);
      const w = absolute(invertLower(cholesky(matrix).factor));
      // First-order bounds: the factorisation moves C by (D + 1) u |L| |L|^T, seen through the inverse on both sides;
      // the triangular inverse moves by D u |W| |L| |W|. Both computations may err: twice.
      const x = multiply(transpose(w), w);
      const factorisation = multiply(multiply(x, multiply(l, transpose(l))), x);
      const triangular = multiply(transpose(w), multiply(multiply(w, l), w));
      const scale = factorisation.map((row, i) =>
        row.map((value, j) => value + triangular[i][j] + triangular[j][i]),
      );
      expectRelative(inverse, expected.flat(), 2 * (d + 2) * EPSILON, `D ${d}`, scale.flat());
    }
  });

  it('is symmetric to the bit and reads the lower triangle only', () => {
    for (const d of sizes) {
      const matrix = covariance(d, 1e3);
      const { inverse } = runInvert(matrix);
      expectBitEqual(inverse, transpose(rowsOf(inverse, d)).flat(), `D ${d}`);
      const spoilt = matrix.map((row, i) => row.map((value, j) => (j > i ? Number.NaN : value)));
      expectBitEqual(runInvert(spoilt).inverse, inverse, 'upper triangle spoilt');
    }
  });

  it('inverts powers of two exactly', () => {
    const matrix = [
      [4, 0, 0],
      [0, 0.25, 0],
      [0, 0, 2 ** 60],
    ];
    expectBitEqual(runInvert(matrix).inverse, [0.25, 0, 0, 0, 4, 0, 0, 0, 2 ** -60], 'inverse');
  });
});
