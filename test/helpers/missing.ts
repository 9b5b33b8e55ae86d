// Data with holes, for tests. Must not use the library.
import { generator } from './data.ts';

/** A copy in which about a share of the cells is NaN, at random; a row that would lose all keeps its first. */
export function withHoles(rows: readonly number[][], share: number, seed: number): number[][] {
  const uniform = generator(seed);
  return rows.map((row) => {
    const left = row.map((value) => (uniform() < share ? Number.NaN : value));
    return left.every(Number.isNaN) ? [row[0], ...left.slice(1)] : left;
  });
}
