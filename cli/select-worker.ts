// A selection as the work of a thread: what it is given, and what it gives back.
// Must not print: the main thread does.
import {
  type CovarianceType,
  type Criteria,
  type Criterion,
  type FailedCell,
  type FittedCell,
  type ModelJSON,
  type Progress,
  type SelectOptions,
  selectModel,
} from 'gaussmix';
import { BETWEEN_MS, type Running, runInThread, startInThread, type ThreadJob } from './thread.ts';

/** What the worker is given. */
export interface SelectJob extends ThreadJob {
  readonly kind: 'select';
  readonly rows: number;
  readonly columns: number;
  readonly options: SelectOptions & { readonly criterion: Criterion };
}

/** A row of the table, as --json prints it. */
export type SelectRow = FittedRow | FailedRow;
export interface FittedRow extends Criteria {
  readonly nComponents: number;
  readonly covarianceType: CovarianceType;
  readonly nParameters: number;
  readonly converged: boolean;
  readonly error?: undefined;
}
export interface FailedRow {
  readonly nComponents: number;
  readonly covarianceType: CovarianceType;
  readonly error: { readonly code: string; readonly message: string };
}

/** What is told while it runs: of a cell that is done, or of an iteration of the one that runs. */
export interface SelectStep {
  /** Cells done. */
  readonly done: number;
  readonly total: number;
  readonly cell?: SelectRow;
  readonly best?: FittedRow | undefined;
  readonly iteration?: number;
}

/** What a selection gives back. */
export interface SelectResult {
  readonly model: ModelJSON;
  /** The best cell's row. */
  readonly best: FittedRow;
  readonly table: readonly SelectRow[];
  /** Cells of the whole grid. */
  readonly total: number;
  /** It was stopped before its end. */
  readonly stopped: boolean;
}

/** Starts a selection; `data` and `weights` are moved to it, and are empty afterwards. */
export function startSelect(
  script: URL,
  job: Omit<SelectJob, 'kind' | 'stop'>,
  onProgress: (step: SelectStep) => void,
): Running<SelectResult> {
  return startInThread<SelectJob, SelectStep, SelectResult>(script, { kind: 'select', ...job }, onProgress);
}

/** The worker's side. */
export function runSelectWorker(job: SelectJob): void {
  runInThread<SelectStep, SelectResult>((tell) => selectJob(job, tell));
}

function selectJob(job: SelectJob, tell: (step: SelectStep) => void): SelectResult {
  const flag = new Int32Array(job.stop);
  const isStopped = (): boolean => Atomics.load(flag, 0) !== 0;
  let toldAt = performance.now();
  let [done, total] = [0, 0];
  const { best, table, stopped } = selectModel(
    { data: job.data, shape: [job.rows, job.columns] },
    {
      ...job.options,
      sampleWeight: job.weights,
      onIteration: ({ iteration }: Progress) => {
        if (isStopped()) return false;
        if (total === 0 || performance.now() - toldAt < BETWEEN_MS) return;
        toldAt = performance.now();
        tell({ done, total, iteration });
      },
      onProgress: (progress) => {
        ({ done, total } = progress);
        toldAt = performance.now();
        const running = progress.best && (rowOf(progress.best) as FittedRow);
        tell({ done, total, cell: rowOf(progress.cell), best: running });
        return isStopped() ? false : undefined;
      },
    },
  );
  return {
    model: best.toJSON(),
    best: rowOf(table.find((cell) => cell.model === best) as FittedCell) as FittedRow,
    table: table.map(rowOf),
    total,
    stopped,
  };
}

function rowOf(cell: FittedCell | FailedCell): SelectRow {
  const { nComponents, covarianceType } = cell;
  if (cell.error) {
    const { code, message } = cell.error;
    return { nComponents, covarianceType, error: { code, message } };
  }
  const { logLikelihood, nParameters, bic, aic, icl, converged } = cell;
  return { nComponents, covarianceType, logLikelihood, nParameters, bic, aic, icl, converged };
}
