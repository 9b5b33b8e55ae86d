// The errors that end the command with one line on standard error, and the exit codes they carry.
// Must not print anything: main.ts does that, once.

/** Bad input, or something that could not be done: exit code 1. */
export class Failure extends Error {
  readonly exitCode: number = 1;
}

/** What the library refuses, with its code; it comes from the thread of the fit, where its own error cannot. */
export class Refused extends Failure {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Wrong usage: exit code 2, with a pointer to the help. */
export class UsageError extends Failure {
  override readonly exitCode: number = 2;
  /** The command whose help tells what is right; undefined: the general help. */
  readonly command: string | undefined;

  constructor(message: string, command?: string) {
    super(message);
    this.command = command;
  }
}

const REASONS: Readonly<Record<string, string | undefined>> = {
  ENOENT: 'no such file or folder',
  EISDIR: 'it is a folder, not a file',
  ENOTDIR: 'a part of its path is a file, not a folder',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the device',
  EMFILE: 'too many open files',
};

/** The failure for an error of the operating system, such as one from `node:fs`. */
export function systemFailure(doing: string, error: unknown): Failure {
  if (error instanceof Failure) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  return new Failure(`${doing}: ${(code !== undefined && REASONS[code]) || message}`);
}

/** Any text on one line: line breaks and control characters become spaces. */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not reach a terminal
  return text.replace(/[\u0000-\u001f\u007f\s]+/g, ' ').trim();
}

/** A piece of a file in quotes, cut to what fits into a message. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}

/** "1 row", "2 rows". */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
