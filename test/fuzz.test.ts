// Files that are not what they should be: more than 100,000 mutations. Each ends in a clear error, or in what the file says.
// Must not run long: under half a millisecond each. GAUSSMIX_FUZZ=20 does twenty times as many, by other seeds.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GaussianMixture, GaussmixError } from 'gaussmix';
import Papa from 'papaparse';
import { afterAll, describe, expect, it } from 'vitest';
import { ByteSource } from '../cli/bytes.ts';
import { columnRows, fileFailure } from '../cli/column-rows.ts';
import { encodingOf, findFormat } from '../cli/csv-format.ts';
import { Failure } from '../cli/failure.ts';
import { readModelFile, readStartFile } from '../cli/model-file.ts';
import { openArrow } from '../cli/read-arrow.ts';
import { openCsv } from '../cli/read-csv.ts';
import { openNpy } from '../cli/read-npy.ts';
import { columnFile, readMetadata } from '../cli/read-parquet.ts';
import type { RowStream } from '../cli/rows.ts';
import { mutate, seeded } from './helpers/mutate.ts';
import { npyBytes } from './helpers/npy.ts';

const TIMES = Number(process.env.GAUSSMIX_FUZZ ?? 1);
const COUNTS = { csv: 40_000, npy: 25_000, json: 25_000, modelFiles: 4_000, parquet: 15_000, arrow: 15_000 };
const LONG = 300_000 * TIMES;

const fixtures = fileURLToPath(new URL('fixtures/formats/', import.meta.url));
const originals = (pattern: RegExp): Buffer[] =>
  readdirSync(fixtures)
    .filter((name) => pattern.test(name))
    .map((name) => readFileSync(join(fixtures, name)));

/** Calls `check` with mutations of the originals in turn; a failure names the seed that makes the mutation again. */
async function fuzz(
  files: readonly Uint8Array[],
  count: number,
  check: (bytes: Uint8Array, below: (limit: number) => number) => Promise<boolean> | boolean,
): Promise<number> {
  let accepted = 0;
  for (let seed = 0; seed < count * TIMES; seed++) {
    const below = seeded(seed);
    const bytes = mutate(files[seed % files.length], below);
    try {
      if (await check(bytes, below)) accepted++;
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).stack}`, { cause: error });
    }
  }
  return accepted;
}

/** What a reader finds; undefined where it refuses, as it must: by one line that begins with the file. */
async function readAll(name: string, open: () => Promise<RowStream>): Promise<number[][] | undefined> {
  const rows: number[][] = [];
  try {
    const stream = await open();
    for await (const chunk of stream.chunks()) {
      expect(chunk.data).toHaveLength(chunk.rows * stream.columns);
      for (let row = 0; row < chunk.rows; row++) {
        rows.push(Array.from(chunk.data.subarray(row * stream.columns, (row + 1) * stream.columns)));
      }
    }
    return rows;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    expect(error.message).toContain(name);
    return undefined;
  }
}

/** Bytes in blocks, of which the size is not known. */
function source(name: string, bytes: Uint8Array, blockBytes: number): ByteSource {
  async function* blocks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += blockBytes) yield bytes.subarray(at, at + blockBytes);
  }
  return new ByteSource(name, blocks());
}

const DECIMAL = /^\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*$/;

/** The numbers of a text without a header, by Papa Parse and Number; undefined where it is no such text. */
function slowCsv(bytes: Uint8Array): number[][] | undefined {
  const text = new TextDecoder(encodingOf(bytes)).decode(bytes);
  if (text.trim() === '' || text.includes('\0')) return undefined;
  const { rest, delimiter, newline } = findFormat(text);
  // Bytes that are no UTF-8 are all the same once decoded.
  if (delimiter === '\ufffd') return undefined;
  const { data, errors } = Papa.parse<string[]>(rest, { delimiter, newline });
  if (errors.some(({ type }) => type === 'Quotes')) return undefined;
  const rows = data.filter((row) => !(row.length === 1 && row[0].trim() === ''));
  const isTable = rows.length > 0 && rows.every((row) => row.length === rows[0].length);
  if (!isTable || !rows.every((row) => row.every((cell) => DECIMAL.test(cell)))) return undefined;
  const numbers = rows.map((row) => row.map(Number));
  return numbers.every((row) => row.every(Number.isFinite)) ? numbers : undefined;
}

it(
  'CSV: what is read is what Papa Parse and Number read, and nothing else is',
  async () => {
    const texts = [
      '1,2\n3,4\n5,6\n',
      '1.5;-2e-3\r\n+.5;12345678901234567\r\n0.1;1e22\r\n',
      '"1"\t2\t3\n4\t"5"\t6\n7\t8\t9',
      '\ufeff1|2\n\n3|4\n',
      'sep=,\n0.12345678901234567,5e-324\n1.7976931348623157e308,9007199254740993\n',
      ' 1 , 2\r3,4\r',
      '1\n2\n3\n',
      '-0,123456789.123456789\n0.000000000000000000000012345,1\n9999999999999999999,.5\n',
    ].map((text) => Buffer.from(text));
    const files = [...texts, Buffer.from('\ufeff1\t2\n3\t4\n', 'utf16le')];
    const accepted = await fuzz(files, COUNTS.csv, async (bytes, below) => {
      const open = (): Promise<RowStream> =>
        openCsv(source('data.csv', bytes, 1 + below(64)), { header: false }, 1 + below(64));
      const expected = slowCsv(bytes);
      const found = await readAll('data.csv', open);
      expect(found).toEqual(expected);
      return found !== undefined;
    });
    // Most mutations of so few bytes break them; a fifth does not.
    expect(accepted).toBeGreaterThan(COUNTS.csv / 10);
  },
  LONG,
);

it(
  '.npy: the header is a literal of Python, and the numbers are the bytes',
  async () => {
    const values = [1, 2, 3, 4.5, -5, 6e10];
    const files = [
      npyBytes(values, [3, 2]),
      npyBytes(values, [6]),
      npyBytes(values, [2, 3], { descr: '<f4' }),
      npyBytes(values, [3, 2], { version: 3 }),
    ];
    const accepted = await fuzz(files, COUNTS.npy, async (bytes, below) => {
      const found = await readAll('data.npy', () => openNpy(source('data.npy', bytes, 1 + below(200)), {}));
      if (found === undefined) return false;
      const isLong = bytes[6] > 1;
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const start = isLong ? 12 + view.getUint32(8, true) : 10 + view.getUint16(8, true);
      // Python's literal as JSON.
      const literal = Buffer.from(bytes.subarray(isLong ? 12 : 10, start)).toString('latin1');
      const json = literal
        .replaceAll("'", '"')
        .replace(/\bTrue\b/, 'true')
        .replace(/\bFalse\b/, 'false')
        .replaceAll(/\(([^()]*?),?\s*\)/g, '[$1]')
        .replaceAll(/\b0+(?=\d)|(?<=\d)L\b/g, '')
        .replace(/,\s*\}/, '}');
      const { descr, fortran_order, shape } = JSON.parse(json);
      const [rows, columns = 1] = shape;
      expect(fortran_order && rows > 1 && columns > 1).toBe(false);
      const width = descr === '<f8' ? 8 : 4;
      expect(bytes.length - start).toBe(rows * columns * width);
      const expected = Array.from({ length: rows }, (_, row) =>
        Array.from({ length: columns }, (_, column) => {
          const at = start + (row * columns + column) * width;
          return width === 8 ? view.getFloat64(at, true) : view.getFloat32(at, true);
        }),
      );
      expect(found).toEqual(expected);
      expect(found.flat().every(Number.isFinite)).toBe(true);
      return true;
    });
    expect(accepted).toBeGreaterThan(COUNTS.npy / 10);
  },
  LONG,
);

describe('models', () => {
  const models = (['full', 'tied', 'diag', 'spherical', 'VVE'] as const).map((covarianceType) =>
    GaussianMixture.fit(
      Array.from({ length: 30 }, (_, i) => [Math.sin(i * 3) + (i % 2) * 9, Math.cos(i * 5)]),
      { nComponents: 2, covarianceType, maxIterations: 3 },
    ),
  );
  const texts = models.map((model) => JSON.stringify(model));

  /** What holds of any mixture. */
  function expectMixture(model: GaussianMixture): void {
    const { nComponents, nFeatures, weights, means, covariances } = model;
    expect(weights).toHaveLength(nComponents);
    expect(weights.every((weight) => weight >= 0 && weight <= 1 + 1e-6)).toBe(true);
    // Weights are taken as they were rounded by whoever wrote them.
    expect(Math.abs(weights.reduce((sum, weight) => sum + weight, 0) - 1)).toBeLessThan(1e-5);
    expect(means.shape).toEqual([nComponents, nFeatures]);
    expect(means.data.every(Number.isFinite)).toBe(true);
    expect(covariances).toHaveLength(nComponents);
    for (const covariance of covariances) {
      expect(covariance.shape).toEqual([nFeatures, nFeatures]);
      for (let i = 0; i < nFeatures; i++) {
        expect(covariance.row(i)[i]).toBeGreaterThan(0);
        for (let j = 0; j < i; j++) {
          const [a, b] = [covariance.row(i)[j], covariance.row(j)[i]];
          expect(a).toBe(b);
          expect(a * a).toBeLessThan(covariance.row(i)[i] * covariance.row(j)[j]);
        }
      }
    }
    const [density] = model.scoreSamples([Array.from({ length: nFeatures }, (_, j) => means.row(0)[j])]);
    expect(Number.isNaN(density)).toBe(false);
    expect(JSON.stringify(GaussianMixture.fromJSON(JSON.parse(JSON.stringify(model))))).toBe(
      JSON.stringify(model),
    );
  }

  const STRANGE: readonly unknown[] = [
    null,
    true,
    '1',
    '',
    [],
    {},
    [[]],
    -1,
    0,
    1,
    0.5,
    2,
    1e308,
    -1e308,
    5e-324,
    1e-200,
    2 ** 53,
    1e15,
    Number.NaN,
    'full',
    'EII',
  ];

  /** Replaces, removes or adds something anywhere within a value. */
  function change(value: unknown, below: (limit: number) => number): unknown {
    const strange = (): unknown => structuredClone(STRANGE[below(STRANGE.length)]);
    if (typeof value !== 'object' || value === null || below(8) === 0) return strange();
    if (Array.isArray(value)) {
      const at = below(value.length + 1);
      if (at === value.length) return [...value, value.length > 0 && below(2) ? value[0] : strange()];
      if (below(6) === 0) return value.filter((_, i) => i !== at);
      return value.map((item, i) => (i === at ? change(item, below) : item));
    }
    const entries = Object.entries(value);
    const at = below(entries.length + 1);
    if (at === entries.length) return { ...value, extra: strange() };
    const [key, old] = entries[at];
    if (below(6) === 0) return Object.fromEntries(entries.filter((_, i) => i !== at));
    return { ...value, [key]: change(old, below) };
  }

  it(
    'objects: a mixture, or an error of the library',
    async () => {
      const accepted = await fuzz(
        texts.map((text) => Buffer.from(text)),
        COUNTS.json,
        (_, below) => {
          let json: unknown = JSON.parse(texts[below(texts.length)]);
          for (let changes = 1 + below(2); changes > 0; changes--) json = change(json, below);
          let model: GaussianMixture;
          try {
            model = GaussianMixture.fromJSON(json);
          } catch (error) {
            if (!(error instanceof GaussmixError)) throw error;
            return false;
          }
          expectMixture(model);
          return true;
        },
      );
      expect(accepted).toBeGreaterThan(100);
    },
    LONG,
  );

  it(
    'files: a mixture, or an error that names the file',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'gaussmix-fuzz-'));
      afterAll(() => rmSync(folder, { recursive: true, force: true }));
      const path = join(folder, 'model.json');
      const scikitLearn = {
        weights_: [0.5, 0.5],
        means_: [
          [0, 0],
          [1, 1],
        ],
        covariances_: [
          [1, 1],
          [2, 1],
        ],
        covariance_type: 'diag',
      };
      const start = {
        weights: [0.5, 0.5],
        means: [
          [0, 0],
          [1, 1],
        ],
      };
      const files = [...texts, JSON.stringify(scikitLearn), JSON.stringify(start)].map((text) =>
        Buffer.from(text),
      );
      const accepted = await fuzz(files, COUNTS.modelFiles, async (bytes) => {
        writeFileSync(path, bytes);
        let isStart = true;
        for (const read of [readModelFile, readStartFile]) {
          try {
            const model = await read(path);
            if (model instanceof GaussianMixture) expectMixture(model);
          } catch (error) {
            if (!(error instanceof Failure)) throw error;
            expect(error.message).toContain(path);
            isStart = false;
          }
        }
        return isStart;
      });
      expect(accepted).toBeGreaterThan(10);
    },
    LONG,
  );
});

describe('files of columns', () => {
  /** Values that may be read: finite numbers, and NaN where missing values are allowed. */
  function expectNumbers(rows: number[][] | undefined, allowMissing: boolean): boolean {
    for (const value of rows?.flat() ?? []) {
      if (!Number.isFinite(value) && !(allowMissing && Number.isNaN(value))) expect(value).toBe('a number');
    }
    return rows !== undefined;
  }

  const columns = 'int8,uint32,int64,half,decimal,wide,dictionary,last';
  const selections = [
    {},
    { allowMissing: true },
    { columns, allowMissing: true, groupBy: 'category', weights: 'weight' },
    { columns: 'last', groupBy: 'group' },
  ];

  it(
    'Parquet',
    async () => {
      const files = originals(/parquet$/);
      const accepted = await fuzz(files, COUNTS.parquet, async (bytes, below) => {
        const selection = selections[below(selections.length)];
        const file = {
          size: bytes.length,
          read: async (offset: number, length: number) => {
            expect(offset >= 0 && length >= 0 && offset + length <= bytes.length).toBe(true);
            return Uint8Array.from(bytes.subarray(offset, offset + length));
          },
        };
        const rows = await readAll('x.parquet', async () => {
          try {
            return columnRows(
              columnFile('x.parquet', file, await readMetadata('x.parquet', file)),
              selection,
            );
          } catch (error) {
            throw fileFailure('x.parquet', error);
          }
        });
        return expectNumbers(rows, selection.allowMissing ?? false);
      });
      expect(accepted).toBeGreaterThan(COUNTS.parquet / 20);
    },
    LONG,
  );

  it(
    'Arrow',
    async () => {
      const accepted = await fuzz(originals(/(arrows?|feather)$/), COUNTS.arrow, async (bytes, below) => {
        const selection = selections[below(selections.length)];
        const open = (): Promise<RowStream> =>
          openArrow(source('x.arrow', bytes, 1 + below(4000)), selection);
        return expectNumbers(await readAll('x.arrow', open), selection.allowMissing ?? false);
      });
      expect(accepted).toBeGreaterThan(COUNTS.arrow / 20);
    },
    LONG,
  );
});
