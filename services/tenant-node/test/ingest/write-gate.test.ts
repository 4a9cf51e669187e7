import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AppendBatch, AppendResult, Room } from '@hybridstore/engine';
import { HybridStoreError, retryLater, type TenantCaller } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import fc from 'fast-check';
import type { ArrivingWrite, Sender } from '../../src/domain/ports.ts';
import { handedOnBounds, ownBounds, WriteGate } from '../../src/ingest/write-gate.ts';

const mebibyte = 1024 * 1024;
const waitMsMax = 10_000;
const patient = new AbortController().signal;

function callerOf(user: string, sources: readonly string[] = ['*']): TenantCaller {
  const permissions = [{ sources: [...sources], actions: ['write' as const] }];
  return { subject: `user:${user}`, tenant: 'default/acme', permissions, token: '' };
}

function senderOf(user: string, signal = patient): Sender {
  return { caller: callerOf(user), signal };
}

/** An engine that takes `rowsMax` rows of each source until they are flushed, and logs when the test lets it. */
class SmallEngine {
  readonly rowsMax: number;
  readonly held = new Map<string, number>();
  readonly appended: { readonly source: string; readonly rows: number }[] = [];
  /** Asked, with every try. */
  tries = 0;
  failure: HybridStoreError | undefined;
  #listener = () => {};

  constructor(rowsMax: number) {
    this.rowsMax = rowsMax;
  }

  onRoom(listener: () => void): void {
    this.#listener = listener;
  }

  room(sourceId: string, rows: number, promised = 0): Room {
    const held = (this.held.get(sourceId) ?? 0) + promised;
    if (held === 0 || held + rows <= this.rowsMax) return 'free';
    return this.failure ?? 'full';
  }

  async append({ sourceId, records }: AppendBatch): Promise<AppendResult> {
    this.tries += 1;
    await Promise.resolve();
    const room = this.room(sourceId, records.length);
    if (room === 'full') throw retryLater('overloaded', 'full', 500, { source_id: sourceId, unflushed_rows: 1 });
    if (room !== 'free') throw room;
    const rows = (this.held.get(sourceId) ?? 0) + records.length;
    this.held.set(sourceId, rows);
    this.appended.push({ source: sourceId, rows: records.length });
    return { lsn: rows, accepted: records.length, durable: true, duplicate: false, warnings: [] };
  }

  findBatch(): undefined {
    return undefined;
  }

  /** One flush of all that a source has. */
  flush(sourceId: string): void {
    this.held.delete(sourceId);
    this.#listener();
  }

  /** A flush that fails. */
  fail(failure: HybridStoreError): void {
    this.failure = failure;
    this.#listener();
  }
}

function createGate(rowsMax = 10) {
  const clock = new FakeClock();
  const engine = new SmallEngine(rowsMax);
  const gate = new WriteGate({ engine, clock, random: () => 0.5 });
  const arrive = (user: string, source: string, bytes: number, more: Partial<ArrivingWrite> = {}) =>
    gate.admit({
      caller: callerOf(user),
      head: Buffer.from(`{"source_id":"${source}","records":[{"fie`),
      query: {},
      bytes,
      isForwarded: false,
      signal: patient,
      ...more,
    });
  const append = (user: string, sourceId: string, rows: number, signal = patient) =>
    gate.append({ sourceId, records: Array(rows).fill({ fields: {} }) }, senderOf(user, signal));
  return { clock, engine, gate, arrive, append };
}

/** What becomes of a promise, looked at later. */
function watch<T>(promise: Promise<T>) {
  const watched: { value?: T; error?: unknown; isOver: boolean } = { isOver: false };
  promise.then(
    (value) => Object.assign(watched, { value, isOver: true }),
    (error: unknown) => Object.assign(watched, { error, isOver: true }),
  );
  return watched;
}

const settle = async () => {
  for (let turn = 0; turn < 3; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
};

describe('a large write before it is read', () => {
  it('waits while as many bytes as there may be are under way, and goes on when some are given back', async () => {
    const { gate, arrive } = createGate();
    const first = await arrive('ada', 'a', 32 * mebibyte);
    const second = await arrive('bob', 'b', 32 * mebibyte);
    const third = watch(arrive('eve', 'c', 1 * mebibyte));
    await settle();
    assert.deepEqual([third.isOver, gate.waiting], [false, 1]);
    second();
    await settle();
    assert.deepEqual([third.isOver, gate.waiting], [true, 0]);
    first();
    third.value?.();
  });

  it('leaves half of the bytes to other users and other sources', async () => {
    const { arrive } = createGate();
    await arrive('ada', 'a', 20 * mebibyte);
    const sameUser = watch(arrive('ada', 'b', 20 * mebibyte));
    const sameSource = watch(arrive('bob', 'a', 20 * mebibyte));
    const other = watch(arrive('eve', 'c', 20 * mebibyte));
    await settle();
    assert.deepEqual([sameUser.isOver, sameSource.isOver, other.isOver], [false, false, true]);
  });

  it('that another member hands on does not wait for those that this one may hand on to it', async () => {
    const { arrive } = createGate();
    await arrive('ada', 'a', 32 * mebibyte);
    await arrive('bob', 'b', 32 * mebibyte);
    await arrive('ada', 'a', handedOnBounds.bytesMax, { isForwarded: true });
    const next = watch(arrive('eve', 'c', 1, { isForwarded: true }));
    await settle();
    assert.equal(next.isOver, false);
  });

  it('waits as long as its source has no room, and others do not', async () => {
    const { engine, arrive, append } = createGate(10);
    await append('ada', 'a', 10);
    const waiting = watch(arrive('ada', 'a', mebibyte));
    const free = watch(arrive('ada', 'b', mebibyte));
    await settle();
    assert.deepEqual([waiting.isOver, free.isOver], [false, true]);
    engine.flush('a');
    await settle();
    assert.equal(waiting.error, undefined);
    assert.equal(waiting.isOver, true);
  });

  it('waits for those of its source that wait with their rows', async () => {
    const { engine, arrive, append } = createGate(10);
    await append('ada', 'a', 9);
    const rows = watch(append('ada', 'a', 5));
    await settle();
    const body = watch(arrive('bob', 'a', mebibyte));
    await settle();
    assert.deepEqual([rows.isOver, body.isOver], [false, false]);
    engine.flush('a');
    await settle();
    assert.deepEqual([rows.isOver, body.isOver], [true, true]);
  });

  it('is answered at once what the engine says of a source whose flushes fail', async () => {
    const { engine, gate, arrive, append } = createGate(10);
    await append('ada', 'a', 10);
    engine.fail(new HybridStoreError('storage_full', 'the data volume is full'));
    await assert.rejects(arrive('ada', 'a', mebibyte), { code: 'storage_full' });
    assert.equal(gate.waiting, 0);
  });

  it('of a source that its sender may not write to says nothing of its room', async () => {
    const { arrive, append } = createGate(10);
    await append('ada', 'a', 10);
    (await arrive('eve', 'a', mebibyte, { caller: callerOf('eve', ['b']) }))();
  });

  for (const head of ['', '[', '{"records":[],"source_id":"a"', '{"source_id":"A B"', '\x1f\x8b{"source_id":"a"'])
    it(`that does not begin with its source (${JSON.stringify(head)}) gets its place like any other`, async () => {
      const { arrive, append } = createGate(10);
      await append('ada', 'a', 10);
      (await arrive('ada', 'a', mebibyte, { head: Buffer.from(head) }))();
    });

  it('is refused, to come back later, when it has waited long or too many wait', async () => {
    const { clock, engine, gate, arrive } = createGate();
    engine.held.set('a', 10);
    const refused = assert.rejects(arrive('ada', 'a', 1), {
      code: 'overloaded',
      message: 'the write needs a place among the large ones: waited 10000 ms',
      details: { retry_after_ms: 3_000 },
    });
    await clock.advance(waitMsMax);
    await refused;
    for (let one = 0; one < 128; one += 1) watch(arrive('ada', 'a', 1));
    await assert.rejects(arrive('ada', 'a', 1), { code: 'overloaded', message: /128 others of the user/ });
    for (let one = 0; one < 128; one += 1) watch(arrive(`user${one}`, 'a', 1));
    await assert.rejects(arrive('bob', 'a', 1), { code: 'overloaded', message: /256 others wait already/ });
    (await arrive('bob', 'b', 1))();
    assert.equal(gate.waiting, 256);
    engine.flush('a');
    assert.deepEqual([gate.waiting, clock.pending], [0, 0]);
  });
});

describe('a write with its rows', () => {
  it('waits until a flush has made room, and is tried no more often than that', async () => {
    const { clock, engine, append } = createGate(10);
    await append('ada', 'a', 8);
    const waiting = watch(append('bob', 'a', 3));
    await settle();
    assert.deepEqual([waiting.isOver, engine.tries], [false, 2]);
    engine.flush('a');
    await settle();
    assert.deepEqual([waiting.value?.accepted, engine.tries, clock.pending], [3, 3, 0]);
  });

  it('takes nothing away from those of its source that came before, and waits for no other source', async () => {
    const { engine, append } = createGate(10);
    await append('ada', 'a', 8);
    const large = watch(append('ada', 'a', 10));
    await settle();
    const small = watch(append('bob', 'a', 1));
    await append('bob', 'b', 1);
    await settle();
    assert.deepEqual([large.isOver, small.isOver], [false, false]);
    engine.flush('a');
    await settle();
    assert.deepEqual([large.value?.accepted, small.isOver], [10, false]);
    engine.flush('a');
    await settle();
    assert.equal(small.value?.accepted, 1);
  });

  it('does not take what was promised to one that is on its way to the log', async () => {
    const { engine, append } = createGate(10);
    await append('ada', 'a', 8);
    const promised = watch(append('ada', 'a', 10));
    await settle();
    engine.flush('a');
    // In the same turn: the one that may go on has not been appended.
    const newcomer = watch(append('bob', 'a', 1));
    await settle();
    assert.deepEqual([promised.value?.accepted, newcomer.isOver], [10, false]);
  });

  it('is answered at once what the engine says, when flushes begin to fail or it is something else', async () => {
    const { engine, gate, append } = createGate(10);
    await append('ada', 'a', 10);
    const waiting = watch(append('ada', 'a', 1));
    await settle();
    engine.fail(retryLater('overloaded', 'stuck', 500, { source_id: 'a', unflushed_rows: 10 }));
    await settle();
    assert.ok(waiting.error instanceof HybridStoreError);
    const { code, details } = waiting.error;
    assert.deepEqual([code, details], ['overloaded', { source_id: 'a', unflushed_rows: 10, retry_after_ms: 3_000 }]);
    await assert.rejects(append('ada', 'a', 1), { code: 'overloaded', message: 'stuck' });
    engine.failure = retryLater('overloaded', 'the log has 5 bytes waiting', 100);
    await assert.rejects(append('ada', 'a', 1), {
      message: 'the log has 5 bytes waiting',
      details: { retry_after_ms: 100 },
    });
    assert.equal(gate.waiting, 0);
  });

  it('is refused when it has waited long, and forgotten when its client leaves', async () => {
    const { clock, engine, gate, append } = createGate(10);
    await append('ada', 'a', 10);
    const leaving = new AbortController();
    const left = append('eve', 'a', 1, leaving.signal);
    const refused = assert.rejects(append('ada', 'a', 1), {
      code: 'overloaded',
      message: 'the write needs room for its rows: waited 10000 ms',
    });
    await settle();
    leaving.abort(new HybridStoreError('unavailable', 'the client went away'));
    await assert.rejects(left, { message: 'the client went away' });
    await clock.advance(waitMsMax);
    await refused;
    engine.flush('a');
    assert.deepEqual([gate.waiting, clock.pending, engine.appended.length], [0, 0, 1]);
  });

  it('is refused when the node closes, like a large one', async () => {
    const { gate, arrive, append } = createGate(10);
    await append('ada', 'a', 10);
    const waits = [append('ada', 'a', 1), arrive('ada', 'a', mebibyte)];
    await settle();
    gate.close();
    for (const wait of waits)
      await assert.rejects(wait, { code: 'unavailable', details: { reasons: ['closing'], retry_after_ms: 1_000 } });
    await append('ada', 'b', 1);
  });
});

type Step =
  | { readonly kind: 'arrive'; readonly user: number; readonly source: number; readonly mebibytes: number }
  | { readonly kind: 'append'; readonly user: number; readonly source: number; readonly rows: number }
  | { readonly kind: 'give back' | 'leave'; readonly which: number }
  | { readonly kind: 'flush'; readonly source: number }
  | { readonly kind: 'pass'; readonly ms: number };

const nat = fc.nat({ max: 2 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('arrive' as const),
      user: nat,
      source: nat,
      mebibytes: fc.integer({ min: 1, max: 32 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      user: nat,
      source: nat,
      rows: fc.integer({ min: 1, max: 15 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom('give back' as const, 'leave' as const), which: fc.nat() }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('flush' as const), source: nat }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat({ max: waitMsMax }) }) },
);

describe('a gate, whatever comes, leaves, is flushed and given back', () => {
  it('never lets in more bytes than its bounds, and ends with nobody waiting and nothing held', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { clock, engine, gate, arrive, append } = createGate(10);
        const inside = new Set<{
          readonly user: string;
          readonly source: string;
          readonly bytes: number;
          readonly release: () => void;
        }>();
        const clients: AbortController[] = [];
        let [asked, answered] = [0, 0];
        const answer = () => {
          answered += 1;
        };
        const bytesOf = (mine: (held: { user: string; source: string }) => boolean) =>
          [...inside].filter(mine).reduce((sum, { bytes }) => sum + bytes, 0);
        for (const taken of steps) {
          if (taken.kind === 'arrive') {
            const [user, source, bytes] = [`u${taken.user}`, `s${taken.source}`, taken.mebibytes * mebibyte];
            const client = new AbortController();
            clients.push(client);
            asked += 1;
            arrive(user, source, bytes, { signal: client.signal })
              .then((release) => {
                const held = { user, source, bytes, release };
                inside.add(held);
                assert.ok(bytesOf(() => true) <= ownBounds.bytesMax);
                assert.ok(bytesOf((other) => other.user === user) <= ownBounds.shareBytesMax);
                assert.ok(bytesOf((other) => other.source === source) <= ownBounds.shareBytesMax);
              })
              .catch((error: unknown) => assert.ok(error instanceof HybridStoreError, String(error)))
              .then(answer);
          } else if (taken.kind === 'append') {
            const client = new AbortController();
            clients.push(client);
            asked += 1;
            append(`u${taken.user}`, `s${taken.source}`, taken.rows, client.signal)
              .catch((error: unknown) => assert.ok(error instanceof HybridStoreError, String(error)))
              .then(answer);
          } else if (taken.kind === 'give back') {
            const held = [...inside][taken.which % Math.max(1, inside.size)];
            if (held) inside.delete(held);
            held?.release();
          } else if (taken.kind === 'leave')
            clients[taken.which % Math.max(1, clients.length)]?.abort(new HybridStoreError('unavailable', 'left'));
          else if (taken.kind === 'flush') engine.flush(`s${taken.source}`);
          else if (taken.kind === 'pass') await clock.advance(taken.ms);
          await settle();
        }
        // What is under way ends, and flushes go on: everybody gets his turn, long before his time is up.
        for (let round = 0; round < 2 * steps.length && gate.waiting > 0; round += 1) {
          for (const held of [...inside]) {
            inside.delete(held);
            held.release();
          }
          for (const source of ['s0', 's1', 's2']) engine.flush(source);
          await settle();
        }
        assert.deepEqual([gate.waiting, answered, clock.pending], [0, asked, 0]);
        for (const held of [...inside]) held.release();
        for (const source of ['s0', 's1', 's2']) engine.flush(source);
        await Promise.all([arrive('x', 'x', ownBounds.shareBytesMax), arrive('y', 'y', ownBounds.shareBytesMax)]);
      }),
      { numRuns: 200 },
    );
  });

  for (const [shared, user, source] of [
    ['nothing', 'x', 'x'],
    ['their user', 'u0', 'x'],
    ['their source', 'x', 's0'],
  ] as const)
    it(`lets a large one in before many others that it shares ${shared} with`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.tuple(nat, nat), { minLength: 20, maxLength: 60 }), async (newcomers) => {
          const { gate, arrive } = createGate();
          const held: (() => void)[] = [];
          const keep = (one: number, other: number) =>
            arrive(user === 'x' ? `u${one}` : 'u0', source === 'x' ? `s${other}` : 's0', 7 * mebibyte).then((release) =>
              held.push(release),
            );
          for (let one = 0; one < 9; one += 1) void keep(one % 3, Math.floor(one / 3));
          await settle();
          const large = watch(arrive(user, source, 32 * mebibyte));
          let ends = 0;
          for (const [one, other] of newcomers) {
            void keep(one, other);
            await settle();
            if (large.isOver) break;
            held.shift()?.();
            ends += 1;
            await settle();
          }
          assert.equal(large.error, undefined);
          // Nine are inside, and each of three others may have one turn before it.
          assert.ok(large.isOver && ends <= 12, `${ends} others have had their end, ${gate.waiting} wait`);
        }),
        { numRuns: 100 },
      );
    });
});
