import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HttpClient } from '@hybridstore/http';
import {
  type CustomResourceDefinition,
  EmbeddedApiServer,
  kinds,
  listAll,
  startOperator,
  type Tenant,
} from '@hybridstore/operator';
import { createMetrics, silentLogger, systemClock } from '@hybridstore/runtime';
import { parse } from 'yaml';
import { embeddedSettings, systemNamespace } from '../scripts/start/settings.ts';
import { buildReport, type Report } from './report.ts';

const tenants = 300;
const rounds = 10;
const settleMs = 200;
const root = fileURLToPath(new URL('..', import.meta.url));
const createdMsMax = 120_000;

/** New tenants a second, and what an unchanged world costs, on the embedded API server without any process behind its pods. */
export async function reconcile(): Promise<Report> {
  const kube = new EmbeddedApiServer({ clock: systemClock });
  for (const name of readdirSync(join(root, 'crds'))) {
    await kube.create(
      kinds.customResourceDefinition,
      parse(readFileSync(join(root, 'crds', name), 'utf8')) as CustomResourceDefinition,
    );
  }
  for (const name of [systemNamespace, 'default'])
    await kube.apply(kinds.namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  const metrics = createMetrics('operator');
  // Nobody answers for the catalog and the nodes here; refused at once, not after a look-up of their names.
  const folder = mkdtempSync(join(tmpdir(), 'hybridstore-bench-reconcile-'));
  const hostsFile = join(folder, 'hosts.json');
  writeFileSync(hostsFile, JSON.stringify({ [`metadata-catalog.${systemNamespace}.svc`]: ['127.63.255.1'] }));
  const client = new HttpClient({ hostsFile });
  const operator = startOperator({ kube, settings: embeddedSettings(), logger: silentLogger, metrics, client });
  try {
    const created = await createTenants(kube);
    const noop = await touchTenants(kube, metrics);
    return report(created, noop);
  } finally {
    await operator.stop();
    await client.close();
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

async function createTenants(
  kube: EmbeddedApiServer,
): Promise<{ readonly perSecond: number; readonly perCpuSecond: number }> {
  const startedMs = performance.now();
  const cpu = process.cpuUsage();
  for (let index = 0; index < tenants; index += 1) await kube.create(kinds.tenant, buildTenant(index));
  for (;;) {
    const sets = (await listAll(kube, kinds.statefulSet)).items.length;
    if (sets === tenants) break;
    if (performance.now() - startedMs > createdMsMax)
      throw new Error(`${sets} of ${tenants} tenants have their StatefulSet after ${createdMsMax} ms`);
    await systemClock.sleep(5);
  }
  const used = process.cpuUsage(cpu);
  return {
    perSecond: tenants / ((performance.now() - startedMs) / 1_000),
    perCpuSecond: tenants / ((used.user + used.system) / 1e6),
  };
}

type Noop = {
  readonly reconciles: number;
  readonly perCpuSecond: number;
  readonly perSecond: number;
  readonly writes: number;
};

/** The status of a child changes in a field that nobody asks about: each look at its Tenant must end without a write. */
async function touchTenants(kube: EmbeddedApiServer, metrics: ReturnType<typeof createMetrics>): Promise<Noop> {
  await settle(metrics);
  const before = {
    count: await countReconciles(metrics),
    revision: kube.store.revision,
    cpu: process.cpuUsage(),
    ms: performance.now(),
  };
  for (let round = 0; round < rounds; round += 1) {
    for (let index = 0; index < tenants; index += 1) {
      const metadata = { namespace: 'default', name: `hs-t${index}` };
      const status = { replicas: 0, collisionCount: round + 1 };
      const patch = { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata, status };
      await kube.patchStatus(kinds.statefulSet, patch, { fieldManager: 'bench', force: true });
    }
    await settle(metrics);
  }
  const reconciles = (await countReconciles(metrics)) - before.count;
  const used = process.cpuUsage(before.cpu);
  const idleMs = rounds * settleMs;
  return {
    reconciles,
    perCpuSecond: reconciles / ((used.user + used.system) / 1e6),
    perSecond: reconciles / ((performance.now() - before.ms - idleMs) / 1_000),
    writes: kube.store.revision - before.revision - rounds * tenants,
  };
}

/** Waits until no reconcile has happened for a moment. */
async function settle(metrics: ReturnType<typeof createMetrics>): Promise<void> {
  for (let last = -1; ; ) {
    const count = await countReconciles(metrics);
    if (count === last) return;
    last = count;
    await systemClock.sleep(settleMs);
  }
}

async function countReconciles(metrics: ReturnType<typeof createMetrics>): Promise<number> {
  const metric = await metrics.getSingleMetric('hybridstore_controller_reconcile_seconds')?.get();
  return (metric?.values ?? [])
    .filter(
      (value) =>
        'metricName' in value && String(value.metricName).endsWith('_count') && value.labels.controller === 'tenant',
    )
    .reduce((sum, value) => sum + value.value, 0);
}

function report(created: Awaited<ReturnType<typeof createTenants>>, noop: Noop): Report {
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
        what: 'reconciles of an unchanged tenant per second and core, the patch that asks for it included',
        goal: '≥ 5,000',
        got: Math.round(noop.perCpuSecond).toLocaleString('en'),
        ok: noop.perCpuSecond >= 5_000,
      },
      { what: 'writes when nothing changed', goal: '0', got: String(noop.writes), ok: noop.writes === 0 },
    ],
    [
      {
        name: `HybridStore operator, ${tenants} tenants, API server in the same process`,
        figures: {
          'new tenants/s': created.perSecond,
          'new tenants per CPU second': created.perCpuSecond,
          'no-op reconciles/s': noop.perSecond,
          'no-op reconciles per CPU second': noop.perCpuSecond,
          'no-op reconciles measured': noop.reconciles,
          'writes caused by them': noop.writes,
        },
      },
      {
        name: 'published for comparison: a controller-runtime operator at its default client limits',
        figures: { 'new objects/s': 10 },
      },
    ],
  );
}
