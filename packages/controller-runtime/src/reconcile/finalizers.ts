import type { KubeObject, Stored } from '../kube/object.ts';
import { keyOf } from '../kube/object.ts';
import type { Kube } from '../kube/port.ts';
import type { Resource } from '../kube/resource.ts';

/** On each of our objects: deletion waits until the operator has tidied up. */
export const finalizerName = 'hybridstore.dev/tidy';

export function hasFinalizer(object: KubeObject): boolean {
  return object.metadata.finalizers?.includes(finalizerName) === true;
}

/** Conditional on the version that was seen: the list is replaced whole, so nobody else's finalizer may be lost. */
export async function addFinalizer<T extends KubeObject>(
  kube: Pick<Kube, 'mergePatch'>,
  resource: Resource<T>,
  object: Stored<T>,
): Promise<Stored<T>> {
  return await patchFinalizers(kube, resource, object, [...(object.metadata.finalizers ?? []), finalizerName]);
}

export async function removeFinalizer<T extends KubeObject>(
  kube: Pick<Kube, 'mergePatch'>,
  resource: Resource<T>,
  object: Stored<T>,
): Promise<Stored<T>> {
  const kept = (object.metadata.finalizers ?? []).filter((name) => name !== finalizerName);
  return await patchFinalizers(kube, resource, object, kept);
}

async function patchFinalizers<T extends KubeObject>(
  kube: Pick<Kube, 'mergePatch'>,
  resource: Resource<T>,
  object: Stored<T>,
  finalizers: readonly string[],
): Promise<Stored<T>> {
  const { resourceVersion } = object.metadata;
  return await kube.mergePatch(resource, keyOf(object), { metadata: { resourceVersion, finalizers } });
}
