// Compiles assembly/ to build/gaussmix.wasm (and .wat, to be read in review) and writes what is embedded in the library:
// build/embedded.ts, the binary and the program of the workers that hold rows; build/jobs.ts, the program of those that
// do jobs. build/worker.js holds both programs, for pages that must load workers from a file.
import { readFileSync, writeFileSync } from 'node:fs';
import asc from 'assemblyscript/asc';
import { build } from 'esbuild';

const { error, stderr } = await asc.main(['--config', 'asconfig.json', '--target', 'release']);
if (error) {
  process.stderr.write(`${stderr.toString()}\n${error.message}\n`);
  process.exit(1);
}
const binary = readFileSync('build/gaussmix.wasm').toString('base64');
/**
 * A classic script out of a worker and what it imports, without the binary (workers are sent the compiled module) and
 * without workers of its own.
 * @param {string} entry
 */
async function programOf(entry) {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'iife',
    target: 'es2022',
    minify: true,
    legalComments: 'none',
    plugins: [
      {
        name: 'no-texts',
        setup({ onLoad }) {
          const contents = "export const binary = '', workerProgram = '', jobProgram = '';";
          onLoad({ filter: /build.(embedded|jobs)\.ts$/ }, () => ({ contents, loader: 'ts' }));
        },
      },
    ],
  });
  return outputFiles[0].text;
}

const program = await programOf('src/worker.ts');
writeFileSync(
  'build/embedded.ts',
  `// Made by scripts/build-wasm.mjs from assembly/ and src/worker.ts.
export const binary: string =
  '${binary}';
export const workerProgram: string = ${JSON.stringify(program)};
`,
);
const jobProgram = await programOf('src/job-worker.ts');
writeFileSync(
  'build/jobs.ts',
  `// Made by scripts/build-wasm.mjs from src/job-worker.ts.
export const jobProgram: string = ${JSON.stringify(jobProgram)};
`,
);
writeFileSync('build/worker.js', `${program}${jobProgram}`);
