// Agglomerative clustering: which two clusters of rows to join next, by what joining them costs a classification likelihood.
// Must not choose a number of clusters: the host cuts the tree.
import { triangle } from './layout';
import { log } from './math';

/** Pseudo-rows that every cluster's covariance is regularised by, and their variance in units of the rows. */
const PRIOR_ROWS: f64 = 3;
const PRIOR_VARIANCE: f64 = 0.1;

/**
 * merges (n - 1 pairs of i32): the cluster of row a takes in that of row b > a, joins in order. Rows (n, D), weights (n, > 0, or 0: all
 * ones). A join costs the growth of sum_c f(c). model 0 (EII): f = tr W, W the scatter of a cluster about its mean (Ward 1963). model 1
 * (VVV): f = count ln |(W + a s I) / (count + a)|, a = 3, s = 0.1 (Fraley 1998 with a prior in place of his trace). Among equals the
 * cluster of lowest rows. About O(n^2 D), VVV O(n^2 D^3). Workspace: n (D (D + 1) / 2 + D + 5) + D (D + 1) / 2 + D doubles.
 */
export function mergeTree(
  rowsPtr: usize,
  weightsPtr: usize,
  n: i32,
  d: i32,
  model: i32,
  mergesPtr: usize,
  workspacePtr: usize,
): void {
  const bytes = (<usize>n) << 3;
  const rowBytes = (<usize>d) << 3;
  const counts = workspacePtr;
  const costs = counts + bytes;
  const nearest = costs + bytes;
  const owns = nearest + bytes;
  const partners = owns + bytes;
  const means = partners + bytes;
  const scatters = means + <usize>n * rowBytes;
  const scratch = scatters + <usize>n * ((<usize>triangle(d)) << 3);
  memory.copy(means, rowsPtr, <usize>n * rowBytes);
  memory.fill(scatters, 0, <usize>n * ((<usize>triangle(d)) << 3));
  for (let i = 0; i < n; i++) {
    const at = (<usize>i) << 3;
    const count: f64 = weightsPtr ? load<f64>(weightsPtr + at) : 1;
    store<f64>(counts + at, count);
    store<f64>(owns + at, model ? own(scatters, count, d, scratch) : 0);
  }
  for (let i = 1; i < n; i++)
    findNearest(i, counts, costs, partners, owns, means, scatters, d, model, scratch);
  for (let step = 1; step < n; step++) {
    let b = cheapest(n, counts, costs);
    // A cost whose partner has changed is a lower bound until it is asked for.
    for (; load<i32>(partners + ((<usize>b) << 3)) < 0; b = cheapest(n, counts, costs)) {
      findNearest(b, counts, costs, partners, owns, means, scatters, d, model, scratch);
    }
    const a = load<i32>(partners + ((<usize>b) << 3));
    store<i32>(mergesPtr, a);
    store<i32>(mergesPtr, b, 4);
    mergesPtr += 8;
    store<f64>(owns + ((<usize>a) << 3), joined(a, b, counts, means, scatters, d, model, scratch));
    take(a, b, counts, means, scatters, d, scratch);
    findNearest(a, counts, costs, partners, owns, means, scatters, d, model, scratch);
    for (let i = a + 1; i < n; i++) {
      const at = (<usize>i) << 3;
      if (!(load<f64>(counts + at) > 0)) continue;
      const partner = load<i32>(partners + at);
      const cost = joinCost(a, i, counts, owns, means, scatters, d, model, scratch);
      const before = load<f64>(costs + at);
      if (cost < before || (cost == before && a <= partner)) {
        store<f64>(costs + at, cost);
        store<i32>(partners + at, a);
      } else if (partner == a || partner == b) store<i32>(partners + at, -1);
    }
  }
}

/** The cluster with the lowest cost, or lower bound of it; the first among equals. */
function cheapest(n: i32, counts: usize, costs: usize): i32 {
  let found = 0;
  let least = Infinity;
  for (let i = 1; i < n; i++) {
    const at = (<usize>i) << 3;
    if (load<f64>(counts + at) > 0 && load<f64>(costs + at) < least) {
      least = load<f64>(costs + at);
      found = i;
    }
  }
  return found;
}

/** The cheapest partner of cluster i among those of lower rows; cost Infinity when there is none. */
function findNearest(
  i: i32,
  counts: usize,
  costs: usize,
  partners: usize,
  owns: usize,
  means: usize,
  scatters: usize,
  d: i32,
  model: i32,
  scratch: usize,
): void {
  let least = Infinity;
  let partner = 0;
  for (let j = 0; j < i; j++) {
    if (!(load<f64>(counts + ((<usize>j) << 3)) > 0)) continue;
    const cost = joinCost(j, i, counts, owns, means, scatters, d, model, scratch);
    if (cost < least) {
      least = cost;
      partner = j;
    }
  }
  store<f64>(costs + ((<usize>i) << 3), least);
  store<i32>(partners + ((<usize>i) << 3), partner);
}

function joinCost(
  a: i32,
  b: i32,
  counts: usize,
  owns: usize,
  means: usize,
  scatters: usize,
  d: i32,
  model: i32,
  scratch: usize,
): f64 {
  const both = joined(a, b, counts, means, scatters, d, model, scratch);
  return model ? both - load<f64>(owns + ((<usize>a) << 3)) - load<f64>(owns + ((<usize>b) << 3)) : both;
}

/** f of two clusters as one (VVV), or what joining them adds to it (EII). Leaves the joint scatter in scratch (VVV). */
function joined(
  a: i32,
  b: i32,
  counts: usize,
  means: usize,
  scatters: usize,
  d: i32,
  model: i32,
  scratch: usize,
): f64 {
  const first = load<f64>(counts + ((<usize>a) << 3));
  const second = load<f64>(counts + ((<usize>b) << 3));
  const count = first + second;
  const factor = (first / count) * second;
  let m = means + <usize>a * ((<usize>d) << 3);
  let other = means + <usize>b * ((<usize>d) << 3);
  if (!model) {
    let sum: f64 = 0;
    for (const end = m + ((<usize>d) << 3); m < end; m += 8, other += 8) {
      const difference = load<f64>(m) - load<f64>(other);
      sum += difference * difference;
    }
    return factor * sum;
  }
  joinScatter(a, b, m, other, factor, scatters, d, scratch);
  return own(scratch, count, d, scratch);
}

/** scratch = W of two clusters as one. */
function joinScatter(
  a: i32,
  b: i32,
  m: usize,
  other: usize,
  factor: f64,
  scatters: usize,
  d: i32,
  scratch: usize,
): void {
  const size = (<usize>triangle(d)) << 3;
  let w = scatters + <usize>a * size;
  let v = scatters + <usize>b * size;
  for (let i: usize = 0; i < (<usize>d) << 3; i += 8) {
    const scaled = factor * (load<f64>(m + i) - load<f64>(other + i));
    for (let j: usize = 0; j <= i; j += 8, w += 8, v += 8, scratch += 8) {
      const term = scaled * (load<f64>(m + j) - load<f64>(other + j));
      store<f64>(scratch, load<f64>(w) + load<f64>(v) + term);
    }
  }
}

/** count ln |(W + a s I) / (count + a)|, W packed; the factorisation overwrites the scratch, which W may be. */
function own(scatter: usize, count: f64, d: i32, scratch: usize): f64 {
  const scale = 1 / (count + PRIOR_ROWS);
  let determinant: f64 = 1;
  let row = scratch;
  let source = scatter;
  for (let i = 0; i < d; i++) {
    let other = scratch;
    let value: f64 = 0;
    for (let j = 0; j <= i; j++, source += 8) {
      value = load<f64>(source);
      if (j == i) value += PRIOR_ROWS * PRIOR_VARIANCE;
      value *= scale;
      for (let t: usize = 0; t < (<usize>j) << 3; t += 8) value -= load<f64>(row + t) * load<f64>(other + t);
      const at = row + ((<usize>j) << 3);
      if (j < i) store<f64>(at, value / load<f64>(other + ((<usize>j) << 3)));
      else store<f64>(at, Math.sqrt(value));
      other += (<usize>(j + 1)) << 3;
    }
    determinant *= value;
    row += (<usize>(i + 1)) << 3;
  }
  return count * log(determinant);
}

/** Cluster a takes cluster b in, whose count becomes 0. */
function take(a: i32, b: i32, counts: usize, means: usize, scatters: usize, d: i32, scratch: usize): void {
  const size = (<usize>triangle(d)) << 3;
  const firstAt = counts + ((<usize>a) << 3);
  const secondAt = counts + ((<usize>b) << 3);
  const second = load<f64>(secondAt);
  const count = load<f64>(firstAt) + second;
  const m = means + <usize>a * ((<usize>d) << 3);
  const other = means + <usize>b * ((<usize>d) << 3);
  joinScatter(a, b, m, other, (load<f64>(firstAt) / count) * second, scatters, d, scratch);
  memory.copy(scatters + <usize>a * size, scratch, size);
  const share = second / count;
  for (let i: usize = 0; i < (<usize>d) << 3; i += 8) {
    store<f64>(m + i, load<f64>(m + i) + share * (load<f64>(other + i) - load<f64>(m + i)));
  }
  store<f64>(firstAt, count);
  store<f64>(secondAt, 0);
}
