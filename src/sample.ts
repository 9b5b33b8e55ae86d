// Random rows from a mixture, the same for a seed on every machine.
// Must not use the engine's logarithm or trigonometry.
import { GaussmixRangeError } from './errors.ts';
import { BLOCK, type Kernel, withKernel } from './kernel.ts';
import { Matrix } from './matrix.ts';
import { checkKnownNames, checkSeed } from './options.ts';
import type { Parameters } from './parameters.ts';
import { Random } from './random.ts';

/**
 * n rows: a component by its weight, then x = m_k + L_k z with C_k = L_k L_k^T and z standard normal.
 * @throws GaussmixError INVALID_OPTION for n or the seed
 */
export function sampleMixture(
  p: Parameters,
  covariances: readonly Matrix[],
  n: number,
  options: { readonly seed?: number },
): { data: Matrix; labels: Int32Array } {
  if (!Number.isSafeInteger(n) || n < 0) {
    throw new GaussmixRangeError('INVALID_OPTION', `sample: n is ${String(n)}; it must be an integer >= 0`);
  }
  checkKnownNames(options, ['seed'], 'sample');
  const { k, d, means, weights } = p;
  const random = new Random(checkSeed(options.seed), 0);
  const data = new Matrix(new Float64Array(n * d), [n, d]);
  const labels = new Int32Array(n);
  const bytes = 8 * (k * d * d + 2 * BLOCK + d);
  return withKernel(bytes, (kernel) => {
    const factors = choleskyFactors(kernel, covariances, d);
    const normals = new NormalStream(kernel, random);
    const z = new Float64Array(d);
    for (let i = 0; i < n; i++) {
      const component = pick(weights, random.uniform());
      labels[i] = component;
      for (let j = 0; j < d; j++) z[j] = normals.next();
      for (let row = 0; row < d; row++) {
        const factor = component * d * d + row * d;
        let value = 0;
        for (let column = 0; column <= row; column++) value += factors[factor + column] * z[column];
        data.data[i * d + row] = means[component * d + row] + value;
      }
    }
    return { data, labels };
  });
}

/** The component whose share of [0, 1) holds u; the last one of positive weight where rounding leaves a gap. */
function pick(weights: Float64Array, u: number): number {
  let sum = 0;
  let last = 0;
  for (let component = 0; component < weights.length; component++) {
    if (weights[component] > 0) last = component;
    sum += weights[component];
    if (u < sum) return component;
  }
  return last;
}

function choleskyFactors(kernel: Kernel, covariances: readonly Matrix[], d: number): Float64Array {
  const factors = new Float64Array(covariances.length * d * d);
  const mark = kernel.mark();
  const matrix = kernel.allocate(d * d);
  covariances.forEach((covariance, component) => {
    kernel.view(matrix, d * d).set(covariance.data);
    kernel.exports.gmm_cholesky(matrix, matrix, 0, d);
    factors.set(kernel.view(matrix, d * d), component * d * d);
  });
  kernel.release(mark);
  return factors;
}

/** Pairs of normal numbers made at a time. */
const BATCH = 64;

/** Standard normal numbers by Marsaglia's polar method (1964), the logarithms taken by the kernel in batches. */
class NormalStream {
  readonly #kernel: Kernel;
  readonly #random: Random;
  readonly #logs: number;
  readonly #values: Float64Array = new Float64Array(2 * BATCH);
  #next: number = 2 * BATCH;

  constructor(kernel: Kernel, random: Random) {
    this.#kernel = kernel;
    // A stream of its own: how many numbers a batch takes must not move the choice of components.
    this.#random = new Random(random.next(), 1);
    this.#logs = kernel.allocate(BATCH);
  }

  next(): number {
    if (this.#next === this.#values.length) this.#fill();
    return this.#values[this.#next++];
  }

  #fill(): void {
    const squares = this.#kernel.view(this.#logs, BATCH);
    for (let pair = 0; pair < BATCH; ) {
      const u = 2 * this.#random.uniform() - 1;
      const v = 2 * this.#random.uniform() - 1;
      const s = u * u + v * v;
      if (s >= 1 || s === 0) continue;
      squares[pair] = s;
      this.#values[2 * pair] = u / s;
      this.#values[2 * pair + 1] = v / s;
      pair++;
    }
    const before = squares.slice();
    this.#kernel.exports.gmm_log(this.#logs, this.#logs, BATCH);
    for (let pair = 0; pair < BATCH; pair++) {
      // u sqrt(-2 ln s / s) = (u / s) sqrt(-2 s ln s)
      const scale = Math.sqrt(-2 * before[pair] * squares[pair]);
      this.#values[2 * pair] *= scale;
      this.#values[2 * pair + 1] *= scale;
    }
    this.#next = 0;
  }
}
