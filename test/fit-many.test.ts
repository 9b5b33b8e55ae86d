// Many data sets with the same options: the models of single fits, on this thread and on workers.
// Must not measure time.
import { execFileSync } from 'node:child_process';
import { tableFromArrays } from 'apache-arrow';
import { type FitOptions, fitMany, fitManyAsync, GaussianMixture, type MatrixLike } from 'gaussmix';
import { Matrix as MlMatrix } from 'ml-matrix';
import { afterEach, describe, expect, it, vi } from 'vitest';
import * as threads from '../src/threads.ts';
import { clusters } from './helpers/data.ts';

const sets: number[][][] = Array.from({ length: 300 }, (_, i) => clusters(20 + (i % 50), 3, 2, i));
const options = { nComponents: 2, seed: 5 };
const saved = (models: readonly GaussianMixture[]): unknown => models.map((model) => model.toJSON());

describe('fitMany', () => {
  it('gives the models of single fits, and names the data set that cannot be fitted', () => {
    const some = sets.slice(0, 3);
    expect(saved(fitMany(some, options))).toEqual(
      saved(some.map((data) => GaussianMixture.fit(data, options))),
    );
    expect(() => fitMany([sets[0], [[1, 2]]], options)).toThrow(/^data set 1: .*only 1 row/);
    expect(() => fitMany([sets[0], [['x'], ['y']] as never], options)).toThrow(TypeError);
    expect(fitMany(new Set<number[][]>(), options)).toEqual([]);
  });
});

describe('fitManyAsync', () => {
  it.each([0, 1, 2, 5])('%i workers give the models of fitMany', async (workers) => {
    expect(saved(await fitManyAsync(sets, { ...options, workers }))).toEqual(saved(fitMany(sets, options)));
  });

  it('data sets of every form and size, names of columns kept', async () => {
    const table = tableFromArrays({
      a: Float64Array.of(1, 2, 3, 7, 8, 9),
      b: Float64Array.of(1, 3, 2, 7, 9, 8),
      name: ['p', 'q', 'r', 's', 't', 'u'],
    });
    const forms: MatrixLike[] = [
      table as never,
      new MlMatrix(sets[1]) as never,
      { data: Float32Array.from(sets[2].flat()), shape: [sets[2].length, 3] },
      [1, 2, 3, 8, 9, 10],
      clusters(30_000, 3, 2, 9),
    ];
    const models = await fitManyAsync(forms, { ...options, workers: 2 });
    expect(saved(models)).toEqual(saved(fitMany(forms, options)));
    expect(models[0].featureNames).toEqual(['a', 'b']);
    expect(models[0].fitted?.warnings.join()).toMatch(/not numeric were left out: name/);
  });

  it.each<[string, FitOptions['initialization']]>([
    ['a model', GaussianMixture.fit(sets[0], { ...options, covarianceType: 'tied' })],
    [
      'matrices of another library',
      {
        weights: new Float32Array([0.25, 0.75]),
        means: new MlMatrix([sets[0][0], sets[0][1]]) as never,
        precisions: [new MlMatrix(MlMatrix.eye(3)) as never, MlMatrix.eye(3) as never],
      },
    ],
    ['means alone', { means: [sets[0][0], sets[0][1]] }],
  ])('starts from %s', async (_, initialization) => {
    const all = { ...options, initialization, maxIterations: 3 };
    expect(saved(await fitManyAsync(sets, { ...all, workers: 2 }))).toEqual(saved(fitMany(sets, all)));
  });

  it('fails for the first data set that cannot be fitted, though workers meet others at the same time', async () => {
    const far = [...sets[0], [1, 1, Number.NaN]];
    const flat = Array.from({ length: 10 }, () => [1, 2, 3]);
    const bad = [...sets, ...sets.slice(0, 20), flat, ...sets.slice(0, 200), far];
    for (const workers of [0, 1, 3]) {
      const late = fitManyAsync(bad, { ...options, workers });
      await expect(late).rejects.toThrow(/^data set 320: /);
      await expect(late).rejects.toMatchObject({ code: 'DEGENERATE_DATA' });
      await expect(fitManyAsync([sets[0], far], { ...options, workers })).rejects.toThrow(/^data set 1: /);
      // Read before the flat one is fitted, reported after it.
      await expect(fitManyAsync([flat, far], { ...options, workers })).rejects.toThrow(/^data set 0: /);
      const start = { means: [[1, 'x']] as never };
      await expect(fitManyAsync(sets, { ...options, initialization: start, workers })).rejects.toBeInstanceOf(
        TypeError,
      );
    }
  });

  it('reads no further than it has workers for, and closes what it reads from when it fails', async () => {
    let read = 0;
    let closed = false;
    function* endless(): Generator<MatrixLike> {
      try {
        for (;;) yield read++ === 500 ? [[0, Number.POSITIVE_INFINITY, 0]] : sets[0];
      } finally {
        closed = true;
      }
    }
    await expect(fitManyAsync(endless(), { ...options, workers: 2 })).rejects.toThrow(/^data set 500: /);
    expect(closed).toBe(true);
    expect(read).toBe(501);
  });

  it('an abort rejects with its reason', async () => {
    const controller = new AbortController();
    function* endless(): Generator<MatrixLike> {
      for (let i = 0; ; i++) {
        if (i === 1000) setTimeout(() => controller.abort(new Error('enough')));
        yield sets[i % sets.length];
      }
    }
    for (const workers of [0, 2]) {
      const { signal } = controller;
      await expect(fitManyAsync(endless(), { ...options, workers, signal })).rejects.toThrow('enough');
    }
    await expect(fitManyAsync(sets, { ...options, signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
  });

  it('takes what fitAsync takes, but for what cannot reach a worker', async () => {
    const refused = (extra: object) => fitManyAsync(sets, { ...options, ...extra } as never);
    await expect(refused({ onIteration: () => {} })).rejects.toThrow(/no onIteration.*signal/);
    await expect(refused({ timeLimitMs: 5 })).rejects.toThrow(/no timeLimitMs/);
    await expect(refused({ workers: -1 })).rejects.toThrow(/workers is -1/);
    await expect(refused({ wrokers: 2 })).rejects.toThrow(/did you mean workers/);
    expect(await fitManyAsync([], options)).toEqual([]);
  });

  it('a process that has fitted many ends by itself, also after a failure', () => {
    const library = new URL('../dist/index.js', import.meta.url).href;
    const script = `const { fitManyAsync } = await import('${library}');
const data = Array.from({ length: 200 }, (_, i) => [1, 2, 3, 8, 9, 10 + i]);
const models = await fitManyAsync(data, { nComponents: 2, workers: 2 });
await fitManyAsync([...data, [NaN]], { nComponents: 1, workers: 2 }).catch(({ code }) => console.log(models.length, code));`;
    const output = execFileSync('node', ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    expect(output).toBe('200 MISSING_VALUE\n');
  });
});

describe('workers that die', () => {
  afterEach(() => vi.restoreAllMocks());

  /** Workers as they are started, with a way to kill them. */
  function killable(): (() => void)[] {
    const kills: (() => void)[] = [];
    const starter = threads.threadStarter;
    vi.spyOn(threads, 'threadStarter').mockImplementation(async (program, script) => {
      const start = await starter(program, script);
      return (events) => {
        const thread = start(events);
        kills.push(() => {
          thread.terminate();
          events.failure('killed');
        });
        return thread;
      };
    });
    return kills;
  }

  it('their jobs are done by others, with the same bits', async () => {
    const kills = killable();
    function* killing(): Generator<MatrixLike> {
      for (const [i, set] of sets.entries()) {
        // After the first answers.
        if (i === 280) setTimeout(kills[0]);
        yield set;
      }
    }
    expect(saved(await fitManyAsync(killing(), { ...options, workers: 2 }))).toEqual(
      saved(fitMany(sets, options)),
    );
    expect(kills.length).toBeGreaterThan(2);
  });

  it('again and again: says so', async () => {
    const kills = killable();
    const killAll = (): void => {
      for (const kill of kills) kill();
    };
    function* killing(): Generator<MatrixLike> {
      for (let i = 0; ; i++) {
        if (i > 0 && i % 128 === 0) setTimeout(killAll);
        yield sets[i % 300];
      }
    }
    await expect(fitManyAsync(killing(), { ...options, workers: 2 })).rejects.toThrow(
      /(workers died 3 times|a worker could not be started) \(killed\)/,
    );
  });
});
