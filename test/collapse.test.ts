// Components that lose their rows, covariances that turn singular, data without spread.
// Must not accept NaN, a throw from inside the loop, or a repair without a warning.
import { type FitOptions, GaussianMixture, GaussmixError } from 'gaussmix';
import { describe, expect, it } from 'vitest';
import { TYPES } from './helpers/covariance-models.ts';
import { clusters, loadExample } from './helpers/data.ts';

function expectSound(model: GaussianMixture, strict: boolean = false): void {
  const { history, logLikelihood, warnings } = model.fitted!;
  const numbers = [...model.weights, ...model.means.data, ...model.covariances.flatMap((c) => [...c.data])];
  for (const value of [...numbers, ...history, logLikelihood]) expect(Number.isFinite(value)).toBe(true);
  for (const covariance of model.covariances) {
    for (let j = 0; j < model.nFeatures; j++) expect(covariance.row(j)[j]).toBeGreaterThan(0);
  }
  // Regularisation may lower the log-likelihood by right; a repair must not, nor anything where nothing is added.
  if (strict || warnings.some((text) => text.startsWith('iteration'))) {
    // Rounding of a mean of at most a few hundred terms of size below 100.
    for (const value of history) expect(logLikelihood).toBeGreaterThanOrEqual(value - 1e-10);
  }
  // Saved and read again, it is still a mixture.
  expect(GaussianMixture.fromJSON(JSON.parse(JSON.stringify(model))).toJSON()).toEqual(model.toJSON());
}

function codeOf(work: () => unknown): { code: string; message: string } {
  try {
    work();
  } catch (error) {
    if (error instanceof GaussmixError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe.each(TYPES)('%s', (covarianceType) => {
  const cases: [string, number[][], Partial<FitOptions>][] = [
    [
      'two different rows and three components',
      [
        [1, 2],
        [1, 2],
        [1, 2],
        [5, 1],
        [5, 1],
        [3, 9],
      ],
      { nComponents: 3 },
    ],
    ['as many components as rows', clusters(6, 2, 2, 3), { nComponents: 6 }],
    [
      'many equal rows beside a cluster',
      [...Array(30).fill([7, 7]), ...clusters(40, 2, 1, 4)],
      { nComponents: 2 },
    ],
    ['one far row', [...clusters(60, 2, 2, 5), [1e6, -1e6]], { nComponents: 3 }],
    [
      'collinear rows within each cluster',
      [...Array(20).keys()].map((i) => (i % 2 ? [i, 2 * i] : [i, 50 - i])),
      { nComponents: 2 },
    ],
    [
      'integers on a small grid',
      [...Array(64).keys()].map((i) => [i % 4, Math.floor(i / 16)]),
      { nComponents: 5 },
    ],
  ];
  for (const [name, data, extra] of cases) {
    for (const regularization of [0, 'auto', 1e-6] as const) {
      it(`${name}, regularization ${regularization}`, () => {
        for (let seed = 0; seed < 8; seed++) {
          for (const initialization of ['kmeans', 'random-from-data', 'random'] as const) {
            const options = {
              nComponents: 2,
              ...extra,
              covarianceType,
              regularization,
              seed,
              initialization,
            };
            const model = GaussianMixture.fit(data, { ...options, maxIterations: 300 } as FitOptions);
            expectSound(model, regularization === 0);
          }
        }
      });
    }
  }

  it('puts a component that lost its rows on the row explained worst, and says so', () => {
    const data = clusters(200, 2, 2, 6);
    const means = [data[0], data[1], [1e9, 1e9]];
    const covariances = means.map(() => [1, 0, 0, 1]);
    const model = GaussianMixture.fit(data, {
      nComponents: 3,
      covarianceType,
      initialization: { means, covariances },
      maxIterations: 5,
    });
    expectSound(model);
    expect(model.fitted!.warnings.join()).toMatch(/component 2 had lost all its rows and was put on row \d+/);
    expect(model.weights[2]).toBeGreaterThan(0);
  });

  it('refuses equal rows with advice', () => {
    const data = Array(20).fill([3, 4]);
    for (const regularization of [0, 'auto'] as const) {
      const { code, message } = codeOf(() =>
        GaussianMixture.fit(data, { nComponents: 2, covarianceType, regularization }),
      );
      expect(code).toBe('DEGENERATE_DATA');
      expect(message).toMatch(/all rows are equal.*regularization/);
    }
    expectSound(GaussianMixture.fit(data, { nComponents: 2, covarianceType, regularization: 1e-3 }));
  });

  it('fits data of one row per component', () => {
    expectSound(
      GaussianMixture.fit(
        [
          [1, 2],
          [3, 5],
        ],
        { nComponents: 2, covarianceType },
      ),
    );
  });
});

it('names a constant column', () => {
  const data = clusters(50, 3, 2, 1).map(([a, b]) => [a, 42, b]);
  const { code, message } = codeOf(() => GaussianMixture.fit(data, { nComponents: 2 }));
  expect(code).toBe('DEGENERATE_DATA');
  expect(message).toMatch(/column 1 has the same value in every row.*leave the column out.*regularization/);
});

it.each(['full', 'tied'] as const)(
  'names a column that others imply (%s, regularization 0)',
  (covarianceType) => {
    const data = clusters(50, 2, 2, 1).map(([a, b]) => [a, b, 2 * a - b]);
    const { code, message } = codeOf(() =>
      GaussianMixture.fit(data, { nComponents: 2, covarianceType, regularization: 0 }),
    );
    expect(code).toBe('DEGENERATE_DATA');
    expect(message).toMatch(/column 2 is, to rounding, a linear combination/);
    expectSound(GaussianMixture.fit(data, { nComponents: 2, covarianceType }));
    expectSound(GaussianMixture.fit(data, { nComponents: 2, covarianceType: 'diag', regularization: 0 }));
  },
);

it('a component that shrinks onto one row without regularisation is floored, with a warning', () => {
  const data = [...loadExample('faithful'), [3.33333, 61.5]];
  const last = data.length - 1;
  const model = GaussianMixture.fit(data, {
    nComponents: 2,
    regularization: 0,
    initialization: {
      means: [data[0], data[last]],
      covariances: [
        [1, 0, 0, 100],
        [1e-8, 0, 0, 1e-8],
      ],
    },
  });
  expectSound(model);
  expect(model.fitted!.warnings.join()).toMatch(/covariance of component 1 became singular/);
});

it('sums that overflow are refused, not turned into NaN or an endless repair', () => {
  const data = clusters(40, 2, 2, 3).map((row) => row.map((value) => value * 1e100));
  const sampleWeight = data.map(() => 1e120);
  const { code, message } = codeOf(() => GaussianMixture.fit(data, { nComponents: 2, sampleWeight }));
  expect(code).toBe('INVALID_VALUE');
  expect(message).toMatch(/column 0: the sum of weighted squares overflows/);
  expectSound(GaussianMixture.fit(data, { nComponents: 2 }));
});

it.each(TYPES)('magnitudes from 1e-140 to 1e140 are fitted (%s)', (covarianceType) => {
  for (const factor of [1e-140, 1e140]) {
    const data = clusters(60, 2, 2, 3).map((row) => row.map((value) => value * factor));
    expectSound(GaussianMixture.fit(data, { nComponents: 2, covarianceType }));
  }
});
