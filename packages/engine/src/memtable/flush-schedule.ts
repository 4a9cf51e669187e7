import type { Clock, Logger } from '@hybridstore/runtime';
import { HybridStoreError } from '@hybridstore/runtime';
import type { SourceTable } from '../source-table.ts';
import type { FlushOutcome } from './flush-table.ts';

/**
 * When sources are flushed: at enough rows, at enough bytes, or when their oldest row is old enough. One flush per source
 * at a time. A failed one keeps its rows and is tried again, ever later, until it succeeds or the process ends. Where the
 * writer has failed, each next try takes half as much, down to one frame; where it succeeds, the next takes twice as much.
 */
export type FlushScheduleOptions = {
  readonly flush: (table: SourceTable, attempt: FlushAttempt) => Promise<FlushOutcome>;
  readonly onGone: (table: SourceTable) => void;
  /** A flush has ended, however: what `failureOf` says is new. */
  readonly onEnded: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly flushRows: number;
  readonly flushBytes: number;
  readonly flushIntervalMs: number;
  /** A source has half of the unflushed bytes that it may have now. */
  readonly isHalfFull: (table: SourceTable) => boolean;
};

export type FlushAttempt = {
  /** Of what a flush usually takes; 0 stands for a single frame. */
  readonly share: number;
  /** The writer could not do it: perhaps it can do less. */
  readonly noteTooMuch: () => void;
};

/** A source whose last flush failed. */
export type FlushFailure = {
  readonly sourceId: string;
  readonly failures: number;
  readonly sinceMs: number;
  readonly error: unknown;
};

type Entry = {
  running: Promise<FlushOutcome> | undefined;
  cancelTimer: (() => void) | undefined;
  failures: number;
  halvings: number;
  failure: FlushFailure | undefined;
};

const backoffFirstMs = 250;
const backoffMsMax = 30_000;
/** After these a flush takes one frame. */
const halvingsMax = 8;

export class FlushSchedule {
  readonly #options: FlushScheduleOptions;
  readonly #entries = new Map<SourceTable, Entry>();
  #isClosed = false;

  constructor(options: FlushScheduleOptions) {
    this.#options = options;
  }

  /** To be called after each acknowledged frame; cheap when nothing is due. */
  noteAppend(table: SourceTable): void {
    const entry = this.#entry(table);
    if (entry.running || entry.failures > 0 || this.#isClosed) return;
    if (this.#isFull(table)) this.#startInBackground(table, entry);
    else entry.cancelTimer ??= this.#wakeAfter(table, this.#options.flushIntervalMs);
  }

  /** A write was refused for want of room: waiting for the age of its rows would refuse the next ones too. */
  noteRefusal(table: SourceTable): void {
    const entry = this.#entry(table);
    if (entry.running || entry.failures > 0 || this.#isClosed || table.memory.rows === 0) return;
    this.#startInBackground(table, entry);
  }

  failureOf(table: SourceTable): FlushFailure | undefined {
    return this.#entries.get(table)?.failure;
  }

  get failures(): readonly FlushFailure[] {
    return [...this.#entries.values()].flatMap(({ failure }) => (failure ? [failure] : []));
  }

  /** Flushes until everything up to `lsn` is committed; the rows committed on the way. Fails with the first failed flush. */
  async flushThrough(table: SourceTable, lsn: number): Promise<number> {
    let rows = 0;
    while (!table.memory.isCommitted(lsn)) {
      const outcome = await this.#run(table, this.#entry(table));
      if (outcome.kind === 'gone')
        throw new HybridStoreError('not_found', `source ${table.sourceId} was deleted`, { source_id: table.sourceId });
      if (outcome.kind === 'committed') rows += outcome.rows;
    }
    return rows;
  }

  /** No more flushes are started; resolves when those under way have ended, however they end. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const entries = [...this.#entries.values()];
    for (const entry of entries) entry.cancelTimer?.();
    await Promise.allSettled(entries.map((entry) => entry.running));
  }

  #entry(table: SourceTable): Entry {
    const known = this.#entries.get(table);
    if (known) return known;
    const entry: Entry = { running: undefined, cancelTimer: undefined, failures: 0, halvings: 0, failure: undefined };
    this.#entries.set(table, entry);
    return entry;
  }

  #isFull(table: SourceTable): boolean {
    const { flushRows, flushBytes, isHalfFull } = this.#options;
    return table.memory.rows >= flushRows || table.memory.bytes >= flushBytes || isHalfFull(table);
  }

  #wakeAfter(table: SourceTable, delayMs: number): () => void {
    return this.#options.clock.schedule(delayMs, () => {
      const entry = this.#entries.get(table);
      if (!entry || this.#isClosed) return;
      entry.cancelTimer = undefined;
      this.#startInBackground(table, entry);
    });
  }

  /** Whoever needs the outcome shares the run. What is left to do afterwards is scheduled here, whoever asked for it. */
  #run(table: SourceTable, entry: Entry): Promise<FlushOutcome> {
    entry.running ??= this.#flushOnce(table, entry).finally(() => {
      entry.running = undefined;
      this.#continue(table, entry);
      this.#options.onEnded();
    });
    return entry.running;
  }

  async #flushOnce(table: SourceTable, entry: Entry): Promise<FlushOutcome> {
    entry.cancelTimer?.();
    entry.cancelTimer = undefined;
    let isTooMuch = false;
    const share = entry.halvings >= halvingsMax ? 0 : 2 ** -entry.halvings;
    try {
      const outcome = await this.#options.flush(table, {
        share,
        noteTooMuch: () => {
          isTooMuch = true;
        },
      });
      entry.failures = 0;
      entry.failure = undefined;
      entry.halvings = Math.max(0, entry.halvings - 1);
      if (outcome.kind === 'gone') this.#forget(table);
      return outcome;
    } catch (error) {
      entry.failures += 1;
      if (isTooMuch) entry.halvings = Math.min(halvingsMax, entry.halvings + 1);
      const sinceMs = entry.failure?.sinceMs ?? this.#options.clock.now();
      entry.failure = { sourceId: table.sourceId, failures: entry.failures, sinceMs, error };
      this.#options.logger.warn('flush_failed', {
        source: table.sourceId,
        rows: table.memory.rows,
        failures: entry.failures,
        error,
      });
      throw error;
    }
  }

  #forget(table: SourceTable): void {
    this.#entries.delete(table);
    this.#options.onGone(table);
  }

  #startInBackground(table: SourceTable, entry: Entry): void {
    // The failure was logged and the next try is scheduled; here nobody waits for it.
    this.#run(table, entry).catch(() => {});
  }

  /** Rows that came during a flush wait for their own age, unless there are enough of them; after a failure, for the backoff. */
  #continue(table: SourceTable, entry: Entry): void {
    if (this.#isClosed || table.memory.rows === 0 || !this.#entries.has(table)) return;
    if (entry.failures > 0) entry.cancelTimer ??= this.#wakeAfter(table, backoffMs(entry.failures));
    else if (this.#isFull(table) || entry.halvings > 0) this.#startInBackground(table, entry);
    else entry.cancelTimer ??= this.#wakeAfter(table, this.#options.flushIntervalMs);
  }
}

function backoffMs(failures: number): number {
  return Math.min(backoffMsMax, backoffFirstMs * 2 ** Math.min(failures, 20));
}
