import type { Clock } from '@hybridstore/runtime';
import type { QueryCall } from '../ports.ts';

export type RetryOptions = {
  readonly clock: Clock;
  /** Only what is safe to repeat. */
  readonly isSafe: (error: unknown) => boolean;
};

const attemptsMax = 4;
const firstDelayMs = 100;

/** The query's own deadline stands behind the call and ends it with the right reason; the client's time-out only backs it up. */
const backupMs = 1_000;

/** Options of a call that ends with the query: the receiver gets the time that is left. */
export function callOptions(call: QueryCall) {
  const { token, requestId, signal, timeoutMs } = call;
  const headers = { 'x-deadline-ms': String(timeoutMs) };
  return { token, requestId, signal, timeoutMs: timeoutMs + backupMs, headers };
}

/**
 * Repeats `task` after 100, 300 and 900 ms, within the call's time; each attempt gets what is left of it. By hand, beside
 * cockatiel's circuit breaker: its retry waits on the process's timers, through an abort and past the call's time.
 */
export async function retry<T>(
  call: QueryCall,
  options: RetryOptions,
  task: (call: QueryCall) => Promise<T>,
): Promise<T> {
  const endMs = options.clock.monotonicMs() + call.timeoutMs;
  for (let attempt = 1, delayMs = firstDelayMs; ; attempt += 1, delayMs *= 3) {
    try {
      return await task({ ...call, timeoutMs: Math.max(1, Math.floor(endMs - options.clock.monotonicMs())) });
    } catch (error) {
      const wouldBeLate = options.clock.monotonicMs() + delayMs >= endMs;
      if (attempt >= attemptsMax || wouldBeLate || call.signal.aborted || !options.isSafe(error)) throw error;
      await options.clock.sleep(delayMs, call.signal);
    }
  }
}
