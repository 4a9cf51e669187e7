import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject, Resource } from '@hybridstore/controller-runtime';
import {
  configMaps,
  getOrNothing,
  networkPolicies,
  persistentVolumeClaims,
  podDisruptionBudgets,
  resourceQuotas,
  secrets,
  serviceAccounts,
  services,
  statefulSets,
} from '@hybridstore/controller-runtime';
import { tenants } from '../../src/resources/custom-resources.ts';
import { acme, BenchCluster, Crash, conditionOf } from '../bench-cluster.ts';

const off = { autoscaling: { mode: 'Off' }, replicas: 2 };
const base = { namespace: 'default', name: 'hs-acme' };

const children: readonly (readonly [Resource, string])[] = [
  [statefulSets, 'hs-acme'],
  [services, 'hs-acme'],
  [services, 'hs-acme-nodes'],
  [configMaps, 'hs-acme'],
  [serviceAccounts, 'hs-acme'],
  [networkPolicies, 'hs-acme'],
  [podDisruptionBudgets, 'hs-acme'],
  [persistentVolumeClaims, 'hs-acme-data'],
];

/** What matters of all objects: everything but versions, times and random texts. */
async function snapshot(cluster: BenchCluster): Promise<Readonly<Record<string, unknown>>> {
  const objects = await Promise.all(
    children.map(async ([resource, name]) => {
      const object = (await cluster.api.get(resource, { namespace: 'default', name })) as KubeObject & {
        spec?: unknown;
        data?: unknown;
      };
      const { labels, annotations } = object.metadata;
      return [
        `${resource.kind}/${name}`,
        { labels, annotations, spec: object.spec, data: Object.keys(object.data ?? {}) },
      ] as const;
    }),
  );
  return Object.fromEntries(objects);
}

describe('a Tenant', () => {
  it('gets its children, its Secret and its place in the catalog', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant(off);
    await cluster.settle();
    for (const [resource, name] of children) await cluster.api.get(resource, { namespace: 'default', name });
    const secret = await cluster.api.get(secrets, { namespace: 'default', name: 'hs-acme-signing-key' });
    assert.equal(secret.immutable, true);
    assert.deepEqual([...cluster.catalog.tenants], ['default/acme']);
  });

  it('is Ready when all its nodes are, and says for which generation', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant(off);
    await cluster.pass();
    assert.equal(conditionOf(await cluster.tenant(), 'Ready'), 'False/NodesNotReady');
    await cluster.settle();
    const tenant = await cluster.tenant();
    assert.deepEqual(
      ['Ready', 'Progressing', 'Degraded', 'ScalingActive', 'DataSafe', 'StorageReady'].map((type) =>
        conditionOf(tenant, type),
      ),
      ['True/AllNodesReady', 'False/Settled', 'False/AsExpected', 'False/Off', 'True/AllNodesReady', 'True/Bound'],
    );
    assert.equal(tenant.status?.observedGeneration, tenant.metadata.generation);
    assert.deepEqual(
      [tenant.status?.replicas, tenant.status?.readyReplicas, tenant.status?.desiredReplicas],
      [2, 2, 2],
    );
    assert.equal(tenant.status?.endpoints?.service, 'http://hs-acme.default.svc:8000');
  });

  it('causes no write when nothing has changed, however often it is reconciled', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant(off);
    await cluster.settle();
    cluster.writes.length = 0;
    for (let count = 0; count < 3; count += 1) {
      await cluster.pass();
      await cluster.clock.advance(120_000);
    }
    cluster.restartOperator();
    await cluster.keys.ensure();
    await cluster.pass();
    assert.deepEqual(cluster.writes, []);
  });

  it('ends the same when the operator dies after any of its writes', async () => {
    const straight = await BenchCluster.start();
    await straight.applyTenant(off);
    await straight.settle();
    const expected = await snapshot(straight);
    const writes = straight.writes.length;
    for (let crashAfter = 1; crashAfter <= writes; crashAfter += 1) {
      const cluster = await BenchCluster.start();
      await cluster.applyTenant(off);
      cluster.restartOperator({ at: crashAfter, kind: 'crash' });
      await cluster.keys.ensure();
      await assert.rejects(cluster.settle(), Crash, `write ${crashAfter} of ${writes}`);
      cluster.restartOperator();
      await cluster.keys.ensure();
      await cluster.settle();
      assert.deepEqual(await snapshot(cluster), expected, `after write ${crashAfter}`);
      assert.equal(conditionOf(await cluster.tenant(), 'Ready'), 'True/AllNodesReady');
    }
  });

  for (const [resource, name] of children) {
    it(`has its ${resource.kind} ${name} back when somebody deletes it`, async () => {
      const cluster = await BenchCluster.start();
      await cluster.applyTenant(off);
      await cluster.settle();
      const before = await cluster.api.get(resource, { namespace: 'default', name });
      await cluster.api.delete(resource, { namespace: 'default', name });
      await cluster.settle();
      const after = await cluster.api.get(resource, { namespace: 'default', name });
      assert.notEqual(after.metadata.uid, before.metadata.uid);
    });

    it(`has the labels of its ${resource.kind} ${name} back when somebody edits them`, async () => {
      const cluster = await BenchCluster.start();
      await cluster.applyTenant(off);
      await cluster.settle();
      const patch = { metadata: { labels: { 'app.kubernetes.io/managed-by': 'vandal' } } };
      await cluster.api.mergePatch(resource, { namespace: 'default', name }, patch, { fieldManager: 'vandal' });
      await cluster.settle();
      const { metadata } = await cluster.api.get(resource, { namespace: 'default', name });
      assert.equal(metadata.labels?.['app.kubernetes.io/managed-by'], 'hybridstore-operator');
    });
  }

  it('has its Secret back within a minute, with the same text', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant(off);
    await cluster.settle();
    const key = { namespace: 'default', name: 'hs-acme-signing-key' };
    const before = await cluster.api.get(secrets, key);
    await cluster.api.delete(secrets, key);
    await cluster.clock.advance(61_000);
    await cluster.pass();
    assert.deepEqual((await cluster.api.get(secrets, key)).data, before.data);
  });

  it('loses what it does not ask for any more', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant({ ...off, quota: { pods: 10 } });
    await cluster.settle();
    assert.equal((await cluster.api.get(resourceQuotas, base)).spec?.hard?.['pods'], '10');
    await cluster.applyTenant(off);
    await cluster.settle();
    assert.equal(await getOrNothing(cluster.api, resourceQuotas, base), undefined);
  });

  it('does not take over what belongs to somebody else', async () => {
    const cluster = await BenchCluster.start();
    const foreign = { apiVersion: 'v1', kind: 'Service', metadata: base, spec: { ports: [{ port: 80 }] } };
    await cluster.api.create(services, foreign);
    await cluster.applyTenant(off);
    await assert.rejects(cluster.pass(), { code: 'conflict' });
    assert.equal(conditionOf(await cluster.tenant(), 'Degraded'), 'True/NameTaken');
    assert.equal((await cluster.api.get(services, base)).metadata.labels, undefined);
    assert.equal(await getOrNothing(cluster.api, statefulSets, base), undefined);
  });

  it('is made again with a node for every log volume that was not handed over', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant({ ...off, replicas: 3 });
    await cluster.settle();
    const finalizers: readonly string[] = [];
    await cluster.api.mergePatch(tenants, acme, { metadata: { finalizers } });
    await cluster.api.delete(tenants, acme);
    await cluster.api.delete(statefulSets, base);
    for (const [resource, name] of children)
      if (resource !== persistentVolumeClaims && resource !== statefulSets)
        await cluster.api.delete(resource, { namespace: 'default', name });
    await cluster.runKubernetes();
    cluster.restartOperator();
    await cluster.keys.ensure();
    await cluster.applyTenant({ ...off, replicas: 1 });
    await cluster.pass();
    assert.equal((await cluster.api.get(statefulSets, base)).spec?.replicas, 3);
    await cluster.settle();
    assert.equal((await cluster.api.get(statefulSets, base)).spec?.replicas, 1);
  });
});

describe('a Tenant that is deleted', () => {
  it('keeps its volumes and says so', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant(off);
    await cluster.settle();
    await cluster.api.delete(tenants, acme);
    await cluster.settle();
    assert.equal(await getOrNothing(cluster.api, tenants, acme), undefined);
    const claims = (await cluster.api.list(persistentVolumeClaims, { namespace: 'default' })).items;
    assert.deepEqual(claims.map((claim) => claim.metadata.name).sort(), [
      'hs-acme-data',
      'log-hs-acme-0',
      'log-hs-acme-1',
    ]);
    const [event] = cluster.events.filter((event) => event.reason === 'VolumesRetained');
    assert.match(event?.note ?? '', /hs-acme-data/);
    assert.deepEqual([...cluster.catalog.tenants], []);
  });

  it('takes its volumes along where it says Delete, after its nodes have stopped', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant({ ...off, deletionPolicy: 'Delete' });
    await cluster.settle();
    await cluster.api.delete(tenants, acme);
    assert.equal((await cluster.pass()).kind, 'wait');
    assert.equal((await cluster.api.list(persistentVolumeClaims, { namespace: 'default' })).items.length, 3);
    await cluster.settle();
    assert.deepEqual((await cluster.api.list(persistentVolumeClaims, { namespace: 'default' })).items, []);
    assert.equal(await getOrNothing(cluster.api, tenants, acme), undefined);
  });

  it('stays and keeps running while preventDeletion holds', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant({ ...off, preventDeletion: true });
    await cluster.settle();
    await cluster.api.delete(tenants, acme);
    await cluster.settle();
    assert.equal(conditionOf(await cluster.tenant(), 'Degraded'), 'True/DeletionPrevented');
    assert.equal(conditionOf(await cluster.tenant(), 'Ready'), 'True/AllNodesReady');
    assert.equal((await cluster.api.get(statefulSets, base)).spec?.replicas, 2);
    await cluster.applyTenant({ ...off, preventDeletion: false });
    await cluster.settle();
    assert.equal(await getOrNothing(cluster.api, tenants, acme), undefined);
  });

  it('goes although the catalog is away', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant(off);
    await cluster.settle();
    cluster.catalog.isAway = true;
    await cluster.api.delete(tenants, acme);
    await cluster.settle();
    assert.equal(await getOrNothing(cluster.api, tenants, acme), undefined);
  });
});
