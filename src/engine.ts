// A fit whose rows another program holds: its questions as plain data, the answers back in kernel memory.
// Must not know how messages travel (cli/engine.ts does) nor what is asked for: passes.ts and fit.ts do.
import { type AsyncSettings, fitAnswered, nextTurn, type RowShape } from './fit.ts';
import { type GaussianMixture, modelOf, withOwnStart } from './gaussian-mixture.ts';
import { compiledModule, Kernel } from './kernel.ts';
import { sentMixture } from './missing.ts';
import { type AsyncIterationCallback, type FitOptions, validateFitOptions } from './options.ts';
import {
  blockCount,
  type ChosenRows,
  type RowNumbers,
  type RowQuestion,
  type ScoredRow,
  type StatisticsStack,
} from './passes.ts';
import { CHECKPOINT_OPTIONS, type CheckpointOptions, savingOf } from './saving.ts';
import type { SentMixture } from './worker.ts';

/** Sums over aligned subtrees of blocks, one after the other: `sizes` blocks each, powers of two. */
export interface PartialSums {
  readonly sizes: readonly number[];
  readonly data: Float64Array;
}

/** Whoever holds the rows. Each promise that is rejected ends the fit. */
export interface RowHolder {
  /** Statistics of all blocks about the means, in parts from the first block to the last. */
  accumulate(parameters: SentMixture, likelihoodOnly: boolean, active: boolean): AsyncIterable<PartialSums>;
  /** What gmm_observed finds of all blocks, in parts likewise. */
  observed(): AsyncIterable<PartialSums>;
  /** Rows by number, row-major. */
  gather(rows: RowNumbers): Promise<Float64Array>;
  /** See {@link chooseRows}. */
  choose(seed: number, count: number): Promise<ChosenRows>;
  /**
   * Rows of positive weight and lowest log-density, lowest first, the lower number among equals.
   * @param credit what each missing feature adds to a row's log-density (D)
   */
  worst(
    parameters: SentMixture,
    count: number,
    credit: Float64Array | undefined,
  ): Promise<readonly ScoredRow[]>;
}

/** Options of {@link fitHeld}: those of `fitAsync` but `sampleWeight`, which the holder knows, and checkpoints. */
export type HeldOptions = Omit<FitOptions, 'onIteration' | 'sampleWeight'> &
  CheckpointOptions & { readonly onIteration?: AsyncIterationCallback | undefined };

/**
 * As `GaussianMixture.fitAsync`, the same bits, on rows that `holder` has.
 * @param shape rows, columns and their names
 * @throws (rejects with) GaussmixError as `fit` does; Error for answers that are none
 */
export async function fitHeld(
  shape: RowShape,
  options: HeldOptions,
  where: Pick<AsyncSettings, 'signal' | 'timeLimitMs'>,
  holder: RowHolder,
): Promise<GaussianMixture> {
  const settings = validateFitOptions(withOwnStart(options), shape.rows, CHECKPOINT_OPTIONS);
  const saving = await savingOf(options, settings);
  const kernel = new Kernel(compiledModule());
  const mayMiss = settings.missing === 'marginalize';
  const answer = (request: RowQuestion): Promise<unknown> => ask(request, holder, shape, mayMiss, kernel);
  const makeModel = (parameters: Parameters<typeof modelOf>[0]) => modelOf(parameters, undefined, shape);
  const { parameters, record } = await fitAnswered(
    kernel,
    shape,
    settings,
    makeModel,
    where,
    answer,
    undefined,
    saving,
  );
  return modelOf(parameters, record, shape);
}

async function ask(
  request: RowQuestion,
  holder: RowHolder,
  { rows, columns }: RowShape,
  mayMiss: boolean,
  kernel: Kernel,
): Promise<unknown> {
  switch (request.kind) {
    case 'pause':
      return nextTurn();
    case 'accumulate': {
      const { mixture, stack, likelihoodOnly, active } = request;
      const parts = holder.accumulate(sentMixture(mixture, mayMiss, rows), likelihoodOnly, active);
      return merged(parts, stack, blockCount(rows), kernel);
    }
    case 'observed':
      return merged(holder.observed(), request.stack, blockCount(rows), kernel);
    case 'gather': {
      const data = await holder.gather(request.rows);
      checkLength('gather', data, request.rows.length * columns);
      kernel.view(request.target, data.length).set(data);
      return undefined;
    }
    case 'choose': {
      const chosen = await holder.choose(request.seed, request.count);
      const isAscending = chosen.rows.every((row, i) => i === 0 || row > chosen.rows[i - 1]);
      if (!isAscending || chosen.rows.length > request.count) throw wrong('choose', 'rows out of order');
      return chosen;
    }
    case 'worst':
      return holder.worst(sentMixture(request.mixture, mayMiss, rows), request.count, request.credit);
  }
}

/** Pushes sums over subtrees as they come; the address of the sum over all blocks. */
async function merged(
  parts: AsyncIterable<PartialSums>,
  stack: StatisticsStack,
  blocks: number,
  kernel: Kernel,
): Promise<number> {
  const { count } = stack;
  let done = 0;
  stack.clear();
  for await (const { sizes, data } of parts) {
    checkLength('accumulate or observed', data, sizes.length * count);
    sizes.forEach((size, i) => {
      const isAligned = Number.isSafeInteger(size) && size >= 1 && done % size === 0;
      if (!isAligned || !isPowerOfTwo(size)) {
        throw wrong('accumulate or observed', `a subtree of ${size} blocks at block ${done}`);
      }
      done += size;
      if (done > blocks) throw wrong('accumulate or observed', `more than ${blocks} blocks`);
      const slot = stack.push();
      kernel.view(slot, count).set(data.subarray(i * count, (i + 1) * count));
      stack.carry(size);
    });
  }
  if (done !== blocks) throw wrong('accumulate or observed', `${done} of ${blocks} blocks`);
  return stack.finish();
}

function isPowerOfTwo(size: number): boolean {
  let odd = size;
  while (odd % 2 === 0) odd /= 2;
  return odd === 1;
}

function checkLength(question: string, data: Float64Array, length: number): void {
  if (data.length !== length) throw wrong(question, `${data.length} numbers, not ${length}`);
}

function wrong(question: string, found: string): Error {
  return new Error(`the answer to ${question} is wrong: ${found}`);
}
