import type { MemberList } from '@hybridstore/contracts';
import { type Call, requireOwnTenant } from '../call.ts';
import type { TenantNode } from '../node.ts';

/** Members of the tenant as this node sees them, in order of their names. */
export function listMembers(node: TenantNode, call: Call): MemberList {
  requireOwnTenant(node, call);
  const members = node.members.members().map((member) => node.sightings.describe(member));
  return { pod: node.pod, joined: node.members.isJoined, members: members.sort((a, b) => (a.pod < b.pod ? -1 : 1)) };
}
