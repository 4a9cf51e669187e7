import { createServer, type Server, type ServerOptions } from '@hybridstore/http';
import type { TenantNode } from './domain/node.ts';
import { routeAddSource } from './routes/add-source.ts';
import { routeAggregate } from './routes/aggregate.ts';
import { routeAllSources } from './routes/all-sources.ts';
import { routeCancelExecution } from './routes/cancel-execution.ts';
import { routeCheckLog } from './routes/check-log.ts';
import { routeCheckTenant } from './routes/check-tenant.ts';
import { routeCompact } from './routes/compact.ts';
import { routeDeleteSource } from './routes/delete-source.ts';
import { routeDrain } from './routes/drain.ts';
import { routeExecute } from './routes/execute.ts';
import { routeFindBatch } from './routes/find-batch.ts';
import { routeFlush } from './routes/flush.ts';
import { routeFresh } from './routes/fresh.ts';
import { routeInternalStats } from './routes/internal-stats.ts';
import { routeJoin } from './routes/join.ts';
import { routeListSources } from './routes/list-sources.ts';
import { routeProblems } from './routes/problems.ts';
import { routePutSource } from './routes/put-source.ts';
import { routeSearch } from './routes/search.ts';
import { routeSearchStream } from './routes/search-stream.ts';
import { routeSnapshot } from './routes/snapshot.ts';
import { routeSourceStats } from './routes/source-stats.ts';
import { routeTenantStats } from './routes/tenant-stats.ts';
import { routeWrite } from './routes/write.ts';

const routes = [
  routeWrite,
  routeSearch,
  routeSearchStream,
  routeAggregate,
  routeAddSource,
  routeListSources,
  routeSourceStats,
  routeTenantStats,
  routeCheckTenant,
  routeExecute,
  routeCancelExecution,
  routeFresh,
  routeFindBatch,
  routeJoin,
  routeCheckLog,
  routeDrain,
  routeProblems,
  routePutSource,
  routeDeleteSource,
  routeAllSources,
  routeInternalStats,
  routeSnapshot,
  routeFlush,
  routeCompact,
] as const;

/** The node's server with every endpoint of the contracts; nothing listens yet. */
export function createApp(
  node: TenantNode,
  options: Omit<ServerOptions, 'service' | 'tenantId' | 'notReadyReasons'>,
): Server {
  const server = createServer({
    ...options,
    service: 'tenant-node',
    tenantId: node.tenantId,
    notReadyReasons: () => [...node.engine.notReadyReasons(), ...membershipReasons(node)],
    warnings: () => warnings(node),
  });
  for (const route of routes) route(server, node);
  return server;
}

/** Kinds and reasons alone: who asks may know nothing of the tenant's sources. */
function warnings({ engine }: TenantNode): readonly string[] {
  return [...new Set(engine.problems().map(({ kind, reason }) => `${kind}: ${reason}`))];
}

function membershipReasons(node: TenantNode): readonly string[] {
  if (node.members.isJoined) return [];
  return [node.drain.state === 'active' ? 'joining' : node.drain.state];
}
