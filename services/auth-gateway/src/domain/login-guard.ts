import { type Clock, retryLater, Semaphore } from '@hybridstore/runtime';
import { Backoff, type BackoffBounds, shareOf } from './backoff.ts';
import type { RandomSource } from './ports.ts';
import { nameKey } from './user.ts';

/** Of a name, whoever guesses it. */
const nameBounds = { freeFailures: 5, waitMsMin: 1_000, waitMsMax: 60_000 };
/** Of an address, whatever names it tries; more, because many people may share one. */
const addressBounds = { freeFailures: 20, waitMsMin: 1_000, waitMsMax: 60_000 };
/** Of a name at an address from which its owner has come before. */
const knownBounds = { freeFailures: 5, waitMsMin: 500, waitMsMax: 3_000 };
/** An attempt that would wait longer is refused. */
const heldMsMax = 10_000;
const heldPerPairMax = 32;

export type AttemptOrigin = {
  readonly username: string;
  readonly address: string;
  /** Whether this name logged in from this address before. */
  readonly isKnown: boolean;
};

export type LoginGuardOptions = {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly onHeld?: () => void;
  /** How many processes count by themselves: each has its share of the bounds. */
  readonly gateways?: number;
};

/**
 * Slows guesses at passwords, whether or not a user has the name, and never locks a name.
 *
 *   from an address that the name does not know ── refused with a time to come back, as long as the name or the address
 *                                                  has to wait: after 5 wrong ones of a name, 20 of an address, 1 s to 60 s
 *   from one that it knows ── held, not refused: after 5 wrong ones each attempt starts up to 3 s after the one before
 *
 * So a flood of wrong passwords from anywhere keeps no right one out that comes from where its owner came from before, and
 * a name gets 1,440 guesses a day from all strangers together. An attempt counts from its start, so that a thousand at
 * once get no further than five; those of one name from one known address come one after the other. Counts end with the process.
 *
 * Left out: two clients of one known address hold each other up, and behind a proxy that is not in TRUSTED_PROXIES all are
 * of one address.
 */
export class LoginGuard {
  readonly #clock: Clock;
  readonly #names: Backoff;
  readonly #addresses: Backoff;
  readonly #known: Backoff;
  /** Of the pairs of name and known address that have attempts under way; as many as there are requests. */
  readonly #lines = new Map<string, Semaphore>();

  readonly #onHeld: () => void;

  constructor(options: LoginGuardOptions) {
    const { clock, random, onHeld = () => {}, gateways = 1 } = options;
    this.#clock = clock;
    this.#onHeld = onHeld;
    const count = (bounds: BackoffBounds) => new Backoff(clock, random.bytes(32), shareOf(bounds, gateways));
    this.#names = count(nameBounds);
    this.#addresses = count(addressBounds);
    this.#known = count(knownBounds);
  }

  /** Runs one check of a password and gives what it says. Throws `overloaded` with the time to wait where it must not run yet. */
  attempt(origin: AttemptOrigin, check: () => Promise<boolean>, signal?: AbortSignal): Promise<boolean> {
    return origin.isKnown ? this.#attemptKnown(origin, check, signal) : this.#attemptUnknown(origin, check);
  }

  async #attemptKnown(
    { username, address }: AttemptOrigin,
    check: () => Promise<boolean>,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const pair = `${nameKey(username)} ${address}`;
    const line = this.#lines.get(pair) ?? new Semaphore({ running: 1, waiting: heldPerPairMax });
    const heldMs = (line.active + line.waiting) * this.#known.intervalMs(pair);
    if (heldMs > heldMsMax) throw refuse(heldMs);
    this.#lines.set(pair, line);
    try {
      return await line.run(async () => {
        const waitMs = this.#known.waitMs(pair);
        if (waitMs > 0) {
          this.#onHeld();
          await this.#clock.sleep(waitMs, signal);
        }
        const isRight = await check();
        if (isRight) this.#known.forget(pair);
        else {
          this.#known.charge(pair);
          this.#addresses.charge(address);
        }
        return isRight;
      }, signal);
    } finally {
      if (line.active + line.waiting === 0) this.#lines.delete(pair);
    }
  }

  async #attemptUnknown({ username, address }: AttemptOrigin, check: () => Promise<boolean>): Promise<boolean> {
    const name = nameKey(username);
    const waitMs = Math.max(this.#names.waitMs(name), this.#addresses.waitMs(address));
    if (waitMs > 0) throw refuse(waitMs);
    this.#names.charge(name);
    this.#addresses.charge(address);
    let isWrong = false;
    try {
      isWrong = !(await check());
      return !isWrong;
    } finally {
      // A right password, or a check that could not run, takes back its own charge only: with an account of his own
      // nobody wipes out his guesses.
      if (!isWrong) {
        this.#names.refund(name);
        this.#addresses.refund(address);
      }
    }
  }
}

function refuse(waitMs: number): Error {
  return retryLater('overloaded', 'too many attempts to log in', waitMs);
}
