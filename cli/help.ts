// The help texts.
// Must not parse anything; every option named here is defined in arguments.ts.

export const COMMAND_NAMES = [
  'fit',
  'select',
  'predict',
  'score',
  'impute',
  'sample',
  'report',
  'accumulate',
  'maximize',
  'spark',
] as const;
export type CommandName = (typeof COMMAND_NAMES)[number];

export const GENERAL_HELP: string = `Usage: gaussmix COMMAND ...

Gaussian mixture models, fitted by expectation-maximisation.

Commands:
  fit DATA -k K            fit a mixture of K Gaussians and describe it (or one per group of rows)
  select DATA -k 1-9       fit mixtures of several sizes and covariance types, and take the best
  predict MODEL.json DATA  give each row the component it belongs to
  score MODEL.json DATA    log-likelihood of rows under a model
  impute MODEL.json DATA   rows with their missing values filled in by what is expected of them
  sample MODEL.json -n N   draw random rows from a model
  report MODEL.json DATA   a model and its rows as an HTML file to look at, print and mail
  accumulate MODEL.json DATA
                           the E-step over one part of the rows, as statistics for maximize
  maximize STATISTICS...   the M-step: the statistics of all parts become the next model
  spark fit PATH... -k K   fit a mixture to Parquet files on an Apache Spark cluster
  help COMMAND             all options of a command

  --help, -h               this text
  --version                the version

DATA is a file, or - for standard input: CSV, TSV, .npy, Parquet or Arrow.
MODEL.json is what fit or select saved with -o, or a model of scikit-learn or mclust as JSON
(docs/migrating-from-scikit-learn.md and docs/migrating-from-mclust.md of the package say how to write one).

Example:
  gaussmix fit flowers.csv -k 3 -o model.json
  gaussmix predict model.json flowers.csv -o labels.csv

Exit codes: 0 done, 1 bad input or failure, 2 wrong usage, 130 interrupted, 143 by SIGTERM.
`;

const DATA_HELP = `DATA is a file, or - for standard input:
  CSV or TSV   commas, semicolons, tabs or |, quoted cells; a first row with text in a used column
               is taken as the header, unless --header or --no-header says what it is; blank lines
               and a first line such as sep=; are skipped; numbers have a decimal point
  .npy         float64 or float32, little-endian, C order, one or two dimensions
  Parquet      columns of integers, floats and decimals, compressed or not; a file, not standard input
  Arrow        the same: IPC files and streams, Feather version 2; pandas and polars write them
Columns of other types are left out by --columns, or used by --group-by (text).

COLUMNS is a list such as  eruptions,waiting  or  1,3-5 : names from the header, numbers from 1,
ranges of numbers; what may be both is a number. A name with a comma goes in double quotes. Without a
header there are no names.`;

const HEADER_HELP = `  --header               the first row of DATA is a header, also if it is all numbers
  --no-header            the first row of DATA is data`;

const FITTING_HELP = `  --init START           kmeans (default), k-means++, random, random-from-data, hierarchical (clusters of
                         a model-based agglomerative tree), or a JSON file:
                         { "weights": [...], "means": [[...]], "covariances": [[[...]]] } or a saved model
  --n-init R             runs from different starts, the best is kept (1)
  --short-runs R         starts that each run chooses from, after 8 iterations of each (1)
  --max-iterations M     most iterations of a run (500)
  --tolerance T          stop when the mean log-likelihood per row changes by less (1e-5)
  --regularization R     added to the diagonal of the covariances, in squared units of the data;
                         auto (default) is 1e-6 of each column's variance
  --prior                a weak prior of means and covariances (Fraley and Raftery 2007) in place of
                         --regularization: no covariance becomes singular
  --seed S               seed of the random numbers, from 0 to 9007199254740991 (0)
  --missing WHAT         missing cells (empty, NA, N/A, NaN, null, none, ?): error (default) refuses them;
                         with marginalize each row counts with the values it has
  --columns COLUMNS      columns to use (all)`;

const MISSING_HELP = `  --missing WHAT         missing cells: error (default), or marginalize: each row counts with the values it has`;

const MESSAGES_HELP = `  -q, --quiet            no progress and no notes on standard error
  -h, --help             this text`;

export const COMMAND_HELP: Readonly<Record<CommandName, string>> = {
  fit: `Usage: gaussmix fit DATA -k K [options]

Fits a mixture of K Gaussians and prints a summary. Log-likelihoods are in nats.

  -k, --components K     number of components (required)
  --covariance TYPE      full (default), tied, diag, spherical (VVV, EEE, VVI and VII mean the same), or one of
                         EII EEI VEI EVI VEE EVE VVE EEV VEV EVV: volume, shape and orientation of the ellipses
                         equal (E), varying (V), or round or along the axes (I)
${FITTING_HELP}
${HEADER_HELP}
  --weights COLUMN       column with a weight for each row; it is no feature. The criteria and the
                         total log-likelihood count a row of weight 2 as two rows
  --group-by COLUMN      fit each group of rows on its own: those with the same value in this column,
                         text or number; it is no feature. Prints a line of JSON per group, see below
  --threads N            threads for --group-by (as many as there are cores)
  --memory SIZE          memory for the rows, such as 512MiB or 2GB (half of the machine's). Rows that take more (a
                         number takes 8 bytes, twice) are read anew in each pass: .npy from DATA itself, other
                         formats from a temporary file of 8 bytes per number; the model is the same to the bit
  --temporary FOLDER     where that temporary file goes (the system's folder for such files)
  --checkpoint FILE      write the state of the fit to FILE after each iteration; a checkpoint that is there is refused
                         without --resume
  --resume               go on from that FILE, if it is there: the model is that of a fit that was never interrupted
  -o, --output FILE      save the model as JSON; not to DATA itself, but to the start of --init if wanted
  --json                 print the model with its criteria as one JSON object, not a summary
  -v, --verbose          print each iteration (with --group-by: each group) on standard error
${MESSAGES_HELP}

${DATA_HELP}

For rows that are on many machines, or come in many files, see gaussmix help accumulate.

Ctrl-C stops after the current iteration: the model so far is printed (and saved, with -o), and the
exit code is 130. Ctrl-C a second time quits at once. SIGTERM does the same, with exit code 143. With --checkpoint the
fit can go on later: give the same command with --resume.

With --group-by the output is a line per group, in the order in which the groups first appear:
  { "group": "...", "model": {...} }  or  { "group": "...", "error": { "code", "message" } }
for a group that cannot be fitted (too few rows, no spread); the others are finished, and the exit code
is 1. The lines are printed, or saved with -o; then a line of counts is printed (with --json as a JSON
object). They are the same for any number of threads. After Ctrl-C the finished groups are there.

Examples:
  gaussmix fit faithful.csv -k 2
  gaussmix fit iris.csv -k 3 --columns 1-4 --covariance tied --n-init 5 -o iris.json
  gaussmix fit visits.csv -k 2 --group-by customer -o models.ndjson
  gaussmix fit huge.parquet -k 20 --memory 2GiB --checkpoint huge.checkpoint --resume -o huge.json
`,
  select: `Usage: gaussmix select DATA -k NUMBERS [options]

Fits a mixture for each number of components and each covariance type, prints the table of a criterion
(lower is better), and takes the best.

  -k, --components LIST  numbers of components: 1-9, or 2,4,6, or 1-4,8 (required)
  --covariance TYPES     all (default), or a list such as full,diag (see gaussmix help fit)
  --criterion NAME       what decides: bic (default), aic or icl
${FITTING_HELP}
${HEADER_HELP}
  --weights COLUMN       column with a weight for each row; it is no feature. The criteria count a row
                         of weight 2 as two rows
  --threads N            cells fitted at a time (as many as there are cores); the output is the same
  -o, --output FILE      save the best model as JSON; not to DATA itself
  --report FILE          write a report of the best model and the criteria of all, see gaussmix help report
  --json                 print one JSON object, see below, not a table
  -v, --verbose          print each cell on standard error
${MESSAGES_HELP}

  bic = -2 logL + p ln N     aic = -2 logL + 2 p     icl = bic + 2 * entropy of the responsibilities
  with p free parameters and N rows (the sum of the weights). bic suits most; icl prefers components
  that are well apart; aic prefers more components, for density estimation.

Cells go on from the solutions of cells within them too (a covariance type with fewer freedoms, fewer
components), so none has a lower likelihood than one of those. A cell marked ! rests on a component of a few
rows in a plane, or of rows that agree in a value: it is the best only where all are.

A cell that cannot be fitted (fewer rows than components, no spread) costs only itself: it is shown as
failed, with the reason below the table. If none can be fitted, the exit code is 1.

--json prints the best model's object, as it is saved, and beside it
  "criteria": { "bic", "aic", "icl" }
  "selection": { "criterion", "stopped", "table": [ { "nComponents", "covarianceType", "logLikelihood",
                 "nParameters", "bic", "aic", "icl", "converged", "spurious" } or, for a cell that could not be
                 fitted, { "nComponents", "covarianceType", "error": { "code", "message" } } ] }
with the total log-likelihood of each cell in nats; "stopped" is true after Ctrl-C.

${DATA_HELP}

Ctrl-C stops at once: the best of the cells that were finished is printed (and saved, with -o and --report),
and the exit code is 130. SIGTERM does the same, with exit code 143.

Examples:
  gaussmix select faithful.csv -k 1-9
  gaussmix select iris.csv -k 1-6,8 --columns 1-4 --covariance full,tied --n-init 5 -o iris.json
  gaussmix select iris.csv -k 1-6 --columns 1-4 --report iris.html
`,
  predict: `Usage: gaussmix predict MODEL.json DATA [options]

Prints CSV with the header "label": the most probable component of each row, from 0.

  --proba                also the probability of each component: columns p0, p1, ...
  --columns COLUMNS      columns to use, in the model's order
${HEADER_HELP}
${MISSING_HELP}
  -o, --output FILE      write to a file that is none of those read
${MESSAGES_HELP}

Without --columns the columns are chosen by the names in the model if the header of DATA has them all,
otherwise all columns are used, by position, unless a name of the model stands in another position.

${DATA_HELP}

Example:
  gaussmix predict iris.json iris.csv --proba
`,
  score: `Usage: gaussmix score MODEL.json DATA [options]

Prints the log-likelihood of the rows under the model, in nats, and the criteria BIC, AIC and ICL.

  --samples              print the log-density of each row instead, as CSV with the header "log_density"
  --columns COLUMNS      columns to use, in the model's order
${HEADER_HELP}
${MISSING_HELP}
  --json                 print one JSON object: logLikelihood (mean per row), total, nSamples, bic, aic, icl
                         (with --samples also samples, the log-densities)
${MESSAGES_HELP}

Without --columns the columns are chosen by the names in the model if the header of DATA has them all,
otherwise all columns are used, by position, unless a name of the model stands in another position.

${DATA_HELP}

Example:
  gaussmix score iris.json iris.csv
`,
  impute: `Usage: gaussmix impute MODEL.json DATA [options]

Prints the rows as CSV, the columns of the model, with missing cells (empty, NA, N/A, NaN, null, none, ?) filled in by
their means given the other values of the row. Values that are there keep every bit.

  --columns COLUMNS      columns to use, in the model's order
${HEADER_HELP}
  -o, --output FILE      write to a file that is none of those read
${MESSAGES_HELP}

Without --columns the columns are chosen by the names in the model if the header of DATA has them all,
otherwise all columns are used, by position, unless a name of the model stands in another position.

${DATA_HELP}

Example:
  gaussmix fit survey.csv -k 3 --missing marginalize -o model.json && gaussmix impute model.json survey.csv -o full.csv
`,
  sample: `Usage: gaussmix sample MODEL.json -n N [options]

Draws N random rows and prints them as CSV: the features, then "label", the component each came from.

  -n, --number N         how many rows (required)
  --seed S               seed of the random numbers, from 0 to 9007199254740991 (0)
  -o, --output FILE      write to a file that is none of those read
${MESSAGES_HELP}

Example:
  gaussmix sample iris.json -n 1000 --seed 7 -o more.csv
`,
  report: `Usage: gaussmix report MODEL.json DATA -o FILE.html [options]

Writes one HTML file about a model and its rows: how the fit went, parameters, rows with the ellipses of the
components, densities, log-likelihood by iteration, uncertain rows, criteria. It needs no network and no script,
and prints. Every number in it is there in full precision, for programs: <data value="...">.

  -o, --output FILE      the file to write (required); none of those read; - is standard output
  --columns COLUMNS      columns to use, in the model's order
${HEADER_HELP}
${MISSING_HELP}
  --weights COLUMN       column with a weight for each row, as given to fit: criteria, histograms and
                         counts of rows follow it
${MESSAGES_HELP}

Without --columns the columns are chosen by the names in the model if the header of DATA has them all,
otherwise all columns are used, by position, unless a name of the model stands in another position.

${DATA_HELP}

Example:
  gaussmix fit iris.csv -k 3 --columns 1-4 -o iris.json && gaussmix report iris.json iris.csv -o iris.html
`,
  accumulate: `Usage: gaussmix accumulate MODEL.json DATA > FILE.stats [options]

The E-step of one iteration over one part of the rows: writes their sufficient statistics under the model, as bytes
(docs/STATISTICS.md), for gaussmix maximize. They are small: their size does not depend on the number of rows. All parts
of an iteration need the same model.

  --first-row N          number of the first row of DATA among all rows, from 0; a multiple of 4096. Then maximize
                         gives the same model, to the bit, in whatever order it gets the parts, and finds a part
                         that is missing or there twice
  --columns COLUMNS      columns to use, in the model's order
${HEADER_HELP}
${MISSING_HELP}
  --weights COLUMN       column with a weight for each row; it is no feature
  -o, --output FILE      write to a file that is none of those read, not to standard output
${MESSAGES_HELP}

Without --columns the columns are chosen by the names in the model if the header of DATA has them all,
otherwise all columns are used, by position, unless a name of the model stands in another position.

${DATA_HELP}

The model to begin with is a start that fit finds in some of the rows:
  gaussmix fit sample.csv -k 3 --max-iterations 0 -o model.json

Example, one iteration:
  gaussmix accumulate model.json part1.csv > part1.stats
  gaussmix accumulate model.json part2.csv > part2.stats
  gaussmix maximize part1.stats part2.stats -o model.json
`,
  maximize: `Usage: gaussmix maximize STATISTICS... -o MODEL.json [options]

The M-step of one iteration: merges the statistics that gaussmix accumulate has written for each part of the rows, and
saves the model they imply. Prints the log-likelihood of the model before, the one they were taken under: when it no longer
changes, that model has converged. Names of columns are kept.

  --regularization R     added to the diagonal of the covariances, in squared units of the data;
                         auto (default) is 1e-6 of each column's variance, as the statistics imply it
  --prior                a weak prior of means and covariances (Fraley and Raftery 2007) in place of
                         --regularization: no covariance becomes singular
  --covariance TYPE      that of the model before (default), or another with covariances of the same form
                         (see gaussmix help fit): VEE, say, after full
  -o, --output FILE      save the model as JSON (required without --json); not to one of the statistics, but to the
                         model before if wanted
  --json                 print the model as one JSON object, and beside it "statistics": { "logLikelihood" (mean per
                         row), "total", "count", "nSamples" } of the model before, and "warnings"
${MESSAGES_HELP}

One of the files may be - for standard input. Files that are cut off, changed on the way, of different models, or there
twice are refused.

Example:
  gaussmix maximize part*.stats -o model.json
`,
  spark: `Usage: gaussmix spark fit PATH... -k K [options]

Fits a mixture of K Gaussians to Parquet files on an Apache Spark cluster: the model of gaussmix fit on the same rows, bit
for bit. Rows are in the order of the paths, those of a folder in the order of its files' names.

PATH is a Parquet file or a folder of them: local, the same on all machines, or s3://, gs://, hdfs://, abfs://.
It needs spark-submit of Spark 4 or later with Java 17, and wasmtime, pyarrow and numpy for the Python of driver and
executors (pip install wasmtime pyarrow numpy; see docs/spark.md).

  -k, --components K     number of components (required)
  --covariance TYPE      full (default), tied, diag, spherical, or one of the others of gaussmix help fit
${FITTING_HELP}, by name
  --weights COLUMN       column with a weight for each row; it is no feature
  --missing WHAT         nulls and NaN: error (default), or marginalize: each row counts with the values it has
  --master URL           the cluster, as spark-submit has it: spark://HOST:PORT, yarn, local[*] (as it is configured)
  --spark-submit PATH    the program (found in the PATH, in SPARK_HOME, or of the pyspark that python3 has)
  --conf KEY=VALUE       a setting of Spark; may be given more than once
  --partitions P         ranges that the rows are divided into (one per core, or a few); the model is the same
  --checkpoint FILE      write the state of the fit to FILE, on this machine, after each iteration; a checkpoint that
                         is there is refused without --resume
  --resume               go on from that FILE, if it is there: the model is that of a fit that was never interrupted
  -o, --output FILE      save the model as JSON
  --json                 print the model as one JSON object, not a summary
  -v, --verbose          print each iteration on standard error
${MESSAGES_HELP}

Ctrl-C stops after the current iteration: the model so far is printed (and saved, with -o), and the exit code is 130.
Ctrl-C a second time quits at once. SIGTERM does the same, with exit code 143.

Example:
  gaussmix spark fit s3://bucket/rows -k 8 --master spark://host:7077 -o model.json
`,
};
