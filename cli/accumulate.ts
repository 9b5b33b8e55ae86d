// `gaussmix accumulate`: the E-step over one part of the rows, as bytes for `gaussmix maximize`.
// Must not know how the bytes are laid out: the library does.
import { accumulate, type SufficientStatistics } from 'gaussmix';
import type { AccumulateCommand } from './arguments.ts';
import { named, readFor } from './commands.ts';
import { UsageError } from './failure.ts';
import { readModelFile } from './model-file.ts';
import { checkOutput, writeBytes } from './output.ts';

/** Writes the statistics of the rows of a file. */
export async function runAccumulate(command: AccumulateCommand): Promise<number> {
  const { output, firstRow, missing } = command;
  if ((output === undefined || output === '-') && process.stdout.isTTY) {
    throw new UsageError(
      'the statistics are bytes, which a terminal cannot show: give -o FILE, or redirect standard output (> FILE)',
      command.name,
    );
  }
  await checkOutput(command, { 'MODEL.json': command.model, DATA: command.data });
  const model = await readModelFile(command.model);
  const table = await readFor(model, command);
  const { data, rows, columns, weights } = table;
  let statistics: SufficientStatistics | undefined;
  await named(command.data, table.labels, {}, async () => {
    const options = { sampleWeight: weights, firstRow, missing };
    statistics = accumulate({ data, shape: [rows, columns] }, model, options);
  });
  await writeBytes(output, (statistics as SufficientStatistics).toBytes());
  return 0;
}
