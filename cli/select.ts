// `select`: a mixture for each cell of a grid, the table of their criteria, and the best.
// Must not fit: the library does, on workers, so that the main thread hears Ctrl-C.
import {
  type FailedCell,
  type FittedCell,
  type Selection,
  type SelectionProgress,
  selectModelAsync,
} from 'gaussmix';
import { COVARIANCES, type SelectCommand } from './arguments.ts';
import { commonOptions, INTERRUPTED, named, readFitInput } from './commands.ts';
import { withNames } from './model-file.ts';
import { checkOutput, withOutput, writeStandardOutput } from './output.ts';
import { ProgressLine } from './progress.ts';
import { gather } from './report-content.ts';
import { reportPage } from './report-page.ts';
import { describeCell, describeSelection, type SelectResult, type SelectRow } from './select-summary.ts';
import { commandLineWords } from './wording.ts';

/**
 * Fits every cell, saves the best model, and prints the table.
 * @param onInterrupt replaces what Ctrl-C does, once; a second Ctrl-C ends the process
 * @returns the exit code
 */
export async function runSelect(
  command: SelectCommand,
  onInterrupt: (handler: () => void) => void,
): Promise<number> {
  const progress = new ProgressLine(command);
  await checkOutput(command, { DATA: command.data });
  const { name, output, report: reportFile } = command;
  const files = { DATA: command.data, ...(output !== undefined && { 'that of -o': output }) };
  await checkOutput({ name, output: reportFile }, files, '--report');
  const { table, start, startFile } = await readFitInput(command, progress);
  const { data, rows, columns, weights, names, labels } = table;
  const interruption = new AbortController();
  onInterrupt(() => {
    interruption.abort();
    progress.aside('Stopping; Ctrl-C again quits at once.');
  });
  const cells: (FittedCell | FailedCell)[] = [];
  let latest: SelectionProgress | undefined;
  const work = selectModelAsync(
    { data, shape: [rows, columns] },
    {
      ...commonOptions(command, start),
      nComponents: command.components,
      covarianceTypes: command.covariances,
      criterion: command.criterion,
      sampleWeight: weights,
      workers: command.threads,
      signal: interruption.signal,
      onProgress: (step) => {
        latest = step;
        cells.push(step.cell);
        show(command, step, labels, progress);
      },
    },
  );
  let finished: Selection | undefined;
  try {
    finished = await named(command.data, table.labels, { start: startFile }, () => work);
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
  }
  progress.clear();
  const { best, total } = latest ?? {};
  if (best === undefined || total === undefined) {
    progress.error('interrupted before a model was fitted: there is nothing to print or save');
    return INTERRUPTED;
  }
  const result: SelectResult = {
    rows,
    model: withNames(best.model.toJSON(), names),
    table: (finished?.table ?? inOrder(cells, command)).map((cell) => rowOf(cell, labels)),
    total,
    stopped: finished === undefined,
  };
  await report(command, result, () =>
    reportPage({
      content: gather(best.model, table, command.missing),
      dataName: command.data,
      weightsName: command.weights,
      selection: { command, result },
    }),
  );
  return finished ? 0 : INTERRUPTED;
}

/** Cells that workers finished in any order: by size as asked for, then by type as the help lists them. */
function inOrder(
  cells: readonly (FittedCell | FailedCell)[],
  { components }: SelectCommand,
): readonly (FittedCell | FailedCell)[] {
  const size = ({ nComponents }: FittedCell | FailedCell) => components.indexOf(nComponents);
  const type = ({ covarianceType }: FittedCell | FailedCell) => COVARIANCES.indexOf(covarianceType);
  return [...cells].sort((a, b) => size(a) - size(b) || type(a) - type(b));
}

/** A row as --json prints it, its error in the words of the command line. */
function rowOf(cell: FittedCell | FailedCell, labels: readonly string[]): SelectRow {
  const { nComponents, covarianceType } = cell;
  if (cell.error) {
    const { code, message } = cell.error;
    return { nComponents, covarianceType, error: { code, message: commandLineWords(message, labels) } };
  }
  const { logLikelihood, nParameters, bic, aic, icl, converged, spurious } = cell;
  return { nComponents, covarianceType, logLikelihood, nParameters, bic, aic, icl, converged, spurious };
}

function show(
  command: SelectCommand,
  { done, total, cell, best }: SelectionProgress,
  labels: readonly string[],
  progress: ProgressLine,
): void {
  progress.item(`cell ${done} of ${total}: ${describeCell(command, rowOf(cell, labels))}`);
  const soFar = best ? `; best so far: ${describeCell(command, rowOf(best, labels))}` : '';
  progress.cells(`${done} of ${total} cells done${soFar}`);
}

/** The files first: they must not be lost when the reader of standard output has gone. */
async function report(command: SelectCommand, result: SelectResult, page: () => string): Promise<void> {
  const { model, table, stopped } = result;
  if (command.output !== undefined) {
    await withOutput(command.output, (write) => write(`${JSON.stringify(model)}\n`));
  }
  if (command.report !== undefined) await withOutput(command.report, (write) => write(page()));
  const best = table.find(
    (row) => row.nComponents === model.nComponents && row.covarianceType === model.covarianceType,
  );
  const criteria = { bic: best?.bic, aic: best?.aic, icl: best?.icl };
  const selection = { criterion: command.criterion, stopped, table };
  await writeStandardOutput(
    command.json
      ? `${JSON.stringify({ ...model, criteria, selection })}\n`
      : describeSelection(command, result),
  );
}
