import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { compactTable } from '../domain/verbs/compact-table.ts';
import { callOf } from './call-of.ts';

/** `POST /internal/tables/:source_id/compact`: merges the files that the catalog chose. */
export function routeCompact(server: Server, node: TenantNode): void {
  server.route(tenantNode.compact, ({ params, body }, _reply, context) =>
    compactTable(node, callOf(context), { sourceId: params.source_id, request: body }),
  );
}
