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
import { routeFindBatch, routeOwnedBatches } from './routes/find-batch.ts';
import { routeFlush } from './routes/flush.ts';
import { routeFresh } from './routes/fresh.ts';
import { routeInternalStats } from './routes/internal-stats.ts';
import { routeCallBack, routeJoin } from './routes/join.ts';
import { routeListSources } from './routes/list-sources.ts';
import { routeLogPositions } from './routes/log-positions.ts';
import { routeGiveUpMember, routeMembers } from './routes/members.ts';
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
  routeLogPositions,
  routeFindBatch,
  routeOwnedBatches,
  routeJoin,
  routeCallBack,
  routeMembers,
  routeGiveUpMember,
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
    isLeaving: () => node.drain.state !== 'active',
  });
  for (const route of routes) route(server, node);
  return server;
}

/** Kinds and reasons alone: who asks may know nothing of the tenant's sources. */
function warnings({ engine, members }: TenantNode): readonly string[] {
  const joining = members.isHeldUp ? [...members.awaited.keys()].map((pod) => `joining: ${pod} is away`) : [];
  return [...joining, ...new Set(engine.problems().map(({ kind, reason }) => `${kind}: ${reason}`))];
}

/** One that cannot join beside a member that is away serves what it can: it hands writes on, and reads what is committed. */
function membershipReasons({ drain, members }: TenantNode): readonly string[] {
  if (drain.state !== 'active') return [drain.state];
  return members.isJoined || members.isHeldUp ? [] : ['joining'];
}
