// The bytes of statistics: their documented layout, and 110,000 damaged copies, none of which may become a wrong model.
// Must not use the library's own reader to judge the layout.
import { createHash } from 'node:crypto';
import { accumulate, GaussianMixture, GaussmixError, maximize, SufficientStatistics } from 'gaussmix';
import { describe, expect, it } from 'vitest';
import { TYPES } from './helpers/covariance-models.ts';
import { clusters, generator } from './helpers/data.ts';

/** CRC-32C bit by bit: the slow twin of the library's. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

function withChecksum(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  if (copy.length < 4) return copy;
  new DataView(copy.buffer).setUint32(copy.length - 4, crc32c(copy.subarray(0, -4)), true);
  return copy;
}

const rows = clusters(9000, 2, 2, 5, 2);
const model = GaussianMixture.fromJSON({
  ...JSON.parse(JSON.stringify(GaussianMixture.fit(rows, { nComponents: 2, maxIterations: 2 }))),
  featureNames: ['x', 'é'],
});
/** One sum of rows without numbers, and two parts of the tree. */
const statistics = accumulate(rows.slice(0, 50), model)
  .merge(accumulate(rows.slice(0, 8192), model, { firstRow: 0 }))
  .merge(accumulate(rows.slice(8192), model, { firstRow: 8192 }));
const bytes = statistics.toBytes();

describe('the layout', () => {
  it('has the checksum of RFC 3720', () => {
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
    expect(new DataView(bytes.buffer).getUint32(bytes.length - 4, true)).toBe(crc32c(bytes.subarray(0, -4)));
  });

  it('is the documented one', () => {
    const view = new DataView(bytes.buffer);
    expect([...bytes.subarray(0, 8)]).toEqual([0x89, 0x47, 0x4d, 0x53, 0x0d, 0x0a, 0x1a, 0x0a]);
    const [version, type, k, d, sums, names] = [8, 12, 16, 20, 24, 28].map((at) => view.getUint32(at, true));
    expect({ version, type, k, d, sums }).toEqual({ version: 1, type: 13, k: 2, d: 2, sums: 3 });
    const doubles = (at: number, count: number): number[] =>
      Array.from({ length: count }, (_, i) => view.getFloat64(at + 8 * i, true));
    expect(doubles(32, 3)).toEqual([9050, statistics.count, statistics.logLikelihood]);
    expect(doubles(56, 2)).toEqual([...model.weights]);
    expect(doubles(72, 4)).toEqual([...model.means.data]);
    expect(doubles(104, 8)).toEqual(model.covariances.flatMap(({ data }) => [...data]));
    const each = 3 + 3 + 2 + 4 + 6;
    const parts = [0, 1, 2].map((part) => doubles(168 + 8 * each * part, each));
    expect(parts.map((part) => part.slice(0, 3))).toEqual([
      [-1, 0, 50],
      [0, 2, 8192],
      [2, 1, 808],
    ]);
    expect(parts.map((part) => part[3])).toEqual([50, 8192, 808]);
    // Differences of the first 50 rows from the first mean, times responsibilities.
    const resp = model.predictProba(rows.slice(0, 50));
    const sum = rows.slice(0, 50).reduce((s, [x], i) => s + resp.row(i)[0] * (x - model.means.data[0]), 0);
    expect(Math.abs(parts[0][7] - sum)).toBeLessThan(1e-13 * 50);
    const text = bytes.subarray(168 + 8 * 3 * each, -4);
    expect(text.length).toBe(names);
    expect(JSON.parse(new TextDecoder().decode(text))).toEqual(['x', 'é']);
  });

  it.each(TYPES)('%s: there and back', (covarianceType) => {
    const some = GaussianMixture.fit(rows, { nComponents: 3, covarianceType, maxIterations: 1 });
    const there = accumulate(rows, some).toBytes();
    expect(SufficientStatistics.fromBytes(there).toBytes()).toEqual(there);
    // From the middle of a buffer too.
    const within = new Uint8Array(there.length + 3);
    within.set(there, 3);
    expect(SufficientStatistics.fromBytes(within.subarray(3)).toBytes()).toEqual(there);
    expect(SufficientStatistics.fromBytes(Buffer.from(there)).model.covarianceType).toBe(covarianceType);
  });

  it('is the same on every machine', () => {
    const tiny = GaussianMixture.fromParameters({ weights: [1], means: [[1]], covariances: [[2]] });
    const digest = createHash('sha256')
      .update(accumulate([1, 2, 4], tiny).toBytes())
      .digest('hex');
    expect(digest.slice(0, 16)).toBe('5b49b3d3ae8f2fbc');
  });
});

/** The rows of the first partial sum, and of the second. */
const [ROWS_OF_FIRST, ROWS_OF_SECOND] = [0, 1].map((part) => 168 + 8 * (18 * part + 2));
const withDouble = (at: number, value: number): Uint8Array => {
  const copy = bytes.slice();
  new DataView(copy.buffer).setFloat64(at, value, true);
  return copy;
};
const halfARow = withDouble(ROWS_OF_FIRST, 50.5);
const cutShort = withDouble(ROWS_OF_SECOND, 8191);

describe('what is refused', () => {
  it.each<[string, unknown, string]>([
    ['text', 'abc', 'fromBytes takes'],
    ['nothing', new Uint8Array(), 'no bytes'],
    ['other bytes', new TextEncoder().encode('{"format":"gaussmix-model"}'), 'no statistics of gaussmix'],
    ['line ends changed', Uint8Array.from(bytes).fill(0x0a, 4, 5), 'transferred as text'],
    ['the beginning alone', bytes.slice(0, 20), 'only 20 bytes'],
    ['a byte less', bytes.slice(0, -1), 'cut off or added'],
    ['a byte more', Uint8Array.from([...bytes, 0]), 'cut off or added'],
    ['a changed byte', Uint8Array.from(bytes).fill(1, 100, 101), 'checksum'],
    ['version 2', withChecksum(Uint8Array.from(bytes).fill(2, 8, 9)), 'version 2'],
    ['covariance type 14', withChecksum(Uint8Array.from(bytes).fill(14, 12, 13)), 'code 14'],
    ['2^32 - 1 components', withChecksum(Uint8Array.from(bytes).fill(255, 16, 20)), 'header needs'],
    ['no features', withChecksum(Uint8Array.from(bytes).fill(0, 20, 24)), '0 features'],
    ['2^32 - 1 sums', withChecksum(Uint8Array.from(bytes).fill(255, 24, 28)), 'header needs'],
    ['a row less', withChecksum(Uint8Array.from(bytes).fill(0xff, 32, 40)), 'does not agree'],
    ['half a row in a sum', withChecksum(halfARow), '50.5 rows'],
    [
      'a sum without its last rows',
      withChecksum(cutShort),
      'rows 8191 to 8191 (rows count from 0) are missing',
    ],
    ['another count', withChecksum(Uint8Array.from(bytes).fill(0, 40, 48)), 'does not agree'],
    ['a weight of NaN', withChecksum(Uint8Array.from(bytes).fill(255, 56, 64)), 'weights[0]'],
    ['an asymmetric covariance', withChecksum(Uint8Array.from(bytes).fill(1, 112, 113)), 'not symmetric'],
    ['names of no text', withChecksum(Uint8Array.from(bytes).fill(255, bytes.length - 8, -4)), 'names'],
  ])('%s', (_, given, words) => {
    let message = '';
    try {
      SufficientStatistics.fromBytes(given as Uint8Array);
    } catch (error) {
      expect(error).toMatchObject({ code: 'INVALID_STATISTICS' });
      message = (error as Error).message;
    }
    expect(message).toContain(words);
  });
});

describe('damaged bytes', () => {
  const some = (covarianceType: 'tied' | 'diag' | 'EII', weighted: boolean): Uint8Array => {
    const part = rows.slice(0, 300);
    const start = GaussianMixture.fit(part, { nComponents: 3, covarianceType, maxIterations: 1 });
    return accumulate(part, start, weighted ? { sampleWeight: part.map((_, i) => i % 3) } : {}).toBytes();
  };
  const originals = [bytes, some('tied', true), some('diag', false), some('EII', false)];
  const extremes = [
    0,
    -0,
    1,
    -1,
    2 ** 53,
    1e150,
    -1e308,
    1e308,
    5e-324,
    Number.NaN,
    Number.POSITIVE_INFINITY,
  ];

  /** A damaged copy; with a seed, always the same. */
  function damage(original: Uint8Array, uniform: () => number): Uint8Array {
    const integer = (bound: number): number => Math.floor(uniform() * bound);
    const copy = original.slice();
    const view = new DataView(copy.buffer);
    switch (integer(7)) {
      case 0:
        for (let flips = 1 + integer(3); flips > 0; flips--) copy[integer(copy.length)] ^= 1 << integer(8);
        return copy;
      case 1:
        return copy.slice(0, integer(copy.length));
      case 2: {
        const other = originals[integer(originals.length)];
        const cut = integer(Math.min(copy.length, other.length));
        return Uint8Array.from([...copy.slice(0, cut), ...other.slice(cut)]);
      }
      case 3: {
        const [from, to, length] = [integer(copy.length), integer(copy.length), integer(64)];
        copy.copyWithin(to, from, from + length);
        return copy;
      }
      case 4:
        view.setUint32(
          8 + 4 * integer(6),
          [integer(5), integer(70000), 2 ** 31, 2 ** 32 - 1][integer(4)],
          true,
        );
        return copy;
      case 5:
        view.setFloat64(32 + 8 * integer((copy.length - 40) / 8), extremes[integer(extremes.length)], true);
        return copy;
      default: {
        const at = 32 + 8 * integer((copy.length - 40) / 8);
        view.setFloat64(at, view.getFloat64(at, true) * (0.5 + uniform()), true);
        return copy;
      }
    }
  }

  function outcome(damaged: Uint8Array): string {
    try {
      const read = SufficientStatistics.fromBytes(damaged);
      // Whatever is accepted is what it says, to the last byte (an order of JSON's spaces aside, which no mutation finds).
      expect(Buffer.from(read.toBytes()).equals(damaged)).toBe(true);
      const next = maximize(read);
      const numbers = [
        ...next.weights,
        ...next.means.data,
        ...next.covariances.flatMap(({ data }) => [...data]),
      ];
      expect(numbers.every(Number.isFinite)).toBe(true);
      // A mixture like any other: saved, read and used.
      GaussianMixture.fromJSON(next.toJSON());
      return 'accepted';
    } catch (error) {
      if (!(error instanceof GaussmixError)) throw error;
      expect(error.message).not.toMatch(/undefined|NaN is not|\[object/);
      return error.code;
    }
  }

  it('110,000 of them: refused, or statistics of other rows where the checksum was made right again', () => {
    const uniform = generator(2026);
    const counts: Record<string, number> = {};
    for (let trial = 0; trial < 110_000; trial++) {
      const original = originals[trial % originals.length];
      const damaged = damage(original, uniform);
      const plain = trial % 2 === 0;
      if (originals.some((one) => Buffer.from(damaged).equals(one))) continue;
      const result = outcome(plain ? damaged : withChecksum(damaged));
      if (plain) expect(result).toBe('INVALID_STATISTICS');
      counts[result] = (counts[result] ?? 0) + 1;
    }
    // With a right checksum, sums a little larger than they were are those of other rows.
    expect(counts.accepted).toBeGreaterThan(1000);
    const total = Object.values(counts).reduce((a, b) => a + b);
    expect(total).toBeGreaterThan(100_000);
    expect(Object.keys(counts).sort()).toEqual(['INVALID_STATISTICS', 'accepted']);
  }, 120_000);
});
