// What the footer of a Parquet file says: its columns and where their parts are.
// Must not read files.
// Source: parquet.thrift, LogicalTypes.md and Encodings.md of apache/parquet-format.
import type { ColumnKind } from './column-rows.ts';
import { Damage, Unsupported } from './damage.ts';
import {
  countField,
  numberField,
  structField,
  structsField,
  ThriftReader,
  type ThriftStruct,
  textField,
} from './thrift.ts';

/** Physical types, by their numbers. */
const PHYSICAL = [
  'BOOLEAN',
  'INT32',
  'INT64',
  'INT96',
  'FLOAT',
  'DOUBLE',
  'BYTE_ARRAY',
  'FIXED_LEN_BYTE_ARRAY',
] as const;
export type PhysicalType = (typeof PHYSICAL)[number];

/** Logical types and the older converted types, by their numbers, as far as they matter. */
const LOGICAL: readonly (string | undefined)[] =
  ',STRING,MAP,LIST,ENUM,DECIMAL,DATE,TIME,TIMESTAMP,,INTEGER,NULL,JSON,BSON,UUID,FLOAT16,VARIANT,GEOMETRY,GEOGRAPHY'.split(
    ',',
  );
const CONVERTED: readonly (string | undefined)[] =
  'STRING,MAP,MAP,LIST,ENUM,DECIMAL,DATE,TIME,TIME,TIMESTAMP,TIMESTAMP,UINT,UINT,UINT,UINT,INTEGER,INTEGER,INTEGER,INTEGER,JSON,BSON,INTERVAL'.split(
    ',',
  );

/** A column at the top of the schema. */
export interface ParquetColumn {
  readonly name: string;
  readonly kind: ColumnKind;
  /** For messages. */
  readonly type: string;
  readonly physical: PhysicalType;
  /** What the values stand for: STRING, DECIMAL, ...; undefined: what they are. */
  readonly logical: string | undefined;
  readonly unsigned: boolean;
  /** Of decimals: digits after the point. */
  readonly scale: number;
  /** Bytes of a value of fixed length. */
  readonly length: number;
  readonly nullable: boolean;
  /** Which of the leaves of the schema it is. */
  readonly leaf: number;
}

/** Where the values of a column in a row group are. */
export interface ColumnPart {
  readonly offset: number;
  readonly size: number;
  readonly codec: number;
}

export interface RowGroup {
  readonly rows: number;
  /** By leaf. */
  readonly parts: readonly ThriftStruct[];
}

export interface ParquetMetadata {
  readonly rows: number;
  readonly columns: readonly ParquetColumn[];
  readonly groups: readonly RowGroup[];
}

/** @throws Damage, Unsupported */
export function parseMetadata(footer: Uint8Array): ParquetMetadata {
  const file = new ThriftReader(footer).struct();
  if (file.has(8)) throw new Unsupported('is encrypted; save it without encryption');
  const [root, ...elements] = structsField(file, 2, 'its schema');
  if (root === undefined) throw new Damage('its schema is empty');
  const columns = parseColumns(elements, countField(root, 5, 'the number of columns'));
  const groups = structsField(file, 4, 'its row groups').map((group) => ({
    rows: countField(group, 3, 'the number of rows of a row group'),
    parts: structsField(group, 1, 'the columns of a row group'),
  }));
  const rows = groups.reduce((sum, group) => sum + group.rows, 0);
  if (rows !== countField(file, 3, 'the number of rows') || !Number.isSafeInteger(rows)) {
    throw new Damage('its row groups have other numbers of rows than it says');
  }
  return { rows, columns, groups };
}

function parseColumns(elements: readonly ThriftStruct[], count: number): ParquetColumn[] {
  const columns: ParquetColumn[] = [];
  let leaf = 0;
  let at = 0;
  while (columns.length < count) {
    const first = at;
    const leaves = leaf;
    // A column and all below it.
    for (let open = 1; open > 0; open--) {
      const element = elements[at++];
      if (element === undefined) throw new Damage('its schema is cut off');
      const children = numberField(element, 5) ?? 0;
      if (children === 0) leaf++;
      if (!(children >= 0)) throw new Damage('its schema is damaged');
      open += children;
    }
    columns.push(parseColumn(elements[first], at - first > 1, leaves));
  }
  if (at !== elements.length) throw new Damage('its schema is damaged');
  return columns;
}

function parseColumn(element: ThriftStruct, hasChildren: boolean, leaf: number): ParquetColumn {
  const name = textField(element, 4);
  const physical = PHYSICAL[numberField(element, 1) ?? -1];
  const repetition = numberField(element, 3) ?? 0;
  const union = structField(element, 10);
  const [number, content] = union?.entries().next().value ?? [];
  const converted = numberField(element, 6);
  const known = number === undefined ? CONVERTED[converted ?? -1] : (LOGICAL[number] ?? 'unknown');
  const details = content instanceof Map ? (content as ThriftStruct) : undefined;
  const logical = known === 'UINT' || known === 'INTEGER' ? undefined : known;
  const unsigned = known === 'UINT' || (known === 'INTEGER' && details?.get(2) === false);
  const scale = (number === 5 && details ? numberField(details, 1) : numberField(element, 7)) ?? 0;
  const isNested = hasChildren || physical === undefined || repetition === 2;
  const common = { name, logical, unsigned, scale, length: numberField(element, 2) ?? 0, leaf };
  if (isNested) {
    return { ...common, physical: 'BYTE_ARRAY', nullable: false, kind: 'other', type: 'nested' };
  }
  if (scale < 0 || scale > 1000) throw new Damage(`its schema has decimals of scale ${scale}`);
  if (physical === 'FIXED_LEN_BYTE_ARRAY' && !(common.length >= 1 && common.length <= 1 << 20)) {
    throw new Damage('its schema has values without a length');
  }
  return {
    ...common,
    physical,
    nullable: repetition === 1,
    kind: kindOf(physical, logical),
    type: logical ?? `${unsigned ? 'U' : ''}${physical}`,
  };
}

function kindOf(physical: PhysicalType, logical: string | undefined): ColumnKind {
  if (logical === 'NULL') return 'nothing';
  switch (physical) {
    case 'FLOAT':
    case 'DOUBLE':
      return logical === undefined ? 'number' : 'other';
    case 'INT32':
    case 'INT64':
      return logical === undefined || logical === 'DECIMAL' ? 'number' : 'other';
    case 'FIXED_LEN_BYTE_ARRAY':
      return logical === 'DECIMAL' || logical === 'FLOAT16' ? 'number' : 'other';
    case 'BYTE_ARRAY':
      if (logical === 'DECIMAL') return 'number';
      return logical === 'STRING' || logical === 'ENUM' ? 'text' : 'other';
    default:
      return 'other';
  }
}

/** Where a column of a row group is, in a file of `size` bytes. @throws Damage, Unsupported */
export function columnPart(group: RowGroup, column: ParquetColumn, size: number): ColumnPart {
  const chunk = group.parts[column.leaf];
  const metadata = chunk && structField(chunk, 3);
  if (chunk?.has(1)) throw new Unsupported('has columns in other files, which are not read');
  if (metadata === undefined) throw new Unsupported('has encrypted columns; save it without encryption');
  if (PHYSICAL[numberField(metadata, 1) ?? -1] !== column.physical) {
    throw new Damage('a row group has other types than its schema');
  }
  const data = countField(metadata, 9, 'where a column begins');
  const dictionary = numberField(metadata, 11);
  // Some writers say 0 where there is no dictionary.
  const offset = dictionary ? Math.min(data, dictionary) : data;
  const length = countField(metadata, 7, 'the size of a column');
  if (!(offset >= 4 && length <= size - offset)) throw new Damage('a column lies beyond its end');
  return { offset, size: length, codec: countField(metadata, 4, 'how a column is compressed') };
}
