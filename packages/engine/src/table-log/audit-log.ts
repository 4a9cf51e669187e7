import { HybridStoreError } from '@hybridstore/runtime';
import type { Pace } from '../segment/segment-checksum.ts';
import type { ObjectStore } from '../store/ports.ts';
import { type Action, decodeCommit } from './actions.ts';
import { decodeLastCheckpoint, type ReadHint } from './last-checkpoint.ts';
import {
  checkpointKey,
  checkpointVersion,
  commitKey,
  commitVersion,
  lastCheckpointKey,
  logPrefix,
} from './log-names.ts';
import { type LogProblem, openCheckpoint } from './read-log.ts';
import { applyCommits, type Snapshot, storePath } from './snapshot.ts';

/**
 * Reads every object of a table log, as a reader who trusts none of them: all commits, all checkpoints, and each checkpoint
 * against the commits that it stands for. What may be taken away for good is decided on this, not on a snapshot.
 */
export type LogAudit = {
  /** The newest version; undefined when the log cannot be read to its end. */
  readonly snapshot: Snapshot | undefined;
  /** Files that were removed and are not live, with the time that the log says, in milliseconds since 1970. */
  readonly removedAtMs: ReadonlyMap<string, number>;
  /** Whether the log goes back to version 0: then a file that it does not mention was never part of the table. */
  readonly isWhole: boolean;
  readonly problems: readonly LogProblem[];
  readonly objects: number;
  readonly bytes: number;
};

type Store = Pick<ObjectStore, 'get' | 'list'>;

export async function auditLog(store: Store, location: string, pace: Pace = async () => {}): Promise<LogAudit> {
  const audit = new Audit(store, location, pace);
  return audit.run();
}

class Audit {
  readonly #store: Store;
  readonly #location: string;
  readonly #pace: Pace;
  readonly #problems: LogProblem[] = [];
  readonly #removedAtMs = new Map<string, number>();
  #objects = 0;
  #bytes = 0;

  constructor(store: Store, location: string, pace: Pace) {
    this.#store = store;
    this.#location = location;
    this.#pace = pace;
  }

  async run(): Promise<LogAudit> {
    const names = await this.#store.list(logPrefix(this.#location));
    const versions = names.flatMap((name) => commitVersion(name) ?? []);
    const checkpoints = names.flatMap((name) => checkpointVersion(name) ?? []);
    if (versions.length === 0 && checkpoints.length === 0)
      throw new HybridStoreError('not_found', `${this.#location} holds no table`, { table: this.#location });
    const isWhole = versions[0] === 0;
    const proven = await this.#openCheckpoints(checkpoints);
    const base = isWhole ? undefined : this.#findBase(versions, proven);
    for (const [path, remove] of base?.tombstones ?? []) this.#noteRemoved(path, remove.deletionTimestamp);
    const snapshot = isWhole || base ? await this.#replay(base, versions, proven) : undefined;
    return {
      snapshot: this.#problems.length === 0 ? snapshot : undefined,
      removedAtMs: this.#removedAtMs,
      isWhole,
      problems: this.#problems,
      objects: this.#objects,
      bytes: this.#bytes,
    };
  }

  /** The oldest that the commits follow, to see as much of the past as there is. */
  #findBase(versions: readonly number[], proven: ReadonlyMap<number, Snapshot>): Snapshot | undefined {
    const first = versions[0] ?? Number.POSITIVE_INFINITY;
    const base = [...proven.values()].find(({ version }) => first <= version + 1) ?? [...proven.values()].at(-1);
    if (!base)
      this.#note(logPrefix(this.#location), 'older versions are gone, and no checkpoint proves what they have left');
    return base;
  }

  /** Those that prove their content, by version, the oldest first. */
  async #openCheckpoints(versions: readonly number[]): Promise<Map<number, Snapshot>> {
    const hint = await this.#readHint();
    const proven = new Map<number, Snapshot>();
    for (const version of versions) {
      const key = checkpointKey(this.#location, version);
      const bytes = await this.#read(key);
      if (!bytes) continue;
      try {
        const { snapshot, isProven } = await openCheckpoint(bytes, { location: this.#location, version, hint });
        if (isProven) proven.set(version, snapshot);
      } catch (error) {
        this.#note(key, error);
      }
    }
    return proven;
  }

  async #readHint(): Promise<ReadHint | undefined> {
    const key = lastCheckpointKey(this.#location);
    const bytes = await this.#read(key);
    const hint = bytes && decodeLastCheckpoint(bytes);
    if (bytes && !hint) this.#note(key, 'it is not what was written: its checksum does not match');
    return hint;
  }

  async #replay(
    base: Snapshot | undefined,
    versions: readonly number[],
    checkpoints: ReadonlyMap<number, Snapshot>,
  ): Promise<Snapshot | undefined> {
    let snapshot = base;
    let waiting: { version: number; actions: readonly Action[] }[] = [];
    for (let next = (base?.version ?? -1) + 1; next <= (versions.at(-1) ?? -1); next += 1) {
      const actions = await this.#readCommit(next);
      if (!actions) return undefined;
      for (const action of actions) this.#noteHistory(action);
      waiting.push({ version: next, actions });
      const checkpoint = checkpoints.get(next);
      if (!checkpoint && next !== versions.at(-1)) continue;
      snapshot = this.#apply(snapshot, waiting);
      waiting = [];
      if (!snapshot) return undefined;
      if (checkpoint && !isSameTable(checkpoint, snapshot))
        this.#note(checkpointKey(this.#location, next), 'it holds another table than the commits up to its version');
    }
    return snapshot;
  }

  #apply(
    base: Snapshot | undefined,
    commits: readonly { readonly version: number; readonly actions: readonly Action[] }[],
  ): Snapshot | undefined {
    try {
      return applyCommits(base, commits, this.#location);
    } catch (error) {
      this.#note(commitKey(this.#location, commits.at(-1)?.version ?? 0), error);
      return undefined;
    }
  }

  async #readCommit(version: number): Promise<readonly Action[] | undefined> {
    const key = commitKey(this.#location, version);
    const bytes = await this.#read(key);
    try {
      if (bytes) return decodeCommit(bytes, key);
      this.#note(key, 'it is missing');
    } catch (error) {
      this.#note(key, error);
    }
    return undefined;
  }

  #noteHistory(action: Action): void {
    if ('add' in action && action.add) this.#removedAtMs.delete(storePath(action.add.path));
    if ('remove' in action && action.remove)
      this.#noteRemoved(storePath(action.remove.path), action.remove.deletionTimestamp);
  }

  /** Without a time nobody can say how long ago it was. */
  #noteRemoved(path: string, removedAtMs: number | undefined): void {
    this.#removedAtMs.set(path, removedAtMs ?? Number.POSITIVE_INFINITY);
  }

  async #read(key: string): Promise<Buffer | undefined> {
    const bytes = await this.#store.get(key);
    if (!bytes) return undefined;
    this.#objects += 1;
    this.#bytes += bytes.length;
    await this.#pace(bytes.length);
    return bytes;
  }

  #note(key: string, error: unknown): void {
    this.#problems.push({ key, reason: error instanceof Error ? error.message : String(error) });
  }
}

function isSameTable(one: Snapshot, other: Snapshot): boolean {
  if (one.files.size !== other.files.size || one.txn.size !== other.txn.size) return false;
  for (const [path, { add }] of one.files) if (other.files.get(path)?.add.size !== add.size) return false;
  for (const [appId, version] of one.txn) if (other.txn.get(appId) !== version) return false;
  return one.metadata.id === other.metadata.id && one.schemaVersion === other.schemaVersion;
}
