import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { getOrNothing, persistentVolumeClaims, services, statefulSets } from '@hybridstore/controller-runtime';
import { dataSources, tenants } from '../../src/resources/custom-resources.ts';
import { acme, BenchCluster, conditionOf } from '../bench-cluster.ts';

const off = { autoscaling: { mode: 'Off' }, replicas: 2 };
const base = { namespace: 'default', name: 'hs-acme' };

async function annotate(cluster: BenchCluster, value: string | null): Promise<void> {
  await cluster.api.mergePatch(tenants, acme, { metadata: { annotations: { 'hybridstore.dev/paused': value } } });
}

describe('a paused Tenant', () => {
  it('is left alone, says so, and is put right when the pause ends', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant(off);
    await cluster.settle();
    await cluster.applyTenant({ ...off, paused: true, replicas: 3 });
    await cluster.settle();
    const paused = await cluster.tenant();
    assert.equal(conditionOf(paused, 'Paused'), 'True/Paused');
    assert.equal(
      paused.status?.conditions?.find(({ type }) => type === 'Paused')?.message,
      'spec.paused is true; the nodes run on as they are',
    );
    // What was seen last stays.
    assert.equal(conditionOf(paused, 'Ready'), 'True/AllNodesReady');
    assert.deepEqual([paused.status?.readyReplicas, paused.status?.desiredReplicas], [2, 2]);
    assert.equal(paused.status?.observedGeneration, paused.metadata.generation);
    await cluster.api.delete(services, base);
    cluster.writes.length = 0;
    for (let count = 0; count < 3; count += 1) assert.deepEqual(await cluster.pass(), { kind: 'done' });
    assert.deepEqual(cluster.writes, []);
    assert.equal((await cluster.api.get(statefulSets, base)).spec?.replicas, 2);
    assert.deepEqual(
      cluster.events.filter(({ reason }) => reason === 'Paused').map(({ note }) => note),
      ['spec.paused is true; the nodes run on as they are'],
    );
    await cluster.applyTenant({ ...off, replicas: 3 });
    await cluster.settle();
    assert.equal((await cluster.api.get(statefulSets, base)).spec?.replicas, 3);
    await cluster.api.get(services, base);
    assert.equal(conditionOf(await cluster.tenant(), 'Paused'), 'False/NotPaused');
  });

  it('may be paused by its annotation, whose value is "true" and nothing else', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant(off);
    await cluster.settle();
    await annotate(cluster, 'true');
    await cluster.settle();
    assert.equal(conditionOf(await cluster.tenant(), 'Paused'), 'True/Paused');
    for (const value of ['false', null]) {
      await annotate(cluster, 'true');
      await cluster.settle();
      await annotate(cluster, value);
      await cluster.settle();
      assert.equal(conditionOf(await cluster.tenant(), 'Paused'), 'False/NotPaused', String(value));
    }
  });

  it('gets nothing when it is made, and everything when the pause ends', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant({ ...off, paused: true });
    await cluster.settle();
    assert.equal(await getOrNothing(cluster.api, statefulSets, base), undefined);
    const tenant = await cluster.tenant();
    assert.deepEqual([conditionOf(tenant, 'Paused'), conditionOf(tenant, 'Ready')], ['True/Paused', undefined]);
    assert.equal(tenant.metadata.finalizers, undefined);
    await cluster.applyTenant(off);
    await cluster.settle();
    assert.equal(conditionOf(await cluster.tenant(), 'Ready'), 'True/AllNodesReady');
  });

  it('keeps none of its DataSources from being declared', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant(off);
    await cluster.settle();
    await annotate(cluster, 'true');
    await cluster.settle();
    await cluster.applySource();
    const orders = { namespace: 'default', name: 'orders' };
    await cluster.sources.reconcile(orders);
    assert.equal(conditionOf(await cluster.api.get(dataSources, orders), 'Ready'), 'True/Registered');
  });

  it('goes when it is deleted, and its volumes with it where it says so', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant({ ...off, deletionPolicy: 'Delete' });
    await cluster.settle();
    await annotate(cluster, 'true');
    await cluster.settle();
    await cluster.api.delete(tenants, acme);
    await cluster.settle();
    assert.equal(await getOrNothing(cluster.api, tenants, acme), undefined);
    assert.deepEqual((await cluster.api.list(persistentVolumeClaims, { namespace: 'default' })).items, []);
  });

  it('says since when it is paused, however often it is looked at', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant(off);
    await cluster.settle();
    await annotate(cluster, 'true');
    await cluster.settle();
    const since = (await cluster.tenant()).status?.conditions?.find(({ type }) => type === 'Paused');
    await cluster.clock.advance(60_000);
    await cluster.pass();
    assert.deepEqual(
      (await cluster.tenant()).status?.conditions?.find(({ type }) => type === 'Paused'),
      since,
    );
  });

  it('goes on with a hand-over where it stopped', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant({ ...off, replicas: 3 });
    await cluster.settle();
    await cluster.applyTenant(off);
    await cluster.pass();
    const { status } = await cluster.tenant();
    assert.deepEqual(
      status?.leaving?.map(({ pod }) => pod),
      ['hs-acme-2'],
    );
    await annotate(cluster, 'true');
    await cluster.settle();
    assert.deepEqual((await cluster.tenant()).status?.leaving, status?.leaving);
    assert.equal((await cluster.api.get(statefulSets, base)).spec?.replicas, 3);
    await annotate(cluster, null);
    await cluster.settle();
    assert.equal((await cluster.api.get(statefulSets, base)).spec?.replicas, 2);
  });
});
