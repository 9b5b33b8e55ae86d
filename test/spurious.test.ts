// Warnings of components on a few rows in a plane: where they belong, and no others.
import { GaussianMixture } from 'gaussmix';
import { describe, expect, it } from 'vitest';
import { FREE_UNITS } from './helpers/covariance-models.ts';
import { clusters, generator, loadExample } from './helpers/data.ts';

const pattern =
  /^component (\d+) rests on ([\d.]+) rows that lie almost in a plane \(spread across it: ([\d.e-]+) %/;
const flagged = (model: GaussianMixture) =>
  model.fitted!.warnings.map((text) => pattern.exec(text)?.[1]).filter((found) => found !== undefined);

/** A cloud of rows and six of its rows nearly on a line (D = 2) or plane, with a start on them. */
function planted(d: number, thickness: number, n: number = 300, few: number = d + 4) {
  const uniform = generator(3);
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const cloud = Array.from({ length: n }, () => Array.from({ length: d }, normal));
  const plane = Array.from({ length: few }, () =>
    Array.from({ length: d }, (_, j) => (j === 0 ? thickness : 1) * normal()),
  );
  const data = [...cloud, ...plane];
  const covariance = (first: number) =>
    Array.from({ length: d * d }, (_, i) => (i % (d + 1) ? 0 : i === 0 ? first : 1));
  const initialization = {
    weights: [n / (n + few), few / (n + few)],
    means: [new Array(d).fill(0), new Array(d).fill(0)],
    covariances: [covariance(1), covariance(thickness ** 2)],
  };
  return { data, initialization };
}

describe('a component on a few rows in a plane', () => {
  it.each([1, 2, 3, 6])('is named, with its rows and how thin it is (D = %i)', (d) => {
    const { data, initialization } = planted(d, 1e-4);
    const model = GaussianMixture.fit(data, { nComponents: 2, initialization, regularization: 1e-9 });
    expect(flagged(model)).toEqual(['1']);
    const [, , count, percent] = pattern.exec(model.fitted!.warnings.find((text) => pattern.test(text))!)!;
    expect(Number(count) / ((d + 4) * 1)).toBeGreaterThan(0.5);
    // About 1e-4 of the cloud's spread, with regularisation 3e-5 at least.
    expect(Number(percent)).toBeLessThan(0.1);
    expect(model.fitted!.warnings.join()).toMatch(/nInit.*regularization.*fewer components/);
  });

  it('is found on iris, in a fit that is far from the best', () => {
    const iris = loadExample('iris');
    const [poor, good] = [1, 10].map((nInit) =>
      GaussianMixture.fit(iris, { nComponents: 3, seed: 4, nInit }),
    );
    expect(flagged(poor)).toEqual(['0']);
    expect(flagged(good)).toEqual([]);
    expect((good.fitted!.logLikelihood - poor.fitted!.logLikelihood) * iris.length).toBeGreaterThan(10);
  });

  it('does not depend on units, nor on correlations that all components share', () => {
    const { data, initialization } = planted(2, 1e-4);
    const shear = ([a, b]: number[]) => [1e-6 * a, 1e6 * (b + 50 * a)];
    const [c0, c1] = initialization.covariances.map(([a, , , b]) => [
      1e-12 * a,
      50 * a,
      50 * a,
      1e12 * (b + 2500 * a),
    ]);
    const model = GaussianMixture.fit(data.map(shear), {
      nComponents: 2,
      initialization: { ...initialization, covariances: [c0, c1] },
      regularization: 0,
    });
    expect(flagged(model)).toEqual(['1']);
  });

  it('is not made of a start, nor where there is one component', () => {
    const { data, initialization } = planted(2, 1e-4);
    const options = { nComponents: 2, initialization, maxIterations: 0 };
    expect(flagged(GaussianMixture.fit(data, options))).toEqual([]);
    expect(
      flagged(
        GaussianMixture.fit(
          [
            [1, 2],
            [2, 4.001],
            [3, 6],
          ],
          { nComponents: 1 },
        ),
      ),
    ).toEqual([]);
  });

  it('counts sample weight as rows', () => {
    const { data, initialization } = planted(2, 1e-4);
    const sampleWeight = data.map(() => 10);
    const options = { nComponents: 2, initialization, regularization: 1e-9 };
    // Six rows ten times each are no longer few.
    expect(flagged(GaussianMixture.fit(data, { ...options, sampleWeight }))).toEqual([]);
  });
});

describe('no false alarm', () => {
  // Fits from mclust's starts have none either: models.test.ts.
  it('on the best of ten fits of faithful and iris with 2 and 3 components', () => {
    for (const name of ['faithful', 'iris'] as const) {
      for (const covarianceType of FREE_UNITS) {
        for (const nComponents of [2, 3]) {
          const model = GaussianMixture.fit(loadExample(name), { nComponents, covarianceType, nInit: 10 });
          expect(flagged(model), `${name} ${covarianceType} ${nComponents}`).toEqual([]);
        }
      }
    }
  });

  it('on small clusters that are there', () => {
    let alarms = 0;
    for (let seed = 0; seed < 40; seed++) {
      // Clusters of 20 rows in 3 dimensions: 5 (D + 1).
      const model = GaussianMixture.fit(clusters(60, 3, 3, seed, 8), { nComponents: 3, seed, nInit: 3 });
      alarms += flagged(model).length;
    }
    expect(alarms).toBe(0);
  });
});
