import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { requireOwnTenant } from './own-tenant.ts';

/** `POST /internal/members/join`: answered also while this node is itself joining. */
export function routeJoin(server: Server, node: TenantNode): void {
  server.route(tenantNode.join, (request, _reply, context) => {
    requireOwnTenant(context, node.tenantId);
    return { pod: node.pod, epoch: node.members.receive(request.body) };
  });
}
