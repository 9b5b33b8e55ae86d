// How a model describes rows that pass by: its criteria, in one pass.
// Must not fit anything.
import { type Criteria, criteriaOf, Summing } from './criteria.ts';
import { GaussmixRangeError, GaussmixTypeError } from './errors.ts';
import {
  type AbortSignalLike,
  checkAsyncOptions,
  GaussianMixture,
  parametersOf,
} from './gaussian-mixture.ts';
import { compiledModule, Kernel } from './kernel.ts';
import { checkUsedRows, type DataOptions, validateDataOptions } from './options.ts';
import { KernelMixture } from './parameters.ts';
import { StreamReader, type StreamSource } from './stream-reader.ts';
import { describeValue } from './value-rules.ts';

/** What {@link scoreStream} finds. */
export interface StreamScore extends Criteria {
  readonly nSamples: number;
  /** Sum of the weights; without weights the number of rows. */
  readonly totalWeight: number;
  /** K: rows whose most probable component is k. */
  readonly sizes: readonly number[];
}

/**
 * The log-likelihood of the rows of a stream and the criteria, as `model.criteria`, the same bits, from one pass over rows that
 * need not fit into memory.
 *
 * @param source called once; see {@link StreamSource}
 * @param options `signal`: aborting it rejects with its reason; `missing: 'marginalize'`: rows count with the values they have
 * @throws (rejects with) GaussmixError for rows that the model cannot score, counted over all chunks; UNKNOWN_OPTION, INVALID_OPTION
 * @example
 * import { fitStream, scoreStream } from 'gaussmix';
 * const source = () => [[1, 1.1, 0.9], [5, 5.2, 4.9]];
 * const model = await fitStream(source, { nComponents: 2 });
 * const { bic, sizes } = await scoreStream(model, source);
 * console.log(bic, sizes);
 */
export async function scoreStream(
  model: GaussianMixture,
  source: StreamSource,
  options: DataOptions & { readonly signal?: AbortSignalLike } = {},
): Promise<StreamScore> {
  if (!(model instanceof GaussianMixture)) {
    throw new GaussmixTypeError(
      'INVALID_DATA',
      `the model is ${describeValue(model)}, not a GaussianMixture`,
    );
  }
  validateDataOptions(options, ['signal']);
  const { signal } = checkAsyncOptions(options);
  const { missing } = options;
  signal?.throwIfAborted();
  const parameters = parametersOf(model);
  const { form, k, d } = parameters;
  const kernel = new Kernel(compiledModule());
  const reader = new StreamReader(kernel, source, signal, missing ?? 'error', model.featureNames);
  const mixture = new KernelMixture(kernel, form, k, d);
  mixture.write(parameters);
  mixture.prepare();
  const summing = new Summing(
    mixture,
    { rows: Number.MAX_SAFE_INTEGER, missing: missing === 'marginalize' },
    true,
  );
  const sizes = new Array<number>(k).fill(0);
  let used = 0;
  const nSamples = await reader.pass(
    (_, place) => {
      summing.add(place);
      const resp = summing.responsibilities(place.n);
      for (let i = 0; i < place.n; i++) {
        let best = 0;
        for (let component = 1; component < k; component++) {
          if (resp[i * k + component] > resp[i * k + best]) best = component;
        }
        sizes[best]++;
      }
    },
    (weights, _, count) => {
      const columns = reader.shape?.columns;
      if (columns !== d) {
        throw new GaussmixRangeError(
          'INVALID_SHAPE',
          `the rows have ${columns} columns, but the model was made for ${d}`,
        );
      }
      used += weights ? weights.filter((weight) => weight > 0).length : count;
    },
  );
  checkUsedRows(used, 1);
  const sums = summing.end();
  return { ...criteriaOf(sums, model.nParameters), nSamples, totalWeight: sums.totalWeight, sizes };
}
