import type { MonitoringTarget } from '@hybridstore/contracts';
import { isHybridStoreError, type Logger, Semaphore, SingleFlight } from '@hybridstore/runtime';
import { instanceKeyOf, type LogStore, type LogTails, type Targets } from './ports.ts';

const readsAtOnceMax = 16;
const readsWaitingMax = 10_000;
/** One process cannot keep a round from ending, however much it logs. */
const pagesPerRoundMax = 20;

/** Fetches what every process has logged since the last round. */
export class LogCollector {
  readonly #targets: Targets;
  readonly #tails: LogTails;
  readonly #store: LogStore;
  readonly #logger: Logger;
  readonly #flight = new SingleFlight<'all', number>();
  readonly #limit = new Semaphore({ running: readsAtOnceMax, waiting: readsWaitingMax });

  constructor(options: {
    readonly targets: Targets;
    readonly tails: LogTails;
    readonly store: LogStore;
    readonly logger: Logger;
  }) {
    this.#targets = options.targets;
    this.#tails = options.tails;
    this.#store = options.store;
    this.#logger = options.logger;
  }

  /** Gives the number of entries collected. A process that cannot be reached is read again in the next round. */
  collect(): Promise<number> {
    // Two at once would read the same cursor and store the same entries twice.
    return this.#flight.run('all', () => this.#collectAll());
  }

  async #collectAll(): Promise<number> {
    const counts = await Promise.all(
      this.#targets.read().map((target) => this.#limit.run(() => this.#collectFrom(target))),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async #collectFrom(target: MonitoringTarget): Promise<number> {
    const key = instanceKeyOf(target);
    let collected = 0;
    try {
      for (let page = 0; page < pagesPerRoundMax; page += 1) {
        const tail = await this.#tails.read(target, this.#store.cursor(key));
        if (tail.entries.length === 0) break;
        this.#store.append(key, target.tenant_id, tail);
        collected += tail.entries.length;
      }
    } catch (error) {
      if (!isHybridStoreError(error)) throw error;
      this.#logger.debug('logs_not_collected', { service: target.service, instance: target.instance, error });
    }
    return collected;
  }
}
