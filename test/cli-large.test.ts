// `gaussmix fit` under a memory limit, and interrupted at any moment: the same model to the bit, in the memory promised.
// Must not depend on time: processes are killed at a checkpoint, or by a write, of a number drawn beforehand.
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Finished, finished, run, start, temporaryFolder, writer } from './helpers/command.ts';
import { clusters, generator } from './helpers/data.ts';
import { npyBytes } from './helpers/npy.ts';

const folder = temporaryFolder();
const write = writer(folder);
const spools = join(folder, 'spools');
mkdirSync(spools);
const [n, d] = [20_000, 3];
const rows = clusters(n, d, 4, 1, 3);
const names = ['x', 'y', 'weight'];
/** The last column serves as the weight in some tests. */
const weighted = rows.map((row) => [row[0], row[1], Math.abs(row[2])]);
const npy = write('rows.npy', npyBytes(weighted.flat(), [n, d]));
const csv = write('rows.csv', `${names.join()}\n${weighted.map((row) => row.join()).join('\n')}\n`);
const parquet = write(
  'rows.parquet',
  new Uint8Array(
    parquetWriteBuffer({
      columnData: names.map((name, j) => ({
        name,
        data: weighted.map((row) => row[j]),
        type: 'DOUBLE' as const,
      })),
      rowGroupSize: 3000,
    }),
  ),
);
const floats = write('floats.npy', npyBytes(weighted.flat(), [n, d], { descr: '<f4' }));
const isWindows = process.platform === 'win32';
const isLinux = process.platform === 'linux';
if (!isLinux)
  console.warn('cli-large.test.ts: peak memory is read from /proc, which only Linux has: left out');
if (isWindows) console.warn('cli-large.test.ts: signals are left out on Windows');

const options = ['-k', '4', '--n-init', '2', '--max-iterations', '6', '--tolerance', '0', '--json'];
/** The rows take 480 kB, twice. */
const SMALL = ['--memory', '500KiB', '--temporary', spools];

/** The model, and that nothing is left of a temporary file. */
async function fitted(args: readonly string[]): Promise<{ model: string; stderr: string }> {
  const { code, stdout, stderr } = await run(['fit', ...args]);
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  expect(readdirSync(spools)).toEqual([]);
  return { model: stdout, stderr };
}

describe('--memory', () => {
  it.each([
    ['.npy, from the file itself', npy, [], 'rows.npy'],
    ['.npy of float32', floats, [], 'floats.npy'],
    ['.npy, some columns', npy, ['--columns', '2,1'], 'rows.npy'],
    ['.npy with weights', npy, ['--weights', '3'], 'rows.npy'],
    ['CSV', csv, [], 'temporary file'],
    ['CSV with weights', csv, ['--weights', 'weight'], 'temporary file'],
    ['Parquet', parquet, [], 'temporary file'],
    ['Parquet with weights', parquet, ['--columns', 'y,x', '--weights', 'weight'], 'temporary file'],
  ])('changes no bit of a fit to %s', async (_, file, more, from) => {
    const args = [file, ...options, ...more];
    const inMemory = await fitted(args);
    expect(inMemory.stderr).toBe('');
    const streamed = await fitted([...args, ...SMALL]);
    expect(streamed.model).toBe(inMemory.model);
    expect(streamed.stderr).toMatch(
      /note: the rows do not fit into memory: .* of numbers, read from .* in each pass/,
    );
    expect(streamed.stderr).toContain(from);
  });

  it('changes no bit of a fit to standard input', async () => {
    const text = readFileSync(csv);
    const inMemory = await run(['fit', '-', ...options], text);
    const streamed = await run(['fit', '-', ...options, ...SMALL], text);
    expect(streamed.stdout).toBe(inMemory.stdout);
    expect(streamed.stderr).toContain('temporary file');
  });

  it('says in the summary how rows were read, and not where they fit', async () => {
    const args = ['fit', csv, '-k', '2', '--max-iterations', '2'];
    const { stdout } = await run([...args, ...SMALL]);
    expect(stdout).toMatch(
      /^Streamed {8}469 KiB of numbers, read from a temporary file in .*spools in each pass \(--memory 500 KiB\)$/m,
    );
    expect((await run([...args, '--memory', '1MB'])).stdout).not.toContain('Streamed');
  });

  it('names the place of a bad value as without it', async () => {
    const bad = weighted.flat();
    bad[3 * 19_000 + 1] = Number.NaN;
    const file = write('bad.npy', npyBytes(bad, [n, d]));
    const plain = await run(['fit', file, ...options]);
    expect(plain.stderr).toMatch(/bad\.npy: a\[19000, 1\] is nan/);
    expect(await run(['fit', file, ...options, ...SMALL])).toEqual({
      ...plain,
      stderr: expect.stringContaining(plain.stderr),
    });
  });

  it.each([
    ['--memory', '2', /--memory is "2", but must be a size such as 512MiB or 2GB/],
    ['--memory', '-1GB', /--memory is "-1GB"/],
    ['--memory', '5 parsecs', /must be a size/],
    ['--temporary', '', /--temporary is empty/],
  ])('refuses %s %s', async (option, value, message) => {
    const { code, stderr } = await run(['fit', npy, '-k', '2', option, value]);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });

  it('says which folder a temporary file cannot be written to', async () => {
    const missing = join(folder, 'missing');
    const { code, stderr } = await run(['fit', csv, '-k', '2', '--memory', '100KiB', '--temporary', missing]);
    expect(code).toBe(1);
    expect(stderr).toContain(`cannot write a temporary file in ${missing}: no such file or folder`);
  });

  it('says what to do when the disk of the temporary file is full', async () => {
    const full = write(
      'full.cjs',
      `const fs = require('node:fs'); const { writeSync } = fs; let calls = 0;
fs.writeSync = (...args) => { if (args[1]?.length > 100000 || ++calls > 1e9) throw Object.assign(new Error('x'), { code: 'ENOSPC' }); return writeSync(...args); };
require('node:module').syncBuiltinESMExports();`,
    );
    const { code, stderr } = await withPreload(full, ['fit', csv, '-k', '2', ...SMALL]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /cannot write the temporary file of the rows in .*: no space left on the device\. Choose another folder with --temporary/,
    );
  });

  it.skipIf(isWindows)('leaves no temporary file when it is interrupted, or killed', async () => {
    for (const signal of ['SIGINT', 'SIGKILL'] as const) {
      const endless = ['-k', '4', '--tolerance', '0', '--max-iterations', '1000000000', '--verbose'];
      const child = start(['fit', csv, ...endless, ...SMALL]);
      const ended = finished(child);
      // The note, then an iteration.
      let heard = '';
      while (!heard.includes('iteration')) heard += (await once(child.stderr, 'data'))[0];
      child.kill(signal);
      if (signal === 'SIGINT') expect((await ended).code).toBe(130);
      await ended;
      expect(readdirSync(spools)).toEqual([]);
    }
  });
});

describe.skipIf(!isLinux)('peak memory', () => {
  // Three times the limit, as in bench/large.bench.mjs, which has a limit of 512 MiB. Beside the limit: the program, two
  // buffers, and the rows that a start is chosen from.
  const [limit, beside] = [64, 150];
  const [many, wide] = [(3 * limit * 2 ** 20) / 64, 8];
  const files: Record<string, string> = {};

  beforeAll(() => {
    const uniform = generator(3);
    const values = Float64Array.from({ length: many * wide }, (_, i) => (i % 7) + uniform());
    files.npy = write('large.npy', npyBytes(values, [many, wide]));
    const columns = Array.from({ length: wide }, (_, j) => ({
      name: `c${j}`,
      data: Float64Array.from({ length: many }, (_, i) => values[i * wide + j]),
      type: 'DOUBLE' as const,
    }));
    const bytes = parquetWriteBuffer({ columnData: columns, rowGroupSize: 100_000, codec: 'UNCOMPRESSED' });
    files.parquet = write('large.parquet', new Uint8Array(bytes));
  });

  it.each(['npy', 'parquet'])(
    'of a fit to %s three times the limit is at most the limit and 150 MiB',
    async (format) => {
      const watch = write(
        'watch.cjs',
        `process.on('exit', () => require('node:fs').writeSync(2, require('node:fs').readFileSync('/proc/self/status', 'latin1').match(/VmHWM.*/)[0] + '\\n'));`,
      );
      const args = ['-k', '3', '--max-iterations', '2', '--memory', `${limit}MiB`, '--temporary', spools];
      const { code, stdout, stderr } = await withPreload(watch, ['fit', files[format], ...args]);
      expect(code).toBe(0);
      expect(stdout).toContain('Streamed');
      const peaks = [...stderr.matchAll(/VmHWM:\s+(\d+) kB/g)].map(([, kb]) => Number(kb) / 1024);
      console.log(`${format}: peak ${Math.max(...peaks).toFixed(0)} MiB of ${limit + beside}`);
      expect(Math.max(...peaks)).toBeLessThan(limit + beside);
      rmSync(files[format]);
    },
  );
});

/** Runs the command with a file of CommonJS required first, in all its threads. */
function withPreload(file: string, args: readonly string[]): Promise<Finished> {
  const before = process.env.NODE_OPTIONS;
  process.env.NODE_OPTIONS = `${before ?? ''} --require ${JSON.stringify(file)}`;
  try {
    const child = start(args);
    child.stdin.end();
    return finished(child);
  } finally {
    if (before === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = before;
  }
}

/** A preload that kills the process at the nth checkpoint: before its file is written, within, or before it gets its name. */
function killer(nth: number, moment: 'before' | 'within' | 'unnamed' | 'after'): string {
  return write(
    `kill-${nth}-${moment}.cjs`,
    `const fs = require('node:fs'); const { writeFileSync, renameSync } = fs; let [writes, renames] = [0, 0];
const kill = () => { process.kill(process.pid, 'SIGKILL'); for (;;); };
fs.writeFileSync = (file, text, ...others) => {
  if (String(text).startsWith('{"format":"gaussmix-checkpoint"') && ++writes === ${nth}) {
    if ('${moment}' === 'before') kill();
    if ('${moment}' === 'within') { fs.writeSync(file, text.slice(0, text.length / 2)); kill(); }
  }
  return writeFileSync(file, text, ...others);
};
fs.renameSync = (from, to) => {
  const isIt = String(to).endsWith('.checkpoint') && ++renames === ${nth};
  if (isIt && '${moment}' === 'unnamed') kill();
  renameSync(from, to);
  if (isIt && '${moment}' === 'after') kill();
};
require('node:module').syncBuiltinESMExports();`,
  );
}

describe('--checkpoint', () => {
  const file = join(folder, 'fit.checkpoint');
  const temporary = join(folder, '.fit.checkpoint.tmp');
  const clean = () => {
    for (const path of [file, temporary]) rmSync(path, { force: true });
  };

  it.skipIf(isWindows).each([
    ['in memory', npy, [] as string[]],
    ['streamed', npy, SMALL],
    ['streamed from a temporary file', csv, SMALL],
  ])('a fit killed at ten moments goes on to the same bits (%s)', async (_, data, more) => {
    const args = ['fit', data, ...options, ...more];
    const whole = (await run(args)).stdout;
    const uniform = generator(more.length + data.length);
    const moments = ['before', 'within', 'unnamed', 'after'] as const;
    for (let trial = 0; trial < 10; trial++) {
      clean();
      // Of the 12 iterations of both runs; and once more, in what is left.
      const first = 1 + Math.floor(12 * uniform());
      const moment = moments[Math.floor(4 * uniform())];
      const killed = await withPreload(killer(first, moment), [...args, '--checkpoint', file]);
      expect(killed.code, `${first} ${moment}`).toBe(null);
      if (moment === 'within' || moment === 'unnamed') expect(existsSync(temporary)).toBe(true);
      const done = moment === 'after' ? first : first - 1;
      if (done < 11) {
        const again = moments[Math.floor(4 * uniform())];
        const second = await withPreload(killer(1, again), [...args, '--checkpoint', file, '--resume']);
        expect(second.code, `${first} ${moment}, then ${again}`).toBe(null);
      }
      const resumed = await run([...args, '--checkpoint', file, '--resume']);
      expect(resumed.stdout, `killed ${moment} checkpoint ${first}`).toBe(whole);
      expect(readdirSync(spools)).toEqual([]);
    }
    clean();
  });

  it.skipIf(isWindows)('a fit stopped by Ctrl-C goes on to the same bits', async () => {
    clean();
    const args = ['fit', npy, '-k', '3', '--tolerance', '0', '--max-iterations', '60'];
    const whole = (await run([...args, '--json'])).stdout;
    const child = start([...args, '--verbose', '--json', '--checkpoint', file]);
    const ended = finished(child);
    await once(child.stderr, 'data');
    child.kill('SIGINT');
    const { code, stdout } = await ended;
    expect(code).toBe(130);
    expect(JSON.parse(stdout).fitted.iterations).toBeLessThan(60);
    const { stdout: rest, stderr } = await run([...args, '--json', '--checkpoint', file, '--resume']);
    expect(stderr).toMatch(/note: going on from .*fit\.checkpoint: \d+ iterations? done/);
    expect(rest).toBe(whole);
    // At its end it is there still: the same command gives the same again.
    expect((await run([...args, '--json', '--checkpoint', file, '--resume'])).stdout).toBe(whole);
  });

  it('starts anew where there is no file yet, and says so; a leftover temporary file is no checkpoint', async () => {
    clean();
    writeFileSync(temporary, 'half a checkpo');
    const args = ['fit', npy, ...options];
    const { stdout, stderr } = await run([...args, '--checkpoint', file, '--resume']);
    expect(stderr).toMatch(/note: there is no .*fit\.checkpoint to go on from: starting anew/);
    expect(stdout).toBe((await run(args)).stdout);
    expect(existsSync(temporary)).toBe(false);
  });

  it('a checkpoint of a streamed fit goes on in memory', async () => {
    clean();
    const args = ['fit', npy, ...options, '--checkpoint', file, '--resume'];
    if (!isWindows) await withPreload(killer(4, 'after'), [...args, ...SMALL]);
    expect((await run(args)).stdout).toBe((await run(['fit', npy, ...options])).stdout);
  });

  it('is refused when it is of another fit, damaged, or none', async () => {
    clean();
    const args = ['fit', npy, ...options, '--checkpoint', file];
    await run(args);
    const good = readFileSync(file, 'utf8');
    const refuse = async (command: readonly string[], message: RegExp): Promise<void> => {
      const { code, stdout, stderr } = await run(command);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(message);
    };
    await refuse(
      [...args, '--resume', '--seed', '5'],
      /fit\.checkpoint: the checkpoint is of a fit with other options: seed is 0 there and 5 here/,
    );
    await refuse([...replaced(args, 3, '3'), '--resume'], /-k is 4 there and 3 here/);
    await refuse(
      [...args, '--resume', '--columns', '1,2'],
      /fit\.checkpoint: the checkpoint is of other data: 20000 rows x 3 columns there, 20000 x 2 here/,
    );
    await refuse([...replaced(args, 1, floats), '--resume'], /is of other data/);
    writeFileSync(
      file,
      good.replace(/"doubles":"(.)/, (_, first) => `"doubles":"${first === 'A' ? 'B' : 'A'}`),
    );
    await refuse([...args, '--resume'], /fit\.checkpoint: the checkpoint is damaged/);
    writeFileSync(file, good.slice(0, good.length / 2));
    await refuse(
      [...args, '--resume'],
      /fit\.checkpoint is no checkpoint, or a damaged one: remove it to start anew/,
    );
    writeFileSync(file, good.replace('"version":1', '"version":7'));
    await refuse([...args, '--resume'], /fit\.checkpoint: the checkpoint is of version 7/);
    clean();
  });

  it('nothing that is there is overwritten, but with --resume', async () => {
    clean();
    const args = ['fit', npy, ...options, '--checkpoint', file];
    const { stdout: whole } = await run(args);
    const good = readFileSync(file);
    const refuse = async (command: readonly string[], message: RegExp): Promise<void> => {
      const { code, stdout, stderr } = await run(command);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(message);
    };
    const lost =
      /fit\.checkpoint is the checkpoint of a fit, which would be lost: go on .* --resume, or delete it/;
    // Of another fit, too, and whatever is to be fitted.
    await refuse(args, lost);
    await refuse([...args, '--seed', '5'], lost);
    await refuse(['spark', 'fit', 'rows', '-k', '4', '--checkpoint', file], lost);
    expect(readFileSync(file).equals(good)).toBe(true);
    expect((await run([...args, '--resume'])).stdout).toBe(whole);
    // One that is made beforehand, as mktemp does, holds nothing.
    writeFileSync(file, '');
    expect((await run(args)).stdout).toBe(whole);
    writeFileSync(file, 'a diary');
    await refuse(args, /fit\.checkpoint is not a checkpoint of gaussmix, and would be lost/);
    expect(readFileSync(file, 'utf8')).toBe('a diary');
    const data = readFileSync(npy);
    expect(await run(replaced(args, args.length - 1, npy))).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--checkpoint .* is the same file as DATA/),
    });
    expect(readFileSync(npy).equals(data)).toBe(true);
    clean();
  });

  it.each([
    [['--resume'], /--resume goes with --checkpoint FILE/],
    [['--checkpoint', '-'], /a checkpoint goes to a file/],
    [['--checkpoint', 'm.json', '-o', 'm.json'], /-o and --checkpoint are the same file/],
    [['--checkpoint', 'c', '--group-by', '1'], /--checkpoint does not go with --group-by/],
    [['--memory', '1GB', '--group-by', '1'], /--memory does not go with --group-by/],
  ])('refuses %j', async (more, message) => {
    const { code, stderr } = await run(['fit', npy, '-k', '2', ...more]);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });
});

function replaced(args: readonly string[], at: number, value: string): string[] {
  return args.map((arg, i) => (i === at ? value : arg));
}
