// The documentation hangs together: links lead somewhere, every page is found, figures are those measured, and the host in
// another language computes the library's bits.
// Must not run JavaScript examples: examples.test.ts does.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GaussianMixture } from 'gaussmix';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from './helpers/command.ts';
import { loadExample } from './helpers/data.ts';
import { guideTable, type Results, readmeTables, withPieces } from './helpers/speed-tables.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const guides = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'THIRD_PARTY_LICENSES.md',
  'test/fixtures/README.md',
  ...guides.map((name) => `docs/${name}`),
];

/** A page without its code. */
function prose(path: string): string {
  return read(path)
    .replace(/^```.*?^```$/gms, '')
    .replace(/<!--.*?-->/gs, '');
}

/** Addresses of a page's links and pictures. */
function links(path: string): string[] {
  const text = prose(path).replace(/`[^`\n]*`/g, '`');
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, address]) => address);
}

/** The anchors that GitHub gives a page's headings. */
function anchors(path: string): string[] {
  return [...prose(path).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe('links', () => {
  it.each(pages)('of %s lead to a file, and to a heading of it', (page) => {
    const dead = links(page).filter((address) => {
      if (/^(https?|mailto):/.test(address)) return false;
      const [path, anchor] = address.split('#');
      const target = path === '' ? page : relative(root, resolve(root, dirname(page), path));
      if (!existsSync(join(root, target))) return true;
      return anchor !== undefined && !(target.endsWith('.md') && anchors(target).includes(anchor));
    });
    expect(dead).toEqual([]);
  });

  it('are found at all', () => {
    expect(pages.flatMap(links).length).toBeGreaterThan(60);
    expect(anchors('docs/ABI.md')).toContain('blocks-and-the-merge-tree');
  });

  it('lead from the README to every page in two steps', () => {
    expect(links('README.md')).toContain('docs/README.md');
    expect(guides.filter((name) => name !== 'README.md' && !links('docs/README.md').includes(name))).toEqual(
      [],
    );
  });
});

describe('figures of speed are those of bench/results.json', () => {
  const results = JSON.parse(read('bench/results.json')) as Results;

  it.each([
    ['README.md', readmeTables(results)],
    ['docs/speed.md', { figures: guideTable(results) }],
  ])('in %s (UPDATE_README=1 writes them)', (page, pieces) => {
    const text = read(page);
    const expected = withPieces(text, pieces);
    if (process.env.UPDATE_README) writeFileSync(join(root, page), expected);
    expect(read(page)).toBe(expected);
  });
});

const folder = temporaryFolder();

it('the Python host of docs/other-hosts.md has the bits of the library', (context) => {
  const python = process.env.GAUSSMIX_PYTHON ?? 'python3';
  try {
    execFileSync(python, ['-c', 'import wasmtime'], { stdio: 'ignore' });
  } catch {
    // Not asked for by GAUSSMIX_REQUIRE_RUNTIMES: it is no runtime of the package.
    console.warn(`Left out: "${context.task.name}". ${python} has no wasmtime (pip install wasmtime)`);
    return context.skip(`${python} has no wasmtime`);
  }
  const [, program] = /^```python\n(.*?)^```$/ms.exec(read('docs/other-hosts.md')) ?? [];
  writeFileSync(join(folder, 'fit.py'), program);
  copyFileSync(join(root, 'examples/faithful.csv'), join(folder, 'faithful.csv'));
  const kernel = join(root, 'dist/gaussmix.wasm');
  const printed = execFileSync(python, ['fit.py', kernel], { cwd: folder, encoding: 'utf8' });
  const identity = [
    [1, 0],
    [0, 1],
  ];
  const start = {
    weights: [0.5, 0.5],
    means: [
      [2, 55],
      [4, 80],
    ],
    covariances: [identity, identity],
  };
  const options = { initialization: start, maxIterations: 25, tolerance: 0, regularization: 1e-6 };
  const model = GaussianMixture.fit(loadExample('faithful'), { nComponents: 2, ...options });
  expect(model.fitted?.iterations).toBe(25);
  const { weights, means, covariances } = model.toJSON();
  expect(JSON.parse(printed)).toEqual({ weights, means: means.flat(), covariances: covariances.flat(2) });
});
