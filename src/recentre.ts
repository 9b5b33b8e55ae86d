// Statistics about other means, exactly: no raw moments, so that data far from the origin lose nothing.
// Must not know where statistics come from.
import type { CovarianceForm } from './covariance-models.ts';

/**
 * In place: statistics of responsibilities r about means m become those about m + shift. With n = sum r, s = sum r (x - m), S = sum r
 * (x - m)(x - m)^T per component:
 *
 *   s' = s - n shift      S' = S - s shift^T - shift s^T + n shift shift^T
 *
 * of S as much as the form has (tied: of the sum over components; spherical: of the trace). O(K D^2), diag and spherical O(K D).
 *
 * @param sums as gmm_accumulate writes them
 * @param shift K x D
 */
export function recentre(
  sums: Float64Array,
  shift: Float64Array,
  form: CovarianceForm,
  k: number,
  d: number,
): void {
  const firsts = 2 + k;
  const scatter = firsts + k * d;
  const triangle = (d * (d + 1)) / 2;
  for (let component = 0; component < k; component++) {
    const count = sums[2 + component];
    const s = firsts + component * d;
    const by = component * d;
    /** What is taken from element (i, j): the middle terms and half of the last, twice. */
    const change = (i: number, j: number): number =>
      (sums[s + i] - 0.5 * count * shift[by + i]) * shift[by + j] +
      (sums[s + j] - 0.5 * count * shift[by + j]) * shift[by + i];
    let at = scatter + component * { spherical: 1, diag: d, tied: 0, full: triangle }[form];
    for (let i = 0; i < d; i++) {
      if (form === 'spherical') sums[at] -= change(i, i);
      else if (form === 'diag') sums[at++] -= change(i, i);
      else for (let j = 0; j <= i; j++) sums[at++] -= change(i, j);
    }
    for (let j = 0; j < d; j++) sums[s + j] -= count * shift[by + j];
  }
}
