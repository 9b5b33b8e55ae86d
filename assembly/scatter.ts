// Weighted sufficient statistics of a tile about the current means, from square roots of responsibilities.
// Must not compute densities or normalise. Everything is added to what stands in the statistics.

/** Sum of the two lanes of each of two vectors, as one vector. */
function sumLanes(a: v128, b: v128): v128 {
  return v128.add<f64>(v128.shuffle<f64>(a, b, 0, 2), v128.shuffle<f64>(a, b, 1, 3));
}

function addTo(ptr: usize, a: v128, b: v128): void {
  v128.store(ptr, v128.add<f64>(v128.load(ptr), sumLanes(a, b)));
}

function addOne(ptr: usize, a: v128): void {
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

/** 4 x 2 dot products: z rows a ... a+3 with b, b+1, added to the packed triangle rows at targetPtr. */
function block4x2(aPtr: usize, bPtr: usize, rowBytes: usize, tileBytes: usize, targetPtr: usize, row: usize): void {
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
  let target = targetPtr + rowOffset(row);
  addTo(target, s00, s01);
  target += (row + 1) << 3;
  addTo(target, s10, s11);
  target += (row + 2) << 3;
  addTo(target, s20, s21);
  target += (row + 3) << 3;
  addTo(target, s30, s31);
}

/** 2 x 2 dot products on the diagonal (three kept), or below it (`below`, all four kept). */
function block2x2(aPtr: usize, bPtr: usize, rowBytes: usize, tileBytes: usize, targetPtr: usize, row: usize, below: bool): void {
  let s00 = f64x2.splat(0);
  let s01 = f64x2.splat(0);
  let s10 = f64x2.splat(0);
  let s11 = f64x2.splat(0);
  const end = aPtr + rowBytes;
  let b = bPtr;
  for (let a = aPtr; a < end; a += 16, b += 16) {
    const b0 = v128.load(b);
    const b1 = v128.load(b + tileBytes);
    const x0 = v128.load(a);
    const x1 = v128.load(a + tileBytes);
    s00 = v128.add<f64>(s00, v128.mul<f64>(x0, b0));
    s01 = v128.add<f64>(s01, v128.mul<f64>(x0, b1));
    s10 = v128.add<f64>(s10, v128.mul<f64>(x1, b0));
    s11 = v128.add<f64>(s11, v128.mul<f64>(x1, b1));
  }
  const target = targetPtr + rowOffset(row);
  if (below) addTo(target, s00, s01);
  else addOne(target, s00);
  addTo(target + ((row + 1) << 3), s10, s11);
}

/** Dot products of the single last row (odd D) with rows b, b + 1. */
function block1x2(aPtr: usize, bPtr: usize, rowBytes: usize, tileBytes: usize, targetPtr: usize): void {
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
export function addOuterProducts(scaledPtr: usize, rows: i32, d: i32, tileBytes: usize, targetPtr: usize): void {
  const rowBytes = (<usize>rows) << 3;
  const features = <usize>d;
  let row: usize = 0;
  for (; row + 4 <= features; row += 4) {
    const a = scaledPtr + row * tileBytes;
    let column: usize = 0;
    for (; column < row; column += 2) {
      block4x2(a, scaledPtr + column * tileBytes, rowBytes, tileBytes, targetPtr + (column << 3), row);
    }
    const lower = a + (tileBytes << 1);
    block2x2(a, a, rowBytes, tileBytes, targetPtr + (row << 3), row, false);
    block2x2(lower, a, rowBytes, tileBytes, targetPtr + (row << 3), row + 2, true);
    block2x2(lower, lower, rowBytes, tileBytes, targetPtr + ((row + 2) << 3), row + 2, false);
  }
  if (row + 2 <= features) {
    const a = scaledPtr + row * tileBytes;
    for (let column: usize = 0; column < row; column += 2) {
      block2x2(a, scaledPtr + column * tileBytes, rowBytes, tileBytes, targetPtr + (column << 3), row, true);
    }
    block2x2(a, a, rowBytes, tileBytes, targetPtr + (row << 3), row, false);
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

/** FULL and TIED for D = 2, straight from the panels: nk, sumX (2), sumXX (3) in one sweep. O(N). */
export function addStatistics2(
  panelsPtr: usize,
  rows: i32,
  meanPtr: usize,
  rootPtr: usize,
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
  for (let h = rootPtr, end = rootPtr + ((<usize>rows) << 3); h < end; h += 64, x += 128) {
    for (let lane: usize = 0; lane < 64; lane += 16) {
      const root = v128.load(h + lane);
      const z0 = v128.mul<f64>(root, v128.sub<f64>(v128.load(x + lane), m0));
      const z1 = v128.mul<f64>(root, v128.sub<f64>(v128.load(x + lane, 64), m1));
      nk = v128.add<f64>(nk, v128.mul<f64>(root, root));
      s0 = v128.add<f64>(s0, v128.mul<f64>(root, z0));
      s1 = v128.add<f64>(s1, v128.mul<f64>(root, z1));
      s00 = v128.add<f64>(s00, v128.mul<f64>(z0, z0));
      s01 = v128.add<f64>(s01, v128.mul<f64>(z0, z1));
      s11 = v128.add<f64>(s11, v128.mul<f64>(z1, z1));
    }
  }
  addOne(nkPtr, nk);
  addTo(sumXPtr, s0, s1);
  addTo(sumXXPtr, s00, s01);
  addOne(sumXXPtr + 16, s11);
}

/**
 * DIAG (varianceBytes 8) and SPHERICAL (0: all features into one): nk, sumX (D) and the sums of squares about the
 * mean, straight from the panels. O(N D).
 */
export function addDiagonalStatistics(
  panelsPtr: usize,
  rows: i32,
  d: i32,
  meanPtr: usize,
  rootPtr: usize,
  nkPtr: usize,
  sumXPtr: usize,
  sumXXPtr: usize,
  varianceBytes: usize,
): void {
  const panelBytes = (<usize>d) << 6;
  const end = rootPtr + ((<usize>rows) << 3);
  for (let feature: usize = 0; feature < <usize>d; feature++) {
    const mean = v128.load64_splat(meanPtr + (feature << 3));
    let x = panelsPtr + (feature << 6);
    let s0 = f64x2.splat(0);
    let s1 = f64x2.splat(0);
    let v0 = f64x2.splat(0);
    let v1 = f64x2.splat(0);
    for (let h = rootPtr; h < end; h += 64, x += panelBytes) {
      for (let lane: usize = 0; lane < 64; lane += 32) {
        const h0 = v128.load(h + lane);
        const h1 = v128.load(h + lane, 16);
        const z0 = v128.mul<f64>(h0, v128.sub<f64>(v128.load(x + lane), mean));
        const z1 = v128.mul<f64>(h1, v128.sub<f64>(v128.load(x + lane, 16), mean));
        s0 = v128.add<f64>(s0, v128.mul<f64>(h0, z0));
        s1 = v128.add<f64>(s1, v128.mul<f64>(h1, z1));
        v0 = v128.add<f64>(v0, v128.mul<f64>(z0, z0));
        v1 = v128.add<f64>(v1, v128.mul<f64>(z1, z1));
      }
    }
    addOne(sumXPtr + (feature << 3), v128.add<f64>(s0, s1));
    addOne(sumXXPtr + feature * varianceBytes, v128.add<f64>(v0, v1));
  }
  addOne(nkPtr, sumOfSquares(rootPtr, rows));
}
