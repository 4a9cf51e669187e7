import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { getOrNothing, persistentVolumeClaims, pods, statefulSets } from '@hybridstore/controller-runtime';
import { isHybridStoreError } from '@hybridstore/runtime';
import { parsePlatformSettings } from '../../src/platform-settings.ts';
import { tenants } from '../../src/resources/custom-resources.ts';
import { acme, BenchCluster, Crash, conditionOf, systemNamespace } from '../bench-cluster.ts';

const inDefault = (name: string) => ({ namespace: 'default', name });
const withLog = (log: object, more: object = {}) => ({
  autoscaling: { mode: 'Off' },
  replicas: 2,
  storage: { log },
  ...more,
});

async function startWith(spec: object, missingClasses: readonly string[] = []): Promise<BenchCluster> {
  const cluster = await BenchCluster.start();
  for (const name of missingClasses) cluster.missingClasses.add(name);
  await cluster.applyTenant(spec);
  await cluster.settle();
  return cluster;
}

async function readLogs(cluster: BenchCluster): Promise<readonly string[]> {
  const { items } = await cluster.api.list(persistentVolumeClaims, { namespace: 'default' });
  return items
    .filter(({ metadata }) => metadata.name.startsWith('log-'))
    .map(({ metadata, spec, status }) => {
      const { storageClassName = 'none', resources } = spec ?? {};
      return `${metadata.name} ${storageClassName} ${resources?.requests?.storage} ${status?.capacity?.storage ?? status?.phase}`;
    })
    .sort();
}

async function readPods(cluster: BenchCluster): Promise<readonly string[]> {
  return (await cluster.api.list(pods, { namespace: 'default' })).items.map(({ metadata }) => metadata.uid);
}

async function storageOf(cluster: BenchCluster): Promise<string> {
  const { conditions = [] } = (await cluster.tenant()).status ?? {};
  const { status, reason, message } = conditions.find(({ type }) => type === 'StorageReady') ?? {};
  return `${status}/${reason}: ${message}`;
}

const isRefusedWith = (words: RegExp) => (error: unknown) =>
  isHybridStoreError(error, 'invalid_request') && words.test(error.message);

describe('log volumes that are to grow', () => {
  it('grow while their nodes run, and those of nodes that come later do, too', async () => {
    const cluster = await startWith(withLog({ size: '10Gi' }));
    const before = {
      pods: await readPods(cluster),
      spec: (await cluster.api.get(statefulSets, inDefault('hs-acme'))).spec,
    };
    cluster.isResizerAway = true;
    await cluster.applyTenant(withLog({ size: '20Gi' }));
    await cluster.settle();
    assert.equal(await storageOf(cluster), 'False/Growing: claim log-hs-acme-0 has 10Gi and grows to 20Gi');
    assert.equal(conditionOf(await cluster.tenant(), 'Ready'), 'True/AllNodesReady');
    cluster.isResizerAway = false;
    await cluster.settle();
    assert.deepEqual(await readLogs(cluster), ['log-hs-acme-0 none 20Gi 20Gi', 'log-hs-acme-1 none 20Gi 20Gi']);
    assert.equal(await storageOf(cluster), 'True/Bound: every volume is bound');
    assert.deepEqual(await readPods(cluster), before.pods);
    assert.deepEqual((await cluster.api.get(statefulSets, inDefault('hs-acme'))).spec, before.spec);
    await cluster.applyTenant(withLog({ size: '20Gi' }, { replicas: 3 }));
    await cluster.settle();
    assert.equal((await readLogs(cluster)).at(-1), 'log-hs-acme-2 none 20Gi 20Gi');
    cluster.writes.length = 0;
    await cluster.pass();
    assert.deepEqual(cluster.writes, []);
  });

  it('and may not say so with the remedy, everything else goes on, and the size can be taken back', async () => {
    const cluster = await startWith(withLog({ size: '10Gi' }));
    cluster.growthRefusal = 'only dynamically provisioned pvc can be resized';
    await cluster.applyTenant(withLog({ size: '20Gi' }, { replicas: 3 }));
    await cluster.settle();
    assert.equal(
      await storageOf(cluster),
      'False/GrowthRefused: claim log-hs-acme-0 has 10Gi and cannot grow to 20Gi: only dynamically provisioned pvc can be resized; ' +
        'let its storage class allow it (allowVolumeExpansion: true), or set spec.storage.log.size back to 10Gi',
    );
    assert.equal(conditionOf(await cluster.tenant(), 'Ready'), 'True/AllNodesReady');
    assert.equal((await cluster.tenant()).status?.readyReplicas, 3);
    await assert.rejects(
      cluster.applyTenant(withLog({ size: '9Gi' }, { replicas: 3 })),
      isRefusedWith(/may only grow, or go back/),
    );
    await cluster.applyTenant(withLog({ size: 10 * 1024 ** 3 }, { replicas: 3 }));
    await cluster.settle();
    assert.equal(await storageOf(cluster), 'True/Bound: every volume is bound');
  });

  it('grow once their class allows it', async () => {
    const cluster = await startWith(withLog({ size: '10Gi' }));
    cluster.growthRefusal = 'no';
    await cluster.applyTenant(withLog({ size: '20Gi' }));
    await cluster.settle();
    cluster.growthRefusal = undefined;
    await cluster.clock.advance(60_000);
    await cluster.settle();
    assert.deepEqual(await readLogs(cluster), ['log-hs-acme-0 none 20Gi 20Gi', 'log-hs-acme-1 none 20Gi 20Gi']);
  });

  it('that has been asked for and not been done can be less, down to what they have', async () => {
    const cluster = await startWith(withLog({ size: '10Gi' }));
    cluster.isResizerAway = true;
    for (const [size, requested] of [
      ['20Gi', '20Gi'],
      ['15Gi', '15Gi'],
      ['10Gi', '15Gi'],
    ]) {
      await cluster.applyTenant(withLog({ size }));
      await cluster.settle();
      assert.equal((await readLogs(cluster))[0], `log-hs-acme-0 none ${requested} 10Gi`);
    }
    assert.equal(await storageOf(cluster), 'True/Bound: every volume is bound');
  });

  it('never shrink: the definition refuses it, whichever way the amounts are written', async () => {
    const cluster = await startWith(withLog({ size: '10Gi' }));
    for (const size of ['5Gi', 1_024, '10737418239'])
      await assert.rejects(
        cluster.applyTenant(withLog({ size })),
        isRefusedWith(/storage\.log\.size may only grow/),
        `${size}`,
      );
    for (const size of [10_737_418_240, '10Gi', 10_737_418_241, '11Gi']) await cluster.applyTenant(withLog({ size }));
  });
});

describe('a storage class that does not exist', () => {
  it('can be corrected while nothing is bound: set and claims are made anew, whenever the operator dies', async () => {
    const straight = await startWith(withLog({ storageClassName: 'fats' }), ['fats']);
    assert.match(await storageOf(straight), /^False\/Pending: claim log-hs-acme-0 is Pending$/);
    assert.deepEqual((await straight.tenant()).status?.storage?.log, { phase: 'Unbound' });
    straight.writes.length = 0;
    await straight.applyTenant(withLog({ storageClassName: 'fast' }));
    await straight.settle();
    const expected = ['log-hs-acme-0 fast 10Gi 10Gi', 'log-hs-acme-1 fast 10Gi 10Gi'];
    assert.deepEqual(await readLogs(straight), expected);
    assert.equal(conditionOf(await straight.tenant(), 'Ready'), 'True/AllNodesReady');
    assert.equal(await storageOf(straight), 'True/Bound: every volume is bound');
    const writes = straight.writes.length;
    for (let crashAfter = 1; crashAfter <= writes; crashAfter += 1) {
      const cluster = await startWith(withLog({ storageClassName: 'fats' }), ['fats']);
      await cluster.applyTenant(withLog({ storageClassName: 'fast' }));
      cluster.writes.length = 0;
      cluster.restartOperator({ at: crashAfter, kind: 'crash' });
      await cluster.keys.ensure();
      await assert.rejects(cluster.settle(), Crash, `write ${crashAfter} of ${writes}`);
      cluster.restartOperator();
      await cluster.keys.ensure();
      await cluster.settle();
      assert.deepEqual(await readLogs(cluster), expected, `after write ${crashAfter}`);
    }
  });

  it('of the platform, or too large a size, can be corrected, too', async () => {
    const cluster = await BenchCluster.start();
    cluster.missingClasses.add('fats');
    const restart = async (text: string) => {
      cluster.settings = parsePlatformSettings(text, { namespace: systemNamespace });
      cluster.restartOperator();
      await cluster.keys.ensure();
    };
    await restart('storage: {logStorageClassName: fats, dataStorageClassName: fats}');
    await cluster.applyTenant(withLog({ size: '10Ti' }));
    await cluster.settle();
    await restart('storage: {logStorageClassName: fast, dataStorageClassName: shared}');
    await cluster.applyTenant(withLog({ size: '10Gi' }));
    await cluster.settle();
    assert.deepEqual(await readLogs(cluster), ['log-hs-acme-0 fast 10Gi 10Gi', 'log-hs-acme-1 fast 10Gi 10Gi']);
    const data = await cluster.api.get(persistentVolumeClaims, inDefault('hs-acme-data'));
    assert.equal(data.spec?.storageClassName, 'shared');
    assert.equal(conditionOf(await cluster.tenant(), 'Ready'), 'True/AllNodesReady');
  });

  it('of the shared volume can be corrected while that is not bound, and its nodes wait', async () => {
    const shared = (storageClassName: string) => ({
      autoscaling: { mode: 'Off' },
      storage: { data: { sharedVolume: { storageClassName } } },
    });
    const cluster = await startWith(shared('fats'), ['fats']);
    assert.equal(await storageOf(cluster), 'False/Pending: claim hs-acme-data is Pending');
    await cluster.applyTenant(shared('nfs'));
    await cluster.settle();
    const data = await cluster.api.get(persistentVolumeClaims, inDefault('hs-acme-data'));
    assert.deepEqual([data.spec?.storageClassName, data.status?.phase], ['nfs', 'Bound']);
    await assert.rejects(
      cluster.applyTenant(shared('other')),
      isRefusedWith(/sharedVolume\.storageClassName is immutable once/),
    );
  });

  it('is refused once a volume is bound, and makes nothing anew when the refusal came too late', async () => {
    const cluster = await startWith(withLog({ storageClassName: 'fast' }));
    assert.deepEqual((await cluster.tenant()).status?.storage?.log, {
      phase: 'Bound',
      capacity: '10Gi',
      storageClassName: 'fast',
    });
    const other = withLog({ storageClassName: 'fats' });
    await assert.rejects(cluster.applyTenant(other), isRefusedWith(/storage\.log\.storageClassName is immutable once/));
    const before = await readLogs(cluster);
    const running = await readPods(cluster);
    // As it is for a moment: the volumes are bound, and no status says so yet.
    const late = { storage: { log: { phase: 'Unbound' }, data: { phase: 'Bound' } } };
    const { apiVersion, kind } = tenants;
    const options = { fieldManager: cluster.api.fieldManager, force: true };
    await cluster.api.patchStatus(tenants, { apiVersion, kind, metadata: { ...acme }, status: late }, options);
    await cluster.applyTenant(other);
    await cluster.settle();
    assert.equal(
      await storageOf(cluster),
      'False/ClassFixed: spec.storage.log.storageClassName is fats, and its volumes were made of fast: set it back',
    );
    assert.deepEqual([await readLogs(cluster), await readPods(cluster)], [before, running]);
    await cluster.applyTenant(withLog({ storageClassName: 'fast' }));
    await cluster.settle();
    assert.equal(await storageOf(cluster), 'True/Bound: every volume is bound');
  });

  it('takes no set away of which a volume was bound, a node runs, or a claim is not known', async () => {
    const spoil: readonly (readonly [string, (cluster: BenchCluster) => Promise<unknown>])[] = [
      [
        'bound',
        (cluster) =>
          cluster.api.patchStatus(persistentVolumeClaims, claimStatus('Bound'), {
            fieldManager: 'kubernetes',
            force: true,
          }),
      ],
      ['of somebody else', (cluster) => giveAway(cluster)],
      ['not known', (cluster) => cluster.api.delete(persistentVolumeClaims, inDefault('log-hs-acme-1'))],
    ];
    for (const [what, apply] of spoil) {
      const cluster = await startWith(withLog({ storageClassName: 'fats' }), ['fats']);
      const { uid } = (await cluster.api.get(statefulSets, inDefault('hs-acme'))).metadata;
      await cluster.applyTenant(withLog({ storageClassName: 'fast' }));
      await apply(cluster);
      await cluster.pass().catch((error: unknown) => assert.ok(isHybridStoreError(error, 'conflict'), what));
      assert.equal((await cluster.api.get(statefulSets, inDefault('hs-acme'))).metadata.uid, uid, what);
    }
  });

  it('waits for pods that go with their set, and leaves those that were let stay their claims', async () => {
    for (const isLetStay of [false, true]) {
      const cluster = await startWith(withLog({ storageClassName: 'fats' }), ['fats']);
      const before = await readLogs(cluster);
      await cluster.api.delete(statefulSets, inDefault('hs-acme'));
      if (isLetStay)
        for (const name of ['hs-acme-0', 'hs-acme-1'])
          await cluster.api.mergePatch(pods, inDefault(name), { metadata: { ownerReferences: null } });
      const result = await cluster.pass();
      const set = await getOrNothing(cluster.api, statefulSets, inDefault('hs-acme'));
      assert.deepEqual([result.kind === 'wait', set === undefined], [!isLetStay, !isLetStay]);
      assert.deepEqual(await readLogs(cluster), before);
    }
  });

  /** As a set that outlived a Tenant of the same name. */
  async function giveAway(cluster: BenchCluster): Promise<void> {
    const { metadata } = await cluster.api.get(statefulSets, inDefault('hs-acme'));
    const ownerReferences = (metadata.ownerReferences ?? []).map((one) => ({ ...one, uid: 'another' }));
    await cluster.api.mergePatch(statefulSets, inDefault('hs-acme'), { metadata: { ownerReferences } });
  }

  function claimStatus(phase: string) {
    return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: inDefault('log-hs-acme-1'), status: { phase } };
  }
});

describe('what a Tenant says of its volumes', () => {
  it('names a log claim that is not there', async () => {
    const cluster = await startWith(withLog({}));
    await cluster.api.delete(persistentVolumeClaims, inDefault('log-hs-acme-1'));
    await cluster.pass();
    assert.equal(await storageOf(cluster), 'False/ClaimMissing: claim log-hs-acme-1 does not exist yet');
  });

  it('names a lost volume of a node that left without handing over', async () => {
    const cluster = await startWith(withLog({}, { replicas: 3 }));
    await cluster.applyTenant(withLog({}));
    await cluster.settle();
    const metadata = inDefault('log-hs-acme-2');
    const lost = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata, status: { phase: 'Lost' } };
    await cluster.api.patchStatus(persistentVolumeClaims, lost, { fieldManager: 'kubernetes', force: true });
    await cluster.pass();
    assert.equal(conditionOf(await cluster.tenant(), 'StorageReady'), 'True/Bound');
    const annotations = { 'hybridstore.dev/drained-at': null };
    await cluster.api.mergePatch(persistentVolumeClaims, metadata, { metadata: { annotations } });
    await cluster.pass();
    assert.equal(await storageOf(cluster), 'False/Lost: claim log-hs-acme-2 is Lost');
  });

  it('does not speak of rows of a leaving node that never had a volume', async () => {
    const cluster = await startWith(withLog({}));
    cluster.isResizerAway = true;
    await cluster.applyTenant(withLog({}, { replicas: 3 }));
    await cluster.settle();
    cluster.nodes.stuck.add('hs-acme-2');
    await cluster.applyTenant(withLog({}));
    for (let count = 0; count < 70; count += 1) {
      await cluster.pass();
      await cluster.clock.advance(1_000);
    }
    const tenant = await cluster.tenant();
    assert.equal(conditionOf(tenant, 'Degraded'), 'True/DrainStalled');
    assert.equal(conditionOf(tenant, 'DataSafe'), 'True/AllNodesReady');
  });
});
