// `fit --group-by` as a user runs it: one line per group, against the library's own fits of the same rows.
// Must not depend on time, nor on how many cores there are: interruption waits for what the process says.
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type FitOptions, GaussianMixture, type ModelJSON } from 'gaussmix';
import { describe, expect, it } from 'vitest';
import { finished, run, start, temporaryFolder, writer } from './helpers/command.ts';
import { clusters, generator } from './helpers/data.ts';
import { npyBytes } from './helpers/npy.ts';

const folder = temporaryFolder();
const write = writer(folder);
const isWindows = process.platform === 'win32';

interface Line {
  readonly group: string;
  readonly model?: ModelJSON;
  readonly error?: { readonly code: string; readonly message: string };
}

function linesOf(text: string): Line[] {
  if (text === '') return [];
  expect(text.endsWith('\n')).toBe(true);
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** Runs a fit that must succeed without a word on standard error. */
async function output(args: readonly string[], input?: string | Uint8Array): Promise<string> {
  const { code, stdout, stderr } = await run(['fit', ...args], input);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

/** The line for a group, as it must be to the byte. */
function expectedLine(group: string, rows: number[][], options: FitOptions, featureNames?: string[]): string {
  const json = GaussianMixture.fit(rows, options).toJSON();
  const { format, version, covarianceType, nComponents, nFeatures, ...rest } = json;
  const head = { format, version, covarianceType, nComponents, nFeatures };
  return JSON.stringify({ group, model: { ...head, ...(featureNames && { featureNames }), ...rest } });
}

/** Rows of each group, and all of them in one random order. */
function randomGroups(
  names: readonly string[],
  rowsOf: (i: number) => number,
  seed: number,
): { rows: Map<string, number[][]>; mixed: { group: string; row: number[] }[] } {
  const mixed = names.flatMap((group, i) =>
    clusters(rowsOf(i), 2, 2, seed + i).map((row) => ({ group, row })),
  );
  const uniform = generator(seed);
  for (let i = mixed.length - 1; i > 0; i--) {
    const j = Math.floor(uniform() * (i + 1));
    [mixed[i], mixed[j]] = [mixed[j], mixed[i]];
  }
  const rows = new Map<string, number[][]>();
  for (const { group, row } of mixed) {
    const known = rows.get(group);
    if (known) known.push(row);
    else rows.set(group, [row]);
  }
  return { rows, mixed };
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

describe('groups', () => {
  it('are fitted as the library fits their rows, in the order of their first appearance', async () => {
    const names = [
      'b',
      'a',
      'a longer name than the others',
      '7',
      'Ünïcode',
      '__proto__',
      'constructor',
      'NA',
    ];
    const { rows, mixed } = randomGroups(names, (i) => 30 + 40 * i, 1);
    const text = ['x,name,y', ...mixed.map(({ group, row: [x, y] }) => `${x},${group},${y}`)].join('\n');
    const expected = Array.from(rows, ([group, own]) =>
      expectedLine(group, own, { nComponents: 2 }, ['x', 'y']),
    );
    expect(await output(['-', '-k', '2', '--group-by', 'name'], text)).toBe(`${expected.join('\n')}\n`);
  });

  it('have quoted names with anything in them', async () => {
    const names = ['a, b', 'say "yes"', 'two\nlines', ' padded ', "it's", '{"group": 1}', 'a\u2028b'];
    const { rows, mixed } = randomGroups(names, () => 20, 2);
    const text = mixed.map(({ group, row }) => `${quoted(group)},${row.join(',')}\n`).join('');
    const lines = linesOf(await output(['-', '-k', '1', '--group-by', '1'], text));
    // Blanks around a cell are no part of it, as everywhere.
    expect(lines.map(({ group }) => group)).toEqual(Array.from(rows.keys(), (name) => name.trim()));
    expect(lines.map(({ model }) => model?.fitted?.nSamples)).toEqual(names.map(() => 20));
  });

  it('have numbers as names, in CSV as they are written', async () => {
    const { rows, mixed } = randomGroups(['10', '9', '-1.50', '1e3'], () => 25, 3);
    const text = mixed.map(({ group, row }) => `${row.join(',')},${group}`).join('\n');
    const stdout = await output(['-', '-k', '2', '--group-by', '3', '--json'], text);
    const expected = Array.from(rows, ([group, own]) => expectedLine(group, own, { nComponents: 2 }));
    expect(stdout).toBe(`${expected.join('\n')}\n`);
  });

  it('are found in .npy', async () => {
    const { rows, mixed } = randomGroups(['2', '-0.5', '0', '100000'], () => 25, 4);
    const values = mixed.flatMap(({ group, row }) => [row[0], Number(group), row[1]]);
    // A zero is a zero, whatever its sign.
    const signed = values.map((value, i) => (i % 6 === 1 && value === 0 ? -0 : value));
    const file = write('groups.npy', npyBytes(signed, [mixed.length, 3]));
    const expected = Array.from(rows, ([group, own]) => expectedLine(group, own, { nComponents: 2 }));
    expect(await output([file, '-k', '2', '--group-by', '2'])).toBe(`${expected.join('\n')}\n`);
  });

  it('share the columns, the options and the start', async () => {
    const { rows, mixed } = randomGroups(['p', 'q', 'r'], () => 60, 5);
    const text = ['g,note,x,y', ...mixed.map(({ group, row: [x, y] }) => `${group},?,${x},${y}`)].join('\n');
    const initialization = {
      weights: [0.5, 0.5],
      means: [
        [-1, 0],
        [1, 0],
      ],
    };
    const file = write('start.json', JSON.stringify(initialization));
    const chosen = ['--group-by', 'g', '--columns', 'y,x', '--init', file, '--covariance', 'diag'];
    const more = ['--max-iterations', '30', '--tolerance', '1e-9', '--regularization', '0.01'];
    const expected = Array.from(rows, ([group, own]) =>
      expectedLine(
        group,
        own.map(([x, y]) => [y, x]),
        {
          nComponents: 2,
          covarianceType: 'diag',
          initialization,
          maxIterations: 30,
          tolerance: 1e-9,
          regularization: 0.01,
        },
        ['y', 'x'],
      ),
    );
    expect(await output(['-', '-k', '2', ...chosen, ...more], text)).toBe(`${expected.join('\n')}\n`);
  });

  it('have weights', async () => {
    const { rows, mixed } = randomGroups(['p', 'q'], () => 50, 6);
    const weightOf = ([x]: number[]): number => 1 + (Math.floor(Math.abs(x) * 1000) % 3);
    const text = mixed.map(({ group, row }) => `${group},${row.join(',')},${weightOf(row)}`).join('\n');
    const stdout = await output(['-', '-k', '2', '--group-by', '1', '--weights', '4', '--seed', '3'], text);
    const expected = Array.from(rows, ([group, own]) =>
      expectedLine(group, own, { nComponents: 2, seed: 3, sampleWeight: own.map(weightOf) }),
    );
    expect(stdout).toBe(`${expected.join('\n')}\n`);
  });

  it('may be one, or one per row', async () => {
    expect(linesOf(await output(['-', '-k', '1', '--group-by', '1'], 'a,1\na,2\na,3\n'))).toHaveLength(1);
    const { code, stdout } = await run(['fit', '-', '-k', '1', '--group-by', 'g'], 'g,x\n1,1\n2,2\n');
    expect(code).toBe(1);
    expect(linesOf(stdout).map(({ error }) => error?.code)).toEqual(['DEGENERATE_DATA', 'DEGENERATE_DATA']);
  });
});

describe('threads', () => {
  it('do not change a byte of 20,000 small groups', async () => {
    const count = 20_000;
    const uniform = generator(7);
    const rows = Array.from({ length: count }, () => [] as number[][]);
    const text: string[] = ['x,y,id'];
    for (let i = 0; i < 6 * count; i++) {
      const row = [Math.round(1e4 * uniform()) / 1e3, Math.round(1e4 * uniform()) / 1e3];
      // A prime: each group gets its rows from all over the file.
      const id = i < count ? i : (i * 7919) % count;
      // Every thousandth has too few rows.
      if (id % 1000 === 999 && i >= count) continue;
      rows[id].push(row);
      text.push(`${row.join(',')},customer ${id}`);
    }
    const file = write('many.csv', text.join('\n'));
    const options = ['-k', '2', '--covariance', 'diag', '--max-iterations', '20', '--group-by', 'id'];
    const written: string[] = [];
    for (const threads of ['1', '2', '3']) {
      const models = join(folder, `many-${threads}.ndjson`);
      const more = ['--threads', threads, '-o', models];
      const { code, stdout, stderr } = await run(['fit', file, ...options, ...more]);
      expect(code).toBe(1);
      expect(stdout).toMatch(
        /^20000 groups: 19980 fitted \(\d+ NOT converged: .*\), 20 could not be fitted; saved in .*-\d.ndjson\n$/,
      );
      expect(stderr).toContain(
        'gaussmix: group "customer 999": -k is 2, but the group has only 1 row: ask for at most as many components as ' +
          'there are rows\ngaussmix: group "customer 1999": ',
      );
      expect(stderr).toMatch(/\ngaussmix: 10 more groups could not be fitted: 20 of 20000 in all\n$/);
      expect(stderr.split('\n')).toHaveLength(12);
      written.push(readFileSync(models, 'utf8'));
    }
    expect(written[1] === written[0]).toBe(true);
    expect(written[2] === written[0]).toBe(true);
    const found = written[0].trimEnd().split('\n');
    expect(found).toHaveLength(count);
    const fit: FitOptions = { nComponents: 2, covarianceType: 'diag', maxIterations: 20 };
    const differ = rows.filter((own, id) => {
      if (id % 1000 === 999)
        return !found[id].startsWith(`{"group":"customer ${id}","error":{"code":"TOO_FEW`);
      return found[id] !== expectedLine(`customer ${id}`, own, fit, ['x', 'y']);
    });
    expect(differ).toHaveLength(0);
  });

  it('share a few large groups', async () => {
    const { rows, mixed } = randomGroups(['a', 'b', 'c'], (i) => 40_000 + 3 * i, 8);
    const values = mixed.flatMap(({ group, row }) => [group.charCodeAt(0), ...row]);
    const file = write('large.npy', npyBytes(values, [mixed.length, 3]));
    const stdout = await output([file, '-k', '2', '--group-by', '1', '--threads', '2']);
    const expected = Array.from(rows, ([group, own]) =>
      expectedLine(String(group.charCodeAt(0)), own, { nComponents: 2 }),
    );
    expect(stdout === `${expected.join('\n')}\n`).toBe(true);
  });
});

describe('groups that cannot be fitted', () => {
  const good = (name: string): string =>
    [`${name},1,2,1`, `${name},2,1,1`, `${name},3,5,1`, `${name},4,4,1`].join('\n');
  const bad = [
    'g,x,y,w',
    'single,1,2,1',
    good('first'),
    'constant,1,2,1\nconstant,1,3,1\nconstant,1,5,1',
    'weightless,1,2,0\nweightless,2,1,0',
    'huge,1,2,1\nhuge,2,1e200,1',
    good('last'),
  ].join('\n');
  const args = ['fit', '-', '-k', '2', '--group-by', 'g', '--weights', 'w'];

  it('have an error in their place, and the others are finished', async () => {
    const { code, stdout, stderr } = await run(args, bad);
    expect(code).toBe(1);
    const lines = linesOf(stdout);
    expect(lines.map(({ group, error }) => [group, error?.code])).toEqual([
      ['single', 'TOO_FEW_ROWS'],
      ['first', undefined],
      ['constant', 'DEGENERATE_DATA'],
      ['weightless', 'INVALID_OPTION'],
      ['huge', 'INVALID_VALUE'],
      ['last', undefined],
    ]);
    for (const { model, error } of lines) {
      if (model) expect(GaussianMixture.fromJSON(model).featureNames).toEqual(['x', 'y']);
      if (error) expect(Object.keys(error)).toEqual(['code', 'message']);
    }
    // Not of the file: its rows and columns, in the words of the command line.
    expect(lines[2].error?.message).toMatch(/^column 2 \("x"\) has the same value in every row/);
    expect(lines[3].error?.message).toMatch(/^--weights is 0 for every row/);
    // The twelfth row of the file, though it is the second of its group.
    expect(lines[4].error?.message).toMatch(
      /^data: row 12 of the data \(from 1, without a header\), column 3 \("y"\) is 1e\+200\. It is too large/,
    );
    const failed = lines.filter(({ error }) => error);
    expect(stderr).toBe(
      failed.map(({ group, error }) => `gaussmix: group "${group}": ${error?.message}\n`).join(''),
    );
  });

  it('are counted, also with --quiet, and as JSON with --json', async () => {
    const file = join(folder, 'some.ndjson');
    const { code, stdout, stderr } = await run([...args, '-o', file, '--quiet'], bad);
    expect({ code, stdout }).toEqual({
      code: 1,
      stdout: `6 groups: 2 fitted, 4 could not be fitted; saved in ${file}\n`,
    });
    expect(stderr.match(/^gaussmix: group "/gm)).toHaveLength(4);
    expect(linesOf(readFileSync(file, 'utf8'))).toHaveLength(6);
    const json = await run([...args, '-o', file, '--json'], bad);
    expect(JSON.parse(json.stdout)).toEqual({
      groups: 6,
      fitted: 2,
      notConverged: 0,
      failed: 4,
      interrupted: false,
    });
  });

  it('are none when the start is wrong for all of them', async () => {
    const file = write('wrong.json', '{"means": [[1], [2]]}');
    const models = join(folder, 'never.ndjson');
    const { code, stdout, stderr } = await run([...args, '--init', file, '-o', models], bad);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^gaussmix: [^\n]*wrong\.json: [^\n]*2 x 1[^\n]*\n$/);
    expect(existsSync(models)).toBe(false);
  });
});

describe('what is refused', () => {
  const csv = 'g,x,w\na,1,1\na,2,1\n,3,1\n';
  it.each([
    ['an unknown column', ['--group-by', 'h'], 1, /--group-by: there is no column "h" in .*: g, x, w\n/],
    ['two columns', ['--group-by', 'g,x'], 1, /--group-by "g,x" must be one column\n/],
    ['the weights', ['--group-by', 'w', '--weights', '3'], 1, /--weights and --group-by both name column 3/],
    ['no feature', ['--group-by', 'g', '--columns', 'g'], 1, /no column is left to be a feature/],
    [
      'an empty cell',
      ['--group-by', 'g', '--columns', 'x'],
      1,
      /line 4: column 1 \("g"\): the cell is empty;/,
    ],
    ['no column', ['--group-by', ''], 2, /--group-by is empty/],
    ['no threads', ['--group-by', 'g', '--threads', '0'], 2, /--threads is "0", .* from 1 to 256/],
    ['too many threads', ['--group-by', 'g', '--threads', '257'], 2, /--threads is "257", .* from 1 to 256/],
    ['threads for one fit', ['--threads', '2'], 2, /--threads goes with --group-by/],
  ])('%s', async (_, options, code, message) => {
    const found = await run(['fit', '-', '-k', '1', ...options], csv);
    expect(found).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(message) });
    expect(found.stderr).toMatch(/^gaussmix: [^\n]+\n$/);
  });

  it('a group that is no number in .npy', async () => {
    const bytes = npyBytes([1, 2, Number.NaN, 4], [2, 2]);
    const { code, stderr } = await run(['fit', '-', '-k', '1', '--group-by', '1'], bytes);
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('a[1, 0] is nan') });
  });
});

describe('output', () => {
  const rows = Array.from({ length: 4000 }, (_, i) => `g${i % 1000},${Math.sin(i)},${Math.cos(3 * i)}`);
  const file = write('output.csv', rows.join('\n'));
  const fit = ['fit', file, '-k', '1', '--group-by', '1'];
  /** So many restarts that nobody can be too late to interrupt. */
  const long = ['fit', file, '-k', '2', '--n-init', '500', '--group-by', '1', '--threads', '2'];

  it('goes to standard output, also when that is said', async () => {
    const { code, stdout } = await run([...fit, '-o', '-']);
    expect(code).toBe(0);
    expect(linesOf(stdout)).toHaveLength(1000);
  });

  it('describes each group with --verbose', async () => {
    const { stderr } = await run([...fit, '--verbose']);
    expect(stderr).toMatch(
      /^(group "g\d+": 4 rows, \d iterations?, log-likelihood -?\d+\.\d{6} nats per row\n){1000}$/,
    );
  });

  it.skipIf(isWindows)('may lose its reader', async () => {
    const child = start(long);
    const ended = once(child, 'close');
    let stderr = '';
    child.stderr.on('data', (block) => {
      stderr += block;
    });
    await once(child.stdout, 'data');
    child.stdout.destroy();
    expect(await ended).toEqual([0, null]);
    expect(stderr).toBe('');
  });

  it.skipIf(!existsSync('/dev/full'))('does not fit on a full disk', async () => {
    const { code, stdout, stderr } = await run([...fit, '-o', '/dev/full']);
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr: 'gaussmix: cannot write /dev/full: no space left on the device\n',
    });
  });

  it.skipIf(isWindows)('has the finished groups after Ctrl-C, and is not seen before', async () => {
    const models = join(folder, 'interrupted.ndjson');
    const child = start([...long, '-o', models, '--verbose']);
    const ended = finished(child);
    await once(child.stderr, 'data');
    expect(existsSync(models)).toBe(false);
    child.kill('SIGINT');
    const { code, stdout } = await ended;
    expect(code).toBe(130);
    const [, fitted, unfinished] =
      /^1000 groups: (\d+) fitted.*, (\d+) not finished: interrupted; saved in /.exec(stdout) ?? [];
    expect(Number(fitted)).toBeGreaterThan(0);
    expect(Number(unfinished)).toBeGreaterThan(0);
    expect(Number(fitted) + Number(unfinished)).toBe(1000);
    const lines = linesOf(readFileSync(models, 'utf8'));
    expect(lines).toHaveLength(Number(fitted));
    const numbers = lines.map(({ group }) => Number(group.slice(1)));
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    for (const { model } of lines) expect(model?.fitted).toMatchObject({ runs: 500, nSamples: 4 });
    expect(readdirSync(folder).filter((name) => name.includes('.tmp'))).toEqual([]);
  });

  it.skipIf(isWindows)('ends with a whole line after Ctrl-C', async () => {
    const child = start(long);
    const ended = finished(child);
    await once(child.stdout, 'data');
    child.kill('SIGINT');
    const { code, stdout, stderr } = await ended;
    expect({ code, stderr }).toEqual({ code: 130, stderr: '' });
    const lines = linesOf(stdout);
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.length).toBeLessThan(1000);
  });
});

it('is in the help', async () => {
  const help = await output(['--help']);
  expect(help).toMatch(/--group-by COLUMN/);
  expect(help).toMatch(/--threads N/);
});
