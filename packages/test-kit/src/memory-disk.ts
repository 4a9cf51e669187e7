import { dirname } from 'node:path';
import {
  type Disk,
  type DiskFile,
  type FileMode,
  type FileStat,
  groupFile,
  HybridStoreError,
  type VolumeSize,
} from '@hybridstore/runtime';

type Inode = {
  bytes: Buffer;
  synced: Buffer;
  writes: { at: number; bytes: Buffer }[];
  modifiedAtMs: number;
  readonly mode: number;
  readonly number: number;
};
export type DiskOperation = 'open' | 'write' | 'datasync' | 'truncate' | 'rename' | 'link' | 'remove' | 'syncFolder';

/**
 * A disk that forgets: `crash` keeps only synced bytes under synced names, and as much of the rest as `tear` decides;
 * `kill` ends the process alone, which finds again all that it wrote. After a failed sync what was to be synced is taken
 * for clean, as a kernel does: it is read as it was written, and is lost with a crash unless it is written again. `fault`
 * is asked before every change and may throw what an operating system would; a full disk takes part of a write. Folders
 * are there when something is in them; their modes are not kept.
 */
export class MemoryDisk implements Disk {
  readonly #now: () => number;
  #names = new Map<string, Inode>();
  #syncedNames = new Map<string, Inode>();
  readonly #locks = new Set<string>();
  fault: (operation: DiskOperation, path: string) => Error | undefined = () => undefined;
  /** Asked after a name was changed: the answer is lost, the change is made. */
  faultAfter: (operation: 'link' | 'rename' | 'syncFolder', path: string) => Error | undefined = () => undefined;
  /** Bytes that may be stored in all. */
  capacityBytes = Number.POSITIVE_INFINITY;
  /** Operations that never end, as those of a process that is about to die. */
  hang: (operation: DiskOperation) => boolean = () => false;
  readonly operations: string[] = [];
  #lives = 0;
  #inodes = 0;

  constructor(now: () => number = () => 0) {
    this.#now = now;
  }

  /** `tear(writes)`: how many of the unsynced writes of a file survive; a fraction tears the next one apart. */
  crash(tear: (unsyncedWrites: number) => number = () => 0): void {
    this.#names = new Map(this.#syncedNames);
    for (const inode of this.#names.values()) {
      const kept = tear(inode.writes.length);
      let bytes: Buffer = Buffer.from(inode.synced);
      for (const [index, write] of inode.writes.entries()) {
        const share = Math.max(0, Math.min(1, kept - index));
        bytes = patch(bytes, write.at, write.bytes.subarray(0, Math.floor(write.bytes.length * share)));
      }
      Object.assign(inode, { bytes, synced: Buffer.from(bytes), writes: [] });
    }
    this.kill();
  }

  /** What the process has open is closed, its operations never end. */
  kill(): void {
    this.#locks.clear();
    this.#lives += 1;
    this.hang = () => false;
  }

  get usedBytes(): number {
    return [...this.#names.values()].reduce((sum, inode) => sum + inode.bytes.length, 0);
  }

  /** The bytes themselves, to be damaged by a test. */
  bytesOf(path: string): Buffer {
    return this.#inode(path).bytes;
  }

  setBytes(path: string, bytes: Buffer): void {
    this.#names.set(path, this.#create(bytes, groupFile));
    this.#syncedNames.set(path, this.#inode(path));
  }

  modeOf(path: string): number {
    return this.#inode(path).mode;
  }

  async open(path: string, mode: FileMode): Promise<DiskFile> {
    await this.#before('open', path);
    if (!this.#names.has(path)) this.#names.set(path, this.#create(Buffer.alloc(0), mode));
    const inode = this.#inode(path);
    const life = this.#lives;
    return {
      write: async (bytes, position) => {
        await this.#before('write', path, life);
        this.#write(inode, bytes, position);
      },
      datasync: async () => {
        try {
          await this.#before('datasync', path, life);
        } catch (error) {
          inode.writes = [];
          throw error;
        }
        let synced: Buffer = Buffer.from(inode.synced.subarray(0, inode.bytes.length));
        for (const write of inode.writes) synced = patch(synced, write.at, write.bytes);
        inode.synced = synced;
        inode.writes = [];
      },
      truncate: async (length) => {
        await this.#before('truncate', path, life);
        inode.bytes = Buffer.from(inode.bytes.subarray(0, length));
        inode.writes = inode.writes.filter((write) => write.at < length);
      },
      close: async () => {},
    };
  }

  async readFile(path: string): Promise<Buffer> {
    return Buffer.from(this.#inode(path).bytes);
  }

  async readRange(path: string, offset: number, length: number): Promise<Buffer> {
    return Buffer.from(this.#inode(path).bytes.subarray(offset, offset + length));
  }

  async list(folder: string): Promise<string[]> {
    const below = [...this.#names.keys()].filter((path) => path.startsWith(`${folder}/`));
    return [...new Set(below.map((path) => /^[^/]*\/?/.exec(path.slice(folder.length + 1))?.[0] ?? ''))].sort();
  }

  async stat(path: string): Promise<FileStat | undefined> {
    const inode = this.#names.get(path);
    if (!inode) return undefined;
    return { bytes: inode.bytes.length, modifiedAtMs: inode.modifiedAtMs, version: String(inode.number) };
  }

  async createFolder(): Promise<void> {}

  async rename(from: string, to: string): Promise<void> {
    await this.#before('rename', to);
    this.#names.set(to, this.#inode(from));
    this.#names.delete(from);
    this.#after('rename', to);
  }

  async link(from: string, to: string): Promise<boolean> {
    await this.#before('link', to);
    if (this.#names.has(to)) return false;
    this.#names.set(to, this.#inode(from));
    this.#after('link', to);
    return true;
  }

  async remove(path: string): Promise<void> {
    await this.#before('remove', path);
    this.#names.delete(path);
  }

  async removeFolder(path: string): Promise<void> {
    for (const name of [...this.#names.keys()]) if (name.startsWith(`${path}/`)) this.#names.delete(name);
  }

  async removeEmptyFolder(): Promise<boolean> {
    return false;
  }

  async syncFolder(path: string): Promise<void> {
    await this.#before('syncFolder', path);
    for (const name of this.#syncedNames.keys())
      if (dirname(name) === path && !this.#names.has(name)) this.#syncedNames.delete(name);
    for (const [name, inode] of this.#names) if (dirname(name) === path) this.#syncedNames.set(name, inode);
    this.#after('syncFolder', path);
  }

  async volume(): Promise<VolumeSize> {
    return { bytes: this.capacityBytes, freeBytes: this.capacityBytes - this.usedBytes };
  }

  async lock(path: string): Promise<{ release(): void }> {
    if (this.#locks.has(path)) throw new HybridStoreError('conflict', `${path}: another process holds the lock`);
    this.#locks.add(path);
    return { release: () => this.#locks.delete(path) };
  }

  #write(inode: Inode, bytes: Uint8Array, position: number): void {
    const room = this.capacityBytes - this.usedBytes;
    const grows = position + bytes.length - inode.bytes.length;
    const taken = grows > room ? Math.max(0, bytes.length - (grows - room)) : bytes.length;
    const part = Buffer.from(bytes.subarray(0, taken));
    inode.bytes = patch(inode.bytes, position, part);
    inode.writes.push({ at: position, bytes: part });
    inode.modifiedAtMs = this.#now();
    if (taken < bytes.length) throw osError('ENOSPC');
  }

  /** Files that were open when the machine died belong to a process that is no more: their operations never end. */
  async #before(operation: DiskOperation, path: string, life = this.#lives): Promise<void> {
    if (life !== this.#lives || this.hang(operation)) await new Promise(() => {});
    this.operations.push(`${operation} ${path}`);
    const error = this.fault(operation, path);
    if (error) throw error;
  }

  #after(operation: 'link' | 'rename' | 'syncFolder', path: string): void {
    const error = this.faultAfter(operation, path);
    if (error) throw error;
  }

  #create(bytes: Buffer, mode: number): Inode {
    this.#inodes += 1;
    return {
      bytes,
      synced: Buffer.from(bytes),
      writes: [],
      modifiedAtMs: this.#now(),
      mode,
      number: this.#inodes,
    };
  }

  #inode(path: string): Inode {
    const inode = this.#names.get(path);
    if (!inode) throw osError('ENOENT');
    return inode;
  }
}

function patch(bytes: Buffer, at: number, part: Buffer): Buffer {
  if (part.length === 0) return bytes;
  const result = Buffer.alloc(Math.max(bytes.length, at + part.length));
  result.set(bytes);
  result.set(part, at);
  return result;
}

export function osError(code: string): Error {
  return Object.assign(new Error(code), { code });
}
