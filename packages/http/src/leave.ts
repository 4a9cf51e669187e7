import type { Clock, Environment } from '@hybridstore/runtime';
import type { Server } from './server.ts';

const delaySecondsMax = 15;
/** As long as a statement may take. */
const finishSecondsMax = 3_600;
const finishSecondsDefault = 10;

/** How a process goes when it is to end. Nothing of it is waited for longer than there is something to wait for, but the delay. */
export type LeavingTimes = {
  /** As long as others may take to see that this process is not ready. */
  readonly delayMs: number;
  /** Longest wait for requests that are under way after that. */
  readonly finishMs: number;
};

/** SHUTDOWN_DELAY_SECONDS and SHUTDOWN_FINISH_SECONDS. */
export function readLeavingTimes(environment: Environment): LeavingTimes {
  return {
    delayMs: 1_000 * environment.integer('SHUTDOWN_DELAY_SECONDS', { fallback: 0, min: 0, max: delaySecondsMax }),
    finishMs:
      1_000 *
      environment.integer('SHUTDOWN_FINISH_SECONDS', { fallback: finishSecondsDefault, min: 0, max: finishSecondsMax }),
  };
}

/**
 * The first step of going: not ready, and for `delayMs` everything is answered as before, since whoever sends requests
 * here learns of it with a delay. Each answer asks its client to connect anew, which leads it to another process.
 */
export async function leave(server: Server, clock: Clock, { delayMs }: LeavingTimes): Promise<void> {
  server.standard.isLeaving = true;
  if (delayMs > 0) await clock.sleep(delayMs);
}

/** Closes a server: what is under way may end within `finishMs`, and whatever has not by then is cut off. */
export async function finish(
  server: Server,
  clock: Clock,
  close: () => Promise<void>,
  { finishMs }: LeavingTimes,
): Promise<void> {
  const cancel = clock.schedule(finishMs, () => server.app.server.closeAllConnections());
  try {
    await close();
  } finally {
    cancel();
  }
}
