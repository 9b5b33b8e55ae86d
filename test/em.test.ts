// What must be true of every fit: properties of EM, invariances, weights, units, offsets, outliers.
// Must not compare with other software (golden.test.ts) or look into the kernel (kernel/).
import fc from 'fast-check';
import { type FitOptions, fitMany, GaussianMixture, type Matrix, type Progress } from 'gaussmix';
import { describe, expect, it } from 'vitest';
import { FREE_UNITS, TYPES } from './helpers/covariance-models.ts';
import { clusters, generator, loadExample } from './helpers/data.ts';

const faithful = loadExample('faithful');
const iris = loadExample('iris');

/** A start that depends on values alone, so that transformed data can be given the transformed start. */
function startAt(data: number[][], rows: number[]): { means: number[][] } {
  return { means: rows.map((row) => data[row]) };
}

/** Largest difference of two models' parameters, each measured in the features' spread. */
function distance(a: GaussianMixture, b: GaussianMixture, scale: number[]): number {
  let largest = 0;
  for (let k = 0; k < a.nComponents; k++) {
    largest = Math.max(largest, Math.abs(a.weights[k] - b.weights[k]));
    scale.forEach((s, i) => {
      largest = Math.max(largest, Math.abs(a.means.row(k)[i] - b.means.row(k)[i]) / s);
      scale.forEach((t, j) => {
        const difference = a.covariances[k].row(i)[j] - b.covariances[k].row(i)[j];
        largest = Math.max(largest, Math.abs(difference) / (s * t));
      });
    });
  }
  return largest;
}

function spread(data: number[][]): number[] {
  return data[0].map((_, j) => {
    const mean = data.reduce((sum, row) => sum + row[j], 0) / data.length;
    return Math.sqrt(data.reduce((sum, row) => sum + (row[j] - mean) ** 2, 0) / data.length);
  });
}

describe.each(TYPES)('%s', (covarianceType) => {
  // Parameters of two ways to one fit: rounding of 1e-16 amplified by the condition of the problem. Rounds for common axes
  // end at a gain of 2e-14, where the likelihood is flat: axes are then found to the root of that.
  const same = covarianceType === 'EVE' || covarianceType === 'VVE' ? 1e-7 : 1e-9;
  const options: FitOptions = {
    nComponents: 3,
    covarianceType,
    regularization: 0,
    tolerance: 0,
    maxIterations: 40,
  };

  it('never lowers the log-likelihood with regularization 0', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e6 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom('kmeans', 'k-means++', 'random', 'random-from-data', 'hierarchical'),
        (seed, d, k, initialization) => {
          const data = clusters(120, d, 3, seed);
          const model = GaussianMixture.fit(data, { ...options, nComponents: k, initialization, seed });
          const { history, logLikelihood, warnings } = model.fitted!;
          const repaired = warnings.some(
            (text) => text.includes('iteration') && !text.startsWith('not converged'),
          );
          for (let i = 1; i < history.length && !repaired; i++) {
            // A mean of 120 terms of size < 50 carries rounding of about 1e-14.
            expect(history[i]).toBeGreaterThanOrEqual(history[i - 1] - 1e-11);
          }
          for (const value of history) expect(logLikelihood).toBeGreaterThanOrEqual(value - 1e-11);
        },
      ),
      { numRuns: 60, seed: 1 },
    );
  });

  it('gives responsibilities that sum to one, labels that are their argmax, weights in the simplex', () => {
    const model = GaussianMixture.fit(iris, { nComponents: 3, covarianceType });
    const resp = model.predictProba(iris);
    const labels = model.predict(iris);
    let total = 0;
    for (const weight of model.weights) total += weight;
    // Sums of three terms of size one: a few units of rounding.
    expect(Math.abs(total - 1)).toBeLessThan(1e-14);
    for (let i = 0; i < iris.length; i++) {
      const row = Array.from(resp.row(i));
      expect(Math.abs(row.reduce((a, b) => a + b) - 1)).toBeLessThan(1e-14);
      expect(labels[i]).toBe(row.indexOf(Math.max(...row)));
    }
  });

  it('scores as it fitted: score, scoreSamples and fitted.logLikelihood agree', () => {
    const model = GaussianMixture.fit(faithful, { nComponents: 2, covarianceType });
    const samples = model.scoreSamples(faithful);
    const mean = samples.reduce((a, b) => a + b) / samples.length;
    expect(model.score(faithful)).toBe(model.fitted!.logLikelihood);
    // 272 terms of size 5, summed in another order.
    expect(Math.abs(mean - model.score(faithful))).toBeLessThan(1e-13);
  });

  it('does not depend on the order of rows', () => {
    const uniform = generator(5);
    const order = iris.map((_, i) => ({ i, at: uniform() })).sort((a, b) => a.at - b.at);
    const initialization = startAt(iris, [0, 60, 120]);
    const a = GaussianMixture.fit(iris, { ...options, initialization });
    const b = GaussianMixture.fit(
      order.map(({ i }) => iris[i]),
      { ...options, initialization },
    );
    // 40 iterations amplify summation-order differences of 1e-16 by the condition of the problem.
    expect(distance(a, b, spread(iris))).toBeLessThan(same);
  });

  it('follows a relabelling of the components', () => {
    const a = GaussianMixture.fit(iris, { ...options, initialization: startAt(iris, [0, 60, 120]) });
    const b = GaussianMixture.fit(iris, { ...options, initialization: startAt(iris, [120, 0, 60]) });
    const relabelled = GaussianMixture.fromParameters({
      weights: [1, 2, 0].map((k) => b.weights[k]),
      means: [1, 2, 0].map((k) => b.means.row(k)),
      covariances: [1, 2, 0].map((k) => b.covariances[k]),
      covarianceType,
    });
    expect(distance(a, relabelled, spread(iris))).toBeLessThan(same);
  });

  it('takes a weight of w as the row w times, and 0 as no row', () => {
    const uniform = generator(9);
    const counts = iris.map(() => Math.floor(uniform() * 4));
    const repeated = iris.flatMap((row, i) => Array.from({ length: counts[i] }, () => row));
    const initialization = startAt(iris, [0, 60, 120]);
    // A given start without covariances takes the covariance of the whole data, weighted likewise.
    const a = GaussianMixture.fit(iris, { ...options, initialization, sampleWeight: counts });
    const b = GaussianMixture.fit(repeated, { ...options, initialization });
    expect(distance(a, b, spread(iris))).toBeLessThan(same);
    expect(Math.abs(a.fitted!.logLikelihood - b.fitted!.logLikelihood)).toBeLessThan(1e-11);
  });

  it.each([1e-9, 1e9, 0.45359237])('does not depend on units: data times %s', (factor) => {
    const scaled = iris.map((row) => row.map((value) => value * factor));
    const a = GaussianMixture.fit(iris, { nComponents: 3, covarianceType });
    const b = GaussianMixture.fit(scaled, { nComponents: 3, covarianceType });
    const back = GaussianMixture.fromParameters({
      weights: b.weights,
      means: b.means.toArray().map((row) => row.map((value) => value / factor)),
      covariances: b.covariances.map((c) => c.data.map((value) => value / factor ** 2)),
      covarianceType,
    });
    expect(b.predict(scaled)).toEqual(a.predict(iris));
    expect(distance(a, back, spread(iris))).toBeLessThan(same);
  });

  it.each([1e5, 1e7])('loses nothing to an offset of %s', (offset) => {
    // Values on a grid of 1/64 stay exact when 1e7 is added, so only the arithmetic is tested.
    const grid = iris.map((row) => row.map((value) => Math.round(value * 64) / 64));
    const moved = grid.map((row) => row.map((value) => value + offset));
    for (const initialization of [undefined, 'random-from-data'] as const) {
      const fit = (data: number[][]) =>
        GaussianMixture.fit(data, {
          nComponents: 3,
          covarianceType,
          ...(initialization && { initialization }),
        });
      const a = fit(grid);
      const b = fit(moved);
      expect(b.fitted!.iterations).toBe(a.fitted!.iterations);
      const scale = spread(grid);
      for (let k = 0; k < 3; k++) {
        for (let i = 0; i < 4; i++) {
          for (let j = 0; j < 4; j++) {
            const difference = Math.abs(a.covariances[k].row(i)[j] - b.covariances[k].row(i)[j]);
            expect(difference / (scale[i] * scale[j])).toBeLessThan(1e-6);
          }
        }
      }
    }
  });

  it('stays finite for rows 1e8 standard deviations away, in the data and in what is scored', () => {
    const model = GaussianMixture.fit(iris, { nComponents: 3, covarianceType });
    const far = [
      [1e8, 1e8, 1e8, 1e8],
      [-1e8, 3, 1, 0.2],
    ];
    for (const value of model.scoreSamples(far)) expect(Number.isFinite(value)).toBe(true);
    const resp = model.predictProba(far);
    for (const row of resp) expect(Math.abs(row.reduce((a, b) => a + b) - 1)).toBeLessThan(1e-14);
    const fitted = GaussianMixture.fit([...iris, far[0]], { nComponents: 3, covarianceType });
    for (const covariance of fitted.covariances) {
      for (const value of covariance.data) expect(Number.isFinite(value)).toBe(true);
    }
  });

  it('follows an affine change of each feature', () => {
    const change = (row: number[]) => row.map((value, j) => value * [2, 0.5, 4, 8][j] - 3 * j);
    // Models of lengths along axes other than the features' know no units of features: there all must change alike.
    const uniform = (row: number[]) => row.map((value) => 4 * value - 3);
    const map = FREE_UNITS.includes(covarianceType) ? change : uniform;
    const a = GaussianMixture.fit(iris, { ...options, initialization: startAt(iris, [0, 60, 120]) });
    const b = GaussianMixture.fit(iris.map(map), {
      ...options,
      initialization: startAt(iris.map(map), [0, 60, 120]),
    });
    const jacobian = FREE_UNITS.includes(covarianceType) ? 2 * 0.5 * 4 * 8 : 4 ** 4;
    const difference = a.fitted!.logLikelihood - b.fitted!.logLikelihood - Math.log(jacobian);
    expect(Math.abs(difference)).toBeLessThan(1e-11);
    expect(b.predict(iris.map(map))).toEqual(a.predict(iris));
  });

  it('recovers a mixture from its own samples', () => {
    const truth = GaussianMixture.fit(iris, { nComponents: 2, covarianceType });
    const { data } = truth.sample(40_000, { seed: 3 });
    const model = GaussianMixture.fit(data, { nComponents: 2, covarianceType, initialization: truth });
    // 40,000 rows: standard errors of about 1 / sqrt(13,000) = 0.009 of the spread.
    expect(distance(truth, model, spread(iris))).toBeLessThan(0.05);
  });

  it('gives the same bits again, whatever was fitted in between', () => {
    const fit = () =>
      JSON.stringify(GaussianMixture.fit(iris, { nComponents: 3, covarianceType, seed: 4, nInit: 3 }));
    const first = fit();
    GaussianMixture.fit(clusters(5000, 7, 4, 1), { nComponents: 4 });
    expect(fit()).toBe(first);
  });
});

describe('the loop', () => {
  it('maxIterations 0 returns the start', () => {
    const initialization = {
      weights: [0.4, 0.6],
      means: [
        [2, 55],
        [4, 80],
      ],
      covariances: [
        [1, 0, 0, 30],
        [1, 0, 0, 30],
      ],
    };
    const model = GaussianMixture.fit(faithful, { nComponents: 2, maxIterations: 0, initialization });
    expect(Array.from(model.weights)).toEqual([0.4, 0.6]);
    expect(model.means.toArray()).toEqual([
      [2, 55],
      [4, 80],
    ]);
    expect(model.fitted!.iterations).toBe(0);
    expect(model.fitted!.history.length).toBe(0);
    expect(model.fitted!.logLikelihood).toBe(model.score(faithful));
  });

  it('reports progress and stops when told to', () => {
    const seen: number[] = [];
    const model = GaussianMixture.fit(faithful, {
      nComponents: 2,
      tolerance: 0,
      onIteration: ({ run, iteration, logLikelihood, elapsedMs }) => {
        expect(run).toBe(0);
        expect(Number.isFinite(logLikelihood) && elapsedMs >= 0).toBe(true);
        seen.push(iteration);
        // Using a model inside the callback must not disturb the fit.
        GaussianMixture.fit(iris, { nComponents: 2, maxIterations: 3 }).predict(iris);
        return iteration < 5 ? undefined : false;
      },
    });
    expect(seen).toEqual([1, 2, 3, 4, 5]);
    expect(model.fitted!.converged).toBe(false);
    expect(model.fitted!.iterations).toBe(5);
    const plain = GaussianMixture.fit(faithful, { nComponents: 2, tolerance: 0, maxIterations: 5 });
    expect(model.toJSON().means).toEqual(plain.toJSON().means);
  });

  it('progress.model is the mixture after each M-step, and reading it changes no bit of the fit', () => {
    for (const covarianceType of TYPES) {
      const options = { nComponents: 3, covarianceType, seed: 4, maxIterations: 6, tolerance: 0 };
      const models: GaussianMixture[] = [];
      const watched = GaussianMixture.fit(iris, {
        ...options,
        onIteration: (progress) => {
          models.push(progress.model);
          expect(progress.model).toBe(models.at(-1));
          progress.model.predictProba(iris);
        },
      });
      expect(watched.toJSON()).toEqual(GaussianMixture.fit(iris, options).toJSON());
      expect(models).toHaveLength(6);
      models.forEach((model, i) => {
        const { fitted, ...rest } = GaussianMixture.fit(iris, { ...options, maxIterations: i + 1 }).toJSON();
        expect(model.toJSON()).toEqual(rest);
      });
    }
  });

  it('progress.model has to be read within the callback, and copies of progress are without it', () => {
    const kept: Progress[] = [];
    GaussianMixture.fit(faithful, {
      nComponents: 2,
      maxIterations: 2,
      onIteration: (progress) => {
        if (progress.iteration === 2) expect(progress.model.nComponents).toBe(2);
        kept.push(progress);
        expect(Object.keys(structuredClone(progress))).toEqual([
          'run',
          'iteration',
          'logLikelihood',
          'change',
          'elapsedMs',
        ]);
      },
    });
    expect(() => kept[0].model).toThrow(/after onIteration had returned/);
    // What was read in time stays.
    expect(kept[1].model.nComponents).toBe(2);
  });

  it('a promise from onIteration is refused with the remedy', () => {
    const options = { nComponents: 2, onIteration: (async () => {}) as never };
    expect(() => GaussianMixture.fit(faithful, options)).toThrow(/returned a promise.*use fitAsync/);
    expect(() => GaussianMixture.fit(faithful, options)).toThrow(TypeError);
    const rejecting = { nComponents: 2, onIteration: (() => Promise.reject(new Error('mine'))) as never };
    expect(() => fitMany([faithful], rejecting)).toThrow(/data set 0: onIteration returned a promise/);
  });

  it('an error thrown in onIteration passes through, and the next fit works', () => {
    const fail = () => {
      throw new Error('mine');
    };
    expect(() => GaussianMixture.fit(faithful, { nComponents: 2, onIteration: fail })).toThrow('mine');
    expect(GaussianMixture.fit(faithful, { nComponents: 2 }).fitted!.converged).toBe(true);
  });

  it('regularization is in the model that comes back, also from a better start without it', () => {
    const plain = GaussianMixture.fit(faithful, { nComponents: 2, regularization: 0 });
    const warm = GaussianMixture.fit(faithful, { nComponents: 2, initialization: plain, regularization: 10 });
    const cold = GaussianMixture.fit(faithful, { nComponents: 2, regularization: 10, tolerance: 1e-9 });
    expect(warm.covariances[0].row(0)[0]).toBeGreaterThan(10);
    expect(warm.score(faithful)).toBeLessThan(plain.score(faithful));
    // Both have converged, to 1e-5 and 1e-9 of the log-likelihood.
    expect(Math.abs(warm.score(faithful) - cold.score(faithful))).toBeLessThan(1e-3);
  });

  it('nInit keeps the best run', () => {
    const options = { nComponents: 4, initialization: 'random-from-data', seed: 2 } as const;
    const one = GaussianMixture.fit(iris, options);
    const ten = GaussianMixture.fit(iris, { ...options, nInit: 10 });
    expect(ten.fitted!.runs).toBe(10);
    expect(ten.fitted!.logLikelihood).toBeGreaterThanOrEqual(one.fitted!.logLikelihood);
  });

  it('starts from a model, from precisions, and without covariances', () => {
    const model = GaussianMixture.fit(faithful, { nComponents: 2 });
    const warm = GaussianMixture.fit(faithful, { nComponents: 2, initialization: model });
    expect(warm.fitted!.iterations).toBeLessThanOrEqual(3);
    const inverse = (c: Matrix) => {
      const [a, b, , e] = Array.from(c.data);
      const determinant = a * e - b * b;
      return [e, -b, -b, a].map((value) => value / determinant);
    };
    const precise = GaussianMixture.fit(faithful, {
      nComponents: 2,
      maxIterations: 0,
      initialization: {
        weights: model.weights,
        means: model.means,
        precisions: model.covariances.map(inverse),
      },
    });
    // Two inversions of 2 x 2 matrices of condition about 1e3.
    expect(distance(precise, model, spread(faithful))).toBeLessThan(1e-11);
  });

  it('every data-driven start finds the two clusters of faithful', () => {
    for (const initialization of [
      'kmeans',
      'k-means++',
      'random',
      'random-from-data',
      'hierarchical',
    ] as const) {
      const model = GaussianMixture.fit(faithful, {
        nComponents: 2,
        initialization,
        maxIterations: 2000,
        tolerance: 1e-9,
      });
      // The maximum of the likelihood, -1130.264 (mclust, VVV with two components).
      expect(Math.abs(model.fitted!.logLikelihood * 272 + 1130.264)).toBeLessThan(0.01);
    }
  });

  it('uses a subset of rows for starts of large data, weights of zero left out', () => {
    const data = clusters(70_000, 2, 2, 8, 20).flat();
    const sampleWeight = Float64Array.from({ length: 70_000 }, (_, i) => (i % 2 === 0 ? 0 : 1));
    const flat = { data: Float64Array.from(data), shape: [70_000, 2] };
    const model = GaussianMixture.fit(flat, { nComponents: 1, sampleWeight });
    const all = GaussianMixture.fit(flat, { nComponents: 2 });
    const nearest = Math.min(
      ...[0, 1].map((k) => Math.hypot(...[0, 1].map((j) => all.means.row(k)[j] - model.means.row(0)[j]))),
    );
    // 35,000 rows of unit spread each: both means are known to about 0.01.
    expect(nearest).toBeLessThan(0.05);
  });
});
