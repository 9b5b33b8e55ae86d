// Models of scikit-learn and mclust: what is read and written, checked without them; and with them, where they are.
// Python is $GAUSSMIX_PYTHON or python3, R is Rscript in the PATH; what is not there is named and left out.
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CovarianceModel, GaussianMixture, GaussmixError } from 'gaussmix';
import { fromMclust, fromScikitLearn, toMclust, toScikitLearn } from 'gaussmix/exchange';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run as runCommand } from './helpers/command.ts';
import { clusters, loadExample } from './helpers/data.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const python = process.env.GAUSSMIX_PYTHON ?? 'python3';
const types: readonly CovarianceModel[] = ['full', 'tied', 'diag', 'spherical'];
const iris = loadExample('iris');

let folder = '';
beforeAll(() => {
  mkdirSync(join(root, 'build'), { recursive: true });
  folder = mkdtempSync(join(root, 'build/exchange-'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules/gaussmix'));
  copyFileSync(join(root, 'examples/faithful.csv'), join(folder, 'faithful.csv'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(command: string, args: readonly string[]): string {
  const env = { ...process.env, R_DEFAULT_INTERNET_TIMEOUT: '1' };
  return execFileSync(command, args, {
    cwd: folder,
    encoding: 'utf8',
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Undefined when a program runs, or why it cannot. */
function missing(command: string, args: readonly string[], what: string): string | undefined {
  try {
    execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? `${command} is not there` : `${command} has no ${what}`;
  }
}
const noPython = missing(python, ['-c', 'import sklearn.mixture'], 'scikit-learn');
const noR = missing('Rscript', ['-e', 'library(mclust); library(jsonlite)'], 'mclust and jsonlite');
for (const reason of [noPython, noR]) {
  if (reason) console.warn(`exchange.test.ts: ${reason}: the tests against it are left out`);
}

function runPython(source: string): string {
  writeFileSync(join(folder, 'program.py'), source);
  return run(python, ['program.py']);
}

function runR(source: string): string {
  writeFileSync(join(folder, 'program.R'), source);
  return run('Rscript', ['--vanilla', 'program.R']);
}

function write(name: string, value: unknown): void {
  writeFileSync(join(folder, name), JSON.stringify(value));
}

function read(name: string): never {
  return JSON.parse(readFileSync(join(folder, name), 'utf8')) as never;
}

/** The largest relative difference of two lists of numbers. */
function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]) / Math.max(1, Math.abs(b[i]))));
}

/** The types that only mclust has as well. */
const others: readonly CovarianceModel[] = [
  'EII',
  'EEI',
  'VEI',
  'EVI',
  'VEE',
  'EVE',
  'VVE',
  'EEV',
  'VEV',
  'EVV',
];

/** A model of each type in one and four features, with one and three components, none of them narrow. */
const models = [...types, ...others].flatMap((covarianceType) =>
  [1, 4].flatMap((d) =>
    [1, 3].map((k) => {
      const rows = d === 4 ? iris : iris.map(([x]) => [x]);
      const model = GaussianMixture.fit(rows, { nComponents: k, covarianceType, regularization: 0.01 });
      return { name: `${covarianceType}, D = ${d}, K = ${k}`, model, rows };
    }),
  ),
);

describe('scikit-learn, without it', () => {
  it.each(models)('$name goes there and back with every bit of the parameters', ({ model }) => {
    const back = fromScikitLearn(JSON.parse(JSON.stringify(toScikitLearn(model))));
    const { fitted: _, ...numbers } = model.toJSON();
    if (others.includes(model.covarianceType)) {
      // scikit-learn has no such type: the next wider one.
      const { covarianceType: _, ...rest } = back.toJSON();
      const { covarianceType: __, ...expected } = numbers;
      expect(rest).toEqual(expected);
      expect(back.nParameters).toBeGreaterThanOrEqual(model.nParameters);
      return;
    }
    expect(back.toJSON()).toEqual(numbers);
    expect(back.nParameters).toBe(model.nParameters);
  });

  it.each(models)('$name has precisions that invert the covariances, and their factors', ({ model }) => {
    const { precisions_cholesky_: _, ...rest } = toScikitLearn(model);
    const inverse = fromScikitLearn({ ...rest, covariances_: rest.precisions_ });
    for (const [k, precision] of inverse.covariances.entries()) {
      const covariance = model.covariances[k];
      const d = model.nFeatures;
      for (let i = 0; i < d; i++) {
        for (let j = 0; j < d; j++) {
          let sum = 0;
          for (let m = 0; m < d; m++) sum += covariance.data[i * d + m] * precision.data[m * d + j];
          // Condition numbers of these covariances are below 1e4: 1e4 times 1e-16, and room for the sums.
          expect(Math.abs(sum - (i === j ? 1 : 0))).toBeLessThan(1e-11);
        }
      }
    }
  });

  it('keeps the names of features and the record of the fit', () => {
    const named = GaussianMixture.fromJSON({ ...models[0].model.toJSON(), featureNames: ['length'] });
    const json = toScikitLearn(named);
    expect(json).toMatchObject({ n_components: 1, n_features_in_: 1, feature_names_in_: ['length'] });
    expect(json.converged_).toBe(named.fitted?.converged);
    expect(json.n_iter_).toBe(named.fitted?.iterations);
    expect(json.lower_bound_).toBe(named.fitted?.logLikelihood);
    expect(fromScikitLearn(json).featureNames).toEqual(['length']);
  });

  const two = {
    weights_: [0.5, 0.5],
    means_: [
      [0, 0, 0],
      [1, 1, 1],
    ],
  };
  const eye = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ];

  it.each([
    ['full', [eye, eye]],
    ['tied', eye],
    [
      'diag',
      [
        [1, 1, 1],
        [1, 1, 1],
      ],
    ],
    ['spherical', [1, 1]],
  ])('tells %s by its shape', (type, covariances_) => {
    expect(fromScikitLearn({ ...two, covariances_ }).covarianceType).toBe(type);
  });

  it('refuses a shape that may be two types', () => {
    const square = {
      weights_: [0.5, 0.5],
      means_: [
        [0, 0],
        [1, 1],
      ],
      covariances_: [
        [1, 0.5],
        [0.5, 1],
      ],
    };
    expect(() => fromScikitLearn(square)).toThrow(
      'covariances_ of shape (2, 2) may be tied or diag: add covariance_type',
    );
    expect(fromScikitLearn({ ...square, covariance_type: 'tied' }).covarianceType).toBe('tied');
    expect(fromScikitLearn({ ...square, covariance_type: 'diag' }).covariances[0].toArray()).toEqual([
      [1, 0],
      [0, 0.5],
    ]);
  });

  it.each([
    [null, 'an object with its attributes weights_, means_ and covariances_ is needed, null was given'],
    ['{}', 'JSON.parse the text first'],
    [[], 'a list of 0 was given'],
    [{}, 'weights_ is missing'],
    [{ ...two }, 'covariances_ is missing'],
    [
      { ...two, covariances_: [1] },
      'covariances_ has the shape (1), which is that of no covariance type for 2',
    ],
    [
      { ...two, covariances_: [1, 1], covariance_type: 'round' },
      'covariance_type is "round", but must be one of full',
    ],
    [
      { ...two, covariances_: [1, 1], covariance_type: 'diag' },
      'covariances_ (diag)[0] is 1, but must be a list of 3',
    ],
    [{ ...two, covariances_: [1, null] }, 'covariances_ (spherical)[1] is null, but must be a finite number'],
    [
      {
        ...two,
        means_: [
          [0, 0, 0],
          [1, 1],
        ],
        covariances_: [1, 1],
      },
      'means_[1] has length 2, but must be a list of 3',
    ],
    [{ ...two, means_: [0, 1], covariances_: [1, 1] }, 'means_ must be K x D numbers in nested lists'],
    [{ ...two, weights_: 1, covariances_: [1, 1] }, 'weights_ must be K numbers in a list'],
    [{ ...two, n_components: 3, covariances_: [1, 1] }, 'n_components is 3, but weights_ and means_ have 2'],
    [
      { ...two, feature_names_in_: ['a'], covariances_: [1, 1] },
      'feature_names_in_ must be a list of 3 names',
    ],
    [{ ...two, degrees_of_freedom_: [3, 3], covariances_: [1, 1] }, 'it is a BayesianGaussianMixture'],
    [{ ...two, covariances_: [1, -1] }, /not positive definite/],
    [{ ...two, weights_: [0.5, 0.6], covariances_: [1, 1] }, /weights sum to 1\.1/],
  ])('refuses %j', (json, message) => {
    expect(() => fromScikitLearn(json)).toThrow(message);
    expect(() => fromScikitLearn(json)).toThrow(expect.objectContaining({ code: expect.any(String) }));
  });
});

describe('mclust, without it', () => {
  it.each(models)('$name goes there and back with every bit of the parameters', ({ model }) => {
    const back = fromMclust(JSON.parse(JSON.stringify(toMclust(model))));
    const { fitted: _, covarianceType, ...numbers } = model.toJSON();
    const { covarianceType: found, ...others } = back.toJSON();
    expect(others).toEqual(numbers);
    // One feature: mclust knows equal variances and different ones only.
    const isEqual = covarianceType === 'tied' || covarianceType.startsWith('E');
    expect(found).toBe(model.nFeatures > 1 ? covarianceType : isEqual ? 'tied' : 'full');
    expect(back.nParameters).toBe(model.nParameters);
  });

  it('reads columns as components', () => {
    const sigma = [
      [
        [1, 1],
        [0, 0],
      ],
      [
        [0, 0],
        [1, 1],
      ],
    ];
    const variance = { modelName: 'VVI', d: 2, G: 2, sigma };
    const model = fromMclust({
      pro: [0.5, 0.5],
      mean: [
        [1, 2],
        [30, 40],
      ],
      variance,
    });
    expect(model.means.toArray()).toEqual([
      [1, 30],
      [2, 40],
    ]);
    expect(
      fromMclust({
        parameters: {
          pro: [0.5, 0.5],
          mean: [
            [1, 2],
            [30, 40],
          ],
          variance,
        },
      }).toJSON(),
    ).toEqual(model.toJSON());
  });

  it('scale and shape of VVI give the variances, and shapes have the determinant 1', () => {
    const rows = clusters(200, 3, 2, 4).map(([x, y, z]) => [1e-5 * x, y, 1e6 * z]);
    const model = GaussianMixture.fit(rows, { nComponents: 2, covarianceType: 'diag' });
    const { scale, shape } = toMclust(model).variance as { scale: number[]; shape: number[][] };
    for (const [k, covariance] of model.covariances.entries()) {
      const column = shape.map((row) => row[k]);
      const variances = column.map((value) => value * scale[k]);
      // A quotient and a product: two roundings. The determinant: three of each.
      expect(
        difference(
          variances,
          covariance.toArray().map((row, i) => row[i]),
        ),
      ).toBeLessThan(4e-16);
      expect(Math.abs(column.reduce((a, b) => a * b, 1) - 1)).toBeLessThan(4e-15);
    }
  });

  const one = {
    pro: [1],
    mean: [[3], [4]],
    variance: {
      modelName: ['XXX'],
      d: [2],
      G: [1],
      Sigma: [
        [2, 1],
        [1, 2],
      ],
    },
  };

  it.each([
    ['one component, boxed', one, 'full', [[3, 4]]],
    ['one component, a vector', { ...one, pro: 1, mean: [3, 4] }, 'full', [[3, 4]]],
    [
      'one component, XII',
      { ...one, variance: { modelName: 'XII', d: 2, G: 1, sigmasq: 4 } },
      'spherical',
      [[3, 4]],
    ],
    [
      'one component, XXI',
      {
        ...one,
        variance: {
          modelName: 'XXI',
          d: 2,
          G: 1,
          sigma: [
            [[1], [0]],
            [[0], [2]],
          ],
        },
      },
      'diag',
      [[3, 4]],
    ],
    [
      'one feature, V',
      { pro: [0.5, 0.5], mean: [1, 2], variance: { modelName: 'V', d: 1, G: 2, sigmasq: [1, 2] } },
      'full',
      [[1], [2]],
    ],
    [
      'one feature, E',
      { pro: [0.5, 0.5], mean: [1, 2], variance: { modelName: 'E', d: 1, G: 2, sigmasq: 3 }, Vinv: {} },
      'tied',
      [[1], [2]],
    ],
    [
      'one feature and component',
      { pro: 1, mean: 1, variance: { modelName: 'X', d: 1, G: 1, sigmasq: 3 } },
      'full',
      [[1]],
    ],
  ])('reads %s', (_, json, type, means) => {
    const model = fromMclust(json);
    expect(model.covarianceType).toBe(type);
    expect(model.means.toArray()).toEqual(means);
  });

  const variance = { modelName: 'VII', d: 3, G: 2, sigmasq: [1, 2] };
  const good = {
    pro: [0.5, 0.5],
    mean: [
      [1, 2],
      [3, 4],
      [5, 6],
    ],
    variance,
  };

  it.each([
    [null, 'an object with the parameters of a fit: pro, mean and variance is needed'],
    [{ pro: [1] }, 'variance must be an object with a list with modelName'],
    [
      { ...good, variance: { ...variance, modelName: 3 } },
      'variance.modelName is 3, but must be a name such as "VVV"',
    ],
    [{ ...good, variance: { ...variance, modelName: 'QQQ' } }, /covarianceType is 'QQQ'/],
    [{ ...good, variance: { ...variance, d: 0 } }, 'variance.d is 0, but must be an integer >= 1'],
    [{ ...good, pro: [1] }, 'pro has length 1, but must be a list of 2'],
    [{ ...good, pro: [0.4, 0.4, 0.2] }, 'it has a noise component'],
    [{ ...good, Vinv: 0.1 }, 'it has a noise component'],
    [
      {
        ...good,
        mean: [
          [1, 3, 5],
          [2, 4, 6],
        ],
      },
      'mean is 2 x 3, but must be d x G, 3 x 2: a column per component',
    ],
    [
      {
        ...good,
        mean: [
          [1, 2],
          [3, 4],
          [5, 'NA'],
        ],
      },
      'mean[2][1] is "NA", but must be a finite number',
    ],
    [{ ...good, variance: { modelName: 'VVV', d: 3, G: 2 } }, 'variance has no sigma'],
    [{ ...good, variance: { ...variance, sigmasq: [1, 2, 3] } }, 'variance.sigmasq has length 3'],
    [{ ...good, pro: [0.3333, 0.6666] }, /weights sum to 0\.9999.*digits = NA/],
    [{ ...good, variance: { ...variance, sigmasq: [0, 2] } }, /not positive definite.*digits = NA/],
    [{ ...good, pro: [0.33333333, 0.61] }, /weights sum to 0\.94333333; they must sum to 1 \(to 1e-6\)$/],
  ])('refuses %j', (json, message) => {
    expect(() => fromMclust(json)).toThrow(message);
    try {
      fromMclust(json);
    } catch (error) {
      expect(error).toBeInstanceOf(GaussmixError);
    }
  });
});

describe('the command line', () => {
  it.each([
    ['scikit-learn', toScikitLearn],
    ['mclust', toMclust],
  ])('takes a model of %s, and as a start', async (_, convert) => {
    const model = GaussianMixture.fit(iris, { nComponents: 3, covarianceType: 'tied' });
    const file = join(folder, 'foreign.json');
    const own = join(folder, 'own.json');
    write('foreign.json', convert(model));
    write('own.json', model);
    const data = join(root, 'examples/iris.csv');
    for (const args of [
      ['predict', 'MODEL', data, '--proba', '--columns', '1-4'],
      ['fit', data, '-k', '3', '--columns', '1-4', '--json', '--init', 'MODEL'],
    ]) {
      const [foreign, usual] = await Promise.all(
        [file, own].map((path) => runCommand(args.map((arg) => (arg === 'MODEL' ? path : arg)))),
      );
      expect(foreign).toEqual(usual);
      expect(usual.code).toBe(0);
    }
  });

  it('names the file when such a model is broken', async () => {
    write('broken.json', { weights_: [1], means_: [[1, 2]] });
    const { code, stderr } = await runCommand(['sample', join(folder, 'broken.json'), '-n', '1']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^gaussmix: .*broken\.json: the scikit-learn model: covariances_ is missing\n$/);
  });
});

// Densities of the same parameters by two programs differ by roundings times the condition of the covariances (below
// 1e3 here): 1e-13 of the quadratic forms, which are tens; so 1e-12 of log-densities of about 1 to 10.
const TOLERANCE = 1e-12;

/** Elements of any nesting. */
function flat(value: unknown): number[] {
  return [value].flat(4) as number[];
}

describe.skipIf(noPython)('scikit-learn', () => {
  type Attributes = Record<'covariances_' | 'precisions_' | 'precisions_cholesky_', unknown>;
  interface Result {
    read: { density: number[]; labels: number[]; bic: number; sampled: number[] }[];
    fitted: { saved: Attributes; density: number[]; parameters: number; bic: number; aic: number }[];
  }
  let result: Result;

  beforeAll(() => {
    write(
      'models.json',
      models.map(({ model, rows }) => ({ saved: toScikitLearn(model), rows })),
    );
    write('rows.json', iris);
    // One program for all: Python takes longer to load scikit-learn than to do this.
    runPython(`
import json, warnings
import numpy as np
from sklearn.mixture import GaussianMixture
warnings.simplefilter("error")
def taken(entry):
    saved = entry["saved"]
    model = GaussianMixture(n_components=saved["n_components"], covariance_type=saved["covariance_type"])
    for name, value in saved.items():
        if name.endswith("_"):
            setattr(model, name, np.asarray(value) if isinstance(value, list) else value)
    X = np.array(entry["rows"])
    return {"density": model.score_samples(X).tolist(), "labels": model.predict(X).tolist(), "bic": model.bic(X),
        "sampled": model.sample(3)[0].shape}
def given(covariance_type):
    X = np.array(json.load(open("rows.json")))
    model = GaussianMixture(n_components=3, covariance_type=covariance_type, random_state=1).fit(X)
    names = ["weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"]
    saved = {"covariance_type": covariance_type, **{name: getattr(model, name).tolist() for name in names}}
    return {"saved": saved, "density": model.score_samples(X).tolist(), "parameters": int(model._n_parameters()),
        "bic": model.bic(X), "aic": model.aic(X)}
with open("out.json", "w") as file:
    json.dump({"read": [taken(entry) for entry in json.load(open("models.json"))],
        "fitted": [given(name) for name in ${JSON.stringify(types)}]}, file)
`);
    result = read('out.json');
  });

  it.each(models.map((entry, i) => ({ ...entry, i })))(
    '$name: scikit-learn computes the same densities and labels from what is written',
    ({ model, rows, i }) => {
      const { density, labels, bic, sampled } = result.read[i];
      expect(difference(density, model.scoreSamples(rows))).toBeLessThan(TOLERANCE);
      expect(labels).toEqual(Array.from(model.predict(rows)));
      if (types.includes(model.covarianceType)) {
        expect(difference([bic], [model.bic(rows)])).toBeLessThan(TOLERANCE);
      }
      expect(sampled).toEqual([3, model.nFeatures]);
    },
  );

  it.each(types.map((type, i) => ({ type, i })))(
    '$type: a model that scikit-learn fitted has the same densities and parameters here',
    ({ type, i }) => {
      const { saved, density, parameters, bic, aic } = result.fitted[i];
      const model = fromScikitLearn(saved);
      expect(model.covarianceType).toBe(type);
      expect(difference(model.scoreSamples(iris), density)).toBeLessThan(TOLERANCE);
      expect(model.nParameters).toBe(parameters);
      expect(difference([model.bic(iris), model.aic(iris)], [bic, aic])).toBeLessThan(TOLERANCE);
      const again = toScikitLearn(model);
      for (const name of ['covariances_', 'precisions_', 'precisions_cholesky_'] as const) {
        // Relative to the largest element. Covariances: elements and their mirror images differ by roundings in
        // scikit-learn; inverses: other orders of elimination, condition below 1e3.
        const scale = Math.max(...flat(saved[name]).map(Math.abs));
        const [ours, theirs] = [again[name], saved[name]].map((value) => flat(value).map((x) => x / scale));
        expect(difference(ours, theirs)).toBeLessThan(TOLERANCE);
      }
    },
  );
});

describe.skipIf(noR)('mclust', () => {
  const fits = [
    ...['VVV', 'EEE', 'VVI', 'VII'].flatMap((name) => [
      { name, k: 3 },
      { name, k: 1 },
    ]),
    ...others.map((name) => ({ name, k: 3 })),
    ...['V', 'E'].flatMap((name) => [
      { name, k: 2 },
      { name, k: 1 },
    ]),
  ];
  interface Result {
    read: { density: number[]; loglik: number[]; z: number[][] }[];
    fitted: { density: number[]; bic: number[]; df: number[]; loglik: number[] }[];
  }
  let result: Result;

  beforeAll(() => {
    models.forEach(({ model, rows }, i) => {
      write(`model-${i}.json`, toMclust(model));
      write(`rows-${i}.json`, rows);
    });
    write('fits.json', fits);
    runR(`
library(mclust); library(jsonlite)
taken <- function(i) {
  p <- fromJSON(sprintf("model-%d.json", i))
  X <- fromJSON(sprintf("rows-%d.json", i))
  x <- if (p$variance$d == 1) as.vector(X) else X
  name <- p$variance$modelName
  step <- estep(x, modelName = name, parameters = p)
  density <- dens(x, modelName = name, parameters = p, logarithm = TRUE)
  list(density = as.vector(density), loglik = step$loglik, z = step$z)
}
given <- function(i, name, k) {
  X <- as.matrix(fromJSON(sprintf("rows-%d.json", if (nchar(name) == 1) 0 else 2)))
  fit <- Mclust(X, G = k, modelNames = name, verbose = FALSE)
  p <- fit$parameters
  write(toJSON(p, digits = NA), sprintf("boxed-%d.json", i))
  write(toJSON(p, digits = NA, auto_unbox = TRUE), sprintf("unboxed-%d.json", i))
  density <- as.vector(dens(X, modelName = fit$modelName, parameters = p, logarithm = TRUE))
  # fit$loglik is of the parameters before the last M-step.
  loglik <- sum(density)
  list(density = density, bic = 2 * loglik - fit$df * log(nrow(X)), df = fit$df, loglik = loglik)
}
fits <- fromJSON("fits.json")
write(toJSON(list(read = lapply(0:${models.length - 1}, taken),
  fitted = mapply(given, seq_len(nrow(fits)) - 1, fits$name, fits$k, SIMPLIFY = FALSE, USE.NAMES = FALSE)),
  digits = NA), "out.json")
`);
    result = read('out.json');
  });

  it.each(models.map((entry, i) => ({ ...entry, i })))(
    '$name: mclust computes the same densities from what is written',
    ({ model, rows, i }) => {
      const { density, loglik, z } = result.read[i];
      expect(difference(model.scoreSamples(rows), density)).toBeLessThan(TOLERANCE);
      expect(difference([model.criteria(rows).logLikelihood], loglik)).toBeLessThan(TOLERANCE);
      expect(difference(model.predictProba(rows).data, z.flat())).toBeLessThan(TOLERANCE);
    },
  );

  it.each(fits.map((entry, i) => ({ ...entry, i })))(
    'a fit of $name with $k components has the same densities here, boxed or not',
    ({ name, i }) => {
      const rows = models[name.length === 1 ? 0 : 2].rows;
      const { density, bic, df, loglik } = result.fitted[i];
      for (const file of [`boxed-${i}.json`, `unboxed-${i}.json`]) {
        const model = fromMclust(read(file));
        // jsonlite writes 15 digits: 1e-15 of every parameter, times the condition of the covariances, below 1e3.
        expect(difference(model.scoreSamples(rows), density)).toBeLessThan(TOLERANCE);
        expect(model.nParameters).toBe(df[0]);
        expect(
          difference([-model.bic(rows), model.criteria(rows).logLikelihood], [bic[0], loglik[0]]),
        ).toBeLessThan(TOLERANCE);
      }
    },
  );
});

/** The fenced blocks of a guide by their heading: `python export`, `js import`, ... */
function snippets(file: string): ReadonlyMap<string, string> {
  const text = readFileSync(join(root, 'docs', file), 'utf8');
  return new Map(Array.from(text.matchAll(/```(\w+ \w+)\n(.*?)```/gs), ([, name, code]) => [name, code]));
}

function runNode(source: string): string {
  writeFileSync(join(folder, 'program.mjs'), source);
  return run('node', ['program.mjs']);
}

describe('the guides', () => {
  for (const [file, language, absent, runOther] of [
    ['migrating-from-scikit-learn.md', 'python', noPython, runPython],
    ['migrating-from-mclust.md', 'r', noR, runR],
  ] as const) {
    const code = snippets(file);
    const part = (name: string): string => code.get(name) ?? expect.unreachable(`${file} has no ${name}`);

    it.skipIf(absent)(`${file}: a model goes to JavaScript`, () => {
      runOther(part(`${language} export`));
      expect(Number(runNode(part('js import')))).toBeLessThan(0);
    });

    it.skipIf(absent)(`${file}: a model comes from JavaScript, with the same score`, () => {
      const score = runNode(`${part('js export')}\nconsole.log(model.score([[3.6, 79], [1.8, 54]]));`);
      // Printed with 15 digits.
      expect(difference([Number(runOther(part(`${language} import`)))], [Number(score)])).toBeLessThan(
        TOLERANCE,
      );
    });
  }
});
