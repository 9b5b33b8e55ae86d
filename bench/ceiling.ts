// The machine's ceiling for 128-bit f64 arithmetic in WebAssembly: multiplications and additions in registers only.
// Must not touch memory: it is what a kernel could reach if nothing else cost time.

/** Independent chains: enough to hide the latency of both units; with the factor they fill 15 registers. */
const CHAINS = 14;
const COUNT = 100_000;

const section = (id: number, bytes: number[]): number[] => [id, ...unsigned(bytes.length), ...bytes];

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)];
}

/** f64.const, f64x2.splat, local.set. */
function setSplat(local: number, value: number): number[] {
  return [0x44, ...new Uint8Array(Float64Array.of(value).buffer), 0xfd, 0x14, 0x21, local];
}

/** A module whose `run(count)` does CHAINS steps x = x / 2 + 1 / 2 on pairs, count times. */
function moduleBytes(): Uint8Array<ArrayBuffer> {
  const chains = Array.from({ length: CHAINS }, (_, i) => i + 1);
  const half = CHAINS + 1;
  const get = (local: number): number[] => [0x20, local];
  const add = [0xfd, 0xf0, 0x01];
  const multiply = [0xfd, 0xf2, 0x01];
  const step = chains.flatMap((x) => [...get(x), ...get(half), ...multiply, ...get(half), ...add, 0x21, x]);
  const body = [
    ...[1, CHAINS + 1, 0x7b], // locals: pairs
    ...chains.flatMap((x) => setSplat(x, x)),
    ...setSplat(half, 0.5),
    ...[0x03, 0x40], // loop
    ...step,
    ...[...get(0), 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0], // count - 1, again unless zero
    0x0b,
    ...get(1),
    ...chains.slice(1).flatMap((x) => [...get(x), ...add]),
    ...[0xfd, 0x21, 0, 0x0b], // first lane of the sum
  ];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 1, 0x7f, 1, 0x7c]),
    ...section(3, [1, 0]),
    ...section(7, [1, 3, 0x72, 0x75, 0x6e, 0, 0]),
    ...section(10, [1, ...unsigned(body.length), ...body]),
  ]);
}

/** GFLOP/s of the best of many short runs: the first are not optimized yet, others are disturbed. */
export function measureCeiling(milliseconds: number): number {
  const { run } = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes())).exports as {
    run(count: number): number;
  };
  let best = Number.POSITIVE_INFINITY;
  const end = performance.now() + milliseconds;
  while (performance.now() < end) {
    const begin = performance.now();
    run(COUNT);
    best = Math.min(best, performance.now() - begin);
  }
  return (COUNT * CHAINS * 4) / best / 1e6;
}
