// Replicates of a simulation: independent jobs by number, run one after another on this thread.
// Must not know what a replicate computes.
import { type AbortSignalLike, GaussmixError, GaussmixRangeError, GaussmixTypeError } from 'gaussmix';
import { Random } from '../random.ts';
import { describeValue } from '../value-rules.ts';

/** How far a simulation is. */
export interface ReplicateProgress {
  /** Replicates done, from 1. */
  readonly done: number;
  /** Replicates in all. */
  readonly of: number;
  /** Milliseconds since the replicates began. */
  readonly elapsedMs: number;
}

/** Where the `...Async` functions run. */
export interface AsyncReplicates {
  /** Aborting it rejects with its reason after the replicate at work. */
  readonly signal?: AbortSignalLike;
}

// biome-ignore lint/suspicious/noConfusingVoidType: callbacks that return nothing are meant
export type ProgressCallback<P = ReplicateProgress> = (progress: P) => void | false;

/** What came of the replicates. */
export interface Replicates<T> {
  readonly values: readonly T[];
  /** Replicates whose data could not be fitted; their values are not there. */
  readonly failed: number;
}

/** A computation that yields between replicates, where a host may do other work or end it. */
export type Steps<T> = Generator<void, T, void>;

/**
 * Runs jobs 0 to count - 1. A job must depend on its number alone, so that whoever runs it, in whatever order, gets the
 * same. One whose data cannot be fitted (no spread, fewer rows than components) counts as failed.
 * @param onProgress false ends it; the values so far are returned
 */
export function* runReplicates<T>(
  count: number,
  job: (replicate: number) => T,
  onProgress: ProgressCallback | undefined,
): Steps<Replicates<T>> {
  const startedAt = performance.now();
  const values: T[] = [];
  let failed = 0;
  for (let replicate = 0; replicate < count; replicate++) {
    try {
      values.push(job(replicate));
    } catch (error) {
      const unfit =
        error instanceof GaussmixError && ['DEGENERATE_DATA', 'TOO_FEW_ROWS'].includes(error.code);
      if (!unfit) throw error;
      failed++;
    }
    const elapsedMs = performance.now() - startedAt;
    if (onProgress?.({ done: replicate + 1, of: count, elapsedMs }) === false) break;
    yield;
  }
  return { values, failed };
}

/** The seed of a replicate: any other would give independent rows. */
export function replicateSeed(seed: number, replicate: number): number {
  return new Random(seed, replicate).integer(Number.MAX_SAFE_INTEGER);
}

/** Runs steps to their end at once. */
export function runNow<T>(steps: Steps<T>): T {
  let step = steps.next();
  while (!step.done) step = steps.next();
  return step.value;
}

/** How long the host waits for its turn, about. */
const TURN_MS = 12;

/** As {@link runNow}, letting the host do other work in between. @throws the signal's reason when it is aborted */
export async function runInTurns<T>(steps: Steps<T>, signal: AbortSignalLike | undefined): Promise<T> {
  let turn = performance.now();
  let step = steps.next();
  while (!step.done) {
    if (performance.now() - turn > TURN_MS) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      turn = performance.now();
    }
    signal?.throwIfAborted();
    step = steps.next();
  }
  return step.value;
}

/** @throws GaussmixTypeError INVALID_OPTION for a signal or callback that is none */
export function checkRunOptions(what: string, options: { onProgress?: unknown; signal?: unknown }): void {
  const { onProgress, signal } = options;
  const refuse = (name: string, value: unknown, allowed: string): GaussmixTypeError =>
    new GaussmixTypeError(
      'INVALID_OPTION',
      `${what}: ${name} is ${describeValue(value)}; it must be ${allowed}`,
    );
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw refuse('onProgress', onProgress, 'a function');
  }
  if (signal !== undefined && typeof (signal as AbortSignalLike | null)?.throwIfAborted !== 'function') {
    throw refuse('signal', signal, 'an AbortSignal');
  }
}

/** @throws GaussmixRangeError DEGENERATE_DATA when fewer than `least` replicates could be fitted */
export function checkEnough(what: string, { values, failed }: Replicates<unknown>, least: number): void {
  if (values.length >= least) return;
  throw new GaussmixRangeError(
    'DEGENERATE_DATA',
    `${what}: only ${values.length} of ${values.length + failed} replicates could be fitted: the data have too few ` +
      'different rows for so many components',
  );
}
