import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';

export const dataFolder = fileURLToPath(new URL('../../node_modules/vega-datasets/data', import.meta.url));

export type Reference = {
  readonly ask: (sql: string) => Promise<unknown[][]>;
  /** From here on `flights_file` and `movies_file` are the first rows of their files only. */
  readonly limitTo: (rows: { readonly flights: number; readonly movies: number }) => Promise<void>;
};

/** DuckDB straight on the package's files: the independent second opinion. */
export async function openReference(): Promise<Reference> {
  const connection = await (await DuckDBInstance.create()).connect();
  await connection.run(
    `create table flights_rows as select row_number() over () as place, delay::bigint as delay, distance::bigint as distance, time::double as time from read_json('${dataFolder}/flights-200k.json')`,
  );
  await connection.run(
    `create table movies_rows as select row_number() over () as place, json as doc from read_json_objects('${dataFolder}/movies.json', format = 'array')`,
  );
  return {
    ask: async (sql) => (await connection.runAndReadAll(sql)).getRowsJson() as unknown[][],
    limitTo: async ({ flights, movies }) => {
      for (const [name, rows] of Object.entries({ flights, movies }))
        await connection.run(
          `create or replace view ${name}_file as select * exclude (place) from ${name}_rows where place <= ${rows}`,
        );
    },
  };
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
