import { parseColumnType } from '@hybridstore/contracts';
import { duckdbTypeName, quoteIdentifier, quoteText } from '@hybridstore/engine/duckdb';
import { assert, assertNever } from '@hybridstore/runtime';
import type { StatementView, ViewBound, ViewColumn } from '../../domain/ports.ts';
import type { ViewPart } from './fresh-row-index.ts';
import { columnsOfShape } from './fresh-shape.ts';

/**
 * SQL of what a scan reads: Parquet files of a table version, and the fresh rows after it. Files hold what other Delta
 * engines can read (`integer` as a long, decimals with 38 digits, times with a zone, JSON as text); here the column's
 * own type comes back, but for the long, which is as good. Fresh tables hold the same stored types by position: `c0`, `c1`, …, and each row's `lsn`.
 */
export function viewText(view: StatementView, schemas: FileSchemas, fresh: FreshParts): string {
  const parts = [
    ...groupFiles(view, schemas).map((group) => filesText(view, group)),
    ...fresh.parts.map((part) => freshText(view, fresh.catalog, part)),
  ];
  return parts.length === 0 ? emptyText(view) : parts.join(' UNION ALL ');
}

/** Tables of fresh rows, and the database that they are in. */
export type FreshParts = { readonly catalog: string; readonly parts: readonly ViewPart[] };

/** Names of the columns that a file holds. Undefined: every one that the view uses. */
export type FileSchemas = (path: string) => ReadonlySet<string> | undefined;

/** Files that lack the same columns, and whose partition values for them are the same. */
type FileGroup = {
  readonly paths: string[];
  readonly absent: ReadonlyMap<string, string | null>;
};

function groupFiles(view: StatementView, schemas: FileSchemas): FileGroup[] {
  const groups = new Map<string, FileGroup>();
  for (const file of view.files) {
    const held = schemas(file.path);
    const absent = new Map(
      view.columns
        .filter((column) => held !== undefined && !held.has(column.name))
        .map((column) => [column.name, partitionValue(file.partition, column.name)] as const),
    );
    const key = JSON.stringify([...absent]);
    const group = groups.get(key) ?? { paths: [], absent };
    group.paths.push(file.path);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** A column may be called `constructor`. */
function partitionValue(partition: Readonly<Record<string, string | null>>, name: string): string | null {
  return Object.hasOwn(partition, name) ? (partition[name] ?? null) : null;
}

function filesText(view: StatementView, group: FileGroup): string {
  const files = group.paths.map(quoteText).join(', ');
  const list = selectList(view.columns, (column) => {
    const value = group.absent.get(column.name);
    if (value === undefined) return quoteIdentifier(column.name);
    return value === null ? undefined : `CAST(${quoteText(value)} AS ${duckdbTypeName(column)})`;
  });
  const bounds = view.bounds.filter((bound) => !group.absent.has(bound.column)).map(boundText);
  const where = bounds.length === 0 ? '' : ` WHERE ${bounds.join(' AND ')}`;
  return `SELECT ${list} FROM read_parquet([${files}], hive_partitioning = false)${where}`;
}

function freshText(view: StatementView, catalog: string, part: ViewPart): string {
  const held = columnsOfShape(part.table.shape);
  const list = selectList(view.columns, (column) => (column.position < held ? `c${column.position}` : undefined));
  const bounds = [
    ...(part.afterLsn === undefined ? [] : [`lsn > ${part.afterLsn}`]),
    ...(part.untilLsn === undefined ? [] : [`lsn <= ${part.untilLsn}`]),
  ];
  return `SELECT ${list} FROM ${catalog}.${part.table.name}${bounds.length === 0 ? '' : ` WHERE ${bounds.join(' AND ')}`}`;
}

function emptyText(view: StatementView): string {
  return `SELECT ${selectList(view.columns, () => undefined)} WHERE false`;
}

/** A scan that uses no column still has rows to count. */
function selectList(columns: readonly ViewColumn[], stored: (column: ViewColumn) => string | undefined): string {
  if (columns.length === 0) return '1 AS present';
  return columns.map((column) => `${columnValue(stored(column), column)} AS ${quoteIdentifier(column.as)}`).join(', ');
}

function columnValue(stored: string | undefined, column: ViewColumn): string {
  if (!column.isAsStored) return restoredValue(stored, column.type);
  return stored ?? `CAST(NULL AS ${duckdbTypeName(column)})`;
}

/** The column's own type from its stored one; a column that is not stored yet is NULL of that type. */
function restoredValue(stored: string | undefined, typeName: string): string {
  const type = parseColumnType(typeName);
  assert(type, `a view has a column of the unknown type ${typeName}`);
  switch (type.kind) {
    case 'integer':
      // As it is stored: the engine loses rows of a top-n whose filter it pushes through a narrowing cast.
      return stored ?? 'CAST(NULL AS BIGINT)';
    case 'decimal':
      return `CAST(${stored ?? 'NULL'} AS DECIMAL(${type.precision}, ${type.scale}))`;
    case 'json':
      return `CAST(${stored ?? 'NULL'} AS JSON)`;
    case 'timestamp':
      // A cast from TIMESTAMPTZ goes through time zone rules and takes ten times as long; the result in UTC is the same.
      return stored === undefined ? 'CAST(NULL AS TIMESTAMP)' : `make_timestamp(epoch_us(${stored}))`;
    case 'string':
      return stored ?? 'CAST(NULL AS VARCHAR)';
    case 'boolean':
    case 'bigint':
    case 'double':
    case 'date':
      return stored ?? `CAST(NULL AS ${type.kind.toUpperCase()})`;
    default:
      return assertNever(type);
  }
}

/** A condition over a stored column lets the reader skip row groups by their statistics. */
function boundText(bound: ViewBound): string {
  return `${quoteIdentifier(bound.column)} ${bound.operator} ${quoteText(bound.value)}`;
}
