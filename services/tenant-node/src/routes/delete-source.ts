import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { requireOwnTenant } from './own-tenant.ts';

/** `DELETE /internal/sources/:source_id`: drops a source; one that does not exist is gone already. */
export function routeDeleteSource(server: Server, node: TenantNode): void {
  server.route(tenantNode.deleteSource, async (request, _reply, context) => {
    requireOwnTenant(context, node.tenantId);
    const { source_id } = request.params;
    return { source_id, deleted: await node.engine.deleteSource(source_id) };
  });
}
