// The kernel's whole public face: what docs/ABI.md lists, under the names it lists.
// Must not contain arithmetic.
import { ABI_VERSION } from './layout';

export const gmm_abi_version: i32 = ABI_VERSION;

/** First byte the host may use; everything below belongs to the module. */
export function gmm_heap_base(): usize {
  return __heap_base;
}

export {
  accumulateActive as gmm_accumulate_active,
  activeBegin as gmm_active_begin,
  activeEnd as gmm_active_end,
  activeWorkspaceCount as gmm_active_workspace_count,
} from './active';
export { cholesky as gmm_cholesky, invertSymmetric as gmm_invert } from './cholesky';
export {
  constrain as gmm_constrain,
  constrainWorkspaceCount as gmm_constrain_workspace_count,
} from './constrain';
export { activeDrift as gmm_active_drift } from './drift';
export { eigen as gmm_eigen } from './eigen';
export {
  accumulate as gmm_accumulate,
  accumulateResponsibilities as gmm_accumulate_responsibilities,
  eStep as gmm_e_step,
} from './em';
export { mergeTree as gmm_hierarchy } from './hierarchy';
export {
  assign as gmm_kmeans_assign,
  nearestDistances as gmm_kmeans_distances,
  sampleIndex as gmm_kmeans_sample,
} from './kmeans';
export {
  activeStateBytes as gmm_active_state_bytes,
  covarianceCount as gmm_covariance_count,
  factorsCount as gmm_factors_count,
  statisticsCount as gmm_statistics_count,
  workspaceCount as gmm_workspace_count,
} from './layout';
export { merge as gmm_merge, mStep as gmm_m_step } from './m-step';
export { expArray as gmm_exp, logArray as gmm_log } from './math';
export {
  accumulateMissing as gmm_accumulate_missing,
  eStepMissing as gmm_e_step_missing,
} from './missing';
export { missingBegin as gmm_missing_begin } from './missing-factors';
export {
  missingCacheCount as gmm_missing_cache_count,
  missingWorkspaceCount as gmm_missing_workspace_count,
} from './missing-layout';
export { observed as gmm_observed } from './missing-patterns';
export { pack as gmm_pack } from './panels';
export { prepare as gmm_prepare } from './prepare';
