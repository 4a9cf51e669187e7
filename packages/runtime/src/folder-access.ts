import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fstatSync,
  lstatSync,
  opendirSync,
  openSync,
  realpathSync,
  type Stats,
} from 'node:fs';
import { join } from 'node:path';
import { isErrno } from './disk.ts';
import type { Logger } from './log.ts';

/** Rights, as bits of a mode, of everybody but the owner. */
export const ofGroupAndOthers = 0o077;
/** Those of everybody but the owner and the group, which in a pod is that of its volumes (`fsGroup`). */
export const ofOthers = 0o007;

/** Whatever this process and its children make from here on lacks these rights, whatever mode they ask for. */
export function withholdFromNewFiles(rights: number): void {
  const before = process.umask(0o777);
  process.umask(before | rights);
}

export type Tightened = {
  /** Files and folders that had one of the rights, and have lost it. */
  readonly changed: number;
  /** Those that keep theirs: of another owner, or with a hard link that leads out of the folder. */
  readonly left: number;
  /** False when there were more entries than the bound: those beyond it were not looked at. */
  readonly isWhole: boolean;
};

export type TightenOptions = {
  readonly rights: number;
  readonly entriesMax?: number;
};

/** A service's folder holds a few files, or is a volume of many: then closing the folder itself closes them all. */
const ownEntriesMax = 100;

/**
 * Takes the rights of others from a folder that a service has for itself, and says so when there were any. Where it is
 * absent there is nothing to take; one of another owner, as the root of a volume may be, is in the hands of that one.
 */
export function closeFolder(folder: string, logger: Pick<Logger, 'warn'>): void {
  if (!existsSync(folder)) return;
  const { changed } = tightenFolder(folder, { rights: ofOthers, entriesMax: ownEntriesMax });
  if (changed > 0) logger.warn('folder_closed_to_others', { entries: changed });
}

/** Some 3 µs each: a start on the largest folder that one machine keeps waits for seconds, not for minutes. */
const entriesMaxDefault = 1_000_000;

/**
 * Takes rights away from a folder and all that is in it. The folder comes first, so that nobody else can reach the rest
 * meanwhile. Only what is truly inside is touched: symbolic links are not followed, other file systems not entered, and a
 * file keeps its mode when one of its hard links is elsewhere, where it may be meant for others.
 */
export function tightenFolder(folder: string, options: TightenOptions): Tightened {
  return new Tightening(options).run(realpathSync(folder));
}

type LinkedFile = { readonly path: string; readonly links: number; found: number };

class Tightening {
  readonly #rights: number;
  readonly #entriesMax: number;
  /** By inode; a file may be changed once all of its links were found inside. */
  readonly #linked = new Map<number, LinkedFile>();
  #entries = 0;
  #changed = 0;
  #left = 0;
  #isWhole = true;

  constructor({ rights, entriesMax = entriesMaxDefault }: TightenOptions) {
    this.#rights = rights;
    this.#entriesMax = entriesMax;
  }

  run(root: string): Tightened {
    const { dev: device } = lstatSync(root);
    const pending: string[] = [];
    const visit = (path: string): void => {
      const stat = lstatSync(path, { throwIfNoEntry: false });
      if (stat === undefined || stat.dev !== device || stat.isSymbolicLink()) return;
      this.#entries += 1;
      this.#tighten(path, stat);
      if (stat.isDirectory()) pending.push(path);
    };
    visit(root);
    for (let folder = pending.pop(); folder !== undefined && this.#isWhole; folder = pending.pop())
      this.#visitFolder(folder, visit);
    this.#tightenLinked();
    return { changed: this.#changed, left: this.#left, isWhole: this.#isWhole };
  }

  /** Names are read in small parts: a folder may hold more than fit into memory. */
  #visitFolder(path: string, visit: (path: string) => void): void {
    const folder = openFolder(path);
    if (folder === undefined) return;
    try {
      for (let entry = folder.readSync(); entry !== null && this.#isWhole; entry = folder.readSync()) {
        if (this.#entries < this.#entriesMax) visit(join(path, entry.name));
        else this.#isWhole = false;
      }
    } finally {
      folder.closeSync();
    }
  }

  #tighten(path: string, stat: Stats): void {
    if ((stat.mode & this.#rights) === 0) return;
    if (stat.isDirectory() || stat.nlink === 1) {
      this.#change(path, stat);
      return;
    }
    const known = this.#linked.get(stat.ino);
    if (known) known.found += 1;
    else this.#linked.set(stat.ino, { path, links: stat.nlink, found: 1 });
  }

  #tightenLinked(): void {
    for (const { path, links, found } of this.#linked.values()) {
      const stat = lstatSync(path, { throwIfNoEntry: false });
      if (stat === undefined) continue;
      if (found < links) this.#left += 1;
      else this.#change(path, stat);
    }
  }

  #change(path: string, stat: Stats): void {
    try {
      if (stat.isSocket()) chmodSync(path, stat.mode & 0o7777 & ~this.#rights);
      else changeOpened(path, stat, this.#rights);
      this.#changed += 1;
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return;
      if (!isErrno(error, 'EPERM', 'EACCES', 'ELOOP', 'EROFS')) throw error;
      this.#left += 1;
    }
  }
}

/** Through a descriptor of the very file that was looked at: the name may lead elsewhere by now. */
function changeOpened(path: string, { dev, ino }: Stats, rights: number): void {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(descriptor);
    if (stat.dev === dev && stat.ino === ino) fchmodSync(descriptor, stat.mode & 0o7777 & ~rights);
  } finally {
    closeSync(descriptor);
  }
}

function openFolder(path: string) {
  try {
    return opendirSync(path);
  } catch (error) {
    // Gone meanwhile, or another owner's: it was counted as left when it has the rights.
    if (isErrno(error, 'ENOENT', 'EACCES')) return undefined;
    throw error;
  }
}
