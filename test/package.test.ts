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
import { buildSync } from 'esbuild';
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

/** What TypeScript says to a program in the user's project: nothing, or its complaints. */
function typeCheck(resolution: string, file: string, source: string): string {
  writeFileSync(join(folder, file), source);
  const module = { node16: 'node16', node10: 'commonjs', bundler: 'esnext' }[resolution];
  const compilerOptions = {
    strict: true,
    noEmit: true,
    target: 'es2022',
    // No DOM: a Node project without it must not meet errors in our declarations.
    lib: ['es2022'],
    skipLibCheck: false,
    module,
    moduleResolution: resolution,
    types: [],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }));
  return run('node', [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.']);
}

/** Bundles a program with Vite and returns what the bundle prints in Node. */
function runThroughVite(name: string, source: string): string {
  const project = join(folder, name);
  mkdirSync(project);
  cpSync(join(folder, 'node_modules'), join(project, 'node_modules'), { recursive: true });
  writeFileSync(join(project, 'index.html'), '<script type="module" src="./main.js"></script>');
  writeFileSync(join(project, 'main.js'), source);
  run('node', [join(root, 'node_modules/vite/bin/vite.js'), 'build', '--logLevel', 'error'], project);
  const assets = join(project, 'dist/assets');
  const [bundle] = readdirSync(assets).filter((file) => /^index-.*\.js$/.test(file));
  cpSync(join(assets, bundle), join(project, 'bundle.mjs'));
  // The bundle's module preload helper looks for a document only when it has something to load.
  const program =
    "globalThis.document ??= { createElement: () => ({ relList: { supports: () => true } }) }; import('./bundle.mjs')";
  return run('node', ['-e', program], project);
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

  it('lists in CommonJS what is declared, and nothing else', () => {
    const declared = readFileSync(join(folder, 'node_modules/gaussmix/dist/index.d.cts'), 'utf8');
    const [, names] = declared.match(/^export \{(.*)\};$/m) as RegExpMatchArray;
    const values = names.split(',').filter((name) => !/\btype\b/.test(name));
    const listed = JSON.parse(run('node', ['-p', "JSON.stringify(Object.keys(require('gaussmix')))"]));
    expect(listed.sort()).toEqual(values.map((name) => name.trim()).sort());
  });

  it('has gaussmix/exchange, on the same library, as both kinds of module', () => {
    const check = `
const model = fromScikitLearn({ weights_: [1], means_: [[1, 2]], covariances_: [[[1, 0], [0, 1]]] });
console.log(model instanceof GaussianMixture, toMclust(model).variance.modelName);`;
    const names = '{ fromScikitLearn, toMclust }';
    writeFileSync(
      join(folder, 'exchange.mjs'),
      `import { GaussianMixture } from 'gaussmix';\nimport ${names} from 'gaussmix/exchange';${check}`,
    );
    writeFileSync(
      join(folder, 'exchange.cjs'),
      `const { GaussianMixture } = require('gaussmix');\nconst ${names} = require('gaussmix/exchange');${check}`,
    );
    for (const file of ['exchange.mjs', 'exchange.cjs']) expect(run('node', [file])).toBe('true VVV\n');
  });

  it.each([
    [
      'ES module',
      'online.mjs',
      "import { GaussianMixture } from 'gaussmix';\nimport { OnlineGaussianMixture } from 'gaussmix/online';",
    ],
    [
      'CommonJS',
      'online.cjs',
      "const { GaussianMixture } = require('gaussmix');\nconst { OnlineGaussianMixture } = require('gaussmix/online');",
    ],
  ])('gaussmix/online has the library’s models and errors (%s)', (_, file, imports) => {
    const source = `${imports}
const online = new OnlineGaussianMixture({ nComponents: 1, startRows: 4, batchSize: 2 }).partialFit([1, 2, 3, 4, 6, 7]);
console.log(online.steps, online.model instanceof GaussianMixture, online.model.score([3]) < 0);
try { online.partialFit([[1, 2]]); } catch (error) { console.log(error instanceof RangeError, error.code); }`;
    writeFileSync(join(folder, file), source);
    expect(run('node', [file])).toBe('1 true true\ntrue INVALID_SHAPE\n');
    const bundle = readFileSync(join(folder, 'node_modules/gaussmix/dist/online.js'));
    expect(gzipSync(bundle).length).toBeLessThan(10_000);
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
    const source = `import { type LikelihoodRatioTests, bootstrapLikelihoodRatio, merge, regress } from 'gaussmix/inference';
import { GaussianMixture, GaussmixError, Matrix, initialize, type FitOptions, type MatrixLike, selectModel, type Selection } from 'gaussmix';
import { type OnlineJSON, OnlineGaussianMixture } from 'gaussmix/online';
import { accumulate, maximize, SufficientStatistics } from 'gaussmix';
import { fromMclust, type ScikitLearnModel, toScikitLearn } from 'gaussmix/exchange';
export const chosen: Selection = selectModel([1, 2, 3], { nComponents: [1, 2], covarianceTypes: ['full'], criterion: 'icl' });
export const theirs: ScikitLearnModel = toScikitLearn(chosen.best);
export const ours: GaussianMixture = fromMclust({});
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
export const statistics: SufficientStatistics = SufficientStatistics.fromBytes(accumulate(data, model, { firstRow: 0 }).toBytes());
export const next: GaussianMixture = maximize(statistics, { regularization: 0 });
export const saved: OnlineJSON = new OnlineGaussianMixture({ nComponents: 2, initialization: model }).partialFit(data).toJSON();
export { labels, proba };
`;
    expect(typeCheck(resolution, file, source)).toBe('');
  });

  it('builds and runs through Vite', () => {
    expect(runThroughVite('vite', `import { GaussianMixture } from 'gaussmix';\n${program}`)).toBe(esm);
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
    // Major version; docs/ABI.md.
    expect(Number(run('node', ['kernel.mjs'])) >>> 16).toBe(1);
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
        'integrations',
        'package.json',
      ].sort(),
    );
    const python = readdirSync(join(folder, 'node_modules/gaussmix/integrations/spark/gaussmix_spark'));
    expect(python).toEqual(expect.arrayContaining(['driver.py', 'engine.mjs', 'gaussmix.wasm', 'job.py']));
    expect(python.filter((name) => !/\.py$|^engine\.mjs$|^gaussmix\.wasm$/.test(name))).toEqual([]);
    const bundle = readFileSync(join(folder, 'node_modules/gaussmix/dist/index.js'));
    expect(gzipSync(bundle).length).toBeLessThan(100_000);
    // What a page pays that fits mixtures: selection and the like are shaken off, jobs.js is fetched when it is wanted.
    writeFileSync(join(folder, 'app.mjs'), "export { GaussianMixture } from 'gaussmix';");
    const { outputFiles } = buildSync({
      entryPoints: [join(folder, 'app.mjs')],
      bundle: true,
      minify: true,
      splitting: true,
      format: 'esm',
      outdir: join(folder, 'app'),
      write: false,
    });
    expect(gzipSync(outputFiles[0].contents).length).toBeLessThan(68_000);
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

describe('the drop-in modules of the packed tarball', () => {
  const work = `
const model = new GMM({ means: [[0], [5]], covariances: [[[1]], [[1]]], bufferSize: 10 });
[0, 1, 5, 6, 7].forEach((x) => model.addPoint([x]));
model.runEM(3);
const one = new GMM1(2, undefined, [0, 5], [1, 1]);
const iterations = one.optimize(new GMM1.Histogram({ counts: { 0: 3, 1: 2, 6: 4, 7: 1 } }));
const groups = fit([[0, 1], [1, 0], [1, 1.5], [8, 9], [9, 8], [9.5, 9]], 2);
console.log(JSON.stringify([model.means, model.predict([2]), iterations, one.model(), groups, groups[0].probability([1, 1])]));
`;
  const imports = `
import fit from 'gaussmix/compat/expectation-maximization';
import GMM1 from 'gaussmix/compat/gaussian-mixture';
import GMM from 'gaussmix/compat/gaussian-mixture-model';
`;
  let esm = '';

  it('run as ES modules', () => {
    writeFileSync(join(folder, 'drop-in.mjs'), imports + work);
    esm = run('node', ['drop-in.mjs']);
    expect(JSON.parse(esm)[4]).toHaveLength(2);
  });

  it('run as CommonJS, with the same bits', () => {
    const requires = `
const fit = require('gaussmix/compat/expectation-maximization');
const GMM1 = require('gaussmix/compat/gaussian-mixture');
const { default: GMM } = require('gaussmix/compat/gaussian-mixture-model');
`;
    writeFileSync(join(folder, 'drop-in.cjs'), requires + work);
    expect(run('node', ['drop-in.cjs'])).toBe(esm);
  });

  it('run through Vite, with the same bits', () => {
    expect(runThroughVite('vite-drop-in', imports + work)).toBe(esm);
  });

  it('use the kernel that the library was given', () => {
    const source = `import { readFileSync } from 'node:fs';
import { initialize } from 'gaussmix';
import fit from 'gaussmix/compat/expectation-maximization';
const bytes = readFileSync(new URL(import.meta.resolve('gaussmix/gaussmix.wasm')));
await initialize(await WebAssembly.compile(bytes));
// What would decode another copy of the binary.
globalThis.atob = () => { throw new Error('a second kernel'); };
console.log(fit([1, 2, 3])[0].mu);`;
    writeFileSync(join(folder, 'kernel-drop-in.mjs'), source);
    expect(run('node', ['kernel-drop-in.mjs'])).toBe('[ 2 ]\n');
  });

  it.each([
    ['node16', 'drop-in-types.mts'],
    ['bundler', 'drop-in-types.ts'],
  ])('type-check with moduleResolution %s (%s)', (resolution, file) => {
    const source = `${imports}
import { Histogram } from 'gaussmix/compat/gaussian-mixture';
const groups: fit.Group[] = fit([[1, 2], [3, 4]], 2, 1e-6);
export const weight: number = groups[0].weight * groups[0].probability([1, 2]);
const model = new GMM({ weights: [1], means: [[0, 0]], covariances: [[[1, 0], [0, 1]]] });
export const singularity: number[] | undefined = model.runEM(2);
export const responsibilities: Float32Array = model.cResps[0];
const h: Histogram = Histogram.fromData([1, 2], { a: [0, 3] }).add(1);
const options: GMM1.Options = { variancePrior: 1, variancePriorRelevance: 0.5, initialize: true };
const one: GMM1 = new GMM1(2, undefined, undefined, undefined, options);
export const count: number = one.optimize(h) + one.optimize([1, 2, 3], 10, 1e-3);
const parameters: GMM1.Model = one.model();
export const again: number[][] = GMM1.fromModel(parameters).memberships([1, 2]);
// @ts-expect-error options of the constructor are an object
new GMM([[0, 0]]);
`;
    expect(typeCheck(resolution, file, source)).toBe('');
  });

  it.each([
    ['node16', 'drop-in-types.cts'],
    ['node10', 'drop-in-old.ts'],
  ])('type-check with moduleResolution %s (%s) and require', (resolution, file) => {
    const source = `import fit = require('gaussmix/compat/expectation-maximization');
import GMM1 = require('gaussmix/compat/gaussian-mixture');
import { default as GMM } from 'gaussmix/compat/gaussian-mixture-model';
const groups: fit.Group[] = fit([[1, 2], [3, 4]], 2);
const h: GMM1.Histogram = new GMM1.Histogram({ counts: { 1: 2 } });
const model: GMM1.Model = new GMM1(1).model();
const means: number[][] = new GMM({ means: [[0]], covariances: [[[1]]] }).means;
export = { groups, h, model, means };
`;
    expect(typeCheck(resolution, file, source)).toBe('');
  });

  it('reach into the library by a way that is not part of its interface', () => {
    const dist = join(folder, 'node_modules/gaussmix/dist');
    for (const file of ['index.d.ts', 'index.d.cts']) {
      expect(readFileSync(join(dist, file), 'utf8')).not.toMatch(/internals/);
    }
  });

  it('are small, and import nothing but the library', () => {
    const compat = join(folder, 'node_modules/gaussmix/dist/compat');
    const files = readdirSync(compat);
    expect(files).toHaveLength(12);
    for (const file of files.filter((name) => /\.c?js$/.test(name))) {
      const text = readFileSync(join(compat, file), 'utf8');
      expect(gzipSync(text).length).toBeLessThan(8_000);
      const from = [...text.matchAll(/(?:^import\b.*\bfrom |\brequire\()"(.*?)"/gm)].map((match) => match[1]);
      expect(from).toEqual([file.endsWith('.cjs') ? '../index.cjs' : '../index.js']);
    }
  });
});
