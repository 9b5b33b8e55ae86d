// The command line as a process among others: pipes that close, Ctrl-C, files that appear only when complete.
// Must not depend on time: every step waits for what the process says.
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GaussianMixture } from 'gaussmix';
import { describe, expect, it } from 'vitest';
import { finished, run, start, temporaryFolder, writer } from './helpers/command.ts';

const folder = temporaryFolder();
const write = writer(folder);
const faithful = fileURLToPath(new URL('../examples/faithful.csv', import.meta.url));
const model = GaussianMixture.fromParameters({ weights: [1], means: [[0, 0]], covariances: [[1, 0, 0, 1]] });
const modelFile = write('model.json', JSON.stringify(model));
const endless = ['-k', '4', '--tolerance', '0', '--max-iterations', '1000000000', '--verbose'];
const isRoot = process.getuid?.() === 0;
const isWindows = process.platform === 'win32';
if (isRoot)
  console.warn('cli-process.test.ts: root can write to any folder, so the read-only one is left out');
if (isWindows) console.warn('cli-process.test.ts: signals and modes of files are left out on Windows');

function temporaries(inside: string = folder): string[] {
  return readdirSync(inside).filter((name) => name.includes('.tmp'));
}

describe('a closed output pipe', () => {
  it.skipIf(isWindows)('ends quietly', async () => {
    const child = start(['sample', modelFile, '-n', '500000']);
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

  it.skipIf(isWindows)('does not cost the saved model', async () => {
    const file = join(folder, 'piped.json');
    const child = start(['fit', faithful, '-k', '2', '-o', file]);
    child.stdout.destroy();
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(GaussianMixture.fromJSON(JSON.parse(readFileSync(file, 'utf8'))).nComponents).toBe(2);
  });

  it.skipIf(!existsSync('/dev/full'))('is not the same as a full disk', async () => {
    const { code, stderr } = await run(['sample', modelFile, '-n', '10', '-o', '/dev/full']);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'gaussmix: cannot write /dev/full: no space left on the device\n',
    });
  });
});

describe.skipIf(isWindows)('Ctrl-C, and SIGTERM', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('saves and prints the model so far: %s', async (signal, exitCode) => {
    const file = join(folder, `${signal}.json`);
    const child = start(['fit', faithful, ...endless, '-o', file, '--json']);
    const ended = finished(child);
    await once(child.stderr, 'data');
    child.kill(signal);
    const { code, stdout } = await ended;
    expect(code).toBe(exitCode);
    const saved = JSON.parse(readFileSync(file, 'utf8'));
    expect(saved.fitted.converged).toBe(false);
    expect(saved.fitted.iterations).toBeGreaterThan(0);
    expect(GaussianMixture.fromJSON(saved).nComponents).toBe(4);
    const { criteria, ...printed } = JSON.parse(stdout);
    expect(printed).toEqual(saved);
    expect(Object.keys(criteria)).toEqual(['bic', 'aic', 'icl']);
    expect(temporaries()).toEqual([]);
  });

  it('says so in the summary', async () => {
    const child = start(['fit', faithful, ...endless]);
    const ended = finished(child);
    await once(child.stderr, 'data');
    child.kill('SIGINT');
    const { code, stdout } = await ended;
    expect(code).toBe(130);
    expect(stdout).toMatch(/Iterations +\d+, interrupted: this is the model so far/);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends a command that waits for input: %s', async (signal, exitCode) => {
    const file = join(folder, 'never.json');
    const child = start(['fit', '-', '-k', '2', '-o', file]);
    const ended = finished(child);
    // Blocks are taken from the pipe as fast as they are read: when the last write is done, the process is reading.
    const rows = '1,2\n3,4\n'.repeat(1 << 16);
    for (let i = 0; i < 4; i++) await new Promise((resolve) => child.stdin.write(rows, resolve));
    child.kill(signal);
    expect(await ended).toEqual({ code: exitCode, stdout: '', stderr: '' });
    expect(existsSync(file)).toBe(false);
  });
});

describe('output files', () => {
  const sample = ['sample', modelFile, '-n', '5', '-o'];

  it('need a folder', async () => {
    const missing = join(folder, 'no', 'such', 'out.csv');
    expect(await run([...sample, missing])).toEqual({
      code: 1,
      stdout: '',
      stderr: `gaussmix: cannot write ${missing}: no such file or folder\n`,
    });
    expect((await run([...sample, join(modelFile, 'out.csv')])).stderr).toMatch(/a file, not a folder/);
    expect((await run([...sample, folder])).stderr).toMatch(/it is a folder/);
    // Before the data is read, let alone fitted.
    const fit = await run(['fit', 'none.csv', '-k', '2', '-o', missing]);
    expect(fit.stderr).toMatch(/cannot write/);
  });

  it.skipIf(isRoot || isWindows)('need a folder that can be written to', async () => {
    const locked = join(folder, 'locked');
    mkdirSync(locked);
    chmodSync(locked, 0o555);
    const { code, stderr } = await run([...sample, join(locked, 'out.csv')]);
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('permission denied') });
    expect(readdirSync(locked)).toEqual([]);
  });

  it('are untouched when the command fails', async () => {
    const file = write('before.json', 'before');
    const { code } = await run(['fit', '-', '-k', '2', '-o', file], '1,2\n3,x\n');
    expect(code).toBe(1);
    expect(readFileSync(file, 'utf8')).toBe('before');
    expect(temporaries()).toEqual([]);
  });

  describe('that are also read', () => {
    const rows = write('rows.csv', 'x,y\n1,2\n3,1\n4,4\n2,2\n');
    const before = readFileSync(rows);
    const symbolic = join(folder, 'rows-symbolic.csv');
    const hard = join(folder, 'rows-hard.csv');
    if (!isWindows) symlinkSync(rows, symbolic);
    linkSync(rows, hard);

    const cases: [string, string[]][] = [
      ['DATA of fit', ['fit', rows, '-k', '1', '-o', rows]],
      ['DATA of fit --group-by', ['fit', rows, '-k', '1', '--group-by', 'x', '-o', rows]],
      ['DATA of predict', ['predict', modelFile, rows, '-o', rows]],
      ['by another path', ['predict', modelFile, rows, '-o', relative(process.cwd(), rows)]],
      ['by a hard link', ['predict', modelFile, rows, '-o', hard]],
      ['MODEL of predict', ['predict', modelFile, rows, '-o', modelFile]],
      ['MODEL of sample', ['sample', modelFile, '-n', '2', '-o', modelFile]],
    ];
    if (!isWindows) cases.push(['by a link', ['predict', modelFile, rows, '-o', symbolic]]);

    it.each(cases)('are refused: %s', async (_, args) => {
      const saved = readFileSync(modelFile);
      const { code, stdout, stderr } = await run(args);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(
        /^gaussmix: -o \S+ is the same file as (DATA|MODEL\.json), which would be lost: .*--help\)\n$/,
      );
      expect(readFileSync(rows)).toEqual(before);
      expect(readFileSync(modelFile)).toEqual(saved);
      expect(temporaries()).toEqual([]);
    });

    it('may be the start', async () => {
      const file = write('again.json', JSON.stringify(model));
      const { code } = await run(['fit', rows, '-k', '1', '--init', file, '-o', file]);
      expect(code).toBe(0);
      expect(JSON.parse(readFileSync(file, 'utf8')).fitted.nSamples).toBe(4);
    });
  });

  it.skipIf(isWindows)('are replaced, with their mode, also behind a link', async () => {
    const file = write('target.csv', 'before');
    chmodSync(file, 0o640);
    const link = join(folder, 'link.csv');
    symlinkSync(file, link);
    expect((await run([...sample, link])).code).toBe(0);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readFileSync(file, 'utf8')).toMatch(/^x1,x2,label\n/);
    expect(statSync(file).mode & 0o777).toBe(0o640);
    expect(temporaries()).toEqual([]);
  });

  it.skipIf(isWindows)('are not made in place of a device', async () => {
    expect((await run([...sample, '/dev/null'])).code).toBe(0);
    expect(statSync('/dev/null').isFile()).toBe(false);
  });
});

describe('messages', () => {
  it('show iterations with --verbose, and nothing otherwise where there is no terminal', async () => {
    const verbose = await run(['fit', faithful, '-k', '2', '--verbose', '--n-init', '2']);
    expect(verbose.stderr).toMatch(
      /^run 1 of 2, iteration 1, log-likelihood -\d\.\d{6} nats per row, \d+\.\d s\n/,
    );
    expect(verbose.stderr).toMatch(/run 2 of 2, iteration 2, .*, change \d\.\d\de-\d/);
    expect((await run(['fit', faithful, '-k', '2', '--quiet'])).stderr).toBe('');
  });
});
