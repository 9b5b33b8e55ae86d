// Components that a fit should not be trusted with: maxima of the likelihood that a few rows make by lying in a plane.
// Must not change a fit, only find them.
import type { Kernel } from './kernel.ts';
import { expandCovariances, type Parameters } from './parameters.ts';

/** Fewer rows than so many times D + 1 are few: they fix no covariance. */
const FEW_ROWS = 5;
/** A variance below this share of the other components' in the same direction is flat: a standard deviation of 3 %. */
const FLAT = 1e-3;

/** A component that rests on few rows in or near a plane. */
export interface SpuriousComponent {
  readonly component: number;
  /** Rows (sample weight) it accounts for. */
  readonly count: number;
  /** Its standard deviation across the plane over that of the other components. */
  readonly flatness: number;
}

/**
 * Components of fewer than 5 (D + 1) rows whose covariance C has an eigenvalue relative to W, the weighted mean of the other
 * components' covariances, below 1e-3: min_u u^T C u / u^T W u. It does not depend on units or on correlations all components
 * share. Maxima of the likelihood with such components are usually spurious: near the points where it is infinite (Day 1969), and
 * excluded by a bound on this ratio (Hathaway 1985); how to tell them: McLachlan and Peel 2000, section 3.10.
 * O(D^3 + K D^2) for each component of few rows, diag and spherical O(K D).
 * @param total rows, or their sample weight
 */
export function spuriousComponents(kernel: Kernel, p: Parameters, total: number): SpuriousComponent[] {
  const { k, d, weights } = p;
  const few: number[] = [];
  for (let component = 0; component < k; component++) {
    if (weights[component] > 0 && weights[component] * total < FEW_ROWS * (d + 1)) few.push(component);
  }
  if (k < 2 || few.length === 0 || p.form === 'tied') return [];
  const least =
    p.form === 'full' ? leastOfMatrices(kernel, p, few) : few.map((one) => leastOfDiagonals(p, one));
  return few.flatMap((component, i) => {
    if (!(least[i] < FLAT)) return [];
    const flatness = Math.sqrt(Math.max(0, least[i]));
    return [{ component, count: weights[component] * total, flatness }];
  });
}

/** The smallest ratio of a component's variances to those of the others, along the features. O(K D) */
function leastOfDiagonals({ k, weights, covariances }: Parameters, component: number): number {
  const size = covariances.length / k;
  let least = Number.POSITIVE_INFINITY;
  for (let j = 0; j < size; j++) {
    let others = 0;
    for (let other = 0; other < k; other++) {
      if (other !== component) others += weights[other] * covariances[other * size + j];
    }
    least = Math.min(least, (covariances[component * size + j] * (1 - weights[component])) / others);
  }
  return least;
}

/** The smallest eigenvalue of each of some components' covariances relative to that of the others. */
function leastOfMatrices(kernel: Kernel, p: Parameters, few: readonly number[]): number[] {
  const { d, weights } = p;
  const covariances = expandCovariances(p);
  const mark = kernel.mark();
  const [matrix, vectors, values] = [kernel.allocate(d * d), kernel.allocate(d * d), kernel.allocate(d)];
  const { gmm_cholesky, gmm_eigen } = kernel.exports;
  const found = few.map((component) => {
    const others = new Float64Array(d * d);
    for (const [other, { data }] of covariances.entries()) {
      const share = other === component ? 0 : weights[other] / (1 - weights[component]);
      for (let i = 0; i < d * d; i++) others[i] += share * data[i];
    }
    kernel.view(matrix, d * d).set(others);
    if (gmm_cholesky(matrix, matrix, 0, d) !== 0) return 1;
    const factor = kernel.copy(matrix, d * d);
    // L^-1 C L^-T has the eigenvalues of C relative to W = L L^T.
    const relative = covariances[component].data.slice();
    substitute(factor, relative, d);
    transpose(relative, d);
    substitute(factor, relative, d);
    for (let i = 0; i < d; i++) for (let j = 0; j < i; j++) relative[j * d + i] = relative[i * d + j];
    kernel.view(matrix, d * d).set(relative);
    gmm_eigen(matrix, values, vectors, d);
    return kernel.f64[values / 8 + d - 1];
  });
  kernel.release(mark);
  return found;
}

/** B becomes L^-1 B, by forward substitution; D x D each. */
function substitute(factor: Float64Array, b: Float64Array, d: number): void {
  for (let row = 0; row < d; row++) {
    for (let column = 0; column < d; column++) {
      let value = b[row * d + column];
      for (let t = 0; t < row; t++) value -= factor[row * d + t] * b[t * d + column];
      b[row * d + column] = value / factor[row * d + row];
    }
  }
}

function transpose(matrix: Float64Array, d: number): void {
  for (let i = 0; i < d; i++) {
    for (let j = 0; j < i; j++) {
      [matrix[i * d + j], matrix[j * d + i]] = [matrix[j * d + i], matrix[i * d + j]];
    }
  }
}
