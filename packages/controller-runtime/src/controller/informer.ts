import type { Clock, Logger } from '@hybridstore/runtime';
import type { KubeObject } from '../kube/object.ts';
import type { Kube, Selection } from '../kube/ports.ts';
import type { Resource } from '../kube/resource.ts';
import type { MachineMetrics } from './machine-metrics.ts';
import { allNamespaces, type CacheChange, type IndexFunction, ObjectCache } from './object-cache.ts';
import { Reflector } from './reflector.ts';

/** Reflectors and the cache that they fill, as one thing to read from and listen to. */
export type InformerOptions<T extends KubeObject> = {
  readonly kube: Pick<Kube, 'list' | 'watch'>;
  readonly resource: Resource<T>;
  readonly selection?: Omit<Selection, 'namespace'>;
  /** Each is listed and watched by itself, as rights in these alone allow; absent: all at once. */
  readonly namespaces?: readonly string[];
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
  readonly #reflectors: readonly Reflector<T>[];
  /** Parts whose first list has not come. */
  readonly #awaited: Set<string>;
  readonly #handlers: ChangeHandler<T>[] = [];
  readonly #synced = Promise.withResolvers<void>();

  constructor(options: InformerOptions<T>) {
    this.resource = options.resource;
    this.cache = new ObjectCache(options.indexes);
    const parts = [...new Set(options.namespaces ?? [allNamespaces])];
    this.#awaited = new Set(parts);
    this.#reflectors = parts.map((part) => this.#reflect(options, part));
    if (parts.length === 0) this.#synced.resolve();
  }

  #reflect(options: InformerOptions<T>, part: string): Reflector<T> {
    const { cache } = this;
    const notify = (changes: readonly CacheChange<T>[]) => this.#notify(changes);
    return new Reflector({
      ...options,
      selection: { ...options.selection, ...(part === allNamespaces ? {} : { namespace: part }) },
      sink: {
        replace: (objects, version) => {
          notify(cache.replace(objects, version, part));
          this.#markSynced(part);
        },
        put: (object) => notify(cache.put(object, part)),
        remove: (object) => notify(cache.remove(object, part)),
        advance: (version) => cache.advance(version, part),
      },
    });
  }

  /** Whether the first list of every part is in the cache: before that, absence means nothing. */
  get hasSynced(): boolean {
    return this.#awaited.size === 0;
  }

  /** Called for each change after it is in the cache. Handlers must be quick and must not throw. */
  onChange(handler: ChangeHandler<T>): void {
    this.#handlers.push(handler);
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#reflectors.map((reflector) => reflector.run(signal)));
  }

  /** Resolves after the first lists; rejects with the signal's reason. */
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

  #markSynced(part: string): void {
    this.#awaited.delete(part);
    if (this.hasSynced) this.#synced.resolve();
  }
}
