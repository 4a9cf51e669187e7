import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { KubeObject, Resource, Stored } from '@hybridstore/controller-runtime';
import { done, getOrNothing, statefulSets } from '@hybridstore/controller-runtime';
import { collectionOf } from '@hybridstore/embedded-kubernetes';
import { isHybridStoreError, isRecord } from '@hybridstore/runtime';
import { compactionPolicies, dataSources, tenants } from '../src/resources/custom-resources.ts';
import { finalizer } from '../src/resources/finalizer.ts';
import { tenantLabel } from '../src/resources/labels.ts';
import { acme, BenchCluster, conditionOf } from './bench-cluster.ts';
import { readCorpus } from './crds/corpus.ts';

/**
 * Objects that the definitions refuse and that are stored all the same: under an older definition, or past it. They are put
 * into the store as they are. Each shows what is wrong with it, nothing is made from it, and nobody else is troubled.
 */
type Fields = Readonly<Record<string, unknown>>;

const resources: Readonly<Record<string, Resource>> = {
  Tenant: tenants,
  DataSource: dataSources,
  CompactionPolicy: compactionPolicies,
};
const full = {
  Tenant: {
    displayName: 'Acme',
    autoscaling: { memory: {}, queue: {} },
    storage: { data: { sharedVolume: { existingClaim: 'tables' } } },
    limits: { memory: '1Gi' },
    resources: { limits: { cpu: '2' } },
    quota: { cpu: '8', memory: '16Gi', storage: '100Gi', pods: 10 },
    version: '1.0',
  },
  DataSource: {
    tenantRef: { name: 'acme' },
    sourceId: 'orders',
    displayName: 'Orders',
    schema: { columns: [{ name: 'id', type: 'bigint', nullable: false, description: 'number' }] },
    partitionColumns: ['id'],
    indexColumns: ['id'],
    primaryKey: ['id'],
  },
  CompactionPolicy: {
    tenantRef: { name: 'acme' },
    sourceSelector: { sourceIds: ['orders'] },
    window: '0 3 * * *',
  },
} as const;
type KindName = keyof typeof full;
const kindNames = Object.keys(full) as readonly KindName[];

let uids = 0;

describe('an object that slipped past its definition', () => {
  let cluster: BenchCluster;

  beforeEach(async () => {
    cluster = await BenchCluster.start();
  });

  function slip(kind: string, name: string, spec: unknown, metadata: Fields = {}): Stored<KubeObject> {
    const resource = resources[kind];
    assert.ok(resource);
    uids += 1;
    const identity = { namespace: 'default', name, uid: `slipped-${uids}`, generation: 1 };
    const object = { apiVersion: resource.apiVersion, kind, metadata: { ...identity, ...metadata }, spec };
    return cluster.api.store.put(collectionOf(resource), object);
  }

  async function reconcile(kind: string, name: string) {
    const key = { namespace: 'default', name };
    if (kind === 'Tenant') return await cluster.tenants.reconcile(key);
    return kind === 'DataSource' ? await cluster.sources.reconcile(key) : await cluster.policies.reconcile(key);
  }

  type Judged = KubeObject & {
    readonly status?: {
      readonly conditions?: readonly { type: string; status: string; reason: string; message: string }[];
    };
  };

  async function readReady(kind: string, name: string) {
    const object = (await cluster.api.get(resources[kind] ?? tenants, { namespace: 'default', name })) as Judged;
    return object.status?.conditions?.find((condition) => condition.type === 'Ready');
  }

  /** The spec as the API server stores it, with every optional field. */
  async function fillIn(kind: KindName): Promise<Fields> {
    const resource = resources[kind] ?? tenants;
    const object = { apiVersion: resource.apiVersion, kind, metadata: { namespace: 'default', name: 'full' } };
    const stored = await cluster.api.create(resource, { ...object, spec: full[kind] } as KubeObject, { dryRun: true });
    return (stored as KubeObject & { readonly spec: Fields }).spec;
  }

  it('is refused with the field, whichever rule of the definition it breaks', async () => {
    let refused = 0;
    const unreported: string[] = [];
    for (const { name, documents, expect } of readCorpus()) {
      const [object, update] = documents as readonly (KubeObject & { readonly spec?: unknown })[];
      if (expect === undefined || object === undefined || update !== undefined) continue;
      refused += 1;
      const objectName = object.metadata.name ?? '';
      slip(object.kind, objectName, await withDefaults(object));
      assert.deepEqual(await reconcile(object.kind, objectName), done(), name);
      const ready = await readReady(object.kind, objectName);
      if (ready === undefined) {
        unreported.push(name);
      } else {
        assert.deepEqual([ready.status, ready.reason], ['False', 'InvalidSpec'], name);
        assert.match(ready.message, /^spec(\.\w+)*[.:]? ?/, name);
      }
      await cluster.api.delete(resources[object.kind] ?? tenants, { namespace: 'default', name: objectName });
    }
    assert.ok(refused >= 60, `${refused} objects`);
    // The API server takes no status of an object of such a name, nor without a spec, nor beside two items of one key: the
    // log has it.
    assert.deepEqual(unreported, [
      'source-column-twice',
      'source-without-spec',
      'tenant-name-begins-with-digit',
      'tenant-name-too-long',
      'tenant-name-with-dot',
    ]);
    assert.deepEqual([...cluster.nodes.calls, ...cluster.catalog.tenants, cluster.catalog.puts], [0]);
  });

  /** What a definition without the broken rule would have stored: defaults are filled in by it as well. */
  async function withDefaults(object: KubeObject & { readonly spec?: unknown }): Promise<unknown> {
    if (typeof object.spec !== 'object' || object.spec === null) return object.spec;
    const kind = kindNames.find((each) => each === object.kind);
    assert.ok(kind);
    const optional = new Set(Object.keys(full[kind]));
    const defaults = Object.entries(await fillIn(kind)).filter(([name]) => !optional.has(name));
    return merge(
      { ...Object.fromEntries(defaults), ...(kind === 'Tenant' ? bare(await fillIn('Tenant')) : {}) },
      object.spec,
    );
  }

  function bare({ autoscaling, storage, limits, resources: amounts }: Fields): Fields {
    const { memory: _memory, queue: _queue, ...scaling } = autoscaling as Fields;
    type Storage = { readonly data: { readonly sharedVolume: Fields }; readonly log: unknown; readonly spill: unknown };
    const { data, log, spill } = storage as Storage;
    const { existingClaim: _claim, ...sharedVolume } = data.sharedVolume;
    return { autoscaling: scaling, storage: { log, spill, data: { sharedVolume } }, limits, resources: amounts };
  }

  function merge(base: unknown, over: unknown): unknown {
    if (!isFields(base) || !isFields(over)) return over;
    const merged: Record<string, unknown> = { ...base };
    for (const [name, value] of Object.entries(over)) merged[name] = merge(base[name], value);
    return merged;
  }

  for (const kind of kindNames) {
    it(`a ${kind} with any one field absent, null or of another type is judged, never thrown over`, async () => {
      await cluster.applyTenant({ autoscaling: { mode: 'Off' }, replicas: 2 });
      await cluster.settle();
      const spec = await fillIn(kind);
      for (const path of listPaths(spec)) {
        for (const [what, value] of [
          ['absent', undefined],
          ['null', null],
          ['another type', { odd: [1] }],
        ] as const) {
          const name = `slipped-${(uids + 1).toString()}`;
          slip(kind, name, replaceAt(spec, path, value));
          const change = `spec.${path.join('.')} ${what}`;
          const result = await reconcile(kind, name);
          const ready = await readReady(kind, name);
          // What is of no shape that the API server knows cannot even be reported; the log has it.
          const isOfItem = path.some((step) => typeof step === 'number');
          if ((what !== 'absent' || isOfItem) && ready === undefined) {
            assert.deepEqual(result, done(), change);
            continue;
          }
          assert.ok(ready, change);
          if (ready.reason === 'InvalidSpec') assert.deepEqual(result, done(), change);
          else assert.equal(what, 'absent', change);
          if (ready.reason === 'InvalidSpec' && typeof path.at(-1) === 'string')
            assert.ok(ready.message.includes(String(path.at(-1))), `${change}: ${ready.message}`);
          await removeSlipped(kind, name);
        }
      }
    });

    it(`a ${kind} without a usable spec goes when it is deleted, where the API server lets its finalizer be taken`, async () => {
      const usable = kind === 'Tenant' ? [undefined, null, {}, { deletionPolicy: 'Never' }] : [{}, { tenantRef: {} }];
      for (const spec of [...usable, undefined, null, 7, 'text', [], { tenantRef: 7, sourceId: 7 }]) {
        const key = { namespace: 'default', name: 'gone' };
        slip(kind, 'gone', spec, { finalizers: [finalizer.name] });
        await cluster.api.delete(resources[kind] ?? tenants, key);
        const isTaken = await reconcile(kind, 'gone').then(
          () => true,
          (error: unknown) => isHybridStoreError(error, 'invalid_request') && !usable.includes(spec as object),
        );
        assert.ok(isTaken, JSON.stringify(spec));
        if (usable.includes(spec as object))
          assert.equal(await getOrNothing(cluster.api, resources[kind] ?? tenants, key), undefined);
        await removeSlipped(kind, 'gone');
      }
    });
  }

  async function removeSlipped(kind: string, name: string): Promise<void> {
    cluster.api.store.remove(collectionOf(resources[kind] ?? tenants), { namespace: 'default', name });
    cluster.catalog.sources.clear();
  }

  it('leaves its neighbours and the shared services alone', async () => {
    slip('Tenant', 'broken', null);
    slip('DataSource', 'broken', null, {
      labels: { [tenantLabel]: acme.name, team: 'x' },
      creationTimestamp: '2000-01-01T00:00:00Z',
    });
    slip('DataSource', 'malformed', { tenantRef: acme, sourceId: 'Not An Id' }, { labels: { team: 'x' } });
    slip('CompactionPolicy', 'broken', [], { labels: { [tenantLabel]: acme.name } });
    await cluster.applyTenant({ autoscaling: { mode: 'Off' }, replicas: 2 });
    await cluster.settle();
    await cluster.shared.reconcile();
    await cluster.applySource({}, 'orders', { team: 'x' });
    await cluster.applyPolicy({ sourceSelector: { matchLabels: { team: 'x' } } });
    await cluster.sources.reconcile({ namespace: 'default', name: 'orders' });
    await cluster.policies.reconcile({ namespace: 'default', name: 'hourly' });
    assert.equal(conditionOf(await cluster.tenant(), 'Ready'), 'True/AllNodesReady');
    assert.equal((await readReady('DataSource', 'orders'))?.status, 'True');
    assert.equal((await readReady('CompactionPolicy', 'hourly'))?.status, 'True');
    assert.deepEqual([...cluster.catalog.policies.values()][0]?.source_ids, ['orders']);
  });

  it('with a status of another shape is judged as if it had none', async () => {
    await cluster.applyTenant({ autoscaling: { mode: 'Off' }, replicas: 2 });
    await cluster.settle();
    await cluster.applySource();
    await cluster.applyPolicy();
    const names = { Tenant: acme.name, DataSource: 'orders', CompactionPolicy: 'hourly' } as const;
    const shapes = [
      null,
      7,
      [],
      { conditions: 7 },
      { conditions: [{ type: 'Ready' }], leaving: {}, desiredReplicas: 'two' },
    ];
    for (const kind of kindNames) {
      const resource = resources[kind] ?? tenants;
      await reconcile(kind, names[kind]);
      for (const status of shapes) {
        const stored = await cluster.api.get(resource, { namespace: 'default', name: names[kind] });
        const { managedFields: _managers, ...metadata } = stored.metadata;
        cluster.api.store.put(collectionOf(resource), { ...stored, metadata, status } as KubeObject);
        await reconcile(kind, names[kind]);
        assert.equal((await readReady(kind, names[kind]))?.status, 'True', `${kind} ${JSON.stringify(status)}`);
      }
    }
  });

  it('is reported once: a second pass writes nothing, and no pass asks to be repeated', async () => {
    const stored = await cluster.applyTenant({ autoscaling: { mode: 'Off' }, replicas: 2 });
    slip('Tenant', acme.name, {
      ...stored.spec,
      autoscaling: { ...stored.spec?.autoscaling, mode: 'Auto', minReplicas: 9, maxReplicas: 3 },
    });
    assert.deepEqual(await cluster.pass(), done());
    assert.deepEqual(await cluster.pass(), done());
    cluster.restartOperator();
    assert.deepEqual(await cluster.pass(), done());
    assert.deepEqual(
      cluster.writes.map((write) => write.verb),
      ['patchStatus'],
    );
    assert.equal(conditionOf(await cluster.tenant(), 'Degraded'), 'True/InvalidSpec');
    assert.deepEqual(
      cluster.events.map((event) => event.note),
      ['spec.autoscaling: minReplicas must not be greater than maxReplicas'],
    );
    assert.equal(await getOrNothing(cluster.api, statefulSets, { namespace: 'default', name: 'hs-acme' }), undefined);
  });
});

type Path = readonly (string | number)[];

function isFields(value: unknown): value is Fields {
  return isRecord(value);
}

/** Every field at every depth, inner ones before what they hold. */
function listPaths(value: unknown, path: Path = []): readonly Path[] {
  const entries: readonly (readonly [string | number, unknown])[] = Array.isArray(value)
    ? value.map((item, index) => [index, item] as const)
    : isFields(value)
      ? Object.entries(value)
      : [];
  return entries.flatMap(([step, below]) => [[...path, step], ...listPaths(below, [...path, step])]);
}

function replaceAt(value: unknown, [step, ...rest]: Path, next: unknown): unknown {
  if (step === undefined) return next;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as Fields) }) as Record<string | number, unknown>; // a container, since the path leads into it
  const changed = replaceAt(copy[step], rest, next);
  if (changed === undefined && Array.isArray(copy)) copy.splice(Number(step), 1);
  else if (changed === undefined) delete copy[step];
  else copy[step] = changed;
  return copy;
}
