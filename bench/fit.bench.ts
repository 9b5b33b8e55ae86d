// Time per EM iteration: this library against a pure-JavaScript EM and the rivals of bench/compare, one thread, in
// interleaved rounds. Results are checked equal first. Must not claim anything: it prints a table and writes JSON.
//
//   npm run bench -- [--quick] [FORM | N,D,K | missing]...
//
// A full run writes bench/results.json; one that is quick or of some shapes only build/bench/results.json.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { MixtureEstimator, WholeData } from '../src/estimator.ts';
import { BLOCK, withKernel } from '../src/kernel.ts';
import { dataSource } from '../src/missing.ts';
import { projectCovariances } from '../src/parameters.ts';
import {
  type Asking,
  answerFrom,
  blockCount,
  blockRows,
  ResidentRows,
  type RowRequest,
  runOn,
} from '../src/passes.ts';
import { measureCeiling } from './ceiling.ts';
import { type Contender, checkEqual, quantile, REGULARIZATION, timed } from './contender.ts';
import { flops, type Problem, problem, SHAPES, type Shape, withHoles } from './data.ts';
import { kernelSteps } from './kernel-steps.ts';
import * as rivals from './rivals.ts';
import { type Figure, firstFit, onWorkers, smallFits } from './whole-fits.ts';

const wanted = process.argv.slice(2).filter((argument) => argument !== '--quick');
const quick = process.argv.includes('--quick');
const ROUNDS = quick ? 2 : 5;
const ROUND_MS = quick ? 60 : 300;

interface Row {
  readonly shape: Pick<Shape, 'form' | 'n' | 'd' | 'k' | 'apart' | 'missing'>;
  readonly contender: string;
  readonly medianMs: number;
  readonly minimumMs: number;
  /** Half the distance between the quartiles. */
  readonly spreadMs: number;
  readonly iterations: number;
  readonly gigaflops: number;
  /** The best that 128-bit arithmetic reached in the same rounds. */
  readonly ceilingGigaflops: number;
  /** Median of this contender divided by ours. */
  readonly ratio: number;
}

/**
 * The statistics from every pair of row and component, none left out: responsibilities first, which are written down,
 * then the sums under them. A fused pass would save little of that where D is large.
 */
function accumulateEveryPair(
  rows: ResidentRows,
  { mixture, stack }: Extract<RowRequest, { kind: 'accumulate' }>,
): number {
  const { kernel, code, d, k, means, factors, workspace } = mixture;
  const mark = kernel.mark();
  const resp = kernel.allocate(BLOCK * k);
  const norms = kernel.allocate(BLOCK);
  stack.clear();
  for (let block = 0; block < blockCount(rows.rows); block++) {
    const n = blockRows(rows.rows, block);
    const panels = rows.panels(block);
    const statistics = stack.push();
    kernel.exports.gmm_e_step(code, panels, n, d, k, means, factors, resp, 0, norms, workspace);
    kernel.exports.gmm_accumulate_responsibilities(
      code,
      panels,
      0,
      n,
      d,
      k,
      means,
      resp,
      statistics,
      workspace,
    );
    let logLikelihood = 0;
    for (const norm of kernel.view(norms, n)) logLikelihood += norm;
    kernel.f64[statistics / 8 + 1] = logLikelihood;
    stack.carry();
  }
  kernel.release(mark);
  return stack.finish();
}

/** Runs `work` with one of our estimators at the problem's start, under a name that says what is different of it. */
function withGaussmix<T>(
  shape: Shape,
  { data, start }: Problem,
  name: 'gaussmix' | 'every pair' | 'no missing values',
  work: (contender: Contender) => T,
): T {
  const { n, d, k, form, missing } = shape;
  const everyPair = name === 'every pair';
  const mayMiss = missing !== undefined && name === 'gaussmix';
  return withKernel(Number.MAX_SAFE_INTEGER, (kernel) => {
    const values = mayMiss ? withHoles(data, d, missing) : data;
    const source = dataSource({ data: values, shape: [n, d] }, mayMiss ? 'marginalize' : 'error');
    const rows = new ResidentRows(kernel, source);
    const whole = runOn(rows, WholeData.of(kernel, n, d, form, REGULARIZATION, String, false, mayMiss));
    const estimator = new MixtureEstimator(kernel, whole, form, k);
    const { weights, means, covs } = start();
    const covariances = projectCovariances(form, covs, weights, d);
    estimator.start({ form, k, d, weights, means, covariances });
    const drive = <U>(asking: Asking<U>): U => {
      let step = asking.next();
      while (!step.done) {
        const request = step.value;
        const every = everyPair && request.kind === 'accumulate';
        step = asking.next(every ? accumulateEveryPair(rows, request) : answerFrom(rows, request));
      }
      return step.value;
    };
    const iterate = (): number => {
      const logLikelihood = drive(estimator.expectation());
      drive(estimator.maximization());
      return logLikelihood;
    };
    return work({
      name,
      round: timed(name, iterate),
      // Of other values: test/missing.test.ts has the check.
      ...(missing === undefined && {
        likelihoods: (count: number) => Array.from({ length: count }, iterate),
      }),
      tolerance: 1e-13,
    });
  });
}

/** Everyone who takes part at this shape, this library first. */
function withContenders<T>(shape: Shape, work: (contenders: readonly Contender[]) => T): T {
  const of = problem(shape);
  return withGaussmix(shape, of, 'gaussmix', (ours) => {
    const contenders = [ours];
    if (shape.everyPair) {
      return withGaussmix(shape, of, 'every pair', (dense) => work([ours, dense]));
    }
    if (shape.missing) {
      return withGaussmix(shape, of, 'no missing values', (complete) => work([ours, complete]));
    }
    if (shape.form === 'full') contenders.push(rivals.pureJavaScript(shape, of));
    if (shape.npm && rivals.INSTALLED.npm) {
      contenders.push(rivals.expectationMaximization(shape, of), rivals.gaussianMixtureModel(shape, of));
    }
    if (!shape.scikit || !rivals.INSTALLED.scikit) return work(contenders);
    return rivals.withScikitLearn(shape, (scikit) => work([...contenders, scikit]));
  });
}

function measure(shape: Shape): Row[] {
  return withContenders(shape, (contenders) => {
    checkEqual(contenders);
    const samples: number[][] = contenders.map(() => []);
    let ceilingGigaflops = 0;
    for (let round = 0; round < ROUNDS; round++) {
      ceilingGigaflops = Math.max(ceilingGigaflops, measureCeiling(ROUND_MS / 5));
      contenders.forEach((contender, i) => {
        samples[i].push(...contender.round(ROUND_MS, round === 0));
      });
    }
    for (const times of samples) times.sort((a, b) => a - b);
    const { form, n, d, k, apart, missing } = shape;
    return contenders.map(({ name }, i) => {
      const medianMs = quantile(samples[i], 0.5);
      return {
        shape: { form, n, d, k, ...(apart && { apart }), ...(missing && { missing }) },
        contender: name,
        medianMs,
        minimumMs: samples[i][0],
        spreadMs: (quantile(samples[i], 0.75) - quantile(samples[i], 0.25)) / 2,
        iterations: samples[i].length,
        gigaflops: flops(shape) / medianMs / 1e6,
        ceilingGigaflops,
        ratio: medianMs / quantile(samples[0], 0.5),
      };
    });
  });
}

function tableRow([ours, ...others]: readonly Row[], fullMs?: number): string {
  const { gigaflops, ceilingGigaflops } = ours;
  const share = (100 * gigaflops) / ceilingGigaflops;
  const { form, n, d, k, apart, missing } = ours.shape;
  const what = apart ? ` ${apart} sd` : missing ? ` ${100 * missing} % out` : '';
  const ratios = others.map(
    ({ ratio, contender, medianMs, spreadMs }) =>
      `${ratio.toFixed(1)}x ${contender} (${medianMs.toFixed(1)} +- ${spreadMs.toFixed(1)})`,
  );
  if (form !== 'full' && fullMs) ratios.push(`${(fullMs / ours.medianMs).toFixed(1)}x our full`);
  return [
    form.padEnd(9),
    `(${n}, ${d}, ${k})${what}`.padEnd(20),
    `${ours.medianMs.toFixed(2).padStart(8)} +- ${ours.spreadMs.toFixed(2).padEnd(6)}`,
    `(${ours.minimumMs.toFixed(2)})`.padEnd(9),
    `${gigaflops.toFixed(1).padStart(5)} GFLOP/s ${share.toFixed(0).padStart(3)} % of ${ceilingGigaflops.toFixed(1)} `,
    ratios.join(', '),
  ]
    .join(' ')
    .trimEnd();
}

const shapes = SHAPES.filter(
  ({ form, n, d, k, missing }) =>
    wanted.length === 0 || wanted.includes(missing ? 'missing' : form) || wanted.includes(`${n},${d},${k}`),
);
if (shapes.length === 0) throw new Error(`no shape is ${wanted.join(' or ')}`);
if (!rivals.INSTALLED.npm || !rivals.INSTALLED.scikit) {
  const absent = [rivals.INSTALLED.npm ? '' : 'npm packages', rivals.INSTALLED.scikit ? '' : 'scikit-learn'];
  console.log(`without ${absent.filter(Boolean).join(' and ')}: sh bench/compare/setup.sh installs them`);
}
console.log(
  'ms per EM iteration, one thread, f64: median +- half the interquartile range (minimum), share of the',
);
console.log('128-bit ceiling measured in the same rounds, how many times as long others take (their ms)');
const all: Row[] = [];
const fullMs = new Map<string, number>();
for (const shape of shapes) {
  const rows = measure(shape);
  all.push(...rows);
  const size = `${shape.n},${shape.d},${shape.k}`;
  if (shape.form === 'full' && !shape.missing) fullMs.set(size, rows[0].medianMs);
  console.log(tableRow(rows, fullMs.get(size)));
}
let fits: readonly Figure[] = [];
if (wanted.length === 0) {
  console.log(
    '\nthe kernel alone on one block, and whole fits (small: 500 rows, D = 2, K = 3, 20 iterations)',
  );
  fits = [
    ...kernelSteps(ROUNDS, ROUND_MS),
    ...smallFits(ROUNDS),
    ...(await onWorkers(Math.ceil(ROUNDS / 2))),
    ...firstFit(ROUNDS),
  ];
  for (const { what, value, unit } of fits) {
    console.log(`${what.padEnd(44)} ${value.toFixed(value < 100 ? 2 : 0).padStart(7)} ${unit}`);
  }
}
const complete = !quick && shapes.length === SHAPES.length;
writeFileSync(
  complete ? 'bench/results.json' : 'build/bench/results.json',
  `${JSON.stringify(
    {
      command: ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(
        ' ',
      ),
      cpu: cpus()[0]?.model.trim(),
      system: `${process.platform} ${process.arch}`,
      engine: `Node ${process.version}, V8 ${process.versions.v8}`,
      commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
      rivals: [...rivals.versions.values()],
      rows: all,
      fits,
    },
    null,
    1,
  )}\n`,
);
