// gaussmix/inference, what is asked of a fitted mixture next: re-exports only. A bundle of its own, which uses the library
// by its public name, so that programs that only fit do not carry it.
/**
 * What a fitted mixture says beyond labels and densities.
 *
 * @module gaussmix/inference
 */
export { type Bootstrap, type BootstrapOptions, bootstrap, bootstrapAsync } from './bootstrap.ts';
export { type Divergence, klDivergence } from './kl-divergence.ts';
export {
  bootstrapLikelihoodRatio,
  bootstrapLikelihoodRatioAsync,
  type LikelihoodRatioOptions,
  type LikelihoodRatioTest,
  type LikelihoodRatioTests,
} from './likelihood-ratio.ts';
export { type MergeStep, type Merging, merge } from './merge.ts';
export { type Regression, regress } from './regress.ts';
export type { AsyncReplicates, ProgressCallback, ReplicateProgress } from './replicates.ts';
export { type ParameterErrors, type StandardErrors, standardErrors } from './standard-errors.ts';
