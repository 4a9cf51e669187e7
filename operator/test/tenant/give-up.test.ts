import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { persistentVolumeClaims, statefulSets } from '@hybridstore/controller-runtime';
import { tenants } from '../../src/resources/custom-resources.ts';
import { acme, BenchCluster } from '../bench-cluster.ts';

const annotation = 'hybridstore.dev/give-up-node';
const off = (replicas: number) => ({ autoscaling: { mode: 'Off' }, replicas });

/** Three nodes, the last of which is away. */
async function startWithout(pod: string): Promise<BenchCluster> {
  const cluster = await BenchCluster.start();
  await cluster.applyTenant(off(3));
  await cluster.settle();
  cluster.nodes.away.add(pod);
  cluster.notReady.add(pod);
  await cluster.settle();
  cluster.nodes.calls.length = 0;
  return cluster;
}

async function annotate(cluster: BenchCluster, value: string | null): Promise<void> {
  await cluster.api.mergePatch(tenants, acme, { metadata: { annotations: { [annotation]: value } } });
  await cluster.pass();
}

const givingUp = async (cluster: BenchCluster) => (await cluster.tenant()).status?.givingUp;
const reasons = (cluster: BenchCluster) =>
  cluster.events.map(({ reason }) => reason).filter((reason) => /GiveUp|GivenUp/.test(reason));

describe('a node that is given up', () => {
  it('is so only after a person has confirmed how many rows may be lost, as the node that saw most of them says', async () => {
    const cluster = await startWithout('hs-acme-2');
    cluster.nodes.seenRows.set('hs-acme-0', 300).set('hs-acme-1', 312);
    await annotate(cluster, 'hs-acme-2');
    const asked = await givingUp(cluster);
    assert.deepEqual([asked?.state, asked?.pod, asked?.rows], ['Asked', 'hs-acme-2', 312]);
    assert.match(
      asked?.message ?? '',
      /may lose 312 rows.*kubectl annotate --overwrite tenant acme -n default hybridstore\.dev\/give-up-node=hs-acme-2\/312$/,
    );
    assert.deepEqual([[...cluster.nodes.givenUp], reasons(cluster)], [[], ['GiveUpAsked']]);
    // Asked again and again, said once.
    await cluster.pass();
    assert.deepEqual(reasons(cluster), ['GiveUpAsked']);
    await annotate(cluster, 'hs-acme-2/311');
    assert.deepEqual([(await givingUp(cluster))?.state, cluster.nodes.givenUp.size], ['Asked', 0]);
    await annotate(cluster, 'hs-acme-2/312');
    assert.deepEqual([(await givingUp(cluster))?.state, [...cluster.nodes.givenUp]], ['GivenUp', ['hs-acme-2']]);
    assert.equal(
      cluster.nodes.calls.filter((call) => call.includes('with')).join(),
      'give up hs-acme-2 at hs-acme-1 with 312',
    );
    assert.deepEqual(reasons(cluster), ['GiveUpAsked', 'NodeGivenUp']);
  });

  it('is asked for no second time, and forgotten with the annotation', async () => {
    const cluster = await startWithout('hs-acme-2');
    await annotate(cluster, 'hs-acme-2/400000');
    assert.equal((await givingUp(cluster))?.state, 'GivenUp');
    const calls = cluster.nodes.calls.length;
    cluster.nodes.away.clear();
    cluster.notReady.clear();
    await cluster.pass();
    assert.deepEqual([(await givingUp(cluster))?.state, cluster.nodes.calls.length], ['GivenUp', calls]);
    await annotate(cluster, null);
    assert.equal(await givingUp(cluster), undefined);
  });

  it('of which nobody has seen a row may have lost as many as a node may hold', async () => {
    const cluster = await startWithout('hs-acme-2');
    await annotate(cluster, 'hs-acme-2');
    assert.match((await givingUp(cluster))?.message ?? '', /may lose 400000 rows, which is as many as a node may hold/);
  });

  for (const [what, value, message] of [
    ['of another tenant', 'hs-other-0', /is no node of the tenant/],
    ['beyond the size', 'hs-acme-7', /is no node of the tenant/],
    ['that is ready', 'hs-acme-0', /is ready/],
    ['with a number that is none', 'hs-acme-2/many', /expected the name of a node/],
    ['without a name', '', /expected the name of a node/],
  ] as const)
    it(`${what} is refused, and nobody is asked`, async () => {
      const cluster = await startWithout('hs-acme-2');
      await annotate(cluster, value);
      const refused = await givingUp(cluster);
      assert.equal(refused?.state, 'Refused');
      assert.match(refused?.message ?? '', message);
      assert.deepEqual([cluster.nodes.calls, reasons(cluster)], [[], ['GiveUpRefused']]);
    });

  it('answers after all, and is not', async () => {
    const cluster = await startWithout('hs-acme-2');
    cluster.nodes.away.clear();
    await annotate(cluster, 'hs-acme-2');
    assert.match((await givingUp(cluster))?.message ?? '', /member hs-acme-2 answers/);
  });

  it('lets a scale-in go on past it, and keeps its volume: rows may be nowhere else', async () => {
    const cluster = await startWithout('hs-acme-2');
    await cluster.applyTenant(off(2));
    for (let count = 0; count < 70; count += 1) {
      await cluster.pass();
      await cluster.clock.advance(1_000);
    }
    const size = async () =>
      (await cluster.api.get(statefulSets, { namespace: 'default', name: 'hs-acme' })).spec?.replicas;
    assert.equal(await size(), 3);
    await annotate(cluster, 'hs-acme-2/400000');
    await cluster.settle();
    assert.equal(await size(), 2);
    const claim = await cluster.api.get(persistentVolumeClaims, { namespace: 'default', name: 'log-hs-acme-2' });
    assert.equal(claim.metadata.annotations?.['hybridstore.dev/drained-at'], undefined);
    await cluster.clock.advance(400 * 3_600_000);
    await cluster.settle();
    await cluster.api.get(persistentVolumeClaims, { namespace: 'default', name: 'log-hs-acme-2' });
  });
});
