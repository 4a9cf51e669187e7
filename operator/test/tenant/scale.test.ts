import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pods, type Scale, statefulSets } from '@hybridstore/controller-runtime';
import { isHybridStoreError } from '@hybridstore/runtime';
import { tenants } from '../../src/resources/custom-resources.ts';
import { acme, BenchCluster, conditionOf } from '../bench-cluster.ts';

const off = { autoscaling: { mode: 'Off', minReplicas: 3 } };

async function startWith(spec: object): Promise<BenchCluster> {
  const cluster = await BenchCluster.start();
  await cluster.applyTenant(spec);
  await cluster.settle();
  return cluster;
}

async function readScale(cluster: BenchCluster): Promise<Scale> {
  return (await cluster.api.get(tenants, acme, { subresource: 'scale' })) as Scale; // what this endpoint answers
}

/** As `kubectl scale` does. */
async function scaleTo(cluster: BenchCluster, replicas: number): Promise<void> {
  const options = { fieldManager: 'kubectl', subresource: 'scale' } as const;
  await cluster.api.mergePatch(tenants, acme, { spec: { replicas } }, options);
}

/** As the horizontal pod autoscaler does: none asked for means that it is switched off. Gives what it saw. */
async function autoscale(cluster: BenchCluster, ratio: number): Promise<'off' | number> {
  const scale = await readScale(cluster);
  if ((scale.spec?.replicas ?? 0) === 0) return 'off';
  const selected = scale.status?.selector?.split(',').map((each) => each.split('=')) ?? [];
  const { items } = await cluster.api.list(pods, { namespace: 'default' });
  const measured = items.filter(({ metadata }) =>
    selected.every(([name = '', value]) => metadata.labels?.[name] === value),
  );
  const current = scale.status?.replicas ?? 0;
  assert.equal(measured.length, current);
  const replicas = Math.ceil(current * ratio);
  if (replicas === scale.spec?.replicas) return current;
  const options = { fieldManager: 'kube-controller-manager', subresource: 'scale' } as const;
  await cluster.api.update(tenants, { ...scale, spec: { replicas } } as never, options); // what this endpoint takes
  return current;
}

async function sizeOf(cluster: BenchCluster): Promise<number | undefined> {
  return (await cluster.api.get(statefulSets, { namespace: 'default', name: 'hs-acme' })).spec?.replicas;
}

describe('the scale of a Tenant', () => {
  it('says the nodes that are asked for, those that exist, and how to find them', async () => {
    const cluster = await startWith({ ...off, replicas: 2 });
    const { spec, status } = await readScale(cluster);
    assert.deepEqual([spec?.replicas, status?.replicas], [2, 2]);
    assert.equal(status?.selector, 'app.kubernetes.io/component=tenant-node,hybridstore.dev/tenant=acme');
  });

  it('takes what kubectl scale says, also where the Tenant had left it out, and changes nothing else of its spec', async () => {
    const cluster = await startWith(off);
    const before = (await cluster.tenant()).spec;
    assert.deepEqual([await sizeOf(cluster), (await readScale(cluster)).status?.replicas], [3, 3]);
    await scaleTo(cluster, 4);
    await cluster.settle();
    assert.deepEqual([await sizeOf(cluster), (await readScale(cluster)).spec?.replicas], [4, 4]);
    assert.deepEqual((await cluster.tenant()).spec, { ...before, replicas: 4 });
    await scaleTo(cluster, 2);
    await cluster.settle();
    assert.equal(await sizeOf(cluster), 2);
    assert.equal(conditionOf(await cluster.tenant(), 'Ready'), 'True/AllNodesReady');
  });

  it('is not taken away again by who applies the Tenant without it', async () => {
    const cluster = await startWith(off);
    await scaleTo(cluster, 4);
    await cluster.applyTenant(off);
    await cluster.settle();
    assert.equal(await sizeOf(cluster), 4);
  });

  it('lets another autoscaler work in mode Off, once it was said for the first time', async () => {
    const cluster = await startWith(off);
    assert.equal(await autoscale(cluster, 2), 'off');
    await scaleTo(cluster, 3);
    for (const [ratio, seen, wanted] of [
      [1, 3, 3],
      [1.5, 3, 5],
      [1, 5, 5],
      [0.4, 5, 2],
      [1, 2, 2],
    ] as const) {
      assert.equal(await autoscale(cluster, ratio), seen);
      await cluster.settle();
      assert.deepEqual([await sizeOf(cluster), (await readScale(cluster)).status?.replicas], [wanted, wanted]);
    }
  });

  it('switches another autoscaler off where the operator scales, and refuses both kubectl scale and none', async () => {
    const cluster = await startWith({});
    assert.equal(await autoscale(cluster, 2), 'off');
    const isRefused = (error: unknown) =>
      isHybridStoreError(error, 'invalid_request') && /only where autoscaling\.mode is Off/.test(error.message);
    await assert.rejects(scaleTo(cluster, 4), isRefused);
    const other = await startWith({ ...off, replicas: 2 });
    await assert.rejects(scaleTo(other, 0), (error: unknown) => isHybridStoreError(error, 'invalid_request'));
    assert.deepEqual([await sizeOf(cluster), await sizeOf(other)], [2, 2]);
  });

  it('is empty again for a Tenant that goes back to scale itself', async () => {
    const cluster = await startWith({ autoscaling: { mode: 'Off' } });
    await scaleTo(cluster, 3);
    await cluster.settle();
    const patch = { spec: { replicas: null, autoscaling: { mode: 'Auto' } } };
    await cluster.api.mergePatch(tenants, acme, patch, { fieldManager: 'kubectl' });
    await cluster.settle();
    assert.deepEqual([await sizeOf(cluster), (await readScale(cluster)).spec?.replicas], [3, 0]);
  });
});
