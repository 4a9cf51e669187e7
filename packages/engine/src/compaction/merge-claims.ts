import { openSealed, sealJson } from '@hybridstore/runtime';
import type { ObjectStore } from '../store/ports.ts';

export type MergeClaimsOptions = {
  readonly store: Pick<ObjectStore, 'createIfAbsent' | 'delete' | 'get' | 'stat' | 'nowMs'>;
  readonly logId: string;
  /** No merge takes longer: what another node claimed before that is nobody's. */
  readonly claimMsMax: number;
};

/**
 * Which node merges a table by need: the one whose log id stands in `_writing/merge.json` of its location. It saves work and
 * no more than that: of two merges of the same files one is committed, whoever claimed them. So a claim has no lease to be
 * renewed. One that a dead process left is its log's next owner's, or old by the store's clock.
 */
export class MergeClaims {
  readonly #options: MergeClaimsOptions;
  readonly #held = new Set<string>();

  constructor(options: MergeClaimsOptions) {
    this.#options = options;
  }

  /** Runs `work` while this node has the claim of a location; undefined, with nothing done, where another has it. */
  async during<T>(location: string, work: () => Promise<T>): Promise<T | undefined> {
    if (this.#held.has(location)) return undefined;
    this.#held.add(location);
    try {
      if (!(await this.#take(location))) return undefined;
      try {
        return await work();
      } finally {
        await this.#options.store.delete(claimKey(location));
      }
    } finally {
      this.#held.delete(location);
    }
  }

  async #take(location: string): Promise<boolean> {
    const { store, logId } = this.#options;
    const key = claimKey(location);
    const claim = Buffer.from(sealJson({ log_id: logId }, key));
    if ((await store.createIfAbsent(key, claim)) !== undefined) return true;
    if (!(await this.#isLeft(key))) return false;
    await store.delete(key);
    return (await store.createIfAbsent(key, claim)) !== undefined;
  }

  async #isLeft(key: string): Promise<boolean> {
    const { store, logId, claimMsMax } = this.#options;
    const [bytes, stat] = [await store.get(key), await store.stat(key)];
    // Given up meanwhile: whoever is first now has it.
    if (!bytes || !stat) return true;
    return claimant(bytes, key) === logId || (await store.nowMs()) - stat.modifiedAtMs > claimMsMax;
  }
}

function claimant(bytes: Buffer, key: string): unknown {
  const value = openSealed(bytes, key);
  return typeof value === 'object' && value !== null && 'log_id' in value ? value.log_id : undefined;
}

function claimKey(location: string): string {
  return `${location}/_writing/merge.json`;
}
