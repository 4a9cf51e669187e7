import { operationNode } from '@hybridstore/contracts';
import { type Server, tenantCallerOf } from '@hybridstore/http';
import type { AllQueries } from '../domain/all-queries.ts';
import type { QueryRegistry } from '../domain/query-registry.ts';

export type QueriesToStop = { readonly all: AllQueries; readonly own: QueryRegistry };

export function routeCancelQuery(server: Server, { all, own }: QueriesToStop): void {
  server.route(operationNode.cancelQuery, async ({ params: { query_id: queryId } }, _reply, { caller, requestId }) => {
    await all.cancel(queryId, { caller: tenantCallerOf(caller), requestId });
    return { query_id: queryId, cancelled: true };
  });
  server.route(operationNode.cancelOwnQuery, ({ params: { query_id: queryId } }, _reply, { caller }) => {
    own.cancel(queryId, tenantCallerOf(caller));
    return { query_id: queryId, cancelled: true };
  });
}
