// Many groups fitted in several threads: batches go out, the lines of the output come back in order.
// Must not print, nor let what is waiting to be written grow without bound.
import { parentPort, Worker } from 'node:worker_threads';
import { type FitOptions, GaussianMixture, GaussmixError } from 'gaussmix';
import { Failure, oneLine, plural, quote } from './failure.ts';
import { withNames } from './model-file.ts';
import type { Batch } from './row-groups.ts';
import { groupWords } from './wording.ts';

/** Lines that wait for those before them may take so many characters before no more work is given out. */
const MOST_WAITING = 1 << 25;

/** What each worker is given, once. */
export interface GroupsJob {
  readonly kind: 'groups';
  readonly options: FitOptions;
  readonly featureNames: readonly string[] | undefined;
  /** How messages name each feature. */
  readonly labels: readonly string[];
  /** Each group is to be described. */
  readonly describe: boolean;
  /** Failures described in one batch; the others are only counted. */
  readonly mostFailures: number;
  /** One Int32 in shared memory: not 0 asks the worker to stop. */
  readonly stop: SharedArrayBuffer;
}

/** What came of a batch. */
export interface BatchResult {
  readonly batch: number;
  /** Output: one line for each group that was finished, in order. */
  readonly text: string;
  readonly fitted: number;
  readonly notConverged: number;
  readonly failed: number;
  /** The first failures, one sentence each. */
  readonly failures: readonly string[];
  /** One sentence for each group fitted, where they are asked for. */
  readonly descriptions: readonly string[];
}

/** Fits groups in threads, which are started when there is work for them. */
export class GroupPool {
  readonly #script: URL;
  readonly #job: GroupsJob;
  readonly #threads: number;
  readonly #batches: Iterator<Batch>;
  readonly #workers: Set<Worker> = new Set();
  readonly #idle: Worker[] = [];
  /** Results whose turn has not come, by the number of their batch. */
  readonly #waiting: Map<number, BatchResult> = new Map();
  #waitingCharacters = 0;
  /** Batches given out. */
  #given = 0;
  #exhausted = false;
  #closed = false;
  #failure: Failure | undefined;
  #wake: () => void = () => {};

  /** @param script this command's entry file, which calls {@link runGroupsWorker} in a worker */
  constructor(script: URL, job: Omit<GroupsJob, 'kind' | 'stop'>, batches: Iterator<Batch>, threads: number) {
    this.#script = script;
    this.#job = { kind: 'groups', ...job, stop: new SharedArrayBuffer(4) };
    this.#batches = batches;
    this.#threads = threads;
  }

  /**
   * The results in the order of the batches. The threads end with the iteration, however it ends.
   * @throws Failure when a thread dies
   */
  async *results(): AsyncGenerator<BatchResult> {
    try {
      for (let next = 0; ; ) {
        this.#giveOut();
        if (this.#failure !== undefined) throw this.#failure;
        const result = this.#waiting.get(next);
        if (result !== undefined) {
          this.#waiting.delete(next++);
          yield result;
          this.#waitingCharacters -= result.text.length;
        } else if (this.#exhausted && next === this.#given) return;
        else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } finally {
      this.#closed = true;
      await Promise.all(Array.from(this.#workers, (worker) => worker.terminate()));
    }
  }

  /** No more groups are begun, and those that are being fitted are dropped; the results end soon. */
  stop(): void {
    Atomics.store(new Int32Array(this.#job.stop), 0, 1);
    this.#exhausted = true;
    this.#wake();
  }

  #giveOut(): void {
    while (
      !this.#exhausted &&
      this.#waitingCharacters < MOST_WAITING &&
      (this.#idle.length > 0 || this.#workers.size < this.#threads)
    ) {
      const { value: batch, done } = this.#batches.next();
      if (done) {
        this.#exhausted = true;
        return;
      }
      const worker = this.#idle.pop() ?? this.#startWorker();
      const memory = [batch.data.buffer, batch.rows.buffer, ...(batch.weights ? [batch.weights.buffer] : [])];
      worker.postMessage(batch, memory);
      this.#given++;
    }
  }

  #startWorker(): Worker {
    const worker = new Worker(this.#script, { workerData: this.#job });
    this.#workers.add(worker);
    worker.on('message', (result: BatchResult) => {
      this.#waiting.set(result.batch, result);
      this.#waitingCharacters += result.text.length;
      this.#idle.push(worker);
      // At once, though the results may be waiting for a slow reader.
      this.#giveOut();
      this.#wake();
    });
    worker.on('error', (error) => this.#fail(new Failure(`a fit failed: ${oneLine(error.message)}`)));
    worker.on('exit', (code) => this.#fail(new Failure(`a fit ended too early (code ${code})`)));
    return worker;
  }

  #fail(failure: Failure): void {
    if (this.#closed) return;
    this.#failure ??= failure;
    this.#wake();
  }
}

/** The worker's side: fits one batch after the other. */
export function runGroupsWorker(job: GroupsJob): void {
  parentPort?.on('message', (batch: Batch) => parentPort?.postMessage(fitBatch(job, batch)));
}

function fitBatch(
  job: GroupsJob,
  { number, names, sizes, rows: fileRows, data, weights }: Batch,
): BatchResult {
  const flag = new Int32Array(job.stop);
  const columns = data.length / sizes.reduce((sum, size) => sum + size, 0);
  const lines: string[] = [];
  const failures: string[] = [];
  const descriptions: string[] = [];
  let [fitted, notConverged, failed] = [0, 0, 0];
  let row = 0;
  for (const [i, group] of names.entries()) {
    const end = row + sizes[i];
    const rows = { data: data.subarray(row * columns, end * columns), shape: [sizes[i], columns] };
    const sampleWeight = weights?.subarray(row, end);
    const own = fileRows.subarray(row, end);
    row = end;
    let line: object;
    try {
      const onIteration = () => (Atomics.load(flag, 0) === 0 ? undefined : false);
      const model = GaussianMixture.fit(rows, { ...job.options, sampleWeight, onIteration });
      // A model that may have been stopped is none of the finished ones.
      if (Atomics.load(flag, 0) !== 0) break;
      line = { group, model: withNames(model.toJSON(), job.featureNames) };
      fitted++;
      const { converged, iterations, logLikelihood } = model.fitted as NonNullable<typeof model.fitted>;
      if (!converged) notConverged++;
      if (job.describe) {
        descriptions.push(
          `group ${quote(group)}: ${plural(sizes[i], 'row')}, ${plural(iterations, 'iteration')}, ` +
            `log-likelihood ${logLikelihood.toFixed(6)} nats per row`,
        );
      }
    } catch (error) {
      if (!(error instanceof GaussmixError) || error.code === 'KERNEL_UNAVAILABLE') throw error;
      const message = groupWords(error.message, job.labels, own);
      line = { group, error: { code: error.code, message } };
      if (failed++ < job.mostFailures) failures.push(`group ${quote(group)}: ${message}`);
    }
    lines.push(`${JSON.stringify(line)}\n`);
  }
  return { batch: number, text: lines.join(''), fitted, notConverged, failed, failures, descriptions };
}
