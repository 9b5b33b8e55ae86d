// Sizes and offsets of what operations on rows with missing values use besides the ordinary workspace.
// Must not touch memory but for the frame that it lays out.
import {
  BLOCK,
  DIAG,
  FULL,
  factorSize,
  PANEL,
  SPHERICAL,
  tileRows,
  triangle,
  workspaceCount,
} from './layout';

/** Complete rows are copied together so many at a time. */
export const CHUNK = 512;

/** Places of the cache's table of patterns, a power of two; and the patterns it takes before it is emptied. */
export const SLOTS = 8192;
export const MOST_ENTRIES = 6144;

/** Doubles that the factors of one tile's patterns may take, where one pattern does not take more: 1 MiB. */
const TILE_DOUBLES = 131072;

/** 64-bit words of a pattern: bit j % 64 of word j / 64 is 1 where feature j is missing. */
export function patternWords(d: i32): i32 {
  return (d + 63) >> 6;
}

/** n, made even: what follows is aligned to 16 bytes. */
export function even(n: i32): i32 {
  return (n + 1) & -2;
}

// An entry of the cache: the pattern's words; per component halfLogConst (K) and the observed features' means (K, o); then, per
// component of FULL and once for TIED, the halved factor of the observed features, the regression of the missing ones on them (m, o)
// and the conditional covariance (packed triangle of m); DIAG: halved factors (K, o) and variances (K, m).
export function entryConstants(d: i32): usize {
  return (<usize>even(patternWords(d))) << 3;
}
export function entryMeans(d: i32, k: i32): usize {
  return entryConstants(d) + ((<usize>even(k)) << 3);
}
export function entryFactors(d: i32, k: i32, observed: i32): usize {
  return entryMeans(d, k) + ((<usize>even(k * observed)) << 3);
}

/** Doubles of one component's part of an entry behind the means (TIED: of all components'). */
export function partSize(form: i32, d: i32, observed: i32): i32 {
  const missing = d - observed;
  if (form == SPHERICAL) return 0;
  if (form == DIAG) return d;
  return even(factorSize(FULL, observed) + missing * observed + triangle(missing));
}

/** Doubles of an entry. */
export function entrySize(form: i32, d: i32, k: i32, observed: i32): i32 {
  const parts = form == FULL || form == DIAG ? k : 1;
  return <i32>(entryFactors(d, k, observed) >> 3) + even(parts * partSize(form, d, observed));
}

/** Doubles that no entry exceeds. */
function largestEntry(form: i32, d: i32, k: i32): i32 {
  const part = form == SPHERICAL ? 0 : form == DIAG ? d : ((d * d) >> 1) + 2 * d + 6;
  const parts = form == FULL || form == DIAG ? k : 1;
  return <i32>(entryMeans(d, k) >> 3) + k * d + parts * part + 4;
}

/** Panels of a tile. */
export function tilePanels(form: i32, d: i32): i32 {
  return tileRows(form, d) / PANEL;
}

/** Doubles that the entries of one tile together do not exceed: depends on sizes alone, as the tiles then do. */
export function tileBudget(form: i32, d: i32, k: i32): i32 {
  return max(TILE_DOUBLES, largestEntry(form, d, k));
}

/** Doubles before the first entry of a cache: three counters, and the table. */
export function cacheHeader(): i32 {
  return 2 + SLOTS / 2;
}

/** Doubles of the smallest cache: the factors of the patterns of one tile. */
export function missingCacheCount(form: i32, d: i32, k: i32): i32 {
  const all = <f64>tilePanels(form, d) * <f64>largestEntry(form, d, k);
  return cacheHeader() + <i32>min<f64>(all, <f64>tileBudget(form, d, k));
}

// A call's frame, i32 each, in bytes: its sizes, its arguments, and where in the workspace everything lies. Functions on rows with missing
// values pass it on in place of twenty arguments.
export const FORM: usize = 0;
export const D: usize = 4;
export const K: usize = 8;
export const MIXTURE_WEIGHTS: usize = 12;
export const MEANS: usize = 16;
export const COVARIANCES: usize = 20;
export const FACTORS: usize = 24;
export const CACHE: usize = 28;
export const ROWS: usize = 32;
export const ROW_WEIGHTS: usize = 36;
export const WORKSPACE: usize = 40;
/** Groups of rows of one pattern; the next one to be gathered, and the next row of it; runs and rows of the tile. */
export const GROUPS: usize = 44;
export const GROUP: usize = 48;
export const ROW: usize = 52;
export const RUN_COUNT: usize = 56;
export const TILE_USED: usize = 60;
/** Copies of complete rows, in panels, and their weights. */
export const CHUNK_ROWS: usize = 64;
export const CHUNK_WEIGHTS: usize = 68;
/** Observed values of a tile's rows, in panels of as many features as their pattern has. */
export const OBSERVED: usize = 72;
/** Rows less a component's mean, missing values by their conditional means, in panels. */
export const COMPLETED: usize = 76;
/** D zeros: the mean that completed rows are about. */
export const ZEROS: usize = 80;
/** Sample weights of a tile's rows, 0 where there is none; the rows themselves i32[tile], -1: none. */
export const TILE_WEIGHTS: usize = 84;
export const TILE_ROWS: usize = 88;
/** Three matrices for a factorisation. */
export const MATRICES: usize = 92;
/** Runs of a tile; per run the numbers of its features, observed ones first: i32[panels of a tile][D]. */
export const RUNS: usize = 96;
export const FEATURES: usize = 100;
/** Patterns of a block's rows: u64[4096][words]; the table to find them i32[8192]. */
export const WORDS: usize = 104;
export const TABLE: usize = 108;
/** The row after a row of the same pattern, -1: none; first and last row of each: i32[4096] each. */
export const NEXT: usize = 112;
export const HEADS: usize = 116;
export const TAILS: usize = 120;
const FRAME_BYTES: usize = 128;

// A run of rows of one pattern in a tile, i32 each: the entry of its factors, observed features, first panel, panels, first row.
export const RUN_ENTRY: usize = 0;
export const RUN_OBSERVED: usize = 4;
export const RUN_PANEL: usize = 8;
export const RUN_PANELS: usize = 12;
export const RUN_ROW: usize = 16;
export const RUN_BYTES: usize = 32;

/** Where a frame lies: behind the ordinary workspace. */
export function frameOf(form: i32, d: i32, k: i32, workspacePtr: usize): usize {
  return workspacePtr + ((<usize>even(workspaceCount(form, d, k))) << 3);
}

/** Lays out a frame of these sizes (frame 0: nothing is written); the bytes it takes with all that lies behind it. */
export function layOut(frame: usize, form: i32, d: i32, k: i32): usize {
  const tile = <usize>tileRows(form, d);
  if (frame) {
    store<i32>(frame, form, FORM);
    store<i32>(frame, d, D);
    store<i32>(frame, k, K);
  }
  let at = FRAME_BYTES;
  at = put(frame, CHUNK_ROWS, at, CHUNK * <usize>d);
  at = put(frame, CHUNK_WEIGHTS, at, CHUNK);
  at = put(frame, OBSERVED, at, tile * <usize>d);
  at = put(frame, COMPLETED, at, tile * <usize>d);
  at = put(frame, ZEROS, at, <usize>d);
  at = put(frame, TILE_WEIGHTS, at, tile);
  at = put(frame, TILE_ROWS, at, tile >> 1);
  at = put(frame, MATRICES, at, form <= DIAG ? 0 : <usize>(3 * d * d));
  at = put(frame, RUNS, at, (<usize>tilePanels(form, d) * RUN_BYTES) >> 3);
  at = put(frame, FEATURES, at, <usize>(tilePanels(form, d) * d));
  at = put(frame, WORDS, at, <usize>(BLOCK * patternWords(d)));
  at = put(frame, TABLE, at, BLOCK);
  at = put(frame, NEXT, at, BLOCK >> 1);
  at = put(frame, HEADS, at, BLOCK >> 1);
  return put(frame, TAILS, at, BLOCK >> 1);
}

/** Notes where a field begins; what begins behind it, `doubles` further on. */
function put(frame: usize, field: usize, at: usize, doubles: usize): usize {
  if (frame) store<usize>(frame + field, frame + at);
  return at + (((doubles + 1) & -2) << 3);
}

/** Doubles of scratch for operations on rows with missing values. */
export function missingWorkspaceCount(form: i32, d: i32, k: i32): i32 {
  return even(workspaceCount(form, d, k)) + <i32>(layOut(0, form, d, k) >> 3);
}
