import type { Clock } from './clock.ts';
import { type Collector, findCollector } from './collector.ts';

export type RestingMemory = {
  readonly clock: Clock;
  /** Processor time of the calling thread so far; absent: what the system says. */
  readonly cpuMs?: () => number;
  readonly heapBytes?: () => number;
  readonly collect?: () => void;
};

export const lookMs = 5_000;
/** Of the time from one look to the next. Probes and polls take some thousandths. */
const restShareMax = 0.05;
/** A collection takes as long as the heap is large: some 50 ms for a service, and nobody is to wait for seconds. */
export const heapBytesMax = 256 * 1024 * 1024;

/**
 * Has V8 give back what it holds in reserve, once after the start of a thread and once whenever it comes to rest after
 * work. By itself it keeps the room for young objects that a start or a burst took, and garbage beside the heap, until it
 * allocates again, which a thread at rest hardly does: a third of a service's memory, and half of a parser's.
 *
 * Rest is a whole `lookMs` in which the thread had next to nothing to do, so whoever is held up by the collection is
 * the first to come after a pause. The returned function ends the watch.
 */
export function giveBackAtRest({
  clock,
  cpuMs = readThreadCpuMs,
  heapBytes = () => process.memoryUsage().heapUsed,
  collect = collectAll,
}: RestingMemory): () => void {
  let hasWorked = true;
  let before = cpuMs();
  let cancel = () => {};
  const look = () => {
    const now = cpuMs();
    const isBusy = now - before > lookMs * restShareMax;
    before = now;
    if (isBusy) hasWorked = true;
    else if (hasWorked) {
      hasWorked = false;
      if (heapBytes() <= heapBytesMax) collect();
    }
    cancel = clock.schedule(lookMs, look);
  };
  cancel = clock.schedule(lookMs, look);
  return () => cancel();
}

function readThreadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

let collector: Collector | undefined;

function collectAll(): void {
  collector ??= findCollector();
  collector({ type: 'major', flavor: 'last-resort' });
}
