import { join } from 'node:path';
import { type Disk, groupFile, groupFolder, replaceFileDurably } from '@hybridstore/runtime';
import { type ObjectStore, takenKey, unknownKey } from './ports.ts';

type StoredObject = { readonly bytes: Buffer; readonly modifiedAtMs: number; readonly version: string };

export type MemoryObjectStoreOptions = {
  /** Stamps the objects. */
  readonly now?: () => number;
  /** For files that are handed in, and for those that are brought out. */
  readonly disk: Disk;
  readonly localFolder: string;
};

/** Objects in memory, for tests of what stands above a store. */
export function createMemoryObjectStore(options: MemoryObjectStoreOptions): ObjectStore {
  const { now = () => 0, disk, localFolder } = options;
  const objects = new Map<string, StoredObject>();
  let writes = 0;
  const store = (key: string, bytes: Uint8Array) => {
    writes += 1;
    objects.set(key, { bytes: Buffer.from(bytes), modifiedAtMs: now(), version: String(writes) });
    return String(writes);
  };
  const require = (key: string): StoredObject => {
    const object = objects.get(key);
    if (object) return object;
    throw unknownKey(key);
  };
  const createIfAbsent = (key: string, bytes: Uint8Array): string | undefined =>
    objects.has(key) ? undefined : store(key, bytes);
  return {
    stagingFolder: join(localFolder, 'staging'),
    createIfAbsent: async (key, bytes) => createIfAbsent(key, bytes),
    async createFromFiles(files) {
      for (const { key, path } of files) {
        if (!createIfAbsent(key, await disk.readFile(path))) throw takenKey(key);
        await disk.remove(path);
      }
    },
    async replaceIfMatch(key, bytes, version) {
      return objects.get(key)?.version === version ? store(key, bytes) : undefined;
    },
    overwrite: async (key, bytes) => void store(key, bytes),
    get: async (key) => copyOf(objects.get(key)),
    async getVersioned(key) {
      const object = objects.get(key);
      return object && { bytes: Buffer.from(object.bytes), version: object.version };
    },
    isReplaced: async (key, version) => (objects.get(key)?.version ?? version) !== version,
    getRange: async (key, offset, length) => Buffer.from(require(key).bytes.subarray(offset, offset + length)),
    async stat(key) {
      const object = objects.get(key);
      if (!object) return undefined;
      const { bytes, modifiedAtMs, version } = object;
      return { bytes: bytes.length, modifiedAtMs, version };
    },
    async list(prefix) {
      const below = [...objects.keys()].filter((key) => key.startsWith(`${prefix}/`));
      return [...new Set(below.map((key) => /^[^/]*\/?/.exec(key.slice(prefix.length + 1))?.[0] ?? ''))].sort();
    },
    delete: async (key) => void objects.delete(key),
    async move(key, to) {
      const object = objects.get(key);
      if (object) objects.set(to, object);
      objects.delete(key);
    },
    nowMs: async () => now(),
    removeUnfinished: async () => {},
    async bringToLocal(key) {
      const path = join(localFolder, 'objects', key);
      await disk.createFolder(join(path, '..'), groupFolder);
      await replaceFileDurably(disk, { path, bytes: require(key).bytes, mode: groupFile });
      return path;
    },
  };
}

function copyOf(object: StoredObject | undefined): Buffer | undefined {
  return object && Buffer.from(object.bytes);
}
