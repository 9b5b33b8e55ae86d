// Random rows from a mixture, the same for a seed on every machine.
// Must not use the engine's logarithm or trigonometry.
import { GaussmixRangeError, GaussmixTypeError } from './errors.ts';
import { type Kernel, withKernel } from './kernel.ts';
import { Matrix } from './matrix.ts';
import { checkKnownNames } from './option-errors.ts';
import { checkSeed } from './options.ts';
import type { Parameters } from './parameters.ts';
import { Random } from './random.ts';
import { describeValue } from './value-rules.ts';

/**
 * n rows: a component by its weight, then x = m_k + L_k z with C_k = L_k L_k^T and z standard normal.
 * @throws GaussmixError INVALID_OPTION for n or the seed
 */
export function sampleMixture(
  p: Parameters,
  n: number,
  options: { readonly seed?: number },
): { data: Matrix; labels: Int32Array } {
  if (!Number.isSafeInteger(n) || n < 0) {
    throw new GaussmixRangeError(
      'INVALID_OPTION',
      `sample: n is ${describeValue(n)}; it must be an integer >= 0`,
    );
  }
  if (options === null || typeof options !== 'object') {
    throw new GaussmixTypeError(
      'INVALID_OPTION',
      `sample: options are ${describeValue(options)}; pass { seed }`,
    );
  }
  checkKnownNames(options, ['seed'], 'sample');
  const random = new Random(checkSeed(options.seed), 0);
  const { data, labels } = allocateRows(n, p.d);
  const { k, d, means, weights } = p;
  // Diagonal covariances have a diagonal factor: one number per feature.
  const width = p.form === 'diag' || p.form === 'spherical' ? 1 : d;
  return withKernel(8 * ((width === 1 ? 0 : (k + 1) * d * d) + 4 * BATCH), (kernel) => {
    const factors = choleskyFactors(kernel, p);
    const normals = new NormalStream(kernel, random);
    const z = new Float64Array(d);
    for (let i = 0; i < n; i++) {
      const component = pick(weights, random.uniform());
      labels[i] = component;
      for (let j = 0; j < d; j++) z[j] = normals.next();
      const first = p.form === 'tied' ? 0 : component * d * width;
      for (let row = 0; row < d; row++) {
        let value = 0;
        if (width === 1) value = factors[first + row] * z[row];
        else
          for (let column = 0; column <= row; column++)
            value += factors[first + row * d + column] * z[column];
        data.data[i * d + row] = means[component * d + row] + value;
      }
    }
    return { data, labels };
  });
}

function allocateRows(n: number, d: number): { data: Matrix; labels: Int32Array } {
  try {
    return { data: new Matrix(new Float64Array(n * d), [n, d]), labels: new Int32Array(n) };
  } catch {
    throw new GaussmixRangeError(
      'OUT_OF_MEMORY',
      `sample: ${n} rows of ${d} features do not fit in memory; draw fewer at a time, with different seeds`,
    );
  }
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

/** Lower triangular factors (K, D, D; tied: one), or standard deviations (K, D) of diagonal covariances. */
function choleskyFactors(kernel: Kernel, { form, k, d, covariances }: Parameters): Float64Array {
  if (form === 'diag') return covariances.map(Math.sqrt);
  if (form === 'spherical') {
    return Float64Array.from({ length: k * d }, (_, i) => Math.sqrt(covariances[Math.floor(i / d)]));
  }
  const factors = new Float64Array(covariances.length);
  const mark = kernel.mark();
  const matrix = kernel.allocate(d * d);
  for (let at = 0; at < covariances.length; at += d * d) {
    kernel.view(matrix, d * d).set(covariances.subarray(at, at + d * d));
    kernel.exports.gmm_cholesky(matrix, matrix, 0, d);
    factors.set(kernel.view(matrix, d * d), at);
  }
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
