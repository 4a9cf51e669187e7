import type { FindBatchResponse } from '@hybridstore/contracts';
import { type Call, requireOwnTenant } from '../call.ts';
import type { TenantNode } from '../node.ts';

export type FindBatchInput = { readonly sourceId: string; readonly batchId: string };

/** Whether this member acknowledged a batch, for the member that owns the id now. */
export async function findBatch(node: TenantNode, call: Call, input: FindBatchInput): Promise<FindBatchResponse> {
  requireOwnTenant(node, call);
  return { found: (await node.keyedWrites.find(input.sourceId, input.batchId)) ?? null };
}
