import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { HybridStoreError, silentLogger, ThreadPool } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import type { Work } from './working-main.ts';

const program = fileURLToPath(new URL('./working-main.ts', import.meta.url));

function open(waitingMax = 1, threads = 1) {
  const clock = new FakeClock();
  const pool = new ThreadPool<Work, number>({
    program,
    name: 'test',
    threads,
    waitingMax,
    answerMsMax: 1_000,
    heapMbMax: 32,
    stackMbMax: 2,
    clock,
    logger: silentLogger,
    tooSlow: () => new HybridStoreError('deadline_exceeded', 'too slow'),
    tooLarge: () => new HybridStoreError('invalid_request', 'too large'),
  });
  return { pool, clock, [Symbol.asyncDispose]: () => pool.close() };
}

describe('a pool of threads', () => {
  it('gives what a thread makes of a task, one after the other', async () => {
    await using threads = open(3);
    const doubled = await Promise.all([1, 2, 3].map((value) => threads.pool.run({ kind: 'double', value })));
    assert.deepEqual(doubled, [2, 4, 6]);
  });

  it('starts threads as tasks need them, and as many as it may have', async () => {
    await using threads = open(10, 2);
    await threads.pool.start();
    assert.equal(threads.pool.size, 1);
    for (let value = 0; value < 5; value += 1) await threads.pool.run({ kind: 'double', value });
    assert.equal(threads.pool.size, 1);
    const values = Array.from({ length: 10 }, (_, value) => value);
    const doubled = await Promise.all(values.map((value) => threads.pool.run({ kind: 'double', value })));
    assert.deepEqual(
      doubled,
      values.map((value) => 2 * value),
    );
    assert.equal(threads.pool.size, 2);
  });

  it('lets a task have the thread that is free first, and another where the only one had to be ended', async () => {
    await using threads = open(10, 2);
    await threads.pool.start();
    const slow = assert.rejects(threads.pool.run({ kind: 'spin' }), { code: 'deadline_exceeded' });
    const others = [1, 2, 3].map((value) => threads.pool.run({ kind: 'double', value }));
    assert.deepEqual(await Promise.all(others), [2, 4, 6]);
    await threads.clock.advance(1_000);
    await slow;
    assert.equal(await threads.pool.run({ kind: 'double', value: 4 }), 8);
  });

  it('hands on a refusal with its details, and hides a fault', async () => {
    await using threads = open();
    await assert.rejects(threads.pool.run({ kind: 'refuse' }), {
      code: 'invalid_request',
      message: 'value: expected another',
      details: { field: 'value' },
    });
    await assert.rejects(threads.pool.run({ kind: 'fail' }), {
      code: 'internal',
      message: 'internal error',
      details: {},
    });
    assert.equal(await threads.pool.run({ kind: 'double', value: 4 }), 8);
  });

  it('refuses a task whose thread is ended before it could begin', async () => {
    const threads = open();
    const refused = assert.rejects(threads.pool.run({ kind: 'double', value: 1 }), { code: 'unavailable' });
    await new Promise((resolve) => setImmediate(resolve));
    await threads.pool.close();
    await refused;
  });

  it('ends a thread that needs more memory than its bound, and works on with another', async () => {
    await using threads = open();
    await assert.rejects(threads.pool.run({ kind: 'fill' }), { code: 'invalid_request', message: 'too large' });
    assert.equal(await threads.pool.run({ kind: 'double', value: 4 }), 8);
  });

  it('ends a thread that needs more time than its bound, and works on with another', async () => {
    await using threads = open();
    await threads.pool.start();
    const slow = assert.rejects(threads.pool.run({ kind: 'spin' }), { code: 'deadline_exceeded', message: 'too slow' });
    // The task has been handed over in the turns before.
    await new Promise(setImmediate);
    await threads.clock.advance(1_000);
    await slow;
    assert.equal(await threads.pool.run({ kind: 'double', value: 4 }), 8);
  });

  it('ends a thread that works on for a caller who has left, and gives its place to the next', async () => {
    await using threads = open();
    await threads.pool.start();
    const leaving = new AbortController();
    const left = assert.rejects(threads.pool.run({ kind: 'spin' }, leaving.signal), { message: 'gone' });
    const next = threads.pool.run({ kind: 'double', value: 4 });
    await new Promise(setImmediate);
    leaving.abort(new Error('gone'));
    // Half of the time that a task may take: what ends it is that nobody waits for it.
    await threads.clock.advance(500);
    await left;
    assert.equal(await next, 8);
    assert.equal(threads.clock.pending, 0);
  });

  it('keeps a thread whose task ends soon after its caller has left', async () => {
    await using threads = open();
    await threads.pool.start();
    const leaving = new AbortController();
    const task = threads.pool.run({ kind: 'double', value: 4 }, leaving.signal);
    await new Promise(setImmediate);
    leaving.abort(new Error('gone'));
    assert.equal(await task, 8);
    // Nothing is left that would end it.
    assert.equal(threads.clock.pending, 0);
  });

  it('refuses what would wait beyond its bound', async () => {
    await using threads = open();
    const [first, second, third] = [1, 2, 3].map((value) => threads.pool.run({ kind: 'double', value }));
    await assert.rejects(third as Promise<number>, { code: 'overloaded' });
    assert.deepEqual([await first, await second], [2, 4]);
  });
});
