// Half log-densities of a tile of rows under one component, log weight included, and their running maximum.
// Must not normalise over components or touch statistics. All panels of a tile are whole; padding rows are copies.

/** Floor of a half log-density: keeps an overflowed distance (or NaN from inf - inf) finite. */
const HALF_LOG_PROB_FLOOR: f64 = -1e300;

/** centred[f][row] = x[row][f] - mean[f] for `rows` rows (a multiple of 8); tileBytes between features. O(N D). */
export function centre(
  panelsPtr: usize,
  rows: i32,
  d: i32,
  meanPtr: usize,
  centredPtr: usize,
  tileBytes: usize,
): void {
  const panelBytes = (<usize>d) << 6;
  for (let feature = 0; feature < d; feature++) {
    const mean = v128.load64_splat(meanPtr + ((<usize>feature) << 3));
    let source = panelsPtr + ((<usize>feature) << 6);
    let target = centredPtr + <usize>feature * tileBytes;
    for (const end = target + ((<usize>rows) << 3); target < end; target += 64, source += panelBytes) {
      v128.store(target, v128.sub<f64>(v128.load(source), mean));
      v128.store(target, v128.sub<f64>(v128.load(source, 16), mean), 16);
      v128.store(target, v128.sub<f64>(v128.load(source, 32), mean), 32);
      v128.store(target, v128.sub<f64>(v128.load(source, 48), mean), 48);
    }
  }
}

/** Stores half log-densities of 8 rows and raises the running maximum, or starts it (component 0). */
function storeHalf(
  halfPtr: usize,
  maximumPtr: usize,
  first: bool,
  h0: v128,
  h1: v128,
  h2: v128,
  h3: v128,
): void {
  const floor = f64x2.splat(HALF_LOG_PROB_FLOOR);
  // pmax(a, b) is b only where a < b: a NaN in b leaves the floor.
  h0 = v128.pmax<f64>(floor, h0);
  h1 = v128.pmax<f64>(floor, h1);
  h2 = v128.pmax<f64>(floor, h2);
  h3 = v128.pmax<f64>(floor, h3);
  v128.store(halfPtr, h0);
  v128.store(halfPtr, h1, 16);
  v128.store(halfPtr, h2, 32);
  v128.store(halfPtr, h3, 48);
  if (!first) {
    h0 = v128.pmax<f64>(v128.load(maximumPtr), h0);
    h1 = v128.pmax<f64>(v128.load(maximumPtr, 16), h1);
    h2 = v128.pmax<f64>(v128.load(maximumPtr, 32), h2);
    h3 = v128.pmax<f64>(v128.load(maximumPtr, 48), h3);
  }
  v128.store(maximumPtr, h0);
  v128.store(maximumPtr, h1, 16);
  v128.store(maximumPtr, h2, 32);
  v128.store(maximumPtr, h3, 48);
}

/**
 * half[row] = halfLogConst - |W (x - m) / 2|^2 for rows in panels, W in the order of storeFactor; centred (D, 8): scratch.
 * Two output rows x 8 data rows per step: 8 accumulators, as many as V8 keeps in registers. The last two output rows
 * come first, because they need every feature: they centre the panel for the others, where a loop of its own would
 * only move memory. Their squares are added last all the same. The breaks that never happen are barriers, see the head
 * of scatter.ts. Without features (d = 0: rows in which nothing is observed) the constant is all there is. O(N D^2 / 2).
 */
export function logDensityFull(
  panelsPtr: usize,
  rows: i32,
  d: i32,
  meanPtr: usize,
  centredPtr: usize,
  factorPtr: usize,
  constPtr: usize,
  halfPtr: usize,
  maximumPtr: usize,
  first: bool,
): void {
  const half = v128.load64_splat(constPtr);
  const end = (<usize>rows) << 3;
  if (d == 0) {
    for (let at: usize = 0; at < end; at += 64) {
      storeHalf(halfPtr + at, maximumPtr + at, first, half, half, half, half);
    }
    return;
  }
  const lastColumns = <usize>d;
  const panelBytes = lastColumns << 6;
  const evenColumns = (lastColumns + 1) & -2;
  // Before the last two output rows there are 2 + 4 + ... columns of two weights each.
  const lastFactor = factorPtr + (((evenColumns - 2) * evenColumns) << 2);
  const meanEnd = meanPtr + ((evenColumns - 1) << 3);
  let source = panelsPtr;
  for (let at: usize = 0; at < end; at += 64) {
    centreLast(source, meanPtr, meanEnd, evenColumns <= lastColumns, centredPtr, lastFactor, halfPtr + at);
    source += panelBytes;
    const panel = centredPtr;
    let q0 = half;
    let q1 = half;
    let q2 = half;
    let q3 = half;
    let w = factorPtr;
    // Rows `columns` - 2 and `columns` - 1 of W: column 0 starts their sums, the last column belongs to the second alone.
    for (let columns: usize = 2; columns < evenColumns; columns += 2) {
      let wa = v128.load64_splat(w);
      let wb = v128.load64_splat(w, 8);
      let x = v128.load(panel);
      let a0 = v128.mul<f64>(x, wa);
      let b0 = v128.mul<f64>(x, wb);
      x = v128.load(panel, 16);
      let a1 = v128.mul<f64>(x, wa);
      let b1 = v128.mul<f64>(x, wb);
      x = v128.load(panel, 32);
      let a2 = v128.mul<f64>(x, wa);
      let b2 = v128.mul<f64>(x, wb);
      x = v128.load(panel, 48);
      let a3 = v128.mul<f64>(x, wa);
      let b3 = v128.mul<f64>(x, wb);
      let column = panel + 64;
      w += 16;
      const last = panel + ((columns - 1) << 6);
      const fours = column + (((columns - 2) & -4) << 6);
      for (; column < fours; column += 256, w += 64) {
        wa = v128.load64_splat(w);
        wb = v128.load64_splat(w, 8);
        x = v128.load(column);
        a0 = v128.add<f64>(a0, v128.mul<f64>(x, wa));
        b0 = v128.add<f64>(b0, v128.mul<f64>(x, wb));
        x = v128.load(column, 16);
        a1 = v128.add<f64>(a1, v128.mul<f64>(x, wa));
        b1 = v128.add<f64>(b1, v128.mul<f64>(x, wb));
        if (panelBytes == 1) break;
        x = v128.load(column, 32);
        a2 = v128.add<f64>(a2, v128.mul<f64>(x, wa));
        b2 = v128.add<f64>(b2, v128.mul<f64>(x, wb));
        x = v128.load(column, 48);
        a3 = v128.add<f64>(a3, v128.mul<f64>(x, wa));
        b3 = v128.add<f64>(b3, v128.mul<f64>(x, wb));
        if (panelBytes == 2) break;
        const w1 = w + 16;
        wa = v128.load64_splat(w1);
        wb = v128.load64_splat(w1, 8);
        x = v128.load(column, 64);
        a0 = v128.add<f64>(a0, v128.mul<f64>(x, wa));
        b0 = v128.add<f64>(b0, v128.mul<f64>(x, wb));
        x = v128.load(column, 80);
        a1 = v128.add<f64>(a1, v128.mul<f64>(x, wa));
        b1 = v128.add<f64>(b1, v128.mul<f64>(x, wb));
        if (panelBytes == 3) break;
        x = v128.load(column, 96);
        a2 = v128.add<f64>(a2, v128.mul<f64>(x, wa));
        b2 = v128.add<f64>(b2, v128.mul<f64>(x, wb));
        x = v128.load(column, 112);
        a3 = v128.add<f64>(a3, v128.mul<f64>(x, wa));
        b3 = v128.add<f64>(b3, v128.mul<f64>(x, wb));
        if (panelBytes == 4) break;
        const w2 = w + 32;
        wa = v128.load64_splat(w2);
        wb = v128.load64_splat(w2, 8);
        x = v128.load(column, 128);
        a0 = v128.add<f64>(a0, v128.mul<f64>(x, wa));
        b0 = v128.add<f64>(b0, v128.mul<f64>(x, wb));
        x = v128.load(column, 144);
        a1 = v128.add<f64>(a1, v128.mul<f64>(x, wa));
        b1 = v128.add<f64>(b1, v128.mul<f64>(x, wb));
        if (panelBytes == 5) break;
        x = v128.load(column, 160);
        a2 = v128.add<f64>(a2, v128.mul<f64>(x, wa));
        b2 = v128.add<f64>(b2, v128.mul<f64>(x, wb));
        x = v128.load(column, 176);
        a3 = v128.add<f64>(a3, v128.mul<f64>(x, wa));
        b3 = v128.add<f64>(b3, v128.mul<f64>(x, wb));
        if (panelBytes == 6) break;
        const w3 = w + 48;
        wa = v128.load64_splat(w3);
        wb = v128.load64_splat(w3, 8);
        x = v128.load(column, 192);
        a0 = v128.add<f64>(a0, v128.mul<f64>(x, wa));
        b0 = v128.add<f64>(b0, v128.mul<f64>(x, wb));
        x = v128.load(column, 208);
        a1 = v128.add<f64>(a1, v128.mul<f64>(x, wa));
        b1 = v128.add<f64>(b1, v128.mul<f64>(x, wb));
        if (panelBytes == 7) break;
        x = v128.load(column, 224);
        a2 = v128.add<f64>(a2, v128.mul<f64>(x, wa));
        b2 = v128.add<f64>(b2, v128.mul<f64>(x, wb));
        x = v128.load(column, 240);
        a3 = v128.add<f64>(a3, v128.mul<f64>(x, wa));
        b3 = v128.add<f64>(b3, v128.mul<f64>(x, wb));
      }
      if (column < last) {
        wa = v128.load64_splat(w);
        wb = v128.load64_splat(w, 8);
        x = v128.load(column);
        a0 = v128.add<f64>(a0, v128.mul<f64>(x, wa));
        b0 = v128.add<f64>(b0, v128.mul<f64>(x, wb));
        x = v128.load(column, 16);
        a1 = v128.add<f64>(a1, v128.mul<f64>(x, wa));
        b1 = v128.add<f64>(b1, v128.mul<f64>(x, wb));
        if (panelBytes != 8) {
          x = v128.load(column, 32);
          a2 = v128.add<f64>(a2, v128.mul<f64>(x, wa));
          b2 = v128.add<f64>(b2, v128.mul<f64>(x, wb));
          x = v128.load(column, 48);
          a3 = v128.add<f64>(a3, v128.mul<f64>(x, wa));
          b3 = v128.add<f64>(b3, v128.mul<f64>(x, wb));
          if (panelBytes != 9) {
            const w4 = w + 16;
            wa = v128.load64_splat(w4);
            wb = v128.load64_splat(w4, 8);
            x = v128.load(column, 64);
            a0 = v128.add<f64>(a0, v128.mul<f64>(x, wa));
            b0 = v128.add<f64>(b0, v128.mul<f64>(x, wb));
            x = v128.load(column, 80);
            a1 = v128.add<f64>(a1, v128.mul<f64>(x, wa));
            b1 = v128.add<f64>(b1, v128.mul<f64>(x, wb));
            if (panelBytes != 10) {
              x = v128.load(column, 96);
              a2 = v128.add<f64>(a2, v128.mul<f64>(x, wa));
              b2 = v128.add<f64>(b2, v128.mul<f64>(x, wb));
              x = v128.load(column, 112);
              a3 = v128.add<f64>(a3, v128.mul<f64>(x, wa));
              b3 = v128.add<f64>(b3, v128.mul<f64>(x, wb));
            }
          }
        }
        column += 128;
        w += 32;
      }
      wb = v128.load64_splat(w, 8);
      b0 = v128.add<f64>(b0, v128.mul<f64>(v128.load(column), wb));
      b1 = v128.add<f64>(b1, v128.mul<f64>(v128.load(column, 16), wb));
      b2 = v128.add<f64>(b2, v128.mul<f64>(v128.load(column, 32), wb));
      b3 = v128.add<f64>(b3, v128.mul<f64>(v128.load(column, 48), wb));
      w += 16;
      q0 = v128.sub<f64>(q0, v128.add<f64>(v128.mul<f64>(a0, a0), v128.mul<f64>(b0, b0)));
      q1 = v128.sub<f64>(q1, v128.add<f64>(v128.mul<f64>(a1, a1), v128.mul<f64>(b1, b1)));
      q2 = v128.sub<f64>(q2, v128.add<f64>(v128.mul<f64>(a2, a2), v128.mul<f64>(b2, b2)));
      q3 = v128.sub<f64>(q3, v128.add<f64>(v128.mul<f64>(a3, a3), v128.mul<f64>(b3, b3)));
    }
    const squares = halfPtr + at;
    q0 = v128.sub<f64>(q0, v128.load(squares));
    q1 = v128.sub<f64>(q1, v128.load(squares, 16));
    q2 = v128.sub<f64>(q2, v128.load(squares, 32));
    q3 = v128.sub<f64>(q3, v128.load(squares, 48));
    storeHalf(squares, maximumPtr + at, first, q0, q1, q2, q3);
  }
}

/** Centres a panel, and squares[row] = sum of squares of the last two rows of W times it: `both`, or the first of them. */
function centreLast(
  panelPtr: usize,
  meanPtr: usize,
  meanEnd: usize,
  both: bool,
  centredPtr: usize,
  factorPtr: usize,
  squaresPtr: usize,
): void {
  let mean = v128.load64_splat(meanPtr);
  let wa = v128.load64_splat(factorPtr);
  let wb = v128.load64_splat(factorPtr, 8);
  let x = v128.sub<f64>(v128.load(panelPtr), mean);
  v128.store(centredPtr, x);
  let a0 = v128.mul<f64>(x, wa);
  let b0 = v128.mul<f64>(x, wb);
  x = v128.sub<f64>(v128.load(panelPtr, 16), mean);
  v128.store(centredPtr, x, 16);
  let a1 = v128.mul<f64>(x, wa);
  let b1 = v128.mul<f64>(x, wb);
  x = v128.sub<f64>(v128.load(panelPtr, 32), mean);
  v128.store(centredPtr, x, 32);
  let a2 = v128.mul<f64>(x, wa);
  let b2 = v128.mul<f64>(x, wb);
  x = v128.sub<f64>(v128.load(panelPtr, 48), mean);
  v128.store(centredPtr, x, 48);
  let a3 = v128.mul<f64>(x, wa);
  let b3 = v128.mul<f64>(x, wb);
  let column = panelPtr + 64;
  let target = centredPtr + 64;
  let w = factorPtr + 16;
  let m = meanPtr + 8;
  for (; m < meanEnd; m += 8, column += 64, target += 64, w += 16) {
    mean = v128.load64_splat(m);
    wa = v128.load64_splat(w);
    wb = v128.load64_splat(w, 8);
    x = v128.sub<f64>(v128.load(column), mean);
    v128.store(target, x);
    a0 = v128.add<f64>(a0, v128.mul<f64>(x, wa));
    b0 = v128.add<f64>(b0, v128.mul<f64>(x, wb));
    x = v128.sub<f64>(v128.load(column, 16), mean);
    v128.store(target, x, 16);
    a1 = v128.add<f64>(a1, v128.mul<f64>(x, wa));
    b1 = v128.add<f64>(b1, v128.mul<f64>(x, wb));
    if (target == 0) break;
    x = v128.sub<f64>(v128.load(column, 32), mean);
    v128.store(target, x, 32);
    a2 = v128.add<f64>(a2, v128.mul<f64>(x, wa));
    b2 = v128.add<f64>(b2, v128.mul<f64>(x, wb));
    x = v128.sub<f64>(v128.load(column, 48), mean);
    v128.store(target, x, 48);
    a3 = v128.add<f64>(a3, v128.mul<f64>(x, wa));
    b3 = v128.add<f64>(b3, v128.mul<f64>(x, wb));
  }
  if (both) {
    mean = v128.load64_splat(m);
    wb = v128.load64_splat(w, 8);
    x = v128.sub<f64>(v128.load(column), mean);
    v128.store(target, x);
    b0 = v128.add<f64>(b0, v128.mul<f64>(x, wb));
    x = v128.sub<f64>(v128.load(column, 16), mean);
    v128.store(target, x, 16);
    b1 = v128.add<f64>(b1, v128.mul<f64>(x, wb));
    x = v128.sub<f64>(v128.load(column, 32), mean);
    v128.store(target, x, 32);
    b2 = v128.add<f64>(b2, v128.mul<f64>(x, wb));
    x = v128.sub<f64>(v128.load(column, 48), mean);
    v128.store(target, x, 48);
    b3 = v128.add<f64>(b3, v128.mul<f64>(x, wb));
  }
  v128.store(squaresPtr, v128.add<f64>(v128.mul<f64>(a0, a0), v128.mul<f64>(b0, b0)));
  v128.store(squaresPtr, v128.add<f64>(v128.mul<f64>(a1, a1), v128.mul<f64>(b1, b1)), 16);
  v128.store(squaresPtr, v128.add<f64>(v128.mul<f64>(a2, a2), v128.mul<f64>(b2, b2)), 32);
  v128.store(squaresPtr, v128.add<f64>(v128.mul<f64>(a3, a3), v128.mul<f64>(b3, b3)), 48);
}

/** FULL for D = 2, straight from the panels: y0 = a (x - m0), y1 = b (x - m0) + c (y - m1). O(N). */
export function logDensityFull2(
  panelsPtr: usize,
  rows: i32,
  meanPtr: usize,
  factorPtr: usize,
  constPtr: usize,
  halfPtr: usize,
  maximumPtr: usize,
  first: bool,
): void {
  const half = v128.load64_splat(constPtr);
  const m0 = v128.load64_splat(meanPtr);
  const m1 = v128.load64_splat(meanPtr, 8);
  const a = v128.load64_splat(factorPtr);
  const b = v128.load64_splat(factorPtr, 8);
  const c = v128.load64_splat(factorPtr, 24);
  const floor = f64x2.splat(HALF_LOG_PROB_FLOOR);
  let x = panelsPtr;
  for (let at: usize = 0, end = (<usize>rows) << 3; at < end; at += 64, x += 128) {
    for (let lane: usize = 0; lane < 64; lane += 16) {
      const x0 = v128.sub<f64>(v128.load(x + lane), m0);
      const x1 = v128.sub<f64>(v128.load(x + lane, 64), m1);
      const y0 = v128.mul<f64>(x0, a);
      const y1 = v128.add<f64>(v128.mul<f64>(x0, b), v128.mul<f64>(x1, c));
      let h = v128.sub<f64>(half, v128.add<f64>(v128.mul<f64>(y0, y0), v128.mul<f64>(y1, y1)));
      h = v128.pmax<f64>(floor, h);
      v128.store(halfPtr + at + lane, h);
      v128.store(maximumPtr + at + lane, first ? h : v128.pmax<f64>(v128.load(maximumPtr + at + lane), h));
    }
  }
}

/** FULL for D = 3, straight from the panels: as {@link logDensityFull2}, and y2 = p (x0 - m0) + q (x1 - m1) + r (x2 - m2). O(N). */
export function logDensityFull3(
  panelsPtr: usize,
  rows: i32,
  meanPtr: usize,
  factorPtr: usize,
  constPtr: usize,
  halfPtr: usize,
  maximumPtr: usize,
  first: bool,
): void {
  const half = v128.load64_splat(constPtr);
  const floor = f64x2.splat(HALF_LOG_PROB_FLOOR);
  let x = panelsPtr;
  for (let at: usize = 0, end = (<usize>rows) << 3; at < end; at += 64, x += 192) {
    for (let lane: usize = 0; lane < 64; lane += 16) {
      const x0 = v128.sub<f64>(v128.load(x + lane), v128.load64_splat(meanPtr));
      const x1 = v128.sub<f64>(v128.load(x + lane, 64), v128.load64_splat(meanPtr, 8));
      const x2 = v128.sub<f64>(v128.load(x + lane, 128), v128.load64_splat(meanPtr, 16));
      const y0 = v128.mul<f64>(x0, v128.load64_splat(factorPtr));
      const y1 = v128.add<f64>(
        v128.mul<f64>(x0, v128.load64_splat(factorPtr, 8)),
        v128.mul<f64>(x1, v128.load64_splat(factorPtr, 24)),
      );
      const y2 = v128.add<f64>(
        v128.add<f64>(
          v128.mul<f64>(x0, v128.load64_splat(factorPtr, 32)),
          v128.mul<f64>(x1, v128.load64_splat(factorPtr, 48)),
        ),
        v128.mul<f64>(x2, v128.load64_splat(factorPtr, 64)),
      );
      const squares = v128.add<f64>(v128.mul<f64>(y0, y0), v128.mul<f64>(y1, y1));
      const h = v128.pmax<f64>(floor, v128.sub<f64>(half, v128.add<f64>(squares, v128.mul<f64>(y2, y2))));
      v128.store(halfPtr + at + lane, h);
      v128.store(maximumPtr + at + lane, first ? h : v128.pmax<f64>(v128.load(maximumPtr + at + lane), h));
    }
  }
}

/**
 * half[row] = halfLogConst - sum_f ((x_f - mean_f) scale_f)^2 for rows in panels: DIAG, and FULL with one feature.
 * O(N D).
 */
export function logDensityDiag(
  panelsPtr: usize,
  rows: i32,
  d: i32,
  meanPtr: usize,
  scalePtr: usize,
  constPtr: usize,
  halfPtr: usize,
  maximumPtr: usize,
  first: bool,
): void {
  const half = v128.load64_splat(constPtr);
  const even = meanPtr + ((<usize>d & -2) << 3);
  const end = meanPtr + ((<usize>d) << 3);
  let x = panelsPtr;
  for (let at: usize = 0, all = (<usize>rows) << 3; at < all; at += 64) {
    let q0 = half;
    let q1 = half;
    let q2 = half;
    let q3 = half;
    let m = meanPtr;
    let s = scalePtr;
    for (; m < even; m += 16, s += 16, x += 128) {
      let mean = v128.load64_splat(m);
      let scale = v128.load64_splat(s);
      let u = v128.mul<f64>(v128.sub<f64>(v128.load(x), mean), scale);
      q0 = v128.sub<f64>(q0, v128.mul<f64>(u, u));
      u = v128.mul<f64>(v128.sub<f64>(v128.load(x, 16), mean), scale);
      q1 = v128.sub<f64>(q1, v128.mul<f64>(u, u));
      if (d == 0) break;
      u = v128.mul<f64>(v128.sub<f64>(v128.load(x, 32), mean), scale);
      q2 = v128.sub<f64>(q2, v128.mul<f64>(u, u));
      u = v128.mul<f64>(v128.sub<f64>(v128.load(x, 48), mean), scale);
      q3 = v128.sub<f64>(q3, v128.mul<f64>(u, u));
      if (d == -1) break;
      mean = v128.load64_splat(m, 8);
      scale = v128.load64_splat(s, 8);
      u = v128.mul<f64>(v128.sub<f64>(v128.load(x, 64), mean), scale);
      q0 = v128.sub<f64>(q0, v128.mul<f64>(u, u));
      u = v128.mul<f64>(v128.sub<f64>(v128.load(x, 80), mean), scale);
      q1 = v128.sub<f64>(q1, v128.mul<f64>(u, u));
      if (d == -2) break;
      u = v128.mul<f64>(v128.sub<f64>(v128.load(x, 96), mean), scale);
      q2 = v128.sub<f64>(q2, v128.mul<f64>(u, u));
      u = v128.mul<f64>(v128.sub<f64>(v128.load(x, 112), mean), scale);
      q3 = v128.sub<f64>(q3, v128.mul<f64>(u, u));
    }
    if (m < end) {
      const mean = v128.load64_splat(m);
      const scale = v128.load64_splat(s);
      let u = v128.mul<f64>(v128.sub<f64>(v128.load(x), mean), scale);
      q0 = v128.sub<f64>(q0, v128.mul<f64>(u, u));
      u = v128.mul<f64>(v128.sub<f64>(v128.load(x, 16), mean), scale);
      q1 = v128.sub<f64>(q1, v128.mul<f64>(u, u));
      u = v128.mul<f64>(v128.sub<f64>(v128.load(x, 32), mean), scale);
      q2 = v128.sub<f64>(q2, v128.mul<f64>(u, u));
      u = v128.mul<f64>(v128.sub<f64>(v128.load(x, 48), mean), scale);
      q3 = v128.sub<f64>(q3, v128.mul<f64>(u, u));
      x += 64;
    }
    storeHalf(halfPtr + at, maximumPtr + at, first, q0, q1, q2, q3);
  }
}

/** half[row] = halfLogConst - scale^2 sum_f (x_f - mean_f)^2 for rows in panels. O(N D). */
export function logDensitySpherical(
  panelsPtr: usize,
  rows: i32,
  d: i32,
  meanPtr: usize,
  scalePtr: usize,
  constPtr: usize,
  halfPtr: usize,
  maximumPtr: usize,
  first: bool,
): void {
  const half = v128.load64_splat(constPtr);
  const scale = v128.load64_splat(scalePtr);
  const scale2 = v128.mul<f64>(scale, scale);
  const even = meanPtr + ((<usize>d & -2) << 3);
  const end = meanPtr + ((<usize>d) << 3);
  let x = panelsPtr;
  for (let at: usize = 0, all = (<usize>rows) << 3; at < all; at += 64) {
    let q0 = f64x2.splat(0);
    let q1 = f64x2.splat(0);
    let q2 = f64x2.splat(0);
    let q3 = f64x2.splat(0);
    let m = meanPtr;
    for (; m < even; m += 16, x += 128) {
      let mean = v128.load64_splat(m);
      let u = v128.sub<f64>(v128.load(x), mean);
      q0 = v128.add<f64>(q0, v128.mul<f64>(u, u));
      u = v128.sub<f64>(v128.load(x, 16), mean);
      q1 = v128.add<f64>(q1, v128.mul<f64>(u, u));
      if (d == 0) break;
      u = v128.sub<f64>(v128.load(x, 32), mean);
      q2 = v128.add<f64>(q2, v128.mul<f64>(u, u));
      u = v128.sub<f64>(v128.load(x, 48), mean);
      q3 = v128.add<f64>(q3, v128.mul<f64>(u, u));
      if (d == -1) break;
      mean = v128.load64_splat(m, 8);
      u = v128.sub<f64>(v128.load(x, 64), mean);
      q0 = v128.add<f64>(q0, v128.mul<f64>(u, u));
      u = v128.sub<f64>(v128.load(x, 80), mean);
      q1 = v128.add<f64>(q1, v128.mul<f64>(u, u));
      if (d == -2) break;
      u = v128.sub<f64>(v128.load(x, 96), mean);
      q2 = v128.add<f64>(q2, v128.mul<f64>(u, u));
      u = v128.sub<f64>(v128.load(x, 112), mean);
      q3 = v128.add<f64>(q3, v128.mul<f64>(u, u));
    }
    if (m < end) {
      const mean = v128.load64_splat(m);
      let u = v128.sub<f64>(v128.load(x), mean);
      q0 = v128.add<f64>(q0, v128.mul<f64>(u, u));
      u = v128.sub<f64>(v128.load(x, 16), mean);
      q1 = v128.add<f64>(q1, v128.mul<f64>(u, u));
      u = v128.sub<f64>(v128.load(x, 32), mean);
      q2 = v128.add<f64>(q2, v128.mul<f64>(u, u));
      u = v128.sub<f64>(v128.load(x, 48), mean);
      q3 = v128.add<f64>(q3, v128.mul<f64>(u, u));
      x += 64;
    }
    q0 = v128.sub<f64>(half, v128.mul<f64>(scale2, q0));
    q1 = v128.sub<f64>(half, v128.mul<f64>(scale2, q1));
    q2 = v128.sub<f64>(half, v128.mul<f64>(scale2, q2));
    q3 = v128.sub<f64>(half, v128.mul<f64>(scale2, q3));
    storeHalf(halfPtr + at, maximumPtr + at, first, q0, q1, q2, q3);
  }
}

/**
 * half[row] = halfLogConst - |y[row] - mu|^2 for whitened rows y ([D][tile]) and a whitened mean. O(N D).
 */
export function logDensityWhitened(
  whitenedPtr: usize,
  rows: i32,
  d: i32,
  tileBytes: usize,
  meanPtr: usize,
  constPtr: usize,
  halfPtr: usize,
  maximumPtr: usize,
  first: bool,
): void {
  const half = v128.load64_splat(constPtr);
  for (let at: usize = 0, end = (<usize>rows) << 3; at < end; at += 64) {
    let q0 = half;
    let q1 = half;
    let q2 = half;
    let q3 = half;
    let y = whitenedPtr + at;
    for (let m = meanPtr, stop = meanPtr + ((<usize>d) << 3); m < stop; m += 8, y += tileBytes) {
      const mean = v128.load64_splat(m);
      const u0 = v128.sub<f64>(v128.load(y), mean);
      const u1 = v128.sub<f64>(v128.load(y, 16), mean);
      const u2 = v128.sub<f64>(v128.load(y, 32), mean);
      const u3 = v128.sub<f64>(v128.load(y, 48), mean);
      q0 = v128.sub<f64>(q0, v128.mul<f64>(u0, u0));
      q1 = v128.sub<f64>(q1, v128.mul<f64>(u1, u1));
      q2 = v128.sub<f64>(q2, v128.mul<f64>(u2, u2));
      q3 = v128.sub<f64>(q3, v128.mul<f64>(u3, u3));
    }
    storeHalf(halfPtr + at, maximumPtr + at, first, q0, q1, q2, q3);
  }
}

/** TIED: whitened[j][row] = (W centred / 2)[j], the same product as in logDensityFull, kept. O(N D^2 / 2). */
export function whiten(
  centredPtr: usize,
  rows: i32,
  d: i32,
  tileBytes: usize,
  factorPtr: usize,
  whitenedPtr: usize,
): void {
  const lastColumns = <usize>d;
  for (let at: usize = 0, end = (<usize>rows) << 3; at < end; at += 32) {
    let w = factorPtr;
    let target = whitenedPtr + at;
    for (let columns: usize = 2; columns < lastColumns + 2; columns += 2) {
      let a0 = f64x2.splat(0);
      let a1 = f64x2.splat(0);
      let b0 = f64x2.splat(0);
      let b1 = f64x2.splat(0);
      let x = centredPtr + at;
      const stop = x + min(columns, lastColumns) * tileBytes;
      const next = w + (columns << 4);
      do {
        const wa = v128.load64_splat(w);
        const wb = v128.load64_splat(w, 8);
        const x0 = v128.load(x);
        a0 = v128.add<f64>(a0, v128.mul<f64>(x0, wa));
        b0 = v128.add<f64>(b0, v128.mul<f64>(x0, wb));
        const x1 = v128.load(x, 16);
        a1 = v128.add<f64>(a1, v128.mul<f64>(x1, wa));
        b1 = v128.add<f64>(b1, v128.mul<f64>(x1, wb));
        x += tileBytes;
        w += 16;
      } while (x < stop);
      w = next;
      v128.store(target, a0);
      v128.store(target, a1, 16);
      if (columns <= lastColumns) {
        v128.store(target + tileBytes, b0);
        v128.store(target + tileBytes, b1, 16);
      }
      target += tileBytes << 1;
    }
  }
}
