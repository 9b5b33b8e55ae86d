// One fit from data to parameters: rows into kernel memory, restarts, the best of them.
// Must not define public types, nor compute: it ties options, starts, estimator and loop together.
import { expectationMaximization, type LoopResult } from './em.ts';
import { GaussmixError } from './errors.ts';
import { MixtureEstimator, WholeData } from './estimator.ts';
import type { AbortSignalLike } from './gaussian-mixture.ts';
import { givenStart, StartRows, startRowCount } from './initialization.ts';
import { BLOCK, compiledModule, Kernel, withKernel } from './kernel.ts';
import { type FitSettings, formOf, type IterationCallback } from './options.ts';
import type { ModelParameters, Parameters } from './parameters.ts';
import { type Asking, answerFrom, ResidentRows, type RowRequest, runOn } from './passes.ts';
import { WorkerPool } from './pool.ts';
import { Random } from './random.ts';
import type { RowSource } from './row-source.ts';
import { type SpuriousComponent, spuriousComponents } from './spurious.ts';
import { availableThreads } from './threads.ts';
import { featureLabel } from './value-rules.ts';

/** How a fit went. Log-likelihoods are means per sample in nats, weighted when there are sample weights. */
export interface Fitted {
  /** The log-likelihood changed by less than `tolerance` in the last iteration. */
  readonly converged: boolean;
  /** M-steps of the best run. */
  readonly iterations: number;
  /** Of the parameters returned. */
  readonly logLikelihood: number;
  /** At the start of each iteration of the best run. */
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
}

interface Run {
  readonly result: LoopResult;
  readonly parameters: Parameters;
  readonly warnings: readonly string[];
}

/** Fits a mixture to the rows of a source. @throws GaussmixError for data that cannot be fitted */
export function fitRows(source: RowSource, settings: FitSettings): FitOutcome {
  const { rows, columns } = source;
  const { nComponents: k, sampleWeight } = settings;
  const dataDoubles = ResidentRows.size(rows, columns, sampleWeight !== undefined);
  const startDoubles = StartRows.size(startRowCount(rows, columns), k, columns);
  // Parameters, factors and statistics are at most a few K x D x D each.
  const form = formOf(settings.covarianceType);
  const narrow = form === 'diag' || form === 'spherical';
  const mixtureDoubles = 8 * k * columns * (narrow ? 4 : columns + 4);
  return withKernel(8 * (dataDoubles + startDoubles + mixtureDoubles), (kernel) =>
    runOn(new ResidentRows(kernel, source, sampleWeight), fitSteps(kernel, source, settings)),
  );
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
  { signal, timeLimitMs, workers, workerScript }: AsyncSettings,
): Promise<FitOutcome> {
  signal?.throwIfAborted();
  const kernel = new Kernel(compiledModule());
  const startedAt = performance.now();
  const onIteration: IterationCallback = (progress) => {
    const late = timeLimitMs !== undefined && performance.now() - startedAt >= timeLimitMs;
    return settings.onIteration?.(progress) === false || late ? false : undefined;
  };
  const steps = fitSteps(kernel, source, { ...settings, onIteration });
  const threads = workers ?? (await availableThreads());
  if (threads === 0) {
    const rows = new ResidentRows(kernel, source, settings.sampleWeight);
    return drive(steps, signal, (request) => nextTurn().then(() => answerFrom(rows, request)));
  }
  const pool = await openPool(source, settings.sampleWeight, threads, workerScript, signal);
  const stop = (): void => pool.close();
  signal?.addEventListener('abort', stop);
  try {
    return await drive(steps, signal, (request) =>
      request.kind === 'pause' ? nextTurn() : pool.answer(request, kernel),
    );
  } finally {
    signal?.removeEventListener('abort', stop);
    pool.close();
  }
}

async function drive<T>(
  steps: Asking<T>,
  signal: AbortSignalLike | undefined,
  answer: (request: RowRequest) => Promise<unknown>,
): Promise<T> {
  let step = steps.next();
  while (!step.done) {
    let reply: unknown;
    signal?.throwIfAborted();
    try {
      reply = await answer(step.value);
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

/** Resolves after the host has done what was waiting. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
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
function* fitSteps(kernel: Kernel, source: RowSource, settings: FitSettings): Asking<FitOutcome> {
  const {
    nComponents: k,
    covarianceType: model,
    initialization,
    seed,
    sampleWeight,
    regularization,
  } = settings;
  const form = formOf(model);
  const label = (feature: number): string => featureLabel(source, feature);
  const data = yield* WholeData.of(kernel, source.rows, source.columns, model, regularization, label);
  const estimator = new MixtureEstimator(kernel, data, model, k);
  const startRows =
    typeof initialization === 'string' ? yield* StartRows.of(kernel, data, seed, sampleWeight) : undefined;
  // Restarts from given parameters would all be the same run.
  const runs = startRows ? settings.nInit : 1;
  let best: Run | undefined;
  let done = 0;
  const startedAt = performance.now();
  for (let run = 0; run < runs; run++) {
    estimator.start(
      typeof initialization === 'string'
        ? yield* (startRows as StartRows).start(initialization, form, k, new Random(seed, run))
        : yield* givenStart(kernel, initialization, form, k, data),
    );
    const { onIteration, maxIterations, tolerance } = settings;
    const result = yield* expectationMaximization(estimator, {
      maxIterations,
      tolerance,
      onIteration:
        onIteration &&
        ((iteration, logLikelihood, change) => {
          const elapsedMs = performance.now() - startedAt;
          return onIteration({ run, iteration, logLikelihood, change, elapsedMs }) !== false;
        }),
    });
    done++;
    if (best === undefined || result.logLikelihood > best.result.logLikelihood) {
      best = { result, parameters: estimator.mixture.read(), warnings: estimator.takeWarnings() };
    }
    if (result.stopped) break;
  }
  const { parameters, result, warnings } = best as Run;
  const total = sampleWeight ? sampleWeight.reduce((sum, weight) => sum + weight, 0) : source.rows;
  const spurious = result.iterations > 0 ? spuriousComponents(kernel, parameters, total) : [];
  const all = [...warnings, ...spurious.map(spuriousWarning)];
  return outcome({ parameters, result, warnings: all }, done, source.rows, settings);
}

function spuriousWarning({ component, count, flatness }: SpuriousComponent): string {
  return (
    `component ${component} rests on ${Number(count.toPrecision(3))} rows that lie almost in a plane (spread across it: ` +
    `${Number((100 * flatness).toPrecision(2))} % of that of the other components): probably a spurious maximum of the ` +
    'likelihood. Raise nInit or regularization, or ask for fewer components or a covarianceType with fewer parameters'
  );
}

function outcome(
  { result, parameters, warnings }: Run,
  runs: number,
  nSamples: number,
  settings: FitSettings,
): FitOutcome {
  const { converged, iterations, logLikelihood, history } = result;
  const all = [...warnings];
  if (result.wentBack) {
    all.push(
      'the repair lowered the log-likelihood; the best parameters seen are returned, not those of the last iteration',
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
      history: Float64Array.from(history),
      nSamples,
      runs,
      warnings: all,
    },
  };
}
