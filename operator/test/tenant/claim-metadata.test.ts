import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ObjectMeta, persistentVolumeClaims, statefulSets } from '@hybridstore/controller-runtime';
import { claimMetadataManager } from '../../src/tenant/claim-metadata.ts';
import { BenchCluster } from '../bench-cluster.ts';

const off = { autoscaling: { mode: 'Off' }, replicas: 2 };
const ownClaims = ['hs-acme-data', 'log-hs-acme-0', 'log-hs-acme-1'];
const volumeMetadata = {
  labels: { team: 'data' },
  annotations: { 'backup.example.com/schedule': 'daily' },
};

async function readClaim(cluster: BenchCluster, name: string): Promise<ObjectMeta> {
  return (await cluster.api.get(persistentVolumeClaims, { namespace: 'default', name })).metadata;
}

async function readMarks(cluster: BenchCluster, name: string): Promise<readonly (string | undefined)[]> {
  const { labels, annotations } = await readClaim(cluster, name);
  return [labels?.['team'], annotations?.['backup.example.com/schedule'], labels?.['hybridstore.dev/tenant']];
}

describe('the claims of a Tenant', () => {
  it('wear what its spec says, those of living nodes too, and no more once it is taken from the spec', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant(off);
    await cluster.settle();
    const before = (await cluster.api.get(statefulSets, { namespace: 'default', name: 'hs-acme' })).spec;
    for (const name of ownClaims) assert.deepEqual(await readMarks(cluster, name), [undefined, undefined, 'acme']);
    await cluster.applyTenant({ ...off, volumeMetadata });
    await cluster.settle();
    for (const name of ownClaims) assert.deepEqual(await readMarks(cluster, name), ['data', 'daily', 'acme'], name);
    const { spec } = await cluster.api.get(statefulSets, { namespace: 'default', name: 'hs-acme' });
    assert.deepEqual(spec, before);
    await cluster.applyTenant({ ...off, volumeMetadata: { labels: { team: 'other' } } });
    await cluster.settle();
    for (const name of ownClaims) assert.deepEqual(await readMarks(cluster, name), ['other', undefined, 'acme'], name);
    await cluster.applyTenant(off);
    await cluster.settle();
    for (const name of ownClaims)
      assert.deepEqual(await readMarks(cluster, name), [undefined, undefined, 'acme'], name);
  });

  it('of a node that comes later wear it too', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant({ ...off, volumeMetadata });
    await cluster.settle();
    await cluster.applyTenant({ ...off, replicas: 3, volumeMetadata });
    await cluster.settle();
    assert.deepEqual(await readMarks(cluster, 'log-hs-acme-2'), ['data', 'daily', 'acme']);
  });

  it('keep what others put on them, and are put right when somebody takes a mark off', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant({ ...off, volumeMetadata });
    await cluster.settle();
    const log = { namespace: 'default', name: 'log-hs-acme-0' };
    const patch = { metadata: { labels: { team: null, rack: 'r1' } } };
    await cluster.api.mergePatch(persistentVolumeClaims, log, patch, { fieldManager: 'somebody' });
    await cluster.settle();
    const { labels } = await readClaim(cluster, log.name);
    assert.deepEqual([labels?.['team'], labels?.['rack']], ['data', 'r1']);
  });

  it('that are marked already cause no write', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant({ ...off, volumeMetadata });
    await cluster.settle();
    cluster.writes.length = 0;
    for (let count = 0; count < 3; count += 1) await cluster.pass();
    assert.deepEqual(cluster.writes, []);
  });

  it('which the tenant brought stay as they are', async () => {
    const cluster = await BenchCluster.start();
    const claim = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { namespace: 'default', name: 'mine' },
      spec: { accessModes: ['ReadWriteMany'], resources: { requests: { storage: '1Gi' } } },
    };
    await cluster.api.create(persistentVolumeClaims, claim);
    const storage = { data: { sharedVolume: { existingClaim: 'mine' } } };
    await cluster.applyTenant({ ...off, storage, volumeMetadata });
    await cluster.settle();
    const { labels, managedFields = [] } = await readClaim(cluster, 'mine');
    assert.equal(labels, undefined);
    assert.equal(
      managedFields.some(({ manager }) => manager === claimMetadataManager),
      false,
    );
    assert.deepEqual(await readMarks(cluster, 'log-hs-acme-0'), ['data', 'daily', 'acme']);
  });
});
