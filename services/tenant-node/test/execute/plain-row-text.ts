import { type DuckDBType, DuckDBTypeId } from '@duckdb/node-api';

/**
 * The text of a value in an answer, written down once more: `row-text.ts` has to give it to the byte, whatever form it takes
 * to be fast. It changes only where answers are to change; that a value is right in itself is shown where values are known.
 */
export function plainText(value: string, type: DuckDBType, depth = 0): string {
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
      return orNull(value, `CAST(${value} AS VARCHAR)`);
    case DuckDBTypeId.BIGINT:
    case DuckDBTypeId.UBIGINT:
    case DuckDBTypeId.HUGEINT:
    case DuckDBTypeId.UHUGEINT:
      return orNull(
        value,
        `CASE WHEN ${value} BETWEEN -9007199254740991 AND 9007199254740991 THEN CAST(${value} AS VARCHAR) ELSE concat('"', ${value}, '"') END`,
      );
    case DuckDBTypeId.FLOAT:
      return floatText(
        value,
        `CASE WHEN abs(${value}) >= 16777216 THEN CAST(CAST(${value} AS DOUBLE) AS VARCHAR) ELSE CAST(${value} AS VARCHAR) END`,
      );
    case DuckDBTypeId.DOUBLE:
      return floatText(value, `CAST(${value} AS VARCHAR)`);
    case DuckDBTypeId.TIMESTAMP_TZ:
      return timestampText(`make_timestamp(epoch_us(${value}))`);
    case DuckDBTypeId.TIMESTAMP:
      return timestampText(value);
    case DuckDBTypeId.TIMESTAMP_S:
    case DuckDBTypeId.TIMESTAMP_MS:
    case DuckDBTypeId.TIMESTAMP_NS:
      return timestampText(`CAST(${value} AS TIMESTAMP)`);
    case DuckDBTypeId.BLOB:
      return quoted(value, `base64(${value})`);
    case DuckDBTypeId.LIST:
    case DuckDBTypeId.ARRAY:
      return orNull(
        value,
        `concat('[', ${joined(value, `e${depth}`, plainText(`e${depth}`, type.valueType, depth + 1))}, ']')`,
      );
    case DuckDBTypeId.STRUCT: {
      const { entryNames, entryTypes } = type;
      const values = entryTypes.map((entry, index) =>
        plainText(`struct_extract_at(${value}, ${index + 1})`, entry, depth),
      );
      const isRow = entryNames.every((name) => name === '');
      return orNull(value, isRow ? plainRow(values) : plainObject(entryNames, values));
    }
    case DuckDBTypeId.MAP: {
      const entry = `e${depth}`;
      const pair = `concat(${jsonString(`${entry}.key`)}, ':', ${plainText(`${entry}.value`, type.valueType, depth + 1)})`;
      return orNull(value, `concat('{', ${joined(`map_entries(${value})`, entry, pair)}, '}')`);
    }
    case DuckDBTypeId.DECIMAL:
    case DuckDBTypeId.DATE:
    case DuckDBTypeId.TIME:
    case DuckDBTypeId.UUID:
      return quoted(value, value);
    default:
      return orNull(value, jsonString(value));
  }
}

export function plainRow(values: readonly string[]): string {
  return `concat('[', ${values.join(`, ',', `)}, ']')`;
}

export function plainObject(names: readonly string[], values: readonly string[]): string {
  const pairs = names.map((name, index) => `concat(${quote(`${JSON.stringify(name)}:`)}, ${values[index]})`);
  return `concat('{', ${pairs.join(`, ',', `)}, '}')`;
}

function joined(list: string, item: string, text: string): string {
  return `array_to_string(list_transform(${list}, lambda ${item}: ${text}), ',')`;
}

function jsonString(value: string): string {
  return orMark(`CAST(to_json(CAST(${value} AS VARCHAR)) AS VARCHAR)`);
}

function orMark(json: string): string {
  return `greatest(${json}, chr(0))`;
}

function orNull(value: string, text: string): string {
  return `CASE WHEN ${value} IS NULL THEN 'null' ELSE ${text} END`;
}

function floatText(value: string, digits: string): string {
  return `CASE WHEN ${value} IS NULL THEN 'null' WHEN isfinite(${value}) THEN ${digits} WHEN isnan(${value}) THEN '"NaN"' WHEN ${value} > 0 THEN '"Infinity"' ELSE '"-Infinity"' END`;
}

function timestampText(value: string): string {
  return `CASE WHEN NOT isfinite(${value}) THEN concat('"', ${value}, '"') WHEN ${value} IS NULL THEN 'null' WHEN microsecond(${value}) % 1000 = 0 THEN strftime(${value}, '"%Y-%m-%dT%H:%M:%S.%gZ"') ELSE strftime(${value}, '"%Y-%m-%dT%H:%M:%S.%fZ"') END`;
}

function quoted(value: string, text: string): string {
  return orNull(value, `concat('"', ${text}, '"')`);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
