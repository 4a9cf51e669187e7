import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Member } from '@hybridstore/contracts';
import { HybridStoreError, silentLogger } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import type { BatchEntry, Heritage, PeerFresh } from '../../src/domain/ports.ts';
import { Membership } from '../../src/membership/membership.ts';
import type { HeritageStore, MemberCalls, MemberStore } from '../../src/membership/ports.ts';

const nothing: PeerFresh = {
  log: '',
  acknowledgedLsn: 0,
  committedLsn: 0,
  tableVersion: -1,
  unflushedRows: 0,
  frames: [],
};
const signal = new AbortController().signal;

class MemoryStore implements MemberStore {
  readonly files = new Map<string, Member>();
  async read(pod: string): Promise<Member | undefined> {
    return this.files.get(pod);
  }
  async list(): Promise<readonly Member[]> {
    return [...this.files.values()];
  }
  async write(member: Member): Promise<void> {
    this.files.set(member.pod, member);
  }
}

class MemoryHeritages implements HeritageStore {
  readonly written = new Map<string, Heritage>();
  async read(pod: string): Promise<Heritage | undefined> {
    return this.written.get(pod);
  }
  async write(pod: string, heritage: Heritage): Promise<void> {
    this.written.set(pod, heritage);
  }
}

/** Members that reach each other unless they are in `cut`. */
class Network implements MemberCalls {
  readonly nodes = new Map<string, Membership>();
  readonly cut = new Set<string>();
  readonly announced: string[] = [];

  async announce(receiver: Member, member: Member): Promise<void> {
    this.#require(receiver.pod);
    this.announced.push(`${member.pod} → ${receiver.pod}`);
    this.nodes.get(receiver.pod)?.receiveFrom(member);
  }

  async greet(receiver: Member): Promise<number> {
    this.#require(receiver.pod);
    return 0;
  }

  /** Pods whose address the others do not know yet. */
  readonly unnamed = new Set<string>();

  async callBack(receiver: Member, node: Pick<Member, 'pod'>): Promise<void> {
    this.#require(receiver.pod);
    await this.nodes.get(receiver.pod)?.visit({ pod: node.pod, url: `http://${node.pod}:8000` });
  }

  async visit({ pod }: Pick<Member, 'pod'>): Promise<void> {
    this.#require(pod);
    if (this.unnamed.has(pod)) throw new HybridStoreError('unavailable', `${pod} has no address`);
  }

  readonly known = new Map<string, readonly BatchEntry[] | undefined>();

  async owned(receiver: Member): Promise<readonly BatchEntry[] | undefined> {
    this.#require(receiver.pod);
    return this.known.has(receiver.pod) ? this.known.get(receiver.pod) : [];
  }

  away(): undefined {}

  heard(): void {}

  connect(member: Member) {
    return {
      pod: member.pod,
      log: `hybridstore/${member.pod}/${member.log_id}`,
      fresh: async () => {
        this.#require(member.pod);
        return nothing;
      },
    };
  }

  #require(pod: string): void {
    if (this.cut.has(pod) || !this.nodes.has(pod)) throw new HybridStoreError('unavailable', `${pod} is away`);
  }
}

describe('membership', () => {
  const world = () => {
    const [store, heritages, network, clock] = [
      new MemoryStore(),
      new MemoryHeritages(),
      new Network(),
      new FakeClock(),
    ];
    const create = (pod: string) => {
      const self = { pod, url: `http://${pod}:8000`, log_id: `log-of-${pod}` };
      const membership = new Membership({ store, heritages, calls: network, self, clock, logger: silentLogger });
      network.nodes.set(pod, membership);
      return membership;
    };
    return { store, heritages, network, clock, create };
  };
  const podsOf = (membership: Membership) => membership.peers().map((peer) => peer.pod);

  it('registers a node in its file before it announces itself', async () => {
    const { store, create } = world();
    const first = create('acme-0');
    await first.join();
    assert.deepEqual(await store.read('acme-0'), {
      pod: 'acme-0',
      url: 'http://acme-0:8000',
      log_id: 'log-of-acme-0',
      state: 'active',
      epoch: 1,
      since: 1,
      since_ms: 1_700_000_000_000,
    });
    assert.equal(first.isJoined, true);
    assert.deepEqual(podsOf(first), []);
  });

  it('makes two nodes that start together know each other', async () => {
    const { create } = world();
    const [first, second] = [create('acme-0'), create('acme-1')];
    await Promise.all([first.join(), second.join()]);
    assert.deepEqual([podsOf(first), podsOf(second)], [['acme-1'], ['acme-0']]);
  });

  it('does not join before the last active member knows it', async () => {
    const { network, clock, create } = world();
    const first = create('acme-0');
    await first.join();
    network.cut.add('acme-0');
    const second = create('acme-1');
    const joined = second.join();
    await clock.advance(10_000);
    assert.equal(second.isJoined, false);
    network.cut.delete('acme-0');
    await clock.advance(500);
    await joined;
    assert.equal(second.isJoined, true);
    assert.deepEqual(podsOf(first), ['acme-1']);
  });

  it('is written down only when every active member reaches it at its own address', async () => {
    const { store, network, clock, create } = world();
    const first = create('acme-0');
    await first.join();
    network.unnamed.add('acme-1');
    const second = create('acme-1');
    const joined = second.join();
    await clock.advance(10_000);
    assert.equal(await store.read('acme-1'), undefined);
    assert.deepEqual(podsOf(first), []);
    assert.deepEqual([...second.awaited], [['acme-0', 'acme-1 has no address']]);
    network.unnamed.delete('acme-1');
    await clock.advance(500);
    await joined;
    assert.equal(second.isJoined, true);
    assert.deepEqual(podsOf(first), ['acme-1']);
  });

  it('comes back after a crash without being called back: the others wait for it already', async () => {
    const { network, create } = world();
    const first = create('acme-0');
    await Promise.all([first.join(), create('acme-1').join()]);
    network.unnamed.add('acme-1');
    const again = create('acme-1');
    await again.join();
    assert.equal(again.isJoined, true);
  });

  it('names the members that it waits for, and joins once however often it is asked to', async () => {
    const { store, network, clock, create } = world();
    await create('acme-0').join();
    network.cut.add('acme-0');
    const second = create('acme-1');
    const joined = Promise.all([second.join(), second.join()]);
    await clock.advance(100);
    assert.deepEqual([...second.awaited], [['acme-0', 'acme-0 is away']]);
    network.cut.delete('acme-0');
    await clock.advance(500);
    await joined;
    assert.deepEqual([second.isJoined, second.awaited.size, (await store.read('acme-1'))?.epoch], [true, 0, 1]);
  });

  it('that leaves while it waits to join is no member, also when the other is back', async () => {
    const { store, network, clock, create } = world();
    const first = create('acme-0');
    await first.join();
    network.cut.add('acme-0');
    const second = create('acme-1');
    const joined = second.join();
    await clock.advance(100);
    await second.leave();
    assert.equal(await store.read('acme-1'), undefined);
    network.cut.delete('acme-0');
    await clock.advance(1_000);
    await joined;
    assert.deepEqual([second.isJoined, second.awaited.size, podsOf(first)], [false, 0, []]);
    await second.join();
    assert.deepEqual([second.isJoined, (await store.read('acme-1'))?.epoch], [true, 1]);
  });

  it('that leaves while it waits to join may join anew at once', async () => {
    const { store, network, clock, create } = world();
    const first = create('acme-0');
    await first.join();
    network.cut.add('acme-0');
    const second = create('acme-1');
    const before = second.join();
    await clock.advance(100);
    await second.leave();
    const again = second.join();
    network.cut.delete('acme-0');
    await clock.advance(1_000);
    await Promise.all([before, again]);
    assert.deepEqual([second.isJoined, podsOf(first), (await store.read('acme-1'))?.epoch], [true, ['acme-1'], 1]);
  });

  for (const steps of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    it(`that leaves ${steps} steps after it began to join is no member that nobody can ask`, async () => {
      const { store, create } = world();
      const node = create('acme-0');
      const joined = node.join();
      for (let step = 0; step < steps; step += 1) await Promise.resolve();
      await node.leave();
      await joined;
      assert.ok((await store.read('acme-0'))?.state !== 'active');
      assert.deepEqual([node.isJoined, node.knowsAll], [false, false]);
    });

  it('that cannot join is in nobody else’s way: it is not written down before all others have answered', async () => {
    const { store, network, clock, create } = world();
    await create('acme-0').join();
    await create('acme-1').join();
    network.cut.add('acme-0');
    const third = create('acme-2');
    const joined = third.join();
    await clock.advance(9_999);
    assert.deepEqual([await store.read('acme-2'), third.isHeldUp, third.knowsAll], [undefined, false, false]);
    await clock.advance(1);
    assert.deepEqual([third.isHeldUp, [...third.awaited.keys()]], [true, ['acme-0']]);
    assert.ok(!network.announced.some((announced) => announced.startsWith('acme-2')));
    network.cut.delete('acme-0');
    await clock.advance(500);
    await joined;
    assert.deepEqual([third.isJoined, third.isHeldUp], [true, false]);
  });

  it('takes over, before it is joined, what the others know of its batch ids, and keeps that through a crash', async () => {
    const { heritages, network, clock, create } = world();
    await create('acme-0').join();
    await create('acme-1').join();
    network.known.set('acme-0', [['events/1/a', 7, 1, true]]);
    network.known.set('acme-1', undefined);
    const third = create('acme-2');
    const write = heritages.write.bind(heritages);
    const wasJoined: boolean[] = [];
    heritages.write = async (pod, heritage) => {
      wasJoined.push(third.isJoined);
      await write(pod, heritage);
    };
    await third.join();
    assert.deepEqual(wasJoined, [false]);
    const heritage = { since: 3, silent: ['acme-1'], batches: [['events/1/a', 7, 1, true]] };
    assert.deepEqual(third.heritage, heritage);
    network.known.clear();
    const back = create('acme-2');
    await back.join();
    assert.deepEqual(back.heritage, heritage);
    await back.leave();
    const again = create('acme-2');
    await again.join();
    assert.deepEqual(again.heritage, { since: 4, silent: [], batches: [] });
    await clock.advance(1);
  });

  it('that was only away takes writes at once, whoever else is away now', async () => {
    const { network, clock, create } = world();
    await create('acme-0').join();
    await create('acme-1').join();
    network.cut.add('acme-0');
    const back = create('acme-1');
    const joined = back.join();
    await clock.advance(1);
    assert.deepEqual([back.isJoined, back.knowsAll, podsOf(back)], [true, true, ['acme-0']]);
    network.cut.delete('acme-0');
    await clock.advance(1_000);
    await joined;
  });

  it('that crashed before all others knew it waits for them', async () => {
    const { store, network, clock, create } = world();
    await create('acme-0').join();
    const announce = network.announce.bind(network);
    network.announce = () => Promise.reject(new HybridStoreError('unavailable', 'acme-0 is away'));
    void create('acme-1').join();
    await clock.advance(100);
    assert.equal((await store.read('acme-1'))?.state, 'active');
    const back = create('acme-1');
    const joined = back.join();
    await clock.advance(1_000);
    assert.deepEqual([back.isJoined, back.knowsAll], [false, true]);
    network.announce = announce;
    await clock.advance(1_000);
    await joined;
    assert.equal(back.isJoined, true);
  });

  it('that left in order waits for all others when it comes back', async () => {
    const { network, clock, create } = world();
    await create('acme-0').join();
    const second = create('acme-1');
    await second.join();
    await second.leave();
    network.cut.add('acme-0');
    const back = create('acme-1');
    const joined = back.join();
    await clock.advance(20_000);
    assert.deepEqual([back.isJoined, back.knowsAll], [false, false]);
    network.cut.delete('acme-0');
    await clock.advance(500);
    await joined;
    assert.equal(back.isJoined, true);
  });

  it('may leave and come back only while every active member answers', async () => {
    const { network, create } = world();
    const [first, second] = [create('acme-0'), create('acme-1')];
    await first.join();
    await second.join();
    assert.equal(await second.canReturn(), true);
    network.cut.add('acme-0');
    assert.equal(await second.canReturn(), false);
    await first.leave();
    await second.refresh('acme-0');
    assert.equal(await second.canReturn(), true);
  });

  it('given up is asked no more, and is a member again when it comes back', async () => {
    const { store, network, create } = world();
    const [first, second, third] = [create('acme-0'), create('acme-1'), create('acme-2')];
    for (const node of [first, second, third]) await node.join();
    network.cut.add('acme-1');
    assert.deepEqual(await first.giveUp('acme-1').then(({ pod, state, epoch }) => [pod, state, epoch]), [
      'acme-1',
      'drained',
      2,
    ]);
    assert.deepEqual([podsOf(first), podsOf(third)], [['acme-2'], ['acme-0']]);
    network.cut.delete('acme-1');
    const back = create('acme-1');
    await back.join();
    assert.deepEqual([(await store.read('acme-1'))?.epoch, podsOf(first)], [3, ['acme-1', 'acme-2']]);
    await assert.rejects(first.giveUp('acme-9'), { code: 'not_found' });
  });

  it('given up while it was cut off hears of it when it announces itself', async () => {
    const { network, create } = world();
    const [first, second] = [create('acme-0'), create('acme-1')];
    await first.join();
    await second.join();
    network.cut.add('acme-1');
    const life = second.self!;
    await first.giveUp('acme-1');
    assert.throws(() => first.receiveFrom(life), { code: 'conflict' });
  });

  it('is reached under the address that it came back with', async () => {
    const { store, network, create } = world();
    const [first, second] = [create('acme-0'), create('acme-1')];
    await first.join();
    await second.join();
    const connect = network.connect.bind(network);
    network.connect = (member) => {
      if (member.url !== 'http://elsewhere:8000')
        return { ...connect(member), fresh: () => Promise.reject(new HybridStoreError('unavailable', 'nobody there')) };
      return connect(member);
    };
    first.receive({ ...second.self!, epoch: 2 });
    const [peer] = first.peers();
    await assert.rejects(peer!.fresh('events', 0, signal), /nobody there/);
    await store.write({ ...second.self!, epoch: 3, url: 'http://elsewhere:8000' });
    assert.equal((await peer!.fresh('events', 0, signal)).unflushedRows, 0);
  });

  it('leaves without waiting for members that do not answer', async () => {
    const { store, network, create } = world();
    await create('acme-0').join();
    const second = create('acme-1');
    await second.join();
    network.announce = () => new Promise(() => {});
    await second.leave();
    assert.equal((await store.read('acme-1'))?.state, 'drained');
  });

  it('writes its next life after the end of the one before, however slow the store is', async () => {
    const { store, create } = world();
    const node = create('acme-0');
    await node.join();
    const slow = Promise.withResolvers<void>();
    const write = store.write.bind(store);
    store.write = async (member) => {
      if (member.state === 'drained') await slow.promise;
      await write(member);
    };
    const left = node.leave();
    const joined = node.join();
    slow.resolve();
    await Promise.all([left, joined]);
    const { state, epoch } = (await store.read('acme-0'))!;
    assert.deepEqual([state, epoch, node.isJoined], ['active', 2, true]);
  });

  it('stops waiting for a member that has drained meanwhile', async () => {
    const { store, network, clock, create } = world();
    const first = create('acme-0');
    await first.join();
    network.cut.add('acme-0');
    const second = create('acme-1');
    const joined = second.join();
    await clock.advance(100);
    const file = await store.read('acme-0');
    assert.ok(file);
    await store.write({ ...file, state: 'drained' });
    await clock.advance(500);
    await joined;
    assert.deepEqual(podsOf(second), []);
  });

  it('asks a drained member no more, and again once it is back with a later epoch', async () => {
    const { store, create } = world();
    const [first, second] = [create('acme-0'), create('acme-1')];
    await first.join();
    await second.join();
    await second.leave();
    assert.equal(second.isJoined, false);
    assert.equal((await store.read('acme-1'))?.state, 'drained');
    assert.deepEqual(podsOf(first), []);
    const again = create('acme-1');
    await again.join();
    assert.equal((await store.read('acme-1'))?.epoch, 2);
    assert.deepEqual(podsOf(first), ['acme-1']);
  });

  it('refuses to take the place of its own log that was never handed over', async () => {
    const { store, create } = world();
    await create('acme-0').join();
    const written = (await store.read('acme-0'))!;
    await store.write({ ...written, log_id: 'lost' });
    await assert.rejects(create('acme-0').join(), {
      code: 'corrupt',
      message: /expected log lost, which was never handed over, found log log-of-acme-0/,
    });
    assert.equal((await store.read('acme-0'))?.log_id, 'lost');
    await store.write({ ...written, log_id: 'lost', state: 'drained' });
    await create('acme-0').join();
    assert.equal((await store.read('acme-0'))?.state, 'active');
  });

  it('believes the later of two statements about a member', () => {
    const { create } = world();
    const first = create('acme-0');
    const second: Member = { pod: 'acme-1', url: 'http://acme-1:8000', log_id: 'a', state: 'active', epoch: 3 };
    first.receive(second);
    first.receive({ ...second, epoch: 2, state: 'drained' });
    assert.deepEqual(podsOf(first), ['acme-1']);
    first.receive({ ...second, state: 'drained' });
    first.receive(second);
    assert.deepEqual(podsOf(first), []);
  });

  it('finds in the file that a member it cannot reach has drained', async () => {
    const { store, network, create } = world();
    const [first, second] = [create('acme-0'), create('acme-1')];
    await first.join();
    await second.join();
    network.cut.add('acme-0');
    await second.leave();
    network.cut.add('acme-1');
    const [peer] = first.peers();
    assert.equal((await peer?.fresh('events', 0, signal))?.acknowledgedLsn, 0);
    assert.deepEqual(podsOf(first), []);
    assert.equal((await store.read('acme-1'))?.state, 'drained');
  });

  it('says that a member that has not drained cannot be asked', async () => {
    const { network, create } = world();
    const [first, second] = [create('acme-0'), create('acme-1')];
    await first.join();
    await second.join();
    network.cut.add('acme-1');
    const [peer] = first.peers();
    assert.ok(peer);
    await assert.rejects(peer.fresh('events', 0, signal), { code: 'unavailable' });
  });
});
