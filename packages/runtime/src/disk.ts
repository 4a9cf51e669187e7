import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { HybridStoreError } from './errors.ts';

/**
 * The one door to the disk: whatever must survive a crash is written, synced, linked, renamed and deleted here. Tests put
 * a disk in memory in its place that fails, fills up, tears writes and forgets what was not synced.
 *
 * A name is durable only after `syncFolder` of its folder, bytes only after `datasync` of their file. Errors are those of
 * the operating system, with their `code`. Modes have no default: whoever makes a file says who may read it.
 */
export interface Disk {
  /** Opens for reading and writing; creates the file, with this mode, when it is absent. */
  open(path: string, mode: FileMode): Promise<DiskFile>;
  readFile(path: string): Promise<Buffer>;
  /** Fewer bytes than asked for when the file ends before. */
  readRange(path: string, offset: number, length: number): Promise<Buffer>;
  /** Names in a folder, sorted, those of folders with a `/` at the end; none when the folder is absent. */
  list(folder: string): Promise<string[]>;
  stat(path: string): Promise<FileStat | undefined>;
  /** With its parents; the names it makes are durable. A folder that is there keeps its mode. */
  createFolder(path: string, mode: FolderMode): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** A second name for a file; false when the name is taken. The only way to publish a name that must not be there yet. */
  link(from: string, to: string): Promise<boolean>;
  /** Succeeds when the file is absent. */
  remove(path: string): Promise<void>;
  removeFolder(path: string): Promise<void>;
  /** False when something is in it, or when it is absent. */
  removeEmptyFolder(path: string): Promise<boolean>;
  syncFolder(path: string): Promise<void>;
  /** Of the file system that holds a folder, which must be there. */
  volume(path: string): Promise<VolumeSize>;
  /** Held until released or until the process dies, however it dies. `conflict` when another process holds it. */
  lock(path: string, mode: FileMode): Promise<{ release(): void }>;
}

/** For whoever runs the process, alone: secrets, and what may hold them. */
export const privateFile = 0o600;
/** For the group of the volume too (`fsGroup` of a pod). */
export const groupFile = 0o640;
export const privateFolder = 0o700;
export const groupFolder = 0o750;
export type FileMode = typeof privateFile | typeof groupFile;
export type FolderMode = typeof privateFolder | typeof groupFolder;

export type VolumeSize = { readonly bytes: number; readonly freeBytes: number };

export type FileStat = {
  readonly bytes: number;
  readonly modifiedAtMs: number;
  /** Another one whenever another file has taken the name: a file keeps its own for as long as any name leads to it. */
  readonly version: string;
};

export interface DiskFile {
  /** Writes all bytes at `position`, or fails having written some of them. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  datasync(): Promise<void>;
  truncate(bytes: number): Promise<void>;
  close(): Promise<void>;
}

const temporaryPrefix = '.writing-';

/** A file to be made as a whole. */
export type WholeFile = { readonly path: string; readonly bytes: Uint8Array; readonly mode: FileMode };

/** A finished file under its path, replacing what was there: written aside, synced, renamed, folder synced. */
export async function replaceFileDurably(disk: Disk, file: WholeFile): Promise<void> {
  const temporary = await writeAside(disk, file);
  await disk.rename(temporary, file.path);
  await disk.syncFolder(dirname(file.path));
}

/** True for names that a crash may leave behind; nothing refers to them. */
export function isTemporaryName(path: string): boolean {
  return basename(path).startsWith(temporaryPrefix);
}

/** The finished file under a temporary name of the same folder. A failure leaves nothing. */
export async function writeAside(disk: Disk, { path, bytes, mode }: WholeFile): Promise<string> {
  const temporary = join(dirname(path), `${temporaryPrefix}${randomBytes(12).toString('hex')}`);
  const file = await disk.open(temporary, mode);
  try {
    await file.write(bytes, 0);
    await file.datasync();
  } catch (error) {
    await file.close();
    await disk.remove(temporary);
    throw error;
  }
  await file.close();
  return temporary;
}

export function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

/** No room, or no room within a quota: it passes when somebody makes room. */
export function isDiskFull(error: unknown): boolean {
  return isErrno(error, 'ENOSPC', 'EDQUOT');
}

/** The file system of this machine. */
export const systemDisk: Disk = {
  async open(path, mode) {
    const descriptor = await callback<number>((done) =>
      fs.open(path, fs.constants.O_RDWR | fs.constants.O_CREAT, mode, done),
    );
    return new SystemFile(descriptor);
  },
  readFile: (path) => fs.promises.readFile(path),
  async readRange(path, offset, length) {
    const file = await fs.promises.open(path, 'r');
    try {
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, await readFully(file, bytes, offset));
    } finally {
      await file.close();
    }
  },
  async list(folder) {
    try {
      const entries = await fs.promises.readdir(folder, { withFileTypes: true });
      return entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort();
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return [];
      throw error;
    }
  },
  async stat(path) {
    try {
      const stat = await statOrNothing(path);
      if (!stat) return undefined;
      const { size, mtimeMs, ino, mtimeNs } = stat;
      // A file system gives an inode away again only after its last name is gone; the time parts those two.
      return { bytes: Number(size), modifiedAtMs: Number(mtimeMs), version: `${ino}.${mtimeNs}` };
    } catch (error) {
      if (isErrno(error, 'ENOTDIR')) return undefined;
      throw error;
    }
  },
  async createFolder(path, mode) {
    // Not mkdir's own recursion, which never ends below /proc.
    if (await isFolder(path)) return;
    const parent = dirname(path);
    if (parent !== path) await systemDisk.createFolder(parent, mode);
    await makeFolder(path, mode);
    await systemDisk.syncFolder(parent);
  },
  rename: (from, to) => fs.promises.rename(from, to),
  async link(from, to) {
    try {
      await fs.promises.link(from, to);
      return true;
    } catch (error) {
      if (isErrno(error, 'EEXIST')) return false;
      throw error;
    }
  },
  remove: (path) => fs.promises.rm(path, { force: true }),
  removeFolder: (path) => fs.promises.rm(path, { force: true, recursive: true }),
  async removeEmptyFolder(path) {
    try {
      await fs.promises.rmdir(path);
      return true;
    } catch (error) {
      if (isErrno(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR')) return false;
      throw error;
    }
  },
  async syncFolder(path) {
    const folder = await fs.promises.open(path, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
  async volume(path) {
    const { bsize, blocks, bavail } = await fs.promises.statfs(path);
    return { bytes: bsize * blocks, freeBytes: bsize * bavail };
  },
  async lock(path, mode) {
    // Not when it is there: closing any descriptor of a file gives up the locks that this process has on it.
    if (!(await systemDisk.stat(path))) await (await systemDisk.open(path, mode)).close();
    return lockBySqlite(path);
  },
};

/** Without an error for a name that is not there: half the cost of that answer, which writes ask for all the time. */
function statOrNothing(path: string): Promise<fs.BigIntStats | undefined> {
  return callback((done) => fs.stat(path, { bigint: true, throwIfNoEntry: false }, done));
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await fs.promises.stat(path)).isDirectory();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Another process may have made it meanwhile. */
async function makeFolder(path: string, mode: FolderMode): Promise<void> {
  try {
    await fs.promises.mkdir(path, { mode });
  } catch (error) {
    if (!isErrno(error, 'EEXIST') || !(await isFolder(path))) throw error;
  }
}

async function readFully(file: fs.promises.FileHandle, bytes: Buffer, offset: number): Promise<number> {
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}

/** Callbacks instead of file handles: half the cost per call on the path of every acknowledged write. */
class SystemFile implements DiskFile {
  readonly #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /** A nearly full disk takes part of the bytes and reports the error at the next call, so the rest is always asked for. */
  async write(bytes: Uint8Array, position: number): Promise<void> {
    for (let written = 0; written < bytes.length; ) {
      const from = written;
      written += await callback<number>((done) =>
        fs.write(this.#descriptor, bytes, from, bytes.length - from, position + from, done),
      );
    }
  }

  datasync(): Promise<void> {
    return callback<void>((done) => fs.fdatasync(this.#descriptor, done));
  }

  truncate(bytes: number): Promise<void> {
    return callback<void>((done) => fs.ftruncate(this.#descriptor, bytes, done));
  }

  close(): Promise<void> {
    return callback<void>((done) => fs.close(this.#descriptor, done));
  }
}

function callback<T>(call: (done: (error: Error | null, value?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    // Calls without a result hand over no value: T is void there.
    call((error, value) => (error ? reject(error) : resolve(value as T)));
  });
}

/**
 * Node has no flock. SQLite takes the kernel's record locks, which hold across containers that share the file system and
 * vanish with the process.
 */
function lockBySqlite(path: string): { release(): void } {
  const database = new DatabaseSync(path);
  try {
    database.exec('pragma locking_mode = exclusive; pragma journal_mode = memory; begin exclusive');
  } catch (cause) {
    database.close();
    throw new HybridStoreError('conflict', `${path}: another process holds the lock`, { path }, { cause });
  }
  return { release: () => database.close() };
}
