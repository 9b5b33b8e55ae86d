// gmm_pack and the k-means operations against the twin.
import { describe, expect, it } from 'vitest';
import { generator } from '../helpers/data.ts';
import { EPSILON, makeCase, ROW_COUNTS } from '../helpers/kernel-cases.ts';
import { expectBitEqual, expectRelative } from '../helpers/kernel-compare.ts';
import type { GuardedMemory, Region } from '../helpers/kernel-memory.ts';
import { freshMemory, loadRows } from '../helpers/kernel-run.ts';
import {
  agglomerate,
  DIAG,
  kmeansAssign,
  kmeansDistances,
  kmeansSample,
  pack,
  type Rows,
  type Vector,
} from '../reference-kernel.ts';

const padded = (n: number): number => Math.ceil(n / 8) * 8;

/** Row and feature counts that meet all shapes of panels. */
const shapes: [number, number][] = [
  ...ROW_COUNTS.map((n, i): [number, number] => [n, n > 4000 ? 2 : 1 + (i % 9)]),
  [13, 16],
  [65, 33],
  [40, 40],
];

function assign(
  memory: GuardedMemory,
  panels: Region,
  n: number,
  centres: Rows,
  sampleWeight: Vector | undefined,
  before: Vector,
): {
  changed: number;
  labels: Int32Array;
  distances: Float64Array;
  sums: Float64Array;
  counts: Float64Array;
} {
  const [k, d] = [centres.length, centres[0].length];
  const weights = sampleWeight ? memory.input('sampleWeight', sampleWeight) : 0;
  const points = memory.input('centres', centres.flat());
  const labels = memory.inputI32('labels', [...before, ...new Array(padded(n) - n).fill(-7)]);
  const distances = memory.output('distances', padded(n));
  const sums = memory.output('sums', k * d);
  const counts = memory.output('counts', k);
  const changed = memory.call(
    'gmm_kmeans_assign',
    [panels, weights, n, d, k, points, labels, distances, sums, counts],
    [labels, distances, sums, counts],
  );
  return {
    changed,
    labels: memory.i32(labels).slice(0, n),
    distances: memory.read(distances).subarray(0, n),
    sums: memory.read(sums),
    counts: memory.read(counts),
  };
}

describe('gmm_pack', () => {
  it('lays rows out in panels, the last filled up with the last row', () => {
    for (const [n, d] of shapes) {
      const { x } = makeCase(DIAG, n, d, 1, n);
      const memory = freshMemory();
      // Copies: not a bit may change.
      expectBitEqual(memory.read(loadRows(memory, x)), pack(x), `N ${n}, D ${d}`);
    }
  });

  it('copies every kind of number and writes nothing for no rows', () => {
    const x = [[Number.NaN], [Infinity], [-0], [5e-324], [-1e308]];
    const memory = freshMemory();
    expectBitEqual(memory.read(loadRows(memory, x)), pack(x), 'specials');
    const rows = memory.input('rows', [1]);
    const panels = memory.output('panels', 8);
    memory.call('gmm_pack', [rows, 0, 1, panels], []);
  });

  it('appends: parts of whole panels packed one after another are the whole', () => {
    const { x } = makeCase(DIAG, 45, 3, 1, 1);
    const memory = freshMemory();
    const panels = memory.output('panels', 48 * 3);
    for (const [start, count] of [
      [0, 16],
      [16, 8],
      [24, 21],
    ]) {
      const rows = memory.input('rows', x.slice(start, start + count).flat());
      memory.call('gmm_pack', [rows, count, 3, panels.address + start * 24], [panels]);
    }
    expectBitEqual(memory.read(panels), pack(x), 'panels');
  });
});

describe('gmm_kmeans_distances', () => {
  it('agrees with the twin: first centre, further centres, weights', () => {
    for (const [n, d] of shapes) {
      const { x, sampleWeight, mixture } = makeCase(DIAG, n, d, 3, n + d);
      for (const weights of [undefined, sampleWeight]) {
        const memory = freshMemory();
        const panels = loadRows(memory, x);
        const v = weights ? memory.input('sampleWeight', weights) : 0;
        const target = memory.output('distances', padded(n));
        let earlier: Vector | undefined;
        for (const centre of mixture.means) {
          const point = memory.input('centre', centre);
          const source = earlier ? target : 0;
          const sum = memory.call('gmm_kmeans_distances', [panels, v, n, d, point, source, target], [target]);
          const expected = kmeansDistances(x, centre, earlier, weights);
          const actual = memory.read(target).subarray(0, n);
          // D positive terms of three roundings each; the differences round alike in both.
          expectRelative(actual, expected.distances, (d + 3) * EPSILON, `N ${n}, D ${d}`);
          // And a sum of n positive terms.
          expectRelative([sum], [expected.sum], (n + d + 4) * EPSILON, `N ${n}, D ${d}: sum`);
          earlier = [...actual];
        }
      }
    }
  });

  it('writes the same to another place as in place', () => {
    const { x, mixture } = makeCase(DIAG, 21, 3, 2, 5);
    const memory = freshMemory();
    const panels = loadRows(memory, x);
    const [a, b] = mixture.means.map((mean) => memory.input('centre', mean));
    const first = memory.output('first', 24);
    const second = memory.output('second', 24);
    memory.call('gmm_kmeans_distances', [panels, 0, 21, 3, a, 0, first], [first]);
    const apart = memory.call('gmm_kmeans_distances', [panels, 0, 21, 3, b, first, second], [second]);
    const inPlace = memory.call('gmm_kmeans_distances', [panels, 0, 21, 3, b, first, first], [first]);
    expect(inPlace).toBe(apart);
    expectBitEqual(memory.read(first), memory.read(second), 'distances');
  });

  it('does not count padding rows', () => {
    const memory = freshMemory();
    const panels = memory.input('panels', [3, 4, 1e150, 1e150, 1e150, 1e150, 1e150, 1e150]);
    const centre = memory.input('centre', [0]);
    const target = memory.output('distances', 8);
    expect(memory.call('gmm_kmeans_distances', [panels, 0, 2, 1, centre, 0, target], [target])).toBe(25);
  });
});

describe('gmm_kmeans_sample', () => {
  function sample(distances: Vector, target: number, weights?: Vector): number {
    const memory = freshMemory();
    const v = weights ? memory.input('sampleWeight', weights) : 0;
    const d = memory.input('distances', distances);
    return memory.call('gmm_kmeans_sample', [d, v, distances.length, target], []);
  }

  it('agrees with the twin for every target between the sums', () => {
    const uniform = generator(11);
    for (const n of [1, 2, 3, 7, 8, 9, 33]) {
      // Small integers: sums are exact, so that the order of summation does not matter.
      const distances = Array.from({ length: n }, () => Math.floor(uniform() * 4));
      const weights = Array.from({ length: n }, () => Math.floor(uniform() * 3));
      for (const v of [undefined, weights]) {
        const total = distances.reduce((sum, value, i) => sum + value * (v ? v[i] : 1), 0);
        for (let target = 0; target <= total + 1; target += 0.5) {
          expect(sample(distances, target, v)).toBe(kmeansSample(distances, target, v));
        }
      }
    }
  });

  it('never picks a row that counts for nothing, and says so when none counts', () => {
    expect(sample([0, 0, 5, 0], 0)).toBe(2);
    expect(sample([0, 0, 5, 0], 4.9)).toBe(2);
    expect(sample([0, 0, 5, 0], 5)).toBe(2);
    expect(sample([0, 0, 5, 0], 1e9)).toBe(2);
    expect(sample([3, 0, 5, 0], 3, [1, 1, 0, 1])).toBe(0);
    expect(sample([0, 0, 0], 0)).toBe(-1);
    expect(sample([1, 2], 0, [0, 0])).toBe(-1);
    expect(sample([], 0)).toBe(-1);
  });
});

describe('gmm_kmeans_assign', () => {
  it('agrees with the twin, with and without weights', () => {
    for (const [n, d] of shapes) {
      for (const k of [1, 2, 5]) {
        const { x, sampleWeight, mixture } = makeCase(DIAG, n, d, k, n + d + k);
        for (const weights of [undefined, sampleWeight]) {
          const memory = freshMemory();
          const panels = loadRows(memory, x);
          const expected = kmeansAssign(x, mixture.means, weights);
          const before = expected.labels.map((label, row) => (row % 3 === 0 ? label : -1));
          const actual = assign(memory, panels, n, mixture.means, weights, before);
          const label = `N ${n}, D ${d}, K ${k}`;
          expect([...actual.labels], label).toEqual(expected.labels);
          expect(actual.changed, label).toBe(before.filter((old) => old === -1).length);
          // As for gmm_kmeans_distances.
          expectRelative(actual.distances, expected.distances, (d + 3) * EPSILON, `${label}: distances`);
          // Sums of up to n terms; relative to the sum of their sizes.
          const sizes = expected.sums.map((_, centre) =>
            mixture.means[0].map((_, j) =>
              x.reduce((sum, row, i) => {
                const counts = expected.labels[i] === centre ? (weights ? weights[i] : 1) : 0;
                return sum + counts * Math.abs(row[j]);
              }, 0),
            ),
          );
          expectRelative(
            actual.sums,
            expected.sums.flat(),
            (n + 1) * EPSILON,
            `${label}: sums`,
            sizes.flat(),
          );
          expectRelative(actual.counts, expected.counts, n * EPSILON, `${label}: counts`);
          const again = assign(memory, panels, n, mixture.means, weights, expected.labels);
          expect(again.changed, `${label}: a second time`).toBe(0);
        }
      }
    }
  });

  it('gives a tie to the lowest number, duplicates of a centre included', () => {
    const memory = freshMemory();
    const x = [[0], [1], [2], [3], [4], [-5], [2], [2], [2]];
    const panels = loadRows(memory, x);
    const centres = [[3], [1], [1], [3]];
    const result = assign(memory, panels, x.length, centres, undefined, new Array(x.length).fill(0));
    expect([...result.labels]).toEqual([1, 1, 0, 0, 0, 1, 0, 0, 0]);
    expect([...result.counts]).toEqual([6, 3, 0, 0]);
    expect([...result.sums]).toEqual([15, -4, 0, 0]);
  });

  it('does not count padding rows', () => {
    const memory = freshMemory();
    const panels = memory.input('panels', [3, 4, 1e150, 1e150, 1e150, 1e150, 1e150, 1e150]);
    const result = assign(memory, panels, 2, [[0], [1e150]], undefined, [1, 1]);
    expect(result.changed).toBe(2);
    expect([...result.counts]).toEqual([2, 0]);
    expect([...result.sums]).toEqual([7, 0]);
  });

  it('does nothing but clear the sums for no rows', () => {
    const memory = freshMemory();
    const panels = memory.input('panels', [0]);
    const result = assign(memory, panels, 0, [[1, 2]], undefined, []);
    expect(result.changed).toBe(0);
    expect([...result.sums, ...result.counts]).toEqual([0, 0, 0]);
  });
});

describe('gmm_hierarchy', () => {
  function tree(x: Rows, model: 'EII' | 'VVV', weights?: Vector): [number, number][] {
    const [n, d] = [x.length, x[0].length];
    const memory = freshMemory();
    const rows = memory.input('rows', x.flat());
    const v = weights ? memory.input('weights', weights) : 0;
    const triangle = (d * (d + 1)) / 2;
    const workspace = memory.output('workspace', n * (triangle + d + 4) + triangle);
    const merges = memory.outputI32('merges', 2 * (n - 1));
    memory.call(
      'gmm_hierarchy',
      [rows, v, n, d, model === 'EII' ? 0 : 1, merges, workspace],
      [merges, workspace],
    );
    const flat = memory.i32(merges);
    return Array.from({ length: n - 1 }, (_, i) => [flat[2 * i], flat[2 * i + 1]]);
  }

  it('joins what the twin joins, in its order', () => {
    for (const model of ['EII', 'VVV'] as const) {
      for (const [n, d] of [
        [2, 1],
        [3, 2],
        [17, 1],
        [40, 2],
        [33, 5],
        [25, 9],
      ]) {
        const { x } = makeCase(DIAG, n, d, 2, n + d);
        const weights = x.map((_, i) => 0.25 * (1 + ((7 * i) % 5)));
        // Random rows: no two costs are within rounding of each other.
        expect(tree(x, model), `${model} ${n} ${d}`).toEqual(agglomerate(x, model));
        expect(tree(x, model, weights), `${model} ${n} ${d} weighted`).toEqual(
          agglomerate(x, model, weights),
        );
      }
    }
  });

  it('takes the lowest rows among equals', () => {
    const x = [[0], [4], [0], [4], [0]];
    expect(tree(x, 'EII')).toEqual([
      [0, 2],
      [1, 3],
      [0, 4],
      [0, 1],
    ]);
  });
});
