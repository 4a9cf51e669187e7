import type { ServerResponse } from 'node:http';
import type { Clock } from '@hybridstore/runtime';

const sweepMs = 15_000;
const stalledMsMax = 60_000;

type Reading = { bytesTaken: number; sinceMs: number };

/**
 * Ends answers whose client takes nothing for a minute: behind each of them a service holds a query open. One sweep for
 * all instead of a timer each, because most answers are gone before a timer would matter.
 */
export class SlowReaders {
  readonly #clock: Clock;
  readonly #open = new Map<ServerResponse, Reading>();
  #cancelSweep: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  watch(answer: ServerResponse): void {
    this.#open.set(answer, { bytesTaken: takenBy(answer), sinceMs: this.#clock.monotonicMs() });
    answer.once('close', () => this.#open.delete(answer));
    this.#cancelSweep ??= this.#clock.schedule(sweepMs, () => this.#sweep());
  }

  close(): void {
    this.#cancelSweep?.();
  }

  #sweep(): void {
    const now = this.#clock.monotonicMs();
    for (const [answer, reading] of this.#open) {
      const bytesTaken = takenBy(answer);
      // Only an answer that has bytes waiting can be stalled by its client; without them the service is thinking.
      if (bytesTaken !== reading.bytesTaken || !answer.writableNeedDrain)
        Object.assign(reading, { bytesTaken, sinceMs: now });
      else if (now - reading.sinceMs >= stalledMsMax) answer.destroy();
    }
    this.#cancelSweep = this.#open.size === 0 ? undefined : this.#clock.schedule(sweepMs, () => this.#sweep());
  }
}

/** Bytes that the client's connection has taken so far: written to the socket, less what still waits in it. */
function takenBy(answer: ServerResponse): number {
  return (answer.socket?.bytesWritten ?? 0) - (answer.socket?.writableLength ?? 0);
}
