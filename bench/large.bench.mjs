// Rows that are not in memory: time per iteration of a fit that reads them from a file beside one in memory, and the peak memory
// of the command line under a limit. Linux only (/proc).
// Usage: node bench/large.bench.mjs [--rows 10000000] [--limit-mib 512] [--folder DIR] [FILE.parquet ...]
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, read, rmSync, statSync, writeSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { fitStream, GaussianMixture } from '../dist/index.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rows: { type: 'string' }, 'limit-mib': { type: 'string' }, folder: { type: 'string' } },
});
const n = Number(values.rows ?? 10_000_000);
const limitMib = Number(values['limit-mib'] ?? 512);
const [d, k] = [8, 8];
/** Beyond the limit a process may take so much: the program itself, a start's rows, buffers. */
const BESIDE_MIB = 150;
/** Rows read at a time: 2 MB. */
const PIECE = 32_768;
const ROUNDS = 6;
const command = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const folder = mkdtempSync(join(values.folder ?? tmpdir(), 'gaussmix-large-'));
const readAt = promisify(read);

/** Rows around k centres, the same ones for every size: uniform sums, of xorshift numbers. */
function fill(target, from) {
  let state = (from * 2654435761 + 1) | 1;
  const uniform = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  for (let at = 0; at < target.length; at += d) {
    const component = Math.floor(k * uniform());
    for (let j = 0; j < d; j++) {
      target[at + j] = 3 * Math.sin(7 * component + 3 * j) + uniform() + uniform() + uniform() - 1.5;
    }
  }
}

/** A .npy file of so many rows; returns where its numbers start. */
function writeNpy(path, rows) {
  const text = `{'descr': '<f8', 'fortran_order': False, 'shape': (${rows}, ${d}), }`.padEnd(117);
  const head = Buffer.concat([
    Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 118, 0]),
    Buffer.from(`${text}\n`),
  ]);
  const file = openSync(path, 'w');
  writeSync(file, head);
  const piece = new Float64Array(PIECE * d);
  for (let row = 0; row < rows; row += PIECE) {
    const part = piece.subarray(0, Math.min(PIECE, rows - row) * d);
    fill(part, row);
    writeSync(file, part);
  }
  closeSync(file);
  return head.length;
}

async function* rowsOf(path, start, rows) {
  const file = openSync(path, 'r');
  const buffers = [new Float64Array(PIECE * d), new Float64Array(PIECE * d)];
  try {
    for (let row = 0, turn = 0; row < rows; row += PIECE, turn = 1 - turn) {
      const part = buffers[turn].subarray(0, Math.min(PIECE, rows - row) * d);
      await readAt(file, part, 0, part.byteLength, start + row * d * 8);
      yield { data: part, shape: [part.length / d, d] };
    }
  } finally {
    closeSync(file);
  }
}

/**
 * Shortest time between two iterations, which others on the machine disturb least; the same of processor time, all threads
 * together; and the model.
 */
async function timed(fit) {
  const best = { ms: Number.POSITIVE_INFINITY, cpuMs: Number.POSITIVE_INFINITY };
  let last;
  const onIteration = () => {
    const { user, system } = process.cpuUsage();
    const now = { ms: performance.now(), cpuMs: (user + system) / 1000 };
    for (const name in best) if (last) best[name] = Math.min(best[name], now[name] - last[name]);
    last = now;
  };
  const model = await fit({ nComponents: k, maxIterations: 4, tolerance: 0, onIteration });
  return { ...best, model: JSON.stringify(model) };
}

/** Peak resident memory of a fit by the command line, in MiB, and what it printed. */
function peak(args) {
  const watch =
    "import{readFileSync as r}from'node:fs';process.on('exit',()=>process.stderr.write(r('/proc/self/status','latin1').match(/VmHWM.*/)[0]+'\\n'))";
  const script = `exec "$0" "$@" 2>&1`;
  const node = [process.execPath, '--import', `data:text/javascript,${encodeURIComponent(watch)}`, command];
  const output = execFileSync('sh', ['-c', script, ...node, ...args], { encoding: 'utf8' });
  const found = [...output.matchAll(/VmHWM:\s+(\d+) kB/g)].map((match) => Number(match[1]) / 1024);
  return { mib: Math.max(...found), output };
}

try {
  console.log(`${cpus()[0].model}, Node ${process.version}`);
  if (n > 0) {
    const path = join(folder, 'rows.npy');
    const start = writeNpy(path, n);
    const data = new Float64Array(n * d);
    for (let row = 0; row < n; row += PIECE) {
      fill(data.subarray(row * d, Math.min(n, row + PIECE) * d), row);
    }
    const best = { memory: Number.POSITIVE_INFINITY, stream: Number.POSITIVE_INFINITY };
    for (let round = 0; round < ROUNDS; round++) {
      const memory = await timed((options) => GaussianMixture.fit({ data, shape: [n, d] }, options));
      const stream = await timed((options) => fitStream(() => rowsOf(path, start, n), options));
      if (memory.model !== stream.model) throw new Error('the models differ');
      best.memory = Math.min(best.memory, memory.ms);
      best.stream = Math.min(best.stream, stream.ms);
      console.log(
        `(${n}, ${d}, ${k}): ${memory.ms.toFixed(0)} ms per iteration in memory, ${stream.ms.toFixed(0)} ms from a file: ` +
          `ratio ${(stream.ms / memory.ms).toFixed(2)}, of processor time ${(stream.cpuMs / memory.cpuMs).toFixed(2)}; same bits`,
      );
    }
    console.log(
      `shortest of ${ROUNDS} rounds: ${best.memory.toFixed(0)} and ${best.stream.toFixed(0)} ms: ratio ${(best.stream / best.memory).toFixed(2)}`,
    );
    rmSync(path);
  }
  const npy = join(folder, 'large.npy');
  writeNpy(npy, Math.ceil((3 * limitMib * 2 ** 20) / (8 * d)));
  for (const path of [npy, ...positionals]) {
    if (!existsSync(path)) throw new Error(`there is no ${path}`);
    const args = ['fit', path, '-k', String(k), '--max-iterations', '3', '--memory', `${limitMib}MiB`];
    const startedAt = performance.now();
    const { mib, output } = peak([...args, '--temporary', folder]);
    const streamed = /^Streamed.*/m.exec(output)?.[0] ?? 'NOT streamed';
    console.log(
      `${path} (${(statSync(path).size / 2 ** 20).toFixed(0)} MiB): peak ${mib.toFixed(0)} MiB of ${limitMib + BESIDE_MIB}, ` +
        `${((performance.now() - startedAt) / 1000).toFixed(0)} s; ${streamed}`,
    );
    if (mib > limitMib + BESIDE_MIB) process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
