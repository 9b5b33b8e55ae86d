// Which rows a data-driven start looks at: those with the smallest seeded hash of their number.
// Must not read rows. Whoever holds some of the rows can rank them by this rule without knowing the others.
import type { ChosenRows } from './passes.ts';
import { hashRow } from './random.ts';

/** Row numbers hashed between two pauses: a few milliseconds of work. */
const PAUSE_ROWS = 2 ** 17;

/**
 * All rows, or the `count` with the smallest (hash, row) among those of positive weight; ascending. Yields now and then,
 * so that other work can have its turn.
 */
export function* chooseRows(
  rows: number,
  count: number,
  seed: number,
  weights?: Float64Array,
): Generator<void, ChosenRows> {
  if (count >= rows)
    return { rows: Float64Array.from({ length: rows }, (_, row) => row), weights: weights?.slice() };
  const usable = (row: number): boolean => weights === undefined || weights[row] > 0;
  // Buckets by the hash's upper 16 bits tell which hashes are surely in, and which bucket must be sorted.
  const buckets = new Uint32Array(65536);
  for (let row = 0; row < rows; row++) {
    if (usable(row)) buckets[hashRow(seed, row) >>> 16]++;
    if (row % PAUSE_ROWS === PAUSE_ROWS - 1) yield;
  }
  let last = 0;
  let below = 0;
  while (last < 65535 && below + buckets[last] < count) below += buckets[last++];
  const chosen = new Float64Array(count);
  const border: { hash: number; row: number }[] = [];
  let found = 0;
  for (let row = 0; row < rows; row++) {
    if (!usable(row)) continue;
    const hash = hashRow(seed, row);
    const bucket = hash >>> 16;
    if (bucket < last) chosen[found++] = row;
    else if (bucket === last) border.push({ hash, row });
    if (row % PAUSE_ROWS === PAUSE_ROWS - 1) yield;
  }
  border.sort((a, b) => a.hash - b.hash || a.row - b.row);
  for (const { row } of border.slice(0, count - found)) chosen[found++] = row;
  const numbers = chosen.subarray(0, found).sort();
  return { rows: numbers, weights: weights && numbers.map((row) => weights[row]) };
}
