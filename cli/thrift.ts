// Thrift's compact protocol, in which Parquet writes its metadata, as plain structures.
// Must not read beyond the bytes it is given, nor make more of them than they can hold.
// Source: the Thrift compact protocol specification (thrift-compact-protocol.md of apache/thrift).
import { Damage } from './damage.ts';

export type ThriftValue = boolean | number | Uint8Array | readonly ThriftValue[] | ThriftStruct;
/** Fields by their numbers. */
export type ThriftStruct = ReadonlyMap<number, ThriftValue>;

const [TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT] = [
  1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
];
const DEEPEST = 64;

/** Bytes with a place in them. */
export class ThriftReader {
  at: number;
  readonly #bytes: Uint8Array;
  #depth = 0;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.at = at;
  }

  /** @throws Damage where the bytes end, or are no structure */
  struct(): ThriftStruct {
    if (++this.#depth > DEEPEST) throw new Damage('its metadata is nested too deeply');
    const fields = new Map<number, ThriftValue>();
    for (let field = 0; ; ) {
      const header = this.#byte();
      const type = header & 15;
      if (type === 0) break;
      field = header >> 4 === 0 ? this.#zigzag() : field + (header >> 4);
      fields.set(field, type === TRUE || type === FALSE ? type === TRUE : this.#value(type));
    }
    this.#depth--;
    return fields;
  }

  #value(type: number): ThriftValue {
    switch (type) {
      case TRUE:
      case FALSE:
        return this.#byte() === TRUE;
      case BYTE:
        return (this.#byte() << 24) >> 24;
      case I16:
      case I32:
      case I64:
        return this.#zigzag();
      case DOUBLE:
        return new DataView(Uint8Array.from(this.#take(8)).buffer).getFloat64(0, true);
      case BINARY:
        return this.#take(this.#varint());
      case LIST:
      case SET:
        return this.#list();
      case STRUCT:
        return this.struct();
      case MAP:
        return this.#map();
      default:
        throw new Damage(`its metadata has a value of unknown type ${type}`);
    }
  }

  #list(): readonly ThriftValue[] {
    const header = this.#byte();
    const size = header >> 4 === 15 ? this.#varint() : header >> 4;
    // Each element has a byte at least.
    this.#expect(size);
    return Array.from({ length: size }, () => this.#value(header & 15));
  }

  #map(): readonly ThriftValue[] {
    const size = this.#varint();
    if (size === 0) return [];
    const types = this.#byte();
    this.#expect(2 * size);
    return Array.from({ length: 2 * size }, (_, i) => this.#value(i % 2 === 0 ? types >> 4 : types & 15));
  }

  #zigzag(): number {
    const value = this.#varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** An unsigned integer, rounded beyond 2^53: such are in statistics only, or more than any file can hold. */
  #varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.#byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
    throw new Damage('its metadata has an integer of more than 64 bits');
  }

  #byte(): number {
    this.#expect(1);
    return this.#bytes[this.at++];
  }

  #take(count: number): Uint8Array {
    this.#expect(count);
    this.at += count;
    return this.#bytes.subarray(this.at - count, this.at);
  }

  #expect(count: number): void {
    if (count > this.#bytes.length - this.at) throw new Damage('its metadata is cut off');
  }
}

/** A field that must be an integer from 0. */
export function countField(struct: ThriftStruct, field: number, what: string): number {
  const value = struct.get(field);
  if (typeof value !== 'number' || !(value >= 0)) throw new Damage(`its metadata lacks ${what}`);
  return value;
}

export function numberField(struct: ThriftStruct, field: number): number | undefined {
  const value = struct.get(field);
  return typeof value === 'number' ? value : undefined;
}

export function structField(struct: ThriftStruct, field: number): ThriftStruct | undefined {
  const value = struct.get(field);
  return value instanceof Map ? value : undefined;
}

/** @throws Damage where there is no list of structures */
export function structsField(struct: ThriftStruct, field: number, what: string): readonly ThriftStruct[] {
  const value = struct.get(field);
  if (Array.isArray(value) && value.every((item) => item instanceof Map)) return value as ThriftStruct[];
  throw new Damage(`its metadata lacks ${what}`);
}

export function textField(struct: ThriftStruct, field: number): string {
  const value = struct.get(field);
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : '';
}
