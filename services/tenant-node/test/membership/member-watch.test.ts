import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Member } from '@hybridstore/contracts';
import { HybridStoreError, silentLogger } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import { MemberWatch } from '../../src/membership/member-watch.ts';

const other: Member = { pod: 'acme-1', url: 'http://acme-1:8000', log_id: 'b', state: 'active', epoch: 1 };

function watch(greet: () => Promise<number>) {
  return new MemberWatch({
    members: { self: undefined, members: () => [other], refresh: async () => other },
    store: { read: async () => undefined },
    calls: { greet, away: () => undefined },
    unflushedRows: () => 0,
    onGivenUp: () => assert.fail('nobody was given up'),
    clock: new FakeClock(),
    logger: silentLogger,
  });
}

for (const [what, details, answers] of [
  ['cannot be reached', { away_since: '2026-01-01T00:00:00.000Z' }, false],
  ['has no room for the question', {}, true],
] as const)
  it(`a member that ${what} ${answers ? 'is there: it' : 'is away, and'} ${answers ? 'cannot' : 'can'} be given up`, async () => {
    const one = watch(() => Promise.reject(new HybridStoreError('unavailable', what, details)));
    assert.equal(await one.answers(other), answers);
  });

it('a member is shown with the rows that it held when it last answered', async () => {
  let rows: number | undefined = 312;
  const one = watch(async () => rows ?? Promise.reject(new HybridStoreError('unavailable', 'away')));
  await one.look();
  rows = undefined;
  await one.look();
  assert.equal(one.describe(other).unflushed_rows, 312);
});
