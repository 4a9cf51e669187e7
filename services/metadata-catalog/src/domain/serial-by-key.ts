import { retryLater } from '@hybridstore/runtime';

const waitingPerKeyMax = 256;

/** Tasks of one key run one after the other, in the order of the calls; tasks of different keys do not wait for each other. */
export class SerialByKey {
  readonly #lines = new Map<string, { last: Promise<unknown>; waiting: number }>();

  async run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const line = this.#lines.get(key) ?? { last: Promise.resolve(), waiting: 0 };
    if (line.waiting >= waitingPerKeyMax)
      throw retryLater('overloaded', `${line.waiting} changes of ${key} are waiting already`, 1_000, { key });
    this.#lines.set(key, line);
    line.waiting += 1;
    const turn = line.last.then(task);
    // The next one starts whether this one succeeds or not; the failure belongs to this one's caller.
    line.last = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      line.waiting -= 1;
      if (line.waiting === 0) this.#lines.delete(key);
    }
  }
}
