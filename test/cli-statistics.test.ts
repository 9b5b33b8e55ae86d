// `gaussmix accumulate` and `gaussmix maximize` as users and their scripts run them, and the script in examples/.
import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { accumulate, GaussianMixture, type ModelJSON, maximize, SufficientStatistics } from 'gaussmix';
import { beforeAll, describe, expect, it } from 'vitest';
import { COMMAND, run, temporaryFolder, writer } from './helpers/command.ts';
import { clusters, loadExample } from './helpers/data.ts';

const folder = temporaryFolder();
const write = writer(folder);
const faithfulFile = fileURLToPath(new URL('../examples/faithful.csv', import.meta.url));
const start = join(folder, 'start.json');
const part = join(folder, 'part.stats');

const readModel = (path: string): ModelJSON => JSON.parse(readFileSync(path, 'utf8'));
const numbersOf = ({ weights, means, covariances }: ModelJSON): unknown[] => [weights, means, covariances];

async function output(args: readonly string[], input?: string | Uint8Array): Promise<string> {
  const { code, stdout, stderr } = await run(args, input);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

beforeAll(async () => {
  await output(['fit', faithfulFile, '-k', '2', '--max-iterations', '0', '-o', start]);
  await output(['accumulate', start, faithfulFile, '-o', part]);
});

it('examples/map-reduce.sh: four processes on four parts, twenty iterations: the model of one fit', async () => {
  const rows = clusters(16_000, 2, 3, 6, 3);
  const data = write('many.csv', `x,"a, b"\n${rows.map((row) => row.join(',')).join('\n')}\n`);
  const script = fileURLToPath(new URL('../examples/map-reduce.sh', import.meta.url));
  const model = join(folder, 'reduced.json');
  const command = join(folder, 'gaussmix');
  writeFileSync(command, `#!/bin/sh\nexec "${process.execPath}" "${COMMAND}" "$@"\n`, { mode: 0o755 });
  const { stdout } = await promisify(execFile)('sh', [script, data, '3', '20', model], {
    env: { ...process.env, GAUSSMIX: command },
  });
  const lines = stdout.trim().split('\n');
  expect(lines).toHaveLength(20);
  expect(lines[19]).toMatch(/nats per row, .* in total \(16000 rows in 4 files\)$/);
  const fitted = join(folder, 'fitted.json');
  await output(['fit', data, '-k', '3', '--max-iterations', '20', '--tolerance', '0', '-o', fitted]);
  const [reduced, fit] = [readModel(model), readModel(fitted)];
  expect(reduced.featureNames).toEqual(['x', 'a, b']);
  // The sums are the same to the bit; the regularisation, 1e-6 of the variances, is to rounding.
  const wanted = numbersOf(fit).flat(3) as number[];
  for (const [i, value] of (numbersOf(reduced).flat(3) as number[]).entries()) {
    expect(Math.abs(value - wanted[i])).toBeLessThan(1e-12 * Math.max(1, Math.abs(wanted[i])));
  }
}, 300_000);

describe('accumulate', () => {
  const faithful = loadExample('faithful');
  const model = (): GaussianMixture => GaussianMixture.fromJSON(readModel(start));

  it('writes the bytes of the library, to a file or standard output', async () => {
    const wanted = accumulate(faithful, model()).toBytes();
    expect(new Uint8Array(readFileSync(part))).toEqual(wanted);
    const shell = `"${process.execPath}" "${COMMAND}" accumulate "${start}" "${faithfulFile}" > "${join(folder, 'out.stats')}"`;
    await promisify(execFile)('sh', ['-c', shell]);
    expect(new Uint8Array(readFileSync(join(folder, 'out.stats')))).toEqual(wanted);
  });

  it('finds the columns by the names in the model, and takes weights', async () => {
    const lines = faithful.map(([eruptions, waiting], i) => `${waiting},${i % 3},${eruptions}`);
    const file = write('weighted.csv', `waiting,weight,eruptions\n${lines.join('\n')}\n`);
    await output([
      'accumulate',
      start,
      file,
      '--weights',
      'weight',
      '--first-row',
      '4096',
      '-o',
      join(folder, 'w.stats'),
    ]);
    const bytes = new Uint8Array(readFileSync(join(folder, 'w.stats')));
    const sampleWeight = faithful.map((_, i) => i % 3);
    expect(bytes).toEqual(accumulate(faithful, model(), { sampleWeight, firstRow: 4096 }).toBytes());
  });

  it.each<[string, string[], number, string]>([
    ['another number of columns', [start, 'three.csv'], 1, 'has 3 columns'],
    ['a missing cell', [start, 'hole.csv'], 1, 'hole.csv'],
    ['no model', ['three.csv', faithfulFile], 1, 'not JSON'],
    [
      '--first-row 5',
      [start, faithfulFile, '--first-row', '5'],
      2,
      '--first-row is 5, but must be a multiple of 4096',
    ],
    ['--first-row x', [start, faithfulFile, '--first-row', 'x'], 2, '--first-row is "x"'],
    ['no DATA', [start], 2, 'DATA is missing'],
    ['the model as output', [start, faithfulFile, '-o', start], 2, 'is the same file as MODEL.json'],
    ['a folder as output', [start, faithfulFile, '-o', folder], 1, 'it is a folder'],
  ])('refuses %s', async (_, args, code, words) => {
    write('three.csv', '1,2,3\n4,5,6\n');
    write('hole.csv', 'eruptions,waiting\n1,\n2,50\n');
    const resolved = args.map((arg) => (/^(three|hole)/.test(arg) ? join(folder, arg) : arg));
    const { stdout, stderr, ...rest } = await run(['accumulate', ...resolved]);
    expect([rest.code, stdout]).toEqual([code, '']);
    expect(stderr).toContain(words);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});

describe('maximize', () => {
  it('one step is an iteration of fit', async () => {
    const next = join(folder, 'next.json');
    const text = await output(['maximize', part, '-o', next]);
    expect(text).toBe(
      'Log-likelihood of the mixture before this step: -4.160961641 nats per row, -1131.781566 in total (272 rows)\n',
    );
    const one = join(folder, 'one.json');
    await output(['fit', faithfulFile, '-k', '2', '--max-iterations', '1', '-o', one]);
    expect(readModel(next).featureNames).toEqual(['eruptions', 'waiting']);
    expect(readModel(next).fitted).toBeUndefined();
    const wanted = numbersOf(readModel(one)).flat(3) as number[];
    for (const [i, value] of (numbersOf(readModel(next)).flat(3) as number[]).entries()) {
      // The regularisation, 1e-6 of variances up to 185, is to rounding.
      expect(Math.abs(value - wanted[i])).toBeLessThan(1e-12 * Math.max(1, Math.abs(wanted[i])));
    }
  });

  it('--json prints the model, the log-likelihood before, and warnings; standard input is a file', async () => {
    const args = ['maximize', '-', '--json', '--regularization', '0.5', '--covariance', 'VEE'];
    const json = JSON.parse(await output(args, readFileSync(part)));
    const statistics = SufficientStatistics.fromBytes(readFileSync(part));
    const wanted = maximize(statistics, { regularization: 0.5, covarianceType: 'VEE' });
    expect(numbersOf(json)).toEqual(numbersOf(wanted.toJSON()));
    const { count, logLikelihood: total } = statistics;
    expect(json.statistics).toEqual({ logLikelihood: total / count, total, count: 272, nSamples: 272 });
    expect(json.warnings).toEqual([]);
  });

  it('--prior, and a warning for a component without rows', async () => {
    const far = write(
      'far.json',
      JSON.stringify(
        GaussianMixture.fromParameters({
          weights: [0.5, 0.5],
          means: [
            [3, 70],
            [1e6, 0],
          ],
          covariances: [
            [1, 0, 0, 100],
            [1, 0, 0, 1],
          ],
        }),
      ),
    );
    const stats = join(folder, 'far.stats');
    await output(['accumulate', far, faithfulFile, '-o', stats]);
    const maximize = ['maximize', stats, '-o', join(folder, 'near.json')];
    expect(await output(maximize)).toContain('\nWarning: component 1 has lost all its rows: ');
    expect(await output([...maximize, '--prior'])).toContain('stays where the prior is largest');
  });

  it('parts without weight may have the same content', async () => {
    const file = write('weightless.csv', 'eruptions,waiting,w\n2,50,0\n');
    const stats = ['a', 'b'].map((name) => join(folder, `${name}.stats`));
    for (const path of stats) await output(['accumulate', start, file, '--weights', 'w', '-o', path]);
    const { statistics } = JSON.parse(await output(['maximize', part, ...stats, '--json']));
    expect(statistics).toMatchObject({ count: 272, nSamples: 274 });
  });

  it.each<[string, string[], number, string]>([
    ['no files', [], 2, 'STATISTICS is missing'],
    ['no such file', ['none.stats'], 1, 'cannot read'],
    ['a model', [start], 1, 'start.json: the statistics cannot be read: these bytes are no statistics'],
    ['half a file', ['half.stats'], 1, 'half.stats: the statistics cannot be read: there are 150 bytes, but'],
    ['the same file twice', [part, part], 1, 'part.stats is given twice: the same rows would count twice'],
    ['a copy', [part, 'copy.stats'], 1, 'copy.stats have the same content: the same rows would count twice'],
    ['the same rows twice', ['numbered.stats', 'numbered.stats'], 1, 'given the same --first-row'],
    [
      'different models',
      [part, 'other.stats'],
      1,
      'other.stats: these statistics were taken under different mixtures',
    ],
    ['missing rows', ['later.stats'], 1, 'statistics of rows 0 to 4095 (rows count from 0) are missing'],
    [
      'another form',
      [part, '--covariance', 'diag'],
      1,
      "--covariance is 'diag', but the statistics are those of a 'full'",
    ],
    ['a statistics file as output', [part, '-o', part], 2, 'is the same file as'],
    ['-o -', [part, '-o', '-'], 2, '--json'],
    ['nowhere for the model', [part], 2, '-o is missing: give the file to save the model in'],
    ['a prior and a regularisation', [part, '--prior', '--regularization', '1'], 2, '--prior keeps'],
  ])('refuses %s', async (_, args, code, words) => {
    const make = (...more: string[]): Promise<unknown> =>
      output(['accumulate', start, faithfulFile, ...more]);
    if (!existsSync(join(folder, 'other.stats'))) {
      copyFileSync(part, join(folder, 'copy.stats'));
      writeFileSync(join(folder, 'half.stats'), readFileSync(part).subarray(0, 150));
      await make('--first-row', '0', '-o', join(folder, 'numbered.stats'));
      await make('--first-row', '4096', '-o', join(folder, 'later.stats'));
      const other = join(folder, 'other.json');
      await output(['maximize', part, '-o', other]);
      await output(['accumulate', other, faithfulFile, '-o', join(folder, 'other.stats')]);
    }
    const resolved = args.map((arg) => (/^[a-z]+\.stats$/.test(arg) ? join(folder, arg) : arg));
    const printed = args.includes('-o') || words.startsWith('-o') ? [] : ['--json'];
    const { stdout, stderr, ...rest } = await run(['maximize', ...resolved, ...printed]);
    expect([rest.code, stdout]).toEqual([code, '']);
    expect(stderr).toContain(words);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});
