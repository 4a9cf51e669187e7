import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buildCrds, type Endpoint } from '@hybridstore/contracts';
import {
  configMaps,
  customResourceDefinitions,
  getOrNothing,
  type Kube,
  type KubeObject,
  limitRanges,
  namespaces,
  networkPolicies,
  type ObjectKey,
  persistentVolumeClaims,
  podDisruptionBudgets,
  pods,
  type Resource,
  renewDeadlineMs,
  resourceQuotas,
  secrets,
  serviceAccounts,
  services,
  statefulSets,
} from '@hybridstore/controller-runtime';
import { EmbeddedApiServer } from '@hybridstore/embedded-kubernetes';
import { HttpClient } from '@hybridstore/http';
import { createMetrics, HybridStoreError, isHybridStoreError, silentLogger } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import { type Operator, startOperator } from '../src/app.ts';
import { operatorIdentity } from '../src/identity.ts';
import { parsePlatformSettings } from '../src/platform-settings.ts';
import { compactionPolicies, dataSources, tenants } from '../src/resources/custom-resources.ts';
import { managedByLabel, sharedServiceLabels, tenantLabels } from '../src/resources/labels.ts';
import { tenantKeysSecretName } from '../src/resources/names.ts';
import { prunedKinds as prunedSharedKinds } from '../src/shared-services/desired-state.ts';
import { prunedKinds as prunedTenantKinds } from '../src/tenant/desired-state.ts';
import { stuckMsMin } from '../src/tenant/replace-stuck.ts';
import { BenchCluster } from './bench-cluster.ts';
import { Rights, withRights } from './rights.ts';

const own = 'hybridstore-system';
const turnsMax = 600;

/** The catalog and the nodes are away, but forget what they are asked to forget. */
class AbsentServices extends HttpClient {
  override async call(origin: string, endpoint: Endpoint, ..._options: readonly unknown[]): Promise<never> {
    if (endpoint.method === 'DELETE') return undefined as never; // nobody reads what it answers
    throw new HybridStoreError('unavailable', `${origin} cannot be reached`);
  }
}

/** The whole operator, with its caches and its lease, under no more rights than the chart grants. */
class Installation {
  readonly clock = new FakeClock();
  readonly kube = new EmbeddedApiServer({ ...operatorIdentity, clock: this.clock });
  readonly rights: Rights;
  readonly #client = new AbsentServices();
  readonly #watched: readonly string[];
  #operator: Operator | undefined;

  constructor(watched: readonly string[]) {
    this.#watched = watched;
    this.rights = new Rights({ own, watched });
  }

  async begin(): Promise<void> {
    for (const crd of buildCrds()) await this.kube.apply(customResourceDefinitions, crd);
    for (const name of [own, 'other'])
      await this.kube.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    const account = {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { namespace: own, name: 'hybridstore-operator' },
    };
    await this.kube.create(serviceAccounts, account);
    this.#operator = startOperator({
      kube: withRights(this.kube, this.rights, this.clock),
      settings: parsePlatformSettings('', { namespace: own }),
      clock: this.clock,
      client: this.#client,
      logger: silentLogger,
      metrics: createMetrics('operator'),
      random: () => 0.5,
      watchNamespaces: this.#watched,
      leaderIdentity: 'only',
      ownerName: 'hybridstore-operator',
    });
  }

  async apply(resource: Resource, name: string, spec: object, namespace = 'default'): Promise<void> {
    const { apiVersion, kind } = resource;
    const object = { apiVersion, kind, metadata: { namespace, name }, spec } as KubeObject;
    await this.kube.apply(resource, object, { fieldManager: 'test', force: true });
  }

  async until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
    for (let turn = 0; turn < turnsMax; turn += 1) {
      if (await isTrue()) return;
      await this.clock.advance(100);
    }
    assert.fail(`${what}: not within ${turnsMax} turns; refused: ${this.rights.refused.join(', ') || 'nothing'}`);
  }

  async isThere(resource: Resource, name: string, namespace = 'default'): Promise<boolean> {
    return (await getOrNothing(this.kube, resource, { namespace, name })) !== undefined;
  }

  untilThere(resource: Resource, name: string, namespace = 'default'): Promise<void> {
    return this.until(`${resource.plural}/${name}`, () => this.isThere(resource, name, namespace));
  }

  async remove(resource: Resource, key: ObjectKey): Promise<void> {
    await this.kube.delete(resource, key);
    await this.until(`${resource.plural}/${key.name} gone`, async () => {
      return !(await this.isThere(resource, key.name, key.namespace));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stopped = this.#operator?.stop();
    await this.clock.advance(20_000);
    await stopped;
    await this.#client.close();
  }
}

const full = {
  autoscaling: { mode: 'Off' },
  replicas: 2,
  quota: { pods: 10, memory: '8Gi' },
  deletionPolicy: 'Delete',
};

/** Everything that the operator does, once: makes, repairs, prunes, hands over, finalizes. */
async function liveThrough(installation: Installation): Promise<void> {
  const { kube } = installation;
  await installation.apply(tenants, 'acme', full);
  await installation.apply(tenants, 'globex', full);
  await installation.apply(dataSources, 'orders', { tenantRef: { name: 'acme' }, sourceId: 'orders' });
  await installation.apply(compactionPolicies, 'hourly', { tenantRef: { name: 'acme' } });
  for (const [resource, name] of [
    [statefulSets, 'hs-acme'],
    [statefulSets, 'hs-globex'],
    [services, 'hs-acme'],
    [resourceQuotas, 'hs-acme'],
    [limitRanges, 'hs-acme'],
    [networkPolicies, 'hs-acme'],
    [podDisruptionBudgets, 'hs-acme'],
    [persistentVolumeClaims, 'hs-acme-data'],
    [secrets, tenantKeysSecretName],
  ] as const)
    await installation.untilThere(resource, name);
  await plantUnwanted(installation);
  for (const { resource, key } of unwanted)
    await installation.until(`${resource.plural}/${key.name} pruned`, async () => {
      return !(await installation.isThere(resource, key.name, key.namespace));
    });
  await repeatEvent(installation);
  await leaveStuck(installation);
  await installation.clock.advance(renewDeadlineMs);
  for (const [resource, name] of [
    [tenants, 'initech'],
    [tenants, 'acme'],
    [tenants, 'globex'],
    [dataSources, 'orders'],
    [compactionPolicies, 'hourly'],
  ] as const)
    await installation.remove(resource, { namespace: 'default', name });
  assert.equal(
    await installation.isThere(secrets, tenantKeysSecretName),
    false,
    'the last tenant takes the Secret along',
  );
  assert.equal((await kube.list(persistentVolumeClaims, { namespace: 'default' })).items.length, 0);
}

/** The same trouble twice is one Event, counted. */
async function repeatEvent(installation: Installation): Promise<void> {
  const foreign = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { namespace: 'default', name: 'hs-initech' } };
  await installation.kube.create(resourceQuotas, foreign, { fieldManager: 'somebody' });
  for (const quota of [{ pods: 10 }, undefined, { pods: 10 }]) {
    await installation.apply(tenants, 'initech', { ...full, quota });
    await installation.until('initech judged', async () => {
      const { status } = await installation.kube.get(tenants, { namespace: 'default', name: 'initech' });
      const isTaken = status?.conditions?.some(({ reason }) => reason === 'NameTaken') ?? false;
      return status !== undefined && isTaken === (quota !== undefined);
    });
  }
}

/** Two pods of an older template, of which one cannot start. While none was there, Events were read. */
async function leaveStuck(installation: Installation): Promise<void> {
  const { kube } = installation;
  const key = { namespace: 'default', name: 'hs-acme-0' };
  const labels = { ...tenantLabels('acme'), 'controller-revision-hash': 'bad' };
  const spec = { containers: [{ name: 'tenant-node', image: 'bad' }] };
  for (const name of ['hs-acme-0', 'hs-acme-1'])
    await kube.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata: { ...key, name, labels }, spec });
  const waiting = { reason: 'ErrImageNeverPull', message: 'Container image "bad" is not present' };
  const container = { name: 'tenant-node', ready: false, state: { waiting } };
  await patchStatus(kube, pods, key, { containerStatuses: [container] });
  const set = { namespace: 'default', name: 'hs-acme' };
  const { generation } = (await kube.get(statefulSets, set)).metadata;
  await patchStatus(kube, statefulSets, set, { replicas: 1, observedGeneration: generation, updateRevision: 'good' });
  await installation.clock.advance(stuckMsMin);
  await installation.until('the stuck pod replaced', async () => !(await installation.isThere(pods, key.name)));
  await kube.delete(pods, { ...key, name: 'hs-acme-1' }, { gracePeriodSeconds: 0 });
}

async function patchStatus(kube: Kube, resource: Resource, key: ObjectKey, status: object): Promise<void> {
  const { apiVersion, kind } = resource;
  await kube.patchStatus(resource, { apiVersion, kind, metadata: { ...key }, status: { ...status } }, { force: true });
}

/** As an earlier version would have made them: wearing the labels, and asked for no more. */
const unwanted = [
  ...prunedTenantKinds.map((resource) => ({
    resource,
    key: { namespace: 'default', name: 'hs-acme-former' },
    labels: tenantLabels('acme'),
  })),
  ...prunedSharedKinds.map((resource) => ({
    resource,
    key: { namespace: own, name: 'former' },
    labels: sharedServiceLabels('monitoring'),
  })),
];

async function plantUnwanted({ kube }: Installation): Promise<void> {
  for (const { resource, key, labels } of unwanted) {
    const { apiVersion, kind } = resource;
    const object = { apiVersion, kind, metadata: { ...key, labels }, ...bodyOf(resource, labels) } as KubeObject;
    await kube.create(resource, object, { fieldManager: 'former' });
  }
}

function bodyOf({ kind }: Resource, labels: Readonly<Record<string, string>>): object {
  const selector = { matchLabels: labels };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'x', image: 'x' }] } };
  switch (kind) {
    case 'Deployment':
      return { spec: { selector, template, replicas: 0 } };
    case 'StatefulSet':
      return { spec: { selector, template, serviceName: 'x', replicas: 0 } };
    case 'Service':
      return { spec: { clusterIP: 'None', ports: [{ name: 'http', port: 80 }] } };
    case 'NetworkPolicy':
      return { spec: { podSelector: {} } };
    case 'PodDisruptionBudget':
      return { spec: { selector, minAvailable: 1 } };
    case 'ResourceQuota':
      return { spec: { hard: { pods: '1' } } };
    case 'LimitRange':
      return { spec: { limits: [{ type: 'Container', default: { cpu: '1' } }] } };
    default:
      return {};
  }
}

describe('the rights that the chart grants', () => {
  it('as a role in each watched namespace suffice for all that the operator does, and hold nothing that it does not use', async () => {
    await using installation = new Installation(['default']);
    await installation.begin();
    await liveThrough(installation);
    assert.deepEqual([installation.rights.refused, installation.rights.unused], [[], []]);
  });

  it('as a cluster role suffice, too', async () => {
    await using installation = new Installation([]);
    await installation.begin();
    await liveThrough(installation);
    assert.deepEqual(installation.rights.refused, []);
  });

  it('let it read no Secret but those that it makes, and list or watch none', () => {
    for (const watched of [[], ['default']]) {
      const rights = new Rights({ own, watched });
      const mine = {
        own: ['operator-signing-key', 'tenant-node-master-key', 'hybridstore-admin'],
        default: [tenantKeysSecretName],
      };
      const scopes = [undefined, own, 'default', 'other'];
      // Every verb whose answer shows an object: also those that change or delete it, tried out.
      for (const verb of ['get', 'list', 'watch', 'update', 'patch', 'delete', 'deletecollection'])
        for (const namespace of scopes)
          assert.throws(
            () => rights.require({ verb, resource: secrets, namespace, name: 'somebody-elses' }),
            (error: unknown) => isHybridStoreError(error, 'forbidden'),
            `${verb} in ${namespace}`,
          );
      for (const name of mine.own) rights.require({ verb: 'get', resource: secrets, namespace: own, name });
      for (const name of mine.default) rights.require({ verb: 'get', resource: secrets, namespace: 'default', name });
    }
  });

  it('let it delete nothing but what wears its label', async () => {
    const cluster = await BenchCluster.start();
    const kube = withRights(cluster.api, cluster.rights, cluster.clock);
    const create = (name: string, labels: Readonly<Record<string, string>>) =>
      cluster.api.create(persistentVolumeClaims, {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { namespace: 'default', name, labels },
      });
    await create('theirs', { ...tenantLabels('acme'), [managedByLabel]: 'Helm' });
    await create('ours', tenantLabels('acme'));
    await assert.rejects(
      kube.delete(persistentVolumeClaims, { namespace: 'default', name: 'theirs' }),
      /the admission policy denies: delete persistentvolumeclaims default\/theirs/,
    );
    await kube.delete(persistentVolumeClaims, { namespace: 'default', name: 'ours' });
  });

  it('end at the watched namespaces', () => {
    const rights = new Rights({ own, watched: ['default'] });
    for (const namespace of [undefined, 'other'])
      for (const [verb, resource] of [
        ['list', tenants],
        ['watch', statefulSets],
        ['create', statefulSets],
        ['get', configMaps],
        ['create', secrets],
      ] as const)
        assert.throws(() => rights.require({ verb, resource, namespace }), /the chart does not grant/);
    assert.throws(() => rights.require({ verb: 'create', resource: statefulSets, namespace: own }));
    assert.throws(() => rights.require({ verb: 'create', resource: serviceAccounts, namespace: 'other' }));
  });

  it('are those under which the tests of all reconcilers run: what is not granted is refused there', async () => {
    const cluster = await BenchCluster.start();
    await assert.rejects(
      withRights(cluster.api, cluster.rights, cluster.clock).get(secrets, { namespace: 'default', name: 'foreign' }),
      /the chart does not grant: get secrets default\/foreign/,
    );
  });
});
