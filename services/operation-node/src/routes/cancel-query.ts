import { operationNode } from '@hybridstore/contracts';
import { requireTenant, type Server } from '@hybridstore/http';
import { assert } from '@hybridstore/runtime';
import type { QueryRegistry } from '../domain/query-registry.ts';

export function routeCancelQuery(server: Server, registry: QueryRegistry): void {
  server.route(operationNode.cancelQuery, (request, _reply, { caller }) => {
    assert(caller, 'the endpoint needs a token');
    const { query_id: queryId } = request.params;
    registry.cancel(queryId, requireTenant(caller.claims), caller.claims);
    return { query_id: queryId, cancelled: true };
  });
}
