// Equal inputs give equal bits: again, elsewhere in memory, in a memory that grew, in another instance.
import { describe, expect, it } from 'vitest';
import { EPSILON, FORMS, makeCase } from '../helpers/kernel-cases.ts';
import { expectBitEqual, expectRelative } from '../helpers/kernel-compare.ts';
import { GuardedMemory } from '../helpers/kernel-memory.ts';
import { freshMemory, type RunResult, runCase } from '../helpers/kernel-run.ts';

const results = ['resp', 'logProb', 'norm', 'statistics', 'weighted'] as const;

function expectSame(a: RunResult, b: RunResult, what: string): void {
  for (const name of results) expectBitEqual(a[name], b[name], `${what}: ${name}`);
}

/** Shapes that use every tile size, with tails. */
const shapes: [number, number, number][] = [
  [1, 1, 1],
  [17, 1, 3],
  [130, 2, 4],
  [131, 3, 5],
  [129, 8, 3],
  [67, 9, 2],
  [65, 16, 3],
  [66, 33, 2],
  [35, 40, 3],
  [4096, 4, 3],
];

describe.each(FORMS)('$name', ({ form }) => {
  it('gives the same bits when repeated and when buffers lie elsewhere', () => {
    for (const [n, d, k] of shapes) {
      const c = makeCase(form, n, d, k, n + d);
      const first = runCase(freshMemory(), c);
      for (const shift of [0, 1, 3, 250, 5000]) {
        expectSame(
          runCase(freshMemory(shift), c),
          first,
          `N ${n}, D ${d}, K ${k}, moved ${16 * shift} bytes`,
        );
      }
    }
  });

  it('gives the same bits in a new instance and after other work', () => {
    const c = makeCase(form, 90, 5, 3, 1);
    const memory = new GuardedMemory();
    const first = runCase(memory, c);
    memory.reset();
    runCase(memory, makeCase(form, 300, 12, 4, 2));
    memory.reset();
    expectSame(runCase(memory, c), first, 'after other work');
    expectSame(runCase(new GuardedMemory(), c), first, 'a new instance');
  });

  it('gives the same bits beyond 2 GiB, where pointers are negative as signed numbers', () => {
    const c = makeCase(form, 70, 5, 3, 3);
    const first = runCase(freshMemory(), c);
    const memory = new HighMemory();
    expectSame(runCase(memory as unknown as GuardedMemory, c), first, 'high addresses');
  });

  it('moves with the data: a shift by whole numbers leaves statistics and responsibilities as they are', () => {
    for (const d of [1, 2, 3, 6]) {
      const near = makeCase(form, 50, d, 3, d);
      // Rows to multiples of 2^-10 as well, so that the shift is exact.
      const grid = near.x.map((row) => row.map((value) => Math.round(value * 1024) / 1024));
      const shift = 2 ** 23;
      const move = (rows: number[][]) => rows.map((row) => row.map((value) => value + shift));
      const here = runCase(freshMemory(), { ...near, x: grid });
      const mixture = { ...near.mixture, means: move(near.mixture.means) };
      const there = runCase(freshMemory(), { ...near, mixture, x: move(grid) });
      // Only the tied form's reference point rounds differently; what it enters is of the size of the data's spread.
      const scale = Math.max(...here.statistics.map(Math.abs));
      expectRelative(there.statistics, here.statistics, 2 ** 10 * EPSILON, `D ${d}: statistics`, scale);
      expectRelative(there.resp, here.resp, 2 ** 12 * EPSILON, `D ${d}: resp`, 1);
    }
  });
});

/** The operations of a guarded memory at the upper end of an address space of more than 2 GiB, without the guards. */
class HighMemory {
  readonly exports: GuardedMemory['exports'];
  readonly #guarded: GuardedMemory = new GuardedMemory();
  #top: number;

  constructor() {
    this.exports = this.#guarded.exports;
    this.exports.memory.grow(32_768 + 64);
    this.#top = 2 ** 31 - 4096;
  }

  output(name: string, count: number): ReturnType<GuardedMemory['output']> {
    const region = { name, address: this.#top, count, type: 'f64' as const };
    this.#top += Math.ceil((count * 8 + 64) / 16) * 16;
    return region;
  }

  outputI32(name: string, count: number): ReturnType<GuardedMemory['output']> {
    return { ...this.output(name, count), type: 'i32' };
  }

  input(name: string, values: ArrayLike<number>): ReturnType<GuardedMemory['output']> {
    const region = this.output(name, values.length);
    this.f64(region).set(values);
    return region;
  }

  f64(region: { address: number; count: number }): Float64Array {
    return new Float64Array(this.exports.memory.buffer, region.address, region.count);
  }

  i32(region: { address: number; count: number }): Int32Array {
    return new Int32Array(this.exports.memory.buffer, region.address, region.count);
  }

  read(region: { address: number; count: number }): Float64Array {
    return this.f64(region).slice();
  }

  spoil(region: { address: number; count: number }): void {
    this.f64(region).fill(Number.NaN);
  }

  call(operation: 'gmm_pack', args: ({ address: number } | number)[]): number {
    const numbers = args.map((argument) => (typeof argument === 'number' ? argument : argument.address));
    expect(numbers.length).toBe(this.exports[operation].length);
    return (this.exports[operation] as (...values: number[]) => unknown)(...numbers) as number;
  }
}
