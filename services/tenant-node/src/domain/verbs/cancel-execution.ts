import { type Call, requireOwnTenant } from '../call.ts';
import type { TenantNode } from '../node.ts';

/** Stops a running plan. False for one that is not here: it was not running. */
export function cancelExecution(node: TenantNode, call: Call, queryId: string): boolean {
  requireOwnTenant(node, call);
  return node.queries.cancel(queryId);
}
