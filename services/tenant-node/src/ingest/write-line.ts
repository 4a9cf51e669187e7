import { type Clock, type HybridStoreError, retryLater } from '@hybridstore/runtime';
import { FairTurns, type Turn, type Verdict } from './fair-turns.ts';

export type WriteLineOptions<T extends Turn> = {
  /** For refusals: `room for their rows`. */
  readonly what: string;
  readonly waitingMax: number;
  /** The rest is for others. */
  readonly waitingPerCallerMax: number;
  /** Whether a write may go on; what it then takes is noted at once. */
  readonly judge: (turn: T) => Verdict;
  readonly onGo: (turn: T) => void;
  /** One waits no more, behind which others may have waited: the line is to be looked at. */
  readonly onLeft: () => void;
  readonly clock: Pick<Clock, 'schedule'>;
  readonly random: () => number;
};

type Waiting<T extends Turn> = Turn & {
  readonly turn: T;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  /** Ends the watch over its time and its client. */
  stopWatch: () => void;
  isOver: boolean;
};

/** Spread, because those that are refused together would come back together. */
const retryMsMin = 1_000;
const retryMsMax = 5_000;

/** Milliseconds after which a refused write may come again. */
export function spreadRetryMs(random: () => number): number {
  return Math.round(retryMsMin + random() * (retryMsMax - retryMsMin));
}

/** Writes that wait for something in fair turns: a bounded number of them, each for a bounded time and for as long as its client stays. */
export class WriteLine<T extends Turn> {
  readonly #options: WriteLineOptions<T>;
  readonly #turns = new FairTurns<Waiting<T>>();
  #closed: HybridStoreError | undefined;

  constructor(options: WriteLineOptions<T>) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#turns.length;
  }

  hasSource(source: string): boolean {
    return this.#turns.hasSource(source);
  }

  /** Resolves when the write may go on. Throws `overloaded`, what the line was closed with, or the signal's reason. */
  enter(turn: T, { msMax, signal }: { readonly msMax: number; readonly signal: AbortSignal }): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const { source, caller } = turn;
      const waiting: Waiting<T> = { source, caller, turn, resolve, reject, stopWatch: () => {}, isOver: false };
      this.#turns.add(waiting);
      this.look();
      if (waiting.isOver) return;
      const refusal = this.#closed ?? this.#refuseOneTooMany(turn);
      if (refusal) this.#leave(waiting, refusal);
      else this.#watch(waiting, msMax, signal);
    });
  }

  /** To be called whenever somebody may be able to go on. */
  look(): void {
    const { judge, onGo } = this.#options;
    for (;;) {
      const next = this.#turns.take(({ turn }) => judge(turn));
      if (!next) return;
      onGo(next.turn);
      end(next);
      next.resolve();
    }
  }

  /** Nobody waits here any more. */
  close(error: HybridStoreError): void {
    this.#closed = error;
    for (const waiting of this.#turns.takeAll()) {
      end(waiting);
      waiting.reject(error);
    }
  }

  #watch(waiting: Waiting<T>, msMax: number, signal: AbortSignal): void {
    const leave = () => this.#leave(waiting, signal.reason);
    const cancel = this.#options.clock.schedule(msMax, () =>
      this.#leave(waiting, this.#refuse(`waited ${Math.round(msMax)} ms`)),
    );
    signal.addEventListener('abort', leave, { once: true });
    waiting.stopWatch = () => {
      cancel();
      signal.removeEventListener('abort', leave);
    };
  }

  #leave(waiting: Waiting<T>, error: unknown): void {
    if (!this.#turns.remove(waiting)) return;
    end(waiting);
    waiting.reject(error);
    this.#options.onLeft();
  }

  #refuseOneTooMany({ caller }: Turn): HybridStoreError | undefined {
    const { waitingMax, waitingPerCallerMax } = this.#options;
    const others = this.#turns.length - 1;
    if (others >= waitingMax) return this.#refuse(`${others} others wait already`);
    const own = this.#turns.ofCaller(caller) - 1;
    return own >= waitingPerCallerMax ? this.#refuse(`${own} others of the user wait already`) : undefined;
  }

  #refuse(why: string): HybridStoreError {
    const { what, random } = this.#options;
    return retryLater('overloaded', `the write needs ${what}: ${why}`, spreadRetryMs(random));
  }
}

function end(waiting: Waiting<Turn>): void {
  waiting.isOver = true;
  waiting.stopWatch();
}
