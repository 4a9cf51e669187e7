import assert from 'node:assert/strict';
import { it } from 'node:test';
import { logPositionsMax } from '@hybridstore/contracts';
import type { LogPosition } from '@hybridstore/engine';
import type { Call } from '../../src/domain/call.ts';
import { logPositions } from '../../src/domain/verbs/log-positions.ts';

const caller = { tenant: 'default/acme', subject: 'service:tenant-node', permissions: [], token: 'secret' };
const call: Call = { caller, signal: new AbortController().signal, deadlineMs: undefined };

function positionsOf(positions: readonly LogPosition[], reasons: readonly string[] = []) {
  const engine = { appId: 'hybridstore/acme-0/1', positions: () => positions, notReadyReasons: () => reasons };
  return logPositions({ tenantId: caller.tenant, engine }, call);
}

function positionOf(sourceId: string, acknowledgedLsn: number): LogPosition {
  return { sourceId, location: `tables/${sourceId}/1`, acknowledgedLsn, committedLsn: 5 };
}

it('sources with rows that are in no table are never those that have no room', () => {
  const flushed = Array.from({ length: logPositionsMax }, (_, index) => positionOf(`flushed_${index}`, 5));
  const { app_id: log, positions } = positionsOf([...flushed, positionOf('fresh', 6)]);
  assert.equal(log, 'hybridstore/acme-0/1');
  assert.equal(positions.length, logPositionsMax);
  assert.deepEqual(positions[0], {
    source_id: 'fresh',
    location: 'tables/fresh/1',
    acknowledged_lsn: 6,
    committed_lsn: 5,
  });
});

it('a node whose log is still replayed says nothing: it knows less than it acknowledged', () => {
  assert.throws(() => positionsOf([positionOf('events', 5)], ['recovering']), { code: 'unavailable' });
  assert.equal(positionsOf([positionOf('events', 5)], ['draining']).positions.length, 1);
});
