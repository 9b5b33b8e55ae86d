// What a measured implementation is, and the check that all compute the same before any is timed.
// Must not know which implementations there are.
import { Bench } from 'tinybench';

/** As scikit-learn's `reg_covar`; all contenders that have such an option get this value. */
export const REGULARIZATION = 1e-6;

export interface Contender {
  readonly name: string;
  /** Runs iterations for about as long, at least one; returns the milliseconds of each. */
  readonly round: (milliseconds: number, first: boolean) => readonly number[];
  /** Mean log-likelihood before each of the first iterations; absent where it cannot start where we do. */
  readonly likelihoods?: (count: number) => readonly number[];
  /** Relative difference of log-likelihoods that is allowed. */
  readonly tolerance?: number;
}

/** The value below which a share of sorted ones lie. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/** Rounds of a function of this process that does one iteration. */
export function timed(
  name: string,
  iterate: () => unknown,
  { iterations = 3, warmup = true }: { iterations?: number; warmup?: boolean } = {},
): Contender['round'] {
  return (milliseconds, first) => {
    const bench = new Bench({
      time: milliseconds,
      iterations,
      warmup: warmup && first,
      warmupTime: milliseconds,
      retainSamples: true,
    });
    bench.add(name, () => void iterate());
    bench.runSync();
    const { result } = bench.tasks[0];
    if (!('latency' in result)) throw new Error(`${name}: the benchmark did not complete`);
    return result.latency.samples ?? [];
  };
}

/** All must tell the same story as the first, or nothing is timed. */
export function checkEqual([first, ...others]: readonly Contender[]): void {
  const iterations = 5;
  const expected = first.likelihoods?.(iterations) ?? [];
  for (const { name, likelihoods, tolerance = 0 } of others) {
    likelihoods?.(iterations).forEach((value, i) => {
      if (Math.abs(value - expected[i]) <= tolerance * Math.abs(value)) return;
      throw new Error(
        `iteration ${i}: ${first.name} has log-likelihood ${expected[i]}, ${name} ${value} (tolerance ${tolerance})`,
      );
    });
  }
}
