import type { Clock } from '@hybridstore/runtime';
import { type BackoffOptions, backoffMs } from './backoff.ts';

/**
 * The queue between what happened and who repairs it. A key that is added while it waits is one entry; added while it is
 * worked on, it waits until that is done. So one key is never in two workers, and any number of events cost one reconcile.
 * Source of the idea: client-go util/workqueue. Deliberately left out: order by priority.
 */
export type WorkQueueOptions = {
  readonly clock: Clock;
  readonly random: () => number;
  /** First retry of a key after its first failure. */
  readonly retryBaseMs?: number;
  readonly retryCapMs?: number;
  /** Distinct keys that may wait. One more is refused, and found again by the next resync. */
  readonly keysMax?: number;
  readonly observer?: QueueObserver;
};

/** Hears what becomes of keys: one that waits already is not added again. */
export type QueueObserver = {
  readonly added: () => void;
  readonly taken: (waitedSeconds: number) => void;
  readonly finished: (workedSeconds: number) => void;
};

export const retryBaseMsDefault = 100;
export const retryCapMsDefault = 60_000;
export const queueKeysMax = 200_000;

type Taker = (key: string | undefined) => void;

type Delayed = {
  readonly atMs: number;
  readonly cancel: () => void;
};

export class WorkQueue {
  readonly #clock: Clock;
  readonly #backoff: BackoffOptions;
  readonly #keysMax: number;
  readonly #observer: QueueObserver | undefined;
  /** In the order of arrival, each with the time at which it was added. */
  readonly #ready = new Map<string, number>();
  /** With the time at which it was taken. */
  readonly #active = new Map<string, number>();
  /** Added while active: ready again when done. */
  readonly #again = new Map<string, number>();
  readonly #delayed = new Map<string, Delayed>();
  readonly #failures = new Map<string, number>();
  readonly #takers: Taker[] = [];
  #isClosed = false;

  constructor(options: WorkQueueOptions) {
    this.#clock = options.clock;
    this.#observer = options.observer;
    this.#keysMax = options.keysMax ?? queueKeysMax;
    this.#backoff = {
      baseMs: options.retryBaseMs ?? retryBaseMsDefault,
      capMs: options.retryCapMs ?? retryCapMsDefault,
      random: options.random,
    };
  }

  /** Keys that wait for a worker now. */
  get depth(): number {
    return this.#ready.size + this.#again.size;
  }

  /** Keys that wait for their time. */
  get delayed(): number {
    return this.#delayed.size;
  }

  get active(): number {
    return this.#active.size;
  }

  /** How long each key in work has been that. */
  activeMs(): readonly number[] {
    const nowMs = this.#clock.monotonicMs();
    return [...this.#active.values()].map((sinceMs) => nowMs - sinceMs);
  }

  /** False when the key was refused: the queue is closed or full. */
  add(key: string): boolean {
    if (this.#isClosed) return false;
    if (this.#again.has(key) || this.#ready.has(key)) return true;
    const nowMs = this.#clock.monotonicMs();
    if (this.#active.has(key)) this.#again.set(key, nowMs);
    else if (this.depth >= this.#keysMax) return false;
    else this.#offer(key, nowMs);
    this.#observer?.added();
    return true;
  }

  /** Adds the key after a time. Of two times of one key the earlier counts; `add` in between does not cancel it. */
  addAfter(key: string, delayMs: number): boolean {
    if (delayMs <= 0) return this.add(key);
    if (this.#isClosed) return false;
    const atMs = this.#clock.monotonicMs() + delayMs;
    const known = this.#delayed.get(key);
    if (known !== undefined && known.atMs <= atMs) return true;
    if (known === undefined && this.#delayed.size >= this.#keysMax) return false;
    known?.cancel();
    const cancel = this.#clock.schedule(delayMs, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { atMs, cancel });
    return true;
  }

  /** Adds the key after its own backoff, but not before `delayMsMin`. Gives the delay. */
  retry(key: string, delayMsMin = 0): number {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    const delayMs = Math.max(delayMsMin, backoffMs(failures, this.#backoff));
    this.addAfter(key, delayMs);
    return delayMs;
  }

  /** The key works again: its next failure waits the base time. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The next key, which is the caller's until `done`; undefined when the queue is closed. */
  take(): Promise<string | undefined> {
    if (this.#isClosed) return Promise.resolve(undefined);
    const next = this.#ready.entries().next();
    if (next.done === true) return new Promise((resolve) => this.#takers.push(resolve));
    const [key, addedMs] = next.value;
    this.#ready.delete(key);
    this.#begin(key, addedMs);
    return Promise.resolve(key);
  }

  done(key: string): void {
    const takenMs = this.#active.get(key);
    if (takenMs === undefined) return;
    this.#active.delete(key);
    this.#observer?.finished((this.#clock.monotonicMs() - takenMs) / 1_000);
    const addedMs = this.#again.get(key);
    if (addedMs === undefined) return;
    this.#again.delete(key);
    this.#offer(key, addedMs);
  }

  /** Refuses new keys and lets takers go. What is being worked on may finish. */
  close(): void {
    this.#isClosed = true;
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    this.#ready.clear();
    this.#again.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  /** To who waits for a key, else to the end of the queue. */
  #offer(key: string, addedMs: number): void {
    const taker = this.#takers.shift();
    if (taker === undefined) {
      this.#ready.set(key, addedMs);
      return;
    }
    this.#begin(key, addedMs);
    taker(key);
  }

  #begin(key: string, addedMs: number): void {
    const nowMs = this.#clock.monotonicMs();
    this.#active.set(key, nowMs);
    this.#observer?.taken((nowMs - addedMs) / 1_000);
  }
}
