// A mixture that learns from a stream: near the truth and near a fit, the same bits however the stream is cut or saved in the middle.
import { GaussianMixture, GaussmixError } from 'gaussmix';
import { OnlineGaussianMixture, type OnlineOptions } from 'gaussmix/online';
import { describe, expect, it } from 'vitest';
import type { CovarianceForm } from '../src/covariance-models.ts';
import { recentre } from '../src/recentre.ts';
import { TYPES } from './helpers/covariance-models.ts';
import { clusters, generator } from './helpers/data.ts';

const truth = GaussianMixture.fromParameters({
  weights: [0.5, 0.3, 0.2],
  means: [
    [0, 0],
    [4, 1],
    [1, 5],
  ],
  covariances: [
    [1, 0.3, 0.3, 1],
    [0.5, 0, 0, 2],
    [2, -0.8, -0.8, 1],
  ],
});
const rows = truth.sample(20_000, { seed: 3 }).data.toArray();

function numbersOf(model: GaussianMixture): number[] {
  return [...model.weights, ...model.means.data, ...model.covariances.flatMap(({ data }) => [...data])];
}

function through(online: OnlineGaussianMixture): OnlineGaussianMixture {
  return OnlineGaussianMixture.fromJSON(JSON.parse(JSON.stringify(online)));
}

function caught(work: () => unknown): GaussmixError {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(GaussmixError);
    return error as GaussmixError;
  }
  throw new Error('nothing was thrown');
}

describe('what it learns', () => {
  it('after ten passes: the likelihood of a fit', () => {
    const online = new OnlineGaussianMixture({ nComponents: 3 });
    for (let pass = 0; pass < 10; pass++) online.partialFit(rows);
    const fit = GaussianMixture.fit(rows, { nComponents: 3, tolerance: 1e-9 });
    expect(online.nSamples).toBe(10 * rows.length);
    expect(online.steps).toBe(Math.floor((200_000 - 1000) / 256));
    const loss = fit.score(rows) - online.model.score(rows);
    // Statistics average over about 2 / step batches, here 2 / 777^-0.6 = 109 of 256 rows: 17 parameters from 28,000 rows lose 17 / (2 *
    // 28,000) = 3e-4 nats per row on average. A fit to all the rows cannot be beaten but by what its tolerance leaves.
    expect(loss).toBeLessThan(1e-3);
    expect(loss).toBeGreaterThan(-1e-6);
  });

  it('from a million rows: the parameters', () => {
    const online = new OnlineGaussianMixture({ nComponents: 3 });
    for (let piece = 0; piece < 10; piece++)
      online.partialFit(truth.sample(100_000, { seed: 100 + piece }).data);
    const { model } = online;
    const order = [0, 1, 2].map((wanted) =>
      [0, 1, 2].reduce((best, k) => {
        const distance = (c: number): number =>
          Math.abs(model.means.row(c)[0] - truth.means.row(wanted)[0]) +
          Math.abs(model.means.row(c)[1] - truth.means.row(wanted)[1]);
        return distance(k) < distance(best) ? k : best;
      }),
    );
    expect([...order].sort()).toEqual([0, 1, 2]);
    // The last step is 3902^-0.6 = 0.007: as good as 2 / 0.007 * 256 = 73,000 rows, of which the smallest component has 14,600. Standard
    // errors are up to sqrt(2 / 14600) = 0.012 for means and 2 sqrt(2 / 14600) = 0.023 for variances; overlap adds some: four of them.
    for (const [wanted, found] of order.entries()) {
      expect(Math.abs(model.weights[found] - truth.weights[wanted])).toBeLessThan(0.02);
      for (const j of [0, 1]) {
        expect(Math.abs(model.means.row(found)[j] - truth.means.row(wanted)[j])).toBeLessThan(0.05);
      }
      for (const [i, value] of truth.covariances[wanted].data.entries()) {
        expect(Math.abs(model.covariances[found].data[i] - value)).toBeLessThan(0.1);
      }
    }
  });

  it('a stream that drifts, with a constant step', () => {
    const shifted = (shift: number, seed: number): number[][] =>
      truth
        .sample(1000, { seed })
        .data.toArray()
        .map(([x, y]) => [x + shift, y]);
    const learn = (options: Partial<OnlineOptions>): number => {
      const online = new OnlineGaussianMixture({ nComponents: 3, ...options });
      for (let piece = 0; piece <= 200; piece++) online.partialFit(shifted(piece / 20, piece));
      return online.model.score(shifted(10, 999));
    };
    const ideal = truth.score(shifted(0, 999));
    // 20 batches of memory are 5,120 rows, in which the stream moves by 0.26: so far the means are behind, which costs at most 0.26^2 / (2 *
    // 0.5) = 0.07 nats where the variance is 0.5.
    expect(ideal - learn({ stepSize: 0.05 })).toBeLessThan(0.1);
    expect(ideal - learn({ stepExponent: 1 })).toBeGreaterThan(1);
  });

  it.each(TYPES)('%s: near a fit, and of the model', (covarianceType) => {
    const some = clusters(6000, 3, 2, 4, 3);
    const online = new OnlineGaussianMixture({ nComponents: 2, covarianceType });
    for (let pass = 0; pass < 5; pass++) online.partialFit(some);
    const { model } = online;
    expect(model.covarianceType).toBe(covarianceType);
    // At most 19 parameters from 2 * 256 * 115^0.6 = 9,000 rows: 1e-3 on average.
    const fit = GaussianMixture.fit(some, { nComponents: 2, covarianceType });
    expect(fit.score(some) - model.score(some)).toBeLessThan(4e-3);
    // Checks that covariances are those of the type.
    const { weights, means, covariances } = model;
    GaussianMixture.fromParameters({ weights, means, covariances: [...covariances], covarianceType });
  });

  it('a weight of 2 is the row twice', () => {
    const options = { nComponents: 3, initialization: truth, regularization: 0 };
    const some = rows.slice(0, 5000);
    const weighted = new OnlineGaussianMixture({ ...options, startRows: 1000, batchSize: 100 });
    weighted.partialFit(some, { sampleWeight: new Float64Array(5000).fill(2) });
    const twice = new OnlineGaussianMixture({ ...options, startRows: 2000, batchSize: 200 });
    twice.partialFit(some.flatMap((row) => [row, row]));
    expect(twice.steps).toBe(weighted.steps);
    const wanted = numbersOf(twice.model);
    for (const [i, value] of numbersOf(weighted.model).entries()) {
      // Sums of the same numbers in another order, over 40 steps.
      expect(Math.abs(value - wanted[i])).toBeLessThan(1e-10);
    }
  });

  it('an offset of 1e7 costs no digits', () => {
    const learn = (offset: number): GaussianMixture => {
      const online = new OnlineGaussianMixture({ nComponents: 3, seed: 1 });
      return online.partialFit(rows.map((row) => row.map((value) => value + offset))).model;
    };
    const [near, far] = [learn(0), learn(1e7)];
    for (const [component, { data }] of near.covariances.entries()) {
      for (const [i, value] of data.entries()) {
        // Rows are rounded to 2e-9; the 74 steps start from means and covariances that differ by as much, and forget it.
        expect(Math.abs(far.covariances[component].data[i] - value)).toBeLessThan(1e-6);
      }
    }
  });
});

describe('the same bits', () => {
  const options: OnlineOptions = { nComponents: 3, batchSize: 100, startRows: 350, seed: 4 };
  const sampleWeight = rows.map((_, i) => i % 4);
  const whole = new OnlineGaussianMixture(options).partialFit(rows, { sampleWeight });

  it('however the stream is cut, and wherever it is saved', () => {
    const uniform = generator(8);
    for (let trial = 0; trial < 5; trial++) {
      let online = new OnlineGaussianMixture(options);
      for (let at = 0; at < rows.length; ) {
        const length = 1 + Math.floor(uniform() ** 3 * 1500);
        online.partialFit(rows.slice(at, at + length), { sampleWeight: sampleWeight.slice(at, at + length) });
        if (uniform() < 0.3) online = through(online);
        at += length;
      }
      expect(JSON.stringify(online)).toBe(JSON.stringify(whole));
    }
    expect(whole.nSamples).toBe(15_000);
    expect(whole.waiting).toBe((15_000 - 350) % 100);
  });

  it('row by row, through the start', () => {
    const some = rows.slice(0, 400);
    let online = new OnlineGaussianMixture(options);
    for (const row of some) {
      online = through(online.partialFit([row]));
    }
    expect(JSON.stringify(online)).toBe(JSON.stringify(new OnlineGaussianMixture(options).partialFit(some)));
  });

  it.each([
    ['a model', truth],
    ['parameters', { means: truth.means, covariances: [...truth.covariances] }],
    [
      'flat covariances',
      {
        weights: [0.2, 0.3, 0.5],
        means: [...truth.means].map((m) => [...m]),
        covariances: truth.covariances.map(({ data }) => data),
      },
    ],
    ['means', { means: truth.means.toArray() }],
  ])('saved before a start from %s', (_, initialization) => {
    const given = { ...options, initialization };
    const saved = through(new OnlineGaussianMixture(given).partialFit(rows.slice(0, 10)));
    saved.partialFit(rows.slice(10, 1000));
    const straight = new OnlineGaussianMixture(given).partialFit(rows.slice(0, 1000));
    expect(numbersOf(saved.model)).toEqual(numbersOf(straight.model));
    // What is saved is what was given, also once the start has been used: not the method that stands for none.
    expect(JSON.stringify(through(straight))).toBe(JSON.stringify(straight));
    expect(straight.toJSON().options.initialization).toMatchObject({ means: truth.means.toArray() });
  });

  it('of a start of the same type, whose covariances are taken as they are, also when saved before', () => {
    const some = rows.slice(0, 1000);
    const covarianceType = 'VEV';
    const model = GaussianMixture.fit(some, { nComponents: 3, covarianceType });
    const given = { nComponents: 3, covarianceType, startRows: 1000, initialization: model } as const;
    const direct = new OnlineGaussianMixture(given);
    const { weights, means, covariances } = model;
    const initialization = { weights, means, covariances, covarianceType } as const;
    const plain = new OnlineGaussianMixture({ ...given, initialization });
    const saved = through(new OnlineGaussianMixture(given));
    const [wanted, ...others] = [direct, plain, saved].map((online) =>
      numbersOf(online.partialFit(some).model),
    );
    for (const other of others) expect(other).toEqual(wanted);
    // Brought to the type once more they would move, by what its iteration leaves.
    const without = new OnlineGaussianMixture({ ...given, initialization: { weights, means, covariances } });
    expect(numbersOf(without.partialFit(some).model)).not.toEqual(wanted);
  });

  it('a start is what it was when it was given', () => {
    const start = () => ({
      means: truth.means.toArray(),
      covariances: truth.covariances.map(({ data }) => data.slice()),
    });
    const given = start();
    const online = new OnlineGaussianMixture({ ...options, initialization: given });
    given.means[0][0] = 1e6;
    given.covariances[1].fill(Number.NaN);
    const wanted = new OnlineGaussianMixture({ ...options, initialization: start() });
    const some = rows.slice(0, 1000);
    expect(numbersOf(online.partialFit(some).model)).toEqual(numbersOf(wanted.partialFit(some).model));
    const error = caught(
      () => new OnlineGaussianMixture({ ...options, initialization: { means: 3 as never } }),
    );
    expect(error).toMatchObject({
      code: 'INVALID_PARAMETERS',
      message: expect.stringContaining('initialization: '),
    });
  });

  it('of a model do not change afterwards', () => {
    const online = new OnlineGaussianMixture(options).partialFit(rows.slice(0, 1000));
    const { model } = online;
    expect(online.model).toBe(model);
    const before = numbersOf(model);
    online.partialFit(rows.slice(1000, 2000));
    expect(numbersOf(model)).toEqual(before);
    expect(numbersOf(online.model)).not.toEqual(before);
  });
});

it('rows that wait take the room they need, not that of all', () => {
  const online = new OnlineGaussianMixture({ nComponents: 1, startRows: 2 ** 53 - 1 });
  for (let at = 0; at < 2000; at += 500) online.partialFit(rows.slice(at, at + 500));
  expect(online.waiting).toBe(2000);
  expect(through(online).toJSON()).toEqual(online.toJSON());
});

describe('what is refused', () => {
  it('a model before the start', () => {
    const online = new OnlineGaussianMixture({ nComponents: 2, startRows: 50 });
    expect(caught(() => online.model)).toMatchObject({
      code: 'TOO_FEW_ROWS',
      message: expect.stringContaining('50 of 50'),
    });
    online.partialFit(rows.slice(0, 20));
    expect(caught(() => online.model).message).toContain('30 of 50 are missing (startRows)');
    expect(caught(() => new OnlineGaussianMixture({ nComponents: 2 }).model).message).toContain(
      'none has come yet',
    );
  });

  it('bad rows, and nothing of that call counts', () => {
    const online = new OnlineGaussianMixture({ nComponents: 2, startRows: 50, batchSize: 10 });
    online.partialFit(rows.slice(0, 75));
    const before = JSON.stringify(online);
    const bad = [...rows.slice(0, 30), [1, Number.NaN]];
    expect(caught(() => online.partialFit(bad))).toMatchObject({
      code: 'MISSING_VALUE',
      message: expect.stringContaining('row 30, column 1'),
    });
    expect(caught(() => online.partialFit([[1, 2, 3]]))).toMatchObject({
      code: 'INVALID_SHAPE',
      message: expect.stringContaining('3 columns'),
    });
    expect(caught(() => online.partialFit(rows, { sampleWeight: [1] })).code).toBe('INVALID_OPTION');
    expect(caught(() => online.partialFit(rows, { weights: [1] } as object)).code).toBe('UNKNOWN_OPTION');
    expect(JSON.stringify(online)).toBe(before);
  });

  it('a start without spread; the next rows may have some', () => {
    const online = new OnlineGaussianMixture({ nComponents: 2, startRows: 50 });
    const flat = rows.slice(0, 60).map(([x]) => [x, 7]);
    expect(caught(() => online.partialFit(flat))).toMatchObject({ code: 'DEGENERATE_DATA' });
    expect(online.nSamples).toBe(0);
    expect(online.partialFit(rows.slice(0, 60)).waiting).toBe(10);
  });

  it.each<[object, string, string]>([
    [{}, 'INVALID_OPTION', 'nComponents is required'],
    [{ nComponents: 2, tolerance: 1 }, 'UNKNOWN_OPTION', '"tolerance"'],
    [{ nComponents: 2, missing: 'marginalize' }, 'INVALID_OPTION', 'marginalize'],
    [{ nComponents: 2, batchSize: 0 }, 'INVALID_OPTION', 'batchSize is 0'],
    [{ nComponents: 2, startRows: 1 }, 'INVALID_OPTION', 'startRows is 1'],
    [{ nComponents: 2, stepExponent: 0.5 }, 'INVALID_OPTION', 'stepExponent is 0.5'],
    [{ nComponents: 2, stepExponent: '1' }, 'INVALID_OPTION', "stepExponent is '1'"],
    [{ nComponents: 2, stepOffset: -1 }, 'INVALID_OPTION', 'stepOffset is -1'],
    [{ nComponents: 2, stepSize: 1 }, 'INVALID_OPTION', 'stepSize is 1'],
    [{ nComponents: 2, stepSize: 0.1, stepOffset: 2 }, 'INVALID_OPTION', 'left out'],
  ])('the options %j', (options, code, words) => {
    const error = caught(() => new OnlineGaussianMixture(options as OnlineOptions));
    expect(error.code).toBe(code);
    expect(error.message).toContain(words);
  });

  it('aliases of nComponents, which no message offers', () => {
    const missing = caught(() => new OnlineGaussianMixture({} as OnlineOptions));
    expect(missing.message).toBe('nComponents is required: the number of components, an integer >= 1');
    const alias = caught(() => new OnlineGaussianMixture({ k: 2 } as never));
    expect(alias).toMatchObject({
      code: 'UNKNOWN_OPTION',
      message: expect.stringContaining('mean nComponents?'),
    });
  });

  const two = [
    [0, 0],
    [4, 1],
  ];
  const unit = [1, 0, 0, 1];
  it.each<[string, object, string, string]>([
    [
      'means',
      { means: [[1], [2], [3]] },
      'INVALID_PARAMETERS',
      '.means is 3 x 1; with nComponents 2 it must be 2 x 1',
    ],
    ['weights', { means: two, weights: [0.5, 0.6] }, 'INVALID_PARAMETERS', '.weights sum to 1.1'],
    ['size', { means: two, covariances: [unit, [1]] }, 'INVALID_PARAMETERS', '.covariances[1] is 1 x 1'],
    [
      'definite',
      { means: two, covariances: [unit, [1, 2, 2, 1]] },
      'NOT_POSITIVE_DEFINITE',
      '.covariances[1]',
    ],
    [
      'precisions',
      { means: two, precisions: [[1, 2, 2, 1], unit] },
      'NOT_POSITIVE_DEFINITE',
      '.precisions[0]',
    ],
    [
      'both',
      { means: two, covariances: [unit, unit], precisions: [unit, unit] },
      'INVALID_PARAMETERS',
      ' has both',
    ],
    ['type', { means: two, covarianceType: 'round' }, 'INVALID_OPTION', '.covarianceType is'],
  ])('a start before any row: %s', (_, initialization, code, words) => {
    const given = { nComponents: 2, initialization } as OnlineOptions;
    const error = caught(() => new OnlineGaussianMixture(given));
    expect([error.code, error.message]).toEqual([code, expect.stringContaining(`initialization${words}`)]);
    // As the fit would, which takes the start once its rows are there.
    expect(caught(() => GaussianMixture.fit(rows.slice(0, 100), given)).code).toBe(code);
  });

  it('a start of other columns with the first row, and in what was saved', () => {
    const online = new OnlineGaussianMixture({ nComponents: 2, initialization: { means: two } });
    const words = 'initialization.means is 2 x 2; with nComponents 2 and 3 columns of data it must be 2 x 3';
    expect(caught(() => online.partialFit([[1, 2, 3]]))).toMatchObject({
      code: 'INVALID_PARAMETERS',
      message: words,
    });
    expect(online.nSamples).toBe(0);
    const json = online.partialFit([[1, 2]]).toJSON();
    const other = { ...json, options: { ...json.options, initialization: { means: [[1], [2]] } } };
    expect(caught(() => OnlineGaussianMixture.fromJSON(other))).toMatchObject({
      code: 'INVALID_MODEL',
      message: expect.stringContaining('nFeatures is 2, but the start has 1'),
    });
  });

  it('missing values, by the types too; it is no option that the list of options names', () => {
    // @ts-expect-error not an option: complete rows only
    const options: OnlineOptions = { nComponents: 2, missing: 'marginalize' };
    const { code, message } = caught(() => new OnlineGaussianMixture(options));
    expect([code, message]).toEqual(['INVALID_OPTION', expect.stringContaining('complete rows only')]);
    const unknown = caught(() => new OnlineGaussianMixture({ nComponents: 2, foo: 1 } as OnlineOptions));
    expect(unknown.message).toMatch(/"foo"\. Allowed: nComponents, .*stepSize$/);
    expect(unknown.message).not.toContain('missing');
  });

  it('a saved one that was changed', () => {
    const saved = (): Record<string, never> =>
      JSON.parse(
        JSON.stringify(
          new OnlineGaussianMixture({ nComponents: 2, startRows: 50, batchSize: 10 }).partialFit(
            rows.slice(0, 75),
          ),
        ),
      );
    type Change = [string, (json: Record<string, never>) => unknown];
    const changes: Change[] = [
      ['format', (json) => ({ ...json, format: 'gaussmix-model' })],
      ['version 2', (json) => ({ ...json, version: 2 })],
      ['nComponents', (json) => ({ ...json, options: {} })],
      ['nSamples', (json) => ({ ...json, nSamples: -1 })],
      ['featureNames', (json) => ({ ...json, featureNames: ['a'] })],
      ['waiting.rows', (json) => ({ ...json, waiting: { rows: [1], weights: [1, 1] } })],
      [
        '10 rows wait',
        (json) => ({ ...json, waiting: { rows: new Array(20).fill(1), weights: new Array(10).fill(1) } }),
      ],
      ['no model', (json) => ({ ...json, model: undefined })],
      [
        'not of these options',
        (json) => ({ ...json, options: { ...(json.options as object), nComponents: 3 } }),
      ],
      ['sums', (json) => ({ ...json, sums: [1, 2] })],
      [
        'no rows have such sums',
        (json) => ({ ...json, sums: (json.sums as number[]).map((sum, i) => (i === 2 ? -1 : sum)) }),
      ],
      ['weights', (json) => ({ ...json, model: { ...(json.model as object), weights: [1, 1] } })],
    ];
    for (const [words, change] of changes) {
      const error = caught(() => OnlineGaussianMixture.fromJSON(change(saved())));
      expect([words, error.code]).toEqual([words, 'INVALID_MODEL']);
      expect(error.message).toContain(words);
    }
    expect(caught(() => OnlineGaussianMixture.fromJSON('{}')).code).toBe('INVALID_MODEL');
    expect(caught(() => OnlineGaussianMixture.fromJSON(null)).code).toBe('INVALID_MODEL');
  });
});

describe('degenerate streams', () => {
  it('a component that loses its rows stays, with a warning, and nothing becomes NaN', () => {
    const online = new OnlineGaussianMixture({
      nComponents: 2,
      startRows: 100,
      batchSize: 50,
      stepSize: 0.9,
      initialization: {
        means: [
          [0, 0],
          [0, 60],
        ],
        covariances: [
          [1, 0, 0, 1],
          [1, 0, 0, 1],
        ],
      },
    });
    // Ten rows for the second component in the start, none afterwards: its weight falls to a tenth with each step.
    const first = rows.slice(0, 100).map(([x, y], i) => (i % 10 === 0 ? [x, y + 60] : [x, y]));
    online.partialFit(first);
    // Ten rows of a hundred, 60 standard deviations from the others.
    expect(Math.abs(online.model.weights[1] - 0.1)).toBeLessThan(1e-12);
    for (let piece = 0; piece < 40; piece++) online.partialFit(rows.slice(0, 50));
    expect(numbersOf(online.model).every(Number.isFinite)).toBe(true);
    expect(online.model.weights[1]).toBeLessThan(1e-14);
    expect(online.warnings.some((text) => text.startsWith('component 1 has lost all its rows'))).toBe(true);
    expect(online.warnings.length).toBe(new Set(online.warnings).size);
    expect(through(online).warnings).toEqual(online.warnings);
  });

  it('equal rows after the start raise the covariance that becomes singular', () => {
    const online = new OnlineGaussianMixture({
      nComponents: 2,
      startRows: 200,
      batchSize: 50,
      stepSize: 0.5,
      regularization: 0,
    });
    online.partialFit(rows.slice(0, 200));
    for (let piece = 0; piece < 100; piece++) {
      online.partialFit(rows.slice(0, 50).map(([x, y], i) => (i % 2 === 0 ? [9, 9] : [x, y])));
      expect(numbersOf(online.model).every(Number.isFinite)).toBe(true);
    }
    expect(online.warnings.some((text) => text.includes('became singular'))).toBe(true);
  });
});

describe('recentre', () => {
  const [n, d, k] = [40, 3, 2];
  const points = clusters(n, d, 2, 17);
  const uniform = generator(1);
  const resp = points.map(() => [uniform(), uniform()]);

  /** Statistics about given means, as docs/ABI.md defines them. */
  function direct(form: CovarianceForm, means: readonly number[]): Float64Array {
    const scatter: number[][] = Array.from({ length: form === 'tied' ? 1 : k }, () => []);
    const sums = [n, -1, ...[0, 1].map((c) => resp.reduce((sum, r) => sum + r[c], 0))];
    for (let c = 0; c < k; c++) {
      const away = points.map((x) => x.map((value, j) => value - means[c * d + j]));
      for (let j = 0; j < d; j++) sums.push(away.reduce((sum, x, i) => sum + resp[i][c] * x[j], 0));
      const product = (i: number, j: number): number =>
        away.reduce((sum, x, row) => sum + resp[row][c] * x[i] * x[j], 0);
      const target = scatter[form === 'tied' ? 0 : c];
      const elements: number[] = [];
      for (let i = 0; i < d; i++) {
        if (form === 'spherical') elements[0] = (elements[0] ?? 0) + product(i, i);
        else if (form === 'diag') elements.push(product(i, i));
        else for (let j = 0; j <= i; j++) elements.push(product(i, j));
      }
      for (const [at, value] of elements.entries()) target[at] = (target[at] ?? 0) + value;
    }
    return Float64Array.from([...sums, ...scatter.flat(), 0]);
  }

  it.each<CovarianceForm>(['full', 'tied', 'diag', 'spherical'])(
    '%s: statistics about other means',
    (form) => {
      const [from, to] = [
        [1, 2, 3, -1, 0, 1],
        [0.5, 2.5, 4, -3, 0.25, 1],
      ];
      const sums = direct(form, from);
      recentre(
        sums,
        Float64Array.from(to, (value, i) => value - from[i]),
        form,
        k,
        d,
      );
      for (const [i, value] of direct(form, to).entries()) {
        // Sums of 40 products of size 10.
        expect(Math.abs(sums[i] - value)).toBeLessThan(1e-12 * 400);
      }
    },
  );
});
