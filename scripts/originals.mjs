// The npm packages that gaussmix/compat stands in for, as bench/compare pins them. Run by itself it installs them.
// Must not know what they are compared for.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where they are installed. */
export const ORIGINALS = fileURLToPath(new URL('../bench/compare', import.meta.url));

const read = (...path) => JSON.parse(readFileSync(join(...path), 'utf8'));

/**
 * Why they cannot be compared with, or nothing where all are there in the versions pinned.
 * @returns {string | undefined}
 */
export function missingOriginals() {
  const { dependencies } = read(ORIGINALS, 'package.json');
  const absent = Object.entries(dependencies).filter(([name, version]) => {
    const folder = join(ORIGINALS, 'node_modules', name);
    return !existsSync(folder) || read(folder, 'package.json').version !== version;
  });
  if (absent.length === 0) return undefined;
  const names = absent.map(([name, version]) => `${name} ${version}`).join(', ');
  return `not installed in bench/compare: ${names} (node scripts/originals.mjs does it, from npm)`;
}

/** One of them, by require. */
export function loadOriginal(name) {
  return createRequire(join(ORIGINALS, 'package.json'))(name);
}

if (process.argv[1] === fileURLToPath(import.meta.url) && missingOriginals()) {
  try {
    execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: ORIGINALS,
      stdio: 'inherit',
    });
  } catch {
    console.warn('npm could not install bench/compare (see above)');
  }
  const reason = missingOriginals();
  if (reason) console.warn(`Left out of the tests: ${reason}`);
}
