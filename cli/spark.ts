// `gaussmix spark fit`: gives a fit to spark-submit, shows its progress, and brings the model back.
// Must not fit anything: integrations/spark does.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ModelJSON } from 'gaussmix';
import type { SparkFitCommand } from './arguments.ts';
import { checkReplaceable } from './checkpoint-file.ts';
import { INTERRUPTED } from './commands.ts';
import { Failure, oneLine, plural } from './failure.ts';
import { readStartFile } from './model-file.ts';
import { checkOutput, withOutput, writeStandardOutput } from './output.ts';
import { ProgressLine, type Step } from './progress.ts';
import { dataLine, formatNumber, short, startLine } from './summary.ts';
import { commandLineWords } from './wording.ts';

/** The Python package, in the repository and in the npm package alike. */
const PACKAGE = fileURLToPath(new URL('../integrations/spark/gaussmix_spark/', import.meta.url));
/** Lines of Spark's own output that are kept for a failure nobody explains. */
const KEPT_LINES = 200;

/** What job.py says, a line each. */
type Said =
  | { readonly gaussmix: 'progress'; readonly progress: Step }
  | { readonly gaussmix: 'error'; readonly message: string }
  | { readonly gaussmix: 'done' };

/**
 * Fits on a Spark cluster, saves and describes the mixture.
 * @param onInterrupt replaces what Ctrl-C does, once; a second Ctrl-C ends the process
 * @returns the exit code
 */
export async function runSparkFit(
  command: SparkFitCommand,
  onInterrupt: (handler: () => void) => void,
): Promise<number> {
  const { checkpoint, resume, output } = command;
  await checkOutput({ name: 'spark', output }, {});
  if (checkpoint !== undefined) checkReplaceable(checkpoint, resume);
  const { submit, python } = findSparkSubmit(command.sparkSubmit);
  const folder = await mkdtemp(join(tmpdir(), 'gaussmix-spark-'));
  try {
    const [job, model, stop] = ['job.json', 'model.json', 'stop'].map((name) => join(folder, name));
    await writeFile(job, JSON.stringify(await jobOf(command, model, stop)));
    const child = spawn(submit, submitArguments(command, job), {
      // A group of its own: Ctrl-C stops the fit through this process, after the iteration.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...(python && { PYSPARK_PYTHON: python }), GAUSSMIX_NODE: process.execPath },
    });
    const abandon = (): void => kill(child);
    process.once('exit', abandon);
    let interrupted = false;
    const progress = new ProgressLine(command);
    onInterrupt(() => {
      interrupted = true;
      void writeFile(stop, '');
      progress.aside('Stopping after this iteration; Ctrl-C again quits at once.');
    });
    await finished(child, submit, command, progress);
    process.off('exit', abandon);
    await report(command, await readFile(model, 'utf8'));
    return interrupted ? INTERRUPTED : 0;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What job.py is told; options by their Python names. */
async function jobOf(command: SparkFitCommand, output: string, stop: string): Promise<object> {
  const { init, columns } = command;
  const start = 'file' in init ? await readStartFile(init.file) : init.method;
  return {
    paths: command.paths.map((path) => (/^[a-z][a-z0-9+.-]+:\/\//i.test(path) ? path : resolve(path))),
    output,
    stop,
    options: {
      n_components: command.components,
      covariance_type: command.covariance,
      start,
      n_init: command.runs,
      short_runs: command.shortRuns,
      max_iterations: command.maxIterations,
      tolerance: command.tolerance,
      regularization: command.regularization,
      prior: command.prior ? 'default' : null,
      seed: command.seed,
      missing: command.missing,
      columns: columns?.split(',').map((name) => name.trim()) ?? null,
      sample_weight: command.weights ?? null,
      partitions: command.partitions ?? null,
      checkpoint: command.checkpoint === undefined ? null : resolve(command.checkpoint),
      resume: command.resume,
    },
  };
}

function submitArguments(command: SparkFitCommand, job: string): string[] {
  const { master, conf } = command;
  return [
    ...(master === undefined ? [] : ['--master', master]),
    ...['spark.ui.showConsoleProgress=false', ...conf].flatMap((setting) => ['--conf', setting]),
    join(PACKAGE, 'job.py'),
    job,
  ];
}

/** spark-submit: given, in the PATH, in SPARK_HOME, or of the pyspark that Python has; and that Python. */
function findSparkSubmit(given: string | undefined): { submit: string; python?: string } {
  const name = process.platform === 'win32' ? 'spark-submit.cmd' : 'spark-submit';
  if (given !== undefined) {
    if (!isProgram(given)) throw new Failure(`--spark-submit ${given}: there is no such program`);
    return { submit: given };
  }
  const { SPARK_HOME: home, PATH: path = '', PYSPARK_PYTHON: python = 'python3' } = process.env;
  const places = [...path.split(delimiter), ...(home ? [join(home, 'bin')] : [])];
  const found = places.map((place) => join(place, name)).find(isProgram);
  if (found !== undefined) return { submit: found };
  const { stdout } = spawnSync(python, ['-c', 'import pyspark; print(pyspark.__path__[0])'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const submit = stdout && join(stdout.trim(), 'bin', name);
  if (submit && isProgram(submit)) return { submit, python };
  throw new Failure(
    'spark-submit was not found: put it into the PATH, set SPARK_HOME, name it with --spark-submit, or pip install pyspark',
  );
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return existsSync(path);
  } catch {
    return false;
  }
}

function kill({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(process.platform === 'win32' ? pid : -pid, 'SIGTERM');
  } catch {
    // It has ended.
  }
}

/** Resolves when the job has saved its model. @throws Failure with what the job, or else Spark, says */
async function finished(
  child: ChildProcess,
  submit: string,
  command: SparkFitCommand,
  progress: ProgressLine,
): Promise<void> {
  const noise: string[] = [];
  let message: string | undefined;
  let done = false;
  const listen = (line: string): void => {
    const said = parse(line);
    if (said?.gaussmix === 'progress') progress.iteration(said.progress, command.runs);
    else if (said?.gaussmix === 'error') message = said.message;
    else if (said?.gaussmix === 'done') done = true;
    else {
      if (line.trim() !== '') noise.push(line);
      if (noise.length > KEPT_LINES) noise.shift();
    }
  };
  // The driver's Python writes to standard output, Spark's log goes to standard error.
  for (const stream of [child.stdout, child.stderr]) if (stream) createInterface(stream).on('line', listen);
  const code = await new Promise<number | null>((settle, reject) => {
    child.on('error', (error) => reject(new Failure(`cannot start ${submit}: ${error.message}`)));
    child.on('close', settle);
  });
  progress.clear();
  if (done) return;
  if (message === undefined) message = explanation(noise) ?? `spark-submit ended with exit code ${code}`;
  throw new Failure(commandLineWords(inOptions(message)));
}

function parse(line: string): Said | undefined {
  if (!line.startsWith('{"gaussmix"')) return undefined;
  try {
    return JSON.parse(line) as Said;
  } catch {
    return undefined;
  }
}

/** The line of Spark's output that says what is wrong. */
function explanation(lines: readonly string[]): string | undefined {
  const text = lines.join('\n');
  if (
    /JAVA_HOME is not set|JAVA_GATEWAY_EXITED|java: (command )?not found|bin\/java: No such file|Unable to locate a Java/i.test(
      text,
    )
  ) {
    return 'Spark finds no Java: install Java 17 or later, or set JAVA_HOME';
  }
  const told = lines.filter((line) => /(Exception|Error)\b.*:/.test(line) && !/^\s*at /.test(line));
  const line = told[told.length - 1] ?? lines[lines.length - 1];
  return line === undefined ? undefined : `Spark: ${oneLine(line).slice(0, 400)}`;
}

/** Options of the Python package as flags. */
function inOptions(message: string): string {
  return message
    .replace(/\bn_components\b/g, '-k')
    .replace(/\bsample_weight\b/g, '--weights')
    .replace(/\bcolumns=\[\.\.\.\]/g, '--columns a,b')
    .replace(/\b(covariance_type|start|n_init|short_runs|max_iterations)\b(?= is )/g, (name) => {
      const flags: Readonly<Record<string, string>> = { covariance_type: 'covariance', start: 'init' };
      return `--${flags[name] ?? name.replaceAll('_', '-')}`;
    });
}

async function report(command: SparkFitCommand, text: string): Promise<void> {
  if (command.output !== undefined) await withOutput(command.output, (write) => write(text));
  await writeStandardOutput(command.json ? text : describe(command, JSON.parse(text) as ModelJSON));
}

function describe(command: SparkFitCommand, model: ModelJSON): string {
  const { nComponents: k, covarianceType, weights, means, fitted } = model;
  if (fitted === undefined) throw new Error('the model has no record of its fit');
  const { converged, iterations, logLikelihood, nSamples, runs, warnings } = fitted;
  const end = converged ? `converged (change below ${short(command.tolerance)})` : 'NOT converged';
  const lines = [
    ['Data', dataLine(command, nSamples, model)],
    ['Mixture', `${plural(k, 'component')}, ${covarianceType} covariance`],
    ['Start', startLine(command, runs)],
    ['Iterations', `${iterations}, ${end}`],
    ['Log-likelihood', `${formatNumber(logLikelihood, 6)} nats per row`],
    ...weights.map((weight, component) => [
      `Component ${component}`,
      `weight ${weight.toFixed(4)}, mean ${means[component].map((value) => formatNumber(value)).join(', ')}`,
    ]),
    ...warnings.map((warning) => ['Warning', commandLineWords(warning)]),
  ];
  return `${lines.map(([label, value]) => `${label.padEnd(16)}${value}`).join('\n')}\n`;
}
