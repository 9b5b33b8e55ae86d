// Cholesky factorisation of a small matrix outside the kernel, for code that has no kernel memory of its own.
// Must not allocate by the size of data, nor throw: what a failed pivot means is the caller's to say.

/** 2^-50: pivots up to this share of D times the diagonal element count as 0, as in the kernel (docs/ABI.md, gmm_cholesky). */
const SINGULAR = 1 / 1125899906842624;

/**
 * L, lower triangular, with C = L L^T, in the place of C (D x D, row-major; only its lower triangle is read), zeros above.
 * @returns -1, or the row of the first pivot that is not larger than D 2^-50 C_jj, or not finite: L is then not usable.
 * O(D^3)
 */
export function cholesky(matrix: Float64Array, d: number): number {
  for (let row = 0; row < d; row++) {
    for (let column = 0; column <= row; column++) {
      let sum = matrix[row * d + column];
      for (let i = 0; i < column; i++) sum -= matrix[row * d + i] * matrix[column * d + i];
      if (column < row) matrix[row * d + column] = sum / matrix[column * d + column];
      else {
        if (!(sum > d * SINGULAR * matrix[row * d + row]) || sum === Number.POSITIVE_INFINITY) return row;
        matrix[row * d + row] = Math.sqrt(sum);
      }
    }
    matrix.fill(0, row * d + row + 1, (row + 1) * d);
  }
  return -1;
}

/**
 * C^-1 = L^-T L^-1, symmetric to the bit, from the factor that {@link cholesky} gives (D x D). O(D^3)
 */
export function inverseFromFactor(factor: Float64Array, d: number): Float64Array {
  const triangle = new Float64Array(d * d);
  for (let column = 0; column < d; column++) {
    triangle[column * d + column] = 1 / factor[column * d + column];
    for (let row = column + 1; row < d; row++) {
      let sum = 0;
      for (let i = column; i < row; i++) sum -= factor[row * d + i] * triangle[i * d + column];
      triangle[row * d + column] = sum / factor[row * d + row];
    }
  }
  const inverse = new Float64Array(d * d);
  for (let row = 0; row < d; row++) {
    for (let column = 0; column <= row; column++) {
      let sum = 0;
      for (let i = row; i < d; i++) sum += triangle[i * d + row] * triangle[i * d + column];
      inverse[row * d + column] = sum;
      inverse[column * d + row] = sum;
    }
  }
  return inverse;
}
