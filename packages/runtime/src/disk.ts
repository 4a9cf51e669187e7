import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { HybridStoreError } from './errors.ts';

/**
 * The disk as the engine sees it: the one file that writes, syncs, links, renames and deletes. Tests put a disk in
 * memory in its place that fails, fills up, tears writes and forgets what was not synced.
 *
 * A name is durable only after `syncFolder` of its folder, bytes only after `datasync` of their file. Errors are those of
 * the operating system, with their `code`.
 */
export interface Disk {
  /** Opens for reading and writing; creates the file when it is absent. */
  open(path: string): Promise<DiskFile>;
  readFile(path: string): Promise<Buffer>;
  /** Fewer bytes than asked for when the file ends before. */
  readRange(path: string, offset: number, length: number): Promise<Buffer>;
  /** Names in a folder, sorted; none when the folder is absent. */
  list(folder: string): Promise<string[]>;
  stat(path: string): Promise<FileStat | undefined>;
  /** With its parents; the names it makes are durable. */
  createFolder(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** A second name for a file; false when the name is taken. The only way to publish a name that must not be there yet. */
  link(from: string, to: string): Promise<boolean>;
  /** Succeeds when the file is absent. */
  remove(path: string): Promise<void>;
  removeFolder(path: string): Promise<void>;
  syncFolder(path: string): Promise<void>;
  /** Held until released or until the process dies, however it dies. `conflict` when another process holds it. */
  lock(path: string): Promise<{ release(): void }>;
}

export type FileStat = { readonly bytes: number; readonly modifiedAtMs: number };

export interface DiskFile {
  /** Writes all bytes at `position`, or fails having written some of them. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  datasync(): Promise<void>;
  truncate(bytes: number): Promise<void>;
  close(): Promise<void>;
}

const temporaryPrefix = '.writing-';

/**
 * A finished file under `path`, replacing what was there: written aside, synced, renamed, folder synced. False, with
 * nothing changed, when there is no `guard`, a file of the same folder. It is looked for when the file aside is there: if
 * the folder is moved away afterwards, that file moves along, and taking its name fails.
 */
export async function replaceFileDurably(
  disk: Disk,
  path: string,
  bytes: Uint8Array,
  guard?: string,
): Promise<boolean> {
  const temporary = await writeAside(disk, path, bytes);
  if (!(await isGuarded(disk, guard))) {
    await disk.remove(temporary);
    return false;
  }
  await disk.rename(temporary, path);
  await disk.syncFolder(dirname(path));
  return true;
}

/** Like `replaceFileDurably`, but false also when the name is taken. */
export async function createFileDurably(disk: Disk, path: string, bytes: Uint8Array, guard?: string): Promise<boolean> {
  const temporary = await writeAside(disk, path, bytes);
  try {
    if (!(await isGuarded(disk, guard)) || !(await disk.link(temporary, path))) return false;
    await disk.syncFolder(dirname(path));
    return true;
  } finally {
    await disk.remove(temporary);
  }
}

async function isGuarded(disk: Disk, guard: string | undefined): Promise<boolean> {
  return guard === undefined || (await disk.stat(guard)) !== undefined;
}

/** True for names that a crash may leave behind; nothing refers to them. */
export function isTemporaryName(path: string): boolean {
  return basename(path).startsWith(temporaryPrefix);
}

async function writeAside(disk: Disk, path: string, bytes: Uint8Array): Promise<string> {
  const temporary = join(dirname(path), `${temporaryPrefix}${randomBytes(12).toString('hex')}`);
  const file = await disk.open(temporary);
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
  async open(path) {
    const descriptor = await callback<number>((done) =>
      fs.open(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o640, done),
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
      return (await fs.promises.readdir(folder)).sort();
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return [];
      throw error;
    }
  },
  async stat(path) {
    try {
      const stat = await fs.promises.stat(path);
      return { bytes: stat.size, modifiedAtMs: stat.mtimeMs };
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
      throw error;
    }
  },
  async createFolder(path) {
    const first = await fs.promises.mkdir(path, { recursive: true, mode: 0o750 });
    if (first === undefined) return;
    // Every name that was made, from the highest folder down to `path`.
    for (let made = path; made.length >= first.length; made = dirname(made)) await systemDisk.syncFolder(dirname(made));
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
  async syncFolder(path) {
    const folder = await fs.promises.open(path, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
  lock: async (path) => lockBySqlite(path),
};

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
