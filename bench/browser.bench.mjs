// Time per EM iteration in Chromium beside this Node, by `fit` and by `fitAsync` on one and two workers, in
// interleaved rounds. Both must find the same before anything is timed.
//
//   npm run bench:browser
//
// Writes bench/browser-results.json.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { findBrowser } from '../scripts/runtimes.mjs';
import { serve } from '../scripts/serve.mjs';
import { iterationTimer } from './iterations.mjs';

const SHAPE = { n: 100_000, d: 10, k: 10 };
const ROUNDS = 15;
const ITERATIONS = 12;
const MODES = [
  { name: 'fit', workers: undefined },
  { name: 'fitAsync, 1 worker', workers: 1 },
  { name: 'fitAsync, 2 workers', workers: 2 },
];

const { executable, missing } = findBrowser();
if (missing) throw new Error(missing);
const { GaussianMixture } = await import('../dist/index.js');
const server = await serve(fileURLToPath(new URL('..', import.meta.url)));
const browser = await chromium.launch({ executablePath: executable });
const page = await browser.newPage();
// Any address of the server will do: the page only imports from it.
await page.goto(`${server.address}LICENSE`);
await page.evaluate(
  async ([library, iterations, shape]) => {
    const { GaussianMixture } = await import(library);
    const { iterationTimer } = await import(iterations);
    globalThis.timer = iterationTimer(GaussianMixture, shape);
  },
  ['/dist/index.js', '/bench/iterations.mjs', SHAPE],
);

const hosts = [
  { name: 'Node', time: iterationTimer(GaussianMixture, SHAPE) },
  {
    name: 'Chromium',
    time: (workers, count) =>
      page.evaluate(([number, times]) => globalThis.timer(number ?? undefined, times), [workers, count]),
  },
];

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const samples = new Map();
for (let round = -1; round < ROUNDS; round++) {
  for (const { name: mode, workers } of MODES) {
    // Whoever went first in the last round goes second in this one.
    const order = round % 2 === 0 ? hosts : hosts.toReversed();
    const found = [];
    for (const { name, time } of order) {
      const { times, logLikelihood } = await time(workers, ITERATIONS);
      found.push(logLikelihood);
      // The round before the first one warms up.
      if (round >= 0) samples.set(`${mode} ${name}`, [...(samples.get(`${mode} ${name}`) ?? []), ...times]);
    }
    // Data and start come from the engine's own logarithms, so the last digits may differ.
    if (!(Math.abs(found[0] - found[1]) < 1e-9 * Math.abs(found[0]))) {
      throw new Error(`${mode}: log-likelihoods ${found[0]} and ${found[1]}`);
    }
  }
}
const rows = MODES.map(({ name }) => {
  const [nodeMs, chromiumMs] = hosts.map((host) => median(samples.get(`${name} ${host.name}`)));
  return { mode: name, nodeMs, chromiumMs, ratio: chromiumMs / nodeMs };
});

const engine = `Node ${process.version}, V8 ${process.versions.v8}; Chromium ${browser.version()}`;
await browser.close();
await server.close();
console.log(`${engine}: median ms per EM iteration, full, (${SHAPE.n}, ${SHAPE.d}, ${SHAPE.k})`);
for (const { mode, nodeMs, chromiumMs, ratio } of rows) {
  const [node, page] = [nodeMs, chromiumMs].map((ms) => ms.toFixed(2).padStart(7));
  console.log(`${mode.padEnd(20)} Node ${node}   Chromium ${page}   ratio ${ratio.toFixed(3)}`);
}
writeFileSync(
  new URL('browser-results.json', import.meta.url),
  `${JSON.stringify(
    {
      command: 'npm run bench:browser',
      cpu: cpus()[0]?.model.trim(),
      system: `${process.platform} ${process.arch}`,
      engine,
      commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
      shape: SHAPE,
      rows,
    },
    null,
    1,
  )}\n`,
);
