import type { Clock, Logger } from '@hybridstore/runtime';
import type { Catalog } from './catalog.ts';

export type RefreshLoopOptions = {
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly intervalMs: number;
};

/**
 * Compares the catalog with the nodes at the start and every interval. Notices are best effort, so this bounds how long
 * a lost one can go unseen.
 */
export class RefreshLoop {
  readonly #options: RefreshLoopOptions;
  #cancel: (() => void) | undefined;
  #running: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: RefreshLoopOptions) {
    this.#options = options;
  }

  /** Refreshes at once, and then every interval after the last one ended. */
  start(): void {
    this.#running = this.#options.catalog
      .refreshAll()
      .catch((error: unknown) => this.#options.logger.error('refresh_failed', { error }))
      .finally(() => {
        if (!this.#isStopped) this.#cancel = this.#options.clock.schedule(this.#options.intervalMs, () => this.start());
      });
  }

  /** Reads a tenant that has just been registered, beside the loop; a failure is left to the loop. */
  refreshSoon(tenantId: string): void {
    this.#options.catalog.refreshTenant(tenantId).catch((error: unknown) => {
      this.#options.logger.warn('tenant_refresh_failed', { tenant: tenantId, error });
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel?.();
    await this.#running;
  }
}
