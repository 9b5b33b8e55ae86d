interface Parameters {
  weights: Float64Array;
  means: Float64Array;
  covs: Float64Array;
}
export function createWorkspace(d: number, k: number): object;
export function emStep(
  X: Float64Array,
  n: number,
  d: number,
  k: number,
  weights: Float64Array,
  means: Float64Array,
  covs: Float64Array,
  ws: object,
  reg?: number,
): number;
export function makeData(
  n: number,
  d: number,
  k: number,
  seed: number,
  sep?: number,
): { X: Float64Array; lab: Int32Array; mu: Float64Array; init: () => Parameters };
