// What each command does, from its arguments to its output.
// Must not parse arguments, nor end the process.
import { type Checkpoint, type FitOptions, type GaussianMixture, GaussmixError } from 'gaussmix';
import type {
  AccumulateCommand,
  FitCommand,
  FittingCommand,
  ImputeCommand,
  InitMethod,
  PredictCommand,
  ReportCommand,
  SampleCommand,
  ScoreCommand,
} from './arguments.ts';
import { checkReplaceable, readCheckpoint } from './checkpoint-file.ts';
import type { Selection } from './columns.ts';
import { csvCell, csvNumbers } from './csv-format.ts';
import { Failure, plural, Refused } from './failure.ts';
import { readFitRows } from './fit-rows.ts';
import { type FitResult, type Job, startFit } from './fit-worker.ts';
import { readModelFile, readStartFile, withNames } from './model-file.ts';
import { checkOutput, withOutput, writeLines, writeStandardOutput } from './output.ts';
import { ProgressLine, type Step } from './progress.ts';
import { readTable } from './read-table.ts';
import { describeFit, formatNumber } from './summary.ts';
import type { Table } from './table.ts';
import { commandLineWords } from './wording.ts';

/** Exit code of an interrupted command, as shells count it: 128 + the number of SIGINT. After another signal main.ts puts its own. */
export const INTERRUPTED = 130;

/** Rows whose results are held at once. */
const BLOCK = 16384;

/**
 * Fits, saves and describes a mixture.
 * @param script the entry file, see {@link startFit}
 * @param onInterrupt replaces what Ctrl-C does, once; a second Ctrl-C ends the process
 * @returns the exit code
 */
export async function runFit(
  command: FitCommand,
  script: URL,
  onInterrupt: (handler: () => void) => void,
): Promise<number> {
  const progress = new ProgressLine(command);
  await checkOutput(command, { DATA: command.data });
  const resume = await openCheckpoint(command, progress);
  const startFile = 'file' in command.init ? command.init.file : undefined;
  const start = await readStart(command);
  const { columns, header, weights } = command;
  const allowMissing = command.missing === 'marginalize';
  const selection = { columns, header, weights, allowMissing, refuseUnusable: true };
  const rows = await readFitRows(command.data, selection, command, (bytes) =>
    progress.reading(command.data, bytes),
  );
  try {
    progress.clear();
    for (const note of rows.notes) progress.note(note);
    if (rows.streamed) progress.note(`the rows do not fit into memory: ${rows.streamed}`);
    let interrupted = false;
    const job: Job = {
      held: rows.held,
      options: fitOptions(command, start),
      everyIteration: progress.everyIteration,
      checkpoint: command.checkpoint,
      resume,
    };
    const running = startFit(script, job, (step: Step) => progress.iteration(step, command.runs));
    onInterrupt(() => {
      interrupted = true;
      running.stop();
      progress.aside('Stopping after this iteration; Ctrl-C again quits at once.');
    });
    const files = { start: startFile, checkpoint: command.checkpoint };
    const result = await named(command.data, rows.labels, files, () => running.result);
    progress.clear();
    await report(command, { ...result, model: withNames(result.model, rows.names) }, rows.streamed);
    return interrupted ? INTERRUPTED : 0;
  } finally {
    rows.close();
  }
}

/** The checkpoint to go on from, if one is asked for and there; says so. */
async function openCheckpoint(command: FitCommand, progress: ProgressLine): Promise<Checkpoint | undefined> {
  const { checkpoint: path, name } = command;
  if (path === undefined) return undefined;
  await checkOutput({ name, output: path }, { DATA: command.data }, '--checkpoint');
  checkReplaceable(path, command.resume);
  if (!command.resume) return undefined;
  const found = readCheckpoint(path);
  const { run = 0, iteration = 0 } = found?.progress ?? {};
  const which = command.runs > 1 || command.shortRuns > 1 ? `run ${run + 1}, ` : '';
  progress.note(
    found
      ? `going on from ${path}: ${which}${plural(iteration, 'iteration')} done`
      : `there is no ${path} to go on from: starting anew`,
  );
  return found;
}

/** What a fit needs, as its arguments say. */
export interface FitInput {
  readonly table: Table;
  readonly start: FitOptions['initialization'];
  readonly startFile: string | undefined;
}

function readStart({ init }: FittingCommand): Promise<FitOptions['initialization']> | InitMethod {
  return 'file' in init ? readStartFile(init.file) : init.method;
}

/** Reads the start and the rows. */
export async function readFitInput(
  command: FittingCommand & { readonly groupBy?: string | undefined },
  progress: ProgressLine,
): Promise<FitInput> {
  const startFile = 'file' in command.init ? command.init.file : undefined;
  const start = await readStart(command);
  const { columns, header, weights, groupBy } = command;
  const allowMissing = command.missing === 'marginalize';
  // In groups it costs only its own group.
  const refuseUnusable = groupBy === undefined;
  const selection = { columns, header, weights, groupBy, allowMissing, refuseUnusable };
  const table = await readTable(command.data, selection, (bytes) => progress.reading(command.data, bytes));
  progress.clear();
  for (const note of table.notes) progress.note(note);
  return { table, start, startFile };
}

/** The options of the library for one fit. */
export function fitOptions(command: FitCommand, start: FitOptions['initialization']): FitOptions {
  const { components: nComponents, covariance: covarianceType } = command;
  return { nComponents, covarianceType, ...commonOptions(command, start) };
}

/** The options of the library but the size and shape of the mixture. */
export function commonOptions(
  command: FittingCommand,
  start: FitOptions['initialization'],
): Omit<FitOptions, 'nComponents' | 'covarianceType'> {
  return {
    initialization: start,
    nInit: command.runs,
    shortRuns: command.shortRuns,
    maxIterations: command.maxIterations,
    tolerance: command.tolerance,
    regularization: command.regularization,
    prior: command.prior ? 'default' : undefined,
    seed: command.seed,
    missing: command.missing,
  };
}

/** The file first: it must not be lost when the reader of standard output has gone. */
async function report(command: FitCommand, result: FitResult, streamed: string | undefined): Promise<void> {
  const { model, criteria } = result;
  if (command.output !== undefined) {
    await withOutput(command.output, (write) => write(`${JSON.stringify(model)}\n`));
  }
  await writeStandardOutput(
    command.json ? `${JSON.stringify({ ...model, criteria })}\n` : describeFit(command, result, streamed),
  );
}

/** Codes of errors that are about the rows, not about an option or a model. */
const ABOUT_DATA: readonly string[] = [
  'MISSING_VALUE',
  'INVALID_VALUE',
  'INVALID_SHAPE',
  'TOO_FEW_ROWS',
  'INVALID_DATA',
  'DEGENERATE_DATA',
];

/** Runs work of the library, and says what it refuses in the words of the command line, with the file named. */
export async function named<T>(
  data: string,
  labels: readonly string[],
  files: { readonly start?: string | undefined; readonly checkpoint?: string | undefined },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof GaussmixError || error instanceof Refused)) throw error;
    const message = commandLineWords(error.message, labels);
    const isAboutStart = /^initialization\b/.test(message);
    const isAboutData =
      !isAboutStart && (ABOUT_DATA.includes(error.code) || message.startsWith('--weights '));
    const other = error.code === 'INVALID_CHECKPOINT' ? files.checkpoint : files.start;
    const file = isAboutData ? data : other;
    if (file === undefined) throw new Failure(message);
    throw new Failure(`${file === '-' ? 'standard input' : file}: ${message}`);
  }
}

/** The rows for a model: columns by its names, or by position. */
export async function readFor(
  model: GaussianMixture,
  command: PredictCommand | ScoreCommand | ReportCommand | ImputeCommand | AccumulateCommand,
): Promise<Table> {
  const progress = new ProgressLine(command);
  const { featureNames, nFeatures } = model;
  const { columns, header } = command;
  const weights = 'weights' in command ? command.weights : undefined;
  const allowMissing = command.missing === 'marginalize';
  const selection: Selection = {
    columns,
    header,
    weights,
    allowMissing,
    refuseUnusable: true,
    model: { featureNames, nFeatures },
  };
  const table = await readTable(command.data, selection, (bytes) => progress.reading(command.data, bytes));
  progress.clear();
  for (const note of table.notes) progress.note(note);
  return table;
}

type RowBlock = { readonly data: Float64Array; readonly shape: readonly [number, number] };

function rowsOf({ data, columns }: Table, start: number, count: number): RowBlock {
  return { data: data.subarray(start * columns, (start + count) * columns), shape: [count, columns] };
}

/** Prints the component of each row, and its probabilities if wanted. */
export async function runPredict(command: PredictCommand): Promise<number> {
  await checkOutput(command, { 'MODEL.json': command.model, DATA: command.data });
  const model = await readModelFile(command.model);
  const table = await readFor(model, command);
  const { missing } = command;
  const k = model.nComponents;
  const header = ['label', ...(command.proba ? Array.from({ length: k }, (_, i) => `p${i}`) : [])];
  await named(command.data, table.labels, {}, () =>
    withOutput(command.output, async (write) => {
      await write(`${header.join(',')}\n`);
      for (let start = 0; start < table.rows; start += BLOCK) {
        const count = Math.min(BLOCK, table.rows - start);
        const rows = rowsOf(table, start, count);
        const labels = model.predict(rows, { missing });
        const resp = command.proba ? model.predictProba(rows, { missing }) : undefined;
        await writeLines(write, count, (i) =>
          resp ? `${labels[i]},${resp.row(i).join(',')}` : `${labels[i]}`,
        );
      }
    }),
  );
  return 0;
}

/** Prints the log-likelihood of the rows and the criteria, or the log-density of each row. */
export async function runScore(command: ScoreCommand): Promise<number> {
  const model = await readModelFile(command.model);
  const table = await readFor(model, command);
  const { missing } = command;
  const rows = rowsOf(table, 0, table.rows);
  await named(command.data, table.labels, {}, async () => {
    if (command.samples && !command.json) {
      const values = model.scoreSamples(rows, { missing });
      return withOutput(undefined, async (write) => {
        await write('log_density\n');
        await writeLines(write, values.length, (i) => String(values[i]));
      });
    }
    const logLikelihood = model.score(rows, { missing });
    const total = logLikelihood * table.rows;
    const { bic, aic, icl } = model.criteria(rows, { missing });
    const criteria = { bic, aic, icl };
    if (command.json) {
      const samples = command.samples ? { samples: Array.from(model.scoreSamples(rows, { missing })) } : {};
      const object = { logLikelihood, total, nSamples: table.rows, ...criteria, ...samples };
      return writeStandardOutput(`${JSON.stringify(object)}\n`);
    }
    return writeStandardOutput(
      `Log-likelihood ${formatNumber(logLikelihood, 6)} nats per row, ${formatNumber(total, 6)} in total ` +
        `(${table.rows} rows); BIC ${formatNumber(bic, 6)}, AIC ${formatNumber(aic, 6)}, ICL ${formatNumber(icl, 6)}\n`,
    );
  });
  return 0;
}

/** Prints the rows, missing values replaced by what is expected of them. */
export async function runImpute(command: ImputeCommand): Promise<number> {
  await checkOutput(command, { 'MODEL.json': command.model, DATA: command.data });
  const model = await readModelFile(command.model);
  const table = await readFor(model, command);
  const names = table.names ?? model.featureNames;
  await named(command.data, table.labels, {}, () =>
    withOutput(command.output, async (write) => {
      if (names) await write(`${names.map(csvCell).join(',')}\n`);
      for (let start = 0; start < table.rows; start += BLOCK) {
        const count = Math.min(BLOCK, table.rows - start);
        const completed = model.impute(rowsOf(table, start, count));
        await writeLines(write, count, (i) => csvNumbers(completed.row(i)));
      }
    }),
  );
  return 0;
}

/** Prints random rows. */
export async function runSample(command: SampleCommand): Promise<number> {
  await checkOutput(command, { 'MODEL.json': command.model });
  const model = await readModelFile(command.model);
  const { data, labels } = model.sample(command.count, { seed: command.seed });
  const names =
    model.featureNames ?? Array.from({ length: model.nFeatures }, (_, feature) => `x${feature + 1}`);
  await withOutput(command.output, async (write) => {
    await write(`${[...names, 'label'].map(csvCell).join(',')}\n`);
    await writeLines(write, command.count, (i) => `${csvNumbers(data.row(i))},${labels[i]}`);
  });
  return 0;
}
