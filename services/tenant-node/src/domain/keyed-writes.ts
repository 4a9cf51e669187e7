import { createHash } from 'node:crypto';
import type { Member } from '@hybridstore/contracts';
import type { AppendResult, AppliedBatch, Engine } from '@hybridstore/engine';
import { type Clock, HybridStoreError, isHybridStoreError, retryLater } from '@hybridstore/runtime';
import type {
  BatchCalls,
  BatchLedgers,
  Heritage,
  KeyedBatch,
  MemberDirectory,
  Sender,
  WriteAdmission,
} from './ports.ts';

export type KeyedWritesPorts = {
  readonly engine: Pick<Engine, 'appliedBatches' | 'findBatch' | 'batchKey' | 'source'>;
  readonly writeGate: Pick<WriteAdmission, 'append'>;
  readonly members: Pick<MemberDirectory, 'self' | 'members' | 'isJoined' | 'heritage' | 'refresh'>;
  readonly calls: BatchCalls;
  readonly ledgers: BatchLedgers;
  readonly clock: Clock;
  readonly retentionMs: number;
};

/**
 * A batch with an id is applied once by the whole tenant, whichever nodes its tries reach. Each id has one owner among
 * the active members (the highest score of member and id), and only the owner applies it:
 *
 *   any node → owner:  known here? known to a member that may have owned it before? → append, else acknowledge again
 *
 * Ownership moves only when members join or leave, which takes them a moment in which a batch waits (a crashed member stays
 * one: it alone knows which of its ids it applied, so they are refused at once until it is back or given up). An id may then
 * be known to an earlier owner: to a member that joined before this one, which gave it away when this one joined, or to one
 * that has left, whose ledger is on the shared volume. A try that is under way counts: who gives away waits for its outcome.
 */
export class KeyedWrites {
  readonly #ports: KeyedWritesPorts;
  readonly #arriving = new Map<string, Promise<AppendResult>>();
  readonly #startedMs: number;
  #read: { readonly of: Heritage | undefined; readonly batches: ReadonlyMap<string, AppliedBatch> } = {
    of: undefined,
    batches: nothing,
  };

  constructor(ports: KeyedWritesPorts) {
    this.#ports = ports;
    this.#startedMs = ports.clock.monotonicMs();
  }

  /** `isForwarded`: another member takes this one for the owner. If they disagree about the members, nobody applies the batch yet. */
  async append(batch: KeyedBatch, call: Way): Promise<AppendResult> {
    const { clock } = this.#ports;
    const untilMs = clock.monotonicMs() + (call.isForwarded ? forwardedMsMax : changeMsMax);
    for (;;) {
      const owner = this.#ownerOf(batch);
      try {
        return await this.#appendAt(owner, batch, call);
      } catch (error) {
        if (clock.monotonicMs() >= untilMs || !(await this.#isMoving(owner, error)))
          throw describeOwnerAway(error, owner, batch);
      }
      await clock.sleep(changePauseMs);
    }
  }

  async #appendAt(owner: Member, batch: KeyedBatch, call: Way): Promise<AppendResult> {
    const { members, calls } = this.#ports;
    if (owner.pod !== members.self?.pod) {
      if (call.isForwarded) throw membersAreChanging();
      return calls.forward(owner, batch, call.userToken);
    }
    if (!members.isJoined) throw membersAreChanging();
    return this.#appendOnce(batch, call.sender);
  }

  /** Whether the batch may find its owner elsewhere, or the same one in a moment: nothing of it was applied. */
  async #isMoving(owner: Member, error: unknown): Promise<boolean> {
    if (!isHybridStoreError(error, 'unavailable')) return false;
    const isAway = error.details['away_since'] !== undefined;
    if (!isAway && !Array.isArray(error.details['reasons'])) return false;
    const { members } = this.#ports;
    const pod = String(error.details['member'] ?? owner.pod);
    const before = members.members().find((member) => member.pod === pod);
    const now = await members.refresh(pod);
    return !isAway || now?.state !== 'active' || now.epoch !== before?.epoch;
  }

  /**
   * Ids that `pod`, which has joined, owns now: this node applies none of them any more. Those that are under way are waited
   * for; from the answer on `pod` knows all that was known here.
   */
  async owned(pod: string): Promise<readonly (readonly [string, AppliedBatch])[]> {
    await Promise.allSettled(this.#arriving.values());
    const { engine } = this.#ports;
    return [...this.#takenOver(), ...engine.appliedBatches()].filter(
      ([key]) => this.#ownerOfId(idOfKey(key)).pod === pod,
    );
  }

  /** All that is known here, for whoever takes over from a node that leaves. */
  applied(): readonly (readonly [string, AppliedBatch])[] {
    return [...this.#takenOver(), ...this.#ports.engine.appliedBatches()];
  }

  /** What a member that owns the id now asks: the outcome of a try that is under way, or what is remembered. */
  async find(sourceId: string, batchId: string): Promise<AppliedBatch | undefined> {
    await this.#arriving.get(`${sourceId}/${batchId}`)?.catch(() => {});
    await this.#ports.engine.source(sourceId);
    return this.#ports.engine.findBatch(sourceId, batchId);
  }

  /**
   * From the look at the owner to the entry in the map nothing is awaited: two tries of one id cannot both be the first, and
   * who asks for what another member owns now misses none that is under way.
   */
  async #appendOnce(batch: KeyedBatch, sender: Sender): Promise<AppendResult> {
    const id = `${batch.sourceId}/${batch.batchId}`;
    for (let arriving = this.#arriving.get(id); arriving; arriving = this.#arriving.get(id))
      await arriving.catch(() => {});
    if (this.#ownerOf(batch).pod !== this.#ports.members.self?.pod) throw membersAreChanging();
    const arriving = this.#appendUnlessKnown(batch, sender);
    this.#arriving.set(id, arriving);
    try {
      return await arriving;
    } finally {
      this.#arriving.delete(id);
    }
  }

  async #appendUnlessKnown(batch: KeyedBatch, sender: Sender): Promise<AppendResult> {
    const { engine, writeGate } = this.#ports;
    if (engine.findBatch(batch.sourceId, batch.batchId) === undefined) {
      // An unknown source is said before anybody is asked, and known sources have the key that ledgers are kept by.
      if (engine.batchKey(batch.sourceId, batch.batchId) === undefined) await engine.source(batch.sourceId);
      const earlier = (await this.#inLedgers(batch)) ?? (await this.#fromEarlierOwners(batch));
      if (earlier) return { ...earlier, duplicate: true, warnings: [] };
    }
    return writeGate.append(batch, sender);
  }

  async #inLedgers(batch: KeyedBatch): Promise<AppliedBatch | undefined> {
    const key = this.#ports.engine.batchKey(batch.sourceId, batch.batchId);
    if (key === undefined) return undefined;
    const takenOver = this.#takenOver().get(key);
    if (takenOver) return takenOver;
    // A member that is back may have come with a new log: what it knew before is in its ledger alone.
    for (const member of this.#ports.members.members()) {
      const applied = await this.#ports.ledgers.find(member, key);
      if (applied) return applied;
    }
    return undefined;
  }

  /** What the others gave away when this node joined, as long as it may be repeated. */
  #takenOver(): ReadonlyMap<string, AppliedBatch> {
    const { heritage } = this.#ports.members;
    if (this.#isOver()) return nothing;
    if (this.#read.of !== heritage)
      this.#read = {
        of: heritage,
        batches: new Map(
          heritage.batches.map(([key, lsn, accepted, durable]) => [key, { lsn, accepted, durable }] as const),
        ),
      };
    return this.#read.batches;
  }

  async #fromEarlierOwners(batch: KeyedBatch): Promise<AppliedBatch | undefined> {
    const asked = this.#earlierOwners().map((member) => this.#ports.calls.find(member, batch.sourceId, batch.batchId));
    return (await Promise.all(asked)).find((applied) => applied !== undefined);
  }

  /** Members of an earlier version, which gave nothing away: asked for each id of the time before this node joined. */
  #earlierOwners(): readonly Member[] {
    const { members } = this.#ports;
    const { silent } = members.heritage;
    if (silent.length === 0 || this.#isOver()) return [];
    return members.members().filter((member) => member.state === 'active' && silent.includes(member.pod));
  }

  /**
   * Whether no id of the time before this node joined is repeated any more. A clock that is set moves nothing: this process
   * must have seen the time pass.
   */
  #isOver(): boolean {
    const { members, clock, retentionMs } = this.#ports;
    const sinceMs = members.self?.since_ms ?? 0;
    return clock.now() - sinceMs > retentionMs && clock.monotonicMs() - this.#startedMs > retentionMs;
  }

  #ownerOf({ sourceId, batchId }: KeyedBatch): Member {
    return this.#ownerOfId(`${sourceId}/${batchId}`);
  }

  #ownerOfId(id: string): Member {
    const active = this.#ports.members.members().filter((member) => member.state === 'active');
    const owner = chooseOwner(active, id);
    if (!owner) throw new HybridStoreError('unavailable', 'the node is no member yet', { retry_after_ms: 1_000 });
    return owner;
  }
}

const nothing: ReadonlyMap<string, AppliedBatch> = new Map();

/** Without the life of the source that stands in the middle of it: an id has the same owner in all of them. */
function idOfKey(key: string): string {
  return key.slice(0, key.indexOf('/')) + key.slice(key.lastIndexOf('/'));
}

/** How a batch came here, and by whom. */
export type Way = { readonly userToken: string; readonly isForwarded: boolean; readonly sender: Sender };

/** Who joins or leaves needs a moment for it; as long as that a batch may wait. */
const changeMsMax = 5_000;
/** The member that handed it on waits, too. */
const forwardedMsMax = 500;
const changePauseMs = 25;

function membersAreChanging(): HybridStoreError {
  return retryLater('unavailable', 'the members of the tenant are changing', 250, { reasons: ['changing'] });
}

/** What can be done about it, where the owner, or one that may have owned the id before, is away. */
function describeOwnerAway(error: unknown, owner: Member, { batchId }: KeyedBatch): unknown {
  if (!isHybridStoreError(error, 'unavailable') || error.details['away_since'] === undefined) return error;
  const member = String(error.details['member'] ?? owner.pod);
  const message =
    `whether batch ${batchId} was applied before is known to ${member} alone: ${error.message}; ` +
    'repeat it when that member is back, or have the member given up';
  return new HybridStoreError('unavailable', message, error.details, { cause: error });
}

/** Rendezvous hashing: the member with the highest score. A member that comes or goes moves only the ids that it owns. */
export function chooseOwner<T extends Pick<Member, 'pod'>>(members: readonly T[], id: string): T | undefined {
  let best: { readonly member: T; readonly score: string } | undefined;
  for (const member of members) {
    const score = createHash('sha1').update(`${member.pod}\n${id}`).digest('hex');
    if (!best || score > best.score) best = { member, score };
  }
  return best?.member;
}
