import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { flushSource } from '../domain/verbs/flush-source.ts';
import { callOf } from './call-of.ts';

/** `POST /internal/tables/:source_id/flush`: commits what this node has acknowledged. */
export function routeFlush(server: Server, node: TenantNode): void {
  server.route(tenantNode.flush, (request, _reply, context) =>
    flushSource(node, callOf(context), request.params.source_id),
  );
}
