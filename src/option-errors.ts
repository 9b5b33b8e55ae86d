// What is said of options that are wrong: names that there are not, with what was probably meant, and values.
// Must not know what a value means: options.ts does.
import { GaussmixRangeError, GaussmixTypeError } from './errors.ts';
import { describeValue } from './value-rules.ts';

/**
 * Checks that an object of options has no name but the allowed ones.
 *
 * @param object the options
 * @param names those allowed
 * @param what the options belong to, for the message: 'fit'
 * @throws GaussmixTypeError UNKNOWN_OPTION with the allowed names and, where one is near, a suggestion
 */
export function checkKnownNames(object: object, names: readonly string[], what: string): void {
  for (const name of Object.keys(object)) {
    if (names.includes(name)) continue;
    const suggestion = suggest(name, names);
    throw new GaussmixTypeError(
      'UNKNOWN_OPTION',
      `unknown ${what} option ${JSON.stringify(name)}${suggestion === undefined ? '.' : `; did you mean ${suggestion}?`} ` +
        `Allowed: ${names.join(', ')}`,
    );
  }
}

/** The error for a value that is not allowed: a TypeError unless the value is of the kind (typeof) wanted. */
export function invalid(
  name: string,
  value: unknown,
  kind: string,
  allowed: string,
): GaussmixRangeError | GaussmixTypeError {
  const Failure = typeof value === kind ? GaussmixRangeError : GaussmixTypeError;
  const given = typeof value === 'string' ? `'${value.slice(0, 40)}'` : describeValue(value);
  return new Failure('INVALID_OPTION', `${name} is ${given}, but must be ${allowed}`);
}

/** What other libraries call the options, in lower case and without underscores. */
const SYNONYMS: Readonly<Record<string, string | undefined>> = {
  k: 'nComponents',
  nclusters: 'nComponents',
  components: 'nComponents',
  clusters: 'nComponents',
  covariance: 'covarianceType',
  initparams: 'initialization',
  initialisation: 'initialization',
  restarts: 'nInit',
  nstart: 'nInit',
  iterations: 'maxIterations',
  maxiter: 'maxIterations',
  tol: 'tolerance',
  epsilon: 'tolerance',
  regcovar: 'regularization',
  regularisation: 'regularization',
  priorcontrol: 'prior',
  kappa: 'shrinkage',
  dof: 'degreesOfFreedom',
  randomstate: 'seed',
  randomseed: 'seed',
  weights: 'sampleWeight',
  callback: 'onIteration',
  onprogress: 'onIteration',
};

/** The allowed name that was probably meant: a synonym, or at most a third of its letters away. */
function suggest(name: string, allowed: readonly string[]): string | undefined {
  const plain = plainName(name);
  const same = allowed.find((candidate) => plainName(candidate) === plain);
  if (same !== undefined) return same;
  const synonym = SYNONYMS[plain];
  if (synonym !== undefined && allowed.includes(synonym)) return synonym;
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of allowed) {
    const other = plainName(candidate);
    // Longer names than any option's are no misspelling; this also bounds the work.
    const longest = Math.max(plain.length, other.length);
    if (longest > 2 * other.length) continue;
    const distance = editDistance(plain, other);
    if (distance <= longest / 3 && distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

function plainName(name: string): string {
  return name.replace(/[_-]/g, '').toLowerCase();
}

/** Insertions, deletions and substitutions that turn `a` into `b` (Levenshtein 1966), in O(|a| |b|). */
function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = above[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(substituted, above[j] + 1, row[j - 1] + 1));
    }
    above = row;
  }
  return above[b.length];
}
