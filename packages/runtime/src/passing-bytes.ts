import { type Collector, findCollector } from './collector.ts';

/** Rarer, and a process grows by what it passes on meanwhile; more often, and looking costs more than it gives back. */
const lookEveryBytes = 4 * 1024 * 1024;

let passed = 0;
let collectYoung: Collector | undefined;

/**
 * To be called with what passes through this process in buffers that nobody keeps. They lie beside the heap, whose collector
 * goes by the heap and lets tens of megabytes of them gather; so it is called when so much has passed. It looks at young
 * objects only, less than a millisecond, and the memory that it gives back is warm for the next ones: passing costs less
 * than without.
 */
export function notePassing(bytes: number): void {
  passed += bytes;
  if (passed < lookEveryBytes) return;
  passed = 0;
  collectYoung ??= findCollector();
  collectYoung({ type: 'minor' });
}
