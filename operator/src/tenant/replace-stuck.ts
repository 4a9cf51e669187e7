import type { Kube, Pod, Stored } from '@hybridstore/controller-runtime';
import { keyOf, pods } from '@hybridstore/controller-runtime';
import { isHybridStoreError } from '@hybridstore/runtime';
import { isNodeRunning, notReadySinceMs } from './judge-pod.ts';
import type { NodeFailure, NodeView, TenantWorld } from './world.ts';

/*
 * A StatefulSet replaces pods from the last to the first and waits for each to be ready. A node that was made from a bad
 * template while the last one was away stays as it is, for the last one, made from the corrected template, may wait for it
 * to join:
 *
 *   hs-acme-1 (corrected) ──waits for──→ hs-acme-0 (bad) ──is replaced after──→ hs-acme-1
 *
 * So the operator deletes it. Kubernetes calls it "forced rollback" and leaves it to whoever made the set.
 */

/** How long a node must have been unable to serve: kubelet and the set are given the time to mend it themselves. */
export const stuckMsMin = 60_000;

export type Replacement = { readonly node: NodeView; readonly failure: NodeFailure };

/**
 * The one pod to delete now. It is of an older template, cannot start, and its own container does not run, so that it holds
 * nothing that is not on its volume. None while another one is going, or not made yet.
 */
export function decideReplacement(state: {
  readonly world: TenantWorld;
  readonly failures: readonly NodeFailure[];
  readonly nowMs: number;
}): Replacement | undefined {
  const { world, failures, nowMs } = state;
  if (!knowsItsTemplate(world) || !isWhole(world)) return undefined;
  for (const failure of failures) {
    const node = world.nodes.find(({ pod }) => pod === failure.pod);
    if (node !== undefined && isStuck(node, nowMs)) return { node, failure };
  }
  return undefined;
}

/** Its status may be of the template before. */
function knowsItsTemplate({ statefulSet }: TenantWorld): boolean {
  return statefulSet !== undefined && statefulSet.status?.observedGeneration === statefulSet.metadata.generation;
}

/** Every pod that it should have is there, and none is going. */
function isWhole({ statefulSet, nodes }: TenantWorld): boolean {
  const staying = nodes.filter(({ object }) => object.metadata.deletionTimestamp === undefined);
  return staying.length === nodes.length && staying.length >= (statefulSet?.spec?.replicas ?? 0);
}

function isStuck({ object, isOutdated }: NodeView, nowMs: number): boolean {
  return isOutdated && !isNodeRunning(object) && nowMs - notReadySinceMs(object) >= stuckMsMin;
}

/** False when it is not what was judged any more; it is judged again. */
export async function deleteAsSeen(kube: Pick<Kube, 'delete'>, pod: Stored<Pod>): Promise<boolean> {
  const { uid, resourceVersion } = pod.metadata;
  try {
    await kube.delete(pods, keyOf(pod), { preconditions: { uid, resourceVersion } });
    return true;
  } catch (error) {
    if (isHybridStoreError(error, 'conflict') || isHybridStoreError(error, 'not_found')) return false;
    throw error;
  }
}
