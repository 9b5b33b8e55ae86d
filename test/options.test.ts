// Options of a fit: defaults, every limit on both sides, and messages that name option, value and what is allowed.
// Must not fit anything.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalCovarianceType } from '../src/covariance-models.ts';
import { GaussmixError, GaussmixRangeError, GaussmixTypeError } from '../src/errors.ts';
import { checkKnownNames } from '../src/option-errors.ts';
import {
  type AliasedFitOptions,
  checkSeed,
  type FitOptions,
  type FitSettings,
  type Start,
  validateDataOptions,
  validateFitOptions,
} from '../src/options.ts';

const ROWS = 10;

function validate(options: unknown, rows: number = ROWS): FitSettings {
  return validateFitOptions(options as FitOptions, rows);
}

function failure(run: () => unknown): GaussmixRangeError | GaussmixTypeError {
  let error: unknown;
  try {
    run();
  } catch (caught) {
    error = caught;
  }
  expect(error).toBeInstanceOf(GaussmixError);
  return error as GaussmixRangeError | GaussmixTypeError;
}

const R = GaussmixRangeError;
const T = GaussmixTypeError;

test('defaults', () => {
  const defaults = {
    nComponents: 3,
    covarianceType: 'full',
    initialization: 'kmeans',
    nInit: 1,
    shortRuns: 1,
    maxIterations: 500,
    tolerance: 1e-5,
    regularization: 'auto',
    prior: undefined,
    seed: 0,
    sampleWeight: undefined,
    missing: 'error',
    onIteration: undefined,
  };
  expect(validate({ nComponents: 3 })).toEqual(defaults);
  const names = Object.keys(defaults).filter((name) => name !== 'nComponents');
  const allUndefined = Object.fromEntries([...names, 'k', 'nClusters'].map((name) => [name, undefined]));
  expect(validate({ ...allUndefined, nComponents: 3 })).toEqual(defaults);
});

test('every option is taken over', () => {
  const given = {
    nComponents: 2,
    covarianceType: 'tied',
    initialization: 'random',
    nInit: 5,
    shortRuns: 7,
    maxIterations: 0,
    tolerance: 0,
    regularization: 0,
    prior: undefined,
    seed: Number.MAX_SAFE_INTEGER,
    sampleWeight: new Float64Array(ROWS).fill(2),
    missing: 'error',
    onIteration: () => false as const,
  } as const satisfies FitOptions;
  expect(validate(given)).toEqual(given);
});

describe('number of components', () => {
  test.each([{ nComponents: 3 }, { k: 3 }, { nClusters: 3 }, { k: 3, nComponents: 3, nClusters: 3 }])(
    '%o',
    (options) => {
      expect(validate(options).nComponents).toBe(3);
    },
  );

  test('the types take exactly one of the names', () => {
    const one: FitOptions = { nComponents: 2 };
    const two: AliasedFitOptions = { k: 2 };
    const three: AliasedFitOptions = { nClusters: 2, covarianceType: 'VVI' };
    interface Extended extends FitOptions {
      label: string;
    }
    const extended: Omit<Extended, 'label'> = {
      ...({ nInit: 2 } as Omit<FitOptions, 'nComponents'>),
      nComponents: 2,
    };
    // @ts-expect-error the number of components is required
    const none: FitOptions = { seed: 1 };
    // Two names for one thing: legal while they agree.
    const both: FitOptions = { k: 2, nComponents: 2 };
    // @ts-expect-error no such option
    const wrong: FitOptions = { k: 2, maxIter: 3 };
    for (const legal of [one, two, three, both, extended]) expect(validate(legal).nComponents).toBe(2);
    for (const illegal of [none, wrong]) expect(() => validate(illegal)).toThrow(GaussmixTypeError);
  });

  test('different values under two names are refused', () => {
    for (const options of [
      { nComponents: 2, k: 3 },
      { k: 2, nClusters: 3 },
      { nComponents: 2, k: 2, nClusters: 3 },
    ]) {
      const error = failure(() => validate(options));
      expect(error).toBeInstanceOf(R);
      expect(error.code).toBe('INVALID_OPTION');
      for (const name of [Object.keys(options)[0], Object.keys(options).at(-1)])
        expect(error.message).toMatch(name!);
      expect(error.message).toMatch(/is 2.*is 3/);
    }
  });

  test.each([undefined, {}, { seed: 1 }, { nComponents: undefined }])('required: %o', (options) => {
    const error = failure(() => validate(options));
    expect(error).toBeInstanceOf(T);
    expect(error.code).toBe('INVALID_OPTION');
    expect(error.message).toMatch(/nComponents.*is required/);
  });

  test.each([null, 3, '3', true, [3], () => 3])('options that are no object: %s', (options) => {
    const error = failure(() => validate(options));
    expect(error).toBeInstanceOf(T);
    expect(error.code).toBe('INVALID_OPTION');
    expect(error.message).toMatch(/must be an object.*nComponents/);
  });

  test('at most as many as rows', () => {
    expect(validate({ nComponents: ROWS }).nComponents).toBe(ROWS);
    const error = failure(() => validate({ k: ROWS + 1 }));
    expect(error).toBeInstanceOf(R);
    expect(error.code).toBe('TOO_FEW_ROWS');
    expect(error.message).toMatch(/k is 11.*10 rows/);
  });
});

describe('values out of range', () => {
  const wrongKind = ['1', true, null, [], {}, 1n, () => 1];
  const cases: [name: string, legal: unknown[], illegal: unknown[], allowed: string][] = [
    [
      'nComponents',
      [1, 10],
      [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, ...wrongKind],
      'an integer >= 1',
    ],
    [
      'shortRuns',
      [1, 100],
      [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, ...wrongKind],
      'an integer >= 1',
    ],
    ['nInit', [1, 100], [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, ...wrongKind], 'an integer >= 1'],
    [
      'maxIterations',
      [0, 1, 1e6],
      [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, ...wrongKind],
      'an integer >= 0',
    ],
    [
      'tolerance',
      [0, 1e-300, 5],
      [-1e-9, Number.NaN, Number.POSITIVE_INFINITY, ...wrongKind],
      'a finite number >= 0',
    ],
    [
      'regularization',
      [0, 1e-6, 5, 1e300, 'auto'],
      [-1e-9, Number.NaN, Number.POSITIVE_INFINITY, 'none', ...wrongKind],
      "'auto' or a finite number >= 0",
    ],
    ['seed', [0, 1, 2 ** 53 - 1], [-1, 0.5, Number.NaN, 2 ** 53, ...wrongKind], 'an integer >= 0'],
    [
      'covarianceType',
      ['full', 'tied', 'diag', 'spherical', 'EII', 'VVE'],
      ['Full', 'FULL', 'vvv', 'VIV', '', 'constructor', '__proto__', 0, null, [], ['full']],
      "'full'.*'tied'.*'diag'.*'spherical'.*'EII'.*'EVV'",
    ],
    [
      'initialization',
      ['kmeans', 'k-means++', 'random', 'random-from-data', 'hierarchical', { means: [[1]] }],
      ['k-means', 'KMEANS', '', 0, null, [], [[1, 2]], {}, { weights: [1] }, () => 1],
      "'kmeans'.*'random-from-data'.*means",
    ],
    ['missing', ['error'], ['ignore', '', 0, null, false], "'error'"],
    ['onIteration', [() => {}], [true, 'log', null, {}], 'a function'],
  ];

  // Mean variances of several columns would be infinite, and no raising of the diagonal would end that.
  test('a regularization that overflows', () => {
    const error = failure(() => validate({ nComponents: 2, regularization: 1e308 }));
    expect(error.code).toBe('INVALID_OPTION');
    expect(error.message).toBe("regularization is 1e+308, but must be 'auto' or a number from 0 to 1e+300");
  });

  test.each(cases)('%s', (name, legal, illegal, allowed) => {
    for (const value of legal) {
      expect(validate({ nComponents: 2, [name]: value })[name as keyof FitSettings]).toBe(value);
    }
    for (const value of illegal) {
      const error = failure(() => validate({ nComponents: 2, [name]: value }));
      expect(error.code).toBe('INVALID_OPTION');
      expect(error.message).toMatch(new RegExp(`^${name} is .+, but must be .*${allowed}`));
      const kinds =
        name === 'covarianceType' || name === 'initialization' || name === 'missing' ? 'string' : 'number';
      expect(error).toBeInstanceOf(typeof value === kinds && name !== 'onIteration' ? R : T);
      if (typeof value === 'number' || typeof value === 'string')
        expect(error.message).toMatch(String(value));
    }
  });

  test("missing is 'error' unless it is 'marginalize'", () => {
    expect(validate({ k: 1 }).missing).toBe('error');
    expect(validate({ k: 1, missing: 'marginalize' }).missing).toBe('marginalize');
    expect(() => validateDataOptions({ missing: 'marginalize' })).not.toThrow();
    expect(failure(() => validateDataOptions({ missing: 'drop' } as never)).message).toMatch(
      /missing is 'drop', but must be 'error' or 'marginalize'/,
    );
  });
});

describe('covariance types', () => {
  test.each([
    ['full', 'full'],
    ['VVV', 'full'],
    ['tied', 'tied'],
    ['EEE', 'tied'],
    ['diag', 'diag'],
    ['VVI', 'diag'],
    ['spherical', 'spherical'],
    ['VII', 'spherical'],
  ])('%s is %s', (name, form) => {
    expect(canonicalCovarianceType(name)).toBe(form);
    expect(validate({ k: 1, covarianceType: name }).covarianceType).toBe(form);
  });

  test.each(['EII', 'EEI', 'VEI', 'EVI', 'VEE', 'EVE', 'VVE', 'EEV', 'VEV', 'EVV'])(
    '%s is itself',
    (name) => {
      expect(canonicalCovarianceType(name)).toBe(name);
      expect(validate({ k: 1, covarianceType: name }).covarianceType).toBe(name);
    },
  );

  test('undefined is no covariance type', () => {
    expect(failure(() => canonicalCovarianceType(undefined)).code).toBe('INVALID_OPTION');
  });
});

describe('initialization', () => {
  test('a start is passed through as it is, whatever is in it', () => {
    const start: Start = { means: [[1], [2]], weights: [0.5, 0.5] };
    expect(validate({ k: 2, initialization: start }).initialization).toBe(start);
    class Model {
      get means() {
        return [[1]];
      }
    }
    const model = new Model();
    expect(validate({ k: 1, initialization: model }).initialization).toBe(model);
  });
});

describe('sampleWeight', () => {
  test('a Float64Array is used as it is, others are copied', () => {
    const own = new Float64Array(ROWS).fill(0.5);
    expect(validate({ k: 1, sampleWeight: own }).sampleWeight).toBe(own);
    const values = Array.from({ length: ROWS }, (_, i) => i / 4);
    for (const form of [values, Float32Array.from(values), { ...values, length: ROWS }]) {
      const { sampleWeight } = validate({ k: 1, sampleWeight: form });
      expect(sampleWeight).toBeInstanceOf(Float64Array);
      expect(Array.from(sampleWeight!)).toEqual(values);
    }
  });

  test.each([
    ['NaN', Number.NaN, R],
    ['negative', -1e-9, R],
    ['Infinity', Number.POSITIVE_INFINITY, R],
    ['too large', 1e151, R],
    ['null', null, T],
    ['undefined', undefined, T],
    ['a string', '1', T],
    ['a bigint', 1n, T],
  ])('%s: the row is named', (_name, bad, kind) => {
    const weights: unknown[] = new Array(ROWS).fill(1);
    weights[4] = bad;
    weights[7] = bad;
    const forms: unknown[] = [weights];
    if (typeof bad === 'number') forms.push(Float64Array.from(weights as number[]));
    for (const sampleWeight of forms) {
      const error = failure(() => validate({ k: 1, sampleWeight }));
      expect(error).toBeInstanceOf(kind);
      expect(error.code).toBe('INVALID_OPTION');
      expect(error.message).toMatch(/^sampleWeight of row 4 is .*, but must be a number from 0/);
    }
  });

  test.each([0, ROWS - 1, ROWS + 1])('length %i is refused', (length) => {
    const error = failure(() => validate({ k: 1, sampleWeight: new Array(length).fill(1) }));
    expect(error).toBeInstanceOf(R);
    expect(error.code).toBe('INVALID_OPTION');
    expect(error.message).toMatch(new RegExp(`sampleWeight has length ${length}, but the data has 10 rows`));
  });

  test.each([1, '1111111111', null, true, new Set([1]), {}, () => 1])('no array: %s', (sampleWeight) => {
    const error = failure(() => validate({ k: 1, sampleWeight }));
    expect(error).toBeInstanceOf(T);
    expect(error.code).toBe('INVALID_OPTION');
    expect(error.message).toMatch(/sampleWeight is .*array of 10 numbers/);
  });

  test('not all zero', () => {
    const error = failure(() => validate({ k: 1, sampleWeight: new Float64Array(ROWS) }));
    expect(error.code).toBe('INVALID_OPTION');
    expect(error.message).toMatch(/sampleWeight is 0 for every row/);
  });

  test('at least as many rows of positive weight as components', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(0, 1e-300, 1), { minLength: 1, maxLength: 8 }),
        fc.nat(7),
        (weights, k) => {
          const positive = weights.filter((weight) => weight > 0).length;
          fc.pre(positive > 0 && k + 1 <= weights.length);
          const run = () => validate({ k: k + 1, sampleWeight: weights }, weights.length);
          if (positive > k) expect(run().nComponents).toBe(k + 1);
          else {
            const error = failure(run);
            expect(error.code).toBe('TOO_FEW_ROWS');
            expect(error.message).toMatch(new RegExp(`only ${positive} row`));
          }
        },
      ),
    );
  });
});

describe('unknown names', () => {
  test.each([
    ['maxIter', 'maxIterations'],
    ['max_iter', 'maxIterations'],
    ['max_iterations', 'maxIterations'],
    ['maxIteration', 'maxIterations'],
    ['tol', 'tolerance'],
    ['tolerence', 'tolerance'],
    ['n_components', 'nComponents'],
    ['ncomponents', 'nComponents'],
    ['nComponnets', 'nComponents'],
    ['n_clusters', 'nClusters'],
    ['K', 'k'],
    ['reg_covar', 'regularization'],
    ['regularisation', 'regularization'],
    ['prior_control', 'prior'],
    ['random_state', 'seed'],
    ['init_params', 'initialization'],
    ['initialisation', 'initialization'],
    ['n_init', 'nInit'],
    ['covariance_type', 'covarianceType'],
    ['sample_weight', 'sampleWeight'],
    ['sampleWeights', 'sampleWeight'],
    ['onProgress', 'onIteration'],
  ])('%s: did you mean %s?', (name, meant) => {
    const error = failure(() => validate({ nComponents: 2, [name]: 1 }));
    expect(error).toBeInstanceOf(T);
    expect(error.code).toBe('UNKNOWN_OPTION');
    expect(error.message).toContain(`"${name}"; did you mean ${meant}?`);
    expect(error.message).toMatch(/Allowed: nComponents, k, nClusters, covarianceType.*onIteration/);
  });

  test.each(['banana', 'x', 'toString', 'hasOwnProperty', 'z'.repeat(100_000)])('%s is like none', (name) => {
    const error = failure(() => validate({ nComponents: 2, [name]: undefined }));
    expect(error.code).toBe('UNKNOWN_OPTION');
    expect(error.message).toContain(name);
    expect(error.message).not.toMatch('did you mean');
  });

  test('an unknown name is reported before a required one is missed', () => {
    expect(failure(() => validate({ n_components: 2 })).message).toMatch('did you mean nComponents');
  });

  test('names the caller also allows', () => {
    expect(validateFitOptions({ k: 2, workers: 4 } as AliasedFitOptions, ROWS, ['workers']).nComponents).toBe(
      2,
    );
    expect(failure(() => validate({ k: 2, workers: 4 })).code).toBe('UNKNOWN_OPTION');
  });

  test('checkKnownNames suggests only what is allowed there', () => {
    checkKnownNames({ seed: 1 }, ['seed'], 'sample');
    expect(failure(() => checkKnownNames({ randomState: 1 }, ['seed'], 'sample')).message).toMatch(
      /unknown sample option "randomState"; did you mean seed\?/,
    );
    expect(failure(() => checkKnownNames({ tol: 1 }, ['seed'], 'sample')).message).not.toMatch('tolerance');
  });

  test('every name within one letter of an option is recognised', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('maxIterations', 'tolerance', 'initialization', 'sampleWeight'),
        fc.nat(),
        (name, at) => {
          const i = at % name.length;
          const short = name.slice(0, i) + name.slice(i + 1);
          expect(failure(() => validate({ k: 1, [short]: 1 })).message).toContain(`did you mean ${name}?`);
        },
      ),
    );
  });
});

describe('options of methods that take data', () => {
  test.each([undefined, {}, { missing: 'error' }, { missing: undefined }] as const)(
    '%o is legal',
    (options) => {
      expect(() => validateDataOptions(options)).not.toThrow();
    },
  );

  test.each([
    [{ mising: 'error' }, 'UNKNOWN_OPTION', /did you mean missing/],
    [{ seed: 1 }, 'UNKNOWN_OPTION', /"seed".*Allowed: missing/],
    [{ missing: 'drop' }, 'INVALID_OPTION', /missing is 'drop'/],
    [null, 'INVALID_OPTION', /must be an object/],
    ['error', 'INVALID_OPTION', /must be an object.*"error"/],
    [[[1, 2]], 'INVALID_OPTION', /must be an object.*array/],
  ])('%o is refused', (options, code, message) => {
    const error = failure(() => validateDataOptions(options as never));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });
});

test('checkSeed: 0 by default', () => {
  expect(checkSeed(undefined)).toBe(0);
  expect(checkSeed(42)).toBe(42);
  expect(failure(() => checkSeed(-1)).message).toMatch(/^seed is -1/);
});

describe('prior', () => {
  const withPrior = (prior: unknown, more: object = {}) => validate({ nComponents: 2, prior, ...more });

  test("'default', an empty object and undefined hyperparameters mean the same", () => {
    const defaults = { shrinkage: 0.01, mean: undefined, degreesOfFreedom: undefined, scale: undefined };
    for (const prior of ['default', {}, { shrinkage: undefined, scale: undefined }]) {
      expect(withPrior(prior).prior).toEqual(defaults);
    }
  });

  test('takes copies that can be sent to a worker', () => {
    const scale = [
      [2, 0],
      [0, 1],
    ];
    const mean = [1, 2];
    const { prior } = withPrior({ shrinkage: 2, degreesOfFreedom: 7, mean, scale });
    mean[0] = 5;
    expect(structuredClone(prior)).toEqual({
      shrinkage: 2,
      degreesOfFreedom: 7,
      mean: Float64Array.of(1, 2),
      scale: { rows: 2, columns: 2, values: Float64Array.of(2, 0, 0, 1) },
    });
    expect(withPrior({ scale: [3, 4] }).prior?.scale).toEqual({
      rows: 2,
      columns: 1,
      values: Float64Array.of(3, 4),
    });
  });

  test("adds nothing to diagonals: 'auto' is 0, another number is refused", () => {
    for (const regularization of [undefined, 'auto', 0]) {
      expect(withPrior('default', { regularization }).regularization).toBe(0);
    }
    const error = failure(() => withPrior('default', { regularization: 1e-3 }));
    expect(error.message).toMatch(/regularization is 0\.001, but there is a prior.*give one of them/);
  });

  test.each([
    [true, T, /prior is the boolean true, but must be 'default' or an object/],
    ['none', R, /prior is 'none', but must be 'default' or an object/],
    [[1], T, /prior is an array of length 1/],
    [null, T, /prior is null/],
    [{ shrinkage: 0 }, R, /prior\.shrinkage is 0, but must be a finite number > 0/],
    [{ shrinkage: '1' }, T, /prior\.shrinkage is '1'/],
    [{ degreesOfFreedom: Number.NaN }, R, /prior\.degreesOfFreedom is NaN/],
    [{ dof: 3 }, T, /unknown prior option "dof"; did you mean degreesOfFreedom\?/],
    [{ mean: [1, Number.NaN] }, R, /prior\.mean: row 1/],
    [{ scale: 3 }, T, /prior\.scale/],
  ])('%o is refused', (prior, Failure, message) => {
    const error = failure(() => withPrior(prior));
    expect(error).toBeInstanceOf(Failure);
    expect(error.message).toMatch(message);
  });
});
