// The engine: fits whose rows another program holds, over the frames of docs/ENGINE.md. Here that program is this file, which
// answers from rows in memory, each block a part of its own.
// Must not depend on how the engine is built: it is started as any other program would.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { GaussianMixture, internals } from 'gaussmix';
import { afterEach, describe, expect, it } from 'vitest';

const cli = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const single = fileURLToPath(new URL('../integrations/spark/gaussmix_spark/engine.mjs', import.meta.url));
const wasm = fileURLToPath(new URL('../dist/gaussmix.wasm', import.meta.url));
const { BLOCK, Kernel, Random, compiledModule } = internals;

type Header = Record<string, unknown>;
interface Frame {
  readonly header: Header;
  readonly payload: Buffer;
}

const [rows, columns] = [2 * BLOCK + 1000, 3];
const names = ['a', 'b', 'c'];
const random = new Random(5);
const data = Float64Array.from(
  { length: rows * columns },
  (_, i) => random.uniform() + random.uniform() + 2 * (Math.floor(i / columns) % 3),
);
const weights = Float64Array.from({ length: rows }, (_, row) => row % 4);

/** A running engine and the two ends of its pipes. */
class Engine {
  readonly process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly ended: Promise<unknown[]>;
  stderr = '';
  readonly #chunks: AsyncIterator<Buffer>;
  #rest = Buffer.alloc(0);

  constructor(program: string = cli) {
    this.process = spawn(process.execPath, [program, 'engine'], { stdio: 'pipe' });
    this.#chunks = this.process.stdout[Symbol.asyncIterator]();
    this.ended = once(this.process, 'close');
    this.process.stderr.on('data', (text) => {
      this.stderr += text;
    });
  }

  send(header: Header, payload: Uint8Array = new Uint8Array()): void {
    const text = Buffer.from(JSON.stringify(header));
    const prefix = Buffer.alloc(8);
    prefix.writeUInt32LE(text.length, 0);
    prefix.writeUInt32LE(payload.length, 4);
    this.process.stdin.write(Buffer.concat([prefix, text, payload]));
  }

  async next(): Promise<Frame> {
    const prefix = await this.#take(8);
    const header = JSON.parse((await this.#take(prefix.readUInt32LE(0))).toString());
    return { header, payload: await this.#take(prefix.readUInt32LE(4)) };
  }

  async #take(count: number): Promise<Buffer> {
    while (this.#rest.length < count) {
      const { done, value } = await this.#chunks.next();
      if (done) throw new Error(`the engine has ended: ${this.stderr}`);
      this.#rest = Buffer.concat([this.#rest, value]);
    }
    const taken = this.#rest.subarray(0, count);
    this.#rest = this.#rest.subarray(count);
    return taken;
  }
}

const bytes = (...arrays: readonly Float64Array[]): Buffer =>
  Buffer.concat(
    arrays.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength)),
  );
const doubles = (payload: Buffer): Float64Array => new Float64Array(new Uint8Array(payload).buffer);

/** Answers a fit's questions with the kernel. */
class Host {
  readonly #weights: Float64Array | undefined;
  readonly #kernel = new Kernel(compiledModule());
  readonly asked: string[] = [];
  readonly checkpoints: string[] = [];
  readonly progress: Header[] = [];

  constructor(sampleWeight?: Float64Array) {
    this.#weights = sampleWeight;
  }

  /** Answers until the fit ends; the last frame. `change` may spoil an answer. */
  async run(
    engine: Engine,
    options: Header,
    more: { resume?: string; header?: Header; change?: (header: Header) => Header } = {},
  ): Promise<Frame> {
    const { resume = '', change = (header) => header } = more;
    engine.send({ kind: 'fit', rows, columns, names, options, ...more.header }, Buffer.from(resume));
    for (;;) {
      const frame = await engine.next();
      const { kind, id } = frame.header;
      if (kind === 'done' || kind === 'error') return frame;
      if (kind === 'progress') this.progress.push(frame.header);
      else if (kind === 'checkpoint') this.checkpoints.push(frame.payload.toString());
      else {
        this.asked.push(String(kind));
        for (const [header, payload] of this.#answers(frame)) {
          engine.send(change({ kind: 'answer', id, ...header }), payload);
        }
      }
    }
  }

  *#answers({ header, payload }: Frame): Iterable<readonly [Header, Buffer]> {
    const values = doubles(payload);
    if (header.kind === 'accumulate') {
      const blocks = Math.ceil(rows / BLOCK);
      for (let block = 0; block < blocks; block++) {
        yield [{ sizes: [1], more: block < blocks - 1 }, bytes(this.#accumulate(header, values, block))];
      }
    } else if (header.kind === 'gather') {
      yield [{}, bytes(...Array.from(values, (row) => data.subarray(row * columns, (row + 1) * columns)))];
    } else if (header.kind === 'choose') {
      // No more rows than a start may look at: all of them.
      expect(header.count).toBeGreaterThanOrEqual(rows);
      const all = Float64Array.from({ length: rows }, (_, row) => row);
      const given = this.#weights;
      yield [{ weighted: given !== undefined }, given ? bytes(all, given) : bytes(all)];
    } else throw new Error(`unexpected question ${header.kind}`);
  }

  #accumulate({ form, k, likelihoodOnly }: Header, values: Float64Array, block: number): Float64Array {
    const kernel = this.#kernel;
    const { exports } = kernel;
    const [n, d] = [Math.min(BLOCK, rows - block * BLOCK), columns];
    const mark = kernel.mark();
    const place = (array: Float64Array): number => {
      const address = kernel.allocate(array.length);
      kernel.view(address, array.length).set(array);
      return address;
    };
    const split = Number(k) * d;
    const [means, factors] = [place(values.slice(0, split)), place(values.slice(split))];
    const flat = place(data.subarray(block * BLOCK * d, (block * BLOCK + n) * d));
    const sampleWeight = this.#weights?.subarray(block * BLOCK, block * BLOCK + n);
    const weightsAt = sampleWeight ? place(sampleWeight) : 0;
    const panels = kernel.allocate((n + 8) * d);
    exports.gmm_pack(flat, n, d, panels);
    const [f, kk] = [Number(form), Number(k)];
    const count = exports.gmm_statistics_count(f, d, kk);
    const sums = place(new Float64Array(count));
    const workspace = kernel.allocate(exports.gmm_workspace_count(f, d, kk));
    const only = likelihoodOnly ? 1 : 0;
    exports.gmm_accumulate(f, panels, weightsAt, n, d, kk, means, factors, sums, workspace, only);
    const result = kernel.copy(sums, count);
    kernel.release(mark);
    return result;
  }
}

let engine: Engine;
afterEach(() => engine.process.kill());

/** What `gaussmix fit -o` would save. */
function saved(options: Parameters<typeof GaussianMixture.fit>[1], sampleWeight?: Float64Array): string {
  const model = GaussianMixture.fit({ data, shape: [rows, columns] }, {
    ...options,
    sampleWeight,
  } as typeof options);
  const { format, version, covarianceType, nComponents, nFeatures, ...rest } = model.toJSON();
  const json = { format, version, covarianceType, nComponents, nFeatures, featureNames: names, ...rest };
  return `${JSON.stringify(json)}\n`;
}

describe('the engine', () => {
  it('greets with its version and the hash of its kernel', async () => {
    engine = new Engine();
    const { header } = await engine.next();
    const kernel = createHash('sha256').update(readFileSync(wasm)).digest('hex');
    expect(header).toMatchObject({ kind: 'hello', protocol: 1, kernel, blockRows: BLOCK });
    engine.process.stdin.end();
    expect(await engine.ended).toEqual([0, null]);
  });

  it.each([
    ['of the command line', cli, {}],
    ['in one file', single, {}],
    [
      'with another model and restarts',
      cli,
      { covarianceType: 'VEI', nInit: 2, initialization: 'k-means++' },
    ],
    ['with a prior', cli, { prior: 'default', covarianceType: 'tied' }],
  ] as const)('%s fits to the bits of the library, fit after fit', async (_, program, more) => {
    engine = new Engine(program);
    await engine.next();
    for (const sampleWeight of [undefined, weights]) {
      const options = { nComponents: 3, seed: 4, maxIterations: 12, ...more };
      const host = new Host(sampleWeight);
      const { header, payload } = await host.run(engine, options);
      expect(header).toEqual({ kind: 'done' });
      expect(payload.toString()).toBe(saved(options, sampleWeight));
      const first = host.progress.filter(({ run }) => run === 0).map(({ iteration }) => iteration);
      expect(first).toEqual(first.map((_, i) => i + 1));
    }
  });

  it('fits rows that it is sent', async () => {
    engine = new Engine();
    await engine.next();
    const options = { nComponents: 2, maxIterations: 5 };
    engine.send({ kind: 'fit-rows', rows, columns, names, options }, bytes(data, weights));
    const { header, payload } = await engine.next();
    expect(header).toEqual({ kind: 'done' });
    expect(payload.toString()).toBe(saved(options, weights));
  });

  it.each([
    ['of the command line', cli],
    ['in one file', single],
  ])('%s goes on from any checkpoint to the bits of the whole fit', async (_, program) => {
    engine = new Engine(program);
    await engine.next();
    const options = { nComponents: 3, seed: 1, maxIterations: 6, tolerance: 0 };
    const whole = new Host();
    const { payload } = await whole.run(engine, options, { header: { checkpoints: true } });
    expect(whole.checkpoints.length).toBe(6);
    for (const resume of [whole.checkpoints[1], whole.checkpoints[5]]) {
      const host = new Host();
      const again = await host.run(engine, options, { resume });
      expect(again.payload.toString()).toBe(payload.toString());
      expect(host.asked.length).toBeLessThan(whole.asked.length);
    }
    const refused = await new Host().run(engine, { ...options, seed: 2 }, { resume: whole.checkpoints[1] });
    expect(refused.header).toMatchObject({ kind: 'error', code: 'INVALID_CHECKPOINT' });
    const damaged = await new Host().run(engine, options, { resume: whole.checkpoints[1].slice(0, 99) });
    expect(damaged.header).toMatchObject({ kind: 'error', code: 'INVALID_CHECKPOINT' });
  });

  it('stops after the iteration in which an answer says so, with the model so far', async () => {
    engine = new Engine();
    await engine.next();
    const host = new Host();
    const change = (header: Header): Header =>
      host.progress.length >= 2 ? { ...header, stop: true } : header;
    const { payload } = await host.run(engine, { nComponents: 3, tolerance: 0 }, { change });
    const { fitted } = JSON.parse(payload.toString());
    expect(fitted).toMatchObject({ converged: false, iterations: 3 });
    // The next fit is not stopped.
    const next = await new Host().run(engine, { nComponents: 3, maxIterations: 4, tolerance: 0 });
    expect(JSON.parse(next.payload.toString()).fitted.iterations).toBe(4);
  });

  it.each([
    ['an option that is none', { nComponents: 2, colour: 1 }, 'UNKNOWN_OPTION', /colour/],
    ['more components than rows', { nComponents: rows + 1 }, 'TOO_FEW_ROWS', /nComponents is 9193/],
    [
      'a start of another size',
      { nComponents: 2, initialization: { means: [[1]] } },
      'INVALID_PARAMETERS',
      /means/,
    ],
  ])('refuses %s, and lives on', async (_, options, code, message) => {
    engine = new Engine();
    await engine.next();
    const { header } = await new Host().run(engine, options);
    expect(header).toMatchObject({ kind: 'error', code });
    expect(header.message).toMatch(message);
    expect((await new Host().run(engine, { nComponents: 1 })).header.kind).toBe('done');
  });

  it.each([
    ['a block too few', (header: Header) => ({ ...header, more: false }), /1 of 3 blocks/],
    [
      'a subtree that is not aligned',
      (header: Header) => ({ ...header, sizes: [3] }),
      /a subtree of 3 blocks at block 0/,
    ],
    ['sizes without sums', (header: Header) => ({ ...header, sizes: [1, 1] }), /numbers, not/],
  ])('refuses an answer with %s', async (_, spoil, message) => {
    engine = new Engine();
    await engine.next();
    const change = (header: Header): Header => ('sizes' in header ? spoil(header) : header);
    const { header } = await new Host().run(engine, { nComponents: 2 }, { change });
    expect(header).toMatchObject({ kind: 'error', code: 'INTERNAL' });
    expect(header.message).toMatch(message);
  });

  it.each([
    ['ends in the middle of a fit', undefined, /standard input ended in the middle of a fit/],
    ['has something else', 'GET / HTTP/1.1\r\n\r\n', /no frames/],
  ])('ends with one line when its input %s', async (_, text, message) => {
    engine = new Engine();
    await engine.next();
    if (text === undefined) engine.send({ kind: 'fit', rows, columns, options: { nComponents: 2 } });
    else engine.process.stdin.write(text);
    engine.process.stdin.end();
    // The question that it asked, if any, and the end of its output.
    if (text === undefined) await engine.next();
    await expect(engine.next()).rejects.toThrow('has ended');
    expect(await engine.ended).toEqual([1, null]);
    expect(engine.stderr).toMatch(message);
    expect(engine.stderr.trim().split('\n').length).toBe(1);
  });
});
