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

/**
 * The library by its public names, as the files beside. By way of the input options: `plugins` are left out of the
 * build of CommonJS declarations, which would then have classes of their own.
 */
function beside(extension: 'js' | 'cjs'): NonNullable<UserConfig['inputOptions']> {
  const files: Readonly<Record<string, string>> = { gaussmix: 'index', 'gaussmix/exchange': 'exchange' };
  const resolveId = (id: string) =>
    id in files ? { id: `./${files[id]}.${extension}`, external: true } : null;
  return (options) => ({ ...options, plugins: [{ name: 'library-beside', resolveId }, options.plugins] });
}

// Entry points on top of the library: they use it by its public name, so that there is one copy of it.
const onTop = (['esm', 'cjs'] as const).map(
  (format): UserConfig => ({
    ...library,
    entry: { exchange: 'src/exchange.ts' },
    format,
    copy: [],
    clean: false,
    inputOptions: beside(format === 'esm' ? 'js' : 'cjs'),
  }),
);

// The command line uses the library as any program does, by its public name: here the file beside it.
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

export default defineConfig([library, ...onTop, commandLine]) as UserConfig[];
