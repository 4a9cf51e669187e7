import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StatefulSet, Stored } from '@hybridstore/controller-runtime';
import { renderTemplateRecord, type TemplateRecord } from '../../src/resources/template-record.ts';
import { holdsPlace, needsPlace } from '../../src/tenant/decide-rollout.ts';

const revisions = { currentRevision: 'x', updateRevision: 'x' };
const settled = { observedGeneration: 2, replicas: 2, readyReplicas: 2, updatedReplicas: 2, ...revisions };
const record: TemplateRecord = { template: 'aa', inputs: { generation: 3, digest: 'bb' }, rollsSince: undefined };
const rollsSince = '2026-01-01T00:00:00Z';

function set(more: Partial<TemplateRecord> = {}, status: object = {}, replicas = 2): Stored<StatefulSet> {
  const annotations = renderTemplateRecord({ ...record, ...more });
  const metadata = { name: 'hs-a', namespace: 'default', uid: '1', resourceVersion: '1', generation: 2, annotations };
  const spec = { replicas, selector: {}, template: { spec: { containers: [] } } };
  return { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata, spec, status: { ...settled, ...status } };
}

describe('another template', () => {
  const inputs = { generation: 3, digest: 'bb' };
  const cases: readonly (readonly [string, Parameters<typeof needsPlace>, boolean])[] = [
    ['of the platform waits', [set(), { digest: 'cc', inputs }], true],
    ['that the set was given already does not', [set(), { digest: 'aa', inputs }], false],
    ['of an edited Tenant does not', [set(), { digest: 'cc', inputs: { generation: 4, digest: 'dd' } }], false],
    [
      'of the platform waits where the edit changes no template',
      [set(), { digest: 'cc', inputs: { generation: 4, digest: 'bb' } }],
      true,
    ],
    [
      'that follows from a default of a newer definition waits: nobody edited the Tenant',
      [set(), { digest: 'cc', inputs: { generation: 3, digest: 'dd' } }],
      true,
    ],
    [
      'for a set without a record waits',
      [set({ inputs: undefined, template: undefined }), { digest: 'cc', inputs }],
      true,
    ],
    ['for no set does not', [undefined, { digest: 'cc', inputs }], false],
    ['for a set without nodes does not', [set({}, {}, 0), { digest: 'cc', inputs }], false],
    [
      'for one that holds a place does not',
      [set({ rollsSince }, { readyReplicas: 1 }), { digest: 'cc', inputs }],
      false,
    ],
    ['for one that has followed the last waits again', [set({ rollsSince }), { digest: 'cc', inputs }], true],
  ];
  for (const [what, [living, wanted], expected] of cases)
    it(what, () => assert.equal(needsPlace(living, wanted), expected));
});

describe('a place', () => {
  it('is held until every node is ready and of the newest template, and the set has seen that', () => {
    const statuses = [
      {},
      { observedGeneration: 1 },
      { currentRevision: 'w' },
      { readyReplicas: 1 },
      { readyReplicas: undefined },
      { updatedReplicas: 1 },
      { updatedReplicas: undefined },
      { observedGeneration: undefined },
    ];
    assert.deepEqual(
      statuses.map((status) => holdsPlace(set({ rollsSince }, status))),
      [false, true, true, true, true, true, true, true],
    );
  });

  it('is held by no set that follows no change of the platform', () => {
    assert.equal(holdsPlace(set({}, { readyReplicas: 0, currentRevision: 'w' })), false);
  });
});
