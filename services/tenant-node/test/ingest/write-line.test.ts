import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HybridStoreError } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import { WriteLine } from '../../src/ingest/write-line.ts';

const msMax = 6_000;
const patient = new AbortController().signal;

/** A line whose writes go when the test says how many may. */
function createLine(random = 0.5) {
  const clock = new FakeClock();
  const gone: string[] = [];
  let places = 0;
  const line: WriteLine<{ readonly source: string; readonly caller: string }> = new WriteLine({
    what: 'room',
    waitingMax: 4,
    waitingPerCallerMax: 2,
    judge: () => (places > 0 ? 'go' : 'all wait'),
    onGo: ({ caller }) => {
      places -= 1;
      gone.push(caller);
    },
    onLeft: () => line.look(),
    clock,
    random: () => random,
  });
  const enter = (caller: string, signal = patient) => line.enter({ source: 'events', caller }, { msMax, signal });
  const give = (count: number) => {
    places += count;
    line.look();
  };
  return { line, clock, gone, enter, give };
}

describe('a line of writes', () => {
  it('lets those go that may, when somebody looks, and leaves no timer behind', async () => {
    const { line, clock, gone, enter, give } = createLine();
    const waits = [enter('ada'), enter('bob'), enter('ada')];
    assert.deepEqual([gone, line.waiting, clock.pending], [[], 3, 3]);
    give(3);
    await Promise.all(waits);
    assert.deepEqual([gone, line.waiting, clock.pending], [['ada', 'bob', 'ada'], 0, 0]);
  });

  it('keeps nobody who may go at once, however many wait', async () => {
    const { gone, enter, give } = createLine();
    give(1);
    await enter('ada');
    assert.deepEqual(gone, ['ada']);
  });

  for (const [random, retryMs] of [
    [0, 1_000],
    [0.5, 3_000],
    [0.999, 4_996],
  ] as const)
    it(`refuses who waits too long, to come back after ${retryMs} ms as chance has it`, async () => {
      const { line, clock, enter } = createLine(random);
      const refused = assert.rejects(enter('ada'), {
        code: 'overloaded',
        message: 'the write needs room: waited 6000 ms',
        details: { retry_after_ms: retryMs },
      });
      await clock.advance(msMax - 1);
      assert.equal(line.waiting, 1);
      await clock.advance(1);
      await refused;
      assert.equal(line.waiting, 0);
    });

  it('refuses one too many, of a caller and in all', async () => {
    const { line, enter } = createLine();
    const waits = ['ada', 'ada', 'bob', 'eve'].map((caller) => enter(caller));
    const [code, what] = ['overloaded', 'the write needs room'];
    await assert.rejects(enter('bob'), { code, message: `${what}: 4 others wait already` });
    const closed = new HybridStoreError('unavailable', 'closing');
    line.close(closed);
    for (const wait of waits) await assert.rejects(wait, closed);
    const { enter: enterOther } = createLine();
    const own = [enterOther('ada'), enterOther('ada')];
    await assert.rejects(enterOther('ada'), { code, message: `${what}: 2 others of the user wait already` });
    assert.equal(own.length, 2);
  });

  it('forgets who has left, and refuses whoever left before', async () => {
    const { line, clock, gone, enter, give } = createLine();
    const leaving = new AbortController();
    const wait = enter('ada', leaving.signal);
    const reason = new HybridStoreError('unavailable', 'the client went away');
    leaving.abort(reason);
    await assert.rejects(wait, reason);
    await assert.rejects(enter('ada', leaving.signal), reason);
    assert.deepEqual([line.waiting, clock.pending], [0, 0]);
    give(1);
    assert.deepEqual(gone, []);
  });

  it('refuses all that wait when it is closed, and lets only those in afterwards who need not wait', async () => {
    const { line, clock, enter, give } = createLine();
    const closing = new HybridStoreError('unavailable', 'closing');
    const wait = enter('ada');
    line.close(closing);
    await assert.rejects(wait, closing);
    await assert.rejects(enter('ada'), closing);
    give(1);
    await enter('ada');
    assert.equal(clock.pending, 0);
  });
});
