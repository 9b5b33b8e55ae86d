// Parity with scikit-learn from fixed starts; fixtures and their provenance: test/fixtures/README.md.
import { readFileSync } from 'node:fs';
import { GaussianMixture } from 'gaussmix';
import { describe, expect, it } from 'vitest';
import { loadExample } from './helpers/data.ts';

interface Case {
  dataset: 'faithful' | 'iris';
  covarianceType: 'full' | 'tied' | 'diag' | 'spherical';
  nComponents: number;
  start: { weights: number[]; means: number[][]; covariances: number[][][] };
  options: { maxIterations: number; tolerance: number; regularization: number };
  expected: {
    weights: number[];
    means: number[][];
    covariances: number[][][];
    iterations: number;
    converged: boolean;
    logLikelihood: number;
    history: number[];
    bic: number;
    aic: number;
    firstRowResponsibilities: number[];
  };
}

const golden: { cases: Case[] } = JSON.parse(
  readFileSync(new URL('./fixtures/scikit-learn.json', import.meta.url), 'utf8'),
);
const aliases = { full: 'VVV', tied: 'EEE', diag: 'VVI', spherical: 'VII' } as const;

/** |actual - expected| <= tolerance, naming what differs. */
function expectWithin(actual: number, expected: number, tolerance: number, what: string): void {
  const difference = Math.abs(actual - expected);
  expect(difference, `${what}: ${actual}, expected ${expected}`).toBeLessThanOrEqual(tolerance);
}

describe('scikit-learn, from the same start', () => {
  it('has every case', () => expect(golden.cases.length).toBe(48));

  it.each(golden.cases)('$dataset $covarianceType K=$nComponents tolerance $options.tolerance', (item) => {
    const data = loadExample(item.dataset);
    const { start, options, expected } = item;
    const initialization = { ...start, covariances: start.covariances.map((c) => c.flat()) };
    const fit = (covarianceType: (typeof aliases)[keyof typeof aliases] | keyof typeof aliases) =>
      GaussianMixture.fit(data, {
        nComponents: item.nComponents,
        covarianceType,
        initialization,
        ...options,
      });
    const model = fit(item.covarianceType);
    const fitted = model.fitted!;
    expect(fitted.iterations).toBe(expected.iterations);
    expect(fitted.converged).toBe(expected.converged);
    // Two summation orders of 272 or 150 terms of size 5 differ by about 1e-14.
    expectWithin(fitted.logLikelihood, expected.logLikelihood, 1e-9, 'logLikelihood');
    expect(fitted.history.length).toBe(expected.history.length);
    for (const [i, value] of expected.history.entries()) {
      expectWithin(fitted.history[i], value, 1e-8, `history[${i}]`);
    }
    const d = data[0].length;
    const scale = Array.from({ length: d }, (_, j) => {
      const mean = data.reduce((sum, row) => sum + row[j], 0) / data.length;
      return Math.sqrt(data.reduce((sum, row) => sum + (row[j] - mean) ** 2, 0) / data.length);
    });
    for (let k = 0; k < item.nComponents; k++) {
      expectWithin(model.weights[k], expected.weights[k], 1e-6, `weights[${k}]`);
      for (let i = 0; i < d; i++) {
        expectWithin(model.means.row(k)[i], expected.means[k][i], 1e-6 * scale[i], `means[${k}][${i}]`);
        for (let j = 0; j < d; j++) {
          const tolerance = 1e-6 * scale[i] * scale[j];
          const value = model.covariances[k].row(i)[j];
          expectWithin(value, expected.covariances[k][i][j], tolerance, `covariances[${k}][${i}][${j}]`);
        }
      }
      const resp = model.predictProba(data).row(0)[k];
      expectWithin(resp, expected.firstRowResponsibilities[k], 1e-6, `responsibility ${k} of row 0`);
    }
    expectWithin(model.bic(data), expected.bic, 1e-7 * Math.abs(expected.bic), 'bic');
    expectWithin(model.aic(data), expected.aic, 1e-7 * Math.abs(expected.aic), 'aic');
    // The mclust name of the model is the same model.
    expect(fit(aliases[item.covarianceType]).toJSON()).toEqual(model.toJSON());
  });
});
