import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { sourceStats } from '../domain/verbs/source-stats.ts';
import { callOf } from './call-of.ts';

/** `GET /sources/:source_id/stats`. */
export function routeSourceStats(server: Server, node: TenantNode): void {
  server.route(tenantNode.sourceStats, (request, _reply, context) =>
    sourceStats(node, callOf(context), request.params.source_id),
  );
}
