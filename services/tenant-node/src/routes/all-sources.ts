import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { listAllSources } from '../domain/verbs/list-sources.ts';
import { callOf } from './call-of.ts';

/** `GET /internal/sources`: every source of the tenant, for the catalog and the operator. */
export function routeAllSources(server: Server, node: TenantNode): void {
  server.route(tenantNode.allSources, (_request, _reply, context) => listAllSources(node, callOf(context)));
}
