// Runs the test suite on each version of Node that test/runtimes pins (npm run test:engines).
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { findRuntime, NODES } from './runtimes.mjs';

for (const name of NODES) {
  const { executable, version, missing } = findRuntime(name);
  if (missing) {
    console.error(missing);
    process.exitCode = 1;
    continue;
  }
  console.log(`\n${name} (${version})`);
  // The version under test must also be the one that tests start as `node`.
  const env = { ...process.env, PATH: `${join(executable, '..')}:${process.env.PATH}` };
  const result = spawnSync(executable, ['node_modules/vitest/vitest.mjs', 'run', ...process.argv.slice(2)], {
    stdio: 'inherit',
    env,
  });
  if (result.status !== 0) process.exitCode = 1;
}
