// What a report says, as numbers: gathered from a model and the rows it is about.
// Must not write text nor markup. The numbers are the library's own; what is computed here chooses what is shown.
import type { Criteria, GaussianMixture, ModelJSON } from 'gaussmix';
import { paddedExtent } from '../charts/axis.ts';
import type { FigureFeature } from '../charts/figure.ts';
import { histogram } from '../charts/shapes.ts';
import type { Missing } from './arguments.ts';
import type { Table } from './table.ts';

/** Features in the scatter-plot matrix; more would be too small to see. */
export const MATRIX_FEATURES = 6;
/** Dots of one plot, and of all plots together: what keeps a report below 2 MB. */
const MOST_DOTS = 10_000;
const MOST_DOTS_TOGETHER = 60_000;
/** Seed of the choice of the rows that are drawn. */
export const DRAWN_SEED = 0;
/** Rows listed as the most uncertain. */
const MOST_UNCERTAIN = 10;
/** Limits of the bands that uncertainties are counted in. */
const BANDS: readonly number[] = [0, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1];

/** A range of uncertainties, and how much lies in it. */
export interface Band {
  readonly from: number;
  readonly to: number;
  /** Rows, or their weight. */
  readonly count: number;
}

/** A row that could belong to two components. */
export interface UncertainRow {
  /** From 0. */
  readonly row: number;
  readonly uncertainty: number;
  readonly component: number;
  readonly resp: number;
  readonly second: number;
  readonly secondResp: number;
}

export interface ReportContent {
  readonly model: ModelJSON;
  readonly nParameters: number;
  readonly names: readonly string[];
  readonly rows: number;
  /** Sum of the weights; the number of rows where there are none. */
  readonly totalWeight: number;
  readonly criteria: Criteria;
  /** Rows (or their weight) whose most probable component is k, for each k. */
  readonly sizes: readonly number[];
  /** For each feature, the share of the mixture's variance that lies between the means of its components. */
  readonly explained: readonly number[];
  /** Undefined with one component: nothing to be uncertain about. */
  readonly uncertainty:
    | {
        readonly mean: number;
        readonly bands: readonly Band[];
        readonly most: readonly UncertainRow[];
      }
    | undefined;
  /** Those in the picture, in the order of the columns. */
  readonly features: readonly FigureFeature[];
  /** The most probable component of each row drawn. */
  readonly drawn: Int32Array;
  /** Rows that lack a feature shown, and are not drawn. */
  readonly lacking: number;
}

/** Gathers the numbers. O(N (K D^2 + log N)) */
export function gather(model: GaussianMixture, table: Table, missing: Missing): ReportContent {
  const { data, rows, columns, weights } = table;
  const all = { data, shape: [rows, columns] };
  const json = model.toJSON();
  const labels = model.predict(all, { missing });
  const weightOf = (row: number): number => (weights ? weights[row] : 1);
  const sizes = new Array<number>(model.nComponents).fill(0);
  let totalWeight = 0;
  for (let row = 0; row < rows; row++) {
    sizes[labels[row]] += weightOf(row);
    totalWeight += weightOf(row);
  }
  const explained = Array.from({ length: columns }, (_, feature) => varianceExplained(json, feature));
  const shown = chooseFeatures(explained);
  const drawn = chooseRows(table, shown);
  const names = namesOf(model, table);
  return {
    model: json,
    nParameters: model.nParameters,
    names,
    rows,
    totalWeight,
    criteria: model.criteria(all, { sampleWeight: weights, missing }),
    sizes,
    explained,
    uncertainty:
      model.nComponents === 1 ? undefined : uncertaintyOf(model, table, missing, weightOf, totalWeight),
    features: shown.map((index) => figureFeature(table, index, names[index], drawn)),
    drawn: drawn.map((row) => labels[row]),
    lacking: countLacking(table, shown),
  };
}

function namesOf({ featureNames }: GaussianMixture, { names, columns }: Table): readonly string[] {
  return featureNames ?? names ?? Array.from({ length: columns }, (_, i) => `column ${i + 1}`);
}

/** By the law of total variance: between / (between + within). */
function varianceExplained({ weights, means, covariances }: ModelJSON, feature: number): number {
  const mean = weights.reduce((sum, weight, k) => sum + weight * means[k][feature], 0);
  let [between, within] = [0, 0];
  weights.forEach((weight, k) => {
    const distance = means[k][feature] - mean;
    between += weight * distance * distance;
    within += weight * covariances[k][feature][feature];
  });
  return between / (between + within);
}

/** The features that the components differ most in; the first ones among equals. */
function chooseFeatures(explained: readonly number[]): number[] {
  const ranked = explained.map((_, feature) => feature).sort((a, b) => explained[b] - explained[a] || a - b);
  return ranked.slice(0, MATRIX_FEATURES).sort((a, b) => a - b);
}

/** Which rows are drawn: all that count and have the features shown, or a random subset of them, each as likely as any other. */
function chooseRows({ data, rows, columns, weights }: Table, shown: readonly number[]): Int32Array {
  const isThere = (row: number): boolean => shown.every((j) => !Number.isNaN(data[row * columns + j]));
  const counting = new Int32Array(rows);
  let count = 0;
  for (let row = 0; row < rows; row++)
    if ((!weights || weights[row] > 0) && isThere(row)) counting[count++] = row;
  const plots = shown.length < 3 ? 1 : shown.length * (shown.length - 1);
  const most = Math.min(count, MOST_DOTS, Math.floor(MOST_DOTS_TOGETHER / plots));
  const chosen = new Int32Array(most);
  const uniform = generator(DRAWN_SEED);
  // Selection sampling: a row is taken with the share of places left among rows left (Knuth, TAOCP 3.4.2, algorithm S).
  let taken = 0;
  for (let i = 0; i < count && taken < most; i++) {
    if (uniform() * (count - i) < most - taken) chosen[taken++] = counting[i];
  }
  return chosen;
}

/** Uniform numbers in [0, 1) by integer arithmetic alone: a Weyl sequence, mixed (murmur3's finaliser). */
function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let word = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
    return ((word ^ (word >>> 16)) >>> 0) / 0x100000000;
  };
}

function countLacking({ data, rows, columns }: Table, shown: readonly number[]): number {
  let count = 0;
  for (let row = 0; row < rows; row++) if (shown.some((j) => Number.isNaN(data[row * columns + j]))) count++;
  return count;
}

function figureFeature(table: Table, index: number, label: string, drawn: Int32Array): FigureFeature {
  const { data, rows, columns, weights } = table;
  const all = new Float64Array(rows);
  for (let row = 0; row < rows; row++) all[row] = data[row * columns + index];
  const isThere = (_: number, row: number): boolean => !Number.isNaN(all[row]);
  const column = all.filter(isThere);
  return {
    index,
    label,
    values: Float64Array.from(drawn, (row) => all[row]),
    bars: histogram(column, weights?.filter(isThere)),
    extent: paddedExtent(column, 0.06),
  };
}

function uncertaintyOf(
  model: GaussianMixture,
  { data, rows, columns }: Table,
  missing: Missing,
  weightOf: (row: number) => number,
  totalWeight: number,
): NonNullable<ReportContent['uncertainty']> {
  const values = model.uncertainty({ data, shape: [rows, columns] }, { missing });
  const counts = new Array<number>(BANDS.length - 1).fill(0);
  const most: number[] = [];
  let sum = 0;
  for (let row = 0; row < rows; row++) {
    const weight = weightOf(row);
    if (weight === 0) continue;
    const value = values[row];
    sum += weight * value;
    let band = 0;
    while (band < counts.length - 1 && value >= BANDS[band + 1]) band++;
    counts[band] += weight;
    if (value === 0 || (most.length === MOST_UNCERTAIN && value <= values[most[most.length - 1]])) continue;
    const place = most.findIndex((other) => values[other] < value);
    most.splice(place < 0 ? most.length : place, 0, row);
    if (most.length > MOST_UNCERTAIN) most.pop();
  }
  return {
    mean: sum / totalWeight,
    bands: counts.map((count, i) => ({ from: BANDS[i], to: BANDS[i + 1], count })),
    most: most.map((row) => {
      const one = { data: data.subarray(row * columns, (row + 1) * columns), shape: [1, columns] };
      const resp = model.predictProba(one, { missing }).data;
      const [component, second] = Array.from(resp.keys()).sort((a, b) => resp[b] - resp[a] || a - b);
      return {
        row,
        uncertainty: values[row],
        component,
        resp: resp[component],
        second,
        secondResp: resp[second],
      };
    }),
  };
}
