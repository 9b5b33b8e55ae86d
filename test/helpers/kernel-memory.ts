// The kernel binary with its memory under guard: a call may change the buffers it is said to write and nothing else.
// Must not use the library: it stands for any foreign host.
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { KernelExports } from '../../src/kernel.ts';

/** A buffer in kernel memory: `count` elements of 8 (f64) or 4 (i32) bytes. */
export interface Region {
  readonly name: string;
  readonly address: number;
  readonly count: number;
  readonly type: 'f64' | 'i32';
}

/** The functions among the exports. */
export type Operation = Exclude<keyof KernelExports, 'memory' | 'gmm_abi_version'>;

/**
 * What memory holds that nothing has been written to, by turns: a quiet NaN, which spreads into results when read by
 * mistake, and a number (about 69,000), which changes when something is added to it by mistake, as a NaN does not.
 */
const SENTINELS = [0x7ff8_dead_beef_cafen, 0x40f0_dead_beef_cafen];
/** Guard words between buffers; more than a panel row, so that a vector store past the end lands in them. */
const GUARD_BYTES = 128;
const PAGE_BYTES = 65536;

export const BINARY_URL: URL = new URL('../../build/gaussmix.wasm', import.meta.url);

let compiled: WebAssembly.Module | undefined;

/** The binary under test, compiled once. */
export function kernelModule(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(readFileSync(BINARY_URL));
  return compiled;
}

/** A fresh instance, instantiated as a bare host does. */
export function instantiate(): KernelExports {
  return new WebAssembly.Instance(kernelModule(), {}).exports as unknown as KernelExports;
}

export class GuardedMemory {
  readonly exports: KernelExports = instantiate();
  #top: number = 0;
  #resets: number = 0;

  constructor() {
    this.reset();
  }

  /**
   * Forgets all buffers and fills the memory above the heap base with sentinels, other ones than the last time.
   * @param shift multiples of 16 bytes by which all later buffers move
   */
  reset(shift: number = 0): void {
    this.#resets++;
    const base = Math.ceil((this.exports.gmm_heap_base() >>> 0) / 16) * 16;
    new BigUint64Array(this.exports.memory.buffer).fill(this.#sentinel, base / 8);
    this.#top = base + 16 * shift;
  }

  /** `count` doubles that hold sentinels: what a host's memory may hold before an operation writes it. */
  output(name: string, count: number): Region {
    return this.#allocate(name, count, 'f64');
  }

  outputI32(name: string, count: number): Region {
    return this.#allocate(name, count, 'i32');
  }

  /** A buffer that holds the values. */
  input(name: string, values: ArrayLike<number>): Region {
    const buffer = this.#allocate(name, values.length, 'f64');
    this.f64(buffer).set(values);
    return buffer;
  }

  inputI32(name: string, values: ArrayLike<number>): Region {
    const buffer = this.#allocate(name, values.length, 'i32');
    this.i32(buffer).set(values);
    return buffer;
  }

  /** View of a buffer; lives until the next allocation. */
  f64(buffer: Region): Float64Array {
    return new Float64Array(this.exports.memory.buffer, buffer.address, buffer.count);
  }

  i32(buffer: Region): Int32Array {
    return new Int32Array(this.exports.memory.buffer, buffer.address, buffer.count);
  }

  /** Copy of a buffer of doubles. */
  read(buffer: Region): Float64Array {
    return this.f64(buffer).slice();
  }

  /** Sentinels again, as after {@link output}. */
  spoil(buffer: Region): void {
    const sentinel = this.#sentinel;
    const bytes = new Uint8Array(this.exports.memory.buffer, buffer.address, byteLength(buffer));
    for (let i = 0; i < bytes.length; i++) bytes[i] = Number((sentinel >> BigInt(8 * (i % 8))) & 0xffn);
  }

  /**
   * Calls an operation and demands that every byte outside the buffers `writes` is what it was before: guard words,
   * inputs, the module's own data and free memory alike.
   */
  call(operation: Operation, args: (Region | number)[], writes: Region[]): number {
    const before = new Uint8Array(this.exports.memory.buffer.slice(0));
    const numbers = args.map((argument) => (typeof argument === 'number' ? argument : argument.address));
    const result = (this.exports[operation] as (...values: number[]) => number)(...numbers);
    const after = new Uint8Array(this.exports.memory.buffer);
    expect(after.length, `${operation} must not grow the memory`).toBe(before.length);
    let from = 0;
    for (const buffer of [...writes].sort((a, b) => a.address - b.address)) {
      expectUntouched(operation, before, after, from, buffer.address);
      from = buffer.address + byteLength(buffer);
    }
    expectUntouched(operation, before, after, from, after.length);
    return result;
  }

  get #sentinel(): bigint {
    return SENTINELS[this.#resets % SENTINELS.length];
  }

  #allocate(name: string, count: number, type: 'f64' | 'i32'): Region {
    const address = this.#top + GUARD_BYTES;
    const buffer: Region = { name, address, count, type };
    this.#top = Math.ceil((address + byteLength(buffer)) / 16) * 16;
    const missing = this.#top + GUARD_BYTES - this.exports.memory.buffer.byteLength;
    if (missing > 0) {
      const old = this.exports.memory.buffer.byteLength;
      this.exports.memory.grow(Math.ceil(missing / PAGE_BYTES));
      new BigUint64Array(this.exports.memory.buffer).fill(this.#sentinel, old / 8);
    }
    return buffer;
  }
}

function byteLength(buffer: Region): number {
  return buffer.count * (buffer.type === 'f64' ? 8 : 4);
}

function expectUntouched(
  operation: string,
  before: Uint8Array,
  after: Uint8Array,
  from: number,
  to: number,
): void {
  // Buffer.compare runs at memcmp speed; only a difference is looked for byte by byte.
  if (Buffer.compare(before.subarray(from, to), after.subarray(from, to)) === 0) return;
  for (let at = from; at < to; at++) {
    if (before[at] !== after[at])
      expect.fail(`${operation} wrote to byte ${at}, which is not among what it may write`);
  }
}
