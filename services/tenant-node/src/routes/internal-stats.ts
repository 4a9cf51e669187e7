import { type SourceStats, tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { readSourceStats } from '../domain/source-statistics.ts';
import { requireOwnTenant } from './own-tenant.ts';

/** `GET /internal/sources/:source_id/stats`: for the operator's status and the catalog. */
export function routeInternalStats(server: Server, node: TenantNode): void {
  server.route(tenantNode.internalStats, async (request, _reply, context): Promise<SourceStats> => {
    requireOwnTenant(context, node.tenantId);
    const { source_id } = request.params;
    return readSourceStats(node, source_id, context.signal);
  });
}
