import type { Member } from '@hybridstore/contracts';
import type { AppliedBatch, ObjectStore } from '@hybridstore/engine';
import { type Clock, HybridStoreError, isRecord, openSealed, sealJson } from '@hybridstore/runtime';
import type { BatchEntry, BatchLedgers } from '../domain/ports.ts';
import { fromBatchEntry, isBatchEntry, isCount, toBatchEntry } from './batch-entry.ts';
import { HeritageObjects } from './heritage-objects.ts';

type Ledger = { readonly of: string; readonly batches: ReadonlyMap<string, AppliedBatch> };
type Batches = readonly BatchEntry[];
type Content = {
  readonly epoch: number;
  readonly written_at_ms?: number;
  readonly batches: Batches;
  /** Of earlier lives of the member, whose logs may be gone. */
  readonly earlier?: readonly { readonly written_at_ms: number; readonly batches: Batches }[];
};

export type BatchLedgerOptions = {
  readonly store: Pick<ObjectStore, 'get' | 'overwrite'>;
  readonly clock: Clock;
  /** How long an id is remembered, at the least. */
  readonly retentionMs: number;
};

/** By the clock, which may be set: twice as long as promised leaves room for that. */
const keptRetentions = 2;

/**
 * `members/<pod>.batches.ledger` of the tenant's store: the batch ids of a member that has left, written before its object
 * says `drained`. Each member's is read once in each of its states, with what it had taken over when it joined; a member that
 * comes back and leaves again takes over what its ledger held.
 */
export class BatchLedgerObjects implements BatchLedgers {
  readonly #options: BatchLedgerOptions;
  readonly #read = new Map<string, Ledger>();

  constructor(options: BatchLedgerOptions) {
    this.#options = options;
  }

  async find(member: Member, key: string): Promise<AppliedBatch | undefined> {
    const known = this.#read.get(member.pod);
    if (known?.of === lifeOf(member)) return known.batches.get(key);
    const ledger = await this.#load(member);
    this.#read.set(member.pod, ledger);
    return ledger.batches.get(key);
  }

  async write(
    member: Pick<Member, 'pod' | 'epoch'>,
    batches: Iterable<readonly [string, AppliedBatch]>,
  ): Promise<void> {
    const { store, clock } = this.#options;
    const own = [...batches].map(toBatchEntry);
    const content: Content = {
      epoch: member.epoch,
      written_at_ms: clock.now(),
      batches: own,
      earlier: await this.#readEarlier(member.pod, new Set(own.map(([key]) => key))),
    };
    const key = ledgerKey(member.pod);
    await store.overwrite(key, Buffer.from(sealJson(content, key)));
  }

  /** Of ids that are not known any more: a node that restarts every hour keeps its log, and with it most of them. */
  async #readEarlier(pod: string, known: ReadonlySet<string>): Promise<NonNullable<Content['earlier']>> {
    const { clock, retentionMs } = this.#options;
    const bytes = await this.#options.store.get(ledgerKey(pod));
    if (!bytes) return [];
    const { written_at_ms: writtenAtMs = clock.now(), batches, earlier = [] } = parseLedger(bytes, ledgerKey(pod));
    const oldestMs = clock.now() - keptRetentions * retentionMs;
    return [{ written_at_ms: writtenAtMs, batches }, ...earlier]
      .filter((life) => life.written_at_ms >= oldestMs)
      .map((life) => ({ ...life, batches: life.batches.filter(([key]) => !known.has(key)) }))
      .filter((life) => life.batches.length > 0);
  }

  async #load(member: Member): Promise<Ledger> {
    const bytes = await this.#options.store.get(ledgerKey(member.pod));
    const { batches, earlier = [] } = bytes ? parseLedger(bytes, ledgerKey(member.pod)) : { batches: [] };
    // One that was given up wrote no ledger at its end; what it had taken over is known all the same.
    const heritage = await new HeritageObjects(this.#options.store).read(member.pod);
    const all = [...(heritage?.batches ?? []), ...earlier.toReversed().flatMap((life) => life.batches), ...batches];
    return { of: lifeOf(member), batches: new Map(all.map(fromBatchEntry)) };
  }
}

/** A member writes its ledger before it says `drained`, in the same epoch. */
function lifeOf({ epoch, state }: Member): string {
  return `${epoch} ${state}`;
}

function ledgerKey(pod: string): string {
  return `members/${pod}.batches.ledger`;
}

/** A ledger that cannot be read may hold the id that is asked for: passed over, its batch would be applied twice. */
function parseLedger(bytes: Buffer, key: string): Content {
  const content = openSealed(bytes, key);
  const earlier = isRecord(content) ? (content['earlier'] ?? []) : undefined;
  if (isLife(content) && Array.isArray(earlier) && earlier.every(isLife)) return content as Content; // all of it was looked at
  throw new HybridStoreError('corrupt', `${key} is no ledger of batches`, { path: key });
}

function isLife(life: unknown): boolean {
  if (!isRecord(life) || !Array.isArray(life['batches']) || !life['batches'].every(isBatchEntry)) return false;
  return life['written_at_ms'] === undefined || isCount(life['written_at_ms']);
}
