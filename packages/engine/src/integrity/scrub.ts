import { type Clock, isHybridStoreError, type Logger } from '@hybridstore/runtime';
import type { CheckOnlooker, SourceCheck } from '../ports.ts';
import type { SourceTable } from '../source-table.ts';
import type { ObjectStore } from '../store/ports.ts';
import { checkTable } from './check-source.ts';
import type { DamageRecords } from './damage-records.ts';
import type { SegmentVerifier } from './segment-verifier.ts';

/**
 * Reads every table of the node again and again, slowly, so that rot is found while there may still be another copy, and not
 * by the query that needs the file.
 */
export type ScrubOptions = {
  readonly tables: () => Iterable<SourceTable>;
  readonly store: ObjectStore;
  readonly verifier: SegmentVerifier;
  readonly records: DamageRecords;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly bytesPerSecond: number;
  readonly pauseMs: number;
  readonly onChecked: (check: SourceCheck) => void;
};

/** A node that has just started has other things to do. */
const firstPassMs = 60_000;

export class Scrub {
  readonly #options: ScrubOptions;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: ScrubOptions) {
    this.#options = options;
  }

  start(): void {
    this.#schedule(firstPassMs);
  }

  /** Resolves when nothing is read any more. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('the scrub ends'));
    await this.#running;
  }

  /** One table, now and at full speed, or at the rate of the scrub. What was found is recorded. */
  async check(table: SourceTable, pace?: (bytes: number) => Promise<void>): Promise<SourceCheck> {
    const { store, verifier, records, onChecked } = this.#options;
    const check = await checkTable(store, table, { verifier, ...(pace ? { pace } : {}) });
    const problems = await this.#stillThere(table, check);
    for (const { name, reason } of problems) await records.note(table, { name: recordName(name), reason });
    await records.keepOnly(table, new Set(problems.map(({ name }) => recordName(name))));
    const found = { ...check, problems };
    onChecked(found);
    return found;
  }

  /** The rate of the scrub for a check that somebody looks on at. */
  paceFor({ signal, onRead }: CheckOnlooker): (bytes: number) => Promise<void> {
    const either = AbortSignal.any([signal, this.#stop.signal]);
    return async (bytes) => {
      onRead(bytes);
      await this.#wait(bytes, either);
    };
  }

  /** A file that was replaced, or a table that was deleted, while it was read was not damaged. */
  async #stillThere(table: SourceTable, check: SourceCheck): Promise<SourceCheck['problems']> {
    if (check.problems.length === 0) return [];
    if (!(await table.isAlive())) return [];
    const live = (await this.#newest(table))?.files;
    return check.problems.filter(({ kind, name }) => kind !== 'segment' || (live?.has(name) ?? true));
  }

  async #newest(table: SourceTable): Promise<SourceTable['snapshot'] | undefined> {
    try {
      return await table.refresh();
    } catch (error) {
      if (isHybridStoreError(error, 'corrupt')) return undefined; // which the check has said
      throw error;
    }
  }

  #schedule(delayMs: number): void {
    const cancel = this.#options.clock.schedule(delayMs, () => {
      this.#running = this.#pass().finally(() => {
        if (!this.#stop.signal.aborted) this.#schedule(this.#options.pauseMs);
      });
    });
    this.#stop.signal.addEventListener('abort', cancel, { once: true });
  }

  async #pass(): Promise<void> {
    for (const table of [...this.#options.tables()]) {
      if (this.#stop.signal.aborted) return;
      try {
        await this.check(table, (bytes) => this.#wait(bytes));
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.#options.logger.warn('scrub_failed', { source: table.sourceId, error });
      }
    }
  }

  #wait(bytes: number, signal = this.#stop.signal): Promise<void> {
    const { clock, bytesPerSecond } = this.#options;
    return clock.sleep((bytes / bytesPerSecond) * 1_000, signal);
  }
}

function recordName(name: string): string {
  return name.split('/').at(-1) ?? name;
}
