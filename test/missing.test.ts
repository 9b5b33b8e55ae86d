// Fits of rows with missing values, and everything else that takes data, with missing: 'marginalize'.
// Must not look into the kernel (kernel/missing.test.ts) nor run the command line.
import {
  type FitOptions,
  fitMany,
  fitManyAsync,
  GaussianMixture,
  type MatrixLike,
  selectModel,
  selectModelAsync,
} from 'gaussmix';
import { describe, expect, it } from 'vitest';
import {
  decompose,
  disturb,
  flatten as flattenModel,
  mclustName,
  objective,
  TYPES,
  violation,
} from './helpers/covariance-models.ts';
import { clusters, generator, loadExample } from './helpers/data.ts';
import { withHoles } from './helpers/missing.ts';
import type { Form, Mixture } from './reference-kernel.ts';
import { accumulateMissing, fitMissing, impute } from './reference-missing.ts';

const FORMS = ['spherical', 'diag', 'tied', 'full'] as const;
const faithful = loadExample('faithful');
const iris = loadExample('iris');
const sets = [
  { name: 'faithful', complete: faithful, rows: withHoles(faithful, 0.1, 1), k: 2 },
  { name: 'iris', complete: iris, rows: withHoles(iris, 0.1, 2), k: 3 },
];
const MISSING = { missing: 'marginalize' } as const;
const NONE = Number.NaN;

/** A model as the twin has it. */
function twin(model: GaussianMixture): Mixture {
  const type = mclustName(model.covarianceType);
  const form = (type === 'EEE' ? 2 : type[2] !== 'I' ? 3 : type[1] === 'I' ? 0 : 1) as Form;
  const covariances = flattenModel(
    type,
    model.covariances.map((c) => c.toArray()),
  );
  return { form, weights: [...model.weights], means: model.means.toArray(), covariances };
}

/** Largest difference of two models' parameters, in the units of the data. */
function difference(a: GaussianMixture, b: GaussianMixture): number {
  const values = (model: GaussianMixture) => [
    ...model.weights,
    ...model.means.data,
    ...model.covariances.flatMap((c) => [...c.data]),
  ];
  const other = values(b);
  return Math.max(...values(a).map((value, i) => Math.abs(value - other[i])));
}

function expectMonotone(model: GaussianMixture): void {
  const { history, logLikelihood } = model.fitted!;
  const all = [...history, logLikelihood];
  // A mean of 272 terms of size 5 carries rounding of 1e-15.
  for (let i = 1; i < all.length; i++)
    expect(all[i], `iteration ${i}`).toBeGreaterThanOrEqual(all[i - 1] - 1e-12);
}

describe.each(sets)('$name, a tenth of its cells removed', ({ rows, k }) => {
  const options = { nComponents: k, regularization: 0, tolerance: 0, ...MISSING };

  it.each(FORMS)('%s: the likelihood never falls, and the fit is that of the twin', (covarianceType) => {
    const start = GaussianMixture.fit(rows, { ...options, covarianceType, maxIterations: 0 });
    const model = GaussianMixture.fit(rows, {
      ...options,
      covarianceType,
      maxIterations: 60,
      initialization: start,
    });
    expectMonotone(model);
    const { mixture, history } = fitMissing(twin(start), rows, 60);
    // Sixty iterations amplify rounding of 1e-15 by the condition of the problem.
    model.fitted!.history.forEach((value, i) => {
      expect(Math.abs(value - history[i])).toBeLessThan(1e-8);
    });
    expect(Math.abs(model.fitted!.logLikelihood - history[60])).toBeLessThan(1e-8);
    const found = twin(model);
    const flat = ({ weights, means, covariances }: Mixture) => [...weights, ...means.flat(), ...covariances];
    const expected = flat(mixture);
    flat(found).forEach((value, i) => {
      expect(Math.abs(value - expected[i])).toBeLessThan(1e-8 * Math.max(1, Math.abs(expected[i])));
    });
  });

  it.each(TYPES.filter((type) => !FORMS.includes(type as never)))(
    '%s: the likelihood never falls, and the M-step is that of the expected statistics',
    (covarianceType) => {
      const model = GaussianMixture.fit(rows, { ...options, covarianceType, maxIterations: 40 });
      expectMonotone(model);
      const next = GaussianMixture.fit(rows, {
        ...options,
        covarianceType,
        maxIterations: 1,
        initialization: model,
      });
      const { sampleWeight, logLikelihood, nk, sumX, sumXX } = accumulateMissing(twin(model), rows);
      // Sums of 272 terms.
      expect(Math.abs(logLikelihood / sampleWeight - next.fitted!.history[0])).toBeLessThan(1e-12);
      nk.forEach((count, component) => {
        expect(Math.abs(next.weights[component] - count / sampleWeight)).toBeLessThan(1e-12);
        next.means.row(component).forEach((value, j) => {
          const expected = model.means.row(component)[j] + sumX[component][j] / count;
          expect(Math.abs(value - expected)).toBeLessThan(1e-10);
        });
      });
      const scatter = sumXX.map((matrix, component) =>
        matrix.map((row, i) =>
          row.map(
            (value, j) =>
              value / nk[component] - (sumX[component][i] * sumX[component][j]) / nk[component] ** 2,
          ),
        ),
      );
      const name = mclustName(covarianceType);
      const covariances = next.covariances.map((c) => c.toArray());
      expect(violation(name, covariances)).toBeLessThan(1e-10);
      const weights = [...next.weights];
      const best = objective(weights, scatter, covariances);
      const parts = decompose(name, covariances);
      const uniform = generator(3);
      for (let i = 0; i < 30; i++) {
        const other = disturb(name, parts, 0.02, () => 2 * uniform() - 1);
        // The maximum: rounds end at gains of 1e-14, and a change of 0.02 costs more than 1e-5.
        expect(objective(weights, scatter, other)).toBeLessThan(best + 1e-9);
      }
    },
  );

  it('finds what is known of the whole data', () => {
    const whole = GaussianMixture.fit(rows, { nComponents: k, ...MISSING });
    const complete = GaussianMixture.fit(
      rows.filter((row) => !row.some(Number.isNaN)),
      { nComponents: k },
    );
    const order = (model: GaussianMixture) => [...model.means.toArray()].sort((a, b) => a[0] - b[0]);
    const others = order(complete);
    // The same clusters as those of the complete rows: a tenth of a unit is far less than they are apart.
    order(whole).forEach((mean, component) => {
      mean.forEach((value, j) => {
        expect(Math.abs(value - others[component][j])).toBeLessThan(
          0.03 * Math.abs(others[component][j]) + 0.1,
        );
      });
    });
  });
});

describe('without a missing value', () => {
  it.each(TYPES)('%s: the bits of the ordinary fit, from every start', async (covarianceType) => {
    for (const initialization of [
      'kmeans',
      'k-means++',
      'random',
      'random-from-data',
      'hierarchical',
    ] as const) {
      const options: FitOptions = { nComponents: 3, covarianceType, initialization, maxIterations: 5 };
      const expected = GaussianMixture.fit(iris, options).toJSON();
      expect(GaussianMixture.fit(iris, { ...options, ...MISSING }).toJSON()).toEqual(expected);
    }
  });

  it('large enough for passes over active pairs: the same bits, on workers too', async () => {
    const data = clusters(9000, 8, 5, 3, 9);
    const options = { nComponents: 5, maxIterations: 12, tolerance: 0 };
    const expected = GaussianMixture.fit(data, options).toJSON();
    expect(GaussianMixture.fit(data, { ...options, ...MISSING }).toJSON()).toEqual(expected);
    const model = await GaussianMixture.fitAsync(data, { ...options, ...MISSING, workers: 2 });
    expect(model.toJSON()).toEqual(expected);
  });

  it('everything that takes data gives the same bits', () => {
    const model = GaussianMixture.fit(iris, { nComponents: 3 });
    expect(model.scoreSamples(iris, MISSING)).toEqual(model.scoreSamples(iris));
    expect(model.score(iris, MISSING)).toBe(model.score(iris));
    expect(model.predictProba(iris, MISSING)).toEqual(model.predictProba(iris));
    expect(model.mahalanobis(iris, MISSING)).toEqual(model.mahalanobis(iris));
    expect(model.criteria(iris, MISSING)).toEqual(model.criteria(iris));
    expect(model.impute(iris).toArray()).toEqual(iris);
  });
});

// Ten blocks: the last one short, and one without any missing value.
const n = 37_000;
const many = withHoles(clusters(n, 3, 3, 5), 0.1, 7);
clusters(4096, 3, 3, 9).forEach((row, i) => {
  many[8192 + i] = row;
});
const data = { data: Float64Array.from(many.flat()), shape: [n, 3] };
const uniform = generator(4);
const sampleWeight = Float64Array.from({ length: n }, () => Math.floor(3 * uniform()));

describe.each(['full', 'tied', 'diag', 'spherical', 'VEV'] as const)('%s on workers', (covarianceType) => {
  it.each([0, 1, 2, 3, 7])('%i of them give the bits of fit', async (workers) => {
    const plain = { nComponents: 3, covarianceType, seed: 3, maxIterations: 5, tolerance: 0, ...MISSING };
    for (const options of [plain, { ...plain, sampleWeight, initialization: 'random-from-data' as const }]) {
      const expected = GaussianMixture.fit(data, options);
      const model = await GaussianMixture.fitAsync(data, { ...options, workers });
      expect(model.toJSON()).toEqual(expected.toJSON());
    }
  });

  it('a component that loses its rows is put on the same row, with what that row has', async () => {
    const means = [many[8192], many[8193], [1e9, 1e9, 1e9]];
    const options = {
      nComponents: 3,
      covarianceType,
      initialization: { means },
      maxIterations: 4,
      ...MISSING,
    };
    const expected = GaussianMixture.fit(data, options);
    expect(expected.fitted!.warnings.join()).toMatch(/had lost all its rows and was put on row/);
    const model = await GaussianMixture.fitAsync(data, { ...options, workers: 3 });
    expect(model.toJSON()).toEqual(expected.toJSON());
  });
});

describe('many fits and selections', () => {
  const data = sets.map(({ rows }) => rows);
  const options = { nComponents: 2, ...MISSING };

  it('fitMany and fitManyAsync give the bits of fit', async () => {
    const expected = data.map((rows) => GaussianMixture.fit(rows, options).toJSON());
    expect(fitMany(data, options).map((model) => model.toJSON())).toEqual(expected);
    const models = await fitManyAsync(data, { ...options, workers: 2 });
    expect(models.map((model) => model.toJSON())).toEqual(expected);
  });

  it('selectModel and selectModelAsync agree, and their criteria are those of the model', async () => {
    const rows = sets[1].rows;
    const grid = { nComponents: [1, 2, 3], covarianceTypes: ['full', 'diag', 'EEV'] as const, ...MISSING };
    const { best, table } = selectModel(rows, grid);
    for (const { model, bic } of table) expect(bic).toBe(model!.bic(rows, MISSING));
    for (const workers of [0, 2]) {
      const other = await selectModelAsync(rows, { ...grid, workers });
      expect(other.best.toJSON()).toEqual(best.toJSON());
      expect(other.table.map(({ icl }) => icl)).toEqual(table.map(({ icl }) => icl));
    }
  });
});

describe('weights', () => {
  it.each(FORMS)('%s: a weight of 2 is the row twice, one of 0 its absence', (covarianceType) => {
    const { rows } = sets[1];
    const random = generator(9);
    const weights = rows.map(() => Math.floor(3 * random()));
    const repeated = rows.flatMap((row, i) => new Array<number[]>(weights[i]).fill(row));
    const start = GaussianMixture.fit(rows, { nComponents: 3, covarianceType, maxIterations: 0, ...MISSING });
    const options = {
      ...{ nComponents: 3, covarianceType, initialization: start, regularization: 0 },
      ...{ tolerance: 0, maxIterations: 30, ...MISSING },
    };
    const weighted = GaussianMixture.fit(rows, { ...options, sampleWeight: weights });
    // Sums in another order, amplified by thirty iterations.
    expect(difference(weighted, GaussianMixture.fit(repeated, options))).toBeLessThan(1e-9);
  });
});

describe('invariances', () => {
  it.each(FORMS)('%s: columns in another order, other units, an offset', (covarianceType) => {
    const { rows } = sets[1];
    const start = GaussianMixture.fit(rows, { nComponents: 3, covarianceType, maxIterations: 0, ...MISSING });
    const options = {
      nComponents: 3,
      covarianceType,
      regularization: 0,
      tolerance: 0,
      maxIterations: 15,
      ...MISSING,
    };
    const moved = (order: number[], offset: number): GaussianMixture => {
      const initialization = {
        weights: start.weights,
        means: start.means.toArray().map((mean) => order.map((j) => mean[j] + offset)),
        covariances: start.covariances.map((c) => order.map((i) => order.map((j) => c.row(i)[j]))),
      };
      return GaussianMixture.fit(
        rows.map((row) => order.map((j) => row[j] + offset)),
        { ...options, initialization },
      );
    };
    const plain = moved([0, 1, 2, 3], 0);
    const order = [2, 0, 3, 1];
    const turned = moved(order, 0);
    turned.means.toArray().forEach((mean, component) => {
      mean.forEach((value, i) => {
        // Another order of features gives other factors, of rounding 1e-15 times a condition of 1e2.
        expect(Math.abs(value - plain.means.row(component)[order[i]])).toBeLessThan(1e-10);
      });
    });
    expect(Math.abs(turned.fitted!.logLikelihood - plain.fitted!.logLikelihood)).toBeLessThan(1e-10);
    // Values at 1e7 have steps of 2e-9, so that what is fitted differs by that.
    const far = moved([0, 1, 2, 3], 1e7);
    expect(Math.abs(far.fitted!.logLikelihood - plain.fitted!.logLikelihood)).toBeLessThan(1e-6);
    far.covariances.forEach((c, component) => {
      c.data.forEach((value, i) => {
        expect(Math.abs(value - plain.covariances[component].data[i])).toBeLessThan(1e-6);
      });
    });
  });

  it('starts of every kind do not care for an offset', () => {
    const { rows } = sets[1];
    const far = rows.map((row) => row.map((value) => value + 2 ** 20));
    for (const initialization of [
      'kmeans',
      'k-means++',
      'random',
      'random-from-data',
      'hierarchical',
    ] as const) {
      const options = { nComponents: 3, initialization, maxIterations: 0, ...MISSING };
      const a = GaussianMixture.fit(rows, options);
      const b = GaussianMixture.fit(far, options);
      a.means.data.forEach((value, i) => {
        // Values at 2^20 have steps of 1e-10.
        expect(Math.abs(b.means.data[i] - 2 ** 20 - value), initialization).toBeLessThan(1e-8);
      });
    }
  });
});

describe('shapes of patterns', () => {
  it('rows with one value, and patterns that appear once, in 70 columns', () => {
    const rows = withHoles(clusters(120, 70, 2, 3), 0.5, 4);
    rows[5] = rows[5].map((value, j) => (j === 66 ? (Number.isNaN(value) ? 1 : value) : NONE));
    for (const covarianceType of ['diag', 'tied'] as const) {
      const options = { nComponents: 2, covarianceType, maxIterations: 5, tolerance: 0, ...MISSING };
      const model = GaussianMixture.fit(rows, options);
      expect(model.fitted!.warnings.filter((text) => !text.startsWith('not converged'))).toEqual([]);
      const expected = rows.map((row) => impute(twin(model), row));
      model
        .impute(rows)
        .toArray()
        .forEach((row, i) => {
          // Conditions of some hundred: digits lost by the inverse in the twin.
          row.forEach((value, j) => {
            expect(Math.abs(value - expected[i][j])).toBeLessThan(1e-9);
          });
        });
    }
  });

  it('one column: nothing can be missing', () => {
    expect(
      GaussianMixture.fit(
        faithful.map(([x]) => x),
        { nComponents: 2, ...MISSING },
      ).toJSON(),
    ).toEqual(
      GaussianMixture.fit(
        faithful.map(([x]) => x),
        { nComponents: 2 },
      ).toJSON(),
    );
    expect(() => GaussianMixture.fit([1, NONE, 3], { nComponents: 1, ...MISSING })).toThrow(
      /row 1 has no value/,
    );
  });

  it('a collapsing component is repaired', () => {
    const rows = withHoles(clusters(60, 3, 2, 5), 0.1, 6);
    // Twelve times the same point, which a full covariance would lie in.
    for (let i = 0; i < 12; i++) rows.push([20, 20, 20]);
    for (const covarianceType of FORMS) {
      const options = { nComponents: 3, covarianceType, regularization: 0, ...MISSING };
      const model = GaussianMixture.fit(rows, options);
      expect([...model.weights, ...model.means.data].every(Number.isFinite)).toBe(true);
      for (const c of model.covariances) expect(c.data.every(Number.isFinite)).toBe(true);
      if (covarianceType !== 'tied') expect(model.fitted!.warnings.join()).toMatch(/became singular/);
    }
  });

  it('a weight of 0 stays one', () => {
    const { rows, k } = sets[1];
    const start = GaussianMixture.fit(rows, { nComponents: k, maxIterations: 3, ...MISSING });
    const initialization = {
      weights: [0.5, 0, 0.5],
      means: start.means,
      covariances: start.covariances as never,
    };
    const model = GaussianMixture.fit(rows, { nComponents: k, initialization, maxIterations: 0, ...MISSING });
    const resp = model.predictProba(rows, MISSING);
    for (const row of resp) expect(row[1]).toBe(0);
  });

  it('values of 1e150 and 1e-140 are fitted', () => {
    for (const scale of [1e149, 1e-140]) {
      const rows = sets[0].rows.map((row) => row.map((value) => value * scale * 0.01));
      const model = GaussianMixture.fit(rows, { nComponents: 2, ...MISSING });
      const plain = GaussianMixture.fit(sets[0].rows, { nComponents: 2, ...MISSING });
      model.means.data.forEach((value, i) => {
        // Units change nothing but rounding, of 1e-16 amplified by the iterations.
        expect(Math.abs(value / (scale * 0.01) / plain.means.data[i] - 1)).toBeLessThan(1e-6);
      });
    }
  });
});

describe('predictions', () => {
  const { rows, k } = sets[1];
  const model = GaussianMixture.fit(rows, { nComponents: k, ...MISSING });

  it('are those of the marginal mixture of what is observed', () => {
    const scores = model.scoreSamples(rows, MISSING);
    const resp = model.predictProba(rows, MISSING);
    const labels = model.predict(rows, MISSING);
    const distances = model.mahalanobis(rows, MISSING);
    rows.forEach((row, i) => {
      const observed = [...row.keys()].filter((j) => !Number.isNaN(row[j]));
      const marginal = model.marginal(observed);
      const values = [observed.map((j) => row[j])];
      // Another order of the same operations on numbers of size ten.
      expect(Math.abs(scores[i] - marginal.score(values))).toBeLessThan(1e-11);
      const expected = marginal.predictProba(values).row(0);
      resp.row(i).forEach((value, component) => {
        expect(Math.abs(value - expected[component])).toBeLessThan(1e-11);
      });
      expect(labels[i]).toBe(marginal.predict(values)[0]);
      const away = marginal.mahalanobis(values).row(0);
      distances.row(i).forEach((value, component) => {
        expect(Math.abs(value - away[component])).toBeLessThan(1e-9 * (1 + value));
      });
    });
  });

  it('leaves -0, in every form of data', () => {
    const signed = [
      [-0, NONE, 1, -0],
      [-0, -0, -0, -0],
      [NONE, -0, NONE, NONE],
    ];
    const flat = Float64Array.from(signed.flat());
    const shape = [3, 4] as const;
    const forms = {
      arrays: signed,
      flat: { data: flat, shape },
      single: { data: Float32Array.from(flat), shape },
    };
    for (const data of Object.values(forms)) {
      const completed = model.impute(data).data;
      flat.forEach((value, i) => {
        if (!Number.isNaN(value)) expect(completed[i]).toBe(value);
      });
    }
  });

  it('imputes the mean of the conditional mixture, and leaves what is there', () => {
    const completed = model.impute(rows).toArray();
    rows.forEach((row, i) => {
      const observed = [...row.keys()].filter((j) => !Number.isNaN(row[j]));
      for (const j of observed) expect(Object.is(completed[i][j], row[j])).toBe(true);
      if (observed.length === row.length) return;
      const conditional = model.conditional(
        observed,
        observed.map((j) => row[j]),
      );
      const missing = [...row.keys()].filter((j) => Number.isNaN(row[j]));
      missing.forEach((j, at) => {
        let mean = 0;
        for (let component = 0; component < conditional.nComponents; component++) {
          mean += conditional.weights[component] * conditional.means.row(component)[at];
        }
        // Another order of the same operations on numbers of size ten.
        expect(Math.abs(completed[i][j] - mean)).toBeLessThan(1e-10);
      });
    });
  });

  it('likelihood, criteria and score of one fit agree', () => {
    const { logLikelihood } = model.fitted!;
    expect(model.score(rows, MISSING)).toBe(logLikelihood);
    const criteria = model.criteria(rows, MISSING);
    expect(criteria.bic).toBe(model.bic(rows, MISSING));
    expect(criteria.aic).toBe(model.aic(rows, MISSING));
    expect(criteria.icl).toBe(model.icl(rows, MISSING));
    expect(criteria.logLikelihood).toBe(logLikelihood * rows.length);
  });

  it('takes null, undefined and NaN in every form of data', () => {
    const some = rows.slice(0, 40);
    const holes = some.map((row) =>
      row.map((value, j) => (Number.isNaN(value) ? [null, undefined][j % 2] : value)),
    );
    expect(model.predictProba(holes as never as MatrixLike, MISSING)).toEqual(
      model.predictProba(some, MISSING),
    );
    const flat = { data: Float32Array.from(some.flat()), shape: [40, 4] };
    expect(model.predict(flat, MISSING)).toEqual(model.predict(some, MISSING));
  });
});

describe('what is refused', () => {
  const { rows } = sets[1];
  const message = (work: () => unknown): string => {
    try {
      work();
    } catch (error) {
      return (error as Error).message;
    }
    return 'nothing was thrown';
  };

  it('missing values, unless asked for', () => {
    expect(message(() => GaussianMixture.fit(rows, { nComponents: 2 }))).toMatch(/missing: 'marginalize'/);
  });

  it('rows without any value, by their numbers', async () => {
    const nothing = [NONE, NONE, NONE, NONE];
    const some = rows.map((row, i) => ([3, 50, 77, 149].includes(i) ? nothing : row));
    const expected =
      /rows 3, 50, 77 and more have no value at all \(rows count from 0\).*leave such rows out/;
    expect(message(() => GaussianMixture.fit(some, { nComponents: 2, ...MISSING }))).toMatch(expected);
    const fit = GaussianMixture.fitAsync(some, { nComponents: 2, workers: 2, ...MISSING });
    await expect(fit).rejects.toThrow(expected);
    const model = GaussianMixture.fit(rows, { nComponents: 2, ...MISSING });
    expect(message(() => model.impute(some))).toMatch(expected);
    expect(message(() => model.impute([nothing]))).toMatch(/data: row 0 has no value at all .* of it/);
  });

  it('columns of one value each, which are no equal rows', () => {
    const single = [
      [1, NONE],
      [NONE, 2],
    ];
    const fit = (regularization: number) =>
      GaussianMixture.fit(single, { nComponents: 2, regularization, ...MISSING });
    expect(message(() => fit(0))).toMatch(
      /^the observed values of each column are equal: there is no spread to fit. Pass a positive `regularization`/,
    );
    expect(fit(1).fitted!.nSamples).toBe(2);
  });

  it('a column without any value, by its name or number; weights count', () => {
    const empty = iris.map((row) => [row[0], NONE, row[2]]);
    expect(message(() => GaussianMixture.fit(empty, { nComponents: 2, ...MISSING }))).toMatch(
      /column 1 has no value in any row \(of positive weight\): leave the column out/,
    );
    const one = empty.map((row, i) => (i === 7 ? [row[0], 3, row[2]] : row));
    const weights = one.map((_, i) => (i === 7 ? 0 : 1));
    expect(
      message(() => GaussianMixture.fit(one, { nComponents: 2, sampleWeight: weights, ...MISSING })),
    ).toMatch(/column 1 has no value/);
  });

  it('options of impute but the one way there is', () => {
    const model = GaussianMixture.fit(rows, { nComponents: 2, ...MISSING });
    const expected = model.impute(rows).toArray();
    for (const options of [undefined, {}, { missing: undefined }, MISSING]) {
      expect(model.impute(rows, options).toArray()).toEqual(expected);
    }
    const others: [unknown, string, RegExp][] = [
      [{ foo: 1 }, 'UNKNOWN_OPTION', /"foo".*Allowed: missing/],
      [{ mising: 'marginalize' }, 'UNKNOWN_OPTION', /did you mean missing/],
      ['marginalize', 'INVALID_OPTION', /must be an object such as { missing: 'marginalize' }/],
      [null, 'INVALID_OPTION', /must be an object/],
      [{ missing: 'error' }, 'INVALID_OPTION', /missing is 'error', but must be 'marginalize': .* fills in/],
      [{ missing: true }, 'INVALID_OPTION', /missing is the boolean true, but must be 'marginalize'/],
    ];
    for (const [options, code, words] of others) {
      const call = () => model.impute(rows, options as never);
      expect(call).toThrow(expect.objectContaining({ code }));
      expect(message(call)).toMatch(words);
    }
  });

  it('an infinite value, and an unknown way', () => {
    const infinite = [...rows.slice(1), [1, Number.POSITIVE_INFINITY, NONE, 2]];
    expect(message(() => GaussianMixture.fit(infinite, { nComponents: 2, ...MISSING }))).toMatch(/Infinity/);
    expect(message(() => GaussianMixture.fit(rows, { nComponents: 2, missing: 'impute' as never }))).toMatch(
      /missing is 'impute', but must be 'error' or 'marginalize'/,
    );
  });
});

it('a prior goes with missing values: what is maximised never falls', () => {
  const { rows } = sets[1];
  for (const covarianceType of FORMS) {
    const options = {
      nComponents: 4,
      covarianceType,
      prior: 'default',
      tolerance: 0,
      maxIterations: 40,
    } as const;
    const { history } = GaussianMixture.fit(rows, { ...options, ...MISSING }).fitted!;
    for (let i = 1; i < history.length; i++)
      expect(history[i]).toBeGreaterThanOrEqual(history[i - 1] - 1e-12);
  }
});
