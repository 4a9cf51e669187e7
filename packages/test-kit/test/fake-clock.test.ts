import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createTemporaryFolder, FakeClock } from '@hybridstore/test-kit';

describe('the fake clock', () => {
  it('runs timers in the order of their time, at their time', async () => {
    const clock = new FakeClock();
    const start = clock.now();
    const ran: [string, number][] = [];
    const note = (name: string) => () => ran.push([name, clock.now() - start]);
    clock.schedule(20, note('second'));
    clock.schedule(10, note('first'));
    clock.schedule(20, note('third'));
    clock.schedule(30, note('late'));
    await clock.advance(25);
    assert.deepEqual(ran, [
      ['first', 10],
      ['second', 20],
      ['third', 20],
    ]);
    assert.deepEqual([clock.now() - start, clock.pending], [25, 1]);
  });

  it('runs timers that timers set, when they fall due in the same step', async () => {
    const clock = new FakeClock();
    let ticks = 0;
    const tick = () => {
      ticks += 1;
      clock.schedule(10, tick);
    };
    clock.schedule(10, tick);
    await clock.advance(100);
    assert.equal(ticks, 10);
  });

  it('lets sleepers go on before the next timer', async () => {
    const clock = new FakeClock();
    const order: string[] = [];
    void clock.sleep(10).then(() => order.push('woke'));
    clock.schedule(11, () => order.push('timer'));
    await clock.advance(20);
    assert.deepEqual(order, ['woke', 'timer']);
  });

  it('forgets what is cancelled or aborted', async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    clock.schedule(10, () => assert.fail('ran'))();
    const asleep = clock.sleep(10, stop.signal);
    stop.abort(new Error('enough'));
    await assert.rejects(asleep, /enough/);
    assert.equal(clock.pending, 0);
  });
});

it('a temporary folder is gone with its content when its scope ends', () => {
  let path = '';
  {
    using folder = createTemporaryFolder();
    path = folder.path;
    writeFileSync(join(path, 'file'), '');
    assert.ok(existsSync(path));
  }
  assert.equal(existsSync(path), false);
});
