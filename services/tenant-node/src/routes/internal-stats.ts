import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { internalStats } from '../domain/verbs/source-stats.ts';
import { callOf } from './call-of.ts';

/** `GET /internal/sources/:source_id/stats`: for the operator's status and the catalog. */
export function routeInternalStats(server: Server, node: TenantNode): void {
  server.route(tenantNode.internalStats, (request, _reply, context) =>
    internalStats(node, callOf(context), request.params.source_id),
  );
}
