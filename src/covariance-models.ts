// The covariance models: their names, and what a name says.
// Must not compute: parameters.ts and the kernel do.
import { invalid } from './option-errors.ts';

/**
 * mclust's names of the models of Celeux and Govaert (1995), in the order of the kernel's codes. The letters say of volume,
 * shape and orientation whether they are equal (E) among components, varying (V), or round or along the axes (I).
 */
// biome-ignore format: round, along the axes, any orientation
const MCLUST_NAMES = [
  'EII', 'VII',
  'EEI', 'VEI', 'EVI', 'VVI',
  'EEE', 'VEE', 'EVE', 'VVE', 'EEV', 'VEV', 'EVV', 'VVV',
] as const;

/**
 * The covariances of a mixture: by mclust's name (EII, VII, EEI, VEI, EVI, VVI, EEE, VEE, EVE, VVE, EEV, VEV, EVV, VVV), or by
 * scikit-learn's for the same (full: VVV, tied: EEE, diag: VVI, spherical: VII).
 */
export type CovarianceType = CovarianceForm | (typeof MCLUST_NAMES)[number];

/** The names models go by: of two that mean the same, scikit-learn's. */
export type CovarianceModel = Exclude<CovarianceType, 'VII' | 'VVI' | 'EEE' | 'VVV'>;

/**
 * full: each component its own, any shape. tied: one for all components. diag: each its own, along the axes.
 * spherical: each its own, the same in all directions.
 */
export type CovarianceForm = 'full' | 'tied' | 'diag' | 'spherical';

/** Every covariance type there is, by the name a model gives it, in the order of the kernel's codes. */
export const COVARIANCE_MODELS: readonly CovarianceModel[] = MCLUST_NAMES.map((name) => canonicalName(name));

/**
 * The name that a covariance type of either naming goes by.
 * @throws GaussmixError INVALID_OPTION for any other value
 */
export function canonicalCovarianceType(value: unknown, name: string = 'covarianceType'): CovarianceModel {
  const model = canonicalName(value as CovarianceType);
  if (COVARIANCE_MODELS.includes(model)) return model;
  const others = COVARIANCE_MODELS.filter((known) => known !== formOf(known)).map((known) => `'${known}'`);
  const allowed = `'full' (or 'VVV'), 'tied' (or 'EEE'), 'diag' (or 'VVI'), 'spherical' (or 'VII'), ${others.join(', ')}`;
  throw invalid(name, value, 'string', allowed);
}

function canonicalName(type: CovarianceType): CovarianceModel {
  if (type === 'VVV') return 'full';
  if (type === 'EEE') return 'tied';
  if (type === 'VVI') return 'diag';
  return type === 'VII' ? 'spherical' : type;
}

/** Whether all covariances of one model are of another, different one: letter by letter I < E < V. */
export function isNested(inner: CovarianceModel, outer: CovarianceModel): boolean {
  const letters = lettersOf(outer);
  return (
    inner !== outer &&
    [...lettersOf(inner)].every((letter, i) => 'IEV'.indexOf(letter) <= 'IEV'.indexOf(letters[i]))
  );
}

/** The kernel's code of a model. */
export function modelCode(model: CovarianceModel): number {
  return COVARIANCE_MODELS.indexOf(model);
}

/** The form that a model's covariances are stored in and its densities computed in. */
export function formOf(model: CovarianceModel): CovarianceForm {
  const orientation = lettersOf(model)[2];
  if (model === 'tied') return 'tied';
  return orientation !== 'I' ? 'full' : lettersOf(model)[1] === 'I' ? 'spherical' : 'diag';
}

/** Of volume, shape and orientation: E, V or I. */
export function lettersOf(model: CovarianceModel): string {
  return MCLUST_NAMES[modelCode(model)];
}
