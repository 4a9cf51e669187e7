import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { persistentVolumeClaims, statefulSets } from '@hybridstore/controller-runtime';
import { BenchCluster, Crash, conditionOf } from '../bench-cluster.ts';

const base = { namespace: 'default', name: 'hs-acme' };
const off = (replicas: number) => ({ autoscaling: { mode: 'Off' }, replicas });

async function startWith(replicas: number): Promise<BenchCluster> {
  const cluster = await BenchCluster.start();
  await cluster.applyTenant(off(replicas));
  await cluster.settle();
  return cluster;
}

async function size(cluster: BenchCluster): Promise<number | undefined> {
  return (await cluster.api.get(statefulSets, base)).spec?.replicas;
}

describe('three nodes that become two', () => {
  it('are marked first, asked then, and shrink after the answer', async () => {
    const cluster = await startWith(3);
    await cluster.applyTenant(off(2));
    await cluster.pass();
    assert.deepEqual(cluster.nodes.calls, []);
    assert.deepEqual(
      (await cluster.tenant()).status?.leaving?.map((node) => `${node.pod} ${node.state}`),
      ['hs-acme-2 Draining'],
    );
    assert.equal(await size(cluster), 3);
    await cluster.pass();
    assert.deepEqual(cluster.nodes.calls, ['drain hs-acme-2']);
    assert.equal(await size(cluster), 2);
    await cluster.settle();
    assert.equal((await cluster.tenant()).status?.leaving, undefined);
    const claim = await cluster.api.get(persistentVolumeClaims, { namespace: 'default', name: 'log-hs-acme-2' });
    assert.equal(typeof claim.metadata.annotations?.['hybridstore.dev/drained-at'], 'string');
  });

  it('stay three while the leaving one cannot be reached, and say so', async () => {
    const cluster = await startWith(3);
    cluster.nodes.away.add('hs-acme-2');
    await cluster.applyTenant(off(2));
    for (let count = 0; count < 70; count += 1) {
      await cluster.pass();
      await cluster.clock.advance(1_000);
    }
    assert.equal(await size(cluster), 3);
    const tenant = await cluster.tenant();
    assert.equal(conditionOf(tenant, 'Degraded'), 'True/DrainStalled');
    assert.equal(conditionOf(tenant, 'DataSafe'), 'False/DrainStalled');
    assert.equal(cluster.events.filter((event) => event.reason === 'DrainStalled').length, 2);
    cluster.nodes.away.clear();
    await cluster.settle();
    assert.equal(await size(cluster), 2);
    assert.equal(conditionOf(await cluster.tenant(), 'Degraded'), 'False/AsExpected');
  });

  it('stay three while the leaving one still holds rows', async () => {
    const cluster = await startWith(3);
    cluster.nodes.stuck.add('hs-acme-2');
    await cluster.applyTenant(off(2));
    for (let count = 0; count < 5; count += 1) await cluster.pass();
    assert.equal(await size(cluster), 3);
    assert.equal((await cluster.tenant()).status?.leaving?.[0]?.unflushedRows, 7);
  });

  it('stay three when demand comes back, and the leaving one is asked to', async () => {
    const cluster = await startWith(3);
    cluster.nodes.stuck.add('hs-acme-2');
    await cluster.applyTenant(off(2));
    await cluster.pass();
    await cluster.pass();
    await cluster.applyTenant(off(3));
    await cluster.pass();
    assert.deepEqual(cluster.nodes.calls, ['drain hs-acme-2', 'stay hs-acme-2']);
    assert.equal((await cluster.tenant()).status?.leaving, undefined);
    assert.equal(await size(cluster), 3);
  });

  it('say who keeps the leaving one from staying, and ask it again until it does', async () => {
    const cluster = await startWith(3);
    cluster.nodes.stuck.add('hs-acme-2');
    await cluster.applyTenant(off(2));
    await cluster.pass();
    await cluster.pass();
    await cluster.applyTenant(off(3));
    cluster.nodes.held.set('hs-acme-2', 'waits to be known to hs-acme-0 (it has not answered yet)');
    for (let count = 0; count < 70; count += 1) {
      await cluster.pass();
      await cluster.clock.advance(1_000);
    }
    const tenant = await cluster.tenant();
    assert.match(tenant.status?.leaving?.[0]?.message ?? '', /^waits to be known to hs-acme-0/);
    const degraded = tenant.status?.conditions?.find(({ type }) => type === 'Degraded');
    assert.deepEqual(
      [degraded?.reason, degraded?.message],
      [
        'DrainStalled',
        'hs-acme-2 does not end its hand-over: waits to be known to hs-acme-0 (it has not answered yet)',
      ],
    );
    cluster.nodes.held.clear();
    await cluster.settle();
    assert.equal((await cluster.tenant()).status?.leaving, undefined);
    assert.equal(conditionOf(await cluster.tenant(), 'Degraded'), 'False/AsExpected');
  });

  it('ask a drained node to stay when demand comes back before its pod is gone', async () => {
    const cluster = await startWith(3);
    await cluster.applyTenant(off(2));
    await cluster.pass();
    await cluster.pass();
    assert.equal(await size(cluster), 2);
    await cluster.applyTenant(off(3));
    await cluster.pass();
    assert.equal(await size(cluster), 3);
    assert.equal(cluster.nodes.drained.has('hs-acme-2'), false);
    const claim = await cluster.api.get(persistentVolumeClaims, { namespace: 'default', name: 'log-hs-acme-2' });
    await cluster.settle();
    assert.equal(claim.metadata.annotations?.['hybridstore.dev/drained-at'], undefined);
  });

  it('become two all the same when the operator dies after any write', async () => {
    const straight = await startWith(3);
    straight.writes.length = 0;
    await straight.applyTenant(off(2));
    await straight.settle();
    const writes = straight.writes.length;
    assert.ok(writes >= 4, `${writes} writes`);
    for (let crashAfter = 1; crashAfter <= writes; crashAfter += 1) {
      const cluster = await startWith(3);
      await cluster.applyTenant(off(2));
      cluster.writes.length = 0;
      cluster.restartOperator({ at: crashAfter, kind: 'crash' });
      await cluster.keys.ensure();
      await assert.rejects(cluster.settle(), Crash);
      cluster.restartOperator();
      await cluster.keys.ensure();
      await cluster.settle();
      assert.equal(await size(cluster), 2);
      assert.equal(cluster.nodes.drained.has('hs-acme-2'), true, `after write ${crashAfter}`);
      assert.equal((await cluster.tenant()).status?.leaving, undefined);
    }
  });

  it('are put back to three when somebody shrinks the set behind the operator', async () => {
    const cluster = await startWith(3);
    await cluster.api.mergePatch(statefulSets, base, { spec: { replicas: 1 } }, { fieldManager: 'vandal' });
    await cluster.pass();
    assert.equal(await size(cluster), 3);
    assert.deepEqual(cluster.nodes.calls, []);
  });

  it('never shrink by more than one node at a time', async () => {
    const cluster = await startWith(5);
    await cluster.applyTenant(off(1));
    let before = 5;
    for (let count = 0; count < 30 && before > 1; count += 1) {
      await cluster.pass();
      const now = (await size(cluster)) ?? 0;
      assert.ok(before - now <= 1, `from ${before} to ${now}`);
      before = now;
      await cluster.runKubernetes();
    }
    assert.equal(before, 1);
    assert.deepEqual([...cluster.nodes.drained].sort(), ['hs-acme-1', 'hs-acme-2', 'hs-acme-3', 'hs-acme-4']);
  });
});

describe('a hibernated tenant', () => {
  it('hands over every node, keeps its volumes, and wakes with the size it asks for', async () => {
    const cluster = await startWith(2);
    await cluster.applyTenant({ ...off(2), hibernated: true });
    await cluster.settle();
    assert.equal(await size(cluster), 0);
    assert.equal(conditionOf(await cluster.tenant(), 'Ready'), 'True/Hibernated');
    assert.equal(conditionOf(await cluster.tenant(), 'DataSafe'), 'True/HandedOver');
    await cluster.applyTenant({ ...off(2), hibernated: false });
    await cluster.settle();
    assert.equal(await size(cluster), 2);
    assert.equal(conditionOf(await cluster.tenant(), 'Ready'), 'True/AllNodesReady');
  });
});
