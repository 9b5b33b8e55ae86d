// Fits mixtures of rows with missing values and prints a hash of every bit of the results.
// Run by engines.test.ts on several engines. Must stay plain JavaScript with integer-made data.
import { createHash } from 'node:crypto';

const { GaussianMixture } = await import(new URL('../../dist/index.js', import.meta.url).href);

/** Rows from integer arithmetic, about an eighth of their values missing. */
function rows(n, d, k, seed) {
  const data = new Float64Array(n * d);
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < d; j++) {
      const value = next() + next() + next() + next() + ((i % k) * (j + 2)) / 2;
      data[i * d + j] = next() < 0.125 && j !== i % d ? Number.NaN : value;
    }
  }
  return { data, shape: [n, d] };
}

const hash = createHash('sha256');
const missing = 'marginalize';
for (const [n, d, k] of [
  [300, 2, 3],
  [9000, 5, 4],
  [200, 12, 2],
]) {
  const data = rows(n, d, k, n + d);
  const sampleWeight = Float64Array.from({ length: n }, (_, i) => (i % 3) / 2);
  for (const covarianceType of ['full', 'tied', 'diag', 'spherical', 'VEV', 'EVE']) {
    for (const initialization of ['kmeans', 'random', 'random-from-data', 'hierarchical']) {
      const options = { nComponents: k, covarianceType, initialization, seed: 7, maxIterations: 10, missing };
      const model = GaussianMixture.fit(data, { ...options, sampleWeight });
      hash.update(JSON.stringify(model));
      const some = rows(50, d, k, 3);
      for (const values of [model.predictProba(some, { missing }), model.mahalanobis(some, { missing })]) {
        hash.update(values.data);
      }
      hash.update(model.impute(some).data);
      hash.update(JSON.stringify(model.icl(data, { missing })));
    }
  }
}
console.log(hash.digest('hex'));
