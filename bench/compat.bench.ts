// Time of gaussmix/compat/* beside the packages they stand in for, through the interface that both have, one thread, in
// interleaved rounds. Results are checked equal first. Must not claim anything: it prints a table and writes JSON.
//
//   npm run bench:compat -- [--quick]
//
// A full run writes bench/compat-results.json, a quick one build/bench/compat-results.json.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import fit from '../src/compat/expectation-maximization.ts';
import GMM1 from '../src/compat/gaussian-mixture.ts';
import GMM from '../src/compat/gaussian-mixture-model.ts';
import { quantile, timed } from './contender.ts';
import { problem } from './data.ts';
import { load, rowsOf, versions } from './rivals.ts';

const quick = process.argv.includes('--quick');
const ROUNDS = quick ? 2 : 5;
const ROUND_MS = quick ? 60 : 300;
/** Calls that are too short for the clock are timed so many at a time. */
const CALLS = 1000;

/** One way to use a package, the same for the original and for ours. */
interface Case {
  readonly name: string;
  /** What a time is of. */
  readonly unit: 'iteration' | 'fit' | 'call';
  readonly n?: number;
  readonly d: number;
  readonly k: number;
  /** Throws unless both compute the same. */
  readonly check: () => void;
  /** Work, and how many units of it. */
  readonly ours: Work;
  readonly theirs: Work;
}

interface Work {
  readonly run: () => unknown;
  readonly units: number;
}

interface Row extends Pick<Case, 'name' | 'unit' | 'n' | 'd' | 'k'> {
  readonly oursMs: number;
  readonly oursSpreadMs: number;
  readonly theirsMs: number;
  readonly theirsSpreadMs: number;
  readonly samples: readonly [ours: number, theirs: number];
  /** Median of the original divided by ours. */
  readonly ratio: number;
}

const original = {
  fit: load('expectation-maximization') as typeof fit,
  GMM: (load('gaussian-mixture-model') as { default: typeof GMM }).default,
  GMM1: load('gaussian-mixture') as typeof GMM1,
};

function agree(what: string, a: readonly number[], b: readonly number[], tolerance: number): void {
  const largest = Math.max(...b.map(Math.abs));
  a.forEach((value, i) => {
    if (Math.abs(value - b[i]) <= tolerance * largest) return;
    throw new Error(`${what}: ${value}, with the original ${b[i]} (tolerance ${tolerance} of ${largest})`);
  });
}

function data(
  n: number,
  d: number,
  k: number,
): { points: number[][]; start: ConstructorParameters<typeof GMM>[0] } {
  const { data: flat, start } = problem({ form: 'full', n, d, k });
  const { weights, means, covs } = start();
  const covariances = Array.from({ length: k }, (_, i) =>
    rowsOf(covs.subarray(i * d * d, (i + 1) * d * d), d),
  );
  return {
    points: rowsOf(flat, d),
    start: { weights: [...weights], means: rowsOf(means, d), covariances, bufferSize: n },
  };
}

type Model = InstanceType<typeof GMM>;

function gaussianMixtureModel(n: number, d: number, k: number, iterations: number): Case {
  const { points, start } = data(n, d, k);
  const model = (Class: typeof GMM): Model => {
    const made = new Class(start);
    for (const point of points) made.addPoint(point);
    return made;
  };
  const numbers = (m: Model): number[] => [...m.weights, ...m.means.flat(), ...m.covariances.flat(2)];
  const [ours, theirs] = [model(GMM), model(original.GMM)];
  return {
    name: `gaussian-mixture-model: runEM(${iterations})`,
    unit: 'iteration',
    n,
    d,
    k,
    check: () => {
      ours.runEM(3);
      theirs.runEM(3);
      // Responsibilities of the original are in single precision.
      agree('parameters after 3 iterations', numbers(ours), numbers(theirs), 1e-4);
    },
    ours: { run: () => ours.runEM(iterations), units: iterations },
    theirs: { run: () => theirs.runEM(1), units: 1 },
  };
}

/** No start and no number of iterations can be given: 2 ends the original after one, -1 ours after 1000. */
function expectationMaximization(n: number, d: number, k: number): Case {
  const { points } = data(n, d, k);
  return {
    name: 'expectation-maximization: iteration of a fit',
    unit: 'iteration',
    n,
    d,
    k,
    check: () => {
      const [a, b] = [fit, original.fit].map((of) => of(points, 1)[0]);
      agree('mean', a.mu, b.mu, 1e-9);
      agree('covariance', a.sigma.flat(), b.sigma.flat(), 1e-9);
    },
    ours: { run: () => fit(points, k, -1), units: 1000 },
    theirs: { run: () => original.fit(points, k, 2), units: 1 },
  };
}

/** A fit as in the original's own test: 10,000 points in two groups. */
function wholeFit(): Case {
  const { points } = data(10_000, 2, 1);
  // Standard deviations are about 1.
  points.forEach((point, i) => {
    if (i % 10 < 3) point[0] += 12;
  });
  return {
    name: 'expectation-maximization: fit of two groups',
    unit: 'fit',
    n: 10_000,
    d: 2,
    k: 2,
    check: () => {
      const [a, b] = [fit, original.fit].map((of) =>
        of(points, 2)
          .sort((x, y) => x.weight - y.weight)
          .flatMap(({ weight, mu, sigma }) => [weight, ...mu, ...sigma.flat()]),
      );
      agree('groups', a, b, 1e-9);
    },
    ours: { run: () => fit(points, 2), units: 1 },
    theirs: { run: () => original.fit(points, 2), units: 1 },
  };
}

function gaussianMixture(n: number, k: number): Case {
  const values = data(n, 1, k).points.flat();
  const model = (Class: typeof GMM1): InstanceType<typeof GMM1> =>
    new Class(k, undefined, [-1, 0, 1], [1, 1, 1]);
  const numbers = ({ weights, means, vars }: InstanceType<typeof GMM1>): number[] => [
    ...weights,
    ...means,
    ...vars,
  ];
  return {
    name: 'gaussian-mixture: optimize(data, 5)',
    unit: 'iteration',
    n,
    d: 1,
    k,
    check: () => {
      const [a, b] = [model(GMM1), model(original.GMM1)];
      // From equal weights its first iteration is EM.
      for (const of of [a, b]) of.optimize(values, 1, -1);
      agree('parameters after 1 iteration', numbers(a), numbers(b), 1e-9);
    },
    ours: { run: () => model(GMM1).optimize(values, 5, -1), units: 5 },
    theirs: { run: () => model(original.GMM1).optimize(values, 5, -1), units: 5 },
  };
}

function predict(d: number, k: number): Case {
  const { points, start } = data(1000, d, k);
  const [ours, theirs] = [GMM, original.GMM].map((Class) => {
    const model = new Class(start);
    for (const point of points) model.addPoint(point);
    model.runEM(1);
    return model;
  });
  const all = (model: Model) => (): void => {
    for (let i = 0; i < CALLS; i++) model.predict(points[i]);
  };
  return {
    name: 'gaussian-mixture-model: predict(point)',
    unit: 'call',
    d,
    k,
    check: () => agree('densities', ours.predict(points[0]), theirs.predict(points[0]), 1e-3),
    ours: { run: all(ours), units: CALLS },
    theirs: { run: all(theirs), units: CALLS },
  };
}

function probability(d: number): Case {
  const { points } = data(1000, d, 1);
  const [ours, theirs] = [fit, original.fit].map((of) => of(points)[0]);
  const all = (group: typeof ours) => (): void => {
    for (let i = 0; i < CALLS; i++) group.probability(points[i]);
  };
  return {
    name: 'expectation-maximization: probability(point)',
    unit: 'call',
    d,
    k: 1,
    check: () => agree('probability', [ours.probability(points[0])], [theirs.probability(points[0])], 1e-9),
    ours: { run: all(ours), units: CALLS },
    theirs: { run: all(theirs), units: CALLS },
  };
}

function membership(k: number): Case {
  const values = data(1000, 1, k).points.flat();
  const [ours, theirs] = [GMM1, original.GMM1].map((Class) => new Class(k));
  const all = (model: typeof ours) => (): void => {
    for (let i = 0; i < CALLS; i++) model.membership(values[i]);
  };
  return {
    name: 'gaussian-mixture: membership(x)',
    unit: 'call',
    d: 1,
    k,
    check: () => agree('membership', ours.membership(0.5), theirs.membership(0.5), 1e-12),
    ours: { run: all(ours), units: CALLS },
    theirs: { run: all(theirs), units: CALLS },
  };
}

function measure({ check, name, unit, n, d, k, ours, theirs }: Case): Row {
  check();
  const samples = [ours, theirs].map(() => [] as number[]);
  const rounds = [ours, theirs].map(({ run }) =>
    timed(name, run, { iterations: 1, warmup: unit === 'call' }),
  );
  for (let round = 0; round < ROUNDS; round++) {
    [ours, theirs].forEach(({ units }, i) => {
      samples[i].push(...rounds[i](ROUND_MS, round === 0).map((ms) => ms / units));
    });
  }
  for (const times of samples) times.sort((a, b) => a - b);
  const [oursMs, theirsMs] = samples.map((times) => quantile(times, 0.5));
  const [oursSpreadMs, theirsSpreadMs] = samples.map(
    (times) => (quantile(times, 0.75) - quantile(times, 0.25)) / 2,
  );
  return {
    name,
    unit,
    ...(n && { n }),
    d,
    k,
    oursMs,
    oursSpreadMs,
    theirsMs,
    theirsSpreadMs,
    samples: [samples[0].length, samples[1].length],
    ratio: theirsMs / oursMs,
  };
}

const CASES: readonly (() => Case)[] = [
  () => gaussianMixtureModel(100_000, 2, 3, 1),
  () => gaussianMixtureModel(100_000, 2, 3, 10),
  () => gaussianMixtureModel(10_000, 10, 10, 1),
  () => gaussianMixtureModel(10_000, 10, 10, 10),
  () => expectationMaximization(100_000, 2, 3),
  () => expectationMaximization(10_000, 10, 10),
  wholeFit,
  () => gaussianMixture(100_000, 3),
  () => predict(2, 3),
  () => predict(10, 10),
  () => probability(2),
  () => membership(3),
];

console.log('time per iteration, fit or call, one thread: median +- half the interquartile range');
const rows = CASES.map((make) => {
  const row = measure(make());
  const { name, unit, n, d, k, oursMs, oursSpreadMs, theirsMs, theirsSpreadMs, ratio } = row;
  const [scale, suffix] = unit === 'call' ? [1e6, 'ns'] : [1, 'ms'];
  const time = (ms: number, spread: number): string =>
    `${(ms * scale).toPrecision(3)} +- ${(spread * scale).toPrecision(2)} ${suffix}`.padEnd(24);
  console.log(
    `${name.padEnd(46)} ${`(${n ? `${n}, ` : ''}${d}, ${k})`.padEnd(16)} ours ${time(oursMs, oursSpreadMs)} original ` +
      `${time(theirsMs, theirsSpreadMs)} ${ratio.toFixed(1)}x`,
  );
  return row;
});
writeFileSync(
  quick ? 'build/bench/compat-results.json' : 'bench/compat-results.json',
  `${JSON.stringify(
    {
      command: `npm run bench:compat${quick ? ' -- --quick' : ''}`,
      cpu: cpus()[0]?.model.trim(),
      system: `${process.platform} ${process.arch}`,
      engine: `Node ${process.version}, V8 ${process.versions.v8}`,
      commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
      originals: [...versions.values()],
      rows,
    },
    null,
    1,
  )}\n`,
);
