import { type Logger, LruCache, orAborted, retryLater } from '@hybridstore/runtime';
import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
  TaskCancelledError,
} from 'cockatiel';

export type BreakerOptions = {
  readonly logger: Logger;
  /** Failures of the service itself; other errors are answers and prove that it lives. */
  readonly isFailure: (error: unknown) => boolean;
};

const failuresInRowMax = 5;
const openMs = 2_000;
const breakersMax = 1_000;

/**
 * One circuit breaker per downstream service (per tenant for nodes). After five failures in a row calls are refused at
 * once for two seconds; then one call tries, and the others wait for its outcome.
 */
export class CircuitBreakers {
  readonly #options: BreakerOptions;
  readonly #breakers = new LruCache<string, CircuitBreakerPolicy>(breakersMax);

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  /** Throws what `task` throws, `unavailable` while the circuit is open, or the signal's reason. */
  async run<T>(name: string, signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    try {
      // The wait for somebody else's trial call must not outlast this query.
      return await orAborted(this.#breaker(name).execute(task), signal);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof BrokenCircuitError || error instanceof TaskCancelledError)
        throw retryLater(
          'unavailable',
          `${name} failed several times in a row and is left alone for a moment`,
          openMs,
          {
            service: name,
          },
        );
      throw error;
    }
  }

  #breaker(name: string): CircuitBreakerPolicy {
    const known = this.#breakers.get(name);
    if (known) return known;
    const { isFailure, logger } = this.#options;
    const breaker = circuitBreaker(handleWhen(isFailure), {
      halfOpenAfter: openMs,
      breaker: new ConsecutiveBreaker(failuresInRowMax),
    });
    breaker.onBreak(() => logger.warn('circuit_opened', { service: name }));
    breaker.onReset(() => logger.info('circuit_closed', { service: name }));
    this.#breakers.set(name, breaker);
    return breaker;
  }
}
