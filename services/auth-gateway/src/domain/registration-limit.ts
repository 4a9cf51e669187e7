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

  constructor(clock: Clock, random: RandomSource) {
    this.#clock = clock;
    this.#hashKey = random.bytes(32);
  }

  /** Throws `overloaded` with the time to wait. */
  take(address: string): void {
    const bucket = createHmac('sha256', this.#hashKey).update(address).digest().readUInt32LE(0) % bucketsMax;
    const now = this.#clock.monotonicMs();
    const paidUntilMs = Math.max(now, this.#paidUntilMs.get(bucket) ?? 0) + perRegistrationMs;
    const waitMs = paidUntilMs - now - burstMax * perRegistrationMs;
    if (waitMs > 0) throw retryLater('overloaded', 'too many registrations from one address', waitMs);
    this.#paidUntilMs.set(bucket, paidUntilMs);
  }
}
