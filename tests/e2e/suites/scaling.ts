import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { statefulSets } from '@hybridstore/controller-runtime';
import { tenants } from '@hybridstore/operator';
import { eventually, type Platform } from '../platform.ts';
import { apply, assertExactlyOnce, dataSource, idColumns, ingest, ready, remove, Session, tenant } from '../session.ts';

/** Load makes a tenant grow by its CPU, quiet makes it shrink again, and no acknowledged row is lost on the way. */
export function scaling(open: () => Platform): void {
  describe('autoscaling', () => {
    const behavior = {
      metricsIntervalSeconds: 2,
      scaleUp: { stabilizationWindowSeconds: 0 },
      scaleDown: { stabilizationWindowSeconds: 5 },
    };
    // A request of 100m is passed by little work, and a node that does nothing stays far below it.
    const object = tenant('elastic', {
      cpu: '100m',
      autoscaling: {
        mode: 'Auto',
        minReplicas: 1,
        maxReplicas: 3,
        scaleUpThresholdCPU: 70,
        scaleDownThresholdCPU: 30,
        behavior,
      },
    });
    const source = dataSource('elastic', 'ticks', idColumns);
    let session: Session;

    before(async () => {
      await apply(open(), object, source);
      await ready(open(), object, source);
      session = await Session.open(open(), 'default/elastic');
    });
    after(() => remove(open(), source, object));

    it('grows under load and shrinks in quiet, with all rows', { timeout: 400_000 }, async () => {
      let isDone = false;
      const load = [0, 1, 2].map((writer) =>
        ingest(session, 'ticks', {
          from: writer * 10_000_000,
          batches: 1_000_000,
          rowsPerBatch: 50,
          key: `load-${writer}`,
          isStopped: () => isDone,
        }),
      );
      await eventually('grown', async () => ((await readReplicas(open())) >= 2 ? true : undefined), 180_000);
      isDone = true;
      const acknowledged = (await Promise.all(load)).flat();
      await assertExactlyOnce(session, 'ticks', acknowledged);
      await eventually('shrunk', async () => ((await readReplicas(open())) === 1 ? true : undefined), 180_000);
      await assertExactlyOnce(session, 'ticks', acknowledged);
      const { status, spec } = await open().kube.get(tenants, { namespace: 'default', name: 'elastic' });
      assert.match(JSON.stringify(status), /lastScal/i);
      assert.equal((spec as { replicas?: number }).replicas, undefined);
    });
  });
}

async function readReplicas(platform: Platform): Promise<number> {
  const { spec } = await platform.kube.get(statefulSets, { namespace: 'default', name: 'hs-elastic' });
  return spec?.replicas ?? 0;
}
