// The module works from hosts that know nothing but docs/ABI.md. Must not import the library except where it says so.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { documentedExample } from '../helpers/abi-document.ts';
import { loadExample } from '../helpers/data.ts';
import { EPSILON } from '../helpers/kernel-cases.ts';
import { expectBitEqual, expectRelative } from '../helpers/kernel-compare.ts';
import { BINARY_URL } from '../helpers/kernel-memory.ts';
import { accumulate, DIAG, flatten, type Mixture, mergeTree, mStep } from '../reference-kernel.ts';

const bytes = readFileSync(BINARY_URL);
const faithful = loadExample('faithful');
const [n, d, k] = [faithful.length, 2, 2];
const start = [2, 55, 4, 80];
const ITERATIONS = 25;

interface Fit {
  logLikelihood: number;
  weights: number[];
  means: number[];
  covariances: number[];
}

/** The same EM run by the twin. */
function twin(form: Mixture['form'], covariances: number[], sampleWeight?: number[]): Fit {
  let mixture: Mixture = {
    form,
    weights: [0.5, 0.5],
    means: [start.slice(0, 2), start.slice(2)],
    covariances,
  };
  let logLikelihood = 0;
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    const statistics = flatten(form, accumulate(mixture, faithful, sampleWeight));
    logLikelihood = statistics[1];
    mixture = mStep(mixture, statistics, [1e-6, 1e-6], 0).mixture;
  }
  return { ...mixture, logLikelihood, means: mixture.means.flat() };
}

function expectSameFit(actual: Fit, expected: Fit): void {
  // Sums of 272 terms in another order differ by up to 272 units; the 25 iterations contract towards one fixed point,
  // so that rounding does not add up, but the contraction is slow: a factor of 100 for it.
  const tolerance = 100 * n * EPSILON;
  expectRelative([actual.logLikelihood], [expected.logLikelihood], tolerance, 'log-likelihood');
  expectRelative(actual.weights, expected.weights, tolerance, 'weights');
  expectRelative(actual.means, expected.means, tolerance, 'means');
  expectRelative(actual.covariances, expected.covariances, tolerance, 'covariances');
}

/** A small host: one form, any weights, memory grown to what is asked for. */
class BareHost {
  readonly kernel: Record<string, (...values: number[]) => number>;
  readonly memory: WebAssembly.Memory;
  #top: number;

  constructor() {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {});
    this.kernel = exports as unknown as BareHost['kernel'];
    this.memory = exports.memory as WebAssembly.Memory;
    this.#top = Math.ceil((this.kernel.gmm_heap_base() >>> 0) / 16) * 16;
  }

  put(values: ArrayLike<number>): number {
    const address = this.#top;
    this.#top += Math.ceil(values.length / 2) * 16;
    const missing = this.#top - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / 65536));
    new Float64Array(this.memory.buffer).set(values, address / 8);
    return address;
  }

  get(address: number, count: number): number[] {
    return [...new Float64Array(this.memory.buffer, address, count)];
  }

  fit(form: number, covariances: number[], weights?: number[], between: () => void = () => {}): Fit {
    const { kernel } = this;
    const zeros = (count: number) => this.put(new Float64Array(count));
    const [w, m, c] = [this.put([0.5, 0.5]), this.put(start), this.put(covariances)];
    const [ridge, status] = [this.put([1e-6, 1e-6]), zeros(k)];
    const factors = zeros(kernel.gmm_factors_count(form, d, k));
    const workspace = zeros(kernel.gmm_workspace_count(form, d, k));
    const panels = zeros(Math.ceil(n / 8) * 8 * d);
    const v = weights ? this.put(weights) : 0;
    kernel.gmm_pack(this.put(faithful.flat()), n, d, panels);
    const count = kernel.gmm_statistics_count(form, d, k);
    const statistics = zeros(count);
    let logLikelihood = 0;
    for (let iteration = 0; iteration < ITERATIONS; iteration++) {
      new Float64Array(this.memory.buffer, statistics, count).fill(0);
      expect(kernel.gmm_prepare(form, d, k, w, m, c, 0, factors, status, workspace)).toBe(0);
      expect(kernel.gmm_accumulate(form, panels, v, n, d, k, m, factors, statistics, workspace, 0)).toBe(0);
      logLikelihood = this.get(statistics, 2)[1];
      between();
      expect(kernel.gmm_m_step(form, d, k, statistics, ridge, 0, w, m, c, status)).toBe(0);
    }
    const size = kernel.gmm_covariance_count(form, d, k);
    return {
      logLikelihood,
      weights: this.get(w, k),
      means: this.get(m, k * d),
      covariances: this.get(c, size),
    };
  }
}

const starts = [
  [1, 1],
  [1, 1, 1, 1],
  [1, 0, 0, 1],
  [1, 0, 0, 1, 1, 0, 0, 1],
];

describe('the example in docs/ABI.md', () => {
  it('is about as long as it says', () => {
    expect(documentedExample().trim().split('\n').length).toBeLessThan(36);
  });

  it('is an ES module that fits Old Faithful as the twin does', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gaussmix-example-'));
    try {
      const file = join(folder, 'example.mjs');
      writeFileSync(file, documentedExample());
      const example = await import(/* @vite-ignore */ pathToFileURL(file).href);
      const rows = Float64Array.from(faithful.flat());
      const fitted = example.fit(bytes, rows, n, d, start, ITERATIONS);
      const expected = twin(DIAG, starts[DIAG]);
      expectSameFit({ ...fitted, logLikelihood: expected.logLikelihood }, expected);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe.each([
  ['spherical', 0],
  ['diag', 1],
  ['tied', 2],
  ['full', 3],
] as const)('a bare host, %s', (_, form) => {
  it('fits Old Faithful as the twin does, with and without sample weights', () => {
    expectSameFit(new BareHost().fit(form, starts[form]), twin(form, starts[form]));
    const sampleWeight = faithful.map((_, row) => (row % 4) * 0.5);
    expectSameFit(
      new BareHost().fit(form, starts[form], sampleWeight),
      twin(form, starts[form], sampleWeight),
    );
  });

  it('may grow the memory in the middle of its work: same bits', () => {
    const steady = new BareHost().fit(form, starts[form]);
    const growing = new BareHost();
    const before = growing.memory.buffer.byteLength;
    const grown = growing.fit(form, starts[form], undefined, () => growing.memory.grow(3));
    expect(growing.memory.buffer.byteLength).toBeGreaterThanOrEqual(before + 3 * ITERATIONS * 65536);
    for (const name of ['weights', 'means', 'covariances'] as const) {
      expectBitEqual(grown[name], steady[name], name);
    }
    expect(grown.logLikelihood).toBe(steady.logLikelihood);
  });
});

describe('the merge tree', () => {
  it('as carries in a binary counter is the tree of largest powers of two', () => {
    for (let blocks = 1; blocks <= 40; blocks++) {
      // Thirds: their sums round differently in any other order.
      const parts = Array.from({ length: blocks }, (_, i) => [1 / (3 + i), (1 / 3) * 10 ** (i % 7)]);
      const host = new BareHost();
      const stack: number[] = [];
      const mergeTop = () => {
        const top = stack.pop()!;
        host.kernel.gmm_merge(stack.at(-1)!, top, 2);
      };
      parts.forEach((part, i) => {
        stack.push(host.put(part));
        for (let b = i + 1; b % 2 === 0; b /= 2) mergeTop();
      });
      while (stack.length > 1) mergeTop();
      expectBitEqual(host.get(stack[0], 2), mergeTree(parts), `${blocks} blocks`);
    }
  });
});
