/** Callers of one key at one time share one run and its result. */
export class SingleFlight<K, V> {
  readonly #flights = new Map<K, Promise<V>>();

  run(key: K, task: () => Promise<V>): Promise<V> {
    const flying = this.#flights.get(key);
    if (flying) return flying;
    const flight = task().finally(() => this.#flights.delete(key));
    this.#flights.set(key, flight);
    return flight;
  }
}
