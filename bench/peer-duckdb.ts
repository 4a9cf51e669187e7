import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';

export type DuckdbFigures = { readonly commitsPerSecond: number; readonly rowsPerSecond: number };

/** A DuckDB file on the same disk, one commit for each insert: what embedding the engine directly would give. */
export async function measureDuckdbFile(options: { readonly seconds: number }): Promise<DuckdbFigures> {
  const folder = mkdtempSync(join(tmpdir(), 'hybridstore-bench-duckdb-'));
  const instance = await DuckDBInstance.create(join(folder, 'bench.duckdb'));
  const connection = await instance.connect();
  try {
    await connection.run(
      'create table t (order_id varchar, customer_id varchar, amount double, order_date timestamptz)',
    );
    const row = "('ORD_001', 'CUST_001', 100.5, '2024-01-15')";
    const commitsPerSecond = await rate(connection, `insert into t values ${row}`, options.seconds);
    const hundred = await rate(connection, `insert into t values ${Array(100).fill(row).join(', ')}`, options.seconds);
    return { commitsPerSecond, rowsPerSecond: hundred * 100 };
  } finally {
    connection.closeSync();
    instance.closeSync();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function rate(connection: DuckDBConnection, sql: string, seconds: number): Promise<number> {
  const statement = await connection.prepare(sql);
  const startedMs = performance.now();
  let commits = 0;
  while (performance.now() - startedMs < seconds * 1_000) {
    await statement.run();
    commits += 1;
  }
  return commits / ((performance.now() - startedMs) / 1_000);
}
