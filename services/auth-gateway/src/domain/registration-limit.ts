import { createHmac } from 'node:crypto';
import { type Clock, retryLater } from '@hybridstore/runtime';
import type { RandomSource } from './ports.ts';

const burstMax = 50;
const perRegistrationMs = 6_000;
const bucketsMax = 65_536;

/**
 * Registrations of one address: 50 at once, then one in 6 s. It bounds how many names somebody can try and how fast the
 * store can be filled. Addresses share a fixed number of buckets, as in `Backoff`.
 */
export class RegistrationLimit {
  readonly #clock: Clock;
  readonly #hashKey: Buffer;
  /** When each bucket will have been paid for (the generic cell rate algorithm of ATM Forum TM 4.0, section 4.4.2). */
  readonly #paidUntilMs = new Map<number, number>();

  readonly #burst: number;
  readonly #perRegistrationMs: number;

  /** `gateways`: how many processes count by themselves; each has its share. */
  constructor(clock: Clock, random: RandomSource, gateways = 1) {
    this.#clock = clock;
    this.#burst = Math.max(1, Math.floor(burstMax / gateways));
    this.#perRegistrationMs = perRegistrationMs * gateways;
    this.#hashKey = random.bytes(32);
  }

  /** Throws `overloaded` with the time to wait. */
  take(address: string): void {
    const bucket = createHmac('sha256', this.#hashKey).update(address).digest().readUInt32LE(0) % bucketsMax;
    const now = this.#clock.monotonicMs();
    const paidUntilMs = Math.max(now, this.#paidUntilMs.get(bucket) ?? 0) + this.#perRegistrationMs;
    const waitMs = paidUntilMs - now - this.#burst * this.#perRegistrationMs;
    if (waitMs > 0) throw retryLater('overloaded', 'too many registrations from one address', waitMs);
    this.#paidUntilMs.set(bucket, paidUntilMs);
  }
}
