import { type Call, requireOwnTenant } from '../call.ts';
import type { TenantNode } from '../node.ts';

/** Drops a source and its files. False for one that does not exist: it is gone already. */
export async function deleteSource(node: TenantNode, call: Call, sourceId: string): Promise<boolean> {
  requireOwnTenant(node, call);
  return node.engine.deleteSource(sourceId);
}
