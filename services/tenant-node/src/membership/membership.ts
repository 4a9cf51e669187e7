import type { Member } from '@hybridstore/contracts';
import { type Clock, HybridStoreError, isHybridStoreError, type Logger } from '@hybridstore/runtime';
import type { BatchEntry, Heritage, MemberDirectory, Members, Peer } from '../domain/ports.ts';
import type { HeritageStore, MemberCalls, MemberStore } from './ports.ts';

/**
 * Who may hold acknowledged rows that no table version has yet. A strict read asks all of them, so a node must be known
 * to every other before it acknowledges its first write:
 *
 *   every active member calls back → write own file (durable) → list the files → announce to every active member, await its
 *   answer → acknowledge writes
 *
 * Two nodes that start together each write before they list, so at least one of them sees the other and announces itself.
 * A member answers an announcement at once, even while its own are still under way: waiting would be a deadlock. Being
 * called back first keeps a newcomer that cannot join, since a member is away, out of the others' sight: they would wait
 * for it, too. The same where its new address has not reached them yet, since names and network rules take their time.
 * The file's epoch counts the member's lives; of two statements about a member the later epoch holds, and within one
 * epoch `drained` comes after `active`. A member leaves by its own word (`drained`), also before each planned restart; from
 * outside, a dead node and a slow one look the same, and its rows are on its volume. Only a person may give it up.
 *
 * Two questions, two answers:
 *
 *   knowsAll   does this node know every member that may hold rows? From its listing on: who comes later announces itself.
 *   isJoined   does every active member know this node? Until then it may acknowledge nothing. A node that was only away (a
 *              crash) is known still, for nobody forgets a member by itself: it takes writes at once, whoever else is away.
 *              `members/<pod>.known` says that it got so far, and holds the batch ids that it took over from the others.
 *
 * Left out: electing anybody, and leases. No member decides for another, so there is nothing to elect; a lease would make
 * correctness a question of clocks. The price is that strict reads wait for a member that is away until it is back.
 */
export type MembershipOptions = {
  readonly store: MemberStore;
  readonly heritages: HeritageStore;
  readonly calls: MemberCalls;
  readonly self: Pick<Member, 'pod' | 'url' | 'log_id'>;
  /** Writes down, durably, what whoever takes over must know of a member that leaves. Called before its file says so. */
  readonly onLeave?: (self: Member) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
};

const announceMsMin = 50;
const announceMsMax = 500;
/** Joining takes as long as one announcement; what takes longer waits for a member that is away. */
const heldUpMs = 10_000;

export class Membership implements Members, MemberDirectory {
  readonly #options: MembershipOptions;
  readonly #known = new Map<string, { readonly member: Member; readonly peer: Peer }>();
  readonly #closed = new AbortController();
  /** Pod → why it does not know this node yet, while this node waits for it. */
  readonly #awaited = new Map<string, string>();
  #self: Member | undefined;
  #knowsAll = false;
  #isJoined = false;
  #joining: Promise<void> | undefined;
  #joiningSinceMs: number | undefined;
  /** Counts joins and leaves; an older one that wakes up changes nothing. */
  #turnOfLife = 0;
  #heritage: Heritage = nothingTakenOver;
  /** What is written of this node's lives, one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  get self(): Member | undefined {
    return this.#self;
  }

  get knowsAll(): boolean {
    return this.#knowsAll;
  }

  get isJoined(): boolean {
    return this.#isJoined;
  }

  get heritage(): Heritage {
    return this.#heritage;
  }

  /** Members that this node waits for before it is joined, and why each does not know it yet. */
  get awaited(): ReadonlyMap<string, string> {
    return this.#awaited;
  }

  get isHeldUp(): boolean {
    return this.#joiningSinceMs !== undefined && this.#options.clock.monotonicMs() - this.#joiningSinceMs >= heldUpMs;
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
    this.#turnOfLife += 1;
    this.#joiningSinceMs = this.#options.clock.monotonicMs();
    const joining = this.#joinOnce(this.#turnOfLife).finally(() => {
      if (this.#joining !== joining) return;
      this.#joining = undefined;
      this.#joiningSinceMs = undefined;
    });
    return joining;
  }

  async #joinOnce(turn: number): Promise<void> {
    const { store, self, clock, logger } = this.#options;
    const startedMs = clock.monotonicMs();
    const before = await store.read(self.pod);
    refuseLostLog(before, self);
    if (before?.state !== 'active') await this.#untilReached(turn);
    if (turn !== this.#turnOfLife) return;
    const { life, isKnown } = await this.#inTurn(() => this.#register());
    for (const member of await store.list()) this.receive(member);
    if (turn !== this.#turnOfLife) return;
    this.#knowsAll = true;
    this.#isJoined = isKnown;
    await Promise.all(this.#others().map((member) => this.#untilAnswered(turn, member, announceTo(life))));
    if (turn !== this.#turnOfLife) return;
    if (!isKnown) await this.#takeOver(turn, life);
    if (turn !== this.#turnOfLife) return;
    this.#isJoined = true;
    logger.info('member_joined', {
      epoch: life.epoch,
      members: this.#others().map((member) => member.pod),
      elapsed_ms: clock.monotonicMs() - startedMs,
    });
  }

  /** Until it is registered nobody waits for this node, so it waits for the others to reach it first. */
  async #untilReached(turn: number): Promise<void> {
    const { store, self } = this.#options;
    for (const member of await store.list()) this.receive(member);
    const callBack: Ask = (calls, receiver) => calls.callBack(receiver, self);
    await Promise.all(this.#others().map((member) => this.#untilAnswered(turn, member, callBack)));
  }

  /** From now on the others leave the ids that this node owns to it: it takes over what they know of them, once. */
  async #takeOver(turn: number, life: Member): Promise<void> {
    const { heritages, self } = this.#options;
    const batches: BatchEntry[] = [];
    const silent: string[] = [];
    const ask: Ask = async (calls, receiver) => {
      const owned = await calls.owned(receiver, self.pod);
      if (owned) for (const entry of owned) batches.push(entry);
      else silent.push(receiver.pod);
    };
    await Promise.all(this.#others().map((member) => this.#untilAnswered(turn, member, ask)));
    if (turn !== this.#turnOfLife) return;
    const heritage = { since: life.since ?? 0, silent, batches };
    await heritages.write(self.pod, heritage);
    if (turn === this.#turnOfLife) this.#heritage = heritage;
  }

  async #register(): Promise<{ readonly life: Member; readonly isKnown: boolean }> {
    const { store, self } = this.#options;
    const before = await store.read(self.pod);
    refuseLostLog(before, self);
    const epoch = (before?.epoch ?? 0) + 1;
    const life: Member = { ...self, state: 'active', epoch, ...(await this.#placeInOrder(before)) };
    const heritage = before?.state === 'active' ? await this.#options.heritages.read(self.pod) : undefined;
    const isKnown = heritage !== undefined && heritage.since === life.since;
    this.#heritage = isKnown ? heritage : nothingTakenOver;
    this.#awaited.clear();
    this.#self = life;
    await store.write(life);
    return { life, isKnown };
  }

  /** What is written of one life must not overtake what is written of the next. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {}); // whoever took the turn hears of it
    return turn;
  }

  /** A member that was only away (a crash) keeps its place: what it owned it still owns. */
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

  /** A member that announces itself is there. `conflict` for one that was given up: it has to begin a new life. */
  receiveFrom(member: Member): number {
    const known = this.#known.get(member.pod)?.member;
    if (member.state === 'active' && known?.state === 'drained' && known.epoch >= member.epoch)
      throw new HybridStoreError('conflict', `member ${member.pod} was given up in its life ${known.epoch}`, {
        pod: member.pod,
        epoch: known.epoch,
      });
    this.#options.calls.heard(member.pod);
    return this.receive(member);
  }

  /** Writes that a member which is away has left, as a person has decided; it begins a new life when it comes back. */
  async giveUp(pod: string): Promise<Member> {
    const { store, logger, calls } = this.#options;
    const written = await store.read(pod);
    if (written === undefined)
      throw new HybridStoreError('not_found', `there is no member ${pod}`, { field: 'pod', actual: pod });
    const left: Member =
      written.state === 'drained' ? written : { ...written, state: 'drained', epoch: written.epoch + 1 };
    if (left !== written) await store.write(left);
    this.receive(left);
    logger.warn('member_given_up', { pod, epoch: left.epoch });
    // Those that do not hear of it find the file when they cannot reach the member.
    await Promise.allSettled(this.#others().map((member) => calls.announce(member, left)));
    return left;
  }

  visit(node: Pick<Member, 'pod' | 'url'>): Promise<void> {
    return this.#options.calls.visit(node);
  }

  async refresh(pod: string): Promise<Member | undefined> {
    const written = await this.#options.store.read(pod);
    if (written) this.receive(written);
    return this.#known.get(pod)?.member;
  }

  peers(): readonly Peer[] {
    return [...this.#known.values()].filter(({ member }) => member.state === 'active').map(({ peer }) => peer);
  }

  members(): readonly Member[] {
    const others = [...this.#known.values()].map(({ member }) => member);
    return this.#self ? [this.#self, ...others] : others;
  }

  /** A node that rests has to be known to all again: beside a member that does not answer now it would not come back. */
  async canReturn(): Promise<boolean> {
    if (!this.#isJoined) return true;
    const greeted = await Promise.allSettled(this.#others().map((member) => this.#options.calls.greet(member)));
    return greeted.every(({ status }) => status === 'fulfilled');
  }

  /**
   * Everything this node acknowledged is committed, and it acknowledges nothing more: others need not ask it. Resolves
   * when its file says so; a join under way, as beside a member that does not answer, ends without one.
   */
  async leave(): Promise<void> {
    this.#turnOfLife += 1;
    this.#knowsAll = false;
    this.#isJoined = false;
    this.#joining = undefined;
    this.#joiningSinceMs = undefined;
    const life = await this.#inTurn(() => this.#writeLeft());
    // Only to spare the others a failed call, so nobody waits for them: they find the file when they cannot reach this node.
    if (life) void Promise.allSettled(this.#others().map((member) => this.#options.calls.announce(member, life)));
  }

  async #writeLeft(): Promise<Member | undefined> {
    const { onLeave, store } = this.#options;
    this.#awaited.clear();
    if (!this.#self) return undefined;
    const life: Member = { ...this.#self, state: 'drained' };
    this.#self = life;
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

  /** Ends, too, when this node's turn of life is over, and when the member has left. */
  async #untilAnswered(turn: number, member: Member, ask: Ask): Promise<void> {
    const { calls, clock, logger, store } = this.#options;
    let receiver = member;
    this.#awaited.set(member.pod, 'it has not answered yet');
    for (let pauseMs = announceMsMin; ; pauseMs = Math.min(pauseMs * 2, announceMsMax)) {
      try {
        await ask(calls, receiver);
        if (turn === this.#turnOfLife) this.#awaited.delete(member.pod);
        return;
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        if (turn !== this.#turnOfLife) return;
        if (isHybridStoreError(error, 'conflict')) throw error;
        this.#awaited.set(member.pod, reason);
        logger.warn('member_not_reached', { pod: receiver.pod, url: receiver.url, reason });
      }
      await clock.sleep(pauseMs, this.#closed.signal);
      if (turn !== this.#turnOfLife) return;
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

  /** A peer that cannot be asked may have drained since, or be back under another address: its file says so. */
  #guard(member: Member): Peer {
    const { calls } = this.#options;
    const peer = calls.connect(member);
    return {
      pod: peer.pod,
      log: peer.log,
      fresh: async (sourceId, afterLsn, signal) => {
        try {
          return await peer.fresh(sourceId, afterLsn, signal);
        } catch (error) {
          signal.throwIfAborted();
          const written = await this.#options.store.read(member.pod);
          if (written === undefined || written.epoch < member.epoch) throw error;
          this.receive(written);
          // All it acknowledged was committed before the file said so; the version is looked up after this answer.
          if (written.state === 'drained') return { ...nothingHeld, log: peer.log };
          if (written.url === member.url) throw error;
          return await calls.connect(written).fresh(sourceId, afterLsn, signal);
        }
      },
    };
  }
}

const nothingTakenOver: Heritage = { since: 0, silent: [], batches: [] };

type Ask = (calls: MemberCalls, receiver: Member) => Promise<unknown>;
const announceTo =
  (life: Member): Ask =>
  (calls, receiver) =>
    calls.announce(receiver, life);

/**
 * A member that never handed over has rows in its log that no table may hold. On another log it would make itself known
 * in the old one's place, and every strict answer would silently be without those rows.
 */
function refuseLostLog(before: Member | undefined, self: Pick<Member, 'pod' | 'log_id'>): void {
  if (before === undefined || before.state === 'drained' || before.log_id === self.log_id) return;
  throw new HybridStoreError(
    'corrupt',
    `members/${self.pod}.json: expected log ${before.log_id}, which was never handed over, found log ${self.log_id}; ` +
      'bring its volume back, or give the node up with the rows that only that log holds',
    { pod: self.pod, expected: before.log_id, actual: self.log_id },
  );
}

const nothingHeld = { acknowledgedLsn: 0, committedLsn: 0, tableVersion: -1, unflushedRows: 0, frames: [] };

function isNewer(member: Member, known: Member | undefined): boolean {
  if (!known || member.epoch > known.epoch) return true;
  return member.epoch === known.epoch && member.state === 'drained' && known.state === 'active';
}
