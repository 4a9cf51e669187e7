import type { Disk, DiskFile } from '@hybridstore/runtime';
import { type MemoryDisk, osError } from './memory-disk.ts';

/** What befalls an operation: it is refused; it is done and its answer lost; part of a write is done; the process is gone. */
export type Strike =
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'lost'; readonly code: string }
  | { readonly kind: 'short'; readonly code: string }
  | { readonly kind: 'end' };

export type StruckOperation = Exclude<keyof Disk, 'volume' | 'lock'> | Exclude<keyof DiskFile, 'close'>;

const never = new Promise<never>(() => {});

/**
 * The disk of one process over a disk in memory: every operation, reads too, has a number, counted from 0, and `strike`
 * says what befalls it. After `end` nothing of this process reaches the disk any more and none of its operations ends, so
 * the disk can be torn, and be another process's.
 */
export class StruckDisk implements Disk {
  readonly #disk: MemoryDisk;
  readonly #strike: (index: number, operation: StruckOperation, path: string) => Strike | undefined;
  readonly #onEnd: () => void;
  count = 0;
  #hasEnded = false;

  constructor(
    disk: MemoryDisk,
    strike: (index: number, operation: StruckOperation, path: string) => Strike | undefined,
    onEnd: () => void = () => {},
  ) {
    this.#disk = disk;
    this.#strike = strike;
    this.#onEnd = onEnd;
  }

  end(): void {
    this.#hasEnded = true;
  }

  async open(...[path, mode]: Parameters<Disk['open']>): Promise<DiskFile> {
    const file = await this.#do('open', path, () => this.#disk.open(path, mode));
    return {
      write: (bytes, position) =>
        this.#do(
          'write',
          path,
          () => file.write(bytes, position),
          () => file.write(bytes.subarray(0, Math.floor(bytes.length / 2)), position),
        ),
      datasync: () => this.#do('datasync', path, () => file.datasync()),
      truncate: (length) => this.#do('truncate', path, () => file.truncate(length)),
      close: () => (this.#hasEnded ? never : file.close()),
    };
  }

  readonly readFile: Disk['readFile'] = (path) => this.#do('readFile', path, () => this.#disk.readFile(path));
  readonly readRange: Disk['readRange'] = (path, offset, length) =>
    this.#do('readRange', path, () => this.#disk.readRange(path, offset, length));
  readonly list: Disk['list'] = (path) => this.#do('list', path, () => this.#disk.list(path));
  readonly stat: Disk['stat'] = (path) => this.#do('stat', path, () => this.#disk.stat(path));
  readonly createFolder: Disk['createFolder'] = (path) =>
    this.#do('createFolder', path, () => this.#disk.createFolder());
  readonly rename: Disk['rename'] = (from, to) => this.#do('rename', to, () => this.#disk.rename(from, to));
  readonly link: Disk['link'] = (from, to) => this.#do('link', to, () => this.#disk.link(from, to));
  readonly remove: Disk['remove'] = (path) => this.#do('remove', path, () => this.#disk.remove(path));
  readonly removeFolder: Disk['removeFolder'] = (path) =>
    this.#do('removeFolder', path, () => this.#disk.removeFolder(path));
  readonly removeEmptyFolder: Disk['removeEmptyFolder'] = (path) =>
    this.#do('removeEmptyFolder', path, () => this.#disk.removeEmptyFolder());
  readonly syncFolder: Disk['syncFolder'] = (path) => this.#do('syncFolder', path, () => this.#disk.syncFolder(path));
  readonly volume: Disk['volume'] = () => (this.#hasEnded ? never : this.#disk.volume());
  readonly lock: Disk['lock'] = (path) => (this.#hasEnded ? never : this.#disk.lock(path));

  async #do<T>(
    operation: StruckOperation,
    path: string,
    act: () => Promise<T>,
    actInPart?: () => Promise<unknown>,
  ): Promise<T> {
    if (this.#hasEnded) return never;
    const strike = this.#strike(this.count++, operation, path);
    if (!strike) return act();
    if (strike.kind === 'end') {
      this.#hasEnded = true;
      this.#onEnd();
      return never;
    }
    if (strike.kind === 'refused' && operation === 'datasync') return this.#refuseSync(act, strike.code);
    if (strike.kind === 'lost') await act();
    if (strike.kind === 'short') await actInPart?.();
    throw osError(strike.code);
  }

  /** The disk in memory knows what a failed sync costs. */
  async #refuseSync<T>(act: () => Promise<T>, code: string): Promise<T> {
    const before = this.#disk.fault;
    this.#disk.fault = () => {
      this.#disk.fault = before;
      return osError(code);
    };
    return act();
  }
}

/** What an operating system answers to an operation, beyond EIO. */
export function codesOf(operation: StruckOperation): readonly string[] {
  if (operation === 'open') return ['EIO', 'EMFILE', 'ENOSPC', 'EDQUOT'];
  if (operation === 'write' || operation === 'datasync') return ['EIO', 'ENOSPC', 'EDQUOT'];
  if (operation === 'link' || operation === 'rename' || operation === 'createFolder')
    return ['EIO', 'ENOSPC', 'EDQUOT'];
  if (['readFile', 'readRange', 'list', 'syncFolder'].includes(operation)) return ['EIO', 'EMFILE'];
  return ['EIO'];
}
