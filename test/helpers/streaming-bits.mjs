// Iterates EM over parts of the rows and learns from streams, by the built library, and prints a hash of every bit of the results.
// Run by engines.test.ts on several engines. Must stay plain JavaScript with integer-made data.
import { createHash } from 'node:crypto';

const built = (name) => import(new URL(`../../dist/${name}.js`, import.meta.url).href);
const { accumulate, GaussianMixture, maximize } = await built('index');
const { OnlineGaussianMixture } = await built('online');

/** Rows from integer arithmetic and exact divisions: the same doubles on every engine. */
function rows(n, d, k) {
  let state = n + d;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
  return Array.from({ length: n }, (_, i) =>
    Array.from({ length: d }, (_, j) => next() + next() + next() + ((i % k) * (j + 2)) / 2),
  );
}

const hash = createHash('sha256');
const data = rows(9000, 3, 3);
const sampleWeight = data.map((_, i) => (i % 3) / 2);
for (const covarianceType of 'full tied diag spherical EII EEI VEI EVI VEE EVE VVE EEV VEV EVV'.split(' ')) {
  let model = GaussianMixture.fit(data, { nComponents: 3, covarianceType, maxIterations: 0 });
  for (let iteration = 0; iteration < 3; iteration++) {
    const later = accumulate(data.slice(4096), model, { firstRow: 4096 });
    const statistics = later.merge(accumulate(data.slice(0, 4096), model, { firstRow: 0 }));
    hash.update(statistics.toBytes());
    model = maximize(statistics);
  }
  hash.update(JSON.stringify(model));
  for (const steps of [{}, { stepSize: 0.1 }]) {
    const online = new OnlineGaussianMixture({ nComponents: 3, covarianceType, seed: 5, ...steps });
    hash.update(JSON.stringify(online.partialFit(data).partialFit(data, { sampleWeight })));
  }
}
console.log(hash.digest('hex'));
