import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject, Resource } from '@hybridstore/controller-runtime';
import {
  configMaps,
  getOrNothing,
  namespaces,
  networkPolicies,
  persistentVolumeClaims,
  podDisruptionBudgets,
  resourceQuotas,
  secrets,
  serviceAccounts,
  services,
  statefulSets,
} from '@hybridstore/controller-runtime';

import { type Tenant, tenants } from '../../src/resources/custom-resources.ts';
import { tenantLabels } from '../../src/resources/labels.ts';
import { acme, BenchCluster, Crash, conditionOf, systemNamespace } from '../bench-cluster.ts';

const off = { autoscaling: { mode: 'Off' }, replicas: 2 };
const base = { namespace: 'default', name: 'hs-acme' };

const children: readonly (readonly [Resource, string])[] = [
  [statefulSets, 'hs-acme'],
  [services, 'hs-acme'],
  [services, 'hsn-acme'],
  [configMaps, 'hs-acme'],
  [serviceAccounts, 'hs-acme'],
  [networkPolicies, 'hs-acme'],
  [podDisruptionBudgets, 'hs-acme'],
  [persistentVolumeClaims, 'hs-acme-data'],
];

const keysSecret = { namespace: 'default', name: 'hybridstore-tenant-keys' };

function readTexts(data: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(data).map(([name, text]) => [name, Buffer.from(text, 'base64').toString()]));
}

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
    const { data } = await cluster.api.get(secrets, keysSecret);
    const { metadata } = await cluster.tenant();
    assert.deepEqual(readTexts(data), { acme: cluster.keys.tenantSecret({ ...acme, uid: metadata.uid }) });
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
      ['Ready', 'Progressing', 'Degraded', 'ScalingActive', 'DataSafe', 'StorageReady', 'Paused'].map((type) =>
        conditionOf(tenant, type),
      ),
      [
        'True/AllNodesReady',
        'False/Settled',
        'False/AsExpected',
        'False/Off',
        'True/AllNodesReady',
        'True/Bound',
        'False/NotPaused',
      ],
    );
    assert.equal(tenant.status?.observedGeneration, tenant.metadata.generation);
    assert.deepEqual(
      [tenant.status?.replicas, tenant.status?.readyReplicas, tenant.status?.desiredReplicas],
      [2, 2, 2],
    );
    assert.equal(tenant.status?.endpoints?.service, 'http://hs-acme.default.svc:8000');
  });

  it('says what its nodes say is wrong, and no more once it has passed', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant(off);
    await cluster.settle();
    const message = 'rows of source orders are not flushed, after 3 tries: the data volume is full';
    const problem = { reason: 'storage_full', source_id: 'orders', since: '2023-11-14T22:00:00.000Z', message };
    cluster.nodes.found = [{ kind: 'FlushFailing', ...problem }];
    await cluster.pass();
    const tenant = await cluster.tenant();
    assert.deepEqual(
      ['Ready', 'Degraded', 'StorageReady'].map((type) => conditionOf(tenant, type)),
      ['True/AllNodesReady', 'True/FlushFailing', 'False/DataVolumeFull'],
    );
    const degraded = tenant.status?.conditions?.find(({ type }) => type === 'Degraded');
    assert.equal(degraded?.message, `hs-acme-0: ${message}`);
    cluster.nodes.found = [
      { kind: 'LogDamaged', reason: 'segment_damaged', since: problem.since, message: 'segment 1' },
    ];
    await cluster.pass();
    const later = await cluster.tenant();
    assert.deepEqual(
      ['Degraded', 'StorageReady'].map((type) => conditionOf(later, type)),
      ['True/LogDamaged', 'True/Bound'],
    );
    cluster.nodes.found = [];
    await cluster.pass();
    assert.equal(conditionOf(await cluster.tenant(), 'Degraded'), 'False/AsExpected');
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
    const before = await cluster.api.get(secrets, keysSecret);
    await cluster.api.delete(secrets, keysSecret);
    await cluster.clock.advance(61_000);
    await cluster.pass();
    assert.deepEqual((await cluster.api.get(secrets, keysSecret)).data, before.data);
  });

  it('shares the Secret of its namespace with the others, each with its own text, until the last one goes', async () => {
    const cluster = await BenchCluster.start();
    const globex = { namespace: 'default', name: 'globex' };
    await cluster.applyTenant(off);
    await cluster.applyTenant(off, globex.name);
    await Promise.all([acme, globex].map((key) => cluster.tenants.reconcile(key)));
    const both = readTexts((await cluster.api.get(secrets, keysSecret)).data);
    assert.deepEqual([Object.keys(both).sort(), new Set(Object.values(both)).size], [['acme', 'globex'], 2]);
    await cluster.api.delete(tenants, globex);
    for (let pass = 0; pass < 3; pass += 1) await cluster.tenants.reconcile(globex);
    assert.equal(await getOrNothing(cluster.api, tenants, globex), undefined);
    assert.deepEqual(readTexts((await cluster.api.get(secrets, keysSecret)).data), { acme: both['acme'] });
    await cluster.api.delete(tenants, acme);
    for (let pass = 0; pass < 3; pass += 1) await cluster.tenants.reconcile(acme);
    assert.equal(await getOrNothing(cluster.api, secrets, keysSecret), undefined);
  });

  it('has its entry put right within a minute when somebody edits it, and loses none of the others', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant(off);
    await cluster.settle();
    const before = await cluster.api.get(secrets, keysSecret);
    await cluster.api.mergePatch(secrets, keysSecret, { data: { acme: 'eA==', former: 'eQ==' } });
    await cluster.clock.advance(61_000);
    await cluster.pass();
    assert.deepEqual((await cluster.api.get(secrets, keysSecret)).data, { ...before.data, former: 'eQ==' });
  });

  it('gets a new text, and its nodes the new public key, after the master key was replaced and the operator restarted', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant(off);
    await cluster.settle();
    const read = async () => [
      (await cluster.api.get(secrets, keysSecret)).data?.['acme'],
      (await cluster.api.get(configMaps, base)).data?.['jwks.json'],
    ];
    const before = await read();
    await cluster.api.delete(secrets, { namespace: systemNamespace, name: 'tenant-node-master-key' });
    cluster.restartOperator();
    await cluster.keys.ensure();
    await cluster.pass();
    const after = await read();
    assert.deepEqual(
      after.map((text, index) => text !== undefined && text !== before[index]),
      [true, true],
    );
  });

  it('made anew under its name gets another text, whatever the one before left', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant(off);
    await cluster.settle();
    const { data: before } = await cluster.api.get(secrets, keysSecret);
    // Gone without the operator: its finalizer was taken away by hand.
    await cluster.api.mergePatch(tenants, acme, { metadata: { finalizers: [] } });
    await cluster.api.delete(tenants, acme);
    await cluster.applyTenant(off);
    // The former one's children are still to be collected; its entry in the Secret is nobody's but ours to replace.
    await assert.rejects(cluster.pass(), /exists and belongs to somebody else/);
    const { data } = await cluster.api.get(secrets, keysSecret);
    const { metadata } = await cluster.tenant();
    assert.notEqual(data?.['acme'], before?.['acme']);
    assert.deepEqual(readTexts(data), { acme: cluster.keys.tenantSecret({ ...acme, uid: metadata.uid }) });
  });

  it('is refused where somebody else has a Secret of that name, which stays as it is', async () => {
    const cluster = await BenchCluster.start();
    const foreign = { apiVersion: 'v1', kind: 'Secret', metadata: keysSecret, data: { acme: 'eA==' } };
    await cluster.api.create(secrets, foreign, { fieldManager: 'somebody' });
    await cluster.applyTenant(off);
    await assert.rejects(cluster.pass(), /Secret default\/hybridstore-tenant-keys exists and belongs to somebody else/);
    assert.equal(conditionOf(await cluster.tenant(), 'Degraded'), 'True/NameTaken');
    assert.deepEqual((await cluster.api.get(secrets, keysSecret)).data, { acme: 'eA==' });
    await cluster.api.delete(tenants, acme);
    for (let pass = 0; pass < 3; pass += 1) await cluster.pass();
    assert.equal(await getOrNothing(cluster.api, tenants, acme), undefined);
    assert.deepEqual((await cluster.api.get(secrets, keysSecret)).data, { acme: 'eA==' });
  });

  it('of an earlier version keeps the text of its own Secret, which moves into that of its namespace', async () => {
    const cluster = await BenchCluster.start();
    const { metadata } = await cluster.applyTenant(off);
    const text = cluster.keys.tenantSecret({ ...acme, uid: metadata.uid });
    const former = { namespace: 'default', name: 'hs-acme-signing-key' };
    const data = { secret: Buffer.from(text).toString('base64') };
    await cluster.api.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: former, data });
    await cluster.settle();
    assert.deepEqual(readTexts((await cluster.api.get(secrets, keysSecret)).data), { acme: text });
    // It goes with its Tenant, by its owner reference; the operator has no right to touch it.
    assert.deepEqual((await cluster.api.get(secrets, former)).data, data);
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

  it('takes no claim along that it did not make, whatever labels that wears', async () => {
    const cluster = await BenchCluster.start();
    const sharedVolume = { existingClaim: 'hs-acme-data' };
    await cluster.applyTenant({ ...off, deletionPolicy: 'Delete', storage: { data: { sharedVolume } } });
    for (const name of ['hs-acme-data', 'restored', 'log-hs-acme', 'log-hs-acme-01']) {
      const metadata = { namespace: 'default', name, labels: tenantLabels('acme') };
      await cluster.api.create(persistentVolumeClaims, { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata });
    }
    await cluster.settle();
    await cluster.api.delete(tenants, acme);
    await cluster.settle();
    const { items } = await cluster.api.list(persistentVolumeClaims, { namespace: 'default' });
    assert.deepEqual(items.map(({ metadata }) => metadata.name).sort(), [
      'hs-acme-data',
      'log-hs-acme',
      'log-hs-acme-01',
      'restored',
    ]);
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

  it('holds a namespace that is deleted while preventDeletion is true, and lets it end after', async () => {
    const cluster = await BenchCluster.start();
    const key = { namespace: 'leaving', name: 'acme' };
    await cluster.api.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: key.namespace } });
    const spec = { hibernated: true, preventDeletion: true };
    const object: KubeObject = { apiVersion: tenants.apiVersion, kind: 'Tenant', metadata: key };
    await cluster.api.apply(tenants, { ...object, spec } as Tenant, { fieldManager: 'test', force: true });
    await cluster.tenants.reconcile(key);
    await cluster.api.delete(namespaces, { name: key.namespace });
    // What is missing in a namespace that is deleted cannot be made anew.
    await assert.rejects(cluster.tenants.reconcile(key), /because it is being terminated/);
    assert.notEqual((await cluster.api.get(tenants, key)).metadata.deletionTimestamp, undefined);
    await cluster.api.mergePatch(tenants, key, { spec: { preventDeletion: false } });
    await cluster.tenants.reconcile(key);
    assert.equal(await getOrNothing(cluster.api, namespaces, { name: key.namespace }), undefined);
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
