// Orientation that all components share (EVE, VVE): the axes in which several symmetric matrices are as diagonal as can be.
// Must not know of the other covariance models but for what all iterative ones go by: when rounds end, what no variance is.
import { addScaled, compose, eigen, identity, inAxes, rotate } from './eigen';
import { EVE, VVE } from './layout';
import { exp, log } from './math';

/** Most rounds of an estimate that has no closed form; each round raises the likelihood, so that any number will do. */
export const ROUNDS: i32 = 200;
/** Rounds end when one gains less than this, in nats per row and feature: 100 times the rounding of a sum near 1. */
export const LEAST_GAIN: f64 = 2e-14;
/** Rounds of EVE and VVE times K D^3, which one costs: the next M-step goes on from where this one ends. */
const AXES_WORK: i32 = 300000;
/** Less is no variance: its reciprocal could not be multiplied. */
export const SMALLEST: f64 = 1e-290;

/**
 * The variances along the axes, values (K, D), of K matrices given in them; volumes (K) = their geometric means. Returns what
 * EVE (ln sum_k share_k volume_k) or VVE (sum_k share_k ln volume_k) lower.
 */
function axesObjective(
  model: i32,
  sharesPtr: usize,
  rotatedPtr: usize,
  volumesPtr: usize,
  valuesPtr: usize,
  d: i32,
  k: i32,
): f64 {
  let sum: f64 = 0;
  for (let component = 0; component < k; component++) {
    let logs: f64 = 0;
    for (let j = 0; j < d; j++) {
      const value = load<f64>(rotatedPtr + ((<usize>((component * d + j) * d + j)) << 3));
      store<f64>(valuesPtr + ((<usize>(component * d + j)) << 3), value);
      logs += log(max<f64>(SMALLEST, value));
    }
    const at = (<usize>component) << 3;
    const volume = exp(logs / <f64>d);
    store<f64>(volumesPtr + at, volume);
    sum += load<f64>(sharesPtr + at) * (model == EVE ? volume : logs / <f64>d);
  }
  return model == EVE ? log(sum) : sum;
}

/**
 * EVE and VVE: common axes. Rounds over all planes of two axes, each turned to lower what axesObjective returns, start from
 * the best of: the axes of the covariances so far, those of the data, those of the pooled covariance.
 */
export function equalAxes(
  model: i32,
  sharesPtr: usize,
  unconstrainedPtr: usize,
  volumesPtr: usize,
  valuesPtr: usize,
  covariancesPtr: usize,
  matrixPtr: usize,
  d: i32,
  k: i32,
): void {
  const rowBytes = (<usize>d) << 3;
  const bytes = <usize>d * rowBytes;
  const axesPtr = matrixPtr + bytes;
  const trialPtr = axesPtr + bytes;
  const scratchPtr = trialPtr + bytes;
  const rotatedPtr = scratchPtr + bytes;
  const planesPtr = rotatedPtr + <usize>k * bytes;
  let previous = Infinity;
  for (let candidate = 0; candidate < 4; candidate++) {
    // The last turn goes back to the best.
    if (candidate == 3) memory.copy(trialPtr, axesPtr, bytes);
    else if (candidate == 1) identity(trialPtr, d);
    else {
      memory.fill(matrixPtr, 0, bytes);
      for (let component = 0; component < k; component++) {
        const at = <usize>component * bytes;
        if (candidate == 2) {
          addScaled(
            unconstrainedPtr + at,
            load<f64>(sharesPtr + ((<usize>component) << 3)),
            matrixPtr,
            bytes,
          );
        } else {
          // Different factors: a sum with equal ones may be round though no term is.
          let trace: f64 = 0;
          for (let j = 0; j < d; j++) trace += load<f64>(covariancesPtr + at + ((<usize>(j * d + j)) << 3));
          if (trace > SMALLEST)
            addScaled(covariancesPtr + at, 1 / (<f64>(component + 1) * trace), matrixPtr, bytes);
        }
      }
      eigen(matrixPtr, scratchPtr, trialPtr, d);
    }
    for (let component = 0; component < k; component++) {
      const at = <usize>component * bytes;
      inAxes(unconstrainedPtr + at, trialPtr, rotatedPtr + at, scratchPtr, d);
    }
    const current = axesObjective(model, sharesPtr, rotatedPtr, volumesPtr, valuesPtr, d, k);
    if (!(current < previous - LEAST_GAIN)) continue;
    previous = current;
    memory.copy(axesPtr, trialPtr, bytes);
  }
  const rounds = max(3, min(ROUNDS, AXES_WORK / (k * d * d * d)));
  for (let round = 0; round < rounds; round++) {
    for (let p = 0; p < d - 1; p++) {
      for (let q = p + 1; q < d; q++)
        rotatePlane(model, sharesPtr, volumesPtr, rotatedPtr, axesPtr, planesPtr, p, q, d, k);
    }
    const current = axesObjective(model, sharesPtr, rotatedPtr, volumesPtr, valuesPtr, d, k);
    if (!(current < previous - LEAST_GAIN)) break;
    previous = current;
  }
  let volume: f64 = 0;
  for (let component = 0; component < k; component++) {
    const at = (<usize>component) << 3;
    volume += load<f64>(sharesPtr + at) * load<f64>(volumesPtr + at);
  }
  for (let component = 0; component < k; component++) {
    const own = load<f64>(volumesPtr + ((<usize>component) << 3));
    const factor: f64 = model == EVE && own > SMALLEST ? volume / own : 1;
    const values = valuesPtr + <usize>component * rowBytes;
    compose(values, axesPtr, factor, covariancesPtr + <usize>component * bytes, d);
  }
}

/** The variances along axes p and q of one component, as positive numbers, and the covariance between them. */
function planeOf(matrixPtr: usize, p: i32, q: i32, d: i32, planePtr: usize): void {
  const ppPtr = matrixPtr + ((<usize>(p * d + p)) << 3);
  store<f64>(planePtr, max<f64>(SMALLEST, load<f64>(ppPtr)));
  store<f64>(planePtr, load<f64>(ppPtr + ((<usize>(q - p)) << 3)), 8);
  store<f64>(planePtr, max<f64>(SMALLEST, load<f64>(matrixPtr + ((<usize>(q * d + q)) << 3))), 16);
}

/** ln of what a rotation of tangent t multiplies the product of the two variances of a plane by. */
function logChange(planePtr: usize, t: f64): f64 {
  const pp = load<f64>(planePtr);
  const pq = load<f64>(planePtr, 8);
  const qq = load<f64>(planePtr, 16);
  const weight = 1 / (1 + t * t);
  const first = (weight * (pp + t * (2 * pq + t * qq))) / pp;
  const second = (weight * (qq + t * (t * pp - 2 * pq))) / qq;
  return log(max<f64>(SMALLEST, max<f64>(0, first) * max<f64>(0, second)));
}

/**
 * One plane of a round of equalAxes. Two steps: the closed form for the variances as they are, which never raises the
 * objective but falls short where matrices have few axes in common, and Newton's; the better one is taken.
 */
function rotatePlane(
  model: i32,
  sharesPtr: usize,
  volumesPtr: usize,
  rotatedPtr: usize,
  axesPtr: usize,
  planesPtr: usize,
  p: i32,
  q: i32,
  d: i32,
  k: i32,
): void {
  const matrixBytes = (<usize>(d * d)) << 3;
  let total: f64 = 0;
  let cross: f64 = 0;
  let crossSquares: f64 = 0;
  let spread: f64 = 0;
  let bend: f64 = 0;
  for (let component = 0; component < k; component++) {
    const plane = planesPtr + <usize>component * 24;
    planeOf(rotatedPtr + <usize>component * matrixBytes, p, q, d, plane);
    const pp = load<f64>(plane);
    const qq = load<f64>(plane, 16);
    const byP = load<f64>(plane, 8) / pp;
    const byQ = load<f64>(plane, 8) / qq;
    const at = (<usize>component) << 3;
    const factor = load<f64>(sharesPtr + at) * (model == EVE ? load<f64>(volumesPtr + at) : 1);
    total += factor;
    cross += factor * (byP - byQ);
    crossSquares += factor * (byP - byQ) * (byP - byQ);
    spread += factor * ((qq - pp) / pp) * ((qq - pp) / qq);
    bend += factor * (byP * byP + byQ * byQ);
  }
  cross /= total;
  spread /= total;
  // Twice the angle points along (spread / 2, -cross).
  const length = sqrt(0.25 * spread * spread + cross * cross);
  if (!(length > 0 && length < Infinity)) return;
  let tangent = -cross / (length + 0.5 * spread);
  let curvature = spread - (2 * bend) / total;
  if (model == EVE) curvature += (2 * (crossSquares / total - cross * cross)) / <f64>d;
  const newton = -cross / curvature;
  if (curvature > 0 && abs(newton) < 1) {
    let difference: f64 = 0;
    for (let component = 0; component < k; component++) {
      const plane = planesPtr + <usize>component * 24;
      const at = (<usize>component) << 3;
      const ours = logChange(plane, newton);
      const theirs = logChange(plane, tangent);
      const share = load<f64>(sharesPtr + at);
      if (model == VVE) difference += share * (ours - theirs);
      else {
        const change = exp(ours / <f64>d) - exp(theirs / <f64>d);
        difference += share * load<f64>(volumesPtr + at) * change;
      }
    }
    if (difference < 0) tangent = newton;
  }
  if (!(abs(tangent) > 1e-17)) return;
  const cosine = 1 / sqrt(1 + tangent * tangent);
  for (let component = 0; component < k; component++) {
    const matrix = rotatedPtr + <usize>component * matrixBytes;
    rotate(matrix, component == 0 ? axesPtr : 0, p, q, cosine, tangent * cosine, d);
    if (model == VVE) continue;
    const at = volumesPtr + ((<usize>component) << 3);
    store<f64>(at, load<f64>(at) * exp(logChange(planesPtr + <usize>component * 24, tangent) / <f64>d));
  }
}
