import type { OwnedBatchesRequest, OwnedBatchesResponse } from '@hybridstore/contracts';
import { type Call, requireOwnTenant } from '../call.ts';
import type { TenantNode } from '../node.ts';

/** Batch ids that a member which has just joined owns from now on. */
export async function ownedBatches(
  node: TenantNode,
  call: Call,
  { pod }: OwnedBatchesRequest,
): Promise<OwnedBatchesResponse> {
  requireOwnTenant(node, call);
  const owned = await node.keyedWrites.owned(pod);
  return { batches: owned.map(([key, { lsn, accepted, durable }]) => [key, lsn, accepted, durable]) };
}
