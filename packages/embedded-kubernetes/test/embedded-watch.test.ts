import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { configMaps, customResourceDefinitions, namespaces, pods } from '@hybridstore/controller-runtime';
import { isHybridStoreError } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import { buildWidget, widgetDefinition, widgets } from '../../controller-runtime/test/kube/widget.ts';
import { EmbeddedApiServer } from '../src/api/api-server.ts';
import { watchEventsMax } from '../src/api/watch-stream.ts';

const configMap = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' } });

describe('embedded API server', () => {
  let clock: FakeClock;
  let server: EmbeddedApiServer;

  beforeEach(() => {
    clock = new FakeClock();
    server = new EmbeddedApiServer({ fieldManager: 'test', clock, historyChangesMax: 10 });
  });

  it('bookmarks come every minute, and one before the stream ends by its time', async () => {
    const iterator = server.watch(configMaps, { resourceVersion: '2', timeoutSeconds: 90 })[Symbol.asyncIterator]();
    await server.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'other' } });
    await clock.advance(60_000);
    assert.deepEqual(await iterator.next(), { done: false, value: { type: 'BOOKMARK', resourceVersion: '3' } });
    await clock.advance(30_000);
    assert.deepEqual(await iterator.next(), { done: false, value: { type: 'BOOKMARK', resourceVersion: '3' } });
    assert.deepEqual(await iterator.next(), { done: true, value: undefined });
    assert.equal(clock.pending, 0, 'no timer is left behind');
  });

  it('a reader that is too far behind is cut off, and gets no more than the bound', async () => {
    const watch = server.watch(configMaps, { resourceVersion: '0' })[Symbol.asyncIterator]();
    const waiting = watch.next();
    const stored = await server.create(configMaps, configMap('busy'));
    await waiting;
    for (let change = 0; change <= watchEventsMax + 10; change += 1)
      server.store.put('v1/configmaps', { ...stored, metadata: { ...stored.metadata } });
    let seen = 0;
    for (let event = await watch.next(); event.done !== true; event = await watch.next()) seen += 1;
    assert.equal(seen, watchEventsMax + 1);
  });

  it('history is a window: what fell out of it is gone, what is in it is reported', async () => {
    const versions: string[] = [];
    for (let i = 0; i < 30; i += 1)
      versions.push((await server.create(configMaps, configMap(`c${i}`))).metadata.resourceVersion);
    const from = (version = '') => server.watch(configMaps, { resourceVersion: version })[Symbol.asyncIterator]();
    assert.throws(
      () => from(versions[0]),
      (error) => isHybridStoreError(error, 'gone'),
    );
    const iterator = from(versions[27]);
    const names = [];
    for (let i = 0; i < 2; i += 1) {
      const { value } = await iterator.next();
      if (value?.type === 'ADDED') names.push(value.object.metadata.name);
    }
    assert.deepEqual(names, ['c28', 'c29']);
    await iterator.return?.();
  });

  it('a version that is no number is refused', () => {
    const watch = server.watch(configMaps, { resourceVersion: 'x' });
    assert.throws(
      () => watch[Symbol.asyncIterator](),
      (error) => isHybridStoreError(error, 'invalid_request'),
    );
  });

  it('stored objects are frozen and share nothing with what the caller gave', async () => {
    const input = { ...configMap('mine'), data: { a: '1' } };
    const stored = await server.create(configMaps, input);
    input.data.a = 'changed';
    assert.equal((await server.get(configMaps, { namespace: 'default', name: 'mine' })).data?.a, '1');
    assert.ok(Object.isFrozen(stored.metadata));
  });

  it('an object larger than etcd takes is too large', async () => {
    const huge = { ...configMap('huge'), data: { a: 'x'.repeat(1_600_000) } };
    await assert.rejects(server.create(configMaps, huge), (error) => isHybridStoreError(error, 'too_large'));
  });

  it('a list that was forgotten in mid-paging is gone', async () => {
    for (let i = 0; i < 3; i += 1) await server.create(configMaps, configMap(`c${i}`));
    const first = await server.list(configMaps, { limit: 1 });
    for (let i = 0; i < 64; i += 1) await server.list(configMaps, { limit: 1 });
    const next = server.list(configMaps, {
      limit: 1,
      ...(first.continueToken === undefined ? {} : { continueToken: first.continueToken }),
    });
    await assert.rejects(next, (error) => isHybridStoreError(error, 'gone'));
  });

  it('a pod that runs somewhere gets its grace; its kubelet deletes it for good', async () => {
    const key = { namespace: 'default', name: 'p' };
    await server.create(pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: key,
      spec: { nodeName: 'local', containers: [{ name: 'c', image: 'i' }] },
    });
    await server.delete(pods, key);
    const leaving = await server.get(pods, key);
    assert.equal(leaving.metadata.deletionGracePeriodSeconds, 30);
    assert.equal(Date.parse(leaving.metadata.deletionTimestamp ?? ''), clock.now() + 30_000);
    await server.delete(pods, key, { gracePeriodSeconds: 5 });
    assert.equal((await server.get(pods, key)).metadata.deletionGracePeriodSeconds, 5);
    await server.delete(pods, key, { gracePeriodSeconds: 60 });
    assert.equal((await server.get(pods, key)).metadata.deletionGracePeriodSeconds, 5, 'a grace is never prolonged');
    await server.delete(pods, key, { gracePeriodSeconds: 0 });
    await assert.rejects(server.get(pods, key), (error) => isHybridStoreError(error, 'not_found'));
  });

  it('a definition takes its objects along, and its kind is no longer served', async () => {
    await server.apply(customResourceDefinitions, widgetDefinition);
    await server.create(widgets, buildWidget('a'));
    await server.delete(customResourceDefinitions, { name: widgetDefinition.metadata.name ?? '' });
    await assert.rejects(server.list(widgets), (error) => isHybridStoreError(error, 'not_found'));
    await server.apply(customResourceDefinitions, widgetDefinition);
    assert.equal((await server.list(widgets)).items.length, 0);
  });

  it('a definition whose rule is no CEL is refused and changes nothing', async () => {
    const broken = JSON.parse(
      JSON.stringify(widgetDefinition).replace('self == oldSelf', 'self =='),
    ) as typeof widgetDefinition;
    await assert.rejects(server.apply(customResourceDefinitions, broken), (error) =>
      isHybridStoreError(error, 'invalid_request'),
    );
    await assert.rejects(server.list(widgets), (error) => isHybridStoreError(error, 'not_found'));
  });

  it('what an update leaves as it was is not refused by a newer definition, and what it changes is', async () => {
    await server.apply(customResourceDefinitions, widgetDefinition);
    const key = { namespace: 'default', name: 'old' };
    await server.create(widgets, buildWidget('old', { size: 50, limits: { min: 1, max: 9 } }));
    const stricter = JSON.parse(
      JSON.stringify(widgetDefinition)
        .replace('"maximum":100', '"maximum":10')
        .replace('self.min <= self.max', 'false'),
    ) as typeof widgetDefinition;
    await server.apply(customResourceDefinitions, stricter, { force: true });

    const { apiVersion, kind } = widgets;
    await server.patchStatus(widgets, { apiVersion, kind, metadata: key, status: { phase: 'Ready' } });
    await server.mergePatch(widgets, key, { metadata: { finalizers: ['test.hybridstore.dev/hold'] } });
    await server.mergePatch(widgets, key, { spec: { color: 'green' } });
    const refused = (text: string) => (error: unknown) =>
      isHybridStoreError(error, 'invalid_request') && error.message.includes(text);
    await assert.rejects(
      server.mergePatch(widgets, key, { spec: { size: 51 } }),
      refused('spec.size in body should be less than or equal to 10'),
    );
    await assert.rejects(
      server.mergePatch(widgets, key, { spec: { limits: { max: 8 } } }),
      refused('min is above max'),
    );
    await assert.rejects(
      server.create(widgets, buildWidget('new', { size: 50 })),
      refused('spec.size in body should be less than or equal to 10'),
    );
  });

  it('a default that a newer definition brings reaches what is stored with its next write', async () => {
    await server.apply(customResourceDefinitions, widgetDefinition);
    const key = { namespace: 'default', name: 'old' };
    await server.create(widgets, buildWidget('old'));
    const newer = JSON.parse(
      JSON.stringify(widgetDefinition)
        .replace('"minimum":0,', '"minimum":0,"default":3,')
        .replace('{"type":"string","maxLength":20,"x-', '{"type":"string","default":"2Mi","maxLength":20,"x-'),
    ) as typeof widgetDefinition;
    await server.apply(customResourceDefinitions, newer, { force: true });
    const { apiVersion, kind } = widgets;
    const stored = await server.patchStatus(widgets, { apiVersion, kind, metadata: key, status: { phase: 'Ready' } });
    assert.equal(stored.spec.memory, '2Mi');
  });

  it('the namespaces everybody relies on cannot be deleted', async () => {
    await assert.rejects(server.delete(namespaces, { name: 'default' }), (error) =>
      isHybridStoreError(error, 'forbidden'),
    );
  });
});
