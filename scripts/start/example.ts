import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { authGateway, type DslQuery, operationNode, tenantNode } from '@hybridstore/contracts';
import { HttpClient } from '@hybridstore/http';
import { systemClock } from '@hybridstore/runtime';
import { paintFor } from '../../cli/src/io.ts';
import { loadRows } from '../../cli/src/load/load-rows.ts';
import { readRows } from '../../cli/src/load/read-file.ts';
import { startProgress } from '../../cli/src/output/progress.ts';
import { formatTable } from '../../cli/src/output/table.ts';

export const exampleTenant = { namespace: 'default', name: 'acme' } as const;

export type Example = {
  readonly gateway: string;
  readonly credentials: { readonly username: string; readonly password: string };
};

const dataFolder = fileURLToPath(new URL('../../node_modules/vega-datasets/data', import.meta.url));
const files = [
  { source: 'flights', file: 'flights-200k.json' },
  { source: 'movies', file: 'movies.json' },
] as const;

type ExampleQuery = { readonly title: string } & (
  | { readonly sql: string; readonly dialect?: 'duckdb' | 'postgresql' }
  | { readonly dsl: DslQuery }
);
const exampleQueries: readonly ExampleQuery[] = [
  {
    title: 'How many flights are there, and how late are they?',
    sql: 'SELECT COUNT(*) AS flights, ROUND(AVG(delay), 2) AS mean_delay, MAX(delay) AS worst FROM flights',
  },
  {
    title: 'When do flights run late?',
    sql: 'SELECT FLOOR(time / 6) AS quarter_of_day, COUNT(*) AS flights, ROUND(AVG(delay), 1) AS mean_delay FROM flights GROUP BY FLOOR(time / 6) ORDER BY quarter_of_day',
    dialect: 'postgresql',
  },
  {
    title: 'Which genres earn most? (irregular JSON documents)',
    sql: `SELECT doc->>'Major Genre' AS genre, COUNT(*) AS films, SUM(CAST(doc->>'Worldwide Gross' AS BIGINT)) AS gross FROM movies WHERE doc->>'Major Genre' IS NOT NULL GROUP BY doc->>'Major Genre' ORDER BY gross DESC LIMIT 5`,
    dialect: 'duckdb',
  },
  {
    title: 'The three longest delays of each distance over 2,700 miles (window function)',
    sql: 'SELECT distance, delay FROM (SELECT distance, delay, ROW_NUMBER() OVER (PARTITION BY distance ORDER BY delay DESC) AS n FROM flights WHERE distance > 2700) AS ranked WHERE n <= 3 ORDER BY distance, delay DESC LIMIT 9',
  },
  {
    title: 'Films by rating (JSON DSL)',
    dsl: {
      query_type: 'aggregate',
      source: 'movies',
      group_by: ['MPAA Rating'],
      aggregations: [{ function: 'count', field: '*', alias: 'films' }],
      order_by: [{ field: 'films', direction: 'desc' }],
      limit: 5,
    },
  },
];

/** A user of the example tenant who has logged in, and where he reads what comes of it. */
type Session = {
  readonly client: HttpClient;
  readonly gateway: string;
  readonly token: string;
  readonly write: (text: string) => void;
};

/** Loads the real data where it is not there yet, and asks about it. Everything goes through the gateway, as a user's calls do. */
export async function runExample(example: Example, write: (text: string) => void): Promise<void> {
  const client = new HttpClient();
  try {
    const session = { client, gateway: example.gateway, token: await logIn(client, example), write };
    for (const { source, file } of files) {
      const rows = await countRows(session, source);
      if (rows === 0) await load(session, source, join(dataFolder, file));
      else write(`${source}: ${formatCount(rows)} rows are there already\n`);
    }
    for (const query of exampleQueries) write(`\n${await ask(session, query)}`);
  } finally {
    await client.close();
  }
}

async function logIn(client: HttpClient, { gateway, credentials }: Example): Promise<string> {
  const body = { ...credentials, tenant_id: `${exampleTenant.namespace}/${exampleTenant.name}` };
  return (await client.call(gateway, authGateway.login, { body })).access_token;
}

async function countRows({ client, gateway, token }: Session, source: string): Promise<number> {
  const body = { query: `SELECT COUNT(*) AS n FROM ${source}` };
  const answer = await client.call(gateway, operationNode.querySql, { token, body });
  return Number(answer.rows[0]?.[0]);
}

async function load({ client, gateway, token, write }: Session, source: string, path: string): Promise<void> {
  const progress = startProgress(source, readFileSync(path).length, process.stderr);
  const startedMs = performance.now();
  const { acknowledged } = await loadRows(
    readRows(path, 'json'),
    (batch, key) =>
      client.call(gateway, tenantNode.write, {
        token,
        body: { source_id: source, records: batch.records },
        headers: { 'idempotency-key': key },
        timeoutMs: 60_000,
      }),
    {
      rowsPerBatch: 5_000,
      bytesPerBatchMax: 4 * 1024 * 1024,
      parallel: 4,
      // The id is fixed: an example that was cut off goes on where it was.
      loadId: `example-${source}`,
      rejectedMax: 0,
      sleep: (delayMs) => systemClock.sleep(delayMs),
      onProgress: (bytes, done) => progress.update(bytes, done),
    },
  );
  progress.end();
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
  write(`${source}: ${formatCount(acknowledged)} rows acknowledged in ${seconds} s\n`);
}

/** The query with its answer as a table. */
async function ask({ client, gateway, token }: Session, query: ExampleQuery): Promise<string> {
  const answer =
    'dsl' in query
      ? await client.call(gateway, operationNode.queryDsl, { token, body: { query: query.dsl } })
      : await client.call(gateway, operationNode.querySql, {
          token,
          body: { query: query.sql, ...(query.dialect ? { dialect: query.dialect } : {}) },
        });
  const text = 'dsl' in query ? JSON.stringify(query.dsl) : query.sql;
  const table = formatTable(answer.columns, answer.rows, paintFor(process.stdout, process.env));
  const rows = `${answer.row_count} ${answer.row_count === 1 ? 'row' : 'rows'}`;
  return `${query.title}\n${text}\n${table}\n${rows} in ${answer.stats.elapsed_ms.toFixed(1)} ms\n`;
}

function formatCount(count: number): string {
  return count.toLocaleString('en');
}
