import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { pods, statefulSets } from '@hybridstore/controller-runtime';
import { type Tenant, tenants } from '@hybridstore/operator';
import { startClusterPlatform } from '../e2e/cluster-platform.ts';
import { eventually, type Platform } from '../e2e/platform.ts';
import { apply, assertExactlyOnce, dataSource, idColumns, ready, remove, Session, tenant } from '../e2e/session.ts';
import { kubectl } from './kubectl.ts';

const waitMsMax = 120_000;
const annotation = 'hybridstore.dev/give-up-node';

/** One node of two is away, and no machine takes it; then a person gives it up, and then it is back after all. */
describe('a node that is lost', { timeout: 600_000 }, () => {
  const manifest = (replicas: number) => tenant('lossy', { replicas });
  const source = dataSource('lossy', 'ledger', idColumns);
  const key = { namespace: 'default', name: 'lossy' };
  const lost = 'hs-lossy-1';
  const acknowledged: number[] = [];
  let platform: Platform;
  let session: Session;

  before(async () => {
    platform = await startClusterPlatform();
    await apply(platform, manifest(2), source);
    await ready(platform, manifest(2), source);
    session = await Session.open(platform, 'default/lossy');
  });
  after(async () => {
    await kubectl('uncordon', '--selector=kubernetes.io/os=linux');
    await remove(platform, source, manifest(2));
  });

  const givingUp = async () => (await platform.kube.get<Tenant>(tenants, key)).status?.givingUp;

  async function write(id: number, isKeyed: boolean) {
    const answer = await session.write('ledger', [{ id }], isKeyed ? { 'idempotency-key': `loss-${id}` } : {});
    if (answer.status === 200) acknowledged.push(id);
    return answer;
  }

  it('takes neither the other writes nor committed reads with it, and is named with since when it is away', async (context) => {
    for (let id = 0; id < 40; id += 1) assert.equal((await write(id, id % 2 === 0)).status, 200);
    await kubectl('cordon', '--selector=kubernetes.io/os=linux');
    await kubectl('delete', 'pod', lost, '-n', 'default', '--grace-period=0', '--force');
    await eventually(
      'one node left in the Service',
      async () => ((await write(1_000 + acknowledged.length, false)).status === 200 ? true : undefined),
      waitMsMax,
    );
    await eventually(
      'strict reads name it',
      async () => {
        const { status, body } = await session.post('/data/search', { source_id: 'ledger', limit: 0 });
        const details = (body.error as { details?: Record<string, unknown> } | undefined)?.details;
        return status === 503 && details?.['member'] === lost && details['away_since'] !== undefined ? true : undefined;
      },
      waitMsMax,
    );
    const committed = await session.post('/data/search', { source_id: 'ledger', limit: 0, consistency: 'committed' });
    assert.equal(committed.status, 200, JSON.stringify(committed.body));
    let [refused, longestMs] = [0, 0];
    for (let id = 2_000; id < 2_040; id += 1) {
      const startedMs = performance.now();
      const { status, body } = await write(id, true);
      longestMs = Math.max(longestMs, performance.now() - startedMs);
      if (status === 200) continue;
      refused += 1;
      assert.equal(status, 503);
      assert.match(JSON.stringify(body), /is known to hs-lossy-1 alone: member hs-lossy-1 is away since/);
    }
    context.diagnostic(
      `${refused} of 40 batches with an id refused, the longest answer took ${Math.round(longestMs)} ms`,
    );
    assert.ok(refused > 0 && refused < 40);
  });

  it('is given up when a person confirms the rows that may be lost', async (context) => {
    await kubectl('annotate', 'tenant', 'lossy', '-n', 'default', `${annotation}=${lost}`);
    const asked = await eventually(
      'the number of rows',
      async () => ((await givingUp())?.state === 'Asked' ? givingUp() : undefined),
      waitMsMax,
    );
    context.diagnostic(asked.message);
    const noted = await kubectl('describe', 'tenant', 'lossy', '-n', 'default');
    assert.match(noted, /GiveUpAsked/);
    await kubectl('annotate', '--overwrite', 'tenant', 'lossy', '-n', 'default', `${annotation}=${lost}/${asked.rows}`);
    await eventually('given up', async () => ((await givingUp())?.state === 'GivenUp' ? true : undefined), waitMsMax);
    const strict = await session.post('/data/search', { source_id: 'ledger', limit: 0 });
    assert.equal(strict.status, 200, JSON.stringify(strict.body));
    for (let id = 3_000; id < 3_040; id += 1) assert.equal((await write(id, true)).status, 200);
  });

  it('does not hold up a scale-in any more', async () => {
    await apply(platform, manifest(1));
    await eventually(
      'one node',
      async () =>
        (await platform.kube.get(statefulSets, { namespace: 'default', name: 'hs-lossy' })).spec?.replicas === 1
          ? true
          : undefined,
      waitMsMax,
    );
    await ready(platform, manifest(1));
  });

  it('brings its rows with it when it is back after all', async () => {
    await kubectl('uncordon', '--selector=kubernetes.io/os=linux');
    await kubectl('annotate', 'tenant', 'lossy', '-n', 'default', `${annotation}-`);
    await apply(platform, manifest(2));
    await ready(platform, manifest(2));
    await platform.kube.get(pods, { namespace: 'default', name: lost });
    await assertExactlyOnce(session, 'ledger', acknowledged);
  });
});
