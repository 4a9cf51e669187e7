import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { FakeClock } from '@hybridstore/test-kit';
import { ObjectCache } from '../../src/controller/object-cache.ts';
import { EmbeddedApiServer } from '../../src/kube/embedded/api/api-server.ts';
import { configMaps, namespaces } from '../../src/kube/kinds.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { type ClusterView, createView, viewIndexes } from '../../src/reconcile/view.ts';
import { tenantLabel, tenantNameOf } from '../../src/resources/labels.ts';

const child = (namespace: string, name: string, tenant: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace, name, labels: { [tenantLabel]: tenant } },
});

describe('the view of a cluster', () => {
  let api: EmbeddedApiServer;
  let cache: ObjectCache<KubeObject>;
  let views: readonly ClusterView[];

  beforeEach(async () => {
    api = new EmbeddedApiServer({ clock: new FakeClock() });
    await api.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'other' } });
    cache = new ObjectCache(viewIndexes);
    for (const object of [
      child('default', 'a', 'acme'),
      child('default', 'b', 'globex'),
      child('default', 'c', 'acme'),
      child('other', 'd', 'acme'),
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'default', name: 'bare' } },
    ])
      cache.put(await api.create(configMaps, object));
    views = [createView(api, () => cache), createView(api, () => undefined)];
  });

  const namesOf = async (view: ClusterView, selection: Parameters<ClusterView['list']>[1]) =>
    (await view.list(configMaps, selection)).map((object) => object.metadata.name);

  it('what belongs to a tenant is found in its own namespace only, by a cache as by the server', async () => {
    for (const view of views)
      assert.deepEqual(await namesOf(view, { namespace: 'default', ofTenant: 'acme' }), ['a', 'c']);
  });

  it('a tenant with nothing has nothing, and no tenant means everything of the namespace', async () => {
    for (const view of views) {
      assert.deepEqual(await namesOf(view, { namespace: 'default', ofTenant: 'nobody' }), []);
      assert.deepEqual(await namesOf(view, { namespace: 'other' }), ['d']);
      assert.deepEqual(await namesOf(view, { labels: { [tenantLabel]: 'globex' } }), ['b']);
    }
  });

  it('an object that changes its tenant, or goes, is not found under the old one', async () => {
    const moved = await api.apply(configMaps, child('default', 'a', 'globex'), { force: true, fieldManager: 'test' });
    cache.put(moved);
    const [cached] = views;
    assert.ok(cached);
    assert.deepEqual(await namesOf(cached, { namespace: 'default', ofTenant: 'acme' }), ['c']);
    cache.remove(moved);
    assert.deepEqual(await namesOf(cached, { namespace: 'default', ofTenant: 'globex' }), ['b']);
    assert.deepEqual(await namesOf(cached, { namespace: 'default' }), ['b', 'c', 'bare']);
  });
});

describe('the tenant of an object', () => {
  const of = (fields: object) => tenantNameOf({ apiVersion: 'v1', kind: 'X', metadata: {}, ...fields } as KubeObject);

  it('is named by its tenantRef before any label that somebody put on it', () => {
    const metadata = { labels: { [tenantLabel]: 'globex' } };
    assert.equal(of({ metadata, spec: { tenantRef: { name: 'acme' } } }), 'acme');
    assert.equal(of({ metadata }), 'globex');
  });

  it('is nobody where the object is not shaped as the definition says', () => {
    for (const spec of [null, 7, 'x', {}, { tenantRef: null }, { tenantRef: 'acme' }, { tenantRef: { name: 7 } }])
      assert.equal(of({ spec }), undefined);
  });
});
