import type { CallBackRequest, CallBackResponse } from '@hybridstore/contracts';
import { isHybridStoreError, retryLater } from '@hybridstore/runtime';
import { type Call, requireOwnTenant } from '../call.ts';
import type { TenantNode } from '../node.ts';

const retryMs = 100;

/** Reaches a node that is about to join, from here: as a member it will be asked from here. `unavailable` as long as that fails. */
export async function callBack(node: TenantNode, call: Call, newcomer: CallBackRequest): Promise<CallBackResponse> {
  requireOwnTenant(node, call);
  try {
    await node.members.visit(newcomer);
  } catch (error) {
    if (!isHybridStoreError(error)) throw error;
    throw retryLater('unavailable', `${node.pod} does not reach ${newcomer.pod} (${error.message})`, retryMs);
  }
  return { pod: node.pod };
}
