import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Member } from '@hybridstore/contracts';
import type { AppliedBatch } from '@hybridstore/engine';
import type { BatchLedgers } from '../domain/keyed-writes.ts';

type Ledger = { readonly epoch: number; readonly batches: ReadonlyMap<string, AppliedBatch> };
type Content = { readonly epoch: number; readonly batches: readonly (readonly [string, number, number, boolean])[] };

/**
 * `members/<pod>.batches.ledger` on the shared volume: the batch ids of a member that has left, written and synced before
 * its file says `drained`. Each member's is read once; its epoch tells whether it is of the life that ended.
 */
export class BatchLedgerFiles implements BatchLedgers {
  readonly #folder: string;
  readonly #read = new Map<string, Ledger>();

  constructor(dataPath: string) {
    this.#folder = join(dataPath, 'members');
    mkdirSync(this.#folder, { recursive: true });
  }

  find(member: Member, key: string): AppliedBatch | undefined {
    const known = this.#read.get(member.pod);
    if (known?.epoch === member.epoch) return known.batches.get(key);
    const ledger = this.#load(member);
    this.#read.set(member.pod, ledger);
    return ledger.batches.get(key);
  }

  write(member: Pick<Member, 'pod' | 'epoch'>, batches: Iterable<readonly [string, AppliedBatch]>): void {
    const content: Content = {
      epoch: member.epoch,
      batches: [...batches].map(([key, { lsn, accepted, durable }]) => [key, lsn, accepted, durable] as const),
    };
    const path = this.#pathOf(member.pod);
    const file = openSync(`${path}.tmp`, 'w', 0o640);
    try {
      // Writes until all is written, where writeSync may stop half way on a disk that is nearly full.
      writeFileSync(file, JSON.stringify(content));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(`${path}.tmp`, path);
    const folder = openSync(this.#folder, 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  }

  #load(member: Member): Ledger {
    const path = this.#pathOf(member.pod);
    if (!existsSync(path)) return { epoch: member.epoch, batches: new Map() };
    const content = JSON.parse(readFileSync(path, 'utf8')) as Content;
    return {
      epoch: member.epoch,
      batches: new Map(content.batches.map(([key, lsn, accepted, durable]) => [key, { lsn, accepted, durable }])),
    };
  }

  #pathOf(pod: string): string {
    return join(this.#folder, `${pod}.batches.ledger`);
  }
}
