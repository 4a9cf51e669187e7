import { type Static, Type } from 'typebox';
import { ColumnName, columnsMax, SourceId } from './identifiers.ts';

/**
 * Column types as stored. `integer` is checked as int32 and stored as a Delta long; decimals are stored with their
 * scale and precision 38; timestamps are UTC microseconds; `json` is kept as text that parses as JSON.
 */
export const baseColumnTypes = [
  'string',
  'boolean',
  'integer',
  'bigint',
  'double',
  'date',
  'timestamp',
  'json',
] as const;
export type BaseColumnType = (typeof baseColumnTypes)[number];

/** Names from other systems (pandas, SQL, Spark) and the type each one means here. */
export const columnTypeAliases: Readonly<Record<string, BaseColumnType>> = {
  text: 'string',
  varchar: 'string',
  object: 'string',
  str: 'string',
  bool: 'boolean',
  int: 'integer',
  int8: 'integer',
  int16: 'integer',
  int32: 'integer',
  smallint: 'integer',
  int64: 'bigint',
  long: 'bigint',
  float: 'double',
  float32: 'double',
  float64: 'double',
  real: 'double',
  datetime: 'timestamp',
  'datetime64[ns]': 'timestamp',
  'datetime64[us]': 'timestamp',
  timestamptz: 'timestamp',
};

const plainNames = [...baseColumnTypes, ...Object.keys(columnTypeAliases)].map((name) =>
  name.replace(/[[\]]/g, '\\$&'),
);
/** `decimal(p,s)` with 1 ≤ p ≤ 38 and s ≤ p (s ≤ p is checked by `parseColumnType`). */
export const columnTypePattern = `^(${plainNames.join('|')}|decimal\\(([1-9]|[12][0-9]|3[0-8]),([0-9]|[12][0-9]|3[0-8])\\))$`;
export const ColumnTypeName = Type.String({ pattern: columnTypePattern });

/** How texts of a column are compared: by their bytes, without regard to case, or to case and accents. */
export const columnCollations = ['binary', 'nocase', 'nocase_noaccent'] as const;
export type ColumnCollation = (typeof columnCollations)[number];

export const Column = Type.Object(
  {
    name: ColumnName,
    type: ColumnTypeName,
    nullable: Type.Optional(Type.Boolean({ default: true })),
    description: Type.Optional(Type.String({ maxLength: 1024 })),
    collation: Type.Optional(
      Type.Enum([...columnCollations], {
        description: 'how texts of a string column are compared; binary when absent',
      }),
    ),
  },
  { $id: 'Column', additionalProperties: false },
);
export type Column = Static<typeof Column>;

export const compressions = ['snappy', 'zstd', 'gzip', 'none'] as const;

/** Definition of a source as the tenant node and the catalog know it. No `columns`: schema-less, one `doc` column of JSON. */
export const SourceDefinition = Type.Object(
  {
    source_id: SourceId,
    name: Type.Optional(Type.String({ maxLength: 256 })),
    columns: Type.Optional(Type.Array(Column, { minItems: 1, maxItems: columnsMax })),
    partition_columns: Type.Optional(
      Type.Array(ColumnName, { maxItems: 8, description: 'columns by whose values files are split' }),
    ),
    index_columns: Type.Optional(
      Type.Array(ColumnName, { maxItems: 16, description: 'columns by which the rows of a file are sorted' }),
    ),
    primary_key: Type.Optional(
      Type.Array(ColumnName, { maxItems: 8, description: 'used for estimates: a repeated key is kept' }),
    ),
    compression: Type.Optional(Type.Enum([...compressions])),
    max_file_size_mb: Type.Optional(Type.Integer({ minimum: 1, maximum: 4096 })),
    wal_enabled: Type.Optional(Type.Boolean()),
    schema_evolution: Type.Optional(Type.Enum(['Additive', 'Strict'])),
  },
  { $id: 'SourceDefinition', additionalProperties: false },
);
export type SourceDefinition = Static<typeof SourceDefinition>;

/** The only column of a schema-less source. */
export const documentColumn = 'doc';
export const documentColumns: readonly Column[] = [{ name: documentColumn, type: 'json', nullable: false }];

export type ColumnType =
  | { readonly kind: BaseColumnType }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number };

/** Canonical type of a type name, or undefined when the name is not one of `columnTypePattern` or the scale exceeds the precision. */
export function parseColumnType(name: string): ColumnType | undefined {
  const decimal = /^decimal\((\d{1,2}),(\d{1,2})\)$/.exec(name);
  if (decimal) {
    const [precision, scale] = [Number(decimal[1]), Number(decimal[2])];
    return precision >= 1 && precision <= 38 && scale <= precision ? { kind: 'decimal', precision, scale } : undefined;
  }
  const base =
    baseColumnTypes.find((type) => type === name) ??
    (Object.hasOwn(columnTypeAliases, name) ? columnTypeAliases[name] : undefined);
  return base ? { kind: base } : undefined;
}

/** Canonical name: the inverse of `parseColumnType` up to aliases. */
export function columnTypeName(type: ColumnType): string {
  return type.kind === 'decimal' ? `decimal(${type.precision},${type.scale})` : type.kind;
}
