import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { findBatch } from '../domain/verbs/find-batch.ts';
import { ownedBatches } from '../domain/verbs/owned-batches.ts';
import { callOf } from './call-of.ts';

/** `POST /internal/batches/find`: asked by the member that owns the id now. */
export function routeFindBatch(server: Server, node: TenantNode): void {
  server.route(tenantNode.findBatch, ({ body }, _reply, context) =>
    findBatch(node, callOf(context), { sourceId: body.source_id, batchId: body.batch_id }),
  );
}

/** `POST /internal/batches/owned`: asked by a member that has just joined. */
export function routeOwnedBatches(server: Server, node: TenantNode): void {
  server.route(tenantNode.ownedBatches, ({ body }, _reply, context) => ownedBatches(node, callOf(context), body));
}
