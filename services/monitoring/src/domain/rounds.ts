import type { Clock, Logger } from '@hybridstore/runtime';
import type { HealthBoard } from './health-board.ts';
import type { LogCollector } from './log-collector.ts';
import type { PlatformFigures } from './platform-figures.ts';
import type { LogStore } from './ports.ts';

export type RoundsOptions = {
  readonly board: HealthBoard;
  readonly collector: LogCollector;
  /** Absent where nobody scrapes the summary. */
  readonly figures?: PlatformFigures | undefined;
  readonly store: LogStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly intervalMs: number;
  readonly logRetentionMs: number;
};

/** Looks at everything once an interval, one round at a time. */
export class Rounds {
  readonly #options: RoundsOptions;
  #cancel: () => void = () => {};
  #running: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#isStopped = false;
    this.#running = this.#round();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel();
    await this.#running;
  }

  async #round(): Promise<void> {
    const { board, collector, figures, store, clock, logger, intervalMs, logRetentionMs } = this.#options;
    try {
      await Promise.all([board.refresh(), collector.collect(), figures?.collect()]);
      store.prune(clock.now() - logRetentionMs);
    } catch (error) {
      // A full disk must not end the health checks: the next round tries again.
      logger.error('round_failed', { error });
    }
    if (this.#isStopped) return;
    this.#cancel = clock.schedule(intervalMs, () => {
      this.#running = this.#round();
    });
  }
}
