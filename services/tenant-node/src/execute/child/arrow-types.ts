import { type DuckDBType, DuckDBTypeId } from '@duckdb/node-api';
import type { ArrowLayout } from '@hybridstore/engine/duckdb';

/** A type of Arrow's columnar format, in the words of its schema. Times are counted since midnight, or 1970 in UTC. */
export type ArrowType =
  | { readonly kind: 'null' | 'boolean' | 'text' | 'blob' | 'date' | 'list' | 'struct' | 'map' }
  | { readonly kind: 'integer'; readonly bits: number; readonly isSigned: boolean }
  | { readonly kind: 'float'; readonly bits: 32 | 64 }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'time' | 'timestamp'; readonly unit: 's' | 'ms' | 'us' | 'ns' }
  | { readonly kind: 'array'; readonly length: number };

export type ArrowField = {
  readonly name: string;
  readonly type: ArrowType;
  /** Its texts are JSON. */
  readonly isDocument: boolean;
  readonly isNullable: boolean;
  readonly children: readonly ArrowField[];
};

/** What a column becomes: a cast where Arrow has no such type, and how its values lie then. */
export type ArrowColumn = { readonly field: ArrowField; readonly layout: ArrowLayout; readonly castTo?: string };

export function arrowColumn(name: string, type: DuckDBType): ArrowColumn {
  const { field, layout, engineType, isCast } = readType(type);
  return { field: field(name), layout, ...(isCast ? { castTo: engineType } : {}) };
}

type TypeRead = {
  readonly field: (name: string) => ArrowField;
  readonly layout: ArrowLayout;
  /** In the engine's SQL. */
  readonly engineType: string;
  readonly isCast: boolean;
};

function leaf(type: ArrowType, layout: ArrowLayout, engineType: string, isCast = false): TypeRead {
  const field = (name: string) => ({ name, type, isDocument: false, isNullable: true, children: [] });
  return { field, layout, engineType, isCast };
}

const fixed = (bytes: number): ArrowLayout => ({ kind: 'fixed', bytes });
const text = { kind: 'text' } as const;

function readType(type: DuckDBType): TypeRead {
  if (type.alias === 'JSON') return documentOf();
  const name = type.toString();
  switch (type.typeId) {
    case DuckDBTypeId.SQLNULL:
      return leaf({ kind: 'null' }, { kind: 'null' }, name);
    case DuckDBTypeId.BOOLEAN:
      return leaf({ kind: 'boolean' }, { kind: 'boolean' }, name);
    case DuckDBTypeId.TINYINT:
    case DuckDBTypeId.SMALLINT:
    case DuckDBTypeId.INTEGER:
    case DuckDBTypeId.BIGINT:
    case DuckDBTypeId.UTINYINT:
    case DuckDBTypeId.USMALLINT:
    case DuckDBTypeId.UINTEGER:
    case DuckDBTypeId.UBIGINT:
      return integerOf(type.typeId, name);
    case DuckDBTypeId.HUGEINT:
    case DuckDBTypeId.UHUGEINT:
      return leaf({ kind: 'decimal', precision: 38, scale: 0 }, fixed(16), 'DECIMAL(38,0)', true);
    case DuckDBTypeId.FLOAT:
      return leaf({ kind: 'float', bits: 32 }, fixed(4), name);
    case DuckDBTypeId.DOUBLE:
      return leaf({ kind: 'float', bits: 64 }, fixed(8), name);
    case DuckDBTypeId.DECIMAL:
      return decimalOf(type.width, type.scale);
    case DuckDBTypeId.DATE:
      return leaf({ kind: 'date' }, fixed(4), name);
    case DuckDBTypeId.TIME:
      return leaf({ kind: 'time', unit: 'us' }, fixed(8), name);
    case DuckDBTypeId.TIME_NS:
      return leaf({ kind: 'time', unit: 'ns' }, fixed(8), name);
    case DuckDBTypeId.TIMESTAMP:
    case DuckDBTypeId.TIMESTAMP_TZ:
    case DuckDBTypeId.TIMESTAMP_S:
    case DuckDBTypeId.TIMESTAMP_MS:
    case DuckDBTypeId.TIMESTAMP_NS:
      return leaf({ kind: 'timestamp', unit: timestampUnits[type.typeId] }, fixed(8), name);
    case DuckDBTypeId.VARCHAR:
      return leaf({ kind: 'text' }, text, 'VARCHAR');
    case DuckDBTypeId.BLOB:
      return leaf({ kind: 'blob' }, text, name);
    case DuckDBTypeId.LIST:
    case DuckDBTypeId.ARRAY:
      return listOf(type);
    case DuckDBTypeId.STRUCT:
      return structOf(type);
    case DuckDBTypeId.MAP:
      return mapOf(type);
    default:
      return leaf({ kind: 'text' }, text, 'VARCHAR', true);
  }
}

function documentOf(): TypeRead {
  const field = (name: string): ArrowField => ({
    name,
    type: { kind: 'text' },
    isDocument: true,
    isNullable: true,
    children: [],
  });
  return { field, layout: text, engineType: 'JSON', isCast: false };
}

const integers = {
  [DuckDBTypeId.TINYINT]: { bits: 8, isSigned: true },
  [DuckDBTypeId.SMALLINT]: { bits: 16, isSigned: true },
  [DuckDBTypeId.INTEGER]: { bits: 32, isSigned: true },
  [DuckDBTypeId.BIGINT]: { bits: 64, isSigned: true },
  [DuckDBTypeId.UTINYINT]: { bits: 8, isSigned: false },
  [DuckDBTypeId.USMALLINT]: { bits: 16, isSigned: false },
  [DuckDBTypeId.UINTEGER]: { bits: 32, isSigned: false },
  [DuckDBTypeId.UBIGINT]: { bits: 64, isSigned: false },
} as const;

function integerOf(typeId: keyof typeof integers, name: string): TypeRead {
  const { bits, isSigned } = integers[typeId];
  return leaf({ kind: 'integer', bits, isSigned }, fixed(bits / 8), name);
}

const timestampUnits = {
  [DuckDBTypeId.TIMESTAMP]: 'us',
  [DuckDBTypeId.TIMESTAMP_TZ]: 'us',
  [DuckDBTypeId.TIMESTAMP_S]: 's',
  [DuckDBTypeId.TIMESTAMP_MS]: 'ms',
  [DuckDBTypeId.TIMESTAMP_NS]: 'ns',
} as const;

/** The engine stores decimals in as few bytes as their digits need. */
function decimalOf(precision: number, scale: number): TypeRead {
  const layout: ArrowLayout =
    precision > 18 ? fixed(16) : { kind: 'decimal', bytes: precision > 9 ? 8 : precision > 4 ? 4 : 2 };
  return leaf({ kind: 'decimal', precision, scale }, layout, `DECIMAL(${precision},${scale})`);
}

type ListType = Extract<DuckDBType, { readonly typeId: DuckDBTypeId.LIST | DuckDBTypeId.ARRAY }>;
type StructType = Extract<DuckDBType, { readonly typeId: DuckDBTypeId.STRUCT }>;
type MapType = Extract<DuckDBType, { readonly typeId: DuckDBTypeId.MAP }>;

function listOf(type: ListType): TypeRead {
  const item = readType(type.valueType);
  const length = type.typeId === DuckDBTypeId.ARRAY ? type.length : undefined;
  return {
    field: (name) => ({
      name,
      type: length === undefined ? { kind: 'list' } : { kind: 'array', length },
      isDocument: false,
      isNullable: true,
      children: [item.field('item')],
    }),
    layout: length === undefined ? { kind: 'list', item: item.layout } : { kind: 'array', length, item: item.layout },
    engineType: `${item.engineType}[${length ?? ''}]`,
    isCast: item.isCast,
  };
}

/** The fields of a struct without names (a row value) are counted from 1. */
function structOf({ entryNames, entryTypes }: StructType): TypeRead {
  const fields = entryTypes.map((type, index) => ({ name: entryNames[index] || `${index + 1}`, read: readType(type) }));
  const isRow = entryNames.every((name) => name === '');
  const types = fields.map(({ name, read }) => (isRow ? read.engineType : `${quoteName(name)} ${read.engineType}`));
  return {
    field: (name) => ({
      name,
      type: { kind: 'struct' },
      isDocument: false,
      isNullable: true,
      children: fields.map((field) => field.read.field(field.name)),
    }),
    layout: { kind: 'struct', fields: fields.map(({ read }) => read.layout) },
    engineType: `STRUCT(${types.join(', ')})`,
    isCast: fields.some(({ read }) => read.isCast),
  };
}

function mapOf({ keyType, valueType }: MapType): TypeRead {
  const [key, value] = [readType(keyType), readType(valueType)];
  const entries: ArrowField = {
    name: 'entries',
    type: { kind: 'struct' },
    isDocument: false,
    isNullable: false,
    children: [{ ...key.field('key'), isNullable: false }, value.field('value')],
  };
  return {
    field: (name) => ({ name, type: { kind: 'map' }, isDocument: false, isNullable: true, children: [entries] }),
    layout: { kind: 'list', item: { kind: 'struct', fields: [key.layout, value.layout] } },
    engineType: `MAP(${key.engineType}, ${value.engineType})`,
    isCast: key.isCast || value.isCast,
  };
}

function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
