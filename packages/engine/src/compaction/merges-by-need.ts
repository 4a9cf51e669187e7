import type { CompactTableResponse, FileStatistics } from '@hybridstore/contracts';
import { type Clock, isHybridStoreError, type Logger } from '@hybridstore/runtime';
import type { EngineLimits } from '../engine-limits.ts';
import type { SourceTable } from '../source-table.ts';
import { decideMerge, type MergeBounds } from './decide-merge.ts';

export type MergeOrder = { readonly files: readonly FileStatistics[]; readonly fileBytesMax: number };

/** Of the newest version. */
export type DecideMerge = (table: SourceTable) => MergeOrder | undefined;
/** `taken`: another node merges the table. `nothing`: in the newest version there is no need any more. */
export type MergeOutcome = 'taken' | 'nothing' | CompactTableResponse;

export type MergesByNeedOptions = {
  readonly merge: (table: SourceTable, decide: DecideMerge) => Promise<MergeOutcome>;
  /** Whether the table is still this node's, and nothing else is wrong that merges would make worse. */
  readonly mayMerge: (table: SourceTable) => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: Pick<EngineLimits, 'mergeFilesMin' | 'mergeDelayMs' | 'mergeRestMs'>;
};

type Entry = { notedMs: number; failures: number; mergesAtRest: number; timer: Timer | undefined };
type Timer = { readonly dueMs: number; readonly cancel: () => void };

const mebibyte = 1_048_576;
/** Those of a policy that says nothing else. */
const fileBytesMinDefault = 50 * mebibyte;
const fileBytesMaxDefault = 512 * mebibyte;
/** What fails so often waits for the next commit, or for a restart. */
const failuresMax = 6;
/** Of a table of very many partition values. The next commit, or a policy, goes on. */
const mergesAtRestMax = 100;

/**
 * Small files become larger ones, whether there is a policy or not: each file costs each query. Two reasons:
 *
 *     busy     so many small files that queries feel them (`mergeFilesMin`), looked at some seconds after a commit
 *     at rest  nothing was committed for minutes (`mergeRestMs`), and there are two
 *
 * One merge of one group at a time, of the table whose turn it is, in a child of the lowest priority. A look is at the
 * version that is known, and costs nothing. Without a commit of this node there is no look: a table at rest is merged once,
 * and nothing happens afterwards.
 */
export class MergesByNeed {
  readonly #options: MergesByNeedOptions;
  readonly #entries = new Map<SourceTable, Entry>();
  /** In the order in which they came; each is there once. */
  readonly #due = new Set<SourceTable>();
  /** Tables that somebody else merges on this node, as a policy asks. */
  readonly #left = new Map<SourceTable, number>();
  #merging: { readonly table: SourceTable; readonly ended: Promise<unknown> } | undefined;
  #running: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: MergesByNeedOptions) {
    this.#options = options;
  }

  /** This node has committed files, or has just begun. */
  note(table: SourceTable): void {
    const { clock, limits } = this.#options;
    if (this.#isClosed || limits.mergeFilesMin === 0) return;
    const entry: Entry = this.#entries.get(table) ?? { notedMs: 0, failures: 0, mergesAtRest: 0, timer: undefined };
    this.#entries.set(table, entry);
    entry.notedMs = clock.monotonicMs();
    entry.mergesAtRest = 0;
    if (entry.failures === 0) this.#lookAfter(table, entry, limits.mergeDelayMs);
    // What has failed too often is tried once more.
    else if (!entry.timer) this.#lookAfter(table, entry, this.#backoffMs(entry));
  }

  /** Waits for the merge of the table that is under way, and lets none begin during `work`. */
  async leave<T>(table: SourceTable, work: () => Promise<T>): Promise<T> {
    this.#left.set(table, (this.#left.get(table) ?? 0) + 1);
    try {
      if (this.#merging?.table === table) await this.#merging.ended;
      return await work();
    } finally {
      const others = (this.#left.get(table) ?? 1) - 1;
      if (others === 0) this.#left.delete(table);
      else this.#left.set(table, others);
    }
  }

  /** Starts nothing more. Resolves when what runs has ended, which its caller brings about. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const entry of this.#entries.values()) entry.timer?.cancel();
    this.#entries.clear();
    this.#due.clear();
    await this.#running;
  }

  /** The earlier one of two timers counts. */
  #lookAfter(table: SourceTable, entry: Entry, delayMs: number): void {
    const { clock } = this.#options;
    const dueMs = clock.monotonicMs() + delayMs;
    if (this.#isClosed || (entry.timer && entry.timer.dueMs <= dueMs)) return;
    entry.timer?.cancel();
    const cancel = clock.schedule(delayMs, () => {
      entry.timer = undefined;
      this.#due.add(table);
      this.#running ??= this.#work().finally(() => {
        this.#running = undefined;
      });
    });
    entry.timer = { dueMs, cancel };
  }

  async #work(): Promise<void> {
    for (;;) {
      const [table] = this.#due;
      if (!table || this.#isClosed) return;
      this.#due.delete(table);
      const entry = this.#entries.get(table);
      if (entry) await this.#look(table, entry);
    }
  }

  async #look(table: SourceTable, entry: Entry): Promise<void> {
    const { mayMerge, limits } = this.#options;
    const quietMs = this.#options.clock.monotonicMs() - entry.notedMs;
    const isQuiet = quietMs >= limits.mergeRestMs;
    const filesMin = isQuiet ? 2 : limits.mergeFilesMin;
    if (!mayMerge(table) || (isQuiet && entry.mergesAtRest >= mergesAtRestMax)) this.#rest(table, entry);
    else if (this.#left.has(table)) this.#lookAfter(table, entry, limits.mergeDelayMs);
    else if (orderFor(table, filesMin)) await this.#merge(table, entry, filesMin);
    else if (isQuiet || !orderFor(table, 2)) this.#rest(table, entry);
    else this.#lookAfter(table, entry, limits.mergeRestMs - quietMs);
  }

  async #merge(table: SourceTable, entry: Entry, filesMin: number): Promise<void> {
    const { merge, logger, limits } = this.#options;
    const merging = merge(table, () => orderFor(table, filesMin));
    this.#merging = { table, ended: merging.catch(() => {}) };
    try {
      const outcome = await merging;
      entry.failures = 0;
      entry.mergesAtRest += 1;
      if (outcome === 'taken') this.#lookAfter(table, entry, limits.mergeDelayMs);
      // What does not become less is not tried again: merged files may be as large as they may be.
      else if (outcome !== 'nothing' && outcome.files_after >= outcome.files_before) this.#rest(table, entry);
      else if (this.#entries.has(table)) this.#due.add(table);
    } catch (error) {
      this.#noteFailure(table, entry, error);
      if (!this.#isClosed) logger.info('merge_not_done', { source: table.sourceId, failures: entry.failures, error });
    } finally {
      this.#merging = undefined;
    }
  }

  /** A conflict is another merge of the same files that was faster; a source that is not there needs none. */
  #noteFailure(table: SourceTable, entry: Entry, error: unknown): void {
    if (isHybridStoreError(error, 'not_found')) this.#rest(table, entry);
    else if (isHybridStoreError(error, 'conflict')) this.#lookAfter(table, entry, this.#options.limits.mergeDelayMs);
    else {
      entry.failures += 1;
      if (entry.failures < failuresMax) this.#lookAfter(table, entry, this.#backoffMs(entry));
    }
  }

  #backoffMs({ failures }: Entry): number {
    return this.#options.limits.mergeDelayMs * 2 ** Math.min(failures, failuresMax);
  }

  /** Nothing is to be done until the next commit. One may have come meanwhile. */
  #rest(table: SourceTable, entry: Entry): void {
    if (!entry.timer) this.#entries.delete(table);
  }
}

function orderFor(table: SourceTable, filesMin: number): MergeOrder | undefined {
  const bounds = boundsOf(table);
  const files = decideMerge(table.tableState(table.snapshot).files, { ...bounds, filesMin });
  return files && { files, fileBytesMax: bounds.fileBytesMax };
}

/** A source's own file size is never exceeded. */
function boundsOf({ definition }: SourceTable): Omit<MergeBounds, 'filesMin'> {
  const ownMax = (definition.max_file_size_mb ?? Number.POSITIVE_INFINITY) * mebibyte;
  const fileBytesMax = Math.min(fileBytesMaxDefault, ownMax);
  return { fileBytesMin: Math.min(fileBytesMinDefault, fileBytesMax), fileBytesMax };
}
