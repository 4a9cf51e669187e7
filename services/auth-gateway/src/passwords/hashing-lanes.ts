import { type HybridStoreError, retryLater } from '@hybridstore/runtime';
import type { HashLane, HashOrder } from '../domain/ports.ts';

/** Each takes a thread of libuv's four and 19 MiB; two leave room for files and names. */
const runningMax = 2;
/** The other place is for log-ins, whatever registrations there are. */
const registrationsRunningMax = 1;
const waitingPerLaneMax = 64;

type Entry = { readonly address: string; readonly start: () => void; readonly refuse: (error: unknown) => void };

/**
 * The line of slow hashes: log-ins from known addresses first, then other log-ins, then registrations. Each lane has places
 * of its own, and addresses take turns in it; when it is full, the address with most places gives one to an address with
 * fewer. So nobody's flood is in front of anybody's log-in from another address.
 */
export class HashingLanes {
  readonly #lanes: Readonly<Record<HashLane, Lane>> = {
    known: new Lane(),
    unknown: new Lane(),
    registration: new Lane(),
  };
  readonly #running: Record<HashLane, number> = { known: 0, unknown: 0, registration: 0 };

  /** `overloaded` when the lane is full. */
  async run<T>(order: HashOrder, task: () => Promise<T>): Promise<T> {
    await this.#enter(order);
    try {
      return await task();
    } finally {
      this.#running[order.lane] -= 1;
      this.#startNext();
    }
  }

  async #enter({ lane, address, signal }: HashOrder): Promise<void> {
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const leave = () => {
        this.#lanes[lane].remove(entry);
        reject(signal?.reason);
      };
      const entry: Entry = {
        address,
        start: () => {
          signal?.removeEventListener('abort', leave);
          this.#running[lane] += 1;
          resolve();
        },
        refuse: (error) => {
          signal?.removeEventListener('abort', leave);
          reject(error);
        },
      };
      signal?.addEventListener('abort', leave, { once: true });
      this.#lanes[lane].add(entry);
      this.#startNext();
    });
  }

  #startNext(): void {
    const { known, unknown, registration } = this.#running;
    if (known + unknown + registration >= runningMax) return;
    const next =
      this.#lanes.known.take() ??
      this.#lanes.unknown.take() ??
      (registration < registrationsRunningMax ? this.#lanes.registration.take() : undefined);
    next?.start();
  }
}

/** Entries by address, in the order of the addresses' turns. */
class Lane {
  readonly #lines = new Map<string, Entry[]>();
  #waiting = 0;

  add(entry: Entry): void {
    const line = this.#lines.get(entry.address) ?? [];
    if (this.#waiting >= waitingPerLaneMax && !this.#makeRoom(line.length)) {
      entry.refuse(full());
      return;
    }
    line.push(entry);
    this.#lines.set(entry.address, line);
    this.#waiting += 1;
  }

  take(): Entry | undefined {
    for (const [address, line] of this.#lines) {
      const entry = line.shift();
      this.#lines.delete(address);
      if (line.length > 0) this.#lines.set(address, line);
      this.#waiting -= 1;
      return entry;
    }
    return undefined;
  }

  remove(entry: Entry): void {
    const line = this.#lines.get(entry.address);
    const place = line?.indexOf(entry) ?? -1;
    if (!line || place < 0) return;
    line.splice(place, 1);
    if (line.length === 0) this.#lines.delete(entry.address);
    this.#waiting -= 1;
  }

  /** Whether the longest line gave its last place to one that would still be shorter. */
  #makeRoom(length: number): boolean {
    const longest = [...this.#lines.values()].reduce((most, line) => (line.length > most.length ? line : most), []);
    const last = longest.at(-1);
    if (!last || longest.length <= length + 1) return false;
    this.remove(last);
    last.refuse(full());
    return true;
  }
}

function full(): HybridStoreError {
  return retryLater('overloaded', `${waitingPerLaneMax} passwords are waiting to be checked already`, 1_000);
}
