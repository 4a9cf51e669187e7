import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { giveUpMember } from '../domain/verbs/give-up-member.ts';
import { listMembers } from '../domain/verbs/list-members.ts';
import { callOf } from './call-of.ts';

/** `GET /tenant/members`, and the same for the operator and for other members, `GET /internal/members`. */
export function routeMembers(server: Server, node: TenantNode): void {
  server.route(tenantNode.tenantMembers, (_request, _reply, context) => listMembers(node, callOf(context)));
  server.route(tenantNode.members, (_request, _reply, context) => listMembers(node, callOf(context)));
}

/** `POST /internal/members/give-up`. */
export function routeGiveUpMember(server: Server, node: TenantNode): void {
  server.route(tenantNode.giveUpMember, ({ body }, _reply, context) => giveUpMember(node, callOf(context), body));
}
