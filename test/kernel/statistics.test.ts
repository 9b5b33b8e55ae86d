// gmm_accumulate, gmm_accumulate_responsibilities and gmm_merge against the twin.
import { describe, expect, it } from 'vitest';
import { generator } from '../helpers/data.ts';
import {
  type CaseOptions,
  expectDensities,
  FORMS,
  makeCase,
  ROW_COUNTS,
  statisticsBounds,
} from '../helpers/kernel-cases.ts';
import { expectBitEqual, expectRelative } from '../helpers/kernel-compare.ts';
import { freshMemory, loadMixture, loadRows, runAccumulate } from '../helpers/kernel-run.ts';
import {
  accumulate,
  type Form,
  FULL,
  flatten,
  merge,
  mergeTree,
  statisticsFrom,
  triangle,
} from '../reference-kernel.ts';

const BLOCK = 4096;

function check(form: Form, n: number, d: number, k: number, seed: number, options: CaseOptions = {}): void {
  const c = makeCase(form, n, d, k, seed, options);
  const memory = freshMemory();
  const mixture = loadMixture(memory, c.mixture);
  const panels = loadRows(memory, c.x);
  const densities = expectDensities(c.mixture, c.x);
  for (const sampleWeight of [undefined, c.sampleWeight]) {
    const actual = runAccumulate(memory, mixture, panels, n, sampleWeight);
    const expected = flatten(form, accumulate(c.mixture, c.x, sampleWeight));
    // An estimate, in full blocks only: kernel/active.test.ts looks at it.
    if (n === BLOCK) expected[expected.length - 1] = actual[actual.length - 1];
    const bounds = statisticsBounds(c.mixture, c.x, densities, sampleWeight);
    if (form === FULL && d > 16) {
      // Scatters may lack the rows that are not active: by what these add up to, and no more.
      const active = densities.resp.map((row) => row.map((value) => (value > 2 ** -53 / k ? value : 0)));
      const without = flatten(form, statisticsFrom(c.x, active, c.mixture.means, sampleWeight));
      for (let i = 2 + k + k * d; i < bounds.length; i++) bounds[i] += Math.abs(expected[i] - without[i]);
    }
    // The scales are rounding bounds already (see statisticsBounds): nothing else is added to them.
    expectRelative(
      actual,
      expected,
      1,
      `N ${n}, D ${d}, K ${k}, weights ${sampleWeight !== undefined}`,
      bounds,
    );
    const likelihood = runAccumulate(memory, mixture, panels, n, sampleWeight, { likelihoodOnly: true });
    expectBitEqual(likelihood.subarray(0, 2), actual.subarray(0, 2), 'sum v and log-likelihood alone');
    expectBitEqual(likelihood.subarray(2), new Float64Array(actual.length - 2), 'statistics not asked for');
  }
}

function checkResponsibilities(form: Form, n: number, d: number, k: number, seed: number): void {
  const c = makeCase(form, n, d, k, seed);
  const uniform = generator(seed);
  const resp = c.x.map((_, row) => {
    // Soft rows, hard rows, and now and then a row that counts for nothing.
    if (row % 3 === 1) return c.mixture.means.map((_, component) => (component === row % k ? 1 : 0));
    if (row % 7 === 5) return c.mixture.means.map(() => 0);
    const values = c.mixture.means.map(() => uniform());
    const sum = values.reduce((a, b) => a + b, 0);
    return values.map((value) => value / sum);
  });
  const memory = freshMemory();
  const mixture = loadMixture(memory, c.mixture);
  const panels = loadRows(memory, c.x);
  const respBound = resp.map((row) => row.map(() => 0));
  for (const sampleWeight of [undefined, c.sampleWeight]) {
    const actual = runAccumulate(memory, mixture, panels, n, sampleWeight, { resp: resp.flat() });
    const expected = flatten(form, statisticsFrom(c.x, resp, c.mixture.means, sampleWeight));
    const bounds = statisticsBounds(c.mixture, c.x, { resp, respBound }, sampleWeight);
    expectRelative(
      actual,
      expected,
      1,
      `N ${n}, D ${d}, K ${k}, weights ${sampleWeight !== undefined}`,
      bounds,
    );
    expect(actual[1]).toBe(0);
  }
}

describe.each(FORMS)('$name', ({ form }) => {
  it('agrees with the twin for D 1 to 9 and K 1 to 5', () => {
    for (let d = 1; d <= 9; d++) {
      for (let k = 1; k <= 5; k++) check(form, ROW_COUNTS[(11 * d + 3 * k) % 26], d, k, 1000 * d + k);
    }
  });

  it('agrees with the twin for every row count around panels, tiles and blocks', () => {
    for (const n of ROW_COUNTS) check(form, n, n > 4000 ? 3 : 4, 3, n);
    for (const n of ROW_COUNTS.slice(0, -2)) check(form, n, 2, 2, n);
  });

  it.each([16, 32, 33, 40])('agrees with the twin for D %i', (d) => {
    for (const n of [1, 31, 33, 65]) check(form, n, d, 2, d + n);
    check(form, 129, d, 3, d);
  });

  it('agrees with the twin when there are many more components than features', () => {
    for (const [d, k] of [
      [1, 12],
      [2, 12],
      [3, 9],
      [3, 10],
      [3, 17],
      [4, 21],
    ]) {
      check(form, 100, d, k, 10 * d + k);
    }
  });

  it('agrees with the twin 1e7 away from the origin as closely as near it', () => {
    for (const d of [1, 2, 3, 6, 9]) check(form, 77, d, 3, d, { offset: 1e7 });
  });

  it('agrees with the twin for covariances of condition 1e8 and for clusters far apart', () => {
    for (const d of [2, 3, 5, 9]) check(form, 50, d, 2, d, { condition: 1e8 });
    for (const d of [1, 2, 3, 9]) check(form, 50, d, 4, d, { separation: 60 });
  });

  it('agrees with the twin under given responsibilities', () => {
    for (let d = 1; d <= 9; d++) {
      for (let k = 1; k <= 5; k++) checkResponsibilities(form, ROW_COUNTS[(5 * d + 7 * k) % 26], d, k, d + k);
    }
    for (const n of ROW_COUNTS) checkResponsibilities(form, n, 3, 2, n);
    for (const d of [16, 33, 40]) checkResponsibilities(form, 67, d, 3, d);
  });

  it('adds to what stands in the statistics', () => {
    const c = makeCase(form, 45, 4, 2, 6);
    const memory = freshMemory();
    const mixture = loadMixture(memory, c.mixture);
    const panels = loadRows(memory, c.x);
    const once = runAccumulate(memory, mixture, panels, c.n, c.sampleWeight);
    const twice = runAccumulate(memory, mixture, panels, c.n, c.sampleWeight, { before: once });
    const bounds = statisticsBounds(c.mixture, c.x, expectDensities(c.mixture, c.x), c.sampleWeight);
    // Sums that start from another number round differently: twice the bound of one pass.
    expectRelative(
      twice,
      once.map((value) => 2 * value),
      2,
      'two passes',
      bounds,
    );
  });

  it('never counts padding rows, whatever finite values they hold', () => {
    for (const [n, d] of [
      [1, 1],
      [13, 2],
      [13, 3],
      [70, 5],
      [129, 9],
    ]) {
      const c = makeCase(form, n, d, 3, n + d);
      for (const sampleWeight of [undefined, c.sampleWeight]) {
        const memory = freshMemory();
        const mixture = loadMixture(memory, c.mixture);
        const panels = loadRows(memory, c.x);
        const resp = c.x.flatMap((_, row) => c.mixture.means.map((_, k) => (k === row % 3 ? 1 : 0)));
        const clean = runAccumulate(memory, mixture, panels, n, sampleWeight);
        const given = runAccumulate(memory, mixture, panels, n, sampleWeight, { resp });
        for (const padding of [0, -1e6, 1e30, 1e300]) {
          const view = memory.f64(panels);
          const last = Math.floor(n / 8) * 8 * d;
          for (let feature = 0; feature < d; feature++) {
            for (let lane = n % 8; lane < 8; lane++) view[last + feature * 8 + lane] = padding;
          }
          expectBitEqual(
            runAccumulate(memory, mixture, panels, n, sampleWeight),
            clean,
            `padding ${padding}`,
          );
          const again = runAccumulate(memory, mixture, panels, n, sampleWeight, { resp });
          expectBitEqual(again, given, `padding ${padding}, responsibilities given`);
        }
      }
    }
  });

  it('counts a row of sample weight 0 as absent, however far away it is', () => {
    for (const d of [1, 2, 3, 5]) {
      const c = makeCase(form, 40, d, 3, d);
      const far = c.x.map((row, i) => (c.sampleWeight[i] === 0 ? row.map((value) => value + 1e100) : row));
      const memory = freshMemory();
      const mixture = loadMixture(memory, c.mixture);
      const near = runAccumulate(memory, mixture, loadRows(memory, c.x), c.n, c.sampleWeight);
      const moved = runAccumulate(memory, mixture, loadRows(memory, far), c.n, c.sampleWeight);
      expectBitEqual(moved, near, `D ${d}`);
    }
  });

  it('gives weights of one the meaning of no weights', () => {
    for (const d of [1, 2, 4]) {
      const c = makeCase(form, 66, d, 3, d);
      const memory = freshMemory();
      const mixture = loadMixture(memory, c.mixture);
      const panels = loadRows(memory, c.x);
      const without = runAccumulate(memory, mixture, panels, c.n, undefined);
      const ones = runAccumulate(memory, mixture, panels, c.n, new Array(c.n).fill(1));
      const bounds = statisticsBounds(c.mixture, c.x, expectDensities(c.mixture, c.x));
      expectRelative(ones, without, 1, `D ${d}`, bounds);
    }
  });

  it('adds nothing for no rows and refuses arguments out of range', () => {
    const c = makeCase(form, 9, 2, 2, 5);
    const memory = freshMemory();
    const { means, factors, workspace } = loadMixture(memory, c.mixture);
    const panels = loadRows(memory, c.x);
    const statistics = memory.input(
      'statistics',
      new Float64Array(memory.exports.gmm_statistics_count(form, 2, 2)),
    );
    const fused = (code: number, n: number, d: number, k: number) =>
      memory.call('gmm_accumulate', [code, panels, 0, n, d, k, means, factors, statistics, workspace, 0], []);
    const given = (code: number, n: number, d: number, k: number) =>
      memory.call(
        'gmm_accumulate_responsibilities',
        [code, panels, 0, n, d, k, means, factors, statistics, workspace],
        [],
      );
    for (const call of [fused, given]) {
      expect(call(form, 0, 2, 2)).toBe(0);
      expect(call(-1, 9, 2, 2)).toBe(-1);
      expect(call(4, 9, 2, 2)).toBe(-1);
      expect(call(form, -1, 2, 2)).toBe(-4);
      expect(call(form, 4097, 2, 2)).toBe(-4);
      expect(call(form, 9, 0, 2)).toBe(-5);
      expect(call(form, 9, 2, 0)).toBe(-6);
    }
  });

  it('counts statistics, covariances and factors as the documented layouts need', () => {
    const { exports } = freshMemory();
    for (const d of [1, 2, 3, 8, 33]) {
      for (const k of [1, 2, 5]) {
        const scatter = [k, k * d, triangle(d), k * triangle(d)][form];
        expect(exports.gmm_statistics_count(form, d, k)).toBe(3 + k + k * d + scatter);
        expect(exports.gmm_covariance_count(form, d, k)).toBe([k, k * d, d * d, k * d * d][form]);
        expect(exports.gmm_factors_count(form, d, k)).toBeGreaterThan(0);
        expect(exports.gmm_workspace_count(form, d, k)).toBeGreaterThan(0);
      }
    }
  });
});

describe('gmm_merge', () => {
  it('adds element by element, exactly as written', () => {
    const uniform = generator(3);
    for (const count of [0, 1, 2, 3, 4, 7, 8, 9, 31, 64, 1001]) {
      const target = Array.from({ length: count }, () => uniform() * 10 ** (20 * uniform() - 10));
      const source = Array.from({ length: count }, () => -uniform() * 10 ** (20 * uniform() - 10));
      // Twice: with each kind of sentinel around the buffers.
      for (let again = 0; again < 2; again++) {
        const memory = freshMemory();
        const a = memory.input('target', target);
        const b = memory.input('source', source);
        memory.call('gmm_merge', [a, b, count], [a]);
        // One addition each: there is nothing to tolerate.
        expectBitEqual(memory.read(a), merge(target, source), `count ${count}`);
      }
    }
  });

  it('over the fixed tree gives what the twin gives in one go', () => {
    for (const { form, name } of FORMS) {
      const c = makeCase(form, 700, 3, 2, 9);
      const memory = freshMemory();
      const mixture = loadMixture(memory, c.mixture);
      const parts: number[][] = [];
      for (let start = 0; start < c.n; start += 100) {
        const rows = c.x.slice(start, start + 100);
        parts.push([...runAccumulate(memory, mixture, loadRows(memory, rows), rows.length, undefined)]);
      }
      const bounds = statisticsBounds(c.mixture, c.x, expectDensities(c.mixture, c.x));
      expectRelative(mergeTree(parts), flatten(form, accumulate(c.mixture, c.x)), 1, name, bounds);
    }
  });
});
