import type { ScanStatistics } from '@hybridstore/contracts';

/** What is known of the values of a column. Bounds are positions on a line where the type has distances, else undefined. */
export type ColumnStatistics = {
  readonly distinct: number;
  readonly nullFraction: number;
  readonly min: number | undefined;
  readonly max: number | undefined;
};

/** `rows` of the files that may match, `rowsTotal` of the table, which is what the statistics of its columns are about. */
export type TableStatistics = {
  readonly rows: number;
  readonly rowsTotal: number;
  readonly columns: ReadonlyMap<string, ColumnStatistics>;
};

/** Distinct values of a column nobody has counted, as PostgreSQL guesses (DEFAULT_NUM_DISTINCT in selfuncs.h). */
const unknownDistinct = 200;

export function readTableStatistics(statistics: ScanStatistics): TableStatistics {
  const rows = statistics.matched_rows + statistics.unflushed_rows;
  const columns = Object.entries(statistics.columns).map(
    ([name, column]) => [name, readColumnStatistics(column, statistics.rows)] as const,
  );
  return {
    rows,
    rowsTotal: statistics.rows + statistics.unflushed_rows,
    columns: new Map(columns),
  };
}

function readColumnStatistics(column: ScanStatistics['columns'][string], rows: number): ColumnStatistics {
  return {
    distinct: Math.max(1, column.distinct ?? Math.min(rows, unknownDistinct)),
    nullFraction: rows > 0 && column.nulls !== null ? Math.min(1, column.nulls / rows) : 0,
    min: readPosition(column.min),
    max: readPosition(column.max),
  };
}

/** A number's value, or a date's or time's milliseconds: where a value lies between the bounds. */
export function readPosition(text: string | number | boolean | null): number | undefined {
  if (typeof text === 'number') return text;
  if (typeof text !== 'string' || text === '') return undefined;
  const number = Number(text);
  if (Number.isFinite(number)) return number;
  const time = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}
