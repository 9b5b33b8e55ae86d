// Rows in which values may be missing: how they are read, and the kernel's operations on blocks of them beside those on complete rows.
// Must not know what passes are for; the mathematics is in assembly/missing.ts.

import type { CovarianceForm } from './covariance-models.ts';
import { GaussmixRangeError } from './errors.ts';
import { BLOCK, type Kernel } from './kernel.ts';
import type { MatrixLike } from './matrix.ts';
import { covarianceLength, type KernelMixture } from './parameters.ts';
import { type RowSource, type RowSourceOptions, toRowSource } from './row-source.ts';
import type { SentMixture } from './worker.ts';

/** Most doubles that factors kept from block to block may take beyond what one tile needs: 16 MiB. */
const CACHE_DOUBLES = 2 ** 21;
/** Doubles of the factors of one tile's patterns, where one pattern does not take more. */
const TILE_DOUBLES = 131072;
/** Rows without any value that a message names. */
const ROWS_NAMED = 3;

/**
 * As {@link toRowSource}; with `missing: 'marginalize'` NaN, null and undefined are read as NaN, and rows of nothing else refused.
 * @throws GaussmixError as toRowSource
 */
export function dataSource(
  data: MatrixLike,
  missing: unknown,
  options: Omit<RowSourceOptions, 'allowMissing'> = {},
): RowSource {
  if (missing !== 'marginalize') return toRowSource(data, options);
  const source = toRowSource(data, { ...options, allowMissing: true });
  const { columns } = source;
  return {
    ...source,
    missing: true,
    read(start, count, target) {
      source.read(start, count, target);
      for (let i = 0; i < count; i++) {
        if (isEmpty(target, i, columns)) throw emptyRows(source, options.firstRow ?? 0);
      }
    },
  };
}

function isEmpty(values: Float64Array, row: number, columns: number): boolean {
  for (let at = row * columns; at < (row + 1) * columns; at++) if (!Number.isNaN(values[at])) return false;
  return true;
}

/** The error for rows without any value: it names the first ones of all, counted from `firstRow`. */
function emptyRows(source: RowSource, firstRow: number): GaussmixRangeError {
  const { rows, columns } = source;
  const buffer = new Float64Array(Math.min(rows, BLOCK) * columns);
  const found: number[] = [];
  for (let start = 0; start < rows && found.length <= ROWS_NAMED; start += BLOCK) {
    const count = Math.min(BLOCK, rows - start);
    source.read(start, count, buffer);
    for (let i = 0; i < count; i++) if (isEmpty(buffer, i, columns)) found.push(firstRow + start + i);
  }
  const named = found.slice(0, ROWS_NAMED).join(', ');
  const which =
    found.length === 1
      ? `row ${named} has`
      : `rows ${named}${found.length > ROWS_NAMED ? ' and more' : ''} have`;
  return new GaussmixRangeError(
    'MISSING_VALUE',
    `data: ${which} no value at all (rows count from 0), so nothing can be said of ${found.length === 1 ? 'it' : 'them'}: ` +
      'leave such rows out',
  );
}

/** What passes do with one block of rows in kernel memory: the operations of docs/ABI.md, on addresses. */
export interface BlockOperations {
  /** See gmm_accumulate. */
  accumulate(panels: number, weights: number, n: number, statistics: number, likelihoodOnly: boolean): void;
  /** See gmm_e_step; completed: gmm_e_step_missing. */
  eStep(
    panels: number,
    n: number,
    resp: number,
    logProb: number,
    logProbNorm: number,
    completed?: number,
  ): void;
}

/** The operations for rows that are complete. */
export function completeRows(mixture: KernelMixture): BlockOperations {
  const { kernel, code, d, k, means, factors, workspace } = mixture;
  const { gmm_accumulate, gmm_e_step } = kernel.exports;
  return {
    accumulate(panels, weights, n, statistics, likelihoodOnly) {
      const only = likelihoodOnly ? 1 : 0;
      gmm_accumulate(code, panels, weights, n, d, k, means, factors, statistics, workspace, only);
    },
    eStep(panels, n, resp, logProb, logProbNorm) {
      gmm_e_step(code, panels, n, d, k, means, factors, resp, logProb, logProbNorm, workspace);
    },
  };
}

/** Doubles of the cache of factors that a pass over so many rows is given: more saves time, and changes no bit. */
export function missingCacheCount(
  kernel: Kernel,
  mixture: Pick<KernelMixture, 'form' | 'code' | 'd' | 'k'>,
  rows: number,
): number {
  const { form, code, d, k } = mixture;
  const { gmm_missing_cache_count, gmm_factors_count } = kernel.exports;
  const entry = gmm_factors_count(code, d, k) + covarianceLength(form, k, d) + k * (d + 2);
  return gmm_missing_cache_count(code, d, k) + Math.min(CACHE_DOUBLES, rows * entry);
}

/** Copies of what passes over rows elsewhere need. @param rows how many, for the size of their cache */
export function sentMixture(mixture: KernelMixture, mayMiss: boolean, rows: number): SentMixture {
  const { kernel, form, code, k, d, means, factors } = mixture;
  return {
    form: code,
    k,
    means: kernel.copy(means, k * d),
    factors: kernel.copy(factors, kernel.exports.gmm_factors_count(code, d, k)),
    ...(mayMiss && {
      missing: {
        weights: kernel.copy(mixture.weights, k),
        covariances: kernel.copy(mixture.covariances, covarianceLength(form, k, d)),
        cacheCount: missingCacheCount(kernel, mixture, rows),
      },
    }),
  };
}

/** Estimate, from above, of the doubles that {@link rowsWithMissing} takes in kernel memory. */
export function missingDoubles(form: CovarianceForm, k: number, d: number, rows: number): number {
  const narrow = form === 'diag' || form === 'spherical';
  const entry = k * (2 * d + 4) + (narrow ? 2 * k * d : (form === 'full' ? k : 1) * (d * d + 6 * d + 8));
  const cache = 4098 + Math.min(16 * entry, TILE_DOUBLES + entry) + Math.min(CACHE_DOUBLES, 2 * rows * entry);
  return cache + 800 * (d + 1) + BLOCK * Math.ceil(d / 64) + 12_000 + (narrow ? 0 : 3 * d * d);
}

/**
 * The operations for rows in which values may be missing, for as long as the mixture does not change. Takes kernel memory,
 * which the caller gives back.
 * @param rows how many there are, for the size of the cache
 * @param plain without weights: `logProb` is -1/2 of the squared Mahalanobis distance (the first K factors being 0)
 */
export function rowsWithMissing(
  mixture: KernelMixture,
  rows: number,
  plain: boolean = false,
): BlockOperations {
  const { kernel, code, d, k, means, covariances, factors } = mixture;
  const { exports } = kernel;
  const workspace = kernel.allocate(exports.gmm_missing_workspace_count(code, d, k));
  const count = missingCacheCount(kernel, mixture, rows);
  const cache = kernel.allocate(count);
  const mixtureWeights = plain ? 0 : mixture.weights;
  exports.gmm_missing_begin(cache, count);
  return {
    accumulate(panels, weights, n, statistics, likelihoodOnly) {
      exports.gmm_accumulate_missing(
        code,
        panels,
        weights,
        n,
        d,
        k,
        mixtureWeights,
        means,
        covariances,
        factors,
        statistics,
        workspace,
        likelihoodOnly ? 1 : 0,
        cache,
      );
    },
    eStep(panels, n, resp, logProb, logProbNorm, completed = 0) {
      exports.gmm_e_step_missing(
        code,
        panels,
        n,
        d,
        k,
        mixtureWeights,
        means,
        covariances,
        factors,
        resp,
        logProb,
        logProbNorm,
        completed,
        workspace,
        cache,
      );
    },
  };
}
