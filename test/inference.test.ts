// Marginal and conditional mixtures, regression, merging, divergence, uncertainty: against closed forms written out anew.
// Must not use the library's own factorisations to judge it.
import { readFileSync } from 'node:fs';
import { tableFromArrays } from 'apache-arrow';
import { type CovarianceType, GaussianMixture, GaussmixError, naturalLogarithms } from 'gaussmix';
import { klDivergence, merge, regress } from 'gaussmix/inference';
import { describe, expect, it } from 'vitest';
import { generator } from './helpers/data.ts';

type Rows = number[][];

function codeOf(work: () => unknown): [code: string, message: string] {
  try {
    work();
  } catch (error) {
    if (error instanceof GaussmixError) return [error.code, error.message];
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** Inverse and determinant by Gauss-Jordan elimination with pivoting. */
function invert(matrix: Rows): { inverse: Rows; determinant: number } {
  const d = matrix.length;
  const work = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))]);
  let determinant = 1;
  for (let column = 0; column < d; column++) {
    let pivot = column;
    for (let i = column; i < d; i++) if (Math.abs(work[i][column]) > Math.abs(work[pivot][column])) pivot = i;
    if (pivot !== column) determinant = -determinant;
    [work[column], work[pivot]] = [work[pivot], work[column]];
    determinant *= work[column][column];
    work[column] = work[column].map((value) => value / work[column][column]);
    for (let i = 0; i < d; i++) {
      if (i !== column) work[i] = work[i].map((value, j) => value - work[i][column] * work[column][j]);
    }
  }
  return { inverse: work.map((row) => row.slice(d)), determinant };
}

const times = (a: Rows, b: Rows): Rows =>
  a.map((row) => b[0].map((_, j) => row.reduce((sum, value, i) => sum + value * b[i][j], 0)));
const block = (matrix: Rows, rows: readonly number[], columns: readonly number[]): Rows =>
  rows.map((i) => columns.map((j) => matrix[i][j]));

/** Conditional mean and covariance of one component by the textbook's formula. */
function textbook(mean: number[], covariance: Rows, a: number[], b: number[], x: number[]) {
  const { inverse, determinant } = invert(block(covariance, a, a));
  const slope = times(block(covariance, b, a), inverse);
  const offset = a.map((feature, i) => [x[i] - mean[feature]]);
  const square = times(times([offset.map(([value]) => value)], inverse), offset)[0][0];
  const explained = times(slope, block(covariance, a, b));
  return {
    mean: times(slope, offset).map(([value], i) => mean[b[i]] + value),
    covariance: block(covariance, b, b).map((row, i) => row.map((value, j) => value - explained[i][j])),
    density: Math.exp(-0.5 * square) / Math.sqrt((2 * Math.PI) ** a.length * determinant),
  };
}

const D = 5;
const uniform = generator(7);
const randomRow = (scale = 3): number[] => Array.from({ length: D }, () => scale * (2 * uniform() - 1));

function randomCovariance(type: CovarianceType): Rows {
  const root = Array.from({ length: D }, () => randomRow(1));
  const matrix = root.map((row, i) =>
    root.map((other, j) => row.reduce((sum, value, f) => sum + value * other[f], 0) + (i === j ? 0.5 : 0)),
  );
  if (type === 'full' || type === 'tied') return matrix;
  return matrix.map((row, i) =>
    row.map((_, j) => (i !== j ? 0 : matrix[type === 'diag' ? i : 0][type === 'diag' ? i : 0])),
  );
}

function randomMixture(covarianceType: CovarianceType, k: 1 | 3 = 3): GaussianMixture {
  const shared = randomCovariance(covarianceType);
  const covariances = Array.from({ length: k }, () =>
    (covarianceType === 'tied' ? shared : randomCovariance(covarianceType)).flat(),
  );
  const weights = k === 1 ? [1] : [0.2, 0.5, 0.3];
  return GaussianMixture.fromParameters({
    weights,
    means: weights.map(() => randomRow()),
    covariances,
    covarianceType,
  });
}

const TYPES: CovarianceType[] = ['full', 'tied', 'diag', 'spherical'];
// Condition numbers here are below 1e3, values below 1e2: errors of a few hundred roundings stay below 1e-12.
const CLOSE = 1e-12;
const expectClose = (actual: ArrayLike<number>, expected: readonly number[], tolerance = CLOSE): void => {
  expect(actual.length).toBe(expected.length);
  expected.forEach((value, i) => {
    expect(Math.abs(actual[i] - value), `element ${i}: ${actual[i]}, not ${value}`).toBeLessThanOrEqual(
      tolerance * Math.max(1, Math.abs(value)),
    );
  });
};

describe.each(TYPES)('five features, %s', (type) => {
  const model = randomMixture(type);
  const a = [4, 1];
  const b = [0, 2, 3];

  it('the marginal has the sub-blocks, in the order asked for, and keeps the covariance type', () => {
    const marginal = model.marginal([3, 0, 4]);
    expect([marginal.covarianceType, marginal.nFeatures, marginal.fitted]).toEqual([type, 3, undefined]);
    expect(marginal.weights).toEqual(model.weights);
    expect(marginal.means.toArray()).toEqual(
      model.means.toArray().map((mean) => [mean[3], mean[0], mean[4]]),
    );
    marginal.covariances.forEach((matrix, k) => {
      expect(matrix.toArray()).toEqual(block(model.covariances[k].toArray(), [3, 0, 4], [3, 0, 4]));
    });
    expect(model.marginal([0, 1, 2, 3, 4]).toJSON()).toEqual(model.toJSON());
  });

  it('the conditional is the textbook formula', () => {
    for (let repeat = 0; repeat < 20; repeat++) {
      const x = randomRow().slice(0, 2);
      const conditional = model.conditional(a, x);
      expect([conditional.covarianceType, conditional.nFeatures, conditional.fitted]).toEqual([
        type,
        3,
        undefined,
      ]);
      const parts = model.covariances.map((matrix, k) =>
        textbook([...model.means.row(k)], matrix.toArray(), a, b, x),
      );
      const total = parts.reduce((sum, part, k) => sum + model.weights[k] * part.density, 0);
      expectClose(
        conditional.weights,
        parts.map((part, k) => (model.weights[k] * part.density) / total),
      );
      parts.forEach((part, k) => {
        expectClose(conditional.means.row(k), part.mean);
        expectClose(conditional.covariances[k].data, part.covariance.flat());
      });
    }
  });

  it('density: joint = marginal of some times conditional of the others', () => {
    for (let repeat = 0; repeat < 50; repeat++) {
      const x = randomRow(5);
      const joint = model.scoreSamples([x])[0];
      const given = a.map((feature) => x[feature]);
      const rest = model.conditional(a, given).scoreSamples([b.map((feature) => x[feature])])[0];
      expectClose([model.marginal(a).scoreSamples([given])[0] + rest], [joint]);
    }
  });

  it('regress gives the mean and covariance of each row as the conditional does', () => {
    const rows = Array.from({ length: 30 }, () => randomRow().slice(0, 2));
    const regression = regress(model, a, rows);
    expect(regression.features).toEqual(b);
    rows.forEach((x, row) => {
      const conditional = model.conditional(a, x);
      expect(Array.from(regression.resp.row(row))).toEqual(Array.from(conditional.weights));
      const mean = b.map((_, j) =>
        conditional.weights.reduce((sum, w, k) => sum + w * conditional.means.row(k)[j], 0),
      );
      // E(y y^T) - E(y) E(y)^T, which cancels: fine for values of size one.
      const covariance = b.map((_, i) =>
        b.map(
          (_, j) =>
            conditional.weights.reduce((sum, w, k) => {
              const m = conditional.means.row(k);
              return sum + w * (conditional.covariances[k].row(i)[j] + m[i] * m[j]);
            }, 0) -
            mean[i] * mean[j],
        ),
      );
      // The subtraction above loses up to two digits.
      expectClose(regression.means.row(row), mean);
      expectClose(regression.covariance(row).data, covariance.flat(), 1e-10);
      expectClose(
        regression.standardDeviations.row(row),
        covariance.map((values, i) => Math.sqrt(values[i])),
        1e-10,
      );
    });
  });
});

describe('conditional', () => {
  const near = GaussianMixture.fromParameters({
    weights: [0.5, 0.5],
    means: [
      [0, 0],
      [1, 5],
    ],
    covariances: [
      [1, 0.9, 0.9, 1],
      [4, -1, -1, 2],
    ],
  });

  it.each([1e6, -1e6, 1e12, 1e100, 1e149])(
    'a value %d standard deviations away gives a proper mixture',
    (value) => {
      const far = near.conditional([0], [value]);
      // The wider component reaches further.
      expect(Array.from(far.weights)).toEqual([0, 1]);
      expect(far.means.data.every((mean) => Number.isFinite(mean))).toBe(true);
      expect(far.means.row(1)[0]).toBeCloseTo(5 - (value - 1) / 4, -Math.log10(Math.abs(value)) + 10);
      expect(Number.isFinite(far.score([[0]]))).toBe(true);
      const { means, standardDeviations } = regress(near, [0], [[value]]);
      expect(means.data[0]).toBe(far.means.row(1)[0]);
      // 2 - 1/4, the component's own, not the distance of the other.
      expect(standardDeviations.data[0]).toBeCloseTo(Math.sqrt(1.75), 12);
    },
  );

  it('a mean beyond what a model may hold is refused', () => {
    const steep = GaussianMixture.fromParameters({
      weights: [1],
      means: [[0, 0]],
      covariances: [[1, 1e3, 1e3, 2e6]],
    });
    expect(codeOf(() => steep.conditional([0], [1e149]))).toEqual([
      'INVALID_VALUE',
      expect.stringMatching(/mean of feature 1/),
    ]);
  });

  it('one feature at a time is all at once', () => {
    const model = randomMixture('full');
    const twice = model.conditional([1], [0.5]).conditional([2], [-1]);
    const once = model.conditional([1, 3], [0.5, -1]);
    expectClose(twice.weights, [...once.weights]);
    expectClose(twice.means.data, [...once.means.data]);
    twice.covariances.forEach((matrix, k) => {
      expectClose(matrix.data, [...once.covariances[k].data]);
    });
  });

  it('names of the features go with them', () => {
    const uniformNumbers = generator(3);
    const column = () => Float64Array.from({ length: 60 }, uniformNumbers);
    const table = tableFromArrays({ a: column(), b: column(), c: column() }) as never;
    const model = GaussianMixture.fit(table, { nComponents: 1 });
    expect(model.marginal([2, 0]).featureNames).toEqual(['c', 'a']);
    expect(model.conditional([1], [0.5]).featureNames).toEqual(['a', 'c']);
    const inputs = tableFromArrays({ c: column(), a: column() }) as never;
    const byName = regress(model, [0, 2], inputs);
    expect(byName.means.shape).toEqual([60, 1]);
    expect(byName.resp.shape).toEqual([60, 1]);
  });

  it('a feature that follows from those given is refused with its number', () => {
    // x1 = x0 + e, x2 = e + f with variances 1e-7 of e and 1e-15 of f: given x0 and x1, x2 keeps 1e-8 of its variance;
    // given x0 and x2, x1 keeps 1e-15 of its own, less than the 3 * 2^-50 that a factor may lose.
    const [e, f] = [1e-7, 1e-15];
    const model = GaussianMixture.fromParameters({
      weights: [1],
      means: [[0, 0, 0]],
      covariances: [[1, 1, 0, 1, 1 + e, e, 0, e, e + f]],
    });
    expect(model.conditional([0, 1], [1, 1]).means.toArray()).toEqual([[0]]);
    for (const work of [() => model.conditional([0, 2], [1, 0]), () => regress(model, [0, 2], [[1, 0]])]) {
      expect(codeOf(work)).toEqual([
        'NOT_POSITIVE_DEFINITE',
        expect.stringMatching(/component 0: feature 1 has no variance of its own beyond features 0, 2/),
      ]);
    }
  });
});

describe('what marginal, conditional and regress refuse', () => {
  const model = randomMixture('diag');
  const cases: [string, () => unknown, string, RegExp][] = [
    [
      'no list',
      () => model.marginal(1 as never),
      'INVALID_OPTION',
      /marginal: features is 1; it must be an array/,
    ],
    ['none', () => model.marginal([]), 'INVALID_OPTION', /marginal: features is empty/],
    [
      'out of range',
      () => model.marginal([0, 5]),
      'INVALID_OPTION',
      /features\[1\] is 5; the model's features are 0 to 4/,
    ],
    ['negative', () => model.conditional([-1], [0]), 'INVALID_OPTION', /conditional: features\[0\] is -1/],
    ['a fraction', () => model.marginal([0.5]), 'INVALID_OPTION', /features\[0\] is 0.5/],
    ['a name', () => model.marginal(['x'] as never), 'INVALID_OPTION', /features\[0\] is the string "x"/],
    ['twice', () => model.marginal([1, 0, 1]), 'INVALID_OPTION', /features\[2\] is 1, as features\[0\] is/],
    [
      'all',
      () => model.conditional([0, 1, 2, 3, 4], [0, 0, 0, 0, 0]),
      'INVALID_OPTION',
      /names all 5 features/,
    ],
    [
      'too few values',
      () => model.conditional([0, 1], [1]),
      'INVALID_SHAPE',
      /values has length 1, but features has length 2/,
    ],
    ['no values', () => model.conditional([0], undefined as never), 'INVALID_VALUE', /values is undefined/],
    [
      'NaN',
      () => model.conditional([3, 0], [1, Number.NaN]),
      'INVALID_VALUE',
      /values\[1\], of feature 0, is NaN/,
    ],
    ['infinity', () => model.conditional([0], [Number.POSITIVE_INFINITY]), 'INVALID_VALUE', /values\[0\]/],
    ['a string', () => model.conditional([0], ['1'] as never), 'INVALID_VALUE', /the string "1"/],
    ['no model', () => regress({} as never, [0], [[1]]), 'INVALID_OPTION', /regress: model is an object/],
    ['columns', () => regress(model, [0, 1], [[1]]), 'INVALID_SHAPE', /data has 1 column; 2 are needed/],
    ['a missing input', () => regress(model, [0], [[1], [Number.NaN]]), 'MISSING_VALUE', /row 1, column 0/],
  ];
  it.each(cases)('%s', (_, work, code, message) => {
    expect(codeOf(work)).toEqual([code, expect.stringMatching(message)]);
  });
});

describe('regress', () => {
  it('agrees with numerical integration of the joint density', () => {
    const model = GaussianMixture.fromParameters({
      weights: [0.35, 0.4, 0.25],
      means: [
        [0, 1],
        [2, -1],
        [-1, 4],
      ],
      covariances: [
        [1, 0.6, 0.6, 1],
        [0.5, -0.3, -0.3, 0.7],
        [2, 0.2, 0.2, 0.4],
      ],
    });
    const inputs = [-3, -0.5, 0, 1.2, 2.7];
    const { means, standardDeviations } = regress(model, [0], inputs);
    // Equal steps over what decays like a normal density at both ends: the error falls as exp(-2 pi^2 s^2 / h^2),
    // nothing at h = 0.05; the ends at 14 hold exp(-50).
    const grid = Array.from({ length: 801 }, (_, i) => -20 + i * 0.05);
    inputs.forEach((x, row) => {
      const density = model.scoreSamples(grid.map((y) => [x, y])).map(Math.exp);
      const moment = (f: (y: number) => number): number =>
        grid.reduce((sum, y, i) => sum + f(y) * density[i], 0);
      const mean = moment((y) => y) / moment(() => 1);
      expectClose([means.data[row]], [mean]);
      expectClose(
        [standardDeviations.data[row]],
        [Math.sqrt(moment((y) => (y - mean) ** 2) / moment(() => 1))],
      );
    });
  });
});

describe('uncertainty', () => {
  it('is one less the largest responsibility, to its last digits where small', () => {
    const model = randomMixture('full');
    const { data } = model.sample(5000, { seed: 2 });
    const resp = model.predictProba(data);
    model.uncertainty(data).forEach((value, i) => {
      // Responsibilities sum to one to a few roundings.
      expect(Math.abs(value - (1 - Math.max(...resp.row(i))))).toBeLessThan(1e-15);
    });
    const two = GaussianMixture.fromParameters({
      weights: [0.5, 0.5],
      means: [[0], [10]],
      covariances: [[1], [1]],
    });
    // r = exp(-50) at the first mean, far below the rounding of 1 - r.
    expectClose([two.uncertainty([0])[0] / Math.exp(-50)], [1]);
    expect(
      GaussianMixture.fromParameters({ weights: [1], means: [[0]], covariances: [[1]] }).uncertainty([3])[0],
    ).toBe(0);
    expect(codeOf(() => two.uncertainty([[1, 2]]))[0]).toBe('INVALID_SHAPE');
  });
});

describe('klDivergence', () => {
  const p = randomMixture('full');

  it('is exactly 0 between equals, and the same for the same seed', () => {
    expect(klDivergence(p, GaussianMixture.fromJSON(p.toJSON()))).toEqual({
      estimate: 0,
      standardError: 0,
      samples: 100_000,
    });
    const q = randomMixture('tied');
    const one = klDivergence(p, q, { samples: 1000, seed: 3 });
    expect(klDivergence(p, q, { samples: 1000, seed: 3 })).toEqual(one);
    expect(klDivergence(p, q, { samples: 1000, seed: 4 }).estimate).not.toBe(one.estimate);
  });

  it.each([1, 2, 3, 4, 5])('agrees with the closed form for normal distributions, seed %i', (seed) => {
    const [a, b] = [randomMixture('full', 1), randomMixture('full', 1)];
    const [ca, cb] = [a.covariances[0].toArray(), b.covariances[0].toArray()];
    const { inverse, determinant } = invert(cb);
    const offset = a.means.row(0).map((value, i) => value - b.means.row(0)[i]);
    const trace = times(inverse, ca).reduce((sum, row, i) => sum + row[i], 0);
    const square = times(
      times([[...offset]], inverse),
      [...offset].map((value) => [value]),
    )[0][0];
    const exact = 0.5 * (trace + square - D + Math.log(determinant / invert(ca).determinant));
    const { estimate, standardError } = klDivergence(a, b, { seed, samples: 20_000 });
    expect(Math.abs(estimate - exact)).toBeLessThan(4 * standardError);
    // The log-ratio of these has a standard deviation of the size of the divergence: no vacuous bound.
    expect(standardError).toBeLessThan(0.03 * exact);
  });

  it('the standard error is the spread over seeds', () => {
    const q = randomMixture('full');
    const runs = Array.from({ length: 100 }, (_, seed) => klDivergence(p, q, { seed, samples: 400 }));
    const mean = runs.reduce((sum, run) => sum + run.estimate, 0) / 100;
    const spread = Math.sqrt(runs.reduce((sum, run) => sum + (run.estimate - mean) ** 2, 0) / 99);
    const claimed = runs.reduce((sum, run) => sum + run.standardError, 0) / 100;
    // A standard deviation of 100 values is known to 7 %; four times that.
    expect(Math.abs(spread / claimed - 1)).toBeLessThan(0.28);
  });

  it('refuses what it cannot compare', () => {
    expect(codeOf(() => klDivergence(p, p.marginal([0])))).toEqual([
      'INVALID_SHAPE',
      expect.stringMatching(/p has 5 features, q 1/),
    ]);
    expect(codeOf(() => klDivergence(p, p, { samples: 1 }))).toEqual([
      'INVALID_OPTION',
      expect.stringMatching(/samples is 1/),
    ]);
    expect(codeOf(() => klDivergence(p, p, { sample: 9 } as never))[0]).toBe('UNKNOWN_OPTION');
    expect(codeOf(() => klDivergence(p, {} as never))).toEqual([
      'INVALID_OPTION',
      expect.stringMatching(/q is an object/),
    ]);
  });
});

interface Combined {
  weights: number[];
  means: Rows;
  covariances: Rows;
  entropies: number[];
  clusters: number[][][];
  elbow: number;
}

describe('merge', () => {
  // Two long components across each other and two round ones: four components, three clusters, as the example of
  // Baudry et al. 2010, section 4.1.
  const cross = GaussianMixture.fromParameters({
    weights: [0.25, 0.25, 0.25, 0.25],
    means: [
      [0, 0],
      [0, 0],
      [7, 1],
      [6, -5],
    ],
    covariances: [
      [5, 4.6, 4.6, 5],
      [5, -4.6, -4.6, 5],
      [0.4, 0, 0, 1],
      [1, 0.3, 0.3, 0.5],
    ],
  });
  const { data, labels: truth } = cross.sample(600, { seed: 4 });

  it('puts the two arms of a cross together first', () => {
    const model = GaussianMixture.fit(data, { nComponents: 4, nInit: 20, seed: 1 });
    const merging = merge(model, data);
    expect(merging.elbow).toBe(3);
    expect(merging.elbowByRows).toBe(3);
    // Rows of the arms' far ends lie among those of the nearest round component: the true model, too, misplaces some.
    const misplaced = (labels: Int32Array): number => {
      const ofArms = labels.filter((_, row) => truth[row] < 2).sort();
      const arms = ofArms[ofArms.length >> 1];
      return labels.filter((label, row) => (label === arms) !== truth[row] < 2).length;
    };
    const best = misplaced(merge(cross, data).labels(3));
    expect(best).toBeLessThan(12);
    expect(misplaced(merging.labels(3))).toBeLessThan(best + 6);
    expect(model.predict(data)).toEqual(merging.labels(4));
  });

  it('lowers the entropy at each step, to 0', () => {
    const model = GaussianMixture.fit(data, { nComponents: 7, seed: 1 });
    const { entropies, steps, clusters, resp, labels } = merge(model, data);
    expect(entropies[0]).toBe(0);
    for (let g = 1; g < 7; g++) expect(entropies[g]).toBeGreaterThan(entropies[g - 1]);
    // The entropy of the unmerged clustering is what icl adds twice.
    expectClose([entropies[6]], [(model.icl(data) - model.bic(data)) / 2], 1e-9);
    steps.forEach((step, i) => {
      expect(step.nClusters).toBe(6 - i);
      expect(step.entropy).toBe(entropies[step.nClusters - 1]);
      // Sums of 600 rows: a few hundred roundings.
      expectClose([step.decrease], [entropies[step.nClusters] - step.entropy], 1e-11);
      const union = step.merged.flat().sort((x, y) => x - y);
      expect(clusters(step.nClusters)).toContainEqual(union);
    });
    for (let g = 1; g <= 7; g++) {
      expect(clusters(g).length).toBe(g);
      expect(clusters(g).flat().sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
      const sums = [...resp(g)].map((row) => row.reduce((a, b) => a + b, 0));
      expectClose(
        sums,
        sums.map(() => 1),
        1e-14,
      );
    }
    expect(labels(1).every((label) => label === 0)).toBe(true);
    // Rows that were not there.
    const others = cross.sample(10, { seed: 9 }).data;
    expect(Array.from(resp(3, others).data)).toEqual(
      [...model.predictProba(others)].flatMap((row) =>
        clusters(3).map((components) => components.reduce((sum, component) => sum + row[component], 0)),
      ),
    );
    expect(labels(3, others).length).toBe(10);
  });

  it('decreases are the best of all pairs, by brute force', () => {
    const model = GaussianMixture.fit(data, { nComponents: 5, seed: 2 });
    const proba = [...model.predictProba(data)];
    const entropyOf = (sets: readonly (readonly number[])[]): number =>
      -proba.reduce(
        (sum, row) =>
          sum +
          sets.reduce((inner, set) => {
            const t = set.reduce((total, component) => total + row[component], 0);
            return inner + (t > 0 ? t * Math.log(t) : 0);
          }, 0),
        0,
      );
    let sets: number[][] = [0, 1, 2, 3, 4].map((component) => [component]);
    const merging = merge(model, data);
    for (const step of merging.steps) {
      const candidates = sets.flatMap((one, i) =>
        sets
          .slice(i + 1)
          .map((other) => [...sets.filter((set) => set !== one && set !== other), [...one, ...other]]),
      );
      const least = Math.min(...candidates.map(entropyOf));
      expectClose([step.entropy], [step.nClusters === 1 ? 0 : least], 1e-11);
      sets = merging.clusters(step.nClusters);
    }
  });

  const fixture = JSON.parse(readFileSync(new URL('./fixtures/inference.json', import.meta.url), 'utf8')) as {
    combined: Combined[];
  };
  it.each(fixture.combined)('mclust merges the same components ($entropies.length)', (expected) => {
    const { weights, means, covariances } = expected;
    const merging = merge(GaussianMixture.fromParameters({ weights, means, covariances }), data);
    // mclust's parameters sum to one in their last printed digit; entropies are of size 10.
    expectClose(merging.entropies, [0, ...expected.entropies.slice(1)], 1e-9);
    const sorted = (sets: number[][]): number[][] =>
      sets.map((set) => [...set].sort()).sort((x, y) => x[0] - y[0]);
    expected.clusters.forEach((sets, i) => {
      expect(sorted(merging.clusters(i + 1))).toEqual(sorted(sets));
    });
    expect(merging.elbow).toBe(expected.elbow);
  });

  it('one component is one cluster; bad numbers of clusters are named', () => {
    const one = merge(GaussianMixture.fit(data, { nComponents: 1 }), data);
    expect([one.entropies.length, one.steps.length, one.elbow, one.elbowByRows]).toEqual([
      1,
      0,
      undefined,
      undefined,
    ]);
    expect(codeOf(() => one.labels(2))).toEqual([
      'INVALID_OPTION',
      expect.stringMatching(/nClusters is 2; .* from 1 to 1/),
    ]);
    expect(codeOf(() => one.clusters('1' as never))[0]).toBe('INVALID_OPTION');
    expect(codeOf(() => merge(cross, [[1, 2, 3]]))[0]).toBe('INVALID_SHAPE');
  });
});

describe('naturalLogarithms', () => {
  it('is the logarithm, for any number of values', () => {
    const values = Float64Array.from({ length: 10_001 }, (_, i) => (i + 0.5) ** 3);
    // Both are within 1 ULP of the truth, and none of these logarithms is near 0.
    naturalLogarithms(values).forEach((log, i) => {
      expect(Math.abs(log - Math.log(values[i]))).toBeLessThanOrEqual(4e-16 * Math.max(1, Math.abs(log)));
    });
    expect(naturalLogarithms(new Float64Array(0)).length).toBe(0);
    expect([...naturalLogarithms(Float64Array.of(0, -1, Number.POSITIVE_INFINITY))]).toEqual([
      -Infinity,
      Number.NaN,
      Infinity,
    ]);
    expect(codeOf(() => naturalLogarithms([1] as never))[0]).toBe('INVALID_DATA');
  });
});
