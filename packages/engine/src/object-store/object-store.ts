/**
 * Where tables live: a shared folder, later S3. Keys are `/`-separated paths below one root. Everything that a table's
 * readers rely on is made by `putIfAbsent`; an object that exists is whole and durable.
 */
export interface ObjectStore {
  /** Must come before the first object below `prefix`. An object is never put into a folder that was deleted meanwhile. */
  createFolder(prefix: string): Promise<void>;
  /**
   * False, with nothing changed, when the key is taken, or when `guard` does not exist. A guard lies in the folder of the
   * key and stands for its life: the object is never put into another folder of the same name, made after a `deleteAll`.
   */
  putIfAbsent(key: string, bytes: Uint8Array, guard?: string): Promise<boolean>;
  /** Replaces what is there, under the same guard; only for hints that may be stale or lost. */
  put(key: string, bytes: Uint8Array, guard?: string): Promise<boolean>;
  get(key: string): Promise<Buffer | undefined>;
  /** Fewer bytes than asked for when the object ends before; `not_found` when there is none. */
  getRange(key: string, offset: number, length: number): Promise<Buffer>;
  stat(key: string): Promise<ObjectStat | undefined>;
  /** False when nothing was ever put below `prefix`, or when the store itself is away: what it lacks was not deleted then. */
  hasFolder(prefix: string): Promise<boolean>;
  /** Names directly below `prefix` (without it), sorted, objects and folders alike. */
  list(prefix: string): Promise<string[]>;
  /** Succeeds when there is none. */
  delete(key: string): Promise<void>;
  /** Removes everything below `prefix`; readers see all of it or nothing. */
  deleteAll(prefix: string): Promise<void>;
}

export type ObjectStat = { readonly bytes: number; readonly modifiedAtMs: number };
