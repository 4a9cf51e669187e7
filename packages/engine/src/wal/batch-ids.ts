import { HybridStoreError, retryLater } from '@hybridstore/runtime';
import type { AppliedBatch } from '../ports.ts';

export type { AppliedBatch };

/** Ids that are forgotten together: those of one segment that is full. */
export type IdGeneration = {
  readonly firstLsn: number;
  readonly lastLsn: number;
  /** Age of the log when the segment was full: all of its ids are older. */
  readonly ageMs: number;
  readonly keys: readonly string[];
};

const fullRetryMsMin = 1_000;
const fullRetryMsMax = 3_600_000;

/**
 * Batch ids that were acknowledged, so that a repeated batch is acknowledged again and applied once. They live for
 * `retentionMs` after their segment is full, whatever becomes of the segment; time is the age of the log, which no clock
 * that is set moves. At most `entriesMax` of them: beyond it a batch with a new id is refused, since to forget an id early
 * would be to apply its batch twice.
 */
export class BatchIds {
  readonly #applied = new Map<string, AppliedBatch>();
  readonly #generations = new Map<number, IdGeneration>();
  /** Files that held ids which nobody can read any more. */
  readonly #unreadable = new Map<string, { readonly ageMs: number }>();
  readonly #entriesMax: number;
  readonly #retentionMs: number;
  readonly #ageMs: () => number;

  constructor(options: { readonly entriesMax: number; readonly retentionMs: number; readonly ageMs: () => number }) {
    this.#entriesMax = options.entriesMax;
    this.#retentionMs = options.retentionMs;
    this.#ageMs = options.ageMs;
  }

  get size(): number {
    return this.#applied.size;
  }

  get unreadable(): readonly string[] {
    return [...this.#unreadable.keys()];
  }

  get(key: string): AppliedBatch | undefined {
    return this.#applied.get(key);
  }

  entries(): Iterable<readonly [string, AppliedBatch]> {
    return this.#applied.entries();
  }

  remember(key: string, applied: AppliedBatch): void {
    this.#applied.set(key, applied);
  }

  /** Throws when `arriving` more new ids have no room, or when an id may have been applied and nobody can tell. */
  requireRoom(arriving: number): void {
    const [unreadable] = this.#unreadable.keys();
    if (unreadable !== undefined)
      throw new HybridStoreError(
        'corrupt',
        `batch ids of log file ${unreadable} cannot be read: a batch with an id may have been applied before`,
        { file: unreadable },
      );
    if (this.#applied.size + arriving < this.#entriesMax) return;
    throw retryLater(
      'overloaded',
      `the node remembers ${this.#applied.size} batch ids, its bound`,
      this.#nextRoomMs(),
      {
        batch_ids_max: this.#entriesMax,
      },
    );
  }

  /** The segment of these ids is full. */
  close(generation: IdGeneration): void {
    if (generation.keys.length > 0) this.#generations.set(generation.firstLsn, generation);
  }

  noteUnreadable(file: string): void {
    this.#unreadable.set(file, { ageMs: this.#ageMs() });
  }

  /** Forgets what has lived as long as promised; the generations, by their first LSN, and the unreadable files that are over. */
  expire(): { readonly generations: readonly number[]; readonly files: readonly string[] } {
    const oldestMs = this.#ageMs() - this.#retentionMs;
    const files = [...this.#unreadable].filter(([, { ageMs }]) => ageMs <= oldestMs).map(([file]) => file);
    for (const file of files) this.#unreadable.delete(file);
    const over = [...this.#generations.values()].filter(({ ageMs }) => ageMs <= oldestMs);
    for (const generation of over) this.#forget(generation);
    return { generations: over.map(({ firstLsn }) => firstLsn), files };
  }

  /** An id that was applied anew since is of a younger generation. */
  #forget({ firstLsn, lastLsn, keys }: IdGeneration): void {
    for (const key of keys) if ((this.#applied.get(key)?.lsn ?? 0) <= lastLsn) this.#applied.delete(key);
    this.#generations.delete(firstLsn);
  }

  #nextRoomMs(): number {
    const oldest = Math.min(...[...this.#generations.values()].map(({ ageMs }) => ageMs), Number.POSITIVE_INFINITY);
    return Math.min(fullRetryMsMax, Math.max(fullRetryMsMin, oldest + this.#retentionMs - this.#ageMs()));
  }
}
