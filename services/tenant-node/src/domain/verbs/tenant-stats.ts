import type { SourceStats, TenantStats } from '@hybridstore/contracts';
import { maySource } from '@hybridstore/runtime';
import { type Call, requireOwnTenant } from '../call.ts';
import type { TenantNode } from '../node.ts';
import { readSourceStats } from '../source-statistics.ts';

/** Totals over the sources that the caller may read, and who could be asked. */
export async function tenantStats(node: TenantNode, call: Call): Promise<TenantStats> {
  requireOwnTenant(node, call);
  const listing = await node.engine.sources();
  const mayRead = (sourceId: string) => maySource(call.caller, 'read', sourceId);
  const states = listing.states.filter(({ sourceId }) => mayRead(sourceId));
  const damaged = listing.damaged.filter(mayRead);
  const unreachable = new Set<string>();
  const sources: SourceStats[] = [];
  // One source after the other: with many of them, all at once would be a storm on every member.
  for (const { sourceId } of states) sources.push(await readSourceStats(node, sourceId, call.signal, unreachable));
  return {
    tenant_id: node.tenantId,
    tenant_name: node.tenantName,
    node: node.pod,
    sources,
    ...(damaged.length === 0 ? {} : { damaged }),
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
}
