import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLogger } from '@hybridstore/runtime';
import { Drain } from '../../src/domain/drain.ts';

/** Records the order of what is done; `flush` is settled by the test. */
function createWorld() {
  const done: string[] = [];
  let flush = Promise.withResolvers<void>();
  const engine = {
    drain: () => {
      done.push('fence');
      return flush.promise.then(() => void done.push('committed'));
    },
    undrain: () => void done.push('unfence'),
    unflushedRows: () => 7,
  };
  const members = {
    isJoined: true,
    join: async () => {
      members.isJoined = true;
      done.push('joined');
    },
    leave: async () => {
      members.isJoined = false;
      done.push('left');
    },
  };
  const drain = new Drain({ engine, members, pod: 'acme-1', logger: silentLogger });
  const settle = async (error?: Error) => {
    if (error) flush.reject(error);
    else flush.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    flush = Promise.withResolvers<void>();
  };
  return { drain, done, settle };
}

describe('a drain', () => {
  it('fences, commits, and only then marks the member drained', async () => {
    const { drain, done, settle } = createWorld();
    assert.deepEqual(drain.begin(), { pod: 'acme-1', state: 'draining', unflushed_rows: 7 });
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(done, ['fence']);
    await settle();
    assert.deepEqual(done, ['fence', 'committed', 'left']);
    assert.equal(drain.begin().state, 'drained');
    assert.deepEqual(done, ['fence', 'committed', 'left']);
  });

  it('reports why it failed and starts again at the next poll', async () => {
    const { drain, done, settle } = createWorld();
    drain.begin();
    await new Promise((resolve) => setImmediate(resolve));
    await settle(new Error('no space left'));
    assert.equal(drain.status().error, 'no space left');
    assert.equal(drain.begin().state, 'draining');
    await new Promise((resolve) => setImmediate(resolve));
    await settle();
    assert.equal(drain.status().state, 'drained');
    assert.deepEqual(done, ['fence', 'fence', 'committed', 'left']);
  });

  it('that is taken back makes the node a member anew before it takes writes', async () => {
    const { drain, done, settle } = createWorld();
    drain.begin();
    await new Promise((resolve) => setImmediate(resolve));
    await settle();
    assert.equal((await drain.cancel()).state, 'active');
    assert.deepEqual(done, ['fence', 'committed', 'left', 'joined', 'unfence']);
  });

  it('that failed can be taken back', async () => {
    const { drain, done, settle } = createWorld();
    drain.begin();
    await settle(new Error('no space left'));
    assert.equal((await drain.cancel()).state, 'active');
    assert.deepEqual(done, ['fence', 'unfence']);
  });

  it('that is stuck can be taken back, and marks nothing when it wakes up', async () => {
    const { drain, done, settle } = createWorld();
    drain.begin();
    assert.equal((await drain.cancel()).state, 'active');
    await settle();
    assert.equal(drain.status().state, 'active');
    assert.deepEqual(done, ['fence', 'unfence', 'committed']);
  });

  it('taken back before it began changes nothing', async () => {
    const { drain, done } = createWorld();
    assert.equal((await drain.cancel()).state, 'active');
    assert.deepEqual(done, []);
  });
});
