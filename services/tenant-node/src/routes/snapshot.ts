import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { readSnapshot } from '../domain/verbs/read-snapshot.ts';
import { callOf } from './call-of.ts';

/** `GET /internal/tables/:source_id/snapshot`: the table as its log has it, page by page. */
export function routeSnapshot(server: Server, node: TenantNode): void {
  server.route(tenantNode.snapshot, ({ params, query }, _reply, context) =>
    readSnapshot(node, callOf(context), { sourceId: params.source_id, place: query }),
  );
}
