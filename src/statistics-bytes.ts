// The bytes of sufficient statistics: writing them, and reading them with every defect named. Layout: docs/STATISTICS.md.
// Must not compute statistics. Lengths in the bytes are believed only once they agree with how many bytes there are.
import { type BlockSum, BlockSums } from './block-sums.ts';
import { type GaussmixError, GaussmixRangeError, GaussmixTypeError } from './errors.ts';
import { withKernel } from './kernel.ts';
import { COVARIANCE_MODELS, type CovarianceForm, formOf, modelCode } from './options.ts';
import {
  checkMeans,
  checkWeights,
  covarianceLength,
  KernelMixture,
  type ModelParameters,
} from './parameters.ts';

/** A byte above 127, a name, both kinds of line end and the old end of text: what a transfer as text would change. */
const MAGIC = [0x89, 0x47, 0x4d, 0x53, 0x0d, 0x0a, 0x1a, 0x0a];
const VERSION = 1;
const HEADER_BYTES = 56;
const CHECKSUM_BYTES = 4;
/** Start of a partial sum whose rows have no numbers. */
const UNNUMBERED = -1;
/** Rows have numbers below 2^53, blocks of 4,096 therefore below this. */
const MOST_BLOCKS = 2 ** 41;
/** Share by which what must agree, or be at least as large, may differ by rounding: sums of 1e9 rows lose six digits at worst. */
const ROUNDING = 1e-6;
/** Products below this have lost their digits to underflow. */
const UNDERFLOW = 1e-290;

/** All that statistics are. */
export interface StatisticsContent {
  /** Of the mixture that they were taken under. */
  readonly reference: ModelParameters;
  readonly featureNames: readonly string[] | undefined;
  /** Number of rows. */
  readonly rows: number;
  readonly sums: BlockSums;
}

/** Doubles in the statistics of a mixture, as gmm_statistics_count has it. */
export function sumsLength(form: CovarianceForm, k: number, d: number): number {
  const triangle = (d * (d + 1)) / 2;
  const scatter = { spherical: k, diag: k * d, tied: triangle, full: k * triangle }[form];
  return 3 + k + k * d + scatter;
}

export function encodeStatistics({ reference, featureNames, rows, sums }: StatisticsContent): Uint8Array {
  const { model, k, d, weights, means, covariances } = reference;
  const names = featureNames ? new TextEncoder().encode(JSON.stringify(featureNames)) : new Uint8Array();
  const parts = sums.loose ? [{ start: UNNUMBERED, size: 0, sum: sums.loose }, ...sums.parts] : sums.parts;
  const { total } = sums;
  const doubles = [
    Float64Array.of(rows, total[0], total[1]),
    weights,
    means,
    covariances,
    ...parts.flatMap(({ start, size, sum }) => [Float64Array.of(start, size), sum]),
  ];
  const count = doubles.reduce((length, values) => length + values.length, 0);
  const bytes = new Uint8Array(32 + 8 * count + names.length + CHECKSUM_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  const header = [VERSION, modelCode(model), k, d, parts.length, names.length];
  for (const [i, value] of header.entries()) view.setUint32(8 + 4 * i, value, true);
  let at = 32;
  for (const values of doubles) {
    for (const value of values) {
      view.setFloat64(at, value, true);
      at += 8;
    }
  }
  bytes.set(names, at);
  view.setUint32(bytes.length - CHECKSUM_BYTES, checksum(bytes.subarray(0, -CHECKSUM_BYTES)), true);
  return bytes;
}

/** @throws GaussmixError INVALID_STATISTICS for anything that {@link encodeStatistics} could not have written */
export function decodeStatistics(given: Uint8Array): StatisticsContent {
  const bytes = bytesOf(given);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [code, k, d, partCount, nameBytes] = readHeader(bytes, view);
  const model = COVARIANCE_MODELS[code];
  if (model === undefined) throw damaged(`there is no covariance type of code ${code}`);
  if (k < 1 || d < 1 || partCount < 1) throw damaged(`${k} components, ${d} features, ${partCount} sums`);
  const form = formOf(model);
  const covarianceCount = covarianceLength(form, k, d);
  const sumCount = sumsLength(form, k, d);
  const doubles = k + k * d + covarianceCount + partCount * (2 + sumCount);
  const needed = HEADER_BYTES + 8 * doubles + nameBytes + CHECKSUM_BYTES;
  if (needed !== bytes.length) {
    throw damaged(
      `there are ${bytes.length} bytes, but their header needs ${needed}: something is cut off or added`,
    );
  }
  if (view.getUint32(bytes.length - CHECKSUM_BYTES, true) !== checksum(bytes.subarray(0, -CHECKSUM_BYTES))) {
    throw damaged('the checksum is wrong: bytes were changed on the way');
  }
  let at = 32;
  const read = (count: number): Float64Array => {
    const values = Float64Array.from({ length: count }, (_, i) => view.getFloat64(at + 8 * i, true));
    at += 8 * count;
    return values;
  };
  const [rows, count, logLikelihood] = read(3);
  if (!(Number.isSafeInteger(rows) && rows >= 1)) throw damaged(`there are ${rows} rows`);
  const reference = {
    model,
    form,
    k,
    d,
    weights: read(k),
    means: read(k * d),
    covariances: read(covarianceCount),
  };
  checkReference(reference);
  let loose: Float64Array | undefined;
  const parts: BlockSum[] = [];
  for (let part = 0; part < partCount; part++) {
    const [start, size] = read(2);
    const sum = read(sumCount);
    checkSums(sum, form, k, d);
    if (part === 0 && start === UNNUMBERED && Object.is(size, 0)) loose = sum;
    else if (isSubtree(start, size)) parts.push({ start, size, sum });
    else
      throw damaged(`there is a sum over ${size} blocks from block ${start}, which the tree does not have`);
  }
  const sums = new BlockSums(parts, loose);
  const known = [count, logLikelihood].every((value, i) => Object.is(value + 0, sums.total[i] + 0));
  const canonical = sums.parts.length === parts.length && sums.parts.every((part, i) => part === parts[i]);
  if (!known || !canonical) throw damaged('the sums do not agree with their header');
  const featureNames = nameBytes > 0 ? readNames(bytes.subarray(at, at + nameBytes), d) : undefined;
  return { reference, featureNames, rows, sums };
}

function bytesOf(given: unknown): Uint8Array {
  if (given instanceof Uint8Array) return given;
  if (given instanceof ArrayBuffer) return new Uint8Array(given);
  throw new GaussmixTypeError('INVALID_STATISTICS', 'fromBytes takes a Uint8Array, as toBytes gives it');
}

/** The integers after the version. */
function readHeader(bytes: Uint8Array, view: DataView): number[] {
  if (bytes.length === 0) throw damaged('there are no bytes');
  if (!MAGIC.slice(0, bytes.length).every((byte, i) => bytes[i] === byte)) {
    throw damaged(
      'these bytes are no statistics of gaussmix (or were transferred as text): they begin otherwise',
    );
  }
  if (bytes.length < HEADER_BYTES + CHECKSUM_BYTES)
    throw damaged(`there are only ${bytes.length} bytes: the rest is cut off`);
  const version = view.getUint32(8, true);
  if (version !== VERSION) {
    throw new GaussmixRangeError(
      'INVALID_STATISTICS',
      `the statistics have version ${version}; this library reads version ${VERSION}`,
    );
  }
  return [12, 16, 20, 24, 28].map((at) => view.getUint32(at, true));
}

function isSubtree(start: number, size: number): boolean {
  let odd = size;
  while (odd >= 2 && odd % 2 === 0) odd /= 2;
  return (
    odd === 1 &&
    Number.isSafeInteger(start) &&
    start >= 0 &&
    !Object.is(start, -0) &&
    start % size === 0 &&
    start + size <= MOST_BLOCKS
  );
}

/** Mixtures that a model can be: weights, means, regular covariances, symmetric to the bit. */
function checkReference(reference: ModelParameters): void {
  const { form, k, d, weights, means, covariances } = reference;
  try {
    checkWeights(weights, k, 'weights');
    checkMeans({ data: means, shape: [k, d] }, 'means');
    const size = d * d;
    for (let at = 0; form !== 'diag' && form !== 'spherical' && at < covariances.length; at++) {
      const [i, j] = [Math.floor((at % size) / d), at % d];
      if (covariances[at] !== covariances[at - (at % size) + j * d + i])
        throw damaged('a covariance is not symmetric');
    }
    const width = form === 'diag' || form === 'spherical' ? 4 : d + 4;
    withKernel(64 * k * d * width, (kernel) => {
      const mixture = new KernelMixture(kernel, form, k, d);
      mixture.write(reference);
      if (mixture.prepare() === 0) return;
      const singular = Array.from({ length: k }, (_, i) => i).find((i) => mixture.statusOf(i) !== 0);
      throw damaged(`the covariance of component ${singular} is not positive definite`);
    });
  } catch (error) {
    if ((error as GaussmixError).code === 'INVALID_STATISTICS') throw error;
    throw damaged(`of the mixture they were taken under, ${(error as Error).message}`);
  }
}

/** Whether some rows and responsibilities have these sums, as far as single elements tell. */
export function checkSums(sum: Float64Array, form: CovarianceForm, k: number, d: number): void {
  const total = sum[0];
  const counts = sum.subarray(2, 2 + k);
  if (!sum.every(Number.isFinite)) throw damaged('a sum is not finite');
  if (!(total >= 0) || counts.some((count) => count < 0)) throw damaged('a count is negative');
  const counted = counts.reduce((a, b) => a + b, 0);
  if (Math.abs(counted - total) > ROUNDING * total)
    throw damaged('the counts of the components do not add up to that of the rows');
  const scatter = sum.subarray(2 + k + k * d, sum.length - 1);
  /** Whether a² is at most b c, but for rounding. */
  const bounded = (a: number, b: number, c: number): boolean => {
    return Math.abs(a) <= Math.sqrt(b) * Math.sqrt(c) * (1 + ROUNDING) + UNDERFLOW;
  };
  const pairs = (d * (d + 1)) / 2;
  const width = { spherical: 1, diag: d, tied: pairs, full: pairs }[form];
  for (let first = 0; first < scatter.length; first += width) {
    const one = scatter.subarray(first, first + width);
    const variance = (j: number): number => one[form === 'diag' ? j : (j * (j + 3)) / 2];
    const diagonal = Array.from({ length: form === 'spherical' ? 1 : d }, (_, j) => variance(j));
    if (diagonal.some((value) => value < 0)) throw damaged('a sum of squares is negative');
    for (let i = 0, at = 0; width === pairs && form !== 'spherical' && form !== 'diag' && i < d; i++) {
      for (let j = 0; j <= i; j++, at++) {
        if (!bounded(one[at], diagonal[i], diagonal[j]))
          throw damaged('a sum of products is larger than the squares allow');
      }
    }
    for (let component = 0; component < k; component++) {
      if (form !== 'tied' && component !== first / width) continue;
      for (let j = 0; j < d; j++) {
        const squares = diagonal[form === 'spherical' ? 0 : j];
        if (bounded(sum[2 + k + component * d + j], counts[component], squares)) continue;
        throw damaged('a sum of differences is larger than the squares allow');
      }
    }
  }
}

function readNames(bytes: Uint8Array, d: number): readonly string[] {
  let names: unknown;
  try {
    names = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw damaged('the names of the features cannot be read');
  }
  if (!Array.isArray(names) || names.length !== d || names.some((name) => typeof name !== 'string')) {
    throw damaged(`there must be a name for each of the ${d} features`);
  }
  return names;
}

export function damaged(what: string): GaussmixRangeError {
  return new GaussmixRangeError('INVALID_STATISTICS', `the statistics cannot be read: ${what}`);
}

let table: Int32Array | undefined;

/** CRC-32C (Castagnoli 1993; reflected polynomial 0x82f63b78), as in RFC 3720. */
export function checksum(bytes: Uint8Array): number {
  table ??= Int32Array.from({ length: 256 }, (_, byte) => {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0x82f63b78 : 0);
    return remainder;
  });
  let crc = -1;
  for (const byte of bytes) crc = table[(crc ^ byte) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}
