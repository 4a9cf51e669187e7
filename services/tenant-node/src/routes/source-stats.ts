import { type SourceStats, tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { readSourceStats } from '../domain/source-statistics.ts';
import { requireOwnSources } from './own-tenant.ts';

/** `GET /sources/:source_id/stats`. */
export function routeSourceStats(server: Server, node: TenantNode): void {
  server.route(tenantNode.sourceStats, async (request, _reply, context): Promise<SourceStats> => {
    const { source_id } = request.params;
    requireOwnSources(context, node.tenantId, 'read', [source_id]);
    return readSourceStats(node, source_id, context.signal);
  });
}
