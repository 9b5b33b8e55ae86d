// One fit from data to parameters: rows into kernel memory, restarts, the best of them.
// Must not define public types, nor compute: it ties options, starts, estimator and loop together.
import { expectationMaximization, type LoopResult } from './em.ts';
import { MixtureEstimator, WholeData } from './estimator.ts';
import { givenStart, StartRows, startRowCount } from './initialization.ts';
import { type Kernel, withKernel } from './kernel.ts';
import { featureLabel, type RowSource } from './matrix.ts';
import type { FitSettings } from './options.ts';
import type { Parameters } from './parameters.ts';
import { type Asking, ResidentRows, runOn } from './passes.ts';
import { Random } from './random.ts';

/** How a fit went; the public class adds methods to it. */
export interface FitRecord {
  readonly converged: boolean;
  readonly iterations: number;
  readonly logLikelihood: number;
  readonly history: Float64Array;
  readonly nSamples: number;
  readonly runs: number;
  readonly warnings: readonly string[];
}

export interface FitOutcome {
  readonly parameters: Parameters;
  readonly record: FitRecord;
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
  const mixtureDoubles = 8 * k * columns * (columns + 4);
  return withKernel(8 * (dataDoubles + startDoubles + mixtureDoubles), (kernel) =>
    runOn(new ResidentRows(kernel, source, sampleWeight), fitSteps(kernel, source, settings)),
  );
}

/** The whole fit as a computation that asks for passes over rows. */
function* fitSteps(kernel: Kernel, source: RowSource, settings: FitSettings): Asking<FitOutcome> {
  const {
    nComponents: k,
    covarianceType: form,
    initialization,
    seed,
    sampleWeight,
    regularization,
  } = settings;
  const label = (feature: number): string => featureLabel(source, feature);
  const data = yield* WholeData.of(kernel, source.rows, source.columns, form, regularization, label);
  const estimator = new MixtureEstimator(kernel, data, form, k);
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
        : yield* givenStart(initialization, form, k, data),
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
  return outcome(best as Run, done, source.rows, settings);
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
      'the last iterations lowered the log-likelihood (a repair or regularisation does that); the best parameters seen ' +
        'are returned',
    );
  }
  if (result.stopped) all.push(`stopped by onIteration after ${iterations} iterations`);
  else if (!converged && settings.maxIterations > 0) {
    all.push(
      `not converged after ${iterations} iterations (maxIterations): raise maxIterations or tolerance (${settings.tolerance})`,
    );
  }
  if (typeof settings.initialization !== 'string' && settings.nInit > 1) {
    all.push('nInit has no effect with a given start: every run would be the same');
  }
  return {
    parameters,
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
