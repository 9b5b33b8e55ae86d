// Sums over blocks of rows that may come in any order, from anywhere: merged along the one tree of docs/ABI.md.
// Must not know what is summed. Nothing here is changed in place: a merge makes new sums.
import { GaussmixRangeError } from './errors.ts';
import { BLOCK } from './kernel.ts';

/** A sum over the blocks start ... start + size - 1: size is a power of two, start a multiple of it. */
export interface BlockSum {
  readonly start: number;
  readonly size: number;
  readonly sum: Float64Array;
}

/**
 * Sums of numbered blocks, joined as far as the tree allows, and one of rows without a number. Numbered blocks give the same bits
 * in whatever order they are merged, for which sums meet depends on their numbers alone.
 */
export class BlockSums {
  /** Ascending, no two of them joined by the tree. */
  readonly parts: readonly BlockSum[];
  /** Of rows without a number: these are added up in the order of the merges. */
  readonly loose: Float64Array | undefined;
  #total: Float64Array | undefined;

  /**
   * @param parts in any order
   * @throws GaussmixRangeError INVALID_STATISTICS for a block that is there twice
   */
  constructor(parts: readonly BlockSum[], loose?: Float64Array) {
    const joined: BlockSum[] = [];
    for (const part of [...parts].sort((a, b) => a.start - b.start)) {
      const last = joined.at(-1);
      if (last && last.start + last.size > part.start) throw countedTwice(part.start);
      joined.push(part);
      joinTop(joined);
    }
    this.parts = joined;
    this.loose = loose;
  }

  /** Sums of consecutive blocks, given one by one. */
  static ofBlocks(firstBlock: number, blocks: Iterable<Float64Array>): BlockSums {
    const joined: BlockSum[] = [];
    let start = firstBlock;
    for (const sum of blocks) {
      joined.push({ start: start++, size: 1, sum });
      joinTop(joined);
    }
    return new BlockSums(joined);
  }

  /** The same sums as those of rows without a number. */
  unnumbered(): BlockSums {
    return new BlockSums([], this.total);
  }

  merge(other: BlockSums): BlockSums {
    const { loose } = other;
    const both = this.loose && loose ? added(this.loose, loose) : (this.loose ?? loose);
    return new BlockSums([...this.parts, ...other.parts], both);
  }

  /** Over all rows; where blocks from 0 on are all there, the bits of the tree. */
  get total(): Float64Array {
    this.#total ??= [this.loose, ...this.parts.map(({ sum }) => sum)]
      .filter((sum) => sum !== undefined)
      .reduceRight((later, earlier) => added(earlier, later));
    return this.#total;
  }

  /** The first blocks that are missing before the last one that is there. */
  get gap(): { readonly start: number; readonly end: number } | undefined {
    let next = 0;
    for (const { start, size } of this.parts) {
      if (start > next) return { start: next, end: start };
      next = start + size;
    }
    return undefined;
  }
}

/** Joins the last two as long as they are the halves of an aligned subtree. */
function joinTop(parts: BlockSum[]): void {
  for (;;) {
    const [left, right] = parts.slice(-2);
    const halves = right && left.size === right.size && left.start + left.size === right.start;
    if (!halves || left.start % (2 * left.size) !== 0) return;
    parts.splice(-2, 2, { start: left.start, size: 2 * left.size, sum: added(left.sum, right.sum) });
  }
}

function added(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, i) => value + b[i]);
}

function countedTwice(block: number): GaussmixRangeError {
  const first = block * BLOCK;
  return new GaussmixRangeError(
    'INVALID_STATISTICS',
    `rows ${first} to ${first + BLOCK - 1} (rows count from 0) are in both statistics: the same part was given twice, or two parts ` +
      'were given the same firstRow',
  );
}
