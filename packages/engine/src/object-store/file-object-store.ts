import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import {
  createFileDurably,
  type Disk,
  HybridStoreError,
  isErrno,
  isTemporaryName,
  replaceFileDurably,
} from '@hybridstore/runtime';
import type { ObjectStore } from './object-store.ts';

/** Folders on their way out; a crash may leave one behind, the next deletion of anything sweeps it. */
const trashFolder = '.deleted';

/** Objects as files below `root`, on a file system that all replicas share. The guard of `putIfAbsent` is link(2). */
export function createFileObjectStore(root: string, disk: Disk): ObjectStore {
  const at = (key: string) => join(root, key);
  return {
    async createFolder(prefix) {
      await disk.createFolder(at(prefix));
      await disk.syncFolder(dirname(at(prefix)));
    },
    putIfAbsent: (key, bytes, guard) => createFileDurably(disk, at(key), bytes, guard && at(guard)),
    put: (key, bytes, guard) => replaceFileDurably(disk, at(key), bytes, guard && at(guard)),
    async get(key) {
      try {
        return await disk.readFile(at(key));
      } catch (error) {
        if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
        throw error;
      }
    },
    async getRange(key, offset, length) {
      try {
        return await disk.readRange(at(key), offset, length);
      } catch (cause) {
        if (isErrno(cause, 'ENOENT', 'ENOTDIR'))
          throw new HybridStoreError('not_found', `object ${key} does not exist`, { key }, { cause });
        throw cause;
      }
    },
    stat: (key) => disk.stat(at(key)),
    hasFolder: async (prefix) => (await disk.stat(at(prefix))) !== undefined,
    list: async (prefix) => (await disk.list(at(prefix))).filter((name) => !isTemporaryName(name)),
    delete: (key) => disk.remove(at(key)),
    async deleteAll(prefix) {
      await disk.createFolder(at(trashFolder));
      if ((await disk.list(at(prefix))).length > 0) await moveToTrash(disk, at(prefix), at(trashFolder));
      await disk.removeFolder(at(trashFolder));
    },
  };
}

async function moveToTrash(disk: Disk, folder: string, trash: string): Promise<void> {
  await disk.rename(folder, join(trash, randomBytes(8).toString('hex')));
  await disk.syncFolder(dirname(folder));
}
