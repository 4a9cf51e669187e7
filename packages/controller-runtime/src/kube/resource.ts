import type { KubeObject } from './object.ts';

/** Where a kind lives in the API. `T` is the type of its objects; it exists for the compiler only. */
export type Resource<T extends KubeObject = KubeObject> = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** Never set: carries `T` through inference. */
  readonly objectType?: T;
};

/** Describes a kind of our own or of a cluster's. */
export function defineResource<T extends KubeObject = KubeObject>(
  apiVersion: string,
  kind: string,
  plural: string,
  scope: 'namespaced' | 'cluster' = 'namespaced',
): Resource<T> {
  return Object.freeze({ apiVersion, kind, plural, namespaced: scope === 'namespaced' });
}

/** `group/version` split; the core group is the empty string. */
export function parseApiVersion(apiVersion: string): { readonly group: string; readonly version: string } {
  const slash = apiVersion.indexOf('/');
  if (slash < 0) return { group: '', version: apiVersion };
  return { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

/** `plural.group`, by which error messages and events name a kind: `deployments.apps`, `pods`. */
export function formatGroupResource(resource: Resource): string {
  const known = groupResources.get(resource);
  if (known !== undefined) return known;
  const { group } = parseApiVersion(resource.apiVersion);
  const text = group === '' ? resource.plural : `${resource.plural}.${group}`;
  groupResources.set(resource, text);
  return text;
}

/** Each look into a cache asks for its kind by this name, dozens of times a pass; kinds are few and never change. */
const groupResources = new WeakMap<Resource, string>();

/** The REST path of a collection or of one object, below the server's root. */
export function buildResourcePath(
  resource: Resource,
  key: { readonly namespace?: string; readonly name?: string },
): string {
  const { group } = parseApiVersion(resource.apiVersion);
  const root = group === '' ? `/api/${resource.apiVersion}` : `/apis/${resource.apiVersion}`;
  const scope =
    resource.namespaced && key.namespace !== undefined ? `/namespaces/${encodeURIComponent(key.namespace)}` : '';
  const name = key.name === undefined ? '' : `/${encodeURIComponent(key.name)}`;
  return `${root}${scope}/${resource.plural}${name}`;
}
