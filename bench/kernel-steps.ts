// GFLOP/s of the kernel's E-step and M-step apart, on one block, beside the ceiling measured in the same rounds.
// Must not print: fit.bench.ts does.
import { performance } from 'node:perf_hooks';
import { BLOCK, compiledModule, Kernel } from '../src/kernel.ts';
import { KernelMixture } from '../src/parameters.ts';
import { statisticsCount } from '../src/passes.ts';
import { measureCeiling } from './ceiling.ts';
import { flops, problem, type Shape } from './data.ts';
import type { Figure } from './whole-fits.ts';

const SHAPES: readonly Shape[] = [
  { form: 'full', n: BLOCK, d: 32, k: 16 },
  { form: 'full', n: BLOCK, d: 64, k: 8 },
];

/**
 * E-step: a pass for the likelihood alone, densities, exponentials and all; M-step: what the whole pass takes beyond it.
 * Each is the fastest of many, as the ceiling is. Operations as in {@link flops}: N K (D^2 + 2 D) each.
 */
export function kernelSteps(rounds: number, milliseconds: number): Figure[] {
  return SHAPES.flatMap((shape) => {
    const { n, d, k } = shape;
    const pass = passOf(shape);
    const fastest = { eStep: Number.POSITIVE_INFINITY, both: Number.POSITIVE_INFINITY };
    let ceiling = 0;
    for (let round = 0; round < rounds; round++) {
      ceiling = Math.max(ceiling, measureCeiling(milliseconds / 5));
      const end = performance.now() + milliseconds;
      while (performance.now() < end) {
        fastest.eStep = Math.min(fastest.eStep, pass(true));
        fastest.both = Math.min(fastest.both, pass(false));
      }
    }
    const share = (ms: number): number => (100 * (flops(shape) / 2 / ms / 1e6)) / ceiling;
    return [
      { what: `E-step, (${n}, ${d}, ${k})`, value: share(fastest.eStep), unit: '% of the ceiling' },
      {
        what: `M-step, (${n}, ${d}, ${k})`,
        value: share(fastest.both - fastest.eStep),
        unit: '% of the ceiling',
      },
    ];
  });
}

/** Milliseconds of a pass over a block under components so broad that no row is left out of any scatter. */
function passOf(shape: Shape): (likelihoodOnly: boolean) => number {
  const { n, d, k } = shape;
  const { data, start } = problem(shape);
  const { weights, means } = start();
  const covariances = new Float64Array(k * d * d);
  for (let i = 0; i < k * d; i++) covariances[Math.floor(i / d) * d * d + (i % d) * (d + 1)] = 100;
  const kernel = new Kernel(compiledModule());
  const mixture = new KernelMixture(kernel, 'full', k, d);
  mixture.write({ form: 'full', k, d, weights, means, covariances });
  mixture.prepare();
  const [rows, panels] = [kernel.allocate(n * d), kernel.allocate(n * d)];
  kernel.view(rows, n * d).set(data);
  kernel.exports.gmm_pack(rows, n, d, panels);
  const count = statisticsCount(mixture);
  const statistics = kernel.allocate(count);
  const { code, factors, workspace } = mixture;
  return (likelihoodOnly) => {
    kernel.view(statistics, count).fill(0);
    const begin = performance.now();
    kernel.exports.gmm_accumulate(
      code,
      panels,
      0,
      n,
      d,
      k,
      mixture.means,
      factors,
      statistics,
      workspace,
      likelihoodOnly ? 1 : 0,
    );
    const took = performance.now() - begin;
    const pairs = kernel.f64[statistics / 8 + count - 1];
    if (!likelihoodOnly && pairs !== n * k) throw new Error(`${pairs} of ${n * k} pairs are active`);
    return took;
  };
}
