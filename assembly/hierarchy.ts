// Agglomerative clustering: which two clusters of rows to join next, by what joining them costs a classification likelihood.
// Must not choose a number of clusters: the host cuts the tree.
import { triangle } from './layout';
import { log } from './math';

/** Pseudo-rows that every cluster's covariance is regularised by, and their variance in units of the rows. */
const PRIOR_ROWS: f64 = 3;
const PRIOR_VARIANCE: f64 = 0.1;

// A cluster: its weight (0: it is part of another), the cost of its cheapest join with a cluster of lower rows, or a lower bound of it,
// that cluster's number (-1: to be found), f, then mean (D) and scatter (packed lower triangle).
const COST: usize = 8;
const PARTNER: usize = 16;
const OWN: usize = 24;
const MEAN: usize = 32;

/**
 * merges (n - 1 pairs of i32): the cluster of row a takes in that of row b > a, joins in order. Rows (n, D), weights (n, > 0, or 0: all
 * ones). A join costs the growth of sum_c f(c). model 0 (EII): f = tr W, W the scatter of a cluster about its mean (Ward 1963). model 1
 * (VVV): f = weight ln |(W + a s I) / (weight + a)|, a = 3, s = 0.1 (Fraley 1998 with a prior in place of his trace). Among equals the
 * cluster of lowest rows. About O(n^2 D), VVV O(n^2 D^3). Workspace: n (D (D + 1) / 2 + D + 4) + D (D + 1) / 2 doubles.
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
  const size = (<usize>triangle(d)) << 3;
  const rowBytes = (<usize>d) << 3;
  const stride = MEAN + rowBytes + size;
  const scratch = workspacePtr + <usize>n * stride;
  const end = scratch;
  for (let c = workspacePtr; c < end; c += stride, rowsPtr += rowBytes, weightsPtr += weightsPtr ? 8 : 0) {
    store<f64>(c, weightsPtr ? load<f64>(weightsPtr) : 1);
    store<i32>(c, -1, PARTNER);
    store<f64>(c, -Infinity, COST);
    memory.copy(c + MEAN, rowsPtr, rowBytes);
    memory.fill(c + MEAN + rowBytes, 0, size);
    store<f64>(c, model ? classification(c + MEAN + rowBytes, load<f64>(c), d, scratch) : 0, OWN);
  }
  for (let step = 1; step < n; step++) {
    let second = cheapest(workspacePtr, end, stride);
    for (; load<i32>(second, PARTNER) < 0; second = cheapest(workspacePtr, end, stride)) {
      findPartner(workspacePtr, second, stride, d, model, scratch);
    }
    const a = load<i32>(second, PARTNER);
    const b = <i32>((second - workspacePtr) / stride);
    const first = workspacePtr + <usize>a * stride;
    store<i32>(mergesPtr, a);
    store<i32>(mergesPtr, b, 4);
    mergesPtr += 8;
    join(first, second, d, model, scratch);
    findPartner(workspacePtr, first, stride, d, model, scratch);
    for (let c = first + stride; c < end; c += stride) {
      if (!(load<f64>(c) > 0)) continue;
      const partner = load<i32>(c, PARTNER);
      const before = load<f64>(c, COST);
      const cost = joinCost(first, c, d, model, scratch);
      if (cost < before || (cost == before && a <= partner)) {
        store<f64>(c, cost, COST);
        store<i32>(c, a, PARTNER);
      } else if (partner == a || partner == b) store<i32>(c, -1, PARTNER);
    }
  }
}

/** The cluster with the lowest cost, or lower bound of it; the first among equals. */
function cheapest(clusters: usize, end: usize, stride: usize): usize {
  let found = clusters + stride;
  let least = Infinity;
  for (let c = found; c < end; c += stride) {
    if (load<f64>(c) > 0 && load<f64>(c, COST) < least) {
      least = load<f64>(c, COST);
      found = c;
    }
  }
  return found;
}

/** The cheapest join of a cluster with one of lower rows; Infinity where there is none. */
function findPartner(clusters: usize, c: usize, stride: usize, d: i32, model: i32, scratch: usize): void {
  let least = Infinity;
  let partner = 0;
  let number = 0;
  for (let other = clusters; other < c; other += stride, number++) {
    if (!(load<f64>(other) > 0)) continue;
    const cost = joinCost(other, c, d, model, scratch);
    if (cost < least) {
      least = cost;
      partner = number;
    }
  }
  store<f64>(c, least, COST);
  store<i32>(c, partner, PARTNER);
}

/** What joining two clusters adds to the sum of f. */
function joinCost(a: usize, b: usize, d: i32, model: i32, scratch: usize): f64 {
  const weight = load<f64>(a) + load<f64>(b);
  const factor = (load<f64>(a) / weight) * load<f64>(b);
  if (model) {
    joinScatter(a, b, factor, d, scratch);
    return classification(scratch, weight, d, scratch) - load<f64>(a, OWN) - load<f64>(b, OWN);
  }
  let sum: f64 = 0;
  for (const end = a + ((<usize>d) << 3); a < end; a += 8, b += 8) {
    const difference = load<f64>(a, MEAN) - load<f64>(b, MEAN);
    sum += difference * difference;
  }
  return factor * sum;
}

/** scratch = W of two clusters as one. */
function joinScatter(a: usize, b: usize, factor: f64, d: i32, scratch: usize): void {
  const rowBytes = (<usize>d) << 3;
  let v = a + MEAN + rowBytes;
  let w = b + MEAN + rowBytes;
  for (let i: usize = 0; i < rowBytes; i += 8) {
    const scaled = factor * (load<f64>(a + i, MEAN) - load<f64>(b + i, MEAN));
    for (let j: usize = 0; j <= i; j += 8, v += 8, w += 8, scratch += 8) {
      const term = scaled * (load<f64>(a + j, MEAN) - load<f64>(b + j, MEAN));
      store<f64>(scratch, load<f64>(v) + load<f64>(w) + term);
    }
  }
}

/** weight ln |(W + a s I) / (weight + a)|, W packed; the factorisation overwrites the scratch, which W may be. */
function classification(scatter: usize, weight: f64, d: i32, scratch: usize): f64 {
  const scale = 1 / (weight + PRIOR_ROWS);
  let determinant: f64 = 1;
  let row = scratch;
  for (let i = 0; i < d; i++) {
    let other = scratch;
    let value: f64 = 0;
    for (let j = 0; j <= i; j++, scatter += 8) {
      value = load<f64>(scatter);
      if (j == i) value += PRIOR_ROWS * PRIOR_VARIANCE;
      value *= scale;
      const width = (<usize>j) << 3;
      for (let t: usize = 0; t < width; t += 8) value -= load<f64>(row + t) * load<f64>(other + t);
      store<f64>(row + width, j < i ? value / load<f64>(other + width) : Math.sqrt(value));
      other += width + 8;
    }
    determinant *= value;
    row += (<usize>(i + 1)) << 3;
  }
  return weight * log(determinant);
}

/** Cluster a takes cluster b in. */
function join(a: usize, b: usize, d: i32, model: i32, scratch: usize): void {
  const second = load<f64>(b);
  const weight = load<f64>(a) + second;
  const share = second / weight;
  const rowBytes = (<usize>d) << 3;
  if (model) {
    joinScatter(a, b, load<f64>(a) * share, d, scratch);
    memory.copy(a + MEAN + rowBytes, scratch, (<usize>triangle(d)) << 3);
    store<f64>(a, classification(scratch, weight, d, scratch), OWN);
  }
  store<f64>(a, weight);
  store<f64>(b, 0);
  for (const end = a + rowBytes; a < end; a += 8, b += 8) {
    store<f64>(a, load<f64>(a, MEAN) + share * (load<f64>(b, MEAN) - load<f64>(a, MEAN)), MEAN);
  }
}
