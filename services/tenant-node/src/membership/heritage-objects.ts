import type { ObjectStore } from '@hybridstore/engine';
import { isHybridStoreError, isRecord, openSealed, sealJson } from '@hybridstore/runtime';
import type { Heritage } from '../domain/ports.ts';
import { isBatchEntry } from './batch-entry.ts';
import type { HeritageStore } from './ports.ts';

/** `members/<pod>.known` of the tenant's store: every active member knows the pod, and gave it the batch ids that are its own now. */
export class HeritageObjects implements HeritageStore {
  readonly #store: Pick<ObjectStore, 'get' | 'overwrite'>;

  constructor(store: Pick<ObjectStore, 'get' | 'overwrite'>) {
    this.#store = store;
  }

  /** What is unreadable is as good as not there: the node then makes itself known once more. */
  async read(pod: string): Promise<Heritage | undefined> {
    const key = heritageKey(pod);
    const bytes = await this.#store.get(key);
    const content = bytes && readSealed(bytes, key);
    return isHeritage(content) ? content : undefined;
  }

  write(pod: string, heritage: Heritage): Promise<void> {
    const key = heritageKey(pod);
    return this.#store.overwrite(key, Buffer.from(sealJson(heritage, key)));
  }
}

function heritageKey(pod: string): string {
  return `members/${pod}.known`;
}

function readSealed(bytes: Buffer, key: string): unknown {
  try {
    return openSealed(bytes, key);
  } catch (error) {
    if (!isHybridStoreError(error, 'corrupt')) throw error;
    return undefined;
  }
}

function isHeritage(content: unknown): content is Heritage {
  if (!isRecord(content) || !Number.isSafeInteger(content['since'])) return false;
  const { silent, batches } = content;
  return (
    Array.isArray(silent) &&
    silent.every((pod) => typeof pod === 'string') &&
    Array.isArray(batches) &&
    batches.every(isBatchEntry)
  );
}
