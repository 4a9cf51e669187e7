import type { KubeObject, Stored } from '../kube/object.ts';
import { keyOf } from '../kube/object.ts';
import type { Kube } from '../kube/ports.ts';
import type { Resource } from '../kube/resource.ts';

/** What an operator puts on each of its objects, so that a deletion waits until it has finalized them. */
export type Finalizer = {
  readonly name: string;
  /** Names that older versions of the operator have left on objects: they hold a deletion as well, and go with the name. */
  readonly formerNames: readonly string[];
};

/** Whether the object must be finalized before it may go. */
export function hasFinalizer(object: KubeObject, { name, formerNames }: Finalizer): boolean {
  const stored = object.metadata.finalizers ?? [];
  return stored.includes(name) || formerNames.some((former) => stored.includes(former));
}

/** Puts the name on an object that lives and lacks it; one that is being deleted may get no new finalizer. */
export async function ensureFinalizer<T extends KubeObject>(
  kube: Pick<Kube, 'mergePatch'>,
  resource: Resource<T>,
  object: Stored<T>,
  finalizer: Finalizer,
): Promise<Stored<T>> {
  const { finalizers = [], deletionTimestamp } = object.metadata;
  if (deletionTimestamp !== undefined || finalizers.includes(finalizer.name)) return object;
  return await patchFinalizers(kube, resource, object, [...foreignFinalizers(object, finalizer), finalizer.name]);
}

/** Lets the object go: the operator has nothing left to do for it. */
export async function removeFinalizer<T extends KubeObject>(
  kube: Pick<Kube, 'mergePatch'>,
  resource: Resource<T>,
  object: Stored<T>,
  finalizer: Finalizer,
): Promise<Stored<T>> {
  return await patchFinalizers(kube, resource, object, foreignFinalizers(object, finalizer));
}

function foreignFinalizers({ metadata }: KubeObject, { name, formerNames }: Finalizer): readonly string[] {
  return (metadata.finalizers ?? []).filter((stored) => stored !== name && !formerNames.includes(stored));
}

/** Conditional on the version that was seen: the list is replaced whole, so nobody else's finalizer may be lost. */
async function patchFinalizers<T extends KubeObject>(
  kube: Pick<Kube, 'mergePatch'>,
  resource: Resource<T>,
  object: Stored<T>,
  finalizers: readonly string[],
): Promise<Stored<T>> {
  const { resourceVersion } = object.metadata;
  return await kube.mergePatch(resource, keyOf(object), { metadata: { resourceVersion, finalizers } });
}
