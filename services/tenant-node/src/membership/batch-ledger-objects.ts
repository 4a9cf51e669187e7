import type { Member } from '@hybridstore/contracts';
import type { AppliedBatch, ObjectStore } from '@hybridstore/engine';
import { type Clock, HybridStoreError, isRecord, openSealed, sealJson } from '@hybridstore/runtime';
import type { BatchLedgers } from '../domain/ports.ts';

type Ledger = { readonly of: string; readonly batches: ReadonlyMap<string, AppliedBatch> };
type Batches = readonly (readonly [string, number, number, boolean])[];
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
 * says `drained`. Each member's is read once in each of its states; a member that comes back and leaves again takes over
 * what its ledger held.
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
    const content: Content = {
      epoch: member.epoch,
      written_at_ms: clock.now(),
      batches: [...batches].map(([key, { lsn, accepted, durable }]) => [key, lsn, accepted, durable] as const),
      earlier: await this.#readEarlier(member.pod),
    };
    const key = ledgerKey(member.pod);
    await store.overwrite(key, Buffer.from(sealJson(content, key)));
  }

  async #readEarlier(pod: string): Promise<NonNullable<Content['earlier']>> {
    const { clock, retentionMs } = this.#options;
    const bytes = await this.#options.store.get(ledgerKey(pod));
    if (!bytes) return [];
    const { written_at_ms: writtenAtMs = clock.now(), batches, earlier = [] } = parseLedger(bytes, ledgerKey(pod));
    const oldestMs = clock.now() - keptRetentions * retentionMs;
    return [{ written_at_ms: writtenAtMs, batches }, ...earlier].filter(
      (life) => life.written_at_ms >= oldestMs && life.batches.length > 0,
    );
  }

  async #load(member: Member): Promise<Ledger> {
    const bytes = await this.#options.store.get(ledgerKey(member.pod));
    if (!bytes) return { of: lifeOf(member), batches: new Map() };
    const { batches, earlier = [] } = parseLedger(bytes, ledgerKey(member.pod));
    const all = [...earlier.toReversed().flatMap((life) => life.batches), ...batches];
    return {
      of: lifeOf(member),
      batches: new Map(all.map(([key, lsn, accepted, durable]) => [key, { lsn, accepted, durable }])),
    };
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
  if (!isRecord(life) || !Array.isArray(life['batches']) || !life['batches'].every(isEntry)) return false;
  return life['written_at_ms'] === undefined || isCount(life['written_at_ms']);
}

function isEntry(entry: unknown): boolean {
  if (!Array.isArray(entry) || entry.length !== 4) return false;
  const [key, lsn, accepted, durable] = entry as readonly unknown[];
  return typeof key === 'string' && isCount(lsn) && isCount(accepted) && typeof durable === 'boolean';
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
