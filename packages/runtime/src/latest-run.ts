type Flight<V> = { readonly current: Promise<V>; next: Promise<V> | undefined };

/**
 * One run of a key at a time. Who asks during a run shares the next one, because the present one may have read its
 * facts before the asker's own change. So a crowd costs two runs, and each asker sees what was true when it asked.
 */
export class LatestRun<K, V = void> {
  readonly #flights = new Map<K, Flight<V>>();

  run(key: K, task: () => Promise<V>): Promise<V> {
    const flight = this.#flights.get(key);
    if (!flight) return this.#start(key, task);
    flight.next ??= flight.current.then(
      () => this.#start(key, task),
      () => this.#start(key, task),
    );
    return flight.next;
  }

  #start(key: K, task: () => Promise<V>): Promise<V> {
    const flight: Flight<V> = {
      current: task().finally(() => {
        if (this.#flights.get(key) === flight && flight.next === undefined) this.#flights.delete(key);
      }),
      next: undefined,
    };
    this.#flights.set(key, flight);
    return flight.current;
  }
}
