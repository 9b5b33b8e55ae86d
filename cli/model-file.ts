// Models and starts in JSON files: reading them, with the file named in every error; the names of columns in a model.
// Must not check parameters: the library does.
import { readFile, stat } from 'node:fs/promises';
import { text as readText } from 'node:stream/consumers';
import { GaussianMixture, GaussmixError, type ModelJSON } from 'gaussmix';
import { fromMclust, fromScikitLearn } from 'gaussmix/exchange';
import { Failure, oneLine, systemFailure } from './failure.ts';

/**
 * A saved model, of this library, scikit-learn or mclust.
 * @throws Failure when there is no such file, it is not complete JSON, or no model of this version
 */
export async function readModelFile(path: string): Promise<GaussianMixture> {
  const json = await readJson(path);
  return modelOf(json, path);
}

/** A start as it goes to the fit: plain nested arrays. */
export interface PlainStart {
  readonly weights?: number[];
  readonly means: number[][];
  readonly covariances?: number[][][];
}

/**
 * A start: a saved model, or an object with means and, if wanted, weights and covariances.
 * @throws Failure as {@link readModelFile}
 */
export async function readStartFile(path: string): Promise<PlainStart> {
  const json = await readJson(path);
  if (isModel(json)) {
    const { weights, means, covariances }: ModelJSON = modelOf(json, path).toJSON();
    return { weights, means, covariances };
  }
  const start = json as Record<string, unknown> | null;
  if (typeof start !== 'object' || start === null || !Array.isArray(start.means)) {
    throw new Failure(
      `${path} is no start: { "weights": [...], "means": [[...]], "covariances": [[[...]]] } is expected`,
    );
  }
  for (const key of Object.keys(start)) {
    if (!['weights', 'means', 'covariances'].includes(key)) {
      throw new Failure(
        `${path}: unknown entry ${JSON.stringify(key)}; a start has weights, means, covariances`,
      );
    }
  }
  return start as unknown as PlainStart;
}

/** A model with the names of its columns, in their place within the saved model. */
export function withNames(model: ModelJSON, featureNames: readonly string[] | undefined): ModelJSON {
  if (featureNames === undefined) return model;
  const { format, version, covarianceType, nComponents, nFeatures, ...rest } = model;
  return {
    format,
    version,
    covarianceType,
    nComponents,
    nFeatures,
    featureNames: [...featureNames],
    ...rest,
  };
}

/** Whether an object says that it is a model, be it a broken one; anything else may be a start. */
function isModel(json: unknown): boolean {
  return hasKey(json, 'format') || isScikitLearn(json) || isMclust(json);
}

function isScikitLearn(json: unknown): boolean {
  return hasKey(json, 'means_') || hasKey(json, 'weights_');
}

function isMclust(json: unknown): boolean {
  return hasKey(json, 'pro') || (hasKey(json, 'parameters') && hasKey(json.parameters, 'pro'));
}

function hasKey<Key extends string>(json: unknown, key: Key): json is Readonly<Record<Key, unknown>> {
  return typeof json === 'object' && json !== null && key in json;
}

function modelOf(json: unknown, path: string): GaussianMixture {
  try {
    if (isScikitLearn(json)) return fromScikitLearn(json);
    if (isMclust(json)) return fromMclust(json);
    return GaussianMixture.fromJSON(json);
  } catch (error) {
    if (error instanceof GaussmixError) throw new Failure(`${path}: ${error.message}`);
    throw error;
  }
}

async function readJson(path: string): Promise<unknown> {
  const name = path === '-' ? 'standard input' : path;
  let text: string;
  try {
    if (path !== '-' && (await stat(path)).isDirectory()) {
      throw new Failure(`cannot read ${path}: it is a folder, not a file`);
    }
    text = path === '-' ? await readText(process.stdin) : await readFile(path, 'utf8');
  } catch (error) {
    throw systemFailure(`cannot read ${name}`, error);
  }
  try {
    return JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (error) {
    if (text.trim() === '') throw new Failure(`${name} is empty`);
    const isJson = /^\s*[[{]/.test(text);
    const { message } = error as Error;
    throw new Failure(`${name} is ${isJson ? 'not complete JSON' : 'not JSON'}: ${oneLine(message)}`);
  }
}
