// The fit in a thread of its own, so that the main thread can hear Ctrl-C while the synchronous fit runs.
// Must not print: the main thread does.
import { parentPort, Worker } from 'node:worker_threads';
import { type FitOptions, GaussianMixture, GaussmixError, type ModelJSON } from 'gaussmix';
import { Failure, oneLine, Refused } from './failure.ts';
import type { Step } from './progress.ts';

/** Progress is told this often, unless every iteration is asked for. */
const BETWEEN_MS = 100;

/** What the worker is given. */
export interface FitJob {
  readonly kind: 'fit';
  readonly data: Float64Array;
  readonly rows: number;
  readonly columns: number;
  readonly weights: Float64Array | undefined;
  readonly options: FitOptions;
  readonly everyIteration: boolean;
  /** One Int32 in shared memory: not 0 asks the fit to stop. */
  readonly stop: SharedArrayBuffer;
}

export interface Criteria {
  readonly bic: number;
  readonly aic: number;
  readonly icl: number;
}

/** What a fit gives back. */
export interface FitResult {
  readonly model: ModelJSON;
  readonly criteria: Criteria;
  readonly nParameters: number;
  /** Sum of the weights; the number of rows where there are none. */
  readonly totalWeight: number;
  /** Rows whose most probable component is k, for each k. */
  readonly sizes: readonly number[];
  /** The fit was stopped before its end. */
  readonly stopped: boolean;
}

type Message =
  | { readonly kind: 'progress'; readonly progress: Step }
  | { readonly kind: 'done'; readonly result: FitResult }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string };

/** A fit that runs. */
export interface RunningFit {
  readonly result: Promise<FitResult>;
  /** Asks for the model so far, after the iteration that runs. */
  stop(): void;
}

/**
 * Starts a fit; `data` and `weights` are moved to it, and are empty afterwards.
 * @param script this command's entry file, which calls {@link runFitWorker} in a worker
 */
export function startFit(
  script: URL,
  job: Omit<FitJob, 'kind' | 'stop'>,
  onProgress: (progress: Step) => void,
): RunningFit {
  const stop = new SharedArrayBuffer(4);
  const worker = new Worker(script, {
    workerData: { kind: 'fit', ...job, stop } satisfies FitJob,
    transferList: [job.data.buffer, ...(job.weights ? [job.weights.buffer] : [])] as ArrayBuffer[],
  });
  const result = new Promise<FitResult>((resolve, reject) => {
    worker.on('message', (message: Message) => {
      if (message.kind === 'progress') onProgress(message.progress);
      else if (message.kind === 'done') resolve(message.result);
      else reject(new Refused(message.code, message.message));
    });
    worker.on('error', (error) => reject(new Failure(`the fit failed: ${oneLine(error.message)}`)));
    worker.on('exit', (code) => reject(new Failure(`the fit ended too early (code ${code})`)));
  });
  return { result, stop: () => void Atomics.store(new Int32Array(stop), 0, 1) };
}

/** The worker's side: fits, and sends the result or what the library refused. */
export function runFitWorker(job: FitJob): void {
  const send = (message: Message): void => parentPort?.postMessage(message);
  try {
    send({ kind: 'done', result: fitJob(job, (progress) => send({ kind: 'progress', progress })) });
  } catch (error) {
    if (!(error instanceof GaussmixError)) throw error;
    send({ kind: 'refused', code: error.code, message: error.message });
  }
}

function fitJob(job: FitJob, tell: (progress: Step) => void): FitResult {
  const data = { data: job.data, shape: [job.rows, job.columns] };
  const flag = new Int32Array(job.stop);
  let stopped = false;
  let toldAt = Number.NEGATIVE_INFINITY;
  const model = GaussianMixture.fit(data, {
    ...job.options,
    sampleWeight: job.weights,
    onIteration: (progress) => {
      if (job.everyIteration || progress.elapsedMs - toldAt >= BETWEEN_MS) {
        toldAt = progress.elapsedMs;
        tell(progress);
      }
      if (Atomics.load(flag, 0) === 0) return;
      stopped = true;
      return false;
    },
  });
  const sizes = new Array<number>(model.nComponents).fill(0);
  const { missing } = job.options;
  for (const label of model.predict(data, { missing })) sizes[label]++;
  const totalWeight = job.weights ? job.weights.reduce((sum, weight) => sum + weight, 0) : job.rows;
  // A row of weight 2 counts as two rows, as in the fit.
  const { bic, aic, icl } = model.criteria(data, { sampleWeight: job.weights, missing });
  return {
    model: model.toJSON(),
    criteria: { bic, aic, icl },
    nParameters: model.nParameters,
    totalWeight,
    sizes,
    stopped,
  };
}
