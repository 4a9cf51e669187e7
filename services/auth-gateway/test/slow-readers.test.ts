import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { FakeClock } from '@hybridstore/test-kit';
import { SlowReaders } from '../src/clients/slow-readers.ts';

/** An answer whose client takes bytes when the test says so. */
class FakeAnswer extends EventEmitter {
  writableNeedDrain = true;
  isDestroyed = false;
  readonly socket = { bytesWritten: 1_000, writableLength: 500 };

  take(bytes: number): void {
    this.socket.writableLength -= bytes;
  }
  destroy(): void {
    this.isDestroyed = true;
    this.emit('close');
  }
}

function watch(clock: FakeClock): { readonly answer: FakeAnswer; readonly readers: SlowReaders } {
  const readers = new SlowReaders(clock);
  const answer = new FakeAnswer();
  // Only what the watch looks at: an answer's socket, its need to drain and its end.
  readers.watch(answer as unknown as ServerResponse);
  return { answer, readers };
}

describe('an answer', () => {
  it('whose client takes nothing for a minute is ended', async () => {
    const clock = new FakeClock();
    const { answer } = watch(clock);
    await clock.advance(59_000);
    assert.equal(answer.isDestroyed, false);
    await clock.advance(16_000);
    assert.equal(answer.isDestroyed, true);
  });

  it('whose client takes a little now and then goes on', async () => {
    const clock = new FakeClock();
    const { answer } = watch(clock);
    for (let minute = 0; minute < 10; minute += 1) {
      answer.take(1);
      await clock.advance(50_000);
    }
    assert.equal(answer.isDestroyed, false);
  });

  it('that has nothing to send waits for its service as long as it likes', async () => {
    const clock = new FakeClock();
    const { answer } = watch(clock);
    answer.writableNeedDrain = false;
    await clock.advance(3_600_000);
    assert.equal(answer.isDestroyed, false);
  });

  it('that is over leaves no timer behind', async () => {
    const clock = new FakeClock();
    const { answer, readers } = watch(clock);
    answer.emit('close');
    await clock.advance(15_000);
    assert.equal(clock.pending, 0);
    readers.close();
  });
});
