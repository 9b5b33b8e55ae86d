// What the schema of Arrow data says, and where the buffers of each column are in a record batch.
// Must not read values.
// Source: Schema.fbs and Message.fbs of apache/arrow, and Columnar.rst on the layout of each type.
import type { ColumnKind } from './column-rows.ts';
import { Damage, Unsupported } from './damage.ts';
import type { FlatTable } from './flatbuffer.ts';
import type { StoredNumber } from './stored-numbers.ts';

/** Types by their numbers in the schema. */
const TYPES =
  'None,Null,Int,FloatingPoint,Binary,Utf8,Bool,Decimal,Date,Time,Timestamp,Interval,List,Struct,Union,FixedSizeBinary,FixedSizeList,Map,Duration,LargeBinary,LargeUtf8,LargeList,RunEndEncoded,BinaryView,Utf8View,ListView,LargeListView'.split(
    ',',
  );

/** Numbers of buffers, where they are not two (validity and values). */
const BUFFERS: Readonly<Record<string, number | undefined>> = {
  Null: 0,
  Binary: 3,
  Utf8: 3,
  LargeBinary: 3,
  LargeUtf8: 3,
  Struct: 1,
  FixedSizeList: 1,
  RunEndEncoded: 0,
  ListView: 3,
  LargeListView: 3,
};
const DEEPEST = 64;

/** How values of a column are stored. */
export type Storage =
  | { readonly kind: 'stored'; readonly type: StoredNumber }
  | { readonly kind: 'decimal'; readonly bytes: number; readonly scale: number }
  | { readonly kind: 'text'; readonly offsets: 32 | 64 | 'view' }
  | { readonly kind: 'other' };

/** A column, or what is within one. */
export interface ArrowField {
  readonly name: string;
  readonly type: string;
  readonly storage: Storage;
  /** Where its values are places in a dictionary: which, and how the places are stored. */
  readonly dictionary: { readonly id: number; readonly index: StoredNumber } | undefined;
  readonly children: readonly ArrowField[];
  /** Buffers of its own, but the variadic ones. */
  readonly buffers: number;
}

/** @throws Damage, Unsupported */
export function parseSchema(schema: FlatTable): ArrowField[] {
  if (schema.int16(0) !== 0) throw new Unsupported('holds big-endian numbers; save it on another machine');
  return schema.tables(1).map((field) => parseField(field, 0));
}

function parseField(field: FlatTable, depth: number): ArrowField {
  if (depth > DEEPEST) throw new Damage('its schema is nested too deeply');
  const type = TYPES[field.uint8(2)];
  if (type === undefined) throw new Unsupported('has a column of a type that is not known');
  const details = field.table(3);
  const encoding = field.table(4);
  const index = encoding?.table(1);
  return {
    name: field.text(0),
    type: type === 'Int' || type === 'FloatingPoint' ? numberName(type, details) : type,
    storage: storageOf(type, details),
    dictionary: encoding && { id: encoding.count(0), index: index ? integerType(index) : 'int32' },
    children: encoding ? [] : field.tables(5).map((child) => parseField(child, depth + 1)),
    buffers: encoding ? 2 : type === 'Union' ? 1 + (details?.int16(0) ?? 0) : (BUFFERS[type] ?? 2),
  };
}

function numberName(type: string, details: FlatTable | undefined): string {
  const storage = storageOf(type, details);
  return storage.kind === 'stored' ? storage.type : type;
}

function storageOf(type: string, details: FlatTable | undefined): Storage {
  switch (type) {
    case 'Int':
      return { kind: 'stored', type: integerType(details) };
    case 'FloatingPoint':
      return {
        kind: 'stored',
        type: (['half', 'float', 'double'] as const)[details?.int16(0) ?? 0] ?? 'half',
      };
    case 'Decimal': {
      const [scale, bits] = [details?.int32(1) ?? 0, details?.int32(2, 128) ?? 128];
      if (![32, 64, 128, 256].includes(bits) || Math.abs(scale) > 1000) {
        throw new Damage('its schema has decimals that there are not');
      }
      return { kind: 'decimal', bytes: bits / 8, scale };
    }
    case 'Utf8':
      return { kind: 'text', offsets: 32 };
    case 'LargeUtf8':
      return { kind: 'text', offsets: 64 };
    case 'Utf8View':
      return { kind: 'text', offsets: 'view' };
    default:
      return { kind: 'other' };
  }
}

function integerType(details: FlatTable | undefined): StoredNumber {
  const bits = details?.int32(0) ?? 0;
  if (bits !== 8 && bits !== 16 && bits !== 32 && bits !== 64) {
    throw new Damage(`its schema has integers of ${bits} bits`);
  }
  return `${details?.uint8(1) ? '' : 'u'}int${bits}`;
}

/** What a column can be used for. */
export function kindOf({ storage, type }: ArrowField): ColumnKind {
  if (type === 'Null') return 'nothing';
  if (storage.kind === 'stored' || storage.kind === 'decimal') return 'number';
  return storage.kind;
}

/** The buffers of one column in a record batch, by their numbers. */
export interface ColumnPlace {
  readonly node: number;
  readonly firstBuffer: number;
  readonly buffers: number;
}

/**
 * Where each column is in a record batch: columns lie one after the other, each before what is within it.
 * @param variadic how many more buffers each column of views has, in the order of the columns
 */
export function placesOf(fields: readonly ArrowField[], variadic: readonly number[]): ColumnPlace[] {
  let [node, buffer, views] = [0, 0, 0];
  const pass = (field: ArrowField): void => {
    node++;
    buffer += field.buffers;
    if (field.dictionary === undefined && /^(Binary|Utf8)View$/.test(field.type)) {
      buffer += variadic[views++] ?? 0;
    }
    field.children.forEach(pass);
  };
  return fields.map((field) => {
    const place = { node, firstBuffer: buffer };
    pass(field);
    return { ...place, buffers: buffer - place.firstBuffer };
  });
}
