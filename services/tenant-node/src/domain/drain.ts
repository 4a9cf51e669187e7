import type { DrainStatus } from '@hybridstore/contracts';
import type { Engine } from '@hybridstore/engine';
import type { Clock, Logger } from '@hybridstore/runtime';
import type { MemberDirectory } from './ports.ts';

export type DrainPorts = {
  readonly engine: Pick<Engine, 'drain' | 'undrain' | 'unflushedRows'>;
  readonly members: Pick<MemberDirectory, 'isJoined' | 'awaited' | 'join' | 'leave'>;
  readonly pod: string;
  readonly clock: Pick<Clock, 'schedule'>;
  readonly logger: Logger;
};

/** Rejoining takes as long as one announcement; beside a member that does not answer, nobody knows how long. */
const returnMsMax = 2_000;
const awaitedNamedMax = 3;

/**
 * The hand-over before a node leaves: fence (no more acknowledgements) → flush and commit everything → mark the member
 * drained. Repeatable and polled; one that failed starts again at the next poll, and says why until it succeeds. It waits
 * for no other member. Taking it back makes the node a member anew, with a higher epoch, before it acknowledges anything;
 * that takes all the others, so it goes on behind an answer that names those that it waits for.
 */
export class Drain {
  readonly #ports: DrainPorts;
  #state: DrainStatus['state'] = 'active';
  #error: string | undefined;
  /** From the engine's refusing writes until it takes them again. */
  #isFenced = false;
  #work: 'none' | 'handing over' | 'returning' = 'none';
  #returned: Promise<void> = Promise.resolve();
  /** Counts hand-overs and returns; an older one that wakes up changes nothing. */
  #attempt = 0;

  constructor(ports: DrainPorts) {
    this.#ports = ports;
  }

  get state(): DrainStatus['state'] {
    return this.#state;
  }

  /** Begins, or goes on with, the hand-over. */
  begin(): DrainStatus {
    if (this.#state !== 'drained' && this.#work !== 'handing over') {
      this.#state = 'draining';
      this.#isFenced = true;
      this.#work = 'handing over';
      void this.#handOver(++this.#attempt);
    }
    return this.status();
  }

  /**
   * Gives up a hand-over, even one that is stuck or has failed half way. Only an answer that says `active` means that the
   * node takes writes again; another names whom it waits for, and is to be asked for again.
   */
  async cancel(): Promise<DrainStatus> {
    if (this.#isFenced && this.#work !== 'returning') {
      this.#state = 'draining';
      this.#work = 'returning';
      this.#returned = this.#return(++this.#attempt);
    }
    await this.#waitFor(this.#returned);
    return this.status();
  }

  status(): DrainStatus {
    const error =
      (this.#work === 'returning' ? describeAwaited(this.#ports.members.awaited) : undefined) ?? this.#error;
    return {
      pod: this.#ports.pod,
      state: this.#state,
      unflushed_rows: this.#ports.engine.unflushedRows(),
      ...(error === undefined ? {} : { error }),
    };
  }

  async #handOver(attempt: number): Promise<void> {
    const { engine, members, logger, pod } = this.#ports;
    try {
      await engine.drain();
      if (attempt !== this.#attempt) return;
      // Before it is said: whoever reads `drained` may end this process, and a file that says `active` waits for it.
      await members.leave();
      if (attempt !== this.#attempt) return;
      this.#settle('drained');
      logger.info('drained', { pod });
    } catch (error) {
      this.#fail(attempt, 'drain_failed', error);
    }
  }

  async #return(attempt: number): Promise<void> {
    const { engine, members } = this.#ports;
    try {
      // Others may have been notified that it left: it is a member again before it acknowledges anything.
      if (!members.isJoined) await members.join();
      if (attempt !== this.#attempt) return;
      engine.undrain();
      this.#isFenced = false;
      this.#settle('active');
    } catch (error) {
      this.#fail(attempt, 'drain_not_cancelled', error);
    }
  }

  #settle(state: DrainStatus['state']): void {
    this.#state = state;
    this.#work = 'none';
    this.#error = undefined;
  }

  /** Writes stay refused by the engine; the next poll tries again. */
  #fail(attempt: number, event: string, error: unknown): void {
    if (attempt !== this.#attempt) return;
    const { logger, pod } = this.#ports;
    this.#work = 'none';
    this.#error = error instanceof Error ? error.message : String(error);
    logger.error(event, { pod, error });
  }

  async #waitFor(work: Promise<void>): Promise<void> {
    const time = Promise.withResolvers<void>();
    const stop = this.#ports.clock.schedule(returnMsMax, () => time.resolve());
    await Promise.race([work, time.promise]);
    stop();
  }
}

function describeAwaited(awaited: ReadonlyMap<string, string>): string | undefined {
  if (awaited.size === 0) return undefined;
  const named = [...awaited].slice(0, awaitedNamedMax).map(([pod, reason]) => `${pod} (${reason})`);
  const others = awaited.size - named.length;
  return `waits to be known to ${named.join(', ')}${others > 0 ? ` and ${others} more` : ''}`;
}
