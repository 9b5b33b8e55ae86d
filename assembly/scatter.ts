// Weighted sufficient statistics of a tile about the current means, from square roots of responsibilities.
// Must not compute densities or normalise. Everything is added to what stands in the statistics.

/** Sum of the two lanes of each of two vectors, as one vector. */
function sumLanes(a: v128, b: v128): v128 {
  return v128.add<f64>(v128.shuffle<f64>(a, b, 0, 2), v128.shuffle<f64>(a, b, 1, 3));
}

function addTo(ptr: usize, a: v128, b: v128): void {
  v128.store(ptr, v128.add<f64>(v128.load(ptr), sumLanes(a, b)));
}

export function addOne(ptr: usize, a: v128): void {
  store<f64>(ptr, load<f64>(ptr) + (f64x2.extract_lane(a, 0) + f64x2.extract_lane(a, 1)));
}

/**
 * z[f][row] = h (x - m) in `scaledPtr` ([D][tile]); nk += sum h^2; sumX[f] += sum h z[f]. h = sqrt(responsibility).
 * O(N D).
 */
export function scaleRows(
  panelsPtr: usize,
  rows: i32,
  d: i32,
  meanPtr: usize,
  rootPtr: usize,
  scaledPtr: usize,
  tileBytes: usize,
  nkPtr: usize,
  sumXPtr: usize,
): void {
  const panelBytes = (<usize>d) << 6;
  const end = rootPtr + ((<usize>rows) << 3);
  for (let feature: usize = 0; feature < <usize>d; feature++) {
    const mean = v128.load64_splat(meanPtr + (feature << 3));
    let source = panelsPtr + (feature << 6);
    let target = scaledPtr + feature * tileBytes;
    let s0 = f64x2.splat(0);
    let s1 = f64x2.splat(0);
    let s2 = f64x2.splat(0);
    let s3 = f64x2.splat(0);
    for (let h = rootPtr; h < end; h += 64, target += 64, source += panelBytes) {
      const h0 = v128.load(h);
      const z0 = v128.mul<f64>(h0, v128.sub<f64>(v128.load(source), mean));
      v128.store(target, z0);
      s0 = v128.add<f64>(s0, v128.mul<f64>(h0, z0));
      const h1 = v128.load(h, 16);
      const z1 = v128.mul<f64>(h1, v128.sub<f64>(v128.load(source, 16), mean));
      v128.store(target, z1, 16);
      s1 = v128.add<f64>(s1, v128.mul<f64>(h1, z1));
      const h2 = v128.load(h, 32);
      const z2 = v128.mul<f64>(h2, v128.sub<f64>(v128.load(source, 32), mean));
      v128.store(target, z2, 32);
      s2 = v128.add<f64>(s2, v128.mul<f64>(h2, z2));
      const h3 = v128.load(h, 48);
      const z3 = v128.mul<f64>(h3, v128.sub<f64>(v128.load(source, 48), mean));
      v128.store(target, z3, 48);
      s3 = v128.add<f64>(s3, v128.mul<f64>(h3, z3));
    }
    addOne(sumXPtr + (feature << 3), v128.add<f64>(v128.add<f64>(s0, s1), v128.add<f64>(s2, s3)));
  }
  addOne(nkPtr, sumOfSquares(rootPtr, rows));
}

/** Lane sums of h^2 over `rows` rows (a multiple of 8). */
export function sumOfSquares(rootPtr: usize, rows: i32): v128 {
  let s0 = f64x2.splat(0);
  let s1 = f64x2.splat(0);
  let s2 = f64x2.splat(0);
  let s3 = f64x2.splat(0);
  for (let h = rootPtr, end = rootPtr + ((<usize>rows) << 3); h < end; h += 64) {
    const h0 = v128.load(h);
    s0 = v128.add<f64>(s0, v128.mul<f64>(h0, h0));
    const h1 = v128.load(h, 16);
    s1 = v128.add<f64>(s1, v128.mul<f64>(h1, h1));
    const h2 = v128.load(h, 32);
    s2 = v128.add<f64>(s2, v128.mul<f64>(h2, h2));
    const h3 = v128.load(h, 48);
    s3 = v128.add<f64>(s3, v128.mul<f64>(h3, h3));
  }
  return v128.add<f64>(v128.add<f64>(s0, s1), v128.add<f64>(s2, s3));
}

/** Bytes from the start of a packed lower triangle to its row. */
function rowOffset(row: usize): usize {
  return ((row * (row + 1)) >> 1) << 3;
}

/**
 * 4 x 2 dot products over a tile: rows a ... a+3 with b, b+1, added to four rows of the target, the second `step` bytes
 * after the first, each following distance longer by `growth` (8 in a packed triangle, 0 in a rectangle).
 */
export function block4x2(
  aPtr: usize,
  bPtr: usize,
  rowBytes: usize,
  tileBytes: usize,
  targetPtr: usize,
  step: usize,
  growth: usize,
): void {
  let s00 = f64x2.splat(0);
  let s01 = f64x2.splat(0);
  let s10 = f64x2.splat(0);
  let s11 = f64x2.splat(0);
  let s20 = f64x2.splat(0);
  let s21 = f64x2.splat(0);
  let s30 = f64x2.splat(0);
  let s31 = f64x2.splat(0);
  const second = aPtr + tileBytes;
  const shift2 = tileBytes << 1;
  const end = aPtr + rowBytes;
  let b = bPtr;
  let a1 = second;
  for (let a = aPtr; a < end; a += 16, a1 += 16, b += 16) {
    const b0 = v128.load(b);
    const b1 = v128.load(b + tileBytes);
    const x0 = v128.load(a);
    s00 = v128.add<f64>(s00, v128.mul<f64>(x0, b0));
    s01 = v128.add<f64>(s01, v128.mul<f64>(x0, b1));
    const x1 = v128.load(a1);
    s10 = v128.add<f64>(s10, v128.mul<f64>(x1, b0));
    s11 = v128.add<f64>(s11, v128.mul<f64>(x1, b1));
    const x2 = v128.load(a + shift2);
    s20 = v128.add<f64>(s20, v128.mul<f64>(x2, b0));
    s21 = v128.add<f64>(s21, v128.mul<f64>(x2, b1));
    const x3 = v128.load(a1 + shift2);
    s30 = v128.add<f64>(s30, v128.mul<f64>(x3, b0));
    s31 = v128.add<f64>(s31, v128.mul<f64>(x3, b1));
  }
  let target = targetPtr;
  addTo(target, s00, s01);
  target += step;
  addTo(target, s10, s11);
  target += step + growth;
  addTo(target, s20, s21);
  target += step + 2 * growth;
  addTo(target, s30, s31);
}

/** As block4x2 with two rows a, a+1 against four b ... b+3: the last two rows of a triangle. */
function block2x4(
  aPtr: usize,
  bPtr: usize,
  rowBytes: usize,
  tileBytes: usize,
  targetPtr: usize,
  step: usize,
): void {
  let s00 = f64x2.splat(0);
  let s01 = f64x2.splat(0);
  let s02 = f64x2.splat(0);
  let s03 = f64x2.splat(0);
  let s10 = f64x2.splat(0);
  let s11 = f64x2.splat(0);
  let s12 = f64x2.splat(0);
  let s13 = f64x2.splat(0);
  const shift2 = tileBytes << 1;
  const end = aPtr + rowBytes;
  let b = bPtr;
  let b1 = bPtr + tileBytes;
  for (let a = aPtr; a < end; a += 16, b += 16, b1 += 16) {
    const x0 = v128.load(a);
    const x1 = v128.load(a + tileBytes);
    const y0 = v128.load(b);
    s00 = v128.add<f64>(s00, v128.mul<f64>(x0, y0));
    s10 = v128.add<f64>(s10, v128.mul<f64>(x1, y0));
    const y1 = v128.load(b1);
    s01 = v128.add<f64>(s01, v128.mul<f64>(x0, y1));
    s11 = v128.add<f64>(s11, v128.mul<f64>(x1, y1));
    const y2 = v128.load(b + shift2);
    s02 = v128.add<f64>(s02, v128.mul<f64>(x0, y2));
    s12 = v128.add<f64>(s12, v128.mul<f64>(x1, y2));
    const y3 = v128.load(b1 + shift2);
    s03 = v128.add<f64>(s03, v128.mul<f64>(x0, y3));
    s13 = v128.add<f64>(s13, v128.mul<f64>(x1, y3));
  }
  addTo(targetPtr, s00, s01);
  addTo(targetPtr + 16, s02, s03);
  addTo(targetPtr + step, s10, s11);
  addTo(targetPtr + step + 16, s12, s13);
}

/** The ten dot products of four rows among themselves: a 4 x 4 triangle on the diagonal. */
function diagonal4(aPtr: usize, rowBytes: usize, tileBytes: usize, targetPtr: usize, row: usize): void {
  let s00 = f64x2.splat(0);
  let s10 = f64x2.splat(0);
  let s11 = f64x2.splat(0);
  let s20 = f64x2.splat(0);
  let s21 = f64x2.splat(0);
  let s22 = f64x2.splat(0);
  let s30 = f64x2.splat(0);
  let s31 = f64x2.splat(0);
  let s32 = f64x2.splat(0);
  let s33 = f64x2.splat(0);
  const shift2 = tileBytes << 1;
  const end = aPtr + rowBytes;
  let a1 = aPtr + tileBytes;
  for (let a = aPtr; a < end; a += 16, a1 += 16) {
    const x0 = v128.load(a);
    s00 = v128.add<f64>(s00, v128.mul<f64>(x0, x0));
    const x1 = v128.load(a1);
    s10 = v128.add<f64>(s10, v128.mul<f64>(x1, x0));
    s11 = v128.add<f64>(s11, v128.mul<f64>(x1, x1));
    const x2 = v128.load(a + shift2);
    s20 = v128.add<f64>(s20, v128.mul<f64>(x2, x0));
    s21 = v128.add<f64>(s21, v128.mul<f64>(x2, x1));
    s22 = v128.add<f64>(s22, v128.mul<f64>(x2, x2));
    const x3 = v128.load(a1 + shift2);
    s30 = v128.add<f64>(s30, v128.mul<f64>(x3, x0));
    s31 = v128.add<f64>(s31, v128.mul<f64>(x3, x1));
    s32 = v128.add<f64>(s32, v128.mul<f64>(x3, x2));
    s33 = v128.add<f64>(s33, v128.mul<f64>(x3, x3));
  }
  let target = targetPtr;
  addOne(target, s00);
  target += (row + 1) << 3;
  addTo(target, s10, s11);
  target += (row + 2) << 3;
  addTo(target, s20, s21);
  addOne(target + 16, s22);
  target += (row + 3) << 3;
  addTo(target, s30, s31);
  addTo(target + 16, s32, s33);
}

/** The three dot products of two rows among themselves. */
function diagonal2(aPtr: usize, rowBytes: usize, tileBytes: usize, targetPtr: usize, step: usize): void {
  let s00 = f64x2.splat(0);
  let s10 = f64x2.splat(0);
  let s11 = f64x2.splat(0);
  for (let a = aPtr, end = aPtr + rowBytes; a < end; a += 16) {
    const x0 = v128.load(a);
    const x1 = v128.load(a + tileBytes);
    s00 = v128.add<f64>(s00, v128.mul<f64>(x0, x0));
    s10 = v128.add<f64>(s10, v128.mul<f64>(x1, x0));
    s11 = v128.add<f64>(s11, v128.mul<f64>(x1, x1));
  }
  addOne(targetPtr, s00);
  addTo(targetPtr + step, s10, s11);
}

/** Dot products of one row with rows b, b + 1. */
export function block1x2(
  aPtr: usize,
  bPtr: usize,
  rowBytes: usize,
  tileBytes: usize,
  targetPtr: usize,
): void {
  let s0 = f64x2.splat(0);
  let s1 = f64x2.splat(0);
  const end = aPtr + rowBytes;
  let b = bPtr;
  for (let a = aPtr; a < end; a += 16, b += 16) {
    const x = v128.load(a);
    s0 = v128.add<f64>(s0, v128.mul<f64>(x, v128.load(b)));
    s1 = v128.add<f64>(s1, v128.mul<f64>(x, v128.load(b + tileBytes)));
  }
  addTo(targetPtr, s0, s1);
}

/**
 * sumXX += z z^T, packed lower triangle (row by row), z = [D][tile] as scaleRows left it. 4 x 2 blocks with lanes
 * over rows: 8 accumulators, 6 loads for 16 operations. O(N D^2 / 2).
 */
export function addOuterProducts(
  scaledPtr: usize,
  rows: i32,
  d: i32,
  tileBytes: usize,
  targetPtr: usize,
): void {
  const rowBytes = (<usize>rows) << 3;
  const features = <usize>d;
  let row: usize = 0;
  for (; row + 4 <= features; row += 4) {
    const a = scaledPtr + row * tileBytes;
    let column: usize = 0;
    for (; column < row; column += 2) {
      const target = targetPtr + rowOffset(row) + (column << 3);
      block4x2(a, scaledPtr + column * tileBytes, rowBytes, tileBytes, target, (row + 1) << 3, 8);
    }
    diagonal4(a, rowBytes, tileBytes, targetPtr + rowOffset(row) + (row << 3), row);
  }
  if (row + 2 <= features) {
    const a = scaledPtr + row * tileBytes;
    // Here row is a multiple of four.
    for (let column: usize = 0; column < row; column += 4) {
      const target = targetPtr + rowOffset(row) + (column << 3);
      block2x4(a, scaledPtr + column * tileBytes, rowBytes, tileBytes, target, (row + 1) << 3);
    }
    diagonal2(a, rowBytes, tileBytes, targetPtr + rowOffset(row) + (row << 3), (row + 1) << 3);
    row += 2;
  }
  if (row < features) {
    const a = scaledPtr + row * tileBytes;
    const target = targetPtr + rowOffset(row);
    for (let column: usize = 0; column < row; column += 2) {
      block1x2(a, scaledPtr + column * tileBytes, rowBytes, tileBytes, target + (column << 3));
    }
    addOne(target + (row << 3), sumOfSquares(a, rows));
  }
}

/** FULL and TIED for D = 2, from responsibilities and panels: nk, sumX (2), sumXX (3) in one sweep. O(N). */
export function addStatistics2(
  panelsPtr: usize,
  rows: i32,
  meanPtr: usize,
  respPtr: usize,
  nkPtr: usize,
  sumXPtr: usize,
  sumXXPtr: usize,
): void {
  const m0 = v128.load64_splat(meanPtr);
  const m1 = v128.load64_splat(meanPtr, 8);
  let nk = f64x2.splat(0);
  let s0 = f64x2.splat(0);
  let s1 = f64x2.splat(0);
  let s00 = f64x2.splat(0);
  let s01 = f64x2.splat(0);
  let s11 = f64x2.splat(0);
  let x = panelsPtr;
  for (let r = respPtr, end = respPtr + ((<usize>rows) << 3); r < end; r += 64, x += 128) {
    for (let lane: usize = 0; lane < 64; lane += 16) {
      const resp = v128.load(r + lane);
      const x0 = v128.sub<f64>(v128.load(x + lane), m0);
      const x1 = v128.sub<f64>(v128.load(x + lane, 64), m1);
      const z0 = v128.mul<f64>(resp, x0);
      const z1 = v128.mul<f64>(resp, x1);
      nk = v128.add<f64>(nk, resp);
      s0 = v128.add<f64>(s0, z0);
      s1 = v128.add<f64>(s1, z1);
      s00 = v128.add<f64>(s00, v128.mul<f64>(z0, x0));
      s01 = v128.add<f64>(s01, v128.mul<f64>(z0, x1));
      s11 = v128.add<f64>(s11, v128.mul<f64>(z1, x1));
    }
  }
  addOne(nkPtr, nk);
  addTo(sumXPtr, s0, s1);
  addTo(sumXXPtr, s00, s01);
  addOne(sumXXPtr + 16, s11);
}

/**
 * DIAG (varianceBytes 8) and SPHERICAL (0: all features into one): nk, sumX (D) and the sums of squares about the
 * mean, from responsibilities and panels. O(N D).
 */
export function addDiagonalStatistics(
  panelsPtr: usize,
  rows: i32,
  d: i32,
  meanPtr: usize,
  respPtr: usize,
  nkPtr: usize,
  sumXPtr: usize,
  sumXXPtr: usize,
  varianceBytes: usize,
): void {
  const panelBytes = (<usize>d) << 6;
  const end = respPtr + ((<usize>rows) << 3);
  addSum(respPtr, 0, rows, nkPtr);
  for (let feature: usize = 0; feature < <usize>d; feature++) {
    const mean = v128.load64_splat(meanPtr + (feature << 3));
    let x = panelsPtr + (feature << 6);
    let s0 = f64x2.splat(0);
    let s1 = f64x2.splat(0);
    let s2 = f64x2.splat(0);
    let s3 = f64x2.splat(0);
    let v0 = f64x2.splat(0);
    let v1 = f64x2.splat(0);
    let v2 = f64x2.splat(0);
    let v3 = f64x2.splat(0);
    for (let r = respPtr; r < end; r += 64, x += panelBytes) {
      const x0 = v128.sub<f64>(v128.load(x), mean);
      const z0 = v128.mul<f64>(v128.load(r), x0);
      s0 = v128.add<f64>(s0, z0);
      v0 = v128.add<f64>(v0, v128.mul<f64>(z0, x0));
      const x1 = v128.sub<f64>(v128.load(x, 16), mean);
      const z1 = v128.mul<f64>(v128.load(r, 16), x1);
      s1 = v128.add<f64>(s1, z1);
      v1 = v128.add<f64>(v1, v128.mul<f64>(z1, x1));
      const x2 = v128.sub<f64>(v128.load(x, 32), mean);
      const z2 = v128.mul<f64>(v128.load(r, 32), x2);
      s2 = v128.add<f64>(s2, z2);
      v2 = v128.add<f64>(v2, v128.mul<f64>(z2, x2));
      const x3 = v128.sub<f64>(v128.load(x, 48), mean);
      const z3 = v128.mul<f64>(v128.load(r, 48), x3);
      s3 = v128.add<f64>(s3, z3);
      v3 = v128.add<f64>(v3, v128.mul<f64>(z3, x3));
    }
    addOne(sumXPtr + (feature << 3), v128.add<f64>(v128.add<f64>(s0, s1), v128.add<f64>(s2, s3)));
    const square = v128.add<f64>(v128.add<f64>(v0, v1), v128.add<f64>(v2, v3));
    addOne(sumXXPtr + feature * varianceBytes, square);
  }
}

/** Sum over the tile of a, or of a times b (bPtr 0: no b), added to one target. */
export function addSum(aPtr: usize, bPtr: usize, rows: i32, targetPtr: usize): void {
  let s0 = f64x2.splat(0);
  let s1 = f64x2.splat(0);
  for (let at: usize = 0, end = (<usize>rows) << 3; at < end; at += 32) {
    let a0 = v128.load(aPtr + at);
    let a1 = v128.load(aPtr + at, 16);
    if (bPtr) {
      a0 = v128.mul<f64>(a0, v128.load(bPtr + at));
      a1 = v128.mul<f64>(a1, v128.load(bPtr + at, 16));
    }
    s0 = v128.add<f64>(s0, a0);
    s1 = v128.add<f64>(s1, a1);
  }
  addOne(targetPtr, v128.add<f64>(s0, s1));
}
