// The rows that a data-driven start looks at, with their values, found while all rows pass by once.
// Must not know where rows come from; choose-rows.ts has the rule and applies it where rows can be looked up.
import type { ChosenRows } from './passes.ts';
import { hashRow } from './random.ts';

/** Of the rows seen, the `most` of positive weight with the smallest (hash, row); all rows as long as there are no more. */
export class RowSample {
  readonly #seed: number;
  readonly #most: number;
  readonly #columns: number;
  readonly #weighted: boolean;
  readonly #hashes: Float64Array;
  readonly #rows: Float64Array;
  readonly #weights: Float64Array;
  readonly #values: Float64Array;
  /** Places of the rows, a binary heap: none below another has a larger (hash, row). */
  readonly #heap: Int32Array;
  #seen: number = 0;
  #size: number = 0;
  #places: Map<number, number> | undefined;

  constructor(seed: number, most: number, columns: number, weighted: boolean) {
    this.#seed = seed;
    this.#most = most;
    this.#columns = columns;
    this.#weighted = weighted;
    this.#hashes = new Float64Array(most);
    this.#rows = new Float64Array(most);
    this.#weights = new Float64Array(most);
    this.#values = new Float64Array(most * columns);
    this.#heap = new Int32Array(most);
  }

  /**
   * The next row.
   * @param values of which `columns` from index `at` on are the row's
   */
  add(weight: number, values: Float64Array, at: number): void {
    const row = this.#seen++;
    const hash = hashRow(this.#seed, row);
    if (row < this.#most) {
      this.#put(this.#size++, hash, row, weight, values, at);
      return;
    }
    if (row === this.#most) this.#order();
    if (weight === 0) return;
    if (this.#size < this.#most) {
      const place = this.#heap[this.#size];
      this.#put(place, hash, row, weight, values, at);
      this.#rise(this.#size++);
    } else if (this.#size > 0 && this.#isBefore(hash, row, this.#heap[0])) {
      this.#put(this.#heap[0], hash, row, weight, values, at);
      this.#sink(0);
    }
  }

  /** As chooseRows: all rows, or the `count` (at most `most`) with the smallest (hash, row) of positive weight; ascending. */
  choose(count: number): ChosenRows {
    const isWhole = this.#seen <= this.#most;
    let places = isWhole
      ? Array.from({ length: this.#size }, (_, place) => place)
      : Array.from(this.#heap.subarray(0, this.#size));
    if (count < this.#seen) {
      places = places
        .filter((place) => this.#weights[place] > 0)
        .sort((a, b) => this.#hashes[a] - this.#hashes[b] || this.#rows[a] - this.#rows[b])
        .slice(0, count)
        .sort((a, b) => this.#rows[a] - this.#rows[b]);
    }
    this.#places = new Map(places.map((place) => [this.#rows[place], place]));
    const rows = Float64Array.from(places, (place) => this.#rows[place]);
    return {
      rows,
      weights: this.#weighted ? Float64Array.from(places, (place) => this.#weights[place]) : undefined,
    };
  }

  /** The values of a row that {@link choose} has given; undefined for others. */
  values(row: number): Float64Array | undefined {
    const place = this.#places?.get(row);
    if (place === undefined) return undefined;
    return this.#values.subarray(place * this.#columns, (place + 1) * this.#columns);
  }

  #put(place: number, hash: number, row: number, weight: number, values: Float64Array, at: number): void {
    this.#hashes[place] = hash;
    this.#rows[place] = row;
    this.#weights[place] = weight;
    const to = place * this.#columns;
    for (let j = 0; j < this.#columns; j++) this.#values[to + j] = values[at + j];
  }

  /** There are more rows than places: from now on those of weight zero have none. */
  #order(): void {
    let size = 0;
    let free = this.#most;
    for (let place = 0; place < this.#most; place++) {
      if (this.#weights[place] > 0) this.#heap[size++] = place;
      else this.#heap[--free] = place;
    }
    this.#size = size;
    for (let at = (size >>> 1) - 1; at >= 0; at--) this.#sink(at);
  }

  #isBefore(hash: number, row: number, place: number): boolean {
    return hash < this.#hashes[place] || (hash === this.#hashes[place] && row < this.#rows[place]);
  }

  #isAfter(a: number, b: number): boolean {
    return this.#isBefore(this.#hashes[b], this.#rows[b], a);
  }

  #swap(a: number, b: number): void {
    const heap = this.#heap;
    [heap[a], heap[b]] = [heap[b], heap[a]];
  }

  #rise(at: number): void {
    const heap = this.#heap;
    for (let above = (at - 1) >> 1; at > 0 && this.#isAfter(heap[at], heap[above]); above = (at - 1) >> 1) {
      this.#swap(at, above);
      at = above;
    }
  }

  #sink(at: number): void {
    const heap = this.#heap;
    for (;;) {
      let largest = at;
      for (const below of [2 * at + 1, 2 * at + 2]) {
        if (below < this.#size && this.#isAfter(heap[below], heap[largest])) largest = below;
      }
      if (largest === at) return;
      this.#swap(at, largest);
      at = largest;
    }
  }
}
