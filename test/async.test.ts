// Fits on workers: the bits of the synchronous fit, whatever the number of workers and whatever happens to them.
// Must not measure time.
import { execFileSync } from 'node:child_process';
import { GaussianMixture, GaussmixError } from 'gaussmix';
import { describe, expect, it } from 'vitest';
import { compiledModule, Kernel } from '../src/kernel.ts';
import { KernelMixture } from '../src/parameters.ts';
import { accumulateAll, ResidentRows, StatisticsStack, statisticsCount } from '../src/passes.ts';
import { WorkerPool } from '../src/pool.ts';
import { toRowSource } from '../src/row-source.ts';
import { clusters, generator } from './helpers/data.ts';

// One model of each form more: workers see forms alone.
const types = ['full', 'tied', 'diag', 'spherical', 'EII', 'VEI', 'VVE'] as const;
const n = 30_000;
const rows = clusters(n, 3, 3, 5);
const data = { data: Float64Array.from(rows.flat()), shape: [n, 3] };
const uniform = generator(4);
const sampleWeight = Float64Array.from({ length: n }, () => Math.floor(3 * uniform()));

describe.each(types)('%s', (covarianceType) => {
  it.each([0, 1, 2, 3, 7])('%i workers give the bits of fit', async (workers) => {
    const plain = { nComponents: 3, covarianceType, seed: 3, maxIterations: 12, tolerance: 0 };
    for (const options of [
      plain,
      { ...plain, sampleWeight, nInit: 2, initialization: 'random-from-data' as const },
    ]) {
      const expected = GaussianMixture.fit(data, options);
      const model = await GaussianMixture.fitAsync(data, { ...options, workers });
      expect(model.toJSON()).toEqual(expected.toJSON());
    }
  });

  it('a component that loses its rows is put on the same row', async () => {
    const means = [rows[0], rows[1], [1e9, 1e9, 1e9]];
    const options = { nComponents: 3, covarianceType, initialization: { means }, maxIterations: 4 };
    const expected = GaussianMixture.fit(data, options);
    const model = await GaussianMixture.fitAsync(data, { ...options, workers: 3 });
    expect(model.toJSON()).toEqual(expected.toJSON());
  });
});

/** The statistics of one E-step, by a pool that is disturbed while it works, and without one. */
async function statistics(disturb?: (pool: WorkerPool) => void): Promise<Float64Array> {
  const kernel = new Kernel(compiledModule());
  const source = toRowSource(data);
  const mixture = new KernelMixture(kernel, 'full', 2, 3);
  const identity = [1, 0, 0, 0, 1, 0, 0, 0, 1];
  mixture.write({
    form: 'full',
    k: 2,
    d: 3,
    weights: Float64Array.of(0.5, 0.5),
    means: Float64Array.from([...rows[0], ...rows[1]]),
    covariances: Float64Array.from([...identity, ...identity]),
  });
  mixture.prepare();
  const count = statisticsCount(mixture);
  const stack = new StatisticsStack(kernel, count, 8);
  const request = { kind: 'accumulate', mixture, stack, likelihoodOnly: false, active: false } as const;
  if (!disturb) {
    const resident = new ResidentRows(kernel, source);
    return kernel.copy(accumulateAll(mixture, resident, stack, false), count);
  }
  const pool = await WorkerPool.open(compiledModule(), source, undefined, 3, undefined);
  const answer = pool.answer(request, kernel);
  disturb(pool);
  const result = kernel.copy((await answer) as number, count);
  pool.close();
  return result;
}

describe('workers that die', () => {
  it('in the middle of an iteration: their blocks are done again, with the same bits', async () => {
    const expected = await statistics();
    expect(await statistics((pool) => pool.ranges[1].kill())).toEqual(expected);
    const all = (pool: WorkerPool) => {
      for (const range of pool.ranges) range.kill();
    };
    expect(await statistics(all)).toEqual(expected);
  });

  it('again and again: given up with a clear error', async () => {
    const killer = (pool: WorkerPool) => {
      const [range] = pool.ranges;
      const open = range.open.bind(range);
      range.open = () => {
        const opened = open();
        range.kill();
        return opened;
      };
      range.kill();
    };
    const error = await statistics(killer).catch((reason) => reason);
    expect(error).toBeInstanceOf(GaussmixError);
    expect(error.message).toMatch(/the worker for rows 0 to \d+ died/);
  });
});

describe('ending early', () => {
  const options = { nComponents: 3, tolerance: 0, maxIterations: 1_000_000, workers: 2 };

  it('an abort rejects with its reason', async () => {
    const controller = new AbortController();
    const promise = GaussianMixture.fitAsync(data, {
      ...options,
      signal: controller.signal,
      onIteration: ({ iteration }) => {
        if (iteration === 3) controller.abort(new Error('enough'));
      },
    });
    await expect(promise).rejects.toThrow('enough');
    await expect(
      GaussianMixture.fitAsync(data, { ...options, signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({ name: 'AbortError' });
    const loading = new AbortController();
    const early = GaussianMixture.fitAsync(data, { ...options, signal: loading.signal });
    loading.abort(new Error('at once'));
    await expect(early).rejects.toThrow('at once');
  });

  it('a time limit and a callback return the model so far', async () => {
    const limited = await GaussianMixture.fitAsync(data, { ...options, timeLimitMs: 30 });
    expect(limited.fitted!.converged).toBe(false);
    expect(limited.fitted!.warnings.join()).toMatch(/stopped by onIteration or timeLimitMs/);
    const stopped = await GaussianMixture.fitAsync(data, {
      ...options,
      onIteration: ({ iteration }) => (iteration < 4 ? undefined : false),
    });
    expect(stopped.fitted!.iterations).toBe(4);
  });

  it.each([0, 2])('a promise from the callback is waited for (%i workers)', async (workers) => {
    const small = { nComponents: 3, seed: 3, maxIterations: 5, tolerance: 0 };
    const events: string[] = [];
    const model = await GaussianMixture.fitAsync(data, {
      ...small,
      workers,
      onIteration: async (progress) => {
        events.push(`begin ${progress.iteration}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
        // Readable until the promise resolves.
        expect(progress.model.nComponents).toBe(3);
        events.push(`end ${progress.iteration}`);
      },
    });
    expect(events).toEqual([1, 2, 3, 4, 5].flatMap((i) => [`begin ${i}`, `end ${i}`]));
    expect(model.toJSON()).toEqual(GaussianMixture.fit(data, small).toJSON());
    const stopped = await GaussianMixture.fitAsync(data, {
      ...options,
      workers,
      onIteration: async ({ iteration }) => (iteration < 4 ? undefined : false),
    });
    expect(stopped.fitted!.iterations).toBe(4);
    const late = await GaussianMixture.fitAsync(data, {
      ...options,
      workers,
      timeLimitMs: 1,
      onIteration: () => new Promise<void>((resolve) => setTimeout(resolve, 5)),
    });
    expect(late.fitted!.iterations).toBe(1);
    const failing = GaussianMixture.fitAsync(data, {
      ...options,
      workers,
      onIteration: () => Promise.reject(new Error('mine')),
    });
    await expect(failing).rejects.toThrow('mine');
  });

  it.each([0, 2])('an abort ends a fit whose callback never answers (%i workers)', async (workers) => {
    const controller = new AbortController();
    const paused = GaussianMixture.fitAsync(data, {
      ...options,
      workers,
      signal: controller.signal,
      onIteration: () => {
        setTimeout(() => controller.abort(new Error('enough')), 5);
        return new Promise<void>(() => {});
      },
    });
    await expect(paused).rejects.toThrow('enough');
  });

  it('an error thrown in the callback rejects', async () => {
    const onIteration = () => {
      throw new Error('mine');
    };
    await expect(GaussianMixture.fitAsync(data, { ...options, onIteration })).rejects.toThrow('mine');
  });
});

describe('bad input', () => {
  it('names the first bad row, though workers read others at the same time', async () => {
    const bad = data.data.slice();
    bad[3 * 29_000] = Number.NaN;
    bad[3 * 4_100 + 1] = Number.NaN;
    bad[3 * 15_000 + 2] = Number.POSITIVE_INFINITY;
    const promise = GaussianMixture.fitAsync({ data: bad, shape: [n, 3] }, { nComponents: 2, workers: 3 });
    await expect(promise).rejects.toThrow(/row 4100, column 1/);
  });

  it.each([
    [{ workers: -1 }, /workers is -1/],
    [{ workers: 1.5 }, /workers is 1\.5/],
    [{ timeLimitMs: 'x' }, /timeLimitMs/],
    [{ signal: {} }, /signal.*AbortSignal/],
    [{ worker: 2 }, /worker.*workers/],
  ])('refuses %j', async (extra, message) => {
    const promise = GaussianMixture.fitAsync(data, { nComponents: 2, ...extra } as never);
    await expect(promise).rejects.toThrow(message);
    expect(() => GaussianMixture.fit(data, { nComponents: 2, workers: 2 } as never)).toThrow(/workers/);
  });
});

it('a process that has fitted on workers ends by itself', () => {
  const library = new URL('../dist/index.js', import.meta.url).href;
  const script = `const { GaussianMixture } = await import('${library}');
const data = Float64Array.from({ length: 20000 }, (_, i) => (i * 2654435761) % 1000 + (i % 2) * 3000);
const model = await GaussianMixture.fitAsync(data, { nComponents: 2, workers: 2 });
console.log(model.nComponents);`;
  expect(
    execFileSync('node', ['--input-type=module', '-e', script], { encoding: 'utf8', timeout: 60_000 }),
  ).toBe('2\n');
});
