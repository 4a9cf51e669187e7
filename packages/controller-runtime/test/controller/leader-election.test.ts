import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { EmbeddedApiServer } from '@hybridstore/embedded-kubernetes';
import { isHybridStoreError, silentLogger } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import { type Fence, fenceKube } from '../../src/controller/fence.ts';
import { LeaderElection } from '../../src/controller/leader-election.ts';
import { kubeError } from '../../src/kube/errors.ts';
import { configMaps, leases } from '../../src/kube/kinds.ts';
import type { Kube } from '../../src/kube/ports.ts';

const lease = { namespace: 'default', name: 'operator' };
const configMap = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' } });

describe('leader election', () => {
  let clock: FakeClock;
  let server: EmbeddedApiServer;
  let log: string[];

  beforeEach(() => {
    clock = new FakeClock();
    server = new EmbeddedApiServer({ fieldManager: 'test', clock });
    log = [];
  });

  function stand(identity: string, kube: Pick<Kube, 'get' | 'create' | 'update'> = server) {
    const stop = new AbortController();
    const election = new LeaderElection({ kube, lease, identity, clock, random: () => 0.5, logger: silentLogger });
    let fence: Fence | undefined;
    const ended = election.run(async (granted, signal) => {
      fence = granted;
      log.push(`${identity} leads`);
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      log.push(`${identity} ends`);
    }, stop.signal);
    return { stop, ended, fence: () => fence };
  }

  it('one leads, the other waits and takes over at once when the lease is given back', async () => {
    const one = stand('one');
    await clock.advance(100);
    const two = stand('two');
    await clock.advance(60_000);
    assert.deepEqual(log, ['one leads']);
    one.stop.abort();
    await clock.advance(0);
    assert.equal(await one.ended, 'stopped');
    await clock.advance(5_000);
    assert.deepEqual(log, ['one leads', 'one ends', 'two leads']);
    two.stop.abort();
    await clock.advance(0);
    assert.equal((await server.get(leases, lease)).spec?.leaseTransitions, 1);
  });

  it('a leader that vanishes is replaced 15 s after its last renewal was seen', async () => {
    let isCut = false;
    const cut = <T>(call: () => Promise<T>): Promise<T> =>
      isCut ? Promise.reject(kubeError({ reason: 'ServiceUnavailable', message: 'cut off' })) : call();
    const flaky: Pick<Kube, 'get' | 'create' | 'update'> = {
      get: (...args) => cut(() => server.get(...args)),
      create: (...args) => cut(() => server.create(...args)),
      update: (...args) => cut(() => server.update(...args)),
    };
    const one = stand('one', flaky);
    await clock.advance(100);
    const two = stand('two');
    await clock.advance(20_000);
    isCut = true;
    await clock.advance(10_000);
    assert.deepEqual(log, ['one leads', 'one ends'], 'the old leader ends before another may begin');
    assert.equal(await one.ended, 'lost');
    await clock.advance(12_000);
    assert.deepEqual(log, ['one leads', 'one ends', 'two leads']);
    two.stop.abort();
    await clock.advance(0);
  });

  it('a lease lost in mid-reconcile lets no further write pass', async () => {
    let isCut = false;
    const flaky: Pick<Kube, 'get' | 'create' | 'update'> = {
      get: (...args) => (isCut ? Promise.reject(new Error('cut off')) : server.get(...args)),
      create: server.create.bind(server),
      update: server.update.bind(server),
    };
    const one = stand('one', flaky);
    await clock.advance(100);
    const fence = one.fence();
    assert.ok(fence !== undefined);
    const kube = fenceKube(server, fence);
    await kube.create(configMaps, configMap('first'));
    isCut = true;
    await clock.advance(10_000);
    await assert.rejects(kube.create(configMaps, configMap('second')), (error) =>
      isHybridStoreError(error, 'unavailable'),
    );
    await assert.rejects(kube.delete(configMaps, { namespace: 'default', name: 'first' }), (error) =>
      isHybridStoreError(error, 'unavailable'),
    );
    assert.equal((await kube.list(configMaps)).items.length, 1);
    assert.equal(await one.ended, 'lost');
  });

  it('a paused leader wakes behind a closed fence even before its timers run', async () => {
    const one = stand('one');
    await clock.advance(100);
    const fence = one.fence();
    assert.ok(fence?.isHeld());
    const realNow = clock.monotonicMs.bind(clock);
    clock.monotonicMs = () => realNow() + 11_000;
    assert.equal(fence?.isHeld(), false);
    fence?.extend(realNow() + 60_000);
    assert.equal(fence?.isHeld(), false, 'a renewal that comes too late opens nothing');
    clock.monotonicMs = realNow;
    one.stop.abort();
    await clock.advance(0);
  });

  it('one server hiccup within the deadline costs nothing', async () => {
    let failures = 0;
    const flaky: Pick<Kube, 'get' | 'create' | 'update'> = {
      get: (...args) => (failures-- > 0 ? Promise.reject(new Error('hiccup')) : server.get(...args)),
      create: server.create.bind(server),
      update: server.update.bind(server),
    };
    const one = stand('one', flaky);
    await clock.advance(100);
    failures = 3;
    await clock.advance(60_000);
    assert.deepEqual(log, ['one leads']);
    one.stop.abort();
    await clock.advance(0);
    assert.equal(await one.ended, 'stopped');
  });
});
