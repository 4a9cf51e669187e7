import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { declareSource } from '../domain/verbs/declare-source.ts';
import { callOf } from './call-of.ts';

/** `PUT /internal/sources/:source_id`: a source as a DataSource declares it. */
export function routePutSource(server: Server, node: TenantNode): void {
  server.route(tenantNode.putSource, ({ params, body }, _reply, context) =>
    declareSource(node, callOf(context), { sourceId: params.source_id, definition: body }),
  );
}
