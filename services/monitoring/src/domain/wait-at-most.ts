import type { Clock } from '@hybridstore/runtime';

/** Waits for the work, but no longer than `waitMs`; the work goes on then, and its failure is its own affair. */
export async function waitAtMost(clock: Clock, waitMs: number, work: Promise<unknown>): Promise<void> {
  let cancel = () => {};
  const isOver = new Promise<void>((resolve) => {
    cancel = clock.schedule(waitMs, resolve);
  });
  const settled = work.finally(() => cancel());
  // The race below takes a failure that comes in time; one that comes later has nobody waiting for it.
  settled.catch(() => {});
  await Promise.race([settled, isOver]);
}
