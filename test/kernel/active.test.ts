// Passes over active pairs: the sums do not depend on what was skipped or moved, agree with the dense pass, and what
// is skipped was provably far away.
import { describe, expect, it } from 'vitest';
import { generator } from '../helpers/data.ts';
import {
  type CaseOptions,
  expectDensities,
  FORMS,
  type KernelCase,
  makeCase,
  statisticsBounds,
} from '../helpers/kernel-cases.ts';
import { expectBitEqual, expectRelative } from '../helpers/kernel-compare.ts';
import type { GuardedMemory, Region } from '../helpers/kernel-memory.ts';
import {
  freshMemory,
  type LoadedMixture,
  loadMixture,
  loadRows,
  runAccumulate,
} from '../helpers/kernel-run.ts';
import {
  accumulate,
  type Form,
  flatten,
  type Mixture,
  responsibilities,
  statisticsFrom,
  weightedLogProb,
} from '../reference-kernel.ts';

const [SORT, BOUND, PRUNE] = [0, 1, 2];
const TOO_MANY = -4096;
const BLOCK = 4096;

/** A block with a state, as a host keeps it. */
class ActiveBlock {
  readonly memory: GuardedMemory;
  readonly mixture: LoadedMixture;
  readonly panels: Region;
  readonly n: number;
  readonly state: Region;
  readonly drift: Region;
  readonly scratch: Region;
  wasted: number = 0;

  constructor(memory: GuardedMemory, c: KernelCase) {
    this.memory = memory;
    this.mixture = loadMixture(memory, c.mixture);
    this.panels = loadRows(memory, c.x);
    this.n = c.n;
    const { form, d, k } = this.mixture;
    const { exports } = memory;
    this.state = memory.output('state', exports.gmm_active_state_bytes(k) / 8);
    this.drift = memory.output('drift', 3 * (k + (k & 1)));
    this.scratch = memory.output('activeWorkspace', exports.gmm_active_workspace_count(form, d, k));
    memory.call('gmm_active_begin', [this.state, k], [this.state]);
  }

  /** Statistics of a pass, or undefined when there are too many active pairs. */
  pass(
    phase: number,
    sampleWeight?: readonly number[],
    likelihoodOnly: boolean = false,
  ): Float64Array | undefined {
    const { memory, panels, n, state, drift, scratch } = this;
    const { form, d, k, means, factors } = this.mixture;
    const statistics = memory.input(
      'statistics',
      new Float64Array(memory.exports.gmm_statistics_count(form, d, k)),
    );
    const weights = sampleWeight ? memory.input('sampleWeight', sampleWeight) : 0;
    memory.spoil(scratch);
    const only = likelihoodOnly ? 1 : 0;
    const result = memory.call(
      'gmm_accumulate_active',
      [form, panels, weights, n, d, k, means, factors, statistics, scratch, only, state, drift, phase],
      [panels, statistics, scratch, state],
    );
    if (result === TOO_MANY) {
      expectBitEqual(memory.read(statistics), new Float64Array(statistics.count), 'nothing is added');
      return undefined;
    }
    expect(result).toBeGreaterThanOrEqual(0);
    this.wasted = result;
    return memory.read(statistics);
  }

  /** The drift from an earlier mixture to the block's own. */
  driftFrom(earlier: LoadedMixture): Float64Array {
    const { memory, mixture, drift, scratch } = this;
    const { form, d, k, means, factors } = mixture;
    memory.call(
      'gmm_active_drift',
      [form, d, k, earlier.means, earlier.factors, means, factors, drift, scratch],
      [drift, scratch],
    );
    return memory.read(drift);
  }

  /** Goes on with another mixture. */
  with(mixture: LoadedMixture): ActiveBlock {
    return Object.assign(Object.create(ActiveBlock.prototype) as ActiveBlock, this, { mixture });
  }

  end(): void {
    const { memory, panels, n, state } = this;
    const { d, k } = this.mixture;
    memory.call('gmm_active_end', [panels, n, d, k, state], [panels, state]);
  }
}

/** The mixture a little later: means and covariances moved by a share. */
function moved(mixture: Mixture, share: number, seed: number): Mixture {
  const uniform = generator(seed);
  return {
    ...mixture,
    means: mixture.means.map((mean) => mean.map((value) => value + share * (uniform() - 0.5))),
    // A common factor keeps every form's covariance positive definite.
    covariances: mixture.covariances.map((value) => value * (1 + 0.5 * share)),
  };
}

const separated: CaseOptions = { separation: 30 };
const shapes: [n: number, d: number, k: number][] = [
  [1, 3, 2],
  [70, 1, 3],
  [700, 2, 4],
  [509, 3, 9],
  [1000, 5, 16],
  [333, 33, 4],
  [200, 65, 3],
  [4096, 4, 6],
];

describe.each(FORMS)('$name', ({ form }) => {
  it('gives the same bits in every phase, whatever order the rows lie in', () => {
    for (const [n, d, k] of shapes) {
      const c = makeCase(form, n, d, k, n + k, separated);
      for (const sampleWeight of [undefined, c.sampleWeight]) {
        const block = new ActiveBlock(freshMemory(), c);
        const first = block.pass(SORT, sampleWeight) as Float64Array;
        const what = `N ${n}, D ${d}, K ${k}, weights ${sampleWeight !== undefined}`;
        expectBitEqual(block.pass(BOUND, sampleWeight) as Float64Array, first, `${what}: sorted`);
        const all = block.wasted;
        block.driftFrom(block.mixture);
        expectBitEqual(block.pass(PRUNE, sampleWeight) as Float64Array, first, `${what}: pruned`);
        if (n > 400 && d > 1) expect(block.wasted, `${what}: panels computed in vain`).toBeLessThan(all / 2);
        const likelihood = block.pass(PRUNE, sampleWeight, true) as Float64Array;
        expectBitEqual(likelihood.subarray(0, 2), first.subarray(0, 2), `${what}: likelihood alone`);
        expectBitEqual(likelihood.subarray(2), new Float64Array(first.length - 2), `${what}: not asked for`);
      }
    }
  });

  it('agrees with the twin, and with the dense pass up to rounding', () => {
    for (const options of [separated, {}]) {
      for (const [n, d, k] of shapes) {
        const c = makeCase(form, n, d, k, n * k, options);
        for (const sampleWeight of [undefined, c.sampleWeight]) {
          const block = new ActiveBlock(freshMemory(), c);
          const actual = block.pass(SORT, sampleWeight) as Float64Array;
          const { logLikelihood } = accumulate(c.mixture, c.x, sampleWeight);
          const sums = statisticsFrom(c.x, activeOnly(c.mixture, c.x), c.mixture.means, sampleWeight);
          const expected = flatten(form, { ...sums, logLikelihood });
          const active = actual[actual.length - 1];
          expected[expected.length - 1] = active;
          const bounds = statisticsBounds(c.mixture, c.x, expectDensities(c.mixture, c.x), sampleWeight);
          expectRelative(actual, expected, 1, `N ${n}, D ${d}, K ${k}`, bounds);
          expect(active).toBeGreaterThanOrEqual(n);
          expect(active).toBeLessThanOrEqual(n * k);
        }
      }
    }
  });

  it('skips nothing that counts while the mixture moves', () => {
    for (const [n, d, k] of shapes) {
      for (const share of [1e-9, 1e-3, 0.1, 1, 30]) {
        const c = makeCase(form, n, d, k, n + d, { separation: 12 });
        const memory = freshMemory();
        const block = new ActiveBlock(memory, c);
        block.pass(SORT);
        block.pass(BOUND);
        const later = block.with(loadMixture(memory, moved(c.mixture, share, k)));
        later.driftFrom(block.mixture);
        const pruned = later.pass(PRUNE) as Float64Array;
        const fresh = new ActiveBlock(freshMemory(), { ...c, mixture: moved(c.mixture, share, k) });
        expectBitEqual(pruned, fresh.pass(BOUND) as Float64Array, `N ${n}, D ${d}, K ${k}, moved ${share}`);
      }
    }
  });

  it('puts the rows back into their order', () => {
    for (const [n, d, k] of shapes) {
      const c = makeCase(form, n, d, k, n, separated);
      const memory = freshMemory();
      const block = new ActiveBlock(memory, c);
      const dense = runAccumulate(memory, block.mixture, block.panels, n, c.sampleWeight);
      block.pass(SORT);
      block.end();
      expectBitEqual(runAccumulate(memory, block.mixture, block.panels, n, c.sampleWeight), dense, `N ${n}`);
      const again = new ActiveBlock(freshMemory(), c);
      expectBitEqual(
        block.pass(SORT) as Float64Array,
        again.pass(SORT) as Float64Array,
        `N ${n}: and starts anew`,
      );
    }
  });

  it('names the first bad size', () => {
    const c = makeCase(form, 20, 3, 2, 1);
    const { memory } = new ActiveBlock(freshMemory(), c);
    const call = (code: number, n: number, d: number, k: number): number =>
      memory.exports.gmm_accumulate_active(code, 0, 0, n, d, k, 0, 0, 0, 0, 0, 0, 0, 0);
    expect([call(4, 20, 3, 2), call(-1, 20, 3, 2)]).toEqual([-1, -1]);
    expect([call(form, 4097, 3, 2), call(form, -1, 3, 2)]).toEqual([-4, -4]);
    expect([call(form, 20, 0, 2), call(form, 20, 3, 0)]).toEqual([-5, -6]);
  });
});

describe('too many active pairs', () => {
  it('are refused in every phase when rows have more than 16 on average, and nothing is lost', () => {
    const c = makeCase(0, BLOCK, 2, 40, 3, { separation: 0.01 });
    const memory = freshMemory();
    const block = new ActiveBlock(memory, c);
    for (const phase of [SORT, BOUND, BOUND]) expect(block.pass(phase)).toBeUndefined();
    block.driftFrom(block.mixture);
    expect(block.pass(PRUNE)).toBeUndefined();
    block.end();
    const dense = runAccumulate(memory, block.mixture, block.panels, BLOCK, undefined);
    expect(dense[0]).toBe(BLOCK);
  });
});

describe('gmm_active_drift', () => {
  it('of a mixture that stays is none, up to rounding', () => {
    for (const { form } of FORMS) {
      const block = new ActiveBlock(freshMemory(), makeCase(form, 9, 4, 3, 1));
      const drift = block.driftFrom(block.mixture);
      for (let component = 0; component < 3; component++) {
        // 8 (D + 4) 2^-52 times the condition of the factor, which is below 1e4 here.
        expect(drift[component] * 256).toBeGreaterThan(1 - 1e-9);
        expect(drift[component] * 256).toBeLessThan(1);
        expect(drift[4 + component]).toBeGreaterThanOrEqual(0);
        expect(drift[4 + component]).toBeLessThan(1e-9);
      }
    }
  });

  it('bounds the distance of every row from the moved component from below', () => {
    for (const { form, name } of FORMS) {
      for (const share of [1e-6, 0.05, 0.3]) {
        const c = makeCase(form, 300, 5, 4, 7);
        const later = moved(c.mixture, share, 5);
        const memory = freshMemory();
        const block = new ActiveBlock(memory, c);
        const drift = block.with(loadMixture(memory, later)).driftFrom(block.mixture);
        const before = halfDistances(c.mixture, c.x);
        const after = halfDistances(later, c.x);
        before.forEach((distances, row) => {
          distances.forEach((distance, component) => {
            const least = drift[component] * 256 * distance - drift[4 + component];
            // The twin's own distances are rounded: 1e-9 is far above that, and far below what moves here.
            expect(after[row][component], `${name}, row ${row}`).toBeGreaterThan(least - 1e-9);
          });
        });
      }
    }
  });
});

describe('the estimate of active pairs', () => {
  it('is made by the dense pass in full blocks, from the first tile', () => {
    for (const { form } of FORMS as readonly { form: Form }[]) {
      const c = makeCase(form, BLOCK, 3, 5, 4, { separation: 5 });
      const memory = freshMemory();
      const mixture = loadMixture(memory, c.mixture);
      const statistics = runAccumulate(memory, mixture, loadRows(memory, c.x), BLOCK, undefined);
      const least = 2 ** -53 / 5;
      const active = weightedLogProb(c.mixture, c.x.slice(0, 128))
        .flatMap(responsibilities)
        .filter((value) => value > least).length;
      // All tiles hold 128 rows at D = 3.
      expect(statistics[statistics.length - 1]).toBe((active * BLOCK) / 128);
      const part = runAccumulate(memory, mixture, loadRows(memory, c.x.slice(1)), BLOCK - 1, undefined);
      expect(part[part.length - 1]).toBe(0);
    }
  });
});

/** Responsibilities, 0 where they are not above 2^-53 / K of the row's largest. */
function activeOnly(mixture: Mixture, x: number[][]): number[][] {
  return weightedLogProb(mixture, x)
    .map(responsibilities)
    .map((row) => row.map((value) => (value > (2 ** -53 / row.length) * Math.max(...row) ? value : 0)));
}

/** |W (x - m)| / 2 per row and component: from the twin's log-densities and those at the means. */
function halfDistances(mixture: Mixture, x: number[][]): number[][] {
  const constants = mixture.means.map((mean, component) => weightedLogProb(mixture, [mean])[0][component]);
  return weightedLogProb(mixture, x).map((row) =>
    row.map((value, component) => Math.sqrt(Math.max(0, (constants[component] - value) / 2))),
  );
}
