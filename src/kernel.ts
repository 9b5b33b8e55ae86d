// The Wasm kernel: compiling the binary, instances and their memory. The only file that knows of either.
// Must not know about mixtures: it offers the operations of docs/ABI.md and memory to run them in.
import { instantiateSync } from '@assemblyscript/loader';
import { binary } from '../build/embedded.ts';
import { GaussmixRangeError, GaussmixTypeError } from './errors.ts';

/** The kernel's operations; docs/ABI.md is their contract. Pointers are byte addresses, counts are of elements. */
export interface KernelExports {
  readonly memory: WebAssembly.Memory;
  readonly gmm_abi_version: WebAssembly.Global;
  gmm_heap_base(): number;
  gmm_statistics_count(form: number, d: number, k: number): number;
  gmm_covariance_count(form: number, d: number, k: number): number;
  gmm_factors_count(form: number, d: number, k: number): number;
  gmm_workspace_count(form: number, d: number, k: number): number;
  gmm_pack(rows: number, n: number, d: number, panels: number): void;
  gmm_prepare(
    form: number,
    d: number,
    k: number,
    weights: number,
    means: number,
    covariances: number,
    floor: number,
    factors: number,
    status: number,
    workspace: number,
  ): number;
  gmm_accumulate(
    form: number,
    panels: number,
    weights: number,
    n: number,
    d: number,
    k: number,
    means: number,
    factors: number,
    statistics: number,
    workspace: number,
    likelihoodOnly: number,
  ): number;
  gmm_active_state_bytes(k: number): number;
  gmm_active_workspace_count(form: number, d: number, k: number): number;
  gmm_active_begin(state: number, k: number): void;
  gmm_active_end(panels: number, n: number, d: number, k: number, state: number): void;
  gmm_active_drift(
    form: number,
    d: number,
    k: number,
    referenceMeans: number,
    referenceFactors: number,
    means: number,
    factors: number,
    drift: number,
    workspace: number,
  ): void;
  gmm_accumulate_active(
    form: number,
    panels: number,
    weights: number,
    n: number,
    d: number,
    k: number,
    means: number,
    factors: number,
    statistics: number,
    workspace: number,
    likelihoodOnly: number,
    state: number,
    drift: number,
    phase: number,
  ): number;
  gmm_accumulate_responsibilities(
    form: number,
    panels: number,
    weights: number,
    n: number,
    d: number,
    k: number,
    means: number,
    resp: number,
    statistics: number,
    workspace: number,
  ): number;
  gmm_e_step(
    form: number,
    panels: number,
    n: number,
    d: number,
    k: number,
    means: number,
    factors: number,
    resp: number,
    logProb: number,
    logProbNorm: number,
    workspace: number,
  ): number;
  gmm_missing_cache_count(form: number, d: number, k: number): number;
  gmm_missing_workspace_count(form: number, d: number, k: number): number;
  gmm_missing_begin(cache: number, count: number): void;
  gmm_observed(panels: number, weights: number, n: number, d: number, target: number): number;
  gmm_accumulate_missing(
    form: number,
    panels: number,
    sampleWeights: number,
    n: number,
    d: number,
    k: number,
    weights: number,
    means: number,
    covariances: number,
    factors: number,
    statistics: number,
    workspace: number,
    likelihoodOnly: number,
    cache: number,
  ): number;
  gmm_e_step_missing(
    form: number,
    panels: number,
    n: number,
    d: number,
    k: number,
    weights: number,
    means: number,
    covariances: number,
    factors: number,
    resp: number,
    logProb: number,
    logProbNorm: number,
    completed: number,
    workspace: number,
    cache: number,
  ): number;
  gmm_m_step(
    form: number,
    d: number,
    k: number,
    statistics: number,
    regularization: number,
    minimumCount: number,
    weights: number,
    means: number,
    covariances: number,
    status: number,
  ): number;
  gmm_constrain_workspace_count(model: number, d: number, k: number): number;
  gmm_constrain(
    model: number,
    d: number,
    k: number,
    weights: number,
    unconstrained: number,
    covariances: number,
    workspace: number,
  ): number;
  gmm_eigen(matrix: number, values: number, vectors: number, d: number): number;
  gmm_merge(target: number, source: number, count: number): void;
  gmm_hierarchy(
    rows: number,
    weights: number,
    n: number,
    d: number,
    model: number,
    merges: number,
    workspace: number,
  ): void;
  gmm_kmeans_distances(
    panels: number,
    weights: number,
    n: number,
    d: number,
    centre: number,
    source: number,
    target: number,
  ): number;
  gmm_kmeans_sample(distances: number, weights: number, n: number, target: number): number;
  gmm_kmeans_assign(
    panels: number,
    weights: number,
    n: number,
    d: number,
    k: number,
    centres: number,
    labels: number,
    distances: number,
    sums: number,
    counts: number,
  ): number;
  gmm_cholesky(matrix: number, factor: number, floor: number, d: number): number;
  gmm_invert(matrix: number, inverse: number, d: number, workspace: number): number;
  gmm_exp(source: number, target: number, n: number): void;
  gmm_log(source: number, target: number, n: number): void;
}

/** Rows per block: statistics of blocks are merged along one fixed tree, whoever computed them. */
export const BLOCK = 4096;
/** Rows per panel of the packed layout. */
export const PANEL = 8;

const ABI_MAJOR = 1;
const PAGE_BYTES = 65536;
const MAXIMUM_BYTES = 65536 * PAGE_BYTES;
/** Work up to this size shares one instance; its memory can then never grow beyond about this. */
const SMALL_BYTES = 16 * 1024 * 1024;

/** One instance of the kernel and a stack of allocations in its memory. */
export class Kernel {
  readonly exports: KernelExports;
  #top: number;
  #f64: Float64Array;
  #i32: Int32Array;

  constructor(module: WebAssembly.Module) {
    // The instance's own exports: the loader puts a function that collects its arguments around each, which costs as much
    // as a small operation.
    this.exports = instantiateSync(module, {}).instance.exports as unknown as KernelExports;
    this.#top = align(this.exports.gmm_heap_base());
    this.#f64 = new Float64Array(this.exports.memory.buffer);
    this.#i32 = new Int32Array(this.exports.memory.buffer);
  }

  /** The whole memory as doubles. Never keep it over a call that may allocate: growing memory detaches it. */
  get f64(): Float64Array {
    // A detached array has no elements; the kernel's memory is never empty.
    if (this.#f64.length === 0) this.#renew();
    return this.#f64;
  }

  /** The whole memory as 32-bit integers; see {@link f64}. */
  get i32(): Int32Array {
    if (this.#i32.length === 0) this.#renew();
    return this.#i32;
  }

  /** Bytes the memory has now. */
  get byteLength(): number {
    return this.f64.byteLength;
  }

  /** Address of `count` doubles, aligned to a cache line, not zeroed; freed by {@link release}. */
  allocate(count: number): number {
    const address = this.#top;
    const end = align(address + count * 8);
    if (end > this.byteLength) this.#grow(end);
    this.#top = end;
    return address;
  }

  /** View of `count` doubles at an address; see {@link f64} for how long it lives. */
  view(address: number, count: number): Float64Array {
    return this.f64.subarray(address / 8, address / 8 + count);
  }

  /** Copy of `count` doubles at an address. */
  copy(address: number, count: number): Float64Array {
    return this.f64.slice(address / 8, address / 8 + count);
  }

  /** Where allocations stand; give it to {@link release}. */
  mark(): number {
    return this.#top;
  }

  /** Frees all that was allocated since the mark. */
  release(mark: number): void {
    this.#top = mark;
  }

  #grow(bytes: number): void {
    if (bytes > MAXIMUM_BYTES) throw outOfMemory(bytes);
    try {
      this.exports.memory.grow(Math.ceil((bytes - this.byteLength) / PAGE_BYTES));
    } catch {
      throw outOfMemory(bytes);
    }
  }

  #renew(): void {
    this.#f64 = new Float64Array(this.exports.memory.buffer);
    this.#i32 = new Int32Array(this.exports.memory.buffer);
  }
}

/** Panels that begin with a cache line are read with half the lines touched: 5 % of a pass at D = 64. */
function align(address: number): number {
  return Math.ceil(address / 64) * 64;
}

function outOfMemory(bytes: number): GaussmixRangeError {
  const mebibytes = Math.ceil(bytes / 1048576);
  return new GaussmixRangeError(
    'OUT_OF_MEMORY',
    `${mebibytes} MiB of kernel memory are needed, which this machine or the 4096 MiB limit of WebAssembly does ` +
      'not allow: fit fewer rows or columns at a time',
  );
}

let compiled: WebAssembly.Module | undefined;
let small: Kernel | undefined;
// Held weakly: the next large job finds the memory of the last one while the collector has not taken it.
let large: WeakRef<Kernel> | undefined;
const busy: WeakSet<Kernel> = new WeakSet();

/**
 * Runs `work` with a kernel. Jobs up to 16 MiB share one instance, as a stack; a larger one gets an instance to
 * itself, which is given back to the garbage collector (a Wasm memory cannot shrink).
 * @param bytes estimate of all that the job will allocate
 */
export function withKernel<T>(bytes: number, work: (kernel: Kernel) => T): T {
  const kernel = bytes <= SMALL_BYTES ? sharedKernel() : largeKernel();
  const mark = kernel.mark();
  const nested = busy.has(kernel);
  busy.add(kernel);
  try {
    return work(kernel);
  } finally {
    kernel.release(mark);
    if (!nested) busy.delete(kernel);
  }
}

function sharedKernel(): Kernel {
  small ??= new Kernel(compiledModule());
  return small;
}

function largeKernel(): Kernel {
  const last = large?.deref();
  if (last && !busy.has(last)) return last;
  const kernel = new Kernel(compiledModule());
  large = new WeakRef(kernel);
  return kernel;
}

/** The compiled kernel, for instances of one's own and for workers. */
export function compiledModule(): WebAssembly.Module {
  compiled ??= compile(embeddedBinary());
  return compiled;
}

function compile(bytes: BufferSource): WebAssembly.Module {
  if (typeof WebAssembly === 'undefined') {
    throw new GaussmixTypeError('KERNEL_UNAVAILABLE', 'this JavaScript engine has no WebAssembly');
  }
  try {
    return new WebAssembly.Module(bytes);
  } catch (cause) {
    const { message } = cause as Error;
    const need = 'It needs SIMD: Node >= 16.4, Chromium >= 114, Firefox >= 89, Safari >= 16.4';
    throw new GaussmixTypeError(
      'KERNEL_UNAVAILABLE',
      `the WebAssembly kernel could not be compiled (${message}). ${remedy(message) ?? need}`,
    );
  }
}

/** What to do where the host forbids what the engine could do, by the words of its error. */
function remedy(message: string): string | undefined {
  if (/content security policy|\bCSP\b/i.test(message)) {
    return "The page's content security policy forbids WebAssembly: add 'wasm-unsafe-eval' to its script-src";
  }
  if (/disallowed by embedder/.test(message)) {
    return (
      'This runtime compiles no WebAssembly at run time: import the module gaussmix/gaussmix.wasm and `await ' +
      "initialize(module)` first (edge runtimes), or add 'wasm-unsafe-eval' to script-src (older browsers)"
    );
  }
  // Chromium before 114, for all modules over 4 kB.
  if (/disallowed on the main thread/.test(message)) {
    return 'This browser has the kernel run in workers only: fit in a Web Worker, or use Chromium 114 or later';
  }
  return undefined;
}

function checked(module: WebAssembly.Module): WebAssembly.Module {
  const names = WebAssembly.Module.exports(module).map((entry) => entry.name);
  const foreign = WebAssembly.Module.imports(module);
  if (!names.includes('gmm_abi_version') || foreign.length > 0) {
    throw new GaussmixTypeError('KERNEL_UNAVAILABLE', 'the module given is not the gaussmix kernel');
  }
  const version = new Kernel(module).exports.gmm_abi_version.value as number;
  if (version >>> 16 !== ABI_MAJOR) {
    throw new GaussmixTypeError(
      'KERNEL_UNAVAILABLE',
      `the kernel given has ABI version ${version >>> 16}.${version & 0xffff}; this library needs ${ABI_MAJOR}.x`,
    );
  }
  return module;
}

/** The binary in this file. The one place that names it: minifiers put a copy of the text at each. */
function embeddedBinary(): Uint8Array<ArrayBuffer> {
  // A loop over characters takes milliseconds before the engine has compiled it, as long as all else in a first fit.
  const { fromBase64 } = Uint8Array as { fromBase64?: (text: string) => Uint8Array<ArrayBuffer> };
  if (fromBase64) return fromBase64.call(Uint8Array, binary);
  const { Buffer } = globalThis as {
    Buffer?: { from(text: string, encoding: 'base64'): Uint8Array<ArrayBuffer> };
  };
  if (Buffer) return Buffer.from(binary, 'base64');
  const characters = atob(binary);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

/**
 * Where a copy of the kernel comes from: its bytes, a `WebAssembly.Module`, a `Response` or a `URL` (all objects, and
 * declared so that a project without the DOM's types compiles), or an address.
 */
export type KernelSource = ArrayBuffer | ArrayBufferView | object | string;

/**
 * Uses another copy of the kernel binary than the embedded one, or compiles the embedded one ahead of time. Optional:
 * everything works without it. Needed where synchronous compilation is not allowed or the binary comes from elsewhere.
 *
 * @param source the bytes, a compiled module, a `Response`, or the address of `gaussmix.wasm`; nothing: the embedded copy
 * @throws GaussmixTypeError KERNEL_UNAVAILABLE when it cannot be fetched, compiled, or is not this library's kernel
 * @example
 * import { initialize } from 'gaussmix';
 * await initialize();
 */
export async function initialize(source?: KernelSource): Promise<void> {
  try {
    const module = await moduleFrom(source);
    if (module === compiled) return;
    compiled = checked(module);
  } catch (cause) {
    if (cause instanceof GaussmixTypeError) throw cause;
    const { message } = cause as Error;
    const help = remedy(message);
    throw new GaussmixTypeError(
      'KERNEL_UNAVAILABLE',
      `the kernel could not be loaded: ${message}${help === undefined ? '' : `. ${help}`}`,
    );
  }
  small = undefined;
  large = undefined;
}

async function moduleFrom(source?: KernelSource): Promise<WebAssembly.Module> {
  if (source === undefined) return compiled ?? WebAssembly.compile(embeddedBinary());
  if (source instanceof WebAssembly.Module) return source;
  const fetched = typeof source === 'string' || source instanceof URL ? await load(String(source)) : source;
  if (typeof Response !== 'undefined' && fetched instanceof Response) {
    if (!fetched.ok) throw new Error(`${fetched.url || String(source)} answered ${fetched.status}`);
    return WebAssembly.compile(await fetched.arrayBuffer());
  }
  return WebAssembly.compile(fetched as BufferSource);
}

/** Bytes of a file (Node), or the response to a request. */
async function load(address: string): Promise<Response | Uint8Array<ArrayBuffer>> {
  try {
    if (!address.startsWith('file:')) return await fetch(address);
    const files = nodeModule<{ readFileSync(path: URL): Uint8Array<ArrayBuffer> }>('node:fs');
    if (files) return files.readFileSync(new URL(address));
  } catch (cause) {
    throw new Error(`${address}: ${(cause as Error).message}`);
  }
  throw new Error(`${address}: this engine cannot read files; pass the bytes`);
}

/** A module of Node's own where there is one, reached without an import that bundlers would follow. */
export function nodeModule<T>(name: string): T | undefined {
  const { process } = globalThis as {
    process?: { getBuiltinModule?: (name: string) => T; versions?: { node?: string } };
  };
  return process?.versions?.node ? process.getBuiltinModule?.(name) : undefined;
}
