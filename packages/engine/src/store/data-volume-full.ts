import { HybridStoreError, isDiskFull, isHybridStoreError } from '@hybridstore/runtime';
import type { ObjectStore } from './ports.ts';

const retryMs = 5_000;

/** The volume of the tables has no room: it passes when somebody makes some. */
export function dataVolumeFull(cause: unknown): HybridStoreError {
  const details = { volume: 'data', retry_after_ms: retryMs };
  return new HybridStoreError('storage_full', 'the data volume is full', details, { cause });
}

/** The store, with `storage_full` for what an operating system says of a full volume. */
export function namingFullVolume(store: ObjectStore): ObjectStore {
  return {
    ...store,
    createIfAbsent: (key, bytes) => named(store.createIfAbsent(key, bytes)),
    createFromFiles: (files) => named(store.createFromFiles(files)),
    replaceIfMatch: (key, bytes, version) => named(store.replaceIfMatch(key, bytes, version)),
    overwrite: (key, bytes) => named(store.overwrite(key, bytes)),
  };
}

/** What an operating system says of a full volume, to us or to the segment writer, under its own code; else as it is. */
export function nameFullVolume(error: unknown): unknown {
  const isFull = isDiskFull(error) || (isHybridStoreError(error) && error.details['why'] === 'no_space');
  return isFull ? dataVolumeFull(error) : error;
}

async function named<T>(change: Promise<T>): Promise<T> {
  try {
    return await change;
  } catch (error) {
    throw nameFullVolume(error);
  }
}
