// `gaussmix maximize`: the statistics of all parts become the next mixture.
// Must not see rows.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { type GaussianMixture, GaussmixError, maximize, SufficientStatistics } from 'gaussmix';
import type { MaximizeCommand } from './arguments.ts';
import { Failure, plural, systemFailure } from './failure.ts';
import { checkOutput, withOutput, writeStandardOutput } from './output.ts';
import { formatNumber } from './summary.ts';
import { commandLineWords } from './wording.ts';

/** Merges the statistics of all files, saves the mixture they imply, and prints the log-likelihood of the one before. */
export async function runMaximize(command: MaximizeCommand): Promise<number> {
  await checkOutput(command, Object.fromEntries(command.files.map((path) => [path, path])));
  const statistics = await mergeFiles(command.files);
  const warnings: string[] = [];
  const model = step(statistics, command, warnings);
  if (command.output !== undefined) {
    await withOutput(command.output, (write) => write(`${JSON.stringify(model)}\n`));
  }
  const { count, nSamples, logLikelihood: total } = statistics;
  const logLikelihood = total / count;
  if (command.json) {
    const before = { logLikelihood, total, count, nSamples };
    await writeStandardOutput(`${JSON.stringify({ ...model.toJSON(), statistics: before, warnings })}\n`);
    return 0;
  }
  const where = command.files.length === 1 ? '' : ` in ${plural(command.files.length, 'file')}`;
  const lines = [
    `Log-likelihood of the mixture before this step: ${formatNumber(logLikelihood, 10)} nats per row, ` +
      `${formatNumber(total, 10)} in total (${plural(nSamples, 'row')}${where})`,
    ...warnings.map((warning) => `Warning: ${warning}`),
  ];
  await writeStandardOutput(`${lines.join('\n')}\n`);
  return 0;
}

async function mergeFiles(paths: readonly string[]): Promise<SufficientStatistics> {
  let merged: SufficientStatistics | undefined;
  /** Which file had these bytes, by their hash. */
  const seen = new Map<string, string>();
  for (const path of paths) {
    const name = path === '-' ? 'standard input' : path;
    let bytes: Uint8Array;
    try {
      bytes = path === '-' ? await buffer(process.stdin) : await readFile(path);
    } catch (error) {
      throw systemFailure(`cannot read ${name}`, error);
    }
    try {
      const part = SufficientStatistics.fromBytes(bytes);
      merged = merged === undefined ? part : merged.merge(part);
      const hash = createHash('sha256').update(bytes).digest('hex');
      const before = seen.get(hash);
      // Rows without any weight do no harm.
      if (before !== undefined && part.count > 0) throw countedTwice(before, name);
      seen.set(hash, name);
    } catch (error) {
      if (!(error instanceof GaussmixError)) throw error;
      throw new Failure(`${name}: ${commandLineWords(error.message)}`);
    }
  }
  return merged as SufficientStatistics;
}

/**
 * Merging finds rows that are there twice by their numbers. Without numbers the sums of different rows are hardly ever the same
 * to the bit, but for parts of a few rows.
 */
function countedTwice(first: string, second: string): Failure {
  const which = first === second ? `${first} is given twice` : `${first} and ${second} have the same content`;
  return new Failure(
    `${which}: the same rows would count twice; leave one out (other rows that happen to be equal: number the parts by ` +
      'gaussmix accumulate --first-row)',
  );
}

function step(
  statistics: SufficientStatistics,
  { covariance, regularization, prior }: MaximizeCommand,
  warnings: string[],
): GaussianMixture {
  try {
    return maximize(statistics, {
      covarianceType: covariance,
      regularization,
      prior: prior ? 'default' : undefined,
      onWarning: (warning) => warnings.push(commandLineWords(warning)),
    });
  } catch (error) {
    if (error instanceof GaussmixError) throw new Failure(commandLineWords(error.message));
    throw error;
  }
}
