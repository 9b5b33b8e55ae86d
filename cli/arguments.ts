// The arguments of the command line, checked as far as that is possible without reading a file.
// Must not read files nor print: what is wrong is thrown as a UsageError.
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import type { CovarianceType, Criterion } from 'gaussmix';
import { quote, UsageError } from './failure.ts';
import { COMMAND_NAMES, type CommandName } from './help.ts';
import { Parsed } from './parsed.ts';

export type InitMethod = 'kmeans' | 'k-means++' | 'random' | 'random-from-data' | 'hierarchical';

/** What is done with missing values: refused, or rows count with what they have. */
export type Missing = 'error' | 'marginalize';

/** What `fit` and `select` have in common. */
export interface FittingCommand {
  readonly data: string;
  /** A method, or the path of a start. */
  readonly init: { readonly method: InitMethod } | { readonly file: string };
  readonly runs: number;
  readonly shortRuns: number;
  readonly maxIterations: number;
  readonly tolerance: number;
  readonly regularization: number | 'auto';
  /** Of means and covariances, with its defaults. */
  readonly prior: boolean;
  readonly seed: number;
  readonly missing: Missing;
  readonly columns: string | undefined;
  /** Whether the first row is the header; undefined: that is found out. */
  readonly header: boolean | undefined;
  readonly weights: string | undefined;
  /** Undefined: standard output, for what is to be printed. */
  readonly output: string | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
}

export interface FitCommand extends FittingCommand {
  readonly name: 'fit';
  readonly components: number;
  readonly covariance: CovarianceType;
  /** The column whose values divide the rows into groups, each fitted on its own. */
  readonly groupBy: string | undefined;
  /** For groups; the output does not depend on it. */
  readonly threads: number;
  /** Bytes; undefined: the default. */
  readonly memory: number | undefined;
  /** Folder of temporary files; undefined: that of the system. */
  readonly temporary: string | undefined;
  /** The file that a checkpoint is written to after each iteration. */
  readonly checkpoint: string | undefined;
  /** Whether to go on from that file. */
  readonly resume: boolean;
}

/** As `fit`, on a Spark cluster. */
export interface SparkFitCommand extends FittingCommand {
  readonly name: 'spark';
  readonly components: number;
  readonly covariance: CovarianceType;
  /** Parquet files and folders. */
  readonly paths: readonly string[];
  /** Undefined: what spark-submit is configured for. */
  readonly master: string | undefined;
  /** The program; undefined: it is found. */
  readonly sparkSubmit: string | undefined;
  /** Settings of Spark, `key=value`. */
  readonly conf: readonly string[];
  readonly checkpoint: string | undefined;
  /** From the checkpoint, if it is there. */
  readonly resume: boolean;
  /** The model does not depend on it. */
  readonly partitions: number | undefined;
}

export interface SelectCommand extends FittingCommand {
  readonly name: 'select';
  readonly components: readonly number[];
  /** Undefined: all that the library has. */
  readonly covariances: readonly CovarianceType[] | undefined;
  readonly criterion: Criterion;
  /** The output does not depend on it. */
  readonly threads: number;
  /** The file of a report. */
  readonly report: string | undefined;
}

export interface PredictCommand {
  readonly name: 'predict';
  readonly model: string;
  readonly data: string;
  readonly proba: boolean;
  readonly missing: Missing;
  readonly columns: string | undefined;
  /** Whether the first row is the header; undefined: that is found out. */
  readonly header: boolean | undefined;
  readonly output: string | undefined;
  readonly quiet: boolean;
}

export interface ScoreCommand {
  readonly name: 'score';
  readonly model: string;
  readonly data: string;
  readonly samples: boolean;
  readonly missing: Missing;
  readonly columns: string | undefined;
  /** Whether the first row is the header; undefined: that is found out. */
  readonly header: boolean | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
}

export interface SampleCommand {
  readonly name: 'sample';
  readonly model: string;
  readonly count: number;
  readonly seed: number;
  readonly output: string | undefined;
}

export interface ReportCommand {
  readonly name: 'report';
  readonly model: string;
  readonly data: string;
  readonly missing: Missing;
  readonly columns: string | undefined;
  /** Whether the first row is the header; undefined: that is found out. */
  readonly header: boolean | undefined;
  readonly weights: string | undefined;
  readonly output: string;
  readonly quiet: boolean;
}

export interface ImputeCommand {
  readonly name: 'impute';
  readonly model: string;
  readonly data: string;
  readonly missing: 'marginalize';
  readonly columns: string | undefined;
  /** Whether the first row is the header; undefined: that is found out. */
  readonly header: boolean | undefined;
  readonly output: string | undefined;
  readonly quiet: boolean;
}

export interface AccumulateCommand {
  readonly name: 'accumulate';
  readonly model: string;
  readonly data: string;
  /** Number of the first row of the file among all rows; undefined: the rows have no numbers. */
  readonly firstRow: number | undefined;
  readonly missing: Missing;
  readonly columns: string | undefined;
  /** Whether the first row is the header; undefined: that is found out. */
  readonly header: boolean | undefined;
  readonly weights: string | undefined;
  readonly output: string | undefined;
  readonly quiet: boolean;
}

export interface MaximizeCommand {
  readonly name: 'maximize';
  readonly files: readonly string[];
  /** Undefined: that of the mixture before. */
  readonly covariance: CovarianceType | undefined;
  readonly regularization: number | 'auto';
  readonly prior: boolean;
  readonly output: string | undefined;
  readonly json: boolean;
}

export interface HelpCommand {
  readonly name: 'help';
  readonly topic: CommandName | undefined;
}

export type Command =
  | FitCommand
  | PredictCommand
  | ScoreCommand
  | SampleCommand
  | SelectCommand
  | SparkFitCommand
  | ReportCommand
  | ImputeCommand
  | AccumulateCommand
  | MaximizeCommand
  | HelpCommand
  | { readonly name: 'version' };

/** Each thread costs some ten megabytes. */
const MOST_THREADS = 256;

export const COVARIANCES: readonly CovarianceType[] =
  'full tied diag spherical EII VII EEI VEI EVI VVI EEE VEE EVE VVE EEV VEV EVV VVV'.split(
    ' ',
  ) as readonly CovarianceType[];
const MISSING: readonly Missing[] = ['error', 'marginalize'];
/** Rows are summed in blocks of so many. */
const BLOCK = 4096;
const CRITERIA: readonly Criterion[] = ['bic', 'aic', 'icl'];
/** Numbers of components in one selection: more would be a slip of the finger. */
const MOST_SIZES = 1000;
const PRINTED = '-o - : use --json to print the model on standard output';
const INIT_METHODS: readonly InitMethod[] = [
  'kmeans',
  'k-means++',
  'random',
  'random-from-data',
  'hierarchical',
];

/**
 * Reads the arguments after `gaussmix`.
 * @throws UsageError for anything that is not in the help
 */
export function parseCommand(args: readonly string[]): Command {
  const [first, ...rest] = args;
  if (first === undefined) throw new UsageError('a command is missing');
  if (first === '--help' || first === '-h') return { name: 'help', topic: undefined };
  if (first === '--version' || first === '-V') return { name: 'version' };
  if (first === 'help') {
    if (rest.length === 0) return { name: 'help', topic: undefined };
    return { name: 'help', topic: commandName(rest[0]) };
  }
  if (first.startsWith('-')) throw new UsageError(`the command comes first, before ${quote(first)}`);
  const name = commandName(first);
  const parsed = new Parsed(name, rest);
  if (parsed.flag('help')) return { name: 'help', topic: name };
  switch (name) {
    case 'fit':
      return fitCommand(parsed);
    case 'predict':
      return predictCommand(parsed);
    case 'score':
      return scoreCommand(parsed);
    case 'sample':
      return sampleCommand(parsed);
    case 'select':
      return selectCommand(parsed);
    case 'impute':
      return imputeCommand(parsed);
    case 'report':
      return reportCommand(parsed);
    case 'accumulate':
      return accumulateCommand(parsed);
    case 'maximize':
      return maximizeCommand(parsed);
    case 'spark':
      return sparkFitCommand(parsed);
  }
}

function commandName(text: string): CommandName {
  const name = COMMAND_NAMES.find((known) => known === text);
  if (name === undefined) {
    throw new UsageError(`unknown command ${quote(text)}; the commands are ${COMMAND_NAMES.join(', ')}`);
  }
  return name;
}

function fitCommand(parsed: Parsed): FitCommand {
  const [data] = parsed.positionals(['DATA']);
  const groupBy = parsed.text('group-by');
  const output = parsed.text('output');
  if (output === '-' && groupBy === undefined) throw parsed.usage(PRINTED);
  if (groupBy === undefined && parsed.text('threads') !== undefined) {
    throw parsed.usage('--threads goes with --group-by: a single fit uses one thread');
  }
  const checkpoint = parsed.text('checkpoint');
  const resume = parsed.flag('resume');
  if (resume && checkpoint === undefined) {
    throw parsed.usage('--resume goes with --checkpoint FILE, the file to go on from');
  }
  const single = ['memory', 'temporary', 'checkpoint'].find((option) => parsed.text(option) !== undefined);
  if (groupBy !== undefined && single !== undefined) {
    throw parsed.usage(`--${single} does not go with --group-by, which reads all rows into memory`);
  }
  if (checkpoint === '-') throw parsed.usage('--checkpoint - : a checkpoint goes to a file');
  if (checkpoint !== undefined && output !== undefined && resolve(output) === resolve(checkpoint)) {
    throw parsed.usage(`-o and --checkpoint are the same file, ${output}: give another`);
  }
  return {
    ...fitting(parsed, data),
    name: 'fit',
    components: parsed.integer('components', 1, undefined),
    covariance: parsed.choice('covariance', COVARIANCES, 'full'),
    groupBy,
    threads: threadsOf(parsed),
    memory: parsed.bytes('memory'),
    temporary: parsed.text('temporary'),
    checkpoint,
    resume,
    output: output === '-' ? undefined : output,
  };
}

function sparkFitCommand(parsed: Parsed): SparkFitCommand {
  const [verb, ...paths] = parsed.several(['fit', 'PATH']);
  if (verb !== 'fit')
    throw parsed.usage(`${quote(verb)} is nothing to do on Spark: gaussmix spark fit PATH...`);
  const output = parsed.text('output');
  if (output === '-') throw parsed.usage(PRINTED);
  if (paths.includes('-'))
    throw parsed.usage('Spark cannot read standard input: give Parquet files or folders');
  const conf = parsed.texts('conf');
  if (parsed.flag('resume') && parsed.text('checkpoint') === undefined) {
    throw parsed.usage('--resume goes with --checkpoint: name the file to go on from');
  }
  const wrong = conf.find((setting) => !/^[^=]+=/.test(setting));
  if (wrong !== undefined) throw parsed.usage(`--conf ${quote(wrong)} is no setting=value`);
  return {
    ...fitting(parsed, paths.join(' ')),
    name: 'spark',
    components: parsed.integer('components', 1, undefined),
    covariance: parsed.choice('covariance', COVARIANCES, 'full'),
    paths,
    master: parsed.text('master'),
    sparkSubmit: parsed.text('spark-submit'),
    conf,
    checkpoint: parsed.text('checkpoint'),
    resume: parsed.flag('resume'),
    partitions: parsed.text('partitions') === undefined ? undefined : parsed.integer('partitions', 1, 1),
    output,
  };
}

function selectCommand(parsed: Parsed): SelectCommand {
  const [data] = parsed.positionals(['DATA']);
  const [output, report] = [parsed.text('output'), parsed.text('report')];
  if (output === '-') throw parsed.usage(PRINTED);
  if (report === '-') throw parsed.usage('--report - : a report goes to a file');
  if (output !== undefined && report !== undefined && resolve(output) === resolve(report)) {
    throw parsed.usage(`-o and --report are the same file, ${output}: give another`);
  }
  return {
    ...fitting(parsed, data),
    name: 'select',
    components: parsed.counts('components', MOST_SIZES),
    covariances: parsed.choices('covariance', COVARIANCES, 'all'),
    criterion: parsed.choice('criterion', CRITERIA, 'bic'),
    threads: threadsOf(parsed),
    report,
  };
}

function threadsOf(parsed: Parsed): number {
  return parsed.integer('threads', 1, Math.min(MOST_THREADS, availableParallelism()), MOST_THREADS);
}

function fitting(parsed: Parsed, data: string): FittingCommand {
  parsed.either('quiet', 'verbose');
  return {
    data,
    init: initOf(parsed),
    runs: parsed.integer('n-init', 1, 1),
    shortRuns: parsed.integer('short-runs', 1, 1),
    maxIterations: parsed.integer('max-iterations', 0, 500),
    tolerance: parsed.nonNegative('tolerance', 1e-5),
    regularization: regularizationOf(parsed),
    prior: priorOf(parsed),
    seed: parsed.integer('seed', 0, 0),
    missing: missingOf(parsed),
    columns: parsed.text('columns'),
    header: parsed.either('header', 'no-header'),
    weights: parsed.text('weights'),
    output: parsed.text('output'),
    json: parsed.flag('json'),
    quiet: parsed.flag('quiet'),
    verbose: parsed.flag('verbose'),
  };
}

function regularizationOf(parsed: Parsed): number | 'auto' {
  const isAuto = (parsed.text('regularization') ?? 'auto') === 'auto';
  return isAuto ? 'auto' : parsed.nonNegative('regularization', 0, 'auto or ');
}

function priorOf(parsed: Parsed): boolean {
  const prior = parsed.flag('prior');
  if (prior && (parsed.text('regularization') ?? 'auto') !== 'auto') {
    throw parsed.usage('--prior keeps covariances regular by itself: leave --regularization out');
  }
  return prior;
}

function initOf(parsed: Parsed): FittingCommand['init'] {
  const init = parsed.text('init') ?? 'kmeans';
  const method = INIT_METHODS.find((known) => known === init);
  if (method !== undefined) return { method };
  // What does not look like a file is a misspelt method.
  if (init !== '-' && !/[./\\]/.test(init)) {
    throw parsed.usage(`--init ${quote(init)} is none of ${INIT_METHODS.join(', ')}, nor a .json file`);
  }
  return { file: init };
}

function predictCommand(parsed: Parsed): PredictCommand {
  const [model, data] = parsed.positionals(['MODEL.json', 'DATA']);
  return {
    name: 'predict',
    model,
    data,
    proba: parsed.flag('proba'),
    missing: missingOf(parsed),
    columns: parsed.text('columns'),
    header: parsed.either('header', 'no-header'),
    output: parsed.text('output'),
    quiet: parsed.flag('quiet'),
  };
}

function scoreCommand(parsed: Parsed): ScoreCommand {
  const [model, data] = parsed.positionals(['MODEL.json', 'DATA']);
  return {
    name: 'score',
    model,
    data,
    samples: parsed.flag('samples'),
    missing: missingOf(parsed),
    columns: parsed.text('columns'),
    header: parsed.either('header', 'no-header'),
    json: parsed.flag('json'),
    quiet: parsed.flag('quiet'),
  };
}

function imputeCommand(parsed: Parsed): ImputeCommand {
  const [model, data] = parsed.positionals(['MODEL.json', 'DATA']);
  return {
    name: 'impute',
    model,
    data,
    missing: 'marginalize',
    columns: parsed.text('columns'),
    header: parsed.either('header', 'no-header'),
    output: parsed.text('output'),
    quiet: parsed.flag('quiet'),
  };
}

function missingOf(parsed: Parsed): Missing {
  return parsed.choice('missing', MISSING, 'error');
}

function sampleCommand(parsed: Parsed): SampleCommand {
  const [model] = parsed.positionals(['MODEL.json']);
  return {
    name: 'sample',
    model,
    count: parsed.integer('number', 0, undefined),
    seed: parsed.integer('seed', 0, 0),
    output: parsed.text('output'),
  };
}

function reportCommand(parsed: Parsed): ReportCommand {
  const [model, data] = parsed.positionals(['MODEL.json', 'DATA']);
  const output = parsed.text('output');
  if (output === undefined) {
    throw parsed.usage('-o is missing: give the file to write, such as -o report.html');
  }
  return {
    name: 'report',
    model,
    data,
    missing: missingOf(parsed),
    columns: parsed.text('columns'),
    header: parsed.either('header', 'no-header'),
    weights: parsed.text('weights'),
    output,
    quiet: parsed.flag('quiet'),
  };
}

function accumulateCommand(parsed: Parsed): AccumulateCommand {
  const [model, data] = parsed.positionals(['MODEL.json', 'DATA']);
  const numbered = parsed.text('first-row') !== undefined;
  const firstRow = numbered ? parsed.integer('first-row', 0, undefined) : undefined;
  if (firstRow !== undefined && firstRow % BLOCK !== 0) {
    throw parsed.usage(
      `--first-row is ${firstRow}, but must be a multiple of ${BLOCK}: cut the rows into parts of such numbers of rows, or leave it out`,
    );
  }
  return {
    name: 'accumulate',
    model,
    data,
    firstRow,
    missing: missingOf(parsed),
    columns: parsed.text('columns'),
    header: parsed.either('header', 'no-header'),
    weights: parsed.text('weights'),
    output: parsed.text('output'),
    quiet: parsed.flag('quiet'),
  };
}

function maximizeCommand(parsed: Parsed): MaximizeCommand {
  const files = parsed.list('STATISTICS');
  const output = parsed.text('output');
  if (output === '-') throw parsed.usage(PRINTED);
  const json = parsed.flag('json');
  if (output === undefined && !json) {
    throw parsed.usage(
      '-o is missing: give the file to save the model in, such as -o model.json, or --json to print it',
    );
  }
  const covariance = parsed.text('covariance');
  return {
    name: 'maximize',
    files,
    covariance: covariance === undefined ? undefined : parsed.choice('covariance', COVARIANCES, 'full'),
    regularization: regularizationOf(parsed),
    prior: priorOf(parsed),
    output,
    json,
  };
}
