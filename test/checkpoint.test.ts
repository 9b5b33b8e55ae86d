// Checkpoints: a fit that goes on from any of them ends with the bits of one that was never interrupted, and none is taken
// for that of another fit.
import { describe, expect, it } from 'vitest';
import { GaussianMixture } from '../src/gaussian-mixture.ts';
import type { FitOptions } from '../src/options.ts';
import type { Checkpoint } from '../src/saving.ts';
import { fitStream, type StreamOptions } from '../src/stream.ts';
import { blobs, generator } from './helpers/data.ts';

const N = 4096 + 900;

const rows = { data: blobs(N, 2, 3, 2, 1), shape: [N, 2] as const };
const weights = Float64Array.from({ length: N }, generator(3));

type Data = typeof rows;

/** A fit in memory, or one by streaming. */
type Fit = (
  data: Data,
  options: FitOptions,
  more: Pick<StreamOptions, 'onCheckpoint' | 'resume'>,
) => Promise<GaussianMixture>;
const fits: Record<string, Fit> = {
  memory: (data, options, more) => GaussianMixture.fitAsync(data, { ...options, ...more, workers: 0 }),
  workers: (data, options, more) => GaussianMixture.fitAsync(data, { ...options, ...more, workers: 2 }),
  stream: (data, { sampleWeight, ...options }, more) =>
    fitStream(() => [sampleWeight ? { data, sampleWeight } : data], { ...options, ...more } as StreamOptions),
};

/** Through JSON, as a file keeps it. */
function saved<T>(value: T): T {
  return JSON.parse(JSON.stringify(value));
}

async function checkpointsOf(fit: Fit, data: Data, options: FitOptions): Promise<[string, Checkpoint[]]> {
  const found: Checkpoint[] = [];
  const model = await fit(data, options, {
    onCheckpoint: (checkpoint) => {
      found.push(saved(checkpoint));
    },
  });
  return [JSON.stringify(model), found];
}

// Starts from nothing but one row in common: components lose their rows, covariances become singular.
const collapsing = {
  means: [
    [0, 0],
    [1e4, 1e4],
    [-1e4, 1e4],
  ],
};
// A component on equal rows has no spread.
const equal = { data: rows.data.map((v, i) => (i < 200 ? 50 : v)), shape: rows.shape };
const onThem = {
  means: [
    [50, 50],
    [0, 0],
    [2, 1],
  ],
};
const cases: [string, Data, FitOptions][] = [
  ['one run', rows, { nComponents: 3, maxIterations: 9 }],
  ['a run that converges', rows, { nComponents: 4, tolerance: 1e-3 }],
  [
    'restarts with short runs',
    rows,
    { nComponents: 3, nInit: 2, shortRuns: 2, maxIterations: 10, tolerance: 0, initialization: 'k-means++' },
  ],
  [
    'weights and a prior',
    rows,
    { nComponents: 3, sampleWeight: weights, prior: 'default', maxIterations: 6 },
  ],
  [
    'a model with iterations within the M-step',
    rows,
    { nComponents: 3, covarianceType: 'VEE', maxIterations: 6 },
  ],
  ['components that start again', rows, { nComponents: 3, initialization: collapsing, maxIterations: 12 }],
  [
    'covariances that are raised',
    equal,
    { nComponents: 3, regularization: 0, maxIterations: 8, tolerance: 0, initialization: onThem },
  ],
  [
    'active pairs',
    { data: blobs(N, 8, 16, 20, 2), shape: [N, 8] } as never,
    { nComponents: 16, maxIterations: 6, tolerance: 0 },
  ],
];

describe.each(Object.keys(fits))('a fit that is resumed (%s)', (kind) => {
  it.each(cases)('has the bits of one without interruption: %s', async (_, data, options) => {
    const [whole, checkpoints] = await checkpointsOf(fits[kind], data, options);
    expect(whole).toBe(JSON.stringify(await fits[kind](data, options, {})));
    expect(checkpoints.length).toBeGreaterThan(3);
    // All of a short fit, every third of a longer one, and the last.
    const step = checkpoints.length > 12 ? 3 : 1;
    for (const [i, checkpoint] of checkpoints.entries()) {
      if (i % step !== 0 && i < checkpoints.length - 1) continue;
      const [rest, later] = await checkpointsOf(
        (given, same, more) => fits[kind](given, same, { ...more, resume: checkpoint }),
        data,
        options,
      );
      expect(rest, `from checkpoint ${i}`).toBe(whole);
      // What it saves is what the other one saved.
      expect(later, `from checkpoint ${i}`).toEqual(checkpoints.slice(i + 1));
    }
  });
});

it('the repairs that the cases are named for happen in them', async () => {
  const warnings = await Promise.all(
    cases
      .slice(5, 7)
      .map(async ([, data, options]) => (await GaussianMixture.fit(data, options)).fitted?.warnings.join()),
  );
  expect(warnings[0]).toMatch(/had lost all its rows/);
  expect(warnings[1]).toMatch(/became singular/);
});

it('a fit by streaming goes on in memory, and on workers, to the same bits', async () => {
  const options = { nComponents: 3, maxIterations: 8, tolerance: 0 };
  const [whole, checkpoints] = await checkpointsOf(fits.stream, rows, options);
  for (const fit of Object.values(fits)) {
    expect(JSON.stringify(await fit(rows, options, { resume: checkpoints[3] }))).toBe(whole);
  }
});

it('a checkpoint is waited for, and numbers runs and iterations as progress does', async () => {
  const log: string[] = [];
  await GaussianMixture.fitAsync(rows, {
    nComponents: 2,
    nInit: 2,
    maxIterations: 2,
    tolerance: 0,
    workers: 0,
    onCheckpoint: async ({ progress: { run, iteration } }) => {
      await new Promise((resolve) => setImmediate(resolve));
      log.push(`saved ${run} ${iteration}`);
    },
    onIteration: ({ run, iteration }) => {
      log.push(`did ${run} ${iteration}`);
    },
  });
  const one = (run: number) => [1, 2].flatMap((i) => [`saved ${run} ${i}`, `did ${run} ${i}`]);
  expect(log).toEqual([...one(0), ...one(1)]);
});

it('an error of onCheckpoint ends the fit', async () => {
  const onCheckpoint = async () => {
    throw new Error('the disk is full');
  };
  await expect(fits.memory(rows, { nComponents: 2 }, { onCheckpoint })).rejects.toThrow('the disk is full');
});

describe('a checkpoint is refused', () => {
  const options = { nComponents: 2, maxIterations: 4, tolerance: 0 };
  const made = checkpointsOf(fits.stream, rows, options).then(([, found]) => found[1]);

  const others: [string, FitOptions, RegExp][] = [
    ['nComponents', { nComponents: 3 }, /nComponents is 2 there and 3 here/],
    [
      'covarianceType',
      { ...options, covarianceType: 'diag' },
      /covarianceType is "full" there and "diag" here/,
    ],
    ['tolerance', { ...options, tolerance: 1 }, /tolerance is 0 there and 1 here/],
    ['maxIterations', { ...options, maxIterations: 5 }, /maxIterations is 4 there and 5 here/],
    ['seed', { ...options, seed: 1 }, /seed is 0 there and 1 here/],
    ['nInit', { ...options, nInit: 2 }, /nInit is 1 there and 2 here/],
    ['prior', { ...options, prior: 'default' }, /prior is not set there and {"shrinkage":0.01} here/],
    [
      'a start',
      {
        ...options,
        initialization: {
          means: [
            [0, 0],
            [1, 1],
          ],
        },
      },
      /initialization is "kmeans" there and "given" here/,
    ],
  ];
  it.each(others)('of a fit with another %s', async (_, other, message) => {
    const resume = await made;
    await expect(fits.memory(rows, { ...options, ...other }, { resume })).rejects.toThrow(message);
  });

  it('of a fit with a prior, where none is given now', async () => {
    const [, [resume]] = await checkpointsOf(fits.memory, rows, { ...options, prior: 'default' });
    await expect(fits.memory(rows, options, { resume })).rejects.toThrow(
      /prior is {"shrinkage":0.01} there and not set here/,
    );
  });

  it('of a fit from other parameters', async () => {
    const from = (x: number) => ({
      ...options,
      initialization: {
        means: [
          [0, 0],
          [x, 1],
        ],
      },
    });
    const [, [resume]] = await checkpointsOf(fits.memory, rows, from(1));
    await expect(fits.memory(rows, from(1.5), { resume })).rejects.toThrow(/from another start/);
  });

  it('of other data', async () => {
    const resume = await made;
    const fewer = { data: rows.data.slice(2), shape: [N - 1, 2] as const };
    await expect(fits.memory(fewer, options, { resume })).rejects.toThrow(
      /other data: 4996 rows x 2 columns there, 4995 x 2/,
    );
    const changed = { data: rows.data.map((v, i) => (i === 777 ? v + 1e-9 : v)), shape: rows.shape };
    for (const fit of Object.values(fits)) {
      await expect(fit(changed, options, { resume })).rejects.toThrow(/other data: the (mean|variance)/);
    }
    await expect(fits.memory(rows, { ...options, sampleWeight: weights }, { resume })).rejects.toThrow(
      /other data/,
    );
  });

  it('of another version, and what is none', async () => {
    const checkpoint = await made;
    const refuse = async (resume: unknown, message: RegExp) => {
      const fit = fits.memory(rows, options, { resume: resume as Checkpoint });
      await expect(fit).rejects.toMatchObject({
        code: 'INVALID_CHECKPOINT',
        message: expect.stringMatching(message),
      });
    };
    await refuse({ ...checkpoint, version: 2 }, /version 2; this library reads and writes version 1/);
    for (const none of [null, 5, 'x', {}, [], { format: 'gaussmix-model' }])
      await refuse(none, /not a checkpoint/);
    await refuse({ format: checkpoint.format, version: 1 }, /damaged/);
  });

  it('that is damaged, wherever', async () => {
    const text = JSON.stringify(await made);
    const uniform = generator(8);
    let refused = 0;
    for (let trial = 0; trial < 300; trial++) {
      const at = Math.floor(uniform() * text.length);
      const other = 'abc019AZ+/'[Math.floor(10 * uniform())];
      const damaged = text.slice(0, at) + other + text.slice(at + 1);
      if (damaged === text) continue;
      let resume: Checkpoint;
      try {
        resume = JSON.parse(damaged);
      } catch {
        continue;
      }
      await expect(fits.memory(rows, options, { resume }), `character ${at}: ${other}`).rejects.toMatchObject(
        {
          code: 'INVALID_CHECKPOINT',
        },
      );
      refused++;
    }
    expect(refused).toBeGreaterThan(100);
  });

  it('but not for the order of its names', async () => {
    const { state, ...others } = await made;
    const resume = { state, ...Object.fromEntries(Object.entries(others).reverse()) } as Checkpoint;
    const whole = JSON.stringify(await fits.memory(rows, options, {}));
    expect(JSON.stringify(await fits.memory(rows, options, { resume }))).toBe(whole);
  });

  it('by options that are no function', async () => {
    await expect(fits.memory(rows, options, { onCheckpoint: 5 as never })).rejects.toThrow(
      /onCheckpoint is 5/,
    );
    expect(() => GaussianMixture.fit(rows, { ...options, resume: {} } as never)).toThrow(
      /unknown fit option "resume"/,
    );
  });
});
