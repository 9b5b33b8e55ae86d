// The package as a user gets it: packed, and installed into a folder.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

function npm(args: readonly string[], cwd: string): string {
  return execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Makes the folder a project that depends on the packed package. Returns the path of the tarball, which stays in it. */
export function installPacked(folder: string, description: object = {}): string {
  const packed = npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder], root);
  const tarball = join(folder, JSON.parse(packed)[0].filename);
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'user', private: true, ...description }),
  );
  npm(['install', '--no-audit', '--no-fund', '--prefer-offline', tarball], folder);
  return tarball;
}
