import type { TenantSpec } from '@hybridstore/contracts';
import type { Kube, PersistentVolumeClaim, Stored } from '@hybridstore/controller-runtime';
import { getOrNothing, keyOf, persistentVolumeClaims } from '@hybridstore/controller-runtime';
import { isHybridStoreError } from '@hybridstore/runtime';
import type { NodePort } from '../ports.ts';
import { type TenantKey, tenantNames } from '../resources/names.ts';
import { isNeverBound } from '../resources/persistent-volume-claim.ts';
import { neverStored } from './decide.ts';
import { drainedAnnotation, type TenantWorld } from './world.ts';

/*
 * The claim of a log volume outlives its node: rows that were acknowledged may be in it and nowhere else. It goes only
 * when it is proved empty, and no node is to have it:
 *
 *   never bound                           nothing was ever written       at once
 *   its node said that it holds nothing   `drained-at` is on the claim   after the time for which a log keeps what is
 *                                                                        committed, an hour at least
 *
 * Somebody may have started the node anew since, behind an operator that was away. So a node that serves is asked: none
 * takes part, and acknowledges, before the others know it for active.
 *
 * A claim without proof stays, whatever became of its node. While a Tenant is hibernated all of them stay.
 */

const hourMs = 3_600_000;

export type ClaimRemoval = {
  readonly claim: Stored<PersistentVolumeClaim>;
  readonly why: string;
  /** The node that must be drained by the word of one that serves, too; undefined: none ever had the volume. */
  readonly drainedPod: string | undefined;
};

/** The claims that may go now. `size` is what the set is given in this pass, `wanted` what it should have in the end. */
export function decideClaimRemovals(state: {
  readonly key: TenantKey;
  readonly world: TenantWorld;
  readonly spec: TenantSpec;
  readonly size: number;
  readonly wanted: number;
  readonly nowMs: number;
}): readonly ClaimRemoval[] {
  const { key, world, spec, size, wanted, nowMs } = state;
  if (spec.hibernated || !isSetSettled(world)) return [];
  const inUse = Math.max(size, wanted, world.statefulSet?.spec?.replicas ?? 0);
  const present = new Set(world.nodes.map((node) => node.ordinal));
  const keptMs = Math.max(1, spec.wal.retentionHours) * hourMs;
  return [...world.logClaims].flatMap(([ordinal, claim]): readonly ClaimRemoval[] => {
    if (ordinal < inUse || present.has(ordinal) || claim.metadata.deletionTimestamp !== undefined) return [];
    if (isNeverBound(claim)) return [{ claim, why: 'it was never bound', drainedPod: undefined }];
    const drainedAt = claim.metadata.annotations?.[drainedAnnotation] ?? '';
    // A text that is no time is no proof: every comparison with it is false.
    if (!(Date.parse(drainedAt) <= nowMs - keptMs)) return [];
    return [{ claim, why: `its node handed over at ${drainedAt}`, drainedPod: tenantNames(key.name).pod(ordinal) }];
  });
}

/** Its controller has seen the size that it has now, so that it makes no more claims. */
function isSetSettled({ statefulSet }: TenantWorld): boolean {
  return statefulSet !== undefined && statefulSet.status?.observedGeneration === statefulSet.metadata.generation;
}

/** Of the removals those that a node that serves confirms; without one that answers, those that need no word. */
export async function confirmDrained(
  nodes: Pick<NodePort, 'drainedMembers'>,
  key: TenantKey,
  serving: string | undefined,
  removals: readonly ClaimRemoval[],
): Promise<readonly ClaimRemoval[]> {
  const asksNobody = serving === undefined || removals.every(({ drainedPod }) => drainedPod === undefined);
  const drained = asksNobody ? new Set<string>() : await nodes.drainedMembers(key, serving);
  return removals.filter(({ drainedPod }) => drainedPod === undefined || drained.has(drainedPod));
}

/** False when it is not what was judged any more: it is judged again. */
export async function removeAsSeen(kube: Pick<Kube, 'delete'>, claim: Stored<PersistentVolumeClaim>): Promise<boolean> {
  const { uid, resourceVersion } = claim.metadata;
  try {
    await kube.delete(persistentVolumeClaims, keyOf(claim), { preconditions: { uid, resourceVersion } });
    return true;
  } catch (error) {
    if (isHybridStoreError(error, 'conflict') || isHybridStoreError(error, 'not_found')) return false;
    throw error;
  }
}

/**
 * Nodes of which no row can have been acknowledged. The one that leaves next is among them, too, when neither its pod nor
 * its claim was ever made; a cache may lag behind, so the API server itself is asked.
 */
export async function findNeverStored(
  kube: Pick<Kube, 'get'>,
  key: TenantKey,
  world: TenantWorld,
  leaving: number | undefined,
): Promise<ReadonlySet<number>> {
  const known = neverStored(world);
  if (leaving === undefined || world.logClaims.has(leaving)) return known;
  if (world.nodes.some((node) => node.ordinal === leaving)) return known;
  const name = tenantNames(key.name).logClaim(leaving);
  const claim = await getOrNothing(kube, persistentVolumeClaims, { namespace: key.namespace, name });
  return claim === undefined ? new Set([...known, leaving]) : known;
}
