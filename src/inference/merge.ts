// Clusters of several components each, by merging those that share rows.
// Must not change the model: a cluster is a set of its components.
import {
  type GaussianMixture,
  GaussmixRangeError,
  GaussmixTypeError,
  Matrix,
  type MatrixLike,
  naturalLogarithms,
} from 'gaussmix';
import { describeValue } from '../value-rules.ts';
import { checkModel } from './arguments.ts';

/** One merging of two clusters. */
export interface MergeStep {
  /** Clusters after it. */
  readonly nClusters: number;
  /** The components of the two clusters that became one. */
  readonly merged: readonly [readonly number[], readonly number[]];
  /** Entropy after it, in nats. */
  readonly entropy: number;
  /** By how much it lowered the entropy; the largest of all pairs. */
  readonly decrease: number;
  /** Rows whose most probable cluster was one of the two. */
  readonly rows: number;
}

/** The clusterings of K, K - 1, ..., 1 clusters of components. N rows, K components. */
export interface Merging {
  /** Entropy of the clustering with g clusters at [g - 1], in nats: -sum_i sum_clusters r ln r. Falls to 0 at one cluster. */
  readonly entropies: Float64Array;
  /** K - 1, in the order in which they were done. */
  readonly steps: readonly MergeStep[];
  /**
   * Number of clusters where the entropy bends: the meeting point of the two lines that fit entropy against number of
   * clusters best. Undefined below three components, which two lines always fit.
   */
  readonly elbow: number | undefined;
  /** The same with entropy against the cumulative number of rows merged, so that small clusters count for less. */
  readonly elbowByRows: number | undefined;
  /** The components of each of `nClusters` clusters; clusters in the order of their first components. */
  clusters(nClusters: number): number[][];
  /** Probability of each cluster given the row (N x nClusters), of the rows merged or of others. */
  resp(nClusters: number, data?: MatrixLike): Matrix;
  /** Most probable cluster of each row (N), of the rows merged or of others; the lowest number among equals. */
  labels(nClusters: number, data?: MatrixLike): Int32Array;
}

/**
 * Combines components into clusters (Baudry, Raftery, Celeux, Lo and Gottardo 2010, "Combining mixture components for
 * clustering", J. Comput. Graph. Statist. 19, 332-353): the components that BIC needs for the density are often more than
 * there are clusters. From K clusters of one component each, the two whose union lowers the entropy of the clustering
 * most are merged, until one is left; the decrease by merging j and k is
 *
 *     sum_i (t_ij + t_ik) ln(t_ij + t_ik) - t_ij ln t_ij - t_ik ln t_ik    (their section 3.2)
 *
 * with t_ij the probability of cluster j given row i, the sum of the responsibilities of its components. The density
 * stays that of the model, whatever the number of clusters; `elbow` is their section 3.3.
 *
 * @param model the mixture, usually the one BIC chose
 * @param data N x D, the rows it was fitted to
 * @throws GaussmixError as `predictProba` for the data. O(N K^2) logarithms, memory N K
 * @example
 * import { GaussianMixture } from 'gaussmix';
 * import { merge } from 'gaussmix/inference';
 * const model = GaussianMixture.fromParameters({ weights: [0.25, 0.25, 0.5], means: [[0], [1], [20]], covariances: [[1], [1], [1]] });
 * const { data } = model.sample(200, { seed: 1 });
 * console.log(merge(model, data).clusters(2)); // [ [ 0, 1 ], [ 2 ] ]
 */
export function merge(model: GaussianMixture, data: MatrixLike): Merging {
  checkModel('merge', 'model', model);
  const { nComponents: k } = model;
  const { data: resp, shape } = model.predictProba(data);
  const n = shape[0];
  let clusters: readonly Cluster[] = Array.from({ length: k }, (_, component) => {
    const values = new Float64Array(n);
    for (let i = 0; i < n; i++) values[i] = resp[i * k + component];
    return { components: [component], values, entropy: entropyOf(values) };
  });
  const decreases = clusters.map((cluster, i) =>
    clusters.slice(0, i).map((other) => decrease(other, cluster)),
  );
  /** Of g clusters, at [g - 1]. */
  const partitions: number[][][] = new Array(k);
  const entropies = new Float64Array(k);
  const record = (): number => {
    const g = clusters.length;
    partitions[g - 1] = clusters.map(({ components }) => components);
    // All rows belong to a single cluster with probability 1, whatever rounding says of the sum.
    entropies[g - 1] = g === 1 ? 0 : clusters.reduce((sum, { entropy }) => sum + entropy, 0);
    return entropies[g - 1];
  };
  record();
  const steps: MergeStep[] = [];
  while (clusters.length > 1) {
    const [first, second] = largest(decreases);
    const [one, other] = [clusters[first], clusters[second]];
    const rows = countRows(clusters, first, second);
    const lowered = decreases[second][first];
    const union = unite(one, other);
    clusters = clusters.map((cluster, i) => (i === first ? union : cluster)).filter((_, i) => i !== second);
    decreases.splice(second, 1);
    for (const row of decreases) row.splice(second, 1);
    clusters.forEach((cluster, i) => {
      if (i < first) decreases[first][i] = decrease(cluster, union);
      if (i > first) decreases[i][first] = decrease(union, cluster);
    });
    const entropy = record();
    const merged = [one.components, other.components] as const;
    steps.push({ nClusters: clusters.length, merged, entropy, decrease: lowered, rows });
  }
  return describe(model, new Matrix(resp, [n, k]), partitions, entropies, steps);
}

interface Cluster {
  readonly components: number[];
  /** Probability of the cluster given each row (N). */
  readonly values: Float64Array;
  /** -sum of values ln values. */
  readonly entropy: number;
}

function unite(a: Cluster, b: Cluster): Cluster {
  const values = new Float64Array(a.values.length);
  for (let i = 0; i < values.length; i++) values[i] = a.values[i] + b.values[i];
  const components = [...a.components, ...b.components].sort((x, y) => x - y);
  return { components, values, entropy: entropyOf(values) };
}

function decrease(a: Cluster, b: Cluster): number {
  return a.entropy + b.entropy - unite(a, b).entropy;
}

/** -sum t ln t; t ln t -> 0 as t -> 0. */
function entropyOf(values: Float64Array): number {
  const logs = naturalLogarithms(values);
  let sum = 0;
  for (let i = 0; i < values.length; i++) if (values[i] > 0) sum -= values[i] * logs[i];
  return sum;
}

/** Columns [i, j], i < j, of the largest entry; the first among equals. */
function largest(decreases: readonly (readonly number[])[]): [number, number] {
  let best: [number, number] = [0, 1];
  for (let j = 1; j < decreases.length; j++) {
    for (let i = 0; i < j; i++) if (decreases[j][i] > decreases[best[1]][best[0]]) best = [i, j];
  }
  return best;
}

/** Rows whose most probable cluster is one of two. */
function countRows(clusters: readonly Cluster[], first: number, second: number): number {
  const n = clusters[0].values.length;
  let count = 0;
  for (let row = 0; row < n; row++) {
    const best = argmax(clusters.length, (cluster) => clusters[cluster].values[row]);
    if (best === first || best === second) count++;
  }
  return count;
}

function argmax(count: number, value: (i: number) => number): number {
  let best = 0;
  for (let i = 1; i < count; i++) if (value(i) > value(best)) best = i;
  return best;
}

function describe(
  model: GaussianMixture,
  resp: Matrix,
  partitions: readonly number[][][],
  entropies: Float64Array,
  steps: readonly MergeStep[],
): Merging {
  const k = partitions.length;
  // Rows merged on the way from g clusters to one, at [g - 1].
  const mergedRows = new Float64Array(k);
  for (let g = 2; g <= k; g++) mergedRows[g - 1] = mergedRows[g - 2] + steps[k - g].rows;
  const clustersOf = (nClusters: number): number[][] => {
    if (Number.isInteger(nClusters) && nClusters >= 1 && nClusters <= k) return partitions[nClusters - 1];
    const Failure = typeof nClusters === 'number' ? GaussmixRangeError : GaussmixTypeError;
    throw new Failure(
      'INVALID_OPTION',
      `merge: nClusters is ${describeValue(nClusters)}; it must be an integer from 1 to ${k}, the number of components`,
    );
  };
  const respOf = (nClusters: number, data?: MatrixLike): Matrix => {
    const clusters = clustersOf(nClusters);
    const single = data === undefined ? resp : model.predictProba(data);
    const [n] = single.shape;
    const result = new Float64Array(n * clusters.length);
    clusters.forEach((components, cluster) => {
      for (let row = 0; row < n; row++) {
        for (const component of components) {
          result[row * clusters.length + cluster] += single.data[row * k + component];
        }
      }
    });
    return new Matrix(result, [n, clusters.length]);
  };
  return {
    entropies,
    steps,
    elbow: bend(
      Float64Array.from({ length: k }, (_, i) => i + 1),
      entropies,
    ),
    elbowByRows: bend(mergedRows, entropies),
    clusters: (nClusters) => clustersOf(nClusters).map((components) => [...components]),
    resp: respOf,
    labels(nClusters, data) {
      const { data: values, shape } = respOf(nClusters, data);
      const [n, g] = shape;
      return Int32Array.from({ length: n }, (_, row) => argmax(g, (cluster) => values[row * g + cluster]));
    },
  };
}

/** Where two least-squares lines, over points 1 to c and c to K, leave the least sum of squares: c, from 2 to K - 1. */
function bend(x: Float64Array, y: Float64Array): number | undefined {
  let best: number | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (let c = 2; c < x.length; c++) {
    const rest =
      residuals(x.subarray(0, c), y.subarray(0, c)) + residuals(x.subarray(c - 1), y.subarray(c - 1));
    if (rest < least) [best, least] = [c, rest];
  }
  return best;
}

/** Sum of squares about the least-squares line. */
function residuals(x: Float64Array, y: Float64Array): number {
  const n = x.length;
  const meanX = x.reduce((a, b) => a + b, 0) / n;
  const meanY = y.reduce((a, b) => a + b, 0) / n;
  let [xx, xy] = [0, 0];
  for (let i = 0; i < n; i++) {
    xx += (x[i] - meanX) * (x[i] - meanX);
    xy += (x[i] - meanX) * (y[i] - meanY);
  }
  // Points of the same x: no row was merged between them.
  const slope = xx > 0 ? xy / xx : 0;
  let sum = 0;
  for (let i = 0; i < n; i++) {
    const rest = y[i] - meanY - slope * (x[i] - meanX);
    sum += rest * rest;
  }
  return sum;
}
