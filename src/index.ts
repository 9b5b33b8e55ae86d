// The public interface of the library: re-exports only.
/**
 * Gaussian mixtures: fitting, using, selecting and saving them.
 *
 * @module gaussmix
 */

export type { CovarianceForm, CovarianceModel, CovarianceType } from './covariance-models.ts';
export type { Criteria } from './criteria.ts';
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
/**
 * Not for users: what the entry points on top of the library need of it, see internals.ts. In no declaration, and in CommonJS not
 * enumerable (tsdown.config.ts).
 * @internal
 */
export { internals } from './internals.ts';
export { initialize, type KernelSource } from './kernel.ts';
export { type ArrowTableLike, Matrix, type MatrixLike } from './matrix.ts';
export type { ModelJSON } from './model-json.ts';
export type {
  AccumulateOptions,
  AliasedFitOptions,
  AsyncIterationCallback,
  CriteriaOptions,
  Criterion,
  DataOptions,
  FitOptions,
  ImputeOptions,
  InitializationMethod,
  IterationCallback,
  MaximizeOptions,
  Prior,
  Progress,
  SelectOptions,
  Start,
} from './options.ts';
export type { UsedPrior } from './prior.ts';
export type { Checkpoint, CheckpointOptions } from './saving.ts';
export { type StreamScore, scoreStream } from './score-stream.ts';
export {
  type FailedCell,
  type FittedCell,
  type Selection,
  type SelectionCallbacks,
  type SelectionProgress,
  selectModel,
  selectModelAsync,
} from './select-model.ts';
export { accumulate, maximize, SufficientStatistics } from './statistics.ts';
export { fitStream, type StreamOptions } from './stream.ts';
export type { StreamChunk, StreamSource } from './stream-reader.ts';
