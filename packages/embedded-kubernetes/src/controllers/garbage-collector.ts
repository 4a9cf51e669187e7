import type { KubeObject, Stored } from '@hybridstore/controller-runtime';

export type Collected =
  | { readonly kind: 'delete'; readonly object: Stored<KubeObject> }
  /** Foreground and orphan deletion hold the owner by a finalizer until its children are gone or freed. */
  | { readonly kind: 'release'; readonly object: Stored<KubeObject>; readonly finalizers: readonly string[] };

const foreground = 'foregroundDeletion';
const orphan = 'orphan';

/**
 * Children whose every owner is gone are deleted; children of an owner in foreground deletion too, and the owner is
 * released when none is left. As in Kubernetes an owner is its uid: a namesake made later owns nothing. Pure.
 */
export function collectGarbage(objects: readonly Stored<KubeObject>[]): Collected[] {
  const byUid = new Map(objects.map((object) => [object.metadata.uid, object]));
  const children = Map.groupBy(
    objects.flatMap((object) =>
      (object.metadata.ownerReferences ?? []).map((reference) => ({ owner: reference.uid, object })),
    ),
    (entry) => entry.owner,
  );
  const orphaned = objects
    .filter((object) => isAbandoned(object, byUid))
    .map((object): Collected => ({ kind: 'delete', object }));
  const owners = objects
    .filter((object) => object.metadata.deletionTimestamp !== undefined)
    .flatMap((owner) =>
      settleOwner(
        owner,
        (children.get(owner.metadata.uid) ?? []).map((entry) => entry.object),
      ),
    );
  return [...orphaned, ...owners];
}

function isAbandoned(object: Stored<KubeObject>, byUid: ReadonlyMap<string, unknown>): boolean {
  const owners = object.metadata.ownerReferences ?? [];
  return (
    owners.length > 0 &&
    object.metadata.deletionTimestamp === undefined &&
    owners.every((owner) => !byUid.has(owner.uid))
  );
}

function settleOwner(owner: Stored<KubeObject>, children: readonly Stored<KubeObject>[]): Collected[] {
  const finalizers = owner.metadata.finalizers ?? [];
  if (finalizers.includes(orphan))
    return [{ kind: 'release', object: owner, finalizers: finalizers.filter((one) => one !== orphan) }];
  if (!finalizers.includes(foreground)) return [];
  if (children.length === 0)
    return [{ kind: 'release', object: owner, finalizers: finalizers.filter((one) => one !== foreground) }];
  return children
    .filter((child) => child.metadata.deletionTimestamp === undefined)
    .map((object) => ({ kind: 'delete', object }));
}
