import type { JoinResponse, Member } from '@hybridstore/contracts';
import { type Call, requireOwnTenant } from '../call.ts';
import type { TenantNode } from '../node.ts';

/** Takes in what a member says of itself; also while this node is itself joining. */
export function receiveMember(node: TenantNode, call: Call, member: Member): JoinResponse {
  requireOwnTenant(node, call);
  return { pod: node.pod, epoch: node.members.receiveFrom(member) };
}
