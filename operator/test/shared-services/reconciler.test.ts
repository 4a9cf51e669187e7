import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Jwks } from '@hybridstore/contracts';
import { configMaps, deployments, persistentVolumeClaims, secrets, services } from '@hybridstore/controller-runtime';
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
        ['http://hs-acme-0.hs-acme-nodes.default.svc:8000', 'default/acme'],
        ['http://hs-acme-1.hs-acme-nodes.default.svc:8000', 'default/acme'],
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
});
