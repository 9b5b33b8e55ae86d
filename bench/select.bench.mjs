// Time of the whole grid of selectModel, 1 to 9 components of all 14 models, beside mclust's mclustBIC, in interleaved rounds of one run.
// Must not claim anything: it prints a table and writes JSON. Needs R with mclust (Debian: r-cran-mclust); says so where it is missing.
//
//   npm run bench:select -- [--quick]
//
// A full run writes bench/select-results.json, a quick one build/select-results.json.
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { selectModel, selectModelAsync } from '../dist/index.js';

const quick = process.argv.includes('--quick');
const ROUNDS = quick ? 3 : 9;
const root = new URL('../', import.meta.url);
const nComponents = [1, 2, 3, 4, 5, 6, 7, 8, 9];

const found = spawnSync('Rscript', [
  '-e',
  'cat(as.character(getRversion()), as.character(packageVersion("mclust")))',
]);
if (found.status !== 0) {
  console.error(
    'mclust is not there (Rscript, library mclust; Debian: apt-get install r-cran-mclust): nothing to compare with',
  );
  process.exit(1);
}
const [r, mclust] = String(found.stdout).split(' ');

/** One R process that answers a line with the seconds of one grid, and its best BIC (with this library's sign). */
const program = `
suppressMessages(library(mclust))
data <- list(faithful = as.matrix(read.csv("examples/faithful.csv")), iris = as.matrix(read.csv("examples/iris.csv")[, 1:4]))
input <- file("stdin", "r")
while (length(line <- readLines(input, n = 1)) > 0) {
  time <- system.time(bic <- mclustBIC(data[[line]], verbose = FALSE))[["elapsed"]]
  cat(sprintf("%.3f %.3f %d\\n", time, -max(bic, na.rm = TRUE), sum(is.na(bic))))
  flush(stdout())
}`;
const child = spawn('Rscript', ['-e', program], {
  cwd: fileURLToPath(root),
  stdio: ['pipe', 'pipe', 'inherit'],
});
const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();

async function byMclust(name) {
  child.stdin.write(`${name}\n`);
  const [seconds, bic, missing] = (await answers.next()).value.split(' ').map(Number);
  return { ms: 1000 * seconds, bic, missing };
}

function load(name, width) {
  const lines = readFileSync(new URL(`examples/${name}.csv`, root), 'utf8')
    .trim()
    .split('\n')
    .slice(1);
  return lines.map((line) => line.split(',').slice(0, width).map(Number));
}

async function timed(work) {
  const start = performance.now();
  const { best, table } = await work();
  return { ms: performance.now() - start, cell: table.find((cell) => cell.model === best) };
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const results = [];
for (const [name, width] of [
  ['faithful', 2],
  ['iris', 4],
]) {
  const data = load(name, width);
  const contenders = {
    'kmeans, 1 thread': () => selectModel(data, { nComponents }),
    'hierarchical, 1 thread': () => selectModel(data, { nComponents, initialization: 'hierarchical' }),
    'kmeans, cells apart, 1 thread': () => selectModel(data, { nComponents, consistent: false }),
    'kmeans, 2 workers': () => selectModelAsync(data, { nComponents, workers: 2 }),
  };
  const times = new Map(Object.keys(contenders).map((contender) => [contender, []]));
  const cells = new Map();
  const theirs = [];
  // A first round for engines and caches to settle, which does not count.
  for (let round = 0; round <= ROUNDS; round++) {
    const mclustRun = await byMclust(name);
    if (round > 0) theirs.push(mclustRun);
    for (const [contender, work] of Object.entries(contenders)) {
      const { ms, cell } = await timed(work);
      if (round > 0) times.get(contender).push(ms);
      cells.set(contender, cell);
    }
  }
  const mclustMs = median(theirs.map(({ ms }) => ms));
  console.log(
    `\n${name}: mclustBIC ${mclustMs.toFixed(0)} ms, best BIC ${theirs[0].bic}, ${theirs[0].missing} cells missing`,
  );
  for (const [contender, all] of times) {
    const { nComponents: k, covarianceType, bic } = cells.get(contender);
    const ratio = mclustMs / median(all);
    results.push({
      data: name,
      contender,
      ms: median(all),
      samples: all,
      mclustMs,
      ratio,
      best: { k, covarianceType, bic },
    });
    const spread = `${Math.min(...all).toFixed(0)} to ${Math.max(...all).toFixed(0)}`;
    console.log(
      `  ${contender.padEnd(32)}${median(all).toFixed(0).padStart(6)} ms (${spread}), ${ratio.toFixed(2)} times as fast; ` +
        `best ${k} ${covarianceType}, BIC ${bic.toFixed(3)}`,
    );
  }
}
child.stdin.end();
const machine = {
  cpu: cpus()[0].model,
  threads: availableParallelism(),
  node: process.version,
  r,
  mclust,
  rounds: ROUNDS,
};
const file = new URL(quick ? 'build/select-results.json' : 'bench/select-results.json', root);
writeFileSync(file, `${JSON.stringify({ machine, results }, null, 2)}\n`);
