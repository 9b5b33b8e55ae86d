// Runs the built command line as a process, as a user would, and makes files for it.
// Must not import anything from cli/ or src/: what is tested is the product.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

export const COMMAND: string = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder that is removed after the tests of the file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'gaussmix-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function start(args: readonly string[]): ChildProcessWithoutNullStreams {
  const child = spawn(process.execPath, [COMMAND, ...args]);
  // A command that fails early closes its input: that is not the fault of the test.
  child.stdin.on('error', () => {});
  return child;
}

/** Runs the command to its end, with `input` on standard input. */
export function run(args: readonly string[], input: string | Uint8Array = ''): Promise<Finished> {
  const child = start(args);
  child.stdin.end(input);
  return finished(child);
}

export function finished(child: ChildProcessWithoutNullStreams): Promise<Finished> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (block) => stdout.push(block));
  child.stderr.on('data', (block) => stderr.push(block));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() });
    });
  });
}

/** Writes files into a folder; returns their paths. */
export function writer(folder: string): (name: string, content: string | Uint8Array) => string {
  return (name, content) => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
}
