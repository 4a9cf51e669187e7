import { type DuckDBType, DuckDBTypeId, INTEGER } from '@duckdb/node-api';
import type { ResultColumn } from '@hybridstore/contracts';
import type { StatementRequest } from '../../domain/ports.ts';

/**
 * Rows become JSON text inside the engine: one VARCHAR a row, built by vectorized SQL, where JavaScript values a cell
 * would cost about twice the CPU. The SQL written here wraps a statement that has passed the gate; it names nothing of the
 * caller but column names, as text.
 */
export type OutputColumn = {
  readonly name: string;
  readonly type: DuckDBType;
  /** Of the source's column whose values these are. */
  readonly declared?: string | undefined;
};

/** Largest integer that a JSON reader with doubles keeps exactly; beyond it integers are strings. */
const exactInteger = '9007199254740991';

/**
 * Stands where a text is not UTF-8, for which the engine's JSON writer gives an empty text. No JSON text holds this
 * character, so whoever sends the rows finds it among their bytes.
 */
export const brokenTextMark = 0;

/** How rows are written; the separator `,` stands before each, a line break behind. */
export type RowForm = { readonly shape: 'array' | 'object'; readonly separator: StatementRequest['separator'] };

/** `SELECT` of the bytes of one text a row, with its separator, over `statement`, in the statement's order. */
export function wrapStatement(statement: string, columns: readonly OutputColumn[], form: RowForm): string {
  const names = columns.map((_, index) => `c${index}`);
  return `SELECT encode(${rowText(columns, form)}) FROM (${statement}) AS result(${names.join(', ')})`;
}

function rowText(columns: readonly OutputColumn[], { shape, separator }: RowForm): string {
  const values = columns.map((column, index) => valueText(`c${index}`, shownType(column), 0));
  const parts = shape === 'object' ? objectParts(columns, values) : arrayParts(values);
  return concat(separator === ',' ? ["','", ...parts] : [...parts, quote(separator)]);
}

function objectParts(columns: readonly OutputColumn[], values: readonly string[]): string[] {
  const parts = columns.map((column, index) => [
    quote(`${index === 0 ? '{' : ','}${JSON.stringify(column.name)}:`),
    values[index] ?? `'null'`,
  ]);
  return [...(parts.length === 0 ? ["'{'"] : parts.flat()), "'}'"];
}

function arrayParts(values: readonly string[]): string[] {
  return ["'['", ...values.flatMap((value, index) => (index === 0 ? [value] : ["','", value])), "']'"];
}

export function concat(parts: readonly string[]): string {
  return `concat(${parts.join(', ')})`;
}

export function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** JSON text of a value, 'null' for NULL, never NULL itself. `depth` keeps the variables of nested lambdas apart. */
export function valueText(value: string, type: DuckDBType, depth: number): string {
  if (type.alias === 'JSON') return orNull(value, orMark(`replace(CAST(${value} AS VARCHAR), chr(10), ' ')`));
  switch (type.typeId) {
    case DuckDBTypeId.SQLNULL:
      return `'null'`;
    case DuckDBTypeId.BOOLEAN:
    case DuckDBTypeId.TINYINT:
    case DuckDBTypeId.SMALLINT:
    case DuckDBTypeId.INTEGER:
    case DuckDBTypeId.UTINYINT:
    case DuckDBTypeId.USMALLINT:
    case DuckDBTypeId.UINTEGER:
      return `coalesce(CAST(${value} AS VARCHAR), 'null')`;
    case DuckDBTypeId.BIGINT:
    case DuckDBTypeId.UBIGINT:
    case DuckDBTypeId.HUGEINT:
    case DuckDBTypeId.UHUGEINT:
      return wideIntegerText(value);
    case DuckDBTypeId.FLOAT:
    case DuckDBTypeId.DOUBLE:
      return floatText(value, type.typeId, jsonWords);
    case DuckDBTypeId.TIMESTAMP:
    case DuckDBTypeId.TIMESTAMP_TZ:
    case DuckDBTypeId.TIMESTAMP_S:
    case DuckDBTypeId.TIMESTAMP_MS:
    case DuckDBTypeId.TIMESTAMP_NS:
      return timestampText(value, type.typeId, jsonWords);
    case DuckDBTypeId.BLOB:
      return quoted(value, `base64(${value})`);
    case DuckDBTypeId.LIST:
    case DuckDBTypeId.ARRAY:
      return listText(value, type.valueType, depth);
    case DuckDBTypeId.STRUCT:
      return structText(value, type, depth);
    case DuckDBTypeId.MAP:
      return mapText(value, type, depth);
    case DuckDBTypeId.DECIMAL:
    case DuckDBTypeId.DATE:
    case DuckDBTypeId.TIME:
    case DuckDBTypeId.UUID:
      return quoted(value, value);
    default:
      return orNull(value, jsonString(value));
  }
}

function jsonString(value: string): string {
  return orMark(`CAST(to_json(CAST(${value} AS VARCHAR)) AS VARCHAR)`);
}

/** The mark sorts behind the empty text and before all JSON. */
function orMark(json: string): string {
  return `greatest(${json}, chr(${brokenTextMark}))`;
}

function orNull(value: string, text: string): string {
  return `CASE WHEN ${value} IS NULL THEN 'null' ELSE ${text} END`;
}

function wideIntegerText(value: string): string {
  return `CASE WHEN ${value} BETWEEN -${exactInteger} AND ${exactInteger} THEN CAST(${value} AS VARCHAR) WHEN ${value} IS NULL THEN 'null' ELSE concat('"', ${value}, '"') END`;
}

/** From here on a number of 32 bits is a whole one. */
const wholeFrom = 16_777_216;

/** All digits of a whole number: the engine would write 2147483648 of 32 bits as 2147483600.0. */
function singleText(value: string): string {
  return `CASE WHEN abs(${value}) >= ${wholeFrom} THEN CAST(CAST(${value} AS DOUBLE) AS VARCHAR) ELSE CAST(${value} AS VARCHAR) END`;
}

/** How words stand that are no numbers: in SQL, what a NULL is; the mark on both sides of a word. */
export type WordForm = { readonly nullText: string; readonly mark: string };
/** JSON has no word for what is not finite. */
const jsonWords: WordForm = { nullText: "'null'", mark: '"' };

type FloatId = DuckDBTypeId.FLOAT | DuckDBTypeId.DOUBLE;

export function floatText(value: string, typeId: FloatId, { nullText, mark }: WordForm): string {
  const digits = typeId === DuckDBTypeId.FLOAT ? singleText(value) : `CAST(${value} AS VARCHAR)`;
  return `CASE WHEN isfinite(${value}) THEN ${digits} WHEN ${value} IS NULL THEN ${nullText} WHEN isnan(${value}) THEN '${mark}NaN${mark}' WHEN ${value} > 0 THEN '${mark}Infinity${mark}' ELSE '${mark}-Infinity${mark}' END`;
}

function quoted(value: string, text: string): string {
  return orNull(value, `concat('"', ${text}, '"')`);
}

type TimestampId =
  | DuckDBTypeId.TIMESTAMP
  | DuckDBTypeId.TIMESTAMP_TZ
  | DuckDBTypeId.TIMESTAMP_S
  | DuckDBTypeId.TIMESTAMP_MS
  | DuckDBTypeId.TIMESTAMP_NS;

/** Milliseconds as JavaScript writes them; microseconds where there are any. */
export function timestampText(column: string, typeId: TimestampId, { nullText, mark }: WordForm): string {
  const value = asTimestamp(column, typeId);
  return `CASE WHEN NOT isfinite(${value}) THEN concat('${mark}', ${value}, '${mark}') WHEN ${value} IS NULL THEN ${nullText} WHEN microsecond(${value}) % 1000 = 0 THEN strftime(${value}, '${mark}%Y-%m-%dT%H:%M:%S.%gZ${mark}') ELSE strftime(${value}, '${mark}%Y-%m-%dT%H:%M:%S.%fZ${mark}') END`;
}

function asTimestamp(value: string, typeId: TimestampId): string {
  if (typeId === DuckDBTypeId.TIMESTAMP) return value;
  return typeId === DuckDBTypeId.TIMESTAMP_TZ ? `make_timestamp(epoch_us(${value}))` : `CAST(${value} AS TIMESTAMP)`;
}

function listText(value: string, itemType: DuckDBType, depth: number): string {
  const item = `e${depth}`;
  const items = `list_transform(${value}, lambda ${item}: ${valueText(item, itemType, depth + 1)})`;
  return `CASE WHEN ${value} IS NULL THEN 'null' ELSE concat('[', array_to_string(${items}, ','), ']') END`;
}

type StructType = Extract<DuckDBType, { readonly typeId: DuckDBTypeId.STRUCT }>;
type MapType = Extract<DuckDBType, { readonly typeId: DuckDBTypeId.MAP }>;

/** A struct without names (a row value) is an array. */
function structText(value: string, type: StructType, depth: number): string {
  const isRow = type.entryNames.every((name) => name === '');
  const values = type.entryTypes.map((entry, index) =>
    valueText(`struct_extract_at(${value}, ${index + 1})`, entry, depth),
  );
  const columns = type.entryTypes.map((entry, index) => ({ name: type.entryNames[index] ?? '', type: entry }));
  const text = concat(isRow ? arrayParts(values) : objectParts(columns, values));
  return `CASE WHEN ${value} IS NULL THEN 'null' ELSE ${text} END`;
}

function mapText(value: string, type: MapType, depth: number): string {
  const entry = `e${depth}`;
  const key = jsonString(`${entry}.key`);
  const pair = concat([key, "':'", valueText(`${entry}.value`, type.valueType, depth + 1)]);
  return `CASE WHEN ${value} IS NULL THEN 'null' ELSE concat('{', array_to_string(list_transform(map_entries(${value}), lambda ${entry}: ${pair}), ','), '}') END`;
}

const typeNames: Partial<Record<DuckDBTypeId, string>> = {
  [DuckDBTypeId.VARCHAR]: 'string',
  [DuckDBTypeId.TIMESTAMP_TZ]: 'timestamp',
  [DuckDBTypeId.SQLNULL]: 'null',
};

/** Name and type as answers carry them: the names of source columns where they fit, else DuckDB's in lower case. */
export function describeColumns(columns: readonly OutputColumn[]): ResultColumn[] {
  return columns.map((column) => ({ name: column.name, type: typeName(shownType(column)) }));
}

/** An `integer` column is read as the long that it is stored as; its values have been checked when they were written. */
export function shownType({ type, declared }: OutputColumn): DuckDBType {
  return declared === 'integer' && type.typeId === DuckDBTypeId.BIGINT ? INTEGER : type;
}

function typeName(type: DuckDBType): string {
  if (type.alias !== undefined) return type.alias.toLowerCase();
  if (type.typeId === DuckDBTypeId.LIST || type.typeId === DuckDBTypeId.ARRAY) return `${typeName(type.valueType)}[]`;
  return typeNames[type.typeId] ?? type.toString().toLowerCase();
}
