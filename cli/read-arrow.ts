// Arrow's IPC format, file or stream: rows of its columns of numbers, record batch by record batch.
// Must not hold more than a batch, and the dictionaries of the columns that are used. A file is read as the stream that it
// contains, so that it may come through a pipe.
// Source: Columnar.rst ("Serialization and Interprocess Communication") of apache/arrow.
import { type Dictionaries, RecordBatch, type Values } from './arrow-batch.ts';
import { type ArrowField, kindOf, parseSchema } from './arrow-schema.ts';
import { type ByteSource, readEnd } from './bytes.ts';
import { type ColumnBatch, type ColumnFile, columnRows, fileFailure } from './column-rows.ts';
import type { Selection } from './columns.ts';
import { Damage, Unsupported } from './damage.ts';
import { FlatTable } from './flatbuffer.ts';
import type { RowStream } from './rows.ts';

/** How an Arrow file begins. */
export const ARROW_MAGIC = 'ARROW1';
/** With what brings it to a multiple of eight bytes. */
const MAGIC_BYTES = 8;
/** After the footer of a file: its length and the magic. */
const FOOTER_TRAILER = 10;
/** What a message begins with, but in files of before 2019. */
const CONTINUATION = 0xffffffff;
/** More than this is no metadata. */
const LONGEST_METADATA = 1 << 28;
/** From a pipe a body of this size is read into one piece at once; larger ones as they come. */
const TRUSTED_BYTES = 1 << 20;

/** Kinds of messages. */
const SCHEMA = 1;
const DICTIONARY_BATCH = 2;
const RECORD_BATCH = 3;

interface Message {
  readonly kind: number;
  readonly header: FlatTable;
  readonly bodyLength: number;
}

/** Whether bytes are the beginning of an Arrow stream: a message with a schema. */
export function isArrowStream(start: Uint8Array): boolean {
  if (start.length < 8) return false;
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const length = view.getUint32(4, true);
  return view.getUint32(0, true) === CONTINUATION && length > 0 && length <= LONGEST_METADATA;
}

/**
 * Opens an Arrow file or stream: reads its schema.
 * @param path of the source, for the end of a file; undefined for a pipe
 * @throws Failure for a file that is damaged, and for columns as {@link columnRows}
 */
export async function openArrow(source: ByteSource, selection: Selection, path?: string): Promise<RowStream> {
  try {
    const isFile = Buffer.from(await source.peek(6)).toString('latin1') === ARROW_MAGIC;
    if (isFile) await source.readInto(new Uint8Array(MAGIC_BYTES));
    const first = await readMessage(source);
    if (first?.kind === SCHEMA) {
      await readBody(source, first.bodyLength);
      return columnRows(new ArrowSource(source, isFile, parseSchema(first.header)), selection);
    }
    if (!isFile) throw new Damage('it does not begin with a schema');
    // As Arrow's JavaScript writes files.
    if (path === undefined) {
      throw new Unsupported('has its schema at its end only: give the file itself, not a pipe');
    }
    return columnRows(
      new ArrowSource(source, isFile, parseSchema(await footerSchema(path)), first),
      selection,
    );
  } catch (error) {
    throw fileFailure(source.name, error);
  }
}

/** The schema in the footer of a file. */
async function footerSchema(path: string): Promise<FlatTable> {
  const trailer = await readEnd(path, FOOTER_TRAILER);
  const isWhole = Buffer.from(trailer.subarray(4)).toString('latin1') === ARROW_MAGIC;
  if (!isWhole) throw new Damage('it is cut off');
  const length = new DataView(trailer.buffer).getUint32(0, true);
  if (length > LONGEST_METADATA) throw new Damage('its footer is damaged');
  const footer = await readEnd(path, length + FOOTER_TRAILER);
  const schema = FlatTable.root(footer).table(1);
  if (schema === undefined) throw new Damage('it has no schema');
  return schema;
}

class ArrowSource implements ColumnFile {
  readonly name: string;
  readonly format = 'an Arrow file';
  readonly columns: ColumnFile['columns'];
  readonly rows = undefined;
  readonly #source: ByteSource;
  readonly #isFile: boolean;
  readonly #fields: readonly ArrowField[];
  /** A message that was read already, up to its body. */
  #first: Message | undefined;

  constructor(source: ByteSource, isFile: boolean, fields: readonly ArrowField[], first?: Message) {
    this.name = source.name;
    this.#source = source;
    this.#isFile = isFile;
    this.#fields = fields;
    this.#first = first;
    this.columns = fields.map((field) => ({
      name: field.name,
      kind: kindOf(field),
      type: field.type,
      isInteger: field.storage.kind === 'stored' && field.storage.type.endsWith('int64'),
    }));
  }

  async *batches(used: readonly number[]): AsyncGenerator<ColumnBatch> {
    const wanted = new Map(
      used.flatMap((column) => {
        const field = this.#fields[column];
        return field.dictionary ? [[field.dictionary.id, field] as const] : [];
      }),
    );
    const dictionaries = new Map<number, Values>();
    for (;;) {
      const message = this.#first ?? (await readMessage(this.#source));
      this.#first = undefined;
      if (message === undefined) break;
      const body = await readBody(this.#source, message.bodyLength);
      if (message.kind === RECORD_BATCH) {
        const batch = new RecordBatch(message.header, body, this.#fields);
        yield columnBatch(batch, this.#fields, dictionaries);
      } else if (message.kind === DICTIONARY_BATCH) {
        const field = wanted.get(message.header.count(0));
        if (field) addDictionary(dictionaries, field, message.header, body);
      } else {
        throw new Unsupported('has a message that is no record batch');
      }
    }
    // A stream may end anywhere; in a file there is more.
    if (this.#isFile && (await this.#source.peek(1)).length === 0) throw new Damage('it is cut off');
  }
}

function addDictionary(
  dictionaries: Map<number, Values>,
  field: ArrowField,
  header: FlatTable,
  body: Uint8Array,
): void {
  const data = header.table(1);
  if (data === undefined) throw new Damage('a dictionary has no values');
  const plain: ArrowField = {
    ...field,
    dictionary: undefined,
    buffers: field.storage.kind === 'text' && field.storage.offsets !== 'view' ? 3 : 2,
  };
  const id = header.count(0);
  const values = new RecordBatch(data, body, [plain]).values(plain, 0, new Map());
  const before = header.uint8(2) ? dictionaries.get(id) : undefined;
  dictionaries.set(id, before ? concatenate(before, values) : values);
}

function concatenate(first: Values, second: Values): Values {
  if (first instanceof Float64Array && second instanceof Float64Array) {
    const both = new Float64Array(first.length + second.length);
    both.set(first);
    both.set(second, first.length);
    return both;
  }
  return [...first, ...second] as readonly (string | undefined)[];
}

function columnBatch(
  batch: RecordBatch,
  fields: readonly ArrowField[],
  dictionaries: Dictionaries,
): ColumnBatch {
  const columns = new Map<number, { values: Values; used: number }>();
  const columnOf = (column: number): { values: Values; used: number } => {
    let state = columns.get(column);
    if (state === undefined) {
      state = { values: batch.values(fields[column], column, dictionaries), used: 0 };
      columns.set(column, state);
    }
    return state;
  };
  return {
    rows: batch.rows,
    async numbers(column, count, target, start, stride) {
      const state = columnOf(column);
      const values = state.values as Float64Array;
      for (let i = 0, at = start; i < count; i++, at += stride) target[at] = values[state.used + i];
      state.used += count;
    },
    async keys(column, count) {
      const state = columnOf(column);
      const keys = state.values.slice(state.used, state.used + count);
      state.used += count;
      return Array.from(keys as ArrayLike<string | number | undefined>, (key) =>
        Number.isNaN(key) ? undefined : key,
      );
    },
  };
}

/** The next message but its body; undefined at the end. */
async function readMessage(source: ByteSource): Promise<Message | undefined> {
  let length = await readLength(source);
  if (length === CONTINUATION) length = await readLength(source);
  if (length === undefined || length === 0) return undefined;
  if (length > LONGEST_METADATA) throw new Damage('it has a message that is no message');
  const message = FlatTable.root(await readBody(source, length));
  const header = message.table(2);
  if (header === undefined) throw new Damage('it has a message without a content');
  return { kind: message.uint8(1), header, bodyLength: message.count(3) };
}

async function readLength(source: ByteSource): Promise<number | undefined> {
  const bytes = new Uint8Array(4);
  const filled = await source.readInto(bytes);
  if (filled === 0) return undefined;
  if (filled < 4) throw new Damage('it is cut off');
  return new DataView(bytes.buffer).getUint32(0, true);
}

/** So many bytes; memory is taken only as they come. */
async function readBody(source: ByteSource, length: number): Promise<Uint8Array> {
  if (source.size !== undefined && length > source.size) throw new Damage('it is cut off');
  let bytes = new Uint8Array(source.size === undefined ? Math.min(length, TRUSTED_BYTES) : length);
  for (let filled = 0; ; ) {
    const read = await source.readInto(bytes.subarray(filled));
    filled += read;
    if (filled < bytes.length) throw new Damage('it is cut off');
    if (filled === length) return bytes;
    const larger = new Uint8Array(Math.min(length, 2 * bytes.length));
    larger.set(bytes);
    bytes = larger;
  }
}
