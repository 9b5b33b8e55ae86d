// Sums over blocks of rows that may come in any order, from anywhere: merged along the one tree of docs/ABI.md.
// Must not know what is summed. Nothing here is changed in place: a merge makes new sums.
import { GaussmixRangeError } from './errors.ts';
import { BLOCK } from './kernel.ts';

/** A sum over the blocks start ... start + size - 1: size is a power of two, start a multiple of it. */
export interface BlockSum {
  readonly start: number;
  readonly size: number;
  /** Rows in these blocks: 4,096 in each, fewer in the last of all blocks alone. */
  readonly rows: number;
  readonly sum: Float64Array;
}

/** A sum over rows without a number. */
export interface LooseSum {
  readonly rows: number;
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
  readonly loose: LooseSum | undefined;
  #total: Float64Array | undefined;

  /**
   * @param parts in any order
   * @throws GaussmixRangeError INVALID_STATISTICS for a block that is there twice, or has too few rows for one that others follow
   */
  constructor(parts: readonly BlockSum[], loose?: LooseSum) {
    const joined: BlockSum[] = [];
    for (const part of [...parts].sort((a, b) => a.start - b.start)) {
      const last = joined.at(-1);
      if (last && last.start + last.size > part.start) throw countedTwice(part.start);
      if (last && last.rows < last.size * BLOCK) throw cutShort(last);
      joined.push(part);
      joinTop(joined);
    }
    this.parts = joined;
    this.loose = loose;
  }

  /** Sums of the consecutive blocks of so many rows, given one by one. */
  static ofBlocks(firstBlock: number, rows: number, blocks: Iterable<Float64Array>): BlockSums {
    const joined: BlockSum[] = [];
    let done = 0;
    for (const sum of blocks) {
      joined.push({ start: firstBlock + done, size: 1, rows: Math.min(BLOCK, rows - done * BLOCK), sum });
      done++;
      joinTop(joined);
    }
    return new BlockSums(joined);
  }

  /** The same sums as those of rows without a number. */
  unnumbered(): BlockSums {
    return new BlockSums([], { rows: this.rows, sum: this.total });
  }

  merge(other: BlockSums): BlockSums {
    const { loose } = other;
    const mine = this.loose;
    const both =
      mine && loose ? { rows: mine.rows + loose.rows, sum: added(mine.sum, loose.sum) } : (mine ?? loose);
    return new BlockSums([...this.parts, ...other.parts], both);
  }

  /** Number of rows. */
  get rows(): number {
    return this.parts.reduce((count, { rows }) => count + rows, this.loose?.rows ?? 0);
  }

  /** Over all rows; where blocks from 0 on are all there, the bits of the tree. */
  get total(): Float64Array {
    this.#total ??= [...(this.loose ? [this.loose] : []), ...this.parts]
      .map(({ sum }) => sum)
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
    const sum = added(left.sum, right.sum);
    parts.splice(-2, 2, { start: left.start, size: 2 * left.size, rows: left.rows + right.rows, sum });
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

function cutShort({ start, size, rows }: BlockSum): GaussmixRangeError {
  const [first, end] = [start * BLOCK + rows, (start + size) * BLOCK];
  return new GaussmixRangeError(
    'INVALID_STATISTICS',
    `rows ${first} to ${end - 1} (rows count from 0) are missing, though later rows are there: a part was cut short, or ends within a ` +
      `block. Cut rows at multiples of ${BLOCK} and accumulate that part again, or leave firstRow out where rows are left out on purpose`,
  );
}
