// Standard errors, bootstrap and likelihood-ratio test: against large-sample theory, against mclust, and against themselves
// on workers. Must not measure time.
import { readFileSync } from 'node:fs';
import { type CovarianceType, type FitTask, fitEachAsync, GaussianMixture, GaussmixError } from 'gaussmix';
import {
  bootstrap,
  bootstrapAsync,
  bootstrapLikelihoodRatio,
  bootstrapLikelihoodRatioAsync,
  standardErrors,
} from 'gaussmix/inference';
import { describe, expect, it } from 'vitest';
import { clusters, loadExample } from './helpers/data.ts';

const faithful = loadExample('faithful');

interface Errors {
  weights: number[];
  means: number[][];
  covariances: number[][];
}
const fixture = JSON.parse(readFileSync(new URL('./fixtures/inference.json', import.meta.url), 'utf8')) as {
  likelihoodRatio: { modelName: CovarianceType; statistics: number[]; pValues: number[] }[];
  standardErrors: (Errors & { type: string })[];
};

async function codeOf(work: () => unknown): Promise<[code: string, message: string]> {
  try {
    await work();
  } catch (error) {
    if (error instanceof GaussmixError) return [error.code, error.message];
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** All numbers of a set of errors. */
function flat(
  errors: ReturnType<typeof standardErrors> | ReturnType<typeof bootstrap>['standardErrors'],
): number[] {
  return [...errors.weights, ...errors.means.data, ...errors.covariances.flatMap(({ data }) => [...data])];
}

const n = 4000;
const covariance = [2, 0.6, -0.3, 0.6, 1, 0.2, -0.3, 0.2, 0.5];
const normal = GaussianMixture.fromParameters({
  weights: [1],
  means: [[1, 10, -5]],
  covariances: [covariance],
});
const { data: normalRows } = normal.sample(n, { seed: 3 });

describe('one normal distribution', () => {
  // Large-sample values: sd / sqrt(n) for a mean, sqrt((C_ii C_jj + C_ij^2) / n) for a covariance (Anderson 2003,
  // theorem 3.4.4).
  const model = GaussianMixture.fit(normalRows, { nComponents: 1, regularization: 0 });
  const c = (i: number, j: number): number => model.covariances[0].data[i * 3 + j];
  const means = [0, 1, 2].map((i) => Math.sqrt(c(i, i) / n));
  const covariances = [0, 1, 2].flatMap((i) =>
    [0, 1, 2].map((j) => Math.sqrt((c(i, i) * c(j, j) + c(i, j) ** 2) / n)),
  );

  it('standard errors from the information', () => {
    const errors = standardErrors(model, normalRows);
    // The empirical information has a relative error of the size of sqrt(p / n) = 5 %; products of four factors more.
    expect(errors.weights[0]).toBe(0);
    errors.means.data.forEach((value, i) => {
      expect(Math.abs(value / means[i] - 1)).toBeLessThan(0.05);
    });
    errors.covariances[0].data.forEach((value, i) => {
      expect(Math.abs(value / covariances[i] - 1)).toBeLessThan(0.1);
    });
    expect(errors.covariance.shape).toEqual([9, 9]);
  });

  it.each(['nonparametric', 'weighted', 'parametric'] as const)(
    'standard errors from the %s bootstrap',
    (method) => {
      const {
        standardErrors: errors,
        interval,
        failed,
      } = bootstrap(model, normalRows, { replicates: 400, seed: 5, method });
      expect(failed).toBe(0);
      // A standard deviation of 400 values is known to 1 / sqrt(800) = 3.5 %: four times that, and that of the data.
      const bound = 0.14 + 0.05;
      errors.means.data.forEach((value, i) => {
        expect(Math.abs(value / means[i] - 1)).toBeLessThan(bound);
      });
      errors.covariances[0].data.forEach((value, i) => {
        expect(Math.abs(value / covariances[i] - 1)).toBeLessThan(bound);
      });
      const { lower, upper } = interval(0.9);
      // 2 * 1.645 standard errors between the 5 % and 95 % points, each known to about 10 % of one from 400 replicates.
      upper.means.data.forEach((value, i) => {
        const width = (value - lower.means.data[i]) / means[i];
        expect(Math.abs(width - 3.29)).toBeLessThan(0.6);
      });
      expect(interval(0.5).lower.means.data[0]).toBeGreaterThan(lower.means.data[0]);
    },
  );
});

describe.each(['full', 'tied', 'diag', 'spherical'] as const)(
  'the information of a %s mixture',
  (covarianceType) => {
    it('is the curvature of the likelihood, by differences', () => {
      const rows = clusters(300, 2, 2, 9, 3);
      const model = GaussianMixture.fit(rows, {
        nComponents: 2,
        covarianceType,
        regularization: 0,
        tolerance: 1e-12,
      });
      const { covariance: estimated } = standardErrors(model, rows);
      const p = model.nParameters;
      // Scores by central differences of each row's log-density in the documented parameters.
      const vector = toVector(model);
      const scores = vector.map((value, i) => {
        const step = 1e-5 * Math.max(1, Math.abs(value));
        const at = (sign: number): Float64Array =>
          fromVector(
            vector.map((other, j) => (j === i ? other + sign * step : other)),
            covarianceType,
          ).scoreSamples(rows);
        const [above, below] = [at(1), at(-1)];
        return above.map((high, row) => (high - below[row]) / (2 * step));
      });
      const information = scores.map((a) =>
        scores.map((b) => a.reduce((sum, value, row) => sum + value * b[row], 0)),
      );
      // Information times its inverse; differences of step 1e-5 leave 1e-9 relative, condition numbers are below 1e5.
      information.forEach((row, i) => {
        for (let j = 0; j < p; j++) {
          const product = row.reduce((sum, value, l) => sum + value * estimated.data[l * p + j], 0);
          expect(Math.abs(product - (i === j ? 1 : 0))).toBeLessThan(1e-5);
        }
      });
    });

    /** The free parameters in the order that `StandardErrors.covariance` documents. */
    function toVector(model: GaussianMixture): number[] {
      const elements = model.covariances.map(({ data: [a, b, , d] }) => {
        if (covarianceType === 'spherical') return [a];
        return covarianceType === 'diag' ? [a, d] : [a, b, d];
      });
      const shared = covarianceType === 'tied' ? elements[0] : elements.flat();
      return [model.weights[0], ...model.means.data, ...shared];
    }

    function fromVector(vector: number[], type: CovarianceType): GaussianMixture {
      const each = type === 'spherical' ? 1 : type === 'diag' ? 2 : 3;
      const matrix = (component: number): number[] => {
        const from = 5 + (type === 'tied' ? 0 : component * each);
        const [a, b, d] = vector.slice(from, from + each);
        if (type === 'spherical') return [a, 0, 0, a];
        return type === 'diag' ? [a, 0, 0, b] : [a, b, b, d];
      };
      return GaussianMixture.fromParameters({
        weights: [vector[0], 1 - vector[0]],
        means: [vector.slice(1, 3), vector.slice(3, 5)],
        covariances: [matrix(0), matrix(1)],
        covarianceType: type,
      });
    }
  },
);

describe('two components (faithful)', () => {
  const model = GaussianMixture.fit(faithful, { nComponents: 2, tolerance: 1e-9 });
  // mclust numbers the components by its own start.
  const order = model.weights[0] > model.weights[1] ? [0, 1] : [1, 0];

  it.each([
    ['bs', 'nonparametric'],
    ['wlbs', 'weighted'],
    ['pb', 'parametric'],
  ] as const)('standard errors are those of mclust, type %s', (type, method) => {
    const expected = fixture.standardErrors.find((entry) => entry.type === type) as Errors & { type: string };
    const errors = bootstrap(model, faithful, { method, seed: 1 }).standardErrors;
    // Each is known to 1 / sqrt(2 * 998) = 2.2 % from 999 replicates of normal estimates, their difference to 3.2 %;
    // variances have longer tails. Four times 3.2 %, and a quarter more.
    const near = (value: number, other: number): void => {
      expect(Math.abs(value / other - 1), `${value} for ${other}`).toBeLessThan(0.16);
    };
    order.forEach((component, theirs) => {
      near(errors.weights[component], expected.weights[theirs]);
      expected.means[theirs].forEach((value, j) => {
        near(errors.means.row(component)[j], value);
      });
      expected.covariances[theirs].forEach((value, i) => {
        near(errors.covariances[component].data[i], value);
      });
    });
  });

  it('components keep their numbers in every replicate', () => {
    const { models } = bootstrap(model, faithful, { replicates: 200, seed: 8 });
    // The components are 25 minutes apart, with standard errors below 1.
    for (const each of models) {
      expect(Math.abs(each.means.data[1] - model.means.data[1])).toBeLessThan(5);
      expect(Math.abs(each.means.data[3] - model.means.data[3])).toBeLessThan(5);
    }
  });

  it('the same seed gives the same bits, on workers too; replicates do not depend on how many there are', async () => {
    for (const method of ['nonparametric', 'weighted', 'parametric'] as const) {
      const options = { method, replicates: 150, seed: 11 };
      const once = bootstrap(model, faithful, options);
      const progress: number[] = [];
      const onProgress = ({ done }: { done: number }): void => {
        progress.push(done);
      };
      for (const workers of [0, 2]) {
        const again = await bootstrapAsync(model, faithful, { ...options, workers, onProgress });
        expect(JSON.stringify(again.models)).toBe(JSON.stringify(once.models));
        expect(flat(again.standardErrors)).toEqual(flat(once.standardErrors));
      }
      expect(progress).toEqual([0, 0].flatMap(() => Array.from({ length: 150 }, (_, i) => i + 1)));
      const fewer = bootstrap(model, faithful, { ...options, replicates: 3 });
      expect(JSON.stringify(fewer.models)).toBe(JSON.stringify(once.models.slice(0, 3)));
    }
  });

  it('stops at false, with the replicates so far, and at an abort with its reason', async () => {
    const onProgress = ({ done }: { done: number }) => (done === 7 ? false : undefined);
    expect(bootstrap(model, faithful, { onProgress }).models.length).toBe(7);
    expect((await bootstrapAsync(model, faithful, { onProgress, workers: 2 })).models.length).toBeLessThan(
      999,
    );
    const abort = new AbortController();
    const late = bootstrapAsync(model, faithful, {
      signal: abort.signal,
      workers: 2,
      onProgress: () => abort.abort(new Error('enough')),
    });
    await expect(late).rejects.toThrow('enough');
  });

  it('replicates without spread count as failed', async () => {
    // Resampling six rows of which three agree: some replicates have no two different rows.
    const rows = [1, 1, 1, 1, 2, 3];
    const small = GaussianMixture.fit(rows, { nComponents: 1 });
    const result = bootstrap(small, rows, { replicates: 500, seed: 1 });
    // All six of the four equal rows: (2/3)^6 = 8.8 %, others 2 (1/6)^6: 44 of 500, standard deviation 6.3.
    expect(Math.abs(result.failed - 44)).toBeLessThan(26);
    expect(result.models.length + result.failed).toBe(500);
    const again = await bootstrapAsync(small, rows, { replicates: 500, seed: 1, workers: 2 });
    expect([again.failed, flat(again.standardErrors)]).toEqual([result.failed, flat(result.standardErrors)]);
  });

  it('refuses bad options by name', async () => {
    const cases: [() => unknown, string, RegExp][] = [
      [
        () => bootstrap(model, faithful, { method: 'bs' as never }),
        'INVALID_OPTION',
        /method is the string "bs"/,
      ],
      [() => bootstrap(model, faithful, { replicates: 1 }), 'INVALID_OPTION', /replicates is 1; .* >= 2/],
      [() => bootstrap(model, faithful, { seed: -1 }), 'INVALID_OPTION', /seed is -1/],
      [() => bootstrap(model, faithful, { nboot: 9 } as never), 'UNKNOWN_OPTION', /"nboot"/],
      [() => bootstrap(model, faithful, { signal: 1 } as never), 'UNKNOWN_OPTION', /"signal"/],
      [() => bootstrap(model, faithful, { onProgress: 1 as never }), 'INVALID_OPTION', /onProgress is 1/],
      [() => bootstrap(model, faithful, { tolerance: -1 }), 'INVALID_OPTION', /tolerance is -1/],
      [() => bootstrapAsync(model, faithful, { tolerance: -1 }), 'INVALID_OPTION', /tolerance is -1/],
      [() => bootstrapAsync(model, faithful, { workers: -1 }), 'INVALID_OPTION', /workers is -1/],
      [() => bootstrap(model, [[1, 2, 3]]), 'INVALID_SHAPE', /data has 3 columns; 2 are needed/],
      [() => bootstrap({} as never, faithful), 'INVALID_OPTION', /model is an object/],
      [() => bootstrap(model, faithful, { replicates: 2 }).interval(95), 'INVALID_OPTION', /level is 95/],
      [
        () => standardErrors(model, faithful.slice(0, 10)),
        'DEGENERATE_DATA',
        /10 rows do not determine the 11/,
      ],
      [() => standardErrors(model, [[1]]), 'INVALID_SHAPE', /1 column/],
    ];
    for (const [work, code, message] of cases) {
      expect(await codeOf(work)).toEqual([code, expect.stringMatching(message)]);
    }
  });
});

describe('bootstrapLikelihoodRatio', () => {
  const two = GaussianMixture.fromParameters({
    weights: [0.5, 0.5],
    means: [[0], [4]],
    covariances: [[1], [1]],
  });

  it('p-values are uniform where the null hypothesis holds', () => {
    // 1 against 2 components: the statistic does not depend on location and scale, so that of the data and those of
    // the replicates are exchangeable and the p-value is uniform on 1/20, ..., 20/20. Of 200 data sets 10 % have p <= 0.1:
    // 20, standard deviation 4.2; four of those. The mean is 0.525, standard deviation 0.288 / sqrt(200) = 0.0204.
    const pValues = Array.from({ length: 200 }, (_, seed) => {
      const { data } = GaussianMixture.fromParameters({
        weights: [1],
        means: [[3]],
        covariances: [[4]],
      }).sample(60, { seed });
      return bootstrapLikelihoodRatio(data, { replicates: 19, seed: 1000 + seed, tolerance: 1e-4 }).tests[0]
        .pValue;
    });
    expect(Math.abs(pValues.filter((p) => p <= 0.1).length - 20)).toBeLessThan(17);
    expect(Math.abs(pValues.reduce((a, b) => a + b, 0) / 200 - 0.525)).toBeLessThan(0.082);
  });

  it('are small where it does not, and tests go on until one is kept', () => {
    const { data } = two.sample(150, { seed: 2 });
    const { tests, nComponents } = bootstrapLikelihoodRatio(data, {
      maxComponents: 5,
      replicates: 99,
      seed: 1,
    });
    expect(tests.map((test) => test.nComponents)).toEqual([1, 2]);
    expect(tests[0].pValue).toBe(0.01);
    expect(tests[1].pValue).toBeGreaterThan(0.05);
    expect(nComponents).toBe(2);
    expect(tests[1].nullModel.toJSON()).toEqual(tests[0].alternativeModel.toJSON());
    for (const { statistic, replicates, nullModel, alternativeModel } of tests) {
      // Sums of 150 rows.
      expect(statistic).toBeCloseTo(2 * 150 * (alternativeModel.score(data) - nullModel.score(data)), 9);
      expect(replicates.length).toBe(99);
      expect(replicates.every((value) => value >= 0)).toBe(true);
    }
    const rejected = bootstrapLikelihoodRatio(data, { replicates: 39, seed: 1 });
    expect([rejected.tests.length, rejected.nComponents]).toEqual([1, 2]);
  });

  it('a test is the same alone and in a sequence, and on workers', async () => {
    const { data } = two.sample(100, { seed: 4 });
    const options = { maxComponents: 3, replicates: 40, seed: 6, nInit: 2 };
    const sequence = bootstrapLikelihoodRatio(data, options);
    expect(sequence.tests.length).toBe(2);
    for (const workers of [0, 1, 2]) {
      const seen: string[] = [];
      const again = await bootstrapLikelihoodRatioAsync(data, {
        ...options,
        workers,
        onProgress: ({ nComponents, done, of }) => {
          seen.push(`${nComponents}: ${done}/${of}`);
        },
      });
      expect(JSON.stringify(again)).toBe(JSON.stringify(sequence));
      expect(seen).toEqual([1, 2].flatMap((k) => Array.from({ length: 40 }, (_, i) => `${k}: ${i + 1}/40`)));
    }
    expect(bootstrapLikelihoodRatio(data, { ...options, maxComponents: 2 }).tests[0].pValue).toBe(
      sequence.tests[0].pValue,
    );
    const longer = bootstrapLikelihoodRatio(data, { ...options, maxComponents: 2, replicates: 60 }).tests[0];
    expect(longer.replicates.slice(0, 40)).toEqual(sequence.tests[0].replicates);
    expect(bootstrapLikelihoodRatio(data, { ...options, seed: 7 }).tests[0].replicates).not.toEqual(
      sequence.tests[0].replicates,
    );
  });

  it('rejects one and two components of one ellipse on faithful, as mclust does, with its statistics', () => {
    const [theirs] = fixture.likelihoodRatio;
    expect(theirs.modelName).toBe('EEE');
    const { tests, nComponents } = bootstrapLikelihoodRatio(faithful, {
      covarianceType: 'EEE',
      maxComponents: 3,
      replicates: 99,
      seed: 1,
    });
    expect(nComponents).toBe(3);
    // The smallest possible: 1 / (99 + 1), and mclust's 1 / (999 + 1).
    expect(tests.map((test) => test.pValue)).toEqual([0.01, 0.01]);
    expect(theirs.pValues.slice(0, 2)).toEqual([0.001, 0.001]);
    // mclust stops at its relative tolerance of 1e-5 of the log-likelihood, 0.01 of 1,100.
    expect(Math.abs(tests[0].statistic - theirs.statistics[0])).toBeLessThan(0.04);
    expect(Math.abs(tests[1].statistic - theirs.statistics[1])).toBeLessThan(0.04);
    // Its three against four is negative, p = 0.975: its search for four components ends below three.
    expect(theirs.statistics[2]).toBeLessThan(0);
  });

  it('finds likelihoods at least as high as mclust, whose 2 against 3 ellipses ends in a lower maximum', () => {
    const [, theirs] = fixture.likelihoodRatio;
    const statistics = [1, 2].map(
      (nComponents) =>
        bootstrapLikelihoodRatio(faithful, { nComponents, covarianceType: theirs.modelName, replicates: 1 })
          .tests[0].statistic,
    );
    expect(Math.abs(statistics[0] - theirs.statistics[0])).toBeLessThan(0.04);
    expect(statistics[1]).toBeGreaterThan(theirs.statistics[1] + 10);
  });

  it('stops at false, at an abort, and refuses bad options', async () => {
    const { data } = two.sample(50, { seed: 1 });
    const stopped = bootstrapLikelihoodRatio(data, {
      maxComponents: 9,
      onProgress: ({ done }) => (done < 5 ? undefined : false),
    });
    expect([stopped.tests.length, stopped.tests[0].replicates.length, stopped.nComponents]).toEqual([
      1, 5, 1,
    ]);
    const abort = new AbortController();
    abort.abort(new Error('no more'));
    await expect(bootstrapLikelihoodRatioAsync(data, { signal: abort.signal })).rejects.toThrow('no more');
    const cases: [() => unknown, string, RegExp][] = [
      [() => bootstrapLikelihoodRatio(data, { nComponents: 0 }), 'INVALID_OPTION', /nComponents is 0/],
      [
        () => bootstrapLikelihoodRatio(data, { nComponents: 3, maxComponents: 3 }),
        'INVALID_OPTION',
        /maxComponents is 3; .* >= 4/,
      ],
      [() => bootstrapLikelihoodRatio(data, { level: 5 }), 'INVALID_OPTION', /level is 5/],
      [
        () => bootstrapLikelihoodRatio(data, { covarianceType: 'round' as never }),
        'INVALID_OPTION',
        /covarianceType/,
      ],
      [() => bootstrapLikelihoodRatio([1, 2], { nComponents: 2 }), 'TOO_FEW_ROWS', /only 2 rows/],
      [() => bootstrapLikelihoodRatio([1, Number.NaN]), 'MISSING_VALUE', /row 1/],
      [() => bootstrapLikelihoodRatio(data, { k: 2 } as never), 'UNKNOWN_OPTION', /"k"/],
    ];
    for (const [work, code, message] of cases) {
      expect(await codeOf(work)).toEqual([code, expect.stringMatching(message)]);
    }
  });
});

describe('fitEachAsync', () => {
  const tasks: FitTask[] = [
    { data: faithful, options: { nComponents: 2, seed: 3 } },
    { data: [[1, 2]], options: { nComponents: 2 } },
    { data: faithful.slice(0, 50), options: { nComponents: 1, covarianceType: 'diag' } },
    { data: [[1, 'x']] as never, options: { nComponents: 1 } },
    {
      data: faithful,
      options: {
        nComponents: 2,
        sampleWeight: faithful.map((_, i) => i % 3),
        initialization: GaussianMixture.fit(faithful, { k: 2 }),
      },
    },
    { data: [1, 1, 1], options: { nComponents: 1 } },
    { data: [1, 2, 3], options: { nComponents: 1, onIteration: () => {} } as never },
  ];

  it.each([0, 1, 2])('%i workers give each model or error, of options of its own', async (workers) => {
    const results = new Map<number, GaussianMixture | GaussmixError>();
    await fitEachAsync(tasks, (result, index) => results.set(index, result), { workers });
    tasks.forEach(({ data, options }, index) => {
      const result = results.get(index);
      if (index === 6) {
        expect((result as GaussmixError).message).toMatch(/onIteration/);
        return;
      }
      let expected: unknown;
      try {
        expected = GaussianMixture.fit(data, options).toJSON();
      } catch (error) {
        expected = error;
      }
      if (!(expected instanceof Error)) expect((result as GaussianMixture).toJSON()).toEqual(expected);
      else {
        expect(result).toBeInstanceOf(expected.constructor);
        expect([(result as GaussmixError).code, (result as GaussmixError).message]).toEqual([
          (expected as GaussmixError).code,
          expected.message,
        ]);
      }
    });
  });

  it('passes on what tasks and results throw, and refuses unknown names', async () => {
    function* failing(): Generator<FitTask> {
      yield tasks[0];
      throw new Error('no more tasks');
    }
    await expect(fitEachAsync(failing(), () => {}, { workers: 1 })).rejects.toThrow('no more tasks');
    const refuse = (): void => {
      throw new Error('not wanted');
    };
    await expect(fitEachAsync(tasks, refuse, { workers: 0 })).rejects.toThrow('not wanted');
    expect(await codeOf(() => fitEachAsync(tasks, () => {}, { worker: 1 } as never))).toEqual([
      'UNKNOWN_OPTION',
      expect.stringMatching(/did you mean workers/),
    ]);
    const ignored = { nComponents: 1, signal: undefined } as never;
    const results: unknown[] = [];
    await fitEachAsync([{ data: [1, 2], options: ignored }], (result) => results.push(result), {
      workers: 0,
    });
    expect((results[0] as GaussmixError).code).toBe('UNKNOWN_OPTION');
  });
});
