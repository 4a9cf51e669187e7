import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Jwks } from '@hybridstore/contracts';
import {
  configMaps,
  type Deployment,
  deployments,
  persistentVolumeClaims,
  secrets,
  serviceAccounts,
  services,
} from '@hybridstore/controller-runtime';
import { parsePlatformSettings } from '../../src/platform-settings.ts';
import { tenants } from '../../src/resources/custom-resources.ts';
import { sharedServiceNames } from '../../src/resources/names.ts';
import { acme, BenchCluster, Crash, systemNamespace } from '../bench-cluster.ts';

const inSystem = (name: string) => ({ namespace: systemNamespace, name });

async function readKids(cluster: BenchCluster): Promise<readonly string[]> {
  const { data } = await cluster.api.get(configMaps, inSystem('hybridstore-jwks'));
  const jwks = JSON.parse(data?.['jwks.json'] ?? '') as Jwks;
  return jwks.keys.map((key) => key.kid.slice(0, key.kid.lastIndexOf('.')));
}

const operatorName = 'hybridstore-operator';
const settingsMap = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace: systemNamespace, name: 'hybridstore-settings' },
};

/** What the chart makes of the operator itself. */
async function installChart(cluster: BenchCluster): Promise<void> {
  const metadata = { namespace: systemNamespace, name: operatorName };
  const labels = { app: operatorName };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'operator', image: 'operator' }] } };
  const spec = { selector: { matchLabels: labels }, template };
  const helm = { fieldManager: 'helm', force: true };
  await cluster.api.apply(configMaps, settingsMap, helm);
  await cluster.api.apply(serviceAccounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata }, helm);
  await cluster.api.apply(
    deployments,
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec } as Deployment,
    helm,
  );
}

async function startInstalled(): Promise<BenchCluster> {
  const cluster = await BenchCluster.start();
  await installChart(cluster);
  cluster.ownerName = operatorName;
  cluster.restartOperator();
  await cluster.shared.reconcile();
  return cluster;
}

/** Deployments of the services: by their uids, what they ask for, and who owns them. */
async function readServices(cluster: BenchCluster) {
  const { items } = await cluster.api.list(deployments, { namespace: systemNamespace });
  return items
    .filter(({ metadata }) => metadata.name !== operatorName)
    .map(({ metadata, spec }) => ({
      uid: metadata.uid,
      generation: metadata.generation,
      template: spec?.template,
      owners: (metadata.ownerReferences ?? []).map(({ kind, name }) => `${kind}/${name}`),
    }));
}

describe('the shared services', () => {
  it('are made with Deployments, Services and state for those that keep some', async () => {
    const cluster = await BenchCluster.start();
    await cluster.shared.reconcile();
    for (const name of sharedServiceNames) {
      const deployment = await cluster.api.get(deployments, inSystem(name));
      assert.deepEqual(deployment.spec?.template.spec.containers[0]?.args, [name]);
      await cluster.api.get(services, inSystem(name));
    }
    const claims = (await cluster.api.list(persistentVolumeClaims, { namespace: systemNamespace })).items;
    assert.deepEqual(claims.map((claim) => claim.metadata.name).sort(), [
      'auth-gateway-state',
      'metadata-catalog-state',
      'monitoring-state',
    ]);
  });

  it('keep the volume of the users when a single gateway becomes two, and one again', async () => {
    const cluster = await BenchCluster.start();
    const single = 'services: {auth-gateway: {replicas: 1}}';
    const holders: (readonly string[])[] = [];
    const claims: string[] = [];
    for (const text of [single, '', single]) {
      cluster.settings = parsePlatformSettings(text, { namespace: systemNamespace });
      cluster.restartOperator();
      await cluster.shared.reconcile();
      const { items } = await cluster.api.list(deployments, { namespace: systemNamespace });
      const hasClaim = ({ spec }: (typeof items)[number]) =>
        spec?.template.spec.volumes?.some((one) => one.persistentVolumeClaim?.claimName === 'auth-gateway-state');
      holders.push(items.filter(hasClaim).map(({ metadata }) => metadata.name));
      claims.push((await cluster.api.get(persistentVolumeClaims, inSystem('auth-gateway-state'))).metadata.uid);
    }
    assert.deepEqual(holders, [['auth-gateway'], ['user-store'], ['auth-gateway']]);
    assert.equal(new Set(claims).size, 1);
  });

  it('cause no write when nothing has changed', async () => {
    const cluster = await BenchCluster.start();
    await cluster.shared.reconcile();
    cluster.writes.length = 0;
    await cluster.shared.reconcile();
    cluster.restartOperator();
    await cluster.shared.reconcile();
    assert.deepEqual(cluster.writes, []);
  });

  it('end the same when the operator dies after any of its writes', async () => {
    const straight = await BenchCluster.start();
    await straight.shared.reconcile();
    const writes = straight.writes.length;
    for (let crashAfter = 1; crashAfter <= writes; crashAfter += 3) {
      const cluster = await BenchCluster.start();
      cluster.restartOperator({ at: crashAfter, kind: 'crash' });
      await assert.rejects(cluster.shared.reconcile(), Crash);
      cluster.restartOperator();
      await cluster.shared.reconcile();
      const { items } = await cluster.api.list(deployments, { namespace: systemNamespace });
      assert.deepEqual(items.map((item) => item.metadata.name).sort(), [...sharedServiceNames, 'user-store'].sort());
    }
  });

  it('have what somebody deletes or edits back', async () => {
    const cluster = await BenchCluster.start();
    await cluster.shared.reconcile();
    await cluster.api.delete(deployments, inSystem('cbo-engine'));
    await cluster.api.mergePatch(
      services,
      inSystem('monitoring'),
      { spec: { ports: [{ name: 'http', port: 1, protocol: 'TCP' }] } },
      { fieldManager: 'vandal' },
    );
    await cluster.shared.reconcile();
    await cluster.api.get(deployments, inSystem('cbo-engine'));
    const { spec } = await cluster.api.get(services, inSystem('monitoring'));
    assert.deepEqual(spec?.ports?.map((port) => port.port).includes(8084), true);
  });

  it('know the public key of every service, and of every tenant while it is there', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant();
    await cluster.shared.reconcile();
    const platform = [...sharedServiceNames, 'operator'];
    assert.deepEqual(await readKids(cluster), [...platform, 'tenant-node.default.acme'].sort());
    await cluster.api.delete(tenants, acme);
    await cluster.shared.reconcile();
    assert.deepEqual(await readKids(cluster), [...platform].sort());
  });

  it('let monitoring watch each node by its own name', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant({ autoscaling: { mode: 'Off' }, replicas: 2 });
    await cluster.settle();
    await cluster.shared.reconcile();
    const { data } = await cluster.api.get(configMaps, inSystem('monitoring-targets'));
    const { targets } = JSON.parse(data?.['targets.json'] ?? '') as {
      targets: { service: string; url: string; tenant_id?: string }[];
    };
    assert.deepEqual(
      targets.filter((target) => target.service === 'tenant-node').map((target) => [target.url, target.tenant_id]),
      [
        ['http://hs-acme-0.hsn-acme.default.svc:8000', 'default/acme'],
        ['http://hs-acme-1.hsn-acme.default.svc:8000', 'default/acme'],
      ],
    );
    // The shared services, the process that holds the users, the operator, two nodes.
    assert.equal(targets.length, sharedServiceNames.length + 1 + 1 + 2);
  });

  it('keep their secrets: what is there is read, what is deleted comes back the same, and each is different', async () => {
    const cluster = await BenchCluster.start();
    await cluster.shared.reconcile();
    const key = inSystem('auth-gateway-signing-key');
    const before = await cluster.api.get(secrets, key);
    cluster.restartOperator();
    await cluster.shared.reconcile();
    assert.equal((await cluster.api.get(secrets, key)).metadata.uid, before.metadata.uid);
    await cluster.api.delete(secrets, key);
    await cluster.shared.reconcile();
    assert.deepEqual((await cluster.api.get(secrets, key)).data, before.data);
    const { items } = await cluster.api.list(secrets, { namespace: systemNamespace });
    const texts = new Set(items.map((item) => item.data?.['secret'] ?? item.data?.['password']));
    assert.deepEqual([items.length, texts.size], [9, 9]);
  });

  it('get another key, and the old one leaves the key set, where a Secret is deleted and the operator starts anew', async () => {
    const cluster = await BenchCluster.start();
    await cluster.shared.reconcile();
    const [key, jwks] = [inSystem('monitoring-signing-key'), inSystem('hybridstore-jwks')];
    const read = async () => JSON.parse((await cluster.api.get(configMaps, jwks)).data?.['jwks.json'] ?? '') as Jwks;
    const before = await read();
    await cluster.api.delete(secrets, key);
    cluster.restartOperator();
    await cluster.shared.reconcile();
    const after = await read();
    const kids = new Set(before.keys.map(({ kid }) => kid));
    const fresh = after.keys.filter(({ kid }) => !kids.has(kid)).map(({ kid }) => kid.slice(0, kid.lastIndexOf('.')));
    assert.deepEqual([fresh, after.keys.length], [['monitoring'], before.keys.length]);
  });

  it('give a Tenant made anew another key than the one before of the same name', async () => {
    const cluster = await BenchCluster.start();
    await cluster.shared.reconcile();
    const one = cluster.keys.tenantSecret({ ...acme, uid: 'one' });
    assert.notEqual(cluster.keys.tenantSecret({ ...acme, uid: 'two' }), one);
    assert.equal(cluster.keys.tenantSecret({ ...acme, uid: 'one' }), one);
  });

  it('outlive each object of the chart that somebody deletes, and are owned anew when it is back', async () => {
    const cluster = await startInstalled();
    const before = await readServices(cluster);
    // And the process that holds the users.
    assert.equal(before.length, sharedServiceNames.length + 1);
    for (const [resource, name] of [
      [configMaps, settingsMap.metadata.name],
      [serviceAccounts, operatorName],
      [deployments, operatorName],
    ] as const) {
      await cluster.api.delete(resource, inSystem(name));
      assert.deepEqual(await cluster.collectGarbage(), [], `${resource.kind} ${name}`);
      await cluster.shared.reconcile();
      assert.deepEqual(await cluster.collectGarbage(), [], `${resource.kind} ${name}`);
      await installChart(cluster);
      await cluster.shared.reconcile();
      assert.deepEqual(await readServices(cluster), before, `${resource.kind} ${name}`);
    }
  });

  it('go when the release is removed, and none is made again by an operator that still runs', async () => {
    const cluster = await startInstalled();
    for (const [resource, name] of [
      [deployments, operatorName],
      [serviceAccounts, operatorName],
      [configMaps, settingsMap.metadata.name],
    ] as const) {
      await cluster.api.delete(resource, inSystem(name));
      await cluster.shared.reconcile();
    }
    const deleted = await cluster.collectGarbage();
    assert.deepEqual(
      sharedServiceNames.filter((name) => !deleted.includes(`Deployment/${name}`)),
      [],
    );
    cluster.writes.length = 0;
    assert.deepEqual(await cluster.shared.reconcile(), { kind: 'wait', reason: 'OwnerMissing', afterMs: 15_000 });
    assert.deepEqual(cluster.writes, []);
    assert.deepEqual((await cluster.api.list(services, { namespace: systemNamespace })).items, []);
    assert.equal((await cluster.api.list(persistentVolumeClaims, { namespace: systemNamespace })).items.length, 3);
  });

  it('of an installation whose settings owned them change their owners only', async () => {
    const cluster = await startInstalled();
    const expected = await readServices(cluster);
    const { metadata } = await cluster.api.get(configMaps, inSystem(settingsMap.metadata.name));
    const former = { apiVersion: 'v1', kind: 'ConfigMap', name: metadata.name, uid: metadata.uid };
    const { fieldManager } = cluster.api;
    for (const {
      metadata: { name, labels, ownerReferences },
    } of (await cluster.api.list(deployments, { namespace: systemNamespace })).items) {
      if (ownerReferences === undefined) continue;
      const owned = { name, namespace: systemNamespace, labels, ownerReferences: [former] };
      const { spec } = await cluster.api.get(deployments, inSystem(name));
      await cluster.api.apply(
        deployments,
        { apiVersion: 'apps/v1', kind: 'Deployment', metadata: owned, spec } as Deployment,
        { fieldManager, force: true },
      );
    }
    assert.deepEqual((await readServices(cluster))[0]?.owners, ['ConfigMap/hybridstore-settings']);
    cluster.restartOperator();
    await cluster.shared.reconcile();
    assert.deepEqual(await readServices(cluster), expected);
    await cluster.api.delete(configMaps, inSystem(settingsMap.metadata.name));
    assert.deepEqual(await cluster.collectGarbage(), []);
  });

  it('keep the class and the size of their volumes when settings ask for others, and everything else follows', async () => {
    const cluster = await BenchCluster.start();
    const place = { namespace: systemNamespace };
    cluster.settings = parsePlatformSettings(
      'storage: {stateStorageClassName: slow}\nservices: {auth-gateway: {stateSize: 5Gi}}',
      place,
    );
    cluster.restartOperator();
    await cluster.shared.reconcile();
    for (const name of ['auth-gateway-state', 'monitoring-state']) {
      const status = { phase: 'Bound' };
      const claim = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: inSystem(name), status };
      await cluster.api.patchStatus(persistentVolumeClaims, claim, { fieldManager: 'kubernetes', force: true });
    }
    cluster.settings = parsePlatformSettings(
      'storage: {stateStorageClassName: fast}\nservices: {auth-gateway: {stateSize: 1Gi}, monitoring: {stateSize: 9Gi}, metadata-catalog: {stateSize: 9Gi}, query-interpreter: {replicas: 2}}',
      place,
    );
    cluster.restartOperator();
    await cluster.shared.reconcile();
    const readVolume = async (name: string) => {
      const { spec } = await cluster.api.get(persistentVolumeClaims, inSystem(name));
      return [spec?.storageClassName, spec?.resources?.requests?.storage];
    };
    assert.deepEqual(await readVolume('auth-gateway-state'), ['slow', '5Gi']);
    assert.deepEqual(await readVolume('monitoring-state'), ['slow', '9Gi']);
    // One that is not bound yet may not grow: the API server refuses it.
    assert.deepEqual(await readVolume('metadata-catalog-state'), ['slow', '1Gi']);
    assert.equal((await cluster.api.get(deployments, inSystem('query-interpreter'))).spec?.replicas, 2);
    cluster.writes.length = 0;
    await cluster.shared.reconcile();
    assert.deepEqual(cluster.writes, []);
  });
});
