// The library as a host: it merges blocks along the tree of docs/ABI.md and no other.
import { expect, it } from 'vitest';
import { withKernel } from '../../src/kernel.ts';
import { blockCount, blockRows, StatisticsStack } from '../../src/passes.ts';
import { expectBitEqual } from '../helpers/kernel-compare.ts';
import { mergeTree } from '../reference-kernel.ts';

it('statistics of blocks meet in the documented order, for any number of blocks', () => {
  for (let blocks = 1; blocks <= 70; blocks++) {
    const parts = Array.from({ length: blocks }, (_, i) => [
      1 / (3 + i),
      (1 / 3) * 10 ** (i % 7),
      1 / 7 / (i + 1),
    ]);
    withKernel(0, (kernel) => {
      const stack = new StatisticsStack(kernel, 3, blocks);
      for (let again = 0; again < 2; again++) {
        stack.clear();
        for (const part of parts) {
          kernel.view(stack.push(), 3).set(part);
          stack.carry();
        }
        expectBitEqual(kernel.copy(stack.finish(), 3), mergeTree(parts), `${blocks} blocks`);
      }
    });
  }
});

it('blocks have 4,096 rows, the last what is left', () => {
  expect([1, 4095, 4096, 4097, 8192, 8193].map(blockCount)).toEqual([1, 1, 1, 2, 2, 3]);
  expect([0, 1, 2].map((block) => blockRows(8193, block))).toEqual([4096, 4096, 1]);
  expect(blockRows(8192, 1)).toBe(4096);
});
