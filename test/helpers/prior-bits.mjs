// Fits mixtures with a prior, by the built library, and prints a hash of every bit of the results.
// Run by engines.test.ts on several engines. Must stay plain JavaScript with integer-made data.
import { createHash } from 'node:crypto';

const { GaussianMixture } = await import(new URL('../../dist/index.js', import.meta.url).href);

/** Rows from integer arithmetic and exact divisions: the same doubles on every engine. */
function rows(n, d, k) {
  const data = new Float64Array(n * d);
  let state = n + d;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < d; j++) data[i * d + j] = next() + next() + next() + ((i % k) * (j + 2)) / 2;
  }
  return { data, shape: [n, d] };
}

const hash = createHash('sha256');
const types = 'full tied diag spherical EII EEI VEI EVI VEE EVE VVE EEV VEV EVV'.split(' ');
for (const [n, d, k] of [
  [137, 1, 2],
  [400, 3, 3],
  [5, 7, 2],
  [9000, 5, 4],
]) {
  const data = rows(n, d, k);
  const sampleWeight = Float64Array.from({ length: n }, (_, i) => (1 + (i % 3)) / 2);
  const scale = Float64Array.from({ length: d }, (_, j) => 1 / (j + 3));
  for (const covarianceType of types) {
    const options = { nComponents: k, covarianceType, seed: 7, maxIterations: 12 };
    for (const more of [{ prior: 'default' }, { prior: { shrinkage: 2, scale }, sampleWeight }]) {
      hash.update(JSON.stringify(GaussianMixture.fit(data, { ...options, ...more })));
    }
  }
}
console.log(hash.digest('hex'));
