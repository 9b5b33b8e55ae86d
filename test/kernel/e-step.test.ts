// gmm_e_step and gmm_prepare against the twin: log-densities, log-sum-exp and responsibilities of every form.
import { describe, expect, it } from 'vitest';
import { type CaseOptions, expectDensities, FORMS, makeCase, ROW_COUNTS } from '../helpers/kernel-cases.ts';
import { expectBitEqual, expectRelative } from '../helpers/kernel-compare.ts';
import { freshMemory, loadMixture, loadRows, runEStep } from '../helpers/kernel-run.ts';
import { type Form, FULL, TIED } from '../reference-kernel.ts';

function check(form: Form, n: number, d: number, k: number, seed: number, options: CaseOptions = {}): void {
  const c = makeCase(form, n, d, k, seed, options);
  const memory = freshMemory();
  const actual = runEStep(memory, loadMixture(memory, c.mixture), loadRows(memory, c.x), n);
  const expected = expectDensities(c.mixture, c.x);
  const label = `N ${n}, D ${d}, K ${k}`;
  // The scales are rounding bounds already (see expectDensities): nothing is added to them.
  expectRelative(
    actual.logProb,
    expected.logProb.flat(),
    1,
    `${label}: logProb`,
    expected.logProbBound.flat(),
  );
  expectRelative(actual.norm, expected.norm, 1, `${label}: logProbNorm`, expected.normBound);
  expectRelative(actual.resp, expected.resp.flat(), 1, `${label}: resp`, expected.respBound.flat());
  for (let row = 0; row < n; row++) {
    const sum = actual.resp.subarray(row * k, (row + 1) * k).reduce((a, b) => a + b, 0);
    // K squares of rounded products: 4 roundings each, and K - 1 additions.
    expectRelative([sum], [1], (k + 4) * 2 ** -52, `${label}: sum of responsibilities of row ${row}`);
  }
}

describe.each(FORMS)('$name', ({ form }) => {
  it('agrees with the twin for D 1 to 9 and K 1 to 5', () => {
    for (let d = 1; d <= 9; d++) {
      // Row counts rotate, so that every count meets many shapes.
      for (let k = 1; k <= 5; k++) check(form, ROW_COUNTS[(7 * d + 5 * k) % 26], d, k, 100 * d + k);
    }
  });

  it('agrees with the twin for every row count around panels, tiles and blocks', () => {
    for (const n of ROW_COUNTS) check(form, n, n > 4000 ? 3 : 5, 3, n);
  });

  it.each([16, 32, 33, 40])('agrees with the twin for D %i', (d) => {
    for (const n of [1, 31, 33, 65]) check(form, n, d, 2, d + n);
    check(form, 129, d, 3, d);
  });

  it('agrees with the twin 1e7 away from the origin as closely as near it', () => {
    for (const d of [1, 2, 3, 6, 9]) check(form, 77, d, 3, d, { offset: 1e7 });
  });

  it('agrees with the twin for covariances of condition 1e10, within what the condition allows', () => {
    for (const d of [2, 3, 5, 8, 16]) check(form, 50, d, 2, d, { condition: 1e10 });
  });

  it('agrees with the twin for clusters so far apart that most responsibilities vanish', () => {
    for (const d of [1, 2, 3, 7]) check(form, 40, d, 4, d, { separation: 60 });
  });

  it('writes only the targets asked for, with the same bits', () => {
    const c = makeCase(form, 37, 4, 3, 1);
    const memory = freshMemory();
    const mixture = loadMixture(memory, c.mixture);
    const panels = loadRows(memory, c.x);
    const all = runEStep(memory, mixture, panels, c.n);
    for (const wanted of ['resp', 'logProb', 'norm'] as const) {
      const target = memory.output(wanted, wanted === 'norm' ? c.n : c.n * c.k);
      const pointers = (['resp', 'logProb', 'norm'] as const).map((name) => (name === wanted ? target : 0));
      memory.call(
        'gmm_e_step',
        [form, panels, c.n, c.d, c.k, mixture.means, mixture.factors, ...pointers, mixture.workspace],
        [target, mixture.workspace],
      );
      expectBitEqual(memory.read(target), all[wanted], wanted);
    }
  });

  it('gives each row the same bits whatever rows stand beside it', () => {
    const c = makeCase(form, 200, 5, 3, 2);
    const memory = freshMemory();
    const mixture = loadMixture(memory, c.mixture);
    const all = runEStep(memory, mixture, loadRows(memory, c.x), c.n);
    for (const row of [0, 1, 63, 64, 130, 199]) {
      const alone = runEStep(memory, mixture, loadRows(memory, [c.x[row]]), 1);
      expectBitEqual(alone.norm, [all.norm[row]], `logProbNorm of row ${row}`);
      expectBitEqual(alone.logProb, all.logProb.slice(row * 3, row * 3 + 3), `logProb of row ${row}`);
      expectBitEqual(alone.resp, all.resp.slice(row * 3, row * 3 + 3), `resp of row ${row}`);
    }
  });

  it.each([1e3, 1e8, 1e100, 1e160, 1e300])('stays finite %d standard deviations away', (distance) => {
    for (const d of [1, 2, 3, 5]) {
      const c = makeCase(form, 19, d, 3, d);
      const x = c.x.map((row, i) => row.map((value) => value + (i % 2 ? distance : -distance)));
      const memory = freshMemory();
      const result = runEStep(memory, loadMixture(memory, c.mixture), loadRows(memory, x), x.length);
      for (const values of [result.logProb, result.norm, result.resp]) {
        expect(values.every(Number.isFinite)).toBe(true);
      }
      // The documented floor.
      expect(Math.min(...result.logProb)).toBeGreaterThanOrEqual(-2e300);
      for (let row = 0; row < x.length; row++) {
        const resp = result.resp.subarray(row * 3, row * 3 + 3);
        expect(Math.min(...resp)).toBeGreaterThanOrEqual(0);
        // As in check().
        expectRelative([resp[0] + resp[1] + resp[2]], [1], 7 * 2 ** -52, `row ${row}`);
      }
    }
  });

  it('gives a component of weight 0 no responsibility and the floor as its logProb', () => {
    const c = makeCase(form, 21, 3, 3, 4);
    c.mixture.weights = [0.5, 0, 0.5];
    const memory = freshMemory();
    const result = runEStep(memory, loadMixture(memory, c.mixture), loadRows(memory, c.x), c.n);
    const expected = expectDensities(c.mixture, c.x);
    for (let row = 0; row < c.n; row++) {
      expect(result.resp[row * 3 + 1]).toBe(0);
      expect(result.logProb[row * 3 + 1]).toBe(-2e300);
    }
    expectRelative(result.norm, expected.norm, 1, 'logProbNorm', expected.normBound);
  });

  it('cuts responsibilities below 2^-997 to exactly 0 and no others', () => {
    // One feature, unit variances, means 0 and m: ln resp_1 = m (x - m / 2) for x below the middle.
    const mixture = {
      form,
      weights: [0.5, 0.5],
      means: [[0], [100]],
      covariances: form === TIED ? [1] : [1, 1],
    };
    const memory = freshMemory();
    const exponents = [-600, -685, -691.05, -691.09, -695, -2000];
    const x = exponents.map((exponent) => [50 + exponent / 100]);
    const result = runEStep(memory, loadMixture(memory, mixture), loadRows(memory, x), x.length);
    exponents.forEach((exponent, row) => {
      const resp = result.resp[2 * row + 1];
      // 997 ln 2 = 691.068
      if (exponent < -691.068) expect(resp).toBe(0);
      // The exponent is a difference of numbers up to 5,000 whose rounding becomes relative: 16 * 5000 * 2^-52.
      else expectRelative([resp], [Math.exp(exponent)], 2e-11, `resp at exponent ${exponent}`);
    });
  });

  it('refuses arguments out of range before it touches memory', () => {
    const c = makeCase(form, 9, 2, 2, 5);
    const memory = freshMemory();
    const mixture = loadMixture(memory, c.mixture);
    const panels = loadRows(memory, c.x);
    const { means, factors, workspace } = mixture;
    const call = (code: number, n: number, d: number, k: number) =>
      memory.call('gmm_e_step', [code, panels, n, d, k, means, factors, 0, 0, 0, workspace], []);
    expect(call(-1, 9, 2, 2)).toBe(-1);
    expect(call(4, 9, 2, 2)).toBe(-1);
    expect(call(form, -1, 2, 2)).toBe(-3);
    expect(call(form, 4097, 2, 2)).toBe(-3);
    expect(call(form, 9, 0, 2)).toBe(-4);
    expect(call(form, 9, 2, 0)).toBe(-5);
    expect(call(form, 0, 2, 2)).toBe(0);
  });
});

it('all forms agree on a covariance that fits them all', () => {
  const memory = freshMemory();
  for (const d of [1, 2, 3, 6]) {
    const c = makeCase(FULL, 33, d, 3, d);
    const variance = 0.7;
    const identity = c.x[0].flatMap((_, i) => c.x[0].map((_, j) => (i === j ? variance : 0)));
    const shapes = [
      new Array(3).fill(variance),
      new Array(3 * d).fill(variance),
      identity,
      [...identity, ...identity, ...identity],
    ];
    const bounds = expectDensities({ ...c.mixture, form: TIED, covariances: identity }, c.x);
    const results = shapes.map((covariances, form) => {
      memory.reset();
      const mixture = { ...c.mixture, form: form as Form, covariances };
      return runEStep(memory, loadMixture(memory, mixture), loadRows(memory, c.x), c.n);
    });
    for (const result of results) {
      expectRelative(result.logProb, bounds.logProb.flat(), 1, `D ${d}: logProb`, bounds.logProbBound.flat());
    }
  }
});
