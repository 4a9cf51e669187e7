import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '@hybridstore/controller-runtime';
import { buildBuiltInKinds } from '../src/api/built-in-kinds.ts';
import { buildTable } from '../src/http/table.ts';

type Table = {
  readonly columnDefinitions: readonly { readonly name: string; readonly priority: number }[];
  readonly rows: readonly { readonly cells: readonly unknown[] }[];
};

const startMs = Date.parse('2026-01-01T00:00:00Z');

function cellsOf(plural: string, object: object, ageMs = 0): readonly unknown[] {
  const kind = buildBuiltInKinds().find(({ resource }) => resource.plural === plural);
  assert.ok(kind !== undefined);
  const whole = {
    metadata: { name: 'x', creationTimestamp: '2026-01-01T00:00:00Z' },
    ...object,
  } as unknown as KubeObject; // as much of one as the columns look at
  const table = buildTable(kind, [whole], {}, startMs + ageMs) as Table;
  const narrow = table.columnDefinitions.map(({ priority }) => priority === 0);
  return (table.rows[0]?.cells ?? []).filter((_cell, index) => narrow[index]);
}

describe('tables for kubectl', () => {
  it('ages have two units while the first one is small', () => {
    const rows: readonly (readonly [seconds: number, text: string])[] = [
      [0, '0s'],
      [119, '119s'],
      [120, '2m'],
      [410, '6m50s'],
      [600, '10m'],
      [10_799, '179m'],
      [10_800, '3h'],
      [10_860, '3h1m'],
      [28_800, '8h'],
      [172_800, '2d'],
      [176_400, '2d1h'],
      [691_200, '8d'],
    ];
    for (const [seconds, text] of rows) assert.deepEqual(cellsOf('namespaces', {}, seconds * 1_000), ['x', null, text]);
  });

  it('a pod says how many containers are ready and what keeps one from running', () => {
    const pod = (state: object, metadata = {}) => ({
      metadata: { name: 'x', creationTimestamp: '2026-01-01T00:00:00Z', ...metadata },
      spec: { containers: [{ name: 'a' }, { name: 'b' }] },
      status: {
        phase: 'Running',
        containerStatuses: [
          { ready: true, restartCount: 1 },
          { restartCount: 2, state },
        ],
      },
    });
    assert.deepEqual(cellsOf('pods', pod({ running: {} })), ['x', '1/2', 'Running', '3', '0s']);
    const waiting = pod({ waiting: { reason: 'CrashLoopBackOff' } });
    assert.deepEqual(cellsOf('pods', waiting), ['x', '1/2', 'CrashLoopBackOff', '3', '0s']);
    const going = pod({}, { deletionTimestamp: '2026-01-01T00:00:00Z' });
    assert.deepEqual(cellsOf('pods', going), ['x', '1/2', 'Terminating', '3', '0s']);
    assert.deepEqual(cellsOf('pods', { spec: { containers: [{}] } }), ['x', '0/1', 'Unknown', '0', '0s']);
  });

  it('other kinds have the columns of the real server', () => {
    const rows: readonly (readonly [plural: string, object: object, cells: readonly unknown[]])[] = [
      ['deployments', { spec: { replicas: 2 }, status: { readyReplicas: 1 } }, ['x', '1/2', 0, 0, '0s']],
      ['statefulsets', { spec: { replicas: 3 } }, ['x', '0/3', '0s']],
      [
        'services',
        { spec: { type: 'ClusterIP', clusterIP: '10.0.0.1', ports: [{ port: 80 }, { port: 53, protocol: 'UDP' }] } },
        ['x', 'ClusterIP', '10.0.0.1', '<none>', '80/TCP,53/UDP', '0s'],
      ],
      ['configmaps', { data: { a: '1' }, binaryData: { b: '' } }, ['x', 2, '0s']],
      ['poddisruptionbudgets', { spec: { minAvailable: 1 } }, ['x', 1, 'N/A', 0, '0s']],
      ['networkpolicies', { spec: { podSelector: {} } }, ['x', '<none>', '0s']],
      ['roles', {}, ['x', '2026-01-01T00:00:00Z']],
      [
        'events',
        { type: 'Normal', reason: 'R', note: ' n ', regarding: { kind: 'Pod', name: 'p' } },
        ['0s', 'Normal', 'R', 'pod/p', 'n'],
      ],
    ];
    for (const [plural, object, cells] of rows) assert.deepEqual(cellsOf(plural, object), cells, plural);
  });
});
