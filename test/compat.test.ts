// gaussmix/compat/* beside the packages they stand in for: their README examples and test files, numbers, shapes, and
// the defects that must not come along. Must not know how the modules compute.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadOriginal, missingOriginals, ORIGINALS } from '../scripts/originals.mjs';
import fit from '../src/compat/expectation-maximization.ts';
import GMM1, { Histogram } from '../src/compat/gaussian-mixture.ts';
import GMM from '../src/compat/gaussian-mixture-model.ts';
import { GaussianMixture, GaussmixError } from '../src/index.ts';
import { Random } from '../src/random.ts';
import { leftOut } from './helpers/left-out.ts';
import { type Assertion, readmeExamples, runTestFile } from './helpers/original-tests.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Rows of a mixture whose components overlap, with unequal weights. */
function overlapping(n: number, d: number, seed: number, scale: number = 1): number[][] {
  const identity = Array.from({ length: d * d }, (_, i) => (i % (d + 1) === 0 ? scale * scale : 0));
  const truth = GaussianMixture.fromParameters({
    weights: [0.6, 0.3, 0.1],
    means: [0, 2.5, 6].map((m) => Array.from({ length: d }, (_, j) => scale * (m + 0.3 * j))),
    covariances: [identity, identity.map((v) => 0.5 * v), identity.map((v) => 2 * v)],
  });
  return truth.sample(n, { seed }).data.toArray();
}

/** Keys and kinds of a value, and of what is in it. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (value === null || typeof value !== 'object') return typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shapeOf(inner)]));
}

/** Largest difference of two lists of numbers, relative to the largest number. */
function difference(a: readonly number[], b: readonly number[]): number {
  expect(a.length).toBe(b.length);
  const largest = Math.max(...b.map(Math.abs));
  const differences = a.map((value, i) => Math.abs(value - b[i]) / largest);
  // Math.max ignores nothing: one NaN makes it NaN, which is below no bound.
  return Math.max(...differences);
}

type Fit = typeof fit;
type Model = typeof GMM;
type Model1 = typeof GMM1;
const original = {
  get fit(): Fit {
    return loadOriginal('expectation-maximization') as Fit;
  },
  get GMM(): Model {
    return (loadOriginal('gaussian-mixture-model') as { default: Model }).default;
  },
  get GMM1(): Model1 {
    return loadOriginal('gaussian-mixture') as Model1;
  },
};

beforeEach((context) => {
  // The originals start at random; their tests must not pass by luck.
  const random = new Random(1);
  vi.spyOn(Math, 'random').mockImplementation(() => random.uniform());
  const missing = missingOriginals();
  if (missing) leftOut(context, missing);
});

afterEach(() => vi.restoreAllMocks());

describe('the test files of the originals', () => {
  const failed = (assertions: readonly Assertion[]): string[] =>
    assertions.filter(({ held }) => !held).map(({ test, number }) => `${test} ${number}`);

  it('expectation-maximization: every assertion holds with both', () => {
    const run = (module: unknown): Assertion[] =>
      runTestFile('expectation-maximization', 'test/index.js', module);
    const theirs = run(original.fit);
    expect(failed(theirs)).toEqual([]);
    const ours = run(fit);
    expect(ours.length).toBe(theirs.length);
    expect(failed(ours)).toEqual([]);
  });

  it('gaussian-mixture: every assertion holds, but those that expect memberships without weights', () => {
    const run = (module: unknown): Assertion[] =>
      runTestFile('gaussian-mixture', 'test/index.test.js', module);
    const theirs = run(original.GMM1);
    expect(failed(theirs)).toEqual([]);
    const ours = run(GMM1);
    expect(ours.length).toBe(theirs.length);
    expect(failed(ours)).toEqual(['Separation prior 2', 'Separation prior 3', 'memberships - histogram 2']);
  });
});

describe('the README examples of the originals, with the import swapped', () => {
  let folder = '';
  beforeAll(() => {
    mkdirSync(join(root, 'build'), { recursive: true });
    folder = mkdtempSync(join(root, 'build/compat-'));
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(root, join(folder, 'node_modules/gaussmix'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** What a program prints, in a project that has gaussmix, or beside the originals. */
  function run(source: string, extension: 'mjs' | 'cjs', where: string): string {
    const file = join(where, `example.${extension}`);
    writeFileSync(file, source);
    try {
      return execFileSync('node', [file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    } finally {
      rmSync(file);
    }
  }

  function sideBySide(name: string, source: string, extension: 'mjs' | 'cjs'): [unknown, unknown] {
    const swapped = source.replaceAll(`'${name}'`, `'gaussmix/compat/${name}'`);
    expect(swapped).not.toBe(source);
    const theirs = run(source, extension, ORIGINALS);
    return [JSON.parse(run(swapped, extension, folder)), JSON.parse(theirs)];
  }

  it('expectation-maximization: groups of the same shape', () => {
    const [example] = readmeExamples('expectation-maximization');
    // What follows shows the result, in no language.
    const [code] = example.split('////// result:');
    const [ours, theirs] = sideBySide(
      'expectation-maximization',
      `${code}\nconsole.log(JSON.stringify(groups));`,
      'cjs',
    );
    expect(shapeOf(ours)).toEqual(shapeOf(theirs));
  });

  it('gaussian-mixture-model: the numbers of its comments', () => {
    const [example] = readmeExamples('gaussian-mixture-model').filter((code) => code.includes('import'));
    const promised = [...example.matchAll(/\/\/ (\[0\..*\])/g)].map((match) => JSON.parse(match[1]));
    expect(promised).toHaveLength(2);
    const [ours, theirs] = sideBySide(
      'gaussian-mixture-model',
      `${example}\nconsole.log(JSON.stringify([prob, probNorm]));`,
      'mjs',
    ) as [number[][], number[][]];
    expect(theirs).toEqual(promised);
    // Theirs has responsibilities in single precision (6e-8), which move the parameters by as much in each iteration.
    for (const i of [0, 1]) expect(difference(ours[i], promised[i])).toBeLessThan(5e-6);
  });

  it('gaussian-mixture: every one runs, those too that fail with the original', () => {
    const examples = readmeExamples('gaussian-mixture').filter((code) => !code.includes('require('));
    expect(examples.length).toBeGreaterThanOrEqual(8);
    const [require] = readmeExamples('gaussian-mixture').filter((code) => code.includes('require('));
    const failing: string[] = [];
    for (const example of examples) {
      const code = `${require}\nvar Histogram = GMM.Histogram;\n${example}\nconsole.log('done');`;
      const swapped = code.replace("'gaussian-mixture'", "'gaussmix/compat/gaussian-mixture'");
      expect(run(swapped, 'cjs', folder)).toBe('done\n');
      try {
        run(code, 'cjs', ORIGINALS);
      } catch {
        failing.push(example.trim());
      }
    }
    expect(failing).toEqual([expect.stringContaining('gmm.initialize(data)'), 'var h = new Histogram();']);
  });

  it('gaussian-mixture: histograms as the README prints them', () => {
    for (const { fromData } of [Histogram, original.GMM1.Histogram]) {
      expect({ ...fromData([1, 2, 2, 2, 2.4, 2.5, 5, 5]).counts }).toEqual({ 1: 1, 2: 4, 3: 1, 5: 2 });
      // Its comment has A: 0 too; neither counts what is not there.
      const bins = { A: [0, 1], B: [1, 5], C: [5, 10] };
      expect({ ...fromData([1, 2, 2, 2, 5, 5], bins).counts }).toEqual({ B: 4, C: 2 });
    }
  });

  it.each([
    ['expectation-maximization', 'fit', []],
    ['gaussian-mixture', 'GMM', ['Histogram']],
    ['gaussian-mixture-model', 'GMM', []],
  ])('%s: import and require give what they give with the original', (name, _local, named) => {
    const kinds = `
const kindOf = (m) => typeof m === 'function' ? 'function' : Object.keys(m).sort().map((key) => key + ' ' + typeof m[key]);
const ns = await import('${name}');
const { createRequire } = await import('node:module');
const required = createRequire(import.meta.url)('${name}');
// 'module.exports' is a name that newer Nodes add to imports of CommonJS.
console.log(JSON.stringify([kindOf(ns.default), Object.keys(ns).filter((key) => key !== 'module.exports').sort(), kindOf(required)]));
`;
    const [ours, theirs] = sideBySide(name, kinds, 'mjs');
    expect(ours).toEqual(theirs);
    expect((ours as string[][])[1]).toEqual([...named, 'default'].sort());
  });
});

describe('expectation-maximization', () => {
  const byWeight = (groups: Fit extends (...args: never[]) => infer G ? G : never): typeof groups =>
    groups.sort((a, b) => a.weight - b.weight);
  const numbers = (groups: ReturnType<Fit>): number[] =>
    groups.flatMap(({ weight, mu, sigma }) => [weight, ...mu, ...sigma.flat()]);
  const apart = (scale: number): number[][] =>
    [
      ...overlapping(300, 2, 1).map(([x, y]) => [x / 4, y / 4]),
      ...overlapping(100, 2, 2).map(([x, y]) => [x + 30, y - 20]),
    ].map((row) => row.map((value) => value * scale));

  it.each([1, 3])('finds the groups that the original finds in data of %i features', (d) => {
    const near = overlapping(200, d, 3).map((row) => row.map((value) => value / 6));
    const points = [...near, ...overlapping(90, d, 4).map((row) => row.map((value) => 25 + value))];
    const [ours, theirs] = [fit(points, 2), original.fit(points, 2)].map(byWeight);
    expect(shapeOf(ours)).toEqual(shapeOf(theirs));
    // Both are at a maximum; what is left is the rounding of either and of their covariance's 2.2e-16.
    expect(difference(numbers(ours), numbers(theirs))).toBeLessThan(1e-9);
    for (const point of [points[0], points[250]]) {
      const [a, b] = [ours, theirs].map((groups) => groups.map((group) => group.probability(point)));
      expect(difference(a, b)).toBeLessThan(1e-9);
    }
    for (const i of [0, 1]) {
      expect(difference(ours[i]._gaussian._sinv.flat(), theirs[i]._gaussian._sinv.flat())).toBeLessThan(1e-8);
      expect(difference([ours[i]._gaussian._coeff], [theirs[i]._gaussian._coeff])).toBeLessThan(1e-9);
      expect(ours[i]._gaussian.mu).toBe(ours[i].mu);
      expect(ours[i]._gaussian.sigma).toBe(ours[i].sigma);
    }
  });

  it('one group is mean and covariance of the points', () => {
    const points = overlapping(500, 4, 5);
    const [ours, theirs] = [fit(points), original.fit(points)];
    expect(difference(numbers(ours), numbers(theirs))).toBeLessThan(1e-12);
    expect(ours).toHaveLength(1);
  });

  it('takes its arguments as the original does: nothing is one group, 0 is one group', () => {
    const points = overlapping(50, 2, 6);
    for (const module of [fit, original.fit]) {
      expect(module(points)).toHaveLength(1);
      expect(module(points, 0)).toHaveLength(1);
      expect(module(points, undefined, 0.1)).toHaveLength(1);
      // More groups than points: all the same.
      expect(
        module(
          [
            [1, 2],
            [3, 4],
          ],
          3,
        ),
      ).toHaveLength(3);
      expect(() => module([], 2)).toThrow(TypeError);
      expect(() => module(undefined as never, 2)).toThrow(TypeError);
    }
  });

  it('the same points give the same groups, bit for bit', () => {
    const points = overlapping(400, 2, 7);
    expect(JSON.stringify(fit(points, 3))).toBe(JSON.stringify(fit(points, 3)));
  });

  it('epsilon ends the fit: no responsibility changes by more in another iteration', () => {
    const points = overlapping(2000, 2, 8);
    const changes = [1e-2, 1e-4, 1e-6].map((epsilon) => {
      const groups = fit(points, 3, epsilon);
      const start = {
        weights: groups.map(({ weight }) => weight),
        means: groups.map(({ mu }) => mu),
        covariances: groups.map(({ sigma }) => sigma.flat()),
      };
      const options = { nComponents: 3, initialization: start, maxIterations: 1, regularization: 0 };
      const next = GaussianMixture.fit(points, options);
      const before = GaussianMixture.fromParameters(start).predictProba(points).data;
      const change = next.predictProba(points).data.map((value, i) => Math.abs(value - before[i]));
      return Math.max(...change) / epsilon;
    });
    // The steps of EM shrink: the next one is no larger than the last, which was within epsilon (and near it).
    for (const change of changes) expect(change).toBeLessThanOrEqual(1);
    for (const change of changes) expect(change).toBeGreaterThan(0.1);
  });

  it('a value that is no number, or a bad number of groups, is named', () => {
    expect(() =>
      fit(
        [
          [1, 2],
          [3, Number.NaN],
        ],
        1,
      ),
    ).toThrow(/row 1, column 1 is NaN/);
    expect(() => fit([[1, 2], [3]], 1)).toThrow(/row 1/);
    expect(() =>
      fit(
        [
          [1, 2],
          [3, 4],
        ],
        1.5,
      ),
    ).toThrow(/n_groups is 1.5/);
    expect(() =>
      fit([
        [1, 2],
        [3, 4],
      ])[0].probability([1]),
    ).toThrow(/1 values, but the mixture has 2/);
  });

  describe('defects of the original', () => {
    const flat = [1, 2, 3, 2, 1, 41, 42, 43, 42, 41];

    it('flat arrays: NaN with the original, one feature with ours', () => {
      expect(original.fit(flat, 2)[0].mu).toEqual([Number.NaN]);
      const means = byWeight(fit(flat, 2)).map(({ mu }) => mu[0]);
      expect(
        difference(
          means.sort((a, b) => a - b),
          [1.8, 41.8],
        ),
      ).toBeLessThan(1e-12);
    });

    it('data at a scale of 1e-9: the original merges the groups, ours does not depend on units', () => {
      const distance = (groups: ReturnType<Fit>): number => Math.abs(groups[0].mu[0] - groups[1].mu[0]);
      expect(distance(original.fit(apart(1e-9), 2))).toBeLessThan(1e-9);
      expect(distance(fit(apart(1e-9), 2))).toBeGreaterThan(29e-9);
      const scaled = numbers(byWeight(fit(apart(2 ** -30), 2)));
      const plain = byWeight(fit(apart(1), 2)).flatMap(({ weight, mu, sigma }) => [
        weight,
        ...mu.map((v) => v * 2 ** -30),
        ...sigma.flat().map((v) => v * 2 ** -60),
      ]);
      // A power of two moves exponents only.
      expect(scaled).toEqual(plain);
    });

    it('one far outlier: a group of its own, everything finite', () => {
      const groups = fit([...apart(1), [1e9, 1e9]], 3);
      expect(numbers(groups).every(Number.isFinite)).toBe(true);
      expect(groups.some(({ mu }) => mu[0] === 1e9)).toBe(true);
    });
  });
});

describe('gaussian-mixture-model', () => {
  const start = (d: number): ConstructorParameters<Model>[0] => ({
    weights: [0.5, 0.3, 0.2],
    means: [-0.5, 3, 5].map((m) => new Array<number>(d).fill(m)),
    covariances: [1, 2, 3].map((v) =>
      Array.from({ length: d }, (_, i) => Array.from({ length: d }, (_, j) => (i === j ? v : 0.1))),
    ),
  });
  const models = (
    options: ConstructorParameters<Model>[0],
    points: readonly number[][],
  ): [Instance, Instance] => {
    const [ours, theirs] = [new GMM(options), new original.GMM(options)];
    for (const model of [ours, theirs]) for (const point of points) model.addPoint(point);
    return [ours, theirs];
  };
  type Instance = InstanceType<Model>;
  const numbers = (model: Instance): number[] => [
    ...model.weights,
    ...model.means.flat(),
    ...model.covariances.flat(2),
  ];

  it.each([1, 2, 3, 5])('the same iterations in %i features, in the precision of the original', (d) => {
    const [ours, theirs] = models({ ...start(d), bufferSize: 400 }, overlapping(400, d, 10));
    // The original with its single-precision scratch in double: what its equations give.
    const exact = new original.GMM({ ...start(d), bufferSize: 400 }) as Instance & { tmpArr: Float64Array };
    for (const point of ours.data) exact.addPoint(point);
    exact.tmpArr = new Float64Array(400);
    (exact as { cResps: unknown }).cResps = [0, 1, 2].map(() => new Float64Array(400));
    for (const iterations of [1, 1, 5]) {
      for (const model of [ours, theirs, exact]) expect(model.runEM(iterations)).toBeUndefined();
      // Rounding of sums of 400 terms, through seven iterations.
      expect(difference(numbers(ours), numbers(exact))).toBeLessThan(1e-11);
      // Single precision: 6e-8 per responsibility and iteration, of covariances that are a tenth of the largest number.
      expect(difference(numbers(ours), numbers(theirs))).toBeLessThan(1e-5);
      expect(difference(ours.covDeterminants, exact.covDeterminants)).toBeLessThan(1e-11);
      expect(difference([...ours.cResps[1].slice(0, 400)], [...theirs.cResps[1].slice(0, 400)])).toBeLessThan(
        1e-5,
      );
      for (const point of overlapping(5, d, 11)) {
        expect(difference(ours.predict(point), exact.predict(point))).toBeLessThan(1e-10);
        expect(difference(ours.predictNormalize(point), exact.predictNormalize(point))).toBeLessThan(1e-10);
      }
    }
    const { tmpArr: _, ...fields } = theirs as Instance & { tmpArr: unknown };
    expect(shapeOf({ ...ours, data: 0, cResps: 0 })).toEqual(shapeOf({ ...fields, data: 0, cResps: 0 }));
    expect(ours.cResps.map((values) => [values.constructor, values.length])).toEqual(
      theirs.cResps.map((values) => [values.constructor, values.length]),
    );
    if (d > 3) {
      const flat = (model: Instance): number[] => (model.covCholeskies as number[][][]).flat(2);
      expect(difference(flat(ours), flat(exact))).toBeLessThan(1e-11);
    }
  });

  it('the buffer is a ring: the oldest point makes room', () => {
    const points = overlapping(13, 2, 12);
    const [ours, theirs] = models({ ...start(2), bufferSize: 5 }, points);
    for (const model of [ours, theirs]) {
      expect(model.data).toEqual([points[10], points[11], points[12], points[8], points[9]]);
      expect(model.data[0]).toBe(points[10]);
      expect([model.idx, model.dataLength, model.bufferSize]).toEqual([3, 5, 5]);
      expect(model.cResps.map(({ length }) => length)).toEqual([5, 5, 5]);
    }
    expect(ours.cResps[0].every((value) => value === 0)).toBe(true);
  });

  it('defaults, copies and an empty buffer as the original', () => {
    const { weights: _, ...options } = start(2);
    for (const module of [GMM, original.GMM]) {
      const model = new module(options);
      expect(model.weights).toEqual([1 / 3, 1 / 3, 1 / 3]);
      expect(model.bufferSize).toBe(1e6);
      expect(model.means).toEqual(options.means);
      expect(model.means[0]).not.toBe(options.means[0]);
      expect(model.runEM()).toBeUndefined();
      expect(model.means).toEqual(options.means);
      expect([model.singularity, model.covCholeskies]).toEqual([null, null]);
      const { means } = model;
      for (const point of overlapping(50, 2, 13)) model.addPoint(point);
      model.runEM();
      // Written in place: a program may hold on to the arrays.
      expect(model.means).toBe(means);
      expect(means).not.toEqual(options.means);
    }
  });

  it('a component without spread is reported as the original reports it, and predictions stay finite', () => {
    const options = {
      ...start(2),
      means: [
        [0, 0],
        [3, 3],
        [50, 50],
      ],
    };
    const points = [...overlapping(60, 2, 14), [50, 50], [50, 50]];
    const [ours, theirs] = models(options, points);
    const [mine, other] = [ours.runEM(50), theirs.runEM(50)];
    expect(mine).toEqual([50, 50]);
    expect(mine).toEqual(other);
    for (const model of [ours, theirs]) expect(model.singularity).toBe(model.means[2]);
    expect(ours.predict([50, 50]).every(Number.isFinite)).toBe(true);
    expect(theirs.predict([50, 50]).every(Number.isFinite)).toBe(false);
    expect(difference(ours.predictNormalize([50, 50]), [0, 0, 1])).toBeLessThan(1e-12);
  });

  it('reads what a program writes into weights, means and covariances', () => {
    const [ours, theirs] = models(start(2), []);
    for (const model of [ours, theirs]) {
      model.weights = [0.1, 0.1, 0.8];
      model.means[1] = [1, 1];
      model.covariances[0] = [
        [2, 0.5],
        [0.5, 1],
      ];
      // The original wants to be told.
      model.covDeterminants[0] = 1.75;
    }
    expect(difference(ours.predict([1, 2]), theirs.predict([1, 2]))).toBeLessThan(1e-13);
  });

  it('bad input is named', () => {
    const [model] = models(start(2), []);
    expect(() => model.addPoint([1])).toThrow(/1 values, but the mixture has 2/);
    expect(() => model.addPoint([1, Number.NaN])).toThrow(/element 1 of the point is NaN/);
    expect(() => model.predict(['1', 2] as never)).toThrow(/element 0 of the point is a string/);
    expect(() => new GMM({ ...start(2), weights: [1] })).toThrow(/weights has length 1, but there are 3/);
    expect(() => new GMM({ ...start(2), covariances: [] })).toThrow(/covariances must be an array of 3/);
    expect(() => new GMM({} as never)).toThrow(TypeError);
    expect(() => new original.GMM({} as never)).toThrow(TypeError);
    expect(() => new GMM({ ...start(2), bufferSize: 0 })).toThrow(/bufferSize is 0/);
    model.covariances[1] = [
      [1, 2],
      [2, 1],
    ];
    model.addPoint([1, 2]);
    for (const work of [() => model.predict([0, 0]), () => model.runEM()]) {
      expect(work).toThrow(/covariances\[1\] is not positive definite/);
      expect(work).toThrow(GaussmixError as never);
    }
  });

  describe('defects of the original', () => {
    it('after a fresh install it cannot be loaded', () => {
      const folder = mkdtempSync(join(tmpdir(), 'gaussmix-fresh-'));
      try {
        const installed = join(folder, 'node_modules/gaussian-mixture-model');
        cpSync(join(ORIGINALS, 'node_modules/gaussian-mixture-model'), installed, { recursive: true });
        // All that npm would install with it.
        const { dependencies = {} } = JSON.parse(
          execFileSync('node', ['-p', `JSON.stringify(require('${installed}/package.json'))`], {
            encoding: 'utf8',
          }),
        );
        expect(dependencies).toEqual({});
        const load = (): string =>
          execFileSync('node', ['-e', "require('gaussian-mixture-model')"], {
            cwd: folder,
            encoding: 'utf8',
            stdio: 'pipe',
          });
        expect(load).toThrow(/Cannot find module 'cholesky-tools'/);
        symlinkSync(root, join(folder, 'node_modules/gaussmix'));
        const ours = "console.log(typeof require('gaussmix/compat/gaussian-mixture-model').default)";
        expect(execFileSync('node', ['-e', ours], { cwd: folder, encoding: 'utf8' })).toBe('function\n');
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

    it('one far outlier makes its whole model NaN', () => {
      const [ours, theirs] = models(start(2), [...overlapping(200, 2, 15), [1e4, -1e4]]);
      for (const model of [ours, theirs]) model.runEM(3);
      expect(numbers(theirs).every(Number.isNaN)).toBe(true);
      expect(numbers(ours).every(Number.isFinite)).toBe(true);
      const shares = ours.predictNormalize([1e6, 1e6]);
      expect(Math.abs(shares.reduce((a, b) => a + b) - 1)).toBeLessThan(1e-15);
      expect(theirs.predictNormalize([1e6, 1e6]).every(Number.isNaN)).toBe(true);
    });

    it('a component that no point is near becomes NaN', () => {
      const options = {
        ...start(2),
        means: [
          [0, 0],
          [3, 3],
          [900, 900],
        ],
      };
      const [ours, theirs] = models(options, overlapping(200, 2, 16));
      for (const model of [ours, theirs]) model.runEM(10);
      expect(numbers(theirs).some(Number.isNaN)).toBe(true);
      expect(numbers(ours).every(Number.isFinite)).toBe(true);
    });
  });
});

describe('gaussian-mixture', () => {
  const options: Record<string, InstanceType<Model1>['options']> = {
    none: {},
    variance: { variancePrior: 2, variancePriorRelevance: 0.5 },
    separation: { separationPrior: 3, separationPriorRelevance: 0.2 },
    both: {
      variancePrior: 2,
      variancePriorRelevance: 0.1,
      separationPrior: 3,
      separationPriorRelevance: 0.1,
    },
    'a fixed variance': { variancePrior: 2, variancePriorRelevance: Number.POSITIVE_INFINITY },
  };
  const numbers = ({ weights, means, vars }: InstanceType<Model1>): number[] => [
    ...weights,
    ...means,
    ...vars,
  ];
  const values = overlapping(500, 1, 20).flat();
  /** The original with the weights in its memberships: its own EM, put right. */
  const corrected = (): Model1 => {
    class Corrected extends original.GMM1 {
      override membership(x: number): number[] {
        const joint = this._gaussians().map((gaussian, k) => this.weights[k] * gaussian.pdf(x));
        const sum = joint.reduce((a, b) => a + b, 0);
        return joint.map((value) => value / sum);
      }
    }
    return Corrected as Model1;
  };
  const start = (): [number, number[], number[], number[]] => [3, [0.5, 0.3, 0.2], [-1, 2, 6], [1, 2, 1]];

  it.each(Object.keys(options))(
    'the iterations of the original, its memberships put right: prior %s',
    (name) => {
      const h = Histogram.fromData(values);
      const theirHistogram = original.GMM1.Histogram.fromData(values);
      for (const n of [1, 2, 7, 40]) {
        const ours = new GMM1(...start(), options[name]);
        const right = new (corrected())(...start(), options[name]);
        expect(ours.optimize(values, n, -1)).toBe(n);
        expect(right.optimize(values, n, -1)).toBe(n);
        // The original adds 1e-7 to each sum of squares, about 1e-9 of it, in every iteration.
        expect(difference(numbers(ours), numbers(right))).toBeLessThan(1e-7);
        const [a, b] = [new GMM1(...start(), options[name]), new (corrected())(...start(), options[name])];
        a.optimize(h, n, -1);
        b.optimize(theirHistogram, n, -1);
        expect(difference(numbers(a), numbers(b))).toBeLessThan(1e-7);
      }
    },
  );

  it('one iteration from equal weights is that of the original itself', () => {
    const [ours, theirs] = [GMM1, original.GMM1].map(
      (module) => new module(3, undefined, [-1, 2, 6], [1, 2, 1]),
    );
    for (const model of [ours, theirs]) model._updateModel(values);
    expect(difference(numbers(ours), numbers(theirs))).toBeLessThan(1e-8);
  });

  it('log-likelihood, model and gaussians are those of the original', () => {
    const [ours, theirs] = [GMM1, original.GMM1].map((module) => new module(...start()));
    // Sums of 500 terms.
    expect(difference([ours.logLikelihood(values)], [theirs.logLikelihood(values)])).toBeLessThan(1e-13);
    const [a, b] = [GMM1, original.GMM1].map(({ Histogram: H }) => H.fromData(values));
    expect(difference([ours.logLikelihood(a)], [theirs.logLikelihood(b)])).toBeLessThan(1e-13);
    // Weights that do not sum to one are taken as they are.
    for (const model of [ours, theirs]) model.weights = [0.4, 0.4, 0.4];
    expect(difference([ours.logLikelihood(values)], [theirs.logLikelihood(values)])).toBeLessThan(1e-13);
    expect(ours.model()).toEqual(theirs.model());
    expect(shapeOf(ours)).toEqual(shapeOf(theirs));
    expect(shapeOf(a)).toEqual(shapeOf(b));
    expect(ours.logLikelihood([])).toBe(theirs.logLikelihood([]));
    expect(ours._gaussians().map((g) => Object.entries(g))).toEqual(
      theirs._gaussians().map((g) => Object.entries(g)),
    );
    expect(difference([ours._gaussians()[1].pdf(3)], [theirs._gaussians()[1].pdf(3)])).toBeLessThan(1e-14);
  });

  it('a histogram and the numbers it stands for have the same likelihood, to the last bit', () => {
    const ours = new GMM1(...start());
    const h = Histogram.fromData(values);
    expect(ours.logLikelihood(h)).toBe(ours.logLikelihood(h.flatten()));
    expect(ours.logLikelihood(h)).toBe(ours.logLikelihood(h.flatten().reverse()));
  });

  it('memberships are those of membership, and take gaussians given', () => {
    const [ours, theirs] = [GMM1, original.GMM1].map(
      (module) => new module(3, undefined, [-1, 2, 6], [1, 2, 1]),
    );
    const all = ours.memberships(values.slice(0, 20));
    all.forEach((row, i) => {
      expect(difference(row, ours.membership(values[i]))).toBeLessThan(1e-14);
      // Equal weights: nothing to be ignored.
      expect(difference(row, theirs.membership(values[i]))).toBeLessThan(1e-13);
    });
    const others = new original.GMM1(3, undefined, [0, 1, 2], [1, 2, 3])._gaussians();
    expect(difference(ours.membership(1.5, others), theirs.membership(1.5, others))).toBeLessThan(1e-13);
    const densities = others.map((gaussian) => ({ pdf: (x: number) => gaussian.pdf(x) }));
    expect(difference(ours.membership(1.5, densities), theirs.membership(1.5, others))).toBeLessThan(1e-13);
    expect(difference(ours.memberships([1.5], others)[0], theirs.memberships([1.5], others)[0])).toBeLessThan(
      1e-13,
    );
    expect(ours.memberships([])).toEqual(theirs.memberships([]));
  });

  it('membership goes by weights, means and variances as they are', () => {
    const model = new GMM1(2, [0.5, 0.5], [0, 2], [1, 1]);
    expect(model.membership(1)).toEqual([0.5, 0.5]);
    model.weights[0] = 0.9;
    model.weights[1] = 0.1;
    expect(difference(model.membership(1), [0.9, 0.1])).toBeLessThan(1e-15);
    model.vars[1] = 4;
    const joint = [0.9 * Math.exp(-0.5), (0.1 / 2) * Math.exp(-1 / 8)];
    const sum = joint[0] + joint[1];
    expect(difference(model.membership(1), [joint[0] / sum, joint[1] / sum])).toBeLessThan(1e-14);
  });

  it('samples follow the mixture, and Math.random decides which', () => {
    const model = new GMM1(2, [0.25, 0.75], [0, 10], [1, 4]);
    const drawn = model.sample(20000);
    const low = drawn.filter((x) => x < 4.5);
    const mean = low.reduce((a, b) => a + b, 0) / low.length;
    // Six standard errors: sqrt(0.25 * 0.75 / 20000) = 0.003 and 1 / sqrt(5000) = 0.014.
    expect(Math.abs(low.length / 20000 - 0.25)).toBeLessThan(0.02);
    expect(Math.abs(mean)).toBeLessThan(0.085);
    expect(model.sample(3)).not.toEqual(model.sample(3));
    const { random } = Math;
    Math.random = () => 0.25;
    try {
      expect(model.sample(3)).toEqual(model.sample(3));
    } finally {
      Math.random = random;
    }
  });

  it('initialize puts means on data that lie apart, as the original', () => {
    const data = [...new Array(50).fill(1), ...new Array(50).fill(8), ...new Array(50).fill(20)];
    for (const module of [GMM1, original.GMM1]) {
      const model = new module(3);
      expect(model._initialize(data)).toEqual([1, 8, 20]);
      expect(model.means).toEqual([1, 8, 20]);
      expect(model._initializeHistogram(module.Histogram.fromData(data))).toEqual([1, 8, 20]);
    }
    const model = new GMM1(3, undefined, undefined, undefined, { initialize: true });
    model.optimize(values);
    const again = new GMM1(3, undefined, undefined, undefined, { initialize: true });
    again.optimize(values);
    expect(again.model()).toEqual(model.model());
  });

  it('arrays given are not written into', () => {
    const means = [-1, 2, 6];
    const vars = [1, 2, 1];
    new GMM1(3, undefined, means, vars).optimize(values);
    expect([means, vars]).toEqual([
      [-1, 2, 6],
      [1, 2, 1],
    ]);
  });

  it('bad input: the messages of the original, and what they leave open', () => {
    for (const module of [GMM1, original.GMM1]) {
      expect(() => new module(3, [1, 2])).toThrow('weights, means and vars must have nComponents elements.');
      expect(() => new module(3).optimize('data' as never)).toThrow('Data must be an Array of a Histogram.');
      expect(() => new module(3)._initialize([1])).toThrow(
        'Data must have more points than the number of components in the model.',
      );
      expect(() => new module(1, [1], [0], [0]).membership(1)).toThrow('Variance must be > 0 (but was 0)');
      expect(() => new module.Histogram({ counts: {}, bins: { A: [0, 1] } }).value('B')).toThrow(
        'No bin for this key.',
      );
    }
    expect(() => new GMM1(2).optimize([1, Number.NaN, 3])).toThrow(/row 1, column 0 is NaN/);
    expect(() => new GMM1(2).optimize([])).toThrow(/no rows/);
    expect(() => new GMM1(2).optimize(new Histogram({ counts: { 1: -1, 2: 3 } }))).toThrow(
      /counts\["1"\] is -1/,
    );
  });

  describe('defects of the original', () => {
    it('it ignores the weights in its memberships', () => {
      const [ours, theirs] = [GMM1, original.GMM1].map((module) => new module(2, [0.9, 0.1], [0, 2], [1, 1]));
      // Half way the densities are equal: what is left is the weights.
      expect(difference(ours.membership(1), [0.9, 0.1])).toBeLessThan(1e-15);
      expect(theirs.membership(1)).toEqual([0.5, 0.5]);
      const h = Histogram.fromData([1]);
      expect(difference(ours._membershipsHistogram(h)[1], [0.9, 0.1])).toBeLessThan(1e-15);
    });

    it('so it is not EM: its likelihood falls, ours never does', () => {
      const falls = (module: Model1): number => {
        const model = new module(3, [0.6, 0.3, 0.1], [0, 2.5, 6], [1, 0.5, 2]);
        let before = model.logLikelihood(values);
        let worst = 0;
        for (let i = 0; i < 100; i++) {
          model._updateModel(values);
          const now = model.logLikelihood(values);
          worst = Math.min(worst, now - before);
          before = now;
        }
        return worst;
      };
      expect(falls(original.GMM1)).toBeLessThan(-1);
      // Rounding of a sum of some thousand nats.
      expect(falls(GMM1)).toBeGreaterThan(-1e-10);
    });

    it('it ends with a lower likelihood', () => {
      const [ours, theirs] = [GMM1, original.GMM1].map((module) => {
        const model = new module(3, [0.6, 0.3, 0.1], [0, 2.5, 6], [1, 0.5, 2]);
        model.optimize(values);
        return model.logLikelihood(values);
      });
      expect(ours).toBeGreaterThan(theirs + 1);
    });

    it('a far number has no likelihood and no membership', () => {
      const [ours, theirs] = [GMM1, original.GMM1].map(
        (module) => new module(2, [0.5, 0.5], [0, 10], [1, 1]),
      );
      expect(theirs.logLikelihood([100])).toBe(Number.NEGATIVE_INFINITY);
      expect(theirs.membership(100)).toEqual([Number.NaN, Number.NaN]);
      // ln(1/2) - ln(2 pi) / 2 - 90^2 / 2
      expect(difference([ours.logLikelihood([100])], [-4051.612085713765])).toBeLessThan(1e-15);
      expect(ours.membership(100)).toEqual([0, 1]);
    });

    it('data at a scale of 1e-5 get the variance 1e-7 / n_k', () => {
      const small = values.map((x) => x * 1e-5);
      const variances = [GMM1, original.GMM1].map((module) => {
        const model = new module(1, undefined, [0], [1]);
        model.optimize(small);
        return model.vars[0];
      });
      const mean = small.reduce((a, b) => a + b, 0) / small.length;
      const variance = small.reduce((sum, x) => sum + (x - mean) ** 2, 0) / small.length;
      expect(difference([variances[0]], [variance])).toBeLessThan(1e-12);
      expect(variances[1] / variance).toBeGreaterThan(1.2);
    });
  });
});
