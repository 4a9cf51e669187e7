import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import { createQueryId } from '@hybridstore/runtime';
import type { TenantNode } from '../domain/node.ts';
import { aggregate } from '../domain/verbs/aggregate.ts';
import { callOf } from './call-of.ts';
import { sendWhole } from './query-answer.ts';

/** `POST /data/aggregate`: groups of one source. */
export function routeAggregate(server: Server, node: TenantNode): void {
  server.route(tenantNode.aggregate, async (request, reply, context) => {
    const query = await aggregate(node, callOf(context), { queryId: createQueryId(), request: request.body });
    return sendWhole(reply, query, { field: 'rows', hasColumns: true });
  });
}
