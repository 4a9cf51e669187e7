type Flight = { readonly current: Promise<void>; next: Promise<void> | undefined };

/**
 * One run of a key at a time. Who asks during a run shares the next one, because the present one may have read its
 * facts before the asker's own change. So a crowd costs two runs, and each asker sees what was true when it asked.
 */
export class LatestRun<K> {
  readonly #flights = new Map<K, Flight>();

  run(key: K, task: () => Promise<void>): Promise<void> {
    const flight = this.#flights.get(key);
    if (!flight) return this.#start(key, task);
    flight.next ??= flight.current.then(
      () => this.#start(key, task),
      () => this.#start(key, task),
    );
    return flight.next;
  }

  #start(key: K, task: () => Promise<void>): Promise<void> {
    const flight: Flight = {
      current: task().finally(() => {
        if (this.#flights.get(key) === flight && flight.next === undefined) this.#flights.delete(key);
      }),
      next: undefined,
    };
    this.#flights.set(key, flight);
    return flight.current;
  }
}
