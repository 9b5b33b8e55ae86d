// Every example in the README, the guides and the docstrings runs on the built package and prints what it says it prints.
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
let folder = '';

beforeAll(() => {
  mkdirSync(join(root, 'build'), { recursive: true });
  folder = mkdtempSync(join(root, 'build/examples-'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules/gaussmix'));
  for (const name of ['faithful.csv', 'iris.csv'])
    copyFileSync(join(root, 'examples', name), join(folder, name));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function runModule(source: string): string {
  const file = join(folder, 'example.mjs');
  writeFileSync(file, source);
  return execFileSync('node', [file], { cwd: folder, encoding: 'utf8' });
}

/** Fenced blocks of a language in a Markdown text. */
function blocks(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 'gs'))].map((match) => match[1]);
}

/** Code of the @example sections of a source file. */
function docExamples(source: string): string[] {
  return [...source.matchAll(/@example\n(.*?)\n\s*\*\//gs)].map(([, lines]) =>
    lines
      .split('\n')
      .map((line) => line.replace(/^\s*\* ?/, ''))
      .join('\n'),
  );
}

it('the first example of the README prints what its comments say', () => {
  const [first] = blocks(read('README.md'), 'js');
  const promised = [...first.matchAll(/console\.log\(.*\); \/\/ (.*)/g)].map((match) => match[1]);
  const printed = runModule(first).trim().split('\n');
  expect(printed.length).toBe(promised.length);
  promised.forEach((line, i) => {
    // Numbers are cut off with an ellipsis in the README; words of explanation stand for any number.
    const pattern = line.includes('[')
      ? line.replace(/[[\]().]/g, '\\$&').replaceAll('…', '\\d+')
      : '-?\\d+\\.?\\d*';
    expect(printed[i]).toMatch(new RegExp(`^${pattern}$`));
  });
});

it('every JavaScript example of the README runs', () => {
  const all = blocks(read('README.md'), 'js');
  expect(all.length).toBeGreaterThan(1);
  runModule(all.join('\n'));
});

describe.each([
  ['INFERENCE.md', 8],
  ['choosing-a-model.md', 3],
  ['starts-and-collapse.md', 4],
  ['speed.md', 3],
  ['streaming-and-clusters.md', 2],
  ['large-data.md', 3],
])('docs/%s', (name, count) => {
  const text = read(`docs/${name}`);

  it('its JavaScript examples, one after another, print what their comments say', () => {
    const all = blocks(text, 'js');
    expect(all.length).toBe(count);
    const promised = [...all.join('\n').matchAll(/console\.log\(.*\); \/\/ (.*)/g)].map((match) => match[1]);
    const printed = runModule(all.join('\n')).trim().split('\n');
    expect(printed).toEqual(promised);
  });

  const commands = blocks(text, 'sh').flatMap((block) => block.match(/^gaussmix .*$/gm) ?? []);
  it.each(commands)('%s', (command) => {
    const [, ...args] = command.split(' ');
    execFileSync('node', [join(root, 'dist/cli.js'), ...args], { cwd: folder });
  });
});

// Those for Python and R are run by exchange.test.ts, where their other half is there.
const guides = readdirSync(join(root, 'docs')).filter((name) =>
  /^migrating-from-(?!scikit-learn|mclust).*\.md$/.test(name),
);

it('there are guides to migrate', () => expect(guides).toHaveLength(3));
it.each(guides)('the examples of %s run, one after the other', (name) => {
  const all = blocks(read(`docs/${name}`), 'js');
  expect(all.length).toBeGreaterThan(1);
  expect(runModule(all.join('\n'))).not.toMatch(/NaN|undefined/);
});

const sources = ['.', 'compat', 'inference'].flatMap((folder) =>
  readdirSync(join(root, 'src', folder))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name)),
);
const examples = sources.flatMap((name) =>
  docExamples(read(`src/${name}`)).map((code, i) => ({ name: `${name} ${i}`, code })),
);

it('there are docstring examples', () => expect(examples.length).toBeGreaterThanOrEqual(5));
it.each(examples)('the docstring example $name runs', ({ code }) => {
  runModule(code);
});
