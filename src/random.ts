// Seeded random numbers, the same stream on every machine: integer arithmetic only.
// Must not use Math.random, nor any function that engines round differently.

/** Bits of a 32-bit word mixed so that every input bit moves every output bit (murmur3's finaliser). */
function mix(word: number): number {
  let h = word | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/**
 * Hash of a row number under a seed, 32 bits. Hosts that hold different rows agree on it, so the rows with the
 * smallest hashes are a random subset that needs no coordination.
 * @param seed safe integer >= 0
 * @param row safe integer >= 0
 */
export function hashRow(seed: number, row: number): number {
  const high = mix(Math.floor(seed / 0x100000000) ^ 0x9e3779b9);
  const keyed = mix((seed ^ high) | 0) ^ mix(Math.floor(row / 0x100000000) + 0x7f4a7c15);
  return mix(keyed ^ mix((row | 0) + 0x165667b1)) >>> 0;
}

/**
 * xoshiro128** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021), its state filled from
 * (seed, stream) by a Weyl sequence through {@link mix}. Streams of one seed are independent of each other.
 */
export class Random {
  readonly #state: Int32Array = new Int32Array(4);

  /** @param seed safe integer >= 0 @param stream which of the seed's streams, an integer >= 0 */
  constructor(seed: number, stream: number = 0) {
    let weyl = mix((seed | 0) ^ mix(Math.floor(seed / 0x100000000) ^ 0x51ed270b)) ^ mix(stream + 0x2545f491);
    for (let i = 0; i < 4; i++) {
      weyl = (weyl + 0x9e3779b9) | 0;
      this.#state[i] = mix(weyl);
    }
    // The all-zero state is the one the generator never leaves.
    if (this.#state.every((word) => word === 0)) this.#state[0] = 1;
  }

  /** The next 32 random bits, as an unsigned integer. */
  next(): number {
    const s = this.#state;
    const product = Math.imul(s[1], 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9);
    const shifted = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = (s[3] << 11) | (s[3] >>> 21);
    return result >>> 0;
  }

  /** Uniform in [0, 1), 53 bits. */
  uniform(): number {
    const high = this.next() >>> 5;
    const low = this.next() >>> 6;
    return (high * 0x4000000 + low) / 0x20000000000000;
  }

  /** Uniform integer in [0, bound). */
  integer(bound: number): number {
    return Math.floor(this.uniform() * bound);
  }
}
