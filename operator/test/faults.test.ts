import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { configMaps, services, statefulSets } from '@hybridstore/controller-runtime';
import { isHybridStoreError } from '@hybridstore/runtime';
import { compactionPolicies, dataSources, tenants } from '../src/resources/custom-resources.ts';
import { acme, BenchCluster, Crash, type Fault } from './bench-cluster.ts';

/**
 * Whatever goes wrong with any single write, the world ends the same as if nothing had: the process dies right after it,
 * or it is refused because somebody wrote first, or because the API server is away.
 */
const roundsMax = 60;
const source = { namespace: 'default', name: 'orders' };
const policy = { namespace: 'default', name: 'hourly' };
const node = { namespace: 'default', name: 'hs-acme' };
const sized = (replicas: number, more: object = {}) => ({ autoscaling: { mode: 'Off' }, replicas, ...more });

/** Passes over everything and turns of Kubernetes, as controllers do them, until nothing changes any more. */
async function converge(cluster: BenchCluster): Promise<void> {
  let idle = 0;
  for (let round = 0; round < roundsMax && idle < 2; round += 1) {
    const { revision } = cluster.api.store;
    await attempt(cluster, () => cluster.tenants.reconcile(acme));
    await attempt(cluster, () => cluster.sources.reconcile(source));
    await attempt(cluster, () => cluster.policies.reconcile(policy));
    await cluster.runKubernetes();
    await cluster.clock.advance(5_000);
    idle = cluster.api.store.revision === revision ? idle + 1 : 0;
  }
  assert.equal(idle, 2, `not at rest after ${roundsMax} rounds`);
}

/** A process that dies is started again; a pass that fails as it may is tried again by its queue. */
async function attempt(cluster: BenchCluster, pass: () => Promise<unknown>): Promise<void> {
  try {
    await pass();
  } catch (error) {
    if (error instanceof Crash) {
      cluster.restartOperator();
      await cluster.keys.ensure();
    } else assert.ok(isHybridStoreError(error, 'conflict') || isHybridStoreError(error, 'unavailable'), String(error));
  }
}

/** Fields that differ from run to run. */
const volatile: ReadonlySet<string> = new Set([
  'uid',
  'resourceVersion',
  'generation',
  'observedGeneration',
  'managedFields',
  'creationTimestamp',
  'lastTransitionTime',
  'since',
  'time',
  'hybridstore.dev/drained-at',
  'data',
  'lastCommitTime',
]);

function snapshot(cluster: BenchCluster): Readonly<Record<string, unknown>> {
  const { store } = cluster.api;
  const objects = store
    .collections()
    .flatMap((collection) =>
      store
        .list(collection)
        .map((object) => [
          `${collection}/${object.metadata.namespace ?? ''}/${object.metadata.name}`,
          JSON.parse(JSON.stringify(object, (name, value) => (volatile.has(name) ? typeof value : value))) as unknown,
        ]),
    );
  const { nodes, catalog } = cluster;
  const outside = {
    drained: [...nodes.drained].sort(),
    tables: [...nodes.sources.keys()],
    tenants: [...catalog.tenants],
    sources: [...catalog.sources.keys()],
    policies: [...catalog.policies.keys()],
  };
  return { ...Object.fromEntries(objects), outside };
}

type Scenario = {
  readonly name: string;
  /** What there is when the story begins; everything has converged. */
  readonly prepare: (cluster: BenchCluster) => Promise<unknown>;
  /** What people do. */
  readonly act: (cluster: BenchCluster) => Promise<unknown>;
  readonly writesMin: number;
};

async function applyAll(cluster: BenchCluster, spec: object = sized(2)): Promise<void> {
  await cluster.applyTenant(spec);
  await cluster.applySource();
  await cluster.applyPolicy();
}

const scenarios: readonly Scenario[] = [
  { name: 'everything is made', prepare: async () => {}, act: (cluster) => applyAll(cluster), writesMin: 15 },
  {
    name: 'nodes are added, and get another image',
    prepare: (cluster) => applyAll(cluster),
    act: (cluster) => cluster.applyTenant(sized(4, { image: 'registry.example/node:2' })),
    writesMin: 2,
  },
  {
    name: 'two nodes leave',
    prepare: (cluster) => applyAll(cluster, sized(4)),
    act: (cluster) => cluster.applyTenant(sized(2)),
    writesMin: 8,
  },
  {
    name: 'children are vandalized',
    prepare: (cluster) => applyAll(cluster),
    act: async ({ api }) => {
      const vandal = { fieldManager: 'vandal' };
      await api.mergePatch(services, node, { spec: { ports: [{ name: 'http', port: 1 }] } }, vandal);
      const pod = { hostNetwork: true, serviceAccountName: 'default' };
      await api.mergePatch(statefulSets, node, { spec: { template: { spec: pod } } }, vandal);
      await api.mergePatch(configMaps, node, { data: { 'jwks.json': '{}' } }, vandal);
    },
    writesMin: 4,
  },
  {
    name: 'everything is deleted, volumes and tables are kept',
    prepare: (cluster) => applyAll(cluster),
    act: async ({ api }) => {
      for (const [resource, key] of [
        [compactionPolicies, policy],
        [dataSources, source],
        [tenants, acme],
      ] as const)
        await api.delete(resource, key);
    },
    writesMin: 4,
  },
  {
    name: 'a tenant is deleted with its volumes',
    prepare: (cluster) => cluster.applyTenant(sized(2, { deletionPolicy: 'Delete' })),
    act: ({ api }) => api.delete(tenants, acme),
    writesMin: 4,
  },
];

async function play({ prepare, act }: Scenario, fault?: Fault): Promise<BenchCluster> {
  const cluster = await BenchCluster.start();
  await prepare(cluster);
  await converge(cluster);
  cluster.writes.length = 0;
  if (fault !== undefined) {
    cluster.restartOperator(fault);
    await cluster.keys.ready();
  }
  await act(cluster);
  await converge(cluster);
  return cluster;
}

describe('a fault at any write', () => {
  for (const scenario of scenarios) {
    it(`changes nothing about how it ends: ${scenario.name}`, async () => {
      const straight = await play(scenario);
      const expected = snapshot(straight);
      const writes = straight.writes.length;
      assert.ok(writes >= scenario.writesMin, `${writes} writes`);
      for (const kind of ['crash', 'conflict', 'unavailable'] as const)
        for (let at = 1; at <= writes; at += 1)
          assert.deepEqual(
            snapshot(await play(scenario, { at, kind })),
            expected,
            `${kind} at write ${at} of ${writes}`,
          );
    });
  }
});
