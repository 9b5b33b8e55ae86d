// Uses the built drop-in modules and prints a hash of every bit of the results.
// Run by engines.test.ts on several engines. Must stay plain JavaScript with integer-made data.
import { createHash } from 'node:crypto';

const load = async (name) =>
  (await import(new URL(`../../dist/compat/${name}.js`, import.meta.url).href)).default;
const fit = await load('expectation-maximization');
const GMM = await load('gaussian-mixture-model');
const GMM1 = await load('gaussian-mixture');

let state = 1;
const next = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 4294967296;
};
/** Three clusters, of rows made by exact divisions. */
function rows(n, d) {
  return Array.from({ length: n }, (_, i) =>
    Array.from({ length: d }, (_, j) => next() + next() + next() + ((i % 3) * (j + 2)) / 2),
  );
}

const hash = createHash('sha256');
const add = (value) => hash.update(JSON.stringify(value));
for (const [n, d] of [
  [300, 1],
  [5000, 2],
  [400, 6],
]) {
  const points = rows(n, d);
  const groups = fit(points, 3, 1e-9);
  add(groups);
  const model = new GMM({
    means: points.slice(0, 3),
    covariances: points
      .slice(0, 3)
      .map((_, k) => points[0].map((_, i) => points[0].map((_, j) => (i === j ? k + 1 : 0)))),
    bufferSize: n,
  });
  for (const point of points) model.addPoint(point);
  model.runEM(6);
  add([model.means, model.covariances, model.covDeterminants, model.covCholeskies]);
  for (const point of rows(200, d)) {
    add([groups[0].probability(point), model.predict(point), model.predictNormalize(point)]);
  }
}
const values = rows(3000, 1).flat();
for (const options of [
  {},
  { initialize: true },
  { variancePrior: 1, variancePriorRelevance: 0.3, separationPrior: 2, separationPriorRelevance: 0.1 },
]) {
  const model = new GMM1(3, [0.5, 0.3, 0.1], [0, 2, 5], [1, 2, 1], options);
  add([
    model.optimize(values),
    model.model(),
    model.logLikelihood(values),
    model.memberships(values.slice(0, 50)),
  ]);
  const h = GMM1.Histogram.fromData(values.map((value) => value * 4));
  add([
    model.optimize(h, 9),
    model.model(),
    model.logLikelihood(h),
    model.membership(1.5),
    model._gaussians()[0].pdf(2),
  ]);
}
console.log(hash.digest('hex'));
