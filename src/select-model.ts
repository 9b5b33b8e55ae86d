// The choice of the number of components and the covariance type: a mixture for each cell of a grid, and their criteria.
// Must not fit nor compute itself: cells go through GaussianMixture, criteria.ts has the formulas.

import { COVARIANCE_MODELS, type CovarianceModel, isNested } from './covariance-models.ts';
import { type Criteria, criteriaOf, type RowSums, sumRows, sumsOf } from './criteria.ts';
import { type GaussmixError, GaussmixRangeError, GaussmixTypeError } from './errors.ts';
import { type AsyncSettings, type FitOutcome, fitRows, fitRowsAsync } from './fit.ts';
import { withPortableStart } from './fit-many.ts';
import {
  ASYNC_OPTIONS,
  type AsyncOptions,
  checkAsyncOptions,
  type GaussianMixture,
  modelOf,
  withOwnStart,
} from './gaussian-mixture.ts';
import { runJobs } from './job-pool.ts';
import { type Cell, isErrorOfCell, type SharedRows } from './jobs.ts';
import { compiledModule, Kernel } from './kernel.ts';
import type { MatrixLike } from './matrix.ts';
import { dataSource } from './missing.ts';
import {
  type Criterion,
  type FitOptions,
  type IterationCallback,
  type SelectOptions,
  type SelectSettings,
  validateFitOptions,
  validateSelectOptions,
} from './options.ts';
import { KernelMixture, type ModelParameters } from './parameters.ts';
import { PassingRows } from './passes.ts';
import type { RowSource } from './row-source.ts';
import { availableThreads } from './threads.ts';
import { continueFrom, type Solution, type WarmStarts } from './warm-starts.ts';

/** A cell of the grid that was fitted. All criteria: lower is better. */
export interface FittedCell extends Criteria {
  readonly nComponents: number;
  readonly covarianceType: CovarianceModel;
  /** Free parameters of the model. */
  readonly nParameters: number;
  /** Whether the fit converged; criteria of one that did not are upper bounds of what they could be. */
  readonly converged: boolean;
  /**
   * A component rests on a few rows in a plane, or on rows that agree in a value: the likelihood, and with it the criteria, says more of
   * the regularisation than of the data. Such a cell is best only where all are.
   */
  readonly spurious: boolean;
  readonly model: GaussianMixture;
  readonly error?: undefined;
}

/** A cell of the grid that could not be fitted, and why. */
export interface FailedCell {
  readonly nComponents: number;
  readonly covarianceType: CovarianceModel;
  readonly error: GaussmixError;
  readonly logLikelihood?: undefined;
  readonly nParameters?: undefined;
  readonly bic?: undefined;
  readonly aic?: undefined;
  readonly icl?: undefined;
  readonly converged?: undefined;
  readonly spurious?: undefined;
  readonly model?: undefined;
}

/** What came of a selection. */
export interface Selection {
  /** The model of the cell with the lowest criterion, spurious ones last; among equals that with fewer parameters, then the first. */
  readonly best: GaussianMixture;
  /** One row per cell, number by number, within a number type by type, each in the order given. */
  readonly table: readonly (FittedCell | FailedCell)[];
  /** A callback or the time limit ended it early: the table has only the cells that were reached. */
  readonly stopped: boolean;
}

/** What is told after each cell. */
export interface SelectionProgress {
  /** Cells done, this one included. */
  readonly done: number;
  readonly total: number;
  /** The cell that is done: smaller ones and models within others first, but from `selectModelAsync` in any order. */
  readonly cell: FittedCell | FailedCell;
  /** The best cell so far; undefined while none could be fitted. */
  readonly best: FittedCell | undefined;
  /** Milliseconds since the selection began. */
  readonly elapsedMs: number;
}

export interface SelectionCallbacks {
  /** Called after each cell. Returning false ends the selection: the best so far is returned. */
  // biome-ignore lint/suspicious/noConfusingVoidType: callbacks that return nothing are meant
  readonly onProgress?: ((progress: SelectionProgress) => void | false) | undefined;
}

/**
 * Fits a mixture for every number of components and every covariance type, and gives the one with the lowest criterion
 * and the table of all: Schwarz's criterion by default (Fraley and Raftery 2002 for mixtures).
 *
 * Each cell is the best of the fit that `GaussianMixture.fit` gives with the same options, and of EM from the solutions of cells within
 * it: of the best model within its own (VVI in VVV, say), and of the next smaller number of components, with one of them split. So no
 * cell has a lower likelihood than one within it; `consistent: false` leaves each cell on its own. Solutions that are spurious do not
 * displace others.
 *
 * A cell that cannot be fitted (more components than rows, say) costs only itself: its row has `error`, and no model.
 * With `sampleWeight` the criteria count a row of weight 2 as two rows.
 *
 * @param data N x D, see {@link MatrixLike}
 * @param options `nComponents`, a list, is required; `covarianceTypes` (all there are), `criterion` ('bic'), the options
 * of a fit, each cell's, and `onProgress`. `onIteration` is told of every cell's iterations; false ends the selection,
 * with the cell as it was then in the table
 * @returns see {@link Selection}; O(cells) fits, and one pass over the data more for each
 * @throws GaussmixError as `fit` for data and options; when no cell can be fitted, the first cell's error
 * @example
 * import { GaussianMixture, selectModel } from 'gaussmix';
 * const truth = GaussianMixture.fromParameters({
 *   weights: [0.5, 0.5],
 *   means: [[0, 0], [6, 6]],
 *   covariances: [[1, 0, 0, 1], [1, 0, 0, 1]],
 * });
 * const { best, table } = selectModel(truth.sample(400).data, { nComponents: [1, 2, 3, 4] });
 * console.log(best.nComponents, best.covarianceType, table.length);
 */
export function selectModel(data: MatrixLike, options: SelectOptions & SelectionCallbacks): Selection {
  const source = dataSource(data, options?.missing);
  const grid = new Grid(validateSelectOptions(options, source.rows, ['onProgress']), options.onProgress);
  const makeModel = (soFar: ModelParameters): GaussianMixture => modelOf(soFar, undefined, source);
  for (const { index, options: fit, warm } of grid.inTurn()) {
    try {
      const settings = validateFitOptions(withOwnStart(fit), source.rows);
      const outcome = fitRows(source, settings, makeModel, warm && continueFrom(warm));
      grid.add(index, outcome, sumsOf(outcome.parameters, source, settings.sampleWeight), source);
    } catch (error) {
      grid.fail(index, error);
    }
  }
  return grid.selection();
}

/** Up to so many values each worker gets all rows, for cells of its own; beyond, workers divide the rows of one cell. */
const MOST_SHARED = 1 << 22;

/**
 * As {@link selectModel}, the same bits, without holding up the calling thread: workers fit a cell each, or, of large
 * data or with `onIteration`, all of them one cell at a time, as `GaussianMixture.fitAsync` does.
 *
 * @param data N x D; must not change until the promise is settled
 * @param options those of `selectModel` and of `fitAsync`; `timeLimitMs` is for the whole selection
 * @returns a promise of the selection; rejected with the signal's reason on abort
 * @throws (rejects with) GaussmixError as `selectModel` does, and KERNEL_UNAVAILABLE where workers cannot be started
 * @example
 * import { selectModelAsync } from 'gaussmix';
 * const data = Float64Array.from({ length: 2000 }, (_, i) => Math.sin(i) + (i % 2) * 5);
 * const { best } = await selectModelAsync(data, { nComponents: [1, 2, 3], workers: 2 });
 * console.log(best.nComponents);
 */
export async function selectModelAsync(
  data: MatrixLike,
  options: SelectOptions & SelectionCallbacks & AsyncOptions,
): Promise<Selection> {
  const source = dataSource(data, options?.missing);
  const settings = validateSelectOptions(options, source.rows, ['onProgress', ...ASYNC_OPTIONS]);
  const where = checkAsyncOptions(options);
  const grid = new Grid(settings, options.onProgress, where.timeLimitMs);
  where.signal?.throwIfAborted();
  const threads = where.workers ?? (await availableThreads());
  const isSmall = source.rows * source.columns <= MOST_SHARED;
  if (threads > 0 && isSmall && options.onIteration === undefined) {
    await fitCells(grid, source, { ...where, workers: Math.min(threads, grid.total) });
  } else await fitInTurn(grid, source, where);
  return grid.selection();
}

/** Cells on workers, each of which has all rows. */
async function fitCells(grid: Grid, source: RowSource, where: AsyncSettings): Promise<void> {
  const { rows, columns, columnNames, leftOut } = source;
  const names = { ...(columnNames && { columnNames }), ...(leftOut && { leftOut }) };
  const data = new Float64Array(rows * columns);
  source.read(0, rows, data);
  const given = grid.settings.common.sampleWeight;
  const weights = given && Float64Array.from(given);
  const cells: number[] = [];
  function* inputs(): Generator<Cell | undefined> {
    for (const next of grid.cells()) {
      if (next === undefined) {
        yield undefined;
        continue;
      }
      const { index, options, warm } = next;
      let cell: Cell;
      try {
        const { onIteration: _, sampleWeight: __, ...settings } = validateFitOptions(portable(options), rows);
        cell = { settings, warm, deadline: grid.deadline };
      } catch (error) {
        grid.fail(index, error);
        continue;
      }
      cells.push(index);
      yield cell;
    }
  }
  await runJobs(
    'fitCell',
    { names, shape: [rows, columns], data, weights },
    inputs(),
    where,
    (input, outcome) => {
      if ('error' in outcome) {
        const { code, isTypeError, message } = outcome.error;
        const Failure = isTypeError ? GaussmixTypeError : GaussmixRangeError;
        grid.fail(cells[input], new Failure(code, message));
        return;
      }
      if (outcome.late) grid.stop();
      grid.add(cells[input], outcome, outcome.sums, names);
    },
  );
}

function portable(options: FitOptions): FitOptions {
  return withPortableStart(withOwnStart(options));
}

/** One cell after the other, each as `fitAsync`. */
async function fitInTurn(grid: Grid, source: RowSource, where: AsyncSettings): Promise<void> {
  const kernel = new Kernel(compiledModule());
  const makeModel = (soFar: ModelParameters): GaussianMixture => modelOf(soFar, undefined, source);
  for (const { index, options, warm } of grid.inTurn()) {
    try {
      const settings = validateFitOptions(withOwnStart(options), source.rows);
      const alone = { ...where, timeLimitMs: undefined };
      const outcome = await fitRowsAsync(source, settings, makeModel, alone, warm && continueFrom(warm));
      const sums = await sumsInTurns(kernel, outcome.parameters, source, settings.sampleWeight, () =>
        where.signal?.throwIfAborted(),
      );
      grid.add(index, outcome, sums, source);
    } catch (error) {
      grid.fail(index, error);
    }
  }
}

/** Milliseconds of work between turns for the host's. */
const TURN_MS = 8;

/** {@link sumRows} with turns for the host; an instance of the kernel that nothing else uses meanwhile. */
async function sumsInTurns(
  kernel: Kernel,
  parameters: ModelParameters,
  source: RowSource,
  weights: Float64Array | undefined,
  checkAbort: () => void,
): Promise<RowSums> {
  const mark = kernel.mark();
  try {
    const mixture = new KernelMixture(kernel, parameters.form, parameters.k, parameters.d);
    mixture.write(parameters);
    mixture.prepare();
    const steps = sumRows(mixture, new PassingRows(kernel, source), weights, true);
    for (let since = performance.now(); ; ) {
      const step = steps.next();
      if (step.done) return step.value;
      if (performance.now() - since < TURN_MS) continue;
      await new Promise<void>((resolve) => setTimeout(resolve, 0));
      checkAbort();
      since = performance.now();
    }
  } finally {
    kernel.release(mark);
  }
}

/** A cell to be fitted. */
interface Task {
  readonly index: number;
  readonly options: FitOptions;
  readonly warm: WarmStarts | undefined;
}

/** The cells, what came of those done, and whether to go on. Whoever fits them reports here, in any order. */
class Grid {
  readonly settings: SelectSettings;
  /** Cells. */
  readonly total: number;
  /** When the time is up, on the clock of `Date.now()`. */
  readonly deadline: number;
  readonly #onProgress: SelectionCallbacks['onProgress'];
  readonly #startedAt: number = performance.now();
  /** By the number of the cell. */
  readonly #rows: (FittedCell | FailedCell)[] = [];
  readonly #solutions: (FitOutcome | undefined)[] = [];
  #done: number = 0;
  #stopped: boolean = false;

  constructor(
    settings: SelectSettings,
    onProgress: SelectionCallbacks['onProgress'],
    timeLimitMs: number = Number.POSITIVE_INFINITY,
  ) {
    if (onProgress !== undefined && typeof onProgress !== 'function') {
      throw new GaussmixTypeError('INVALID_OPTION', 'onProgress must be a function');
    }
    this.settings = settings;
    this.total = settings.nComponents.length * settings.covarianceTypes.length;
    this.deadline = Date.now() + timeLimitMs;
    this.#onProgress = onProgress;
  }

  /**
   * The cells, each after those within it, until the selection is stopped; undefined while the next one waits for cells that were
   * handed out.
   */
  *cells(): Generator<Task | undefined, void, void> {
    const { common, consistent } = this.settings;
    const onIteration: IterationCallback = (progress) => {
      if (common.onIteration?.(progress) !== false && Date.now() < this.deadline) return;
      this.stop();
      return false;
    };
    const waiting = consistent
      ? this.#byInclusion()
      : Array.from({ length: this.total }, (_, index) => index);
    while (waiting.length > 0) {
      const at = waiting.findIndex(
        (index) => !consistent || this.#within(index).every((cell) => this.#rows[cell]),
      );
      if (at < 0) yield undefined;
      else {
        const [index] = waiting.splice(at, 1);
        const warm = consistent ? this.#warmStarts(index) : undefined;
        yield { index, options: { ...common, ...this.place(index), onIteration }, warm };
      }
      if (this.#stopped || Date.now() >= this.deadline) return;
    }
  }

  /** {@link cells} for those who end each before they take the next. */
  *inTurn(): Generator<Task, void, void> {
    for (const task of this.cells()) if (task) yield task;
  }

  /** Cells by number of components, those of models within others first: as the kernel counts models. */
  #byInclusion(): number[] {
    const rank = (index: number): number => {
      const { nComponents, covarianceType } = this.place(index);
      return nComponents * COVARIANCE_MODELS.length + COVARIANCE_MODELS.indexOf(covarianceType);
    };
    return Array.from({ length: this.total }, (_, index) => index).sort((a, b) => rank(a) - rank(b));
  }

  /** Cells of models within this one and of as many components; last, where there is one, that of the next smaller number. */
  #within(index: number): number[] {
    const { nComponents, covarianceTypes } = this.settings;
    const { nComponents: size, covarianceType } = this.place(index);
    const types = covarianceTypes.length;
    const first = index - (index % types);
    const nested = covarianceTypes.flatMap((type, i) => (isNested(type, covarianceType) ? [first + i] : []));
    const smaller = nComponents.filter((other) => other < size).reduce((a, b) => Math.max(a, b), 0);
    if (smaller === 0) return nested;
    return [...nested, nComponents.indexOf(smaller) * types + (index % types)];
  }

  #warmStarts(index: number): WarmStarts {
    const size = this.place(index).nComponents;
    const found = this.#within(index).flatMap((cell) => this.#solutions[cell] ?? []);
    const solution = (outcome: FitOutcome | undefined): Solution | undefined =>
      outcome && {
        parameters: outcome.parameters,
        converged: outcome.record.converged,
        logLikelihood: outcome.record.logLikelihood,
      };
    const nested = found.filter(({ parameters }) => parameters.k === size);
    const [best] = nested.sort(
      (a, b) => Number(b.isSound) - Number(a.isSound) || b.record.logLikelihood - a.record.logLikelihood,
    );
    return { nested: solution(best), fewer: solution(found.find(({ parameters }) => parameters.k < size)) };
  }

  /** No more cells: the one that just ended was ended early. */
  stop(): void {
    this.#stopped = true;
  }

  add(index: number, outcome: FitOutcome, sums: RowSums, names: SharedRows['names']): void {
    const { parameters, record, isSound } = outcome;
    const model = modelOf(parameters, record, names);
    const { nParameters } = model;
    const { converged } = record;
    this.#solutions[index] = outcome;
    const criteria = criteriaOf(sums, nParameters);
    this.#take(index, {
      ...this.place(index),
      nParameters,
      ...criteria,
      converged,
      spurious: !isSound,
      model,
    });
  }

  /** Keeps the error if it is the cell's own. @throws any other */
  fail(index: number, error: unknown): void {
    if (!isErrorOfCell(error)) throw error;
    this.#take(index, { ...this.place(index), error });
  }

  /** @throws the first cell's error, if no cell was fitted */
  selection(): Selection {
    const table = this.#rows.filter((cell) => cell !== undefined);
    const best = this.#best();
    const stopped = this.#stopped || this.#done < this.total;
    if (best !== undefined) return { best: best.model, table, stopped };
    const first = table[0] as FailedCell;
    const { code, message } = first.error;
    const which = `${first.nComponents} component${first.nComponents === 1 ? '' : 's'}, ${first.covarianceType}`;
    const whole = `none of the ${table.length} cells could be fitted; the first one (${which}): ${message}`;
    throw first.error instanceof TypeError
      ? new GaussmixTypeError(code, whole)
      : new GaussmixRangeError(code, whole);
  }

  place(index: number): { readonly nComponents: number; readonly covarianceType: CovarianceModel } {
    const { nComponents, covarianceTypes } = this.settings;
    const types = covarianceTypes.length;
    return {
      nComponents: nComponents[Math.floor(index / types)],
      covarianceType: covarianceTypes[index % types],
    };
  }

  /** Of the cells done; in the order of the table, so that the order in which they were done does not matter. */
  #best(): FittedCell | undefined {
    let best: FittedCell | undefined;
    for (const cell of this.#rows) {
      if (cell?.model && (best === undefined || isBetter(cell, best, this.settings.criterion))) best = cell;
    }
    return best;
  }

  #take(index: number, cell: FittedCell | FailedCell): void {
    this.#rows[index] = cell;
    this.#done++;
    const progress = {
      done: this.#done,
      total: this.total,
      cell,
      best: this.#best(),
      elapsedMs: performance.now() - this.#startedAt,
    };
    if (this.#onProgress?.(progress) === false && this.#done < this.total) this.stop();
  }
}

function isBetter(a: FittedCell, b: FittedCell, criterion: Criterion): boolean {
  if (a.spurious !== b.spurious) return b.spurious;
  return a[criterion] < b[criterion] || (a[criterion] === b[criterion] && a.nParameters < b.nParameters);
}
