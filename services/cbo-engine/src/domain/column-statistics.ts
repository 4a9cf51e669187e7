import type { ScanStatistics } from '@hybridstore/contracts';

/** What is known of the values of a column. Bounds are numbers where the type has an order on a line, else undefined. */
export type ColumnFacts = {
  readonly distinct: number;
  readonly nullFraction: number;
  readonly min: number | undefined;
  readonly max: number | undefined;
};

/** `rows` of the files that may match, `rowsTotal` of the table, which is what the facts of its columns are about. */
export type ScanFacts = {
  readonly rows: number;
  readonly rowsTotal: number;
  readonly bytes: number;
  readonly columns: ReadonlyMap<string, ColumnFacts>;
};

/** Distinct values of a column nobody has counted, as PostgreSQL guesses (DEFAULT_NUM_DISTINCT in selfuncs.h). */
const unknownDistinct = 200;
const bytesPerColumnGuess = 16;

export function readScanFacts(statistics: ScanStatistics): ScanFacts {
  const rows = statistics.matched_rows + statistics.unflushed_rows;
  const columns = Object.entries(statistics.columns).map(
    ([name, column]) => [name, readColumnFacts(column, statistics.rows)] as const,
  );
  return {
    rows,
    rowsTotal: statistics.rows + statistics.unflushed_rows,
    bytes: statistics.matched_bytes + statistics.unflushed_rows * bytesPerColumnGuess * Math.max(1, columns.length),
    columns: new Map(columns),
  };
}

function readColumnFacts(column: ScanStatistics['columns'][string], rows: number): ColumnFacts {
  return {
    distinct: Math.max(1, column.distinct ?? Math.min(rows, unknownDistinct)),
    nullFraction: rows > 0 && column.nulls !== null ? Math.min(1, column.nulls / rows) : 0,
    min: readPlace(column.min),
    max: readPlace(column.max),
  };
}

/** A number's value, or a date's or time's milliseconds: where a value stands between the bounds. */
export function readPlace(text: string | number | boolean | null): number | undefined {
  if (typeof text === 'number') return text;
  if (typeof text !== 'string' || text === '') return undefined;
  const number = Number(text);
  if (Number.isFinite(number)) return number;
  const time = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}
