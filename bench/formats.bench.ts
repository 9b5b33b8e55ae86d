// How fast the command line reads each format, beside other readers: MB of file per second, from bytes to rows of doubles.
// Must not time anything before every reader has given the same sum.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { tableFromArrays, tableFromIPC, tableToIPC } from 'apache-arrow';
import { parquetRead } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import Papa from 'papaparse';
import { openRows } from '../cli/row-file.ts';
import { npyBytes } from '../test/helpers/npy.ts';

const ROWS = 400_000;
const COLUMNS = 5;
const ROUNDS = 5;

const folder = mkdtempSync(join(tmpdir(), 'gaussmix-formats-'));
const names = Array.from({ length: COLUMNS }, (_, column) => `x${column}`);

/** Numbers of all their digits, and of three after the point. */
function makeColumns(digits: number | undefined): Float64Array[] {
  let state = 1;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state * 2 ** 20 + (Math.imul(state, 2654435761) >>> 12)) / 2 ** 52;
  };
  return names.map(() =>
    Float64Array.from({ length: ROWS }, () => {
      const value = (random() + random() + random() - 1.5) * 8;
      return digits === undefined ? value : Number(value.toFixed(digits));
    }),
  );
}

function csvOf(columns: readonly Float64Array[]): string {
  const lines = Array.from({ length: ROWS }, (_, row) => columns.map((column) => column[row]).join(','));
  return `${[names.join(','), ...lines].join('\n')}\n`;
}

const rowMajor = (columns: readonly Float64Array[]): Float64Array =>
  Float64Array.from({ length: ROWS * COLUMNS }, (_, i) => columns[i % COLUMNS][Math.floor(i / COLUMNS)]);

function parquetOf(columns: readonly Float64Array[], nullable: boolean): Uint8Array {
  const columnData = columns.map((data, i) => ({ name: names[i], data, type: 'DOUBLE' as const, nullable }));
  return new Uint8Array(parquetWriteBuffer({ columnData, codec: 'UNCOMPRESSED' }));
}

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const own = async (path: string): Promise<number> => {
  const file = await openRows(path, {});
  let sum = 0;
  for await (const { data } of file.chunks()) for (let i = 0; i < data.length; i++) sum += data[i];
  await file.close();
  return sum;
};

/** The text at once, and numbers out of its cells. */
const papa = async (path: string): Promise<number> => {
  const { data } = Papa.parse<string[]>(readFileSync(path, 'utf8'), { skipEmptyLines: true });
  let sum = 0;
  for (let row = 1; row < data.length; row++) for (const cell of data[row]) sum += Number(cell);
  return sum;
};

const hyparquet = async (path: string): Promise<number> => {
  const bytes = readFileSync(path);
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
  let sum = 0;
  await parquetRead({
    file,
    onChunk: ({ columnData }) => {
      for (let i = 0; i < columnData.length; i++) sum += columnData[i];
    },
  });
  return sum;
};

const arrow = async (path: string): Promise<number> => {
  const table = tableFromIPC(readFileSync(path));
  let sum = 0;
  for (let column = 0; column < table.numCols; column++) {
    const values = table.getChildAt(column)?.toArray() as Float64Array;
    for (let i = 0; i < values.length; i++) sum += values[i];
  }
  return sum;
};

const long = makeColumns(undefined);
const short = makeColumns(3);
const csvLong = write('long.csv', csvOf(long));
const csvShort = write('short.csv', csvOf(short));
const npy = write('data.npy', npyBytes(rowMajor(long), [ROWS, COLUMNS]));
const required = write('required.parquet', parquetOf(long, false));
const nullable = write('nullable.parquet', parquetOf(long, true));
const arrowTable = tableFromArrays(Object.fromEntries(names.map((name, i) => [name, long[i]])));
const arrows = write('data.arrows', tableToIPC(arrowTable, 'stream'));

const CONTENDERS: readonly (readonly [string, string, (path: string) => Promise<number>])[] = [
  ['CSV, all digits', csvLong, own],
  ['CSV, all digits: Papa Parse', csvLong, papa],
  ['CSV, three decimals', csvShort, own],
  ['CSV, three decimals: Papa Parse', csvShort, papa],
  ['.npy, float64', npy, own],
  ['Parquet, required', required, own],
  ['Parquet, required: hyparquet', required, hyparquet],
  ['Parquet, nullable', nullable, own],
  ['Parquet, nullable: hyparquet', nullable, hyparquet],
  ['Arrow', arrows, own],
  ['Arrow: apache-arrow', arrows, arrow],
];

const sums = new Map<string, number>();
for (const [name, path, read] of CONTENDERS) {
  const sum = await read(path);
  const first = sums.get(path) ?? sum;
  // The same numbers, in an order of its own.
  if (!(Math.abs(sum - first) <= 1e-9 * ROWS * COLUMNS)) throw new Error(`${name}: ${sum} is not ${first}`);
  sums.set(path, first);
}
const times = CONTENDERS.map((): number[] => []);
for (let round = 0; round < ROUNDS; round++) {
  for (const [i, [, path, read]] of CONTENDERS.entries()) {
    const start = performance.now();
    await read(path);
    times[i].push(performance.now() - start);
  }
}
console.log(
  `Node ${process.version}, ${cpus()[0]?.model}; ${ROWS} rows of ${COLUMNS} numbers; median of ${ROUNDS}`,
);
for (const [i, [name, path]] of CONTENDERS.entries()) {
  const median = times[i].sort((a, b) => a - b)[ROUNDS >> 1];
  const { size } = statSync(path);
  console.log(
    `${name.padEnd(34)} ${(size / 1e3 / median).toFixed(0).padStart(6)} MB/s ${(size / 1e6).toFixed(0).padStart(5)} MB`,
  );
}
rmSync(folder, { recursive: true });
