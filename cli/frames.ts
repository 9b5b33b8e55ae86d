// Messages between this process and another over a pair of pipes: a JSON header and doubles or text after it.
// Must not know what is said; docs/ENGINE.md has the layout.
import type { Readable, Writable } from 'node:stream';
import { Failure } from './failure.ts';

/** Bytes of a frame before its header: the lengths of header and payload, unsigned, little-endian. */
const PREFIX = 8;
/** Longer headers are no frame: something else writes into the pipe. */
const LONGEST_HEADER = 2 ** 28;

export interface Frame {
  readonly header: Readonly<Record<string, unknown>>;
  readonly payload: Uint8Array;
}

/** Frames read one by one from a stream. */
export class FrameReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(stream: Readable) {
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  /** The next frame; undefined at the end of the stream. @throws Failure for bytes that are no frame */
  async next(): Promise<Frame | undefined> {
    const prefix = await this.#take(PREFIX);
    if (prefix === undefined) return undefined;
    const [headerBytes, payloadBytes] = [prefix.readUInt32LE(0), prefix.readUInt32LE(4)];
    if (headerBytes > LONGEST_HEADER)
      throw new Failure('engine: standard input has no frames (docs/ENGINE.md)');
    const text = await this.#take(headerBytes);
    const payload = await this.#take(payloadBytes);
    if (text === undefined || payload === undefined) throw new Failure('engine: a frame ends early');
    return { header: parseHeader(text.toString('utf8')), payload };
  }

  async #take(count: number): Promise<Buffer | undefined> {
    const pieces = [this.#rest];
    let length = this.#rest.length;
    while (length < count) {
      const { done, value } = await this.#chunks.next();
      if (done) return undefined;
      pieces.push(value);
      length += value.length;
    }
    const all = pieces.length === 1 ? this.#rest : Buffer.concat(pieces, length);
    this.#rest = all.subarray(count);
    return all.subarray(0, count);
  }
}

function parseHeader(text: string): Record<string, unknown> {
  try {
    const header: unknown = JSON.parse(text);
    if (header !== null && typeof header === 'object') return header as Record<string, unknown>;
  } catch {}
  throw new Failure('engine: the header of a frame is no JSON object (docs/ENGINE.md)');
}

/** Writes a frame; resolves when more may be written. */
export function writeFrame(
  stream: Writable,
  header: object,
  ...payload: readonly ArrayBufferView[]
): Promise<void> {
  const text = Buffer.from(JSON.stringify(header));
  const parts = payload.map(({ buffer, byteOffset, byteLength }) =>
    Buffer.from(buffer, byteOffset, byteLength),
  );
  const prefix = Buffer.alloc(PREFIX);
  prefix.writeUInt32LE(text.length, 0);
  prefix.writeUInt32LE(
    parts.reduce((sum, part) => sum + part.length, 0),
    4,
  );
  return new Promise((resolve, reject) => {
    stream.write(Buffer.concat([prefix, text, ...parts]), (error) => (error ? reject(error) : resolve()));
  });
}

/** The doubles of a payload, copied, because they need not be aligned in it. @throws Failure when it is cut */
export function doubles(payload: Uint8Array): Float64Array {
  if (payload.length % 8 !== 0) throw new Failure('engine: a payload of doubles is cut');
  return new Float64Array(new Uint8Array(payload).buffer);
}
