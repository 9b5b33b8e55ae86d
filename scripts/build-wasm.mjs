// Compiles assembly/ to build/gaussmix.wasm (and .wat, to be read in review) and writes build/embedded.ts, which holds
// the binary and the worker's program as text.
import { readFileSync, writeFileSync } from 'node:fs';
import asc from 'assemblyscript/asc';
import ts from 'typescript';

const { error, stderr } = await asc.main(['--config', 'asconfig.json', '--target', 'release']);
if (error) {
  process.stderr.write(`${stderr.toString()}\n${error.message}\n`);
  process.exit(1);
}
const binary = readFileSync('build/gaussmix.wasm').toString('base64');
// One classic script out of the worker and what it imports: imports and the word `export` go.
const program = ['src/active.ts', 'src/worker.ts']
  .map((file) => {
    const { outputText } = ts.transpileModule(readFileSync(file, 'utf8'), {
      compilerOptions: {
        target: 'ES2022',
        module: 'ESNext',
        removeComments: true,
        verbatimModuleSyntax: true,
      },
    });
    return outputText
      .replace(/^import \{ ActivePasses \} from '.\/active.ts';$/m, '')
      .replace(/^export (\{\};)?/gm, '')
      .replace(/^ +/gm, '');
  })
  .join('');
if (/\b(import|export)\b/.test(program)) {
  throw new Error('src/worker.ts must not import anything but src/active.ts, nor that anything');
}
writeFileSync('build/worker.js', program.trimStart());
writeFileSync(
  'build/embedded.ts',
  `// Made by scripts/build-wasm.mjs from assembly/ and src/worker.ts.
export const binary: string =
  '${binary}';
export const workerProgram: string = ${JSON.stringify(program)};
`,
);
