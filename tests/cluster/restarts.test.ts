import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { listAll, pods, statefulSets } from '@hybridstore/controller-runtime';
import { startClusterPlatform } from '../e2e/cluster-platform.ts';
import { eventually, type Platform } from '../e2e/platform.ts';
import { apply, assertExactlyOnce, dataSource, idColumns, ready, remove, Session, tenant } from '../e2e/session.ts';
import { kubectl, kubectlWith } from './kubectl.ts';
import { describeRecording, type Recording, record } from './recorder.ts';

const restartMsMax = 180_000;

/** As `kubectl drain` does for each pod of a machine. */
async function evict(namespace: string, name: string): Promise<void> {
  const object = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
  await kubectlWith(object, 'create', '--raw', `/api/v1/namespaces/${namespace}/pods/${name}/eviction`, '-f', '-');
}

/** What a planned restart costs whoever uses a tenant of two nodes: nothing. */
describe('planned restarts under load', { timeout: 1_200_000 }, () => {
  const manifest = (note: string) =>
    tenant('rolling', {
      replicas: 2,
      spec: { podTemplate: { metadata: { annotations: { 'example.com/note': note } } } },
    });
  const objects = [manifest('first'), dataSource('rolling', 'ledger', idColumns)];
  const base = { namespace: 'default', name: 'hs-rolling' };
  const acknowledged: number[] = [];
  let platform: Platform;
  let session: Session;

  before(async () => {
    platform = await startClusterPlatform();
    await apply(platform, ...objects);
    await ready(platform, ...objects);
    session = await Session.open(platform, 'default/rolling');
  });
  after(async () => {
    await kubectl('uncordon', '--selector=kubernetes.io/os=linux');
    await remove(platform, ...objects.toReversed());
  });

  const uidOf = async (name: string) => (await platform.kube.get(pods, { namespace: 'default', name })).metadata.uid;

  /** Two other pods than before, both ready. */
  async function rolled(work: () => Promise<unknown>, names: readonly string[]): Promise<void> {
    const earlier = await Promise.all(names.map(uidOf));
    await work();
    await eventually(
      `${names.join(' and ')} made anew`,
      async () => {
        const now = await Promise.all(names.map((name) => uidOf(name).catch(() => undefined)));
        return now.every((uid, index) => uid !== undefined && uid !== earlier[index]) ? true : undefined;
      },
      restartMsMax,
    );
    await eventually(
      'both nodes ready',
      async () => ((await platform.kube.get(statefulSets, base)).status?.readyReplicas === 2 ? true : undefined),
      restartMsMax,
    );
    await ready(platform, ...objects);
  }

  async function require(recording: Recording, say: (text: string) => void): Promise<void> {
    say(describeRecording(recording));
    for (const request of recording.slow) say(request);
    assert.deepEqual(recording.failures, []);
    assert.ok(recording.acknowledged.length > 0);
    acknowledged.push(...recording.acknowledged);
    await assertExactlyOnce(session, 'ledger', acknowledged);
    // A repeated batch is known, whichever node owned its id meanwhile.
    for (const id of recording.keyed.slice(0, 20)) {
      const answer = await session.write('ledger', [{ id }], { 'idempotency-key': `recorded-${id}` });
      assert.equal((answer.body as { duplicate?: boolean }).duplicate, true, JSON.stringify(answer.body));
    }
  }

  const both = ['hs-rolling-0', 'hs-rolling-1'];
  const machineOf = async (name: string) =>
    (await platform.kube.get(pods, { namespace: 'default', name })).spec.nodeName ??
    assert.fail(`${name} runs nowhere`);

  const events: readonly (readonly [name: string, names: readonly string[], act: () => Promise<unknown>])[] = [
    ['an edit of the pods’ template', both, () => apply(platform, manifest('second'))],
    ['kubectl rollout restart', both, () => kubectl('rollout', 'restart', 'statefulset/hs-rolling', '-n', 'default')],
    ['an eviction', ['hs-rolling-0'], () => evict('default', 'hs-rolling-0')],
  ];
  // What is restarted has been at work: the first query of a new tenant is another matter.
  it('a platform at work answers', async (context) => {
    const recording = await record(session, 'ledger', 8_000_000, () => sleep(5_000));
    await require(recording, (text) => context.diagnostic(`at work: ${text}`));
  });

  for (const [index, [name, names, act]] of events.entries())
    it(`${name} fails no request`, async (context) => {
      const recording = await record(session, 'ledger', (index + 1) * 1_000_000, () => rolled(act, names));
      await require(recording, (text) => context.diagnostic(`${name}: ${text}`));
    });

  /** Where a drain before has left everything on one machine, another one would move the whole platform at once. */
  async function spread(): Promise<void> {
    await kubectl('rollout', 'restart', 'deployment', '-n', platform.systemNamespace);
    await kubectl('rollout', 'status', 'deployment', '-n', platform.systemNamespace, '--timeout=180s');
    await settled();
    const machines = await Promise.all(both.map(machineOf));
    if (new Set(machines).size < 2) await rolled(() => evict('default', 'hs-rolling-1'), ['hs-rolling-1']);
  }

  /** Nobody is on the way out any more: what is measured is the drain alone. */
  const settled = () =>
    eventually(
      'the old pods gone',
      async () => {
        const { items } = await listAll(platform.kube, pods, { namespace: platform.systemNamespace });
        return items.every(({ metadata }) => metadata.deletionTimestamp === undefined) ? true : undefined;
      },
      restartMsMax,
    );

  it('a drain of a machine fails no request', async (context) => {
    await spread();
    // A platform that is drained has been at work before.
    const warm = await record(session, 'ledger', 9_000_000, () => sleep(5_000));
    await require(warm, (text) => context.diagnostic(`before the drain: ${text}`));
    const machine = await machineOf('hs-rolling-0');
    const recording = await record(session, 'ledger', 10_000_000, async () => {
      await rolled(
        () => kubectl('drain', machine, '--ignore-daemonsets', '--delete-emptydir-data', '--timeout=300s'),
        ['hs-rolling-0'],
      );
      await kubectl('uncordon', machine);
    });
    await require(recording, (text) => context.diagnostic(`drain of ${machine}: ${text}`));
  });
});
