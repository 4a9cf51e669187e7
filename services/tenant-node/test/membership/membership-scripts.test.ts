import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Member } from '@hybridstore/contracts';
import { createFileObjectStore, type ObjectStore } from '@hybridstore/engine';
import { HybridStoreError, isHybridStoreError, silentLogger } from '@hybridstore/runtime';
import { type DiskOperation, FakeClock, MemoryDisk, osError, runGoldenScript } from '@hybridstore/test-kit';
import { BatchLedgerObjects } from '../../src/membership/batch-ledger-objects.ts';
import { HeritageObjects } from '../../src/membership/heritage-objects.ts';
import { MemberObjects } from '../../src/membership/member-objects.ts';
import { Membership } from '../../src/membership/membership.ts';
import type { MemberCalls } from '../../src/membership/ports.ts';

/**
 * Who is a member after joins, leaves, cut networks, failing disks and crashes, as a golden script. Every node has its
 * objects on one disk; each leaves a ledger with one batch id.
 *
 *   new                      nobody, an empty disk
 *   POD join [LOG]           begins to join, with its log or another one
 *   POD leave
 *   POD state                joined or not, and whom it would ask
 *   POD cut | heal           it cannot be reached, or can again
 *   wait MS                  time goes on
 *   files                    what the disk says of each member
 *   ledger POD               the batch id of a member that has left, as another node finds it
 *   fail OPERATION PATTERN   the next one of that kind on a path with that text fails with EIO
 *   full                     the disk takes no more byte; room: it does again
 *   damage POD               the object of a member is torn
 *   crash                    power off: the disk keeps what was synced, no node is left
 */
class Script implements MemberCalls {
  readonly #disk = new MemoryDisk();
  readonly #clock = new FakeClock();
  readonly #nodes = new Map<string, Membership>();
  readonly #cut = new Set<string>();
  readonly #failures = new Map<string, string>();

  async run(command: string): Promise<readonly string[]> {
    const [first = '', verb = '', ...words] = command.split(' ');
    try {
      return (await this.#world(first, verb, words)) ?? (await this.#node(first, verb, words));
    } catch (error) {
      return [describeError(error)];
    }
  }

  async #world(verb: string, first: string, words: readonly string[]): Promise<readonly string[] | undefined> {
    switch (verb) {
      case 'wait':
        await this.#clock.advance(Number(first));
        return [];
      case 'files':
        return (await new MemberObjects(this.#store()).list()).map(describeMember);
      case 'ledger':
        return [await this.#readLedger(first)];
      case 'fail':
        this.#fail(first, words[0] ?? '');
        return [];
      case 'full':
        this.#disk.capacityBytes = this.#disk.usedBytes;
        return [];
      case 'room':
        this.#disk.capacityBytes = Number.POSITIVE_INFINITY;
        return [];
      case 'damage':
        this.#disk.setBytes(`/data/members/${first}.json`, Buffer.from('{"pod":'));
        return [];
      case 'crash':
        this.#disk.crash();
        this.#nodes.clear();
        return [];
      default:
        return undefined;
    }
  }

  async #node(pod: string, verb: string, [log]: readonly string[]): Promise<readonly string[]> {
    if (verb === 'cut') this.#cut.add(pod);
    if (verb === 'heal') this.#cut.delete(pod);
    if (verb === 'join') await this.#join(pod, log ?? `log-of-${pod}`);
    if (verb === 'leave') await this.#require(pod).leave();
    return verb === 'cut' || verb === 'heal' ? [] : [this.#describe(pod)];
  }

  /** Does not wait for the others: they may be away. */
  async #join(pod: string, logId: string): Promise<void> {
    const store = this.#store();
    const ledgers = new BatchLedgerObjects({ store, clock: new FakeClock(), retentionMs: 86_400_000 });
    const membership = new Membership({
      store: new MemberObjects(store),
      heritages: new HeritageObjects(store),
      calls: this,
      self: { pod, url: `http://${pod}:8000`, log_id: logId },
      onLeave: (self) => ledgers.write(self, [[`events/${pod}`, { lsn: 7, accepted: 1, durable: true }]]),
      clock: this.#clock,
      logger: silentLogger,
    });
    this.#nodes.set(pod, membership);
    this.#failures.delete(pod);
    membership.join().catch((error: unknown) => this.#failures.set(pod, describeError(error)));
    await this.#clock.advance(1);
  }

  #describe(pod: string): string {
    const failure = this.#failures.get(pod);
    if (failure !== undefined) return failure;
    const node = this.#require(pod);
    const peers = node.peers().map((peer) => peer.pod);
    return `${node.isJoined ? 'joined' : 'not joined'}, asks ${peers.join(' ') || 'nobody'}`;
  }

  async #readLedger(pod: string): Promise<string> {
    const store = this.#store();
    const member = await new MemberObjects(store).read(pod);
    if (!member) return 'no such member';
    const applied = await new BatchLedgerObjects({ store, clock: new FakeClock(), retentionMs: 86_400_000 }).find(
      member,
      `events/${pod}`,
    );
    return applied ? `LSN ${applied.lsn}` : 'nothing';
  }

  #store(): ObjectStore {
    return createFileObjectStore({ root: '/data', disk: this.#disk, stagingFolder: '/data/staging/test' });
  }

  #fail(operation: string, pattern: string): void {
    let isArmed = true;
    this.#disk.fault = (done: DiskOperation, path: string) => {
      if (!isArmed || done !== operation || !path.includes(pattern)) return undefined;
      isArmed = false;
      return osError('EIO');
    };
  }

  async announce(receiver: Member, member: Member): Promise<void> {
    this.#reach(receiver.pod).receiveFrom(member);
  }

  async greet(receiver: Member): Promise<number> {
    this.#reach(receiver.pod);
    return 0;
  }

  async callBack(receiver: Member, node: Pick<Member, 'pod' | 'url'>): Promise<void> {
    await this.#reach(receiver.pod).visit(node);
  }

  async visit({ pod }: Pick<Member, 'pod'>): Promise<void> {
    this.#reach(pod);
  }

  async owned(receiver: Member): Promise<[]> {
    this.#reach(receiver.pod);
    return [];
  }

  away(): undefined {}

  heard(): void {}

  connect(member: Member) {
    return {
      pod: member.pod,
      log: member.log_id,
      fresh: async () => {
        this.#reach(member.pod);
        return assert.fail('nobody asks for rows here');
      },
    };
  }

  #reach(pod: string): Membership {
    if (this.#cut.has(pod) || !this.#nodes.has(pod)) throw new HybridStoreError('unavailable', `${pod} is away`);
    return this.#require(pod);
  }

  #require(pod: string): Membership {
    const node = this.#nodes.get(pod);
    assert.ok(node, `${pod} was not started`);
    return node;
  }
}

function describeMember({ pod, state, epoch, since, log_id }: Member): string {
  return `${pod}: ${state}, epoch ${epoch}, since ${since}, ${log_id}`;
}

function describeError(error: unknown): string {
  if (isHybridStoreError(error)) return `${error.code}: ${error.message}`;
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

test('who is a member, whatever happens to nodes, network and disk', async () => {
  let script = new Script();
  await runGoldenScript(new URL('golden/membership.txt', import.meta.url), async (command) => {
    if (command !== 'new') return script.run(command);
    script = new Script();
    return [];
  });
});
