// Memory of fits as the operating system sees it, and of the shared kernel instance.
// Must not run beside other work in the same process: each measurement is a process of its own.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { GaussianMixture } from 'gaussmix';
import { expect, it } from 'vitest';
import { type Kernel, withKernel } from '../src/kernel.ts';
import { clusters } from './helpers/data.ts';

const library = new URL('../dist/index.js', import.meta.url).href;
const MIB = 1048576;

/** Fits rows x columns doubles so many times; the growth of the peak over data and library, after each fit. */
function peakGrowth(rows: number, columns: number, fits: number): number[] {
  const script = `
import { readFileSync } from 'node:fs';
const { GaussianMixture } = await import('${library}');
GaussianMixture.fit([1, 2, 3, 7, 8, 9], { nComponents: 2 });
const data = new Float64Array(${rows * columns});
for (let i = 0; i < data.length; i++) data[i] = ((i * 2654435761) % 1048573) / 1048573 + (Math.floor(i / ${columns}) % 2) * 3;
const peak = () => Number(/VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
const before = peak();
const growth = [];
for (let i = 0; i < ${fits}; i++) {
  GaussianMixture.fit({ data, shape: [${rows}, ${columns}] }, { nComponents: 2, maxIterations: 1 });
  growth.push(peak() - before);
}
console.log(JSON.stringify(growth));`;
  return JSON.parse(execFileSync('node', ['--input-type=module', '-e', script], { encoding: 'utf8' }));
}

const measurable = existsSync('/proc/self/status');
if (!measurable)
  console.warn('memory.test.ts: peak memory is not measured, this system has no /proc/self/status');

it.runIf(measurable)(
  'a fit takes one copy of the data and at most 32 MiB; ten of 400 MB do not add up',
  () => {
    const copy = 5_000_000 * 10 * 8;
    const growth = peakGrowth(5_000_000, 10, 10);
    for (const bytes of growth) expect((bytes - copy) / MIB).toBeLessThan(32);
  },
);

it.runIf(measurable)('likewise for wide rows and for two columns', () => {
  for (const [rows, columns] of [
    [800_000, 64],
    [12_500_000, 2],
  ]) {
    const [bytes] = peakGrowth(rows, columns, 1);
    expect((bytes - rows * columns * 8) / MIB).toBeLessThan(32);
  }
});

it('small fits do not grow the shared instance', () => {
  const data = clusters(500, 2, 3, 1);
  const size = () => withKernel(0, (kernel: Kernel) => kernel.byteLength);
  GaussianMixture.fit(data, { nComponents: 3 });
  const before = size();
  for (let i = 0; i < 2000; i++) GaussianMixture.fit(data, { nComponents: 3, maxIterations: 2, seed: i });
  expect(size()).toBe(before);
});

it('memory that grows in the middle of work loses nothing', () => {
  withKernel(0, (kernel: Kernel) => {
    const at = kernel.allocate(4);
    kernel.view(at, 4).set([1, 2, 3, 4]);
    kernel.allocate(kernel.byteLength / 8);
    expect(Array.from(kernel.view(at, 4))).toEqual([1, 2, 3, 4]);
  });
  // A callback that fits something larger grows the instance under the running fit.
  const data = clusters(300, 2, 2, 2);
  const plain = GaussianMixture.fit(data, { nComponents: 2, tolerance: 0, maxIterations: 10 });
  const disturbed = GaussianMixture.fit(data, {
    nComponents: 2,
    tolerance: 0,
    maxIterations: 10,
    onIteration: ({ iteration }) => {
      GaussianMixture.fit(clusters(2000 * iteration, 6, 2, 3), { nComponents: 2, maxIterations: 1 });
    },
  });
  expect(disturbed.toJSON().means).toEqual(plain.toJSON().means);
});

it('more memory than WebAssembly has is refused with a clear error', () => {
  const data = { data: { length: 700_000_000 } as ArrayLike<number>, shape: [70_000_000, 10] };
  expect(() => GaussianMixture.fit(data, { nComponents: 2 })).toThrow(/MiB of kernel memory are needed/);
});

it('the built library is what is measured', () => {
  expect(existsSync(fileURLToPath(library)), 'run npm run build first').toBe(true);
});
