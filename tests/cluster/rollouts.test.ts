import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { getOrNothing, type Pod, pods, type Stored } from '@hybridstore/controller-runtime';
import { type Tenant, tenants } from '@hybridstore/operator';
import { startClusterPlatform } from '../e2e/cluster-platform.ts';
import { eventually, type Platform } from '../e2e/platform.ts';
import {
  apply,
  assertExactlyOnce,
  dataSource,
  idColumns,
  ingest,
  ready,
  remove,
  Session,
  tenant,
} from '../e2e/session.ts';
import { helm } from './helm.ts';
import { kubectl, kubectlWith } from './kubectl.ts';

const stoppedMsMax = 120_000;
const mendedMsMax = 300_000;
const absent = 'hybridstore/services:no-such-version';

const imageOf = (pod: Stored<Pod> | undefined) => pod?.spec.containers[0]?.image;
const isReady = ({ status }: Stored<Pod>) =>
  status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false;
const conditionOf = (one: Tenant, type: string) => one.status?.conditions?.find((condition) => condition.type === type);

describe('a version that does not exist', { timeout: 900_000 }, () => {
  const nodes = ['hs-mended-0', 'hs-mended-1'];
  const manifest = (image?: string) => tenant('mended', { replicas: 2, spec: image === undefined ? {} : { image } });
  const objects = [manifest(), dataSource('mended', 'ledger', idColumns)];
  const key = { namespace: 'default', name: 'mended' };
  let platform: Platform;
  let session: Session;
  let acknowledged: number[] = [];
  let right: string | undefined;

  const podOf = (name: string) => getOrNothing(platform.kube, pods, { namespace: 'default', name });
  const images = () => Promise.all(nodes.map(async (name) => imageOf(await podOf(name))));
  const read = () => platform.kube.get<Tenant>(tenants, key);
  const write = async (turn: number) => {
    const ids = await ingest(session, 'ledger', { from: turn * 1_000, batches: 10, rowsPerBatch: 20, key: `t${turn}` });
    acknowledged = [...acknowledged, ...ids];
  };

  before(async () => {
    platform = await startClusterPlatform();
    await apply(platform, ...objects);
    await ready(platform, ...objects);
    session = await Session.open(platform, 'default/mended');
    right = (await images())[0];
    await write(0);
  });
  after(() => remove(platform, ...objects.toReversed()));

  it('goes no further than the first node, and is said with pod, image and the words of who refused it', async (context) => {
    const uid = (await podOf('hs-mended-0'))?.metadata.uid;
    await apply(platform, manifest(absent));
    const message = await eventually(
      'the rollout stopped',
      async () => {
        const progressing = conditionOf(await read(), 'Progressing');
        if (progressing?.reason === 'RolloutStopped') return progressing.message;
        throw new Error(JSON.stringify((await read()).status?.conditions));
      },
      stoppedMsMax,
    );
    context.diagnostic(message);
    assert.match(message, /hs-mended-1 .*no-such-version.*:/);
    assert.deepEqual(await images(), [right, absent]);
    assert.equal((await podOf('hs-mended-0'))?.metadata.uid, uid);
  });

  it('is mended by the right one though the other node was evicted meanwhile, without a hand', async (context) => {
    await kubectl('delete', 'pod', 'hs-mended-0', '-n', 'default');
    // The set makes it of the newest template: neither of the two is of a version that exists now.
    await eventually('both nodes of the absent version', async () =>
      (await images()).every((image) => image === absent) ? true : undefined,
    );
    const claims = await kubectl(
      'get',
      'pvc',
      '-n',
      'default',
      '-l',
      'app.kubernetes.io/instance=mended',
      '-o',
      'name',
    );
    const startedMs = performance.now();
    await apply(platform, manifest());
    await eventually(
      'Ready with both nodes of the right version',
      async () => {
        const isReady = conditionOf(await read(), 'Ready')?.status === 'True';
        if (isReady && (await images()).every((image) => image === right)) return true;
        throw new Error(JSON.stringify([await images(), (await read()).status?.conditions]));
      },
      mendedMsMax,
    );
    context.diagnostic(`Ready ${Math.round((performance.now() - startedMs) / 1_000)} s after the correction`);
    assert.equal(
      await kubectl('get', 'pvc', '-n', 'default', '-l', 'app.kubernetes.io/instance=mended', '-o', 'name'),
      claims,
    );
    await write(1);
    await assertExactlyOnce(session, 'ledger', acknowledged);
  });
});

describe('an upgrade of the chart', { timeout: 900_000 }, () => {
  /** Without a class of its own: what the chart says when it is made is what it keeps. */
  const plain = (name: string) =>
    tenant(name, {
      replicas: 1,
      spec: { storage: { log: { size: '256Mi' }, data: { sharedVolume: { size: '1Gi' } } } },
    });
  const objects = [plain('settled'), dataSource('settled', 'ledger', idColumns), plain('second')];
  const newcomer = plain('newcomer');
  let platform: Platform;
  let session: Session;
  let acknowledged: number[] = [];

  const upgrade = (...settings: readonly string[]) => helm('upgrade', platform.systemNamespace, ...settings);
  const readNodes = async () => {
    const found = await kubectl('get', 'pods', '-A', '-l', 'app.kubernetes.io/component=tenant-node', '-o', 'json');
    return (JSON.parse(found) as { items: Stored<Pod>[] }).items;
  };
  const describeNodes = async () =>
    (await readNodes())
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map(
        ({ metadata, status }) =>
          `${metadata.namespace}/${metadata.name} ${metadata.uid} ${status?.containerStatuses?.[0]?.restartCount}`,
      );
  const classOf = async (name: string) =>
    kubectl('get', 'pvc', `log-hs-${name}-0`, '-n', 'default', '-o', 'jsonpath={.spec.storageClassName}');

  before(async () => {
    platform = await startClusterPlatform();
    await apply(platform, ...objects);
    await ready(platform, ...objects);
    session = await Session.open(platform, 'default/settled');
    acknowledged = await ingest(session, 'ledger', { from: 0, batches: 10, rowsPerBatch: 20, key: 'settled' });
  });
  after(async () => {
    await upgrade();
    await kubectl('delete', 'storageclass', 'next-default', '--ignore-not-found');
    await remove(platform, ...objects.toReversed());
  });

  it('with another level of logs restarts nothing of any tenant, and reaches every node', async () => {
    const nodes = await describeNodes();
    assert.ok(nodes.length > 0);
    await upgrade('--set', 'logLevel=debug');
    await eventually(
      'a node that follows it',
      async () =>
        (await kubectl('logs', 'hs-settled-0', '-n', 'default')).includes('"to":"debug"') ? true : undefined,
      180_000,
    );
    assert.deepEqual(await describeNodes(), nodes);
  });

  it('with another class of volumes leaves tenants as they are, and gives it to new ones', async () => {
    const [nodes, before] = [await describeNodes(), await classOf('settled')];
    const copy = JSON.parse(await kubectl('get', 'storageclass', before, '-o', 'json'));
    const { provisioner, parameters, volumeBindingMode, reclaimPolicy, allowVolumeExpansion } = copy;
    const metadata = { name: 'next-default' };
    const made = { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata, provisioner, parameters };
    await kubectlWith({ ...made, volumeBindingMode, reclaimPolicy, allowVolumeExpansion }, 'apply', '-f', '-');
    await upgrade('--set', 'storage.logStorageClassName=next-default');
    await apply(platform, newcomer);
    // There is no volume of that class: the claim alone shows what a new Tenant gets.
    await eventually('a claim of the new class', async () =>
      (await classOf('newcomer').catch(() => '')) === 'next-default' ? true : undefined,
    );
    await ready(platform, ...objects);
    assert.equal(await classOf('settled'), before);
    const isOlder = (node: string) => !node.startsWith('default/hs-newcomer-');
    assert.deepEqual((await describeNodes()).filter(isOlder), nodes);
    await assertExactlyOnce(session, 'ledger', acknowledged);
    await upgrade();
    await remove(platform, newcomer);
  });

  it('that restarts nodes reaches one tenant after the other, and says who waits for whom', async (context) => {
    const earlier = new Set((await readNodes()).map(({ metadata }) => metadata.uid));
    let isOver = false;
    const most = countAway(() => isOver);
    const [queued] = await Promise.all([
      eventually('a tenant that waits', findQueued, mendedMsMax),
      upgrade('--set', 'config.tenant-node.FLUSH_INTERVAL_MS=4000'),
    ]);
    context.diagnostic(queued);
    assert.match(queued, /default\/\w+/);
    await eventually(
      'every node made anew, and ready',
      async () => {
        const nodes = await readNodes();
        const areNew = nodes.every((node) => !earlier.has(node.metadata.uid) && isReady(node));
        return areNew ? true : undefined;
      },
      mendedMsMax,
    );
    isOver = true;
    const { tenants: away, looks } = await most;
    context.diagnostic(`at most ${away} tenant had a node away, in ${looks} looks`);
    assert.deepEqual([away, looks > 10], [1, true]);
    await assertExactlyOnce(session, 'ledger', acknowledged);
  });

  /** The words of a Tenant that waits for another to follow. */
  async function findQueued(): Promise<string | undefined> {
    const found = await kubectl('get', 'tenants', '-A', '-o', 'json');
    const { items } = JSON.parse(found) as { items: Tenant[] };
    return items.map((one) => conditionOf(one, 'Progressing')).find((one) => one?.reason === 'RolloutQueued')?.message;
  }

  /** How many tenants had a node that was not ready, at one time, until it is over. */
  async function countAway(isOver: () => boolean): Promise<{ readonly tenants: number; readonly looks: number }> {
    let [most, looks] = [0, 0];
    while (!isOver()) {
      const away = (await readNodes()).filter(
        (node) => !isReady(node) || node.metadata.deletionTimestamp !== undefined,
      );
      most = Math.max(most, new Set(away.map((node) => node.metadata.labels?.['app.kubernetes.io/instance'])).size);
      looks += 1;
    }
    return { tenants: most, looks };
  }
});
