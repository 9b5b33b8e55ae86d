// The commands as a user runs them: what they print, save and read back, against the library itself.
// Must not test wrong input or interruption: cli-input.test.ts and cli-process.test.ts do.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GaussianMixture, type ModelJSON } from 'gaussmix';
import { describe, expect, it } from 'vitest';
import { run, temporaryFolder, writer } from './helpers/command.ts';
import { loadExample } from './helpers/data.ts';
import { npyBytes } from './helpers/npy.ts';

const folder = temporaryFolder();
const write = writer(folder);
const faithfulFile = fileURLToPath(new URL('../examples/faithful.csv', import.meta.url));
const irisFile = fileURLToPath(new URL('../examples/iris.csv', import.meta.url));
const faithful = loadExample('faithful');
const iris = loadExample('iris');

/** Runs a command that must succeed without a word on standard error. */
async function output(args: readonly string[], input?: string | Uint8Array): Promise<string> {
  const { code, stdout, stderr } = await run(args, input);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

async function fitJson(args: readonly string[], input?: string | Uint8Array): Promise<ModelJSON> {
  return JSON.parse(await output(['fit', ...args, '--json'], input));
}

/** The parameters and the record of a model, without names and criteria. */
function numbersOf({ weights, means, covariances, fitted }: ModelJSON): unknown {
  return { weights, means, covariances, fitted };
}

describe('fit', () => {
  it('prints a summary', async () => {
    const text = await output(['fit', faithfulFile, '-k', '2']);
    expect(text).toContain('faithful.csv: 272 rows x 2 columns (eruptions, waiting)');
    expect(text).toContain('2 components, full covariance, 11 free parameters');
    expect(text).toMatch(/Iterations +\d+, converged \(change below 1e-5\)/);
    expect(text).toContain('-4.15538 nats per row, -1130.26 in total (272 rows)');
    expect(text).toMatch(/component {2}weight {2}rows +eruptions +waiting\n/);
    expect(text).toMatch(/0 {2}0\.3559 {4}97 {2}2\.0364 ± 0\.26\d\d {2}54\.4\d\d ± 5\.8\d\d\n/);
    expect(text).toMatch(/1 {2}0\.6441 {3}175 /);
  });

  it('says what to do when it has not converged', async () => {
    const text = await output(['fit', faithfulFile, '-k', '2', '--max-iterations', '2', '--tolerance', '0']);
    expect(text).toContain('2, NOT converged: raise --max-iterations (2) or --tolerance (0)');
    expect(text).not.toContain('Warning');
  });

  it('describes the first columns of wide data', async () => {
    const rows = Array.from({ length: 30 }, (_, i) =>
      Array.from({ length: 11 }, (_, j) => Math.sin(i * j + i)).join(','),
    );
    const text = await output(['fit', '-', '-k', '1', '--covariance', 'diag'], rows.join('\n'));
    expect(text).toContain('column 8');
    expect(text).not.toContain('column 9');
    expect(text).toContain('3 more columns not shown');
  });

  it('prints with --json what the library computes, to the bit', async () => {
    const model = GaussianMixture.fit(faithful, { nComponents: 2 });
    const json = await fitJson([faithfulFile, '-k', '2']);
    const criteria = { bic: model.bic(faithful), aic: model.aic(faithful), icl: model.icl(faithful) };
    const featureNames = ['eruptions', 'waiting'];
    expect(json).toEqual({ ...JSON.parse(JSON.stringify(model)), featureNames, criteria });
  });

  it("takes mclust's names of covariances", async () => {
    const model = GaussianMixture.fit(iris, { nComponents: 2, covarianceType: 'VEV' });
    const args = [irisFile, '-k', '2', '--columns', '1-4', '--covariance'];
    const json = await fitJson([...args, 'VEV']);
    expect(json).toMatchObject({ covarianceType: 'VEV', fitted: JSON.parse(JSON.stringify(model)).fitted });
    expect(await output(['fit', ...args, 'VEV'])).toContain(
      '2 components, VEV covariance, 26 free parameters',
    );
  });

  it('hands every option to the library', async () => {
    const options = ['--covariance', 'tied', '--init', 'random-from-data', '--n-init', '3', '--seed', '7'];
    const more = ['--max-iterations', '40', '--tolerance', '1e-9', '--regularization', '1e-3'];
    const json = await fitJson([irisFile, '-k', '3', '--columns', '1-4', ...options, ...more]);
    const model = GaussianMixture.fit(iris, {
      nComponents: 3,
      covarianceType: 'tied',
      initialization: 'random-from-data',
      nInit: 3,
      seed: 7,
      maxIterations: 40,
      tolerance: 1e-9,
      regularization: 1e-3,
    });
    expect(numbersOf(json)).toEqual(numbersOf(JSON.parse(JSON.stringify(model))));
  });

  it('--prior is the default prior, in the summary and for groups too', async () => {
    const args = [irisFile, '-k', '2', '--columns', '1-4', '--prior'];
    const model = GaussianMixture.fit(iris, { nComponents: 2, prior: 'default' });
    expect(numbersOf(await fitJson(args))).toEqual(numbersOf(JSON.parse(JSON.stringify(model))));
    expect(await output(['fit', ...args])).toMatch(/Log-posterior +-0\.8\d+ per row/);
    const one = faithful.map((row) => `${row.join(',')},a`).join('\n');
    const grouped = ['fit', '-', '-k', '2', '--group-by', '3', '--prior', '--quiet'];
    const line = JSON.parse(await output(grouped, one));
    expect(line.model.fitted.prior.degreesOfFreedom).toBe(4);
    const { code, stderr } = await run([...['fit', ...args], '--regularization', '0.1']);
    expect(code).toBe(2);
    expect(stderr).toContain('leave --regularization out');
  });

  it('saves a model that the library reads', async () => {
    const file = join(folder, 'saved.json');
    const json = await fitJson([faithfulFile, '-k', '3', '-o', file]);
    const saved = JSON.parse(readFileSync(file, 'utf8'));
    const { criteria: _, ...rest } = json as ModelJSON & { criteria: unknown };
    expect(saved).toEqual(rest);
    expect(JSON.parse(JSON.stringify(GaussianMixture.fromJSON(saved)))).toEqual(saved);
  });

  it('takes weights from a column, and counts a row of weight 2 twice', async () => {
    const rows = faithful.map(([x, y], i) => [x, y, 1 + (i % 3)]);
    const text = rows.map((row) => row.join(',')).join('\n');
    const doubled = rows.flatMap(([x, y, w]) => Array.from({ length: w }, () => `${x},${y}`)).join('\n');
    const start = write(
      'weights-start.json',
      '{"weights": [0.5, 0.5], "means": [[2, 55], [4.3, 80]], "covariances": [[[1, 0], [0, 30]], [[1, 0], [0, 30]]]}',
    );
    type Result = ModelJSON & { criteria: Record<string, number> };
    const options = ['-k', '2', '--init', start, '--regularization', '0'];
    const weighted = (await fitJson(['-', '--weights', '3', ...options], `x,y,w\n${text}`)) as Result;
    const twice = (await fitJson(['-', ...options], doubled)) as Result;
    expect(weighted.featureNames).toEqual(['x', 'y']);
    expect(weighted.fitted?.iterations).toBe(twice.fitted?.iterations);
    for (const name of ['bic', 'aic', 'icl']) {
      // Sums in another order: a few units in the last place of some thousands.
      expect(Math.abs(weighted.criteria[name] / twice.criteria[name] - 1)).toBeLessThan(1e-12);
    }
  });

  it('starts from a file, and from a saved model', async () => {
    const start = {
      weights: [0.4, 0.6],
      means: [
        [2, 55],
        [4, 80],
      ],
      covariances: [
        [
          [1, 0],
          [0, 9],
        ],
        [
          [1, 0],
          [0, 9],
        ],
      ],
    };
    const json = await fitJson([
      faithfulFile,
      '-k',
      '2',
      '--init',
      write('start.json', JSON.stringify(start)),
    ]);
    const model = GaussianMixture.fit(faithful, { nComponents: 2, initialization: start });
    expect(numbersOf(json)).toEqual(numbersOf(JSON.parse(JSON.stringify(model))));
    const file = write('start-model.json', JSON.stringify(json));
    const again = await fitJson([faithfulFile, '-k', '2', '--max-iterations', '0', '--init', file]);
    expect(again.means).toEqual(json.means);
    expect(again.weights).toEqual(json.weights);
  });

  it.each([
    ['standard input', '-', readFileSync(faithfulFile)],
    ['TSV', 'f.tsv', readFileSync(faithfulFile, 'utf8').replaceAll(',', '\t')],
    ['CRLF, quotes and a byte order mark', 'f1.csv', `\ufeff"eruptions","waiting"\r\n${quoted(faithful)}`],
    ['no header', 'f2.csv', faithful.map((row) => row.join(',')).join('\n')],
    ['.npy, float64', 'f.npy', npyBytes(faithful.flat(), [272, 2])],
    ['.npy, version 2', 'f2.npy', npyBytes(faithful.flat(), [272, 2], { version: 2 })],
    ['.npy, version 3', 'f3.npy', npyBytes(faithful.flat(), [272, 2], { version: 3 })],
    ['.npy on standard input', '-', npyBytes(faithful.flat(), [272, 2])],
  ])('reads the same from %s', async (_, name, content) => {
    const source = name === '-' ? '-' : write(name, content);
    const json = await fitJson([source, '-k', '2'], name === '-' ? content : '');
    const model = GaussianMixture.fit(faithful, { nComponents: 2 });
    expect(numbersOf(json)).toEqual(numbersOf(JSON.parse(JSON.stringify(model))));
  });

  it('reads .npy of float32, of one dimension, and columns of it', async () => {
    const eruptions = faithful.map(([x]) => x);
    const singles = faithful.map((row) => row.map(Math.fround));
    const file = write('f4.npy', npyBytes(faithful.flat(), [272, 2], { descr: '<f4' }));
    const one = write('one.npy', npyBytes(eruptions, [272]));
    const same = async (args: string[], rows: number[][]): Promise<void> => {
      const model = GaussianMixture.fit(rows, { nComponents: 2 });
      expect(numbersOf(await fitJson([...args, '-k', '2']))).toEqual(
        numbersOf(JSON.parse(JSON.stringify(model))),
      );
    };
    await same([file], singles);
    await same(
      [one],
      eruptions.map((x) => [x]),
    );
    await same(
      [file, '--columns', '2'],
      singles.map(([, y]) => [y]),
    );
    await same(
      [file, '--columns', '2,1'],
      singles.map(([x, y]) => [y, x]),
    );
  });
});

function quoted(rows: readonly number[][]): string {
  return rows.map(([x, y]) => `"${x}",${y}\r\n`).join('');
}

describe('predict, score and sample', () => {
  const model = GaussianMixture.fit(iris, { nComponents: 3, seed: 1 });
  const featureNames = ['Sepal.Length', 'Sepal.Width', 'Petal.Length', 'Petal.Width'];
  const named = write('named.json', JSON.stringify({ ...model.toJSON(), featureNames }));
  const unnamed = write('unnamed.json', JSON.stringify(model));

  it('predicts', async () => {
    const text = await output(['predict', named, irisFile]);
    expect(text).toBe(`label\n${Array.from(model.predict(iris)).join('\n')}\n`);
  });

  it('predicts probabilities in full precision', async () => {
    const text = await output(['predict', unnamed, irisFile, '--columns', '1-4', '--proba']);
    const [header, ...lines] = text.trimEnd().split('\n');
    expect(header).toBe('label,p0,p1,p2');
    const resp = model.predictProba(iris);
    const labels = model.predict(iris);
    expect(lines.map((line) => line.split(',').map(Number))).toEqual(
      iris.map((_, i) => [labels[i], ...resp.row(i)]),
    );
  });

  it('predicts more rows than a block', async () => {
    const rows = Array.from({ length: 300 }, () => iris).flat();
    const text = await output(['predict', unnamed, '-'], rows.map((row) => row.join(',')).join('\n'));
    const labels = Array.from(model.predict(iris)).join('\n');
    expect(text).toBe(`label\n${`${labels}\n`.repeat(300)}`);
  });

  it('finds the columns by name in any order', async () => {
    const order = [3, 1, 0, 2];
    const lines = iris.map((row) => order.map((i) => row[i]).join(','));
    const header = order.map((i) => featureNames[i]).join(',');
    const text = await output(['predict', named, '-'], [header, ...lines].join('\n'));
    expect(text).toBe(await output(['predict', named, irisFile]));
  });

  it('takes columns by position when the names differ, and says so', async () => {
    const text = `a,b,c,d\n${iris.map((row) => row.join(',')).join('\n')}`;
    const { code, stdout, stderr } = await run(['predict', named, '-'], text);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^gaussmix: note: the header of standard input does not have .* by position\n$/);
    expect(stdout).toBe(await output(['predict', named, irisFile]));
    expect((await run(['predict', named, '-', '--quiet'], text)).stderr).toBe('');
  });

  it('writes to a file', async () => {
    const file = join(folder, 'labels.csv');
    expect(await output(['predict', named, irisFile, '-o', file])).toBe('');
    expect(readFileSync(file, 'utf8')).toBe(await output(['predict', named, irisFile, '-o', '-']));
  });

  it('scores', async () => {
    const logLikelihood = model.score(iris);
    const score = {
      logLikelihood,
      total: logLikelihood * 150,
      nSamples: 150,
      bic: model.bic(iris),
      aic: model.aic(iris),
      icl: model.icl(iris),
    };
    const samples = Array.from(model.scoreSamples(iris));
    expect(JSON.parse(await output(['score', named, irisFile, '--json']))).toEqual(score);
    expect(JSON.parse(await output(['score', named, irisFile, '--json', '--samples']))).toEqual({
      ...score,
      samples,
    });
    expect(await output(['score', named, irisFile, '--samples'])).toBe(
      `log_density\n${samples.join('\n')}\n`,
    );
    expect(await output(['score', named, irisFile])).toMatch(
      /^Log-likelihood -1\.\d{5} nats per row, -18\d\.\d{3} in total \(150 rows\); BIC \d/,
    );
  });

  it('samples, the same for the same seed', async () => {
    const text = await output(['sample', named, '-n', '100', '--seed', '5']);
    const { data, labels } = model.sample(100, { seed: 5 });
    const lines = Array.from(labels, (label, i) => `${data.row(i).join(',')},${label}`);
    expect(text).toBe(`${featureNames.join(',')},label\n${lines.join('\n')}\n`);
    expect(await output(['sample', named, '-n', '100', '--seed', '5'])).toBe(text);
    expect(await output(['sample', named, '-n', '100', '--seed', '6'])).not.toBe(text);
    expect(await output(['sample', unnamed, '-n', '0'])).toBe('x1,x2,x3,x4,label\n');
  });

  it('reads what it sampled', async () => {
    const text = await output(['sample', named, '-n', '50']);
    const score = JSON.parse(await output(['score', named, '-', '--json'], text));
    expect(score.logLikelihood).toBe(model.score(model.sample(50).data));
  });

  it('takes a model from standard input', async () => {
    const text = await output(['sample', '-', '-n', '3'], JSON.stringify(model));
    expect(text.split('\n')).toHaveLength(5);
  });
});
