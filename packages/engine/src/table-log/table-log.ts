import { type Clock, HybridStoreError, type Logger } from '@hybridstore/runtime';
import type { ObjectStore } from '../store/ports.ts';
import { type Action, encodeCommit } from './actions.ts';
import { type CheckpointWriter, encodeCheckpoint, readCheckpoint } from './checkpoint.ts';
import { checkpointSumTag, encodeLastCheckpoint } from './last-checkpoint.ts';
import { checkpointKey, commitKey, lastCheckpointKey } from './log-names.ts';
import { readCommit, readLog, sumOf } from './read-log.ts';
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
 * Left out: removing old commits that a checkpoint covers. A checkpoint that turns out bad is made up for by them.
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

/** Looks, before a commit is tried, whether what it speaks of is there. */
export type Require = (actions: readonly Action[]) => Promise<void>;

const attemptsMax = 200;
const backoffStepMs = 5;
const backoffMsMax = 100;

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
    const key = this.#commitKey(0);
    if ((await this.#options.store.createIfAbsent(key, encodeCommit(actions, key))) === undefined)
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
  commit(decide: Decide, require: Require = async () => {}): Promise<Snapshot> {
    const turn = this.#queue.then(() => this.#commitInTurn(decide, require));
    this.#queue = turn.catch(() => {});
    return turn;
  }

  /** Waits for commits and the checkpoint under way. */
  async settle(): Promise<void> {
    await this.#queue;
    await this.#checkpointing;
  }

  async #commitInTurn(decide: Decide, require: Require): Promise<Snapshot> {
    const { clock, random } = this.#options;
    for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
      const base = await this.refresh();
      const actions = decide(base);
      if (!actions) return base;
      await require(actions);
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
    const key = this.#commitKey(version);
    const made = await this.#options.store.createIfAbsent(key, encodeCommit(actions, key));
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
      const actions = await readCommit(this.#options.store, this.#commitKey(version));
      if (!actions) break;
      commits.push({ version, actions });
    }
    return commits.length === 0 ? base : applyCommits(base, commits, this.location);
  }

  async #readWhole(): Promise<Snapshot> {
    const { store, logger } = this.#options;
    const { snapshot, problems } = await readLog(store, this.location);
    for (const { key, reason } of problems) logger.warn('checkpoint_unreadable', { table: this.location, key, reason });
    return snapshot;
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
    const { store, checkpointWriter, clock } = this.#options;
    const { location } = this;
    const { version } = snapshot;
    const { ndjson, size, metadata } = encodeCheckpoint(snapshot, location, clock.now());
    const parquet = await checkpointWriter(ndjson, metadata);
    // Read back before anybody else can: what does not prove itself here never will.
    const { isProven } = await readCheckpoint(parquet, { location, version });
    if (!isProven) throw new HybridStoreError('internal', `checkpoint ${version} of ${location} does not prove itself`);
    const made = await store.createIfAbsent(checkpointKey(location, version), parquet);
    // Another replica's, which names it by itself.
    if (made === undefined) return;
    const hint = encodeLastCheckpoint({
      version,
      size,
      sizeInBytes: parquet.length,
      numOfAddFiles: snapshot.files.size,
      tags: { [checkpointSumTag]: sumOf(parquet) },
    });
    await store.overwrite(lastCheckpointKey(location), hint);
  }

  #commitKey(version: number): string {
    return commitKey(this.location, version);
  }
}
