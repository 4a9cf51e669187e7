import type { Member } from '@hybridstore/contracts';
import { type Clock, HybridStoreError, type Logger } from '@hybridstore/runtime';
import type { MemberDirectory, Members, Peer } from '../domain/ports.ts';
import type { MemberCalls, MemberStore } from './ports.ts';

/**
 * Who may hold acknowledged rows that no table version has yet. A strict read asks all of them, so a node must be known
 * to every other before it acknowledges its first write:
 *
 *   write own file (durable) → list the files → announce to every active member, await its answer → acknowledge writes
 *
 * Two nodes that start together each write before they list, so at least one of them sees the other and announces itself.
 * A member answers an announcement at once, even while its own are still under way: waiting would be a deadlock.
 * The file's epoch counts the member's lives; of two statements about a member the later epoch holds, and within one
 * epoch `drained` comes after `active`. A member leaves by its own word only (`drained`): from outside, a dead node and a
 * slow one look the same, and its rows are on its volume.
 *
 * Left out: electing anybody, and leases. No member decides for another, so there is nothing to elect; a lease would make
 * correctness a question of clocks. The price is that strict reads wait for a member that is away until it is back.
 */
export type MembershipOptions = {
  readonly store: MemberStore;
  readonly calls: MemberCalls;
  readonly self: Pick<Member, 'pod' | 'url' | 'log_id'>;
  /** Writes down, durably, what whoever takes over must know of a member that leaves. Called before its file says so. */
  readonly onLeave?: (self: Member) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
};

const announceMsMin = 50;
const announceMsMax = 500;

export class Membership implements Members, MemberDirectory {
  readonly #options: MembershipOptions;
  readonly #known = new Map<string, { readonly member: Member; readonly peer: Peer }>();
  readonly #closed = new AbortController();
  /** Pod → why it does not know this node yet, while this node waits for it. */
  readonly #awaited = new Map<string, string>();
  #self: Member | undefined;
  #isJoined = false;
  #joining: Promise<void> | undefined;
  /** What is written of this node's lives, one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  get self(): Member | undefined {
    return this.#self;
  }

  /** Whether every active member knows this one: before, nothing may be acknowledged. */
  get isJoined(): boolean {
    return this.#isJoined;
  }

  /** Members that this node waits for before it is joined, and why each does not know it yet. */
  get awaited(): ReadonlyMap<string, string> {
    return this.#awaited;
  }

  /**
   * Resolves when all active members know this node, or when it left meanwhile (`isJoined` says which). Called at start
   * and when a drained node is wanted back; callers at the same time wait for the same.
   */
  join(): Promise<void> {
    this.#joining ??= this.#beginToJoin();
    return this.#joining;
  }

  #beginToJoin(): Promise<void> {
    const joining = this.#joinOnce().finally(() => {
      if (this.#joining === joining) this.#joining = undefined;
    });
    return joining;
  }

  async #joinOnce(): Promise<void> {
    const { store, clock, logger } = this.#options;
    const life = await this.#inTurn(() => this.#register());
    for (const member of await store.list()) this.receive(member);
    const startedMs = clock.monotonicMs();
    await Promise.all(this.#others().map((member) => this.#announceUntilKnown(life, member)));
    if (this.#self !== life) return;
    this.#isJoined = true;
    logger.info('member_joined', {
      epoch: life.epoch,
      members: this.#others().map((member) => member.pod),
      elapsed_ms: clock.monotonicMs() - startedMs,
    });
  }

  async #register(): Promise<Member> {
    const { store, self } = this.#options;
    const before = await store.read(self.pod);
    refuseLostLog(before, self);
    const epoch = (before?.epoch ?? 0) + 1;
    const life: Member = { ...self, state: 'active', epoch, ...(await this.#placeInOrder(before)) };
    this.#awaited.clear();
    this.#self = life;
    await store.write(life);
    return life;
  }

  /** What is written of one life must not overtake what is written of the next. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {}); // whoever took the turn hears of it
    return turn;
  }

  /** A member that was only away (a crash, a restart) keeps its place: what it owned it still owns. */
  async #placeInOrder(before: Member | undefined): Promise<Pick<Member, 'since' | 'since_ms'>> {
    if (before?.state === 'active' && before.since !== undefined)
      return { since: before.since, since_ms: before.since_ms ?? 0 };
    const places = (await this.#options.store.list()).map((member) => member.since ?? 0);
    return { since: Math.max(0, ...places) + 1, since_ms: this.#options.clock.now() };
  }

  /** What a member says of itself, or what its file says. Older statements change nothing. Returns this node's own epoch. */
  receive(member: Member): number {
    const known = this.#known.get(member.pod)?.member;
    if (member.pod !== this.#options.self.pod && isNewer(member, known))
      this.#known.set(member.pod, { member, peer: this.#guard(member) });
    return this.#self?.epoch ?? 0;
  }

  peers(): readonly Peer[] {
    return [...this.#known.values()].filter(({ member }) => member.state === 'active').map(({ peer }) => peer);
  }

  members(): readonly Member[] {
    const others = [...this.#known.values()].map(({ member }) => member);
    return this.#self ? [this.#self, ...others] : others;
  }

  /**
   * Everything this node acknowledged is committed, and it acknowledges nothing more: others need not ask it. Resolves
   * when its file says so; a join under way, as beside a member that does not answer, ends without one.
   */
  async leave(): Promise<void> {
    this.#isJoined = false;
    this.#joining = undefined;
    const life = await this.#inTurn(() => this.#writeLeft());
    // Only to spare the others a failed call, so nobody waits for them: they find the file when they cannot reach this node.
    if (life) void Promise.allSettled(this.#others().map((member) => this.#announceOnce(life, member)));
  }

  async #writeLeft(): Promise<Member | undefined> {
    const { onLeave, store } = this.#options;
    if (!this.#self) return undefined;
    const life: Member = { ...this.#self, state: 'drained' };
    // A join under way sees it, and ends.
    this.#self = life;
    this.#isJoined = false;
    this.#awaited.clear();
    await onLeave?.(life);
    await store.write(life);
    return life;
  }

  close(): void {
    this.#closed.abort(new HybridStoreError('unavailable', 'the node is shutting down'));
  }

  #others(): readonly Member[] {
    return [...this.#known.values()].map(({ member }) => member).filter((member) => member.state === 'active');
  }

  /** Ends, too, when the life that is announced is over. */
  async #announceUntilKnown(life: Member, member: Member): Promise<void> {
    const { clock, logger, store } = this.#options;
    let receiver = member;
    this.#awaited.set(member.pod, 'it has not answered yet');
    for (let pauseMs = announceMsMin; ; pauseMs = Math.min(pauseMs * 2, announceMsMax)) {
      try {
        await this.#announceOnce(life, receiver);
        if (this.#self === life) this.#awaited.delete(member.pod);
        return;
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        if (this.#self !== life) return;
        this.#awaited.set(member.pod, reason);
        logger.warn('member_not_reached', { pod: receiver.pod, url: receiver.url, reason });
      }
      await clock.sleep(pauseMs, this.#closed.signal);
      if (this.#self !== life) return;
      // It may have drained, or come back under another address, meanwhile.
      const written = await store.read(member.pod);
      if (!written || written.state === 'drained') {
        if (written) this.receive(written);
        else this.#known.delete(member.pod);
        this.#awaited.delete(member.pod);
        return;
      }
      receiver = written;
      this.receive(written);
    }
  }

  async #announceOnce(life: Member, receiver: Member): Promise<void> {
    await this.#options.calls.announce(receiver, life);
  }

  /** A peer that cannot be asked may have drained since: its file says so. */
  #guard(member: Member): Peer {
    const peer = this.#options.calls.connect(member);
    return {
      pod: peer.pod,
      log: peer.log,
      fresh: async (sourceId, afterLsn, signal) => {
        try {
          return await peer.fresh(sourceId, afterLsn, signal);
        } catch (error) {
          signal.throwIfAborted();
          const written = await this.#options.store.read(member.pod);
          if (written?.state !== 'drained' || written.epoch < member.epoch) throw error;
          this.receive(written);
          // All it acknowledged was committed before the file said so; the version is looked up after this answer.
          return { ...nothingHeld, log: peer.log };
        }
      },
    };
  }
}

/**
 * A member that never handed over has rows in its log that no table may hold. On another log it would make itself known
 * in the old one's place, and every strict answer would silently be without those rows.
 */
function refuseLostLog(before: Member | undefined, self: Pick<Member, 'pod' | 'log_id'>): void {
  if (before === undefined || before.state === 'drained' || before.log_id === self.log_id) return;
  throw new HybridStoreError(
    'corrupt',
    `members/${self.pod}.json: expected log ${before.log_id}, which was never handed over, found log ${self.log_id}; ` +
      'bring its volume back, or remove the file to give up the rows that only that log holds',
    { pod: self.pod, expected: before.log_id, actual: self.log_id },
  );
}

const nothingHeld = { acknowledgedLsn: 0, committedLsn: 0, tableVersion: -1, unflushedRows: 0, frames: [] };

function isNewer(member: Member, known: Member | undefined): boolean {
  if (!known || member.epoch > known.epoch) return true;
  return member.epoch === known.epoch && member.state === 'drained' && known.state === 'active';
}
