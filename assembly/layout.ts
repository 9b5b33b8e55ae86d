// Codes, sizes and byte offsets that every other file of the kernel shares.
// Must not import anything or touch memory.

/** major << 16 | minor. An added export is a minor change; a change of meaning, layout or order a major one. */
export const ABI_VERSION: i32 = (1 << 16) | 3;

/** Covariance forms: how one component's density and statistics are stored and computed. */
export const SPHERICAL = 0;
export const DIAG = 1;
export const TIED = 2;
export const FULL = 3;

/**
 * Covariance models (Celeux and Govaert 1995). A name says of volume, shape and orientation whether they are equal (E), varying (V) or
 * round or along the axes (I). Codes are even where volumes are equal.
 */
export const EII = 0;
export const VII = 1;
export const EEI = 2;
export const VEI = 3;
export const EVI = 4;
export const VVI = 5;
export const EEE = 6;
export const VEE = 7;
export const EVE = 8;
export const VVE = 9;
export const EEV = 10;
export const VEV = 11;
export const EVV = 12;
export const VVV = 13;

/** Rows per panel: data is stored `[panel][feature][PANEL]`, so that SIMD lanes run over rows. */
export const PANEL = 8;

/** Most rows that one accumulating call takes; partial sums over blocks are merged by the host. */
export const BLOCK = 4096;

/**
 * Rows per tile, a multiple of PANEL. A tile's rows, and the centred copy that FULL and TIED make of them, must stay in
 * the 32 KiB first-level cache beside the responsibilities; longer tiles spend less on sums over lanes. Depends on
 * form and D alone, so results do too.
 */
export function tileRows(form: i32, d: i32): i32 {
  if (form <= DIAG) return d <= 32 ? 128 : 64;
  return d <= 8 ? 128 : d <= 64 ? 64 : 32;
}

/**
 * Doubles between rows of a tile's arrays: an odd number of cache lines, because distances that are powers of two
 * make the lines of a column compete for the same few places of the cache.
 */
export function tileStride(form: i32, d: i32): i32 {
  return tileRows(form, d) + 8;
}

/** Packed lower triangle of a D x D matrix. */
export function triangle(d: i32): i32 {
  return (d * (d + 1)) >> 1;
}

/** Doubles of one component's scatter in the statistics (of all components together for TIED). */
export function scatterSize(form: i32, d: i32): i32 {
  return form == SPHERICAL ? 1 : form == DIAG ? d : triangle(d);
}

/** Doubles in the statistics: sample weight, log-likelihood, nk (K), sumX (K, D), sumXX (...), active pairs. */
export function statisticsCount(form: i32, d: i32, k: i32): i32 {
  return 3 + k + k * d + (form == TIED ? 1 : k) * scatterSize(form, d);
}

/** Doubles in a covariance parameter: full (K, D, D), tied (D, D), diag (K, D), spherical (K). */
export function covarianceCount(form: i32, d: i32, k: i32): i32 {
  return form == SPHERICAL ? k : form == DIAG ? k * d : form == TIED ? d * d : k * d * d;
}

/** Doubles of one factor in the order the log-density reads it (see storeFactor in log-density.ts). */
export function factorSize(form: i32, d: i32): i32 {
  const pairs = (d + 1) >> 1;
  return form == SPHERICAL ? 1 : form == DIAG ? d : 2 * pairs * (pairs + 1);
}

/**
 * Doubles in the factors: halfLogConst (K), then the precision Cholesky factors halved; TIED
 * has one factor, then its reference point (D) and the whitened means (K, D).
 */
export function factorsCount(form: i32, d: i32, k: i32): i32 {
  if (form == TIED) return k + factorSize(form, d) + d + k * d;
  return k + k * factorSize(form, d);
}

/** Doubles of scratch for one tile and one factorisation; see the offsets below. */
export function workspaceCount(form: i32, d: i32, k: i32): i32 {
  const tile = tileStride(form, d);
  const tileWork = k * tile + 4 * tile + 2 * d * tile + 2 * k;
  const factorWork = form <= DIAG ? 0 : 2 * d * d + 2 * d;
  const tiedWork = form == TIED ? 2 * k * d + triangle(k) + 2 * k + 8 : 0;
  return max(tileWork + tiedWork, factorWork) + 16;
}

// The tile's scratch, in bytes from the start of the workspace: half log-densities, later
// responsibilities or their square roots [K][tile]; their maximum over components [tile]; sample weights or their square roots [tile];
// row sums [tile]; factors that scale rows [tile]; centred rows [D][tile]; whitened or weighted rows [D][tile].
export function maximumOffset(k: i32, tile: i32): usize {
  return (<usize>(k * tile)) << 3;
}
export function rowWeightOffset(k: i32, tile: i32): usize {
  return (<usize>((k + 1) * tile)) << 3;
}
export function rowSumOffset(k: i32, tile: i32): usize {
  return (<usize>((k + 2) * tile)) << 3;
}
export function scaleOffset(k: i32, tile: i32): usize {
  return (<usize>((k + 3) * tile)) << 3;
}
export function centredOffset(k: i32, tile: i32): usize {
  return (<usize>((k + 4) * tile)) << 3;
}
/** TIED: sums over a block that are not statistics yet, behind the tile. */
export function tiedOffset(k: i32, d: i32, tile: i32): usize {
  return (<usize>((k + 4 + 2 * d) * tile)) << 3;
}
export function whitenedOffset(k: i32, d: i32, tile: i32): usize {
  return (<usize>((k + 4 + d) * tile)) << 3;
}

// The state of a block whose active pairs alone are computed (active.ts), in bytes: row numbers by position u16[4096];
// per panel the component its first row was sorted under u16[512]; per panel and component a distance u16[512][K or K + 1].
export function stateLabelsOffset(): usize {
  return BLOCK * 2;
}
export function stateBoundsOffset(): usize {
  return stateLabelsOffset() + (BLOCK / PANEL) * 2;
}

/** K, made even: components are looked at in pairs. */
export function pairStride(k: i32): i32 {
  return (k + 1) & -2;
}

/** Bytes of a block's state, a multiple of 16. */
export function activeStateBytes(k: i32): i32 {
  return <i32>stateBoundsOffset() + (BLOCK / PANEL) * 2 * pairStride(k);
}

/** Most active pairs of a block that are taken: 16 per row on average, or all. */
export function activeEntries(k: i32): i32 {
  return min(k, 16) * BLOCK;
}

/** What gmm_accumulate_active returns where there are more. */
export const ACTIVE_LIMIT: i32 = -4096;

/** 2^-53 / K: all responsibilities of a row that are below this together cannot change a sum in [1, K]. */
export function leastActive(k: i32): f64 {
  return 1.1102230246251565e-16 / <f64>k;
}
