// The engine as a program of its own, one file with the library in it: what packages for other languages carry.
// Must not do anything but run it; the command line has it as `gaussmix engine`.
import { runEngine } from './engine.ts';
import { oneLine } from './failure.ts';

runEngine().then(
  () => process.exit(),
  (error: Error) => {
    process.stderr.write(`${oneLine(error.message)}\n`, () => process.exit(1));
  },
);
