// Compiles assembly/ to build/gaussmix.wasm (and .wat, to be read in review) and embeds it in build/binary.ts.
import { readFileSync, writeFileSync } from 'node:fs';
import asc from 'assemblyscript/asc';

const { error, stderr } = await asc.main(['--config', 'asconfig.json', '--target', 'release']);
if (error) {
  process.stderr.write(`${stderr.toString()}\n${error.message}\n`);
  process.exit(1);
}
const binary = readFileSync('build/gaussmix.wasm').toString('base64');
writeFileSync(
  'build/binary.ts',
  `// Made by scripts/build-wasm.mjs from assembly/.\nexport const binary: string =\n  '${binary}';\n`,
);
