// Clusters of rows from an agglomerative tree, which serves every number of clusters.
// Must not know about mixtures: rows come standardised, labels go.
import type { Kernel } from './kernel.ts';

/** Most rows in a tree: its time grows with their square, to some tenths of a second. */
const MOST_ROWS = 1000;
/** Most features at which joins are compared by determinants, which cost D^3 each, and not by sums of squares. */
const MOST_FEATURES = 8;

/** Rows that a tree of N rows for K clusters is made of. */
export function treeRows(rows: number, k: number): number {
  return Math.min(rows, Math.max(MOST_ROWS, k));
}

/** The last tree: cells of a selection, and restarts, ask for the same one again. */
let latest:
  | { readonly rows: Float64Array; readonly weights: Float64Array; readonly merges: Int32Array }
  | undefined;

/**
 * Labels (n) from 0 to K - 1, numbered by the first row of each cluster: gmm_hierarchy (docs/ABI.md), VVV up to 8 features, else EII, cut
 * where K clusters are left.
 * @param rows n x D, row-major, standardised
 * @param weights n, each > 0; their scale does not matter
 */
export function hierarchicalLabels(
  kernel: Kernel,
  rows: Float64Array,
  weights: Float64Array,
  d: number,
  k: number,
): Int32Array {
  const n = weights.length;
  if (!latest || !isSame(latest.rows, rows) || !isSame(latest.weights, weights)) {
    latest = { rows, weights, merges: mergesOf(kernel, rows, weights, d) };
  }
  const { merges } = latest;
  const labels = Int32Array.from({ length: n }, (_, row) => row);
  // Each row's cluster is that of a lower row or its own: parents come before children.
  for (let step = 0; step < n - k; step++) labels[merges[2 * step + 1]] = merges[2 * step];
  let found = 0;
  for (let row = 0; row < n; row++) labels[row] = labels[row] === row ? found++ : labels[labels[row]];
  return labels;
}

function mergesOf(kernel: Kernel, rows: Float64Array, weights: Float64Array, d: number): Int32Array {
  const n = weights.length;
  const mark = kernel.mark();
  const [data, counts, merges] = [kernel.allocate(n * d), kernel.allocate(n), kernel.allocate(n)];
  const triangle = (d * (d + 1)) / 2;
  const workspace = kernel.allocate(n * (triangle + d + 4) + triangle);
  const mean = weights.reduce((a, b) => a + b, 0) / n;
  kernel.view(data, n * d).set(rows);
  kernel.view(counts, n).set(weights.map((weight) => weight / mean));
  kernel.exports.gmm_hierarchy(data, counts, n, d, d > MOST_FEATURES ? 0 : 1, merges, workspace);
  const result = kernel.i32.slice(merges / 4, merges / 4 + 2 * (n - 1));
  kernel.release(mark);
  return result;
}

function isSame(a: Float64Array, b: Float64Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
