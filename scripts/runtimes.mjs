// Where the runtimes are that tests and benchmarks run the package in: Node's versions, Bun, Deno and workerd, which
// test/runtimes pins, and a Chromium of this machine. Run by itself it installs the pinned ones.
// Must not know what is run in them.
import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../test/runtimes', import.meta.url));
const installable = process.platform === 'linux' && process.arch === 'x64';
const read = (path) => JSON.parse(readFileSync(path, 'utf8'));

/** Executables inside the pinned packages. */
const PACKAGES = {
  'Node 20': ['node-20', 'bin/node'],
  'Node 22': ['node-22', 'bin/node'],
  'Node 24': ['node-24', 'bin/node'],
  'Node 26': ['node-26', 'bin/node'],
  Bun: ['@oven/bun-linux-x64', 'bin/bun'],
  Deno: ['@deno/linux-x64-glibc', 'deno'],
  workerd: ['@cloudflare/workerd-linux-64', 'bin/workerd'],
};

export const NODES = Object.keys(PACKAGES).filter((name) => name.startsWith('Node'));

/** Set where every runtime has to be there, so that nothing is left out unseen: .ci/run sets it. */
export const required = process.env.GAUSSMIX_REQUIRE_RUNTIMES === '1';

/**
 * A pinned runtime by its name above: its executable and version, or why it is not there.
 * @returns {{ executable: string, version: string, missing?: undefined } | { missing: string }}
 */
export function findRuntime(name) {
  if (!installable) return { missing: `${name} is installed for tests on Linux x64 only` };
  const [home, path] = PACKAGES[name];
  const executable = join(folder, 'node_modules', home, path);
  const { dependencies } = read(join(folder, 'package.json'));
  const description = join(folder, 'node_modules', home, 'package.json');
  const version = dependencies[home].split('@').at(-1);
  if (!existsSync(executable) || read(description).version !== version) {
    return { missing: `${name} (${version}) is not installed (node scripts/runtimes.mjs does it, from npm)` };
  }
  return { executable, version };
}

/**
 * A Chromium: $CHROMIUM, or the first of the usual names in the PATH.
 * @returns {{ executable: string, missing?: undefined } | { missing: string }}
 */
export function findBrowser() {
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  const places = (process.env.PATH ?? '').split(delimiter);
  const paths = process.env.CHROMIUM
    ? [process.env.CHROMIUM]
    : names.flatMap((name) => places.map((place) => join(place, name)));
  const executable = paths.find(canRun);
  if (executable !== undefined) return { executable };
  return { missing: 'there is no Chromium in the PATH (Debian: apt-get install chromium) nor in $CHROMIUM' };
}

function canRun(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const missing = () => Object.keys(PACKAGES).flatMap((name) => findRuntime(name).missing ?? []);
  if (installable && missing().length > 0) {
    try {
      execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
        cwd: folder,
        stdio: 'inherit',
      });
    } catch {
      console.warn('npm could not install test/runtimes (see above)');
    }
  }
  for (const reason of missing()) console.warn(`Left out of the tests: ${reason}`);
  const { missing: noBrowser } = findBrowser();
  if (noBrowser) console.warn(`Browser tests are left out: ${noBrowser}`);
}
