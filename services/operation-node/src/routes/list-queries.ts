import { operationNode } from '@hybridstore/contracts';
import { requireTenant, type Server } from '@hybridstore/http';
import { assert } from '@hybridstore/runtime';
import type { QueryRegistry } from '../domain/query-registry.ts';

export function routeListQueries(server: Server, registry: QueryRegistry): void {
  server.route(operationNode.listQueries, (_request, _reply, { caller }) => {
    assert(caller, 'the endpoint needs a token');
    return { queries: registry.list(requireTenant(caller.claims), caller.claims) };
  });
}
