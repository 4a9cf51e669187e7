import assert from 'node:assert/strict';
import { it } from 'node:test';
import { warningCharactersMax } from '@hybridstore/contracts';
import { describeSilence, staleMsOf } from '../../src/domain/silent-members.ts';

it('an answer that no member is missing from is not behind, and warns of nothing', () => {
  assert.deepEqual([staleMsOf([]), describeSilence([])], [{}, []]);
});

it('members that are silent are named once each, with the most that the answer is behind in any source', () => {
  const silent = [
    { pod: 'acme-1', reason: 'member acme-1 is away since 2026-01-01T00:00:00.000Z', staleMs: 40 },
    { pod: 'acme-2', reason: 'member acme-2 did not answer within 1000 ms', staleMs: 7 },
    { pod: 'acme-1', reason: 'member acme-1 is away since 2026-01-01T00:00:00.000Z', staleMs: 900 },
  ];
  assert.deepEqual(staleMsOf(silent), { stale_ms: 900 });
  const message = (reason: string, staleMs: number) =>
    `${reason}; rows that it acknowledged less than ${staleMs} ms before the query may be missing`;
  assert.deepEqual(describeSilence(silent), [
    { code: 'answered_without_node', message: message(silent[0]?.reason ?? '', 900) },
    { code: 'answered_without_node', message: message(silent[1]?.reason ?? '', 7) },
  ]);
});

it('a long reason is cut, and not what may be missing', () => {
  const [warning] = describeSilence([{ pod: 'acme-1', reason: 'x'.repeat(5_000), staleMs: 12 }]);
  assert.equal(warning?.message.length, warningCharactersMax);
  assert.match(warning?.message ?? '', /; rows that it acknowledged less than 12 ms before the query may be missing$/);
});
