// Replicates of a simulation as fits that are independent of each other, run on this thread or on workers.
// Must not know what a replicate is of.
import {
  type AsyncOptions,
  type FitTask,
  fitEachAsync,
  GaussianMixture,
  GaussmixError,
  GaussmixRangeError,
  GaussmixTypeError,
} from 'gaussmix';
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

/** Where the `...Async` functions run: `workers`, `signal` and `workerScript` as of `fitManyAsync`. */
export type AsyncReplicates = Omit<AsyncOptions, 'timeLimitMs'>;

export const ASYNC_REPLICATES: readonly string[] = ['workers', 'signal', 'workerScript'];

// biome-ignore lint/suspicious/noConfusingVoidType: callbacks that return nothing are meant
export type ProgressCallback<P = ReplicateProgress> = (progress: P) => void | false;

/** Fits to be done, in any order, each in its own place. */
interface Work {
  readonly tasks: Iterable<FitTask>;
  /** @param index number of the task, from 0 */
  onResult(result: GaussianMixture | GaussmixError, index: number): void;
}

/** A computation that has its fits done for it: after each `yield` they are. */
export type Steps<T> = Generator<Work, T, void>;

/** Does the work of steps on this thread. */
export function runNow<T>(steps: Steps<T>): T {
  let step = steps.next();
  while (!step.done) {
    let index = 0;
    for (const task of step.value.tasks) step.value.onResult(fitted(task), index++);
    step = steps.next();
  }
  return step.value;
}

function fitted({ data, options }: FitTask): GaussianMixture | GaussmixError {
  try {
    return GaussianMixture.fit(data, options);
  } catch (error) {
    if (error instanceof GaussmixError) return error;
    throw error;
  }
}

/** As {@link runNow}, the same bits, on workers. @throws the signal's reason when it is aborted */
export async function runOnWorkers<T>(steps: Steps<T>, options: AsyncReplicates): Promise<T> {
  const { workers, signal, workerScript } = options;
  const where = {
    ...(workers !== undefined && { workers }),
    ...(signal && { signal }),
    ...(workerScript !== undefined && { workerScript }),
  };
  let step = steps.next();
  while (!step.done) {
    const { tasks, onResult } = step.value;
    await fitEachAsync(tasks, onResult, where);
    step = steps.next();
  }
  return step.value;
}

/** The models of some tasks. @throws GaussmixError, the first by their order */
export function* fitAll(tasks: readonly FitTask[]): Steps<readonly GaussianMixture[]> {
  const results: (GaussianMixture | GaussmixError)[] = [];
  yield {
    tasks,
    onResult: (result, index) => {
      results[index] = result;
    },
  };
  return results.map((result) => {
    if (result instanceof GaussianMixture) return result;
    throw result;
  });
}

/** What came of the replicates. */
export interface Replicates<T> {
  /** By replicate, those that failed left out. */
  readonly values: readonly T[];
  /** Replicates whose data could not be fitted. */
  readonly failed: number;
  /** Ended by `onProgress`. */
  readonly stopped: boolean;
}

/** A simulation: what is fitted in each replicate, and what is kept of it. */
interface Simulation<T> {
  readonly count: number;
  /** Tasks of each replicate, always as many. They must depend on its number alone. */
  readonly tasksEach: number;
  tasks(replicate: number): readonly FitTask[];
  summarise(models: readonly GaussianMixture[]): T;
  readonly onProgress?: ProgressCallback | undefined;
}

/**
 * Replicates 0 to count - 1. One whose data cannot be fitted (no spread, too few different rows) counts as failed; any
 * other error is thrown.
 */
export function* runReplicates<T>(simulation: Simulation<T>): Steps<Replicates<T>> {
  const { count, tasksEach, onProgress } = simulation;
  const startedAt = performance.now();
  const open: Map<number, { readonly results: (GaussianMixture | GaussmixError)[]; left: number }> =
    new Map();
  const values: T[] = [];
  let failed = 0;
  let done = 0;
  let stopped = false;
  function* tasks(): Generator<FitTask> {
    for (let replicate = 0; replicate < count && !stopped; replicate++) yield* simulation.tasks(replicate);
  }
  const onResult = (result: GaussianMixture | GaussmixError, index: number): void => {
    const replicate = Math.floor(index / tasksEach);
    const entry = open.get(replicate) ?? { results: [], left: tasksEach };
    const { results } = entry;
    results[index % tasksEach] = result;
    entry.left--;
    open.set(replicate, entry);
    if (entry.left > 0) return;
    open.delete(replicate);
    const models = results.filter((each) => each instanceof GaussianMixture);
    if (models.length === tasksEach) values[replicate] = simulation.summarise(models);
    else {
      const error = results.find((each) => !(each instanceof GaussianMixture)) as GaussmixError;
      if (!['DEGENERATE_DATA', 'TOO_FEW_ROWS'].includes(error.code)) throw error;
      failed++;
    }
    done++;
    const progress = { done, of: count, elapsedMs: performance.now() - startedAt };
    // Fits that workers have begun still arrive after a stop.
    if (!stopped) stopped = onProgress?.(progress) === false;
  };
  yield { tasks: tasks(), onResult };
  // Those that failed, or were cut short by a stop, left holes.
  return { values: values.filter((_, replicate) => replicate in values), failed, stopped };
}

/** The seed of a replicate's data. */
export function replicateSeed(seed: number, replicate: number): number {
  return new Random(seed, replicate).integer(Number.MAX_SAFE_INTEGER);
}

/** @throws GaussmixTypeError INVALID_OPTION for a callback that is none */
export function checkProgress(what: string, onProgress: unknown): void {
  if (onProgress === undefined || typeof onProgress === 'function') return;
  throw new GaussmixTypeError(
    'INVALID_OPTION',
    `${what}: onProgress is ${describeValue(onProgress)}; it must be a function`,
  );
}

/** @throws GaussmixRangeError DEGENERATE_DATA when fewer than `least` replicates could be fitted */
export function checkEnough(
  what: string,
  { values, failed, stopped }: Replicates<unknown>,
  least: number,
): void {
  if (values.length >= least) return;
  const because = stopped
    ? `onProgress ended it; at least ${least} ${least === 1 ? 'is' : 'are'} needed`
    : 'the data have too few different rows for so many components';
  throw new GaussmixRangeError(
    'DEGENERATE_DATA',
    `${what}: only ${values.length} of ${values.length + failed} replicates could be fitted: ${because}`,
  );
}
