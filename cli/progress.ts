// The line on standard error that shows how far the work is, and notes beside it.
// Must not write anything to standard output, nor a moving line to anything but a terminal.
import type { Progress } from 'gaussmix';
import { oneLine, plural } from './failure.ts';

const BETWEEN_MS = 100;

/** What comes from the thread of the fit: the model does not. */
export type Step = Omit<Progress, 'model'>;

/** Progress of one command. */
export class ProgressLine {
  readonly #quiet: boolean;
  readonly #verbose: boolean;
  readonly #moving: boolean;
  #shown = false;
  #last = 0;

  constructor(options: { readonly quiet?: boolean; readonly verbose?: boolean }) {
    this.#quiet = options.quiet ?? false;
    this.#verbose = (options.verbose ?? false) && !this.#quiet;
    this.#moving = process.stderr.isTTY === true && !this.#quiet && !this.#verbose;
  }

  /** Whether each iteration (or each group) is of interest, not only now and then. */
  get everyIteration(): boolean {
    return this.#verbose;
  }

  /** Bytes read so far. */
  reading(name: string, bytes: number): void {
    const now = performance.now();
    if (!this.#moving || bytes < 1e7 || now - this.#last < BETWEEN_MS) return;
    this.#last = now;
    this.#show(`Reading ${name}: ${Math.round(bytes / 1e6)} MB`);
  }

  iteration(progress: Step, runs: number): void {
    if (!this.#moving && !this.#verbose) return;
    const { run, iteration, logLikelihood, change, elapsedMs } = progress;
    const parts = [
      ...(runs > 1 ? [`run ${run + 1} of ${runs}`] : []),
      `iteration ${iteration}`,
      // On a terminal the line must fit; the summary names the unit.
      `log-likelihood ${logLikelihood.toFixed(6)}${this.#verbose ? ' nats per row' : ''}`,
      ...(Number.isFinite(change) ? [`change ${change.toExponential(2)}`] : []),
      `${(elapsedMs / 1000).toFixed(1)} s`,
    ];
    if (this.#verbose) process.stderr.write(`${parts.join(', ')}\n`);
    else this.#show(parts.join(', '));
  }

  groups(done: number, total: number, failed: number): void {
    const now = performance.now();
    if (!this.#moving || now - this.#last < BETWEEN_MS) return;
    this.#last = now;
    const failures = failed > 0 ? `, ${failed} of them failed` : '';
    this.#show(`Fitting: ${done} of ${plural(total, 'group')} done${failures}`);
  }

  /** How far a selection is. */
  cells(text: string): void {
    if (this.#moving) this.#show(text);
  }

  /** A group or cell that is done, where each is of interest. */
  item(text: string): void {
    if (this.#verbose) process.stderr.write(`${oneLine(text)}\n`);
  }

  /** Something that went wrong without ending the command: never left out. */
  error(text: string): void {
    this.clear();
    process.stderr.write(`gaussmix: ${oneLine(text)}\n`);
  }

  /** A remark that stays. */
  note(text: string): void {
    this.clear();
    if (!this.#quiet) process.stderr.write(`gaussmix: note: ${oneLine(text)}\n`);
  }

  /** A remark only for someone who watches. */
  aside(text: string): void {
    if (!this.#moving && !this.#verbose) return;
    this.clear();
    process.stderr.write(`${text}\n`);
  }

  clear(): void {
    if (this.#shown) process.stderr.write('\r\u001b[K');
    this.#shown = false;
  }

  #show(text: string): void {
    const width = (process.stderr.columns ?? 80) - 1;
    process.stderr.write(`\r${text.slice(0, width)}\u001b[K`);
    this.#shown = true;
  }
}
