// The options of checkpoints, and the way to what makes them: a file that is fetched when it is wanted.
// Must not look into a checkpoint.
import { GaussmixRangeError, GaussmixTypeError } from './errors.ts';
import type { Saving } from './fit.ts';
import type { FitSettings } from './options.ts';
import { describeValue } from './value-rules.ts';

/**
 * A fit between two of its iterations, as JSON: `JSON.stringify` and back loses nothing. What a program may look at is
 * declared; the rest is for the library alone.
 */
export interface Checkpoint {
  readonly format: 'gaussmix-checkpoint';
  readonly version: number;
  /** How far the fit is: the run under way and its iterations, both counted as `onIteration` does. */
  readonly progress: { readonly run: number; readonly iteration: number };
  /** The options that the fit depends on. */
  readonly options: unknown;
  /** By which its data is recognised: rows, columns, moments. */
  readonly data: unknown;
  readonly state: unknown;
  /** CRC-32 of all the rest. */
  readonly checksum: string;
}

/** Where checkpoints go to and come from. */
export interface CheckpointOptions {
  /**
   * Called with a checkpoint after each iteration, before `onIteration`; the fit waits for a promise. A fit that is resumed from
   * it, with the same data and options, ends with the same bits as one that was never interrupted.
   */
  readonly onCheckpoint?: ((checkpoint: Checkpoint) => void | Promise<void>) | undefined;
  /** A checkpoint to go on from, or its parsed JSON. The data and all other options must be those of the fit that made it. */
  readonly resume?: Checkpoint | undefined;
}

/** Names of {@link CheckpointOptions}. */
export const CHECKPOINT_OPTIONS: readonly string[] = ['onCheckpoint', 'resume'];

/**
 * What a fit is given to save its states; undefined when none of the two options is used.
 * @throws GaussmixTypeError INVALID_OPTION, GaussmixRangeError INVALID_CHECKPOINT for a checkpoint that is damaged, of another
 * version, or of other options
 */
export async function savingOf(
  options: CheckpointOptions,
  settings: FitSettings,
): Promise<Saving | undefined> {
  const { onCheckpoint, resume } = options;
  if (onCheckpoint !== undefined && typeof onCheckpoint !== 'function') {
    throw new GaussmixTypeError(
      'INVALID_OPTION',
      `onCheckpoint is ${describeValue(onCheckpoint)}, but must be a function`,
    );
  }
  if (onCheckpoint === undefined && resume === undefined) return undefined;
  const { checkpointing } = await import('./checkpoint.ts');
  const tools = { RangeFailure: GaussmixRangeError, TypeFailure: GaussmixTypeError, describeValue };
  return checkpointing(options, settings, tools);
}
