// Kullback-Leibler divergence between two mixtures, which has no closed form, by simulation.
// Must not use the engine's logarithm.
import { type GaussianMixture, GaussmixRangeError } from 'gaussmix';
import { checkKnownNames } from '../option-errors.ts';
import { checkSeed } from '../options.ts';
import { checkModel, integerOption } from './arguments.ts';

/** An estimate by simulation. */
export interface Divergence {
  /** In nats. */
  readonly estimate: number;
  /** Standard deviation of the estimate over seeds; falls as 1 / sqrt(samples). */
  readonly standardError: number;
  readonly samples: number;
}

/**
 * Kullback-Leibler divergence D(p || q) = E_p[ln p(x) - ln q(x)] by Monte Carlo: the mean over rows drawn from p, unbiased,
 * with its standard error (Hershey and Olsen 2007, "Approximating the Kullback Leibler divergence between Gaussian
 * mixture models", section 2). Exactly 0 for two mixtures of the same parameters. Like any unbiased estimate it may fall below 0
 * where the divergence is small against its standard error.
 *
 * @param p the mixture that rows are drawn from
 * @param q a mixture of the same number of features
 * @param options samples (100,000; at least 2), drawn with seed (0): same seed, same bits
 * @throws GaussmixError INVALID_OPTION, UNKNOWN_OPTION; INVALID_SHAPE for different numbers of features. O(samples K D^2), memory:
 * `samples` rows
 * @example
 * import { GaussianMixture } from 'gaussmix';
 * import { klDivergence } from 'gaussmix/inference';
 * const normal = (mean) => GaussianMixture.fromParameters({ weights: [1], means: [[mean]], covariances: [[1]] });
 * const { estimate, standardError } = klDivergence(normal(0), normal(1), { seed: 1 });
 * console.log(estimate, standardError); // about 0.5, which is exact, and 0.003
 */
export function klDivergence(
  p: GaussianMixture,
  q: GaussianMixture,
  options: { readonly samples?: number; readonly seed?: number } = {},
): Divergence {
  checkModel('klDivergence', 'p', p);
  checkModel('klDivergence', 'q', q);
  checkKnownNames(options, ['samples', 'seed'], 'klDivergence');
  const samples = integerOption('klDivergence', 'samples', options.samples, 2, 100_000);
  if (p.nFeatures !== q.nFeatures) {
    throw new GaussmixRangeError(
      'INVALID_SHAPE',
      `klDivergence: p has ${p.nFeatures} features, q ${q.nFeatures}; take the marginal of the larger one`,
    );
  }
  const { data } = p.sample(samples, { seed: checkSeed(options.seed) });
  const ratios = p.scoreSamples(data);
  const other = q.scoreSamples(data);
  let sum = 0;
  for (let i = 0; i < samples; i++) {
    ratios[i] -= other[i];
    sum += ratios[i];
  }
  const estimate = sum / samples;
  let squares = 0;
  for (const ratio of ratios) squares += (ratio - estimate) * (ratio - estimate);
  return { estimate, standardError: Math.sqrt(squares / (samples - 1) / samples), samples };
}
