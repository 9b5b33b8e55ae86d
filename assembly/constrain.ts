// The fourteen covariance models of Celeux and Govaert (1995): covariances of their own for all components to those of
// a model, by maximum likelihood. Must not see rows or statistics: gmm_m_step has made covariances of those.
import { cholesky, invertSymmetric } from './cholesky';
import { equalAxes, LEAST_GAIN, ROUNDS, SMALLEST } from './common-axes';
import { addScaled, compose, eigen } from './eigen';
import { EEE, EEI, EEV, EII, EVE, EVI, EVV, VEE, VEI, VEV, VII, VVE, VVI, VVV } from './layout';
import { exp, log } from './math';

/** Doubles of one component's covariance in the form that a model is stored in. */
function componentSize(model: i32, d: i32): i32 {
  return model <= VII ? 1 : model <= VVI ? d : d * d;
}

/** Doubles of scratch for `constrain`. */
export function constrainWorkspaceCount(model: i32, d: i32, k: i32): i32 {
  const rotated = model == EVE || model == VVE ? k * (d * d + 3) : 0;
  return 2 * k + k * d + 2 * d + (model < EEE ? 0 : 4 * d * d) + rotated + 2;
}

/**
 * covariances = argmax of -sum_k weight_k (ln |C_k| + tr(C_k^-1 S_k)) over the covariances C_k of the model, S_k = unconstrained.
 * Those without closed form start from what `covariances` holds and end when a round gains less than 2e-14.
 *
 * model: see above; weights (K) >= 0, not all 0 (a component of weight 0 has no say in what is common); unconstrained and
 * covariances: in the model's form, K of 1 (EII, VII), D (EEI to VVI), D x D (others; EEE: one D x D). No alias. A covariance
 * that would be singular is written so that gmm_prepare finds it singular, never NaN. Returns 0, or minus the position
 * of a bad argument. O(K D^3) per round, EEI to VVI O(K D). Source: Celeux and Govaert 1995, section 4; EVE and VVE by the
 * plane rotations of Flury and Gautschi 1986 in place of their step for orientations, see docs/ALGORITHM.md.
 */
export function constrain(
  model: i32,
  d: i32,
  k: i32,
  weightsPtr: usize,
  unconstrainedPtr: usize,
  covariancesPtr: usize,
  workspacePtr: usize,
): i32 {
  if (model < EII || model > VVV) return -1;
  if (d < 1) return -2;
  if (k < 1) return -3;
  // One feature has volume alone.
  if (d == 1 && model != EEE) model &= 1;
  const size = componentSize(model, d);
  const bytes = (<usize>size) << 3;
  const volumesPtr = workspacePtr;
  const sharesPtr = volumesPtr + ((<usize>k) << 3);
  const valuesPtr = sharesPtr + ((<usize>k) << 3);
  const shapePtr = valuesPtr + ((<usize>(k * d)) << 3);
  const matrixPtr = (shapePtr + ((<usize>(2 * d)) << 3) + 15) & ~15;
  if (model == VII || model == VVI || model == EEE || model == VVV) {
    memory.copy(covariancesPtr, unconstrainedPtr, model == EEE ? bytes : <usize>k * bytes);
    return 0;
  }
  let total: f64 = 0;
  for (let i = 0; i < k; i++) total += load<f64>(weightsPtr + ((<usize>i) << 3));
  for (let i = 0; i < k; i++) {
    const at = (<usize>i) << 3;
    store<f64>(sharesPtr + at, load<f64>(weightsPtr + at) / total);
  }
  switch (model) {
    case EII:
    case EEI:
      pool(sharesPtr, unconstrainedPtr, covariancesPtr, size, k);
      for (let i = 1; i < k; i++) memory.copy(covariancesPtr + <usize>i * bytes, covariancesPtr, bytes);
      break;
    case VEI:
      for (let i = 0; i < k; i++) {
        const at = <usize>i * bytes;
        let volume = geometricMean(covariancesPtr + at, d);
        if (!(volume > SMALLEST)) volume = arithmeticMean(unconstrainedPtr + at, d);
        store<f64>(volumesPtr + ((<usize>i) << 3), volume);
      }
      equalShape(sharesPtr, unconstrainedPtr, volumesPtr, shapePtr, d, k);
      for (let i = 0; i < k; i++) {
        scale(shapePtr, load<f64>(volumesPtr + ((<usize>i) << 3)), covariancesPtr + <usize>i * bytes, d);
      }
      break;
    case EVI:
    case EVV:
      for (let i = 0; i < k; i++) {
        const source = unconstrainedPtr + <usize>i * bytes;
        const volume = model == EVI ? geometricMean(source, d) : volumeOf(source, matrixPtr, d);
        store<f64>(volumesPtr + ((<usize>i) << 3), volume);
      }
      equalVolume(sharesPtr, unconstrainedPtr, volumesPtr, covariancesPtr, size, k);
      break;
    case VEE:
      equalMatrix(sharesPtr, unconstrainedPtr, volumesPtr, covariancesPtr, matrixPtr, d, k);
      break;
    case EEV:
    case VEV:
      if (model == VEV) startVolumes(unconstrainedPtr, covariancesPtr, volumesPtr, matrixPtr, d, k);
      for (let i = 0; i < k; i++) {
        const values = valuesPtr + ((<usize>(i * d)) << 3);
        memory.copy(matrixPtr, unconstrainedPtr + <usize>i * bytes, bytes);
        eigen(matrixPtr, values, covariancesPtr + <usize>i * bytes, d);
        // Rounding may leave an eigenvalue of 0 below it.
        for (let j = 0; j < d; j++) {
          const at = values + ((<usize>j) << 3);
          store<f64>(at, max<f64>(0, load<f64>(at)));
        }
      }
      if (model == VEV) equalShape(sharesPtr, valuesPtr, volumesPtr, shapePtr, d, k);
      else {
        pool(sharesPtr, valuesPtr, shapePtr, d, k);
        for (let i = 0; i < k; i++) store<f64>(volumesPtr + ((<usize>i) << 3), 1);
      }
      for (let i = 0; i < k; i++) {
        const target = covariancesPtr + <usize>i * bytes;
        compose(shapePtr, target, load<f64>(volumesPtr + ((<usize>i) << 3)), matrixPtr, d);
        memory.copy(target, matrixPtr, bytes);
      }
      break;
    default:
      equalAxes(model, sharesPtr, unconstrainedPtr, volumesPtr, valuesPtr, covariancesPtr, matrixPtr, d, k);
  }
  return 0;
}

/** target = sum_k share_k source_k, `size` doubles each. */
function pool(sharesPtr: usize, sourcePtr: usize, targetPtr: usize, size: i32, k: i32): void {
  const bytes = (<usize>size) << 3;
  memory.fill(targetPtr, 0, bytes);
  for (let component = 0; component < k; component++) {
    addScaled(sourcePtr, load<f64>(sharesPtr + ((<usize>component) << 3)), targetPtr, bytes);
    sourcePtr += bytes;
  }
}

/** target = factor source. */
function scale(sourcePtr: usize, factor: f64, targetPtr: usize, size: i32): void {
  for (let at: usize = 0, end = (<usize>size) << 3; at < end; at += 8) {
    store<f64>(targetPtr + at, factor * load<f64>(sourcePtr + at));
  }
}

function arithmeticMean(valuesPtr: usize, d: i32): f64 {
  let sum: f64 = 0;
  for (let j = 0; j < d; j++) sum += load<f64>(valuesPtr + ((<usize>j) << 3));
  return sum / <f64>d;
}

/** (product of d values)^(1 / d); 0 if one is not positive. */
function geometricMean(valuesPtr: usize, d: i32): f64 {
  let sum: f64 = 0;
  for (let j = 0; j < d; j++) sum += log(max<f64>(0, load<f64>(valuesPtr + ((<usize>j) << 3))));
  return exp(sum / <f64>d);
}

/** |C|^(1 / d) of a D x D matrix; 0 if it is singular. scratchPtr: D x D, the Cholesky factor afterwards. */
function volumeOf(matrixPtr: usize, scratchPtr: usize, d: i32): f64 {
  return cholesky(matrixPtr, scratchPtr, 0, d) ? 0 : factorVolume(scratchPtr, d);
}

/** |L L^T|^(1 / d). */
function factorVolume(factorPtr: usize, d: i32): f64 {
  let sum: f64 = 0;
  for (let j = 0; j < d; j++) sum += log(load<f64>(factorPtr + ((<usize>(j * d + j)) << 3)));
  return exp((2 * sum) / <f64>d);
}

/** Volumes of the covariances so far, to start from; of singular ones the mean variance of what comes in. */
function startVolumes(
  unconstrainedPtr: usize,
  covariancesPtr: usize,
  volumesPtr: usize,
  scratchPtr: usize,
  d: i32,
  k: i32,
): void {
  const bytes = (<usize>(d * d)) << 3;
  for (let component = 0; component < k; component++) {
    const at = <usize>component * bytes;
    let volume = volumeOf(covariancesPtr + at, scratchPtr, d);
    if (!(volume > SMALLEST)) {
      volume = 0;
      for (let j = 0; j < d; j++) {
        volume += load<f64>(unconstrainedPtr + at + ((<usize>(j * d + j)) << 3)) / <f64>d;
      }
    }
    store<f64>(volumesPtr + ((<usize>component) << 3), volume);
  }
}

/** Equal volumes: covariance_k = lambda S_k / volume_k, lambda = sum_k share_k volume_k; a singular S_k stays as it is. */
function equalVolume(
  sharesPtr: usize,
  unconstrainedPtr: usize,
  volumesPtr: usize,
  covariancesPtr: usize,
  size: i32,
  k: i32,
): void {
  let volume: f64 = 0;
  for (let component = 0; component < k; component++) {
    const at = (<usize>component) << 3;
    volume += load<f64>(sharesPtr + at) * load<f64>(volumesPtr + at);
  }
  for (let component = 0; component < k; component++) {
    const own = load<f64>(volumesPtr + ((<usize>component) << 3));
    const at = (<usize>(component * size)) << 3;
    scale(unconstrainedPtr + at, own > SMALLEST ? volume / own : 1, covariancesPtr + at, size);
  }
}

/** The share of a component in a common shape: share / volume, 0 for one without volume. */
function shareByVolume(sharesPtr: usize, volumesPtr: usize, component: i32): f64 {
  const at = (<usize>component) << 3;
  const volume = load<f64>(volumesPtr + at);
  return volume > SMALLEST ? load<f64>(sharesPtr + at) / volume : 0;
}

/** sum_k share_k ln volume_k over the components that have volume: what the rounds below lower. */
function meanLogVolume(sharesPtr: usize, volumesPtr: usize, k: i32): f64 {
  let sum: f64 = 0;
  for (let component = 0; component < k; component++) {
    const at = (<usize>component) << 3;
    const volume = load<f64>(volumesPtr + at);
    if (volume > SMALLEST) sum += load<f64>(sharesPtr + at) * log(volume);
  }
  return sum;
}

/**
 * Equal shape of diagonals: variances_k ~ volume_k shape with (product of shape) = 1, from values (K, D). Alternately
 * shape ~ sum_k share_k values_k / volume_k and volume_k = mean_j values_kj / shape_j: convex in the logarithms, so the
 * maximum is the only one. volumes: start and result. Where the shape is singular, volumes become 1 and it stays unscaled.
 */
function equalShape(
  sharesPtr: usize,
  valuesPtr: usize,
  volumesPtr: usize,
  shapePtr: usize,
  d: i32,
  k: i32,
): void {
  const bytes = (<usize>d) << 3;
  let previous = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    memory.fill(shapePtr, 0, bytes);
    for (let component = 0; component < k; component++) {
      const share = shareByVolume(sharesPtr, volumesPtr, component);
      addScaled(valuesPtr + <usize>component * bytes, share, shapePtr, bytes);
    }
    const common = geometricMean(shapePtr, d);
    if (!(common > SMALLEST)) {
      pool(sharesPtr, valuesPtr, shapePtr, d, k);
      for (let component = 0; component < k; component++) {
        store<f64>(volumesPtr + ((<usize>component) << 3), 1);
      }
      return;
    }
    scale(shapePtr, 1 / common, shapePtr, d);
    for (let component = 0; component < k; component++) {
      let sum: f64 = 0;
      for (let at: usize = 0; at < bytes; at += 8) {
        sum += load<f64>(valuesPtr + <usize>component * bytes + at) / load<f64>(shapePtr + at);
      }
      store<f64>(volumesPtr + ((<usize>component) << 3), sum / <f64>d);
    }
    const current = meanLogVolume(sharesPtr, volumesPtr, k);
    if (!(current < previous - LEAST_GAIN)) return;
    previous = current;
  }
}

/** VEE: as equalShape, with a matrix of determinant 1 in place of the shape. Writes the covariances. */
function equalMatrix(
  sharesPtr: usize,
  unconstrainedPtr: usize,
  volumesPtr: usize,
  covariancesPtr: usize,
  matrixPtr: usize,
  d: i32,
  k: i32,
): void {
  const bytes = (<usize>(d * d)) << 3;
  const inversePtr = matrixPtr + bytes;
  const scratchPtr = inversePtr + bytes;
  startVolumes(unconstrainedPtr, covariancesPtr, volumesPtr, scratchPtr, d, k);
  let previous = Infinity;
  let common: f64 = 1;
  for (let round = 0; round < ROUNDS; round++) {
    memory.fill(matrixPtr, 0, bytes);
    for (let component = 0; component < k; component++) {
      const share = shareByVolume(sharesPtr, volumesPtr, component);
      addScaled(unconstrainedPtr + <usize>component * bytes, share, matrixPtr, bytes);
    }
    if (invertSymmetric(matrixPtr, inversePtr, d, scratchPtr)) {
      pool(sharesPtr, unconstrainedPtr, matrixPtr, d * d, k);
      for (let component = 0; component < k; component++) {
        memory.copy(covariancesPtr + <usize>component * bytes, matrixPtr, bytes);
      }
      return;
    }
    common = factorVolume(scratchPtr, d);
    for (let component = 0; component < k; component++) {
      // tr(M^-1 S_k): both are symmetric, so the sum over all elements of their product.
      const source = unconstrainedPtr + <usize>component * bytes;
      let sum: f64 = 0;
      for (let at: usize = 0; at < bytes; at += 8) {
        sum += load<f64>(inversePtr + at) * load<f64>(source + at);
      }
      store<f64>(volumesPtr + ((<usize>component) << 3), (sum * common) / <f64>d);
    }
    const current = meanLogVolume(sharesPtr, volumesPtr, k);
    if (!(current < previous - LEAST_GAIN)) break;
    previous = current;
  }
  for (let component = 0; component < k; component++) {
    const volume = load<f64>(volumesPtr + ((<usize>component) << 3));
    scale(matrixPtr, volume / common, covariancesPtr + <usize>component * bytes, d * d);
  }
}
