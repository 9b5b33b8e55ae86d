// The values of one column in one row group of a Parquet file, page by page.
// Must not hold more than a page.
// Source: parquet.thrift and Encodings.md of apache/parquet-format.
import { brotli, type Decompressor, gzip, lz4Hadoop, lz4Raw, snappy, zstd } from './compression.ts';
import { Damage, Unsupported } from './damage.ts';
import { decodeByteStreams, decodeDeltas, decodePlain, decodeRuns, plainBytes } from './parquet-encodings.ts';
import type { ColumnPart, ParquetColumn } from './parquet-metadata.ts';
import { countField, numberField, structField, ThriftReader, type ThriftStruct } from './thrift.ts';

/** A file of which any part can be read. */
export interface SeekableFile {
  /** In bytes. */
  readonly size: number;
  /** Exactly these bytes. @throws Failure */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** By the number of the codec; undefined where it is not supported. */
const CODECS: readonly (Decompressor | undefined)[] = [
  (bytes) => bytes,
  snappy,
  gzip,
  undefined,
  brotli,
  lz4Hadoop,
  zstd,
  lz4Raw,
];
const ENCODING_NAMES: readonly string[] =
  'PLAIN,,PLAIN_DICTIONARY,RLE,BIT_PACKED,DELTA_BINARY_PACKED,DELTA_LENGTH_BYTE_ARRAY,DELTA_BYTE_ARRAY,RLE_DICTIONARY,BYTE_STREAM_SPLIT'.split(
    ',',
  );
const [PLAIN, PLAIN_DICTIONARY, RLE, DELTA_BINARY_PACKED, RLE_DICTIONARY, BYTE_STREAM_SPLIT] = [
  0, 2, 3, 5, 8, 9,
];
const [DATA_PAGE, DICTIONARY_PAGE, DATA_PAGE_V2] = [0, 2, 3];

/** Bytes that are read ahead, and that a page's header may have. */
const AHEAD = 1 << 17;

/** Values of a page: a few bytes may stand for any number of equal ones. */
const MOST_VALUES = 1 << 24;

/** The values of a page: numbers, with NaN for null; or texts, with undefined for null. */
type Values = Float64Array | readonly (string | undefined)[];

/** Reads a column of a row group from its beginning to its end. */
export class ColumnReader {
  readonly #file: SeekableFile;
  readonly #column: ParquetColumn;
  readonly #decompress: Decompressor;
  /** Where the next page begins, and where the column ends. */
  #offset: number;
  readonly #end: number;
  #ahead: Uint8Array = new Uint8Array(0);
  /** Rows of the row group that no page has held so far. */
  #rowsLeft: number;
  #dictionary: Values | undefined;
  #page: Values = [];
  #used = 0;

  /** @throws Unsupported for a compression that is not known */
  constructor(file: SeekableFile, column: ParquetColumn, part: ColumnPart, rows: number) {
    this.#file = file;
    this.#column = column;
    const decompress = CODECS[part.codec];
    if (decompress === undefined) {
      throw new Unsupported(
        `is compressed by a method that is not known (${part.codec}); save it with snappy or zstd`,
      );
    }
    this.#decompress = decompress;
    this.#offset = part.offset;
    this.#end = part.offset + part.size;
    this.#rowsLeft = rows;
  }

  /** The next values to every `stride`-th place of `target`, from `start` on; NaN for null. */
  async numbers(count: number, target: Float64Array, start: number, stride: number): Promise<void> {
    for (let filled = 0; filled < count; ) {
      if (this.#used === this.#page.length) await this.#nextPage();
      const page = this.#page as Float64Array;
      const taken = Math.min(count - filled, page.length - this.#used);
      let at = start + filled * stride;
      for (let i = this.#used; i < this.#used + taken; i++, at += stride) target[at] = page[i];
      this.#used += taken;
      filled += taken;
    }
  }

  /** The next values as keys of groups; undefined for null. */
  async keys(count: number): Promise<(string | number | undefined)[]> {
    const keys: (string | number | undefined)[] = [];
    while (keys.length < count) {
      if (this.#used === this.#page.length) await this.#nextPage();
      const end = Math.min(this.#page.length, this.#used + count - keys.length);
      for (; this.#used < end; this.#used++) {
        const key = this.#page[this.#used];
        keys.push(typeof key === 'number' && Number.isNaN(key) ? undefined : key);
      }
    }
    return keys;
  }

  async #nextPage(): Promise<void> {
    do {
      if (this.#offset >= this.#end) throw new Damage('a column has fewer values than it has rows');
      const { header, content } = await this.#readPage();
      const type = numberField(header, 1);
      if (type === DICTIONARY_PAGE) this.#readDictionary(header, content);
      else if (type === DATA_PAGE) this.#setPage(this.#dataPage(header, content));
      else if (type === DATA_PAGE_V2) this.#setPage(this.#dataPageV2(header, content));
    } while (this.#used === this.#page.length);
  }

  #setPage(values: Values): void {
    this.#page = values;
    this.#used = 0;
    this.#rowsLeft -= values.length;
  }

  async #readPage(): Promise<{ header: ThriftStruct; content: Uint8Array }> {
    if (this.#ahead.length < AHEAD) await this.#readAhead(AHEAD);
    const reader = new ThriftReader(this.#ahead);
    const header = reader.struct();
    const size = countField(header, 3, 'the size of a page');
    if (size > this.#end - this.#offset - reader.at)
      throw new Damage('a page lies beyond the end of its column');
    if (this.#ahead.length < reader.at + size) await this.#readAhead(reader.at + size + AHEAD);
    const content = this.#ahead.subarray(reader.at, reader.at + size);
    this.#offset += reader.at + size;
    this.#ahead = this.#ahead.subarray(reader.at + size);
    return { header, content };
  }

  /** Makes sure that so many bytes from the next page on are there, or all to the end of the column. */
  async #readAhead(wanted: number): Promise<void> {
    const held = this.#ahead.length;
    const length = Math.min(Math.max(wanted, 2 * AHEAD), this.#end - this.#offset) - held;
    if (length <= 0) return;
    const more = await this.#file.read(this.#offset + held, length);
    this.#ahead = held === 0 ? more : Buffer.concat([this.#ahead, more]);
  }

  #readDictionary(header: ThriftStruct, content: Uint8Array): void {
    const details = structField(header, 7);
    if (details === undefined) throw new Damage('a page lacks its header');
    const count = countField(details, 1, 'the length of a dictionary');
    const bytes = this.#decompress(content, countField(header, 2, 'the size of a page'));
    this.#dictionary = this.#plain(bytes, count);
  }

  #dataPage(header: ThriftStruct, content: Uint8Array): Values {
    const details = structField(header, 5);
    if (details === undefined) throw new Damage('a page lacks its header');
    const count = this.#countOf(details);
    const bytes = this.#decompress(content, countField(header, 2, 'the size of a page'));
    if (!this.#column.nullable) return this.#decode(numberField(details, 2), bytes, count);
    if (numberField(details, 3) !== RLE) throw new Unsupported('has nulls marked in a way that is not read');
    if (bytes.length < 4) throw new Damage('a page is cut off');
    const length = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
    if (length > bytes.length - 4) throw new Damage('a page is cut off');
    const levels = decodeRuns(bytes.subarray(4, 4 + length), 1, count);
    return this.#spread(levels, (present) =>
      this.#decode(numberField(details, 2), bytes.subarray(4 + length), present),
    );
  }

  #dataPageV2(header: ThriftStruct, content: Uint8Array): Values {
    const details = structField(header, 8);
    if (details === undefined) throw new Damage('a page lacks its header');
    const count = this.#countOf(details);
    const [levelBytes, repetitionBytes] = [
      countField(details, 5, 'the size of its levels'),
      countField(details, 6, 'the size of its levels'),
    ];
    const start = levelBytes + repetitionBytes;
    const size = countField(header, 2, 'the size of a page') - start;
    if (repetitionBytes > 0 || start > content.length || size < 0) throw new Damage('a page is damaged');
    const stored = content.subarray(start);
    const bytes = details.get(7) === false ? stored : this.#decompress(stored, size);
    if (!this.#column.nullable) return this.#decode(numberField(details, 4), bytes, count);
    const levels = decodeRuns(content.subarray(0, start), 1, count);
    return this.#spread(levels, (present) => this.#decode(numberField(details, 4), bytes, present));
  }

  #countOf(details: ThriftStruct): number {
    const count = countField(details, 1, 'the number of values of a page');
    if (count > this.#rowsLeft) throw new Damage('a column has more values than it has rows');
    if (count > MOST_VALUES) {
      throw new Unsupported(
        `has a page of ${count} values; save it with row groups of at most ${MOST_VALUES} rows`,
      );
    }
    return count;
  }

  /** Puts nulls where the levels are 0. */
  #spread(levels: Int32Array, decode: (present: number) => Values): Values {
    let present = 0;
    for (let i = 0; i < levels.length; i++) present += levels[i];
    const values = decode(present);
    // What most pages are.
    if (present === levels.length) return values;
    let at = 0;
    if (values instanceof Float64Array) {
      return Float64Array.from(levels, (level) => (level === 0 ? Number.NaN : values[at++]));
    }
    return Array.from(levels, (level) => (level === 0 ? undefined : values[at++]));
  }

  #decode(encoding: number | undefined, bytes: Uint8Array, count: number): Values {
    if (encoding === PLAIN) return this.#plain(bytes, count);
    if (encoding === RLE_DICTIONARY || encoding === PLAIN_DICTIONARY) return this.#look(bytes, count);
    const { kind, physical } = this.#column;
    if (kind === 'number' && encoding === DELTA_BINARY_PACKED && /^INT/.test(physical)) {
      return decodeDeltas(bytes, this.#column, count);
    }
    if (kind === 'number' && encoding === BYTE_STREAM_SPLIT && physical !== 'BYTE_ARRAY') {
      return decodeByteStreams(bytes, this.#column, count);
    }
    const name = ENCODING_NAMES[encoding ?? -1] || String(encoding);
    throw new Unsupported(
      `has a column in the encoding ${name}, which is not read; save it with the default encoding`,
    );
  }

  #plain(bytes: Uint8Array, count: number): Values {
    if (this.#column.kind === 'number') return decodePlain(bytes, this.#column, count);
    const decoder = new TextDecoder();
    return plainBytes(bytes, count).map((value) => decoder.decode(value));
  }

  /** Values by their places in the dictionary. */
  #look(bytes: Uint8Array, count: number): Values {
    const dictionary = this.#dictionary;
    if (dictionary === undefined) throw new Damage('a column lacks its dictionary');
    if (count === 0) return dictionary.slice(0, 0);
    if (bytes.length === 0) throw new Damage('a page is cut off');
    const places = decodeRuns(bytes.subarray(1), bytes[0], count);
    for (let i = 0; i < count; i++) {
      if (places[i] >= dictionary.length) throw new Damage('a page points beyond its dictionary');
    }
    if (dictionary instanceof Float64Array) {
      const numbers = new Float64Array(count);
      for (let i = 0; i < count; i++) numbers[i] = dictionary[places[i]];
      return numbers;
    }
    return Array.from(places, (place) => dictionary[place]);
  }
}
