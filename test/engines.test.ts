// The same bits on every engine: many fits hashed here and on other versions of Node, and compared with the hash in
// the repository. Must not depend on which machine runs it.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { findRuntime, NODES } from '../scripts/runtimes.mjs';
import { leftOut } from './helpers/left-out.ts';

describe.each(['bits', 'missing-bits', 'prior-bits', 'inference-bits', 'streaming-bits', 'compat-bits'])(
  '%s',
  (name) => {
    const script = fileURLToPath(new URL(`./helpers/${name}.mjs`, import.meta.url));
    const fixture = new URL(`./fixtures/${name}.json`, import.meta.url);

    function bitsOn(node: string): string {
      return execFileSync(node, [script], { encoding: 'utf8' }).trim();
    }

    it('this engine gives the bits of the repository', () => {
      const bits = bitsOn(process.execPath);
      if (process.env.UPDATE_BITS) writeFileSync(fixture, `${JSON.stringify({ sha256: bits }, null, 2)}\n`);
      expect(existsSync(fixture)).toBe(true);
      expect(bits).toBe(JSON.parse(readFileSync(fixture, 'utf8')).sha256);
    });

    it.for(NODES)('%s gives the same bits', (name, context) => {
      const node = findRuntime(name);
      if (node.missing !== undefined) return leftOut(context, node.missing);
      expect(execFileSync(node.executable, ['--version'], { encoding: 'utf8' }).trim()).toBe(
        `v${node.version}`,
      );
      expect(bitsOn(node.executable)).toBe(JSON.parse(readFileSync(fixture, 'utf8')).sha256);
    });
  },
);
