// All rows of a reader of the command line, as a table.
// Must not open files.
import type { RowStream } from '../../cli/rows.ts';
import type { Table } from '../../cli/table.ts';

/** Reads to the end; chunks are copied, as they are overwritten. */
export async function collect(stream: RowStream): Promise<Table> {
  const data: number[] = [];
  const weights: number[] = [];
  const ids: number[] = [];
  let rows = 0;
  for await (const chunk of stream.chunks()) {
    for (const value of chunk.data) data.push(value);
    for (const value of chunk.weights ?? []) weights.push(value);
    for (const value of chunk.groups ?? []) ids.push(value);
    rows += chunk.rows;
  }
  const { columns, names, labels, notes } = stream;
  return {
    data: Float64Array.from(data),
    rows,
    columns,
    names,
    labels,
    weights: weights.length > 0 ? Float64Array.from(weights) : undefined,
    groups: ids.length > 0 ? { ids: Int32Array.from(ids), names: stream.groupNames() } : undefined,
    notes,
  };
}
