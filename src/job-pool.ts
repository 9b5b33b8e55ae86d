// Jobs given to workers that hold the whole library, or done on the calling thread where there are none.
// Must not know what the jobs do: jobs.ts does.
import { type ErrorCode, GaussmixRangeError, GaussmixTypeError } from './errors.ts';
import { type AsyncSettings, nextTurn } from './fit.ts';
import type { ClonedError, FromJobWorker, ToJobWorker } from './job-worker.ts';
import { type Input, type JobName, jobs, type Output, type Shared } from './jobs.ts';
import { compiledModule } from './kernel.ts';
import {
  availableThreads,
  type StartThread,
  type Thread,
  threadStarter,
  threadsUnavailable,
} from './threads.ts';

/** Jobs a worker has at a time: the next one is there when it is done with one. */
const JOBS_AHEAD = 2;
/** A job whose worker dies so often is given up: then it is not the worker's fault. */
const MOST_DEATHS = 3;

interface Job {
  readonly index: number;
  readonly input: unknown;
  deaths: number;
}

/**
 * Does one kind of job with each input. Inputs are taken from the iterator when there is a worker for them; `undefined` says that
 * the next one has to wait for an output, of which one must be due. Outputs arrive in any order. The first failure by the order of the inputs, in taking one or in its job, rejects, and no more
 * inputs are taken.
 *
 * @param shared what all jobs need, sent once to each worker
 * @param onOutput with the number of the input (from 0) and what came of it
 * @throws the signal's reason when it is aborted; KERNEL_UNAVAILABLE when no worker starts; what a job throws
 */
export async function runJobs<Name extends JobName>(
  name: Name,
  shared: Shared<Name>,
  inputs: Iterator<Input<Name> | undefined>,
  { workers, workerScript, signal }: AsyncSettings,
  onOutput: (index: number, output: Output<Name>) => void,
): Promise<void> {
  signal?.throwIfAborted();
  const threads = workers ?? (await availableThreads());
  if (threads === 0) {
    const job = jobs[name] as (shared: unknown, input: unknown) => Output<Name>;
    for (let index = 0; ; index++) {
      const { value, done } = inputs.next();
      if (done) return;
      onOutput(index, job(shared, value as Input<Name>));
      await nextTurn();
      signal?.throwIfAborted();
    }
  }
  // A file of its own, fetched when it is needed: the library's text for the workers.
  const { jobProgram } = await import('../build/jobs.ts');
  const start = await threadStarter(() => jobProgram, workerScript);
  signal?.throwIfAborted();
  const opening: ToJobWorker = { kind: 'jobs', name, module: compiledModule(), shared };
  await new Promise<void>((resolve, reject) => {
    const pool = new JobPool(
      start,
      opening,
      inputs,
      threads,
      onOutput as (index: number, output: unknown) => void,
    );
    const abort = (): void => pool.close();
    signal?.addEventListener('abort', abort);
    pool.finished.finally(() => signal?.removeEventListener('abort', abort)).then(resolve, reject);
    pool.giveOut();
  });
  signal?.throwIfAborted();
}

class JobPool {
  readonly #start: StartThread;
  readonly #opening: ToJobWorker;
  readonly #inputs: Iterator<unknown>;
  readonly #threads: number;
  readonly #onOutput: (index: number, output: unknown) => void;
  /** Workers, each with the jobs it has been given. */
  readonly #given: Map<Thread, Map<number, Job>> = new Map();
  /** Jobs of workers that died. */
  readonly #again: Job[] = [];
  #next = 0;
  #exhausted = false;
  #closed = false;
  #anyAnswer = false;
  #failure: { readonly index: number; readonly error: unknown } | undefined;
  #resolve: () => void = () => {};
  #reject: (error: unknown) => void = () => {};
  /** When every job is done, or none but a failure is left to report. */
  readonly finished: Promise<void>;

  constructor(
    start: StartThread,
    opening: ToJobWorker,
    inputs: Iterator<unknown>,
    threads: number,
    onOutput: (index: number, output: unknown) => void,
  ) {
    this.#start = start;
    this.#opening = opening;
    this.#inputs = inputs;
    this.#threads = threads;
    this.#onOutput = onOutput;
    this.finished = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Gives jobs to workers that have room for them, and ends when there is nothing left to do. */
  giveOut(): void {
    while (this.#hasRoom()) {
      const job = this.#take();
      // Taking it may have been an abort.
      if (job === undefined || this.#closed) break;
      this.#give(this.#freest(), job);
    }
    const first = this.#failure?.index ?? Number.POSITIVE_INFINITY;
    if ([...this.#given.values()].some((held) => [...held.keys()].some((index) => index < first))) return;
    if (this.#failure) this.#reject(this.#failure.error);
    this.close();
  }

  /** Ends the workers; what they were doing is lost. */
  close(): void {
    if (this.#closed) return;
    for (const thread of this.#given.keys()) thread.terminate();
    this.#given.clear();
    this.#again.length = 0;
    this.#closed = true;
    this.#inputs.return?.();
    this.#resolve();
  }

  #take(): Job | undefined {
    const again = this.#again.pop();
    if (again || this.#exhausted || this.#failure) return again;
    const index = this.#next++;
    try {
      const { value, done } = this.#inputs.next();
      if (value !== undefined) return { index, input: value, deaths: 0 };
      this.#exhausted = done === true;
      this.#next--;
    } catch (error) {
      this.#fail(index, error);
    }
    return undefined;
  }

  #hasRoom(): boolean {
    return (
      this.#given.size < this.#threads || [...this.#given.values()].some((held) => held.size < JOBS_AHEAD)
    );
  }

  /** The worker with the fewest jobs; a new one while all have some and there may be more. */
  #freest(): Thread {
    const [first] = [...this.#given].sort(([, a], [, b]) => a.size - b.size);
    const full = first === undefined || first[1].size > 0;
    return full && this.#given.size < this.#threads ? this.#startThread() : first[0];
  }

  #give(thread: Thread, job: Job): void {
    this.#given.get(thread)?.set(job.index, job);
    const message: ToJobWorker = { kind: 'job', id: job.index, input: job.input };
    thread.post(message, []);
  }

  #startThread(): Thread {
    const thread = this.#start({
      message: (answer: FromJobWorker) => this.#receive(thread, answer),
      failure: (reason) => this.#lose(thread, reason),
    });
    this.#given.set(thread, new Map());
    thread.post(this.#opening, []);
    return thread;
  }

  #receive(thread: Thread, answer: FromJobWorker): void {
    if (!this.#given.get(thread)?.delete(answer.id)) return;
    this.#anyAnswer = true;
    try {
      if ('error' in answer) throw restored(answer.error);
      this.#onOutput(answer.id, answer.output);
    } catch (error) {
      this.#fail(answer.id, error);
    }
    this.giveOut();
  }

  /** A worker died: its jobs go to others. */
  #lose(thread: Thread, reason: string): void {
    const held = this.#given.get(thread);
    if (!held) return;
    this.#given.delete(thread);
    thread.terminate();
    for (const job of held.values()) {
      job.deaths++;
      if (job.deaths < MOST_DEATHS) this.#again.push(job);
      else this.#fail(job.index, this.#givenUp(reason));
    }
    this.giveOut();
  }

  #givenUp(reason: string): Error {
    if (!this.#anyAnswer) return threadsUnavailable(reason);
    const message = `workers died ${MOST_DEATHS} times (${reason}); they may lack memory: try fewer \`workers\``;
    return new GaussmixRangeError('OUT_OF_MEMORY', message);
  }

  #fail(index: number, error: unknown): void {
    if (this.#failure === undefined || index < this.#failure.index) this.#failure = { index, error };
  }
}

function restored({ code, isTypeError, message }: ClonedError): Error {
  if (code === undefined) return isTypeError ? new TypeError(message) : new Error(message);
  const Failure = isTypeError ? GaussmixTypeError : GaussmixRangeError;
  return new Failure(code as ErrorCode, message);
}
