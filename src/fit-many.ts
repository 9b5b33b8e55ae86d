// Many small fits with the same options.
// Must not differ from fitting one by one in any bit.
import { GaussmixError, GaussmixRangeError, GaussmixTypeError } from './errors.ts';
import { GaussianMixture } from './gaussian-mixture.ts';
import type { MatrixLike } from './matrix.ts';
import type { AliasedFitOptions, FitOptions } from './options.ts';

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
      throw named(error, models.length);
    }
  }
  return models;
}

function named(error: unknown, index: number): unknown {
  if (!(error instanceof GaussmixError)) return error;
  const message = `data set ${index}: ${error.message}`;
  return error instanceof TypeError
    ? new GaussmixTypeError(error.code, message)
    : new GaussmixRangeError(error.code, message);
}
