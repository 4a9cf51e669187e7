import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { persistentVolumeClaims, type StatefulSet, statefulSets } from '@hybridstore/controller-runtime';
import { isHybridStoreError } from '@hybridstore/runtime';
import { parsePlatformSettings } from '../../src/platform-settings.ts';
import { acme, BenchCluster, conditionOf, systemNamespace } from '../bench-cluster.ts';

const off = { autoscaling: { mode: 'Off' }, replicas: 2 };
const setKey = { namespace: 'default', name: 'hs-acme' };
const dataKey = { namespace: 'default', name: 'hs-acme-data' };

function restartWith(cluster: BenchCluster, settings: string): void {
  cluster.settings = parsePlatformSettings(settings, { namespace: systemNamespace });
  cluster.restartOperator();
}

function logClassOf({ spec }: StatefulSet): string | undefined {
  return spec?.volumeClaimTemplates?.[0]?.spec?.storageClassName;
}

describe('a Tenant that lives', () => {
  it('keeps its volumes and nodes as they are when the platform has other storage classes', async () => {
    for (const before of ['', 'storage: {logStorageClassName: old, dataStorageClassName: old}']) {
      const cluster = await BenchCluster.start();
      restartWith(cluster, before);
      await cluster.keys.ensure();
      await cluster.applyTenant(off);
      await cluster.settle();
      const set = await cluster.api.get(statefulSets, setKey);
      const data = await cluster.api.get(persistentVolumeClaims, dataKey);
      for (const after of ['storage: {logStorageClassName: new, dataStorageClassName: new}', '']) {
        restartWith(cluster, after);
        await cluster.keys.ensure();
        cluster.writes.length = 0;
        await cluster.settle();
        assert.deepEqual(cluster.writes, [], `${before} → ${after}`);
        assert.deepEqual((await cluster.api.get(statefulSets, setKey)).spec, set.spec);
        assert.deepEqual((await cluster.api.get(persistentVolumeClaims, dataKey)).spec, data.spec);
        assert.equal(conditionOf(await cluster.tenant(), 'Ready'), 'True/AllNodesReady');
        assert.equal(conditionOf(await cluster.tenant(), 'StorageReady'), 'True/Bound');
      }
    }
  });

  it('has the classes of the platform as they are when it is made', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant(off);
    await cluster.settle();
    restartWith(cluster, 'storage: {logStorageClassName: new}');
    await cluster.keys.ensure();
    await cluster.applyTenant(off, 'globex');
    await cluster.tenants.reconcile({ ...acme, name: 'globex' });
    const classes = ['hs-acme', 'hs-globex'].map(async (name) =>
      logClassOf(await cluster.api.get(statefulSets, { ...setKey, name })),
    );
    assert.deepEqual(await Promise.all(classes), [undefined, 'new']);
  });

  it('made by an operator that named other fixed fields keeps them, and follows in all the others', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant(off);
    await cluster.settle();
    const { metadata, spec } = await cluster.api.get(statefulSets, setKey);
    assert.ok(spec);
    await cluster.api.delete(statefulSets, setKey);
    const { name, namespace, labels, ownerReferences = [] } = metadata;
    const [template] = spec.volumeClaimTemplates ?? [];
    const fixed = {
      serviceName: 'former-nodes',
      podManagementPolicy: 'OrderedReady',
      selector: { matchLabels: { ...spec.selector.matchLabels, former: 'true' } },
      volumeClaimTemplates: [{ ...template, metadata: { name: 'log', labels: { former: 'true' } } }],
    };
    const formerTemplate = {
      ...spec.template,
      metadata: { labels: { ...fixed.selector.matchLabels, removed: 'true' } },
    };
    const former = {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name, namespace, labels, ownerReferences },
      spec: { ...spec, ...fixed, template: formerTemplate },
    } as unknown as StatefulSet; // of a stored one, with fields of the same types
    await cluster.api.apply(statefulSets, former, { force: true });
    await cluster.settle();
    const after = (await cluster.api.get(statefulSets, setKey)).spec;
    const { serviceName, podManagementPolicy, selector } = after ?? {};
    assert.deepEqual(
      { serviceName, podManagementPolicy, selector },
      {
        serviceName: fixed.serviceName,
        podManagementPolicy: fixed.podManagementPolicy,
        selector: fixed.selector,
      },
    );
    assert.deepEqual(after?.volumeClaimTemplates?.[0]?.metadata, fixed.volumeClaimTemplates[0]?.metadata);
    assert.equal(after?.template.metadata?.labels?.['removed'], undefined);
    assert.equal(after?.template.metadata?.labels?.['hybridstore.dev/tenant'], 'acme');
    assert.equal(conditionOf(await cluster.tenant(), 'Ready'), 'True/AllNodesReady');
  });

  it('stands on an API server that refuses to change what is fixed, as a real one does', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant(off);
    await cluster.settle();
    const set = await cluster.api.get(statefulSets, setKey);
    const [template] = set.spec?.volumeClaimTemplates ?? [];
    const refused = (error: unknown) => isHybridStoreError(error, 'invalid_request');
    for (const spec of [
      { serviceName: 'other' },
      { podManagementPolicy: 'OrderedReady' },
      { volumeClaimTemplates: [{ ...template, spec: { ...template?.spec, storageClassName: 'other' } }] },
      { selector: { matchLabels: { a: 'b' } }, template: { metadata: { labels: { a: 'b' } } } },
    ])
      await assert.rejects(cluster.api.mergePatch(statefulSets, setKey, { spec }), refused, Object.keys(spec).join());
    const claim = { spec: { storageClassName: 'other' } };
    await assert.rejects(cluster.api.mergePatch(persistentVolumeClaims, dataKey, claim), refused);
  });
});
