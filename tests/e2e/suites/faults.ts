import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  configMaps,
  listAll,
  persistentVolumeClaims,
  pods,
  serviceAccounts,
  services,
  statefulSets,
} from '@hybridstore/controller-runtime';
import { tenants } from '@hybridstore/operator';
import { eventually, type Platform } from '../platform.ts';
import { apply, assertExactlyOnce, dataSource, idColumns, ingest, ready, remove, Session, tenant } from '../session.ts';

/** On a cluster; the embedded platform's nodes are killed 20 times by a test of their own. */
const kills = Number(
  process.env['HYBRIDSTORE_E2E_KILLS'] ?? (process.env['HYBRIDSTORE_E2E'] === 'kubernetes' ? 20 : 6),
);

/** What breaks in a cluster, and what must not be lost by it. */
export function faults(open: () => Platform): void {
  describe('faults', () => {
    const objects = [tenant('sturdy', { replicas: 2 }), dataSource('sturdy', 'ledger', idColumns)];
    let session: Session;
    let next = 0;
    let acknowledged: number[] = [];

    before(async () => {
      await apply(open(), ...objects);
      await ready(open(), ...objects);
      session = await Session.open(open(), 'default/sturdy');
    });
    after(() => remove(open(), ...objects.toReversed()));

    it(`loses and doubles no acknowledged row when nodes are killed ${kills} times during ingest`, {
      timeout: 600_000,
    }, async () => {
      let isDone = false;
      const writers = [0, 1].map((writer) =>
        ingest(session, 'ledger', {
          from: writer * 10_000_000,
          batches: 1_000_000,
          rowsPerBatch: 20,
          key: `kill-${writer}`,
          isStopped: () => isDone,
        }),
      );
      for (let kill = 0; kill < kills; kill += 1) {
        const pod = `hs-sturdy-${kill % 2}`;
        const before = await eventually('pod runs', async () => (await readStarts(open(), pod)) ?? undefined);
        await open().killPod('default', pod);
        await eventually(
          `${pod} ready again`,
          async () => {
            const starts = await readStarts(open(), pod);
            return starts !== undefined && starts !== before ? true : undefined;
          },
          120_000,
        );
      }
      isDone = true;
      acknowledged = (await Promise.all(writers)).flat();
      assert.ok(acknowledged.length > 0);
      await assertExactlyOnce(session, 'ledger', acknowledged);
    });

    it('repairs a child that somebody deletes or edits', async () => {
      const key = { namespace: 'default', name: 'hs-sturdy' };
      const { metadata } = await open().kube.get(services, key);
      await open().kube.delete(services, key);
      await eventually('service made again', async () =>
        (await open().kube.get(services, key)).metadata.uid !== metadata.uid ? true : undefined,
      );
      await open().kube.mergePatch(
        statefulSets,
        key,
        { spec: { template: { metadata: { annotations: { 'prometheus.io/port': '1' } } } } },
        { fieldManager: 'vandal' },
      );
      await eventually('annotation restored', async () => {
        const { spec } = await open().kube.get(statefulSets, key);
        return spec?.template.metadata?.annotations?.['prometheus.io/port'] === '8000' ? true : undefined;
      });
      await ready(open(), ...objects);
      await assertExactlyOnce(session, 'ledger', acknowledged);
    });

    it('goes on after the operator was killed, writing nothing where nothing changed', async () => {
      const versions = await readVersions(open());
      await open().killOperator();
      await ready(open(), ...objects);
      assert.deepEqual(await readVersions(open()), versions);
      const more = dataSource('sturdy', 'later', idColumns);
      await apply(open(), more);
      await ready(open(), more);
      await remove(open(), more);
    });

    it('hands everything over when 3 nodes become 2', async () => {
      await apply(open(), tenant('sturdy', { replicas: 3 }));
      await ready(open(), ...objects);
      await eventually('third node', async () =>
        (await readStarts(open(), 'hs-sturdy-2')) === undefined ? undefined : true,
      );
      next = 20_000_000;
      const more = await ingest(session, 'ledger', { from: next, batches: 60, rowsPerBatch: 20, key: 'third' });
      await apply(open(), tenant('sturdy', { replicas: 2 }));
      const during = await ingest(session, 'ledger', {
        from: next + 1_000_000,
        batches: 60,
        rowsPerBatch: 20,
        key: 'leaving',
      });
      await eventually(
        'third node gone',
        async () => ((await readStarts(open(), 'hs-sturdy-2')) === undefined ? true : undefined),
        120_000,
      );
      acknowledged = [...acknowledged, ...more, ...during];
      await assertExactlyOnce(session, 'ledger', acknowledged);
    });

    it('keeps the volumes of a deleted tenant, and finds the rows again when it is made anew', async () => {
      await remove(open(), ...objects.toReversed());
      await eventually(
        'tenant gone',
        async () => {
          const { items } = await listAll(open().kube, pods, {
            namespace: 'default',
            labelSelector: 'app.kubernetes.io/instance=sturdy',
          });
          // The object outlives its pods until its finalizer is taken; an apply before that would change the one that goes.
          const { items: left } = await listAll(open().kube, tenants, { namespace: 'default' });
          return items.length === 0 && !left.some((one) => one.metadata.name === 'sturdy') ? true : undefined;
        },
        120_000,
      );
      const claims = await listAll(open().kube, persistentVolumeClaims, { namespace: 'default' });
      assert.ok(claims.items.some((claim) => claim.metadata.name === 'hs-sturdy-data'));
      await apply(open(), ...objects);
      await ready(open(), ...objects);
      await assertExactlyOnce(session, 'ledger', acknowledged);
    });
  });
}

/** Start time of a ready pod's container, or undefined when it is not ready. */
async function readStarts(platform: Platform, name: string): Promise<string | undefined> {
  const { items } = await listAll(platform.kube, pods, {
    namespace: 'default',
    fieldSelector: `metadata.name=${name}`,
  });
  const status = items[0]?.status;
  const isReady = status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True');
  const started = status?.containerStatuses?.[0]?.state?.running?.startedAt;
  return isReady && started !== undefined
    ? `${items[0]?.metadata.uid}/${status?.containerStatuses?.[0]?.restartCount}`
    : undefined;
}

async function readVersions(platform: Platform): Promise<Record<string, string | undefined>> {
  const key = { namespace: 'default', name: 'hs-sturdy' };
  const children = [services, configMaps, serviceAccounts] as const;
  const entries = await Promise.all(
    children.map(async (kind) => [kind.kind, (await platform.kube.get(kind, key)).metadata.resourceVersion] as const),
  );
  return Object.fromEntries(entries);
}
