import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ExecuteRequest, tenantNode } from '@hybridstore/contracts';
import { HttpClient } from '@hybridstore/http';
import { column, finishPlan } from '@hybridstore/plan';
import { createQueryId, systemClock } from '@hybridstore/runtime';
import { TestIssuer } from '@hybridstore/test-kit';
import { PlatformProcess, randomPortOffset } from '../scripts/start/platform-process.ts';
import type { BenchOptions } from './arguments.ts';
import { nodeUrl, spawnNode, tenantId } from './ingest.ts';
import { type ProcessTime, readTimes } from './processes.ts';
import { buildReport, type Goal, type Report } from './report.ts';

const sourcesOfNode = 1_000;
/** Where `npm start` keeps it for its services. */
const compiledCode = fileURLToPath(new URL('../node_modules/.cache/node', import.meta.url));
const startMsMax = 60_000;
const pollMs = 5;
/** Longer than a process takes to give its memory back. */
const restMs = 15_000;
const parallel = 16;

type Times = { readonly elapsedMs: number; readonly processes: readonly ProcessTime[] };
type NodeStart = Times & {
  /** From the start of the process to the first strict answer, whoever asked as early as could be. */
  readonly answeredMs: number;
  /** What the next query took, of another source. */
  readonly nextMs: number;
};
type Node = {
  /** Where a node that rests is asked for the first time: what that took. */
  readonly coldMs: number;
  readonly restarted: NodeStart;
};

/** What a start costs: `npm start` with its services, and a tenant node that has many sources. */
export async function start({ sources = sourcesOfNode }: BenchOptions): Promise<Report> {
  const platform = await ofPlatform();
  const node = await ofNode(sources);
  return buildReport('start', goals(platform, node, sources), [
    { name: 'npm start -- --empty, until ready', figures: figuresOf(platform) },
    {
      name: `a tenant node with ${sources.toLocaleString('en')} sources of one row, restarted`,
      figures: {
        'ready after (ms)': node.restarted.elapsedMs,
        'first strict answer after (ms)': node.restarted.answeredMs,
        'next query, of another source (ms)': node.restarted.nextMs,
        ...cpuFigures(node.restarted),
      },
    },
    {
      name: 'a tenant node that was started and not asked yet',
      figures: { 'first query (ms)': node.coldMs },
    },
  ]);
}

async function ofPlatform(): Promise<Times> {
  const folder = mkdtempSync(join(tmpdir(), 'hybridstore-bench-start-'));
  const platform = new PlatformProcess(folder, ['--empty', '--port-offset', String(randomPortOffset())]);
  try {
    const startedMs = performance.now();
    await platform.start();
    return { elapsedMs: performance.now() - startedMs, processes: readTimes(platform.pid) };
  } finally {
    await platform.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function ofNode(sources: number): Promise<Node> {
  const folder = mkdtempSync(join(tmpdir(), 'hybridstore-bench-start-'));
  const issuer = new TestIssuer(folder, systemClock);
  const client = new HttpClient();
  let running: ChildProcess | undefined;
  const startNode = () => {
    running = spawnNode(folder, issuer.jwksFile, { variables: { NODE_COMPILE_CACHE: compiledCode } });
    return running;
  };
  const ask = (source: string) => {
    const token = issuer.userToken(tenantId);
    return client.call(nodeUrl, tenantNode.execute, { token, body: countOf(source), timeoutMs: startMsMax });
  };
  try {
    await untilReady(startNode());
    await fill(client, issuer.userToken(tenantId), sources);
    await stop(running);
    running = undefined;

    const startedMs = performance.now();
    const child = startNode();
    await untilReady(child);
    const elapsedMs = performance.now() - startedMs;
    await ask('source_0');
    const answeredMs = performance.now() - startedMs;
    const nextMs = await timed(() => ask('source_1'));
    const processes = readTimes(pidOf(child));
    await stop(child);
    running = undefined;

    await untilReady(startNode());
    // Whatever follows a start is over by then.
    await systemClock.sleep(restMs);
    const coldMs = await timed(() => ask('source_2'));
    return { coldMs, restarted: { elapsedMs, answeredMs, nextMs, processes } };
  } finally {
    await client.close();
    if (running) await stop(running);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A row in each source, all of them in tables of their own. */
async function fill(client: HttpClient, token: string, sources: number): Promise<void> {
  let next = 0;
  const add = async () => {
    while (next < sources) {
      const source = `source_${next++}`;
      const columns = [
        { name: 'id', type: 'bigint' },
        { name: 'name', type: 'string' },
      ];
      await client.call(nodeUrl, tenantNode.addSource, { token, body: { source_id: source, columns } });
      const records = [{ fields: { id: next, name: source } }];
      await client.call(nodeUrl, tenantNode.write, {
        token,
        body: { source_id: source, records },
        timeoutMs: startMsMax,
      });
    }
  };
  await Promise.all(Array.from({ length: parallel }, add));
}

function countOf(source: string): ExecuteRequest {
  const plan = finishPlan({
    kind: 'query',
    body: {
      kind: 'select',
      projections: [{ name: 'id', value: column('s', 'id') }],
      from: { kind: 'scan', source, alias: 's', columns: ['id'] },
    },
  });
  return { query_id: createQueryId(), plan, consistency: 'strict', format: 'rows_json', deadline_ms: startMsMax };
}

async function untilReady(child: ChildProcess): Promise<void> {
  const untilMs = performance.now() + startMsMax;
  while (performance.now() < untilMs) {
    if (child.exitCode !== null) throw new Error(`the tenant node ended with ${child.exitCode}`);
    const isReady = await fetch(`${nodeUrl}/ready`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (isReady) return;
    await systemClock.sleep(pollMs);
  }
  throw new Error(`the tenant node is not ready within ${startMsMax} ms`);
}

async function stop(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error('the tenant node was not started');
  return pid;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

function cpuSecondsOf({ processes }: Times): number {
  return processes.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
}

function cpuFigures(times: Times): Record<string, number> {
  return {
    ...Object.fromEntries(times.processes.map(({ name, cpuSeconds }) => [`CPU-s of ${name}`, cpuSeconds])),
    'CPU-s of all': cpuSecondsOf(times),
  };
}

function figuresOf(times: Times): Record<string, number> {
  return { 'ready after (ms)': times.elapsedMs, ...cpuFigures(times) };
}

function goals(platform: Times, { coldMs, restarted }: Node, sources: number): readonly Goal[] {
  const cpuSeconds = cpuSecondsOf(platform);
  return [
    {
      what: 'processor time of npm start',
      goal: '≤ 8 CPU-s',
      got: `${cpuSeconds.toFixed(2)} CPU-s`,
      ok: cpuSeconds <= 8,
    },
    {
      what: `first strict answer of a node with ${sources.toLocaleString('en')} sources after its restart`,
      goal: '≤ 2 s',
      got: `${(restarted.answeredMs / 1_000).toFixed(2)} s`,
      ok: restarted.answeredMs <= 2_000,
    },
    { what: 'first query on a cold node', goal: '≤ 100 ms', got: `${coldMs.toFixed(0)} ms`, ok: coldMs <= 100 },
  ];
}
