import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { requireOwnTenant } from './own-tenant.ts';

/** `POST /internal/tables/:source_id/flush`: commits what this node has acknowledged. */
export function routeFlush(server: Server, node: TenantNode): void {
  server.route(tenantNode.flush, async (request, _reply, context) => {
    requireOwnTenant(context, node.tenantId);
    const { source_id } = request.params;
    const { rows, tableVersion } = await node.engine.flush(source_id);
    return { source_id, rows, table_version: tableVersion };
  });
}
