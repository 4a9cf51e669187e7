import assert from 'node:assert/strict';
import { duplexPair } from 'node:stream';
import { describe, it } from 'node:test';
import { joinPayload, type Message } from '../../src/child-process/message-codec.ts';
import { MessagePipe, type PipeEvents } from '../../src/child-process/message-pipe.ts';
import type { HybridStoreError } from '../../src/index.ts';

const bounds = { messageBytesMax: 32 * 1024 * 1024, queuedBytesMax: 4 * 1024 * 1024 };

describe('the pipe between a parent and its child', () => {
  it('carries a payload of many parts as one, in the order of the messages', async () => {
    const { pipe, received } = open();
    const parts = Array.from({ length: 5_000 }, (_, index) => Buffer.alloc(100, index));
    pipe.send('data', { first: true }, parts);
    pipe.send('data', { second: true }, Buffer.alloc(200_000, 7));
    pipe.send('close', {});
    await turns();
    assert.deepEqual(
      received.map(({ kind, header, payload }) => [kind, header, joinPayload(payload).length]),
      [
        ['data', { first: true }, 500_000],
        ['data', { second: true }, 200_000],
        ['close', {}, 0],
      ],
    );
    assert.deepEqual(joinPayload(received[0]?.payload ?? []), Buffer.concat(parts));
    assert.equal(pipe.queuedBytes, 0);
  });

  it('hands over one message at a time', async () => {
    const release: (() => void)[] = [];
    const received: unknown[] = [];
    const { pipe } = open({
      receive: ({ header }) => {
        received.push(header);
        return new Promise((resolve) => release.push(resolve));
      },
    });
    for (const n of [1, 2, 3]) pipe.send('data', { n });
    await turns();
    assert.deepEqual(received, [{ n: 1 }]);
    release.shift()?.();
    await turns();
    assert.deepEqual(received, [{ n: 1 }, { n: 2 }]);
  });

  it('stops reading ahead of a slow receiver, and gives up an end that lets too much wait', async () => {
    const lost: (HybridStoreError | undefined)[] = [];
    const { pipe, far } = open({ receive: () => new Promise(() => {}) }, { lost: (reason) => lost.push(reason) });
    let sent = 0;
    for (; lost.length === 0 && sent < 100; sent += 1) {
      pipe.send('data', {}, Buffer.alloc(1024 * 1024));
      await turns();
    }
    // One at the receiver, sixteen read ahead and the one above it, then the queue of four and what the streams hold.
    assert.ok(sent >= 22 && sent <= 25, `${sent} messages were sent`);
    assert.equal(far.isPaused(), true);
    assert.equal(lost[0]?.code, 'overloaded');
    assert.match(lost[0]?.message ?? '', /wait for an end that does not read, expected at most 4194304$/);
    assert.equal(pipe.queuedBytes, 0);
  });

  it('goes on reading when the receiver has caught up', async () => {
    const release: (() => void)[] = [];
    const { pipe, far } = open({ receive: () => new Promise((resolve) => release.push(resolve)) });
    for (let sent = 0; sent < 18; sent += 1) {
      pipe.send('data', {}, Buffer.alloc(1024 * 1024));
      await turns();
    }
    assert.equal(far.isPaused(), true);
    for (let taken = 0; taken < 18; taken += 1) {
      assert.equal(release.length, 1);
      release.shift()?.();
      await turns();
    }
    assert.equal(far.isPaused(), false);
  });

  it('says that a message was torn when its end is missing', async () => {
    const lost: (HybridStoreError | undefined)[] = [];
    const { near } = open({ lost: (reason) => lost.push(reason) });
    near.end(Buffer.from('HC\x01\x01\x07\0\0\0\x02\0\0\0{"a"', 'latin1'));
    await turns();
    assert.deepEqual(
      lost.map((reason) => [reason?.code, reason?.message]),
      [['corrupt', 'child process: the pipe ended 16 bytes into a message']],
    );
  });

  it('ends without a reason between two messages', async () => {
    const lost: (HybridStoreError | undefined)[] = [];
    const { pipe, received } = open({ lost: (reason) => lost.push(reason) });
    pipe.send('data', { last: true });
    pipe.finish(() => {});
    await turns();
    assert.deepEqual([received.length, lost], [1, [undefined]]);
  });

  it('is given up at the first bytes that are no message, and hands over nothing after them', async () => {
    const lost: (HybridStoreError | undefined)[] = [];
    const { near, pipe, received } = open({ lost: (reason) => lost.push(reason) });
    near.write('what a library prints');
    pipe.send('data', {});
    await turns();
    assert.deepEqual([received, lost.map((reason) => reason?.code)], [[], ['corrupt']]);
  });

  it('is given up when a message is refused by an error', async () => {
    const lost: (HybridStoreError | undefined)[] = [];
    const { pipe } = open({
      receive: () => {
        throw new Error('no such query');
      },
      lost: (reason) => lost.push(reason),
    });
    pipe.send('data', {});
    await turns();
    assert.equal(lost[0]?.message, 'child process: what was received was refused: no such query');
  });

  it('sends nothing of a message above its bound, and goes on', async () => {
    const { pipe, received } = open();
    assert.throws(() => pipe.send('data', {}, Buffer.alloc(bounds.messageBytesMax)), { code: 'too_large' });
    pipe.send('data', { small: true });
    await turns();
    assert.deepEqual(
      received.map(({ header }) => header),
      [{ small: true }],
    );
  });
});

/** A pipe to write into, and what its other end does; by default that end keeps all messages. */
function open(farEvents: Partial<PipeEvents> = {}, nearEvents: Partial<PipeEvents> = {}) {
  const [near, far] = duplexPair();
  const received: Message[] = [];
  const ignore = { receive: () => {}, lost: () => {} };
  const pipe = new MessagePipe(near, bounds, { ...ignore, ...nearEvents });
  new MessagePipe(far, bounds, { ...ignore, receive: (message) => void received.push(message), ...farEvents });
  return { pipe, near, far, received };
}

/** Streams in memory need turns of the event loop and no time. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 100; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}
