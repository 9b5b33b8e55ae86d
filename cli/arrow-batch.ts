// The values of the columns of one record batch of Arrow data.
// Must not read beyond the buffers of the batch.
// Source: Columnar.rst and Message.fbs of apache/arrow.
import { type ArrowField, type ColumnPlace, placesOf } from './arrow-schema.ts';
import { lz4Frame, zstd } from './compression.ts';
import { Damage, Unsupported } from './damage.ts';
import { countAt, type FlatTable } from './flatbuffer.ts';
import { decimal, readNumbers, wideInteger } from './stored-numbers.ts';

/** The values of a column: numbers, with NaN for null; or texts, with undefined for null. */
export type Values = Float64Array | readonly (string | undefined)[];

/** Dictionaries as far as they have come, by their numbers. */
export type Dictionaries = ReadonlyMap<number, Values>;

/** A record batch: its metadata and the bytes that follow. */
export class RecordBatch {
  readonly rows: number;
  readonly #body: Uint8Array;
  readonly #nodes: number[][];
  readonly #buffers: number[][];
  readonly #places: readonly ColumnPlace[];
  readonly #codec: number | undefined;

  /** @throws Damage */
  constructor(batch: FlatTable, body: Uint8Array, fields: readonly ArrowField[]) {
    this.rows = batch.count(0);
    this.#body = body;
    this.#nodes = batch.counts(1, 2);
    this.#buffers = batch.counts(2, 2);
    this.#codec = batch.table(3)?.uint8(0);
    this.#places = placesOf(
      fields,
      batch.counts(4, 1).map(([count]) => count),
    );
  }

  /** All values of a column. @throws Damage, Unsupported */
  values(field: ArrowField, column: number, dictionaries: Dictionaries): Values {
    const { node, firstBuffer, buffers } = this.#places[column];
    const [length, nulls] = this.#nodes[node] ?? [];
    if (length !== this.rows) throw new Damage('a column has another number of values than there are rows');
    const parts = Array.from({ length: buffers }, (_, i) => this.#buffer(firstBuffer + i));
    const valid = nulls > 0 ? parts[0] : undefined;
    if (valid && 8 * valid.length < length) throw new Damage('a column is cut off');
    const isNull = (row: number): boolean =>
      valid !== undefined && ((valid[row >> 3] >> (row & 7)) & 1) === 0;
    if (field.dictionary) {
      const dictionary = dictionaries.get(field.dictionary.id);
      if (dictionary === undefined) throw new Damage('a dictionary is missing');
      return look(dictionary, readNumbers(parts[1], field.dictionary.index, length), isNull);
    }
    const { storage } = field;
    if (storage.kind === 'text') {
      const text = storage.offsets === 'view' ? viewed(parts) : sliced(parts, storage.offsets, length);
      return Array.from({ length }, (_, row) => (isNull(row) ? undefined : text(row)));
    }
    if (storage.kind === 'decimal') return decimals(parts[1], storage.bytes, storage.scale, length, isNull);
    if (storage.kind === 'other') throw new Damage('a dictionary has values that are no numbers nor text');
    const numbers = readNumbers(parts[1], storage.type, length);
    if (valid) {
      for (let row = 0; row < length; row++) if (isNull(row)) numbers[row] = Number.NaN;
    }
    return numbers;
  }

  #buffer(index: number): Uint8Array {
    const [offset, length] = this.#buffers[index] ?? [];
    if (!(length <= this.#body.length - offset)) throw new Damage('a column lies beyond its record batch');
    const bytes = this.#body.subarray(offset, offset + length);
    if (this.#codec === undefined || length === 0) return bytes;
    if (length < 8) throw new Damage('a column is cut off');
    const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
    const stored = bytes.subarray(8);
    // -1: not compressed, as that would not have made it shorter.
    if (view.getBigInt64(0, true) === -1n) return stored;
    if (this.#codec > 1)
      throw new Unsupported('is compressed by a method that is not known; save it with lz4');
    return (this.#codec === 0 ? lz4Frame : zstd)(stored, countAt(view, 0));
  }
}

function look(dictionary: Values, places: Float64Array, isNull: (row: number) => boolean): Values {
  const check = (place: number): number => {
    if (place >= 0 && place < dictionary.length) return place;
    throw new Damage('a column points beyond its dictionary');
  };
  if (dictionary instanceof Float64Array) {
    return places.map((place, row) => (isNull(row) ? Number.NaN : dictionary[check(place)]));
  }
  return Array.from(places, (place, row) => (isNull(row) ? undefined : dictionary[check(place)]));
}

function decimals(
  bytes: Uint8Array,
  width: number,
  scale: number,
  length: number,
  isNull: (row: number) => boolean,
): Float64Array {
  if (length * width > bytes.length) throw new Damage('a column is cut off');
  const numbers = new Float64Array(length);
  for (let row = 0; row < length; row++) {
    numbers[row] = isNull(row)
      ? Number.NaN
      : decimal(wideInteger(bytes.subarray(row * width, (row + 1) * width), false), scale);
  }
  return numbers;
}

/** Texts between offsets. */
function sliced([, offsets, data]: Uint8Array[], bits: 32 | 64, length: number): (row: number) => string {
  // There need not be offsets for no rows.
  const ends = length === 0 ? new Float64Array(1) : readNumbers(offsets, `int${bits}`, length + 1);
  const decoder = new TextDecoder();
  return (row) => {
    const [start, end] = [ends[row], ends[row + 1]];
    if (!(start >= 0 && start <= end && end <= data.length)) throw new Damage('a column of text is damaged');
    return decoder.decode(data.subarray(start, end));
  };
}

/** Texts of up to 12 bytes are in the view itself; others are in one of the variadic buffers. */
function viewed([, views, ...data]: Uint8Array[]): (row: number) => string {
  const view = new DataView(views.buffer, views.byteOffset, views.byteLength);
  const decoder = new TextDecoder();
  return (row) => {
    const at = 16 * row;
    const length = view.getInt32(at, true);
    const [bytes, start] =
      length <= 12 ? [views, at + 4] : [data[view.getInt32(at + 8, true)], view.getInt32(at + 12, true)];
    if (!(length >= 0 && start >= 0 && bytes && start + length <= bytes.length)) {
      throw new Damage('a column of text is damaged');
    }
    return decoder.decode(bytes.subarray(start, start + length));
  };
}
