import { operationNode } from '@hybridstore/contracts';
import { type Server, tenantCallerOf } from '@hybridstore/http';
import type { QueryRegistry } from '../domain/query-registry.ts';

export function routeListQueries(server: Server, registry: QueryRegistry): void {
  server.route(operationNode.listQueries, (_request, _reply, { caller }) => ({
    queries: registry.list(tenantCallerOf(caller)),
  }));
}
