import { type Clock, type HybridStoreError, retryLater } from '@hybridstore/runtime';

/** A part of the memory. `release` gives it back, once. */
export interface MemoryTurn {
  readonly bytes: number;
  /** Whether another turn was held at any moment of this one. */
  readonly hadCompany: boolean;
  release(): void;
}

export type MemoryTurnsOptions = {
  readonly bytesMax: number;
  readonly waitingMax: number;
  readonly clock: Pick<Clock, 'monotonicMs' | 'schedule'>;
};

type Waiting = { readonly bytes: number; readonly start: () => void };

class HeldTurn implements MemoryTurn {
  readonly bytes: number;
  hadCompany = false;
  readonly #onRelease: (turn: HeldTurn) => void;

  constructor(bytes: number, onRelease: (turn: HeldTurn) => void) {
    this.bytes = bytes;
    this.#onRelease = onRelease;
  }

  release(): void {
    this.#onRelease(this);
  }
}

const retryAfterMsMin = 1_000;
const retryAfterMsMax = 30_000;
/** Weight of the newest turn in the mean of held times. */
const meanWeight = 0.1;
/** What one user may hold of the line: the rest is for the others. */
const userShare = 0.8;

/**
 * Grants memory to heavy statements: never more than there is, to users in turn, and to each in the order in which he came.
 * **Nobody is passed over**: where what the next one needs is not free, those behind wait too, so that a statement that needs
 * everything gets it, however many small ones come. That leaves memory unused for as long as it waits for the rest.
 *
 *   100 MB, a holds 60          line, next turn first
 *                               b: 60 | c: 10 | a: 60      c would fit, and waits: b would else never come
 *   a gives back                c: 10 | a: 60              b has 60
 *                               a: 60                      b has 60, c has 10
 *
 * Left out on purpose: what a statement really takes, which the engine does not say; it is stopped by the engine's own bound.
 */
export class MemoryTurns {
  readonly #options: MemoryTurnsOptions;
  readonly #held = new Set<HeldTurn>();
  /** By user, in the order of their turns: who has been served goes to the end. */
  readonly #lines = new Map<string, Waiting[]>();
  #grantedBytes = 0;
  #waiting = 0;
  #meanHeldMs = retryAfterMsMin;

  constructor(options: MemoryTurnsOptions) {
    this.#options = options;
  }

  get bytesMax(): number {
    return this.#options.bytesMax;
  }

  get grantedBytes(): number {
    return this.#grantedBytes;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Undefined when somebody waits, or when it would have to. More than there is counts as all there is. */
  tryTake(bytes: number): MemoryTurn | undefined {
    const wanted = this.#bound(bytes);
    return this.#waiting === 0 && this.#isFree(wanted) ? this.#grant(wanted) : undefined;
  }

  /** Throws `overloaded` with the place in line where the line is full or the wait too long, or the signal's reason. */
  async take(
    user: string,
    bytes: number,
    wait: { readonly msMax: number; readonly signal: AbortSignal },
  ): Promise<MemoryTurn> {
    wait.signal.throwIfAborted();
    const turn = this.tryTake(bytes);
    if (turn) return turn;
    this.#requireRoom(user);
    return new Promise((resolve, reject) => {
      const leave = (reason: unknown) => {
        stop();
        this.#leave(user, entry);
        reject(reason);
      };
      const abort = () => leave(wait.signal.reason);
      const cancelTimer = this.#options.clock.schedule(wait.msMax, () =>
        leave(this.#overloaded(`the statement waited ${Math.round(wait.msMax)} ms for memory`, this.#placeOf(entry))),
      );
      const stop = () => {
        cancelTimer();
        wait.signal.removeEventListener('abort', abort);
      };
      const entry: Waiting = {
        bytes: this.#bound(bytes),
        start: () => {
          stop();
          resolve(this.#grant(entry.bytes));
        },
      };
      wait.signal.addEventListener('abort', abort, { once: true });
      this.#lines.set(user, [...(this.#lines.get(user) ?? []), entry]);
      this.#waiting += 1;
    });
  }

  #bound(bytes: number): number {
    return Math.min(Math.max(0, bytes), this.#options.bytesMax);
  }

  #isFree(bytes: number): boolean {
    return this.#grantedBytes + bytes <= this.#options.bytesMax;
  }

  #grant(bytes: number): MemoryTurn {
    const startedMs = this.#options.clock.monotonicMs();
    const turn = new HeldTurn(bytes, () => this.#release(turn, startedMs));
    this.#held.add(turn);
    this.#grantedBytes += bytes;
    if (this.#held.size > 1) for (const held of this.#held) held.hadCompany = true;
    return turn;
  }

  #release(turn: HeldTurn, startedMs: number): void {
    if (!this.#held.delete(turn)) return;
    this.#grantedBytes -= turn.bytes;
    this.#meanHeldMs += meanWeight * (this.#options.clock.monotonicMs() - startedMs - this.#meanHeldMs);
    this.#startWaiting();
  }

  #startWaiting(): void {
    for (const [user, line] of this.#lines) {
      const [entry, ...rest] = line;
      if (!entry || !this.#isFree(entry.bytes)) return;
      // Set again behind the others: the iteration comes to this user again after them.
      this.#lines.delete(user);
      if (rest.length > 0) this.#lines.set(user, rest);
      this.#waiting -= 1;
      entry.start();
    }
  }

  #leave(user: string, entry: Waiting): void {
    const line = this.#lines.get(user) ?? [];
    const rest = line.filter((other) => other !== entry);
    if (rest.length === line.length) return;
    this.#waiting -= 1;
    if (rest.length > 0) this.#lines.set(user, rest);
    else this.#lines.delete(user);
    // Those behind waited for it alone, perhaps.
    this.#startWaiting();
  }

  #requireRoom(user: string): void {
    const { waitingMax } = this.#options;
    const ofUser = this.#lines.get(user)?.length ?? 0;
    if (this.#waiting < waitingMax && ofUser < Math.ceil(waitingMax * userShare)) return;
    const [count, whose] = this.#waiting < waitingMax ? [ofUser, ' of the user'] : [this.#waiting, ''];
    throw this.#overloaded(`${count} statements${whose} are waiting for memory already`, this.#waiting + 1);
  }

  #overloaded(message: string, position: number): HybridStoreError {
    const waitMs = Math.min(retryAfterMsMax, Math.max(retryAfterMsMin, (this.#meanHeldMs * position) / 2));
    return retryLater('overloaded', message, Math.round(waitMs), { position, queue_length: this.#waiting });
  }

  /** How many come before it, and itself: of each user as many as have their turn before. */
  #placeOf(entry: Waiting): number {
    const lines = [...this.#lines.values()];
    const own = lines.findIndex((line) => line.includes(entry));
    const round = lines[own]?.indexOf(entry) ?? 0;
    const before = lines.reduce((sum, line, place) => sum + Math.min(line.length, round + (place < own ? 1 : 0)), 0);
    return before + 1;
  }
}
