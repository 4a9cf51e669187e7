import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';

export const dataFolder = fileURLToPath(new URL('../../node_modules/vega-datasets/data', import.meta.url));

/** DuckDB straight on the package's files: the independent second opinion. */
export async function openReference(): Promise<(sql: string) => Promise<unknown[][]>> {
  const connection = await (await DuckDBInstance.create()).connect();
  await connection.run(
    `create table flights_file as select delay::bigint as delay, distance::bigint as distance, time::double as time from read_json('${dataFolder}/flights-200k.json')`,
  );
  await connection.run(
    `create table movies_file as select json as doc from read_json_objects('${dataFolder}/movies.json', format = 'array')`,
  );
  return async (sql) => (await connection.runAndReadAll(sql)).getRowsJson() as unknown[][];
}

/** Both sides write big integers and decimals as text, and sums may differ in the last bit of a double. */
export function normalize(rows: readonly (readonly unknown[])[]): unknown[][] {
  return rows.map((row) => row.map(normalizeValue));
}

function normalizeValue(value: unknown): unknown {
  const number =
    typeof value === 'number'
      ? value
      : typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value)
        ? Number(value)
        : undefined;
  return number === undefined ? value : Number(number.toPrecision(12));
}
