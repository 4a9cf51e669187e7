import { retryLater } from './errors.ts';

/** At most `running` at once and `waiting` in line, first come, first served; one more is refused as `overloaded`. */
export class Semaphore {
  readonly #running: number;
  readonly #waiting: number;
  readonly #line: { readonly start: () => void; readonly leave: () => void }[] = [];
  #active = 0;

  constructor(bounds: { readonly running: number; readonly waiting: number }) {
    this.#running = bounds.running;
    this.#waiting = bounds.waiting;
  }

  get active(): number {
    return this.#active;
  }

  get waiting(): number {
    return this.#line.length;
  }

  async run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.#enter(signal);
    try {
      return await task();
    } finally {
      this.#active -= 1;
      this.#line.shift()?.start();
    }
  }

  async #enter(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#active < this.#running) {
      this.#active += 1;
      return;
    }
    if (this.#line.length >= this.#waiting)
      throw retryLater('overloaded', `${this.#running} running and ${this.#line.length} waiting already`, 1_000, {
        position: this.#line.length,
      });
    await new Promise<void>((resolve, reject) => {
      const leave = () => {
        const place = this.#line.indexOf(entry);
        if (place >= 0) this.#line.splice(place, 1);
        reject(signal?.reason);
      };
      const entry = {
        start: () => {
          signal?.removeEventListener('abort', leave);
          this.#active += 1;
          resolve();
        },
        leave,
      };
      signal?.addEventListener('abort', leave, { once: true });
      this.#line.push(entry);
    });
  }
}
