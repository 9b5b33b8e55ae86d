// FlatBuffers tables, in which Arrow writes its metadata.
// Must not read beyond the bytes it is given: a DataView sees to that, by a RangeError.
// Source: the internals of FlatBuffers (internals.md of google/flatbuffers).
import { Damage } from './damage.ts';

/** A table: fields by their places in the schema, each of which may be absent. */
export class FlatTable {
  readonly #view: DataView;
  readonly #at: number;
  readonly #fields: number;
  readonly #size: number;

  constructor(view: DataView, at: number) {
    this.#view = view;
    this.#at = at;
    this.#fields = at - view.getInt32(at, true);
    this.#size = view.getUint16(this.#fields, true);
  }

  /** The table that a buffer begins with. */
  static root(bytes: Uint8Array): FlatTable {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return new FlatTable(view, view.getUint32(0, true));
  }

  uint8(field: number, standard = 0): number {
    const at = this.#place(field);
    return at === undefined ? standard : this.#view.getUint8(at);
  }

  int16(field: number, standard = 0): number {
    const at = this.#place(field);
    return at === undefined ? standard : this.#view.getInt16(at, true);
  }

  int32(field: number, standard = 0): number {
    const at = this.#place(field);
    return at === undefined ? standard : this.#view.getInt32(at, true);
  }

  /** A number of things, from 0. @throws Damage for one that no file can have */
  count(field: number): number {
    const at = this.#place(field);
    return at === undefined ? 0 : countAt(this.#view, at);
  }

  text(field: number): string {
    const at = this.#target(field);
    if (at === undefined) return '';
    const length = this.#view.getUint32(at, true);
    if (length > this.#view.byteLength - at - 4) throw new Damage('its metadata is cut off');
    return new TextDecoder().decode(
      new Uint8Array(this.#view.buffer, this.#view.byteOffset + at + 4, length),
    );
  }

  table(field: number): FlatTable | undefined {
    const at = this.#target(field);
    return at === undefined ? undefined : new FlatTable(this.#view, at);
  }

  tables(field: number): FlatTable[] {
    return this.#elements(field, 4, (at) => new FlatTable(this.#view, at + this.#view.getUint32(at, true)));
  }

  /** A vector of structures of `width` counts each. */
  counts(field: number, width: number): number[][] {
    return this.#elements(field, 8 * width, (at) =>
      Array.from({ length: width }, (_, i) => countAt(this.#view, at + 8 * i)),
    );
  }

  #elements<T>(field: number, size: number, element: (at: number) => T): T[] {
    const at = this.#target(field);
    if (at === undefined) return [];
    const length = this.#view.getUint32(at, true);
    if (length * size > this.#view.byteLength - at - 4) throw new Damage('its metadata is cut off');
    return Array.from({ length }, (_, i) => element(at + 4 + i * size));
  }

  /** Where a field refers to. */
  #target(field: number): number | undefined {
    const at = this.#place(field);
    return at === undefined ? undefined : at + this.#view.getUint32(at, true);
  }

  /** Where a field is. */
  #place(field: number): number | undefined {
    const entry = 4 + 2 * field;
    if (entry + 2 > this.#size) return undefined;
    const offset = this.#view.getUint16(this.#fields + entry, true);
    return offset === 0 ? undefined : this.#at + offset;
  }
}

/** An integer of 64 bits that counts something. */
export function countAt(view: DataView, at: number): number {
  const count = Number(view.getBigInt64(at, true));
  if (count >= 0 && Number.isSafeInteger(count)) return count;
  throw new Damage(`its metadata counts ${count}`);
}
