// The consistent grid of selectModel: no cell below one within it, by a lattice written down here. Starts that it relies on.
// Must not test what a selection is besides (select.test.ts), nor the models (models.test.ts).
import {
  type FittedCell,
  GaussianMixture,
  type SelectOptions,
  selectModel,
  selectModelAsync,
} from 'gaussmix';
import { describe, expect, it } from 'vitest';
import { mclustName } from './helpers/covariance-models.ts';
import { clusters, loadExample } from './helpers/data.ts';

/** Each model, and those it contains with no other in between (Celeux and Govaert 1995, by their definitions). */
const CONTAINS: Record<string, string> = {
  EII: '',
  VII: 'EII',
  EEI: 'EII',
  VEI: 'VII EEI',
  EVI: 'EEI',
  VVI: 'VEI EVI',
  EEE: 'EEI',
  VEE: 'VEI EEE',
  EVE: 'EVI EEE',
  VVE: 'VVI VEE EVE',
  EEV: 'EEE',
  VEV: 'VEE EEV',
  EVV: 'EVE EEV',
  VVV: 'VVE VEV EVV',
};

/**
 * Log-likelihoods of a solution found once as one of a model and once of another are sums of hundreds of terms of size 1 to 10, in the
 * same order, of covariances that differ by rounding: 1e-13. A regularised fit that fell back by more is a violation.
 */
const ROUNDING = 1e-9;

const data = { faithful: loadExample('faithful'), iris: loadExample('iris') };
const whole = { nComponents: [1, 2, 3, 4, 5, 6, 7, 8, 9] };

function fitted(rows: number[][], options: SelectOptions): FittedCell[] {
  const { table } = selectModel(rows, options);
  expect(table.every((cell) => cell.model)).toBe(true);
  return table as FittedCell[];
}

/** Pairs of cells of which the larger has the lower likelihood, and how many pairs there are. */
function violations(table: readonly FittedCell[]): { pairs: number; found: string[] } {
  const at = (k: number, name: string) =>
    table.find((cell) => cell.nComponents === k && mclustName(cell.covarianceType) === name);
  let pairs = 0;
  const found: string[] = [];
  for (const cell of table) {
    const { nComponents: k, covarianceType, logLikelihood } = cell;
    const name = mclustName(covarianceType);
    const smaller = Math.max(...table.map((other) => other.nComponents).filter((other) => other < k));
    const within = [...CONTAINS[name].split(' ').map((inner) => at(k, inner)), at(smaller, name)];
    for (const inner of within) {
      if (inner === undefined) continue;
      pairs++;
      if (logLikelihood >= inner.logLikelihood - ROUNDING) continue;
      found.push(
        `${k} ${name} ${logLikelihood} < ${inner.nComponents} ${inner.covarianceType} ${inner.logLikelihood}`,
      );
    }
  }
  return { pairs, found };
}

describe.each(['faithful', 'iris'] as const)('%s, 1 to 9 components of all 14 models', (name) => {
  it.each(['kmeans', 'hierarchical', 'random'] as const)(
    'from %s starts, is consistent',
    (initialization) => {
      const table = fitted(data[name], { ...whole, initialization });
      const { pairs, found } = violations(table);
      expect(found).toEqual([]);
      // 23 nested pairs in each of 9 sizes, and 14 models in 8 pairs of sizes.
      expect(pairs).toBe(9 * 23 + 8 * 14);
      expect(table.filter((cell) => cell.spurious)).toEqual([]);
    },
  );

  it('is not where each cell is fitted on its own', () => {
    expect(violations(fitted(data[name], { ...whole, consistent: false })).found.length).toBeGreaterThan(0);
  });

  it('has no cell below the fit alone, but where that is spurious', () => {
    const alone = fitted(data[name], { ...whole, consistent: false });
    for (const [i, cell] of fitted(data[name], whole).entries()) {
      const sound = alone[i].model.fitted?.warnings.length === 0;
      // VVE among others ends in narrow components of many rows that no warning names: then it is sound solutions that count.
      if (sound && !alone[i].spurious && cell.logLikelihood < alone[i].logLikelihood) {
        const narrow = Math.min(
          ...alone[i].model.covariances.map(({ data: c }) => Math.min(...c.map(Math.abs))),
        );
        expect(narrow, `${cell.nComponents} ${cell.covarianceType}`).toBeLessThan(1e-5);
      }
    }
  });
});

// mclust 6.0.0: Mclust(faithful) takes EEE with 3 components, BIC -2314.316; Mclust(iris[, 1:4]) VEV with 2, -561.7285 (its sign is the
// other). Fits that stop at a gain of 1e-5 per row are some hundredths short of their limit.
it('picks what mclust picks', () => {
  const first = selectModel(data.faithful, whole);
  expect([first.best.nComponents, first.best.covarianceType]).toEqual([3, 'tied']);
  expect(first.best.bic(data.faithful)).toBeGreaterThan(2314.25);
  expect(first.best.bic(data.faithful)).toBeLessThan(2314.32);
  const second = selectModel(data.iris, whole);
  expect([second.best.nComponents, second.best.covarianceType]).toEqual([2, 'VEV']);
  expect(Math.abs(second.best.bic(data.iris) - 561.7285)).toBeLessThan(0.01);
});

it('goes on over gaps in the grid, of sizes and of models, in any order', () => {
  const table = fitted(data.iris, {
    nComponents: [7, 1, 4],
    covarianceTypes: ['VVV', 'EII', 'EEV', 'VVI'],
    initialization: 'random',
  });
  const at = (k: number, type: string) =>
    table.find((cell) => cell.nComponents === k && cell.covarianceType === type)?.logLikelihood as number;
  for (const k of [1, 4, 7]) {
    expect(at(k, 'full')).toBeGreaterThanOrEqual(at(k, 'diag') - ROUNDING);
    expect(at(k, 'full')).toBeGreaterThanOrEqual(at(k, 'EEV') - ROUNDING);
    expect(at(k, 'diag')).toBeGreaterThanOrEqual(at(k, 'EII') - ROUNDING);
    expect(at(k, 'EEV')).toBeGreaterThanOrEqual(at(k, 'EII') - ROUNDING);
  }
  for (const type of ['full', 'EII', 'EEV', 'diag']) {
    expect(at(4, type)).toBeGreaterThanOrEqual(at(1, type) - ROUNDING);
    expect(at(7, type)).toBeGreaterThanOrEqual(at(4, type) - ROUNDING);
  }
});

it('is consistent with sample weights, one feature, and large regularisation', () => {
  const rows = data.iris;
  const sampleWeight = rows.map((_, i) => 0.5 + (i % 4));
  const column = rows.map((row) => [row[2]]);
  const grid = { nComponents: [1, 2, 3, 4] };
  for (const table of [
    fitted(rows, { ...grid, sampleWeight }),
    fitted(column, grid),
    fitted(rows, { ...grid, regularization: 0.05 }),
    fitted(rows, { ...grid, regularization: 0 }),
  ]) {
    expect(violations(table).found).toEqual([]);
  }
});

it.each([0, 1, 2, 3])('has the same bits with %i workers', async (workers) => {
  const options = { nComponents: [1, 2, 3, 4], initialization: 'hierarchical' } as const;
  const plain = (table: readonly { model?: GaussianMixture | undefined }[]) =>
    table.map((cell) => ({ ...cell, model: cell.model?.toJSON() }));
  const there = await selectModelAsync(data.faithful, { ...options, workers });
  expect(plain(there.table)).toEqual(plain(selectModel(data.faithful, options).table));
});

it('takes no spurious cell while there is another', () => {
  // 40 rows of which 12 agree in the second feature: components on them have a likelihood as high as the regularisation is small.
  const rows = clusters(40, 2, 2, 3).map(([x, y], i): number[] => [x, i < 12 ? 1 : y]);
  const { best, table } = selectModel(rows, {
    nComponents: [1, 2, 3],
    covarianceTypes: ['VVV', 'VVI'],
    nInit: 5,
  });
  const lone = selectModel(rows, { nComponents: [3], covarianceTypes: ['VVV'], nInit: 5 });
  expect(lone.table[0].spurious).toBe(true);
  expect(lone.best).toBe(lone.table[0].model);
  expect(lone.table[0].bic).toBeLessThan(Math.min(...table.map((cell) => cell.bic as number)));
  expect(table.find((cell) => cell.model === best)?.spurious).toBe(false);
});

describe('starts', () => {
  // Best log-likelihoods known: faithful, of any start tried; iris, of mclust 6.0.0 as well.
  it.each([
    ['faithful', -1119.214],
    ['iris', -180.185],
  ] as const)('best of 10 on %s, VVV with 3 components', (name, best) => {
    const rows = data[name];
    const model = GaussianMixture.fit(rows, { nComponents: 3, nInit: 10, tolerance: 1e-7 });
    expect(model.score(rows) * rows.length).toBeGreaterThan(best - 1e-3);
  });

  it('hierarchical: the same for every seed, with k-means for restarts', () => {
    const start = { nComponents: 4, initialization: 'hierarchical', maxIterations: 0 } as const;
    const [a, b] = [0, 5].map((seed) => GaussianMixture.fit(data.iris, { ...start, seed }));
    expect(b.means.data).toEqual(a.means.data);
    const options = { nComponents: 6, initialization: 'hierarchical' } as const;
    const one = GaussianMixture.fit(data.iris, options).fitted?.logLikelihood as number;
    const more = GaussianMixture.fit(data.iris, { ...options, nInit: 8 }).fitted?.logLikelihood as number;
    expect(more).toBeGreaterThan(one);
  });

  it('hierarchical: finds separated clusters, of few and of many features, rows and weights of zero', () => {
    for (const [n, d] of [
      [90, 1],
      [2500, 3],
      [300, 12],
    ]) {
      const rows = Array.from({ length: n }, (_, i) =>
        Array.from({ length: d }, (_, j) => 20 * (i % 3) + Math.sin(1 + i * 12.9898 + j * 78.233)),
      );
      const sampleWeight = rows.map((_, i) => (i < 60 && i % 2 ? 0 : 1));
      const model = GaussianMixture.fit(rows, {
        nComponents: 3,
        initialization: 'hierarchical',
        maxIterations: 0,
        sampleWeight,
      });
      const means = Array.from(model.means, (mean) => mean[0]).sort((a, b) => a - b);
      for (const [i, mean] of means.entries()) expect(Math.abs(mean - 20 * i)).toBeLessThan(1);
    }
  });

  it('short runs: each run goes on from the best of so many starts', () => {
    const options = { nComponents: 3, initialization: 'k-means++' } as const;
    const score = (more: object) =>
      GaussianMixture.fit(data.iris, { ...options, ...more }).fitted?.logLikelihood as number;
    const seeds = Array.from({ length: 10 }, (_, seed) => seed);
    const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    expect(mean(seeds.map((seed) => score({ seed, shortRuns: 10 })))).toBeGreaterThan(
      mean(seeds.map((seed) => score({ seed }))),
    );
    expect(score({ shortRuns: 1 })).toBe(score({}));
    const told: number[] = [];
    GaussianMixture.fit(data.iris, {
      ...options,
      shortRuns: 5,
      onIteration: ({ run, iteration }) => {
        told.push(run);
        return run < 2 || iteration < 3 ? undefined : false;
      },
    });
    expect(told.at(-1)).toBe(2);
    expect(told.filter((run) => run < 2).length).toBe(16);
  });
});
