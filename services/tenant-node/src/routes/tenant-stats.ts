import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { tenantStats } from '../domain/verbs/tenant-stats.ts';
import { callOf } from './call-of.ts';

/** `GET /tenant/stats`: totals over the sources that the caller may read. */
export function routeTenantStats(server: Server, node: TenantNode): void {
  server.route(tenantNode.tenantStats, (_request, _reply, context) => tenantStats(node, callOf(context)));
}
