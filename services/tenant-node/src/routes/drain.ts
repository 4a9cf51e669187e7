import { type DrainStatus, tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { requireOwnTenant } from './own-tenant.ts';

/** `POST /internal/drain`: begins the hand-over, tells how far it is, or takes it back. */
export function routeDrain(server: Server, node: TenantNode): void {
  server.route(tenantNode.drain, async (request, _reply, context): Promise<DrainStatus> => {
    requireOwnTenant(context, node.tenantId);
    const { cancel } = request.body;
    return cancel === true ? node.drain.cancel() : node.drain.begin();
  });
}
