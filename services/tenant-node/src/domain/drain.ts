import type { DrainStatus } from '@hybridstore/contracts';
import type { Engine } from '@hybridstore/engine';
import type { Clock, Logger } from '@hybridstore/runtime';
import type { MemberDirectory } from './ports.ts';

export type DrainPorts = {
  readonly engine: Pick<Engine, 'drain' | 'undrain' | 'flushAll' | 'unflushedRows'>;
  readonly queries: { settle(msMax: number): Promise<void> };
  readonly members: Pick<MemberDirectory, 'isJoined' | 'awaited' | 'canReturn' | 'join' | 'leave'>;
  readonly pod: string;
  readonly clock: Pick<Clock, 'schedule' | 'sleep'>;
  readonly logger: Logger;
  /** How long others may take to see that the node leaves, and what is under way to end. */
  readonly times: { readonly delayMs: number; readonly finishMs: number };
};

/** Rejoining takes as long as one announcement; beside a member that does not answer, nobody knows how long. */
const returnMsMax = 2_000;
const awaitedNamedMax = 3;

/**
 * The hand-over before a node leaves:
 *
 *   not ready → endpoints have followed → queries have ended, most rows are committed → fence (no more acknowledgements) →
 *   flush and commit the rest → mark the member drained
 *
 * Until the fence it serves as before, and what comes behind it is handed on (`HandOn`), so nobody notices. Repeatable and
 * polled; one that failed starts again at the next poll, and says why until it succeeds. It waits for no other member. Taking
 * it back makes the node a member anew, with a higher epoch, before it acknowledges anything; that takes all the others, so
 * it goes on behind an answer that names those that it waits for.
 */
export class Drain {
  readonly #ports: DrainPorts;
  #state: DrainStatus['state'] = 'active';
  #error: string | undefined;
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

  /** From the engine's refusing writes until it takes them again. */
  get isFenced(): boolean {
    return this.#isFenced;
  }

  /** Begins, or goes on with, the hand-over. */
  begin(): DrainStatus {
    if (this.#state !== 'drained' && this.#work !== 'handing over') {
      // Others have seen it by the time of another try.
      const delayMs = this.#state === 'active' ? this.#ports.times.delayMs : 0;
      this.#state = 'draining';
      this.#work = 'handing over';
      void this.#handOver(++this.#attempt, delayMs);
    }
    return this.status();
  }

  /**
   * The hand-over of a process that is about to end and will be back; nobody sends it anything new any more. Resolves when it
   * has left, or is to end as a member: because it could not, or because beside one that is away it could not come back.
   */
  async rest(): Promise<void> {
    if (this.#state === 'drained') return;
    const attempt = ++this.#attempt;
    this.#state = 'draining';
    this.#work = 'handing over';
    if (await this.#ports.members.canReturn()) return this.#handOver(attempt, 0);
    this.#ports.logger.warn('node_stays_a_member', { pod: this.#ports.pod });
    await this.#settle().catch((error: unknown) => this.#fail(attempt, 'flush_before_end_failed', error));
  }

  /**
   * Gives up a hand-over, even one that is stuck or has failed half way. Only an answer that says `active` means that the
   * node takes writes again; another names whom it waits for, and is to be asked for again.
   */
  async cancel(): Promise<DrainStatus> {
    if (!this.#isFenced) {
      this.#attempt += 1;
      this.#enter('active');
    } else if (this.#work !== 'returning') {
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

  async #handOver(attempt: number, delayMs: number): Promise<void> {
    const { engine, members, logger, pod, clock } = this.#ports;
    try {
      if (delayMs > 0) await clock.sleep(delayMs);
      if (attempt !== this.#attempt) return;
      await this.#settle();
      if (attempt !== this.#attempt) return;
      this.#isFenced = true;
      await engine.drain();
      if (attempt !== this.#attempt) return;
      // Before it is said: whoever reads `drained` may end this process, and a file that says `active` waits for it.
      await members.leave();
      if (attempt !== this.#attempt) return;
      this.#enter('drained');
      logger.info('drained', { pod });
    } catch (error) {
      this.#fail(attempt, 'drain_failed', error);
    }
  }

  /** What is under way ends; behind the fence little is left to commit. */
  async #settle(): Promise<void> {
    const { queries, engine, times } = this.#ports;
    await Promise.all([queries.settle(times.finishMs), engine.flushAll()]);
  }

  async #return(attempt: number): Promise<void> {
    const { engine, members } = this.#ports;
    try {
      // Others may have been notified that it left: it is a member again before it acknowledges anything.
      if (!members.isJoined) await members.join();
      if (attempt !== this.#attempt) return;
      engine.undrain();
      this.#isFenced = false;
      this.#enter('active');
    } catch (error) {
      this.#fail(attempt, 'drain_not_cancelled', error);
    }
  }

  #enter(state: DrainStatus['state']): void {
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
