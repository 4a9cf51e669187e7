import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buildCrds } from '@hybridstore/contracts';
import type {
  Kube,
  KubeObject,
  ObjectKey,
  Resource,
  Stored,
  WatchEvent,
  WatchOptions,
} from '@hybridstore/controller-runtime';
import {
  customResourceDefinitions,
  getOrNothing,
  kubeError,
  namespaces,
  pods,
  renewDeadlineMs,
  services,
  statefulSets,
} from '@hybridstore/controller-runtime';
import { EmbeddedApiServer } from '@hybridstore/embedded-kubernetes';
import { HttpClient } from '@hybridstore/http';
import { createMetrics, HybridStoreError, silentLogger } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import { type Operator, startOperator } from '../src/app.ts';
import { operatorIdentity } from '../src/identity.ts';
import type { OperatorOptions } from '../src/options.ts';
import { parsePlatformSettings } from '../src/platform-settings.ts';
import { type Tenant, tenants } from '../src/resources/custom-resources.ts';

const system = 'hybridstore-system';
const turnsMax = 400;

/** The catalog and the nodes are away. */
class AbsentServices extends HttpClient {
  calls = 0;

  override async call(origin: string, ..._call: readonly unknown[]): Promise<never> {
    this.calls += 1;
    throw new HybridStoreError('unavailable', `${origin} cannot be reached`);
  }
}

/** A cluster of fake time with our kinds, in which nobody answers for the catalog and the nodes. */
class World {
  readonly clock = new FakeClock();
  readonly kube = new EmbeddedApiServer({ ...operatorIdentity, clock: this.clock });
  readonly client = new AbsentServices();
  readonly #operators: Operator[] = [];

  static async begin(): Promise<World> {
    const world = new World();
    for (const crd of buildCrds()) await world.kube.apply(customResourceDefinitions, crd);
    for (const name of [system, 'other'])
      await world.kube.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    return world;
  }

  start(options: Partial<OperatorOptions> = {}): Operator {
    const operator = startOperator({
      kube: this.kube,
      settings: parsePlatformSettings('', { namespace: system }),
      clock: this.clock,
      client: this.client,
      logger: silentLogger,
      metrics: createMetrics('operator'),
      random: () => 0.5,
      ...options,
    });
    this.#operators.push(operator);
    return operator;
  }

  /** The only node of a tenant is there and ready, and its set has seen that. */
  async serve(tenant: string): Promise<void> {
    const key = { namespace: 'default', name: `hs-${tenant}` };
    const { metadata, spec } = await this.kube.get(statefulSets, key);
    const name = `${key.name}-0`;
    const labels = { ...spec?.template.metadata?.labels, 'controller-revision-hash': 'x' };
    if ((await getOrNothing(this.kube, pods, { ...key, name })) === undefined) {
      const pod = { metadata: { ...key, name, labels }, spec: { containers: [{ name: 'node', image: 'x' }] } };
      await this.kube.create(pods, { apiVersion: 'v1', kind: 'Pod', ...pod });
    }
    await this.#report(pods, { ...key, name }, { conditions: [{ type: 'Ready', status: 'True' }] });
    const revision = { currentRevision: 'x', updateRevision: 'x', observedGeneration: metadata.generation };
    await this.#report(statefulSets, key, { replicas: 1, readyReplicas: 1, updatedReplicas: 1, ...revision });
  }

  async #report(
    resource: Resource,
    metadata: { readonly namespace: string; readonly name: string },
    status: object,
  ): Promise<void> {
    const { apiVersion, kind } = resource;
    const patch = { apiVersion, kind, metadata, status: { ...status } };
    await this.kube.patchStatus(resource, patch, { fieldManager: 'kubernetes', force: true });
  }

  async applyTenant(namespace = 'default', name = 'acme'): Promise<void> {
    const spec = { autoscaling: { mode: 'Off' }, replicas: 1 };
    const object = { apiVersion: tenants.apiVersion, kind: 'Tenant', metadata: { namespace, name }, spec };
    await this.kube.apply(tenants, object as unknown as Tenant, { fieldManager: 'test' });
  }

  /** Turns of the event loop and of the clock until the object is there (and another one than `before`). */
  async untilMade<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, before?: Stored<T>): Promise<void> {
    for (let turn = 0; turn < turnsMax; turn += 1) {
      const now = await getOrNothing(this.kube, resource, key);
      if (now !== undefined && now.metadata.uid !== before?.metadata.uid) return;
      await this.clock.advance(50);
    }
    assert.fail(`${resource.plural}/${key.name}: not within ${turnsMax} turns`);
  }

  async stop(...operators: readonly Operator[]): Promise<void> {
    const stopped = Promise.all(operators.map((operator) => operator.stop()));
    await this.clock.advance(20_000);
    await stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(...this.#operators);
    await this.client.close();
  }
}

describe('the operator', () => {
  const sharedService = { namespace: system, name: 'query-interpreter' };
  const nodes = { namespace: 'default', name: 'hs-acme' };

  it('makes the platform and a tenant by its own watches, and repairs what is deleted', async () => {
    await using world = await World.begin();
    const operator = world.start();
    assert.deepEqual(operator.notReadyReasons(), ['starting']);
    await world.untilMade(services, sharedService);
    assert.deepEqual(operator.notReadyReasons(), []);
    await world.applyTenant();
    await world.untilMade(statefulSets, nodes);
    const before = await world.kube.get(services, nodes);
    await world.kube.delete(services, nodes);
    await world.untilMade(services, nodes, before);
  });

  it('leaves namespaces alone that it is not to watch', async () => {
    await using world = await World.begin();
    world.start({ watchNamespaces: ['default'] });
    await world.applyTenant('other');
    await world.applyTenant();
    await world.untilMade(statefulSets, nodes);
    assert.equal(await getOrNothing(world.kube, statefulSets, { ...nodes, namespace: 'other' }), undefined);
  });

  it('gives the next tenant its turn as soon as the one before has followed the platform, is paused, leaves, or loses its set', async () => {
    await using world = await World.begin();
    const settingsOf = (image: string) =>
      parsePlatformSettings(`image: {services: "services:${image}"}`, { namespace: system });
    const keyOf = (name: string) => ({ namespace: 'default', name: `hs-${name}` });
    const imageOf = async (name: string) =>
      (await getOrNothing(world.kube, statefulSets, keyOf(name)))?.spec?.template.spec.containers[0]?.image ?? ':-';
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const versions = async () => (await Promise.all(names.map(imageOf))).map((image) => image.split(':')[1]).join(' ');
    const first = world.start({ settings: settingsOf('1') });
    for (const name of names) {
      await world.applyTenant('default', name);
      await world.untilMade(statefulSets, keyOf(name));
      await world.serve(name);
    }
    await world.clock.advance(90_000);
    await world.stop(first);
    world.start({ settings: settingsOf('2') });
    await world.clock.advance(10_000);
    assert.equal(await versions(), '2 1 1 1 1 1');
    const tenantOf = (name: string) => ({ namespace: 'default', name });
    const pause = (name: string) => world.kube.mergePatch(tenants, tenantOf(name), { spec: { paused: true } });
    const ends: readonly (readonly [string, () => Promise<unknown>])[] = [
      ['2 2 1 1 1 1', () => world.serve('a')],
      // One that waits is passed over.
      ['2 2 1 1 1 1', () => pause('c')],
      ['2 2 1 2 1 1', () => pause('b')],
      ['2 2 1 - 2 1', () => world.kube.delete(tenants, tenantOf('d'))],
      ['2 2 1 - 2 2', () => world.kube.delete(statefulSets, keyOf('e'))],
    ];
    for (const [expected, end] of ends) {
      await end();
      await world.clock.advance(1_000);
      assert.equal(await versions(), expected);
    }
  });

  it('of two only one acts, and the other goes on when the first ends', async () => {
    await using world = await World.begin();
    const first = world.start({ leaderIdentity: 'first' });
    await world.untilMade(services, sharedService);
    const second = world.start({ leaderIdentity: 'second' });
    await world.clock.advance(1_000);
    assert.deepEqual(second.notReadyReasons(), []);
    await world.stop(first);
    await world.applyTenant();
    await world.untilMade(statefulSets, nodes);
  });

  it('that cannot renew its lease ends and writes nothing more, and the other goes on', async () => {
    await using world = await World.begin();
    const line = new Line(world.kube);
    const first = world.start({ kube: line.port, leaderIdentity: 'first' });
    await world.untilMade(services, sharedService);
    world.start({ leaderIdentity: 'second' });
    line.refuse = (verb) => verb === 'update';
    await world.clock.advance(renewDeadlineMs);
    assert.equal(await first.ended, 'lost');
    const { writes } = line;
    await world.applyTenant();
    await world.untilMade(statefulSets, nodes);
    assert.equal(line.writes, writes);
  });

  it('that lost its lease in the middle of a pass calls neither the catalog nor a node to its end', async () => {
    await using world = await World.begin();
    const line = new Line(world.kube);
    const first = world.start({ kube: line.port, leaderIdentity: 'first' });
    await world.untilMade(services, sharedService);
    const held = line.hold('patchStatus');
    await world.applyTenant();
    // The pass has made all children and reports; the catalog would be called next.
    await world.untilMade(statefulSets, nodes);
    await held.reached;
    line.refuse = (verb) => verb === 'update';
    await world.clock.advance(renewDeadlineMs);
    const before = world.client.calls;
    held.release();
    assert.equal(await first.ended, 'lost');
    assert.equal(world.client.calls, before);
    world.start({ leaderIdentity: 'second' });
    await world.clock.advance(60_000);
    assert.ok(world.client.calls > before);
  });

  it('lists again when its watches have expired, and repairs what was deleted unseen', async () => {
    await using world = await World.begin();
    const line = new Line(world.kube);
    world.start({ kube: line.port });
    await world.applyTenant();
    await world.untilMade(statefulSets, nodes);
    await world.clock.advance(1_000);
    const before = await world.kube.get(services, nodes);
    line.expire();
    await world.kube.delete(services, nodes);
    await world.untilMade(services, nodes, before);
  });

  it('waits out a storm of conflicts instead of joining it, and converges after it', async () => {
    await using world = await World.begin();
    const line = new Line(world.kube);
    world.start({ kube: line.port });
    await world.untilMade(services, sharedService);
    await world.clock.advance(5_000);
    line.refuse = () => true;
    line.refused = 0;
    await world.applyTenant();
    await world.clock.advance(60_000);
    // Of the tenant and of the shared services, which need its key: each waits 0.1 s, 0.2 s, … up to a minute.
    assert.ok(line.refused >= 10 && line.refused <= 30, `${line.refused} tries`);
    line.refuse = () => false;
    await world.clock.advance(60_000);
    await world.untilMade(statefulSets, nodes);
  });
});

const writeVerbs = ['create', 'update', 'apply', 'patchStatus', 'mergePatch', 'delete'] as const;
type WriteVerb = (typeof writeVerbs)[number];

/** The way from one operator to the API server, on which things go wrong. */
class Line {
  refuse: (verb: WriteVerb) => boolean = () => false;
  refused = 0;
  writes = 0;
  readonly port: Kube;
  #watches = new AbortController();
  #held: { readonly verb: WriteVerb; readonly reach: () => void; readonly until: Promise<void> } | undefined;

  constructor(kube: EmbeddedApiServer) {
    const guarded = Object.fromEntries(
      writeVerbs.map((verb) => [
        verb,
        async (...args: unknown[]) => {
          if (this.refuse(verb)) {
            this.refused += 1;
            throw kubeError({ reason: 'Conflict', message: 'somebody wrote first' });
          }
          this.writes += 1;
          if (verb === this.#held?.verb) {
            this.#held.reach();
            await this.#held.until;
          }
          return await (kube[verb].bind(kube) as (...all: unknown[]) => Promise<unknown>)(...args); // handed on as they came
        },
      ]),
    );
    const watch: Kube['watch'] = (resource, options) => this.#watch(kube, resource, options);
    const { fieldManager } = kube;
    const reads = {
      fieldManager,
      get: kube.get.bind(kube),
      list: kube.list.bind(kube),
      createEvent: kube.createEvent.bind(kube),
    };
    this.port = { ...reads, watch, ...guarded } as unknown as Kube; // every method of the port is there
  }

  /** The next writes of this verb are on their way until they are released. */
  hold(verb: WriteVerb): { readonly reached: Promise<void>; readonly release: () => void } {
    const reached = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    this.#held = { verb, reach: reached.resolve, until: released.promise };
    return { reached: reached.promise, release: released.resolve };
  }

  /** Every watch that is open ends with 410. */
  expire(): void {
    this.#watches.abort();
    this.#watches = new AbortController();
  }

  async *#watch<T extends KubeObject>(
    kube: Kube,
    resource: Resource<T>,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>> {
    const { signal } = this.#watches;
    const signals = [signal, ...(options.signal === undefined ? [] : [options.signal])];
    yield* kube.watch(resource, { ...options, signal: AbortSignal.any(signals) });
    if (signal.aborted) throw kubeError({ reason: 'Expired', message: 'too old resource version' });
  }
}
