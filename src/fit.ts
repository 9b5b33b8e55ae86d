// One fit from data to parameters: rows into kernel memory, restarts, the best of them.
// Must not define public types, nor compute: it ties options, starts, estimator and loop together.
import { chooseRows } from './choose-rows.ts';
import { formOf } from './covariance-models.ts';
import { expectationMaximization, type LoopOptions, type LoopResult, type LoopState } from './em.ts';
import { GaussmixError, GaussmixRangeError } from './errors.ts';
import { type EstimatorState, MixtureEstimator, WholeData } from './estimator.ts';
import type { AbortSignalLike, GaussianMixture } from './gaussian-mixture.ts';
import { treeRows } from './hierarchy.ts';
import { givenStart, StartRows, startRowCount } from './initialization.ts';
import { BLOCK, compiledModule, Kernel, withKernel } from './kernel.ts';
import { missingDoubles } from './missing.ts';
import type { AsyncIterationCallback, FitSettings, InitializationMethod, Progress } from './options.ts';
import type { ModelParameters, Parameters } from './parameters.ts';
import { type Asking, answerFrom, ResidentRows, type RowQuestion, runOn, wait } from './passes.ts';
import { WorkerPool } from './pool.ts';
import type { UsedPrior } from './prior.ts';
import { Random } from './random.ts';
import type { RowSource } from './row-source.ts';
import { type SpuriousComponent, spuriousComponents } from './spurious.ts';
import { availableThreads } from './threads.ts';
import { featureLabel } from './value-rules.ts';

/** How a fit went. Log-likelihoods are means per sample in nats, weighted when there are sample weights. */
export interface Fitted {
  /** The log-likelihood (with a prior: logPosterior) changed by less than `tolerance` in the last iteration. */
  readonly converged: boolean;
  /** M-steps of the best run. */
  readonly iterations: number;
  /** Of the parameters returned. */
  readonly logLikelihood: number;
  /**
   * With a prior only: what the fit maximises, the log-likelihood and the log-density of means and covariances under the prior, divided
   * by the number of samples (sum of the weights). Up to a constant that depends on the prior, K and D alone.
   */
  readonly logPosterior?: number;
  /** With a prior only: its hyperparameters, as they can be given to another fit. */
  readonly prior?: UsedPrior;
  /** The log-likelihood (with a prior: logPosterior) at the start of each iteration of the best run. */
  readonly history: Float64Array;
  readonly nSamples: number;
  /** Restarts that were run. */
  readonly runs: number;
  /** Whatever a careful user should know, one sentence each. */
  readonly warnings: readonly string[];
}

export interface FitOutcome {
  readonly parameters: ModelParameters;
  readonly record: Fitted;
  /** Whether the likelihood is that of the data: no component is spurious, collapsed, or had to be raised. */
  readonly isSound: boolean;
}

/** One run of EM. */
export interface Run {
  readonly result: LoopResult;
  readonly logLikelihood: number;
  readonly parameters: Parameters;
  readonly warnings: readonly string[];
  readonly isSound: boolean;
}

/** Where one run stands between two iterations. */
interface RunState {
  readonly loop: LoopState;
  readonly estimator: EstimatorState;
}

/** Where a fit stands between two iterations: with the same data and options, all that the rest of it depends on. */
export interface FitState extends RunState {
  /** Number of the run under way, from 0. */
  readonly run: number;
  /** The restart it belongs to, from 0. */
  readonly restart: number;
  /** Which of the restart's short runs it is; undefined: the one that goes on from the best of them. */
  readonly shortRun: number | undefined;
  /** The best of the restarts before. */
  readonly best: Run | undefined;
  /** The best of the restart's short runs before. */
  readonly promising: Run | undefined;
}

/** How the state of a fit is saved and found again. Given from outside, so that programs that only fit do not carry it. */
export interface Saving {
  /**
   * Called once the data is known; gives the state to go on from.
   * @param start the parameters given by the user, if they were
   * @throws GaussmixError when that state is of other data
   */
  open(data: WholeData, start: Parameters | undefined): FitState | undefined;
  /** Called after each M-step; a promise is waited for. */
  save(state: FitState): void | Promise<void>;
}

/** Iterations after which starts are compared (Biernacki, Celeux and Govaert 2003). */
export const SHORT_RUN = 8;

/** What a fit does after its own runs. Given from outside, so that programs that only fit do not carry it. */
export interface Continuation {
  /** Whether the likelihood of a run says something of the data. */
  isSound(kernel: Kernel, data: WholeData, parameters: Parameters): Asking<boolean>;
  /** Further runs; gives the best of all. */
  best(runs: Runs, own: Run, kernel: Kernel, data: WholeData, settings: FitSettings): Asking<Run>;
}

/** Makes what a callback sees of the mixture so far. */
type MakeModel = (parameters: ModelParameters) => GaussianMixture;

/** For fits without a callback. */
function unwatched(): never {
  throw new Error('a fit with onIteration needs a way to make models');
}

/**
 * Fits a mixture to the rows of a source.
 * @param more what to do after its own runs
 * @throws GaussmixError for data that cannot be fitted
 */
export function fitRows(
  source: RowSource,
  settings: FitSettings,
  makeModel: MakeModel = unwatched,
  more?: Continuation,
): FitOutcome {
  const { rows, columns } = source;
  const { nComponents: k, sampleWeight } = settings;
  const dataDoubles = ResidentRows.size(rows, columns, sampleWeight !== undefined);
  const startDoubles = StartRows.size(startRowCount(rows, columns), k, columns);
  // Parameters, factors and statistics are at most a few K x D x D each.
  const form = formOf(settings.covarianceType);
  const narrow = form === 'diag' || form === 'spherical';
  const mixtureDoubles = 8 * k * columns * (narrow ? 4 : columns + 4);
  const extra = settings.missing === 'marginalize' ? missingDoubles(form, k, columns, rows) : 0;
  return withKernel(8 * (dataDoubles + startDoubles + mixtureDoubles + extra), (kernel) =>
    runOn(
      new ResidentRows(kernel, source, sampleWeight),
      fitSteps(kernel, source, settings, makeModel, more),
    ),
  );
}

export function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as Partial<Promise<T>> | undefined)?.then === 'function';
}

/** Where and how long an asynchronous fit runs. */
export interface AsyncSettings {
  readonly signal?: AbortSignalLike | undefined;
  readonly timeLimitMs?: number | undefined;
  readonly workers?: number | undefined;
  readonly workerScript?: string | undefined;
}

/**
 * As {@link fitRows}, with the same bits: on workers that hold the rows between them, or (0 workers) on this thread
 * with turns for other work between passes.
 * @throws the signal's reason when it is aborted
 */
export async function fitRowsAsync(
  source: RowSource,
  settings: FitSettings,
  makeModel: MakeModel,
  where: AsyncSettings,
  more?: Continuation,
  saving?: Saving,
): Promise<FitOutcome> {
  const { signal, workers, workerScript } = where;
  signal?.throwIfAborted();
  const kernel = new Kernel(compiledModule());
  const { sampleWeight } = settings;
  const fit = (answer: AnswerRows): Promise<FitOutcome> =>
    fitAnswered(kernel, source, settings, makeModel, where, answer, more, saving);
  const threads = workers ?? (await availableThreads());
  if (threads === 0) {
    const rows = new ResidentRows(kernel, source, sampleWeight);
    return fit((request) => {
      if (request.kind === 'choose') return inTurns(rows.choose(request.seed, request.count), signal);
      return nextTurn().then(() => answerFrom(rows, request));
    });
  }
  const pool = await openPool(source, sampleWeight, threads, workerScript, signal);
  const stop = (): void => pool.close();
  signal?.addEventListener('abort', stop);
  try {
    return await fit((request) => {
      if (request.kind === 'pause') return nextTurn();
      if (request.kind !== 'choose') return pool.answer(request, kernel);
      return inTurns(chooseRows(source.rows, request.count, request.seed, sampleWeight), signal);
    });
  } finally {
    signal?.removeEventListener('abort', stop);
    pool.close();
  }
}

/** What is known of rows that are elsewhere. */
export type RowShape = Pick<RowSource, 'rows' | 'columns' | 'columnNames'>;

/** Answers a fit's questions about its rows, wherever they are. */
export type AnswerRows = (request: RowQuestion) => Promise<unknown>;

/**
 * As {@link fitRows}, with the same bits, on rows that only `answer` sees. The weights of the rows are among what it knows: those of
 * the settings are not looked at.
 * @param kernel where mixture and statistics live, for this fit alone
 * @throws the signal's reason when it is aborted
 */
export async function fitAnswered(
  kernel: Kernel,
  rows: RowShape,
  settings: FitSettings,
  makeModel: MakeModel,
  { signal, timeLimitMs }: Pick<AsyncSettings, 'signal' | 'timeLimitMs'>,
  answer: AnswerRows,
  more?: Continuation,
  saving?: Saving,
): Promise<FitOutcome> {
  const startedAt = performance.now();
  const isLate = (): boolean => timeLimitMs !== undefined && performance.now() - startedAt >= timeLimitMs;
  const onIteration: AsyncIterationCallback = (progress) => {
    const answer = settings.onIteration?.(progress);
    if (isPromise(answer)) return answer.then((answered) => (isLate() ? false : answered));
    return isLate() ? false : answer;
  };
  const steps = fitSteps(kernel, rows, { ...settings, onIteration }, makeModel, more, saving);
  return drive(steps, signal, answer);
}

/** The result of a computation that lets other work have its turn. */
async function inTurns<T>(steps: Generator<void, T>, signal: AbortSignalLike | undefined): Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await nextTurn();
    signal?.throwIfAborted();
  }
}

async function drive<T>(
  steps: Asking<T>,
  signal: AbortSignalLike | undefined,
  answer: AnswerRows,
): Promise<T> {
  let step = steps.next();
  while (!step.done) {
    let reply: unknown;
    signal?.throwIfAborted();
    try {
      const request = step.value;
      reply = await (request.kind === 'wait' ? untilAborted(request.promise, signal) : answer(request));
    } catch (error) {
      // An abort closes the workers; what the user gets is the reason of the abort, not that.
      signal?.throwIfAborted();
      throw error;
    }
    signal?.throwIfAborted();
    step = steps.next(reply);
  }
  return step.value;
}

/** As the promise; rejected at once when the signal is aborted. */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignalLike | undefined): Promise<T> {
  if (!signal) return promise;
  let abort = (): void => {};
  // The reason of the abort is thrown by drive.
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(new Error('aborted'));
  });
  signal.addEventListener('abort', abort);
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Resolves after the host has done what was waiting. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    // Browsers make nested timers wait for 4 ms, which is longer than most passes.
    if (typeof setImmediate === 'function') setImmediate(resolve);
    else if (typeof MessageChannel === 'function') {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(undefined);
    } else setTimeout(resolve, 0);
  });
}

async function openPool(
  source: RowSource,
  weights: Float64Array | undefined,
  workers: number,
  script: string | undefined,
  signal: AbortSignalLike | undefined,
): Promise<WorkerPool> {
  try {
    return await WorkerPool.open(compiledModule(), source, weights, workers, script, signal);
  } catch (error) {
    signal?.throwIfAborted();
    // Workers read different rows at once: a value that is refused may not be the first one.
    if (error instanceof GaussmixError) findFirstFault(source);
    throw error;
  }
}

/** Reads all rows in order, so that the error thrown names the first row that has one. */
function findFirstFault(source: RowSource): void {
  const buffer = new Float64Array(BLOCK * source.columns);
  for (let start = 0; start < source.rows; start += BLOCK) {
    source.read(start, Math.min(BLOCK, source.rows - start), buffer);
  }
}

/** The whole fit as a computation that asks for passes over rows. */
function* fitSteps(
  kernel: Kernel,
  source: RowShape,
  settings: FitSettings,
  makeModel: MakeModel,
  more?: Continuation,
  saving?: Saving,
): Asking<FitOutcome> {
  const { nComponents: k, covarianceType: model, initialization, seed } = settings;
  const form = formOf(model);
  const label = (feature: number): string => featureLabel(source, feature);
  const { rows, columns } = source;
  const withPrior = settings.prior !== undefined;
  const mayMiss = settings.missing === 'marginalize';
  const { regularization } = settings;
  const data = yield* WholeData.of(kernel, rows, columns, model, regularization, label, withPrior, mayMiss);
  const runs = new Runs(kernel, data, settings, makeModel, more);
  yield* runs.open();
  const isTree = initialization === 'hierarchical';
  const startCount = isTree ? treeRows(rows, k) : undefined;
  const startRows =
    typeof initialization === 'string' ? yield* StartRows.of(kernel, data, seed, startCount) : undefined;
  const given =
    typeof initialization === 'string' ? undefined : yield* givenStart(kernel, initialization, form, k, data);
  const { nInit, shortRuns, maxIterations } = settings;
  /** The start of a restart, or of one of its short runs. */
  const startOf = function* (restart: number, short: number): Asking<Parameters> {
    if (startRows === undefined) return given as Parameters;
    const number = restart * shortRuns + short;
    const method = isTree && number > 0 ? 'kmeans' : (initialization as InitializationMethod);
    return yield* startRows.start(method, form, k, new Random(seed, number));
  };
  // Until the run under way has been taken up again.
  let rest = saving?.open(data, given);
  runs.done = rest?.run ?? 0;
  let best = rest?.best;
  let own = rest?.restart ?? 0;
  // Restarts from given parameters would all be the same run.
  for (; own < (startRows ? nInit : 1) && !runs.stopped; own++) {
    let promising = rest?.promising;
    const shortOnes = startRows && shortRuns > 1 ? shortRuns : 0;
    for (let short = rest ? (rest.shortRun ?? shortOnes) : 0; short < shortOnes && !runs.stopped; short++) {
      const start = rest ?? (yield* startOf(own, short));
      const place = { restart: own, shortRun: short, best, promising };
      rest = undefined;
      const run = yield* runs.from(start, Math.min(SHORT_RUN, maxIterations), saving, place);
      promising = better(promising, run, false);
    }
    // Stopped in a short run: what it has is all there is.
    if (promising && runs.stopped) {
      best ??= promising;
      continue;
    }
    const start = rest ?? promising?.parameters ?? (yield* startOf(own, 0));
    const place = { restart: own, shortRun: undefined, best, promising: undefined };
    rest = undefined;
    const run = yield* runs.from(start, maxIterations, saving, place);
    best = better(best, run, more !== undefined);
  }
  if (more && !runs.stopped) best = yield* more.best(runs, best as Run, kernel, data, settings);
  return outcome(best as Run, runs.prior, own, rows, settings);
}

/** The better of two runs by what they maximise; equal ones: the first. A run that is not sound loses against one that is, where that counts. */
export function better(a: Run | undefined, b: Run, soundFirst: boolean): Run {
  if (a === undefined) return b;
  if (soundFirst && a.isSound !== b.isSound) return a.isSound ? a : b;
  return b.result.objective > a.result.objective ? b : a;
}

/** The runs of one fit. */
export class Runs {
  /** So far. */
  done: number = 0;
  /** By the callback, which ends the fit. */
  stopped: boolean = false;
  readonly #kernel: Kernel;
  readonly #data: WholeData;
  readonly #settings: FitSettings;
  readonly #makeModel: MakeModel;
  readonly #estimator: MixtureEstimator;
  readonly #total: number;
  readonly #more: Continuation | undefined;
  readonly #startedAt: number = performance.now();
  /** As it is used, all its values filled in. */
  prior: UsedPrior | undefined;

  constructor(
    kernel: Kernel,
    data: WholeData,
    settings: FitSettings,
    makeModel: MakeModel,
    more: Continuation | undefined,
  ) {
    this.#more = more;
    const { covarianceType, nComponents } = settings;
    this.#kernel = kernel;
    this.#data = data;
    this.#settings = settings;
    this.#makeModel = makeModel;
    this.#estimator = new MixtureEstimator(kernel, data, covarianceType, nComponents);
    this.#total = data.total;
  }

  /** Before the first run. */
  *open(): Asking<void> {
    const { prior, covarianceType } = this.#settings;
    if (prior) this.prior = (yield* this.#estimator.setPrior(prior, covarianceType, this.#total)).used;
  }

  /**
   * One run.
   * @param start its start, or where it was left
   * @param saving where its states go, with its place among the others
   */
  *from(
    start: Parameters | RunState,
    maxIterations: number = this.#settings.maxIterations,
    saving?: Saving,
    place?: Pick<FitState, 'restart' | 'shortRun' | 'best' | 'promising'>,
  ): Asking<Run> {
    const estimator = this.#estimator;
    const { onIteration, tolerance, covarianceType: model } = this.#settings;
    const run = this.done++;
    const rest = 'loop' in start ? start : undefined;
    if ('loop' in start) estimator.resume(start.estimator);
    else estimator.start(start, typeof this.#settings.initialization === 'string');
    const withPrior = this.prior !== undefined;
    const startedAt = this.#startedAt;
    const options: LoopOptions = {
      maxIterations,
      tolerance,
      onState:
        saving &&
        place &&
        function* (loop) {
          const saved = saving.save({ run, ...place, loop, estimator: estimator.save() });
          if (isPromise(saved)) yield* wait(saved);
        },
      onIteration:
        onIteration &&
        function* (this: Runs, iteration: number, objective: number, change: number) {
          const elapsedMs = performance.now() - startedAt;
          const { meanLogLikelihood: logLikelihood } = estimator;
          const logPosterior = withPrior && { logPosterior: objective };
          const values = { run, iteration, logLikelihood, ...logPosterior, change, elapsedMs };
          const progress = new IterationProgress(values, () =>
            this.#makeModel({ ...estimator.mixture.read(), model }),
          );
          try {
            const answer = onIteration(progress);
            return (isPromise(answer) ? yield* wait(answer) : answer) !== false;
          } finally {
            progress.end();
          }
        }.bind(this),
    };
    const result = yield* expectationMaximization(estimator, options, rest?.loop);
    this.stopped ||= result.stopped;
    const parameters = estimator.mixture.read();
    const spurious =
      result.iterations > 0 || this.#more ? spuriousComponents(this.#kernel, parameters, this.#total) : [];
    const isSound =
      spurious.length === 0 &&
      estimator.singular.length === 0 &&
      (!this.#more || (yield* this.#more.isSound(this.#kernel, this.#data, parameters)));
    const warnings = [...estimator.takeWarnings(), ...spurious.map((one) => spuriousWarning(one, withPrior))];
    return { result, logLikelihood: estimator.meanLogLikelihood, parameters, warnings, isSound };
  }
}

function spuriousWarning({ component, count, flatness }: SpuriousComponent, withPrior: boolean): string {
  return (
    `component ${component} rests on ${Number(count.toPrecision(3))} rows that lie almost in a plane (spread across it: ` +
    `${Number((100 * flatness).toPrecision(2))} % of that of the other components): probably a spurious maximum of the ` +
    `likelihood. Raise nInit${withPrior ? '' : ' or regularization'}, or ask for fewer components or a ` +
    'covarianceType with fewer parameters'
  );
}

/** The model is a getter of the class, not of the object: copies of the object go to other threads without it. */
class IterationProgress implements Progress {
  declare readonly run: number;
  declare readonly iteration: number;
  declare readonly logLikelihood: number;
  declare readonly logPosterior?: number;
  declare readonly change: number;
  declare readonly elapsedMs: number;
  readonly #make: () => GaussianMixture;
  #model: GaussianMixture | undefined;
  #ended = false;

  constructor(values: Omit<Progress, 'model'>, make: () => GaussianMixture) {
    Object.assign(this, values);
    this.#make = make;
  }

  get model(): GaussianMixture {
    if (this.#model === undefined && this.#ended) {
      throw new GaussmixRangeError(
        'INVALID_OPTION',
        'the model of an iteration was asked for after onIteration had returned: read progress.model within it',
      );
    }
    this.#model ??= this.#make();
    return this.#model;
  }

  /** From now on the parameters are those of a later iteration. */
  end(): void {
    this.#ended = true;
  }
}

function outcome(
  { result, logLikelihood, parameters, warnings, isSound }: Run,
  prior: UsedPrior | undefined,
  runs: number,
  nSamples: number,
  settings: FitSettings,
): FitOutcome {
  const { converged, iterations, objective, history } = result;
  const all = [...warnings];
  if (result.wentBack) {
    all.push(
      `the repair lowered the ${prior ? 'log-posterior' : 'log-likelihood'}; the best parameters seen are returned, not those of the last iteration`,
    );
  }
  if (result.stopped) all.push(`stopped by onIteration or timeLimitMs after ${iterations} iterations`);
  else if (!converged && settings.maxIterations > 0) {
    all.push(
      `not converged after ${iterations} iterations (maxIterations): raise maxIterations or tolerance (${settings.tolerance})`,
    );
  }
  if (typeof settings.initialization !== 'string' && settings.nInit > 1) {
    all.push('nInit has no effect with a given start: every run would be the same');
  }
  return {
    parameters: { ...parameters, model: settings.covarianceType },
    record: {
      converged,
      iterations,
      logLikelihood,
      ...(prior && { logPosterior: objective, prior }),
      history: new Float64Array(history),
      nSamples,
      runs,
      warnings: all,
    },
    isSound,
  };
}
