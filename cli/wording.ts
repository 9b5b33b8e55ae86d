// What the library says, in the words of the command line: its options as flags, columns as the file has them.
// Must not change what is said: a message that is not recognised stays as it is.

const TERMS: readonly (readonly [RegExp, string])[] = [
  [/\bregularization: 'auto'/g, '--regularization auto'],
  [/`regularization`/g, '--regularization'],
  [/\bregularization: /g, '--regularization '],
  [/\bnComponents\b/g, '-k'],
  [/\bmaxIterations\b/g, '--max-iterations'],
  [/\bsampleWeight\b/g, '--weights'],
  [/\bnInit\b/g, '--n-init'],
  [/\bshortRuns\b/g, '--short-runs'],
  [/\bcovarianceType\b/g, '--covariance'],
  [/\bfirstRow\b/g, '--first-row'],
  [/ or regularization,/g, ' or --regularization,'],
];

/**
 * @param labels of the features, such as `column 3 ("waiting")`: the library counts those that are used, from 0
 */
export function commandLineWords(message: string, labels: readonly string[] = []): string {
  let text = message;
  for (const [term, flag] of TERMS) text = text.replace(term, flag);
  if (text.includes('count from 0')) return text;
  return text.replace(/\bcolumn (\d+)\b/g, (found, feature: string) => labels[Number(feature)] ?? found);
}

/**
 * The same for a fit whose data is a group of the rows of a file.
 * @param rows of the group, as the file has them, from 0
 */
export function groupWords(message: string, labels: readonly string[], rows: ArrayLike<number>): string {
  // Once both are counted as in the file, nothing counts from 0.
  const counted = message.replace(/ \((?:rows and columns|rows) count from 0\)/, '');
  return commandLineWords(counted, labels)
    .replace(/\bthe data has only\b/, 'the group has only')
    .replace(/\brows? (\d+(?:, \d+)*)/, (found, list: string) => {
      const named = list.split(', ').map((row) => rows[Number(row)]);
      if (named.includes(undefined as never)) return found;
      return `row${named.length > 1 ? 's' : ''} ${named.map((row) => row + 1).join(', ')} of the data (from 1, without a header)`;
    });
}
