import type { CompactTableRequest, CompactTableResponse } from '@hybridstore/contracts';
import { type Call, requireOwnTenant } from '../call.ts';
import type { TenantNode } from '../node.ts';

export type CompactInput = { readonly sourceId: string; readonly request: CompactTableRequest };

/** Merges the files that the catalog chose. */
export async function compactTable(node: TenantNode, call: Call, input: CompactInput): Promise<CompactTableResponse> {
  requireOwnTenant(node, call);
  return node.engine.compact(input.sourceId, input.request);
}
