// The model a user holds: what it computes beside fitting, how it is saved and read, what it refuses.
import { tableFromArrays } from 'apache-arrow';
import { type CovarianceType, GaussianMixture, GaussmixError, Matrix } from 'gaussmix';
import { describe, expect, it } from 'vitest';
import { TYPES } from './helpers/covariance-models.ts';
import { generator, loadExample } from './helpers/data.ts';

const faithful = loadExample('faithful');

function codeOf(work: () => unknown): { code: string; message: string } {
  try {
    work();
  } catch (error) {
    if (error instanceof GaussmixError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('nothing was thrown');
}

const two = GaussianMixture.fromParameters({
  weights: [0.25, 0.75],
  means: [
    [0, 0],
    [3, 1],
  ],
  covariances: [
    [1, 0.5, 0.5, 2],
    [4, 0, 0, 0.25],
  ],
});

/** log N(x | m, C) for two features, from the closed form of the inverse. */
function logNormal(x: number[], m: number[], c: number[]): number {
  const determinant = c[0] * c[3] - c[1] * c[2];
  const [u, v] = [x[0] - m[0], x[1] - m[1]];
  const square = (c[3] * u * u - 2 * c[1] * u * v + c[0] * v * v) / determinant;
  return -Math.log(2 * Math.PI) - 0.5 * Math.log(determinant) - 0.5 * square;
}

describe('densities', () => {
  const points = [
    [0, 0],
    [1, -2],
    [3, 1],
    [10, 10],
  ];
  it('agree with the closed form', () => {
    const a = points.map((x) => Math.log(0.25) + logNormal(x, [0, 0], [1, 0.5, 0.5, 2]));
    const b = points.map((x) => Math.log(0.75) + logNormal(x, [3, 1], [4, 0, 0, 0.25]));
    const scores = two.scoreSamples(points);
    const resp = two.predictProba(points);
    points.forEach((_, i) => {
      const expected = Math.max(a[i], b[i]) + Math.log1p(Math.exp(-Math.abs(a[i] - b[i])));
      // Squares up to 400, a dozen roundings each.
      expect(Math.abs(scores[i] - expected)).toBeLessThan(1e-12);
      expect(Math.abs(resp.row(i)[0] - 1 / (1 + Math.exp(b[i] - a[i])))).toBeLessThan(1e-13);
    });
  });

  it('Mahalanobis distances are in standard deviations, not squared', () => {
    const distances = two.mahalanobis([
      [3, 1],
      [5, 1],
      [3, 2],
    ]);
    expect(distances.shape).toEqual([3, 2]);
    expect(distances.row(0)[1]).toBe(0);
    expect(distances.row(1)[1]).toBe(1);
    expect(distances.row(2)[1]).toBe(2);
  });

  it('criteria follow their definitions', () => {
    const total = two.score(faithful) * 272;
    expect(two.nParameters).toBe(11);
    // A total of size 1e5: one rounding each.
    expect(Math.abs(two.aic(faithful) - (-2 * total + 22)) / Math.abs(total)).toBeLessThan(1e-14);
    expect(Math.abs(two.bic(faithful) - (-2 * total + 11 * Math.log(272))) / Math.abs(total)).toBeLessThan(
      1e-14,
    );
    const model = GaussianMixture.fit(faithful, { nComponents: 3 });
    let entropy = 0;
    for (const row of model.predictProba(faithful))
      for (const r of row) if (r > 0) entropy -= r * Math.log(r);
    expect(entropy).toBeGreaterThan(1);
    // r ln r from responsibilities and from log-densities: 1e-15 relative in each of 816 terms.
    expect(Math.abs(model.icl(faithful) - model.bic(faithful) - 2 * entropy)).toBeLessThan(1e-10);
  });

  it('count parameters per covariance type', () => {
    const count = (covarianceType: CovarianceType) =>
      GaussianMixture.fit(loadExample('iris'), { nComponents: 3, covarianceType }).nParameters;
    expect([count('full'), count('tied'), count('diag'), count('spherical')]).toEqual([44, 24, 26, 17]);
    // Celeux and Govaert 1995, table 1: 14 weights and means, and from EII's 1 to EVV's 28 of covariances (D 4, K 3).
    const models = ['EII', 'EEI', 'VEI', 'EVI', 'VEE', 'EVE', 'VVE', 'EEV', 'VEV', 'EVV'] as const;
    expect(models.map(count)).toEqual([15, 18, 20, 24, 26, 30, 32, 36, 38, 42]);
  });
});

describe('sampling', () => {
  it('gives the same rows for a seed, others for another', () => {
    expect(two.sample(100, { seed: 5 })).toEqual(two.sample(100, { seed: 5 }));
    expect(two.sample(100, { seed: 6 }).data).not.toEqual(two.sample(100, { seed: 5 }).data);
    expect(two.sample(0).data.shape).toEqual([0, 2]);
  });

  it('has the moments of the mixture, in random order', () => {
    const n = 200_000;
    const { data, labels } = two.sample(n, { seed: 1 });
    const share = labels.reduce((a, b) => a + b, 0) / n;
    // Five standard errors of a share of 0.75 among 200,000.
    expect(Math.abs(share - 0.75)).toBeLessThan(0.005);
    const first = labels.slice(0, n / 2).reduce((a, b) => a + b, 0) / (n / 2);
    expect(Math.abs(first - 0.75)).toBeLessThan(0.007);
    const rows = [...data].filter((_, i) => labels[i] === 0);
    const moment = (f: (row: Float64Array) => number) =>
      rows.reduce((sum, row) => sum + f(row), 0) / rows.length;
    // 50,000 rows: standard errors up to 0.013 for second moments.
    expect(Math.abs(moment((row) => row[0]))).toBeLessThan(0.03);
    expect(Math.abs(moment((row) => row[0] * row[1]) - 0.5)).toBeLessThan(0.06);
    expect(Math.abs(moment((row) => row[1] * row[1]) - 2)).toBeLessThan(0.07);
    // Kurtosis of a normal is 3: a wrong transform shows here. Standard error sqrt(24 / 50,000) = 0.022.
    const kurtosis = moment((row) => row[0] ** 4) / moment((row) => row[0] ** 2) ** 2;
    expect(Math.abs(kurtosis - 3)).toBeLessThan(0.11);
  });

  it('refuses nonsense', () => {
    expect(codeOf(() => two.sample(-1)).code).toBe('INVALID_OPTION');
    expect(codeOf(() => two.sample(1.5)).code).toBe('INVALID_OPTION');
    expect(codeOf(() => two.sample(3, { seed: -1 })).message).toMatch(/seed/);
    expect(codeOf(() => two.sample(3, { sed: 1 } as never)).message).toMatch(/sed.*seed/);
  });
});

describe('saving', () => {
  it('keeps every bit, and the names of features', () => {
    const model = GaussianMixture.fit(faithful, { nComponents: 2, nInit: 2 });
    const json = JSON.parse(JSON.stringify(model));
    const copy = GaussianMixture.fromJSON({ ...json, featureNames: ['eruptions', 'waiting'] });
    expect(copy.weights).toEqual(model.weights);
    expect(copy.means).toEqual(model.means);
    expect(copy.covariances).toEqual(model.covariances);
    expect(copy.fitted).toEqual(model.fitted);
    expect(copy.featureNames).toEqual(['eruptions', 'waiting']);
    expect(copy.scoreSamples(faithful)).toEqual(model.scoreSamples(faithful));
    expect(GaussianMixture.fromJSON(copy.toJSON()).toJSON()).toEqual(copy.toJSON());
  });

  it('keeps every bit of starts too, whose covariances come from products of scales', () => {
    for (const covarianceType of TYPES) {
      for (const initialization of [
        'kmeans',
        'k-means++',
        'random',
        'random-from-data',
        'hierarchical',
      ] as const) {
        for (let seed = 0; seed < 10; seed++) {
          const options = { nComponents: 3, covarianceType, initialization, seed, maxIterations: seed % 2 };
          const model = GaussianMixture.fit(loadExample('iris'), options);
          const copy = GaussianMixture.fromJSON(JSON.parse(JSON.stringify(model)));
          expect(copy.covariances).toEqual(model.covariances);
          expect(copy.score(loadExample('iris'))).toBe(model.score(loadExample('iris')));
        }
      }
    }
  });

  const good = () => JSON.parse(JSON.stringify(two)) as Record<string, unknown>;
  it.each([
    ['text', () => JSON.stringify(good()), /JSON\.parse it first/],
    ['no object', () => 5, /format/],
    ['another format', () => ({ ...good(), format: 'x' }), /no saved model/],
    ['another version', () => ({ ...good(), version: 2 }), /version 2.*reads version 1/],
    ['a missing part', () => ({ ...good(), means: undefined }), /"means" is missing/],
    [
      'too few means',
      () => ({ ...good(), means: [[0, 0]] }),
      /means must be an array of length 2, not of length 1/,
    ],
    ['a short row', () => ({ ...good(), means: [[0, 0], [1]] }), /means\[1\] must be an array of length 2/],
    ['a NaN made null', () => ({ ...good(), weights: [null, 1] }), /weights\[0\].*finite number, not null/],
    ['an unknown type', () => ({ ...good(), covarianceType: 'round' }), /round/],
    ['a bad count', () => ({ ...good(), nComponents: 0 }), /nComponents.*integer >= 1/],
    ['bad names', () => ({ ...good(), featureNames: ['a'] }), /featureNames.*2 strings/],
    ['a broken record', () => ({ ...good(), fitted: { converged: 1 } }), /fitted\.converged/],
  ])('refuses %s', (_name, json, message) => {
    const error = codeOf(() => GaussianMixture.fromJSON(json()));
    expect(error.code).toBe('INVALID_MODEL');
    expect(error.message).toMatch(message);
  });
});

describe('parameters', () => {
  const p = {
    weights: [0.5, 0.5],
    means: [
      [0, 0],
      [1, 1],
    ],
    covariances: [
      [1, 0, 0, 1],
      [1, 0, 0, 1],
    ],
  };
  it.each([
    [
      'weights that do not sum to one',
      { ...p, weights: [0.5, 0.4] },
      'INVALID_PARAMETERS',
      /sum to 0\.9.*must sum to 1/,
    ],
    ['a negative weight', { ...p, weights: [1.5, -0.5] }, 'INVALID_PARAMETERS', /weights\[1\] is -0\.5/],
    ['too few weights', { ...p, weights: [1] }, 'INVALID_PARAMETERS', /length 1.*2 means/],
    [
      'NaN in means',
      {
        ...p,
        means: [
          [0, Number.NaN],
          [1, 1],
        ],
      },
      'MISSING_VALUE',
      /means: row 0, column 1/,
    ],
    [
      'too few covariances',
      { ...p, covariances: [[1, 0, 0, 1]] },
      'INVALID_PARAMETERS',
      /covariances must be an array with one 2 x 2 matrix for each of the 2/,
    ],
    [
      'a covariance of another size',
      { ...p, covariances: [[1], [1, 0, 0, 1]] },
      'INVALID_PARAMETERS',
      /covariances\[0\] is 1 x 1/,
    ],
    [
      'an asymmetric covariance',
      {
        ...p,
        covariances: [
          [1, 0.5, 0, 1],
          [1, 0, 0, 1],
        ],
      },
      'NOT_POSITIVE_DEFINITE',
      /covariances\[0\] is not symmetric: element \[1\]\[0\] is 0/,
    ],
    [
      'an indefinite covariance',
      {
        ...p,
        covariances: [
          [1, 0, 0, 1],
          [1, 2, 2, 1],
        ],
      },
      'NOT_POSITIVE_DEFINITE',
      /covariances\[1\] is not positive definite: feature 1/,
    ],
    [
      'a zero variance',
      {
        ...p,
        covariances: [
          [0, 0, 0, 1],
          [1, 0, 0, 1],
        ],
        covarianceType: 'diag',
      },
      'NOT_POSITIVE_DEFINITE',
      /covariances\[0\].*feature 0/,
    ],
    [
      'a diag model with correlation',
      {
        ...p,
        covariances: [
          [1, 0.5, 0.5, 1],
          [1, 0, 0, 1],
        ],
        covarianceType: 'diag',
      },
      'INVALID_PARAMETERS',
      /not a 'diag' covariance.*\[0\]\[1\]/,
    ],
    [
      'a spherical model with two variances',
      {
        ...p,
        covariances: [
          [1, 0, 0, 1],
          [1, 0, 0, 2],
        ],
        covarianceType: 'spherical',
      },
      'INVALID_PARAMETERS',
      /covariances\[1\].*\[1\]\[1\] is 2, not 1/,
    ],
    [
      'a tied model with two covariances',
      {
        ...p,
        covariances: [
          [1, 0, 0, 1],
          [1, 0, 0, 2],
        ],
        covarianceType: 'tied',
      },
      'INVALID_PARAMETERS',
      /covariances\[1\]/,
    ],
    ['an unknown name', { ...p, sigma: 1 }, 'UNKNOWN_OPTION', /sigma/],
    ['nothing', undefined, 'INVALID_PARAMETERS', /weights, means, covariances/],
  ])('refuses %s', (_name, parameters, code, message) => {
    const error = codeOf(() => GaussianMixture.fromParameters(parameters as never));
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  });

  it('takes covariances flat, nested and as Matrix', () => {
    const forms = [
      [2, 1, 1, 3],
      [
        [2, 1],
        [1, 3],
      ],
      new Matrix(Float64Array.of(2, 1, 1, 3), [2, 2]),
    ];
    for (const form of forms) {
      const model = GaussianMixture.fromParameters({
        weights: [1],
        means: [[0, 0]],
        covariances: [form as never],
      });
      expect(model.covariances[0].toArray()).toEqual([
        [2, 1],
        [1, 3],
      ]);
    }
  });

  it('a start is checked against the data', () => {
    const fit = (initialization: object) => () =>
      GaussianMixture.fit(faithful, { nComponents: 2, initialization: initialization as never });
    expect(codeOf(fit({ means: [[1, 2]] })).message).toMatch(/initialization\.means is 1 x 2.*must be 2 x 2/);
    expect(
      codeOf(
        fit({
          means: [
            [1, 2, 3],
            [1, 2, 3],
          ],
        }),
      ).message,
    ).toMatch(/2 columns of data/);
    expect(
      codeOf(
        fit({
          means: [
            [1, 2],
            [3, 4],
          ],
          weights: [1, 1],
        }),
      ).message,
    ).toMatch(/initialization\.weights sum to 2/);
    expect(
      codeOf(
        fit({
          means: [
            [1, 2],
            [3, 4],
          ],
          covariances: [
            [1, 2, 2, 1],
            [1, 0, 0, 1],
          ],
        }),
      ).message,
    ).toMatch(/initialization\.covariances\[0\] is not positive definite/);
    const both = {
      means: [
        [1, 2],
        [3, 4],
      ],
      covariances: [
        [1, 0, 0, 1],
        [1, 0, 0, 1],
      ],
      precisions: [
        [1, 0, 0, 1],
        [1, 0, 0, 1],
      ],
    };
    expect(codeOf(fit(both)).message).toMatch(/both covariances and precisions/);
  });

  it('takes a model or a saved model only where it belongs, and says so', () => {
    expect(GaussianMixture.fromParameters(two as never).toJSON()).toEqual(two.toJSON());
    expect(codeOf(() => GaussianMixture.fromParameters(two.toJSON() as never)).message).toMatch(/fromJSON/);
    expect(codeOf(() => new (GaussianMixture as unknown as new () => unknown)()).message).toMatch(
      /GaussianMixture\.fit/,
    );
  });

  it('a start written into does not change the fit that starts from it', () => {
    const model = GaussianMixture.fit(faithful, { nComponents: 2 });
    const clean = GaussianMixture.fit(faithful, { nComponents: 2, initialization: model });
    model.means.data.fill(0);
    model.weights.fill(9);
    const written = GaussianMixture.fit(faithful, { nComponents: 2, initialization: model });
    expect(written.toJSON()).toEqual(clean.toJSON());
  });

  it('wide data costs a diagonal model nothing quadratic', () => {
    const uniform = generator(3);
    const d = 12_000;
    const data = Array.from({ length: 10 }, () => Float64Array.from({ length: d }, uniform));
    for (const covarianceType of ['diag', 'spherical'] as const) {
      const model = GaussianMixture.fit(data, { nComponents: 2, covarianceType, maxIterations: 3 });
      expect(model.sample(2).data.shape).toEqual([2, d]);
      expect(model.predict(data).length).toBe(10);
    }
  });

  it('takes the columns of an Arrow table by name', () => {
    const a = Float64Array.from(faithful, (row) => row[0]);
    const b = Float64Array.from(faithful, (row) => row[1]);
    const label = faithful.map((_, i) => `row ${i}`);
    const model = GaussianMixture.fit(tableFromArrays({ a, label, b }), { nComponents: 2 });
    expect(model.featureNames).toEqual(['a', 'b']);
    expect(model.fitted!.warnings.join()).toMatch(/not numeric were left out: label/);
    expect(model.score(tableFromArrays({ b, other: a, a }))).toBe(model.score(faithful));
    const error = codeOf(() => model.score(tableFromArrays({ a, c: b })));
    expect(error.message).toMatch(/no numeric column "b".*"a", "c"/);
  });

  it('is immutable: writing into what it gives changes nothing it computes', () => {
    const model = GaussianMixture.fit(faithful, { nComponents: 2 });
    const before = model.score(faithful);
    model.means.data.fill(0);
    model.weights.fill(0);
    expect(() => {
      (model as { nComponents: number }).nComponents = 5;
    }).toThrow(TypeError);
    expect(model.score(faithful)).toBe(before);
  });

  it('refuses data of another width, and bad rows, in every method', () => {
    const methods = [
      'scoreSamples',
      'score',
      'predict',
      'predictProba',
      'mahalanobis',
      'aic',
      'bic',
      'icl',
    ] as const;
    for (const method of methods) {
      expect(codeOf(() => two[method]([[1, 2, 3]])).message).toMatch(
        /data has 3 columns, but the model was made for 2/,
      );
      expect(
        codeOf(() =>
          two[method]([
            [1, 2],
            [3, Number.NaN],
          ]),
        ).message,
      ).toMatch(/row 1, column 1/);
      expect(codeOf(() => two[method]([[1, 2]], { mising: 'error' } as never)).message).toMatch(/mising/);
    }
  });
});
