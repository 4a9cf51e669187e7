import { type SourceStats, type TenantStats, tenantNode } from '@hybridstore/contracts';
import { maySource, type Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { readSourceStats } from '../domain/source-statistics.ts';
import { requireOwnTenant } from './own-tenant.ts';

/** `GET /tenant/stats`: totals over the sources that the caller may read, and who could be asked. */
export function routeTenantStats(server: Server, node: TenantNode): void {
  server.route(tenantNode.tenantStats, async (_request, _reply, context): Promise<TenantStats> => {
    const claims = requireOwnTenant(context, node.tenantId);
    const states = (await node.engine.sources()).filter((state) => maySource(claims, 'read', state.sourceId));
    const unreachable = new Set<string>();
    const sources: SourceStats[] = [];
    // One source after the other: with many of them, all at once would be a storm on every member.
    for (const { sourceId } of states) sources.push(await readSourceStats(node, sourceId, context.signal, unreachable));
    return {
      tenant_id: node.tenantId,
      tenant_name: node.tenantName,
      node: node.pod,
      sources,
      rows: sources.reduce((sum, source) => sum + source.rows, 0),
      bytes: sources.reduce((sum, source) => sum + source.bytes, 0),
      unflushed_rows: sources.reduce((sum, source) => sum + source.unflushed_rows, 0),
      running_queries: node.queries.running,
      members: node.members.members().map(({ pod, state }) => ({
        pod,
        state,
        reachable: state === 'active' && !unreachable.has(pod),
      })),
    };
  });
}
