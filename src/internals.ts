// What the entry points gaussmix/compat/* and gaussmix/online, and the command line's engine, use of the library beyond its
// interface, so that all share one kernel.
// Not in the declarations, and no part of the interface: it changes without notice.
import { fitHeld } from './engine.ts';
import { MixtureEstimator, SMALLEST_VARIANCE, WholeData } from './estimator.ts';
import { modelOf, parametersOf } from './gaussian-mixture.ts';
import { StartRows, startRowCount } from './initialization.ts';
import { BLOCK, compiledModule, Kernel, withKernel } from './kernel.ts';
import { stepFrom } from './maximize.ts';
import { checkSampleWeight, validateFitOptions } from './options.ts';
import {
  checkMeans,
  checkPositiveDefinite,
  checkSymmetric,
  checkWeights,
  invertAll,
  KernelMixture,
} from './parameters.ts';
import { ResidentRows, runOn } from './passes.ts';
import { hashRow, Random } from './random.ts';
import { recentre } from './recentre.ts';
import { toRowSource } from './row-source.ts';
import { sumsOf } from './statistics.ts';
import { checkSums, sumsLength } from './statistics-bytes.ts';

/** @internal */
export const internals: {
  readonly BLOCK: typeof BLOCK;
  readonly Kernel: typeof Kernel;
  readonly KernelMixture: typeof KernelMixture;
  readonly MixtureEstimator: typeof MixtureEstimator;
  readonly Random: typeof Random;
  readonly ResidentRows: typeof ResidentRows;
  readonly SMALLEST_VARIANCE: typeof SMALLEST_VARIANCE;
  readonly StartRows: typeof StartRows;
  readonly WholeData: typeof WholeData;
  readonly checkMeans: typeof checkMeans;
  readonly checkPositiveDefinite: typeof checkPositiveDefinite;
  readonly checkSampleWeight: typeof checkSampleWeight;
  readonly checkSums: typeof checkSums;
  readonly checkSymmetric: typeof checkSymmetric;
  readonly checkWeights: typeof checkWeights;
  readonly compiledModule: typeof compiledModule;
  readonly modelOf: typeof modelOf;
  readonly parametersOf: typeof parametersOf;
  readonly recentre: typeof recentre;
  readonly fitHeld: typeof fitHeld;
  readonly hashRow: typeof hashRow;
  readonly invertAll: typeof invertAll;
  readonly runOn: typeof runOn;
  readonly startRowCount: typeof startRowCount;
  readonly stepFrom: typeof stepFrom;
  readonly sumsLength: typeof sumsLength;
  readonly sumsOf: typeof sumsOf;
  readonly toRowSource: typeof toRowSource;
  readonly validateFitOptions: typeof validateFitOptions;
  readonly withKernel: typeof withKernel;
} = {
  BLOCK,
  Kernel,
  KernelMixture,
  MixtureEstimator,
  Random,
  ResidentRows,
  SMALLEST_VARIANCE,
  StartRows,
  WholeData,
  checkMeans,
  checkPositiveDefinite,
  checkSampleWeight,
  checkSums,
  checkSymmetric,
  checkWeights,
  compiledModule,
  modelOf,
  parametersOf,
  recentre,
  fitHeld,
  hashRow,
  invertAll,
  runOn,
  startRowCount,
  stepFrom,
  sumsLength,
  sumsOf,
  toRowSource,
  validateFitOptions,
  withKernel,
};
