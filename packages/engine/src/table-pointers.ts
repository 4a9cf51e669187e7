import { HybridStoreError, openSealed, sealJson } from '@hybridstore/runtime';
import type { ObjectStore } from './store/ports.ts';

/**
 * Which table a source has. A source may be deleted and made anew under its name; each time it is another table, at a
 * location of its own, so nothing that is written for the one ever gets into the other:
 *
 *     tables/flights/table.json                     {"table_id": "6a1f…", "location": "tables/flights/6a1f…"}
 *     tables/flights/6a1f…/_delta_log/…             the table: what other engines open
 *
 * The pointer is the only thing that is replaced, and only on condition. It is never removed: that of a deleted source says
 * so. That a pointer is missing which was there therefore means that the store is away, never that rows may be forgotten.
 */
export class TablePointers {
  readonly #store: ObjectStore;

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /** Undefined for a source that never was. */
  async read(sourceId: string): Promise<VersionedPointer | undefined> {
    const key = pointerKey(sourceId);
    const object = await this.#store.getVersioned(key);
    return object && { pointer: decodePointer(object.bytes, sourceId), version: object.version };
  }

  /** Whether another pointer has come after this one: one look at the store. False as well when the store is away. */
  isReplaced(sourceId: string, version: string): Promise<boolean> {
    return this.#store.isReplaced(pointerKey(sourceId), version);
  }

  /** False means that the store is away. */
  async isThere(sourceId: string): Promise<boolean> {
    return (await this.#store.stat(pointerKey(sourceId))) !== undefined;
  }

  /** The new pointer with its version; undefined when `before` is not what is there (any more). */
  async point(
    sourceId: string,
    pointer: TablePointer,
    before: VersionedPointer | undefined,
  ): Promise<VersionedPointer | undefined> {
    const key = pointerKey(sourceId);
    const bytes = Buffer.from(`${sealJson(pointer, key)}\n`);
    const version = before
      ? await this.#store.replaceIfMatch(key, bytes, before.version)
      : await this.#store.createIfAbsent(key, bytes);
    return version === undefined ? undefined : { pointer, version };
  }
}

/** `location` is a prefix of keys; null for a source that was deleted. */
export type TablePointer = { readonly table_id: string; readonly location: string | null };

export type VersionedPointer = { readonly pointer: TablePointer; readonly version: string };

export const tablesPrefix = 'tables';
export const pointerName = 'table.json';

export function sourcePrefix(sourceId: string): string {
  return `${tablesPrefix}/${sourceId}`;
}

/** The source whose object a key names. */
export function sourceOfKey(key: string): string {
  return key.split('/')[1] ?? '';
}

export function pointerKey(sourceId: string): string {
  return `${sourcePrefix(sourceId)}/${pointerName}`;
}

function decodePointer(bytes: Buffer, sourceId: string): TablePointer {
  const key = pointerKey(sourceId);
  const pointer = openSealed(bytes, key);
  if (isPointer(pointer) && isWithin(pointer.location, sourceId)) return pointer;
  throw new HybridStoreError('corrupt', `${key}: expected {"table_id": …, "location": "${sourcePrefix(sourceId)}/…"}`, {
    path: key,
  });
}

function isWithin(location: string | null, sourceId: string): boolean {
  if (location === null || location === sourcePrefix(sourceId)) return true;
  return location.startsWith(`${sourcePrefix(sourceId)}/`) && !location.includes('..');
}

function isPointer(value: unknown): value is TablePointer {
  if (typeof value !== 'object' || value === null || !('table_id' in value) || !('location' in value)) return false;
  return typeof value.table_id === 'string' && (value.location === null || typeof value.location === 'string');
}
