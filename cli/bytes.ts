// The bytes of a file or of standard input, with a look ahead.
// Must not know any format.
import { createReadStream } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { Failure, systemFailure } from './failure.ts';

const BLOCK_BYTES = 1 << 20;

/** Called with the number of bytes read so far. */
export type OnBytes = (bytes: number) => void;

/** A sequence of bytes, read once from its beginning to its end. */
export class ByteSource {
  /** What messages call it. */
  readonly name: string;
  /** In bytes; undefined where it is not known beforehand. */
  readonly size: number | undefined;
  readonly #blocks: AsyncIterator<Uint8Array>;
  readonly #onBytes: OnBytes | undefined;
  /** Of a file: read without a copy between. */
  readonly #handle: FileHandle | undefined;
  #ahead: Uint8Array = new Uint8Array(0);
  #read = 0;

  constructor(
    name: string,
    blocks: AsyncIterable<Uint8Array>,
    size?: number,
    onBytes?: OnBytes,
    handle?: FileHandle,
  ) {
    this.name = name;
    this.size = size;
    this.#blocks = blocks[Symbol.asyncIterator]();
    this.#onBytes = onBytes;
    this.#handle = handle;
  }

  /** The next `count` bytes, fewer only at the end; they stay to be read. */
  async peek(count: number): Promise<Uint8Array> {
    while (this.#ahead.length < count) {
      const block = await this.#next();
      if (block === undefined) break;
      this.#ahead = this.#ahead.length === 0 ? block : Buffer.concat([this.#ahead, block]);
    }
    return this.#ahead.subarray(0, count);
  }

  /** The next block of any length but 0; undefined at the end. */
  async block(): Promise<Uint8Array | undefined> {
    if (this.#ahead.length === 0) return this.#next();
    const block = this.#ahead;
    this.#ahead = new Uint8Array(0);
    return block;
  }

  /** Fills `target`, or as much of it as there is; returns how many bytes that were. */
  async readInto(target: Uint8Array): Promise<number> {
    let filled = 0;
    while (filled < target.length) {
      if (this.#handle && this.#ahead.length === 0) {
        const read = await this.#readHandle(this.#handle, target.subarray(filled));
        if (read === 0) break;
        filled += read;
        continue;
      }
      const block = await this.block();
      if (block === undefined) break;
      const part = block.subarray(0, target.length - filled);
      target.set(part, filled);
      filled += part.length;
      this.#ahead = block.subarray(part.length);
    }
    return filled;
  }

  /** Stops reading; the file is closed. */
  async close(): Promise<void> {
    await this.#blocks.return?.();
    await this.#handle?.close();
  }

  async #readHandle(handle: FileHandle, target: Uint8Array): Promise<number> {
    try {
      const { bytesRead } = await handle.read(target, 0, target.length);
      this.#read += bytesRead;
      this.#onBytes?.(this.#read);
      return bytesRead;
    } catch (error) {
      throw systemFailure(`cannot read ${this.name}`, error);
    }
  }

  async #next(): Promise<Uint8Array | undefined> {
    try {
      for (;;) {
        const { value, done } = await this.#blocks.next();
        if (done) return undefined;
        this.#read += value.length;
        this.#onBytes?.(this.#read);
        if (value.length > 0) return value;
      }
    } catch (error) {
      throw systemFailure(`cannot read ${this.name}`, error);
    }
  }
}

/**
 * Opens a file, or standard input for `-`.
 * @throws Failure when there is no such file, or it is a folder
 */
export async function openBytes(path: string, onBytes?: OnBytes): Promise<ByteSource> {
  if (path === '-') return new ByteSource('standard input', process.stdin, undefined, onBytes);
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw new Failure(`cannot read ${path}: it is a folder, not a file`);
    if (!found.isFile()) {
      const stream = createReadStream(path, { highWaterMark: BLOCK_BYTES });
      return new ByteSource(path, stream, undefined, onBytes);
    }
    const handle = await open(path);
    return new ByteSource(path, blocksOf(handle), found.size, onBytes, handle);
  } catch (error) {
    throw systemFailure(`cannot read ${path}`, error);
  }
}

/** From where the handle is, as it is read by others, too. */
async function* blocksOf(handle: FileHandle): AsyncGenerator<Uint8Array> {
  for (;;) {
    const block = Buffer.allocUnsafe(BLOCK_BYTES);
    const { bytesRead } = await handle.read(block, 0, block.length);
    if (bytesRead === 0) return;
    yield block.subarray(0, bytesRead);
  }
}

/**
 * The last bytes of a file, all of them where there are fewer.
 * @throws Failure when it cannot be read
 */
export async function readEnd(path: string, count: number): Promise<Uint8Array> {
  try {
    const handle = await open(path);
    try {
      const { size } = await handle.stat();
      const bytes = new Uint8Array(Math.min(count, size));
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, size - bytes.length);
      return bytes.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw systemFailure(`cannot read ${path}`, error);
  }
}
