// Threads in Node (worker_threads) and in browsers (Web Workers), started from a program's text or a script.
// Must not know what the programs do: pool.ts and job-pool.ts do.
import { GaussmixTypeError } from './errors.ts';
import { nodeModule } from './kernel.ts';

/** One worker of whatever kind the host has. */
export interface Thread {
  post(message: unknown, transfer: readonly ArrayBuffer[]): void;
  terminate(): void;
}

interface ThreadEvents {
  message(data: never): void;
  /** It died, or never started. */
  failure(reason: string): void;
}

export type StartThread = (events: ThreadEvents) => Thread;

/** A worker died before it answered. */
export class ThreadDeath extends Error {}

/** What of Node's worker_threads is used. */
interface NodeWorker {
  postMessage(message: unknown, transfer: readonly unknown[]): void;
  on(event: string, listener: (value: never) => void): void;
  terminate(): Promise<number>;
}
type NodeWorkerClass = new (program: string, options: { eval: boolean; execArgv: string[] }) => NodeWorker;

async function nodeWorkerClass(): Promise<NodeWorkerClass | undefined> {
  const { process } = globalThis as { process?: { versions?: { node?: string } } };
  if (!process?.versions?.node) return undefined;
  const name = 'node:worker_threads';
  try {
    const threads =
      nodeModule<{ Worker: NodeWorkerClass }>(name) ??
      // Node before 20.16 has no getBuiltinModule.
      ((await import(/* @vite-ignore */ /* webpackIgnore: true */ name)) as { Worker: NodeWorkerClass });
    return threads.Worker;
  } catch {
    // A host that only looks like Node, as edge runtimes do.
    return undefined;
  }
}

/** How many threads the machine runs at once; 0 where the host has no workers. */
export async function availableThreads(): Promise<number> {
  if (typeof Worker !== 'function' && !(await nodeWorkerClass())) return 0;
  const os = nodeModule<{ availableParallelism(): number }>('node:os');
  const { navigator } = globalThis as { navigator?: { hardwareConcurrency?: number } };
  return os?.availableParallelism() ?? navigator?.hardwareConcurrency ?? 1;
}

/**
 * A way to start workers here.
 * @param program text of a classic script; in Node it finds `parentPort` defined, in browsers it is a worker's scope
 * @param script address of a script to start in browsers instead of the text
 */
export async function threadStarter(program: () => string, script: string | undefined): Promise<StartThread> {
  const NodeClass = await nodeWorkerClass();
  if (NodeClass) return (events) => startNodeThread(NodeClass, program(), events);
  if (typeof Worker !== 'function') {
    throw new GaussmixTypeError(
      'KERNEL_UNAVAILABLE',
      'this JavaScript engine has no workers: pass `workers: 0` to fit on the calling thread',
    );
  }
  return (events) => startWebThread(script ?? program, events);
}

function startNodeThread(NodeClass: NodeWorkerClass, program: string, events: ThreadEvents): Thread {
  const worker = new NodeClass(`const { parentPort } = require('node:worker_threads');\n${program}`, {
    eval: true,
    // Not the arguments of this process: --input-type=module would make a module of the program.
    execArgv: [],
  });
  let ended = false;
  worker.on('message', (data: never) => events.message(data));
  worker.on('error', (error: never) => events.failure(String(error)));
  worker.on('exit', (code: never) => {
    if (!ended) events.failure(`exit code ${String(code)}`);
  });
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    terminate: () => {
      ended = true;
      void worker.terminate();
    },
  };
}

function startWebThread(script: string | (() => string), events: ThreadEvents): Thread {
  const given = typeof script === 'string';
  const address = given ? script : URL.createObjectURL(new Blob([script()], { type: 'text/javascript' }));
  const worker = new Worker(address);
  worker.onmessage = ({ data }) => events.message(data as never);
  worker.onerror = (event) => events.failure(event.message || 'the worker script could not be started');
  return {
    post: (message, transfer) => worker.postMessage(message, transfer as ArrayBuffer[]),
    terminate: () => {
      worker.terminate();
      if (!given) URL.revokeObjectURL(address);
    },
  };
}

/** The error for workers that never came up. */
export function threadsUnavailable(reason: string): GaussmixTypeError {
  return new GaussmixTypeError(
    'KERNEL_UNAVAILABLE',
    `a worker could not be started (${reason}). A content security policy must allow worker-src blob:, or ` +
      'pass the address of gaussmix/worker.js as `workerScript`; `workers: 0` fits on the calling thread',
  );
}
