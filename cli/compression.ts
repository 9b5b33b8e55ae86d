// Decompression of the blocks within Parquet and Arrow files, to a size that is known beforehand.
// Must not make more bytes than that, whatever the compressed bytes say.
import zlib from 'node:zlib';
import { decompress as decompressZstd } from 'fzstd';
import { Damage } from './damage.ts';

/** Most bytes that one block may have. */
const LONGEST_BLOCK = 2 ** 30;

/** Raw bytes of a block. @throws Damage for bytes that are not `size` bytes compressed */
export type Decompressor = (bytes: Uint8Array, size: number) => Uint8Array;

/** Checks a size before anything of that size is made. */
function guarded(name: string, mostRatio: number, decompress: Decompressor): Decompressor {
  return (bytes, size) => {
    if (size > LONGEST_BLOCK || size > mostRatio * bytes.length) {
      throw new Damage(`${bytes.length} bytes of ${name} cannot be ${size} bytes of data`);
    }
    let raw: Uint8Array;
    try {
      raw = decompress(bytes, size);
    } catch (error) {
      throw error instanceof Damage ? error : new Damage(`its ${name} data is damaged`);
    }
    if (raw.length !== size) throw new Damage(`its ${name} data is damaged`);
    return raw;
  };
}

export const snappy: Decompressor = guarded('snappy', 64, snappyBlock);
export const gzip: Decompressor = guarded('gzip', 1100, (bytes, size) =>
  zlib.unzipSync(bytes, { maxOutputLength: Math.max(1, size) }),
);
export const brotli: Decompressor = guarded('brotli', 2 ** 24, (bytes, size) =>
  zlib.brotliDecompressSync(bytes, { maxOutputLength: Math.max(1, size) }),
);
export const zstd: Decompressor = guarded('zstd', 2 ** 16, zstdBlock);
export const lz4Raw: Decompressor = guarded('lz4', 256, (bytes, size) => {
  const target = new Uint8Array(size);
  return target.subarray(0, lz4Block(bytes, target, 0));
});
export const lz4Frame: Decompressor = guarded('lz4', 256, lz4Frames);
export const lz4Hadoop: Decompressor = guarded('lz4', 256, lz4HadoopBlocks);

/**
 * A block of Snappy: its length, then literals and copies from what is there already.
 * Source: format_description.txt of google/snappy.
 */
function snappyBlock(bytes: Uint8Array, size: number): Uint8Array {
  const target = new Uint8Array(size);
  let at = 0;
  let filled = 0;
  let announced = 0;
  for (let shift = 0; ; shift += 7) {
    if (at >= bytes.length || shift > 28) throw new Damage('its snappy data is damaged');
    const byte = bytes[at++];
    announced += (byte & 127) * 2 ** shift;
    if (byte < 128) break;
  }
  if (announced !== size) throw new Damage('its snappy data is of another size than announced');
  while (at < bytes.length) {
    const tag = bytes[at++];
    const kind = tag & 3;
    let length: number;
    if (kind === 0) {
      length = (tag >> 2) + 1;
      if (length > 60) {
        const extra = length - 60;
        length = 1;
        for (let i = 0; i < extra; i++) length += bytes[at++] * 2 ** (8 * i);
      }
      if (!(length <= bytes.length - at && length <= size - filled))
        throw new Damage('its snappy data is damaged');
      target.set(bytes.subarray(at, at + length), filled);
      at += length;
    } else {
      let offset: number;
      if (kind === 1) {
        length = ((tag >> 2) & 7) + 4;
        offset = ((tag >> 5) << 8) | bytes[at++];
      } else {
        length = (tag >> 2) + 1;
        offset = bytes[at++] | (bytes[at++] << 8);
        if (kind === 3) offset = (offset | (bytes[at++] << 16) | (bytes[at++] << 24)) >>> 0;
      }
      if (at > bytes.length) throw new Damage('its snappy data is cut off');
      copyBack(target, filled, offset, length);
    }
    filled += length;
  }
  return target.subarray(0, filled);
}

/** Copies from `offset` bytes before; what is copied may be part of what is copied from. */
function copyBack(target: Uint8Array, filled: number, offset: number, length: number): void {
  if (offset === 0 || offset > filled || length > target.length - filled) {
    throw new Damage('its compressed data is damaged');
  }
  if (offset >= length) {
    target.copyWithin(filled, filled - offset, filled - offset + length);
    return;
  }
  for (let i = filled; i < filled + length; i++) target[i] = target[i - offset];
}

/**
 * A block of LZ4 into `target` from `start` on; returns where it ends.
 * Source: lz4_Block_format.md of lz4/lz4.
 */
function lz4Block(bytes: Uint8Array, target: Uint8Array, start: number): number {
  let at = 0;
  let filled = start;
  const extended = (length: number): number => {
    let total = length;
    for (let byte = 255; byte === 255; total += byte) {
      if (at >= bytes.length) throw new Damage('its lz4 data is cut off');
      byte = bytes[at++];
    }
    return total;
  };
  while (at < bytes.length) {
    const token = bytes[at++];
    const literals = token >> 4 === 15 ? extended(15) : token >> 4;
    if (literals > bytes.length - at || literals > target.length - filled) {
      throw new Damage('its lz4 data is damaged');
    }
    target.set(bytes.subarray(at, at + literals), filled);
    at += literals;
    filled += literals;
    // The last sequence has literals only.
    if (at === bytes.length) break;
    if (at + 2 > bytes.length) throw new Damage('its lz4 data is cut off');
    const offset = bytes[at++] | (bytes[at++] << 8);
    const length = ((token & 15) === 15 ? extended(15) : token & 15) + 4;
    copyBack(target, filled, offset, length);
    filled += length;
  }
  return filled;
}

/** Frames of LZ4; checksums are passed over. Source: lz4_Frame_format.md of lz4/lz4. */
function lz4Frames(bytes: Uint8Array, size: number): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const target = new Uint8Array(size);
  let filled = 0;
  for (let at = 0; at < bytes.length; ) {
    if (view.getUint32(at, true) !== 0x184d2204) throw new Damage('its lz4 data is no frame');
    const flags = view.getUint8(at + 4);
    const [hasChecksum, hasSize, hasEnd, hasDictionary] = [flags & 16, flags & 8, flags & 4, flags & 1];
    at += 7 + (hasSize ? 8 : 0) + (hasDictionary ? 4 : 0);
    for (;;) {
      const header = view.getUint32(at, true);
      at += 4;
      if (header === 0) break;
      const length = header & 0x7fffffff;
      if (length > bytes.length - at) throw new Damage('its lz4 data is cut off');
      const block = bytes.subarray(at, at + length);
      if (header >>> 31) {
        target.set(block, filled);
        filled += length;
      } else {
        filled = lz4Block(block, target, filled);
      }
      at += length + (hasChecksum ? 4 : 0);
    }
    at += hasEnd ? 4 : 0;
  }
  return target.subarray(0, filled);
}

/** LZ4 as Parquet had it first: blocks with their sizes before them, as Hadoop has; or a plain block, as others wrote. */
function lz4HadoopBlocks(bytes: Uint8Array, size: number): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const target = new Uint8Array(size);
  try {
    let filled = 0;
    for (let at = 0; at < bytes.length; ) {
      const [raw, length] = [view.getUint32(at), view.getUint32(at + 4)];
      if (length > bytes.length - at - 8) throw new Damage('its lz4 data is damaged');
      const end = lz4Block(bytes.subarray(at + 8, at + 8 + length), target, filled);
      if (end !== filled + raw) throw new Damage('its lz4 data is damaged');
      filled = end;
      at += 8 + length;
    }
    if (filled === size) return target;
  } catch {
    // A plain block, then.
  }
  return target.subarray(0, lz4Block(bytes, target, 0));
}

/** By Node where it can (from 22.15 on), which is faster. */
function zstdBlock(bytes: Uint8Array, size: number): Uint8Array {
  const { zstdDecompressSync } = zlib as { zstdDecompressSync?: typeof zlib.unzipSync };
  if (zstdDecompressSync) return zstdDecompressSync(bytes, { maxOutputLength: Math.max(1, size) });
  // With a target it makes no more than that.
  return decompressZstd(bytes, new Uint8Array(size));
}
