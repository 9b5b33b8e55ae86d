// Fits to streams of rows: the bits of the fit in memory, however the rows are cut, and errors that name the place.
import { createHash } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import type { CovarianceType } from '../src/covariance-models.ts';
import { GaussianMixture } from '../src/gaussian-mixture.ts';
import type { FitOptions, Progress } from '../src/options.ts';
import { scoreStream } from '../src/score-stream.ts';
import { fitStream, type StreamOptions } from '../src/stream.ts';
import type { StreamChunk } from '../src/stream-reader.ts';
import { blobs, generator } from './helpers/data.ts';

/** Sizes of chunks: always the same one, or random ones from a seed. */
type Cut = number | { readonly seed: number; readonly most: number };

function* chunksOf(data: Float64Array, d: number, cut: Cut, weights?: Float64Array): Generator<StreamChunk> {
  const uniform = typeof cut === 'object' ? generator(cut.seed) : undefined;
  const n = data.length / d;
  for (let row = 0; row < n; ) {
    const size =
      typeof cut === 'object' ? Math.floor((cut.most + 1) * (uniform as () => number)()) : (cut as number);
    const count = Math.min(size, n - row);
    const part = { data: data.slice(row * d, (row + count) * d), shape: [count, d] };
    yield weights ? { data: part, sampleWeight: weights.slice(row, row + count) } : part;
    row += count;
  }
}

/** The same chunks, each on its way for a while. */
async function* slowly<T>(chunks: Iterable<T>): AsyncGenerator<T> {
  for (const chunk of chunks) {
    await new Promise((resolve) => setImmediate(resolve));
    yield chunk;
  }
}

/** All that a fit gives, to be compared bit by bit; short, so that a difference can be read. */
function bits(model: GaussianMixture): string {
  const text = JSON.stringify(model);
  return `${createHash('sha256').update(text).digest('hex')} ${JSON.stringify(model.fitted)}`;
}

async function expectSameBits(
  data: Float64Array,
  d: number,
  options: FitOptions,
  cuts: readonly Cut[],
  weights?: Float64Array,
): Promise<GaussianMixture> {
  const shape = [data.length / d, d] as const;
  const inMemory = GaussianMixture.fit({ data, shape }, { ...options, sampleWeight: weights });
  for (const cut of cuts) {
    const streamed = await fitStream(() => slowly(chunksOf(data, d, cut, weights)), options as StreamOptions);
    expect(bits(streamed), `chunks of ${JSON.stringify(cut)}`).toBe(bits(inMemory));
  }
  return inMemory;
}

const few = { maxIterations: 6, tolerance: 0 };

describe('fitStream has the bits of fit', () => {
  const n = 3 * 4096 + 1357;
  const data = blobs(n, 3, 4, 3, 1);
  const cuts: Cut[] = [4096, 1_000_000, 1000, { seed: 7, most: 3000 }, { seed: 8, most: 9000 }];

  it.each<CovarianceType>(['full', 'tied', 'diag', 'spherical', 'EII', 'VEI', 'EVI', 'EEV', 'VEV', 'VVE'])(
    'of %s covariances',
    async (covarianceType) => {
      await expectSameBits(data, 3, { nComponents: 4, covarianceType, ...few }, cuts);
    },
  );

  it.each([1, 7, 8, 4095, 4097])('of chunks of %i rows', async (size) => {
    await expectSameBits(data, 3, { nComponents: 2, ...few, maxIterations: 2 }, [size]);
  });

  it.each([1, 2, 4095, 4096, 4097, 8192])('of %i rows in all', async (rows) => {
    const part = data.subarray(0, rows * 3);
    const options = { nComponents: 1, ...few, regularization: 0.1, maxIterations: 3 };
    await expectSameBits(part, 3, options, [1000, { seed: 3, most: 5000 }]);
  });

  it.each([
    { initialization: 'k-means++', nInit: 3, seed: 5 },
    { initialization: 'random', nInit: 2, shortRuns: 3 },
    { initialization: 'random-from-data', seed: 2 },
    { initialization: 'hierarchical', nInit: 2 },
    { initialization: 'kmeans', shortRuns: 2, prior: 'default' },
    { initialization: 'kmeans', prior: { shrinkage: 0.5 }, covarianceType: 'VEE' },
  ] as const)('of starts, restarts and priors: %o', async (options) => {
    await expectSameBits(data, 3, { nComponents: 3, ...few, maxIterations: 10, ...options }, [
      { seed: 11, most: 5000 },
    ]);
  });

  describe('with missing values', () => {
    const uniform = generator(21);
    const holed = data.map((value, i) => (i % 3 > 0 && uniform() < 0.1 ? Number.NaN : value));

    it.each<Omit<FitOptions, 'nComponents'>>([
      {},
      { covarianceType: 'tied', initialization: 'random-from-data' },
      { covarianceType: 'diag', initialization: 'k-means++', nInit: 2 },
      { covarianceType: 'VEV', prior: 'default' },
    ])('%o', async (options) => {
      const all = { nComponents: 3, ...few, ...options, missing: 'marginalize' } as const;
      const model = await expectSameBits(holed, 3, all, [4096, { seed: 4, most: 5000 }]);
      const rows = { data: holed, shape: [n, 3] };
      const score = await scoreStream(model, () => chunksOf(holed, 3, 1000), { missing: 'marginalize' });
      expect(score).toMatchObject(model.criteria(rows, { missing: 'marginalize' }));
    });

    it('with weights, and with none missing after all', async () => {
      const options = { nComponents: 2, ...few, missing: 'marginalize' } as const;
      const weights = Float64Array.from({ length: n }, (_, i) => (i % 4) / 2);
      await expectSameBits(holed, 3, options, [{ seed: 5, most: 5000 }], weights);
      await expectSameBits(data, 3, options, [3000]);
    });

    it('a row without any value is refused by its number in the whole stream', async () => {
      const empty = holed.slice();
      empty.fill(Number.NaN, 5000 * 3, 5001 * 3);
      const options = { nComponents: 2, missing: 'marginalize' } as const;
      await expect(fitStream(() => chunksOf(empty, 3, 1000), options)).rejects.toThrow(
        /row 5000 has no value/,
      );
    });
  });

  it('of a given start, and of a model', async () => {
    const means = [
      [0, 0, 0],
      [3, 1, 1],
    ];
    const first = await expectSameBits(
      data,
      3,
      { nComponents: 2, initialization: { means }, ...few },
      [4096],
    );
    await expectSameBits(data, 3, { nComponents: 2, initialization: first, ...few }, [999]);
  });

  it('of sample weights, zero ones too', async () => {
    const uniform = generator(4);
    const weights = Float64Array.from({ length: n }, () => Math.max(0, 2 * uniform() - 0.5));
    for (const initialization of ['kmeans', 'hierarchical'] as const) {
      await expectSameBits(data, 3, { nComponents: 3, initialization, ...few }, cuts, weights);
    }
  });

  it('of more rows than a start looks at', async () => {
    const many = blobs(70_000, 2, 3, 2, 9);
    const uniform = generator(5);
    const weights = Float64Array.from({ length: 70_000 }, () => (uniform() < 0.5 ? 0 : uniform()));
    const options = { nComponents: 3, initialization: 'k-means++', ...few, maxIterations: 2 } as const;
    for (const seed of [0, 1, 12345]) await expectSameBits(many, 2, { ...options, seed }, [30_000]);
    // Fewer rows of positive weight than it could look at.
    await expectSameBits(many, 2, options, [{ seed: 1, most: 50_000 }], weights);
    // More of them.
    const most = weights.map((weight) => (weight > 0.02 || weight === 0 ? weight + 0.1 : 0));
    await expectSameBits(many, 2, options, [4096], most);
  });

  it('of passes over active pairs', async () => {
    const apart = blobs(5 * 4096 + 100, 8, 16, 20, 2);
    // 16 components of 8 features, 20 standard deviations apart: from the second pass on, passes are over active pairs.
    const options = { nComponents: 16, ...few, maxIterations: 8, shortRuns: 2 };
    await expectSameBits(apart, 8, options, [{ seed: 5, most: 6000 }]);
  });

  it('of a component that loses its rows and starts again elsewhere', async () => {
    const initialization = {
      means: [
        [0, 0, 0],
        [1e4, 1e4, 1e4],
      ],
      covariances: [
        [1, 0, 0, 0, 1, 0, 0, 0, 1],
        [1, 0, 0, 0, 1, 0, 0, 0, 1],
      ],
    };
    const model = await expectSameBits(data, 3, { nComponents: 2, initialization, ...few }, cuts);
    expect(model.fitted?.warnings.join()).toMatch(/had lost all its rows/);
  });

  it('of progress and models on the way', async () => {
    const options = { nComponents: 3, ...few, nInit: 2 };
    const steps: { memory: unknown[]; stream: unknown[] } = { memory: [], stream: [] };
    const note = (list: unknown[]) => (progress: Progress) => {
      const { run, iteration, logLikelihood, change, model } = progress;
      list.push([run, iteration, logLikelihood, change, bits(model)]);
    };
    GaussianMixture.fit({ data, shape: [n, 3] }, { ...options, onIteration: note(steps.memory) });
    const onIteration = note(steps.stream);
    await fitStream(() => chunksOf(data, 3, 5000), { ...options, onIteration });
    expect(steps.stream).toEqual(steps.memory);
    expect(steps.stream).toHaveLength(12);
  });
});

describe('fitStream', () => {
  const data = blobs(6000, 2, 2, 3, 3);
  const options = { nComponents: 2, ...few } as const;

  it('takes chunks of any form, also empty ones', async () => {
    const rows = Array.from({ length: 6000 }, (_, i) => [data[2 * i], data[2 * i + 1]]);
    const mixed = await fitStream(
      () => [[], rows.slice(0, 10), { data: data.slice(20, 100), shape: [40, 2] }, [], rows.slice(50)],
      options,
    );
    expect(bits(mixed)).toBe(bits(GaussianMixture.fit(rows, options)));
  });

  it('asks for the next chunk before it has used the present one, and for no third', async () => {
    const log: string[] = [];
    let used = 0;
    async function* source() {
      for (let i = 0; i < 3; i++) {
        log.push(`asked for ${i}, ${used} used`);
        const part = { data: data.slice(4000 * i, 4000 * (i + 1)), shape: [2000, 2] };
        const get = () => {
          used = Math.max(used, i + 1);
          return part.data;
        };
        yield Object.defineProperty({ shape: part.shape } as typeof part, 'data', { get });
      }
    }
    await fitStream(source, { ...options, maxIterations: 0 });
    expect(log.slice(0, 3)).toEqual(['asked for 0, 0 used', 'asked for 1, 0 used', 'asked for 2, 1 used']);
  });

  it('uses the chunk of an iterable that is not asynchronous before it asks for the next: one buffer will do', async () => {
    function* source() {
      const buffer = new Float64Array(2000);
      for (let at = 0; at < data.length; at += buffer.length) {
        buffer.set(data.subarray(at, at + buffer.length));
        yield { data: buffer, shape: [1000, 2] };
      }
    }
    const inMemory = GaussianMixture.fit({ data, shape: [6000, 2] }, options);
    expect(bits(await fitStream(source, options))).toBe(bits(inMemory));
  });

  it('stops at the end of an iteration when its time is up', async () => {
    const model = await fitStream(() => chunksOf(data, 2, 1000), { ...options, timeLimitMs: 0 });
    expect(model.fitted?.iterations).toBe(1);
    expect(model.fitted?.warnings.join()).toMatch(/timeLimitMs/);
  });

  it('rejects with the reason of an abort, also while a source hangs, and closes the source', async () => {
    const abort = new AbortController();
    let closed = false;
    async function* source() {
      try {
        yield* chunksOf(data, 2, 1000);
        abort.abort(new Error('enough'));
        yield* chunksOf(data, 2, 1000);
      } finally {
        closed = true;
      }
    }
    await expect(fitStream(source, { ...options, signal: abort.signal })).rejects.toThrow('enough');
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toBe(true);
    const second = new AbortController();
    const hanging = async function* () {
      yield [[1, 2]];
      setImmediate(() => second.abort(new Error('hung')));
      await new Promise(() => {});
    };
    await expect(fitStream(hanging, { ...options, signal: second.signal })).rejects.toThrow('hung');
  });

  it('gives the error that its source throws, and closes it when the fit fails', async () => {
    async function* broken() {
      yield* chunksOf(data, 2, 1000);
      throw new Error('the disk is gone');
    }
    await expect(fitStream(broken, options)).rejects.toThrow('the disk is gone');
    let closed = false;
    function* wrong() {
      try {
        yield [[1, 2]];
        yield [[Number.NaN, 2]];
      } finally {
        closed = true;
      }
    }
    await expect(fitStream(wrong, options)).rejects.toThrow(/row 1, column 0/);
    expect(closed).toBe(true);
  });

  const good = { data: data.slice(0, 20), shape: [10, 2] };
  const once = chunksOf(data, 2, 1000);
  let calls = 0;
  it.each<[string, unknown, object, RegExp]>([
    ['is no function', [[1, 2]], {}, /source is an array.*must be a function/],
    ['gives nothing', () => undefined, {}, /in pass 1 the source gave undefined/],
    ['gives a promise', async () => [good], {}, /in pass 1 the source gave a promise/],
    ['has no chunk', () => [], {}, /no rows \(0 chunks\)/],
    ['has empty chunks only', () => [[], []], {}, /no rows \(2 chunks\)/],
    [
      'can be read only once',
      () => once,
      {},
      /^pass 2 over the source gave no chunk, pass 1 gave 6000 rows.*only once/,
    ],
    ['has a chunk that is no matrix', () => [good, 'abc'], {}, /"abc", not a matrix.*chunk 1 .* in pass 1/],
    [
      'has a chunk of other columns',
      () => [good, [[1, 2, 3]]],
      {},
      /3 columns, but those before have 2 .*chunk 1/,
    ],
    [
      'has a missing value',
      () => [
        good,
        [
          [1, 2],
          [3, Number.NaN],
        ],
      ],
      {},
      /row 11, column 1 is NaN.*chunk 1/,
    ],
    ['has a ragged row', () => [good, [[1, 2], [3]]], {}, /row 11 .* has length 1, but row 10 has length 2/],
    [
      'has weights in some chunks',
      () => [{ data: good, sampleWeight: new Array(10).fill(1) }, good],
      {},
      /chunk has no sampleWeight, but those before have them/,
    ],
    [
      'has weights later',
      () => [good, { data: good, sampleWeight: new Array(10).fill(1) }],
      {},
      /chunk has sampleWeight, but those before have none/,
    ],
    [
      'has too few weights',
      () => [{ data: good, sampleWeight: [1, 2] }],
      {},
      /sampleWeight has length 2, but the chunk has 10 rows/,
    ],
    [
      'has a negative weight',
      () => [
        { data: [[1, 2]], sampleWeight: [1] },
        { data: [[1, 2]], sampleWeight: [-1] },
      ],
      {},
      /sampleWeight of row 1 is -1/,
    ],
    [
      'has no positive weight',
      () => [{ data: [[1, 2]], sampleWeight: [0] }],
      {},
      /sampleWeight is 0 for every row/,
    ],
    ['has fewer rows than components', () => [[[1, 2]]], {}, /nComponents is 2, but the data has only 1 row/],
    [
      'is given sampleWeight',
      () => [good],
      { sampleWeight: [1] },
      /no option of fitStream: .* Yield chunks { data, sampleWeight }/,
    ],
    ['is given workers', () => [good], { workers: 2 }, /unknown fit option "workers"/],
    [
      'grows',
      () => (calls++ === 0 ? [good, good] : [good, good, good]),
      {},
      /more rows than in pass 1 \(20\).*chunk 2 .* in pass 2/,
    ],
  ])('refuses a source that %s', async (_, source, more, message) => {
    await expect(fitStream(source as never, { ...options, ...more } as never)).rejects.toThrow(message);
  });

  it('refuses rows that become fewer, and columns that become others', async () => {
    for (const [later, message] of [
      [[good], /pass 2 over the source ended after chunk 0 with 10 rows, pass 1 with 20/],
      [[good, { data: data.slice(0, 30), shape: [10, 3] }], /3 columns.*chunk 1 .* in pass 2/],
    ] as const) {
      let passes = 0;
      const source = () => (passes++ === 0 ? [good, good] : [...later]);
      await expect(fitStream(source, options)).rejects.toThrow(message);
    }
  });
});

describe('scoreStream', () => {
  const data = blobs(9000, 3, 2, 3, 3);
  const rows = { data, shape: [9000, 3] as const };
  const model = GaussianMixture.fit(rows, { nComponents: 3, maxIterations: 5 });

  it('has the bits of criteria and the counts of predict', async () => {
    const uniform = generator(4);
    const sampleWeight = Float64Array.from({ length: 9000 }, () => Math.floor(3 * uniform()));
    const sizes = [0, 0, 0];
    for (const label of model.predict(rows)) sizes[label]++;
    for (const cut of [4096, 1, { seed: 3, most: 5000 }]) {
      const found = await scoreStream(model, () => slowly(chunksOf(data, 3, cut)));
      expect(found).toEqual({ ...model.criteria(rows), nSamples: 9000, totalWeight: 9000, sizes });
      const weighted = await scoreStream(model, () => chunksOf(data, 3, cut, sampleWeight));
      expect(weighted).toEqual({
        ...model.criteria(rows, { sampleWeight }),
        nSamples: 9000,
        totalWeight: sampleWeight.reduce((a, b) => a + b),
        sizes,
      });
    }
  });

  it('refuses what the model cannot score', async () => {
    await expect(scoreStream(model, () => [[[1, 2]]])).rejects.toThrow(
      /2 columns, but the model was made for 3/,
    );
    await expect(scoreStream(model, () => [])).rejects.toThrow(/no rows/);
    await expect(scoreStream({} as never, () => [])).rejects.toThrow(/not a GaussianMixture/);
    const source = () => [{ data: [[1, 2, 3]], sampleWeight: [0] }];
    await expect(scoreStream(model, source)).rejects.toThrow(/0 for every row/);
    const aborted = AbortSignal.abort(new Error('enough'));
    await expect(scoreStream(model, source, { signal: aborted })).rejects.toThrow('enough');
  });

  it('refuses options that it does not have, before the source is called', async () => {
    const source = vi.fn(() => [rows]);
    const others: [unknown, string, RegExp][] = [
      [{ foo: 1 }, 'UNKNOWN_OPTION', /"foo".*Allowed: missing, signal/],
      [{ sampleWeight: [1] }, 'UNKNOWN_OPTION', /"sampleWeight"/],
      [{ missing: 'drop' }, 'INVALID_OPTION', /missing is 'drop'/],
      [{ signal: 3 }, 'INVALID_OPTION', /signal is 3; it must be an AbortSignal/],
      ['marginalize', 'INVALID_OPTION', /must be an object/],
      [null, 'INVALID_OPTION', /must be an object/],
    ];
    for (const [options, code, message] of others) {
      const scored = scoreStream(model, source, options as never);
      await expect(scored).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    }
    expect(source).not.toHaveBeenCalled();
  });
});
