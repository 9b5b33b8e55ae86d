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

/** Resolves the library's public name, and what of it a bundle must not have a copy of, to the file beside. */
const libraryBeside = (file: string, own: RegExp = /^gaussmix$/): NonNullable<UserConfig['plugins']> => ({
  name: 'library-beside',
  resolveId: (id: string) => (own.test(id) ? { id: file, external: true } : null),
});

// What is asked of a fitted mixture: a bundle that uses the library as any program does, so that both have one kernel, one
// class of models and one of errors.
const inference: UserConfig = {
  ...library,
  entry: { inference: 'src/inference/index.ts' },
  copy: [],
  clean: false,
  // Not `plugins`: the declarations for CommonJS are made without those.
  inputOptions: (options, format, { cjsDts }) => ({
    ...options,
    plugins: [
      libraryBeside(
        format === 'cjs' || cjsDts ? './index.cjs' : './index.js',
        /^gaussmix$|^\.\.?\/errors\.ts$/,
      ),
      options.plugins,
    ],
  }),
};

// The command line uses the library as any program does, by its public name: here the file beside it.
const commandLine: UserConfig = {
  entry: { cli: 'cli/main.ts' },
  format: ['esm'],
  platform: 'node',
  target: 'node20',
  dts: false,
  clean: false,
  fixedExtension: false,
  plugins: libraryBeside('./index.js'),
};

// Drop-in modules use the library beside them, so that there is one kernel however many of them a program has.
// cjsDefault: require gives the default export itself, as the package has it that the module stands in for.
function dropIn(name: string, format: 'esm' | 'cjs', entry: string, cjsDefault: boolean): UserConfig {
  return {
    entry: { [`compat/${name}`]: `src/compat/${entry}.ts` },
    format: [format],
    platform: 'neutral',
    outputOptions: {
      comments: { jsdoc: false, legal: true, annotation: true },
      exports: cjsDefault ? 'auto' : 'named',
    },
    target: 'es2022',
    dts: true,
    cjsDefault,
    clean: false,
    plugins: [
      libraryBeside(format === 'esm' ? '../index.js' : '../index.cjs', /^\.\.\/(index|internals)\.ts$/),
    ],
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

export default defineConfig([library, inference, commandLine, ...dropIns]) as UserConfig[];
