// EM as map and reduce: parts of the rows, in any order and through bytes, give the bits of a fit; whatever cannot be merged is
// refused. Must not fuzz the bytes: statistics-bytes.test.ts does.
import {
  accumulate,
  type CovarianceType,
  type FitOptions,
  GaussianMixture,
  GaussmixError,
  type MaximizeOptions,
  maximize,
  SufficientStatistics as Statistics,
  type SufficientStatistics,
} from 'gaussmix';
import { describe, expect, it } from 'vitest';
import { TYPES } from './helpers/covariance-models.ts';
import { clusters, generator } from './helpers/data.ts';
import { withHoles } from './helpers/missing.ts';

const BLOCK = 4096;
/** Seven blocks, (0-3) (4, 5) 6 on the merge tree, the last one short. Overlapping, so that a fit computes every pair of row and component, as accumulate does. */
const rows = clusters(6 * BLOCK + 1000, 3, 3, 11, 2);
const sampleWeight = rows.map((_, i) => (i % 5) / 2);
/** The parts: one block, three, three: across the subtrees of the merge tree. */
const CUTS = [0, BLOCK, 4 * BLOCK, rows.length];

function numbersOf(model: GaussianMixture): number[] {
  return [...model.weights, ...model.means.data, ...model.covariances.flatMap(({ data }) => [...data])];
}

function throughBytes(statistics: SufficientStatistics): SufficientStatistics {
  return Statistics.fromBytes(statistics.toBytes());
}

/** Iterations over the parts, from a model, merged last part first. */
function iterate(
  start: GaussianMixture,
  iterations: number,
  options: MaximizeOptions,
  weights?: readonly number[],
): GaussianMixture {
  let model = start;
  for (let iteration = 0; iteration < iterations; iteration++) {
    const parts = CUTS.slice(0, -1).map((first, i) =>
      throughBytes(
        accumulate(rows.slice(first, CUTS[i + 1]), model, {
          firstRow: first,
          sampleWeight: weights?.slice(first, CUTS[i + 1]),
        }),
      ),
    );
    model = maximize(
      parts.reduceRight((sum, part) => sum.merge(part)),
      options,
    );
  }
  return model;
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

describe('parts in any order, through bytes', () => {
  const fit = (options: Partial<FitOptions>): GaussianMixture =>
    GaussianMixture.fit(rows, { nComponents: 3, tolerance: 0, ...options });

  it.each(TYPES)('%s: the bits of a fit', (covarianceType) => {
    const options = { covarianceType, regularization: 1e-3 };
    const start = fit({ ...options, maxIterations: 0 });
    const model = iterate(start, 4, { regularization: 1e-3 });
    expect(model.covarianceType).toBe(covarianceType);
    expect(model.fitted).toBeUndefined();
    expect(numbersOf(model)).toEqual(numbersOf(fit({ ...options, maxIterations: 4 })));
  });

  it.each(TYPES)('%s: fits that go on from a saved model take the same steps', (covarianceType) => {
    const options = { covarianceType, regularization: 1e-3 };
    let model = fit({ ...options, maxIterations: 0 });
    for (let iteration = 0; iteration < 4; iteration++) {
      const saved = GaussianMixture.fromJSON(JSON.parse(JSON.stringify(model)));
      model = fit({ ...options, initialization: saved, maxIterations: 1 });
    }
    expect(numbersOf(model)).toEqual(numbersOf(fit({ ...options, maxIterations: 4 })));
    const plain = fit({ ...options, initialization: model.toJSON(), maxIterations: 2 });
    expect(numbersOf(plain)).toEqual(numbersOf(fit({ ...options, initialization: model, maxIterations: 2 })));
  });

  it('sample weights: the bits of a fit', () => {
    const options = { sampleWeight, regularization: 0 };
    const model = iterate(fit({ ...options, maxIterations: 0 }), 4, { regularization: 0 }, sampleWeight);
    expect(numbersOf(model)).toEqual(numbersOf(fit({ ...options, maxIterations: 4 })));
  });

  it.each(['full', 'tied', 'diag', 'spherical'] as const)(
    '%s, missing values: the bits of a fit',
    (covarianceType) => {
      const holed = withHoles(rows, 0.05, 4);
      const options = {
        nComponents: 3,
        covarianceType,
        regularization: 0,
        tolerance: 0,
        missing: 'marginalize' as const,
      };
      let model = GaussianMixture.fit(holed, { ...options, maxIterations: 0 });
      for (let iteration = 0; iteration < 3; iteration++) {
        const parts = CUTS.slice(0, -1).map((firstRow, i) =>
          accumulate(holed.slice(firstRow, CUTS[i + 1]), model, { firstRow, missing: 'marginalize' }),
        );
        model = maximize(
          parts.reduce((sum, part) => sum.merge(part)),
          { regularization: 0 },
        );
      }
      expect(numbersOf(model)).toEqual(
        numbersOf(GaussianMixture.fit(holed, { ...options, maxIterations: 3 })),
      );
      expect(caught(() => accumulate(holed, model)).code).toBe('MISSING_VALUE');
    },
  );

  // The variances, means and covariance of the whole data come from the statistics: they differ from those of two passes over the rows in
  // some of their last bits, and of these the regularisation is a millionth part, the prior the worth of about a row in 25,576.
  it.each<[string, CovarianceType, Partial<FitOptions> & MaximizeOptions]>([
    ["regularization: 'auto'", 'full', {}],
    ["regularization: 'auto'", 'tied', {}],
    ["regularization: 'auto'", 'diag', {}],
    ["regularization: 'auto'", 'spherical', {}],
    ["prior: 'default'", 'full', { prior: 'default' }],
    ["prior: 'default'", 'tied', { prior: 'default' }],
    ["prior: 'default'", 'VEE', { prior: 'default' }],
    ["prior: 'default'", 'EII', { prior: 'default' }],
  ])('%s, %s: a fit to 1e-12', (_, covarianceType, options) => {
    const start = fit({ covarianceType, ...options, maxIterations: 0 });
    const model = iterate(start, 10, options);
    const wanted = numbersOf(fit({ covarianceType, ...options, maxIterations: 10 }));
    for (const [i, value] of numbersOf(model).entries()) {
      expect(Math.abs(value - wanted[i])).toBeLessThan(1e-12 * Math.max(1, Math.abs(wanted[i])));
    }
  });

  it('an offset of 1e7 costs no digits', () => {
    const far = rows.map((row) => row.map((value) => value + 1e7));
    const start = GaussianMixture.fit(rows, { nComponents: 3, maxIterations: 0 });
    const shifted = GaussianMixture.fromParameters({
      weights: start.weights,
      means: start.means.toArray().map((row) => row.map((value) => value + 1e7)),
      covariances: [...start.covariances],
    });
    const near = maximize(accumulate(rows, start));
    const away = maximize(accumulate(far, shifted));
    for (const [component, { data }] of near.covariances.entries()) {
      for (const [i, value] of data.entries()) {
        // Rows and means are rounded to 2e-9 at 1e7: variances of about 1 change by as much.
        expect(Math.abs(away.covariances[component].data[i] - value)).toBeLessThan(2e-8);
      }
    }
  });
});

describe('SufficientStatistics', () => {
  const model = GaussianMixture.fit(rows, { nComponents: 3, maxIterations: 3 });

  it('know what they are of', () => {
    const statistics = accumulate(rows, model, { firstRow: 0 });
    expect(statistics.count).toBe(rows.length);
    expect(statistics.nSamples).toBe(rows.length);
    // The same sums along the same tree.
    expect(statistics.logLikelihood / statistics.count).toBe(model.score(rows));
    expect(numbersOf(statistics.model)).toEqual(numbersOf(model));
    const weighted = accumulate(rows, model, { sampleWeight });
    expect(weighted.count).toBe(sampleWeight.reduce((a, b) => a + b));
    expect(weighted.nSamples).toBe(rows.length);
  });

  it('of numbered blocks: the same bits however they are cut and merged', () => {
    const whole = accumulate(rows, model, { firstRow: 0 });
    const blocks = [0, 1, 2, 3, 4, 5, 6].map((b) =>
      accumulate(rows.slice(b * BLOCK, (b + 1) * BLOCK), model, { firstRow: b * BLOCK }),
    );
    const uniform = generator(5);
    for (let trial = 0; trial < 20; trial++) {
      const left = [...blocks];
      while (left.length > 1) {
        const [a] = left.splice(Math.floor(uniform() * left.length), 1);
        const [b] = left.splice(Math.floor(uniform() * left.length), 1);
        left.push(throughBytes(a.merge(b)));
      }
      expect(left[0].toBytes()).toEqual(whole.toBytes());
    }
  });

  it('of rows without numbers add up too', () => {
    const halves = [rows.slice(0, 7001), rows.slice(7001)].map((part) => accumulate(part, model));
    const [first, second] = halves;
    const whole = accumulate(rows, model);
    const sum = throughBytes(first).merge(throughBytes(second));
    expect(sum.count).toBe(rows.length);
    // Sums of 25,576 terms in another order: rounding grows as the square root of their number, 160 units of 1e-16 at most.
    expect(Math.abs(sum.logLikelihood / whole.logLikelihood - 1)).toBeLessThan(1e-13);
    const wanted = numbersOf(maximize(whole));
    for (const [i, value] of numbersOf(maximize(sum)).entries()) {
      expect(Math.abs(value - wanted[i])).toBeLessThan(1e-12 * Math.max(1, Math.abs(wanted[i])));
    }
    // And beside numbered ones.
    const mixed = accumulate(rows.slice(0, BLOCK), model, { firstRow: 0 }).merge(
      accumulate(rows.slice(BLOCK), model),
    );
    expect(mixed.count).toBe(rows.length);
  });

  it('are not changed by a merge', () => {
    const statistics = accumulate(rows.slice(0, 100), model);
    const before = statistics.toBytes();
    statistics.merge(statistics);
    expect(statistics.toBytes()).toEqual(before);
  });

  it('may be of rows that all have weight 0', () => {
    const zeros = accumulate(rows.slice(0, 10), model, { sampleWeight: new Float64Array(10) });
    expect([zeros.count, zeros.nSamples, zeros.logLikelihood]).toEqual([0, 10, 0]);
    expect(caught(() => maximize(zeros))).toMatchObject({ code: 'TOO_FEW_ROWS' });
    const sum = zeros.merge(accumulate(rows.slice(10), model));
    expect(sum.count).toBe(rows.length - 10);
  });

  it('keep the names of columns', () => {
    const json = { ...JSON.parse(JSON.stringify(model)), featureNames: ['a', 'b', 'ü'] };
    const named = GaussianMixture.fromJSON(json);
    expect(maximize(throughBytes(accumulate(rows, named))).featureNames).toEqual(['a', 'b', 'ü']);
    const error = caught(() => accumulate(rows, named).merge(accumulate(rows, model)));
    expect(error.message).toContain('feature names differ');
  });
});

describe('what is refused', () => {
  const model = GaussianMixture.fit(rows, { nComponents: 3, maxIterations: 1 });
  const part = rows.slice(0, BLOCK);

  it('statistics under different mixtures', () => {
    const next = maximize(accumulate(rows, model));
    for (const [other, what] of [
      [next, 'weights'],
      [GaussianMixture.fit(rows, { nComponents: 2, maxIterations: 0 }), 'numbers of components'],
      [GaussianMixture.fit(rows, { nComponents: 3, covarianceType: 'diag' }), 'covariance types'],
    ] as const) {
      const error = caught(() => accumulate(part, model).merge(accumulate(part, other)));
      expect(error.code).toBe('INVALID_STATISTICS');
      expect(error.message).toContain(`their ${what} differ`);
    }
    // One unit in the last place of one mean.
    const json = JSON.parse(JSON.stringify(model));
    json.means[2][1] += 2 ** -52 * Math.abs(json.means[2][1]);
    const close = GaussianMixture.fromJSON(json);
    expect(caught(() => accumulate(part, model).merge(accumulate(part, close))).message).toContain('means');
  });

  it('rows twice, and rows left out', () => {
    const first = accumulate(part, model, { firstRow: 0 });
    expect(caught(() => first.merge(first))).toMatchObject({
      code: 'INVALID_STATISTICS',
      message: expect.stringContaining('rows 0 to 4095'),
    });
    const whole = accumulate(rows.slice(0, 2 * BLOCK), model, { firstRow: 0 });
    const second = accumulate(part, model, { firstRow: BLOCK });
    expect(caught(() => whole.merge(second)).message).toContain('rows 4096 to 8191');
    const third = accumulate(part, model, { firstRow: 3 * BLOCK });
    expect(caught(() => maximize(first.merge(third)))).toMatchObject({
      code: 'INVALID_STATISTICS',
      message: expect.stringContaining('rows 4096 to 12287'),
    });
  });

  it.each([
    ['one row', BLOCK - 1, 'rows 4095 to 4095'],
    ['most of a block', 100, 'rows 100 to 4095'],
    ['the end of a second block', BLOCK + 7, 'rows 4103 to 8191'],
  ])('a part that lacks %s', (_, count, words) => {
    const short = accumulate(rows.slice(0, count), model, { firstRow: 0 });
    const later = accumulate(part, model, { firstRow: Math.ceil(count / BLOCK) * BLOCK });
    const apart = accumulate(part, model, { firstRow: 8 * BLOCK });
    for (const merge of [
      () => short.merge(later),
      () => later.merge(short),
      () => apart.merge(short),
      () => Statistics.fromBytes(short.toBytes()).merge(later),
    ]) {
      expect(caught(merge)).toMatchObject({
        code: 'INVALID_STATISTICS',
        message: expect.stringContaining(words),
      });
    }
    // The last part of all may have any number of rows.
    expect(maximize(short).weights.length).toBe(model.nComponents);
  });

  it.each<[string, () => unknown, string, string]>([
    [
      'a plain object',
      () => accumulate(part, {} as GaussianMixture),
      'INVALID_PARAMETERS',
      'GaussianMixture',
    ],
    ['other columns', () => accumulate([[1, 2]], model), 'INVALID_SHAPE', '2 columns'],
    ['NaN', () => accumulate([[1, Number.NaN, 3]], model), 'MISSING_VALUE', 'row 0, column 1'],
    ['no rows', () => accumulate([], model), 'INVALID_SHAPE', 'no rows'],
    [
      'an unknown option',
      () => accumulate(part, model, { first: 0 } as object),
      'UNKNOWN_OPTION',
      'firstRow',
    ],
    ['firstRow 1', () => accumulate(part, model, { firstRow: 1 }), 'INVALID_OPTION', 'multiple of 4096'],
    [
      'firstRow -4096',
      () => accumulate(part, model, { firstRow: -4096 }),
      'INVALID_OPTION',
      'multiple of 4096',
    ],
    ['a weight too few', () => accumulate(part, model, { sampleWeight: [1] }), 'INVALID_OPTION', '4096 rows'],
    [
      'overflow',
      () =>
        accumulate(
          [
            [1e150, 1e150, 1e150],
            [-1e150, 0, 0],
          ],
          model,
          { sampleWeight: [1e150, 1e150] },
        ),
      'INVALID_VALUE',
      'overflow',
    ],
    [
      'merge with a number',
      () => accumulate(part, model).merge(1 as never),
      'INVALID_STATISTICS',
      'merge takes',
    ],
    ['maximize of bytes', () => maximize(new Uint8Array(3) as never), 'INVALID_STATISTICS', 'fromBytes'],
    [
      'nComponents',
      () => maximize(accumulate(part, model), { nComponents: 2 } as object),
      'UNKNOWN_OPTION',
      'nComponents',
    ],
    [
      'another form',
      () => maximize(accumulate(part, model), { covarianceType: 'tied' }),
      'INVALID_OPTION',
      "'tied'",
    ],
    [
      'a callback',
      () => maximize(accumulate(part, model), { onWarning: 1 as never }),
      'INVALID_OPTION',
      'onWarning',
    ],
    ['two rows', () => maximize(accumulate(rows.slice(0, 2), model)), 'TOO_FEW_ROWS', '2 rows'],
    ['new', () => new (Statistics as unknown as new () => unknown)(), 'INVALID_STATISTICS', 'accumulate'],
  ])('%s', (_, work, code, words) => {
    const error = caught(work);
    expect(error.code).toBe(code);
    expect(error.message).toContain(words);
  });
});

describe('degenerate statistics', () => {
  const step = (data: number[][], model: GaussianMixture, options: MaximizeOptions = {}) => {
    const warnings: string[] = [];
    const next = maximize(accumulate(data, model), { ...options, onWarning: (text) => warnings.push(text) });
    expect(numbersOf(next).every(Number.isFinite)).toBe(true);
    return { next, warnings };
  };
  const two = (far: number, covarianceType: CovarianceType = 'full'): GaussianMixture =>
    GaussianMixture.fromParameters({
      weights: [0.5, 0.5],
      means: [
        [0, 0],
        [far, 0],
      ],
      covariances: [
        [1, 0, 0, 1],
        [1, 0, 0, 1],
      ],
      covarianceType,
    });
  const cloud = clusters(500, 2, 1, 3).map((row) => row.map((value) => value / 4));

  it.each(TYPES)('%s: a component without rows stays, with a warning', (covarianceType) => {
    const { next, warnings } = step(cloud, two(1e6, covarianceType));
    expect(warnings[0]).toMatch(/^component 1 has lost all its rows: /);
    expect(next.weights[1]).toBe(0);
    expect(next.means.row(1)).toEqual(Float64Array.of(1e6, 0));
    // And the next iteration.
    expect(step(cloud, next).next.weights[0]).toBe(1);
  });

  it('a singular covariance is raised, as in a fit', () => {
    // Component 1 explains five equal rows.
    const data = [...cloud, ...Array.from({ length: 5 }, () => [40, 40])];
    const start = {
      weights: [0.5, 0.5],
      means: [
        [0, 0],
        [40, 40],
      ],
      covariances: [
        [1, 0, 0, 1],
        [1, 0, 0, 1],
      ],
    };
    const { next, warnings } = step(data, GaussianMixture.fromParameters(start), { regularization: 0 });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^the covariance of component 1 became singular/);
    const fit = GaussianMixture.fit(data, {
      nComponents: 2,
      initialization: start,
      regularization: 0,
      maxIterations: 1,
    });
    // Raised by a share of the variances of the data, which differ in their last bits.
    for (const [i, value] of numbersOf(fit).entries()) {
      expect(Math.abs(numbersOf(next)[i] - value)).toBeLessThanOrEqual(1e-12 * Math.abs(value));
    }
  });

  it('a constant column is refused as in a fit', () => {
    const data = cloud.map(([x]) => [x, 7]);
    const model = GaussianMixture.fromParameters({
      weights: [1],
      means: [[0, 7]],
      covariances: [[1, 0, 0, 1]],
    });
    expect(caught(() => maximize(accumulate(data, model)))).toMatchObject({
      code: 'DEGENERATE_DATA',
      message: expect.stringContaining('column 1 has the same value in every row'),
    });
    expect(step(data, model, { regularization: 0.1 }).next.covariances[0].data[3]).toBe(0.1);
  });
});
