import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { EmbeddedApiServer } from '@hybridstore/embedded-kubernetes';
import { FakeClock } from '@hybridstore/test-kit';
import { ObjectCache } from '../../src/controller/object-cache.ts';
import { configMaps, namespaces } from '../../src/kube/kinds.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { buildViewIndexes, type ClusterView, createView, type ParentNameOf } from '../../src/reconcile/view.ts';

const parentLabel = 'example.com/parent';
const parentNameOf: ParentNameOf = ({ metadata }) => metadata.labels?.[parentLabel];

const child = (namespace: string, name: string, parent: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace, name, labels: { [parentLabel]: parent } },
});

describe('the view of a cluster', () => {
  let api: EmbeddedApiServer;
  let cache: ObjectCache<KubeObject>;
  let views: readonly ClusterView[];

  beforeEach(async () => {
    api = new EmbeddedApiServer({ fieldManager: 'test', clock: new FakeClock() });
    await api.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'other' } });
    cache = new ObjectCache(buildViewIndexes(parentNameOf));
    for (const object of [
      child('default', 'a', 'acme'),
      child('default', 'b', 'globex'),
      child('default', 'c', 'acme'),
      child('other', 'd', 'acme'),
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'default', name: 'bare' } },
    ])
      cache.put(await api.create(configMaps, object));
    views = [createView(api, () => cache, parentNameOf), createView(api, () => undefined, parentNameOf)];
  });

  const namesOf = async (view: ClusterView, selection: Parameters<ClusterView['list']>[1]) =>
    (await view.list(configMaps, selection)).map((object) => object.metadata.name);

  it('what belongs to a parent is found in its own namespace only, by a cache as by the server', async () => {
    for (const view of views)
      assert.deepEqual(await namesOf(view, { namespace: 'default', ofParent: 'acme' }), ['a', 'c']);
  });

  it('a parent with nothing has nothing, and no parent means everything of the namespace', async () => {
    for (const view of views) {
      assert.deepEqual(await namesOf(view, { namespace: 'default', ofParent: 'nobody' }), []);
      assert.deepEqual(await namesOf(view, { namespace: 'other' }), ['d']);
      assert.deepEqual(await namesOf(view, { labels: { [parentLabel]: 'globex' } }), ['b']);
    }
  });

  it('an object that changes its parent, or goes, is not found under the old one', async () => {
    const moved = await api.apply(configMaps, child('default', 'a', 'globex'), { force: true, fieldManager: 'test' });
    cache.put(moved);
    const [cached] = views;
    assert.ok(cached);
    assert.deepEqual(await namesOf(cached, { namespace: 'default', ofParent: 'acme' }), ['c']);
    cache.remove(moved);
    assert.deepEqual(await namesOf(cached, { namespace: 'default', ofParent: 'globex' }), ['b']);
    assert.deepEqual(await namesOf(cached, { namespace: 'default' }), ['b', 'c', 'bare']);
  });
});
