// `report`: a model and its rows as one HTML file.
// Must not know what is in it.
import type { ReportCommand } from './arguments.ts';
import { named, readFor } from './commands.ts';
import { readModelFile } from './model-file.ts';
import { checkOutput, withOutput } from './output.ts';
import { gather } from './report-content.ts';
import { reportPage } from './report-page.ts';

/** Reads a model and rows, and writes the report. @returns the exit code */
export async function runReport(command: ReportCommand): Promise<number> {
  await checkOutput(command, { 'MODEL.json': command.model, DATA: command.data });
  const model = await readModelFile(command.model);
  const table = await readFor(model, command);
  const content = await named(command.data, table.labels, {}, async () =>
    gather(model, table, command.missing),
  );
  const page = reportPage({
    content,
    dataName: command.data,
    modelName: command.model,
    weightsName: command.weights,
  });
  await withOutput(command.output, (write) => write(page));
  return 0;
}
