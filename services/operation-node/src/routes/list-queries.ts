import { operationNode } from '@hybridstore/contracts';
import { type Server, tenantCallerOf } from '@hybridstore/http';
import type { AllQueries } from '../domain/all-queries.ts';
import type { QueryRegistry } from '../domain/query-registry.ts';

export type QueriesToList = { readonly all: AllQueries; readonly own: QueryRegistry };

export function routeListQueries(server: Server, { all, own }: QueriesToList): void {
  server.route(operationNode.listQueries, async (_request, _reply, { caller, requestId }) => ({
    queries: await all.list({ caller: tenantCallerOf(caller), requestId }),
  }));
  server.route(operationNode.listOwnQueries, (_request, _reply, { caller }) => ({
    queries: own.list(tenantCallerOf(caller)),
  }));
}
