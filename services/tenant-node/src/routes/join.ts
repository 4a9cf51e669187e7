import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { callBack } from '../domain/verbs/call-back.ts';
import { receiveMember } from '../domain/verbs/receive-member.ts';
import { callOf } from './call-of.ts';

/** `POST /internal/members/join`: answered also while this node is itself joining. */
export function routeJoin(server: Server, node: TenantNode): void {
  server.route(tenantNode.join, (request, _reply, context) => receiveMember(node, callOf(context), request.body));
}

/** `POST /internal/members/call-back`. */
export function routeCallBack(server: Server, node: TenantNode): void {
  server.route(tenantNode.callBack, ({ body }, _reply, context) => callBack(node, callOf(context), body));
}
