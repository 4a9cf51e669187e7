import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { getOrNothing, type KubeObject, type Resource } from '@hybridstore/controller-runtime';
import { collectionOf } from '@hybridstore/embedded-kubernetes';
import { compactionPolicies, dataSources, tenants } from '../src/resources/custom-resources.ts';
import { BenchCluster } from './bench-cluster.ts';

const former = 'hybridstore.dev/tidy';
const ours = 'hybridstore.dev/finalizer';
const foreign = 'example.com/audit';
const running = { autoscaling: { mode: 'Off' }, replicas: 1 };

type Kind = {
  readonly resource: Resource;
  readonly name: string;
  readonly apply: (cluster: BenchCluster) => Promise<unknown>;
  readonly reconcile: (cluster: BenchCluster) => Promise<unknown>;
};

const kinds: readonly Kind[] = [
  {
    resource: tenants,
    name: 'acme',
    apply: (cluster) => cluster.applyTenant(running),
    reconcile: (cluster) => cluster.settle(),
  },
  {
    resource: dataSources,
    name: 'orders',
    apply: (cluster) => cluster.applySource(),
    reconcile: (cluster) => cluster.sources.reconcile({ namespace: 'default', name: 'orders' }),
  },
  {
    resource: compactionPolicies,
    name: 'hourly',
    apply: (cluster) => cluster.applyPolicy(),
    reconcile: (cluster) => cluster.policies.reconcile({ namespace: 'default', name: 'hourly' }),
  },
];

/** As it was left by a version of the operator with another name for its finalizer. */
async function startWith({ resource, name, apply }: Kind, finalizers: readonly string[]): Promise<BenchCluster> {
  const cluster = await BenchCluster.start();
  await apply(cluster);
  const stored = await cluster.api.get(resource, { namespace: 'default', name });
  const object: KubeObject = { ...stored, metadata: { ...stored.metadata, finalizers } };
  cluster.api.store.put(collectionOf(resource), object);
  return cluster;
}

describe('the finalizer', () => {
  for (const kind of kinds) {
    const { resource, name, reconcile } = kind;
    const key = { namespace: 'default', name };

    it(`is put on a ${resource.kind} once`, async () => {
      const cluster = await startWith(kind, [foreign]);
      await reconcile(cluster);
      await reconcile(cluster);
      assert.deepEqual((await cluster.api.get(resource, key)).metadata.finalizers, [foreign, ours]);
    });

    it(`takes the place of its former name on a ${resource.kind} that lives`, async () => {
      const cluster = await startWith(kind, [former, foreign]);
      await reconcile(cluster);
      assert.deepEqual((await cluster.api.get(resource, key)).metadata.finalizers, [foreign, ours]);
    });

    it(`is taken off a deleted ${resource.kind} under both names, and nobody else's is`, async () => {
      const cluster = await startWith(kind, [former, ours, foreign]);
      await cluster.api.delete(resource, key);
      await reconcile(cluster);
      assert.deepEqual((await cluster.api.get(resource, key)).metadata.finalizers, [foreign]);
    });

    it(`lets a ${resource.kind} go that was deleted under its former name`, async () => {
      const cluster = await startWith(kind, [former]);
      await cluster.api.delete(resource, key);
      await reconcile(cluster);
      assert.equal(await getOrNothing(cluster.api, resource, key), undefined);
    });
  }
});
