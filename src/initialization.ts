// Where an EM run starts: k-means, k-means++, random, rows of the data, or parameters given by the user.
// Must not iterate EM. Data-driven starts see at most 65,536 rows, chosen by a seeded hash of the row number.

import { type CovarianceForm, canonicalCovarianceType } from './covariance-models.ts';
import { GaussmixRangeError } from './errors.ts';
import type { WholeData } from './estimator.ts';
import { hierarchicalLabels } from './hierarchy.ts';
import { BLOCK, type Kernel } from './kernel.ts';
import { rowsWithMissing } from './missing.ts';
import type { InitializationMethod, Start } from './options.ts';
import {
  checkMeans,
  checkPositiveDefinite,
  checkSymmetric,
  checkWeights,
  covarianceLength,
  invertAll,
  KernelMixture,
  type Parameters,
  projectCovariances,
} from './parameters.ts';
import {
  type Asking,
  blockCount,
  blockRows,
  type ChosenRows,
  choose,
  gather,
  gatherCopy,
  mStep,
  panelCount,
  pause,
  type RowNumbers,
  StatisticsStack,
  statisticsCount,
} from './passes.ts';
import type { Random } from './random.ts';

/** Most rows that a data-driven start looks at. */
const START_ROWS = 65536;
/** Most doubles that their copy may take (16 MiB), as long as it holds 4,096 rows. */
const START_DOUBLES = 2 ** 21;
/** Lloyd's iterations end here, or when fewer than one row in a thousand changed its cluster. */
const LLOYD_ITERATIONS = 100;
const LLOYD_CHANGED = 1e-3;

/** Columns up to which a start expects missing values from the others: a pattern costs D^3. */
const MOST_EXPECTED = 64;

/** Rows from which on one pass of k-means takes milliseconds: then others get a turn between passes. */
const PAUSE_ROWS = 2 ** 14;

/** How many rows a data-driven start uses. */
export function startRowCount(rows: number, d: number): number {
  return Math.min(rows, START_ROWS, Math.max(4096, Math.floor(START_DOUBLES / d)));
}

/**
 * The rows a data-driven start looks at, standardised (mean 0, variance 1), in kernel memory. What is missing stands at what is expected of it
 * under one normal distribution, that of all rows; and after the first assignment of k-means at the centre of its row's cluster, so that it
 * adds nothing to the row's distance (k-POD: Chi, Chi and Baraniuk 2016, "k-POD: a method for k-means clustering of missing data").
 */
export class StartRows {
  readonly #kernel: Kernel;
  readonly #data: WholeData;
  readonly #n: number;
  readonly #numbers: RowNumbers;
  readonly #scale: Float64Array;
  readonly #panels: number;
  readonly #weights: number;
  readonly #labels: number;
  readonly #distances: [number, number, number];
  /** Where values are missing: row times D plus feature, ascending. */
  readonly #missing: number[] = [];
  /** What is expected there, standardised; once it has been asked for. */
  #expected: Float64Array | undefined;

  /** Doubles that n rows take, with what {@link StartRows.start} needs beside an estimator. */
  static size(n: number, k: number, d: number): number {
    return panelCount(n, d) + 6 * (n + 8) + 4 * k * (d + 2) + BLOCK * k + BLOCK * d;
  }

  private constructor(kernel: Kernel, data: WholeData, { rows: numbers, weights }: ChosenRows) {
    const n = numbers.length;
    this.#kernel = kernel;
    this.#data = data;
    this.#numbers = numbers;
    this.#n = n;
    this.#scale = data.variance.map((v) => (v > 0 ? Math.sqrt(v) : 1));
    this.#panels = kernel.allocate(panelCount(n, data.mean.length));
    this.#weights = weights ? kernel.allocate(n) : 0;
    this.#labels = kernel.allocate(n + 8);
    this.#distances = [kernel.allocate(n + 8), kernel.allocate(n + 8), kernel.allocate(n + 8)];
    if (weights) kernel.f64.set(weights, this.#weights / 8);
  }

  /** Chooses the rows, fetches and standardises them. */
  static *of(
    kernel: Kernel,
    data: WholeData,
    seed: number,
    count: number = startRowCount(data.rows, data.mean.length),
  ): Asking<StartRows> {
    const start = new StartRows(kernel, data, yield* choose(seed, count));
    yield* start.#standardise();
    return start;
  }

  *#standardise(): Asking<void> {
    const { mean } = this.#data;
    const d = mean.length;
    const kernel = this.#kernel;
    const inverse = this.#scale.map((s) => 1 / s);
    const mark = kernel.mark();
    const staging = kernel.allocate(Math.min(BLOCK, this.#n) * d);
    for (let start = 0; start < this.#n; start += BLOCK) {
      const count = Math.min(BLOCK, this.#n - start);
      yield* gather(this.#numbers.subarray(start, start + count), staging);
      const { f64 } = kernel;
      const to = staging / 8;
      for (let i = 0, at = 0; i < count; i++) {
        for (let j = 0; j < d; j++, at++) {
          f64[to + at] = (f64[to + at] - mean[j]) * inverse[j];
          if (!this.#data.missing || !Number.isNaN(f64[to + at])) continue;
          this.#missing.push(start * d + at);
        }
      }
      kernel.exports.gmm_pack(staging, count, d, this.#panels + start * d * 8);
    }
    kernel.release(mark);
  }

  /**
   * What is missing is expected at its mean given the row's other values, under a normal distribution with the covariance of all rows. Where
   * that is singular, or there are so many columns that factors for each pattern cost much: at the mean of its column.
   */
  *#expectedValues(): Asking<Float64Array> {
    const d = this.#data.mean.length;
    const kernel = this.#kernel;
    if (this.#expected) return this.#expected;
    const expected = new Float64Array(this.#missing.length);
    this.#expected = expected;
    if (d > MOST_EXPECTED) return expected;
    this.#fill(() => Number.NaN);
    const covariance = yield* this.#data.covariance();
    const mark = kernel.mark();
    const one = new KernelMixture(kernel, 'full', 1, d);
    const scale = this.#scale;
    const covariances = covariance.map((v, i) => v / (scale[Math.floor(i / d)] * scale[i % d]));
    const [weights, means] = [Float64Array.of(1), new Float64Array(d)];
    one.write({ form: 'full', k: 1, d, weights, means, covariances });
    if (one.prepare() === 0) {
      const completed = kernel.allocate(Math.min(BLOCK, this.#n) * d);
      const { eStep } = rowsWithMissing(one, this.#n);
      let next = 0;
      for (let block = 0; block < blockCount(this.#n); block++) {
        if (block > 0) yield* pause();
        const count = blockRows(this.#n, block);
        eStep(this.#panels + block * BLOCK * d * 8, count, 0, 0, 0, completed);
        const first = block * BLOCK * d;
        const { f64 } = kernel;
        for (; this.#missing[next] < first + count * d; next++) {
          expected[next] = f64[completed / 8 + this.#missing[next] - first];
        }
      }
    }
    kernel.release(mark);
    return expected;
  }

  /** Start parameters of one run. */
  *start(name: InitializationMethod, form: CovarianceForm, k: number, random: Random): Asking<Parameters> {
    if (name === 'random-from-data') return yield* this.#fromRows(form, k, random);
    const kernel = this.#kernel;
    const d = this.#data.mean.length;
    const mark = kernel.mark();
    const centres = kernel.allocate(k * d);
    let responsibilities: (first: number, count: number, target: Float64Array) => void;
    kernel.view(centres, k * d).fill(0);
    if (this.#missing.length > 0) {
      const expected = name === 'random' ? undefined : yield* this.#expectedValues();
      this.#fill((_row, _feature, i) => expected?.[i] ?? 0);
    }
    if (name === 'random') {
      responsibilities = (_first, count, target) => randomResponsibilities(count, k, random, target);
    } else {
      if (name === 'hierarchical') this.#cutTree(k);
      else {
        yield* this.#seed(centres, k, random);
        yield* this.#lloyd(centres, k, name === 'kmeans' ? LLOYD_ITERATIONS : 1);
      }
      if (this.#missing.length > 0) this.#centreObserved(centres, k);
      responsibilities = (first, count, target) => {
        target.fill(0);
        const labels = kernel.i32.subarray(this.#labels / 4 + first, this.#labels / 4 + first + count);
        for (let i = 0; i < count; i++) target[i * k + labels[i]] = 1;
      };
    }
    const parameters = yield* this.#maximize(form, k, centres, responsibilities);
    kernel.release(mark);
    return parameters;
  }

  /** K different rows as means, equal weights, the covariance of the whole data for every component. */
  *#fromRows(form: CovarianceForm, k: number, random: Random): Asking<Parameters> {
    const d = this.#data.mean.length;
    const usable = this.#usable().map((row) => this.#numbers[row]);
    for (let component = 0; component < k; component++) {
      // A shuffle cut short: the first K places of a random order.
      const other = component + random.integer(usable.length - component);
      [usable[component], usable[other]] = [usable[other], usable[component]];
    }
    const rows = yield* gatherCopy(this.#kernel, Float64Array.from(usable.slice(0, k)), d);
    const means = this.#data.filled(rows);
    const weights = new Float64Array(k).fill(1 / k);
    const covariances = yield* wholeCovariances(this.#kernel, this.#data, form, k);
    return { form, k, d, weights, means, covariances };
  }

  /**
   * k-means++ (Arthur and Vassilvitskii 2007) in its greedy form: each centre is the best of a few rows drawn with
   * probability proportional to weight times squared distance to the nearest centre so far.
   */
  *#seed(centres: number, k: number, random: Random): Asking<void> {
    const kernel = this.#kernel;
    const d = this.#data.mean.length;
    const n = this.#n;
    const { gmm_kmeans_distances, gmm_kmeans_sample } = kernel.exports;
    let [current, candidate, best] = this.#distances;
    const trials = 34 - Math.clz32(k);
    kernel.view(current, n).fill(1);
    const totalWeight = this.#weights === 0 ? n : sum(kernel.view(this.#weights, n));
    let row = gmm_kmeans_sample(current, this.#weights, n, random.uniform() * totalWeight);
    this.#copyRow(row, centres);
    let potential = gmm_kmeans_distances(this.#panels, this.#weights, n, d, centres, 0, current);
    for (let component = 1; component < k; component++) {
      if (n > PAUSE_ROWS) yield* pause();
      const centre = centres + component * d * 8;
      let bestPotential = Number.POSITIVE_INFINITY;
      let bestRow = 0;
      for (let trial = 0; trial < trials; trial++) {
        row = gmm_kmeans_sample(current, this.#weights, n, random.uniform() * potential);
        // Every row stands on a centre already: fewer different rows than components.
        if (row < 0) row = random.integer(n);
        this.#copyRow(row, centre);
        const found = gmm_kmeans_distances(this.#panels, this.#weights, n, d, centre, current, candidate);
        if (found >= bestPotential) continue;
        bestPotential = found;
        bestRow = row;
        [candidate, best] = [best, candidate];
      }
      this.#copyRow(bestRow, centre);
      [current, best] = [best, current];
      potential = bestPotential;
    }
  }

  /** Puts values where they are missing, by row, feature and number of the missing value. */
  #fill(value: (row: number, feature: number, i: number) => number): void {
    const d = this.#data.mean.length;
    const { f64 } = this.#kernel;
    for (const [i, cell] of this.#missing.entries()) {
      const row = Math.floor(cell / d);
      const at = this.#at(row, cell % d);
      // With the last row go its copies, which fill up the panel.
      f64.fill(value(row, cell % d, i), at, row === this.#n - 1 ? at + 8 - (row % 8) : at + 1);
    }
  }

  /** Where a value is, in doubles. */
  #at(row: number, feature: number): number {
    const d = this.#data.mean.length;
    return this.#panels / 8 + (Math.floor(row / 8) * d + feature) * 8 + (row % 8);
  }

  #fillByCentres(centres: number): void {
    const d = this.#data.mean.length;
    const { f64, i32 } = this.#kernel;
    this.#fill((row, feature) => f64[centres / 8 + i32[this.#labels / 4 + row] * d + feature]);
  }

  /** Centres become the means of the observed values of their rows (0, the mean of all, where there are none), and missing values these. */
  #centreObserved(centres: number, k: number): void {
    const d = this.#data.mean.length;
    const { f64, i32 } = this.#kernel;
    const sums = new Float64Array(k * d);
    const counts = new Float64Array(k * d);
    this.#fill(() => Number.NaN);
    for (let row = 0; row < this.#n; row++) {
      const base = i32[this.#labels / 4 + row] * d;
      const weight = this.#weight(row);
      for (let j = 0; j < d; j++) {
        const value = f64[this.#at(row, j)];
        if (Number.isNaN(value)) continue;
        sums[base + j] += weight * value;
        counts[base + j] += weight;
      }
    }
    for (let i = 0; i < k * d; i++) f64[centres / 8 + i] = counts[i] > 0 ? sums[i] / counts[i] : 0;
    this.#fillByCentres(centres);
  }

  /** Labels from the tree of the rows of positive weight. */
  #cutTree(k: number): void {
    const kernel = this.#kernel;
    const d = this.#data.mean.length;
    const used = this.#usable();
    const mark = kernel.mark();
    const rows = kernel.allocate(used.length * d);
    for (const [i, row] of used.entries()) this.#copyRow(row, rows + i * d * 8);
    const weights = Float64Array.from(used, (row) => this.#weight(row));
    const labels = hierarchicalLabels(kernel, kernel.copy(rows, used.length * d), weights, d, k);
    kernel.release(mark);
    kernel.i32.fill(0, this.#labels / 4, this.#labels / 4 + this.#n);
    for (const [i, row] of used.entries()) kernel.i32[this.#labels / 4 + row] = labels[i];
  }

  #weight(row: number): number {
    return this.#weights === 0 ? 1 : this.#kernel.f64[this.#weights / 8 + row];
  }

  /** Of the rows looked at, those of positive weight. */
  #usable(): number[] {
    return Array.from(this.#numbers.keys()).filter((row) => this.#weight(row) > 0);
  }

  #copyRow(i: number, target: number): void {
    const d = this.#data.mean.length;
    const { f64 } = this.#kernel;
    const from = this.#panels / 8 + Math.floor(i / 8) * 8 * d + (i % 8);
    for (let j = 0; j < d; j++) f64[target / 8 + j] = f64[from + 8 * j];
  }

  /** Lloyd's iterations; a cluster without rows moves to the row farthest from its centre. Leaves labels behind. */
  *#lloyd(centres: number, k: number, iterations: number): Asking<void> {
    const kernel = this.#kernel;
    const d = this.#data.mean.length;
    const n = this.#n;
    const [distances] = this.#distances;
    const sums = kernel.allocate(k * d);
    const counts = kernel.allocate(k);
    kernel.i32.fill(-1, this.#labels / 4, this.#labels / 4 + n);
    for (let iteration = 0; iteration < iterations; iteration++) {
      if (n > PAUSE_ROWS) yield* pause();
      const changed = kernel.exports.gmm_kmeans_assign(
        this.#panels,
        this.#weights,
        n,
        d,
        k,
        centres,
        this.#labels,
        distances,
        sums,
        counts,
      );
      const { f64 } = kernel;
      let moved = false;
      for (let component = 0; component < k; component++) {
        const count = f64[counts / 8 + component];
        const centre = centres / 8 + component * d;
        if (count > 0) {
          for (let j = 0; j < d; j++) f64[centre + j] = f64[sums / 8 + component * d + j] / count;
        } else moved = this.#moveToFarthest(distances, centres + component * d * 8) || moved;
      }
      this.#fillByCentres(centres);
      if (!moved && changed <= LLOYD_CHANGED * n) return;
    }
  }

  /** False when every row stands on its centre: then nothing is gained by moving. */
  #moveToFarthest(distances: number, centre: number): boolean {
    const view = this.#kernel.view(distances, this.#n);
    const weights = this.#weights === 0 ? undefined : this.#kernel.view(this.#weights, this.#n);
    let farthest = 0;
    for (let i = 1; i < this.#n; i++) {
      if (view[i] > view[farthest] && (weights === undefined || weights[i] > 0)) farthest = i;
    }
    if (!(view[farthest] > 0)) return false;
    view[farthest] = 0;
    this.#copyRow(farthest, centre);
    return true;
  }

  /** M-step of given responsibilities, on the standardised rows, scaled back. */
  *#maximize(
    form: CovarianceForm,
    k: number,
    centres: number,
    responsibilities: (first: number, count: number, target: Float64Array) => void,
  ): Asking<Parameters> {
    const kernel = this.#kernel;
    const d = this.#data.mean.length;
    const n = this.#n;
    // Spherical in the units of the data is not spherical in standard deviations.
    const inner = form === 'spherical' ? 'diag' : form;
    const mixture = new KernelMixture(kernel, inner, k, d);
    const stack = new StatisticsStack(kernel, statisticsCount(mixture), blockCount(n));
    const resp = kernel.allocate(Math.min(n, BLOCK) * k);
    const zeros = kernel.allocate(d);
    kernel.view(zeros, d).fill(0);
    kernel.f64.copyWithin(mixture.means / 8, centres / 8, centres / 8 + k * d);
    // What a component without rows keeps: the unit variances of the whole data.
    const covariances = new Float64Array(covarianceLength(inner, k, d)).fill(inner === 'diag' ? 1 : 0);
    if (inner !== 'diag') for (let i = 0; i * d < covariances.length; i++) covariances[i * d + (i % d)] = 1;
    kernel.view(mixture.covariances, covariances.length).set(covariances);
    const lacking = new Float64Array(k * d);
    let next = 0;
    for (let block = 0; block < blockCount(n); block++) {
      if (block > 0) yield* pause();
      const count = blockRows(n, block);
      responsibilities(block * BLOCK, count, kernel.view(resp, count * k));
      for (const end = (block * BLOCK + count) * d; this.#missing[next] < end; next++) {
        const row = Math.floor(this.#missing[next] / d);
        const weight = this.#weight(row);
        for (let component = 0; component < k; component++) {
          const r = kernel.f64[resp / 8 + (row - block * BLOCK) * k + component];
          lacking[component * d + (this.#missing[next] % d)] += weight * r;
        }
      }
      kernel.exports.gmm_accumulate_responsibilities(
        mixture.code,
        this.#panels + block * BLOCK * d * 8,
        this.#weights === 0 ? 0 : this.#weights + block * BLOCK * 8,
        count,
        d,
        k,
        mixture.means,
        resp,
        stack.push(),
        mixture.workspace,
      );
      stack.carry();
    }
    const statistics = stack.finish();
    if (this.#missing.length > 0) this.#addLacking(mixture, statistics, lacking);
    mStep(mixture, statistics, zeros, 0);
    return this.#scaledBack(mixture.read(), form);
  }

  /**
   * Missing values, which stand at their centres, count with the variance of the observed ones of their component (tied: of all); with 1, that
   * of all rows, where there are none. The diagonal of the scatter is then that of the observed values, and no covariance is singular
   * for what is missing.
   * @param lacking responsibility of each component for the rows that lack a feature (K, D)
   */
  #addLacking({ kernel, form, k, d }: KernelMixture, statistics: number, lacking: Float64Array): void {
    const { f64 } = kernel;
    const nk = statistics / 8 + 2;
    const sumXX = nk + k + k * d;
    const triangle = (d * (d + 1)) / 2;
    const add = (at: number, total: number, missing: number): void => {
      const observed = total - missing;
      // Less than rounding of the sums is nothing.
      f64[at] += observed > 1e-9 * total ? (missing * f64[at]) / observed : missing;
    };
    for (let j = 0; j < d; j++) {
      const diagonal = ((j + 1) * (j + 2)) / 2 - 1;
      if (form === 'tied') {
        let [total, missing] = [0, 0];
        for (let component = 0; component < k; component++) {
          total += f64[nk + component];
          missing += lacking[component * d + j];
        }
        add(sumXX + diagonal, total, missing);
        continue;
      }
      for (let component = 0; component < k; component++) {
        const at = form === 'diag' ? component * d + j : component * triangle + diagonal;
        add(sumXX + at, f64[nk + component], lacking[component * d + j]);
      }
    }
  }

  #scaledBack(p: Parameters, form: CovarianceForm): Parameters {
    const { k, d, weights } = p;
    const { mean, regularization } = this.#data;
    const scale = this.#scale;
    const means = p.means.map((z, i) => mean[i % d] + scale[i % d] * z);
    const covariances =
      p.form === 'diag'
        ? p.covariances.map((v, i) => v * scale[i % d] * scale[i % d] + regularization[i % d])
        : p.covariances.map((v, i) => {
            const row = Math.floor(i / d) % d;
            const column = i % d;
            // The product of the scales first: it commutes, so the matrix stays symmetric to the bit.
            return v * (scale[row] * scale[column]) + (row === column ? regularization[row] : 0);
          });
    if (form !== 'spherical') return { form, k, d, weights, means, covariances };
    const variances = Float64Array.from({ length: k }, (_, component) => {
      return sum(covariances.subarray(component * d, (component + 1) * d)) / d;
    });
    return { form, k, d, weights, means, covariances: variances };
  }
}

function sum(values: Float64Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/** Rows of independent uniform numbers, each row divided by its sum. */
function randomResponsibilities(count: number, k: number, random: Random, target: Float64Array): void {
  for (let i = 0; i < count; i++) {
    let total = 0;
    for (let component = 0; component < k; component++) {
      // 1 - u is never zero.
      const value = 1 - random.uniform();
      target[i * k + component] = value;
      total += value;
    }
    for (let component = 0; component < k; component++) target[i * k + component] /= total;
  }
}

/**
 * The whole data's covariance for each of K components, in the form's shape; regularised only where the data's own is
 * singular (all columns but one may be constant, or columns imply each other).
 */
function* wholeCovariances(
  kernel: Kernel,
  data: WholeData,
  form: CovarianceForm,
  k: number,
): Asking<Float64Array> {
  const d = data.mean.length;
  if (form === 'diag' || form === 'spherical') {
    const plain = data.variance.every((v) => v > 0);
    const diagonal = data.variance.map((v, j) => (plain ? v : v + data.regularization[j]));
    if (form === 'spherical') return new Float64Array(k).fill(sum(diagonal) / d);
    return Float64Array.from({ length: k * d }, (_, i) => diagonal[i % d]);
  }
  const one = (yield* data.covariance()).slice();
  if (!isPositiveDefinite(kernel, one, d)) {
    for (let j = 0; j < d; j++) one[j * d + j] += data.regularization[j];
    // Only with a prior does data without regularisation come here; its variances alone are a regular start.
    if (data.regularization.every((value) => value === 0)) {
      for (let i = 0; i < d * d; i++) if (i % (d + 1) !== 0) one[i] = 0;
    }
  }
  if (form === 'tied') return one;
  const all = new Float64Array(k * d * d);
  for (let component = 0; component < k; component++) all.set(one, component * d * d);
  return all;
}

function isPositiveDefinite(kernel: Kernel, matrix: Float64Array, d: number): boolean {
  const mark = kernel.mark();
  const at = kernel.allocate(d * d);
  kernel.view(at, d * d).set(matrix);
  const failed = kernel.exports.gmm_cholesky(at, at, 0, d);
  kernel.release(mark);
  return failed === 0;
}

/**
 * Start parameters given by the user: checked, and brought to the form asked for (see projectCovariances).
 * @throws GaussmixRangeError or GaussmixTypeError naming what does not fit
 */
export function* givenStart(
  kernel: Kernel,
  start: Start,
  form: CovarianceForm,
  k: number,
  data: WholeData,
): Asking<Parameters> {
  const d = data.mean.length;
  const name = 'initialization';
  const given = checkMeans(start.means, `${name}.means`);
  if (given.k !== k || given.d !== d) {
    throw new GaussmixRangeError(
      'INVALID_PARAMETERS',
      `${name}.means is ${given.k} x ${given.d}; with nComponents ${k} and ${d} columns of data it must be ${k} x ${d}`,
    );
  }
  const weights =
    start.weights === undefined
      ? new Float64Array(k).fill(1 / k)
      : checkWeights(start.weights, k, `${name}.weights`);
  if (start.covariances !== undefined && start.precisions !== undefined) {
    throw new GaussmixRangeError(
      'INVALID_PARAMETERS',
      `${name} has both covariances and precisions: give one of them`,
    );
  }
  let covariances: Float64Array;
  if (start.covariances !== undefined) {
    const full = checkSymmetric(start.covariances, k, d, `${name}.covariances`);
    checkPositiveDefinite(full, k, d, `${name}.covariances`);
    covariances = projectCovariances(form, full, weights, d);
  } else if (start.precisions !== undefined) {
    const precisions = checkSymmetric(start.precisions, k, d, `${name}.precisions`);
    covariances = projectCovariances(form, invertAll(precisions, k, d, `${name}.precisions`), weights, d);
  } else covariances = yield* wholeCovariances(kernel, data, form, k);
  const { covarianceType } = start;
  const type =
    covarianceType === undefined
      ? undefined
      : canonicalCovarianceType(covarianceType, `${name}.covarianceType`);
  // An inverse is of it to rounding only.
  const ofModel = start.covariances === undefined ? undefined : type;
  return { form, k, d, weights, means: given.means, covariances, ofModel };
}
