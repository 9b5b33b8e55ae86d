// Implementations that the library is compared with, each behind the interface of a contender. Those of bench/compare
// take part only where they are installed. Must not tune a rival down: each runs as its own documentation says.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { projectCovariances } from '../src/parameters.ts';
import { type Contender, REGULARIZATION, timed } from './contender.ts';
import { type Problem, problem, type Shape } from './data.ts';
import { createWorkspace, emStep } from './purejs-baseline.mjs';

const COMPARE = resolve('bench/compare');
const PYTHON = resolve(
  'build/compare-venv',
  process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python',
);

export const INSTALLED: { readonly npm: boolean; readonly scikit: boolean } = {
  npm: existsSync(join(COMPARE, 'node_modules')),
  scikit: existsSync(PYTHON),
};

/** Versions of the rivals that were measured, by name. */
export const versions: Map<string, string> = new Map();

/** The careful pure-JavaScript EM of purejs-baseline.mjs. */
export function pureJavaScript({ n, d, k }: Shape, { data, start }: Problem): Contender {
  const { weights, means, covs } = start();
  const workspace = createWorkspace(d, k);
  const iterate = (): number => emStep(data, n, d, k, weights, means, covs, workspace, REGULARIZATION) / n;
  return {
    name: 'pure JavaScript',
    round: timed('pure JavaScript', iterate),
    likelihoods: (count) => Array.from({ length: count }, iterate),
    tolerance: 1e-9,
  };
}

/** Flat rows of d numbers as nested arrays. */
export function rowsOf(values: Float64Array, d: number): number[][] {
  return Array.from({ length: values.length / d }, (_, i) => [...values.subarray(i * d, i * d + d)]);
}

/** An npm package of bench/compare; its version is remembered. */
export function load(name: string): unknown {
  const require = createRequire(join(COMPARE, 'package.json'));
  const { dependencies } = require('./package.json') as { dependencies: Record<string, string> };
  versions.set(name, `${name} ${dependencies[name]}`);
  return require(name);
}

/**
 * npm expectation-maximization: no start can be given, no number of iterations, no likelihood comes out. A tolerance
 * that anything meets makes a call one iteration from random responsibilities, M-step first; the transposed copy it
 * makes of the data is counted, and is small beside the iteration.
 */
export function expectationMaximization({ d, k }: Shape, { data }: Problem): Contender {
  const name = 'expectation-maximization';
  const fit = load(name) as (points: number[][], groups: number, tolerance: number) => unknown;
  const points = rowsOf(data, d);
  return { name, round: timed(name, () => fit(points, k, 2), { iterations: 1, warmup: false }) };
}

interface NpmModel {
  weights: number[];
  means: number[][];
  covariances: number[][][];
  addPoint(point: number[]): void;
  runEM(iterations: number): unknown;
}

/** npm gaussian-mixture-model: responsibilities in f32 and no regularization, hence the tolerance. */
export function gaussianMixtureModel({ n, d, k }: Shape, { data, start }: Problem): Contender {
  const name = 'gaussian-mixture-model';
  const { default: Model } = load(name) as { default: new (options: object) => NpmModel };
  const { weights, means, covs } = start();
  const covariances = Array.from({ length: k }, (_, i) =>
    rowsOf(covs.subarray(i * d * d, (i + 1) * d * d), d),
  );
  const model = new Model({ weights: [...weights], means: rowsOf(means, d), covariances, bufferSize: n });
  for (const point of rowsOf(data, d)) model.addPoint(point);
  /** It has no likelihood of its own: that of its parameters, by the baseline. */
  const likelihood = (): number => {
    const now = [model.weights, model.means.flat(), model.covariances.flat(2)].map((values) =>
      Float64Array.from(values),
    );
    return emStep(data, n, d, k, now[0], now[1], now[2], createWorkspace(d, k)) / n;
  };
  return {
    name,
    round: timed(name, () => model.runEM(1), { iterations: 1, warmup: false }),
    likelihoods: (count) =>
      Array.from({ length: count }, () => {
        const before = likelihood();
        model.runEM(1);
        return before;
      }),
    tolerance: 1e-4,
  };
}

interface ScikitAnswer {
  readonly seconds: number[];
  readonly lower_bounds: number[];
  readonly version: string;
}

/** Data and start in a temporary folder for scikit_learn.py; `work` gets the contender, then the folder is removed. */
export function withScikitLearn<T>(shape: Shape, work: (contender: Contender) => T): T {
  const { n, d, k, form } = shape;
  const { data, start } = problem(shape);
  const { weights, means, covs } = start();
  const folder = mkdtempSync(join(tmpdir(), 'gaussmix-bench-'));
  const run = (max_iter: number, seconds: number): ScikitAnswer => {
    const request = JSON.stringify({ n, d, k, covariance_type: form, max_iter, seconds });
    const { status, stdout, stderr, error } = spawnSync(
      PYTHON,
      [join(COMPARE, 'scikit_learn.py'), folder, request],
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(`scikit_learn.py: ${error?.message ?? stderr}`);
    const answer = JSON.parse(stdout) as ScikitAnswer;
    versions.set('scikit-learn', answer.version);
    return answer;
  };
  try {
    writeFileSync(join(folder, 'data.f64'), data);
    const covariances = projectCovariances(form, covs, weights, d);
    writeFileSync(
      join(folder, 'start.f64'),
      Float64Array.from([weights, means, covariances].flatMap((values) => [...values])),
    );
    return work({
      name: 'scikit-learn',
      // A fresh process each round: its first iteration warms up and is not counted.
      round: (milliseconds) =>
        run(4, milliseconds / 1000)
          .seconds.slice(1)
          .map((s) => s * 1000),
      likelihoods: (count) => run(count, 0).lower_bounds,
      tolerance: 1e-6,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
