// The rows of a data file as one table in memory.
// Must not know file formats.
import type { OnBytes } from './bytes.ts';
import type { Selection } from './columns.ts';
import { Failure } from './failure.ts';
import { openRows, type RowFile } from './row-file.ts';
import { GrowingVector, type Table } from './table.ts';

/**
 * Reads the chosen columns of a file, or of standard input for `-`.
 * @throws Failure naming the file and, where there is one, the place
 */
export async function readTable(path: string, selection: Selection, onBytes?: OnBytes): Promise<Table> {
  const file = await openRows(path, selection, onBytes);
  try {
    return await collect(file);
  } finally {
    await file.close();
  }
}

async function collect(file: RowFile): Promise<Table> {
  // A number of rows on standard input is what a header says: it may be anything.
  const data = file.bytes !== undefined && file.canReread ? allocate(file) : new GrowingVector();
  const weights = new GrowingVector();
  const ids = new GrowingVector<Int32Array>((length) => new Int32Array(length));
  let rows = 0;
  let [hasWeights, hasGroups] = [false, false];
  for await (const chunk of file.chunks()) {
    if (data instanceof GrowingVector) data.push(chunk.data);
    else data.set(chunk.data, rows * file.columns);
    if (chunk.weights) weights.push(chunk.weights);
    if (chunk.groups) ids.push(chunk.groups);
    hasWeights = chunk.weights !== undefined;
    hasGroups = chunk.groups !== undefined;
    rows += chunk.rows;
  }
  const { columns, names, labels, notes } = file;
  return {
    data: data instanceof GrowingVector ? data.take() : data,
    rows,
    columns,
    names,
    labels,
    weights: hasWeights ? weights.take() : undefined,
    groups: hasGroups ? { ids: ids.take(), names: file.groupNames() } : undefined,
    notes,
  };
}

function allocate({ name, rows = 0, columns }: RowFile): Float64Array {
  try {
    return new Float64Array(rows * columns);
  } catch {
    throw new Failure(`${name} has ${rows} rows of ${columns} columns: more than fits into memory`);
  }
}
