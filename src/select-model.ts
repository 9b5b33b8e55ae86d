// The choice of the number of components and the covariance type: a mixture for each cell of a grid, and their criteria.
// Must not fit nor compute itself: cells go through GaussianMixture, criteria.ts has the formulas.
import { type Criteria, criteriaOf, type RowSums, sumRows } from './criteria.ts';
import { type ErrorCode, GaussmixError, GaussmixRangeError, GaussmixTypeError } from './errors.ts';
import {
  ASYNC_OPTIONS,
  type AsyncOptions,
  checkAsyncOptions,
  GaussianMixture,
  parametersOf,
} from './gaussian-mixture.ts';
import { compiledModule, Kernel } from './kernel.ts';
import type { MatrixLike } from './matrix.ts';
import {
  type CovarianceForm,
  type Criterion,
  type FitOptions,
  type IterationCallback,
  type SelectOptions,
  type SelectSettings,
  validateSelectOptions,
} from './options.ts';
import { KernelMixture } from './parameters.ts';
import { PassingRows } from './passes.ts';
import { toRowSource } from './row-source.ts';

/** A cell of the grid that was fitted. All criteria: lower is better. */
export interface FittedCell extends Criteria {
  readonly nComponents: number;
  readonly covarianceType: CovarianceForm;
  /** Free parameters of the model. */
  readonly nParameters: number;
  /** Whether the fit converged; criteria of one that did not are upper bounds of what they could be. */
  readonly converged: boolean;
  readonly model: GaussianMixture;
  readonly error?: undefined;
}

/** A cell of the grid that could not be fitted, and why. */
export interface FailedCell {
  readonly nComponents: number;
  readonly covarianceType: CovarianceForm;
  readonly error: GaussmixError;
  readonly logLikelihood?: undefined;
  readonly nParameters?: undefined;
  readonly bic?: undefined;
  readonly aic?: undefined;
  readonly icl?: undefined;
  readonly converged?: undefined;
  readonly model?: undefined;
}

/** What came of a selection. */
export interface Selection {
  /** The model of the cell with the lowest criterion; among equals the one with fewer parameters, then the first. */
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

/** What is wrong with one cell may be right in another; any other error is one of the data, or of the host. */
const ERRORS_OF_A_CELL: readonly ErrorCode[] = [
  'TOO_FEW_ROWS',
  'DEGENERATE_DATA',
  'INVALID_PARAMETERS',
  'NOT_POSITIVE_DEFINITE',
  'OUT_OF_MEMORY',
];

/**
 * Fits a mixture for every number of components and every covariance type, and gives the one with the lowest criterion
 * and the table of all: Schwarz's criterion by default (Fraley and Raftery 2002 for mixtures). Each cell is the fit that
 * `GaussianMixture.fit` gives with the same options, bit for bit.
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
  const source = toRowSource(data);
  const grid = new Grid(validateSelectOptions(options, source.rows, ['onProgress']), options.onProgress);
  const { sampleWeight } = grid.settings.common;
  for (const cell of grid.cells()) {
    grid.attempt(() => {
      const model = GaussianMixture.fit(data, cell);
      grid.add(model, model.criteria(data, { sampleWeight }));
    }, cell);
  }
  return grid.selection();
}

/**
 * As {@link selectModel}, the same bits, without holding up the calling thread: each cell as `GaussianMixture.fitAsync`.
 *
 * @param data N x D; must not change until the promise is settled
 * @param options those of `selectModel` and of `fitAsync`; `timeLimitMs` is for the whole selection
 * @returns a promise of the selection; rejected with the signal's reason on abort
 * @throws (rejects with) GaussmixError as `selectModel` does, and KERNEL_UNAVAILABLE where workers cannot be started
 * @example
 * import { selectModelAsync } from 'gaussmix';
 * const data = Float64Array.from({ length: 2000 }, (_, i) => Math.sin(i) + (i % 2) * 5);
 * const { best } = await selectModelAsync(data, { nComponents: [1, 2, 3], workers: 0 });
 * console.log(best.nComponents);
 */
export async function selectModelAsync(
  data: MatrixLike,
  options: SelectOptions & SelectionCallbacks & AsyncOptions,
): Promise<Selection> {
  const source = toRowSource(data);
  const settings = validateSelectOptions(options, source.rows, ['onProgress', ...ASYNC_OPTIONS]);
  const { signal, timeLimitMs, ...where } = checkAsyncOptions(options);
  const grid = new Grid(settings, options.onProgress, timeLimitMs);
  const sampleWeight = settings.common.sampleWeight && Float64Array.from(settings.common.sampleWeight);
  const kernel = new Kernel(compiledModule());
  const { workers, workerScript } = where;
  for (const cell of grid.cells()) {
    const fit: FitOptions & AsyncOptions = {
      ...cell,
      ...(signal && { signal }),
      ...(workers !== undefined && { workers }),
      ...(workerScript !== undefined && { workerScript }),
    };
    await grid.attemptAsync(async () => {
      const model = await GaussianMixture.fitAsync(data, fit);
      const sums = await sumsInTurns(kernel, model, data, sampleWeight, () => signal?.throwIfAborted());
      grid.add(model, criteriaOf(sums, model.nParameters));
    }, cell);
  }
  return grid.selection();
}

/** Blocks of rows between which the host does its other work for at most about as long. */
const TURN_MS = 8;

/** {@link sumRows} with turns for the host; an instance of the kernel that nothing else uses meanwhile. */
async function sumsInTurns(
  kernel: Kernel,
  model: GaussianMixture,
  data: MatrixLike,
  weights: Float64Array | undefined,
  checkAbort: () => void,
): Promise<RowSums> {
  const parameters = parametersOf(model);
  const mark = kernel.mark();
  try {
    const mixture = new KernelMixture(kernel, parameters.form, parameters.k, parameters.d);
    mixture.write(parameters);
    mixture.prepare();
    const steps = sumRows(mixture, new PassingRows(kernel, toRowSource(data)), weights, true);
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

/** The cells, what came of those done, and whether to go on. Whoever fits them reports here. */
class Grid {
  readonly settings: SelectSettings;
  readonly #onProgress: SelectionCallbacks['onProgress'];
  readonly #startedAt: number = performance.now();
  readonly #deadline: number;
  readonly #total: number;
  readonly #rows: (FittedCell | FailedCell)[] = [];
  #best: FittedCell | undefined;
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
    this.#onProgress = onProgress;
    this.#deadline = this.#startedAt + timeLimitMs;
    this.#total = settings.nComponents.length * settings.covarianceTypes.length;
  }

  /** The options of each cell's fit, in the order of the table, until the selection is stopped. */
  *cells(): Generator<FitOptions, void, void> {
    const { nComponents, covarianceTypes, common } = this.settings;
    const onIteration: IterationCallback = (progress) => {
      const isLate = performance.now() >= this.#deadline;
      if (common.onIteration?.(progress) !== false && !isLate) return;
      this.#stopped = true;
      return false;
    };
    for (const k of nComponents) {
      for (const covarianceType of covarianceTypes) {
        yield { ...common, nComponents: k, covarianceType, onIteration };
        if (this.#stopped || performance.now() >= this.#deadline) {
          this.#stopped = this.#rows.length < this.#total || this.#stopped;
          return;
        }
      }
    }
  }

  /** Runs what fits a cell; keeps its error if that is the cell's own. */
  attempt(work: () => void, cell: FitOptions): void {
    try {
      work();
    } catch (error) {
      this.#fail(cell, error);
    }
  }

  async attemptAsync(work: () => Promise<void>, cell: FitOptions): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#fail(cell, error);
    }
  }

  add(model: GaussianMixture, criteria: Criteria): void {
    const { nComponents, covarianceType, nParameters } = model;
    const converged = model.fitted?.converged ?? false;
    const cell = { nComponents, covarianceType, nParameters, ...criteria, converged, model };
    const { criterion } = this.settings;
    if (this.#best === undefined || isBetter(cell, this.#best, criterion)) this.#best = cell;
    this.#done(cell);
  }

  /** @throws the first cell's error, if no cell was fitted */
  selection(): Selection {
    const best = this.#best;
    if (best !== undefined) return { best: best.model, table: this.#rows, stopped: this.#stopped };
    const first = this.#rows[0] as FailedCell;
    const { code, message } = first.error;
    const which = `${first.nComponents} component${first.nComponents === 1 ? '' : 's'}, ${first.covarianceType}`;
    const whole = `none of the ${this.#rows.length} cells could be fitted; the first one (${which}): ${message}`;
    throw first.error instanceof TypeError
      ? new GaussmixTypeError(code, whole)
      : new GaussmixRangeError(code, whole);
  }

  #fail(cell: FitOptions, error: unknown): void {
    if (!(error instanceof GaussmixError && ERRORS_OF_A_CELL.includes(error.code))) throw error;
    const covarianceType = cell.covarianceType as CovarianceForm;
    this.#done({ nComponents: cell.nComponents, covarianceType, error });
  }

  #done(cell: FittedCell | FailedCell): void {
    this.#rows.push(cell);
    const progress = {
      done: this.#rows.length,
      total: this.#total,
      cell,
      best: this.#best,
      elapsedMs: performance.now() - this.#startedAt,
    };
    if (this.#onProgress?.(progress) === false && progress.done < progress.total) this.#stopped = true;
  }
}

function isBetter(a: FittedCell, b: FittedCell, criterion: Criterion): boolean {
  return a[criterion] < b[criterion] || (a[criterion] === b[criterion] && a.nParameters < b.nParameters);
}
