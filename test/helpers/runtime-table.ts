// The README's table of runtimes, made from what the tests found. Must not know how they found it.

/** One way to run the package, and the hashes of the models it printed. */
export interface RuntimeRow {
  readonly runtime: string;
  readonly version: string;
  /** The version is the machine's own, not pinned by the repository. */
  readonly unpinned?: true;
  readonly loaded: string;
  readonly fit: string;
  readonly fitAsync: string;
  readonly workers: 2 | 0;
}

const START = '<!-- runtimes: made by UPDATE_README=1 npm test -- test/runtimes.test.ts -->';
const END = '<!-- /runtimes -->';
/** Enough of a SHA-256 to tell two models apart by eye. */
const HASH_DIGITS = 12;

/** The table, a line each for head, rule and rows. A mark stands where the hash is that of the first row's `fit`. */
export function tableLines(rows: readonly RuntimeRow[]): string[] {
  const mark = (hash: string): string => (hash === rows[0].fit ? '✓' : '✗');
  const cells = [
    ['runtime', 'loaded by', '`fit`', '`fitAsync`', 'model (SHA-256)'],
    ...rows.map(({ runtime, version, loaded, fit, fitAsync, workers }) => [
      `${runtime} ${version}`,
      loaded,
      mark(fit),
      `${mark(fitAsync)} ${workers === 0 ? 'no workers there' : `${workers} workers`}`,
      `\`${fit.slice(0, HASH_DIGITS)}\``,
    ]),
  ];
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  const rule = line(widths.map((width) => '-'.repeat(width)));
  return [line(cells[0]), rule, ...cells.slice(1).map(line)];
}

/** Lines of the README's table as they stand. */
export function tableIn(readme: string): string[] {
  const start = readme.indexOf(START);
  const end = readme.indexOf(END);
  if (start < 0 || end < start) throw new Error(`the README has no "${START}" … "${END}"`);
  return readme
    .slice(start + START.length, end)
    .trim()
    .split('\n');
}

/** The README with these rows. */
export function withTable(readme: string, rows: readonly RuntimeRow[]): string {
  const before = readme.slice(0, readme.indexOf(START) + START.length);
  return `${before}\n\n${tableLines(rows).join('\n')}\n\n${readme.slice(readme.indexOf(END))}`;
}

/** Rows as compared: cells without padding, versions that the repository does not pin left out. */
export function comparable(lines: readonly string[], rows: readonly RuntimeRow[]): string[][] {
  const unpinned = rows.filter((row) => row.unpinned).map((row) => row.runtime);
  return lines.slice(2).map((line) => {
    const [runtime, ...others] = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    const name = unpinned.find((start) => runtime.startsWith(`${start} `));
    return [name ?? runtime, ...others];
  });
}
