import { type FindBatchResponse, tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { requireOwnTenant } from './own-tenant.ts';

/** `POST /internal/batches/find`: asked by the member that owns the id now. */
export function routeFindBatch(server: Server, node: TenantNode): void {
  server.route(tenantNode.findBatch, async (request, _reply, context): Promise<FindBatchResponse> => {
    requireOwnTenant(context, node.tenantId);
    const { source_id, batch_id } = request.body;
    return { found: (await node.keyedWrites.find(source_id, batch_id)) ?? null };
  });
}
