import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { requireOwnTenant } from './own-tenant.ts';

/** `DELETE /internal/executions/:query_id`: stops a running plan; one that is not here was not running. */
export function routeCancelExecution(server: Server, node: TenantNode): void {
  server.route(tenantNode.cancelExecution, (request, _reply, context) => {
    requireOwnTenant(context, node.tenantId);
    const { query_id } = request.params;
    return { query_id, cancelled: node.queries.cancel(query_id) };
  });
}
