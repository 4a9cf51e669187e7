import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMetrics, HybridStoreError, retryLater, silentLogger } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import { Controller, ownerKeys, type Reconcile } from '../../src/controller/controller.ts';
import { Expectations } from '../../src/controller/expectations.ts';
import { createMachineMetrics } from '../../src/controller/machine-metrics.ts';
import { ObjectCache } from '../../src/controller/object-cache.ts';
import { done, requeueAfter, wait } from '../../src/controller/reconcile-result.ts';
import { decideRequeue } from '../../src/controller/requeue.ts';
import { configMaps } from '../../src/kube/kinds.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { item } from './scripted-kube.ts';

const a = { namespace: 'default', name: 'a' };

function buildController(reconcile: Reconcile, options: { readonly workers?: number } = {}) {
  const clock = new FakeClock();
  const registry = createMetrics('operator-test');
  const metrics = createMachineMetrics(registry, 'hybridstore');
  const controller = new Controller({
    name: 'test',
    reconcile,
    clock,
    random: () => 0.999,
    logger: silentLogger,
    metrics,
    ...options,
  });
  const stop = new AbortController();
  return { clock, controller, registry, stop, running: controller.run(stop.signal) };
}

describe('controller', () => {
  it('many events of one key cost one reconcile', async () => {
    const seen: string[] = [];
    const { clock, controller, stop, running } = buildController(async (key) => {
      seen.push(key.name);
      return done();
    });
    for (let event = 0; event < 50; event += 1) controller.enqueue(a);
    await clock.advance(0);
    // The first event wakes a worker; the other 49 are one more look.
    assert.ok(seen.length <= 2, `${seen.length} reconciles`);
    stop.abort();
    await running;
  });

  it('a burst that is gathered costs one reconcile, that long after its first event', async () => {
    const times: number[] = [];
    const { clock, controller, stop, running } = buildController(async () => {
      times.push(clock.now());
      return done();
    });
    const startMs = clock.now();
    for (let event = 0; event < 50; event += 1) {
      controller.enqueue(a, 250);
      await clock.advance(10);
    }
    await clock.advance(1_000);
    assert.deepEqual(
      times.map((time) => time - startMs),
      [250, 500],
    );
    stop.abort();
    await running;
  });

  it('requeue and wait come back after their time, done does not', async () => {
    const times: number[] = [];
    const answers = [requeueAfter(1_000), wait('NodesStarting', 5_000), done()];
    const { clock, controller, stop, running } = buildController(async () => {
      times.push(clock.now());
      return answers[times.length - 1] ?? done();
    });
    const startMs = clock.now();
    controller.enqueue(a);
    await clock.advance(60_000);
    assert.deepEqual(
      times.map((time) => time - startMs),
      [0, 1_000, 6_000],
    );
    stop.abort();
    await running;
  });

  it('failures back off per key and are counted by code; a success starts over', async () => {
    const times: number[] = [];
    const { clock, controller, registry, stop, running } = buildController(async () => {
      times.push(clock.monotonicMs());
      if (times.length <= 3) throw new HybridStoreError('conflict', 'someone wrote first');
      return done();
    });
    controller.enqueue(a);
    await clock.advance(10_000);
    const gaps = times.slice(1).map((time, i) => Math.round(time - (times[i] ?? 0)));
    assert.deepEqual(gaps, [100, 200, 400]);
    assert.match(
      await registry.metrics(),
      /hybridstore_controller_retries_total\{controller="test",code="conflict",service="operator-test"\} 3/,
    );
    assert.equal(controller.queue.failures('default/a'), 0);
    stop.abort();
    await running;
  });

  it("a server's Retry-After is the least wait", async () => {
    const times: number[] = [];
    const { clock, controller, stop, running } = buildController(async () => {
      times.push(clock.now());
      if (times.length === 1) throw retryLater('overloaded', 'busy', 9_000);
      return done();
    });
    controller.enqueue(a);
    await clock.advance(20_000);
    assert.equal((times[1] ?? 0) - (times[0] ?? 0), 9_000);
    stop.abort();
    await running;
  });

  it('a slow key does not hold up the others, and is stopped at its limit', async () => {
    const seen: string[] = [];
    const { clock, controller, stop, running } = buildController(
      async (key, signal) => {
        if (key.name !== 'slow') {
          seen.push(key.name);
          return done();
        }
        await clock.sleep(10 * 60_000, signal);
        return done();
      },
      { workers: 2 },
    );
    controller.enqueue({ namespace: 'default', name: 'slow' });
    controller.enqueue(a);
    await clock.advance(0);
    assert.deepEqual(seen, ['a']);
    await clock.advance(120_000);
    assert.equal(controller.queue.failures('default/slow'), 1);
    stop.abort();
    await clock.advance(20_000);
    await running;
  });

  it('a shutdown lets reconciles in flight finish and begins no other', async () => {
    const seen: string[] = [];
    const { clock, controller, stop, running } = buildController(
      async (key) => {
        await clock.sleep(3_000);
        seen.push(key.name);
        return done();
      },
      { workers: 1 },
    );
    controller.enqueue(a);
    controller.enqueue({ namespace: 'default', name: 'b' });
    await clock.advance(0);
    stop.abort();
    await clock.advance(3_000);
    await running;
    assert.deepEqual(seen, ['a']);
  });

  it('a change of a child reaches its controlling owner', () => {
    const child = item('child', 1);
    const owner = { apiVersion: 'x/v1', kind: 'Tenant', name: 'acme', uid: 'u', controller: true };
    const keys = ownerKeys('Tenant')({
      type: 'added',
      object: { ...child, metadata: { ...child.metadata, ownerReferences: [owner, { ...owner, kind: 'Other' }] } },
    });
    assert.deepEqual(keys, [{ namespace: 'default', name: 'acme' }]);
  });
});

describe('error to requeue', () => {
  const rows: [unknown, ReturnType<typeof decideRequeue>][] = [
    [new HybridStoreError('conflict', 'x'), { code: 'conflict', delayMsMin: 0, isExpected: true }],
    [retryLater('unavailable', 'x', 2_500), { code: 'unavailable', delayMsMin: 2_500, isExpected: true }],
    [new HybridStoreError('invalid_request', 'x'), { code: 'invalid_request', delayMsMin: 30_000, isExpected: false }],
    [new HybridStoreError('corrupt', 'x'), { code: 'corrupt', delayMsMin: 0, isExpected: false }],
    [new TypeError('x'), { code: 'unknown', delayMsMin: 0, isExpected: false }],
  ];
  for (const [error, expected] of rows) {
    it(`${expected.code} waits at least ${expected.delayMsMin} ms`, () =>
      assert.deepEqual(decideRequeue(error), expected));
  }
});

describe('expectations', () => {
  it('a key waits until the cache shows its own write', () => {
    const cache = new ObjectCache<KubeObject>();
    const expectations = new Expectations(new FakeClock(), () => cache);
    cache.replace([], '10');
    expectations.wrote(a, configMaps, item('child', 12));
    assert.equal(expectations.isSatisfied(a), false);
    assert.equal(expectations.isSatisfied({ name: 'other' }), true);
    cache.put(item('stranger', 11));
    assert.equal(expectations.isSatisfied(a), false);
    cache.put(item('child', 12));
    assert.equal(expectations.isSatisfied(a), true);
  });

  it('in a cache of several namespaces a key waits for its own one', () => {
    const cache = new ObjectCache<KubeObject>();
    const expectations = new Expectations(new FakeClock(), () => cache);
    cache.replace([], '10', 'default');
    expectations.wrote(a, configMaps, item('child', 12));
    cache.advance('99', 'elsewhere');
    assert.equal(expectations.isSatisfied(a), false);
    cache.advance('12', 'default');
    assert.equal(expectations.isSatisfied(a), true);
  });

  it('a deletion is expected until the object is gone, going or another', () => {
    const cache = new ObjectCache<KubeObject>();
    const expectations = new Expectations(new FakeClock(), () => cache);
    cache.put(item('child', 5));
    expectations.deleted(a, configMaps, { namespace: 'default', name: 'child' }, 'uid-child');
    assert.equal(expectations.isSatisfied(a), false);
    cache.remove(item('child', 6));
    assert.equal(expectations.isSatisfied(a), true);
  });

  it('an expectation that nothing meets ends after five minutes', async () => {
    const clock = new FakeClock();
    const cache = new ObjectCache<KubeObject>();
    const expectations = new Expectations(clock, () => cache);
    expectations.wrote(a, configMaps, item('child', 12));
    await clock.advance(299_999);
    assert.equal(expectations.isSatisfied(a), false);
    await clock.advance(1);
    assert.equal(expectations.isSatisfied(a), true);
  });
});
