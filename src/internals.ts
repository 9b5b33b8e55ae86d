// What the entry points gaussmix/compat/* and the command line's engine use of the library beyond its interface, so that
// all share one kernel.
// Not in the declarations, and no part of the interface: it changes without notice.
import { fitHeld } from './engine.ts';
import { MixtureEstimator, SMALLEST_VARIANCE, WholeData } from './estimator.ts';
import { StartRows, startRowCount } from './initialization.ts';
import { BLOCK, compiledModule, Kernel, withKernel } from './kernel.ts';
import { KernelMixture } from './parameters.ts';
import { ResidentRows, runOn } from './passes.ts';
import { hashRow, Random } from './random.ts';
import { toRowSource } from './row-source.ts';

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
  readonly compiledModule: typeof compiledModule;
  readonly fitHeld: typeof fitHeld;
  readonly hashRow: typeof hashRow;
  readonly runOn: typeof runOn;
  readonly startRowCount: typeof startRowCount;
  readonly toRowSource: typeof toRowSource;
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
  compiledModule,
  fitHeld,
  hashRow,
  runOn,
  startRowCount,
  toRowSource,
  withKernel,
};
