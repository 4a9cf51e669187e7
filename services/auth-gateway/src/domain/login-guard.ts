import { type Clock, LruCache, retryLater } from '@hybridstore/runtime';
import { nameKey } from './user.ts';

const failuresMax = 5;
const lockMsMin = 30_000;
const lockMsMax = 900_000;
const forgetMs = 900_000;
/** An attacker who wants to push a locked name out of here must first pay for this many slow hashes. */
const namesMax = 100_000;
const pendingRetryMs = 1_000;

type Attempts = {
  /** Failures in a row, without the ones that are still being checked. */
  readonly failures: number;
  readonly pending: number;
  readonly lockedUntilMs: number;
  readonly lastMs: number;
};
const none: Attempts = { failures: 0, pending: 0, lockedUntilMs: 0, lastMs: 0 };

/** One attempt under way; exactly one of its functions is called. */
export type Attempt = { succeeded(): void; failed(): void; abandoned(): void };

/**
 * Bounds the guesses at one name's password, whether or not a user has that name: five wrong ones in a row lock the name
 * for 30 s, each further one doubles that up to 15 minutes, and 15 quiet minutes forget everything. An attempt counts
 * from its start, so that a thousand at once get no further than five. Counts are per process and end with it.
 */
export class LoginGuard {
  readonly #clock: Clock;
  readonly #attempts = new LruCache<string, Attempts>(namesMax);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Throws `overloaded` with the time to wait when the name is locked or enough attempts are under way. */
  begin(username: string): Attempt {
    const name = nameKey(username);
    const held = this.#read(name);
    const waitMs = held.lockedUntilMs - this.#clock.now();
    if (waitMs > 0) throw refuse(waitMs);
    const allowed = Math.max(1, failuresMax - held.failures);
    if (held.pending >= allowed) throw refuse(pendingRetryMs);
    this.#attempts.set(name, { ...held, pending: held.pending + 1, lastMs: this.#clock.now() });
    return {
      succeeded: () => this.#attempts.delete(name),
      failed: () => this.#fail(name),
      abandoned: () => this.#settle(name, (state) => state),
    };
  }

  #fail(name: string): void {
    this.#settle(name, (state) => {
      const failures = state.failures + 1;
      const excess = failures - failuresMax;
      if (excess < 0) return { ...state, failures };
      const lockMs = Math.min(lockMsMin * 2 ** Math.min(excess, 20), lockMsMax);
      return { ...state, failures, lockedUntilMs: this.#clock.now() + lockMs };
    });
  }

  #settle(name: string, change: (state: Attempts) => Attempts): void {
    const held = this.#read(name);
    this.#attempts.set(name, { ...change(held), pending: Math.max(0, held.pending - 1), lastMs: this.#clock.now() });
  }

  #read(name: string): Attempts {
    const held = this.#attempts.get(name);
    if (!held) return none;
    const isForgotten = held.pending === 0 && this.#clock.now() - Math.max(held.lastMs, held.lockedUntilMs) >= forgetMs;
    return isForgotten ? none : held;
  }
}

function refuse(waitMs: number): Error {
  return retryLater('overloaded', 'too many attempts to log in as this user', waitMs);
}
