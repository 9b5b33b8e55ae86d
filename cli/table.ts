// A table of numbers as the commands use it, and the store that grows while a file is read.
// Must not know file formats.
import { Failure } from './failure.ts';

/** Rows of features, as read from a file. */
export interface Table {
  /** Row-major (rows x columns). */
  readonly data: Float64Array;
  readonly rows: number;
  readonly columns: number;
  /** Names of the features, where the file has a header with a name of its own for each. */
  readonly names: readonly string[] | undefined;
  /** How messages name each feature: its place in the file, from 1, and its name. */
  readonly labels: readonly string[];
  /** One per row, of the column chosen as the weight. */
  readonly weights: Float64Array | undefined;
  /** Of the column chosen to divide the rows. */
  readonly groups: Groups | undefined;
  /** What a careful user should know, one sentence each. */
  readonly notes: readonly string[];
}

/** Which group each row belongs to. */
export interface Groups {
  /** One per row: the number of its group. */
  readonly ids: Int32Array;
  /** In the order in which they first appear. */
  readonly names: readonly string[];
}

/** Longest segment, in elements. */
const SEGMENT = 1 << 21;

/** Numbers in segments, so that growing never copies what is there; doubles where nothing else is asked for. */
export class GrowingVector<T extends Float64Array | Int32Array = Float64Array> {
  readonly #make: (length: number) => T;
  readonly #full: T[] = [];
  #segment: T;
  #used = 0;

  constructor(make: (length: number) => T = (length) => new Float64Array(length) as T) {
    this.#make = make;
    this.#segment = make(1024);
  }

  /** Appends all of them; they are copied. */
  push(values: T): void {
    for (let at = 0; at < values.length; ) {
      if (this.#used === this.#segment.length) {
        this.#full.push(this.#segment);
        this.#segment = this.#make(Math.min(SEGMENT, 2 * this.#segment.length));
        this.#used = 0;
      }
      const part = values.subarray(at, at + this.#segment.length - this.#used);
      this.#segment.set(part as Float64Array & Int32Array, this.#used);
      this.#used += part.length;
      at += part.length;
    }
  }

  /** All values in one array; the vector is empty afterwards, its segments free to be collected one by one. */
  take(): T {
    const length = this.#full.reduce((sum, segment) => sum + segment.length, this.#used);
    const result = this.#make(length);
    let at = 0;
    for (let segment = this.#full.shift(); segment !== undefined; segment = this.#full.shift()) {
      result.set(segment, at);
      at += segment.length;
    }
    result.set(this.#segment.subarray(0, this.#used), at);
    this.#used = 0;
    return result;
  }
}

/** A Map cannot hold more keys. */
const MOST_GROUPS = 1 << 24;

/** Numbers the groups, from 0, in the order in which they first appear. */
export class GroupNumbers {
  readonly #numbers: Map<string | number, number> = new Map();

  /** @throws Failure for more groups than can be told apart */
  numberOf(group: string | number): number {
    const known = this.#numbers.get(group);
    if (known !== undefined) return known;
    const number = this.#numbers.size;
    if (number === MOST_GROUPS) throw new Failure(`--group-by: there are more than ${MOST_GROUPS} groups`);
    // A copy: a piece of a text keeps the whole text in memory.
    this.#numbers.set(typeof group === 'string' ? Buffer.from(group).toString() : group, number);
    return number;
  }

  names(): readonly string[] {
    return Array.from(this.#numbers.keys(), String);
  }
}
