// The encodings of values within a page of a Parquet file.
// Must not read beyond the bytes of the page, nor make more values than it is asked for.
// Source: Encodings.md of apache/parquet-format.
import { Damage } from './damage.ts';
import type { ParquetColumn } from './parquet-metadata.ts';
import {
  alignedCopy,
  decimal,
  readNumbers,
  type StoredNumber,
  wideInteger,
  widthOf,
} from './stored-numbers.ts';

/** Integers of `width` bits in runs: repeated, or packed in groups of eight. */
export function decodeRuns(bytes: Uint8Array, width: number, count: number): Int32Array {
  const values = new Int32Array(count);
  if (width > 31) throw new Damage('a page has integers of too many bits');
  if (width === 0) return values;
  let at = 0;
  const valueBytes = (width + 7) >> 3;
  for (let filled = 0; filled < count; ) {
    let header = 0;
    for (let scale = 1; ; scale *= 128) {
      if (at >= bytes.length || scale > 2 ** 35) throw new Damage('a page is cut off');
      const byte = bytes[at++];
      header += (byte & 127) * scale;
      if (byte < 128) break;
    }
    const length = Math.floor(header / 2);
    if (header % 2 === 0) {
      if (at + valueBytes > bytes.length) throw new Damage('a page is cut off');
      let value = 0;
      for (let i = 0; i < valueBytes; i++) value |= bytes[at++] << (8 * i);
      const end = Math.min(count, filled + length);
      values.fill(value, filled, end);
      filled = end;
    } else {
      const taken = Math.min(8 * length, count - filled);
      if (at + Math.ceil((taken * width) / 8) > bytes.length) throw new Damage('a page is cut off');
      unpack(bytes, at, width, values, filled, taken);
      filled += taken;
      at += length * width;
    }
  }
  return values;
}

/** Integers of `width` bits one after the other, the lowest bit first. */
function unpack(
  bytes: Uint8Array,
  start: number,
  width: number,
  values: Int32Array,
  first: number,
  count: number,
): void {
  let at = start;
  if (width <= 24) {
    const mask = (1 << width) - 1;
    let held = 0;
    let bits = 0;
    for (let i = first; i < first + count; i++) {
      for (; bits < width; bits += 8) held |= bytes[at++] << bits;
      values[i] = held & mask;
      held >>>= width;
      bits -= width;
    }
    return;
  }
  for (let i = 0; i < count; i++) values[first + i] = Number(bitsAt(bytes, start, i * width, width));
}

/** `width` bits from a bit on. */
function bitsAt(bytes: Uint8Array, start: number, bit: number, width: number): bigint {
  let value = 0n;
  const first = start + (bit >> 3);
  const last = start + ((bit + width - 1) >> 3);
  for (let at = last; at >= first; at--) value = (value << 8n) | BigInt(bytes[at]);
  return BigInt.asUintN(width, value >> BigInt(bit & 7));
}

/** Values as they are. */
export function decodePlain(bytes: Uint8Array, column: ParquetColumn, count: number): Float64Array {
  const { physical, logical, scale, length } = column;
  if (physical === 'BYTE_ARRAY') {
    return Float64Array.from(plainBytes(bytes, count), (value) => decimal(wideInteger(value, true), scale));
  }
  if (physical === 'FIXED_LEN_BYTE_ARRAY' && logical === 'DECIMAL') {
    if (count * length > bytes.length) throw new Damage('a page is cut off');
    return Float64Array.from({ length: count }, (_, i) =>
      decimal(wideInteger(bytes.subarray(i * length, (i + 1) * length), true), scale),
    );
  }
  if (logical === 'DECIMAL') return decodeDecimals(bytes, column, count);
  return readNumbers(bytes, storedNumber(column), count);
}

function decodeDecimals(bytes: Uint8Array, { physical, scale }: ParquetColumn, count: number): Float64Array {
  const width = physical === 'INT32' ? 4 : 8;
  if (count * width > bytes.length) throw new Damage('a page is cut off');
  const { buffer } = alignedCopy(bytes, count * width);
  const integers = width === 4 ? new Int32Array(buffer) : new BigInt64Array(buffer);
  const numbers = new Float64Array(count);
  for (let i = 0; i < count; i++) numbers[i] = decimal(BigInt(integers[i]), scale);
  return numbers;
}

/** How the values of a column are stored; its kind must be number. */
function storedNumber({ physical, unsigned, length }: ParquetColumn): StoredNumber {
  switch (physical) {
    case 'INT32':
      return unsigned ? 'uint32' : 'int32';
    case 'INT64':
      return unsigned ? 'uint64' : 'int64';
    case 'FLOAT':
      return 'float';
    case 'DOUBLE':
      return 'double';
    default:
      if (length !== 2) throw new Damage('its schema has half floats that are not of two bytes');
      return 'half';
  }
}

/** Byte arrays, each with its length before it. */
export function plainBytes(bytes: Uint8Array, count: number): Uint8Array[] {
  // Each has a length at least.
  if (4 * count > bytes.length) throw new Damage('a page is cut off');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  return Array.from({ length: count }, () => {
    if (at + 4 > bytes.length) throw new Damage('a page is cut off');
    const length = view.getUint32(at, true);
    at += 4 + length;
    if (at > bytes.length) throw new Damage('a page is cut off');
    return bytes.subarray(at - length, at);
  });
}

/** The first bytes of all values, then the second ones, and so on. */
export function decodeByteStreams(bytes: Uint8Array, column: ParquetColumn, count: number): Float64Array {
  const isWide = column.physical === 'FIXED_LEN_BYTE_ARRAY';
  const width = isWide ? column.length : widthOf(storedNumber(column));
  if (count * width > bytes.length) throw new Damage('a page is cut off');
  const joined = new Uint8Array(count * width);
  for (let byte = 0; byte < width; byte++) {
    for (let i = 0; i < count; i++) joined[i * width + byte] = bytes[byte * count + i];
  }
  return decodePlain(joined, column, count);
}

/** Integers by their differences, which are packed in blocks. */
export function decodeDeltas(bytes: Uint8Array, column: ParquetColumn, count: number): Float64Array {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      if (at >= bytes.length || shift > 63n) throw new Damage('a page is cut off');
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const zigzag = (): bigint => {
    const value = varint();
    return (value >> 1n) ^ -(value & 1n);
  };
  const [blockSize, miniBlocks, total] = [Number(varint()), Number(varint()), Number(varint())];
  const perMiniBlock = blockSize / miniBlocks;
  if (
    total < count ||
    !(miniBlocks >= 1 && perMiniBlock >= 8 && perMiniBlock % 8 === 0 && blockSize <= 1 << 20)
  ) {
    throw new Damage('a page of differences is damaged');
  }
  const bits = column.physical === 'INT32' ? 32 : 64;
  const wrap = column.unsigned ? BigInt.asUintN : BigInt.asIntN;
  const toNumber = (value: bigint): number =>
    column.logical === 'DECIMAL' ? decimal(value, column.scale) : Number(value);
  const numbers = new Float64Array(count);
  let value = wrap(bits, zigzag());
  if (count > 0) numbers[0] = toNumber(value);
  for (let filled = 1; filled < count; ) {
    const least = zigzag();
    const widths = bytes.subarray(at, at + miniBlocks);
    at += miniBlocks;
    if (at > bytes.length) throw new Damage('a page is cut off');
    for (let block = 0; block < miniBlocks && filled < count; block++) {
      const width = widths[block];
      const taken = Math.min(perMiniBlock, count - filled);
      if (width > 64 || at + Math.ceil((taken * width) / 8) > bytes.length)
        throw new Damage('a page is cut off');
      for (let i = 0; i < taken; i++) {
        const delta = least + (width === 0 ? 0n : bitsAt(bytes, at, i * width, width));
        value = wrap(bits, value + delta);
        numbers[filled++] = toNumber(value);
      }
      at += (perMiniBlock * width) / 8;
    }
  }
  return numbers;
}
