import type { DrainStatus } from '@hybridstore/contracts';
import { type Call, requireOwnTenant } from '../call.ts';
import type { TenantNode } from '../node.ts';

/** Begins the hand-over before the node leaves, reports how far it is, or takes it back. */
export async function drainNode(
  node: TenantNode,
  call: Call,
  { isCancelled }: { readonly isCancelled: boolean },
): Promise<DrainStatus> {
  requireOwnTenant(node, call);
  return isCancelled ? node.drain.cancel() : node.drain.begin();
}
