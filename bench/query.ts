import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { authGateway, operationNode, type PlatformAddresses, tenantNode } from '@hybridstore/contracts';
import type { KubeObject, Resource } from '@hybridstore/controller-runtime';
import { HttpClient } from '@hybridstore/http';
import { dataSources, tenants } from '@hybridstore/operator';
import { systemClock } from '@hybridstore/runtime';
import { loadRows } from '../cli/src/load/load-rows.ts';
import { prepareRow } from '../cli/src/load/prepare-row.ts';
import { readRows } from '../cli/src/load/read-file.ts';
import type { ReadRow } from '../cli/src/load/row.ts';
import { PlatformProcess, randomPortOffset } from '../scripts/start/platform-process.ts';
import { waitForReady } from '../scripts/start/wait-until-ready.ts';
import { readLiveFiles } from './live-files.ts';
import { buildReport, median, type Report, type Side } from './report.ts';

const flights = fileURLToPath(new URL('../node_modules/vega-datasets/data/flights-3m.parquet', import.meta.url));
const rowsMax = 3_000_000;
const runs = 15;
const tenant = {
  apiVersion: 'hybridstore.dev/v1alpha1',
  kind: 'Tenant',
  metadata: { name: 'bench', namespace: 'default' },
  spec: { autoscaling: { mode: 'Off' }, replicas: 1 },
};
/** Of the source `flights`. */
export const flightColumns = [
  ['date', 'timestamp'],
  ['delay', 'bigint'],
  ['distance', 'bigint'],
  ['origin', 'string'],
  ['destination', 'string'],
].map(([name = '', type = '']) => ({ name, type }));
const queries: readonly { readonly name: string; readonly sql: string }[] = [
  { name: 'count', sql: 'SELECT COUNT(*) AS n FROM flights' },
  { name: 'filtered sum', sql: "SELECT SUM(delay) AS d FROM flights WHERE origin = 'SFO' AND distance > 1000" },
  {
    name: 'group by 10 of 300',
    sql: 'SELECT origin, COUNT(*) AS n, AVG(delay) AS d FROM flights GROUP BY origin ORDER BY n DESC LIMIT 10',
  },
  {
    name: 'group by two columns',
    sql: 'SELECT origin, destination, COUNT(*) AS n FROM flights GROUP BY origin, destination ORDER BY n DESC, origin, destination LIMIT 20',
  },
  {
    name: 'window over groups',
    sql: 'SELECT origin, n, RANK() OVER (ORDER BY n DESC) AS place FROM (SELECT origin, COUNT(*) AS n FROM flights GROUP BY origin) AS g ORDER BY place LIMIT 25',
  },
  {
    name: 'self join of groups',
    sql: 'WITH o AS (SELECT origin AS a, COUNT(*) AS n FROM flights GROUP BY origin), d AS (SELECT destination AS a, COUNT(*) AS n FROM flights GROUP BY destination) SELECT o.a, o.n - d.n AS surplus FROM o JOIN d ON o.a = d.a ORDER BY surplus DESC, o.a LIMIT 20',
  },
  { name: 'distinct', sql: 'SELECT COUNT(DISTINCT distance) AS n FROM flights' },
  {
    name: 'one day of a month',
    sql: "SELECT COUNT(*) AS n, MAX(delay) AS d FROM flights WHERE date >= '2001-01-10' AND date < '2001-01-11'",
  },
];

/** Our SQL path over HTTP (gateway to engine and back) beside DuckDB in this process on the very same Parquet files. */
export function query(): Promise<Report> {
  return withFlights(rowsMax, async ({ client, gateway, token, files }) =>
    compare(client, gateway, token, await openRaw(files)),
  );
}

export type Flights = {
  readonly client: HttpClient;
  readonly addresses: PlatformAddresses;
  readonly gateway: string;
  readonly token: string;
  /** Of the table, once everything is committed. */
  readonly files: readonly string[];
};

/** Starts the platform with one tenant and the first `rows` flights in a source `flights`, and stops it when `measure` has ended. */
export function withFlights<T>(rows: number, measure: (flights: Flights) => Promise<T>): Promise<T> {
  return withTable({ source: 'flights', columns: flightColumns, file: flights, rows }, measure);
}

export type Table = {
  readonly source: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** A Parquet file, of which the first `rows` are loaded. */
  readonly file: string;
  readonly rows: number;
};

/** Starts the platform with one tenant and one source, loads it over REST, and stops everything when `measure` has ended. */
export async function withTable<T>(table: Table, measure: (loaded: Flights) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'hybridstore-bench-query-'));
  const platform = new PlatformProcess(folder, ['--empty', '--port-offset', String(randomPortOffset())]);
  const client = new HttpClient();
  const source = {
    apiVersion: 'hybridstore.dev/v1alpha1',
    kind: 'DataSource',
    metadata: { name: `bench-${table.source}`, namespace: 'default' },
    spec: { tenantRef: { name: 'bench' }, sourceId: table.source, schema: { columns: table.columns } },
  };
  try {
    await platform.start();
    const objects: readonly { readonly resource: Resource; readonly object: KubeObject }[] = [
      { resource: tenants, object: tenant },
      { resource: dataSources, object: source },
    ];
    for (const { resource, object } of objects) await platform.kube.apply(resource, object, { fieldManager: 'bench' });
    await waitForReady(platform.kube, objects, 60_000);
    const { gateway } = platform.addresses;
    const { access_token: token } = await client.call(gateway, authGateway.login, {
      body: { ...platform.administrator, tenant_id: 'default/bench' },
    });
    await loadTable(table, client, gateway, token);
    const files = await settledFiles(table.source, client, gateway, token, folder);
    return await measure({ client, addresses: platform.addresses, gateway, token, files });
  } finally {
    await client.close();
    await platform.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Writes the first `rows` flights to the source `flights` at `url`. */
export function loadFlights(rows: number, client: HttpClient, url: string, token: string): Promise<void> {
  return loadTable({ source: 'flights', columns: flightColumns, file: flights, rows }, client, url, token);
}

async function loadTable(table: Table, client: HttpClient, url: string, token: string): Promise<void> {
  const startedMs = performance.now();
  const { acknowledged } = await loadRows(
    firstRows(table),
    (batch, key) =>
      client.call(url, tenantNode.write, {
        token,
        body: { source_id: table.source, records: batch.records },
        headers: { 'idempotency-key': key },
        timeoutMs: 120_000,
      }),
    {
      rowsPerBatch: 10_000,
      bytesPerBatchMax: 8 * 1024 * 1024,
      parallel: 4,
      loadId: `bench-${table.source}`,
      rejectedMax: 0,
      prepare: (fields) => prepareRow(fields, undefined, false),
      sleep: (delayMs) => systemClock.sleep(delayMs),
      onProgress: () => {},
    },
  );
  process.stderr.write(
    `${acknowledged.toLocaleString('en')} rows loaded in ${((performance.now() - startedMs) / 1_000).toFixed(1)} s\n`,
  );
}

async function* firstRows({ file, rows: rowsMax }: Table): AsyncGenerator<ReadRow> {
  let rows = 0;
  for await (const row of readRows(file, 'parquet')) {
    if (rows++ === rowsMax) return;
    yield row;
  }
}

const settledPauseMs = 200;
const settledLooksMax = 600;

/** The files of the table once everything is committed: read from the Delta log itself. */
async function settledFiles(
  source: string,
  client: HttpClient,
  gateway: string,
  token: string,
  folder: string,
): Promise<string[]> {
  for (let look = 0; look < settledLooksMax; look += 1) {
    const stats = await client.call(gateway, tenantNode.sourceStats, {
      token,
      params: { source_id: source },
    });
    if (stats.unflushed_rows === 0) return readLiveFiles(join(folder, 'data'), source);
    await systemClock.sleep(settledPauseMs);
  }
  throw new Error(`rows are still in memory after ${(settledLooksMax * settledPauseMs) / 1_000} s`);
}

export async function openRaw(files: readonly string[]): Promise<DuckDBConnection> {
  const connection = await (await DuckDBInstance.create()).connect();
  await connection.run(
    `create view flights as select * from read_parquet([${files.map((file) => `'${file}'`).join(', ')}])`,
  );
  return connection;
}

async function compare(client: HttpClient, gateway: string, token: string, raw: DuckDBConnection): Promise<Report> {
  const ours: Record<string, number> = {};
  const theirs: Record<string, number> = {};
  for (const { name, sql } of queries) {
    const [own, other]: [number[], number[]] = [[], []];
    for (let run = 0; run <= runs; run += 1) {
      const answer = await timed(() =>
        client.call(gateway, operationNode.querySql, {
          token,
          body: { query: sql, dialect: 'duckdb', result_cache: false },
        }),
      );
      const reference = await timed(async () => (await raw.runAndReadAll(sql)).getRowsJson());
      if (answer.value.rows.length !== reference.value.length)
        throw new Error(`${name}: ${answer.value.rows.length} rows, DuckDB has ${reference.value.length}`);
      // The first run warms both sides.
      if (run > 0) {
        own.push(answer.ms);
        other.push(reference.ms);
      }
    }
    ours[`${name} (ms)`] = median(own);
    theirs[`${name} (ms)`] = median(other);
  }
  return report(ours, theirs);
}

function report(ours: Readonly<Record<string, number>>, theirs: Readonly<Record<string, number>>): Report {
  const overheads = Object.keys(ours).map((name) => ({
    ms: (ours[name] ?? 0) - (theirs[name] ?? 0),
    ratio: (ours[name] ?? 0) / (theirs[name] ?? 1),
  }));
  const ms = median(overheads.map((one) => one.ms));
  const ratio = median(overheads.map((one) => one.ratio));
  const sides: Side[] = [
    { name: 'HybridStore, SQL over HTTP, median', figures: ours },
    { name: 'DuckDB in process on the same files, median', figures: theirs },
  ];
  return buildReport(
    'query',
    [
      { what: 'overhead at the median of the queries', goal: '≤ 5 ms', got: `${ms.toFixed(1)} ms`, ok: ms <= 5 },
      { what: 'ratio at the median of the queries', goal: '≤ 1.1', got: ratio.toFixed(2), ok: ratio <= 1.1 },
    ],
    sides,
  );
}

export async function timed<T>(work: () => Promise<T>): Promise<{ readonly value: T; readonly ms: number }> {
  const startedMs = performance.now();
  const value = await work();
  return { value, ms: performance.now() - startedMs };
}
