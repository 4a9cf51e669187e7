import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  authGateway,
  bodyBytesMaxOf,
  cboEngine,
  type Endpoint,
  metadataCatalog,
  operationNode,
  queryInterpreter,
  tenantNode,
} from '@hybridstore/contracts';
import { HttpClient } from '@hybridstore/http';
import { systemClock } from '@hybridstore/runtime';
import { TestIssuer } from '@hybridstore/test-kit';
import { hostilePackings } from './hostile-packings.ts';
import { hostileTexts } from './hostile-texts.ts';
import { nodeUrl, spawnNode, tenantId, waitUntilReady } from './ingest.ts';
import { buildReport, type Goal, type Report, type Side } from './report.ts';

const stallMsMax = 100;
const attemptsMax = 5;
const serverHost = '127.63.0.2';
const serverPort = 8_001;
const idleMs = 2_000;
/** Room for what stands around a shape. */
const envelopeBytes = 200;
const probe = fileURLToPath(new URL('./stall-probe.ts', import.meta.url));
const serverProgram = fileURLToPath(new URL('./hostile-server.ts', import.meta.url));

/** An endpoint for each bound and kind of schema. */
const served: Readonly<Record<string, Endpoint>> = {
  'log in': authGateway.login,
  SQL: operationNode.querySql,
  'parse SQL': queryInterpreter.parseSql,
  DSL: operationNode.queryDsl,
  search: tenantNode.search,
  'transform a plan': queryInterpreter.transform,
  'optimize a plan': cboEngine.optimize,
  'execute a plan': tenantNode.execute,
  'statistics of a plan': metadataCatalog.statistics,
  'add a source': tenantNode.addSource,
};

type Measured = { readonly stallMs: number; readonly shape: string; readonly plainMs: number };
type Wrap = (text: string) => string;
const asItIs: Wrap = (text) => text;

/** The longest stall of a service's event loop while it answers hostile bodies as large as each endpoint takes. */
export async function hostileBodies(): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'hybridstore-bench-hostile-'));
  const issuer = new TestIssuer(folder, systemClock);
  const token = issuer.userToken(tenantId);
  const server = spawn(process.execPath, ['--import', probe, serverProgram, serverHost, String(serverPort)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const node = spawnNode(folder, issuer.jwksFile, { probe });
  const client = new HttpClient();
  try {
    const serverUrl = `http://${serverHost}:${serverPort}`;
    await Promise.all([waitUntilReady(serverUrl, server), waitUntilReady(nodeUrl, node)]);
    for (const source_id of ['notes', 'more'])
      await client.call(nodeUrl, tenantNode.addSource, { token, body: { source_id } });
    await readStall(server);
    await systemClock.sleep(idleMs);
    const idleStallMs = await readStall(server);
    const results: Record<string, Measured> = {};
    for (const [name, endpoint] of Object.entries(served))
      results[name] = await measure({ process: server, url: serverUrl, token, endpoint, wrap: asItIs });
    const write = { process: node, url: nodeUrl, token, endpoint: tenantNode.write };
    results['write, refused'] = await measure({ ...write, wrap: asItIs });
    results['write, into a source of documents'] = await measure({
      ...write,
      wrap: (text) => `{"source_id":"notes","records":[{"fields":{"a":${text}}}]}`,
    });
    results['write, packed'] = await measurePacked({ ...write, wrap: asItIs });
    return report(results, idleStallMs);
  } finally {
    await client.close();
    await Promise.all([server, node].map(end));
    rmSync(folder, { recursive: true, force: true });
  }
}

type Target = {
  readonly process: ChildProcess;
  readonly url: string;
  readonly token: string;
  readonly endpoint: Endpoint;
  readonly wrap: Wrap;
};

async function measure(target: Target): Promise<Measured> {
  const bytes = bodyBytesMaxOf(target.endpoint) - envelopeBytes;
  let worst: Measured = { stallMs: 0, shape: 'none', plainMs: 0 };
  for (const [shape, build] of Object.entries(hostileTexts)) {
    const text = target.wrap(build(bytes));
    const stallMs = await measureStall(target, [text]);
    process.stderr.write(`  ${target.endpoint.path} ${shape}: ${stallMs.toFixed(0)} ms\n`);
    if (stallMs > worst.stallMs) worst = { stallMs, shape, plainMs: timePlainParse(text) };
  }
  return worst;
}

async function measurePacked(target: Target): Promise<Measured> {
  const bytes = bodyBytesMaxOf(target.endpoint) - envelopeBytes;
  const text = `{"source_id":"notes","records":[{"fields":{"a":${hostileTexts['small objects']?.(bytes) ?? '1'}}}]}`;
  let worst: Measured = { stallMs: 0, shape: 'none', plainMs: 0 };
  for (const [shape, { encoding, bodies }] of Object.entries(hostilePackings(text, bytes))) {
    const stallMs = await measureStall(target, bodies, encoding);
    process.stderr.write(`  ${target.endpoint.path} ${shape}: ${stallMs.toFixed(0)} ms\n`);
    if (stallMs > worst.stallMs) worst = { stallMs, shape, plainMs: timePlainParse(text) };
  }
  return worst;
}

/** A stall that the bodies cause comes every time; what the machine's other work causes does not. */
async function measureStall(target: Target, bodies: readonly (string | Buffer)[], encoding?: string): Promise<number> {
  const url = `${target.url}${target.endpoint.path}`;
  let leastMs = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < attemptsMax && leastMs > stallMsMax; attempt += 1) {
    await readStall(target.process);
    await Promise.all(bodies.map((body) => post(url, target.token, body, encoding)));
    leastMs = Math.min(leastMs, await readStall(target.process));
  }
  return leastMs;
}

/** Whatever the answer says, there has to be one. */
async function post(url: string, token: string, body: string | Buffer, encoding?: string): Promise<void> {
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    ...(encoding === undefined ? {} : { 'content-encoding': encoding }),
  };
  const answer = await fetch(url, { method: 'POST', headers, body: Buffer.from(body) });
  const text = await answer.text();
  if (encoding !== undefined) return;
  // What holds too many arrays and objects is refused whatever its size.
  if (answer.status === 413 && text.includes('bytes_max'))
    throw new Error(`${url} refuses ${body.length} bytes, which it should take`);
}

function timePlainParse(text: string): number {
  const startedMs = performance.now();
  try {
    JSON.parse(text);
  } catch {
    // Some are broken on purpose; what is measured is the time until that is known.
  }
  return performance.now() - startedMs;
}

async function readStall(child: ChildProcess): Promise<number> {
  const answered = once(child, 'message');
  child.send('read');
  const [{ stallMs }] = (await answered) as [{ readonly stallMs: number }];
  return stallMs;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

function report(results: Readonly<Record<string, Measured>>, idleStallMs: number): Report {
  const entries = Object.entries(results);
  const goals = entries.map(
    ([name, { stallMs, shape }]): Goal => ({
      what: `longest stall: ${name} (${shape})`,
      goal: `≤ ${stallMsMax} ms`,
      got: `${stallMs.toFixed(1)} ms`,
      ok: stallMs <= stallMsMax,
    }),
  );
  const stalls = Object.fromEntries(entries.map(([name, { stallMs }]) => [`${name} (ms)`, stallMs]));
  const plain = Object.fromEntries(entries.map(([name, { shape, plainMs }]) => [`${name}: ${shape} (ms)`, plainMs]));
  const sides: Side[] = [
    { name: 'HybridStore, longest stall of the event loop', figures: { ...stalls, 'nothing asked (ms)': idleStallMs } },
    { name: 'JSON.parse of the same text', figures: plain },
  ];
  return buildReport('hostile-bodies', goals, sides);
}
