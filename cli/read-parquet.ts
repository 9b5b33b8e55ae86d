// Parquet files: rows of their columns of numbers, row group by row group.
// Must not hold more of the file than its footer and a page of each column that is used.
import { type FileHandle, open } from 'node:fs/promises';
import type { OnBytes } from './bytes.ts';
import { type ColumnBatch, type ColumnFile, columnRows, fileFailure } from './column-rows.ts';
import type { Selection } from './columns.ts';
import { Failure, systemFailure } from './failure.ts';
import { columnPart, type ParquetMetadata, parseMetadata, type RowGroup } from './parquet-metadata.ts';
import { ColumnReader, type SeekableFile } from './parquet-pages.ts';
import type { RowStream } from './rows.ts';

const MAGIC = 'PAR1';
/** Magic and length at the end of the file. */
const TRAILER = 8;

/** An open file. */
export interface OpenParquet {
  readonly stream: RowStream;
  close(): Promise<void>;
}

/**
 * Opens a Parquet file: reads its footer.
 * @throws Failure for a file that is damaged or encrypted, and for columns as {@link columnRows}
 */
export async function openParquet(
  path: string,
  selection: Selection,
  onBytes?: OnBytes,
): Promise<OpenParquet> {
  let handle: FileHandle;
  try {
    handle = await open(path);
  } catch (error) {
    throw systemFailure(`cannot read ${path}`, error);
  }
  try {
    const file = await seekable(path, handle, onBytes);
    const metadata = await readMetadata(path, file);
    return { stream: columnRows(columnFile(path, file, metadata), selection), close: () => handle.close() };
  } catch (error) {
    await handle.close();
    throw fileFailure(path, error);
  }
}

async function seekable(
  path: string,
  handle: FileHandle,
  onBytes: OnBytes | undefined,
): Promise<SeekableFile> {
  const { size } = await handle.stat();
  let total = 0;
  return {
    size,
    async read(offset, length) {
      const target = new Uint8Array(length);
      for (let filled = 0; filled < length; ) {
        const { bytesRead } = await handle
          .read(target, filled, length - filled, offset + filled)
          .catch((error: unknown) => {
            throw systemFailure(`cannot read ${path}`, error);
          });
        if (bytesRead === 0) throw new Failure(`${path} is cut off`);
        filled += bytesRead;
      }
      total += length;
      onBytes?.(total);
      return target;
    },
  };
}

/** @throws Failure, Damage, Unsupported */
export async function readMetadata(name: string, file: SeekableFile): Promise<ParquetMetadata> {
  if (file.size < MAGIC.length + TRAILER) throw new Failure(`${name} is cut off: it has no Parquet footer`);
  const trailer = await file.read(file.size - TRAILER, TRAILER);
  const magic = Buffer.from(trailer.subarray(4)).toString('latin1');
  if (magic !== MAGIC) throw new Failure(`${name} is cut off: it does not end as a Parquet file`);
  const length = new DataView(trailer.buffer).getUint32(0, true);
  if (length > file.size - TRAILER - MAGIC.length)
    throw new Failure(`${name} is damaged: its footer is cut off`);
  return parseMetadata(await file.read(file.size - TRAILER - length, length));
}

/** The columns and row groups of a file. */
export function columnFile(name: string, file: SeekableFile, metadata: ParquetMetadata): ColumnFile {
  return {
    name,
    format: 'a Parquet file',
    rows: metadata.rows,
    columns: metadata.columns.map((column) => ({
      name: column.name,
      kind: column.kind,
      type: column.type,
      isInteger: column.physical.startsWith('INT') && column.logical === undefined,
    })),
    async *batches(used) {
      for (const group of metadata.groups) {
        // Without rows there are no pages: what is said of their place (0, by some writers) means nothing.
        if (group.rows > 0) yield batchOf(file, metadata, group, used);
      }
    },
  };
}

function batchOf(
  file: SeekableFile,
  { columns }: ParquetMetadata,
  group: RowGroup,
  used: readonly number[],
): ColumnBatch {
  const readers = new Map(
    used.map((column) => {
      const part = columnPart(group, columns[column], file.size);
      return [column, new ColumnReader(file, columns[column], part, group.rows)];
    }),
  );
  return {
    rows: group.rows,
    numbers: (column, count, target, start, stride) =>
      (readers.get(column) as ColumnReader).numbers(count, target, start, stride),
    keys: (column, count) => (readers.get(column) as ColumnReader).keys(count),
  };
}
