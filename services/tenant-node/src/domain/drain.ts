import type { DrainStatus } from '@hybridstore/contracts';
import type { Engine } from '@hybridstore/engine';
import type { Logger } from '@hybridstore/runtime';
import type { MemberDirectory } from './ports.ts';

export type DrainPorts = {
  readonly engine: Pick<Engine, 'drain' | 'undrain' | 'unflushedRows'>;
  readonly members: Pick<MemberDirectory, 'isJoined' | 'join' | 'leave'>;
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
  /** From the engine's refusing writes until it takes them again. */
  #isFenced = false;
  /** The newest hand-over; an older one that wakes up has been taken back. */
  #attempt = 0;

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
      this.#isFenced = true;
      void this.#handOver(++this.#attempt);
    }
    return this.status();
  }

  /** A hand-over under way is given up, even one that is stuck or has failed half way. */
  async cancel(): Promise<DrainStatus> {
    this.#attempt += 1;
    if (this.#isFenced) {
      // Others may have been notified that it left: it is a member again before it acknowledges anything.
      if (!this.#ports.members.isJoined) await this.#ports.members.join();
      this.#ports.engine.undrain();
      this.#isFenced = false;
    }
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

  async #handOver(attempt: number): Promise<void> {
    try {
      await this.#ports.engine.drain();
      // From here to the file being marked nothing else runs: `leave` writes it before it waits for anything.
      if (attempt !== this.#attempt) return;
      this.#state = 'drained';
      await this.#ports.members.leave();
      this.#ports.logger.info('drained', { pod: this.#ports.pod });
    } catch (error) {
      if (attempt !== this.#attempt) return;
      this.#error = error instanceof Error ? error.message : String(error);
      this.#ports.logger.error('drain_failed', { pod: this.#ports.pod, error });
      // Writes stay refused by the engine; the next poll tries again.
      this.#state = 'active';
    }
  }
}
