import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TenantSpec } from '@hybridstore/contracts';
import { isJsonEqual } from '@hybridstore/controller-runtime';
import { parsePlatformSettings } from '../../src/platform-settings.ts';
import { buildNodeTemplate } from '../../src/resources/stateful-set.ts';
import { digestTenantInputs, readTemplateRecord, renderTemplateRecord } from '../../src/resources/template-record.ts';
import { tenantInput } from './tenant-set.ts';

const settings = parsePlatformSettings('', { namespace: 'hybridstore-system' });
const { spec } = tenantInput(settings);

/** For every field of a Tenant another value, as far as one may change it, and whether its nodes follow it. */
const edits: Readonly<Record<keyof TenantSpec, readonly [Partial<TenantSpec>, boolean]>> = {
  displayName: [{ displayName: 'Acme' }, true],
  replicas: [{ replicas: 5 }, false],
  autoscaling: [{ autoscaling: { ...spec.autoscaling, maxReplicas: 9 } }, false],
  resources: [{ resources: { ...spec.resources, limits: { memory: '3Gi' } } }, true],
  storage: [
    { storage: { ...spec.storage, data: { sharedVolume: { ...spec.storage.data.sharedVolume, existingClaim: 'b' } } } },
    true,
  ],
  limits: [{ limits: { ...spec.limits, statementTimeoutSeconds: 5 } }, true],
  wal: [{ wal: { ...spec.wal, retentionHours: 1 } }, true],
  quota: [{ quota: { pods: 9 } }, false],
  podTemplate: [{ podTemplate: { metadata: { labels: { team: 'a' } } } }, true],
  serviceAccount: [{ serviceAccount: { annotations: { a: 'b' } } }, false],
  volumeMetadata: [{ volumeMetadata: { labels: { a: 'b' } } }, false],
  hibernated: [{ hibernated: true }, false],
  deletionPolicy: [{ deletionPolicy: 'Delete' }, false],
  paused: [{ paused: true }, false],
  preventDeletion: [{ preventDeletion: true }, false],
  version: [{ version: '9' }, true],
  image: [{ image: 'other:1' }, true],
};

test('the digest of what a Tenant says of its template is another for every edit that changes it, and for no other', () => {
  const template = buildNodeTemplate(tenantInput(settings));
  for (const [field, [more, isFollowed]] of Object.entries(edits)) {
    const edited = tenantInput(settings, undefined, more);
    assert.equal(isJsonEqual(buildNodeTemplate(edited), template), !isFollowed, field);
    assert.equal(digestTenantInputs(edited.spec) !== digestTenantInputs(spec), isFollowed, field);
  }
  assert.deepEqual(Object.keys(edits).sort(), Object.keys(TenantSpec.properties).sort());
});

test('another size to spill to is an edit of the Tenant, and what a newer definition fills in is none', () => {
  const template = buildNodeTemplate(tenantInput(settings));
  for (const size of ['0', '8Gi']) {
    const edited = tenantInput(settings, undefined, { storage: { ...spec.storage, spill: { size } } });
    assert.notEqual(digestTenantInputs(edited.spec), digestTenantInputs(spec), size);
    assert.equal(isJsonEqual(buildNodeTemplate(edited), template), false, size);
  }
  // As an operator of before the field wrote it for this very Tenant.
  assert.equal(digestTenantInputs(spec), '609f59b546175eac');
});

test('another platform leaves the digest of a Tenant as it is', () => {
  const other = tenantInput(parsePlatformSettings('image: {services: "other:1"}', { namespace: 'elsewhere' }));
  assert.equal(digestTenantInputs(other.spec), digestTenantInputs(spec));
});

test('what a set says of its template is read as it was written, and nothing from what nobody wrote so', () => {
  const record = { template: 'aa', inputs: { generation: 7, digest: '0f' }, rollsSince: '2026-01-01T00:00:00Z' };
  const nothing = { template: undefined, inputs: undefined, rollsSince: undefined };
  const read = (annotations: Readonly<Record<string, string>>) => readTemplateRecord({ metadata: { annotations } });
  assert.deepEqual(read(renderTemplateRecord(record)), record);
  assert.deepEqual(renderTemplateRecord(nothing), {});
  assert.deepEqual(readTemplateRecord({ metadata: {} }), nothing);
  for (const text of ['', '7', '-0f', '7-', 'x-0f', '7-0f-1', `${'9'.repeat(16)}-0f`])
    assert.equal(read({ 'hybridstore.dev/tenant-inputs': text }).inputs, undefined, text);
});
