import { defineConfig, type UserConfig } from 'tsdown';

// The library stands alone: the loader is bundled in, so that a plain module script tag can import the file.
const library: UserConfig = {
  entry: { index: 'src/index.ts' },
  format: ['esm', 'cjs'],
  platform: 'neutral',
  // Comments go, names and lines stay: stack traces remain readable.
  minify: { compress: true, mangle: false, codegen: { removeWhitespace: false } },
  // JSDoc is in the declarations; the annotations for bundlers stay.
  outputOptions: { comments: { jsdoc: false, legal: true, annotation: true } },
  target: 'es2022',
  hash: false,
  dts: true,
  deps: { alwaysBundle: ['@assemblyscript/loader'] },
  copy: ['build/gaussmix.wasm', 'build/worker.js'],
};

// For users the CommonJS module has what is declared; the entry points on top ask for the rest by name.
const INTERNALS_HIDDEN = "Object.defineProperty(exports, 'internals', { enumerable: false });";

/**
 * What is not bundled but imported from the file beside: the library by its public names, and what of it may not have a
 * copy. By way of the input options: `plugins` are left out of the build of CommonJS declarations, which would then have
 * classes of their own.
 */
function beside(
  extension: 'js' | 'cjs',
  folder: './' | '../' = './',
): NonNullable<UserConfig['inputOptions']> {
  const resolveId = (id: string) => {
    if (id === 'gaussmix/exchange') return { id: `${folder}exchange.${extension}`, external: true };
    const own = /^gaussmix$|^\.\.?\/(errors|index|internals)\.ts$/.test(id);
    return own ? { id: `${folder}index.${extension}`, external: true } : null;
  };
  return (options) => ({ ...options, plugins: [{ name: 'library-beside', resolveId }, options.plugins] });
}

// Entry points on top of the library: they use it by its public name, so that there is one copy of it.
const onTop = Object.entries({
  exchange: 'src/exchange.ts',
  inference: 'src/inference/index.ts',
  online: 'src/online.ts',
}).flatMap(([name, file]) =>
  (['esm', 'cjs'] as const).map(
    (format): UserConfig => ({
      ...library,
      entry: { [name]: file },
      format,
      copy: [],
      clean: false,
      inputOptions: beside(format === 'esm' ? 'js' : 'cjs'),
    }),
  ),
);

// The command line uses the library as any program does.
const commandLine: UserConfig = {
  entry: { cli: 'cli/main.ts' },
  format: ['esm'],
  platform: 'node',
  target: 'node20',
  dts: false,
  clean: false,
  fixedExtension: false,
  inputOptions: beside('js'),
};

// The engine stands alone too, in the package that uses it.
const engine: UserConfig = {
  entry: { engine: 'cli/engine-main.ts' },
  outDir: 'integrations/spark/gaussmix_spark',
  format: ['esm'],
  platform: 'node',
  target: 'node20',
  minify: true,
  // One file, with what the library fetches when it is wanted.
  outputOptions: { codeSplitting: false },
  dts: false,
  clean: false,
  copy: ['build/gaussmix.wasm'],
};

// Drop-in modules. cjsDefault: require gives the default export itself, as the package has it that the module stands in
// for.
function dropIn(name: string, format: 'esm' | 'cjs', entry: string, cjsDefault: boolean): UserConfig {
  return {
    ...library,
    entry: { [`compat/${name}`]: `src/compat/${entry}.ts` },
    format: [format],
    outputOptions: {
      comments: { jsdoc: false, legal: true, annotation: true },
      exports: cjsDefault ? 'auto' : 'named',
    },
    copy: [],
    cjsDefault,
    clean: false,
    inputOptions: beside(format === 'esm' ? 'js' : 'cjs', '../'),
  };
}

const dropIns: UserConfig[] = [
  dropIn('expectation-maximization', 'esm', 'expectation-maximization', false),
  dropIn('expectation-maximization', 'cjs', 'expectation-maximization', true),
  dropIn('gaussian-mixture', 'esm', 'gaussian-mixture', false),
  dropIn('gaussian-mixture', 'cjs', 'gaussian-mixture.cjs', true),
  dropIn('gaussian-mixture-model', 'esm', 'gaussian-mixture-model', false),
  dropIn('gaussian-mixture-model', 'cjs', 'gaussian-mixture-model', false),
];

const main: UserConfig = {
  ...library,
  outputOptions: (options, format) => ({
    ...options,
    ...library.outputOptions,
    footer: ({ name }) => (format === 'cjs' && name === 'index' ? INTERNALS_HIDDEN : ''),
  }),
};

export default defineConfig([main, ...onTop, commandLine, engine, ...dropIns]) as UserConfig[];
