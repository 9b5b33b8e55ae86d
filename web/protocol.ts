// What the page and its worker say to each other. Types and constants only.
import type { CovarianceType, InitializationMethod, ModelJSON } from 'gaussmix';
import type { Bar, Mixture } from '../charts/shapes.ts';
import type { ColumnInfo } from './table.ts';

/** A family of covariance models, by orientation. */
export interface CovarianceFamily {
  readonly says: string;
  readonly models: readonly { readonly type: CovarianceType; readonly says: string }[];
}

/** The covariance models on offer: the one list that the form, the model selection and their curves go by. */
export const COVARIANCE_FAMILIES: readonly CovarianceFamily[] = [
  {
    says: 'Circles',
    models: [
      { type: 'EII', says: 'circles of one size' },
      { type: 'spherical', says: 'circles of different sizes (VII)' },
    ],
  },
  {
    says: 'Ellipses along the axes',
    models: [
      { type: 'EEI', says: 'one for all' },
      { type: 'VEI', says: 'one shape, different sizes' },
      { type: 'EVI', says: 'one size, different shapes' },
      { type: 'diag', says: 'any along the axes (VVI)' },
    ],
  },
  {
    says: 'Ellipses tilted alike',
    models: [
      { type: 'tied', says: 'one ellipse for all (EEE)' },
      { type: 'VEE', says: 'one shape, different sizes' },
      { type: 'EVE', says: 'one size, different shapes' },
      { type: 'VVE', says: 'different sizes and shapes' },
    ],
  },
  {
    says: 'Ellipses tilted differently',
    models: [
      { type: 'EEV', says: 'one size and shape' },
      { type: 'VEV', says: 'one shape, different sizes' },
      { type: 'EVV', says: 'one size, different shapes' },
      { type: 'full', says: 'each its own ellipse (VVV)' },
    ],
  },
];

/** Compared unless others are ticked: few enough to be quick on many rows. */
export const USUAL_MODELS: readonly CovarianceType[] = ['spherical', 'diag', 'tied', 'full'];

export const STARTS: readonly { readonly method: InitializationMethod; readonly says: string }[] = [
  { method: 'kmeans', says: 'k-means clusters' },
  { method: 'k-means++', says: 'k-means++ seeds' },
  { method: 'random-from-data', says: 'random rows' },
  { method: 'random', says: 'random responsibilities' },
];

/** The options that the page offers. */
export interface PageOptions {
  readonly nComponents: number;
  readonly covarianceType: CovarianceType;
  readonly initialization: InitializationMethod;
  readonly nInit: number;
  readonly seed: number;
  readonly maxIterations: number;
  readonly tolerance: number;
}

export type ToWorker =
  | { readonly kind: 'open'; readonly name: string; readonly bytes: Uint8Array; readonly header?: boolean }
  /** Other columns of the table that is open. */
  | { readonly kind: 'choose'; readonly columns: readonly number[]; readonly leaveOut: boolean }
  /** Points drawn by hand, n x 2. */
  | { readonly kind: 'points'; readonly data: Float64Array }
  /** @param intervalMs least time from one iteration to the next */
  | {
      readonly kind: 'fit';
      readonly options: PageOptions;
      readonly intervalMs: number;
      readonly paused: boolean;
    }
  | { readonly kind: 'interval'; readonly intervalMs: number }
  | { readonly kind: 'pause' | 'resume' | 'step' | 'stop' }
  /** The page has drawn what it was sent, and can take colours again. */
  | { readonly kind: 'drawn' }
  | {
      readonly kind: 'select';
      readonly options: PageOptions;
      readonly most: number;
      readonly covarianceTypes: readonly CovarianceType[];
    }
  /** A model of the selection is to be the one shown. */
  | { readonly kind: 'show'; readonly nComponents: number; readonly covarianceType: CovarianceType }
  | { readonly kind: 'row'; readonly row: number }
  /** The table with the label and responsibilities of each row. */
  | { readonly kind: 'labels' };

/** A feature as the picture needs it: the worker sorts, so that the page need not. */
export interface FeatureValues {
  readonly values: Float64Array;
  /** Least and greatest value, with a margin. */
  readonly extent: readonly [number, number];
  readonly bars: readonly Bar[];
}

/** Criteria of one model of the selection, or why there is none. */
export interface Candidate {
  readonly nComponents: number;
  readonly covarianceType: CovarianceType;
  readonly bic: number;
  readonly converged: boolean;
  readonly problem: string | undefined;
}

export type FromWorker =
  | {
      readonly kind: 'table';
      readonly name: string;
      readonly rows: number;
      readonly hasHeader: boolean;
      readonly columns: readonly ColumnInfo[];
    }
  | {
      readonly kind: 'chosen';
      readonly names: readonly string[];
      readonly rows: number;
      readonly features: readonly FeatureValues[];
      readonly leftOut: number;
      /** Lines of the file, of each row; undefined for drawn points. */
      readonly lines: Int32Array | undefined;
    }
  /** At: the part of the page where the mistake is. */
  | { readonly kind: 'failure'; readonly at: Place; readonly message: string }
  | {
      readonly kind: 'iteration';
      readonly run: number;
      readonly iteration: number;
      readonly logLikelihood: number;
      readonly mixture: Mixture;
      /** N x K responsibilities in 1/255; absent while the page still draws. */
      readonly shares?: Uint8Array;
    }
  | {
      readonly kind: 'model';
      readonly model: ModelJSON;
      readonly shares: Uint8Array;
      readonly bic: number;
      readonly wasStopped: boolean;
    }
  | { readonly kind: 'candidate'; readonly candidate: Candidate; readonly done: number; readonly all: number }
  | { readonly kind: 'selected'; readonly wasStopped: boolean }
  | {
      readonly kind: 'row';
      readonly row: number;
      readonly responsibilities: readonly number[];
      readonly logDensity: number;
    }
  | { readonly kind: 'labels'; readonly csv: string };

/** Where a message belongs. */
export type Place =
  | 'data'
  | 'columns'
  | 'nComponents'
  | 'seed'
  | 'nInit'
  | 'maxIterations'
  | 'tolerance'
  | 'fit';
