// The package as a user installs it: packed, installed into empty projects, run as ESM, CommonJS, TypeScript and
// through Vite. Must not import from src/.
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installPacked } from './helpers/packed.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
let folder = '';
let tarball = '';

const program = `
const data = [[1, 2.1], [1.2, 1.9], [0.9, 2], [7.8, 8.1], [8.1, 7.9], [8, 8.3]];
const model = GaussianMixture.fit(data, { nComponents: 2, seed: 1 });
console.log(JSON.stringify([Array.from(model.predict(data)), model.fitted.logLikelihood]));
`;

function run(command: string, args: string[], cwd: string = folder): string {
  return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gaussmix-package-'));
  tarball = installPacked(folder);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the packed tarball', () => {
  let esm = '';

  it('runs as an ES module', () => {
    writeFileSync(join(folder, 'user.mjs'), `import { GaussianMixture } from 'gaussmix';\n${program}`);
    esm = run('node', ['user.mjs']);
    const [labels, logLikelihood] = JSON.parse(esm);
    expect(labels.slice(0, 3)).toEqual([labels[0], labels[0], labels[0]]);
    expect(labels.slice(3)).toEqual([1 - labels[0], 1 - labels[0], 1 - labels[0]]);
    expect(Number.isFinite(logLikelihood)).toBe(true);
  });

  it('runs as CommonJS, with the same bits', () => {
    writeFileSync(join(folder, 'user.cjs'), `const { GaussianMixture } = require('gaussmix');\n${program}`);
    expect(run('node', ['user.cjs'])).toBe(esm);
  });

  it.each([
    [
      'ES module',
      'inference.mjs',
      "import { GaussianMixture } from 'gaussmix';\nimport { bootstrap, merge } from 'gaussmix/inference';",
    ],
    [
      'CommonJS',
      'inference.cjs',
      "const { GaussianMixture } = require('gaussmix');\nconst { bootstrap, merge } = require('gaussmix/inference');",
    ],
  ])('gaussmix/inference has the library’s models and errors (%s)', (_, file, imports) => {
    const source = `${imports}
const data = [[1, 2.1], [1.2, 1.9], [0.9, 2], [7.8, 8.1], [8.1, 7.9], [8, 8.3]];
const model = GaussianMixture.fit(data, { nComponents: 2, seed: 1 });
const { models } = bootstrap(model, data, { replicates: 2, method: 'weighted' });
console.log(models.every((each) => each instanceof GaussianMixture), merge(model, data).clusters(1)[0].length);
try { bootstrap(model, data, { replicates: 0 }); } catch (error) { console.log(error instanceof RangeError, error.code); }`;
    writeFileSync(join(folder, file), source);
    expect(run('node', [file])).toBe('true 2\ntrue INVALID_OPTION\n');
    // A copy of the kernel would be a second one in every program.
    const bundle = readFileSync(join(folder, 'node_modules/gaussmix/dist/inference.js'));
    expect(gzipSync(bundle).length).toBeLessThan(20_000);
  });

  it.each([
    ['node16', 'user.mts'],
    ['node16', 'user.cts'],
    ['bundler', 'user.ts'],
  ])('type-checks with moduleResolution %s (%s)', (resolution, file) => {
    const source = `import { GaussianMixture, GaussmixError, Matrix, initialize, type FitOptions, type MatrixLike } from 'gaussmix';
import { type LikelihoodRatioTests, bootstrapLikelihoodRatio, merge, regress } from 'gaussmix/inference';
const part: Omit<FitOptions, 'nComponents'> = { nInit: 3 };
GaussianMixture.fit([1, 2], { ...part, nComponents: 1 });
GaussianMixture.fromParameters({ weights: [1], means: [[0, 0]], covariances: [[[1, 0], [0, 1]]] });
export const later: Promise<GaussianMixture> = GaussianMixture.fitAsync([1, 2], { k: 1, workers: 0 });
const options: FitOptions = { nComponents: 2, covarianceType: 'tied', onIteration: ({ iteration }) => iteration < 10 ? undefined : false };
const data: MatrixLike = new Matrix(new Float64Array(12), [6, 2]);
const model: GaussianMixture = GaussianMixture.fit(data, options);
const labels: Int32Array = model.predict([[1, 2]]);
const again = GaussianMixture.fit(data, { k: 2, initialization: model });
const proba: Float64Array = again.predictProba(data).row(0);
// @ts-expect-error nComponents is required
GaussianMixture.fit(data, { seed: 1 });
// @ts-expect-error an unknown option
GaussianMixture.fit(data, { nComponents: 2, iterations: 3 });
export function codeOf(error: unknown): string | undefined { return error instanceof GaussmixError ? error.code : undefined; }
export const ready: Promise<void> = initialize();
export const tests: LikelihoodRatioTests = bootstrapLikelihoodRatio(data, { maxComponents: 3, onProgress: ({ done }) => done < 9 ? undefined : false });
export const predicted: Float64Array = regress(model.marginal([0, 1]), [0], [[1]]).means.data;
export const clusters: number[][] = merge(model, data).clusters(1);
export { labels, proba };
`;
    writeFileSync(join(folder, file), source);
    const compilerOptions = {
      strict: true,
      noEmit: true,
      target: 'es2022',
      // No DOM: a Node project without it must not meet errors in our declarations.
      lib: ['es2022'],
      skipLibCheck: false,
      module: resolution === 'node16' ? 'node16' : 'esnext',
      moduleResolution: resolution,
      types: [],
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }));
    expect(run('node', [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.'])).toBe('');
  });

  it('builds and runs through Vite', () => {
    const project = join(folder, 'vite');
    mkdirSync(project);
    cpSync(join(folder, 'node_modules'), join(project, 'node_modules'), { recursive: true });
    writeFileSync(join(project, 'index.html'), '<script type="module" src="./main.js"></script>');
    writeFileSync(join(project, 'main.js'), `import { GaussianMixture } from 'gaussmix';\n${program}`);
    run('node', [join(root, 'node_modules/vite/bin/vite.js'), 'build', '--logLevel', 'error'], project);
    const assets = join(project, 'dist/assets');
    const [bundle] = readdirSync(assets).filter((name) => name.endsWith('.js'));
    cpSync(join(assets, bundle), join(project, 'bundle.mjs'));
    // The bundle's module preload helper looks for a document only when it has something to load.
    expect(
      run(
        'node',
        [
          '-e',
          "globalThis.document ??= { createElement: () => ({ relList: { supports: () => true } }) }; import('./bundle.mjs')",
        ],
        project,
      ),
    ).toBe(esm);
  });

  it('has the command line, which runs', () => {
    const data = join(root, 'examples/faithful.csv');
    const output = run('npx', ['--no-install', 'gaussmix', 'fit', data, '-k', '2', '--json']);
    expect(JSON.parse(output).nComponents).toBe(2);
  });

  it('exports the kernel, which instantiates with an empty import object', async () => {
    const script = `import { readFileSync } from 'node:fs';
const url = import.meta.resolve('gaussmix/gaussmix.wasm');
const { instance } = await WebAssembly.instantiate(readFileSync(new URL(url)), {});
console.log(instance.exports.gmm_abi_version.value);`;
    writeFileSync(join(folder, 'kernel.mjs'), script);
    expect(run('node', ['kernel.mjs']).trim()).toBe('65536');
  });

  it('another copy of the kernel can be used', () => {
    const script = `import { readFileSync } from 'node:fs';
import { GaussianMixture, initialize } from 'gaussmix';
await initialize(readFileSync(new URL(import.meta.resolve('gaussmix/gaussmix.wasm'))));
${program}
await initialize(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])).catch((error) => console.error(error.code));
`;
    writeFileSync(join(folder, 'initialize.mjs'), script);
    expect(run('node', ['initialize.mjs'])).toBe(esm);
  });

  it('ships only what it should, within its size budget', () => {
    const shipped = readdirSync(join(folder, 'node_modules/gaussmix'));
    expect(shipped.sort()).toEqual(
      [
        'CHANGELOG.md',
        'LICENSE',
        'README.md',
        'THIRD_PARTY_LICENSES.md',
        'dist',
        'docs',
        'package.json',
      ].sort(),
    );
    const bundle = readFileSync(join(folder, 'node_modules/gaussmix/dist/index.js'));
    // Of these, covariance models beyond the four forms are 5,300.
    expect(gzipSync(bundle).length).toBeLessThan(65_000);
    // Self-contained: a plain module script tag can load it.
    expect(bundle.toString()).not.toMatch(/^import\b.*\bfrom\b/m);
    expect(existsSync(join(folder, 'node_modules/gaussmix/dist/gaussmix.wasm'))).toBe(true);
  });

  it('is clean for publint and are-the-types-wrong', () => {
    run('npx', ['--no-install', 'publint', '--strict'], root);
    const wrong = [
      '--no-install',
      'attw',
      tarball,
      '--exclude-entrypoints',
      './gaussmix.wasm',
      './worker.js',
    ];
    expect(run('npx', wrong, root)).toMatch(/No problems found/);
  });
});
