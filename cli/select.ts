// `select`: a mixture for each cell of a grid, the table of their criteria, and the best.
// Must not fit: the library does, in a thread.
import type { SelectCommand } from './arguments.ts';
import { commonOptions, INTERRUPTED, named, readFitInput } from './commands.ts';
import { withNames } from './model-file.ts';
import { checkOutput, withOutput, writeStandardOutput } from './output.ts';
import { ProgressLine } from './progress.ts';
import { describeCell, describeSelection } from './select-summary.ts';
import { type SelectResult, type SelectStep, startSelect } from './select-worker.ts';
import type { Table } from './table.ts';
import { commandLineWords } from './wording.ts';

/**
 * Fits every cell, saves the best model, and prints the table.
 * @param script the entry file, which runs the thread
 * @param onInterrupt replaces what Ctrl-C does, once; a second Ctrl-C ends the process
 * @returns the exit code
 */
export async function runSelect(
  command: SelectCommand,
  script: URL,
  onInterrupt: (handler: () => void) => void,
): Promise<number> {
  const progress = new ProgressLine(command);
  await checkOutput(command, { DATA: command.data });
  const { table, start, startFile } = await readFitInput(command, progress);
  const { data, rows, columns, weights, names, labels } = table;
  const { components: nComponents, covariances: covarianceTypes, criterion } = command;
  const options = { ...commonOptions(command, start), nComponents, covarianceTypes, criterion };
  const running = startSelect(script, { data, rows, columns, weights, options }, (step) =>
    show(command, step, progress),
  );
  let interrupted = false;
  onInterrupt(() => {
    interrupted = true;
    running.stop();
    progress.aside('Stopping after this iteration; Ctrl-C again quits at once.');
  });
  const found = await named(command.data, table, startFile, () => running.result);
  progress.clear();
  const result = { ...found, model: withNames(found.model, names), table: worded(found, labels) };
  await report(command, table, result);
  return interrupted ? INTERRUPTED : 0;
}

/** The reasons of failed cells in the words of the command line. */
function worded({ table }: SelectResult, labels: readonly string[]): SelectResult['table'] {
  return table.map((row) => {
    if (!row.error) return row;
    const { code, message } = row.error;
    return { ...row, error: { code, message: commandLineWords(message, labels) } };
  });
}

function show(command: SelectCommand, step: SelectStep, progress: ProgressLine): void {
  const { done, total, cell, best, iteration } = step;
  if (cell) progress.item(`cell ${done} of ${total}: ${describeCell(command, cell)}`);
  const now = iteration === undefined ? '' : `; iteration ${iteration} of the next`;
  const soFar = best ? `; best so far: ${describeCell(command, best)}` : '';
  progress.cells(`${done} of ${total} cells done${soFar}${now}`);
}

/** The file first: it must not be lost when the reader of standard output has gone. */
async function report(command: SelectCommand, table: Table, result: SelectResult): Promise<void> {
  const { model, best, table: rows, stopped } = result;
  if (command.output !== undefined) {
    await withOutput(command.output, (write) => write(`${JSON.stringify(model)}\n`));
  }
  const { bic, aic, icl } = best;
  const selection = { criterion: command.criterion, stopped, table: rows };
  await writeStandardOutput(
    command.json
      ? `${JSON.stringify({ ...model, criteria: { bic, aic, icl }, selection })}\n`
      : describeSelection(command, table, result),
  );
}
