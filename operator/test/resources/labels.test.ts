import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '@hybridstore/controller-runtime';
import { tenantLabel, tenantNameOf } from '../../src/resources/labels.ts';

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
