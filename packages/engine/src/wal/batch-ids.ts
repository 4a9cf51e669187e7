import type { AppliedBatch } from '../ports.ts';

export type { AppliedBatch };

/**
 * Batch ids that were acknowledged, so that a repeated batch is acknowledged again and applied once. They are rebuilt
 * from the log at start, live as long as their segment, and at most `entriesMax` of them: beyond it the oldest is
 * forgotten, and a client that repeats it then would double its rows.
 */
export class BatchIds {
  readonly #applied = new Map<string, AppliedBatch>();
  readonly #entriesMax: number;

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  get size(): number {
    return this.#applied.size;
  }

  get(key: string): AppliedBatch | undefined {
    return this.#applied.get(key);
  }

  entries(): Iterable<readonly [string, AppliedBatch]> {
    return this.#applied.entries();
  }

  remember(key: string, applied: AppliedBatch): void {
    this.#applied.set(key, applied);
    if (this.#applied.size <= this.#entriesMax) return;
    const oldest = this.#applied.keys().next();
    if (!oldest.done) this.#applied.delete(oldest.value);
  }

  forget(keys: Iterable<string>): void {
    for (const key of keys) this.#applied.delete(key);
  }
}
