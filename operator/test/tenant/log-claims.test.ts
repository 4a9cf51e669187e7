import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { getOrNothing, persistentVolumeClaims, pods, statefulSets } from '@hybridstore/controller-runtime';
import { BenchCluster, conditionOf } from '../bench-cluster.ts';

const hourMs = 3_600_000;
const base = { namespace: 'default', name: 'hs-acme' };
const inDefault = (name: string) => ({ namespace: 'default', name });
const off = (replicas: number, more: object = {}) => ({ autoscaling: { mode: 'Off' }, replicas, ...more });

async function startWith(replicas: number, more: object = {}): Promise<BenchCluster> {
  const cluster = await BenchCluster.start();
  await cluster.applyTenant(off(replicas, more));
  await cluster.settle();
  return cluster;
}

async function readLogClaims(cluster: BenchCluster): Promise<readonly string[]> {
  const { items } = await cluster.api.list(persistentVolumeClaims, { namespace: 'default' });
  return items
    .map(({ metadata }) => metadata.name)
    .filter((name) => name.startsWith('log-'))
    .sort();
}

const claims = (count: number) => Array.from({ length: count }, (_, ordinal) => `log-hs-acme-${ordinal}`);

async function scaleSet(cluster: BenchCluster, replicas: number): Promise<void> {
  await cluster.api.mergePatch(statefulSets, base, { spec: { replicas } }, { fieldManager: 'vandal' });
}

async function passAfter(cluster: BenchCluster, ms: number): Promise<void> {
  await cluster.clock.advance(ms);
  await cluster.settle();
}

describe('the log volume of a node that has left', () => {
  it('goes when the time for which a log keeps what is committed is over, and an Event says so', async () => {
    const cluster = await startWith(3, { wal: { retentionHours: 5 } });
    await cluster.applyTenant(off(2, { wal: { retentionHours: 5 } }));
    await cluster.settle();
    await passAfter(cluster, 4.9 * hourMs);
    assert.deepEqual(await readLogClaims(cluster), claims(3));
    await passAfter(cluster, 0.2 * hourMs);
    assert.deepEqual(await readLogClaims(cluster), claims(2));
    const removed = cluster.events.filter(({ reason }) => reason === 'LogVolumeRemoved').map(({ note }) => note);
    assert.match(removed.join(), /^claim log-hs-acme-2 is deleted: its node handed over at 2[0-9TZ:.-]+$/);
    assert.equal(conditionOf(await cluster.tenant(), 'Ready'), 'True/AllNodesReady');
  });

  it('stays for an hour where a log keeps nothing', async () => {
    const cluster = await startWith(3, { wal: { retentionHours: 0 } });
    await cluster.applyTenant(off(2, { wal: { retentionHours: 0 } }));
    await cluster.settle();
    await passAfter(cluster, 0.9 * hourMs);
    assert.deepEqual(await readLogClaims(cluster), claims(3));
    await passAfter(cluster, 0.2 * hourMs);
    assert.deepEqual(await readLogClaims(cluster), claims(2));
  });

  it('stays when it may hold rows: without the note, with a note that is no time, with its pod there, or hibernated', async () => {
    const spoil: readonly (readonly [string, (cluster: BenchCluster) => Promise<unknown>])[] = [
      ['no note', (cluster) => annotate(cluster, null)],
      ['no time', (cluster) => annotate(cluster, 'long ago')],
      ['its pod', (cluster) => plantPod(cluster)],
      ['hibernated', (cluster) => cluster.applyTenant(off(2, { hibernated: true }))],
    ];
    for (const [what, apply] of spoil) {
      const cluster = await startWith(3);
      await cluster.applyTenant(off(2));
      await cluster.settle();
      await apply(cluster);
      await cluster.clock.advance(25 * hourMs);
      for (let count = 0; count < 5; count += 1) await cluster.pass();
      assert.deepEqual(await readLogClaims(cluster), claims(3), what);
    }
  });

  it('stays when the other nodes do not say that its node is drained, or none of them answers', async () => {
    for (const spoil of [
      (cluster: BenchCluster) => cluster.nodes.drained.delete('hs-acme-2'),
      (cluster: BenchCluster) => cluster.nodes.away.add('hs-acme-0'),
    ]) {
      const cluster = await startWith(3);
      await cluster.applyTenant(off(2));
      await cluster.settle();
      // Somebody let the node run for a while behind an operator that was away: the note is still there.
      spoil(cluster);
      await passAfter(cluster, 25 * hourMs);
      assert.deepEqual(await readLogClaims(cluster), claims(3));
      cluster.nodes.away.clear();
      cluster.nodes.drained.add('hs-acme-2');
      await cluster.settle();
      assert.deepEqual(await readLogClaims(cluster), claims(2));
    }
  });

  it('is not removed when it was changed since it was looked at', async () => {
    const cluster = await startWith(3);
    await cluster.applyTenant(off(2));
    await cluster.settle();
    await cluster.clock.advance(25 * hourMs);
    const ask = cluster.nodes.drainedMembers.bind(cluster.nodes);
    cluster.nodes.drainedMembers = async (tenant, pod) => {
      await annotate(cluster, null);
      return await ask(tenant, pod);
    };
    await cluster.pass();
    assert.deepEqual(await readLogClaims(cluster), claims(3));
  });

  async function annotate(cluster: BenchCluster, value: string | null): Promise<void> {
    const patch = { metadata: { annotations: { 'hybridstore.dev/drained-at': value } } };
    await cluster.api.mergePatch(persistentVolumeClaims, inDefault('log-hs-acme-2'), patch);
  }

  async function plantPod(cluster: BenchCluster): Promise<void> {
    const { labels } = (await cluster.api.get(pods, inDefault('hs-acme-1'))).metadata;
    const metadata = { ...inDefault('hs-acme-2'), labels: labels ?? {} };
    const spec = { containers: [{ name: 'tenant-node', image: 'x' }] };
    await cluster.api.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata, spec });
  }
});

describe('a set that somebody scales behind the operator', () => {
  it('is back at its size before anything was made, and asks nobody who was never there for long', async () => {
    const cluster = await startWith(2);
    await scaleSet(cluster, 4);
    cluster.nodes.away.add('hs-acme-2').add('hs-acme-3');
    for (let count = 0; count < 5; count += 1) {
      await cluster.pass();
      await cluster.clock.advance(1_000);
    }
    assert.equal((await cluster.api.get(statefulSets, base)).spec?.replicas, 2);
    assert.deepEqual(await readLogClaims(cluster), claims(2));
    await cluster.settle();
    assert.equal((await cluster.tenant()).status?.leaving, undefined);
    assert.equal(conditionOf(await cluster.tenant(), 'DataSafe'), 'True/AllNodesReady');
  });

  it('loses the claims again that were made for it and never bound, and no other', async () => {
    const cluster = await startWith(2);
    await scaleSet(cluster, 4);
    cluster.nodes.away.add('hs-acme-2').add('hs-acme-3');
    const { metadata, spec } = await cluster.api.get(persistentVolumeClaims, inDefault('log-hs-acme-1'));
    const labels = metadata.labels ?? {};
    for (const name of claims(4).slice(2))
      await cluster.api.create(persistentVolumeClaims, {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { ...inDefault(name), labels },
        ...(spec === undefined ? {} : { spec }),
      });
    for (let count = 0; count < 6; count += 1) {
      await cluster.pass();
      await cluster.clock.advance(1_000);
    }
    assert.equal((await cluster.api.get(statefulSets, base)).spec?.replicas, 2);
    assert.deepEqual(await readLogClaims(cluster), claims(4), 'its controller has not seen the size yet');
    const { generation } = (await cluster.api.get(statefulSets, base)).metadata;
    const status = { replicas: 2, observedGeneration: generation };
    const { apiVersion, kind } = statefulSets;
    await cluster.api.patchStatus(
      statefulSets,
      { apiVersion, kind, metadata: base, status },
      { fieldManager: 'kubernetes', force: true },
    );
    await cluster.pass();
    assert.deepEqual(await readLogClaims(cluster), claims(2));
  });

  it('hands over what it started, whose volumes go like those of any other', async () => {
    const cluster = await startWith(2);
    await scaleSet(cluster, 3);
    await cluster.runKubernetes();
    await cluster.settle();
    assert.equal((await cluster.api.get(statefulSets, base)).spec?.replicas, 2);
    assert.ok(cluster.nodes.calls.includes('drain hs-acme-2'));
    assert.deepEqual(await readLogClaims(cluster), claims(3));
    await passAfter(cluster, 25 * hourMs);
    assert.deepEqual(await readLogClaims(cluster), claims(2));
    assert.equal(await getOrNothing(cluster.api, pods, inDefault('hs-acme-2')), undefined);
  });
});
