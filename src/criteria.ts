// The criteria that models are compared by: their formulas, and the pass over rows that gives what they are made of.
// Must not know where rows come from, nor what is compared.
import { naturalLogarithms } from './elementary.ts';
import { BLOCK, withKernel } from './kernel.ts';
import { type BlockOperations, missingDoubles } from './missing.ts';
import { KernelMixture, type Parameters } from './parameters.ts';
import {
  type BlockPlace,
  blockCount,
  blockRows,
  operationsOn,
  PassingRows,
  type RowBlocks,
  StatisticsStack,
  statisticsCount,
} from './passes.ts';
import type { RowSource } from './row-source.ts';

/** How well a mixture describes rows for what it costs. Lower criteria are better. */
export interface Criteria {
  /** log L, the sum of the log-densities, in nats; weighted where rows have weights. */
  readonly logLikelihood: number;
  /** -2 log L + 2 p for p free parameters (Akaike 1974). */
  readonly aic: number;
  /** -2 log L + p ln N (Schwarz 1978); with sample weights N is their sum. */
  readonly bic: number;
  /** bic - 2 sum_i w_i sum_k r_ik ln r_ik (Biernacki, Celeux and Govaert 2000, with responsibilities for labels). */
  readonly icl: number;
}

/** Sums over rows. */
export interface RowSums {
  readonly logLikelihood: number;
  /** N, or the sum of the weights. */
  readonly totalWeight: number;
  /** -sum_i w_i sum_k r_ik ln r_ik; 0 where it was not asked for. */
  readonly entropy: number;
}

/** The criteria of a mixture with `p` free parameters. */
export function criteriaOf({ logLikelihood, totalWeight, entropy }: RowSums, p: number): Criteria {
  const bic = -2 * logLikelihood + p * naturalLogarithms(Float64Array.of(totalWeight))[0];
  return { logLikelihood, aic: -2 * logLikelihood + 2 * p, bic, icl: bic + 2 * entropy };
}

/** {@link sumRows} of all rows of a source. */
export function sumsOf(
  parameters: Parameters,
  source: RowSource,
  weights: Float64Array | undefined,
): RowSums {
  const { form, k, d } = parameters;
  const width = form === 'diag' || form === 'spherical' ? 4 : d + 4;
  const most = Math.min(source.rows, BLOCK);
  const extra = source.missing ? missingDoubles(form, k, d, source.rows) : 0;
  const doubles = PassingRows.size(source.rows, d) + most * (2 * k + 2) + 8 * k * d * width + extra;
  return withKernel(8 * doubles, (kernel) => {
    const mixture = new KernelMixture(kernel, form, k, d);
    mixture.write(parameters);
    mixture.prepare();
    return finished(sumRows(mixture, new PassingRows(kernel, source), weights, true));
  });
}

/** What a computation with pauses gives, without them. */
export function finished<T>(steps: Generator<void, T, void>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/**
 * Sums over all rows, block by block; pauses after each, where a host may do other work. The likelihood is summed along
 * the merge tree of the blocks, as a fit sums it; the entropy row by row.
 *
 * @param weights one per row; undefined: all 1
 */
export function* sumRows(
  mixture: KernelMixture,
  rows: RowBlocks,
  weights: Float64Array | undefined,
  withEntropy: boolean,
): Generator<void, RowSums, void> {
  const { kernel } = mixture;
  const most = Math.min(rows.rows, BLOCK);
  const weight = weights ? kernel.allocate(most) : 0;
  const summing = new Summing(mixture, rows, withEntropy);
  for (let block = 0; block < blockCount(rows.rows); block++) {
    const n = blockRows(rows.rows, block);
    const panels = rows.panels(block);
    if (weights) kernel.view(weight, n).set(weights.subarray(block * BLOCK, block * BLOCK + n));
    summing.add({ panels, weights: weight, n });
    yield;
  }
  return summing.end();
}

/** Sums over blocks of rows that come in order. */
export class Summing {
  readonly #mixture: KernelMixture;
  readonly #operations: BlockOperations;
  readonly #stack: StatisticsStack;
  /** Addresses of a block's responsibilities and log-densities, of components and of the mixture; 0: no entropy. */
  readonly #resp: number;
  readonly #logProb: number;
  readonly #norm: number;
  #entropy: number = 0;

  /** Takes kernel memory, which the caller releases. */
  constructor(mixture: KernelMixture, rows: Pick<RowBlocks, 'rows' | 'missing'>, withEntropy: boolean) {
    const { kernel, k } = mixture;
    this.#mixture = mixture;
    this.#operations = operationsOn(rows, mixture);
    this.#stack = new StatisticsStack(kernel, statisticsCount(mixture), blockCount(rows.rows));
    const most = withEntropy ? Math.min(rows.rows, BLOCK) : 0;
    this.#resp = withEntropy ? kernel.allocate(most * k) : 0;
    this.#logProb = withEntropy ? kernel.allocate(most * k) : 0;
    this.#norm = withEntropy ? kernel.allocate(most) : 0;
    this.#stack.clear();
  }

  /** Responsibilities of the block added last (n x K), where the entropy is wanted; see Kernel.view. */
  responsibilities(n: number): Float64Array {
    return this.#mixture.kernel.view(this.#resp, n * this.#mixture.k);
  }

  add(place: BlockPlace): void {
    const { kernel, k } = this.#mixture;
    const { panels, weights, n } = place;
    const [resp, logProb, norm] = [this.#resp, this.#logProb, this.#norm];
    this.#operations.accumulate(panels, weights, n, this.#stack.push(), true);
    this.#stack.carry();
    if (resp === 0) return;
    this.#operations.eStep(panels, n, resp, logProb, norm);
    const { f64 } = kernel;
    for (let i = 0; i < n; i++) {
      const w = weights === 0 ? 1 : f64[weights / 8 + i];
      for (let component = 0; component < k; component++) {
        const r = f64[resp / 8 + i * k + component];
        // r ln r -> 0 as r -> 0; the logarithm comes from the log-densities, not from r.
        if (r > 0) this.#entropy -= w * r * (f64[logProb / 8 + i * k + component] - f64[norm / 8 + i]);
      }
    }
  }

  end(): RowSums {
    const { f64 } = this.#mixture.kernel;
    const at = this.#stack.finish() / 8;
    const totalWeight = f64[at];
    // As a mean times a weight: what `score` gives, times N, bit for bit.
    return { logLikelihood: (f64[at + 1] / totalWeight) * totalWeight, totalWeight, entropy: this.#entropy };
  }
}
