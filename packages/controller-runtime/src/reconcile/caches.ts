import { HybridStoreError } from '@hybridstore/runtime';
import { Expectations } from '../controller/expectations.ts';
import { Informer, type InformerOptions } from '../controller/informer.ts';
import type { KubeObject } from '../kube/object.ts';
import type { Kube } from '../kube/ports.ts';
import { formatGroupResource, type Resource } from '../kube/resource.ts';
import { buildViewIndexes, type CacheOf, type ClusterView, createView, type ParentNameOf } from './view.ts';

export type CachedKind = {
  readonly resource: Resource;
  /** Keeps the cache to what wears these labels. */
  readonly labelSelector?: string;
  /** Keeps it to these namespaces; absent: all. */
  readonly namespaces?: readonly string[];
};

export type CachesOptions = Omit<
  InformerOptions<KubeObject>,
  'kube' | 'resource' | 'selection' | 'namespaces' | 'indexes'
> & {
  readonly kube: Pick<Kube, 'get' | 'list' | 'watch'>;
  /** Each kind once. */
  readonly kinds: readonly CachedKind[];
  /** The parent that an object names; without one the name of its controlling owner. */
  readonly parentNameOf?: ParentNameOf;
};

/**
 * What the controllers of one process know of the cluster: one cache a kind, filled by its own watch and shared by all of
 * them, since a second watch of the same kind would be another truth. `runControlLoop` runs the informers.
 */
export class Caches {
  readonly informers: readonly Informer[];
  /** Reads these caches, and the API server for every other kind. */
  readonly view: ClusterView;
  readonly #options: CachesOptions;
  readonly #byKind: ReadonlyMap<string, Informer>;

  constructor(options: CachesOptions) {
    const { kube, kinds, parentNameOf = ownerNameOf } = options;
    const indexes = buildViewIndexes(parentNameOf);
    this.#options = options;
    this.informers = kinds.map(({ resource, labelSelector, namespaces }) => {
      const selection = labelSelector === undefined ? {} : { selection: { labelSelector } };
      const parts = namespaces === undefined ? {} : { namespaces };
      return new Informer({ ...options, resource, indexes, ...selection, ...parts });
    });
    this.#byKind = new Map(this.informers.map((informer) => [formatGroupResource(informer.resource), informer]));
    this.view = createView(kube, this.#cacheOf, parentNameOf);
  }

  /** Throws `internal` for a kind that has no cache here. */
  informer<T extends KubeObject>(resource: Resource<T>): Informer<T> {
    const informer = this.#byKind.get(formatGroupResource(resource));
    if (informer !== undefined) return informer as unknown as Informer<T>; // the resource names the type
    throw new HybridStoreError('internal', `no cache of ${formatGroupResource(resource)} was asked for`);
  }

  /** Of one controller: what it wrote and these caches do not show yet. */
  createExpectations(): Expectations {
    return new Expectations(this.#options.clock, this.#cacheOf);
  }

  readonly #cacheOf: CacheOf = (resource) => this.#byKind.get(formatGroupResource(resource))?.cache;
}

function ownerNameOf({ metadata }: KubeObject): string | undefined {
  return metadata.ownerReferences?.find((owner) => owner.controller === true)?.name;
}
