import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HybridStoreError } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import fc from 'fast-check';
import { type MemoryTurn, MemoryTurns } from '../../src/domain/memory-turns.ts';

const never = new AbortController().signal;
const msMax = 1_000;

function createTurns(waitingMax = 10) {
  const clock = new FakeClock();
  return { clock, turns: new MemoryTurns({ bytesMax: 100, waitingMax, clock }) };
}

/** Who has got a turn, in order. */
function ask(turns: MemoryTurns, granted: string[], user: string, bytes: number): Promise<MemoryTurn> {
  const taken = turns.take(user, bytes, { msMax, signal: never });
  taken.then(
    () => granted.push(`${user}${bytes}`),
    () => {},
  );
  return taken;
}

describe('turns of memory', () => {
  it('are had at once as long as there is memory and nobody waits', async () => {
    const { turns } = createTurns();
    const first = turns.tryTake(60);
    assert.equal(first?.bytes, 60);
    assert.equal(turns.tryTake(41), undefined);
    assert.equal(turns.tryTake(40)?.bytes, 40);
    assert.equal(turns.grantedBytes, 100);
    first?.release();
    first?.release();
    assert.equal(turns.grantedBytes, 40);
    const waiting = turns.take('a', 61, { msMax, signal: never });
    assert.equal(turns.tryTake(1), undefined, 'somebody waits');
    assert.equal(turns.waiting, 1);
    waiting.catch(() => {});
  });

  it('of more than there is are for all there is', async () => {
    const { turns } = createTurns();
    assert.equal((await turns.take('a', 1_000, { msMax, signal: never })).bytes, 100);
  });

  it('go to users in turn, and pass nobody over', async () => {
    const { clock, turns } = createTurns();
    const granted: string[] = [];
    const first = await ask(turns, granted, 'a', 60);
    const second = ask(turns, granted, 'a', 70);
    void ask(turns, granted, 'a', 5);
    void ask(turns, granted, 'b', 10);
    void ask(turns, granted, 'c', 20);
    await clock.advance(0);
    assert.deepEqual(granted, ['a60'], 'a70 is next, and b10 would fit');
    first.release();
    await clock.advance(0);
    assert.deepEqual(granted, ['a60', 'a70', 'b10', 'c20'], 'a has had its turn; its 5 do not fit beside 100');
    (await second).release();
    await clock.advance(0);
    assert.deepEqual([granted.at(-1), turns.grantedBytes, turns.waiting], ['a5', 35, 0]);
  });

  it('are not given to who would fit while the next one waits for more', async () => {
    const { clock, turns } = createTurns();
    const granted: string[] = [];
    const [first, second] = [turns.tryTake(60), turns.tryTake(30)];
    void ask(turns, granted, 'b', 80);
    void ask(turns, granted, 'c', 10);
    second?.release();
    await clock.advance(0);
    assert.deepEqual([granted, turns.grantedBytes, turns.waiting], [[], 60, 2]);
    first?.release();
    await clock.advance(0);
    assert.deepEqual([granted, turns.waiting], [['b80', 'c10'], 0]);
  });

  it('know whether they had company', async () => {
    const { turns } = createTurns();
    const alone = turns.tryTake(10);
    assert.equal(alone?.hadCompany, false);
    const other = turns.tryTake(10);
    assert.deepEqual([alone?.hadCompany, other?.hadCompany], [true, true]);
    alone?.release();
    other?.release();
    assert.deepEqual([alone?.hadCompany, turns.tryTake(10)?.hadCompany], [true, false]);
  });

  it('are refused beyond the line, and beyond what one user may hold of it, with the place', async () => {
    const { turns } = createTurns(5);
    turns.tryTake(100);
    for (let place = 0; place < 4; place += 1) turns.take('a', 1, { msMax, signal: never }).catch(() => {});
    await assert.rejects(turns.take('a', 1, { msMax, signal: never }), {
      code: 'overloaded',
      message: '4 statements of the user are waiting for memory already',
      details: { position: 5, queue_length: 4, retry_after_ms: 2_500 },
    });
    turns.take('b', 1, { msMax, signal: never }).catch(() => {});
    await assert.rejects(turns.take('c', 1, { msMax, signal: never }), {
      code: 'overloaded',
      message: '5 statements are waiting for memory already',
      details: { position: 6, queue_length: 5, retry_after_ms: 3_000 },
    });
  });

  it('that take too long to come are refused with the place that was reached', async () => {
    const { clock, turns } = createTurns();
    turns.tryTake(100);
    for (const user of ['a', 'a', 'a', 'b']) turns.take(user, 1, { msMax: 10_000, signal: never }).catch(() => {});
    const late = turns.take('b', 1, { msMax: 500, signal: never });
    const refused = assert.rejects(late, (error: HybridStoreError) => {
      assert.equal(error.message, 'the statement waited 500 ms for memory');
      // a b a, and it: the third of a comes after it.
      assert.deepEqual([error.code, error.details['position'], error.details['queue_length']], ['overloaded', 4, 5]);
      return true;
    });
    await clock.advance(500);
    await refused;
    assert.equal(turns.waiting, 4);
  });

  it('are let go of by who leaves the line, for those behind', async () => {
    const { clock, turns } = createTurns();
    const granted: string[] = [];
    await ask(turns, granted, 'a', 60);
    const leaving = new AbortController();
    const left = turns.take('b', 100, { msMax, signal: leaving.signal });
    void ask(turns, granted, 'c', 40);
    const reason = new Error('the caller went away');
    leaving.abort(reason);
    await assert.rejects(left, reason);
    await clock.advance(0);
    assert.deepEqual([granted, turns.waiting, clock.pending], [['a60', 'c40'], 0, 0]);
    await assert.rejects(turns.take('b', 1, { msMax, signal: leaving.signal }), reason);
  });

  it('are never more than there is, reach everybody, and come back, whatever becomes of those who ask', async () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('take' as const),
        user: fc.constantFrom('a', 'b', 'c'),
        bytes: fc.integer({ min: 1, max: 130 }),
        waitMs: fc.integer({ min: 1, max: 50 }),
      }),
      fc.record({ kind: fc.constant('release' as const), index: fc.nat(20) }),
      fc.record({ kind: fc.constant('leave' as const), index: fc.nat(20) }),
      fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 30 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { clock, turns } = createTurns(8);
        const held: MemoryTurn[] = [];
        const waiting: Asked[] = [];
        let unknown = 0;
        const check = () => {
          assert.equal(
            held.reduce((sum, turn) => sum + turn.bytes, 0),
            turns.grantedBytes,
          );
          assert.ok(turns.grantedBytes <= 100);
          assert.equal(turns.waiting, waiting.length);
          if (held.length === 0) assert.equal(waiting.length, 0, 'nobody waits beside memory that nobody has');
        };
        for (const action of steps) {
          if (action.kind === 'take') {
            const leaving = new AbortController();
            const asked: Asked = {
              user: action.user,
              leave: () => leaving.abort(new Error('left')),
              passedBy: new Map(),
            };
            waiting.push(asked);
            const settle = () => waiting.splice(waiting.indexOf(asked), 1);
            turns.take(action.user, action.bytes, { msMax: action.waitMs, signal: leaving.signal }).then(
              (turn) => {
                settle();
                held.push(turn);
                notePassed(asked, waiting);
              },
              (error: unknown) => {
                settle();
                const isExpected = error instanceof HybridStoreError ? error.code === 'overloaded' : true;
                if (!isExpected) unknown += 1;
              },
            );
          } else if (action.kind === 'release') {
            held.splice(action.index % Math.max(1, held.length), 1)[0]?.release();
          } else if (action.kind === 'leave') waiting[action.index % Math.max(1, waiting.length)]?.leave();
          await clock.advance(action.kind === 'wait' ? action.ms : 0);
          check();
        }
        // Whoever still waits gets his turn, as long as those who have one give it back.
        for (let round = 0; held.length > 0 && round < 100; round += 1) {
          held.shift()?.release();
          await clock.advance(0);
          check();
        }
        assert.deepEqual([turns.grantedBytes, turns.waiting, waiting.length, unknown], [0, 0, 0, 0]);
        assert.equal(clock.pending, 0);
      }),
      { numRuns: 100 },
    );
  });
});

type Asked = { readonly user: string; readonly leave: () => void; readonly passedBy: Map<string, number> };

/** The first in the line of a user is passed by nobody of another user twice. */
function notePassed(granted: Asked, waiting: readonly Asked[]): void {
  const first = new Map<string, Asked>();
  for (const asked of waiting) if (!first.has(asked.user)) first.set(asked.user, asked);
  first.delete(granted.user);
  for (const asked of first.values()) {
    const times = (asked.passedBy.get(granted.user) ?? 0) + 1;
    asked.passedBy.set(granted.user, times);
    assert.ok(times <= 1, `${granted.user} passed ${asked.user} twice`);
  }
}
