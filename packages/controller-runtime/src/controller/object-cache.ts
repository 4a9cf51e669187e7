import { formatKey, type KubeObject, keyOf, type ObjectKey, type Stored } from '../kube/object.ts';

/**
 * What reflectors have seen of one kind, by key and by indexes. Readers get frozen objects and may keep them. One reflector
 * shows all namespaces, or each shows one: then each part has a version of its own, since their watches do not wait for
 * each other.
 *
 * The values under which an object is found in an index; empty for none.
 */
export type IndexFunction<T extends KubeObject> = (object: Stored<T>) => readonly string[];

/** The part of a cache that one reflector fills alone. No namespace is called so. */
export const allNamespaces = '';

export type CacheChange<T extends KubeObject> =
  | { readonly type: 'added'; readonly object: Stored<T> }
  | { readonly type: 'updated'; readonly object: Stored<T>; readonly previous: Stored<T> }
  | { readonly type: 'deleted'; readonly object: Stored<T> };

type Index<T extends KubeObject> = {
  readonly values: IndexFunction<T>;
  /** Value → keys of the objects found under it. */
  readonly keys: Map<string, Set<string>>;
};

export class ObjectCache<T extends KubeObject> {
  readonly #objects = new Map<string, Stored<T>>();
  readonly #indexes = new Map<string, Index<T>>();
  readonly #byNamespace = new Map<string, Set<string>>();
  readonly #allIndexes: Index<T>[];
  /** By namespace; under `allNamespaces` of a cache that one reflector fills. */
  readonly #versions = new Map<string, string>();

  constructor(indexes: Readonly<Record<string, IndexFunction<T>>> = {}) {
    this.#allIndexes = [{ values: namespaceOf, keys: this.#byNamespace }];
    for (const [name, values] of Object.entries(indexes)) {
      const index = { values, keys: new Map<string, Set<string>>() };
      this.#indexes.set(name, index);
      this.#allIndexes.push(index);
    }
  }

  /** The newest version of a namespace (of everything, without one) that the cache is known to reflect. */
  versionOf(namespace = allNamespaces): string {
    return this.#versions.get(namespace) ?? this.#versions.get(allNamespaces) ?? '0';
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: ObjectKey): Stored<T> | undefined {
    return this.#objects.get(formatKey(key));
  }

  list(namespace?: string): Stored<T>[] {
    return namespace === undefined ? [...this.#objects.values()] : this.#find(this.#byNamespace.get(namespace));
  }

  hasIndex(name: string): boolean {
    return this.#indexes.has(name);
  }

  /** Objects of an index value, in no particular order. Throws for an index that was not declared. */
  byIndex(name: string, value: string): Stored<T>[] {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new RangeError(`no index ${name}`);
    return this.#find(index.keys.get(value));
  }

  #find(keys: ReadonlySet<string> | undefined): Stored<T>[] {
    const found: Stored<T>[] = [];
    for (const key of keys ?? []) {
      const object = this.#objects.get(key);
      if (object !== undefined) found.push(object);
    }
    return found;
  }

  /** Takes over a whole list; gives what changed, deletions that no event reported included. */
  replace(objects: readonly Stored<T>[], version: string, part = allNamespaces): CacheChange<T>[] {
    const listed = new Set(objects.map((object) => formatKey(keyOf(object))));
    const before = this.list(part === allNamespaces ? undefined : part);
    const missing = before.filter((object) => !listed.has(formatKey(keyOf(object))));
    const changes = [
      ...missing.flatMap((object) => this.#drop(object)),
      ...objects.flatMap((object) => this.put(object, part)),
    ];
    this.advance(version, part);
    return changes;
  }

  /** No change when the very version is known already. */
  put(object: Stored<T>, part = allNamespaces): CacheChange<T>[] {
    const key = formatKey(keyOf(object));
    const previous = this.#objects.get(key);
    this.advance(object.metadata.resourceVersion, part);
    if (previous?.metadata.resourceVersion === object.metadata.resourceVersion) return [];
    if (previous !== undefined) this.#unindex(key, previous);
    this.#objects.set(key, object);
    this.#index(key, object);
    return [previous === undefined ? { type: 'added', object } : { type: 'updated', object, previous }];
  }

  /** Gives the deletion with the last state that was seen. */
  remove(object: Stored<T>, part = allNamespaces): CacheChange<T>[] {
    this.advance(object.metadata.resourceVersion, part);
    return this.#drop(object);
  }

  #drop(object: Stored<T>): CacheChange<T>[] {
    const key = formatKey(keyOf(object));
    const previous = this.#objects.get(key);
    if (previous === undefined) return [];
    this.#objects.delete(key);
    this.#unindex(key, previous);
    return [{ type: 'deleted', object }];
  }

  /** Notes that nothing else happened up to this version. */
  advance(version: string, part = allNamespaces): void {
    this.#versions.set(part, version);
  }

  #index(key: string, object: Stored<T>): void {
    for (const { values, keys } of this.#allIndexes) {
      for (const value of values(object)) {
        const set = keys.get(value);
        if (set === undefined) keys.set(value, new Set([key]));
        else set.add(key);
      }
    }
  }

  #unindex(key: string, object: Stored<T>): void {
    for (const { values, keys } of this.#allIndexes) {
      for (const value of values(object)) {
        const set = keys.get(value);
        set?.delete(key);
        if (set?.size === 0) keys.delete(value);
      }
    }
  }
}

function namespaceOf({ metadata }: KubeObject): readonly string[] {
  return metadata.namespace === undefined ? [] : [metadata.namespace];
}
