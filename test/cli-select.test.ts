// `gaussmix select` as a user runs it: the table, the choice, the saved model, wrong usage and interruption.
// Must not depend on time, nor on how well the library chooses: select.test.ts tests that.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GaussianMixture, type ModelJSON, selectModel } from 'gaussmix';
import { describe, expect, it } from 'vitest';
import { parseCommand, type SelectCommand } from '../cli/arguments.ts';
import { describeSelection, type SelectResult } from '../cli/select-summary.ts';
import { finished, run, start, temporaryFolder, writer } from './helpers/command.ts';
import { loadExample } from './helpers/data.ts';

const folder = temporaryFolder();
const write = writer(folder);
const faithfulFile = fileURLToPath(new URL('../examples/faithful.csv', import.meta.url));
const irisFile = fileURLToPath(new URL('../examples/iris.csv', import.meta.url));
const faithful = loadExample('faithful');
const iris = loadExample('iris');
const isWindows = process.platform === 'win32';
const four = 'full,tied,diag,spherical';

async function output(args: readonly string[], input?: string): Promise<string> {
  const { code, stdout, stderr } = await run(['select', ...args], input);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

describe('the table', () => {
  it('has a row per number of components and a column per type, the best three marked, and the reason', async () => {
    const text = await output([faithfulFile, '-k', '1-4', '--covariance', four]);
    expect(text).toContain('faithful.csv: 272 rows x 2 columns (eruptions, waiting)');
    expect(text).toContain('Start           kmeans, seed 0\n');
    expect(text).toContain('Grid            16 cells\n');
    expect(text).toContain('BIC of each cell (lower is better):\n');
    expect(text).toMatch(/\ncomponents +full +tied +diag +spherical\n/);
    const { table, best } = selectModel(faithful, {
      nComponents: [1, 2, 3, 4],
      covarianceTypes: ['full', 'tied', 'diag', 'spherical'],
    });
    const ranked = table.map((cell) => cell.bic as number).sort((a, b) => a - b);
    for (const k of [1, 2, 3, 4]) {
      const cells = table
        .filter((cell) => cell.nComponents === k)
        .map(({ bic }) => {
          const rank = ranked.indexOf(bic as number);
          return `${bic?.toFixed(2)}${rank < 3 ? ` \\*${rank + 1}` : ''}`;
        });
      expect(text).toMatch(new RegExp(`\n +${k} +${cells.join(' +')}\n`));
    }
    expect(text).toContain('\n*1 the best, *2 second, *3 third\n');
    expect(text).toContain(
      `Chosen: ${best.nComponents} components, ${best.covarianceType} covariance (${best.nParameters} free ` +
        `parameters): the lowest BIC, ${ranked[0].toFixed(2)}\nLog-likelihood: -1126.3`,
    );
    expect(text).toMatch(/\nNext: 4 components, tied, BIC 2320\.15, 5\.84 more: positive evidence\n$/);
  });

  it('is split where it would be too wide', () => {
    const types = Array.from({ length: 14 }, (_, i) => `T${i}`);
    const table = types.map((covarianceType, i) => ({
      ...{ nComponents: 2, covarianceType, logLikelihood: -1, nParameters: 5, converged: true },
      ...{ bic: 100_000 + i, aic: 0, icl: 0 },
    }));
    const command = parseCommand(['select', 'x.csv', '-k', '2']) as SelectCommand;
    const model = { nFeatures: 1 } as ModelJSON;
    const result = { rows: 9, model, table, total: 14, stopped: false } as unknown as SelectResult;
    const lines = describeSelection(command, result).split('\n');
    const headings = lines.filter((line) => line.startsWith('components'));
    expect(headings.length).toBeGreaterThan(1);
    expect(headings.flatMap((line) => line.split(/ +/).slice(1))).toEqual(types);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(lines.filter((line) => /^ +2 +1000\d\d\.00/.test(line)).length).toBe(headings.length);
  });

  it('shows cells that could not be fitted, and why', async () => {
    const text = await output([irisFile, '-k', '2,160', '--columns', '1-4', '--covariance', 'full,diag']);
    expect(text).toContain('Grid            4 cells, 2 could not be fitted\n');
    expect(text).toMatch(/\n +160 +failed +failed\n/);
    expect(text).toContain(
      'Could not be fitted:\n  160 components (full, diag): -k is 160, but the data has only 150 rows',
    );
  });

  it('marks cells that did not converge, and says what to do', async () => {
    const text = await output([faithfulFile, '-k', '3', '--covariance', 'full', '--max-iterations', '2']);
    expect(text).toMatch(/\n +3 +\d+\.\d\d~ \*1\n/);
    expect(text).toContain('~ NOT converged: raise --max-iterations (2) or --tolerance (1e-5)');
    expect(text).toMatch(/Chosen: .*, NOT converged\n/);
  });

  it('says when the best is the largest that was tried', async () => {
    const text = await output([faithfulFile, '-k', '1,2', '--covariance', 'full']);
    expect(text).toContain(
      '2 is the largest number of components that was tried: a larger one may be better',
    );
    expect(await output([faithfulFile, '-k', '1-3', '--covariance', 'full'])).not.toContain('is the largest');
  });

  it.each(['aic', 'icl'] as const)('is of another criterion, with its own name: %s', async (criterion) => {
    const text = await output([faithfulFile, '-k', '1-3', '--criterion', criterion, '--covariance', 'full']);
    const { best, table } = selectModel(faithful, {
      nComponents: [1, 2, 3],
      covarianceTypes: ['full'],
      criterion,
    });
    expect(text).toContain(`${criterion.toUpperCase()} of each cell`);
    expect(text).toContain(`Chosen: ${best.nComponents} components`);
    for (const cell of table) expect(text).toContain(cell[criterion]?.toFixed(2));
    // The scale of evidence is that of BIC.
    expect(text).not.toContain('evidence');
  });

  it('tries all types without --covariance', async () => {
    const { selection } = JSON.parse(await output([faithfulFile, '-k', '1', '--json']));
    const { table } = selectModel(faithful, { nComponents: [1] });
    expect(selection.table.map((cell: { covarianceType: string }) => cell.covarianceType)).toEqual(
      table.map((cell) => cell.covarianceType),
    );
  });
});

describe('--json and -o', () => {
  it('print and save what the library computes, to the bit', async () => {
    const file = join(folder, 'best.json');
    const options = ['--init', 'random-from-data', '--n-init', '3', '--seed', '7', '--tolerance', '1e-4'];
    const more = ['--max-iterations', '300', '--regularization', '1e-3', '--covariance', 'tied,VVV'];
    const text = await output([
      irisFile,
      '-k',
      '2-3,5',
      '--columns',
      '1-4',
      ...options,
      ...more,
      '--json',
      '-o',
      file,
    ]);
    const { criteria, selection, ...model } = JSON.parse(text);
    expect(text.trim().split('\n').length).toBe(1);
    const found = selectModel(iris, {
      nComponents: [2, 3, 5],
      covarianceTypes: ['tied', 'full'],
      initialization: 'random-from-data',
      nInit: 3,
      seed: 7,
      tolerance: 1e-4,
      maxIterations: 300,
      regularization: 1e-3,
    });
    const { featureNames, ...numbers } = model;
    expect(featureNames).toEqual(['Sepal.Length', 'Sepal.Width', 'Petal.Length', 'Petal.Width']);
    expect(numbers).toEqual(JSON.parse(JSON.stringify(found.best)));
    const best = found.table.find((cell) => cell.model === found.best);
    expect(criteria).toEqual({ bic: best?.bic, aic: best?.aic, icl: best?.icl });
    expect(selection).toEqual({
      criterion: 'bic',
      stopped: false,
      table: found.table.map(({ model: _, ...row }) => row),
    });
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(model);
    expect(GaussianMixture.fromJSON(JSON.parse(text)).toJSON()).toEqual(model);
  });

  it('have the reason of a cell that failed', async () => {
    const text = await output(['-', '-k', '1,9', '--covariance', 'spherical', '--json'], '1,2\n3,4\n5,5\n');
    expect(JSON.parse(text).selection.table[1]).toEqual({
      nComponents: 9,
      covarianceType: 'spherical',
      error: {
        code: 'TOO_FEW_ROWS',
        message:
          '-k is 9, but the data has only 3 rows: ask for at most as many components as there are rows',
      },
    });
  });

  it('do not depend on the number of threads', async () => {
    const args = [irisFile, '-k', '3-5,1', '--columns', '1-4', '--json', '--threads'];
    const [one, three] = await Promise.all([output([...args, '1']), output([...args, '3'])]);
    expect(three).toBe(one);
  });

  it('take weights as fit does', async () => {
    const rows = faithful.map(([x, y], i) => `${x},${y},${1 + (i % 3)}`).join('\n');
    const args = ['-', '--weights', 'w', '-k', '2', '--covariance', 'full', '--json'];
    const { selection, ...selected } = JSON.parse(await output(args, `x,y,w\n${rows}`));
    const fit = await run(['fit', ...args], `x,y,w\n${rows}`);
    expect(selected).toEqual(JSON.parse(fit.stdout));
    expect(selection.table[0].bic).toBe(selected.criteria.bic);
  });
});

describe('wrong usage', () => {
  it.each([
    [['-k', '1-'], '-k is "1-", but must be numbers and ranges from 1, such as 1-9, 2,4,6 or 1-4,8'],
    [['-k', '0-3'], '-k is "0-3", but must be'],
    [['-k', '-3'], '-k is "-3", but must be'],
    [['-k', '1,,2'], '-k is "1,,2", but must be'],
    [['-k', 'two'], '-k is "two", but must be'],
    [['-k', '5-2'], '-k: the range 5-2 runs backwards'],
    [['-k', '1-100000'], '-k is "1-100000": more than 1000 numbers'],
    [[], '-k is missing: give numbers such as 1-9 or 2,4,6'],
    [
      ['-k', '2', '--covariance', 'round'],
      '--covariance is "round", but must be all, or a list of full, tied',
    ],
    [['-k', '2', '--covariance', 'full,'], '--covariance is "full,", but must be all'],
    [['-k', '2', '--criterion', 'hqc'], '--criterion is "hqc", but must be one of bic, aic, icl'],
    [['-k', '2', '-o', '-'], '-o - : use --json'],
    [['-k', '2', '--group-by', 'x'], 'unknown option --group-by'],
    [['-k', '2', '--threads', '0'], '--threads is "0", but must be an integer from 1 to 256'],
    [['-k', '2', '--quiet', '--verbose'], '--quiet and --verbose contradict each other'],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await run(['select', faithfulFile, ...args]);
    expect(stderr).toContain(`gaussmix: ${message}`);
    expect(stderr).toMatch(/^[^\n]+\(see gaussmix select --help\)\n$/);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  it('is not a list of ranges and numbers with blanks and repetitions', async () => {
    const text = await output([faithfulFile, '-k', '2, 1-3,2', '--covariance', 'diag', '--json']);
    const sizes = JSON.parse(text).selection.table.map((row: { nComponents: number }) => row.nComponents);
    expect(sizes).toEqual([2, 1, 3]);
  });

  it('has a help of its own', async () => {
    const { code, stdout } = await run(['help', 'select']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Usage: gaussmix select DATA -k NUMBERS/);
  });
});

describe('failure', () => {
  it('of every cell names the first reason', async () => {
    const { code, stdout, stderr } = await run(
      ['select', '-', '-k', '5-7', '--covariance', 'full'],
      '1,2\n2,1\n',
    );
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(
      /^gaussmix: standard input: none of the \d+ cells could be fitted; the first one \(5 components, full\): -k is 5, [^\n]*\n$/,
    );
  });

  it('does not overwrite what is read', async () => {
    const file = write('rows.csv', '1,2\n2,1\n3,5\n');
    const { code, stderr } = await run(['select', file, '-k', '1', '-o', file]);
    expect(code).toBe(2);
    expect(stderr).toContain('is the same file as DATA');
    expect(readFileSync(file, 'utf8')).toBe('1,2\n2,1\n3,5\n');
  });
});

describe('progress', () => {
  it('is a line per cell with --verbose, and nothing otherwise where there is no terminal', async () => {
    const args = ['select', faithfulFile, '-k', '300,1', '--covariance', 'full', '--threads', '1'];
    expect((await run(args)).stderr).toBe('');
    expect((await run([...args, '--verbose'])).stderr).toBe(
      'cell 1 of 2: 1 component, full, BIC 2607.62\ncell 2 of 2: 300 components, full: could not be fitted: -k is ' +
        '300, but the data has only 272 rows: ask for at most as many components as there are rows\n',
    );
  });
});

describe.skipIf(isWindows)('Ctrl-C', () => {
  // A grid of a thousand cells, far from its end when the first one is told of.
  const long = ['select', faithfulFile, '-k', '1-250', '--covariance', four, '--verbose', '--n-init', '20'];

  it('saves and prints the best so far, and says so', async () => {
    const file = join(folder, 'interrupted.json');
    const child = start([...long, '-o', file]);
    const ended = finished(child);
    await once(child.stderr, 'data');
    child.kill('SIGINT');
    const { code, stdout } = await ended;
    expect(code).toBe(130);
    expect(stdout).toMatch(/Grid +1000 cells, \d+ reached before the interruption/);
    expect(stdout).toMatch(
      /Interrupted after \d+ of 1000 cells: this is the best so far; it is saved in .*json\n/,
    );
    const [, size] = /Chosen: (\d+) component/.exec(stdout) ?? [];
    const saved = GaussianMixture.fromJSON(JSON.parse(readFileSync(file, 'utf8')));
    expect(saved.nComponents).toBe(Number(size));
  });

  it('leaves one JSON object, of the cells that were reached', async () => {
    const child = start([...long, '--json']);
    const ended = finished(child);
    await once(child.stderr, 'data');
    child.kill('SIGINT');
    const { code, stdout } = await ended;
    expect(code).toBe(130);
    const { selection, criteria } = JSON.parse(stdout);
    expect(selection.stopped).toBe(true);
    expect(selection.table.length).toBeGreaterThan(0);
    expect(selection.table.length).toBeLessThan(1000);
    expect(criteria.bic).toBe(Math.min(...selection.table.map((row: { bic: number }) => row.bic)));
  });
});
