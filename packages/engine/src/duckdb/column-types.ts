import { BIGINT, BOOLEAN, DATE, DECIMAL, DOUBLE, type DuckDBType, TIMESTAMPTZ, VARCHAR } from '@duckdb/node-api';
import type { Column } from '@hybridstore/contracts';
import { type ColumnKind, columnKind, storedColumnType } from '../batch/column-kind.ts';

const typeOfKind: Readonly<Record<Exclude<ColumnKind, 'decimal'>, DuckDBType>> = {
  boolean: BOOLEAN,
  long: BIGINT,
  double: DOUBLE,
  date: DATE,
  timestamp: TIMESTAMPTZ,
  text: VARCHAR,
};

/** Digits every decimal is stored with, whatever its declared precision. */
export const storedDecimalPrecision = 38;

/**
 * DuckDB's type of a stored column, in memory and in Parquet files. It is the wide one from the first row on (long,
 * double, 38 digits): a Delta table cannot widen a column without rewriting its files. JSON is text.
 */
export function duckdbType(column: Column): DuckDBType {
  const type = storedColumnType(column);
  const kind = columnKind(type);
  if (kind !== 'decimal') return typeOfKind[kind];
  return DECIMAL(storedDecimalPrecision, type.kind === 'decimal' ? type.scale : 0);
}

export function duckdbTypeName(column: Column): string {
  return duckdbType(column).toString();
}

/** `"name"` with quotes doubled, for names of columns and tables in SQL text. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** `'text'` with quotes doubled, for paths and constants in SQL text. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** `"a" BIGINT, "b" VARCHAR…`: the column list of a table that batches are appended to. */
export function tableColumnsSql(columns: readonly Column[]): string {
  return columns.map((column) => `${quoteIdentifier(column.name)} ${duckdbTypeName(column)}`).join(', ');
}
