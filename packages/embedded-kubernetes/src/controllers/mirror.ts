import type { Resource } from '@hybridstore/controller-runtime';
import {
  formatKey,
  isExpired,
  type Kube,
  type KubeObject,
  keyOf,
  listAll,
  type Stored,
} from '@hybridstore/controller-runtime';
import { type Clock, isHybridStoreError } from '@hybridstore/runtime';

const retryMs = 200;

/** The objects of one kind as last seen, kept current by a watch. The API server is in this process, so a plain list-and-watch is enough. */
export class Mirror<T extends KubeObject> {
  readonly #kube: Kube;
  readonly #resource: Resource<T>;
  readonly #clock: Clock;
  readonly #onChange: () => void;
  #objects = new Map<string, Stored<T>>();

  constructor(options: {
    readonly kube: Kube;
    readonly resource: Resource<T>;
    readonly clock: Clock;
    readonly onChange: () => void;
  }) {
    this.#kube = options.kube;
    this.#resource = options.resource;
    this.#clock = options.clock;
    this.#onChange = options.onChange;
  }

  all(): readonly Stored<T>[] {
    return [...this.#objects.values()];
  }

  /** References may lack a name: they name nothing. */
  get(namespace: string | undefined, name: string | undefined): Stored<T> | undefined {
    if (name === undefined) return undefined;
    return this.#objects.get(formatKey(namespace === undefined ? { name } : { namespace, name }));
  }

  /** Resolves after the first list; goes on watching until the signal aborts. */
  async start(signal: AbortSignal): Promise<void> {
    const resourceVersion = await this.#list();
    void this.#follow(resourceVersion, signal);
  }

  async #list(): Promise<string> {
    const { items, resourceVersion } = await listAll(this.#kube, this.#resource);
    this.#objects = new Map(items.map((item) => [formatKey(keyOf(item)), item]));
    this.#onChange();
    return resourceVersion;
  }

  async #follow(from: string, signal: AbortSignal): Promise<void> {
    let resourceVersion = from;
    while (!signal.aborted) {
      try {
        for await (const event of this.#kube.watch(this.#resource, { resourceVersion, signal })) {
          resourceVersion = event.type === 'BOOKMARK' ? event.resourceVersion : event.object.metadata.resourceVersion;
          if (event.type !== 'BOOKMARK') this.#take(event);
        }
      } catch (error) {
        if (signal.aborted) return;
        if (!isExpired(error) && !isHybridStoreError(error)) throw error;
        await this.#clock.sleep(retryMs);
        resourceVersion = await this.#list();
      }
    }
  }

  #take(event: { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: Stored<T> }): void {
    const key = formatKey(keyOf(event.object));
    if (event.type === 'DELETED') this.#objects.delete(key);
    else this.#objects.set(key, event.object);
    this.#onChange();
  }
}
