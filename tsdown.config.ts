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

// The command line uses the library as any program does, by its public name: here the file beside it.
const commandLine: UserConfig = {
  entry: { cli: 'cli/main.ts' },
  format: ['esm'],
  platform: 'node',
  target: 'node20',
  dts: false,
  clean: false,
  fixedExtension: false,
  plugins: [
    {
      name: 'library-beside',
      resolveId: (id: string) => (id === 'gaussmix' ? { id: './index.js', external: true } : null),
    },
  ],
};

export default defineConfig([library, commandLine]) as UserConfig[];
