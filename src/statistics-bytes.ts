// The bytes of sufficient statistics: writing them, and reading them with every defect named. Layout: docs/STATISTICS.md.
// Must not compute statistics. Arrays are little-endian where Wasm memories are read as arrays at all. Lengths in the bytes are believed only once they agree with how many bytes there are.
import { type BlockSum, BlockSums, type LooseSum } from './block-sums.ts';
import {
  COVARIANCE_MODELS,
  type CovarianceForm,
  type CovarianceModel,
  formOf,
  modelCode,
} from './covariance-models.ts';
import { type GaussmixError, GaussmixRangeError, GaussmixTypeError } from './errors.ts';
import { BLOCK, withKernel } from './kernel.ts';
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
const INTEGERS_END = 32;
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
  readonly sums: BlockSums;
}

/** Doubles in the statistics of a mixture, as gmm_statistics_count has it. */
export function sumsLength(form: CovarianceForm, k: number, d: number): number {
  const triangle = (d * (d + 1)) / 2;
  const scatter = { spherical: k, diag: k * d, tied: triangle, full: k * triangle }[form];
  return 3 + k + k * d + scatter;
}

export function encodeStatistics({ reference, featureNames, sums }: StatisticsContent): Uint8Array {
  const { model, k, d, weights, means, covariances } = reference;
  const names = featureNames ? new TextEncoder().encode(JSON.stringify(featureNames)) : new Uint8Array();
  const parts = sums.loose ? [{ start: UNNUMBERED, size: 0, ...sums.loose }, ...sums.parts] : sums.parts;
  const { total } = sums;
  const doubles = [
    Float64Array.of(sums.rows, total[0], total[1]),
    weights,
    means,
    covariances,
    ...parts.flatMap(({ start, size, rows, sum }) => [Float64Array.of(start, size, rows), sum]),
  ];
  const count = doubles.reduce((length, values) => length + values.length, 0);
  const bytes = new Uint8Array(INTEGERS_END + 8 * count + names.length + CHECKSUM_BYTES);
  bytes.set(MAGIC);
  const integers = [VERSION, modelCode(model), k, d, parts.length, names.length];
  new Uint32Array(bytes.buffer, MAGIC.length, integers.length).set(integers);
  const target = new Float64Array(bytes.buffer, INTEGERS_END, count);
  let at = 0;
  for (const values of doubles) {
    target.set(values, at);
    at += values.length;
  }
  bytes.set(names, INTEGERS_END + 8 * count);
  const sum = checksum(bytes.subarray(0, -CHECKSUM_BYTES));
  bytes.set(new Uint8Array(Uint32Array.of(sum).buffer), bytes.length - CHECKSUM_BYTES);
  return bytes;
}

/** @throws GaussmixError INVALID_STATISTICS for anything that {@link encodeStatistics} could not have written */
export function decodeStatistics(given: Uint8Array): StatisticsContent {
  if (!(given instanceof Uint8Array)) {
    throw new GaussmixTypeError('INVALID_STATISTICS', 'fromBytes takes a Uint8Array, as toBytes gives it');
  }
  // From an address that is a multiple of 8, which those given need not have.
  const bytes = Uint8Array.from(given);
  const [model, k, d, partCount, nameBytes] = readIntegers(bytes);
  const form = formOf(model);
  const covarianceCount = covarianceLength(form, k, d);
  const sumCount = sumsLength(form, k, d);
  const doubles = 3 + k + k * d + covarianceCount + partCount * (3 + sumCount);
  const needed = INTEGERS_END + 8 * doubles + nameBytes + CHECKSUM_BYTES;
  if (needed !== bytes.length) {
    throw damaged(
      `there are ${bytes.length} bytes, but their header needs ${needed}: something is cut off or added`,
    );
  }
  const end = bytes.length - CHECKSUM_BYTES;
  if (new Uint32Array(bytes.slice(end).buffer)[0] !== checksum(bytes.subarray(0, end))) {
    throw damaged('the checksum is wrong: bytes were changed on the way');
  }
  let at = INTEGERS_END;
  const read = (count: number): Float64Array => {
    const values = new Float64Array(bytes.buffer, at, count);
    at += 8 * count;
    return values;
  };
  read(3);
  const [weights, means, covariances] = [read(k), read(k * d), read(covarianceCount)];
  const reference = { model, form, k, d, weights, means, covariances };
  checkReference(reference);
  let loose: LooseSum | undefined;
  const parts: BlockSum[] = [];
  for (let part = 0; part < partCount; part++) {
    const [start, size, rows] = read(3);
    const sum = read(sumCount);
    checkSums(sum, form, k, d);
    if (!(Number.isSafeInteger(rows) && rows >= 1)) throw damaged(`there are ${rows} rows in a sum`);
    if (start === UNNUMBERED) loose = { rows, sum };
    else if (isSubtree(start, size) && Math.ceil(rows / BLOCK) === size)
      parts.push({ start, size, rows, sum });
    else throw damaged(`the tree has no sum over ${size} blocks from block ${start} with ${rows} rows`);
  }
  const featureNames = nameBytes > 0 ? readNames(bytes.subarray(at, end), d) : undefined;
  const content = { reference, featureNames, sums: new BlockSums(parts, loose) };
  // Totals in the header, the order of the sums, spaces in the names.
  const again = encodeStatistics(content);
  if (again.length !== bytes.length || again.some((byte, i) => byte !== bytes[i])) {
    throw damaged('the header does not agree with the sums, or they are in another order');
  }
  return content;
}

/** The integers after the version, the first of them as the covariance type it stands for. */
function readIntegers(bytes: Uint8Array<ArrayBuffer>): [CovarianceModel, number, number, number, number] {
  if (bytes.length === 0) throw damaged('there are no bytes');
  if (!MAGIC.slice(0, bytes.length).every((byte, i) => bytes[i] === byte)) {
    throw damaged(
      'these bytes are no statistics of gaussmix (or were transferred as text): they begin otherwise',
    );
  }
  if (bytes.length < INTEGERS_END) throw damaged(`there are only ${bytes.length} bytes: the rest is cut off`);
  const [version, code, k, d, parts, names] = new Uint32Array(bytes.buffer, MAGIC.length, 6);
  const model = COVARIANCE_MODELS[code];
  if (version !== VERSION)
    throw damaged(`they have version ${version}; this library reads version ${VERSION}`);
  if (model === undefined) throw damaged(`there is no covariance type of code ${code}`);
  if (k * d * parts === 0) throw damaged(`${k} components, ${d} features, ${parts} sums`);
  return [model, k, d, parts, names];
}

function isSubtree(start: number, size: number): boolean {
  let odd = size;
  while (odd >= 2 && odd % 2 === 0) odd /= 2;
  return (
    odd === 1 &&
    Number.isSafeInteger(start) &&
    start >= 0 &&
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

/**
 * Checks that some rows and responsibilities can have these sums, as far as single elements tell.
 * @throws GaussmixRangeError INVALID_STATISTICS
 */
export function checkSums(sum: Float64Array, form: CovarianceForm, k: number, d: number): void {
  const counts = sum.subarray(2, 2 + k);
  const counted = counts.reduce((a, b) => a + b, 0);
  const plausible =
    sum.every(Number.isFinite) &&
    sum[0] >= 0 &&
    counts.every((count) => count >= 0) &&
    Math.abs(counted - sum[0]) <= ROUNDING * sum[0];
  if (!plausible || !scatterIsPossible(sum, form, k, d)) throw damaged('no rows have such sums');
}

/** Whether squares are not negative and, by the inequality of Cauchy and Schwarz, as large as the other sums need. */
function scatterIsPossible(sum: Float64Array, form: CovarianceForm, k: number, d: number): boolean {
  const firsts = 2 + k;
  const pairs = (d * (d + 1)) / 2;
  const width = { spherical: 1, diag: d, tied: pairs, full: pairs }[form];
  const bounded = (a: number, b: number, c: number): boolean =>
    Math.abs(a) <= Math.sqrt(b) * Math.sqrt(c) * (1 + ROUNDING) + UNDERFLOW;
  for (let component = 0; component < k; component++) {
    const at = firsts + k * d + (form === 'tied' ? 0 : component * width);
    const square = (j: number): number => sum[at + (width === pairs ? (j * (j + 3)) / 2 : j % width)];
    for (let i = 0; i < d; i++) {
      if (!(square(i) >= 0) || !bounded(sum[firsts + component * d + i], sum[2 + component], square(i)))
        return false;
      for (let j = 0; width === pairs && j < i; j++) {
        if (!bounded(sum[at + (i * (i + 1)) / 2 + j], square(i), square(j))) return false;
      }
    }
  }
  return true;
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
