import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Member } from '@hybridstore/contracts';
import type { AppendResult, AppliedBatch } from '@hybridstore/engine';
import { type Clock, HybridStoreError, isHybridStoreError } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import fc from 'fast-check';
import { chooseOwner, KeyedWrites } from '../../src/domain/keyed-writes.ts';
import type { Heritage, Sender } from '../../src/domain/ports.ts';

const sender: Sender = {
  caller: { subject: 'user:ada', tenant: 'default/acme', permissions: [], token: '' },
  signal: new AbortController().signal,
};

/** Nodes of one tenant without disk or network: engines remember ids, calls go straight to the other node, each await may let another one run. */
class Cluster {
  readonly clock = new FakeClock();
  #aheadMs = 0;
  /** The time of day, as somebody has set it. */
  readonly wall: Clock = {
    now: () => this.clock.now() + this.#aheadMs,
    monotonicMs: () => this.clock.monotonicMs(),
    sleep: (ms) => this.clock.advance(ms),
    schedule: (ms, run) => this.clock.schedule(ms, run),
  };
  readonly nodes = new Map<string, Node>();
  readonly ledgers = new Map<string, ReadonlyMap<string, AppliedBatch>>();
  readonly applied: string[] = [];
  members: Member[] = [];

  add(pod: string): Node {
    const since = Math.max(0, ...this.members.map((member) => member.since ?? 0)) + 1;
    this.members = [
      ...this.members.filter((member) => member.pod !== pod),
      { pod, url: pod, log_id: pod, state: 'active', epoch: since, since, since_ms: this.clock.now() },
    ];
    const node = new Node(this, pod);
    this.nodes.set(pod, node);
    return node;
  }

  /** Flushed, its ids written down, then gone: as `Membership.leave` does it. */
  remove(pod: string): void {
    const node = this.nodes.get(pod);
    assert.ok(node);
    this.ledgers.set(pod, new Map(node.writes.applied()));
    this.members = this.members.map((member) => (member.pod === pod ? { ...member, state: 'drained' } : member));
    this.nodes.delete(pod);
  }

  node(pod: string): Node {
    return this.nodes.get(pod) ?? assert.fail(`no node ${pod}`);
  }

  /** As `Membership` does it: known to all, and with what they give away, before it takes its first write. */
  async join(pod: string, silent: readonly string[] = []): Promise<Node> {
    const others = [...this.nodes.values()];
    const node = this.add(pod);
    node.isJoined = false;
    const since = this.member(pod)?.since ?? 0;
    const owned = await Promise.all(
      others.filter((other) => !silent.includes(other.pod)).map((other) => other.writes.owned(pod)),
    );
    const batches = owned.flat().map(([key, { lsn, accepted, durable }]) => [key, lsn, accepted, durable] as const);
    node.heritage = { since, silent, batches };
    node.isJoined = true;
    return node;
  }

  setClock(aheadMs: number): void {
    this.#aheadMs = aheadMs;
  }

  member(pod: string): Member | undefined {
    return this.members.find((member) => member.pod === pod);
  }
}

class Node {
  readonly pod: string;
  readonly ids = new Map<string, AppliedBatch>();
  readonly writes: KeyedWrites;
  isUp = true;
  isJoined = true;
  heritage: Heritage = { since: 0, silent: [], batches: [] };
  failures = 0;
  #lsn = 0;

  constructor(cluster: Cluster, pod: string) {
    this.pod = pod;
    const reach = (member: Member): Node => {
      const node = cluster.nodes.get(member.pod);
      if (!node?.isUp) throw new HybridStoreError('unavailable', `${member.pod} is away`);
      return node;
    };
    this.writes = new KeyedWrites({
      engine: {
        source: async () => ({}) as never,
        appliedBatches: () => this.ids,
        batchKey: (sourceId, batchId) => `${sourceId}/1/${batchId}`,
        findBatch: (sourceId, batchId) => this.ids.get(`${sourceId}/1/${batchId}`),
      },
      writeGate: {
        append: async (batch): Promise<AppendResult> => {
          const key = `${batch.sourceId}/1/${batch.batchId}`;
          const known = this.ids.get(key);
          if (known) return { ...known, duplicate: true, warnings: [] };
          await settle();
          if (this.failures > 0) {
            this.failures -= 1;
            throw new HybridStoreError('storage_full', 'no room');
          }
          this.#lsn += 1;
          const applied = { lsn: this.#lsn, accepted: 1, durable: true };
          this.ids.set(key, applied);
          cluster.applied.push(batch.batchId ?? '');
          return { ...applied, duplicate: false, warnings: [] };
        },
      },
      members: {
        get self() {
          return cluster.member(pod);
        },
        get isJoined() {
          return cluster.node(pod).isJoined;
        },
        get heritage() {
          return cluster.node(pod).heritage;
        },
        members: () => cluster.members,
        refresh: async (other) => cluster.member(other),
      },
      calls: {
        away: () => undefined,
        forward: async (owner, batch) => {
          await settle();
          const { batchId = assert.fail('a batch without an id has no owner') } = batch;
          return reach(owner).writes.append({ ...batch, batchId }, { userToken: '', isForwarded: true, sender });
        },
        find: async (member, sourceId, batchId) => {
          await settle();
          return reach(member).writes.find(sourceId, batchId);
        },
      },
      ledgers: { find: async (member, key) => cluster.ledgers.get(member.pod)?.get(key) },
      clock: cluster.wall,
      retentionMs: 3_600_000,
    });
  }

  async write(batchId: string): Promise<AppendResult> {
    if (!this.isUp) throw new HybridStoreError('unavailable', `${this.pod} is away`);
    return this.writes.append(
      { sourceId: 's', records: [{ fields: {} }], batchId },
      { userToken: '', isForwarded: false, sender },
    );
  }
}

const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('a batch with an id', () => {
  it('is applied once, whichever nodes its tries reach at once', async () => {
    const cluster = new Cluster();
    const nodes = ['a', 'b', 'c'].map((pod) => cluster.add(pod));
    const answers = await Promise.all(nodes.flatMap((node) => [node.write('k'), node.write('k')]));
    assert.deepEqual(cluster.applied, ['k']);
    assert.deepEqual(answers.map((answer) => answer.duplicate).sort(), [false, true, true, true, true, true]);
    assert.equal(new Set(answers.map((answer) => answer.lsn)).size, 1);
  });

  it('is known to its new owner after a node has joined', async () => {
    const cluster = new Cluster();
    const first = cluster.add('a');
    const ids = Array.from({ length: 50 }, (_, index) => `k${index}`);
    for (const id of ids) await first.write(id);
    const second = await cluster.join('b');
    // It needs nobody for that.
    first.isUp = false;
    const own = ids.filter((id) => chooseOwner(cluster.members, `s/${id}`)?.pod === 'b');
    assert.ok(own.length > 0);
    for (const id of own) assert.equal((await second.write(id)).duplicate, true, id);
    assert.equal(cluster.applied.length, 50);
  });

  it('is known to its third owner, after the first has gone without a word', async () => {
    const cluster = new Cluster();
    const first = cluster.add('a');
    const ids = Array.from({ length: 60 }, (_, index) => `k${index}`);
    for (const id of ids) await first.write(id);
    await cluster.join('b');
    const third = await cluster.join('c');
    cluster.remove('b');
    first.isUp = false;
    const own = ids.filter(
      (id) =>
        chooseOwner(
          cluster.members.filter(({ state }) => state === 'active'),
          `s/${id}`,
        )?.pod === 'c',
    );
    assert.ok(own.length > 20);
    for (const id of own) assert.equal((await third.write(id)).duplicate, true, id);
    assert.equal(cluster.applied.length, 60);
  });

  it('that is under way while its new owner joins is waited for', async () => {
    const cluster = new Cluster();
    const first = cluster.add('a');
    const ids = Array.from({ length: 50 }, (_, index) => `k${index}`);
    const tries = ids.map((id) => first.write(id));
    await settle();
    const second = await cluster.join('b');
    await Promise.all(tries);
    for (const id of ids) assert.equal((await second.write(id)).duplicate, true, id);
    assert.equal(cluster.applied.length, 50);
  });

  it('waits a moment while its owner joins or leaves, and then says who is changing', async () => {
    const cluster = new Cluster();
    const [first, second] = [cluster.add('a'), cluster.add('b')];
    second.isJoined = false;
    const own = Array.from({ length: 100 }, (_, index) => `k${index}`).filter(
      (id) => chooseOwner(cluster.members, `s/${id}`)?.pod === 'b',
    );
    const startMs = cluster.clock.monotonicMs();
    await assert.rejects(first.write(own[0]!), {
      code: 'unavailable',
      message: 'the members of the tenant are changing',
    });
    assert.ok(cluster.clock.monotonicMs() - startMs >= 5_000);
    const waiting = first.write(own[1]!);
    cluster.clock.schedule(100, () => {
      second.isJoined = true;
    });
    assert.equal((await waiting).duplicate, false);
  });

  it('is known after the node that applied it has left', async () => {
    const cluster = new Cluster();
    const [first, second] = [cluster.add('a'), cluster.add('b')];
    const ids = Array.from({ length: 50 }, (_, index) => `k${index}`);
    for (const id of ids) await first.write(id);
    assert.ok(second.ids.size > 0);
    cluster.remove('b');
    for (const id of ids) assert.equal((await first.write(id)).duplicate, true, id);
    assert.equal(cluster.applied.length, 50);
  });

  it('waits for its owner while that one is away, and for nobody else', async () => {
    const cluster = new Cluster();
    const [first, second] = [cluster.add('a'), cluster.add('b')];
    second.isUp = false;
    const results = await Promise.allSettled(Array.from({ length: 40 }, (_, index) => first.write(`k${index}`)));
    const refused = results.filter((result) => result.status === 'rejected');
    assert.ok(refused.length > 5 && refused.length < 35, `${refused.length} refused`);
    assert.ok(refused.every((result) => isHybridStoreError(result.reason, 'unavailable')));
  });

  it('may be tried again after a try that failed', async () => {
    const cluster = new Cluster();
    const node = cluster.add('a');
    node.failures = 1;
    await assert.rejects(() => node.write('k'), /no room/);
    assert.equal((await node.write('k')).duplicate, false);
  });

  it('asks no member of an earlier version once ids of that time are no longer remembered', async () => {
    const cluster = new Cluster();
    const first = cluster.add('a');
    const second = await cluster.join('b', ['a']);
    first.isUp = false;
    const own =
      Array.from({ length: 100 }, (_, index) => `k${index}`).find(
        (id) => chooseOwner(cluster.members, `s/${id}`)?.pod === 'b',
      ) ?? '';
    await assert.rejects(() => second.write(own), /away/);
    await cluster.clock.advance(3_600_001);
    assert.equal((await second.write(own)).duplicate, false);
  });

  it('is known after the node that applied it has left and is back with another log', async () => {
    const cluster = new Cluster();
    const [first] = [cluster.add('a'), cluster.add('b')];
    const ids = Array.from({ length: 50 }, (_, index) => `k${index}`);
    for (const id of ids) await first.write(id);
    cluster.remove('b');
    const back = await cluster.join('b');
    for (const id of ids) assert.equal((await back.write(id)).duplicate, true, id);
    assert.equal(cluster.applied.length, 50);
  });

  it('asks members of an earlier version all the same when only the clock was set ahead', async () => {
    const cluster = new Cluster();
    const first = cluster.add('a');
    const second = await cluster.join('b', ['a']);
    first.isUp = false;
    cluster.setClock(100 * 3_600_000);
    const own =
      Array.from({ length: 100 }, (_, index) => `k${index}`).find(
        (id) => chooseOwner(cluster.members, `s/${id}`)?.pod === 'b',
      ) ?? '';
    await assert.rejects(() => second.write(own), /away/);
  });

  it('is applied at most once under any order of tries, joins and leaves', async () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('write' as const), node: fc.nat(4), id: fc.nat(5) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('add' as const), node: fc.nat(4), id: fc.constant(0) }) },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant('remove' as const), node: fc.nat(4), id: fc.constant(0) }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant('settle' as const), node: fc.nat(3), id: fc.constant(0) }),
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const cluster = new Cluster();
        cluster.add('n0');
        const tries: Promise<unknown>[] = [];
        for (const { kind, node, id } of steps) {
          const pod = `n${node}`;
          if (kind === 'write')
            tries.push(
              Promise.resolve(cluster.nodes.get(pod)?.write(`k${id}`)).catch((error: unknown) =>
                assert.ok(isHybridStoreError(error, 'unavailable')),
              ),
            );
          if (kind === 'settle') for (let turn = 0; turn < node; turn += 1) await settle();
          if (kind === 'add' && !cluster.nodes.has(pod)) await cluster.join(pod);
          // A node leaves only after everything that it took has settled: its engine is fenced and drained first.
          if (kind === 'remove' && cluster.nodes.has(pod) && cluster.nodes.size > 1) {
            await Promise.all(tries);
            cluster.remove(pod);
          }
        }
        await Promise.all(tries);
        assert.equal(new Set(cluster.applied).size, cluster.applied.length, JSON.stringify(cluster.applied));
      }),
      { numRuns: 300 },
    );
  });
});

describe('the owner of an id', () => {
  it('moves only when it leaves, or to the one that joins', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 2, maxLength: 8 }),
        fc.string(),
        (pods, id) => {
          const members = pods.map((pod) => ({ pod }));
          const [joined] = members;
          const owner = chooseOwner(members, id);
          const before = chooseOwner(members.slice(1), id);
          assert.ok(owner === joined || owner === before);
        },
      ),
    );
  });
});
