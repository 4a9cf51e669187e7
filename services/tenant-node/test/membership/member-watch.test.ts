import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { LogPositions, Member } from '@hybridstore/contracts';
import { HybridStoreError, silentLogger } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import { LogMarks } from '../../src/domain/log-marks.ts';
import { MemberWatch } from '../../src/membership/member-watch.ts';

const other: Member = { pod: 'acme-1', url: 'http://acme-1:8000', log_id: 'b', state: 'active', epoch: 1 };
const log = 'hybridstore/acme-1/b';
const location = 'tables/events/1';

function watch(
  greet: () => Promise<number>,
  positions: () => Promise<LogPositions | undefined> = async () => undefined,
) {
  const [clock, marks] = [new FakeClock(), new LogMarks()];
  const one = new MemberWatch({
    members: { self: undefined, members: () => [other], refresh: async () => other },
    store: { read: async () => undefined },
    calls: { greet, away: () => undefined, positions },
    marks,
    unflushedRows: () => 0,
    onGivenUp: () => assert.fail('nobody was given up'),
    clock,
    logger: silentLogger,
  });
  return { one, clock, marks };
}

for (const [what, details, answers] of [
  ['cannot be reached', { away_since: '2026-01-01T00:00:00.000Z' }, false],
  ['has no room for the question', {}, true],
] as const)
  it(`a member that ${what} ${answers ? 'is there: it' : 'is away, and'} ${answers ? 'cannot' : 'can'} be given up`, async () => {
    const { one } = watch(() => Promise.reject(new HybridStoreError('unavailable', what, details)));
    assert.equal(await one.answers(other), answers);
  });

it('a member is shown with the rows that it held when it last answered', async () => {
  let rows: number | undefined = 312;
  const { one } = watch(async () => rows ?? Promise.reject(new HybridStoreError('unavailable', 'away')));
  await one.look();
  rows = undefined;
  await one.look();
  assert.equal(one.describe(other).unflushed_rows, 312);
});

it('how far the log of a member has come is known as of the moment before it was asked', async () => {
  const asked = Promise.withResolvers<LogPositions>();
  const { one, clock, marks } = watch(
    async () => 3,
    () => asked.promise,
  );
  const askedMs = clock.monotonicMs();
  const looked = one.look();
  await clock.advance(700);
  asked.resolve({
    app_id: log,
    positions: [{ source_id: 'events', location, acknowledged_lsn: 9, committed_lsn: 6 }],
  });
  await looked;
  assert.deepEqual(marks.newest('events', log, { location, lsn: 9 }), { askedMs, acknowledgedLsn: 9, location });
  assert.equal(marks.newest('events', log, { location, lsn: 8 }), undefined);
});

it('a member that does not say how far its log has come is there all the same', async () => {
  for (const positions of [async () => undefined, () => Promise.reject(new Error('replaying'))]) {
    const { one, marks } = watch(async () => 312, positions);
    await one.look();
    assert.equal(one.describe(other).unflushed_rows, 312);
    assert.equal(marks.newest('events', log, { location, lsn: 9 }), undefined);
  }
});
