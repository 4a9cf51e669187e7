import { type Clock, HybridStoreError } from '@hybridstore/runtime';

/** How long a query may still take, on the clock that never jumps. */
export class Deadline {
  readonly timeoutMs: number;
  readonly #clock: Clock;
  readonly #endMs: number;
  readonly #stop = new AbortController();
  readonly #cancelTimer: () => void;

  constructor(clock: Clock, timeoutMs: number) {
    this.timeoutMs = timeoutMs;
    this.#clock = clock;
    this.#endMs = clock.monotonicMs() + timeoutMs;
    this.#cancelTimer = clock.schedule(timeoutMs, () => this.#stop.abort(passed(timeoutMs)));
  }

  /** Aborted with the reason of the first of: the time has passed, the client went away, the query was cancelled. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Whole milliseconds, at least 1; throws the reason when the query has to end. */
  remainingMs(): number {
    this.#stop.signal.throwIfAborted();
    const leftMs = Math.floor(this.#endMs - this.#clock.monotonicMs());
    if (leftMs < 1) this.#stop.abort(passed(this.timeoutMs));
    this.#stop.signal.throwIfAborted();
    return leftMs;
  }

  end(reason: unknown): void {
    this.#stop.abort(reason);
  }

  /** The query has ended: its timer goes. */
  clear(): void {
    this.#cancelTimer();
  }
}

function passed(timeoutMs: number): HybridStoreError {
  return new HybridStoreError('deadline_exceeded', `the query did not end within ${timeoutMs} ms`, {
    timeout_ms: timeoutMs,
  });
}

export type TimeoutBounds = { readonly defaultMs: number; readonly maxMs: number };

/** What the request asks for, capped by the platform, by the caller's own deadline, and the default where it asks for nothing. */
export function decideTimeoutMs(
  requested: { readonly timeoutSeconds: number | undefined; readonly callerDeadlineMs: number | undefined },
  bounds: TimeoutBounds,
): number {
  const requestedMs = requested.timeoutSeconds === undefined ? bounds.defaultMs : requested.timeoutSeconds * 1_000;
  return Math.max(1, Math.floor(Math.min(requestedMs, bounds.maxMs, requested.callerDeadlineMs ?? bounds.maxMs)));
}
