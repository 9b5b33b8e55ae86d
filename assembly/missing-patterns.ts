// Which values of a block's rows are missing (NaN), and which rows miss the same ones.
// Must not compute with values.
import { BLOCK, PANEL } from './layout';
import {
  D,
  GROUP,
  GROUPS,
  HEADS,
  NEXT,
  patternWords,
  ROW,
  ROWS,
  TABLE,
  TAILS,
  WORDS,
} from './missing-layout';

/** Bits of the lanes of a panel's feature that are NaN. */
function missingLanes(featurePtr: usize): i32 {
  let lanes = 0;
  for (let pair = 0; pair < PANEL; pair += 2) {
    const x = v128.load(featurePtr + ((<usize>pair) << 3));
    lanes |= i64x2.bitmask(v128.ne<f64>(x, x)) << pair;
  }
  return lanes;
}

/** A hash of a pattern: multiplications and shifts as in MurmurHash3's finaliser (Appleby). */
export function hashPattern(wordsPtr: usize, words: i32): u32 {
  let hash: u64 = 0x9e3779b97f4a7c15;
  for (let word: usize = 0; word < <usize>words; word++) {
    hash ^= load<u64>(wordsPtr + (word << 3));
    hash ^= hash >> 33;
    hash *= 0xff51afd7ed558ccd;
    hash ^= hash >> 33;
  }
  return <u32>hash;
}

export function samePattern(aPtr: usize, bPtr: usize, words: i32): bool {
  for (let at: usize = 0, end = (<usize>words) << 3; at < end; at += 8) {
    if (load<u64>(aPtr + at) != load<u64>(bPtr + at)) return false;
  }
  return true;
}

/** Missing features of a pattern. */
export function countMissing(wordsPtr: usize, words: i32): i32 {
  let count = 0;
  for (let word: usize = 0; word < <usize>words; word++) {
    count += <i32>popcnt<u64>(load<u64>(wordsPtr + (word << 3)));
  }
  return count;
}

/**
 * Groups a block's rows by pattern. Group 0 are the complete rows, which may be none; the others follow in the order in which
 * their first rows do. Writes of the frame WORDS (n, words), and per group its rows as a list: HEADS, then NEXT[row] up to -1, in the order of
 * their numbers; GROUPS, and the first row of group 1 as the next one. Returns the number of groups, group 0 included. O(n D).
 */
export function groupRows(frame: usize, n: i32): i32 {
  const d = load<i32>(frame, D);
  const panelsPtr = load<usize>(frame, ROWS);
  const wordsPtr = load<usize>(frame, WORDS);
  const nextPtr = load<usize>(frame, NEXT);
  const headsPtr = load<usize>(frame, HEADS);
  const tailsPtr = load<usize>(frame, TAILS);
  const tablePtr = load<usize>(frame, TABLE);
  const words = patternWords(d);
  const wordBytes = (<usize>words) << 3;
  memory.fill(wordsPtr, 0, <usize>((n + PANEL - 1) & -PANEL) * wordBytes);
  let feature = panelsPtr;
  for (let row = 0; row < n; row += PANEL) {
    const base = wordsPtr + <usize>row * wordBytes;
    for (let j = 0; j < d; j++, feature += 64) {
      let lanes = missingLanes(feature);
      const at = base + ((<usize>(j >> 6)) << 3);
      for (; lanes; lanes &= lanes - 1) {
        const word = at + <usize>ctz<i32>(lanes) * wordBytes;
        store<u64>(word, load<u64>(word) | ((<u64>1) << (j & 63)));
      }
    }
  }
  memory.fill(tablePtr, 0, BLOCK << 3);
  store<i32>(headsPtr, -1);
  let groups = 1;
  for (let row = 0; row < n; row++) {
    const pattern = wordsPtr + <usize>row * wordBytes;
    let group = 0;
    if (countMissing(pattern, words) > 0) {
      let slot: u32 = hashPattern(pattern, words) & (2 * BLOCK - 1);
      for (;;) {
        group = load<i32>(tablePtr + ((<usize>slot) << 2));
        if (group == 0) break;
        const head = load<i32>(headsPtr + ((<usize>group) << 2));
        if (samePattern(pattern, wordsPtr + <usize>head * wordBytes, words)) break;
        slot = (slot + 1) & (2 * BLOCK - 1);
      }
      if (group == 0) {
        group = groups++;
        store<i32>(tablePtr + ((<usize>slot) << 2), group);
        store<i32>(headsPtr + ((<usize>group) << 2), -1);
      }
    }
    const at = (<usize>group) << 2;
    if (load<i32>(headsPtr + at) < 0) store<i32>(headsPtr + at, row);
    else store<i32>(nextPtr + ((<usize>load<i32>(tailsPtr + at)) << 2), row);
    store<i32>(tailsPtr + at, row);
    store<i32>(nextPtr + ((<usize>row) << 2), -1);
  }
  store<i32>(frame, groups, GROUPS);
  store<i32>(frame, 1, GROUP);
  store<i32>(frame, groups > 1 ? load<i32>(headsPtr + 4) : -1, ROW);
  return groups;
}

/**
 * target[j] += sum of the weights of the rows of a block that have feature j; target[D] += number of missing values, whatever their rows'
 * weights. weights (n) or 0. n <= 4096. Returns 0, or a negative number: the bad argument's position. O(n D).
 */
export function observed(panelsPtr: usize, weightsPtr: usize, n: i32, d: i32, targetPtr: usize): i32 {
  if (n < 0 || n > BLOCK) return -3;
  if (d < 1) return -4;
  let missing: f64 = 0;
  for (let j = 0; j < d; j++) {
    let sum: f64 = 0;
    for (let row = 0; row < n; row++) {
      const value = load<f64>(panelsPtr + ((<usize>((row & -PANEL) * d + j * PANEL + (row & 7))) << 3));
      if (value == value) sum += weightsPtr ? load<f64>(weightsPtr + ((<usize>row) << 3)) : 1;
      else missing++;
    }
    const at = targetPtr + ((<usize>j) << 3);
    store<f64>(at, load<f64>(at) + sum);
  }
  const at = targetPtr + ((<usize>d) << 3);
  store<f64>(at, load<f64>(at) + missing);
  return 0;
}
