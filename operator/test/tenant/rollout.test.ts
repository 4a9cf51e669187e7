import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  configMaps,
  extractAppliedAt,
  networkPolicies,
  type StatefulSet,
  type Stored,
  statefulSets,
} from '@hybridstore/controller-runtime';
import { parsePlatformSettings } from '../../src/platform-settings.ts';
import { tenants } from '../../src/resources/custom-resources.ts';
import { readTemplateRecord } from '../../src/resources/template-record.ts';
import { BenchCluster, conditionOf, systemNamespace } from '../bench-cluster.ts';
import { type Fate, RollingSet } from './rolling-set.ts';

const turnMs = 5_000;
const off = { autoscaling: { mode: 'Off' }, replicas: 2 };
const names = ['a', 'b', 'c', 'd', 'e'] as const;
const setKey = (name: string) => ({ namespace: 'default', name: `hs-${name}` });
const tenantKey = (name: string) => ({ namespace: 'default', name });

/** Tenants of two nodes each, whose sets roll as Kubernetes rolls them, under a platform whose settings change. */
class Scene {
  readonly cluster: BenchCluster;
  readonly sets = new Map<string, RollingSet>();
  /** At every turn: the tenants that were rolling. */
  readonly rolled: string[][] = [];
  /** Where it is true, each pass is the first of a process. */
  restarts = false;

  private constructor(cluster: BenchCluster) {
    this.cluster = cluster;
  }

  static async begin(tenantNames: readonly string[] = names): Promise<Scene> {
    const scene = new Scene(await BenchCluster.start());
    await scene.change('1');
    for (const name of tenantNames) await scene.add(name);
    await scene.go(20_000);
    for (const name of tenantNames) assert.equal(await scene.progressOf(name), 'False/Settled');
    scene.rolled.length = 0;
    return scene;
  }

  async add(name: string, spec: object = off): Promise<void> {
    await this.cluster.applyTenant(spec, name);
    this.sets.set(name, new RollingSet(this.cluster, name));
  }

  /** The operator starts anew with another image, and other settings. */
  async change(image: string, more = ''): Promise<void> {
    const text = `image: {services: "registry.example/hybridstore:${image}"}\n${more}`;
    this.cluster.settings = parsePlatformSettings(text, { namespace: systemNamespace });
    await this.restart();
  }

  async restart(): Promise<void> {
    this.cluster.restartOperator();
    await this.cluster.keys.ensure();
  }

  fail(image: string, fate: Fate = 'unpullable'): void {
    for (const set of this.sets.values()) set.fates.set(`registry.example/hybridstore:${image}`, fate);
  }

  async pass(): Promise<void> {
    for (const name of this.sets.keys()) {
      if (this.restarts) await this.restart();
      await this.cluster.tenants.reconcile(tenantKey(name));
    }
  }

  /** Passes over all tenants and turns of Kubernetes; `isDone` ends it before its time. */
  async go(forMs: number, isDone: () => Promise<boolean> = async () => false): Promise<void> {
    for (let passedMs = 0; passedMs < forMs && !(await isDone()); passedMs += turnMs) {
      await this.pass();
      await this.noteRolling();
      for (const set of this.sets.values()) await set.turn();
      await this.cluster.clock.advance(turnMs);
      for (const set of this.sets.values()) await set.endLeaving();
    }
    await this.pass();
  }

  async noteRolling(): Promise<void> {
    const rolling: string[] = [];
    for (const name of this.sets.keys()) {
      const { metadata, spec, status } = await this.set(name);
      const isNew = status?.observedGeneration !== metadata.generation || status?.readyReplicas !== spec?.replicas;
      if (isNew || status?.currentRevision !== status?.updateRevision) rolling.push(name);
    }
    this.rolled.push(rolling);
  }

  async set(name: string): Promise<Stored<StatefulSet>> {
    return await this.cluster.api.get(statefulSets, setKey(name));
  }

  async imageOf(name: string): Promise<string> {
    return (await this.set(name)).spec?.template.spec.containers[0]?.image?.split(':')[1] ?? '';
  }

  async images(): Promise<string> {
    const images = await Promise.all([...this.sets.keys()].map((name) => this.imageOf(name)));
    return images.join(' ');
  }

  async progressOf(name: string): Promise<string | undefined> {
    return conditionOf(await this.cluster.api.get(tenants, tenantKey(name)), 'Progressing');
  }

  async messageOf(name: string): Promise<string | undefined> {
    const { status } = await this.cluster.api.get(tenants, tenantKey(name));
    return status?.conditions?.find(({ type }) => type === 'Progressing')?.message;
  }

  /** No tenant waits, and none holds a place. */
  async assertSettled(image: string): Promise<void> {
    for (const name of this.sets.keys()) {
      assert.equal(await this.imageOf(name), image, name);
      assert.equal(await this.progressOf(name), 'False/Settled', name);
      assert.equal(readTemplateRecord(await this.set(name)).rollsSince, undefined, name);
    }
  }

  /** Tenants in the order in which they rolled. */
  get order(): string {
    return [...new Set(this.rolled.flat())].join(' ');
  }

  get most(): number {
    return Math.max(...this.rolled.map((rolling) => rolling.length));
  }
}

describe('a change of the platform', () => {
  it('reaches one tenant after the other, in order of name, and says who waits for whom', async () => {
    const scene = await Scene.begin();
    await scene.change('2');
    await scene.pass();
    assert.equal(await scene.images(), '2 1 1 1 1');
    assert.equal(await scene.progressOf('b'), 'False/RolloutQueued');
    const queue = 'a change of the platform waits until default/a has followed it';
    assert.equal(await scene.messageOf('c'), `2 nodes, as wanted; ${queue}`);
    assert.deepEqual(
      scene.cluster.events
        .filter(({ reason }) => reason === 'RolloutQueued')
        .map(({ regarding, note }) => [regarding.name, note]),
      ['b', 'c', 'd', 'e'].map((name) => [name, `Progressing: 2 nodes, as wanted; ${queue}`]),
    );
    await scene.go(300_000);
    assert.deepEqual([scene.order, scene.most], ['a b c d e', 1]);
    await scene.assertSettled('2');
  });

  it('reaches as many at one time as maxTenantsRolling says', async () => {
    const scene = await Scene.begin();
    await scene.change('2', 'maxTenantsRolling: 2');
    await scene.pass();
    assert.equal(await scene.images(), '2 2 1 1 1');
    assert.match((await scene.messageOf('c')) ?? '', /waits until default\/a, default\/b have followed it$/);
    await scene.go(300_000);
    assert.equal(scene.most, 2);
    await scene.assertSettled('2');
  });

  it('reaches one at a time also where passes run beside each other and every process is new', async () => {
    const scene = await Scene.begin();
    await scene.change('2');
    await Promise.all(names.map((name) => scene.cluster.tenants.reconcile(tenantKey(name))));
    assert.equal((await scene.images()).split('2').length - 1, 1);
    scene.restarts = true;
    await scene.go(300_000);
    assert.equal(scene.most, 1);
    await scene.assertSettled('2');
  });

  it('writes nothing of those that wait, and leaves to others what they added', async () => {
    const scene = await Scene.begin(['a', 'b']);
    const annotations = { 'kubectl.kubernetes.io/restartedAt': 'now' };
    const patch = { spec: { template: { metadata: { annotations } } } };
    await scene.cluster.api.mergePatch(statefulSets, setKey('b'), patch, { fieldManager: 'kubectl' });
    scene.fail('2');
    await scene.change('2');
    await scene.go(60_000);
    const before = await scene.set('b');
    scene.cluster.writes.length = 0;
    for (let count = 0; count < 3; count += 1) await scene.pass();
    assert.deepEqual(scene.cluster.writes, []);
    await scene.cluster.applyTenant({ ...off, replicas: 3 }, 'b');
    await scene.pass();
    const { spec, metadata } = await scene.set('b');
    assert.deepEqual([spec?.replicas, spec?.template], [3, before.spec?.template]);
    const owners = metadata.managedFields?.filter((entry) => JSON.stringify(entry).includes('restartedAt'));
    assert.deepEqual(
      owners?.map(({ manager }) => manager),
      ['kubectl'],
    );
  });

  it('goes no further than the tenant where it fails, and on by itself when it is corrected', async () => {
    const scene = await Scene.begin();
    scene.fail('2');
    await scene.change('2');
    await scene.go(300_000);
    assert.equal(await scene.images(), '2 1 1 1 1');
    assert.equal(await scene.progressOf('a'), 'False/RolloutStopped');
    for (const name of ['b', 'e']) assert.equal(await scene.progressOf(name), 'False/RolloutQueued');
    await scene.change('3');
    await scene.pass();
    assert.equal(await scene.images(), '3 1 1 1 1', 'who has a place is corrected first');
    await scene.go(400_000);
    assert.equal(scene.most, 1);
    await scene.assertSettled('3');
  });

  it('waits for no tenant that the operator leaves alone, or that is going', async () => {
    for (const spec of [{ paused: true }, { deleted: true }]) {
      const scene = await Scene.begin(['a', 'b', 'c', 'd']);
      scene.fail('2');
      await scene.change('2');
      await scene.go(60_000);
      assert.equal(await scene.images(), '2 1 1 1');
      for (const set of scene.sets.values()) set.fates.clear();
      if ('deleted' in spec) await scene.cluster.api.delete(tenants, tenantKey('a'));
      else await scene.cluster.applyTenant({ ...off, ...spec }, 'a');
      // One that waits.
      await scene.cluster.applyTenant({ ...off, paused: true }, 'b');
      await scene.pass();
      assert.equal(await scene.imageOf('c'), '2');
      assert.deepEqual([await scene.imageOf('b'), await scene.imageOf('d')], ['1', '1']);
    }
  });

  it('reaches at once a tenant that is made, and one without nodes', async () => {
    const scene = await Scene.begin(['a', 'b', 'z']);
    await scene.cluster.applyTenant({ ...off, hibernated: true }, 'z');
    await scene.go(60_000);
    assert.equal((await scene.set('z')).spec?.replicas, 0);
    scene.fail('2');
    await scene.change('2');
    await scene.pass();
    await scene.add('new');
    await scene.pass();
    assert.equal(await scene.images(), '2 1 2 2');
    assert.equal(readTemplateRecord(await scene.set('z')).rollsSince, undefined);
  });

  it('keeps for those that wait the settings that their nodes read, and the port where they are scraped', async () => {
    const scene = await Scene.begin(['a', 'b']);
    const before = 'network: {metricsPort: 9801}\nconfig: {tenant-node: {FLUSH_ROWS: 1000}}';
    await scene.change('2', before);
    await scene.go(120_000);
    await scene.assertSettled('2');
    scene.fail('3');
    await scene.change('3', 'logLevel: debug\nnetwork: {metricsPort: 9802}\nconfig: {tenant-node: {FLUSH_ROWS: 2000}}');
    await scene.go(60_000);
    const read = async (name: string) => {
      const { data = {} } = await scene.cluster.api.get(configMaps, setKey(name));
      const { spec } = await scene.cluster.api.get(networkPolicies, setKey(name));
      const ports = spec?.ingress?.flatMap((rule) => (rule.ports ?? []).map(({ port }) => port));
      return [JSON.parse(data['tenant-node.json'] ?? '').FLUSH_ROWS, data['log-level'], ports?.at(-1)];
    };
    assert.deepEqual(await read('a'), [2_000, 'debug', 9_802]);
    assert.deepEqual(await read('b'), [1_000, 'debug', 9_801]);
  });
});

describe('an edit of a Tenant', () => {
  it('goes at once while others follow the platform, where its nodes follow it', async () => {
    const scene = await Scene.begin();
    scene.fail('2');
    await scene.change('2');
    await scene.go(60_000);
    for (const set of scene.sets.values()) set.fates.clear();
    const limits = { statementTimeoutSeconds: 5 };
    await scene.cluster.applyTenant({ ...off, limits }, 'd');
    await scene.cluster.applyTenant({ ...off, replicas: 3 }, 'e');
    await scene.pass();
    assert.equal(await scene.images(), '2 1 1 2 1', 'it takes what the platform has now along');
    assert.equal((await scene.set('e')).spec?.replicas, 3);
    assert.equal(await scene.progressOf('c'), 'False/RolloutQueued');
    await scene.go(400_000);
    for (const name of names) assert.equal(await scene.imageOf(name), '2');
  });

  it('that fails is in nobody’s way', async () => {
    const scene = await Scene.begin(['a', 'b', 'c']);
    scene.fail('wrong');
    await scene.cluster.applyTenant({ ...off, version: 'wrong' }, 'b');
    await scene.go(60_000);
    assert.equal(await scene.progressOf('b'), 'False/RolloutStopped');
    await scene.change('2');
    await scene.go(100_000);
    assert.equal(await scene.imageOf('c'), '2');
  });
});

describe('a set that an operator before made', () => {
  /** As the operator applied them, but for the annotations, which it did not know. */
  const strip = async (scene: Scene) => {
    for (const name of scene.sets.keys()) {
      const stored = await scene.set(name);
      const applied = extractAppliedAt([], stored, { manager: scene.cluster.api.fieldManager }) as StatefulSet; // all of it
      const { annotations: _annotations, ...metadata } = { ...applied.metadata, ...setKey(name) };
      const { apiVersion, kind } = statefulSets;
      await scene.cluster.api.apply(statefulSets, { ...applied, apiVersion, kind, metadata }, { force: true });
      assert.equal(readTemplateRecord(await scene.set(name)).template, undefined);
    }
  };

  it('says what it is made from without a restart or a turn, where its template is the same', async () => {
    const scene = await Scene.begin();
    await strip(scene);
    const before = await Promise.all(names.map(async (name) => (await scene.set(name)).metadata.generation));
    await scene.pass();
    for (const name of names) assert.equal(await scene.progressOf(name), 'False/Settled');
    const after = await Promise.all(names.map(async (name) => (await scene.set(name)).metadata.generation));
    assert.deepEqual(after, before);
    const records = await Promise.all(names.map(async (name) => readTemplateRecord(await scene.set(name)).template));
    assert.ok(records.every((record) => record !== undefined));
  });

  it('waits for its turn, where it is another', async () => {
    const scene = await Scene.begin();
    await strip(scene);
    await scene.change('2');
    await scene.go(300_000);
    assert.deepEqual([scene.order, scene.most], ['a b c d e', 1]);
    await scene.assertSettled('2');
  });
});
