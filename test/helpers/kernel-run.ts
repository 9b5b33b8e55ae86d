// Runs kernel operations on a case under guard, every buffer new and full of sentinels. Must not judge results.
import { expect } from 'vitest';
import type { Mixture, Rows, Vector } from '../reference-kernel.ts';
import type { KernelCase } from './kernel-cases.ts';
import { GuardedMemory, type Region } from './kernel-memory.ts';

/** The buffers of a mixture whose factors are ready. */
export interface LoadedMixture {
  form: number;
  d: number;
  k: number;
  means: Region;
  factors: Region;
  workspace: Region;
}

let shared: GuardedMemory | undefined;

/** The memory all cases of a file share, emptied; buffers of this run lie `shift` times 16 bytes further up. */
export function freshMemory(shift: number = 0): GuardedMemory {
  shared ??= new GuardedMemory();
  shared.reset(shift);
  return shared;
}

export function workspace(memory: GuardedMemory, form: number, d: number, k: number): Region {
  return memory.output('workspace', memory.exports.gmm_workspace_count(form, d, k));
}

/** Copies a mixture into memory and prepares its factors, which must succeed. */
export function loadMixture(memory: GuardedMemory, mixture: Mixture): LoadedMixture {
  const { form } = mixture;
  const k = mixture.means.length;
  const d = mixture.means[0].length;
  const weights = memory.input('weights', mixture.weights);
  const means = memory.input('means', mixture.means.flat());
  const covariances = memory.input('covariances', mixture.covariances);
  expect(covariances.count).toBe(memory.exports.gmm_covariance_count(form, d, k));
  const factors = memory.output('factors', memory.exports.gmm_factors_count(form, d, k));
  const status = memory.outputI32('status', k);
  const scratch = workspace(memory, form, d, k);
  const failures = memory.call(
    'gmm_prepare',
    [form, d, k, weights, means, covariances, 0, factors, status, scratch],
    [factors, status, scratch],
  );
  expect(failures).toBe(0);
  expect([...memory.i32(status)]).toEqual(new Array(k).fill(0));
  memory.spoil(scratch);
  return { form, d, k, means, factors, workspace: scratch };
}

/** Rows as panels, packed by the kernel. */
export function loadRows(memory: GuardedMemory, x: Rows): Region {
  const n = x.length;
  const d = x[0].length;
  const rows = memory.input('rows', x.flat());
  const panels = memory.output('panels', Math.ceil(n / 8) * 8 * d);
  memory.call('gmm_pack', [rows, n, d, panels], [panels]);
  return panels;
}

export interface EStepResult {
  resp: Float64Array;
  logProb: Float64Array;
  norm: Float64Array;
}

export function runEStep(
  memory: GuardedMemory,
  mixture: LoadedMixture,
  panels: Region,
  n: number,
): EStepResult {
  const { form, d, k, means, factors, workspace: scratch } = mixture;
  const resp = memory.output('resp', n * k);
  const logProb = memory.output('logProb', n * k);
  const norm = memory.output('logProbNorm', n);
  memory.spoil(scratch);
  const returned = memory.call(
    'gmm_e_step',
    [form, panels, n, d, k, means, factors, resp, logProb, norm, scratch],
    [resp, logProb, norm, scratch],
  );
  expect(returned).toBe(0);
  return { resp: memory.read(resp), logProb: memory.read(logProb), norm: memory.read(norm) };
}

/** Statistics added to zeros, or to what is given. */
export function runAccumulate(
  memory: GuardedMemory,
  mixture: LoadedMixture,
  panels: Region,
  n: number,
  sampleWeight: Vector | undefined,
  options: { resp?: ArrayLike<number>; likelihoodOnly?: boolean; before?: ArrayLike<number> } = {},
): Float64Array {
  const { form, d, k, means, factors, workspace: scratch } = mixture;
  const weights = sampleWeight ? memory.input('sampleWeight', sampleWeight) : 0;
  const count = memory.exports.gmm_statistics_count(form, d, k);
  const statistics = memory.input('statistics', options.before ?? new Float64Array(count));
  memory.spoil(scratch);
  const returned = options.resp
    ? memory.call(
        'gmm_accumulate_responsibilities',
        [form, panels, weights, n, d, k, means, memory.input('resp', options.resp), statistics, scratch],
        [statistics, scratch],
      )
    : memory.call(
        'gmm_accumulate',
        [form, panels, weights, n, d, k, means, factors, statistics, scratch, options.likelihoodOnly ? 1 : 0],
        [statistics, scratch],
      );
  expect(returned).toBe(0);
  return memory.read(statistics);
}

export interface RunResult extends EStepResult {
  statistics: Float64Array;
  weighted: Float64Array;
}

/** All block operations on one case. */
export function runCase(memory: GuardedMemory, c: KernelCase): RunResult {
  const mixture = loadMixture(memory, c.mixture);
  const panels = loadRows(memory, c.x);
  return {
    ...runEStep(memory, mixture, panels, c.n),
    statistics: runAccumulate(memory, mixture, panels, c.n, undefined),
    weighted: runAccumulate(memory, mixture, panels, c.n, c.sampleWeight),
  };
}
