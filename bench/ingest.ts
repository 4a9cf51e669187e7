import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tenantNode } from '@hybridstore/contracts';
import { HttpClient } from '@hybridstore/http';
import { systemClock } from '@hybridstore/runtime';
import { TestIssuer, testSecret } from '@hybridstore/test-kit';
import { type GatewayProcess, startGateway } from './gateway-process.ts';
import { type LoadResult, runLoad } from './load-generator.ts';
import { measureDuckdbFile } from './peer-duckdb.ts';
import { measurePostgres } from './peer-postgres.ts';
import { buildReport, type Goal, quantile, type Report, type Side } from './report.ts';

const seconds = 8;
const connections = 64;
/** Of this process alone: two may measure on one machine. */
const network = `127.63.${1 + (process.pid % 249)}`;
const host = `${network}.1`;
const port = 8_000;
export const tenantId = 'default/bench';
export const nodeUrl = `http://${host}:${port}`;
const fields = { order_id: 'ORD_001', customer_id: 'CUST_001', amount: 100.5, order_date: '2024-01-15' };
const main = fileURLToPath(new URL('../services/tenant-node/src/main.ts', import.meta.url));
const ticksPerSecond = 100;

type Measured = {
  readonly load: LoadResult;
  /** Of the node's main process. */
  readonly cpuSeconds: number;
  /** Of the gateway, where the load went through one. */
  readonly gatewayCpuSeconds: number;
  /** Most of memory that the node and each of its children has had so far. */
  readonly peakBytes: number;
};

/** Durable writes over HTTP to one tenant node, alone and behind the gateway, beside a DuckDB file and PostgreSQL 15 with the same rows on the same disk. */
export async function ingest(): Promise<Report> {
  const node = await startNode();
  let one: Measured;
  let hundred: Measured;
  let thousand: Measured;
  let edge: Measured;
  let stored: number;
  let warmUp: Measured;
  let edgeWarmUp: Measured;
  try {
    warmUp = await node.load(1, 2);
    one = await node.load(1, seconds);
    hundred = await node.load(100, seconds);
    thousand = await node.load(1_000, seconds);
    const gateway = await node.startGateway();
    try {
      edgeWarmUp = await node.load(1, 2, gateway);
      edge = await node.load(1, seconds, gateway);
    } finally {
      await gateway.stop();
    }
    stored = await node.countRows();
  } finally {
    await node.stop();
  }
  const duckdb = await measureDuckdbFile({ seconds: seconds / 2 });
  const postgres = measurePostgres({ connections: 16, seconds: seconds / 2 });
  const ones = [warmUp, one, edgeWarmUp, edge].reduce((sum, { load }) => sum + load.answers, 0);
  const acknowledged = ones + hundred.load.answers * 100 + thousand.load.answers * 1_000;
  return report({ one, hundred, thousand, edge, missing: Math.max(0, acknowledged - stored) }, duckdb, postgres);
}

type Ours = {
  readonly one: Measured;
  readonly hundred: Measured;
  readonly thousand: Measured;
  /** One row a request, through the gateway. */
  readonly edge: Measured;
  readonly missing: number;
};
type Duckdb = Awaited<ReturnType<typeof measureDuckdbFile>>;
type Postgres = ReturnType<typeof measurePostgres>;

/** What was measured of ours, per second and per second of the node's CPU. */
type Rates = {
  readonly requests: number;
  readonly rows: number;
  readonly rowsAtThousand: number;
  readonly requestsPerCore: number;
  readonly rowsPerCore: number;
  readonly p99Ms: number;
};

function report(ours: Ours, duckdb: Duckdb, postgres: Postgres): Report {
  const rates = ratesOf(ours);
  const sides = [
    ourSide(ours, rates),
    edgeSide(ours),
    {
      name: 'DuckDB file, one commit an insert, in process',
      figures: { 'one-row commits/s': duckdb.commitsPerSecond, 'rows/s at 100 rows a commit': duckdb.rowsPerSecond },
    },
    {
      name: 'PostgreSQL 15, pgbench, 16 connections',
      figures: postgres
        ? {
            'one-row commits/s': postgres.commitsPerSecond,
            'rows/s at 100 rows a commit': postgres.rowsPerSecond,
            'rows/s at 1,000 rows a commit': postgres.rowsPerSecondAtThousand,
          }
        : { 'not installed': 'apt-get install postgresql-15' },
    },
    { name: 'ratios', figures: ratios(rates, duckdb, postgres) },
  ];
  return buildReport(
    'ingest',
    goals({ rates, edge: ours.edge, refused: refusedOf(ours), missing: ours.missing }),
    sides,
  );
}

function ratesOf({ one, hundred, thousand }: Ours): Rates {
  const rows = hundred.load.answers * 100;
  return {
    requests: one.load.answers / one.load.elapsedSeconds,
    rows: rows / hundred.load.elapsedSeconds,
    rowsAtThousand: (thousand.load.answers * 1_000) / thousand.load.elapsedSeconds,
    requestsPerCore: one.load.answers / one.cpuSeconds,
    rowsPerCore: rows / hundred.cpuSeconds,
    p99Ms: quantile(one.load.latenciesMs, 0.99),
  };
}

function ourSide({ one, hundred, thousand }: Ours, rates: Rates): Side {
  return {
    name: `HybridStore, one tenant node, HTTP, ${connections} connections`,
    figures: {
      'one-row requests/s': rates.requests,
      'one-row requests/s per node core': rates.requestsPerCore,
      'one-row p50 (ms)': quantile(one.load.latenciesMs, 0.5),
      'one-row p99 (ms)': rates.p99Ms,
      'rows/s at 100 rows a request': rates.rows,
      'rows/s per node core at 100 rows': rates.rowsPerCore,
      'p99 at 100 rows (ms)': quantile(hundred.load.latenciesMs, 0.99),
      'rows/s at 1,000 rows a request': rates.rowsAtThousand,
      'p99 at 1,000 rows (ms)': quantile(thousand.load.latenciesMs, 0.99),
      'one-row requests refused, to come back later': one.load.failures,
      '100-row requests refused, to come back later': hundred.load.failures,
      '1,000-row requests refused, to come back later': thousand.load.failures,
      'most memory of the node and its children (MB)': thousand.peakBytes / 1e6,
    },
  };
}

function edgeSide({ one, edge: { load, cpuSeconds, gatewayCpuSeconds } }: Ours): Side {
  return {
    name: `HybridStore, gateway and one tenant node, a user's token, ${connections} connections`,
    figures: {
      'one-row requests/s': load.answers / load.elapsedSeconds,
      'one-row requests/s per gateway core': load.answers / gatewayCpuSeconds,
      'CPU of the gateway (µs a request)': (gatewayCpuSeconds / load.answers) * 1e6,
      'CPU of the node (µs a request)': (cpuSeconds / load.answers) * 1e6,
      'CPU of the node without a gateway (µs a request)': (one.cpuSeconds / one.load.answers) * 1e6,
      'one-row p50 (ms)': quantile(load.latenciesMs, 0.5),
      'one-row p99 (ms)': quantile(load.latenciesMs, 0.99),
      'one-row requests refused, to come back later': load.failures,
    },
  };
}

function ratios({ requests, rows, rowsAtThousand }: Rates, duckdb: Duckdb, postgres: Postgres): Side['figures'] {
  const overDuckdb = {
    'one row, over DuckDB': requests / duckdb.commitsPerSecond,
    '100 rows, over DuckDB': rows / duckdb.rowsPerSecond,
  };
  if (!postgres) return overDuckdb;
  return {
    ...overDuckdb,
    'one row, over PostgreSQL': requests / postgres.commitsPerSecond,
    '100 rows, over PostgreSQL': rows / postgres.rowsPerSecond,
    '1,000 rows, over PostgreSQL': rowsAtThousand / postgres.rowsPerSecondAtThousand,
  };
}

type Judged = { readonly rates: Rates; readonly edge: Measured; readonly refused: number; readonly missing: number };

function refusedOf({ one, hundred, thousand, edge }: Ours): number {
  return [one, hundred, thousand, edge].reduce((sum, { load }) => sum + load.failures, 0);
}

function goals({ rates, edge, refused, missing }: Judged): readonly Goal[] {
  const { requestsPerCore, rowsPerCore, p99Ms } = rates;
  const edgePerCore = edge.load.answers / edge.gatewayCpuSeconds;
  return [
    {
      what: 'durable one-row requests per second and node core',
      goal: '≥ 20,000',
      got: Math.round(requestsPerCore).toLocaleString('en'),
      ok: requestsPerCore >= 20_000,
    },
    {
      what: 'durable one-row requests per second and gateway core',
      goal: '≥ 12,000',
      got: Math.round(edgePerCore).toLocaleString('en'),
      ok: edgePerCore >= 12_000,
    },
    {
      what: 'rows per second and node core at 100 rows a request',
      goal: '≥ 400,000',
      got: Math.round(rowsPerCore).toLocaleString('en'),
      ok: rowsPerCore >= 400_000,
    },
    {
      what: `p99 of one-row requests at ${connections} connections`,
      goal: '≤ 15 ms',
      got: `${p99Ms.toFixed(1)} ms`,
      ok: p99Ms <= 15,
    },
    {
      what: `requests refused, of 1, 100 and 1,000 rows at ${connections} connections`,
      goal: '0',
      got: refused.toLocaleString('en'),
      ok: refused === 0,
    },
    {
      what: 'acknowledged rows that are not in the table at the end',
      goal: '0',
      got: missing.toLocaleString('en'),
      ok: missing === 0,
    },
  ];
}

interface Node {
  /** Through the gateway, where there is one. */
  load(rowsPerRequest: number, seconds: number, gateway?: GatewayProcess): Promise<Measured>;
  startGateway(flags?: readonly string[]): Promise<GatewayProcess>;
  countRows(): Promise<number>;
  stop(): Promise<void>;
}

const columns = [
  { name: 'order_id', type: 'string' },
  { name: 'customer_id', type: 'string' },
  { name: 'amount', type: 'double' },
  { name: 'order_date', type: 'timestamp' },
];

export async function startNode(options: NodeOptions = {}): Promise<Node> {
  const folder = mkdtempSync(join(tmpdir(), 'hybridstore-bench-ingest-'));
  const issuer = new TestIssuer(folder, systemClock);
  const child = spawnNode(folder, issuer.jwksFile, options);
  const client = new HttpClient();
  const token = issuer.userToken(tenantId);
  await waitUntilReady(nodeUrl, child);
  await client.call(nodeUrl, tenantNode.addSource, { token, body: { source_id: 'sales', columns } });
  return {
    load: (rowsPerRequest, loadSeconds, gateway) =>
      measureLoad(child, { rowsPerRequest, loadSeconds, gateway, token: gateway?.token ?? token }),
    startGateway: (flags = []) =>
      startGateway({
        folder,
        jwksFile: issuer.jwksFile,
        tenantId,
        nodeHost: host,
        host: `${network}.2`,
        waitUntilReady,
        flags,
      }),
    countRows: async () => {
      const stats = await client.call(nodeUrl, tenantNode.sourceStats, { token, params: { source_id: 'sales' } });
      return stats.rows + stats.unflushed_rows;
    },
    stop: async () => {
      await client.close();
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export type NodeOptions = {
  /** A program that the node loads first, and speaks to this process. */
  readonly probe?: string;
  /** Of Node itself. */
  readonly flags?: readonly string[];
  readonly variables?: Readonly<Record<string, string>>;
};

export function spawnNode(
  folder: string,
  jwksFile: string,
  { probe, flags = [], variables = {} }: NodeOptions = {},
): ChildProcess {
  writeFileSync(join(folder, 'secret'), testSecret('tenant-node'));
  return spawn(process.execPath, [...flags, ...(probe === undefined ? [] : ['--import', probe]), main], {
    stdio: ['ignore', 'ignore', 'inherit', ...(probe === undefined ? [] : (['ipc'] as const))],
    env: {
      HOST: host,
      PORT: String(port),
      TENANT_ID: tenantId,
      POD_NAME: 'hs-bench-0',
      DATA_PATH: join(folder, 'data'),
      LOG_PATH: join(folder, 'log'),
      LOG_LEVEL: 'warn',
      JWKS_FILE: jwksFile,
      SERVICE_SECRET_FILE: join(folder, 'secret'),
      ...variables,
    },
  });
}

type Loading = {
  readonly rowsPerRequest: number;
  readonly loadSeconds: number;
  readonly token: string;
  readonly gateway: GatewayProcess | undefined;
};

async function measureLoad(
  child: ChildProcess,
  { rowsPerRequest, loadSeconds, token, gateway }: Loading,
): Promise<Measured> {
  const body = JSON.stringify({ source_id: 'sales', records: Array(rowsPerRequest).fill({ fields }) });
  const before = readCpuSeconds(child.pid);
  const gatewayBefore = gateway ? readCpuSeconds(gateway.pid) : 0;
  const load = await runLoad({
    ...(gateway?.address ?? { host, port }),
    connections,
    seconds: loadSeconds,
    path: '/data/write',
    headers: { authorization: `Bearer ${token}` },
    body,
  });
  const gatewayCpuSeconds = gateway ? readCpuSeconds(gateway.pid) - gatewayBefore : 0;
  return {
    load,
    cpuSeconds: readCpuSeconds(child.pid) - before,
    gatewayCpuSeconds,
    peakBytes: readPeakBytes(child.pid),
  };
}

export async function waitUntilReady(url: string, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    if (child.exitCode !== null) throw new Error(`the tenant node ended with ${child.exitCode}`);
    const isReady = await fetch(`${url}/ready`).then(
      (answer) => answer.status === 200,
      () => false,
    );
    if (isReady) return;
    await systemClock.sleep(50);
  }
  throw new Error('the tenant node is not ready within 15 s');
}

/** CPU of the node's main process (user and system): fields 14 and 15 of /proc/<pid>/stat. Its writer and executor children are not on the path of an acknowledgement. */
function readCpuSeconds(pid: number | undefined): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const values = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(values[11]) + Number(values[12])) / ticksPerSecond;
}

/** Peaks of a process and its children, each on its own: their sum is more than they have had at once. */
function readPeakBytes(pid: number | undefined): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
  return [pid, ...children].reduce<number>((sum, one) => {
    const kibibytes = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${one}/status`, 'utf8'))?.[1];
    return sum + Number(kibibytes) * 1024;
  }, 0);
}
