import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { FieldsV1, KubeObject, ObjectKey, Resource, Stored } from '@hybridstore/controller-runtime';
import {
  configMaps,
  deployments,
  limitRanges,
  networkPolicies,
  type PodSpec,
  persistentVolumeClaims,
  podDisruptionBudgets,
  resourceQuotas,
  type StatefulSet,
  serviceAccounts,
  services,
  statefulSets,
} from '@hybridstore/controller-runtime';
import { isHybridStoreError } from '@hybridstore/runtime';
import { operatorIdentity } from '../src/identity.ts';
import { acme, BenchCluster, systemNamespace } from './bench-cluster.ts';

/**
 * Whatever somebody does to what the operator made, the next pass puts it right: each object is deleted, each of its fields
 * is edited on its own. What somebody adds is not the operator's, and stays.
 */
type Path = readonly (string | number)[];
type TestedObject = { readonly resource: Resource; readonly key: ObjectKey };

const childKinds: readonly Resource[] = [
  statefulSets,
  deployments,
  services,
  configMaps,
  serviceAccounts,
  networkPolicies,
  podDisruptionBudgets,
  resourceQuotas,
  limitRanges,
  persistentVolumeClaims,
];
const vandal = { fieldManager: 'vandal' };
const spec = {
  autoscaling: { mode: 'Off' },
  replicas: 2,
  quota: { pods: 10, cpu: '40', storage: '100Gi' },
};

async function startSettled(): Promise<BenchCluster> {
  const cluster = await BenchCluster.start();
  await cluster.applyTenant(spec);
  await cluster.settle();
  await cluster.shared.reconcile();
  return cluster;
}

/** Every object that the operator holds by server-side apply. */
async function findTestedObjects(cluster: BenchCluster): Promise<readonly TestedObject[]> {
  const lists = await Promise.all(
    childKinds.map(async (resource) => ({ resource, items: (await cluster.api.list(resource)).items })),
  );
  return lists.flatMap(({ resource, items }) =>
    items.filter((object) => appliedFields(object) !== undefined).map((object) => ({ resource, key: keyOf(object) })),
  );
}

function keyOf({ metadata }: Stored<KubeObject>): ObjectKey {
  return { namespace: metadata.namespace ?? '', name: metadata.name };
}

function appliedFields(object: KubeObject): FieldsV1 | undefined {
  const entries = object.metadata.managedFields ?? [];
  return entries.find((entry) => entry.manager === operatorIdentity.fieldManager && entry.operation === 'Apply')
    ?.fieldsV1;
}

/** What the operator answers for. */
function contentOf(object: KubeObject): unknown {
  const { status: _status, metadata, ...content } = object as KubeObject & { readonly status?: unknown };
  const { name, namespace, labels, ownerReferences } = metadata;
  return { ...content, metadata: { name, namespace, labels, ownerReferences } };
}

async function passAll(cluster: BenchCluster): Promise<void> {
  await cluster.tenants.reconcile(acme);
  await cluster.shared.reconcile();
}

/** A child with another owner is somebody else's, and goes with that owner. */
const isOwner = (path: Path): boolean => path[1] === 'ownerReferences';

/** Scalars below what the operator applied, as paths into the object. What the API server filled in is nobody's. */
function findLeaves(fields: FieldsV1, value: unknown, path: Path = []): readonly Path[] {
  const elements = Object.entries(fields).filter(([element]) => element !== '.');
  if (elements.length === 0) return findScalars(value, path);
  return elements.flatMap(([element, below]) => {
    const step = stepOf(element, value);
    const next = (value as Readonly<Record<string | number, unknown>>)[step]; // a container, since it has elements
    return next === undefined ? [] : findLeaves(below, next, [...path, step]);
  });
}

/** `f:name` is a field, `k:{…}` and `v:…` are entries of a list. */
function stepOf(element: string, value: unknown): string | number {
  if (!Array.isArray(value)) return element.slice(2);
  const key: unknown = JSON.parse(element.slice(2));
  return value.findIndex(
    (item) => isDeepStrictEqual(element.startsWith('v:') ? key : { ...item, ...(key as object) }, item), // the key of a `k:` is an object
  );
}

function findScalars(value: unknown, path: Path): readonly Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([name, item]) =>
    findScalars(item, [...path, Array.isArray(value) ? Number(name) : name]),
  );
}

function withEdit(value: unknown, [step, ...rest]: Path): unknown {
  if (step === undefined)
    return typeof value === 'number' ? value + 1 : typeof value === 'boolean' ? !value : `${value}x`;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string | number, unknown>; // a container, since the path leads into it
  copy[step] = withEdit(copy[step], rest);
  return copy;
}

/** Entries of lists that were not there before. Whatever else differs is a failure. */
function findAdded(before: unknown, after: unknown): readonly unknown[] {
  if (Array.isArray(before) && Array.isArray(after)) {
    const added = after.filter((item) => !before.some((other) => isSameEntry(other, item)));
    const kept = after.filter((item) => !added.includes(item));
    assert.equal(kept.length, before.length);
    return [
      ...added,
      ...before.flatMap((item) =>
        findAdded(
          item,
          kept.find((other) => isSameEntry(item, other)),
        ),
      ),
    ];
  }
  if (typeof before !== 'object' || before === null || typeof after !== 'object' || after === null) {
    assert.deepEqual(after, before);
    return [];
  }
  assert.deepEqual(Object.keys(after).sort(), Object.keys(before).sort());
  const [old, next] = [before, after].map((value) => new Map<string, unknown>(Object.entries(value)));
  return [...(old ?? [])].flatMap(([name, value]) => findAdded(value, next?.get(name)));
}

const keyFields = ['name', 'mountPath', 'containerPort', 'port', 'protocol', 'topologyKey', 'whenUnsatisfiable'];

function isSameEntry(left: unknown, right: unknown): boolean {
  return isDeepStrictEqual(keysOf(left), keysOf(right));
}

function keysOf(item: unknown): unknown {
  if (typeof item !== 'object' || item === null) return item;
  const fields = item as Readonly<Record<string, unknown>>; // any object
  const keys = keyFields.filter((name) => fields[name] !== undefined).map((name) => fields[name]);
  return keys.length === 0 ? item : keys;
}

/** The innermost entry of a list on the way to a leaf. */
function entryAt(object: unknown, path: Path): unknown {
  const last = path.findLastIndex((step) => typeof step === 'number');
  return path.slice(0, last + 1).reduce((value, step) => (value as Record<string | number, unknown>)[step], object); // containers, since the path leads into them
}

describe('what the operator made', () => {
  let cluster: BenchCluster;
  let objects: readonly TestedObject[];

  before(async () => {
    cluster = await startSettled();
    objects = await findTestedObjects(cluster);
  });

  it('is of every kind that the operator makes', () => {
    const found = new Set(objects.map(({ resource }) => resource.kind));
    assert.deepEqual([...found].sort(), childKinds.map(({ kind }) => kind).sort());
    assert.ok(objects.some(({ key }) => key.namespace === systemNamespace));
  });

  it('is made again when somebody deletes it', async () => {
    for (const { resource, key } of objects) {
      const old = await cluster.api.get(resource, key);
      await cluster.api.delete(resource, key);
      await passAll(cluster);
      const made = await cluster.api.get(resource, key);
      assert.notEqual(made.metadata.uid, old.metadata.uid, `${resource.kind} ${key.name}`);
      assert.deepEqual(contentOf(made), contentOf(old), `${resource.kind} ${key.name}`);
    }
    await cluster.runKubernetes();
  });

  it('has each of its fields back, whichever somebody edits', async () => {
    let edits = 0;
    let renamed = 0;
    for (const { resource, key } of objects) {
      const whole = await cluster.api.get(resource, key);
      const leaves = findLeaves(appliedFields(whole) ?? {}, whole).filter((path) => !isOwner(path));
      for (const path of leaves) {
        const what = `${resource.kind} ${key.name} ${path.join('.')}`;
        const stored = await cluster.api.get(resource, key);
        const { resourceVersion: _version, ...metadata } = (withEdit(stored, path) as KubeObject).metadata;
        const edited = { ...(withEdit(stored, path) as KubeObject), metadata };
        const isTaken = await cluster.api.update(resource, edited, vandal).then(
          (written) => written.metadata.resourceVersion !== stored.metadata.resourceVersion,
          (error: unknown) => {
            assert.ok(isHybridStoreError(error, 'invalid_request'), `${what}: ${error}`);
            return false;
          },
        );
        if (!isTaken) continue;
        edits += 1;
        await passAll(cluster);
        // A node too many may hold rows by now: it leaves as every node does.
        if (resource === statefulSets && path.at(-1) === 'replicas')
          await cluster.settle().then(() => cluster.shared.reconcile());
        const repaired = await cluster.api.get(resource, key);
        const added = findAdded(contentOf(whole), contentOf(repaired));
        cluster.writes.length = 0;
        await passAll(cluster);
        assert.deepEqual(cluster.writes, [], what);
        if (added.length === 0) {
          assert.deepEqual(contentOf(repaired), contentOf(whole), what);
          continue;
        }
        // Who edits the key of an entry takes it away and adds one of his own: ours comes back, his stays.
        renamed += 1;
        assert.deepEqual(added, [entryAt(edited, path)], what);
        const { resourceVersion } = repaired.metadata;
        await cluster.api.update(resource, { ...whole, metadata: { ...whole.metadata, resourceVersion } }, vandal);
        assert.deepEqual(contentOf(await cluster.api.get(resource, key)), contentOf(whole), what);
      }
    }
    assert.ok(edits > 500, `${edits} edits were taken by the API server`);
    assert.ok(renamed > 10 && renamed < edits / 2, `${renamed} edits of keys`);
  });

  const inDefault = (name: string) => ({ namespace: 'default', name });
  const podSpec = async (resource: Resource, key: ObjectKey) =>
    ((await cluster.api.get(resource, key)) as Stored<StatefulSet>).spec?.template.spec as PodSpec;
  const inPod = (fields: object) => ({ spec: { template: { spec: fields } } });
  const replacements: typeof additions = [
    [
      'another port of the same name in place of ours',
      { resource: services, key: inDefault('hsn-acme') },
      async () => ({ spec: { ports: [{ name: 'http', port: 9000 }] } }),
    ],
    [
      'a port in place of a shared service’s',
      { resource: services, key: { namespace: systemNamespace, name: 'monitoring' } },
      async () => ({ spec: { ports: [{ name: 'http', port: 1, protocol: 'TCP' }] } }),
    ],
    [
      'a rule of a network policy',
      { resource: networkPolicies, key: inDefault('hs-acme') },
      async () => ({ spec: { ingress: [{}] } }),
    ],
  ];
  const additions: readonly (readonly [string, TestedObject, () => Promise<object>])[] = [
    [
      'a port beside ours',
      { resource: services, key: inDefault('hs-acme') },
      async () => ({
        spec: {
          ports: [
            { name: 'http', port: 8000, targetPort: 'http' },
            { name: 'debug', port: 9229 },
          ],
        },
      }),
    ],
    [
      'an address from outside',
      { resource: services, key: inDefault('hs-acme') },
      async () => ({ spec: { externalIPs: ['203.0.113.7'] } }),
    ],
    [
      'the network of the host',
      { resource: statefulSets, key: inDefault('hs-acme') },
      async () => inPod({ hostNetwork: true }),
    ],
    [
      'a container beside ours',
      { resource: statefulSets, key: inDefault('hs-acme') },
      async () => {
        const { containers } = await podSpec(statefulSets, inDefault('hs-acme'));
        return inPod({ containers: [...containers, { name: 'miner', image: 'miner:1' }] });
      },
    ],
    [
      'a variable of a container',
      { resource: deployments, key: { namespace: systemNamespace, name: 'auth-gateway' } },
      async () => {
        const key = { namespace: systemNamespace, name: 'auth-gateway' };
        const [first, ...others] = (await podSpec(deployments, key)).containers;
        const env = [...(first?.env ?? []), { name: 'NODE_OPTIONS', value: '--inspect' }];
        return inPod({ containers: [{ ...first, env }, ...others] });
      },
    ],
    [
      'a file of a ConfigMap',
      { resource: configMaps, key: inDefault('hs-acme') },
      async () => ({ data: { 'evil.json': '{}' } }),
    ],
    [
      'an amount of a quota',
      { resource: resourceQuotas, key: inDefault('hs-acme') },
      async () => ({ spec: { hard: { services: '0' } } }),
    ],
  ];

  for (const [what, { resource, key }, build] of replacements) {
    it(`loses ${what} that somebody put into ${resource.kind} ${key.name}`, async () => {
      const old = await cluster.api.get(resource, key);
      const patch = (await build()) as Readonly<Record<string, unknown>>;
      const edited = await cluster.api.mergePatch(resource, key, patch, vandal);
      assert.notDeepEqual(contentOf(edited), contentOf(old));
      await passAll(cluster);
      assert.deepEqual(contentOf(await cluster.api.get(resource, key)), contentOf(old));
      cluster.writes.length = 0;
      await passAll(cluster);
      assert.deepEqual(cluster.writes, []);
    });
  }

  for (const [what, { resource, key }, build] of additions) {
    it(`keeps ${what} that somebody added to ${resource.kind} ${key.name}`, async () => {
      const old = await cluster.api.get(resource, key);
      const patch = (await build()) as Readonly<Record<string, unknown>>;
      const edited = await cluster.api.mergePatch(resource, key, patch, vandal);
      assert.notDeepEqual(contentOf(edited), contentOf(old));
      cluster.writes.length = 0;
      await passAll(cluster);
      assert.deepEqual(cluster.writes, []);
      assert.deepEqual(contentOf(await cluster.api.get(resource, key)), contentOf(edited));
    });
  }

  it('keeps the labels, annotations and finalizers of others, at every level', async () => {
    const key = inDefault('hs-acme');
    const mark = { 'example.com/team': 'search' };
    const metadata = { labels: mark, annotations: mark };
    const patch = { metadata: { ...metadata, finalizers: ['example.com/hold'] }, spec: { template: { metadata } } };
    await cluster.api.mergePatch(statefulSets, key, patch, vandal);
    cluster.writes.length = 0;
    await passAll(cluster);
    assert.deepEqual(cluster.writes, []);
    const stored = await cluster.api.get(statefulSets, key);
    assert.equal(stored.spec?.template.metadata?.annotations?.['example.com/team'], 'search');
    assert.equal(stored.metadata.labels?.['example.com/team'], 'search');
  });

  it('is not fought over with a hook that adds the same thing at each write', async () => {
    const key = inDefault('hs-acme');
    for (let round = 0; round < 20; round += 1) {
      const hard = { services: String(round % 2), pods: '99' };
      await cluster.api.mergePatch(resourceQuotas, key, { spec: { hard } }, vandal);
      cluster.writes.length = 0;
      await passAll(cluster);
      assert.deepEqual(
        cluster.writes.map(({ verb }) => verb),
        ['apply'],
      );
      const { spec: quota } = await cluster.api.get(resourceQuotas, key);
      assert.deepEqual([quota?.hard?.['services'], quota?.hard?.['pods']], [hard.services, '10']);
    }
  });
});
