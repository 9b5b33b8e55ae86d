// The file of a checkpoint: written so that it is whole whenever the process or the machine stops.
// Must not look into a checkpoint.
import { closeSync, fsyncSync, openSync, readFileSync, readSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Checkpoint } from 'gaussmix';
import { Failure, systemFailure } from './failure.ts';

/** How every checkpoint begins, as this command writes it. */
const BEGINNING = '{"format":"gaussmix-checkpoint"';

/**
 * Replaces the file: a temporary one beside it takes its name when all of it is on the disk. What another process has left
 * of a temporary one is overwritten.
 * @throws Failure
 */
export function writeCheckpoint(path: string, checkpoint: Checkpoint): void {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.tmp`);
  try {
    const file = openSync(temporary, 'w');
    try {
      writeFileSync(file, `${JSON.stringify(checkpoint)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    throw systemFailure(`cannot write the checkpoint ${path}`, error);
  }
  syncFolder(folder);
}

/** The new name too is to outlast a loss of power, where the system can promise that. */
function syncFolder(path: string): void {
  try {
    const folder = openSync(path, 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch {}
}

/**
 * The checkpoint in a file; undefined when there is no such file.
 * @throws Failure
 */
export function readCheckpoint(path: string): Checkpoint | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw systemFailure(`cannot read the checkpoint ${path}`, error);
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new Failure(`${path} is no checkpoint, or a damaged one: remove it to start anew`);
  }
}

/**
 * Checks, before long work, that nothing would be overwritten: but the checkpoint that the fit goes on from.
 * @throws Failure
 */
export function checkReplaceable(path: string, resume: boolean): void {
  const bytes = Buffer.alloc(BEGINNING.length);
  let length: number;
  try {
    const file = openSync(path, 'r');
    try {
      length = readSync(file, bytes);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw systemFailure(`cannot write the checkpoint ${path}`, error);
  }
  if (length === 0) return;
  if (bytes.toString('latin1', 0, length) === BEGINNING) {
    if (resume) return;
    throw new Failure(
      `${path} is the checkpoint of a fit, which would be lost: go on from it with --resume, or delete it to start anew`,
    );
  }
  throw new Failure(
    `${path} is not a checkpoint of gaussmix, and would be lost: give --checkpoint another file`,
  );
}
