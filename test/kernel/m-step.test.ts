// gmm_m_step and gmm_prepare against the twin: closed forms, regularisation, empty and singular components.
import { describe, expect, it } from 'vitest';
import { type CaseOptions, EPSILON, FORMS, makeCase } from '../helpers/kernel-cases.ts';
import { expectBitEqual, expectRelative } from '../helpers/kernel-compare.ts';
import { freshMemory, workspace } from '../helpers/kernel-run.ts';
import {
  accumulate,
  DIAG,
  type Form,
  FULL,
  flatten,
  type Mixture,
  mStep,
  prepareStatus,
  SPHERICAL,
  TIED,
  type Vector,
} from '../reference-kernel.ts';

interface MStepResult {
  empty: number;
  status: number[];
  weights: Float64Array;
  means: Float64Array;
  covariances: Float64Array;
}

function runMStep(
  mixture: Mixture,
  statistics: Vector,
  regularization: Vector,
  minimumCount: number,
): MStepResult {
  const k = mixture.means.length;
  const d = mixture.means[0].length;
  const memory = freshMemory();
  const sums = memory.input('statistics', statistics);
  const ridge = memory.input('regularization', regularization);
  const weights = memory.output('weights', k);
  const means = memory.input('means', mixture.means.flat());
  const covariances = memory.input('covariances', mixture.covariances);
  const status = memory.outputI32('status', k);
  const empty = memory.call(
    'gmm_m_step',
    [mixture.form, d, k, sums, ridge, minimumCount, weights, means, covariances, status],
    [sums, weights, means, covariances, status],
  );
  return {
    empty,
    status: [...memory.i32(status)],
    weights: memory.read(weights),
    means: memory.read(means),
    covariances: memory.read(covariances),
  };
}

/** The size of the largest number that goes into each covariance element, by feature pairs. */
function covarianceScale(mixture: Mixture, statistics: Vector, regularization: Vector): number {
  const k = mixture.means.length;
  const d = mixture.means[0].length;
  const scatter = statistics.slice(2 + k + k * d, -1).map(Math.abs);
  const smallest = Math.min(...statistics.slice(2, 2 + k).filter((count) => count > 0));
  return Math.max(...scatter) / smallest + Math.max(...regularization);
}

function check(form: Form, n: number, d: number, k: number, seed: number, options: CaseOptions = {}): void {
  const c = makeCase(form, n, d, k, seed, options);
  const statistics = flatten(form, accumulate(c.mixture, c.x, c.sampleWeight));
  // Statistics about means some way off, as in the middle of a fit.
  const regularization = c.x[0].map((_, j) => 1e-6 * (j + 1));
  const actual = runMStep(c.mixture, statistics, regularization, 1e-9);
  const expected = mStep(c.mixture, statistics, regularization, 1e-9);
  const label = `D ${d}, K ${k}`;
  expect(actual.status).toEqual(expected.status);
  expect(actual.empty).toBe(expected.empty);
  // One division each.
  expectRelative(actual.weights, expected.mixture.weights, EPSILON, `${label}: weights`);
  // A division and an addition.
  expectRelative(actual.means, expected.mixture.means.flat(), 3 * EPSILON, `${label}: means`);
  // A difference of two quotients: a handful of roundings per subtracted square (D of them in a trace, K when tied).
  const scale = covarianceScale(c.mixture, statistics, regularization);
  const tolerance = 4 * (k + d + 2) * EPSILON;
  expectRelative(actual.covariances, expected.mixture.covariances, tolerance, `${label}: covariances`, scale);
}

function prepare(mixture: Mixture, floor?: Vector): { failures: number; status: number[] } {
  const { form } = mixture;
  const k = mixture.means.length;
  const d = mixture.means[0].length;
  const memory = freshMemory();
  const weights = memory.input('weights', mixture.weights);
  const means = memory.input('means', mixture.means.flat());
  const covariances = memory.input('covariances', mixture.covariances);
  const floors = floor ? memory.input('floor', floor) : 0;
  const factors = memory.output('factors', memory.exports.gmm_factors_count(form, d, k));
  const status = memory.outputI32('status', k);
  const scratch = workspace(memory, form, d, k);
  const failures = memory.call(
    'gmm_prepare',
    [form, d, k, weights, means, covariances, floors, factors, status, scratch],
    [factors, status, scratch],
  );
  return { failures, status: [...memory.i32(status)] };
}

describe.each(FORMS)('$name', ({ form }) => {
  it('agrees with the twin for D 1 to 9 and K 1 to 5, and for larger D', () => {
    for (let d = 1; d <= 9; d++) for (let k = 1; k <= 5; k++) check(form, 60, d, k, 10 * d + k);
    for (const d of [16, 33, 40]) check(form, 90, d, 2, d);
  });

  it('agrees with the twin 1e7 away from the origin', () => {
    for (const d of [1, 2, 3, 8]) check(form, 60, d, 3, d, { offset: 1e7 });
  });

  it('adds the regularisation to the diagonal, its mean in the spherical form', () => {
    const c = makeCase(form, 50, 3, 2, 1);
    const statistics = flatten(form, accumulate(c.mixture, c.x));
    const without = runMStep(c.mixture, statistics, [0, 0, 0], 0).covariances;
    const regularization = [0.5, 2, 0.125];
    const withRidge = runMStep(c.mixture, statistics, regularization, 0).covariances;
    const expected = without.map((value, i) => {
      if (form === SPHERICAL) return value + (0.5 + 2 + 0.125) / 3;
      if (form === DIAG) return value + regularization[i % 3];
      const [row, column] = [Math.floor(i / 3) % 3, i % 3];
      return value + (row === column ? regularization[row] : 0);
    });
    // One further addition, and a mean of three in the spherical form.
    expectRelative(withRidge, expected, 4 * EPSILON, 'covariances');
  });

  it('writes covariances symmetric to the bit', () => {
    if (form !== FULL && form !== TIED) return;
    for (const d of [2, 3, 7, 16]) {
      const c = makeCase(form, 50, d, 2, d);
      const { covariances } = runMStep(
        c.mixture,
        flatten(form, accumulate(c.mixture, c.x)),
        new Array(d).fill(0),
        0,
      );
      const transposed = covariances.map((_, i) => {
        const [component, row, column] = [Math.floor(i / (d * d)), Math.floor(i / d) % d, i % d];
        return covariances[component * d * d + column * d + row];
      });
      expectBitEqual(covariances, transposed, `D ${d}`);
    }
  });

  it('leaves mean and covariance of an empty component alone, but writes its weight', () => {
    for (const d of [1, 2, 3, 4]) {
      const c = makeCase(form, 60, d, 3, d);
      const statistics = flatten(form, accumulate(c.mixture, c.x));
      for (const [count, minimumCount] of [
        [0, 0],
        [2, 2],
        [1e-300, 1e-200],
        [Number.NaN, 0],
      ]) {
        const emptied = [...statistics];
        emptied[3] = count;
        const actual = runMStep(c.mixture, emptied, new Array(d).fill(1e-6), minimumCount);
        const expected = mStep(c.mixture, emptied, new Array(d).fill(1e-6), minimumCount);
        expect(actual.status).toEqual([0, 1, 0]);
        expect(actual.empty).toBe(1);
        expectBitEqual(actual.means.subarray(d, 2 * d), c.mixture.means[1], 'mean of the empty component');
        if (form !== TIED) {
          const size = actual.covariances.length / 3;
          const kept = c.mixture.covariances.slice(size, 2 * size);
          expectBitEqual(
            actual.covariances.subarray(size, 2 * size),
            kept,
            'covariance of the empty component',
          );
        }
        expect(actual.weights[1]).toBe(count / emptied[0]);
        const scale = covarianceScale(c.mixture, statistics, [0]);
        // As in check().
        expectRelative(actual.covariances, expected.mixture.covariances, 32 * EPSILON, 'the others', scale);
      }
    }
  });

  it('counts all components as empty when nothing has weight', () => {
    const c = makeCase(form, 10, 2, 3, 1);
    const { exports } = freshMemory();
    const actual = runMStep(
      c.mixture,
      new Array(exports.gmm_statistics_count(form, 2, 3)).fill(0),
      [0, 0],
      0,
    );
    expect(actual.empty).toBe(3);
    expect(actual.status).toEqual([1, 1, 1]);
    expectBitEqual(actual.means, c.mixture.means.flat(), 'means');
  });

  it('finds a fixed point: statistics about the sample moments give the moments back', () => {
    for (const d of [1, 2, 5]) {
      const c = makeCase(form, 40, d, 1, d);
      const first = mStep(
        c.mixture,
        flatten(form, accumulate(c.mixture, c.x)),
        new Array(d).fill(0),
        0,
      ).mixture;
      const again = runMStep(first, flatten(form, accumulate(first, c.x)), new Array(d).fill(0), 0);
      const size = Math.max(...first.covariances);
      // Sums of 40 terms, each with a few roundings.
      expectRelative(again.covariances, first.covariances, 200 * EPSILON, 'covariances', size);
      expectRelative(again.means, first.means.flat(), 200 * EPSILON, 'means', Math.sqrt(size) + 10);
    }
  });
});

describe('gmm_prepare', () => {
  it.each(FORMS)('reports nothing for healthy covariances ($name)', ({ form }) => {
    for (const d of [1, 2, 3, 9, 16, 33, 40]) {
      const c = makeCase(form, 1, d, 3, d);
      expect(prepare(c.mixture)).toEqual({ failures: 0, status: [0, 0, 0] });
    }
  });

  it('names the first pivot that fails (full)', () => {
    for (const d of [1, 2, 3, 5, 8]) {
      for (let feature = 0; feature < d; feature++) {
        const c = makeCase(FULL, 1, d, 3, d);
        const at = d * d + feature * (d + 1);
        for (const value of [0, -1, Number.NaN, Infinity]) {
          const covariances = [...c.mixture.covariances];
          covariances[at] = value;
          const mixture = { ...c.mixture, covariances };
          expect(prepare(mixture)).toEqual({ failures: 1, status: [0, 1 + feature, 0] });
          expect(prepareStatus(mixture)).toEqual([0, 1 + feature, 0]);
        }
      }
    }
  });

  it('finds an exactly collinear feature (full), and the tied form reports it for every component', () => {
    // Feature 2 is the sum of the two before it.
    const matrix = [4, 1, 5, 1, 3, 4, 5, 4, 9];
    const full: Mixture = {
      form: FULL,
      weights: [0.5, 0.5],
      means: [
        [0, 0, 0],
        [1, 1, 1],
      ],
      covariances: [...matrix, 1, 0, 0, 0, 1, 0, 0, 0, 1],
    };
    expect(prepare(full)).toEqual({ failures: 1, status: [3, 0] });
    expect(prepare({ ...full, form: TIED, covariances: matrix })).toEqual({ failures: 2, status: [3, 3] });
  });

  it('takes a pivot above D 2^-50 of its variance and refuses one below', () => {
    for (const form of [FULL, TIED] as const) {
      for (const [own, status] of [
        [2 ** -46, 0],
        [2 ** -51, 2],
      ]) {
        // C = [[1, 1], [1, 1 + own]]: exact in doubles, the second pivot is `own`.
        const mixture: Mixture = { form, weights: [1], means: [[0, 0]], covariances: [1, 1, 1, 1 + own] };
        expect(prepare(mixture).status).toEqual([status]);
      }
    }
  });

  it('counts what is not above the floor as singular (all forms)', () => {
    for (const { form } of FORMS) {
      const shape = (variance: number) =>
        form === SPHERICAL
          ? [1, variance]
          : form === DIAG
            ? [1, 1, 1, variance]
            : form === TIED
              ? [1, 0, 0, variance]
              : [1, 0, 0, 1, 1, 0, 0, variance];
      const mixture = (variance: number): Mixture => ({
        form,
        weights: [0.5, 0.5],
        means: [
          [0, 0],
          [1, 2],
        ],
        covariances: shape(variance),
      });
      const failed = form === SPHERICAL ? [0, 1] : form === TIED ? [2, 2] : [0, 2];
      const floor = [0.25, 0.25];
      for (const variance of [0.25, 0.2]) {
        expect(prepare(mixture(variance), floor).status).toEqual(failed);
        expect(prepareStatus(mixture(variance), floor)).toEqual(failed);
      }
      expect(prepare(mixture(0.26), floor)).toEqual({ failures: 0, status: [0, 0] });
      expect(prepare(mixture(0.2))).toEqual({ failures: 0, status: [0, 0] });
    }
  });

  it('names the first variance that is not positive (diag, spherical)', () => {
    for (const value of [0, -0, -1, Number.NaN]) {
      for (let feature = 0; feature < 4; feature++) {
        const c = makeCase(DIAG, 1, 4, 2, feature);
        c.mixture.covariances[4 + feature] = value;
        expect(prepare(c.mixture)).toEqual({ failures: 1, status: [0, 1 + feature] });
      }
      const c = makeCase(SPHERICAL, 1, 4, 2, 1);
      c.mixture.covariances[0] = value;
      expect(prepare(c.mixture)).toEqual({ failures: 1, status: [1, 0] });
    }
  });

  it('names an infinite variance (diag, spherical)', () => {
    for (let feature = 0; feature < 4; feature++) {
      const c = makeCase(DIAG, 1, 4, 2, feature);
      c.mixture.covariances[4 + feature] = Infinity;
      expect(prepare(c.mixture)).toEqual({ failures: 1, status: [0, 1 + feature] });
    }
    const c = makeCase(SPHERICAL, 1, 4, 2, 1);
    c.mixture.covariances[0] = Infinity;
    expect(prepare(c.mixture)).toEqual({ failures: 1, status: [1, 0] });
  });

  it('leaves the factors of sound components usable when others fail', () => {
    const c = makeCase(FULL, 1, 3, 3, 1);
    const broken = [...c.mixture.covariances];
    broken.splice(9, 9, ...new Array(9).fill(1));
    const memory = freshMemory();
    const results = [c.mixture.covariances, broken].map((covariances) => {
      memory.reset();
      const factors = memory.output('factors', memory.exports.gmm_factors_count(FULL, 3, 3));
      const scratch = workspace(memory, FULL, 3, 3);
      const status = memory.outputI32('status', 3);
      const inputs = [c.mixture.weights, c.mixture.means.flat(), covariances].map((v, i) =>
        memory.input(`${i}`, v),
      );
      memory.call(
        'gmm_prepare',
        [FULL, 3, 3, ...inputs, 0, factors, status, scratch],
        [factors, status, scratch],
      );
      const panels = memory.input('panels', new Array(24).fill(0.5));
      const logProb = memory.output('logProb', 3);
      memory.call(
        'gmm_e_step',
        [FULL, panels, 1, 3, 3, inputs[1], factors, 0, logProb, 0, scratch],
        [logProb, scratch],
      );
      return memory.read(logProb);
    });
    expectBitEqual(
      [results[1][0], results[1][2]],
      [results[0][0], results[0][2]],
      'logProb of components 0 and 2',
    );
  });
});
