import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ServiceAccount, type Stored, serviceAccounts, statefulSets } from '@hybridstore/controller-runtime';
import { BenchCluster, conditionOf } from '../bench-cluster.ts';
import { everyPodSetting } from '../resources/tenant-set.ts';

const off = { autoscaling: { mode: 'Off' }, replicas: 2 };
const base = { namespace: 'default', name: 'hs-acme' };
const serviceAccount = { annotations: { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::111122223333:role/acme' } };

async function readTemplate(cluster: BenchCluster) {
  return (await cluster.api.get(statefulSets, base)).spec?.template ?? assert.fail('no template');
}

async function readAccount(cluster: BenchCluster): Promise<Stored<ServiceAccount>> {
  return await cluster.api.get(serviceAccounts, base);
}

describe('the pod template of a Tenant', () => {
  it('changes the template of its set and nothing else, causes no write after that, and goes as it came', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant(off);
    await cluster.settle();
    const before = await readTemplate(cluster);
    cluster.writes.length = 0;
    await cluster.applyTenant({ ...off, podTemplate: everyPodSetting });
    await cluster.settle();
    const written = cluster.writes.filter(({ verb }) => verb === 'apply');
    assert.deepEqual(
      written.map(({ kind, name }) => `${kind} ${name}`),
      ['StatefulSet hs-acme'],
    );
    const { spec, metadata } = await readTemplate(cluster);
    assert.equal(metadata?.labels?.['team'], '');
    assert.equal(spec.priorityClassName, 'data');
    cluster.writes.length = 0;
    for (let count = 0; count < 3; count += 1) await cluster.pass();
    assert.deepEqual(cluster.writes, []);
    await cluster.applyTenant(off);
    await cluster.settle();
    assert.deepEqual(await readTemplate(cluster), before);
  });

  it('leaves what somebody else put on the pods, and takes back what is its own', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant({ ...off, podTemplate: { metadata: { labels: { team: 'data' } } } });
    await cluster.settle();
    const labels = { team: 'stolen', 'kubectl.example.com/restarted': 'now' };
    await cluster.api.mergePatch(
      statefulSets,
      base,
      { spec: { template: { metadata: { labels } } } },
      { fieldManager: 'somebody' },
    );
    await cluster.settle();
    const found = (await readTemplate(cluster)).metadata?.labels ?? {};
    assert.deepEqual([found['team'], found['kubectl.example.com/restarted']], ['data', 'now']);
    assert.equal(conditionOf(await cluster.tenant(), 'Ready'), 'True/AllNodesReady');
  });

  it('has the account of the nodes beside it, whose annotations come and go', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant({ ...off, serviceAccount });
    await cluster.settle();
    assert.deepEqual((await readAccount(cluster)).metadata.annotations, serviceAccount.annotations);
    await cluster.applyTenant(off);
    await cluster.settle();
    assert.equal((await readAccount(cluster)).metadata.annotations, undefined);
  });
});
