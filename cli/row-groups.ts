// The rows of a table by groups, handed out in batches that are worth a message to another thread.
// Must not copy the whole table: only the rows of the batches under way are held twice.
import type { Groups, Table } from './table.ts';

/** Some groups with their rows, one group after the other. */
export interface Batch {
  /** From 0. */
  readonly number: number;
  readonly names: readonly string[];
  /** Rows of each group. */
  readonly sizes: readonly number[];
  /** Which rows of the file they are, from 0. */
  readonly rows: Int32Array<ArrayBuffer>;
  /** Row-major. */
  readonly data: Float64Array<ArrayBuffer>;
  readonly weights: Float64Array<ArrayBuffer> | undefined;
}

/** A batch is closed when it has so many groups, or so many cells. */
export interface BatchLimits {
  readonly groups: number;
  readonly cells: number;
}

/** The table's rows in the order of their groups; within a group they keep their order. */
export class RowGroups {
  readonly count: number;
  readonly #table: Table;
  readonly #names: readonly string[];
  /** Row numbers, group by group: a counting sort, O(rows + groups). */
  readonly #order: Int32Array;
  /** Where each group begins in that order, and at last where the last one ends. */
  readonly #starts: Int32Array;

  constructor(table: Table, { ids, names }: Groups) {
    this.#table = table;
    this.#names = names;
    this.count = names.length;
    this.#starts = new Int32Array(names.length + 1);
    for (const id of ids) this.#starts[id + 1]++;
    for (let group = 0; group < names.length; group++) this.#starts[group + 1] += this.#starts[group];
    const next = this.#starts.slice();
    this.#order = new Int32Array(ids.length);
    for (let row = 0; row < ids.length; row++) this.#order[next[ids[row]]++] = row;
  }

  /** All groups in order, each in one batch, at least one in a batch. */
  *batches(limits: BatchLimits): Generator<Batch> {
    const most = limits.cells / this.#table.columns;
    const starts = this.#starts;
    let number = 0;
    for (let first = 0; first < this.count; ) {
      let end = first + 1;
      while (
        end < this.count &&
        end - first < limits.groups &&
        // Also with the next group.
        starts[end + 1] - starts[first] <= most
      ) {
        end++;
      }
      yield this.#batch(number++, first, end);
      first = end;
    }
  }

  #batch(number: number, first: number, end: number): Batch {
    const { data, columns, weights } = this.#table;
    const rows = this.#order.subarray(this.#starts[first], this.#starts[end]);
    const gathered = new Float64Array(rows.length * columns);
    let at = 0;
    for (const row of rows) {
      for (let column = 0; column < columns; column++) gathered[at++] = data[row * columns + column];
    }
    return {
      number,
      names: this.#names.slice(first, end),
      sizes: Array.from(
        { length: end - first },
        (_, i) => this.#starts[first + i + 1] - this.#starts[first + i],
      ),
      rows: rows.slice(),
      data: gathered,
      weights: weights && Float64Array.from(rows, (row) => weights[row]),
    };
  }
}
