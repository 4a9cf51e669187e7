import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import { tenantNode } from '@hybridstore/contracts';
import { HttpClient } from '@hybridstore/http';
import { systemClock } from '@hybridstore/runtime';
import { TestIssuer } from '@hybridstore/test-kit';
import { spawnNode, tenantId, waitUntilReady } from './ingest.ts';
import { columns, formats, type LoadFormat, writeFiles } from './load-data.ts';
import { buildReport, type Goal, type Report, type Side } from './report.ts';

const rows = Number(process.env['LOAD_ROWS'] ?? 1_000_000);
const goalRows: Readonly<Record<LoadFormat, number>> = { ndjson: 250_000, csv: 250_000, parquet: 600_000 };
const peerShareMin = 1 / 3;
const memoryMbMax = 300;
const host = '127.63.0.3';
const nodeUrl = `http://${host}:8000`;
const commandLine = fileURLToPath(new URL('../cli/src/main.ts', import.meta.url));

type Loaded = {
  readonly seconds: number;
  readonly bytes: number;
  /** Of the command, and of the node with its children. */
  readonly commandCpuSeconds: number;
  readonly nodeCpuSeconds: number;
  readonly peakMb: number;
  readonly peerSeconds: number;
};

/** Files of 25 columns by `hybridstore load` into one tenant node, durable, beside DuckDB's COPY of the same files in this run. */
export async function load(): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'hybridstore-bench-load-'));
  try {
    process.stderr.write(`writes ${rows.toLocaleString('en')} rows in ${formats.join(', ')}\n`);
    const paths = await writeFiles(folder, rows);
    const loaded = await withNode(folder, async (node) => {
      const found: Partial<Record<LoadFormat, Loaded>> = {};
      for (const format of formats) found[format] = await loadOne(node, folder, { format, path: paths[format] });
      return found as Record<LoadFormat, Loaded>;
    });
    return report(loaded);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

type Node = { readonly client: HttpClient; readonly token: string; readonly child: ChildProcess };
type File = { readonly format: LoadFormat; readonly path: string };

async function withNode<T>(folder: string, work: (node: Node) => Promise<T>): Promise<T> {
  const issuer = new TestIssuer(folder, systemClock);
  const child = spawnNode(folder, issuer.jwksFile, { variables: { HOST: host } });
  const client = new HttpClient();
  try {
    await waitUntilReady(nodeUrl, child);
    return await work({ client, token: issuer.userToken(tenantId), child });
  } finally {
    await client.close();
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }
}

async function loadOne({ client, token, child }: Node, folder: string, { format, path }: File): Promise<Loaded> {
  const source = `visits_${format}`;
  await client.call(nodeUrl, tenantNode.addSource, { token, body: { source_id: source, columns } });
  const before = cpuSecondsOf(child.pid);
  const run = await runCommand({ path, source, token });
  const stats = await client.call(nodeUrl, tenantNode.sourceStats, { token, params: { source_id: source } });
  const stored = stats.rows + stats.unflushed_rows;
  if (stored !== rows) throw new Error(`${source}: ${rows} rows were loaded, the source has ${stored}`);
  await settle(client, token, source);
  return {
    ...run,
    bytes: statSync(path).size,
    nodeCpuSeconds: cpuSecondsOf(child.pid) - before,
    peerSeconds: await copyInDuckdb(folder, { format, path }),
  };
}

const ticksPerSecond = 100;

/** Of a process and its children, which are there as long as it is. */
function cpuSecondsOf(pid: number | undefined): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
  return [pid, ...children].reduce<number>((sum, one) => sum + readCpuSeconds(one), 0);
}

function readCpuSeconds(pid: number | string | undefined): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Until nothing is left of one load that the next would pay for. */
async function settle(client: HttpClient, token: string, source: string): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    const stats = await client.call(nodeUrl, tenantNode.sourceStats, { token, params: { source_id: source } });
    if (stats.unflushed_rows === 0) return;
    await systemClock.sleep(100);
  }
  throw new Error(`${source}: rows are not flushed within 30 s`);
}

type Command = { readonly path: string; readonly source: string; readonly token: string };

async function runCommand({ path, source, token }: Command) {
  const startedMs = performance.now();
  const command = spawn(
    process.execPath,
    [commandLine, 'load', path, '--source', source, '--gateway', nodeUrl, '--token', token, '--tenant', tenantId],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const peak = watchPeak(command);
  const [code] = (await once(command, 'exit')) as [number | null];
  const seconds = (performance.now() - startedMs) / 1_000;
  if (code !== 0) throw new Error(`hybridstore load ${path} ended with ${code}`);
  return { seconds, ...peak() };
}

const sampleMs = 20;

function watchPeak({ pid }: ChildProcess): () => { readonly peakMb: number; readonly commandCpuSeconds: number } {
  let [peakMb, commandCpuSeconds] = [0, 0];
  const timer = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      peakMb = Math.max(peakMb, Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1_000);
      commandCpuSeconds = readCpuSeconds(pid);
    } catch {
      // It has ended: what was seen last counts.
    }
  }, sampleMs);
  return () => {
    clearInterval(timer);
    return { peakMb, commandCpuSeconds };
  };
}

/** Into a table of a DuckDB file, with 2 threads, until it is checkpointed. */
async function copyInDuckdb(folder: string, { format, path }: File): Promise<number> {
  const instance = await DuckDBInstance.create(join(folder, `peer-${format}.duckdb`), { threads: '2' });
  const connection = await instance.connect();
  try {
    const types: Readonly<Record<string, string>> = { string: 'varchar', timestamp: 'timestamptz' };
    const list = columns.map(({ name, type }) => `${name} ${types[type] ?? type}`).join(', ');
    await connection.run(`set timezone = 'UTC'; create table visits (${list})`);
    const startedMs = performance.now();
    const how = { ndjson: 'format json', csv: 'format csv, header', parquet: 'format parquet' }[format];
    await connection.run(`copy visits from '${path}' (${how})`);
    await connection.run('checkpoint');
    return (performance.now() - startedMs) / 1_000;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

function report(loaded: Readonly<Record<LoadFormat, Loaded>>): Report {
  const rate = (format: LoadFormat) => rows / loaded[format].seconds;
  const peerRate = (format: LoadFormat) => rows / loaded[format].peerSeconds;
  const sides: Side[] = [
    {
      name: `hybridstore load, one tenant node, ${rows.toLocaleString('en')} rows × ${columns.length} columns`,
      figures: Object.fromEntries(
        formats.flatMap((format) => {
          const { seconds, bytes, commandCpuSeconds, nodeCpuSeconds, peakMb } = loaded[format];
          return [
            [`${format} rows/s`, rate(format)],
            [`${format} MB/s`, bytes / 1e6 / seconds],
            [`${format} µs of processor a row, command`, (commandCpuSeconds * 1e6) / rows],
            [`${format} µs of processor a row, node and children`, (nodeCpuSeconds * 1e6) / rows],
            [`${format} most memory of the command (MB)`, peakMb],
          ];
        }),
      ),
    },
    {
      name: 'DuckDB COPY into a file of its own, 2 threads',
      figures: Object.fromEntries(formats.map((format) => [`${format} rows/s`, peerRate(format)])),
    },
    {
      name: 'ratios',
      figures: Object.fromEntries(formats.map((format) => [`${format}, over DuckDB`, rate(format) / peerRate(format)])),
    },
  ];
  const goals: Goal[] = formats.flatMap((format) => [
    {
      what: `${format} rows a second`,
      goal: `≥ ${goalRows[format].toLocaleString('en')}`,
      got: Math.round(rate(format)).toLocaleString('en'),
      ok: rate(format) >= goalRows[format],
    },
    {
      what: `most memory of the command, ${format}`,
      goal: `≤ ${memoryMbMax} MB`,
      got: `${Math.round(loaded[format].peakMb)} MB`,
      ok: loaded[format].peakMb <= memoryMbMax,
    },
  ]);
  const share = rate('parquet') / peerRate('parquet');
  goals.push({ what: 'parquet over DuckDB', goal: '≥ 0.33', got: share.toFixed(2), ok: share >= peerShareMin });
  return buildReport('load', goals, sides);
}
