// The fit in a thread of its own, so that the main thread can hear Ctrl-C while the synchronous fit runs.
// Must not print: the main thread does.
import { parentPort, Worker } from 'node:worker_threads';
import {
  type Checkpoint,
  type CheckpointOptions,
  type FitOptions,
  fitStream,
  GaussianMixture,
  GaussmixError,
  type ModelJSON,
  type Progress,
  type StreamOptions,
  scoreStream,
} from 'gaussmix';
import { writeCheckpoint } from './checkpoint-file.ts';
import { Failure, oneLine, Refused } from './failure.ts';
import type { HeldRows } from './fit-rows.ts';
import { type OpenSource, openSource } from './fit-source.ts';
import type { Step } from './progress.ts';

/** Progress is told this often, unless every iteration is asked for. */
const BETWEEN_MS = 100;

/** What is to be fitted, and how. */
export interface Job {
  readonly held: HeldRows;
  readonly options: FitOptions;
  readonly everyIteration: boolean;
  /** The file that a checkpoint is written to after each iteration. */
  readonly checkpoint: string | undefined;
  readonly resume: Checkpoint | undefined;
}

/** What the worker is given. */
export interface FitJob extends Job {
  readonly kind: 'fit';
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
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }
  | { readonly kind: 'failed'; readonly message: string };

/** A fit that runs. */
export interface RunningFit {
  readonly result: Promise<FitResult>;
  /** Asks for the model so far, after the iteration that runs. */
  stop(): void;
}

/**
 * Starts a fit; rows in memory are moved to it, and are empty afterwards.
 * @param script this command's entry file, which calls {@link runFitWorker} in a worker
 */
export function startFit(script: URL, job: Job, onProgress: (progress: Step) => void): RunningFit {
  const stop = new SharedArrayBuffer(4);
  const { held } = job;
  const moved = held.kind === 'memory' ? [held.data, held.weights] : [];
  const worker = new Worker(script, {
    workerData: { kind: 'fit', ...job, stop } satisfies FitJob,
    transferList: moved.flatMap((values) => (values ? [values.buffer as ArrayBuffer] : [])),
  });
  const result = new Promise<FitResult>((resolve, reject) => {
    worker.on('message', (message: Message) => {
      if (message.kind === 'progress') onProgress(message.progress);
      else if (message.kind === 'done') resolve(message.result);
      else if (message.kind === 'failed') reject(new Failure(message.message));
      else reject(new Refused(message.code, message.message));
    });
    worker.on('error', (error) => reject(new Failure(`the fit failed: ${oneLine(error.message)}`)));
    worker.on('exit', (code) => reject(new Failure(`the fit ended too early (code ${code})`)));
  });
  return { result, stop: () => void Atomics.store(new Int32Array(stop), 0, 1) };
}

/** The worker's side: fits, and sends the result or what was refused. */
export async function runFitWorker(job: FitJob): Promise<void> {
  const send = (message: Message): void => parentPort?.postMessage(message);
  try {
    send({ kind: 'done', result: await fitJob(job, (progress) => send({ kind: 'progress', progress })) });
  } catch (error) {
    if (error instanceof Failure) send({ kind: 'failed', message: error.message });
    else if (!(error instanceof GaussmixError)) throw error;
    else send({ kind: 'refused', code: error.code, message: error.message });
  }
}

async function fitJob(job: FitJob, tell: (progress: Step) => void): Promise<FitResult> {
  const flag = new Int32Array(job.stop);
  const { checkpoint: path, resume, held } = job;
  let stopped = false;
  let toldAt = Number.NEGATIVE_INFINITY;
  const onIteration = (progress: Progress): false | undefined => {
    if (job.everyIteration || progress.elapsedMs - toldAt >= BETWEEN_MS) {
      toldAt = progress.elapsedMs;
      tell(progress);
    }
    if (Atomics.load(flag, 0) === 0) return undefined;
    stopped = true;
    return false;
  };
  const options = { ...job.options, onIteration };
  const saving: CheckpointOptions =
    path === undefined ? {} : { resume, onCheckpoint: (checkpoint) => writeCheckpoint(path, checkpoint) };
  const { model, ...score } =
    held.kind === 'memory'
      ? await fitInMemory(held, options, saving)
      : await fitByStreaming(await openSource(held), options, saving);
  return { model: model.toJSON(), nParameters: model.nParameters, stopped, ...score };
}

type Scored = Pick<FitResult, 'criteria' | 'totalWeight' | 'sizes'> & { readonly model: GaussianMixture };

async function fitInMemory(
  { data: values, rows, columns, weights }: Extract<HeldRows, { kind: 'memory' }>,
  options: FitOptions,
  saving: CheckpointOptions,
): Promise<Scored> {
  const data = { data: values, shape: [rows, columns] };
  const all = { ...options, sampleWeight: weights };
  const model = saving.onCheckpoint
    ? await GaussianMixture.fitAsync(data, { ...all, ...saving, workers: 0 })
    : GaussianMixture.fit(data, all);
  const sizes = new Array<number>(model.nComponents).fill(0);
  const { missing } = options;
  for (const label of model.predict(data, { missing })) sizes[label]++;
  const totalWeight = weights ? weights.reduce((sum, weight) => sum + weight, 0) : rows;
  // A row of weight 2 counts as two rows, as in the fit.
  const { bic, aic, icl } = model.criteria(data, { sampleWeight: weights, missing });
  return { model, criteria: { bic, aic, icl }, totalWeight, sizes };
}

async function fitByStreaming(
  { source, close }: OpenSource,
  { sampleWeight, ...options }: FitOptions,
  saving: CheckpointOptions,
): Promise<Scored> {
  try {
    const model = await fitStream(source, { ...options, ...saving } as StreamOptions);
    const { bic, aic, icl, totalWeight, sizes } = await scoreStream(model, source, {
      missing: options.missing,
    });
    return { model, criteria: { bic, aic, icl }, totalWeight, sizes };
  } finally {
    await close();
  }
}
