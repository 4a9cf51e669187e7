import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { persistentVolumeClaims, statefulSets } from '@hybridstore/controller-runtime';
import { BenchCluster, conditionOf } from '../bench-cluster.ts';
import { type Fate, imageOf, RollingSet } from './rolling-set.ts';

const set = { namespace: 'default', name: 'hs-acme' };
const size = 2;
const off = { autoscaling: { mode: 'Off' }, replicas: size };
const turnMs = 5_000;

const bad = 'registry.example/hybridstore:bad';

class Scene {
  readonly cluster: BenchCluster;
  readonly rolling: RollingSet;

  private constructor(cluster: BenchCluster) {
    this.cluster = cluster;
    this.rolling = new RollingSet(cluster);
  }

  /** Two nodes that serve, of the first image. */
  static async begin(fate: Fate): Promise<Scene> {
    const scene = new Scene(await BenchCluster.start());
    scene.rolling.fates.set(bad, fate);
    await scene.cluster.applyTenant({ ...off, image: 'registry.example/hybridstore:1' });
    await scene.go(30_000);
    assert.equal(conditionOf(await scene.cluster.tenant(), 'Ready'), 'True/AllNodesReady');
    return scene;
  }

  async go(forMs: number): Promise<void> {
    for (let passedMs = 0; passedMs < forMs; passedMs += turnMs) {
      await this.cluster.pass();
      await this.rolling.turn();
      await this.cluster.clock.advance(turnMs);
      await this.rolling.endLeaving();
    }
    await this.cluster.pass();
  }

  /** The bad version rolls out to the last node; meanwhile the first one is evicted; then the version is put right. */
  async misstep(): Promise<void> {
    await this.cluster.applyTenant({ ...off, image: bad });
    await this.go(20_000);
    await this.rolling.evict(0);
    await this.go(10_000);
    await this.cluster.applyTenant({ ...off, image: 'registry.example/hybridstore:2' });
  }

  async images(): Promise<readonly string[]> {
    return (await this.rolling.nodes()).map((node) => imageOf(node).split(':')[1] ?? '');
  }

  get replaced(): readonly (string | undefined)[] {
    return this.cluster.events.filter(({ reason }) => reason === 'NodeReplaced').map(({ note }) => note);
  }

  get deleted(): readonly string[] {
    return this.cluster.writes.filter(({ verb, kind }) => verb === 'delete' && kind === 'Pod').map(({ name }) => name);
  }
}

describe('a Tenant whose version was wrong, while its first node was evicted, and is put right', () => {
  for (const fate of ['unpullable', 'crashes'] as const)
    it(`has both nodes of the right one, and ready, without a hand, where the wrong one is ${fate}`, async () => {
      const scene = await Scene.begin(fate);
      await scene.misstep();
      await scene.go(20_000);
      assert.deepEqual(
        await scene.images(),
        ['bad', '2'],
        'the set waits for the last node, which waits for the first',
      );
      const reason = fate === 'crashes' ? 'CrashLooping' : 'ImagePullFailed';
      const tenant = await scene.cluster.tenant();
      assert.equal(conditionOf(tenant, 'Ready'), `False/${reason}`);
      assert.equal(conditionOf(tenant, 'Progressing'), 'False/RolloutStopped');
      const degraded = tenant.status?.conditions?.find(({ type }) => type === 'Degraded')?.message;
      assert.match(degraded ?? '', /^hs-acme-0 \(registry\.example\/hybridstore:bad, of an older template\): /);
      assert.deepEqual(scene.deleted, []);
      const before = await scene.cluster.api.get(persistentVolumeClaims, {
        namespace: 'default',
        name: 'hs-acme-data',
      });
      await scene.go(90_000);
      assert.deepEqual(await scene.images(), ['2', '2']);
      assert.deepEqual(scene.deleted, ['hs-acme-0']);
      assert.equal(scene.replaced.length, 1);
      assert.match(scene.replaced[0] ?? '', /^hs-acme-0 .*; it is deleted, so that it is made anew/);
      const later = await scene.cluster.tenant();
      assert.deepEqual(
        ['Ready', 'Degraded', 'Progressing'].map((type) => conditionOf(later, type)),
        ['True/AllNodesReady', 'False/AsExpected', 'False/Settled'],
      );
      const after = await scene.cluster.api.get(persistentVolumeClaims, { namespace: 'default', name: 'hs-acme-data' });
      assert.equal(after.metadata.uid, before.metadata.uid);
    });

  it('keeps a node of the wrong one whose container runs: it may hold what is not on its volume', async () => {
    const scene = await Scene.begin('runs');
    await scene.misstep();
    await scene.go(300_000);
    assert.deepEqual([await scene.images(), scene.deleted], [['bad', '2'], []]);
  });

  it('keeps every node while the wrong version is not put right: all that it could be made from is as bad', async () => {
    const scene = await Scene.begin('unpullable');
    await scene.cluster.applyTenant({ ...off, image: bad });
    await scene.go(300_000);
    assert.deepEqual([await scene.images(), scene.deleted], [['1', 'bad'], []]);
    const progressing = (await scene.cluster.tenant()).status?.conditions?.find(({ type }) => type === 'Progressing');
    assert.equal(progressing?.reason, 'RolloutStopped');
    assert.match(progressing?.message ?? '', /^1 of 2 nodes are of the newer revision; hs-acme-1 \(.*:bad\): /);
  });

  it('keeps it while the set has not looked at its newest template: the node may be of that', async () => {
    const scene = await Scene.begin('unpullable');
    await scene.misstep();
    await scene.go(20_000);
    await scene.cluster.applyTenant({ ...off, image: bad });
    for (let count = 0; count < 10; count += 1) {
      await scene.cluster.pass();
      await scene.cluster.clock.advance(30_000);
    }
    assert.deepEqual([await scene.images(), scene.deleted], [['bad', '2'], []]);
  });

  it('deletes one node at a time', async () => {
    const scene = await Scene.begin('unpullable');
    await scene.cluster.applyTenant({ ...off, image: bad });
    await scene.go(20_000);
    await scene.rolling.evict(0);
    await scene.go(120_000);
    await scene.cluster.applyTenant({ ...off, image: 'registry.example/hybridstore:2' });
    await scene.cluster.pass();
    const { apiVersion, kind } = statefulSets;
    const { metadata, status } = await scene.cluster.api.get(statefulSets, set);
    const known = { ...status, observedGeneration: metadata.generation, updateRevision: 'of-2' };
    const object = { apiVersion, kind, metadata: set, status: known };
    await scene.cluster.api.patchStatus(statefulSets, object, { fieldManager: 'kubernetes', force: true });
    await scene.cluster.pass();
    await scene.cluster.pass();
    assert.deepEqual(scene.deleted, ['hs-acme-0']);
  });
});
