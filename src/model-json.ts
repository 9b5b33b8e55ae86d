// The saved form of a model: writing it, and reading it back with every defect named.
// Must not check the mathematics: the parameters read go through parameters.ts like any others.

import { type CovarianceModel, canonicalCovarianceType } from './covariance-models.ts';
import { GaussmixRangeError, GaussmixTypeError } from './errors.ts';
import type { Fitted } from './fit.ts';
import type { MixtureParameters } from './gaussian-mixture.ts';
import { Matrix } from './matrix.ts';
import type { ModelParameters } from './parameters.ts';
import type { UsedPrior } from './prior.ts';

const FORMAT = 'gaussmix-model';
const VERSION = 1;

/** A saved model. Matrices are nested arrays, row by row; covariances are D x D whatever the covariance type. */
export interface ModelJSON {
  format: 'gaussmix-model';
  version: 1;
  covarianceType: CovarianceModel;
  nComponents: number;
  nFeatures: number;
  featureNames?: string[];
  weights: number[];
  means: number[][];
  covariances: number[][][];
  fitted?: {
    converged: boolean;
    iterations: number;
    logLikelihood: number;
    logPosterior?: number;
    prior?: UsedPrior;
    history: number[];
    nSamples: number;
    runs: number;
    warnings: string[];
  };
}

export function writeModel(
  parameters: ModelParameters,
  covariances: readonly Matrix[],
  fitted?: Fitted,
  featureNames?: readonly string[],
): ModelJSON {
  const { model, k, d, weights, means } = parameters;
  return {
    format: FORMAT,
    version: VERSION,
    covarianceType: model,
    nComponents: k,
    nFeatures: d,
    ...(featureNames && { featureNames: [...featureNames] }),
    weights: Array.from(weights),
    means: new Matrix(means, [k, d]).toArray(),
    covariances: covariances.map((covariance) => covariance.toArray()),
    ...(fitted && {
      fitted: { ...fitted, history: Array.from(fitted.history), warnings: [...fitted.warnings] },
    }),
  };
}

export function readModel(json: unknown): {
  parameters: MixtureParameters;
  fitted?: Fitted;
  featureNames?: string[];
} {
  if (typeof json === 'string') {
    throw new GaussmixTypeError(
      'INVALID_MODEL',
      'fromJSON takes the parsed object, not its text: JSON.parse it first',
    );
  }
  if (!isObject(json) || json.format !== FORMAT) {
    throw new GaussmixTypeError(
      'INVALID_MODEL',
      `this is no saved model: an object with "format": "${FORMAT}" is expected, ${describe(json)} was given`,
    );
  }
  if (json.version !== VERSION) {
    throw new GaussmixRangeError(
      'INVALID_MODEL',
      `the saved model has version ${describe(json.version)}; this library reads version ${VERSION}`,
    );
  }
  for (const key of ['covarianceType', 'nComponents', 'nFeatures', 'weights', 'means', 'covariances']) {
    if (json[key] === undefined) {
      throw new GaussmixTypeError('INVALID_MODEL', `the saved model is incomplete: "${key}" is missing`);
    }
  }
  const k = positiveInteger(json, 'nComponents');
  const d = positiveInteger(json, 'nFeatures');
  const weights = numbers(json.weights, k, 'weights');
  const means = matrix(json.means, k, d, 'means');
  const covariances = list(json.covariances, k, 'covariances').map((entry, component) =>
    Float64Array.from(matrix(entry, d, d, `covariances[${component}]`).flat()),
  );
  let covarianceType: CovarianceModel;
  try {
    covarianceType = canonicalCovarianceType(json.covarianceType);
  } catch (error) {
    throw new GaussmixRangeError('INVALID_MODEL', `the saved model: ${(error as Error).message}`);
  }
  return {
    parameters: { weights, means, covariances, covarianceType },
    ...(json.fitted !== undefined && { fitted: readFitted(json.fitted, d) }),
    ...(json.featureNames !== undefined && { featureNames: strings(json.featureNames, 'featureNames', d) }),
  };
}

function readFitted(value: unknown, d: number): Fitted {
  if (!isObject(value)) throw bad('fitted', 'an object', value);
  const { converged, history } = value;
  if (typeof converged !== 'boolean') throw bad('fitted.converged', 'true or false', converged);
  if (!Array.isArray(history)) throw bad('fitted.history', 'an array of numbers', history);
  return {
    converged,
    iterations: count(value, 'iterations'),
    logLikelihood: finite(value.logLikelihood, 'fitted.logLikelihood'),
    ...(value.prior !== undefined && {
      logPosterior: finite(value.logPosterior, 'fitted.logPosterior'),
      prior: readPrior(value.prior, d),
    }),
    history: Float64Array.from(numbers(history, history.length, 'fitted.history')),
    nSamples: count(value, 'nSamples'),
    runs: count(value, 'runs'),
    warnings: strings(value.warnings, 'fitted.warnings'),
  };
}

function readPrior(value: unknown, d: number): UsedPrior {
  const name = 'fitted.prior';
  if (!isObject(value)) throw bad(name, 'an object', value);
  return {
    shrinkage: finite(value.shrinkage, `${name}.shrinkage`),
    mean: numbers(value.mean, d, `${name}.mean`),
    degreesOfFreedom: finite(value.degreesOfFreedom, `${name}.degreesOfFreedom`),
    scale: matrix(value.scale, d, d, `${name}.scale`),
  };
}

function bad(name: string, expected: string, value: unknown): GaussmixTypeError {
  return new GaussmixTypeError(
    'INVALID_MODEL',
    `the saved model: ${name} must be ${expected}, not ${describe(value)}`,
  );
}

function count(object: Record<string, unknown>, key: string): number {
  const value = object[key];
  if (!Number.isSafeInteger(value) || (value as number) < 0)
    throw bad(`fitted.${key}`, 'an integer >= 0', value);
  return value as number;
}

function positiveInteger(object: Record<string, unknown>, key: string): number {
  const value = object[key];
  if (!Number.isSafeInteger(value) || (value as number) < 1) throw bad(key, 'an integer >= 1', value);
  return value as number;
}

function list(value: unknown, length: number, name: string): unknown[] {
  const expected = `an array of length ${length}`;
  if (!Array.isArray(value)) throw bad(name, expected, value);
  if (value.length === length) return value;
  throw new GaussmixTypeError(
    'INVALID_MODEL',
    `the saved model: ${name} must be ${expected}, not of length ${value.length}`,
  );
}

function numbers(value: unknown, length: number, name: string): number[] {
  return list(value, length, name).map((entry, i) => finite(entry, `${name}[${i}]`));
}

function finite(value: unknown, name: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw bad(name, 'a finite number', value);
  return value;
}

function matrix(value: unknown, rows: number, columns: number, name: string): number[][] {
  return list(value, rows, name).map((row, i) => numbers(row, columns, `${name}[${i}]`));
}

function strings(value: unknown, name: string, length?: number): string[] {
  const isStrings = Array.isArray(value) && value.every((entry) => typeof entry === 'string');
  if (!isStrings || (length !== undefined && value.length !== length)) {
    throw bad(name, length === undefined ? 'an array of strings' : `an array of ${length} strings`, value);
  }
  return value as string[];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'an array';
  if (value !== null && typeof value === 'object') return 'another object';
  if (typeof value !== 'string') return String(value);
  return value.length > 60 ? `"${value.slice(0, 60)}..."` : `"${value}"`;
}
