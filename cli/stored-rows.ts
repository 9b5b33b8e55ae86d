// Rows in a file as they are in memory, to be read again and again: written to a temporary file once, or part of a .npy file.
// Must not decode anything.
import { closeSync, ftruncateSync, openSync, read, statfsSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { formatBytes } from './byte-size.ts';
import { Failure, systemFailure } from './failure.ts';
import { rememberTemporary } from './output.ts';
import { chunkRows, type RowChunk } from './rows.ts';

/**
 * Where rows are: records of `recordRows` rows (the last one may have fewer), one after the other. A record is its rows,
 * row-major, then their weights, if there are any; all little-endian doubles.
 */
export interface StoredRows {
  /** What messages call the file. */
  readonly name: string;
  /** An open file. Threads of a process share it. */
  readonly fd: number;
  /** First byte. */
  readonly start: number;
  readonly rows: number;
  readonly columns: number;
  readonly recordRows: number;
  readonly weighted: boolean;
}

const readAt = promisify(read);

/** Reads rows from the first to the last, as often as wanted. Two buffers serve in turn: a chunk is valid until the one after the next. */
export class StoredReader {
  readonly #rows: StoredRows;
  readonly #buffers: readonly [Float64Array, Float64Array];

  constructor(rows: StoredRows) {
    this.#rows = rows;
    const length = Math.min(rows.recordRows, rows.rows) * (rows.columns + (rows.weighted ? 1 : 0));
    this.#buffers = [new Float64Array(length), new Float64Array(length)];
  }

  async *chunks(): AsyncGenerator<RowChunk> {
    const { rows, columns, recordRows, weighted, start } = this.#rows;
    let at = start;
    for (let row = 0, turn = 0; row < rows; row += recordRows, turn = 1 - turn) {
      const count = Math.min(recordRows, rows - row);
      const record = this.#buffers[turn].subarray(0, count * (columns + (weighted ? 1 : 0)));
      await this.#fill(record, at);
      at += record.byteLength;
      const data = record.subarray(0, count * columns);
      const weights = weighted ? record.subarray(count * columns) : undefined;
      yield { data, rows: count, weights, groups: undefined };
    }
  }

  async #fill(record: Float64Array, position: number): Promise<void> {
    const { name, fd } = this.#rows;
    const bytes = new Uint8Array(record.buffer, record.byteOffset, record.byteLength);
    for (let filled = 0; filled < bytes.length; ) {
      let bytesRead: number;
      try {
        ({ bytesRead } = await readAt(fd, bytes, filled, bytes.length - filled, position + filled));
      } catch (error) {
        throw systemFailure(`cannot read ${name}`, error);
      }
      if (bytesRead === 0) throw new Failure(`${name} has become shorter while it was read`);
      filled += bytesRead;
    }
  }
}

/** A temporary file of rows. Its name is given up at once: whatever ends the process, nothing is left behind. */
export class Spool {
  /** Bytes written. */
  bytes: number = 0;
  readonly #folder: string;
  readonly #fd: number;
  readonly #columns: number;
  readonly #recordRows: number;
  readonly #record: Float64Array;
  readonly #weights: Float64Array | undefined;
  #filled: number = 0;
  #rows: number = 0;

  /**
   * @param expected bytes that will be written, where that is known
   * @throws Failure when the folder cannot be written to, or has not as much space
   */
  constructor(folder: string, columns: number, weighted: boolean, expected: number | undefined) {
    this.#folder = folder;
    this.#columns = columns;
    this.#recordRows = chunkRows(columns);
    this.#record = new Float64Array(this.#recordRows * columns);
    this.#weights = weighted ? new Float64Array(this.#recordRows) : undefined;
    try {
      const { bavail, bsize } = statfsSync(folder);
      if (expected !== undefined && bavail * bsize < expected) {
        throw new Failure(
          `${folder} has ${formatBytes(bavail * bsize)} left, but the temporary file of the rows needs ${formatBytes(expected)}: ` +
            'choose another folder with --temporary, or a larger --memory',
        );
      }
      const path = join(folder, `gaussmix-${process.pid}-${Date.now().toString(36)}.tmp`);
      this.#fd = openSync(path, 'wx+', 0o600);
      try {
        unlinkSync(path);
      } catch {
        // Where an open file cannot be removed, it is when the command ends.
        rememberTemporary(path);
      }
    } catch (error) {
      throw systemFailure(`cannot write a temporary file in ${folder}`, error);
    }
  }

  add({ data, rows, weights }: RowChunk): void {
    const columns = this.#columns;
    for (let at = 0; at < rows; ) {
      const count = Math.min(rows - at, this.#recordRows - this.#filled);
      this.#record.set(data.subarray(at * columns, (at + count) * columns), this.#filled * columns);
      if (weights) this.#weights?.set(weights.subarray(at, at + count), this.#filled);
      this.#filled += count;
      at += count;
      if (this.#filled === this.#recordRows) this.#flush();
    }
  }

  /** After the last row. */
  end(): StoredRows {
    this.#flush();
    return {
      name: `the temporary file in ${this.#folder}`,
      fd: this.#fd,
      start: 0,
      rows: this.#rows,
      columns: this.#columns,
      recordRows: this.#recordRows,
      weighted: this.#weights !== undefined,
    };
  }

  close(): void {
    // A file without a name goes with its last reader; one with a name at least takes no space.
    try {
      ftruncateSync(this.#fd);
    } catch {}
    closeSync(this.#fd);
  }

  #flush(): void {
    this.#write(this.#record.subarray(0, this.#filled * this.#columns));
    if (this.#weights) this.#write(this.#weights.subarray(0, this.#filled));
    this.#rows += this.#filled;
    this.#filled = 0;
  }

  #write(values: Float64Array): void {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    try {
      for (let written = 0; written < bytes.length; )
        written += writeSync(this.#fd, bytes, written, bytes.length - written);
    } catch (error) {
      const { message } = systemFailure(
        `cannot write the temporary file of the rows in ${this.#folder}, which has ${formatBytes(this.bytes)} so far`,
        error,
      );
      throw new Failure(`${message}. Choose another folder with --temporary, or a larger --memory`);
    }
    this.bytes += bytes.length;
  }
}
