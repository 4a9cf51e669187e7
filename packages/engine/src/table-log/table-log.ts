import { dirname } from 'node:path';
import { type Clock, HybridStoreError, type Logger, retryLater } from '@hybridstore/runtime';
import type { ObjectStore } from '../object-store/object-store.ts';
import { type Action, decodeCommit, encodeCommit } from './actions.ts';
import { type CheckpointWriter, encodeCheckpoint, readCheckpoint } from './checkpoint.ts';
import { applyCommits, type Snapshot } from './snapshot.ts';

/**
 * The transaction log of one table: the only place where a table changes.
 *
 * A commit is the object `_delta_log/<version>.json`, created with put-if-absent: of several writers exactly one gets a
 * version, the others read what it did and decide again. Writers of this process take turns (one queue per table), so
 * only other replicas are ever met there.
 *
 * A source may be deleted and created again under its name. The object `_delta_log/_hybridstore.<table id>` marks the
 * life that a snapshot belongs to; when it is gone, what was read is forgotten.
 *
 * Left out: removing old commits that a checkpoint covers (readers of old versions need them; a clean-up belongs here).
 */
export type TableLogOptions = {
  readonly store: ObjectStore;
  /** Folder of the table below the store's root, such as `tables/flights`. */
  readonly folder: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly checkpointWriter: CheckpointWriter;
  readonly commitsPerCheckpoint: number;
  readonly onConflict?: (() => void) | undefined;
};

/** Actions to commit on top of a snapshot (undefined: no table yet), or undefined when nothing is left to do. Called again after each conflict. */
export type Decide = (snapshot: Snapshot | undefined) => readonly Action[] | undefined;

const attemptsMax = 200;
const backoffStepMs = 5;
const backoffMsMax = 100;
const readsAtOnce = 32;
const awayRetryMs = 1_000;

export class TableLog {
  readonly #options: TableLogOptions;
  #snapshot: Snapshot | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #refreshing: Promise<Snapshot | undefined> | undefined;
  #followingRefresh: Promise<Snapshot | undefined> | undefined;
  #checkpointing: Promise<void> | undefined;

  constructor(options: TableLogOptions) {
    this.#options = options;
  }

  /** What was read last, without looking. */
  get current(): Snapshot | undefined {
    return this.#snapshot;
  }

  /** The newest version; undefined when the table does not exist. Looks at the store each time. */
  refresh(): Promise<Snapshot | undefined> {
    if (!this.#refreshing) return this.#startRefresh();
    // A look that has begun may have missed a commit made since, so callers that come meanwhile share the next one.
    this.#followingRefresh ??= this.#refreshing
      .catch(() => {})
      .then(() => {
        this.#followingRefresh = undefined;
        return this.#startRefresh();
      });
    return this.#followingRefresh;
  }

  #startRefresh(): Promise<Snapshot | undefined> {
    this.#refreshing = this.#read().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /**
   * Whether the table of a snapshot is still there: one look at the store. `unavailable` when the store is away, as a
   * volume that is not mounted any more is: a table that is taken for deleted loses its fresh rows.
   */
  async isAlive(snapshot: Snapshot): Promise<boolean> {
    const { store, folder } = this.#options;
    if (await store.stat(this.#markerKey(snapshot))) return true;
    if (await store.hasFolder(dirname(folder))) return false;
    throw retryLater('unavailable', `${folder}: the volume of the tables is away`, awayRetryMs, { table: folder });
  }

  /**
   * Commits what `decide` returns and resolves with the snapshot that holds it, or with the newest one when there was
   * nothing to do. After an error the commit may have happened: the caller decides again on a fresh snapshot.
   */
  commit(decide: Decide): Promise<Snapshot | undefined> {
    const turn = this.#queue.then(() => this.#commitInTurn(decide));
    this.#queue = turn.catch(() => {});
    return turn;
  }

  /** Waits for commits and the checkpoint under way. */
  async settle(): Promise<void> {
    await this.#queue;
    await this.#checkpointing;
  }

  async #commitInTurn(decide: Decide): Promise<Snapshot | undefined> {
    const { clock, random } = this.#options;
    for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
      const base = await this.refresh();
      const actions = decide(base);
      if (!actions) return base;
      const next = await this.#tryCommit(base, actions);
      if (next) return next;
      this.#options.onConflict?.();
      await clock.sleep(Math.min(backoffMsMax, attempt * backoffStepMs) * random());
    }
    throw new HybridStoreError('unavailable', `${this.#options.folder}: ${attemptsMax} other commits came first`, {
      retry_after_ms: 1_000,
    });
  }

  async #tryCommit(base: Snapshot | undefined, actions: readonly Action[]): Promise<Snapshot | undefined> {
    const version = (base?.version ?? -1) + 1;
    const next = applyCommits(base, [{ version, actions }], this.#options.folder);
    if (!base) {
      await this.#options.store.createFolder(`${this.#options.folder}/_delta_log`);
      await this.#options.store.putIfAbsent(this.#markerKey(next), Buffer.alloc(0));
    }
    const isOurs = await this.#options.store.putIfAbsent(
      this.#commitKey(version),
      encodeCommit(actions),
      this.#markerKey(next),
    );
    if (!isOurs) {
      if (!base) await this.#options.store.delete(this.#markerKey(next));
      return undefined;
    }
    this.#snapshot = next;
    this.#startCheckpoint(next);
    return next;
  }

  async #read(): Promise<Snapshot | undefined> {
    if (this.#snapshot && !(await this.isAlive(this.#snapshot))) this.#snapshot = undefined;
    const read = this.#snapshot ? await this.#readNewer(this.#snapshot) : await this.#readWhole();
    // A commit of our own may have finished meanwhile; what was read before it must not take its place.
    if (!isOlder(read, this.#snapshot)) this.#snapshot = read;
    return this.#snapshot;
  }

  async #readNewer(base: Snapshot): Promise<Snapshot> {
    const commits: { version: number; actions: Action[] }[] = [];
    for (let version = base.version + 1; ; version += 1) {
      const key = this.#commitKey(version);
      const bytes = await this.#options.store.get(key);
      if (!bytes) break;
      commits.push({ version, actions: decodeCommit(bytes, key) });
    }
    return commits.length === 0 ? base : applyCommits(base, commits, this.#options.folder);
  }

  async #readWhole(): Promise<Snapshot | undefined> {
    const { store, folder } = this.#options;
    const versions = (await store.list(`${folder}/_delta_log`)).flatMap((name) => commitVersion(name) ?? []);
    const base = await this.#readNewestCheckpoint();
    const first = (base?.version ?? -1) + 1;
    const later = versions.filter((version) => version >= first);
    if (!base && later.length === 0) return undefined;
    for (const [index, version] of later.entries())
      if (version !== first + index)
        throw new HybridStoreError('corrupt', `table log of ${folder}: version ${first + index} is missing`, {
          table: folder,
          version: first + index,
        });
    const commits: { readonly version: number; readonly actions: Action[] }[] = [];
    for (let from = 0; from < later.length; from += readsAtOnce)
      commits.push(
        ...(await Promise.all(later.slice(from, from + readsAtOnce).map((version) => this.#readCommit(version)))),
      );
    return applyCommits(base, commits, folder);
  }

  async #readCommit(version: number): Promise<{ readonly version: number; readonly actions: Action[] }> {
    const key = this.#commitKey(version);
    const bytes = await this.#options.store.get(key);
    if (!bytes) throw new HybridStoreError('corrupt', `table log ${key} is missing`, { path: key });
    return { version, actions: decodeCommit(bytes, key) };
  }

  async #readNewestCheckpoint(): Promise<Snapshot | undefined> {
    const { store, folder, logger } = this.#options;
    const hint = await store.get(`${folder}/_delta_log/_last_checkpoint`);
    if (!hint) return undefined;
    try {
      const version = Number(JSON.parse(hint.toString('utf8')).version);
      const bytes = await store.get(this.#checkpointKey(version));
      if (!bytes) return undefined;
      const snapshot = applyCommits(undefined, [{ version, actions: await readCheckpoint(bytes) }], folder);
      return { ...snapshot, committedAtMs: await this.#commitTime(version) };
    } catch (error) {
      // A checkpoint only saves time: the commits from version 0 on hold the same.
      logger.warn('checkpoint_unreadable', { table: folder, error });
      return undefined;
    }
  }

  async #commitTime(version: number): Promise<number | undefined> {
    const key = this.#commitKey(version);
    const bytes = await this.#options.store.get(key);
    if (!bytes) return undefined;
    const info = decodeCommit(bytes, key).find((action) => 'commitInfo' in action);
    return info && 'commitInfo' in info ? info.commitInfo.timestamp : undefined;
  }

  /** In the background: a checkpoint is no part of a commit, and a failed one is made up for by the next. */
  #startCheckpoint(snapshot: Snapshot): void {
    if (snapshot.version === 0 || snapshot.version % this.#options.commitsPerCheckpoint !== 0) return;
    if (this.#checkpointing) return;
    this.#checkpointing = this.#writeCheckpoint(snapshot)
      .catch((error: unknown) =>
        this.#options.logger.warn('checkpoint_failed', {
          table: this.#options.folder,
          version: snapshot.version,
          error,
        }),
      )
      .finally(() => {
        this.#checkpointing = undefined;
      });
  }

  async #writeCheckpoint(snapshot: Snapshot): Promise<void> {
    const { store, folder, checkpointWriter } = this.#options;
    const { ndjson, size } = encodeCheckpoint(snapshot, this.#options.clock.now());
    const parquet = await checkpointWriter(ndjson);
    // The table may have been deleted and made anew meanwhile: another table must not begin with these files.
    const guard = this.#markerKey(snapshot);
    await store.putIfAbsent(this.#checkpointKey(snapshot.version), parquet, guard);
    const hint = {
      version: snapshot.version,
      size,
      sizeInBytes: parquet.length,
      numOfAddFiles: snapshot.files.size,
    };
    await store.put(`${folder}/_delta_log/_last_checkpoint`, Buffer.from(JSON.stringify(hint)), guard);
  }

  #commitKey(version: number): string {
    return `${this.#options.folder}/_delta_log/${paddedVersion(version)}.json`;
  }

  #checkpointKey(version: number): string {
    return `${this.#options.folder}/_delta_log/${paddedVersion(version)}.checkpoint.parquet`;
  }

  #markerKey(snapshot: Snapshot): string {
    return `${this.#options.folder}/_delta_log/_hybridstore.${snapshot.metadata.id}`;
  }
}

function isOlder(read: Snapshot | undefined, known: Snapshot | undefined): boolean {
  return known !== undefined && read?.metadata.id === known.metadata.id && read.version < known.version;
}

function paddedVersion(version: number): string {
  return String(version).padStart(20, '0');
}

function commitVersion(name: string): number | undefined {
  const match = /^(\d{20})\.json$/.exec(name);
  return match ? Number(match[1]) : undefined;
}
