import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { listSources } from '../domain/verbs/list-sources.ts';
import { callOf } from './call-of.ts';

/** `GET /sources`: those that the caller may read. */
export function routeListSources(server: Server, node: TenantNode): void {
  server.route(tenantNode.listSources, (_request, _reply, context) => listSources(node, callOf(context)));
}
