import type { Clock, Logger } from '@hybridstore/runtime';
import type { KubeObject } from '../kube/object.ts';
import type { Kube, Selection } from '../kube/ports.ts';
import type { Resource } from '../kube/resource.ts';
import type { MachineMetrics } from './machine-metrics.ts';
import { type CacheChange, type IndexFunction, ObjectCache } from './object-cache.ts';
import { Reflector } from './reflector.ts';

/** A reflector and its cache as one thing to read from and listen to. */
export type InformerOptions<T extends KubeObject> = {
  readonly kube: Pick<Kube, 'list' | 'watch'>;
  readonly resource: Resource<T>;
  readonly selection?: Selection;
  readonly indexes?: Readonly<Record<string, IndexFunction<T>>>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics?: MachineMetrics;
};

export type ChangeHandler<T extends KubeObject> = (change: CacheChange<T>) => void;

export class Informer<T extends KubeObject = KubeObject> {
  readonly resource: Resource<T>;
  readonly cache: ObjectCache<T>;
  readonly #reflector: Reflector<T>;
  readonly #handlers: ChangeHandler<T>[] = [];
  readonly #synced = Promise.withResolvers<void>();
  #hasSynced = false;

  constructor(options: InformerOptions<T>) {
    this.resource = options.resource;
    this.cache = new ObjectCache(options.indexes);
    const notify = (changes: readonly CacheChange<T>[]) => this.#notify(changes);
    this.#reflector = new Reflector({
      ...options,
      sink: {
        replace: (objects, version) => {
          notify(this.cache.replace(objects, version));
          this.#markSynced();
        },
        put: (object) => notify(this.cache.put(object)),
        remove: (object) => notify(this.cache.remove(object)),
        advance: (version) => this.cache.advance(version),
      },
    });
  }

  /** Whether the first list is in the cache: before that, absence means nothing. */
  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** Called for each change after it is in the cache. Handlers must be quick and must not throw. */
  onChange(handler: ChangeHandler<T>): void {
    this.#handlers.push(handler);
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#reflector.run(signal);
  }

  /** Resolves after the first list; rejects with the signal's reason. */
  async untilSynced(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    const stop = () => aborted.reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    try {
      await Promise.race([this.#synced.promise, aborted.promise]);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  #notify(changes: readonly CacheChange<T>[]): void {
    for (const change of changes) for (const handler of this.#handlers) handler(change);
  }

  #markSynced(): void {
    this.#hasSynced = true;
    this.#synced.resolve();
  }
}
