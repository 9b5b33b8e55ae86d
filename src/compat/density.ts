// Densities of single points, without the way of whole data sets through kernel memory.
// Must not use the engine's exponential or logarithm: engines differ in their last bit, the kernel's do not.
import { internals } from '../internals.ts';
import type { Kernel } from '../kernel.ts';

/** ln 2 pi */
const LN_2PI = 1.8378770664093453;

/** A kernel and a place in its memory for numbers on their way; its views stay, as nothing else allocates there. */
interface Scratch {
  readonly kernel: Kernel;
  readonly f64: Float64Array;
  readonly address: number;
  readonly length: number;
}

let scratch: Scratch | undefined;

/** One call for a few numbers takes some 20 ns here, a tenth of what taking memory in the shared kernel would. */
function scratchFor(length: number): Scratch {
  if (scratch !== undefined && scratch.length >= length) return scratch;
  const kernel = new internals.Kernel(internals.compiledModule());
  const room = Math.max(64, 2 * length);
  const address = kernel.allocate(room);
  scratch = { kernel, f64: kernel.f64, address, length: room };
  return scratch;
}

/** Exponentials of numbers, in place, by the kernel: exactly 0 below -708. */
export function exponentials(values: number[]): number[] {
  const { kernel, f64, address } = scratchFor(values.length);
  const at = address / 8;
  for (let i = 0; i < values.length; i++) f64[at + i] = values[i];
  kernel.exports.gmm_exp(address, address, values.length);
  for (let i = 0; i < values.length; i++) values[i] = f64[at + i];
  return values;
}

/** Natural logarithms of numbers, in place, by the kernel. */
export function logarithms(values: number[]): number[] {
  const { kernel, f64, address } = scratchFor(values.length);
  const at = address / 8;
  for (let i = 0; i < values.length; i++) f64[at + i] = values[i];
  kernel.exports.gmm_log(address, address, values.length);
  for (let i = 0; i < values.length; i++) values[i] = f64[at + i];
  return values;
}

/** e^x by the kernel. */
export function exponential(x: number): number {
  const { kernel, f64, address } = scratchFor(1);
  f64[address / 8] = x;
  kernel.exports.gmm_exp(address, address, 1);
  return f64[address / 8];
}

/** Shares of one, exp(l_k) / sum_j exp(l_j), from logarithms, in place. Never NaN while one of them is finite. */
export function shares(logs: number[]): number[] {
  let largest = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < logs.length; k++) if (logs[k] > largest) largest = logs[k];
  for (let k = 0; k < logs.length; k++) logs[k] -= largest;
  exponentials(logs);
  let sum = 0;
  for (let k = 0; k < logs.length; k++) sum += logs[k];
  for (let k = 0; k < logs.length; k++) logs[k] /= sum;
  return logs;
}

/** The Cholesky factor of a covariance (D x D), C = L L^T, and the log-density of points about any mean. */
export class Factor {
  readonly d: number;
  /** -1/2 (D ln 2 pi + ln det C) */
  readonly logConstant: number;
  readonly determinant: number;
  /** L, row by row; above the diagonal 0. */
  readonly lower: Float64Array;
  readonly #covariance: Float64Array;
  readonly #solved: Float64Array;

  /** Undefined when the matrix is not positive definite. Reads the lower triangle. O(D^3) */
  static of(covariance: ArrayLike<ArrayLike<number>>): Factor | undefined {
    const d = covariance.length;
    const lower = new Float64Array(d * d);
    for (let i = 0; i < d; i++) {
      for (let j = 0; j <= i; j++) {
        let rest = covariance[i][j];
        for (let m = 0; m < j; m++) rest -= lower[i * d + m] * lower[j * d + m];
        if (i !== j) lower[i * d + j] = rest / lower[j * d + j];
        else if (rest > 0 && rest < Number.POSITIVE_INFINITY) lower[i * d + i] = Math.sqrt(rest);
        else return undefined;
      }
    }
    return new Factor(covariance, lower);
  }

  private constructor(covariance: ArrayLike<ArrayLike<number>>, lower: Float64Array) {
    const d = covariance.length;
    this.d = d;
    this.lower = lower;
    this.#covariance = Float64Array.from({ length: d * d }, (_, i) => covariance[Math.floor(i / d)][i % d]);
    this.#solved = new Float64Array(d);
    const pivots = Array.from({ length: d }, (_, i) => lower[i * d + i]);
    let root = 1;
    for (const pivot of pivots) root *= pivot;
    this.determinant = root * root;
    let logConstant = (-d * LN_2PI) / 2;
    for (const value of logarithms(pivots)) logConstant -= value;
    this.logConstant = logConstant;
  }

  /** Whether this is the factor of a matrix that its owner may have written into since. O(D^2) */
  isOf(covariance: ArrayLike<ArrayLike<number>>): boolean {
    const { d } = this;
    if (covariance.length !== d) return false;
    for (let i = 0; i < d; i++) {
      const row = covariance[i];
      for (let j = 0; j < d; j++) if (row[j] !== this.#covariance[i * d + j]) return false;
    }
    return true;
  }

  /** ln N(x | mean, C) = logConstant - |L^-1 (x - mean)|^2 / 2. O(D^2) */
  logDensity(x: ArrayLike<number>, mean: ArrayLike<number>): number {
    const { d, lower } = this;
    const solved = this.#solved;
    let square = 0;
    for (let i = 0; i < d; i++) {
      let value = x[i] - mean[i];
      for (let j = 0; j < i; j++) value -= lower[i * d + j] * solved[j];
      value /= lower[i * d + i];
      solved[i] = value;
      square += value * value;
    }
    return this.logConstant - square / 2;
  }

  /** C^-1, from L^-T L^-1. O(D^3) */
  inverse(): number[][] {
    const { d, lower } = this;
    const inverse = new Float64Array(d * d);
    for (let column = 0; column < d; column++) {
      for (let i = column; i < d; i++) {
        let value = i === column ? 1 : 0;
        for (let j = column; j < i; j++) value -= lower[i * d + j] * inverse[j * d + column];
        inverse[i * d + column] = value / lower[i * d + i];
      }
    }
    return Array.from({ length: d }, (_, a) =>
      Array.from({ length: d }, (_, b) => {
        let sum = 0;
        for (let i = Math.max(a, b); i < d; i++) sum += inverse[i * d + a] * inverse[i * d + b];
        return sum;
      }),
    );
  }
}
