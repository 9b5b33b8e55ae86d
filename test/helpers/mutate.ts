// Mutations of files, the same ones for the same seed.
// Must not know formats.

/** A generator of numbers below a limit (mulberry32). */
export function seeded(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

/** Bytes that parsers treat specially. */
const SPECIAL = Buffer.from('\0\x01\x7f\x80\xff\n\r\t ",;|\'+-.0159eENa{}[]():=', 'latin1');

/** One to three changes: bits, bytes, pieces left out, doubled, put elsewhere or overwritten, the end cut off. */
export function mutate(original: Uint8Array, below: (limit: number) => number): Uint8Array {
  let bytes = Buffer.from(original);
  for (let changes = 1 + below(3); changes > 0; changes--) {
    const at = below(bytes.length + 1);
    const length = 1 + below(below(4) === 0 ? 64 : 4);
    const piece = bytes.subarray(at, at + length);
    const special = Buffer.from([SPECIAL[below(SPECIAL.length)]]);
    switch (below(9)) {
      case 0:
        if (at < bytes.length) bytes[at] ^= 1 << below(8);
        break;
      case 1:
        if (at < bytes.length) bytes[at] = below(256);
        break;
      case 2:
        if (at < bytes.length) bytes[at] = special[0];
        break;
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at), special, bytes.subarray(at)]);
        break;
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
        break;
      case 5:
        bytes = Buffer.concat([bytes.subarray(0, at + length), piece, bytes.subarray(at + length)]);
        break;
      case 6:
        Buffer.from(piece).copy(bytes, below(bytes.length + 1));
        break;
      case 7:
        bytes.subarray(at, at + length).fill(below(2) * 255);
        break;
      default:
        if (below(4) === 0) bytes = Buffer.from(bytes.subarray(0, at));
    }
  }
  return bytes;
}
