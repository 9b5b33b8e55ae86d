// Whole fits through the public interface: many small ones, one on several threads, the first of a process.
// Must not print: fit.bench.ts does.
import { execFileSync } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { fitMany, GaussianMixture, type Matrix } from '../src/index.ts';
import { quantile, REGULARIZATION } from './contender.ts';
import { problem } from './data.ts';
import { createWorkspace, emStep } from './purejs-baseline.mjs';

/** One figure, and how it was come by. */
export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
}

const N = 500;
const D = 2;
const K = 3;
const ITERATIONS = 20;

const truth = (): GaussianMixture =>
  GaussianMixture.fromParameters({
    weights: [0.3, 0.3, 0.4],
    means: [
      [0, 0],
      [4, 3],
      [-4, 4],
    ],
    covariances: [
      [1, 0, 0, 1],
      [2, 0.5, 0.5, 1],
      [1, 0, 0, 2],
    ],
  });

/** Medians over rounds in which all take their turn. */
function interleaved(rounds: number, works: readonly (() => number)[]): number[] {
  const samples: number[][] = works.map(() => []);
  for (let round = 0; round < rounds; round++) works.forEach((work, i) => void samples[i].push(work()));
  for (const values of samples) values.sort((a, b) => a - b);
  return samples.map((values) => quantile(values, 0.5));
}

/** Fits per second of one thread: N = 500, D = 2, K = 3, 20 iterations; pure JavaScript from the same start. */
export function smallFits(rounds: number): Figure[] {
  const sets = Array.from({ length: 1000 }, (_, seed) => truth().sample(N, { seed }).data);
  const start = { ...truth().toJSON(), covariances: Array.from({ length: K }, () => [1, 0, 0, 1]) };
  const options = { nComponents: K, maxIterations: ITERATIONS, tolerance: 0, regularization: REGULARIZATION };
  const rate = (work: (sets: readonly Matrix[]) => void) => (): number => {
    const begin = performance.now();
    work(sets);
    return (1000 * sets.length) / (performance.now() - begin);
  };
  const pureJavaScript = (set: Matrix): void => {
    const workspace = createWorkspace(D, K);
    const weights = Float64Array.from(start.weights);
    const means = Float64Array.from(start.means.flat());
    const covariances = Float64Array.from(start.covariances.flat());
    for (let i = 0; i < ITERATIONS; i++) {
      emStep(set.data, N, D, K, weights, means, covariances, workspace, REGULARIZATION);
    }
  };
  const [given, loop, kmeans, baseline] = interleaved(rounds, [
    rate((all) => fitMany(all, { ...options, initialization: start })),
    rate((all) => {
      for (const set of all) GaussianMixture.fit(set, { ...options, initialization: start });
    }),
    rate((all) => fitMany(all, options)),
    rate((all) => all.forEach(pureJavaScript)),
  ]);
  const unit = 'fits/s';
  return [
    { what: 'small fits, fitMany, start given', value: given, unit },
    { what: 'small fits, fit in a loop, start given', value: loop, unit },
    { what: 'small fits, fitMany, k-means', value: kmeans, unit },
    { what: 'small fits, pure JavaScript, start given', value: baseline, unit },
  ];
}

/** ms per iteration of fitAsync at (1M, 10, 10) with one and two workers, and the longest gap of the event loop. */
export async function onWorkers(rounds: number): Promise<Figure[]> {
  const [n, d, k] = [1_000_000, 10, 10];
  const { data, start } = problem({ form: 'full', n, d, k });
  const { means } = start();
  let gap = 0;
  const iteration = async (workers: number): Promise<number[]> => {
    const ends: number[] = [];
    let last = performance.now();
    const timer = setInterval(() => {
      const now = performance.now();
      gap = Math.max(gap, now - last - 5);
      last = now;
    }, 5);
    await GaussianMixture.fitAsync(
      { data, shape: [n, d] },
      {
        nComponents: k,
        initialization: { means: { data: means, shape: [k, d] } },
        maxIterations: 8,
        tolerance: 0,
        workers,
        onIteration: ({ elapsedMs }) => void ends.push(elapsedMs),
      },
    );
    clearInterval(timer);
    return ends.slice(1).map((end, i) => end - ends[i]);
  };
  const times: Record<number, number[]> = { 1: [], 2: [] };
  for (let round = 0; round < rounds; round++) {
    for (const workers of [1, 2]) times[workers].push(...(await iteration(workers)));
  }
  const [one, two] = [1, 2].map((workers) =>
    quantile(
      times[workers].sort((a, b) => a - b),
      0.5,
    ),
  );
  return [
    { what: '(1000000, 10, 10) on 1 worker', value: one, unit: 'ms per iteration' },
    { what: '(1000000, 10, 10) on 2 workers', value: two, unit: 'ms per iteration' },
    { what: '2 workers against 1', value: one / two, unit: 'times as fast' },
    { what: 'longest gap of the event loop meanwhile', value: gap, unit: 'ms' },
  ];
}

/** Import of the built library and the first fit (500 x 2, two components) in fresh processes. */
export function firstFit(rounds: number): Figure[] {
  const program = `
    const begin = performance.now();
    const { GaussianMixture } = await import('./dist/index.js');
    const imported = performance.now();
    const data = Float64Array.from({ length: 1000 }, (_, i) => ((i * 7919) % 1000) / 100 + (i % 4 < 2 ? 0 : 20));
    const made = performance.now();
    GaussianMixture.fit({ data, shape: [500, 2] }, { nComponents: 2 });
    console.log(JSON.stringify([imported - begin, performance.now() - made]));`;
  const samples = Array.from({ length: 3 * rounds }, () => {
    const printed = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
    });
    return JSON.parse(printed) as [number, number];
  });
  const median = (i: 0 | 1): number =>
    quantile(
      samples.map((sample) => sample[i]).sort((a, b) => a - b),
      0.5,
    );
  return [
    { what: 'import in a fresh process', value: median(0), unit: 'ms' },
    { what: 'first fit in a fresh process', value: median(1), unit: 'ms' },
  ];
}
