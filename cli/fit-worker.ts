// One fit as the work of a thread: what it is given, and what it gives back.
// Must not print: the main thread does.
import { type Criteria, type FitOptions, GaussianMixture, type ModelJSON, type Progress } from 'gaussmix';
import { BETWEEN_MS, type Running, runInThread, startInThread, type ThreadJob } from './thread.ts';

/** What the worker is given. */
export interface FitJob extends ThreadJob {
  readonly kind: 'fit';
  readonly rows: number;
  readonly columns: number;
  readonly options: FitOptions;
  readonly everyIteration: boolean;
}

/** What a fit gives back. */
export interface FitResult {
  readonly model: ModelJSON;
  readonly criteria: Omit<Criteria, 'logLikelihood'>;
  readonly nParameters: number;
  /** Sum of the weights; the number of rows where there are none. */
  readonly totalWeight: number;
  /** Rows whose most probable component is k, for each k. */
  readonly sizes: readonly number[];
  /** The fit was stopped before its end. */
  readonly stopped: boolean;
}

/**
 * Starts a fit; `data` and `weights` are moved to it, and are empty afterwards.
 * @param script this command's entry file, which calls {@link runFitWorker} in a worker
 */
export function startFit(
  script: URL,
  job: Omit<FitJob, 'kind' | 'stop'>,
  onProgress: (progress: Progress) => void,
): Running<FitResult> {
  return startInThread<FitJob, Progress, FitResult>(script, { kind: 'fit', ...job }, onProgress);
}

/** The worker's side. */
export function runFitWorker(job: FitJob): void {
  runInThread<Progress, FitResult>((tell) => fitJob(job, tell));
}

function fitJob(job: FitJob, tell: (progress: Progress) => void): FitResult {
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
  for (const label of model.predict(data)) sizes[label]++;
  const totalWeight = job.weights ? job.weights.reduce((sum, weight) => sum + weight, 0) : job.rows;
  // A row of weight 2 counts as two rows, as in the fit.
  const { bic, aic, icl } = model.criteria(data, { sampleWeight: job.weights });
  return {
    model: model.toJSON(),
    criteria: { bic, aic, icl },
    nParameters: model.nParameters,
    totalWeight,
    sizes,
    stopped,
  };
}
