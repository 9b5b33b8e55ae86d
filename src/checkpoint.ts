// Checkpoints: the state of a fit as a value that can be kept as JSON, and back, checked.
// Must not know where they are kept, nor how a fit runs; must not import anything but types: it is a file of its own, fetched when
// a fit has checkpoints (saving.ts).
import type { GaussmixRangeError, GaussmixTypeError } from './errors.ts';
import type { WholeData } from './estimator.ts';
import type { FitState, Saving } from './fit.ts';
import type { FitSettings } from './options.ts';
import type { Parameters } from './parameters.ts';
import type { Checkpoint, CheckpointOptions } from './saving.ts';
import type { describeValue } from './value-rules.ts';

const FORMAT = 'gaussmix-checkpoint';
/** Raised whenever a fit of this version would go on from an older state to other bits. */
const VERSION = 1;

/** What of the library is used here. */
export interface Tools {
  readonly RangeFailure: typeof GaussmixRangeError;
  readonly TypeFailure: typeof GaussmixTypeError;
  readonly describeValue: typeof describeValue;
}

/**
 * What a fit is given to save its states.
 * @throws GaussmixTypeError INVALID_OPTION, GaussmixRangeError INVALID_CHECKPOINT for a checkpoint that is damaged, of another
 * version, or of other options
 */
export function checkpointing(
  { onCheckpoint, resume }: CheckpointOptions,
  settings: FitSettings,
  tools: Tools,
): Saving {
  const options = optionsOf(settings);
  const reader = new Reader(tools);
  const resumed = resume === undefined ? undefined : reader.read(resume, options);
  let data: unknown;
  return {
    open(whole, start) {
      data = plain(dataOf(whole, start));
      if (!resumed) return undefined;
      reader.requireSameData(resumed.data, data);
      return reader.checkState(revive(resumed.state) as FitState, whole.mean.length, settings.nComponents);
    },
    save(state) {
      if (!onCheckpoint) return;
      const progress = { run: state.run, iteration: state.loop.history.length };
      const content = {
        format: FORMAT,
        version: VERSION,
        progress,
        options,
        data,
        state: plain(state),
      } as const;
      return onCheckpoint({ ...content, checksum: checksum(content) });
    },
  };
}

/** The options that the bits of a fit depend on. A start that is given, and sample weights, count as data. */
function optionsOf({ sampleWeight, onIteration, initialization, ...others }: FitSettings): object {
  return plain({ ...others, initialization: typeof initialization === 'string' ? initialization : 'given' });
}

/** By which data is recognised; a start that is given belongs to it. */
function dataOf({ rows, total, mean, variance }: WholeData, start: Parameters | undefined): object {
  return {
    rows,
    columns: mean.length,
    total,
    mean,
    variance,
    start: start && [start.weights, start.means, start.covariances].map((each) => checksum(plain(each))),
  };
}

/** Reads checkpoints, and refuses what is none, or another fit's. */
class Reader {
  readonly #tools: Tools;

  constructor(tools: Tools) {
    this.#tools = tools;
  }

  read(given: unknown, options: object): Checkpoint {
    const found = given as Partial<Checkpoint>;
    if (typeof given !== 'object' || given === null || found.format !== FORMAT) {
      throw new this.#tools.TypeFailure(
        'INVALID_CHECKPOINT',
        `resume is ${this.#tools.describeValue(given)}, not a checkpoint as onCheckpoint was given it`,
      );
    }
    if (found.version !== VERSION) {
      throw this.#refused(
        `is of version ${this.#tools.describeValue(found.version)}; this library reads and writes version ${VERSION}: start anew`,
      );
    }
    const { checksum: noted, ...content } = found;
    if (noted !== checksum(content))
      throw this.#refused('is damaged: its checksum does not match its content');
    const mine = options as Record<string, unknown>;
    const its = found.options as Record<string, unknown>;
    // The prior first: with one, regularization becomes 0, which nobody has given.
    for (const name of Object.keys({ prior: undefined, ...its, ...mine })) {
      const [a, b] = [its[name], mine[name]].map((value) => JSON.stringify(value, sorted) ?? 'not set');
      if (a === b) continue;
      const given = a.length + b.length < 200 ? `: ${name} is ${a} there and ${b} here` : ` (${name})`;
      throw this.#refused(`is of a fit with other options${given}. Give the same, or start anew`);
    }
    return found as Checkpoint;
  }

  requireSameData(theirs: unknown, mine: unknown): void {
    const [a, b] = [theirs, mine] as Record<string, unknown>[];
    if (a.rows !== b.rows || a.columns !== b.columns) {
      throw this.#refused(
        `is of other data: ${a.rows} rows x ${a.columns} columns there, ${b.rows} x ${b.columns} here`,
      );
    }
    const differs = Object.keys(b).find((name) => JSON.stringify(a[name]) !== JSON.stringify(b[name]));
    if (differs === 'start')
      throw this.#refused('is of a fit from another start: give the same `initialization`');
    if (differs) throw this.#refused(`is of other data: the ${differs} of rows or weights is another`);
  }

  /** What the checksum cannot know: a state that another program has put together. */
  checkState(state: FitState, d: number, k: number): FitState {
    const { weights, means, covariances } = state.estimator.parameters;
    if (weights.length === k && means.length === k * d && covariances.length > 0) return state;
    throw this.#refused('is damaged: its parameters are not of the size of the mixture');
  }

  #refused(what: string): Error {
    return new this.#tools.RangeFailure('INVALID_CHECKPOINT', `the checkpoint ${what}`);
  }
}

/** As JSON would have it: arrays of doubles as text, so that each keeps its bits, and short; numbers that JSON lacks by name. */
function plain<T extends object>(value: T): object {
  return JSON.parse(JSON.stringify(value, encode));
}

function encode(_: string, value: unknown): unknown {
  if (value instanceof Float64Array) return { doubles: toBase64(value) };
  const isSpecial = typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0));
  return isSpecial ? { number: Object.is(value, -0) ? '-0' : String(value) } : value;
}

/** The value that {@link plain} was given. */
function revive(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(revive);
  if (typeof value !== 'object' || value === null) return value;
  const { doubles, number } = value as { doubles?: unknown; number?: unknown };
  if (typeof doubles === 'string') return fromBase64(doubles);
  if (typeof number === 'string') return Number(number);
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, revive(each)]));
}

/** Arguments that a function is called with at a time. */
const PIECE = 32768;

function toBase64(values: Float64Array): string {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  let text = '';
  for (let at = 0; at < bytes.length; at += PIECE)
    text += String.fromCharCode(...bytes.subarray(at, at + PIECE));
  return btoa(text);
}

function fromBase64(text: string): Float64Array {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return new Float64Array(bytes.buffer);
}

/** Names in one order, whatever has become of the object on its way. */
function sorted(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

let table: Int32Array | undefined;

/** CRC-32 (IEEE 802.3) of a value's JSON, as eight hexadecimal digits. */
function checksum(value: unknown): string {
  table ??= Int32Array.from({ length: 256 }, (_, byte) => {
    let entry = byte;
    for (let bit = 0; bit < 8; bit++) entry = (entry >>> 1) ^ (entry & 1 ? 0xedb88320 : 0);
    return entry;
  });
  const text = JSON.stringify(value, sorted);
  let crc = -1;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    crc = table[(crc ^ code) & 255] ^ (crc >>> 8);
    // Of names in other alphabets both bytes.
    if (code > 255) crc = table[(crc ^ (code >>> 8)) & 255] ^ (crc >>> 8);
  }
  return (~crc >>> 0).toString(16).padStart(8, '0');
}
