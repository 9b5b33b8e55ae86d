// Many small fits with the same options.
// Must not differ from fitting one by one in any bit.
import { GaussmixError, GaussmixRangeError, GaussmixTypeError } from './errors.ts';
import {
  ASYNC_OPTIONS,
  type AsyncOptions,
  checkAsyncOptions,
  GaussianMixture,
  modelOf,
  withOwnStart,
} from './gaussian-mixture.ts';
import { runJobs } from './job-pool.ts';
import { type DataSet, type Failure, ofDataSet } from './jobs.ts';
import type { MatrixLike } from './matrix.ts';
import { dataSource } from './missing.ts';
import { checkKnownNames } from './option-errors.ts';
import { type AliasedFitOptions, type FitOptions, type Start, validateFitOptions } from './options.ts';
import { checkMeans, checkSymmetric } from './parameters.ts';

/** Data sets go to workers together until they have so many values, or are so many. */
const BATCH_DOUBLES = 32768;
const BATCH_SETS = 128;

/**
 * Fits one mixture to each of many data sets, all with the same options and seed: the models that
 * {@link GaussianMixture.fit} gives, bit for bit. Small fits share one kernel instance, whose memory does not grow with
 * their number.
 *
 * @param datasets any iterable of matrices; each is read when its turn comes
 * @throws GaussmixError as `fit` does, its message beginning with the number of the data set (from 0)
 * @example
 * import { fitMany } from 'gaussmix';
 * const customers = [[1, 1.2, 0.9, 8, 8.3, 7.9], [2, 2.1, 1.8, 5, 5.2, 4.7]];
 * const models = fitMany(customers, { nComponents: 2 });
 * console.log(models.map((model) => model.means.toArray()));
 */
export function fitMany(
  datasets: Iterable<MatrixLike>,
  options: FitOptions | AliasedFitOptions,
): GaussianMixture[] {
  const models: GaussianMixture[] = [];
  for (const data of datasets) {
    try {
      models.push(GaussianMixture.fit(data, options));
    } catch (error) {
      throw ofDataSet(error, models.length);
    }
  }
  return models;
}

/** Options of {@link fitManyAsync}: those of a fit but `onIteration`, and where it runs. */
export type FitManyAsyncOptions = (
  | Omit<FitOptions, 'onIteration'>
  | (Omit<AliasedFitOptions, 'onIteration'> & { readonly nComponents?: undefined })
) &
  Omit<AsyncOptions, 'timeLimitMs'>;

/**
 * As {@link fitMany}, on all cores: the same models, bit for bit, each data set fitted by one of several workers. For
 * one large data set use {@link GaussianMixture.fitAsync}, which divides its rows.
 *
 * @param datasets any iterable of matrices; each is read when a worker has room for it
 * @param options those of `fit` but `onIteration`, and `workers` (as many as the machine runs at once; 0: none, on the
 * calling thread), `signal`, `workerScript`: see {@link AsyncOptions}
 * @returns a promise of the models in the order of the data sets; rejected with the signal's reason on abort
 * @throws (rejects with) GaussmixError for the first data set that cannot be fitted, as `fitMany` does, and
 * KERNEL_UNAVAILABLE where workers cannot be started
 * @example
 * import { fitManyAsync } from 'gaussmix';
 * const sensors = Array.from({ length: 100 }, (_, i) => [1, 1.2, 0.9, 8, 8.3, 7.9 + i / 100]);
 * const models = await fitManyAsync(sensors, { nComponents: 2, workers: 2 });
 * console.log(models.length);
 */
export async function fitManyAsync(
  datasets: Iterable<MatrixLike>,
  options: FitManyAsyncOptions,
): Promise<GaussianMixture[]> {
  const own = withOwnStart(options as FitOptions & AsyncOptions);
  for (const name of ['onIteration', 'timeLimitMs'] as const) {
    if (own[name] === undefined) continue;
    throw new GaussmixTypeError('INVALID_OPTION', `fitManyAsync takes no ${name}; \`signal\` stops it`);
  }
  const models: GaussianMixture[] = [];
  await fitTasks(sameOptions(datasets, own), own, false, (index, model) => {
    models[index] = model as GaussianMixture;
  });
  return models;
}

function* sameOptions(datasets: Iterable<MatrixLike>, options: FitOptions): Generator<FitTask> {
  for (const data of datasets) yield { data, options };
}

/** A data set and how to fit it. */
export interface FitTask {
  readonly data: MatrixLike;
  /** Those of `fit` but `onIteration`. */
  readonly options: Omit<FitOptions, 'onIteration'>;
}

/**
 * As {@link fitManyAsync} where every fit has options of its own (a start, a seed, weights) and one that fails does not end
 * the others: what searches, bootstraps and cross-validations are made of. Nothing is collected.
 *
 * @param tasks any iterable; each is read when a worker has room for it
 * @param onResult called with the model that `fit` gives, or with the error it throws, and the number of the task, from
 * 0; in any order
 * @param where `workers`, `signal`, `workerScript`: see {@link AsyncOptions}
 * @returns a promise that is there when all results are; rejected with the signal's reason on abort
 * @throws (rejects with) KERNEL_UNAVAILABLE where workers cannot be started; what `tasks` or `onResult` throws
 * @example
 * import { fitEachAsync } from 'gaussmix';
 * const data = [1, 1.2, 0.9, 8, 8.3, 7.9, 15, 15.1];
 * const tasks = [1, 2, 3, 9].map((k) => ({ data, options: { nComponents: k } }));
 * await fitEachAsync(tasks, (result, index) => console.log(index, result.nComponents ?? result.message));
 */
export async function fitEachAsync(
  tasks: Iterable<FitTask>,
  onResult: (result: GaussianMixture | GaussmixError, index: number) => void,
  where: Omit<AsyncOptions, 'timeLimitMs'> = {},
): Promise<void> {
  checkKnownNames(where, ['workers', 'signal', 'workerScript'], 'fitEachAsync');
  await fitTasks(tasks, where, true, (index, result) => onResult(result, index));
}

/** Fits tasks on workers; see {@link fitDataSets} for `keepFailures`. */
async function fitTasks(
  tasks: Iterable<FitTask>,
  where: AsyncOptions,
  keepFailures: boolean,
  onResult: (index: number, result: GaussianMixture | GaussmixError) => void,
): Promise<void> {
  const sent: Map<number, readonly DataSet[]> = new Map();
  const onFailure = keepFailures ? onResult : undefined;
  const inputs = batches(tasks, sent, onFailure);
  await runJobs('fitDataSets', keepFailures, inputs, checkAsyncOptions(where), (batch, outcomes) => {
    const sets = sent.get(batch) as readonly DataSet[];
    sent.delete(batch);
    for (const [i, outcome] of outcomes.entries()) {
      const { index, names } = sets[i];
      const model =
        'code' in outcome ? restored(outcome) : modelOf(outcome.parameters, outcome.record, names);
      onResult(index, model);
    }
  });
}

function restored({ code, isTypeError, message }: Failure): GaussmixError {
  return isTypeError ? new GaussmixTypeError(code, message) : new GaussmixRangeError(code, message);
}

/**
 * The data sets in batches worth a message to another thread. They are kept in `sent` by the number of the batch.
 * @param onFailure gets the errors of data sets that are refused; without it they are thrown
 */
function* batches(
  tasks: Iterable<FitTask>,
  sent: Map<number, readonly DataSet[]>,
  onFailure?: (index: number, error: GaussmixError) => void,
): Generator<readonly DataSet[]> {
  const portable = portableStarts();
  let batch: DataSet[] = [];
  let doubles = 0;
  let index = -1;
  let number = 0;
  const take = (): readonly DataSet[] => {
    const full = batch;
    sent.set(number++, full);
    batch = [];
    doubles = 0;
    return full;
  };
  for (const { data, options } of tasks) {
    index++;
    try {
      batch.push(readDataSet(data, portable(options), index, onFailure ? [] : ASYNC_OPTIONS));
    } catch (error) {
      if (onFailure && error instanceof GaussmixError) {
        onFailure(index, error);
        continue;
      }
      // Those before it first: one of them may fail too.
      if (batch.length > 0) yield take();
      throw ofDataSet(error, index);
    }
    doubles += batch[batch.length - 1].data.length;
    if (doubles >= BATCH_DOUBLES || batch.length === BATCH_SETS) yield take();
  }
  if (batch.length > 0) yield take();
}

/** {@link withPortableStart}, once for each start given. */
function portableStarts(): (options: FitOptions) => FitOptions {
  const known: WeakMap<object, Start> = new WeakMap();
  return (options) => {
    const { initialization } = options;
    if (typeof initialization !== 'object' || initialization === null) return options;
    const start =
      known.get(initialization) ?? (withPortableStart(withOwnStart(options)).initialization as Start);
    known.set(initialization, start);
    return { ...options, initialization: start };
  };
}

function readDataSet(
  matrix: MatrixLike,
  options: FitOptions,
  index: number,
  alsoAllowed: readonly string[],
): DataSet {
  const source = dataSource(matrix, options?.missing);
  const { rows, columns, columnNames, leftOut } = source;
  const names = { ...(columnNames && { columnNames }), ...(leftOut && { leftOut }) };
  const settings = validateFitOptions(options, rows, alsoAllowed);
  if (settings.onIteration) {
    const message = 'onIteration cannot be called from workers: leave it out';
    throw new GaussmixTypeError('INVALID_OPTION', message);
  }
  const data = new Float64Array(rows * columns);
  source.read(0, rows, data);
  return { index, settings, names, shape: [rows, columns], data };
}

/** Options whose start, if there is one, is of plain arrays: any matrix of another library could not be cloned. */
export function withPortableStart(options: FitOptions): FitOptions {
  const { initialization } = options;
  if (typeof initialization !== 'object') return options;
  const name = 'initialization';
  const { k, d, means } = checkMeans(initialization.means, `${name}.means`);
  const matrices = (given: Start['covariances'], what: string): Float64Array[] | undefined => {
    const all = given && checkSymmetric(given, k, d, `${name}.${what}`);
    return all && Array.from({ length: k }, (_, i) => all.subarray(i * d * d, (i + 1) * d * d));
  };
  const start: Start = {
    weights: initialization.weights && Array.from(initialization.weights),
    means: { data: means, shape: [k, d] },
    covariances: matrices(initialization.covariances, 'covariances'),
    precisions: matrices(initialization.precisions, 'precisions'),
    covarianceType: initialization.covarianceType,
  };
  return { ...options, initialization: start };
}
