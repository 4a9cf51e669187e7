import { type Clock, HybridStoreError, type Logger } from '@hybridstore/runtime';
import type { ObjectStore } from '../store/ports.ts';
import { type Action, decodeCommit, encodeCommit } from './actions.ts';
import { type CheckpointWriter, encodeCheckpoint, readCheckpoint } from './checkpoint.ts';
import { applyCommits, type Snapshot } from './snapshot.ts';

/**
 * The transaction log of one table: the only place where a table changes.
 *
 * A commit is the object `_delta_log/<version>.json`, created if absent: of several writers exactly one gets a version, the
 * others read what it did and decide again. Writers of this process take turns (one queue per table), so only other
 * replicas are ever met there.
 *
 * A location holds one table for ever. Which table a source has is said elsewhere (`TablePointers`); a commit to one that
 * was deleted meanwhile is made, and nobody sees it.
 *
 * Left out: removing old commits that a checkpoint covers (readers of old versions need them; a clean-up belongs here).
 */
export type TableLogOptions = {
  readonly store: ObjectStore;
  /** Prefix of the table's objects, such as `tables/flights/6a1f…`. */
  readonly location: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly checkpointWriter: CheckpointWriter;
  readonly commitsPerCheckpoint: number;
  readonly onConflict?: (() => void) | undefined;
};

/** Actions to commit on top of a snapshot, or undefined when nothing is left to do. Called again after each conflict. */
export type Decide = (snapshot: Snapshot) => readonly Action[] | undefined;

const attemptsMax = 200;
const backoffStepMs = 5;
const backoffMsMax = 100;
const readsAtOnce = 32;

export class TableLog {
  readonly #options: TableLogOptions;
  #snapshot: Snapshot | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #refreshing: Promise<Snapshot> | undefined;
  #followingRefresh: Promise<Snapshot> | undefined;
  #checkpointing: Promise<void> | undefined;

  constructor(options: TableLogOptions) {
    this.#options = options;
  }

  get location(): string {
    return this.#options.location;
  }

  /** What was read last, without looking. */
  get current(): Snapshot | undefined {
    return this.#snapshot;
  }

  /** Version 0. `conflict` when the location is taken, which ids that are random never are. */
  async create(actions: readonly Action[]): Promise<Snapshot> {
    const snapshot = applyCommits(undefined, [{ version: 0, actions }], this.location);
    if ((await this.#options.store.createIfAbsent(this.#commitKey(0), encodeCommit(actions))) === undefined)
      throw new HybridStoreError('conflict', `${this.location} holds a table already`, { table: this.location });
    this.#snapshot = snapshot;
    return snapshot;
  }

  /** The newest version. Looks at the store each time. `not_found` when there is no table at the location. */
  refresh(): Promise<Snapshot> {
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

  #startRefresh(): Promise<Snapshot> {
    this.#refreshing = this.#read().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /**
   * Commits what `decide` returns and resolves with the snapshot that holds it, or with the newest one when there was
   * nothing to do. After an error the commit may have happened: the caller decides again on a fresh snapshot.
   */
  commit(decide: Decide): Promise<Snapshot> {
    const turn = this.#queue.then(() => this.#commitInTurn(decide));
    this.#queue = turn.catch(() => {});
    return turn;
  }

  /** Waits for commits and the checkpoint under way. */
  async settle(): Promise<void> {
    await this.#queue;
    await this.#checkpointing;
  }

  async #commitInTurn(decide: Decide): Promise<Snapshot> {
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
    throw new HybridStoreError('unavailable', `${this.location}: ${attemptsMax} other commits came first`, {
      retry_after_ms: 1_000,
    });
  }

  async #tryCommit(base: Snapshot, actions: readonly Action[]): Promise<Snapshot | undefined> {
    const version = base.version + 1;
    const next = applyCommits(base, [{ version, actions }], this.location);
    const made = await this.#options.store.createIfAbsent(this.#commitKey(version), encodeCommit(actions));
    if (made === undefined) return undefined;
    this.#snapshot = next;
    this.#startCheckpoint(next);
    return next;
  }

  async #read(): Promise<Snapshot> {
    const read = this.#snapshot ? await this.#readNewer(this.#snapshot) : await this.#readWhole();
    // A commit of our own may have finished meanwhile; what was read before it must not take its place.
    if (!this.#snapshot || read.version > this.#snapshot.version) this.#snapshot = read;
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
    return commits.length === 0 ? base : applyCommits(base, commits, this.location);
  }

  async #readWhole(): Promise<Snapshot> {
    const { location } = this;
    const names = await this.#options.store.list(`${location}/_delta_log`);
    const versions = names.flatMap((name) => commitVersion(name) ?? []);
    const base = await this.#readNewestCheckpoint();
    const first = (base?.version ?? -1) + 1;
    const later = versions.filter((version) => version >= first);
    if (!base && later.length === 0)
      throw new HybridStoreError('not_found', `${location} holds no table`, { table: location });
    for (const [index, version] of later.entries())
      if (version !== first + index)
        throw new HybridStoreError('corrupt', `table log of ${location}: version ${first + index} is missing`, {
          table: location,
          version: first + index,
        });
    const commits: { readonly version: number; readonly actions: Action[] }[] = [];
    for (let from = 0; from < later.length; from += readsAtOnce)
      commits.push(
        ...(await Promise.all(later.slice(from, from + readsAtOnce).map((version) => this.#readCommit(version)))),
      );
    return applyCommits(base, commits, location);
  }

  async #readCommit(version: number): Promise<{ readonly version: number; readonly actions: Action[] }> {
    const key = this.#commitKey(version);
    const bytes = await this.#options.store.get(key);
    if (!bytes) throw new HybridStoreError('corrupt', `table log ${key} is missing`, { path: key });
    return { version, actions: decodeCommit(bytes, key) };
  }

  async #readNewestCheckpoint(): Promise<Snapshot | undefined> {
    const { store, logger } = this.#options;
    const hint = await store.get(this.#hintKey());
    if (!hint) return undefined;
    try {
      const version = Number(JSON.parse(hint.toString('utf8')).version);
      const bytes = await store.get(this.#checkpointKey(version));
      if (!bytes) return undefined;
      const snapshot = applyCommits(undefined, [{ version, actions: await readCheckpoint(bytes) }], this.location);
      return { ...snapshot, committedAtMs: await this.#commitTime(version) };
    } catch (error) {
      // A checkpoint only saves time: the commits from version 0 on hold the same.
      logger.warn('checkpoint_unreadable', { table: this.location, error });
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
        this.#options.logger.warn('checkpoint_failed', { table: this.location, version: snapshot.version, error }),
      )
      .finally(() => {
        this.#checkpointing = undefined;
      });
  }

  async #writeCheckpoint(snapshot: Snapshot): Promise<void> {
    const { store, checkpointWriter } = this.#options;
    const { ndjson, size } = encodeCheckpoint(snapshot, this.#options.clock.now());
    const parquet = await checkpointWriter(ndjson);
    await store.createIfAbsent(this.#checkpointKey(snapshot.version), parquet);
    const hint = {
      version: snapshot.version,
      size,
      sizeInBytes: parquet.length,
      numOfAddFiles: snapshot.files.size,
    };
    await store.overwrite(this.#hintKey(), Buffer.from(JSON.stringify(hint)));
  }

  #commitKey(version: number): string {
    return commitKey(this.location, version);
  }

  #checkpointKey(version: number): string {
    return `${this.location}/_delta_log/${paddedVersion(version)}.checkpoint.parquet`;
  }

  #hintKey(): string {
    return `${this.location}/_delta_log/_last_checkpoint`;
  }
}

export function commitKey(location: string, version: number): string {
  return `${location}/_delta_log/${paddedVersion(version)}.json`;
}

function paddedVersion(version: number): string {
  return String(version).padStart(20, '0');
}

function commitVersion(name: string): number | undefined {
  const match = /^(\d{20})\.json$/.exec(name);
  return match ? Number(match[1]) : undefined;
}
