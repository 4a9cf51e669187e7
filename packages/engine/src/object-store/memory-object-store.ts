import { HybridStoreError } from '@hybridstore/runtime';
import type { ObjectStore } from './object-store.ts';

/** Objects in memory, for tests of what stands above a store. `now` stamps them. */
export function createMemoryObjectStore(now: () => number = () => 0): ObjectStore {
  const objects = new Map<string, { readonly bytes: Buffer; readonly modifiedAtMs: number }>();
  const store = (key: string, bytes: Uint8Array) =>
    objects.set(key, { bytes: Buffer.from(bytes), modifiedAtMs: now() });
  return {
    async createFolder() {},
    async putIfAbsent(key, bytes, guard) {
      if (objects.has(key) || (guard !== undefined && !objects.has(guard))) return false;
      store(key, bytes);
      return true;
    },
    async put(key, bytes, guard) {
      if (guard !== undefined && !objects.has(guard)) return false;
      store(key, bytes);
      return true;
    },
    async get(key) {
      const object = objects.get(key);
      return object && Buffer.from(object.bytes);
    },
    async getRange(key, offset, length) {
      const object = objects.get(key);
      if (!object) throw new HybridStoreError('not_found', `object ${key} does not exist`, { key });
      return Buffer.from(object.bytes.subarray(offset, offset + length));
    },
    async stat(key) {
      const object = objects.get(key);
      return object && { bytes: object.bytes.length, modifiedAtMs: object.modifiedAtMs };
    },
    async hasFolder() {
      return true;
    },
    async list(prefix) {
      const below = [...objects.keys()].filter((key) => key.startsWith(`${prefix}/`));
      return [...new Set(below.map((key) => key.slice(prefix.length + 1).split('/')[0]!))].sort();
    },
    async delete(key) {
      objects.delete(key);
    },
    async deleteAll(prefix) {
      for (const key of [...objects.keys()]) if (key.startsWith(`${prefix}/`)) objects.delete(key);
    },
  };
}
