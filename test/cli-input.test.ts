// Bad input and wrong usage: the exit code, and one line that names the place and helps.
// Must not test the CSV reader in depth: cli-csv.test.ts does.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GaussianMixture } from 'gaussmix';
import { describe, expect, it } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { run, temporaryFolder, writer } from './helpers/command.ts';
import { npyBytes } from './helpers/npy.ts';

const folder = temporaryFolder();
const write = writer(folder);
const faithful = fileURLToPath(new URL('../examples/faithful.csv', import.meta.url));
const iris = fileURLToPath(new URL('../examples/iris.csv', import.meta.url));
const model = GaussianMixture.fromParameters({
  weights: [0.5, 0.5],
  means: [
    [0, 0],
    [3, 1],
  ],
  covariances: [
    [1, 0, 0, 1],
    [1, 0, 0, 1],
  ],
}).toJSON();
const modelFile = write('model.json', JSON.stringify(model));

async function refused(
  code: number,
  args: readonly string[],
  message: string | RegExp,
  input?: string | Uint8Array,
): Promise<void> {
  const { code: found, stdout, stderr } = await run(args, input);
  expect(stderr).toMatch(message);
  expect(stderr).toMatch(/^gaussmix: [^\n]+\n$/);
  expect(stderr).not.toMatch(/ {4}at |node:|unexpected/);
  expect({ code: found, stdout }).toEqual({ code, stdout: '' });
}

describe('data that is refused', () => {
  it.each([
    ['a ragged line', 'a,b\n1,2\n3\n', 'standard input, line 3: 1 cell, but line 1 has 2'],
    ['a missing cell', 'a,b\n1,2\n3,\n', 'standard input, line 3: column 2 ("b"): the cell is empty'],
    ['text', 'a,b\n1,2\n3,x\n', 'standard input, line 3: column 2 ("b"): "x" is not a number'],
    ['infinity', '1,2\n3,inf\n', 'standard input, line 2: column 2: "inf" is not finite'],
    ['nothing', '', 'standard input is empty'],
    ['a header only', 'a,b\n', 'standard input has a header, but no rows of data'],
    ['too few rows', 'a,b\n1,2\n', 'standard input: -k is 2, but the data has only 1 row'],
    ['a huge number', '1,2\n3,1e200\n5,6\n', 'too large'],
    ['a constant column', '1,2\n1,3\n1,4\n', 'column 1 has the same value in every row'],
  ])('%s', async (_, input, message) => {
    await refused(1, ['fit', '-', '-k', '2', '--regularization', '0'], message, input);
  });

  it('a text column, with advice', async () => {
    await refused(
      1,
      ['fit', iris, '-k', '3'],
      /line 2: column 5 \("Species"\): "setosa" .* --columns Sepal.Length,Sepal.Width,Petal.Length,Petal.Width\n/,
    );
  });

  it('an unknown column', async () => {
    await refused(
      1,
      ['fit', iris, '-k', '3', '--columns', 'Sepal'],
      /"Sepal" in .* Sepal.Length, .*, Species\n/,
    );
    await refused(1, ['fit', iris, '-k', '3', '--weights', 'w', '--columns', '1-4'], /--weights: .*"w"/);
  });

  it('weights that are negative, or all zero', async () => {
    const fit = ['fit', '-', '-k', '1', '--weights', 'w'];
    await refused(1, fit, /line 3: column 2 \("w"\): the weight -1 is negative/, 'x,w\n1,1\n2,-1\n');
    await refused(1, fit, /--weights is 0 for every row/, 'x,w\n1,0\n2,0\n');
  });

  it('files that cannot be read', async () => {
    mkdirSync(join(folder, 'a folder'));
    await refused(1, ['fit', join(folder, 'none.csv'), '-k', '2'], /none.csv: no such file/);
    await refused(1, ['fit', join(folder, 'a folder'), '-k', '2'], /a folder: it is a folder/);
    await refused(1, ['fit', join(modelFile, 'x.csv'), '-k', '2'], /x.csv: a part of its path is a file/);
  });

  it('values of a start: its file is named, not the data', async () => {
    const start = write('null-start.json', '{"means": [[1, null], [3, 4]]}');
    const words = /^gaussmix: \S*null-start\.json: initialization\.means: row 0, column 1 is null/;
    await refused(1, ['fit', faithful, '-k', '2', '--init', start], words);
    await refused(1, ['fit', faithful, '-k', '2', '--memory', '1KiB', '--quiet', '--init', start], words);
    await refused(1, ['select', faithful, '-k', '2', '--init', start], words);
    await refused(1, ['fit', faithful, '-k', '2', '--group-by', '2', '--init', start], /null-start\.json: /);
  });

  it('columns by name where there is no header', async () => {
    const fit = ['fit', '-', '-k', '1', '--columns'];
    const message =
      /no column "x" in standard input; it has 2 columns and no header: use numbers from 1 to 2\n/;
    await refused(1, [...fit, 'x'], message, '1.5,a\n2.5,b\n');
    await refused(1, [...fit, 'x', '--no-header'], message, 'y,z\n2.5,b\n');
    await refused(1, ['fit', '-', '-k', '1', '--columns=-x'], /no column "-x"/, '1,2\n3,4\n');
    await refused(1, [...fit, '3'], /no column "3" .* no header/, '1,2\n3,4\n');
    await refused(1, [...fit, 'x', '--header'], /no column "x" .* 2 columns: 1, 2\n/, '1,2\n3,4\n');
  });

  it('more random rows than fit in memory', async () => {
    await refused(1, ['sample', modelFile, '-n', '99999999999'], /99999999999 rows .* do not fit in memory/);
  });

  it('formats that it does not read', async () => {
    for (const name of ['x.parquet', 'x.arrow', 'x.feather']) {
      await refused(
        1,
        ['fit', write(name, 'PAR0'), '-k', '2'],
        /is not a \.\w+ file: it does not begin as one/,
      );
    }
    await refused(
      1,
      ['fit', '-', '-k', '2'],
      /Parquet file, whose index is at its end: give the file/,
      'PAR1....',
    );
    await refused(1, ['fit', '-', '-k', '2'], /is compressed/, Buffer.from([0x1f, 0x8b, 8, 0]));
    await refused(1, ['fit', '-', '-k', '2'], /zip archive/, 'PK\x03\x04');
    await refused(1, ['fit', '-', '-k', '2'], /neither text nor/, Buffer.alloc(100));
  });
});

describe('a first row that may be meant otherwise', () => {
  const score = ['score', modelFile, '-', '--json'];
  const rows = '\n1,2\n3,1\n';

  it.each([
    [
      '2019,y',
      2,
      'gaussmix: note: line 1 of standard input is taken as the header, though "2019" is a number:',
    ],
    [
      '1.0.0,-',
      2,
      'gaussmix: note: line 1 of standard input is taken as the header, as "1.0.0" is not a number:',
    ],
    ['x,y', 2, ''],
    ['2019,2020', 3, ''],
  ])('%s', async (first, nSamples, note) => {
    const { code, stdout, stderr } = await run(score, first + rows);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).nSamples).toBe(nSamples);
    expect(stderr).toMatch(new RegExp(`^${note}${note && ' with --no-header it is data\n'}$`));
    expect(await run([...score, '--quiet'], first + rows)).toEqual({ code, stdout, stderr: '' });
    const forced = await run([...score, '--header'], first + rows);
    expect(forced).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(forced.stdout).nSamples).toBe(2);
  });

  it('is refused where it must be data and is not', async () => {
    const message = 'standard input, line 1: column 2: "y" is not a number';
    await refused(1, [...score, '--no-header'], message, `2019,y${rows}`);
    await refused(1, ['predict', modelFile, '-', '--no-header'], message, `2019,y${rows}`);
  });
});

describe('.npy that is refused', () => {
  const values = [1, 2, 3, 4, 5, 6];
  const good = npyBytes(values, [3, 2]);
  it.each([
    ['big-endian', npyBytes(values, [3, 2], { descr: '>f8' }), /big-endian .* a.astype\('<f8'\)/],
    ['integers', npyBytes(values, [3, 2], { descr: '<i8' }), /type <i8; .* a.astype\('<f8'\)/],
    ['Fortran order', npyBytes(values, [3, 2], { fortran: true }), /Fortran order; .* np.ascontiguousarray/],
    ['three dimensions', npyBytes(values, [1, 3, 2]), /3 dimensions; .*reshape/],
    ['no rows', npyBytes([], [0, 2]), /0 rows and 2 columns/],
    ['version 4', npyBytes(values, [3, 2], { version: 4 }), /version 4\.0; versions 1 to 3/],
    [
      'cut-off data',
      good.subarray(0, good.length - 3),
      /cut off: its header announces 48 bytes of data, but there are 45/,
    ],
    ['a cut-off header', good.subarray(0, 40), /cut off within its .npy header/],
    ['a cut-off prefix', good.subarray(0, 9), /cut off within its .npy header/],
    ['trailing bytes', Buffer.concat([good, good]), /bytes after the end of its array/],
    ['a missing value', npyBytes([1, 2, 3, Number.NaN], [2, 2]), /a\[1, 1\] is nan/],
    ['infinity', npyBytes([1, 2, Number.POSITIVE_INFINITY, 4], [2, 2]), /a\[1, 0\] is not finite/],
    ['a damaged header', Buffer.from(good.toString('latin1').replace('shape', 'shapo'), 'latin1'), /damaged/],
  ])('%s', async (_, bytes, message) => {
    await refused(1, ['fit', write('bad.npy', bytes), '-k', '1'], message);
    await refused(1, ['fit', '-', '-k', '1'], message, bytes);
  });

  it('a CSV called .npy', async () => {
    await refused(1, ['fit', write('text.npy', '1,2\n'), '-k', '1'], /not a .npy file/);
  });

  it('weights that are negative, or all zero', async () => {
    const fit = ['fit', '-', '-k', '1', '--weights', '2'];
    const negative = npyBytes([1, 1, 2, 0, 3, -0.5], [3, 2]);
    await refused(1, fit, 'standard input: a[2, 1]: the weight -0.5 is negative', negative);
    await refused(1, fit, 'standard input: --weights is 0 for every row', npyBytes([1, 0, 2, 0], [2, 2]));
  });

  it('a header', async () => {
    await refused(1, ['fit', '-', '-k', '1', '--header'], /has no --header line/, good);
  });

  it('columns that are not there', async () => {
    await refused(
      1,
      ['fit', '-', '-k', '1', '--columns', '3'],
      /no column "3" in standard input; it has 2/,
      good,
    );
    await refused(1, ['fit', '-', '-k', '1', '--columns', 'x'], /no column "x"/, good);
  });
});

describe('models that are refused', () => {
  it.each([
    ['truncated', JSON.stringify(model).slice(0, 150), /model is not complete JSON/],
    ['not JSON', 'weights: 1', /is not JSON/],
    ['empty', '', /is empty/],
    ['of version 2', JSON.stringify({ ...model, version: 2 }), /version 2/],
    ['another object', '{"a": 1}', /no saved model/],
    ['without means', JSON.stringify({ ...model, means: undefined }), /"means" is missing/],
    [
      'of indefinite covariance',
      JSON.stringify(model).replace('[[1,0],[0,1]]', '[[1,2],[2,1]]'),
      /positive definite/,
    ],
  ])('%s', async (name, text, message) => {
    const file = write(`${name} model`, text);
    await refused(1, ['sample', file, '-n', '1'], message);
    await refused(1, ['predict', file, faithful], message);
  });

  it('data that does not fit the model', async () => {
    await refused(
      1,
      ['predict', modelFile, iris],
      /has 5 columns .* but the model has 2; choose some with --columns/,
    );
    await refused(
      1,
      ['score', modelFile, iris, '--columns', '1'],
      /--columns "1" chooses 1 column, but .* 2/,
    );
  });

  it('no such model', async () => {
    await refused(1, ['predict', join(folder, 'none.json'), faithful], /none.json: no such file/);
    await refused(1, ['predict', folder, faithful], /it is a folder/);
  });

  it('starts of the wrong shape', async () => {
    const fit = (start: string): string[] => ['fit', faithful, '-k', '2', '--init', write('s.json', start)];
    await refused(1, fit('{"means": [[1], [2]]}'), /s\.json: .*means/);
    await refused(1, fit('{"means": [[1, 2]]}'), /s\.json: .*means/);
    await refused(1, fit('{"weights": [1, 1], "means": [[1, 2], [2, 3]]}'), /s\.json: .*weights/);
    await refused(1, fit('{"mean": [[1, 2], [2, 3]]}'), /is no start/);
    await refused(1, fit('{"means": [[1, 2], [2, 3]], "prior": 1}'), /unknown entry "prior"/);
    await refused(1, fit('[[1, 2]'), /not complete JSON/);
    await refused(
      1,
      ['fit', faithful, '-k', '2', '--init', join(folder, 'none.json')],
      /none.json: no such file/,
    );
  });
});

describe('usage', () => {
  it.each([
    [['frobnicate'], /unknown command "frobnicate"; .*fit, select, predict.* \(see gaussmix --help\)/],
    [['report', faithful], /DATA is missing \(see gaussmix report --help\)/],
    [['help', 'nothing'], /unknown command "nothing"/],
    [['--quiet', 'fit'], /the command comes first/],
    [['fit'], /DATA is missing \(see gaussmix fit --help\)/],
    [['fit', faithful], /-k is missing/],
    [['fit', faithful, '-k'], /-k needs a value/],
    [['fit', faithful, '-k', '0'], /-k is "0", but must be an integer >= 1/],
    [['fit', faithful, '-k', '2.5'], /-k is "2.5"/],
    [['fit', faithful, '-k', '1e3'], /-k is "1e3"/],
    [['fit', faithful, 'more', '-k', '2'], /"more" is one argument too many/],
    [
      ['fit', faithful, '-k', '2', '--covariance', 'round'],
      /--covariance is "round", but must be one of full, /,
    ],
    [['fit', faithful, '-k', '2', '--init', 'kmean'], /--init "kmean" is none of kmeans, /],
    [['fit', faithful, '-k', '2', '--n-init', '0'], /--n-init is "0"/],
    [
      ['fit', faithful, '-k', '2', '--tolerance', 'small'],
      /--tolerance is "small", but must be a number >= 0/,
    ],
    [['fit', faithful, '-k', '2', '--tolerance=-1'], /--tolerance is "-1"/],
    [['fit', faithful, '-k', '2', '--tolerance', '-1'], /--tolerance is "-1", but must be a number >= 0/],
    [['fit', faithful, '-k', '2', '--tolerance', '-.5e-3'], /--tolerance is "-.5e-3"/],
    [['fit', faithful, '-k', '2', '--seed', '-1'], /--seed is "-1", but must be an integer >= 0/],
    [
      ['fit', faithful, '-k', '2', '--seed', '9007199254740993'],
      /--seed is "9007199254740993", but must be an integer from 0 to 9007199254740991 /,
    ],
    [['fit', faithful, '-k', '-2'], /-k is "-2", but must be an integer >= 1/],
    [['fit', faithful, '-k=-2'], /-k is "-2", but must be an integer >= 1/],
    [['fit', faithful, '-k='], /-k is empty/],
    [
      ['fit', faithful, '-k', '--quiet'],
      /-k needs a value \(one that starts with a dash is written -k=VALUE\)/,
    ],
    [['fit', faithful, '-k', '2', '--columns', '-x'], /--columns needs a value \(.* --columns=VALUE\)/],
    [['fit', faithful, '-k', '2', '-k', '3'], /-k is given twice/],
    [['fit', faithful, '-k', '2', '--components=2'], /-k is given twice/],
    [['fit', faithful, '-k', '2', '--quiet', '--verbose'], /--quiet and --verbose contradict each other/],
    [['predict', modelFile, faithful, '--header', '--no-header'], /--header and --no-header contradict/],
    [['fit', faithful, '-k', '2', '--regularization', 'none'], /must be auto or a number >= 0/],
    [
      ['fit', faithful, '-k', '2', '--missing', 'drop'],
      /--missing is "drop", but must be one of error, marginalize/,
    ],
    [['sample', modelFile, '-n', '5', '--missing', 'error'], /unknown option --missing/],
    [['fit', faithful, '-k', '2', '--group', 'g'], /unknown option --group /],
    [['fit', faithful, '-k', '2', '--json=yes'], /--json does not take a value/],
    [['fit', faithful, '-k', '2', '-o', '-'], /use --json/],
    [['predict', modelFile], /DATA is missing/],
    [['predict', '-', '-'], /only one of the files can be -/],
    [['predict', modelFile, faithful, '--json'], /unknown option --json/],
    [['sample', modelFile], /-n is missing/],
    [['sample', modelFile, '-n', '-5'], /-n is "-5", but must be an integer >= 0/],
  ])('%j', async (args, message) => {
    await refused(2, args, message);
  });

  it('takes values in every form', async () => {
    const forms = [['-n', '3'], ['-n3'], ['-n=3'], ['-qn=3'], ['--number', '3'], ['--number=3']];
    const results = await Promise.all(forms.map((form) => run(['sample', modelFile, ...form])));
    for (const result of results) expect(result).toEqual({ ...results[0], code: 0, stderr: '' });
    const file = join(folder, 'equals.csv');
    expect(await run(['sample', modelFile, '-n=3', `-o=${file}`])).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
    expect(readFileSync(file, 'utf8')).toBe(results[0].stdout);
  });

  it('without arguments: the help, on standard error', async () => {
    const { code, stdout, stderr } = await run([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^Usage: gaussmix COMMAND/);
  });

  it('help and version', async () => {
    const general = await run(['--help']);
    expect(general).toMatchObject({ code: 0, stderr: '' });
    expect(general.stdout).toMatch(/^Usage: gaussmix COMMAND/);
    expect((await run(['help'])).stdout).toBe(general.stdout);
    for (const command of ['fit', 'predict', 'score', 'sample']) {
      const help = await run([command, '--help']);
      expect(help).toMatchObject({ code: 0, stderr: '' });
      expect(help.stdout).toMatch(new RegExp(`^Usage: gaussmix ${command} `));
      expect((await run(['help', command])).stdout).toBe(help.stdout);
    }
    expect(await run(['--version'])).toEqual({
      code: 0,
      stderr: '',
      stdout: `gaussmix ${packageJson.version}\n`,
    });
  });
});

it('leaves nothing behind', () => {
  expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});
