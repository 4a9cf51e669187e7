import { operationNode } from '@hybridstore/contracts';
import { type Server, tenantCallerOf } from '@hybridstore/http';
import type { QueryRegistry } from '../domain/query-registry.ts';

export function routeCancelQuery(server: Server, registry: QueryRegistry): void {
  server.route(operationNode.cancelQuery, ({ params }, _reply, { caller }) => {
    registry.cancel(params.query_id, tenantCallerOf(caller));
    return { query_id: params.query_id, cancelled: true };
  });
}
