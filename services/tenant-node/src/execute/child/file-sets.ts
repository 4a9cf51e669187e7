import { type Clock, type Disk, LruCache, privateFolder } from '@hybridstore/runtime';
import type { UnguessableNames } from './unguessable-names.ts';

/** Sets that are kept, in use or not, and links in them. A set beyond these goes when its last user leaves. */
const setsMax = 64;
const linksMax = 4_096;
/** Files that were asked for lately, and when. */
const seenMax = 1_024;
/** A table's old files take up the disk for as long as a set has links to them: so long after its last use. */
export const setIdleMs = 60_000;

/** Calls on a set are in line, so that it is never put away from who has just got it. */
type FileSet = {
  /** Follows from the paths. */
  readonly name: string;
  readonly paths: readonly string[];
  users: number;
  place: 'nowhere' | 'open' | 'kept';
  /** It is not to be kept: somebody could not read what is in it. */
  isSuspect: boolean;
  usedMs: number;
  turn: Promise<void>;
};

/** Names of the files, in their order, until `release`. `isSuspect`: one of them could not be read, so all are linked anew. */
export type HeldSet = { readonly links: readonly string[]; release(isSuspect: boolean): Promise<void> };

/** The folders have no parent in common with anything that statements may open but `open` itself. */
export type FileSetsOptions = {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly names: UnguessableNames;
  /** What is in here, the engine may open. */
  readonly open: string;
  /** What is in here, it may not. Same file system. */
  readonly kept: string;
};

/**
 * Links to all files of a view that is read again and again, in one folder. The links stay, and the folder goes to where the
 * engine may open it for as long as a statement uses it:
 *
 *   kept/5e…07/{0,1,2…}.parquet   ──rename──▶   open/5e…07/{0,1,2…}.parquet   ──rename──▶   kept/…
 *
 * Two calls for a statement, however many files it reads; and what nobody is using is as far out of reach as if it had no
 * link. A set holds exactly the files of its views, so a statement opens nothing that no statement at work reads.
 */
export class FileSets {
  readonly #options: FileSetsOptions;
  readonly #sets = new Map<string, FileSet>();
  readonly #seen = new LruCache<string, number>(seenMax);
  #cancelSweep: (() => void) | undefined;

  constructor(options: FileSetsOptions) {
    this.#options = options;
  }

  /** Undefined when the same files were not asked for lately. Errors: those of the disk. */
  async hold(paths: readonly string[]): Promise<HeldSet | undefined> {
    const name = this.#options.names.of(JSON.stringify(paths));
    const known = this.#sets.get(name);
    if (!known && this.#isNew(name)) return undefined;
    const set = known ?? this.#add(name, paths);
    set.users += 1;
    try {
      await this.#inTurn(set, () => this.#show(set));
    } catch (error) {
      set.users -= 1;
      this.#forget(set);
      throw error;
    }
    const links = paths.map((_, index) => `${this.#options.open}/${set.name}/${index}.parquet`);
    return { links, release: (isSuspect) => this.#release(set, isSuspect) };
  }

  async #release(set: FileSet, isSuspect: boolean): Promise<void> {
    set.users -= 1;
    set.isSuspect ||= isSuspect;
    set.usedMs = this.#options.clock.monotonicMs();
    // What cannot be put away goes with the folder.
    if (set.users === 0) await this.#inTurn(set, () => this.#putAway(set)).catch(() => {});
  }

  /** What is asked for too seldom to be kept in between is not worth a folder. */
  #isNew(name: string): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    const seenMs = this.#seen.get(name);
    this.#seen.set(name, nowMs);
    return seenMs === undefined || nowMs - seenMs >= setIdleMs;
  }

  #add(name: string, paths: readonly string[]): FileSet {
    const begin = { users: 0, place: 'nowhere', isSuspect: false, usedMs: 0, turn: Promise.resolve() } as const;
    const set: FileSet = { name, paths, ...begin };
    this.#sets.set(name, set);
    return set;
  }

  async #show(set: FileSet): Promise<void> {
    if (set.place === 'open') return;
    const { disk, open, kept } = this.#options;
    if (set.place === 'nowhere') await this.#make(set);
    // Until it is known where it is, it is made anew.
    set.place = 'nowhere';
    await disk.rename(`${kept}/${set.name}`, `${open}/${set.name}`);
    set.place = 'open';
  }

  async #make({ name, paths }: FileSet): Promise<void> {
    const { disk, kept } = this.#options;
    const folder = `${kept}/${name}`;
    // What a failed attempt has left.
    await disk.removeFolder(folder);
    await disk.createFolder(folder, privateFolder);
    const made = await Promise.allSettled(paths.map((path, index) => disk.link(path, `${folder}/${index}.parquet`)));
    const failure = made.find((result) => result.status === 'rejected');
    if (!failure) return;
    await disk.removeFolder(folder);
    throw failure.reason;
  }

  async #putAway(set: FileSet): Promise<void> {
    if (set.users > 0 || set.place !== 'open') return;
    const { disk, open, kept } = this.#options;
    await disk.rename(`${open}/${set.name}`, `${kept}/${set.name}`);
    set.place = 'kept';
    if (set.isSuspect) await this.#remove(set);
    for (const other of this.#beyondBounds()) this.#drop(other);
    this.#sweepLater();
  }

  #beyondBounds(): readonly FileSet[] {
    const idle = [...this.#sets.values()].filter(isIdle).sort((one, other) => one.usedMs - other.usedMs);
    let sets = this.#sets.size;
    let links = [...this.#sets.values()].reduce((sum, { paths }) => sum + paths.length, 0);
    return idle.filter(({ paths }) => {
      if (sets <= setsMax && links <= linksMax) return false;
      sets -= 1;
      links -= paths.length;
      return true;
    });
  }

  #drop(set: FileSet): void {
    const drop = async () => {
      if (isIdle(set)) await this.#remove(set);
    };
    // What cannot be removed goes with the folder.
    void this.#inTurn(set, drop).catch(() => {});
  }

  /** In its turn. Whoever has asked for it meanwhile makes it again in his. */
  async #remove(set: FileSet): Promise<void> {
    set.place = 'nowhere';
    set.isSuspect = false;
    await this.#options.disk.removeFolder(`${this.#options.kept}/${set.name}`);
    this.#forget(set);
  }

  /** Not while somebody waits for his turn: another set of the same name would be in nobody's. */
  #forget(set: FileSet): void {
    if (set.users === 0 && set.place === 'nowhere') this.#sets.delete(set.name);
  }

  #sweepLater(): void {
    if (this.#cancelSweep || this.#sets.size === 0) return;
    this.#cancelSweep = this.#options.clock.schedule(setIdleMs, () => {
      this.#cancelSweep = undefined;
      const untilMs = this.#options.clock.monotonicMs() - setIdleMs;
      for (const set of this.#sets.values()) if (isIdle(set) && set.usedMs <= untilMs) this.#drop(set);
      this.#sweepLater();
    });
  }

  /** Who asked for a step hears of its failure; the next step does not wait for that. */
  #inTurn(set: FileSet, step: () => Promise<void>): Promise<void> {
    const done = set.turn.then(step);
    set.turn = done.catch(() => {});
    return done;
  }
}

function isIdle({ users, place }: FileSet): boolean {
  return users === 0 && place === 'kept';
}
