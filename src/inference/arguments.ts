// Checks of arguments that several functions of gaussmix/inference share.
// Must not compute.
import { GaussianMixture, GaussmixRangeError, GaussmixTypeError, type MatrixLike } from 'gaussmix';
import { toRowSource } from '../row-source.ts';
import { describeValue } from '../value-rules.ts';

/** @throws GaussmixTypeError INVALID_OPTION when `model` is no GaussianMixture */
export function checkModel(what: string, name: string, model: unknown): void {
  if (model instanceof GaussianMixture) return;
  throw new GaussmixTypeError(
    'INVALID_OPTION',
    `${what}: ${name} is ${describeValue(model)}; it must be a GaussianMixture`,
  );
}

/** An integer option, `standard` for undefined. @throws GaussmixError INVALID_OPTION naming it */
export function integerOption(
  what: string,
  name: string,
  value: unknown,
  least: number,
  standard: number,
): number {
  if (value === undefined) return standard;
  if (Number.isSafeInteger(value) && (value as number) >= least) return value as number;
  const Failure = typeof value === 'number' ? GaussmixRangeError : GaussmixTypeError;
  throw new Failure(
    'INVALID_OPTION',
    `${what}: ${name} is ${describeValue(value)}; it must be an integer >= ${least}`,
  );
}

/** All rows of a data set of D columns, row-major, in memory: for what goes over them several times. */
export function readRows(
  data: MatrixLike,
  d: number | undefined,
  featureNames?: readonly string[],
): { data: Float64Array; shape: readonly [number, number] } {
  const source = toRowSource(data, { columns: featureNames });
  if (d !== undefined && source.columns !== d) {
    throw new GaussmixRangeError(
      'INVALID_SHAPE',
      `data has ${source.columns} column${source.columns === 1 ? '' : 's'}; ${d} ${d === 1 ? 'is' : 'are'} needed`,
    );
  }
  const values = new Float64Array(source.rows * source.columns);
  source.read(0, source.rows, values);
  return { data: values, shape: [source.rows, source.columns] };
}
