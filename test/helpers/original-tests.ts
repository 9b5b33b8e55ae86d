// Runs the test files and README examples of the packages that gaussmix/compat stands in for, from where they are
// installed, with any module in their place. Must not know what is expected of either.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ORIGINALS } from '../../scripts/originals.mjs';

/** One assertion: the test it is in, its number there, and whether it held. */
export interface Assertion {
  readonly test: string;
  readonly number: number;
  readonly held: boolean;
}

/** What of tape's and tap's assertions these files use. */
class Assertions {
  readonly results: Assertion[] = [];
  readonly #test: string;

  constructor(test: string) {
    this.#test = test;
  }

  #add(held: boolean): void {
    this.results.push({ test: this.#test, number: this.results.length + 1, held });
  }

  ok(value: unknown): void {
    this.#add(Boolean(value));
  }

  equal(a: unknown, b: unknown): void {
    this.#add(Object.is(a, b));
  }

  same(a: unknown, b: unknown): void {
    this.#add(isDeepStrictEqual(plain(a), plain(b)));
  }

  doesNotThrow(work: () => void): void {
    this.#add(errorOf(work) === undefined);
  }

  throws(work: () => void, wanted?: Error): void {
    const error = errorOf(work);
    // As tap compares messages: the one wanted is part of the one found.
    this.#add(error instanceof Error && error.message.includes(wanted?.message ?? ''));
  }

  plan(): void {}
  end(): void {}
}

function errorOf(work: () => void): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
}

function plain(value: unknown): unknown {
  return value !== null && typeof value === 'object' ? JSON.parse(JSON.stringify(value)) : value;
}

/** Path of a file of an original. */
function pathOf(name: string, file: string): string {
  return join(ORIGINALS, 'node_modules', name, file);
}

/** Runs a test file of an original on a module; `required` is what the file's require('../') gives. */
export function runTestFile(name: string, file: string, required: unknown): Assertion[] {
  const path = pathOf(name, file);
  const results: Assertion[] = [];
  const test = (title: string, body: (t: Assertions) => void): void => {
    const t = new Assertions(title);
    const error = errorOf(() => body(t));
    results.push(...t.results);
    if (error !== undefined) results.push({ test: `${title}: ${error}`, number: 0, held: false });
  };
  const own = createRequire(path);
  runScript(readFileSync(path, 'utf8'), (id) => {
    if (id === 'tape') return test;
    if (id === 'tap') return { test };
    if (id.startsWith('..') && existsSync(join(dirname(path), '..', 'package.json'))) return required;
    return own(id);
  });
  return results;
}

/** Fenced JavaScript of an original's README. */
export function readmeExamples(name: string): string[] {
  const text = readFileSync(pathOf(name, 'README.md'), 'utf8').replaceAll('\r\n', '\n');
  return [...text.matchAll(/```(?:js|javascript)\n(.*?)```/gs)].map((match) => match[1]);
}

/** Runs a script as CommonJS; `load` is its require. */
function runScript(source: string, load: (id: string) => unknown): void {
  const module = { exports: {} };
  new Function('require', 'module', 'exports', source)(load, module, module.exports);
}
