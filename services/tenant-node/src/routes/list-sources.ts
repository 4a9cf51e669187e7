import { type SourceList, tenantNode } from '@hybridstore/contracts';
import { maySource, type Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { requireOwnTenant } from './own-tenant.ts';
import { summarizeSource } from './source-summary.ts';

/** `GET /sources`: those that the caller may read. */
export function routeListSources(server: Server, node: TenantNode): void {
  server.route(tenantNode.listSources, async (_request, _reply, context): Promise<SourceList> => {
    const claims = requireOwnTenant(context, node.tenantId);
    const states = await node.engine.sources();
    return { sources: states.filter((state) => maySource(claims, 'read', state.sourceId)).map(summarizeSource) };
  });
}
