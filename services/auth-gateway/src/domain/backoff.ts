import { createHmac } from 'node:crypto';
import type { Clock } from '@hybridstore/runtime';

export type BackoffBounds = {
  /** Failures in a row that cost no wait. */
  readonly freeFailures: number;
  /** The wait after one more failure; each further one doubles it. */
  readonly waitMsMin: number;
  readonly waitMsMax: number;
};

/** One of `processes` that count by themselves: all together let through no more than the bounds. */
export function shareOf(bounds: BackoffBounds, processes: number): BackoffBounds {
  return {
    freeFailures: Math.max(1, Math.floor(bounds.freeFailures / processes)),
    waitMsMin: bounds.waitMsMin * processes,
    waitMsMax: bounds.waitMsMax * processes,
  };
}

/** Quiet time after which failures are forgotten. */
const forgetMs = 900_000;
const bucketsMax = 65_536;

type Failures = { readonly count: number; readonly openAtMs: number; readonly lastMs: number };
const none: Failures = { count: 0, openAtMs: 0, lastMs: 0 };

/**
 * Failures by key, and how long the next attempt has to wait. Keys share a fixed number of buckets by a hash that only this
 * process can compute, so there is nothing to evict: whoever wants a key forgotten cannot push it out, whoever wants to
 * slow a key down cannot find its neighbours, and memory is bounded whatever is sent. Keys that do meet are slowed together.
 */
export class Backoff {
  readonly #clock: Clock;
  readonly #hashKey: Buffer;
  readonly #bounds: BackoffBounds;
  readonly #buckets = new Map<number, Failures>();

  constructor(clock: Clock, hashKey: Buffer, bounds: BackoffBounds) {
    this.#clock = clock;
    this.#hashKey = hashKey;
    this.#bounds = bounds;
  }

  waitMs(key: string): number {
    return Math.max(0, this.#read(this.#bucketOf(key)).openAtMs - this.#clock.monotonicMs());
  }

  /** From one attempt to the next, as things stand. */
  intervalMs(key: string): number {
    return this.#intervalMs(this.#read(this.#bucketOf(key)).count);
  }

  charge(key: string): void {
    const bucket = this.#bucketOf(key);
    const count = this.#read(bucket).count + 1;
    const lastMs = this.#clock.monotonicMs();
    this.#buckets.set(bucket, { count, openAtMs: lastMs + this.#intervalMs(count), lastMs });
  }

  /** Takes a charge back that was none. */
  refund(key: string): void {
    const bucket = this.#bucketOf(key);
    const held = this.#read(bucket);
    const count = Math.max(0, held.count - 1);
    this.#buckets.set(bucket, { ...held, count, openAtMs: held.lastMs + this.#intervalMs(count) });
  }

  forget(key: string): void {
    this.#buckets.delete(this.#bucketOf(key));
  }

  #intervalMs(count: number): number {
    const { freeFailures, waitMsMin, waitMsMax } = this.#bounds;
    return count < freeFailures ? 0 : Math.min(waitMsMin * 2 ** Math.min(count - freeFailures, 20), waitMsMax);
  }

  #read(bucket: number): Failures {
    const held = this.#buckets.get(bucket);
    if (!held) return none;
    return this.#clock.monotonicMs() - Math.max(held.lastMs, held.openAtMs) >= forgetMs ? none : held;
  }

  #bucketOf(key: string): number {
    return createHmac('sha256', this.#hashKey).update(key).digest().readUInt32LE(0) % bucketsMax;
  }
}
