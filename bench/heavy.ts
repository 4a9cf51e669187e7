import type { ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { tenantNode } from '@hybridstore/contracts';
import { HttpClient } from '@hybridstore/http';
import { isHybridStoreError, systemClock } from '@hybridstore/runtime';
import { TestIssuer } from '@hybridstore/test-kit';
import { spawnNode, tenantId, waitUntilReady } from './ingest.ts';
import { readLiveFiles } from './live-files.ts';
import { buildReport, type Goal, median, type Report, type Side } from './report.ts';

const host = '127.63.0.2';
const nodeUrl = `http://${host}:8000`;
const mebibyte = 1024 ** 2;
const clients = 10;
const queriesPerClient = 1;
const rows = 3_000_000;
const rowsPerWrite = 10_000;
/** A small pod: 1 GiB of memory, and 4 GiB to spill, of which the engine may use nine tenths. */
const memoryBytes = 1_024 * mebibyte;
const spillBytes = Math.floor(4_096 * mebibyte * 0.9);
/** What the node gives its engine of that. */
const executorBytes = 256 * mebibyte;
const timeoutSeconds = 600;
const lookMs = 25;
const ticksPerSecond = 100;
const settledPauseMs = 200;
const settledLooksMax = 600;

const columns = [
  { name: 'session', type: 'string' },
  { name: 'page', type: 'string' },
  { name: 'ms', type: 'bigint' },
];
/** As many groups as rows. */
const sql =
  'select session, page, sum(ms) as ms, count(*) as n from flights group by session, page order by ms desc, session limit 10';

type Side10 = {
  readonly answers: number;
  readonly errors: ReadonlyMap<string, number>;
  readonly answerMs: readonly number[];
  readonly cpuSeconds: number;
};
type Peaks = { memoryBytes: number; spillBytes: number };

/** Ten clients with groups as many as rows, at one tenant node with the memory of a pod, beside DuckDB in process with that of its engine. */
export async function heavy(): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'hybridstore-bench-heavy-'));
  const issuer = new TestIssuer(folder, systemClock);
  const data = join(folder, 'volumes', 'data');
  const node = spawnNode(folder, issuer.jwksFile, {
    // As the launcher of the image has it.
    flags: [`--max-old-space-size=${memoryBytes / 4 / mebibyte}`],
    variables: {
      HOST: host,
      DATA_PATH: data,
      MEMORY_BYTES_MAX: String(memoryBytes),
      DUCKDB_MEMORY_LIMIT: '512MiB',
      SPILL_PATH: join(folder, 'spill'),
      SPILL_BYTES_MAX: String(spillBytes),
      STATEMENT_TIMEOUT_SECONDS: String(timeoutSeconds),
      SEARCH_QUEUE_MAX: '100',
    },
  });
  const client = new HttpClient();
  try {
    mkdirSync(join(folder, 'spill'), { recursive: true });
    await waitUntilReady(nodeUrl, node);
    const token = issuer.userToken(tenantId);
    await load(client, token);
    const peaks = watch(node, join(folder, 'spill'));
    const pid = String(node.pid);
    const ours = await askAll(
      () => askNode(client, token),
      () => readTreeSeconds(pid),
    );
    const { memoryBytes: peakBytes, spillBytes: spilledBytes } = peaks.stop();
    const left = listSizes(join(folder, 'spill')).length;
    const duckdb = await askDuckdb(readLiveFiles(folder), join(folder, 'duckdb-spill'));
    return report(ours, duckdb, { peakBytes, spilledBytes, left });
  } finally {
    await client.close();
    const ended = new Promise((resolve) => node.once('exit', resolve));
    node.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}

async function load(client: HttpClient, token: string): Promise<void> {
  await client.call(nodeUrl, tenantNode.addSource, { token, body: { source_id: 'flights', columns } });
  for (let first = 0; first < rows; first += rowsPerWrite) await write(client, token, first);
  for (let look = 0; look < settledLooksMax; look += 1) {
    const stats = await client.call(nodeUrl, tenantNode.sourceStats, { token, params: { source_id: 'flights' } });
    if (stats.unflushed_rows === 0 && stats.rows === rows) return;
    await systemClock.sleep(settledPauseMs);
  }
  throw new Error(`rows are still in memory after ${(settledLooksMax * settledPauseMs) / 1_000} s`);
}

/** Repeated while the node has no room for more, which comes with its next flush. */
async function write(client: HttpClient, token: string, first: number): Promise<void> {
  const records = Array.from({ length: rowsPerWrite }, (_, index) => {
    const row = first + index;
    return {
      fields: {
        session: `a-session-of-a-visitor-who-came-by-a-link-${(row * 7_919) % rows}`,
        page: `/page/${row % 5_003}`,
        ms: row,
      },
    };
  });
  for (let attempt = 0; attempt < settledLooksMax; attempt += 1) {
    try {
      await client.call(nodeUrl, tenantNode.write, {
        token,
        body: { source_id: 'flights', records },
        timeoutMs: 60_000,
      });
      return;
    } catch (error) {
      if (!isHybridStoreError(error, 'overloaded')) throw error;
      await systemClock.sleep(settledPauseMs);
    }
  }
  throw new Error(`no room for rows in ${(settledLooksMax * settledPauseMs) / 1_000} s`);
}

async function askNode(client: HttpClient, token: string): Promise<number> {
  const answer = await client.call(nodeUrl, tenantNode.aggregate, {
    token,
    body: {
      source_id: 'flights',
      group_by: ['session', 'page'],
      aggregations: [
        { function: 'sum', field: 'ms', alias: 'ms' },
        { function: 'count', field: '*', alias: 'n' },
      ],
      order_by: [
        { field: 'ms', direction: 'desc' },
        { field: 'session', direction: 'asc' },
      ],
      limit: 10,
      // Ten clients ask the same, and each is to be work.
      result_cache: false,
      timeout_seconds: timeoutSeconds,
    },
    timeoutMs: timeoutSeconds * 1_000,
  });
  return answer.rows.length;
}

/** Each client asks again when it has its answer; nobody repeats what failed. */
async function askAll(ask: () => Promise<number>, readCpuSeconds: () => number): Promise<Side10> {
  const startedSeconds = readCpuSeconds();
  const errors = new Map<string, number>();
  const answerMs: number[] = [];
  await Promise.all(
    Array.from({ length: clients }, async () => {
      for (let query = 0; query < queriesPerClient; query += 1) {
        const startedMs = performance.now();
        try {
          const count = await ask();
          if (count !== 10) throw new Error(`expected 10 rows, found ${count}`);
          answerMs.push(performance.now() - startedMs);
        } catch (error) {
          const what = isHybridStoreError(error) ? error.code : 'error of the engine';
          errors.set(what, (errors.get(what) ?? 0) + 1);
        }
      }
    }),
  );
  return { answers: answerMs.length, errors, answerMs, cpuSeconds: readCpuSeconds() - startedSeconds };
}

/** The memory that the node's engine has, two threads and a folder to spill to: ten connections of one instance. */
async function askDuckdb(files: readonly string[], spillFolder: string): Promise<Side10> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
  const first = await instance.connect();
  for (const setting of [
    `set memory_limit = '${executorBytes}B'`,
    `set temp_directory = '${spillFolder}'`,
    `set max_temp_directory_size = '${spillBytes}B'`,
    `create view flights as select * from read_parquet([${files.map((file) => `'${file}'`).join(', ')}])`,
  ])
    await first.run(setting);
  const free: DuckDBConnection[] = await Promise.all(Array.from({ length: clients }, () => instance.connect()));
  const ask = async () => {
    const connection = free.pop() ?? (await instance.connect());
    try {
      return (await connection.runAndReadAll(sql)).getRowsJson().length;
    } finally {
      free.push(connection);
    }
  };
  const side = await askAll(ask, () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  for (const connection of [first, ...free]) connection.closeSync();
  instance.closeSync();
  return side;
}

function watch(node: ChildProcess, spillFolder: string): { stop(): Peaks } {
  const peaks: Peaks = { memoryBytes: 0, spillBytes: 0 };
  const timer = setInterval(() => {
    peaks.memoryBytes = Math.max(peaks.memoryBytes, readTreeBytes(String(node.pid)));
    const spilled = listSizes(spillFolder).reduce((sum, bytes) => sum + bytes, 0);
    peaks.spillBytes = Math.max(peaks.spillBytes, spilled);
  }, lookMs);
  return {
    stop: () => {
      clearInterval(timer);
      return peaks;
    },
  };
}

/** Resident memory of its own (without pages of files) of a process and all below it: what a pod is held to. */
function readTreeBytes(pid: string): number {
  try {
    const kibibytes = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(/\s+/);
    const below = children.filter((child) => child !== '').reduce((sum, child) => sum + readTreeBytes(child), 0);
    return Number(kibibytes ?? 0) * 1024 + below;
  } catch {
    // It ended between two looks.
    return 0;
  }
}

/** User and system time: fields 14 and 15 of /proc/<pid>/stat. */
function readTreeSeconds(pid: string): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(/\s+/);
  const below = children.filter((child) => child !== '').reduce((sum, child) => sum + readTreeSeconds(child), 0);
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond + below;
}

function listSizes(folder: string): readonly number[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true }).flatMap((entry) => {
    if (entry.isDirectory()) return [];
    try {
      return [statSync(join(entry.parentPath, entry.name)).blocks * 512];
    } catch {
      // Gone between the two looks.
      return [];
    }
  });
}

type Figures = { readonly peakBytes: number; readonly spilledBytes: number; readonly left: number };

function report(ours: Side10, duckdb: Side10, { peakBytes, spilledBytes, left }: Figures): Report {
  const asked = clients * queriesPerClient;
  const mib = (bytes: number) => Math.round(bytes / mebibyte);
  const sides: Side[] = [
    {
      name: `HybridStore, one tenant node of ${mib(memoryBytes)} MiB, HTTP, ${clients} clients`,
      figures: {
        ...figuresOf(ours),
        'memory of all its processes at its peak (MiB)': mib(peakBytes),
        'spilled at its peak (MiB)': mib(spilledBytes),
        'spilled files left': left,
      },
    },
    {
      name: `DuckDB in process on the same files, ${mib(executorBytes)} MiB, ${clients} connections`,
      figures: figuresOf(duckdb),
    },
  ];
  const goals: Goal[] = [
    { what: 'queries answered', goal: `${asked}`, got: `${ours.answers}`, ok: ours.answers === asked },
    {
      what: 'memory of all processes of the node',
      goal: `≤ ${mib(memoryBytes)} MiB`,
      got: `${mib(peakBytes)} MiB`,
      ok: peakBytes <= memoryBytes,
    },
    { what: 'spilled files left', goal: '0', got: `${left}`, ok: left === 0 },
  ];
  return buildReport('heavy', goals, sides);
}

function figuresOf({ answers, errors, answerMs, cpuSeconds }: Side10): Side['figures'] {
  return {
    answers,
    errors: [...errors].map(([what, count]) => `${count} × ${what}`).join(', ') || 'none',
    'processor time of all (s)': cpuSeconds,
    'median of an answer (ms)': answerMs.length === 0 ? 'none' : median(answerMs),
    'longest answer (ms)': answerMs.length === 0 ? 'none' : Math.max(...answerMs),
  };
}
