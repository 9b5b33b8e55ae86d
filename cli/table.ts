// A table of numbers as the commands use it, and the store that grows while a file is read.
// Must not know file formats.

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
  /** What a careful user should know, one sentence each. */
  readonly notes: readonly string[];
}

/** Longest segment, in doubles (16 MiB). */
const SEGMENT = 1 << 21;

/** Doubles in segments, so that growing never copies what is there. */
export class GrowingVector {
  readonly #full: Float64Array[] = [];
  #segment: Float64Array = new Float64Array(1024);
  #used = 0;

  push(value: number): void {
    if (this.#used === this.#segment.length) {
      this.#full.push(this.#segment);
      this.#segment = new Float64Array(Math.min(SEGMENT, 2 * this.#segment.length));
      this.#used = 0;
    }
    this.#segment[this.#used++] = value;
  }

  /** All values in one array; the vector is empty afterwards, its segments free to be collected one by one. */
  take(): Float64Array {
    const length = this.#full.reduce((sum, segment) => sum + segment.length, this.#used);
    const result = new Float64Array(length);
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
