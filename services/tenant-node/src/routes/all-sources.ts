import { type SourceList, tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { requireOwnTenant } from './own-tenant.ts';
import { summarizeSource } from './source-summary.ts';

/** `GET /internal/sources`: every source of the tenant, for the catalog and the operator. */
export function routeAllSources(server: Server, node: TenantNode): void {
  server.route(tenantNode.allSources, async (_request, _reply, context): Promise<SourceList> => {
    requireOwnTenant(context, node.tenantId);
    return { sources: (await node.engine.sources()).map(summarizeSource) };
  });
}
