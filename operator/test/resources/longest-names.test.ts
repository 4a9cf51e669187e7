import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StatefulSet } from '@hybridstore/controller-runtime';
import { parsePlatformSettings } from '../../src/platform-settings.ts';
import { nodesDomain, tenantNames } from '../../src/resources/names.ts';
import { buildDataClaim } from '../../src/resources/persistent-volume-claim.ts';
import { buildTenantChildren } from '../../src/tenant/desired-state.ts';
import { tenantInput } from './tenant-set.ts';

/** Bounds of Kubernetes: of a label's value and a part of a domain, of a domain, and of a set, whose revisions are labels. */
const labelCharactersMax = 63;
const domainCharactersMax = 253;
const revisionCharacters = 11;
const lastOrdinal = 99;

const key = { namespace: 'n'.repeat(63), name: 't'.repeat(40) };
const settings = parsePlatformSettings('', { namespace: 's'.repeat(63) });

/** Every label of an object, those of its pods and claims too. */
function labelsOf(value: unknown, isLabels = false): readonly string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, below]: [string, unknown]) =>
    isLabels && typeof below === 'string' ? [below] : labelsOf(below, name === 'labels' || name === 'matchLabels'),
  );
}

test('the longest name of a tenant in the longest namespace leaves every name and label within its bound', () => {
  const input = tenantInput(settings, key);
  const children = buildTenantChildren(input, { keys: [] }, lastOrdinal + 1).map(({ object }) => object);
  const objects = [...children, buildDataClaim(input) ?? assert.fail('no claim')];
  for (const { kind, metadata } of objects)
    assert.ok((metadata.name ?? '').length <= labelCharactersMax, `${kind} ${metadata.name}`);
  const labels = labelsOf(objects);
  assert.ok(labels.length > 20);
  assert.deepEqual(
    labels.filter((label) => label.length > labelCharactersMax),
    [],
  );
  const names = tenantNames(key.name);
  assert.ok(names.base.length + revisionCharacters <= labelCharactersMax);
  assert.ok(names.pod(lastOrdinal).length <= labelCharactersMax);
  assert.ok(names.logClaim(lastOrdinal).length <= domainCharactersMax);
  assert.ok(`${names.pod(lastOrdinal)}.${nodesDomain(key)}.cluster.local`.length <= domainCharactersMax);
  const set = objects.find((object): object is StatefulSet => object.kind === 'StatefulSet');
  const tenantId = set?.spec?.template.spec.containers[0]?.env?.find(({ name }) => name === 'TENANT_ID');
  assert.equal(tenantId?.value, `${key.namespace}/${key.name}`);
});
