#!/usr/bin/env node
// Entry of the command line: finds the command, runs it, and turns what goes wrong into one line and an exit code.
// Must not import anything from the library but by its public name; the same file is the worker that fits.
import { isMainThread, workerData } from 'node:worker_threads';
import { GaussmixError } from 'gaussmix';
import { version } from '../package.json';
import { runAccumulate } from './accumulate.ts';
import { parseCommand } from './arguments.ts';
import { INTERRUPTED, runFit, runImpute, runPredict, runSample, runScore } from './commands.ts';
import { runEngine } from './engine.ts';
import { Failure, oneLine, UsageError } from './failure.ts';
import { runFitGroups } from './fit-groups.ts';
import { type FitJob, runFitWorker } from './fit-worker.ts';
import { type GroupsJob, runGroupsWorker } from './group-worker.ts';
import { COMMAND_HELP, GENERAL_HELP } from './help.ts';
import { runMaximize } from './maximize.ts';
import { removeTemporaries, watchStandardOutput, writeStandardOutput } from './output.ts';
import { runReport } from './report.ts';
import { runSelect } from './select.ts';
import { runSparkFit } from './spark.ts';

/** 128 + the number of SIGTERM. */
const TERMINATED = 143;

/** What the next signal does, Ctrl-C or SIGTERM; without it, the process ends. */
let atInterrupt: (() => void) | undefined;
/** Exit code of a command that was interrupted: 128 + the number of the signal. */
let interrupted = INTERRUPTED;

function interrupt(exitCode: number): void {
  interrupted = exitCode;
  if (atInterrupt) {
    const handler = atInterrupt;
    atInterrupt = undefined;
    handler();
    return;
  }
  if (process.stderr.isTTY) process.stderr.write('\n');
  removeTemporaries();
  process.exit(exitCode);
}

async function run(args: readonly string[]): Promise<number> {
  if (args.length === 0) {
    process.stderr.write(GENERAL_HELP);
    return 2;
  }
  // Not for people: it is in no help.
  if (args.length === 1 && args[0] === 'engine') return runEngine();
  const command = parseCommand(args);
  switch (command.name) {
    case 'help':
      await writeStandardOutput(command.topic ? COMMAND_HELP[command.topic] : GENERAL_HELP);
      return 0;
    case 'version':
      await writeStandardOutput(`gaussmix ${version}\n`);
      return 0;
    case 'fit':
      return (command.groupBy === undefined ? runFit : runFitGroups)(
        command,
        new URL(import.meta.url),
        (handler) => {
          atInterrupt = handler;
        },
      );
    case 'predict':
      return runPredict(command);
    case 'score':
      return runScore(command);
    case 'sample':
      return runSample(command);
    case 'impute':
      return runImpute(command);
    case 'report':
      return runReport(command);
    case 'accumulate':
      return runAccumulate(command);
    case 'maximize':
      return runMaximize(command);
    case 'spark':
      return runSparkFit(command, (handler) => {
        atInterrupt = handler;
      });
    case 'select':
      return runSelect(command, (handler) => {
        atInterrupt = handler;
      });
  }
}

/** Ends the process with one line on standard error. */
function fail(error: unknown): void {
  let [message, exitCode] = [String(error), 1];
  if (error instanceof UsageError) {
    exitCode = error.exitCode;
    const help = error.command === undefined ? 'gaussmix --help' : `gaussmix ${error.command} --help`;
    message = `${error.message} (see ${help})`;
  } else if (error instanceof Failure || error instanceof GaussmixError) {
    message = error.message;
  } else if (error instanceof Error) {
    message = `unexpected ${error.name}: ${error.message}`;
  }
  removeTemporaries();
  // A moving line may stand there.
  const clear = process.stderr.isTTY ? '\r\u001b[K' : '';
  process.stderr.write(`${clear}gaussmix: ${oneLine(message)}\n`, () => process.exit(exitCode));
}

if (isMainThread) {
  watchStandardOutput(fail);
  process.on('SIGINT', () => interrupt(INTERRUPTED));
  // What containers and batch systems send before they kill.
  process.on('SIGTERM', () => interrupt(TERMINATED));
  run(process.argv.slice(2)).then((exitCode) => {
    process.exitCode = exitCode === INTERRUPTED ? interrupted : exitCode;
  }, fail);
} else {
  const job = workerData as FitJob | GroupsJob;
  if (job.kind === 'groups') runGroupsWorker(job);
  else void runFitWorker(job);
}
