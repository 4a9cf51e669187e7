import type { Clock, Environment } from '@hybridstore/runtime';
import type { Server } from './server.ts';

const delaySecondsMax = 15;

/** SHUTDOWN_DELAY_SECONDS: as long as others may take to see that this process is not ready. */
export function readShutdownDelayMs(environment: Environment): number {
  return environment.integer('SHUTDOWN_DELAY_SECONDS', { fallback: 0, min: 0, max: delaySecondsMax }) * 1_000;
}

/**
 * The first step of going: not ready, and for `delayMs` everything is answered as before, since whoever sends requests
 * here learns of it with a delay. Each answer asks its client to connect anew, which leads it to another process.
 */
export async function leave(server: Server, clock: Clock, delayMs: number): Promise<void> {
  server.standard.isLeaving = true;
  if (delayMs > 0) await clock.sleep(delayMs);
}
