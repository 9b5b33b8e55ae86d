// `fit --group-by`: one model per group of rows, one line of JSON each.
// Must not fit anything itself, nor hold more lines than wait for their turn.
import { type FitOptions, GaussianMixture } from 'gaussmix';
import type { FitCommand } from './arguments.ts';
import { fitOptions, INTERRUPTED, named, readFitInput } from './commands.ts';
import { plural } from './failure.ts';
import { type BatchResult, GroupPool } from './group-worker.ts';
import { checkOutput, withOutput, writeStandardOutput } from './output.ts';
import { ProgressLine } from './progress.ts';
import { type BatchLimits, RowGroups } from './row-groups.ts';
import { describeGroups, type GroupCounts } from './summary.ts';
import type { Groups } from './table.ts';

/** Failed groups that are named on standard error; the others are counted. */
const MOST_NAMED = 10;

/** Batches each thread gets at least, where there are as many groups: so the threads end at about the same time. */
const SHARES = 16;
/** Largest batches. Larger ones would not be faster, only take memory and answer Ctrl-C later. */
const MOST_GROUPS = 256;
const MOST_CELLS = 1 << 16;
/** Numbers in the lines of a batch, about. */
const MOST_NUMBERS = 1 << 16;

/**
 * Fits a mixture to each group and writes the models in the order in which the groups first appear. A group that cannot
 * be fitted has its error in the place of its model.
 * @param script the entry file, see {@link GroupPool}
 * @param onInterrupt replaces what Ctrl-C does, once; a second Ctrl-C ends the process
 * @returns the exit code: 1 if any group could not be fitted
 */
export async function runFitGroups(
  command: FitCommand,
  script: URL,
  onInterrupt: (handler: () => void) => void,
): Promise<number> {
  const progress = new ProgressLine(command);
  await checkOutput(command, { DATA: command.data });
  const { table, start, startFile } = await readFitInput(command, progress);
  const { names: featureNames, labels } = table;
  const groups = new RowGroups(table, table.groups as Groups);
  const options = fitOptions(command, start);
  if (startFile !== undefined) {
    await named(command.data, table.labels, { start: startFile }, async () =>
      checkStart(options, table.columns),
    );
  }
  const describe = progress.everyIteration;
  const pool = new GroupPool(
    script,
    { options, featureNames, labels, describe, mostFailures: MOST_NAMED },
    groups.batches(batchLimits(command, groups.count, table.rows, table.columns)),
    command.threads,
  );
  let interrupted = false;
  onInterrupt(() => {
    interrupted = true;
    pool.stop();
    progress.aside('Stopping; Ctrl-C again quits at once.');
  });
  const report = new Report(groups.count, progress);
  await withOutput(command.output, async (write) => {
    for await (const result of pool.results()) {
      await write(result.text);
      report.add(result);
      // Should the reader of standard output go, the process ends with this.
      if (result.failed > 0) process.exitCode = 1;
    }
  });
  progress.clear();
  const counts = report.counts(interrupted);
  report.end();
  const exitCode = interrupted ? INTERRUPTED : counts.failed > 0 ? 1 : 0;
  process.exitCode = exitCode;
  if (command.output !== undefined) {
    await writeStandardOutput(
      command.json ? `${JSON.stringify(counts)}\n` : describeGroups(command, command.output, counts),
    );
  }
  return exitCode;
}

/** Lets the library refuse a start that no group can use: a fit of no iterations, to rows that have any spread. */
function checkStart(options: FitOptions, columns: number): void {
  const rows = Math.max(options.nComponents ?? 1, 2 * columns);
  const data = new Float64Array(rows * columns);
  for (let column = 0; column < columns; column++) data[column * columns + column] = 1;
  const shape = [rows, columns];
  GaussianMixture.fit({ data, shape }, { ...options, maxIterations: 0, prior: undefined, regularization: 1 });
}

function batchLimits(command: FitCommand, groups: number, rows: number, columns: number): BatchLimits {
  const shares = command.threads * SHARES;
  // Of a model, not counting its history.
  const numbers = command.components * (columns + 1) * (columns + 1);
  return {
    groups: Math.min(MOST_GROUPS, Math.ceil(groups / shares), Math.ceil(MOST_NUMBERS / numbers)),
    cells: Math.min(MOST_CELLS, Math.ceil((rows * columns) / shares)),
  };
}

/** Counts results, and says on standard error what went wrong and how far the work is. */
class Report {
  readonly #groups: number;
  readonly #progress: ProgressLine;
  #fitted = 0;
  #notConverged = 0;
  #failed = 0;
  #named = 0;

  constructor(groups: number, progress: ProgressLine) {
    this.#groups = groups;
    this.#progress = progress;
  }

  add({ fitted, notConverged, failed, failures, descriptions }: BatchResult): void {
    this.#fitted += fitted;
    this.#notConverged += notConverged;
    this.#failed += failed;
    for (const text of descriptions) this.#progress.item(text);
    for (const text of failures.slice(0, MOST_NAMED - this.#named)) {
      this.#progress.error(text);
      this.#named++;
    }
    this.#progress.groups(this.#fitted + this.#failed, this.#groups, this.#failed);
  }

  end(): void {
    const others = this.#failed - this.#named;
    if (others > 0) {
      this.#progress.error(
        `${plural(others, 'more group')} could not be fitted: ${this.#failed} of ${this.#groups} in all`,
      );
    }
  }

  counts(interrupted: boolean): GroupCounts {
    return {
      groups: this.#groups,
      fitted: this.#fitted,
      notConverged: this.#notConverged,
      failed: this.#failed,
      interrupted,
    };
  }
}
