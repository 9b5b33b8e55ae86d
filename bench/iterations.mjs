// Times the iterations of one fit through the public interface; browser.bench.mjs runs it in Node and in a page.
// Must stay plain JavaScript without imports of its host.
import { makeData } from './purejs-baseline.mjs';

/** A function that fits so many iterations, by `fit` or by `fitAsync` on workers, and gives the milliseconds of each. */
export function iterationTimer(GaussianMixture, { n, d, k }) {
  const { X, init } = makeData(n, d, k, 1);
  const { weights, means, covs } = init();
  const initialization = {
    weights,
    means: { data: means, shape: [k, d] },
    covariances: Array.from({ length: k }, (_, i) => covs.subarray(i * d * d, (i + 1) * d * d)),
  };
  return async (workers, count) => {
    const ends = [];
    const options = {
      nComponents: k,
      initialization,
      // The first iteration is not timed: its start is unknown.
      maxIterations: count + 1,
      tolerance: 0,
      onIteration: ({ elapsedMs }) => void ends.push(elapsedMs),
    };
    const data = { data: X, shape: [n, d] };
    const model =
      workers === undefined
        ? GaussianMixture.fit(data, options)
        : await GaussianMixture.fitAsync(data, { ...options, workers });
    const times = ends.slice(1).map((end, i) => end - ends[i]);
    return { times, logLikelihood: model.fitted.logLikelihood };
  };
}
