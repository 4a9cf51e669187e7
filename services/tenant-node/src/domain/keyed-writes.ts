import { createHash } from 'node:crypto';
import type { Member } from '@hybridstore/contracts';
import type { AppendResult, AppliedBatch, Engine } from '@hybridstore/engine';
import { type Clock, HybridStoreError, retryLater } from '@hybridstore/runtime';
import type { BatchCalls, BatchLedgers, KeyedBatch, MemberDirectory } from './ports.ts';

export type KeyedWritesPorts = {
  readonly engine: Pick<Engine, 'append' | 'findBatch' | 'batchKey' | 'source'>;
  readonly members: Pick<MemberDirectory, 'self' | 'members'>;
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
 * Ownership moves only when members come or go for good (a crashed member stays one, its ids wait for it). An id may
 * then be known to an earlier owner: to a member that joined before this one, which is asked, or to one that has left,
 * whose ledger is on the shared volume. A try that is under way counts: who is asked waits for its outcome.
 */
export class KeyedWrites {
  readonly #ports: KeyedWritesPorts;
  readonly #arriving = new Map<string, Promise<AppendResult>>();
  readonly #startedMs: number;

  constructor(ports: KeyedWritesPorts) {
    this.#ports = ports;
    this.#startedMs = ports.clock.monotonicMs();
  }

  /** `isForwarded`: another member takes this one for the owner. If they disagree about the members, nobody applies the batch yet. */
  async append(
    batch: KeyedBatch,
    call: { readonly userToken: string; readonly isForwarded: boolean },
  ): Promise<AppendResult> {
    const owner = this.#ownerOf(batch);
    if (owner.pod === this.#ports.members.self?.pod) return this.#appendOnce(batch);
    if (call.isForwarded) throw retryLater('unavailable', 'the members of the tenant are changing', 250);
    return this.#ports.calls.forward(owner, batch, call.userToken);
  }

  /** What a member that owns the id now asks: the outcome of a try that is under way, or what is remembered. */
  async find(sourceId: string, batchId: string): Promise<AppliedBatch | undefined> {
    await this.#arriving.get(`${sourceId}/${batchId}`)?.catch(() => {});
    await this.#ports.engine.source(sourceId);
    return this.#ports.engine.findBatch(sourceId, batchId);
  }

  /** From here to the entry in the map nothing is awaited: two tries of one id cannot both be the first. */
  async #appendOnce(batch: KeyedBatch): Promise<AppendResult> {
    const id = `${batch.sourceId}/${batch.batchId}`;
    for (let arriving = this.#arriving.get(id); arriving; arriving = this.#arriving.get(id))
      await arriving.catch(() => {});
    const arriving = this.#appendUnlessKnown(batch);
    this.#arriving.set(id, arriving);
    try {
      return await arriving;
    } finally {
      this.#arriving.delete(id);
    }
  }

  async #appendUnlessKnown(batch: KeyedBatch): Promise<AppendResult> {
    const { engine } = this.#ports;
    if (engine.findBatch(batch.sourceId, batch.batchId) === undefined) {
      // An unknown source is said before anybody is asked, and known sources have the key that ledgers are kept by.
      if (engine.batchKey(batch.sourceId, batch.batchId) === undefined) await engine.source(batch.sourceId);
      const earlier = (await this.#inLedgers(batch)) ?? (await this.#fromEarlierOwners(batch));
      if (earlier) return { ...earlier, duplicate: true, warnings: [] };
    }
    return engine.append(batch);
  }

  async #inLedgers(batch: KeyedBatch): Promise<AppliedBatch | undefined> {
    const key = this.#ports.engine.batchKey(batch.sourceId, batch.batchId);
    if (key === undefined) return undefined;
    // A member that is back may have come with a new log: what it knew before is in its ledger alone.
    for (const member of this.#ports.members.members()) {
      const applied = await this.#ports.ledgers.find(member, key);
      if (applied) return applied;
    }
    return undefined;
  }

  async #fromEarlierOwners(batch: KeyedBatch): Promise<AppliedBatch | undefined> {
    const asked = this.#earlierOwners().map((member) => this.#ports.calls.find(member, batch.sourceId, batch.batchId));
    return (await Promise.all(asked)).find((applied) => applied !== undefined);
  }

  /**
   * Active members that were here before this one, while an id of that time may still be repeated. A clock that is set
   * moves nothing: this process must have seen the time pass.
   */
  #earlierOwners(): readonly Member[] {
    const { members, clock, retentionMs } = this.#ports;
    const { self } = members;
    const isOver =
      clock.now() - (self?.since_ms ?? 0) > retentionMs && clock.monotonicMs() - this.#startedMs > retentionMs;
    if (!self || isOver) return [];
    return members
      .members()
      .filter(
        (member) => member.pod !== self.pod && member.state === 'active' && (member.since ?? 0) <= (self.since ?? 0),
      );
  }

  #ownerOf(batch: KeyedBatch): Member {
    const active = this.#ports.members.members().filter((member) => member.state === 'active');
    const owner = chooseOwner(active, `${batch.sourceId}/${batch.batchId}`);
    if (!owner) throw new HybridStoreError('unavailable', 'the node is no member yet', { retry_after_ms: 1_000 });
    return owner;
  }
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
