import { type DuckDBType, DuckDBTypeId } from '@duckdb/node-api';
import {
  concat,
  floatText,
  type OutputColumn,
  quote,
  shownType,
  timestampText,
  valueText,
  type WordForm,
} from './row-text.ts';

/**
 * Rows as CSV (RFC 4180), written inside the engine as JSON is. NULL is an empty cell, the empty text a quoted one; values
 * are written as in JSON, without its quotes, and lists, structs and documents are JSON.
 */
const lineEnd = '\r\n';

/** `SELECT` of the bytes of one line a row over `statement`, in the statement's order. */
export function csvStatement(statement: string, columns: readonly OutputColumn[]): string {
  const names = columns.map((_, index) => `c${index}`);
  const cells = columns.map((column, index) => cellText(`c${index}`, shownType(column)));
  const parts = cells.flatMap((cell, index) => (index === 0 ? [cell] : [quote(','), cell]));
  const line = concat([...parts, 'chr(13)', 'chr(10)']);
  return `SELECT encode(${line}) FROM (${statement}) AS result(${names.join(', ')})`;
}

/** The line of names. */
export function csvHead(columns: readonly OutputColumn[]): Buffer {
  return Buffer.from(`${columns.map(({ name }) => headCell(name)).join(',')}${lineEnd}`);
}

function headCell(name: string): string {
  return name === '' || /[",\r\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
}

const words: WordForm = { nullText: 'NULL', mark: '' };

/** Text of a cell; NULL, of which `concat` makes nothing, for a NULL. */
function cellText(value: string, type: DuckDBType): string {
  if (type.alias === 'JSON') return documentCell(value, type);
  switch (type.typeId) {
    case DuckDBTypeId.FLOAT:
    case DuckDBTypeId.DOUBLE:
      return floatText(value, type.typeId, words);
    case DuckDBTypeId.TIMESTAMP:
    case DuckDBTypeId.TIMESTAMP_TZ:
    case DuckDBTypeId.TIMESTAMP_S:
    case DuckDBTypeId.TIMESTAMP_MS:
    case DuckDBTypeId.TIMESTAMP_NS:
      return timestampText(value, type.typeId, words);
    case DuckDBTypeId.BLOB:
      return `base64(${value})`;
    case DuckDBTypeId.LIST:
    case DuckDBTypeId.ARRAY:
    case DuckDBTypeId.STRUCT:
    case DuckDBTypeId.MAP:
      return documentCell(value, type);
    case DuckDBTypeId.VARCHAR:
      return quotedCell(value);
    case DuckDBTypeId.SQLNULL:
    case DuckDBTypeId.BOOLEAN:
    case DuckDBTypeId.TINYINT:
    case DuckDBTypeId.SMALLINT:
    case DuckDBTypeId.INTEGER:
    case DuckDBTypeId.BIGINT:
    case DuckDBTypeId.UTINYINT:
    case DuckDBTypeId.USMALLINT:
    case DuckDBTypeId.UINTEGER:
    case DuckDBTypeId.UBIGINT:
    case DuckDBTypeId.HUGEINT:
    case DuckDBTypeId.UHUGEINT:
    case DuckDBTypeId.DECIMAL:
    case DuckDBTypeId.DATE:
    case DuckDBTypeId.TIME:
    case DuckDBTypeId.UUID:
      return value;
    default:
      return quotedCell(`CAST(${value} AS VARCHAR)`);
  }
}

function documentCell(value: string, type: DuckDBType): string {
  return `CASE WHEN ${value} IS NOT NULL THEN ${quotedCell(valueText(value, type, 0))} END`;
}

/** In quotes where a reader would see an end in it, or a NULL. */
function quotedCell(text: string): string {
  const ends = [quote('"'), quote(','), 'chr(10)', 'chr(13)'].map((end) => `contains(${text}, ${end})`);
  return `CASE WHEN ${text} = '' OR ${ends.join(' OR ')} THEN concat('"', replace(${text}, '"', '""'), '"') ELSE ${text} END`;
}
