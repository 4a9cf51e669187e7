import type { LogEntry, LogTail, MonitoringTarget } from '@hybridstore/contracts';
import { type Clock, isHybridStoreError, type Logger, Semaphore, SingleFlight } from '@hybridstore/runtime';
import { instanceKeyOf, type LogCursor, type LogStore, type LogTails, type Targets } from './ports.ts';

const readsAtOnceMax = 16;
const readsWaitingMax = 10_000;
/** One process cannot keep a round from ending, however much it logs. */
const pagesPerRoundMax = 20;
const fieldsTextBytesMax = 64 * 1024;
const clockSkewMsMax = 60_000;

export type CollectorOptions = {
  readonly targets: Targets;
  readonly tails: LogTails;
  readonly store: LogStore;
  readonly clock: Clock;
  readonly logger: Logger;
};

/**
 * Fetches what every process has logged since the last time. Entries and the place up to which they were read are stored
 * together: no entry twice, and none lost while the process's ring still holds it; what the ring has dropped is said by
 * an entry `log_entries_lost`. Whose an entry is comes from the target, not from what the process says of itself.
 */
export class LogCollector {
  readonly #options: CollectorOptions;
  readonly #flights = new SingleFlight<string, number>();
  readonly #limit = new Semaphore({ running: readsAtOnceMax, waiting: readsWaitingMax });

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  /**
   * Gives the number of entries collected, from all processes or those that are wanted. A process that cannot be reached
   * is read again in the next round. Throws when the store fails, after all others were read.
   */
  async collect(isWanted: (target: MonitoringTarget) => boolean = () => true): Promise<number> {
    const targets = this.#options.targets.read().filter(isWanted);
    const results = await Promise.allSettled(targets.map((target) => this.#collectOnce(target)));
    const failure = results.find((result) => result.status === 'rejected');
    if (failure) throw failure.reason;
    return results.reduce((sum, result) => sum + (result.status === 'fulfilled' ? result.value : 0), 0);
  }

  /** Two at once would read from the same place and store the same entries twice. */
  #collectOnce(target: MonitoringTarget): Promise<number> {
    return this.#flights.run(instanceKeyOf(target), () => this.#limit.run(() => this.#collectFrom(target)));
  }

  async #collectFrom(target: MonitoringTarget): Promise<number> {
    const key = instanceKeyOf(target);
    let collected = 0;
    for (let page = 0; page < pagesPerRoundMax; page += 1) {
      const cursor = this.#options.store.cursor(key);
      const tail = await this.#read(target, cursor);
      if (tail === undefined || tail.entries.length === 0) break;
      const entries = [
        ...this.#describeLoss(target, cursor, tail),
        ...tail.entries.map((entry) => this.#own(target, entry)),
      ];
      this.#options.store.append(key, target.tenant_id, entries, tail);
      collected += tail.entries.length;
    }
    return collected;
  }

  async #read(target: MonitoringTarget, cursor: LogCursor | undefined): Promise<LogTail | undefined> {
    try {
      return await this.#options.tails.read(target, cursor);
    } catch (error) {
      if (!isHybridStoreError(error)) throw error;
      this.#options.logger.debug('logs_not_collected', { service: target.service, instance: target.instance, error });
      return undefined;
    }
  }

  /** Numbers count every entry of a boot, so a gap before the first one given is what the ring no longer held. */
  #describeLoss(target: MonitoringTarget, cursor: LogCursor | undefined, tail: LogTail): LogEntry[] {
    const expected = cursor?.boot === tail.boot ? cursor.next : 0;
    const count = tail.next - tail.entries.length - expected;
    if (count <= 0) return [];
    const time = new Date(this.#options.clock.now()).toISOString();
    const { service, instance } = target;
    return [{ time, level: 'warn', service, instance, event: 'log_entries_lost', fields: { count } }];
  }

  #own(target: MonitoringTarget, entry: LogEntry): LogEntry {
    const now = this.#options.clock.now();
    const timeMs = Date.parse(entry.time);
    // A time that is none, or far ahead, would outlive every retention.
    const time = Number.isNaN(timeMs) || timeMs > now + clockSkewMsMax ? new Date(now).toISOString() : entry.time;
    const text = JSON.stringify(entry.fields);
    const fields = text.length <= fieldsTextBytesMax ? entry.fields : { dropped_bytes: text.length };
    return { ...entry, time, service: target.service, instance: target.instance, fields };
  }
}
