import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLogger } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import { Drain } from '../../src/domain/drain.ts';

/** Records the order of what is done; `flush` is settled by the test, and so are what is written of the member and its return. */
function createWorld({ delayMs = 0 } = {}) {
  const done: string[] = [];
  const clock = new FakeClock();
  const held: { file?: Promise<void>; return?: Promise<void>; flush?: Promise<void>; queries?: Promise<void> } = {};
  let flush = Promise.withResolvers<void>();
  const engine = {
    drain: () => {
      done.push('fence');
      return flush.promise.then(() => void done.push('committed'));
    },
    undrain: () => void done.push('unfence'),
    flushAll: async () => {
      done.push('flush');
      await held.flush;
    },
    unflushedRows: () => 7,
  };
  const queries = {
    settle: async (msMax: number) => {
      assert.equal(msMax, 60_000);
      done.push('queries');
      await held.queries;
    },
  };
  const members = {
    isJoined: true,
    mayReturn: true,
    canReturn: async () => members.mayReturn,
    awaited: new Map<string, string>(),
    join: async () => {
      done.push('join');
      await held.return;
      members.isJoined = true;
      done.push('joined');
    },
    leave: async () => {
      members.isJoined = false;
      await held.file;
      done.push('left');
    },
  };
  const times = { delayMs, finishMs: 60_000 };
  const drain = new Drain({ engine, queries, members, pod: 'acme-1', clock, logger: silentLogger, times });
  const settle = async (error?: Error) => {
    await new Promise((resolve) => setImmediate(resolve));
    if (error) flush.reject(error);
    else flush.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    flush = Promise.withResolvers<void>();
  };
  return { drain, done, settle, members, clock, held };
}

describe('a drain', () => {
  it('fences, commits, and only then marks the member drained', async () => {
    const { drain, done, settle } = createWorld();
    assert.deepEqual(drain.begin(), { pod: 'acme-1', state: 'draining', unflushed_rows: 7 });
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(done, ['queries', 'flush', 'fence']);
    await settle();
    assert.deepEqual(done, ['queries', 'flush', 'fence', 'committed', 'left']);
    assert.equal(drain.begin().state, 'drained');
    assert.deepEqual(done, ['queries', 'flush', 'fence', 'committed', 'left']);
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
    assert.deepEqual(done, ['queries', 'flush', 'fence', 'queries', 'flush', 'fence', 'committed', 'left']);
  });

  it('that is taken back makes the node a member anew before it takes writes', async () => {
    const { drain, done, settle } = createWorld();
    drain.begin();
    await new Promise((resolve) => setImmediate(resolve));
    await settle();
    assert.equal((await drain.cancel()).state, 'active');
    assert.deepEqual(done, ['queries', 'flush', 'fence', 'committed', 'left', 'join', 'joined', 'unfence']);
  });

  it('that failed can be taken back', async () => {
    const { drain, done, settle } = createWorld();
    drain.begin();
    await settle(new Error('no space left'));
    assert.equal((await drain.cancel()).state, 'active');
    assert.deepEqual(done, ['queries', 'flush', 'fence', 'unfence']);
  });

  it('that is stuck can be taken back, and marks nothing when it wakes up', async () => {
    const { drain, done, settle } = createWorld();
    drain.begin();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal((await drain.cancel()).state, 'active');
    await settle();
    assert.equal(drain.status().state, 'active');
    assert.deepEqual(done, ['queries', 'flush', 'fence', 'unfence', 'committed']);
  });

  it('says drained only after that is written down', async () => {
    const { drain, done, settle, held } = createWorld();
    const file = Promise.withResolvers<void>();
    held.file = file.promise;
    drain.begin();
    await settle();
    assert.deepEqual([drain.begin().state, done], ['draining', ['queries', 'flush', 'fence', 'committed']]);
    file.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([drain.begin().state, done], ['drained', ['queries', 'flush', 'fence', 'committed', 'left']]);
  });

  it('says in every answer why the try before failed, until one succeeds', async () => {
    const { drain, settle } = createWorld();
    drain.begin();
    for (const reason of ['no space left', 'the volume is read-only']) {
      await settle(new Error(reason));
      assert.deepEqual(drain.begin(), { pod: 'acme-1', state: 'draining', unflushed_rows: 7, error: reason });
    }
    await settle();
    assert.deepEqual(drain.begin(), { pod: 'acme-1', state: 'drained', unflushed_rows: 7 });
  });

  it('that is taken back beside members that do not answer says within 2 s which, and takes no writes before', async () => {
    const { drain, done, settle, members, clock, held } = createWorld();
    drain.begin();
    await settle();
    const others = Promise.withResolvers<void>();
    held.return = others.promise;
    for (const pod of ['acme-0', 'acme-2', 'acme-3', 'acme-4']) members.awaited.set(pod, 'it has not answered yet');
    const answer = drain.cancel();
    await clock.advance(2_000);
    assert.deepEqual(await answer, {
      pod: 'acme-1',
      state: 'draining',
      unflushed_rows: 7,
      error:
        'waits to be known to acme-0 (it has not answered yet), acme-2 (it has not answered yet), ' +
        'acme-3 (it has not answered yet) and 1 more',
    });
    // Asked again: the same return is waited for.
    const again = drain.cancel();
    await clock.advance(2_000);
    assert.equal((await again).state, 'draining');
    assert.deepEqual(done, ['queries', 'flush', 'fence', 'committed', 'left', 'join']);
    members.awaited.clear();
    others.resolve();
    assert.deepEqual(await drain.cancel(), { pod: 'acme-1', state: 'active', unflushed_rows: 7 });
    assert.deepEqual(done, ['queries', 'flush', 'fence', 'committed', 'left', 'join', 'joined', 'unfence']);
  });

  it('that is asked for anew while it is taken back goes on, and the return that wakes up lets no writes in', async () => {
    const { drain, done, settle, clock, held } = createWorld();
    drain.begin();
    await settle();
    const others = Promise.withResolvers<void>();
    held.return = others.promise;
    const answer = drain.cancel();
    await clock.advance(2_000);
    await answer;
    assert.equal(drain.begin().state, 'draining');
    others.resolve();
    await settle();
    assert.equal(drain.begin().state, 'drained');
    assert.ok(!done.includes('unfence'));
  });

  it('whose being taken back fails says why, and can be asked for again either way', async () => {
    const { drain, settle, held } = createWorld();
    drain.begin();
    await settle();
    held.return = Promise.reject(new Error('members/acme-1.json cannot be written'));
    assert.equal((await drain.cancel()).error, 'members/acme-1.json cannot be written');
    delete held.return;
    assert.equal((await drain.cancel()).state, 'active');
    drain.begin();
    await settle();
    assert.equal(drain.status().state, 'drained');
  });

  it('taken back before it began changes nothing', async () => {
    const { drain, done } = createWorld();
    assert.equal((await drain.cancel()).state, 'active');
    assert.deepEqual(done, []);
  });

  it('fences nothing before others have followed, queries have ended and most rows are committed', async () => {
    const { drain, done, settle, clock, held } = createWorld({ delayMs: 5_000 });
    const [queries, flush] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    [held.queries, held.flush] = [queries.promise, flush.promise];
    drain.begin();
    await clock.advance(4_999);
    assert.deepEqual([drain.state, drain.isFenced, done], ['draining', false, []]);
    await clock.advance(1);
    flush.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([drain.isFenced, done], [false, ['queries', 'flush']]);
    queries.resolve();
    await settle();
    assert.deepEqual([drain.state, drain.isFenced], ['drained', true]);
  });

  it('that is taken back before the fence has changed nothing, and begins anew with its delay', async () => {
    const { drain, done, clock } = createWorld({ delayMs: 5_000 });
    drain.begin();
    await clock.advance(4_000);
    assert.deepEqual([(await drain.cancel()).state, drain.isFenced], ['active', false]);
    await clock.advance(5_000);
    assert.deepEqual(done, []);
    drain.begin();
    await clock.advance(4_999);
    assert.deepEqual(done, []);
  });

  it('whose commit before the fence fails says why, and fences nothing', async () => {
    const { drain, done, held } = createWorld();
    held.flush = Promise.reject(new Error('no space left'));
    drain.begin();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([drain.status().error, drain.isFenced, done], ['no space left', false, ['queries', 'flush']]);
  });
});

describe('a node whose process is to end', () => {
  it('leaves without a further delay, since others have followed by then', async () => {
    const { drain, done, settle } = createWorld({ delayMs: 5_000 });
    const rested = drain.rest();
    await settle();
    await rested;
    assert.deepEqual([drain.state, done], ['drained', ['queries', 'flush', 'fence', 'committed', 'left']]);
  });

  it('does not wait for the delay of a hand-over that the operator began', async () => {
    const { drain, done, settle, clock } = createWorld({ delayMs: 5_000 });
    drain.begin();
    const rested = drain.rest();
    await settle();
    await rested;
    assert.equal(drain.state, 'drained');
    await clock.advance(5_000);
    assert.deepEqual(done, ['queries', 'flush', 'fence', 'committed', 'left']);
  });

  it('beside a member that is away stays one itself, with nothing that is not committed', async () => {
    const { drain, done, members } = createWorld();
    members.mayReturn = false;
    await drain.rest();
    assert.deepEqual([drain.isFenced, done], [false, ['queries', 'flush']]);
  });

  it('that has drained has nothing left to do', async () => {
    const { drain, done, settle } = createWorld();
    drain.begin();
    await settle();
    const before = done.length;
    await drain.rest();
    assert.equal(done.length, before);
  });
});
