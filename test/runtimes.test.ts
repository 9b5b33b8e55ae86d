// The packed package in every runtime and bundler: each runs the programs of docs/BROWSERS.md, one fit with and one
// without workers, and must print the same bits. The README's table is made here.
// Must not import from src/.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { version as esbuildVersion } from 'esbuild';
import type { Browser } from 'playwright-core';
import {
  createLogger,
  createServer,
  type InlineConfig,
  build as viteBuild,
  version as viteVersion,
} from 'vite';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import webpack from 'webpack';
import { findBrowser, findRuntime, NODES } from '../scripts/runtimes.mjs';
import { serve } from '../scripts/serve.mjs';
import { launch, open } from './helpers/browser.ts';
import { leftOut } from './helpers/left-out.ts';
import { namedBlocks } from './helpers/named-blocks.ts';
import { installPacked } from './helpers/packed.ts';
import { comparable, type RuntimeRow, tableIn, tableLines, withTable } from './helpers/runtime-table.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const readme = join(root, 'README.md');
const guide = new Map(
  Array.from(namedBlocks(readFileSync(join(root, 'docs/BROWSERS.md'), 'utf8')), ([name, content]) => [
    name,
    withMany(content),
  ]),
);

/** Three blocks of rows, from integers and exact divisions: the same doubles on every engine. */
const dataModule = `
const n = 10_000;
const data = new Float64Array(3 * n);
let state = 1;
const next = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 4294967296;
};
for (let i = 0; i < n; i++) {
  for (let j = 0; j < 3; j++) data[3 * i + j] = next() + next() + next() + next() + (i % 4) * (j + 1);
}
export const rows = { data, shape: [n, 3] };
`;

/** A program whose `fitAsync` must have given what `fitManyAsync` gives, which starts other workers. */
function withMany(program: string): string {
  if (!program.includes('GaussianMixture.fitAsync(')) return program;
  return program.replace('GaussianMixture.fitAsync(', 'fitBoth(').replace(
    /import \{ (GaussianMixture.*;)/,
    `import { fitManyAsync, $1
async function fitBoth(rows, options) {
  const model = await GaussianMixture.fitAsync(rows, options);
  for (const other of await fitManyAsync([rows, rows, rows], options)) {
    if (JSON.stringify(other) !== JSON.stringify(model)) throw new Error('fitManyAsync gives other bits');
  }
  return model;
}`,
  );
}

let folder = '';
const rows: RuntimeRow[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gaussmix-runtimes-'));
  installPacked(folder, { type: 'module' });
  write('data.js', dataModule);
  for (const [name, content] of guide) write(name, content);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, content: string): void {
  writeFileSync(join(folder, name), content);
}

function run(command: string, args: readonly string[]): string[] {
  const output = execFileSync(command, args, {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 100_000,
  });
  return output.trim().split('\n');
}

/** A page that runs a script. */
function page(script: string): string {
  return `<!doctype html><script type="module" src="${script}"></script>`;
}

/** The guide's program of this name, loading the package from its file. */
function unbundled(name: string): string {
  return (guide.get(name) ?? '').replace("'gaussmix'", "'./node_modules/gaussmix/dist/index.js'");
}

/**
 * Hash of a model as it was printed: every bit of its weights, means, covariances and log-likelihoods, since
 * JSON has the shortest decimals that give the double back.
 */
function hash(printed: string): string {
  expect(JSON.parse(printed)).toMatchObject({
    format: 'gaussmix-model',
    nComponents: 4,
    nFeatures: 3,
    fitted: { converged: true, nSamples: 10_000 },
  });
  return createHash('sha256').update(printed).digest('hex');
}

/** Adds a row to the table; the first one's `fit` is what all others must equal. */
function record(
  row: Omit<RuntimeRow, 'fit' | 'fitAsync' | 'workers'>,
  printed: readonly string[],
  workers: 2 | 0 = 2,
): void {
  expect(printed).toHaveLength(2);
  const [fit, fitAsync] = printed.map(hash);
  rows.push({ ...row, fit, fitAsync, workers });
  expect([fit, fitAsync]).toEqual([rows[0].fit, rows[0].fit]);
}

/** The executable of a pinned runtime, or the end of the test. */
function executableOf(name: string, context: TestContext): { executable: string; version: string } {
  const found = findRuntime(name);
  return found.missing === undefined ? found : leftOut(context, found.missing);
}

describe('on a server', () => {
  it.for(NODES)('%s: ES module and CommonJS', (name, context) => {
    const { executable, version } = executableOf(name, context);
    const common = (guide.get('main.js') ?? '').replace(
      /^import (.*) from ('gaussmix'|'.\/data.js');$/gm,
      (_, names, from) =>
        from === "'gaussmix'"
          ? `const ${names} = require(${from});`
          : `const ${names} = await import(${from});`,
    );
    write('main.cjs', `(async () => {\n${common}\n})();`);
    const printed = run(executable, ['main.js']);
    expect(run(executable, ['main.cjs'])).toEqual(printed);
    record({ runtime: 'Node', version, loaded: '`import`, `require`' }, printed);
  });

  it.each([
    ['node16', 'typed.mts', 'typed.mjs'],
    ['node16', 'typed.cts', 'typed.cjs'],
    ['bundler', 'typed.ts', 'typed.js'],
  ])('TypeScript, moduleResolution %s (%s)', (moduleResolution, source, output) => {
    write(
      source,
      `import { type FitOptions, GaussianMixture, type MatrixLike } from 'gaussmix';
declare const console: { log(text: string): void };
async function main(): Promise<void> {
  const { rows }: { rows: MatrixLike } = await import('./data.js');
  const options: FitOptions = { nComponents: 4, seed: 1 };
  console.log(JSON.stringify(GaussianMixture.fit(rows, options)));
  console.log(JSON.stringify(await GaussianMixture.fitAsync(rows, { ...options, workers: 2 })));
}
void main();
`,
    );
    write('data.d.ts', 'export declare const rows: { data: Float64Array; shape: number[] };\n');
    const compilerOptions = {
      strict: true,
      target: 'es2022',
      lib: ['es2022'],
      types: [],
      module: moduleResolution === 'node16' ? 'node16' : 'esnext',
      moduleResolution,
    };
    write('tsconfig.json', JSON.stringify({ compilerOptions, files: [source] }));
    const compiler = join(root, 'node_modules/typescript');
    run(process.execPath, [join(compiler, 'bin/tsc'), '-p', '.']);
    const { version } = JSON.parse(readFileSync(join(compiler, 'package.json'), 'utf8'));
    const way = output.endsWith('.cjs') ? `\`${moduleResolution}\`, CommonJS` : `\`${moduleResolution}\``;
    record({ runtime: 'TypeScript', version, loaded: way }, run(process.execPath, [output]));
  });

  it('Bun', (context) => {
    const { executable, version } = executableOf('Bun', context);
    record({ runtime: 'Bun', version, loaded: '`import`' }, run(executable, ['main.js']));
  });

  it('Deno, without permissions', (context) => {
    const { executable, version } = executableOf('Deno', context);
    const printed = run(executable, ['run', '--no-prompt', 'main.js']);
    record({ runtime: 'Deno', version, loaded: '`import`, no permissions' }, printed);
  });
});

describe('workerd', () => {
  /** Starts workerd with a main module, sends it the rows and gives back its answer. */
  async function answerOf(executable: string, main: string): Promise<string> {
    const config = `${main}.capnp`;
    write(config, (guide.get('config.capnp') ?? '').replaceAll('"edge.js"', `"${main}"`));
    const child = spawn(executable, ['serve', config, '--socket-addr=http=127.0.0.1:0', '--control-fd=3'], {
      cwd: folder,
      stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    });
    try {
      const port = await new Promise<number>((resolve, reject) => {
        child.once('exit', (code) => reject(new Error(`workerd ended with code ${code}`)));
        (child.stdio[3] as Readable).on('data', (text: Buffer) => {
          const listening = /"port":(\d+)/.exec(text.toString());
          if (listening) resolve(Number(listening[1]));
        });
      });
      const { rows: sent } = await import(pathToFileURL(join(folder, 'data.js')).href);
      const body = JSON.stringify({ data: Array.from(sent.data), shape: sent.shape });
      const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body });
      return await response.text();
    } finally {
      child.kill();
    }
  }

  it('fits with the kernel imported as a module', async (context) => {
    const { executable, version } = executableOf('workerd', context);
    const models: unknown[] = JSON.parse(await answerOf(executable, 'edge.js'));
    const printed = models.map((model) => JSON.stringify(model));
    record({ runtime: 'workerd', version, loaded: 'kernel as a module, `initialize`' }, printed, 0);
  });

  it('says what to do without it, and that there are no workers', async (context) => {
    const { executable } = executableOf('workerd', context);
    write(
      'bare.js',
      `import { GaussianMixture, initialize } from 'gaussmix';
import kernel from 'gaussmix/gaussmix.wasm';
const attempt = async (work) => {
  try {
    await work();
  } catch ({ code, message }) {
    return { code, message };
  }
};
export default {
  async fetch() {
    const errors = [
      await attempt(() => GaussianMixture.fit([1, 2, 3], { nComponents: 1 })),
      await attempt(() => initialize()),
    ];
    await initialize(kernel);
    errors.push(await attempt(() => GaussianMixture.fitAsync([1, 2, 3], { nComponents: 1, workers: 2 })));
    return Response.json(errors);
  },
};`,
    );
    const answer = await answerOf(executable, 'bare.js');
    const toImport = expect.stringMatching(
      /import the module gaussmix\/gaussmix\.wasm and `await initialize\(module\)`/,
    );
    expect(JSON.parse(answer)).toEqual([
      { code: 'KERNEL_UNAVAILABLE', message: toImport },
      { code: 'KERNEL_UNAVAILABLE', message: toImport },
      { code: 'KERNEL_UNAVAILABLE', message: expect.stringMatching(/no workers: pass `workers: 0`/) },
    ]);
  });
});

describe('in Chromium', () => {
  const found = findBrowser();
  let browser: Browser | undefined;

  beforeAll(async () => {
    if (found.missing === undefined) browser = await launch(found.executable);
  });
  afterAll(() => browser?.close());

  function theBrowser(context: TestContext): Browser {
    return browser ?? leftOut(context, found.missing ?? 'Chromium does not start');
  }

  /** What a page of a folder prints, under a policy. */
  async function printedBy(
    context: TestContext,
    path: string,
    policy?: string,
    from: string = folder,
  ): Promise<string[]> {
    const server = await serve(from, policy === undefined ? {} : { 'content-security-policy': policy });
    try {
      const { lines, errors } = await open(theBrowser(context), `${server.address}${path}`, 2);
      expect(errors).toEqual([]);
      return [...lines];
    } finally {
      await server.close();
    }
  }

  function recordPage(context: TestContext, loaded: string, printed: readonly string[]): void {
    const version = theBrowser(context).version().split('.')[0];
    record({ runtime: 'Chromium', version, unpinned: true, loaded }, printed);
  }

  describe('without a bundler', () => {
    it('a module script', async (context) => {
      recordPage(context, 'module script', await printedBy(context, 'plain.html'));
    });

    it('a Web Worker, which starts workers', async (context) => {
      write('plain-page.js', unbundled('page.js').replace('fit-worker.js', 'plain-worker.js'));
      write('plain-worker.js', unbundled('fit-worker.js'));
      write('plain-worker.html', page('./plain-page.js'));
      recordPage(context, 'module script, in a Web Worker', await printedBy(context, 'plain-worker.html'));
    });

    it('ahead of time, with another copy of the kernel', async (context) => {
      const copy = "'./node_modules/gaussmix/dist/gaussmix.wasm'";
      write(
        'plain-ahead.js',
        unbundled('ahead.js').replace(/^import kernel from .*$/m, `const kernel = ${copy};`),
      );
      write('plain-ahead.html', page('./plain-ahead.js'));
      recordPage(context, 'module script, `initialize`', await printedBy(context, 'plain-ahead.html'));
    });
  });

  describe('through Vite', () => {
    const loggings: string[] = [];

    function settings(): InlineConfig {
      const customLogger = createLogger('silent');
      customLogger.warn = (message) => void loggings.push(message);
      customLogger.error = (message) => void loggings.push(message);
      return { root: folder, configFile: false, customLogger, logLevel: 'silent' };
    }

    async function built(
      name: string,
      script: string,
      policy?: string,
    ): Promise<(context: TestContext) => Promise<string[]>> {
      write(`${name}.html`, page(script));
      const output = join(folder, `vite-${name}`);
      const input = join(folder, `${name}.html`);
      await viteBuild({ ...settings(), build: { outDir: output, rolldownOptions: { input } } });
      expect(loggings).toEqual([]);
      return (context) => printedBy(context, `${name}.html`, policy, output);
    }

    it('its development server', async (context) => {
      const chromium = theBrowser(context);
      const server = await createServer({ ...settings(), server: { host: '127.0.0.1', port: 0 } });
      try {
        await server.listen();
        const [address] = server.resolvedUrls?.local ?? [];
        const { lines, errors } = await open(chromium, address, 2);
        expect({ errors, loggings }).toEqual({ errors: [], loggings: [] });
        recordPage(context, `Vite ${viteVersion}, development server`, lines);
      } finally {
        await server.close();
      }
    });

    it.for([
      ['main', '', undefined],
      ['page', ', in a Web Worker', undefined],
      ['ahead', ', `initialize`', undefined],
      ['strict-vite', ', strict policy', "script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'"],
    ] as const)('a build of %s.js', async ([name, way, policy], context) => {
      const show = await built(name, `./${name}.js`, policy);
      recordPage(context, `Vite ${viteVersion}${way}`, await show(context));
    });
  });

  describe('through webpack', () => {
    beforeAll(async () => {
      const { default: settings } = await import(pathToFileURL(join(folder, 'webpack.config.mjs')).href);
      const compiler = webpack({ ...settings, context: folder, output: { path: join(folder, 'webpack') } });
      const stats = await new Promise<webpack.Stats | undefined>((resolve, reject) => {
        compiler?.run((error, result) => (error ? reject(error) : resolve(result)));
      });
      const { errors, warnings } = stats?.toJson({ all: false, errors: true, warnings: true }) ?? {};
      // Its advice on the size of bundles is none on how they work.
      const others = warnings
        ?.map(({ message }) => message)
        .filter((message) => !/size limit|lazy load/.test(message));
      expect({ errors, others }).toEqual({ errors: [], others: [] });
    });

    it.for([
      ['main', '', undefined],
      ['page', ', in a Web Worker', undefined],
      ['strict-webpack', ', strict policy', "script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'"],
    ] as const)('a build of %s.js', async ([name, way, policy], context) => {
      write(`webpack/${name}.html`, page(`./${name}.js`));
      const printed = await printedBy(context, `${name}.html`, policy, join(folder, 'webpack'));
      recordPage(context, `webpack ${webpack.version}${way}`, printed);
    });
  });

  it('through esbuild', async (context) => {
    const [, command] =
      /^npx (esbuild main\.js .*)$/m.exec(readFileSync(join(root, 'docs/BROWSERS.md'), 'utf8')) ?? [];
    const executable = join(root, 'node_modules/.bin/esbuild');
    const [, ...args] = command.split(' ');
    const { status, stderr } = spawnSync(executable, [...args, '--log-level=warning'], { cwd: folder });
    expect([status, stderr.toString()]).toEqual([0, '']);
    write('esbuild.html', page('./dist/main.js'));
    recordPage(context, `esbuild ${esbuildVersion}`, await printedBy(context, 'esbuild.html'));
  });

  describe('under a content security policy', () => {
    it("that has 'wasm-unsafe-eval' and workers from blob:", async (context) => {
      const [, policy] =
        /^(script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:)$/m.exec(
          readFileSync(join(root, 'docs/BROWSERS.md'), 'utf8'),
        ) ?? [];
      write('main-plain.js', unbundled('main.js'));
      write('main-plain.html', page('./main-plain.js'));
      recordPage(context, 'policy with `blob:`', await printedBy(context, 'main-plain.html', policy));
    });

    it("that has workers from the page's origin only: with workerScript", async (context) => {
      write('strict.html', page('./strict.js'));
      const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'";
      recordPage(context, 'strict policy, `workerScript`', await printedBy(context, 'strict.html', policy));
    });

    /** Errors of a fit, of `initialize` and of a fit on workers, as a page tells them. */
    async function errorsUnder(context: TestContext, policy: string): Promise<unknown[]> {
      write(
        'errors.js',
        `import { GaussianMixture, GaussmixError, initialize } from './node_modules/gaussmix/dist/index.js';
const attempt = async (work) => {
  try {
    await work();
    return 'done';
  } catch (error) {
    return { known: error instanceof GaussmixError, code: error.code, message: error.message };
  }
};
const data = [1, 2, 3];
const all = [
  await attempt(() => GaussianMixture.fit(data, { nComponents: 1 })),
  await attempt(() => initialize()),
  await attempt(() => GaussianMixture.fitAsync(data, { nComponents: 1, workers: 1 })),
];
console.log(JSON.stringify(all));
console.log('end');`,
      );
      write('errors.html', page('./errors.js'));
      const [all] = await printedBy(context, 'errors.html', policy);
      return JSON.parse(all);
    }

    it("without 'wasm-unsafe-eval': errors name the policy and what to add", async (context) => {
      const refused = {
        known: true,
        code: 'KERNEL_UNAVAILABLE',
        message: expect.stringMatching(
          /content security policy forbids WebAssembly: add 'wasm-unsafe-eval' to its script-src/,
        ),
      };
      const policy = "script-src 'self'; worker-src 'self' blob:";
      expect(await errorsUnder(context, policy)).toEqual([refused, refused, refused]);
    });

    it('without workers from blob:, nor workerScript: the error names both', async (context) => {
      const refused = {
        known: true,
        code: 'KERNEL_UNAVAILABLE',
        message: expect.stringMatching(/must allow worker-src blob:, or pass .* `workerScript`/),
      };
      const policy = "script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'";
      expect(await errorsUnder(context, policy)).toEqual(['done', 'done', refused]);
    });
  });
});

it('the table in the README says what was found here', (context) => {
  const text = readFileSync(readme, 'utf8');
  if (rows.length === 0) return leftOut(context, 'no runtime ran');
  const missing = [...NODES, 'Bun', 'Deno', 'workerd'].map((name) => findRuntime(name).missing);
  const complete = [...missing, findBrowser().missing].every((reason) => reason === undefined);
  if (process.env.UPDATE_README) {
    expect(complete).toBe(true);
    writeFileSync(readme, withTable(text, rows));
  }
  const there = comparable(tableIn(readFileSync(readme, 'utf8')), rows);
  const here = comparable(tableLines(rows), rows);
  if (complete) expect(there).toEqual(here);
  else expect(there).toEqual(expect.arrayContaining(here));
});
