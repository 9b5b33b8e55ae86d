// The public interface of the library: re-exports only.
export { naturalLogarithms } from './elementary.ts';
export { type ErrorCode, GaussmixError, GaussmixRangeError, GaussmixTypeError } from './errors.ts';
export type { Fitted } from './fit.ts';
export {
  type FitManyAsyncOptions,
  type FitTask,
  fitEachAsync,
  fitMany,
  fitManyAsync,
} from './fit-many.ts';
export {
  type AbortSignalLike,
  type AsyncOptions,
  GaussianMixture,
  type MixtureParameters,
} from './gaussian-mixture.ts';
export { initialize, type KernelSource } from './kernel.ts';
export { type ArrowTableLike, Matrix, type MatrixLike } from './matrix.ts';
export type { ModelJSON } from './model-json.ts';
export type {
  AliasedFitOptions,
  CovarianceForm,
  CovarianceModel,
  CovarianceType,
  DataOptions,
  FitOptions,
  InitializationMethod,
  IterationCallback,
  Progress,
  Start,
} from './options.ts';
