// Fits many mixtures with the built library and prints a hash of every bit of the results.
// Run by engines.test.ts on several engines. Must stay plain JavaScript with integer-made data.
import { createHash } from 'node:crypto';

const { GaussianMixture } = await import(new URL('../../dist/index.js', import.meta.url).href);

/** Rows from integer arithmetic and exact divisions: the same doubles on every engine. */
function rows(n, d, k, seed) {
  const data = new Float64Array(n * d);
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
  for (let i = 0; i < n; i++) {
    // The sum of four uniform numbers is bell-shaped enough.
    for (let j = 0; j < d; j++) data[i * d + j] = next() + next() + next() + next() + ((i % k) * (j + 2)) / 2;
  }
  return { data, shape: [n, d] };
}

const hash = createHash('sha256');
for (const [n, d, k] of [
  [500, 2, 3],
  [137, 1, 2],
  [9000, 5, 4],
  [300, 12, 3],
  [70000, 3, 2],
]) {
  const data = rows(n, d, k, n + d);
  const sampleWeight = Float64Array.from({ length: n }, (_, i) => (i % 3) / 2);
  for (const covarianceType of ['full', 'tied', 'diag', 'spherical']) {
    for (const initialization of ['kmeans', 'k-means++', 'random', 'random-from-data']) {
      const options = { nComponents: k, covarianceType, initialization, seed: 7, maxIterations: 15 };
      for (const extra of [{}, { sampleWeight, nInit: 2 }]) {
        const model = GaussianMixture.fit(data, { ...options, ...extra });
        hash.update(JSON.stringify(model));
        hash.update(model.predictProba(rows(50, d, k, 3)).data);
        hash.update(model.mahalanobis(rows(50, d, k, 3)).data);
        hash.update(model.sample(20, { seed: 5 }).data.data);
        hash.update(JSON.stringify([model.bic(data), model.icl(data)]));
      }
    }
  }
}
// The models that constrain covariances beyond their form.
for (const [n, d, k] of [
  [400, 2, 3],
  [137, 1, 2],
  [600, 5, 4],
  [5000, 12, 3],
]) {
  const data = rows(n, d, k, n + d);
  for (const covarianceType of ['EII', 'EEI', 'VEI', 'EVI', 'VEE', 'EVE', 'VVE', 'EEV', 'VEV', 'EVV']) {
    for (const initialization of ['kmeans', 'random-from-data']) {
      const options = { nComponents: k, covarianceType, initialization, seed: 7, maxIterations: 15 };
      const model = GaussianMixture.fit(data, options);
      hash.update(JSON.stringify(model));
      hash.update(JSON.stringify([model.bic(data), model.icl(data)]));
    }
  }
}
// More than 16 features: rows that are not active stay out of the scatter; clusters lie apart, so that passes change to
// active pairs.
for (const [n, d, k] of [
  [9000, 20, 4],
  [4500, 35, 6],
]) {
  const data = rows(n, d, k, n + d);
  for (const covarianceType of ['full', 'tied', 'diag']) {
    const model = GaussianMixture.fit(data, { nComponents: k, covarianceType, seed: 7, maxIterations: 15 });
    hash.update(JSON.stringify(model));
    hash.update(model.predictProba(rows(50, d, k, 3)).data);
  }
}
// On workers: the same bits as above, whatever their number.
for (const workers of [1, 2, 7]) {
  const data = rows(30000, 4, 3, 11);
  const options = { nComponents: 3, seed: 2, maxIterations: 10 };
  const model = await GaussianMixture.fitAsync(data, { ...options, workers });
  if (JSON.stringify(model) !== JSON.stringify(GaussianMixture.fit(data, options))) {
    throw new Error(`${workers} workers give other bits`);
  }
  hash.update(JSON.stringify(model));
}
console.log(hash.digest('hex'));
