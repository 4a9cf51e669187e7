import { HybridStoreError } from '@hybridstore/runtime';

/**
 * Where tables live: a folder that all replicas share, later S3. Keys are `/`-separated paths below one root; there are no
 * folders, only keys that begin alike. The port asks for nothing that S3 lacks (no rename, no append, no look at a folder),
 * and an object that exists is whole and durable.
 *
 * Of several writers of one key exactly one gets `createIfAbsent`, or `replaceIfMatch` of one version. Whatever a reader
 * must be able to rely on is written by these two; `overwrite` is for hints and for objects with one writer.
 */
export interface ObjectStore {
  /** The version that was made; undefined, with nothing changed, when the key is taken. */
  createIfAbsent(key: string, bytes: Uint8Array): Promise<string | undefined>;
  /**
   * New objects from whole, synced files of `stagingFolder`, which are gone afterwards. `conflict` when a key is taken;
   * after an error any of them may exist.
   */
  createFromFiles(files: readonly StagedFile[]): Promise<void>;
  /** The version that was made; undefined, with nothing changed, when the object is not (or no more) the one of `version`. */
  replaceIfMatch(key: string, bytes: Uint8Array, version: string): Promise<string | undefined>;
  /** Whatever was there; the last writer wins. Never used for a key that `replaceIfMatch` is used for. */
  overwrite(key: string, bytes: Uint8Array): Promise<void>;
  get(key: string): Promise<Buffer | undefined>;
  /** With the version to give to `replaceIfMatch`: never older than what a finished `replaceIfMatch` wrote, and durable. */
  getVersioned(key: string): Promise<VersionedObject | undefined>;
  /** Whether a finished `replaceIfMatch` has replaced this version. An object that is missing was not replaced. */
  isReplaced(key: string, version: string): Promise<boolean>;
  /** Fewer bytes than asked for when the object ends before; `not_found` when there is none. */
  getRange(key: string, offset: number, length: number): Promise<Buffer>;
  stat(key: string): Promise<ObjectStat | undefined>;
  /** What comes directly below `prefix/`, without it, sorted: names of objects, and `name/` where longer keys go on. */
  list(prefix: string): Promise<string[]>;
  /** Succeeds when there is none. */
  delete(key: string): Promise<void>;
  /** The object under another, free key. Succeeds when it is not there (any more): a move that broke off is made again. */
  move(key: string, to: string): Promise<void>;
  /**
   * The time by the clock that stamps the objects, in milliseconds since 1970: how old an object is only that one can say.
   */
  nowMs(): Promise<number>;
  /**
   * The absolute path of a file of this machine with the object's bytes, for what opens files: DuckDB. Where objects are
   * files already, that there is no such object shows only when the path is opened.
   */
  bringToLocal(key: string): Promise<string>;
  /** Takes away what writers, gone by now, have left unfinished before a point in time, in milliseconds since 1970. */
  removeUnfinished(beforeMs: number): Promise<void>;
  /** Absolute path of a folder of this machine from which `createFromFiles` costs least. It is this process's alone. */
  readonly stagingFolder: string;
}

/** `path` is absolute. */
export type StagedFile = { readonly key: string; readonly path: string };

export type VersionedObject = { readonly bytes: Buffer; readonly version: string };

/** `version` is another one when another object, or a rewritten one, has the key. */
export type ObjectStat = { readonly bytes: number; readonly modifiedAtMs: number; readonly version: string };

export function unknownKey(key: string): HybridStoreError {
  return new HybridStoreError('not_found', `object ${key} does not exist`, { key });
}

export function takenKey(key: string): HybridStoreError {
  return new HybridStoreError('conflict', `object ${key} exists already`, { key });
}
