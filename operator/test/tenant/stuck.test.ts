import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import {
  getOrNothing,
  type ObjectKey,
  type Pod,
  persistentVolumeClaims,
  pods,
  type Resource,
  type StatefulSet,
  type Stored,
  statefulSets,
} from '@hybridstore/controller-runtime';
import { tenantLabels } from '../../src/resources/labels.ts';
import { BenchCluster, conditionOf } from '../bench-cluster.ts';

const set = { namespace: 'default', name: 'hs-acme' };
const nodeKey = (ordinal: number) => ({ namespace: 'default', name: `hs-acme-${ordinal}` });
const size = 2;
const off = { autoscaling: { mode: 'Off' }, replicas: size };
const turnMs = 5_000;

/** What nodes of an image come to. `waits`: it runs, and is ready once every other one runs. */
type Fate = 'waits' | 'unpullable' | 'crashes' | 'runs';

/**
 * The StatefulSet controller where the bench's own is too kind: of several templates, and waiting for a node that is not
 * ready. Source: kubernetes pkg/controller/statefulset/stateful_set_control.go, updateStatefulSet with podManagementPolicy
 * Parallel: makes what is missing, then replaces from the last to the first and stops at the first that is not healthy.
 */
class RollingSet {
  readonly #cluster: BenchCluster;
  readonly fates = new Map<string, Fate>();
  #currentRevision: string | undefined;

  constructor(cluster: BenchCluster) {
    this.#cluster = cluster;
  }

  async turn(): Promise<void> {
    const { api } = this.#cluster;
    const stored = await api.get(statefulSets, set);
    const revision = revisionOf(stored);
    this.#currentRevision ??= revision;
    for (let ordinal = 0; ordinal < size; ordinal += 1) await this.#makeMissing(stored, ordinal, revision);
    await this.#reportNodes();
    await this.#replaceOne(revision);
    await this.#bindClaims();
    const nodes = await this.nodes();
    if (nodes.every((node) => revisionLabelOf(node) === revision && isReady(node))) this.#currentRevision = revision;
    await this.#patchStatus(statefulSets, set, {
      replicas: nodes.length,
      observedGeneration: stored.metadata.generation,
      currentRevision: this.#currentRevision,
      updateRevision: revision,
      updatedReplicas: nodes.filter((node) => revisionLabelOf(node) === revision).length,
    });
  }

  async nodes(): Promise<readonly Stored<Pod>[]> {
    const found = await Promise.all(
      Array.from({ length: size }, (_, ordinal) => getOrNothing(this.#cluster.api, pods, nodeKey(ordinal))),
    );
    return found.filter((node) => node !== undefined);
  }

  /** By hand, a drain, or whoever else. */
  async evict(ordinal: number): Promise<void> {
    await this.#cluster.api.delete(pods, nodeKey(ordinal), { gracePeriodSeconds: 0 });
  }

  /** The kubelet has stopped what was asked to go. */
  async endLeaving(): Promise<void> {
    for (const { metadata } of await this.nodes())
      if (metadata.deletionTimestamp !== undefined)
        await this.#cluster.api.delete(pods, { ...metadata }, { gracePeriodSeconds: 0 });
  }

  async #makeMissing(stored: Stored<StatefulSet>, ordinal: number, revision: string): Promise<void> {
    const { api } = this.#cluster;
    if ((await getOrNothing(api, pods, nodeKey(ordinal))) !== undefined) return;
    const labels = { ...tenantLabels('acme'), 'controller-revision-hash': revision };
    const { name = '', image = '' } = stored.spec?.template.spec.containers[0] ?? {};
    const spec = { containers: [{ name, image }] };
    await api.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata: { ...nodeKey(ordinal), labels }, spec });
  }

  async #replaceOne(revision: string): Promise<void> {
    for (const node of (await this.nodes()).toReversed()) {
      if (node.metadata.deletionTimestamp !== undefined) return;
      if (revisionLabelOf(node) !== revision)
        return await this.#cluster.api.delete(pods, { ...node.metadata }, { gracePeriodSeconds: 0 });
      if (!isReady(node)) return;
    }
  }

  async #bindClaims(): Promise<void> {
    const { items } = await this.#cluster.api.list(persistentVolumeClaims, { namespace: 'default' });
    for (const { metadata } of items) await this.#patchStatus(persistentVolumeClaims, metadata, { phase: 'Bound' });
  }

  async #reportNodes(): Promise<void> {
    const nodes = await this.nodes();
    const fateOf = (node: Stored<Pod>) => this.fates.get(imageOf(node)) ?? 'waits';
    const runs = (node: Stored<Pod>) => fateOf(node) === 'waits' && node.metadata.deletionTimestamp === undefined;
    for (const node of nodes) {
      const isJoined = nodes.length === size && nodes.every(runs);
      await this.#patchStatus(pods, node.metadata, this.#statusOf(node, fateOf(node), isJoined));
    }
  }

  #statusOf(node: Stored<Pod>, fate: Fate, isJoined: boolean): object {
    const status = isJoined ? 'True' : 'False';
    const before = node.status?.conditions?.find(({ type }) => type === 'Ready');
    const now = new Date(this.#cluster.clock.now()).toISOString();
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : now;
    const container = { name: 'tenant-node', image: imageOf(node), ready: isJoined, restartCount: 0 };
    return {
      conditions: [{ type: 'Ready', status, lastTransitionTime }],
      containerStatuses: [{ ...container, ...containerOf(fate, now) }],
    };
  }

  async #patchStatus(resource: Resource, { namespace, name }: Partial<ObjectKey>, status: object): Promise<void> {
    const { apiVersion, kind } = resource;
    const metadata = { ...(namespace === undefined ? {} : { namespace }), name: name ?? '' };
    const object = { apiVersion, kind, metadata, status: { ...status } };
    await this.#cluster.api.patchStatus(resource, object, { fieldManager: 'kubernetes', force: true });
  }
}

function containerOf(fate: Fate, finishedAt: string): object {
  const lastState = { terminated: { exitCode: 1, reason: 'Error', message: 'no such flag', finishedAt } };
  switch (fate) {
    case 'unpullable':
      return { state: { waiting: { reason: 'ImagePullBackOff', message: 'Back-off pulling image: not found' } } };
    case 'crashes':
      return { state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState, restartCount: 4 };
    case 'runs':
      return { state: { running: { startedAt: finishedAt } }, lastState, restartCount: 4 };
    case 'waits':
      return { state: { running: { startedAt: finishedAt } } };
  }
}

function revisionOf({ spec }: Stored<StatefulSet>): string {
  return createHash('sha256').update(JSON.stringify(spec?.template)).digest('hex').slice(0, 10);
}

const revisionLabelOf = ({ metadata }: Stored<Pod>) => metadata.labels?.['controller-revision-hash'];
const imageOf = ({ spec }: Stored<Pod>) => spec.containers[0]?.image ?? '';
const isReady = ({ status }: Stored<Pod>) =>
  status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;

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
