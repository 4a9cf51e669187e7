/**
 * What ends a call from outside: its time is over, or its caller has left. One signal stands for both: those of
 * `AbortSignal.timeout` and `AbortSignal.any` are kept by tables of weak references, which cost more than the rest of a call.
 */
export class CallEnd {
  readonly signal: AbortSignal | undefined;
  readonly #caller: AbortSignal | undefined;
  #timer: NodeJS.Timeout | undefined;
  #leave: (() => void) | undefined;
  #isLate = false;

  /** `timeoutMs`: Infinity for a call that its caller alone ends. */
  constructor(timeoutMs: number, caller: AbortSignal | undefined) {
    this.#caller = caller;
    if (!Number.isFinite(timeoutMs)) {
      this.signal = caller;
      return;
    }
    const stop = new AbortController();
    this.signal = stop.signal;
    if (caller?.aborted) {
      stop.abort(caller.reason);
      return;
    }
    this.#timer = setTimeout(() => {
      this.#isLate = true;
      stop.abort(new DOMException('the call took too long', 'TimeoutError'));
    }, timeoutMs);
    this.#timer.unref();
    if (!caller) return;
    this.#leave = () => stop.abort(caller.reason);
    caller.addEventListener('abort', this.#leave, { once: true });
  }

  /** Whether its time was over. */
  get isLate(): boolean {
    return this.#isLate;
  }

  /** The call is over: neither its time nor its caller ends it any more. */
  release(): void {
    clearTimeout(this.#timer);
    if (this.#leave) this.#caller?.removeEventListener('abort', this.#leave);
  }
}
