// Real data and seeded synthetic data for tests. Must not import the library's random numbers.
import { readFileSync } from 'node:fs';

/** Numeric columns of a CSV in examples/, row by row. */
export function loadExample(name: 'faithful' | 'iris'): number[][] {
  const text = readFileSync(new URL(`../../examples/${name}.csv`, import.meta.url), 'utf8');
  const width = name === 'faithful' ? 2 : 4;
  return text
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(',').slice(0, width).map(Number));
}

/** A seeded uniform generator (mulberry32), independent of the one under test. */
export function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** n rows around k centres about `separation` standard deviations apart. */
export function clusters(n: number, d: number, k: number, seed: number, separation: number = 4): number[][] {
  const uniform = generator(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const centres = Array.from({ length: k }, () =>
    Array.from({ length: d }, () => (normal() * separation) / Math.sqrt(2)),
  );
  const scales = Array.from({ length: k }, () => Array.from({ length: d }, () => 0.6 + 0.8 * uniform()));
  return Array.from({ length: n }, (_, i) => {
    const z = Array.from({ length: d }, normal);
    // Neighbouring features correlate.
    return z.map((value, j) => centres[i % k][j] + scales[i % k][j] * (value + (j > 0 ? 0.5 * z[j - 1] : 0)));
  });
}

/** n x d normal rows, row-major, around k centres that are `spread` apart. */
export function blobs(n: number, d: number, k: number, spread: number, seed: number): Float64Array {
  const uniform = generator(seed);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const centres = Array.from({ length: k * d }, () => spread * normal());
  const data = new Float64Array(n * d);
  for (let i = 0; i < n; i++) {
    const component = Math.floor(k * uniform());
    for (let j = 0; j < d; j++) data[i * d + j] = centres[component * d + j] + normal();
  }
  return data;
}
