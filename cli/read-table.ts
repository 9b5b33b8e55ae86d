// Data of any readable format to a table: finds out the format and hands over to its reader.
// Must not parse a format itself.
import { type OnBytes, openBytes } from './bytes.ts';
import type { Selection } from './columns.ts';
import { Failure } from './failure.ts';
import { readCsv } from './read-csv.ts';
import { NPY_MAGIC, readNpy } from './read-npy.ts';
import type { Table } from './table.ts';

const LATER_EXTENSIONS = /\.(parquet|arrow|arrows|feather|ipc)$/i;

/** First bytes of what is often given by mistake, and what to say. */
const OTHER_FORMATS: readonly { readonly magic: string; readonly says: string }[] = [
  {
    magic: 'PAR1',
    says: 'is a Parquet file, which is not available in this version; convert it to CSV or .npy',
  },
  {
    magic: 'ARROW1',
    says: 'is an Arrow file, which is not available in this version; convert it to CSV or .npy',
  },
  { magic: '\x1f\x8b', says: 'is compressed; pipe it in: gunzip -c FILE | gaussmix ... -' },
  { magic: 'PK\x03\x04', says: 'is a zip archive (such as .xlsx or .npz); save the data as CSV or .npy' },
];

/**
 * Reads the chosen columns of a file, or of standard input for `-`.
 * @throws Failure naming the file and, where there is one, the place
 */
export async function readTable(path: string, selection: Selection, onBytes?: OnBytes): Promise<Table> {
  const source = await openBytes(path, onBytes);
  try {
    const start = await source.peek(8);
    if (NPY_MAGIC.every((byte, i) => start[i] === byte)) return await readNpy(source, selection);
    const text = Buffer.from(start).toString('latin1');
    const other = OTHER_FORMATS.find(({ magic }) => text.startsWith(magic));
    if (other) throw new Failure(`${source.name} ${other.says}`);
    if (LATER_EXTENSIONS.test(path)) {
      throw new Failure(
        `${path}: Parquet and Arrow files are not available in this version; convert it to CSV or .npy`,
      );
    }
    if (/\.npy$/i.test(path)) throw new Failure(`${path} is not a .npy file: it does not begin as one`);
    return await readCsv(source, selection);
  } finally {
    await source.close();
  }
}
