// The same bits on every engine: many fits hashed here and on other versions of Node, and compared with the hash in
// the repository. Must not depend on which machine runs it.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { installNode, NODE_VERSIONS, supported } from '../scripts/engines.mjs';

const script = fileURLToPath(new URL('./helpers/bits.mjs', import.meta.url));
const fixture = new URL('./fixtures/bits.json', import.meta.url);

function bitsOn(node: string): string {
  return execFileSync(node, [script], { encoding: 'utf8' }).trim();
}

it('this engine gives the bits of the repository', () => {
  const bits = bitsOn(process.execPath);
  if (process.env.UPDATE_BITS) writeFileSync(fixture, `${JSON.stringify({ sha256: bits }, null, 2)}\n`);
  expect(existsSync(fixture)).toBe(true);
  expect(bits).toBe(JSON.parse(readFileSync(fixture, 'utf8')).sha256);
});

if (!supported) {
  console.warn('engines.test.ts: other versions of Node are left out, they are installed on Linux x64 only');
}

it.runIf(supported).each(NODE_VERSIONS)('Node %s gives the same bits', (version) => {
  const node = installNode(version);
  expect(execFileSync(node, ['--version'], { encoding: 'utf8' })).toMatch(new RegExp(`^v${version}\\.`));
  expect(bitsOn(node)).toBe(JSON.parse(readFileSync(fixture, 'utf8')).sha256);
});
