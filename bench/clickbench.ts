import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { operationNode } from '@hybridstore/contracts';
import type { BenchOptions } from './arguments.ts';
import { clickbenchQueries, hitsColumns } from './clickbench-queries.ts';
import { type Flights, withTable } from './query.ts';
import { buildReport, median, type Report } from './report.ts';

const rowsMade = 3_000_000;
/** ClickBench's own: three runs, of which the first is cold. */
const runs = 3;
const timeoutMs = 300_000;
const ratioMax = 1.15;

type Times = { readonly name: string; readonly ours: number; readonly theirs: number };

/** The 43 queries of ClickBench over made rows, through the whole path, beside DuckDB in this process on the same files. */
export async function clickbench({ rows = rowsMade }: BenchOptions): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'hybridstore-bench-hits-'));
  try {
    const file = join(folder, 'hits.parquet');
    await makeHits(file, rows);
    const columns = hitsColumns.map(({ name, type }) => ({ name, type }));
    const times = await withTable({ source: 'hits', columns, file, rows }, compare);
    return report(times, rows);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function makeHits(file: string, rows: number): Promise<void> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  const columns = hitsColumns.map(
    ({ name, type, made }) => `(${made})${type === 'bigint' ? '::bigint' : ''} as ${name}`,
  );
  await connection.run(
    `copy (select ${columns.join(', ')} from range(${rows}) as made(i)) to '${file}' (format parquet)`,
  );
  connection.closeSync();
  instance.closeSync();
}

async function compare({ client, gateway, token, files }: Flights): Promise<readonly Times[]> {
  const raw = await openRaw(files);
  const times: Times[] = [];
  for (const [index, sql] of clickbenchQueries.entries()) {
    const [own, other]: [number[], number[]] = [[], []];
    for (let run = 0; run < runs; run += 1) {
      const answer = await timed(() =>
        client.call(gateway, operationNode.querySql, {
          token,
          body: { query: sql, dialect: 'duckdb', result_cache: false },
          timeoutMs,
        }),
      );
      const reference = await timed(async () => (await raw.runAndReadAll(sql)).getRowsJson());
      const [found, expected] = [answer.value.rows.length, reference.value.length];
      if (found !== expected) throw new Error(`query ${index + 1}: ${found} rows, DuckDB has ${expected}: ${sql}`);
      own.push(answer.ms);
      other.push(reference.ms);
    }
    times.push({
      name: `query ${index + 1} (ms)`,
      ours: median(own.slice(1)),
      theirs: median(other.slice(1)),
    });
  }
  return times;
}

async function openRaw(files: readonly string[]): Promise<DuckDBConnection> {
  const connection = await (await DuckDBInstance.create()).connect();
  await connection.run(`set timezone = 'UTC'`);
  const list = files.map((file) => `'${file}'`).join(', ');
  await connection.run(`create view hits as select * from read_parquet([${list}])`);
  return connection;
}

function report(times: readonly Times[], rows: number): Report {
  const mean = Math.exp(times.reduce((sum, { ours, theirs }) => sum + Math.log(ours / theirs), 0) / times.length);
  const sum = (of: (time: Times) => number) => times.reduce((total, time) => total + of(time), 0) / 1_000;
  const figures = (of: (time: Times) => number) => ({
    ...Object.fromEntries(times.map((time) => [time.name, of(time)])),
    'sum of all (s)': sum(of),
  });
  return buildReport(
    'clickbench',
    [
      {
        what: `geometric mean of the ratios to DuckDB, ${rows.toLocaleString('en')} rows`,
        goal: '≤ 1.15',
        got: mean.toFixed(2),
        ok: mean <= ratioMax,
      },
      {
        what: 'sum of all queries, beside DuckDB',
        goal: 'shown',
        got: `${sum(({ ours }) => ours).toFixed(2)} s, ${sum(({ theirs }) => theirs).toFixed(2)} s`,
        ok: true,
      },
    ],
    [
      { name: 'HybridStore, SQL over HTTP', figures: figures(({ ours }) => ours) },
      { name: 'DuckDB in process on the same files', figures: figures(({ theirs }) => theirs) },
    ],
  );
}

async function timed<T>(work: () => Promise<T>): Promise<{ readonly value: T; readonly ms: number }> {
  const startedMs = performance.now();
  const value = await work();
  return { value, ms: performance.now() - startedMs };
}
