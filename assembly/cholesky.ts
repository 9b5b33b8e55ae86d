// Factorisation of one small symmetric positive definite matrix: Cholesky factor, its inverse, the matrix inverse.
// Must not know about components, covariance forms or rows of data.

/** Pivots at or below this share of the diagonal are rounding noise: D * 2^-50 of C_jj. */
const RELATIVE_PIVOT: f64 = 8.881784197001252e-16;

/**
 * L lower triangular with C = L L^T (only the lower triangle of C is read), written over all of `factorPtr` with
 * zeros above the diagonal. `matrixPtr`, `factorPtr`: D x D row-major; they may be the same.
 * Returns 0, or 1 + j when pivot j is not larger than both D 2^-50 C_jj and floorPtr[j] (floorPtr 0: no floor);
 * the factor is then not usable. O(D^3 / 3).
 */
export function cholesky(matrixPtr: usize, factorPtr: usize, floorPtr: usize, d: i32): i32 {
  const rowBytes = (<usize>d) << 3;
  const relative = RELATIVE_PIVOT * <f64>d;
  for (let row = 0; row < d; row++) {
    const rowPtr = factorPtr + <usize>row * rowBytes;
    const sourceRow = matrixPtr + <usize>row * rowBytes;
    for (let column = 0; column < row; column++) {
      const columnPtr = factorPtr + <usize>column * rowBytes;
      let sum = load<f64>(sourceRow + ((<usize>column) << 3));
      for (let t: usize = 0, end = (<usize>column) << 3; t < end; t += 8) {
        sum -= load<f64>(rowPtr + t) * load<f64>(columnPtr + t);
      }
      const diagonal = load<f64>(columnPtr + ((<usize>column) << 3));
      store<f64>(rowPtr + ((<usize>column) << 3), sum / diagonal);
    }
    const diagonal = load<f64>(sourceRow + ((<usize>row) << 3));
    let pivot = diagonal;
    for (let t: usize = 0, end = (<usize>row) << 3; t < end; t += 8) {
      const value = load<f64>(rowPtr + t);
      pivot -= value * value;
    }
    // A NaN pivot fails the comparison too.
    if (!(pivot > relative * diagonal && diagonal > 0 && pivot < Infinity)) return 1 + row;
    if (floorPtr != 0 && pivot <= load<f64>(floorPtr + ((<usize>row) << 3))) return 1 + row;
    store<f64>(rowPtr + ((<usize>row) << 3), sqrt(pivot));
  }
  for (let row = 0; row < d; row++) {
    for (let column = row + 1; column < d; column++) {
      store<f64>(factorPtr + ((<usize>(row * d + column)) << 3), 0);
    }
  }
  return 0;
}

/**
 * W = L^-1, lower triangular, D x D row-major, zeros above the diagonal. Must not alias L. Then C^-1 = W^T W, and
 * U = W^T is the precision Cholesky factor. O(D^3 / 3).
 */
export function invertTriangle(factorPtr: usize, inversePtr: usize, d: i32): void {
  const rowBytes = (<usize>d) << 3;
  memory.fill(inversePtr, 0, <usize>d * rowBytes);
  for (let row = 0; row < d; row++) {
    const factorRow = factorPtr + <usize>row * rowBytes;
    const inverseRow = inversePtr + <usize>row * rowBytes;
    // Row by row: W[row, :] = (e_row - sum_t L[row, t] W[t, :]) / L[row, row], so that memory is read in order.
    for (let t = 0; t < row; t++) {
      const scale = load<f64>(factorRow + ((<usize>t) << 3));
      const other = inversePtr + <usize>t * rowBytes;
      for (let c: usize = 0, end = (<usize>(t + 1)) << 3; c < end; c += 8) {
        store<f64>(inverseRow + c, load<f64>(inverseRow + c) - scale * load<f64>(other + c));
      }
    }
    const diagonal = load<f64>(factorRow + ((<usize>row) << 3));
    for (let c: usize = 0, end = (<usize>row) << 3; c < end; c += 8) {
      store<f64>(inverseRow + c, load<f64>(inverseRow + c) / diagonal);
    }
    store<f64>(inverseRow + ((<usize>row) << 3), 1 / diagonal);
  }
}

/**
 * inverse = C^-1 of a symmetric positive definite C (D x D row-major, lower triangle read), symmetric to the bit.
 * `workspacePtr`: 2 D^2 doubles. Must not alias. Returns as `cholesky`. O(D^3).
 */
export function invertSymmetric(matrixPtr: usize, inversePtr: usize, d: i32, workspacePtr: usize): i32 {
  const factorPtr = workspacePtr;
  const trianglePtr = workspacePtr + ((<usize>(d * d)) << 3);
  const failed = cholesky(matrixPtr, factorPtr, 0, d);
  if (failed) return failed;
  invertTriangle(factorPtr, trianglePtr, d);
  for (let row = 0; row < d; row++) {
    for (let column = 0; column <= row; column++) {
      let sum: f64 = 0;
      for (let t = row; t < d; t++) {
        sum +=
          load<f64>(trianglePtr + ((<usize>(t * d + row)) << 3)) *
          load<f64>(trianglePtr + ((<usize>(t * d + column)) << 3));
      }
      store<f64>(inversePtr + ((<usize>(row * d + column)) << 3), sum);
      store<f64>(inversePtr + ((<usize>(column * d + row)) << 3), sum);
    }
  }
  return 0;
}
