import { basename, dirname, join } from 'node:path';
import {
  type Disk,
  type FileStat,
  groupFile,
  groupFolder,
  HybridStoreError,
  isErrno,
  retryLater,
  writeAside,
} from '@hybridstore/runtime';
import { type ObjectStore, takenKey, unknownKey, type VersionedObject } from './ports.ts';

/**
 * Objects as files below `root`, on a file system that all replicas share. Folders come with the first object below them
 * and go with the last. A file is finished in the staging folder before it gets its name; what decides between writers is
 * link(2), which takes a name only when it is free.
 *
 * A file system cannot replace a file on condition, so `replaceIfMatch` leaves a trace of each replacement, made by link:
 *
 *     table.json                     the object, version a: what others read
 *     .table.json/after-a            the object, version b: whoever made this name has replaced a
 *     .table.json/a                  version a: while a file has a name, its inode, by which versions differ, is not
 *                                    given to another
 *
 * The newest object is found by following these names from `table.json` on; as the last step of a replacement the new file
 * takes that name too. A process that dies, or sleeps, before that step changes nothing for who follows the names; they
 * stay for a week. So this is for objects that change a few times in their life.
 */
export type FileObjectStoreOptions = {
  readonly root: string;
  readonly disk: Disk;
  /** Absolute, there already, on the same file system as `root`: a finished file takes its place without a copy. */
  readonly stagingFolder: string;
};

export function createFileObjectStore({ root, disk, stagingFolder }: FileObjectStoreOptions): ObjectStore {
  const at = (key: string) => join(root, key);
  const stage = (bytes: Uint8Array) =>
    writeAside(disk, { path: join(stagingFolder, 'object'), bytes, mode: groupFile });
  return {
    stagingFolder,
    async createIfAbsent(key, bytes) {
      const staged = await stage(bytes);
      return publishNew(disk, staged, at(key));
    },
    async createFromFiles(files) {
      for (const { key, path } of files) {
        if (!(await inFolder(disk, at(key), () => disk.link(path, at(key))))) throw takenKey(key);
        await disk.remove(path);
      }
      for (const folder of new Set(files.map(({ key }) => dirname(at(key))))) await syncIfThere(disk, folder);
    },
    async replaceIfMatch(key, bytes, version) {
      const found = await findNewest(disk, at(key));
      if (found?.version !== version) return undefined;
      const kept = join(tracesFolder(at(key)), version);
      await inFolder(disk, kept, () => disk.link(found.path, kept));
      const staged = await stage(bytes);
      const made = await publishNew(disk, staged, successorPath(at(key), version), 'keep');
      if (made === undefined) return undefined;
      await publish(disk, staged, at(key));
      await removeOldTraces(disk, at(key));
      return made;
    },
    overwrite: async (key, bytes) => publish(disk, await stage(bytes), at(key)),
    get: (key) => unlessAbsent(() => disk.readFile(at(key))),
    getVersioned: (key) => readNewest(disk, at(key)),
    isReplaced: async (key, version) => (await disk.stat(successorPath(at(key), version))) !== undefined,
    async getRange(key, offset, length) {
      const bytes = await unlessAbsent(() => disk.readRange(at(key), offset, length));
      if (!bytes) throw unknownKey(key);
      return bytes;
    },
    stat: (key) => disk.stat(at(key)),
    list: async (prefix) => (await disk.list(at(prefix))).filter((name) => !name.startsWith('.')),
    async delete(key) {
      await disk.removeFolder(tracesFolder(at(key)));
      await disk.remove(at(key));
      await removeEmptyFolders(disk, dirname(at(key)), root);
    },
    move: (key, to) => moveFile(disk, at(key), at(to)),
    async nowMs() {
      const marker = await stage(new Uint8Array());
      const stat = await disk.stat(marker);
      await disk.remove(marker);
      if (stat) return stat.modifiedAtMs;
      throw retryLater('unavailable', 'the store lost an object that it had just taken', 1_000);
    },
    bringToLocal: async (key) => at(key),
    removeUnfinished: (beforeMs) => removeStaged(disk, dirname(stagingFolder), beforeMs),
  };
}

/** By a second name first: at every moment the file has one. The folder that it leaves stays. */
async function moveFile(disk: Disk, from: string, to: string): Promise<void> {
  if (!(await disk.stat(from))) return;
  await inFolder(disk, to, () => disk.link(from, to));
  await syncIfThere(disk, dirname(to));
  await disk.remove(from);
  await syncIfThere(disk, dirname(from));
}

/** Of all processes that stage files beside this one. Their folders stay: one may only be idle. */
async function removeStaged(disk: Disk, folder: string, beforeMs: number): Promise<void> {
  for (const owner of await disk.list(folder))
    for (const name of await disk.list(join(folder, owner))) {
      const path = join(folder, owner, name);
      const stat = await disk.stat(path);
      if (stat && stat.modifiedAtMs < beforeMs) await disk.remove(path);
    }
}

/**
 * Gives a finished file its name, durably, if the name is free; its version then. The staged name goes, unless a second one
 * is to follow.
 */
async function publishNew(disk: Disk, staged: string, path: string, staging?: 'keep'): Promise<string | undefined> {
  let isCreated = false;
  try {
    // Of the staged file: under its new name another process may have replaced it a moment later.
    const version = (await disk.stat(staged))?.version;
    isCreated = await inFolder(disk, path, () => disk.link(staged, path));
    if (isCreated) await syncIfThere(disk, dirname(path));
    return isCreated ? version : undefined;
  } finally {
    if (!isCreated || staging !== 'keep') await disk.remove(staged);
  }
}

/** Gives a finished file its name, durably, whatever had it before. */
async function publish(disk: Disk, staged: string, path: string): Promise<void> {
  try {
    await inFolder(disk, path, () => disk.rename(staged, path));
  } catch (error) {
    await disk.remove(staged);
    throw error;
  }
  await syncIfThere(disk, dirname(path));
}

/** A folder that is gone was empty: whoever deleted the object that was just made has taken it along. */
async function syncIfThere(disk: Disk, folder: string): Promise<void> {
  await unlessAbsent(() => disk.syncFolder(folder));
}

const foldersMadeMax = 10;

/** The folder is made when it is missing, and again when another process has removed it, empty as it was, meanwhile. */
async function inFolder<T>(disk: Disk, path: string, change: () => Promise<T>): Promise<T> {
  for (let made = 0; ; made += 1) {
    try {
      return await change();
    } catch (error) {
      if (!isErrno(error, 'ENOENT') || made >= foldersMadeMax) throw error;
      await disk.createFolder(dirname(path), groupFolder);
    }
  }
}

async function removeEmptyFolders(disk: Disk, folder: string, root: string): Promise<void> {
  for (let empty = folder; empty.startsWith(`${root}/`); empty = dirname(empty))
    if (!(await disk.removeEmptyFolder(empty))) return;
}

type Found = FileStat & { readonly path: string };

/** A chain this long was not made by replacements. */
const replacementsMax = 10_000;

function tracesFolder(path: string): string {
  return join(dirname(path), `.${basename(path)}`);
}

function successorPath(path: string, version: string): string {
  return join(tracesFolder(path), `after-${version}`);
}

/** No process sleeps for longer between two steps of a replacement. */
const traceMsMax = 7 * 24 * 3_600_000;

/** Ages are by the file system's own time. Beside a name that leads to the newest object older traces are of no use. */
async function removeOldTraces(disk: Disk, path: string): Promise<void> {
  const newest = await disk.stat(path);
  if (!newest || (await disk.stat(successorPath(path, newest.version)))) return;
  for (const name of await disk.list(tracesFolder(path))) {
    const trace = join(tracesFolder(path), name);
    const stat = await disk.stat(trace);
    if (stat && newest.modifiedAtMs - stat.modifiedAtMs > traceMsMax) await disk.remove(trace);
  }
}

async function findNewest(disk: Disk, path: string): Promise<Found | undefined> {
  const first = await disk.stat(path);
  let found: Found | undefined = first && { ...first, path };
  for (let replacements = 0; found; replacements += 1) {
    const next = successorPath(path, found.version);
    const stat = await disk.stat(next);
    if (!stat) return found;
    if (replacements >= replacementsMax)
      throw new HybridStoreError('corrupt', `${nameOf(path)}: more than ${replacementsMax} replacements`);
    found = { ...stat, path: next };
  }
  return undefined;
}

const readsMax = 10;

/** The name may pass to another file between the look and the read, so what was read counts only when it did not. */
async function readNewest(disk: Disk, path: string): Promise<VersionedObject | undefined> {
  for (let read = 1; read <= readsMax; read += 1) {
    const found = await findNewest(disk, path);
    if (!found) return undefined;
    const bytes = await unlessAbsent(() => disk.readFile(found.path));
    const after = await disk.stat(found.path);
    if (bytes && after?.version === found.version) {
      // Who published it may have died before its name was durable, and what is read is about to be built upon.
      await syncIfThere(disk, dirname(found.path));
      return { bytes, version: found.version };
    }
  }
  throw retryLater('unavailable', `${nameOf(path)} changes faster than it can be read`, 100);
}

/** Enough to find the object; where the folder of the store is, is nobody's business who asks a node. */
function nameOf(path: string): string {
  return `${basename(dirname(path))}/${basename(path)}`;
}

async function unlessAbsent<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}
