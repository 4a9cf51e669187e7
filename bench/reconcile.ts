import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type CustomResourceDefinition,
  customResourceDefinitions,
  listAll,
  namespaces,
  statefulSets,
} from '@hybridstore/controller-runtime';
import { EmbeddedApiServer } from '@hybridstore/embedded-kubernetes';
import { HttpClient } from '@hybridstore/http';
import { type Operator, operatorIdentity, startOperator, type Tenant, tenants } from '@hybridstore/operator';
import { createMetrics, silentLogger, systemClock } from '@hybridstore/runtime';
import { parse } from 'yaml';
import { embeddedSettings, systemNamespace } from '../scripts/start/settings.ts';
import { buildReport, type Report } from './report.ts';

const tenantCount = 1_000;
const rounds = 20;
const touchRounds = 3;
const edits = 200;
const settleMs = 200;
const root = fileURLToPath(new URL('..', import.meta.url));
const createdMsMax = 120_000;
/** On loopback, and nobody else's. */
const catalogHost = '127.63.255.1';
const catalogPort = 8083;

type Metrics = ReturnType<typeof createMetrics>;

/** New tenants a second, and what an unchanged world costs, on the embedded API server without any process behind its pods. */
export async function reconcile(): Promise<Report> {
  const kube = new EmbeddedApiServer({ ...operatorIdentity, clock: systemClock });
  for (const name of readdirSync(join(root, 'crds'))) {
    // The repository's own files; the API server checks them.
    const definition = parse(readFileSync(join(root, 'crds', name), 'utf8')) as CustomResourceDefinition;
    await kube.create(customResourceDefinitions, definition);
  }
  for (const name of [systemNamespace, 'default'])
    await kube.apply(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  const metrics = createMetrics('operator');
  const folder = mkdtempSync(join(tmpdir(), 'hybridstore-bench-reconcile-'));
  const hostsFile = join(folder, 'hosts.json');
  writeFileSync(hostsFile, JSON.stringify({ [`metadata-catalog.${systemNamespace}.svc`]: [catalogHost] }));
  const client = new HttpClient({ hostsFile });
  const catalog = await startCatalog();
  const operator = startOperator({ kube, settings: embeddedSettings(), logger: silentLogger, metrics, client });
  try {
    const created = await createTenants(kube);
    const unchanged = await resyncAll(kube, operator, metrics);
    const touched = await touchAll(kube, metrics);
    return report(created, unchanged, touched, await editSome(kube));
  } finally {
    await operator.stop();
    await client.close();
    catalog.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function buildTenant(index: number): Tenant {
  const spec = { autoscaling: { mode: 'Off' }, replicas: 2 };
  // The API server fills in the defaults that the type demands.
  return {
    apiVersion: 'hybridstore.dev/v1alpha1',
    kind: 'Tenant',
    metadata: { name: `t${index}`, namespace: 'default' },
    spec,
  } as unknown as Tenant;
}

async function createTenants(kube: EmbeddedApiServer): Promise<Omit<Passes, 'writes'>> {
  const startedMs = performance.now();
  return await measure(async () => {
    for (let index = 0; index < tenantCount; index += 1) await kube.create(tenants, buildTenant(index));
    for (;;) {
      const sets = (await listAll(kube, statefulSets)).items.length;
      if (sets === tenantCount) return tenantCount;
      if (performance.now() - startedMs > createdMsMax)
        throw new Error(`${sets} of ${tenantCount} tenants have their StatefulSet after ${createdMsMax} ms`);
      await systemClock.sleep(5);
    }
  });
}

/** A catalog that takes every registration. */
async function startCatalog(): Promise<Server> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => response.setHeader('content-type', 'application/json').end(Buffer.concat(chunks)));
  });
  await new Promise<void>((resolve) => server.listen(catalogPort, catalogHost, resolve));
  return server;
}

type Passes = { readonly perCpuSecond: number; readonly perSecond: number; readonly writes: number };

/** Every Tenant is reconciled again and again, and nothing has changed. */
async function resyncAll(kube: EmbeddedApiServer, operator: Operator, metrics: Metrics): Promise<Passes> {
  await settle(metrics);
  const revision = kube.store.revision;
  const passes = await measure(async () => {
    let count = 0;
    for (let round = 0; round < rounds; round += 1) {
      const target = (await countReconciles(metrics)) + operator.resync();
      while ((await countReconciles(metrics)) < target) await systemClock.sleep(1);
      count += tenantCount;
    }
    return count;
  });
  return { ...passes, writes: kube.store.revision - revision };
}

/** The status of a child changes in a field that nobody asks about: each change causes a pass, and no write. */
async function touchAll(kube: EmbeddedApiServer, metrics: Metrics): Promise<Passes> {
  await settle(metrics);
  const revision = kube.store.revision;
  const passes = await measure(async () => {
    const before = await countReconciles(metrics);
    for (let round = 0; round < touchRounds; round += 1) {
      const target = (await countReconciles(metrics)) + tenantCount;
      for (let index = 0; index < tenantCount; index += 1) await touch(kube, index, round + 1);
      while ((await countReconciles(metrics)) < target) await systemClock.sleep(1);
    }
    return (await countReconciles(metrics)) - before;
  });
  return { ...passes, writes: kube.store.revision - revision - touchRounds * tenantCount };
}

async function touch(kube: EmbeddedApiServer, index: number, collisionCount: number): Promise<void> {
  const metadata = { namespace: 'default', name: `hs-t${index}` };
  const patch = { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata, status: { replicas: 0, collisionCount } };
  await kube.patchStatus(statefulSets, patch, { fieldManager: 'bench', force: true });
}

/** Milliseconds from the edit of a Tenant to its StatefulSet showing it, one edit after the other. */
async function editSome(kube: EmbeddedApiServer): Promise<readonly number[]> {
  const stopping = new AbortController();
  const { resourceVersion } = await kube.list(statefulSets);
  const changes = kube.watch(statefulSets, { resourceVersion, signal: stopping.signal })[Symbol.asyncIterator]();
  const delays: number[] = [];
  for (let index = 0; index < edits; index += 1) {
    const startedMs = performance.now();
    await kube.mergePatch(tenants, { namespace: 'default', name: `t${index}` }, { spec: { replicas: 3 } });
    for (;;) {
      const { value } = await changes.next();
      if (value === undefined) throw new Error('the watch of StatefulSets ended');
      if (value.type === 'MODIFIED' && value.object.metadata.name === `hs-t${index}` && isOfSize(value.object, 3))
        break;
    }
    delays.push(performance.now() - startedMs);
  }
  stopping.abort();
  return delays.toSorted((a, b) => a - b);
}

function isOfSize(set: { readonly spec?: { readonly replicas?: number } }, size: number): boolean {
  return set.spec?.replicas === size;
}

async function measure(work: () => Promise<number>): Promise<Omit<Passes, 'writes'>> {
  const [startedMs, cpu] = [performance.now(), process.cpuUsage()];
  const count = await work();
  const used = process.cpuUsage(cpu);
  return {
    perSecond: count / ((performance.now() - startedMs) / 1_000),
    perCpuSecond: count / ((used.user + used.system) / 1e6),
  };
}

/** Waits until no reconcile has happened for a moment. */
async function settle(metrics: Metrics): Promise<void> {
  for (let last = -1; ; ) {
    const count = await countReconciles(metrics);
    if (count === last) return;
    last = count;
    await systemClock.sleep(settleMs);
  }
}

async function countReconciles(metrics: Metrics): Promise<number> {
  const metric = await metrics.getSingleMetric('controller_runtime_reconcile_total')?.get();
  return (metric?.values ?? [])
    .filter(({ labels }) => labels['controller'] === 'tenant')
    .reduce((sum, { value }) => sum + value, 0);
}

function report(
  created: Omit<Passes, 'writes'>,
  unchanged: Passes,
  touched: Passes,
  delays: readonly number[],
): Report {
  const writes = unchanged.writes + touched.writes;
  const p99 = delays[Math.ceil(delays.length * 0.99) - 1] ?? Number.NaN;
  return buildReport(
    'reconcile',
    [
      {
        what: 'new tenants per second and core, all children applied',
        goal: '≥ 100',
        got: created.perCpuSecond.toFixed(0),
        ok: created.perCpuSecond >= 100,
      },
      {
        what: 'passes over an unchanged tenant per second and core',
        goal: '≥ 5,000',
        got: Math.round(unchanged.perCpuSecond).toLocaleString('en'),
        ok: unchanged.perCpuSecond >= 5_000,
      },
      { what: 'writes when nothing changed', goal: '0', got: String(writes), ok: writes === 0 },
      { what: 'spec edit → child, p99', goal: '≤ 500 ms', got: `${p99.toFixed(1)} ms`, ok: p99 <= 500 },
    ],
    [
      {
        name: `HybridStore operator, ${tenantCount} tenants, API server in the same process`,
        figures: {
          'new tenants/s': created.perSecond,
          'new tenants per CPU second': created.perCpuSecond,
          'passes/s': unchanged.perSecond,
          'passes per CPU second': unchanged.perCpuSecond,
          'status changes of a child, each with its pass, per CPU second': touched.perCpuSecond,
          'writes caused by passes': writes,
          'spec edit → child, p50 ms': delays[Math.floor(delays.length / 2)] ?? Number.NaN,
          'spec edit → child, p99 ms': p99,
        },
      },
      {
        name: 'published for comparison: a controller-runtime operator at its default client limits',
        figures: { 'new objects/s': 10 },
      },
    ],
  );
}
