import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ExecuteRequest, operationNode, tenantNode } from '@hybridstore/contracts';
import { HttpClient } from '@hybridstore/http';
import { column, finishPlan } from '@hybridstore/plan';
import { createQueryId, systemClock } from '@hybridstore/runtime';
import { TestIssuer } from '@hybridstore/test-kit';
import { nodeUrl, spawnNode, tenantId, waitUntilReady } from './ingest.ts';
import { measureProcesses, type Use } from './processes.ts';
import { flightColumns, loadFlights, withFlights } from './query.ts';
import { buildReport, type Goal, median, type Report, type Side } from './report.ts';

const rows = 1_000_000;
const runs = 5;
const leaves = 15;
const peerName = 'bench/peer-ndjson.ts';
const peer = fileURLToPath(new URL(`../${peerName}`, import.meta.url));
/** What grows once, whoever asks first, is not of the stream. */
const warmUps = 2;
const mebibyte = 1024 * 1024;

type Asked = { readonly url: string; readonly headers: Readonly<Record<string, string>>; readonly body: string };
type Arrived = { readonly bytes: number; readonly firstByteMs: number; readonly elapsedMs: number };
type Run = Use & { readonly value: Arrived };
type OfNode = { readonly measured: readonly Run[]; readonly stoppedMs: number };

/** A million rows of five columns as NDJSON: the whole path, one tenant node alone, and DuckDB behind a plain HTTP server on the same files. */
export async function stream(): Promise<Report> {
  const { measured: alone, stoppedMs } = await ofNodeAlone();
  const { path, other } = await withFlights(rows, async ({ gateway, token, files }) => ({
    path: await measure({
      url: `${gateway}${operationNode.querySql.path}`,
      headers: { authorization: `Bearer ${token}`, accept: 'application/x-ndjson' },
      body: JSON.stringify({ query: 'SELECT * FROM flights', dialect: 'duckdb' }),
    }),
    other: await ofPeer(files),
  }));
  return buildReport('stream', goals({ path, alone, stoppedMs }), [
    describe('HybridStore, SQL over HTTP', path),
    describe('HybridStore, one tenant node alone', alone),
    describe('DuckDB in process behind a plain HTTP server of Node', other),
  ]);
}

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
    const measured = await measure(() => askNode(token));
    const stops: number[] = [];
    for (let run = 0; run < leaves; run += 1) stops.push(await leave(askNode(token)));
    return { measured, stoppedMs: median(stops) };
  } finally {
    await client.close();
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}

function askNode(token: string): Asked {
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
    format: 'rows_ndjson',
    deadline_ms: 60_000,
  };
  return {
    url: `${nodeUrl}${tenantNode.execute.path}`,
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  };
}

async function ofPeer(files: readonly string[]): Promise<readonly Run[]> {
  const child = fork(peer, files);
  try {
    // The peer's own words.
    const [port] = (await once(child, 'message')) as [number];
    const measured = await measure({ url: `http://127.0.0.1:${port}/`, headers: {}, body: '{}' });
    // The platform stands beside it, and has nothing to do with it.
    return measured.map((run) => ({ ...run, processes: run.processes.filter(({ name }) => name === peerName) }));
  } finally {
    child.kill('SIGKILL');
  }
}

async function measure(asked: Asked | (() => Asked)): Promise<readonly Run[]> {
  const ask = () => (typeof asked === 'function' ? asked() : asked);
  for (let run = 0; run < warmUps; run += 1) await read(ask(), { isCounted: true });
  const measured: Run[] = [];
  for (let run = 0; run < runs; run += 1)
    measured.push(await measureProcesses(process.pid, () => read(ask(), { isCounted: false })));
  return measured;
}

/** Reads an answer to its end. Lines are counted where it is not measured. */
async function read({ url, headers, body }: Asked, { isCounted }: { readonly isCounted: boolean }): Promise<Arrived> {
  const startedMs = performance.now();
  const sent = request(url, { method: 'POST', headers: { ...headers, 'content-type': 'application/json' } });
  sent.end(body);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  let [bytes, lines, firstByteMs] = [0, 0, Number.NaN];
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    if (bytes === 0) firstByteMs = performance.now() - startedMs;
    bytes += chunk.length;
    if (isCounted) lines += countLines(chunk);
  }
  if (answer.statusCode !== 200 || !answer.complete || (isCounted && lines !== rows))
    throw new Error(`${url}: status ${answer.statusCode}, ${lines} lines, expected 200 and ${rows} lines`);
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
      'first byte (ms)': firstByteMs(measured),
      'memory grown, all processes (MiB)': grownMebibytes(measured),
      ...Object.fromEntries(
        cpu.filter(({ seconds }) => seconds >= 0.02).map(({ name: one, seconds }) => [`CPU-s of ${one}`, seconds]),
      ),
    },
  };
}

function firstByteMs(measured: readonly Run[]): number {
  return median(measured.map((run) => run.value.firstByteMs));
}

/** The most of all runs. */
function grownMebibytes(measured: readonly Run[]): number {
  return Math.max(...measured.map((run) => run.grownBytes)) / mebibyte;
}

type Measured = { readonly path: readonly Run[]; readonly alone: readonly Run[]; readonly stoppedMs: number };

function goals({ path, alone, stoppedMs }: Measured): readonly Goal[] {
  const rate = rows / (median(alone.map((run) => cpuSecondsOf(run))) || Number.NaN);
  const first = firstByteMs(path);
  const grown = grownMebibytes(path);
  return [
    {
      what: 'rows per CPU second of the node and its child',
      goal: '≥ 1,200,000',
      got: Math.round(rate).toLocaleString('en'),
      ok: rate >= 1_200_000,
    },
    { what: 'first byte, whole path', goal: '≤ 50 ms', got: `${first.toFixed(1)} ms`, ok: first <= 50 },
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

function cpuSecondsOf(run: Run): number {
  return run.processes.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
}
