// Work in a thread of its own, so that the main thread can hear Ctrl-C while the synchronous work runs.
// Must not know what the work is, nor print.
import { parentPort, Worker } from 'node:worker_threads';
import { GaussmixError } from 'gaussmix';
import { Failure, oneLine, Refused } from './failure.ts';

/** Progress is told this often, unless every step is asked for. */
export const BETWEEN_MS = 100;

/** What every thread is given; `kind` tells the entry file what to run. */
export interface ThreadJob {
  readonly kind: string;
  readonly data: Float64Array;
  readonly weights: Float64Array | undefined;
  /** One Int32 in shared memory: not 0 asks the work to stop. */
  readonly stop: SharedArrayBuffer;
}

type Message<Step, Result> =
  | { readonly kind: 'progress'; readonly step: Step }
  | { readonly kind: 'done'; readonly result: Result }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string };

/** Work that runs. */
export interface Running<Result> {
  readonly result: Promise<Result>;
  /** Asks for the result so far, after the iteration that runs. */
  stop(): void;
}

/**
 * Starts the work; `data` and `weights` are moved to it, and are empty afterwards.
 * @param script this command's entry file, which calls {@link runInThread} in a worker
 */
export function startInThread<Job extends ThreadJob, Step, Result>(
  script: URL,
  job: Omit<Job, 'stop'>,
  onProgress: (step: Step) => void,
): Running<Result> {
  const stop = new SharedArrayBuffer(4);
  const { data, weights } = job as Pick<Job, 'data' | 'weights'>;
  const worker = new Worker(script, {
    workerData: { ...job, stop },
    transferList: [data.buffer, ...(weights ? [weights.buffer] : [])] as ArrayBuffer[],
  });
  const result = new Promise<Result>((resolve, reject) => {
    worker.on('message', (message: Message<Step, Result>) => {
      if (message.kind === 'progress') onProgress(message.step);
      else if (message.kind === 'done') resolve(message.result);
      else reject(new Refused(message.code, message.message));
    });
    worker.on('error', (error) => reject(new Failure(`the fit failed: ${oneLine(error.message)}`)));
    worker.on('exit', (code) => reject(new Failure(`the fit ended too early (code ${code})`)));
  });
  return { result, stop: () => void Atomics.store(new Int32Array(stop), 0, 1) };
}

/** The worker's side: does the work, and sends the result or what the library refused. */
export function runInThread<Step, Result>(work: (tell: (step: Step) => void) => Result): void {
  const send = (message: Message<Step, Result>): void => parentPort?.postMessage(message);
  try {
    send({ kind: 'done', result: work((step) => send({ kind: 'progress', step })) });
  } catch (error) {
    if (!(error instanceof GaussmixError)) throw error;
    send({ kind: 'refused', code: error.code, message: error.message });
  }
}
