import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ClusterView, ObjectKey, Resource, StatefulSet, Stored } from '@hybridstore/controller-runtime';
import { FakeClock } from '@hybridstore/test-kit';
import fc from 'fast-check';
import { parsePlatformSettings } from '../../src/platform-settings.ts';
import { type Tenant, tenants } from '../../src/resources/custom-resources.ts';
import { tenantLabels } from '../../src/resources/labels.ts';
import { readTemplateRecord, renderTemplateRecord } from '../../src/resources/template-record.ts';
import { holdsPlace } from '../../src/tenant/decide-rollout.ts';
import { pausedAnnotation } from '../../src/tenant/pause.ts';
import { RolloutPlaces } from '../../src/tenant/rollout-places.ts';
import { tenantInput } from '../resources/tenant-set.ts';

const { spec } = tenantInput(parsePlatformSettings('', { namespace: 'x' }));
const counts = { replicas: 1, readyReplicas: 1, updatedReplicas: 1 };
const settled = { observedGeneration: 1, ...counts, currentRevision: 'a', updateRevision: 'a' };

function buildSet(name: string, version: number, rollsSince: string | undefined, readyReplicas = 1) {
  const template = version === 1 ? 'old' : 'new';
  const annotations = renderTemplateRecord({ template, inputs: undefined, rollsSince });
  const id = { name: `hs-${name}`, namespace: 'default', uid: name, resourceVersion: `${version}`, generation: 1 };
  const metadata = { ...id, labels: tenantLabels(name), annotations };
  const setSpec = { selector: {}, template: { spec: { containers: [] } } };
  const object = { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata, spec: setSpec };
  return { ...object, status: { ...settled, readyReplicas } } as Stored<StatefulSet>; // all of its parts
}

const versionOf = (set: Stored<StatefulSet> | undefined) => Number(set?.metadata.resourceVersion ?? 0);
const keyOf = (name: string) => ({ namespace: 'default', name });

function buildTenant(name: string, more: object = {}): Stored<Tenant> {
  const metadata = { name, namespace: 'default', uid: name, resourceVersion: '1' };
  const object = { apiVersion: tenants.apiVersion, kind: 'Tenant', metadata, spec: { ...spec, ...more } };
  return object as Stored<Tenant>; // all of its parts
}

/** Sets as the API server has them, a cache that lags behind them, and passes that follow one change of the platform. */
class World {
  readonly names: readonly string[];
  readonly clock = new FakeClock();
  readonly stored = new Map<string, Stored<StatefulSet>>();
  readonly tenants = new Map<string, Stored<Tenant>>();
  readonly followed = new Set<string>();
  /** What passes know that they wrote. */
  readonly #answered = new Map<string, Stored<StatefulSet> | undefined>();
  #cached = new Map<string, Stored<StatefulSet>>();
  #version = 1;
  readonly #max: number;
  places!: RolloutPlaces;

  constructor(count: number, max: number) {
    this.names = Array.from({ length: count }, (_, index) => `t${index}`);
    this.#max = max;
    for (const name of this.names) {
      this.stored.set(name, buildSet(name, 1, undefined));
      this.tenants.set(name, buildTenant(name));
    }
    this.sync();
    this.restart();
  }

  readonly view: ClusterView = {
    get: async (resource: Resource, { name }: ObjectKey) =>
      (resource.kind === 'Tenant' ? this.tenants.get(name) : this.#cached.get(name.slice('hs-'.length))) as never, // of the resource's type
    list: async () => [...this.#cached.values()] as never, // as above
  };

  /** A new process lists everything before it acts. */
  restart(): void {
    this.sync();
    this.places = new RolloutPlaces(this.#max, this.view, this.clock);
  }

  sync(): void {
    this.#cached = new Map(this.stored);
  }

  async pass(name: string, fault: 'none' | 'unwritten' | 'unanswered' = 'none'): Promise<void> {
    // As `waitForCache`: not before the cache shows what the last pass is known to have written.
    const cached = this.#cached.get(name) ?? assert.fail(name);
    if (versionOf(cached) < versionOf(this.#answered.get(name))) return;
    const key = keyOf(name);
    this.places.settle(key);
    const mustFollow = readTemplateRecord(cached).template !== 'new' && !holdsPlace(cached);
    if (!mustFollow || (await this.places.take(key)).length > 0) return;
    if (fault !== 'unwritten') this.write(name, '2026-01-01T00:00:00Z', 0);
    if (fault === 'none') this.#answered.set(name, this.stored.get(name));
    else this.places.fail(key);
  }

  write(name: string, rollsSince: string | undefined, readyReplicas: number): void {
    this.#version += 1;
    this.stored.set(name, buildSet(name, this.#version, rollsSince, readyReplicas));
    if (rollsSince !== undefined) this.followed.add(name);
  }

  /** All nodes are ready; the mark may stay, as where the tenant is paused then, or go. */
  end(name: string, isMarked: boolean): void {
    const stored = this.stored.get(name);
    if (stored !== undefined && holdsPlace(stored))
      this.write(name, isMarked ? readTemplateRecord(stored).rollsSince : undefined, 1);
  }

  get rolling(): readonly string[] {
    return this.names.filter((name) => holdsPlace(this.stored.get(name) ?? assert.fail(name)));
  }
}

describe('places of rollouts', () => {
  const index = fc.nat({ max: 6 });
  const step = fc.oneof(
    fc.record({ kind: fc.constant('passes' as const), of: fc.array(index, { minLength: 1, maxLength: 6 }) }),
    fc.record({ kind: fc.constant('fails' as const), of: index, isWritten: fc.boolean() }),
    fc.record({ kind: fc.constant('ends' as const), of: index, isMarked: fc.boolean() }),
    fc.constant({ kind: 'sync' as const }),
    fc.constant({ kind: 'restart' as const }),
  );

  it('are never held by more than there are, however caches lag and passes fail, and everybody gets one', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 3 }), fc.array(step, { maxLength: 60 }), async (max, steps) => {
        const world = new World(7, max);
        const nameOf = (at: number) => `t${at}`;
        for (const one of steps) {
          if (one.kind === 'passes') await Promise.all(one.of.map((at) => world.pass(nameOf(at))));
          if (one.kind === 'fails') await world.pass(nameOf(one.of), one.isWritten ? 'unanswered' : 'unwritten');
          if (one.kind === 'ends') world.end(nameOf(one.of), one.isMarked);
          if (one.kind === 'sync') world.sync();
          if (one.kind === 'restart') world.restart();
          assert.ok(world.rolling.length <= max, `${world.rolling} of ${max}`);
        }
        for (let round = 0; round < world.names.length + 1; round += 1) {
          for (const name of world.rolling) world.end(name, true);
          world.sync();
          await world.clock.advance(5_000);
          await Promise.all(world.names.map((name) => world.pass(name)));
          assert.ok(world.rolling.length <= max);
        }
        assert.deepEqual([...world.followed].sort(), world.names);
      }),
      { numRuns: 500 },
    );
  });

  it('are held through a failure: nobody else gets one, and the names of the holders are given in order', async () => {
    const world = new World(4, 2);
    for (const name of ['t3', 't1']) await world.pass(name);
    world.restart();
    assert.deepEqual(await world.places.take(keyOf('t0')), ['default/t1', 'default/t3']);
    world.end('t3', false);
    world.sync();
    assert.deepEqual(await world.places.take(keyOf('t0')), []);
  });

  it('are held by no tenant that the operator does not act on', async () => {
    const tenant = buildTenant('t0');
    const metadata = { ...tenant.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
    const prevented = buildTenant('t0', { preventDeletion: true });
    const fates = [
      [buildTenant('t0', { paused: true }), []],
      [{ ...tenant, metadata: { ...tenant.metadata, annotations: { [pausedAnnotation]: 'true' } } }, []],
      [buildTenant('t0', { autoscaling: { mode: 'Never' } }), []],
      [{ ...tenant, metadata }, []],
      [undefined, []],
      [{ ...prevented, metadata }, ['default/t0']],
    ] as const;
    for (const [fate, holders] of fates) {
      const world = new World(2, 1);
      await world.pass('t0');
      world.restart();
      assert.deepEqual(await world.places.take(keyOf('t1')), ['default/t0']);
      if (fate === undefined) world.tenants.delete('t0');
      else world.tenants.set('t0', fate);
      assert.deepEqual(await world.places.take(keyOf('t1')), holders);
    }
  });

  it('pass on from a tenant whose pass failed, whether or not it comes again, once its write would show', async () => {
    const world = new World(2, 1);
    await world.pass('t0', 'unwritten');
    await world.clock.advance(4_999);
    assert.deepEqual(await world.places.take(keyOf('t1')), ['default/t0']);
    await world.clock.advance(1);
    assert.deepEqual(await world.places.take(keyOf('t1')), []);
  });
});
