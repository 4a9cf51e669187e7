import type { LogLine } from '@hybridstore/contracts';
import { type Call, requireOwnTenant } from '../call.ts';
import type { TenantNode } from '../node.ts';

/** Reads this node's own log for the member that was asked; `conflict` while the node is checked for somebody else. */
export function checkLog(node: TenantNode, call: Call): AsyncGenerator<LogLine> {
  requireOwnTenant(node, call);
  return node.checks.startLog(call.signal);
}
