import type { FlushResponse } from '@hybridstore/contracts';
import { type Call, requireOwnTenant } from '../call.ts';
import type { TenantNode } from '../node.ts';

/** Commits what this node has acknowledged of a source. */
export async function flushSource(node: TenantNode, call: Call, sourceId: string): Promise<FlushResponse> {
  requireOwnTenant(node, call);
  const { rows, tableVersion } = await node.engine.flush(sourceId);
  return { source_id: sourceId, rows, table_version: tableVersion };
}
