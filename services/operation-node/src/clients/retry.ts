import type { Clock } from '@hybridstore/runtime';
import type { QueryCall } from '../ports.ts';

export type RetryOptions = {
  readonly clock: Clock;
  /** Only what is safe to repeat. */
  readonly isSafe: (error: unknown) => boolean;
};

const attemptsMax = 4;
const firstDelayMs = 100;

/** Repeats `task` after 100, 300 and 900 ms, within the call's time; each attempt gets what is left of it. */
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
