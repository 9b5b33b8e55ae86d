// Where results go: standard output, or a file that appears only when it is complete.
// Must not format anything, nor leave a temporary file behind.
import { fstatSync, rmSync } from 'node:fs';
import { access, constants, type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Failure, systemFailure, UsageError } from './failure.ts';

/** Writes a piece of text; resolves when more may be written. */
export type Write = (text: string) => Promise<void>;

/** Characters gathered before they are written. */
const PIECE = 1 << 16;

/** Temporary files that exist now, to be removed if the command is interrupted. */
const temporaries = new Set<string>();

/** A file that is to be removed when the process ends. */
export function rememberTemporary(path: string): void {
  temporaries.add(path);
}

/** Removes the temporary files at once; for the moments before the process ends. */
export function removeTemporaries(): void {
  for (const path of temporaries) rmSync(path, { force: true });
  temporaries.clear();
}

/**
 * Ends quietly when the reader of standard output has gone (`| head -1`): it has all that it wanted, so the exit code is
 * 0, unless the command had failed before. Any other trouble with standard output is a failure, given to `fail`.
 */
export function watchStandardOutput(fail: (failure: Failure) => void): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') fail(systemFailure('cannot write to standard output', error));
    else {
      removeTemporaries();
      process.exit();
    }
  });
  // Nobody reads the messages: no reason to stop.
  process.stderr.on('error', () => {});
}

/** Writes to standard output. */
export function writeStandardOutput(text: string | Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    // On an error the process ends, by the listener above: nothing more may be written.
    process.stdout.write(text, (error) => {
      if (!error) resolve();
    });
  });
}

/**
 * Checks, before long work, that the output file of a command can be made, and is none of the files that it reads.
 * @param inputs paths (`-` is standard input) by what the help calls them
 * @param option the one that names the output
 * @throws Failure when its folder is missing or read-only, or when it is a folder
 * @throws UsageError when it is one of the inputs
 */
export async function checkOutput(
  { name, output: path }: { readonly name: string; readonly output: string | undefined },
  inputs: Readonly<Record<string, string>>,
  option: string = '-o',
): Promise<void> {
  if (path === undefined || path === '-') return;
  try {
    const target = await resolveTarget(path);
    await access(target.special ? target.path : dirname(target.path), constants.W_OK);
  } catch (error) {
    throw systemFailure(`cannot write ${path}`, error);
  }
  const identity = await identityOf(path);
  if (identity === undefined) return;
  for (const [input, read] of Object.entries(inputs)) {
    if ((await identityOf(read)) !== identity) continue;
    throw new UsageError(
      `${option} ${path} is the same file as ${input}, which would be lost: give another`,
      name,
    );
  }
}

/** What files are told apart by, whatever their paths; undefined where there is no file, or a device or a pipe. */
async function identityOf(path: string): Promise<string | undefined> {
  try {
    const found = path === '-' ? fstatSync(0, { bigint: true }) : await stat(path, { bigint: true });
    if (!found.isFile()) return undefined;
    // Some file systems number no files.
    return found.ino === 0n && path !== '-' ? await realpath(path) : `${found.dev}:${found.ino}`;
  } catch {
    // Whoever opens it says what is wrong.
    return undefined;
  }
}

/** Writes bytes, to standard output for undefined or `-`; a file appears as with {@link withOutput}. @throws Failure */
export async function writeBytes(path: string | undefined, bytes: Uint8Array): Promise<void> {
  if (path === undefined || path === '-') return writeStandardOutput(bytes);
  return replaceFile(path, (file) => file.writeFile(bytes));
}

/**
 * Runs `work` with a way to write to a file (standard output for undefined or `-`). The file gets its name only when all
 * is written: until then, and after a failure, whatever was there before is untouched.
 * @throws Failure
 */
export async function withOutput(
  path: string | undefined,
  work: (write: Write) => Promise<void>,
): Promise<void> {
  if (path === undefined || path === '-') return gathering(writeStandardOutput, work);
  return replaceFile(path, (file) =>
    gathering(async (text) => {
      await file.writeFile(text);
    }, work),
  );
}

async function replaceFile(path: string, work: (file: FileHandle) => Promise<void>): Promise<void> {
  let temporary: string | undefined;
  let file: FileHandle | undefined;
  try {
    const target = await resolveTarget(path);
    if (target.special) file = await open(target.path, 'w');
    else {
      temporary = join(dirname(target.path), `.${basename(target.path)}.${process.pid}.tmp`);
      temporaries.add(temporary);
      file = await open(temporary, 'wx', target.mode);
    }
    await work(file);
    if (temporary !== undefined) await file.sync();
    await file.close();
    file = undefined;
    if (temporary !== undefined) await rename(temporary, target.path);
  } catch (error) {
    await file?.close().catch(() => {});
    if (temporary !== undefined) await rm(temporary, { force: true }).catch(() => {});
    // Errors without a code come from the work, not from the file system.
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    throw systemFailure(`cannot write ${path}`, error);
  } finally {
    if (temporary !== undefined) temporaries.delete(temporary);
  }
}

interface Target {
  readonly path: string;
  readonly mode: number;
  /** A device or a pipe, such as /dev/null: written to, never replaced. */
  readonly special: boolean;
}

async function resolveTarget(path: string): Promise<Target> {
  let found: Awaited<ReturnType<typeof stat>>;
  try {
    found = await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const folder = await stat(dirname(path));
    if (!folder.isDirectory()) throw new Failure(`cannot write ${path}: ${dirname(path)} is not a folder`);
    return { path, mode: 0o666, special: false };
  }
  if (found.isDirectory()) throw new Failure(`cannot write ${path}: it is a folder, not a file`);
  // Through a link the file behind it is replaced, not the link.
  return { path: await realpath(path), mode: found.mode & 0o777, special: !found.isFile() };
}

/** Gathers short texts into longer pieces. */
async function gathering(write: Write, work: (write: Write) => Promise<void>): Promise<void> {
  let gathered: string[] = [];
  let length = 0;
  const flush = async (): Promise<void> => {
    const text = gathered.join('');
    gathered = [];
    length = 0;
    if (text !== '') await write(text);
  };
  await work(async (text) => {
    gathered.push(text);
    length += text.length;
    if (length >= PIECE) await flush();
  });
  await flush();
}

/**
 * Writes one line per row. An await per row would take longer than the writing: lines go out in blocks, between which
 * an interruption can be noticed.
 */
export async function writeLines(write: Write, count: number, line: (row: number) => string): Promise<void> {
  const block = 4096;
  for (let start = 0; start < count; start += block) {
    const lines: string[] = [];
    for (let row = start; row < Math.min(count, start + block); row++) lines.push(line(row));
    await write(`${lines.join('\n')}\n`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
