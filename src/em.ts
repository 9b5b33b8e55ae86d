// The EM control loop: iterate, judge convergence, keep the best. Knows neither rows nor the kernel.
// Must not do arithmetic on parameters; an Estimator does the E-steps and M-steps.

import type { Asking } from './passes.ts';

/**
 * What the loop needs of a mixture under estimation. The objective is what is maximised, the log-likelihood or, with a prior, that and
 * the log prior: mean per sample, in nats.
 */
export interface Estimator {
  /** E-step: gathers statistics under the current parameters and returns their objective. */
  expectation(): Asking<number>;
  /** M-step: replaces the parameters by those the statistics imply, repaired if need be. */
  maximization(): Asking<void>;
  /** Objective of the current parameters, without gathering statistics. */
  objective(): Asking<number>;
  /** Remembers the current parameters. */
  keep(): void;
  /** Whether a component had to be repaired since the start: only that can lower the objective unduly. */
  readonly repaired: boolean;
  /** Goes back to the parameters remembered. */
  restore(): void;
}

/** Where a loop stands between two iterations, together with what the estimator remembers. */
export interface LoopState {
  /** Objective at the start of each iteration. */
  readonly history: readonly number[];
  /** The highest of them: that of the parameters the estimator keeps. */
  readonly best: number;
  /** In the last iteration. */
  readonly previous: number;
  readonly converged: boolean;
}

export interface LoopOptions {
  readonly maxIterations: number;
  readonly tolerance: number;
  /** Called after each M-step, before `onIteration`, for whoever saves the state. */
  readonly onState?: ((state: LoopState) => Asking<void>) | undefined;
  /** Called after each M-step; false stops the loop. It may wait for an answer, as any computation that asks. */
  readonly onIteration?:
    | ((iteration: number, objective: number, change: number) => Asking<boolean>)
    | undefined;
}

export interface LoopResult {
  readonly converged: boolean;
  readonly stopped: boolean;
  readonly iterations: number;
  /** Of the parameters the estimator ends with. */
  readonly objective: number;
  /** At the start of each iteration. */
  readonly history: number[];
  /** After a repair the last parameters were worse than earlier ones, which were taken instead. */
  readonly wentBack: boolean;
}

/** Falls of the objective up to this share of it are the rounding of a sum. */
export const LIKELIHOOD_ROUNDING = 1e-12;

const BEGINNING: LoopState = {
  history: [],
  best: Number.NEGATIVE_INFINITY,
  previous: Number.NEGATIVE_INFINITY,
  converged: false,
};

/**
 * Iterates E-step and M-step until the objective changes by less than `tolerance` between iterations
 * (Dempster, Laird and Rubin 1977; the order and the test of convergence are scikit-learn's). Ends with the best
 * parameters it has seen if a repair lowered the objective, else with the last ones (regularisation, which is asked
 * for, may lower it too; so it does in scikit-learn).
 * @param from where an earlier run was left, if this is the rest of it; the estimator stands there too
 */
export function* expectationMaximization(
  estimator: Estimator,
  options: LoopOptions,
  from: LoopState = BEGINNING,
): Asking<LoopResult> {
  const history = [...from.history];
  let { best, previous, converged } = from;
  let stopped = false;
  while (!converged && !stopped && history.length < options.maxIterations) {
    const current = yield* estimator.expectation();
    const change = current - previous;
    history.push(current);
    if (current > best) {
      best = current;
      estimator.keep();
    }
    yield* estimator.maximization();
    converged = Math.abs(change) < options.tolerance;
    previous = current;
    if (options.onState) yield* options.onState({ history, best, previous, converged });
    if (options.onIteration) stopped = !(yield* options.onIteration(history.length, current, change));
    converged &&= !stopped;
  }
  let objective = yield* estimator.objective();
  const wentBack = estimator.repaired && objective < best - LIKELIHOOD_ROUNDING * Math.max(1, Math.abs(best));
  if (wentBack) {
    estimator.restore();
    objective = best;
  }
  return { converged, stopped, iterations: history.length, objective, history, wentBack };
}
