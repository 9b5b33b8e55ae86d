// Fits with a prior: mclust's modes, the mode of what is said to be maximised, monotone, regular, the same bits.
// Must not test what the option's value may be (options.test.ts).
import { readFileSync } from 'node:fs';
import {
  type CovarianceModel,
  type FitOptions,
  GaussianMixture,
  type Prior,
  selectModel,
  selectModelAsync,
} from 'gaussmix';
import { bootstrap } from 'gaussmix/inference';
import { describe, expect, it } from 'vitest';
import {
  decompose,
  disturb,
  logDeterminant,
  mclustName,
  TYPES,
  violation,
} from './helpers/covariance-models.ts';
import { clusters, generator, loadExample } from './helpers/data.ts';
import { invert, type Rows } from './reference-kernel.ts';

interface Parameters {
  weights: number[];
  means: Rows;
  covariances: Rows[];
}

interface Case {
  dataset: 'faithful' | 'iris';
  covarianceType: CovarianceModel;
  nComponents: number;
  degreesOfFreedom: number;
  scale: number[];
  start: Parameters;
  expected: Parameters;
  logLikelihoodTotal: number;
}

const golden: { cases: Case[] } = JSON.parse(
  readFileSync(new URL('./fixtures/prior.json', import.meta.url), 'utf8'),
);

const iris = loadExample('iris');
const nested = (model: GaussianMixture): Rows[] => model.covariances.map((c) => c.toArray());

describe('mclust, from the same start', () => {
  it('has six models of both data sets', () => expect(golden.cases.length).toBe(24));

  it.each(golden.cases)('$dataset $covarianceType K=$nComponents', (item) => {
    const { dataset, covarianceType, nComponents, start, expected } = item;
    const data = loadExample(dataset);
    const model = GaussianMixture.fit(data, {
      nComponents,
      covarianceType,
      initialization: { ...start, covariances: start.covariances.map((c) => c.flat()) },
      prior: 'default',
      tolerance: 0,
      maxIterations: 3000,
    });
    const { prior, logLikelihood } = model.fitted!;
    expect(prior!.degreesOfFreedom).toBe(item.degreesOfFreedom);
    const scale = item.scale.length === 1 ? prior!.scale.map((row, j) => row[j]) : prior!.scale.flat();
    scale.forEach((value, i) => {
      const wanted = item.scale[item.scale.length === 1 ? 0 : i];
      // Variances of 272 values of size 80: sums in another order.
      expect(Math.abs(value / wanted - 1)).toBeLessThan(1e-12);
    });
    // Both go on until the likelihood no longer changes: parameters are found to the root of its rounding, 1e-14 of 1e3.
    expect(Math.abs(logLikelihood * data.length - item.logLikelihoodTotal)).toBeLessThan(1e-5);
    expected.means.flat().forEach((value, i) => {
      expect(Math.abs(model.means.data[i] / value - 1)).toBeLessThan(1e-6);
    });
    expected.covariances.forEach((covariance, component) => {
      covariance.flat().forEach((value, i) => {
        expect(Math.abs(model.covariances[component].data[i] - value)).toBeLessThan(
          1e-5 * Math.max(...covariance.flat()),
        );
      });
    });
  });
});

/** Log-density of means and covariances as docs/ALGORITHM.md has it, per row, from matrices. */
function logPriorOf(model: GaussianMixture, means: Rows, covariances: Rows[], total: number): number {
  const { nComponents: k, nFeatures: d, covarianceType } = model;
  const { shrinkage, mean, degreesOfFreedom: nu, scale } = model.fitted!.prior!;
  const name = mclustName(covarianceType);
  const common = ['EII', 'EEI', 'EEE'].includes(name) || (d === 1 && name[0] === 'E');
  const trace = scale.reduce((sum, row, j) => sum + row[j], 0);
  const along = name[2] === 'I';
  const round = along && name[1] === 'I';
  const exponent = round ? (nu + 2) / d : along ? nu + 2 : nu + d + 1;
  let sum = 0;
  for (let component = 0; component < k; component++) {
    const inverse = invert(covariances[component]);
    const difference = means[component].map((value, j) => value - mean[j]);
    const volume = logDeterminant(covariances[component]);
    let spread = 0;
    for (let i = 0; i < d; i++) {
      for (let j = 0; j < d; j++) {
        const lambda = round ? (i === j ? trace / d / d : 0) : along && i !== j ? 0 : scale[i][j];
        // One prior for one covariance.
        if (!common || component === 0) spread += inverse[i][j] * lambda;
        spread += inverse[i][j] * shrinkage * difference[i] * difference[j];
      }
    }
    sum -= ((1 + (common && component > 0 ? 0 : exponent)) * volume + spread) / 2;
  }
  return sum / total;
}

/** The mean log-likelihood of rows under parameters that need not be of a model to 1e-4. */
function scoreOf(weights: ArrayLike<number>, means: Rows, covariances: Rows[], data: number[][]): number {
  return GaussianMixture.fromParameters({ weights, means, covariances }).score(data);
}

describe.each(TYPES)('%s', (covarianceType) => {
  const priors: (Prior | 'default')[] = [
    'default',
    { shrinkage: 3, degreesOfFreedom: 9, scale: [1, 0.2, 3] },
    {
      mean: [1, -2, 4],
      scale: [
        [1, 0.3, 0],
        [0.3, 2, -0.4],
        [0, -0.4, 1.5],
      ],
    },
  ];

  it('never lowers what it maximises, from any start', () => {
    for (const prior of priors) {
      for (const initialization of ['kmeans', 'k-means++', 'random', 'random-from-data'] as const) {
        for (let seed = 0; seed < 4; seed++) {
          const data = clusters(100, 3, 3, seed, 1 + seed);
          const options = { nComponents: 1 + seed, covarianceType, initialization, seed, prior };
          const fit = { ...options, tolerance: 0, maxIterations: 60 };
          const { history, logPosterior, warnings } = GaussianMixture.fit(data, fit).fitted!;
          expect(warnings.filter((text) => text.includes('singular') || text.includes('repair'))).toEqual([]);
          for (let i = 1; i < history.length; i++) {
            // Means of 100 terms of size 10; an M-step that ends early only gains.
            expect(history[i], `iteration ${i}`).toBeGreaterThanOrEqual(history[i - 1] - 1e-12);
          }
          expect(logPosterior).toBeGreaterThanOrEqual(history[history.length - 1] - 1e-12);
        }
      }
    }
  });

  it('ends at a maximum of log-likelihood and log prior', () => {
    const uniform = generator(3);
    const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
    const data = clusters(150, 3, 2, 5, 2);
    for (const prior of priors) {
      const options: FitOptions = { nComponents: 2, covarianceType, prior, tolerance: 1e-14 };
      const model = GaussianMixture.fit(data, { ...options, maxIterations: 5000 });
      const { logPosterior, logLikelihood } = model.fitted!;
      expect(model.score(data)).toBe(logLikelihood);
      const means = model.means.toArray();
      const prior0 = logPriorOf(model, means, nested(model), data.length);
      // Inverses of another algorithm; covariances of condition below 1e3.
      expect(Math.abs(logPosterior! - logLikelihood - prior0)).toBeLessThan(1e-11);
      const name = mclustName(covarianceType);
      const parts = decompose(name, nested(model));
      for (let trial = 0; trial < 60; trial++) {
        const step = trial % 2 ? 1e-2 : 1e-3;
        const covariances = disturb(name, parts, step, normal);
        expect(violation(name, covariances)).toBeLessThan(1e-9);
        const moved = means.map((row) => row.map((value) => value + step * normal()));
        const there =
          scoreOf(model.weights, moved, covariances, data) +
          logPriorOf(model, moved, covariances, data.length);
        expect(there).toBeLessThan(logPosterior!);
      }
    }
  });

  it('has covariances where there are fewer rows than features, and equal rows, without a repair', () => {
    const sets: [number[][], number][] = [
      [clusters(5, 7, 1, 3), 1],
      [clusters(12, 7, 2, 3), 3],
      [[...Array(30).fill([7, 7]), ...clusters(40, 2, 1, 4)], 2],
    ];
    for (const [data, nComponents] of sets) {
      for (const initialization of [
        'kmeans',
        'random-from-data',
        { means: data.slice(-nComponents) },
      ] as const) {
        const options = { nComponents, covarianceType, initialization, prior: 'default' } as const;
        const model = GaussianMixture.fit(data, options);
        expect(model.fitted!.warnings.filter((text) => /singular|repair/.test(text))).toEqual([]);
        expect(violation(mclustName(covarianceType), nested(model))).toBeLessThan(1e-9);
        for (const covariance of nested(model))
          expect(Number.isFinite(logDeterminant(covariance))).toBe(true);
      }
    }
  });

  it('takes a weight of 2 for the row twice', () => {
    const data = clusters(60, 3, 2, 9);
    const sampleWeight = data.map((_, i) => 1 + (i % 2));
    const twice = data.flatMap((row, i) => (i % 2 ? [row, row] : [row]));
    const initialization = { means: data.slice(0, 2) };
    const options = {
      nComponents: 2,
      covarianceType,
      prior: 'default',
      initialization,
      maxIterations: 20,
    } as const;
    const a = GaussianMixture.fit(data, { ...options, sampleWeight, tolerance: 0 });
    const b = GaussianMixture.fit(twice, { ...options, tolerance: 0 });
    // Twenty iterations of sums in another order; rounds for common axes end where the likelihood is flat.
    expect(Math.abs(a.fitted!.logPosterior! - b.fitted!.logPosterior!)).toBeLessThan(1e-9);
    a.fitted!.prior!.scale.flat().forEach((value, i) => {
      expect(Math.abs(value - b.fitted!.prior!.scale.flat()[i])).toBeLessThan(1e-12);
    });
  });

  it('gives the same bits on workers, saved and read, and from the prior of its record', async () => {
    const data = clusters(9000, 3, 2, 4);
    const options = { nComponents: 2, covarianceType, prior: 'default', maxIterations: 8 } as const;
    const model = GaussianMixture.fit(data, options);
    const json = JSON.stringify(model);
    expect(JSON.parse(json).fitted.prior).toEqual(model.fitted!.prior);
    expect(JSON.stringify(await GaussianMixture.fitAsync(data, { ...options, workers: 2 }))).toBe(json);
    expect(JSON.stringify(GaussianMixture.fromJSON(JSON.parse(json)))).toBe(json);
    const again = GaussianMixture.fit(data, { ...options, prior: model.fitted!.prior! });
    expect(JSON.stringify(again)).toBe(json);
  });

  it('with one feature', () => {
    const data = clusters(90, 1, 3, 2).map(([value]) => value);
    const options = { nComponents: 3, prior: 'default', tolerance: 1e-12, maxIterations: 5000 } as const;
    const model = GaussianMixture.fit(data, { ...options, covarianceType });
    const first = mclustName(covarianceType)[0];
    const reference = GaussianMixture.fit(data, {
      ...options,
      covarianceType: first === 'E' ? 'tied' : 'full',
    });
    // With tolerance 1e-12 some 1e-10 are left.
    expect(Math.abs(model.fitted!.logPosterior! - reference.fitted!.logPosterior!)).toBeLessThan(1e-9);
  });
});

it('keeps the restart of the largest posterior', () => {
  const data = clusters(80, 2, 4, 3, 2);
  const options = { nComponents: 4, initialization: 'random-from-data', prior: 'default' } as const;
  const posteriors: number[] = [];
  const best = GaussianMixture.fit(data, {
    ...options,
    nInit: 6,
    onIteration: ({ run, logPosterior, logLikelihood, model }) => {
      posteriors[run] = logPosterior!;
      expect(logPosterior).not.toBe(logLikelihood);
      expect(model.fitted).toBeUndefined();
    },
  });
  expect(best.fitted!.runs).toBe(6);
  // The last iteration of a run improves on what was told of it by less than the tolerance and then some.
  expect(best.fitted!.logPosterior).toBeGreaterThanOrEqual(Math.max(...posteriors));
});

it('leaves fits without a prior as they were', () => {
  const { fitted } = GaussianMixture.fit(iris, {
    nComponents: 2,
    onIteration: (progress) => {
      expect('logPosterior' in progress).toBe(false);
    },
  });
  expect(fitted).not.toHaveProperty('logPosterior');
  expect(fitted).not.toHaveProperty('prior');
});

it('keeps a spurious maximum from being one: a component on a few rows in a line', () => {
  // Two rows far from the others have a likelihood without bound between them.
  const data = [...clusters(60, 2, 1, 3), [20, 20], [20.001, 20.001], [20.002, 20.002]];
  const initialization = {
    means: [
      [0, 0],
      [20, 20],
    ],
  };
  const options = { nComponents: 2, initialization, tolerance: 1e-9 };
  const without = GaussianMixture.fit(data, { ...options, regularization: 0 });
  expect(without.fitted!.warnings.join()).toContain('component 1');
  const model = GaussianMixture.fit(data, { ...options, prior: 'default' });
  expect(model.fitted!.warnings).toEqual([]);
});

it('goes into a selection, on workers too', async () => {
  const options = { nComponents: [1, 2, 3], prior: 'default' } as const;
  const { best, table } = selectModel(iris, options);
  expect(best.fitted!.prior!.degreesOfFreedom).toBe(6);
  expect(table.every((cell) => cell.error === undefined)).toBe(true);
  const other = await selectModelAsync(iris, { ...options, workers: 2 });
  expect(JSON.stringify(other.best)).toBe(JSON.stringify(best));
});

it('goes into the refits of a bootstrap', () => {
  const model = GaussianMixture.fit(iris, { nComponents: 2, prior: 'default' });
  const { models } = bootstrap(model, iris, { prior: model.fitted!.prior!, replicates: 3 });
  expect(models.length).toBe(3);
  for (const { fitted } of models) expect(fitted!.prior).toEqual(model.fitted!.prior);
});

describe('refuses', () => {
  const fit =
    (prior: unknown, extra: object = {}) =>
    () =>
      GaussianMixture.fit(iris, { nComponents: 2, prior: prior as Prior, ...extra });

  it.each([
    [{ mean: [1, 2] }, /prior\.mean has length 2, but the data has 4 columns/],
    [{ degreesOfFreedom: 3 }, /prior\.degreesOfFreedom is 3; with 4 columns of data it must be > 3/],
    [{ scale: [1, 2, 3] }, /prior\.scale has length 3; with 4 columns/],
    [
      {
        scale: [
          [1, 0],
          [0, 1],
        ],
      },
      /prior\.scale is 2 x 2; with 4 columns/,
    ],
    [{ scale: [1, 1, 0, 1] }, /prior\.scale\[0\] is not positive definite: the variance of feature 2/],
  ])('%o', (prior, message) => {
    expect(fit(prior)).toThrow(message);
  });

  it('a feature without spread', () => {
    const flat = iris.map((row) => [...row, 1]);
    expect(() => GaussianMixture.fit(flat, { nComponents: 2, prior: 'default' })).toThrow(/column 4/);
  });
});
