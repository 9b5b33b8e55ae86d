// Rows that are read anew for each pass of a fit, as the library wants them.
// Must not decide which rows those are: fit-rows.ts does.
import { closeSync, openSync } from 'node:fs';
import type { StreamChunk, StreamSource } from 'gaussmix';
import { systemFailure } from './failure.ts';
import type { HeldRows } from './fit-rows.ts';
import { openRows, type RowFile } from './row-file.ts';
import { chunkRows, type RowChunk } from './rows.ts';
import { StoredReader } from './stored-rows.ts';

/** A source, and how to be done with it. */
export interface OpenSource {
  readonly source: StreamSource;
  close(): Promise<void>;
}

/** @throws Failure when the file cannot be opened */
export async function openSource(held: Exclude<HeldRows, { kind: 'memory' }>): Promise<OpenSource> {
  if (held.kind === 'stored') {
    const reader = new StoredReader(held.stored);
    return { source: () => asChunks(reader.chunks(), held.stored.columns), close: async () => {} };
  }
  const file = await openRows(held.path, held.selection);
  const doubles = storedDoubles(file, held.path);
  let pass = 0;
  return {
    // The first pass goes through the reader of the format, whose messages name the place of a bad value in the file.
    source: () => asChunks(doubles && pass++ > 0 ? doubles.reader.chunks() : twoBuffers(file), file.columns),
    close: async () => {
      if (doubles) closeSync(doubles.fd);
      await file.close();
    },
  };
}

/** A way to read rows without their reader, where they are in the file as they are in memory. */
function storedDoubles(
  { name, columns, rows, doublesFrom }: RowFile,
  path: string,
): { readonly reader: StoredReader; readonly fd: number } | undefined {
  if (doublesFrom === undefined || rows === undefined) return undefined;
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    throw systemFailure(`cannot read ${path}`, error);
  }
  const recordRows = chunkRows(columns);
  const stored = { name, fd, start: doublesFrom, rows, columns, recordRows, weighted: false };
  return { reader: new StoredReader(stored), fd };
}

/** Copies of chunks that their reader overwrites: each is valid until the one after the next. */
async function* twoBuffers(file: RowFile): AsyncGenerator<RowChunk> {
  const buffers = [new Float64Array(0), new Float64Array(0)];
  let turn = 0;
  for await (const { data, weights, ...others } of file.chunks()) {
    const length = data.length + (weights?.length ?? 0);
    if (buffers[turn].length < length) buffers[turn] = new Float64Array(length);
    const copy = buffers[turn].subarray(0, data.length);
    const copiedWeights = weights && buffers[turn].subarray(data.length, length);
    copy.set(data);
    if (weights) copiedWeights?.set(weights);
    yield { ...others, data: copy, weights: copiedWeights };
    turn = 1 - turn;
  }
}

async function* asChunks(chunks: AsyncIterable<RowChunk>, columns: number): AsyncGenerator<StreamChunk> {
  for await (const { data: values, rows, weights } of chunks) {
    const data = { data: values, shape: [rows, columns] };
    yield weights ? { data, sampleWeight: weights } : data;
  }
}
