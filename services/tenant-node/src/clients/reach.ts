import type { Member } from '@hybridstore/contracts';
import { type Clock, HybridStoreError, isHybridStoreError, retryLater } from '@hybridstore/runtime';

/** A member that is away is tried this often; who calls it meanwhile hears of it at once. */
const retryMs = 500;

type Away = { readonly sinceMs: number; readonly reason: string; triedMs: number };

/**
 * Which members could not be reached when they were last called, and since when. A machine that is gone answers nothing: its
 * callers would wait for their own time limit, each of them, so one of them tries while the others are refused.
 */
export class Reach {
  readonly #away = new Map<string, Away>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * What the member answers. Throws `unavailable` that says who is away and since when, at once where that is known. Whoever
   * gives up by `signal` has learned nothing about the member.
   */
  async try<T>(member: Member, call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const away = this.#away.get(member.pod);
    const nowMs = this.#clock.monotonicMs();
    if (away && nowMs - away.triedMs < retryMs) throw describeAway(member, away);
    if (away) away.triedMs = nowMs;
    try {
      const answer = await call();
      this.heard(member.pod);
      return answer;
    } catch (error) {
      if (signal?.aborted || !isUnreached(error)) throw error;
      throw describeAway(member, this.#note(member, error), error);
    }
  }

  away(pod: string): Pick<Away, 'sinceMs' | 'reason'> | undefined {
    return this.#away.get(pod);
  }

  heard(pod: string): void {
    this.#away.delete(pod);
  }

  #note({ pod }: Member, { message }: Error): Away {
    const [sinceMs, triedMs] = [this.#away.get(pod)?.sinceMs ?? this.#clock.now(), this.#clock.monotonicMs()];
    const away = { sinceMs, triedMs, reason: message };
    this.#away.set(pod, away);
    return away;
  }
}

/** What the member itself says has no cause here. */
function isUnreached(error: unknown): error is HybridStoreError {
  const isOfOurs = isHybridStoreError(error, 'unavailable') || isHybridStoreError(error, 'deadline_exceeded');
  return isOfOurs && error instanceof HybridStoreError && error.cause !== undefined;
}

function describeAway({ pod }: Member, { sinceMs, reason }: Away, cause?: unknown): HybridStoreError {
  const since = new Date(sinceMs).toISOString();
  const { message, details } = retryLater('unavailable', `member ${pod} is away since ${since} (${reason})`, 1_000, {
    member: pod,
    away_since: since,
  });
  return new HybridStoreError('unavailable', message, details, { cause });
}
