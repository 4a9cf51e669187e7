import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { persistentVolumeClaims, statefulSets } from '@hybridstore/controller-runtime';
import type { Samples } from '../../src/scaling/samples.ts';
import { BenchCluster, conditionOf } from '../bench-cluster.ts';

const base = { namespace: 'default', name: 'hs-acme' };
const intervalMs = 15_000;

/** What each of the first nodes measures. */
function load(cluster: BenchCluster, count: number, cpuPercent: number): Samples {
  const sampledAtMs = cluster.clock.monotonicMs();
  const nodes = Array.from({ length: count }, (_, ordinal) => ({ pod: `hs-acme-${ordinal}`, sampledAtMs, cpuPercent }));
  return { kind: 'measured', nodes };
}

async function startWith(mode: string, size = 2): Promise<BenchCluster> {
  const cluster = await BenchCluster.start();
  await cluster.applyTenant({ autoscaling: { mode, minReplicas: size } });
  cluster.samples = load(cluster, size, 50);
  await cluster.settle();
  return cluster;
}

/** One decision and what follows from it within the interval. */
async function measure(cluster: BenchCluster, count: number, cpuPercent: number): Promise<void> {
  await cluster.clock.advance(intervalMs);
  cluster.samples = load(cluster, count, cpuPercent);
  await cluster.pass();
  await cluster.runKubernetes();
}

async function size(cluster: BenchCluster): Promise<number | undefined> {
  return (await cluster.api.get(statefulSets, base)).spec?.replicas;
}

const recorded = (cluster: BenchCluster, reason: string) =>
  cluster.events.filter((event) => event.reason === reason).map((event) => event.note);

describe('a Tenant with autoscaling', () => {
  it('says in every pass that it asks for more than its largest size, also after a restart, and nothing when it is off', async () => {
    const cluster = await startWith('Auto');
    const autoscaling = { mode: 'Auto', minReplicas: 2, maxReplicas: 2 };
    await cluster.applyTenant({ autoscaling });
    await measure(cluster, 2, 100);
    assert.equal(cluster.sizes.at(-1), 'default/acme AtMaximum');
    cluster.restartOperator();
    await cluster.keys.ensure();
    cluster.sizes.length = 0;
    await measure(cluster, 2, 100);
    assert.deepEqual([...new Set(cluster.sizes)], ['default/acme AtMaximum']);
    await measure(cluster, 2, 50);
    assert.equal(cluster.sizes.at(-1), 'default/acme WithinThresholds');
    await cluster.applyTenant({ autoscaling: { mode: 'Off' }, replicas: 2 });
    await cluster.pass();
    assert.equal(cluster.sizes.at(-1), 'default/acme not scaled');
  });

  it('shrinks in quiet though the node that came last never got a volume', async () => {
    const cluster = await startWith('Auto');
    await measure(cluster, 2, 100);
    assert.equal(await size(cluster), 4);
    cluster.isResizerAway = true;
    const { apiVersion, kind } = persistentVolumeClaims;
    for (const ordinal of [2, 3]) {
      cluster.notReady.add(`hs-acme-${ordinal}`);
      const metadata = { namespace: 'default', name: `log-hs-acme-${ordinal}` };
      const claim = { apiVersion, kind, metadata, status: { phase: 'Pending' } };
      await cluster.api.patchStatus(persistentVolumeClaims, claim, { fieldManager: 'kubernetes', force: true });
    }
    await cluster.runKubernetes([...cluster.notReady]);
    for (let turn = 0; turn < 60 && (await size(cluster)) !== 2; turn += 1) {
      await cluster.clock.advance(intervalMs);
      cluster.samples = load(cluster, 2, 5);
      await cluster.pass();
    }
    assert.equal(await size(cluster), 2);
  });

  it('Auto grows, says why in its status and in an Event, and shrinks by hand-over', async () => {
    const cluster = await startWith('Auto');
    await measure(cluster, 2, 100);
    const { status } = await cluster.tenant();
    assert.deepEqual([await size(cluster), status?.desiredReplicas, status?.recommendedReplicas], [4, 4, 4]);
    assert.deepEqual(
      [status?.lastScaling?.from, status?.lastScaling?.to, status?.lastScaling?.reason],
      [2, 4, 'AboveThreshold'],
    );
    assert.deepEqual(recorded(cluster, 'ScaledUp'), [
      'from 2 to 4 nodes: CPU 100 % of the request over 2 ready nodes, above 70 %',
    ]);
    await cluster.clock.advance(300_000);
    await measure(cluster, 4, 5);
    await measure(cluster, 4, 5);
    assert.deepEqual(cluster.nodes.calls, ['drain hs-acme-3']);
    for (let count = 0; count < 4; count += 1) await measure(cluster, 4, 50);
    assert.equal(cluster.nodes.calls.includes('stay hs-acme-3'), false);
  });

  it('Recommend names a size in its status and in one Event, and changes nothing', async () => {
    const cluster = await startWith('Recommend');
    for (let count = 0; count < 4; count += 1) await measure(cluster, 2, 100);
    const { status } = await cluster.tenant();
    assert.deepEqual([await size(cluster), status?.desiredReplicas, status?.recommendedReplicas], [2, 2, 4]);
    assert.equal(status?.lastScaling, undefined);
    assert.deepEqual(recorded(cluster, 'Recommended'), [
      '4 nodes instead of 2: CPU 100 % of the request over 2 ready nodes, above 70 %',
    ]);
    assert.deepEqual(recorded(cluster, 'ScaledUp'), []);
    assert.deepEqual(cluster.nodes.calls, []);
  });

  it('Off neither measures nor recommends', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant({ autoscaling: { mode: 'Off' }, replicas: 3 });
    cluster.samples = load(cluster, 3, 400);
    await cluster.settle();
    const tenant = await cluster.tenant();
    assert.deepEqual(
      [await size(cluster), tenant.status?.recommendedReplicas, tenant.status?.metrics],
      [3, undefined, undefined],
    );
    assert.equal(conditionOf(tenant, 'ScalingActive'), 'False/Off');
  });

  it('keeps its size and says so while nothing can be measured', async () => {
    const cluster = await startWith('Auto', 3);
    await cluster.clock.advance(intervalMs);
    cluster.samples = { kind: 'unavailable', message: 'prometheus: connection refused' };
    await cluster.pass();
    const tenant = await cluster.tenant();
    assert.equal(conditionOf(tenant, 'ScalingActive'), 'False/SourceUnavailable');
    assert.equal(await size(cluster), 3);
    await measure(cluster, 3, 50);
    assert.equal(conditionOf(await cluster.tenant(), 'ScalingActive'), 'True/Measured');
  });

  it('writes nothing while the load moves within the thresholds', async () => {
    const cluster = await startWith('Auto');
    await measure(cluster, 2, 52);
    cluster.writes.length = 0;
    for (const percent of [50, 53, 49, 51]) await measure(cluster, 2, percent);
    assert.deepEqual(
      cluster.writes.filter((write) => write.kind !== 'Secret'),
      [],
    );
  });
});

describe('a Tenant whose nodes are replaced', () => {
  async function report(cluster: BenchCluster, fields: Readonly<Record<string, unknown>>): Promise<void> {
    const { apiVersion, kind } = statefulSets;
    const set = await cluster.api.get(statefulSets, base);
    const status = { ...set.status, ...fields };
    await cluster.api.patchStatus(
      statefulSets,
      { apiVersion, kind, metadata: base, status },
      { fieldManager: 'kubernetes', force: true },
    );
  }

  it('is RollingOut until the last one is of the new revision, Ready as long as all serve', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant({ autoscaling: { mode: 'Off' }, replicas: 2 });
    await cluster.settle();
    await report(cluster, { currentRevision: 'a', updateRevision: 'b', updatedReplicas: 0 });
    await cluster.pass();
    let tenant = await cluster.tenant();
    assert.deepEqual(
      ['Progressing', 'Ready'].map((type) => conditionOf(tenant, type)),
      ['True/RollingOut', 'True/AllNodesReady'],
    );

    await cluster.runKubernetes(['hs-acme-1']);
    await report(cluster, { currentRevision: 'a', updateRevision: 'b', updatedReplicas: 1 });
    await cluster.pass();
    tenant = await cluster.tenant();
    assert.deepEqual(
      ['Progressing', 'Ready', 'DataSafe'].map((type) => conditionOf(tenant, type)),
      ['True/RollingOut', 'False/NodesNotReady', 'Unknown/NodesNotReady'],
    );
    const progressing = tenant.status?.conditions?.find((condition) => condition.type === 'Progressing');
    assert.equal(progressing?.message, '1 of 2 nodes are of the newer revision; 1 are not ready');

    cluster.revision = 'b';
    await cluster.runKubernetes();
    await report(cluster, { currentRevision: 'b', updateRevision: 'b', updatedReplicas: 2 });
    await cluster.pass();
    tenant = await cluster.tenant();
    assert.deepEqual(
      ['Progressing', 'Ready'].map((type) => conditionOf(tenant, type)),
      ['False/Settled', 'True/AllNodesReady'],
    );
  });
});
