// Time per EM iteration: this library against a careful pure-JavaScript EM, one thread, in interleaved rounds.
// Must not claim anything: it prints a table and writes bench/results.json. Results are checked equal first.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { Bench } from 'tinybench';
import { MixtureEstimator, WholeData } from '../src/estimator.ts';
import { withKernel } from '../src/kernel.ts';
import { toRowSource } from '../src/matrix.ts';
import { projectCovariances } from '../src/parameters.ts';
import { ResidentRows, runOn } from '../src/passes.ts';
import { flops, problem, SHAPES, type Shape } from './data.ts';
import { createWorkspace, emStep } from './purejs-baseline.mjs';

const ROUNDS = 5;
const ROUND_MS = 300;
const REGULARIZATION = 1e-6;

interface Contender {
  readonly name: string;
  /** One EM iteration; returns the mean log-likelihood before it. */
  readonly iterate: () => number;
  readonly samples: number[];
}

interface Row {
  readonly shape: Shape;
  readonly contender: string;
  readonly medianMs: number;
  readonly minimumMs: number;
  /** Half the distance between the quartiles. */
  readonly spreadMs: number;
  readonly gigaflops: number;
}

function median(sorted: readonly number[], share: number = 0.5): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/** Runs `work` with one of our estimators at the problem's start. */
function withEstimator<T>(shape: Shape, work: (iterate: () => number, data: Float64Array) => T): T {
  const { n, d, k, form } = shape;
  const { data, start } = problem(shape);
  return withKernel(Number.MAX_SAFE_INTEGER, (kernel) => {
    const rows = new ResidentRows(kernel, toRowSource({ data, shape: [n, d] }));
    const whole = runOn(rows, WholeData.of(kernel, n, d, form, REGULARIZATION, String));
    const estimator = new MixtureEstimator(kernel, whole, form, k);
    const { weights, means, covs } = start();
    const covariances = projectCovariances(form, covs, weights, d);
    estimator.start({ form, k, d, weights, means, covariances });
    const iterate = (): number => {
      const logLikelihood = runOn(rows, estimator.expectation());
      runOn(rows, estimator.maximization());
      return logLikelihood;
    };
    return work(iterate, data);
  });
}

function pureJavaScript(shape: Shape, data: Float64Array): () => number {
  const { n, d, k } = shape;
  const { weights, means, covs } = problem(shape).start();
  const workspace = createWorkspace(d, k);
  return () => emStep(data, n, d, k, weights, means, covs, workspace, REGULARIZATION) / n;
}

/** Both must tell the same story before either is timed. */
function checkEqual(ours: Contender, theirs: Contender): void {
  for (let i = 0; i < 5; i++) {
    const [a, b] = [ours.iterate(), theirs.iterate()];
    if (!(Math.abs(a - b) <= 1e-9 * Math.abs(b))) {
      throw new Error(`iteration ${i}: ${ours.name} has log-likelihood ${a}, ${theirs.name} ${b}`);
    }
  }
}

function measure(shape: Shape): Row[] {
  return withEstimator(shape, (iterate, data) => {
    const contenders: Contender[] = [{ name: 'gaussmix', iterate, samples: [] }];
    if (shape.form === 'full') {
      contenders.push({ name: 'pure JavaScript', iterate: pureJavaScript(shape, data), samples: [] });
      checkEqual(contenders[0], contenders[1]);
    }
    for (let round = 0; round < ROUNDS; round++) {
      for (const { name, iterate, samples } of contenders) {
        const bench = new Bench({ time: ROUND_MS, iterations: 3, warmup: round === 0, retainSamples: true });
        bench.add(name, iterate);
        bench.runSync();
        const { result } = bench.tasks[0];
        if (!('latency' in result)) throw new Error(`${name}: the benchmark did not complete`);
        samples.push(...(result.latency.samples ?? []));
      }
    }
    return contenders.map(({ name, samples }) => {
      const sorted = [...samples].sort((a, b) => a - b);
      const medianMs = median(sorted);
      return {
        shape,
        contender: name,
        medianMs,
        minimumMs: sorted[0],
        spreadMs: (median(sorted, 0.75) - median(sorted, 0.25)) / 2,
        gigaflops: flops(shape) / medianMs / 1e6,
      };
    });
  });
}

const all: Row[] = [];
const fullMs = new Map<string, number>();
const wanted = process.argv.slice(2);
console.log('ms per EM iteration, one thread, f64: median +- half the interquartile range (minimum)');
for (const shape of SHAPES) {
  const size = `(${shape.n}, ${shape.d}, ${shape.k})`;
  if (wanted.length > 0 && !wanted.includes(shape.form)) continue;
  const [ours, theirs] = measure(shape);
  all.push(ours, ...(theirs ? [theirs] : []));
  if (shape.form === 'full') fullMs.set(size, ours.medianMs);
  const full = fullMs.get(size);
  const ratio = theirs
    ? `${(theirs.medianMs / ours.medianMs).toFixed(2)}x pure JavaScript (${theirs.medianMs.toFixed(1)} ms)`
    : full
      ? `${(full / ours.medianMs).toFixed(2)}x full`
      : '';
  console.log(
    `${shape.form.padEnd(9)} ${size.padEnd(17)} ${ours.medianMs.toFixed(2).padStart(8)} +- ` +
      `${ours.spreadMs.toFixed(2)} (${ours.minimumMs.toFixed(2)})  ${ours.gigaflops.toFixed(1).padStart(5)} GFLOP/s  ${ratio}`,
  );
}
writeFileSync(
  'bench/results.json',
  `${JSON.stringify(
    {
      command: 'npm run bench',
      cpu: cpus()[0]?.model.trim(),
      system: `${process.platform} ${process.arch}`,
      engine: `Node ${process.version}, V8 ${process.versions.v8}`,
      commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
      rows: all,
    },
    null,
    1,
  )}\n`,
);
