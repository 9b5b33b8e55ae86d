// gaussmix-spark: the models of `gaussmix fit` byte for byte, without Spark and on a real cluster of two workers.
// Needs a Python with pyspark, wasmtime, pyarrow and numpy ($GAUSSMIX_SPARK_PYTHON, else python3), and Java 17 for the
// cluster; what is not there is named. Must not depend on time.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { internals } from 'gaussmix';
import { describe, expect, it, type TestContext } from 'vitest';
import { run, temporaryFolder } from './helpers/command.ts';
import { leftOut } from './helpers/left-out.ts';

const python = process.env.GAUSSMIX_SPARK_PYTHON ?? 'python3';
const folder = temporaryFolder();
const script = (name: string): string => fileURLToPath(new URL(`spark/${name}`, import.meta.url));

/** Names of modules that Python lacks. */
function lacking(...modules: readonly string[]): string | undefined {
  const absent = modules.filter((name) => {
    try {
      execFileSync(python, ['-c', `import ${name}`], { stdio: 'ignore' });
      return false;
    } catch {
      return true;
    }
  });
  return absent.length === 0 ? undefined : `${python} has no ${absent.join(', ')}`;
}

type Printed = Record<string, unknown> & { readonly name: string };

/** Lines of JSON that a Python program prints. */
function printed(args: readonly string[]): readonly Printed[] {
  const text = execFileSync(python, args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, PYSPARK_PYTHON: python, GAUSSMIX_NODE: process.execPath },
  });
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Printed);
}

/** What `gaussmix fit -o` writes. */
async function commandLine(data: string, args: readonly string[]): Promise<string> {
  const output = join(folder, 'expected.json');
  const given = args.map((arg) => (arg === 'FAR' ? farFile() : arg));
  const { code, stderr } = await run(['fit', join(folder, `${data}.parquet`), '-q', '-o', output, ...given]);
  expect([code, stderr]).toEqual([0, '']);
  return readFileSync(output, 'utf8');
}

const SMALL = { columns: ['a', 'b', 'c'], n_components: 3, max_iterations: 8, tolerance: 0 };
const small = ['--columns', 'a,b,c', '-k', '3', '--max-iterations', '8', '--tolerance', '0'];
const GAPS = { n_components: 3, max_iterations: 5, tolerance: 0, sample_weight: 'w', missing: 'marginalize' };
const gaps = [
  '-k',
  '3',
  '--max-iterations',
  '5',
  '--tolerance',
  '0',
  '--weights',
  'w',
  '--missing',
  'marginalize',
];
const far = {
  means: [
    [0, 0, 0],
    [2, 2, 100],
    [1e4, 1e4, 1e6],
  ],
};

interface Case {
  readonly name: string;
  readonly data: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly args: readonly string[];
  /** What befalls the processes that hold partitions: see local.py. */
  readonly happens?: Readonly<Record<string, unknown>>;
}

/** Models, and how the command line is asked for them. */
const models: readonly Case[] = [
  { name: 'one partition', data: 'small', options: { ...SMALL, partitions: 1 }, args: small },
  { name: 'two partitions', data: 'small', options: { ...SMALL, partitions: 2 }, args: small },
  { name: 'seven partitions', data: 'small', options: { ...SMALL, partitions: 7 }, args: small },
  { name: 'as it likes', data: 'small', options: SMALL, args: small },
  { name: 'nothing kept', data: 'small', options: { ...SMALL, cache_bytes: 0 }, args: small },
  {
    name: 'weights',
    data: 'small',
    options: { ...SMALL, sample_weight: 'w', seed: 2 },
    args: [...small, '--weights', 'w', '--seed', '2'],
  },
  {
    name: 'another model, restarts',
    data: 'small',
    options: { ...SMALL, covariance_type: 'VVE', n_init: 2, short_runs: 2, start: 'k-means++' },
    args: [...small, '--covariance', 'VVE', '--n-init', '2', '--short-runs', '2', '--init', 'k-means++'],
  },
  {
    name: 'a prior',
    data: 'small',
    options: { ...SMALL, covariance_type: 'diag', prior: 'default' },
    args: [...small, '--covariance', 'diag', '--prior'],
  },
  {
    // The third component loses all rows: it is put where rows are explained worst.
    name: 'a component that starts empty',
    data: 'small',
    options: { ...SMALL, start: far },
    args: [...small, '--init', 'FAR'],
  },
  {
    name: 'more rows than a start looks at',
    data: 'large',
    options: { n_components: 3, columns: ['x0', 'x1'], max_iterations: 4, seed: 2 ** 40 + 5 },
    args: ['-k', '3', '--columns', 'x0,x1', '--max-iterations', '4', '--seed', String(2 ** 40 + 5)],
  },
  {
    name: 'so many rows with weights',
    data: 'large',
    options: { n_components: 3, sample_weight: 'w', max_iterations: 4, partitions: 5 },
    args: ['-k', '3', '--weights', 'w', '--max-iterations', '4'],
  },
  {
    name: 'components far apart',
    data: 'apart',
    options: { n_components: 16, max_iterations: 6, tolerance: 0, partitions: 2 },
    args: ['-k', '16', '--max-iterations', '6', '--tolerance', '0'],
  },
  ...['full', 'tied', 'EVI'].map((covariance) => ({
    name: `missing values, ${covariance}`,
    data: 'gaps',
    options: { ...GAPS, covariance_type: covariance, partitions: 2 },
    args: [...gaps, '--covariance', covariance],
  })),
  {
    // As above, among rows that can be compared only with credit for what they lack.
    name: 'a component that starts empty beside missing values',
    data: 'gaps',
    options: { ...GAPS, start: far },
    args: [...gaps, '--init', 'FAR'],
  },
];

const WIDE = { n_components: 32, max_iterations: 12, tolerance: 0, start: 'k-means++', partitions: 2 };
const wide = ['-k', '32', '--max-iterations', '12', '--tolerance', '0', '--init', 'k-means++'];

/** Fits whose passes are over active pairs, of partitions that processes keep. */
const kept: readonly Case[] = [
  ...['full', 'tied', 'diag', 'spherical'].map((covariance) => ({
    name: `kept, ${covariance}`,
    data: 'wide',
    options: {
      ...WIDE,
      columns: Array.from({ length: 32 }, (_, i) => `x${i}`),
      covariance_type: covariance,
      n_init: 2,
    },
    args: [
      ...wide,
      '--covariance',
      covariance,
      '--n-init',
      '2',
      '--columns',
      Array.from({ length: 32 }, (_, i) => `x${i}`).join(','),
    ],
  })),
  ...[
    { name: 'kept, weights' },
    { name: 'kept, memory for one of two', memory_bytes: 4_000_000 },
    { name: 'kept, no memory', memory_bytes: 0 },
    { name: 'kept, memory for one of two fits', memory_bytes: 8_000_000, happens: { times: 2 } },
    { name: 'kept, three processes', happens: { processes: 3 } },
    { name: 'kept, passes that fail', happens: { fails: 5 } },
    { name: 'kept, few addresses', happens: { limit: true } },
  ].map(({ name, happens, ...more }) => ({
    name,
    data: 'wide',
    // A start from which components move, so that bounds age.
    options: {
      ...WIDE,
      start: 'random-from-data',
      seed: 2,
      max_iterations: 40,
      sample_weight: 'w',
      ...more,
    },
    args: [
      ...[
        '-k',
        '32',
        '--max-iterations',
        '40',
        '--tolerance',
        '0',
        '--init',
        'random-from-data',
        '--seed',
        '2',
      ],
      ...['--weights', 'w'],
    ],
    ...(happens && { happens }),
  })),
];

/** What is refused, and a part of what is said. */
const refusals: readonly (Omit<Case, 'args'> & {
  readonly says: string;
  readonly paths?: readonly string[];
})[] = [
  {
    name: 'a missing column',
    data: 'small',
    options: { ...SMALL, columns: ['a', 'z'] },
    says: 'has no column "z"',
  },
  {
    name: 'a column of text',
    data: 'small',
    options: { n_components: 2 },
    says: 'column "group" holds no numbers',
  },
  {
    name: 'a damaged footer',
    data: 'damaged.parquet',
    options: SMALL,
    says: 'damaged.parquet is no Parquet file',
  },
  { name: 'damaged pages', data: 'spoilt.parquet', options: SMALL, says: 'spoilt.parquet cannot be read' },
  { name: 'no such path', data: 'nowhere', options: SMALL, says: 'no such file or folder' },
  { name: 'a missing value', data: 'gaps', options: { n_components: 2 }, says: 'is missing (null or NaN)' },
  {
    name: 'a row without any value',
    data: 'nothing',
    options: { n_components: 1, missing: 'marginalize' },
    says: 'row 2 (from 0) has no value at all',
  },
  {
    name: 'too many components',
    data: 'small',
    options: { ...SMALL, n_components: 30001 },
    says: 'n_components is 30001',
  },
  {
    name: 'an unknown option',
    data: 'small',
    options: { ...SMALL, colour: 1 },
    says: 'unknown option colour',
  },
  {
    name: 'a value out of range',
    data: 'small',
    options: { ...SMALL, max_iterations: -1 },
    says: 'max_iterations is -1',
  },
];

const pairs = [0, 1, 2 ** 40 + 5, Number.MAX_SAFE_INTEGER].flatMap((seed) =>
  [0, 1, 4097, 2 ** 32 - 1, 2 ** 32, 2 ** 45 + 77].map((row) => [seed, row] as const),
);

let answered: readonly Printed[] | undefined;

/** What local.py prints; the files of all tests are made by it. */
function local(): readonly Printed[] {
  const cases: readonly Omit<Case, 'args'>[] = [...models, ...refusals, ...kept];
  answered ??= printed([script('local.py'), folder, JSON.stringify(cases), JSON.stringify(pairs)]);
  return answered;
}

describe('without Spark', () => {
  it('has the bytes of the command line, and says what is wrong', async (context: TestContext) => {
    const absent = lacking('wasmtime', 'pyarrow', 'numpy');
    if (absent) leftOut(context, absent);
    const [hashes, ...found] = local();
    expect(hashes.hashes).toEqual(pairs.map(([seed, row]) => internals.hashRow(seed, row)));
    const by = (name: string) => found.find((one) => one.name === name);
    for (const { name, data, args } of models) {
      expect([name, by(name)?.model ?? by(name)?.error]).toEqual([name, await commandLine(data, args)]);
    }
    expect(by('seven partitions')?.partitions).toBe(7);
    expect(by('one partition')?.files).toBe(1);
    // One per core; no more than 128 MiB each; and not so many that the driver is busy with them.
    expect(by('divided')?.counts).toEqual([2, 2, 477, 3726]);
    expect(by('a component that starts empty')?.asked).toContain('worst');
    expect(by('no Node')?.error).toMatch(/Node cannot be started/);
    for (const { name, says } of refusals)
      expect([name, by(name)?.error]).toEqual([name, expect.stringContaining(says)]);
  });

  it('has these bytes whatever processes keep, and loses it as memory asks', async (context: TestContext) => {
    const absent = lacking('wasmtime', 'pyarrow', 'numpy');
    if (absent) leftOut(context, absent);
    const by = (name: string) => local().find((one) => one.name === name);
    for (const { name, data, args } of kept) {
      const found = by(name);
      expect([name, found?.model ?? found?.error]).toEqual([name, await commandLine(data, args)]);
      expect([name, found?.within]).toEqual([name, true]);
    }
    const count = (name: string, what: string) => Number(by(name)?.[what]);
    for (const { name } of kept.slice(0, 4)) {
      // Two partitions, two runs, between which passes are over all pairs.
      expect(by(name)).toMatchObject({ name, read: 4, kept: 2, frugal: false });
      expect([name, count(name, 'bounded')]).toEqual([name, count(name, 'passes') - 8]);
    }
    expect(by('kept, weights')).toMatchObject({ read: 2, kept: 2 });
    // Bounds have aged, and were made anew.
    expect(count('kept, weights', 'sorted')).toBeGreaterThan(2);
    expect(by('kept, memory for one of two')).toMatchObject({ read: 1, kept: 1 });
    expect(by('kept, no memory')).toMatchObject({ passes: 0, kept: 0 });
    expect(by('kept, memory for one of two fits')).toMatchObject({ read: 4, kept: 2 });
    // Each has met both partitions by and by.
    expect(by('kept, three processes')).toMatchObject({ read: 6, kept: 6 });
    expect(count('kept, passes that fail', 'failed')).toBeGreaterThan(10);
    expect(count('kept, passes that fail', 'read')).toBe(2 + count('kept, passes that fail', 'failed'));
    expect(by('kept, few addresses')).toMatchObject({ read: 2, kept: 2, frugal: true });
  });
});

/** Of each kind of process: more in a run by hand (GAUSSMIX_SPARK_KILLS=3). */
const kills = Number(process.env.GAUSSMIX_SPARK_KILLS ?? 1);
/** Starting Spark's many processes on a busy machine of two cores takes minutes. */
const SPARK_MS = 1_500_000;

function withoutSpark(): string | undefined {
  const absent = lacking('pyspark', 'pandas', 'wasmtime', 'pyarrow', 'numpy');
  if (absent) return absent;
  try {
    execFileSync(process.env.JAVA_HOME ? join(process.env.JAVA_HOME, 'bin/java') : 'java', ['-version'], {
      stdio: 'ignore',
    });
    return undefined;
  } catch {
    return 'there is no Java';
  }
}

describe('on Spark', () => {
  it('a cluster of two workers has the same bytes, whoever is killed', {
    timeout: SPARK_MS,
  }, async (context) => {
    const absent = withoutSpark();
    if (absent) leftOut(context, absent);
    local();
    const chosen = /^(one|two|seven) partition|with weights$|^kept, weights$/;
    const cases = [...models, ...kept].filter(({ name }) => chosen.test(name));
    const iterations = 8;
    const found = printed([script('on_cluster.py'), folder, JSON.stringify({ cases, kills, iterations })]);
    const by = (name: string) => found.filter((one) => one.name === name);
    for (const { name, data, args } of cases) {
      expect([name, by(name)[0]?.model]).toEqual([name, await commandLine(data, args)]);
    }
    const expected = await commandLine('small', small);
    for (const kind of ['python', 'executor', 'driver']) {
      const ended = by(`${kind} killed`);
      expect([kind, ended.length, ended.map((one) => one.killed)]).toEqual([
        kind,
        kills,
        Array(kills).fill(1),
      ]);
      for (const { model } of ended) expect([kind, model]).toEqual([kind, expected]);
    }
    // The fit went on where it was.
    for (const { iteration, after } of by('driver killed')) {
      expect([Number(iteration) > 0, after]).toEqual([true, iterations - Number(iteration)]);
    }
    for (const kind of ['full', 'tied', 'diag', 'EVI', 'spherical'])
      await comparePredictions(by(`predict ${kind}`)[0]);
    await comparePredictions(by('predict missing')[0], 'gaps', ['--missing', 'marginalize']);
    await compareGroups(found);
    expect(by('groups in any order')[0]?.same).toBe(true);
    const says: Readonly<Record<string, string>> = {
      'no folder': 'the rows of a DataFrame have no order',
      'a folder that exists': 'written exists already: give its path',
      'predict without a column': 'has no column "c"',
      'predict text': 'column "group" holds no numbers but string',
      'groups with a wrong option': 'max_iterations is -1',
      'missing column': 'has no column "z"',
      'damaged pages': 'spoilt.parquet cannot be read',
      'no wasmtime': 'an executor cannot import wasmtime: install wasmtime for the Python of the executors',
    };
    for (const [name, part] of Object.entries(says)) {
      expect([name, by(name)[0]?.error]).toEqual([name, expect.stringContaining(part)]);
    }
  });

  it('gaussmix spark fit brings the model back', { timeout: SPARK_MS }, async (context) => {
    const absent = withoutSpark();
    if (absent) leftOut(context, absent);
    local();
    const output = join(folder, 'submitted.json');
    const args = [
      'spark',
      'fit',
      join(folder, 'small'),
      ...small,
      '--master',
      'local[2]',
      '--partitions',
      '3',
    ];
    process.env.PYSPARK_PYTHON = python;
    const { code, stdout, stderr } = await run([...args, '-v', '-o', output]);
    expect([code, readFileSync(output, 'utf8')]).toEqual([0, await commandLine('small', small)]);
    expect(stderr.trim().split('\n').length).toBe(8);
    expect(stdout).toMatch(/30000 rows x 3 columns \(a, b, c\)\n.*3 components, full covariance/);
    const wrong = await run(['spark', 'fit', join(folder, 'nowhere'), '-k', '2', '--master', 'local[1]']);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toBe(`gaussmix: ${join(folder, 'nowhere')}: no such file or folder\n`);
    const { JAVA_HOME } = process.env;
    process.env.JAVA_HOME = '/nowhere';
    try {
      const without = await run([...args, '-q']);
      expect([without.code, without.stderr]).toEqual([
        1,
        expect.stringContaining('Spark finds no Java: install Java 17'),
      ]);
    } finally {
      if (JAVA_HOME === undefined) delete process.env.JAVA_HOME;
      else process.env.JAVA_HOME = JAVA_HOME;
    }
  });
});

describe('gaussmix spark', () => {
  it.each([
    [['spark'], 'fit is missing'],
    [['spark', 'fit'], 'PATH is missing'],
    [['spark', 'dance', 'x', '-k', '2'], '"dance" is nothing to do on Spark'],
    [['spark', 'fit', 'x'], '-k is missing'],
    [['spark', 'fit', '-', '-k', '2'], 'Spark cannot read standard input'],
    [['spark', 'fit', 'x', '-k', '2', '--conf', 'a'], '--conf "a" is no setting=value'],
    [['spark', 'fit', 'x', '-k', '2', '--resume'], '--resume goes with --checkpoint'],
    [['spark', 'fit', 'x', '-k', '2', '-o', '-'], '-o - : use --json'],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await run(args);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
  });

  it('says when spark-submit is not there', async () => {
    const { code, stderr } = await run([
      'spark',
      'fit',
      'x',
      '-k',
      '2',
      '--spark-submit',
      '/nowhere/spark-submit',
    ]);
    expect([code, stderr]).toEqual([
      1,
      'gaussmix: --spark-submit /nowhere/spark-submit: there is no such program\n',
    ]);
  });
});

/** Labels and responsibilities to the bit of `gaussmix predict`. */
async function comparePredictions(
  { name, model, text }: Printed,
  data: string = 'small',
  more: readonly string[] = [],
): Promise<void> {
  const file = join(folder, 'predicting.json');
  writeFileSync(file, String(model));
  const { stdout, stderr } = await run([
    'predict',
    file,
    join(folder, `${data}.parquet`),
    '--proba',
    '-q',
    ...more,
  ]);
  expect([name, stderr]).toEqual([name, '']);
  const numbers = (lines: readonly string[]) => lines.map((line) => line.split(',').map(Number));
  const found = numbers(String(text).split('\n'));
  expect(found.length).toBeGreaterThanOrEqual(5000);
  expect(found).toEqual(
    numbers(
      stdout
        .trim()
        .split('\n')
        .slice(1, found.length + 1),
    ),
  );
}

async function compareGroups(found: readonly Printed[]): Promise<void> {
  const output = join(folder, 'groups.ndjson');
  const args = [
    '-k',
    '2',
    '--columns',
    'a,b,c',
    '--group-by',
    'group',
    '--max-iterations',
    '4',
    '-q',
    '-o',
    output,
  ];
  await run(['fit', join(folder, 'small.parquet'), ...args]);
  const lines = readFileSync(output, 'utf8').trim().split('\n');
  expect(lines.length).toBe(4);
  for (const line of lines) {
    const { group, model } = JSON.parse(line) as { group: string; model?: object };
    const one = found.find(({ name }) => name === `group ${group}`);
    if (model) expect([group, one?.model]).toEqual([group, JSON.stringify(model)]);
    else
      expect([group, one?.rows, one?.error]).toEqual([
        'alone',
        1,
        expect.stringContaining('n_components is 2'),
      ]);
  }
}

function farFile(): string {
  const file = join(folder, 'far.json');
  writeFileSync(file, JSON.stringify(far));
  return file;
}
