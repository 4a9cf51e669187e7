import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type AnswerFormat, answerTypes, type ExecuteRequest, operationNode, tenantNode } from '@hybridstore/contracts';
import { HttpClient } from '@hybridstore/http';
import { column, finishPlan } from '@hybridstore/plan';
import { createQueryId, systemClock } from '@hybridstore/runtime';
import { TestIssuer } from '@hybridstore/test-kit';
import { tableFromIPC } from 'apache-arrow';
import { nodeUrl, spawnNode, tenantId, waitUntilReady } from './ingest.ts';
import { measureProcesses, type Use } from './processes.ts';
import { flightColumns, loadFlights, withFlights } from './query.ts';
import { buildReport, type Goal, median, type Report, type Side } from './report.ts';

const rows = 1_000_000;
const runs = 5;
const leaves = 15;
const peerName = 'bench/peer-stream.ts';
const peer = fileURLToPath(new URL(`../${peerName}`, import.meta.url));
/** What grows once, whoever asks first, is not of the stream. */
const warmUps = 2;
const mebibyte = 1024 * 1024;

const formats = ['rows_ndjson', 'rows_csv', 'rows_arrow'] as const satisfies AnswerFormat[];
type Format = (typeof formats)[number];
const formatNames: Readonly<Record<Format, string>> = { rows_ndjson: 'NDJSON', rows_csv: 'CSV', rows_arrow: 'Arrow' };

type Asked = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly countRows: (bytes: Buffer) => number;
};
type Arrived = { readonly bytes: number; readonly firstByteMs: number; readonly elapsedMs: number };
type Run = Use & { readonly value: Arrived };
type Runs = Readonly<Record<Format, readonly Run[]>>;
type OfNode = { readonly measured: Runs; readonly stoppedMs: number };
type OfPeer = { readonly ndjson: readonly Run[]; readonly csv: readonly Run[]; readonly chunks: readonly Run[] };

/**
 * A million rows of five columns as NDJSON, CSV and Arrow: the whole path, one tenant node alone, and DuckDB behind a plain
 * HTTP server on the same files.
 */
export async function stream(): Promise<Report> {
  const { measured: alone, stoppedMs } = await ofNodeAlone();
  const { path, other } = await withFlights(rows, async ({ gateway, token, files }) => ({
    path: await ofFormats((format) => ({
      url: `${gateway}${operationNode.querySql.path}`,
      headers: { authorization: `Bearer ${token}`, accept: answerTypes[format] },
      body: JSON.stringify({ query: 'SELECT * FROM flights', dialect: 'duckdb' }),
      countRows: rowCounts[format],
    })),
    other: await ofPeer(files),
  }));
  return buildReport('stream', goals({ path, alone, other, stoppedMs }), [
    ...formats.map((format) => describe(`HybridStore, SQL over HTTP, ${formatNames[format]}`, path[format])),
    ...formats.map((format) => describe(`HybridStore, one tenant node alone, ${formatNames[format]}`, alone[format])),
    describe('DuckDB in process behind a plain HTTP server of Node, NDJSON', other.ndjson),
    describe('DuckDB in process behind a plain HTTP server of Node, CSV', other.csv),
    describe('DuckDB in process, rows read and not sent', other.chunks),
  ]);
}

async function ofFormats(ask: (format: Format) => Asked): Promise<Runs> {
  return {
    rows_ndjson: await measure(() => ask('rows_ndjson')),
    rows_csv: await measure(() => ask('rows_csv')),
    rows_arrow: await measure(() => ask('rows_arrow')),
  };
}

const rowCounts: Readonly<Record<Format, (bytes: Buffer) => number>> = {
  rows_ndjson: countLines,
  rows_csv: (bytes) => countLines(bytes) - 1,
  rows_arrow: (bytes) => tableFromIPC(bytes).numRows,
};

async function ofNodeAlone(): Promise<OfNode> {
  const folder = mkdtempSync(join(tmpdir(), 'hybridstore-bench-stream-'));
  const issuer = new TestIssuer(folder, systemClock);
  const child = spawnNode(folder, issuer.jwksFile);
  const client = new HttpClient();
  try {
    await waitUntilReady(nodeUrl, child);
    const token = issuer.userToken(tenantId);
    const source = { source_id: 'flights', columns: flightColumns };
    await client.call(nodeUrl, tenantNode.addSource, { token, body: source });
    await loadFlights(rows, client, nodeUrl, token);
    await client.call(nodeUrl, tenantNode.flush, {
      token: issuer.identity('operator').token(tenantId),
      params: { source_id: 'flights' },
      timeoutMs: 120_000,
    });
    const measured = await ofFormats((format) => askNode(token, format));
    const stops: number[] = [];
    for (let run = 0; run < leaves; run += 1) stops.push(await leave(askNode(token, 'rows_ndjson')));
    return { measured, stoppedMs: median(stops) };
  } finally {
    await client.close();
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}

function askNode(token: string, format: Format): Asked {
  const names = flightColumns.map(({ name }) => name);
  const plan = finishPlan({
    kind: 'query',
    body: {
      kind: 'select',
      projections: names.map((name) => ({ name, value: column('f', name) })),
      from: { kind: 'scan', source: 'flights', alias: 'f', columns: names },
    },
  });
  const body: ExecuteRequest = {
    query_id: createQueryId(),
    plan,
    consistency: 'strict',
    format,
    deadline_ms: 60_000,
  };
  return {
    url: `${nodeUrl}${tenantNode.execute.path}`,
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
    countRows: rowCounts[format],
  };
}

async function ofPeer(files: readonly string[]): Promise<OfPeer> {
  const child = fork(peer, files);
  try {
    // The peer's own words.
    const [port] = (await once(child, 'message')) as [number];
    const ask = async (path: string, countRows: Asked['countRows']) => {
      const measured = await measure(() => ({
        url: `http://127.0.0.1:${port}${path}`,
        headers: {},
        body: '{}',
        countRows,
      }));
      // The platform stands beside it, and has nothing to do with it.
      return measured.map((run) => ({ ...run, processes: run.processes.filter(({ name }) => name === peerName) }));
    };
    return {
      ndjson: await ask('/ndjson', rowCounts.rows_ndjson),
      csv: await ask('/csv', rowCounts.rows_csv),
      chunks: await ask('/chunks', () => rows),
    };
  } finally {
    child.kill('SIGKILL');
  }
}

async function measure(ask: () => Asked): Promise<readonly Run[]> {
  for (let run = 0; run < warmUps; run += 1) await read(ask(), { isCounted: true });
  const measured: Run[] = [];
  for (let run = 0; run < runs; run += 1)
    measured.push(await measureProcesses(process.pid, () => read(ask(), { isCounted: false })));
  return measured;
}

/** Reads an answer to its end. Rows are counted where it is not measured. */
async function read(
  { url, headers, body, countRows }: Asked,
  { isCounted }: { readonly isCounted: boolean },
): Promise<Arrived> {
  const startedMs = performance.now();
  const sent = request(url, { method: 'POST', headers: { ...headers, 'content-type': 'application/json' } });
  sent.end(body);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const parts: Buffer[] = [];
  let [bytes, firstByteMs] = [0, Number.NaN];
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    if (bytes === 0) firstByteMs = performance.now() - startedMs;
    bytes += chunk.length;
    if (isCounted) parts.push(chunk);
  }
  const found = isCounted && answer.statusCode === 200 ? countRows(Buffer.concat(parts)) : rows;
  if (answer.statusCode !== 200 || !answer.complete || found !== rows)
    throw new Error(`${url}: status ${answer.statusCode}, ${found} rows, expected 200 and ${rows} rows`);
  return { bytes, firstByteMs, elapsedMs: performance.now() - startedMs };
}

/** How long the engine works on when its reader has left after the first bytes: until the node says that no query runs. */
async function leave({ url, headers, body }: Asked): Promise<number> {
  const sent = request(url, { method: 'POST', headers: { ...headers, 'content-type': 'application/json' } });
  sent.end(body);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  await once(answer, 'data');
  const leftMs = performance.now();
  answer.on('error', () => {}).destroy();
  while (!(await isIdle())) {}
  return performance.now() - leftMs;
}

async function isIdle(): Promise<boolean> {
  const metrics = await (await fetch(`${nodeUrl}/metrics`)).text();
  return /^hybridstore_queries_running\S* 0$/m.test(metrics);
}

function countLines(chunk: Buffer): number {
  let lines = 0;
  for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, at + 1)) lines += 1;
  return lines;
}

function describe(name: string, measured: readonly Run[]): Side {
  const names = measured[0]?.processes.map((one) => one.name) ?? [];
  const cpu = names.map((one, index) => ({
    name: one,
    seconds: median(measured.map((run) => run.processes[index]?.cpuSeconds ?? 0)),
  }));
  return {
    name,
    figures: {
      'rows/s': rows / (median(measured.map((run) => run.value.elapsedMs)) / 1_000),
      'MB/s': median(measured.map((run) => run.value.bytes / run.value.elapsedMs / 1_000)),
      'first byte (ms)': median(measured.map((run) => run.value.firstByteMs)),
      'first byte, soonest (ms)': soonestByteMs(measured),
      'memory grown, all processes (MiB)': grownMebibytes(measured),
      ...Object.fromEntries(
        cpu.filter(({ seconds }) => seconds >= 0.02).map(({ name: one, seconds }) => [`CPU-s of ${one}`, seconds]),
      ),
    },
  };
}

/** Of all runs: what the path itself takes, without the waits for a processor that has other work. */
function soonestByteMs(measured: readonly Run[]): number {
  return Math.min(...measured.map((run) => run.value.firstByteMs));
}

/** The most of all runs. */
function grownMebibytes(measured: readonly Run[]): number {
  return Math.max(...measured.map((run) => run.grownBytes)) / mebibyte;
}

type Measured = { readonly path: Runs; readonly alone: Runs; readonly other: OfPeer; readonly stoppedMs: number };

function goals({ path, alone, other, stoppedMs }: Measured): readonly Goal[] {
  const first = soonestByteMs(path.rows_ndjson) - soonestByteMs(other.chunks);
  const grown = Math.max(...formats.map((format) => grownMebibytes(path[format])));
  return [
    rateGoal('rows_ndjson', alone, 1_200_000),
    rateGoal('rows_csv', alone, 1_200_000),
    rateGoal('rows_arrow', alone, 4_000_000),
    {
      what: 'first byte of the whole path, after the first rows of the engine in process (soonest)',
      goal: '≤ 20 ms',
      got: `${first.toFixed(1)} ms`,
      ok: first <= 20,
    },
    {
      what: 'memory grown over all processes',
      goal: '≤ 64 MiB',
      got: `${grown.toFixed(1)} MiB`,
      ok: grown <= 64,
    },
    {
      what: 'the engine stops when its reader has left',
      goal: '≤ 50 ms',
      got: `${stoppedMs.toFixed(1)} ms`,
      ok: stoppedMs <= 50,
    },
  ];
}

function rateGoal(format: Format, alone: Runs, rowsMin: number): Goal {
  const rate = rows / (median(alone[format].map(cpuSecondsOf)) || Number.NaN);
  return {
    what: `rows of ${formatNames[format]} per CPU second of the node and its child`,
    goal: `≥ ${rowsMin.toLocaleString('en')}`,
    got: Math.round(rate).toLocaleString('en'),
    ok: rate >= rowsMin,
  };
}

function cpuSecondsOf(run: Run): number {
  return run.processes.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
}
