// What gaussmix/inference computes of the built library, as a hash of every bit of the results.
// Run by engines.test.ts on several engines. Must stay plain JavaScript.
import { createHash } from 'node:crypto';

const load = (name) => import(new URL(`../../dist/${name}.js`, import.meta.url).href);
const { GaussianMixture } = await load('index');
const { bootstrap, bootstrapLikelihoodRatio, klDivergence, merge, regress, standardErrors } =
  await load('inference');

const hash = createHash('sha256');
const truth = GaussianMixture.fromParameters({
  weights: [0.25, 0.35, 0.4],
  means: [
    [0, 0, 1],
    [3, -1, 0],
    [-2, 4, 2],
  ],
  covariances: [
    [1, 0.5, 0.2, 0.5, 2, -0.3, 0.2, -0.3, 0.7],
    [0.5, -0.2, 0, -0.2, 1, 0.4, 0, 0.4, 3],
    [2, 0.1, 0.9, 0.1, 0.3, 0, 0.9, 0, 1],
  ],
});
const { data } = truth.sample(300, { seed: 1 });
for (const covarianceType of ['full', 'tied', 'diag', 'spherical']) {
  const model = GaussianMixture.fit(data, { nComponents: 3, covarianceType, seed: 2 });
  hash.update(
    JSON.stringify([
      model.marginal([2, 0]),
      model.conditional([1], [0.3]),
      model.conditional([2, 0], [9, 1]),
    ]),
  );
  hash.update(model.uncertainty(data));
  const { means, standardDeviations, covariance } = regress(
    model,
    [1],
    data.toArray().map((row) => [row[1]]),
  );
  for (const matrix of [means, standardDeviations, covariance(7)]) hash.update(matrix.data);
  const { entropies, steps, elbow, resp } = merge(model, data);
  hash.update(JSON.stringify([steps, elbow]));
  hash.update(entropies);
  hash.update(resp(2).data);
  hash.update(JSON.stringify(klDivergence(truth, model, { samples: 5000, seed: 4 })));
  hash.update(standardErrors(model, data).covariance.data);
  for (const method of ['nonparametric', 'weighted', 'parametric']) {
    const { models, interval } = bootstrap(model, data, { method, replicates: 20, seed: 6 });
    hash.update(JSON.stringify([models, interval().lower.means.toArray()]));
  }
  const { tests } = bootstrapLikelihoodRatio(data, {
    nComponents: 2,
    covarianceType,
    replicates: 5,
    seed: 8,
  });
  hash.update(tests[0].replicates);
}
console.log(hash.digest('hex'));
