import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { deleteSource } from '../domain/verbs/delete-source.ts';
import { callOf } from './call-of.ts';

/** `DELETE /internal/sources/:source_id`: drops a source. */
export function routeDeleteSource(server: Server, node: TenantNode): void {
  server.route(tenantNode.deleteSource, async ({ params }, _reply, context) => ({
    source_id: params.source_id,
    deleted: await deleteSource(node, callOf(context), params.source_id),
  }));
}
