import type { KubeObject, Stored } from '../kube/object.ts';

/**
 * The object as its reconciler may read it: a status of another shape (an older definition's, or stored past it) counts as
 * none, and is written anew. Stored objects are frozen, so each status is judged once.
 */
export function createStatusReader<T extends KubeObject & { readonly status?: object }>(
  isStatus: (value: unknown) => boolean,
): (object: Stored<T>) => Stored<T> {
  const judged = new WeakMap<object, boolean>();
  return (object) => {
    const { status, ...rest } = object;
    if (status === undefined) return object;
    // A value that is no object has no identity to remember; it is never right.
    const isObject = typeof status === 'object' && status !== null;
    const isKnown = isObject && (judged.get(status) ?? isStatus(status));
    if (isObject) judged.set(status, isKnown);
    return isKnown ? object : (rest as Stored<T>); // all but an optional field
  };
}
