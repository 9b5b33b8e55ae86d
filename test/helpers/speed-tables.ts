// The tables of speed in README.md and docs/speed.md, made from bench/results.json.
// Must not round a ratio of rounded times: it is that of the times measured.

interface Row {
  readonly shape: {
    readonly form: string;
    readonly n: number;
    readonly d: number;
    readonly k: number;
    readonly apart?: number;
    readonly missing?: number;
  };
  readonly contender: string;
  readonly medianMs: number;
  readonly ratio: number;
}

export interface Results {
  readonly cpu: string;
  readonly engine: string;
  readonly rivals: readonly string[];
  readonly rows: readonly Row[];
}

/** A table of Markdown, its columns padded. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`;
  const [head, ...body] = rows;
  return [head, widths.map((width) => '-'.repeat(width)), ...body].map(line).join('\n');
}

function milliseconds(value: number, digits: number): string {
  return `${value.toFixed(digits)} ms`;
}

function times(ratio: number): string {
  return `${ratio.toFixed(ratio < 25 ? 1 : 0)}×`;
}

function size({ n, d, k }: Row['shape']): string {
  return `${n.toLocaleString('en')}, ${d}, ${k}`;
}

function rival({ medianMs, ratio }: Row): string {
  return `${milliseconds(medianMs, 0)} (${times(ratio)})`;
}

/** Rows of one shape together, ours first; those with missing values have no table. */
function shapes(results: Results): Row[][] {
  const groups = new Map<string, Row[]>();
  for (const row of results.rows.filter(({ shape }) => !shape.missing)) {
    const key = JSON.stringify(row.shape);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()];
}

/** Each marked piece of README.md, by the name in its mark. */
export function readmeTables(results: Results): Record<string, string> {
  const everyPair = ([, other]: readonly Row[]): boolean => other?.contender === 'every pair';
  const one = (rows: readonly Row[], name: string): string => {
    const found = rows.find(({ contender }) => contender === name);
    return found ? rival(found) : '';
  };
  const speed = shapes(results)
    .filter((rows) => !everyPair(rows))
    .map((rows) => [
      rows[0].shape.form,
      size(rows[0].shape),
      milliseconds(rows[0].medianMs, 1),
      one(rows, 'pure JavaScript'),
      one(rows, 'scikit-learn'),
      rows
        .filter(({ contender }) => ['gaussian-mixture-model', 'expectation-maximization'].includes(contender))
        .map((row) => `${row.contender} ${rival(row)}`)
        .join(', '),
    ]);
  const pruning = shapes(results)
    .filter(everyPair)
    .map(([ours, other]) => [
      size(ours.shape),
      ours.shape.apart ? `${ours.shape.apart} standard deviations apart` : 'overlapping',
      milliseconds(ours.medianMs, 1),
      `${milliseconds(other.medianMs, 1)} (${other.ratio.toFixed(1)}×)`,
    ]);
  const scikit = results.rivals.find((name) => name.startsWith('scikit-learn'))?.split(',')[0];
  return {
    'speed on': `${results.engine.split(',')[0]}, ${results.cpu}${scikit ? `, ${scikit}` : ''}.`,
    'speed table': table([
      ['covariance', 'N, D, K', 'gaussmix', 'pure JavaScript', 'scikit-learn', 'other npm packages'],
      ...speed,
    ]),
    'pruning table': table([['N, D, K', 'clusters', 'gaussmix', 'every pair'], ...pruning]),
  };
}

/** The table of docs/speed.md: ms per iteration at some shapes. */
export function guideTable(results: Results): string {
  const ours = shapes(results).map(([first]) => first);
  const rows = ['full 300000 2 3', 'full 100000 10 10', 'full 25000 32 16', 'diag 100000 10 10'].map(
    (shown) => {
      const found = ours.find(({ shape: { form, n, d, k } }) => `${form} ${n} ${d} ${k}` === shown);
      if (!found) throw new Error(`bench/results.json has no ${shown}`);
      return found;
    },
  );
  return table([
    ['covariance', 'N, D, K', 'ms per iteration'],
    ...rows.map(({ shape, medianMs }) => [shape.form, size(shape), medianMs.toFixed(1)]),
  ]);
}

/** A text with the pieces between `<!-- name -->` and `<!-- end -->` replaced. */
export function withPieces(text: string, pieces: Readonly<Record<string, string>>): string {
  return Object.entries(pieces).reduce((before, [name, piece]) => {
    const place = new RegExp(`(<!-- ${name}[^>]*-->\n\n).*?(\n\n<!-- end -->)`, 's');
    if (!place.test(before)) throw new Error(`there is no place for "${name}"`);
    return before.replace(place, (_, start, end) => `${start}${piece}${end}`);
  }, text);
}
