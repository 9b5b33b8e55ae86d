// What a worker that holds the whole library can be asked to do: functions of what is shared and of one job's input.
// Must not hold state: a job gives the same bits in any worker, and on the calling thread.
import { type RowSums, sumsOf } from './criteria.ts';
import { type ErrorCode, GaussmixError, GaussmixRangeError, GaussmixTypeError } from './errors.ts';
import { type FitOutcome, fitRows } from './fit.ts';
import { dataSource } from './missing.ts';
import type { FitSettings, IterationCallback } from './options.ts';
import type { RowSource } from './row-source.ts';
import { continueFrom, type WarmStarts } from './warm-starts.ts';

/** One of many data sets. */
export interface DataSet {
  /** Its number, from 0, for messages. */
  readonly index: number;
  readonly settings: FitSettings;
  readonly names: Pick<RowSource, 'columnNames' | 'leftOut'>;
  readonly shape: readonly [rows: number, columns: number];
  /** Row-major. */
  readonly data: Float64Array;
}

/** Why a data set could not be fitted: a GaussmixError in a form that can be cloned. */
export interface Failure {
  readonly code: ErrorCode;
  readonly isTypeError: boolean;
  readonly message: string;
}

/** @param keepFailures whether a data set that cannot be fitted has a failure in its place; otherwise it ends the job */
function fitDataSets(keepFailures: boolean, sets: readonly DataSet[]): (FitOutcome | Failure)[] {
  return sets.map(({ index, settings, names, shape, data }) => {
    try {
      return fitRows({ ...dataSource({ data, shape }, settings.missing), ...names }, settings);
    } catch (error) {
      if (!(keepFailures && error instanceof GaussmixError)) throw ofDataSet(error, index);
      return { code: error.code, isTypeError: error instanceof TypeError, message: error.message };
    }
  });
}

/** An error of the library whose message begins with the number of the data set. */
export function ofDataSet(error: unknown, index: number): unknown {
  if (!(error instanceof GaussmixError)) return error;
  const message = `data set ${index}: ${error.message}`;
  return error instanceof TypeError
    ? new GaussmixTypeError(error.code, message)
    : new GaussmixRangeError(error.code, message);
}

/** The rows that the cells of a selection share. */
export interface SharedRows {
  readonly names: DataSet['names'];
  readonly shape: DataSet['shape'];
  readonly data: Float64Array;
  /** One per row; undefined: all 1. */
  readonly weights: Float64Array | undefined;
}

/** One cell of a selection. */
export interface Cell {
  readonly settings: Omit<FitSettings, 'sampleWeight' | 'onIteration'>;
  readonly warm: WarmStarts | undefined;
  /** When its fit is to end, on the clock of `Date.now()`, which threads share. */
  readonly deadline: number;
}

export interface CellOutcome extends FitOutcome {
  readonly sums: RowSums;
  /** Ended by the deadline. */
  readonly late: boolean;
}

/** An error of one cell alone. */
export interface CellError {
  readonly code: ErrorCode;
  readonly isTypeError: boolean;
  readonly message: string;
}

/** What is wrong with one cell may be right in another; any other error is one of the data, or of the host. */
const ERRORS_OF_A_CELL: readonly ErrorCode[] = [
  'TOO_FEW_ROWS',
  'DEGENERATE_DATA',
  'INVALID_PARAMETERS',
  'NOT_POSITIVE_DEFINITE',
  'OUT_OF_MEMORY',
];

/** Whether an error costs a selection one cell only. */
export function isErrorOfCell(error: unknown): error is GaussmixError {
  return error instanceof GaussmixError && ERRORS_OF_A_CELL.includes(error.code);
}

function fitCell(
  { names, shape, data, weights }: SharedRows,
  { settings, warm, deadline }: Cell,
): CellOutcome | { readonly error: CellError } {
  const source = { ...dataSource({ data, shape }, settings.missing), ...names };
  let late = false;
  const onIteration: IterationCallback = () => {
    if (Date.now() < deadline) return;
    late = true;
    return false;
  };
  try {
    const outcome = fitRows(
      source,
      { ...settings, sampleWeight: weights, onIteration },
      undefined,
      warm && continueFrom(warm),
    );
    return { ...outcome, sums: sumsOf(outcome.parameters, source, weights), late };
  } catch (error) {
    if (!isErrorOfCell(error)) throw error;
    const { code, message } = error;
    return { error: { code, message, isTypeError: error instanceof TypeError } };
  }
}

/** Everything that passes to and from a job can be cloned from thread to thread. */
export const jobs: { readonly fitDataSets: typeof fitDataSets; readonly fitCell: typeof fitCell } = {
  fitDataSets,
  fitCell,
};

export type JobName = keyof typeof jobs;
export type Shared<Name extends JobName> = Parameters<(typeof jobs)[Name]>[0];
export type Input<Name extends JobName> = Parameters<(typeof jobs)[Name]>[1];
export type Output<Name extends JobName> = ReturnType<(typeof jobs)[Name]>;
