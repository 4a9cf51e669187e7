import type { ObjectCache } from '../controller/object-cache.ts';
import { isNotFound } from '../kube/errors.ts';
import type { KubeObject, ObjectKey, Stored } from '../kube/object.ts';
import { type Kube, listAll } from '../kube/port.ts';
import type { Resource } from '../kube/resource.ts';

/** What a reconcile knows of the cluster. May lag behind; `Expectations` make a key wait for its own writes. */
export interface ClusterView {
  get<T extends KubeObject>(resource: Resource<T>, key: ObjectKey): Promise<Stored<T> | undefined>;
  /** Objects of a namespace (all, without one) that wear every label. */
  list<T extends KubeObject>(resource: Resource<T>, selection: ViewSelection): Promise<readonly Stored<T>[]>;
}

export type ViewSelection = {
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
};

export type CacheOf = (resource: Resource) => ObjectCache<KubeObject> | undefined;

/** Reads kinds that have a cache from it and the others from the API server. Kinds without a cache are never listed by the operator's rights; see the rbac files. */
export function createView(kube: Pick<Kube, 'get' | 'list'>, cacheOf: CacheOf): ClusterView {
  return {
    get: async <T extends KubeObject>(resource: Resource<T>, key: ObjectKey) => {
      const cache = cacheOf(resource);
      if (cache !== undefined) return cache.get(key) as Stored<T> | undefined; // the resource names the type
      return await getOrNothing(kube, resource, key);
    },
    list: async <T extends KubeObject>(resource: Resource<T>, selection: ViewSelection) => {
      const cache = cacheOf(resource);
      const objects = cache === undefined ? await listLive(kube, resource, selection) : cache.list(selection.namespace);
      return objects.filter((object) => hasLabels(object, selection.labels ?? {})) as readonly Stored<T>[]; // as above
    },
  };
}

/** The object as the API server has it now; undefined when there is none. */
export async function getOrNothing<T extends KubeObject>(
  kube: Pick<Kube, 'get'>,
  resource: Resource<T>,
  key: ObjectKey,
): Promise<Stored<T> | undefined> {
  try {
    return await kube.get(resource, key);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function listLive<T extends KubeObject>(
  kube: Pick<Kube, 'list'>,
  resource: Resource<T>,
  { namespace }: ViewSelection,
): Promise<readonly Stored<T>[]> {
  return (await listAll(kube, resource, namespace === undefined ? {} : { namespace })).items;
}

function hasLabels(object: KubeObject, labels: Readonly<Record<string, string>>): boolean {
  const worn = object.metadata.labels ?? {};
  return Object.entries(labels).every(([key, value]) => worn[key] === value);
}
