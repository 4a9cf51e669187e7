import type { Member } from '@hybridstore/contracts';
import type { AppliedBatch, ObjectStore } from '@hybridstore/engine';
import { HybridStoreError, isRecord, openSealed, sealJson } from '@hybridstore/runtime';
import type { BatchLedgers } from '../domain/ports.ts';

type Ledger = { readonly epoch: number; readonly batches: ReadonlyMap<string, AppliedBatch> };
type Content = { readonly epoch: number; readonly batches: readonly (readonly [string, number, number, boolean])[] };

/**
 * `members/<pod>.batches.ledger` of the tenant's store: the batch ids of a member that has left, written before its object
 * says `drained`. Each member's is read once; its epoch says whether it is of the life that ended.
 */
export class BatchLedgerObjects implements BatchLedgers {
  readonly #store: Pick<ObjectStore, 'get' | 'overwrite'>;
  readonly #read = new Map<string, Ledger>();

  constructor(store: Pick<ObjectStore, 'get' | 'overwrite'>) {
    this.#store = store;
  }

  async find(member: Member, key: string): Promise<AppliedBatch | undefined> {
    const known = this.#read.get(member.pod);
    if (known?.epoch === member.epoch) return known.batches.get(key);
    const ledger = await this.#load(member);
    this.#read.set(member.pod, ledger);
    return ledger.batches.get(key);
  }

  write(member: Pick<Member, 'pod' | 'epoch'>, batches: Iterable<readonly [string, AppliedBatch]>): Promise<void> {
    const content: Content = {
      epoch: member.epoch,
      batches: [...batches].map(([key, { lsn, accepted, durable }]) => [key, lsn, accepted, durable] as const),
    };
    const key = ledgerKey(member.pod);
    return this.#store.overwrite(key, Buffer.from(sealJson(content, key)));
  }

  async #load(member: Member): Promise<Ledger> {
    const bytes = await this.#store.get(ledgerKey(member.pod));
    if (!bytes) return { epoch: member.epoch, batches: new Map() };
    const { batches } = parseLedger(bytes, ledgerKey(member.pod));
    return {
      epoch: member.epoch,
      batches: new Map(batches.map(([key, lsn, accepted, durable]) => [key, { lsn, accepted, durable }])),
    };
  }
}

function ledgerKey(pod: string): string {
  return `members/${pod}.batches.ledger`;
}

/** A ledger that cannot be read may hold the id that is asked for: passed over, its batch would be applied twice. */
function parseLedger(bytes: Buffer, key: string): Content {
  const content = openSealed(bytes, key);
  if (isRecord(content) && Array.isArray(content['batches']) && content['batches'].every(isEntry))
    return content as Content; // its entries were looked at, and nobody reads more of it
  throw new HybridStoreError('corrupt', `${key} is no ledger of batches`, { path: key });
}

function isEntry(entry: unknown): boolean {
  if (!Array.isArray(entry) || entry.length !== 4) return false;
  const [key, lsn, accepted, durable] = entry as readonly unknown[];
  return typeof key === 'string' && isCount(lsn) && isCount(accepted) && typeof durable === 'boolean';
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
