// The program of a worker that does jobs (jobs.ts). It is bundled with all it imports and embedded as one text.
// Must not hold the kernel's binary: the compiled module arrives with the first message.
import { GaussmixError } from './errors.ts';
import { type JobName, jobs } from './jobs.ts';
import { initialize } from './kernel.ts';

/** What the library sends. */
export type ToJobWorker =
  | {
      readonly kind: 'jobs';
      readonly name: JobName;
      readonly module: WebAssembly.Module;
      readonly shared: unknown;
    }
  | { readonly kind: 'job'; readonly id: number; readonly input: unknown };

/** An error in a form that can be cloned. */
export interface ClonedError {
  /** Of the library's errors alone. */
  readonly code?: string;
  readonly isTypeError: boolean;
  readonly message: string;
}

/** What comes back. */
export type FromJobWorker =
  | { readonly id: number; readonly output: unknown }
  | { readonly id: number; readonly error: ClonedError };

interface Port {
  postMessage(message: FromJobWorker): void;
}

/** Node's port to the parent, which the library defines before this program starts there. */
declare const parentPort:
  | (Port & { on(name: string, listener: (data: ToJobWorker) => void): void })
  | undefined;

let ready: Promise<void> | undefined;
let run: (input: unknown) => unknown;

async function answer(message: ToJobWorker, port: Port): Promise<void> {
  if (message.kind === 'jobs') {
    const job = jobs[message.name] as (shared: unknown, input: unknown) => unknown;
    run = (input) => job(message.shared, input);
    ready = initialize(message.module);
  } else if (message.kind === 'job') {
    const { id, input } = message;
    try {
      await ready;
      port.postMessage({ id, output: run(input) });
    } catch (error) {
      port.postMessage({ id, error: cloned(error) });
    }
  }
}

function cloned(error: unknown): ClonedError {
  const message = error instanceof Error ? error.message : String(error);
  const isTypeError = error instanceof TypeError;
  return error instanceof GaussmixError
    ? { code: error.code, isTypeError, message }
    : { isTypeError, message };
}

// The port first: threads of Bun and Deno have the functions of a Web Worker beside it, and Bun's do not answer.
if (typeof parentPort !== 'undefined') {
  const port = parentPort;
  port.on('message', (message) => answer(message, port));
} else {
  const scope = globalThis as unknown as Port & {
    addEventListener(type: 'message', listener: (event: { data: ToJobWorker }) => void): void;
  };
  // Not onmessage: in gaussmix/worker.js the program of worker.ts, which stands before this one, has that.
  scope.addEventListener('message', (event) => answer(event.data, scope));
}
