// The fourteen covariance models in whole fits: mclust's likelihoods and more, structure, one feature, saving.
// Must not test single M-steps (kernel/constrain.test.ts) or what holds of any fit (em.test.ts, collapse.test.ts).
import { readFileSync } from 'node:fs';
import { type CovarianceType, GaussianMixture, GaussmixError } from 'gaussmix';
import { describe, expect, it } from 'vitest';
import { contains, givens, mclustName, TYPES, violation } from './helpers/covariance-models.ts';
import { clusters, generator, loadExample } from './helpers/data.ts';
import { multiply } from './reference-kernel.ts';

interface Case {
  dataset: 'faithful' | 'iris';
  covarianceType: CovarianceType;
  nComponents: number;
  start: { weights: number[]; means: number[][]; covariances: number[][][] };
  expected: Case['start'] & { logLikelihoodTotal: number; nParameters: number; bicMclust: number };
}

const golden: { cases: Case[] } = JSON.parse(
  readFileSync(new URL('./fixtures/mclust.json', import.meta.url), 'utf8'),
);

/** Each model's covariances as nested arrays. */
const nested = (model: GaussianMixture) => model.covariances.map((c) => c.toArray());

describe('mclust, from the same start', () => {
  it('has every model of both data sets', () => expect(golden.cases.length).toBe(56));

  // Cells where the plane rotations find a better maximum than mclust's em(): total log-likelihoods above mclust's.
  const better: Record<string, number> = {
    'faithful VVE 2': 0.07,
    'faithful VVE 3': 0.13,
    'iris VVE 2': 0.4,
    'iris VVE 3': 24,
  };

  it.each(golden.cases)('$dataset $covarianceType K=$nComponents', (item) => {
    const { dataset, covarianceType, nComponents, start, expected } = item;
    const data = loadExample(dataset);
    const model = GaussianMixture.fit(data, {
      nComponents,
      covarianceType,
      initialization: start,
      regularization: 0,
      tolerance: 1e-12,
      maxIterations: 20_000,
    });
    const { converged, history, logLikelihood, warnings } = model.fitted!;
    expect(converged).toBe(true);
    expect(warnings).toEqual([]);
    expect(model.nParameters).toBe(expected.nParameters);
    const gain = logLikelihood * data.length - expected.logLikelihoodTotal;
    expect(gain).toBeGreaterThan(better[`${dataset} ${covarianceType} ${nComponents}`] ?? -1e-4);
    if (better[`${dataset} ${covarianceType} ${nComponents}`] === undefined) {
      // mclust prints 15 digits; EM that stops at a gain of 1e-12 a row is some 1e-8 short of its limit.
      expect(Math.abs(gain)).toBeLessThan(1e-6);
      expect(Math.abs(model.bic(data) + expected.bicMclust)).toBeLessThan(3e-6);
    }
    for (let i = 1; i < history.length; i++) {
      // Means of 272 terms of size 5 carry rounding of 1e-15, an M-step that ends early none: each of its rounds only gains.
      expect(history[i], `iteration ${i}`).toBeGreaterThanOrEqual(history[i - 1] - 1e-13);
    }
    // What is equal is so by construction, up to the rounding of D x D products.
    expect(violation(mclustName(model.covarianceType), nested(model))).toBeLessThan(1e-10);
  });

  it.each(golden.cases.filter((item) => item.covarianceType === 'VVE'))(
    'one M-step improves where mclust ended: $dataset VVE K=$nComponents',
    ({ dataset, covarianceType, nComponents, expected }) => {
      const data = loadExample(dataset);
      const options = {
        nComponents,
        covarianceType,
        initialization: expected,
        regularization: 0,
        maxIterations: 1,
      };
      const { history, logLikelihood } = GaussianMixture.fit(data, options).fitted!;
      // The parameters are mclust's: they have the likelihood it reports.
      expect(Math.abs(history[0] * data.length - expected.logLikelihoodTotal)).toBeLessThan(1e-6);
      expect((logLikelihood - history[0]) * data.length).toBeGreaterThan(0.05);
    },
  );

  it('no model ends below one within it when it starts there', () => {
    for (const inner of golden.cases) {
      const data = loadExample(inner.dataset);
      const options = { nComponents: inner.nComponents, regularization: 0, tolerance: 1e-9 };
      const { covarianceType, start } = inner;
      const nestedFit = GaussianMixture.fit(data, { ...options, covarianceType, initialization: start });
      for (const outer of TYPES.filter((type) => contains(mclustName(type), covarianceType))) {
        const fit = { ...options, covarianceType: outer, initialization: nestedFit, maxIterations: 30 };
        const { logLikelihood, history } = GaussianMixture.fit(data, fit).fitted!;
        const what = `${inner.dataset} ${inner.nComponents}: ${outer} from ${covarianceType}`;
        // The start is of the larger model as well, so bringing it there changes nothing but rounding.
        expect(Math.abs(history[0] - nestedFit.fitted!.logLikelihood), what).toBeLessThan(1e-11);
        expect(logLikelihood, what).toBeGreaterThanOrEqual(nestedFit.fitted!.logLikelihood - 1e-11);
      }
    }
  });
});

describe.each(TYPES)('%s', (covarianceType) => {
  const name = mclustName(covarianceType);

  it('has the structure of its name from every start, at every iteration, regularised or not', () => {
    const data = clusters(150, 4, 3, 8, 2);
    for (const initialization of [
      'kmeans',
      'k-means++',
      'random',
      'random-from-data',
      'hierarchical',
    ] as const) {
      for (const regularization of [0, 'auto', 0.1] as const) {
        for (const maxIterations of [0, 1, 7]) {
          const options = { nComponents: 3, covarianceType, initialization, regularization, maxIterations };
          const model = GaussianMixture.fit(data, options);
          expect(violation(name, nested(model)), `${initialization} ${maxIterations}`).toBeLessThan(1e-10);
        }
      }
    }
  });

  it('brings a given start to the model', () => {
    const data = clusters(60, 2, 2, 3);
    const covariances = [
      [2, 0.5, 0.5, 1],
      [1, -0.3, -0.3, 3],
    ];
    const initialization = { means: data.slice(0, 2), covariances };
    const model = GaussianMixture.fit(data, {
      nComponents: 2,
      covarianceType,
      initialization,
      maxIterations: 0,
    });
    expect(violation(name, nested(model))).toBeLessThan(1e-10);
    expect(model.fitted!.logLikelihood).toBe(model.score(data));
  });

  it('has one variance, or one per component, where there is one feature', () => {
    const data = clusters(90, 1, 3, 2).map(([value]) => value);
    const equal = name[0] === 'E';
    const options = { nComponents: 3, tolerance: 1e-10, regularization: 0, seed: 1 };
    const model = GaussianMixture.fit(data, { ...options, covarianceType });
    const reference = GaussianMixture.fit(data, { ...options, covarianceType: equal ? 'EEE' : 'VVV' });
    expect(model.nParameters).toBe(2 + 3 + (equal ? 1 : 3));
    // Sums over components in place of sums over rows: another order.
    expect(Math.abs(model.fitted!.logLikelihood - reference.fitted!.logLikelihood)).toBeLessThan(1e-9);
    const variances = model.covariances.map((c) => c.data[0]);
    expect(new Set(variances).size).toBe(equal ? 1 : 3);
  });

  it('is saved, read and sampled under its name', () => {
    const data = loadExample('iris');
    const model = GaussianMixture.fit(data, { nComponents: 2, covarianceType });
    expect(model.covarianceType).toBe(covarianceType);
    const json = JSON.parse(JSON.stringify(model));
    expect(json.covarianceType).toBe(covarianceType);
    const copy = GaussianMixture.fromJSON(json);
    expect(copy.toJSON()).toEqual(model.toJSON());
    expect(copy.nParameters).toBe(model.nParameters);
    expect(copy.score(data)).toBe(model.score(data));
    expect(GaussianMixture.fromJSON({ ...json, covarianceType: name }).toJSON()).toEqual(json);
    const { data: rows } = model.sample(20_000, { seed: 2 });
    // The mean log-density of 20,000 samples: a standard error of sqrt(D / 2 / 20,000) = 0.01, five of them.
    const again = model.sample(20_000, { seed: 3 });
    expect(Math.abs(model.score(rows) - model.score(again.data))).toBeLessThan(0.07);
    const parameters = {
      weights: copy.weights,
      means: copy.means,
      covariances: [...copy.covariances],
      covarianceType,
    };
    expect(GaussianMixture.fromParameters(parameters).score(data)).toBe(model.score(data));
  });

  it('refuses parameters that are not of the model, naming an element', () => {
    if (covarianceType === 'full') return;
    const parameters = {
      weights: [0.5, 0.5],
      means: [
        [0, 0],
        [1, 1],
      ],
      covariances: [
        [2, 0.5, 0.5, 1],
        [1, -0.3, -0.3, 3],
      ],
      covarianceType,
    };
    expect(() => GaussianMixture.fromParameters(parameters)).toThrow(GaussmixError);
    expect(() => GaussianMixture.fromParameters(parameters)).toThrow(/covariances.*element \[\d\]\[\d\]/);
  });
});

describe.each(TYPES.filter((type) => mclustName(type)[2] !== 'I' || mclustName(type)[1] === 'I'))(
  '%s',
  (covarianceType) => {
    it('follows a rotation of the data', () => {
      const data = clusters(200, 3, 3, 4, 3);
      const uniform = generator(2);
      let turn = givens(3, 0, 1, 2 * uniform());
      for (const [p, q] of [
        [0, 2],
        [1, 2],
      ])
        turn = multiply(givens(3, p, q, 2 * uniform()), turn);
      const rotate = (rows: number[][]) =>
        multiply(
          turn,
          rows[0].map((_, j) => rows.map((row) => row[j])),
        );
      const columns = rotate(data);
      const rotated = data.map((_, i) => columns.map((column) => column[i]));
      const options = { nComponents: 3, covarianceType, regularization: 0, tolerance: 0, maxIterations: 40 };
      const a = GaussianMixture.fit(data, { ...options, initialization: { means: data.slice(0, 3) } });
      const b = GaussianMixture.fit(rotated, { ...options, initialization: { means: rotated.slice(0, 3) } });
      // Forty iterations magnify rounding; rounds of an M-step end at slightly different places, gains of 2e-14 apart.
      for (let i = 0; i < 40; i++)
        expect(Math.abs(a.fitted!.history[i] - b.fitted!.history[i])).toBeLessThan(1e-9);
      const [p, q] = [a.predictProba(data).data, b.predictProba(rotated).data];
      // Where the likelihood is flat within 1e-14, parameters may differ by the root of that.
      for (let i = 0; i < p.length; i++) expect(Math.abs(p[i] - q[i])).toBeLessThan(1e-6);
    });
  },
);
