import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '@hybridstore/test-kit';
import fc from 'fast-check';
import { WorkQueue } from '../../src/controller/work-queue.ts';

function buildQueue(options: { readonly keysMax?: number } = {}) {
  const clock = new FakeClock();
  return { clock, queue: new WorkQueue({ clock, random: () => 0.999, ...options }) };
}

describe('work queue', () => {
  it('keys come out in the order they came in, each once', async () => {
    const { queue } = buildQueue();
    for (const key of ['a', 'b', 'a', 'a', 'c']) queue.add(key);
    assert.equal(queue.depth, 3);
    assert.deepEqual([await queue.take(), await queue.take(), await queue.take()], ['a', 'b', 'c']);
  });

  it('a key that is added while it is worked on waits until that is done', async () => {
    const { queue } = buildQueue();
    queue.add('a');
    await queue.take();
    queue.add('a');
    queue.add('a');
    let isTaken = false;
    const second = queue.take().then((key) => {
      isTaken = true;
      return key;
    });
    await Promise.resolve();
    assert.equal(isTaken, false);
    queue.done('a');
    assert.equal(await second, 'a');
    queue.done('a');
    assert.equal(queue.depth, 0);
  });

  it('of two times of one key the earlier counts', async () => {
    const { queue, clock } = buildQueue();
    queue.addAfter('a', 5_000);
    queue.addAfter('a', 1_000);
    queue.addAfter('a', 9_000);
    await clock.advance(999);
    assert.equal(queue.depth, 0);
    await clock.advance(1);
    assert.equal(queue.depth, 1);
    await clock.advance(60_000);
    assert.equal(queue.depth, 1);
    assert.equal(queue.delayed, 0);
  });

  it('retries of a key wait longer each time, up to the cap, until it is forgotten', () => {
    const { queue } = buildQueue();
    const delays = Array.from({ length: 12 }, () => Math.round(queue.retry('a')));
    assert.deepEqual(delays.slice(0, 4), [100, 200, 400, 800]);
    assert.ok((delays.at(-1) ?? 0) <= 60_000 && (delays.at(-1) ?? 0) > 59_000);
    assert.equal(Math.round(queue.retry('b')), 100);
    queue.forget('a');
    assert.equal(Math.round(queue.retry('a')), 100);
    assert.equal(queue.retry('c', 7_000), 7_000);
  });

  it('a full queue refuses new keys, not known ones', () => {
    const { queue } = buildQueue({ keysMax: 2 });
    assert.deepEqual([queue.add('a'), queue.add('b'), queue.add('c'), queue.add('a')], [true, true, false, true]);
  });

  it('a closed queue lets its takers go and takes nothing more', async () => {
    const { queue, clock } = buildQueue();
    queue.addAfter('later', 10);
    const waiting = queue.take();
    queue.close();
    assert.equal(await waiting, undefined);
    assert.equal(await queue.take(), undefined);
    assert.equal(queue.add('a'), false);
    await clock.advance(100);
    assert.equal(queue.depth, 0);
  });

  it('property: one key is never in two workers, and no addition is lost', async () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('add' as const),
        key: fc.integer({ min: 0, max: 4 }),
        delayMs: fc.constantFrom(0, 0, 5, 50),
      }),
      fc.record({ kind: fc.constant('take' as const) }),
      fc.record({ kind: fc.constant('done' as const), pick: fc.nat(10) }),
      fc.record({ kind: fc.constant('time' as const), byMs: fc.constantFrom(1, 10, 100) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { queue, clock } = buildQueue();
        const active = new Set<string>();
        const owed = new Set<string>(); // added, and no work begun since
        let waiting = 0;
        const take = async () => {
          waiting += 1;
          const key = await queue.take();
          waiting -= 1;
          if (key === undefined) return;
          assert.ok(!active.has(key), `${key} is in two workers`);
          active.add(key);
          owed.delete(key);
        };
        for (const action of steps) {
          if (action.kind === 'add') {
            owed.add(String(action.key));
            queue.addAfter(String(action.key), action.delayMs);
          } else if (action.kind === 'take' && waiting < 3) void take();
          else if (action.kind === 'done' && active.size > 0) {
            const key = [...active][action.pick % active.size] ?? '';
            active.delete(key);
            queue.done(key);
          } else if (action.kind === 'time') await clock.advance(action.byMs);
          await Promise.resolve();
        }
        await clock.advance(1_000);
        for (let round = 0; round < 30; round += 1) {
          for (const key of [...active]) {
            active.delete(key);
            queue.done(key);
          }
          if (queue.depth > 0) void take();
          await Promise.resolve();
          await Promise.resolve();
        }
        assert.deepEqual([...owed], []);
      }),
      { numRuns: 200 },
    );
  });
});
