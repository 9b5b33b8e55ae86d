// gmm_accumulate_missing, gmm_e_step_missing and gmm_observed against the twin, under guard.
import { describe, expect, it } from 'vitest';
import { FORMS, type KernelCase, makeCase } from '../helpers/kernel-cases.ts';
import { expectBitEqual } from '../helpers/kernel-compare.ts';
import { freshMemory, loadMixture, loadRows, runAccumulate, runEStep } from '../helpers/kernel-run.ts';
import { withHoles } from '../helpers/missing.ts';
import { type Form, flatten, type Rows, type Vector } from '../reference-kernel.ts';
import { accumulateMissing, complete, impute, weightedLogProb } from '../reference-missing.ts';

/** Kernel memory with a mixture, rows, and all that operations on rows with missing values need. */
function load({ mixture }: KernelCase, x: Rows, spareCache: number = 0, shift: number = 0) {
  const memory = freshMemory(shift);
  const loaded = loadMixture(memory, mixture);
  const panels = loadRows(memory, x);
  const { form, d, k, means, factors } = loaded;
  const { exports } = memory;
  const weights = memory.input('mixtureWeights', mixture.weights);
  const covariances = memory.input('covariances', mixture.covariances);
  const count = exports.gmm_missing_cache_count(form, d, k) + spareCache;
  const cache = memory.output('cache', count);
  const workspace = memory.output('workspace', exports.gmm_missing_workspace_count(form, d, k));
  const begin = () => memory.call('gmm_missing_begin', [cache, count], [cache]);
  begin();
  const accumulate = (sampleWeight?: Vector, likelihoodOnly: boolean = false): Float64Array => {
    const given = sampleWeight ? memory.input('sampleWeight', sampleWeight) : 0;
    const statistics = memory.input('statistics', new Float64Array(exports.gmm_statistics_count(form, d, k)));
    memory.spoil(workspace);
    const returned = memory.call(
      'gmm_accumulate_missing',
      [
        ...[form, panels, given, x.length, d, k, weights, means, covariances, factors],
        ...[statistics, workspace, likelihoodOnly ? 1 : 0, cache],
      ],
      [statistics, workspace, cache],
    );
    expect(returned).toBe(0);
    return memory.read(statistics);
  };
  const eStep = (plain: boolean = false) => {
    const n = x.length;
    const [resp, logProb] = [memory.output('resp', n * k), memory.output('logProb', n * k)];
    const [norm, completed] = [memory.output('norm', n), memory.output('completed', n * d)];
    memory.spoil(workspace);
    if (plain) begin();
    const returned = memory.call(
      'gmm_e_step_missing',
      [
        ...[form, panels, n, d, k, plain ? 0 : weights, means, covariances, factors],
        ...[resp, logProb, norm, completed, workspace, cache],
      ],
      [resp, logProb, norm, completed, workspace, cache],
    );
    expect(returned).toBe(0);
    const [r, p, m, c] = [resp, logProb, norm, completed].map((region) => memory.read(region));
    return { resp: r, logProb: p, norm: m, completed: c };
  };
  return { memory, loaded, panels, begin, accumulate, eStep };
}

/**
 * Covariances have conditions up to some hundred, and conditional ones lose as many digits in the twin, which takes differences: 1e-11 of the
 * size of the sums.
 */
function close(actual: ArrayLike<number>, expected: ArrayLike<number>, scale: number, what: string): void {
  expect(actual.length, what).toBe(expected.length);
  for (let i = 0; i < actual.length; i++) {
    const error = Math.abs(actual[i] - expected[i]);
    expect(
      error <= 1e-11 * Math.max(scale, Math.abs(expected[i])),
      `${what} [${i}]: ${actual[i]} ${expected[i]}`,
    ).toBe(true);
  }
}

function check(form: Form, n: number, d: number, k: number, share: number, seed: number): void {
  const c = makeCase(form, n, d, k, seed);
  const x = withHoles(c.x, d === 1 ? 0 : share, seed);
  const what = `N ${n}, D ${d}, K ${k}`;
  const { accumulate, eStep } = load(c, x);
  const size = Math.max(...x.flat().map((v) => (Number.isNaN(v) ? 1 : Math.abs(v))));
  for (const sampleWeight of [undefined, c.sampleWeight]) {
    const actual = accumulate(sampleWeight);
    const expected = flatten(form, accumulateMissing(c.mixture, x, sampleWeight));
    // Blocks without missing values estimate active pairs.
    expected[expected.length - 1] = actual[actual.length - 1];
    close(actual, expected, n * d * size * size, what);
    const likelihood = accumulate(sampleWeight, true);
    expectBitEqual(likelihood.subarray(0, 2), actual.subarray(0, 2), 'sum v and log-likelihood alone');
    expectBitEqual(likelihood.subarray(2), new Float64Array(actual.length - 2), 'statistics not asked for');
  }
  const { resp, logProb, norm, completed } = eStep();
  const wanted = x.map((row) => weightedLogProb(c.mixture, row));
  close(logProb, wanted.flat(), d * size * size, `logProb, ${what}`);
  const wantedNorm = wanted.map((row) => {
    const most = Math.max(...row);
    return most + Math.log(row.reduce((sum, value) => sum + Math.exp(value - most), 0));
  });
  close(norm, wantedNorm, d * size * size, `logProbNorm, ${what}`);
  const wantedResp = wanted.map((row, i) => row.map((value) => Math.exp(value - wantedNorm[i])));
  close(resp, wantedResp.flat(), d * size * size, `resp, ${what}`);
  close(
    completed,
    x.flatMap((row) => impute(c.mixture, row)),
    d * size * size,
    `completed, ${what}`,
  );
  x.forEach((row, i) => {
    row.forEach((value, j) => {
      if (!Number.isNaN(value)) expect(Object.is(completed[i * d + j], value)).toBe(true);
    });
  });
}

describe.each(FORMS)('$name', ({ form }) => {
  it('agrees with the twin for all small sizes', () => {
    for (let d = 1; d <= 9; d++) {
      for (let k = 1; k <= 4; k++) check(form, [1, 7, 20, 60][(d + k) % 4], d, k, 0.3, 10 * d + k);
    }
  });

  it('agrees with the twin around tiles, with two words of pattern, when nearly all is missing', () => {
    for (const [n, d, k, share] of [
      [129, 2, 3, 0.5],
      [300, 3, 2, 0.2],
      [140, 5, 2, 0.05],
      [140, 5, 2, 0.9],
      [40, 17, 2, 0.1],
      [20, 33, 2, 0.1],
      [9, 70, 2, 0.1],
    ]) {
      check(form, n, d, k, share, n + d);
    }
  });

  it('agrees with the twin in a whole block', () => check(form, 4096, 3, 2, 0.1, 5));

  it('gives the statistics of a row of nothing: what is expected of any row', () => {
    const c = makeCase(form, 3, 4, 2, 8);
    const x = [c.x[0], [Number.NaN, Number.NaN, Number.NaN, Number.NaN], c.x[2]];
    const { accumulate } = load(c, x);
    const expected = flatten(form, accumulateMissing(c.mixture, x));
    close(accumulate(), expected, 1, 'statistics');
  });

  it('gives complete rows the bits of the ordinary operations', () => {
    for (const n of [1, 100, 4096]) {
      const c = makeCase(form, n, 4, 3, n);
      const { memory, loaded, panels, accumulate, eStep } = load(c, c.x);
      for (const sampleWeight of [undefined, c.sampleWeight]) {
        expectBitEqual(
          accumulate(sampleWeight),
          runAccumulate(memory, loaded, panels, n, sampleWeight),
          'statistics',
        );
      }
      const { resp, logProb, norm } = runEStep(memory, loaded, panels, n);
      const actual = eStep();
      expectBitEqual(actual.resp, resp, 'resp');
      expectBitEqual(actual.logProb, logProb, 'logProb');
      expectBitEqual(actual.norm, norm, 'logProbNorm');
      const holes = withHoles(c.x, 0.2, 4);
      const among = load(c, holes).eStep();
      holes.forEach((row, i) => {
        if (!row.some(Number.isNaN)) expect(among.norm[i]).toBe(norm[i]);
      });
    }
  });

  it('does not depend on the cache, its size, the place of buffers, or which NaN it is', () => {
    const c = makeCase(form, 500, 6, 3, 9);
    const x = withHoles(c.x, 0.25, 2);
    const first = load(c, x);
    const expected = first.accumulate(c.sampleWeight);
    expectBitEqual(first.accumulate(c.sampleWeight), expected, 'from the cache');
    for (const [spare, shift] of [
      [40, 1],
      [5000, 2],
      [300_000, 0],
    ]) {
      expectBitEqual(load(c, x, spare, shift).accumulate(c.sampleWeight), expected, `cache + ${spare}`);
    }
    const { memory, panels, accumulate } = load(c, x);
    const words = new BigUint64Array(memory.exports.memory.buffer, panels.address, panels.count);
    const values = memory.f64(panels);
    for (let i = 0; i < words.length; i++)
      if (Number.isNaN(values[i])) words[i] = 0xfff0_0000_0000_0001n + BigInt(i);
    expectBitEqual(accumulate(c.sampleWeight), expected, 'other NaNs');
  });

  it('gives squared distances over the observed features without weights', () => {
    const c = makeCase(form, 30, 4, 2, 3);
    const x = withHoles(c.x, 0.4, 7);
    const { eStep } = load(c, x);
    const { logProb } = eStep(true);
    x.forEach((row, i) => {
      if (!row.some(Number.isNaN)) return;
      for (let component = 0; component < 2; component++) {
        const alone = { ...c.mixture, weights: [1, 1] };
        const here = weightedLogProb(alone, row)[component];
        // The density at the mean of what is observed has the distance 0.
        const mean = c.mixture.means[component].map((m, j) => (Number.isNaN(row[j]) ? Number.NaN : m));
        const most = weightedLogProb(alone, mean)[component];
        expect(Math.abs(logProb[i * 2 + component] - (here - most))).toBeLessThan(
          1e-9 * (1 + Math.abs(here)),
        );
      }
    });
  });
});

describe('extremes', () => {
  it.each(FORMS)('$name: offsets, a component of weight 0, a row far away: nothing is NaN', ({ form }) => {
    const c = makeCase(form, 60, 4, 3, 5, { offset: 1e7 });
    c.mixture.weights = [0.4, 0, 0.6];
    const x = withHoles(c.x, 0.3, 6);
    x.push([1e150, Number.NaN, -1e150, 0]);
    const { accumulate, eStep } = load({ ...c, n: 61 }, x);
    const { resp, logProb, norm, completed } = eStep();
    for (const values of [resp, logProb, norm, completed]) expect(values.every(Number.isFinite)).toBe(true);
    for (let i = 0; i < 60; i++) expect(resp[3 * i + 1]).toBe(0);
    const near = x.slice(0, 60);
    const { accumulate: without } = load(c, near);
    const statistics = without();
    expect(statistics.every(Number.isFinite)).toBe(true);
    const expected = flatten(form, accumulateMissing(c.mixture, near));
    // Values are exact to 1e-9 at an offset of 1e7; sums of 60 of them.
    for (let i = 2; i < statistics.length; i++)
      expect(Math.abs(statistics[i] - expected[i])).toBeLessThan(1e-5);
    expect(accumulate.length).toBe(1);
  });

  it('conditional covariances of nearly dependent features stay positive', () => {
    const c = makeCase(3, 40, 5, 1, 5, { condition: 1e12 });
    const x = withHoles(c.x, 0.4, 6);
    const { accumulate } = load(c, x);
    const statistics = accumulate();
    expect(statistics.every(Number.isFinite)).toBe(true);
    // Diagonal elements of a sum of squares and products L L^T.
    for (let j = 0; j < 5; j++) expect(statistics[3 + 5 + (j * (j + 3)) / 2]).toBeGreaterThan(0);
    expect(complete(c.mixture, 0, x[0]).mean.length).toBe(5);
  });
});

describe('gmm_observed', () => {
  it('adds weights of observed values per feature, and counts missing ones', () => {
    const c = makeCase(3, 50, 3, 1, 2);
    const x = withHoles(c.x, 0.3, 4);
    const memory = freshMemory();
    const panels = loadRows(memory, x);
    for (const sampleWeight of [undefined, c.sampleWeight]) {
      const weights = sampleWeight ? memory.input('weights', sampleWeight) : 0;
      const target = memory.input('target', [1, 2, 3, 4]);
      expect(memory.call('gmm_observed', [panels, weights, 50, 3, target], [target])).toBe(0);
      const expected = [0, 1, 2].map((j) =>
        x.reduce((sum, row, i) => sum + (Number.isNaN(row[j]) ? 0 : (sampleWeight?.[i] ?? 1)), 0),
      );
      const found = memory.read(target);
      // Fifty weights of size one, summed in the same order but from another start.
      for (let j = 0; j < 3; j++) expect(Math.abs(found[j] - expected[j] - (j + 1))).toBeLessThan(1e-13);
      expect(found[3]).toBe(4 + x.flat().filter(Number.isNaN).length);
    }
    expect(memory.exports.gmm_observed(panels.address, 0, 4097, 3, 0)).toBe(-3);
    expect(memory.exports.gmm_observed(panels.address, 0, 8, 0, 0)).toBe(-4);
  });
});

it('refuses bad arguments by their position, as the ordinary operations do', () => {
  const { exports } = freshMemory();
  const accumulate = (form: number, n: number, d: number, k: number) =>
    exports.gmm_accumulate_missing(form, 0, 0, n, d, k, 0, 0, 0, 0, 0, 0, 0, 0);
  const eStep = (form: number, n: number, d: number, k: number) =>
    exports.gmm_e_step_missing(form, 0, n, d, k, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  expect([
    accumulate(4, 1, 1, 1),
    accumulate(3, 4097, 1, 1),
    accumulate(3, 1, 0, 1),
    accumulate(3, 1, 1, 0),
  ]).toEqual([-1, -4, -5, -6]);
  expect([eStep(-1, 1, 1, 1), eStep(3, -1, 1, 1), eStep(3, 1, 0, 1), eStep(3, 1, 1, 0)]).toEqual([
    -1, -3, -4, -5,
  ]);
});
