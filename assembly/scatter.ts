// Weighted sufficient statistics of a tile about the current means, from square roots of responsibilities.
// Must not compute densities or normalise. Everything is added to what stands in the statistics.
//
// Barriers: inner loops have `if (...) break;` with conditions that never hold. Within a stretch of code without branches V8
// puts all loads first and all arithmetic after them. That takes more registers than there are when a loop is unrolled,
// and processors that find loads and arithmetic mixed are up to a fifth faster. A branch ends the stretch; each needs a
// condition of its own, because repeated ones are dropped.

/** Sum of the two lanes of each of two vectors, as one vector. */
function sumLanes(a: v128, b: v128): v128 {
  return v128.add<f64>(v128.shuffle<f64>(a, b, 0, 2), v128.shuffle<f64>(a, b, 1, 3));
}

export function addTo(ptr: usize, a: v128, b: v128): void {
  v128.store(ptr, v128.add<f64>(v128.load(ptr), sumLanes(a, b)));
}

export function addOne(ptr: usize, a: v128): void {
  store<f64>(ptr, load<f64>(ptr) + (f64x2.extract_lane(a, 0) + f64x2.extract_lane(a, 1)));
}

/**
 * z = h (x - m) in `scaledPtr`, in panels as the rows; nk += sum h^2; sumX += sum h z. h = sqrt(responsibility).
 * O(N D).
 */
export function scaleRows(
  panelsPtr: usize,
  rows: i32,
  d: i32,
  meanPtr: usize,
  rootPtr: usize,
  scaledPtr: usize,
  nkPtr: usize,
  sumXPtr: usize,
): void {
  const panelBytes = (<usize>d) << 6;
  const end = rootPtr + ((<usize>rows) << 3);
  for (let feature: usize = 0; feature < <usize>d; feature++) {
    const mean = v128.load64_splat(meanPtr + (feature << 3));
    let source = panelsPtr + (feature << 6);
    let target = scaledPtr + (feature << 6);
    let s0 = f64x2.splat(0);
    let s1 = f64x2.splat(0);
    let s2 = f64x2.splat(0);
    let s3 = f64x2.splat(0);
    for (let h = rootPtr; h < end; h += 64, target += panelBytes, source += panelBytes) {
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

/**
 * Moves the rows of a tile of at most 64 whose bits are set in `mask` to its front, the last ones into the gaps, and
 * zeroes the rows up to the next multiple of 8, which is returned: what is behind is not wanted. O(gaps D).
 */
export function compactRows(scaledPtr: usize, rows: i32, d: i32, mask: u64): i32 {
  const all = ~(<u64>0) >>> (64 - rows);
  const wanted = mask & all;
  const kept = (<i32>popcnt<u64>(wanted) + 7) & -8;
  if (kept >= rows) return rows;
  const front = ((<u64>1) << kept) - 1;
  const panelBytes = (<usize>d) << 6;
  let gaps = ~wanted & front;
  let far = wanted & ~front;
  for (; gaps; gaps &= gaps - 1) {
    let target = rowAddress(scaledPtr, <usize>ctz<u64>(gaps), panelBytes);
    const end = target + panelBytes;
    if (far) {
      for (
        let source = rowAddress(scaledPtr, <usize>ctz<u64>(far), panelBytes);
        target < end;
        target += 64, source += 64
      ) {
        store<f64>(target, load<f64>(source));
      }
      far &= far - 1;
    } else {
      for (; target < end; target += 64) store<f64>(target, 0);
    }
  }
  return kept;
}

/** Where a row's first feature is, in panels. */
function rowAddress(panelsPtr: usize, row: usize, panelBytes: usize): usize {
  return panelsPtr + (row >> 3) * panelBytes + ((row & 7) << 3);
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
export function rowOffset(row: usize): usize {
  return ((row * (row + 1)) >> 1) << 3;
}

/**
 * 4 x 2 dot products over the panels up to `end`: features a ... a+3 with b, b+1, added to four rows of a packed
 * triangle, of which the first is `row`.
 */
function block4x2(
  aPtr: usize,
  bPtr: usize,
  end: usize,
  panelBytes: usize,
  targetPtr: usize,
  row: usize,
): void {
  let s00 = f64x2.splat(0);
  let s01 = f64x2.splat(0);
  let s10 = f64x2.splat(0);
  let s11 = f64x2.splat(0);
  let s20 = f64x2.splat(0);
  let s21 = f64x2.splat(0);
  let s30 = f64x2.splat(0);
  let s31 = f64x2.splat(0);
  let b = bPtr;
  for (let a = aPtr; a < end; a += panelBytes, b += panelBytes) {
    let b0 = v128.load(b);
    let b1 = v128.load(b, 64);
    let x = v128.load(a);
    s00 = v128.add<f64>(s00, v128.mul<f64>(x, b0));
    s01 = v128.add<f64>(s01, v128.mul<f64>(x, b1));
    x = v128.load(a, 64);
    s10 = v128.add<f64>(s10, v128.mul<f64>(x, b0));
    s11 = v128.add<f64>(s11, v128.mul<f64>(x, b1));
    if (panelBytes == 1) break;
    x = v128.load(a, 128);
    s20 = v128.add<f64>(s20, v128.mul<f64>(x, b0));
    s21 = v128.add<f64>(s21, v128.mul<f64>(x, b1));
    x = v128.load(a, 192);
    s30 = v128.add<f64>(s30, v128.mul<f64>(x, b0));
    s31 = v128.add<f64>(s31, v128.mul<f64>(x, b1));
    if (panelBytes == 2) break;
    b0 = v128.load(b, 16);
    b1 = v128.load(b, 80);
    x = v128.load(a, 16);
    s00 = v128.add<f64>(s00, v128.mul<f64>(x, b0));
    s01 = v128.add<f64>(s01, v128.mul<f64>(x, b1));
    x = v128.load(a, 80);
    s10 = v128.add<f64>(s10, v128.mul<f64>(x, b0));
    s11 = v128.add<f64>(s11, v128.mul<f64>(x, b1));
    if (panelBytes == 3) break;
    x = v128.load(a, 144);
    s20 = v128.add<f64>(s20, v128.mul<f64>(x, b0));
    s21 = v128.add<f64>(s21, v128.mul<f64>(x, b1));
    x = v128.load(a, 208);
    s30 = v128.add<f64>(s30, v128.mul<f64>(x, b0));
    s31 = v128.add<f64>(s31, v128.mul<f64>(x, b1));
    if (panelBytes == 4) break;
    b0 = v128.load(b, 32);
    b1 = v128.load(b, 96);
    x = v128.load(a, 32);
    s00 = v128.add<f64>(s00, v128.mul<f64>(x, b0));
    s01 = v128.add<f64>(s01, v128.mul<f64>(x, b1));
    x = v128.load(a, 96);
    s10 = v128.add<f64>(s10, v128.mul<f64>(x, b0));
    s11 = v128.add<f64>(s11, v128.mul<f64>(x, b1));
    if (panelBytes == 5) break;
    x = v128.load(a, 160);
    s20 = v128.add<f64>(s20, v128.mul<f64>(x, b0));
    s21 = v128.add<f64>(s21, v128.mul<f64>(x, b1));
    x = v128.load(a, 224);
    s30 = v128.add<f64>(s30, v128.mul<f64>(x, b0));
    s31 = v128.add<f64>(s31, v128.mul<f64>(x, b1));
    if (panelBytes == 6) break;
    b0 = v128.load(b, 48);
    b1 = v128.load(b, 112);
    x = v128.load(a, 48);
    s00 = v128.add<f64>(s00, v128.mul<f64>(x, b0));
    s01 = v128.add<f64>(s01, v128.mul<f64>(x, b1));
    x = v128.load(a, 112);
    s10 = v128.add<f64>(s10, v128.mul<f64>(x, b0));
    s11 = v128.add<f64>(s11, v128.mul<f64>(x, b1));
    if (panelBytes == 7) break;
    x = v128.load(a, 176);
    s20 = v128.add<f64>(s20, v128.mul<f64>(x, b0));
    s21 = v128.add<f64>(s21, v128.mul<f64>(x, b1));
    x = v128.load(a, 240);
    s30 = v128.add<f64>(s30, v128.mul<f64>(x, b0));
    s31 = v128.add<f64>(s31, v128.mul<f64>(x, b1));
  }
  const step = (row + 1) << 3;
  addTo(targetPtr, s00, s01);
  targetPtr += step;
  addTo(targetPtr, s10, s11);
  targetPtr += step + 8;
  addTo(targetPtr, s20, s21);
  targetPtr += step + 16;
  addTo(targetPtr, s30, s31);
}

/** As block4x2 with two features a, a+1 against four b ... b+3: the last two rows of a triangle. */
function block2x4(
  aPtr: usize,
  bPtr: usize,
  end: usize,
  panelBytes: usize,
  targetPtr: usize,
  row: usize,
): void {
  let s00 = f64x2.splat(0);
  let s01 = f64x2.splat(0);
  let s02 = f64x2.splat(0);
  let s03 = f64x2.splat(0);
  let s10 = f64x2.splat(0);
  let s11 = f64x2.splat(0);
  let s12 = f64x2.splat(0);
  let s13 = f64x2.splat(0);
  let b = bPtr;
  for (let a = aPtr; a < end; a += panelBytes, b += panelBytes) {
    let x0 = v128.load(a);
    let x1 = v128.load(a, 64);
    let y = v128.load(b);
    s00 = v128.add<f64>(s00, v128.mul<f64>(x0, y));
    s10 = v128.add<f64>(s10, v128.mul<f64>(x1, y));
    y = v128.load(b, 64);
    s01 = v128.add<f64>(s01, v128.mul<f64>(x0, y));
    s11 = v128.add<f64>(s11, v128.mul<f64>(x1, y));
    if (panelBytes == 1) break;
    y = v128.load(b, 128);
    s02 = v128.add<f64>(s02, v128.mul<f64>(x0, y));
    s12 = v128.add<f64>(s12, v128.mul<f64>(x1, y));
    y = v128.load(b, 192);
    s03 = v128.add<f64>(s03, v128.mul<f64>(x0, y));
    s13 = v128.add<f64>(s13, v128.mul<f64>(x1, y));
    if (panelBytes == 2) break;
    x0 = v128.load(a, 16);
    x1 = v128.load(a, 80);
    y = v128.load(b, 16);
    s00 = v128.add<f64>(s00, v128.mul<f64>(x0, y));
    s10 = v128.add<f64>(s10, v128.mul<f64>(x1, y));
    y = v128.load(b, 80);
    s01 = v128.add<f64>(s01, v128.mul<f64>(x0, y));
    s11 = v128.add<f64>(s11, v128.mul<f64>(x1, y));
    if (panelBytes == 3) break;
    y = v128.load(b, 144);
    s02 = v128.add<f64>(s02, v128.mul<f64>(x0, y));
    s12 = v128.add<f64>(s12, v128.mul<f64>(x1, y));
    y = v128.load(b, 208);
    s03 = v128.add<f64>(s03, v128.mul<f64>(x0, y));
    s13 = v128.add<f64>(s13, v128.mul<f64>(x1, y));
    if (panelBytes == 4) break;
    x0 = v128.load(a, 32);
    x1 = v128.load(a, 96);
    y = v128.load(b, 32);
    s00 = v128.add<f64>(s00, v128.mul<f64>(x0, y));
    s10 = v128.add<f64>(s10, v128.mul<f64>(x1, y));
    y = v128.load(b, 96);
    s01 = v128.add<f64>(s01, v128.mul<f64>(x0, y));
    s11 = v128.add<f64>(s11, v128.mul<f64>(x1, y));
    if (panelBytes == 5) break;
    y = v128.load(b, 160);
    s02 = v128.add<f64>(s02, v128.mul<f64>(x0, y));
    s12 = v128.add<f64>(s12, v128.mul<f64>(x1, y));
    y = v128.load(b, 224);
    s03 = v128.add<f64>(s03, v128.mul<f64>(x0, y));
    s13 = v128.add<f64>(s13, v128.mul<f64>(x1, y));
    if (panelBytes == 6) break;
    x0 = v128.load(a, 48);
    x1 = v128.load(a, 112);
    y = v128.load(b, 48);
    s00 = v128.add<f64>(s00, v128.mul<f64>(x0, y));
    s10 = v128.add<f64>(s10, v128.mul<f64>(x1, y));
    y = v128.load(b, 112);
    s01 = v128.add<f64>(s01, v128.mul<f64>(x0, y));
    s11 = v128.add<f64>(s11, v128.mul<f64>(x1, y));
    if (panelBytes == 7) break;
    y = v128.load(b, 176);
    s02 = v128.add<f64>(s02, v128.mul<f64>(x0, y));
    s12 = v128.add<f64>(s12, v128.mul<f64>(x1, y));
    y = v128.load(b, 240);
    s03 = v128.add<f64>(s03, v128.mul<f64>(x0, y));
    s13 = v128.add<f64>(s13, v128.mul<f64>(x1, y));
  }
  const step = (row + 1) << 3;
  addTo(targetPtr, s00, s01);
  addTo(targetPtr + 16, s02, s03);
  addTo(targetPtr + step, s10, s11);
  addTo(targetPtr + step + 16, s12, s13);
}

/** The ten dot products of four features among themselves: a 4 x 4 triangle on the diagonal. */
function diagonal4(aPtr: usize, end: usize, panelBytes: usize, targetPtr: usize, row: usize): void {
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
  for (let a = aPtr; a < end; a += panelBytes) {
    let x0 = v128.load(a);
    s00 = v128.add<f64>(s00, v128.mul<f64>(x0, x0));
    let x1 = v128.load(a, 64);
    s10 = v128.add<f64>(s10, v128.mul<f64>(x1, x0));
    s11 = v128.add<f64>(s11, v128.mul<f64>(x1, x1));
    if (panelBytes == 1) break;
    let x2 = v128.load(a, 128);
    s20 = v128.add<f64>(s20, v128.mul<f64>(x2, x0));
    s21 = v128.add<f64>(s21, v128.mul<f64>(x2, x1));
    s22 = v128.add<f64>(s22, v128.mul<f64>(x2, x2));
    let x3 = v128.load(a, 192);
    s30 = v128.add<f64>(s30, v128.mul<f64>(x3, x0));
    s31 = v128.add<f64>(s31, v128.mul<f64>(x3, x1));
    s32 = v128.add<f64>(s32, v128.mul<f64>(x3, x2));
    s33 = v128.add<f64>(s33, v128.mul<f64>(x3, x3));
    if (panelBytes == 2) break;
    x0 = v128.load(a, 16);
    s00 = v128.add<f64>(s00, v128.mul<f64>(x0, x0));
    x1 = v128.load(a, 80);
    s10 = v128.add<f64>(s10, v128.mul<f64>(x1, x0));
    s11 = v128.add<f64>(s11, v128.mul<f64>(x1, x1));
    if (panelBytes == 3) break;
    x2 = v128.load(a, 144);
    s20 = v128.add<f64>(s20, v128.mul<f64>(x2, x0));
    s21 = v128.add<f64>(s21, v128.mul<f64>(x2, x1));
    s22 = v128.add<f64>(s22, v128.mul<f64>(x2, x2));
    x3 = v128.load(a, 208);
    s30 = v128.add<f64>(s30, v128.mul<f64>(x3, x0));
    s31 = v128.add<f64>(s31, v128.mul<f64>(x3, x1));
    s32 = v128.add<f64>(s32, v128.mul<f64>(x3, x2));
    s33 = v128.add<f64>(s33, v128.mul<f64>(x3, x3));
    if (panelBytes == 4) break;
    x0 = v128.load(a, 32);
    s00 = v128.add<f64>(s00, v128.mul<f64>(x0, x0));
    x1 = v128.load(a, 96);
    s10 = v128.add<f64>(s10, v128.mul<f64>(x1, x0));
    s11 = v128.add<f64>(s11, v128.mul<f64>(x1, x1));
    if (panelBytes == 5) break;
    x2 = v128.load(a, 160);
    s20 = v128.add<f64>(s20, v128.mul<f64>(x2, x0));
    s21 = v128.add<f64>(s21, v128.mul<f64>(x2, x1));
    s22 = v128.add<f64>(s22, v128.mul<f64>(x2, x2));
    x3 = v128.load(a, 224);
    s30 = v128.add<f64>(s30, v128.mul<f64>(x3, x0));
    s31 = v128.add<f64>(s31, v128.mul<f64>(x3, x1));
    s32 = v128.add<f64>(s32, v128.mul<f64>(x3, x2));
    s33 = v128.add<f64>(s33, v128.mul<f64>(x3, x3));
    if (panelBytes == 6) break;
    x0 = v128.load(a, 48);
    s00 = v128.add<f64>(s00, v128.mul<f64>(x0, x0));
    x1 = v128.load(a, 112);
    s10 = v128.add<f64>(s10, v128.mul<f64>(x1, x0));
    s11 = v128.add<f64>(s11, v128.mul<f64>(x1, x1));
    if (panelBytes == 7) break;
    x2 = v128.load(a, 176);
    s20 = v128.add<f64>(s20, v128.mul<f64>(x2, x0));
    s21 = v128.add<f64>(s21, v128.mul<f64>(x2, x1));
    s22 = v128.add<f64>(s22, v128.mul<f64>(x2, x2));
    x3 = v128.load(a, 240);
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

/** The three dot products of two features among themselves. */
function diagonal2(aPtr: usize, end: usize, panelBytes: usize, targetPtr: usize, row: usize): void {
  let s00 = f64x2.splat(0);
  let s10 = f64x2.splat(0);
  let s11 = f64x2.splat(0);
  for (let a = aPtr; a < end; a += panelBytes) {
    let x0 = v128.load(a);
    s00 = v128.add<f64>(s00, v128.mul<f64>(x0, x0));
    let x1 = v128.load(a, 64);
    s10 = v128.add<f64>(s10, v128.mul<f64>(x1, x0));
    s11 = v128.add<f64>(s11, v128.mul<f64>(x1, x1));
    if (panelBytes == 1) break;
    x0 = v128.load(a, 16);
    s00 = v128.add<f64>(s00, v128.mul<f64>(x0, x0));
    x1 = v128.load(a, 80);
    s10 = v128.add<f64>(s10, v128.mul<f64>(x1, x0));
    s11 = v128.add<f64>(s11, v128.mul<f64>(x1, x1));
    if (panelBytes == 2) break;
    x0 = v128.load(a, 32);
    s00 = v128.add<f64>(s00, v128.mul<f64>(x0, x0));
    x1 = v128.load(a, 96);
    s10 = v128.add<f64>(s10, v128.mul<f64>(x1, x0));
    s11 = v128.add<f64>(s11, v128.mul<f64>(x1, x1));
    if (panelBytes == 3) break;
    x0 = v128.load(a, 48);
    s00 = v128.add<f64>(s00, v128.mul<f64>(x0, x0));
    x1 = v128.load(a, 112);
    s10 = v128.add<f64>(s10, v128.mul<f64>(x1, x0));
    s11 = v128.add<f64>(s11, v128.mul<f64>(x1, x1));
  }
  addOne(targetPtr, s00);
  addTo(targetPtr + ((row + 1) << 3), s10, s11);
}

/** Dot products of one feature with features b, b + 1. */
function block1x2(aPtr: usize, bPtr: usize, end: usize, panelBytes: usize, targetPtr: usize): void {
  let s0 = f64x2.splat(0);
  let s1 = f64x2.splat(0);
  let b = bPtr;
  for (let a = aPtr; a < end; a += panelBytes, b += panelBytes) {
    let x = v128.load(a);
    s0 = v128.add<f64>(s0, v128.mul<f64>(x, v128.load(b)));
    s1 = v128.add<f64>(s1, v128.mul<f64>(x, v128.load(b, 64)));
    x = v128.load(a, 16);
    s0 = v128.add<f64>(s0, v128.mul<f64>(x, v128.load(b, 16)));
    s1 = v128.add<f64>(s1, v128.mul<f64>(x, v128.load(b, 80)));
    x = v128.load(a, 32);
    s0 = v128.add<f64>(s0, v128.mul<f64>(x, v128.load(b, 32)));
    s1 = v128.add<f64>(s1, v128.mul<f64>(x, v128.load(b, 96)));
    x = v128.load(a, 48);
    s0 = v128.add<f64>(s0, v128.mul<f64>(x, v128.load(b, 48)));
    s1 = v128.add<f64>(s1, v128.mul<f64>(x, v128.load(b, 112)));
  }
  addTo(targetPtr, s0, s1);
}

/**
 * sumXX += z z^T, packed lower triangle (row by row), z in panels as scaleRows left it. 4 x 2 blocks with lanes over
 * rows: 8 accumulators, 6 loads for 16 operations. Distances within a panel are constants: addresses need no
 * instructions of their own, which had made this loop wait for the decoder. O(N D^2 / 2).
 */
export function addOuterProducts(scaledPtr: usize, rows: i32, d: i32, targetPtr: usize): void {
  const features = <usize>d;
  const panelBytes = features << 6;
  const bytes = (<usize>rows >> 3) * panelBytes;
  let row: usize = 0;
  for (; row + 4 <= features; row += 4) {
    const a = scaledPtr + (row << 6);
    const end = a + bytes;
    const target = targetPtr + rowOffset(row);
    for (let column: usize = 0; column < row; column += 2) {
      block4x2(a, scaledPtr + (column << 6), end, panelBytes, target + (column << 3), row);
    }
    diagonal4(a, end, panelBytes, target + (row << 3), row);
  }
  if (row + 2 <= features) {
    const a = scaledPtr + (row << 6);
    const end = a + bytes;
    const target = targetPtr + rowOffset(row);
    // Here row is a multiple of four.
    for (let column: usize = 0; column < row; column += 4) {
      block2x4(a, scaledPtr + (column << 6), end, panelBytes, target + (column << 3), row);
    }
    diagonal2(a, end, panelBytes, target + (row << 3), row);
    row += 2;
  }
  if (row < features) {
    const a = scaledPtr + (row << 6);
    const end = a + bytes;
    const target = targetPtr + rowOffset(row);
    for (let column: usize = 0; column < row; column += 2) {
      block1x2(a, scaledPtr + (column << 6), end, panelBytes, target + (column << 3));
    }
    let s0 = f64x2.splat(0);
    let s1 = f64x2.splat(0);
    let s2 = f64x2.splat(0);
    let s3 = f64x2.splat(0);
    for (let z = a; z < end; z += panelBytes) {
      const z0 = v128.load(z);
      s0 = v128.add<f64>(s0, v128.mul<f64>(z0, z0));
      const z1 = v128.load(z, 16);
      s1 = v128.add<f64>(s1, v128.mul<f64>(z1, z1));
      const z2 = v128.load(z, 32);
      s2 = v128.add<f64>(s2, v128.mul<f64>(z2, z2));
      const z3 = v128.load(z, 48);
      s3 = v128.add<f64>(s3, v128.mul<f64>(z3, z3));
    }
    addOne(target + (row << 3), v128.add<f64>(v128.add<f64>(s0, s1), v128.add<f64>(s2, s3)));
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
 * FULL for D = 3, from responsibilities and panels: nk, sumX (3), sumXX (6). Two sweeps: the ten sums and what they are
 * made of do not fit the registers together. O(N).
 */
export function addStatistics3(
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
  const m2 = v128.load64_splat(meanPtr, 16);
  const end = respPtr + ((<usize>rows) << 3);
  let s0 = f64x2.splat(0);
  let s1 = f64x2.splat(0);
  let s2 = f64x2.splat(0);
  let s00 = f64x2.splat(0);
  let s10 = f64x2.splat(0);
  let s20 = f64x2.splat(0);
  let x = panelsPtr;
  for (let r = respPtr; r < end; r += 64, x += 192) {
    for (let lane: usize = 0; lane < 64; lane += 16) {
      const resp = v128.load(r + lane);
      const x0 = v128.sub<f64>(v128.load(x + lane), m0);
      const z0 = v128.mul<f64>(resp, x0);
      s0 = v128.add<f64>(s0, z0);
      s00 = v128.add<f64>(s00, v128.mul<f64>(z0, x0));
      const x1 = v128.sub<f64>(v128.load(x + lane, 64), m1);
      s1 = v128.add<f64>(s1, v128.mul<f64>(resp, x1));
      s10 = v128.add<f64>(s10, v128.mul<f64>(z0, x1));
      const x2 = v128.sub<f64>(v128.load(x + lane, 128), m2);
      s2 = v128.add<f64>(s2, v128.mul<f64>(resp, x2));
      s20 = v128.add<f64>(s20, v128.mul<f64>(z0, x2));
    }
  }
  let nk = f64x2.splat(0);
  let s11 = f64x2.splat(0);
  let s21 = f64x2.splat(0);
  let s22 = f64x2.splat(0);
  x = panelsPtr;
  for (let r = respPtr; r < end; r += 64, x += 192) {
    for (let lane: usize = 0; lane < 64; lane += 16) {
      const resp = v128.load(r + lane);
      const x1 = v128.sub<f64>(v128.load(x + lane, 64), m1);
      const x2 = v128.sub<f64>(v128.load(x + lane, 128), m2);
      const z1 = v128.mul<f64>(resp, x1);
      nk = v128.add<f64>(nk, resp);
      s11 = v128.add<f64>(s11, v128.mul<f64>(z1, x1));
      s21 = v128.add<f64>(s21, v128.mul<f64>(z1, x2));
      s22 = v128.add<f64>(s22, v128.mul<f64>(v128.mul<f64>(resp, x2), x2));
    }
  }
  addOne(nkPtr, nk);
  addTo(sumXPtr, s0, s1);
  addOne(sumXPtr + 16, s2);
  addTo(sumXXPtr, s00, s10);
  addTo(sumXXPtr + 16, s11, s20);
  addTo(sumXXPtr + 32, s21, s22);
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
      if (d == 0) break;
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
