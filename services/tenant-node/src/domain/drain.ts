import type { DrainStatus } from '@hybridstore/contracts';
import type { Logger } from '@hybridstore/runtime';
import type { Engine } from './engine-port.ts';
import type { MemberDirectory } from './member-port.ts';

export type DrainPorts = {
  readonly engine: Pick<Engine, 'drain' | 'undrain' | 'unflushedRows'>;
  readonly members: Pick<MemberDirectory, 'self' | 'join' | 'leave'>;
  readonly pod: string;
  readonly logger: Logger;
};

/**
 * The hand-over before a node leaves: fence (no more acknowledgements) → flush and commit everything → mark the member
 * drained. Repeatable and polled; a drain that failed starts again at the next poll. Taking it back makes the node a
 * member anew, with a higher epoch, before it acknowledges anything.
 */
export class Drain {
  readonly #ports: DrainPorts;
  #state: DrainStatus['state'] = 'active';
  #error: string | undefined;
  #turn: Promise<void> = Promise.resolve();

  constructor(ports: DrainPorts) {
    this.#ports = ports;
  }

  get state(): DrainStatus['state'] {
    return this.#state;
  }

  /** Begins, or goes on with, the hand-over. */
  begin(): DrainStatus {
    if (this.#state === 'active') {
      this.#state = 'draining';
      this.#error = undefined;
      this.#turn = this.#turn.then(() => this.#handOver());
    }
    return this.status();
  }

  async cancel(): Promise<DrainStatus> {
    if (this.#state === 'active') return this.status();
    await this.#turn;
    // The hand-over may have ended, either way, while it was waited for.
    if (this.#currentState() === 'drained') await this.#ports.members.join();
    this.#ports.engine.undrain();
    this.#state = 'active';
    return this.status();
  }

  status(): DrainStatus {
    return {
      pod: this.#ports.pod,
      state: this.#state,
      unflushed_rows: this.#ports.engine.unflushedRows(),
      ...(this.#error === undefined ? {} : { error: this.#error }),
    };
  }

  #currentState(): DrainStatus['state'] {
    return this.#state;
  }

  async #handOver(): Promise<void> {
    try {
      await this.#ports.engine.drain();
      await this.#ports.members.leave();
      this.#state = 'drained';
      this.#ports.logger.info('drained', { pod: this.#ports.pod });
    } catch (error) {
      this.#error = error instanceof Error ? error.message : String(error);
      this.#ports.logger.error('drain_failed', { pod: this.#ports.pod, error });
      // Writes stay refused; the next poll tries again.
      this.#state = 'active';
    }
  }
}
