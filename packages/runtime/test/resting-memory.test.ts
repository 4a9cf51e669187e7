import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '@hybridstore/test-kit';
import { giveBackAtRest, heapBytesMax, lookMs } from '../src/resting-memory.ts';

function watched(heap = 1_000) {
  const clock = new FakeClock();
  const seen = { cpuMs: 0, collected: 0, heap };
  const stop = giveBackAtRest({
    clock,
    cpuMs: () => seen.cpuMs,
    heapBytes: () => seen.heap,
    collect: () => {
      seen.collected += 1;
    },
  });
  const pass = async (busyMs: number) => {
    seen.cpuMs += busyMs;
    await clock.advance(lookMs);
    return seen.collected;
  };
  return { seen, pass, stop };
}

describe('memory at rest', () => {
  it('is given back once after the start, and not again while nothing happens', async () => {
    const { pass } = watched();
    assert.deepEqual([await pass(10), await pass(10), await pass(0), await pass(200)], [1, 1, 1, 1]);
  });

  it('is given back once more when work has ended, and never during it', async () => {
    const { pass } = watched();
    assert.deepEqual([await pass(4_000), await pass(5_000), await pass(300), await pass(100)], [0, 0, 0, 1]);
    assert.deepEqual([await pass(1_000), await pass(0), await pass(0)], [1, 2, 2]);
  });

  it('stays where it is when a collection would hold up the thread for long', async () => {
    const { seen, pass } = watched(heapBytesMax + 1);
    assert.equal(await pass(0), 0);
    seen.heap = heapBytesMax;
    assert.deepEqual([await pass(0), await pass(2_000), await pass(0)], [0, 0, 1]);
  });

  it('is not looked at any more after the end', async () => {
    const { pass, stop } = watched();
    stop();
    assert.equal(await pass(0), 0);
  });

  it('is given back by V8: a buffer that only an unreachable object holds is gone', async () => {
    const clock = new FakeClock();
    let garbage: Buffer | undefined = Buffer.alloc(64 * 1024 * 1024, 1);
    assert.ok(garbage.length > 0);
    const before = process.memoryUsage().arrayBuffers;
    giveBackAtRest({ clock, cpuMs: () => 0 });
    garbage = undefined;
    await clock.advance(lookMs);
    assert.ok(before - process.memoryUsage().arrayBuffers >= 60 * 1024 * 1024);
  });
});
