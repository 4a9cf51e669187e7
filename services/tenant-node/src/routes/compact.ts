import { type CompactTableResponse, tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { requireOwnTenant } from './own-tenant.ts';

/** `POST /internal/tables/:source_id/compact`: merges the files that the catalog chose. */
export function routeCompact(server: Server, node: TenantNode): void {
  server.route(tenantNode.compact, (request, _reply, context): Promise<CompactTableResponse> => {
    requireOwnTenant(context, node.tenantId);
    const { source_id } = request.params;
    return node.engine.compact(source_id, request.body);
  });
}
