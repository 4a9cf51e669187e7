import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { silentLogger } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import { Informer } from '../../src/controller/informer.ts';
import { watchSilenceMsMax } from '../../src/controller/reflector.ts';
import { kubeError } from '../../src/kube/errors.ts';
import { configMaps } from '../../src/kube/kinds.ts';
import { item, ScriptedKube } from './scripted-kube.ts';

const expired = kubeError({ reason: 'Expired', message: 'too old resource version' });
const busy = (retryAfterMs: number) => kubeError({ reason: 'TooManyRequests', message: 'busy', retryAfterMs });
const down = kubeError({ reason: 'ServiceUnavailable', message: 'down', retryAfterMs: 1 });

describe('reflector and informer', () => {
  let kube: ScriptedKube;
  let clock: FakeClock;
  let informer: Informer;
  let changes: string[];
  let stop: AbortController;
  let running: Promise<void>;

  beforeEach(() => {
    kube = new ScriptedKube();
    clock = new FakeClock();
    changes = [];
    stop = new AbortController();
    informer = new Informer({ kube, resource: configMaps, clock, random: () => 0.5, logger: silentLogger });
    informer.onChange((change) =>
      changes.push(`${change.type} ${change.object.metadata.name} ${change.object.metadata.resourceVersion}`),
    );
  });
  afterEach(async () => {
    stop.abort();
    await running;
  });
  const start = async () => {
    running = informer.run(stop.signal);
    await clock.advance(0);
  };

  it('lists, then watches from the version of the list', async () => {
    kube.lists = [{ items: [item('a', 3)], resourceVersion: '5' }];
    await start();
    assert.deepEqual(changes, ['added a 3']);
    assert.ok(informer.hasSynced);
    assert.equal(kube.current.options.resourceVersion, '5');
    assert.equal(informer.cache.versionOf(), '5');
  });

  it('reads a list of several pages to its end', async () => {
    kube.lists = [
      { items: [item('a', 1)], resourceVersion: '5', continueToken: 'more' },
      { items: [item('b', 2)], resourceVersion: '5' },
    ];
    await start();
    assert.deepEqual(changes, ['added a 1', 'added b 2']);
    assert.equal(kube.listCount, 2);
  });

  it('a killed watch is resumed from the last version seen, without a new list', async () => {
    kube.lists = [{ items: [], resourceVersion: '5' }];
    await start();
    kube.current.send({ type: 'ADDED', object: item('a', 7) });
    await clock.advance(2_000);
    kube.current.fail(down);
    await clock.advance(5_000);
    assert.equal(kube.watches.length, 2);
    assert.equal(kube.current.options.resourceVersion, '7');
    assert.equal(kube.listCount, 1);
  });

  it('a bookmark moves the version that a resume starts from', async () => {
    kube.lists = [{ items: [], resourceVersion: '5' }];
    await start();
    kube.current.send({ type: 'BOOKMARK', resourceVersion: '90' });
    await clock.advance(2_000);
    kube.current.end();
    await clock.advance(0);
    assert.equal(kube.current.options.resourceVersion, '90');
    assert.equal(informer.cache.versionOf(), '90');
  });

  it('an expired version lists again and reports what went missing in between', async () => {
    kube.lists = [
      { items: [item('kept', 1), item('lost', 2), item('moved', 3)], resourceVersion: '5' },
      { items: [item('kept', 1), item('moved', 40), item('new', 41)], resourceVersion: '50' },
    ];
    await start();
    changes.length = 0;
    kube.current.fail(expired);
    await clock.advance(0);
    assert.deepEqual(changes, ['deleted lost 2', 'updated moved 40', 'added new 41']);
    assert.equal(kube.current.options.resourceVersion, '50');
  });

  it('a storm of 429 is waited out as long as the server asks', async () => {
    kube.lists = [{ items: [], resourceVersion: '5' }];
    kube.refusals = [busy(20_000), busy(20_000), busy(20_000), undefined];
    await start();
    await clock.advance(59_999);
    assert.equal(kube.watches.length, 0);
    await clock.advance(1);
    assert.equal(kube.watches.length, 1);
    assert.equal(kube.listCount, 1);
  });

  it('a dead server is asked ever more seldom', async () => {
    kube.lists = [down];
    await start();
    await clock.advance(60_000);
    const firstMinute = kube.listCount;
    assert.ok(firstMinute <= 9, `${firstMinute} lists in the first minute`);
    const before = kube.listCount;
    await clock.advance(60_000);
    assert.ok(kube.listCount - before <= 4, `${kube.listCount - before} lists in the second minute`);
  });

  it('lists that expire every time are not hammered', async () => {
    kube.lists = [expired];
    await start();
    await clock.advance(60_000);
    assert.ok(kube.listCount <= 9, `${kube.listCount} lists`);
  });

  it('a silent watch is cut and resumed', async () => {
    kube.lists = [{ items: [], resourceVersion: '5' }];
    await start();
    await clock.advance(watchSilenceMsMax - 1);
    assert.equal(kube.watches.length, 1);
    await clock.advance(1);
    assert.equal(kube.watches.length, 2);
    assert.ok(kube.watches[0]?.options.signal?.aborted);
    assert.equal(kube.listCount, 1);
  });

  it('a server that ends every watch at once is not hammered', async () => {
    kube.lists = [{ items: [], resourceVersion: '5' }];
    await start();
    for (let second = 0; second < 30; second += 1) {
      kube.current.end();
      await clock.advance(1_000);
    }
    assert.ok(kube.watches.length <= 8, `${kube.watches.length} watches in 30 s`);
  });

  it('a known version that comes twice is reported once', async () => {
    kube.lists = [{ items: [item('a', 3)], resourceVersion: '5' }];
    await start();
    kube.current.send({ type: 'MODIFIED', object: item('a', 3) });
    await clock.advance(0);
    assert.deepEqual(changes, ['added a 3']);
  });

  it('deletions leave cache and indexes', async () => {
    informer = new Informer({
      kube,
      resource: configMaps,
      clock,
      random: () => 0.5,
      logger: silentLogger,
      indexes: { tier: (object) => [object.metadata.labels?.tier ?? ''] },
    });
    kube.lists = [{ items: [item('a', 3, { tier: 'x' }), item('b', 4, { tier: 'x' })], resourceVersion: '5' }];
    await start();
    assert.deepEqual(
      informer.cache.byIndex('tier', 'x').map((object) => object.metadata.name),
      ['a', 'b'],
    );
    kube.current.send({ type: 'DELETED', object: item('a', 6, { tier: 'x' }) });
    kube.current.send({ type: 'MODIFIED', object: item('b', 7, { tier: 'y' }) });
    await clock.advance(0);
    assert.deepEqual(informer.cache.byIndex('tier', 'x'), []);
    assert.equal(informer.cache.byIndex('tier', 'y').length, 1);
    assert.throws(() => informer.cache.byIndex('color', 'x'), RangeError);
  });

  describe('of two namespaces', () => {
    const inNamespace = (namespace: string, name: string, version: number) => {
      const object = item(name, version);
      return { ...object, metadata: { ...object.metadata, namespace } };
    };

    beforeEach(() => {
      const namespaces = ['one', 'two', 'one'];
      informer = new Informer({
        kube,
        resource: configMaps,
        namespaces,
        clock,
        random: () => 0.5,
        logger: silentLogger,
      });
    });

    it('lists and watches each by itself, and is filled when both are', async () => {
      kube.lists = [{ items: [inNamespace('one', 'a', 3)], resourceVersion: '5' }, busy(60_000), down];
      await start();
      assert.deepEqual([informer.hasSynced, informer.cache.size], [false, 1]);
      kube.lists = [{ items: [inNamespace('two', 'a', 4)], resourceVersion: '9' }];
      await clock.advance(90_000);
      assert.deepEqual([informer.hasSynced, informer.cache.size], [true, 2]);
      assert.deepEqual(
        kube.watches.map(({ options }) => `${options.namespace} ${options.resourceVersion}`),
        ['one 5', 'two 9'],
      );
    });

    it('knows of each how far it is, and a new list of one takes nothing from the other', async () => {
      kube.lists = [
        { items: [inNamespace('one', 'a', 3)], resourceVersion: '5' },
        { items: [inNamespace('two', 'a', 4)], resourceVersion: '5' },
      ];
      await start();
      const [one, two] = kube.watches;
      one?.send({ type: 'ADDED', object: inNamespace('one', 'b', 7) });
      two?.send({ type: 'BOOKMARK', resourceVersion: '30' });
      await clock.advance(2_000);
      assert.deepEqual([informer.cache.versionOf('one'), informer.cache.versionOf('two')], ['7', '30']);
      kube.lists = [{ items: [], resourceVersion: '40' }];
      one?.fail(expired);
      await clock.advance(0);
      assert.deepEqual(
        informer.cache.list().map(({ metadata }) => `${metadata.namespace}/${metadata.name}`),
        ['two/a'],
      );
      assert.deepEqual([informer.cache.versionOf('one'), informer.cache.versionOf('two')], ['40', '30']);
    });
  });

  it('of no namespace is filled with nothing, and asks for nothing', async () => {
    informer = new Informer({
      kube,
      resource: configMaps,
      namespaces: [],
      clock,
      random: () => 0.5,
      logger: silentLogger,
    });
    await start();
    await informer.untilSynced(stop.signal);
    assert.deepEqual([informer.hasSynced, kube.listCount], [true, 0]);
  });
});
