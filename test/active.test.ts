// Fits whose passes are over active pairs, against the same fits with dense passes, and on any number of workers.
import { describe, expect, it } from 'vitest';
import type { CovarianceForm } from '../src/covariance-models.ts';
import { expectationMaximization } from '../src/em.ts';
import { MixtureEstimator, WholeData } from '../src/estimator.ts';
import { GaussianMixture } from '../src/gaussian-mixture.ts';
import { compiledModule, Kernel } from '../src/kernel.ts';
import { type Asking, answerFrom, ResidentRows } from '../src/passes.ts';
import { toRowSource } from '../src/row-source.ts';
import { generator } from './helpers/data.ts';

interface Data {
  rows: number[][];
  start: { weights: number[]; means: number[][]; covariances: number[][][] };
}

/** n rows in random order around k centres, `spread` standard deviations per feature apart from the origin. */
function blobs(n: number, d: number, k: number, spread: number, seed: number): Data {
  const uniform = generator(seed);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const centres = Array.from({ length: k }, () => Array.from({ length: d }, () => spread * normal()));
  const scales = Array.from({ length: k }, () => 0.5 + uniform());
  const rows = Array.from({ length: n }, () => {
    const component = Math.floor(k * uniform());
    let shared = 0;
    return centres[component].map((value) => {
      const z = normal();
      shared = 0.5 * shared + z;
      return value + scales[component] * shared;
    });
  });
  const identity = Array.from({ length: d }, (_, i) =>
    Array.from({ length: d }, (_, j) => (i === j ? 2 : 0)),
  );
  return {
    rows,
    start: {
      weights: new Array(k).fill(1 / k),
      means: centres.map((centre) => centre.map((value) => value + 0.3 * normal())),
      covariances: centres.map(() => identity),
    },
  };
}

interface Run {
  parameters: number[];
  logLikelihood: number;
  iterations: number;
  activePasses: number;
}

/** A fit without regularisation, by hand, that counts its passes over active pairs or refuses them. */
function run({ rows: x, start }: Data, form: CovarianceForm, iterations: number, mayPrune: boolean): Run {
  const source = toRowSource(x);
  const kernel = new Kernel(compiledModule());
  const rows = new ResidentRows(kernel, source);
  let activePasses = 0;
  const drive = <T>(asking: Asking<T>): T => {
    let step = asking.next();
    while (!step.done) {
      const request = step.value;
      const active = request.kind === 'accumulate' && request.active;
      if (active) activePasses++;
      step = asking.next(answerFrom(rows, active && !mayPrune ? { ...request, active: false } : request));
    }
    return step.value;
  };
  const [k, d] = [start.means.length, start.means[0].length];
  const data = drive(WholeData.of(kernel, x.length, d, form, 0, String));
  const estimator = new MixtureEstimator(kernel, data, form, k);
  const covariances = {
    full: start.covariances.flat(2),
    tied: start.covariances[0].flat(),
    diag: start.covariances.flatMap((matrix) => matrix.map((row, i) => row[i])),
    spherical: start.covariances.map((matrix) => matrix[0][0]),
  }[form];
  estimator.start({
    form,
    k,
    d,
    weights: Float64Array.from(start.weights),
    means: Float64Array.from(start.means.flat()),
    covariances: Float64Array.from(covariances),
  });
  const result = drive(expectationMaximization(estimator, { maxIterations: iterations, tolerance: 0 }));
  const { weights, means, covariances: fitted } = estimator.mixture.read();
  return {
    parameters: [...weights, ...means, ...fitted],
    logLikelihood: result.objective,
    iterations: result.iterations,
    activePasses,
  };
}

describe.each(['full', 'tied', 'diag', 'spherical'] as const)('%s', (form) => {
  it('gives the parameters of dense passes to 1e-12 where components are apart', () => {
    const data = blobs(9000, 12, 70, 6, 1);
    const pruned = run(data, form, 8, true);
    const dense = run(data, form, 8, false);
    expect(pruned.activePasses).toBeGreaterThanOrEqual(7);
    expect(pruned.iterations).toBe(dense.iterations);
    expect(Math.abs(pruned.logLikelihood / dense.logLikelihood - 1)).toBeLessThan(1e-14);
    pruned.parameters.forEach((value, i) => {
      const difference = Math.abs(value - dense.parameters[i]) / Math.max(1, Math.abs(dense.parameters[i]));
      expect(difference, `parameter ${i}`).toBeLessThan(1e-12);
    });
  });

  it('goes on densely where components overlap', () => {
    const data = blobs(5000, 12, 70, 0.2, 2);
    expect(run(data, form, 5, true).activePasses).toBe(0);
  });
});

it('changes to and fro between dense passes and passes over active pairs, and loses nothing', () => {
  // Components start together and part: passes are dense at first.
  const data = blobs(6000, 10, 12, 3, 3);
  for (const matrix of data.start.covariances) for (let j = 0; j < 10; j++) matrix[j][j] = 40;
  const pruned = run(data, 'full', 40, true);
  const dense = run(data, 'full', 40, false);
  expect(pruned.activePasses).toBeGreaterThan(2);
  expect(pruned.activePasses).toBeLessThan(40);
  // Forty iterations on the way from a bad start magnify rounding: some digits more are left to it than to a step.
  expect(Math.abs(pruned.logLikelihood / dense.logLikelihood - 1)).toBeLessThan(1e-10);
});

it('gives the same bits on any number of workers, with sample weights, restarts and a lost component', async () => {
  const { rows } = blobs(14_000, 12, 20, 5, 4);
  const options = {
    nComponents: 24,
    nInit: 2,
    maxIterations: 6,
    tolerance: 0,
    seed: 3,
    sampleWeight: rows.map((_, i) => (i % 7) / 3),
  };
  const expected = GaussianMixture.fit(rows, options);
  for (const workers of [0, 1, 2, 3]) {
    const actual = await GaussianMixture.fitAsync(rows, { ...options, workers });
    expect(JSON.stringify(actual), `${workers} workers`).toBe(JSON.stringify(expected));
  }
});
