import type { SourceStats } from '@hybridstore/contracts';
import { type Call, requireOwnSources, requireOwnTenant } from '../call.ts';
import type { TenantNode } from '../node.ts';
import { readSourceStats } from '../source-statistics.ts';

/** Rows, bytes and files of a source, for a user. */
export async function sourceStats(node: TenantNode, call: Call, sourceId: string): Promise<SourceStats> {
  requireOwnSources(node, call, 'read', [sourceId]);
  return readSourceStats(node, sourceId, call.signal);
}

/** The same for the operator's status and the catalog. */
export async function internalStats(node: TenantNode, call: Call, sourceId: string): Promise<SourceStats> {
  requireOwnTenant(node, call);
  return readSourceStats(node, sourceId, call.signal);
}
