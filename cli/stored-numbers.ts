// Numbers as Parquet and Arrow files store them, to doubles.
// Must not know where in a file they stand.
import { Damage } from './damage.ts';

/** How a fixed number of bytes, little-endian, is a number. */
export type StoredNumber =
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'half'
  | 'float'
  | 'double';

const WIDTHS: Readonly<Record<StoredNumber, number>> = {
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  uint8: 1,
  uint16: 2,
  uint32: 4,
  uint64: 8,
  half: 2,
  float: 4,
  double: 8,
};

const ARRAYS = {
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  float: Float32Array,
  double: Float64Array,
} as const;

const TWO_32 = 2 ** 32;
/** Powers of ten that are doubles exactly. */
const POWERS: readonly number[] = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

export function widthOf(type: StoredNumber): number {
  return WIDTHS[type];
}

/**
 * The first `count` numbers. 64-bit integers beyond 2^53 are rounded, and so stay beyond it: whoever takes them must look.
 * @throws Damage where there are fewer bytes
 */
export function readNumbers(bytes: Uint8Array, type: StoredNumber, count: number): Float64Array {
  const length = count * WIDTHS[type];
  if (length > bytes.length) throw new Damage(`it has ${bytes.length} bytes where ${length} are needed`);
  const { buffer } = alignedCopy(bytes, length);
  if (type === 'double') return new Float64Array(buffer);
  if (type === 'half') return Float64Array.from(new Uint16Array(buffer), halfFloat);
  if (type !== 'int64' && type !== 'uint64') {
    const numbers = new Float64Array(count);
    numbers.set(new ARRAYS[type](buffer));
    return numbers;
  }
  const low = new Uint32Array(buffer);
  const high = type === 'int64' ? new Int32Array(buffer) : low;
  const numbers = new Float64Array(count);
  for (let i = 0; i < count; i++) numbers[i] = high[2 * i + 1] * TWO_32 + low[2 * i];
  return numbers;
}

/** The first bytes in a buffer of their own, which is aligned, as a view of a file need not be. */
export function alignedCopy(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(length);
  copy.set(bytes.subarray(0, length));
  return copy;
}

/** A float of 16 bits, IEEE 754 binary16. */
export function halfFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return (sign * fraction) / 2 ** 24;
  // 1024 + fraction is the significand x 2^10: all of these are exact.
  return exponent >= 25
    ? sign * (1024 + fraction) * (1 << (exponent - 25))
    : (sign * (1024 + fraction)) / (1 << (25 - exponent));
}

/** A decimal of `scale` digits after the point: the double that its digits would be read as. */
export function decimal(unscaled: bigint, scale: number): number {
  const number = Number(unscaled);
  // One rounding of exact numbers.
  if (Number.isSafeInteger(number) && scale >= 0 && scale < POWERS.length) return number / POWERS[scale];
  return Number(`${unscaled}e${-scale}`);
}

/** A two's complement integer of any number of bytes. */
export function wideInteger(bytes: Uint8Array, bigEndian: boolean): bigint {
  let value = 0n;
  for (let i = 0; i < bytes.length; i++) {
    value = (value << 8n) | BigInt(bytes[bigEndian ? i : bytes.length - 1 - i]);
  }
  return BigInt.asIntN(8 * bytes.length, value);
}
