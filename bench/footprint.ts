import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeObject, Resource } from '@hybridstore/controller-runtime';
import { dataSources, tenants } from '@hybridstore/operator';
import { systemClock } from '@hybridstore/runtime';
import { PlatformProcess, randomPortOffset } from '../scripts/start/platform-process.ts';
import { waitForReady } from '../scripts/start/wait-until-ready.ts';
import type { BenchOptions } from './arguments.ts';
import { type Footprint, readFootprints } from './processes.ts';
import { buildReport, type Goal, type Report, type Side } from './report.ts';

const secondsOfRest = 60;
const readyMsMax = 300_000;
const megabyte = 1e6;
const tenantNode = 'tenant-node';

/** Memory and processor time of the whole platform when nobody asks it anything, and of tenants that have one empty source. */
export async function footprint({ seconds = secondsOfRest, tenants: count = 1 }: BenchOptions): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'hybridstore-bench-footprint-'));
  const platform = new PlatformProcess(folder, ['--empty', '--port-offset', String(randomPortOffset())]);
  try {
    await platform.start();
    const objects = Array.from({ length: count }, (_, index) => idleTenant(`idle-${index}`)).flat();
    for (const { resource, object } of objects) await platform.kube.apply(resource, object, { fieldManager: 'bench' });
    await waitForReady(platform.kube, objects, readyMsMax);
    // Whatever follows a start is over by then.
    await systemClock.sleep(seconds * 1_000);
    const processes = await readFootprints(platform.pid, () => systemClock.sleep(seconds * 1_000));
    return report(processes, count);
  } finally {
    await platform.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

type Applied = { readonly resource: Resource; readonly object: KubeObject };

function idleTenant(name: string): readonly Applied[] {
  const apiVersion = 'hybridstore.dev/v1alpha1';
  const namespace = 'default';
  const tenant = {
    apiVersion,
    kind: 'Tenant',
    metadata: { name, namespace },
    spec: { autoscaling: { mode: 'Off' }, replicas: 1 },
  };
  const source = {
    apiVersion,
    kind: 'DataSource',
    metadata: { name: `${name}-events`, namespace },
    spec: { tenantRef: { name }, sourceId: 'events', schema: { columns: [{ name: 'id', type: 'bigint' }] } },
  };
  return [
    { resource: tenants, object: tenant },
    { resource: dataSources, object: source },
  ];
}

type Sum = { readonly processes: number; readonly memoryBytes: number; readonly cpuShare: number };

function report(processes: readonly Footprint[], count: number): Report {
  const isOfTenant = ({ name }: Footprint) => name.startsWith(tenantNode);
  const ofTenants = processes.filter(isOfTenant);
  const ofPlatform = processes.filter((one) => !isOfTenant(one));
  const all = sumUp(ofTenants);
  const tenant = {
    processes: all.processes / count,
    memoryBytes: all.memoryBytes / count,
    cpuShare: all.cpuShare / count,
  };
  return buildReport('footprint', goals(tenant, sumUp(ofPlatform)), [
    ...ofPlatform.map((one) => describe(one.name, [one])),
    ...[...new Set(ofTenants.map(({ name }) => name))].map((name) =>
      describe(
        count === 1 ? name : `${name}, mean of ${count} tenants`,
        ofTenants.filter((one) => one.name === name),
        count,
      ),
    ),
  ]);
}

function sumUp(processes: readonly Footprint[]): Sum {
  return {
    processes: processes.length,
    memoryBytes: processes.reduce((sum, one) => sum + one.proportionalBytes, 0),
    cpuShare: processes.reduce((sum, one) => sum + one.cpuShare, 0),
  };
}

function describe(name: string, processes: readonly Footprint[], count = 1): Side {
  const mean = (of: (one: Footprint) => number) => processes.reduce((sum, one) => sum + of(one), 0) / count;
  return {
    name,
    figures: {
      'resident (MB)': mean((one) => one.residentBytes) / megabyte,
      'with its part of shared pages (MB)': mean((one) => one.proportionalBytes) / megabyte,
      'its own pages (MB)': mean((one) => one.ownBytes) / megabyte,
      'CPU (% of a core)': mean((one) => one.cpuShare) * 100,
    },
  };
}

function goals(tenant: Sum, platform: Sum): readonly Goal[] {
  const megabytes = (bytes: number) => `${(bytes / megabyte).toFixed(1)} MB`;
  return [
    {
      what: 'processes of an idle tenant',
      goal: '≤ 2',
      got: String(tenant.processes),
      ok: tenant.processes <= 2,
    },
    {
      what: 'memory of an idle tenant, with its part of shared pages',
      goal: '≤ 120 MB',
      got: megabytes(tenant.memoryBytes),
      ok: tenant.memoryBytes <= 120 * megabyte,
    },
    {
      what: 'processor time of an idle tenant',
      goal: '≤ 0.1 % of a core',
      got: `${(tenant.cpuShare * 100).toFixed(2)} %`,
      ok: tenant.cpuShare <= 0.001,
    },
    {
      what: 'memory of the platform at rest, with its part of shared pages',
      goal: '≤ 700 MB',
      got: megabytes(platform.memoryBytes),
      ok: platform.memoryBytes <= 700 * megabyte,
    },
    {
      what: 'processor time of the platform at rest',
      goal: 'shown',
      got: `${(platform.cpuShare * 100).toFixed(2)} %`,
      ok: true,
    },
  ];
}
