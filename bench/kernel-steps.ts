// Shares of the ceiling that densities, E-step and M-step of the kernel reach, on one block, one thread.
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
 * Densities alone; the E-step: a pass for the likelihood, densities, exponentials and all; the M-step: what the whole pass
 * takes beyond it. Each is the fastest of many, as the ceiling is. Operations as in {@link flops}: N K (D^2 + 2 D) for
 * densities, E-step and M-step alike.
 */
export function kernelSteps(rounds: number, milliseconds: number): Figure[] {
  return SHAPES.flatMap((shape) => {
    const { n, d, k } = shape;
    const passes = passesOf(shape);
    const fastest = passes.map(() => Number.POSITIVE_INFINITY);
    let ceiling = 0;
    for (let round = 0; round < rounds; round++) {
      ceiling = Math.max(ceiling, measureCeiling(milliseconds / 5));
      const end = performance.now() + milliseconds;
      while (performance.now() < end) {
        passes.forEach((pass, i) => {
          const begin = performance.now();
          pass();
          fastest[i] = Math.min(fastest[i], performance.now() - begin);
        });
      }
    }
    const [densities, eStep, whole] = fastest;
    const figure = (what: string, ms: number): Figure => ({
      what: `${what}, (${n}, ${d}, ${k})`,
      value: (100 * (flops(shape) / 2 / ms / 1e6)) / ceiling,
      unit: '% of the ceiling',
    });
    return [figure('densities', densities), figure('E-step', eStep), figure('M-step', whole - eStep)];
  });
}

/**
 * Densities, E-step, and E-step with M-step of a block, under components so broad that no row is left out of any scatter.
 */
function passesOf(shape: Shape): (() => void)[] {
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
  const { gmm_pack, gmm_e_step, gmm_accumulate } = kernel.exports;
  gmm_pack(rows, n, d, panels);
  const count = statisticsCount(mixture);
  const statistics = kernel.allocate(count);
  const { code, factors, workspace, means: meansAt } = mixture;
  const accumulate = (likelihoodOnly: 0 | 1) => (): void => {
    kernel.view(statistics, count).fill(0);
    gmm_accumulate(code, panels, 0, n, d, k, meansAt, factors, statistics, workspace, likelihoodOnly);
  };
  accumulate(0)();
  const pairs = kernel.f64[statistics / 8 + count - 1];
  if (pairs !== n * k) throw new Error(`${pairs} of ${n * k} pairs are active`);
  // Without a target it stops after the densities.
  const densities = (): void => void gmm_e_step(code, panels, n, d, k, meansAt, factors, 0, 0, 0, workspace);
  return [densities, accumulate(1), accumulate(0)];
}
