import type { ObjectCache } from '../controller/object-cache.ts';
import { isNotFound } from '../kube/errors.ts';
import { formatKey, type KubeObject, type ObjectKey, type Stored } from '../kube/object.ts';
import { type Kube, listAll } from '../kube/ports.ts';
import type { Resource } from '../kube/resource.ts';

/** What a reconcile knows of the cluster. May lag behind; `Expectations` make a key wait for its own writes. */
export interface ClusterView {
  get<T extends KubeObject>(resource: Resource<T>, key: ObjectKey): Promise<Stored<T> | undefined>;
  /** Objects of a namespace (all, without one) that wear every label. */
  list<T extends KubeObject>(resource: Resource<T>, selection: ViewSelection): Promise<readonly Stored<T>[]>;
}

export type ViewSelection = {
  readonly namespace?: string;
  /** Only what belongs to the parent of this name in the namespace; see `ParentNameOf`. */
  readonly ofParent?: string;
  readonly labels?: Readonly<Record<string, string>>;
};

/** Name of the object of its own namespace to which an object belongs: what a label or a reference of it says. */
export type ParentNameOf = (object: KubeObject) => string | undefined;

export type CacheOf = (resource: Resource) => ObjectCache<KubeObject> | undefined;

/** Reads kinds that have a cache from it and the others from the API server. Kinds without a cache are never listed by the operator's rights; see the rbac files. */
export function createView(
  kube: Pick<Kube, 'get' | 'list'>,
  cacheOf: CacheOf,
  parentNameOf: ParentNameOf,
): ClusterView {
  return {
    get: async <T extends KubeObject>(resource: Resource<T>, key: ObjectKey) => {
      const cache = cacheOf(resource);
      if (cache !== undefined) return cache.get(key) as Stored<T> | undefined; // the resource names the type
      return await getOrNothing(kube, resource, key);
    },
    list: async <T extends KubeObject>(resource: Resource<T>, selection: ViewSelection) => {
      const cache = cacheOf(resource);
      const objects = cache === undefined ? await listLive(kube, resource, selection) : listCached(cache, selection);
      return objects.filter((object) => isSelected(object, selection, parentNameOf)) as readonly Stored<T>[]; // as above
    },
  };
}

/** Indexes of every cache: a pass over one parent must not cost more for every other parent that there is. */
export function buildViewIndexes(parentNameOf: ParentNameOf) {
  return {
    parent: (object: KubeObject): readonly string[] => {
      const name = parentNameOf(object);
      return name === undefined ? [] : [formatKey({ ...object.metadata, name })];
    },
  } as const;
}

function listCached(cache: ObjectCache<KubeObject>, { namespace, ofParent }: ViewSelection): Stored<KubeObject>[] {
  if (namespace === undefined || ofParent === undefined || !cache.hasIndex('parent')) return cache.list(namespace);
  return cache.byIndex('parent', formatKey({ namespace, name: ofParent }));
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

function isSelected(object: KubeObject, { ofParent, labels = {} }: ViewSelection, parentNameOf: ParentNameOf): boolean {
  if (ofParent !== undefined && parentNameOf(object) !== ofParent) return false;
  const worn = object.metadata.labels;
  for (const key in labels) if (worn?.[key] !== labels[key]) return false;
  return true;
}
