import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import { compileAggregate } from '@hybridstore/sql/dsl';
import type { TenantNode } from '../domain/node.ts';
import { requireOwnSources } from './own-tenant.ts';
import { createQueryId, deadlineOf, sendWhole } from './query-answer.ts';

/** `POST /data/aggregate`: groups of one source. */
export function routeAggregate(server: Server, node: TenantNode): void {
  server.route(tenantNode.aggregate, async (request, reply, context) => {
    const body = request.body;
    requireOwnSources(context, node.tenantId, 'read', [body.source_id]);
    const schemas = await node.queries.schemas([body.source_id]);
    const query = await node.queries.start({
      queryId: createQueryId(),
      plan: compileAggregate(body, schemas),
      consistency: body.consistency ?? 'strict',
      shape: 'array',
      separator: ',',
      deadlineMs: deadlineOf(body.timeout_seconds, context),
      signal: context.signal,
    });
    return sendWhole(reply, query, { field: 'rows', hasColumns: true });
  });
}
