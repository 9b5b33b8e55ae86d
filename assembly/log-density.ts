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
 * half[row] = halfLogConst - |W (x - m) / 2|^2 for centred rows ([D][tile]), W in the order of storeFactor.
 * Two output rows x 8 data rows per step: 8 accumulators, as many as V8 keeps in registers. O(N D^2 / 2).
 */
export function logDensityFull(
  centredPtr: usize,
  rows: i32,
  d: i32,
  tileBytes: usize,
  factorPtr: usize,
  constPtr: usize,
  halfPtr: usize,
  maximumPtr: usize,
  first: bool,
): void {
  const half = v128.load64_splat(constPtr);
  const lastColumns = <usize>d;
  for (let at: usize = 0, end = (<usize>rows) << 3; at < end; at += 64) {
    let q0 = half;
    let q1 = half;
    let q2 = half;
    let q3 = half;
    let w = factorPtr;
    for (let columns: usize = 2; columns < lastColumns + 2; columns += 2) {
      let x = centredPtr + at;
      // Column 0 starts the sums; the last column, j + 1, belongs to the second row alone.
      let wa = v128.load64_splat(w);
      let wb = v128.load64_splat(w, 8);
      let x0 = v128.load(x);
      let a0 = v128.mul<f64>(x0, wa);
      let b0 = v128.mul<f64>(x0, wb);
      let x1 = v128.load(x, 16);
      let a1 = v128.mul<f64>(x1, wa);
      let b1 = v128.mul<f64>(x1, wb);
      let x2 = v128.load(x, 32);
      let a2 = v128.mul<f64>(x2, wa);
      let b2 = v128.mul<f64>(x2, wb);
      let x3 = v128.load(x, 48);
      let a3 = v128.mul<f64>(x3, wa);
      let b3 = v128.mul<f64>(x3, wb);
      const last = x + (columns - 1) * tileBytes;
      const next = w + (columns << 4);
      for (x += tileBytes; x < last; x += tileBytes) {
        w += 16;
        wa = v128.load64_splat(w);
        wb = v128.load64_splat(w, 8);
        x0 = v128.load(x);
        a0 = v128.add<f64>(a0, v128.mul<f64>(x0, wa));
        b0 = v128.add<f64>(b0, v128.mul<f64>(x0, wb));
        x1 = v128.load(x, 16);
        a1 = v128.add<f64>(a1, v128.mul<f64>(x1, wa));
        b1 = v128.add<f64>(b1, v128.mul<f64>(x1, wb));
        x2 = v128.load(x, 32);
        a2 = v128.add<f64>(a2, v128.mul<f64>(x2, wa));
        b2 = v128.add<f64>(b2, v128.mul<f64>(x2, wb));
        x3 = v128.load(x, 48);
        a3 = v128.add<f64>(a3, v128.mul<f64>(x3, wa));
        b3 = v128.add<f64>(b3, v128.mul<f64>(x3, wb));
      }
      if (columns <= lastColumns) {
        wb = v128.load64_splat(w, 24);
        b0 = v128.add<f64>(b0, v128.mul<f64>(v128.load(x), wb));
        b1 = v128.add<f64>(b1, v128.mul<f64>(v128.load(x, 16), wb));
        b2 = v128.add<f64>(b2, v128.mul<f64>(v128.load(x, 32), wb));
        b3 = v128.add<f64>(b3, v128.mul<f64>(v128.load(x, 48), wb));
      }
      w = next;
      q0 = v128.sub<f64>(q0, v128.add<f64>(v128.mul<f64>(a0, a0), v128.mul<f64>(b0, b0)));
      q1 = v128.sub<f64>(q1, v128.add<f64>(v128.mul<f64>(a1, a1), v128.mul<f64>(b1, b1)));
      q2 = v128.sub<f64>(q2, v128.add<f64>(v128.mul<f64>(a2, a2), v128.mul<f64>(b2, b2)));
      q3 = v128.sub<f64>(q3, v128.add<f64>(v128.mul<f64>(a3, a3), v128.mul<f64>(b3, b3)));
    }
    storeHalf(halfPtr + at, maximumPtr + at, first, q0, q1, q2, q3);
  }
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

/**
 * half[row] = halfLogConst - sum_f ((x_f - mean_f) scale_f)^2, from rows laid out [feature][row] with
 * featureBytes between features and groupBytes between groups of 8 rows. `scaleBytes` 8: one scale per feature
 * (DIAG); 0: one scale for all (SPHERICAL). O(N D).
 */
export function logDensityScaled(
  rowsPtr: usize,
  rows: i32,
  d: i32,
  featureBytes: usize,
  groupBytes: usize,
  meanPtr: usize,
  scalePtr: usize,
  scaleBytes: usize,
  constPtr: usize,
  halfPtr: usize,
  maximumPtr: usize,
  first: bool,
): void {
  const half = v128.load64_splat(constPtr);
  let group = rowsPtr;
  for (let at: usize = 0, end = (<usize>rows) << 3; at < end; at += 64, group += groupBytes) {
    let q0 = half;
    let q1 = half;
    let q2 = half;
    let q3 = half;
    let x = group;
    let scaleAt = scalePtr;
    for (let m = meanPtr, stop = meanPtr + ((<usize>d) << 3); m < stop; m += 8) {
      const mean = v128.load64_splat(m);
      const scale = v128.load64_splat(scaleAt);
      const u0 = v128.mul<f64>(v128.sub<f64>(v128.load(x), mean), scale);
      const u1 = v128.mul<f64>(v128.sub<f64>(v128.load(x, 16), mean), scale);
      const u2 = v128.mul<f64>(v128.sub<f64>(v128.load(x, 32), mean), scale);
      const u3 = v128.mul<f64>(v128.sub<f64>(v128.load(x, 48), mean), scale);
      q0 = v128.sub<f64>(q0, v128.mul<f64>(u0, u0));
      q1 = v128.sub<f64>(q1, v128.mul<f64>(u1, u1));
      q2 = v128.sub<f64>(q2, v128.mul<f64>(u2, u2));
      q3 = v128.sub<f64>(q3, v128.mul<f64>(u3, u3));
      x += featureBytes;
      scaleAt += scaleBytes;
    }
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
