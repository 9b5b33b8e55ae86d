// Eigenvalues and eigenvectors of one small symmetric matrix, the plane rotation they are made of, changes of axes.
// Must not know about components, covariance models or rows of data.

/** Sweeps after which no matrix has been seen unfinished: they converge quadratically, in 6 to 12. */
const SWEEPS: i32 = 60;
/** An element this small beside its two diagonal elements changes neither eigenvalue in its last place. */
const NEGLIGIBLE: f64 = 1.1102230246251565e-16;

/** Rows of d doubles: p becomes cosine p + sine q, q becomes cosine q - sine p. */
function rotateRows(pPtr: usize, qPtr: usize, cosine: f64, sine: f64, d: i32): void {
  const c = f64x2.splat(cosine);
  const s = f64x2.splat(sine);
  let at: usize = 0;
  for (const end = (<usize>(d & -2)) << 3; at < end; at += 16) {
    const p = v128.load(pPtr + at);
    const q = v128.load(qPtr + at);
    v128.store(pPtr + at, v128.add<f64>(v128.mul<f64>(c, p), v128.mul<f64>(s, q)));
    v128.store(qPtr + at, v128.sub<f64>(v128.mul<f64>(c, q), v128.mul<f64>(s, p)));
  }
  if (d & 1) {
    const p = load<f64>(pPtr + at);
    const q = load<f64>(qPtr + at);
    store<f64>(pPtr + at, cosine * p + sine * q);
    store<f64>(qPtr + at, cosine * q - sine * p);
  }
}

/**
 * A symmetric matrix and the axes it is given in (D x D each, axes as rows) after the rotation of axes p and q in their
 * plane: axis p becomes cosine p + sine q. axesPtr 0: none. Symmetric to the bit. O(D).
 */
export function rotate(
  matrixPtr: usize,
  axesPtr: usize,
  p: i32,
  q: i32,
  cosine: f64,
  sine: f64,
  d: i32,
): void {
  const rowBytes = (<usize>d) << 3;
  const pPtr = matrixPtr + <usize>p * rowBytes;
  const qPtr = matrixPtr + <usize>q * rowBytes;
  const pAt = (<usize>p) << 3;
  const qAt = (<usize>q) << 3;
  const pp = load<f64>(pPtr + pAt);
  const pq = load<f64>(pPtr + qAt);
  const qq = load<f64>(qPtr + qAt);
  if (axesPtr) rotateRows(axesPtr + <usize>p * rowBytes, axesPtr + <usize>q * rowBytes, cosine, sine, d);
  rotateRows(pPtr, qPtr, cosine, sine, d);
  let rowPtr = matrixPtr;
  for (let at: usize = 0; at < rowBytes; at += 8, rowPtr += rowBytes) {
    store<f64>(rowPtr + pAt, load<f64>(pPtr + at));
    store<f64>(rowPtr + qAt, load<f64>(qPtr + at));
  }
  const cross = 2 * cosine * sine * pq;
  store<f64>(pPtr + pAt, cosine * cosine * pp + cross + sine * sine * qq);
  store<f64>(qPtr + qAt, sine * sine * pp - cross + cosine * cosine * qq);
  const rest = cosine * sine * (qq - pp) + (cosine - sine) * (cosine + sine) * pq;
  store<f64>(pPtr + qAt, rest);
  store<f64>(qPtr + pAt, rest);
}

/** Row j becomes e_j: the axes the data come in. */
export function identity(matrixPtr: usize, d: i32): void {
  memory.fill(matrixPtr, 0, (<usize>(d * d)) << 3);
  for (let j = 0; j < d; j++) store<f64>(matrixPtr + ((<usize>(j * d + j)) << 3), 1);
}

/**
 * Eigenvalues, largest first, and eigenvectors of a symmetric matrix: row j of `vectorsPtr` belongs to value j, has
 * length one, and its element of largest magnitude (the first among equals) is positive.
 *
 * matrixPtr: D x D, symmetric to the bit, used up. valuesPtr (D) and vectorsPtr (D x D) are written. O(D^3).
 * Source: Jacobi's method (1846) in cyclic order, with the rotation by at most 45 degrees of Rutishauser (1966). A plane is
 * left out once |a_pq| <= 2^-53 sqrt(a_pp a_qq), which keeps small eigenvalues of positive definite matrices with badly
 * scaled rows to their last digits (Demmel and Veselic 1992). Returns 0, or 1 if the elements are not finite.
 */
export function eigen(matrixPtr: usize, valuesPtr: usize, vectorsPtr: usize, d: i32): i32 {
  const rowBytes = (<usize>d) << 3;
  identity(vectorsPtr, d);
  let unfinished = true;
  for (let sweep = 0; unfinished && sweep < SWEEPS; sweep++) {
    unfinished = false;
    for (let p = 0; p < d - 1; p++) {
      const ppPtr = matrixPtr + <usize>p * (rowBytes + 8);
      for (let q = p + 1; q < d; q++) {
        const pqPtr = ppPtr + ((<usize>(q - p)) << 3);
        const qqPtr = matrixPtr + <usize>q * (rowBytes + 8);
        const pp = load<f64>(ppPtr);
        const pq = load<f64>(pqPtr);
        const qq = load<f64>(qqPtr);
        if (abs(pq) <= NEGLIGIBLE * sqrt(abs(pp)) * sqrt(abs(qq))) continue;
        unfinished = true;
        const ratio = (0.5 * (pp - qq)) / pq;
        const tangent = copysign<f64>(1, ratio) / (abs(ratio) + sqrt(ratio * ratio + 1));
        const cosine = 1 / sqrt(tangent * tangent + 1);
        rotate(matrixPtr, vectorsPtr, p, q, cosine, tangent * cosine, d);
        // What the rotation is for, without its rounding.
        store<f64>(ppPtr, pp + tangent * pq);
        store<f64>(qqPtr, qq - tangent * pq);
        store<f64>(pqPtr, 0);
        store<f64>(matrixPtr + <usize>q * rowBytes + ((<usize>p) << 3), 0);
      }
    }
  }
  for (let j = 0; j < d; j++) {
    store<f64>(valuesPtr + ((<usize>j) << 3), load<f64>(matrixPtr + <usize>j * (rowBytes + 8)));
  }
  for (let j = 0; j < d; j++) {
    let largest = j;
    for (let other = j + 1; other < d; other++) {
      if (load<f64>(valuesPtr + ((<usize>other) << 3)) > load<f64>(valuesPtr + ((<usize>largest) << 3))) {
        largest = other;
      }
    }
    const vectorPtr = vectorsPtr + <usize>j * rowBytes;
    if (largest != j) {
      swap(valuesPtr + ((<usize>j) << 3), valuesPtr + ((<usize>largest) << 3), 8);
      swap(vectorPtr, vectorsPtr + <usize>largest * rowBytes, rowBytes);
    }
    orient(vectorPtr, rowBytes);
  }
  return unfinished ? 1 : 0;
}

function swap(aPtr: usize, bPtr: usize, bytes: usize): void {
  for (let at: usize = 0; at < bytes; at += 8) {
    const value = load<f64>(aPtr + at);
    store<f64>(aPtr + at, load<f64>(bPtr + at));
    store<f64>(bPtr + at, value);
  }
}

/** Makes the element of largest magnitude positive. */
function orient(vectorPtr: usize, bytes: usize): void {
  let largest: f64 = 0;
  for (let at: usize = 0; at < bytes; at += 8) {
    const value = load<f64>(vectorPtr + at);
    if (abs(value) > abs(largest)) largest = value;
  }
  if (largest >= 0) return;
  for (let at: usize = 0; at < bytes; at += 8) store<f64>(vectorPtr + at, -load<f64>(vectorPtr + at));
}

/** target += factor source; a factor of 0 adds nothing, whatever the source. */
export function addScaled(sourcePtr: usize, factor: f64, targetPtr: usize, bytes: usize): void {
  if (factor == 0) return;
  for (let at: usize = 0; at < bytes; at += 8) {
    store<f64>(targetPtr + at, load<f64>(targetPtr + at) + factor * load<f64>(sourcePtr + at));
  }
}

/** target = factor sum_j value_j a_j a_j^T, a_j the rows of `axes` (D x D each); symmetric to the bit. */
export function compose(valuesPtr: usize, axesPtr: usize, factor: f64, targetPtr: usize, d: i32): void {
  const rowBytes = (<usize>d) << 3;
  memory.fill(targetPtr, 0, <usize>d * rowBytes);
  for (let j = 0; j < d; j++) {
    const value = factor * load<f64>(valuesPtr + ((<usize>j) << 3));
    const axisPtr = axesPtr + <usize>j * rowBytes;
    for (let row = 0; row < d; row++) {
      const left = value * load<f64>(axisPtr + ((<usize>row) << 3));
      addScaled(axisPtr, left, targetPtr + <usize>row * rowBytes, (<usize>(row + 1)) << 3);
    }
  }
  for (let row = 0; row < d; row++) {
    for (let column = 0; column < row; column++) {
      store<f64>(
        targetPtr + ((<usize>(column * d + row)) << 3),
        load<f64>(targetPtr + ((<usize>(row * d + column)) << 3)),
      );
    }
  }
}

/** target = A S A^T, S symmetric, A the axes (rows). scratchPtr: D. All else D x D; symmetric to the bit. */
export function inAxes(sourcePtr: usize, axesPtr: usize, targetPtr: usize, scratchPtr: usize, d: i32): void {
  const rowBytes = (<usize>d) << 3;
  for (let row = 0; row < d; row++) {
    memory.fill(scratchPtr, 0, rowBytes);
    for (let j = 0; j < d; j++) {
      const factor = load<f64>(axesPtr + <usize>row * rowBytes + ((<usize>j) << 3));
      addScaled(sourcePtr + <usize>j * rowBytes, factor, scratchPtr, rowBytes);
    }
    for (let column = 0; column <= row; column++) {
      let sum: f64 = 0;
      for (let at: usize = 0; at < rowBytes; at += 8) {
        sum += load<f64>(scratchPtr + at) * load<f64>(axesPtr + <usize>column * rowBytes + at);
      }
      store<f64>(targetPtr + ((<usize>(row * d + column)) << 3), sum);
      store<f64>(targetPtr + ((<usize>(column * d + row)) << 3), sum);
    }
  }
}
