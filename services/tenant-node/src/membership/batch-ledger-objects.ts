import type { Member } from '@hybridstore/contracts';
import type { AppliedBatch, ObjectStore } from '@hybridstore/engine';
import { HybridStoreError } from '@hybridstore/runtime';
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
    return this.#store.overwrite(ledgerKey(member.pod), Buffer.from(JSON.stringify(content)));
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
  try {
    const content = JSON.parse(bytes.toString('utf8')) as Partial<Content>;
    if (Array.isArray(content.batches)) return content as Content; // written whole by `write`
  } catch (cause) {
    throw new HybridStoreError('corrupt', `${key} is no ledger of batches`, { path: key }, { cause });
  }
  throw new HybridStoreError('corrupt', `${key} is no ledger of batches`, { path: key });
}
