// `gaussmix engine`: runs fits for another program, which holds the rows and answers questions about them over standard
// input and output; docs/ENGINE.md is the protocol. Must not read rows itself, nor compute: the library does.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  type Checkpoint,
  type FitOptions,
  GaussianMixture,
  GaussmixError,
  internals,
  type ModelJSON,
  type Progress,
} from 'gaussmix';
import { version } from '../package.json';
import { Failure } from './failure.ts';
import { doubles, type Frame, FrameReader, writeFrame } from './frames.ts';
import { withNames } from './model-file.ts';

type RowHolder = Parameters<typeof internals.fitHeld>[3];
type PassParameters = Parameters<RowHolder['accumulate']>[0];

/** Raised by a change after which an old host would go wrong. */
const PROTOCOL = 1;

/** The other program has closed its pipe, or says something it was not asked. */
class Lost extends Failure {}

/** Answers frames until standard input ends. */
export async function runEngine(): Promise<number> {
  const kernel = readFileSync(new URL('./gaussmix.wasm', import.meta.url));
  const host = new Host();
  await host.say({
    kind: 'hello',
    protocol: PROTOCOL,
    version,
    kernel: createHash('sha256').update(kernel).digest('hex'),
    blockRows: internals.BLOCK,
  });
  for (;;) {
    const frame = await host.next();
    if (frame === undefined) return 0;
    host.stopped = false;
    try {
      const model = await fit(frame, host);
      await host.say({ kind: 'done' }, Buffer.from(`${JSON.stringify(model)}\n`));
    } catch (error) {
      if (error instanceof Failure) throw error;
      const code = error instanceof GaussmixError ? error.code : 'INTERNAL';
      await host.say({ kind: 'error', code, message: (error as Error).message });
    }
  }
}

/** The program on the other side: what is said to it, and its answers. */
class Host {
  readonly #frames = new FrameReader(process.stdin);
  #asked = 0;
  /** The fit is to end after its iteration. */
  stopped = false;

  next(): Promise<Frame | undefined> {
    return this.#frames.next();
  }

  say(header: object, ...payload: readonly ArrayBufferView[]): Promise<void> {
    return writeFrame(process.stdout, header, ...payload);
  }

  /** Asks; gives the number by which the answers are known. */
  async ask(header: object, ...payload: readonly ArrayBufferView[]): Promise<number> {
    const id = this.#asked++;
    await this.say({ ...header, id }, ...payload);
    return id;
  }

  /** The next answer to a question. */
  async answer(id: number): Promise<Frame> {
    const frame = await this.next();
    if (frame === undefined) throw new Lost('engine: standard input ended in the middle of a fit');
    if (frame.header.stop === true) this.stopped = true;
    if (frame.header.kind === 'answer' && frame.header.id === id) return frame;
    throw new Lost(`engine: the answer to question ${id} was expected (docs/ENGINE.md)`);
  }
}

/** The saved model of a fit. */
async function fit({ header, payload }: Frame, host: Host): Promise<ModelJSON> {
  const { kind, rows, columns, names, options, checkpoints } = header;
  if ((kind !== 'fit' && kind !== 'fit-rows') || !isCount(rows) || !isCount(columns)) {
    throw new Lost(
      'engine: a frame of kind fit or fit-rows, with rows and columns, was expected (docs/ENGINE.md)',
    );
  }
  const columnNames = Array.isArray(names) && names.length === columns ? names.map(String) : undefined;
  const given = options as FitOptions;
  if (kind === 'fit-rows') {
    const all = doubles(payload);
    const data = { data: all.subarray(0, rows * columns), shape: [rows, columns] };
    const sampleWeight = all.length > rows * columns ? all.subarray(rows * columns) : undefined;
    return withNames(GaussianMixture.fit(data, { ...given, sampleWeight }).toJSON(), columnNames);
  }
  const shape = { rows, columns, ...(columnNames && { columnNames }) };
  const onIteration = async (progress: Progress): Promise<false | undefined> => {
    // The model is a getter of the class: it stays here.
    await host.say({ kind: 'progress', ...progress });
    return host.stopped ? false : undefined;
  };
  const held = {
    ...given,
    onIteration,
    ...(checkpoints === true && {
      onCheckpoint: (checkpoint: object) =>
        host.say({ kind: 'checkpoint' }, Buffer.from(`${JSON.stringify(checkpoint)}\n`)),
    }),
    ...(payload.length > 0 && { resume: parsed(payload) }),
  };
  const model = await internals.fitHeld(shape, held, {}, new RemoteRows(host));
  return model.toJSON();
}

/** A checkpoint as it was sent; what is no JSON is for the library to refuse. */
function parsed(payload: Uint8Array): Checkpoint {
  const text = Buffer.from(payload).toString('utf8');
  try {
    return JSON.parse(text) as Checkpoint;
  } catch {
    return text as unknown as Checkpoint;
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** The rows, as far as the other program answers for them. */
class RemoteRows implements RowHolder {
  readonly #host: Host;

  constructor(host: Host) {
    this.#host = host;
  }

  async *accumulate(parameters: PassParameters, likelihoodOnly: boolean, active: boolean) {
    const [header, payload] = sent(parameters);
    yield* this.#sums({ kind: 'accumulate', ...header, likelihoodOnly, active }, payload);
  }

  observed() {
    return this.#sums({ kind: 'observed' }, []);
  }

  async *#sums(question: object, payload: readonly ArrayBufferView[]) {
    const id = await this.#host.ask(question, ...payload);
    for (;;) {
      const { header, payload } = await this.#host.answer(id);
      const sizes = Array.isArray(header.sizes) ? header.sizes.map(Number) : [];
      yield { sizes, data: doubles(payload) };
      if (header.more !== true) return;
    }
  }

  async gather(rows: Float64Array): Promise<Float64Array> {
    const id = await this.#host.ask({ kind: 'gather' }, rows);
    return doubles((await this.#host.answer(id)).payload);
  }

  async choose(seed: number, count: number): ReturnType<RowHolder['choose']> {
    const id = await this.#host.ask({ kind: 'choose', seed, count });
    const { header, payload } = await this.#host.answer(id);
    const all = doubles(payload);
    if (header.weighted !== true) return { rows: all };
    return { rows: all.slice(0, all.length / 2), weights: all.slice(all.length / 2) };
  }

  async worst(
    parameters: PassParameters,
    count: number,
    credit: Float64Array | undefined,
  ): ReturnType<RowHolder['worst']> {
    const [header, payload] = sent(parameters);
    const more = credit && { credit: Array.from(credit) };
    const id = await this.#host.ask({ kind: 'worst', ...header, count, ...more }, ...payload);
    const all = doubles((await this.#host.answer(id)).payload);
    const found = all.length / 2;
    return Array.from({ length: found }, (_, i) => ({ row: all[i], value: all[found + i] }));
  }
}

/** A mixture as header and payload. */
function sent({ means, factors, missing, ...rest }: PassParameters): [object, ArrayBufferView[]] {
  if (!missing) return [rest, [means, factors]];
  const { weights, covariances, cacheCount } = missing;
  return [{ ...rest, cache: cacheCount }, [means, factors, weights, covariances]];
}
