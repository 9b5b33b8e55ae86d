// The binary is a function of its sources: whoever builds it gets the same bytes.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { BINARY_URL } from '../helpers/kernel-memory.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'gaussmix-build-'));
afterAll(() => rmSync(folder, { recursive: true }));

function build(name: string): Buffer {
  const compiler = join(
    dirname(createRequire(import.meta.url).resolve('assemblyscript/package.json')),
    'bin/asc.js',
  );
  const [binary, text] = [join(folder, `${name}.wasm`), join(folder, `${name}.wat`)];
  const options = [
    '--config',
    'asconfig.json',
    '--target',
    'release',
    '--outFile',
    binary,
    '--textFile',
    text,
  ];
  execFileSync(process.execPath, [compiler, ...options], { cwd: root, stdio: 'pipe' });
  return readFileSync(binary);
}

it('two builds are byte-identical, and so is the binary under test', () => {
  const first = build('first');
  expect(first.equals(build('second'))).toBe(true);
  // Fails too when the sources have changed since the last build: npm run build:wasm.
  expect(readFileSync(BINARY_URL).equals(first), 'build/gaussmix.wasm is of these sources').toBe(true);
});
